"""Edges that are drawn in parts, so that nobody has to have all of them.

A *part* is made of the edges that reach a range of the postsynaptic neurons, as one device needs
them. Each edge has a number, its place in the order in which the rule draws, from which follows
what is drawn for it: the same in all parts.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

import brainunit as u
import numpy as np
from brainloom_core.types import Quantity
from brainloom_core.units import with_unit

from .counter import RowDraw
from .edges import Edges, from_rows

__all__ = ["EdgeDraws", "Part", "Piece", "PieceDraws", "RowDraws", "taken_from"]

Ranges = list[tuple[int, int]]


class Part(NamedTuple):
    """The edges that reach a range of neurons, sorted as all edges are.

    Attributes:
        counts: Number of edges of each presynaptic neuron.
        posts: Their targets, counted from the first neuron of the range.
        numbers: The numbers of the edges among all that are drawn; None where nobody asked.
        distance: Their lengths, None where neurons have no positions.
    """

    counts: np.ndarray
    posts: np.ndarray
    numbers: np.ndarray | None = None
    distance: Quantity | None = None

    def edges(self, first: int, n_post: int) -> Edges:
        """The same as edges between whole populations.

        Args:
            first: The first neuron of the range.
            n_post: Number of postsynaptic neurons.
        """
        posts = self.posts + np.int32(first)
        return from_rows(len(self.counts), n_post, self.counts, posts, distance=self.distance)


class Piece(NamedTuple):
    """The edges of some presynaptic neurons that follow each other.

    Attributes:
        counts: Number of edges of each of them.
        posts: Their targets, rising for each neuron.
        distance: Their lengths, None where neurons have no positions.
    """

    counts: np.ndarray
    posts: np.ndarray
    distance: Quantity | None = None


class EdgeDraws(ABC):
    """Draws edges, the same ones each time.

    Args:
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
    """

    def __init__(self, n_pre: int, n_post: int) -> None:
        self.n_pre, self.n_post = n_pre, n_post

    @property
    @abstractmethod
    def n_edges(self) -> int:
        """Number of all edges."""

    @abstractmethod
    def whole(self) -> Edges:
        """All edges."""

    @abstractmethod
    def within(self, ranges: Ranges, numbered: bool = False) -> list[Part]:
        """The edges that reach some neurons.

        Args:
            ranges: The first postsynaptic neuron of each range, and the one behind the last.
            numbered: Whether the numbers of the edges are needed.
        """

    @abstractmethod
    def some(self) -> Iterator[Edges]:
        """All edges, a few at a time."""

    def in_order(self, values: np.ndarray, edges: Edges) -> np.ndarray:
        """What was drawn for all edges, sorted as these are.

        Args:
            values: One for each, by its number.
            edges: All edges.
        """
        places = self.places(edges)
        if places is None:
            return values
        found = np.empty_like(values)
        found[places] = values
        return found

    def places(self, edges: Edges) -> np.ndarray | None:
        """Where the edge of each number stands among all; None where that is its number.

        Args:
            edges: All edges.
        """
        return None

    def is_all_to_all(self) -> bool | None:
        """Whether each neuron is joined to each, once; None where only the edges show it."""
        return False

    def is_one_to_one(self) -> bool | None:
        """Whether neuron i is joined to neuron i alone; None where only the edges show it."""
        return False


class RowDraws(EdgeDraws):
    """The edges of a rule whose rows are functions of a key.

    Args:
        draw: Draws the rows.
        incoming: Whether a row is a postsynaptic neuron.
        origin: The rule, in words.
    """

    def __init__(self, draw: RowDraw, incoming: bool, origin: str) -> None:
        sizes = draw.n_rows, draw.n_items
        super().__init__(*(sizes[::-1] if incoming else sizes))
        self.draw, self.incoming, self.origin = draw, incoming, origin

    @property
    def n_edges(self) -> int:
        return int(self.draw.lengths.sum(dtype=np.int64))

    def whole(self) -> Edges:
        lengths, items = self.draw.all_items()
        if not self.incoming:
            return from_rows(self.n_pre, self.n_post, lengths, items, origin=self.origin)
        post = np.repeat(np.arange(self.draw.n_rows), lengths)
        return Edges.from_pairs(items, post, self.n_pre, self.n_post, origin=self.origin)

    def within(self, ranges: Ranges, numbered: bool = False) -> list[Part]:
        draw = self.draw
        within = draw.rows_within if self.incoming else draw.items_within
        return [Part(*found) for found in within(ranges, numbered)]

    def some(self) -> Iterator[Edges]:
        for rows, block in self.draw.blocks(0, self.draw.n_rows):
            row, place = np.nonzero(block < self.draw.n_items)
            ends = rows[row], block[row, place]
            yield Edges.from_pairs(
                *(ends[::-1] if self.incoming else ends), self.n_pre, self.n_post
            )

    def places(self, edges: Edges) -> np.ndarray | None:
        return np.argsort(edges.indices, kind="stable") if self.incoming else None

    def is_all_to_all(self) -> bool | None:
        return not self.draw.repeats and self.n_edges == self.n_pre * self.n_post

    def is_one_to_one(self) -> bool | None:
        return None if self.n_pre == self.n_post == self.n_edges else False


class PieceDraws(EdgeDraws):
    """The edges of a rule that gives them piece by piece, from the first neuron to the last.

    Args:
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
        pieces: Gives the pieces, from a generator of random numbers.
        rng: The generator, which is copied.
        origin: The rule, in words.
        is_all_to_all: Whether each neuron is joined to each.
        is_one_to_one: Whether neuron i is joined to neuron i alone.
    """

    def __init__(
        self,
        n_pre: int,
        n_post: int,
        pieces: Callable[[np.random.Generator], Iterator[Piece]],
        rng: np.random.Generator,
        origin: str,
        *,
        is_all_to_all: bool = False,
        is_one_to_one: bool = False,
    ) -> None:
        super().__init__(n_pre, n_post)
        self._pieces, self._rng, self.origin = pieces, rng, origin
        self._is_all_to_all, self._is_one_to_one = is_all_to_all, is_one_to_one
        self._n_edges: int | None = None
        self._only: Piece | None = None

    def try_first(self) -> None:
        """Draw the first piece, so that what is wrong is said; it is kept if there is no other."""
        first = next(self.pieces(), None)
        if first is not None and len(first.counts) == self.n_pre:
            self._only = first

    @property
    def n_edges(self) -> int:
        if self._n_edges is None:
            self._n_edges = sum(len(piece.posts) for piece in self.pieces())
        return self._n_edges

    def pieces(self) -> Iterator[Piece]:
        """The pieces, drawn anew."""
        if self._only is not None:
            return iter([self._only])
        return self._pieces(copy.deepcopy(self._rng))

    def whole(self) -> Edges:
        found = [*self.pieces()]
        counts = _joined([piece.counts for piece in found], np.int64)
        posts = _joined([piece.posts for piece in found], np.int32)
        self._n_edges = len(posts)
        lengths = _joined_lengths([piece.distance for piece in found])
        return from_rows(
            self.n_pre, self.n_post, counts, posts, distance=lengths, origin=self.origin
        )

    def within(self, ranges: Ranges, numbered: bool = False) -> list[Part]:
        found: list[list[Part]] = [[] for _ in ranges]
        done = 0
        for counts, posts, distance in self.pieces():
            ends = np.cumsum(counts)
            for k, (first, stop) in enumerate(ranges):
                own = np.flatnonzero((posts >= first) & (posts < stop))
                found[k].append(
                    Part(
                        np.diff(np.searchsorted(own, ends), prepend=0),
                        posts[own].astype(np.int32) - np.int32(first),
                        own + done if numbered else None,
                        None if distance is None else distance[own],
                    )
                )
            done += len(posts)
        return [_together(parts, numbered) for parts in found]

    def some(self) -> Iterator[Edges]:
        first = 0
        for counts, posts, distance in self.pieces():
            lengths = np.zeros(self.n_pre, np.int64)
            lengths[first : first + len(counts)] = counts
            yield from_rows(self.n_pre, self.n_post, lengths, posts, distance=distance)
            first += len(counts)

    def is_all_to_all(self) -> bool | None:
        return self._is_all_to_all

    def is_one_to_one(self) -> bool | None:
        return self._is_one_to_one


def taken_from(edges: Edges) -> Callable[[Ranges], list[Part]]:
    """Takes from all edges those that reach some neurons.

    Args:
        edges: The edges.
    """

    def part(first: int, stop: int) -> Part:
        numbers = np.flatnonzero((edges.indices >= first) & (edges.indices < stop))
        before = np.searchsorted(numbers, edges.indptr)
        lengths = None if edges.distance is None else edges.distance[numbers]
        return Part(np.diff(before), edges.indices[numbers] - first, numbers, lengths)

    return lambda ranges: [part(*one) for one in ranges]


def _together(parts: list[Part], numbered: bool) -> Part:
    return Part(
        _joined([part.counts for part in parts], np.int64),
        _joined([part.posts for part in parts], np.int32),
        _joined([p.numbers for p in parts if p.numbers is not None], np.int64)
        if numbered
        else None,
        _joined_lengths([part.distance for part in parts]),
    )


def _joined(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *arrays]).astype(dtype, copy=False)


def _joined_lengths(found: list[Quantity | None]) -> Quantity | None:
    if not found or found[0] is None:
        return None
    numbers = [np.asarray(u.get_mantissa(lengths)) for lengths in found]
    return with_unit(np.concatenate(numbers), u.get_unit(found[0]))
