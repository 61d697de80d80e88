"""The Yin-Yang data set: three areas of a disc, and their points as spike times."""

import brainunit as u
import numpy as np
from brainloom_core import InputError, ParameterError, at_least, checked, duration, finite
from brainloom_core.types import ArrayLike, Time
from brainloom_core.units import in_steps, show

from ..arguments import NUMBERS
from .checks import check_whole
from .splits import Splits

__all__ = ["yin_yang", "yin_yang_latency", "yin_yang_splits"]

OUTSIDE = -1


@checked(seed=at_least(0), r_small=finite, r_big=finite)
def yin_yang(
    n: int = 5000, seed: int = 42, r_small: float = 0.1, r_big: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    r"""Points of a Yin-Yang sign and the area that each is in.

    The sign is a disc of radius $R$ around $(R, R)$. A circle of radius $R / 2$ around each of
    $(R / 2, R)$ and $(3 R / 2, R)$ bends the line between the lower area (class 0, "yin") and the
    upper one (class 1, "yang"): the left circle is upper, the right one lower. A dot of radius $r$
    in the middle of each circle is class 2. A sample is $(x, y, 1 - x, 1 - y)$; each class
    has the same chance.

    The points are those of the published generator with the same seed, in the same order and to
    the last bit.

    Args:
        n: Number of samples.
        seed: Of the draw.
        r_small: Radius $r$ of the dots.
        r_big: Radius $R$ of the disc.

    Returns:
        The samples, shape `(n, 4)`, and their classes, shape `(n,)`.

    Raises:
        ParameterError: `n` is below 1, or not `0 < r_small < r_big / 2`.

    References:
        Kriener, Göltz & Petrovici (2022), NICE, 107, doi:10.1145/3517343.3517380.

    Examples:
        >>> from brainloom_training import data
        >>> x, y = data.yin_yang(n=3)
        >>> x.round(3)
        array([[0.68 , 0.45 , 0.32 , 0.55 ],
               [0.098, 0.684, 0.902, 0.316],
               [0.755, 0.425, 0.245, 0.575]])
        >>> y
        array([2, 1, 2])
    """
    check_whole("yin_yang", 1, n=n)
    if not 0 < r_small < r_big / 2:
        raise ParameterError(
            f"yin_yang: expected 0 < r_small < r_big / 2, got {show(r_small)} and {show(r_big)}"
        )
    points, areas = _draw(n, seed, r_small, r_big)
    return np.hstack([points, 1.0 - points]), areas


def yin_yang_splits() -> Splits:
    """The sets of the paper: 5000 samples to learn, 1000 to choose by, 1000 to report.

    Their seeds are 42, 41 and 40.

    Examples:
        >>> from brainloom_training import data
        >>> x, y = data.yin_yang_splits().test
        >>> x.shape, y.shape
        ((1000, 4), (1000,))
    """
    return Splits(yin_yang(5000, 42), yin_yang(1000, 41), yin_yang(1000, 40))


@checked(x=NUMBERS, t_early=duration, t_late=duration, t_bias=duration)
def yin_yang_latency(
    x: ArrayLike,
    t_early: Time = 1.5 * u.ms,
    t_late: Time = 20.0 * u.ms,
    t_bias: Time = 9.0 * u.ms,
) -> Time:
    r"""Spike times of samples of the Yin-Yang set.

    $$
    t_i = t_\mathrm{early} + x_i\,(t_\mathrm{late} - t_\mathrm{early})
    $$

    A fifth input spikes at $t_\mathrm{bias}$ in every sample. The spiking networks of the
    reference have 0.15, 2 and 0.9 synaptic time constants; the defaults take one of 10 ms.

    Args:
        x: Samples, shape `(N, 4)`, from 0 to 1.
        t_early: Time of a 0.
        t_late: Time of a 1.
        t_bias: Time of the fifth input's spike.

    Returns:
        Times in ms, shape `(N, 5)`, for `spikes_from_times`.

    Raises:
        InputError: The samples are not of this shape and range.
        ParameterError: Not `0 <= t_early < t_late`, or `t_bias` is no time >= 0.

    References:
        Göltz et al. (2021), Nature Machine Intelligence 3, 823, doi:10.1038/s42256-021-00388-x.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import data
        >>> print(data.yin_yang_latency(np.array([[0.0, 1.0, 0.5, 0.0]])))
        [[ 1.5  20.   10.75  1.5   9.  ]] ms
    """
    early, late, bias = (float(in_steps(time, 1.0 * u.ms)) for time in (t_early, t_late, t_bias))
    if not 0 <= early < late or not bias >= 0:
        raise ParameterError(
            "yin_yang_latency: expected 0 <= t_early < t_late and t_bias >= 0, "
            f"got {show(t_early)}, {show(t_late)} and {show(t_bias)}"
        )
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != 4 or not np.all((x >= 0) & (x <= 1)):
        raise InputError(
            f"yin_yang_latency.x: expected numbers from 0 to 1, shape (N, 4), got {show(x)}"
        )
    times = early + x * (late - early)
    return u.Quantity(np.hstack([times, np.full((len(x), 1), bias)]), unit=u.ms)


def _areas(x: np.ndarray, y: np.ndarray, r_small: float, r_big: float) -> np.ndarray:
    """The class of each point."""
    middle = np.hypot(x - r_big, y - r_big)
    left = np.hypot(x - 0.5 * r_big, y - r_big)
    right = np.hypot(x - 1.5 * r_big, y - r_big)
    upper = (left <= 0.5 * r_big) | ((y > r_big) & (right > 0.5 * r_big))
    dot = (left < r_small) | (right < r_small)
    return np.where(middle > r_big, OUTSIDE, np.where(dot, 2, upper))


def _draw(n: int, seed: int, r_small: float, r_big: float) -> tuple[np.ndarray, np.ndarray]:
    """Points in the order in which the published generator finds them.

    For each sample that draws a class, `randint(3)`, and then points, `rand(2)`, until one has
    this class. `RandomState` makes a class of the low two bits of one word (a 3 is drawn again)
    and a coordinate of two words, so that all points that may come can be looked at at once.
    """
    dots, half = 2 * np.pi * r_small**2, np.pi * r_big**2 / 2
    tries = (2 * r_big) ** 2 / np.array([half - dots / 2, half - dots / 2, dots])
    enough = 1.25 * n * tries.mean() + 40 * tries.max()  # more than six standard deviations
    words = np.random.RandomState(seed).randint(
        2**32, size=int(4 * enough) + 2 * n + 100, dtype=np.uint32
    )
    uniform = ((words[:-1] >> 5) * 67108864.0 + (words[1:] >> 6)) / 9007199254740992.0
    x, y = uniform[:-2] * 2.0 * r_big, uniform[2:] * 2.0 * r_big
    areas = _areas(x, y, r_small, r_big)
    goals, found, at = (words & 3).tolist(), areas.tolist(), 0
    taken = []
    for _ in range(n):
        while goals[at] == 3:
            at += 1
        goal, at = goals[at], at + 1
        while found[at] != goal:
            at += 4
        taken.append(at)
        at += 4
    return np.stack([x[taken], y[taken]], axis=1), areas[taken]
