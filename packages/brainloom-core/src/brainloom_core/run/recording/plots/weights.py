"""How weights are distributed, and how that changes."""

from typing import TYPE_CHECKING

import brainunit as u
import numpy as np

from ....errors import InputError
from ..traces import TraceData
from .canvas import Run, samples, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["over_time", "weights"]

BANDS = ((0, 100), (5, 95), (25, 75))  # percentiles


def weights(run: Run, *, bins: int = 40) -> "Figure":
    """The distribution of weights over time, and at the first and the last sample.

    Args:
        run: What was recorded.
        bins: Number of bins of the histograms.
    """
    found = {name: item for name, item in samples(run).items() if item.kind == "weights"}
    if not found:
        raise InputError("Recording.plot: weights need a record of them, such as 'EE.weights'")
    options = {"width_ratios": [2, 1], "sharey": "row"}
    figure, axes = subplots((8.0, 0.5 + 2.5 * len(found)), len(found), 2, **options)
    for (time_ax, ax), (name, trace) in zip(axes, found.items(), strict=True):
        over_time(time_ax, name, trace)
        values = np.asarray(u.get_mantissa(trace.values)).reshape(len(trace), -1)
        edges = np.histogram_bin_edges(values[[0, -1]], bins)
        for row, label in {0: "first", len(trace) - 1: "last"}.items():
            heights = np.histogram(values[row], edges)[0]
            when = float(trace.t[row].to_decimal(u.ms))
            options = {"orientation": "horizontal", "label": f"{label}, {when:g} ms"}
            ax.stairs(heights, edges, **options)
        ax.legend(fontsize="small")
    axes[-1, 0].set_xlabel("time (ms)")
    axes[-1, 1].set_xlabel("number of weights")
    return figure


def over_time(ax: "Axes", name: str, trace: TraceData) -> None:
    """The median of all weights, and between which values half of them, and nine in ten, lie.

    Args:
        ax: The axes.
        name: Name of the record.
        trace: The weights.
    """
    values = np.asarray(u.get_mantissa(trace.values)).reshape(len(trace), -1)
    times = np.asarray(trace.t.to_decimal(u.ms))
    for low, high in BANDS:
        edges = np.percentile(values, (low, high), axis=1)
        ax.fill_between(times, *edges, alpha=0.25, color="C0", lw=0)
    ax.plot(times, np.median(values, axis=1), color="C0")
    ax.set_ylabel(name if trace.unit == u.UNITLESS else f"{name} ({trace.unit})")
