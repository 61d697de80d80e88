"""Layers that a usual network has: convolution, pooling, norms, dropout, recurrence, residual."""

import re
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from brainloom_core import BrainloomError
from brainloom_neurons import LIF
from brainloom_training import (
    BNTT,
    TDBN,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    FluctuationDriven,
    LayerNorm,
    LeakyRateReadout,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MeanOverTime,
    MembraneCrossEntropy,
    Recurrent,
    Residual,
    SpikeDrivenAttention,
    Trainer,
    rollout,
)
from scipy.signal import correlate

RNG = np.random.RandomState(0)
TRAINING = {"fit": True}


def test_a_convolution_is_the_sum_of_correlations() -> None:
    kernels = RNG.randn(3, 2, 2, 4)
    layer = Conv2d((2, 7, 6), 4, (3, 2), (2, 1), w_init=kernels * u.mA, b_init=0.5)
    x = RNG.randn(5, 2, 7, 6)
    expected = np.array(
        [
            [
                sum(correlate(a[c], kernels[:, :, c, k], "valid") for c in range(2))[::2]
                for k in range(4)
            ]
            for a in x
        ]
    )
    y = layer(x)
    assert y.shape == (5, *layer.out_size)
    np.testing.assert_allclose(y.to_decimal(u.mA), expected + 0.5, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.over_time(x[None])[0].mantissa, y.mantissa)
    line, row = Conv1d((2, 9), 3, 3, dilation=2, w_init=kernels[:, 0, :, :3]), RNG.randn(2, 9)
    spread = np.zeros((5, 2, 3))
    spread[::2] = kernels[:, 0, :, :3]
    expected = [
        sum(correlate(row[c], spread[:, c, k], "valid") for c in range(2)) for k in range(3)
    ]
    np.testing.assert_allclose(line(row), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n", "k", "stride"), [(7, 3, 1), (8, 3, 2), (7, 4, 3)])
def test_same_padding_gives_an_output_per_strided_input(n: int, k: int, stride: int) -> None:
    layer = Conv1d((1, n), 2, k, stride, "same")
    assert layer.out_size == (2, -(-n // stride)) == layer(np.ones((1, n))).shape


def test_groups_do_not_see_each_other() -> None:
    layer = Conv2d((4, 5, 5), 4, 3, groups=2)
    x = np.zeros((4, 5, 5))
    x[:2] = 1.0
    y = layer(x)
    assert (y[:2] != 0).any() and (y[2:] == 0).all()


def test_pooling_takes_the_largest_or_the_mean_of_each_window() -> None:
    x = RNG.randn(3, 2, 6, 4)
    windows = x.reshape(3, 2, 3, 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(3, 2, 3, 2, 4)
    np.testing.assert_allclose(MaxPool2d((2, 6, 4), 2)(x), windows.max(-1), rtol=1e-6)
    np.testing.assert_allclose(AvgPool2d((2, 6, 4), 2)(x), windows.mean(-1), rtol=1e-5, atol=1e-7)
    line = np.array([[3.0, -1.0, 2.0, 5.0, 4.0]]) * u.mV
    assert MaxPool1d((1, 5), 3, 1)(line).mantissa.tolist() == [[3.0, 5.0, 5.0]]
    assert AvgPool1d((1, 5), 2, 2, 1)(line).mantissa.tolist() == [[1.5, 0.5, 4.5]]
    assert MaxPool2d((1, 2, 2), 2, padding=1)(-np.ones((1, 2, 2))).tolist() == [
        [[-1, -1], [-1, -1]]
    ]
    assert Flatten((2, 6, 4))(x).shape == (3, 48)


def test_time_and_samples_are_normalised_together() -> None:
    x = RNG.randn(6, 5, 3, 2, 2) * 3.0 + 1.0
    layer = TDBN((3, 2, 2), scale=0.5 * u.mA, momentum=0.0)
    with brainstate.environ.context(fit=True):
        y = layer.over_time(x)
        with pytest.raises(BrainloomError, match="TDBN.update: expected a whole sequence"):
            layer(x[0])
        with brainstate.environ.context(dt=1 * u.ms):
            model = brainstate.nn.Sequential(layer)
            with pytest.raises(BrainloomError, match="got pieces of one"):
                rollout(model, x, segment=2)
    axes = (0, 1, 3, 4)
    expected = 0.5 * (x - x.mean(axes)[:, None, None]) / x.std(axes)[:, None, None]
    np.testing.assert_allclose(y.to_decimal(u.mA), expected, rtol=1e-4, atol=1e-4)
    # afterwards by the running means, step by step or at once
    np.testing.assert_allclose(layer.running_var.value, x.var(axes, ddof=1), rtol=1e-4)
    np.testing.assert_allclose(layer(x[2]).mantissa, layer.over_time(x)[2].mantissa, rtol=1e-6)
    np.testing.assert_allclose(layer(x[2]).mantissa, expected[2], rtol=0.02, atol=0.01)
    with pytest.raises(BrainloomError, match="TDBN.update.x.: expected a current"):
        layer(x * u.mV)


def test_each_step_is_normalised_by_itself() -> None:
    x = RNG.randn(4, 8, 3) * np.arange(1, 5)[:, None, None]
    layer = BNTT(3, n_steps=4, momentum=0.0)
    with brainstate.environ.context(fit=True):
        y = layer.over_time(x * u.uA * 1e3)
        pieces = [layer.over_time(x[:3])]
        with brainstate.environ.context(i=3):
            pieces.append(layer(x[3])[None])
    expected = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    np.testing.assert_allclose(y.to_decimal(u.mA), expected, rtol=1e-3, atol=1e-3)  # eps
    found = np.concatenate([piece.mantissa for piece in pieces])
    np.testing.assert_allclose(found, y.mantissa, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(layer.running_mean.value, x.mean(1), rtol=1e-4, atol=1e-5)
    assert jnp.isnan(layer.over_time(np.ones((5, 2, 3)))[4].mantissa).all()  # there are but 4 steps


def test_a_layer_norm_looks_at_each_sample_alone() -> None:
    x = RNG.randn(4, 2, 3) * 5.0
    expected = (x - x.mean((1, 2), keepdims=True)) / x.std((1, 2), keepdims=True)
    np.testing.assert_allclose(LayerNorm((2, 3))(x).mantissa, expected, rtol=1e-3, atol=1e-4)


def test_dropout_silences_the_same_inputs_in_all_steps() -> None:
    layer, x = Dropout(400, 0.25), np.ones((6, 3, 400))
    brainstate.nn.init_all_states(layer, batch_size=3)
    np.testing.assert_array_equal(layer.over_time(x), x)  # not in training
    with brainstate.environ.context(fit=True):
        y = np.asarray(layer.over_time(x))
        np.testing.assert_array_equal(layer(x[0]), y[0])
        brainstate.nn.reset_all_states(layer)
        other = np.asarray(layer(x[0]))
        with pytest.raises(BrainloomError, match="expected values of shape .3, 400., that of the"):
            layer(x[0, 0])
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert (y == y[0]).all() and (y[0, 0] != y[0, 1]).any() and (other != y[0]).any()
    assert 0.2 < (y == 0).mean() < 0.3


def test_a_recurrent_layer_hears_its_spikes_a_step_later() -> None:
    cells = LIF(3, tau=10 * u.ms, spk_reset="hard")
    back = Linear(3, 3, RNG.randn(3, 3) * u.mA, None)
    xs = RNG.rand(30, 3) * 20
    with brainstate.environ.context(dt=1.0 * u.ms):
        for delay in (None, 2.0 * u.ms):
            layer = Recurrent(cells, back, delay)
            brainstate.nn.init_all_states(layer)
            found = np.asarray(rollout(layer, xs * u.mA))
            brainstate.nn.init_all_states(cells)
            spikes, late = [np.zeros(3)] * 3, 1 if delay is None else 3
            for x in xs:
                spikes.append(np.asarray(cells(x * u.mA + back(spikes[-late]))))
            np.testing.assert_array_equal(found, spikes[3:])
    assert 0 < found.mean() < 1


def test_a_residual_layer_adds_what_it_got() -> None:
    body = [Linear(4, 4, 0.2 * np.eye(4) * u.mA, None), LIF(4, tau=2 * u.ms)]
    block, xs = Residual(*body), RNG.randint(0, 9, (12, 4)).astype(float)
    with brainstate.environ.context(dt=1.0 * u.ms):
        brainstate.nn.init_all_states(block)
        whole = rollout(brainstate.nn.Sequential(block), xs)
        brainstate.nn.init_all_states(block)
        stepped = np.stack([block(x) for x in xs])
    np.testing.assert_array_equal(whole, stepped)
    assert set(np.unique(stepped - xs)) == {0.0, 1.0}
    wide = Residual(Linear(4, 6, b_init=None), shortcut=Linear(4, 6, b_init=None))
    expected = xs @ (wide.body.layers[0].weight.value + wide.shortcut.weight.value)
    np.testing.assert_allclose(wide(xs), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(BrainloomError, match="shortcut=... changes it"):
        Residual(Linear(4, 6))(xs)


def test_attention_passes_features_on_which_queries_and_keys_agree() -> None:
    def cells(size: Any) -> Any:
        return LIF(size, tau=1e-3 * u.ms)  # spikes where its current reaches 1 mA

    layer = SpikeDrivenAttention((3, 2), cells, gain=0.5)
    for name in ("query", "key", "value"):
        getattr(layer, name).weight.value = np.eye(2, dtype=np.float32) * u.mA
    brainstate.nn.init_all_states(layer, batch_size=2)
    x = np.array([[[1, 1], [1, 0], [0, 0]], [[0, 1], [0, 1], [1, 0]]], np.float32)
    with brainstate.environ.context(dt=1.0 * u.ms):
        y = layer(x)
    agreeing = x.sum(1, keepdims=True) >= 2  # of a query with its key, in two tokens at least
    np.testing.assert_array_equal(y, x * agreeing)


@pytest.mark.parametrize("tau", [5.0, 20.0])
def test_fluctuations_drive_neurons_at_rates_within_a_band(tau: float) -> None:
    """From 0.15 to 0.45 spikes in a time constant, as the page of the layer says."""
    brainstate.random.seed(0)
    for n, rate in ((50, 100.0), (700, 5.0)):
        cells = LIF(200, tau=tau * u.ms)
        weights = FluctuationDriven(cells=cells, rate=rate * u.Hz, dt=1 * u.ms)
        model = brainstate.nn.Sequential(Linear(n, 200, weights, None), cells)
        brainstate.nn.init_all_states(model, batch_size=4)
        xs = (RNG.rand(200, 4, n) < rate * 1e-3).astype(np.float32)
        with brainstate.environ.context(dt=1.0 * u.ms):
            spikes = rollout(model, xs)
        assert 0.15 < float(spikes.mean()) * tau < 0.45
    deviation = weights.deviation(18)
    kernels = weights((3, 3, 2, 500))
    np.testing.assert_allclose(kernels.std() / deviation, 1.0, atol=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d((28, 28), 4, 3), "Conv2d.in_size: expected (channels, height, width), got"),
        (lambda: Conv2d((1, 4, 4), 4, 5), "Conv2d.kernel_size: expected a window within (4, 4)"),
        (lambda: Conv2d((1, 4, 4), 4, 0), "Conv2d.kernel_size: expected a whole number >= 1, or 2"),
        (lambda: Conv1d((3, 4), 4, 2, groups=2), "Conv1d.groups: expected a divisor of 3 channels"),
        (lambda: Conv1d((1, 4), 4, 2, padding="full"), "'same' or 'valid', got 'full'"),
        (lambda: MaxPool2d((1, 4, 4), 2, padding=2), "expected at most half of the window"),
        (lambda: Dropout(3, 1.0), "Dropout.drop: expected a number from 0 to less than 1, got 1"),
        (lambda: TDBN(3, scale=0.0 * u.mA), "TDBN.scale: expected one finite number other than 0"),
        (lambda: Recurrent(Linear(3, 3)), "Recurrent.cells: expected a population that knows its"),
        (lambda: Recurrent(LIF((2, 3))), "Recurrent.connection: expected one for cells of shape"),
        (lambda: Residual(), "Residual.layers: expected a module"),
        (lambda: FluctuationDriven(cells=3, rate=1 * u.Hz), "cells: expected leaky integrate-and-"),
        (lambda: Conv2d((1, 4, 4), 2, 3)(np.ones((4, 4))), "expected values of shape (1, 4, 4)"),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(BrainloomError, match=re.escape(message)):
        make()


def images(n: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Bars that lie or stand."""
    y = np.arange(n) % 2
    x = np.zeros((n, 6, 1, 8, 8), np.float32)
    for k, (kind, place) in enumerate(zip(y, RNG.randint(0, 8, n), strict=True)):
        x[k, :, 0, place, :] = 1.0 - kind
        x[k, :, 0, :, place] += kind
    return x, y


def test_a_network_of_all_of_them_learns() -> None:
    brainstate.random.seed(1)
    conv = Conv2d((1, 8, 8), 4, 3, padding="same", b_init=None)
    pool = MaxPool2d((4, 8, 8), 2)
    model = brainstate.nn.Sequential(
        *(conv, TDBN(conv.out_size, 2 * u.mA), LIF(conv.out_size, tau=2 * u.ms), pool),
        *(Flatten(pool.out_size), Dropout(64, 0.1), Linear(64, 16), BNTT(16, 6, 2 * u.mA)),
        *(LIF(16, tau=2 * u.ms), LeakyRateReadout(16, 2)),
    )
    loss = MembraneCrossEntropy(over=MeanOverTime(), scale=1.0)
    trainer = Trainer(model, loss, optax.adam(2e-2), dt=1 * u.ms)
    x, y = images()
    losses = [float(trainer.step(x, y)["loss"]) for _ in range(12)]
    assert losses[-1] < 0.5 * losses[0]
    first, second = (float(trainer.evaluate(x, y)["loss"]) for _ in range(2))
    assert first == second  # nothing is dropped, nothing counted
    trainer.close()
