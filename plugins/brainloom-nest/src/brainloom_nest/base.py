"""What neurons with NEST's semantics share: refractoriness, reset, and where spikes arrive."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import brainunit as u
import numpy as np
from brainloom_core import (
    Neuron,
    Refractory,
    full,
    initializer,
    non_negative,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Initializer, Quantity, Shape, Time, Values

__all__ = [
    "AlphaConductances",
    "AlphaCurrents",
    "ExpConductances",
    "ExpCurrents",
    "NestNeuron",
    "WithPeaks",
]

TIC = 1e-3 * u.ms  # in which NEST counts times


def none_of(unit: u.Unit) -> Callable[[Any, Shape], Quantity]:
    """The initial value of what begins at zero.

    Args:
        unit: Its unit.
    """
    return lambda model, shape: full(0.0 * unit, shape)


class NestNeuron(Refractory, Neuron):
    """Base of the neurons: V is set to `V_reset` by a spike and held there for `t_ref`.

    `t_ref` lasts the next whole number of steps, as NEST counts it. What arrives through a port,
    `"ex"` or `"in"`, is there from the beginning of the step on.

    Args:
        in_size: Number of neurons, or the shape of the population.
        t_ref: Refractory period, 2 ms; scalar or one per neuron.
        V_m: Initial potential, -70 mV whatever `E_L` is, as in NEST; a constant, an array or a
            function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, a name in `SOLVERS` or a function.
        detach_reset: Whether gradients pass by the reset, None: by that of V.
    """

    interpolate: bool = False
    spike_lag = None
    spk_reset: str = "hard"
    ref_var: bool = False
    refractory = None
    input_unit: ClassVar[u.Unit] = u.pA
    # Whether NEST lets a spike act in the step that ends as it arrives, and not from there on.
    acts_on_arrival: ClassVar[bool] = False
    # Whether weights below zero are sizes of what inhibits.
    inhibits_by_size: ClassVar[bool] = False

    t_ref: Quantity = param(default=2.0 * u.ms, constraint=non_negative, doc="refractory period")
    V_m: Initializer = initializer(default=-70.0 * u.mV)
    V = state("V_m", "membrane potential")

    @property  # type: ignore[misc]
    def tau_ref(self) -> Time:
        """The refractory period, a whole number of steps."""
        dt = current_dt()
        return u.math.ceil(u.get_magnitude((self.t_ref - TIC / 2) / dt)) * dt


class WithPeaks(NestNeuron):
    """Base of the neurons whose spike is a peak of $V$ beyond a potential, without a reset.

    For `t_ref` after one there is no other; $V$ goes on.
    """

    unverified: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("solution of the declared equations", "declared accuracy", "threshold", "reset"),
            "a spike is a maximum of V, and resets nothing; parity compares with NEST",
        ),
        "strong input": "explicit schemes leave what is finite, and a run says so",
    }

    def scale(self) -> Quantity:
        """The range of V to which the surrogate gradient refers."""
        return 20.0 * u.mV

    def after_spike(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states as they are: a spike has no consequences but its own dynamics.

        Args:
            y: Values of the states by name.
        """
        return y

    def limit(self, y: Values) -> Quantity:
        """The potential, which nothing holds.

        Args:
            y: Values of the states by name.
        """
        return y["V"]

    def fires(self, before: Values, new: Values) -> Array:
        """The spikes of a step: V is beyond the threshold, and falls.

        Args:
            before: Values of the states before the step.
            new: Those after it.
        """
        return super().fires(before, new) * (before["V"] > new["V"])


class ExpCurrents:
    """Synaptic currents that jump and decay, one for each sign."""

    ports: ClassVar[Mapping[str, str]] = {"ex": "I_syn_ex", "in": "I_syn_in"}
    tau_syn_ex: Quantity = param(
        default=2.0 * u.ms, constraint=positive, doc="time constant of excitatory currents"
    )
    tau_syn_in: Quantity = param(
        default=2.0 * u.ms, constraint=positive, doc="time constant of inhibitory currents"
    )
    I_syn_ex = state(none_of(u.pA), "excitatory synaptic current")
    I_syn_in = state(none_of(u.pA), "inhibitory synaptic current")

    def dI_syn_ex(self, I_syn_ex: Quantity) -> Quantity:
        return -I_syn_ex / self.tau_syn_ex

    def dI_syn_in(self, I_syn_in: Quantity) -> Quantity:
        return -I_syn_in / self.tau_syn_in


class AlphaCurrents:
    """Synaptic currents with the course of an alpha function, one for each sign.

    A weight is the peak of the current.
    """

    ports: ClassVar[Mapping[str, str]] = {"ex": "rise_ex", "in": "rise_in"}
    tau_syn_ex: Quantity = param(
        default=2.0 * u.ms, constraint=positive, doc="rise time of excitatory currents"
    )
    tau_syn_in: Quantity = param(
        default=2.0 * u.ms, constraint=positive, doc="rise time of inhibitory currents"
    )
    rise_ex = state(none_of(u.pA), "what excitatory spikes raise")
    rise_in = state(none_of(u.pA), "what inhibitory spikes raise")
    I_syn_ex = state(none_of(u.pA), "excitatory synaptic current")
    I_syn_in = state(none_of(u.pA), "inhibitory synaptic current")

    def drise_ex(self, rise_ex: Quantity) -> Quantity:
        return -rise_ex / self.tau_syn_ex

    def drise_in(self, rise_in: Quantity) -> Quantity:
        return -rise_in / self.tau_syn_in

    def dI_syn_ex(self, I_syn_ex: Quantity, rise_ex: Quantity) -> Quantity:
        return (np.e * rise_ex - I_syn_ex) / self.tau_syn_ex

    def dI_syn_in(self, I_syn_in: Quantity, rise_in: Quantity) -> Quantity:
        return (np.e * rise_in - I_syn_in) / self.tau_syn_in


class ExpConductances:
    """Synaptic conductances that jump and decay, one for each sign."""

    inhibits_by_size: ClassVar[bool] = True
    ports: ClassVar[Mapping[str, str]] = {"ex": "g_ex", "in": "g_in"}
    E_ex: Quantity = param(default=0.0 * u.mV, doc="excitatory reversal potential")
    E_in: Quantity = param(default=-85.0 * u.mV, doc="inhibitory reversal potential")
    tau_syn_ex: Quantity = param(
        default=0.2 * u.ms, constraint=positive, doc="time constant of excitatory conductances"
    )
    tau_syn_in: Quantity = param(
        default=2.0 * u.ms, constraint=positive, doc="time constant of inhibitory conductances"
    )
    g_ex = state(none_of(u.nS), "excitatory conductance")
    g_in = state(none_of(u.nS), "inhibitory conductance")

    def I_syn(self, V: Quantity, g_ex: Quantity, g_in: Quantity) -> Quantity:
        """The current through the synapses.

        Args:
            V: Membrane potential.
            g_ex: Excitatory conductance.
            g_in: Inhibitory conductance.
        """
        return g_ex * (self.E_ex - V) + g_in * (self.E_in - V)

    def dg_ex(self, g_ex: Quantity) -> Quantity:
        return -g_ex / self.tau_syn_ex

    def dg_in(self, g_in: Quantity) -> Quantity:
        return -g_in / self.tau_syn_in


class AlphaConductances(ExpConductances):
    """Synaptic conductances with the course of an alpha function, one for each sign.

    A weight is the peak of the conductance.
    """

    ports: ClassVar[Mapping[str, str]] = {"ex": "rise_ex", "in": "rise_in"}
    tau_syn_ex: Quantity = param(
        default=0.2 * u.ms, constraint=positive, doc="rise time of excitatory conductances"
    )
    tau_syn_in: Quantity = param(
        default=2.0 * u.ms, constraint=positive, doc="rise time of inhibitory conductances"
    )
    rise_ex = state(none_of(u.nS), "what excitatory spikes raise")
    rise_in = state(none_of(u.nS), "what inhibitory spikes raise")

    def drise_ex(self, rise_ex: Quantity) -> Quantity:
        return -rise_ex / self.tau_syn_ex

    def drise_in(self, rise_in: Quantity) -> Quantity:
        return -rise_in / self.tau_syn_in

    def dg_ex(self, g_ex: Quantity, rise_ex: Quantity) -> Quantity:
        return (np.e * rise_ex - g_ex) / self.tau_syn_ex

    def dg_in(self, g_in: Quantity, rise_in: Quantity) -> Quantity:
        return (np.e * rise_in - g_in) / self.tau_syn_in
