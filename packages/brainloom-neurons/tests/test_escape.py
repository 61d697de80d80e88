"""Escape noise: the statistics of random spikes, and their gradient."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_neurons.escape import EscapeLIF, EscapeLIFRef
from scipy.integrate import quad
from scipy.stats import chi2, kstest

# A hazard of 0.05 / ms at any potential: V_reset to V_th is nothing beside delta_u.
CONSTANT = {"rho_0": 0.05 / u.ms, "delta_u": 1e6 * u.mV}


def intervals(neuron: Any, current: float, duration: float, dt: float, seed: int) -> np.ndarray:
    """All intervals (ms) between the spikes of the same neuron."""
    window = {"dt": dt * u.ms, "record": "spikes", "progress": False}
    with brainstate.random.seed_context(seed):
        spikes = simulate(neuron, duration * u.ms, inputs=current * u.mA, **window)["spikes"]
    order = np.lexsort((spikes.step, spikes.index))
    steps, index = spikes.step[order], spikes.index[order]
    return (np.diff(steps) * dt)[np.diff(index) == 0]


def jittered(found: np.ndarray, dt: float) -> np.ndarray:
    """Spread over the step in which the spike falls, so that a continuous law can be tested."""
    return found - dt * np.random.default_rng(1).uniform(size=len(found))


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_intervals_of_a_constant_hazard_are_exponential(dt: float) -> None:
    """The duration is long beside the mean of 20 ms, which leaves no bias by its end."""
    found = intervals(EscapeLIF(100, **CONSTANT), 0.5, 2000.0, dt, seed=1)
    assert len(found) > 5000
    # Within a step the law is flat instead of exponential, less than rho dt / 8 = 0.006 off.
    assert kstest(jittered(found, dt), "expon", args=(0.0, 20.0)).pvalue > 1e-3


@pytest.mark.parametrize("dt", [0.1, 0.5, 1.0])
def test_rate_does_not_depend_on_the_step(dt: float) -> None:
    """In a step there is a spike with the probability 1 - exp(-rho dt)."""
    window = {"dt": dt * u.ms, "record": "spikes", "progress": False}
    with brainstate.random.seed_context(2):
        run = simulate(EscapeLIF(1000, **CONSTANT), 200 * u.ms, inputs=0.5 * u.mA, **window)
    trials = 1000 * round(200 / dt)
    chance = -np.expm1(-0.05 * dt)
    deviation = (len(run["spikes"]) - trials * chance) / np.sqrt(trials * chance * (1 - chance))
    assert abs(deviation) < 4


def test_refractory_period_shifts_the_law() -> None:
    neuron = EscapeLIFRef(100, tau_ref=7.0 * u.ms, **CONSTANT)
    found = intervals(neuron, 0.5, 2000.0, 0.1, seed=3)
    assert np.min(found) > 7.0
    assert kstest(jittered(found, 0.1), "expon", args=(7.0, 20.0)).pvalue > 1e-3


@pytest.mark.parametrize("tau_ref", [0.0, 3.0])
def test_renewal_density_of_a_driven_neuron(tau_ref: float) -> None:
    """From each reset V climbs to 0.9 mV with tau = 5 ms; the survival is exp(-integral of rho)."""
    neuron = EscapeLIFRef(200, tau_ref=tau_ref * u.ms, spk_reset="hard")
    found = intervals(neuron, 0.9, 1000.0, 0.02, seed=4)
    grid = np.arange(0.0, 300.0, 0.01)
    hazard = np.exp((0.9 * (1 - np.exp(-grid / 5)) - 1.0) / 0.1)
    gone = 1.0 - np.exp(-np.concatenate([[0.0], np.cumsum((hazard[1:] + hazard[:-1]) / 2 * 0.01)]))
    law = kstest(jittered(found, 0.02), lambda t: np.interp(t - tau_ref, grid, gone, left=0.0))
    assert len(found) > 5000
    assert law.pvalue > 1e-3
    mean = tau_ref + quad(lambda t: np.interp(t, grid, 1.0 - gone), 0.0, 300.0, limit=500)[0]
    assert np.mean(found) == pytest.approx(mean, rel=0.02)


def test_hazard_follows_the_exponential_law() -> None:
    """At seven potentials, held by R I = V_rest: counts against rho, by chi squared."""
    potentials = np.linspace(-0.4, 0.2, 7)
    cell = {"V_rest": 0.0 * u.mV, "V_reset": -1e3 * u.mV, "rho_0": 0.2 / u.ms, "V_th": 0.1 * u.mV}
    trials, counts = 20000, []
    for potential in potentials:
        neuron = EscapeLIF(trials, V_initializer=potential * u.mV, delta_u=0.2 * u.mV, **cell)
        with brainstate.environ.context(dt=0.1 * u.ms), brainstate.random.seed_context(5):
            brainstate.nn.init_all_states(neuron)
            counts.append(float(neuron(potential * u.mA).sum()))
    chance = -np.expm1(-0.2 * np.exp((potentials - 0.1) / 0.2) * 0.1)
    expected = trials * chance
    assert np.sum((counts - expected) ** 2 / (expected * (1 - chance))) < chi2.ppf(0.999, 7)


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_a_narrow_threshold_gives_the_spikes_of_the_closed_form(reset: str) -> None:
    neuron = EscapeLIF(1, rho_0=1e6 / u.ms, delta_u=1e-5 * u.mV, spk_reset=reset)
    found = intervals(neuron, 2.0, 300.0, 0.01, seed=6)
    exact = 5.0 * np.log(2.0)
    assert np.all(found >= exact - 0.0201)
    assert np.all(found <= exact + 0.0201)
    if reset == "soft":
        assert np.mean(found) == pytest.approx(exact, rel=2e-3)


def test_neurons_members_of_a_batch_and_steps_are_independent() -> None:
    neuron = EscapeLIF(50, rho_0=5.0 / u.ms, delta_u=1e6 * u.mV)
    with brainstate.environ.context(dt=0.1 * u.ms), brainstate.random.seed_context(7):
        brainstate.nn.init_all_states(neuron, batch_size=4)
        draws = brainstate.transform.for_loop(lambda i: neuron(0.5 * u.mA), jnp.arange(500))
    trains = np.asarray(draws).reshape(500, 200)
    correlations = np.corrcoef(trains.T)[np.triu_indices(200, 1)]
    assert abs(np.mean(correlations)) < 4 / np.sqrt(500 * len(correlations))
    assert np.max(np.abs(correlations)) < 5.5 / np.sqrt(500)
    following = np.corrcoef(trains[:-1].ravel(), trains[1:].ravel())[0, 1]
    assert abs(following) < 4 / np.sqrt(trains.size)


def test_the_spike_drawn_is_kept() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms), brainstate.random.seed_context(8):
        neuron = brainstate.nn.init_all_states(EscapeLIF(100, rho_0=5.0 / u.ms, delta_u=1 * u.mV))
        np.testing.assert_array_equal(neuron.get_spike(), 0.0)
        spikes = neuron(1.0 * u.mA)
        assert 0 < spikes.sum() < 100
        np.testing.assert_array_equal(neuron.get_spike(), spikes)
        np.testing.assert_array_equal(neuron.get_spike(), neuron.spike.value)
        sure = neuron.get_spike(jnp.linspace(-50.0, 50.0, 100) * u.mV)
        np.testing.assert_array_equal(sure[:40], 0.0)
        np.testing.assert_array_equal(sure[60:], 1.0)


def test_threshold_of_any_sign() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        for V_th in (-20.0, 0.0, 20.0):
            neuron = EscapeLIF(2, V_th=V_th * u.mV, V_reset=-30 * u.mV, rho_0=1e3 / u.ms)
            brainstate.nn.init_all_states(neuron)
            potentials = (V_th + jnp.array([-5.0, 1.0])) * u.mV
            np.testing.assert_array_equal(neuron.get_spike(potentials), [0.0, 1.0])


def test_no_spike_and_no_movement_while_refractory() -> None:
    neuron = EscapeLIFRef(100, tau_ref=2.0 * u.ms, rho_0=50.0 / u.ms, delta_u=1e6 * u.mV)
    window = {"dt": 0.1 * u.ms, "record": ["spikes", "V"], "progress": False}
    with brainstate.random.seed_context(9):
        run = simulate(neuron, 50 * u.ms, inputs=5.0 * u.mA, **window)
    spikes, V = run["spikes"], run["V"].values.to_decimal(u.mV)
    for step, index in zip(spikes.step, spikes.index, strict=True):
        np.testing.assert_array_equal(V[step : step + 20, index], 0.0)
    rows = [np.diff(spikes.step[spikes.index == k]) for k in range(100)]
    assert min(row.min() for row in rows) == 21


@pytest.mark.parametrize("dt", [0.01, 0.5])
@pytest.mark.parametrize("reset", ["soft", "hard"])
@pytest.mark.parametrize("cls", [EscapeLIF, EscapeLIFRef])
def test_strong_currents_stay_finite(cls: Any, reset: str, dt: float) -> None:
    currents = np.array([0.0, 1.0, 3.0, 10.0, 100.0]) * u.mA
    neuron = cls(5, spk_reset=reset)
    window = {"dt": dt * u.ms, "record": ["spikes", "V"], "progress": False}
    with brainstate.random.seed_context(10):
        run = simulate(neuron, 60 * u.ms, inputs=lambda t: currents, **window)
    assert np.all(np.isfinite(run["V"].values.to_decimal(u.mV)))
    counts = np.bincount(run["spikes"].index, minlength=5)
    assert counts[0] <= 1
    assert np.all(counts[1:] > 0)


def spike_and_slope(V: float, dt: float = 0.1, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of a step without leak that ends at V, and their derivative by V."""
    with brainstate.environ.context(dt=dt * u.ms), brainstate.random.seed_context(11):
        neuron = EscapeLIF(1000, **options)
        brainstate.nn.init_all_states(neuron)

        def total(V: Any) -> Any:
            spikes = neuron.get_spike(V * u.mV)
            return spikes.sum(), spikes

        slopes, spikes = brainstate.transform.grad(total, has_aux=True)(jnp.full(1000, V))
    return np.asarray(spikes), np.asarray(slopes)


@pytest.mark.parametrize("V", [0.7, 1.0, 1.2])
def test_derivative_of_a_spike_is_that_of_its_probability(V: float) -> None:
    spikes, slopes = spike_and_slope(V)
    assert set(np.unique(spikes)) <= {0.0, 1.0}
    rho = np.exp((V - 1.0) / 0.1)
    np.testing.assert_allclose(slopes, rho * 0.1 / 0.1 * np.exp(-rho * 0.1), rtol=1e-4)
    assert np.mean(spikes) == pytest.approx(-np.expm1(-rho * 0.1), abs=0.06)


@pytest.mark.parametrize("V", [-1e6, 5.0, 1e6])
def test_derivative_far_from_threshold_is_zero(V: float) -> None:
    spikes, slopes = spike_and_slope(V)
    np.testing.assert_array_equal(spikes, 1.0 if V > 0 else 0.0)
    np.testing.assert_array_equal(slopes, 0.0)


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_gradient_of_a_run_is_finite(reset: str) -> None:
    with brainstate.environ.context(dt=0.1 * u.ms), brainstate.random.seed_context(12):
        neuron = brainstate.nn.init_all_states(EscapeLIF(5, spk_reset=reset))

        def total(current: Any) -> Any:
            neuron.reset_state()
            spikes = brainstate.transform.for_loop(
                lambda i: neuron(current * u.mA), jnp.arange(200)
            )
            return spikes.sum()

        slope = brainstate.transform.grad(total, check_states=False)(jnp.full(5, 1.5))
    assert np.all(np.isfinite(slope))
    assert np.all(slope != 0)
