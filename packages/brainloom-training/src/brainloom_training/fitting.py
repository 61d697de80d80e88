"""`fit`: an ordinary training loop in one call."""

import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from brainloom_core import BrainloomError, InputError
from brainloom_core.units import show

from .checkpoint import CheckpointError, load_arrays, save_arrays
from .data.splits import batches
from .trainer import Trainer

__all__ = ["EarlyStop", "History", "TrainingError", "evaluate", "fit"]

AT_ONCE = 50  # steps whose results may be waited for together


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
        """The number of the best epoch so far.

        Args:
            history: What was measured so far.
        """
        values = np.asarray(history[self.measure])
        return int(np.argmin(values) if self.mode == "min" else np.argmax(values))


@dataclass
class History(Mapping[str, list[float]]):
    """What was measured in each epoch, a mapping from names to lists.

    Names are `loss`, those of the metrics, and `gradient_norm`, means over the batches of an epoch;
    with `val_` before them, those of the validation data after it.

    Args:
        measured: One number per epoch, by name; none.

    Examples:
        >>> from brainloom_training import History
        >>> history = History({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
        >>> history.epochs, history["val_loss"][-1]
        (2, 0.7)
    """

    measured: dict[str, list[float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[float]:
        return self.measured[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.measured)

    def __len__(self) -> int:
        return len(self.measured)

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return len(next(iter(self.values()), []))

    def append(self, values: Mapping[str, float]) -> None:
        """Add an epoch.

        Args:
            values: What was measured in it, by name.
        """
        for name, value in values.items():
            self.measured.setdefault(name, []).append(value)

    def plot(self, ax: Any = None) -> Any:
        """Draw loss and metrics over epochs; returns the axes of matplotlib.

        Args:
            ax: Axes to draw into; those of a new figure.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(layout="constrained").subplots()
        for name, values in self.items():
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
            bar.set_postfix({n: values[-1] for n, values in run.history.items()}, refresh=False)
            if on_epoch is not None:
                on_epoch(run.history)
    run.finish()
    return run.history


def evaluate(
    model: Any, loss: Callable[..., Any], data: Any, *, batch_size: int = 64, **options: Any
) -> dict[str, float]:
    """The loss and the metrics of a model on data that it is not trained with.

    Args:
        model: A module whose call advances it by one step.
        loss: The loss, a function of outputs over time and targets.
        data: Inputs and targets `(x, y)`, samples first.
        batch_size: Samples in a batch.
        options: Those of `Trainer` that matter here: `metrics`, `encoder`, `read`, `dt`, ...

    Returns:
        Means over the samples, by name.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import MSE, LastOverTime, LeakyRateReadout, evaluate
        >>> readout = LeakyRateReadout(3, 2, w_init=np.zeros((3, 2)))
        >>> data = np.ones((100, 20, 3), "float32"), np.full((100, 2), 0.5, "float32")
        >>> evaluate(readout, MSE(over=LastOverTime()), data, dt=1 * u.ms)
        {'loss': 0.25}
    """
    return _measured(Trainer(model, loss, **options), data, batch_size)


def _measured(trainer: Trainer, data: Any, batch_size: int) -> dict[str, float]:
    x, y = data
    means = _Means()
    for start in [None] if x is None else range(0, len(y), batch_size):
        part = slice(start, None if start is None else start + batch_size)
        given = (None, y) if x is None else (x[part], y[part])
        means.add(_length(given[1]), trainer.evaluate(*given))
    return means.result()


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
    """Where training is, and how it goes on."""

    trainer: Trainer
    source: _Source
    epochs: int
    validation: Any
    early_stop: EarlyStop | None
    checkpoint: Any
    save_every: int | None
    history: History = field(default_factory=History)
    means: "_Means" = field(default_factory=lambda: _Means())
    done: int = 0  # steps of this epoch
    best: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether there is no further epoch."""
        epochs, stop = self.history.epochs, self.early_stop
        if epochs >= self.epochs or stop is None or epochs == 0:
            return epochs >= self.epochs
        return epochs - 1 - stop.best(self.history) >= stop.patience

    def rest_of_epoch(self) -> Iterator[tuple[Any, Any]]:
        """The batches of this epoch that are still to come."""
        return itertools.islice(self.source.batches(self.history.epochs), self.done, None)

    def step(self, x: Any, y: Any) -> None:
        self.means.add(_length(y), self.trainer.step(x, y))
        self.done += 1
        if self.save_every is not None and self.trainer.steps % self.save_every == 0:
            self.save()

    def end_epoch(self) -> None:
        if self.done == 0:
            raise InputError("fit: train: expected at least one batch in an epoch, got none")
        measured = self.means.result()
        if self.validation is not None:
            found = _measured(self.trainer, self.validation, self.source.batch_size)
            measured |= {f"val_{name}": value for name, value in found.items()}
        self.history.append(measured)
        self.means, self.done = _Means(), 0
        if self.early_stop is not None:
            if self.early_stop.measure not in measured:
                raise InputError(
                    f"EarlyStop.measure: expected one of {sorted(measured)}, "
                    f"got {self.early_stop.measure!r}"
                )
            if self.early_stop.best(self.history) == self.history.epochs - 1:
                self.best = self.trainer.snapshot()
        self.save()

    def finish(self) -> None:
        if self.early_stop is not None and self.early_stop.restore and self.best:
            self.trainer.restore(self.best)

    # The file

    def save(self) -> None:
        if self.checkpoint is None:
            return
        arrays = self.trainer.snapshot()
        arrays |= {f"best {name}": array for name, array in self.best.items()}
        about = {
            "run": self.source.about(),
            "steps": self.trainer.steps,
            "done": self.done,
            "means": self.means.total(),
            "history": self.history.measured,
        }
        save_arrays(self.checkpoint, arrays, about)

    def resume(self) -> None:
        if self.checkpoint is None or not Path(self.checkpoint).exists():
            return
        arrays, about = load_arrays(self.checkpoint)
        if about.get("run") != self.source.about():
            raise CheckpointError(
                f"{self.checkpoint}: it belongs to another run: expected {self.source.about()}, "
                f"got {about.get('run')}. Delete it to begin anew"
            )
        best = {name for name in arrays if name.startswith("best ")}
        self.best = {name.removeprefix("best "): arrays.pop(name) for name in sorted(best)}
        self.trainer.restore(arrays, self.checkpoint)
        self.trainer.steps, self.done = about["steps"], about["done"]
        self.means, self.history = _Means(*about["means"]), History(about["history"])


@dataclass
class _Means:
    """Means over the samples of several batches, without waiting for each."""

    samples: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    pending: list[tuple[int, dict[str, jax.Array]]] = field(default_factory=list)

    def add(self, samples: int, values: dict[str, jax.Array]) -> None:
        self.pending.append((samples, values))
        if len(self.pending) >= AT_ONCE:
            self.total()

    def total(self) -> tuple[int, dict[str, float]]:
        """The number of samples, and sums over them."""
        for samples, values in self.pending:
            self.samples += samples
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + samples * float(value)
        self.pending = []
        if not math.isfinite(self.sums.get("loss", 0.0)):
            raise TrainingError(
                "the loss is no longer a finite number. Try a smaller learning rate or clip_norm; "
                "diagnose(model, loss, x, y) says where gradients grow"
            )
        return self.samples, self.sums

    def result(self) -> dict[str, float]:
        samples, sums = self.total()
        return {name: value / samples for name, value in sums.items()}


def _length(y: Any) -> int:
    leaves = jax.tree.leaves(y)
    return len(leaves[0]) if leaves and np.ndim(leaves[0]) else 1


@contextmanager
def _progress_bar(run: _Run, wanted: bool | None) -> Iterator[Any]:
    """A bar that counts steps and shows what was measured in the last epoch."""
    if wanted:
        from tqdm.auto import tqdm
    else:  # the one for a notebook may warn, though it is not shown there
        from tqdm import tqdm

    steps = run.source.steps
    total = None if steps is None else steps * run.epochs
    hidden = {None: None, True: False, False: True}[wanted]  # None: where there is no terminal
    with tqdm(total=total, initial=run.trainer.steps, desc="training", disable=hidden) as bar:
        yield bar
