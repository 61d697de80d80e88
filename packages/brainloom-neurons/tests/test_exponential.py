"""Exponential integrate-and-fire neurons against accurate solutions and published patterns."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_neurons import AdExIF, AdExIFRef, ExpIF, ExpIFRef
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

# Naud et al. 2008: C pF, gL nS, EL, VT, DeltaT mV, tau_w ms, a nS, b pA, V_r mV, I pA; 500 ms from
# V = EL, w = 0, the spike counted at 0 mV. The times are solutions at tolerances of 1e-9 and below.
PATTERNS = {
    "tonic": (200, 10, -70, -50, 2, 30, 2, 0, -58, 500),
    "adapting": (200, 12, -70, -50, 2, 300, 2, 60, -58, 500),
    "initial burst": (130, 18, -58, -50, 2, 150, 4, 120, -50, 400),
    "delayed bursting": (100, 10, -65, -50, 2, 90, -10, 30, -47, 110),
    "irregular": (100, 12, -60, -50, 2, 130, -11, 30, -48, 160),
}
COUNTS = {
    "tonic": 51,
    "adapting": 10,
    "initial burst": 10,
    "delayed bursting": 26,
    "irregular": 28,
}
TIMES = {
    "tonic": [14.223, 23.152, 32.242, 41.458],
    "adapting": [14.904, 26.172, 40.548, 60.158, 89.581, 137.325, 205.030, 279.827],
    "initial burst": [5.464, 8.883, 16.202, 70.949],
    "delayed bursting": [57.180, 60.394, 64.703, 72.124, 128.981],
    "irregular": [15.645, 19.090, 23.558, 30.265, 48.976],
}
BRETTE_GERSTNER = (281, 30, -70.6, -50.4, 2, 144, 4, 80.5, -70.6)


@pytest.fixture
def wide() -> Any:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


def cell(
    C: float, gL: float, EL: float, VT: float, DT: float, *adaptation: float
) -> dict[str, Any]:
    """The arguments of AdExIF for constants in the paper's notation."""
    tau_w, a, b, V_r = adaptation
    return {
        "R": 1 / (gL * u.nS),
        "tau": C / gL * u.ms,
        "tau_w": tau_w * u.ms,
        "V_th": 0.0 * u.mV,
        "V_reset": V_r * u.mV,
        "V_rest": EL * u.mV,
        "V_T": VT * u.mV,
        "delta_T": DT * u.mV,
        "a": a * u.nS,
        "b": b * u.pA,
        "V_initializer": EL * u.mV,
    }


def run(neuron: Any, x: Any, duration: float, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and potentials in mV, (steps, neurons)."""
    with brainstate.environ.context(dt=dt * u.ms):
        brainstate.nn.init_all_states(neuron)

        def step(i: Any) -> Any:
            return neuron(x) > 0, neuron.V.value.to_decimal(u.mV)

        loop = brainstate.transform.for_loop
        steps = jnp.arange(round(duration / dt))
        spikes, V = brainstate.transform.jit(lambda: loop(step, steps))()
    return np.asarray(spikes), np.asarray(V)


def times(neuron: Any, x: Any, duration: float, dt: float) -> np.ndarray:
    """Spike times of one neuron, that of the end of the step."""
    return (np.flatnonzero(run(neuron, x, duration, dt)[0][:, 0]) + 1) * dt


def solution(parameters: tuple[float, ...], I: float, V_th: float, duration: float) -> np.ndarray:
    """Spike times of the equations, by scipy.

    From V_T + 20 delta_T to infinity it takes 1e-8 ms: a higher level changes nothing.
    """
    C, gL, EL, VT, DT, tau_w, a, b, V_r = parameters
    V_th = min(V_th, VT + 20 * DT)

    def rate(t: float, y: np.ndarray) -> list[float]:
        V, w = y
        onset = gL * DT * np.exp(min((V - VT) / DT, 30.0))
        return [(gL * (EL - V) + onset - w + I) / C, (a * (V - EL) - w) / tau_w]

    def passed(t: float, y: np.ndarray) -> float:
        return min(y[0] - V_th, 1.0)

    passed.terminal, passed.direction = True, 1  # type: ignore[attr-defined]
    t, y, found = 0.0, [EL, 0.0], []
    while t < duration:
        piece = solve_ivp(
            rate, (t, duration), y, "RK45", rtol=1e-8, atol=1e-8, max_step=1.0, events=passed
        )
        t = piece.t[-1]
        if piece.status != 1:
            break
        found.append(t)
        y = [V_r, piece.y[1, -1] + b]
    return np.asarray(found)


# Published patterns


@pytest.mark.parametrize("name", PATTERNS)
def test_firing_patterns(wide: None, name: str) -> None:
    """At 0.01 ms within the grid and 0.5 % of the time; the chaotic one by count alone."""
    *constants, I = PATTERNS[name]
    found = times(AdExIF(1, **cell(*constants)), I * u.pA, 500.0, 0.01)
    if name == "irregular":
        assert abs(len(found) - COUNTS[name]) <= 2
        return
    assert len(found) == COUNTS[name]
    expected = np.asarray(TIMES[name])
    np.testing.assert_allclose(found[: len(expected)], expected, rtol=2e-3, atol=0.02)


def test_last_interval_of_the_adapting_cell(wide: None) -> None:
    *constants, I = PATTERNS["adapting"]
    found = times(AdExIF(1, **cell(*constants)), I * u.pA, 500.0, 0.01)
    np.testing.assert_allclose(np.diff(found)[-1], 75.897, rtol=2e-3)


def test_rates_of_brette_and_gerstner(wide: None) -> None:
    neuron = AdExIF(3, **cell(*BRETTE_GERSTNER))
    spikes, _ = run(neuron, np.asarray([650.0, 800.0, 1000.0]) * u.pA, 1000.0, 0.01)
    np.testing.assert_array_equal(spikes.sum(0), [5, 17, 31])
    first = (np.flatnonzero(spikes[:, 2])[:3] + 1) * 0.01
    np.testing.assert_allclose(first, [11.792, 25.376, 41.196], atol=0.03)


# Where the resting state is lost: by a fold, or before it by a Hopf bifurcation.
RHEOBASE = {"tonic": 220.3757, "adapting": 256.1805, "initial burst": 140.3358, "BG": 627.182}


@pytest.mark.parametrize("part", [-0.01, 0.01])
@pytest.mark.parametrize("name", RHEOBASE)
def test_rheobase(wide: None, name: str, part: float) -> None:
    """1 % below, the fixed point is stable; 1 % above, it is not, or is gone.

    The cell starts close to it, or where it was last.
    """
    constants = BRETTE_GERSTNER if name == "BG" else PATTERNS[name][:-1]
    _, gL, EL, VT, DT, _, a, _, _ = constants
    I = RHEOBASE[name] * (1.0 + part)

    def current(V: float) -> float:
        return gL * (EL - V) + gL * DT * np.exp((V - VT) / DT) - a * (V - EL) + I

    turning = VT + DT * np.log1p(a / gL)
    V = brentq(current, EL, turning) if current(turning) < 0 else turning
    start = {"V_initializer": (V + 0.01) * u.mV, "w_initializer": a * (V - EL) * u.pA}
    neuron = AdExIF(1, **{**cell(*constants), **start})
    assert (len(times(neuron, I * u.pA, 8000.0, 0.1)) > 0) == (part > 0)


# Robustness: dt from 0.01 to 0.5 ms, any threshold, both resets


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("V_th", [-50.4 + 5 * 2.0, -20.0, 0.0, 20.0])
def test_count_of_brette_and_gerstner_at_any_step(V_th: float, reset: str) -> None:
    """1 nA for 300 ms, in single precision: the count of the solution, give or take one."""
    expected = len(solution(BRETTE_GERSTNER, 1000.0, V_th, 300.0))
    arguments = {**cell(*BRETTE_GERSTNER), "V_th": V_th * u.mV, "spk_reset": reset}
    for dt in (0.01, 0.05, 0.1, 0.5):
        spikes, V = run(AdExIF(1, **arguments), 1000.0 * u.pA, 300.0, dt)
        assert np.all(np.isfinite(V))
        assert V.max() <= V_th
        assert abs(spikes.sum() - expected) <= 1


@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("V_th", [-59.9 + 5 * 3.48, -30.0, 0.0, 20.0])
def test_count_of_the_default_cell_at_any_step(V_th: float, reset: str) -> None:
    """5 mA for 200 ms, as in the defect that this guards against."""
    constants = (10, 1, -65, -59.9, 3.48, 1, 0, 0, -68)
    expected = len(solution(constants, 5.0, V_th, 200.0))
    for dt in (0.01, 0.05, 0.1, 0.5):
        neuron = ExpIF(1, V_th=V_th * u.mV, spk_reset=reset)
        spikes, V = run(neuron, 5.0 * u.mA, 200.0, dt)
        assert np.all(np.isfinite(V))
        assert abs(spikes.sum() - expected) <= 1


@pytest.mark.parametrize("dt", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("cls", [ExpIF, ExpIFRef, AdExIF, AdExIFRef])
def test_no_current_makes_it_a_nan(cls: Any, dt: float) -> None:
    currents = np.asarray([0.0, 1.0, 20.0, 1e3, 1e6, -1e6]) * u.mA
    spikes, V = run(cls(6, V_th=20.0 * u.mV), currents, 50.0, dt)
    assert np.all(np.isfinite(V))
    assert spikes[:, 4].sum() > 5


def test_adaptation_never_sees_the_upswing(wide: None) -> None:
    """In a step with a spike w moves by no more than (a (V_th - E_L) - w) dt / tau_w."""
    neuron = AdExIF(1, **cell(*BRETTE_GERSTNER))
    w = []
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(neuron)

        def step(i: Any) -> Any:
            neuron(1000.0 * u.pA)
            return neuron.w.value.to_decimal(u.pA)

        loop = brainstate.transform.for_loop
        w = np.asarray(brainstate.transform.jit(lambda: loop(step, jnp.arange(3000)))())[:, 0]
    change = np.diff(w)
    jumps = change[change > 40.0]
    assert len(jumps) == 11
    assert jumps.max() < 80.5 + 4 * 71.0 * 0.1 / 144
    assert change[change < 40.0].max() < 4 * 71.0 * 0.1 / 144


# Refractoriness


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_refractory_period_adds_to_the_interval(reset: str) -> None:
    steps = {}
    for cls, more in ((ExpIF, {}), (ExpIFRef, {"tau_ref": 3.3 * u.ms})):
        found = times(cls(1, spk_reset=reset, **more), 5.0 * u.mA, 300.0, 0.1)
        steps[cls] = np.round(np.diff(found) / 0.1).astype(int)
    np.testing.assert_array_equal(steps[ExpIFRef][:4] - steps[ExpIF][:4], 33)


def test_adaptation_goes_on_while_the_potential_is_held(wide: None) -> None:
    """w relaxes to a (V_reset - V_rest) with tau_w, for exactly the steps that V is held."""
    neuron = AdExIFRef(1, tau_ref=5.0 * u.ms, a=0.5 * u.siemens, V_th=-30.0 * u.mV)
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(neuron)
        while not neuron(20.0 * u.mA)[0]:
            pass
        w = neuron.w.value.to_decimal(u.mA)[0] + 1.0
        for _ in range(50):
            neuron(20.0 * u.mA)
            assert neuron.V.value.to_decimal(u.mV)[0] == -68.0
    target = 0.5 * (-68.0 + 65.0)
    expected = target + (w - target) * np.exp(-5.0 / 30.0)
    np.testing.assert_allclose(neuron.w.value.to_decimal(u.mA)[0], expected, rtol=1e-10)
