"""Traces of some neurons, with their spikes."""

from typing import TYPE_CHECKING

import brainunit as u
import numpy as np

from ....errors import InputError
from ..traces import TraceData
from .canvas import Run, color, ink, populations, samples, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["traces"]


def traces(run: Run, *, max_traces: int = 5, trial: int = 0) -> "Figure":
    """A panel for each neuron of each trace, with a mark for each of its spikes.

    The spikes are those that were recorded of the same population, `"E.spikes"` for `"E.V"`.

    Args:
        run: What was recorded.
        max_traces: How many neurons of a trace are drawn.
        trial: Which member of the batch.
    """
    found = {
        name: item for name, item in samples(run).items() if item.kind == "trace" and len(item) > 1
    }
    panels: list[tuple[str, TraceData, int]] = []
    for name, trace in found.items():
        values = _of_trial(run, name, trace, trial)
        panels += [(name, trace, k) for k in range(min(max_traces, values.shape[1]))]
    if not panels:
        raise InputError("Recording.plot: traces need samples: record 'E.V', for example")
    size = (8.0, 1.0 + 1.3 * len(panels))
    figure, axes = subplots(size, len(panels), 1, sharex=True)
    for ax, (name, trace, k) in zip(axes[:, 0], panels, strict=True):
        values = _of_trial(run, name, trace, trial)[:, k]
        times = np.asarray(trace.t.to_decimal(u.ms))
        ax.plot(times, values, lw=0.8, color=color([*found].index(name)))
        neuron = k if trace.neurons is None else int(trace.neurons[k])
        ax.set_title(f"{name}, neuron {neuron}", loc="left", fontsize="small")
        if trace.unit != u.UNITLESS:
            ax.set_ylabel(f"({trace.unit})")
        _marks(ax, run, name, neuron, trial)
    axes[-1, 0].set_xlabel("time (ms)")
    axes[-1, 0].set_xlim(run.start.to_decimal(u.ms), run.end.to_decimal(u.ms))
    return figure


def _of_trial(run: Run, name: str, trace: TraceData, trial: int) -> np.ndarray:
    """The samples of a member of the batch, by times and neurons."""
    values = np.asarray(u.get_mantissa(trace.values))
    trials = max([item.trials for _, item in run.items() if hasattr(item, "trials")], default=1)
    if trials > 1 and trace.shape[1:2] == (trials,):
        values = values[:, trial]
    return values.reshape(len(values), -1)


def _marks(ax: "Axes", run: Run, name: str, neuron: int, trial: int) -> None:
    owner = name.rpartition(".")[0]
    spikes = f"{owner}.spikes" if owner else "spikes"
    if spikes not in list(run):
        return
    events = populations(run, "marks")[spikes]
    numbers = np.arange(events.size) if events.neurons is None else events.neurons
    kept = (numbers[events.index] == neuron) & (events.trial == trial)
    low, high = ax.get_ylim()
    times = np.asarray(events.t.to_decimal(u.ms))[kept]
    ax.vlines(times, high, high + 0.25 * (high - low), ink(ax), lw=0.8)
