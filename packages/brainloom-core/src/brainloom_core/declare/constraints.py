"""Conditions that a parameter's value must meet, with the words for an error message."""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from ..types import Array, ArrayLike, Quantity

__all__ = ["Constraint", "between", "non_negative", "one_of", "positive", "whole"]


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


positive = Constraint("> 0", lambda x: x > 0, lambda old, new: jnp.where(new > 0, new, old / 2))
"""The value must be above zero; one that training takes below becomes half of what it was."""

non_negative = Constraint(">= 0", lambda x: x >= 0, lambda old, new: jnp.maximum(new, 0))
"""The value must be at least zero; one that training takes below becomes zero."""

whole = Constraint("a whole number >= 1", lambda n: _is_whole(n) and bool(n >= 1))
"""The value must be an integer and at least 1."""


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
    return Constraint(
        f"between {low:g} and {high:g}",
        lambda x: (x >= low) & (x <= high),
        lambda old, new: jnp.clip(new, low, high),
    )


def _is_whole(n: object) -> bool:
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool)


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
