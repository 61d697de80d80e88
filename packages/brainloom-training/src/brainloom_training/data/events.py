"""Recordings of events, sets of them, and how they become spikes on a grid."""

import copy
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from brainloom_core import InputError, ParameterError
from brainloom_core.types import ArrayLike, PyTree, Shape, Time
from brainloom_core.units import show

from .binning import step_of, whole_steps
from .checks import check_time
from .splits import stratified_split

__all__ = ["EventSet", "Events"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Events:
    """One recording: which unit was active, and when.

    Attributes:
        times: Time of each event, with a unit, shape `(n,)`.
        units: Unit of each event, from 0, shape `(n,)`.
        label: Class of the recording.
        shape: How the units are laid out: `(700,)` for 700 channels, `(polarity, y, x)` for a
            camera. They are numbered in this order, the last axis fastest.

    Raises:
        InputError: `times` and `units` do not match, or a unit is not in `shape`.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> events = data.Events([1.0, 2.5] * u.ms, np.array([3, 0]), label=1, shape=(2, 1, 2))
        >>> p, y, x = events.coordinates
        >>> print(p, y, x)
        [1 0] [0 0] [1 0]
    """

    times: Time
    units: np.ndarray
    label: int
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        check_time("Events", "times", self.times, InputError)
        if self.units.ndim != 1 or self.times.shape != self.units.shape:
            raise InputError(
                "Events: expected times and units of one shape (n,), "
                f"got {self.times.shape} and {self.units.shape}"
            )
        n_units = int(np.prod(self.shape))
        if len(self.units) and not 0 <= self.units.min() <= self.units.max() < n_units:
            raise InputError(
                f"Events.units: expected units from 0 to {n_units - 1}, "
                f"got {self.units.min()} to {self.units.max()}"
            )

    def __len__(self) -> int:
        return len(self.units)

    @property
    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Place of each event along every axis of `shape`."""
        return np.unravel_index(self.units, self.shape)


class EventSet(Sequence[Events]):
    """A set of recordings that are read when they are asked for.

    `recordings[i]` is one, as `Events`; `recordings[2:5]`, or `recordings[indices]` with an array
    of numbers, is a smaller set.

    A subclass gives `_read`, which yields the recordings of these numbers, and calls `__init__`
    with what is known without reading them.

    Args:
        labels: Class of each recording.
        shape: How the units are laid out, as in `Events`.

    Raises:
        InputError: There are no recordings.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> class Clicks(data.EventSet):
        ...     def _read(self, numbers):
        ...         for i in numbers:
        ...             yield data.Events([i, 2.5] * u.ms, np.array([0, 1]), i, self.shape)
        >>> clicks = Clicks(labels=range(3), shape=(2,))
        >>> clicks[1:].to_spikes(dt=1.0 * u.ms, duration=3.0 * u.ms).astype(int)
        array([[[0, 0],
                [1, 0],
                [0, 1]],
        <BLANKLINE>
               [[0, 0],
                [0, 0],
                [1, 1]]])
    """

    def __init__(self, labels: ArrayLike, shape: Shape) -> None:
        self.shape = shape
        self._labels = np.asarray(labels, np.int64)
        if not len(self._labels):
            raise InputError(f"{type(self).__name__}: expected recordings, found none")
        self._chosen = np.arange(len(self._labels))

    @abstractmethod
    def _read(self, numbers: Iterable[int]) -> Iterator[Events]:
        """The recordings with these numbers."""

    @property
    def labels(self) -> np.ndarray:
        """Class of each recording, shape `(N,)`."""
        return self._labels[self._chosen]

    def __len__(self) -> int:
        return len(self._chosen)

    def __iter__(self) -> Iterator[Events]:
        return self._read(self._chosen.tolist())

    @overload
    def __getitem__(self, index: int) -> Events: ...
    @overload
    def __getitem__(self, index: slice | np.ndarray) -> "EventSet": ...
    def __getitem__(self, index: Any) -> PyTree:
        if isinstance(index, (int, np.integer)):
            return next(self._read([int(self._chosen[index])]))
        part = copy.copy(self)
        part._chosen = self._chosen[index]
        return part

    def to_spikes(
        self,
        dt: Time,
        duration: Time,
        n_channels: int | tuple[int, ...] | None = None,
        count: bool = False,
    ) -> np.ndarray:
        r"""All recordings of the set on a grid of steps and channels.

        An event at $t$ stands in the step $\lfloor t / \Delta t \rfloor$; those at or after
        `duration` are left out, since recordings differ in length.

        Args:
            dt: Length of a step.
            duration: Length of the sequences, a whole number of steps.
            n_channels: Merge neighbouring units into so many channels, for each axis of `shape`;
                unit `i` of `n` goes to channel `i * n_channels // n`. By default each unit is one.
            count: Whether to count the events of a step rather than say whether there are any.

        Returns:
            Spikes, bool, or numbers of events, `uint8`, shape `(N, T, n)`.

        Raises:
            ParameterError: `dt` and `duration` do not fit together, or `n_channels` the units.
            InputError: More than 255 events would be counted in one step.
        """
        owner = f"{type(self).__name__}.to_spikes"
        n_steps = whole_steps(owner, dt, duration)
        layout = self.shape if n_channels is None else n_channels
        layout = layout if isinstance(layout, tuple) else (layout,)
        if len(layout) != len(self.shape) or not all(
            1 <= few <= many for few, many in zip(layout, self.shape, strict=True)
        ):
            raise ParameterError(
                f"{owner}.n_channels: expected from 1 to {self.shape} channels, got {n_channels}"
            )
        size = int(np.prod(layout))
        spikes = np.zeros((len(self), n_steps, size), np.uint8 if count else bool)
        for sample, events in zip(spikes, self, strict=True):
            places = [
                axis * few // many
                for axis, few, many in zip(events.coordinates, layout, self.shape, strict=True)
            ]
            channels = np.ravel_multi_index(places, layout)
            steps = step_of(events.times, dt)
            inside = steps < n_steps
            if np.any(steps < 0):
                raise InputError(f"{owner}: expected times >= 0, got {show(events.times.min())}")
            cells = steps[inside].astype(np.int64) * size + channels[inside]
            if count:
                numbers = np.bincount(cells, minlength=n_steps * size)
                if numbers.max() > 255:
                    raise InputError(
                        f"{owner}: expected at most 255 events of a channel in a step, "
                        f"got {numbers.max()}; take a shorter dt, or count=False"
                    )
                sample[:] = numbers.reshape(n_steps, size)
            else:
                sample.reshape(-1)[cells] = True
        return spikes


def units_of(places: Iterable[np.ndarray], shape: Shape, source: str) -> np.ndarray:
    """Units at these places, given for each axis of `shape`."""
    try:
        return np.ravel_multi_index(tuple(places), shape)
    except ValueError as error:
        raise InputError(f"{source}: expected events at places within {shape}") from error


def check_split(owner: str, split: str) -> str:
    """Refuse what is not the name of a part."""
    if split not in PARTS:
        raise ParameterError(f"{owner}.split: expected one of {', '.join(PARTS)}, got {split!r}")
    return split


def held_out(split: str, labels: np.ndarray) -> np.ndarray:
    """Which of the published training recordings are in this split.

    A tenth of each class is for validation, by `stratified_split` with seed 0.
    """
    train, validation = stratified_split(labels, (0.9, 0.1), seed=0)
    return {"train": train, "validation": validation, "test": np.arange(len(labels))}[split]


def needed(path: Path, page: str) -> Path:
    """This path, or an error that says where to get what should be there."""
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. Download it from {page} and unpack it there.")
    return path
