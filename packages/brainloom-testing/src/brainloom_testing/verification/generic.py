"""What any neuron model can be held to: its own declared equations and semantics."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Crossing, Dynamics, Refractory
from brainloom_core.types import Quantity
from brainloom_core.units import to_number, with_unit

from ..case import Case
from ..declarations import signature
from ..running import drive, environment, fresh, run_compiled, values
from .declared import DeclaredEquations, has_own_reset
from .oracles.equations import Array, solve
from .records import Record
from .references import ROUNDING, interval_error, largest, potential_error
from .simulation import Outcome, double_precision

__all__ = ["generic_records"]

RESETS = ("soft", "hard")
PERIODS = (1.0, 3.4, 10.6, 50.0)
DURATION = 40.0
STEPS = (0.1, 0.05)
HALVINGS = 5
NOISE = 1e-9
OWN = "the model's own declaration"


@dataclass(frozen=True)
class Probe:
    """A model under test, and a current in its unit that makes it spike."""

    case: Case
    current: float
    unit: u.Unit

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.case.cls.__name__

    def takes(self, name: str) -> bool:
        """Whether the class has this parameter."""
        return name in signature(self.case.cls)

    def build(self, **changes: Any) -> Dynamics:
        """One neuron with its states, some arguments changed where the class has them."""
        known = {k: v for k, v in changes.items() if self.takes(k)}
        return fresh(self.case, **{"in_size": 1, **known})

    def record(self, check: str, error: float, tolerance: float, unit: str, reason: str) -> Record:
        """A record of this model."""
        return Record(self.name, check, "generic", error, tolerance, unit, OWN, reason)


Check = Callable[[Probe], Iterable[Record]]


def generic_records(case: Case) -> Iterator[tuple[str, Callable[[], Iterable[Record]]]]:
    """The generic checks of a neuron by name, to be run one by one.

    A class whose steps or spikes are not those of the base class leaves out checks by `unverified`,
    a mapping from their names to reasons.

    Raises:
        ValueError: `unverified` has a name that is not among them.
    """
    probe = functools.cache(lambda: _probe(case))
    random = functools.cache(lambda: _is_random(probe()))
    crossing = issubclass(case.cls, Crossing)
    own = has_own_reset(case.cls)
    checks: dict[str, tuple[Check, Callable[[], bool]]] = {
        "solution of the declared equations": (_solution, lambda: not random()),
        "declared accuracy": (_order, lambda: not random() and hasattr(case.cls, "numerics")),
        "threshold": (_threshold, lambda: not random()),
        "reset": (_reset, lambda: not crossing and not own and not random()),
        "refractory period": (_refractory, lambda: _has_period(case.cls)),
        "strong input": (_finite, lambda: True),
    }

    def run(check: Check, applies: Callable[[], bool]) -> Iterable[Record]:
        return check(probe()) if applies() else ()

    unverified = getattr(case.cls, "unverified", {})
    if unknown := sorted(unverified.keys() - checks.keys()):
        raise ValueError(
            f"{case.cls.__name__}.unverified: there is no check {', '.join(unknown)}; there are "
            f"{', '.join(checks)}"
        )
    for name, (check, applies) in checks.items():
        if name in unverified:
            continue
        yield name, functools.partial(run, check, applies)


def _probe(case: Case) -> Probe:
    try:
        x = drive(case)
    except AssertionError:  # no constant current makes it spike
        x = 1.0 * case.cls.input_unit  # type: ignore[attr-defined]
    return Probe(case, float(np.max(np.asarray(u.get_mantissa(x)))), u.get_unit(x))


def _is_random(probe: Probe) -> bool:
    """Whether a step takes random numbers."""
    with environment(probe.case):
        model = fresh(probe.case)
        before = np.asarray(jax.random.key_data(brainstate.random.DEFAULT.value))
        run_compiled(probe.case, model, with_unit(probe.current, probe.unit), 2)
        after = np.asarray(jax.random.key_data(brainstate.random.DEFAULT.value))
    return not np.array_equal(before, after)


def _solution(probe: Probe) -> Iterator[Record]:
    with double_precision(STEPS[0]):
        model = probe.build(spk_reset="hard")
        declared = DeclaredEquations(model, probe.unit)
        start = declared.pack(values(model))
        times = STEPS[0] * np.arange(1, round(DURATION / STEPS[0]) + 1)
        sections = [(DURATION, probe.current)]
        exact = solve(declared.equations(start), sections, times, _held(model))
    for dt in STEPS:
        with double_precision(dt):
            model = probe.build(spk_reset="hard")
            outcome = _run(model, probe, probe.current, round(DURATION / dt), dt)
        exactly = _numerics(model, "exact") is True
        span = float(np.ptp(exact.states[0])) or 1.0
        tolerance = (1e-6 if exactly else 0.2 * dt) * span
        reason = f"{20.0 * dt:g} % of the range of V ({span:.3g}), well before the first spike"
        reason = "declared to be exact" if exactly else reason
        error = potential_error(outcome, exact, 0.8)
        unit = _text(declared.units["V"])
        yield probe.record(f"V by own equations (dt {dt:g})", error, tolerance, unit, reason)
        many = 1 if declared.has_own_reset else None
        error = interval_error(outcome.spikes[:many], exact.spikes[:many], DURATION)
        mean = DURATION / max(1, len(exact.spikes))
        tolerance = dt + (0.0 if exactly else 0.2 * dt * mean) + ROUNDING
        reason = "spikes land on the grid: a step for each interval"
        reason += "" if exactly else f", and {20.0 * dt:g} % of it"
        yield probe.record(
            f"spike times by own equations (dt {dt:g})", error, tolerance, "ms", reason
        )


def _order(probe: Probe) -> Iterator[Record]:
    errors: list[float] = []
    duration, current = 5.0, probe.current / 2.0
    for halvings in range(HALVINGS):
        dt = 0.1 / 2**halvings
        with double_precision(dt):
            model = probe.build()
            order, exact = _numerics(model, "order"), _numerics(model, "exact")
            if order is None and not exact:
                return
            declared = DeclaredEquations(model, probe.unit)
            start = declared.pack(values(model))
            if halvings == 0:
                for _ in range(6):
                    solved = solve(
                        declared.equations(start), [(duration, current)], np.array([duration])
                    )
                    if not len(solved.spikes) or isinstance(model, Crossing):
                        break
                    current /= 2.0
                end = solved.states[:, -1]
            _run(model, probe, current, round(duration / dt), dt)
            scale = np.maximum(np.abs(end), np.abs(np.asarray(start))) + 1e-3
            errors.append(largest((np.asarray(declared.pack(values(model))) - end) / scale))
        if exact:
            yield probe.record(
                "exact step", errors[0], 1e-7, "", "declared to be exact; the reference is not"
            )
            return
    measured = _slope(np.asarray(errors))
    yield probe.record(
        f"order of convergence, declared {order}",
        max(0.0, float(order) - measured),
        0.3,
        "",
        f"measured {measured:.2f} from halvings of 0.1 ms, with which it is not the limit",
    )


def _slope(errors: Array) -> float:
    """The order that errors show with each halving, where they are above noise."""
    usable = errors[: int(np.argmax(errors < NOISE)) or len(errors)] if np.any(errors) else errors
    usable = usable[-4:]
    if len(usable) < 2 or errors[0] < NOISE:
        return np.inf
    return float(-np.polyfit(np.arange(len(usable)), np.log2(usable), 1)[0])


def _threshold(probe: Probe) -> Iterator[Record]:
    with double_precision(0.1):
        model = probe.build()
        declared = DeclaredEquations(model, probe.unit)
        y = values(model)
        threshold = to_number(declared.threshold(y), declared.units["V"])
        small = 1e-6 * (1.0 + abs(float(np.max(np.asarray(threshold)))))
        strict = getattr(model, "strict", False)  # one whose rule is V > threshold()
        first = threshold + small if strict else threshold
        spiked = [
            float(np.max(np.asarray(model.get_spike(V=with_unit(V, declared.units["V"])))))
            for V in (threshold - small + 0.0 * _plain(y["V"]), first + 0.0 * _plain(y["V"]))
        ]
    wrong = abs(spiked[0] - 0.0) + abs(spiked[1] - 1.0)
    yield probe.record(
        "spike at threshold, none below",
        wrong,
        0.0,
        "",
        f"V {'>' if strict else '>='} threshold() is a spike",
    )


def _reset(probe: Probe) -> Iterator[Record]:
    dt = 0.01
    for rule in RESETS:
        if not probe.takes("spk_reset") and rule == "soft":
            continue
        with double_precision(dt):
            model = probe.build(spk_reset=rule, tau_ref=0.0 * u.ms)
            declared = DeclaredEquations(model, probe.unit)
            y = values(model)
            distance = abs(declared.threshold(y) - model.V_reset)
            tiny = 1e-3 * (abs(declared.threshold(y)) + with_unit(1.0, declared.units["V"]))
            overshoot = 0.4 * u.math.maximum(distance, tiny)
            model.V.value = declared.threshold(y) + overshoot + 0.0 * y["V"]
            model.spike.value = np.ones_like(model.spike.value)
            start = declared.after_spike(values(model), rule)
            free = declared.equations(declared.pack(start))
            expected = solve(free, [(dt, 0.0)], np.array([dt])).states[:, -1]
            found = _run(model, probe, 0.0, 1, dt, keep=declared)
        off = abs(found[0] - expected[0]) / float(
            np.max(np.asarray(to_number(overshoot, declared.units["V"])))
        )
        yield probe.record(
            f"{rule} reset",
            float(off),
            0.02,
            "overshoots",
            "what is left of an overshoot, one step of 0.01 ms later",
        )


def _has_period(cls: type) -> bool:
    """Whether V is held for a time that one gives, by the name that it has in the core."""
    return issubclass(cls, Refractory) and "tau_ref" in cls.declared_parameters()


def _refractory(probe: Probe) -> Iterator[Record]:
    dt, n = 0.1, len(PERIODS)
    for rule in RESETS if probe.takes("spk_reset") else ("",):
        with double_precision(dt):
            periods = np.asarray(PERIODS) * dt * u.ms
            rules: dict[str, Any] = {"spk_reset": rule} if rule else {}
            model = fresh(probe.case, in_size=n, tau_ref=periods, **rules)
            x = with_unit(8.0 * probe.current, probe.unit)
            spikes, states = run_compiled(probe.case, model, x, 400)
            V_reset = np.broadcast_to(_plain(model.V_reset / u.get_unit(states["V"])), (n,))
        V = np.asarray(u.get_mantissa(states["V"]))
        errors = []
        for k, period in enumerate(PERIODS):
            at = np.flatnonzero(np.asarray(spikes)[:, k] > 0)
            if not len(at):
                errors.append(np.inf)
                continue
            after = np.abs(V[at[0] + 1 :, k] - V_reset[k]) > 1e-9 * (1.0 + abs(V_reset[k]))
            held = int(np.argmax(after)) if np.any(after) else len(after)
            inside = len(at) > 1 and at[1] - at[0] <= np.rint(period)
            errors.append(np.inf if inside else abs(held - float(np.rint(period))))
        suffix = f", {rule} reset" if rule else ""
        yield probe.record(
            f"refractory period{suffix}",
            float(max(errors)),
            0.0,
            "steps",
            f"V rests at V_reset for round(tau_ref / dt) steps, tau_ref = {PERIODS} dt",
        )


def _finite(probe: Probe) -> Iterator[Record]:
    case = probe.case
    wrong = 0
    for factor in (20.0, -20.0):
        with environment(case):
            x = with_unit(factor * probe.current, probe.unit)
            spikes, states = run_compiled(case, fresh(case), x, 500)
        found = [spikes, *(u.get_mantissa(value) for value in states.values())]
        wrong += sum(int(np.sum(~np.isfinite(np.asarray(each)))) for each in found)
    yield probe.record(
        "finite under strong input",
        float(wrong),
        0.0,
        "",
        "20 times what makes it spike, and as much of the other sign, in single precision",
    )


def _run(
    model: Dynamics, probe: Probe, current: float, steps: int, dt: float, keep: Any = None
) -> Quantity:
    """Run, and return the outcome, or the states at the end as a vector."""
    x = with_unit(current, probe.unit)
    spikes, states = run_compiled(probe.case, model, x, steps)
    if keep is not None:
        return np.asarray(keep.pack(values(model)))
    times = dt * np.arange(1, steps + 1)
    V = np.asarray(u.get_mantissa(states["V"])).reshape(steps, -1)[:, 0]
    at = np.flatnonzero(np.asarray(spikes).reshape(steps, -1)[:, 0] > 0)
    return Outcome(times, times[at], {"V": V})


def _held(model: Dynamics) -> Mapping[str, float]:
    if not hasattr(model, "tau_ref") or isinstance(model, Crossing):
        return {}
    dt = to_number(brainstate.environ.get_dt(), u.ms)
    steps = np.rint(float(np.max(np.asarray(to_number(model.tau_ref, u.ms)))) / dt)
    return {"tau_ref": float(steps * dt)}


def _numerics(model: Dynamics, name: str) -> Any:
    return getattr(getattr(model, "numerics", None), name, None)


def _plain(value: Quantity) -> Quantity:
    return jnp.asarray(u.get_mantissa(value))


def _text(unit: u.Unit) -> str:
    return "" if unit == u.UNITLESS else str(unit)
