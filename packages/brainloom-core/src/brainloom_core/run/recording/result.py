"""`Recording`: what a run gives back."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...equations import nearest
from ...errors import InputError, PluginError
from ...plugins.lookup import made
from ...types import Json, Time
from ...units import show
from .events import SpikeEvents
from .files import Data, contents, save
from .formats import to_neo, to_nwb, to_pandas, to_pynapple, to_xarray
from .plots import draw
from .store import RecordingStore
from .texts import in_steps, rounded, time_words
from .traces import TraceData

__all__ = ["Recording"]

LINES = 20  # of the description of a recording


@dataclass(frozen=True, eq=False)
class Recording(Mapping[str, SpikeEvents | TraceData]):
    """What a simulation recorded, by name; pass `end` as `start` to continue.

    Attributes:
        data: `SpikeEvents` and `TraceData` by name; the recording itself is the mapping.
        start: Time at which the simulation started.
        end: Time at which it ended.
        dt: Length of a step.
        wall_time: Seconds that it took, compilation included.
        header: What is known of the run, as JSON has it: `versions` of the libraries, `plugins`,
            `kernels`, `device`, `dt`, `seed`, `wall_time`, the steps `first` and `stop` and, where
            it was written, the `hash` of the spikes.

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

    data: Data
    start: Time
    end: Time
    dt: Time
    wall_time: float = field(default=0.0)
    header: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Data, header: Mapping[str, Json], dt: Time) -> "Recording":
        """What was recorded, and the header of the run.

        Args:
            data: `SpikeEvents` and `TraceData` by name.
            header: The header.
            dt: Length of a step.
        """
        first, stop = header["first"], header["stop"]
        return cls(data, first * dt, stop * dt, dt, header["wall_time"], dict(header))

    def __getitem__(self, name: str) -> Any:
        if name not in self.data:
            near = nearest(name, self.data) if isinstance(name, str) else None
            hint = "" if near is None else f"; the nearest is {near!r}"
            raise KeyError(f"{name!r} was not recorded; there are {[*self.data]}{hint}")
        return self.data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        lines = [f"Recording from {rounded(self.start)} to {rounded(self.end)}, dt = {self.dt}"]
        lines += [f"  {name}: {item!r}" for name, item in list(self.data.items())[:LINES]]
        left = len(self.data) - LINES
        return "\n".join([*lines, *([f"  and {left} more"] if left > 0 else [])])

    def hash(self, *names: str) -> str:
        """A text that is the same for the same spikes, of all populations or of those named.

        It does not depend on how the run was cut into chunks, on what else was recorded, or in
        which order; two networks with other names for their populations differ.

        Args:
            names: Names of recorded spikes, none for all of them.

        Raises:
            InputError: There are no spikes of this name.
        """
        spikes = {k: v for k, v in sorted(self.data.items()) if isinstance(v, SpikeEvents)}
        if missing := [name for name in names if name not in spikes]:
            raise InputError(f"Recording.hash: no spikes of {missing[0]!r}; there are {[*spikes]}")
        lines = [f"{name} {spikes[name].hash()}" for name in sorted(names) or spikes]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def save(self, path: str | Path, format: str = "zarr") -> None:
        """Write all of it, as a Zarr group; needs zarr (the extra `store`).

        Args:
            path: A folder, or one file if it ends in `.zip`. There must be nothing of that name.
            format: Name of the format, `"zarr"` or one that a plugin registers.

        Raises:
            InputError: There is something of that name.
            PluginError: There is no format of this name.
            ImportError: zarr is not installed.
        """
        if format != "zarr":
            made("format", format).write(self, Path(path))
            return
        first, stop = in_steps(self.start, self.dt), in_steps(self.end, self.dt)
        times = {"first": first, "stop": stop, "wall_time": self.wall_time}
        header = {"dt": time_words(self.dt), **times, **self.header, "hash": self.hash()}
        save(self.data, header, Path(path))

    @classmethod
    def load(cls, path: str | Path, format: str = "zarr") -> "Recording":
        """Open what `save`, or `simulate` with a `store`, has written; nothing is read yet.

        Args:
            path: The folder or zip file.
            format: Name of the format, `"zarr"` or one that a plugin registers.

        Raises:
            InputError: It does not exist, or is no recording.
            PluginError: There is no format of this name, or it reads something else.
            ImportError: zarr is not installed.
        """
        if format != "zarr":
            found = made("format", format).read(Path(path))
            if not isinstance(found, cls):
                raise PluginError(f"The format {format!r} reads {show(found)}, no recording")
            return found
        return cls.of(*contents(RecordingStore.open(path)))

    def between(self, start: Time, stop: Time) -> "Recording":
        """What was recorded with start < t <= stop.

        Args:
            start: When the window begins.
            stop: When it ends.
        """
        data = {name: item.between(start, stop) for name, item in self.data.items()}
        ends = max(start, self.start), min(stop, self.end)
        return Recording(data, *ends, self.dt, self.wall_time, self.header)

    def to_xarray(self) -> Any:
        """An `xarray.Dataset`; needs xarray.

        Samples are variables over `time` (in ms; `time_5ms`, what is recorded every 5 ms) and
        neurons; times of spikes are variables over events, with the coordinates neuron and trial.
        Units are the attribute `units`; the header is the attributes of all, as numbers and texts.
        What is in a file stays there until it is asked for, where Dask is installed.

        Raises:
            ImportError: xarray is not installed.
        """
        span = in_steps(self.start, self.dt), in_steps(self.end, self.dt)
        return to_xarray(self, dict(self.header), span)

    def to_pandas(self) -> dict[str, Any]:
        """A `pandas.DataFrame` for each record, by name; needs pandas.

        Spikes have the columns `time_ms`, `neuron` and `trial`; samples have the index `time_ms`
        and a column for each neuron, and their unit in `attrs["unit"]`.

        Raises:
            ImportError: pandas is not installed.
        """
        return to_pandas(self)

    def to_neo(self) -> Any:
        """A `neo.Block`, which Elephant analyses and viziphant draws; needs neo.

        It has a segment for each trial, with a spike train for each neuron, annotated with
        `record`, `neuron` and `trial`, and a signal for what was sampled.

        Raises:
            ImportError: neo is not installed.
        """
        return to_neo(self, dict(self.header))

    def to_pynapple(self) -> dict[str, Any]:
        """Objects of pynapple by name, with times in seconds; needs pynapple.

        Spikes are a `TsGroup` with the metadata `neuron` and `trial`; samples are a `Tsd`,
        `TsdFrame` or `TsdTensor`.

        Raises:
            ImportError: pynapple is not installed.
        """
        return to_pynapple(self)

    def to_nwb(
        self, path: str | Path | None = None, description: str = "a simulation", **about: Json
    ) -> Any:
        """A `pynwb.NWBFile`, written to a file if there is a path; needs pynwb.

        Spikes are its table of units, with the columns `record`, `neuron` and `trial`; samples
        are time series among what was acquired, and the header is in the notes.

        Args:
            path: The file.
            description: What the session was.
            about: What else `pynwb.NWBFile` takes, such as `identifier` and
                `session_start_time`.

        Raises:
            ImportError: pynwb is not installed.
        """
        where = None if path is None else Path(path)
        return to_nwb(self, dict(self.header), where, description, about)

    def plot(
        self,
        path: str | Path | None = None,
        *,
        kind: str = "overview",
        title: str | None = None,
        **options: Any,
    ) -> Any:
        """Draw what was recorded; needs matplotlib (the extra `plot`).

        Args:
            path: File to write, if any; its suffix chooses the format.
            kind: `"overview"`: everything over one axis of time, a raster and the rate of each
                population, a panel for each trace (`bin`, `max_traces`). `"raster"`: all spikes,
                beside the rate of each neuron and above that of each population (`bin`).
                `"traces"`: some neurons of each trace, with their spikes (`max_traces`, `trial`).
                `"intervals"`: histograms of intervals and their coefficients of variation
                (`min_intervals`, `bins`). `"spectrum"`: that of the population rates (`bin`,
                `resolution`). `"correlation"`: of each two populations over the lag (`bin`,
                `longest`). `"weights"`: their distribution over time (`bins`).
            title: Text above.
            options: Those of the kind, in brackets above.

        Returns:
            The matplotlib figure.

        Raises:
            InputError: There is no such kind, or nothing that it could show.
            ImportError: matplotlib is not installed.
        """
        return draw(self, kind, path, title, options)
