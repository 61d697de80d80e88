"""Recorders of states and weights."""

import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import ClassVar

import brainstate
import brainunit as u
import jax
import numpy as np

from ...declare.constraints import text
from ...declare.fields import option_field
from ...equations import nearest
from ...errors import InputError
from ...names import modules_by_name, name_in, named
from ...partition import in_order
from ...types import Index, PyTree, Quantity, Time
from ...units import show
from .asked import PART, interval, when, which
from .chosen import Chosen, whole
from .recorder import Recorder

__all__ = ["Trace", "Weights"]


@dataclass(frozen=True, eq=False)
class Trace(Recorder):
    """Record the value of a state at regular times.

    Args:
        module: The population or synapse.
        state: Name of the state.
        every: Interval between samples, a multiple of `dt`; None for each step.
        index: Which neurons: a number, a list of them, a mask or a slice, along the last axis;
            negative numbers count from the end. None for all.
        start: When recording begins, None for the beginning of the run; the first sample is one
            interval later.
        stop: When it ends, None for the end of the run.

    Raises:
        InputError: When it is used: there is no such state or neuron, or a time is not a
            multiple of `dt`.
    """

    module: brainstate.nn.Module = option_field(constraint=PART)
    state: str = option_field(constraint=text)
    every: Time | None = interval()
    index: Index | None = which()
    start: Time | None = when()
    stop: Time | None = when()

    def check(self, net: brainstate.nn.Module) -> None:
        """Raise if there is nothing to record; the states exist by now.

        Args:
            net: The network that runs.
        """
        module, state = whole(self.module), str(self.state)
        if not isinstance(module, brainstate.nn.Module):
            raise InputError(f"Trace: expected a population or synapse, got {show(self.module)}")
        found, who = getattr(module, state, None), type(module).__name__
        if not isinstance(found, brainstate.State):
            raise InputError(
                f"Trace: {who} has no state {state!r}; it has {_names_of(module)}"
                f"{instead(net, module, state)}"
            )
        if not isinstance(found.value, (u.Quantity, jax.Array, np.ndarray)):
            raise InputError(f"Trace: {who}.{state} is not one array: record it by Custom")
        all_of_view = Chosen.of(self.module, None).take
        value = jax.eval_shape(lambda: all_of_view(u.get_mantissa(found.value)))
        self.chosen.check(f"Trace.index: {who}.{state}", value.shape)

    @property
    def read(self) -> object:
        """What is read: the population or synapse."""
        return self.module

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for recorders that read the same."""
        return self.kind, id(whole(self.module)), self.chosen.key, self.state

    @property
    def chosen(self) -> Chosen:
        """Which neurons."""
        return Chosen.of(self.module, self.index)

    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that gives the current value; it does not keep the module alive.

        Args:
            net: The network that runs.
        """
        module, name, take = weakref.ref(whole(self.module)), self.state, self.chosen.take
        return lambda: take(in_order(getattr(module(), name)).value)

    def neurons(self) -> np.ndarray | None:
        """Numbers of the neurons that are recorded, None for all of the population."""
        size = getattr(self.module, "in_size", None)
        return None if size is None else self.chosen.neurons(tuple(np.atleast_1d(size).tolist()))


@dataclass(frozen=True, eq=False)
class Weights(Recorder):
    """Record the weights of a projection, also of one that learns.

    Args:
        projection: A projection or a connection: what has a `weight`, or a `comm` that has one.
        every: Interval between samples, a multiple of `dt`; None for one sample, at the end.
        index: Which weights, as for `Trace`.
        start: When recording begins, None for the beginning of the run; the first sample is one
            interval later.
        stop: When it ends, None for the end of the run.

    Raises:
        InputError: When it is used: there are no weights, or a time is not a multiple of `dt`.
    """

    projection: brainstate.nn.Module = option_field(constraint=PART)
    every: Time | None = interval()
    index: Index | None = which()
    start: Time | None = when()
    stop: Time | None = when()
    kind: ClassVar[str] = "weights"

    def check(self, net: brainstate.nn.Module) -> None:
        """Raise if there is nothing to record.

        Args:
            net: The network that runs.
        """
        value = jax.eval_shape(lambda: u.get_mantissa(_weights(self.projection)))
        kind = type(self.projection).__name__
        self.chosen.check(f"Weights.index: {kind}", value.shape)

    @property
    def read(self) -> object:
        """What is read: the projection."""
        return self.projection

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for recorders that read the same."""
        return self.kind, id(self.projection), self.chosen.key

    @property
    def chosen(self) -> Chosen:
        """Which weights."""
        return Chosen(None, self.index)

    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that gives the current weights; it does not keep the projection alive.

        Args:
            net: The network that runs.
        """
        projection, take = weakref.ref(self.projection), self.chosen.take
        return lambda: take(_weights_in_order(projection()))

    @property
    def takes_all(self) -> bool:
        """Whether, where no interval is given, all that is recorded is one."""
        return True


def _names_of(module: brainstate.nn.Module) -> list[str]:
    """What can be recorded of a module by name."""
    states = sorted(k for k, v in vars(module).items() if isinstance(v, brainstate.State))
    others = ["spikes", "rate", "counts"] if hasattr(module, "get_spike") else []
    return [*states, *others, "output"]


def instead(net: brainstate.nn.Module, module: brainstate.nn.Module, asked: str) -> str:
    """What someone may have meant by a name that a module does not have, as an end of a message.

    Args:
        net: The network.
        module: The module.
        asked: The name.
    """
    name = name_in(net, module)
    if (begun := asked.partition("["))[1] and begun[0] in vars(module):
        inside, who = begun[2].rstrip("]"), ".".join(filter(None, ("net", name)))
        if ":" in inside:
            inside = f"slice({', '.join(number or 'None' for number in inside.split(':'))})"
        return f". For some of the neurons write Trace({who}, {begun[0]!r}, index={inside})"
    if (near := nearest(asked, _names_of(module))) is not None:
        return f". Write {'.'.join(filter(None, (name, near)))!r}"
    below = {id(node) for node in brainstate.graph.nodes(module).values()}
    for path, node in modules_by_name(net).items():
        is_one = isinstance(vars(node).get(asked), brainstate.State)
        if id(node) in below and (is_one or (asked in SPIKING and hasattr(node, "get_spike"))):
            return f". Write {_plainest(net, path, node) + '.' + asked!r}"
    return ""


SPIKING = ("spikes", "rate", "counts")


def _plainest(net: brainstate.nn.Module, path: str, node: brainstate.nn.Module) -> str:
    """The same name without parts that can be left out, as the `aligned` of a projection."""
    parts = path.split(".")
    for place in range(len(parts) - 1):
        shorter = ".".join(parts[:place] + parts[place + 1 :])
        try:
            if named(net, shorter) is node:
                return _plainest(net, shorter, node)
        except InputError:
            pass
    return path


def _weights_in_order(projection: brainstate.nn.Module) -> Quantity:
    for owner in _owners(projection):
        in_order(vars(owner).get("weight"))
    return _weights(projection)


def _owners(projection: brainstate.nn.Module) -> list[brainstate.nn.Module]:
    """A projection and its connection."""
    found = [projection, *(getattr(projection, x, None) for x in ("comm", "connection"))]
    return [owner for owner in found if isinstance(owner, brainstate.graph.Node)]


def _weights(projection: brainstate.nn.Module) -> Quantity:
    """The weights of a projection or a connection."""
    for owner in _owners(projection):
        found = getattr(owner, "weight", None)
        if isinstance(found, brainstate.nn.Param):
            found = found.value()
        if isinstance(found, brainstate.State):
            found = found.value
        if isinstance(found, dict):
            found = found.get("weight")
        if isinstance(found, (u.Quantity, jax.Array, np.ndarray, float, int)):
            return u.math.asarray(found)
    raise InputError(
        f"Weights: expected a projection or a connection with weights, got {show(projection)}"
    )
