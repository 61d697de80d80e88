"""Time-stepping schemes against closed solutions and an accurate integrator."""

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import SOLVERS, Dynamics, ParameterError, Solver, state
from brainloom_core.dynamics.solvers import (
    euler,
    exp_euler,
    get_solver,
    rk4,
    solver_facts,
    step_mean,
)
from brainloom_core.dynamics.solvers import exp_rosenbrock as exp_rosenbrock_of_core
from scipy.integrate import solve_ivp
from scipy.linalg import expm

ORDERS = {
    "exp_euler": 1,
    "exp_strang": 2,
    "exp_rosenbrock": 2,
    "euler": 1,
    "rk2": 2,
    "rk4": 4,
    "sequential_euler": 1,
    "izhikevich2003": 1,
}

Drifts = dict[str, Callable[[Any], Any]]


@pytest.fixture(autouse=True)
def wide(float64: None) -> None:
    """Laws of convergence need room above the rounding error."""


def advance(solver: Any, drifts: Drifts, y: dict[str, Any], dt: Any, n: int) -> dict[str, Any]:
    """`n` steps, compiled."""
    run = jax.jit(lambda y: jax.lax.fori_loop(0, n, lambda _, y: solver(drifts, y, dt), y))
    return run(jax.tree.map(jnp.asarray, y))


# A coupled nonlinear system: the FitzHugh-Nagumo equations.

FITZHUGH_NAGUMO: Drifts = {
    "v": lambda y: y["v"] - y["v"] ** 3 / 3 - y["w"] + 0.5,
    "w": lambda y: (y["v"] + 0.7 - 0.8 * y["w"]) / 3,
}
START = {"v": -1.0, "w": 0.5}


def end(solver: Any, n: int, duration: float = 4.0) -> np.ndarray:
    y = advance(solver, FITZHUGH_NAGUMO, START, duration / n, n)
    return np.asarray([y["v"], y["w"]])


@pytest.fixture(scope="module")
def exact() -> np.ndarray:
    def slope(t: float, y: np.ndarray) -> list[float]:
        return [float(f(dict(zip("vw", y, strict=True)))) for f in FITZHUGH_NAGUMO.values()]

    solution = solve_ivp(slope, (0, 4), [-1.0, 0.5], "DOP853", rtol=1e-11, atol=1e-13)
    return np.asarray(solution.y[:, -1])


@pytest.mark.parametrize("name", SOLVERS)
def test_order_of_convergence(name: str, exact: np.ndarray) -> None:
    """Halving the step divides the error by two to the order, up to the next order's share."""
    errors = [np.abs(end(SOLVERS[name], n) - exact).max() for n in (80, 160, 320)]
    orders = np.log2(np.asarray(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, ORDERS[name], atol=0.15)


def test_every_solver_has_an_order_here() -> None:
    assert set(SOLVERS) == set(ORDERS)


@pytest.mark.parametrize("name", SOLVERS)
def test_states_without_a_drift_are_kept(name: str) -> None:
    drifts = {"v": lambda y: y["held"] - y["v"]}
    new = SOLVERS[name](drifts, {"v": jnp.zeros(3), "held": jnp.ones(3)}, 0.1)
    assert (new["v"] > 0).all()
    np.testing.assert_array_equal({"held": jnp.ones(3), **new}["held"], np.ones(3))


# Linear equations


@pytest.mark.parametrize("dt", [1e-6, 0.1, 1.0, 50.0])
def test_exp_euler_is_exact_for_linear_decay(dt: float) -> None:
    drifts = {"x": lambda y: (3.0 - y["x"]) / jnp.asarray([0.5, 2.0, 20.0])}
    start = np.asarray([0.0, 1.0, 7.0])
    x = exp_euler(drifts, {"x": jnp.asarray(start)}, dt)["x"]
    change = (start - 3.0) * np.expm1(-dt / np.asarray([0.5, 2.0, 20.0]))
    np.testing.assert_allclose(x, start + change, rtol=1e-14)


def test_exp_euler_does_not_depend_on_the_step_for_linear_decay() -> None:
    drifts = {"x": lambda y: 1.0 - y["x"] / 5.0}
    whole, parts = (advance(exp_euler, drifts, {"x": 0.0}, 8.0 / n, n)["x"] for n in (1, 1000))
    np.testing.assert_allclose(whole, parts, rtol=1e-12)


def test_exp_euler_stays_stable_where_euler_does_not() -> None:
    drifts = {"x": lambda y: -1e4 * (y["x"] - 1.0)}
    assert abs(advance(exp_euler, drifts, {"x": 0.0}, 0.1, 100)["x"] - 1.0) < 1e-12
    assert not abs(advance(euler, drifts, {"x": 0.0}, 0.1, 100)["x"]) < 1e100


def test_exp_euler_without_a_slope_is_euler() -> None:
    drifts = {"x": lambda y: jnp.full(2, 3.0)}
    np.testing.assert_allclose(exp_euler(drifts, {"x": jnp.zeros(2)}, 0.1)["x"], 0.3)


@pytest.mark.parametrize("dt", [1e-4, 0.1, 1.0, 50.0])
def test_step_mean_is_exact_for_linear_decay(dt: float) -> None:
    drifts = {"x": lambda y: -y["x"] / 2.0}
    mean = step_mean(drifts, {"x": jnp.asarray([1.0, 3.0])}, dt)["x"]
    np.testing.assert_allclose(mean, np.asarray([1.0, 3.0]) * -np.expm1(-dt / 2) * 2 / dt)


def test_step_mean_is_the_mean_of_the_steps_within() -> None:
    drifts = {"x": lambda y: 1.0 - y["x"] / 5.0}
    n, x, means = 200, jnp.asarray(0.3), []
    for _ in range(n):
        means.append(step_mean(drifts, {"x": x}, 8.0 / n)["x"])
        x = exp_euler(drifts, {"x": x}, 8.0 / n)["x"]
    mean = step_mean(drifts, {"x": jnp.asarray(0.3)}, 8.0)["x"]
    np.testing.assert_allclose(mean, np.mean(means), rtol=1e-12)


# Units


@pytest.mark.parametrize("name", SOLVERS)
def test_units_are_kept(name: str) -> None:
    drifts = {
        "V": lambda y: (-y["V"] + 2.0 * u.ohm * y["I"]) / (10.0 * u.ms),
        "I": lambda y: -y["I"] / (0.005 * u.second),
        "a": lambda y: (y["V"] / u.mV - y["a"]) / (20.0 * u.ms),
    }
    y = {"V": jnp.ones(2) * u.mV, "I": jnp.ones(2) * u.mA, "a": jnp.zeros(2)}
    new = SOLVERS[name](drifts, y, 0.1 * u.ms)
    assert u.get_unit(new["V"]) == u.mV
    assert u.get_unit(new["I"]) == u.mA
    assert u.get_unit(new["a"]) == u.UNITLESS


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("dt", [0.1 * u.ms, 100.0 * u.us, 1e-4 * u.second])
def test_the_unit_of_the_step_does_not_matter(name: str, dt: Any) -> None:
    drifts = {"V": lambda y: (1.0 * u.mV - y["V"]) / (10.0 * u.ms)}
    new = SOLVERS[name](drifts, {"V": jnp.zeros(1) * u.mV}, dt)["V"]
    np.testing.assert_allclose(new.to_decimal(u.mV), -np.expm1(-0.01), rtol=6e-3)


@pytest.mark.parametrize("name", ["exp_euler", "rk4"])
def test_gradients_by_parameters(name: str) -> None:
    """The derivative of the exact solution by the time constant, to the scheme's accuracy."""

    def end(tau: jax.Array) -> jax.Array:
        drifts = {"V": lambda y: -y["V"] / (tau * u.ms)}
        y = {"V": jnp.asarray(3.0) * u.mV}
        for _ in range(10):
            y = SOLVERS[name](drifts, y, 0.1 * u.ms)
        return y["V"].to_decimal(u.mV)

    expected = 3.0 * np.exp(-1 / 5) / 25
    np.testing.assert_allclose(jax.jit(jax.grad(end))(5.0), expected, rtol=1e-6)


def test_solvers_by_name_or_as_functions() -> None:
    assert get_solver("rk4") is rk4

    def mine(drifts: Any, y: Any, dt: Any) -> Any:
        return {}

    assert get_solver(mine) is mine


def test_orders_are_declared_as_they_are() -> None:
    assert {name: solver.order for name, solver in SOLVERS.items()} == ORDERS
    assert exp_euler.order_for(linear=False, coupled=False) == 2
    assert exp_euler.order_for(linear=True, coupled=False) is None
    assert exp_euler.order_for(linear=True, coupled=True) == 1
    assert SOLVERS["exp_rosenbrock"].order_for(linear=True, coupled=True) is None
    assert SOLVERS["exp_strang"].order_for(linear=True, coupled=True) == 2


def drifted(drifts: Any, y: Any, dt: Any) -> Any:
    return euler(drifts, y, dt)


class Described:
    """A scheme that is no `Solver` and says of itself what one says."""

    order, exact_for, limited = 3, "uncoupled", False

    def __call__(self, drifts: Any, y: Any, dt: Any) -> Any:
        return euler(drifts, y, dt)


class Decay(Dynamics):
    V = state(0.0 * u.mV)
    linear = True

    def dV(self, V: Any) -> Any:
        return -V / (10 * u.ms)


def test_what_a_model_says_of_its_numerics_it_asks_of_the_solver() -> None:
    """A name that one of ours has too tells nothing."""

    def exp_rosenbrock(drifts: Any, y: Any, dt: Any) -> Any:
        return euler(drifts, y, dt)

    def facts(solver: Any) -> tuple[str, int | None, bool]:
        numerics = Decay(1, solver=solver).numerics
        return numerics.scheme, numerics.order, numerics.exact

    assert facts(exp_rosenbrock) == ("exp_rosenbrock", None, False)
    assert (
        facts("exp_rosenbrock") == facts(exp_rosenbrock_of_core) == ("exp_rosenbrock", None, True)
    )
    assert facts(Solver("mine", drifted, 1)) == ("mine", 1, False)
    assert facts(Solver("exp_euler", drifted, 1, uncoupled_order=4)) == ("exp_euler", 4, False)
    assert facts(Solver("mine", drifted, None, "uncoupled")) == ("mine", None, True)
    assert facts(Described()) == ("a function", None, True)
    assert solver_facts(Described()).order_for(linear=False, coupled=False) == 3
    assert not solver_facts(Described()).limited


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": float("nan")}, "Solver.name: expected a text, got nan"),
        ({"name": ""}, "Solver.name: expected a text"),
        ({"step": None}, "Solver.step: expected a function of drifts, values and dt, got None"),
        ({"order": 1.5}, "Solver.order: expected a whole number >= 1 or None, got 1.5"),
        ({"order": True}, "Solver.order: expected a whole number"),
        ({"order": 0}, "Solver.order: expected a whole number >= 1"),
        ({"exact_for": "all"}, "Solver.exact_for: expected one of .*'linear'.*, got 'all'"),
        ({"exact_for": ["none"]}, "Solver.exact_for: expected one of"),
        ({"limited": 1}, "Solver.limited: expected True or False, got 1"),
        ({"uncoupled_order": float("nan")}, "Solver.uncoupled_order: expected a whole number"),
        ({"one_shape": None}, "Solver.one_shape: expected True or False"),
    ],
)
def test_a_solver_that_says_nonsense_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Solver(**{"name": "mine", "step": drifted, "order": 1, **changed})


@pytest.mark.parametrize("solver", [3, None, Described, "rk5", Solver])
def test_what_is_no_solver_is_refused_by_a_model(solver: Any) -> None:
    with pytest.raises(ParameterError, match="Decay.solver: expected .*'rk4'.* or a function"):
        Decay(1, solver=solver)


def test_an_unknown_name_has_a_nearest_one() -> None:
    with pytest.raises(ParameterError, match="no solver 'exp_eular'.*Did you mean 'exp_euler'?"):
        get_solver("exp_eular")


def test_the_default_follows_from_the_equations() -> None:
    names = [
        get_solver("auto", linear=linear, coupled=coupled).name  # type: ignore[union-attr]
        for linear in (True, False)
        for coupled in (True, False)
    ]
    assert names == ["exp_rosenbrock", "exp_euler", "exp_strang", "exp_euler"]


LINEAR = np.asarray([[-0.2, 1.0, 0.0], [-0.5, -0.1, 0.3], [0.0, 0.0, -1.5]])


@pytest.mark.parametrize("dt", [0.01, 1.0, 8.0])
def test_exp_rosenbrock_is_exact_for_coupled_linear_equations(dt: float) -> None:
    """Against the matrix exponential, up to a truncation of 1e-10 at eight time constants."""
    offset, start = np.asarray([0.3, -0.2, 0.1]), np.asarray([1.0, 2.0, -1.0])
    drifts: Drifts = {
        name: lambda y, i=i: sum(LINEAR[i, k] * y["abc"[k]] for k in range(3)) + offset[i]
        for i, name in enumerate("abc")
    }
    y = SOLVERS["exp_rosenbrock"](drifts, dict(zip("abc", start, strict=True)), dt)
    whole = np.zeros((4, 4))
    whole[:3, :3], whole[:3, 3] = LINEAR * dt, offset * dt
    expected = (expm(whole) @ [*start, 1.0])[:3]
    np.testing.assert_allclose([y[n] for n in "abc"], expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["exp_euler", "exp_strang", "exp_rosenbrock"])
def test_exponential_schemes_survive_a_stiff_decay(name: str) -> None:
    """A hundred time constants in one step: the stable schemes end near the fixed point."""
    drifts: Drifts = {"V": lambda y: -100.0 * (y["V"] - 1.0), "w": lambda y: y["V"] - y["w"]}
    V = SOLVERS[name](drifts, {"V": jnp.asarray(0.0), "w": jnp.asarray(0.0)}, 1.0)["V"]
    assert abs(V - 1.0) < 0.05


def test_growth_is_bounded() -> None:
    drifts: Drifts = {"V": lambda y: 1e6 * y["V"]}
    V = exp_euler(drifts, {"V": jnp.asarray(1.0)}, 1.0)["V"]
    assert np.isfinite(V)
    assert V > 1e9


def test_published_schemes_are_what_their_authors_wrote() -> None:
    """Izhikevich 2004: V, then u with the new V. 2003: V twice by half steps, then u."""
    drifts: Drifts = {
        "V": lambda y: 0.04 * y["V"] ** 2 + 5 * y["V"] + 140 - y["u"] + 10,
        "u": lambda y: 0.02 * (0.2 * y["V"] - y["u"]),
    }
    V, w = -65.0, -13.0
    slope = 0.04 * V**2 + 5 * V + 140 - w + 10
    once = V + 0.25 * slope
    new = SOLVERS["sequential_euler"](drifts, {"V": V, "u": w}, 0.25)
    assert (new["V"], new["u"]) == pytest.approx((once, w + 0.25 * 0.02 * (0.2 * once - w)))
    half = V + 0.5 * slope
    whole = half + 0.5 * (0.04 * half**2 + 5 * half + 140 - w + 10)
    new = SOLVERS["izhikevich2003"](drifts, {"V": V, "u": w}, 1.0)
    assert (new["V"], new["u"]) == pytest.approx((whole, w + 0.02 * (0.2 * whole - w)))


@pytest.mark.parametrize("n", [3, 8])
def test_the_exact_propagator_has_as_many_rows_as_there_are_states(n: int) -> None:
    """Few rows are written out, many are an array; two neurons with matrices of their own."""
    A = np.random.default_rng(0).normal(size=(2, n, n))
    names = [f"x{k}" for k in range(n)]
    drifts = {
        row: lambda y, i=i: sum(A[:, i, j] * y[column] for j, column in enumerate(names))
        for i, row in enumerate(names)
    }
    start = {name: jnp.asarray([1.0, -0.5 * k]) for k, name in enumerate(names)}
    for scheme, of in (
        (exp_rosenbrock_of_core, lambda M: expm(0.4 * M)),
        (step_mean, lambda M: np.linalg.solve(0.4 * M, expm(0.4 * M) - np.eye(n))),
    ):
        found = scheme(drifts, start, 0.4)
        for neuron in range(2):
            y = np.array([start[name][neuron] for name in names])
            ours = np.array([found[name][neuron] for name in names])
            np.testing.assert_allclose(ours, of(A[neuron]) @ y, rtol=1e-11)
