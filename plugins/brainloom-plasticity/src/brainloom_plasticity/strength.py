"""Strengths and weights: bounds, and sums of changes of any size."""

from dataclasses import dataclass

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import ANY_UNIT, Declared, ParameterError, UnitError, param
from brainloom_core.small_steps import accumulate
from brainloom_core.types import Array, Quantity
from brainloom_core.units import dimension_name, same_dimension, show, to_number, with_unit

from .sides import edge_state

__all__ = ["Change", "Strengths", "as_like"]


@dataclass(frozen=True)
class Change:
    """What a spike adds to the strength of a synapse: `return Change(self.eta * x)`.

    As `return w + self.eta * x`, but for changes of any size: what is too small to be added to a
    float32 is kept until it is not.

    Args:
        value: The change of strength.
    """

    value: Quantity


class Strengths(Declared):
    """Base: the strength of a synapse is its weight divided by `w_max`, between bounds."""

    w_min: Quantity = param(default=0.0, unit=ANY_UNIT, optional=True, doc="lower bound")
    w_max: Quantity = param(default=None, unit=ANY_UNIT, optional=True, doc="upper bound")
    w_lost = edge_state("what rounding has left out of the weights, in their unit")

    def check_weights(self, weight: Quantity) -> None:
        """Raise if bounds have another unit than the weights, or a weight is beyond them.

        Args:
            weight: The weights, one per synapse; where they are computed in a compiled function,
                only their unit can be checked.
        """
        self._check_bounds(weight)
        if isinstance(u.get_mantissa(weight), jax.core.Tracer):
            return
        low, high = self._bounds()
        strength = np.asarray(self._strength(weight))
        if np.any(strength < low) or np.any(strength > high):
            raise ParameterError(
                f"{type(self).__name__}: expected weights from w_min = {show(self.w_min)} to "
                f"w_max = {show(self.w_max)}, got some from {show(weight.min())} to "
                f"{show(weight.max())}"
            )

    def forget_rounding(self) -> None:
        """Weights were assigned: nothing of the earlier ones is left to be added to them."""
        lost = vars(self).get("w_lost")
        if isinstance(lost, brainstate.State):
            lost.value = jnp.zeros_like(lost.value)

    def _scale(self) -> Quantity:
        return 1.0 if self.w_max is None else self.w_max

    def _units(self, weight: Quantity) -> Quantity:
        """How many times the unit of weights a strength of 1 is."""
        return to_number(self._scale(), u.get_unit(weight))

    def _strength(self, weight: Quantity) -> Array:
        return u.get_magnitude(weight / self._scale())

    def _added(self, weight: Quantity, change: Quantity) -> tuple[Quantity, Array]:
        """The weight after a change, within the bounds, and what rounding leaves out.

        The change is one of the weight, in its unit: a strength would be rounded once more.
        """
        unit = u.get_unit(weight)
        number, lost = accumulate(u.get_mantissa(weight), change)
        low, high = (to_number(bound * self._scale(), unit) for bound in self._bounds())
        bounded = jnp.clip(number, jnp.minimum(low, high), jnp.maximum(low, high))
        return with_unit(bounded, unit), jnp.where(bounded == number, lost, 0.0 * lost)

    def _weight(self, strength: Quantity, like: Quantity) -> Quantity:
        """The weight of a strength, within the bounds."""
        low, high = self._bounds()
        return as_like(jnp.clip(strength, low, high) * self._scale(), like)

    def _bounds(self) -> tuple[Array | float, float]:
        low = -np.inf if self.w_min is None else self._strength(self.w_min)
        return low, np.inf if self.w_max is None else 1.0

    def _check_bounds(self, weight: Quantity) -> None:
        """Raise if the bounds have another unit than the weights, or leave no room."""
        for name in ("w_min", "w_max"):
            self._check_unit(name, weight)
        values = [u.get_mantissa(value) for value in (self.w_min, self.w_max) if value is not None]
        if self.w_max is None or any(isinstance(value, jax.core.Tracer) for value in values):
            return
        if np.any(self._units(weight) == 0) or not np.all(self._bounds()[0] < 1.0):
            raise ParameterError(
                f"{type(self).__name__}.w_max: expected one that is not 0 and beyond w_min = "
                f"{show(self.w_min)}, got {show(self.w_max)}"
            )

    def _check_unit(self, name: str, weight: Quantity) -> None:
        value = getattr(self, name)
        if name == "w_max" and value is None and u.get_unit(weight) != u.UNITLESS:
            raise UnitError(
                f"{type(self).__name__}.w_max: missing. Weights with a unit need it, since "
                "equations measure strengths by it"
            )
        zero = isinstance(value, float) and value == 0.0
        if value is not None and not zero and not same_dimension(value, weight):
            raise UnitError(
                f"{type(self).__name__}.{name}: expected {dimension_name(weight)}, as the weights "
                f"are, got {show(value)}"
            )


def as_like(value: Quantity, like: Quantity) -> Quantity:
    """A value in the unit and the dtype of another."""
    unit = u.get_unit(like)
    number = jnp.asarray(to_number(value, unit), u.get_mantissa(like).dtype)
    return with_unit(jnp.broadcast_to(number, np.shape(like)), unit)
