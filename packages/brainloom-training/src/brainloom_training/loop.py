"""The loop of `fit`: batches of each epoch, where training is, and what it measured."""

import itertools
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
from brainloom_core import CheckpointError, InputError
from brainloom_core.identity import differences, refuse, text_of
from brainloom_core.tensors import earlier, read_newest, write
from brainloom_core.types import PyTree
from brainloom_core.units import show

from .data.splits import batches
from .guard import AT_ONCE, DIAGNOSE, TrainingError
from .history import EarlyStop, History
from .trainer import Trainer
from .types import Data, Samples

__all__ = ["Run", "Source", "measured"]


def measured(trainer: Trainer, data: Samples, batch_size: int) -> dict[str, float]:
    """Means of the loss and the metrics over the samples of a data set, by name."""
    x, y = data
    means = Means()
    for start in [None] if x is None else range(0, len(y), batch_size):
        part = slice(start, None if start is None else start + batch_size)
        given = (None, y) if x is None else (x[part], y[part])
        means.add(_length(given[1]), trainer.measure(*given))
        if start == 0:  # the classes of the model are known now
            trainer.check_targets(y)
    trainer.tell()
    return means.result()


@dataclass(frozen=True)
class Source:
    """The batches of each epoch."""

    train: Data
    batch_size: int
    seed: int

    def batches(self, epoch: int) -> Iterable[Samples]:
        if callable(self.train):
            return _pairs(self.train(epoch))
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

    def about(self) -> dict[str, str]:
        """The samples, and what decides on their order, as texts by name."""
        order = {"batch_size": str(self.batch_size), "seed": str(self.seed)}
        return {"train": text_of(self.train), **order}


def _pairs(batches: Any) -> Iterator[tuple[Any, Any]]:
    """The batches that a function gives, each of which has to be inputs and targets."""
    for batch in batches:
        if not isinstance(batch, (tuple, list)) or len(batch) != 2:
            raise InputError(
                f"fit: train: expected a function that gives batches (x, y), got {show(batch)}"
            )
        yield batch[0], batch[1]


@dataclass
class Run:
    """Where training is, and how it goes on."""

    trainer: Trainer
    source: Source
    epochs: int
    validation: Samples | None
    early_stop: EarlyStop | None
    checkpoint: Any
    save_every: int | None
    about: dict[str, str] = field(default_factory=dict)
    history: History = field(default_factory=History)
    means: "Means" = field(default_factory=lambda: Means())
    done: int = 0  # steps of this epoch
    best: dict[str, np.ndarray] = field(default_factory=dict)
    prepared: bool = False

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
        if bar is not None:
            latest = {name: values[-1] for name, values in self.history.items()}
            bar.set_postfix(latest, refresh=False)

    def rest_of_epoch(self) -> Iterator[Samples]:
        """The batches of this epoch that are still to come."""
        return itertools.islice(self.source.batches(self.history.epochs), self.done, None)

    def step(self, x: PyTree, y: PyTree) -> None:
        if not self.prepared:
            self.prepare(x, y)
        with self.told():
            self.means.add(_length(y), self.trainer.step(x, y))
        self.done += 1
        if self.save_every is not None and self.trainer.steps % self.save_every == 0:
            self.save()

    def prepare(self, x: PyTree, y: PyTree) -> None:
        """Find out what would be wrong with any of the batches."""
        train: Any = self.source.train if self.source.steps else None
        self.trainer.prepare(
            x, y, *(data[1] for data in (train, self.validation) if data is not None)
        )
        self.prepared = True

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
            found = measured(self.trainer, self.validation, self.source.batch_size)
            values |= {f"val_{name}": value for name, value in found.items()}
        self.history.append(values)
        self.means, self.done = Means(), 0
        stop = self.early_stop
        if stop is not None and stop.best(self.history) == self.history.epochs - 1:
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
            "kind": "fit",
            "run": self.about,
            "steps": self.trainer.steps,
            "done": self.done,
            "means": self.means.total(),
            "history": self.history.measured,
        }
        write(self.checkpoint, arrays, about, keep=True)

    def resume(self) -> None:
        if self.checkpoint is None:
            return
        self.about = {**self.about, **self.source.about(), **self.trainer.make()}
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
