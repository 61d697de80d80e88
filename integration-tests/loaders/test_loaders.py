"""The same model from the same batches, whoever loads them; and logs that TensorBoard reads."""

from pathlib import Path
from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import grain
import numpy as np
import optax
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

N, T, SIZE = 44, 10, 8
X = np.random.RandomState(1).rand(N, T, 3).astype(np.float32)
Y = np.arange(N) % 2


def trained(train: Any, **options: Any) -> tuple[np.ndarray, Any]:
    brainstate.random.seed(0)
    weights = brainstate.nn.init.KaimingNormal(scale=40.0, unit=u.mA)
    model = brainstate.nn.Sequential(
        bl.Linear(3, 16, weights), bl.LIF(16, tau=5 * u.ms), bl.LeakyRateReadout(16, 2)
    )
    loss, given = bl.SpikeCountCrossEntropy(), {"epochs": 3, "progress": False, **options}
    history = bl.fit(model, loss, train, optimizer=optax.adam(0.02), dt=1 * u.ms, **given)
    return np.asarray(model.layers[0].weight.value.mantissa), history


class TorchSet(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> Any:
        return torch.from_numpy(X[index]), int(Y[index])


class GrainSource:
    def __len__(self) -> int:
        return N

    def __getitem__(self, index: int) -> Any:
        return X[index], Y[index]


def of_torch(**options: Any) -> Any:
    return torch.utils.data.DataLoader(TorchSet(), batch_size=SIZE, **options)


def of_grain() -> Any:
    dataset = grain.MapDataset.source(GrainSource())
    return dataset.batch(SIZE).to_iter_dataset()


def of_grain_loader() -> Any:
    sampler = grain.samplers.IndexSampler(N, grain.sharding.NoSharding(), False, 1, seed=0)
    batch = grain.transforms.Batch(SIZE)
    return grain.DataLoader(data_source=GrainSource(), sampler=sampler, operations=[batch])


def generator(epoch: int) -> Any:
    for start in range(0, N, SIZE):
        yield X[start : start + SIZE], Y[start : start + SIZE]


@pytest.fixture(scope="module")
def expected() -> Any:
    return trained(generator)


@pytest.mark.parametrize("make", [of_torch, of_grain, of_grain_loader])
def test_whoever_loads_the_batches_training_is_the_same(make: Any, expected: Any) -> None:
    weight, history = trained(make())
    np.testing.assert_array_equal(weight, expected[0])
    assert history == expected[1]


class Stop(Exception):
    pass


class After(bl.Callback):
    """Stops training after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, progress: Any, values: Any) -> None:
        if progress.trainer.steps == self.steps:
            raise Stop


def shuffled() -> Any:
    return of_torch(shuffle=True, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("make", [shuffled, of_grain, lambda: generator])
def test_training_goes_on_in_the_middle_of_an_epoch(make: Any, tmp_path: Path) -> None:
    file: dict[str, Any] = {"checkpoint": tmp_path / "run.safetensors", "save_every": 1}
    with pytest.raises(Stop):
        trained(make(), callbacks=[After(8)], **file)  # in the second epoch of six steps
    weight, history = trained(make(), **file)
    wanted = trained(make())
    np.testing.assert_array_equal(weight, wanted[0])
    assert history == wanted[1]


def test_tensorboard_reads_what_is_logged(tmp_path: Path) -> None:
    log = bl.TensorBoard(tmp_path / "run", histograms=True, every=2)
    _, history = trained(generator, callbacks=[bl.LayerRates(), log], validation=(X, Y))
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    tags = events.Tags()
    assert {*history} <= {*tags["scalars"]} and "step/loss" in tags["scalars"]
    for name, values in history.items():
        found = events.Scalars(name)
        assert [it.step for it in found] == [1, 2, 3]
        np.testing.assert_allclose([it.value for it in found], values, rtol=1e-6)
    assert "parameters/layers.0.weight" in tags["histograms"]
    assert any("run" in tag for tag in tags["tensors"])
