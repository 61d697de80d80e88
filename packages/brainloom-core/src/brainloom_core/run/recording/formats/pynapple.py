"""Recordings as objects of pynapple."""

from typing import Any

import brainunit as u
import numpy as np

from ....extras import needs
from ..events import SpikeEvents
from ..traces import TraceData
from .parts import Data, seconds, trains

__all__ = ["to_pynapple"]


def to_pynapple(data: Data) -> dict[str, Any]:
    """Groups of spike trains, and time series, by name; times in seconds.

    Args:
        data: What was recorded.

    Raises:
        ImportError: pynapple is not installed.
    """
    nap = needs("pynapple", "pynapple")
    return {
        name: _group(nap, item) if isinstance(item, SpikeEvents) else _series(nap, item)
        for name, item in data.items()
    }


def _group(nap: Any, spikes: SpikeEvents) -> Any:
    start, stop = seconds(spikes.start * spikes.dt), seconds(spikes.stop * spikes.dt)
    support = nap.IntervalSet(float(start), float(stop))
    every = list(trains(spikes))
    times = {k: nap.Ts(np.clip(one.times * 1e-3, start, stop)) for k, one in enumerate(every)}
    about = {"neuron": [one.neuron for one in every], "trial": [one.trial for one in every]}
    arrays = {name: np.asarray(values) for name, values in about.items()}
    return nap.TsGroup(times, time_support=support, metadata=arrays)


def _series(nap: Any, trace: TraceData) -> Any:
    times, values = seconds(trace.t), np.asarray(u.get_mantissa(trace.values))
    first = float(times[0]) if len(times) else 0.0
    # From the first step that counts: one sample alone has a duration too.
    begin = first - float(seconds(trace.dt))
    support = nap.IntervalSet(begin, float(times[-1]) if len(times) else first)
    if values.ndim == 1:
        return nap.Tsd(times, values, time_support=support)
    if values.ndim == 2:
        return nap.TsdFrame(times, values, time_support=support, columns=trace.neurons)
    return nap.TsdTensor(times, values, time_support=support)
