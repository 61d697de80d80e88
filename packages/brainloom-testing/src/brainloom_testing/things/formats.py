"""The check of files of recordings: what was written is read."""

import tempfile
from pathlib import Path
from typing import Any, Protocol

import brainunit as u
import numpy as np
from brainloom_core import Recording, SpikeEvents, TraceData
from brainloom_core.units import same_dimension

from ..require import require

__all__ = ["check_format"]


class Format(Protocol):
    """What writes recordings and reads them."""

    def write(self, recording: Recording, path: Path) -> object:
        """Write a recording.

        Args:
            recording: The recording.
            path: Where.
        """

    def read(self, path: Path) -> Recording:
        """Read it.

        Args:
            path: Where.
        """


def check_format(form: Format, suffix: str = "") -> None:
    """A format reads what it has written: spikes, trials, lags, samples, units and times.

    Args:
        form: What has `write(recording, path)` and `read(path)`.
        suffix: What names of such files end in.

    Raises:
        AssertionError: Something is lost or changed, or the recording itself was changed.

    Examples:
        >>> from pathlib import Path
        >>> from brainloom_core import Recording
        >>> from brainloom_testing import check_format
        >>> class Zip:
        ...     def write(self, recording, path):
        ...         recording.save(path)
        ...     def read(self, path):
        ...         return Recording.load(path)
        >>> check_format(Zip(), suffix=".zip")
    """
    name = type(form).__name__
    for label, recording in _recordings().items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"recording{suffix}")
            before = recording.hash()
            form.write(recording, path)
            require(recording.hash() == before, f"{name}.write changes the recording")
            require(path.exists(), f"{name}.write writes nothing to the path that it is given")
            found = form.read(path)
            require(isinstance(found, Recording), f"{name}.read gives {type(found)}, no Recording")
            _require_alike(f"{name} ({label})", found, recording)


def _require_alike(who: str, found: Recording, right: Recording) -> None:
    require(
        found.keys() == right.keys(), f"{who} reads {sorted(found)}, written was {sorted(right)}"
    )
    for what in ("start", "end", "dt"):
        _require_equal(f"{who}: {what}", getattr(found, what), getattr(right, what))
    for name, item in right.items():
        other, where = found[name], f"{who}: {name}"
        same = type(other) is type(item)
        require(same, f"{where} is {type(other).__name__}, was {type(item).__name__}")
        names = SPIKES if isinstance(item, SpikeEvents) else TRACE
        for what in names:
            _require_equal(f"{where}.{what}", getattr(other, what), getattr(item, what))
    require(found.hash() == right.hash(), f"{who}: the hash of the spikes has changed")


SPIKES = ("step", "index", "trial", "lag", "size", "trials", "dt", "start", "stop", "neurons")
TRACE = ("step", "values", "dt", "kind", "neurons")


def _require_equal(what: str, found: Any, right: Any) -> None:
    if right is None or isinstance(right, str):
        same = found == right if isinstance(right, str) else found is None or not np.any(found)
        require(same, f"{what} is {found!r}, was {right!r}")
        return
    require(found is not None, f"{what} is lost")
    require(
        same_dimension(found, right),
        f"{what} is in {u.get_unit(found)}, was in {u.get_unit(right)}",
    )
    unit = u.get_unit(right)
    numbers = found.to_decimal(unit) if isinstance(found, u.Quantity) else found
    a, b = np.asarray(numbers), np.asarray(u.get_mantissa(right))
    require(a.shape == b.shape, f"{what} has shape {a.shape}, had {b.shape}")
    # Of units of other scales, the last bit of a number may be another one.
    close = np.allclose(a, b, rtol=1e-6, atol=0) if b.dtype.kind == "f" else np.array_equal(a, b)
    require(close, f"{what} is {np.ravel(a)[:5]}, was {np.ravel(b)[:5]}")


def _recordings() -> dict[str, Recording]:
    """With all that there can be, of a window, and without a spike."""
    dt, random = 0.1 * u.ms, np.random.default_rng(5)
    step = np.sort(random.integers(41, 101, 30))
    index, trial = random.integers(0, 5, 30), random.integers(0, 2, 30)
    lag = random.random(30)
    values = random.normal(size=(60, 3)).astype(np.float32) / 3
    steps = np.arange(41, 101)

    def spikes(rows: slice, lags: bool = False, neurons: Any = None, trials: int = 1) -> Any:
        columns = step[rows], index[rows], trial[rows] * (trials > 1)
        late = lag[rows] if lags else None
        return SpikeEvents(*columns, 5, trials, dt, 40, 100, late, neurons)

    whole = {
        "E.spikes": spikes(slice(0, 20)),
        "I.spikes": spikes(slice(20, 30), lags=True),
        "few": spikes(slice(5, 9), neurons=[1, 3, 5, 7, 9]),
        "trials": spikes(slice(0, 30), trials=2),
        "E.V": TraceData(steps, values * u.mV, dt),
        "w": TraceData(steps[9::10], values[:6, :1] * u.nS, dt, "weights"),
        "numbers": TraceData(steps, np.cumsum(values, axis=0), dt, "custom", np.array([0, 4, 2])),
    }
    times = 40 * dt, 100 * dt, dt
    return {
        "all there can be": Recording(whole, *times),
        "no spike": Recording({"E.spikes": spikes(slice(0, 0))}, *times),
    }
