"""Running a model for a reference: many parameter sets and currents in one compiled loop."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Dynamics
from brainloom_core.types import Arguments, Quantity
from brainloom_core.units import same_dimension, to_number, with_unit

from ..running import in_float64, values
from .oracles.equations import Array, Section
from .quantities import is_quantity, parse_unit, quantity

__all__ = ["Events", "Outcome", "Trial", "double_precision", "plain_states", "run_trials"]


@dataclass(frozen=True)
class Events:
    """Jumps (delta inputs) at some times in ms."""

    times: Sequence[float]
    weight: float
    unit: str
    receptor: str | None = None


@dataclass(frozen=True)
class Trial:
    """One neuron and what it receives.

    Attributes:
        arguments: Arguments of its class: pairs of a number and the name of a unit are
            quantities, everything else is passed as it is.
        sections: Durations in ms and currents, one after the other.
        events: Jumps.
    """

    arguments: Arguments
    sections: Sequence[Section]
    events: Sequence[Events] = field(default=())

    @property
    def duration(self) -> float:
        """The length of the input in ms."""
        return float(sum(length for length, _ in self.sections))

    def currents(self, dt: float) -> Array:
        """The current in each step."""
        return np.concatenate(
            [np.full(round(d / dt), x, dtype=np.float64) for d, x in self.sections]
        )


@dataclass(frozen=True)
class Outcome:
    """What one neuron did: the ends of the steps, its spikes, and its states after each step."""

    times: Array
    spikes: Array
    states: Mapping[str, Array]


def double_precision(dt: float) -> AbstractContextManager[object]:
    """Double precision, this time step in ms, and the same random numbers each time."""
    stack = ExitStack()
    stack.enter_context(in_float64())
    stack.enter_context(brainstate.environ.context(dt=dt * u.ms))
    stack.enter_context(brainstate.random.seed_context(0))
    return stack


def run_trials(cls: type, trials: Sequence[Trial], dt: float, unit: str | None) -> list[Outcome]:
    """Run all trials as one population, in double precision.

    Args:
        cls: The model.
        trials: Their arguments may differ in numbers only.
        dt: Time step in ms.
        unit: Unit of the currents.
    """
    steps = max(round(trial.duration / dt) for trial in trials)
    currents = np.zeros((steps, len(trials)))
    for column, trial in enumerate(trials):
        own = trial.currents(dt)
        currents[: len(own), column] = own
    with double_precision(dt):
        model = cls(in_size=len(trials), **merged([trial.arguments for trial in trials]))
        brainstate.nn.init_all_states(model)
        spikes, states = _loop(model, currents, unit, _jumps(model, trials, steps, dt))
    return [
        _outcome(trial, dt, spikes[:, k], {name: x[:, k] for name, x in states.items()})
        for k, trial in enumerate(trials)
    ]


def merged(arguments: Sequence[Arguments]) -> Arguments:
    """Arguments of a population, from those of its neurons."""
    found = {}
    for name, first in arguments[0].items():
        values = [each[name] for each in arguments]
        if is_quantity(first) and any(value != first for value in values):
            first = (np.asarray([number for number, _ in values], dtype=np.float64), first[1])
        found[name] = quantity(first)
    return found


def _loop(
    model: Dynamics, currents: Array, unit: str | None, jumps: Sequence["_Jumps"]
) -> tuple[Array, dict[str, Array]]:
    def step(i: jax.Array, x: Quantity, jumped: Quantity) -> tuple[Quantity, dict[str, Quantity]]:
        with brainstate.environ.context(i=i, t=i * brainstate.environ.get_dt()):
            for each, values_now in zip(jumps, jumped, strict=True):
                value = with_unit(values_now, parse_unit(each.unit))
                model.add_delta_input("events", value, label=each.receptor)
            return model(with_unit(x, parse_unit(unit))), plain_states(model)

    def whole(x: Quantity, jumped: Quantity) -> tuple[Quantity, dict[str, Quantity]]:
        return brainstate.transform.for_loop(step, jnp.arange(len(currents)), x, jumped)

    jumped = [jnp.asarray(each.values) for each in jumps]
    spikes, states = brainstate.transform.jit(whole)(jnp.asarray(currents), jumped)
    return np.asarray(spikes), {name: np.asarray(x) for name, x in states.items()}


def plain_states(model: Dynamics) -> dict[str, Quantity]:
    """The states as plain numbers: voltages in mV, times in ms, others in their own unit."""
    return {name: _plain(value) for name, value in values(model).items()}


def _plain(value: Quantity) -> Quantity:
    known = [unit for unit in (u.mV, u.ms) if same_dimension(value, unit)]
    return to_number(value, known[0] if known else u.get_unit(value))


@dataclass(frozen=True)
class _Jumps:
    """Jumps of one receptor, for each step and neuron."""

    receptor: str | None
    unit: str
    values: Array


def _jumps(model: Dynamics, trials: Sequence[Trial], steps: int, dt: float) -> list[_Jumps]:
    """Events by receptor, each in the step after which the state at its time contains it."""
    first = 1 if getattr(model, "jump_state", "V") == "V" else 0
    found: dict[str | None, _Jumps] = {}
    for column, trial in enumerate(trials):
        for events in trial.events:
            empty = _Jumps(events.receptor, events.unit, np.zeros((steps, len(trials))))
            values = found.setdefault(events.receptor, empty).values
            for time in events.times:
                values[round(time / dt) - first, column] += events.weight
    return list(found.values())


def _outcome(trial: Trial, dt: float, spikes: Array, states: Mapping[str, Array]) -> Outcome:
    n = round(trial.duration / dt)
    times = dt * np.arange(1, n + 1)
    at = np.flatnonzero(spikes[:n] > 0)
    lag = states["spike_lag"][at] if "spike_lag" in states else 0.0
    return Outcome(times, times[at] - lag, {name: x[:n] for name, x in states.items()})
