"""Where batches come from: arrays, functions, and loaders of any library."""

import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import brainunit as u
import jax
import numpy as np
from brainloom_core import InputError
from brainloom_core.identity import text_of
from brainloom_core.types import PyTree
from brainloom_core.units import show

from .checks import numbers_of, samples
from .data.splits import batches
from .padding import Padded, lengths_of
from .types import Data, Measure, Samples

__all__ = ["Source", "checked_data"]

EXPECTED = (
    "inputs and targets (x, y), batches of them such as a DataLoader, or a function from the "
    "number of an epoch to batches"
)


def checked_data(name: str, given: Data, loss: str | Measure, encoder: Any) -> Data:
    """Data as a source takes them: arrays are checked as a whole, batches as they come."""
    if is_pair(given):
        pair: Any = given
        return samples(name, pair, loss, encoder)
    numbers = (str, bytes, np.ndarray, jax.Array, u.Quantity, Mapping)
    if callable(given) or (hasattr(given, "__iter__") and not isinstance(given, numbers)):
        return given
    raise InputError(f"{name}: expected {EXPECTED}, got {show(given)}")


def is_pair(given: object) -> bool:
    """Whether it is `(x, y)` or `(x, y, lengths)`, and not a list of such batches."""
    if not isinstance(given, (tuple, list)):
        return False
    inner = [isinstance(part, tuple) and len(part) in (2, 3) for part in given]
    return isinstance(given, tuple) or (len(given) in (2, 3) and not all(inner))


@dataclass
class Source:
    """The batches of each epoch, in an order that is the same in a process that goes on.

    Args:
        name: What they are, for the text of an error.
        data: Arrays `(x, y)`, an iterable of batches, or a function from the number of an epoch to
            an iterable.
        batch_size: Samples in a batch of arrays.
        seed: Of the order of arrays; None for the order that they have.
        n_batches: Most batches that an epoch has, None for all there are.
        ahead: How many batches are brought to the device before they are needed.

    Attributes:
        passed: The last batch that was passed over, where one was.
    """

    name: str
    data: Data
    batch_size: int
    seed: int | None = None
    n_batches: int | None = None
    ahead: int = 0
    passed: Samples | None = None
    begun: int = field(default=0, init=False)  # epochs of an iterable

    def __post_init__(self) -> None:
        self.is_pair = isinstance(self.data, tuple) and is_pair(self.data)
        iterable = not self.is_pair and hasattr(self.data, "__iter__")
        self.is_once = iterable and hasattr(self.data, "__next__")  # without asking for any
        self.is_function = not self.is_pair and not iterable

    def check_epochs(self, epochs: int) -> None:
        """Refuse batches that are there once where they are asked for several times."""
        if self.is_once and epochs > 1 and self.n_batches is None:
            raise InputError(
                f"{self.name}: expected batches that can be gone through {epochs} times, got "
                f"{type(self.data).__name__}, which gives them once. Give a function from the "
                "number of an epoch to batches, or steps_per_epoch"
            )

    def batches(self, epoch: int, done: int = 0) -> Iterator[Samples]:
        """The batches of an epoch from number `done` on."""
        found = self._from(iter(self._of(epoch)), done)
        waiting: deque[Samples] = deque()
        for batch in found:
            waiting.append(_on_device(batch) if self.ahead else batch)
            if len(waiting) > self.ahead:
                yield waiting.popleft()
        yield from waiting

    def _from(self, found: Iterator[Samples], done: int) -> Iterator[Samples]:
        """What comes after so many batches, which are passed over."""
        for batch in itertools.islice(found, done):
            self.passed = batch
        return found

    def _of(self, epoch: int) -> Iterable[Samples]:
        data: Any = self.data
        if self.is_pair:
            return self._arrays(epoch)
        if self.is_function:
            return self._checked(itertools.islice(data(epoch), self.n_batches))
        parts = [data, *(getattr(data, name, None) for name in ("sampler", "batch_sampler"))]
        setters = [getattr(part, "set_epoch", None) for part in parts]
        setter = next((it for it in setters if callable(it)), None)
        if setter is not None:  # the order belongs to the number of the epoch
            setter(epoch)
            self.begun = epoch
        while self.begun < epoch:  # it belongs to how often the loader was gone through
            for batch in self._checked(self._next()):
                self.passed = batch
        return self._checked(self._next())

    def _next(self) -> Iterator[Any]:
        self.begun += 1
        return itertools.islice(self.data, self.n_batches)  # type: ignore[arg-type]

    def _arrays(self, epoch: int) -> Iterable[Samples]:
        x, y = self.data  # type: ignore[misc]
        if x is None:
            return [(None, y)]
        found: Iterable[Samples]
        if self.seed is None:
            starts = range(0, len(y), self.batch_size)
            found = ((x[k : k + self.batch_size], y[k : k + self.batch_size]) for k in starts)
        else:
            found = batches(x, y, self.batch_size, seed=self.seed, epoch=epoch)
        return itertools.islice(found, self.n_batches)

    def _checked(self, found: Iterable[Any]) -> Iterator[Samples]:
        """The batches that were given, each of which has to be inputs and targets."""
        for batch in found:
            if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
                raise InputError(
                    f"{self.name}: expected batches (x, y) or (x, y, lengths), got {show(batch)}"
                )
            x, y = (numbers_of(n, it) for n, it in zip("xy", batch, strict=False))
            if len(batch) == 3:
                n_samples = len(jax.tree.leaves(y)[0])
                y = Padded(y, lengths_of(f"{self.name}: lengths", batch[2], n_samples))
            yield x, y

    @property
    def steps(self) -> int | None:
        """How many batches an epoch has, where that is known."""
        if self.is_pair:
            x, y = self.data  # type: ignore[misc]
            n: int | None = 1 if x is None else math.ceil(len(y) / self.batch_size)
        else:
            n = _length(self.data)
        return n if self.n_batches is None else min(self.n_batches, n or self.n_batches)

    @property
    def whole(self) -> PyTree:
        """The targets of all samples, where they are known."""
        return self.data[1] if self.is_pair else None  # type: ignore[index]

    def about(self) -> dict[str, str]:
        """The samples, and what decides on their order, as texts by name."""
        known = self.is_pair or self.is_function
        train = text_of(self.data) if known else f"batches of {type(self.data).__name__}"
        order = {"batch_size": str(self.batch_size), "seed": str(self.seed)}
        return {"train": train, **order} | (
            {} if self.n_batches is None else {"steps_per_epoch": str(self.n_batches)}
        )


def _length(data: Any) -> int | None:
    """The length of a loader, which need not have one."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None


def _on_device(batch: Samples) -> Samples:
    """The batch, whose inputs are on their way to the device; labels are looked at here first."""
    x, y = batch
    return jax.device_put(x), y
