"""Encoders: from values to sequences."""

from collections.abc import Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_training.encoders import (
    DeltaEncoder,
    DirectEncoder,
    Encoder,
    LatencyEncoder,
    PopulationEncoder,
    RateEncoder,
)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with brainstate.environ.context(dt=1.0 * u.ms), brainstate.random.seed_context(0):
        yield


# Length


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_the_length_follows_the_duration_and_the_time_step(dt: float) -> None:
    encoder = DirectEncoder(duration=20 * u.ms)
    with brainstate.environ.context(dt=dt * u.ms):
        assert encoder(0.5).shape == (round(20 / dt),)
    assert DirectEncoder(n_steps=7)([[0.5, 0.1]]).shape == (7, 1, 2)


@pytest.mark.parametrize("kind", [DirectEncoder, LatencyEncoder])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected n_steps or duration, got neither"),
        ({"n_steps": 3, "duration": 3 * u.ms}, "expected n_steps or duration, got both"),
        ({"n_steps": 0}, r"\.n_steps: expected a whole number >= 1, got 0"),
        ({"duration": 5.0}, r"\.duration: expected a time > 0 .*got 5"),
    ],
)
def test_a_wrong_length_is_refused(
    kind: type[Encoder], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=kind.__name__ + ".*" + message):
        kind(**arguments)


# Rates


@pytest.mark.parametrize(
    ("encoder", "chance"),
    [
        (RateEncoder(n_steps=20_000), lambda x: x),
        (RateEncoder(n_steps=20_000, max_rate=300 * u.Hz), lambda x: 1 - np.exp(-0.3 * x)),
        (RateEncoder(n_steps=20_000, max_rate=0.3 / u.ms, kind="bernoulli"), lambda x: 0.3 * x),
    ],
)
def test_spikes_come_with_their_probability(encoder: RateEncoder, chance: Any) -> None:
    """Within four standard deviations of the mean of 20000 independent draws."""
    x = np.array([0.0, 0.2, 0.5, 1.0])
    spikes, p = np.asarray(encoder(x)), chance(x)
    assert spikes.dtype == np.float32
    assert set(np.unique(spikes)) == {0.0, 1.0}
    assert np.all(abs(spikes.mean(axis=0) - p) <= 4 * np.sqrt(p * (1 - p) / 20_000))


def test_steps_and_values_are_independent() -> None:
    """The correlation of 20000 pairs has the standard deviation 0.007."""
    spikes = np.asarray(RateEncoder(n_steps=20_000)(np.full(2, 0.3)))
    assert abs(np.corrcoef(spikes.T)[0, 1]) < 0.03
    assert abs(np.corrcoef(spikes[:-1, 0], spikes[1:, 0])[0, 1]) < 0.03


def test_signed_spikes_have_the_sign_of_the_value() -> None:
    spikes = RateEncoder(n_steps=500, signed=True)(np.array([-1.0, -0.5, 0.0, 1.0]))
    np.testing.assert_array_equal(spikes[:, 0], -1.0)
    assert set(np.unique(spikes[:, 1])) == {-1.0, 0.0}
    np.testing.assert_array_equal(spikes[:, 2:], np.tile([0.0, 1.0], (500, 1)))


def test_without_a_length_the_values_are_a_sequence() -> None:
    rates = np.repeat([[0.0, 1.0], [1.0, 0.0]], 4, axis=0)
    np.testing.assert_array_equal(RateEncoder()(rates), rates)


@pytest.mark.parametrize(
    ("encoder", "values", "message"),
    [
        (RateEncoder(n_steps=2), [0.1, 1.5], r"between 0 and 1, got .* from 0\.1 to 1\.5"),
        (RateEncoder(n_steps=2), [-0.1], r"RateEncoder\(values\): .*between 0 and 1"),
        (RateEncoder(n_steps=2, signed=True), [-1.1], "between -1 and 1"),
        (RateEncoder(n_steps=2), [np.nan], "between 0 and 1"),
        (RateEncoder(n_steps=2), 0.5 * u.mV, "numbers without unit"),
        (
            RateEncoder(n_steps=2, max_rate=2000 * u.Hz, kind="bernoulli"),
            [0.1],
            r"RateEncoder\.max_rate: expected at most one spike in a step of 1 ms, got 2000 Hz",
        ),
        (LatencyEncoder(n_steps=2), [2.0], r"LatencyEncoder\(values\): .*between 0 and 1"),
    ],
)
def test_wrong_values_are_refused(encoder: Encoder, values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encoder(values)


# Latencies


def first_spikes(spikes: Any) -> np.ndarray:
    """The step of the only spike, -1 where there is none."""
    spikes = np.asarray(spikes)
    assert np.all(spikes.sum(axis=0) <= 1)
    return np.where(spikes.any(axis=0), spikes.argmax(axis=0), -1)


X = np.array([0.02, 0.1, 0.4, 0.7, 1.0])


@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_a_logarithmic_latency_is_that_of_a_leaky_integrator(dt: float) -> None:
    """It charges to x (1 - exp(-t / tau)) and meets the threshold at the spike."""
    encoder = LatencyEncoder(duration=30 * u.ms, tau=10 * u.ms, threshold=0.01)
    with brainstate.environ.context(dt=dt * u.ms):
        when = first_spikes(encoder(X))
    t = -10 * np.log(1 - 0.01 / X)
    np.testing.assert_array_equal(when, np.round(t / dt))


def test_a_linear_latency_is_one_minus_the_value() -> None:
    encoder = LatencyEncoder(n_steps=30, tau=20 * u.ms, linear=True, start=3 * u.ms)
    np.testing.assert_array_equal(first_spikes(encoder(X)), np.round(3 + 20 * (1 - X)))


def test_a_normalized_code_uses_all_steps_whatever_the_other_values_are() -> None:
    for linear in (True, False):
        encoder = LatencyEncoder(n_steps=100, linear=linear, normalize=True, start=10 * u.ms)
        when = first_spikes(encoder(np.array([0.0, *X])))
        assert when[0] == (98 if linear else 99)  # linear: a value of the threshold, 0.01
        assert when[-1] == 10
        assert np.all(np.diff(when) <= 0)
        assert first_spikes(encoder(X[2:3])) == when[3]


def test_the_logarithmic_normalization_is_that_of_snntorch() -> None:
    """Its formula, for values of which one lies below the threshold; tau cancels."""
    x, threshold, epsilon, steps = np.array([0.0, *X]), 0.01, 1e-7, 50
    clamped = np.maximum(x, threshold + epsilon)
    times = np.log(clamped / (clamped - threshold))
    expected = np.round(times * (steps - 1) / times.max())
    when = first_spikes(LatencyEncoder(n_steps=steps, normalize=True)(x))
    np.testing.assert_array_equal(when, expected)


def test_values_below_threshold_spike_last_or_never() -> None:
    x = np.array([0.05, 0.2])
    late = LatencyEncoder(n_steps=20, tau=1 * u.ms, threshold=0.1)
    assert first_spikes(late(x))[0] == round(np.log(1e6))  # 0.1 / 1e-7, the smallest above
    assert first_spikes(LatencyEncoder(n_steps=5, tau=1 * u.ms, threshold=0.1)(x))[0] == 4
    silent = LatencyEncoder(n_steps=20, tau=1 * u.ms, threshold=0.1, silent=True)
    np.testing.assert_array_equal(first_spikes(silent(x)), [-1, round(np.log(2))])


def test_latencies_that_cannot_be_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"LatencyEncoder\.threshold: expected .* between"):
        LatencyEncoder(n_steps=5, threshold=0.0)
    with pytest.raises(InputError, match=r"LatencyEncoder\.start: expected a time before the last"):
        LatencyEncoder(n_steps=5, start=9 * u.ms)(X)


# Populations


def test_a_population_has_gaussian_fields_in_the_unit_of_the_values() -> None:
    encoder = PopulationEncoder(
        4, DirectEncoder(n_steps=3), low=-60 * u.mV, high=-0.03 * u.volt, width=5 * u.mV
    )
    x = np.array([[-60.0, -47.0], [-35.0, -20.0]])
    centres = np.array([-60.0, -50.0, -40.0, -30.0])
    expected = np.exp(-((x[..., None] - centres) ** 2) / (2 * 25.0))
    np.testing.assert_allclose(encoder.activities(x * u.mV), expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(encoder(x * 1e-3 * u.volt)[2], expected, rtol=1e-4, atol=1e-7)


def test_a_population_drives_the_encoder_that_it_is_given() -> None:
    encoder = PopulationEncoder(5, LatencyEncoder(n_steps=20, linear=True, normalize=True))
    when = first_spikes(encoder(np.array([0.25, 0.6])))
    assert when.shape == (2, 5)
    assert when[0].argmin() == 1  # the field that is centred on the value
    assert when[0, 1] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1}, r"PopulationEncoder\.n: expected at least 2, got 1"),
        ({"encoder": RateEncoder}, r"PopulationEncoder\.encoder: expected an encoder"),
        ({"high": -1.0}, "expected high > low, got low = 0, high = -1"),
        ({"high": 1 * u.mV}, r"PopulationEncoder\.high: expected a number without unit"),
        ({"width": 1 * u.mV}, r"PopulationEncoder\.width: expected a number without unit"),
        ({"width": 0.0}, r"PopulationEncoder\.width: expected a number > 0"),
    ],
)
def test_a_wrong_population_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        PopulationEncoder(**{"n": 3, "encoder": DirectEncoder(n_steps=1), **arguments})


def test_a_population_refuses_values_of_another_unit() -> None:
    with pytest.raises(InputError, match=r"PopulationEncoder\(values\): expected a number"):
        PopulationEncoder(3, DirectEncoder(n_steps=1))(1 * u.mV)


# Changes


def test_the_sum_of_what_was_sent_follows_the_values() -> None:
    """A signal that moves by less than the threshold in each step is known to the threshold."""
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.uniform(-0.09, 0.09, (400, 3)), axis=0)
    spikes = np.asarray(DeltaEncoder(0.1)(x))
    assert set(np.unique(spikes)) == {-1.0, 0.0, 1.0}
    known = x[0] + 0.1 * np.cumsum(spikes, axis=0)
    assert np.max(abs(x - known)) < 0.1 + 1e-5


def test_the_documented_examples_of_snntorch() -> None:
    """The first of them is what sending on delta gives, and not what differences give."""
    a, b = jnp.asarray([1, 2, 2.9, 3, 3.9]), jnp.asarray([1, 2, 0, 2, 2.9])
    sent = DeltaEncoder(1.0, initial=0.0)
    np.testing.assert_array_equal(sent(a), [1, 1, 0, 1, 0])
    np.testing.assert_array_equal(DeltaEncoder(1.0)(a), [0, 1, 0, 1, 0])
    np.testing.assert_array_equal(sent(b), [1, 1, -1, 1, 0])
    np.testing.assert_array_equal(DeltaEncoder(1.0)(b), [0, 1, -1, 1, 0])


def test_differences_are_those_of_consecutive_steps() -> None:
    x = np.random.default_rng(1).normal(size=(50, 4))
    change = np.diff(x, axis=0, prepend=0.0)
    encoder = DeltaEncoder(0.7, reference="previous", initial=0.0)
    expected = np.sign(change) * (abs(change) >= 0.7)
    np.testing.assert_array_equal(encoder(x), expected)


def test_increases_and_decreases_stand_side_by_side() -> None:
    x = np.random.default_rng(2).normal(size=(20, 3, 4)) * 3
    signed = np.asarray(DeltaEncoder(1.0)(x))
    channels = np.asarray(DeltaEncoder(1.0, output="channels")(x))
    assert channels.shape == (20, 3, 8)
    np.testing.assert_array_equal(channels[..., :4] - channels[..., 4:], signed)
    assert channels.min() == 0.0
    np.testing.assert_array_equal(DeltaEncoder(1.0, output="on")(x), channels[..., :4])
    assert DeltaEncoder(1.0, output="channels")(x[:, 0, 0]).shape == (20, 2)


def test_changes_have_the_unit_of_the_threshold() -> None:
    x = jnp.asarray([0.0, 0.6, 1.2, 0.1])
    spikes = DeltaEncoder(5e-4 * u.volt)(x * u.mV)
    np.testing.assert_array_equal(spikes, DeltaEncoder(0.5)(x))
    with pytest.raises(InputError, match=r"DeltaEncoder\(values\): expected a sequence"):
        DeltaEncoder(0.5)(x * u.mV)
    with pytest.raises(ParameterError, match=r"DeltaEncoder\.initial: expected a number"):
        DeltaEncoder(0.5, initial=1 * u.mV)


# Direct


def test_values_become_constant_currents() -> None:
    current = DirectEncoder(n_steps=3, amplitude=2 * u.nA)(np.array([[0.5, 1.0]]))
    assert current.shape == (3, 1, 2)
    np.testing.assert_allclose(current.to_decimal(u.pA), np.tile([1000.0, 2000.0], (3, 1, 1)))
    given = DirectEncoder(n_steps=3)(np.array([0.5, 1.0]) * u.nA)
    np.testing.assert_allclose(given.to_decimal(u.nA), np.tile([0.5, 1.0], (3, 1)))


# All


@pytest.mark.parametrize(
    "encoder",
    [
        RateEncoder(n_steps=50),
        RateEncoder(duration=50 * u.ms, max_rate=100 * u.Hz),
        LatencyEncoder(n_steps=50, tau=5 * u.ms),
        PopulationEncoder(3, LatencyEncoder(n_steps=50)),
        DeltaEncoder(0.2),
        DirectEncoder(n_steps=50, amplitude=1 * u.nA),
    ],
    ids=lambda encoder: type(encoder).__name__,
)
def test_compiled_and_mapped_sequences_are_the_same(encoder: Any) -> None:
    x = jnp.asarray(np.random.default_rng(3).uniform(size=(6, 4)))

    def encode(x: Any) -> Any:
        with brainstate.random.seed_context(1):
            return encoder(x)

    whole = u.get_mantissa(encode(x))
    compiled = brainstate.transform.jit(encode)(x)
    np.testing.assert_array_equal(u.get_mantissa(compiled), whole)
    if not isinstance(encoder, RateEncoder):  # each mapped element would draw the same
        axis = 1 if isinstance(encoder, DeltaEncoder) else 2
        mapped = jax.vmap(encode, in_axes=1, out_axes=axis)(x)
        np.testing.assert_array_equal(u.get_mantissa(mapped), whole)


def test_encoders_compare_by_value() -> None:
    assert RateEncoder(duration=5 * u.ms) == RateEncoder(duration=0.005 * u.second)
    assert RateEncoder(n_steps=5) != RateEncoder(n_steps=6)
