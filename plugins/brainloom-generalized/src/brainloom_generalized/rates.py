"""Units whose state is a rate, and which are joined by matrices and projections of rates."""

from typing import ClassVar

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Dynamics,
    initializer,
    keys,
    non_negative,
    one_of,
    option,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Initializer, Quantity
from brainloom_core.units import exprel

__all__ = ["Graded", "LinearRate", "RateUnit", "SigmoidRate", "TanhRate", "ThresholdLinearRate"]


class Graded(Dynamics):
    """Base of the populations whose output is a state instead of spikes."""

    input_unit: ClassVar[u.Unit] = u.UNITLESS
    output_state: ClassVar[str] = "r"

    def update(self, x: Quantity | None = None) -> Quantity:
        """Advance by one step with the input `x` and return the rates.

        Args:
            x: Input, no unit; scalar, one per unit, or of the shape of the states; None for none.

        Returns:
            The rates at the end of the step, shape `(*batch, *in_size)`.

        Raises:
            InputError: The input has a unit, or another shape.
        """
        try:
            x = 0.0 if x is None else self.check_input(x, self.input_unit, self.output_state)
            new = self.moved(self.integrate(self.state_values(), x))
            at = self.output_state
            self.assign_states({**new, at: self.sum_delta_inputs(new[at])})
        finally:
            self.release_inputs()
        rates: Quantity = getattr(self, at).value
        return rates

    def moved(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """The states after what happens to them besides their equations, such as noise.

        Args:
            y: The states at the end of the step by their equations.
        """
        return y

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        return {
            "input": "held over the step",
            "jump": "added to the rate after integration",
        }


class RateUnit(Graded):
    r"""Base of the rate units with a gain function; a class of one's own writes `gain`.

    $$
    \tau \frac{dr}{dt} = -\lambda r + \mu + \phi(I) + \sqrt{\tau}\,\sigma\,\xi(t)
    $$

    with Gaussian white noise $\xi$. The gain $\phi$ acts on the sum of all inputs. A step is exact
    for an input that is constant over it, its noise too.

    Args:
        in_size: Number of units, or the shape of the population.
        tau: Time constant $\tau$, 10 ms; scalar or one per unit.
        lambda_: Rate of decay $\lambda$ in units of $1 / \tau$, 1; scalar or one per unit.
        mu: Mean drive $\mu$, 0; scalar or one per unit.
        sigma: Strength of the noise $\sigma$, 0; scalar or one per unit.
        rectify: Whether a rate below zero is set to zero at the end of each step, False.
        r_initializer: Initial rate, 0; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        r: Rate, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, or the wrong shape.

    References:
        Hahne, Dahmen, Schuecker, Frommer, Bolten, Helias & Diesmann (2017), Front. Neuroinform.
        11, 34, doi:10.3389/fninf.2017.00034.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import RateUnit
        >>> class Squared(RateUnit):
        ...     def gain(self, I):
        ...         return I**2
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> unit = Squared(1)
        >>> _ = brainstate.nn.init_all_states(unit)
        >>> rates = brainstate.transform.for_loop(lambda i: unit(3.0), jnp.arange(200))
        >>> print(f"{rates[-1, 0]:.3f}")
        9.000
    """

    tau: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="time constant")
    lambda_: Quantity = param(default=1.0, constraint=non_negative, doc="rate of decay")
    mu: Quantity = param(default=0.0, doc="mean drive")
    sigma: Quantity = param(default=0.0, constraint=non_negative, doc="strength of the noise")
    rectify: bool = option(
        default=False, constraint=one_of(True, False), doc="whether rates stay at zero or above"
    )
    r_initializer: Initializer = initializer(default=0.0)
    r = state("r_initializer", "rate")
    linear = True

    def dr(self, r: Quantity, I: Quantity) -> Quantity:
        return (-self.lambda_ * r + self.mu + self.gain(I)) / self.tau

    def gain(self, I: Quantity) -> Quantity:
        """What the sum of the inputs drives the rate with.

        Args:
            I: The sum, no unit.
        """
        return I

    def moved(self, y: dict[str, Quantity]) -> dict[str, Quantity]:
        """The rate with the noise of the step, and not below zero where it shall not be."""
        r = y["r"] + self._noise(y["r"])
        return {**y, "r": jnp.maximum(r, 0.0) if self.rectify else r}

    def _noise(self, r: Quantity) -> Quantity:
        if _is_zero(self.sigma):
            return 0.0
        steps = u.get_magnitude(current_dt() / self.tau)
        spread = u.math.sqrt(steps * exprel(-2.0 * self.lambda_ * steps))
        return self.sigma * spread * keys.normal(r.shape, r.dtype)


class LinearRate(RateUnit):
    r"""Rate unit with a linear gain.

    $$
    \tau \frac{dr}{dt} = -\lambda r + \mu + \phi(I) + \sqrt{\tau}\,\sigma\,\xi(t), \qquad
    \phi(I) = g\,I
    $$

    with Gaussian white noise $\xi$. A step is exact for an input that is constant over it, its
    noise too. The gain acts on the sum of all inputs (`linear_summation` in NEST).

    Args:
        in_size: Number of units, or the shape of the population.
        tau: Time constant $\tau$, 10 ms; scalar or one per unit.
        lambda_: Rate of decay $\lambda$ in units of $1 / \tau$, 1; scalar or one per unit.
        mu: Mean drive $\mu$, 0; scalar or one per unit.
        sigma: Strength of the noise $\sigma$, 0; scalar or one per unit.
        rectify: Whether a rate below zero is set to zero at the end of each step, False.
        g: Gain $g$, 1; scalar or one per unit.
        r_initializer: Initial rate, 0; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        r: Rate, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, or the wrong shape.

    References:
        Hahne, Dahmen, Schuecker, Frommer, Bolten, Helias & Diesmann (2017), Front. Neuroinform. 11,
        34, doi:10.3389/fninf.2017.00034; `lin_rate_ipn` of NEST is this model.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import LinearRate
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> unit = LinearRate(1)
        >>> _ = brainstate.nn.init_all_states(unit)
        >>> rates = brainstate.transform.for_loop(lambda i: unit(2.0), jnp.arange(300))
        >>> print(f"{rates[-1, 0]:.3f}")
        2.000
    """

    references = "brainloom_generalized.references:LIN_RATE_IPN"

    g: Quantity = param(default=1.0, doc="gain")

    def gain(self, I: Quantity) -> Quantity:
        return self.g * I


class ThresholdLinearRate(RateUnit):
    r"""Rate unit with a gain that is linear above a threshold, and bounded.

    $$
    \tau \frac{dr}{dt} = -\lambda r + \mu + \phi(I) + \sqrt{\tau}\,\sigma\,\xi(t), \qquad
    \phi(I) = \min\bigl(\max(g\,(I - \theta),\, 0),\, \alpha\bigr)
    $$

    with Gaussian white noise $\xi$. A step is exact for an input that is constant over it, its
    noise too. The gain acts on the sum of all inputs (`linear_summation` in NEST).

    Args:
        in_size: Number of units, or the shape of the population.
        tau: Time constant $\tau$, 10 ms; scalar or one per unit.
        lambda_: Rate of decay $\lambda$ in units of $1 / \tau$, 1; scalar or one per unit.
        mu: Mean drive $\mu$, 0; scalar or one per unit.
        sigma: Strength of the noise $\sigma$, 0; scalar or one per unit.
        rectify: Whether a rate below zero is set to zero at the end of each step, False.
        g: Gain $g$, 1; scalar or one per unit.
        theta: Threshold $\theta$, 0; scalar or one per unit.
        alpha: Largest gain $\alpha$, None for no bound; scalar or one per unit.
        r_initializer: Initial rate, 0; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        r: Rate, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, or the wrong shape.

    References:
        Hahne, Dahmen, Schuecker, Frommer, Bolten, Helias & Diesmann (2017), Front. Neuroinform. 11,
        34, doi:10.3389/fninf.2017.00034; `threshold_lin_rate_ipn` of NEST is this model.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import ThresholdLinearRate
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> unit = ThresholdLinearRate(1)
        >>> _ = brainstate.nn.init_all_states(unit)
        >>> rates = brainstate.transform.for_loop(lambda i: unit(-2.0), jnp.arange(300))
        >>> print(f"{rates[-1, 0]:.3f}")
        0.000
    """

    references = "brainloom_generalized.references:THRESHOLD_LIN_RATE_IPN"

    g: Quantity = param(default=1.0, doc="gain")
    theta: Quantity = param(default=0.0, doc="threshold")
    alpha: Quantity | None = param(default=None, unit=u.UNITLESS, optional=True, doc="largest gain")

    def gain(self, I: Quantity) -> Quantity:
        above = jnp.maximum(self.g * (I - self.theta), 0.0)
        return above if self.alpha is None else jnp.minimum(above, self.alpha)


class SigmoidRate(RateUnit):
    r"""Rate unit with a sigmoid gain.

    $$
    \tau \frac{dr}{dt} = -\lambda r + \mu + \phi(I) + \sqrt{\tau}\,\sigma\,\xi(t), \qquad
    \phi(I) = \frac{g}{1 + e^{-\beta (I - \theta)}}
    $$

    with Gaussian white noise $\xi$. A step is exact for an input that is constant over it, its
    noise too. The gain acts on the sum of all inputs (`linear_summation` in NEST).

    Args:
        in_size: Number of units, or the shape of the population.
        tau: Time constant $\tau$, 10 ms; scalar or one per unit.
        lambda_: Rate of decay $\lambda$ in units of $1 / \tau$, 1; scalar or one per unit.
        mu: Mean drive $\mu$, 0; scalar or one per unit.
        sigma: Strength of the noise $\sigma$, 0; scalar or one per unit.
        rectify: Whether a rate below zero is set to zero at the end of each step, False.
        g: Gain $g$, 1; scalar or one per unit.
        beta: Steepness $\beta$, 1; scalar or one per unit.
        theta: Threshold $\theta$, 0; scalar or one per unit.
        r_initializer: Initial rate, 0; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        r: Rate, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, or the wrong shape.

    References:
        Hahne, Dahmen, Schuecker, Frommer, Bolten, Helias & Diesmann (2017), Front. Neuroinform. 11,
        34, doi:10.3389/fninf.2017.00034; `sigmoid_rate_ipn` of NEST is this model.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import SigmoidRate
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> unit = SigmoidRate(1)
        >>> _ = brainstate.nn.init_all_states(unit)
        >>> rates = brainstate.transform.for_loop(lambda i: unit(0.0), jnp.arange(300))
        >>> print(f"{rates[-1, 0]:.3f}")
        0.500
    """

    references = "brainloom_generalized.references:SIGMOID_RATE_IPN"

    g: Quantity = param(default=1.0, doc="gain")
    beta: Quantity = param(default=1.0, doc="steepness")
    theta: Quantity = param(default=0.0, doc="threshold")

    def gain(self, I: Quantity) -> Quantity:
        return self.g * jax.nn.sigmoid(self.beta * (I - self.theta))


class TanhRate(RateUnit):
    r"""Rate unit with a hyperbolic tangent as its gain.

    $$
    \tau \frac{dr}{dt} = -\lambda r + \mu + \phi(I) + \sqrt{\tau}\,\sigma\,\xi(t), \qquad
    \phi(I) = \tanh\bigl(g\,(I - \theta)\bigr)
    $$

    with Gaussian white noise $\xi$. A step is exact for an input that is constant over it, its
    noise too. The gain acts on the sum of all inputs (`linear_summation` in NEST).

    Args:
        in_size: Number of units, or the shape of the population.
        tau: Time constant $\tau$, 10 ms; scalar or one per unit.
        lambda_: Rate of decay $\lambda$ in units of $1 / \tau$, 1; scalar or one per unit.
        mu: Mean drive $\mu$, 0; scalar or one per unit.
        sigma: Strength of the noise $\sigma$, 0; scalar or one per unit.
        rectify: Whether a rate below zero is set to zero at the end of each step, False.
        g: Gain $g$, 1; scalar or one per unit.
        theta: Threshold $\theta$, 0; scalar or one per unit.
        r_initializer: Initial rate, 0; a constant, an array or a function of the shape.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        r: Rate, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has a unit, or the wrong shape.

    References:
        Hahne, Dahmen, Schuecker, Frommer, Bolten, Helias & Diesmann (2017), Front. Neuroinform. 11,
        34, doi:10.3389/fninf.2017.00034; `tanh_rate_ipn` of NEST is this model.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import TanhRate
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> unit = TanhRate(1)
        >>> _ = brainstate.nn.init_all_states(unit)
        >>> rates = brainstate.transform.for_loop(lambda i: unit(0.5), jnp.arange(300))
        >>> print(f"{rates[-1, 0]:.3f}")
        0.462
    """

    references = "brainloom_generalized.references:TANH_RATE_IPN"

    g: Quantity = param(default=1.0, doc="gain")
    theta: Quantity = param(default=0.0, doc="threshold")

    def gain(self, I: Quantity) -> Quantity:
        return jnp.tanh(self.g * (I - self.theta))


def _is_zero(value: Quantity) -> bool:
    """Whether a parameter is known to be zero, so that nothing need be drawn."""
    known = isinstance(value, (int, float, np.ndarray))
    known = known or (isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer))
    return known and not np.any(np.asarray(value))
