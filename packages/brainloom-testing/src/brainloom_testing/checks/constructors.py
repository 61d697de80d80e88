"""A check that whatever a constructor is given, it is taken or refused in words of ours."""

import math
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brainunit as u
import jax.numpy as jnp
from brainloom_core import BrainloomError
from brainloom_core.types import Arguments

from ..case import Case
from ..declarations import signature
from ..require import require
from ..running import environment
from .registry import applies_to, declares

__all__ = ["bad_values", "check_bad_arguments_are_refused_in_words", "complaint"]

NEVER = (math.nan, math.inf, math.nan * u.ms)
HARDLY: tuple[Any, ...] = (
    None,
    "no such thing",
    object(),
    -3,
    2.5,
    [1.0] * 7,
    ["no", "words"],
    {},
    -1.0 * u.ms,
)


def bad_values(given: object) -> Iterator[object]:
    """Values that an argument of a constructor can hardly mean.

    Args:
        given: Its default, or what a case gives it; some of the values are near to it.

    Yields:
        Numbers that are not finite, below zero, without a unit or with a foreign one, nothing,
        words, lists that are too long, a function that returns words, an object of no kind.
    """
    yield from (*NEVER, *HARDLY, 3.0 * u.meter, jnp.ones((7, 7)), lambda shape: "words")
    if isinstance(given, u.Quantity):
        yield from (u.Quantity(number, unit=u.get_unit(given)) for number in (-1.0, jnp.ones(7)))


def complaint(cls: type, name: str, value: object, arguments: Arguments) -> str | None:
    """What is wrong with the way in which a constructor takes a value, None if nothing is.

    It may take one that is not a number without an end; or refuse it by an error of its own,
    whose words name the class and an argument.

    Args:
        cls: The class.
        name: Name of the argument.
        value: What it is given.
        arguments: All other arguments.
    """
    said = f"{cls.__name__}({name}={value!r:.60})"
    try:
        cls(**{**arguments, name: value})
    except (BrainloomError, TypeError, ValueError) as error:
        words = str(error)
        told = isinstance(error, BrainloomError) or cls.__name__ in words
        if told and any(argument in words for argument in signature(cls)):
            return None
        last = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{said}: expected an error that names class and argument, got {type(error).__name__} "
            f"of {Path(last.filename).name}, line {last.lineno}: {error}"
        )
    except Exception as error:
        return f"{said}: expected a ParameterError, got {type(error).__name__}: {error}"
    return f"{said}: is taken" if any(value is never for never in NEVER) else None


@applies_to(when=declares)
def check_bad_arguments_are_refused_in_words(case: Case) -> None:
    """What no argument can mean is refused by an error that names class and argument."""
    with environment(case):
        for name, parameter in signature(case.cls).items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            for value in bad_values(case.given.get(name, parameter.default)):
                found = complaint(case.cls, name, value, case.given)
                require(found is None, str(found))
