"""Spike sources: statistics, timing and batches."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError, UnitError, simulate
from brainloom_neurons import LIF, PoissonInput, PoissonSpike, SpikeTime


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.random.seed(0)
    brainstate.environ.set(dt=0.1 * u.ms)


def repeated(source: Any, steps: int) -> np.ndarray:
    run = brainstate.transform.jit(
        lambda: brainstate.transform.for_loop(lambda i: source(), jnp.arange(steps))
    )
    return np.asarray(run())


def test_poisson_spikes_have_rate_and_variance() -> None:
    rates = np.array([0.0, 5.0, 50.0, 500.0])
    counts = repeated(PoissonSpike((500, 4), freqs=np.tile(rates, (500, 1)) * u.Hz), 2000)
    totals = counts.sum(0)
    p = -np.expm1(-rates * 1e-4)
    mean, var = 2000 * p, 2000 * p * (1 - p)
    # 5 standard errors of the mean and of the variance of 500 binomial totals.
    assert np.all(np.abs(totals.mean(0) - mean) <= 5 * np.sqrt(var / 500))
    assert np.all(np.abs(totals.var(0) - var) <= 5 * var * np.sqrt(2 / 500) + 1e-12)
    assert totals[:, 0].sum() == 0


def test_poisson_spikes_of_a_batch_differ() -> None:
    source = PoissonSpike(50, freqs=500 * u.Hz)
    brainstate.nn.init_all_states(source, batch_size=3)
    spikes = repeated(source, 50)
    assert spikes.shape == (50, 3, 50)
    assert spikes.dtype == bool
    assert not np.array_equal(spikes[:, 0], spikes[:, 1])


@pytest.mark.parametrize(
    ("freqs", "error"), [(-1.0 * u.Hz, ParameterError), (5.0 * u.ms, UnitError), (5.0, UnitError)]
)
def test_poisson_spikes_refuse_bad_rates(freqs: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"PoissonSpike\.freqs: expected a frequency"):
        PoissonSpike(3, freqs=freqs)


@pytest.mark.parametrize("mean", [0.05, 1.0, 9.5, 100.0])
def test_poisson_input_counts_are_poisson(mean: float) -> None:
    target = brainstate.nn.init_all_states(LIF(20_000, V_th=1e6 * u.mV))
    noise = PoissonInput(target.prefetch("V"), None, 100, mean * 100 * u.Hz, 1.0 * u.mV)
    brainstate.transform.jit(noise.update)()
    counts = target.V.value.to_decimal(u.mV)
    assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / 20_000))
    spread = np.sqrt((mean + 2 * mean**2) / 20_000)
    assert counts.var() == pytest.approx(mean, abs=5 * spread)


def test_poisson_input_shot_noise() -> None:
    """Delta PSPs of 0.1 mV at 10 kHz, tau 20 ms: mean 20 mV, variance 1 mV^2."""

    class Driven(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron = LIF(2000, tau=20 * u.ms, V_th=1e6 * u.mV, V_initializer=20 * u.mV)
            self.noise = PoissonInput(self.neuron.prefetch("V"), None, 1000, 10 * u.Hz, 0.1 * u.mV)

        def update(self) -> None:
            self.neuron()
            self.noise()

    V = simulate(Driven(), 200 * u.ms, record="neuron.V", progress=False)["neuron.V"]
    last = V.values.to_decimal(u.mV)[-1]
    # The jump precedes the decay of the next step, so samples are taken just after it: the mean
    # is J nu tau + J nu dt / 2, the variance as much higher relative to its half.
    assert last.mean() == pytest.approx(20.05, abs=5 * 1.0 / np.sqrt(2000))
    assert last.std() == pytest.approx(1.0, abs=5 * 1.0 / np.sqrt(2 * 2000))


def test_poisson_input_drives_the_chosen_neurons_in_their_unit() -> None:
    target = brainstate.nn.init_all_states(LIF(4, V_th=1e6 * u.mV))
    PoissonInput(target.prefetch("V"), [1, 3], 1000, 1e5 * u.Hz, 0.001 * u.volt)()
    V = np.asarray(target.V.value.to_decimal(u.mV))
    assert np.all(V[[0, 2]] == 0)
    assert np.all(V[[1, 3]] > 5000)
    wrong = PoissonInput(target.prefetch("V"), None, 10, 10 * u.Hz, 1.0 * u.mA)
    with pytest.raises(InputError, match=r"PoissonInput\.weight: expected a voltage"):
        wrong()
    with pytest.raises(ParameterError, match=r"PoissonInput\.num_input: expected a whole number"):
        PoissonInput(target.prefetch("V"), None, 0, 10 * u.Hz, 1.0 * u.mV)
    with pytest.raises(ParameterError, match=r"PoissonInput\.target: expected a state"):
        PoissonInput(target, None, 10, 10 * u.Hz, 1.0 * u.mV)


def rows(source: SpikeTime, steps: int, dt: Any) -> np.ndarray:
    with brainstate.environ.context(dt=dt):
        return np.stack([_row(source, i) for i in range(steps)])


def _row(source: SpikeTime, i: int) -> np.ndarray:
    with brainstate.environ.context(i=i):
        return np.asarray(source())


@pytest.mark.parametrize("dt", [0.1, 0.25, 1.0])
def test_spike_times_become_steps_of_the_current_dt(dt: float) -> None:
    times = np.array([0.0, 0.3, 2.0, 10.0])
    source = SpikeTime(4, indices=[0, 1, 2, 3], times=times * u.ms)
    spikes = rows(source, round(11 / dt), dt * u.ms)
    neuron, step = np.nonzero(spikes.T)
    np.testing.assert_array_equal(neuron, [0, 1, 2, 3])
    np.testing.assert_array_equal(step, np.round(times / dt))


def test_spike_times_add_up_and_carry_weights() -> None:
    source = SpikeTime(
        3, indices=[2, 0, 2], times=[0.2, 0.2, 0.21] * u.ms, weights=[5.0, 0.5, 2.0] * u.mS
    )
    with brainstate.environ.context(i=2):
        np.testing.assert_allclose(source().to_decimal(u.mS), [0.5, 0.0, 7.0])
    with brainstate.environ.context(i=3):
        np.testing.assert_allclose(source().to_decimal(u.mS), [0.0, 0.0, 0.0])


@pytest.mark.parametrize(("rule", "step"), [("round", 3), ("floor", 2), ("ceil", 3)])
def test_spike_times_round_as_asked(rule: str, step: int) -> None:
    source = SpikeTime(1, indices=[0], times=[0.26] * u.ms, time_as_step=rule)
    assert np.argmax(rows(source, 5, 0.1 * u.ms)) == step
    exact = SpikeTime(1, indices=[0], times=[0.3] * u.ms, time_as_step=rule)
    assert np.argmax(rows(exact, 5, 0.1 * u.ms)) == 3


def test_spike_times_by_time_in_a_compiled_loop_and_batch() -> None:
    source = SpikeTime(2, indices=[1], times=[0.4] * u.ms)
    brainstate.nn.init_all_states(source, batch_size=2)

    def step(i: Any) -> Any:
        with brainstate.environ.context(t=i * 0.1 * u.ms):
            return source()

    spikes = brainstate.transform.for_loop(step, jnp.arange(6))
    assert spikes.shape == (6, 2, 2)
    np.testing.assert_array_equal(np.nonzero(np.asarray(spikes))[0], [4, 4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"indices": [3], "times": [1.0] * u.ms}, "indices"),
        ({"indices": [-1], "times": [1.0] * u.ms}, "indices"),
        ({"indices": [0.5], "times": [1.0] * u.ms}, "indices"),
        ({"indices": [0], "times": [1.0, 2.0] * u.ms}, "times"),
        ({"indices": [0], "times": [-1.0] * u.ms}, "times"),
        ({"indices": [0], "times": [1.0]}, "times"),
        ({"indices": [0], "times": [1.0] * u.ms, "weights": [1.0, 2.0]}, "weights"),
        ({"indices": [0], "times": [1.0] * u.ms, "time_as_step": "up"}, "time_as_step"),
    ],
)
def test_spike_times_refuse_what_does_not_fit(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=rf"SpikeTime\.{message}: expected"):
        SpikeTime(3, **arguments)
