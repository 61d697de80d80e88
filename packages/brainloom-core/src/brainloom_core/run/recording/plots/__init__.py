"""Pictures of recordings."""

from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import InputError
from ....types import Arguments
from ....units import show
from .canvas import Run
from .overview import overview
from .raster import raster
from .statistics import correlation, intervals, spectrum
from .traces import traces
from .weights import weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["KINDS", "draw"]

KINDS = {
    "overview": overview,
    "raster": raster,
    "traces": traces,
    "intervals": intervals,
    "spectrum": spectrum,
    "correlation": correlation,
    "weights": weights,
}


def draw(
    run: Run, kind: str, path: str | Path | None, title: str | None, options: Arguments
) -> "Figure":
    """A picture of a recording.

    Args:
        run: What was recorded.
        kind: Which picture.
        path: File to write, if any; its suffix chooses the format.
        title: Text above.
        options: What the picture takes.

    Raises:
        InputError: There is no such picture, or nothing that it could show.
        ImportError: matplotlib is not installed.
    """
    if not list(run):
        raise InputError("Recording.plot: nothing was recorded; pass record=... to simulate")
    if kind not in KINDS:
        raise InputError(f"Recording.plot: kind: expected one of {[*KINDS]}, got {show(kind)}")
    figure = KINDS[kind](run, **options)  # type: ignore[operator]
    if title is not None:
        figure.axes[0].set_title(title)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
