"""Times and units of recordings in numbers and words."""

import brainunit as u
import numpy as np

from ...types import Json, Quantity, Time

__all__ = ["in_steps", "rounded", "time_of_words", "time_words", "unit_of_words", "unit_words"]


def in_steps(time: Time, dt: Time) -> int:
    """The number of steps that is nearest to a time.

    Args:
        time: The time.
        dt: Length of a step.
    """
    return round(float(u.get_magnitude(time / dt)))


def rounded(value: Quantity) -> str:
    """A quantity in a few digits, whatever the arithmetic left of it.

    Args:
        value: The quantity.
    """
    return f"{float(u.get_mantissa(value)):.10g} {u.get_unit(value)}"


def unit_words(unit: u.Unit) -> Json:
    """A unit as a file has it: its name, or its dimensions where the name does not give it back.

    Args:
        unit: The unit.
    """
    name = str(unit)
    try:
        if u.parse_unit(name) == unit:
            return name
    except Exception:  # a name that no one can read
        pass
    powers = [float(power) for power in unit.dim._dims]
    return {"powers": powers, "scale": unit.scale, "base": unit.base, "factor": unit.factor}


def unit_of_words(words: Json) -> u.Unit:
    """The unit that `unit_words` wrote.

    Args:
        words: What it wrote.
    """
    if isinstance(words, str):
        return u.parse_unit(words)
    dim = u.get_or_create_dimension(words["powers"])
    return u.Unit(dim, words["scale"], words["base"], words["factor"])


def time_words(time: Time) -> dict[str, Json]:
    """A time as a file has it, in the digits that it is written with.

    Args:
        time: The time.
    """
    number = np.asarray(u.get_mantissa(time))
    return {"value": float(str(number[()])), "unit": str(u.get_unit(time))}


def time_of_words(words: Json) -> Time:
    """The time that `time_words` wrote.

    Args:
        words: What it wrote.
    """
    return words["value"] * u.parse_unit(words["unit"])
