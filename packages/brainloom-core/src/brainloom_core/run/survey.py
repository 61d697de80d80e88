"""What a network consists of, so that others like it can be run by what was compiled for it.

Two networks that were built alike differ in numbers: parameters, states, edges. `survey` lists
the numbers of one by place, and describes the rest. Where the descriptions of two are equal, what
was traced for one is right for the other once `exchanged` has put the numbers that differ in the
place of its own, as arguments of what is compiled. What a survey cannot look into counts as
different, so that the worst that happens is to compile once more.
"""

import contextlib
import enum
import functools
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np

from ..types import PyTree, Quantity
from ..unmade import make_all

__all__ = ["Place", "Survey", "exchanged", "survey"]

# Bookkeeping of objects, on which no step depends.
IGNORED = frozenset({"_made", "_name", "_outer", "_setting", "times_changed"})
SEEDS = frozenset({"seed"})  # whole numbers that may differ
PLAIN = (bool, int, str, bytes, complex, slice, range, type(None), type(Ellipsis))
IDENTICAL = (type, types.ModuleType, types.BuiltinFunctionType, types.CodeType)


@dataclass(frozen=True)
class Place:
    """Where a number stands: what holds it, and how that is read and written.

    Attributes:
        read: Gives what is there now.
        write: Puts something else there.
    """

    read: Callable[[], Any]
    write: Callable[[object], None]


@dataclass
class Survey:
    """The parts of a network, each under a name that says how it is reached.

    Attributes:
        places: Where the numbers are that a step may read, apart from states.
        values: Those numbers.
        states: The states.
        rest: All else, such that equal descriptions mean equal steps.
        alive: What keeps the objects alive whose identity was noted.
    """

    places: dict[str, Place] = field(default_factory=dict)
    values: dict[str, PyTree] = field(default_factory=dict)
    states: dict[str, brainstate.State] = field(default_factory=dict)
    rest: list[tuple[str, object]] = field(default_factory=list)
    alive: list[object] = field(default_factory=list)

    @property
    def key(self) -> int:
        """Equal for networks that may be run by what was compiled for one of them."""
        return hash(tuple(self.rest))

    def state_values(self) -> dict[str, PyTree]:
        """What the states hold now."""
        return {path: state.value for path, state in self.states.items()}


def survey(root: brainstate.nn.Module) -> Survey:
    """Look through everything that is reached from an object.

    Args:
        root: A network, or a tuple of it and its inputs.
    """
    found = Survey()
    for part in root if isinstance(root, tuple) else (root,):
        if isinstance(part, brainstate.nn.Module):
            make_all(part)
    _Walk(found).visit("", root, Place(lambda: root, _unwritable))
    return found


@contextlib.contextmanager
def exchanged(surveyed: Survey, numbers: dict[str, PyTree]) -> Iterator[None]:
    """Put other numbers in the places of a network, until the end of the context.

    Args:
        surveyed: The survey of the network.
        numbers: What to put there, by the names of the survey.
    """
    before = []
    try:
        for path, number in numbers.items():
            place = surveyed.places[path]
            before.append((place, place.read()))
            place.write(number)
        yield
    finally:
        for place, value in reversed(before):
            place.write(value)


class _Walk:
    """Goes through objects once each, in an order that is the same for networks built alike."""

    def __init__(self, found: Survey) -> None:
        self.found = found
        self.seen: dict[int, str] = {}

    def note(self, path: str, *words: object) -> None:
        self.found.rest.append((path, words))

    def visit(self, path: str, value: object, place: Place) -> None:
        """List what is at a place and what that holds."""
        if isinstance(value, PLAIN) or value is NotImplemented:
            if path.rpartition(".")[2] in SEEDS and type(value) is int:
                self.number(path, value, place)
            else:
                self.note(path, type(value).__name__, repr(value))
        elif isinstance(value, (float, np.ndarray, np.generic, jax.Array)):
            self.number(path, value, place)
        elif isinstance(value, u.Quantity):
            self.quantity(path, value, place)
        elif isinstance(value, (u.Unit, np.dtype, enum.Enum, frozenset, set)):
            self.note(path, type(value).__name__, _text(value))
        elif isinstance(value, IDENTICAL):
            self.same(path, value)
        elif id(value) in self.seen:
            self.note(path, "again", self.seen[id(value)])
        else:
            self.seen[id(value)] = path
            self.found.alive.append(value)
            self.into(path, value, place)

    def number(self, path: str, value: Quantity, place: Place) -> None:
        dtype = getattr(value, "dtype", None)
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            self.same(path, value)
            return
        self.found.places[path], self.found.values[path] = place, value
        self.note(path, type(value).__name__, np.shape(value), str(dtype))

    def quantity(self, path: str, value: Quantity, place: Place) -> None:
        """A number with unit; a whole one is as good as one that is not."""
        unit, mantissa = value.unit, value.mantissa
        inner = Place(
            lambda: u.get_mantissa(place.read()),
            lambda number: place.write(u.Quantity(number, unit=unit)),
        )
        self.note(path, "quantity", _text(unit))
        is_whole = isinstance(mantissa, int) and not isinstance(mantissa, bool)
        self.number(path, float(mantissa) if is_whole else mantissa, inner)

    def same(self, path: str, value: object) -> None:
        """What is equal to itself alone."""
        self.found.alive.append(value)
        self.note(path, "same", id(value))

    def into(self, path: str, value: Any, place: Place) -> None:
        """Go through what an object holds."""
        if isinstance(value, brainstate.State):
            self.state(path, value)
        elif isinstance(value, weakref.ref):
            self.note(path, "reference")
            self.visit(f"{path}()", value(), Place(value, _unwritable))
        elif isinstance(value, types.FunctionType):
            self.function(path, value)
        elif isinstance(value, types.MethodType):
            self.note(path, "method")
            self.visit(f"{path}.__func__", value.__func__, _fixed(value.__func__))
            self.visit(f"{path}.__self__", value.__self__, _fixed(value.__self__))
        elif isinstance(value, functools.partial):
            self.note(path, "partial")
            for part in ("func", "args", "keywords"):
                inner = getattr(value, part)
                self.visit(f"{path}.{part}", inner, _fixed(inner))
        elif isinstance(value, (list, dict)):
            items = enumerate(value) if isinstance(value, list) else value.items()
            self.note(path, type(value).__name__, len(value))
            for key, item in list(items):
                self.visit(f"{path}[{_key(key)}]", item, _item(value, key))
        elif isinstance(value, tuple):
            self.note(path, type(value).__name__, len(value))
            for number, item in enumerate(value):
                self.visit(f"{path}[{number}]", item, _within(place, number))
        else:
            self.instance(path, value)

    def state(self, path: str, state: brainstate.State) -> None:
        leaves, tree = jax.tree.flatten(state.value)
        kinds = tuple((np.shape(x), str(getattr(x, "dtype", type(x)))) for x in leaves)
        self.found.states[path] = state
        self.note(path, type(state).__qualname__, kinds, str(tree))

    def function(self, path: str, function: types.FunctionType) -> None:
        """Code, and the values around it, which may be exchanged."""
        self.note(path, "function", function.__code__, id(function.__globals__))
        self.found.alive.append(function)
        for number, cell in enumerate(function.__closure__ or ()):
            try:
                content = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            where = f"{path}.{function.__code__.co_freevars[number]}"
            self.visit(where, content, _attribute(cell, "cell_contents"))
        for part in ("__defaults__", "__kwdefaults__"):
            self.visit(f"{path}.{part}", getattr(function, part), _attribute(function, part))

    def instance(self, path: str, value: object) -> None:
        kind = type(value)
        held = getattr(value, "__dict__", None)
        slots = [s for c in kind.__mro__ for s in _slots(c) if hasattr(value, s)]
        is_ours = held is not None or slots
        if not is_ours or kind.__module__.split(".")[0] in ("builtins", "jax", "jaxlib", "numpy"):
            self.same(path, value)
            return
        self.note(path, f"{kind.__module__}.{kind.__qualname__}", id(kind))
        if isinstance(value, dict | list):
            self.same(path, value)
        for name in sorted(held or ()):
            if name not in IGNORED:
                self.visit(f"{path}.{name}", vars(value)[name], _item(vars(value), name))
        for name in slots:
            self.visit(f"{path}.{name}", getattr(value, name), _slot(value, name))


def _unwritable(value: object) -> None:
    raise TypeError("a value that cannot be exchanged")


def _fixed(value: object) -> Place:
    return Place(lambda: value, _unwritable)


def _item(container: Any, key: Any) -> Place:
    return Place(lambda: container[key], functools.partial(container.__setitem__, key))


def _attribute(holder: object, name: str) -> Place:
    return Place(lambda: getattr(holder, name), lambda value: setattr(holder, name, value))


def _slot(holder: object, name: str) -> Place:
    return Place(
        lambda: getattr(holder, name), lambda value: object.__setattr__(holder, name, value)
    )


def _within(place: Place, number: int) -> Place:
    """An entry of a tuple, which is put together anew."""

    def write(value: Any) -> None:
        old = place.read()
        items = [*old[:number], value, *old[number + 1 :]]
        place.write(type(old)(*items) if hasattr(old, "_fields") else type(old)(items))

    return Place(lambda: place.read()[number], write)


def _slots(kind: type) -> list[str]:
    names = vars(kind).get("__slots__", ())
    names = (names,) if isinstance(names, str) else names
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _key(key: object) -> str:
    """A key of a dictionary; one that is an object has no name of its own."""
    return repr(key) if isinstance(key, (*PLAIN, tuple)) else type(key).__qualname__


def _text(value: object) -> str:
    if isinstance(value, (set, frozenset)):
        return repr(sorted(map(repr, value)))
    if isinstance(value, u.Unit):
        return f"{value!r} {value.magnitude!r}"
    return repr(value)
