"""`EquationNeuron`: the step of neurons that are given as text, which is that of Brian2."""

from collections.abc import Callable, Set
from dataclasses import replace
from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Dynamics, InputError, Neuron, keys, state
from brainloom_core.clock import at_time
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Time, Values
from brainloom_core.units import dimension_name, in_steps, same_dimension, show

from .functions import at_spikes

__all__ = ["EquationNeuron", "not_refractory", "steps_since"]

LONG_AGO = 2**30


class EquationNeuron(Neuron):
    r"""Base of neurons whose equations are given as text.

    A step is that of Brian2 and gives its numbers: integration, threshold, what arrives at once,
    reset. Here the last two begin the next step. A reset is what its statements say. A refractory
    period holds `not_refractory` for `refractory / dt - 1` steps after that of the spike, and what
    `frozen` names does not change meanwhile.

    A class writes, beside parameters, states and derivatives, what its text has of these, each as a
    method that takes states by name: `threshold` and `scale`, or `distance`, how far a neuron is
    above threshold; `reset`, the potential after a spike, and `on_spike`, the other states;
    `refractory_period` or `stays_refractory`; for noise in the equation of `V`, `xi_V`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        spk_fun: Spike function of the dimensionless distance to threshold, with a surrogate
            gradient.
        name: Name of the module.
        solver: Time-stepping scheme, a name in `SOLVERS` or a function.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        spike: Spikes of the last step, 0. or 1., shape `(*batch, *in_size)`.

    Raises:
        DeclarationError: A subclass has equations that do not fit its states.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import initializer, param, simulate, state
        >>> from brainloom_equations import EquationNeuron
        >>> class Leaky(EquationNeuron):
        ...     tau = param(default=10.0 * u.ms)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer", "membrane potential")
        ...     def dV(self, V, I):
        ...         return (1.0 * u.Mohm * I - V) / self.tau
        ...     def threshold(self):
        ...         return 10.0 * u.mV
        ...     def scale(self):
        ...         return 10.0 * u.mV
        ...     def reset(self):
        ...         return 0.0 * u.mV
        >>> run = simulate(Leaky(1), 20 * u.ms, dt=0.1 * u.ms, inputs=15 * u.nA, record="spikes")
        >>> print(run["spikes"].t)
        [11.] ms
    """

    # Neither is an argument: a reset is what the text says, at the end of a step.
    spk_reset: str = "hard"
    interpolate: bool = False
    spike_lag = None
    frozen: ClassVar[tuple[str, ...]] = ()
    strict: ClassVar[bool] = True  # v > v_th, and not >=
    noise_rule: ClassVar[str] = ""
    input_name: ClassVar[str] = "I"  # what the text calls it
    texts: ClassVar[dict[str, str]] = {}
    equation_methods: ClassVar[dict[str, Set[str]]] = {
        **Neuron.equation_methods,
        **dict.fromkeys(
            ("distance", "reset", "refractory_period", "stays_refractory"), frozenset()
        ),
    }

    def __init_subclass__(cls, **kwargs: object) -> None:
        noise = {name: frozenset[str]() for name in vars(cls) if name.startswith("xi")}
        if noise:
            cls.equation_methods = {**cls.equation_methods, **noise}
        super().__init_subclass__(**kwargs)
        fixed = cls.equations.methods.get("reset") == ()
        if fixed and cls.V_reset is EquationNeuron.V_reset:
            cls.reset_potential = Neuron.reset_potential  # type: ignore[method-assign]
        elif "reset" in vars(cls):
            cls.reset_potential = EquationNeuron.reset_potential  # type: ignore[method-assign]

    def fixed_values(self) -> dict[str, object]:
        """What else makes a model what it is: the texts, for checkpoints."""
        return dict(self.texts)

    # What equations may ask for

    @property
    def dt(self) -> Time:
        """The length of the step."""
        return current_dt()

    @property
    def i(self) -> Array:
        """The number of each neuron."""
        size = self.in_size
        return jnp.arange(jnp.prod(jnp.asarray(size)).item()).reshape(size)

    @property
    def N(self) -> int:
        """How many neurons there are."""
        return int(jnp.prod(jnp.asarray(self.in_size)))

    def of_time(self, function: Callable[[Time], Quantity]) -> Quantity:
        """The value of a function at the time at which the step begins.

        Args:
            function: A function of the time.
        """
        return at_time(function)

    @property
    def V_reset(self) -> Quantity:
        """The potential after a spike, of neurons as they are now."""
        if "reset" not in self.equations.methods:
            raise AttributeError(f"{type(self).__name__} has no reset of V")
        return self.call_equation("reset", self.state_values())

    @property
    def tau_ref(self) -> Time:
        """The period for which V is held, of neurons as they are now; in a step of no length."""
        if "refractory_period" not in self.equations.methods or "V" not in self.frozen:
            raise AttributeError(f"{type(self).__name__} does not hold V for a time")
        return self.call_equation("refractory_period", self.state_values())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the states, for random numbers."""
        return tuple(self.V.value.shape)

    # The parts of a step

    def threshold(self, *args: Quantity, **states: Quantity) -> Quantity:
        """The potential at which a neuron spikes: beyond all, if the text has no threshold.

        Args:
            args: Empty here; a model that needs states takes them by name.
            states: Empty here, as `args`.
        """
        return u.Quantity(jnp.inf, unit=u.get_unit(self.V.value))

    def scale(self, *args: Quantity, **states: Quantity) -> Quantity:
        """The range of V to which the surrogate gradient refers.

        Args:
            args: Empty here; a model that needs states takes them by name.
            states: Empty here, as `args`.
        """
        return u.Quantity(1.0, unit=u.get_unit(self.V.value))

    def spikes_at(self, y: Values) -> Array:
        """Spikes (0. or 1.) of a neuron with these states.

        Args:
            y: Values of the states by name.
        """
        if "distance" in self.equations.methods:
            z = self.call_equation("distance", y)
        elif type(self).threshold is EquationNeuron.threshold:
            return jnp.zeros(y["V"].shape, brainstate.environ.dftype())
        else:
            z = y["V"] - self.call_equation("threshold", y)
            z = u.get_magnitude(z / self.scale())
            z = jnp.where(z == 0, z - float(np.finfo(z.dtype).tiny), z) if self.strict else z
        return self.spk_fun(jnp.broadcast_to(z, y["V"].shape))  # type: ignore[operator]

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states after what arrived at the end of the last step, and after its spikes.

        Args:
            y: The states, `spike` among them.
        """
        y = super().after_spike(self._with_arrivals(y))
        if "not_refractory" in y:
            y["not_refractory"] = self._may_spike(y).astype(jnp.int8)
        return y

    def reset_potential(self, y: Values, spk: Array) -> Quantity:
        """V after the reset of neurons that spiked.

        Args:
            y: The states before.
            spk: Spikes, 0. or 1.
        """
        if "reset" not in self.equations.methods:
            return y["V"]
        if self.detach_reset is not False:
            spk = jax.lax.stop_gradient(spk)
        return at_spikes(spk, self.call_equation("reset", y), y["V"])

    def add_jumps(self, y: Values) -> dict[str, Quantity]:
        """The states as they are: what arrives has been added as the step began.

        Args:
            y: The states.
        """
        return dict(y)

    def drift(self, name: str, x: Quantity) -> Any:
        """The derivative of one state, none while it is frozen.

        Args:
            name: Name of the state.
            x: Input of the step.
        """
        drift = super().drift(name, x)
        if name not in self.frozen or "not_refractory" not in self.declared_states():
            return drift

        def rate(y: Values) -> Quantity:
            value = drift(y)
            return u.math.where(y["not_refractory"] > 0, value, 0.0 * value)

        return replace(drift, rate=rate)

    def integrate(self, y: Values, x: Quantity) -> dict[str, Quantity]:
        """The states one step later, with noise, without jumps and spikes.

        Args:
            y: Values of the states by name.
            x: Input of the step.
        """
        new = super().integrate(y, x)
        methods = [name for name in self.equation_methods if name.startswith("xi")]
        if not methods:
            return new
        names = sorted({method.rpartition("_")[0] for method in methods})
        root = u.math.sqrt(current_dt())
        drawn = {name: keys.normal(self.shape) * root for name in names}
        more = self._noise(methods, drawn, y)
        if self.noise_rule == "heun":
            ahead = self._noise(methods, drawn, {**y, **{n: y[n] + more[n] for n in more}})
            more = {name: (more[name] + ahead[name]) / 2.0 for name in more}
        return {**new, **{name: new[name] + more[name] for name in more}}

    def fires(self, before: Values, new: Values) -> Array:
        """The spikes of a step: none of neurons that are refractory.

        Args:
            before: The states before the step.
            new: Those after it.
        """
        spikes = super().fires(before, new)
        if "not_refractory" in new:
            spikes = jnp.where(new["not_refractory"] > 0, spikes, 0.0)
        return spikes

    def after_step(self, before: Values, new: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states to keep; a neuron that spiked is refractory.

        Args:
            before: The states before the step.
            new: Those after it.
        """
        new = super().after_step(before, new)
        if "not_refractory" in new:
            free = (new["not_refractory"] > 0) & (new["spike"] == 0)
            new["not_refractory"] = free.astype(jnp.int8)
        if "steps_since" in new:
            later = jnp.minimum(new["steps_since"] + 1, LONG_AGO)
            new["steps_since"] = jnp.where(new["spike"] > 0, 1, later)
        return new

    def _noise(self, methods: list[str], drawn: Values, y: Values) -> dict[str, Quantity]:
        more: dict[str, Quantity] = {}
        for method in methods:
            xi, _, name = method.rpartition("_")
            part = self.call_equation(method, y) * drawn[xi]
            part = u.Quantity(part).in_unit(u.get_unit(y[name]))
            if name in self.frozen and "not_refractory" in y:
                part = u.math.where(y["not_refractory"] > 0, part, 0.0 * part)
            more[name] = more[name] + part if name in more else part
        return {name: u.maybe_decimal(part) for name, part in more.items()}

    def _with_arrivals(self, y: Values) -> dict[str, Quantity]:
        """The states with the registered jumps: of the state that their label names, or of V."""
        y = dict(y)
        for key, inp in list(self.delta_inputs.items()):
            label = key.partition(" // ")[0] if " // " in key else self.jump_state
            name = label if label in y else self.jump_state
            value = inp() if callable(inp) else inp
            if not same_dimension(y[name], value):
                raise InputError(
                    f"{type(self).__name__}: the input {key!r} should be "
                    f"{dimension_name(y[name])}, got {show(value)}"
                )
            if name in self.frozen and "not_refractory" in y:
                value = u.math.where(y["not_refractory"] > 0, value, 0.0 * value)
            y[name] = y[name] + value
        return y

    def _may_spike(self, y: Values) -> Array:
        """Whether neurons are no longer refractory."""
        if "stays_refractory" in self.equations.methods:
            stays = jnp.broadcast_to(self.call_equation("stays_refractory", y), y["V"].shape)
            return (y["not_refractory"] > 0) | jnp.logical_not(stays)
        period = in_steps(self.call_equation("refractory_period", y), current_dt())
        xp = jnp if isinstance(period, jax.core.Tracer) else np
        return jnp.asarray(y["steps_since"] >= xp.floor(period + 1e-3))

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        found = {
            **Neuron.semantics(source),
            "jump": f"added to {source.jump_state} before the reset, as the next step begins",
            "reset": "what the text says, as the next step begins",
        }
        if "not_refractory" in source.declared_states():
            found["refractory"] = "for the period less a step after that of the spike"
        return found


def steps_since() -> Any:
    """Declare the state `steps_since`, the number of steps since the last spike."""
    return state(
        lambda model, shape: jnp.full(shape, LONG_AGO, jnp.int32),
        "steps since the last spike",
        brainstate.ShortTermState,
    )


def not_refractory() -> Any:
    """Declare the state `not_refractory`, whether a neuron can spike."""
    return state(
        lambda model, shape: jnp.ones(shape, jnp.int8),
        "whether a neuron can spike, 1 or 0",
        brainstate.ShortTermState,
    )
