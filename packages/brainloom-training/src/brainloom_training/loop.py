"""The loop of `fit`: batches of each epoch, where training is, and what it measured."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import CheckpointError, InputError
from brainloom_core.identity import differences, refuse, text_of
from brainloom_core.tensors import earlier, read_newest, write
from brainloom_core.types import PyTree

from .callbacks import Callback, Progress
from .guard import AT_ONCE, DIAGNOSE, TrainingError
from .history import EarlyStop, History
from .sources import Source
from .trainer import Trainer
from .types import Samples

__all__ = ["Run", "measured"]


def measured(trainer: Trainer, source: Source) -> dict[str, float]:
    """Means of the loss and the metrics over the samples of a data set, by name."""
    means = Means()
    for number, (x, y) in enumerate(source.batches(0)):
        means.add(_length(y), trainer.measure(x, y))
        if number == 0 and source.whole is not None:  # the classes of the model are known now
            trainer.check_targets(source.whole)
    trainer.tell()
    if not means.any:
        raise InputError(f"{source.name}: expected at least one batch, got none")
    return means.result()


@dataclass
class Run:
    """Where training is, and how it goes on."""

    trainer: Trainer
    source: Source
    epochs: int
    validation: Source | None
    early_stop: EarlyStop | None
    checkpoint: Any
    save_every: int | None
    about: dict[str, str] = field(default_factory=dict)
    callbacks: tuple[Callback, ...] = ()
    history: History = field(default_factory=History)
    means: "Means" = field(default_factory=lambda: Means())
    done: int = 0  # steps of this epoch
    best: dict[str, np.ndarray] = field(default_factory=dict)
    prepared: bool = False
    last: Samples | None = None
    last_batch: str | None = None  # as a text, that of the file

    @property
    def over(self) -> bool:
        """Whether there is no further epoch."""
        epochs, stop = self.history.epochs, self.early_stop
        if epochs >= self.epochs or stop is None or epochs == 0:
            return epochs >= self.epochs
        return epochs - 1 - stop.best(self.history) >= stop.patience

    @property
    def total(self) -> int | None:
        """How many steps there are in all, where that is known."""
        return None if self.source.steps is None else self.source.steps * self.epochs

    def epoch(self, bar: Any) -> None:
        """Train for what is left of an epoch, and count on a bar where there is one."""
        for x, y in self.rest_of_epoch():
            self.step(x, y)
            if bar is not None:
                bar.update()
        self.end_epoch()
        self.call("on_epoch")
        if bar is not None:
            latest = {name: values[-1] for name, values in self.history.items()}
            bar.set_postfix(latest, refresh=False)

    def rest_of_epoch(self) -> Iterator[Samples]:
        """The batches of this epoch that are still to come."""
        return self.source.batches(self.history.epochs, self.done)

    def step(self, x: PyTree, y: PyTree) -> None:
        if not self.prepared:
            self.check_passed()
            self.prepare(x, y)
        self.last = (x, y)
        with self.told():
            values = self.trainer.step(x, y)
            self.means.add(_length(y), values)
        self.done += 1
        self.call("on_step", values)
        if self.save_every is not None and self.trainer.steps % self.save_every == 0:
            self.save()

    def prepare(self, x: PyTree, y: PyTree) -> None:
        """Find out what would be wrong with any of the batches."""
        sources = [it for it in (self.source, self.validation) if it is not None]
        self.trainer.prepare(x, y, *(it.whole for it in sources if it.whole is not None))
        self.prepared = True

    def check_passed(self) -> None:
        """Refuse to go on with other batches than those that were there before."""
        passed, wanted = self.source.passed, self.last_batch
        if passed is not None and wanted is not None and text_of(_as_numpy(passed)) != wanted:
            raise CheckpointError(
                f"{self.checkpoint}: the batches of train are others than those that this training "
                "had before. Let their order depend on a seed, or on the number of the epoch"
            )

    @contextmanager
    def told(self) -> Iterator[None]:
        """Say of an error in which epoch and step it is, counted from 0; and keep the history."""
        before, where = self.trainer.steps - self.done, f"epoch {self.history.epochs}"
        try:
            yield
        except TrainingError as error:
            error.history, text = self.history, str(error)
            if error.step is not None:
                where += f", step {error.step - before}"
                text = text.removeprefix(f"step {error.step}: ")
            error.args = (f"{where}: {text}",)
            raise

    def end_epoch(self) -> None:
        with self.told():
            self.trainer.tell()
            self.measure_epoch()

    def measure_epoch(self) -> None:
        if self.done == 0:
            raise InputError("fit: train: expected at least one batch in an epoch, got none")
        values = self.means.result()
        if self.validation is not None:
            found = measured(self.trainer, self.validation)
            values |= {f"val_{name}": value for name, value in found.items()}
        for callback in self.callbacks:
            values |= callback.measure(self.progress)
        self.history.append(values)
        self.means, self.done = Means(), 0
        stop = self.early_stop
        if stop is not None and stop.best(self.history) == self.history.epochs - 1:
            self.best = self.trainer.snapshot()
        self.save()

    @property
    def progress(self) -> Progress:
        """Where training is, for callbacks."""
        return Progress(self.trainer, self.history, self.epochs, self.last, self.everything)

    def call(self, method: str, *args: Any) -> None:
        """Let each callback do what it does now."""
        if self.callbacks:
            progress = self.progress
            for callback in self.callbacks:
                getattr(callback, method)(progress, *args)

    def everything(self) -> dict[str, str]:
        """What decides on this run, as texts by name."""
        return {**self.about, **self.source.about(), **self.trainer.make()}

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
            "kind": "fit",
            "run": self.about,
            "steps": self.trainer.steps,
            "done": self.done,
            "means": self.means.total(),
            "history": self.history.measured,
        }
        if self.last is not None and not self.source.is_pair:
            about["last batch"] = text_of(_as_numpy(self.last))
        write(self.checkpoint, arrays, about, keep=True)

    def resume(self) -> None:
        if self.checkpoint is None:
            return
        self.about = self.everything()
        places = (Path(self.checkpoint), earlier(self.checkpoint))
        if not any(place.exists() for place in places):
            return
        arrays, about = read_newest(self.checkpoint)
        if not isinstance(about, dict) or about.get("kind") != "fit":
            raise CheckpointError(f"{self.checkpoint}: expected a file of fit, got another one")
        found = differences(about["run"], self.about)
        hint = "Call fit as then, or give another checkpoint"
        refuse(str(self.checkpoint), "it belongs to another run", found, hint)
        best = {name for name in arrays if name.startswith("best ")}
        self.best = {name.removeprefix("best "): arrays.pop(name) for name in sorted(best)}
        self.trainer.restore(arrays, self.checkpoint)
        self.trainer.steps, self.done = about["steps"], about["done"]
        self.last_batch = about.get("last batch")
        self.means, self.history = Means(*about["means"]), History(about["history"])


@dataclass
class Means:
    """Means over the samples of several batches, without waiting for each."""

    samples: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    pending: list[tuple[int, dict[str, jax.Array]]] = field(default_factory=list)

    def add(self, samples: int, values: dict[str, jax.Array]) -> None:
        self.pending.append((samples, values))
        if len(self.pending) >= AT_ONCE:
            self.total()

    @property
    def any(self) -> bool:
        """Whether there were samples."""
        return bool(self.samples or self.pending)

    def total(self) -> tuple[int, dict[str, float]]:
        """The number of samples, and sums over them."""
        for count, values in self.pending:
            self.samples += count
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + count * float(value)
        self.pending = []
        if not math.isfinite(self.sums.get("loss", 0.0)):
            raise TrainingError(
                "the loss is no longer a finite number. Try a smaller learning rate or clip_norm; "
                f"{DIAGNOSE}"
            )
        return self.samples, self.sums

    def result(self) -> dict[str, float]:
        samples, sums = self.total()
        return {name: value / samples for name, value in sums.items()}


def _length(y: PyTree) -> int:
    leaves = jax.tree.leaves(y)
    return len(leaves[0]) if leaves and np.ndim(leaves[0]) else 1


def _as_numpy(batch: Samples) -> Samples:
    """A batch as it was in the memory of the host, so that equal ones have equal texts."""
    x, y = jax.tree.map(lambda leaf: np.asarray(jnp.asarray(leaf)), batch)
    return x, jax.tree.leaves(y)
