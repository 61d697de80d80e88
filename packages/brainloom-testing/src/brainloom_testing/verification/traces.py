"""Stored results of other simulators: how they are loaded, and what a model is held to by them."""

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import ClassVar

import numpy as np
from brainloom_core.types import Arguments

from .oracles.equations import Array
from .records import Kind, Record
from .references import ROUNDING, Rates, counted, interval_error, largest
from .simulation import Events, Outcome, Trial, run_trials

__all__ = ["StoredTrace", "TraceError", "load_traces", "parse_traces", "traces_of"]

SIMULATORS = {"nest": "NEST", "brian2": "Brian2"}


class TraceError(RuntimeError):
    """Stored traces are damaged."""


@dataclass(frozen=True)
class Closeness:
    """How close two results have to be, by what is known of the reference's scheme.

    Attributes:
        potential: Allowed difference of V before the first spike, in its unit.
        part: Allowed difference of spike times beyond a step, in parts of the mean interval.
        rate: Allowed relative difference of a rate.
        fine: Whether the model takes steps as short as those of the reference for the cases.
        reason: Why these.
    """

    potential: float
    part: float
    rate: float
    fine: bool
    reason: str


CLOSENESS = {
    "same": Closeness(
        1e-5,
        0.0,
        0.05,
        False,
        "the same arithmetic: eight digits; a step where V meets V_th. In the long run so coarse a "
        "scheme is chaotic, and rates depend on rounding",
    ),
    "exact": Closeness(
        2e-6, 0.0, 1e-6, False, "both exact on one grid: eight digits; a step where V meets V_th"
    ),
    "converged": Closeness(
        0.03,
        0.01,
        0.02,
        True,
        "both close to the solution, with steps of the reference (rates: with the model's own); "
        "1 % of an interval, since differences grow from spike to spike",
    ),
}


@dataclass(frozen=True, eq=False)
class StoredTrace:
    """One file: potentials, spike times and rates of a model, from another simulator.

    Attributes:
        content: The file, as described in `integration-tests/reference/README.md`.
    """

    content: Arguments
    kind: ClassVar[Kind] = "stored trace"

    def records(self, cls: type) -> Iterator[Record]:
        """Potential and spike times of each case, and the rates."""
        for (dt, unit), cases in self._runs().items():
            trials = [_trial(case) for case in cases]
            outcomes = run_trials(cls, trials, dt, unit)
            for case, outcome in zip(cases, outcomes, strict=True):
                yield from self._case(cls, case, outcome, dt)
        if self.content.get("f_I"):
            yield from self._rates(self.content["f_I"]).records(cls)

    def _runs(self) -> dict[tuple[float, str | None], list[Arguments]]:
        """The cases that can be run together, by step and unit of the current."""
        step = "reference_dt" if self.closeness.fine else "dt"
        found: dict[tuple[float, str | None], list[Arguments]] = {}
        for case in self.content["cases"]:
            found.setdefault((float(case[step]), case["input"]["unit"]), []).append(case)
        return found

    @property
    def source(self) -> str:
        """Simulator, version, its model, and the paper."""
        it = self.content
        simulator = SIMULATORS.get(it["simulator"], it["simulator"])
        return f"{simulator} {it['version']} {it['native_model']}; {it['source']}"

    @property
    def closeness(self) -> Closeness:
        """What the simulator's own scheme allows."""
        return CLOSENESS[self.content["scheme"]]

    def _case(self, cls: type, case: Arguments, outcome: Outcome, dt: float) -> Iterator[Record]:
        close = self.closeness
        expected = np.asarray(case["spikes"], dtype=np.float64)
        name = f"{self.content['simulator']} {case['name']}"
        potential = potential_difference(outcome, case, expected)
        yield self._record(cls, f"V {name}", potential, close.potential, case.get("V_unit") or "")
        if len(expected):
            intervals = np.diff(expected, prepend=0.0)
            allowed = dt + close.part * float(np.mean(intervals)) + ROUNDING
            error = interval_error(outcome.spikes, expected, outcome.times[-1])
            detail = counted([(outcome.spikes, expected)])
            yield self._record(cls, f"spike times {name}", error, allowed, "ms", detail)

    def _record(
        self, cls: type, check: str, error: float, tolerance: float, unit: str, detail: str = ""
    ) -> Record:
        return Record(
            cls.__name__,
            check,
            self.kind,
            error,
            tolerance,
            unit,
            self.source,
            self.closeness.reason,
            detail,
        )

    def _rates(self, curve: Arguments) -> Rates:
        step = float(curve["dt"]) * max(curve["rate_Hz"]) / 1000.0 if self.closeness.fine else 0.0
        return Rates(
            curve["I"],
            curve["rate_Hz"],
            curve["arguments"],
            curve["unit"],
            float(curve["duration_ms"]),
            self.closeness.rate + step,
            self.source,
            f"{self.closeness.reason}; at the highest rate a step is {step:.2%} of an interval",
            discard=float(curve["discard_ms"]),
            dt=float(curve["dt"]),
            name=f"f-I {self.content['simulator']}",
            kind=self.kind,
        )


def _trial(case: Arguments) -> Trial:
    sections = [(float(length), float(I)) for length, I in case["input"]["sections"]]
    return Trial(case["arguments"], sections, [Events(**it) for it in case.get("events") or ()])


def potential_difference(outcome: Outcome, case: Arguments, spikes: Array) -> float:
    """The largest difference of V before the first spike, where the file has it."""
    stored = np.array([np.nan if V is None else V for V in case["V"]], dtype=np.float64)
    times = float(case["every"]) * np.arange(1, len(stored) + 1)
    dt = float(outcome.times[0])
    first = spikes[0] if len(spikes) else np.inf
    use = np.isfinite(stored) & (times < first - 2.0)
    steps = np.rint(times[use] / dt).astype(int) - 1
    return largest(outcome.states["V"][steps] - stored[use])


def traces_of(name: str) -> list[StoredTrace]:
    """The stored traces of the class of this name."""
    return [trace for trace in load_traces() if trace.content["model"] == name]


@functools.cache
def load_traces() -> tuple[StoredTrace, ...]:
    """All traces that come with the package.

    Raises:
        TraceError: A file is not the one that was stored.
    """
    folder = files(__package__) / "traces"
    found = {it.name: it.read_bytes() for it in folder.iterdir() if it.is_file()}
    sums = found.pop("SHA256SUMS", b"").decode()
    return parse_traces({k: v for k, v in found.items() if k.endswith(".json")}, sums)


def parse_traces(contents: Mapping[str, bytes], sums: str) -> tuple[StoredTrace, ...]:
    """Traces from the bytes of their files and the list of their checksums.

    Raises:
        TraceError: A file is missing, not listed or changed.
    """
    listed = {line.split(maxsplit=1)[1].lstrip("*"): line.split()[0] for line in sums.splitlines()}
    if listed.keys() != contents.keys():
        odd = ", ".join(sorted(listed.keys() ^ contents.keys()))
        raise TraceError(f"The stored traces and SHA256SUMS do not list the same files: {odd}")
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != listed[name]:
            raise TraceError(f"The stored trace {name} is not the one that SHA256SUMS lists")
    return tuple(StoredTrace(json.loads(contents[name])) for name in sorted(contents))
