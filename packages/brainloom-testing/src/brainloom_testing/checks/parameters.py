"""Checks that a wrong constructor argument is refused, in words that name it."""

import functools
import math
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax.numpy as jnp
from brainloom_core import ANY_UNIT, ParameterError, UnitError
from brainloom_core.types import Quantity, Shape

from ..case import Case
from ..declarations import initializers, parameters, quantities, signature, with_known_unit
from ..require import require, require_error
from ..running import environment, fresh
from .registry import applies_to

__all__ = [
    "check_assignments_are_checked",
    "check_broken_constraints_raise",
    "check_broken_relations_raise",
    "check_non_finite_values_raise",
    "check_wrong_shapes_raise",
    "check_wrong_sizes_raise",
    "check_wrong_units_raise",
]

SIZES = ("in_size", "out_size")
NUMBERS = (-1e6, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 1e6)


def _has_sizes(case: Case) -> bool:
    return bool(quantities(case.cls)) and "in_size" in signature(case.cls)


@applies_to(when=lambda case: bool(with_known_unit(case.cls)))
def check_wrong_units_raise(case: Case) -> None:
    """A value in another dimension, or without its unit, is a UnitError naming the parameter."""
    for name, declared in with_known_unit(case.cls).items():
        foreign = u.mV if declared.unit.dim == u.ms.dim else u.ms
        _require_refused(case, name, 1.0 * foreign, UnitError)
        if declared.unit != u.UNITLESS:
            _require_refused(case, name, 1.0, UnitError)
        if name in initializers(case.cls):
            _require_refused(case, name, _of_shape(foreign), UnitError)


@applies_to(when=lambda case: bool(with_known_unit(case.cls)))
def check_assignments_are_checked(case: Case) -> None:
    """A wrong unit is refused where a parameter is assigned later, and changes nothing."""
    with environment(case):
        model = case.build()
        for name, declared in with_known_unit(case.cls).items():
            foreign = 1.0 * (u.mV if declared.unit.dim == u.ms.dim else u.ms)
            words, kept = f"{case.cls.__name__}.{name}", vars(model).get(name)
            said = f"{words} = {foreign}"
            require_error(
                ParameterError, words, said, functools.partial(setattr, model, name, foreign)
            )
            require(vars(model).get(name) is kept, f"{said} is refused and kept all the same")


@applies_to(when=lambda case: bool(quantities(case.cls)))
def check_non_finite_values_raise(case: Case) -> None:
    """NaN and infinity are a ParameterError naming the parameter."""
    for name, declared in quantities(case.cls).items():
        for number in (math.nan, math.inf):
            _require_refused(case, name, _in_unit(number, declared))


@applies_to(when=_has_sizes)
def check_wrong_shapes_raise(case: Case) -> None:
    """An array that is not of the population's shape is a ParameterError naming the parameter."""
    size = math.prod(case.build().in_size)
    for name, declared in quantities(case.cls).items():
        _require_refused(case, name, _in_unit(jnp.ones(size + 5), declared))


@applies_to(when=lambda case: any(p.constraint for p in parameters(case.cls).values()))
def check_broken_constraints_raise(case: Case) -> None:
    """A value that breaks its declared constraint is a ParameterError naming the parameter."""
    numeric = quantities(case.cls)
    for name, declared in parameters(case.cls).items():
        if declared.constraint is None:
            continue
        candidates = NUMBERS if name in numeric else ("no such choice",)
        for value in candidates:
            if not declared.constraint.holds(value):
                given = _in_unit(value, declared) if name in numeric else value
                _require_refused(case, name, given)


@applies_to(when=lambda case: any(_relation(p) for p in quantities(case.cls).values()))
def check_broken_relations_raise(case: Case) -> None:
    """A value equal to the one that it must exceed or differ from is a ParameterError."""
    model = case.build()
    for name, declared in quantities(case.cls).items():
        other = _relation(declared)
        if other is not None:
            _require_refused(case, name, getattr(model, other))


@applies_to(when=lambda case: any(name in signature(case.cls) for name in SIZES))
def check_wrong_sizes_raise(case: Case) -> None:
    """A size that is not a whole number above zero, or several, is a ParameterError."""
    for name in SIZES:
        if name in signature(case.cls):
            for size in (0, -1, 2.5, (2, "a"), ()):
                _require_refused(case, name, size)


def _require_refused(
    case: Case, name: str, value: Quantity, kind: type[Exception] = ParameterError
) -> None:
    """Require an error by the time the model has its states."""
    words = f"{case.cls.__name__}.{name}"
    with environment(case):
        require_error(kind, words, f"{words} = {value}", lambda: fresh(case, **{name: value}))


def _relation(declared: Any) -> str | None:
    """The parameter that this one must exceed or differ from."""
    return declared.above or declared.differs_from


def _in_unit(number: Quantity, declared: Any) -> Quantity:
    bare = declared.unit is ANY_UNIT or declared.unit == u.UNITLESS
    return number if bare else number * declared.unit


def _of_shape(unit: u.Unit) -> Callable[[Shape], Quantity]:
    """An initializer that gives a wrong unit, which shows when it is called."""
    return lambda shape: jnp.ones(shape) * unit
