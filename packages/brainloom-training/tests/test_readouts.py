"""Readouts, and reductions of outputs over time."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import BrainloomError, Sigmoid
from brainloom_training import (
    FirstSpikeTime,
    LastOverTime,
    LeakyRateReadout,
    LeakySpikeReadout,
    MaxOverTime,
    MeanOverTime,
    Reduction,
    Stack,
    SumOverTime,
)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_a_spike_raises_the_output_by_its_weights_and_decays(dt: float) -> None:
    """The same readout serves any dt: the decay follows the current one."""
    readout = LeakyRateReadout(
        3, 2, tau=10 * u.ms, w_init=lambda shape: jnp.arange(6.0).reshape(shape)
    )
    brainstate.nn.init_all_states(readout)
    with brainstate.environ.context(dt=dt * u.ms):
        np.testing.assert_allclose(readout(jnp.array([0.0, 1.0, 0.0])), [2.0, 3.0])
        after = readout(jnp.zeros(3))
    np.testing.assert_allclose(after, np.array([2.0, 3.0]) * np.exp(-dt / 10.0), rtol=1e-6)


def test_shapes_and_batches() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)
    readout = LeakyRateReadout((2, 3), (4, 1))
    assert readout.weight.value.shape == (6, 4)
    brainstate.nn.init_all_states(readout, batch_size=5)
    assert readout(jnp.ones((5, 2, 3), bool)).shape == (5, 4, 1)
    brainstate.nn.reset_all_states(readout)
    assert readout.r.value.shape == (5, 4, 1)
    assert not readout.r.value.any()


def test_weights_receive_the_gradient() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)
    readout = brainstate.nn.init_all_states(LeakyRateReadout(3, 2, tau=10 * u.ms))
    spikes = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

    def loss() -> Any:
        brainstate.nn.reset_all_states(readout)
        return brainstate.transform.for_loop(readout, spikes)[-1].sum()

    (gradient,) = brainstate.transform.grad(loss, readout.states(brainstate.ParamState))().values()
    expected = np.repeat([[np.exp(-0.1)], [1.0], [0.0]], 2, axis=1)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -1 * u.ms}, r"LeakyRateReadout\.tau: expected a time > 0"),
        ({"tau": 5.0}, r"LeakyRateReadout\.tau: expected a time > 0"),
        ({"out_size": 0}, r"LeakyRateReadout\.out_size: expected a whole number"),
        ({"w_init": np.ones((2, 2))}, r"LeakyRateReadout\.w_init: expected weights of shape"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainloomError, match=message):
        LeakyRateReadout(**{"in_size": 3, "out_size": 2, **arguments})


def test_wrong_input_is_refused() -> None:
    readout = brainstate.nn.init_all_states(LeakyRateReadout(3, 2))
    with pytest.raises(BrainloomError, match=r"expected numbers of shape \(3,\)"):
        readout(jnp.ones((4, 3)))


def test_outputs_have_the_unit_of_the_weights() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)
    readout = LeakyRateReadout(2, 1, tau=10 * u.ms, w_init=np.array([[1.0], [2.0]]) * u.mV)
    brainstate.nn.init_all_states(readout, batch_size=3)
    output = readout(jnp.ones((3, 2)))
    np.testing.assert_allclose(output.to_decimal(u.mV), np.full((3, 1), 3.0))
    assert readout.r.value.unit == u.mV


def test_one_time_constant_per_output() -> None:
    readout = LeakyRateReadout(3, 2, tau=[5.0, 10.0] * u.ms, w_init=jnp.ones)
    brainstate.nn.init_all_states(readout)
    with brainstate.environ.context(dt=1.0 * u.ms):
        readout(jnp.ones(3))
        np.testing.assert_allclose(readout(jnp.zeros(3)), 3 * np.exp([-0.2, -0.1]), rtol=1e-6)
    with pytest.raises(BrainloomError, match=r"tau: expected a scalar or an array of shape \(2,\)"):
        LeakyRateReadout(3, 2, tau=[5.0, 10.0, 20.0] * u.ms)


# Spikes


def spiking(dt: float, reset: str, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Potentials and spikes of the readout, written out in numpy."""
    V, spikes, found = np.zeros(weights.shape[1]), np.zeros(weights.shape[1]), []
    for row in x:
        V = V - spikes if reset == "soft" else np.where(spikes > 0, 0.0, V)
        V = np.exp(-dt / 10.0) * V + row @ weights
        spikes = (V >= 1.0).astype(float)
        found.append((V, spikes))
    return np.array(found)


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_a_spiking_readout_integrates_leaks_and_resets(dt: float, reset: str) -> None:
    """In single precision, to a few units of rounding for each of the 60 steps."""
    rng = np.random.default_rng(0)
    weights, x = rng.uniform(0.0, 0.6, (3, 4)), rng.integers(0, 2, (60, 3)).astype(float)
    readout = LeakySpikeReadout(
        3, 4, tau=10 * u.ms, w_init=weights * 1e-3 * u.volt, spk_reset=reset
    )
    brainstate.nn.init_all_states(readout)

    def step(x: Any) -> Any:
        spikes = readout(x)
        return readout.V.value.to_decimal(u.mV), spikes

    with brainstate.environ.context(dt=dt * u.ms):
        V, spikes = brainstate.transform.for_loop(step, jnp.asarray(x, jnp.float32))
    expected = spiking(dt, reset, weights, x)
    np.testing.assert_array_equal(spikes, expected[:, 1])
    np.testing.assert_allclose(V, expected[:, 0], rtol=1e-4, atol=1e-5)
    assert 0 < spikes.mean() < 1


def test_a_spiking_readout_has_shapes_and_batches() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)
    readout = LeakySpikeReadout((2, 3), (4, 1), tau=np.full((4, 1), 5.0) * u.ms)
    assert (readout.in_size, readout.out_size) == ((2, 3), (4, 1))
    assert readout.weight.value.shape == (6, 4)
    assert readout.weight.value.unit == u.mV
    brainstate.nn.init_all_states(readout, batch_size=5)
    assert readout(jnp.ones((5, 2, 3), bool)).shape == (5, 4, 1)
    brainstate.nn.reset_all_states(readout)
    assert readout.V.value.shape == (5, 4, 1)


def test_the_weights_of_a_spiking_readout_receive_the_surrogate_gradient() -> None:
    """One step: the slope at (V - V_th) / V_th, times the input, per V_th."""
    weights = np.array([[0.3, 0.8], [0.4, 0.5]])
    readout = LeakySpikeReadout(2, 2, w_init=weights * u.mV, V_th=2 * u.mV, spk_fun=Sigmoid(3.0))
    brainstate.nn.init_all_states(readout)
    x = jnp.asarray([1.0, 2.0])

    def spikes() -> Any:
        readout.reset_state()
        return readout(x).sum()

    with brainstate.environ.context(dt=1.0 * u.ms):
        weight = {"weight": readout.weight}
        gradient = brainstate.transform.grad(spikes, weight)()["weight"]
    z = (np.asarray(x) @ weights - 2.0) / 2.0
    s = 1 / (1 + np.exp(-3.0 * z))
    expected = np.outer(x, 3.0 * s * (1 - s)) / 2.0
    np.testing.assert_allclose(u.get_mantissa(gradient), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -1 * u.ms}, r"LeakySpikeReadout\.tau: expected a time > 0"),
        ({"V_th": 0 * u.mV}, r"LeakySpikeReadout\.V_th: expected a voltage > 0"),
        ({"out_size": 0}, r"LeakySpikeReadout\.out_size: expected a whole number"),
        ({"w_init": np.ones((2, 2)) * u.mV}, r"LeakySpikeReadout\.w_init: .* shape \(3, 2\)"),
        ({"w_init": np.ones((3, 2))}, r"LeakySpikeReadout\.w_init: .* units of a voltage"),
    ],
)
def test_refusals_of_a_spiking_readout(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainloomError, match=message):
        LeakySpikeReadout(**{"in_size": 3, "out_size": 2, **arguments})


def test_a_refused_input_leaves_a_spiking_readout_as_it_was() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)
    readout = brainstate.nn.init_all_states(LeakySpikeReadout(3, 2))
    for wrong in (jnp.ones((4, 3)), jnp.ones(3) * u.mA):
        with pytest.raises(BrainloomError, match=r"expected numbers of shape \(3,\)"):
            readout(wrong)
    assert readout(jnp.zeros(3)).shape == (2,)


# Reductions


REDUCTIONS: list[tuple[Reduction, Any]] = [
    (SumOverTime(), lambda y: y.sum(axis=0)),
    (MeanOverTime(), lambda y: y.mean(axis=0)),
    (MaxOverTime(), lambda y: y.max(axis=0)),
    (LastOverTime(), lambda y: y[-1]),
    (Stack(), lambda y: y),
]
RNG = np.random.default_rng(4)
OUTPUTS = [
    RNG.integers(0, 2, (12, 3, 4)).astype(np.float32),
    RNG.integers(0, 2, (12, 4)).astype(bool),
    -RNG.integers(1, 50, (12, 3)),
    np.array([-3.0, -2.0]),
]


def folded(reduction: Reduction, outputs: Any) -> Any:
    """The reduction within a compiled loop."""
    n_steps = len(u.get_mantissa(outputs))
    state = reduction.start(jax.eval_shape(lambda y: y[0], outputs), n_steps)

    def step(state: Any, element: Any) -> Any:
        return reduction.fold(state, element[1], element[0]), None

    state, _ = jax.lax.scan(step, state, (jnp.arange(n_steps), outputs))
    return reduction.result(state, n_steps)


@pytest.mark.parametrize(("reduction", "expected"), REDUCTIONS, ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("outputs", OUTPUTS, ids=lambda y: f"{y.dtype}{list(y.shape)}")
def test_a_fold_gives_what_the_stacked_sequence_gives(
    reduction: Reduction, expected: Any, outputs: np.ndarray
) -> None:
    whole, fold = reduction(jnp.asarray(outputs)), folded(reduction, jnp.asarray(outputs))
    np.testing.assert_allclose(whole, expected(outputs), rtol=1e-6)
    np.testing.assert_allclose(fold, whole, rtol=1e-6)
    assert fold.dtype == whole.dtype


@pytest.mark.parametrize(("reduction", "expected"), REDUCTIONS, ids=lambda r: type(r).__name__)
def test_reductions_keep_the_unit(reduction: Reduction, expected: Any) -> None:
    y = np.random.default_rng(5).normal(size=(6, 2)).astype(np.float32)
    for reduced in (reduction(y * u.mV), folded(reduction, jnp.asarray(y) * u.mV)):
        np.testing.assert_allclose(reduced.to_decimal(u.mV), expected(y), rtol=1e-5)


def test_first_spikes_are_counted_in_steps() -> None:
    spikes = np.zeros((6, 2, 2), np.float32)
    spikes[0, 0, 0] = spikes[3, 0, 0] = spikes[4, 0, 1] = spikes[5, 1, 0] = 1.0
    for y in (spikes, spikes.astype(bool)):
        np.testing.assert_array_equal(FirstSpikeTime()(jnp.asarray(y)), [[0, 4], [5, 6]])
        np.testing.assert_array_equal(folded(FirstSpikeTime(), jnp.asarray(y)), [[0, 4], [5, 6]])


def test_first_spikes_have_the_derivative_of_their_polynomial() -> None:
    """The formula is linear in each spike: a difference over a whole spike is its derivative."""
    spikes = jnp.asarray([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    for function in (FirstSpikeTime(), lambda y: folded(FirstSpikeTime(), y)):
        slope = jax.grad(function)(spikes)
        for k in range(6):
            with_spike, without = spikes.at[k].set(1.0), spikes.at[k].set(0.0)
            assert slope[k] == function(with_spike) - function(without)


def test_what_is_no_sequence_is_refused() -> None:
    for wrong in (jnp.ones(()), jnp.ones((0, 3))):
        with pytest.raises(BrainloomError, match=r"SumOverTime\(outputs\): expected a sequence"):
            SumOverTime()(wrong)
    with pytest.raises(BrainloomError, match=r"Stack\.start: expected n_steps"):
        Stack().start(jnp.ones(3))
