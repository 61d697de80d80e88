"""`Neuron`: the step that every spiking neuron shares."""

from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp

from .constraints import Constraint, non_negative, one_of, positive
from .dynamics import Drift, Dynamics
from .errors import ParameterError
from .numerics import chosen
from .parameters import option, param, state
from .solvers import get_solver, rate_and_slope
from .surrogate import ReluGrad, Stochastic
from .units import log1prel, step_count, to_number, with_unit

__all__ = ["Crossing", "Neuron", "Refractory"]

_is_spike_function = Constraint(
    "a spike function such as ReluGrad() (an instance, not the class), none that draws",
    lambda f: callable(f) and not isinstance(f, (type, Stochastic)),
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
    returns the spikes of the last one. A model whose `jump_state` is another one than $V$ gets
    its jumps before step 3, as a synapse does.

    A model with `caps_overshoot` (one whose potential explodes) never passes its threshold: what
    a step would add beyond it is cut off, so that no other state sees it.

    With `interpolate=True` a spike has a time within its step: that at which $V$ reaches the
    threshold along the local exponential solution. The states after that step are those at the
    crossing; from there, reset, they make up for the rest of the step in the next one, together
    with it. For a linear model of one state under a constant current the times are exact, and so
    are their derivatives.

    Args:
        in_size: Number of neurons, or the shape of the population.
        spk_fun: Spike function of the dimensionless distance to threshold, with a surrogate
            gradient.
        spk_reset: `"soft"` subtracts the distance from reset to threshold, keeping the
            overshoot; `"hard"` sets $V$ to `V_reset`.
        name: Name of the module.
        solver: Time-stepping scheme, a name in `SOLVERS` or a function.
        interpolate: Whether spikes have times within a step.
        detach_reset: Whether gradients pass by the reset: a spike still resets the potential, but
            no gradient flows back through that.

    Raises:
        ParameterError: Spikes have times within a step, and gradients shall pass by their reset.
    """

    _layout: ClassVar[tuple[Any, ...]] = (
        *("in_size", ..., "spk_fun", "spk_reset", "ref_var", "name"),
        *("*", "solver", "interpolate", "detach_reset", "V_scale"),
    )
    input_as_declared: ClassVar[bool] = True
    input_unit: ClassVar[Any] = u.mA
    input_kind: ClassVar[str] = "current"  # held over a step; "events" where they arrive in it
    jump_state: ClassVar[str] = "V"
    caps_overshoot: ClassVar[bool] = False

    spk_fun: Any = option(default=ReluGrad(), constraint=_is_spike_function, doc="spike function")
    spk_reset: str = option(default="soft", constraint=one_of("soft", "hard"), doc="reset rule")
    interpolate: bool = option(
        default=False, constraint=one_of(True, False), doc="whether spikes have times within a step"
    )
    detach_reset: bool = option(
        default=False, constraint=one_of(True, False), doc="whether gradients pass by the reset"
    )
    spike_lag = state(
        lambda model, shape: jnp.zeros(shape, brainstate.environ.dftype()) * u.ms,
        "time from the spike to the end of its step",
        brainstate.ShortTermState,
        when="interpolate",
    )

    def _setup(self, frame: dict[str, Any], values: dict[str, Any]) -> None:
        super()._setup(frame, values)
        if self.interpolate and self.detach_reset:
            raise ParameterError(
                f"{type(self).__name__}.detach_reset: expected False with interpolate=True, where "
                "the gradient of a spike is that of its time, got True"
            )

    def threshold(self, *args: Any, **states: Any) -> Any:
        """The potential at which the neuron spikes; a model may take states by name.

        Args:
            args: Empty here; a model that needs states takes them by name, as in `threshold(self,
                V_th)`.
            states: Empty here, as `args`.
        """
        return self.V_th

    def scale(self) -> Any:
        """The range of V to which the surrogate gradient refers."""
        return self.V_th - self.V_reset

    def on_spike(self, *args: Any, **states: Any) -> dict[str, Any]:
        """New values of states other than V after the spikes `spk`, states taken by name.

        Args:
            args: Empty here; a model takes `spk` and the states that it needs by name.
            states: Empty here, as `args`.
            spk: Spikes, 0. or 1., shape `(*batch, *in_size)`.

        Returns:
            New values by name of the state.
        """
        return {}

    def get_spike(self, V: Any = None, **states: Any) -> Any:
        """Spikes (0. or 1.) of the stored states, or of the values given.

        Args:
            V: Membrane potential, shape `(*batch, *in_size)`, mV; None for the stored one.
            states: Other states by name; those not given are the stored ones.
        """
        y = {**self._values(), **states}
        return self._spikes(y if V is None else {**y, "V": V})

    def update(self, x: Any = None) -> Any:
        """Advance by one step with the input `x` and return the spikes.

        Args:
            x: Input current, mA; scalar, one per neuron, or of the shape of the states; None for
                none.

        Returns:
            Spikes, 0. or 1., shape `(*batch, *in_size)`.

        Raises:
            InputError: The input has the wrong unit or shape.
        """
        try:
            x = 0.0 * self.input_unit if x is None else x
            x = self._check_input(x, self.input_unit, "V")
            before = self._values()
            y = self._after_spike(before)
            if self.jump_state != "V":
                y = self._jumped(y)
            new = self._integrate(y, x)
            if self.interpolate:
                new = self._stopped(y, new, x)
            if self.jump_state == "V":
                new = self._jumped(new)
            self._assign(self._settled(before, new))
        finally:
            self._release_inputs()
        return self.get_spike()

    def _spikes(self, y: dict[str, Any]) -> Any:
        z = (y["V"] - self._call("threshold", y)) / self.scale()
        return self.spk_fun(u.get_magnitude(z))

    def _after_spike(self, y: dict[str, Any]) -> dict[str, Any]:
        spk = self._spikes(y)
        return {**y, **self._call("on_spike", {**y, "spk": spk}), "V": self._reset(y, spk)}

    def _reset(self, y: dict[str, Any], spk: Any) -> Any:
        if self.interpolate:  # `_pace` makes up for the overshoot, with the derivative of the time
            return hard_reset(y["V"], jax.lax.stop_gradient(spk), self.V_reset)
        if self.detach_reset:
            spk = jax.lax.stop_gradient(spk)
        if self.spk_reset == "hard":
            return hard_reset(y["V"], spk, self.V_reset)
        return y["V"] - (self._call("threshold", y) - self.V_reset) * spk

    def _jumped(self, y: dict[str, Any]) -> dict[str, Any]:
        return {**y, self.jump_state: self.sum_delta_inputs(y[self.jump_state])}

    def _settled(self, before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """The states to keep, from those of the last step and those integrated."""
        return {**new, "V": self._limit(new)}

    def _limit(self, y: dict[str, Any]) -> Any:
        """The potential, where it is bound to be."""
        if self.caps_overshoot:
            return u.math.minimum(y["V"], self._call("threshold", y))
        return y["V"]

    def _drift(self, name: str, x: Any) -> Drift:
        drift = super()._drift(name, x)
        sees_limit = name != "V" and "V" in drift.depends
        sees_limit = sees_limit and getattr(get_solver(self.solver), "limited", True)

        def rate(y: Any) -> Any:
            value = drift({**y, "V": self._limit(y)} if sees_limit else y)
            return _along(self._pace(name, y), value) if self.interpolate else value

        return Drift(rate, drift.depends)

    # Spike times within a step

    def _pace(self, name: str, y: dict[str, Any]) -> Any:
        """How many steps a state makes in this one: more than one after a spike within the last."""
        return 1.0 + u.get_magnitude(y["spike_lag"] / brainstate.environ.get_dt())

    def _stopped(self, y: dict[str, Any], new: dict[str, Any], x: Any) -> dict[str, Any]:
        """The states at the crossing where there is one, and the time from there to the end."""
        whole = self._pace("V", y) * brainstate.environ.get_dt()
        crossed = new["V"] >= self._call("threshold", new)
        lag = u.math.where(crossed, whole - self._until(y, new, whole, x), 0.0 * whole)
        left = u.get_magnitude(lag / self._pace("", y) / brainstate.environ.get_dt())
        others = self._derivatives.keys() - {"V"}
        back = {name: new[name] - _along(left, new[name] - y[name]) for name in others}
        return {**new, **back, "spike_lag": lag}

    def _until(self, y: dict[str, Any], new: dict[str, Any], whole: Any, x: Any) -> Any:
        """Time from the start to the crossing of the threshold, along the local exponential."""
        rate, slope = rate_and_slope(super()._drift("V", x), y, "V")
        before, after = self._call("threshold", y), self._call("threshold", new)
        below, above = before - y["V"], new["V"] - after
        part = u.get_magnitude(below / _nonzero(below + above))  # along a straight line
        rise = below + part * (after - before)
        local = u.get_magnitude(slope * rise / _nonzero(rate))
        until = rise / _nonzero(rate) * log1prel(local)
        fits = (local > -1.0) & (until > 0.0 * until) & (until < whole)
        return u.math.clip(u.math.where(fits, until, whole * part), 0.0 * whole, whole)

    # Inputs

    def _release_inputs(self) -> None:
        """Forget this step's inputs: what is not given anew in a step must not act in it."""
        for store in (self._current_inputs, self._delta_inputs):
            for key, inp in list(store.items()):
                if hasattr(inp, "unbind_cond"):
                    inp.unbind_cond()
                elif not callable(inp):
                    del store[key]

    @staticmethod
    def _semantics(source: Any) -> dict[str, str]:
        interpolated = chosen(source, "interpolate")
        after = "as the next step begins"
        soft = "the distance from reset to threshold is subtracted from V"
        rules = {"soft": soft, "hard": "V is set to V_reset"}
        jump = f"added to {source.jump_state} "
        return {
            "input": "held over the step, summed inside the drift with the running V",
            "jump": jump + ("after" if source.jump_state == "V" else "before") + " integration",
            "spike": "at the crossing within the step (spike_lag before its end)"
            if interpolated
            else "at the end of the step in which V reaches the threshold",
            "reset": "V starts from V_reset at the crossing"
            if interpolated
            else f"{rules[chosen(source, 'spk_reset')]} {after}",
            "overshoot": "cut off at the threshold" if source.caps_overshoot else "kept",
        }


class Refractory(Neuron):
    r"""Mixin: after a spike, $V$ rests at `V_reset` for `tau_ref`.

    The period is a whole number of steps, `round(tau_ref / dt)`, counted by an integer, so
    that it is the same at any absolute time (with `interpolate=True` it is exact, and begins at
    the crossing). Inputs that arrive meanwhile are lost; states other than $V$ go on.

    Args:
        in_size: Number of neurons, or the shape of the population.
        tau_ref: Refractory period, 5 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, a name in `SOLVERS` or a function.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, False.

    Attributes:
        steps_held: Steps for which $V$ is still held, shape `(*batch, *in_size)`.
        refractory: Whether a neuron has just spiked or is held, the same shape; with `ref_var`.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Neuron, Refractory, initializer, param, state
        >>> class Held(Refractory, Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / u.ms
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> neuron = Held(1, tau_ref=2.0 * u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> [float(neuron(1 * u.mA)[0]) for _ in range(7)]
        [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]
    """

    tau_ref: Any = param(
        default=5.0 * u.ms, constraint=non_negative, doc="refractory period", after="tau"
    )
    ref_var: bool = option(
        default=False, constraint=one_of(True, False), doc="whether to keep the state `refractory`"
    )
    steps_held = state(
        lambda model, shape: jnp.zeros(
            shape, brainstate.environ.dftype() if model.interpolate else jnp.int32
        ),
        "steps for which V is still held",
        brainstate.ShortTermState,
    )
    refractory = state(
        lambda model, shape: jnp.zeros(shape, bool),
        "whether a neuron has just spiked or is held",
        brainstate.ShortTermState,
        when="ref_var",
    )

    def _after_spike(self, y: dict[str, Any]) -> dict[str, Any]:
        dt = brainstate.environ.get_dt()
        steps = u.get_magnitude(self.tau_ref / dt)
        if self.interpolate:
            steps = steps - u.get_magnitude(y["spike_lag"] / dt)
        else:
            steps = step_count(self.tau_ref, dt)
        held = jnp.where(self._spikes(y) > 0, steps, y["steps_held"])
        return {**super()._after_spike(y), "steps_held": held}

    def _settled(self, before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        new = super()._settled(before, new)
        new["steps_held"] = jnp.maximum(new["steps_held"] - 1, 0)
        if self.ref_var:
            new["refractory"] = (new["steps_held"] > 0) | (self._spikes(new) > 0)
        return new

    def _limit(self, y: dict[str, Any]) -> Any:
        least = 1 if self.interpolate else 0
        held = y["steps_held"] >= least if self.interpolate else y["steps_held"] > least
        return u.math.where(held, self.V_reset, super()._limit(y))

    def _pace(self, name: str, y: dict[str, Any]) -> Any:
        return jnp.maximum(1.0 - y["steps_held"], 0.0) if name == "V" else super()._pace(name, y)

    @staticmethod
    def _semantics(source: Any) -> dict[str, str]:
        exact = "V is held at V_reset for tau_ref after the crossing; other states go on"
        whole = "V is held at V_reset for round(tau_ref / dt) steps; other states go on"
        held = exact if chosen(source, "interpolate") else whole
        return {**Neuron._semantics(source), "refractory": held}


class Crossing(Neuron):
    r"""Base of the neurons whose spike is an event of their own dynamics, without a reset.

    A spike is an upward passage of `V_th`: $V$ is at or above it after the step and was below
    before. `get_spike()` returns the spikes of the last step; `get_spike(V)` says where a
    potential is above the threshold.

    Args:
        in_size: Number of neurons, or the shape of the population.
        spk_fun: Spike function of the dimensionless distance to threshold, with a surrogate
            gradient.
        spk_reset: Accepted so that a model can be exchanged for another; there is no reset.
        name: Name of the module.
        solver: Time-stepping scheme, a name in `SOLVERS` or a function.
        V_scale: Range of $V$ to which the surrogate gradient refers.
    """

    interpolate: bool = False
    detach_reset: bool = False
    spike_lag = None

    V_scale: Any = param(
        default=20.0 * u.mV, constraint=positive, doc="range of the surrogate gradient"
    )
    spike = state(
        lambda model, shape: jnp.zeros(shape, brainstate.environ.dftype()),
        "spikes of the last step",
        brainstate.ShortTermState,
    )

    def scale(self) -> Any:
        """The range of V to which the surrogate gradient refers."""
        return self.V_scale

    def get_spike(self, V: Any = None, **states: Any) -> Any:
        """Spikes (0. or 1.) of the last step, or whether the potential given is above threshold."""
        return self.spike.value if V is None else super().get_spike(V, **states)

    def _after_spike(self, y: dict[str, Any]) -> dict[str, Any]:
        return y

    def _settled(self, before: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        new = super()._settled(before, new)
        return {**new, "spike": self._spikes(new) * (1.0 - self._spikes(before))}

    @staticmethod
    def _semantics(source: Any) -> dict[str, str]:
        return {
            **Neuron._semantics(source),
            "spike": "at the end of the step in which V passes V_th upwards",
            "reset": "none",
        }


def hard_reset(V: Any, spk: Any, V_reset: Any) -> Any:
    """`V_reset` where there is a spike, safe for any V, with a gradient through the spike."""
    unit = u.get_unit(V)
    number = u.get_mantissa(V)
    target = jnp.broadcast_to(jnp.asarray(to_number(V_reset, unit), number.dtype), number.shape)
    return with_unit(_replace(number, spk, target), unit)


def _along(factor: Any, value: Any) -> Any:
    """The product with a value that may have an axis of its own behind those of the neurons."""
    return factor.reshape(factor.shape + (1,) * (value.ndim - factor.ndim)) * value


def _nonzero(value: Any) -> Any:
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
