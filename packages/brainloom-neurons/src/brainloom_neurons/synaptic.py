"""Integrate-and-fire neurons with synaptic states of their own."""

import brainunit as u
import numpy as np
from brainloom_core import (
    Constraint,
    InputError,
    Neuron,
    Refractory,
    initializer,
    option,
    param,
    positive,
    state,
)
from brainloom_core.types import Initializer, Quantity, Values

from .lif import LIF

__all__ = ["CobaLIF", "CubaLIF", "MultiReceptorLIF"]


class CubaLIF(LIF):
    r"""Leaky integrate-and-fire neuron with an exponentially decaying synaptic current.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,(g + I), \qquad
    \tau_\mathrm{syn} \frac{dg}{dt} = -g
    $$

    A registered jump (a delta input, such as what `DeltaProj` delivers) is added to $g$ at the
    beginning of the step; then both equations are advanced together by their exact propagator.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        tau_syn: Synaptic time constant $\tau_\mathrm{syn}$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        g_initializer: Initial synaptic current, 0 mA; a constant, an array or a function of the
            shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_rosenbrock`, exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        g: Synaptic current, shape `(*batch, *in_size)`, mA.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Vogels & Abbott (2005), J. Neurosci. 25, 10786, doi:10.1523/JNEUROSCI.3508-05.2005;
        exact integration: Rotter & Diesmann (1999), Biol. Cybern. 81, 381,
        doi:10.1007/s004220050570.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import CubaLIF
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> neuron = CubaLIF(1, tau=20 * u.ms, tau_syn=5 * u.ms, V_th=20 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> neuron.add_delta_input("spike", 10 * u.mA)
        >>> for _ in range(10):
        ...     _ = neuron()
        >>> print(f"{neuron.V.value.to_decimal(u.mV)[0]:.4f}")  # 10/3 (e^-0.5 - e^-2)
        1.5707
    """

    tau_syn: Quantity = param(
        default=5.0 * u.ms, constraint=positive, doc="synaptic time constant", after="tau"
    )
    g_initializer: Initializer = initializer(default=0.0 * u.mA)
    g = state("g_initializer", "synaptic current")
    jump_state = "g"
    linear = True

    def dV(self, V: Quantity, g: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * (g + I)) / self.tau

    def dg(self, g: Quantity) -> Quantity:
        return -g / self.tau_syn


class CobaLIF(LIF):
    r"""Leaky integrate-and-fire neuron with an exponentially decaying synaptic conductance.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,\bigl(g\,(E - V) + I\bigr), \qquad
    \tau_\mathrm{syn} \frac{dg}{dt} = -g
    $$

    A registered jump (a delta input, such as what `DeltaProj` delivers) is added to $g$ at the
    beginning of the step.

    In brainpy.state $E$ is 0 mV by default, the resting potential, so that the synapse drives
    nothing; here it is 5 mV, above the threshold.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        tau_syn: Synaptic time constant $\tau_\mathrm{syn}$, 5 ms; scalar or one per neuron.
        E: Reversal potential of the synapse $E$, 5 mV; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        g_initializer: Initial conductance, 0 S; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        g: Synaptic conductance, shape `(*batch, *in_size)`, S.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Brette et al. (2007), J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import CobaLIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = CobaLIF(1, g_initializer=1 * u.siemens)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> int(sum(neuron() for _ in range(20))[0])
        1
    """

    tau_syn: Quantity = param(
        default=5.0 * u.ms, constraint=positive, doc="synaptic time constant", after="tau"
    )
    E: Quantity = param(
        default=5.0 * u.mV, doc="reversal potential of the synapse", after="tau_syn"
    )
    g_initializer: Initializer = initializer(default=0.0 * u.siemens)
    g = state("g_initializer", "synaptic conductance")
    jump_state = "g"
    linear = False

    def dV(self, V: Quantity, g: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * (g * (self.E - V) + I)) / self.tau

    def dg(self, g: Quantity) -> Quantity:
        return -g / self.tau_syn


_are_names = Constraint(
    "a tuple of different names, such as ('exc', 'inh')",
    lambda names: (
        isinstance(names, tuple)
        and len(names) > 0
        and all(isinstance(name, str) and name for name in names)
        and len({*names}) == len(names)
    ),
)


class MultiReceptorLIF(Refractory, Neuron):
    r"""Leaky integrate-and-fire neuron with several kinds of receptors.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,\Bigl(\sum_k g_k\,(E_k - V) + I\Bigr), \qquad
    \tau_{\mathrm{syn},k} \frac{dg_k}{dt} = -g_k
    $$

    A jump reaches receptor $k$ when its label is the receptor's name:
    `DeltaProj(..., post=neuron, label="exc")` or `neuron.add_delta_input(key, x, label="exc")`; it
    is added to $g_k$ at the beginning of the step. A jump without a label is an error.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 20 ms; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 2 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, -50 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -60 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -60 mV; scalar or one per neuron.
        receptors: Names of the receptors, `("exc", "inh")`.
        E: Reversal potentials $E_k$, 0 and -80 mV; scalar or one per receptor.
        tau_syn: Time constants $\tau_{\mathrm{syn},k}$, 5 and 10 ms; scalar or one per receptor.
        V_initializer: Initial potential, -60 mV; a constant, an array or a function of the shape.
        g_initializer: Initial conductances, 0 S; scalar, one per receptor, or a function of the
            shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        g: Conductances, shape `(*batch, *in_size, len(receptors))`, S.
        steps_held: Steps for which $V$ is still held, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape, or is for no receptor.

    References:
        Brette et al. (2007), J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6, whose
        benchmark 1 this is with the default constants.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import MultiReceptorLIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = MultiReceptorLIF(3)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> neuron.add_delta_input("input", 0.5 * u.siemens, label="inh")
        >>> _ = neuron()
        >>> neuron.g.value.shape
        (3, 2)
    """

    R: Quantity = param(default=1.0 * u.ohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="membrane time constant")
    tau_ref: Quantity = param(default=2.0 * u.ms, doc="refractory period", after="tau")
    V_th: Quantity = param(default=-50.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-60.0 * u.mV, doc="reset potential")
    V_rest: Quantity = param(default=-60.0 * u.mV, doc="resting potential")
    receptors: tuple[str, ...] = option(
        default=("exc", "inh"), constraint=_are_names, doc="names of the receptors"
    )
    E: Quantity = param(
        default=np.array([0.0, -80.0]) * u.mV, doc="reversal potentials", per="receptors"
    )
    tau_syn: Quantity = param(
        default=np.array([5.0, 10.0]) * u.ms,
        constraint=positive,
        doc="time constants",
        per="receptors",
    )
    V_initializer: Initializer = initializer(default=-60.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    g_initializer: Initializer = initializer(default=0.0 * u.siemens, per="receptors")
    g = state("g_initializer", "conductances", per="receptors")
    jump_state = "g"

    def dV(self, V: Quantity, g: Quantity, I: Quantity) -> Quantity:
        synaptic = (g * (self.E - V[..., None])).sum(-1)
        return (self.V_rest - V + self.R * (synaptic + I)) / self.tau

    def dg(self, g: Quantity) -> Quantity:
        return -g / self.tau_syn

    def add_jumps(self, y: Values) -> dict[str, Quantity]:
        """The conductances with the registered jumps added, each to that of its receptor.

        Args:
            y: Values of the states by name.

        Raises:
            InputError: A jump is for no receptor.
        """
        labels = [key.rpartition(" // ")[0] for key in self.delta_inputs]
        if not {*labels} <= {*self.receptors}:
            raise InputError(
                f"MultiReceptorLIF: the jumps {list(self.delta_inputs)} are not all for a "
                f"receptor: give each a label, one of {list(self.receptors)}"
            )
        silent = 0.0 * y["g"][..., 0]
        jumps = [self.sum_delta_inputs(silent, label=name) for name in self.receptors]
        return {**y, "g": y["g"] + u.math.stack(jumps, -1)}
