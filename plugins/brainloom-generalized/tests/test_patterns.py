"""The twenty patterns of Mihalas and Niebur, against solutions that are exact between spikes."""

from collections.abc import Callable

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_generalized import PATTERNS, MihalasNiebur, Pattern
from scipy.linalg import expm
from scipy.optimize import brentq

Run = Callable[..., tuple[np.ndarray, dict[str, np.ndarray]]]
GRID = 2.5e-4  # s; a crossing within it and back is met by none of the patterns


def exact_spikes(pattern: Pattern) -> np.ndarray:
    """Times in ms: propagators of the paper's equations in SI units, and roots of V - threshold."""
    G, E, b, k1, k2, theta_inf, theta_r, V_r = 50.0, -0.07, 10.0, 200.0, 20.0, -0.05, -0.06, -0.07
    V, theta = (1e-3 * value for value in pattern.start)
    t, spikes, y = 0.0, [], np.array([V, theta, 0.0, 0.0, 1.0])
    for length, current in pattern.input:
        A = np.zeros((5, 5))  # V, threshold, I1 / C, I2 / C, 1
        A[0] = [-G, 0.0, 1.0, 1.0, current + G * E]
        A[1] = [pattern.a, -b, 0.0, 0.0, b * theta_inf - pattern.a * E]
        A[2, 2], A[3, 3] = -k1, -k2
        stride, powers = expm(A * GRID), [np.eye(5)]
        for _ in range(int(np.ceil(length / GRID))):
            powers.append(stride @ powers[-1])
        moved = np.asarray(powers)
        end = t + length

        def excess(s: float, y: np.ndarray, A: np.ndarray = A) -> float:
            at = expm(A * s) @ y
            return float(at[0] - at[1])

        while t < end - 1e-12:
            courses = moved @ y
            above = courses[:, 0] > courses[:, 1]
            above[0] = above[0] or (y[0] >= y[1] and above[1])
            k = int(np.argmax(above)) if above.any() else len(above)
            s = 0.0
            if 0 < k < len(above):
                s = brentq(excess, (k - 1) * GRID, k * GRID, args=(y,), xtol=1e-15)
            if k == len(above) or t + s > end:
                y, t = expm(A * (end - t)) @ y, end
                continue
            _, theta, _, I2, one = expm(A * s) @ y
            y, t = np.array([V_r, max(theta, theta_r), pattern.A1, I2 + pattern.A2, one]), t + s
            spikes.append(t)
    return 1000.0 * np.asarray(spikes)


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    return {name: exact_spikes(pattern) for name, pattern in PATTERNS.items()}


def found(run: Run, dt: float) -> dict[str, np.ndarray]:
    """Spike times within steps, all patterns as one population."""
    patterns = PATTERNS.values()
    currents = [np.asarray(p.current(dt * u.ms).to_decimal(u.pA)) for p in patterns]
    steps = max(map(len, currents))
    inputs = np.stack([np.pad(x, (0, steps - len(x)), constant_values=-1e3) for x in currents], 1)
    each = [p.neuron() for p in patterns]
    names = ("a", "A1", "A2", "V_initializer", "V_th_initializer")
    together = {name: u.math.stack([getattr(n, name) for n in each]) for name in names}
    neuron = MihalasNiebur(len(each), interpolate=True, **together)
    spikes, states = run(neuron, jnp.asarray(inputs) * u.pA)
    times = dt * np.arange(1, steps + 1)
    spiked = [np.flatnonzero(spikes[: len(x), k]) for k, x in enumerate(currents)]
    return {
        name: times[at] - states["spike_lag"][at, k]
        for k, (name, at) in enumerate(zip(PATTERNS, spiked, strict=True))
    }


# What the names of these patterns say: one spike, or that one input of several makes one.
NAMED = {
    "class 1": 1,
    "threshold variability": 1,
    "rebound spike": 1,
    "integrator": 1,
    "spike latency": 1,
    "afterpotentials": 1,
}


def test_all_twenty_patterns(run: Run, expected: dict[str, np.ndarray]) -> None:
    with brainstate.environ.context(dt=0.05 * u.ms):
        ours = found(run, 0.05)
    assert {name: len(x) for name, x in ours.items()} == {n: len(x) for n, x in expected.items()}
    worst = {name: np.abs(ours[name] - expected[name]).max() for name in PATTERNS}
    late = {name for name, error in worst.items() if error > 5e-3}
    assert not late, {name: worst[name] for name in late}
    assert {name: len(expected[name]) for name in NAMED} == NAMED


def test_a_pattern_is_simulated_by_its_name() -> None:
    pattern = PATTERNS["phasic bursting"]
    dt = 0.1 * u.ms
    recording = simulate(
        *(pattern.neuron(), pattern.duration),
        dt=dt,
        inputs=pattern.current(dt),
        record=["spikes"],
        progress=False,
    )
    times = recording["spikes"].t.to_decimal(u.ms)
    exact = exact_spikes(pattern)
    assert len(times) == len(exact)
    assert np.abs(times - exact).max() < 0.1 * (1 + len(exact))


def test_another_capacitance_takes_as_much_more_current() -> None:
    pattern = PATTERNS["tonic bursting"]
    neuron = pattern.neuron(3, C=1.0 * u.nF)
    assert neuron.G.to_decimal(u.nS) == pytest.approx(50.0)
    assert neuron.A1.to_decimal(u.nA) == pytest.approx(10.0)
    current = pattern.current(0.1 * u.ms, 1.0 * u.nF)
    assert current[0].to_decimal(u.nA) == pytest.approx(2.0)
    assert current.shape == (5000,)
