"""What happens beside training: callbacks, logs, rates of layers, confusion matrices."""

import csv
import json
import sys
import types
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import numpy as np
import optax
import pytest
from brainloom_core import BrainloomError
from brainloom_neurons import LIF
from brainloom_training import (
    Accuracy,
    Callback,
    ConfusionMatrix,
    CSVLog,
    History,
    LayerRates,
    LeakyRateReadout,
    Linear,
    SpikeCountCrossEntropy,
    TensorBoard,
    confusion_matrix,
    evaluate,
    fit,
    spike_statistics,
)

N, T = 12, 20
X = np.random.RandomState(1).rand(N, T, 3).astype(np.float32)
Y = np.arange(N) % 2
LOSS = SpikeCountCrossEntropy()


def network() -> Any:
    brainstate.random.seed(0)
    weights = np.array([[4.0, 0.0, 2.0], [4.0, 0.0, 2.0], [4.0, 0.0, 2.0]]) * u.mA
    return brainstate.nn.Sequential(
        Linear(3, 3, weights, None), LIF(3), LeakyRateReadout(3, 2, tau=10 * u.ms)
    )


def run(*callbacks: Any, **options: Any) -> History:
    given = {"epochs": 3, "batch_size": 6, "dt": 1 * u.ms, "progress": False, **options}
    return fit(
        network(), LOSS, (X, Y), callbacks=list(callbacks), optimizer=optax.adam(0.01), **given
    )


class Noted(Callback):
    """What was called, when."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_start(self, progress: Any) -> None:
        self.calls.append(("start", progress.trainer.steps))

    def on_step(self, progress: Any, values: Any) -> None:
        self.calls.append(("step", float(values["loss"])))

    def measure(self, progress: Any) -> Any:
        return {"twice": 2.0 * progress.trainer.steps}

    def on_epoch(self, progress: Any) -> None:
        self.calls.append(("epoch", progress.history.epochs, progress.batch[0].shape))

    def on_end(self, progress: Any) -> None:
        self.calls.append(("end", progress.trainer.steps, progress.about()["seed"]))


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One training with everything, stopped after two epochs and taken up again."""
    folder, noted = tmp_path_factory.mktemp("log"), Noted()
    kept = {"checkpoint": folder / "run.safetensors"}
    callbacks = [noted, LayerRates(), CSVLog(folder / "deep" / "run.csv")]
    run(*callbacks, epochs=2, **kept)
    return folder, noted.calls, run(*callbacks, **kept)


def test_callbacks_are_called_where_they_say(logged: Any) -> None:
    _, calls, history = logged
    kinds = [call[0] for call in calls]
    epoch = ["step", "step", "epoch"]
    assert kinds == ["start", *epoch, *epoch, "end", "start", *epoch, "end"]
    assert calls[3] == ("epoch", 1, (6, T, 3)) and calls[8] == ("start", 4)
    assert calls[-1] == ("end", 6, "0")
    assert history["twice"] == [4.0, 8.0, 12.0]
    np.testing.assert_allclose(np.mean([calls[1][1], calls[2][1]]), history["loss"][0], rtol=1e-6)
    assert run() == History({k: v for k, v in history.items() if k in ("loss", "gradient_norm")})


def test_a_table_has_all_epochs_of_a_run_that_was_stopped(logged: Any) -> None:
    folder, _, history = logged
    with open(folder / "deep" / "run.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name, values in history.items():
        assert [float(row[name]) for row in rows] == values
    about = json.loads((folder / "deep" / "run.json").read_text())
    assert {"train", "seed", "loss", "optimizer", "model.layers.1.tau"} <= about.keys()
    assert [it.name for it in folder.joinpath("deep").iterdir() if it.suffix == ".part"] == []


def test_rates_of_layers_are_those_of_their_spikes(logged: Any) -> None:
    history = logged[2]
    assert len(history["rate/layers.1"]) == 3 and history["rate/layers.1"][0] > 0
    model = network()
    found = spike_statistics(model, X, dt=1 * u.ms)["layers.1"]
    with brainstate.environ.context(dt=1 * u.ms):
        brainstate.nn.init_all_states(model, batch_size=N)
        hidden = [model.layers[1](model.layers[0](x)) for x in X.swapaxes(0, 1)]
    np.testing.assert_allclose(found.rates, 1e3 * np.mean(hidden, (0, 1)), rtol=1e-5)
    assert found.rates[1] == 0 and found.silent == pytest.approx(1 / 3)
    assert f"{found.rate:.1f} Hz, 33 % of 3 neurons silent" in str(found)
    mapped = spike_statistics(network(), X, dt=1 * u.ms, batching="vmap")["layers.1"]
    np.testing.assert_allclose(mapped.rates, found.rates, rtol=1e-5)
    with pytest.raises(BrainloomError, match="has no spiking layer"):
        spike_statistics(LeakyRateReadout(3, 2), X, dt=1 * u.ms)


def test_tensorboard_gets_what_the_history_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session `loaders` reads the files with TensorBoard's own reader."""
    written: list[Any] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            written.append(("open", folder, purge_step))

        def __getattr__(self, name: str) -> Any:
            return lambda *args: written.append((name, *args))

    module = types.SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "tensorboardX", module)  # type: ignore[arg-type]
    history = run(TensorBoard("runs", histograms=True, every=3), epochs=2)
    assert written[0] == ("open", "runs", 1) and written[-1] == ("close",)
    scalars = [it[1:] for it in written if it[0] == "add_scalar"]
    losses = [(name, value, step) for name, value, step in scalars if name == "loss"]
    assert losses == [("loss", value, k + 1) for k, value in enumerate(history["loss"])]
    assert [step for name, _, step in scalars if name == "step/loss"] == [3]
    names = {it[1] for it in written if it[0] == "add_histogram"}
    assert names == {"parameters/layers.0.weight", "parameters/layers.2.weight"}
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="brainloom-training.tensorboard"):
        run(TensorBoard("runs"))


def test_a_confusion_matrix_counts_which_class_was_taken_for_which() -> None:
    model = network()
    found = confusion_matrix(model, (X, Y), batch_size=5, dt=1 * u.ms)
    accuracy = evaluate(model, Accuracy(), (X, Y), dt=1 * u.ms)["loss"]
    assert found.counts.sum() == N and found.counts.sum(1).tolist() == [6, 6]
    assert found.accuracy == pytest.approx(accuracy)
    lengths = confusion_matrix(model, (X, Y, np.full(N, T)), dt=1 * u.ms)
    np.testing.assert_array_equal(lengths.counts, found.counts)
    two = ConfusionMatrix(np.array([[3.0, 1.0], [0.0, 0.0]]))
    assert two.recall[0] == 0.75 and np.isnan(two.recall[1])
    axes = two.plot(names=["cat", "dog"])
    assert [it.get_text() for it in axes.texts] == ["3", "1"]
    assert [it.get_text() for it in axes.get_xticklabels()] == ["cat", "dog"]


def test_a_plot_leaves_out_what_has_another_scale() -> None:
    measured = {"loss": [2.0, 1.0], "val_loss": [2.5], "gradient_norm": [9.0], "rate/E": [50.0]}
    lines = History(measured).plot().get_lines()
    assert [line.get_label() for line in lines] == ["loss", "val_loss"]
    assert lines[1].get_xdata().tolist() == [2] and lines[1].get_linestyle() == "--"


def test_what_is_no_callback_is_refused(tmp_path: Path) -> None:
    for wrong in (CSVLog(tmp_path / "a"), [CSVLog], [print]):
        with pytest.raises(BrainloomError, match="fit: callbacks.* expected some such as"):
            fit(network(), LOSS, (X, Y), callbacks=wrong, dt=1 * u.ms)  # type: ignore[arg-type]
