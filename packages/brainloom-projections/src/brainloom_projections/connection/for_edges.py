"""Weights and delays that follow from a seed or from the edges: made for some edges, or for all."""

import functools
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core.partition import SplitState
from brainloom_core.types import Quantity
from brainloom_core.units import with_unit

from ..types import EdgeValue
from .edges import Edges
from .kept import KeptEdges
from .split import SplitEdges
from .values import (
    PerEdge,
    delay_of,
    drawn,
    evaluated,
    is_elementwise,
    is_function,
    told,
    weight_of,
)

__all__ = ["ForEdges", "for_edges"]

BLOCK = 1 << 18  # values that are drawn together
SAMPLE = 1 << 12  # edges for which a function is tried
CHECKED = {"weight": weight_of, "delay": delay_of}


class ForEdges(ABC):
    """One value for each edge, made when somebody asks for those of some edges or of all.

    Args:
        what: `"weight"` or `"delay"`.
        kept: The edges.
        seed: Seed of what is drawn.
        part: What tells the random numbers of weights and delays apart.
    """

    def __init__(self, what: str, kept: KeptEdges, seed: int, part: int) -> None:
        self.what, self.kept, self.seed, self.part = what, kept, seed, part

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value of all edges."""
        return (self.kept.n_edges,)

    @functools.cached_property
    @abstractmethod
    def unit(self) -> u.Unit:
        """The unit of the values."""

    def make(self) -> Quantity:
        """The values of all edges, in their order."""
        return CHECKED[self.what](self._whole(), self.kept.edges)

    @abstractmethod
    def _whole(self) -> Quantity:
        """The same, not checked."""

    @abstractmethod
    def of_part(self, split: SplitEdges, k: int) -> np.ndarray:
        """The numbers of the values of the edges of a part.

        Args:
            split: The edges by device.
            k: Number of the part.
        """

    @abstractmethod
    def some(self) -> Iterator[np.ndarray]:
        """The numbers of all values, a few at a time."""

    @functools.cached_property
    def ends(self) -> tuple[float, float]:
        """The least and the largest of all numbers; infinities where there are none."""
        least, largest = np.inf, -np.inf
        for numbers in self.some():
            if len(numbers):
                least, largest = min(least, numbers.min()), max(largest, numbers.max())
        return float(least), float(largest)

    def are_negative(self) -> bool:
        """Whether there are values, and all of them are below 0."""
        some = [numbers for numbers in itertools.islice(self.some(), 1) if len(numbers)]
        return bool(some) and bool(some[0].max() < 0) and self.ends[1] < 0

    def split(self, split: SplitEdges) -> SplitState:
        """The numbers by the device of the edges.

        Args:
            split: The edges by device.
        """
        dtype = brainstate.environ.dftype()
        return split.made(lambda k: self.of_part(split, k).astype(dtype), dtype)

    def checked(self, values: Quantity, n: int) -> Quantity:
        """Values of so many edges, checked, in the unit and precision in which they are kept.

        Args:
            values: The values.
            n: Number of the edges.
        """
        found = CHECKED[self.what](values, range(n))
        number = np.broadcast_to(np.asarray(u.get_mantissa(found)), (n,))
        return with_unit(number, u.get_unit(found))


class Drawn(ForEdges):
    """Values that are drawn by an initializer: those of the edges of numbers up to 2^18 first."""

    def __init__(self, initializer: Any, *args: Any) -> None:
        super().__init__(*args)
        self.initializer = initializer

    def __repr__(self) -> str:
        return str(self.initializer)

    @functools.cached_property
    def unit(self) -> u.Unit:
        return u.get_unit(self._block(0, 1))

    def _whole(self) -> Quantity:
        number = np.concatenate([np.zeros(0), *self.some()])
        draws = self.kept.draws
        assert draws is not None
        return with_unit(draws.in_order(number, self.kept.edges), self.unit)

    def some(self) -> Iterator[np.ndarray]:
        n = self.kept.n_edges
        for first in range(0, n, BLOCK):
            yield np.asarray(u.get_mantissa(self._block(first // BLOCK, n)))

    def of_part(self, split: SplitEdges, k: int) -> np.ndarray:
        numbers, n = split.numbers(k), self.kept.n_edges
        found = np.empty(len(numbers), np.float64)
        whose = numbers // BLOCK
        for block in np.unique(whose):
            own = whose == block
            values = np.asarray(u.get_mantissa(self._block(int(block), n)))
            found[own] = values[numbers[own] - block * BLOCK]
        return found

    def _block(self, block: int, n: int) -> Quantity:
        """The values of one block of all n."""
        more = () if block == 0 else (block,)
        rng = np.random.Generator(np.random.Philox([self.seed, self.part, *more]))
        n = min(BLOCK, n - block * BLOCK)
        return self.checked(drawn(self.initializer, n, rng), n)


class OfEachEdge(ForEdges):
    """Values that a function gives to each edge, whatever other edges there are."""

    def __init__(self, function: PerEdge, unit: u.Unit, *args: Any) -> None:
        super().__init__(*args)
        self.function, self._unit = function, unit

    def __repr__(self) -> str:
        return repr(self.function)

    @functools.cached_property
    def unit(self) -> u.Unit:
        return self._unit

    def _whole(self) -> Quantity:
        return self._of(self.kept.edges)

    def some(self) -> Iterator[np.ndarray]:
        draws = self.kept.draws
        assert draws is not None
        for edges in draws.some():
            yield np.asarray(u.get_mantissa(self._of(edges)))

    def of_part(self, split: SplitEdges, k: int) -> np.ndarray:
        return np.asarray(u.get_mantissa(self._of(split.edges(k))))

    def _of(self, edges: Edges) -> Quantity:
        found = evaluated(self.what, self.function, edges, self.seed, self.part)
        return self.checked(found, len(edges))


def for_edges(
    what: str, value: EdgeValue, kept: KeptEdges | None, seed: int | None, part: int
) -> ForEdges | None:
    """What makes a weight or a delay for some edges alone; None where it can only be made for all.

    Args:
        what: `"weight"` or `"delay"`.
        value: What the user gave.
        kept: The edges; None where they are not stored.
        seed: Seed of what is drawn, None for none.
        part: What tells the random numbers of weights and delays apart.
    """
    if kept is None or kept.draws is None or seed is None or not is_function(value):
        return None
    if isinstance(jax.device_put(0.0), jax.core.Tracer):  # in a trace, which would end before
        return None
    function: Callable[..., Quantity] = told(what, value)
    if isinstance(function, PerEdge):
        sample = _sample(kept)
        if sample is None or not _is_of_each(function, sample):
            return None
        unit = u.get_unit(CHECKED[what](function(sample), sample))
        return OfEachEdge(function, unit, what, kept, seed, part)
    return Drawn(function, what, kept, seed, part) if is_elementwise(function) else None


def _sample(kept: KeptEdges) -> Edges | None:
    """Some edges, the same ones in all processes; None where there are too few."""
    assert kept.draws is not None
    for edges in kept.draws.some():
        if len(edges) >= 8:
            return _of(edges, np.arange(min(len(edges), SAMPLE)))
    return None


def _is_of_each(function: PerEdge, edges: Edges) -> bool:
    """Whether a function gives to an edge the same if others are left out.

    Left out is every other edge, and the half that is longer or has the later targets: what
    depends on sums, degrees, extremes, numbers or random numbers changes by that.
    """
    before = brainstate.random.DEFAULT.value
    numbers = np.arange(len(edges))
    by = edges.indices if edges.distance is None else np.asarray(u.get_mantissa(edges.distance))
    halves = [numbers % 2 == 0, by <= np.median(by), by >= np.median(by)]
    try:
        whole = function(edges)
        unit, values = u.get_unit(whole), np.asarray(u.get_mantissa(whole))
        if values.ndim == 0:
            return False
        for own in halves:
            some = function(_of(edges, numbers[own]))
            if u.get_unit(some) != unit or not np.array_equal(u.get_mantissa(some), values[own]):
                return False
    except Exception:  # as for all edges, where it is said what went wrong
        return False
    finally:
        drew = brainstate.random.DEFAULT.value is not before
        brainstate.random.DEFAULT.value = before
    return not drew


def _of(edges: Edges, numbers: np.ndarray) -> Edges:
    """Some of the edges."""
    lengths = None if edges.distance is None else edges.distance[numbers]
    return Edges(
        edges.n_pre,
        edges.n_post,
        np.searchsorted(numbers, edges.indptr),
        edges.indices[numbers],
        distance=lengths,
    )
