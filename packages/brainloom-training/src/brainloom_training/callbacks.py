"""Callbacks of `fit`: logs, and whatever else happens beside training."""

import csv
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import brainstate
import jax
import numpy as np
from brainloom_core import checked, flag, whole
from brainloom_core.types import PyTree

from .arguments import FOLDER
from .history import History
from .statistics import statistics_of
from .trainer import Trainer

__all__ = ["CSVLog", "Callback", "LayerRates", "Progress", "TensorBoard"]


@dataclass(frozen=True)
class Progress:
    """Where training is, as callbacks see it.

    Attributes:
        trainer: What makes the steps; `trainer.steps` says how many there were.
        history: What was measured in the epochs so far.
        epochs: How many epochs there will be at most.
        batch: The last batch, `(x, y)`, None before the first.
        about: A function that says what decides on the numbers of this run, as texts by name:
            data, model, loss, optimizer, seed, versions.
    """

    trainer: Trainer
    history: History
    epochs: int
    batch: tuple[PyTree, PyTree] | None
    about: Callable[[], Mapping[str, str]]

    @property
    def model(self) -> brainstate.nn.Module:
        """What is trained."""
        return self.trainer.model


class Callback:
    """What happens beside training: a subclass gives those of these methods that it needs.

    Callbacks are given as `fit(callbacks=[...])` and are called in this order. They may read
    everything; what they change in the model or the trainer is not kept apart from training.

    Examples:
        >>> from brainloom_training import Callback
        >>> class Printed(Callback):
        ...     def on_epoch(self, progress):
        ...         print(progress.history.epochs, progress.history["loss"][-1])
    """

    def on_start(self, progress: Progress) -> None:
        """Before the first step, or before the first one after training was taken up again.

        Args:
            progress: Where training is.
        """

    def on_step(self, progress: Progress, values: Mapping[str, jax.Array]) -> None:
        """After each step. To read a value is to wait for the step.

        Args:
            progress: Where training is.
            values: The loss, the metrics and the norm of the gradient, by name.
        """

    def measure(self, progress: Progress) -> Mapping[str, float]:
        """More numbers of an epoch that has ended, for its history; they are shown and logged.

        Args:
            progress: Where training is.

        Returns:
            Numbers by name.
        """
        return {}

    def on_epoch(self, progress: Progress) -> None:
        """After each epoch, when its numbers are in the history.

        Args:
            progress: Where training is.
        """

    def on_end(self, progress: Progress) -> None:
        """In the end, also after an error.

        Args:
            progress: Where training is.
        """


class CSVLog(Callback):
    """Keeps the history in a CSV file: a row for each epoch, a column for each measure.

    The file is written anew after each epoch, with all epochs so far, so that training that was
    stopped and taken up again leaves one table. Beside it, with the ending `.json`, stands what is
    needed to repeat the run: texts of data, model, loss, optimizer, seed and versions.

    Args:
        path: The file.

    Examples:
        >>> from brainloom_training import CSVLog
        >>> log = CSVLog("run.csv")  # fit(..., callbacks=[log])
    """

    @checked(path=FOLDER)
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_start(self, progress: Progress) -> None:
        """Write what the run is."""
        text = json.dumps(dict(progress.about()), indent=2)
        _replace(self.path.with_suffix(".json"), text + "\n")

    def on_epoch(self, progress: Progress) -> None:
        """Write the table."""
        history, file = progress.history, io.StringIO(newline="")
        table = csv.writer(file)
        table.writerow(["epoch", *history])
        missing = {name: history.epochs - len(values) for name, values in history.items()}
        for epoch in range(history.epochs):
            row = [
                values[epoch - missing[n]] if epoch >= missing[n] else ""
                for n, values in history.items()
            ]
            table.writerow([epoch + 1, *row])
        _replace(self.path, file.getvalue())


class TensorBoard(Callback):
    """Writes the history, and on request histograms of the parameters, for TensorBoard.

    It needs `python -m pip install "brainloom-training[tensorboard]"`, and
    `tensorboard --logdir FOLDER` shows it. Steps are epochs. What the run is stands in its texts.

    Args:
        folder: Where to; one for each run.
        histograms: Whether the values of each parameter are written after each epoch, False.
        every: Number of steps between two values of the loss within an epoch, None for none. Each
            is waited for.

    Examples:
        >>> from brainloom_training import TensorBoard
        >>> log = TensorBoard("runs/first")  # fit(..., callbacks=[log])
    """

    @checked(folder=FOLDER, histograms=flag, every=whole)
    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        histograms: bool = False,
        every: int | None = None,
    ) -> None:
        self.folder, self.histograms, self.every = Path(folder), histograms, every
        self._writer: Any = None

    def on_start(self, progress: Progress) -> None:
        """Open the file."""
        first = progress.history.epochs + 1
        self._writer = _tensorboard().SummaryWriter(str(self.folder), purge_step=first)
        about = "\n".join(f"| {name} | {text} |" for name, text in progress.about().items())
        self._writer.add_text("run", f"| what | value |\n|---|---|\n{about}", first - 1)

    def on_step(self, progress: Progress, values: Mapping[str, jax.Array]) -> None:
        """Write the loss of a step."""
        steps = progress.trainer.steps
        if self.every is not None and steps % self.every == 0:
            self._writer.add_scalar("step/loss", float(values["loss"]), steps)

    def on_epoch(self, progress: Progress) -> None:
        """Write what was measured."""
        epoch = progress.history.epochs
        for name, values in progress.history.items():
            self._writer.add_scalar(name, values[-1], epoch)
        for name, number in progress.trainer.numbers().items() if self.histograms else ():
            for leaf in jax.tree.leaves(number):
                self._writer.add_histogram(f"parameters/{name}", np.asarray(leaf), epoch)
        self._writer.flush()

    def on_end(self, progress: Progress) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()


class LayerRates(Callback):
    """Measures the mean rate of each spiking layer, in Hz, on the last batch of each epoch.

    In the history they are `rate/layers.1` and so on, and thereby in the progress line and in logs.
    It costs one run over a batch for each epoch; `spike_statistics` says more of each layer.

    Examples:
        >>> from brainloom_training import LayerRates
        >>> rates = LayerRates()  # fit(..., callbacks=[rates])
    """

    def measure(self, progress: Progress) -> Mapping[str, float]:
        """The mean rate of each layer.

        Args:
            progress: Where training is.
        """
        if progress.batch is None:
            return {}
        found = statistics_of(progress.trainer, progress.batch[0])
        return {f"rate/{name}": it.rate for name, it in found.items()}


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole, so that whoever reads it never sees a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text, newline="")
    os.replace(draft, path)


def _tensorboard() -> ModuleType:
    try:
        import tensorboardX
    except ImportError as error:
        raise ImportError(
            "TensorBoard needs tensorboardX: "
            'python -m pip install "brainloom-training[tensorboard]"'
        ) from error
    return tensorboardX
