"""What the projections share: outputs that know whether they were used, and units of parts."""

from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core import (
    Descriptor,
    Dynamics,
    InputError,
    Neuron,
    ParameterError,
    Synapse,
    SynOut,
    UnitError,
    View,
)
from brainloom_core.partition import spikes_known
from brainloom_core.units import dimension_name, same_dimension, show

__all__ = [
    "Line",
    "Method",
    "Part",
    "Port",
    "Timing",
    "check_output_unit",
    "check_post",
    "conductance_unit",
    "made",
    "neurons_of",
    "state_unit",
    "taken_unit",
    "weight_unit",
]


@dataclass(frozen=True)
class Timing:
    """When spikes arrive: what the arguments `delay`, `max_delay` and `interpolate` say."""

    delay: Any = None
    max_delay: Any = None
    interpolate: bool = False

    def check(self, owner: str, found: Any) -> None:
        """Raise where there is no delay that the other two could be about."""
        if not isinstance(self.interpolate, bool):
            raise ParameterError(
                f"{owner}.interpolate: expected True or False, got {show(self.interpolate)}"
            )
        if self.max_delay is not None and found is None:
            raise ParameterError(
                f"{owner}.max_delay: expected a delay too, which it would limit, got "
                f"{show(self.max_delay)} without one; write delay=0 * u.ms for one that grows later"
            )


class Part:
    """An attribute of a projection that is given when it is made, and stays."""

    name: str

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, projection: Any, owner: type | None = None) -> Any:
        if projection is None:
            return self
        if self.name not in vars(projection):
            raise AttributeError(f"{type(projection).__name__} has no {self.name!r} yet")
        return vars(projection)[self.name]

    def __set__(self, projection: Any, value: Any) -> None:
        held = vars(projection)
        if self.name in held and held[self.name] is not value:
            self.exchange(projection, value)
        else:
            held[self.name] = value

    def exchange(self, projection: Any, value: Any) -> None:
        """Put another one in its place."""
        who = projection.name or type(projection).__name__
        raise AttributeError(
            f"{who}.{self.name}: it cannot be exchanged, since sizes, units and shared states "
            "follow from it; make another projection"
        )


class Line(Part):
    """The line of delays: another time is given to the one that there is."""

    def exchange(self, projection: Any, value: Any) -> None:
        """Change the time, from the next step on."""
        line = vars(projection)[self.name]
        if line is None:
            raise ParameterError(
                f"{projection.name}.delay: this projection was made without a delay, and so "
                "without a place for what is under way; make it with delay=0 * u.ms to give it "
                "another one later"
            )
        try:
            line.delay = value
        except ParameterError as error:
            _, rest = str(error).split(".", 1)
            raise type(error)(f"{projection.name}.{rest}") from None


class Method(brainstate.graph.Node):
    """A method of a module, such as `population.get_spike`, that follows it into copies."""

    graph_invisible_attrs = ("_seen",)
    _seen = 0  # the last step of a source whose spikes were read

    def __init__(self, method: Any) -> None:
        super().__init__()
        self.module, self.name = method.__self__, method.__name__

    def __call__(self, *args: Any) -> Any:
        """The result of the method; the spikes of a source that stood still are an error."""
        advanced_since = getattr(self._whole(), "advanced_since", None)
        if advanced_since is not None and self.name == "get_spike":
            self._seen = advanced_since(self._seen)
        result = getattr(self.module, self.name)(*args)
        is_own = self.name == "get_spike" and not args
        return spikes_known(self._whole(), result) if is_own else result

    def _whole(self) -> Any:
        return getattr(self.module, "population", self.module)

    @classmethod
    def of(cls, source: Any) -> Any:
        """A bound method of a module, held; anything else as it is."""
        bound = isinstance(getattr(source, "__self__", None), brainstate.graph.Node)
        return cls(source) if bound else source


class Port(brainstate.nn.Module):
    """An output as an input of a population: holds the conductance of one step, and no longer."""

    graph_invisible_attrs = ("_waiting",)
    _waiting = False

    def __init__(self, out: SynOut) -> None:
        super().__init__()
        self.out = out

    def attach(self, post: Any, key: str, label: str | None) -> None:
        """Become an input of a population, emptied when the population has been called."""
        post.add_current_input(key, self, label)
        post.add_after_update(f"{key} release", _Release(self))

    def require_free(self, owner: str) -> None:
        """Raise if the conductance of this step has been set and not been used."""
        if self._waiting:
            raise InputError(
                f"{owner}: the conductance of this step is already set. Was the projection called "
                "twice in one step, or the population not called since?"
            )

    def bind(self, g: Any) -> None:
        """Set the conductance for this step."""
        self.out.bind_cond(g)
        self._waiting = True

    def unbind_cond(self) -> None:
        """Forget the conductance."""
        self.out.unbind_cond()
        self._waiting = False

    def __call__(self, *args: Any) -> Any:
        """The current at these arguments."""
        self._waiting = False
        return self.out(*args)


class _Release(brainstate.nn.Module):
    """Empties a port after the update of a population, whatever that returns."""

    def __init__(self, port: Port) -> None:
        super().__init__()
        self.port = port
        brainstate.nn.not_receive_update_output(self)

    def update(self) -> None:
        self.port.unbind_cond()


def neurons_of(post: Any) -> Any:
    """The population that has the neurons: that of a view, or the population itself."""
    return post.population if isinstance(post, View) else post


def check_post(owner: str, post: Any) -> None:
    """Raise if this cannot be driven by a projection."""
    if not isinstance(neurons_of(post), Dynamics):
        raise TypeError(f"{owner}.post: expected a population, got {show(post)}")
    if isinstance(post, View) and post.selection.repeats:
        raise ValueError(
            f"{owner}.post: {post!r} names a neuron twice; name each once, as in "
            "population[numpy.unique(index)]"
        )


def made(part: Any, owner: str, what: str, **defaults: Any) -> Any:
    """A described part, built; or an instance, which from now on belongs to this projection."""
    if isinstance(part, Descriptor):
        return part.with_defaults(**defaults)()
    if isinstance(part, brainstate.nn.Module):
        holder = vars(part).get("_projection", owner)
        if holder != owner:
            raise ValueError(
                f"{owner}.{what}: this {type(part).__name__} already belongs to {holder}, which "
                "would advance it too. Make one for each projection, or describe it: "
                f"{type(part).__name__}.desc(...)"
            )
        part._projection = owner
    return part


# Units, where they are known before the first step; None where they are not.


def state_unit(model: Any, name: str) -> Any:
    """The unit of a state: of its value or, before it exists, of its initial value."""
    existing = vars(model).get(name)
    if isinstance(existing, brainstate.State):
        return u.get_unit(existing.value)
    spec = getattr(type(model), "_states", {}).get(name)
    if spec is None or not isinstance(spec.initial, str):
        return None
    value = getattr(model, spec.initial)
    is_function = callable(value) and not isinstance(value, u.Quantity)
    return None if value is None or is_function else u.get_unit(value)


def conductance_unit(syn: Any) -> Any:
    """The unit of what a synapse gives."""
    if not isinstance(syn, Synapse):
        return None
    name = next(iter(syn.jump_states), "g")
    usual = state_unit(syn, name)
    try:
        units = {state: state_unit(syn, state) or usual for state in type(syn).declared_states()}
        return u.get_unit(syn.call_equation("conductance", {k: 1.0 * v for k, v in units.items()}))
    except Exception:  # an equation may need what is not there yet; the first step will tell
        return None


def weight_unit(comm: Any) -> Any:
    """The unit of the weights of a connectivity."""
    weight = getattr(comm, "unit", None)
    if weight is None:
        weight = getattr(comm, "weight", None)
    if isinstance(weight, brainstate.State):
        weight = weight.value
    if isinstance(weight, dict):
        weight = weight.get("weight")
    is_number = isinstance(weight, (u.Quantity, u.Unit, jax.Array, np.ndarray, float, int))
    return u.get_unit(weight) if is_number else None


def taken_unit(post: Any) -> Any:
    """The unit of a population's input; one with an update of its own may take anything."""
    post = neurons_of(post)
    return post.input_unit if isinstance(post, Neuron) and post.input_as_declared else None


def check_output_unit(owner: str, out: SynOut, g_unit: Any, post: Any) -> None:
    """Raise if an output, given such a conductance, is not an input of the population."""
    post = neurons_of(post)
    taken, V_unit = taken_unit(post), state_unit(post, "V")
    if taken is None or g_unit is None or V_unit is None:
        return
    kind = type(out).__name__
    try:
        current = out.update(1.0 * g_unit, 1.0 * V_unit)
    except u.UnitMismatchError as error:
        raise UnitError(
            f"{owner}.out: {kind} cannot use a conductance in {_named(g_unit)} and a potential in "
            f"{_named(V_unit)}: {error}"
        ) from None
    except Exception:  # as above
        return
    if not same_dimension(current, taken):
        raise UnitError(
            f"{owner}.out: {kind} makes {dimension_name(current)} of a conductance in "
            f"{_named(g_unit)}, but {type(post).__name__} takes {dimension_name(taken)}"
        )


def _named(unit: Any) -> str:
    return "no unit" if unit == u.UNITLESS else str(unit)
