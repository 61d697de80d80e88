"""Adaptive exponential integrate-and-fire neurons."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import (
    SOLVERS,
    Constraint,
    full,
    initializer,
    option,
    param,
    positive,
    repeated,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.small_steps import in_two_parts
from brainloom_core.types import Array, Initializer, Quantity, Time, Values
from brainloom_core.units import exprel, log1prel, step_count

from .base import AlphaConductances, ExpConductances, ExpCurrents, NestNeuron, none_of

__all__ = ["aeif_cond_alpha", "aeif_cond_exp", "aeif_psc_exp"]

Drifts = Mapping[str, Callable[[Values], Quantity]]

STEEP = 0.25  # growth of the exponential current in a part of a step, from which it leads


_is_count = Constraint(
    "a whole number >= 1", lambda n: isinstance(n, int) and not isinstance(n, bool) and n >= 1
)


class _Adaptive(NestNeuron):
    """The exponential upswing, and a spike within a step, as NEST has them.

    A step is taken in `parts` by `rk4`; the upswing, which grows without bound, along its own
    solution, of which the spike is the end. What it does to V and w it does there.
    """

    caps_overshoot = True
    unverified: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("solution of the declared equations", "threshold", "reset"),
        "a spike ends the upswing within a part of a step; parity compares with NEST",
    )
    solver: str = "rk4"

    C_m: Quantity = param(default=281.0 * u.pF, constraint=positive, doc="membrane capacitance")
    g_L: Quantity = param(default=30.0 * u.nS, constraint=positive, doc="leak conductance")
    E_L: Quantity = param(default=-70.6 * u.mV, doc="reversal potential of the leak")
    V_m: Initializer = initializer(default=-70.6 * u.mV)
    V_th: Quantity = param(default=-50.4 * u.mV, doc="potential of the upswing")
    Delta_T: Quantity = param(default=2.0 * u.mV, constraint=positive, doc="width of the upswing")
    V_peak: Quantity = param(default=0.0 * u.mV, doc="end of the upswing", above="V_reset")
    V_reset: Quantity = param(default=-60.0 * u.mV, doc="reset potential")
    t_ref: Quantity = param(default=0.0 * u.ms, doc="refractory period")
    a: Quantity = param(default=4.0 * u.nS, doc="coupling of adaptation to the potential")
    b: Quantity = param(default=80.5 * u.pA, doc="rise of adaptation by a spike")
    tau_w: Quantity = param(
        default=144.0 * u.ms, constraint=positive, doc="time constant of adaptation"
    )
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")
    parts: int = option(default=10, constraint=_is_count, doc="parts of a step")
    w = state(none_of(u.pA), "adaptation current", slow=True)
    V_top = state(
        lambda model, shape: full(model.E_L, shape),
        "largest potential of the last step",
        brainstate.ShortTermState,
    )

    def threshold(self) -> Quantity:
        return self.V_peak

    def scale(self) -> Quantity:
        return self.V_th - self.V_reset

    def spike_current(self, V: Quantity) -> Quantity:
        """The current of the upswing."""
        return self.g_L * self.Delta_T * u.math.exp((V - self.V_th) / self.Delta_T)

    def membrane_current(self, V: Quantity) -> Quantity:
        """The currents through the membrane, but for the synapses and w."""
        return self.g_L * (self.E_L - V) + self.spike_current(V) + self.I_e

    def dw(self, w: Quantity, V: Quantity) -> Quantity:
        return (self.a * (V - self.E_L) - w) / self.tau_w

    def spikes_at(self, y: Values) -> Array:
        return super().spikes_at({**y, "V": y["V_top"]})

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        return y  # V and w are what they are since the spike

    def integrate(self, y: Values, x: Quantity) -> dict[str, Quantity]:
        """The states one step later, a spike within it being over.

        Args:
            y: Values of the states by name.
            x: Input of the step.
        """
        new = in_two_parts(self._parts, ["w"])(self.drifts(x), y, current_dt())
        return {**y, **new, "steps_held": y["steps_held"]}

    def _parts(self, drifts: Drifts, y: Values, dt: Time) -> dict[str, Quantity]:
        """A step, in parts, each of which changes V by what a float32 could not add to it."""
        start = y["V"]

        def moved(drift: Callable[[Values], Quantity]) -> Callable[[Values], Quantity]:
            return lambda z: drift({**z, "V": start + z["V"]})

        drifts = {name: moved(drift) for name, drift in drifts.items()}
        changing = {name: y[name] for name in (*drifts, "steps_held")}

        def part(now: Values) -> Values:
            return self._part(drifts, {**y, **now}, dt / self.parts, start)

        new = repeated(part, {**changing, "V": 0.0 * start, "V_top": start}, self.parts)
        return {**new, "V": start + new["V"]}

    def _part(self, drifts: Drifts, y: Values, h: Time, start: Quantity) -> Values:
        """The states a part of a step later, V being the distance from where the step began."""
        new = SOLVERS["rk4"](drifts, y, h)
        V = start + y["V"]
        steep, rise, until, mean = self._upswing(drifts["V"](y), V, h)
        held = y["steps_held"] > 0
        spikes = ~held & (until < 1.0)
        left = jnp.where(spikes, 1.0 - until, 0.0)  # of the part, after the spike
        along = drifts["w"]({**y, "V": mean - start})
        w = u.math.where(steep & ~held, y["w"] + until * h * along, new["w"])
        rise = u.math.where(steep, rise - start, u.math.minimum(new["V"], self.V_peak - start))
        reset = {
            **new,
            "V": u.math.where(held | spikes, self.V_reset - start, rise),
            "w": u.math.where(spikes, w + self.b, w),
            "steps_held": jnp.where(spikes, self._steps(), y["steps_held"]),
        }
        after = SOLVERS["rk4"](drifts, {**y, **reset}, left * h)
        resting = reset["steps_held"] > 0
        peak = self.V_peak + (V - jax.lax.stop_gradient(V))
        top = u.math.maximum(y["V_top"], u.math.where(spikes, peak, start + rise))
        return {
            **reset,
            "V": u.math.where(resting, self.V_reset - start, after["V"]),
            "w": after["w"],
            "V_top": u.math.where(held, y["V_top"], top),
        }

    def _steps(self) -> Array:
        return step_count(self.tau_ref, current_dt())

    def _upswing(
        self, rate: Quantity, V: Quantity, h: Time
    ) -> tuple[Array, Quantity, Array, Quantity]:
        """Whether the upswing leads; V a part later; which part it takes to the peak; V's mean.

        In s = exp((V_th - V) / Delta_T), and with all but the exponential current held, the
        equation is linear. A peak that is not reached is 1 part away.
        """
        s, last = (self._s(u.math.minimum(V, self.V_peak)), self._s(self.V_peak))
        grow = h * self.g_L / self.C_m
        other = u.get_magnitude(h * rate / self.Delta_T) - grow / s
        z = other * (s - last) / (other * last + grow)
        rises = (other * s + grow > 0.0) & (z > -1.0)
        until = (s - last) / (other * last + grow) * log1prel(jnp.where(rises, z, 0.0))
        until = jnp.where(rises, jnp.minimum(until, 1.0), 1.0)
        steep = (rises & (grow / s > STEEP)) | (until < 1.0)
        decay = jnp.where(steep, other, 0.0)
        left = jnp.maximum(s * jnp.exp(-decay) - grow * exprel(-decay), last)
        ratio = jnp.where(steep, left / s, 0.5)
        along = V - self.Delta_T * jnp.log(ratio)
        mean = V + self.Delta_T * (1.0 + ratio * jnp.log(ratio) / (1.0 - ratio))
        return steep, along, until, mean

    def _s(self, V: Quantity) -> Array:
        return jnp.exp(u.get_magnitude((self.V_th - V) / self.Delta_T))


class aeif_cond_exp(ExpConductances, _Adaptive):
    r"""Adaptive exponential integrate-and-fire neuron with exponentially decaying conductances.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) + g_L \Delta_T \exp\frac{V - V_\mathrm{th}}{\Delta_T}
    + g_\mathrm{ex} (E_\mathrm{ex} - V) + g_\mathrm{in} (E_\mathrm{in} - V) - w + I_e + I
    $$

    $$
    \tau_w \frac{dw}{dt} = a\,(V - E_L) - w, \qquad
    \frac{dg_X}{dt} = -\frac{g_X}{\tau_{\mathrm{syn},X}}
    $$

    spikes when $V \ge V_\mathrm{peak}$, within the step; then $w \leftarrow w + b$ and
    $V \leftarrow V_\mathrm{reset}$, where it stays to the end of the step and for
    $t_\mathrm{ref}$, or goes on at once if that is zero. A spike that arrives raises $g_X$ by its
    weight.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 0 ms; scalar or one per neuron.
        V_m: Initial potential, -70.6 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 281 pF; scalar or one per neuron.
        g_L: Leak conductance, 30 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70.6 mV; scalar or one per neuron.
        V_th: Potential of the upswing, -50.4 mV; scalar or one per neuron.
        Delta_T: Width of the upswing, 2 mV; scalar or one per neuron.
        V_peak: End of the upswing, 0 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -60 mV; scalar or one per neuron.
        a: Coupling of adaptation to the potential, 4 nS; scalar or one per neuron.
        b: Rise of adaptation by a spike, 80.5 pA; scalar or one per neuron.
        tau_w: Time constant of adaptation, 144 ms; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        parts: Parts of a step, 10.
        E_ex: Excitatory reversal potential, 0 mV; scalar or one per neuron.
        E_in: Inhibitory reversal potential, -85 mV; scalar or one per neuron.
        tau_syn_ex: Time constant of excitatory conductances, 0.2 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory conductances, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        w: Adaptation current, shape `(*batch, *in_size)`, pA.
        g_ex: Excitatory conductance, shape `(*batch, *in_size)`, nS.
        g_in: Inhibitory conductance, shape `(*batch, *in_size)`, nS.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.
        V_top: Largest potential of the last step, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Brette & Gerstner (2005), J. Neurophysiol. 94, 3637, doi:10.1152/jn.00686.2005.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import aeif_cond_exp
        >>> cell, current = aeif_cond_exp(1), 1000 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        9
    """

    def dV(self, V: Quantity, w: Quantity, g_ex: Quantity, g_in: Quantity, I: Quantity) -> Quantity:
        V = u.math.minimum(V, self.V_peak)
        return (self.membrane_current(V) + self.I_syn(V, g_ex, g_in) - w + I) / self.C_m


class aeif_cond_alpha(AlphaConductances, _Adaptive):
    r"""Adaptive exponential integrate-and-fire neuron with conductances shaped as alpha functions.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) + g_L \Delta_T \exp\frac{V - V_\mathrm{th}}{\Delta_T}
    + g_\mathrm{ex} (E_\mathrm{ex} - V) + g_\mathrm{in} (E_\mathrm{in} - V) - w + I_e + I
    $$

    $$
    \tau_w \frac{dw}{dt} = a\,(V - E_L) - w, \qquad
    \frac{dg_X}{dt} = \frac{e\,r_X - g_X}{\tau_{\mathrm{syn},X}},
    \qquad \frac{dr_X}{dt} = -\frac{r_X}{\tau_{\mathrm{syn},X}}
    $$

    spikes when $V \ge V_\mathrm{peak}$, within the step; then $w \leftarrow w + b$ and
    $V \leftarrow V_\mathrm{reset}$, where it stays to the end of the step and for
    $t_\mathrm{ref}$, or goes on at once if that is zero. A spike that arrives raises $r_X$ by its
    weight, which is the peak of the conductance that follows.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 0 ms; scalar or one per neuron.
        V_m: Initial potential, -70.6 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 281 pF; scalar or one per neuron.
        g_L: Leak conductance, 30 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70.6 mV; scalar or one per neuron.
        V_th: Potential of the upswing, -50.4 mV; scalar or one per neuron.
        Delta_T: Width of the upswing, 2 mV; scalar or one per neuron.
        V_peak: End of the upswing, 0 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -60 mV; scalar or one per neuron.
        a: Coupling of adaptation to the potential, 4 nS; scalar or one per neuron.
        b: Rise of adaptation by a spike, 80.5 pA; scalar or one per neuron.
        tau_w: Time constant of adaptation, 144 ms; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        parts: Parts of a step, 10.
        E_ex: Excitatory reversal potential, 0 mV; scalar or one per neuron.
        E_in: Inhibitory reversal potential, -85 mV; scalar or one per neuron.
        tau_syn_ex: Rise time of excitatory conductances, 0.2 ms; scalar or one per neuron.
        tau_syn_in: Rise time of inhibitory conductances, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        w: Adaptation current, shape `(*batch, *in_size)`, pA.
        g_ex: Excitatory conductance, shape `(*batch, *in_size)`, nS.
        g_in: Inhibitory conductance, shape `(*batch, *in_size)`, nS.
        rise_ex: What excitatory spikes raise, shape `(*batch, *in_size)`, nS.
        rise_in: What inhibitory spikes raise, shape `(*batch, *in_size)`, nS.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.
        V_top: Largest potential of the last step, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Brette & Gerstner (2005), J. Neurophysiol. 94, 3637, doi:10.1152/jn.00686.2005.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import aeif_cond_alpha
        >>> cell, current = aeif_cond_alpha(1), 1000 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        9
    """

    def dV(self, V: Quantity, w: Quantity, g_ex: Quantity, g_in: Quantity, I: Quantity) -> Quantity:
        V = u.math.minimum(V, self.V_peak)
        return (self.membrane_current(V) + self.I_syn(V, g_ex, g_in) - w + I) / self.C_m


class aeif_psc_exp(ExpCurrents, _Adaptive):
    r"""Adaptive exponential integrate-and-fire neuron with exponentially decaying currents.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) + g_L \Delta_T \exp\frac{V - V_\mathrm{th}}{\Delta_T}
    + I_\mathrm{ex} + I_\mathrm{in} - w + I_e + I
    $$

    $$
    \tau_w \frac{dw}{dt} = a\,(V - E_L) - w, \qquad
    \frac{dI_X}{dt} = -\frac{I_X}{\tau_{\mathrm{syn},X}}
    $$

    spikes when $V \ge V_\mathrm{peak}$, within the step; then $w \leftarrow w + b$ and
    $V \leftarrow V_\mathrm{reset}$, where it stays to the end of the step and for
    $t_\mathrm{ref}$, or goes on at once if that is zero. A spike that arrives raises $I_X$ by its
    weight.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 0 ms; scalar or one per neuron.
        V_m: Initial potential, -70.6 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 281 pF; scalar or one per neuron.
        g_L: Leak conductance, 30 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70.6 mV; scalar or one per neuron.
        V_th: Potential of the upswing, -50.4 mV; scalar or one per neuron.
        Delta_T: Width of the upswing, 2 mV; scalar or one per neuron.
        V_peak: End of the upswing, 0 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -60 mV; scalar or one per neuron.
        a: Coupling of adaptation to the potential, 4 nS; scalar or one per neuron.
        b: Rise of adaptation by a spike, 80.5 pA; scalar or one per neuron.
        tau_w: Time constant of adaptation, 144 ms; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        parts: Parts of a step, 10.
        tau_syn_ex: Time constant of excitatory currents, 0.2 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory currents, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        w: Adaptation current, shape `(*batch, *in_size)`, pA.
        I_syn_ex: Excitatory synaptic current, shape `(*batch, *in_size)`, pA.
        I_syn_in: Inhibitory synaptic current, shape `(*batch, *in_size)`, pA.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.
        V_top: Largest potential of the last step, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Brette & Gerstner (2005), J. Neurophysiol. 94, 3637, doi:10.1152/jn.00686.2005.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import aeif_psc_exp
        >>> cell, current = aeif_psc_exp(1), 1000 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        9
    """

    tau_syn_ex: Quantity = param(
        default=0.2 * u.ms, constraint=positive, doc="time constant of excitatory currents"
    )

    def dV(
        self, V: Quantity, w: Quantity, I_syn_ex: Quantity, I_syn_in: Quantity, I: Quantity
    ) -> Quantity:
        V = u.math.minimum(V, self.V_peak)
        return (self.membrane_current(V) + I_syn_ex + I_syn_in - w + I) / self.C_m
