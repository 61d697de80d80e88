"""What a text says, once it is read: the parts of a model, with names known and units checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import brainunit as u
from brainloom_core.types import Initializer, Quantity

from .nodes import Node

__all__ = ["Change", "Functions", "Given", "Model", "Parameter", "Variable"]

Functions: TypeAlias = Mapping[str, Callable[..., Quantity]]
"""Functions of time by name."""

Given: TypeAlias = Mapping[str, Any]
"""What a caller gives by name: quantities, units, functions, texts."""


@dataclass(frozen=True)
class Parameter:
    """A parameter: its unit, its default (`REQUIRED` for none), and what it has to be."""

    unit: u.Unit
    default: Quantity
    rule: str = ""
    doc: str = ""


@dataclass(frozen=True)
class Variable:
    """A state: its unit, its first value, its derivative, and the factor of each noise in it."""

    unit: u.Unit
    initial: Initializer | Node
    derivative: Node | None
    noise: Mapping[str, Node] = field(default_factory=dict)
    frozen: bool = False
    doc: str = ""


@dataclass(frozen=True)
class Change:
    """What a spike does to a state: adds to it, subtracts from it, or replaces it."""

    operator: str
    value: Node


@dataclass(frozen=True)
class Model:
    """A model that was read from texts.

    Attributes:
        name: Name of the class.
        texts: The texts, by what they are.
        potential: What the texts call `V`.
        states: States by name.
        parameters: Parameters by name.
        functions: Functions of time by name.
        subexpressions: Unit and expression by name.
        input_unit: Unit of the input current.
        input_name: What the texts call it.
        threshold: The condition of a spike, None for no spikes.
        changes: What a spike does, by name of the state.
        refractory: The period or the condition of refractoriness, None for none.
        solver: Default of the argument of this name.
        linear: Whether the equations are linear.
        noise_rule: How noise is added, empty without noise.
        fixed_solver: Whether only this solver fits.
        capped: Whether V is cut off at the threshold, so that other states do not see it explode.
    """

    name: str
    texts: Mapping[str, str]
    potential: str
    states: Mapping[str, Variable]
    parameters: Mapping[str, Parameter]
    functions: Functions
    subexpressions: Mapping[str, tuple[u.Unit, Node]]
    input_unit: u.Unit
    input_name: str
    threshold: Node | None
    changes: Mapping[str, Change]
    refractory: Node | None
    solver: str
    linear: bool
    noise_rule: str
    fixed_solver: bool
    capped: bool

    def needs(self, *nodes: Node) -> tuple[str, ...]:
        """The states, and the input, that expressions take, those of their subexpressions too."""
        found: dict[str, None] = {}
        for node in nodes:
            for inner in node.walk():
                if inner.op in ("state", "input"):
                    found[str(inner.value)] = None
                elif inner.op == "sub":
                    _, expression = self.subexpressions[str(inner.value)]
                    found.update(dict.fromkeys(self.needs(expression)))
        order = [*self.states, "not_refractory", "steps_since", "I"]
        return tuple(name for name in order if name in found)

    @property
    def names(self) -> set[str]:
        """All names in the expressions of the model, of whatever kind."""
        return {str(inner.value) for node in self.expressions() for inner in node.walk()}

    def expressions(self) -> list[Node]:
        """All expressions of the model."""
        found = [variable.derivative for variable in self.states.values()]
        found += [x for variable in self.states.values() for x in variable.noise.values()]
        found += [v.initial for v in self.states.values() if isinstance(v.initial, Node)]
        found += [expression for _, expression in self.subexpressions.values()]
        found += [change.value for change in self.changes.values()]
        return [node for node in (*found, self.threshold, self.refractory) if node is not None]
