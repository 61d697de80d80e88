"""The resonate-and-fire neuron against its closed form."""

from collections.abc import Iterator

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_neurons.resonate import ResonateAndFire
from scipy.optimize import brentq

RATE = u.mV / u.ms


@pytest.fixture
def float64() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0])
def test_membrane_is_exact_below_threshold(dt: float, float64: None) -> None:
    """z = -I / (b + i omega) + (z0 + I / (b + i omega)) e^{(b + i omega) t}."""
    neuron = ResonateAndFire(1, V_initializer=-0.3 * u.mV, x_initializer=0.2 * u.mV)
    window = {"dt": dt * u.ms, "inputs": 0.4 * RATE, "record": ["V", "x"], "progress": False}
    run = simulate(neuron, 20 * u.ms, **window)
    rate = -0.1 + 1.0j
    t = run["V"].t.to_decimal(u.ms)
    exact = -0.4 / rate + (0.2 - 0.3j + 0.4 / rate) * np.exp(rate * t)
    assert np.max(exact.imag) < 1.0
    np.testing.assert_allclose(run["V"].values.to_decimal(u.mV)[:, 0], exact.imag, atol=1e-11)
    np.testing.assert_allclose(run["x"].values.to_decimal(u.mV)[:, 0], exact.real, atol=1e-11)


def spikes_after_two_pulses(interval: float, size: float = 0.8) -> np.ndarray:
    """Spike times under two jumps of x that are so far apart."""
    neuron = brainstate.nn.init_all_states(ResonateAndFire(1))
    starts = {0, round(interval / 0.01)}
    moved = jnp.array([size if step in starts else 0.0 for step in range(1500)]) * u.mV

    def one(jump: u.Quantity) -> jax.Array:
        neuron.add_delta_input("pulse", jump)
        return neuron(0.0 * RATE)

    with brainstate.environ.context(dt=0.01 * u.ms):
        spikes = brainstate.transform.for_loop(one, moved)
    return np.flatnonzero(np.asarray(spikes)[:, 0]) * 0.01 + 0.01


def test_it_prefers_pulses_at_its_period(float64: None) -> None:
    """A doublet is effective after a whole period, not after half of it, nor at once."""
    period = 2 * np.pi
    times = spikes_after_two_pulses(period)
    rate = -0.1 + 1.0j

    def distance(t: float) -> float:
        start = round(period, 2)
        return float((0.8 * np.exp(rate * t) + 0.8 * np.exp(rate * (t - start))).imag) - 1.0

    exact = brentq(distance, round(period, 2), round(period, 2) + np.pi / 2)
    assert len(times) == 1
    assert 0 <= times[0] - exact < 0.01 + 1e-9
    assert len(spikes_after_two_pulses(period / 2)) == 0
    assert len(spikes_after_two_pulses(1.5 * period)) == 0


def test_a_spike_sets_the_oscillation_to_its_reset(float64: None) -> None:
    """By default to i times the threshold, from where it goes on undriven."""
    for V_reset, x_reset in ((1.0, 0.0), (0.2, -0.5)):
        neuron = ResonateAndFire(
            1,
            V_initializer=1.7 * u.mV,
            x_initializer=2.0 * u.mV,
            V_reset=V_reset * u.mV,
            x_reset=x_reset * u.mV,
        )
        brainstate.nn.init_all_states(neuron)
        neuron.spike.value = jnp.ones(1)
        window = {"dt": 0.5 * u.ms, "record": ["spikes", "V", "x"], "progress": False}
        run = simulate(neuron, 5 * u.ms, inputs=0.0 * RATE, **window)
        t = run["V"].t.to_decimal(u.ms)
        exact = (x_reset + 1j * V_reset) * np.exp((-0.1 + 1.0j) * t)
        np.testing.assert_allclose(run["V"].values.to_decimal(u.mV)[:, 0], exact.imag, atol=1e-12)
        np.testing.assert_allclose(run["x"].values.to_decimal(u.mV)[:, 0], exact.real, atol=1e-12)
        assert len(run["spikes"]) == 0


def interval(current: float) -> float:
    """Between spikes, from reset to i: the first return to the threshold."""
    rate = -0.1 + 1.0j

    def distance(t: float) -> float:
        z = -current / rate + (1.0j + current / rate) * np.exp(rate * t)
        return float(z.imag) - 1.0

    grid = np.linspace(1e-4, 10.0, 4000)
    above = np.flatnonzero(np.array([distance(t) for t in grid]) >= 0)[0]
    return float(brentq(distance, grid[above - 1], grid[above]))


@pytest.mark.parametrize("current", [1.0, 1.5])
def test_interval_under_a_constant_current(current: float, float64: None) -> None:
    window = {"dt": 0.01 * u.ms, "inputs": current * RATE, "record": "spikes", "progress": False}
    spikes = simulate(ResonateAndFire(1), 20 * u.ms, **window)["spikes"]
    intervals = np.diff(spikes.step) * 0.01
    exact = interval(current)
    assert len(intervals) > 3
    assert np.all(intervals >= exact - 1e-9)
    assert np.all(intervals <= exact + 0.01 + 1e-9)


@pytest.mark.parametrize("dt", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_strong_inputs_stay_finite(reset: str, dt: float) -> None:
    """From nothing to a hundred times what makes it spike (0.58 mV/ms), in single precision."""
    inputs = np.array([0.0, 0.5, 0.7, 2.0, 10.0, 60.0]) * RATE
    neuron = ResonateAndFire(6, spk_reset=reset)
    window = {"dt": dt * u.ms, "record": ["spikes", "V", "x"], "progress": False}
    run = simulate(neuron, 60 * u.ms, inputs=lambda t: inputs, **window)
    for name in ("V", "x"):
        assert np.all(np.isfinite(run[name].values.to_decimal(u.mV)))
    counts = np.bincount(run["spikes"].index, minlength=6)
    assert counts[0] == counts[1] == 0
    assert np.all(counts[2:] > 0)


def test_threshold_of_any_sign() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        for V_th in (-1.0, 0.0, 1.0):
            neuron = brainstate.nn.init_all_states(ResonateAndFire(3, V_th=V_th * u.mV))
            potentials = (V_th + jnp.array([-0.5, 0.0, 0.5])) * u.mV
            np.testing.assert_array_equal(neuron.get_spike(potentials), [0.0, 1.0, 1.0])
