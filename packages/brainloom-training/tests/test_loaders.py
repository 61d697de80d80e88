"""Batches of any library, sequences of different length, and training that goes on in an epoch."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from brainloom_core import BrainloomError, CheckpointError
from brainloom_neurons import LIF
from brainloom_training import (
    BNTT,
    MSE,
    TDBN,
    Accuracy,
    FiringRate,
    FirstSpikeLoss,
    LastOverTime,
    LatencyCrossEntropy,
    LeakyRateReadout,
    Linear,
    MaxOverTime,
    MeanOverTime,
    MembraneCrossEntropy,
    RateCrossEntropy,
    RateMSE,
    SpikeCountCrossEntropy,
    Trainer,
    VanRossum,
    Voltage,
    evaluate,
    fit,
)
from brainloom_training.padding import Padded

N, T, SIZE = 22, 5, 8
X = np.random.RandomState(1).rand(N, T, 3).astype(np.float32)
Y = np.arange(N) % 2
QUIET: dict[str, Any] = {"dt": 1.0 * u.ms, "progress": False}
LOSS = RateCrossEntropy()


def readout() -> Any:
    brainstate.random.seed(0)
    return LeakyRateReadout(3, 2, tau=10 * u.ms)


class Loader:
    """Batches as PyTorch's `DataLoader` gives them: lists, in an order of each time anew."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.RandomState(seed)

    def __iter__(self) -> Iterator[Any]:
        order = self.random.permutation(N)
        for start in range(0, N, SIZE):
            chosen = order[start : start + SIZE]
            yield [X[chosen], Y[chosen]]

    def __len__(self) -> int:
        raise TypeError("an iterable set has no length")


class Sampled(Loader):
    """One whose order belongs to the epoch that it is told."""

    class Sampler:
        epoch = -1

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

    def __init__(self) -> None:
        self.sampler = self.Sampler()

    def __iter__(self) -> Iterator[Any]:
        self.random = np.random.RandomState(self.sampler.epoch)
        return super().__iter__()


def endless() -> Iterator[Any]:
    loader = Loader()
    while True:
        yield from loader


def by_epoch(epoch: int) -> Iterator[Any]:
    loader = Loader()
    for _ in range(epoch):
        list(loader)
    yield from loader


def trained(train: Any, **options: Any) -> tuple[np.ndarray, Any]:
    model = readout()
    history = fit(
        model, LOSS, train, optimizer=optax.adam(0.1), **{"epochs": 3, **QUIET, **options}
    )
    return np.asarray(model.weight.value), history


@pytest.fixture(scope="module")
def expected() -> tuple[np.ndarray, Any]:
    return trained(Loader(), prefetch=0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"train": Loader()},
        lambda: {"train": by_epoch},
        lambda: {"train": endless(), "steps_per_epoch": 3},
        lambda: {"train": Loader(), "prefetch": 7},
    ],
    ids=["loader", "function", "generator", "prefetch"],
)
def test_wherever_batches_come_from_training_is_the_same(make: Any, expected: Any) -> None:
    weight, history = trained(**make())
    np.testing.assert_array_equal(weight, expected[0])
    assert history == expected[1]


class Stop(Exception):
    pass


def stopping(train: Any, after: int) -> Iterator[Any]:
    """A loader that breaks off after so many batches."""

    class Stopping(type(train)):  # type: ignore[misc]
        left = after

        def __iter__(self) -> Iterator[Any]:
            for batch in super().__iter__():
                self.left -= 1
                if self.left < 0:
                    raise Stop
                yield batch

    Stopping.__name__ = type(train).__name__
    train.__class__ = Stopping
    return train  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", [Loader, Sampled])
@pytest.mark.parametrize("after", [4, 6])
def test_training_goes_on_in_the_middle_of_an_epoch(kind: Any, after: int, tmp_path: Path) -> None:
    file = {"checkpoint": tmp_path / "run.safetensors", "save_every": 1, "prefetch": 0}
    with pytest.raises(Stop):
        trained(stopping(kind(), after), **file)
    weight, history = trained(kind(), **file)
    expected, wanted = trained(kind())
    np.testing.assert_array_equal(weight, expected)
    assert history == wanted


def test_other_batches_than_before_are_noticed(tmp_path: Path) -> None:
    file = {"checkpoint": tmp_path / "run.safetensors", "save_every": 1, "prefetch": 0}
    with pytest.raises(Stop):
        trained(stopping(Loader(), 4), **file)
    train = stopping(Loader(seed=5), 99)
    with pytest.raises(CheckpointError, match="the batches of train are others than those"):
        trained(train, **file)


def test_validation_and_evaluation_take_batches_too() -> None:
    model = readout()
    whole = evaluate(model, LOSS, (X, Y), batch_size=SIZE, dt=1 * u.ms)
    assert evaluate(model, LOSS, Sampled(), dt=1 * u.ms) == pytest.approx(whole)
    _, history = trained((X, Y), validation=Loader(), epochs=1)
    assert set(history) == {"loss", "gradient_norm", "val_loss"}


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (endless(), "fit: train: expected batches that can be gone through 3 times, got generator"),
        ([], "fit: train: expected at least one batch in an epoch, got none"),
        ([(X, Y, X, Y)], "fit: train: expected batches (x, y) or (x, y, lengths), got"),
        ([{"x": X, "y": Y}], "fit: train: expected batches (x, y) or (x, y, lengths), got"),
        ({"x": X, "y": Y}, "fit: train: expected inputs and targets (x, y), batches of them"),
        ((X, Y, np.zeros(N, int)), "fit: train: lengths: expected the number of steps of each of"),
        ((X, Y, np.ones((N, T)) > 2), "fit: train: lengths: expected the number of steps of each"),
        ((X, Y, np.arange(T) % 2 * np.ones((N, 1)) > 0), "got one with a gap"),
    ],
)
def test_what_cannot_be_batches_is_refused(train: Any, message: str) -> None:
    with pytest.raises(BrainloomError, match=re.escape(message)):
        trained(train)


# Sequences of different length

LAST = MembraneCrossEntropy(over=LastOverTime(), scale=1.0)
WEIGHTS = np.arange(6.0).reshape(3, 2)
LENGTHS = np.array([5, 3, 1, 4])
SHORT = X[:4] * (np.arange(T)[:, None] < LENGTHS[:, None, None])


def padded(x: np.ndarray, steps: int, value: float) -> np.ndarray:
    """More steps, and something in those beyond the end of a sequence."""
    longer = np.pad(x, ((0, 0), (0, steps), *[(0, 0)] * (x.ndim - 2)))
    beyond = np.arange(T + steps) >= LENGTHS[:, None]
    return np.where(beyond.reshape(*beyond.shape, *(1,) * (x.ndim - 2)), value, longer)


def spiking() -> Any:
    brainstate.random.seed(0)
    weights = brainstate.nn.init.KaimingNormal(scale=40.0, unit=u.mA)
    norm = TDBN(6, scale=3 * u.mA)
    return brainstate.nn.Sequential(Linear(3, 6, weights), norm, LIF(6, tau=4 * u.ms), Linear(6, 2))


def gradient(x: np.ndarray, y: Any, lengths: Any, loss: Any = LOSS, **options: Any) -> Any:
    """The values of a step, and by how much gradient descent changes the parameters."""
    model = options.pop("model", spiking)()
    trainer = Trainer(model, loss, optax.sgd(1.0), dt=1 * u.ms, **options)
    before = {name: u.get_mantissa(it.value) for name, it in trainer.parameters.items()}
    values = trainer.step(x, y, lengths)
    after = {name: u.get_mantissa(it.value) for name, it in trainer.parameters.items()}
    others = {str(k): s.value for k, s in model.states(brainstate.BatchState).items()}
    return values, {name: after[name] - before[name] for name in after} | others


def same(found: Any, wanted: Any) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            np.testing.assert_allclose(value, other[name], rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    "options",
    [
        {
            "metrics": {
                "accuracy": Accuracy(),
                "last": MembraneCrossEntropy(over=LastOverTime(), scale=1.0),
            }
        },
        {"batching": "vmap", "model": lambda: LeakyRateReadout(3, 2, w_init=np.ones((3, 2)))},
        {
            "rule": "bptt-checkpointed",
            "model": lambda: brainstate.nn.Sequential(
                Linear(3, 2, np.ones((3, 2))), BNTT(2, 9, 1.0)
            ),
        },
    ],
    ids=["axis", "vmap", "pieces"],
)
def test_padding_changes_neither_loss_nor_gradient(options: Any) -> None:
    wanted = gradient(padded(SHORT, 0, 0.0), Y[:4], LENGTHS, **options)
    mask = np.arange(T + 4) < LENGTHS[:, None]
    same(gradient(padded(SHORT, 4, 7.0), Y[:4], mask, **options), wanted)
    assert wanted[0]["gradient_norm"] > 0


def test_each_sequence_counts_as_if_it_were_alone() -> None:
    def model() -> Any:
        return LeakyRateReadout(3, 2, w_init=WEIGHTS)

    together = gradient(SHORT, Y[:4], LENGTHS, model=model)
    alone = [
        gradient(x[None, :n], y[None], None, model=model)
        for x, y, n in zip(SHORT, Y[:4], LENGTHS, strict=True)
    ]
    loss = np.mean([values["loss"] for values, _ in alone])
    np.testing.assert_allclose(together[0]["loss"], loss, rtol=1e-5)
    change = np.mean([change["weight"] for _, change in alone], 0)
    np.testing.assert_allclose(together[1]["weight"], change, rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (SpikeCountCrossEntropy(), Y[:4]),
        (SpikeCountCrossEntropy(over=MeanOverTime()), Y[:4]),
        (MembraneCrossEntropy(over=MaxOverTime(), scale=1.0), Y[:4]),
        (MembraneCrossEntropy(over=LastOverTime(), scale=1.0), Y[:4]),
        (LatencyCrossEntropy(), Y[:4]),
        (RateCrossEntropy(), Y[:4]),
        (RateMSE(), np.ones((4, 3)) * u.Hz),
        (FirstSpikeLoss(), np.ones((4, 3)) * u.ms),
        (MSE(over=LastOverTime()), np.ones((4, 3))),
    ],
    ids=lambda it: type(it).__name__,
)
def test_losses_look_at_the_steps_that_count(loss: Any, targets: Any) -> None:
    outputs = np.round(SHORT).swapaxes(0, 1)
    beyond = np.round(padded(SHORT, 3, 1.0)).swapaxes(0, 1)
    with brainstate.environ.context(dt=1 * u.ms):
        alone = [loss(outputs[:n, k : k + 1], targets[k : k + 1]) for k, n in enumerate(LENGTHS)]
        found = loss(beyond, targets, LENGTHS)
    np.testing.assert_allclose(found, np.mean(alone), rtol=1e-5)


def test_measures_of_all_steps_leave_the_others_out() -> None:
    outputs, longer = SHORT.swapaxes(0, 1), padded(SHORT, 2, 9.0).swapaxes(0, 1)
    counts = (np.arange(T)[:, None] < LENGTHS)[..., None]
    square = np.mean(((outputs - 0.5) ** 2)[np.broadcast_to(counts, outputs.shape)])
    np.testing.assert_allclose(MSE()(longer, np.full_like(longer, 0.5), LENGTHS), square, rtol=1e-5)
    spikes, other = np.round(outputs), np.round(longer).clip(0, 1)
    with brainstate.environ.context(dt=1 * u.ms):
        distance = VanRossum(tau=5 * u.ms)
        found = distance(other, np.zeros_like(other), LENGTHS)
        np.testing.assert_allclose(found, distance(spikes, np.zeros_like(spikes)), rtol=1e-5)
        rate = FiringRate(strength=1.0, target=0 * u.Hz)
        wanted = np.mean((1e3 * spikes.sum((0, 1)) / LENGTHS.sum()) ** 2)
        np.testing.assert_allclose(rate(other, LENGTHS), wanted, rtol=1e-4)
    bound = Voltage(strength=1.0, upper=0.2 * u.mV)
    wanted = np.mean((np.maximum(outputs - 0.2, 0) ** 2)[np.broadcast_to(counts, outputs.shape)])
    np.testing.assert_allclose(bound(longer * u.mV, LENGTHS), wanted, rtol=1e-4)


def test_a_loss_of_your_own_is_given_the_lengths_or_refused() -> None:
    def last(out: Any, y: Any, lengths: Any) -> Any:
        return jnp.take_along_axis(out, lengths[None, :, None] - 1, 0).mean()

    values, _ = gradient(SHORT, Y[:4], LENGTHS, last, model=readout)
    wanted, _ = gradient(SHORT, Y[:4], LENGTHS, _last_of_all, model=readout)
    np.testing.assert_allclose(values["loss"], wanted["loss"], rtol=1e-6)
    with pytest.raises(BrainloomError, match="loss: expected a function of outputs, targets and"):
        gradient(SHORT, Y[:4], LENGTHS, lambda out, y: out.mean(), model=readout)
    with pytest.raises(BrainloomError, match="eprop cannot be used with lengths of sequences"):
        pytest.importorskip("braintrace")
        gradient(SHORT, Y[:4], LENGTHS, model=readout, rule="eprop")


def _last_of_all(out: Any, y: Any, lengths: Any) -> Any:
    steps = jnp.arange(len(out))[:, None, None] == lengths[:, None] - 1
    return (out * steps).sum(0).mean()


def test_targets_with_lengths_are_cut_with_them() -> None:
    some = Padded(Y, np.arange(N))[np.array([3, 1])]
    assert (len(some), some.y.tolist(), some.lengths.tolist()) == (2, [1, 1], [3, 1])
    _, history = trained((X, Y, np.full(N, T)), epochs=1, batch_size=SIZE)
    assert history == trained((X, Y), epochs=1, batch_size=SIZE)[1]
