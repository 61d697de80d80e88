"""When within a step a spike is: at its end, or where the potential crosses the threshold."""

from abc import ABC, abstractmethod

import brainunit as u
import jax
import jax.numpy as jnp

from ..context import current_dt
from ..types import Array, Quantity, Time, Values
from ..units import log1prel, step_count, to_number, with_unit
from .base import Dynamics
from .solvers import rate_and_slope

__all__ = ["ON_GRID", "WITHIN_STEP", "SpikeTiming", "hard_reset", "paced"]


class SpikeTiming(ABC):
    """What depends on when a spike is, apart from how the potential is reset."""

    @abstractmethod
    def stop_at_crossing(self, neuron: Dynamics, y: Values, new: Values, x: Quantity) -> Values:
        """The states at which a step ends, from those before and after its integration."""

    @abstractmethod
    def pace(self, y: Values) -> Quantity | None:
        """How many steps a state makes in this one."""

    @abstractmethod
    def steps_of(self, duration: Time, y: Values) -> Array:
        """How many steps a duration lasts that a spike begins."""

    @abstractmethod
    def holds(self, steps: Array) -> Array:
        """Whether a potential that is held for as many steps is so at the end of this one."""


class _OnGrid(SpikeTiming):
    """A spike is at the end of its step, and durations are whole numbers of steps."""

    def stop_at_crossing(self, neuron: Dynamics, y: Values, new: Values, x: Quantity) -> Values:
        return new

    def pace(self, y: Values) -> Quantity | None:
        return 1.0

    def steps_of(self, duration: Time, y: Values) -> Array:
        return step_count(duration, current_dt())

    def holds(self, steps: Array) -> Array:
        return steps > 0


class _WithinStep(SpikeTiming):
    """A spike is where the potential reaches the threshold along the local exponential solution.

    The states stop there, and make up for the rest of the step in the next one.
    """

    def stop_at_crossing(self, neuron: Dynamics, y: Values, new: Values, x: Quantity) -> Values:
        """The states at the crossing where there is one, and the time from there to the end."""
        whole = neuron.pace("V", y) * current_dt()
        crossed = new["V"] >= neuron.equations.call(neuron, "threshold", new)
        until = self._until(neuron, y, new, whole, x)
        lag = u.math.where(crossed, whole - until, 0.0 * whole)
        left = u.get_magnitude(lag / self.pace(y) / current_dt())
        others = neuron.equations.derivatives.keys() - {"V"}
        back = {name: new[name] - paced(left, new[name] - y[name]) for name in others}
        # A threshold that fell below V is back where it was met, and V, falling too, is below that.
        met = u.math.maximum(new["V"], neuron.call_equation("threshold", {**new, **back}))
        return {**new, **back, "V": u.math.where(crossed, met, new["V"]), "spike_lag": lag}

    def pace(self, y: Values) -> Quantity | None:
        """More than one step after a spike within the last."""
        return 1.0 + u.get_magnitude(y["spike_lag"] / current_dt())

    def steps_of(self, duration: Time, y: Values) -> Array:
        """What is left of it at the end of the step, which need not be a whole number."""
        dt = current_dt()
        return u.get_magnitude(duration / dt) - u.get_magnitude(y["spike_lag"] / dt)

    def holds(self, steps: Array) -> Array:
        return steps >= 1

    def _until(
        self, neuron: Dynamics, y: Values, new: Values, whole: Quantity, x: Quantity
    ) -> Quantity:
        """Time from the start to the crossing of the threshold, along the local exponential."""
        rate, slope = rate_and_slope(Dynamics.drift(neuron, "V", x), y, "V")
        before, after = (neuron.equations.call(neuron, "threshold", z) for z in (y, new))
        below, above = before - y["V"], new["V"] - after
        part = u.get_magnitude(below / _nonzero(below + above))  # along a straight line
        rise = below + part * (after - before)
        local = u.get_magnitude(slope * rise / _nonzero(rate))
        until = rise / _nonzero(rate) * log1prel(local)
        fits = (local > -1.0) & (until > 0.0 * until) & (until < whole)
        return u.math.clip(u.math.where(fits, until, whole * part), 0.0 * whole, whole)


ON_GRID = _OnGrid()
"""Spikes are at the ends of steps."""

WITHIN_STEP = _WithinStep()
"""Spikes have times within their steps."""


def paced(pace: Quantity, value: Quantity) -> Quantity:
    """The product with a value that may have an axis of its own behind those of the neurons."""
    if jnp.ndim(pace) == 0:
        return pace * value
    return pace.reshape(pace.shape + (1,) * (value.ndim - pace.ndim)) * value


def hard_reset(V: Quantity, spk: Array, V_reset: Quantity) -> Quantity:
    """`V_reset` where there is a spike, safe for any V, with a gradient through the spike."""
    unit = u.get_unit(V)
    number = u.get_mantissa(V)
    target = jnp.broadcast_to(jnp.asarray(to_number(V_reset, unit), number.dtype), number.shape)
    return with_unit(_replace(number, spk, target), unit)


def _nonzero(value: Quantity) -> Quantity:
    """The value, or one where it is zero: a denominator."""
    return u.math.where(value != 0.0 * value, value, u.math.ones_like(value))


@jax.custom_jvp
def _replace(x: jax.Array, spk: jax.Array, target: jax.Array) -> jax.Array:
    return jnp.where(spk > 0, target, x)


@_replace.defjvp
def _replace_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    x, spk, target = primals
    dx, dspk, dtarget = tangents
    return _replace(*primals), jnp.where(spk > 0, dtarget, dx) + (target - x) * dspk
