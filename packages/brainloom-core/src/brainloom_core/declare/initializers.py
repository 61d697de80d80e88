"""Random initial values, as functions of a shape."""

from dataclasses import dataclass

import brainstate
import brainunit as u
import jax
import numpy as np

from .. import keys
from ..errors import ParameterError
from ..types import Array, ArrayLike, Quantity, Shape
from ..units import same_dimension, show, to_number, with_unit

__all__ = ["Normal", "Uniform"]


@dataclass(frozen=True)
class Uniform:
    """Independent values between two bounds, for each element of a state or parameter.

    Args:
        low: Lower bound.
        high: Upper bound, in the same unit or another one of the same dimension.

    Raises:
        ParameterError: A bound is no finite number, the two are not of one dimension, or `low`
            exceeds `high`.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Uniform
        >>> Uniform(-70 * u.mV, -60 * u.mV)((3,)).shape
        (3,)
    """

    low: Quantity
    high: Quantity

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            _check_numbers(f"Uniform.{name}", getattr(self, name))
        unit = u.get_unit(self.low)
        if not same_dimension(self.low, self.high) or _any(
            to_number(self.low, unit) > to_number(self.high, unit)
        ):
            raise ParameterError(
                f"Uniform.high: expected at least low = {show(self.low)}, in its dimension, got "
                f"{show(self.high)}"
            )

    def __call__(self, shape: Shape) -> Quantity:
        """Draw values: by `brainstate.random`, or by name where there is a seed.

        Args:
            shape: Shape of the array.
        """
        drawn = keys.uniform(tuple(shape))
        return self.low + (self.high - self.low) * drawn

    def draw(self, rng: np.random.Generator, shape: Shape) -> Quantity:
        """Draw values by numpy, for which nothing is compiled.

        Args:
            rng: Where the random numbers come from.
            shape: Shape of the array.
        """
        unit = u.get_unit(self.low)
        low, high = _on_host(self.low, unit), _on_host(self.high, unit)
        return _as_drawn(low + (high - low) * rng.random(shape), unit)

    def __str__(self) -> str:
        return f"Uniform({show(self.low)}, {show(self.high)})"


@dataclass(frozen=True)
class Normal:
    """Independent values from a normal distribution, for each element of a state or parameter.

    Args:
        mean: Mean.
        std: Standard deviation, at least zero.

    Raises:
        ParameterError: One is no finite number, the two are not of one dimension, or `std` is
            negative.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Normal
        >>> Normal(4 * u.nS, 1.5 * u.nS)((3,)).shape
        (3,)
    """

    mean: Quantity
    std: Quantity

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            _check_numbers(f"Normal.{name}", getattr(self, name))
        if not same_dimension(self.mean, self.std) or _any(u.get_mantissa(self.std) < 0):
            raise ParameterError(
                f"Normal.std: expected at least zero, in the dimension of mean = "
                f"{show(self.mean)}, got {show(self.std)}"
            )

    def __call__(self, shape: Shape) -> Quantity:
        """Draw values: by `brainstate.random`, or by name where there is a seed.

        Args:
            shape: Shape of the array.
        """
        drawn = keys.normal(tuple(shape))
        return self.mean + self.std * drawn

    def draw(self, rng: np.random.Generator, shape: Shape) -> Quantity:
        """Draw values by numpy, for which nothing is compiled.

        Args:
            rng: Where the random numbers come from.
            shape: Shape of the array.
        """
        unit = u.get_unit(self.mean)
        mean, std = _on_host(self.mean, unit), _on_host(self.std, unit)
        return _as_drawn(mean + std * rng.standard_normal(shape), unit)

    def __str__(self) -> str:
        return f"Normal({show(self.mean)}, {show(self.std)})"


def _check_numbers(name: str, value: Quantity) -> None:
    """Refuse what is not finite, or no number at all."""
    number = u.get_mantissa(value)
    if isinstance(number, jax.core.Tracer):
        return
    kinds = (int, float, np.ndarray, np.generic, jax.Array)
    known = isinstance(number, kinds) and np.asarray(number).dtype.kind in "iuf"
    if not known or not np.all(np.isfinite(np.asarray(number))):
        raise ParameterError(
            f"{name}: expected a finite number, with or without unit, got {show(value)}"
        )


def _any(found: ArrayLike) -> bool:
    """Whether something holds somewhere, as far as it is known."""
    return not isinstance(found, jax.core.Tracer) and bool(np.any(np.asarray(found)))


def _on_host(value: Quantity, unit: u.Unit) -> np.ndarray | Array:
    number = to_number(value, unit)
    return number if isinstance(number, jax.core.Tracer) else np.asarray(number)


def _as_drawn(number: Array | np.ndarray, unit: u.Unit) -> Quantity:
    return with_unit(number.astype(brainstate.environ.dftype()), unit)
