"""Values as floating-point numbers, and arrays made of them."""

import brainstate
import brainunit as u
import jax
import numpy as np

from ..arrays import broadcast, on_device
from ..errors import ParameterError
from ..types import Quantity, Shape
from ..units import show, with_unit

__all__ = ["as_float", "full"]


def as_float(value: object) -> Quantity:
    """Scalars stay Python numbers (weakly typed, free under jit); arrays get the float dtype."""
    if isinstance(value, u.Unit):
        value = 1.0 * value
    if isinstance(value, (list, tuple)):
        value = u.math.asarray(value)
    if isinstance(value, u.Quantity):
        return u.Quantity(as_float(value.mantissa), unit=value.unit)
    if isinstance(value, jax.core.Tracer):
        return value
    if isinstance(value, bool) or not isinstance(
        value, (int, float, np.ndarray, np.generic, jax.Array)
    ):
        raise TypeError("not a number")
    return float(value) if np.ndim(value) == 0 else on_device(value, brainstate.environ.dftype())


def full(value: Quantity, shape: Shape) -> Quantity:
    """A floating-point array of this shape from a scalar or from one value per neuron.

    Args:
        value: The value, with or without a unit; scalar or of a shape that broadcasts to `shape`.
        shape: Shape of the array.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import full
        >>> print(full(2.0 * u.mV, (3,)))
        [2. 2. 2.] mV
    """
    if not isinstance(shape, tuple):
        raise ParameterError(f"full.shape: expected a tuple of whole numbers, got {show(shape)}")
    try:
        unit = u.get_unit(value)
        number = broadcast(u.get_mantissa(value), shape, brainstate.environ.dftype())
    except (TypeError, ValueError):
        raise ParameterError(
            f"full.value: expected a number, or an array of shape {shape}, got {show(value)}"
        ) from None
    return with_unit(number, unit)
