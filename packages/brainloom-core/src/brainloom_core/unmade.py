"""Values that are made when somebody reads them, so that on several devices nobody makes them all.

A connection whose weights are drawn keeps `Unmade` weights in a state. Whoever reads the state gets
the weights, as of any other; a run on several devices asks for those of its own edges instead.
"""

from typing import Any, Protocol, runtime_checkable

import brainstate
import brainunit as u
import jax

from .types import Quantity

__all__ = ["MadeOnReading", "Unmade", "is_unmade", "make_all", "unmade_in"]


@runtime_checkable
class Unmade(Protocol):
    """A value that can be made, always the same one."""

    shape: tuple[int, ...]
    unit: u.Unit

    def make(self) -> Quantity:
        """The value."""


class MadeOnReading(brainstate.State):
    """A state whose value is made when it is first read.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core.unmade import MadeOnReading, unmade_in
        >>> class Ones:
        ...     shape, unit = (2,), u.UNITLESS
        ...     def make(self):
        ...         return [1.0, 1.0]
        >>> state = MadeOnReading(Ones())
        >>> unmade_in(state) is None, state.value, unmade_in(state) is None
        (False, [1.0, 1.0], True)
    """

    @property
    def _value(self) -> Any:
        held = vars(self)["_value"]
        if isinstance(held, Unmade):
            with jax.ensure_compile_time_eval():  # where a step that reads it is traced
                held = held.make()
            self.__dict__["_value"] = held
        return held

    @_value.setter
    def _value(self, value: Any) -> None:
        self.__dict__["_value"] = value

    def put(self, value: Quantity | Unmade) -> None:
        """Have another value, and do not make the one before.

        Args:
            value: The value, or what makes it.
        """
        self.__dict__["_value"] = value


def unmade_in(state: object) -> Unmade | None:
    """What will make the value of a state; None where it is made.

    Args:
        state: The state, or anything else, which has nothing to be made.
    """
    held = vars(state).get("_value") if isinstance(state, MadeOnReading) else None
    return held if isinstance(held, Unmade) else None


def is_unmade(state: object) -> bool:
    """Whether the value of a state has not been made.

    Args:
        state: The state, or anything else.
    """
    return unmade_in(state) is not None


def make_all(module: brainstate.nn.Module) -> None:
    """Make what is unmade in a module and in those that it holds.

    Args:
        module: The module.
    """
    for node in module.nodes().values():
        if callable(make := getattr(node, "make_values", None)):
            make()
