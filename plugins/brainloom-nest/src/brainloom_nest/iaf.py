"""Leaky integrate-and-fire neurons with synaptic currents, which are solved exactly."""

import brainunit as u
from brainloom_core import param, positive
from brainloom_core.types import Quantity, Values

from .base import AlphaCurrents, ExpCurrents, NestNeuron

__all__ = ["iaf_psc_alpha", "iaf_psc_delta", "iaf_psc_exp"]


class _Membrane(NestNeuron):
    """Parameters of the membrane and its threshold."""

    C_m: Quantity = param(default=250.0 * u.pF, constraint=positive, doc="membrane capacitance")
    tau_m: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="membrane time constant")
    E_L: Quantity = param(default=-70.0 * u.mV, doc="resting potential")
    V_th: Quantity = param(default=-55.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-70.0 * u.mV, doc="reset potential")
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")


class _Bounded(_Membrane):
    """A membrane with a least potential."""

    V_min: Quantity = param(default=None, unit=u.mV, optional=True, doc="least potential")

    def limit(self, y: Values) -> Quantity:
        V = super().limit(y)
        return V if self.V_min is None else u.math.maximum(V, self.V_min)


class iaf_psc_delta(_Bounded):
    r"""Leaky integrate-and-fire neuron whose potential jumps when a spike arrives.

    $$
    \frac{dV}{dt} = \frac{E_L - V}{\tau_m} + \frac{I_e + I}{C_m} + \sum_k w_k\,\delta(t - t_k)
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$,
    in which what arrives is lost. Exact for a current that is constant over a step. As NEST's,
    without `refractory_input`; weights are in mV.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 250 pF; scalar or one per neuron.
        tau_m: Membrane time constant, 10 ms; scalar or one per neuron.
        E_L: Resting potential, -70 mV; scalar or one per neuron.
        V_th: Threshold, -55 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -70 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        V_min: Least potential, mV; None, the default, for no bound; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Rotter & Diesmann (1999), Biol. Cybern. 81, 381, doi:10.1007/s004220050570.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import iaf_psc_delta
        >>> cell, current = iaf_psc_delta(1), 400 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        6
    """

    acts_on_arrival = True
    linear = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.E_L - V) / self.tau_m + (self.I_e + I) / self.C_m


class iaf_psc_exp(ExpCurrents, _Membrane):
    r"""Leaky integrate-and-fire neuron with exponentially decaying synaptic currents.

    $$
    \frac{dV}{dt} = \frac{E_L - V}{\tau_m} + \frac{I_\mathrm{ex} + I_\mathrm{in} + I_e + I}{C_m},
    \qquad \frac{dI_X}{dt} = -\frac{I_X}{\tau_{\mathrm{syn},X}}
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$,
    while the currents go on. A spike that arrives raises $I_X$ by its weight. Exact for a current
    that is constant over a step, also where time constants are equal. As NEST's, without a
    stochastic threshold (`delta`, `rho`) and without filtered currents (receptor 1).

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 250 pF; scalar or one per neuron.
        tau_m: Membrane time constant, 10 ms; scalar or one per neuron.
        E_L: Resting potential, -70 mV; scalar or one per neuron.
        V_th: Threshold, -55 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -70 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        tau_syn_ex: Time constant of excitatory currents, 2 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory currents, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        I_syn_ex: Excitatory synaptic current, shape `(*batch, *in_size)`, pA.
        I_syn_in: Inhibitory synaptic current, shape `(*batch, *in_size)`, pA.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Rotter & Diesmann (1999), Biol. Cybern. 81, 381, doi:10.1007/s004220050570; Diesmann,
        Gewaltig, Rotter & Aertsen (2001), Neurocomputing 38-40, 565,
        doi:10.1016/S0925-2312(01)00409-X.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import iaf_psc_exp
        >>> cell, current = iaf_psc_exp(1), 400 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        6
    """

    linear = True

    def dV(self, V: Quantity, I_syn_ex: Quantity, I_syn_in: Quantity, I: Quantity) -> Quantity:
        return (self.E_L - V) / self.tau_m + (I_syn_ex + I_syn_in + self.I_e + I) / self.C_m


class iaf_psc_alpha(AlphaCurrents, _Bounded):
    r"""Leaky integrate-and-fire neuron with synaptic currents shaped as alpha functions.

    $$
    \frac{dV}{dt} = \frac{E_L - V}{\tau_m} + \frac{I_\mathrm{ex} + I_\mathrm{in} + I_e + I}{C_m},
    \qquad \frac{dI_X}{dt} = \frac{e\,r_X - I_X}{\tau_{\mathrm{syn},X}},
    \qquad \frac{dr_X}{dt} = -\frac{r_X}{\tau_{\mathrm{syn},X}}
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ for $t_\mathrm{ref}$,
    while the currents go on. A spike that arrives raises $r_X$ by its weight, which is the peak of
    the current that follows. Exact for a current that is constant over a step, also where time
    constants are equal.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        C_m: Membrane capacitance, 250 pF; scalar or one per neuron.
        tau_m: Membrane time constant, 10 ms; scalar or one per neuron.
        E_L: Resting potential, -70 mV; scalar or one per neuron.
        V_th: Threshold, -55 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -70 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        V_min: Least potential, mV; None, the default, for no bound; scalar or one per neuron.
        tau_syn_ex: Rise time of excitatory currents, 2 ms; scalar or one per neuron.
        tau_syn_in: Rise time of inhibitory currents, 2 ms; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
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
        Rotter & Diesmann (1999), Biol. Cybern. 81, 381, doi:10.1007/s004220050570.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import iaf_psc_alpha
        >>> cell, current = iaf_psc_alpha(1), 400 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        6
    """

    linear = True

    def dV(self, V: Quantity, I_syn_ex: Quantity, I_syn_in: Quantity, I: Quantity) -> Quantity:
        return (self.E_L - V) / self.tau_m + (I_syn_ex + I_syn_in + self.I_e + I) / self.C_m
