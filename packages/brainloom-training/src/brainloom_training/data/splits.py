"""Splits of a data set, and mini-batches, that are the same in every run."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from brainloom_core import (
    Constraint,
    InputError,
    ParameterError,
    at_least,
    checked,
    flag,
)
from brainloom_core.types import ArrayLike, PyTree

from ..arguments import NUMBERS, SAMPLES
from ..types import Samples
from .checks import check_whole

__all__ = ["Splits", "batches", "stratified_split"]


class Splits(NamedTuple):
    """The three parts of a data set, each `(x, y)`.

    Attributes:
        train: What the model learns from.
        validation: What settings are chosen with.
        test: What is reported.
    """

    train: Samples
    validation: Samples
    test: Samples


_parts = Constraint(
    "a list of numbers", lambda x: NUMBERS.holds(x) and np.ndim(x) == 1 and len(x) > 0
)


@checked(labels=NUMBERS, fractions=_parts, seed=at_least(0))
def stratified_split(
    labels: ArrayLike, fractions: Sequence[float], seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Divide samples so that all parts have the classes in the same proportions.

    The parts depend on `labels`, `fractions` and `seed` alone, on any machine and with any version
    of numpy (the stream of `numpy.random.RandomState` is frozen).

    Args:
        labels: Class of each sample, whole numbers, shape `(N,)`.
        fractions: Share of each part; together 1.
        seed: Which of the possible divisions.

    Returns:
        The sorted indices of the samples, for each part.

    Raises:
        ParameterError: The fractions are not from 0 to 1 with the sum 1.
        InputError: The labels are not whole numbers of shape `(N,)`.

    Examples:
        >>> from brainloom_training import data
        >>> train, test = data.stratified_split([0] * 4 + [1] * 8, [0.75, 0.25])
        >>> len(train), len(test)
        (9, 3)
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise InputError(
            "stratified_split.labels: expected whole numbers of shape (N,), "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    if not all(0 <= part <= 1 for part in fractions) or abs(sum(fractions) - 1) > 1e-9:
        raise ParameterError(
            "stratified_split.fractions: expected numbers from 0 to 1 with the sum 1, "
            f"got {list(fractions)}"
        )
    random = np.random.RandomState(seed)
    parts: list[list[np.ndarray]] = [[] for _ in fractions]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        cuts = np.round(np.cumsum(fractions)[:-1] * len(members)).astype(int)
        for part, chosen in zip(parts, np.split(members, cuts), strict=True):
            part.append(chosen)
    return tuple(np.sort(np.concatenate([np.zeros(0, int), *part])) for part in parts)


@checked(x=SAMPLES, y=SAMPLES, drop_last=flag)
def batches(
    x: PyTree, y: PyTree, size: int, *, seed: int, epoch: int, drop_last: bool = False
) -> Iterator[Samples]:
    """Mini-batches of a data set in a random order that belongs to the epoch.

    The order depends on `(seed, epoch)` and the number of samples alone: training that is resumed
    at an epoch sees what it would have seen without the break.

    Args:
        x: Samples: anything with a length that takes an array of indices, such as an array, a
            `Quantity` or a set of recordings.
        y: What belongs to each sample, likewise.
        size: Samples in a batch.
        seed: Which order of orders, >= 0.
        epoch: How often all samples were seen before, >= 0.
        drop_last: Leave out the last batch where it would be smaller.

    Yields:
        `(x, y)` of each batch.

    Raises:
        InputError: `x` and `y` differ in length.
        ParameterError: `size` is below 1, or `seed` or `epoch` below 0.

    Examples:
        >>> import numpy as np
        >>> from brainloom_training import data
        >>> x, y = np.arange(5), np.arange(5) ** 2
        >>> [len(xs) for xs, ys in data.batches(x, y, 2, seed=1, epoch=0)]
        [2, 2, 1]
    """
    if len(x) != len(y):
        raise InputError(f"batches: expected as many x as y, got {len(x)} and {len(y)}")
    check_whole("batches", 1, size=size)
    check_whole("batches", 0, seed=seed, epoch=epoch)
    return _batches(x, y, size, np.random.RandomState([seed, epoch]), drop_last)


def _batches(
    x: PyTree, y: PyTree, size: int, random: np.random.RandomState, drop_last: bool
) -> Iterator[Samples]:
    order = random.permutation(len(x))
    end = len(x) - len(x) % size if drop_last else len(x)
    for start in range(0, end, size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]
