"""Neurons of Hodgkin and Huxley."""

from typing import Any

import brainunit as u
from brainloom_core import Neuron, initializer, option, param, positive, state
from brainloom_core.types import Initializer, Quantity, Scheme, Shape
from brainloom_core.units import exprel

from .base import AlphaCurrents, ExpConductances, WithPeaks

__all__ = ["hh_cond_exp_traub", "hh_psc_alpha"]

mV, ms = u.mV, u.ms


def steady(gate: str) -> Any:
    """The initial value of a gate: where it rests at the initial potential.

    Args:
        gate: Its letter.
    """

    def value(model: Any, shape: Shape) -> Quantity:
        alpha, beta = getattr(model, f"{gate}_gate")(model.gates_rest_at())
        return alpha / (alpha + beta)

    return value


class _Channels(WithPeaks):
    """Gates of sodium and potassium; `m_gate` and the others give their rates."""

    solver: Scheme | str = option(
        default="rk4x10",
        constraint=Neuron.declared_parameters()["solver"].constraint,
        doc="time-stepping scheme",
    )
    Act_m = state(steady("m"), "activation of sodium")
    Inact_h = state(steady("h"), "inactivation of sodium")
    Act_n = state(steady("n"), "activation of potassium")

    def gates_rest_at(self) -> Quantity:
        """The potential at which the gates begin in their steady states."""
        return self.V.value

    def ionic(self, V: Quantity, m: Quantity, h: Quantity, n: Quantity) -> Quantity:
        """The current through the channels and the leak.

        Args:
            V: The potential.
            m: Activation of sodium.
            h: Inactivation of sodium.
            n: Activation of potassium.
        """
        sodium = self.g_Na * m**3 * h * (self.E_Na - V)
        return sodium + self.g_K * n**4 * (self.E_K - V) + self.g_L * (self.E_L - V)

    def dAct_m(self, Act_m: Quantity, V: Quantity) -> Quantity:
        alpha, beta = self.m_gate(V)
        return alpha * (1.0 - Act_m) - beta * Act_m

    def dInact_h(self, Inact_h: Quantity, V: Quantity) -> Quantity:
        alpha, beta = self.h_gate(V)
        return alpha * (1.0 - Inact_h) - beta * Inact_h

    def dAct_n(self, Act_n: Quantity, V: Quantity) -> Quantity:
        alpha, beta = self.n_gate(V)
        return alpha * (1.0 - Act_n) - beta * Act_n


class hh_psc_alpha(AlphaCurrents, _Channels):
    r"""Hodgkin-Huxley neuron with synaptic currents shaped as alpha functions.

    $$
    C_m \frac{dV}{dt} = g_\mathrm{Na} m^3 h (E_\mathrm{Na} - V)
    + g_\mathrm{K} n^4 (E_\mathrm{K} - V) + g_L (E_L - V) + I_\mathrm{ex} + I_\mathrm{in} + I_e + I,
    $$

    $$
    \frac{dx}{dt} = \alpha_x(V)\,(1 - x) - \beta_x(V)\,x
    $$

    for $x \in \{m, h, n\}$, with the rates of the squid axon, and

    $$
    \frac{dI_X}{dt} = \frac{e\,r_X - I_X}{\tau_{\mathrm{syn},X}},
    \qquad \frac{dr_X}{dt} = -\frac{r_X}{\tau_{\mathrm{syn},X}}.
    $$

    A spike is a maximum of $V$ above 0 mV, the first in $t_\mathrm{ref}$. A spike that arrives
    raises $r_X$ by its weight, which is the peak of the current that follows.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -65 mV; a constant, an array or a function of the shape.
        tau_syn_ex: Rise time of excitatory currents, 0.2 ms; scalar or one per neuron.
        tau_syn_in: Rise time of inhibitory currents, 2 ms; scalar or one per neuron.
        C_m: Membrane capacitance, 100 pF; scalar or one per neuron.
        g_Na: Conductance of sodium, 12000 nS; scalar or one per neuron.
        g_K: Conductance of potassium, 3600 nS; scalar or one per neuron.
        g_L: Leak conductance, 30 nS; scalar or one per neuron.
        E_Na: Reversal potential of sodium, 50 mV; scalar or one per neuron.
        E_K: Reversal potential of potassium, -77 mV; scalar or one per neuron.
        E_L: Reversal potential of the leak, -54.402 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"rk4x10"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        Act_m: Activation of sodium, shape `(*batch, *in_size)`, no unit.
        Inact_h: Inactivation of sodium, shape `(*batch, *in_size)`, no unit.
        Act_n: Activation of potassium, shape `(*batch, *in_size)`, no unit.
        rise_ex: What excitatory spikes raise, shape `(*batch, *in_size)`, pA.
        rise_in: What inhibitory spikes raise, shape `(*batch, *in_size)`, pA.
        I_syn_ex: Excitatory synaptic current, shape `(*batch, *in_size)`, pA.
        I_syn_in: Inhibitory synaptic current, shape `(*batch, *in_size)`, pA.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Hodgkin & Huxley (1952), J. Physiol. 117, 500, doi:10.1113/jphysiol.1952.sp004764.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import hh_psc_alpha
        >>> cell, current = hh_psc_alpha(1), 1000 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        14
    """

    C_m: Quantity = param(default=100.0 * u.pF, constraint=positive, doc="membrane capacitance")
    g_Na: Quantity = param(default=12000.0 * u.nS, doc="conductance of sodium")
    g_K: Quantity = param(default=3600.0 * u.nS, doc="conductance of potassium")
    g_L: Quantity = param(default=30.0 * u.nS, doc="leak conductance")
    E_Na: Quantity = param(default=50.0 * mV, doc="reversal potential of sodium")
    E_K: Quantity = param(default=-77.0 * mV, doc="reversal potential of potassium")
    E_L: Quantity = param(default=-54.402 * mV, doc="reversal potential of the leak")
    tau_syn_ex: Quantity = param(
        default=0.2 * ms, constraint=positive, doc="rise time of excitatory currents"
    )
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")
    V_m: Initializer = initializer(default=-65.0 * mV)

    def threshold(self) -> Quantity:
        return 0.0 * mV

    def m_gate(self, V: Quantity) -> tuple[Quantity, Quantity]:
        """Rates of opening and closing."""
        v = V / mV
        return 1.0 / exprel(-(v + 40.0) / 10.0) / ms, 4.0 * u.math.exp(-(v + 65.0) / 18.0) / ms

    def h_gate(self, V: Quantity) -> tuple[Quantity, Quantity]:
        """Rates of opening and closing."""
        v = V / mV
        beta = 1.0 / (1.0 + u.math.exp(-(v + 35.0) / 10.0)) / ms
        return 0.07 * u.math.exp(-(v + 65.0) / 20.0) / ms, beta

    def n_gate(self, V: Quantity) -> tuple[Quantity, Quantity]:
        """Rates of opening and closing."""
        v = V / mV
        return 0.1 / exprel(-(v + 55.0) / 10.0) / ms, 0.125 * u.math.exp(-(v + 65.0) / 80.0) / ms

    def dV(
        self,
        V: Quantity,
        Act_m: Quantity,
        Inact_h: Quantity,
        Act_n: Quantity,
        I_syn_ex: Quantity,
        I_syn_in: Quantity,
        I: Quantity,
    ) -> Quantity:
        ionic = self.ionic(V, Act_m, Inact_h, Act_n)
        return (ionic + I_syn_ex + I_syn_in + self.I_e + I) / self.C_m


class hh_cond_exp_traub(ExpConductances, _Channels):
    r"""Hodgkin-Huxley neuron of the hippocampus with exponentially decaying conductances.

    $$
    C_m \frac{dV}{dt} = g_\mathrm{Na} m^3 h (E_\mathrm{Na} - V)
    + g_\mathrm{K} n^4 (E_\mathrm{K} - V) + g_L (E_L - V) + \sum_X g_X (E_X - V) + I_e + I, \qquad
    \frac{dx}{dt} = \alpha_x\,(1 - x) - \beta_x\,x
    $$

    for $x \in \{m, h, n\}$, with the rates of Traub and Miles at $V - V_T$, and

    $$
    \frac{dg_X}{dt} = -\frac{g_X}{\tau_{\mathrm{syn},X}}.
    $$

    A spike is a maximum of $V$ above $V_T + 30$ mV, the first in $t_\mathrm{ref}$. A spike that
    arrives raises $g_X$ by its weight.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -60 mV; a constant, an array or a function of the shape.
        E_ex: Excitatory reversal potential, 0 mV; scalar or one per neuron.
        E_in: Inhibitory reversal potential, -80 mV; scalar or one per neuron.
        tau_syn_ex: Time constant of excitatory conductances, 5 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory conductances, 10 ms; scalar or one per neuron.
        C_m: Membrane capacitance, 200 pF; scalar or one per neuron.
        g_Na: Conductance of sodium, 20000 nS; scalar or one per neuron.
        g_K: Conductance of potassium, 6000 nS; scalar or one per neuron.
        g_L: Leak conductance, 10 nS; scalar or one per neuron.
        E_Na: Reversal potential of sodium, 50 mV; scalar or one per neuron.
        E_K: Reversal potential of potassium, -90 mV; scalar or one per neuron.
        E_L: Reversal potential of the leak, -60 mV; scalar or one per neuron.
        V_T: Shift of all rates, -63 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"rk4x10"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        Act_m: Activation of sodium, shape `(*batch, *in_size)`, no unit.
        Inact_h: Inactivation of sodium, shape `(*batch, *in_size)`, no unit.
        Act_n: Activation of potassium, shape `(*batch, *in_size)`, no unit.
        g_ex: Excitatory conductance, shape `(*batch, *in_size)`, nS.
        g_in: Inhibitory conductance, shape `(*batch, *in_size)`, nS.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Traub & Miles (1991), Neuronal Networks of the Hippocampus, doi:10.1017/CBO9780511895401;
        Brette et al. (2007), J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import hh_cond_exp_traub
        >>> cell, current = hh_cond_exp_traub(1), 500 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        17
    """

    C_m: Quantity = param(default=200.0 * u.pF, constraint=positive, doc="membrane capacitance")
    g_Na: Quantity = param(default=20000.0 * u.nS, doc="conductance of sodium")
    g_K: Quantity = param(default=6000.0 * u.nS, doc="conductance of potassium")
    g_L: Quantity = param(default=10.0 * u.nS, doc="leak conductance")
    E_Na: Quantity = param(default=50.0 * mV, doc="reversal potential of sodium")
    E_K: Quantity = param(default=-90.0 * mV, doc="reversal potential of potassium")
    E_L: Quantity = param(default=-60.0 * mV, doc="reversal potential of the leak")
    V_m: Initializer = initializer(default=-60.0 * mV)
    V_T: Quantity = param(default=-63.0 * mV, doc="shift of all rates")
    E_in: Quantity = param(default=-80.0 * mV, doc="inhibitory reversal potential")
    tau_syn_ex: Quantity = param(
        default=5.0 * ms, constraint=positive, doc="time constant of excitatory conductances"
    )
    tau_syn_in: Quantity = param(
        default=10.0 * ms, constraint=positive, doc="time constant of inhibitory conductances"
    )
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")

    def gates_rest_at(self) -> Quantity:
        """That at which rates without the shift are those of the initial potential, as in NEST."""
        return self.V.value + self.V_T

    def threshold(self) -> Quantity:
        return self.V_T + 30.0 * mV

    def m_gate(self, V: Quantity) -> tuple[Quantity, Quantity]:
        """Rates of opening and closing."""
        v = (V - self.V_T) / mV
        return 1.28 / exprel((13.0 - v) / 4.0) / ms, 1.4 / exprel((v - 40.0) / 5.0) / ms

    def h_gate(self, V: Quantity) -> tuple[Quantity, Quantity]:
        """Rates of opening and closing."""
        v = (V - self.V_T) / mV
        beta = 4.0 / (1.0 + u.math.exp((40.0 - v) / 5.0)) / ms
        return 0.128 * u.math.exp((17.0 - v) / 18.0) / ms, beta

    def n_gate(self, V: Quantity) -> tuple[Quantity, Quantity]:
        """Rates of opening and closing."""
        v = (V - self.V_T) / mV
        return 0.16 / exprel((15.0 - v) / 5.0) / ms, 0.5 * u.math.exp((10.0 - v) / 40.0) / ms

    def dV(
        self,
        V: Quantity,
        Act_m: Quantity,
        Inact_h: Quantity,
        Act_n: Quantity,
        g_ex: Quantity,
        g_in: Quantity,
        I: Quantity,
    ) -> Quantity:
        ionic = self.ionic(V, Act_m, Inact_h, Act_n)
        return (ionic + self.I_syn(V, g_ex, g_in) + self.I_e + I) / self.C_m
