"""`Neuron`: the step that every spiking neuron shares."""

from collections.abc import Mapping, Set
from types import EllipsisType
from typing import ClassVar, cast

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp

from ..declare.constraints import Constraint, non_negative, one_of, positive
from ..declare.filled import full
from ..declare.parameters import option, param
from ..declare.state_specs import state
from ..equations import nearest, returned_names, texts_of
from ..errors import DeclarationError, InputError, ParameterError
from ..surrogate import ReluGrad, Surrogate
from ..types import Arguments, Array, Quantity, SpikeFunction, Values
from ..units import show
from .base import Drift, Dynamics
from .numerics import chosen
from .solvers import get_solver, solver_facts
from .timing import ON_GRID, WITHIN_STEP, SpikeTiming, hard_reset, paced

__all__ = ["Crossing", "Neuron", "Refractory"]

_is_spike_function = Constraint(
    "a spike function such as ReluGrad() (an instance, not the class)",
    lambda f: callable(f) and not isinstance(f, type),
)


def _check_spikes(cls: "type[Neuron]") -> None:
    """Refuse a neuron whose spikes cannot be found, or change what there is not."""
    if cls.equations.derivatives and cls.scale is Neuron.scale:
        missing = [name for name in ("V_th", "V_reset") if not hasattr(cls, name)]
        if missing:
            raise DeclarationError(
                f"{cls.__name__} has no {' and no '.join(missing)}. Declare them as parameters, or "
                "write threshold(), the potential at which it spikes, and scale(), the range of V "
                "to which the surrogate gradient refers"
            )
    resets = (cls.after_spike, cls.reset_potential)
    if (
        cls.equations.derivatives
        and resets == (Neuron.after_spike, Neuron.reset_potential)
        and not hasattr(cls, "V_reset")
    ):
        raise DeclarationError(
            f"{cls.__name__} has no V_reset. Declare it as a parameter, set it in the class "
            "(V_reset = 0.0 * u.mV), or write reset_potential(y, spk), V after the spikes"
        )
    if "on_spike" in vars(cls):
        _check_asks_for_spikes(cls)
    if "on_spike" in vars(cls) and not texts_of(cls.on_spike) <= cls._states.keys():
        for name in sorted(returned_names(cls.on_spike) - cls._states.keys()):
            raise _no_such_state(cls, name)


def _check_ports(cls: "type[Neuron]") -> None:
    """Refuse a port that leads nowhere; the first one is what stands for all of them."""
    for label, name in cls.ports.items():
        if name not in cls._states or name == "V":
            raise DeclarationError(
                f"{cls.__name__}.ports: {label!r} leads to {name!r}, which is no state other than V"
            )
    if cls.ports:
        cls.jump_state = next(iter(cls.ports.values()))


def _check_asks_for_spikes(cls: "type[Neuron]") -> None:
    """Refuse what would change states in every step, as if there always were a spike."""
    takes = cls.equations.takes("on_spike")
    if takes is None or {"spk", "spike"} & {*takes}:
        return
    if takes or returned_names(cls.on_spike):
        raise DeclarationError(
            f"{cls.__name__}.on_spike({', '.join(takes)}) does not take spk, the spikes, 0. or 1.: "
            "it is called in every step, so that what it returns has to depend on them, as in "
            'on_spike(self, w, spk): return {"w": w + self.b * spk}'
        )


def _no_such_state(cls: "type[Neuron]", name: str) -> DeclarationError:
    near = nearest(name, cls._states)
    hint = f"; did you mean {near!r}?" if near else "."
    return DeclarationError(
        f"{cls.__name__}.on_spike: it returns {name!r}, which is no state{hint} The states are "
        f"{', '.join(cls._states)}"
    )


class Neuron(Dynamics):
    r"""Base of the spiking neurons.

    A model declares its parameters, its states (the membrane potential is `V`) and their
    derivatives, and gets the step. One step from $t$ to $t + \Delta t$ is, in this order:

    1. the consequences of the last step's spikes: $V$ is reset, and `on_spike` changes the other
       states (`after_spike`);
    2. integration by `solver`, the input currents being summed with the running $V$;
    3. the jumps of registered delta inputs, added to $V$ (`add_jumps`);
    4. the spikes of this step (`fires`), which are kept in the state `spike` and returned.

    A spike is found once, in the step in which it happens; all that follows from it, whoever asks
    and whenever, reads `spike`. So $V$ stays above threshold until the next call, and a potential
    that is above threshold without having been there after a step, such as an initial one, spikes
    at the end of the step that it begins if it is above threshold still. A model whose
    `jump_state` is another one than $V$ gets its jumps before step 2, as a synapse does. One with
    several such states names them in `ports`, by label: `DeltaProj(..., label="ex")` reaches that
    of `"ex"`, and a jump without a label is an error.

    A model may override `after_spike`, `add_jumps`, `limit`, `spikes_at`, `fires`,
    `reset_potential` and `after_step`, each of which takes and gives values of states by name.

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
        detach_reset: Whether gradients pass by the reset. None, the default: they pass by that of
            $V$, and through what a spike does to other states where there is a spike, so that a
            trajectory without one has the gradient of its equations. True: they pass by all that
            a spike does. False: they go through it in every step, by the surrogate gradient. With
            `interpolate` the gradient of a spike is that of its time.

    Attributes:
        spike: Spikes of the last step, 0. or 1., shape `(*batch, *in_size)`.
        spike_lag: Time from the spike to the end of its step, with `interpolate`.

    Raises:
        ParameterError: Spikes have times within a step, and gradients shall pass by their reset, or
            they are drawn.
        DeclarationError: A subclass has equations that do not fit its states, or no `V_th` and no
            `scale`.
    """

    signature_layout: ClassVar[tuple[str | EllipsisType, ...]] = (
        *("in_size", ..., "spk_fun", "spk_reset", "ref_var", "name"),
        *("*", "solver", "interpolate", "detach_reset", "V_scale"),
    )
    input_as_declared: ClassVar[bool] = True
    input_unit: ClassVar[u.Unit] = u.mA
    input_kind: ClassVar[str] = "current"  # held over a step; "events" where they arrive in it
    jump_state: ClassVar[str] = "V"
    ports: ClassVar[Mapping[str, str]] = {}
    caps_overshoot: ClassVar[bool] = False
    equation_methods: ClassVar[dict[str, Set[str]]] = {
        **Dynamics.equation_methods,
        "threshold": frozenset(),
        "on_spike": {"spk"},
    }

    spk_fun: SpikeFunction | str = option(
        default=ReluGrad(),
        constraint=_is_spike_function,
        doc="spike function",
        kind="surrogate",
    )
    spk_reset: str = option(default="soft", constraint=one_of("soft", "hard"), doc="reset rule")
    interpolate: bool = option(
        default=False, constraint=one_of(True, False), doc="whether spikes have times within a step"
    )
    detach_reset: bool | None = option(
        default=None,
        constraint=one_of(None, True, False),
        doc="whether gradients pass by the reset",
    )
    spike = state(
        lambda model, shape: full(0.0, shape),
        "spikes of the last step",
        brainstate.ShortTermState,
    )
    spike_lag = state(
        lambda model, shape: full(0.0 * u.ms, shape),
        "time from the spike to the end of its step",
        brainstate.ShortTermState,
        when="interpolate",
    )

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        _check_spikes(cls)
        _check_ports(cls)

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        if self.interpolate and self.detach_reset is not None:
            raise ParameterError(
                f"{type(self).__name__}.detach_reset: expected None with interpolate=True, where "
                f"the gradient of a spike is that of its time, got {self.detach_reset}"
            )
        if self.interpolate:
            self._require_undrawn("the time of a spike is that at which V reaches the threshold")

    def _require_undrawn(self, since: str) -> None:
        """Refuse a spike function that draws, where spikes follow from the course of V."""
        if getattr(self.spk_fun, "is_drawn", False):
            raise ParameterError(
                f"{type(self).__name__}.spk_fun: expected a function that draws nothing, since "
                f"{since}, got {show(self.spk_fun)}"
            )

    @property
    def timing(self) -> SpikeTiming:
        """When within its step a spike is: at its end, or where the threshold is crossed."""
        return WITHIN_STEP if self.interpolate else ON_GRID

    @property
    def spikes_are_bits(self) -> bool:
        """Whether all spikes are 0 or 1, so that bits are enough to send them to other devices.

        A model with spikes of its own, by `get_spike`, `fires` or `spikes_at`, says so itself.
        """
        kind = type(self)
        own = kind.get_spike is not Neuron.get_spike or kind.spikes_at is not Neuron.spikes_at
        own = own or kind.fires not in (Neuron.fires, Crossing.fires)
        return isinstance(self.spk_fun, Surrogate) and not own

    def threshold(self, *args: Quantity, **states: Quantity) -> Quantity:
        """The potential at which the neuron spikes; a model may take states by name.

        Args:
            args: Empty here; a model that needs states takes them by name, as in `threshold(self,
                V_th)`.
            states: Empty here, as `args`.
        """
        return self.V_th

    def scale(self) -> Quantity:
        """The range of V to which the surrogate gradient refers."""
        return self.V_th - self.V_reset

    def on_spike(self, *args: Quantity, **states: Quantity) -> dict[str, Quantity]:
        """New values of states other than V after the spikes `spk`, states taken by name.

        Args:
            args: Empty here; a model takes `spk` and the states that it needs by name.
            states: Empty here, as `args`.
            spk: Spikes, 0. or 1., shape `(*batch, *in_size)`.

        Returns:
            New values by name of the state.
        """
        return {}

    def get_spike(self, V: Quantity | None = None, **states: Quantity) -> Array:
        """Spikes (0. or 1.) of the last step, or those of the values given.

        Args:
            V: Membrane potential, shape `(*batch, *in_size)`, mV; None for the spikes of the last
                step.
            states: Other states by name; those not given are the stored ones.
        """
        if V is None and not states:
            return self.spike.value
        given = states if V is None else {**states, "V": V}
        return self.spikes_at({**self.state_values(), **given})

    def update(self, x: Quantity | None = None) -> Array:
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
            x = self.check_input(x, self.input_unit, "V")
            before = self.state_values()
            y = self.after_spike(before)
            if self.jump_state != "V":
                y = self.add_jumps(y)
            new = self.timing.stop_at_crossing(self, y, self.integrate(y, x), x)
            if self.jump_state == "V":
                new = self.add_jumps(new)
            new = {**new, "V": self.limit(new)}
            new["spike"] = self.fires(before, new)
            self.assign_states(self.after_step(before, new))
        finally:
            self.release_inputs()
        return self.get_spike()

    # The parts of a step, from values of states by name

    def spikes_at(self, y: Values) -> Array:
        """Spikes (0. or 1.) of a neuron with these states: where V is at or above threshold.

        Args:
            y: Values of the states by name.
        """
        z = (y["V"] - self.call_equation("threshold", y)) / self.scale()
        function = cast(SpikeFunction, self.spk_fun)  # by now, whatever was given
        return function(u.get_magnitude(z))

    def fires(self, before: Values, new: Values) -> Array:
        """The spikes of a step.

        Args:
            before: The states before the step.
            new: Those after it.
        """
        return self.spikes_at(new)

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states after what the last step's spikes do to them.

        Args:
            y: The states, `spike` among them.
        """
        changed = self.call_equation("on_spike", {**y, "spk": self.felt_spikes(y["spike"])})
        if unknown := changed.keys() - self._states.keys():
            raise _no_such_state(type(self), sorted(unknown)[0])
        return {**y, **changed, "V": self.reset_potential(y, y["spike"])}

    def reset_potential(self, y: Values, spk: Array) -> Quantity:
        """V after the reset of neurons that spiked.

        Args:
            y: The states before.
            spk: Spikes, 0. or 1.
        """
        if self.interpolate:  # the pace of the next step makes up for the overshoot
            return hard_reset(y["V"], jax.lax.stop_gradient(spk), self.V_reset)
        if self.detach_reset is not False:
            spk = jax.lax.stop_gradient(spk)
        if self.spk_reset == "hard":
            return hard_reset(y["V"], spk, self.V_reset)
        return y["V"] - (self.call_equation("threshold", y) - self.V_reset) * spk

    def add_jumps(self, y: Values) -> dict[str, Quantity]:
        """The states with the registered jumps added.

        Args:
            y: The states without them.
        """
        if not self.ports:
            return {**y, self.jump_state: self.sum_delta_inputs(y[self.jump_state])}
        for key in self.delta_inputs:
            self.state_of_jump(key.rpartition(" // ")[0] or None)
        new = dict(y)
        for label, name in self.ports.items():
            new[name] = self.sum_delta_inputs(new[name], label=label)
        return new

    @classmethod
    def state_of_jump(cls, label: str | None = None) -> str:
        """The state to which a jump with a label is added.

        Args:
            label: The label, None for a jump without one.

        Raises:
            InputError: The model has ports, and this is none of them.
        """
        if not cls.ports:
            return cls.jump_state
        if label is None or label not in cls.ports:
            given = "no label" if label is None else repr(label)
            raise InputError(
                f"{cls.__name__}: a jump needs the label of a port, one of {list(cls.ports)}, as "
                f"in DeltaProj(..., label={next(iter(cls.ports))!r}); got {given}"
            )
        return cls.ports[label]

    def limit(self, y: Values) -> Quantity:
        """The potential, where it is bound to be.

        Args:
            y: Values of the states, V among them.
        """
        if self.caps_overshoot:
            return u.math.minimum(y["V"], self.call_equation("threshold", y))
        return y["V"]

    def after_step(self, before: Values, new: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states to keep.

        Args:
            before: The states before the step.
            new: Those after it, `spike` being its spikes.
        """
        return new

    def pace(self, state: str, y: Values) -> Quantity:
        """How many steps a state makes in this one, where spikes have times within a step.

        Args:
            state: Name of the state.
            y: Values of the states.
        """
        return self.timing.pace(y)

    def felt_spikes(self, spk: Array) -> Array:
        """The spikes as states other than V feel them, which is a matter of gradients.

        Args:
            spk: Spikes, as the state `spike` has them.
        """
        if self.detach_reset:
            return jax.lax.stop_gradient(spk)
        if self.detach_reset is None and not self.interpolate:
            return jnp.where(spk > 0, spk, jax.lax.stop_gradient(spk))
        return spk

    def drift(self, name: str, x: Quantity) -> Drift:
        drift = super().drift(name, x)
        sees_limit = name != "V" and "V" in drift.depends
        sees_limit = sees_limit and solver_facts(get_solver(self.solver)).limited

        def rate(y: Values) -> Quantity:
            value = drift({**y, "V": self.limit(y)} if sees_limit else y)
            return paced(self.pace(name, y), value) if self.interpolate else value

        return Drift(rate, drift.depends)

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        interpolated = chosen(source, "interpolate")
        after = "as the next step begins"
        soft = "the distance from reset to threshold is subtracted from V"
        rules = {"soft": soft, "hard": "V is set to V_reset"}
        where = [f"{name} (label {label!r})" for label, name in source.ports.items()]
        jump = f"added to {' or '.join(where) or source.jump_state} "
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
        detach_reset: Whether gradients pass by the reset, None: by that of V.

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

    tau_ref: Quantity = param(
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

    def fires(self, before: Values, new: Values) -> Array:
        """The spikes of a step: none where V is held, also where they are drawn."""
        spikes = super().fires(before, new)
        return jnp.where(self.timing.holds(new["steps_held"]), 0.0, spikes)

    def after_step(self, before: Values, new: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states to keep; V is held one step less, or from now on."""
        new = super().after_step(before, new)
        steps = self.timing.steps_of(self.tau_ref, new)
        # Counted here rather than as the next step begins: what follows from nothing but the
        # spikes of this step is written in place, without a copy of the old values.
        left = jnp.maximum(new["steps_held"] - 1, 0)
        new["steps_held"] = jnp.where(new["spike"] > 0, steps, left)
        if self.ref_var:
            new["refractory"] = (new["steps_held"] > 0) | (new["spike"] > 0)
        return new

    def limit(self, y: Values) -> Quantity:
        """The potential: at reset where it is held."""
        return u.math.where(self.timing.holds(y["steps_held"]), self.V_reset, super().limit(y))

    def pace(self, state: str, y: Values) -> Quantity:
        """How many steps a state makes in this one: V none while it is held."""
        if state == "V":
            return jnp.maximum(1.0 - y["steps_held"], 0.0)
        return super().pace(state, y)

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        exact = "V is held at V_reset for tau_ref after the crossing; other states go on"
        whole = "V is held at V_reset for round(tau_ref / dt) steps; other states go on"
        held = exact if chosen(source, "interpolate") else whole
        return {**Neuron.semantics(source), "refractory": held}


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

    Raises:
        ParameterError: The spike function draws spikes, which are no passages of $V$.
    """

    interpolate: bool = False
    detach_reset: bool | None = None
    spike_lag = None

    V_scale: Quantity = param(
        default=20.0 * u.mV, constraint=positive, doc="range of the surrogate gradient"
    )

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        self._require_undrawn("a spike is an upward passage of V_th by V")

    def scale(self) -> Quantity:
        """The range of V to which the surrogate gradient refers."""
        return self.V_scale

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states as they are: a spike has no consequences but its own dynamics."""
        return y

    def fires(self, before: Values, new: Values) -> Array:
        """The spikes of a step: V is at or above threshold and was below."""
        return self.spikes_at(new) * (1.0 - self.spikes_at(before))

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        return {
            **Neuron.semantics(source),
            "spike": "at the end of the step in which V passes V_th upwards",
            "reset": "none",
        }
