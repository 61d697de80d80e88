"""Arguments of functions and of constructors that are written by hand, checked by declaration."""

import functools
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..errors import InputError, ParameterError
from ..units import show
from .constraints import Constraint, is_met

__all__ = ["checked"]

P = ParamSpec("P")
R = TypeVar("R")


def checked(**rules: Constraint) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check arguments before a function or a constructor runs, as declared parameters are.

    Args:
        rules: What each argument has to be, by its name; others are left alone, as are defaults.

    Returns:
        A decorator. What it decorates raises `ParameterError` as a constructor (`Class.name:
        expected ..., got ...`), and `InputError` as a function (`function: name: ...`).

    Raises:
        TypeError: When it decorates: there is no argument of one of these names.

    Examples:
        >>> from brainloom_core import checked, whole
        >>> @checked(n=whole)
        ... def repeated(word, n=1):
        ...     return word * n
        >>> repeated("spike ", n=0)
        Traceback (most recent call last):
        ...
        brainloom_core.errors.InputError: repeated: n: expected a whole number >= 1, got 0
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        if unknown := sorted(rules.keys() - signature.parameters.keys()):
            raise TypeError(f"{function.__qualname__} has no argument {', '.join(unknown)}")
        is_constructor = function.__name__ == "__init__"
        places = {
            name: at
            for at, (name, parameter) in enumerate(signature.parameters.items())
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        }

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for name, rule in rules.items():
                if name in kwargs:
                    value = kwargs[name]
                elif places.get(name, len(args)) < len(args):
                    value = args[places[name]]
                else:
                    continue  # left to its default
                if not is_met(rule, value):
                    got = f"expected {rule.text}, got {show(value)}"
                    if is_constructor:
                        raise ParameterError(f"{type(args[0]).__name__}.{name}: {got}")
                    raise InputError(f"{function.__name__}: {name}: {got}")
            return function(*args, **kwargs)

        return call

    return decorate
