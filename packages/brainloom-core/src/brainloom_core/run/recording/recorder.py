"""What a recorder is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from typing import ClassVar

import brainstate
import brainunit as u
import numpy as np

from ...types import PyTree, Quantity, Time
from .folds import Fold
from .window import Window

__all__ = ["Recorder"]


class Recorder(ABC):
    """What is to be recorded, and when.

    A recorder reads a value at the end of steps. One with a `fold` reads it in every step and
    keeps what the values of an interval amount to; another one reads it when an interval ends.
    """

    kind: ClassVar[str] = "trace"
    start: Time | None
    stop: Time | None
    every: Time | None

    @property
    @abstractmethod
    def key(self) -> tuple[Hashable, ...]:
        """Equal for recorders that read the same."""

    @abstractmethod
    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that reads the current value; it does not keep the network alive.

        Args:
            net: The network that runs.
        """

    def check(self, net: brainstate.nn.Module) -> None:  # noqa: B027 - most have something to check, not all
        """Raise if there is nothing to record; the states exist by now.

        Args:
            net: The network that runs.
        """

    @property
    def read(self) -> object:
        """What is read: a module, or a view of one; None for what is not one module."""
        return None

    @property
    def fold(self) -> Fold | None:
        """What becomes of the values of an interval; None for the last one."""
        return None

    def finished(self, number: np.ndarray, steps: int, dt: Time) -> Quantity:
        """What is kept of the folded values of an interval.

        Args:
            number: The folded values, without their unit.
            steps: Number of steps of the interval.
            dt: Length of a step.
        """
        return number

    def unit(self, unit: u.Unit) -> u.Unit:
        """The unit of what is kept.

        Args:
            unit: That of the values that were read.
        """
        return unit

    def neurons(self) -> np.ndarray | None:
        """Numbers of the neurons that are recorded, None for all of the population."""
        return None

    def window(self, dt: Time, first: int, last: int) -> Window:
        """When it records, in a run.

        Args:
            dt: Length of a step.
            first: Number of steps completed when the run begins.
            last: Number of steps completed when it ends.

        Raises:
            InputError: A time is no multiple of `dt`, or nothing of the window is in the run.
        """
        every = dt if self.every is None and not self.takes_all else self.every
        return Window.of(type(self).__name__, (self.start, self.stop, every), dt, first, last)

    @property
    def takes_all(self) -> bool:
        """Whether, where no interval is given, all that is recorded is one."""
        return False
