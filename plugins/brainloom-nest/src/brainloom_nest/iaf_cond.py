"""Leaky integrate-and-fire neurons with synaptic conductances."""

import brainunit as u
from brainloom_core import Neuron, option, param, positive, state
from brainloom_core.types import Array, Quantity, Scheme

from .base import AlphaConductances, ExpConductances, NestNeuron, none_of

__all__ = ["iaf_cond_alpha", "iaf_cond_exp", "iaf_cond_exp_sfa_rr"]


class _Membrane(NestNeuron):
    """Parameters of the membrane and its threshold."""

    C_m: Quantity = param(default=250.0 * u.pF, constraint=positive, doc="membrane capacitance")
    g_L: Quantity = param(default=16.6667 * u.nS, constraint=positive, doc="leak conductance")
    E_L: Quantity = param(default=-70.0 * u.mV, doc="reversal potential of the leak")
    V_th: Quantity = param(default=-55.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-60.0 * u.mV, doc="reset potential")
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")
    solver: Scheme | str = option(
        default="rk4x5",
        constraint=Neuron.declared_parameters()["solver"].constraint,
        doc="time-stepping scheme",
    )


class iaf_cond_exp(ExpConductances, _Membrane):
    r"""Leaky integrate-and-fire neuron with exponentially decaying synaptic conductances.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) + g_\mathrm{ex} (E_\mathrm{ex} - V)
    + g_\mathrm{in} (E_\mathrm{in} - V) + I_e + I,
    \qquad \frac{dg_X}{dt} = -\frac{g_X}{\tau_{\mathrm{syn},X}}
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$,
    while the conductances go on. A spike that arrives raises $g_X$ by its weight.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 250 pF; scalar or one per neuron.
        g_L: Leak conductance, 16.6667 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70 mV; scalar or one per neuron.
        V_th: Threshold, -55 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -60 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        E_ex: Excitatory reversal potential, 0 mV; scalar or one per neuron.
        E_in: Inhibitory reversal potential, -85 mV; scalar or one per neuron.
        tau_syn_ex: Time constant of excitatory conductances, 0.2 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory conductances, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"rk4x5"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        g_ex: Excitatory conductance, shape `(*batch, *in_size)`, nS.
        g_in: Inhibitory conductance, shape `(*batch, *in_size)`, nS.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Meffin, Burkitt & Grayden (2004), J. Comput. Neurosci. 16, 159,
        doi:10.1023/B:JCNS.0000014108.03012.81.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import iaf_cond_exp
        >>> cell, current = iaf_cond_exp(1), 400 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        22
    """

    def dV(self, V: Quantity, g_ex: Quantity, g_in: Quantity, I: Quantity) -> Quantity:
        leak = self.g_L * (self.E_L - V)
        return (leak + self.I_syn(V, g_ex, g_in) + self.I_e + I) / self.C_m


class iaf_cond_alpha(AlphaConductances, _Membrane):
    r"""Leaky integrate-and-fire neuron with synaptic conductances shaped as alpha functions.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) + g_\mathrm{ex} (E_\mathrm{ex} - V)
    + g_\mathrm{in} (E_\mathrm{in} - V) + I_e + I,
    \qquad \frac{dg_X}{dt} = \frac{e\,r_X - g_X}{\tau_{\mathrm{syn},X}},
    \qquad \frac{dr_X}{dt} = -\frac{r_X}{\tau_{\mathrm{syn},X}}
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$,
    while the conductances go on. A spike that arrives raises $r_X$ by its weight, which is the
    peak of the conductance that follows.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 250 pF; scalar or one per neuron.
        g_L: Leak conductance, 16.6667 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70 mV; scalar or one per neuron.
        V_th: Threshold, -55 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -60 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        E_ex: Excitatory reversal potential, 0 mV; scalar or one per neuron.
        E_in: Inhibitory reversal potential, -85 mV; scalar or one per neuron.
        tau_syn_ex: Rise time of excitatory conductances, 0.2 ms; scalar or one per neuron.
        tau_syn_in: Rise time of inhibitory conductances, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"rk4x5"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        g_ex: Excitatory conductance, shape `(*batch, *in_size)`, nS.
        g_in: Inhibitory conductance, shape `(*batch, *in_size)`, nS.
        rise_ex: What excitatory spikes raise, shape `(*batch, *in_size)`, nS.
        rise_in: What inhibitory spikes raise, shape `(*batch, *in_size)`, nS.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Meffin, Burkitt & Grayden (2004), J. Comput. Neurosci. 16, 159,
        doi:10.1023/B:JCNS.0000014108.03012.81.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import iaf_cond_alpha
        >>> cell, current = iaf_cond_alpha(1), 400 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        22
    """

    def dV(self, V: Quantity, g_ex: Quantity, g_in: Quantity, I: Quantity) -> Quantity:
        leak = self.g_L * (self.E_L - V)
        return (leak + self.I_syn(V, g_ex, g_in) + self.I_e + I) / self.C_m


class iaf_cond_exp_sfa_rr(ExpConductances, _Membrane):
    r"""Integrate-and-fire neuron with conductances, adaptation and a relative refractory period.

    $$
    C_m \frac{dV}{dt} = g_L (E_L - V) + \sum_X g_X (E_X - V) + I_e + I,
    \qquad \frac{dg_X}{dt} = -\frac{g_X}{\tau_X},
    \qquad X \in \{\mathrm{ex}, \mathrm{in}, \mathrm{sfa}, \mathrm{rr}\}
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$,
    $g_\mathrm{sfa}$ rises by $q_\mathrm{sfa}$ and $g_\mathrm{rr}$ by $q_\mathrm{rr}$. A spike that
    arrives raises $g_\mathrm{ex}$ or $g_\mathrm{in}$ by its weight.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 0.5 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 289.5 pF; scalar or one per neuron.
        g_L: Leak conductance, 28.95 nS; scalar or one per neuron.
        E_L: Reversal potential of the leak, -70 mV; scalar or one per neuron.
        V_th: Threshold, -57 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -70 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        E_ex: Excitatory reversal potential, 0 mV; scalar or one per neuron.
        E_in: Inhibitory reversal potential, -75 mV; scalar or one per neuron.
        tau_syn_ex: Time constant of excitatory conductances, 1.5 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory conductances, 10 ms; scalar or one per neuron.
        q_sfa: Rise of adaptation by a spike, 14.48 nS; scalar or one per neuron.
        tau_sfa: Time constant of adaptation, 110 ms; scalar or one per neuron.
        E_sfa: Reversal potential of adaptation, -70 mV; scalar or one per neuron.
        q_rr: Rise of relative refractoriness by a spike, 3214 nS; scalar or one per neuron.
        tau_rr: Time constant of relative refractoriness, 1.97 ms; scalar or one per neuron.
        E_rr: Reversal potential of relative refractoriness, -70 mV; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"rk4x5"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        g_ex: Excitatory conductance, shape `(*batch, *in_size)`, nS.
        g_in: Inhibitory conductance, shape `(*batch, *in_size)`, nS.
        g_sfa: Conductance of adaptation, shape `(*batch, *in_size)`, nS.
        g_rr: Conductance of relative refractoriness, shape `(*batch, *in_size)`, nS.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, MIT Press, section 5.9; Meffin, Burkitt &
        Grayden (2004), J. Comput. Neurosci. 16, 159, doi:10.1023/B:JCNS.0000014108.03012.81.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import iaf_cond_exp_sfa_rr
        >>> cell, current = iaf_cond_exp_sfa_rr(1), 600 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        4
    """

    C_m: Quantity = param(default=289.5 * u.pF, constraint=positive, doc="membrane capacitance")
    g_L: Quantity = param(default=28.95 * u.nS, constraint=positive, doc="leak conductance")
    V_th: Quantity = param(default=-57.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-70.0 * u.mV, doc="reset potential")
    t_ref: Quantity = param(default=0.5 * u.ms, constraint=positive, doc="refractory period")
    E_in: Quantity = param(default=-75.0 * u.mV, doc="inhibitory reversal potential")
    tau_syn_ex: Quantity = param(
        default=1.5 * u.ms, constraint=positive, doc="time constant of excitatory conductances"
    )
    tau_syn_in: Quantity = param(
        default=10.0 * u.ms, constraint=positive, doc="time constant of inhibitory conductances"
    )
    q_sfa: Quantity = param(default=14.48 * u.nS, doc="rise of adaptation by a spike")
    tau_sfa: Quantity = param(
        default=110.0 * u.ms, constraint=positive, doc="time constant of adaptation"
    )
    E_sfa: Quantity = param(default=-70.0 * u.mV, doc="reversal potential of adaptation")
    q_rr: Quantity = param(default=3214.0 * u.nS, doc="rise of relative refractoriness by a spike")
    tau_rr: Quantity = param(
        default=1.97 * u.ms, constraint=positive, doc="time constant of relative refractoriness"
    )
    E_rr: Quantity = param(
        default=-70.0 * u.mV, doc="reversal potential of relative refractoriness"
    )
    g_sfa = state(none_of(u.nS), "conductance of adaptation", slow=True)
    g_rr = state(none_of(u.nS), "conductance of relative refractoriness")

    def dV(
        self,
        V: Quantity,
        g_ex: Quantity,
        g_in: Quantity,
        g_sfa: Quantity,
        g_rr: Quantity,
        I: Quantity,
    ) -> Quantity:
        leak = self.g_L * (self.E_L - V)
        after = g_sfa * (self.E_sfa - V) + g_rr * (self.E_rr - V)
        return (leak + self.I_syn(V, g_ex, g_in) + after + self.I_e + I) / self.C_m

    def dg_sfa(self, g_sfa: Quantity) -> Quantity:
        return -g_sfa / self.tau_sfa

    def dg_rr(self, g_rr: Quantity) -> Quantity:
        return -g_rr / self.tau_rr

    def on_spike(self, g_sfa: Quantity, g_rr: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"g_sfa": g_sfa + self.q_sfa * spk, "g_rr": g_rr + self.q_rr * spk}
