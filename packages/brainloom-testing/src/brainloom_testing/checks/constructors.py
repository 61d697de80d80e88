"""A check that whatever a constructor is given, it is taken or refused in words of ours."""

import inspect
import math
import traceback
from collections.abc import Callable, Iterator
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
from .registry import applies_to

__all__ = ["bad_values", "check_bad_arguments_are_refused_in_words", "complaint", "complaints"]

NEVER: tuple[Any, ...] = (math.nan, math.inf, math.nan * u.ms, object())
HARDLY: tuple[Any, ...] = (
    None,
    "no such thing",
    -3,
    2.5,
    [1.0] * 7,
    ["no", "words"],
    {},
    -1.0 * u.ms,
)


def bad_values(given: object) -> Iterator[object]:
    """Values that an argument can hardly mean.

    Args:
        given: Its default, or what a case gives it; some of the values are near to it.

    Yields:
        Numbers that are not finite, below zero, without a unit or with a foreign one, nothing,
        words, lists that are too long, a function that returns words, an object of no kind.
    """
    yield from (*NEVER, *HARDLY, 3.0 * u.meter, jnp.ones((7, 7)), lambda shape: "words")
    if isinstance(given, u.Quantity):
        yield from (u.Quantity(number, unit=u.get_unit(given)) for number in (-1.0, jnp.ones(7)))


def complaint(
    call: Callable[..., Any], name: str, value: object, arguments: Arguments
) -> str | None:
    """What is wrong with the way in which a class or function takes a value, None if nothing is.

    It may take one that is not a number without an end, or an object of no kind; or refuse it by
    an error of its own, whose words name class (or function), and an argument or the value.

    Args:
        call: The class, or the function.
        name: Name of the argument.
        value: What it is given.
        arguments: All other arguments.
    """
    who = call.__name__
    said = f"{who}({name}={value!r:.60})"
    try:
        call(**{**arguments, name: value})
    except (BrainloomError, FileNotFoundError, TypeError, ValueError) as error:
        words = str(error)
        told = isinstance(error, (BrainloomError, FileNotFoundError)) or who in words
        parts = value if isinstance(value, list) else []
        texts = [repr(value)[1:-1]] if isinstance(value, str) else map(repr, [value, *parts])
        # What a function gives to a model is refused by that, whose argument is x.
        marks = [*_parameters(call), "update(x)", *texts]
        if told and any(mark in words for mark in marks):
            return None
        last = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{said}: expected an error that names class and argument, got {type(error).__name__} "
            f"of {Path(last.filename).name}, line {last.lineno}: {error}"
        )
    except Exception as error:
        return f"{said}: expected a ParameterError, got {type(error).__name__}: {error}"
    return f"{said}: is taken" if any(value is never for never in NEVER) else None


def complaints(
    call: Callable[..., Any], arguments: Arguments | Callable[[], Arguments]
) -> list[str]:
    """What is wrong with the way in which a class or function takes what cannot be meant.

    Every argument that has a name gets every one of `bad_values`.

    Args:
        call: The class, or the function.
        arguments: Arguments with which it can be called; a function that returns them where each
            call needs its own.

    Examples:
        >>> from brainloom_core import checked, text
        >>> from brainloom_testing import complaints
        >>> def greeting(name="you"):
        ...     return "hello " + name
        >>> len(complaints(greeting, {})) > 10
        True
        >>> complaints(checked(name=text)(greeting), {})
        []
    """
    found = []
    fresh = arguments if callable(arguments) else (lambda: dict(arguments))
    given = fresh()
    for name, parameter in _parameters(call).items():
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            for value in bad_values(given.get(name, parameter.default)):
                if value is not parameter.default:
                    found.append(complaint(call, name, value, fresh()))
    return [text for text in found if text is not None]


def _parameters(call: Any) -> dict[str, inspect.Parameter]:
    return signature(call) if isinstance(call, type) else dict(inspect.signature(call).parameters)


@applies_to()
def check_bad_arguments_are_refused_in_words(case: Case) -> None:
    """What no argument can mean is refused by an error that names class and argument."""
    with environment(case):
        found = complaints(case.cls, lambda: case.given)
    require(not found, f"{len(found)} times: " + "; ".join(found[:3]))
