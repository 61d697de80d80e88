"""Leaky integrate-and-fire neurons."""

import brainunit as u
from brainloom_core import Neuron, Refractory, initializer, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity

__all__ = ["ALIF", "IF", "LIF", "LIFRef", "PerfectIF"]


class IF(Neuron):
    r"""Integrate-and-fire neuron that leaks to zero.

    $$
    \tau \frac{dV}{dt} = -V + R\,I
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V - V_\mathrm{th}$ (soft) or
    $V \leftarrow 0$ (hard). The name is that of brainpy.state; the neuron without a leak is
    [`PerfectIF`][brainloom_neurons.PerfectIF].

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV, above zero; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Abbott (1999), Brain Res. Bull. 50, 303, doi:10.1016/S0361-9230(99)00161-6.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import IF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = IF(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(2 * u.mA), jnp.arange(200))
        >>> int(spikes.sum())
        5
    """

    R: Quantity = param(default=1.0 * u.ohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="membrane time constant")
    V_th: Quantity = param(default=1.0 * u.mV, constraint=positive, doc="threshold")
    V_initializer: Initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    V_reset = 0.0 * u.mV
    linear = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.R * I - V) / self.tau


class PerfectIF(Neuron):
    r"""Perfect integrator: an integrate-and-fire neuron without a leak.

    $$
    C \frac{dV}{dt} = I
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V - (V_\mathrm{th} - V_\mathrm{reset})$
    (soft) or $V \leftarrow V_\mathrm{reset}$ (hard). With a soft reset nothing is lost, and the
    rate under a constant current is exactly $I / C (V_\mathrm{th} - V_\mathrm{reset})$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        C: Membrane capacitance $C$, 5 mF; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Gerstein & Mandelbrot (1964), Biophys. J. 4, 41, doi:10.1016/S0006-3495(64)86768-0.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import PerfectIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = PerfectIF(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(2 * u.mA), jnp.arange(260))
        >>> int(spikes.sum())
        10
    """

    C: Quantity = param(default=5.0 * u.mfarad, constraint=positive, doc="membrane capacitance")
    V_th: Quantity = param(default=1.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=0.0 * u.mV, doc="reset potential")
    V_initializer: Initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    linear = True

    def dV(self, I: Quantity) -> Quantity:
        return I / self.C


class LIF(Neuron):
    r"""Leaky integrate-and-fire neuron.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,I
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V - (V_\mathrm{th} - V_\mathrm{reset})$
    (soft) or $V \leftarrow V_\mathrm{reset}$ (hard). Between spikes the step is exact for a
    current that is constant over it. Under a constant current the period is
    $\tau \ln\frac{RI + V_\mathrm{rest} - V_\mathrm{reset}}{RI + V_\mathrm{rest} - V_\mathrm{th}}$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Lapicque (1907), J. Physiol. Pathol. Gen. 9, 620; Gerstner, Kistler, Naud & Paninski
        (2014), Neuronal Dynamics, section 1.3, doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = LIF(1, tau=20 * u.ms, V_th=20 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(30 * u.mA), jnp.arange(1000))
        >>> int(spikes.sum())
        4
    """

    R: Quantity = param(default=1.0 * u.ohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="membrane time constant")
    V_th: Quantity = param(default=1.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=0.0 * u.mV, doc="reset potential")
    V_rest: Quantity = param(default=0.0 * u.mV, doc="resting potential")
    V_initializer: Initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    linear = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * I) / self.tau


class LIFRef(Refractory, LIF):
    r"""Leaky integrate-and-fire neuron with an absolute refractory period.

    As [`LIF`][brainloom_neurons.LIF]; after a spike $V$ is held at $V_\mathrm{reset}$ for
    `round(tau_ref / dt)` steps and inputs that arrive meanwhile are lost, so the period under
    a constant current is that of `LIF` plus $\tau_\mathrm{ref}$. With `spk_reset="soft"` the
    overshoot is lost in the same way, unless `tau_ref` is zero.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        steps_held: Steps for which $V$ is still held, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Gerstner, Kistler, Naud & Paninski (2014), Neuronal Dynamics, section 1.3,
        doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIFRef
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = LIFRef(1, tau=20 * u.ms, tau_ref=10 * u.ms, V_th=20 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(30 * u.mA), jnp.arange(1000))
        >>> int(spikes.sum())
        3
    """


class ALIF(LIF):
    r"""Leaky integrate-and-fire neuron with an adaptive threshold.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,I, \qquad \tau_a \frac{da}{dt} = -a
    $$

    spikes when $V \ge V_\mathrm{th} + \beta a$; then $a \leftarrow a + 1$ and
    $V \leftarrow V - (V_\mathrm{th} + \beta a - V_\mathrm{reset})$ (soft, with the $a$ before the
    spike) or $V \leftarrow V_\mathrm{reset}$ (hard).

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        tau_a: Time constant of adaptation $\tau_a$, 100 ms; scalar or one per neuron.
        V_th: Threshold at rest $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        beta: Threshold increase per unit of adaptation $\beta$, 0.1 mV; scalar or one per neuron.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        a_initializer: Initial adaptation, 0; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        a: Adaptation, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Bellec, Salaj, Subramoney, Legenstein & Maass (2018), Advances in Neural Information
        Processing Systems 31, arXiv:1803.09574.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import ALIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = ALIF(1, tau=20 * u.ms, V_th=20 * u.mV, beta=5 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(30 * u.mA), jnp.arange(1000))
        >>> int(spikes.sum())
        3
    """

    tau_a: Quantity = param(
        default=100.0 * u.ms, constraint=positive, doc="time constant of adaptation", after="tau"
    )
    beta: Quantity = param(
        default=0.1 * u.mV, doc="threshold increase per unit of adaptation", after="V_rest"
    )
    V_initializer: Initializer = initializer(default=0.0 * u.mV, after="spk_reset")
    a_initializer: Initializer = initializer(default=0.0, after="V_initializer")
    a = state("a_initializer", "adaptation", slow=True)
    linear = True

    def da(self, a: Quantity) -> Quantity:
        return -a / self.tau_a

    def threshold(self, a: Quantity) -> Quantity:
        return self.V_th + self.beta * a

    def on_spike(self, a: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"a": a + spk}
