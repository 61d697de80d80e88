"""Containers: `Projection`, the base of all connections, and `Network`."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import brainstate
import numpy as np

from ..declare.declared import Declared, real_signature
from ..describe import table, table_html
from ..drivers import note_assigned, note_replaced, require_drivers
from ..errors import InputError
from ..keys import drawing
from ..names import dotted
from ..types import Quantity
from .base import Dynamics
from .neuron import Neuron
from .step import all_dynamics, current_step, step_of
from .synapse import Synapse

__all__ = ["Network", "Projection"]

ROLES = ("source", "projection", "population")  # in the order in which a network calls them


@real_signature
class Projection(brainstate.nn.Module):
    """Base of the projections, and a container of several: calls its children in order.

    Args:
        name: Name of the module.
    """

    role: ClassVar[str] = "projection"

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        real_signature(cls)

    def update(self, *args: Quantity) -> None:
        """Call every child module with the arguments.

        Args:
            args: What each child is called with.
        """
        children = list(self.children())
        if not children:
            raise ValueError(f"{type(self).__name__} has no update and holds no modules to call")
        for child in children:
            child(*args)


@real_signature
class Network(brainstate.nn.Module):
    """Populations and projections, advanced in the one order that is right.

    Assign them as attributes, or lists and dictionaries of them, in networks within networks and
    in plain modules as deep as you like. A step calls first the sources, then what acts on
    populations (projections, `PoissonInput`), then the populations: whatever has states that
    move. Which of these a class is says its attribute `role`: `"source"`, `"projection"` or
    `"population"`.

    A module with an `update` of its own is called as one, with what is in it, as a population
    unless its `role` says otherwise. What nobody calls in a step, or somebody twice, is an error.

    A subclass that needs another input for each population writes its own `update`, or is
    simulated with `inputs={net.E: ..., net.I: ...}`.

    Args:
        name: Name of the module.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Network, Neuron, initializer, param, state
        >>> class Leaky(Neuron):
        ...     tau = param(default=10 * u.ms)
        ...     V_th = param(default=20 * u.mV)
        ...     V_reset = param(default=0 * u.mV)
        ...     V_initializer = initializer(default=0 * u.mV)
        ...     V = state("V_initializer")
        ...     linear = True
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> net = Network()
        >>> net.E, net.I = Leaky(4), Leaky(1)
        >>> _ = brainstate.nn.init_all_states(net)
        >>> with brainstate.environ.context(dt=0.1 * u.ms):
        ...     net(30 * u.mA)
        >>> bool((net.E.V.value > 0 * u.mV).all())
        True
    """

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)

    def __setattr__(self, name: str, value: object) -> None:
        old = vars(self).get(name)
        super().__setattr__(name, value)
        is_replaced = old is not None and old is not value and note_replaced(old, name)
        note_assigned(list(vars(self).values()) if is_replaced else value)

    def __repr__(self) -> str:
        return table(*self._contents())

    def _repr_html_(self) -> str:
        return table_html(*self._contents())

    def _contents(self) -> tuple[str, list[tuple[str, ...]]]:
        """A title, and role, name and short text of all that a step calls."""
        parts = list(_parts(self))
        names = {id(part.module): part.name for part in parts}
        rows: list[tuple[str, ...]] = [
            (part.role, part.name, _text_of(part.module, names)) for part in parts
        ]
        rows.sort(key=lambda row: (-ROLES.index(row[0]), row[1]))
        neurons = sum(
            int(np.prod(part.module.in_size)) for part in parts if isinstance(part.module, Neuron)
        )
        return f"{type(self).__name__} of {neurons} neurons", rows

    def update(self, x: Quantity | None = None) -> None:
        """Advance by one step; `x` is the input of every population that takes one.

        Args:
            x: Input of every population, None for none. Sources, projections and synapses that
                are held beside the populations get none.

        Raises:
            InputError: A population stands still, is called twice or is held under two names,
                nothing takes the input, or a projection onto a population was assigned to nothing.
        """
        parts = list(_parts(self))
        _check(self, parts)
        if x is not None and not any(part.takes_input for part in parts):
            raise InputError(f"{type(self).__name__}: nothing in the network takes the input")
        if current_step() is not None:  # whoever began the step sees to it that all are called
            _advance(parts, x)
            return
        require_drivers(self, gone_only=True)  # others may be called by hand, between the steps
        with step_of(self, _members(parts)):
            _advance(parts, x)


@dataclass(frozen=True)
class _Part:
    """What a network calls as one."""

    name: str
    module: brainstate.nn.Module
    role: str
    is_said: bool

    @property
    def takes_input(self) -> bool:
        """Whether an input of the network goes to it."""
        is_fed = self.role == "population" and not isinstance(self.module, Synapse)
        return is_fed and self._first is not None

    @property
    def _first(self) -> inspect.Parameter | None:
        parameters = inspect.signature(self.module.update).parameters.values()
        named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
        return next((p for p in parameters if p.kind not in named), None)

    def call(self, x: Quantity | None) -> None:
        """Advance it by one step, with the input if it takes one."""
        first = self._first if self.takes_input else None
        is_alone = first is None or (x is None and not _is_required(first))
        with drawing(self.module):  # modules of others, too
            self.module(*(() if is_alone else (x,)))


def _text_of(module: brainstate.nn.Module, names: dict[int, str]) -> str:
    """A module in one line, with the names that others have in the network."""
    if hasattr(module, "in_a_line"):
        return str(module.in_a_line(names))
    return repr(module) if isinstance(module, Declared) else type(module).__name__


def _is_required(parameter: inspect.Parameter) -> bool:
    is_one = parameter.kind is not inspect.Parameter.VAR_POSITIONAL
    return is_one and parameter.default is inspect.Parameter.empty


def _advance(parts: list[_Part], x: Quantity | None) -> None:
    for role in ROLES:
        for part in parts:
            if part.role == role:
                part.call(x)


def _parts(
    root: brainstate.nn.Module, path: tuple[object, ...] = (), above: tuple[int, ...] = ()
) -> Iterator[_Part]:
    """What a network calls, through networks and plain modules of any depth."""
    for place, module in _held(root):
        if id(module) in above:
            continue
        whole = (*path, *place)
        if isinstance(module, Network):
            is_unit = type(module).update is not Network.update
        else:
            is_unit = type(module).update is not brainstate.nn.Module.update
        role = _role(module, dotted(whole)) if is_unit else None
        if role is not None:
            said = hasattr(module, "role") or isinstance(module, brainstate.nn.Dynamics)
            said = said or getattr(module, "acts_on_populations", False)
            yield _Part(dotted(whole), module, role, said)
        elif not is_unit:
            yield from _parts(module, whole, (*above, id(root)))


def _held(module: brainstate.nn.Module) -> Iterator[tuple[tuple[object, ...], Any]]:
    hidden = getattr(type(module), "graph_invisible_attrs", ())
    for name in sorted(vars(module)):
        if name not in hidden:
            yield from _modules((name,), vars(module)[name])


def _modules(path: tuple[object, ...], value: object) -> Iterator[tuple[tuple[object, ...], Any]]:
    if isinstance(value, brainstate.nn.Module):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _modules((*path, key), item)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _modules((*path, number), item)


def _role(module: brainstate.nn.Module, name: str) -> str | None:
    """How a network treats a module that is called as one; None leaves it alone."""
    role = getattr(module, "role", None)
    if role is None and getattr(module, "acts_on_populations", False):
        role = "projection"
    if role is None:
        moves = isinstance(module, brainstate.nn.Dynamics)
        return "population" if moves or all_dynamics(module, brainstate.nn.Dynamics) else None
    if role not in ROLES:
        raise InputError(
            f"{name!r} ({type(module).__name__}): role: expected one of "
            f"{', '.join(map(repr, ROLES))}, got {role!r}"
        )
    return str(role)


def _check(net: brainstate.nn.Module, parts: list[_Part]) -> None:
    """Raise if something has two names, or may be part of the network or act on it."""
    who = type(net).__name__
    names: dict[int, str] = {}
    for part in parts:
        other = names.setdefault(id(part.module), part.name)
        if other != part.name:
            raise InputError(
                f"{who}: {other!r} and {part.name!r} are one {type(part.module).__name__}, which "
                "would be called twice in a step. Hold it under one name"
            )
    for part in parts:
        if part.is_said:
            continue
        reached = all_dynamics(part.module, brainstate.nn.Dynamics).values()
        shared = next((names[id(it)] for it in reached if id(it) in names), None)
        if shared is not None:
            raise InputError(
                f"{who}: {part.name!r} ({type(part.module).__name__}) refers to {shared!r}, which "
                "the network advances. Say in its class what it is: role = 'projection' if it "
                "acts on populations, so that it is called before them, or role = 'population'"
            )


def _members(parts: list[_Part]) -> dict[str, brainstate.nn.Module]:
    """The dynamics that have to be called: those held, not those that projections refer to."""
    found: dict[int, tuple[str, brainstate.nn.Module]] = {}
    for part in parts:
        if part.role != "projection":
            for name, module in all_dynamics(part.module, Dynamics).items():
                found.setdefault(id(module), (".".join(filter(None, (part.name, name))), module))
    return dict(found.values())
