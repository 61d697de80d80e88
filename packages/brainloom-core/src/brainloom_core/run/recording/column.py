"""Columns of a recording, in memory or on disk."""

import hashlib
import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...types import DTypeLike, Shape

__all__ = ["Column", "as_column", "blocks", "digest", "part", "rows_between"]

BLOCK = 2**17  # rows


class Column:
    """Rows of an array on disk: read when they are asked for, and kept once all are.

    Args:
        array: What gives rows as NumPy arrays, such as an array of Zarr.
        start: Its first row that counts.
        stop: The row after the last one that counts.
    """

    def __init__(self, array: Any, start: int, stop: int) -> None:
        self.array, self.start, self.stop = array, start, stop
        self._read: np.ndarray | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def shape(self) -> Shape:
        """Shape of all rows."""
        return len(self), *self.array.shape[1:]

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""
        return np.dtype(self.array.dtype)

    def __getitem__(self, rows: slice) -> np.ndarray:
        if self._read is not None:
            return self._read[rows]
        first, last, _ = rows.indices(len(self))
        return np.asarray(self.array[self.start + first : self.start + last])

    def part(self, first: int, last: int) -> "Column":
        """Some of the rows, which are not read yet."""
        return Column(self.array, self.start + first, self.start + last)

    def lazily(self) -> Any:
        """The rows as an array of Dask, if that is installed, and else as they are read."""
        try:
            dask = importlib.import_module("dask.array")
        except ImportError:
            return np.asarray(self)
        chunks = getattr(self.array, "chunks", "auto")
        return dask.from_array(self.array, chunks=chunks)[self.start : self.stop]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        if self._read is None:
            self._read = self[0 : len(self)]
        return np.asarray(self._read, dtype)


def as_column(values: Column | np.ndarray) -> Column | np.ndarray:
    """An array, or a column as it is.

    Args:
        values: One of them.
    """
    return values if isinstance(values, Column) else np.asarray(values)


def part(values: Any, rows: Any) -> Any:
    """Some rows, of a column of a file without reading them.

    Args:
        values: The column or array.
        rows: What `rows_between` gave.
    """
    if not isinstance(values, Column):
        return values[rows]
    first, last, _ = rows.indices(len(values))
    return values.part(first, last)


def blocks(*columns: Column | np.ndarray, rows: int = BLOCK) -> Iterator[tuple[np.ndarray, ...]]:
    """The rows of columns of one length, some at a time.

    Args:
        columns: The columns.
        rows: How many at a time.
    """
    for first in range(0, len(columns[0]), rows):
        yield tuple(np.asarray(column[first : first + rows]) for column in columns)


def rows_between(steps: Column | np.ndarray, first: int, last: int) -> slice | np.ndarray:
    """Which rows have first < step <= last: a slice of a column of a file, of which few are read.

    Args:
        steps: The steps; those of a file ascend.
        first: The number before the first that is wanted.
        last: The last that is wanted.
    """
    if isinstance(steps, Column):
        return slice(_first_after(steps, first), _first_after(steps, last))
    return np.flatnonzero((steps > first) & (steps <= last))


def _first_after(steps: Column, step: int) -> int:
    """How many entries of an ascending column are not larger than a number."""
    low, high = 0, len(steps)
    while high - low > BLOCK:
        middle = (low + high) // 2
        if int(steps[middle : middle + 1][0]) > step:
            high = middle
        else:
            low = middle + 1
    return low + int(np.searchsorted(steps[low:high], step, side="right"))


def digest(*columns: Column | np.ndarray) -> str:
    """A number that two recordings share if all their rows are equal.

    Args:
        columns: Columns of one length, of whole numbers or of floating-point numbers.
    """
    hashes = [hashlib.sha256() for _ in columns]
    for rows in blocks(*columns):
        for made, values in zip(hashes, rows, strict=True):
            made.update(values.astype("<f8" if values.dtype.kind == "f" else "<i8").tobytes())
    return hashlib.sha256(b"".join(made.digest() for made in hashes)).hexdigest()
