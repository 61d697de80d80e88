"""The two populations of Wilson and Cowan."""

import brainunit as u
import jax
from brainloom_core import initializer, non_negative, param, positive, state
from brainloom_core.types import Initializer, Quantity

from .rates import Graded

__all__ = ["WilsonCowan"]


class WilsonCowan(Graded):
    r"""Pairs of an excitatory and an inhibitory population, after Wilson and Cowan.

    $$
    \begin{aligned}
    \tau_E \frac{dE}{dt} &= -E + (k_E - \rho_E E)\, S_E(c_1 E - c_2 J + P + I) \\
    \tau_I \frac{dJ}{dt} &= -J + (k_I - \rho_I J)\, S_I(c_3 E - c_4 J + Q + I_\mathrm{inhibitory})
    \end{aligned}
    $$

    where $E$ and $J$ are the activities of the excitatory and the inhibitory population above rest,
    $S(x) = \frac{1}{1 + e^{-a (x - \theta)}} - \frac{1}{1 + e^{a \theta}}$, and $k$ is the largest
    value of $S$, $1 - \frac{1}{1 + e^{a \theta}}$. What is given to the call, and what is
    registered without a label, drives $E$; a projection with `label="inhibitory"` drives $J$. The
    population gives $E$.

    The defaults are those of the limit cycle of the paper's figure 11.

    Args:
        in_size: Number of pairs, or the shape of the population.
        tau_E: Time constant $\tau_E$, 8 ms; scalar or one per pair.
        tau_I: Time constant $\tau_I$, 8 ms; scalar or one per pair.
        c1: Weight $c_1$ from $E$ to $E$, 16; scalar or one per pair.
        c2: Weight $c_2$ from $J$ to $E$, 12; scalar or one per pair.
        c3: Weight $c_3$ from $E$ to $J$, 15; scalar or one per pair.
        c4: Weight $c_4$ from $J$ to $J$, 3; scalar or one per pair.
        a_E: Steepness $a_E$ of $S_E$, 1.3; scalar or one per pair.
        theta_E: Where $S_E$ is steepest $\theta_E$, 4; scalar or one per pair.
        a_I: Steepness $a_I$ of $S_I$, 2; scalar or one per pair.
        theta_I: Where $S_I$ is steepest $\theta_I$, 3.7; scalar or one per pair.
        rho_E: Refractoriness $\rho_E$, 1; scalar or one per pair.
        rho_I: Refractoriness $\rho_I$, 1; scalar or one per pair.
        P: Constant drive $P$ of $E$, 1.25; scalar or one per pair.
        Q: Constant drive $Q$ of $J$, 0; scalar or one per pair.
        E_initializer: Initial $E$, 0; a constant, an array or a function of the shape.
        J_initializer: Initial $J$, 0; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`, of second order.

    Attributes:
        E: Activity of the excitatory population, shape `(*batch, *in_size)`, no unit.
        J: Activity of the inhibitory population, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, the wrong shape, or a label that is no site.

    References:
        Wilson & Cowan (1972), Biophys. J. 12, 1, doi:10.1016/S0006-3495(72)86068-5.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import WilsonCowan
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> pair = WilsonCowan(1)
        >>> _ = brainstate.nn.init_all_states(pair)
        >>> E = brainstate.transform.for_loop(lambda i: pair(), jnp.arange(2000))[1000:]
        >>> print(f"{E.min():.2f} to {E.max():.2f}")
        0.10 to 0.27
    """

    output_state = "E"
    input_sites = {"inhibitory": "J"}
    references = "brainloom_generalized.references:WILSON_COWAN"

    tau_E: Quantity = param(default=8.0 * u.ms, constraint=positive, doc="excitatory time constant")
    tau_I: Quantity = param(default=8.0 * u.ms, constraint=positive, doc="inhibitory time constant")
    c1: Quantity = param(default=16.0, constraint=non_negative, doc="weight from E to E")
    c2: Quantity = param(default=12.0, constraint=non_negative, doc="weight from J to E")
    c3: Quantity = param(default=15.0, constraint=non_negative, doc="weight from E to J")
    c4: Quantity = param(default=3.0, constraint=non_negative, doc="weight from J to J")
    a_E: Quantity = param(default=1.3, constraint=positive, doc="steepness for E")
    theta_E: Quantity = param(default=4.0, doc="where the response of E is steepest")
    a_I: Quantity = param(default=2.0, constraint=positive, doc="steepness for J")
    theta_I: Quantity = param(default=3.7, doc="where the response of J is steepest")
    rho_E: Quantity = param(default=1.0, constraint=non_negative, doc="refractoriness of E")
    rho_I: Quantity = param(default=1.0, constraint=non_negative, doc="refractoriness of J")
    P: Quantity = param(default=1.25, doc="constant drive of E")
    Q: Quantity = param(default=0.0, doc="constant drive of J")
    E_initializer: Initializer = initializer(default=0.0)
    J_initializer: Initializer = initializer(default=0.0)
    E = state("E_initializer", "activity of the excitatory population")
    J = state("J_initializer", "activity of the inhibitory population")

    def dE(self, E: Quantity, J: Quantity, I: Quantity) -> Quantity:
        drive = self.c1 * E - self.c2 * J + self.P + I
        room = _largest(self.a_E, self.theta_E) - self.rho_E * E
        return (-E + room * _response(drive, self.a_E, self.theta_E)) / self.tau_E

    def dJ(self, J: Quantity, E: Quantity, I_inhibitory: Quantity) -> Quantity:
        drive = self.c3 * E - self.c4 * J + self.Q + I_inhibitory
        room = _largest(self.a_I, self.theta_I) - self.rho_I * J
        return (-J + room * _response(drive, self.a_I, self.theta_I)) / self.tau_I


def _response(x: Quantity, a: Quantity, theta: Quantity) -> Quantity:
    return jax.nn.sigmoid(a * (x - theta)) - jax.nn.sigmoid(-a * theta)


def _largest(a: Quantity, theta: Quantity) -> Quantity:
    return jax.nn.sigmoid(a * theta)
