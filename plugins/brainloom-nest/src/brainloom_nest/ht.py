"""The neuron of Hill and Tononi."""

from collections.abc import Mapping
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp
from brainloom_core import Neuron, full, initializer, one_of, option, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity, Scheme, Shape, Values

from .base import NestNeuron

__all__ = ["ht_neuron"]

mV, ms = u.mV, u.ms
RECEPTORS = ("AMPA", "NMDA", "GABA_A", "GABA_B")


def _nothing(model: Any, shape: Shape) -> Quantity:
    return full(0.0, shape)


def _sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + jnp.exp(-x))


def _constant(value: float, doc: str) -> Any:
    return param(default=value * ms, constraint=positive, doc=doc)


class ht_neuron(NestNeuron):
    r"""Neuron of Hill and Tononi: integrate-and-fire, four intrinsic currents, four receptors.

    $$
    \tau_m \frac{dV}{dt} = -g_\mathrm{NaL} (V - E_\mathrm{Na}) - g_\mathrm{KL} (V - E_\mathrm{K})
    + I_\mathrm{syn} + I_\mathrm{NaP} + I_\mathrm{KNa} + I_T + I_h + I
    - \tau_m \frac{V - E_\mathrm{K}}{\tau_\mathrm{spike}}\,[\text{after a spike}]
    $$

    $$
    \frac{d\theta}{dt} = \frac{\theta_\mathrm{eq} - \theta}{\tau_\theta}, \qquad
    \frac{dr_X}{dt} = -\frac{r_X}{\tau_{\mathrm{rise},X}}, \qquad
    \frac{dg_X}{dt} = c_X r_X - \frac{g_X}{\tau_{\mathrm{decay},X}}
    $$

    spikes when $V \ge \theta$, at most once in $t_\mathrm{ref}$; then $V$ and $\theta$ become
    $E_\mathrm{Na}$, and a potassium current draws $V$ down for $t_\mathrm{ref}$. A spike that
    arrives at the port `"AMPA"`, `"NMDA"`, `"GABA_A"` or `"GABA_B"` raises $r_X$ by its weight, a
    number; $c_X$ makes the peak of $g_X$ for a weight of 1 `g_peak_X`. Conductances are relative
    to that of the potassium leak; a current of 1 pA is one of 1 mV. As NEST's, without
    `voltage_clamp`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        E_Na: Reversal potential of sodium, 30 mV; scalar or one per neuron.
        E_K: Reversal potential of potassium, -90 mV; scalar or one per neuron.
        g_NaL: Sodium leak, 0.2; scalar or one per neuron.
        g_KL: Potassium leak, 1; scalar or one per neuron.
        tau_m: Membrane time constant, 16 ms; scalar or one per neuron.
        theta_eq: Threshold at rest, -51 mV; scalar or one per neuron.
        tau_theta: Time constant of the threshold, 2 ms; scalar or one per neuron.
        tau_spike: Time constant of the current after a spike, 1.75 ms; scalar or one per neuron.
        g_peak_AMPA: Peak of AMPA, 0.1; scalar or one per neuron.
        tau_rise_AMPA: Rise of AMPA, 0.5 ms; scalar or one per neuron.
        tau_decay_AMPA: Decay of AMPA, 2.4 ms; scalar or one per neuron.
        E_rev_AMPA: Reversal potential of AMPA, 0 mV; scalar or one per neuron.
        g_peak_NMDA: Peak of NMDA, 0.075; scalar or one per neuron.
        tau_rise_NMDA: Rise of NMDA, 4 ms; scalar or one per neuron.
        tau_decay_NMDA: Decay of NMDA, 40 ms; scalar or one per neuron.
        E_rev_NMDA: Reversal potential of NMDA, 0 mV; scalar or one per neuron.
        V_act_NMDA: Potential at which NMDA is half open, -25.57 mV; scalar or one per neuron.
        S_act_NMDA: Steepness of that, 0.081 1 / mV; scalar or one per neuron.
        tau_Mg_slow_NMDA: Slow opening of NMDA, 22.7 ms; scalar or one per neuron.
        tau_Mg_fast_NMDA: Fast opening of NMDA, 0.68 ms; scalar or one per neuron.
        instant_unblock_NMDA: Whether NMDA opens at once, False.
        g_peak_GABA_A: Peak of GABA_A, 0.33; scalar or one per neuron.
        tau_rise_GABA_A: Rise of GABA_A, 1 ms; scalar or one per neuron.
        tau_decay_GABA_A: Decay of GABA_A, 7 ms; scalar or one per neuron.
        E_rev_GABA_A: Reversal potential of GABA_A, -70 mV; scalar or one per neuron.
        g_peak_GABA_B: Peak of GABA_B, 0.0132; scalar or one per neuron.
        tau_rise_GABA_B: Rise of GABA_B, 60 ms; scalar or one per neuron.
        tau_decay_GABA_B: Decay of GABA_B, 200 ms; scalar or one per neuron.
        E_rev_GABA_B: Reversal potential of GABA_B, -90 mV; scalar or one per neuron.
        g_peak_NaP: Persistent sodium current, 1; scalar or one per neuron.
        E_rev_NaP: Its reversal potential, 30 mV; scalar or one per neuron.
        N_NaP: Exponent of its activation, 3; scalar or one per neuron.
        g_peak_KNa: Potassium current that depends on activity, 1; scalar or one per neuron.
        E_rev_KNa: Reversal potential of that current, -90 mV; scalar or one per neuron.
        tau_D_KNa: Time constant of that current, 1250 ms; scalar or one per neuron.
        g_peak_T: Low-threshold calcium current, 1; scalar or one per neuron.
        E_rev_T: Reversal potential of the calcium current, 0 mV; scalar or one per neuron.
        N_T: Exponent of the calcium current's activation, 2; scalar or one per neuron.
        g_peak_h: Pacemaker current, 1; scalar or one per neuron.
        E_rev_h: Reversal potential of the pacemaker current, -40 mV; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"rk4x5"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        theta: Threshold, shape `(*batch, *in_size)`, mV.
        rise_AMPA: What spikes raise at AMPA, shape `(*batch, *in_size)`, no unit.
        g_AMPA: Conductance of AMPA, shape `(*batch, *in_size)`, no unit.
        rise_NMDA: What spikes raise at NMDA, shape `(*batch, *in_size)`, no unit.
        g_NMDA: Conductance of NMDA, but for its block, shape `(*batch, *in_size)`, no unit.
        rise_GABA_A: What spikes raise at GABA_A, shape `(*batch, *in_size)`, no unit.
        g_GABA_A: Conductance of GABA_A, shape `(*batch, *in_size)`, no unit.
        rise_GABA_B: What spikes raise at GABA_B, shape `(*batch, *in_size)`, no unit.
        g_GABA_B: Conductance of GABA_B, shape `(*batch, *in_size)`, no unit.
        m_fast_NMDA: Fast opening of NMDA, shape `(*batch, *in_size)`, no unit.
        m_slow_NMDA: Slow opening of NMDA, shape `(*batch, *in_size)`, no unit.
        D_IKNa: Activity that the potassium current sees, shape `(*batch, *in_size)`, no unit.
        m_IT: Activation of the calcium current, shape `(*batch, *in_size)`, no unit.
        h_IT: Inactivation of the calcium current, shape `(*batch, *in_size)`, no unit.
        m_Ih: Activation of the pacemaker current, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.
        rise_GABA_B_lost: What rounding has left out of rise_GABA_B, shape `(*batch, *in_size)`, no
            unit.
        g_GABA_B_lost: What rounding has left out of g_GABA_B, shape `(*batch, *in_size)`, no unit.
        D_IKNa_lost: What rounding has left out of D_IKNa, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Hill & Tononi (2005), J. Neurophysiol. 93, 1671, doi:10.1152/jn.00915.2004; Esser, Hill &
        Tononi (2007), Sleep 30, 1617, doi:10.1093/sleep/30.12.1617.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import ht_neuron
        >>> cell, current = ht_neuron(1), 50 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        35
    """

    ports: ClassVar[Mapping[str, str]] = {name: f"rise_{name}" for name in RECEPTORS}
    unverified: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("solution of the declared equations", "reset"),
        "a spike opens a current for a time, outside the equations; parity compares with NEST",
    )

    E_Na: Quantity = param(default=30.0 * mV, doc="reversal potential of sodium")
    E_K: Quantity = param(default=-90.0 * mV, doc="reversal potential of potassium")
    g_NaL: Quantity = param(default=0.2, doc="sodium leak")
    g_KL: Quantity = param(default=1.0, doc="potassium leak")
    tau_m: Quantity = _constant(16.0, "membrane time constant")
    theta_eq: Quantity = param(default=-51.0 * mV, doc="threshold at rest")
    tau_theta: Quantity = _constant(2.0, "time constant of the threshold")
    tau_spike: Quantity = _constant(1.75, "time constant of the current after a spike")
    g_peak_AMPA: Quantity = param(default=0.1, doc="peak of AMPA")
    tau_rise_AMPA: Quantity = _constant(0.5, "rise of AMPA")
    tau_decay_AMPA: Quantity = _constant(2.4, "decay of AMPA")
    E_rev_AMPA: Quantity = param(default=0.0 * mV, doc="reversal potential of AMPA")
    g_peak_NMDA: Quantity = param(default=0.075, doc="peak of NMDA")
    tau_rise_NMDA: Quantity = _constant(4.0, "rise of NMDA")
    tau_decay_NMDA: Quantity = _constant(40.0, "decay of NMDA")
    E_rev_NMDA: Quantity = param(default=0.0 * mV, doc="reversal potential of NMDA")
    V_act_NMDA: Quantity = param(default=-25.57 * mV, doc="potential at which NMDA is half open")
    S_act_NMDA: Quantity = param(default=0.081 / mV, doc="steepness of that")
    tau_Mg_slow_NMDA: Quantity = _constant(22.7, "slow opening of NMDA")
    tau_Mg_fast_NMDA: Quantity = _constant(0.68, "fast opening of NMDA")
    instant_unblock_NMDA: bool = option(
        default=False, constraint=one_of(True, False), doc="whether NMDA opens at once"
    )
    g_peak_GABA_A: Quantity = param(default=0.33, doc="peak of GABA_A")
    tau_rise_GABA_A: Quantity = _constant(1.0, "rise of GABA_A")
    tau_decay_GABA_A: Quantity = _constant(7.0, "decay of GABA_A")
    E_rev_GABA_A: Quantity = param(default=-70.0 * mV, doc="reversal potential of GABA_A")
    g_peak_GABA_B: Quantity = param(default=0.0132, doc="peak of GABA_B")
    tau_rise_GABA_B: Quantity = _constant(60.0, "rise of GABA_B")
    tau_decay_GABA_B: Quantity = _constant(200.0, "decay of GABA_B")
    E_rev_GABA_B: Quantity = param(default=-90.0 * mV, doc="reversal potential of GABA_B")
    g_peak_NaP: Quantity = param(default=1.0, doc="persistent sodium current")
    E_rev_NaP: Quantity = param(default=30.0 * mV, doc="its reversal potential")
    N_NaP: Quantity = param(default=3.0, doc="exponent of its activation")
    g_peak_KNa: Quantity = param(default=1.0, doc="potassium current that depends on activity")
    E_rev_KNa: Quantity = param(default=-90.0 * mV, doc="reversal potential of that current")
    tau_D_KNa: Quantity = _constant(1250.0, "time constant of that current")
    g_peak_T: Quantity = param(default=1.0, doc="low-threshold calcium current")
    E_rev_T: Quantity = param(default=0.0 * mV, doc="reversal potential of the calcium current")
    N_T: Quantity = param(default=2.0, doc="exponent of the calcium current's activation")
    g_peak_h: Quantity = param(default=1.0, doc="pacemaker current")
    E_rev_h: Quantity = param(default=-40.0 * mV, doc="reversal potential of the pacemaker current")
    V_m: Initializer = initializer(default=-70.0 * mV)
    solver: Scheme | str = option(
        default="rk4x5",
        constraint=Neuron.declared_parameters()["solver"].constraint,
        doc="time-stepping scheme",
    )
    theta = state(lambda model, shape: full(model.theta_eq, shape), "threshold")
    rise_AMPA = state(_nothing, "what spikes raise at AMPA")
    g_AMPA = state(_nothing, "conductance of AMPA")
    rise_NMDA = state(_nothing, "what spikes raise at NMDA")
    g_NMDA = state(_nothing, "conductance of NMDA, but for its block")
    rise_GABA_A = state(_nothing, "what spikes raise at GABA_A")
    g_GABA_A = state(_nothing, "conductance of GABA_A")
    rise_GABA_B = state(_nothing, "what spikes raise at GABA_B", slow=True)
    g_GABA_B = state(_nothing, "conductance of GABA_B", slow=True)
    m_fast_NMDA = state(lambda m, shape: m.m_eq_NMDA(m.V.value), "fast opening of NMDA")
    m_slow_NMDA = state(lambda m, shape: m.m_eq_NMDA(m.V.value), "slow opening of NMDA")
    D_IKNa = state(
        lambda m, shape: m.D_eq_KNa(m.V.value),
        "activity that the potassium current sees",
        slow=True,
    )
    m_IT = state(lambda m, shape: m.m_eq_T(m.V.value), "activation of the calcium current")
    h_IT = state(lambda m, shape: m.h_eq_T(m.V.value), "inactivation of the calcium current")
    m_Ih = state(lambda m, shape: m.m_eq_h(m.V.value), "activation of the pacemaker current")

    @property
    def V_reset(self) -> Quantity:
        """To which V is set by a spike."""
        return self.E_Na

    def threshold(self, theta: Quantity) -> Quantity:
        return theta

    def scale(self) -> Quantity:
        return 20.0 * mV

    def on_spike(self, theta: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"theta": theta + spk * (self.E_Na - theta)}

    def limit(self, y: Values) -> Quantity:
        """V, which nothing holds.

        Args:
            y: Values of the states by name.
        """
        return y["V"]

    def integrate(self, y: Values, x: Quantity) -> dict[str, Quantity]:
        """The states one step later; NMDA is blocked at once.

        Args:
            y: Values of the states by name.
            x: Input of the step.
        """
        new = super().integrate(y, x)
        most = self.m_eq_NMDA(new["V"])
        return {**new, **{n: jnp.minimum(new[n], most) for n in ("m_fast_NMDA", "m_slow_NMDA")}}

    # Steady states

    def m_eq_NMDA(self, V: Quantity) -> Array:
        """Steady opening of NMDA."""
        return _sigmoid(u.get_magnitude(self.S_act_NMDA * (V - self.V_act_NMDA)))

    def D_eq_KNa(self, V: Quantity) -> Array:
        """Steady activity."""
        return self.tau_D_KNa / ms * 0.025 * _sigmoid((V / mV + 10.0) / 5.0) + 0.001

    def m_eq_T(self, V: Quantity) -> Array:
        """Steady activation of the calcium current."""
        return _sigmoid((V / mV + 59.0) / 6.2)

    def h_eq_T(self, V: Quantity) -> Array:
        """Steady inactivation of the calcium current."""
        return _sigmoid(-(V / mV + 83.0) / 4.0)

    def m_eq_h(self, V: Quantity) -> Array:
        """Steady activation of the pacemaker current."""
        return _sigmoid(-(V / mV + 75.0) / 5.5)

    # Currents, in mV

    def synaptic(
        self,
        V: Quantity,
        g_AMPA: Array,
        g_NMDA: Array,
        g_GABA_A: Array,
        g_GABA_B: Array,
        m_fast_NMDA: Array,
        m_slow_NMDA: Array,
    ) -> Quantity:
        """The current through the synapses."""
        most, slow = self.m_eq_NMDA(V), 0.49 + 0.0028 * V / mV
        fast = (1.0 - slow) * jnp.minimum(m_fast_NMDA, most)
        opening = (
            most if self.instant_unblock_NMDA else fast + slow * jnp.minimum(m_slow_NMDA, most)
        )
        return (
            g_AMPA * (self.E_rev_AMPA - V)
            + g_NMDA * opening * (self.E_rev_NMDA - V)
            + g_GABA_A * (self.E_rev_GABA_A - V)
            + g_GABA_B * (self.E_rev_GABA_B - V)
        )

    def intrinsic(self, V: Quantity, D: Array, m_IT: Array, h_IT: Array, m_Ih: Array) -> Quantity:
        """The intrinsic currents and the leaks.

        Args:
            V: The potential.
            D: What opens the potassium current that depends on sodium.
            m_IT: Activation of the low-threshold calcium current.
            h_IT: Its inactivation.
            m_Ih: Activation of the current that hyperpolarization opens.
        """
        m_NaP, m_KNa = _sigmoid((V / mV + 55.7) / 7.7), 1.0 / (1.0 + (0.25 / D) ** 3.5)
        return (
            self.g_NaL * (self.E_Na - V)
            + self.g_KL * (self.E_K - V)
            + self.g_peak_NaP * m_NaP**self.N_NaP * (self.E_rev_NaP - V)
            + self.g_peak_KNa * m_KNa * (self.E_rev_KNa - V)
            + self.g_peak_T * m_IT**self.N_T * h_IT * (self.E_rev_T - V)
            + self.g_peak_h * m_Ih * (self.E_rev_h - V)
        )

    def dV(
        self,
        V: Quantity,
        g_AMPA: Array,
        g_NMDA: Array,
        g_GABA_A: Array,
        g_GABA_B: Array,
        m_fast_NMDA: Array,
        m_slow_NMDA: Array,
        D_IKNa: Array,
        m_IT: Array,
        h_IT: Array,
        m_Ih: Array,
        steps_held: Array,
        I: Quantity,
    ) -> Quantity:
        synaptic = self.synaptic(V, g_AMPA, g_NMDA, g_GABA_A, g_GABA_B, m_fast_NMDA, m_slow_NMDA)
        current = self.intrinsic(V, D_IKNa, m_IT, h_IT, m_Ih) + synaptic + I / u.pA * mV
        after = jnp.where(steps_held > 0, 1.0, 0.0)
        return current / self.tau_m + after * (self.E_K - V) / self.tau_spike

    def dtheta(self, theta: Quantity) -> Quantity:
        return (self.theta_eq - theta) / self.tau_theta

    def drise_AMPA(self, rise_AMPA: Array) -> Quantity:
        return -rise_AMPA / self.tau_rise_AMPA

    def dg_AMPA(self, g_AMPA: Array, rise_AMPA: Array) -> Quantity:
        return self.raised("AMPA", rise_AMPA) - g_AMPA / self.tau_decay_AMPA

    def drise_NMDA(self, rise_NMDA: Array) -> Quantity:
        return -rise_NMDA / self.tau_rise_NMDA

    def dg_NMDA(self, g_NMDA: Array, rise_NMDA: Array) -> Quantity:
        return self.raised("NMDA", rise_NMDA) - g_NMDA / self.tau_decay_NMDA

    def drise_GABA_A(self, rise_GABA_A: Array) -> Quantity:
        return -rise_GABA_A / self.tau_rise_GABA_A

    def dg_GABA_A(self, g_GABA_A: Array, rise_GABA_A: Array) -> Quantity:
        return self.raised("GABA_A", rise_GABA_A) - g_GABA_A / self.tau_decay_GABA_A

    def drise_GABA_B(self, rise_GABA_B: Array) -> Quantity:
        return -rise_GABA_B / self.tau_rise_GABA_B

    def dg_GABA_B(self, g_GABA_B: Array, rise_GABA_B: Array) -> Quantity:
        return self.raised("GABA_B", rise_GABA_B) - g_GABA_B / self.tau_decay_GABA_B

    def dm_fast_NMDA(self, m_fast_NMDA: Array, V: Quantity) -> Quantity:
        most = self.m_eq_NMDA(V)
        return (most - jnp.minimum(m_fast_NMDA, most)) / self.tau_Mg_fast_NMDA

    def dm_slow_NMDA(self, m_slow_NMDA: Array, V: Quantity) -> Quantity:
        most = self.m_eq_NMDA(V)
        return (most - jnp.minimum(m_slow_NMDA, most)) / self.tau_Mg_slow_NMDA

    def dD_IKNa(self, D_IKNa: Array, V: Quantity) -> Quantity:
        return (self.D_eq_KNa(V) - D_IKNa) / self.tau_D_KNa

    def dm_IT(self, m_IT: Array, V: Quantity) -> Quantity:
        v = V / mV
        tau = 0.22 / (jnp.exp(-(v + 132.0) / 16.7) + jnp.exp((v + 16.8) / 18.2)) + 0.13
        return (self.m_eq_T(V) - m_IT) / (tau * ms)

    def dh_IT(self, h_IT: Array, V: Quantity) -> Quantity:
        v = V / mV
        rise = 56.6 + 0.27 * jnp.exp((v + 115.2) / 5.0)
        return (self.h_eq_T(V) - h_IT) / ((8.2 + rise / (1.0 + jnp.exp((v + 86.0) / 3.2))) * ms)

    def dm_Ih(self, m_Ih: Array, V: Quantity) -> Quantity:
        v = V / mV
        rate = jnp.exp(-14.59 - 0.086 * v) + jnp.exp(-1.87 + 0.0701 * v)
        return (self.m_eq_h(V) - m_Ih) * rate / ms

    def raised(self, receptor: str, rise: Array) -> Quantity:
        """The rate at which a conductance rises, its peak being `g_peak` for one spike.

        Args:
            receptor: Name of the receptor.
            rise: What spikes have raised.
        """
        peak, up, down = (
            getattr(self, f"{x}_{receptor}") for x in ("g_peak", "tau_rise", "tau_decay")
        )
        ratio = u.get_magnitude(up / down)
        power = 1.0 / (1.0 - ratio)  # of the course at its peak
        height = ratio ** (ratio * power) - ratio**power
        return peak * (1.0 / up - 1.0 / down) / height * rise
