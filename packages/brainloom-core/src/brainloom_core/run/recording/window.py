"""When something is recorded."""

import math
from dataclasses import dataclass

import numpy as np

from ...clock import steps
from ...errors import InputError
from ...types import Array, Time
from ...units import show

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """The steps with start < number <= stop, in intervals.

    Args:
        start: Number of steps completed when it begins.
        stop: Number of steps completed when it ends.
        every: Number of steps of an interval; None for one interval, all of it.
        is_open: Whether it ends with the run.
    """

    start: int
    stop: int
    every: int | None
    is_open: bool

    @classmethod
    def of(
        cls,
        who: str,
        times: tuple[Time | None, Time | None, Time | None],
        dt: Time,
        first: int,
        last: int,
    ) -> "Window":
        """The window of a recorder in a run.

        Args:
            who: Class of the recorder, for messages.
            times: When it starts, when it stops and the interval: times, or None.
            dt: Length of a step.
            first: Number of steps completed when the run begins.
            last: Number of steps completed when it ends.

        Raises:
            InputError: One is no multiple of `dt`, or nothing of the window is in the run.
        """
        start, stop, every = times
        begin = first if start is None else max(first, steps(f"{who}.start", start, dt))
        end = last if stop is None else min(last, steps(f"{who}.stop", stop, dt))
        if begin >= end and not (first == last and start is None and stop is None):
            until = "the end of the run" if stop is None else show(stop)
            since = "its beginning" if start is None else show(start)
            raise InputError(
                f"{who}: nothing is recorded from {since} to {until}: the run goes from "
                f"{_time(first, dt)} to {_time(last, dt)}"
            )
        number = None if every is None else steps(f"{who}.every", every, dt, least=1)
        return cls(begin, end, number, end == last)

    def unit(self, first: int, longest: int) -> int:
        """A number of steps of which every interval of it is made; 0 where any number will do.

        Args:
            first: Number of steps completed when the run begins.
            longest: The largest number that is wanted.
        """
        ends = 0 if self.every is None and self.is_open else self.stop - self.start
        unit = math.gcd(self.start - first, ends if self.every is None else self.every)
        if unit <= longest:
            return unit
        return next(n for n in range(longest, 0, -1) if unit % n == 0)

    def ends_interval(self, step: Array | np.ndarray) -> Array | np.ndarray:
        """Whether an interval ends after these numbers of steps.

        Args:
            step: An array of numbers of steps completed.
        """
        inside = (step > self.start) & (step <= self.stop)
        if self.every is None:
            return inside & (step == self.stop)
        return inside & ((step - self.start) % self.every == 0)


def _time(step: int, dt: Time) -> str:
    value = step * dt
    return f"{float(value.mantissa):.10g} {value.unit}"
