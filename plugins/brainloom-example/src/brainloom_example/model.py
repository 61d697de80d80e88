"""A quadratic integrate-and-fire neuron."""

import brainunit as u
from brainloom_core import Neuron, initializer, param, positive, state
from brainloom_core.types import Initializer, Quantity

__all__ = ["ExampleNeuron"]


class ExampleNeuron(Neuron):
    r"""Quadratic integrate-and-fire neuron, as an example of a model of one's own.

    $$
    \tau \frac{dV}{dt} = c\,(V - V_\mathrm{rest})(V - V_c) + R\,I
    $$

    spikes when $V \ge V_\mathrm{th}$ and is then reset to $V_\mathrm{reset}$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 10 Mohm; scalar or one per neuron.
        tau: Time constant $\tau$, 10 ms; scalar or one per neuron.
        c: Curvature $c$, 0.07 per mV; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, -30 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_c: Critical potential $V_c$, -50 mV; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`; both lead to `V_reset` here.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_euler`, of second order here.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Latham, Richmond, Nelson & Nirenberg (2000), J. Neurophysiol. 83, 808,
        doi:10.1152/jn.2000.83.2.808.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_example import ExampleNeuron
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = ExampleNeuron(1, spk_reset="hard")
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(1 * u.nA), jnp.arange(1000))
        >>> bool(spikes.sum() > 2)
        True
    """

    R: Quantity = param(default=10.0 * u.Mohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="time constant")
    c: Quantity = param(default=0.07 / u.mV, constraint=positive, doc="curvature")
    V_th: Quantity = param(default=-30.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-68.0 * u.mV, doc="reset potential")
    V_rest: Quantity = param(default=-65.0 * u.mV, doc="resting potential")
    V_c: Quantity = param(default=-50.0 * u.mV, doc="critical potential", above="V_rest")
    V_initializer: Initializer = initializer(default=-65.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    caps_overshoot = True  # V runs away above V_c

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.c * (V - self.V_rest) * (V - self.V_c) + self.R * I) / self.tau
