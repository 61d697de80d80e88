"""Which neurons of what is recorded."""

from collections.abc import Hashable
from typing import Any

import brainstate
import numpy as np

from ...errors import InputError
from ...types import Population, Quantity, Shape
from ...units import show

__all__ = ["Chosen", "whole"]


class Chosen:
    """Some entries of an array along its last axis, and before that those of a view.

    Args:
        selection: The choice that a view makes, None where there is no view.
        index: A number, a list of them, a mask or a slice, along the last axis; None for all.
    """

    def __init__(self, selection: Any, index: Any) -> None:
        self.selection = selection
        self.index = index if index is None or isinstance(index, slice) else np.asarray(index)

    @classmethod
    def of(cls, module: brainstate.nn.Module, index: Any) -> "Chosen":
        """The choice of a population, or of a view of one.

        Args:
            module: The population, another module, or a view.
            index: Which entries of that.
        """
        return cls(getattr(module, "selection", None), index)

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for choices of the same."""
        index = self.index
        words = index if isinstance(index, slice) else np.asarray(index).tolist()
        return self.selection, repr(words)

    def take(self, value: Quantity) -> Quantity:
        """The chosen part of an array.

        Args:
            value: The array, of which the last axes are those of the module.
        """
        value = value if self.selection is None else self.selection.take(value)
        return value if self.index is None else value[..., self.index]

    def size(self, shape: Shape) -> tuple[int, ...]:
        """Shape of what the index chooses.

        Args:
            shape: Shape of what it is applied to, without batch axes.
        """
        return shape if self.index is None else np.empty(shape, bool)[..., self.index].shape

    def neurons(self, shape: Shape) -> np.ndarray | None:
        """Numbers of the chosen neurons, None for all of them.

        Args:
            shape: Shape of what the index is applied to, without batch axes.
        """
        if self.selection is None and self.index is None:
            return None
        numbers = np.arange(int(np.prod(shape))).reshape(shape)
        if self.selection is not None:
            numbers = np.asarray(self.selection.numbers).reshape(shape)
        return np.ravel(numbers if self.index is None else numbers[..., self.index])

    def check(self, what: str, shape: Shape) -> None:
        """Raise if the index chooses nothing, or what does not exist.

        Args:
            what: What is indexed, for messages.
            shape: Its shape.

        Raises:
            InputError: It does.
        """
        index, n = self.index, shape[-1] if shape else 0
        if index is None:
            return
        if n == 0:
            raise InputError(f"{what} is a single value: leave index out")
        if isinstance(index, slice):
            try:
                if len(range(n)[index]) > 0:
                    return
            except TypeError:
                pass
            raise InputError(f"{what} has the neurons 0 to {n - 1}: {index} chooses none of them")
        if index.dtype == bool and index.shape == (n,) and index.any():
            return
        if index.dtype == bool:
            raise InputError(
                f"{what}: expected a mask of shape ({n},) with at least one True, got one of shape "
                f"{index.shape} with {int(index.sum())}"
            )
        if index.dtype.kind not in "iu" or index.size == 0 or index.ndim > 1:
            raise InputError(
                f"{what}: expected neurons from 0 to {n - 1} as whole numbers, a mask or a slice, "
                f"got {show(index)}"
            )
        outside = np.ravel(index)[np.ravel((index < -n) | (index >= n))]
        if len(outside):
            raise InputError(
                f"{what}: expected neurons from 0 to {n - 1} (or from {-n} to -1, counted from the "
                f"end), got {int(outside[0])}"
            )


def whole(module: Any) -> Population:
    """A population, or that of which a view takes a part.

    Args:
        module: The population, another module, or a view.
    """
    return module if getattr(module, "selection", None) is None else module.population
