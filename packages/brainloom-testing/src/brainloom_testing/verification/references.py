"""What a model can be held to: declarations, each of which yields records for a class."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import brainunit as u
import numpy as np
from brainloom_core.types import Arguments, Quantity
from brainloom_core.units import same_dimension, show, to_number

from ..declarations import quantities, signature
from .oracles.equations import Array, Equations, Numbers, Section, Solution, solve
from .quantities import numbers, quantity
from .records import Kind, Record
from .simulation import Outcome, Trial, run_trials

__all__ = [
    "Accuracy",
    "Counts",
    "Defaults",
    "Formula",
    "Intervals",
    "NoisyRates",
    "Ode",
    "Rates",
    "Reference",
    "Rest",
    "SpikeTimes",
]

ROUNDING = 1e-9


class Reference(Protocol):
    """Anything that yields records, all of one kind, for a class."""

    @property
    def kind(self) -> Kind:
        """The kind of its records."""

    def records(self, cls: type) -> Iterable[Record]:
        """Compare the class with the reference."""


@dataclass(frozen=True)
class Accuracy:
    """How close a model has to come with a time step.

    Attributes:
        dt: Time step in ms.
        potential: Allowed error of V in mV before the first spike.
        interval: Allowed error of spike times in ms, for each interval up to the spike.
        reason: Why these.
        options: Further arguments of the class; one that does not take them is left alone.
    """

    dt: float
    potential: float
    interval: float
    reason: str
    options: Arguments = field(default_factory=dict)


@dataclass(frozen=True)
class Ode:
    """The accurate solution of the published equations.

    Attributes:
        equations: The equations, written independently of the model.
        arguments: Arguments of the class; where one is missing the model's default is compared
            with the published parameter.
        sections: Durations in ms and currents, for each trial.
        unit: Unit of the currents.
        accuracies: Time steps, and what is allowed with each.
        name: What the input is, for the name of the checks.
        compared: The part of the way to the first spike on which V is compared. Less than 1 where
            V becomes steep, and a small error in time counts as a large one in V.
    """

    kind: ClassVar[Kind] = "ODE"
    equations: Equations
    arguments: Arguments
    sections: Sequence[Sequence[Section]]
    unit: str | None
    accuracies: Sequence[Accuracy]
    name: str = ""
    compared: float = 1.0

    def records(self, cls: type) -> Iterator[Record]:
        """Potential before the first spike, number of spikes and their times, at each dt."""
        for accuracy in self.accuracies:
            if takes(cls, accuracy.options):
                yield from self._at(cls, accuracy)

    def _at(self, cls: type, accuracy: Accuracy) -> Iterator[Record]:
        arguments = {**self.arguments, **accuracy.options}
        trials = [Trial(arguments, sections) for sections in self.sections]
        outcomes = run_trials(cls, trials, accuracy.dt, self.unit)
        exact = [self._solved(trial) for trial in trials]
        pairs = list(zip(outcomes, exact, strict=True))
        source = f"{self.equations.source}; DOP853, rtol 1e-10"
        suffix = f"{self.name} (dt {_steps_text(accuracy)})".strip()
        record = functools.partial(
            Record, cls.__name__, kind=self.kind, source=source, reason=accuracy.reason
        )
        error = max(potential_error(*pair, self.compared) for pair in pairs)
        unit = "" if self.unit is None else "mV"
        yield record(f"V {suffix}", error=error, tolerance=accuracy.potential, unit=unit)
        if any(len(each.spikes) for each in exact):
            error = max(interval_error(o.spikes, e.spikes, o.times[-1]) for o, e in pairs)
            allowed = accuracy.interval + ROUNDING
            yield record(
                f"spike times {suffix}",
                error=error,
                tolerance=allowed,
                unit="ms",
                detail=counted([(o.spikes, e.spikes) for o, e in pairs]),
            )

    def _solved(self, trial: Trial) -> Solution:
        """The solution, at the ends of the longest steps."""
        dt = max(accuracy.dt for accuracy in self.accuracies)
        parameters = numbers(trial.arguments)
        return _solution(
            self.equations,
            tuple(sorted(parameters.items())),
            tuple((float(length), float(I)) for length, I in trial.sections),
            round(trial.duration / dt),
            dt,
        )


@dataclass(frozen=True)
class Formula:
    """A closed form of the potential, without spikes.

    Attributes:
        potential: V in mV of time in ms, current and parameters.
        arguments: Arguments of the class, from which the parameters are taken.
        currents: Constant currents.
        unit: Their unit.
        duration: Length of the comparison in ms.
        tolerance: In mV.
        source: Where the closed form stands.
        reason: Why this tolerance.
        dt: Time step in ms.
        name: Name of the check.
    """

    kind: ClassVar[Kind] = "closed form"
    potential: Callable[[Array, float, Numbers], Array]
    arguments: Arguments
    currents: Sequence[float]
    unit: str
    duration: float
    tolerance: float
    source: str
    reason: str
    dt: float = 0.1
    name: str = "V below threshold"

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviation at the ends of the steps."""
        trials = [Trial(self.arguments, [(self.duration, I)]) for I in self.currents]
        outcomes = run_trials(cls, trials, self.dt, self.unit)
        p = numbers(self.arguments)
        errors = [
            largest(outcome.states["V"] - self.potential(outcome.times, I, p))
            for outcome, I in zip(outcomes, self.currents, strict=True)
        ]
        yield Record(
            model=cls.__name__,
            check=f"{self.name} (dt {self.dt:g})",
            kind=self.kind,
            error=max(errors),
            tolerance=self.tolerance,
            unit="mV",
            source=self.source,
            reason=self.reason,
        )


@dataclass(frozen=True)
class Intervals:
    """A closed form of the interval between spikes under a constant current.

    Attributes:
        interval: The interval in ms, of the current and the parameters.
        arguments: Arguments of the class, from which the parameters are taken.
        currents: Constant currents.
        unit: Their unit.
        duration: Length of the simulation in ms.
        source: Where the closed form stands.
        accuracies: Time steps, and the error that is allowed for a single interval.
    """

    kind: ClassVar[Kind] = "closed form"
    interval: Callable[[float, Numbers], float]
    arguments: Arguments
    currents: Sequence[float]
    unit: str
    duration: float
    source: str
    accuracies: Sequence[Accuracy]

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviation of any interval."""
        p = numbers(self.arguments)
        exact = [self.interval(I, p) for I in self.currents]
        for accuracy in self.accuracies:
            if takes(cls, accuracy.options):
                arguments = {**self.arguments, **accuracy.options}
                trials = [Trial(arguments, [(self.duration, I)]) for I in self.currents]
                outcomes = run_trials(cls, trials, accuracy.dt, self.unit)
                yield Record(
                    model=cls.__name__,
                    check=f"intervals (dt {_steps_text(accuracy)})",
                    kind=self.kind,
                    error=max(
                        _intervals_off(outcome, period)
                        for outcome, period in zip(outcomes, exact, strict=True)
                    ),
                    tolerance=accuracy.interval + ROUNDING,
                    unit="ms",
                    source=self.source,
                    reason=accuracy.reason,
                )


@dataclass(frozen=True)
class Rates:
    """Rates in Hz under constant currents, as a table.

    Attributes:
        currents: The currents.
        rates: The rates; 0 where there is at most one spike after `discard`.
        arguments: Arguments of the class.
        unit: Unit of the currents.
        duration: Length of the simulation in ms.
        tolerance: Relative.
        source: Where the table stands.
        reason: Why this tolerance.
        discard: Spikes up to this time in ms do not count.
        dt: Time step in ms.
        name: Name of the check.
        kind: Kind of the records.
    """

    currents: Sequence[float]
    rates: Sequence[float]
    arguments: Arguments
    unit: str | None
    duration: float
    tolerance: float
    source: str
    reason: str
    discard: float = 0.0
    dt: float = 0.1
    name: str = "f-I"
    kind: Kind = "table"

    def records(self, cls: type) -> Iterator[Record]:
        """The largest relative deviation, infinite where one is silent and the other is not."""
        trials = [Trial(self.arguments, [(self.duration, I)]) for I in self.currents]
        outcomes = run_trials(cls, trials, self.dt, self.unit)
        found = [mean_rate(outcome.spikes, self.discard) for outcome in outcomes]
        errors = [_relative(a, b) for a, b in zip(found, self.rates, strict=True)]
        worst = int(np.argmax(errors))
        yield Record(
            model=cls.__name__,
            check=f"{self.name} (dt {self.dt:g})",
            kind=self.kind,
            error=errors[worst],
            tolerance=self.tolerance,
            unit="",
            source=self.source,
            reason=self.reason,
            detail=f"worst at {self.currents[worst]:g} {self.unit or ''}: "
            f"{found[worst]:.4f} Hz, expected {self.rates[worst]:.4f} Hz",
        )


@dataclass(frozen=True)
class NoisyRates:
    """Rates of a random renewal process under constant currents.

    Attributes:
        rate: The rate in Hz, of the current and the parameters.
        arguments: Arguments of the class, from which the parameters are taken.
        currents: The currents.
        unit: Their unit.
        duration: Length of the simulation in ms.
        neurons: How many independent neurons there are for each current.
        source: Where the formula stands.
        bias: Relative error that the time step may cause.
        dt: Time step in ms.
    """

    kind: ClassVar[Kind] = "closed form"
    rate: Callable[[float, Numbers], float]
    arguments: Arguments
    currents: Sequence[float]
    unit: str
    duration: float
    neurons: int
    source: str
    bias: float = 0.02
    dt: float = 0.1

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviation in standard errors, of what is not bias."""
        p = numbers(self.arguments)
        trials = [
            Trial(self.arguments, [(self.duration, I)])
            for I in self.currents
            for _ in range(self.neurons)
        ]
        outcomes = run_trials(cls, trials, self.dt, self.unit)
        found = np.array([len(o.spikes) for o in outcomes]) * 1000.0 / self.duration
        errors = [
            self._off(found[k * self.neurons : (k + 1) * self.neurons], self.rate(I, p))
            for k, I in enumerate(self.currents)
        ]
        yield Record(
            model=cls.__name__,
            check=f"rates of a random process (dt {self.dt:g})",
            kind=self.kind,
            error=max(errors),
            tolerance=4.0,
            unit="s.e.",
            source=self.source,
            reason=f"four standard errors, beyond the {self.bias:.0%} of a hazard that is "
            "constant over a step",
        )

    def _off(self, found: Array, expected: float) -> float:
        error = float(np.std(found, ddof=1)) / math.sqrt(len(found))
        beyond = abs(float(np.mean(found)) - expected) - self.bias * expected
        return max(0.0, beyond) / error if error > 0.0 else math.inf


@dataclass(frozen=True)
class SpikeTimes:
    """Published spike times.

    Attributes:
        times: The first spike times in ms.
        count: How many spikes there are in all, None if unknown.
        arguments: Arguments of the class.
        sections: Durations in ms and currents.
        unit: Unit of the currents.
        tolerance: In ms, for each interval up to the spike.
        source: Where the times stand.
        reason: Why this tolerance.
        dt: Time step in ms.
        name: What the times are of.
        count_tolerance: How many spikes may be missing or too many.
    """

    kind: ClassVar[Kind] = "table"
    times: Sequence[float]
    count: int | None
    arguments: Arguments
    sections: Sequence[Section]
    unit: str | None
    tolerance: float
    source: str
    reason: str
    dt: float = 0.1
    name: str = ""
    count_tolerance: int = 1

    def records(self, cls: type) -> Iterator[Record]:
        """The worst of the times, and the number of spikes."""
        trial = Trial(self.arguments, self.sections)
        spikes = run_trials(cls, [trial], self.dt, self.unit)[0].spikes
        record = functools.partial(
            Record, cls.__name__, kind=self.kind, source=self.source, reason=self.reason
        )
        head = np.asarray(self.times)
        error = interval_error(spikes[: len(head)], head, math.inf)
        suffix = f"{self.name} (dt {self.dt:g})"
        yield record(f"spike times {suffix}", error=error, tolerance=self.tolerance, unit="ms")
        if self.count is not None:
            off = float(abs(len(spikes) - self.count))
            tolerance = float(self.count_tolerance)
            yield record(f"number of spikes {suffix}", error=off, tolerance=tolerance, unit="")


@dataclass(frozen=True)
class Counts:
    """Numbers of spikes under a constant current, for several sets of parameters.

    Attributes:
        counts: The number of spikes, for each name.
        arguments: Arguments of the class, for each name.
        current: The current.
        unit: Its unit.
        duration: Length of the simulation in ms.
        dt: Time step in ms.
        source: Where the numbers stand.
        tolerance: How many may be missing or too many.
        reason: Why this tolerance.
        name: Name of the check.
    """

    kind: ClassVar[Kind] = "table"
    counts: Mapping[str, int]
    arguments: Mapping[str, Arguments]
    current: float
    unit: str | None
    duration: float
    dt: float
    source: str
    tolerance: int
    reason: str
    name: str = "number of spikes"

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviation."""
        sections = [(self.duration, self.current)]
        trials = [Trial(self.arguments[name], sections) for name in self.counts]
        outcomes = run_trials(cls, trials, self.dt, self.unit)
        found = {name: len(o.spikes) for name, o in zip(self.counts, outcomes, strict=True)}
        wrong = [
            f"{name}: {found[name]}, expected {expected}"
            for name, expected in self.counts.items()
            if abs(found[name] - expected) > self.tolerance
        ]
        yield Record(
            model=cls.__name__,
            check=f"{self.name} (dt {self.dt:g})",
            kind=self.kind,
            error=float(max(abs(found[name] - n) for name, n in self.counts.items())),
            tolerance=float(self.tolerance),
            unit="",
            source=self.source,
            reason=self.reason,
            detail="; ".join(wrong),
        )


@dataclass(frozen=True)
class Rest:
    """The state in which a model stays without input (or under a current).

    Attributes:
        values: Values by name of the state, potentials in mV.
        arguments: Arguments of the class.
        source: Where they stand.
        tolerance: Largest deviation, in mV for V.
        reason: Why this tolerance.
        duration: After how many ms.
        current: The current, in `unit`.
        unit: Its unit.
        name: Name of the check.
    """

    kind: ClassVar[Kind] = "table"
    values: Mapping[str, float]
    arguments: Arguments
    source: str
    tolerance: float
    reason: str
    duration: float = 500.0
    current: float = 0.0
    unit: str | None = "uA"
    name: str = "rest"

    def records(self, cls: type) -> Iterator[Record]:
        """The largest deviation of each state."""
        trial = Trial(self.arguments, [(self.duration, self.current)])
        states = run_trials(cls, [trial], 0.1, self.unit)[0].states
        for name, value in self.values.items():
            yield Record(
                model=cls.__name__,
                check=f"{self.name}: {name}",
                kind=self.kind,
                error=abs(float(states[name][-1]) - value),
                tolerance=self.tolerance,
                unit="mV" if name == "V" else "",
                source=self.source,
                reason=self.reason,
            )


@dataclass(frozen=True)
class Defaults:
    """Published parameters that are the defaults of a class.

    Attributes:
        values: Pairs of a number and the name of a unit.
        source: Where they stand.
    """

    kind: ClassVar[Kind] = "table"
    values: Mapping[str, Any]
    source: str

    def records(self, cls: type) -> Iterator[Record]:
        """The largest relative deviation of a default."""
        declared = quantities(cls)
        off = {
            name: _default_off(declared.get(name), quantity(value))
            for name, value in self.values.items()
        }
        wrong = [
            f"{name} is {show(declared[name].default) if name in declared else 'missing'}"
            for name, error in off.items()
            if not error <= ROUNDING
        ]
        yield Record(
            model=cls.__name__,
            check="default parameters",
            kind=self.kind,
            error=max(off.values()),
            tolerance=ROUNDING,
            unit="",
            source=self.source,
            reason="published numbers, up to rounding",
            detail=", ".join(wrong),
        )


def takes(cls: type, options: Arguments) -> bool:
    """Whether the constructor of a class has these parameters."""
    return options.keys() <= signature(cls).keys()


def mean_rate(spikes: Array, discard: float = 0.0) -> float:
    """The rate in Hz of the spikes after `discard`, from the first to the last."""
    late = spikes[spikes > discard]
    return 1000.0 * (len(late) - 1) / float(late[-1] - late[0]) if len(late) > 1 else 0.0


def largest(differences: Array) -> float:
    """The largest size, infinite where something is not a number."""
    size = float(np.max(np.abs(differences), initial=0.0))
    return size if math.isfinite(size) else math.inf


def potential_error(outcome: Outcome, exact: Solution, part: float) -> float:
    """The largest error of V on this part of the way to the first spike."""
    dt = float(outcome.times[0])
    first = exact.spikes[0] if len(exact.spikes) else math.inf
    use = exact.times <= min(part * first, first - 2.0 * dt)
    steps = np.rint(exact.times[use] / dt).astype(int) - 1
    return largest(outcome.states["V"][steps] - exact.states[0][use])


def interval_error(found: Array, expected: Array, end: float) -> float:
    """The largest error of a spike time, per interval up to that spike.

    A spike may be missing, or be one too many, within an interval of the end.
    """
    n = min(len(found), len(expected))
    if abs(len(found) - len(expected)) > 1 or (n == 0 and len(expected) > 0):
        return math.inf
    longer = found if len(found) > len(expected) else expected
    if len(found) != len(expected) and math.isfinite(end):
        rest = end - float(longer[-1])
        return max(_per_interval(found[:n], expected[:n]), rest / (n + 1))
    return _per_interval(found[:n], expected[:n]) if len(found) >= len(expected) else math.inf


def counted(pairs: Iterable[tuple[Array, Array]]) -> str:
    """In words, where the numbers of spikes found and expected are not nearly the same."""
    wrong = [
        f"{len(found)} spikes, expected {len(expected)}"
        for found, expected in pairs
        if abs(len(found) - len(expected)) > 1
    ]
    return "; ".join(wrong)


def _per_interval(found: Array, expected: Array) -> float:
    return largest((found - expected) / np.arange(1, len(found) + 1))


@functools.lru_cache(maxsize=512)
def _solution(
    equations: Equations,
    parameters: tuple[tuple[str, float], ...],
    sections: tuple[Section, ...],
    n: int,
    dt: float,
) -> Solution:
    return solve(equations, sections, dt * np.arange(1, n + 1), dict(parameters))


def _steps_text(accuracy: Accuracy) -> str:
    """The step and the options, such as `0.1, hard` and `0.1, interpolate`."""
    words = [name if value is True else str(value) for name, value in accuracy.options.items()]
    return ", ".join([f"{accuracy.dt:g}", *words])


def _intervals_off(outcome: Outcome, period: float) -> float:
    if math.isinf(period):
        return math.inf if len(outcome.spikes) else 0.0
    if len(outcome.spikes) < 2:
        return math.inf
    return largest(np.diff(outcome.spikes) - period)


def _relative(found: float, expected: float) -> float:
    if expected == 0.0 or found == 0.0:
        return 0.0 if found == expected else math.inf
    return abs(found / expected - 1.0)


def _default_off(declared: Any, expected: Quantity) -> float:
    default = getattr(declared, "default", None)
    if default is None or not same_dimension(default, expected):
        return math.inf
    unit = u.get_unit(expected)
    number = np.asarray(to_number(default, unit), dtype=np.float64)
    wanted = np.asarray(to_number(expected, unit), dtype=np.float64)
    if number.shape != wanted.shape:
        return math.inf
    scale = np.where(wanted == 0.0, 1.0, np.abs(wanted))
    return float(np.max(np.abs(number - wanted) / scale, initial=0.0))
