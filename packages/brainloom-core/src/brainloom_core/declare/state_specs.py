"""Declared states: class attributes of a model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import numpy as np

from ..errors import StateError
from ..types import Quantity, Shape
from .parameters import InitializerParam, Param
from .states import Held

if TYPE_CHECKING:
    from .declared import Declared

__all__ = ["StateSpec", "state"]


@dataclass(eq=False)
class StateSpec:
    """A declared state; reading it before it exists says what to do."""

    initial: str | Callable[[Any, Shape], Quantity]
    doc: str
    kind: type[brainstate.State]
    steady: Callable[[Any], Quantity] | None = None
    when: str | None = None
    per: str | None = None
    slow: bool = False
    internal: bool = False
    lost_of: str | None = None
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: "Declared | None", owner: type | None = None) -> Any:
        if model is None:
            return self
        owner_name = type(model).__name__
        if not self.wanted(model):
            raise StateError(
                f"{owner_name}.{self.name}: this state is kept only by a model that was made "
                f"with {self.when}=True: {owner_name}(..., {self.when}=True), then "
                "brainstate.nn.init_all_states(net)"
            )
        raise self.missing(model)

    def missing(self, model: "Declared") -> StateError:
        """The error of a state that does not exist."""
        return StateError(
            f"{type(model).__name__}.{self.name}: the state does not exist yet. "
            "Call brainstate.nn.init_all_states(net) before the first step."
        )

    def wanted(self, model: "Declared | type[Declared]") -> bool:
        """Whether a model keeps this state; a class stands for its defaults."""
        if self.when is None:
            return True
        chosen = getattr(model, self.when)
        return bool(chosen.default if isinstance(chosen, Param) else chosen)

    def shape(self, model: "Declared", batch_size: int | None) -> Shape:
        """The shape of the state: batch, population, and the axis that it has of its own."""
        own = () if self.per is None else (len(getattr(model, self.per)),)
        return (*model.state_shape(batch_size), *own)

    def held(self, model: "Declared", value: Quantity, batch_size: int | None) -> Held:
        """What each value of the state has to be, by its first one."""
        batched = self.shape(model, -1)
        axis = batched.index(-1) if -1 in batched else 0
        shape = np.shape(value)
        if batch_size is not None and shape == self.shape(model, batch_size):
            shape = (*shape[:axis], *shape[axis + 1 :])
        where = f"{type(model).__name__}.{self.name}"
        by_events = self.name in getattr(model, "jump_states", ())
        dtype = u.get_mantissa(value).dtype
        return Held(where, shape, axis, u.get_unit(value), dtype, by_events)

    def value(self, model: "Declared", shape: Shape) -> Quantity:
        """The initial value, of this shape."""
        if isinstance(self.initial, str):
            if self.steady is not None and getattr(model, self.initial) is None:
                return self.steady(model)
            declared: InitializerParam = getattr(type(model), self.initial)
            return declared.initial(model, shape)
        return self.initial(model, shape)


def state(
    initial: str | Callable[[Any, Shape], Quantity],
    doc: str = "",
    kind: type[brainstate.State] = brainstate.HiddenState,
    *,
    steady: Callable[[Any], Quantity] | None = None,
    when: str | None = None,
    per: str | None = None,
    slow: bool = False,
    internal: bool = False,
) -> Any:
    """Declare a state.

    Args:
        initial: The name of an `initializer` parameter, or a function of the model and the
            state's shape (batch axis included) such as a steady state.
        doc: One line on what it is.
        kind: The state's class; learning rules follow `brainstate.HiddenState`.
        steady: What it starts with where its initializer is None: a function of the model, in
            which the states declared before have their values.
        when: Name of an option without which the model does not keep this state.
        per: Name of an option for each of whose elements there is one value, along a last axis.
        slow: Whether it may change by less in a step than a float32 can tell, as with a time
            constant of seconds. What rounding leaves out of a state `x` is then kept, in a state
            `x_lost`, until it is enough to be added: of any scheme and to any end.
        internal: Whether it serves the base class alone, so that models do not describe it.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Dynamics, full, initializer, state
        >>> class Cell(Dynamics):
        ...     V_initializer = initializer(default=-65.0 * u.mV)
        ...     V = state("V_initializer", "membrane potential")
        ...     n = state(lambda model, shape: full(0.5, shape), "gating variable")
        >>> cell = Cell(2)
        >>> _ = brainstate.nn.init_all_states(cell, batch_size=3)
        >>> cell.V.value.shape, cell.n.value.shape
        ((3, 2), (3, 2))
    """
    return StateSpec(initial, doc, kind, steady, when, per, slow, internal)
