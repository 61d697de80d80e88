"""Our neurons against the traces that NEST and Brian2 made (format: ../reference/README.md).

Each stored pair of a model and a simulator is compared twice: with the Runge-Kutta scheme on the
grid of the simulator, which shows that the equations, the reset and the refractoriness are the
same, and with the model's own scheme at its suggested step, which shows what a user gets. Where
both schemes are exact, or the same, these are one comparison.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import brainloom_neurons
import numpy as np
import pytest
from brainloom_testing.verification import simulation
from brainloom_testing.verification.simulation import Events, Outcome, Trial

TRACES = Path(simulation.__file__).parent / "traces"
STORED = sorted(file.stem for file in TRACES.glob("*.json"))
PAIRS = [stem for stem in STORED if hasattr(brainloom_neurons, stem.partition(".")[0])]
LEAST = 15


@dataclass(frozen=True)
class Errors:
    """The worst of all cases of a pair.

    Attributes:
        before: Of V (mV or dimensionless) up to the first spike.
        whole: Of V in the whole trace.
        spike: Of a spike time (ms), for each interval up to the spike.
        interval: Of the mean interval (ms) under the constant currents of the f-I curve.
        rate: The same, relative.
        count: Of the number of spikes.
    """

    before: float
    whole: float
    spike: float
    interval: float
    rate: float
    count: float

    def line(self, limits: "Errors") -> str:
        """The numbers for which there is a limit."""
        values, bounds = asdict(self), asdict(limits)
        values["rate"] *= 100
        return "".join(
            f"{'-' if bounds[name] == FREE else format(value, FORMATS[name]):>11}"
            for name, value in values.items()
        )


FORMATS = {"before": ".1e", "whole": ".1e", "spike": ".4f", "interval": ".4f"}
FORMATS |= {"rate": ".3f", "count": ".0f"}
FREE = np.inf

# Rounding of the stored numbers: 5e-7 mV, 5e-9 of a rate.
EXACT = Errors(1e-6, 1e-6, 1e-9, 1e-5, 1e-7, 0)
# The published scheme with steps of 1 ms amplifies rounding: after half a second spikes differ.
SAME = Errors(1e-6, 1e-6, 1e-9, FREE, 0.05, 0)
# Both take Runge-Kutta steps of 0.01 ms. While V is held or beyond its threshold, other states see
# less of it in ours, so that some spike moves by a step.
SAME_GRID = Errors(1e-5, 0.1, 0.005, FREE, FREE, 0)
# NEST resets within the step of 0.01 ms, we do at its end: half a step for each interval.
WITHIN_STEP = Errors(1e-5, 0.2, 0.011, FREE, FREE, 0)
# Second order with dt 0.1 ms, and a reset that waits for the end of the step: each interval is
# longer by dt at most, and a little more where adaptation or a falling current follows.
WITH_RESET = Errors(5e-3, FREE, 0.3, 0.2, FREE, 1)
# Second order with dt 0.1 ms through the upswing of the spike; no reset.
WITHOUT_RESET = Errors(5e-2, FREE, 1.0, FREE, 0.02, 1)
FINE = {
    ("exact", "nest"): EXACT,
    ("exact", "brian2"): EXACT,
    ("same", "nest"): SAME,
    ("converged", "nest"): WITHIN_STEP,
    ("converged", "brian2"): SAME_GRID,
}


def load(stem: str) -> dict[str, Any]:
    return json.loads((TRACES / f"{stem}.json").read_text(encoding="utf-8"))


def run(stored: dict[str, Any], dt: float, curve: bool, **options: Any) -> list[Outcome]:
    """All cases, and if wanted the currents of the f-I curve after them, as one population."""
    trials = [
        Trial(
            {**case["arguments"], **options},
            case["input"]["sections"],
            [Events(**event) for event in case.get("events", [])],
        )
        for case in stored["cases"]
    ]
    f_I = stored["f_I"]
    if curve:
        trials += [Trial(f_I["arguments"], [[f_I["duration_ms"], I]]) for I in f_I["I"]]
    cls = getattr(brainloom_neurons, stored["model"])
    return simulation.run_trials(cls, trials, dt, f_I["unit"])


def compare(stored: dict[str, Any], outcomes: list[Outcome], dt: float) -> Errors:
    cases, f_I = stored["cases"], stored["f_I"]
    each = [errors_of(case, outcome, dt) for case, outcome in zip(cases, outcomes, strict=False)]
    before, whole, spike, count = (max(column) for column in zip(*each, strict=True))
    ours = [interval(each.spikes, f_I["discard_ms"]) for each in outcomes[len(cases) :]]
    theirs = [1e3 / rate for rate in f_I["rate_Hz"]]
    late = max((abs(x - y) for x, y in zip(ours, theirs, strict=False)), default=0.0)
    rate = max((abs(y / x - 1.0) for x, y in zip(ours, theirs, strict=False)), default=0.0)
    return Errors(before, whole, spike, late, rate, count)


def errors_of(case: dict[str, Any], outcome: Outcome, dt: float) -> tuple[float, ...]:
    """V up to the first spike and in all, spike time per interval, number of spikes."""
    theirs = np.array(case["spikes"])
    n = min(len(outcome.spikes), len(theirs))
    late = np.abs(outcome.spikes[:n] - theirs[:n]) / np.arange(1, n + 1)
    times = case["every"] * np.arange(1, len(case["V"]) + 1)
    V = np.array(case["V"], dtype=float)
    off = np.abs(outcome.states["V"][np.rint(times / dt).astype(int) - 1] - V)
    first = min([*theirs[:1], *outcome.spikes[:1]], default=np.inf)
    count = abs(len(outcome.spikes) - len(theirs))
    before = np.nanmax(off[times < first], initial=0.0)
    return before, np.nanmax(off), max(late, default=0.0), count


def interval(spikes: np.ndarray, discard: float) -> float:
    """Mean interval in ms."""
    late = spikes[spikes > discard]
    return float(late[-1] - late[0]) / (len(late) - 1) if len(late) > 1 else np.inf


def assert_within(errors: Errors, limits: Errors) -> None:
    over = {
        name: f"{value:.3g} > {limit:.3g}"
        for name, value in asdict(errors).items()
        if not value <= (limit := getattr(limits, name))
    }
    assert not over, over


CONVERGED = [stem for stem in PAIRS if load(stem)["scheme"] == "converged"]


@pytest.mark.parametrize("stem", PAIRS)
def test_equations(stem: str, report: Callable[[str, str], None]) -> None:
    """On the grid of the simulator, by its scheme or one as accurate."""
    stored = load(stem)
    accurate = stored["scheme"] == "converged"
    dt = stored["cases"][0]["reference_dt"]
    options = {"solver": "rk4"} if accurate else {}
    errors = compare(stored, run(stored, dt, curve=not accurate, **options), dt)
    limits = FINE[stored["scheme"], stored["simulator"]]
    report("neurons", f"{stem:26} {stored['scheme']:9} {dt:4}{errors.line(limits)}")
    assert_within(errors, limits)


@pytest.mark.parametrize("stem", CONVERGED)
def test_own_scheme(stem: str, report: Callable[[str, str], None]) -> None:
    """With the scheme that the model chooses, at the step that is suggested."""
    stored = load(stem)
    dt = stored["cases"][0]["dt"]
    errors = compare(stored, run(stored, dt, curve=True), dt)
    limits = WITH_RESET if stored["spike_rule"] == "reset" else WITHOUT_RESET
    report("neurons", f"{stem:26} {'own':9} {dt:4}{errors.line(limits)}")
    assert_within(errors, limits)


def test_enough_pairs() -> None:
    """A model that is not exported any more would leave its traces unused, unseen."""
    assert len(PAIRS) >= LEAST
    assert PAIRS == STORED
