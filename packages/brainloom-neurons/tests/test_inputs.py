"""Input currents: timing, accuracy at late times, and the statistics of noise."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import ParameterError, UnitError, simulate
from brainloom_neurons import (
    LIF,
    ConstantInput,
    OUProcessInput,
    RampInput,
    SectionInput,
    SinusoidalInput,
    StepInput,
    WienerProcessInput,
)

NOISE = 1.0 * u.mA * u.ms**0.5


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.random.seed(0)
    brainstate.environ.set(dt=0.1 * u.ms)


def series(source: Any, steps: int, dt: Any = 0.1 * u.ms, first: int = 0) -> np.ndarray:
    """The values of the steps in mA, from one compiled loop."""

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=first + i, dt=dt):
            return source()

    run = brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, jnp.arange(steps)))
    return np.asarray(run().to_decimal(u.mA), np.float64)


@pytest.mark.parametrize("dt", [0.1 * u.ms, 5e-4 * u.second, 0.7 * u.ms])
def test_sections_follow_each_other_at_any_step(dt: Any) -> None:
    source = SectionInput(2, [1.0, -2.0, 0.5] * u.mA, [2.1, 4.2, 0.7] * u.ms)
    width = float(dt.to_decimal(u.ms))
    ends = np.round(np.array([2.1, 6.3, 7.0]) / width)
    steps = np.arange(100)
    expected = np.array([1.0, -2.0, 0.5, 0.0])[np.searchsorted(ends, steps, side="right")]
    np.testing.assert_allclose(series(source, 100, dt), np.tile(expected, (2, 1)).T)


def test_sections_and_steps_take_values_per_neuron_and_batch() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    for source in (
        SectionInput(2, values * u.mA, [0.2, 0.1] * u.ms),
        StepInput(2, values * u.mA, [0.0, 0.2] * u.ms),
    ):
        brainstate.nn.init_all_states(source, batch_size=3)
        seen = series(source, 3)
        assert seen.shape == (3, 3, 2)
        np.testing.assert_allclose(seen[:, 1], values[[0, 0, 1]])


@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_a_constant_ends_and_one_without_duration_does_not(dt: float) -> None:
    seen = series(ConstantInput(1, [2.0] * u.mA, 3 * u.ms), 50, dt * u.ms)[:, 0]
    np.testing.assert_array_equal(seen, 2.0 * (np.arange(50) < round(3 / dt)))
    late = 2_000_000_000
    assert series(ConstantInput(1, 2.0 * u.mA), 2, first=late)[-1] == 2.0
    assert series(ConstantInput(1, 2.0 * u.mA, 1e12 * u.ms), 2, first=late)[-1] == 2.0


def test_steps_stay_and_may_come_in_any_order() -> None:
    source = StepInput(1, [5.0, 1.0] * u.mA, [2.0, 1.0] * u.ms)
    seen = series(source, 40)[:, 0]
    np.testing.assert_array_equal(seen, np.repeat([0.0, 1.0, 5.0], [10, 10, 20]))
    assert series(source, 1, first=2_000_000_000)[0, 0] == 5.0


@pytest.mark.parametrize("dt", [0.1, 0.25])
def test_a_ramp_is_linear_in_its_window(dt: float) -> None:
    source = RampInput(1, -1.0 * u.mA, 3000.0 * u.uA, 10 * u.ms, t_start=5 * u.ms)
    t = np.arange(round(20 / dt)) * dt
    inside = (t > 5 - dt / 2) & (t < 15 - dt / 2)
    expected = np.where(inside, -1.0 + 4.0 * (t - 5) / 10, 0.0)
    np.testing.assert_allclose(series(source, len(t), dt * u.ms)[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize("first", [0, 10_000_000, 2_000_000_000])
@pytest.mark.parametrize("dt", [0.1 * u.ms, 1e-4 * u.second])
def test_a_sine_keeps_its_phase(first: int, dt: Any) -> None:
    """To 1e-5 of the amplitude, at an hour of biological time and at the last steps there are."""
    frequency = np.array([37.123, 1234.5])
    source = SinusoidalInput(2, 1 * u.mA, frequency * u.Hz, bias=2000 * u.uA, phase=0.5)
    steps = first + np.arange(200)
    # The frequencies are in single precision, whose exact values are meant here.
    exact = frequency.astype(np.float32).astype(np.float64)
    cycles = np.mod(steps[:, None] * (exact * 1e-4), 1.0)
    expected = 2.0 + np.sin(2 * np.pi * cycles + 0.5)
    np.testing.assert_allclose(series(source, 200, dt, first), expected, atol=1e-5)


def test_a_sine_ends_and_may_be_trained() -> None:
    assert not series(SinusoidalInput(1, 1 * u.mA, 30 * u.Hz, 1 * u.ms), 5, first=10).any()
    source = SinusoidalInput(1, brainstate.ParamState(2.0 * u.mA), brainstate.ParamState(50 * u.Hz))
    expected = 2.0 * np.sin(2 * np.pi * 50e-4 * np.arange(100))
    np.testing.assert_allclose(series(source, 100)[:, 0], expected, atol=1e-5)


def test_currents_serve_where_only_the_time_is_known() -> None:
    source = StepInput(1, [1.0, 2.0] * u.mA, [0.0, 1.0] * u.ms)
    with brainstate.environ.context(t=1.0 * u.ms):
        assert source() == 2.0 * u.mA
    assert source(0.9 * u.ms) == 1.0 * u.mA
    with brainstate.environ.context(i=10, t=0.0 * u.ms):
        assert source(0.0 * u.ms) == 2.0 * u.mA


def test_currents_drive_a_neuron_in_a_simulation() -> None:
    neuron = LIF(1, tau=10 * u.ms, V_th=1e3 * u.mV)
    current = SectionInput(1, [20.0, 0.0] * u.mA, [50.0, 50.0] * u.ms)
    V = simulate(neuron, 100 * u.ms, inputs=current, record="V", progress=False)["V"]
    V = V.values.to_decimal(u.mV)[:, 0]
    t = 0.1 * np.arange(1, 1001)
    rise = 20 * -np.expm1(-np.minimum(t, 50) / 10)
    np.testing.assert_allclose(V, rise * np.exp(-np.maximum(t - 50, 0) / 10), rtol=1e-4)


@pytest.mark.parametrize("dt", [0.1 * u.ms, 1e-4 * u.second, 0.5 * u.ms, 2.0 * u.ms])
@pytest.mark.parametrize("sigma", [NOISE, 1e-3 * u.amp * u.ms**0.5])
def test_white_noise_has_the_same_effect_at_any_step(dt: Any, sigma: Any) -> None:
    """The variance of V is R^2 sigma^2 / (2 tau): 4 ms / (2 * 20 ms) here."""
    neuron = LIF(2000, R=2 * u.ohm, tau=20 * u.ms, V_th=1e6 * u.mV)
    noise = WienerProcessInput(2000, sigma)
    spread = np.sqrt(0.1)
    brainstate.nn.init_all_states(neuron)
    neuron.V.value = spread * jnp.asarray(np.random.default_rng(0).normal(size=2000)) * u.mV

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=i, dt=dt):
            neuron(noise())
            return neuron.V.value

    width = float(dt.to_decimal(u.ms))
    steps = jnp.arange(round(120 / width))
    V = brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, steps))()
    chosen = np.asarray(V.to_decimal(u.mV))[round(60 / width) - 1 :: round(60 / width)]
    # 4000 values, those of one neuron 3 tau apart: 5 standard errors, and what the step is to
    # the membrane: its mean over dt has (dt / tau)^2 / 12 less variance than white noise has.
    expected = 0.1 * (1 - (width / 20) ** 2 / 12)
    assert chosen.var() == pytest.approx(expected, rel=5 * np.sqrt(2 / 4000))
    assert chosen.mean() == pytest.approx(0.0, abs=5 * spread / np.sqrt(4000))


def test_white_noise_is_white_and_independent() -> None:
    noise = brainstate.nn.init_all_states(WienerProcessInput(50, NOISE, 150 * u.ms), batch_size=2)
    seen = series(noise, 1600)
    assert seen.shape == (1600, 2, 50)
    assert not seen[1500:].any()
    z = seen[:1500] * np.sqrt(0.1)
    bound = 5 / np.sqrt(1500 * 50)
    assert z.var() == pytest.approx(1.0, abs=5 * np.sqrt(2 / z.size))
    assert (z[1:] * z[:-1]).mean() == pytest.approx(0.0, abs=bound)
    assert (z[:, 0] * z[:, 1]).mean() == pytest.approx(0.0, abs=bound)
    assert (z[..., 1:] * z[..., :-1]).mean() == pytest.approx(0.0, abs=bound)


@pytest.mark.parametrize("dt", [0.05 * u.ms, 0.1 * u.ms, 1e-4 * u.second, 0.5 * u.ms, 2.0 * u.ms])
def test_ou_process_is_the_same_at_any_step(dt: Any) -> None:
    """Mean, variance and autocorrelation over 4 ms of 4000 processes; 5 standard errors each."""
    n, tau, spread = 4000, 4.0, 0.5
    sigma = spread * u.mA * (2 / (tau * u.ms)) ** 0.5
    source = OUProcessInput(n, 1.5 * u.mA, sigma, tau * u.ms, x_initializer="stationary")
    brainstate.nn.init_all_states(source)
    start = np.asarray(source.x.value.to_decimal(u.mA))
    lag = round(4.0 / float(dt.to_decimal(u.ms)))
    x = np.stack([start, *series(source, 3 * lag, dt)[lag - 1 :: lag]])
    assert np.all(np.abs(x.mean(1) - 1.5) <= 5 * spread / np.sqrt(n))
    assert np.all(np.abs(x.var(1) - spread**2) <= 5 * spread**2 * np.sqrt(2 / n))
    z = (x - 1.5) / spread
    for apart in (1, 2, 3):
        found = (z[apart:] * z[:-apart]).mean(1)
        assert np.all(np.abs(found - np.exp(-apart)) <= 5 * np.sqrt(2 / n))


def test_ou_process_spreads_from_its_mean() -> None:
    source = OUProcessInput(4000, 2.0 * u.mA, 0.1 * u.mA / u.ms**0.5, 5 * u.ms, 10 * u.ms)
    brainstate.nn.init_all_states(source)
    np.testing.assert_array_equal(source.x.value.to_decimal(u.mA), 2.0)
    seen = series(source, 110)
    t = 0.1 * np.arange(1, 101)
    expected = 0.01 * 2.5 * -np.expm1(-2 * t / 5)
    assert np.all(np.abs(seen[:100].var(1) / expected - 1) <= 5 * np.sqrt(2 / 4000))
    assert not seen[100:].any()
    assert np.all(np.abs(source.x.value.to_decimal(u.mA) - 2.0) < 1.0)


def test_ou_process_is_batched_and_reset() -> None:
    source = OUProcessInput((2, 3), 1.0 * u.mA, 1.0 * u.mA / u.ms**0.5, 5 * u.ms)
    brainstate.nn.init_all_states(source, batch_size=4)
    seen = series(source, 20)
    assert seen.shape == (20, 4, 2, 3)
    assert len(np.unique(seen[-1])) == 24
    brainstate.nn.reset_all_states(source)
    np.testing.assert_array_equal(source.x.value.to_decimal(u.mA), np.ones((4, 2, 3)))


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (500 * u.uA, [0.5, 0.5]),
        ([1.0, 2.0] * u.mA, [1.0, 2.0]),
        (lambda shape: jnp.full(shape, 3.0) * u.mA, [3.0, 3.0]),
    ],
)
def test_ou_process_starts_where_it_is_told(start: Any, expected: list[float]) -> None:
    source = OUProcessInput(2, 1 * u.mA, 0 * u.mA / u.ms**0.5, 5 * u.ms, x_initializer=start)
    brainstate.nn.init_all_states(source)
    np.testing.assert_allclose(source.x.value.to_decimal(u.mA), expected, rtol=1e-6)
    decayed = 1 + (np.array(expected) - 1) * np.exp(-0.5)
    np.testing.assert_allclose(series(source, 25)[-1], decayed, rtol=1e-5)


def test_noise_of_models_of_a_vmap_differs() -> None:
    white = WienerProcessInput(4, NOISE)
    draws = brainstate.transform.vmap(lambda _: white())(jnp.arange(3))
    assert len(np.unique(draws.mantissa)) == 12
    coloured = OUProcessInput(4, 1 * u.mA, 1 * u.mA / u.ms**0.5, 5 * u.ms)
    brainstate.nn.vmap_init_all_states(coloured, axis_size=3, state_tag="batch")
    mapped = brainstate.nn.Vmap(coloured, vmap_states="batch", axis_size=3)
    assert len(np.unique(mapped().mantissa)) == 12


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: WienerProcessInput(2, 1 * u.mA), UnitError, "sigma: expected a current times"),
        (lambda: WienerProcessInput(2, 1.0), UnitError, "sigma: expected a current times"),
        (lambda: WienerProcessInput(2, -NOISE), ParameterError, "sigma: expected"),
        (lambda: WienerProcessInput(2, NOISE, -1 * u.ms), ParameterError, "duration: expected"),
        (
            lambda: OUProcessInput(2, 1 * u.mA, 0.5 * u.mA, 5 * u.ms),
            UnitError,
            r"sigma: expected mean's unit divided by .* for example 0\.1 mA / ms\^0\.5",
        ),
        (
            lambda: OUProcessInput(2, 1 * u.mA, 0.5 * u.mA / u.ms**0.5, 0 * u.ms),
            ParameterError,
            "tau: expected a time > 0",
        ),
        (
            lambda: OUProcessInput(
                2, 1 * u.mA, 0.5 * u.mA / u.ms**0.5, 5 * u.ms, x_initializer="zero"
            ),
            ParameterError,
            "x_initializer: expected 'mean', 'stationary'",
        ),
        (
            lambda: OUProcessInput(
                2, 1 * u.mA, 0.5 * u.mA / u.ms**0.5, 5 * u.ms, x_initializer=1 * u.mV
            ),
            UnitError,
            "x_initializer: expected a current",
        ),
        (
            lambda: ConstantInput(2, 1 * u.mA, -1 * u.ms),
            ParameterError,
            "duration: expected a time",
        ),
        (lambda: ConstantInput(2, [1, 2, 3] * u.mA), ParameterError, "value: expected a scalar"),
        (
            lambda: SectionInput(2, [1, 2] * u.mA, [5, -5] * u.ms),
            ParameterError,
            "durations: expected times >= 0",
        ),
        (
            lambda: SectionInput(2, [1, 2] * u.mA, [5] * u.ms),
            ParameterError,
            "durations: expected a list of 2 times",
        ),
        (
            lambda: SectionInput(2, [1, 2] * u.mA, [5, 5]),
            ParameterError,
            "durations: expected a list of 2 times",
        ),
        (lambda: SectionInput(2, 1 * u.mA, [5] * u.ms), ParameterError, "values: expected a list"),
        (
            lambda: SectionInput(2, [1 * u.mA, 1 * u.mV], [5, 5] * u.ms),
            ParameterError,
            "values: expected a list",
        ),
        (
            lambda: StepInput(2, np.ones((1, 3)) * u.mA, [5] * u.ms),
            ParameterError,
            "amplitudes: expected values that are scalars or of shape",
        ),
        (
            lambda: StepInput(2, [1, np.nan] * u.mA, [0, 5] * u.ms),
            ParameterError,
            "amplitudes: expected a finite value",
        ),
        (
            lambda: StepInput(2, [1, 2] * u.mA, [-1, 5] * u.ms),
            ParameterError,
            "step_times: expected times >= 0",
        ),
        (
            lambda: RampInput(2, 1 * u.mA, 1 * u.mV, 5 * u.ms),
            UnitError,
            "c_end: expected a current like c_start",
        ),
        (
            lambda: RampInput(2, 1 * u.mA, 1 * u.mA, 5 * u.ms, -1 * u.ms),
            ParameterError,
            "t_start: expected a time >= 0",
        ),
        (
            lambda: SinusoidalInput(2, 1 * u.mA, 0 * u.Hz),
            ParameterError,
            "frequency: expected a frequency > 0",
        ),
        (
            lambda: SinusoidalInput(2, 1 * u.mA, 5 * u.Hz, bias=1 * u.mV),
            UnitError,
            "bias: expected a current like amplitude",
        ),
        (lambda: ConstantInput(0, 1 * u.mA), ParameterError, "in_size: expected a whole number"),
    ],
)
def test_bad_arguments_are_refused_by_name(build: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=rf"^\w+Input\.{words}"):
        build()


def test_simulate_takes_a_source_with_states_as_input() -> None:
    """Its states are made where they do not exist, go on, and a change of it takes effect."""
    neuron, noise = (
        LIF(50, V_th=1e6 * u.mV),
        OUProcessInput(
            50, 1.0 * u.mA, 0.0 * u.mA / u.ms**0.5, tau=5.0 * u.ms, x_initializer=3.0 * u.mA
        ),
    )
    simulate(neuron, 10 * u.ms, inputs=noise, progress=False)
    np.testing.assert_allclose(noise.x.value.to_decimal(u.mA), 1.0 + 2.0 * np.exp(-2.0), rtol=1e-4)
    V = neuron.V.value
    noise.mean = 7.0 * u.mA
    simulate(neuron, 0.1 * u.ms, inputs=noise, progress=False)
    assert np.all(noise.x.value.to_decimal(u.mA) > 1.3)  # the process moves to its new mean
    assert np.all(abs((neuron.V.value - V).to_decimal(u.mV)) < 0.1)  # and V was not set back
