"""Neurons with an adaptive threshold, of Kobayashi, and of Izhikevich."""

from typing import ClassVar

import brainunit as u
from brainloom_core import Neuron, initializer, option, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity, Scheme, Values

from .base import ExpCurrents, NestNeuron, none_of

__all__ = ["izhikevich", "mat2_psc_exp"]

mV, ms = u.mV, u.ms


class mat2_psc_exp(ExpCurrents, NestNeuron):
    r"""Leaky integrator with exponentially decaying currents and a threshold of two time scales.

    $$
    \frac{dV}{dt} = \frac{E_L - V}{\tau_m} + \frac{I_\mathrm{ex} + I_\mathrm{in} + I_e + I}{C_m},
    \qquad \frac{dI_X}{dt} = -\frac{I_X}{\tau_{\mathrm{syn},X}},
    \qquad \frac{d\theta_i}{dt} = -\frac{\theta_i}{\tau_i}
    $$

    spikes when $V \ge \omega + \theta_1 + \theta_2$, at most once in $t_\mathrm{ref}$; then
    $\theta_i \leftarrow \theta_i + \alpha_i$. $V$ is not reset and goes on. A spike that arrives
    raises $I_X$ by its weight. Exact for a current that is constant over a step.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV; a constant, an array or a function of the shape.
        tau_syn_ex: Time constant of excitatory currents, 1 ms; scalar or one per neuron.
        tau_syn_in: Time constant of inhibitory currents, 3 ms; scalar or one per neuron.
        C_m: Membrane capacitance, 100 pF; scalar or one per neuron.
        tau_m: Membrane time constant, 5 ms; scalar or one per neuron.
        E_L: Resting potential, -70 mV; scalar or one per neuron.
        omega: Threshold at rest, -51 mV; scalar or one per neuron.
        alpha_1: Rise of the fast threshold by a spike, 37 mV; scalar or one per neuron.
        alpha_2: Rise of the slow threshold by a spike, 2 mV; scalar or one per neuron.
        tau_1: Time constant of the fast threshold, 10 ms; scalar or one per neuron.
        tau_2: Time constant of the slow threshold, 200 ms; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        I_syn_ex: Excitatory synaptic current, shape `(*batch, *in_size)`, pA.
        I_syn_in: Inhibitory synaptic current, shape `(*batch, *in_size)`, pA.
        theta_1: Fast part of the threshold, shape `(*batch, *in_size)`, mV.
        theta_2: Slow part of the threshold, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Kobayashi, Tsubo & Shinomoto (2009), Front. Comput. Neurosci. 3, 9,
        doi:10.3389/neuro.10.009.2009.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import mat2_psc_exp
        >>> cell, current = mat2_psc_exp(1), 600 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        9
    """

    linear = True
    C_m: Quantity = param(default=100.0 * u.pF, constraint=positive, doc="membrane capacitance")
    tau_m: Quantity = param(default=5.0 * ms, constraint=positive, doc="membrane time constant")
    E_L: Quantity = param(default=-70.0 * mV, doc="resting potential")
    tau_syn_ex: Quantity = param(
        default=1.0 * ms, constraint=positive, doc="time constant of excitatory currents"
    )
    tau_syn_in: Quantity = param(
        default=3.0 * ms, constraint=positive, doc="time constant of inhibitory currents"
    )
    omega: Quantity = param(default=-51.0 * mV, doc="threshold at rest")
    alpha_1: Quantity = param(default=37.0 * mV, doc="rise of the fast threshold by a spike")
    alpha_2: Quantity = param(default=2.0 * mV, doc="rise of the slow threshold by a spike")
    tau_1: Quantity = param(
        default=10.0 * ms, constraint=positive, doc="time constant of the fast threshold"
    )
    tau_2: Quantity = param(
        default=200.0 * ms, constraint=positive, doc="time constant of the slow threshold"
    )
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")
    theta_1 = state(none_of(mV), "fast part of the threshold")
    theta_2 = state(none_of(mV), "slow part of the threshold", slow=True)

    def dV(self, V: Quantity, I_syn_ex: Quantity, I_syn_in: Quantity, I: Quantity) -> Quantity:
        return (self.E_L - V) / self.tau_m + (I_syn_ex + I_syn_in + self.I_e + I) / self.C_m

    def dtheta_1(self, theta_1: Quantity) -> Quantity:
        return -theta_1 / self.tau_1

    def dtheta_2(self, theta_2: Quantity) -> Quantity:
        return -theta_2 / self.tau_2

    def threshold(self, theta_1: Quantity, theta_2: Quantity) -> Quantity:
        return self.omega + theta_1 + theta_2

    def scale(self) -> Quantity:
        return self.omega - self.E_L

    def on_spike(self, theta_1: Quantity, theta_2: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"theta_1": theta_1 + self.alpha_1 * spk, "theta_2": theta_2 + self.alpha_2 * spk}

    def reset_potential(self, y: Values, spk: Array) -> Quantity:
        """V, which a spike leaves as it is.

        Args:
            y: Values of the states by name.
            spk: Spikes, 0. or 1.
        """
        return y["V"]

    def limit(self, y: Values) -> Quantity:
        """V, which nothing holds.

        Args:
            y: Values of the states by name.
        """
        return y["V"]


class izhikevich(Neuron):
    r"""The simple model of Izhikevich, with NEST's forward Euler steps.

    $$
    \frac{dV}{dt} = 0.04\,V^2 + 5\,V + 140 - U + I_e + I + \sum_k w_k\,\delta(t - t_k), \qquad
    \frac{dU}{dt} = a\,(b\,V - U)
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow c$ and $U \leftarrow U + d$. Numbers are
    those of the paper, times in ms and potentials in mV; a current of 1 pA raises $V$ by 1 mV/ms,
    a spike that arrives by its weight in mV. The step belongs to the model: forward Euler with
    `solver="euler"`, as with `consistent_integration`; other schemes give other spikes.

    Args:
        in_size: Number of neurons, or the shape of the population.
        a: Rate of recovery, 0.02; scalar or one per neuron.
        b: Sensitivity of recovery to the potential, 0.2; scalar or one per neuron.
        c: Reset potential, -65 mV; scalar or one per neuron.
        d: Rise of recovery by a spike, 8 mV; scalar or one per neuron.
        I_e: Constant current, 0 pA; scalar or one per neuron.
        V_th: Threshold, 30 mV, above `c`; scalar or one per neuron.
        V_min: Least potential, mV; None, the default, for no bound; scalar or one per neuron.
        V_m: Initial potential, -65 mV; a constant, an array or a function of the shape.
        U_m: Initial recovery, -13 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"euler"`.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        U: Recovery variable, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Izhikevich (2003), IEEE Trans. Neural Netw. 14, 1569, doi:10.1109/TNN.2003.820440.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import izhikevich
        >>> cell, current = izhikevich(1), 10 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        5
    """

    interpolate: bool = False
    spike_lag = None
    spk_reset: str = "hard"
    input_unit: ClassVar[u.Unit] = u.pA
    acts_on_arrival: ClassVar[bool] = True
    inhibits_by_size: ClassVar[bool] = False

    a: Quantity = param(default=0.02, doc="rate of recovery")
    b: Quantity = param(default=0.2, doc="sensitivity of recovery to the potential")
    c: Quantity = param(default=-65.0 * mV, doc="reset potential")
    d: Quantity = param(default=8.0 * mV, doc="rise of recovery by a spike")
    I_e: Quantity = param(default=0.0 * u.pA, doc="constant current")
    V_th: Quantity = param(default=30.0 * mV, doc="threshold", above="c")
    V_min: Quantity = param(default=None, unit=mV, optional=True, doc="least potential")
    V_m: Initializer = initializer(default=-65.0 * mV)
    U_m: Initializer = initializer(default=-13.0 * mV)
    solver: Scheme | str = option(
        default="euler",
        constraint=Neuron.declared_parameters()["solver"].constraint,
        doc="time-stepping scheme",
    )
    V = state("V_m", "membrane potential")
    U = state("U_m", "recovery variable")

    @property
    def V_reset(self) -> Quantity:
        """The reset potential, by the name that other neurons give it."""
        return self.c

    def dV(self, V: Quantity, U: Quantity, I: Quantity) -> Quantity:
        v = V / mV
        return (0.04 * v * v + 5.0 * v + 140.0 + (self.I_e + I) / u.pA) * mV / ms - U / ms

    def dU(self, U: Quantity, V: Quantity) -> Quantity:
        return self.a * (self.b * V - U) / ms

    def on_spike(self, U: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"U": U + self.d * spk}

    def limit(self, y: Values) -> Quantity:
        """V, not below its least.

        Args:
            y: Values of the states by name.
        """
        return y["V"] if self.V_min is None else u.math.maximum(y["V"], self.V_min)
