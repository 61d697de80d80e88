"""Sets of the package tonic as sets of recordings."""

from collections.abc import Iterable, Iterator
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import InputError

from .events import Events, EventSet, units_of

__all__ = ["from_tonic"]


def from_tonic(dataset: Any) -> EventSet:
    """Any set of the package tonic, or one that is like it.

    Axes of size 1 are left out: the units of a cochlea are `(channels,)`, those of a camera
    `(polarity, y, x)`.

    Args:
        dataset: What has a length, `sensor_size` as `(width, height, polarities)`, and items
            `(events, label)`, with events a structured array with the fields `t` in µs, `x`, and
            where there are such axes `y` and `p`. Labels are whole numbers; they are taken from
            `dataset.targets` where that is there and nothing transforms them, else by reading
            all items once.

    Raises:
        InputError: The set has no `sensor_size`, or its labels are no whole numbers.

    Examples:
        >>> import numpy as np
        >>> from brainloom_training import data
        >>> class Toy(list):
        ...     sensor_size = (3, 1, 1)
        >>> events = np.array([(2, 1000)], dtype=[("x", int), ("t", int)])
        >>> recordings = data.from_tonic(Toy([(events, 1)]))
        >>> recordings[0].times, recordings.labels
        (Quantity([1000], "us"), array([1]))
    """
    return _Tonic(dataset)


class _Tonic(EventSet):
    def __init__(self, dataset: Any) -> None:
        size = getattr(dataset, "sensor_size", None)
        if size is None or len(size) != 3:
            raise InputError(
                "from_tonic.dataset: expected a sensor_size (width, height, polarities), "
                f"got {size!r}"
            )
        self._dataset = dataset
        width, height, polarities = map(int, size)
        self._axes = {"p": polarities, "y": height, "x": width}
        self._axes = {name: n for name, n in self._axes.items() if n > 1} or {"x": 1}
        plain = getattr(dataset, "target_transform", None) is None
        targets = getattr(dataset, "targets", None) if plain else None
        if targets is None or len(targets) != len(dataset):
            targets = [dataset[i][1] for i in range(len(dataset))]
        labels = np.asarray(targets)
        if len(labels) and labels.dtype.kind not in "iu":
            raise InputError(
                f"from_tonic.dataset: expected labels that are whole numbers, got {labels.dtype}"
            )
        super().__init__(labels, tuple(self._axes.values()))

    def _read(self, numbers: Iterable[int]) -> Iterator[Events]:
        for i in numbers:
            events = self._dataset[i][0]
            places = [events[name].astype(np.int64) for name in self._axes]
            units = units_of(places, self.shape, f"from_tonic.dataset[{i}]")
            times = u.Quantity(np.asarray(events["t"]), unit=u.us)
            yield Events(times, units, int(self._labels[i]), self.shape)
