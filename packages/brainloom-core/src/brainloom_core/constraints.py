"""Conditions that a parameter's value must meet, with the words for an error message."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Constraint", "between", "non_negative", "one_of", "positive", "whole"]


@dataclass(frozen=True)
class Constraint:
    """A condition on a value's number; `text` completes the sentence "expected a value ..."."""

    text: str
    holds: Callable[[Any], Any]


positive = Constraint("> 0", lambda x: x > 0)
non_negative = Constraint(">= 0", lambda x: x >= 0)
whole = Constraint("a whole number >= 1", lambda n: _is_whole(n) and bool(n >= 1))


def between(low: float, high: float) -> Constraint:
    """The value must lie in the closed interval from `low` to `high`."""
    return Constraint(f"between {low:g} and {high:g}", lambda x: (x >= low) & (x <= high))


def _is_whole(n: Any) -> bool:
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool)


def one_of(*choices: Any) -> Constraint:
    """The value must equal one of the choices."""
    return Constraint("one of " + ", ".join(map(repr, choices)), lambda x: x in choices)
