"""`fit`: an ordinary training loop in one call."""

import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from brainloom_core import BrainloomError, InputError
from brainloom_core.units import show

from .checkpoint import CheckpointError
from .trainer import Trainer

__all__ = ["EarlyStop", "History", "TrainingError", "fit"]


class TrainingError(BrainloomError, ArithmeticError):
    """Training cannot go on: the loss is no longer a number."""


@dataclass(frozen=True)
class EarlyStop:
    """End training when a measure has not improved for some epochs.

    Args:
        measure: Its name in the history, such as `"val_loss"`.
        patience: How many epochs without improvement are borne.
        mode: Whether `"min"` or `"max"` is better.
        restore: Whether the model gets the parameters of its best epoch in the end.
    """

    measure: str = "val_loss"
    patience: int = 10
    mode: Literal["min", "max"] = "min"
    restore: bool = True

    def __post_init__(self) -> None:
        if self.patience < 1 or self.mode not in ("min", "max"):
            raise InputError(
                "EarlyStop: expected patience >= 1 and mode 'min' or 'max', got "
                f"{self.patience!r}, {self.mode!r}"
            )

    def best(self, history: "History") -> int:
        """The number of the best epoch so far."""
        values = np.asarray(history[self.measure])
        return int(np.argmin(values) if self.mode == "min" else np.argmax(values))


@dataclass
class History(Mapping[str, list[float]]):
    """What was measured in each epoch, a mapping from names to lists.

    Names are `loss`, those of the metrics, and `gradient_norm`, means over the batches of an epoch;
    with `val_` before them, those of the validation data after it.
    """

    values: dict[str, list[float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[float]:
        return self.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return len(next(iter(self.values.values()), []))

    def append(self, values: Mapping[str, float]) -> None:
        """Add an epoch."""
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)

    def plot(self, ax: Any = None) -> Any:
        """Draw loss and metrics over epochs; returns the axes of matplotlib."""
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(layout="constrained").subplots()
        for name, values in self.values.items():
            if name != "gradient_norm":
                ax.plot(range(1, len(values) + 1), values, label=name)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax


def fit(
    model: Any,
    loss: Callable[..., Any],
    train: Any,
    *,
    epochs: int = 10,
    batch_size: int = 64,
    validation: Any = None,
    early_stop: EarlyStop | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    progress: bool | None = None,
    on_epoch: Callable[[History], Any] | None = None,
    seed: int = 0,
    **options: Any,
) -> History:
    r"""Train a model: an ordinary loop over epochs and batches in one call.

    `Trainer` holds the pieces of this loop, for one of your own.

    With `checkpoint`, training that was stopped, or killed, goes on from its file when the same
    call is made again, and ends with the very numbers that it would have had: the order of the
    samples depends on the seed and the epoch alone, and what is drawn in a step on the seed and
    the number of the step.

    Args:
        model: A module whose call advances it by one step.
        loss: The loss, a function of outputs over time and targets.
        train: Inputs and targets `(x, y)`, samples first: `x` of shape `(N, T, n_in)`, or what the
            encoder takes; or a function from the number of an epoch to batches `(x, y)`.
        epochs: How often all samples are seen.
        batch_size: Samples in a batch; the last one may have fewer.
        validation: Data `(x, y)` that is measured after each epoch.
        early_stop: When to end before the last epoch, such as `EarlyStop("val_loss")`.
        checkpoint: File to keep training in, see above.
        save_every: Number of steps between writes of this file; None for once in an epoch.
        progress: Whether to show a progress bar; None shows one on a terminal.
        on_epoch: Called with the history after each epoch.
        seed: Seed of the order of samples and of all that is random.
        options: Those of `Trainer`: `optimizer`, `rule`, `parameters`, `metrics`, `regularizers`,
            `constraints`, `clip_norm`, `encoder`, `read`, `batching`, `dt`.

    Returns:
        What was measured in each epoch.

    Raises:
        TrainingError: The loss is no longer a finite number.
        CheckpointError: The file belongs to another call.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import LeakyRateReadout, fit
        >>> readout = LeakyRateReadout(3, 2, tau=10 * u.ms)
        >>> x, y = np.ones((8, 20, 3), "float32"), np.zeros((8, 2), "float32")
        >>> history = fit(
        ...     readout, lambda r, y: ((r[-1] - y) ** 2).mean(), (x, y), epochs=3, dt=1 * u.ms
        ... )
        >>> history["loss"][0] > history["loss"][-1]
        True
    """
    trainer = Trainer(model, loss, seed=seed, **options)
    source = _Source(train, batch_size, seed)
    run = _Run(trainer, source, epochs, validation, early_stop, checkpoint, save_every)
    run.resume()
    with _progress_bar(run, progress) as bar:
        while not run.over:
            for x, y in run.rest_of_epoch():
                run.step(x, y)
                bar.update()
            run.end_epoch()
            bar.set_postfix(run.latest(), refresh=False)
            if on_epoch is not None:
                on_epoch(run.history)
    run.finish()
    return run.history


@dataclass(frozen=True)
class _Source:
    """The batches of each epoch."""

    train: Any
    batch_size: int
    seed: int

    def __post_init__(self) -> None:
        if not callable(self.train) and not _is_pair(self.train):
            raise InputError(
                f"fit: train: expected inputs and targets (x, y), or a function from the number of "
                f"an epoch to batches, got {show(self.train)}"
            )

    def batches(self, epoch: int) -> Iterable[tuple[Any, Any]]:
        if callable(self.train):
            return self.train(epoch)
        x, y = self.train
        if x is None:
            return [(None, y)]
        return batches(x, y, self.batch_size, seed=self.seed, epoch=epoch)

    @property
    def steps(self) -> int | None:
        """How many batches an epoch has, where that is known."""
        if callable(self.train):
            return None
        return 1 if self.train[0] is None else math.ceil(len(self.train[1]) / self.batch_size)

    def about(self) -> dict[str, Any]:
        """What decides on the order of the samples."""
        samples = None if callable(self.train) else len(self.train[1])
        return {"samples": samples, "batch_size": self.batch_size, "seed": self.seed}


def _is_pair(data: Any) -> bool:
    return isinstance(data, (tuple, list)) and len(data) == 2


@dataclass
class _Run:
    """Where training is."""

    trainer: Trainer
    source: _Source
    epochs: int
    validation: Any
    early_stop: EarlyStop | None
    checkpoint: Any
    save_every: int | None
    history: History = field(default_factory=History)
    done: int = 0  # steps of this epoch
    sums: dict[str, float] = field(default_factory=dict)
    best: dict[str, Any] | None = None

    @property
    def over(self) -> bool:
        """Whether this was the last epoch."""
        if self.history.epochs >= self.epochs:
            return True
        stop = self.early_stop
        waited = stop and self.history.epochs and self.history.epochs - 1 - stop.best(self.history)
        return bool(waited and waited >= stop.patience)

