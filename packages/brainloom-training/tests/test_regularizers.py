"""Regularisers."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_training import (
    FiringRate,
    LeakyRateReadout,
    LeakySpikeReadout,
    Voltage,
    Weight,
)

RNG = np.random.default_rng(0)
SPIKES = (RNG.random((50, 3, 4)) < np.array([0.0, 0.1, 0.3, 0.6])).astype(np.float32)
RATES = SPIKES.mean(axis=(0, 1)) * 2000.0  # in Hz, at 0.5 ms


@pytest.mark.parametrize(
    ("bounds", "distance"),
    [
        ({"target": 0.5}, RATES - 500.0),
        ({"lower": 0.4}, np.maximum(0.0, 400.0 - RATES)),
        ({"upper": 0.4}, np.maximum(0.0, RATES - 400.0)),
        (
            {"lower": 0.1, "upper": 0.4},
            np.maximum(0.0, 100.0 - RATES) + np.maximum(0.0, RATES - 400.0),
        ),
    ],
)
def test_rates_are_kept_between_bounds(bounds: dict[str, float], distance: np.ndarray) -> None:
    regularizer = FiringRate(
        strength=0.3, scale=100 * u.Hz, **{name: value / u.ms for name, value in bounds.items()}
    )
    with brainstate.environ.context(dt=0.5 * u.ms):
        penalty = regularizer(SPIKES)
        batchless = regularizer(SPIKES.reshape(150, 4))
    np.testing.assert_allclose(penalty, 0.3 * np.mean((distance / 100.0) ** 2), rtol=1e-5)
    np.testing.assert_allclose(batchless, penalty, rtol=1e-6)
    assert np.any(distance)


def test_a_silent_neuron_is_pulled_up_and_a_fast_one_down() -> None:
    regularizer = FiringRate(strength=1.0, lower=100 * u.Hz, upper=800 * u.Hz)
    with brainstate.environ.context(dt=0.5 * u.ms):
        slope = jax.grad(regularizer)(jnp.asarray(SPIKES))
    assert np.all(slope[..., 0] < 0)
    np.testing.assert_array_equal(slope[..., 2], 0.0)
    assert np.all(slope[..., 3] > 0)


def test_potentials_are_kept_between_bounds() -> None:
    V = RNG.normal(-60.0, 20.0, (30, 2, 5))
    regularizer = Voltage(strength=2.0, lower=-0.08 * u.volt, upper=-50 * u.mV, scale=10 * u.mV)
    outside = np.maximum(0.0, -80.0 - V) + np.maximum(0.0, V + 50.0)
    expected = 2.0 * np.mean((outside / 10.0) ** 2)
    np.testing.assert_allclose(regularizer(V * u.mV), expected, rtol=1e-5)
    slope = u.get_mantissa(jax.grad(lambda V: regularizer(V * u.mV))(jnp.asarray(V)))
    np.testing.assert_array_equal(np.sign(slope), np.sign(V + 65.0) * (outside > 0))


class Network(brainstate.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = LeakySpikeReadout(3, 4, w_init=np.full((3, 4), 2.0) * u.mV)
        self.readout = LeakyRateReadout(4, 2, w_init=-np.ones((4, 2)))


def test_weights_are_kept_small() -> None:
    network = Network()
    hidden = Weight(strength=0.1, scale=0.001 * u.volt, of=lambda path: path[0] == "hidden")
    np.testing.assert_allclose(hidden(network), 0.1 * 12 * 4.0, rtol=1e-5)
    readout = Weight(strength=0.1, norm="L1", of=lambda path: path[0] == "readout")
    np.testing.assert_allclose(readout(network), 0.1 * 8, rtol=1e-6)


def test_the_penalty_of_weights_has_a_gradient() -> None:
    network = Network()
    weight = {"w": network.readout.weight}
    for norm, expected in (("L1", -0.1), ("L2", -0.2)):
        penalty = Weight(strength=0.1, norm=norm, of=lambda path: path[0] == "readout")
        gradient = brainstate.transform.grad(lambda penalty=penalty: penalty(network), weight)()
        np.testing.assert_allclose(gradient["w"], np.full((4, 2), expected), rtol=1e-6)


def test_weights_of_another_unit_and_none_at_all_are_refused() -> None:
    with pytest.raises(InputError, match=r"Weight\(model\): hidden\.weight: expected a number"):
        Weight(strength=0.1)(Network())
    with pytest.raises(InputError, match=r"Weight\(model\): expected parameters to choose from"):
        Weight(strength=0.1, of=lambda path: False)(Network())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FiringRate(strength=1.0), "FiringRate: expected at least one of target, lower"),
        (lambda: FiringRate(strength=1.0, target=5.0), r"FiringRate\.target: expected a frequency"),
        (lambda: FiringRate(strength=-1.0, target=5 * u.Hz), r"FiringRate\.strength: .* >= 0"),
        (
            lambda: FiringRate(strength=1.0, lower=5 * u.Hz, upper=1 * u.Hz),
            r"FiringRate\.lower: expected lower <= upper, got lower = 5 Hz, upper = 1 Hz",
        ),
        (lambda: Voltage(strength=1.0), "Voltage: expected at least one of lower, upper"),
        (lambda: Voltage(strength=1.0, lower=5 * u.nA), r"Voltage\.lower: expected a voltage"),
        (lambda: Weight(strength=1.0, norm="L3"), r"Weight\.norm: expected one of 'L1', 'L2'"),
        (lambda: Weight(strength=1.0, of="weight"), r"Weight\.of: expected a function of a path"),
    ],
)
def test_wrong_regularizers_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()


def test_wrong_recordings_are_refused() -> None:
    with pytest.raises(InputError, match=r"FiringRate\(spikes\): expected numbers of shape"):
        FiringRate(strength=1.0, target=5 * u.Hz)(np.ones(5))
    with pytest.raises(InputError, match=r"Voltage\(V\): expected a voltage, got"):
        Voltage(strength=1.0, lower=-60 * u.mV)(np.ones((5, 2)))
