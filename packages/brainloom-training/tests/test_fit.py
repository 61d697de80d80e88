"""The training loop in one call."""

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from brainloom_core import BrainloomError
from brainloom_training import (
    CheckpointError,
    EarlyStop,
    History,
    LeakyRateReadout,
    Trainer,
    TrainingError,
    fit,
    trainable,
)

from .networks import accuracy, cross_entropy, examples, network

X, Y = examples()
QUIET: dict[str, Any] = {"dt": 1.0 * u.ms, "progress": False, "batch_size": 10}


def numbers(model: Any) -> dict[str, np.ndarray]:
    return {n: np.asarray(u.get_mantissa(s.value)) for n, s in trainable(model).items()}


def straight(out: Any, y: Any) -> Any:
    return ((out[-1] - y) ** 2).mean()


def line() -> tuple[Any, tuple[np.ndarray, np.ndarray]]:
    """A readout and data that a linear map explains."""
    x = np.random.RandomState(1).rand(20, 6, 3).astype(np.float32)
    y = x.sum(1) @ np.array([[1.0, -1.0], [0.5, 2.0], [0.0, 1.0]], np.float32)
    brainstate.random.seed(0)
    return LeakyRateReadout(3, 2, tau=1e6 * u.ms), (x, y)


def test_a_network_learns() -> None:
    model = network()
    history = fit(
        model,
        cross_entropy,
        (X, Y),
        epochs=12,
        optimizer=optax.adam(3e-2),
        metrics={"accuracy": accuracy},
        validation=(X[:7], Y[:7]),
        **QUIET,
    )
    assert history.epochs == 12
    assert set(history) >= {"loss", "accuracy", "gradient_norm", "val_loss", "val_accuracy"}
    assert history["accuracy"][-1] > 0.9
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_no_progress_bar_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # warns in a notebook without its widgets
    readout, data = line()
    fit(readout, straight, data, epochs=1, **{**QUIET, "progress": None})
    assert capsys.readouterr().err == ""


def test_means_are_over_samples_and_batches_are_all_seen() -> None:
    readout, (x, y) = line()
    whole = float(Trainer(readout, straight, dt=1 * u.ms).evaluate(x, y)["loss"])
    options = {**QUIET, "batch_size": 8, "optimizer": optax.sgd(0.0)}
    history = fit(readout, straight, (x, y), epochs=1, validation=(x, y), **options)
    np.testing.assert_allclose(history["loss"][0], whole, rtol=1e-6)
    np.testing.assert_allclose(history["val_loss"][0], whole, rtol=1e-6)


def test_a_schedule_sees_every_step() -> None:
    readout, data = line()
    seen = []

    def schedule(count: Any) -> Any:
        return jnp.where(count < 4, 1e-2, 0.0)

    fit(
        readout,
        straight,
        data,
        epochs=4,
        optimizer=optax.sgd(schedule),
        on_epoch=lambda history: seen.append(numbers(readout)["weight"].copy()),
        **QUIET,
    )
    assert (seen[0] != seen[1]).any()  # two steps in an epoch
    np.testing.assert_array_equal(seen[1], seen[3])


def test_training_ends_early_with_the_best_parameters() -> None:
    readout, data = line()
    kept = []
    history = fit(
        readout,
        straight,
        data,
        epochs=50,
        optimizer=optax.sgd(lambda count: jnp.where(count < 6, 5e-3, -2e-3)),
        validation=data,
        early_stop=EarlyStop("val_loss", patience=3),
        on_epoch=lambda history: kept.append(numbers(readout)["weight"].copy()),
        **QUIET,
    )
    best = int(np.argmin(history["val_loss"]))
    assert history.epochs == best + 4 < 50
    np.testing.assert_array_equal(numbers(readout)["weight"], kept[best])


def test_batches_can_come_from_a_function_of_the_epoch() -> None:
    readout, (x, y) = line()
    asked = []

    def train(epoch: int) -> Any:
        asked.append(epoch)
        return [(x[:10], y[:10]), (x[10:], y[10:])]

    fit(readout, straight, train, epochs=3, **QUIET)
    assert asked == [0, 1, 2]


class Stopped(Exception):
    """Thrown in the middle of training."""


@pytest.mark.parametrize("at", [1, 5, 7])
def test_training_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path, at: int) -> None:
    def run(model: Any, name: str, **options: Any) -> History:
        return fit(
            model,
            cross_entropy,
            (X, Y),
            epochs=3,
            optimizer=optax.adam(1e-2),
            validation=(X, Y),
            early_stop=EarlyStop(patience=2),
            checkpoint=tmp_path / name,
            save_every=1,
            **(QUIET | options),
        )

    whole = network()
    expected = run(whole, "whole")
    steps, step, broken = iter(range(100)), Trainer.step, network()

    def limited(self: Any, x: Any, y: Any) -> Any:
        if next(steps) == at:
            raise Stopped
        return step(self, x, y)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Trainer, "step", limited)
        run(broken, "broken")
    again = network()
    assert run(again, "broken") == expected
    for name, number in numbers(again).items():
        np.testing.assert_array_equal(number, numbers(whole)[name])
    assert run(network(), "broken") == expected  # there is nothing left to do


SCRIPT = """
import sys
import brainunit as u
import numpy as np
import optax
from brainloom_training import fit, trainable
sys.path.insert(0, {folder!r})
from networks import cross_entropy, examples, network
model = network()
fit(model, cross_entropy, examples(), epochs=6, batch_size=6, dt=1 * u.ms, progress=False,
    optimizer=optax.adam(1e-2), checkpoint=sys.argv[1], save_every=1)
np.savez(sys.argv[2], **{{n: u.get_mantissa(s.value) for n, s in trainable(model).items()}})
"""


@pytest.mark.slow
def test_a_killed_process_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.format(folder=str(Path(__file__).parent)))

    def command(name: str) -> list[str]:
        files = [str(tmp_path / f"{name}{suffix}") for suffix in (".safetensors", ".npz")]
        return [sys.executable, str(script), *files]

    subprocess.run(command("whole"), check=True)
    file = tmp_path / "killed.safetensors"
    process = subprocess.Popen(command("killed"))
    while not file.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "killed.npz").exists()
    subprocess.run(command("killed"), check=True)
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "killed.npz") as killed:
        for name in whole.files:
            assert whole[name].tobytes() == killed[name].tobytes()


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run"
    readout, data = line()
    fit(readout, straight, data, epochs=1, checkpoint=file, **QUIET)
    with pytest.raises(CheckpointError, match="belongs to another run"):
        fit(readout, straight, data, epochs=1, checkpoint=file, **(QUIET | {"batch_size": 5}))
    again = {"epochs": 1, "checkpoint": file, **QUIET}
    others = {
        "optimizer": optax.sgd(0.1, momentum=0.5),
        "clip_norm": 0.1,
        "metrics": {"m": straight},
    }
    for name, other in others.items():
        with pytest.raises(CheckpointError, match=f"another run: {name} was .* and is .* here"):
            fit(readout, straight, data, **again, **{name: other})
    with pytest.raises(CheckpointError, match="optimizer was"):
        fit(readout, straight, data, **again, optimizer=optax.adam(2e-3))
    with pytest.raises(CheckpointError, match="dt was 1.0 ms and is 2.0 ms here"):
        fit(readout, straight, data, **{**again, "dt": 2.0 * u.ms})
    with pytest.raises(CheckpointError, match="train was .* and is .* here"):
        fit(readout, straight, (data[0] + 1, data[1]), **again)
    with pytest.raises(CheckpointError, match="loss was .* and is .* here"):
        fit(readout, lambda r, y: straight(r, y), data, **again)
    readout.tau = 11 * u.ms
    with pytest.raises(CheckpointError, match="model.tau was .* and is 11.0 ms here"):
        fit(readout, straight, data, **again)


def test_a_damaged_checkpoint_is_refused_wherever_it_is_altered(tmp_path: Path) -> None:
    readout, data = line()
    again = {"epochs": 1, "checkpoint": tmp_path / "run", **QUIET}
    fit(readout, straight, data, **again)
    good, rng = (tmp_path / "run").read_bytes(), np.random.default_rng(0)
    for place in [*range(16), *rng.integers(16, len(good), 44)]:
        altered = bytearray(good)
        altered[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "run").write_bytes(altered)
        with pytest.raises(CheckpointError, match="or a copy|a copy, or remove it"):
            fit(readout, straight, data, **again)
    (tmp_path / "run").write_bytes(good)
    fit(readout, straight, data, **{**again, "epochs": 2})  # keeps the one before
    (tmp_path / "run").write_bytes(good[:100])
    with pytest.warns(UserWarning, match="Going on from the one before it"):
        assert fit(readout, straight, data, **{**again, "epochs": 2}).epochs == 2


def test_more_epochs_go_on_from_the_last_one(tmp_path: Path) -> None:
    readout, data = line()
    fit(readout, straight, data, epochs=2, checkpoint=tmp_path / "run", **QUIET)
    history = fit(readout, straight, data, epochs=5, checkpoint=tmp_path / "run", **QUIET)
    assert history.epochs == 5


def test_a_loss_that_is_no_number_stops_training() -> None:
    readout, data = line()
    with pytest.raises(TrainingError, match="no longer a finite number"):
        fit(readout, lambda out, y: (out * math.inf).sum(), data, epochs=2, **QUIET)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": X}, r"fit: train: expected inputs and targets \(x, y\)"),
        ({"train": lambda epoch: []}, "expected at least one batch"),
        ({"early_stop": EarlyStop("val_loss")}, "EarlyStop.measure: expected one of"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    readout, data = line()
    with pytest.raises(BrainloomError, match=message):
        fit(readout, straight, **({"train": data, "epochs": 1} | arguments | QUIET))


def test_early_stop_refuses_nonsense() -> None:
    with pytest.raises(BrainloomError, match="EarlyStop.patience: expected a whole number >= 1"):
        EarlyStop(patience=0)


def test_a_history_draws_itself() -> None:
    pytest.importorskip("matplotlib")
    ax = History({"loss": [2.0, 1.0], "gradient_norm": [1.0, 1.0]}).plot()
    assert [line.get_label() for line in ax.lines] == ["loss"]
