"""What to record, and what was recorded."""

import csv
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..clock import steps
from ..declare.constraints import Constraint, instance_of, positive, text
from ..declare.fields import option_field, quantity_field
from ..errors import InputError
from ..names import owner_of
from ..units import show, with_unit

__all__ = ["Recording", "SpikeEvents", "Spikes", "Trace", "TraceData", "as_recorders"]

LINES = 20  # of the description of a recording


@dataclass(frozen=True, eq=False)
class Spikes:
    """Record every spike of a population, as events.

    Args:
        population: Anything with `get_spike()`.

    Raises:
        InputError: The population has no `get_spike`.
    """

    population: Any

    def __post_init__(self) -> None:
        if not hasattr(self.population, "get_spike"):
            raise InputError(f"Spikes: expected a spiking population, got {show(self.population)}")

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for recorders that record the same."""
        whole, selection = _whole(self.population)
        return "spikes", id(whole), selection

    @property
    def is_of_source(self) -> bool:
        """Whether the spikes are of the beginning of their step."""
        return getattr(_whole(self.population)[0], "role", None) == "source"

    def sampler(self) -> Callable[[], Any]:
        """A function that gives this step's spikes; it does not keep the population alive.

        Where spikes have times within their step, it gives the time from the spike to the end of
        the step in ms, and -1 without a spike; where a source gives numbers of spikes, those.
        """
        whole, selection = _whole(self.population)
        population: Any = weakref.ref(whole)
        if getattr(whole, "interpolate", False):
            return lambda: _part(selection, _lags(population()))
        if self.is_of_source and np.dtype(getattr(whole, "spk_type", bool)) != bool:
            return lambda: _part(selection, population().get_spike().astype(jnp.int32))
        return lambda: _part(selection, population().get_spike() != 0)

    def check(self) -> None:
        """Raise if there is nothing to record; the states exist by now."""


_is_module = instance_of(brainstate.graph.Node, "a population or synapse, or a part of one")
_is_index = Constraint(
    "a neuron, a list of neurons, a mask, a slice or None",
    lambda i: i is None or isinstance(i, slice) or np.asarray(i).dtype.kind in "iub",
)


@dataclass(frozen=True, eq=False)
class Trace:
    """Record the value of a state at regular times.

    Args:
        module: The population or synapse.
        state: Name of the state.
        every: Interval between samples, a multiple of `dt`; None for each step.
        index: Which neurons: a number, a list of them, a mask or a slice, along the last axis;
            negative numbers count from the end. None for all.

    Raises:
        ParameterError: An argument is of another kind.
        InputError: When it is used: there is no such state or neuron, or `every` is not a
            multiple of `dt`.
    """

    module: Any = option_field(constraint=_is_module)
    state: str = option_field(constraint=text)
    every: Any = quantity_field(default=None, constraint=positive, unit=u.ms, optional=True)
    index: Any = option_field(default=None, constraint=_is_index)

    def check(self) -> None:
        """Raise if there is nothing to record; the states exist by now."""
        whole, selection = _whole(self.module)
        if not isinstance(whole, brainstate.nn.Module):
            raise InputError(f"Trace: expected a population or synapse, got {show(self.module)}")
        found = getattr(whole, str(self.state), None)
        if not isinstance(found, brainstate.State):
            known = sorted(k for k, v in vars(whole).items() if isinstance(v, brainstate.State))
            raise InputError(
                f"Trace: {type(whole).__name__} has no state {self.state!r}; it has {known}"
            )
        value = jax.eval_shape(lambda: _part(selection, u.get_mantissa(found.value)))
        _chosen(self, value.shape)

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for recorders that record the same."""
        index = repr(
            self.index if isinstance(self.index, slice) else np.asarray(self.index).tolist()
        )
        every = None if self.every is None else float(self.every.to_decimal(u.ms))
        whole, selection = _whole(self.module)
        return "trace", id(whole), selection, self.state, index, every

    def sampler(self) -> Callable[[], Any]:
        """A function that gives the current value; it does not keep the module alive."""
        whole, selection = _whole(self.module)
        module, name = weakref.ref(whole), self.state
        index = (
            self.index
            if self.index is None or isinstance(self.index, slice)
            else np.asarray(self.index)
        )

        def sample() -> Any:
            value = _part(selection, getattr(module(), name).value)
            return value if index is None else value[..., index]

        return sample

    def stride(self, dt: Any) -> int:
        """Number of steps between samples.

        Args:
            dt: Length of a step.

        Raises:
            InputError: `every` is not a multiple of it.
        """
        return 1 if self.every is None else steps("Trace.every", self.every, dt, least=1)


def as_recorders(net: Any, record: Any) -> dict[str, Spikes | Trace]:
    """Name what is to be recorded: a mapping, or a list of recorders and dotted names."""
    if record is None:
        return {}
    if isinstance(record, str) or not isinstance(record, (Mapping, list, tuple)):
        record = [record]
    if not isinstance(record, Mapping):
        record = {_name(item, position): item for position, item in enumerate(record)}
    return {name: _recorder(net, item) for name, item in record.items()}


def _name(item: Any, position: int) -> str:
    if isinstance(item, str):
        return item
    return f"{getattr(item, 'state', 'spikes')}_{position}"


def _recorder(net: Any, item: Any) -> Spikes | Trace:
    if isinstance(item, (Spikes, Trace)):
        return item
    if not isinstance(item, str):
        raise InputError(f"record: expected 'E.spikes', 'E.V', Spikes or Trace, got {show(item)}")
    try:
        module, last = owner_of(net, item)
    except InputError as error:
        raise InputError(f"record: {error}") from None
    return Spikes(module) if last == "spikes" else Trace(module, last)


def _whole(population: Any) -> tuple[Any, Any]:
    """A population and None, or that of a view and which of its neurons the view takes."""
    selection = getattr(population, "selection", None)
    return (population, None) if selection is None else (population.population, selection)


def _part(selection: Any, value: Any) -> Any:
    return value if selection is None else selection.take(value)


def _chosen(trace: Trace, shape: tuple[int, ...]) -> None:
    """Raise if an index chooses no neuron, or one that does not exist."""
    index, n = trace.index, shape[-1] if shape else 0
    if index is None:
        return
    who = f"Trace.index: {type(_whole(trace.module)[0]).__name__}.{trace.state}"
    if n == 0:
        raise InputError(f"{who} is a single value: leave index out")
    if isinstance(index, slice):
        try:
            if len(range(n)[index]) > 0:
                return
        except TypeError:
            pass
        raise InputError(f"{who} has the neurons 0 to {n - 1}: {index} chooses none of them")
    chosen = np.asarray(index)
    if chosen.dtype == bool and chosen.shape == (n,) and chosen.any():
        return
    if chosen.dtype == bool:
        raise InputError(
            f"{who}: expected a mask of shape ({n},) with at least one True, got one of shape "
            f"{chosen.shape} with {int(chosen.sum())}"
        )
    if chosen.dtype.kind not in "iu" or chosen.size == 0 or chosen.ndim > 1:
        raise InputError(
            f"{who}: expected neurons from 0 to {n - 1} as whole numbers, a mask or a slice, got "
            f"{show(index)}"
        )
    outside = chosen[(chosen < -n) | (chosen >= n)] if chosen.ndim else chosen
    if np.any((chosen < -n) | (chosen >= n)):
        raise InputError(
            f"{who}: expected neurons from 0 to {n - 1} (or from {-n} to -1, counted from the "
            f"end), got {int(np.ravel(outside)[0])}"
        )


@dataclass(frozen=True, eq=False)
class SpikeEvents:
    r"""Spikes of one population: the k-th is of neuron `index[k]`, at `t[k]`.

    A spike that occurs in the step from $t$ to $t + \Delta t$ has the time $t + \Delta t$, less
    `lag` steps where the neurons interpolate. The spikes of a source act in the step in which they
    are drawn, and have the time at which it begins: a lag of one step.

    Args:
        step: Number of steps completed at each spike.
        index: Neuron of each spike (flat index into the population).
        trial: Batch member of each spike, 0 without a batch axis.
        size: Number of neurons.
        trials: Number of batch members.
        dt: Length of a step.
        start: First step of the recording.
        stop: Last step of the recording.
        lag: Time from each spike to the end of its step, in steps; None for none.
    """

    step: np.ndarray
    index: np.ndarray
    trial: np.ndarray
    size: int
    trials: int
    dt: Any
    start: int
    stop: int
    lag: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.step)

    def __repr__(self) -> str:
        trials = f", {self.trials} trials" * (self.trials > 1)
        return f"{len(self)} spikes of {self.size} neurons{trials}, {_rounded(self.rate())}"

    @property
    def t(self) -> Any:
        """Time of each spike."""
        return self._position * self.dt

    @property
    def _position(self) -> np.ndarray:
        return self.step if self.lag is None else self.step - self.lag

    @property
    def duration(self) -> Any:
        """Recorded time."""
        return (self.stop - self.start) * self.dt

    def between(self, start: Any, stop: Any) -> "SpikeEvents":
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
        first = round(float(u.get_magnitude(start / self.dt)))
        last = round(float(u.get_magnitude(stop / self.dt)))
        kept = (self.step > first) & (self.step <= last)
        return SpikeEvents(
            self.step[kept],
            self.index[kept],
            self.trial[kept],
            self.size,
            self.trials,
            self.dt,
            max(first, self.start),
            min(last, self.stop),
            None if self.lag is None else self.lag[kept],
        )

    def counts(self) -> np.ndarray:
        """Number of spikes of each neuron, shape `(trials, size)`.

        Examples:
            >>> import brainunit as u, numpy as np
            >>> from brainloom_core import SpikeEvents
            >>> step, index = np.array([10, 20, 30]), np.array([0, 1, 0])
            >>> print(SpikeEvents(step, index, 0 * index, 2, 1, 1 * u.ms, 0, 40).counts())
            [[2 1]]
        """
        flat = np.bincount(self.trial * self.size + self.index, minlength=self.size * self.trials)
        return flat.reshape(self.trials, self.size)

    def rate(self) -> Any:
        """Mean rate per neuron."""
        rate = len(self) / (self.size * self.trials) / self.duration
        return u.Quantity(rate.to_decimal(u.Hz), unit=u.Hz)

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
        neuron = self.trial * self.size + self.index
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

    def population_counts(self, bin: Any = 1.0 * u.ms) -> np.ndarray:
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
        position = (self.step - 1 - self.start) // width
        kept = position < n_bins
        flat = np.bincount((self.trial * n_bins + position)[kept], minlength=n_bins * self.trials)
        return flat.reshape(self.trials, n_bins)

    def synchrony(self, bin: Any = 1.0 * u.ms) -> float:
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


@dataclass(frozen=True, eq=False)
class TraceData:
    """Samples of a state: `values[k]` at time `t[k]`, the end of a step.

    Attributes:
        step: Number of steps completed at each sample.
        values: The samples, shape `(samples, *batch, *in_size)`, in the unit of the state.
        dt: Length of a step.
    """

    step: np.ndarray
    values: Any
    dt: Any

    def __repr__(self) -> str:
        shape, unit = tuple(self.values.shape), u.get_unit(self.values)
        named = "" if unit == u.UNITLESS else f", {unit}"
        return f"{len(self.step)} samples of shape {shape[1:]}{named}"

    @property
    def t(self) -> Any:
        """Time of each sample."""
        return self.step * self.dt


@dataclass(frozen=True, eq=False)
class Recording(Mapping[str, SpikeEvents | TraceData]):
    """What a simulation recorded, by name; pass `end` as `start` to continue.

    Attributes:
        data: `SpikeEvents` and `TraceData` by name; the recording itself is the mapping.
        start: Time at which the simulation started.
        end: Time at which it ended.
        dt: Length of a step.
        wall_time: Seconds that it took, compilation included.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, simulate, state
        >>> class Integrator(Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / (10 * u.ms)
        >>> recording = simulate(
        ...     Integrator(2), 50 * u.ms, dt=1 * u.ms, inputs=1.05 * u.mA, record=["spikes", "V"]
        ... )
        >>> print(recording["spikes"].t)
        [10 10 20 20 29 29 39 39 48 48] ms
        >>> recording["V"].values.shape
        (50, 2)
    """

    data: dict[str, Any]
    start: Any
    end: Any
    dt: Any
    wall_time: float = field(default=0.0)

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    def __iter__(self) -> Any:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        lines = [f"Recording from {_rounded(self.start)} to {_rounded(self.end)}, dt = {self.dt}"]
        lines += [f"  {name}: {item!r}" for name, item in list(self.data.items())[:LINES]]
        left = len(self.data) - LINES
        return "\n".join([*lines, *([f"  and {left} more"] if left > 0 else [])])

    def plot(self, path: str | Path | None = None, **options: Any) -> Any:
        """Draw raster, population rate and traces; needs matplotlib (the extra `plot`).

        Args:
            path: File to write, if any.
            options: See `brainloom_core.run.plotting.plot_recording`.

        Returns:
            The matplotlib figure.
        """
        from .plotting import plot_recording

        return plot_recording(self, path, **options)


class Collector:
    """Gathers the chunks of one recorder on the host."""

    def __init__(self, recorder: Spikes | Trace, stride: int, dt: Any, start: int) -> None:
        self.recorder, self.stride, self.dt, self.start = recorder, stride, dt, start
        self.parts: list[Any] = []
        self.shape: tuple[int, ...] = ()

    def add(self, values: Any, first: int, block: int) -> None:
        """Take what one chunk recorded, whose first step is number `first`."""
        if isinstance(self.recorder, Spikes):
            spikes = np.asarray(values).reshape(-1, *values.shape[2:])
            self.shape = spikes.shape[1:]
            self.parts.append(_events(spikes, first))
        else:
            step = first + block * (1 + np.arange(values.shape[0]))
            kept = (step - self.start) % self.stride == 0
            number = np.asarray(u.get_mantissa(values))[kept]
            self.parts.append((step[kept], number, u.get_unit(values)))

    def result(self, stop: int) -> SpikeEvents | TraceData:
        """Everything that was gathered up to step number `stop`."""
        if isinstance(self.recorder, Trace):
            step, number = (np.concatenate([p[k] for p in self.parts]) for k in (0, 1))
            kept = step <= stop
            step, number = step[kept], number[kept]
            unit = self.parts[0][2]
            return TraceData(step, with_unit(number, unit), self.dt)
        in_size = tuple(getattr(self.recorder.population, "in_size", self.shape))
        size = int(np.prod(in_size))
        trials = max(1, int(np.prod(self.shape)) // size)
        step, flat = (np.concatenate([p[k] for p in self.parts]) for k in (0, 1))
        lags = [p[2] for p in self.parts if p[2] is not None]
        kept = step <= stop
        step, flat = step[kept], flat[kept]
        owner = flat % size, flat // size
        lag = np.concatenate(lags)[kept] / float(self.dt.to_decimal(u.ms)) if lags else None
        if self.recorder.is_of_source:
            lag = np.ones(len(step))
        return SpikeEvents(step, *owner, size, trials, self.dt, self.start, stop, lag)


def _events(spikes: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Number of steps completed, flat index of the neuron and perhaps lag, for each spike."""
    flat, has_lags = spikes.reshape(-1), spikes.dtype.kind == "f"
    found = np.flatnonzero(flat >= 0 if has_lags else flat)
    if spikes.dtype.kind == "i":  # numbers of spikes
        found = np.repeat(found, flat[found])
    step, neuron = np.divmod(found, spikes[0].size)
    lag = flat[found].astype(np.float64) if has_lags else None
    return first + 1 + step, neuron, lag


def _lags(population: Any) -> Any:
    lag = population.spike_lag.value.to_decimal(u.ms)
    return jnp.where(population.get_spike() != 0, lag, -1.0)


def _rounded(value: Any) -> str:
    """A quantity in a few digits, whatever the arithmetic left of it."""
    return f"{float(u.get_mantissa(value)):.10g} {u.get_unit(value)}"
