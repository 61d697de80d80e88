"""What the equations of a class are: read once, when the class is made, and checked there."""

import ast
import difflib
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from .errors import DeclarationError
from .types import Values

__all__ = ["Equations", "check_names", "nearest", "read_equations", "returned_names"]


@dataclass(frozen=True)
class Equations:
    """The equations of a class and the values that each takes by name.

    Attributes:
        owner: Name of the class.
        states: Names of its states.
        derivatives: For each state that has one, the names that its derivative takes.
        methods: For each other method of the equations, the same; None for one that takes all.
    """

    owner: str
    states: tuple[str, ...]
    derivatives: Mapping[str, tuple[str, ...] | None]
    methods: Mapping[str, tuple[str, ...] | None]

    @property
    def has_current(self) -> bool:
        """Whether an equation has an input current."""
        taken = {name for names in self.derivatives.values() for name in names or ()}
        return any(name == "I" or name.startswith("I_") for name in taken - {*self.states})

    @property
    def coupled(self) -> bool:
        """Whether the derivative of a state depends on another state that changes."""
        return any(
            names is None or {*names} & (self.derivatives.keys() - {state})
            for state, names in self.derivatives.items()
        )

    def depends(self, state: str) -> frozenset[str]:
        """The states on which the derivative of a state depends, itself among them.

        Args:
            state: Name of the state.
        """
        names = self.derivatives[state]
        return frozenset({state, *(self.derivatives if names is None else names)})

    def takes(self, method: str) -> tuple[str, ...] | None:
        """The names that a method takes, None for all.

        Args:
            method: Its name, such as `"dV"` or `"on_spike"`.
        """
        if method in self.methods:
            return self.methods[method]
        return self.derivatives[method.removeprefix("d")]

    def call(self, model: object, method: str, values: Values) -> Any:
        """Call a method of a model with the values that it names.

        Args:
            model: An instance of the class.
            method: Name of the method.
            values: Values by name, of which it gets those that it takes.
        """
        names = self.takes(method)
        chosen = values if names is None else {name: values[name] for name in names}
        return getattr(model, method)(**chosen)


def read_equations(
    cls: type,
    states: Iterable[str],
    methods: Mapping[str, Set[str]],
    others: Set[str] | None = frozenset(),
) -> Equations:
    """Read the derivatives of a class, and its methods that take values by name.

    Args:
        cls: The class.
        states: Names of its states.
        methods: Names of methods, and for each what it may take besides states. `"d"` stands for
            all derivatives.
        others: Further names that all may take; None where any name may be known later.

    Raises:
        DeclarationError: A method takes a name that is not known, or is the derivative of a state
            that there is not.
    """
    states = tuple(states)
    _check_derivatives(cls, states, methods["d"])
    taken: dict[str, tuple[str, ...] | None] = {}
    extra = {**{f"d{state}": methods["d"] for state in states}, **methods}
    del extra["d"]
    for name, more in extra.items():
        method = getattr(cls, name, None)
        if callable(method):
            taken[name] = _arguments(method)
            if others is not None:
                _check_names(cls, name, taken[name], {*states, *others, *more})
    derivatives = {state: taken.pop(f"d{state}") for state in states if f"d{state}" in taken}
    return Equations(cls.__name__, states, derivatives, taken)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name that someone may have meant, None where nothing looks like it.

    Args:
        name: What was written.
        known: The names that there are.

    Examples:
        >>> from brainloom_core.equations import nearest
        >>> nearest("taw", ["V", "tau"]), nearest("colour", ["V", "tau"])
        ('tau', None)
    """
    wanted = name.replace("_", "").lower()
    plain = {other.replace("_", "").lower(): other for other in known}
    begun = [other for other in plain if len(wanted) > 3 and other.startswith(wanted)]
    found = difflib.get_close_matches(wanted, plain, 1, 0.65) or begun
    return plain[found[0]] if found else None


def returned_names(method: Callable[..., object]) -> Set[str]:
    """The names that a method returns values for, as far as its source says so.

    Args:
        method: A function that returns a mapping from names.
    """
    if not isinstance(method, FunctionType):
        return frozenset()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
    except (OSError, SyntaxError, TypeError):  # written in a shell, or made by a program
        return frozenset()
    keys: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
            given = [key.value for key in node.value.keys if isinstance(key, ast.Constant)]
            keys.update(key for key in given if isinstance(key, str))
    return keys


def check_names(cls: type, declared: Any) -> None:
    """Refuse a declaration of a class that refers to an attribute which there is not.

    Args:
        cls: The class.
        declared: One of its parameters or states.

    Raises:
        DeclarationError: It does.
    """
    for what in ("above", "differs_from", "per", "when", "initial"):
        name = getattr(declared, what, None)
        if isinstance(name, str) and not hasattr(cls, name):
            near = nearest(name, [known for known in dir(cls) if not known.startswith("_")])
            hint = f"; did you mean {near}?" if near else ""
            raise DeclarationError(
                f"{cls.__name__}.{declared.name}: {what}={name!r} names nothing of the class{hint}"
            )


def texts_of(method: object) -> Set[str]:
    """All texts in the code of a function but its docstring, those that it returns among them."""
    code = getattr(method, "__code__", None)
    if code is None:
        return frozenset()
    found: set[str] = set()
    for constant in code.co_consts:
        found.update(constant if isinstance(constant, tuple) else (constant,))
    return {text for text in found if isinstance(text, str) and text != method.__doc__}


def _check_derivatives(cls: type, states: tuple[str, ...], extra: Set[str]) -> None:
    """Refuse the derivative of a state that there is not.

    A method is taken for one if it is called `d...`, takes states only, and has a current among
    its arguments or a name that is nearly that of a state.
    """
    for name, method in vars(cls).items():
        state = name.removeprefix("d")
        if not isinstance(method, FunctionType) or state == name or state in states or not state:
            continue
        arguments = _arguments(method)
        if not arguments or not {*arguments} <= {*states, *extra}:
            continue
        near = nearest(state, states)
        same = near is not None and near.casefold() == state.casefold()
        unmoved = near is not None and not hasattr(cls, f"d{near}")
        if same or unmoved or {*arguments} & extra:
            hint = f"; did you mean d{near}?" if near else "."
            raise DeclarationError(
                f"{cls.__name__}.{name}: there is no state {state!r} that it could be the "
                f"derivative of{hint} The states are {', '.join(states)}."
            )


def _check_names(cls: type, method: str, names: tuple[str, ...] | None, known: Set[str]) -> None:
    for name in names or ():
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else "."
            raise DeclarationError(
                f"{cls.__name__}.{method}: its argument {name!r} is none of the values that it can "
                f"take{hint} There are {', '.join(sorted(known))}."
            )


@functools.cache  # most are inherited, and a package has hundreds of them
def _arguments(method: Callable[..., object]) -> tuple[str, ...] | None:
    """What a method takes by name and without a default; None for everything."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return tuple(p.name for p in parameters if p.default is p.empty and p.kind != p.VAR_POSITIONAL)
