"""The check of encoders."""

from collections.abc import Callable

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core.types import Quantity

from ..require import require, require_close

__all__ = ["check_encoder"]

VALUES = np.array([[0.0, 0.25, 0.9], [1.0, 0.5, 0.1]], np.float32)


def check_encoder(encoder: Callable[[Quantity], Quantity], values: Quantity | None = None) -> None:
    """An encoder makes a sequence of values, time first, the same for a seed, compiled or not.

    Args:
        encoder: The encoder, for a step of 1 ms.
        values: What it is given, with at least two axes; numbers between 0 and 1 if not given.

    Raises:
        AssertionError: The sequence has another shape, or one that depends on the values, is not
            finite, says nothing of the values, or differs when it is made again or compiled.

    Examples:
        >>> from brainloom_training import LatencyEncoder
        >>> from brainloom_testing import check_encoder
        >>> check_encoder(LatencyEncoder(n_steps=10))
    """
    name = type(encoder).__name__ if not hasattr(encoder, "__name__") else encoder.__name__
    values = VALUES if values is None else values

    def made(x: Quantity, seed: int = 0, how: Callable[..., Quantity] = encoder) -> Quantity:
        with brainstate.environ.context(dt=1.0 * u.ms), brainstate.random.seed_context(seed):
            return how(x)

    first = made(values)
    shape, given = np.shape(first), np.shape(values)
    require(
        len(shape) > len(given) or shape[:1] == given[:1],
        f"{name} makes shape {shape} of values {given}: expected time as the first axis",
    )
    require(bool(np.all(np.isfinite(u.get_mantissa(first)))), f"{name} makes what is not finite")
    dtype = np.dtype(u.get_mantissa(first).dtype)
    require(dtype != np.float64, f"{name} makes float64 in single precision: give the dtype")
    require_close(made(values), first, f"{name}, made again with the same seed,", rtol=0.0)
    other = made(values * 0.05)
    require(
        np.shape(other) == shape,
        f"{name} makes shape {np.shape(other)} of other values of the same shape, and {shape} of "
        "the first: the length must not depend on them",
    )
    drawn = [np.asarray(u.get_mantissa(made(values, seed))) for seed in range(4)]
    halves = [np.asarray(u.get_mantissa(made(values * 0.05, seed))) for seed in range(4)]
    require(
        any(not np.array_equal(a, b) for a, b in zip(drawn, halves, strict=True)),
        f"{name} makes the same of values that are a twentieth: nothing of them is encoded",
    )
    compiled = made(values, how=brainstate.transform.jit(encoder))
    is_drawn = any(not np.array_equal(drawn[0], again) for again in drawn[1:])
    if is_drawn and jax.numpy.issubdtype(dtype, np.floating):
        # What is drawn may differ in the last bit of what it is compared with, hence once or twice.
        off = np.mean(np.asarray(u.get_mantissa(compiled)) != u.get_mantissa(first))
        require(off < 0.05, f"{name} makes something else when compiled")
    else:
        require_close(compiled, first, f"{name}, compiled,")
