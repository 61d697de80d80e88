"""`Neuron`: the step that every spiking neuron shares."""

from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp

from .constraints import Constraint, non_negative, one_of
from .dynamics import Dynamics
from .parameters import option, param, state
from .surrogate import ReluGrad
from .units import step_count, to_number, with_unit

__all__ = ["Neuron", "Refractory"]

_is_spike_function = Constraint(
    "a spike function such as ReluGrad() (an instance, not the class)",
    lambda f: callable(f) and not isinstance(f, type),
)


class Neuron(Dynamics):
    r"""Base of the spiking neurons.

    A model declares its parameters, its states (the membrane potential is `V`) and their
    derivatives, and gets the step. One step from $t$ to $t + \Delta t$ is, in this order:

    1. the spikes of the stored states (those that the previous step produced);
    2. their consequences: $V$ is reset, and `on_spike` changes the other states;
    3. integration by `solver`, the input currents being summed with the running $V$;
    4. the jumps of registered delta inputs, added to $V$;
    5. the spikes of the new states, which are returned.

    So $V$ stays above threshold until the next call, and `get_spike()` between two steps
    returns the spikes of the last one.

    Args:
        in_size: Number of neurons, or the shape of the population.
        spk_fun: Spike function of the dimensionless distance to threshold, with a surrogate
            gradient.
        spk_reset: `"soft"` subtracts the distance from reset to threshold, keeping the
            overshoot; `"hard"` sets $V$ to `V_reset`.
        name: Name of the module.
        solver: Time-stepping scheme, a name in `SOLVERS` or a function.
    """

    _layout = ("in_size", ..., "spk_fun", "spk_reset", "name", "*", "solver")
    input_unit: ClassVar[Any] = u.mA

    spk_fun: Any = option(default=ReluGrad(), constraint=_is_spike_function, doc="spike function")
    spk_reset: str = option(default="soft", constraint=one_of("soft", "hard"), doc="reset rule")

    def threshold(self, *args: Any, **states: Any) -> Any:
        """The potential at which the neuron spikes; a model may take states by name."""
        return self.V_th

    def on_spike(self, *args: Any, **states: Any) -> dict[str, Any]:
        """New values of states other than V after the spikes `spk`, states taken by name."""
        return {}

    def get_spike(self, V: Any = None, **states: Any) -> Any:
        """Spikes (0. or 1.) of the stored states, or of the values given."""
        y = {**self._values(), **states}
        return self._spikes(y if V is None else {**y, "V": V})

    def update(self, x: Any = None) -> Any:
        """Advance by one step with the input `x` and return the spikes."""
        try:
            x = 0.0 * self.input_unit if x is None else x
            x = self._check_input(x, self.input_unit, "V")
            y = self._after_spike(self._values())
            new = self._integrate(y, x)
            new["V"] = self.sum_delta_inputs(new["V"])
            self._assign(self._hold(y, new))
        finally:
            self._release_inputs()
        return self._spikes(self._values())

    def _spikes(self, y: dict[str, Any]) -> Any:
        z = (y["V"] - self._call("threshold", y)) / (self.V_th - self.V_reset)
        return self.spk_fun(u.get_magnitude(z))

    def _after_spike(self, y: dict[str, Any]) -> dict[str, Any]:
        spk = self._spikes(y)
        jumped = self._call("on_spike", {**y, "spk": spk})
        return {**y, **jumped, "V": self._reset(y, spk)}

    def _reset(self, y: dict[str, Any], spk: Any) -> Any:
        if self.spk_reset == "hard":
            return hard_reset(y["V"], spk, self.V_reset)
        return y["V"] - (self._call("threshold", y) - self.V_reset) * spk

    def _hold(self, y: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """Overrule the integrated values, as refractoriness does."""
        return new

    def _release_inputs(self) -> None:
        """Forget this step's inputs: what is not given anew in a step must not act in it."""
        for store in (self._current_inputs, self._delta_inputs):
            for key, inp in list(store.items()):
                if hasattr(inp, "unbind_cond"):
                    inp.unbind_cond()
                elif not callable(inp):
                    del store[key]


class Refractory(Neuron):
    r"""Mixin: after a spike, $V$ rests at `V_reset` for `tau_ref`.

    The period is a whole number of steps, `round(tau_ref / dt)`, counted by an integer, so
    that it is the same at any absolute time. Inputs that arrive meanwhile are lost; states
    other than $V$ go on.
    """

    tau_ref: Any = param(
        default=5.0 * u.ms, constraint=non_negative, doc="refractory period", after="tau"
    )
    steps_held = state(
        lambda model, shape: jnp.zeros(shape, jnp.int32),
        "steps for which V is still held",
        brainstate.ShortTermState,
    )

    @property
    def refractory(self) -> Any:
        """Whether each neuron has just spiked or is held."""
        return (self.steps_held.value > 0) | (self.get_spike() > 0)

    def _after_spike(self, y: dict[str, Any]) -> dict[str, Any]:
        steps = step_count(self.tau_ref, brainstate.environ.get_dt())
        held = jnp.where(self._spikes(y) > 0, steps, y["steps_held"])
        return {**super()._after_spike(y), "steps_held": held}

    def _hold(self, y: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        held = y["steps_held"]
        V = u.math.where(held > 0, self.V_reset, new["V"])
        return {**new, "V": V, "steps_held": jnp.maximum(held - 1, 0)}


def hard_reset(V: Any, spk: Any, V_reset: Any) -> Any:
    """`V_reset` where there is a spike, safe for any V, with a gradient through the spike."""
    unit = u.get_unit(V)
    number = u.get_mantissa(V)
    target = jnp.broadcast_to(jnp.asarray(to_number(V_reset, unit), number.dtype), number.shape)
    return with_unit(_replace(number, spk, target), unit)


@jax.custom_jvp
def _replace(x: jax.Array, spk: jax.Array, target: jax.Array) -> jax.Array:
    return jnp.where(spk > 0, target, x)


@_replace.defjvp
def _replace_jvp(primals, tangents):  # type: ignore[no-untyped-def]
    x, spk, target = primals
    dx, dspk, dtarget = tangents
    return _replace(*primals), jnp.where(spk > 0, dtarget, dx) + (target - x) * dspk
