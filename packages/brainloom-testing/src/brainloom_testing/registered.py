"""Holding one registered thing, of whatever kind, to the kit."""

import functools
from typing import Any

import brainunit as u
from brainloom_core import BrainloomError
from brainloom_core.plugins import KINDS, get, list_registered, made

from .case import Case, default_case
from .things import CHECKS_OF_THINGS, check_plasticity_rule

__all__ = ["NotRun", "case_of", "check_registered"]

MODELS = ("model", "output", "readout")  # which have a kit of many checks


class NotRun(Exception):
    """A thing cannot be checked, for a reason that is no fault."""


def check_registered(kind: str, qualified: str) -> str:
    """Hold a registered thing that is no model to the check of its kind; what was done, in words.

    Args:
        kind: Its kind.
        qualified: Its qualified name, `"plugin:Name"`.

    Raises:
        AssertionError: It does not pass.
        NotRun: There is no check of the kind, or the thing needs arguments and has no case.
    """
    if kind == "plasticity rule":
        check_plasticity_rule(_maker(qualified))
        return KINDS[kind].checks.rpartition(", and")[0]
    if kind not in CHECKS_OF_THINGS:
        raise NotRun(f"a {kind}")
    thing = _thing(kind, qualified)
    try:
        CHECKS_OF_THINGS[kind](thing)
    except AssertionError:
        raise
    except Exception as error:  # as of a check that says so: the thing is what it is about
        raise AssertionError(f"it raises {type(error).__name__}: {error}") from error
    return KINDS[kind].checks


def case_of(name: str, qualified: str, thing: type) -> Case:
    """The case that the plugin registers for a model, or that the model itself suggests.

    Args:
        name: Name of the model.
        qualified: Its qualified name.
        thing: The class.

    Raises:
        NotRun: It needs arguments that cannot be guessed.
    """
    if (case := _registered_case(qualified)) is not None:
        return case
    try:
        return default_case(thing)
    except TypeError as error:
        raise NotRun(f"{error}, or register a case of the name {name}") from None


def _registered_case(qualified: str) -> Case | None:
    if any(item.qualified_name == qualified for item in list_registered("case")):
        case: Case = made("case", qualified)
        return case
    return None


def _thing(kind: str, qualified: str) -> Any:
    """The thing as a value: of its case, or without arguments, or with a number of steps."""
    if (case := _registered_case(qualified)) is not None:
        return case.build()
    found = get(kind, qualified)
    attempts = [functools.partial(KINDS[kind].one_of, found)]
    if isinstance(found, type) and kind == "encoder":
        attempts.append(functools.partial(found, n_steps=10))
    why: Exception | None = None
    for attempt in attempts:
        try:
            return attempt()
        except (TypeError, BrainloomError) as error:
            why = why or error
    if kind == "encoder" and not isinstance(found, type):
        return found  # a function of the values is one itself
    raise NotRun(f"{why}; register a case of this name")


def _maker(qualified: str) -> Any:
    """What makes a plasticity rule with the largest weight of the check."""
    if (case := _registered_case(qualified)) is not None:
        return case.build
    found = get("plasticity rule", qualified)
    named = functools.partial(found, w_max=1.0 * u.mS)
    named.__name__ = getattr(found, "__name__", str(found))  # type: ignore[attr-defined]
    return named
