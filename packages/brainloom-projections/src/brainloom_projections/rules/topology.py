"""Graphs that are known by name."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from brainloom_core import ParameterError
from brainloom_core.types import Shape

from ..connection.draws import Piece
from .basic import PieceRule, check_flags, check_number, check_possible, check_probability

__all__ = ["SmallWorld"]

_BLOCK = 1 << 20


@dataclass(frozen=True)
class SmallWorld(PieceRule):
    r"""Directed small world: a ring on which some edges are turned to chance targets.

    Neuron $i$ of $n$ has an edge to each of the `k` neurons next to it on the ring,

    $$
    i \to (i \pm d) \bmod n, \quad d = 1, \dots, k/2
    $$

    and each edge is, with probability $p$ and independently, turned to a neuron drawn uniformly
    from those that `i` does not reach otherwise. Out-degrees stay `k`. With `p=0` this is the
    ring; with `p=1` it is `FixedOutDegree(k, allow_autapses=False)`.

    Args:
        k: Number of edges that leave each neuron, even.
        p: Probability $p$ that an edge is turned, from 0 to 1.
        allow_autapses: Whether a turned edge may lead back to its own neuron, False.
        allow_multapses: Whether a turned edge may double another one, False.

    Raises:
        ParameterError: `k` is odd or as large as the population, `p` is not a probability, or
            the populations have different sizes.

    References:
        Watts & Strogatz (1998), Nature 393, 440, doi:10.1038/30918. There the graph has no
        directions; here each direction of a pair is an edge of its own.

    Examples:
        >>> from brainloom_projections import SmallWorld
        >>> edges = SmallWorld(4, 0.0).edges(8, 8)
        >>> print(edges.post[:4], edges.in_degree)
        [1 2 6 7] [4 4 4 4 4 4 4 4]
    """

    k: int
    p: float
    allow_autapses: bool = False
    allow_multapses: bool = False

    def __post_init__(self) -> None:
        check_number("SmallWorld.k", self.k)
        if self.k % 2:
            raise ParameterError(f"SmallWorld.k: expected an even number, got {self.k}")
        check_probability("SmallWorld.p", self.p)
        check_flags(self)

    def check(self, n_pre: int, n_post: int) -> None:
        super().check(n_pre, n_post)
        if n_pre != n_post:
            raise ParameterError(f"SmallWorld: expected equal sizes, got {n_pre} and {n_post}")
        check_possible("SmallWorld.k", int(self.k), max(0, n_pre - 1), repeats=False)

    def pieces(self, n_pre: int, n_post: int, rng: np.random.Generator) -> Iterator[Piece]:
        n, k = n_pre, int(self.k)
        half = np.arange(1, k // 2 + 1)
        steps = np.concatenate([half, -half])
        height = max(1, _BLOCK // max(1, n if 2 * k > n else k))
        for start in range(0, n, height):
            own = np.arange(start, min(start + height, n))[:, None]
            turned = rng.random((len(own), k)) < self.p
            found = self._turn((own + steps) % n, turned, own, n, rng)
            yield Piece(np.full(len(own), k), found.ravel())

    def _turn(
        self,
        targets: np.ndarray,
        turned: np.ndarray,
        own: np.ndarray,
        n: int,
        rng: np.random.Generator,
    ) -> np.ndarray:
        k = targets.shape[1]
        if self.allow_multapses:
            return np.sort(np.where(turned, self._anyone(own, turned.shape, n, rng), targets), 1)
        if 2 * k > n:  # to draw again what is taken would take long: order all by chance
            order = rng.random((len(own), n))
            np.put_along_axis(order, targets, np.where(turned, order_of(order, targets), -1.0), 1)
            if not self.allow_autapses:
                np.put_along_axis(order, own, 2.0, 1)
            return np.sort(np.argpartition(order, k - 1, axis=1)[:, :k], axis=1)
        # An edge that stays sorts before a turned one to the same target, which is drawn again.
        fresh = self._anyone(own, turned.shape, n, rng)
        marked = np.sort(np.where(turned, 2 * fresh + 1, 2 * targets), axis=1)
        while len(places := np.argwhere(marked[:, 1:] // 2 == marked[:, :-1] // 2)):
            row, column = places[:, 0], places[:, 1] + 1
            marked[row, column] = 2 * self._anyone(own[row], (len(row), 1), n, rng)[:, 0] + 1
            touched = np.unique(row)
            marked[touched] = np.sort(marked[touched], axis=1)
        return marked // 2

    def _anyone(
        self, own: np.ndarray, shape: Shape, n: int, rng: np.random.Generator
    ) -> np.ndarray:
        if self.allow_autapses:
            return rng.integers(0, n, shape)
        drawn = rng.integers(0, n - 1, shape)
        return drawn + (drawn >= own)


def order_of(order: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The chance order of the targets of each row."""
    return np.take_along_axis(order, targets, 1)
