"""Check that all that is public has a docstring which describes each parameter; print what has not.

Public is what `__all__` of a module names and its own distribution defines, with the methods and
properties of its classes. Parameters stand under `Args`; fields of what users are only given may
stand under `Attributes`. A constant has a string literal under its assignment. There are three
exceptions, which say where else a description is:

- A method leaves to the one that it overrides what is the same there.
- Equations of a model, such as `dV` or `on_spike`, stand in the docstring of its class; and so does
  a state that a method takes by name.
- A constructor that comes from another distribution is described there.
"""

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import griffe

EQUATION = re.compile(r"d\w+|on_\w+")
SECTIONS = (griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes)


def faults(modules: Iterable[str]) -> Iterator[str]:
    """Each thing without a docstring and each parameter without a description, in a sentence.

    Args:
        modules: Names of the modules with public names, those of all distributions of the tree:
            what a base class from elsewhere says does not count.
    """
    modules = list(modules)
    ours = {_top(name) for name in modules}
    seen: set[Any] = set()
    for module in map(importlib.import_module, modules):
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isroutine(thing)):
                yield from _constant(module.__name__, name)
            elif _top(thing.__module__) == _top(module.__name__):
                if thing not in seen:
                    seen.add(thing)
                    yield from _described(_path(thing), thing, [thing])
                if inspect.isclass(thing):
                    yield from _members(thing, ours, seen)


def _members(cls: type, ours: set[str], seen: set[Any]) -> Iterator[str]:
    """The faults of methods and properties, wherever in the tree they are defined."""
    bases = [base for base in cls.__mro__ if _top(base.__module__) in ours]
    fields = getattr(cls, "__dataclass_fields__", {})
    states = getattr(cls, "_states", {})
    for name in dir(cls):
        found = [(base, vars(base)[name]) for base in bases if name in vars(base)]
        if not found or (name.startswith("_") and name != "__call__") or name in fields:
            continue
        (owner, member), *_ = found
        method = inspect.isfunction(member) or isinstance(member, (classmethod, staticmethod))
        if (owner, name) in seen or not (method or isinstance(member, (property, cached_property))):
            continue
        seen.add((owner, name))
        if member.__doc__ or not states or not EQUATION.fullmatch(name):
            overridden = [it for _, it in found if isinstance(it, type(member))]
            yield from _described(f"{_path(owner)}.{name}", member, overridden, states)


def _described(
    path: str, thing: Any, tellers: list[Any], known: Iterable[str] = ()
) -> Iterator[str]:
    """The faults of one thing, of which the docstrings of the tellers speak."""
    texts = [inspect.cleandoc(it.__doc__) for it in tellers if it.__doc__]
    if not texts:
        yield f"{path} has no docstring."
        return
    sections = [s for t in texts for s in griffe.Docstring(t).parse("google", warnings=False)]
    told = {item.name.lstrip("*") for s in sections if s.kind in SECTIONS for item in s.value}
    for name in _parameters(thing):
        if name not in told and name not in known:
            yield f"{path} does not describe its parameter {name}."


def _parameters(thing: Any) -> list[str]:
    """Names of what it is called with."""
    if isinstance(thing, (property, cached_property)):
        return []
    if inspect.isclass(thing):
        if getattr(thing, "_is_protocol", False):
            return []  # nobody constructs it
        makers = ("__init__", "__new__", "__signature__")
        maker = next((c for c in thing.__mro__ if any(m in vars(c) for m in makers)), object)
        if _top(maker.__module__) != _top(thing.__module__):
            return []
    bound = isinstance(thing, (classmethod, staticmethod))
    names = list(inspect.signature(thing.__func__ if bound else thing).parameters)
    return [name for name in names if name not in ("self", "cls")]


def _constant(module: str, name: str) -> Iterator[str]:
    """The fault of a constant, found in the source; one that is not there is another module's."""
    found = griffe.load(module).members.get(name)
    foreign = isinstance(found, griffe.Alias) and _top(found.target_path) != _top(module)
    if found is not None and not foreign and not found.has_docstring:
        yield f"{found.canonical_path} has no docstring."


def _path(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _top(module: str) -> str:
    """The package in which a module is, one for each distribution."""
    return module.partition(".")[0]


def main() -> int:
    """Print all faults of the modules that are named; the exit status is 1 where there are any."""
    found = list(faults(sys.argv[1:]))
    print("\n".join(found) or "All that is public is described.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
