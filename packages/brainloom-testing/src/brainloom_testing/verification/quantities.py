"""Quantities as references write them: a number, and the name of a unit."""

import functools
import re
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core.types import Arguments, Quantity
from brainloom_core.units import with_unit

__all__ = ["is_quantity", "numbers", "parse_unit", "quantity"]


@functools.cache
def parse_unit(name: str | None) -> u.Unit:
    """A unit by name: attributes of `brainunit` joined by `*` and `/`, read from left to right."""
    found = u.UNITLESS
    for operator, part in re.findall(r"(^|[*/])\s*([^*/\s]+)", name or "1"):
        unit = u.UNITLESS if part == "1" else getattr(u, part)
        found = found / unit if operator == "/" else found * unit
    return found


def is_quantity(value: object) -> bool:
    """Whether a value is a pair of a number (or numbers) and the name of a unit."""
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], (int, float, list, tuple, np.ndarray))
        and (value[1] is None or isinstance(value[1], str))
    )


def quantity(value: Any) -> Quantity:
    """A pair as a quantity; everything else as it is."""
    if not is_quantity(value):
        return value
    number, unit = value
    array = np.asarray(number, dtype=np.float64)
    return with_unit(float(array) if array.ndim == 0 else array, parse_unit(unit))


def numbers(arguments: Arguments) -> dict[str, float]:
    """The scalars among some arguments as plain numbers, in the units as written."""
    found = {name: v[0] if is_quantity(v) else v for name, v in arguments.items()}
    return {
        name: float(number)
        for name, number in found.items()
        if isinstance(number, (int, float)) and not isinstance(number, bool)
    }
