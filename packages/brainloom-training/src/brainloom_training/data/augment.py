"""Augmentation: recordings of events that are a little different in each epoch."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import ParameterError, between, non_negative, option_field, quantity_field
from brainloom_core.types import Quantity
from brainloom_core.units import show

from .checks import check_whole
from .events import Events, EventSet

__all__ = ["Augmented", "EventDrop", "EventJitter", "EventShift", "EventTransform"]


@dataclass(frozen=True)
class EventTransform:
    """Base of what changes a recording at random: a subclass gives `__call__`."""

    @abstractmethod
    def __call__(self, events: Events, random: np.random.RandomState) -> Events:
        """The changed recording.

        Args:
            events: The recording, which stays as it is.
            random: What to draw from.
        """


@dataclass(frozen=True)
class EventShift(EventTransform):
    """Moves a whole recording, in time and in place, by amounts that are drawn uniformly.

    Args:
        time: Largest shift of the times, forwards or backwards, 0 ms. Events before zero are lost.
        place: Largest shift along each axis of place, in units, 0. A camera has two, y and x, and
            channels one. Events beyond the edge are lost.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> events = data.Events(np.array([5.0, 6.0]) * u.ms, np.array([3, 4]), 0, (8,))
        >>> moved = data.EventShift(place=1)(events, np.random.RandomState(1))
        >>> print(moved.units - events.units, moved.times)
        [0 0] [5. 6.] ms
    """

    time: Quantity = quantity_field(default=None, constraint=non_negative, unit=u.ms, optional=True)
    place: int = option_field(default=0, constraint=non_negative)

    def __call__(self, events: Events, random: np.random.RandomState) -> Events:
        """The recording, moved."""
        times: Any = events.times
        if self.time is not None:
            times = times + random.uniform(-1.0, 1.0) * self.time
        by = [int(random.randint(-self.place, self.place + 1)) for _ in _axes(events)]
        return _moved(events, times, by)


@dataclass(frozen=True)
class EventJitter(EventTransform):
    """Moves each event on its own, by amounts from a normal distribution.

    Args:
        time: Standard deviation of the times, 0 ms. Events before zero are lost.
        place: Standard deviation along each axis of place, in units, rounded; 0. Events beyond
            the edge are lost.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> events = data.Events(np.array([5.0, 6.0]) * u.ms, np.array([3, 4]), 0, (8,))
        >>> moved = data.EventJitter(time=1 * u.ms)(events, np.random.RandomState(0))
        >>> print(moved.times.round(2))
        [6.4  6.76] ms
    """

    time: Quantity = quantity_field(default=None, constraint=non_negative, unit=u.ms, optional=True)
    place: float = option_field(default=0.0, constraint=non_negative)

    def __call__(self, events: Events, random: np.random.RandomState) -> Events:
        """The recording, whose events are moved."""
        times: Any = events.times
        if self.time is not None:
            times = times + random.normal(size=len(events)) * self.time
        by = [np.rint(random.normal(size=len(events)) * self.place) for _ in _axes(events)]
        return _moved(events, times, by)


@dataclass(frozen=True)
class EventDrop(EventTransform):
    """Leaves out a random part of the events.

    Args:
        share: Probability that an event is left out.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> events = data.Events(np.arange(1000.0) * u.ms, np.arange(1000), 0, (1000,))
        >>> len(data.EventDrop(0.2)(events, np.random.RandomState(0)))
        800
    """

    share: float = option_field(constraint=between(0.0, 1.0))

    def __call__(self, events: Events, random: np.random.RandomState) -> Events:
        """The recording, without these events."""
        return _chosen(events, events.times, events.units, random.rand(len(events)) >= self.share)


class Augmented(EventSet):
    """A set of recordings, changed at random in a way that belongs to the epoch.

    What is drawn for a recording depends on `(seed, epoch)` and its number alone, so that training
    that goes on after a break sees what it would have seen without.

    Args:
        recordings: The set.
        transforms: What changes a recording, one after the other.
        seed: Which of the possible changes, >= 0.
        epoch: How often all recordings were seen before, >= 0.

    Raises:
        ParameterError: An argument is of another kind.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> class Clicks(data.EventSet):
        ...     def _read(self, numbers):
        ...         for i in numbers:
        ...             yield data.Events(np.arange(9.0) * u.ms, np.arange(9), i, self.shape)
        >>> clicks = Clicks(labels=range(3), shape=(9,))
        >>> changed = data.Augmented(clicks, data.EventDrop(0.5), seed=0, epoch=2)
        >>> [len(events) for events in changed] == [len(changed[i]) for i in range(3)]
        True
    """

    def __init__(
        self, recordings: EventSet, *transforms: EventTransform, seed: int, epoch: int
    ) -> None:
        if not isinstance(recordings, EventSet):
            raise ParameterError(
                f"Augmented.recordings: expected a set of recordings such as Shd(...), got "
                f"{show(recordings)}"
            )
        for transform in transforms:
            if not callable(transform) or isinstance(transform, type):
                raise ParameterError(
                    f"Augmented.transforms: expected some such as EventDrop(0.1), got "
                    f"{show(transform)}"
                )
        check_whole("Augmented", 0, seed=seed, epoch=epoch)
        super().__init__(recordings.labels, recordings.shape)
        self._recordings, self._transforms = recordings, transforms
        self._drawn = seed, epoch

    def _read(self, numbers: Iterable[int]) -> Iterator[Events]:
        wanted = np.asarray(list(numbers), int)
        for number, events in zip(wanted, self._recordings[wanted], strict=True):
            random = np.random.RandomState([*self._drawn, number])
            for transform in self._transforms:
                events = transform(events, random)
            yield events


def _axes(events: Events) -> range:
    """The axes of place: of a camera those after its polarity, else all."""
    return range(1 if len(events.shape) == 3 else 0, len(events.shape))


def _moved(events: Events, times: Any, by: list[Any]) -> Events:
    """The events at other times and places, in the order of time, without those that are lost."""
    places = [np.asarray(axis) for axis in events.coordinates]
    inside = np.asarray(u.get_mantissa(times) >= 0.0)
    for axis, shift in zip(_axes(events), by, strict=True):
        places[axis] = places[axis] + np.asarray(shift, int)
        inside &= (places[axis] >= 0) & (places[axis] < events.shape[axis])
    held = [np.where(inside, axis, 0) for axis in places]
    return _chosen(events, times, np.ravel_multi_index(held, events.shape), inside)


def _chosen(events: Events, times: Any, units: np.ndarray, chosen: np.ndarray) -> Events:
    number = np.asarray(u.get_mantissa(times))
    order = np.flatnonzero(chosen)[np.argsort(number[chosen], kind="stable")]
    kept = u.Quantity(number[order], unit=u.get_unit(times))
    return Events(kept, np.asarray(units)[order], events.label, events.shape)
