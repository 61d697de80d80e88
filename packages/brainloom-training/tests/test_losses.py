"""Losses and metrics."""

from collections.abc import Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError, Sigmoid
from brainloom_training import (
    MSE,
    Accuracy,
    FirstSpikeLoss,
    LastOverTime,
    LatencyCrossEntropy,
    Loss,
    MeanOverTime,
    MembraneCrossEntropy,
    RateCrossEntropy,
    RateMSE,
    SpikeCountCrossEntropy,
    SpikeCountMSE,
    SumOverTime,
    VanRossum,
)
from scipy.special import log_softmax

T, B, N = 20, 5, 4
RNG = np.random.default_rng(0)
SPIKES = RNG.integers(0, 2, (T, B, N)).astype(np.float32)
LABELS = np.array([0, 3, 1, 1, 2])
POTENTIALS = RNG.normal(size=(T, B, N)).astype(np.float32)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    with brainstate.environ.context(dt=0.5 * u.ms):
        yield


def cross_entropy(scores: np.ndarray) -> float:
    """That of the labels, by scipy."""
    return float(-log_softmax(scores, axis=-1)[np.arange(B), LABELS].mean())


COUNTS = SPIKES.sum(axis=0)
WANTED = np.where(LABELS[:, None] == np.arange(N), 15.0, 2.0)
FIRST = np.where(SPIKES.any(axis=0), SPIKES.argmax(axis=0), T)
PER_STEP = -log_softmax(SPIKES, axis=-1)[:, np.arange(B), LABELS].mean()
CASES: list[tuple[Loss, Any, Any, float]] = [
    (SpikeCountCrossEntropy(), SPIKES, LABELS, cross_entropy(COUNTS)),
    (
        SpikeCountCrossEntropy(over=MeanOverTime()),
        SPIKES,
        LABELS,
        cross_entropy(COUNTS / T),
    ),
    (RateCrossEntropy(), SPIKES, LABELS, PER_STEP),
    (
        MembraneCrossEntropy(),
        POTENTIALS * 1e-3 * u.volt,
        LABELS,
        cross_entropy(POTENTIALS.max(axis=0)),
    ),
    (
        MembraneCrossEntropy(over=LastOverTime(), scale=2 * u.mV),
        POTENTIALS * u.mV,
        LABELS,
        cross_entropy(POTENTIALS[-1] / 2),
    ),
    (MembraneCrossEntropy(scale=1.0), POTENTIALS, LABELS, cross_entropy(POTENTIALS.max(axis=0))),
    (LatencyCrossEntropy(tau=2 * u.ms), SPIKES, LABELS, cross_entropy(-FIRST * 0.25)),
    (
        SpikeCountMSE(correct=15.0, incorrect=2.0),
        SPIKES,
        LABELS,
        float(((COUNTS - WANTED) ** 2).mean()),
    ),
    (
        SpikeCountMSE(correct=0.75, incorrect=0.1, over=MeanOverTime()),
        SPIKES,
        LABELS,
        float(((COUNTS - WANTED) ** 2).mean() / T**2),
    ),
    (
        RateMSE(scale=0.1 / u.ms),
        SPIKES,
        np.full((B, N), 900.0) * u.Hz,
        float(((COUNTS / (T * 0.5) - 0.9) ** 2).mean() / 0.01),
    ),
    (
        FirstSpikeLoss(scale=2 * u.ms),
        SPIKES,
        np.full((B, N), 3.0) * u.ms,
        float(((FIRST * 0.5 - 3.0) ** 2).mean() / 4.0),
    ),
    (
        MSE(scale=u.mV),
        POTENTIALS * u.mV,
        POTENTIALS[::-1] * 1e-3 * u.volt,
        float(((POTENTIALS - POTENTIALS[::-1]) ** 2).mean()),
    ),
    (
        MSE(over=LastOverTime()),
        POTENTIALS,
        POTENTIALS[0],
        float(((POTENTIALS[-1] - POTENTIALS[0]) ** 2).mean()),
    ),
    (Accuracy(over=MeanOverTime()), POTENTIALS * u.mV, POTENTIALS.mean(axis=0).argmax(axis=-1), 1),
]
every = pytest.mark.parametrize(
    ("loss", "outputs", "targets", "expected"),
    CASES,
    ids=[f"{i}-{type(case[0]).__name__}" for i, case in enumerate(CASES)],
)


@every
def test_a_loss_is_its_formula(loss: Loss, outputs: Any, targets: Any, expected: float) -> None:
    """In single precision."""
    value = loss(outputs, targets)
    assert value.shape == ()
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@every
def test_a_loss_can_be_folded_and_compiled(
    loss: Loss, outputs: Any, targets: Any, expected: float
) -> None:
    def run(outputs: Any, targets: Any) -> Any:
        state = loss.over.start(jax.eval_shape(lambda y: y[0], outputs), T)

        def step(state: Any, element: Any) -> Any:
            return loss.over.fold(state, element[1], element[0]), None

        state, _ = jax.lax.scan(step, state, (jnp.arange(T), outputs))
        return loss.of_reduced(loss.over.result(state, T), targets)

    value = jax.jit(run)(jax.tree.map(jnp.asarray, outputs), jax.tree.map(jnp.asarray, targets))
    np.testing.assert_allclose(value, expected, rtol=1e-5)


@every
def test_the_batch_may_be_absent_and_mapped(
    loss: Loss, outputs: Any, targets: Any, expected: float
) -> None:
    """The loss of a batch is the mean of those of its elements."""
    axis = 1 if np.shape(targets)[:1] == (T,) else 0
    outputs, targets = jax.tree.map(jnp.asarray, (outputs, targets))
    each = jax.vmap(loss, in_axes=(1, axis))(outputs, targets)
    np.testing.assert_allclose(each.mean(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        SpikeCountCrossEntropy(),
        RateCrossEntropy(),
        LatencyCrossEntropy(),
        SpikeCountMSE(correct=9.0),
        MembraneCrossEntropy(scale=1.0),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_following_the_gradient_makes_the_right_neuron_win(loss: Loss) -> None:
    """Even from silence: the slope of the spike function reaches all that is below threshold."""
    drive = jnp.broadcast_to(-jnp.linspace(0.1, 0.6, T)[:, None, None], (T, B, N))
    spikes = Sigmoid(3.0)
    slope = jax.grad(lambda drive: loss(spikes(drive), jnp.asarray(LABELS)))
    assert Accuracy()(spikes(drive), LABELS) == pytest.approx(1 / N)
    before = loss(spikes(drive), LABELS)
    descend = jax.jit(lambda d: jax.lax.fori_loop(0, 300, lambda _, d: d - 0.3 * slope(d), d))
    drive = descend(drive)
    assert loss(spikes(drive), LABELS) < before / 1.3
    assert Accuracy()(spikes(drive), LABELS) == 1.0


# Several neurons per class


def test_the_scores_of_the_neurons_of_a_class_are_added() -> None:
    """Neurons 0 and 1 speak for class 0, 2 and 3 for class 1."""
    labels = np.array([0, 1, 1, 0, 1])
    added = SPIKES.reshape(T, B, 2, 2).sum(axis=-1)
    for several, one in (
        (SpikeCountCrossEntropy(per_class=2), SpikeCountCrossEntropy()),
        (SpikeCountMSE(correct=9.0, per_class=2), SpikeCountMSE(correct=9.0)),
        (Accuracy(per_class=2), Accuracy()),
    ):
        np.testing.assert_allclose(several(SPIKES, labels), one(added, labels), rtol=1e-6)
    with pytest.raises(InputError, match=r"expected a multiple of 3 neurons \(per_class\)"):
        SpikeCountCrossEntropy(per_class=3)(SPIKES, LABELS)


def test_silent_outputs_are_right_by_chance() -> None:
    assert Accuracy()(np.zeros((3, 2, 4)), np.array([0, 3])) == 0.25
    tied = np.array([[[1.0, 1.0, 0.0, 0.0]]])
    assert [float(Accuracy()(tied, np.array([k]))) for k in range(4)] == [0.5, 0.5, 0.0, 0.0]


# Spike trains


def van_rossum(a: np.ndarray, b: np.ndarray, tau: float) -> float:
    """The closed form for two lists of spike times."""

    def pairs(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.exp(-abs(x[:, None] - y[None, :]) / tau).sum())

    return pairs(a, a) / 2 + pairs(b, b) / 2 - pairs(a, b)


@pytest.mark.parametrize("tau", [0.3, 2.0, 50.0])
def test_the_distance_of_van_rossum_is_its_closed_form(tau: float) -> None:
    """For random trains of 200 steps; in single precision."""
    rng = np.random.default_rng(7)
    a, b = (rng.random((2, 200, 3)) < 0.1).astype(np.float32)
    found = VanRossum(tau * u.ms)(a, b)
    distances = [
        van_rossum(0.5 * np.flatnonzero(a[:, i]), 0.5 * np.flatnonzero(b[:, i]), tau)
        for i in range(3)
    ]
    np.testing.assert_allclose(found, np.mean(distances), rtol=1e-5)
    np.testing.assert_allclose(VanRossum(tau * u.ms)(b, a), found, rtol=1e-6)
    assert VanRossum(tau * u.ms)(a, a) == 0.0


def test_the_distance_of_van_rossum_does_not_depend_on_the_time_step() -> None:
    """The same spike times on two grids: it is the integral, not a sum over steps."""
    coarse, fine = np.zeros((40, 2), np.float32), np.zeros((200, 2), np.float32)
    for step, neuron in ((3, 0), (17, 0), (39, 0), (5, 1)):
        coarse[step, neuron] = fine[5 * step, neuron] = 1.0
    values = []
    for dt, y in ((0.5, coarse), (0.1, fine)):
        with brainstate.environ.context(dt=dt * u.ms):
            values.append(VanRossum(4 * u.ms)(y, np.zeros_like(y)))
    np.testing.assert_allclose(values[0], values[1], rtol=1e-5)


def test_two_spikes_far_apart_have_the_distance_one() -> None:
    a, b = np.zeros((400, 1), np.float32), np.zeros((400, 1), np.float32)
    a[0], b[-1] = 1.0, 1.0
    np.testing.assert_allclose(VanRossum(2 * u.ms)(a, b), 1.0, rtol=1e-6)


# Refusals


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "message"),
    [
        (SpikeCountCrossEntropy(), SPIKES, LABELS + 1, r"from 0 to 3 of .* got labels from 1 to 4"),
        (SpikeCountCrossEntropy(), SPIKES, LABELS[:3], r"of shape \(5,\), got an array of shape"),
        (SpikeCountCrossEntropy(), SPIKES, LABELS * 1.0, "expected class labels, integers"),
        (SpikeCountCrossEntropy(), SPIKES, LABELS * u.mV, "expected class labels, integers"),
        (SpikeCountCrossEntropy(), SPIKES * u.mV, LABELS, r"\(outputs\): expected a number"),
        (SpikeCountCrossEntropy(), np.ones(()), LABELS, "SumOverTime.* expected a sequence"),
        (Accuracy(), SPIKES, -LABELS, "got labels from -3 to 0"),
        (
            MembraneCrossEntropy(),
            POTENTIALS,
            LABELS,
            r"MembraneCrossEntropy\(outputs\): expected a voltage, with its unit \(for",
        ),
        (MembraneCrossEntropy(), POTENTIALS * u.nA, LABELS, "expected a voltage"),
        (RateMSE(), SPIKES, np.ones((B, N)), r"RateMSE\(targets\): expected a frequency"),
        (RateMSE(), SPIKES, np.ones(N) * u.Hz, r"RateMSE\(targets\): expected shape \(5, 4\)"),
        (FirstSpikeLoss(), SPIKES, np.ones((B, N)), r"\(targets\): expected a time"),
        (VanRossum(5 * u.ms), SPIKES, SPIKES[:-1], r"VanRossum\(targets\): expected shape"),
        (MSE(scale=u.mV), POTENTIALS * u.mV, POTENTIALS, r"MSE\(targets\): expected a voltage"),
        (MSE(), POTENTIALS, POTENTIALS[0], r"MSE\(targets\): expected shape"),
    ],
)
def test_wrong_outputs_and_targets_are_refused(
    loss: Loss, outputs: Any, targets: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        loss(outputs, targets)


def test_labels_that_are_known_are_checked_while_a_program_is_traced() -> None:
    """As `diagnose` does, which compiles the loss around its targets."""
    loss, labels = SpikeCountCrossEntropy(), jnp.asarray(LABELS)
    compiled = jax.jit(lambda spikes: loss(spikes, labels))
    np.testing.assert_allclose(compiled(SPIKES), loss(SPIKES, labels), rtol=1e-6)
    wrong = labels + 1
    with pytest.raises(InputError, match="got labels from 1 to 4"):
        jax.jit(lambda spikes: loss(spikes, wrong))(SPIKES)


def test_a_traced_label_that_is_no_class_makes_the_loss_nan() -> None:
    loss = jax.jit(SpikeCountCrossEntropy())
    assert np.isfinite(loss(SPIKES, LABELS))
    assert np.isnan(loss(SPIKES, LABELS + 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VanRossum(5.0), r"VanRossum\.tau: expected a time > 0 .*got 5"),
        (lambda: VanRossum(0 * u.ms), r"VanRossum\.tau: expected a time > 0, got 0 ms"),
        (
            lambda: SpikeCountCrossEntropy(over=SumOverTime),
            r"SpikeCountCrossEntropy\.over: expected a reduction",
        ),
        (lambda: SpikeCountMSE(correct=-1.0), r"SpikeCountMSE\.correct: expected .* >= 0"),
        (lambda: MembraneCrossEntropy(scale=0 * u.mV), r"MembraneCrossEntropy\.scale: .* > 0"),
        (lambda: Accuracy(per_class=0), r"Accuracy\.per_class: expected a whole number >= 1"),
        (lambda: RateMSE(scale=1 * u.mV), r"RateMSE\.scale: expected a frequency > 0"),
    ],
)
def test_wrong_losses_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()


def test_losses_compare_by_value() -> None:
    assert VanRossum(5 * u.ms) == VanRossum(0.005 * u.second)
    assert MembraneCrossEntropy() != MembraneCrossEntropy(scale=2 * u.mV)
