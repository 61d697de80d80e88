"""Quadratic integrate-and-fire neurons against the closed form and an ODE solver."""

from collections.abc import Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_neurons.quadratic import AdQuaIF, AdQuaIFRef, QuaIF
from scipy.integrate import solve_ivp

RHEOBASE = 0.07 * 15.0**2 / 4.0  # mA, of the default cell
# Adaptation that shows.
ADAPTING = {"a": 0.1 * u.siemens, "b": 1.0 * u.mA, "tau_w": 100.0 * u.ms}


@pytest.fixture
def float64() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


def spike_times(neuron: Any, current: Any, duration: float, dt: float) -> np.ndarray:
    """Times (ms) of the first neuron's spikes."""
    window = {"dt": dt * u.ms, "record": "spikes", "progress": False}
    spikes = simulate(neuron, duration * u.ms, inputs=current, **window)["spikes"]
    return spikes.step[spikes.index == 0] * dt


def period(current: float) -> float:
    """Time from reset (-68 mV) to threshold (-30 mV) of the default cell."""
    k = np.sqrt((current - RHEOBASE) / 0.07)
    return 10.0 / (0.07 * k) * (np.arctan(27.5 / k) - np.arctan(-10.5 / k))


@pytest.mark.parametrize("current", [5.0, 10.0, 50.0, 400.0])
@pytest.mark.parametrize("dt", [0.01, 0.1])
def test_period_follows_the_closed_form(current: float, dt: float, float64: None) -> None:
    times = spike_times(QuaIF(1), current * u.mA, 250.0 if current < 50 else 30.0, dt)
    intervals = np.diff(times)
    assert len(intervals) > 0
    # The scheme is early by less than 0.03 %; the threshold waits for the grid, up to one step.
    assert np.all(intervals > 0.9997 * period(current) - 1e-9)
    assert np.all(intervals < period(current) + dt + 1e-9)


@pytest.mark.parametrize("current", [10.0, 50.0, 400.0])
def test_period_with_spike_times_within_steps(current: float, float64: None) -> None:
    duration = 300.0 if current < 50 else 100.0
    times = spike_times(QuaIF(1, interpolate=True), current * u.mA, duration, 0.1)
    mean = (times[-1] - times[0]) / (len(times) - 1)
    assert mean == pytest.approx(period(current), abs=0.1 / len(times) + 5e-4 * period(current))


def test_period_error_is_of_second_order(float64: None) -> None:
    """The potential at a fixed time in the upswing, by the closed form of the tangent."""
    k = np.sqrt((10.0 - RHEOBASE) / 0.07)
    start = np.arctan(-7.5 / k)
    exact = -57.5 + k * np.tan(start + 0.07 * k * 20.0 / 10.0)
    errors = []
    for dt in (0.2, 0.1, 0.05):
        run = simulate(
            QuaIF(1), 20 * u.ms, dt=dt * u.ms, inputs=10 * u.mA, record="V", progress=False
        )
        errors.append(abs(run["V"].values.to_decimal(u.mV)[-1, 0] - exact))
    assert errors[-1] < 0.01
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 4.0, rtol=0.1)


def test_below_rheobase_there_is_no_spike() -> None:
    assert len(spike_times(QuaIF(1), 0.99 * RHEOBASE * u.mA, 2000.0, 0.5)) == 0
    assert len(spike_times(QuaIF(1), 1.05 * RHEOBASE * u.mA, 2000.0, 0.5)) > 0


def ode_spikes(current: float, V_th: float, tau_ref: float = 0.0) -> np.ndarray:
    """Spike times of the adapting cell in 300 ms."""
    a, b, tau_w = 0.1, 1.0, 100.0

    def rhs(t: float, y: np.ndarray) -> list[float]:
        V, w = y
        return [(0.07 * (V + 65) * (V + 50) - w + current) / 10, (a * (V + 65) - w) / tau_w]

    def crossing(t: float, y: np.ndarray) -> float:
        return y[0] - V_th

    crossing.terminal = True  # type: ignore[attr-defined]
    t, y, times = 0.0, [-65.0, 0.0], []
    while t < 300.0:
        run = solve_ivp(
            rhs, (t, 300.0), y, method="DOP853", rtol=1e-10, atol=1e-10, events=crossing
        )
        if run.status == 0:
            break
        t = run.t_events[0][0]
        times.append(t)
        w = run.y_events[0][0][1] + b
        y = [-68.0, -3 * a + (w + 3 * a) * np.exp(-tau_ref / tau_w)]
        t += tau_ref
    return np.array(times)


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("V_th", [-30.0, 30.0])
def test_adaptation_follows_the_ode(V_th: float, reset: str) -> None:
    exact = ode_spikes(10.0, V_th)
    for dt in (0.01, 0.1, 0.5):
        neuron = AdQuaIF(1, V_th=V_th * u.mV, spk_reset=reset, **ADAPTING)
        times = spike_times(neuron, 10 * u.mA, 300.0, dt)
        assert len(times) == len(exact) > 5
        # Each spike waits for the grid, and delays those after it by a little more.
        np.testing.assert_allclose(times, exact, atol=1.3 * dt * len(exact))
        assert times[0] - exact[0] < 1.05 * dt


def test_refractoriness_follows_the_ode() -> None:
    exact = ode_spikes(10.0, -30.0, tau_ref=1.7)
    times = spike_times(AdQuaIFRef(1, **ADAPTING), 10 * u.mA, 300.0, 0.01)
    assert len(times) == len(exact)
    np.testing.assert_allclose(times, exact, atol=0.013 * len(exact))


@pytest.mark.parametrize("dt", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("cls", [QuaIF, AdQuaIF, AdQuaIFRef])
def test_strong_currents_stay_finite(cls: Any, reset: str, dt: float) -> None:
    """From nothing to a hundred times the rheobase, in single precision."""
    currents = np.array([0.0, 0.5, 1.5, 3.0, 10.0, 30.0, 100.0]) * RHEOBASE * u.mA
    neuron = cls(7, V_th=30 * u.mV, spk_reset=reset)
    names = ["V"] if cls is QuaIF else ["V", "w"]
    window = {"dt": dt * u.ms, "record": ["spikes", *names], "progress": False}
    run = simulate(neuron, 60 * u.ms, inputs=lambda t: currents, **window)
    for name in names:
        assert np.all(np.isfinite(u.get_mantissa(run[name].values)))
    assert np.max(run["V"].values.to_decimal(u.mV)) <= 30.0
    counts = np.bincount(run["spikes"].index, minlength=7)
    assert counts[0] == counts[1] == 0
    assert np.all(np.diff(counts) >= 0)
    assert counts[-1] > 10
    if cls is AdQuaIFRef:
        held = round(1.7 / dt)
        assert min(np.diff(run["spikes"].step[run["spikes"].index == 6])) > held


def test_soft_and_hard_reset_are_the_same() -> None:
    window = {"dt": 0.1 * u.ms, "inputs": 20 * u.mA, "record": "V", "progress": False}
    soft, hard = (
        simulate(AdQuaIF(1, spk_reset=reset), 100 * u.ms, **window)["V"].values.to_decimal(u.mV)
        for reset in ("soft", "hard")
    )
    np.testing.assert_allclose(soft, hard, atol=1e-3)


def test_threshold_of_zero_or_above() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        for V_th in (-20.0, 0.0, 20.0):
            neuron = brainstate.nn.init_all_states(QuaIF(3, V_th=V_th * u.mV))
            potentials = (V_th + jnp.array([-1.0, 0.0, 1.0])) * u.mV
            np.testing.assert_array_equal(neuron.get_spike(potentials), [0.0, 1.0, 1.0])
