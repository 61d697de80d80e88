"""A raster of all populations, beside the rates of their neurons and above that of each."""

from typing import TYPE_CHECKING

import brainunit as u
import numpy as np

from ....types import Time
from .canvas import Run, binned, color, ink, points, populations, sized, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["raster"]


def raster(run: Run, *, bin: Time = 5.0 * u.ms) -> "Figure":
    """All spikes; to their right the rate of each neuron, below them the rate of each population.

    Trials stand one above the other; the rate of a population is their mean, with its standard
    deviation over trials in a lighter colour.

    Args:
        run: What was recorded.
        bin: Width of the bins of the population rates.
    """
    found = populations(run, "a raster")
    options = {"height_ratios": [3, 1], "width_ratios": [4, 1]}
    figure, axes = subplots((9.0, 6.0), 2, 2, sharex="col", sharey="row", **options)
    (spikes_ax, neurons_ax), (rate_ax, corner) = axes
    corner.remove()
    rows = sum(item.size * item.trials for item in found.values())
    offset, places, thinned = 0, [], ""
    for number, (name, item) in enumerate(found.items()):
        thinned = points(spikes_ax, item, color(number), offset, rows) or thinned
        n = item.size * item.trials
        seconds = float(item.duration.to_decimal(u.second))
        rates = item.counts().reshape(-1) / seconds
        some = {"color": color(number)}
        rows_here = offset + np.arange(n)
        neurons_ax.plot(rates, rows_here, ".", ms=2, rasterized=True, **some)
        mean, ends = float(rates.mean()), [offset - 0.5, offset + n - 0.5]
        neurons_ax.plot([mean, mean], ends, color=ink(neurons_ax), lw=1.5)
        edges, over_trials = binned(item, bin)
        line, spread = over_trials.mean(axis=0), over_trials.std(axis=0)
        rate_ax.stairs(line, edges, label=f"{sized(name)}, {mean:.1f} Hz", **some)
        if item.trials > 1:
            low, high = (np.append(line + sign * spread, line[-1:]) for sign in (-1, 1))
            rate_ax.fill_between(edges, low, high, step="post", alpha=0.3, lw=0, **some)
        for trial in range(1, item.trials + (number + 1 < len(found))):
            spikes_ax.axhline(offset + trial * item.size - 0.5, color=ink(spikes_ax), lw=0.4)
        places.append((offset + n / 2, sized(name)))
        offset += n
    spikes_ax.set_yticks([place for place, _ in places], [name for _, name in places])
    spikes_ax.set_ylim(-0.5, rows - 0.5)
    spikes_ax.set_title(f"spikes of each neuron{thinned}", loc="left", fontsize="medium")
    neurons_ax.set_title("rates", loc="left", fontsize="medium")
    neurons_ax.set_xlabel("rate (Hz)")
    neurons_ax.tick_params(labelbottom=True)
    neurons_ax.set_xlim(left=0)
    rate_ax.set_ylabel("rate (Hz)")
    rate_ax.set_ylim(bottom=0)
    rate_ax.set_xlabel("time (ms)")
    rate_ax.set_xlim(run.start.to_decimal(u.ms), run.end.to_decimal(u.ms))
    rate_ax.legend(loc="upper right", fontsize="small")
    return figure
