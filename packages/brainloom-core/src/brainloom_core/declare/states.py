"""States that keep their shape, unit and dtype, and where a state belongs among traces."""

import functools
from dataclasses import dataclass, replace
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainstate._state import TRACE_CONTEXT

from ..errors import InputError
from ..types import DTypeLike, Quantity, Shape
from ..units import dimension_name, same_dimension, show, to_number, with_unit

__all__ = ["Guarded", "Held", "guarded", "is_of_this_trace", "lives", "new_states_are_caught"]

NO_VALUES = (str, bytes, list, tuple, dict, type(None))


@dataclass(frozen=True)
class Held:
    """What each value of a state has to be.

    Attributes:
        where: Class and name of the state, for errors.
        shape: Its shape without a batch.
        batch_axis: Where a batch axis stands. (What `vmap` adds comes before all others.)
        unit: Its unit.
        dtype: Its dtype.
        by_events: Whether events raise it at the end of a step, to act in the next: what is
            written by hand between two steps has decayed by then.
    """

    where: str
    shape: tuple[int, ...]
    batch_axis: int
    unit: u.Unit
    dtype: DTypeLike
    by_events: bool = False

    def fitting(self, value: Quantity) -> Quantity:
        """The value in the unit and dtype of the state.

        Raises:
            InputError: It has another dimension or shape, or is no number.
        """
        number = u.get_mantissa(value)
        if isinstance(number, (*NO_VALUES, bool)):
            raise self._error(f"an array of shape {self.shape}", show(value))
        if not hasattr(number, "dtype") and not isinstance(number, (int, float)):
            return value  # what a transformation puts in place of a value
        if not same_dimension(value, self.unit):
            example = show(1.0 * self.unit) if self.unit != u.UNITLESS else "1"
            raise self._error(f"{dimension_name(self.unit)} (for example {example})", show(value))
        if not self._has_place_for(np.shape(number)):
            raise self._error(
                f"shape {self.shape}, with a batch axis or without", f"shape {np.shape(number)}"
            )
        return self._converted(value)

    def resized(self, before: tuple[int, ...], after: tuple[int, ...]) -> "Held":
        """The same for values of another shape, whose batch axis, if any, is where it was."""
        own = next(shape for shape in self._readings(before) if shape == self.shape)
        return replace(self, shape=self._readings(after)[self._readings(before).index(own)])

    def _has_place_for(self, shape: Shape) -> bool:
        return self.shape in self._readings(shape)

    def _readings(self, shape: Shape) -> list[tuple[int, ...]]:
        """What a shape may be without a batch: its last axes, or those around a batch axis."""
        n, axis = len(self.shape), self.batch_axis
        own = shape[len(shape) - n - 1 :]
        batched = [(*own[:axis], *own[axis + 1 :])] if len(shape) > n else []
        return [shape[len(shape) - n :], *batched]

    def _converted(self, value: Quantity) -> Quantity:
        same_unit, number = u.get_unit(value) == self.unit, u.get_mantissa(value)
        if same_unit and isinstance(number, jax.Array) and number.dtype == self.dtype:
            return value
        if not np.can_cast(jnp.result_type(number), self.dtype, "same_kind"):
            raise self._error(f"numbers of {self.dtype}", f"{jnp.result_type(number)}")
        number = number if same_unit else to_number(value, self.unit)
        return with_unit(jnp.asarray(number, self.dtype), self.unit)

    def _error(self, expected: str, got: str) -> InputError:
        return InputError(f"{self.where}: expected {expected}, got {got}")


class Guarded(brainstate.State):
    """A state that refuses values of another shape or unit, and keeps its dtype."""

    def hold(self, held: Held) -> None:
        """Say what its values have to be."""
        self.__dict__["_held"] = held

    @property
    def held(self) -> Held | None:
        """What its values have to be."""
        found: Held | None = vars(self).get("_held")
        return found

    def resize(self, value: Quantity) -> None:
        """Write a value of another shape, which all later ones have."""
        if self.held is not None:
            before = np.shape(self._read_value())
            self.hold(self.held.resized(before, np.shape(value)))
        self.value = value

    def _write_value(self, v: Quantity) -> None:
        held = self.held
        if held is not None and not _alike(v, vars(self).get("_value")):
            v = held.fitting(v)
        super()._write_value(v)

    def __pretty_repr_item__(self, k: str, v: Any) -> Any:
        return None if k == "_held" else super().__pretty_repr_item__(k, v)


def _alike(value: Any, other: Any) -> bool:
    """Whether a value is plainly of the kind of another one, which is what a step writes."""
    if isinstance(value, u.Quantity):
        if not isinstance(other, u.Quantity) or value.unit != other.unit:
            return False
        value, other = value.mantissa, other.mantissa
    if not isinstance(value, jax.Array) or not isinstance(other, jax.Array):
        return False
    return value.shape == other.shape and value.dtype == other.dtype


@functools.cache
def guarded(kind: type[brainstate.State]) -> Any:
    """The guarded form of a kind of state; it looks like that kind."""
    if issubclass(kind, Guarded):
        return kind
    return type(kind.__name__, (Guarded, kind), {"__module__": kind.__module__})


def new_states_are_caught() -> bool:
    """Whether a transformation that is running collects the states that are made in it."""
    return bool(TRACE_CONTEXT.new_state_catcher)


def lives(state: object) -> bool:
    """Whether a state belongs to this trace or one around it, and not to one that has ended."""
    level = TRACE_CONTEXT.get_trace_stack_level()
    return isinstance(state, brainstate.State) and state.stack_level <= level


def is_of_this_trace(state: Any) -> bool:
    """Whether a state was made in the trace that is running, or outside of all if none is."""
    return lives(state) and state._trace_state.is_valid()
