"""Leaky integrate-and-fire neurons against closed forms."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_neurons import ALIF, IF, LIF, LIFRef, PerfectIF, WienerProcessInput
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import erfcx

# C 250 pF, tau 10 ms, E_L = V_r = -70 mV, V_th -55 mV, t_ref 2 ms: current (pA) and rate (Hz).
CELL = {
    "R": 0.04 * u.Gohm,
    "tau": 10.0 * u.ms,
    "V_th": -55.0 * u.mV,
    "V_reset": -70.0 * u.mV,
    "V_rest": -70.0 * u.mV,
    "V_initializer": -70.0 * u.mV,
    "spk_reset": "hard",
}
RATES = {
    376: 16.3143,
    380: 22.0715,
    400: 33.6407,
    450: 50.2069,
    500: 63.0400,
    600: 84.6862,
    750: 111.9636,
    1000: 149.2529,
    2000: 245.3149,
}
# tau 20, threshold 20, reset 0 mV, t_ref 5 ms: RI (mV) and rate (Hz).
SCALED = {20.1: 9.0036, 21: 15.1767, 25: 26.8898, 30: 37.0751, 40: 53.0140, 60: 76.2817}


def spike_steps(neuron: LIF, current: Any, duration: float, dt: float = 0.1) -> np.ndarray:
    """Steps completed at each spike of the first neuron."""
    window = {"dt": dt * u.ms, "record": "spikes", "progress": False}
    events = simulate(neuron, duration * u.ms, inputs=current, **window)["spikes"]
    return events.step[events.index == 0]


def assert_on_grid(intervals: np.ndarray, exact: float, dt: float) -> None:
    """A fixed-step interval lies in [exact, exact + 2 dt]: the threshold waits for the grid."""
    assert len(intervals) > 0
    assert np.all(intervals * dt >= exact - 1e-3 * dt)
    assert np.all(intervals * dt <= exact + 2 * dt)


@pytest.mark.parametrize("dt", [0.1, 0.01])
def test_rate_follows_the_closed_form(dt: float) -> None:
    currents = np.array(list(RATES)) * u.pA
    neuron = LIFRef(len(RATES), tau_ref=2.0 * u.ms, **CELL)
    window = {"dt": dt * u.ms, "record": "spikes", "progress": False}
    spikes = simulate(neuron, 300.0 * u.ms, inputs=lambda t: currents, **window)["spikes"]
    for position, rate in enumerate(RATES.values()):
        intervals = np.diff(spikes.step[spikes.index == position])
        assert_on_grid(intervals, 1000.0 / rate, dt)


@pytest.mark.parametrize(("drive", "rate"), SCALED.items())
def test_rate_of_the_scaled_cell(drive: float, rate: float) -> None:
    neuron = LIFRef(
        1, tau=20 * u.ms, tau_ref=5 * u.ms, V_th=20 * u.mV, V_reset=0 * u.mV, spk_reset="hard"
    )
    steps = spike_steps(neuron, drive * u.mA, 400.0)
    assert_on_grid(np.diff(steps), 1000.0 / rate, 0.1)


@pytest.mark.parametrize("current", [380, 500, 1000, 2000])
def test_rate_without_refractoriness(current: int) -> None:
    exact = 10.0 * np.log(0.04 * current / (0.04 * current - 15.0))
    steps = spike_steps(LIF(1, **CELL), current * u.pA, 300.0)
    assert_on_grid(np.diff(steps), exact, 0.1)


def test_soft_reset_keeps_the_overshoot() -> None:
    """The overshoot carries over, so that the mean interval misses the closed form by far less
    than the step: the loss per spike is second order in it."""
    current, exact = 1000.0, 10.0 * np.log(40.0 / 25.0)
    steps = spike_steps(LIF(1, **{**CELL, "spk_reset": "soft"}), current * u.pA, 2000.0)
    assert np.mean(np.diff(steps)) * 0.1 == pytest.approx(exact, rel=0.01)
    hard = spike_steps(LIF(1, **CELL), current * u.pA, 2000.0)
    assert len(steps) > len(hard)


@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0])
def test_membrane_is_exact_below_threshold(dt: float) -> None:
    neuron = LIF(1, **CELL)
    V = simulate(neuron, 50 * u.ms, dt=dt * u.ms, inputs=300 * u.pA, record="V", progress=False)[
        "V"
    ]
    exact = -70.0 + 12.0 * (1.0 - np.exp(-V.t.to_decimal(u.ms) / 10.0))
    # float32 holds -70 to 8e-6 mV; the error of a step is that, summed over 5000 steps at most.
    np.testing.assert_allclose(V.values.to_decimal(u.mV)[:, 0], exact, atol=2e-3)


TAU_REFS = np.round(np.r_[0.0, 0.04, 0.1, 0.3, 0.7, 1.0, 1.3, 1.7, 2.0, 3.3, np.arange(4, 14)], 2)


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("start", [0.0, 1e7])
def test_refractory_period_costs_whole_steps(reset: str, start: float) -> None:
    """From reset to the next spike it takes the first passage plus round(tau_ref / dt) steps."""
    cell = {**CELL, "spk_reset": reset}
    passage = spike_steps(LIF(1, **cell), 500 * u.pA, 50.0)[0]
    neuron = LIFRef(len(TAU_REFS), tau_ref=TAU_REFS * u.ms, **cell)
    window = {"dt": 0.1 * u.ms, "record": "spikes", "start": start * u.ms, "progress": False}
    spikes = simulate(neuron, 200.0 * u.ms, inputs=500 * u.pA, **window)["spikes"]
    for position, tau_ref in enumerate(TAU_REFS):
        intervals = np.diff(spikes.step[spikes.index == position])
        held = round(tau_ref / 0.1)
        if held or reset == "hard":
            np.testing.assert_array_equal(intervals, passage + held)


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_no_spike_while_refractory(reset: str) -> None:
    currents = 375.0 * np.array([2.0, 10.0, 100.0])
    neuron = LIFRef(3, tau_ref=2.0 * u.ms, **{**CELL, "spk_reset": reset})
    window = {"dt": 0.1 * u.ms, "record": "spikes", "progress": False}
    spikes = simulate(neuron, 100 * u.ms, inputs=lambda t: currents * u.pA, **window)["spikes"]
    for position in range(3):
        assert np.diff(spikes.step[spikes.index == position]).min() > 20


def test_a_neuron_that_starts_above_threshold_spikes_once() -> None:
    """A soft reset must not let V leak out of the refractory period as further spikes."""
    neuron = LIFRef(
        1,
        tau=20 * u.ms,
        tau_ref=5 * u.ms,
        V_th=-50 * u.mV,
        V_reset=-60 * u.mV,
        V_rest=-60 * u.mV,
        V_initializer=0 * u.mV,
    )
    steps = spike_steps(neuron, 20 * u.mA, 200.0)
    assert np.diff(steps).min() >= 50
    # tau_ref + tau ln(20 / 10) = 18.863 ms, at most 2 dt more on the grid.
    assert_on_grid(np.diff(steps), 18.8629, 0.1)


def adaptive_spikes(drive: float, beta: float, duration: float) -> list[float]:
    """Spike times of the ALIF of the test, from crossings of the closed form: hard reset to 0,
    tau 20, tau_a 100 ms, threshold 20 mV."""
    times, V, a, t = [], 0.0, 0.0, 0.0

    def distance(s: float) -> float:
        return drive + (V - drive) * np.exp(-s / 20.0) - 20.0 - beta * a * np.exp(-s / 100.0)

    while True:
        grid = np.arange(0.0, duration - t, 0.01)
        above = np.flatnonzero(distance(grid) >= 0)
        if len(above) == 0:
            return times
        wait = brentq(distance, max(grid[above[0]] - 0.01, 0.0), grid[above[0]])
        t, V, a = t + wait, 0.0, a * np.exp(-wait / 100.0) + 1.0
        times.append(t)


@pytest.mark.parametrize("beta", [1.0, 5.0])
def test_adaptation_follows_the_closed_form(beta: float) -> None:
    neuron = ALIF(1, tau=20 * u.ms, V_th=20 * u.mV, beta=beta * u.mV, spk_reset="hard")
    steps = spike_steps(neuron, 40 * u.mA, 300.0, dt=0.01)
    exact = np.array(adaptive_spikes(40.0, beta, 300.0))
    assert len(steps) == len(exact)
    # Each of the spikes before waits for the grid, by up to one step; threshold feedback adds.
    np.testing.assert_allclose(steps * 0.01, exact, atol=0.02 * len(exact))


def test_soft_reset_of_adaptation_subtracts_the_threshold_reached() -> None:
    neuron = ALIF(1, tau=20 * u.ms, V_th=20 * u.mV, beta=5 * u.mV, spk_reset="soft")
    record = {"V": "V", "spikes": "spikes"}
    run = simulate(
        neuron, 300 * u.ms, dt=0.1 * u.ms, inputs=40 * u.mA, record=record, progress=False
    )
    V = run["V"].values.to_decimal(u.mV)[:, 0]
    after = run["spikes"].step[:-1]  # sample k is the end of step k + 1, the first after the spike
    # What remains is the overshoot of one step, below drive * dt / tau = 0.2 mV, and its growth.
    assert np.all(V[after] < 0.6)
    assert np.all(V[after] > 0.0)


def test_decoupled_inputs_give_the_stored_spikes_between_steps() -> None:
    brainstate.environ.set(dt=0.1 * u.ms)
    neuron = brainstate.nn.init_all_states(LIF(2, V_th=1 * u.mV))
    spikes = neuron(jnp.array([0.0, 1000.0]) * u.mA)
    np.testing.assert_array_equal(spikes, [0.0, 1.0])
    np.testing.assert_array_equal(neuron.get_spike(), spikes)
    np.testing.assert_array_equal(neuron.get_spike(jnp.array([2.0, 0.0]) * u.mV), [1.0, 0.0])


# Spike times within a step


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_rate_follows_the_closed_form_within_the_step(dt: float) -> None:
    """With interpolation each interval is right to 0.1 dt, in single precision."""
    currents = np.array(list(RATES)) * u.pA
    neuron = LIFRef(len(RATES), tau_ref=2.0 * u.ms, interpolate=True, **CELL)
    window = {"dt": dt * u.ms, "record": "spikes", "progress": False}
    spikes = simulate(neuron, 300.0 * u.ms, inputs=lambda t: currents, **window)["spikes"]
    for position, rate in enumerate(RATES.values()):
        times = spikes.t.to_decimal(u.ms)[spikes.index == position]
        np.testing.assert_allclose(np.diff(times), 1000.0 / rate, atol=0.1 * dt)
    assert spikes.isi_cv() < 1e-4
    late = spikes.between(100.0 * u.ms, 200.0 * u.ms)
    kept = np.isin(spikes.step, late.step)
    np.testing.assert_array_equal(late.lag, spikes.lag[kept])


# Noise: the rate formula of Siegert, tau 20, threshold 20, reset 10, t_ref 2 ms

SIEGERT = {(18, 2): 7.667846, (20, 1): 14.763104, (20, 5): 27.340567, (25, 1): 42.016751}
SIEGERT |= {(10, 5): 0.881923, (30, 3): 64.307621}


def siegert(mu: float, sigma: float, shift: float = 0.0) -> float:
    """Rate in Hz; `shift` is added to threshold and reset."""
    low, high = (10.0 + shift - mu) / sigma, (20.0 + shift - mu) / sigma
    # erfcx keeps the integrand finite for small arguments
    value = quad(lambda x: erfcx(-x), low, high, epsabs=1e-12, epsrel=1e-12)[0]
    return 1000.0 / (2.0 + 20.0 * np.sqrt(np.pi) * value)


@pytest.mark.parametrize(("drive", "rate"), SIEGERT.items())
def test_the_formula_gives_the_table(drive: tuple[float, float], rate: float) -> None:
    assert siegert(*drive) == pytest.approx(rate, rel=1e-6)


def test_rate_under_white_noise_follows_siegert() -> None:
    """Five standard errors and 1 % of the formula, its threshold higher by 0.5826 s sqrt(dt/tau).

    That shift is what looking only at the grid costs a diffusion of strength s (Broadie,
    Glasserman & Kou 1997); s = sqrt(2) sigma in the formula's notation of sigma as the standard
    deviation of V times sqrt(2).
    """
    drives = [*SIEGERT]
    n, dt, duration = 200, 0.02, 1000.0
    mu, sigma = (np.repeat([float(d[k]) for d in drives], n) for k in (0, 1))
    neuron = LIFRef(
        n * len(drives),
        tau=20 * u.ms,
        tau_ref=2 * u.ms,
        V_th=20 * u.mV,
        V_reset=10 * u.mV,
        V_initializer=10 * u.mV,
        spk_reset="hard",
    )
    # V has the variance s^2 / 2 tau under white noise of strength s, and sigma^2 / 2 here.
    noise = WienerProcessInput(n * len(drives), sigma=sigma * np.sqrt(20.0) * u.mA * u.ms**0.5)
    brainstate.random.seed(1)
    current = mu * u.mA
    window = {"dt": dt * u.ms, "record": "spikes", "progress": False}
    spikes = simulate(neuron, duration * u.ms, inputs=lambda t: current + noise(), **window)
    events = spikes["spikes"]
    late = events.index[events.step * dt > 200.0]
    for k, (m, s) in enumerate(drives):
        count = int(np.sum((late >= k * n) & (late < (k + 1) * n)))
        expected = siegert(m, s, 0.5826 * s * np.sqrt(dt / 20.0)) * n * 0.8
        assert abs(count - expected) < 5 * np.sqrt(expected) + 0.01 * expected


# Integrators


def test_perfect_integrator_loses_nothing() -> None:
    """I / C (V_th - V_reset), the count exact to one over 10 s, whatever the current."""
    currents = np.array([0.01, 0.7, 3.3, 17.9])
    neuron = PerfectIF(4, C=2.0 * u.mfarad, V_th=1.5 * u.mV)
    window = {"dt": 0.1 * u.ms, "record": "spikes", "progress": False}
    spikes = simulate(neuron, 2000 * u.ms, inputs=lambda t: currents * u.mA, **window)["spikes"]
    counts = np.bincount(spikes.index, minlength=4)
    np.testing.assert_allclose(counts, currents * 2000 / 2 / 1.5, atol=1.01, rtol=1e-4)


def test_if_leaks_to_zero() -> None:
    V = simulate(IF(1), 50 * u.ms, dt=0.1 * u.ms, inputs=0.9 * u.mA, record="V", progress=False)
    exact = 0.9 * (1.0 - np.exp(-V["V"].t.to_decimal(u.ms) / 5.0))
    np.testing.assert_allclose(V["V"].values.to_decimal(u.mV)[:, 0], exact, atol=1e-5)


@pytest.mark.parametrize(("reset", "left"), [("soft", 0.3), ("hard", 0.0)])
def test_resets_of_if(reset: str, left: float) -> None:
    neuron = IF(1, spk_reset=reset, V_initializer=1.3 * u.mV, tau=1e9 * u.ms)
    brainstate.nn.init_all_states(neuron)
    neuron.spike.value = jnp.ones(1)
    with brainstate.environ.context(dt=0.1 * u.ms):
        neuron()
    np.testing.assert_allclose(neuron.V.value.to_decimal(u.mV), left, atol=1e-6)
