"""Checks that several data sets share."""

from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.types import Time
from brainloom_core.units import same_dimension, show

__all__ = ["check_time", "check_whole"]


def check_time(owner: str, name: str, time: Time, error: type[Exception] = ParameterError) -> None:
    """Refuse what is not a time, or an array of times."""
    if not (isinstance(time, u.Quantity) and same_dimension(time, u.ms)):
        raise error(f"{owner}.{name}: expected a time such as 1 ms, got {show(time)}")


def check_whole(owner: str, least: int, **numbers: Any) -> None:
    """Refuse numbers, given by name, that are not whole or too small."""
    for name, number in numbers.items():
        is_whole = isinstance(number, (int, np.integer)) and not isinstance(number, bool)
        if not is_whole or number < least:
            raise ParameterError(
                f"{owner}.{name}: expected a whole number >= {least}, got {show(number)}"
            )
