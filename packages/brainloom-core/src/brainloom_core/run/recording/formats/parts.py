"""What the formats share: spike trains, names of axes, units in the words of other libraries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import brainunit as u
import numpy as np

from ....types import Time
from ..events import SpikeEvents
from ..traces import TraceData

__all__ = ["Data", "Train", "of_trials", "seconds", "signals", "spikes_of", "trains"]

Data = Mapping[str, SpikeEvents | TraceData]


@dataclass(frozen=True)
class Train:
    """The spikes of one neuron in one trial.

    Args:
        times: When, in ms.
        neuron: Number of the neuron in its population.
        trial: Batch member.
    """

    times: np.ndarray
    neuron: int
    trial: int


def trains(spikes: SpikeEvents) -> Iterator[Train]:
    """The spikes of each neuron and trial, also of those that are silent.

    Args:
        spikes: The spikes.
    """
    times = np.asarray(spikes.t.to_decimal(u.ms), np.float64)
    owner = spikes.trial.astype(np.int64) * spikes.size + spikes.index
    order = np.lexsort((times, owner))
    edges = np.searchsorted(owner[order], np.arange(1, spikes.size * spikes.trials))
    numbers = np.arange(spikes.size) if spikes.neurons is None else spikes.neurons
    for place, part in enumerate(np.split(times[order], edges)):
        trial, index = divmod(place, spikes.size)
        yield Train(part, int(numbers[index]), trial)


def spikes_of(data: Data) -> dict[str, SpikeEvents]:
    """The spikes among what was recorded.

    Args:
        data: What was recorded.
    """
    return {name: item for name, item in data.items() if isinstance(item, SpikeEvents)}


def signals(data: Data) -> dict[str, TraceData]:
    """The samples among what was recorded.

    Args:
        data: What was recorded.
    """
    return {name: item for name, item in data.items() if isinstance(item, TraceData)}


def of_trials(trace: TraceData, trials: int) -> np.ndarray:
    """Numbers of the shape `(samples, trials, *rest)`.

    Args:
        trace: The samples.
        trials: Number of batch members of the recording.
    """
    number = np.asarray(u.get_mantissa(trace.values))
    is_batched = trials > 1 and trace.shape[1:2] == (trials,)
    return number if is_batched else number[:, None]


def seconds(time: Time) -> np.ndarray:
    """A time in seconds.

    Args:
        time: The time.
    """
    return np.asarray(time.to_decimal(u.second), np.float64)
