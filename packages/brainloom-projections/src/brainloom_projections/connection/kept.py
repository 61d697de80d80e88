"""Edges that are kept: drawn when somebody needs them, as a whole or for the devices here."""

import functools
from typing import Any

import jax
import numpy as np
from brainloom_core.arrays import on_device
from brainloom_core.partition import Partition

from .draws import EdgeDraws, Part, RowDraws, taken_from
from .edges import Edges
from .split import SplitEdges

__all__ = ["KeptEdges"]


class KeptEdges:
    """The edges of a connection, as one object, which its copies share.

    Args:
        edges: The edges, or what draws them, as a whole or in parts.
    """

    def __init__(self, edges: Edges | EdgeDraws) -> None:
        self.draws = None if isinstance(edges, Edges) else edges
        self._edges = edges if isinstance(edges, Edges) else None
        self._split: dict[tuple[Any, ...], SplitEdges] = {}

    @property
    def edges(self) -> Edges:
        """The edges; drawn, if they have not been."""
        if self._edges is None:
            assert self.draws is not None
            self._edges = self.draws.whole()
        return self._edges

    @property
    def n_edges(self) -> int:
        """Number of edges, which a rule may have to draw to know it."""
        if self._edges is not None:
            return len(self._edges)
        assert self.draws is not None
        return self.draws.n_edges

    @property
    def follow_from_seed(self) -> bool:
        """Whether a key, made of the seed, and the rule in words say which edges there are."""
        return isinstance(self.draws, RowDraws)

    @property
    def is_drawn(self) -> bool:
        """Whether all edges are in memory."""
        return self._edges is not None

    @functools.cached_property
    def is_one_to_one(self) -> bool:
        """Whether the edges are from neuron i to neuron i, each once; drawn only if they may be."""
        known = None if self.draws is None else self.draws.is_one_to_one()
        return self.edges.is_one_to_one if known is None else known

    @functools.cached_property
    def is_all_to_all(self) -> bool:
        """Whether there is one edge from each neuron to each neuron."""
        known = None if self.draws is None else self.draws.is_all_to_all()
        return self.edges.is_all_to_all if known is None else known

    @functools.cached_property
    def indptr(self) -> jax.Array:
        """Where the edges of each presynaptic neuron start."""
        with jax.ensure_compile_time_eval():
            return on_device(self.edges.indptr, np.int32)

    @functools.cached_property
    def indices(self) -> jax.Array:
        """Postsynaptic neuron of each edge."""
        with jax.ensure_compile_time_eval():
            return on_device(self.edges.indices, np.int32)

    @functools.cached_property
    def max_row(self) -> int:
        """The largest number of edges that leave a neuron."""
        return int(self.edges.out_degree.max(initial=0))

    def parts(self, ranges: list[tuple[int, int]], numbered: bool = False) -> list[Part]:
        """The edges that reach ranges of the postsynaptic neurons; see `EdgeDraws.within`.

        Args:
            ranges: The first neuron of each range, and the one behind its last.
            numbered: Whether the numbers of the edges are needed.
        """
        if self.draws is None or (self.is_drawn and not self.is_reordered):
            return taken_from(self.edges)(ranges)
        return self.draws.within(ranges, numbered)

    @property
    def is_reordered(self) -> bool:
        """Whether edges are drawn in another order than that in which they are kept."""
        return isinstance(self.draws, RowDraws) and self.draws.incoming

    def places(self) -> np.ndarray | None:
        """Where the edge of each number stands among all; None where that is its number."""
        return self.draws.places(self.edges) if self.draws and self.is_reordered else None

    def split(self, partition: Partition, n_pre: int, n_post: int, numbered: bool) -> SplitEdges:
        """The edges by the device of their targets; made once for a partition.

        Args:
            partition: The devices.
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
            numbered: Whether edges have values of their own, for which their numbers are needed.
        """
        key = partition.key
        known = self._split.get(key)
        if known is None or (numbered and not known.is_numbered):
            known = SplitEdges(partition, n_pre, n_post, self.parts, self.places, numbered)
            self._split = {key: known}
        return known
