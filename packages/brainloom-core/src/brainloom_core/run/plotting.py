"""Pictures of recordings and spike functions; imports matplotlib, alone and only when called."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainunit as u
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..surrogate import Surrogate
    from .recording import Recording, SpikeEvents, TraceData

__all__ = ["plot_recording", "plot_surrogate"]

MAX_POINTS = 200_000


def plot_recording(
    recording: "Recording",
    path: str | Path | None = None,
    *,
    bin: Any = 5.0 * u.ms,
    max_traces: int = 5,
    title: str | None = None,
) -> "Figure":
    """One raster and one population rate for each spike recording, one panel for each trace.

    Args:
        recording: What `simulate` returned.
        path: File to write, if any; its suffix chooses the format.
        bin: Width of the bins of the population rate.
        max_traces: How many neurons of a trace are drawn.
        title: Text above the first panel.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure_class = _matplotlib_figure()
    panels: list[tuple[Any, Any, float]] = []
    for name, data in recording.items():
        if hasattr(data, "population_counts"):  # spikes; asked so, since recordings import this
            panels += [(_raster, (name, data), 3.0), (_rate, (data, bin), 1.0)]
        else:
            panels.append((_traces, (name, data, max_traces), 1.5))
    if not panels:
        raise ValueError("Recording.plot: nothing was recorded; pass record=... to simulate")
    heights = [height for _, _, height in panels]
    figure = figure_class(figsize=(8.0, 1.0 + sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (draw, arguments, _) in zip(axes, panels, strict=True):
        draw(ax, *arguments)
    axes[-1].set_xlabel("time (ms)")
    axes[-1].set_xlim(recording.start.to_decimal(u.ms), recording.end.to_decimal(u.ms))
    if title is not None:
        axes[0].set_title(title)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def plot_surrogate(surrogate: "Surrogate", ax: "Axes | None" = None) -> "Axes":
    """The smooth function of a surrogate and its derivative, as `Surrogate.plot`."""
    ax = _matplotlib_figure()(layout="constrained").subplots() if ax is None else ax
    z = jnp.linspace(-2.0, 2.0, 401)
    ax.plot(z, surrogate.smooth(z), label="smooth function")
    ax.plot(z, surrogate.surrogate_grad(z), label="its derivative, the surrogate gradient")
    ax.set_xlabel("distance to threshold z")
    ax.set_title(str(surrogate), loc="left", fontsize="medium")
    ax.legend()
    return ax


def _matplotlib_figure() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            'Plots need matplotlib. Install it with: pip install "brainloom-core[plot]"'
        ) from error
    return pyplot.figure


def _raster(ax: "Axes", name: str, spikes: "SpikeEvents") -> None:
    stride = max(1, -(-len(spikes) // MAX_POINTS))
    row = spikes.index + spikes.trial * spikes.size
    times = spikes.t.to_decimal(u.ms)[::stride]
    rows = spikes.size * spikes.trials
    width = float(np.clip(200 / rows, 1.0, 5.0))
    (points,) = ax.plot(times, row[::stride], "o", ms=width, mew=0.0, rasterized=True)
    points.set_color(ax.xaxis.label.get_color())  # ink that suits the background
    ax.set_ylabel("neuron")
    ax.set_ylim(-0.5, rows - 0.5)
    ax.locator_params(axis="y", integer=True)
    thinned = "" if stride == 1 else f" (every {stride}th spike drawn)"
    ax.set_title(f"{name}{thinned}", loc="left", fontsize="medium")


def _rate(ax: "Axes", spikes: "SpikeEvents", bin: Any) -> None:
    steps = max(1, min(round(float(u.get_magnitude(bin / spikes.dt))), spikes.stop - spikes.start))
    counts = spikes.population_counts(steps * spikes.dt).mean(axis=0)
    width = float((steps * spikes.dt).to_decimal(u.ms))
    times = float((spikes.start * spikes.dt).to_decimal(u.ms)) + width * np.arange(len(counts))
    ax.stairs(counts / spikes.size / (width * 1e-3), np.append(times, times[-1] + width), fill=True)
    ax.set_ylabel("rate (Hz)")


def _traces(ax: "Axes", name: str, trace: "TraceData", max_traces: int) -> None:
    values = np.asarray(u.get_mantissa(trace.values)).reshape(len(trace.step), -1)
    ax.plot(trace.t.to_decimal(u.ms), values[:, :max_traces], linewidth=0.8)
    unit = u.get_unit(trace.values)
    ax.set_ylabel(name if unit == u.UNITLESS else f"{name} ({unit})")
