"""What several models share: a time after a spike in which there is no other one."""

from typing import ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import Dynamics, Neuron, non_negative, param, state
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Values
from brainloom_core.units import step_count

__all__ = ["Absolute", "OnGrid", "Suspended"]


class OnGrid(Neuron):
    """Base of the neurons whose spikes have effects of their own, at the end of a step.

    Spikes have no times within a step, since what is interpolated there is a reset to one value.
    """

    interpolate: bool = False
    spike_lag = None
    reset_rule: ClassVar[str] = "V is set as the model says, as the next step begins"

    def replaced(self, V: Quantity, spk: Array, target: Quantity) -> Quantity:
        """V where there is no spike, and the target where there is one.

        Args:
            V: Membrane potential.
            spk: Spikes, 0. or 1.
            target: Where a spike sets it.
        """
        new = u.math.where(spk > 0, target, V)
        if self.detach_reset is not False:
            return new
        through = spk - jax.lax.stop_gradient(spk)  # zero, with the gradient of the spikes
        return new + through * jax.lax.stop_gradient(target - V)

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        rule = getattr(source, "reset_rule", OnGrid.reset_rule)
        return {**Neuron.semantics(source), "reset": rule}


class Absolute(OnGrid):
    """Base of the neurons that do not spike again for `tau_ref`, `round(tau_ref / dt)` steps."""

    tau_ref: Quantity = param(default=2.0 * u.ms, constraint=non_negative, doc="refractory period")
    steps_held = state(
        lambda model, shape: jnp.zeros(shape, jnp.int32),
        "steps for which there is no other spike",
        brainstate.ShortTermState,
    )

    def fires(self, before: Values, new: Values) -> Array:
        """The spikes of a step: none in the refractory period."""
        return jnp.where(before["steps_held"] > 0, 0.0, super().fires(before, new))

    def after_step(self, before: Values, new: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states to keep; the refractory period is one step shorter, or begins."""
        new = super().after_step(before, new)
        left = jnp.maximum(new["steps_held"] - 1, 0)
        steps = step_count(self.tau_ref, current_dt())
        new["steps_held"] = jnp.where(new["spike"] > 0, steps, left)
        return new

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        return {
            **OnGrid.semantics(source),
            "refractory": "no other spike for round(tau_ref / dt) steps; all states go on",
        }


class Suspended(Absolute):
    """Base of the neurons all of whose states stand still for `tau_ref` after a spike."""

    def integrate(self, y: Values, x: Quantity) -> dict[str, Quantity]:
        """The states one step later, or as they are in the refractory period."""
        new = super().integrate(y, x)
        held = y["steps_held"] > 0
        return {
            name: value if value is y[name] else u.math.where(held, y[name], value)
            for name, value in new.items()
        }

    def add_jumps(self, y: Values) -> dict[str, Quantity]:
        """The states with the registered jumps, which are lost in the refractory period."""
        new = super().add_jumps(y)
        held = y["steps_held"] > 0
        jumped = self.jump_state
        return {**new, jumped: u.math.where(held, y[jumped], new[jumped])}

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        return {
            **OnGrid.semantics(source),
            "refractory": "all states stand still for round(tau_ref / dt) steps",
        }
