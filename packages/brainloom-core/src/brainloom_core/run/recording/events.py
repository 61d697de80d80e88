"""The spikes of a recording."""

import csv
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np

from ...errors import InputError
from ...types import ArrayLike, PyTree, Quantity, Time
from .column import Column, as_column, blocks, digest, part, rows_between
from .texts import in_steps, rounded

__all__ = ["SpikeEvents"]


class SpikeEvents:
    r"""Spikes of one population: the k-th is of neuron `index[k]`, at `t[k]`.

    A spike that occurs in the step from $t$ to $t + \Delta t$ has the time $t + \Delta t$, less
    `lag` steps where the neurons interpolate. The spikes of a source act in the step in which they
    are drawn, and have the time at which it begins: a lag of one step.

    Spikes of a file are read when they are asked for; what counts them reads some at a time, and
    `between` only those of its window.

    Args:
        step: Number of steps completed at each spike.
        index: Neuron of each spike (flat index into what was recorded).
        trial: Batch member of each spike, 0 without a batch axis.
        size: Number of neurons.
        trials: Number of batch members.
        dt: Length of a step.
        start: First step of the recording.
        stop: Last step of the recording.
        lag: Time from each spike to the end of its step, in steps; None for none.
        neurons: Number in the population of each neuron that was recorded; None where all are.

    Attributes:
        size: Number of neurons.
        trials: Number of batch members.
        dt: Length of a step.
        start: First step of the recording.
        stop: Last step of the recording.
        neurons: Number in the population of each neuron that was recorded; None where all are.
    """

    def __init__(
        self,
        step: Column | np.ndarray,
        index: Column | np.ndarray,
        trial: Column | np.ndarray,
        size: int,
        trials: int,
        dt: Time,
        start: int,
        stop: int,
        lag: Column | np.ndarray | None = None,
        neurons: ArrayLike | None = None,
    ) -> None:
        self._step, self._index, self._trial = map(as_column, (step, index, trial))
        self._lag = None if lag is None else as_column(lag)
        self.size, self.trials, self.dt = size, trials, dt
        self.start, self.stop = start, stop
        self.neurons = None if neurons is None else np.asarray(neurons)

    @property
    def step(self) -> np.ndarray:
        """Number of steps completed at each spike."""
        return np.asarray(self._step)

    @property
    def index(self) -> np.ndarray:
        """Neuron of each spike."""
        return np.asarray(self._index)

    @property
    def trial(self) -> np.ndarray:
        """Batch member of each spike."""
        return np.asarray(self._trial)

    @property
    def lag(self) -> np.ndarray | None:
        """Time from each spike to the end of its step, in steps; None for none."""
        return None if self._lag is None else np.asarray(self._lag)

    def __len__(self) -> int:
        return len(self._step)

    def __repr__(self) -> str:
        trials = f", {self.trials} trials" * (self.trials > 1)
        return f"{len(self)} spikes of {self.size} neurons{trials}, {rounded(self.rate())}"

    @property
    def t(self) -> Time:
        """Time of each spike."""
        return self._position * self.dt

    @property
    def _position(self) -> np.ndarray:
        return self.step if self.lag is None else self.step - self.lag

    @property
    def duration(self) -> Time:
        """Recorded time."""
        return (self.stop - self.start) * self.dt

    def between(self, start: Time, stop: Time) -> "SpikeEvents":
        """The spikes with start < t <= stop, as a recording of that window.

        Args:
            start: When the window begins; a spike at that time is not in it.
            stop: When it ends; a spike at that time is in it.

        Examples:
            >>> import brainunit as u, numpy as np
            >>> from brainloom_core import SpikeEvents
            >>> step, index = np.array([10, 20, 30]), np.array([0, 1, 0])
            >>> spikes = SpikeEvents(step, index, 0 * index, 2, 1, 1 * u.ms, 0, 40)
            >>> late = spikes.between(10 * u.ms, 40 * u.ms)
            >>> print(late.t, late.duration)
            [20 30] ms 30 ms
        """
        first, last = in_steps(start, self.dt), in_steps(stop, self.dt)
        rows = rows_between(self._step, first, last)
        return self._with(
            *(None if c is None else part(c, rows) for c in self.columns.values()),
            start=max(first, self.start),
            stop=min(last, self.stop),
        )

    def select(self, index: Any = None, trial: Any = None) -> "SpikeEvents":
        """The spikes of some neurons or members of a batch, as a recording of those.

        Args:
            index: Which neurons: a number, a list of them, a mask or a slice; None for all. The
                first of them is neuron 0 of the result.
            trial: Which members of the batch, likewise.

        Raises:
            InputError: There is no such neuron or member.

        Examples:
            >>> import brainunit as u, numpy as np
            >>> from brainloom_core import SpikeEvents
            >>> step, index = np.array([10, 20, 30]), np.array([0, 1, 2])
            >>> spikes = SpikeEvents(step, index, 0 * index, 3, 1, 1 * u.ms, 0, 40)
            >>> some = spikes.select(index=[1, 2])
            >>> print(some.t, some.index, some.neurons)
            [20 30] ms [0 1] [1 2]
        """
        chosen = _numbers("index", index, self.size), _numbers("trial", trial, self.trials)
        place = [np.full(n, -1) for n in (self.size, self.trials)]
        for where, numbers in zip(place, chosen, strict=True):
            where[numbers] = np.arange(len(numbers))
        index, trial = place[0][self.index], place[1][self.trial]
        kept = (index >= 0) & (trial >= 0)
        neurons = chosen[0] if self.neurons is None else self.neurons[chosen[0]]
        lag = None if self.lag is None else self.lag[kept]
        columns = self.step[kept], index[kept], trial[kept], lag
        sizes = {"size": len(chosen[0]), "trials": len(chosen[1])}
        return self._with(*columns, **sizes, neurons=neurons)

    @property
    def columns(self) -> dict[str, PyTree]:
        """What there is of each spike, as columns; those of a file are not read yet."""
        step, index, trial = self._step, self._index, self._trial
        return {"step": step, "index": index, "trial": trial, "lag": self._lag}

    def _with(self, step: Any, index: Any, trial: Any, lag: Any, **changed: Any) -> "SpikeEvents":
        names = ("size", "trials", "dt", "start", "stop", "neurons")
        known = {name: getattr(self, name) for name in names}
        return SpikeEvents(step, index, trial, lag=lag, **{**known, **changed})

    def hash(self) -> str:
        """A text that is the same for the same spikes: step, neuron, trial and lag of each.

        It does not depend on how the run was cut into chunks, or on what else was recorded.

        Examples:
            >>> import brainunit as u, numpy as np
            >>> from brainloom_core import SpikeEvents
            >>> step, index = np.array([10, 20, 30]), np.array([0, 1, 0])
            >>> SpikeEvents(step, index, 0 * index, 2, 1, 1 * u.ms, 0, 40).hash()[:8]
            'c4ee577f'
        """
        return digest(*(column for column in self.columns.values() if column is not None))

    def counts(self) -> np.ndarray:
        """Number of spikes of each neuron, shape `(trials, size)`.

        Examples:
            >>> import brainunit as u, numpy as np
            >>> from brainloom_core import SpikeEvents
            >>> step, index = np.array([10, 20, 30]), np.array([0, 1, 0])
            >>> print(SpikeEvents(step, index, 0 * index, 2, 1, 1 * u.ms, 0, 40).counts())
            [[2 1]]
        """
        flat = np.zeros(self.size * self.trials, np.int64)
        for index, trial in blocks(self._index, self._trial):
            flat += np.bincount(trial.astype(np.int64) * self.size + index, minlength=len(flat))
        return flat.reshape(self.trials, self.size)

    def rate(self) -> Quantity:
        """Mean rate per neuron; NaN where nothing was recorded."""
        neurons, seconds = self.size * self.trials, float(self.duration.to_decimal(u.second))
        rate = len(self) / neurons / seconds if neurons and seconds else float("nan")
        return u.Quantity(rate, unit=u.Hz)

    def isi_cv(self, min_intervals: int = 2) -> float:
        """Mean over neurons of the coefficient of variation of their interspike intervals.

        Neurons with fewer than `min_intervals` intervals do not count; NaN if none is left.

        Args:
            min_intervals: How many intervals a neuron needs in order to count, 2.

        Examples:
            >>> import brainunit as u, numpy as np
            >>> from brainloom_core import SpikeEvents
            >>> step = np.array([10, 20, 30, 40])  # one neuron, as regular as can be
            >>> SpikeEvents(step, 0 * step, 0 * step, 1, 1, 1 * u.ms, 0, 40).isi_cv()
            0.0
        """
        neuron = self.trial.astype(np.int64) * self.size + self.index
        order = np.lexsort((self.step, neuron))
        neuron, step = neuron[order], self._position[order].astype(np.float64)
        same = neuron[1:] == neuron[:-1]
        owner, interval = neuron[1:][same], (step[1:] - step[:-1])[same]
        n = np.bincount(owner, minlength=self.size * self.trials)
        kept = n >= max(min_intervals, 1)
        if not kept.any():
            return float("nan")
        mean = np.bincount(owner, interval, minlength=len(n))[kept] / n[kept]
        square = np.bincount(owner, interval**2, minlength=len(n))[kept] / n[kept]
        return float(np.mean(np.sqrt(np.maximum(square - mean**2, 0.0)) / mean))

    def population_counts(self, bin: Time = 1.0 * u.ms) -> np.ndarray:
        """Spikes of the whole population in consecutive bins, shape `(trials, n_bins)`.

        Args:
            bin: Width of a bin, 1 ms; rounded to a whole number of steps.

        Examples:
            >>> import brainunit as u, numpy as np
            >>> from brainloom_core import SpikeEvents
            >>> step, index = np.array([10, 20, 30]), np.array([0, 1, 0])
            >>> spikes = SpikeEvents(step, index, 0 * index, 2, 1, 1 * u.ms, 0, 40)
            >>> print(spikes.population_counts(20 * u.ms))
            [[2 1]]
        """
        width = max(1, round(float(u.get_magnitude(bin / self.dt))))
        n_bins = (self.stop - self.start) // width
        flat = np.zeros(n_bins * self.trials, np.int64)
        for step, trial in blocks(self._step, self._trial):
            position = (step - 1 - self.start) // width
            kept = position < n_bins
            owner = trial.astype(np.int64) * n_bins + position
            flat += np.bincount(owner[kept], minlength=len(flat))
        return flat.reshape(self.trials, n_bins)

    def synchrony(self, bin: Time = 1.0 * u.ms) -> float:
        """Variance over mean of the population's spike count per bin.

        It is 1 for independent Poisson neurons, larger the more they fire together, and NaN
        where there is no spike.

        Args:
            bin: Width of a bin, 1 ms; rounded to a whole number of steps.
        """
        counts = self.population_counts(bin)
        if not counts.any(axis=1).all():
            return float("nan")
        return float(np.mean(counts.var(axis=1) / counts.mean(axis=1)))

    def save(self, path: str | Path) -> None:
        """Write the events: `.npz` (numpy arrays) or `.csv` (time in ms, neuron, trial).

        Args:
            path: The file, whose suffix chooses the format.

        Raises:
            ValueError: It ends in neither `.npz` nor `.csv`.
        """
        path, times = Path(path), self.t.to_decimal(u.ms)
        if path.suffix == ".npz":
            np.savez_compressed(path, time_ms=times, neuron=self.index, trial=self.trial)
        elif path.suffix == ".csv":
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["time_ms", "neuron", "trial"])
                writer.writerows(zip(np.round(times, 9), self.index, self.trial, strict=True))
        else:
            raise ValueError(f"SpikeEvents.save: expected a .npz or .csv file, got {path.name}")


def _numbers(what: str, chosen: Any, n: int) -> np.ndarray:
    try:
        numbers = np.arange(n)[slice(None) if chosen is None else chosen]
    except (IndexError, TypeError) as error:
        raise InputError(f"SpikeEvents.select: {what}: expected some of {n}: {error}") from None
    numbers = np.atleast_1d(numbers)
    if len(numbers) == 0 or len(np.unique(numbers)) < len(numbers):
        raise InputError(f"SpikeEvents.select: {what}: expected each of some of {n} once")
    return numbers
