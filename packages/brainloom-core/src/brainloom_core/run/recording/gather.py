"""What a run records, as rows: of each chunk, on the host."""

from collections.abc import Sequence
from typing import Any

import brainunit as u
import numpy as np

from ...types import Json, PyTree, Time
from .folds import fold
from .recorder import Recorder
from .spikes import Spikes
from .texts import unit_words
from .window import Window

__all__ = ["Gatherer", "OfEvents", "OfValues", "gatherer"]

Rows = dict[str, np.ndarray]


class Gatherer:
    """What one recorder has given in a run.

    Args:
        recorder: The recorder.
        window: When it records.
        dt: Length of a step.
        shape: Shape, type and unit of a value.
    """

    def __init__(self, recorder: Recorder, window: Window, dt: Time, shape: PyTree) -> None:
        self.recorder, self.window, self.dt = recorder, window, dt
        self.neurons = recorder.neurons()

    def rows(self, values: PyTree, begin: int, length: int) -> Rows:
        """The rows that a chunk adds.

        Args:
            values: What it gave; the first axis is time.
            begin: Number of steps completed before it.
            length: Number of its steps.
        """
        raise NotImplementedError

    def rest(self) -> Rows:
        """Rows that stand for all of the run, and are others after each chunk."""
        return {}

    def carried(self) -> Rows:
        """What is to be known of the steps before, besides the rows, to go on from here."""
        return {}

    def carry(self, carried: Rows) -> None:
        """Go on from there.

        Args:
            carried: What `carried` gave.
        """

    def attributes(self, stop: int) -> dict[str, Json]:
        """What a file has to know besides the rows.

        Args:
            stop: Number of steps completed.
        """
        raise NotImplementedError


class OfEvents(Gatherer):
    """The spikes of a population."""

    recorder: Spikes

    def __init__(self, recorder: Spikes, window: Window, dt: Time, shape: PyTree) -> None:
        super().__init__(recorder, window, dt, shape)
        self.size = int(np.prod(recorder.size()))
        self.trials = max(1, int(np.prod(shape.shape)) // self.size)
        self.has_lags = np.issubdtype(shape.dtype, np.floating)

    def rows(self, values: PyTree, begin: int, length: int) -> Rows:
        """The spikes of a chunk."""
        spikes = np.asarray(values)
        flat = spikes.reshape(-1)
        found = np.flatnonzero(flat >= 0 if self.has_lags else flat)
        if spikes.dtype.kind == "i":  # numbers of spikes
            found = np.repeat(found, flat[found])
        step, owner = np.divmod(found, self.size * self.trials)
        step += begin + 1
        first, last = self.window.start, self.window.stop
        if begin < first or begin + length > last:
            kept = slice(*np.searchsorted(step, (first, last), side="right"))
            found, step, owner = found[kept], step[kept], owner[kept]
        trial, index = np.divmod(owner, self.size)
        rows = {"step": step, "index": index.astype(np.int32), "trial": trial.astype(np.int32)}
        if self.has_lags:
            rows["lag"] = flat[found].astype(np.float64) / float(self.dt.to_decimal(u.ms))
        elif self.recorder.is_of_source:
            rows["lag"] = np.ones(len(step))
        return rows

    def attributes(self, stop: int) -> dict[str, Json]:
        """What a file has to know besides the rows."""
        start, end = self.window.start, min(self.window.stop, stop)
        known = {"kind": "spikes", "size": self.size, "trials": self.trials}
        return {**known, "start": min(start, end), "stop": end, **_numbers(self.neurons)}


class OfValues(Gatherer):
    """Values at the ends of intervals, or what values amount to over intervals."""

    def __init__(self, recorder: Recorder, window: Window, dt: Time, shape: PyTree) -> None:
        super().__init__(recorder, window, dt, shape)
        self.unit = u.get_unit(shape) if shape is not None else u.UNITLESS
        self.fold = recorder.fold or fold("last")
        self.number: Any = None  # of the interval that has not ended
        self.steps = self.end = 0

    def rows(self, values: PyTree, begin: int, length: int) -> Rows:
        """The intervals that end in a chunk."""
        self.unit = u.get_unit(values)
        number = np.asarray(u.get_mantissa(values))
        group = length // len(number)
        ends = begin + group * (1 + np.arange(len(number)))
        window = self.window
        inside = (ends - group >= window.start) & (ends <= window.stop)
        number, ends = self.fold.widened(number[inside]), ends[inside]
        if window.every == group or (self.fold.how == "last" and window.every is not None):
            kept = window.ends_interval(ends)
            steps = group if window.every == group else 1
            done = self.recorder.finished(number[kept], steps, self.dt)
            return {"step": ends[kept], "values": np.asarray(done)}
        return self._folded(number, ends, group)

    def _folded(self, number: np.ndarray, ends: np.ndarray, group: int) -> Rows:
        finished, at = [], []
        window = self.window
        which = 0 * ends if window.every is None else (ends - window.start - 1) // window.every
        edges = np.flatnonzero(np.diff(which)) + 1
        for values, steps in zip(np.split(number, edges), np.split(ends, edges), strict=True):
            for value in self._within(values):
                self.number = value if self.number is None else self.fold.pair(self.number, value)
            if len(steps) == 0:
                continue
            self.steps, self.end = self.steps + group * len(steps), int(steps[-1])
            if window.every is not None and window.ends_interval(steps[-1]):
                finished.append(self.recorder.finished(self.number, self.steps, self.dt))
                at.append(self.end)
                self.number, self.steps = None, 0
        if not at:
            sample = self.recorder.finished(number[:1], 1, self.dt)
            return {"step": ends[:0], "values": np.asarray(sample)[:0]}
        return {"step": np.asarray(at), "values": np.asarray(finished)}

    def _within(self, values: np.ndarray) -> Sequence[np.ndarray] | np.ndarray:
        """The values of an interval, folded as far as NumPy folds them at once."""
        if len(values) == 0:
            return []
        if self.fold.how == "last":
            return values[-1:]
        names: dict[str, Any] = {"sum": np.sum, "mean": np.sum, "min": np.min, "max": np.max}
        known = names.get(self.fold.how) if isinstance(self.fold.how, str) else None
        return values if known is None else [known(values, axis=0)]

    def rest(self) -> Rows:
        """The only interval, where all is one."""
        if self.window.every is not None or self.number is None:
            return {}
        done = self.recorder.finished(self.number, self.steps, self.dt)
        return {"step": np.asarray([self.end]), "values": np.asarray(done)[None]}

    def carried(self) -> Rows:
        """What is to be known of the steps before, besides the rows, to go on from here."""
        if self.number is None:
            return {}
        place = np.asarray([self.steps, self.end])
        return {"number": np.asarray(self.number), "place": place}

    def carry(self, carried: Rows) -> None:
        """Go on from there."""
        if carried:
            self.number = np.asarray(carried["number"])
            self.steps, self.end = (int(n) for n in carried["place"])

    def attributes(self, stop: int) -> dict[str, Json]:
        """What a file has to know besides the rows."""
        unit = unit_words(self.recorder.unit(self.unit))
        return {"kind": self.recorder.kind, "unit": unit, **_numbers(self.neurons)}


def gatherer(recorder: Recorder, window: Window, dt: Time, shape: PyTree) -> Gatherer:
    """Who gathers what a recorder gives.

    Args:
        recorder: The recorder.
        window: When it records.
        dt: Length of a step.
        shape: Shape, type and unit of a value.
    """
    kind = OfEvents if recorder.kind == "spikes" else OfValues
    return kind(recorder, window, dt, shape)  # type: ignore[arg-type]


def _numbers(neurons: np.ndarray | None) -> dict[str, Json]:
    return {} if neurons is None else {"neurons": neurons.tolist()}
