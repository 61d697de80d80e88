"""Reduced models of excitability, in dimensionless variables and without a reset."""

import brainunit as u
from brainloom_core import Crossing, initializer, param, positive, state
from brainloom_core.types import Initializer, Quantity

__all__ = ["FitzHughNagumo", "HindmarshRose"]


class FitzHughNagumo(Crossing):
    r"""FitzHugh-Nagumo model: a fast cubic potential and a slow linear recovery.

    $$
    \tau \frac{dV}{dt} = V - \frac{V^3}{3} - w + I, \qquad
    \tau_w \frac{dw}{dt} = V + a - b\,w
    $$

    with $V$, $w$ and $I$ dimensionless. A spike is an upward passage of $V_\mathrm{th}$; there is
    no reset.

    Args:
        in_size: Number of neurons, or the shape of the population.
        a: Offset of the recovery $a$, 0.7; scalar or one per neuron.
        b: Leak of the recovery $b$, 0.8; scalar or one per neuron.
        tau: Time constant of the potential $\tau$, 1 ms; scalar or one per neuron.
        tau_w: Time constant of the recovery $\tau_w$, 12.5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, of any sign, 1; scalar or one per neuron.
        V_initializer: Initial potential, -1.2; a constant, an array or a function of the shape.
        w_initializer: Initial recovery, -0.62; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: Accepted and without effect.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: of second order.
        V_scale: Range of $V$ to which the surrogate gradient refers, 1.

    Attributes:
        V: Potential, shape `(*batch, *in_size)`, no unit.
        w: Recovery, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, or the wrong shape.

    References:
        FitzHugh (1961), Biophys. J. 1, 445, doi:10.1016/S0006-3495(61)86902-6; Nagumo, Arimoto &
        Yoshizawa (1962), Proc. IRE 50, 2061, doi:10.1109/JRPROC.1962.288235.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import FitzHughNagumo
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = FitzHughNagumo(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(0.5), jnp.arange(2000))
        >>> int(spikes.sum())
        5
    """

    input_unit = u.UNITLESS

    a: Quantity = param(default=0.7, doc="offset of the recovery")
    b: Quantity = param(default=0.8, doc="leak of the recovery")
    tau: Quantity = param(
        default=1.0 * u.ms, constraint=positive, doc="time constant of the potential"
    )
    tau_w: Quantity = param(
        default=12.5 * u.ms, constraint=positive, doc="time constant of the recovery"
    )
    V_th: Quantity = param(default=1.0, doc="threshold")
    V_scale: Quantity = param(
        default=1.0, constraint=positive, doc="range of the surrogate gradient"
    )
    V_initializer: Initializer = initializer(default=-1.2)
    w_initializer: Initializer = initializer(default=-0.62)
    V = state("V_initializer", "potential")
    w = state("w_initializer", "recovery")

    def dV(self, V: Quantity, w: Quantity, I: Quantity) -> Quantity:
        return (V - V * V * V / 3.0 - w + I) / self.tau

    def dw(self, w: Quantity, V: Quantity) -> Quantity:
        return (V + self.a - self.b * w) / self.tau_w


class HindmarshRose(Crossing):
    r"""Hindmarsh-Rose model: spiking with a slow variable that switches it on and off.

    $$
    \tau \frac{dV}{dt} = y - a\,V^3 + b\,V^2 - z + I, \qquad
    \tau \frac{dy}{dt} = c - d\,V^2 - y, \qquad
    \tau \frac{dz}{dt} = r\,\big(s\,(V - V_r) - z\big)
    $$

    with $V$, $y$, $z$ and $I$ dimensionless. A spike is an upward passage of $V_\mathrm{th}$;
    there is no reset.

    Args:
        in_size: Number of neurons, or the shape of the population.
        a: Coefficient of the cubic term $a$, 1; scalar or one per neuron.
        b: Coefficient of the quadratic term $b$, 3; scalar or one per neuron.
        c: Offset of the fast recovery $c$, 1; scalar or one per neuron.
        d: Coefficient of the fast recovery $d$, 5; scalar or one per neuron.
        r: Rate of the slow variable $r$, 0.006; scalar or one per neuron.
        s: Gain of the slow variable $s$, 4; scalar or one per neuron.
        V_r: Potential at which the slow variable rests $V_r$, -1.6; scalar or one per neuron.
        tau: Unit of time $\tau$, 1 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, of any sign, 1; scalar or one per neuron.
        V_initializer: Initial potential, -1.6; a constant, an array or a function of the shape.
        y_initializer: Initial fast recovery, -10; a constant, an array or a function of the
            shape.
        z_initializer: Initial slow variable, 0; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: Accepted and without effect.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: of second order.
        V_scale: Range of $V$ to which the surrogate gradient refers, 1.

    Attributes:
        V: Potential, shape `(*batch, *in_size)`, no unit.
        y: Fast recovery, shape `(*batch, *in_size)`, no unit.
        z: Slow variable, shape `(*batch, *in_size)`, no unit.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, or the wrong shape.

    References:
        Hindmarsh & Rose (1984), Proc. R. Soc. Lond. B 221, 87, doi:10.1098/rspb.1984.0024.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import HindmarshRose
        >>> brainstate.environ.set(dt=0.05 * u.ms)
        >>> neuron = HindmarshRose(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(2.0), jnp.arange(4000))
        >>> int(spikes.sum())
        12
    """

    input_unit = u.UNITLESS

    a: Quantity = param(default=1.0, doc="coefficient of the cubic term")
    b: Quantity = param(default=3.0, doc="coefficient of the quadratic term")
    c: Quantity = param(default=1.0, doc="offset of the fast recovery")
    d: Quantity = param(default=5.0, doc="coefficient of the fast recovery")
    r: Quantity = param(default=0.006, doc="rate of the slow variable")
    s: Quantity = param(default=4.0, doc="gain of the slow variable")
    V_r: Quantity = param(default=-1.6, doc="potential at which the slow variable rests")
    tau: Quantity = param(default=1.0 * u.ms, constraint=positive, doc="unit of time")
    V_th: Quantity = param(default=1.0, doc="threshold")
    V_scale: Quantity = param(
        default=1.0, constraint=positive, doc="range of the surrogate gradient"
    )
    V_initializer: Initializer = initializer(default=-1.6)
    y_initializer: Initializer = initializer(default=-10.0)
    z_initializer: Initializer = initializer(default=0.0)
    V = state("V_initializer", "potential")
    y = state("y_initializer", "fast recovery")
    z = state("z_initializer", "slow variable", slow=True)

    def dV(self, V: Quantity, y: Quantity, z: Quantity, I: Quantity) -> Quantity:
        return (y - self.a * V * V * V + self.b * V * V - z + I) / self.tau

    def dy(self, y: Quantity, V: Quantity) -> Quantity:
        return (self.c - self.d * V * V - y) / self.tau

    def dz(self, z: Quantity, V: Quantity) -> Quantity:
        return self.r * (self.s * (V - self.V_r) - z) / self.tau
