"""Checks of the differential equations, and of the schemes that advance them."""

import functools
import math
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core.units import same_dimension, to_number, with_unit

from ..case import Case
from ..declarations import derivatives, signature
from ..require import require
from ..running import (
    STEPS,
    calm,
    drive,
    environment,
    fresh,
    in_float64,
    plain_input,
    run_compiled,
    values,
)
from .registry import applies_to

__all__ = [
    "check_derivatives_have_rate_units",
    "check_order_of_euler",
    "check_order_of_exp_euler",
    "check_order_of_rk2",
    "check_order_of_rk4",
]

ROUNDING = 1e-12
HALVINGS = 6

Values = dict[str, Any]
Numbers = dict[str, np.ndarray]


def _has_equations(case: Case) -> bool:
    return bool(derivatives(case.cls)) and "solver" in signature(case.cls)


@applies_to("neuron", "synapse", when=lambda case: bool(derivatives(case.cls)))
def check_derivatives_have_rate_units(case: Case) -> None:
    """The derivative of each state has the unit of the state over time."""
    x = plain_input(case)
    with environment(case):
        model = fresh(case)
        y = values(model)
        for name in derivatives(case.cls):
            rate = _derivative(case, model, name, y, x)
            require(
                same_dimension(rate, y[name] / u.ms),
                f"{case.cls.__name__}.d{name} is in {u.get_unit(rate)}, while {name} is in "
                f"{u.get_unit(y[name])}",
            )


@applies_to("neuron", "synapse", when=_has_equations)
def check_order_of_exp_euler(case: Case) -> None:
    """Exponential Euler is exact for linear equations on their own, else of first order."""
    if not _is_linear(case):
        _require_order(case, "exp_euler", 1)
        return
    change = _change(case, "exp_euler", _steps(case))
    require(
        change < ROUNDING,
        f"{case.cls.__name__}: its equations are linear, but with exp_euler halving dt changes "
        f"the result by {change:.1e}",
    )
    _require_agreement(case, "exp_euler", _steps(case))


@applies_to("neuron", "synapse", when=_has_equations)
def check_order_of_euler(case: Case) -> None:
    """Forward Euler is of first order."""
    _require_order(case, "euler", 1)


@applies_to("neuron", "synapse", when=_has_equations)
def check_order_of_rk2(case: Case) -> None:
    """The midpoint rule is of second order."""
    _require_order(case, "rk2", 2)


@applies_to("neuron", "synapse", when=_has_equations)
def check_order_of_rk4(case: Case) -> None:
    """The classical Runge-Kutta scheme is of fourth order."""
    _require_order(case, "rk4", 4)


def _require_order(case: Case, solver: str, order: int) -> None:
    """Require the order at some dt: where errors happen to cancel, it shows at a smaller one."""
    steps, seen = _steps(case), []
    for _ in range(HALVINGS):
        coarse, fine = _change(case, solver, steps), _change(case, solver, 2 * steps)
        if coarse < ROUNDING or fine < coarse / 2.0 ** (order - 0.3):
            _require_agreement(case, solver, steps)
            return
        seen.append(f"{coarse / fine:.2f}")
        steps *= 2
    require(
        False,
        f"{case.cls.__name__}: with {solver}, each halving of dt should divide the error by "
        f"{2**order}; it divides it by {', '.join(seen)}",
    )


def _require_agreement(case: Case, solver: str, steps: int) -> None:
    """Require the same limit as with the scheme of the highest order."""
    ours, theirs = _end(case, solver, 2 * steps), _end(case, "rk4", 2 * steps)
    allowed = 2.0 * (_change(case, solver, steps) + _change(case, "rk4", steps)) + ROUNDING
    require(
        _distance(ours, theirs) < allowed,
        f"{case.cls.__name__}: {solver} and rk4 converge to different values",
    )


def _change(case: Case, solver: str, steps: int) -> float:
    """How much halving dt changes the result."""
    return _distance(_end(case, solver, steps), _end(case, solver, 2 * steps))


@functools.cache
def _end(case: Case, solver: str, steps: int) -> Numbers:
    """The states after 50 steps' worth of time, below threshold or after one jump."""
    with in_float64(), environment(case, dt=STEPS * case.dt / steps):
        model = fresh(case, solver=solver)
        for name in getattr(model, "jump_states", ()):
            jumping = getattr(model, name)
            jumping.value = jumping.value + drive(case)
        returned, _ = run_compiled(case, model, calm(case), steps)
        end = {name: np.asarray(u.get_mantissa(v)) for name, v in values(model).items()}
        quiet = case.kind != "neuron" or not np.any(np.asarray(returned))
    require(quiet, f"{case.cls.__name__} spikes under half its input; give Case(..., input=...)")
    return end


def _distance(a: Numbers, b: Numbers) -> float:
    """The largest difference of any state, relative to its size."""
    sizes = {name: float(np.max(np.abs(b[name]))) for name in b}
    return max(float(np.max(np.abs(a[n] - b[n]))) / s for n, s in sizes.items() if s > 0)


@functools.cache
def _steps(case: Case) -> int:
    """Steps that resolve the equations: a tenth of the fastest time constant, at least four."""
    with in_float64(), environment(case):
        model = fresh(case)
        y, x = values(model), calm(case)
        rates = [abs(_slope(case, model, name, y, x)) for name in derivatives(case.cls)]
    return max(4, math.ceil(10.0 * max(rates) * to_number(STEPS * case.dt, u.ms)))


def _slope(case: Case, model: Any, name: str, y: Values, x: Any) -> float:
    """How fast a derivative changes with its own state, per ms."""
    small = 1e-3
    change = _rate(case, model, name, _moved(y, name, small), x) - _rate(case, model, name, y, x)
    return float(np.max(np.abs(change))) / small


def _is_linear(case: Case) -> bool:
    """Whether each derivative is linear in its own state and free of the others."""
    with in_float64(), environment(case):
        model = fresh(case)
        y, x = values(model), calm(case)
        return all(_is_linear_in(case, model, name, y, x) for name in derivatives(case.cls))


def _is_linear_in(case: Case, model: Any, name: str, y: Values, x: Any) -> bool:
    def rate(of: str, by: float) -> np.ndarray:
        return _rate(case, model, name, _moved(y, of, by), x)

    here = rate(name, 0.0)
    scale = 1e-9 * (np.max(np.abs(here)) + np.max(np.abs(rate(name, 1.0))))
    straight = np.max(np.abs(rate(name, 2.0) - 2.0 * rate(name, 1.0) + here)) <= scale
    others = [other for other in derivatives(case.cls)[name] if other not in ("I", name)]
    return bool(straight and all(np.all(rate(o, 1.0) == here) for o in others))


def _moved(y: Values, name: str, by: float) -> Values:
    unit = u.get_unit(y[name])
    return {**y, name: with_unit(u.get_mantissa(y[name]) + by, unit)}


def _rate(case: Case, model: Any, name: str, y: Values, x: Any) -> np.ndarray:
    """The derivative as plain numbers, in the unit of the state per ms."""
    rate = _derivative(case, model, name, y, x)
    return np.asarray(to_number(rate, u.get_unit(y[name]) / u.ms))


def _derivative(case: Case, model: Any, name: str, y: Values, x: Any) -> Any:
    known = {**y, "I": x}
    return getattr(model, f"d{name}")(**{key: known[key] for key in derivatives(case.cls)[name]})
