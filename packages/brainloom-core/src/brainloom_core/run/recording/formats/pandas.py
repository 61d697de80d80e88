"""Recordings as tables."""

from typing import Any

import brainunit as u
import numpy as np

from ....extras import needs
from ..events import SpikeEvents
from ..traces import TraceData
from .parts import Data

__all__ = ["to_pandas"]


def to_pandas(data: Data) -> dict[str, Any]:
    """A table for each record.

    Args:
        data: What was recorded.

    Raises:
        ImportError: pandas is not installed.
    """
    pandas = needs("pandas", "pandas")
    return {
        name: _spikes(pandas, item) if isinstance(item, SpikeEvents) else _trace(pandas, item)
        for name, item in data.items()
    }


def _spikes(pandas: Any, spikes: SpikeEvents) -> Any:
    neuron = spikes.index if spikes.neurons is None else spikes.neurons[spikes.index]
    columns = {"time_ms": spikes.t.to_decimal(u.ms), "neuron": neuron, "trial": spikes.trial}
    return pandas.DataFrame(columns)


def _trace(pandas: Any, trace: TraceData) -> Any:
    values = np.asarray(u.get_mantissa(trace.values))
    rest = values.shape[1:]
    times = pandas.Index(np.asarray(trace.t.to_decimal(u.ms)), name="time_ms")
    if len(rest) <= 1:
        n = int(np.prod(rest))
        numbers = trace.neurons if trace.neurons is not None and len(trace.neurons) == n else None
        columns = pandas.Index(range(n) if numbers is None else numbers, name="neuron")
    else:
        names = [*(f"axis_{k}" for k in range(len(rest) - 1)), "neuron"]
        columns = pandas.MultiIndex.from_product([range(n) for n in rest], names=names)
    frame = pandas.DataFrame(values.reshape(len(values), -1), index=times, columns=columns)
    frame.attrs["unit"] = str(trace.unit)
    return frame
