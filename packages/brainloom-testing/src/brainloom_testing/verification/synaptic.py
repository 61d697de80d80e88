"""What a synapse, an output or a short-term plasticity can be held to."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import Dynamics
from brainloom_core.types import Arguments, Quantity
from brainloom_core.units import to_number, with_unit

from .oracles.equations import Array, Numbers
from .oracles.synapses import Spike
from .quantities import numbers, parse_unit, quantity
from .records import Kind, Record
from .references import largest
from .simulation import double_precision, merged

__all__ = ["Amplitudes", "Currents", "Releases", "Response", "respond"]


@dataclass(frozen=True)
class Response:
    """What a synapse makes of its input: conductance, and mean over the coming step.

    Attributes:
        answer: Conductance and its integral, of times in ms, the input and the parameters.
        arguments: Arguments of the class, from which the parameters are taken.
        inputs: Spikes, as pairs of a time in ms and a size; or a potential in mV that stays.
        unit: Unit of the input.
        duration: Length of the comparison in ms.
        tolerances: Allowed error, as a part of the largest conductance, and why, by step in ms.
        source: Where the answer stands.
        kind: Kind of the records.
        name: What the input is, for the name of the checks.
    """

    answer: Callable[[Array, Any, Numbers], tuple[Array, Array]]
    arguments: Arguments
    inputs: Sequence[Spike] | float
    unit: str | None
    duration: float
    tolerances: Mapping[float, tuple[float, str]]
    source: str
    kind: Kind = "closed form"
    name: str = ""

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviations, at each step."""
        p = numbers(self.arguments)
        for dt, (tolerance, reason) in self.tolerances.items():
            times = dt * np.arange(1, round(self.duration / dt) + 2)
            exact, area = self.answer(times, self.inputs, p)
            found = self._found(cls, dt)
            peak = float(np.max(np.abs(exact)))
            suffix = f"{self.name} (dt {dt:g})".strip()
            record = functools.partial(
                Record,
                cls.__name__,
                kind=self.kind,
                tolerance=tolerance,
                unit="",
                source=self.source,
                reason=f"{reason}; as a part of the peak",
            )
            expected = exact[:-1], np.diff(area) / dt
            for what, a, b in zip(
                ("conductance", "mean conductance"), found, expected, strict=True
            ):
                yield record(f"{what} {suffix}", error=largest(a - b) / peak)

    def _found(self, cls: type, dt: float) -> tuple[Array, Array]:
        steps = round(self.duration / dt)
        if isinstance(self.inputs, (int, float)):
            series = np.full(steps, float(self.inputs))
        else:
            series = np.zeros(steps)
            for time, size in self.inputs:
                series[round(time / dt) - 1] += size
        with double_precision(dt):
            arguments = {name: quantity(value) for name, value in self.arguments.items()}
            model = cls(**{"in_size": 1, **arguments})
            brainstate.nn.init_all_states(model)
            return respond(model, with_unit(jnp.asarray(series), parse_unit(self.unit)))


def respond(model: Dynamics, inputs: Quantity) -> tuple[Array, Array]:
    """Conductance after each step, and its mean over the next, as plain numbers."""

    def step(x: Quantity) -> tuple[Quantity, Quantity]:
        return model(x), model.mean_conductance()

    run = brainstate.transform.jit(lambda xs: brainstate.transform.for_loop(step, xs))
    g, mean = (np.asarray(to_number(value, u.get_unit(value))) for value in run(inputs))
    return g[:, 0], mean[:, 0]


@dataclass(frozen=True)
class Currents:
    """The current of an output at some potentials.

    Attributes:
        potentials: In mV.
        currents: Per conductance, in mV.
        arguments: Arguments of the class.
        tolerance: In mV.
        source: Where the currents stand.
        reason: Why this tolerance.
        kind: Kind of the records.
        name: Name of the check.
        conductance: The bound conductance.
        unit: Unit of the current per conductance; that of the conductance is mS.
    """

    potentials: Sequence[float]
    currents: Sequence[float]
    arguments: Arguments
    tolerance: float
    source: str
    reason: str
    kind: Kind = "closed form"
    name: str = "current"
    conductance: float = 2.0
    unit: str = "mV"

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviation."""
        arguments = {name: quantity(value) for name, value in self.arguments.items()}
        with double_precision(0.1):
            out = cls(**arguments)
            out.bind_cond(self.conductance * u.mS)
            current = out(np.asarray(self.potentials, np.float64) * u.mV)
            found = np.asarray(to_number(current / (1.0 * u.mS), parse_unit(self.unit)))
        yield Record(
            cls.__name__,
            self.name,
            self.kind,
            largest(found / self.conductance - np.asarray(self.currents)),
            self.tolerance,
            self.unit,
            self.source,
            self.reason,
        )


@dataclass(frozen=True)
class Releases:
    """What short-term plasticity releases at spikes, against the solution between events.

    Attributes:
        amplitude: The releases, of the spike times in ms and the parameters.
        arguments: Arguments of the class, for each neuron.
        trains: Spike times in ms, for each neuron.
        dts: Time steps in ms.
        source: Where the solution stands.
        name: Name of the checks.
    """

    kind: ClassVar[Kind] = "closed form"
    amplitude: Callable[[Array, Numbers], Array]
    arguments: Sequence[Arguments]
    trains: Sequence[Sequence[float]]
    dts: Sequence[float]
    source: str
    name: str = "releases"

    def records(self, cls: type) -> Iterator[Record]:
        """The largest relative deviation of any release, at each step."""
        exact = [
            self.amplitude(np.asarray(train), numbers(arguments))
            for arguments, train in zip(self.arguments, self.trains, strict=True)
        ]
        for dt in self.dts:
            found = _released(cls, self.arguments, self.trains, dt)
            errors = [largest(a / b - 1.0) for a, b in zip(found, exact, strict=True)]
            yield Record(
                cls.__name__,
                f"{self.name} (dt {dt:g})",
                self.kind,
                max(errors),
                1e-9,
                "",
                self.source,
                "exact between spikes and at spikes, up to rounding",
            )


@dataclass(frozen=True)
class Amplitudes:
    """Published amplitudes of spikes of a regular train.

    Attributes:
        amplitudes: For each neuron: those of its last spikes.
        arguments: Arguments of the class, for each neuron.
        intervals: Between spikes in ms, for each neuron.
        counts: Number of spikes, for each neuron.
        tolerance: Absolute.
        source: Where they stand.
        reason: Why this tolerance.
        dt: Time step in ms.
        name: Name of the check.
    """

    kind: ClassVar[Kind] = "table"
    amplitudes: Sequence[Sequence[float] | Array]
    arguments: Sequence[Arguments]
    intervals: Sequence[float]
    counts: Sequence[int]
    tolerance: float
    source: str
    reason: str
    dt: float
    name: str

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviation."""
        trains = [
            interval * np.arange(1, n + 1)
            for interval, n in zip(self.intervals, self.counts, strict=True)
        ]
        found = _released(cls, self.arguments, trains, self.dt)
        errors = [
            largest(a[-len(b) :] - np.asarray(b))
            for a, b in zip(found, self.amplitudes, strict=True)
        ]
        worst = int(np.argmax(errors))
        yield Record(
            cls.__name__,
            f"{self.name} (dt {self.dt:g})",
            self.kind,
            errors[worst],
            self.tolerance,
            "",
            self.source,
            self.reason,
            detail=f"worst with an interval of {self.intervals[worst]:g} ms",
        )


def _released(
    cls: type, arguments: Sequence[Arguments], trains: Sequence[Any], dt: float
) -> list[Array]:
    """The amplitudes of all spikes, for each neuron."""
    at = [np.rint(np.asarray(train) / dt).astype(int) - 1 for train in trains]
    spikes = np.zeros((max(steps[-1] for steps in at) + 1, len(at)))
    for k, steps in enumerate(at):
        spikes[steps, k] = 1.0
    with double_precision(dt):
        model = cls(in_size=len(at), **merged(arguments))
        brainstate.nn.init_all_states(model)
        run = brainstate.transform.jit(lambda s: brainstate.transform.for_loop(model, s))
        found = np.asarray(run(jnp.asarray(spikes)))
    return [found[steps, k] for k, steps in enumerate(at)]
