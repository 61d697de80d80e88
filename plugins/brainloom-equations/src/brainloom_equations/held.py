"""Functions of time that are constant over a step."""

import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.types import Array, Quantity, Time
from brainloom_core.units import same_dimension, show, with_unit

__all__ = ["HeldOverStep", "TimedArray"]


class HeldOverStep:
    """Base of functions of time that are constant over a step, so that any method can use them."""


class TimedArray(HeldOverStep):
    """Values one after the other, each for a time, the last one for ever.

    Args:
        values: The values; a second axis has one for each neuron.
        dt: How long each lasts, a multiple of the step of the simulation.

    Raises:
        ParameterError: `dt` is no time above zero, or there are no values.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_equations import TimedArray
        >>> step = TimedArray([0.0, 1.0] * u.nA, dt=10 * u.ms)
        >>> print(step(5 * u.ms), step(30 * u.ms))
        0. nA 1. nA
    """

    def __init__(self, values: Quantity, dt: Time) -> None:
        number = np.asarray(u.get_mantissa(values), float)
        if number.ndim == 0 or len(number) == 0:
            raise ParameterError(f"TimedArray.values: expected an array, got {show(values)}")
        if not same_dimension(dt, u.ms) or not float(u.get_mantissa(dt)) > 0:
            raise ParameterError(f"TimedArray.dt: expected a time > 0, got {show(dt)}")
        self.values, self.unit, self.dt = number, u.get_unit(values), dt

    def __call__(self, t: Time) -> Quantity:
        """The value at a time.

        Args:
            t: The time.
        """
        # A time that is a multiple of dt but for rounding is that multiple.
        place = jnp.floor(u.get_magnitude(t / self.dt) + 1e-3).astype(jnp.int32)
        held: Array = jnp.asarray(self.values)[jnp.clip(place, 0, len(self.values) - 1)]
        return with_unit(held, self.unit)
