"""Membranes of NIR that no model of brainloom-neurons is: currents held over a step, no spikes."""

from dataclasses import dataclass, field
from typing import ClassVar

import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import (
    Dynamics,
    ParameterError,
    ReluGrad,
    Surrogate,
    function,
    initializer,
    param,
    positive,
    state,
)
from brainloom_core.types import Initializer, Quantity
from brainloom_core.units import show
from brainloom_neurons import LIF

__all__ = ["FilteredIntegrator", "FilteredLIF", "Integrator", "LeakyIntegrator", "Strictly"]


@dataclass(frozen=True)
class Strictly(Surrogate):
    r"""Spike function of a neuron that spikes above threshold, and not at it, as NIR's do.

    The value is 1 where $z > 0$, where that of the other spike functions is 1 where $z \ge 0$;
    the derivative is that of another one.

    Args:
        of: The spike function whose derivative it has.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_nir import Strictly
        >>> print(Strictly()(jnp.array([-1.0, 0.0, 1.0])))
        [0. 0. 1.]
    """

    of: Surrogate = field(default_factory=ReluGrad)

    def __post_init__(self) -> None:
        if not function.holds(self.of):
            raise ParameterError(f"Strictly.of: expected a spike function, got {show(self.of)}")

    def __call__(self, z: jax.Array) -> jax.Array:
        """The spikes, with the derivative of the other spike function.

        Args:
            z: Dimensionless distance to threshold, of any shape.
        """
        spike = self.of(z)
        return spike - jax.lax.stop_gradient(spike - (jnp.asarray(z) > 0))

    def surrogate_grad(self, z: jax.Array) -> jax.Array:
        return self.of.surrogate_grad(z)


class Membrane(Dynamics):
    """Base of the membranes that do not spike: a call integrates and returns the potential."""

    input_unit: ClassVar[u.Unit] = u.mA
    linear = True
    V_initializer: Initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")

    def update(self, x: Quantity | None = None) -> Quantity:
        """Advance by one step with the input `x`, and return the potential.

        Args:
            x: Input current, mA; scalar, one per value, or of the shape of the states; None for
                none.

        Returns:
            The potential, shape `(*batch, *in_size)`, mV.
        """
        x = 0.0 * self.input_unit if x is None else x
        x = self.check_input(x, self.input_unit, "V")
        new = self.integrate(self.state_values(), x)
        self.sum_current_inputs(0.0 * self.input_unit, self.V.value)  # forgets what was used
        self.assign_states({**new, "V": self.sum_delta_inputs(new["V"])})
        return self.V.value


class Integrator(Membrane):
    r"""Integrator of a current, NIR's `I`.

    $$
    \frac{dV}{dt} = R\,I
    $$

    Args:
        in_size: Number of values, or their shape.
        R: Gain $R$, 1 ohm/s, of either sign; scalar or one per value.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        V: Potential, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Pedersen et al. (2024), Nature Communications 15, 8122, doi:10.1038/s41467-024-52259-9.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nir import Integrator
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> cell = Integrator(1, R=2 * u.ohm / u.second)
        >>> _ = brainstate.nn.init_all_states(cell)
        >>> print(cell(3 * u.mA))
        [0.006] mV
    """

    R: Quantity = param(default=1.0 * u.ohm / u.second, doc="gain")
    V_initializer: Initializer = initializer(default=0.0 * u.mV)

    def dV(self, I: Quantity) -> Quantity:
        return self.R * I


class LeakyIntegrator(Membrane):
    r"""Leaky integrator of a current, NIR's `LI`.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,I
    $$

    Args:
        in_size: Number of values, or their shape.
        R: Membrane resistance $R$, 1 ohm, of either sign; scalar or one per value.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per value.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per value.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Pedersen et al. (2024), Nature Communications 15, 8122, doi:10.1038/s41467-024-52259-9.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nir import LeakyIntegrator
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> cell = LeakyIntegrator(1, tau=10 * u.ms)
        >>> _ = brainstate.nn.init_all_states(cell)
        >>> print(f"{cell(1 * u.mA).to_decimal(u.mV)[0]:.5f}")  # 1 - e^-0.1
        0.09516
    """

    R: Quantity = param(default=1.0 * u.ohm, doc="membrane resistance")
    tau: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="membrane time constant")
    V_rest: Quantity = param(default=0.0 * u.mV, doc="resting potential")
    V_initializer: Initializer = initializer(default=0.0 * u.mV, after="V_rest")

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * I) / self.tau


class FilteredIntegrator(LeakyIntegrator):
    r"""Leaky integrator of a current that a synapse filters, NIR's `CubaLI`.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,g, \qquad
    \tau_\mathrm{syn} \frac{dg}{dt} = -g + w\,I
    $$

    Both equations are advanced together by their exact propagator.

    Args:
        in_size: Number of values, or their shape.
        R: Membrane resistance $R$, 1 ohm, of either sign; scalar or one per value.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per value.
        tau_syn: Synaptic time constant $\tau_\mathrm{syn}$, 5 ms; scalar or one per value.
        w: Weight of the input $w$, 1; scalar or one per value.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per value.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        g_initializer: Initial current, 0 mA; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_rosenbrock`, exact.

    Attributes:
        g: Filtered current, shape `(*batch, *in_size)`, mA.
        V: Membrane potential, shape `(*batch, *in_size)`, mV.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Pedersen et al. (2024), Nature Communications 15, 8122, doi:10.1038/s41467-024-52259-9.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_nir import FilteredIntegrator
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> cell = FilteredIntegrator(1, tau=20 * u.ms, tau_syn=10 * u.ms)
        >>> _ = brainstate.nn.init_all_states(cell)
        >>> _ = cell(1 * u.mA)
        >>> print(f"{cell.g.value.to_decimal(u.mA)[0]:.5f}")  # 1 - e^-0.1
        0.09516
    """

    tau_syn: Quantity = param(
        default=5.0 * u.ms, constraint=positive, doc="synaptic time constant", after="tau"
    )
    w: Quantity = param(default=1.0, doc="weight of the input", after="tau_syn")
    g_initializer: Initializer = initializer(default=0.0 * u.mA)
    g = state("g_initializer", "filtered current")

    def dV(self, V: Quantity, g: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * g) / self.tau

    def dg(self, g: Quantity, I: Quantity) -> Quantity:
        return (self.w * I - g) / self.tau_syn


class FilteredLIF(LIF):
    r"""Leaky integrate-and-fire neuron whose input current a synapse filters, NIR's `CubaLIF`.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,g, \qquad
    \tau_\mathrm{syn} \frac{dg}{dt} = -g + w\,I
    $$

    As [`CubaLIF`][brainloom_neurons.CubaLIF], but for how a spike comes in: there it raises $g$ by
    a jump, here it is a current $I$ that is held over the step, and raises $g$ by
    $w (1 - e^{-\Delta t / \tau_\mathrm{syn}})$. A registered jump is added to $g$ at the
    beginning of the step.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        tau_syn: Synaptic time constant $\tau_\mathrm{syn}$, 5 ms; scalar or one per neuron.
        w: Weight of the input $w$, 1; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        g_initializer: Initial current, 0 mA; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_rosenbrock`, exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        g: Filtered current, shape `(*batch, *in_size)`, mA.
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Pedersen et al. (2024), Nature Communications 15, 8122, doi:10.1038/s41467-024-52259-9.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_nir import FilteredLIF
        >>> neuron = FilteredLIF(1, tau=20 * u.ms, tau_syn=5 * u.ms, V_th=20 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> with brainstate.environ.context(dt=0.1 * u.ms):
        ...     step = lambda i: neuron(30 * u.mA)
        ...     spikes = brainstate.transform.for_loop(step, jnp.arange(1000))
        >>> int(spikes.sum())
        4
    """

    tau_syn: Quantity = param(
        default=5.0 * u.ms, constraint=positive, doc="synaptic time constant", after="tau"
    )
    w: Quantity = param(default=1.0, doc="weight of the input", after="tau_syn")
    g_initializer: Initializer = initializer(default=0.0 * u.mA)
    g = state("g_initializer", "filtered current")
    jump_state = "g"
    references = ()  # of `brainloom verify`: not those of LIF, whose current is not filtered

    linear = True

    def dV(self, V: Quantity, g: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * g) / self.tau

    def dg(self, g: Quantity, I: Quantity) -> Quantity:
        return (self.w * I - g) / self.tau_syn
