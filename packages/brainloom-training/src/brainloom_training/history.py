"""What training measured, and when it ends early."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from brainloom_core import flag, one_of, option_field, text, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EarlyStop", "History"]


@dataclass(frozen=True)
class EarlyStop:
    """End training when a measure has not improved for some epochs.

    Args:
        measure: Its name in the history, such as `"val_loss"`.
        patience: How many epochs without improvement are borne.
        mode: Whether `"min"` or `"max"` is better.
        restore: Whether the model gets the parameters of its best epoch in the end.

    Raises:
        ParameterError: An argument is of another kind.
    """

    measure: str = option_field(default="val_loss", constraint=text)
    patience: int = option_field(default=10, constraint=whole)
    mode: Literal["min", "max"] = option_field(default="min", constraint=one_of("min", "max"))
    restore: bool = option_field(default=True, constraint=flag)

    def best(self, history: "History") -> int:
        """The number of the best epoch so far.

        Args:
            history: What was measured so far.
        """
        values = np.asarray(history[self.measure])
        return int(np.argmin(values) if self.mode == "min" else np.argmax(values))


@dataclass
class History(Mapping[str, list[float]]):
    """What was measured in each epoch, a mapping from names to lists.

    Names are `loss`, those of the metrics, and `gradient_norm`, means over the batches of an epoch;
    with `val_` before them, those of the validation data after it.

    Args:
        measured: One number per epoch, by name; none.

    Examples:
        >>> from brainloom_training import History
        >>> history = History({"loss": [0.9, 0.5], "val_loss": [1.0, 0.7]})
        >>> history.epochs, history["val_loss"][-1]
        (2, 0.7)
    """

    measured: dict[str, list[float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[float]:
        return self.measured[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.measured)

    def __len__(self) -> int:
        return len(self.measured)

    @property
    def epochs(self) -> int:
        """How many epochs there were."""
        return len(next(iter(self.values()), []))

    def append(self, values: Mapping[str, float]) -> None:
        """Add an epoch.

        Args:
            values: What was measured in it, by name.
        """
        for name, value in values.items():
            self.measured.setdefault(name, []).append(value)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw loss and metrics over epochs, validation dashed; returns the axes of matplotlib.

        The norm of the gradient and rates, which have other scales, are left out.

        Args:
            ax: Axes to draw into; those of a new figure.
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(layout="constrained").subplots()
        colours: dict[str, str] = {}
        for name, values in self.items():
            if name == "gradient_norm" or "/" in name:
                continue
            of = name.removeprefix("val_")
            colour = colours.setdefault(of, f"C{len(colours)}")
            style = "-" if of == name else "--"
            epochs = range(self.epochs - len(values) + 1, self.epochs + 1)
            ax.plot(epochs, values, style, color=colour, label=name)
        ax.set_xlabel("epoch")
        ax.legend()
        return ax
