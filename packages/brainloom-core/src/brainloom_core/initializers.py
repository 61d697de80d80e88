"""Random initial values, as functions of a shape."""

from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np

from .errors import ParameterError
from .parameters import as_float
from .units import same_dimension, show, to_number, with_unit

__all__ = ["Normal", "Uniform"]


@dataclass(frozen=True)
class Uniform:
    """Independent values between two bounds, for each element of a state or parameter.

    Args:
        low: Lower bound.
        high: Upper bound, in the same unit or another one of the same dimension.

    Raises:
        ParameterError: The bounds are not finite, cannot be compared, or `low` exceeds `high`.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Uniform
        >>> Uniform(-70 * u.mV, -60 * u.mV)((3,)).shape
        (3,)
    """

    low: Any
    high: Any

    def __post_init__(self) -> None:
        _check_scalars("Uniform", low=self.low, high=self.high)
        unit = u.get_unit(self.low)
        comparable = same_dimension(self.low, self.high)
        if not comparable or _exceeds(self.low, self.high, unit):
            raise ParameterError(
                f"Uniform: expected low <= high in units of one dimension, got low = "
                f"{show(self.low)}, high = {show(self.high)}"
            )

    def __call__(self, shape: Any) -> Any:
        """Draw values, by `brainstate.random`.

        Args:
            shape: Shape of the array.
        """
        drawn = brainstate.random.rand(*shape).astype(brainstate.environ.dftype())
        return self.low + (self.high - self.low) * drawn

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
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
        ParameterError: The two are not finite numbers of one dimension, or `std` is negative.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Normal
        >>> Normal(4 * u.nS, 1.5 * u.nS)((3,)).shape
        (3,)
    """

    mean: Any
    std: Any

    def __post_init__(self) -> None:
        _check_scalars("Normal", mean=self.mean, std=self.std)
        zero = 0.0 * u.get_unit(self.std)
        if not same_dimension(self.mean, self.std) or _exceeds(zero, self.std, u.get_unit(zero)):
            raise ParameterError(
                f"Normal: expected std >= 0 in units of one dimension with mean, got mean = "
                f"{show(self.mean)}, std = {show(self.std)}"
            )

    def __call__(self, shape: Any) -> Any:
        """Draw values, by `brainstate.random`.

        Args:
            shape: Shape of the array.
        """
        drawn = brainstate.random.randn(*shape).astype(brainstate.environ.dftype())
        return self.mean + self.std * drawn

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
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


def _on_host(value: Any, unit: Any) -> Any:
    number = to_number(value, unit)
    return number if isinstance(number, jax.core.Tracer) else np.asarray(number)


def _as_drawn(number: Any, unit: Any) -> Any:
    return with_unit(number.astype(brainstate.environ.dftype()), unit)


def _check_scalars(owner: str, **given: Any) -> None:
    """Each of them is a finite number, or one that is traced."""
    for name, value in given.items():
        try:
            number = u.get_mantissa(as_float(value))
        except (TypeError, ValueError, u.UnitMismatchError):
            number = np.nan
        if not isinstance(number, jax.core.Tracer) and not np.all(np.isfinite(np.asarray(number))):
            raise ParameterError(
                f"{owner}.{name}: expected a finite number, with its unit, got {show(value)}"
            )


def _exceeds(low: Any, high: Any, unit: Any) -> bool:
    """Whether a known number exceeds another one of the same dimension."""
    numbers = [to_number(value, unit) for value in (low, high)]
    if any(isinstance(u.get_mantissa(number), jax.core.Tracer) for number in numbers):
        return False
    return bool(np.any(np.asarray(numbers[0]) > np.asarray(numbers[1])))
