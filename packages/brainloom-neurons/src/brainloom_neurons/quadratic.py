"""Quadratic integrate-and-fire neurons."""

import brainunit as u
from brainloom_core import Neuron, Refractory, initializer, non_negative, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity

__all__ = ["AdQuaIF", "AdQuaIFRef", "QuaIF"]


class QuaIF(Neuron):
    r"""Quadratic integrate-and-fire neuron.

    $$
    \tau \frac{dV}{dt} = c\,(V - V_\mathrm{rest})(V - V_c) + R\,I
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$. The potential is cut
    off at the threshold, so that soft and hard reset are the same. Above $V_c$ the neuron spikes
    by itself. Under a constant current $I$ above the rheobase
    $I_0 = c\,(V_c - V_\mathrm{rest})^2 / 4R$ the period is

    $$
    \frac{\tau}{c\,k}\left(\arctan\frac{V_\mathrm{th} - V_m}{k}
    - \arctan\frac{V_\mathrm{reset} - V_m}{k}\right), \qquad
    V_m = \frac{V_\mathrm{rest} + V_c}{2}, \quad k = \sqrt{R\,(I - I_0) / c}.
    $$

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 10 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, the end of the upswing, -30 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per
            neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_c: Critical potential $V_c$, -50 mV; scalar or one per neuron.
        c: Steepness $c$ of the parabola, 0.07 / mV; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`, which are the same here.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exponential Euler, of second order.
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
        doi:10.1152/jn.2000.83.2.808; Gerstner, Kistler, Naud & Paninski (2014), Neuronal
        Dynamics, section 5.3, doi:10.1017/CBO9781107447615.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import QuaIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = QuaIF(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(10 * u.mA), jnp.arange(1000))
        >>> int(spikes.sum())
        3
    """

    R: Quantity = param(default=1.0 * u.ohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="membrane time constant")
    V_th: Quantity = param(default=-30.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-68.0 * u.mV, doc="reset potential")
    V_rest: Quantity = param(default=-65.0 * u.mV, doc="resting potential")
    V_c: Quantity = param(default=-50.0 * u.mV, doc="critical potential")
    c: Quantity = param(default=0.07 / u.mV, constraint=positive, doc="steepness of the parabola")
    V_initializer: Initializer = initializer(default=-65.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    caps_overshoot = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.c * (V - self.V_rest) * (V - self.V_c) + self.R * I) / self.tau


class AdQuaIF(QuaIF):
    r"""Quadratic integrate-and-fire neuron with an adaptation current.

    $$
    \tau \frac{dV}{dt} = c\,(V - V_\mathrm{rest})(V - V_c) - R\,w + R\,I, \qquad
    \tau_w \frac{dw}{dt} = a\,(V - V_\mathrm{rest}) - w
    $$

    spikes when $V \ge V_\mathrm{th}$; then $V \leftarrow V_\mathrm{reset}$ and
    $w \leftarrow w + b$. The potential is cut off at the threshold, so that the overshoot of a
    step never enters $w$, and soft and hard reset are the same.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 10 ms; scalar or one per neuron.
        tau_w: Time constant of adaptation $\tau_w$, 10 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, the end of the upswing, -30 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per
            neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_c: Critical potential $V_c$, -50 mV; scalar or one per neuron.
        c: Steepness $c$ of the parabola, 0.07 / mV; scalar or one per neuron.
        a: Adaptation to the potential $a$, 1 S; scalar or one per neuron.
        b: Adaptation to spikes $b$, 0.1 mA; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        w_initializer: Initial adaptation, 0 mA; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`, which are the same here.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: of second order.
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
        Izhikevich (2004), IEEE Trans. Neural Netw. 15, 1063, doi:10.1109/TNN.2004.832719;
        Touboul (2008), SIAM J. Appl. Math. 68, 1045, doi:10.1137/070687268.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import AdQuaIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = AdQuaIF(1, a=0.1 * u.siemens, b=1 * u.mA, tau_w=100 * u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(8 * u.mA), jnp.arange(1000))
        >>> int(spikes.sum())
        2
    """

    tau_w: Quantity = param(
        default=10.0 * u.ms, constraint=positive, doc="time constant of adaptation", after="tau"
    )
    a: Quantity = param(default=1.0 * u.siemens, doc="adaptation to the potential", after="c")
    b: Quantity = param(default=0.1 * u.mA, doc="adaptation to spikes", after="a")
    w_initializer: Initializer = initializer(default=0.0 * u.mA)
    w = state("w_initializer", "adaptation current", slow=True)

    def dV(self, V: Quantity, w: Quantity, I: Quantity) -> Quantity:
        return super().dV(V, I - w)

    def dw(self, w: Quantity, V: Quantity) -> Quantity:
        return (self.a * (V - self.V_rest) - w) / self.tau_w

    def on_spike(self, w: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"w": w + self.b * spk}


class AdQuaIFRef(Refractory, AdQuaIF):
    r"""Quadratic integrate-and-fire neuron with adaptation and a refractory period.

    As [`AdQuaIF`][brainloom_neurons.AdQuaIF]; after a spike $V$ is held at $V_\mathrm{reset}$ for
    `round(tau_ref / dt)` steps, inputs that arrive meanwhile are lost, and $w$ goes on:
    $\tau_w\,dw/dt = a\,(V_\mathrm{reset} - V_\mathrm{rest}) - w$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 10 ms; scalar or one per neuron.
        tau_w: Time constant of adaptation $\tau_w$, 10 ms; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 1.7 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, the end of the upswing, -30 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -68 mV, below `V_th`; scalar or one per
            neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -65 mV; scalar or one per neuron.
        V_c: Critical potential $V_c$, -50 mV; scalar or one per neuron.
        c: Steepness $c$ of the parabola, 0.07 / mV; scalar or one per neuron.
        a: Adaptation to the potential $a$, 1 S; scalar or one per neuron.
        b: Adaptation to spikes $b$, 0.1 mA; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        w_initializer: Initial adaptation, 0 mA; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`, which are the same here.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: of second order.
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
        Izhikevich (2004), IEEE Trans. Neural Netw. 15, 1063, doi:10.1109/TNN.2004.832719.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import AdQuaIFRef
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = AdQuaIFRef(1, a=0.1 * u.siemens, tau_ref=20 * u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(10 * u.mA), jnp.arange(1000))
        >>> int(spikes.sum())
        2
    """

    tau_ref: Quantity = param(
        default=1.7 * u.ms, constraint=non_negative, doc="refractory period", after="tau_w"
    )
