"""How a connection keeps its weights and its delay."""

from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core import UnitError
from brainloom_core.arrays import broadcast, on_device
from brainloom_core.types import Quantity
from brainloom_core.units import dimension_name, same_dimension, show, with_unit
from brainloom_core.unmade import MadeOnReading

from ..types import EdgeValue
from .counter import new_key
from .edges import Edges
from .for_edges import for_edges
from .kept import KeptEdges
from .regenerated import Regenerated, WeightLaw
from .values import DELAYS, WEIGHTS, delay_of, evaluated, is_function, value_of, weight_of

__all__ = ["FixedWeight", "Weighted"]


class FixedWeight(MadeOnReading, brainstate.LongTermState):
    """Weights that are not trained: read as plain values, and passed to what is compiled."""


class ParamState(MadeOnReading, brainstate.ParamState):
    """Weights that can be trained."""


class Weighted(brainstate.nn.Module):
    """Base of connections: weights in the form in which they are kept, checked."""

    _kept: KeptEdges | None
    _regenerated: Regenerated | None
    seed: int | None
    times_changed: int

    @property
    def _weight_state(self) -> Any:
        return vars(self)["weight"]

    def _made_law(self, weight: EdgeValue) -> WeightLaw:
        key = new_key(np.random.default_rng([self.seed or 0, WEIGHTS]))
        return WeightLaw(key, weight)

    @property
    def _law(self) -> WeightLaw | None:
        """How weights are drawn that are drawn again in each step."""
        return None if self._regenerated is None else self._regenerated.law

    def _edges_of(self, value: Any) -> Edges | None:
        """The edges, where such weights may have one value for each; drawn only where they have."""
        if self._kept is not None:
            needed = self._kept.is_drawn or _has_values(value)
            return self._kept.edges if needed else None
        return self.edges if self.is_one_to_one else None

    def _held(self, weight: EdgeValue, trainable: bool) -> Any:
        """The weights in the form in which they are kept, checked."""
        if self._law is not None:
            return weight
        if (made := for_edges("weight", weight, self._kept, self.seed, WEIGHTS)) is not None:
            return ParamState(made) if trainable else FixedWeight(made)
        edges = self._edges_of(weight)
        if isinstance(weight, (brainstate.State, brainstate.nn.Param)):
            weight_of(value_of(weight), edges)
            return weight
        value = weight_of(evaluated("weight", weight, edges, self.seed, WEIGHTS), edges)
        return ParamState(value) if trainable else FixedWeight(value)

    def _checked_delay(self, delay: EdgeValue | None) -> Any:
        if delay is None:
            return None
        if (made := for_edges("delay", delay, self._kept, self.seed, DELAYS)) is not None:
            if made.ends[0] < 0:
                made.make()  # which says what is wrong
            return made
        edges = None if self._kept is None else self._edges_of(delay)
        if isinstance(delay, (brainstate.State, brainstate.nn.Param)):
            if not isinstance(u.get_mantissa(value_of(delay)), jax.core.Tracer):
                delay_of(value_of(delay), edges)
            return delay
        return delay_of(evaluated("delay", delay, edges, self.seed, DELAYS), edges)

    def _write_weight(self, held: Any, value: EdgeValue) -> None:
        """Write new weights into the state that there is."""
        if self._law is not None:
            law = self._made_law(value)
            self._check_dimension(1.0 * law.unit)
            assert self._regenerated is not None
            self._regenerated = self._regenerated.with_law(law)
            self.__dict__["weight"] = value
            self.times_changed += 1
            return
        if (made := for_edges("weight", value, self._kept, self.seed, WEIGHTS)) is not None:
            new = made.make()
        else:
            edges = self._edges_of(value)
            new = weight_of(evaluated("weight", value, edges, self.seed, WEIGHTS), edges)
        self._check_dimension(new)
        unit = self.unit
        number = new.to_decimal(unit) if isinstance(new, u.Quantity) else new
        number = on_device(number, brainstate.environ.dftype())
        shape = np.shape(value_of(held))
        if number.ndim == 0 and shape:
            number = broadcast(number, shape, brainstate.environ.dftype())
        if number.shape != shape:  # what is compiled for one weight for all
            self.times_changed += 1
        if isinstance(held, brainstate.nn.Param):
            held.set_value(with_unit(number, unit))
        else:
            held.value = with_unit(number, unit)

    def _check_dimension(self, new: Quantity) -> None:
        if not same_dimension(new, self.unit):
            raise UnitError(
                f"Connection.weight: expected {dimension_name(self.unit)}, as the weights have "
                f"been, got {show(new)}; for another dimension make a new Connection"
            )

    def _weight_per_edge(self) -> Quantity:
        weight = value_of(self.weight)
        number = np.broadcast_to(np.asarray(u.get_mantissa(weight)), (self.n_edges,))
        return with_unit(number, u.get_unit(weight))


def _has_values(value: Any) -> bool:
    """Whether a weight or a delay has a value for each edge, or may have."""
    listed = isinstance(value, (list, tuple)) or is_function(value)
    return listed or (value is not None and np.ndim(u.get_mantissa(value_of(value))) != 0)
