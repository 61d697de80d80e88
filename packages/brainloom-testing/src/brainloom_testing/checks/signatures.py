"""Checks of declarations: the constructor, and descriptions of instances."""

import inspect

import brainunit as u
import jax.numpy as jnp
from brainloom_core import Declared, Descriptor
from brainloom_core.types import Quantity

from ..case import Case
from ..declarations import defaults, parameters, quantities, signature, states, with_known_unit
from ..require import require
from .registry import applies_to, declares

__all__ = [
    "check_declarations_are_documented",
    "check_descriptors_compare_by_meaning",
    "check_descriptors_see_every_element",
    "check_signature_follows_declarations",
]


@applies_to(when=declares)
def check_signature_follows_declarations(case: Case) -> None:
    """The constructor takes the declared parameters, with their defaults, and nothing else."""
    expected = defaults(case.cls)
    found = {name: p.default for name, p in signature(case.cls).items()}
    name = case.cls.__name__
    missing, unknown = sorted(expected.keys() - found), sorted(found.keys() - expected)
    require(not missing, f"{name}(...) does not take the declared {', '.join(missing)}")
    require(not unknown, f"{name}(...) takes {', '.join(unknown)}, which is not declared")
    differing = [key for key in expected if found[key] is not expected[key]]
    require(not differing, f"{name}(...) has other defaults than declared: {', '.join(differing)}")


@applies_to(when=declares)
def check_declarations_are_documented(case: Case) -> None:
    """Each declared parameter and state has a `doc`."""
    declared = {**parameters(case.cls), **states(case.cls)}
    silent = [name for name, declaration in declared.items() if not declaration.doc]
    require(not silent, f"{case.cls.__name__}: declared without a doc: {', '.join(silent)}")


@applies_to(when=declares)
def check_descriptors_compare_by_meaning(case: Case) -> None:
    """`desc` compares by meaning, whatever the order of the arguments and the unit written."""
    cls: type[Declared] = case.cls
    given = case.given
    described = cls.desc(**given)
    whole = {
        **{k: v for k, v in defaults(cls).items() if v is not inspect.Parameter.empty},
        **given,
    }
    for arguments in (whole, dict(reversed(whole.items()))):
        text = "the order of the arguments, or a default written out, makes a difference"
        _require_equal(described, cls.desc(**arguments), cls, text)
    require(described != object(), f"{cls.__name__}.desc: equal to any object")
    for key, declared in with_known_unit(cls).items():
        if declared.unit != u.UNITLESS:
            five, six = 5.0 * declared.unit, 6.0 * declared.unit
            one = cls.desc(**{**given, key: five})
            same, other = (cls.desc(**{**given, key: q}) for q in (_rewritten(five), six))
            _require_equal(one, same, cls, f"{key} = {five} in another unit makes a difference")
            require(one != other, f"{cls.__name__}.desc: {key} = {five} is taken to be {six}")


@applies_to(when=lambda case: bool(quantities(case.cls)))
def check_descriptors_see_every_element(case: Case) -> None:
    """Descriptions with large arrays differ if a single element does."""
    cls: type[Declared] = case.cls
    given = case.given
    for key, declared in quantities(cls).items():
        unit = declared.unit if key in with_known_unit(cls) else u.UNITLESS
        long = jnp.ones(1200)
        one, same, other = (
            cls.desc(**{**given, key: number * unit})
            for number in (long, long.copy(), long.at[600].set(1.5))
        )
        where = f"{cls.__name__}.desc({key}=...)"
        require(one == same, f"{where}: arrays with the same elements differ")
        require(one != other, f"{where}: arrays of 1200 that differ in one element are the same")


def _require_equal(one: Descriptor, other: Descriptor, cls: type[Declared], text: str) -> None:
    require(one == other, f"{cls.__name__}.desc: {text}")
    require(hash(one) == hash(other), f"{cls.__name__}.desc: {text} to the hash")


def _rewritten(value: Quantity) -> Quantity:
    """The same quantity in a unit that is a thousandth."""
    unit = (u.ms / u.second) * value.unit
    return u.Quantity(value.mantissa * 1000.0, unit=unit)
