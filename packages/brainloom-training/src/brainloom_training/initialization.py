"""Weights with which neurons are moved by fluctuations, at rates within a band, from the start."""

from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    InputError,
    between,
    maybe,
    option_field,
    positive,
    quantity_field,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Quantity, Shape, Time
from brainloom_core.units import show, with_unit

__all__ = ["FluctuationDriven"]

_NEEDED = ("tau", "R", "V_th", "V_rest")
_leaky = Constraint(
    "leaky integrate-and-fire neurons (with tau, R, V_th and V_rest), such as LIF(100)",
    lambda cells: all(hasattr(cells, name) for name in _NEEDED),
)


@dataclass(frozen=True, kw_only=True)
class FluctuationDriven:
    r"""Weights that let the potential of leaky neurons reach its threshold by fluctuations.

    Drawn from a normal distribution with mean 0, such that the potential of a neuron that gets
    independent spikes at a rate $\nu$, and does not spike itself, has the standard deviation
    $\sigma_V = (V_\mathrm{th} - V_\mathrm{rest}) / \xi$. For a current that is held over a step,
    with $a = e^{-\Delta t / \tau}$, $p = \nu\, \Delta t$ and $n$ inputs,

    $$
    \sigma_V^2 = n\, \sigma_w^2 R^2
    \Bigl[\, p\, (1 - p)\, \frac{1 - a}{1 + a} + p^2 \Bigr]
    $$

    where the first term is that of time, and the second that of neurons, whose mean inputs differ.
    The theory is that of leaky integrate-and-fire neurons: `LIF`, `LIFRef`, `IF` and whatever has
    `tau`, `R`, `V_th` and `V_rest`. For others, measure rates with `LayerRates`.

    Args:
        cells: The population that the weights lead to.
        rate: Rate $\nu$ of the inputs; behind another layer, that of its neurons.
        xi: $\xi$, how many standard deviations the threshold is away, 1.
        share: Share of the variance that is for these weights, 1; one half each for input and
            recurrent weights of one population.
        dt: Length of a step, None for that of `brainstate.environ`.

    Raises:
        ParameterError: An argument is of another kind.
        InputError: The inputs would spike more than once in a step.

    References:
        Rossbroich, Gygax & Zenke (2022), Neuromorph. Comput. Eng. 2, 044016,
        doi:10.1088/2634-4386/ac97bb.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_training import FluctuationDriven, Linear
        >>> cells = LIF(100, tau=20 * u.ms)
        >>> weights = FluctuationDriven(cells=cells, rate=5 * u.Hz, dt=1 * u.ms)
        >>> layer = Linear(700, 100, weights)
        >>> print(round(weights.deviation(700).to_decimal(u.mA), 2))
        3.09
    """

    cells: Any = option_field(constraint=_leaky)
    rate: Quantity = quantity_field(constraint=positive, unit=u.Hz)
    xi: float = quantity_field(default=1.0, constraint=positive)
    share: float = option_field(default=1.0, constraint=between(0.0, 1.0))
    dt: Time | None = option_field(
        default=None,
        constraint=maybe(Constraint("a time", lambda dt: isinstance(dt, u.Quantity))),
    )

    def __call__(self, shape: Shape) -> Quantity:
        """Weights of a shape whose last axis is that of the outputs.

        Args:
            shape: `(n_in, n_out)`, or that of kernels, `(*lengths, channels, out_channels)`.
        """
        n = int(np.prod(shape[:-1]))
        deviation = self.deviation(n)
        unit = u.get_unit(deviation)
        drawn = brainstate.random.normal(size=shape)
        return with_unit(jnp.asarray(drawn) * u.get_mantissa(deviation), unit)

    def deviation(self, n_in: int) -> Quantity:
        r"""The standard deviation $\sigma_w$ of the weights of so many inputs.

        Args:
            n_in: Number of inputs of a neuron.
        """
        dt = current_dt() if self.dt is None else self.dt
        p = float(u.get_magnitude(self.rate * dt))
        if not p < 1.0:
            raise InputError(
                f"FluctuationDriven.rate: expected less than one spike in a step of {show(dt)}, "
                f"got {show(self.rate)}"
            )
        tau, R, V_th, V_rest = (_mean(getattr(self.cells, name)) for name in _NEEDED)
        decay = float(np.exp(-u.get_magnitude(dt / tau)))
        variance = p * (1.0 - p) * (1.0 - decay) / (1.0 + decay) + p**2
        distance = (V_th - V_rest) / (self.xi * R)
        deviation = distance * float(np.sqrt(self.share / (n_in * variance)))
        return deviation.to(getattr(self.cells, "input_unit", u.mA))


def _mean(value: Quantity) -> Quantity:
    held = value.value if isinstance(value, brainstate.State) else value
    return with_unit(float(np.mean(u.get_mantissa(held))), u.get_unit(held))
