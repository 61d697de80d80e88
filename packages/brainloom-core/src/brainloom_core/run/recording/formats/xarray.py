"""Recordings as labelled arrays."""

import json
from collections.abc import Mapping
from typing import Any

import brainunit as u
import numpy as np

from ....extras import needs
from ....types import Json
from ..column import Column
from ..events import SpikeEvents
from ..traces import TraceData
from .parts import Data

__all__ = ["to_xarray"]


def to_xarray(data: Data, header: dict[str, Json], span: tuple[int, int]) -> Any:
    """A data set with a variable for each record.

    Args:
        data: What was recorded.
        header: What is known of the run, which becomes its attributes.
        span: Number of steps completed when the recording begins, and when it ends.

    Raises:
        ImportError: xarray is not installed.
    """
    xarray = needs("xarray", "xarray")
    axes = _Axes(span)
    variables = {
        name: _spikes(name, item) if isinstance(item, SpikeEvents) else axes.trace(name, item)
        for name, item in data.items()
    }
    arrays = {name: xarray.DataArray(**parts) for name, parts in variables.items()}
    return xarray.Dataset(arrays, attrs=_plain(header))


def _plain(header: Mapping[str, Json], above: str = "") -> dict[str, Json]:
    """Numbers and texts alone, which every file format takes: `versions.jax`, of what is nested."""
    found: dict[str, Json] = {}
    for key, value in header.items():
        if isinstance(value, Mapping):
            found |= _plain(value, f"{above}{key}.")
        elif value is not None:
            is_plain = isinstance(value, (int, float, str)) and not isinstance(value, bool)
            found[above + key] = value if is_plain else json.dumps(value)
    return found


def _spikes(name: str, spikes: SpikeEvents) -> dict[str, Any]:
    """Times of spikes along an axis of their own, with neuron and trial of each."""
    axis = f"{name}_event"
    neuron = spikes.index if spikes.neurons is None else spikes.neurons[spikes.index]
    coords = {f"{name}_neuron": (axis, neuron), f"{name}_trial": (axis, spikes.trial)}
    sizes = {"neurons": spikes.size, "trials": spikes.trials}
    times = np.asarray(spikes.t.to_decimal(u.ms))
    return {"data": times, "dims": (axis,), "coords": coords, "attrs": {"units": "ms", **sizes}}


class _Axes:
    """Names of axes: one for all records that share the times, or the neurons, that it has."""

    def __init__(self, span: tuple[int, int]) -> None:
        self.span = span
        self.known: dict[str, np.ndarray] = {}

    def trace(self, name: str, trace: TraceData) -> dict[str, Any]:
        """The arguments of the array of a record."""
        owner, rest = name.rpartition(".")[0] or name, trace.shape[1:]
        times = np.asarray(trace.t.to_decimal(u.ms), np.float64)
        coords: dict[str, Any] = {}
        dims = [self._axis(coords, times, self._time(name, trace), units="ms")]
        for place, n in enumerate(rest):
            is_last = place == len(rest) - 1
            numbers = np.arange(n)
            if is_last and trace.neurons is not None and len(trace.neurons) == n:
                numbers = trace.neurons
            what = f"{owner}_{'neuron' if is_last else f'axis_{place}'}"
            dims.append(self._axis(coords, numbers, what, f"{what}_of_{name}"))
        number = trace.columns["values"]
        if isinstance(number, Column):
            number = number.lazily()
        attrs = {"units": str(trace.unit), "kind": trace.kind}
        return {"data": number, "dims": dims, "coords": coords, "attrs": attrs}

    def _time(self, name: str, trace: TraceData) -> str:
        """The name of an axis of time: it follows from the samples, whatever else is recorded."""
        steps = np.asarray(trace.columns["step"])
        gaps = np.unique(np.diff(steps))
        if len(gaps) != 1:
            return f"time_of_{name}"
        every, (first, stop) = int(gaps[0]), self.span
        dt = float(trace.dt.to_decimal(u.ms))
        begin = "" if steps[0] == first + every else f"_from_{steps[0] * dt:.10g}ms"
        end = "" if steps[-1] + every > stop else f"_to_{steps[-1] * dt:.10g}ms"
        return f"time{'' if every == 1 else f'_{every * dt:.10g}ms'}{begin}{end}"

    def _axis(self, coords: dict[str, Any], values: np.ndarray, *names: str, **attrs: Any) -> str:
        """The first of the names that is free, or that has these values."""
        for name in names:
            if np.array_equal(self.known.setdefault(name, values), values):
                break
        coords[name] = (name, values, attrs)
        return name
