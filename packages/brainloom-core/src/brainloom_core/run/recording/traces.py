"""The samples of a recording."""

import brainunit as u
import numpy as np

from ...types import PyTree, Quantity, Shape, Time
from ...units import with_unit
from .column import Column, as_column, part, rows_between
from .texts import in_steps

__all__ = ["TraceData"]


class TraceData:
    """Samples: `values[k]` at time `t[k]`, the end of a step or of an interval.

    Samples of a file are read when they are asked for, those of a window by `between`.

    Args:
        step: Number of steps completed at each sample.
        values: The samples, shape `(samples, *batch, *in_size)`, with their unit.
        dt: Length of a step.
        kind: What was recorded: `"trace"`, `"rate"`, `"counts"`, `"weights"`, `"output"` or
            `"custom"`.
        neurons: Number in the population of each neuron that was recorded; None where all are.

    Attributes:
        dt: Length of a step.
        kind: What was recorded.
        unit: Unit of the samples.
        neurons: Number in the population of each neuron that was recorded; None where all are.
    """

    def __init__(
        self,
        step: Column | np.ndarray,
        values: Quantity,
        dt: Time,
        kind: str = "trace",
        neurons: np.ndarray | None = None,
    ) -> None:
        self._step, self._number = as_column(step), u.get_mantissa(values)
        self.unit = u.get_unit(values)
        self.dt, self.kind = dt, kind
        self.neurons = None if neurons is None else np.asarray(neurons)

    @classmethod
    def of(
        cls,
        step: Column | np.ndarray,
        number: Column | np.ndarray,
        unit: u.Unit,
        dt: Time,
        kind: str,
        neurons: np.ndarray | None = None,
    ) -> "TraceData":
        """Samples of which the numbers and the unit are known apart.

        Args:
            step: Number of steps completed at each sample.
            number: The samples in that unit, an array or a column of a file.
            unit: The unit.
            dt: Length of a step.
            kind: What was recorded.
            neurons: Number in the population of each neuron that was recorded.
        """
        made = cls(step, np.zeros(0), dt, kind, neurons)
        made._number, made.unit = number, unit
        return made

    def __repr__(self) -> str:
        named = "" if self.unit == u.UNITLESS else f", {self.unit}"
        return f"{len(self)} sample{'s' * (len(self) != 1)} of shape {self.shape[1:]}{named}"

    def __len__(self) -> int:
        return len(self._step)

    @property
    def shape(self) -> Shape:
        """Shape of all samples, `(samples, *batch, *in_size)`; they are not read for it."""
        return tuple(self._number.shape)

    @property
    def step(self) -> np.ndarray:
        """Number of steps completed at each sample."""
        return np.asarray(self._step)

    @property
    def values(self) -> Quantity:
        """The samples, with their unit."""
        stored = isinstance(self._number, Column)
        return with_unit(np.asarray(self._number) if stored else self._number, self.unit)

    @property
    def t(self) -> Time:
        """Time of each sample."""
        return self.step * self.dt

    def between(self, start: Time, stop: Time) -> "TraceData":
        """The samples with start < t <= stop.

        Args:
            start: When the window begins; a sample at that time is not in it.
            stop: When it ends; a sample at that time is in it.
        """
        first, last = in_steps(start, self.dt), in_steps(stop, self.dt)
        rows = rows_between(self._step, first, last)
        step, number = part(self._step, rows), part(self._number, rows)
        return TraceData.of(step, number, self.unit, self.dt, self.kind, self.neurons)

    @property
    def columns(self) -> dict[str, PyTree]:
        """Steps and numbers, as columns; those of a file are not read yet."""
        return {"step": self._step, "values": self._number}
