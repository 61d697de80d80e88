"""What a model class declares: the one place of the kit that reads the core's declarations."""

import inspect
from typing import Any

from brainloom_core import ANY_UNIT, REQUIRED, Declared

__all__ = [
    "defaults",
    "derivatives",
    "initializers",
    "is_declared",
    "parameters",
    "quantities",
    "signature",
    "states",
    "with_known_unit",
]


def is_declared(cls: type) -> bool:
    """Whether the constructor of the class follows from declarations."""
    return issubclass(cls, Declared)


def parameters(cls: type[Declared]) -> dict[str, Any]:
    """All declared constructor arguments by name."""
    return dict(cls.declared_parameters()) if is_declared(cls) else {}


def quantities(cls: type[Declared]) -> dict[str, Any]:
    """Those that are numbers, with or without a unit."""
    return {name: p for name, p in parameters(cls).items() if hasattr(p, "unit")}


def with_known_unit(cls: type[Declared]) -> dict[str, Any]:
    """Those that are numbers in a unit that is fixed."""
    return {name: p for name, p in quantities(cls).items() if p.unit is not ANY_UNIT}


def initializers(cls: type[Declared]) -> dict[str, Any]:
    """Those that give a state its initial value."""
    return {name: p for name, p in quantities(cls).items() if hasattr(p, "initial")}


def states(cls: type[Declared]) -> dict[str, Any]:
    """The states, by name, that a model keeps unless an option asks for more."""
    found = cls.declared_states() if is_declared(cls) else {}
    return {name: spec for name, spec in found.items() if spec.wanted(cls)}


def derivatives(cls: type[Declared]) -> dict[str, tuple[str, ...]]:
    """For each state with a differential equation, the arguments of its derivative."""
    equations = getattr(cls, "equations", None)
    if equations is None:
        return {}
    derivatives = equations.derivatives.items()
    return {name: equations.states if takes is None else takes for name, takes in derivatives}


def defaults(cls: type[Declared]) -> dict[str, Any]:
    """The default of each constructor argument that is declared or given by the base class."""
    declared = {name: parameter.default for name, parameter in parameters(cls).items()}
    found = {**cls.signature_frame, **declared}
    empty = inspect.Parameter.empty
    return {name: empty if value is REQUIRED else value for name, value in found.items()}


def signature(cls: type[Declared]) -> dict[str, inspect.Parameter]:
    """The constructor's parameters by name.

    For a class that declares nothing they are those of `__init__`: the metaclass of brainstate
    hides them from `inspect.signature(cls)`.
    """
    if is_declared(cls):
        return dict(inspect.signature(cls).parameters)
    _, *own = inspect.signature(cls.__init__).parameters.items()
    return dict(own)
