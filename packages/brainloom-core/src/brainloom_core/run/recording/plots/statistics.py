"""Intervals between spikes, spectra of population rates, and how these go together."""

from typing import TYPE_CHECKING

import brainunit as u
import numpy as np

from ....errors import InputError
from ....types import Quantity, Time
from ....units import show
from ..events import SpikeEvents
from ..texts import in_steps
from .canvas import Run, color, populations, sized, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["correlation", "intervals", "spectrum"]


def intervals(run: Run, *, min_intervals: int = 2, bins: int = 40) -> "Figure":
    """Histograms of intervals between spikes, and of their coefficients of variation.

    Args:
        run: What was recorded.
        min_intervals: How many intervals a neuron needs for its coefficient to count.
        bins: Number of bins.
    """
    found = populations(run, "intervals")
    figure, axes = subplots((8.0, 3.2), 1, 2)
    isi_ax, cv_ax = axes[0]
    of = {name: _intervals(item, min_intervals) for name, item in found.items()}
    longest = max([float(times.max()) for times, _ in of.values() if len(times)], default=1.0)
    shortest = min([float(times.min()) for times, _ in of.values() if len(times)], default=0.1)
    edges = np.geomspace(max(shortest, 1e-3) * 0.99, longest * 1.01, bins + 1)
    for number, (name, (times, cvs)) in enumerate(of.items()):
        some = {"color": color(number)}
        isi_ax.stairs(np.histogram(times, edges)[0], edges, label=sized(name), **some)
        mean = "none" if len(cvs) == 0 else f"mean {cvs.mean():.2f}"
        heights, places = np.histogram(cvs, bins, (0.0, max(2.0, cvs.max(initial=0.0))))
        cv_ax.stairs(heights, places, label=f"{sized(name)}, {mean}", **some)
    isi_ax.set_xscale("log")
    isi_ax.set_xlabel("interval (ms)")
    isi_ax.set_ylabel("number of intervals")
    cv_ax.set_xlabel("coefficient of variation")
    cv_ax.set_ylabel("number of neurons")
    for ax in axes[0]:
        ax.legend(fontsize="small")
    return figure


def _intervals(spikes: SpikeEvents, least: int) -> tuple[np.ndarray, np.ndarray]:
    """All intervals in ms, and the coefficient of variation of each neuron."""
    owner = spikes.trial.astype(np.int64) * spikes.size + spikes.index
    times = np.asarray(spikes.t.to_decimal(u.ms), np.float64)
    order = np.lexsort((times, owner))
    owner, times = owner[order], times[order]
    same = owner[1:] == owner[:-1]
    whose, lengths = owner[1:][same], np.diff(times)[same]
    number = np.bincount(whose, minlength=spikes.size * spikes.trials)
    kept = number >= max(least, 1)
    mean = np.bincount(whose, lengths, len(number))[kept] / number[kept]
    square = np.bincount(whose, lengths**2, len(number))[kept] / number[kept]
    return lengths[lengths > 0], np.sqrt(np.maximum(square - mean**2, 0.0)) / mean


def spectrum(run: Run, *, bin: Time = 1.0 * u.ms, resolution: Quantity = 4.0 * u.Hz) -> "Figure":
    """Power spectra of the population rates, the mean over windows (Welch's method) and trials.

    Args:
        run: What was recorded.
        bin: Width of the bins of the rates; it gives the highest frequency.
        resolution: Distance of two frequencies; it gives the length of the windows.
    """
    found = populations(run, "a spectrum")
    figure, axes = subplots((7.0, 3.5), 1, 1)
    ax = axes[0, 0]
    for number, (name, item) in enumerate(found.items()):
        width = max(1, in_steps(bin, item.dt)) * item.dt
        seconds = float(width.to_decimal(u.second))
        rates = item.population_counts(width) / item.size / seconds
        window = min(rates.shape[1], round(1 / (float(resolution.to_decimal(u.Hz)) * seconds)))
        if window < 2:
            raise InputError(f"Recording.plot: {name!r} is shorter than two bins of {show(bin)}")
        starts = range(0, rates.shape[1] - window + 1, max(1, window // 2))
        taper = np.hanning(window + 1)[:-1]
        level = rates - rates.mean(axis=1, keepdims=True)
        pieces = np.concatenate([level[:, s : s + window] * taper for s in starts])
        power = 2 * (np.abs(np.fft.rfft(pieces)) ** 2).mean(axis=0) * seconds / (taper**2).sum()
        frequency = np.fft.rfftfreq(window, seconds)
        ax.plot(frequency[1:], power[1:], color=color(number), label=sized(name))
    ax.set_xlabel("frequency (Hz)")
    ax.set_ylabel("power (Hz²/Hz)")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.legend(fontsize="small")
    return figure


def correlation(run: Run, *, bin: Time = 1.0 * u.ms, longest: Time = 50.0 * u.ms) -> "Figure":
    """Correlation coefficients of the population counts in bins, over the lag between the two.

    Where the curve of `"E → I"` has its maximum at a lag above 0, I follows E. Populations that
    were recorded at other times are not compared.

    Args:
        run: What was recorded.
        bin: Width of a bin.
        longest: The longest lag.
    """
    found = populations(run, "a correlation")
    figure, axes = subplots((7.0, 3.5), 1, 1)
    ax = axes[0, 0]
    names, number = [*found], 0
    for first, name in enumerate(names):
        for other in names[first:]:
            one, two = found[name], found[other]
            if (one.trials, one.start, one.stop) != (two.trials, two.start, two.stop):
                continue  # they are not of the same time
            width = max(1, in_steps(bin, one.dt))
            before, after = (item.population_counts(width * one.dt) for item in (one, two))
            lags, values = _correlated(before, after, max(1, in_steps(longest, width * one.dt)))
            if name == other:
                values[lags == 0] = np.nan  # which is 1
            label = f"{sized(name)} → {sized(other)}"
            times = lags * float((width * one.dt).to_decimal(u.ms))
            ax.plot(times, values, color=color(number), label=label, lw=1.0)
            number += 1
    ax.axvline(0, color=ax.xaxis.label.get_color(), lw=0.5)
    ax.set_xlabel("lag (ms)")
    ax.set_ylabel("correlation")
    ax.legend(fontsize="small")
    return figure


def _correlated(one: np.ndarray, two: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients at lags in bins, the mean over trials."""
    longest = min(longest, one.shape[1] - 1)
    lags = np.arange(-longest, longest + 1)
    one, two = (x - x.mean(axis=1, keepdims=True) for x in (one, two))
    spread = one.std(axis=1) * two.std(axis=1)
    size = 2 * one.shape[1]
    product = np.fft.irfft(np.conj(np.fft.rfft(one, size)) * np.fft.rfft(two, size), size)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = product[:, lags] / one.shape[1] / spread[:, None]
    return lags, values.mean(axis=0)
