"""Exponential integrate-and-fire neurons."""

import brainunit as u
from brainloom_core import Neuron, Refractory, initializer, non_negative, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity

__all__ = ["AdExIF", "AdExIFRef", "ExpIF", "ExpIFRef"]

# V beyond V_T + 40 delta_T blows up within any step; the bound keeps its rate a finite number.
MAX_EXPONENT = 40.0


class ExpIF(Neuron):
    r"""Exponential integrate-and-fire neuron.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + \Delta_T\, e^{(V - V_T)/\Delta_T} + R\,I
    $$

    Beyond $V_T$ the exponential drives $V$ to infinity; the spike is counted, and $V$ reset, when
    $V$ reaches $V_\mathrm{th}$. What the last step would add beyond $V_\mathrm{th}$ is cut off, so
    that no step is too coarse for the upswing and both resets lead to $V_\mathrm{reset}$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 10 ms; scalar or one per neuron.
        V_th: Potential at which a spike is counted $V_\mathrm{th}$, -30 mV; scalar or one per
            neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_T: Threshold of the spike's onset $V_T$, -59.9 mV; scalar or one per neuron.
        delta_T: Slope factor of the onset $\Delta_T$, 3.48 mV; scalar or one per neuron.
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
        Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel (2003), J. Neurosci. 23, 11628,
        doi:10.1523/JNEUROSCI.23-37-11628.2003.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import ExpIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = ExpIF(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(5 * u.mA), jnp.arange(2000))
        >>> int(spikes.sum())
        6
    """

    R: Quantity = param(default=1.0 * u.ohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="membrane time constant")
    V_th: Quantity = param(
        default=-30.0 * u.mV, doc="potential at which a spike is counted", above="V_reset"
    )
    V_reset: Quantity = param(default=-68.0 * u.mV, doc="reset potential")
    V_rest: Quantity = param(default=-65.0 * u.mV, doc="resting potential")
    V_T: Quantity = param(default=-59.9 * u.mV, doc="threshold of the spike's onset")
    delta_T: Quantity = param(
        default=3.48 * u.mV, constraint=positive, doc="slope factor of the onset"
    )
    V_initializer: Initializer = initializer(default=-65.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    caps_overshoot = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self._onset(V) + self.R * I) / self.tau

    def _onset(self, V: Quantity) -> Quantity:
        exponent = u.math.minimum((V - self.V_T) / self.delta_T, MAX_EXPONENT)
        return self.delta_T * u.math.exp(exponent)


class ExpIFRef(Refractory, ExpIF):
    r"""Exponential integrate-and-fire neuron with an absolute refractory period.

    As [`ExpIF`][brainloom_neurons.ExpIF]; after a spike $V$ is held at $V_\mathrm{reset}$ for
    `round(tau_ref / dt)` steps, and inputs that arrive meanwhile are lost.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 10 ms; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 1.7 ms; scalar or one per neuron.
        V_th: Potential at which a spike is counted $V_\mathrm{th}$, -30 mV; scalar or one per
            neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_T: Threshold of the spike's onset $V_T$, -59.9 mV; scalar or one per neuron.
        delta_T: Slope factor of the onset $\Delta_T$, 3.48 mV; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`; both lead to `V_reset` here.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_euler`, of second order here.
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
        Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel (2003), J. Neurosci. 23, 11628,
        doi:10.1523/JNEUROSCI.23-37-11628.2003.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import ExpIFRef
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = ExpIFRef(1, tau_ref=20 * u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(5 * u.mA), jnp.arange(2000))
        >>> int(spikes.sum())
        4
    """

    tau_ref: Quantity = param(
        default=1.7 * u.ms, constraint=non_negative, doc="refractory period", after="tau"
    )


class AdExIF(ExpIF):
    r"""Adaptive exponential integrate-and-fire neuron.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + \Delta_T\, e^{(V - V_T)/\Delta_T} - R\,w + R\,I,
    \qquad \tau_w \frac{dw}{dt} = a\,(V - V_\mathrm{rest}) - w
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ and
    $w \leftarrow w + b$. What the last step would add to $V$ beyond $V_\mathrm{th}$ is cut off, and
    $w$ never sees it.

    In the paper's notation $\tau = C / g_L$ and $R = 1 / g_L$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 10 ms; scalar or one per neuron.
        tau_w: Time constant of adaptation $\tau_w$, 30 ms; scalar or one per neuron.
        V_th: Potential at which a spike is counted $V_\mathrm{th}$, -55 mV; scalar or one per
            neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_T: Threshold of the spike's onset $V_T$, -59.9 mV; scalar or one per neuron.
        delta_T: Slope factor of the onset $\Delta_T$, 3.48 mV; scalar or one per neuron.
        a: Coupling of adaptation to the potential $a$, 1 S; scalar or one per neuron.
        b: Increment of adaptation per spike $b$, 1 mA; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        w_initializer: Initial adaptation, 0 mA; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`; both lead to `V_reset` here.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        w: Adaptation current, shape `(*batch, *in_size)`, mA.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Brette & Gerstner (2005), J. Neurophysiol. 94, 3637, doi:10.1152/jn.00686.2005; Naud,
        Marcille, Clopath & Gerstner (2008), Biol. Cybern. 99, 335,
        doi:10.1007/s00422-008-0264-7.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import AdExIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = AdExIF(1, V_th=-30 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(20 * u.mA), jnp.arange(2000))
        >>> int(spikes.sum())
        16
    """

    V_th: Quantity = param(
        default=-55.0 * u.mV, doc="potential at which a spike is counted", above="V_reset"
    )
    tau_w: Quantity = param(
        default=30.0 * u.ms, constraint=positive, doc="time constant of adaptation", after="tau"
    )
    a: Quantity = param(default=1.0 * u.siemens, doc="coupling to the potential", after="delta_T")
    b: Quantity = param(default=1.0 * u.mA, doc="increment per spike", after="a")
    w_initializer: Initializer = initializer(default=0.0 * u.mA)
    w = state("w_initializer", "adaptation current", slow=True)

    def dV(self, V: Quantity, w: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self._onset(V) + self.R * (I - w)) / self.tau

    def dw(self, w: Quantity, V: Quantity) -> Quantity:
        return (self.a * (V - self.V_rest) - w) / self.tau_w

    def on_spike(self, w: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"w": w + self.b * spk}


class AdExIFRef(Refractory, AdExIF):
    r"""Adaptive exponential integrate-and-fire neuron with an absolute refractory period.

    As [`AdExIF`][brainloom_neurons.AdExIF]; after a spike $V$ is held at $V_\mathrm{reset}$ for
    `round(tau_ref / dt)` steps, while $w$ goes on with $V = V_\mathrm{reset}$; inputs that arrive
    meanwhile are lost.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 10 ms; scalar or one per neuron.
        tau_w: Time constant of adaptation $\tau_w$, 30 ms; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 1.7 ms; scalar or one per neuron.
        V_th: Potential at which a spike is counted $V_\mathrm{th}$, -55 mV; scalar or one per
            neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_T: Threshold of the spike's onset $V_T$, -59.9 mV; scalar or one per neuron.
        delta_T: Slope factor of the onset $\Delta_T$, 3.48 mV; scalar or one per neuron.
        a: Coupling of adaptation to the potential $a$, 1 S; scalar or one per neuron.
        b: Increment of adaptation per spike $b$, 1 mA; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        w_initializer: Initial adaptation, 0 mA; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`; both lead to `V_reset` here.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        w: Adaptation current, shape `(*batch, *in_size)`, mA.
        steps_held: Steps for which $V$ is still held, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Brette & Gerstner (2005), J. Neurophysiol. 94, 3637, doi:10.1152/jn.00686.2005.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import AdExIFRef
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = AdExIFRef(1, V_th=-30 * u.mV)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(20 * u.mA), jnp.arange(2000))
        >>> int(spikes.sum())
        15
    """

    tau_ref: Quantity = param(
        default=1.7 * u.ms, constraint=non_negative, doc="refractory period", after="tau_w"
    )
