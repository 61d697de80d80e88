"""Generalized integrate-and-fire neurons of Pozzorini and Mensi: their spikes are random."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Constraint, Neuron, full, keys, option, param, positive, state
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Scheme, Values
from brainloom_core.units import same_dimension, to_number

from .base import ExpConductances, ExpCurrents, NestNeuron, none_of

__all__ = ["gif_cond_exp", "gif_psc_exp"]

MAX_EXPONENT = 30.0  # e^30 spikes per step are one for certain


def _are(unit: u.Unit, example: str) -> Constraint:
    def holds(values: Any) -> bool:
        try:
            return all(same_dimension(value, unit) and np.ndim(value) == 0 for value in values)
        except TypeError:
            return False

    return Constraint(f"a tuple of values, such as {example}", holds)


_times = _are(u.ms, "(10 * u.ms, 100 * u.ms)")
_currents = _are(u.pA, "(5 * u.pA, 1 * u.pA)")
_voltages = _are(u.mV, "(5 * u.mV, 1 * u.mV)")


def _numbers(values: tuple[Quantity, ...], unit: u.Unit) -> Array:
    return jnp.asarray([to_number(value, unit) for value in values], brainstate.environ.dftype())


class _Generalized(NestNeuron):
    """Escape noise, a threshold and a current that spikes raise, as sums of exponentials."""

    C_m: Quantity = param(default=80.0 * u.pF, constraint=positive, doc="membrane capacitance")
    g_L: Quantity = param(default=4.0 * u.nS, constraint=positive, doc="leak conductance")
    E_L: Quantity = param(default=-70.0 * u.mV, doc="reversal potential of the leak")
    V_reset: Quantity = param(default=-55.0 * u.mV, doc="reset potential")
    t_ref: Quantity = param(default=4.0 * u.ms, constraint=positive, doc="refractory period")
    V_T_star: Quantity = param(default=-35.0 * u.mV, doc="threshold at rest")
    Delta_V: Quantity = param(default=0.5 * u.mV, constraint=positive, doc="width of the threshold")
    lambda_0: Quantity = param(default=1.0 * u.Hz, constraint=positive, doc="hazard at threshold")
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")
    tau_sfa: tuple[Quantity, ...] = option(
        default=(), constraint=_times, doc="time constants of the threshold"
    )
    q_sfa: tuple[Quantity, ...] = option(
        default=(), constraint=_voltages, doc="rises of the threshold by a spike, as many"
    )
    tau_stc: tuple[Quantity, ...] = option(
        default=(), constraint=_times, doc="time constants of the current after spikes"
    )
    q_stc: tuple[Quantity, ...] = option(
        default=(), constraint=_currents, doc="rises of the current after spikes, as many"
    )
    sfa_elems = state(
        lambda model, shape: full(0.0 * u.mV, shape), "parts of the threshold", per="tau_sfa"
    )
    stc_elems = state(
        lambda model, shape: full(0.0 * u.pA, shape), "parts of the current", per="tau_stc"
    )
    I_stc = state(none_of(u.pA), "current after spikes in this step", brainstate.ShortTermState)
    E_sfa = state(
        lambda model, shape: full(model.V_T_star, shape),
        "threshold of this step",
        brainstate.ShortTermState,
    )

    def threshold(self, E_sfa: Quantity) -> Quantity:
        return E_sfa

    def scale(self) -> Quantity:
        return self.Delta_V

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """What the last spikes change, and what acts in this step.

        Threshold and current after spikes are those of the beginning of the step, held over it.

        Args:
            y: Values of the states by name.
        """
        y, dt = super().after_spike(y), current_dt()
        for parts, q, tau, unit in (
            ("sfa_elems", self.q_sfa, self.tau_sfa, u.mV),
            ("stc_elems", self.q_stc, self.tau_stc, u.pA),
        ):
            now = y[parts] + self.felt_spikes(y["spike"])[..., None] * _numbers(q, unit) * unit
            decay = jnp.exp(-to_number(dt, u.ms) / _numbers(tau, u.ms))
            total = now.sum(-1)
            acting = {"E_sfa": self.V_T_star + total} if unit == u.mV else {"I_stc": total}
            y = {**y, parts: now * decay, **acting}
        return y

    def spikes_at(self, y: Values) -> Array:
        """Newly drawn spikes of a step that ends with these states.

        Args:
            y: Values of the states by name.
        """
        distance = u.get_magnitude((y["V"] - y["E_sfa"]) / self.Delta_V)
        per_step = u.get_magnitude(self.lambda_0 * current_dt())
        chance = -jnp.expm1(-per_step * jnp.exp(jnp.minimum(distance, MAX_EXPONENT)))
        most = jnp.minimum(jnp.round(chance * 2.0**32), 2.0**32 - 2.0**8).astype(jnp.uint32)
        spikes = (keys.bits(chance.shape) < most).astype(chance.dtype)
        return spikes + (chance - jax.lax.stop_gradient(chance))


class gif_psc_exp(ExpCurrents, _Generalized):
    r"""Generalized integrate-and-fire neuron with exponentially decaying synaptic currents.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) - \sum_j \eta_j + I_\mathrm{ex} + I_\mathrm{in} + I_e + I,
    \qquad \frac{dI_X}{dt} = -\frac{I_X}{\tau_{\mathrm{syn},X}}
    $$

    $$
    \lambda = \lambda_0 \exp\frac{V - V_T^* - \sum_j \gamma_j}{\Delta_V}, \qquad
    \frac{d\eta_j}{dt} = -\frac{\eta_j}{\tau_{\mathrm{stc},j}}, \qquad
    \frac{d\gamma_j}{dt} = -\frac{\gamma_j}{\tau_{\mathrm{sfa},j}}
    $$

    spikes at random with the hazard $\lambda$; then $\eta_j$ rises by $q_{\mathrm{stc},j}$,
    $\gamma_j$ by $q_{\mathrm{sfa},j}$, and $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$.
    A spike that arrives raises $I_X$ by its weight. Threshold and current after spikes are held
    over a step, as in NEST; the rest is exact. The value of a spike is the number drawn, its
    derivative that of the probability.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 4 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 80 pF; scalar or one per neuron.
        g_L: Leak conductance, 4 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70 mV; scalar or one per neuron.
        V_reset: Reset potential, -55 mV; scalar or one per neuron.
        V_T_star: Threshold at rest, -35 mV; scalar or one per neuron.
        Delta_V: Width of the threshold, 0.5 mV; scalar or one per neuron.
        lambda_0: Hazard at threshold, 1 Hz; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        tau_sfa: Time constants of the threshold, `()`.
        q_sfa: Rises of the threshold by a spike, as many, `()`.
        tau_stc: Time constants of the current after spikes, `()`.
        q_stc: Rises of the current after spikes, as many, `()`.
        tau_syn_ex: Time constant of excitatory currents, 2 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory currents, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        sfa_elems: Parts of the threshold, shape `(*batch, *in_size, len(tau_sfa))`, mV.
        stc_elems: Parts of the current, shape `(*batch, *in_size, len(tau_stc))`, pA.
        I_syn_ex: Excitatory synaptic current, shape `(*batch, *in_size)`, pA.
        I_syn_in: Inhibitory synaptic current, shape `(*batch, *in_size)`, pA.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.
        I_stc: Current after spikes in this step, shape `(*batch, *in_size)`, pA.
        E_sfa: Threshold of this step, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Mensi et al. (2012), J. Neurophysiol. 107, 1756, doi:10.1152/jn.00408.2011; Pozzorini et
        al. (2015), PLoS Comput. Biol. 11, e1004275, doi:10.1371/journal.pcbi.1004275.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import gif_psc_exp
        >>> cell, current = gif_psc_exp(1), 400 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        18
    """

    acts_on_arrival = True
    linear = True

    def dV(
        self, V: Quantity, I_syn_ex: Quantity, I_syn_in: Quantity, I_stc: Quantity, I: Quantity
    ) -> Quantity:
        leak = self.g_L * (self.E_L - V)
        return (leak + I_syn_ex + I_syn_in - I_stc + self.I_e + I) / self.C_m


class gif_cond_exp(ExpConductances, _Generalized):
    r"""Generalized integrate-and-fire neuron with exponentially decaying conductances.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) - \sum_j \eta_j + g_\mathrm{ex} (E_\mathrm{ex} - V)
    + g_\mathrm{in} (E_\mathrm{in} - V) + I_e + I,
    \qquad \frac{dg_X}{dt} = -\frac{g_X}{\tau_{\mathrm{syn},X}}
    $$

    $$
    \lambda = \lambda_0 \exp\frac{V - V_T^* - \sum_j \gamma_j}{\Delta_V}, \qquad
    \frac{d\eta_j}{dt} = -\frac{\eta_j}{\tau_{\mathrm{stc},j}}, \qquad
    \frac{d\gamma_j}{dt} = -\frac{\gamma_j}{\tau_{\mathrm{sfa},j}}
    $$

    spikes at random with the hazard $\lambda$; then $\eta_j$ rises by $q_{\mathrm{stc},j}$,
    $\gamma_j$ by $q_{\mathrm{sfa},j}$, and $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$.
    A spike that arrives raises $g_X$ by its weight. Threshold and current after spikes are held
    over a step, as in NEST. The value of a spike is the number drawn, its derivative that of the
    probability.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 4 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 80 pF; scalar or one per neuron.
        g_L: Leak conductance, 4 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70 mV; scalar or one per neuron.
        V_reset: Reset potential, -55 mV; scalar or one per neuron.
        V_T_star: Threshold at rest, -35 mV; scalar or one per neuron.
        Delta_V: Width of the threshold, 0.5 mV; scalar or one per neuron.
        lambda_0: Hazard at threshold, 1 Hz; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        tau_sfa: Time constants of the threshold, `()`.
        q_sfa: Rises of the threshold by a spike, as many, `()`.
        tau_stc: Time constants of the current after spikes, `()`.
        q_stc: Rises of the current after spikes, as many, `()`.
        E_ex: Excitatory reversal potential, 0 mV; scalar or one per neuron.
        E_in: Inhibitory reversal potential, -85 mV; scalar or one per neuron.
        tau_syn_ex: Time constant of excitatory conductances, 2 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory conductances, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"rk4x5"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        sfa_elems: Parts of the threshold, shape `(*batch, *in_size, len(tau_sfa))`, mV.
        stc_elems: Parts of the current, shape `(*batch, *in_size, len(tau_stc))`, pA.
        g_ex: Excitatory conductance, shape `(*batch, *in_size)`, nS.
        g_in: Inhibitory conductance, shape `(*batch, *in_size)`, nS.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.
        I_stc: Current after spikes in this step, shape `(*batch, *in_size)`, pA.
        E_sfa: Threshold of this step, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Mensi et al. (2012), J. Neurophysiol. 107, 1756, doi:10.1152/jn.00408.2011; Pozzorini et
        al. (2015), PLoS Comput. Biol. 11, e1004275, doi:10.1371/journal.pcbi.1004275.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import gif_cond_exp
        >>> cell, current = gif_cond_exp(1), 400 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        18
    """

    tau_syn_ex: Quantity = param(
        default=2.0 * u.ms, constraint=positive, doc="time constant of excitatory conductances"
    )
    solver: Scheme | str = option(
        default="rk4x5",
        constraint=Neuron.declared_parameters()["solver"].constraint,
        doc="time-stepping scheme",
    )

    def dV(
        self, V: Quantity, g_ex: Quantity, g_in: Quantity, I_stc: Quantity, I: Quantity
    ) -> Quantity:
        leak = self.g_L * (self.E_L - V)
        return (leak + self.I_syn(V, g_ex, g_in) - I_stc + self.I_e + I) / self.C_m
