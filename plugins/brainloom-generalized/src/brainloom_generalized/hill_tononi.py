"""The neuron of Hill and Tononi's thalamocortical system."""

from typing import ClassVar

import brainunit as u
import jax
from brainloom_core import initializer, non_negative, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity, Values

from .base import Absolute

__all__ = ["HillTononi"]


class HillTononi(Absolute):
    r"""Neuron of Hill and Tononi with a dynamic threshold and four intrinsic currents.

    $$
    \begin{aligned}
    \tau \frac{dV}{dt} &= g_\mathrm{NaL} (E_\mathrm{Na} - V) + g_\mathrm{KL} (E_\mathrm{K} - V)
        + I_\mathrm{NaP} + I_\mathrm{DK} + I_T + I_h + I
        + [\text{refractory}]\,\frac{\tau}{\tau_\mathrm{spike}} (E_\mathrm{K} - V) \\
    \tau_\theta \frac{d\theta}{dt} &= \theta_\mathrm{eq} - \theta
    \end{aligned}
    $$

    spikes when $V \ge \theta$ and the last spike is `tau_ref` ago or more; then $V$ and $\theta$
    are set to $E_\mathrm{Na}$, and for `tau_ref` potassium repolarizes the membrane. The intrinsic
    currents, with $V$ in mV and times in ms, are

    $$
    \begin{aligned}
    I_\mathrm{NaP} &= g_\mathrm{NaP}\, m_\infty^3 (E_\mathrm{NaP} - V), &
        m_\infty &= \sigma\bigl(\tfrac{V + 55.7}{7.7}\bigr) \\
    I_\mathrm{DK} &= \frac{g_\mathrm{DK}}{1 + (0.25 / D)^{3.5}} (E_\mathrm{DK} - V), &
        \frac{dD}{dt} &= 0.025\, \sigma\bigl(\tfrac{V + 10}{5}\bigr)
        - \frac{D - 0.001}{\tau_D} \\
    I_T &= g_T\, m_T^2 h_T (E_T - V), & m_{T,\infty} &= \sigma\bigl(\tfrac{V + 59}{6.2}\bigr),
        \quad h_{T,\infty} = \sigma\bigl(-\tfrac{V + 83}{4}\bigr) \\
    I_h &= g_h\, m_h (E_h - V), & m_{h,\infty} &= \sigma\bigl(-\tfrac{V + 75}{5.5}\bigr)
    \end{aligned}
    $$

    $$
    \begin{aligned}
    \tau_{m_T} &= \frac{0.22}{e^{-(V + 132)/16.7} + e^{(V + 16.8)/18.2}} + 0.13, &
    \tau_{h_T} &= 8.2 + \frac{56.6 + 0.27\, e^{(V + 115.2)/5}}{1 + e^{(V + 86)/3.2}}, \\
    \tau_{m_h} &= \frac{1}{e^{-14.59 - 0.086 V} + e^{-1.87 + 0.0701 V}}
    \end{aligned}
    $$

    with $\sigma(x) = 1 / (1 + e^{-x})$. Conductances have no unit and currents are in mV, so that a
    conductance of 1 has the time constant $\tau$. The model is that of `ht_neuron` of NEST, which
    says how it came from the paper. Its synapses are the library's: `DualExpon` without a unit
    with `COBA`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        tau: Membrane time constant $\tau$ at a conductance of 1, 16 ms; scalar or one per neuron.
        tau_ref: Time for which potassium repolarizes and there is no other spike, 2 ms; scalar or
            one per neuron.
        E_Na: Reversal potential of sodium $E_\mathrm{Na}$, 30 mV; scalar or one per neuron.
        E_K: Reversal potential of potassium $E_\mathrm{K}$, -90 mV; scalar or one per neuron.
        g_NaL: Conductance of the leak of sodium $g_\mathrm{NaL}$, 0.2; scalar or one per neuron.
        g_KL: Conductance of the leak of potassium $g_\mathrm{KL}$, 1; scalar or one per neuron.
        tau_spike: Time constant $\tau_\mathrm{spike}$ of repolarization, 1.75 ms; scalar or one
            per neuron.
        theta_eq: Threshold at rest $\theta_\mathrm{eq}$, -51 mV; scalar or one per neuron.
        tau_theta: Time constant of the threshold $\tau_\theta$, 2 ms; scalar or one per neuron.
        g_NaP: Conductance of persistent sodium $g_\mathrm{NaP}$, 1; scalar or one per neuron.
        E_NaP: Its reversal potential $E_\mathrm{NaP}$, 30 mV; scalar or one per neuron.
        g_DK: Conductance of depolarization-activated potassium $g_\mathrm{DK}$, 1; scalar or one
            per neuron.
        E_DK: Its reversal potential $E_\mathrm{DK}$, -90 mV; scalar or one per neuron.
        tau_D: Time constant $\tau_D$ of the depolarization that it follows, 1250 ms; scalar or
            one per neuron.
        g_T: Conductance of low-threshold calcium $g_T$, 1; scalar or one per neuron.
        E_T: Its reversal potential $E_T$, 0 mV; scalar or one per neuron.
        g_h: Conductance of the pacemaker current $g_h$, 1; scalar or one per neuron.
        E_h: Its reversal potential $E_h$, -40 mV; scalar or one per neuron.
        V_scale: Range of $V$ to which the surrogate gradient refers, 20 mV.
        V_initializer: Initial potential, -70 mV; a constant, an array or a function of the shape.
        theta_initializer: Initial threshold, -51 mV; a constant, an array or a function of the
            shape.
        m_h_initializer: Initial activation of the pacemaker current, None for the steady state at
            the initial potential; a constant, an array or a function of the shape.
        D_initializer: Initial depolarization that `g_DK` follows, likewise.
        m_T_initializer: Initial activation of low-threshold calcium, likewise.
        h_T_initializer: Initial inactivation of low-threshold calcium, likewise.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        theta: Threshold, shape `(*batch, *in_size)`, mV.
        m_h: Activation of the pacemaker current, shape `(*batch, *in_size)`, no unit.
        D: Depolarization that `g_DK` follows, shape `(*batch, *in_size)`, no unit.
        m_T: Activation of low-threshold calcium, shape `(*batch, *in_size)`, no unit.
        h_T: Inactivation of low-threshold calcium, shape `(*batch, *in_size)`, no unit.
        steps_held: Steps for which potassium repolarizes, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Hill & Tononi (2005), J. Neurophysiol. 93, 1671, doi:10.1152/jn.00915.2004.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import HillTononi
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = HillTononi(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(20 * u.mV), jnp.arange(5000))
        >>> int(spikes.sum())
        18
    """

    spk_reset: str = "hard"  # the one that there is
    input_unit: ClassVar[u.Unit] = u.mV
    reset_rule = "V and threshold are set to E_Na as the next step begins"
    references = "brainloom_generalized.references:HILL_TONONI"

    tau: Quantity = param(default=16.0 * u.ms, constraint=positive, doc="membrane time constant")
    E_Na: Quantity = param(default=30.0 * u.mV, doc="reversal potential of sodium")
    E_K: Quantity = param(default=-90.0 * u.mV, doc="reversal potential of potassium")
    g_NaL: Quantity = param(default=0.2, constraint=non_negative, doc="leak of sodium")
    g_KL: Quantity = param(default=1.0, constraint=positive, doc="leak of potassium")
    tau_spike: Quantity = param(default=1.75 * u.ms, constraint=positive, doc="repolarization")
    theta_eq: Quantity = param(default=-51.0 * u.mV, doc="threshold at rest")
    tau_theta: Quantity = param(default=2.0 * u.ms, constraint=positive, doc="time of threshold")
    g_NaP: Quantity = param(default=1.0, constraint=non_negative, doc="persistent sodium")
    E_NaP: Quantity = param(default=30.0 * u.mV, doc="its reversal potential")
    g_DK: Quantity = param(default=1.0, constraint=non_negative, doc="depolarization-activated K")
    E_DK: Quantity = param(default=-90.0 * u.mV, doc="its reversal potential")
    tau_D: Quantity = param(default=1250.0 * u.ms, constraint=positive, doc="time constant of D")
    g_T: Quantity = param(default=1.0, constraint=non_negative, doc="low-threshold calcium")
    E_T: Quantity = param(default=0.0 * u.mV, doc="its reversal potential")
    g_h: Quantity = param(default=1.0, constraint=non_negative, doc="pacemaker current")
    E_h: Quantity = param(default=-40.0 * u.mV, doc="its reversal potential")
    V_scale: Quantity = param(
        default=20.0 * u.mV, constraint=positive, doc="range of the surrogate gradient"
    )
    V_initializer: Initializer = initializer(default=-70.0 * u.mV)
    theta_initializer: Initializer = initializer(default=-51.0 * u.mV)
    m_h_initializer: Initializer = initializer(default=None, steady=True)
    D_initializer: Initializer = initializer(default=None, steady=True)
    m_T_initializer: Initializer = initializer(default=None, steady=True)
    h_T_initializer: Initializer = initializer(default=None, steady=True)
    V = state("V_initializer", "membrane potential")
    theta = state("theta_initializer", "threshold")
    m_h = state("m_h_initializer", "pacemaker current", steady=lambda it: it.m_h_inf(it.V.value))
    D = state(
        "D_initializer",
        "depolarization that potassium follows",
        steady=lambda it: 0.001 + u.get_magnitude(it.tau_D * it.influx(it.V.value)),
        slow=True,
    )
    m_T = state("m_T_initializer", "calcium", steady=lambda it: it.m_T_inf(it.V.value))
    h_T = state("h_T_initializer", "its inactivation", steady=lambda it: it.h_T_inf(it.V.value))

    def dV(
        self,
        V: Quantity,
        m_h: Quantity,
        D: Quantity,
        m_T: Quantity,
        h_T: Quantity,
        steps_held: Array,
        I: Quantity,
    ) -> Quantity:
        leak = self.g_NaL * (self.E_Na - V) + self.g_KL * (self.E_K - V)
        persistent = self.g_NaP * jax.nn.sigmoid(_number(V, 55.7) / 7.7) ** 3 * (self.E_NaP - V)
        potassium = self.g_DK * D**3.5 / (D**3.5 + 0.25**3.5) * (self.E_DK - V)
        calcium = self.g_T * m_T**2 * h_T * (self.E_T - V)
        pacemaker = self.g_h * m_h * (self.E_h - V)
        spike = (steps_held > 0) * (self.E_K - V) / self.tau_spike
        return (leak + persistent + potassium + calcium + pacemaker + I) / self.tau + spike

    def dtheta(self, theta: Quantity) -> Quantity:
        return (self.theta_eq - theta) / self.tau_theta

    def dm_h(self, m_h: Quantity, V: Quantity) -> Quantity:
        v = _number(V)
        rate = u.math.exp(-14.59 - 0.086 * v) + u.math.exp(-1.87 + 0.0701 * v)
        return (self.m_h_inf(V) - m_h) * rate / u.ms

    def dD(self, D: Quantity, V: Quantity) -> Quantity:
        return self.influx(V) - (D - 0.001) / self.tau_D

    def dm_T(self, m_T: Quantity, V: Quantity) -> Quantity:
        rising, falling = _number(V, 132.0) / 16.7, _number(V, 16.8) / 18.2
        tau = 0.22 / (u.math.exp(-rising) + u.math.exp(falling)) + 0.13
        return (self.m_T_inf(V) - m_T) / tau / u.ms

    def dh_T(self, h_T: Quantity, V: Quantity) -> Quantity:
        v = _number(V)
        late = 56.6 + 0.27 * u.math.exp((v + 115.2) / 5.0)
        tau = 8.2 + late / (1.0 + u.math.exp((v + 86.0) / 3.2))
        return (self.h_T_inf(V) - h_T) / tau / u.ms

    def influx(self, V: Quantity) -> Quantity:
        """What the potential adds to `D`, per time."""
        return 0.025 * jax.nn.sigmoid(_number(V, 10.0) / 5.0) / u.ms

    def m_h_inf(self, V: Quantity) -> Quantity:
        """Steady state of the activation of the pacemaker current."""
        return jax.nn.sigmoid(-_number(V, 75.0) / 5.5)

    def m_T_inf(self, V: Quantity) -> Quantity:
        """Steady state of the activation of low-threshold calcium."""
        return jax.nn.sigmoid(_number(V, 59.0) / 6.2)

    def h_T_inf(self, V: Quantity) -> Quantity:
        """Steady state of the inactivation of low-threshold calcium."""
        return jax.nn.sigmoid(-_number(V, 83.0) / 4.0)

    def threshold(self, theta: Quantity) -> Quantity:
        return theta

    def scale(self) -> Quantity:
        return self.V_scale

    def on_spike(self, theta: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"theta": theta + spk * (self.E_Na - theta)}

    def reset_potential(self, y: Values, spk: Array) -> Quantity:
        return self.replaced(y["V"], spk, self.E_Na)


def _number(V: Quantity, shift: float = 0.0) -> Quantity:
    """The potential in mV, where rates need it: beyond these limits nothing changes any more."""
    return u.math.clip(u.get_magnitude(V / u.mV), -300.0, 150.0) + shift
