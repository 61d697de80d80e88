"""The equations of a rule: read once, when its class is made, and checked there."""

from collections.abc import Iterable
from typing import Any

from brainloom_core import DeclarationError, Declared
from brainloom_core.equations import Equations, nearest, read_equations, returned_names

from .sides import EdgeState

__all__ = ["foreign_names", "no_such_state", "read_rule"]

GIVEN = {"w", "pre_spike", "post_spike"}
METHODS = ("on_pre", "on_post", "on_step", "pre_events", "post_events")


def read_rule(cls: type[Declared], states: dict[str, Any]) -> Equations:
    """The equations of a class of rules.

    Args:
        cls: The class.
        states: Its declared states.

    Raises:
        DeclarationError: A method is the derivative of what there is not, takes a name that is
            nearly that of a value, or returns one that is no state.
    """
    names = [*states, "w"]  # of which `dw` is the derivative
    methods = dict.fromkeys(("d", *METHODS), GIVEN - {"w"})
    equations = read_equations(cls, names, methods, None)
    known = {*names, *GIVEN, *returned_names(cls.signals)}
    for method, taken in _taken(equations):
        for name in set(taken) - known - {*cls.reads}:
            near = nearest(name, known)
            if near and (len(name) > 3 or near.casefold() == name.casefold()):
                raise DeclarationError(
                    f"{cls.__name__}.{method}: its argument {name!r} is none of the values of the "
                    f"rule; did you mean {near}? If it is a state of the postsynaptic population, "
                    f"write reads = ({name!r},)"
                )
    for method in ("on_pre", "on_post", "on_step"):
        may = names if method == "on_step" else changed_by_spikes(states)
        if method in vars(cls):
            for name in sorted(returned_names(vars(cls)[method]) - {*may}):
                raise no_such_state(cls, method, name, may)
    return equations


def foreign_names(cls: type[Declared]) -> list[str]:
    """The names that the equations of a class take and that are no values of the rule.

    Args:
        cls: The class.
    """
    known = {*cls.equations.states, *GIVEN}
    found = {name for _, taken in _taken(cls.equations) for name in taken if name not in known}
    return sorted(name for name in found if name in cls.reads or not hasattr(cls, name))


def changed_by_spikes(states: dict[str, Any]) -> list[str]:
    """What `on_pre` and `on_post` may change: strengths, and states of synapses.

    Args:
        states: The declared states of a rule.
    """
    return ["w", *(name for name, spec in states.items() if issubclass(spec.kind, EdgeState))]


def no_such_state(
    cls: type[Declared], method: str, name: str, may: Iterable[str]
) -> DeclarationError:
    """What to raise where a method returns a name that it may not.

    Args:
        cls: The class.
        method: Name of the method.
        name: What it returns.
        may: What it may return.
    """
    near = nearest(name, may)
    hint = f"; did you mean {near!r}?" if near else "."
    return DeclarationError(
        f"{cls.__name__}.{method}: it returns {name!r}, which it cannot change{hint} It may "
        f"change {', '.join(may)}"
    )


def _taken(equations: Equations) -> list[tuple[str, tuple[str, ...]]]:
    derivatives = {f"d{state}": names for state, names in equations.derivatives.items()}
    return [(name, taken or ()) for name, taken in {**derivatives, **equations.methods}.items()]
