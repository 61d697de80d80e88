"""Conditions that a parameter's value must meet, with the words for an error message."""

from collections.abc import Callable
from dataclasses import dataclass

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ParameterError
from ..types import Array, ArrayLike, Quantity
from ..units import same_dimension, show

__all__ = [
    "Constraint",
    "at_least",
    "between",
    "duration",
    "finite",
    "flag",
    "function",
    "instance_of",
    "is_met",
    "maybe",
    "non_negative",
    "one_of",
    "positive",
    "text",
    "whole",
]


@dataclass(frozen=True)
class Constraint:
    """A condition on a value's number.

    Attributes:
        text: Completes the sentence "expected a value ...".
        holds: Whether a number meets it.
        keep: From a number that meets it and a proposed one, what to take instead of the latter:
            itself where it meets the condition. None where nothing can be said.
    """

    text: str
    holds: Callable[[Quantity], ArrayLike]
    keep: Callable[[Array, Array], Array] | None = None

    def __post_init__(self) -> None:
        _require("Constraint.text", isinstance(self.text, str), "a text", self.text)
        _require("Constraint.holds", callable(self.holds), "a function", self.holds)
        right = self.keep is None or callable(self.keep)
        _require("Constraint.keep", right, "a function or None", self.keep)


def _require(name: str, holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise ParameterError(f"{name}: expected {expected}, got {show(got)}")


positive = Constraint("> 0", lambda x: x > 0, lambda old, new: jnp.where(new > 0, new, old / 2))
"""The value must be above zero; one that training takes below becomes half of what it was."""

non_negative = Constraint(">= 0", lambda x: x >= 0, lambda old, new: jnp.maximum(new, 0))
"""The value must be at least zero; one that training takes below becomes zero."""

whole = Constraint("a whole number >= 1", lambda n: _is_whole(n) and bool(n >= 1))
"""The value must be an integer and at least 1."""


flag = Constraint("True or False", lambda x: isinstance(x, (bool, np.bool_)))
"""The value must be one of the two."""

text = Constraint("a text", lambda x: isinstance(x, str))
"""The value must be a string."""

function = Constraint("a function", lambda f: callable(f) and not isinstance(f, type))
"""The value must be callable, and not be a class."""

finite = Constraint("a finite number", lambda x: _is_number(x) and bool(np.isfinite(x)))
"""The value must be one number without unit, not NaN and not infinite."""

duration = Constraint("a time >= 0 such as 1.5 ms", lambda x: _is_time(x))
"""The value must be one time, at least zero and finite."""


def at_least(least: int) -> Constraint:
    """The value must be an integer, and not below this one.

    Args:
        least: The smallest value allowed.

    Examples:
        >>> from brainloom_core import at_least
        >>> at_least(0).text, at_least(0).holds(1.5)
        ('a whole number >= 0', False)
    """
    _require("at_least(least)", _is_whole(least), "a whole number", least)
    return Constraint(f"a whole number >= {least}", lambda n: _is_whole(n) and bool(n >= least))


def instance_of(kinds: type | tuple[type, ...], words: str) -> Constraint:
    """The value must be an instance of a class, or of one of several.

    Args:
        kinds: The class or the classes.
        words: What the value is then, such as `"a population"`.

    Examples:
        >>> from brainloom_core import instance_of
        >>> instance_of(dict, "a dictionary").holds({})
        True
    """
    each = kinds if isinstance(kinds, tuple) else (kinds,)
    _require("instance_of(kinds)", all(isinstance(k, type) for k in each), "classes", kinds)
    _require("instance_of(words)", isinstance(words, str), "a text", words)
    return Constraint(words, lambda x: isinstance(x, kinds))


def maybe(constraint: Constraint) -> Constraint:
    """The value must be None or meet a condition.

    Args:
        constraint: The condition.

    Examples:
        >>> from brainloom_core import maybe, text
        >>> maybe(text).text, maybe(text).holds(None)
        ('a text or None', True)
    """
    _require("maybe(constraint)", isinstance(constraint, Constraint), "a Constraint", constraint)
    return Constraint(f"{constraint.text} or None", lambda x: x is None or is_met(constraint, x))


def is_met(constraint: Constraint, value: object) -> bool:
    """Whether a value meets a condition; not where it cannot even be asked."""
    try:
        return bool(constraint.holds(value))
    except Exception:  # such as that an array is compared with words
        return False


def between(low: float, high: float) -> Constraint:
    """The value must lie in the closed interval from `low` to `high`.

    Args:
        low: Smallest value allowed, without a unit: that of the parameter's default, or its `unit`.
        high: Largest value allowed.

    Examples:
        >>> from brainloom_core import between
        >>> between(0.0, 1.0).text, between(0.0, 1.0).holds(1.5)
        ('between 0 and 1', False)
    """
    for name, bound in (("low", low), ("high", high)):
        _require(f"between({name})", is_met(finite, bound), finite.text, bound)
    return Constraint(
        f"between {low:g} and {high:g}",
        lambda x: (x >= low) & (x <= high),
        lambda old, new: jnp.clip(new, low, high),
    )


def _is_whole(n: object) -> bool:
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool)


def _is_number(x: object) -> bool:
    if isinstance(x, (bool, jax.core.Tracer)):
        return False
    return isinstance(x, (int, float, np.generic, np.ndarray, jax.Array)) and np.ndim(x) == 0


def _is_time(x: object) -> bool:
    number = u.get_mantissa(x)
    is_one = isinstance(x, u.Quantity) and same_dimension(x, u.ms) and _is_number(number)
    return is_one and bool(np.isfinite(number) and number >= 0)


def one_of(*choices: object) -> Constraint:
    """The value must equal one of the choices.

    Args:
        choices: What is allowed, compared by `==`.

    Examples:
        >>> from brainloom_core import one_of
        >>> one_of("soft", "hard").holds("soft")
        True
    """
    return Constraint("one of " + ", ".join(map(repr, choices)), lambda x: x in choices)
