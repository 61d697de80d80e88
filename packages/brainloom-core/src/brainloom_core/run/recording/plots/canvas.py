"""What the pictures share; matplotlib is imported when one is drawn, and only then."""

from collections.abc import ItemsView, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import brainunit as u
import numpy as np

from ....errors import InputError
from ....extras import needs
from ....types import Time
from ..events import SpikeEvents
from ..texts import in_steps
from ..traces import TraceData

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Run", "binned", "color", "ink", "points", "populations", "samples", "sized", "subplots"]

MAX_POINTS = 200_000


class Run(Protocol):
    """What was recorded, by name, and when."""

    @property
    def start(self) -> Time:
        """When it began."""

    @property
    def end(self) -> Time:
        """When it ended."""

    def items(self) -> ItemsView[str, SpikeEvents | TraceData]:
        """Names and what was recorded."""

    def __getitem__(self, name: str) -> Any: ...

    def __iter__(self) -> Iterator[str]: ...


def subplots(
    size: tuple[float, float], rows: int, columns: int, **options: Any
) -> tuple["Figure", Any]:
    """A figure, and its axes by row and column.

    Args:
        size: Its size in inches.
        rows: Number of rows.
        columns: Number of columns.
        options: What else matplotlib's `subplots` takes.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = needs("matplotlib.pyplot", "plot").figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def populations(run: Run, what: str) -> dict[str, SpikeEvents]:
    """The spikes among what was recorded.

    Args:
        run: What was recorded.
        what: What they are for, for messages.

    Raises:
        InputError: There are none.
    """
    found = {name: item for name, item in run.items() if isinstance(item, SpikeEvents)}
    if not found:
        raise InputError(f"Recording.plot: {what} needs spikes: record 'E.spikes', for example")
    return found


def samples(run: Run) -> Mapping[str, TraceData]:
    """The samples among what was recorded.

    Args:
        run: What was recorded.
    """
    return {name: item for name, item in run.items() if isinstance(item, TraceData)}


def sized(name: str) -> str:
    """The name of a population: that of its spikes without the last word.

    Args:
        name: Name of the record.
    """
    return name.removesuffix(".spikes")


def color(number: int) -> str:
    """A colour for each population.

    Args:
        number: Which.
    """
    return f"C{number % 10}"


def ink(ax: "Axes") -> Any:
    """The colour that suits the background.

    Args:
        ax: The axes.
    """
    return ax.xaxis.label.get_color()


def points(ax: "Axes", spikes: SpikeEvents, colored: Any, offset: int = 0, rows: int = 0) -> str:
    """Draw spikes as points, and say in words if not all of them are drawn.

    Args:
        ax: The axes.
        spikes: The spikes.
        colored: Their colour.
        offset: Row of the first neuron.
        rows: Number of rows of the axes, 0 for those of the spikes.
    """
    stride = max(1, -(-len(spikes) // MAX_POINTS))
    row = spikes.index + spikes.trial.astype(np.int64) * spikes.size + offset
    width = float(np.clip(200 / (rows or spikes.size * spikes.trials), 1.0, 5.0))
    times = spikes.t.to_decimal(u.ms)[::stride]
    ax.plot(times, row[::stride], "o", ms=width, mew=0.0, rasterized=True, color=colored)
    return "" if stride == 1 else f" (every {stride}th spike drawn)"


def binned(spikes: SpikeEvents, bin: Time) -> tuple[np.ndarray, np.ndarray]:
    """Edges of bins in ms, and the rate of the population in each, by trials and bins.

    Args:
        spikes: The spikes.
        bin: Width of a bin.
    """
    steps = max(1, min(in_steps(bin, spikes.dt), spikes.stop - spikes.start))
    counts = spikes.population_counts(steps * spikes.dt)
    width = float((steps * spikes.dt).to_decimal(u.ms))
    start = float((spikes.start * spikes.dt).to_decimal(u.ms))
    edges = start + width * np.arange(counts.shape[1] + 1)
    return edges, counts / spikes.size / (width * 1e-3)
