"""Conductance-based neurons of the Hodgkin-Huxley type."""

from typing import ClassVar

import brainunit as u
from brainloom_core import Crossing, Uniform, initializer, param, positive, state
from brainloom_core.types import Initializer, Quantity
from brainloom_core.units import exprel

__all__ = ["HH", "MorrisLecar", "TraubMiles", "WangBuzsakiHH"]


class _Gated(Crossing):
    """Shared by the models whose gates have opening and closing rates `x_alpha`, `x_beta`."""

    input_unit: ClassVar[u.Unit] = u.uA
    phi: Quantity = 1.0

    def _gate(self, name: str, x: Quantity, V: Quantity) -> Quantity:
        opening, closing = (getattr(self, f"{name}_{rate}")(V) for rate in ("alpha", "beta"))
        return self.phi * (opening * (1.0 - x) - closing * x)

    def _steady(self, name: str, V: Quantity) -> Quantity:
        opening, closing = (getattr(self, f"{name}_{rate}")(V) for rate in ("alpha", "beta"))
        return u.get_magnitude(opening / (opening + closing))


class HH(_Gated):
    r"""Hodgkin-Huxley neuron of the squid giant axon, in the modern sign.

    $$
    C \frac{dV}{dt} = g_\mathrm{Na}\, m^3 h\,(E_\mathrm{Na} - V)
        + g_\mathrm{K}\, n^4\,(E_\mathrm{K} - V) + g_L\,(E_L - V) + I, \qquad
    \frac{dx}{dt} = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x
    $$

    for $x \in \{m, h, n\}$, with the rates (per ms, $V$ in mV)

    $$
    \begin{aligned}
    \alpha_m &= \frac{0.1\,(V + 40)}{1 - e^{-(V + 40)/10}}, & \beta_m &= 4\,e^{-(V + 65)/18}, \\
    \alpha_h &= 0.07\,e^{-(V + 65)/20}, & \beta_h &= \frac{1}{1 + e^{-(V + 35)/10}}, \\
    \alpha_n &= \frac{0.01\,(V + 55)}{1 - e^{-(V + 55)/10}}, & \beta_n &= 0.125\,e^{-(V + 65)/80}.
    \end{aligned}
    $$

    A spike is an upward passage of $V_\mathrm{th}$. Capacitance and conductances are those of
    1 cm² of membrane.

    In brainpy.state $g_L$ is 0.03 mS by default, a tenth of the published value; here it is 0.3 mS.
    Its $V_\mathrm{th}$ of 20 mV is not reached by spikes from 29 uA on, though the cell fires at
    100 Hz. The -30 mV here lie between the troughs and peaks of all regular firing from its onset
    at 6.26 uA to 124 uA, 158 Hz; above, oscillations are small (peaks below -30 mV), and end in
    depolarisation block above 154 uA.

    Args:
        in_size: Number of neurons, or the shape of the population.
        ENa: Reversal potential of sodium $E_\mathrm{Na}$, 50 mV; scalar or one per neuron.
        gNa: Maximal conductance of sodium $g_\mathrm{Na}$, 120 mS; scalar or one per neuron.
        EK: Reversal potential of potassium $E_\mathrm{K}$, -77 mV; scalar or one per neuron.
        gK: Maximal conductance of potassium $g_\mathrm{K}$, 36 mS; scalar or one per neuron.
        EL: Reversal potential of the leak $E_L$, -54.387 mV; scalar or one per neuron.
        gL: Conductance of the leak $g_L$, 0.3 mS; scalar or one per neuron.
        V_th: Potential whose upward passage is a spike $V_\mathrm{th}$, -30 mV; scalar or one per
            neuron.
        C: Membrane capacitance $C$, 1 uF; scalar or one per neuron.
        V_initializer: Initial potential, uniform between -70 and -60 mV; a constant, an array or
            a function of the shape.
        m_initializer: Initial activation of sodium, None for the steady state at the initial
            potential; a constant, an array or a function of the shape.
        h_initializer: Initial inactivation of sodium, likewise.
        n_initializer: Initial activation of potassium, likewise.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: Accepted for exchange with other models; there is no reset.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        V_scale: Range of $V$ to which the surrogate gradient refers, 20 mV.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        m: Activation of sodium, shape `(*batch, *in_size)`, no unit.
        h: Inactivation of sodium, shape `(*batch, *in_size)`, no unit.
        n: Activation of potassium, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0. or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Hodgkin & Huxley (1952), J. Physiol. 117, 500, doi:10.1113/jphysiol.1952.sp004764.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import HH
        >>> brainstate.environ.set(dt=0.05 * u.ms)
        >>> neuron = HH(1, V_initializer=-65 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(10 * u.uA), jnp.arange(2000))
        >>> int(spikes.sum())
        7
    """

    ENa: Quantity = param(default=50.0 * u.mV, doc="reversal potential of sodium")
    gNa: Quantity = param(default=120.0 * u.mS, constraint=positive, doc="conductance of sodium")
    EK: Quantity = param(default=-77.0 * u.mV, doc="reversal potential of potassium")
    gK: Quantity = param(default=36.0 * u.mS, constraint=positive, doc="conductance of potassium")
    EL: Quantity = param(default=-54.387 * u.mV, doc="reversal potential of the leak")
    gL: Quantity = param(default=0.3 * u.mS, constraint=positive, doc="conductance of the leak")
    V_th: Quantity = param(default=-30.0 * u.mV, doc="potential whose upward passage is a spike")
    C: Quantity = param(default=1.0 * u.uF, constraint=positive, doc="membrane capacitance")
    V_initializer: Initializer = initializer(default=Uniform(-70.0 * u.mV, -60.0 * u.mV), unit=u.mV)
    m_initializer: Initializer = initializer(default=None, steady=True)
    h_initializer: Initializer = initializer(default=None, steady=True)
    n_initializer: Initializer = initializer(default=None, steady=True)
    V = state("V_initializer", "membrane potential")
    m = state("m_initializer", "activation of sodium", steady=lambda hh: hh.m_inf(hh.V.value))
    h = state("h_initializer", "inactivation of sodium", steady=lambda hh: hh.h_inf(hh.V.value))
    n = state("n_initializer", "activation of potassium", steady=lambda hh: hh.n_inf(hh.V.value))

    def dV(self, V: Quantity, m: Quantity, h: Quantity, n: Quantity, I: Quantity) -> Quantity:
        sodium = self.gNa * m**3 * h * (self.ENa - V)
        potassium = self.gK * n**4 * (self.EK - V)
        return (sodium + potassium + self.gL * (self.EL - V) + I) / self.C

    def dm(self, m: Quantity, V: Quantity) -> Quantity:
        return self._gate("m", m, V)

    def dh(self, h: Quantity, V: Quantity) -> Quantity:
        return self._gate("h", h, V)

    def dn(self, n: Quantity, V: Quantity) -> Quantity:
        return self._gate("n", n, V)

    def m_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of m."""
        return 1.0 / exprel(-(V / u.mV + 40.0) / 10.0) / u.ms

    def m_beta(self, V: Quantity) -> Quantity:
        """Closing rate of m."""
        return 4.0 * u.math.exp(-(V / u.mV + 65.0) / 18.0) / u.ms

    def m_inf(self, V: Quantity) -> Quantity:
        """Steady state of m."""
        return self._steady("m", V)

    def h_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of h."""
        return 0.07 * u.math.exp(-(V / u.mV + 65.0) / 20.0) / u.ms

    def h_beta(self, V: Quantity) -> Quantity:
        """Closing rate of h."""
        return 1.0 / (1.0 + u.math.exp(-(V / u.mV + 35.0) / 10.0)) / u.ms

    def h_inf(self, V: Quantity) -> Quantity:
        """Steady state of h."""
        return self._steady("h", V)

    def n_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of n."""
        return 0.1 / exprel(-(V / u.mV + 55.0) / 10.0) / u.ms

    def n_beta(self, V: Quantity) -> Quantity:
        """Closing rate of n."""
        return 0.125 * u.math.exp(-(V / u.mV + 65.0) / 80.0) / u.ms

    def n_inf(self, V: Quantity) -> Quantity:
        """Steady state of n."""
        return self._steady("n", V)


class TraubMiles(HH):
    r"""Hippocampal pyramidal cell after Traub and Miles, as in the benchmark network COBAHH.

    $$
    C \frac{dV}{dt} = g_\mathrm{Na}\, m^3 h\,(E_\mathrm{Na} - V)
        + g_\mathrm{K}\, n^4\,(E_\mathrm{K} - V) + g_L\,(E_L - V) + I, \qquad
    \frac{dx}{dt} = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x
    $$

    for $x \in \{m, h, n\}$, with $v = V - V_T$ in mV and the rates per ms

    $$
    \begin{aligned}
    \alpha_m &= \frac{0.32\,(13 - v)}{e^{(13 - v)/4} - 1}, &
    \beta_m &= \frac{0.28\,(v - 40)}{e^{(v - 40)/5} - 1}, \\
    \alpha_h &= 0.128\,e^{(17 - v)/18}, & \beta_h &= \frac{4}{1 + e^{(40 - v)/5}}, \\
    \alpha_n &= \frac{0.032\,(15 - v)}{e^{(15 - v)/5} - 1}, & \beta_n &= 0.5\,e^{(10 - v)/40}.
    \end{aligned}
    $$

    A spike is an upward passage of $V_\mathrm{th}$. Capacitance and conductances are those of
    1 cm² of membrane. With these constants the cell has no resting state: it fires at 14 Hz
    without input.

    Args:
        in_size: Number of neurons, or the shape of the population.
        ENa: Reversal potential of sodium $E_\mathrm{Na}$, 50 mV; scalar or one per neuron.
        gNa: Maximal conductance of sodium $g_\mathrm{Na}$, 100 mS; scalar or one per neuron.
        EK: Reversal potential of potassium $E_\mathrm{K}$, -90 mV; scalar or one per neuron.
        gK: Maximal conductance of potassium $g_\mathrm{K}$, 30 mS; scalar or one per neuron.
        EL: Reversal potential of the leak $E_L$, -60 mV; scalar or one per neuron.
        gL: Conductance of the leak $g_L$, 0.05 mS; scalar or one per neuron.
        V_T: Shift of all rates $V_T$, -63 mV; scalar or one per neuron.
        V_th: Potential whose upward passage is a spike $V_\mathrm{th}$, -20 mV; scalar or one per
            neuron.
        C: Membrane capacitance $C$, 1 uF; scalar or one per neuron.
        V_initializer: Initial potential, -60 mV; a constant, an array or a function of the shape.
        m_initializer: Initial activation of sodium, None for the steady state at the initial
            potential; a constant, an array or a function of the shape.
        h_initializer: Initial inactivation of sodium, likewise.
        n_initializer: Initial activation of potassium, likewise.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: Accepted for exchange with other models; there is no reset.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        V_scale: Range of $V$ to which the surrogate gradient refers, 20 mV.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        m: Activation of sodium, shape `(*batch, *in_size)`, no unit.
        h: Inactivation of sodium, shape `(*batch, *in_size)`, no unit.
        n: Activation of potassium, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0. or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Traub & Miles (1991), Neuronal Networks of the Hippocampus, doi:10.1017/CBO9780511895401;
        constants of benchmark 3 of Brette et al. (2007), J. Comput. Neurosci. 23, 349,
        doi:10.1007/s10827-007-0038-6.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import TraubMiles
        >>> brainstate.environ.set(dt=0.05 * u.ms)
        >>> neuron = TraubMiles(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(2 * u.uA), jnp.arange(4000))
        >>> int(spikes.sum())
        15
    """

    gNa: Quantity = param(default=100.0 * u.mS, constraint=positive, doc="conductance of sodium")
    EK: Quantity = param(default=-90.0 * u.mV, doc="reversal potential of potassium")
    gK: Quantity = param(default=30.0 * u.mS, constraint=positive, doc="conductance of potassium")
    EL: Quantity = param(default=-60.0 * u.mV, doc="reversal potential of the leak")
    gL: Quantity = param(default=0.05 * u.mS, constraint=positive, doc="conductance of the leak")
    V_T: Quantity = param(default=-63.0 * u.mV, doc="shift of all rates", after="gL")
    V_th: Quantity = param(default=-20.0 * u.mV, doc="potential whose upward passage is a spike")
    V_initializer: Initializer = initializer(default=-60.0 * u.mV)

    def m_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of m."""
        return 1.28 / exprel((13.0 - (V - self.V_T) / u.mV) / 4.0) / u.ms

    def m_beta(self, V: Quantity) -> Quantity:
        """Closing rate of m."""
        return 1.4 / exprel(((V - self.V_T) / u.mV - 40.0) / 5.0) / u.ms

    def h_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of h."""
        return 0.128 * u.math.exp((17.0 - (V - self.V_T) / u.mV) / 18.0) / u.ms

    def h_beta(self, V: Quantity) -> Quantity:
        """Closing rate of h."""
        return 4.0 / (1.0 + u.math.exp((40.0 - (V - self.V_T) / u.mV) / 5.0)) / u.ms

    def n_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of n."""
        return 0.16 / exprel((15.0 - (V - self.V_T) / u.mV) / 5.0) / u.ms

    def n_beta(self, V: Quantity) -> Quantity:
        """Closing rate of n."""
        return 0.5 * u.math.exp((10.0 - (V - self.V_T) / u.mV) / 40.0) / u.ms


class WangBuzsakiHH(_Gated):
    r"""Fast-spiking hippocampal interneuron of Wang and Buzsáki.

    $$
    C \frac{dV}{dt} = g_\mathrm{Na}\, m_\infty(V)^3 h\,(E_\mathrm{Na} - V)
        + g_\mathrm{K}\, n^4\,(E_\mathrm{K} - V) + g_L\,(E_L - V) + I, \qquad
    \frac{dx}{dt} = \phi\,\bigl(\alpha_x(V)\,(1 - x) - \beta_x(V)\,x\bigr)
    $$

    for $x \in \{h, n\}$, with $m_\infty = \alpha_m / (\alpha_m + \beta_m)$ and the rates (per ms,
    $V$ in mV)

    $$
    \begin{aligned}
    \alpha_m &= \frac{0.1\,(V + 35)}{1 - e^{-0.1 (V + 35)}}, & \beta_m &= 4\,e^{-(V + 60)/18}, \\
    \alpha_h &= 0.07\,e^{-(V + 58)/20}, & \beta_h &= \frac{1}{1 + e^{-0.1 (V + 28)}}, \\
    \alpha_n &= \frac{0.01\,(V + 34)}{1 - e^{-0.1 (V + 34)}}, & \beta_n &= 0.125\,e^{-(V + 44)/80}.
    \end{aligned}
    $$

    A spike is an upward passage of $V_\mathrm{th}$. $m_\infty$ is evaluated with the running $V$
    inside the equation. Capacitance and conductances are those of 1 cm² of membrane.

    In brainpy.state $V_\mathrm{th}$ is 20 mV, which spikes no longer reach from 14 uA on. The
    -40 mV here lie between the troughs and peaks of all firing from its onset at 0.16 uA to 24 uA,
    450 Hz, shortly before depolarisation block.

    Args:
        in_size: Number of neurons, or the shape of the population.
        ENa: Reversal potential of sodium $E_\mathrm{Na}$, 55 mV; scalar or one per neuron.
        gNa: Maximal conductance of sodium $g_\mathrm{Na}$, 35 mS; scalar or one per neuron.
        EK: Reversal potential of potassium $E_\mathrm{K}$, -90 mV; scalar or one per neuron.
        gK: Maximal conductance of potassium $g_\mathrm{K}$, 9 mS; scalar or one per neuron.
        EL: Reversal potential of the leak $E_L$, -65 mV; scalar or one per neuron.
        gL: Conductance of the leak $g_L$, 0.1 mS; scalar or one per neuron.
        V_th: Potential whose upward passage is a spike $V_\mathrm{th}$, -40 mV; scalar or one per
            neuron.
        phi: Speed of the gates $\phi$, 5; scalar or one per neuron.
        C: Membrane capacitance $C$, 1 uF; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        h_initializer: Initial inactivation of sodium, 0.6; a constant, an array, a function of the
            shape, or None for the steady state at the initial potential.
        n_initializer: Initial activation of potassium, 0.32; likewise.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: Accepted for exchange with other models; there is no reset.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        V_scale: Range of $V$ to which the surrogate gradient refers, 20 mV.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        h: Inactivation of sodium, shape `(*batch, *in_size)`, no unit.
        n: Activation of potassium, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0. or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Wang & Buzsáki (1996), J. Neurosci. 16, 6402, doi:10.1523/JNEUROSCI.16-20-06402.1996.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import WangBuzsakiHH
        >>> brainstate.environ.set(dt=0.05 * u.ms)
        >>> neuron = WangBuzsakiHH(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(1 * u.uA), jnp.arange(4000))
        >>> int(spikes.sum())
        12
    """

    ENa: Quantity = param(default=55.0 * u.mV, doc="reversal potential of sodium")
    gNa: Quantity = param(default=35.0 * u.mS, constraint=positive, doc="conductance of sodium")
    EK: Quantity = param(default=-90.0 * u.mV, doc="reversal potential of potassium")
    gK: Quantity = param(default=9.0 * u.mS, constraint=positive, doc="conductance of potassium")
    EL: Quantity = param(default=-65.0 * u.mV, doc="reversal potential of the leak")
    gL: Quantity = param(default=0.1 * u.mS, constraint=positive, doc="conductance of the leak")
    V_th: Quantity = param(default=-40.0 * u.mV, doc="potential whose upward passage is a spike")
    phi: Quantity = param(default=5.0, constraint=positive, doc="speed of the gates")
    C: Quantity = param(default=1.0 * u.uF, constraint=positive, doc="membrane capacitance")
    V_initializer: Initializer = initializer(default=-65.0 * u.mV)
    h_initializer: Initializer = initializer(default=0.6, steady=True)
    n_initializer: Initializer = initializer(default=0.32, steady=True)
    V = state("V_initializer", "membrane potential")
    h = state("h_initializer", "inactivation of sodium", steady=lambda wb: wb.h_inf(wb.V.value))
    n = state("n_initializer", "activation of potassium", steady=lambda wb: wb.n_inf(wb.V.value))

    def dV(self, V: Quantity, h: Quantity, n: Quantity, I: Quantity) -> Quantity:
        sodium = self.gNa * self.m_inf(V) ** 3 * h * (self.ENa - V)
        potassium = self.gK * n**4 * (self.EK - V)
        return (sodium + potassium + self.gL * (self.EL - V) + I) / self.C

    def dh(self, h: Quantity, V: Quantity) -> Quantity:
        return self._gate("h", h, V)

    def dn(self, n: Quantity, V: Quantity) -> Quantity:
        return self._gate("n", n, V)

    def m_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of m."""
        return 1.0 / exprel(-0.1 * (V / u.mV + 35.0)) / u.ms

    def m_beta(self, V: Quantity) -> Quantity:
        """Closing rate of m."""
        return 4.0 * u.math.exp(-(V / u.mV + 60.0) / 18.0) / u.ms

    def m_inf(self, V: Quantity) -> Quantity:
        """Steady state of m."""
        return self._steady("m", V)

    def h_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of h."""
        return 0.07 * u.math.exp(-(V / u.mV + 58.0) / 20.0) / u.ms

    def h_beta(self, V: Quantity) -> Quantity:
        """Closing rate of h."""
        return 1.0 / (1.0 + u.math.exp(-0.1 * (V / u.mV + 28.0))) / u.ms

    def h_inf(self, V: Quantity) -> Quantity:
        """Steady state of h."""
        return self._steady("h", V)

    def n_alpha(self, V: Quantity) -> Quantity:
        """Opening rate of n."""
        return 0.1 / exprel(-0.1 * (V / u.mV + 34.0)) / u.ms

    def n_beta(self, V: Quantity) -> Quantity:
        """Closing rate of n."""
        return 0.125 * u.math.exp(-(V / u.mV + 44.0) / 80.0) / u.ms

    def n_inf(self, V: Quantity) -> Quantity:
        """Steady state of n."""
        return self._steady("n", V)


class MorrisLecar(Crossing):
    r"""Morris-Lecar neuron: instantaneous calcium, delayed potassium.

    $$
    C \frac{dV}{dt} = g_\mathrm{Ca}\, M_\infty(V)\,(V_\mathrm{Ca} - V)
        + g_\mathrm{K}\, W\,(V_\mathrm{K} - V) + g_\mathrm{leak}\,(V_\mathrm{leak} - V) + I, \qquad
    \frac{dW}{dt} = \phi\,\cosh\frac{V - V_3}{2 V_4}\,\bigl(W_\infty(V) - W\bigr)
    $$

    with $M_\infty = \tfrac12 \bigl(1 + \tanh\frac{V - V_1}{V_2}\bigr)$ and
    $W_\infty = \tfrac12 \bigl(1 + \tanh\frac{V - V_3}{V_4}\bigr)$. A spike is an upward passage of
    $V_\mathrm{th}$. $M_\infty$ is evaluated with the running $V$ inside the equation.

    $V_\mathrm{Ca}$ is 130 mV by default as in brainpy.state; Rinzel and Ermentrout use 120 mV.

    Args:
        in_size: Number of neurons, or the shape of the population.
        V_Ca: Reversal potential of calcium $V_\mathrm{Ca}$, 130 mV; scalar or one per neuron.
        g_Ca: Maximal conductance of calcium $g_\mathrm{Ca}$, 4.4 mS; scalar or one per neuron.
        V_K: Reversal potential of potassium $V_\mathrm{K}$, -84 mV; scalar or one per neuron.
        g_K: Maximal conductance of potassium $g_\mathrm{K}$, 8 mS; scalar or one per neuron.
        V_leak: Reversal potential of the leak $V_\mathrm{leak}$, -60 mV; scalar or one per neuron.
        g_leak: Conductance of the leak $g_\mathrm{leak}$, 2 mS; scalar or one per neuron.
        C: Membrane capacitance $C$, 20 uF; scalar or one per neuron.
        V1: Half activation of calcium $V_1$, -1.2 mV; scalar or one per neuron.
        V2: Width of that activation $V_2$, 18 mV; scalar or one per neuron.
        V3: Half activation of potassium $V_3$, 2 mV; scalar or one per neuron.
        V4: Width of that activation $V_4$, 30 mV; scalar or one per neuron.
        phi: Rate of potassium's activation $\phi$, 0.04 / ms; scalar or one per neuron.
        V_th: Potential whose upward passage is a spike $V_\mathrm{th}$, 10 mV; scalar or one per
            neuron.
        V_initializer: Initial potential, uniform between -70 and -60 mV; a constant, an array or
            a function of the shape.
        W_initializer: Initial activation of potassium, 0.02; a constant, an array, a function of
            the shape, or None for the steady state at the initial potential.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: Accepted for exchange with other models; there is no reset.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        V_scale: Range of $V$ to which the surrogate gradient refers, 20 mV.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        W: Activation of potassium, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0. or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Morris & Lecar (1981), Biophys. J. 35, 193, doi:10.1016/S0006-3495(81)84782-0; constants:
        Rinzel & Ermentrout (1989), in Methods in Neuronal Modeling (Koch & Segev, eds.), chapter 5.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import MorrisLecar
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = MorrisLecar(1, V_initializer=-60 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(100 * u.uA), jnp.arange(5000))
        >>> int(spikes.sum())
        6
    """

    input_unit: ClassVar[u.Unit] = u.uA

    V_Ca: Quantity = param(default=130.0 * u.mV, doc="reversal potential of calcium")
    g_Ca: Quantity = param(default=4.4 * u.mS, constraint=positive, doc="conductance of calcium")
    V_K: Quantity = param(default=-84.0 * u.mV, doc="reversal potential of potassium")
    g_K: Quantity = param(default=8.0 * u.mS, constraint=positive, doc="conductance of potassium")
    V_leak: Quantity = param(default=-60.0 * u.mV, doc="reversal potential of the leak")
    g_leak: Quantity = param(default=2.0 * u.mS, constraint=positive, doc="conductance of the leak")
    C: Quantity = param(default=20.0 * u.uF, constraint=positive, doc="membrane capacitance")
    V1: Quantity = param(default=-1.2 * u.mV, doc="half activation of calcium")
    V2: Quantity = param(default=18.0 * u.mV, constraint=positive, doc="width of that activation")
    V3: Quantity = param(default=2.0 * u.mV, doc="half activation of potassium")
    V4: Quantity = param(default=30.0 * u.mV, constraint=positive, doc="width of that activation")
    phi: Quantity = param(
        default=0.04 / u.ms, constraint=positive, doc="rate of potassium's activation"
    )
    V_th: Quantity = param(default=10.0 * u.mV, doc="potential whose upward passage is a spike")
    V_initializer: Initializer = initializer(default=Uniform(-70.0 * u.mV, -60.0 * u.mV), unit=u.mV)
    W_initializer: Initializer = initializer(default=0.02, steady=True)
    V = state("V_initializer", "membrane potential")
    W = state("W_initializer", "activation of potassium", steady=lambda ml: ml.W_inf(ml.V.value))

    def dV(self, V: Quantity, W: Quantity, I: Quantity) -> Quantity:
        calcium = self.g_Ca * self.M_inf(V) * (self.V_Ca - V)
        potassium = self.g_K * W * (self.V_K - V)
        return (calcium + potassium + self.g_leak * (self.V_leak - V) + I) / self.C

    def dW(self, W: Quantity, V: Quantity) -> Quantity:
        speed = self.phi * u.math.cosh((V - self.V3) / (2.0 * self.V4))
        return speed * (self.W_inf(V) - W)

    def M_inf(self, V: Quantity) -> Quantity:
        """Steady state of calcium's activation."""
        return 0.5 * (1.0 + u.math.tanh((V - self.V1) / self.V2))

    def W_inf(self, V: Quantity) -> Quantity:
        """Steady state of potassium's activation."""
        return 0.5 * (1.0 + u.math.tanh((V - self.V3) / self.V4))
