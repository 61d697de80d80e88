"""Which references a class has: by its name, or by that of a class that it inherits from."""

import importlib
from collections.abc import Iterable

from .references import Reference

__all__ = ["known_names", "references_of", "register_references"]

_REGISTERED: dict[str, tuple[Reference, ...]] = {}


def register_references(name: str, references: Iterable[Reference]) -> None:
    """Say what every class of this name, and every subclass without references, is held to.

    Args:
        name: Name of the class.
        references: Its references. None at all leaves the generic checks: what a subclass says
            whose equations are meant to differ from those of its base.
    """
    _REGISTERED[name] = tuple(references)


def references_of(cls: type) -> tuple[str, tuple[Reference, ...]]:
    """The references of a class, and the name of the class that they were registered for.

    Along the order of inheritance the first class counts that is registered, or that has an
    attribute `references`: references, or the place `"module:attribute"` where they stand.
    """
    for base in cls.__mro__:
        own = vars(base).get("references")
        found = _REGISTERED.get(base.__name__) if own is None else _declared(own)
        if found is not None:
            return base.__name__, found
    return cls.__name__, ()


def known_names() -> list[str]:
    """The names of all classes that references are registered for."""
    return sorted(_REGISTERED)


def _declared(own: str | Iterable[Reference]) -> tuple[Reference, ...]:
    if not isinstance(own, str):
        return tuple(own)
    module, _, attribute = own.partition(":")
    return tuple(getattr(importlib.import_module(module), attribute))
