"""The two-compartment pyramidal cell of Pinsky and Rinzel."""

from typing import ClassVar

import brainunit as u
import jax
from brainloom_core import Crossing, between, initializer, non_negative, param, positive, state
from brainloom_core.types import Initializer, Quantity
from brainloom_core.units import exprel

__all__ = ["PinskyRinzel"]


class PinskyRinzel(Crossing):
    r"""Pyramidal cell of hippocampal CA3 with a soma and a dendrite (Pinsky and Rinzel).

    $$
    \begin{aligned}
    C \frac{dV}{dt} &= g_L\,(E_L - V) + g_\mathrm{Na}\, m_\infty^2 h\,(E_\mathrm{Na} - V)
        + g_\mathrm{KDR}\, n\,(E_\mathrm{K} - V) + \frac{g_c\,(V_d - V) + I}{p} \\
    C \frac{dV_d}{dt} &= g_L\,(E_L - V_d) + I_\mathrm{Ca}
        + \bigl(g_\mathrm{AHP}\, q + g_\mathrm{KC}\, c\, \chi\bigr)(E_\mathrm{K} - V_d)
        + \frac{g_c\,(V - V_d) + I_d + I_\mathrm{dendrite}}{1 - p} \\
    I_\mathrm{Ca} &= g_\mathrm{Ca}\, s^2\,(E_\mathrm{Ca} - V_d), \qquad
    \frac{d\,\mathrm{Ca}}{dt} = 0.13\, I_\mathrm{Ca} - 0.075\,\mathrm{Ca}, \qquad
    \chi = \min(\mathrm{Ca} / 250, 1)
    \end{aligned}
    $$

    and $\frac{dx}{dt} = \alpha_x (1 - x) - \beta_x x$ for $x \in \{h, n, s, c, q\}$, with rates
    (per ms) of $v = V + 60$ and $v_d = V_d + 60$ in mV, and $m_\infty = \alpha_m / (\alpha_m +
    \beta_m)$:

    $$
    \begin{aligned}
    \alpha_m &= \frac{0.32\,(13.1 - v)}{e^{(13.1 - v)/4} - 1}, &
    \beta_m &= \frac{0.28\,(v - 40.1)}{e^{(v - 40.1)/5} - 1}, \\
    \alpha_h &= 0.128\, e^{(17 - v)/18}, & \beta_h &= \frac{4}{1 + e^{(40 - v)/5}}, \\
    \alpha_n &= \frac{0.016\,(35.1 - v)}{e^{(35.1 - v)/5} - 1}, &
    \beta_n &= 0.25\, e^{0.5 - 0.025 v}, \\
    \alpha_s &= \frac{1.6}{1 + e^{-0.072 (v_d - 65)}}, &
    \beta_s &= \frac{0.02\,(v_d - 51.1)}{e^{(v_d - 51.1)/5} - 1}, \\
    \alpha_c &= \frac{e^{(v_d - 10)/11 - (v_d - 6.5)/27}}{18.975}, &
    \beta_c &= 2\, e^{(6.5 - v_d)/27} - \alpha_c \quad (v_d \le 50), \\
    \alpha_c &= 2\, e^{(6.5 - v_d)/27}, & \beta_c &= 0 \quad (v_d > 50), \\
    \alpha_q &= \min(2 \cdot 10^{-5}\,\mathrm{Ca}, 0.01), & \beta_q &= 0.001.
    \end{aligned}
    $$

    A spike is an upward passage of $V_\mathrm{th}$ by the potential of the soma. What is given to
    the call, and what is registered without a label, flows into the soma; a current or a
    projection with `label="dendrite"` acts there, with $V_d$. All are per cm² of the whole
    membrane, of which the soma has the part $p$. Potentials are those of the paper less 60 mV.

    Args:
        in_size: Number of neurons, or the shape of the population.
        C: Membrane capacitance $C$, 3 uF; scalar or one per neuron.
        E_L: Reversal potential of the leak $E_L$, -60 mV; scalar or one per neuron.
        g_L: Conductance of the leak $g_L$, 0.1 mS; scalar or one per neuron.
        E_Na: Reversal potential of sodium $E_\mathrm{Na}$, 60 mV; scalar or one per neuron. (Of
            the figures of the paper, some are for 55 mV.)
        g_Na: Maximal conductance of sodium $g_\mathrm{Na}$, 30 mS; scalar or one per neuron.
        E_K: Reversal potential of potassium $E_\mathrm{K}$, -75 mV; scalar or one per neuron.
        g_KDR: Maximal conductance of the delayed rectifier $g_\mathrm{KDR}$, 15 mS; scalar or one
            per neuron.
        E_Ca: Reversal potential of calcium $E_\mathrm{Ca}$, 80 mV; scalar or one per neuron.
        g_Ca: Maximal conductance of calcium $g_\mathrm{Ca}$, 10 mS; scalar or one per neuron.
        g_AHP: Maximal conductance of the afterhyperpolarization $g_\mathrm{AHP}$, 0.8 mS; scalar
            or one per neuron.
        g_KC: Maximal conductance of potassium that calcium and potential open $g_\mathrm{KC}$,
            15 mS; scalar or one per neuron.
        g_c: Conductance between soma and dendrite $g_c$, 2.1 mS; scalar or one per neuron.
        p: Part of the membrane that is soma $p$, 0.5; scalar or one per neuron.
        I_d: Constant current into the dendrite $I_d$, 0 uA; scalar or one per neuron.
        V_th: Potential whose upward passage is a spike $V_\mathrm{th}$, -20 mV; scalar or one per
            neuron.
        V_initializer: Initial potential of the soma, -64.6 mV; a constant, an array or a function
            of the shape.
        V_d_initializer: Initial potential of the dendrite, -64.5 mV; likewise.
        Ca_initializer: Initial calcium, 0.2; likewise.
        h_initializer: Initial inactivation of sodium, 0.999; a constant, an array, a function of
            the shape, or None for the steady state at the initial potential.
        n_initializer: Initial activation of the delayed rectifier, 0.001; likewise.
        s_initializer: Initial activation of calcium, 0.009; likewise, at that of the dendrite.
        c_initializer: Initial activation of the current of `g_KC`, 0.007; likewise.
        q_initializer: Initial activation of the afterhyperpolarization, 0.01; likewise, at the
            initial calcium.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: Accepted for exchange with other models; there is no reset.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        V_scale: Range of $V$ to which the surrogate gradient refers, 40 mV.

    Attributes:
        V: Potential of the soma, shape `(*batch, *in_size)`, mV.
        V_d: Potential of the dendrite, shape `(*batch, *in_size)`, mV.
        Ca: Calcium in the dendrite, shape `(*batch, *in_size)`, no unit.
        h: Inactivation of sodium, shape `(*batch, *in_size)`, no unit.
        n: Activation of the delayed rectifier, shape `(*batch, *in_size)`, no unit.
        s: Activation of calcium, shape `(*batch, *in_size)`, no unit.
        c: Activation of the current of `g_KC`, shape `(*batch, *in_size)`, no unit.
        q: Activation of the afterhyperpolarization, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0. or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape, or a label that is no site.

    References:
        Pinsky & Rinzel (1994), J. Comput. Neurosci. 1, 39, doi:10.1007/BF00962717; erratum (1995),
        2, 275, doi:10.1007/BF00961439.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import PinskyRinzel
        >>> brainstate.environ.set(dt=0.05 * u.ms)
        >>> neuron = PinskyRinzel(1, I_d=0.5 * u.uA)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(0.5 * u.uA), jnp.arange(4000))
        >>> int(spikes.sum())
        5
    """

    input_unit: ClassVar[u.Unit] = u.uA
    input_sites = {"dendrite": "V_d"}
    references = "brainloom_generalized.references:PINSKY_RINZEL"

    C: Quantity = param(default=3.0 * u.uF, constraint=positive, doc="membrane capacitance")
    E_L: Quantity = param(default=-60.0 * u.mV, doc="reversal potential of the leak")
    g_L: Quantity = param(default=0.1 * u.mS, constraint=positive, doc="conductance of the leak")
    E_Na: Quantity = param(default=60.0 * u.mV, doc="reversal potential of sodium")
    g_Na: Quantity = param(default=30.0 * u.mS, constraint=non_negative, doc="sodium")
    E_K: Quantity = param(default=-75.0 * u.mV, doc="reversal potential of potassium")
    g_KDR: Quantity = param(default=15.0 * u.mS, constraint=non_negative, doc="delayed rectifier")
    E_Ca: Quantity = param(default=80.0 * u.mV, doc="reversal potential of calcium")
    g_Ca: Quantity = param(default=10.0 * u.mS, constraint=non_negative, doc="calcium")
    g_AHP: Quantity = param(default=0.8 * u.mS, constraint=non_negative, doc="slow potassium")
    g_KC: Quantity = param(default=15.0 * u.mS, constraint=non_negative, doc="fast potassium")
    g_c: Quantity = param(
        default=2.1 * u.mS, constraint=non_negative, doc="conductance between soma and dendrite"
    )
    p: Quantity = param(
        default=0.5, constraint=between(0.0, 1.0), doc="part of the membrane that is soma"
    )
    I_d: Quantity = param(default=0.0 * u.uA, doc="constant current into the dendrite")
    V_th: Quantity = param(default=-20.0 * u.mV, doc="potential whose upward passage is a spike")
    V_scale: Quantity = param(
        default=40.0 * u.mV, constraint=positive, doc="range of the surrogate gradient"
    )
    V_initializer: Initializer = initializer(default=-64.6 * u.mV)
    V_d_initializer: Initializer = initializer(default=-64.5 * u.mV)
    Ca_initializer: Initializer = initializer(default=0.2)
    h_initializer: Initializer = initializer(default=0.999, steady=True)
    n_initializer: Initializer = initializer(default=0.001, steady=True)
    s_initializer: Initializer = initializer(default=0.009, steady=True)
    c_initializer: Initializer = initializer(default=0.007, steady=True)
    q_initializer: Initializer = initializer(default=0.01, steady=True)
    V = state("V_initializer", "potential of the soma")
    V_d = state("V_d_initializer", "potential of the dendrite")
    Ca = state("Ca_initializer", "calcium in the dendrite")
    h = state("h_initializer", "inactivation of sodium", steady=lambda it: it.steady("h"))
    n = state("n_initializer", "delayed rectifier", steady=lambda it: it.steady("n"))
    s = state("s_initializer", "activation of calcium", steady=lambda it: it.steady("s"))
    c = state("c_initializer", "fast potassium", steady=lambda it: it.steady("c"))
    q = state("q_initializer", "slow potassium", steady=lambda it: it.steady("q"), slow=True)

    def dV(self, V: Quantity, V_d: Quantity, h: Quantity, n: Quantity, I: Quantity) -> Quantity:
        leak = self.g_L * (self.E_L - V)
        sodium = self.g_Na * self.m_inf(V) ** 2 * h * (self.E_Na - V)
        potassium = self.g_KDR * n * (self.E_K - V)
        return (leak + sodium + potassium + (self.g_c * (V_d - V) + I) / self.p) / self.C

    def dV_d(
        self,
        V_d: Quantity,
        V: Quantity,
        s: Quantity,
        c: Quantity,
        q: Quantity,
        Ca: Quantity,
        I_dendrite: Quantity,
    ) -> Quantity:
        leak = self.g_L * (self.E_L - V_d)
        open_ = self.g_AHP * q + self.g_KC * c * u.math.minimum(Ca / 250.0, 1.0)
        given = (self.g_c * (V - V_d) + self.I_d + I_dendrite) / (1.0 - self.p)
        return (leak + self.calcium(V_d, s) + open_ * (self.E_K - V_d) + given) / self.C

    def dCa(self, Ca: Quantity, V_d: Quantity, s: Quantity) -> Quantity:
        return (0.13 * u.get_magnitude(self.calcium(V_d, s) / u.uA) - 0.075 * Ca) / u.ms

    def dh(self, h: Quantity, V: Quantity) -> Quantity:
        return self._gate(h, *self.rates("h", V))

    def dn(self, n: Quantity, V: Quantity) -> Quantity:
        return self._gate(n, *self.rates("n", V))

    def ds(self, s: Quantity, V_d: Quantity) -> Quantity:
        return self._gate(s, *self.rates("s", V_d))

    def dc(self, c: Quantity, V_d: Quantity) -> Quantity:
        return self._gate(c, *self.rates("c", V_d))

    def dq(self, q: Quantity, Ca: Quantity) -> Quantity:
        return self._gate(q, *self.rates("q", Ca))

    def calcium(self, V_d: Quantity, s: Quantity) -> Quantity:
        """The current of calcium into the dendrite."""
        return self.g_Ca * s**2 * (self.E_Ca - V_d)

    def m_inf(self, V: Quantity) -> Quantity:
        """Steady state of the activation of sodium."""
        opening, closing = self.rates("m", V)
        return opening / (opening + closing)

    def rates(self, gate: str, at: Quantity) -> tuple[Quantity, Quantity]:
        """Rates of opening and closing of a gate, per ms.

        Args:
            gate: Name of the gate, one of `h`, `n`, `s`, `c` and `q`, or `m`.
            at: Potential of its compartment, mV; for `q`, calcium.
        """
        # Beyond these limits, where no neuron is, nothing changes any more, and nothing overflows.
        v = at if gate == "q" else u.math.clip(u.get_magnitude(at / u.mV) + 60.0, -200.0, 250.0)
        found: tuple[Quantity, Quantity] = _RATES[gate](v)
        return found

    def steady(self, gate: str) -> Quantity:
        """Steady state of a gate at the values that the states have.

        Args:
            gate: Name of the gate.
        """
        at = {"h": "V", "n": "V", "q": "Ca"}.get(gate, "V_d")
        opening, closing = self.rates(gate, getattr(self, at).value)
        return opening / (opening + closing)

    @staticmethod
    def _gate(x: Quantity, opening: Quantity, closing: Quantity) -> Quantity:
        return (opening * (1.0 - x) - closing * x) / u.ms


def _m(v: Quantity) -> tuple[Quantity, Quantity]:
    return 1.28 / exprel((13.1 - v) / 4.0), 1.4 / exprel((v - 40.1) / 5.0)


def _h(v: Quantity) -> tuple[Quantity, Quantity]:
    return 0.128 * u.math.exp((17.0 - v) / 18.0), 4.0 * jax.nn.sigmoid((v - 40.0) / 5.0)


def _n(v: Quantity) -> tuple[Quantity, Quantity]:
    return 0.08 / exprel((35.1 - v) / 5.0), 0.25 * u.math.exp(0.5 - 0.025 * v)


def _s(v: Quantity) -> tuple[Quantity, Quantity]:
    return 1.6 * jax.nn.sigmoid(0.072 * (v - 65.0)), 0.1 / exprel((v - 51.1) / 5.0)


def _c(v: Quantity) -> tuple[Quantity, Quantity]:
    falling = 2.0 * u.math.exp((6.5 - v) / 27.0)
    low = u.math.minimum(v, 50.0)
    rising = u.math.exp((low - 10.0) / 11.0 - (low - 6.5) / 27.0) / 18.975
    opening = u.math.where(v > 50.0, falling, rising)
    return opening, falling - opening


def _q(calcium: Quantity) -> tuple[Quantity, Quantity]:
    return u.math.minimum(2e-5 * calcium, 0.01), 0.001


_RATES = {"m": _m, "h": _h, "n": _n, "s": _s, "c": _c, "q": _q}
