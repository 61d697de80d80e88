r"""Time-stepping schemes for the derivatives that a model declares.

A solver advances all states of a model by one step: it receives the drift of each state, as a
function of all states, their values, and `dt`.

| name | scheme | order |
|---|---|---|
| `exp_euler` | exponential (Rosenbrock) Euler, exact for a linear equation | 1 in couplings |
| `euler` | forward Euler | 1 |
| `rk2` | explicit midpoint | 2 |
| `rk4` | classical Runge-Kutta | 4 |
"""

from collections.abc import Callable, Mapping
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp

from .units import exprel, exprel2, with_unit

__all__ = ["SOLVERS", "Solver", "get_solver", "step_mean"]

Values = Mapping[str, Any]
Drift = Callable[[Values], Any]
Solver = Callable[[Mapping[str, Drift], Values, Any], dict[str, Any]]


def exp_euler(drifts: Mapping[str, Drift], y: Values, dt: Any) -> dict[str, Any]:
    r"""$x \leftarrow x + \Delta t\,\varphi_1(\Delta t J)\,f(x)$ with $J = \partial f/\partial x$.

    Each state uses its own slope, the others being held: the step is exact for a linear
    equation with held input and first order in the couplings between states.
    """
    new = {}
    for name, drift in drifts.items():
        rate, slope = _rate_and_slope(drift, y, name)
        new[name] = y[name] + dt * exprel(_plain(dt * slope)) * rate
    return new


def step_mean(drifts: Mapping[str, Drift], y: Values, dt: Any) -> dict[str, Any]:
    r"""Mean of each state over the coming step, $x + \Delta t\,\varphi_2(\Delta t J)\,f(x)$."""
    means = {}
    for name, drift in drifts.items():
        rate, slope = _rate_and_slope(drift, y, name)
        means[name] = y[name] + dt * exprel2(_plain(dt * slope)) * rate
    return means


def euler(drifts: Mapping[str, Drift], y: Values, dt: Any) -> dict[str, Any]:
    """Forward Euler."""
    return _shifted(y, _rates(drifts, y), dt)


def rk2(drifts: Mapping[str, Drift], y: Values, dt: Any) -> dict[str, Any]:
    """The explicit midpoint rule."""
    half = _shifted(y, _rates(drifts, y), dt / 2)
    return _shifted(y, _rates(drifts, half), dt)


def rk4(drifts: Mapping[str, Drift], y: Values, dt: Any) -> dict[str, Any]:
    """The classical fourth-order Runge-Kutta method."""
    k1 = _rates(drifts, y)
    k2 = _rates(drifts, _shifted(y, k1, dt / 2))
    k3 = _rates(drifts, _shifted(y, k2, dt / 2))
    k4 = _rates(drifts, _shifted(y, k3, dt))
    mean = {n: (k1[n] + 2 * k2[n] + 2 * k3[n] + k4[n]) / 6 for n in k1}
    return _shifted(y, mean, dt)


SOLVERS: dict[str, Solver] = {"exp_euler": exp_euler, "euler": euler, "rk2": rk2, "rk4": rk4}


def get_solver(solver: str | Solver) -> Solver:
    """The solver of this name; a callable is returned as it is."""
    return SOLVERS[solver] if isinstance(solver, str) else solver


def _rates(drifts: Mapping[str, Drift], y: Values) -> dict[str, Any]:
    return {name: drift(y) for name, drift in drifts.items()}


def _shifted(y: Values, rates: Values, dt: Any) -> dict[str, Any]:
    return {**y, **{name: y[name] + dt * rate for name, rate in rates.items()}}


def _rate_and_slope(drift: Drift, y: Values, name: str) -> tuple[Any, Any]:
    """The drift of a state and its derivative by that state, which acts element by element."""
    unit = u.get_unit(y[name])
    number = jnp.asarray(u.get_mantissa(y[name]))

    def of_number(x: jax.Array) -> Any:
        return drift({**y, name: with_unit(x, unit)})

    rate, slope = jax.jvp(of_number, (number,), (jnp.ones_like(number),))
    return rate, slope / unit if unit != u.UNITLESS else slope


def _plain(value: Any) -> Any:
    return u.Quantity(value).to_decimal() if isinstance(value, u.Quantity) else value
