"""The simple model of Izhikevich."""

from brainloom_core import (
    Neuron,
    Refractory,
    initializer,
    non_negative,
    one_of,
    option,
    param,
    state,
)
from brainloom_core.types import Array, Initializer, Quantity
from brainunit import ms, mV

__all__ = ["Izhikevich", "IzhikevichRef"]


class Izhikevich(Neuron):
    r"""The simple model of Izhikevich: quadratic spike initiation and a recovery variable.

    $$
    \frac{dV}{dt} = 0.04\,V^2 + 5\,V + 140 - u + I, \qquad \frac{du}{dt} = a\,(b\,V - u)
    $$

    ($V$ in mV, time in ms, $u$ and $I$ in mV/ms) spikes when $V \ge V_\mathrm{th}$; then
    $V \leftarrow c$ and $u \leftarrow u + d$. The potential is cut off at the threshold, so that
    the overshoot of a step never enters $u$, and soft and hard reset are the same. An equation
    with other coefficients, such as $4.1\,V + 108$, is a subclass with a `dV` of its own.

    The published programs take long Euler steps, and give other spikes than these equations do
    (20 against 23 in a second for regular spiking). They are the solvers `"izhikevich2003"`,
    with a step of 1 ms, and `"sequential_euler"`, that of the program of 2004; in both, $u$ sees
    the whole overshoot of $V$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        a: Rate of recovery $a$, 0.02 / ms; scalar or one per neuron.
        b: Sensitivity of recovery to the potential $b$, 0.2 / ms; scalar or one per neuron.
        c: Reset potential $c$, -65 mV, below `V_th`; scalar or one per neuron.
        d: Increase of recovery by a spike $d$, 8 mV/ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, the end of the upswing, 30 mV; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        u_initializer: Initial recovery; None, the default, is $b\,V$ of the initial potential
            (`brainpy.state` starts from 0 mV/ms); a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"hard"` or `"soft"`, which are the same here.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: of second order.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        u: Recovery variable, shape `(*batch, *in_size)`, mV/ms.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Izhikevich (2003), IEEE Trans. Neural Netw. 14, 1569, doi:10.1109/TNN.2003.820440;
        Izhikevich (2004), IEEE Trans. Neural Netw. 15, 1063, doi:10.1109/TNN.2004.832719.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import Izhikevich
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = Izhikevich(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> current = 10 * u.mV / u.ms
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(current), jnp.arange(3000))
        >>> int(spikes.sum())
        8
    """

    input_unit = mV / ms

    a: Quantity = param(default=0.02 / ms, doc="rate of recovery")
    b: Quantity = param(default=0.2 / ms, doc="sensitivity of recovery to the potential")
    c: Quantity = param(default=-65.0 * mV, doc="reset potential")
    d: Quantity = param(default=8.0 * mV / ms, doc="increase of recovery by a spike")
    V_th: Quantity = param(default=30.0 * mV, doc="threshold", above="c")
    V_initializer: Initializer = initializer(default=-65.0 * mV)
    u_initializer: Initializer = initializer(default=None, unit=mV / ms, steady=True)
    spk_reset: str = option(default="hard", constraint=one_of("soft", "hard"), doc="reset rule")
    V = state("V_initializer", "membrane potential")
    u = state("u_initializer", "recovery variable", steady=lambda model: model.b * model.V.value)
    caps_overshoot = True

    @property
    def V_reset(self) -> Quantity:
        """The reset potential, by the name that other neurons give it."""
        return self.c

    def dV(self, V: Quantity, u: Quantity, I: Quantity) -> Quantity:
        return (0.04 / mV * V * V + 5.0 * V + 140.0 * mV) / ms - u + I

    def du(self, u: Quantity, V: Quantity) -> Quantity:
        return self.a * (self.b * V - u)

    def on_spike(self, u: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"u": u + self.d * spk}


class IzhikevichRef(Refractory, Izhikevich):
    r"""The simple model of Izhikevich with an absolute refractory period.

    As [`Izhikevich`][brainloom_neurons.Izhikevich]; after a spike $V$ is held at $c$ for
    `round(tau_ref / dt)` steps, inputs that arrive meanwhile are lost, and $u$ goes on:
    $du/dt = a\,(b\,c - u)$.

    Args:
        in_size: Number of neurons, or the shape of the population.
        a: Rate of recovery $a$, 0.02 / ms; scalar or one per neuron.
        b: Sensitivity of recovery to the potential $b$, 0.2 / ms; scalar or one per neuron.
        c: Reset potential $c$, -65 mV, below `V_th`; scalar or one per neuron.
        d: Increase of recovery by a spike $d$, 8 mV/ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, the end of the upswing, 30 mV; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 0 ms; scalar or one per neuron.
        V_initializer: Initial potential, -65 mV; a constant, an array or a function of the shape.
        u_initializer: Initial recovery; None, the default, is $b\,V$ of the initial potential
            (`brainpy.state` starts from 0 mV/ms); a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"hard"` or `"soft"`, which are the same here.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: of second order.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        u: Recovery variable, shape `(*batch, *in_size)`, mV/ms.
        steps_held: Steps for which $V$ is still held, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Izhikevich (2003), IEEE Trans. Neural Netw. 14, 1569, doi:10.1109/TNN.2003.820440.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import IzhikevichRef
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = IzhikevichRef(1, tau_ref=50 * u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> current = 10 * u.mV / u.ms
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(current), jnp.arange(3000))
        >>> int(spikes.sum())
        6
    """

    tau_ref: Quantity = param(
        default=0.0 * ms, constraint=non_negative, doc="refractory period", after="V_th"
    )
