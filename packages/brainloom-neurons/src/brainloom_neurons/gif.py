"""The generalized integrate-and-fire neurons of Mihalas and Niebur."""

import brainunit as u
from brainloom_core import Neuron, Refractory, initializer, non_negative, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity

__all__ = ["Gif", "GifRef"]


class Gif(Neuron):
    r"""Generalized integrate-and-fire neuron of Mihalas and Niebur: linear, with many patterns.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,(I_1 + I_2 + I), \qquad
    \frac{dI_j}{dt} = -k_j I_j, \qquad
    \frac{dV_\mathrm{th}}{dt} = a\,(V - V_\mathrm{rest}) - b\,(V_\mathrm{th} - V_\mathrm{th,inf})
    $$

    spikes when $V \ge V_\mathrm{th}$, which is a state; then $I_j \leftarrow R_j I_j + A_j$,
    $V_\mathrm{th} \leftarrow \max(V_\mathrm{th}, V_\mathrm{th,reset})$, and
    $V \leftarrow V - (V_\mathrm{th} - V_\mathrm{reset})$ (soft, with the threshold that was
    reached) or $V \leftarrow V_\mathrm{reset}$ (hard). Between spikes the step is exact for a
    current that is constant over it.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 20 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 20 ms; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -70 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -70 mV; scalar or one per neuron.
        V_th_inf: Threshold at rest $V_\mathrm{th,inf}$, -50 mV, above `V_reset`; scalar or one
            per neuron.
        V_th_reset: Least threshold after a spike $V_\mathrm{th,reset}$, -60 mV, above `V_reset`;
            scalar or one per neuron.
        V_th_initializer: Initial threshold, -50 mV; a constant, an array or a function of the
            shape.
        a: Coupling of the threshold to the potential $a$, 0 / ms; scalar or one per neuron.
        b: Rate at which the threshold returns $b$, 0.01 / ms; scalar or one per neuron.
        k1: Rate of decay $k_1$ of the first internal current, 0.2 / ms; scalar or one per neuron.
        k2: Rate of decay $k_2$ of the second internal current, 0.02 / ms; scalar or one per
            neuron.
        R1: What a spike leaves of the first internal current $R_1$, 0; scalar or one per neuron.
        R2: What a spike leaves of the second internal current $R_2$, 1; scalar or one per neuron.
        A1: What a spike adds to the first internal current $A_1$, 0 mA; scalar or one per neuron.
        A2: What a spike adds to the second internal current $A_2$, 0 mA; scalar or one per
            neuron.
        V_initializer: Initial potential, -70 mV; a constant, an array or a function of the shape.
        I1_initializer: Initial first internal current, 0 mA; a constant, an array or a function
            of the shape.
        I2_initializer: Initial second internal current, 0 mA; a constant, an array or a function
            of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        I1: First internal current, shape `(*batch, *in_size)`, mA.
        I2: Second internal current, shape `(*batch, *in_size)`, mA.
        V_th: Threshold, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Mihalas & Niebur (2009), Neural Comput. 21, 704, doi:10.1162/neco.2008.12-07-680.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import Gif
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = Gif(1, a=0.005 / u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(1.5 * u.mA), jnp.arange(3000))
        >>> int(spikes.sum())
        5
    """

    R: Quantity = param(default=20.0 * u.ohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="membrane time constant")
    V_rest: Quantity = param(default=-70.0 * u.mV, doc="resting potential")
    V_reset: Quantity = param(default=-70.0 * u.mV, doc="reset potential")
    V_th_inf: Quantity = param(default=-50.0 * u.mV, doc="threshold at rest", above="V_reset")
    V_th_reset: Quantity = param(
        default=-60.0 * u.mV, doc="least threshold after a spike", above="V_reset"
    )
    V_th_initializer: Initializer = initializer(default=-50.0 * u.mV)
    a: Quantity = param(default=0.0 / u.ms, doc="coupling of the threshold to the potential")
    b: Quantity = param(default=0.01 / u.ms, doc="rate at which the threshold returns")
    k1: Quantity = param(default=0.2 / u.ms, doc="rate of decay of the first internal current")
    k2: Quantity = param(default=0.02 / u.ms, doc="rate of decay of the second internal current")
    R1: Quantity = param(default=0.0, doc="what a spike leaves of the first internal current")
    R2: Quantity = param(default=1.0, doc="what a spike leaves of the second internal current")
    A1: Quantity = param(default=0.0 * u.mA, doc="what a spike adds to the first internal current")
    A2: Quantity = param(default=0.0 * u.mA, doc="what a spike adds to the second internal current")
    V_initializer: Initializer = initializer(default=-70.0 * u.mV)
    I1_initializer: Initializer = initializer(default=0.0 * u.mA)
    I2_initializer: Initializer = initializer(default=0.0 * u.mA)
    V = state("V_initializer", "membrane potential")
    I1 = state("I1_initializer", "first internal current", slow=True)
    I2 = state("I2_initializer", "second internal current", slow=True)
    V_th = state("V_th_initializer", "threshold", slow=True)
    linear = True

    def dV(self, V: Quantity, I1: Quantity, I2: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * (I1 + I2 + I)) / self.tau

    def dI1(self, I1: Quantity) -> Quantity:
        return -self.k1 * I1

    def dI2(self, I2: Quantity) -> Quantity:
        return -self.k2 * I2

    def dV_th(self, V_th: Quantity, V: Quantity) -> Quantity:
        return self.a * (V - self.V_rest) - self.b * (V_th - self.V_th_inf)

    def threshold(self, V_th: Quantity) -> Quantity:
        return V_th

    def scale(self) -> Quantity:
        return self.V_th_inf - self.V_reset

    def on_spike(
        self, I1: Quantity, I2: Quantity, V_th: Quantity, spk: Array
    ) -> dict[str, Quantity]:
        least = u.math.maximum(V_th, self.V_th_reset)
        return {
            "I1": I1 + spk * (self.R1 * I1 + self.A1 - I1),
            "I2": I2 + spk * (self.R2 * I2 + self.A2 - I2),
            "V_th": V_th + spk * (least - V_th),
        }


class GifRef(Refractory, Gif):
    r"""Generalized integrate-and-fire neuron with an absolute refractory period.

    As [`Gif`][brainloom_neurons.Gif]; after a spike $V$ is held at $V_\mathrm{reset}$ for
    `round(tau_ref / dt)` steps, inputs that arrive meanwhile are lost, and $I_1$, $I_2$ and
    $V_\mathrm{th}$ go on. With `tau_ref` zero it is `Gif`.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 20 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 20 ms; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 1.7 ms; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -70 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -70 mV; scalar or one per neuron.
        V_th_inf: Threshold at rest $V_\mathrm{th,inf}$, -50 mV, above `V_reset`; scalar or one
            per neuron.
        V_th_reset: Least threshold after a spike $V_\mathrm{th,reset}$, -60 mV, above `V_reset`;
            scalar or one per neuron.
        V_th_initializer: Initial threshold, -50 mV; a constant, an array or a function of the
            shape.
        a: Coupling of the threshold to the potential $a$, 0 / ms; scalar or one per neuron.
        b: Rate at which the threshold returns $b$, 0.01 / ms; scalar or one per neuron.
        k1: Rate of decay $k_1$ of the first internal current, 0.2 / ms; scalar or one per neuron.
        k2: Rate of decay $k_2$ of the second internal current, 0.02 / ms; scalar or one per
            neuron.
        R1: What a spike leaves of the first internal current $R_1$, 0; scalar or one per neuron.
        R2: What a spike leaves of the second internal current $R_2$, 1; scalar or one per neuron.
        A1: What a spike adds to the first internal current $A_1$, 0 mA; scalar or one per neuron.
        A2: What a spike adds to the second internal current $A_2$, 0 mA; scalar or one per
            neuron.
        V_initializer: Initial potential, -70 mV; a constant, an array or a function of the shape.
        I1_initializer: Initial first internal current, 0 mA; a constant, an array or a function
            of the shape.
        I2_initializer: Initial second internal current, 0 mA; a constant, an array or a function
            of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        I1: First internal current, shape `(*batch, *in_size)`, mA.
        I2: Second internal current, shape `(*batch, *in_size)`, mA.
        V_th: Threshold, shape `(*batch, *in_size)`, mV.
        steps_held: Steps for which $V$ is still held, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Mihalas & Niebur (2009), Neural Comput. 21, 704, doi:10.1162/neco.2008.12-07-680.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import GifRef
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = GifRef(1, tau_ref=20 * u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(1.5 * u.mA), jnp.arange(3000))
        >>> int(spikes.sum())
        7
    """

    tau_ref: Quantity = param(
        default=1.7 * u.ms, constraint=non_negative, doc="refractory period", after="tau"
    )
