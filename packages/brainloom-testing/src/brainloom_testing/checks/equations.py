"""Checks of the differential equations, and of the schemes that advance them."""

import functools
import math
from collections.abc import Callable

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import SOLVERS, Dynamics, ParameterError
from brainloom_core.types import Array, Quantity
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
    step,
    values,
)
from .registry import applies_to

__all__ = [
    "check_derivatives_have_rate_units",
    "check_linear_is_declared",
]

ROUNDING = 1e-12
HALVINGS = 6

Values = dict[str, Quantity]
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
def check_linear_is_declared(case: Case) -> None:
    """`linear` says whether the equations are linear in all states together."""
    require(
        case.cls.linear == _is_linear(case),  # type: ignore[attr-defined]
        f"{case.cls.__name__}.linear should be {_is_linear(case)}",
    )


def _order_check(name: str) -> None:
    def check(case: Case) -> None:
        _require_declared_order(case, name)

    check.__doc__ = f"With {name} the order of convergence is the declared one, or the step exact."
    check.__name__ = check.__qualname__ = f"check_order_of_{name}"

    def applies(case: Case) -> bool:
        return _has_equations(case) and _takes_solver(case, name)

    applies_to("neuron", "synapse", when=applies)(check)


def _takes_solver(case: Case, name: str) -> bool:
    try:
        case.build(solver=name)
    except ParameterError:
        return False
    return True


for _solver in SOLVERS:
    _order_check(_solver)


def _require_declared_order(case: Case, name: str) -> None:
    order = case.build(solver=name).numerics.order
    if order is not None:
        _require_order(case, name, order)
        return
    change = _change(case, name, _steps(case))
    require(
        change < ROUNDING,
        f"{case.cls.__name__}: a step with {name} should be exact, but halving dt changes the "
        f"result by {change:.1e}",
    )
    _require_agreement(case, name, _steps(case))


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
    with in_float64(), environment(case):
        model = fresh(case, solver=solver)
        for name in getattr(model, "jump_states", ()):
            jumping = getattr(model, name)
            jumping.value = jumping.value + drive(case)
        y, quiet = _compiled_run(case, solver)(values(model), steps)
    require(quiet, f"{case.cls.__name__} spikes under half its input; give Case(..., input=...)")
    return {name: np.asarray(u.get_mantissa(value)) for name, value in y.items()}


@functools.cache
def _compiled_run(case: Case, solver: str) -> Callable[..., tuple[Values, Array]]:
    """The final states, and whether no neuron spiked, of any number of steps."""
    model, x = fresh(case, solver=solver), calm(case)

    def run(start: Values, steps: Array) -> tuple[Values, Array]:
        dt = STEPS * case.dt / steps

        def one(carried: tuple[Array, Array]) -> tuple[Array, Array]:
            i, quiet = carried
            with brainstate.environ.context(i=i, t=i * dt, dt=dt):
                returned = step(case, model, x)
            spiked = case.kind == "neuron" and jnp.any(u.get_mantissa(returned) > 0)
            return i + 1, quiet & jnp.logical_not(spiked)

        for path, state in model.states().items():  # nothing is lost of a slow state yet
            state.value = start.get(".".join(map(str, path)), 0.0 * state.value)
        begin = (jnp.asarray(0), jnp.asarray(True))
        quiet = brainstate.transform.while_loop(lambda carried: carried[0] < steps, one, begin)[1]
        return values(model), quiet

    return brainstate.transform.jit(run)


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


def _slope(case: Case, model: Dynamics, name: str, y: Values, x: Quantity) -> float:
    """How fast a derivative changes with its own state, per ms."""
    small = 1e-3
    change = _rate(case, model, name, _moved(y, name, small), x) - _rate(case, model, name, y, x)
    return float(np.max(np.abs(change))) / small


@functools.cache
def _is_linear(case: Case) -> bool:
    """Whether the derivatives are linear in all states together."""
    with in_float64(), environment(case):
        model = fresh(case)
        y, x = values(model), calm(case)

        def rates(by: float) -> np.ndarray:
            moved = y
            for k, name in enumerate(derivatives(case.cls)):
                moved = _moved(moved, name, by * (1.0 + 0.3 * k))
            found = [_rate(case, model, name, moved, x) for name in derivatives(case.cls)]
            return np.concatenate([np.ravel(rate) for rate in found])

        bend = rates(2.0) - 2.0 * rates(1.0) + rates(0.0)
        scale = np.abs(rates(0.0)) + np.abs(rates(2.0)) + 1e-9
        return bool(np.all(np.abs(bend) <= 1e-9 * np.max(scale)))


def _moved(y: Values, name: str, by: float) -> Values:
    unit = u.get_unit(y[name])
    return {**y, name: with_unit(u.get_mantissa(y[name]) + by, unit)}


def _rate(case: Case, model: Dynamics, name: str, y: Values, x: Quantity) -> np.ndarray:
    """The derivative as plain numbers, in the unit of the state per ms."""
    rate = _derivative(case, model, name, y, x)
    return np.asarray(to_number(rate, u.get_unit(y[name]) / u.ms))


def _derivative(case: Case, model: Dynamics, name: str, y: Values, x: Quantity) -> Quantity:
    sites = {f"I_{site}": 0.0 * u.get_unit(x) for site in model.input_sites}
    known = {**y, "I": x, **sites}
    return getattr(model, f"d{name}")(**{key: known[key] for key in derivatives(case.cls)[name]})
