"""The resonate-and-fire neuron."""

import brainunit as u
from brainloom_core import Neuron, initializer, one_of, option, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity

__all__ = ["ResonateAndFire"]


class ResonateAndFire(Neuron):
    r"""Resonate-and-fire neuron: a damped oscillation below threshold.

    $$
    \frac{dz}{dt} = (b + i\,\omega)\,z + I, \qquad z = x + i\,V
    $$

    that is $dx/dt = b\,x - \omega V + I$ and $dV/dt = \omega x + b\,V$. The neuron spikes when
    $V \ge V_\mathrm{th}$; then $z \leftarrow x_\mathrm{reset} + i\,V_\mathrm{reset}$, by default
    $i$ times the threshold, from which the oscillation falls. $V$ acts as a potential and $x$
    as a current, which is what a jump (a delta input) moves. A single pulse that is too weak can
    make the neuron spike with a second one after a whole period $2\pi/\omega$, and not after half
    of it. Between spikes the step is exact for an input that is constant over it.

    Args:
        in_size: Number of neurons, or the shape of the population.
        b: Rate of attraction to rest $b$, negative for a damped oscillation, -0.1 / ms; scalar or
            one per neuron.
        omega: Angular frequency $\omega$ in radians per time, 1 / ms, $2\pi$ times the frequency;
            scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, 1 mV; scalar or one per neuron.
        V_reset: Potential after a spike $V_\mathrm{reset}$, 1 mV; scalar or one per neuron.
        x_reset: Current-like variable after a spike $x_\mathrm{reset}$, 0 mV; scalar or one per
            neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        x_initializer: Initial current-like variable, 0 mV; a constant, an array or a function of
            the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"hard"`, or `"soft"`: $V$ keeps the overshoot.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.
        V_scale: Range of $V$ to which the surrogate gradient refers, 1 mV.

    Attributes:
        V: Imaginary part, the potential, shape `(*batch, *in_size)`, mV.
        x: Real part, the current-like variable, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape; it is in mV/ms.

    References:
        Izhikevich (2001), Neural Networks 14, 883, doi:10.1016/S0893-6080(01)00078-8.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import ResonateAndFire
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = ResonateAndFire(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> pulses = jnp.zeros(200).at[jnp.array([0, 63])].set(8.0) * u.mV / u.ms
        >>> int(brainstate.transform.for_loop(neuron, pulses).sum())
        1
    """

    interpolate: bool = False
    spike_lag = None
    input_unit = u.mV / u.ms
    jump_state = "x"

    b: Quantity = param(default=-0.1 / u.ms, doc="rate of attraction to rest")
    omega: Quantity = param(default=1.0 / u.ms, constraint=positive, doc="angular frequency")
    V_th: Quantity = param(default=1.0 * u.mV, doc="threshold")
    V_reset: Quantity = param(default=1.0 * u.mV, doc="potential after a spike")
    x_reset: Quantity = param(default=0.0 * u.mV, doc="current-like variable after a spike")
    V_initializer: Initializer = initializer(default=0.0 * u.mV)
    x_initializer: Initializer = initializer(default=0.0 * u.mV)
    spk_reset: str = option(default="hard", constraint=one_of("soft", "hard"), doc="reset rule")
    V_scale: Quantity = param(
        default=1.0 * u.mV, constraint=positive, doc="range of the surrogate gradient"
    )
    V = state("V_initializer", "imaginary part, the potential")
    x = state("x_initializer", "real part, the current-like variable")
    linear = True

    def dV(self, V: Quantity, x: Quantity) -> Quantity:
        return self.omega * x + self.b * V

    def dx(self, x: Quantity, V: Quantity, I: Quantity) -> Quantity:
        return self.b * x - self.omega * V + I

    def scale(self) -> Quantity:
        return self.V_scale

    def on_spike(self, x: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"x": x + spk * (self.x_reset - x)}
