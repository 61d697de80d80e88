"""`EquationSynapses`: projections whose equations are text, with values for each synapse."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, ClassVar

import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import REQUIRED, SOLVERS, Declared, ParameterError, state
from brainloom_core.context import current_dt
from brainloom_core.types import Arguments, Array, Population, Quantity, Time, Values
from brainloom_core.units import same_dimension, show, to_number, with_unit

from .definitions import Statement
from .dimensions import Dimension, dimension, require_dimension
from .evaluating import evaluated
from .functions import at_spikes
from .neuron import EquationNeuron
from .nodes import Node

__all__ = ["EquationSynapses", "Parts"]


@dataclass(frozen=True)
class Parts:
    """What the texts of synapses say.

    Attributes:
        derivatives: Right-hand sides by name.
        event_driven: The states that follow their equation between events.
        solvers: Scheme of the event-driven and of the other states.
        on_pre: What a presynaptic spike does.
        on_post: What a postsynaptic spike does.
        summed: What is summed into the input of one side, by name such as `"I_post"`.
        kinds: The dimension of each name.
        units: Unit of each state.
    """

    derivatives: Mapping[str, Node]
    event_driven: tuple[str, ...]
    solvers: tuple[str, str]
    on_pre: tuple[Statement, ...]
    on_post: tuple[Statement, ...]
    summed: Mapping[str, tuple[u.Unit, Node]]
    kinds: Mapping[str, Dimension]
    units: Mapping[str, u.Unit]

    def outer(self) -> list[str]:
        """The variables of neurons that the texts take, such as `"v_post"`."""
        nodes = [*self.derivatives.values(), *(node for _, node in self.summed.values())]
        nodes += [statement.expression for statement in (*self.on_pre, *self.on_post)]
        return list(dict.fromkeys(name for node in nodes for name in node.names("outer")))


class EquationSynapses(Declared):
    r"""Base of projections that `synapses_from_equations` makes.

    Every synapse has its own values, and all of them are advanced in each step. Events of a step
    act at its end, as in Brian2: what they add to the neurons comes before their reset.

    Args:
        pre: The presynaptic population.
        post: The postsynaptic population.
        edges: Who is connected to whom: `Edges`, a `Connection`, or a pair of lists of indices.
        delay: Delay of presynaptic spikes, one for all, None for none.
        name: Name of the module.

    Raises:
        ParameterError: An argument does not fit.
        EquationError: A unit does not fit those of the populations.
    """

    signature_layout: ClassVar[tuple[str | EllipsisType, ...]] = (
        *("pre", "post", "edges", ..., "delay", "name"),
    )
    signature_frame: ClassVar[Arguments] = {
        **dict.fromkeys(("pre", "post", "edges"), REQUIRED),
        "delay": None,
        "name": None,
    }
    role: ClassVar[str] = "projection"
    parts: ClassVar[Parts]
    texts: ClassVar[dict[str, str]] = {}
    calls = state(lambda model, shape: jnp.zeros((), jnp.int32), "calls so far", internal=True)

    def configure_frame(
        self,
        pre: Population,
        post: Population,
        edges: Any,
        delay: Time | None,
        name: str | None,
    ) -> None:
        """Take both populations and the edges.

        Args:
            pre: The presynaptic population.
            post: The postsynaptic population.
            edges: Who is connected to whom.
            delay: Delay of presynaptic spikes.
            name: Name of the module.
        """
        super().configure_frame(name=name)
        self.pre, self.post, self.delay = pre, post, delay
        for which, population in (("pre", pre), ("post", post)):
            if len(getattr(population, "varshape", ())) != 1:
                raise self._wrong(which, "a population of one axis", population)
        self.pre_index, self.post_index = self._indices(edges)
        if delay is not None and not same_dimension(delay, u.ms):
            raise self._wrong("delay", "a time or None", delay)
        self._delayed = None if delay is None else pre.prefetch("spike").delay.at(delay)
        self._check_units()

    def fixed_values(self) -> dict[str, object]:
        """What else makes a projection what it is: texts and edges, for checkpoints."""
        return {**self.texts, "pre_index": self.pre_index, "post_index": self.post_index}

    @property
    def varshape(self) -> tuple[int, ...]:
        """The shape of the values of the synapses."""
        return (len(self.pre_index),)

    @property
    def shape(self) -> tuple[int, ...]:
        """The same, for random numbers."""
        return self.varshape

    @property
    def dt(self) -> Time:
        """The length of the step."""
        return current_dt()

    @property
    def i(self) -> np.ndarray:
        """The presynaptic neuron of each synapse."""
        return self.pre_index

    @property
    def j(self) -> np.ndarray:
        """The postsynaptic neuron of each synapse."""
        return self.post_index

    def of_time(self, function: Any) -> Quantity:
        """The value of a function at the time at which the step begins.

        Args:
            function: A function of the time.
        """
        from brainloom_core.clock import at_time

        return at_time(function)

    def update(self) -> None:
        """Advance by one step: the events of the last one, then time."""
        y = {name: getattr(self, name).value for name in self.parts.units}
        calls, dt = self.calls.value, current_dt()
        # The first events are those of the first step, which is over in the second call.
        since = dt * jnp.where(calls >= 2, 1.0, 0.0)
        driven = self.parts.event_driven
        y = self._advanced(driven, y, since, self.parts.solvers[0], begun=False)
        pre = self.pre.get_spike() if self._delayed is None else self._delayed()
        y = self._after_events("pre", self.parts.on_pre, pre[..., self.pre_index], y)
        post = self.post.get_spike()[..., self.post_index]
        y = self._after_events("post", self.parts.on_post, post, y)
        for name, (_, node) in self.parts.summed.items():
            self._sum(name, evaluated(node, self, self._with_neurons(y, [node], begun=True)))
        others = tuple(name for name in self.parts.derivatives if name not in driven)
        y = self._advanced(others, y, dt, self.parts.solvers[1], begun=True)
        for name, value in y.items():
            kept = getattr(self, name)
            number = jnp.asarray(to_number(value, u.get_unit(kept.value)), kept.value.dtype)
            kept.value = with_unit(number, u.get_unit(kept.value))
        self.calls.value = jnp.minimum(calls + 1, 2)

    # The parts of a step

    def _advanced(
        self, names: tuple[str, ...], y: Values, dt: Time, solver: str, *, begun: bool
    ) -> dict[str, Quantity]:
        """The values after a time without events."""
        if not names:
            return dict(y)
        nodes = {name: self.parts.derivatives[name] for name in names}
        around = self._with_neurons(y, nodes.values(), begun=begun)
        drifts = {
            name: lambda at, node=node: evaluated(node, self, {**around, **at})
            for name, node in nodes.items()
        }
        return {**y, **SOLVERS[solver](drifts, {name: y[name] for name in names}, dt)}

    def _after_events(
        self, side: str, statements: tuple[Statement, ...], events: Array, y: Values
    ) -> dict[str, Quantity]:
        """The values after the statements, where there is an event; others go to the neurons."""
        if not statements:
            return dict(y)
        at = self._with_neurons(y, [s.expression for s in statements], begun=False)
        for number, statement in enumerate(statements):
            value = evaluated(statement.expression, self, at)
            if _side(statement.name) and statement.name not in y:
                value = -value if statement.operator == "-" else value
                self._deliver(f"{side}_{number}", statement.name, value, events)
            else:
                at[statement.name] = _assigned(at.get(statement.name), statement.operator, value)
        return {name: at_spikes(events, at[name], y[name]) for name in y}

    def _deliver(self, key: str, name: str, value: Quantity, events: Array) -> None:
        stem, side = name.rpartition("_")[::2]
        population = self.pre if side == "pre" else self.post
        value = u.math.where(events > 0, value, 0.0 * value)
        own = _own_name(population, stem)
        total = self._total(value, side)
        population.add_delta_input(f"{self.name}_{key}", total, label=own)

    def _sum(self, name: str, value: Quantity) -> None:
        side = name.rpartition("_")[2]
        population = self.pre if side == "pre" else self.post
        population.add_current_input(f"{self.name}_{name}", self._total(value, side))

    def _total(self, value: Quantity, side: str) -> Quantity:
        """The sum over the synapses of each neuron."""
        n = (self.pre if side == "pre" else self.post).varshape[0]
        number = u.get_mantissa(value)
        number = jnp.broadcast_to(number, (*number.shape[:-1], len(self.pre_index)))
        place = self.pre_index if side == "pre" else self.post_index
        total = jnp.zeros((*number.shape[:-1], n), number.dtype).at[..., place].add(number)
        return with_unit(total, u.get_unit(value))

    def _with_neurons(
        self, y: Values, nodes: Iterable[Node], *, begun: bool
    ) -> dict[str, Quantity]:
        """The values of synapses, and those of neurons that expressions take.

        These are as the step begins, or as the last one found its spikes.
        """
        found = dict(y)
        for node in nodes:
            for name in node.names("outer"):
                stem, side = name.rpartition("_")[::2]
                population = self.pre if side == "pre" else self.post
                place = self.pre_index if side == "pre" else self.post_index
                value = _value(population, stem, begun=begun)
                found[name] = value if np.ndim(value) == 0 else value[..., place]
        return found

    # Checks

    def _indices(self, edges: Any) -> tuple[np.ndarray, np.ndarray]:
        edges = getattr(edges, "edges", edges)
        sizes = self.pre.varshape[0], self.post.varshape[0]
        if hasattr(edges, "pre") and hasattr(edges, "post"):
            if (edges.n_pre, edges.n_post) != sizes:
                raise self._wrong("edges", f"those of {sizes[0]} and {sizes[1]} neurons", edges)
            return np.asarray(edges.pre), np.asarray(edges.post)
        try:
            pre, post = (np.asarray(indices) for indices in edges)
        except (TypeError, ValueError):
            raise self._wrong("edges", "Edges, or two lists of indices", edges) from None
        for indices, size in ((pre, sizes[0]), (post, sizes[1])):
            whole = indices.ndim == 1 and indices.dtype.kind in "iu" and len(pre) == len(post)
            if not whole or (len(indices) and not 0 <= indices.min() <= indices.max() < size):
                raise self._wrong("edges", f"two lists of indices below {sizes}", edges)
        return pre.astype(np.int32), post.astype(np.int32)

    def _wrong(self, name: str, expected: str, got: object) -> ParameterError:
        return ParameterError(f"{type(self).__name__}.{name}: expected {expected}, got {show(got)}")

    def _check_units(self) -> None:
        """Check what has variables of neurons, whose units are known now."""
        kinds = dict(self.parts.kinds)
        for name in self.parts.outer():
            kinds[name] = self._outer_dimension(name, self.parts)
        for name, node in self.parts.derivatives.items():
            require_dimension(node, kinds[name] / u.second.dim, f"d{name}/dt", kinds, {})
        for name, (unit, node) in self.parts.summed.items():
            require_dimension(node, unit.dim, name, kinds, {})
            population = self.pre if name.endswith("_pre") else self.post
            stem = name.rpartition("_")[0]
            if stem not in ("I", getattr(type(population), "input_name", "I")):
                raise node.error(
                    f"{name} can only be summed into the input of the neurons: make them by "
                    f"from_equations(..., input={stem!r})"
                )
        for statement in (*self.parts.on_pre, *self.parts.on_post):
            found = dimension(statement.expression, kinds, {})
            if statement.operator in ("*", "/", "**"):
                continue
            if statement.name not in kinds and _side(statement.name):
                kinds[statement.name] = self._outer_dimension(statement.name, self.parts)
            wanted = kinds.setdefault(statement.name, found)
            require_dimension(statement.expression, wanted, statement.name, kinds, {})

    def _outer_dimension(self, name: str, parts: Parts) -> Dimension:
        stem, side = name.rpartition("_")[::2]
        population = self.pre if side == "pre" else self.post
        own = _own_name(population, stem)
        declared = population.declared_parameters()
        for known in (f"{own}_initializer", own):
            if known in declared:
                return declared[known].unit.dim
        model = getattr(population, "equation_model", None)
        if model is not None and own in model.states:
            return model.states[own].unit.dim
        known = ", ".join([*population.declared_states(), *declared])
        raise ParameterError(
            f"{type(self).__name__}: {name}: {type(population).__name__} has no {stem}; there are "
            f"{known}"
        )


def _side(name: str) -> bool:
    return name.endswith(("_pre", "_post"))


def _own_name(population: Population, stem: str) -> str:
    """What a class calls the variable of its text."""
    model = getattr(population, "equation_model", None)
    return "V" if model is not None and stem == model.potential else stem


def _value(population: Population, stem: str, *, begun: bool) -> Quantity:
    """A variable of neurons: as the last step left it, or after its reset."""
    own = _own_name(population, stem)
    if begun and isinstance(population, EquationNeuron) and own in population.declared_states():
        return population.after_spike(population.state_values())[own]
    held = getattr(population, own)
    return getattr(held, "value", held)


def _assigned(old: Quantity, operator: str, value: Quantity) -> Quantity:
    match operator:
        case "+":
            return old + value
        case "-":
            return old - value
        case "*":
            return old * value
        case "/":
            return old / value
        case "**":
            return old**value
    return value
