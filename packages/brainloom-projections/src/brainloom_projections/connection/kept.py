"""Edges that are kept: drawn when somebody needs them, as a whole or for the devices here."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from brainloom_core.arrays import on_device
from brainloom_core.partition import Partition

from .counter import Part
from .edges import Edges
from .split import DrawsParts, SplitEdges

__all__ = ["KeptEdges"]


class KeptEdges:
    """The edges of a connection, as one object, which its copies share.

    Args:
        edges: The edges, or a function that draws them.
        n_edges: Their number.
        draws: A function that draws those to ranges of the postsynaptic neurons alone, None where
            they are drawn together only; see `SplitEdges`.
    """

    def __init__(
        self,
        edges: Edges | Callable[[], Edges],
        n_edges: int,
        draws: DrawsParts | None = None,
    ) -> None:
        self._edges, self._draws, self.n_edges = edges, draws, n_edges
        self._split: dict[tuple[Any, ...], SplitEdges] = {}

    @property
    def edges(self) -> Edges:
        """The edges; drawn, if they have not been."""
        if not isinstance(self._edges, Edges):
            self._edges = self._edges()
        return self._edges

    @property
    def follow_from_seed(self) -> bool:
        """Whether they can be drawn in parts, so that nobody needs to have all of them."""
        return self._draws is not None

    @property
    def is_drawn(self) -> bool:
        """Whether all edges are in memory."""
        return isinstance(self._edges, Edges)

    def is_one_to_one(self, n_pre: int, n_post: int) -> bool:
        """Whether the edges are from neuron i to neuron i, each once; drawn only if they may be.

        Args:
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
        """
        return n_pre == n_post == self.n_edges and self.edges.is_one_to_one

    def is_all_to_all(self, n_pre: int, n_post: int) -> bool:
        """Whether there is one edge from each neuron to each neuron; drawn only if there may be.

        Args:
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
        """
        return self.n_edges == n_pre * n_post and self.edges.is_all_to_all

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

    def split(self, partition: Partition, n_pre: int, n_post: int) -> SplitEdges:
        """The edges by the device of their targets; made once for a partition.

        Args:
            partition: The devices.
            n_pre: Number of presynaptic neurons.
            n_post: Number of postsynaptic neurons.
        """
        key = (partition.key, self.is_drawn)  # edges that are drawn have numbers
        if key not in self._split:
            draws = self._draws
            if draws is None or self.is_drawn:
                draws = _taken_from(self.edges)
            self._split = {key: SplitEdges(partition, n_pre, n_post, draws)}
        return self._split[key]


def _taken_from(edges: Edges) -> DrawsParts:
    """Takes from all edges those that reach some neurons."""

    def part(first: int, stop: int) -> Part:
        numbers = np.flatnonzero((edges.indices >= first) & (edges.indices < stop))
        before = np.searchsorted(numbers, edges.indptr)
        return np.diff(before), edges.indices[numbers] - first, numbers

    return lambda ranges: [part(*one) for one in ranges]
