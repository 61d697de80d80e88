"""Gestures of hands and arms seen by an event camera."""

import csv
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import InputError, checked

from ..arguments import FOLDER
from .events import Events, EventSet, check_split, needed, units_of

__all__ = ["DvsGesture"]

PAGE = "https://research.ibm.com/interactive/dvsgesture/"
SHAPE = (2, 128, 128)
HELD_OUT = ("user21", "user22", "user23")
POLARITY = 1  # type of a packet
HEADER = np.dtype(
    [
        ("type", "<i2"),
        ("source", "<i2"),
        *((name, "<i4") for name in ("size", "time_at", "overflow", "capacity", "number", "valid")),
    ]
)


class DvsGesture(EventSet):
    """DVS128 Gesture: 11 gestures of 29 people in three lights, units `(2, 128, 128)`.

    Users 24 to 29 are for the test, as published. Users 21, 22 and 23 of the others are for
    validation, so that people are unknown there as well.

    Two forms are read. The published folder has `trials_to_train.txt` and `trials_to_test.txt`,
    which list files in AEDAT 3.1 format, and `userNN_light_labels.csv` beside each, with the
    class (from 1) and its first and last time in µs. The folder that the package tonic unpacks
    has `ibmGestureTrain` and `ibmGestureTest`, with an array `CLASS.npy` of x, y, polarity and
    time in ms for each gesture of `userNN_light`. Times are counted from the start of a gesture in
    the first form, and are as stored in the second.

    Args:
        folder: Where these are.
        split: `"train"`, `"validation"` or `"test"`.

    Raises:
        FileNotFoundError: A file is not there.
        InputError: A file cannot be read.

    References:
        Amir et al. (2017), CVPR, 7388, doi:10.1109/CVPR.2017.781.
    """

    @checked(folder=FOLDER)
    def __init__(self, folder: str | Path, split: str = "train") -> None:
        name = "test" if check_split("DvsGesture", split) == "test" else "train"
        exported = Path(folder) / f"ibmGesture{name.capitalize()}"
        self._gestures: list[tuple[Path, int, int]] = []
        if exported.exists():
            labels = self._find_exported(exported)
        else:
            labels = self._find_published(Path(folder), name)
        super().__init__(labels, SHAPE)
        if name == "train":
            held_out = [self._user(path) in HELD_OUT for path, _, _ in self._gestures]
            self._chosen = np.flatnonzero(np.array(held_out, bool) == (split == "validation"))

    def _find_exported(self, folder: Path) -> list[int]:
        files = sorted(folder.glob("user*/*.npy"), key=lambda file: (file.parent, int(file.stem)))
        self._gestures = [(file, 0, 0) for file in files]
        return [int(file.stem) for file in files]

    def _find_published(self, folder: Path, name: str) -> list[int]:
        trials = needed(folder / f"trials_to_{name}.txt", PAGE).read_text(encoding="utf-8")
        labels = []
        for line in filter(None, map(str.strip, trials.splitlines())):
            path = needed(folder / line, PAGE)
            table = needed(path.with_name(f"{path.stem}_labels.csv"), PAGE)
            with table.open(encoding="utf-8", newline="") as file:
                for row in list(csv.reader(file))[1:]:
                    label, start, end = map(int, row)
                    self._gestures.append((path, start, end))
                    labels.append(label - 1)
        return labels

    @staticmethod
    def _user(path: Path) -> str:
        named = path if path.suffix == ".aedat" else path.parent
        return named.name.split("_")[0]

    def _read(self, numbers: Iterable[int]) -> Iterator[Events]:
        for i in numbers:
            path, start, end = self._gestures[i]
            times, *places = read_file(path)
            if path.suffix == ".aedat":
                during = (times >= start) & (times < end)
                times, places = times[during] - start, [axis[during] for axis in places]
            units = units_of(places, SHAPE, f"DvsGesture: {path.name}")
            yield Events(u.Quantity(times, unit=u.us), units, int(self._labels[i]), self.shape)


@lru_cache(maxsize=1)  # a file has all gestures of one person in one light
def read_file(path: Path) -> tuple[np.ndarray, ...]:
    """Times in µs, polarities, rows and columns of all events of a file."""
    return (_read_aedat if path.suffix == ".aedat" else _read_export)(path)


def _read_export(path: Path) -> tuple[np.ndarray, ...]:
    table = np.load(path)
    if table.ndim != 2 or table.shape[1] != 4:
        raise InputError(
            f"DvsGesture: {path.name}: expected an array of shape (n, 4), got {table.shape}"
        )
    x, y, p, milliseconds = table.astype(np.int64).T
    return milliseconds * 1000, p, y, x


def _read_aedat(path: Path) -> tuple[np.ndarray, ...]:
    raw = path.read_bytes()
    head, end, packets = raw.partition(b"#!END-HEADER\r\n")
    if not head.startswith(b"#!AER-DAT3.1") or not end:
        raise InputError(f"DvsGesture: {path.name}: expected an AEDAT 3.1 file")
    words, times = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for header, events in _packets(packets, path.name):
        if header["type"] == POLARITY:
            word, time = np.frombuffer(events, "<u4").reshape(-1, 2).T.astype(np.int64)
            valid = (word & 1) == 1
            words.append(word[valid])
            times.append(time[valid] + (int(header["overflow"]) << 31))
    word = np.concatenate(words)
    return np.concatenate(times), word >> 1 & 1, word >> 2 & 0x7FFF, word >> 17 & 0x7FFF


def _packets(raw: bytes, name: str) -> Iterator[tuple[Any, bytes]]:
    """Header and events of each packet."""
    end = 0
    while end < len(raw):
        start = end + HEADER.itemsize
        if start <= len(raw):
            header = np.frombuffer(raw, HEADER, 1, end)[0]
            end = start + int(header["number"]) * int(header["size"])
        if not start <= end <= len(raw):
            raise InputError(f"DvsGesture: {name}: expected whole packets, found part of one")
        yield header, raw[start:end]
