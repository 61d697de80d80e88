"""What becomes of the values of an interval: their sum, their mean, or another one of them all."""

from collections.abc import Callable
from dataclasses import dataclass

import brainunit as u
import jax.numpy as jnp
import numpy as np

from ...errors import InputError
from ...types import Quantity
from ...units import show

__all__ = ["Fold", "fold"]

NAMES = ("last", "sum", "mean", "min", "max")


@dataclass(frozen=True)
class Fold:
    """How the values of several steps become one.

    Args:
        how: A name, or an associative function of the values of earlier and of later steps.
    """

    how: str | Callable[[Quantity, Quantity], Quantity]

    def over(self, values: Quantity) -> Quantity:
        """Fold an array along its first axis, in what is compiled.

        Args:
            values: The values of each step.
        """
        if self.how == "last":
            return values[-1]
        if isinstance(self.how, str):
            return getattr(u.math, self.how.replace("mean", "sum"))(values, axis=0)
        while len(values) > 1:
            even = len(values) // 2 * 2
            pairs = self.how(values[:even:2], values[1:even:2])
            values = u.math.concatenate([pairs, values[even:]], axis=0)
        return values[0]

    def pair(self, before: Quantity, after: Quantity) -> Quantity:
        """Fold two values, on the host.

        Args:
            before: What earlier steps amount to.
            after: The same of later steps.
        """
        if self.how == "last":
            return after
        if self.how in ("min", "max"):
            return (np.minimum if self.how == "min" else np.maximum)(before, after)
        if isinstance(self.how, str):
            return before + after
        return np.asarray(self.how(jnp.asarray(before), jnp.asarray(after)))

    def widened(self, values: np.ndarray) -> np.ndarray:
        """Values as they are folded on the host: sums of many are kept with all their digits.

        Args:
            values: The values.
        """
        if self.how not in ("sum", "mean"):
            return values
        wide = {"b": np.int64, "i": np.int64, "u": np.int64, "f": np.float64}
        return values.astype(wide.get(values.dtype.kind, values.dtype))

    def finished(self, folded: Quantity, steps: int) -> Quantity:
        """What is kept of an interval.

        Args:
            folded: What its values amount to.
            steps: Number of steps of it.
        """
        return folded / steps if self.how == "mean" else folded


def fold(how: object) -> Fold:
    """The fold of a name or a function.

    Args:
        how: One of the names, or an associative function of two values.

    Raises:
        InputError: It is neither.
    """
    if (isinstance(how, str) and how in NAMES) or callable(how):
        return Fold(how)
    raise InputError(
        f"Custom.reduce: expected one of {', '.join(NAMES)}, or a function of what earlier and "
        f"later steps amount to, got {show(how)}"
    )
