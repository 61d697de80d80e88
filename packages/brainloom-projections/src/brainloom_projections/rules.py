"""Connectivity rules: who is connected to whom.

A rule is a small value (`Bernoulli(0.02)`); applied to two sizes it gives `Edges`, which can be
inspected, saved and given to any number of connections.
"""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from brainloom_core import ParameterError

__all__ = [
    "AllToAll",
    "Bernoulli",
    "Edges",
    "FixedInDegree",
    "FixedOutDegree",
    "OneToOne",
    "Rule",
]


@dataclass(frozen=True, eq=False)
class Edges:
    """A directed graph from presynaptic to postsynaptic neurons, sorted by presynaptic neuron.

    Args:
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
        indptr: Where the edges of each presynaptic neuron start, int32, shape `(n_pre + 1,)`.
        indices: Postsynaptic neuron of each edge, int32.
    """

    n_pre: int
    n_post: int
    indptr: np.ndarray
    indices: np.ndarray

    def __post_init__(self) -> None:
        rising = self.indptr[0] == 0 and np.all(np.diff(self.indptr) >= 0)
        if len(self.indptr) != self.n_pre + 1 or not rising:
            raise ParameterError(f"Edges.indptr: expected {self.n_pre + 1} rising numbers from 0")
        within = np.all((self.indices >= 0) & (self.indices < self.n_post))
        if len(self.indices) != self.indptr[-1] or not within:
            raise ParameterError(
                f"Edges.indices: expected {self.indptr[-1]} numbers from 0 to {self.n_post - 1}"
            )

    @classmethod
    def from_pairs(cls, pre: np.ndarray, post: np.ndarray, n_pre: int, n_post: int) -> "Edges":
        """Edges from two equally long lists of neuron indices, in any order."""
        pre, post = np.asarray(pre, np.int64), np.asarray(post, np.int64)
        if pre.shape != post.shape or np.any(pre < 0) or np.any(pre >= n_pre):
            raise ParameterError(f"Edges: expected as many pre as post, pre from 0 to {n_pre - 1}")
        order = np.lexsort((post, pre))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(pre, minlength=n_pre))])
        return cls(n_pre, n_post, indptr.astype(np.int32), post[order].astype(np.int32))

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def pre(self) -> np.ndarray:
        """Presynaptic neuron of each edge."""
        return np.repeat(np.arange(self.n_pre, dtype=np.int32), np.diff(self.indptr))

    @property
    def post(self) -> np.ndarray:
        """Postsynaptic neuron of each edge."""
        return self.indices

    @property
    def out_degree(self) -> np.ndarray:
        """Number of edges that leave each presynaptic neuron."""
        return np.diff(self.indptr)

    @property
    def in_degree(self) -> np.ndarray:
        """Number of edges that reach each postsynaptic neuron."""
        return np.bincount(self.indices, minlength=self.n_post)


@dataclass(frozen=True)
class Rule:
    """Base of the connectivity rules."""

    @abstractmethod
    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        """Draw the edges between populations of these sizes."""


@dataclass(frozen=True)
class OneToOne(Rule):
    """Neuron i to neuron i; both populations must have the same size."""

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        if n_pre != n_post:
            raise ParameterError(f"OneToOne: expected equal sizes, got {n_pre} and {n_post}")
        return Edges.from_pairs(np.arange(n_pre), np.arange(n_pre), n_pre, n_post)


@dataclass(frozen=True)
class AllToAll(Rule):
    """Every neuron to every neuron.

    Args:
        autapses: Whether neuron i connects to neuron i.
    """

    autapses: bool = True

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        pre, post = np.divmod(np.arange(n_pre * n_post), n_post)
        kept = slice(None) if self.autapses else pre != post
        return Edges.from_pairs(pre[kept], post[kept], n_pre, n_post)


@dataclass(frozen=True)
class Bernoulli(Rule):
    """Each ordered pair independently with the same probability.

    Args:
        p: Probability of a connection, from 0 to 1.
        autapses: Whether neuron i may connect to neuron i.
    """

    p: float
    autapses: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.p <= 1.0:
            raise ParameterError(f"Bernoulli.p: expected a probability from 0 to 1, got {self.p}")

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        pairs = _bernoulli_positions(n_pre * n_post, self.p, _generator(rng))
        pre, post = np.divmod(pairs, n_post)
        kept = slice(None) if self.autapses else pre != post
        return Edges.from_pairs(pre[kept], post[kept], n_pre, n_post)


@dataclass(frozen=True)
class FixedOutDegree(Rule):
    """Exactly `k` targets for each presynaptic neuron.

    Args:
        k: Number of edges that leave each neuron.
        autapses: Whether neuron i may connect to neuron i.
        multapses: Whether two neurons may be connected more than once.
    """

    k: int
    autapses: bool = True
    multapses: bool = False

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        post = _choices(n_pre, n_post, self, _generator(rng))
        pre = np.repeat(np.arange(n_pre), self.k)
        return Edges.from_pairs(pre, post.ravel(), n_pre, n_post)


@dataclass(frozen=True)
class FixedInDegree(Rule):
    """Exactly `k` sources for each postsynaptic neuron.

    Args:
        k: Number of edges that reach each neuron.
        autapses: Whether neuron i may connect to neuron i.
        multapses: Whether two neurons may be connected more than once.
    """

    k: int
    autapses: bool = True
    multapses: bool = False

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        pre = _choices(n_post, n_pre, self, _generator(rng))
        post = np.repeat(np.arange(n_post), self.k)
        return Edges.from_pairs(pre.ravel(), post, n_pre, n_post)


def _generator(rng: np.random.Generator | None) -> np.random.Generator:
    return np.random.default_rng() if rng is None else rng


def _bernoulli_positions(n: int, p: float, rng: np.random.Generator) -> np.ndarray:
    """Positions of the successes among n trials, by their geometric gaps: O(successes)."""
    if p == 0.0 or n == 0:
        return np.zeros(0, np.int64)
    if p == 1.0:
        return np.arange(n)
    found: list[np.ndarray] = []
    last = -1
    while last < n:
        expected = (n - last) * p
        gaps = rng.geometric(p, size=int(expected + 4.0 * np.sqrt(expected)) + 16)
        positions = last + np.cumsum(np.minimum(gaps, n + 1))  # a gap of 2**63 would overflow
        found.append(positions)
        last = int(positions[-1])
    positions = np.concatenate(found)
    return positions[positions < n]


def _choices(
    n_rows: int, n_items: int, rule: FixedInDegree | FixedOutDegree, rng: np.random.Generator
) -> np.ndarray:
    """For each row `k` items; without autapses row i does not choose item i."""
    name, k = type(rule).__name__, rule.k
    available = n_items - (0 if rule.autapses else 1)
    if not isinstance(k, (int, np.integer)) or k < 0 or (k > available and not rule.multapses):
        raise ParameterError(f"{name}.k: expected a whole number from 0 to {available}, got {k!r}")
    if k > 0 and available < 1:
        raise ParameterError(f"{name}: there is no neuron to choose from")
    if rule.multapses:
        chosen = rng.integers(0, available, (n_rows, k))
    else:
        chosen = _distinct(n_rows, available, int(k), rng)
    if rule.autapses:
        return chosen
    return chosen + (chosen >= np.arange(n_rows)[:, None])


def _distinct(n_rows: int, n_items: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of k distinct items, each set equally likely: repeats are drawn again."""
    if 2 * k > n_items:
        kept = np.ones((n_rows, n_items), bool)
        np.put_along_axis(kept, _distinct(n_rows, n_items, n_items - k, rng), False, axis=1)
        return np.nonzero(kept)[1].reshape(n_rows, k)
    chosen = np.sort(rng.integers(0, n_items, (n_rows, k)), axis=1)
    while True:
        row, column = np.nonzero(chosen[:, 1:] == chosen[:, :-1])
        if len(row) == 0:
            return chosen
        chosen[row, column + 1] = rng.integers(0, n_items, len(row))
        touched = np.unique(row)
        chosen[touched] = np.sort(chosen[touched], axis=1)
