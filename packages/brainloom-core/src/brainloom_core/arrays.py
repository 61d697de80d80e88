"""Arrays that are made on the host: jax compiles a program for each shape of what it makes."""

import jax
import jax.numpy as jnp
import numpy as np

from .types import ArrayLike, DTypeLike, Shape

__all__ = ["broadcast", "on_device"]


def on_device(number: ArrayLike, dtype: DTypeLike) -> jax.Array:
    """An array of this dtype; nothing is compiled for a number that is known.

    Args:
        number: A number or an array, without a unit; it may be traced.
        dtype: The dtype.

    Examples:
        >>> from brainloom_core.arrays import on_device
        >>> print(on_device([1, 2], "float32"))
        [1. 2.]
    """
    if isinstance(number, (jax.Array, jax.core.Tracer)):
        return jnp.asarray(number, dtype)
    return jax.device_put(np.array(number, dtype))  # a copy: the device may use its memory


def broadcast(number: ArrayLike, shape: Shape, dtype: DTypeLike) -> jax.Array:
    """A number or an array, in every place of a larger one.

    Args:
        number: A number or an array, without a unit; it may be traced.
        shape: Shape of the array.
        dtype: The dtype.

    Examples:
        >>> from brainloom_core.arrays import broadcast
        >>> print(broadcast(0.5, (2,), "float32"))
        [0.5 0.5]
    """
    known = not isinstance(number, jax.core.Tracer) and np.ndim(number) == 0
    # In a trace, what is broadcast there is no constant of that size.
    if not known or isinstance(jax.device_put(0.0), jax.core.Tracer):
        return jnp.broadcast_to(on_device(number, dtype), shape)
    return jax.device_put(np.broadcast_to(np.asarray(number, dtype), shape))
