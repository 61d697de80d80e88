"""What a trained network does: rates of its layers, and which classes it takes for which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import numpy as np
from brainloom_core import checked, instance_of, maybe
from brainloom_core.types import PyTree

from .arguments import MODULE
from .data.checks import check_whole
from .losses import OfClasses, SpikeCountCrossEntropy
from .padding import Masked, unpadded
from .reductions import Reduction, SumOverTime
from .sources import Source, checked_data
from .trainer import Trainer
from .types import Data

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ConfusionMatrix",
    "SpikeStatistics",
    "confusion_matrix",
    "spike_statistics",
    "statistics_of",
]


@dataclass(frozen=True, eq=False)
class SpikeStatistics:
    """How much the neurons of a layer spiked.

    Attributes:
        rates: The rate of each neuron, in Hz, a mean over time and samples.
        dt: Length of a step, in s.
    """

    rates: np.ndarray
    dt: float

    @property
    def rate(self) -> float:
        """The mean rate of the layer, in Hz."""
        return float(self.rates.mean())

    @property
    def silent(self) -> float:
        """The share of the neurons without any spike."""
        return float((self.rates == 0.0).mean())

    @property
    def saturated(self) -> float:
        """The share of the neurons with a spike in more than half of the steps."""
        return float((self.rates * self.dt > 0.5).mean())

    def __str__(self) -> str:
        return (
            f"{self.rate:.1f} Hz, {100 * self.silent:.0f} % of {self.rates.size} neurons silent, "
            f"{100 * self.saturated:.0f} % with a spike in most steps"
        )


@checked(model=MODULE)
def spike_statistics(
    model: brainstate.nn.Module, x: PyTree, **options: Any
) -> dict[str, SpikeStatistics]:
    """How much each spiking layer of a model spikes for some inputs.

    Args:
        model: A module whose call advances it by one step.
        x: Inputs, samples first, as of `fit`.
        options: Those of `Trainer` that matter here: `encoder`, `n_steps`, `batching`, `dt`.

    Returns:
        The statistics of each layer, by its dotted name.

    Raises:
        InputError: The model has no spiking layer.

    Examples:
        >>> import brainstate, brainunit as u, numpy as np
        >>> from brainloom_neurons import LIF
        >>> from brainloom_training import Linear, spike_statistics
        >>> weights = np.array([[3.0, 0.0]]) * u.mA
        >>> model = brainstate.nn.Sequential(Linear(1, 2, weights, None), LIF(2))
        >>> found = spike_statistics(model, np.ones((4, 100, 1)), dt=1 * u.ms)
        >>> print(found["layers.1"])
        230.0 Hz, 50 % of 2 neurons silent, 0 % with a spike in most steps
    """
    trainer = Trainer(model, SpikeCountCrossEntropy(), **options)
    try:
        return statistics_of(trainer, x)
    finally:
        trainer.close()


def statistics_of(trainer: Trainer, x: PyTree) -> dict[str, SpikeStatistics]:
    """The statistics of the layers of what is trained."""
    dt = float(trainer.dt.to_decimal(u.second))
    return {
        name: SpikeStatistics(np.asarray(share) / dt, dt)
        for name, share in trainer.spiking(x).items()
    }


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """How often each class was taken for each.

    Attributes:
        counts: Number of samples, shape `(classes, classes)`: rows are the classes that they have,
            columns those that they were taken for. Where $k$ classes share the highest score, each
            counts $1/k$, as in `Accuracy`.
    """

    counts: np.ndarray

    @property
    def accuracy(self) -> float:
        """The share of the samples whose class was found."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def recall(self) -> np.ndarray:
        """For each class, the share of its samples that were found; NaN where it has none."""
        with np.errstate(invalid="ignore"):
            return np.diag(self.counts) / self.counts.sum(1)

    def plot(self, ax: "Axes | None" = None, names: Sequence[str] | None = None) -> "Axes":
        """Draw it, each row as shares; returns the axes of matplotlib.

        Args:
            ax: Axes to draw into; those of a new figure.
            names: Names of the classes, None for their numbers.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(layout="constrained").subplots()
        total = np.maximum(self.counts.sum(1, keepdims=True), 1e-12)
        image = ax.imshow(self.counts / total, vmin=0.0, vmax=1.0, cmap="Blues")
        n = len(self.counts)
        if n <= 20:
            for row, column in np.ndindex(n, n):
                count, share = self.counts[row, column], (self.counts / total)[row, column]
                if count:
                    ink = "white" if share > 0.5 else "black"
                    ax.text(column, row, f"{count:g}", ha="center", va="center", color=ink)
        labels = [str(k) for k in range(n)] if names is None else list(names)
        ax.set_xticks(range(n), labels)
        ax.set_yticks(range(n), labels)
        ax.set_xlabel("taken for")
        ax.set_ylabel("class")
        figure: Any = ax.get_figure()
        figure.colorbar(image, ax=ax, label="share of the class")
        return ax


@checked(model=MODULE, over=maybe(instance_of(Reduction, "a reduction such as SumOverTime()")))
def confusion_matrix(
    model: brainstate.nn.Module,
    data: Data,
    *,
    over: Reduction | None = None,
    per_class: int = 1,
    batch_size: int = 64,
    **options: Any,
) -> ConfusionMatrix:
    """Which classes a model takes for which.

    Args:
        model: A module whose call advances it by one step.
        data: Inputs and labels `(x, y)`, samples first, or batches of them, as of `fit`.
        over: How the score of a class comes from the outputs over time; None for `SumOverTime()`.
        per_class: Neurons per class, 1; their scores are added.
        batch_size: Samples in a batch of arrays.
        options: Those of `Trainer` that matter here: `encoder`, `read`, `dt`, ...

    Raises:
        InputError: Data or an argument is not what it is expected to be, as of `evaluate`.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import LeakyRateReadout, confusion_matrix
        >>> readout = LeakyRateReadout(2, 2, w_init=np.eye(2))
        >>> x = np.repeat(np.eye(2)[[0, 1, 1]][:, None], 5, axis=1)
        >>> print(confusion_matrix(readout, (x, np.array([0, 1, 0])), dt=1 * u.ms).counts)
        [[1. 1.]
         [0. 1.]]
    """
    check_whole("confusion_matrix", 1, batch_size=batch_size)
    measure: OfClasses = SpikeCountCrossEntropy(
        over=SumOverTime() if over is None else over, per_class=per_class
    )
    trainer = Trainer(model, measure, **options)
    checked = checked_data("confusion_matrix: data", data, measure, options.get("encoder"))
    counts: Any = 0.0
    try:
        for x, y in Source("confusion_matrix: data", checked, batch_size).batches(0):
            labels, lengths = unpadded(y)
            outputs = trainer.predict(x)
            reduce: Any = measure.over if lengths is None else Masked(measure.over, lengths)
            counts = counts + _taken(measure, u.get_mantissa(reduce(outputs)), np.asarray(labels))
    finally:
        trainer.close()
    return ConfusionMatrix(counts)


def _taken(measure: OfClasses, reduced: PyTree, labels: np.ndarray) -> np.ndarray:
    n = measure.classes(reduced)
    measure.check_labels(n, labels, np.shape(reduced)[:-1])
    scores = np.asarray(measure.scores(reduced))
    highest = scores == scores.max(-1, keepdims=True)
    return np.eye(n)[labels].T @ (highest / highest.sum(-1, keepdims=True))
