"""The generalized leaky integrate-and-fire neurons of the Allen Institute."""

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    full,
    initializer,
    one_of,
    option,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Initializer, Quantity, Time, Values
from brainloom_core.units import exprel

from .base import AlphaCurrents, NestNeuron, none_of

__all__ = ["glif_psc"]

_flag = one_of(True, False)
_fractions = Constraint(
    "a tuple of numbers, one for each current, such as (1.0, 1.0)",
    lambda values: isinstance(values, tuple) and np.ndim(values) == 1 and len(values) > 0,
)


class glif_psc(AlphaCurrents, NestNeuron):
    r"""Generalized leaky integrate-and-fire neuron, GLIF 1 to 5, with alpha-shaped currents.

    $$
    C_m \frac{dV}{dt} = g\,(E_L - V) + \sum_j I_j + I_\mathrm{ex} + I_\mathrm{in} + I, \qquad
    \frac{dI_j}{dt} = -k_j I_j
    $$

    $$
    \frac{d\theta_s}{dt} = -b_s \theta_s, \qquad
    \frac{d\theta_v}{dt} = a_v (V - E_L) - b_v \theta_v
    $$

    spikes when $V > V_\mathrm{th} + \theta_s + \theta_v$; then $V \leftarrow V_\mathrm{reset}$ or,
    with `spike_dependent_threshold`, a fraction of the distance before the step and an addition;
    and $I_j \leftarrow A_j + r_j e^{-k_j t_\mathrm{ref}} I_j$,
    $\theta_s \leftarrow e^{-b_s t_\mathrm{ref}} \theta_s + \delta\theta_s$. For $t_\mathrm{ref}$
    everything but the synapses stands still.

    | model | `spike_dependent_threshold` | `after_spike_currents` | `adapting_threshold` |
    |---|---|---|---|
    | GLIF 1 | | | |
    | GLIF 2 | yes | | |
    | GLIF 3 | | yes | |
    | GLIF 4 | yes | yes | |
    | GLIF 5 | yes | yes | yes |

    Synaptic currents are as in [`iaf_psc_alpha`][brainloom_nest.iaf_psc_alpha], with two ports for
    NEST's first two receptors. As there, $I_j$ acts with its mean over a step, and $\theta_v$
    follows the potential as if there were no synapses.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 3.75 ms; scalar or one per neuron.
        V_m: Initial potential, -78.85 mV; a constant, an array or a function of the shape.
        tau_syn_ex: Rise time of excitatory currents, 2 ms; scalar or one per neuron.
        tau_syn_in: Rise time of inhibitory currents, 2 ms; scalar or one per neuron.
        C_m: Membrane capacitance, 58.72 pF; scalar or one per neuron.
        g: Leak conductance, 9.43 nS; scalar or one per neuron.
        E_L: Resting potential, -78.85 mV; scalar or one per neuron.
        V_th: Threshold, -51.68 mV, above `V_reset`; scalar or one per neuron.
        V_reset: Reset potential, -78.85 mV; scalar or one per neuron.
        th_spike_add: Rise of the threshold by a spike, 0.37 mV; scalar or one per neuron.
        th_spike_decay: Decay of that part of the threshold, 0.009 kHz; scalar or one per neuron.
        voltage_reset_fraction: What a reset leaves of the distance from rest, 0.2; scalar or one
            per neuron.
        voltage_reset_add: What a reset adds to it, 18.51 mV; scalar or one per neuron.
        th_voltage_index: Coupling of the threshold to the potential, 0.005 kHz; scalar or one per
            neuron.
        th_voltage_decay: Decay of that part of the threshold, 0.09 kHz; scalar or one per neuron.
        asc_r: What a spike leaves of each current, `(1.0, 1.0)`.
        asc_decay: Decays of the currents after spikes, 0.003 and 0.1 kHz; scalar or one for each
            element of `asc_r`.
        asc_amps: Rises of the currents after spikes, -9.18 and -198.94 pA; scalar or one for each
            element of `asc_r`.
        spike_dependent_threshold: Whether spikes raise the threshold, False.
        after_spike_currents: Whether spikes leave currents, False.
        adapting_threshold: Whether the threshold follows the potential, False.
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
        ASCurrents: Currents after spikes, shape `(*batch, *in_size, len(asc_r))`, pA.
        threshold_spike: Part of the threshold that spikes raise, shape `(*batch, *in_size)`, mV.
        threshold_voltage: Part of the threshold that follows V, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps of the refractory period that are left, shape `(*batch, *in_size)`,
            integer.
        I_after: Mean current after spikes, shape `(*batch, *in_size)`, pA.
        V_before: Potential before the last step, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no port.

    References:
        Teeter et al. (2018), Nat. Commun. 9, 709, doi:10.1038/s41467-017-02717-4.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_nest import glif_psc
        >>> cell, current = glif_psc(1), 300 * u.pA
        >>> recording = simulate(
        ...     cell, 200 * u.ms, dt=0.1 * u.ms, inputs=current, record="spikes"
        ... )
        >>> len(recording["spikes"])
        12
    """

    linear = True
    C_m: Quantity = param(default=58.72 * u.pF, constraint=positive, doc="membrane capacitance")
    g: Quantity = param(default=9.43 * u.nS, constraint=positive, doc="leak conductance")
    E_L: Quantity = param(default=-78.85 * u.mV, doc="resting potential")
    V_th: Quantity = param(default=-51.68 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-78.85 * u.mV, doc="reset potential")
    t_ref: Quantity = param(default=3.75 * u.ms, constraint=positive, doc="refractory period")
    V_m: Initializer = initializer(default=-78.85 * u.mV)
    th_spike_add: Quantity = param(default=0.37 * u.mV, doc="rise of the threshold by a spike")
    th_spike_decay: Quantity = param(
        default=0.009 / u.ms, constraint=positive, doc="decay of that part of the threshold"
    )
    voltage_reset_fraction: Quantity = param(
        default=0.2, doc="what a reset leaves of the distance from rest"
    )
    voltage_reset_add: Quantity = param(default=18.51 * u.mV, doc="what a reset adds to it")
    th_voltage_index: Quantity = param(
        default=0.005 / u.ms, doc="coupling of the threshold to the potential"
    )
    th_voltage_decay: Quantity = param(
        default=0.09 / u.ms, constraint=positive, doc="decay of that part of the threshold"
    )
    asc_r: tuple[float, ...] = option(
        default=(1.0, 1.0), constraint=_fractions, doc="what a spike leaves of each current"
    )
    asc_decay: Quantity = param(
        default=np.array([0.003, 0.1]) / u.ms,
        constraint=positive,
        doc="decays of the currents after spikes",
        per="asc_r",
    )
    asc_amps: Quantity = param(
        default=np.array([-9.18, -198.94]) * u.pA,
        doc="rises of the currents after spikes",
        per="asc_r",
    )
    spike_dependent_threshold: bool = option(
        default=False, constraint=_flag, doc="whether spikes raise the threshold"
    )
    after_spike_currents: bool = option(
        default=False, constraint=_flag, doc="whether spikes leave currents"
    )
    adapting_threshold: bool = option(
        default=False, constraint=_flag, doc="whether the threshold follows the potential"
    )
    ASCurrents = state(
        lambda model, shape: full(0.0 * u.pA, shape), "currents after spikes", per="asc_r"
    )
    threshold_spike = state(none_of(u.mV), "part of the threshold that spikes raise")
    threshold_voltage = state(none_of(u.mV), "part of the threshold that follows V")
    I_after = state(none_of(u.pA), "mean current after spikes", brainstate.ShortTermState)
    V_before = state("V_m", "potential before the last step", brainstate.ShortTermState)

    def dV(
        self, V: Quantity, I_syn_ex: Quantity, I_syn_in: Quantity, I_after: Quantity, I: Quantity
    ) -> Quantity:
        leak = self.g * (self.E_L - V)
        return (leak + I_after + I_syn_ex + I_syn_in + I) / self.C_m

    def threshold(self, threshold_spike: Quantity, threshold_voltage: Quantity) -> Quantity:
        return self.V_th + threshold_spike + threshold_voltage

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states after the last spikes, and the current after spikes that acts in this step.

        Args:
            y: Values of the states by name.
        """
        spk = self.felt_spikes(y["spike"])
        before = y["V_before"]
        new = {**y, "V": self.reset_potential({**y, "V_before": before}, y["spike"])}
        if self.spike_dependent_threshold:
            left = jnp.exp(-u.get_magnitude(self.th_spike_decay * self.t_ref))
            raised = y["threshold_spike"] * left + self.th_spike_add
            new["threshold_spike"] += spk * (raised - y["threshold_spike"])
        if self.after_spike_currents:
            left = jnp.asarray(self.asc_r) * self._asc_left(self.t_ref)
            raised = self.asc_amps + left * y["ASCurrents"]
            new["ASCurrents"] = y["ASCurrents"] + spk[..., None] * (raised - y["ASCurrents"])
        mean = exprel(-u.get_magnitude(self.asc_decay * current_dt()))
        return {**new, "I_after": (mean * new["ASCurrents"]).sum(-1), "V_before": new["V"]}

    def reset_potential(self, y: Values, spk: Array) -> Quantity:
        """V after the reset of neurons that spiked.

        Args:
            y: Values of the states by name.
            spk: Spikes, 0. or 1.
        """
        target = self.V_reset
        if self.spike_dependent_threshold:
            fraction = self.voltage_reset_fraction * (y["V_before"] - self.E_L)
            target = self.E_L + fraction + self.voltage_reset_add
        if self.detach_reset is not False:
            spk = jax.lax.stop_gradient(spk)
        return y["V"] + spk * (target - y["V"])

    def limit(self, y: Values) -> Quantity:
        """V, where a spike has put it as long as it is held.

        Args:
            y: Values of the states by name.
        """
        return u.math.where(y["steps_held"] > 0, y["V_before"], y["V"])

    def integrate(self, y: Values, x: Quantity) -> dict[str, Quantity]:
        """The states one step later.

        Args:
            y: Values of the states by name.
            x: Input of the step.
        """
        new, dt = super().integrate(y, x), current_dt()
        free = y["steps_held"] == 0
        decay = jnp.exp(-u.get_magnitude(self.th_spike_decay * dt))
        changed = {
            "threshold_spike": y["threshold_spike"] * decay,
            "ASCurrents": y["ASCurrents"] * self._asc_left(dt),
        }
        if self.adapting_threshold:
            current = self.sum_current_inputs(x, y["V"], pop=False) + y["I_after"]
            changed["threshold_voltage"] = self._followed(y, current, dt)
        for name, value in changed.items():
            moves = free[..., None] if name == "ASCurrents" else free
            new[name] = u.math.where(moves, value, y[name])
        return new

    def _followed(self, y: Values, current: Quantity, dt: Time) -> Quantity:
        """The threshold that follows V, along its solution without synapses."""
        rest = current / self.g
        slow, fast = (
            jnp.exp(-u.get_magnitude(k * dt)) for k in (self.g / self.C_m, self.th_voltage_decay)
        )
        near = self.th_voltage_index / (self.th_voltage_decay - self.g / self.C_m)
        near = u.get_magnitude(near) * (y["V"] - self.E_L - rest)
        far = u.get_magnitude(self.th_voltage_index / self.th_voltage_decay) * rest
        return near * slow + fast * (y["threshold_voltage"] - near - far) + far

    def _asc_left(self, time: Time) -> Array:
        return jnp.exp(-u.get_magnitude(self.asc_decay * time))
