"""What the projections share: their attributes, outputs that know whether they were used, ends."""

import itertools
from dataclasses import dataclass
from types import MethodType
from typing import Any

import brainstate
from brainloom_core import (
    Descriptor,
    Dynamics,
    InputError,
    ParameterError,
    Synapse,
    SynOut,
    View,
)
from brainloom_core.partition import spikes_known
from brainloom_core.types import Population, Quantity, Time
from brainloom_core.units import show

from ..types import EdgeValue

__all__ = [
    "Line",
    "Method",
    "Part",
    "Port",
    "Timing",
    "check_autapses",
    "check_post",
    "key_in",
    "made",
    "neurons_of",
    "stepped",
]


@dataclass(frozen=True)
class Timing:
    """When spikes arrive: what the arguments `delay`, `max_delay` and `interpolate` say."""

    delay: EdgeValue | None = None
    max_delay: Time | None = None
    interpolate: bool = False

    @classmethod
    def of(
        cls, delay: "Timing | EdgeValue | None", max_delay: Time | None, interpolate: bool
    ) -> "Timing":
        """What these arguments say; one that is put together already may be given as the delay."""
        return delay if isinstance(delay, Timing) else cls(delay, max_delay, interpolate)

    def check(self, owner: str, found: object) -> None:
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

    def __set__(self, projection: brainstate.nn.Module, value: Any) -> None:
        held = vars(projection)
        if self.name in held and held[self.name] is not value:
            self.exchange(projection, value)
        else:
            held[self.name] = value

    def exchange(self, projection: brainstate.nn.Module, value: Any) -> None:
        """Put another one in its place."""
        who = projection.name or type(projection).__name__
        raise AttributeError(
            f"{who}.{self.name}: it cannot be exchanged, since sizes, units and shared states "
            "follow from it; make another projection"
        )


class Line(Part):
    """The line of delays: another time is given to the one that there is."""

    def exchange(self, projection: brainstate.nn.Module, value: Any) -> None:
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

    def __init__(self, method: MethodType) -> None:
        super().__init__()
        self.module, self.name = method.__self__, method.__name__

    def __call__(self, *args: Quantity) -> Quantity:
        """The result of the method; the spikes of a source that stood still are an error."""
        advanced_since = getattr(self._whole(), "advanced_since", None)
        if advanced_since is not None and self.name == "get_spike":
            self._seen = advanced_since(self._seen)
        result = getattr(self.module, self.name)(*args)
        is_own = self.name == "get_spike" and not args
        return spikes_known(self._whole(), result) if is_own else result

    def _whole(self) -> Population:
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

    def attach(self, post: Population, key: str, label: str | None) -> None:
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

    def __call__(self, *args: Quantity) -> Quantity:
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


def key_in(post: Population, projection: brainstate.nn.Module) -> str:
    """Under which name a population knows a projection: its own, if it was given one.

    A name that brainstate gives counts those of all networks that were made before, so that the
    same network would have others when it is made again. These are counted in the population.

    Args:
        post: The population, or a part of it.
        projection: The projection.
    """
    kind, name = type(projection).__name__, str(projection.name)
    if not (name.startswith(kind) and name.removeprefix(kind).isdigit()):
        return name
    whole = neurons_of(post)
    known = {*(whole.current_inputs or {}), *(whole.after_updates or {})}
    numbers = (f"{kind}_{n}" for n in itertools.count())
    return next(
        key for key in numbers if not any(f"{k} ".startswith((f"{key} ", f"{key}_")) for k in known)
    )


def neurons_of(post: Population) -> Population:
    """The population that has the neurons: that of a view, or the population itself."""
    return post.population if isinstance(post, View) else post


def check_post(owner: str, post: object) -> None:
    """Raise if this cannot be driven by a projection."""
    if not isinstance(neurons_of(post), Dynamics):
        raise TypeError(f"{owner}.post: expected a population, got {show(post)}")
    if isinstance(post, View) and post.selection.repeats:
        raise ValueError(
            f"{owner}.post: {post!r} names a neuron twice; name each once, as in "
            "population[numpy.unique(index)]"
        )


def check_autapses(owner: str, pre: Any, post: Any, rule: Any) -> None:
    """Numbers count within each view: neuron 0 of one need not be neuron 0 of the other."""
    if getattr(rule, "allow_autapses", True) or neurons_of(pre) is not neurons_of(post):
        return
    mine, others = (getattr(end, "selection", None) for end in (pre, post))
    if mine != others:
        raise ValueError(
            f"{owner}: allow_autapses=False compares the numbers of neurons in pre "
            f"and post, which are other neurons of one population here ({show(pre)} and "
            f"{show(post)}); leave it out, or give the pairs as Edges"
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


def stepped(syn: brainstate.nn.Module, *args: Quantity) -> Quantity:
    """Advance a synapse, and return what drives the membrane during the next step."""
    return syn.step(*args) if isinstance(syn, Synapse) else syn(*args)
