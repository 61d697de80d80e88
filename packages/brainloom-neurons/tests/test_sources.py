"""Spike sources: statistics, timing and batches."""

from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    InputError,
    Network,
    NonFiniteError,
    ParameterError,
    SpikeEvents,
    Uniform,
    UnitError,
    simulate,
)
from brainloom_neurons import (
    LIF,
    GammaSpike,
    InhomogeneousPoisson,
    LIFRef,
    PoissonEncoder,
    PoissonInput,
    PoissonSpike,
    ReplaySpikes,
    SpikeTime,
    WienerProcessInput,
    poisson_input,
)
from scipy import stats


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.random.seed(0)
    brainstate.environ.set(dt=0.1 * u.ms)


def repeated(source: Any, steps: int, dt: Any = 0.1 * u.ms, first: int = 0) -> np.ndarray:
    def step(i: Any) -> Any:
        with brainstate.environ.context(i=first + i, dt=dt):
            return source()

    run = brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, jnp.arange(steps)))
    return np.asarray(run())


def fano(totals: np.ndarray) -> float:
    return float(totals.var() / totals.mean())


def test_poisson_spikes_have_rate_and_variance() -> None:
    rates = np.array([0.0, 5.0, 50.0, 2000.0])
    counts = repeated(PoissonSpike((500, 4), freqs=np.tile(rates, (500, 1)) * u.Hz), 2000)
    totals = counts.sum(0)
    p = rates * 1e-4
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


def test_poisson_spikes_as_numbers_are_poisson_where_several_fall_into_a_step() -> None:
    counts = repeated(PoissonSpike(20_000, 3000 * u.Hz, spk_type=int), 2, dt=1.0 * u.ms)
    assert counts.dtype == np.int32
    assert counts.mean() == pytest.approx(3.0, abs=5 * np.sqrt(3.0 / counts.size))
    assert counts.var() == pytest.approx(3.0, abs=5 * np.sqrt((3.0 + 2 * 9.0) / counts.size))
    at_most_one = repeated(PoissonSpike(20_000, 500 * u.Hz), 2, dt=1.0 * u.ms)
    assert at_most_one.mean() == pytest.approx(0.5, abs=5 * np.sqrt(0.25 / counts.size))
    assert repeated(PoissonSpike(20, 1000 * u.Hz), 2, dt=1.0 * u.ms).all()


def late(t: Any) -> Any:
    return jnp.where(t >= 1.0 * u.ms, 1e4, 0.0) * u.Hz


@pytest.mark.parametrize(
    "source",
    [
        PoissonSpike(3, freqs=[10.0, 1000.0, 3000.0] * u.Hz),
        GammaSpike(3, 3000.0 * u.Hz, cv=0.5),
        InhomogeneousPoisson(3, [10.0, 3000.0] * u.Hz, bin_width=10.0 * u.ms),
    ],
)
def test_what_bool_spikes_cannot_hold_is_an_error(source: Any) -> None:
    words = r"(freqs|rate): expected rates of at most 1 / dt.*3000 Hz at dt = 1 ms is 3 in a step"
    brainstate.nn.init_all_states(source)
    with pytest.raises(InputError, match=words):
        repeated(source, 1, dt=1.0 * u.ms)


@pytest.mark.parametrize(
    "source",
    [
        PoissonSpike(4000, late, spk_type=int),
        PoissonSpike(4000, [0.0, 1e4, 1e4] * u.Hz, bin_width=1.0 * u.ms, spk_type=int),
        PoissonSpike(
            4000, np.repeat([0.0, 1e4], (10, 20))[:, None] * np.ones(4000) * u.Hz, spk_type=int
        ),
        InhomogeneousPoisson(4000, late, spk_type=int),
    ],
    ids=["function", "bins", "steps", "inhomogeneous"],
)
def test_rates_are_functions_of_time_or_arrays_over_it(source: Any) -> None:
    """5 standard errors of a Poisson number of mean 1 per neuron and step."""
    counts = repeated(source, 30)
    assert not counts[:10].any()
    assert counts[10:].mean() == pytest.approx(1.0, abs=5 / np.sqrt(20 * 4000))


@pytest.mark.parametrize("freq", [late, [0.0, 1e4, 1e4] * u.Hz])
def test_poisson_input_takes_rates_over_time(freq: Any) -> None:
    bins = None if callable(freq) else 1.0 * u.ms
    neuron = LIF(4000, tau=1e6 * u.ms, V_th=1e6 * u.mV)
    noise = PoissonInput(neuron.prefetch("V"), None, 2, freq, 1.0 * u.mV, bin_width=bins)
    brainstate.nn.init_all_states([neuron, noise])

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=i):
            noise()
            neuron()
            by_hand = brainstate.nn.init_all_states(LIF(1)).V  # of the one step
            poisson_input(freq, 2, 1.0 * u.mV, by_hand, bin_width=bins)
            return neuron.V.value.to_decimal(u.mV), by_hand.value.to_decimal(u.mV)

    run = brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, jnp.arange(30)))
    V, once = map(np.asarray, run())
    assert not V[9].any()
    assert not once[:10].any()
    assert V[-1].mean() == pytest.approx(40.0, abs=5 * np.sqrt(40.0 / 4000) + 1e-2)
    assert once[10:].mean() == pytest.approx(2.0, abs=5 * np.sqrt(2.0 / 20))


def test_rates_are_refused_where_they_cannot_be_told() -> None:
    for arguments, words in (
        ({"freqs": [1.0, 2.0] * u.Hz}, r"freqs: expected a scalar, shape \(3,\) or \(steps, 3\)"),
        ({"freqs": 5.0 * u.Hz, "bin_width": 1.0 * u.ms}, r"freqs: expected an array of shape"),
        ({"freqs": late, "bin_width": 1.0 * u.ms}, r"bin_width: expected None, since freqs is a"),
        ({"freqs": [1.0, np.nan] * u.Hz, "bin_width": 1 * u.ms}, r"freqs: expected one or more"),
    ):
        with pytest.raises(ParameterError, match=rf"PoissonSpike\.{words}"):
            PoissonSpike(3, **arguments)
    with pytest.raises(InputError, match=r"a source that depends on the time does not know it"):
        PoissonSpike(3, late)()
    drawn = PoissonSpike(3, freqs=Uniform(1 * u.Hz, 2 * u.Hz))
    assert drawn.freqs.shape == (3,)


@pytest.mark.parametrize("dt", [0.1 * u.ms, 1e-4 * u.second, 1.0 * u.ms])
def test_poisson_spikes_have_fano_factor_one_and_are_independent(dt: Any) -> None:
    """200 ms windows of 100 neurons at 50 Hz, 20 of them; each bound is 5 standard errors."""
    steps = round(float(u.get_magnitude(200 * u.ms / dt)))
    source = PoissonSpike(100, 50 * u.Hz, spk_type=int)
    totals = repeated(source, 20 * steps, dt).reshape(20, steps, 100).sum(1)
    n = totals.size
    assert totals.mean() == pytest.approx(10.0, abs=5 * np.sqrt(10.0 / n))
    assert fano(totals) == pytest.approx(1.0, abs=5 * np.sqrt(2.0 / n))
    z = (totals - totals.mean()) / totals.std()
    pairs = z.T @ z / 20
    off = pairs[~np.eye(100, dtype=bool)]
    # The mean of the correlations of all pairs has the standard error 1 / sqrt(20 * 4950).
    assert off.mean() == pytest.approx(0.0, abs=5 / np.sqrt(20 * 4950))
    assert off.std() == pytest.approx(1 / np.sqrt(20), rel=0.1)
    after = (z[1:] * z[:-1]).mean()
    assert after == pytest.approx(0.0, abs=5 / np.sqrt(19 * 100))


def test_poisson_spikes_are_a_type_of_number_or_bool() -> None:
    assert repeated(PoissonSpike(3, 1 * u.Hz, spk_type=float), 2).dtype == np.float32
    with pytest.raises(ParameterError, match=r"PoissonSpike\.spk_type: expected bool or a type"):
        PoissonSpike(3, 1 * u.Hz, spk_type="spikes")


def test_a_source_takes_a_new_batch_size_in_a_network_that_has_run() -> None:
    source = PoissonSpike(5, 100 * u.Hz)
    assert source().shape == (5,)
    brainstate.nn.init_all_states(source, batch_size=2)
    assert source().shape == (2, 5)
    brainstate.nn.init_all_states(source)
    assert source().shape == (5,)


def test_encoder_draws_each_row_of_a_batch_for_itself() -> None:
    rates = jnp.full((2, 3, 50), 1000.0) * u.Hz
    encoder = PoissonEncoder((3, 50))
    spikes = np.asarray(brainstate.transform.for_loop(lambda i: encoder(rates), jnp.arange(400)))
    assert spikes.shape == (400, 2, 3, 50)
    p = 0.1
    both = (spikes[:, 0] & spikes[:, 1]).mean()
    assert both == pytest.approx(p**2, abs=5 * np.sqrt(p**2 / spikes[:, 0].size))
    assert spikes.mean() == pytest.approx(p, abs=5 * np.sqrt(p / spikes.size))


def test_encoder_takes_rates_per_neuron_and_its_own_batch() -> None:
    encoder = brainstate.nn.init_all_states(PoissonEncoder(4, spk_type=int), batch_size=500)
    rates = np.array([0.0, 10.0, 1e3, 1e4])
    with brainstate.environ.context(dt=1.0 * u.ms):
        counts = np.asarray(encoder(rates * u.Hz))
        assert encoder(5.0 * u.Hz).shape == (500, 4)
    mean = rates * 1e-3
    assert np.all(np.abs(counts.mean(0) - mean) <= 5 * np.sqrt(mean / 500))


@pytest.mark.parametrize(
    "rates", [5.0, 5.0 * u.ms, -5.0 * u.Hz, jnp.ones(4) * u.Hz, jnp.ones((2, 2, 3)) * u.Hz]
)
def test_encoder_refuses_bad_rates(rates: Any) -> None:
    with pytest.raises(InputError, match=r"PoissonEncoder\.update\(freqs\): expected"):
        PoissonEncoder(3)(rates)


@pytest.mark.parametrize(
    ("mean", "per_neuron"),
    [(0.05, False), (1.0, False), (9.5, False), (100.0, False), (2000.0, False), (5.0, True)],
)
def test_poisson_input_counts_are_poisson(mean: float, per_neuron: bool) -> None:
    """Mean, variance (5 standard errors each) and distribution at a step of 1 ms."""
    n = 40_000
    target = brainstate.nn.init_all_states(LIF(n, V_th=1e6 * u.mV)).V
    rate = mean * 10 * (np.ones(n) if per_neuron else 1.0) * u.Hz
    with brainstate.environ.context(dt=1.0 * u.ms):
        brainstate.transform.jit(lambda: poisson_input(rate, 100, 1.0 * u.mV, target))()
    counts = np.asarray(target.value.to_decimal(u.mV)).astype(int)
    assert counts.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / n))
    assert counts.var() == pytest.approx(mean, abs=5 * np.sqrt((mean + 2 * mean**2) / n))
    found = np.bincount(counts, minlength=int(mean + 10))
    expected = n * stats.poisson.pmf(np.arange(len(found)), mean)
    kept = expected > 10
    left = n - expected[kept].sum()
    squares = (found - expected)[kept] ** 2 / expected[kept]
    rest = (n - found[kept].sum() - left) ** 2 / max(left, 1.0)
    assert stats.chi2.sf(squares.sum() + rest, kept.sum()) > 1e-5


def test_poisson_input_at_rate_zero_adds_nothing() -> None:
    target = brainstate.nn.init_all_states(LIF(1000, V_th=1e6 * u.mV)).V
    for _ in range(20):
        poisson_input(0.0 * u.Hz, 1000, 1.0 * u.mV, target)
    assert np.all(target.value.mantissa == 0.0)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_poisson_input_shot_noise(dt: float) -> None:
    """Jumps of 0.1 mV at 10 kHz, tau 20 ms: mean 20.000 mV, standard deviation 1.000 mV."""

    class Driven(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron = LIF(2000, tau=20 * u.ms, V_th=1e6 * u.mV, V_initializer=20 * u.mV)
            self.noise = PoissonInput(self.neuron.prefetch("V"), None, 1000, 10 * u.Hz, 0.1 * u.mV)
            self.before = brainstate.ShortTermState(20.0 * jnp.ones(2000) * u.mV)

        def update(self) -> None:
            self.before.value = self.neuron.V.value * np.exp(-dt / 20)
            self.noise()
            self.neuron()

    chosen = ["neuron.V", "before"]
    recording = simulate(Driven(), 400 * u.ms, dt=dt * u.ms, record=chosen, progress=False)
    # Every 100 ms, when what was has decayed to e^-5: 8000 values that are as good as independent.
    every = round(100 / dt)
    after, before = (recording[name].values.to_decimal(u.mV)[every - 1 :: every] for name in chosen)
    n = after.size
    assert n == 8000
    # V is 20 mV on average between the steps: half way from after a jump to before the next.
    middle = 0.5 * (after.mean() * np.exp(-dt / 40) + before.mean() * np.exp(dt / 40))
    assert middle == pytest.approx(20.0, abs=5 / np.sqrt(n))
    # Exactly, the variance of a sum of jumps that decay by a in each step is J^2 nu dt / (1 - a^2).
    spread = np.sqrt(0.01 * 10 * dt / -np.expm1(-2 * dt / 20))
    assert after.std() == pytest.approx(spread, abs=5 * spread / np.sqrt(2 * n))
    assert before.std() * np.exp(dt / 40) == pytest.approx(1.0, abs=5 / np.sqrt(2 * n))


def test_a_network_calls_poisson_input_before_its_populations() -> None:
    net = Network()
    net.neuron = LIF(10, V_th=1e6 * u.mV)
    net.noise = PoissonInput(net.neuron.prefetch("V"), None, 1000, 100 * u.Hz, 1.0 * u.mV)
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(net)
        net()
    assert (net.neuron.V.value > 0 * u.mV).all()


def test_poisson_input_leaves_refractory_neurons_alone() -> None:
    target = brainstate.nn.init_all_states(LIF(4, V_th=1e6 * u.mV), batch_size=2).V
    held = np.array([[True, False, False, True], [False, False, True, True]])
    poisson_input(1e3 * u.Hz, 1000, 1.0 * u.mV, target, refractory=held)
    np.testing.assert_array_equal(np.asarray(target.value.mantissa) == 0.0, held)
    target.value = 0.0 * target.value
    poisson_input(1e3 * u.Hz, 1000, 1.0 * u.mV, target, [0, 1], refractory=held)
    touched = np.asarray(target.value.mantissa) != 0.0
    np.testing.assert_array_equal(touched, [[0, 1, 0, 0], [1, 1, 0, 0]])


def test_poisson_input_function_refuses_what_does_not_fit() -> None:
    target = brainstate.nn.init_all_states(LIF(4, V_th=1e6 * u.mV)).V
    good = (5.0 * u.Hz, 10, 1.0 * u.mV, target)
    for position, value, error, words in (
        (0, 5.0, UnitError, r"poisson_input\.freq: expected a frequency >= 0"),
        (0, -5.0 * u.Hz, ParameterError, r"poisson_input\.freq: expected a frequency >= 0"),
        (1, -10, ParameterError, r"poisson_input\.num_input: expected a whole number >= 1"),
        (2, 1.0 * u.mA, InputError, r"poisson_input\.weight: expected a voltage"),
        (3, 5.0, ParameterError, r"poisson_input\.target: expected a state"),
    ):
        with pytest.raises(error, match=words):
            poisson_input(*good[:position], value, *good[position + 1 :])


def test_poisson_input_drives_the_chosen_neurons_in_their_unit() -> None:
    target = LIF(4, V_th=1e6 * u.mV)
    noise = PoissonInput(target.prefetch("V"), [1, 3], 1000, 1e5 * u.Hz, 0.001 * u.volt)
    brainstate.nn.init_all_states([noise, target])
    noise()
    target()
    V = np.asarray(target.V.value.to_decimal(u.mV))
    assert np.all(V[[0, 2]] == 0)
    assert np.all(V[[1, 3]] > 5000)
    wrong = PoissonInput(target.prefetch("V"), None, 10, 10 * u.Hz, 1.0 * u.mA)
    brainstate.nn.init_all_states(wrong)
    with pytest.raises(InputError, match=r"PoissonInput\.weight: expected a voltage"):
        wrong()
    with pytest.raises(ParameterError, match=r"PoissonInput\.num_input: expected a whole number"):
        PoissonInput(target.prefetch("V"), None, 0, 10 * u.Hz, 1.0 * u.mV)
    with pytest.raises(ParameterError, match=r"PoissonInput\.target: expected a state"):
        PoissonInput(target, None, 10, 10 * u.Hz, 1.0 * u.mV)


@pytest.mark.parametrize("first", ["noise", "neuron"])
def test_poisson_input_makes_neurons_spike(first: str) -> None:
    """Jumps across the threshold are seen, in any order of calls, and those onto a refractory
    neuron are lost: it rests at its reset potential."""
    neuron = LIFRef(50, tau_ref=2 * u.ms, V_th=10 * u.mV, V_reset=0 * u.mV, spk_reset="hard")
    noise = PoissonInput(neuron.prefetch("V"), None, 1000, 40 * u.Hz, 1.0 * u.mV)
    brainstate.nn.init_all_states([neuron, noise])

    def step(i: Any) -> Any:
        for called in (noise, neuron) if first == "noise" else (neuron, noise):
            called()
        return neuron.get_spike(), neuron.V.value.to_decimal(u.mV)

    run = brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, jnp.arange(500)))
    spikes, V = map(np.asarray, run())
    assert spikes.sum() > 200
    for i, k in np.argwhere(spikes[:-21] > 0):
        assert (V[i + 1 : i + 20, k] == 0.0).all()


def test_spike_times_keep_late_times_and_take_a_rule() -> None:
    late = np.array([1_000_000.3])
    source = SpikeTime(1, indices=[0], times=late * u.ms, time_as_step=np.floor)
    assert np.argmax(repeated(source, 10, first=10_000_000)) == 3


def test_no_spike_times_give_no_spikes() -> None:
    assert not repeated(SpikeTime(3, indices=[], times=[] * u.ms), 4).any()


@pytest.mark.parametrize("dt", [0.1, 0.25, 1.0])
def test_spike_times_become_steps_of_the_current_dt(dt: float) -> None:
    times = np.array([0.0, 0.3, 2.0, 10.0])
    source = SpikeTime(4, indices=[0, 1, 2, 3], times=times * u.ms)
    spikes = repeated(source, round(11 / dt), dt * u.ms)
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
    assert np.argmax(repeated(source, 5)) == step
    exact = SpikeTime(1, indices=[0], times=[0.3] * u.ms, time_as_step=rule)
    assert np.argmax(repeated(exact, 5)) == 3


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
        ({"indices": [0], "times": [1.0] * u.ms, "weights": np.nan}, "weights"),
        ({"indices": [0], "times": [1.0] * u.ms, "weights": [np.inf] * u.mS}, "weights"),
        ({"indices": [0], "times": [1.0] * u.ms, "time_as_step": "up"}, "time_as_step"),
    ],
)
def test_spike_times_refuse_what_does_not_fit(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=rf"SpikeTime\.{message}: expected"):
        SpikeTime(3, **arguments)


def intervals(source: Any, steps: int, dt: float, each: int) -> np.ndarray:
    """The first `each` intervals of each neuron in ms, so that long ones are not left out."""
    counts = repeated(source, steps, dt * u.ms)
    found = []
    for train in counts.T:
        times = np.repeat(np.arange(steps), train) * dt
        assert len(times) > each
        found.append(np.diff(times[: each + 1]))
    return np.concatenate(found)


@pytest.mark.parametrize("cv", [0.25, 1.0])
def test_gamma_intervals_have_their_distribution(cv: float) -> None:
    source = brainstate.nn.init_all_states(GammaSpike(400, 50 * u.Hz, cv, spk_type=int))
    found = intervals(source, 8000, 0.2, each=15)
    # The grid adds the difference of two uniform numbers; a third makes the values continuous.
    dithered = np.abs(found + np.random.default_rng(0).uniform(-0.1, 0.1, found.shape))
    expected = stats.gamma(cv**-2, scale=20 * cv**2)
    assert stats.kstest(dithered, expected.cdf).pvalue > 1e-4
    wrong = stats.gamma((1.15 * cv) ** -2, scale=20 * (1.15 * cv) ** 2)
    assert stats.kstest(dithered, wrong.cdf).pvalue < 1e-4


@pytest.mark.parametrize("cv", [0.3, 2.0])
def test_gamma_spikes_have_rate_and_cv(cv: float) -> None:
    """Also where many fall into one step; 5 standard errors of the mean interval."""
    source = brainstate.nn.init_all_states(GammaSpike(400, 50 * u.Hz, cv, spk_type=int))
    found = intervals(source, 600, 5.0, each=15)
    assert found.mean() == pytest.approx(20.0, abs=5 * 20 * cv / np.sqrt(found.size) + 0.03)
    # The grid adds a variance of dt^2 / 6.
    spread = np.sqrt((20 * cv) ** 2 + 5.0**2 / 6)
    kurtosis = 6 * cv**2 + 2
    assert found.std() == pytest.approx(spread, abs=5 * spread * np.sqrt(kurtosis / found.size) / 2)


def test_gamma_spikes_begin_in_equilibrium() -> None:
    """The rate is the same at once, and the first spike has the density f (1 - F)."""
    cv, n, dt = 0.4, 10_000, 1.0
    source = brainstate.nn.init_all_states(GammaSpike(n, 50 * u.Hz, cv))
    counts = repeated(source, round(60 / dt), dt * u.ms)
    per_window = counts.reshape(12, -1, n).sum((1, 2)) / n
    assert np.all(np.abs(per_window - 0.25) <= 5 * np.sqrt(0.25 * 0.75 / n))
    first = dt * (1 + np.argmax(counts, axis=0))[counts.any(0)]
    interval = stats.gamma(cv**-2, scale=20 * cv**2)
    edges = np.arange(0.0, 41.0, 5.0)
    # The integral of 1 - F up to x is x (1 - F(x)) + 20 G(x), G being gamma of shape k + 1.
    above = stats.gamma(cv**-2 + 1, scale=20 * cv**2)
    cumulative = (edges * interval.sf(edges) + 20 * above.cdf(edges)) / 20
    expected = n * np.diff(cumulative)
    found = np.histogram(first, edges + 1e-6)[0]
    assert np.all(np.abs(found - expected) <= 5 * np.sqrt(expected) + 1)


def test_gamma_spikes_may_be_several_in_a_step() -> None:
    source = GammaSpike(500, 10_000 * u.Hz, 0.5, spk_type=int)
    brainstate.nn.init_all_states(source)
    counts = repeated(source, 20, dt=1.0 * u.ms)
    # The variance of the number of spikes in 20 ms is about cv^2 times its mean.
    assert counts.mean() == pytest.approx(10.0, abs=5 * np.sqrt(0.25 * 200 / 500) / 20)


def test_slow_gamma_spikes_are_not_lost_to_rounding() -> None:
    """10^5 steps to the next spike: in single precision alone it would come 0.4 % late."""
    source = brainstate.nn.init_all_states(GammaSpike(2, [0.1, 0.0] * u.Hz, 0.1))
    source.wait.value = jnp.array([1.0, 1e-6])
    spikes = repeated(source, 101_000)
    assert abs(np.argmax(spikes[:, 0]) - 100_000) <= 1
    assert not spikes[:, 1].any()


def test_gamma_spikes_of_a_batch_are_independent_and_reset() -> None:
    source = brainstate.nn.init_all_states(GammaSpike(30, 100 * u.Hz, 0.5), batch_size=2)
    before = np.asarray(source.wait.value)
    assert before.shape == (2, 30)
    assert not np.any(before[0] == before[1])
    spikes = repeated(source, 200)
    assert spikes.shape == (200, 2, 30)
    assert spikes.dtype == bool
    assert not np.array_equal(spikes[:, 0], spikes[:, 1])
    brainstate.nn.reset_all_states(source)
    assert source.wait.value.shape == (2, 30)
    assert not np.any(source.wait_error.value)


def test_gamma_spikes_follow_a_rate_that_changes() -> None:
    """Of 25 intervals each, of which the sum spreads by 0.2 times the root of their number."""
    n, cv = 400, 0.2

    def rising(t: Any) -> Any:
        return jnp.where(t < 100 * u.ms, 50.0, 200.0) * u.Hz

    for source in (
        GammaSpike(n, rising, cv),
        GammaSpike(n, [50.0, 200.0] * u.Hz, cv, bin_width=100 * u.ms),
    ):
        counts = repeated(brainstate.nn.init_all_states(source), 400, 0.5 * u.ms).sum(1)
        before, after = counts[:200].sum() / n, counts[200:].sum() / n
        assert before == pytest.approx(5.0, abs=0.1)
        assert after == pytest.approx(20.0, abs=0.2)


@pytest.mark.parametrize(("cv", "dt", "lost"), [(2.0, 0.1, 13), (1.0, 8.0, 8)])
def test_gamma_spikes_are_not_lost_as_bool(cv: float, dt: float, lost: int) -> None:
    """What is said to be lost is what the numbers of spikes show; rates as low as 20 Hz do."""
    source = brainstate.nn.init_all_states(GammaSpike(2, 20 * u.Hz, cv))
    words = rf"GammaSpike.spk_type: with bool {lost} % of the spikes would be lost"
    with brainstate.environ.context(dt=dt * u.ms), pytest.raises(InputError, match=words):
        source()
    counted = brainstate.nn.init_all_states(GammaSpike(3000, 20 * u.Hz, cv, spk_type=int))
    counts = repeated(counted, 100, dt * u.ms)
    several = np.maximum(counts - 1, 0).sum() / counts.sum()
    assert several == pytest.approx(lost / 100, abs=0.02)


def test_rates_of_a_function_that_cannot_be_drawn_are_told() -> None:
    """They were no spikes, or one in a step, in silence; and jumps of -1 in `PoissonInput`."""

    def at(late: float) -> Any:
        return lambda t: jnp.where((t > 0.2 * u.ms) & (t < 0.4 * u.ms), late, 100.0) * u.Hz

    cells = LIF(2, V_th=1e9 * u.mV)
    net = Network()
    net.cells, net.drive = cells, PoissonInput(cells.prefetch("V"), None, 5, at(np.nan), 1 * u.mV)
    for module, words in (
        (PoissonSpike(2, at(np.nan)), "rate was not finite"),
        (PoissonSpike(2, at(np.nan), spk_type=int), "rate was not finite"),
        (PoissonSpike(2, at(20_000.0)), "above 1 / dt with spk_type=bool"),
        (GammaSpike(2, at(20_000.0), 0.5), "above 1 / dt with spk_type=bool"),
        (net, r"cells.V\[0\] became nan in the step from t = 0.2 ms"),
    ):
        with pytest.raises(NonFiniteError, match=words):
            simulate(module, 1 * u.ms, dt=0.1 * u.ms)


def test_jumps_of_poisson_input_are_one_for_each_neuron() -> None:
    cells = LIF(4)
    noise = PoissonInput(cells.prefetch("V"), None, 5, 1 * u.kHz, np.ones(3) * u.mV)
    brainstate.nn.init_all_states([cells, noise])
    with pytest.raises(InputError, match=r"PoissonInput.weight: expected one, .* got shape \(3,\)"):
        noise()


def test_late_times_need_their_digits() -> None:
    late = 1e8 + 1.0
    single = SpikeTime(1, [0], [late] * u.ms)
    brainstate.nn.init_all_states(single)
    with brainstate.environ.context(i=0), pytest.raises(InputError, match="known to 8 ms only"):
        single()
    double = SpikeTime(1, [0], np.array([late]) * u.ms)
    recording = simulate(double, 2 * u.ms, dt=0.1 * u.ms, start=1e8 * u.ms, record="spikes")
    assert recording["spikes"].t.to_decimal(u.ms) == pytest.approx([late], rel=1e-12)


def test_gamma_spikes_refuse_bad_parameters() -> None:
    for arguments, words in (
        ((-1 * u.Hz, 0.5), "freqs: expected a frequency >= 0"),
        ((1 * u.Hz, 0.0), "cv: expected a number without unit > 0"),
        ((1 * u.Hz, 0.5 * u.ms), "cv: expected a number without unit"),
    ):
        with pytest.raises(ParameterError, match=rf"GammaSpike\.{words}"):
            GammaSpike(3, *arguments)


def test_inhomogeneous_poisson_follows_a_function() -> None:
    dt = 5e-4 * u.second

    def rate(t: Any) -> Any:
        return 500.0 * (1.0 + jnp.sin(2 * jnp.pi * 0.05 * t.to_decimal(u.ms))) * u.Hz

    n, steps = 4000, round(float(u.get_magnitude(20 * u.ms / dt)))
    counts = repeated(InhomogeneousPoisson(n, rate, spk_type=int), steps, dt)
    quarters = counts.reshape(4, -1, n).sum((1, 2)) / n
    # The integral of the rate over each quarter of its period of 20 ms.
    expected = 0.5 * (5 + np.array([1, 1, -1, -1]) * 10 / np.pi)
    assert np.all(np.abs(quarters - expected) <= 5 * np.sqrt(expected / n) + 1e-3 * expected)


def test_inhomogeneous_poisson_follows_bins() -> None:
    rates = np.array([[0.0, 100.0], [1000.0, 0.0], [0.0, 500.0]])
    source = InhomogeneousPoisson(2, rates * u.Hz, bin_width=1.0 * u.ms)
    brainstate.nn.init_all_states(source, batch_size=3000)
    for dt, steps in ((0.1, 10), (1.0, 1)):
        spikes = repeated(source, 4 * steps, dt * u.ms)
        seen = spikes.reshape(4, steps, 3000, 2).mean((1, 2))
        p = np.concatenate([rates, [[0.0, 0.0]]]) * dt * 1e-3
        n = steps * 3000
        assert np.all(np.abs(seen - p) <= 5 * np.sqrt(p * (1 - p) / n))
    with pytest.raises(InputError, match=r"InhomogeneousPoisson\.bin_width: expected at least dt"):
        repeated(source, 2, dt=2.0 * u.ms)


def test_inhomogeneous_poisson_takes_negative_rates_as_zero() -> None:
    assert not repeated(InhomogeneousPoisson(50, lambda t: -100.0 * u.Hz), 50).any()
    assert not repeated(InhomogeneousPoisson(50, lambda t: -100.0 * u.Hz, spk_type=int), 50).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1.0, -2.0] * u.Hz, 1 * u.ms), "rate: expected one or more frequencies >= 0"),
        (([1.0, 2.0], 1 * u.ms), "rate: expected a frequency"),
        ((np.ones((2, 4)) * u.Hz, 1 * u.ms), "rate: expected an array of shape"),
        (([1.0, 2.0] * u.Hz,), "rate: expected a scalar, shape .* needs bin_width="),
        (([1.0, 2.0] * u.Hz, -1 * u.ms), "bin_width: expected a time > 0"),
        ((lambda t: 5 * u.Hz, 1 * u.ms), "bin_width: expected None"),
    ],
)
def test_inhomogeneous_poisson_refuses_bad_rates(arguments: Any, words: str) -> None:
    with pytest.raises(ParameterError, match=rf"InhomogeneousPoisson\.{words}"):
        InhomogeneousPoisson(3, *arguments)


def test_inhomogeneous_poisson_checks_what_the_function_returns() -> None:
    for rate in (lambda t: 5.0, lambda t: np.ones(2) * u.Hz):
        with pytest.raises(InputError, match=r"InhomogeneousPoisson\.rate\(t\): expected"):
            repeated(InhomogeneousPoisson(3, rate), 1)


@pytest.fixture(scope="module")
def recorded() -> SpikeEvents:
    neuron = LIF((2, 10), tau=20 * u.ms, V_th=20 * u.mV)
    drive = np.linspace(21, 60, 20).reshape(2, 10) * u.mA
    with brainstate.environ.context(dt=0.1 * u.ms):
        return simulate(neuron, 100 * u.ms, inputs=lambda t: drive, record="spikes")["spikes"]


def raster(events: SpikeEvents, steps: int) -> np.ndarray:
    """What projections see in each step: a spike acts from the step that begins at its time."""
    filled = np.zeros((steps, events.size), bool)
    seen = events.step < steps
    filled[events.step[seen], events.index[seen]] = True
    return filled


def test_replay_gives_the_recorded_spikes(recorded: SpikeEvents, tmp_path: Path) -> None:
    expected = raster(recorded, 1000)
    assert expected.sum() >= len(recorded) - 1 > 50
    recorded.save(tmp_path / "spikes.csv")
    recorded.save(tmp_path / "spikes.npz")
    for given in (
        recorded,
        (recorded.t, recorded.index),
        tmp_path / "spikes.csv",
        str(tmp_path / "spikes.npz"),
    ):
        replay = ReplaySpikes((2, 10), given)
        np.testing.assert_array_equal(repeated(replay, 1000).reshape(1000, 20), expected)
    brainstate.nn.init_all_states(replay, batch_size=2)
    both = repeated(replay, 1000).reshape(1000, 2, 20)
    np.testing.assert_array_equal(both, np.stack([expected, expected], 1))


@pytest.mark.parametrize("dt", [0.05, 0.25, 1.0])
def test_replay_keeps_times_at_any_step(recorded: SpikeEvents, dt: float) -> None:
    counts = repeated(ReplaySpikes((2, 10), recorded, spk_type=int), round(101 / dt), dt * u.ms)
    step, _ = np.nonzero(counts.reshape(len(counts), -1))
    assert counts.sum() == len(recorded)
    times = np.sort(np.repeat(step * dt, counts[counts > 0]))
    late = times - np.sort(recorded.t.to_decimal(u.ms))
    assert np.all((late > -1e-9) & (late < dt - 1e-9))


def test_replay_can_start_later_and_repeat(recorded: SpikeEvents) -> None:
    expected = raster(recorded, 1000)
    shifted = ReplaySpikes((2, 10), recorded, start=20 * u.ms, repeat_every=recorded.duration)
    seen = repeated(shifted, 2500).reshape(2500, 20)
    assert not seen[:200].any()
    at_the_end = recorded.index[recorded.step == 1000]  # acts as the next period begins
    np.testing.assert_array_equal(seen[200:1200], expected)
    expected[0, at_the_end] = True
    np.testing.assert_array_equal(seen[1200:2200], expected)
    skipped = ReplaySpikes((2, 10), recorded, start=-50 * u.ms)
    np.testing.assert_array_equal(repeated(skipped, 500).reshape(500, 20), expected[500:])
    late = repeated(shifted, 1000, first=200 + 1_000_000_000).reshape(1000, 20)
    np.testing.assert_array_equal(late, expected)


def test_replay_gives_each_member_of_the_batch_its_trial(tmp_path: Path) -> None:
    given = np.array([1, 2, 2, 5]), np.array([0, 1, 2, 0]), np.array([0, 0, 1, 1])
    events = SpikeEvents(*given, 3, 2, 0.1 * u.ms, 0, 6)
    events.save(tmp_path / "spikes.csv")
    for source in (events, tmp_path / "spikes.csv"):
        replay = ReplaySpikes(3, source)
        with pytest.raises(InputError, match=r"ReplaySpikes: there are 2 trials.*batch_size=2"):
            repeated(replay, 6)
        brainstate.nn.init_all_states(replay, batch_size=2)
        step, trial, neuron = np.nonzero(repeated(replay, 6))
        found = sorted(zip(step, neuron, trial, strict=True))
        np.testing.assert_array_equal(found, np.stack(given, 1))
        one = ReplaySpikes(3, source, trial=1)
        np.testing.assert_array_equal(np.stack(np.nonzero(repeated(one, 6)), 1), [[2, 2], [5, 0]])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"spikes": 5}, "spikes: expected recorded events"),
        ({"spikes": ([1.0] * u.ms, [3])}, "spikes: expected neurons from 0 to 2"),
        ({"spikes": ([1.0] * u.ms, [0.5])}, "spikes: expected a list of whole numbers"),
        ({"spikes": ([-1.0] * u.ms, [0])}, "spikes: expected times >= 0"),
        ({"spikes": ([1.0], [0])}, "spikes: expected 1 times"),
        ({"spikes": ([1.0, 2.0] * u.ms, [0])}, "spikes: expected 1 times"),
        ({"spikes": "spikes.txt"}, "spikes: expected a .npz or .csv file"),
        ({"spikes": ([5.0] * u.ms, [0]), "repeat_every": 4 * u.ms}, "repeat_every: expected"),
        ({"spikes": ([5.0] * u.ms, [0]), "trial": 1}, "trial: expected a trial below 1"),
        ({"spikes": ([5.0] * u.ms, [0]), "trial": -1}, "trial: expected a whole number"),
        ({"spikes": ([5.0] * u.ms, [0]), "start": 1.0}, "start: expected a time"),
    ],
)
def test_replay_refuses_what_does_not_fit(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=rf"ReplaySpikes\.{words}"):
        ReplaySpikes(3, **arguments)


def test_replay_repeats_with_a_whole_number_of_steps() -> None:
    replay = ReplaySpikes(1, ([0.1] * u.ms, [0]), repeat_every=0.25 * u.ms)
    with pytest.raises(InputError, match=r"ReplaySpikes\.repeat_every: expected a multiple of dt"):
        repeated(replay, 2)


def test_what_a_trace_initialised_ends_with_it() -> None:
    """A batch, the noise of its members and what waits are those from before; or made anew."""
    noise = WienerProcessInput(6, sigma=1.0 * u.mA * u.ms**0.5)
    net = Network()
    net.E = LIF(6, V_th=20 * u.mV)
    net.drive = PoissonInput(net.E.prefetch("V"), None, 100, 100 * u.Hz, 0.1 * u.mV)
    net.given = SpikeTime(6, [1], [0.2] * u.ms)

    @brainstate.transform.jit
    def fresh() -> Any:
        brainstate.nn.init_all_states([net, noise])
        return net.E.V.value

    run = {"duration": 2 * u.ms, "dt": 0.1 * u.ms, "record": "E.V", "inputs": {"E": noise}}
    fresh()
    assert simulate(net, **run)["E.V"].values.shape == (20, 6)  # nothing was left to go on from
    brainstate.nn.init_all_states([net, noise], batch_size=2)
    fresh()
    brainstate.nn.reset_all_states([net, noise])
    V = simulate(net, **run)["E.V"].values.to_decimal(u.mV)
    assert V.shape == (20, 2, 6)
    assert np.all(np.abs(V[-1, 0] - V[-1, 1]) > 1e-3)
