"""What is measured of the activity of a network; numpy only."""

import numpy as np

BIN_MS, MIN_SPIKES = 1.0, 3

MEASURES = {
    "rate_hz": "spikes of all neurons in the window / (neurons * window length)",
    "cv": "mean over the neurons with at least 3 spikes in the window (2 intervals) of the "
    "population standard deviation of the interspike intervals over their mean",
    "synchrony": "variance over time of the population spike count in 1 ms bins / its mean "
    "(population Fano factor: 1 for independent Poisson neurons)",
}


class Window:
    """Measures the spikes with `start` <= t < `stop` (ms, on a grid of `dt`) of `n` neurons."""

    def __init__(self, start: float, stop: float, dt: float, n: int) -> None:
        self.start, self.stop, self.dt, self.n = start, stop, dt, n

    def measure(self, times: np.ndarray, indices: np.ndarray) -> dict[str, float]:
        """The numbers of `MEASURES` of one realisation."""
        half = self.dt / 2
        inside = (times >= self.start - half) & (times < self.stop - half)
        times, indices = times[inside], indices[inside]
        return {
            "rate_hz": len(times) / self.n / (self.stop - self.start) * 1e3,
            "cv": self._mean_cv(times, indices),
            "synchrony": self._fano_factor(times),
        }

    def _mean_cv(self, times: np.ndarray, indices: np.ndarray) -> float:
        """Short trains pull the mean down: in COBA 8 spikes at least instead of 3 add 0.17."""
        order = np.lexsort((times, indices))
        counts = np.bincount(indices, minlength=self.n)
        trains = np.split(times[order], np.cumsum(counts)[:-1])
        intervals = [np.diff(train) for train in trains if len(train) >= MIN_SPIKES]
        return float(np.mean([isi.std() / isi.mean() for isi in intervals]))

    def _fano_factor(self, times: np.ndarray) -> float:
        # Grid times are shifted by half a step, so that rounding never moves one over a bin edge.
        edges = np.arange(self.start, self.stop + BIN_MS / 2, BIN_MS) - self.dt / 2
        counts = np.histogram(times, edges)[0]
        return float(counts.var() / counts.mean())


def table(rows: list[dict[str, float]], name: str) -> dict[str, list[float]]:
    """Values per seed by measure, rounded; prints their means."""
    found = {key: [round(row[key], 4) for row in rows] for key in MEASURES}
    for key, values in found.items():
        print(f"{name} {key}: mean {np.mean(values):.4f} s.d. {np.std(values, ddof=1):.4f}")
    return found
