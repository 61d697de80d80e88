"""The linear neurons of Mihalas and Niebur against matrix exponentials and an ODE solver."""

from collections.abc import Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_neurons.gif import Gif, GifRef
from scipy.integrate import solve_ivp
from scipy.linalg import expm

STATES = ("V", "I1", "I2", "V_th")
# A cell in which all that can happen happens.
CELL = {
    "a": 0.005 / u.ms,
    "A1": 2.0 * u.mA,
    "A2": -0.3 * u.mA,
    "R1": 0.3,
    "R2": 0.8,
    "spk_reset": "hard",
}


@pytest.fixture
def float64() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


def numbers(neuron: Gif) -> np.ndarray:
    """The states as numbers in mV and mA."""
    return np.stack([np.asarray(u.get_mantissa(getattr(neuron, name).value)) for name in STATES])


def run_for(neuron: Gif, duration: float, dt: float, current: float) -> np.ndarray:
    window = {"dt": dt * u.ms, "inputs": current * u.mA, "progress": False}
    simulate(neuron, duration * u.ms, **window)
    return numbers(neuron)[:, 0]


def test_one_long_step_equals_many_short_ones(float64: None) -> None:
    """And both equal the matrix exponential."""
    start = {"I1_initializer": 0.5 * u.mA, "I2_initializer": -0.3 * u.mA}
    one = run_for(Gif(1, **start, **CELL), 5.0, 5.0, 0.9)
    many = run_for(Gif(1, **start, **CELL), 5.0, 0.01, 0.9)
    np.testing.assert_allclose(one, many, rtol=1e-11, atol=1e-12)
    # Rows V - V_rest, I1, I2, V_th - V_th_inf, and the constant.
    system = np.array(
        [
            [-1 / 20, 1.0, 1.0, 0.0, 0.9],
            [0.0, -0.2, 0.0, 0.0, 0.0],
            [0.0, 0.0, -0.02, 0.0, 0.0],
            [0.005, 0.0, 0.0, -0.01, 0.0],
            [0.0, 0.0, 0.0, 0.0, 0.0],
        ]
    )
    rest = np.array([-70.0, 0.0, 0.0, -50.0])
    end = rest + (expm(5.0 * system) @ [0.0, 0.5, -0.3, 0.0, 1.0])[:4]
    np.testing.assert_allclose(one, end, rtol=1e-11, atol=1e-12)


def ode_spikes(current: float, duration: float, tau_ref: float = 0.0) -> np.ndarray:
    """Spike times of the cell above, hard reset."""

    def rhs(t: float, y: np.ndarray, held: bool = False) -> list[float]:
        V, I1, I2, V_th = y
        dV = 0.0 if held else (-70.0 - V + 20.0 * (I1 + I2 + current)) / 20.0
        return [dV, -0.2 * I1, -0.02 * I2, 0.005 * (V + 70.0) - 0.01 * (V_th + 50.0)]

    def crossing(t: float, y: np.ndarray, held: bool = False) -> float:
        return y[0] - y[3]

    crossing.terminal = True  # type: ignore[attr-defined]
    crossing.direction = 1.0  # type: ignore[attr-defined]
    options: dict[str, Any] = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-10}
    t, y, times = 0.0, np.array([-70.0, 0.0, 0.0, -50.0]), []
    while True:
        run = solve_ivp(rhs, (t, duration), y, events=crossing, **options)
        if run.status == 0:
            return np.array(times)
        t = run.t_events[0][0]
        times.append(t)
        _, I1, I2, V_th = run.y_events[0][0]
        y = np.array([-70.0, 0.3 * I1 + 2.0, 0.8 * I2 - 0.3, max(V_th, -60.0)])
        if tau_ref:
            y = solve_ivp(rhs, (0.0, tau_ref), y, args=(True,), **options).y[:, -1]
            t += tau_ref


@pytest.mark.parametrize("tau_ref", [0.0, 1.7])
def test_spikes_follow_the_ode(tau_ref: float, float64: None) -> None:
    exact = ode_spikes(3.0, 300.0, tau_ref)
    assert len(exact) > 5
    errors = []
    for dt in (0.1, 0.01):
        window = {"dt": dt * u.ms, "inputs": 3.0 * u.mA, "record": "spikes", "progress": False}
        spikes = simulate(GifRef(1, tau_ref=tau_ref * u.ms, **CELL), 300 * u.ms, **window)["spikes"]
        assert len(spikes) == len(exact)
        errors.append(np.max(np.abs(spikes.step * dt - exact)))
        assert 0 < spikes.step[0] * dt - exact[0] <= dt
    assert errors[1] < 0.02 * len(exact)
    assert errors[1] < errors[0] / 4


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_without_refractory_period_it_is_the_same_neuron(reset: str, float64: None) -> None:
    cell = {**CELL, "spk_reset": reset}
    window = {"dt": 0.1 * u.ms, "inputs": 1.5 * u.mA, "record": "V", "progress": False}
    ours = simulate(GifRef(1, tau_ref=0.0 * u.ms, **cell), 300 * u.ms, **window)["V"].values
    plain = simulate(Gif(1, **cell), 300 * u.ms, **window)["V"].values
    np.testing.assert_allclose(ours.to_decimal(u.mV), plain.to_decimal(u.mV), atol=1e-9)


def test_a_spike_changes_the_states_as_published(float64: None) -> None:
    """In the step after a spike, from the values after it."""
    after = np.array([-70.0, 0.3 * 0.5 + 2.0, 0.8 * -0.2 - 0.3, -60.0])
    for reset in ("hard", "soft"):
        cell = {**CELL, "spk_reset": reset}
        neuron = Gif(
            1,
            V_initializer=-62.0 * u.mV,
            V_th_initializer=-65.0 * u.mV,
            I1_initializer=0.5 * u.mA,
            I2_initializer=-0.2 * u.mA,
            **cell,
        )
        brainstate.nn.init_all_states(neuron)
        neuron.spike.value = jnp.ones(1)
        got = run_for(neuron, 1.0, 1.0, 0.0)
        start = after + np.array([0.0 if reset == "hard" else 3.0, 0.0, 0.0, 0.0])
        fresh = Gif(
            1,
            V_initializer=start[0] * u.mV,
            I1_initializer=start[1] * u.mA,
            I2_initializer=start[2] * u.mA,
            V_th_initializer=start[3] * u.mV,
            **cell,
        )
        np.testing.assert_allclose(got, run_for(fresh, 1.0, 1.0, 0.0), rtol=1e-12)


def test_a_higher_threshold_stays_as_it_is(float64: None) -> None:
    cell = {"V_th_initializer": -45.0 * u.mV, "b": 0.0 / u.ms, "spk_reset": "hard"}
    neuron = Gif(1, V_initializer=-40.0 * u.mV, **cell)
    assert run_for(neuron, 1.0, 1.0, 0.0)[3] == pytest.approx(-45.0, abs=1e-12)


@pytest.mark.parametrize("dt", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("cls", [Gif, GifRef])
def test_strong_currents_stay_finite(cls: Any, reset: str, dt: float) -> None:
    """From nothing to a hundred times the rheobase (1 mA), in single precision."""
    currents = np.array([0.0, 0.9, 2.0, 10.0, 100.0]) * u.mA
    neuron = cls(5, spk_reset=reset)
    window = {"dt": dt * u.ms, "record": ["spikes", "V", "V_th"], "progress": False}
    run = simulate(neuron, 100 * u.ms, inputs=lambda t: currents, **window)
    for name in ("V", "V_th"):
        assert np.all(np.isfinite(run[name].values.to_decimal(u.mV)))
    spikes = run["spikes"]
    counts = np.bincount(spikes.index, minlength=5)
    assert counts[0] == counts[1] == 0
    assert np.all(np.diff(counts[1:]) >= 0)
    assert counts[2] > 0
    if cls is GifRef:
        assert np.min(np.diff(spikes.step[spikes.index == 4])) > round(1.7 / dt)


def test_spikes_are_those_above_the_running_threshold() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        for V_th in (-20.0, 0.0, 20.0):
            neuron = Gif(3, V_th_initializer=V_th * u.mV, V_th_inf=V_th * u.mV)
            brainstate.nn.init_all_states(neuron)
            potentials = (V_th + jnp.array([-1.0, 0.0, 1.0])) * u.mV
            np.testing.assert_array_equal(neuron.get_spike(potentials), [0.0, 1.0, 1.0])
            raised = jnp.full(3, V_th + 5.0) * u.mV
            np.testing.assert_array_equal(neuron.get_spike(potentials, V_th=raised), 0.0)
