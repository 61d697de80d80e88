"""Everything that was recorded, over one axis of time."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import brainunit as u
import numpy as np

from ....errors import InputError
from ....types import Time
from ..events import SpikeEvents
from ..traces import TraceData
from .canvas import Run, binned, ink, points, subplots
from .weights import over_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["overview"]


def overview(run: Run, *, bin: Time = 5.0 * u.ms, max_traces: int = 5) -> "Figure":
    """One raster and one population rate for each spike recording, one panel for each trace.

    Args:
        run: What was recorded.
        bin: Width of the bins of the population rate.
        max_traces: How many neurons of a trace are drawn.
    """
    panels: list[tuple[Callable[..., None], tuple[object, ...], float]] = []
    for name, data in run.items():
        if isinstance(data, SpikeEvents):
            panels += [(_raster, (name, data), 3.0), (_rate, (data, bin), 1.0)]
        elif data.kind == "weights" and len(data) > 1:
            panels.append((over_time, (name, data), 1.5))
        elif len(data) != 1:  # one sample of all of the run has no place on the axis of time
            panels.append((_traces, (name, data, max_traces), 1.5))
    if not panels:
        raise InputError(
            "Recording.plot: what was recorded is one sample each; there is nothing to draw over "
            "time"
        )
    heights = [height for _, _, height in panels]
    size = (8.0, 1.0 + sum(heights))
    figure, axes = subplots(size, len(panels), 1, sharex=True, height_ratios=heights)
    for ax, (draw, arguments, _) in zip(axes[:, 0], panels, strict=True):
        draw(ax, *arguments)
    axes[-1, 0].set_xlabel("time (ms)")
    axes[-1, 0].set_xlim(run.start.to_decimal(u.ms), run.end.to_decimal(u.ms))
    return figure


def _raster(ax: "Axes", name: str, spikes: SpikeEvents) -> None:
    thinned = points(ax, spikes, ink(ax))
    ax.set_ylabel("neuron")
    rows = spikes.size * spikes.trials
    ax.set_ylim(-0.5, rows - 0.5)
    ax.locator_params(axis="y", integer=True)
    ax.set_title(f"{name}{thinned}", loc="left", fontsize="medium")


def _rate(ax: "Axes", spikes: SpikeEvents, bin: Time) -> None:
    edges, rates = binned(spikes, bin)
    ax.stairs(rates.mean(axis=0), edges, fill=True)
    ax.set_ylabel("rate (Hz)")


def _traces(ax: "Axes", name: str, trace: TraceData, max_traces: int) -> None:
    values = np.asarray(u.get_mantissa(trace.values)).reshape(len(trace.step), -1)
    ax.plot(trace.t.to_decimal(u.ms), values[:, :max_traces], linewidth=0.8)
    ax.set_ylabel(name if trace.unit == u.UNITLESS else f"{name} ({trace.unit})")
