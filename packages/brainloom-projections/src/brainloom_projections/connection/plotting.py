"""Pictures of connectivity; the only module here that imports matplotlib, when called."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from brainloom_core.types import Quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .edges import Edges

__all__ = ["plot_edges"]

MAX_CELLS = 200


def plot_edges(edges: "Edges", path: str | Path | None = None, **values: Quantity) -> "Figure":
    """The matrix of connections, and histograms of degrees and of what each edge has.

    Args:
        edges: What to draw.
        path: File to write, if any; its suffix chooses the format.
        values: More to show the distribution of, one number for each edge, with units.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib. Install it with: pip install matplotlib"
        ) from error
    panels: dict[str, Quantity] = {"out-degree": edges.out_degree, "in-degree": edges.in_degree}
    if edges.distance is not None:
        panels["distance"] = edges.distance
    panels |= {name: value for name, value in values.items() if np.ndim(value) == 1}
    figure = pyplot.figure(figsize=(4.0 + 2.5 * len(panels), 3.5), layout="constrained")
    widths = [1.5, *([1.0] * len(panels))]
    axes = figure.subplots(1, 1 + len(panels), width_ratios=widths)
    _matrix(axes[0], edges)
    for ax, (name, value) in zip(axes[1:], panels.items(), strict=True):
        _histogram(ax, name, value)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _matrix(ax: "Axes", edges: "Edges") -> None:
    rows, columns = (max(1, min(n, MAX_CELLS)) for n in (edges.n_pre, edges.n_post))
    row = edges.pre.astype(np.int64) * rows // max(1, edges.n_pre)
    column = edges.post.astype(np.int64) * columns // max(1, edges.n_post)
    counts = np.bincount(row * columns + column, minlength=rows * columns)
    extent = (0, edges.n_post, edges.n_pre, 0)
    image = counts.reshape(rows, columns)
    ax.imshow(image, cmap="Greys", aspect="auto", interpolation="nearest", extent=extent)
    ax.set_xlabel("postsynaptic neuron")
    ax.set_ylabel("presynaptic neuron")
    ax.set_title(f"{len(edges)} edges", loc="left", fontsize="medium")


def _histogram(ax: "Axes", name: str, value: Quantity) -> None:
    number, unit = np.asarray(u.get_mantissa(value)), u.get_unit(value)
    bins: Any = 30
    if np.issubdtype(number.dtype, np.integer) and number.size:
        low, high = int(number.min()), int(number.max())
        bins = np.arange(low, high + 2, max(1, -(-(high + 1 - low) // 40))) - 0.5
    ax.hist(number, bins=bins, color=ax.xaxis.label.get_color())
    ax.set_xlabel(name if unit == u.UNITLESS else f"{name} ({unit})")
    ax.set_ylabel("neurons" if name.endswith("degree") else "edges")
