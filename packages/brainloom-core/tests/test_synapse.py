"""The step of a synapse: states after the jumps, the mean that acts, coupled linear kinetics."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Synapse, initializer, state
from brainloom_core.dynamics.solvers import exp_rosenbrock, step_mean
from scipy.linalg import expm


@pytest.fixture(autouse=True)
def wide(float64: None) -> None:
    """Exactness is judged well below single precision."""


MATRIX = np.asarray([[-0.2, 1.0, 0.0], [-0.5, -0.1, 0.3], [0.0, 0.0, -1.5]])
OFFSET = np.asarray([0.3, -0.2, 0.1])
START = {"a": 1.0, "b": 2.0, "c": -1.0}
DRIFTS: dict[str, Any] = {
    name: lambda y, i=i: sum(MATRIX[i, k] * y["abc"[k]] for k in range(3)) + OFFSET[i]
    for i, name in enumerate("abc")
}


@pytest.mark.parametrize("dt", [1e-4, 0.1, 1.0, 5.0])
def test_means_of_coupled_linear_equations_are_exact(dt: float) -> None:
    """Against the matrix exponential of the system together with the integral of each state."""
    whole = np.zeros((7, 7))
    whole[:3, :3], whole[:3, 6], whole[3:6, :3] = MATRIX, OFFSET, np.eye(3)
    exact = (expm(whole * dt) @ [*START.values(), 0.0, 0.0, 0.0, 1.0])[3:6] / dt
    means = step_mean(DRIFTS, START, dt)
    # What is left is the cut-off series (1e-10 at five time constants) and rounding.
    np.testing.assert_allclose([means[n] for n in "abc"], exact, rtol=1e-10)


def test_the_mean_of_a_step_is_that_of_its_parts() -> None:
    y: Any = dict(START)
    parts = []
    for _ in range(8):
        parts.append(step_mean(DRIFTS, y, 0.25))
        y = exp_rosenbrock(DRIFTS, y, 0.25)
    whole = step_mean(DRIFTS, START, 2.0)
    for name in "abc":
        np.testing.assert_allclose(whole[name], np.mean([p[name] for p in parts]), rtol=1e-12)


def test_means_of_nonlinear_equations_are_of_second_order() -> None:
    drifts: dict[str, Any] = {"x": lambda y: -y["x"], "g": lambda y: y["x"] * (1 - y["g"])}

    def error(dt: float) -> float:
        mean = step_mean(drifts, {"x": 1.0, "g": 0.0}, dt)["g"]
        t = (np.arange(4000) + 0.5) * dt / 4000
        exact = np.mean(-np.expm1(np.expm1(-t)))  # g = 1 - exp(-(1 - exp(-t)))
        return abs(float(mean) - exact)

    # The error of one step is of third order; midpoints add 1e-8 / 24 of dt^2.
    assert np.log2(error(0.1) / error(0.05)) == pytest.approx(3.0, abs=0.15)


def test_a_time_for_each_element() -> None:
    y = {"a": jnp.ones(2) * u.mS, "b": jnp.ones(2) * u.mS}
    drifts: dict[str, Any] = {
        "a": lambda y: (y["b"] - y["a"]) / (5 * u.ms),
        "b": lambda y: -y["b"] / (2 * u.ms),
    }
    together = step_mean(drifts, y, jnp.asarray([0.0, 3.0]) * u.ms)["a"]
    alone = step_mean(drifts, y, 3.0 * u.ms)["a"]
    np.testing.assert_allclose(together.to_decimal(u.mS), [1.0, alone.to_decimal(u.mS)[1]])


class Chain(Synapse):
    """Two stages, the first of which jumps."""

    jump_states = ("h",)
    linear = True
    g_initializer: Any = initializer(default=0.0 * u.mS)
    h = state("g_initializer", "first stage")
    g = state("g_initializer", "second stage")

    def dh(self, h: Any) -> Any:
        return -h / (2.0 * u.ms)

    def dg(self, g: Any, h: Any) -> Any:
        return (h - g) / (5.0 * u.ms)

    def conductance(self, g: Any) -> Any:
        return g


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_the_charge_does_not_depend_on_the_step(dt: float) -> None:
    """The area of the chain is the jump times the first time constant."""
    synapse = brainstate.nn.init_all_states(Chain(1))
    with brainstate.environ.context(dt=dt * u.ms):
        run = lambda x: synapse.step(x * u.mS)  # noqa: E731
        g = brainstate.transform.for_loop(run, np.eye(1, round(200 / dt))[0])
    assert g.to_decimal(u.mS).sum() * dt == pytest.approx(2.0, rel=1e-12)


def test_states_are_those_after_the_jumps() -> None:
    synapse = brainstate.nn.init_all_states(Chain(2))
    synapse.add_delta_input("spikes", jnp.asarray([1.0, 0.0]) * u.mS)
    g = synapse(0.5 * u.mS)
    np.testing.assert_array_equal(synapse.h.value.to_decimal(u.mS), [1.5, 0.5])
    np.testing.assert_array_equal(g.to_decimal(u.mS), 0.0)
    assert (synapse.mean_conductance().to_decimal(u.mS) > 0).all()
    assert synapse.delta_inputs == {}


def test_what_a_synapse_declares() -> None:
    assert Chain.numerics.scheme == "exp_rosenbrock"
    assert Chain.numerics.exact
    assert str(Chain.numerics.jump).startswith("added to h at the end of the step")
