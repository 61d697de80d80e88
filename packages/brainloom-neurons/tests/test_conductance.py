"""Hodgkin-Huxley type neurons against published and converged values.

The rates are those of the papers' equations, solved with tolerances of 1e-9 and below.
"""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Uniform
from brainloom_neurons import HH, MorrisLecar, TraubMiles, WangBuzsakiHH
from scipy.optimize import fsolve

# Current in uA and rate in Hz of the steady state.
HH_RATES = {6.3: 52.371, 6.5: 55.057, 7: 58.327, 8: 62.470, 10: 68.324, 20: 86.470, 50: 117.036}
HH_FIRST_SPIKE = {2.25: 8.5898, 2.5: 5.8822, 5: 2.9894, 10: 1.9012, 20: 1.2708}  # ms
WB_RATES = {0.165: 2.787, 0.17: 4.029, 0.18: 5.861, 0.2: 8.621, 0.3: 18.139, 0.5: 32.217}
WB_RATES |= {0.75: 46.830, 1: 59.702, 2: 101.786, 3: 135.503, 5: 189.625, 10: 284.938, 20: 407.066}
TRAUB_RATES = {-0.1: 8.385, 0: 13.855, 0.1: 18.062, 0.2: 21.777, 0.5: 31.592, 1: 45.958}
TRAUB_RATES |= {2: 71.251, 5: 132.85, 10: 208.23}
ML_CLASS_2 = {90: 9.735, 94: 10.781, 100: 11.725, 150: 15.115, 200: 15.239}
ML_CLASS_1 = {40.5: 3.788, 42: 6.875, 45: 10.070, 50: 13.237, 80: 21.322, 100: 23.768}

CLASS_2 = {"V_Ca": 120.0 * u.mV}
CLASS_1 = {"V_Ca": 120 * u.mV, "g_Ca": 4 * u.mS, "V3": 12 * u.mV, "V4": 17.4 * u.mV}
CLASS_1 |= {"phi": 1 / 15 / u.ms}
HH_REST = {"V": -64.99638, "m": 0.0529551, "h": 0.5959941, "n": 0.3177324}


@pytest.fixture(autouse=True)
def wide() -> Any:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


def run(neuron: Any, x: Any, duration: float, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Spikes (steps, neurons) and potentials in mV, under a current that stays."""
    with brainstate.environ.context(dt=dt * u.ms):
        brainstate.nn.init_all_states(neuron)

        def step(i: Any) -> Any:
            return neuron(x) > 0, neuron.V.value.to_decimal(u.mV)

        loop = brainstate.transform.for_loop
        spikes, V = brainstate.transform.jit(lambda: loop(step, jnp.arange(round(duration / dt))))()
        return np.asarray(spikes), np.asarray(V)


def rates(neuron: Any, currents: Any, duration: float, dt: float = 0.1) -> np.ndarray:
    """Rate of each neuron in Hz, from its intervals in the second half."""
    spikes, _ = run(neuron, np.asarray(list(currents)) * u.uA, duration, dt)
    late = spikes[len(spikes) // 2 :]
    found = []
    for k in range(late.shape[1]):
        steps = np.flatnonzero(late[:, k])
        found.append(1e3 * (len(steps) - 1) / (steps[-1] - steps[0]) / dt if len(steps) > 2 else 0)
    return np.asarray(found)


def at_rest(cls: Any, size: int, **arguments: Any) -> Any:
    return cls(size, V_initializer=HH_REST["V"] * u.mV, **arguments)


# Periods: 2 % at 0.1 ms, and what the second order makes of it at 0.025 ms

BOUNDS = [(0.1, 2e-2), (0.025, 2e-3)]


@pytest.mark.parametrize(("dt", "bound"), BOUNDS)
def test_rates_of_hodgkin_huxley(dt: float, bound: float) -> None:
    neuron = at_rest(HH, len(HH_RATES))
    found = rates(neuron, HH_RATES, 1000.0, dt)
    np.testing.assert_allclose(found, list(HH_RATES.values()), rtol=bound)


@pytest.mark.parametrize(("dt", "bound"), BOUNDS)
def test_rates_of_wang_buzsaki(dt: float, bound: float) -> None:
    """Near its onset the rate goes with the square root of the current, and takes its errors."""
    slow = [x for x in WB_RATES if x < 0.2]
    fast = [x for x in WB_RATES if 0.2 <= x <= 3]
    expected = [WB_RATES[x] for x in fast]
    found = rates(WangBuzsakiHH(len(fast)), fast, 1000.0, dt)
    np.testing.assert_allclose(found, expected, rtol=bound)
    if dt < 0.1:
        found = rates(WangBuzsakiHH(len(slow)), slow, 6000.0, dt)
        np.testing.assert_allclose(found, [WB_RATES[x] for x in slow], rtol=5 * bound)


def test_fast_rates_of_wang_buzsaki_need_a_finer_step() -> None:
    """A period of 2.5 ms at 407 Hz: the grid alone is worth 2 % at 0.05 ms."""
    fast = [5, 10, 20]
    found = rates(WangBuzsakiHH(3), fast, 500.0, 0.025)
    np.testing.assert_allclose(found, [WB_RATES[x] for x in fast], rtol=5e-3)


@pytest.mark.parametrize(("dt", "bound"), BOUNDS)
def test_rates_of_traub_miles(dt: float, bound: float) -> None:
    found = rates(TraubMiles(len(TRAUB_RATES)), TRAUB_RATES, 1500.0, dt)
    np.testing.assert_allclose(found, list(TRAUB_RATES.values()), rtol=bound)


@pytest.mark.parametrize(("expected", "parameters"), [(ML_CLASS_2, CLASS_2), (ML_CLASS_1, CLASS_1)])
def test_rates_of_morris_lecar(expected: dict[float, float], parameters: dict[str, Any]) -> None:
    start = {"V_initializer": -60.0 * u.mV, "W_initializer": None}
    neuron = MorrisLecar(len(expected), **start, **parameters)
    found = rates(neuron, expected, 6000.0)
    known = np.asarray(list(expected.values()))
    started = found > 0  # at 90 uA rest is stable too
    np.testing.assert_allclose(found[started], known[started], rtol=5e-3)
    assert started.sum() >= len(expected) - 1


def test_order_in_the_step_is_two() -> None:
    """The period of the Hodgkin-Huxley neuron, from interpolated passages of 0 mV upwards."""
    periods = []
    for dt in (0.1, 0.05, 0.025, 0.0125):
        _, V = run(at_rest(HH, 1), 10.0 * u.uA, 200.0, dt)
        V = V[:, 0]
        k = np.flatnonzero((V[1:] >= 0) & (V[:-1] < 0))
        times = (k + V[k] / (V[k] - V[k + 1])) * dt
        periods.append(times[-1] - times[-2])
    error = abs(np.asarray(periods[:-1]) - periods[-1])
    orders = np.log2(error[:-1] / error[1:])
    assert np.all(orders > 1.9)


# Counts of local maxima of V, of solutions by LSODA with tolerances of 1e-8, in Hz.
HH_FULL = {7: 58.33, 20: 86.47, 50: 117.04, 90: 142.38, 110: 151.86, 122: 157.11}
WB_FULL = {0.5: 32.22, 5: 189.62, 15: 352.29, 20: 407.06, 24: 452.92}
TM_FULL = {0.5: 31.59, 10: 208.23, 50: 454.62, 120: 617.39, 200: 726.72}
ML_FULL = {85: 9.26, 120: 13.26, 180: 14.13}


@pytest.mark.parametrize(
    ("cls", "full", "duration", "dt"),
    [
        (HH, HH_FULL, 400.0, 0.02),
        (WangBuzsakiHH, WB_FULL, 300.0, 0.01),
        (TraubMiles, TM_FULL, 200.0, 0.01),
        (MorrisLecar, ML_FULL, 3000.0, 0.1),
    ],
)
def test_the_default_threshold_sees_spikes_of_all_firing(
    cls: Any, full: dict[float, float], duration: float, dt: float
) -> None:
    """From onset to the last drive at which oscillations are spikes; two maxima more or less."""
    start = -60.0 if cls is MorrisLecar else HH_REST["V"]
    neuron = cls(len(full), V_initializer=start * u.mV)
    spikes, _ = run(neuron, np.asarray(list(full)) * u.uA, duration, dt)
    counts = spikes[len(spikes) // 2 :].sum(0)
    expected = np.asarray(list(full.values())) * duration / 2e3
    np.testing.assert_allclose(counts, expected, atol=1.5, rtol=0.01)


# Rest and onset


@pytest.mark.parametrize(
    ("neuron", "rest"),
    [
        (HH(1, V_initializer=-64.9 * u.mV), -64.99638),
        (WangBuzsakiHH(1), -64.01757),
        (MorrisLecar(1, V_initializer=-60.0 * u.mV, **CLASS_2), -60.8555),
        (MorrisLecar(1, V_initializer=-60.0 * u.mV, **CLASS_1), -59.474),
    ],
)
def test_rest(neuron: Any, rest: float) -> None:
    spikes, V = run(neuron, 0.0 * u.uA, 1000.0, 0.1)
    assert not spikes[5000:].any()
    np.testing.assert_allclose(V[-1, 0], rest, atol=2e-3)


def test_gates_begin_in_their_steady_state() -> None:
    neuron = at_rest(HH, 1)
    brainstate.nn.init_all_states(neuron)
    for gate in "mhn":
        np.testing.assert_allclose(getattr(neuron, gate).value[0], HH_REST[gate], rtol=2e-6)
    neuron = HH(400)
    brainstate.nn.init_all_states(neuron)
    V = neuron.V.value.to_decimal(u.mV)
    assert V.min() >= -70.0
    assert V.max() <= -60.0
    assert V.std() > 2.0
    np.testing.assert_allclose(neuron.n.value, neuron.n_inf(neuron.V.value), rtol=1e-12)


def test_first_spikes_of_hodgkin_huxley() -> None:
    """From rest, at the passage of 20 mV, to the grid; the table was made at another level."""
    currents = np.asarray(list(HH_FIRST_SPIKE)) * u.uA
    spikes, _ = run(at_rest(HH, len(HH_FIRST_SPIKE), V_th=0.0 * u.mV), currents, 20.0, 0.01)
    first = (np.argmax(spikes, axis=0) + 1) * 0.01
    np.testing.assert_allclose(first, list(HH_FIRST_SPIKE.values()), atol=0.12)


def test_onset_of_hodgkin_huxley() -> None:
    """One spike from 2.24033 uA on, repetitive firing from 6.26026 uA on."""
    currents = np.asarray([2.22, 2.26, 6.2, 6.3]) * u.uA
    spikes, _ = run(at_rest(HH, 4), currents, 1000.0, 0.025)
    counts = spikes.sum(0)
    np.testing.assert_array_equal(counts[:2], [0, 1])
    assert 0 < counts[2] < 10
    assert counts[3] > 45


def test_strong_current_blocks_hodgkin_huxley() -> None:
    """At 200 uA one spike, then depolarisation block."""
    spikes, _ = run(at_rest(HH, 1), 200.0 * u.uA, 300.0, 0.05)
    assert spikes[1000:].sum() == 0
    assert spikes.sum() >= 1


# Robustness


@pytest.mark.parametrize("cls", [HH, TraubMiles, WangBuzsakiHH])
def test_strong_inhibition_stays_within_the_reversal_potentials(cls: Any) -> None:
    """Conductances up to 100 mS, a hundred times the capacitance per step, in single precision."""
    strength = np.asarray([0.0, 1.0, 10.0, 30.0, 60.0, 100.0])
    with jax.enable_x64(False), brainstate.environ.context(precision=32):
        neuron = cls(len(strength), V_initializer=-65.0 * u.mV)
        neuron.add_current_input("inhibition", lambda V: strength * u.mS * (-80.0 * u.mV - V))
        _, V = run(neuron, 10.0 * u.uA, 300.0, 0.1)
    assert np.all(np.isfinite(V))
    assert V.min() >= -90.0
    assert V.max() <= 55.0
    assert np.all(V[-1, 2:] < -70.0)


@pytest.mark.parametrize("V_th", [-20.0, 0.0, 20.0])
@pytest.mark.parametrize("cls", [HH, WangBuzsakiHH, TraubMiles])
def test_any_threshold_within_the_spike_counts_the_same(cls: Any, V_th: float) -> None:
    def count(level: float) -> int:
        neuron = cls(1, V_th=level * u.mV, V_initializer=-65.0 * u.mV)
        return int(run(neuron, 5.0 * u.uA, 300.0, 0.05)[0].sum())

    expected = count(10.0)
    assert expected > 5 or cls is HH
    assert count(V_th) == expected


def test_a_random_initial_potential_differs_between_draws() -> None:
    neuron = MorrisLecar(50, V_initializer=Uniform(-70.0 * u.mV, -60.0 * u.mV))
    brainstate.nn.init_all_states(neuron)
    before = neuron.V.value
    neuron.reset_state()
    assert np.any(neuron.V.value != before)


def test_steady_state_is_that_of_the_equations() -> None:
    """The fixed point found by scipy from the published rates, written anew."""

    def rate(y: Any) -> list[float]:
        V, h, n = y
        am, bm = 0.1 * (V + 35) / (1 - np.exp(-0.1 * (V + 35))), 4 * np.exp(-(V + 60) / 18)
        ah, bh = 0.07 * np.exp(-(V + 58) / 20), 1 / (1 + np.exp(-0.1 * (V + 28)))
        an, bn = 0.01 * (V + 34) / (1 - np.exp(-0.1 * (V + 34))), 0.125 * np.exp(-(V + 44) / 80)
        sodium = 35 * (am / (am + bm)) ** 3 * h * (55 - V)
        current = sodium + 9 * n**4 * (-90 - V) + 0.1 * (-65 - V)
        return [current, ah * (1 - h) - bh * h, an * (1 - n) - bn * n]

    V, h, n = fsolve(rate, [-64.0, 0.78, 0.09], xtol=1e-12)
    np.testing.assert_allclose([V, h, n], [-64.01757, 0.780792, 0.089078], rtol=1e-6)
    neuron = WangBuzsakiHH(1, V_initializer=V * u.mV, h_initializer=h, n_initializer=n)
    _, trace = run(neuron, 0.0 * u.uA, 50.0, 0.1)
    np.testing.assert_allclose(trace, V, atol=1e-7)
