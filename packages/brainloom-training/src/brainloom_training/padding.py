"""Sequences of different length in one batch: targets with lengths, and what respects them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError
from brainloom_core.types import Array, ArrayLike, PyTree
from brainloom_core.units import show

from .reductions import Reduction, Stack, along

__all__ = ["Masked", "Padded", "counted", "counted_steps", "lengths_of", "of_lengths", "unpadded"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Padded:
    """Targets of sequences that were padded to one length, and how long each of them is.

    Args:
        y: The targets, samples first.
        lengths: The number of steps of each sequence, shape `(N,)`.
    """

    y: PyTree
    lengths: Any

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, chosen: Any) -> "Padded":
        return Padded(self.y[chosen], self.lengths[chosen])


def unpadded(y: PyTree) -> tuple[PyTree, Array | None]:
    """The targets, and the lengths where there are some."""
    return (y.y, y.lengths) if isinstance(y, Padded) else (y, None)


def lengths_of(name: str, given: object, n_samples: int) -> np.ndarray:
    """Lengths of sequences, from themselves or from a mask `(N, T)` of the steps that count.

    Raises:
        InputError: They are neither, or a mask has a gap or a sequence without a step.
    """
    held = np.asarray(given)
    if held.ndim == 2 and held.dtype == bool:
        if (held[:, 1:] & ~held[:, :-1]).any():
            raise InputError(
                f"{name}: expected masks that are True in the first steps of a sequence and False "
                "in those after, got one with a gap"
            )
        held = held.sum(1)
    if held.shape != (n_samples,) or held.dtype.kind not in "iu" or (held < 1).any():
        raise InputError(
            f"{name}: expected the number of steps of each of {n_samples} sequences, whole numbers "
            f">= 1, or a mask (N, T), got {show(given)}"
        )
    return held.astype(np.int32)


_lengths: ContextVar[Array | None] = ContextVar("lengths", default=None)


@contextmanager
def of_lengths(lengths: Array | None) -> Iterator[None]:
    """Let layers that average over time or samples know how long the sequences are."""
    token = _lengths.set(lengths)
    try:
        yield
    finally:
        _lengths.reset(token)


def counted_steps(first: Array | int, n_steps: int) -> Array | None:
    """Which of some steps count, `(n_steps, *batch)`; None where all do."""
    lengths = _lengths.get()
    if lengths is None:
        return None
    steps = first + jnp.arange(n_steps)
    return steps.reshape(-1, *(1,) * jnp.ndim(lengths)) < lengths


def counted(lengths: ArrayLike, like: Array) -> Array:
    """Which steps count, to be combined with an array `(T, *batch, ...)`."""
    steps = jnp.arange(np.shape(like)[0]).reshape(-1, *(1,) * np.ndim(lengths))
    return along(steps < jnp.asarray(lengths), like)


@dataclass(frozen=True)
class Masked:
    """A reduction of what sequences of these lengths give, in which the rest does not count."""

    of: Reduction
    lengths: Any

    def __call__(self, outputs: PyTree) -> PyTree:
        n_steps = len(jax.tree.leaves(outputs)[0])
        if isinstance(self.of, Stack):
            return jax.tree.map(
                lambda y: jnp.where(counted(self.lengths, y), y, jnp.zeros_like(y)), outputs
            )
        shapes = jax.tree.map(lambda y: jax.ShapeDtypeStruct(y.shape[1:], y.dtype), outputs)

        def fold(state: PyTree, step: tuple[PyTree, Array]) -> tuple[PyTree, None]:
            return self.fold(state, *step), None

        start = self.start(shapes, n_steps)
        state, _ = jax.lax.scan(fold, start, (outputs, jnp.arange(n_steps)))
        return self.result(state, n_steps)

    def start(self, output: PyTree, n_steps: int | None = None) -> PyTree:
        """The state before the first step, as of the reduction."""
        return self.of.start(output, n_steps)

    def fold(self, state: PyTree, y: PyTree, i: Array) -> PyTree:
        """The state after step `i`, where that counts."""
        new, counts = self.of.fold(state, y, i), i < jnp.asarray(self.lengths)
        return jax.tree.map(lambda a, b: jnp.where(along(counts, a), a, b), new, state)

    def result(self, state: PyTree, n_steps: int) -> PyTree:
        """The reduction of the steps that count."""
        return self.of.result(state, self.lengths)
