"""Times and steps: how data sets put spikes on a grid."""

import brainunit as u
import numpy as np
from brainloom_core import InputError, ParameterError
from brainloom_core.types import Time
from brainloom_core.units import in_steps, show

from .checks import check_time

__all__ = ["spikes_from_times"]


def spikes_from_times(times: Time, dt: Time, duration: Time) -> np.ndarray:
    r"""Spikes on a grid, from one spike time for each input.

    A spike at $t$ stands in the step $\lfloor t / \Delta t \rfloor$. (A ratio within $10^{-6}$ of
    a whole number counts as that number, so that 3 ms is step 30 of 0.1 ms in any precision.)

    Args:
        times: Spike times, shape `(N, n)`; an infinite or undefined one is no spike.
        dt: Length of a step.
        duration: Length of the sequence, a whole number of steps.

    Returns:
        Whether an input spikes in a step, shape `(N, T, n)`.

    Raises:
        InputError: The times are not of this shape, or one is outside of the sequence.
        ParameterError: `dt` or `duration` is no time > 0, or they do not fit together.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> data.spikes_from_times([[0.0, 1.0]] * u.ms, dt=0.5 * u.ms, duration=1.5 * u.ms)
        array([[[ True, False],
                [False, False],
                [False,  True]]])
    """
    n_steps = whole_steps("spikes_from_times", dt, duration)
    check_time("spikes_from_times", "times", times, InputError)
    if times.ndim != 2:
        raise InputError(
            f"spikes_from_times.times: expected times of shape (N, n), got {show(times)}"
        )
    steps = step_of(times, dt)
    fires = np.isfinite(steps)
    if np.any((steps[fires] < 0) | (steps[fires] >= n_steps)):
        raise InputError(
            f"spikes_from_times.times: expected times from 0 to {show(duration)} (or infinity, "
            f"for no spike), got {show(times[fires].min())} to {show(times[fires].max())}"
        )
    sample, unit = np.nonzero(fires)
    spikes = np.zeros((len(times), n_steps, times.shape[1]), bool)
    spikes[sample, steps[fires].astype(int), unit] = True
    return spikes


def step_of(times: Time, dt: Time) -> np.ndarray:
    """The step in which each time lies, as a whole floating-point number."""
    return np.floor(np.round(np.asarray(in_steps(times, dt)), 6))


def whole_steps(owner: str, dt: Time, duration: Time) -> int:
    """How many steps a sequence has."""
    for name, time in {"dt": dt, "duration": duration}.items():
        check_time(owner, name, time)
        if np.ndim(u.get_mantissa(time)) or not u.get_mantissa(time) > 0:
            raise ParameterError(f"{owner}.{name}: expected a time > 0, got {show(time)}")
    ratio = float(in_steps(duration, dt))
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6:
        raise ParameterError(
            f"{owner}.duration: expected a whole number of steps of {show(dt)}, "
            f"got {show(duration)}"
        )
    return round(ratio)
