"""Handwritten digits seen by a moving event camera."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import brainunit as u
import numpy as np
from brainloom_core import InputError, checked

from ..arguments import FOLDER
from .events import Events, EventSet, check_split, held_out, needed, units_of

__all__ = ["NMnist"]

PAGE = "https://www.garrickorchard.com/datasets/n-mnist"
BYTES = 5
SHAPE = (2, 34, 34)
CLOCK_ROW, CLOCK_STEP = 240, 2**13


class NMnist(EventSet):
    """N-MNIST: the digits of MNIST in front of a moving camera, 10 classes, units `(2, 34, 34)`.

    The validation recordings are a tenth of each class of the folder `Train`, drawn with a fixed
    seed (`stratified_split` with seed 0, files in the order of their names).

    An event is five bytes: x, y, the polarity in the highest bit of the third, and the time in µs
    in the 23 bits that remain, the highest first. An event of the row 240 is none of a pixel: it
    says that the clock went on by 8192 µs.

    Args:
        folder: Where `Train` and `Test` are, with a folder `0` to `9` for each digit.
        split: `"train"`, `"validation"` or `"test"`.

    Raises:
        FileNotFoundError: The folder is not there.
        InputError: A file does not consist of whole events.

    References:
        Orchard et al. (2015), Frontiers in Neuroscience 9, 437, doi:10.3389/fnins.2015.00437.
    """

    @checked(folder=FOLDER)
    def __init__(self, folder: str | Path, split: str = "train") -> None:
        name = "Test" if check_split("NMnist", split) == "test" else "Train"
        root = Path(folder) / name
        self._files = [
            file
            for digit in range(10)
            for file in sorted(needed(root / str(digit), PAGE).glob("*.bin"))
        ]
        super().__init__([int(file.parent.name) for file in self._files], SHAPE)
        self._chosen = held_out(split, self._labels)

    def _read(self, numbers: Iterable[int]) -> Iterator[Events]:
        for i in numbers:
            times, units = _read_bin(self._files[i])
            yield Events(u.Quantity(times, unit=u.us), units, int(self._labels[i]), self.shape)


def _read_bin(path: Path) -> tuple[np.ndarray, np.ndarray]:
    raw = np.fromfile(path, np.uint8).astype(np.int64)
    if len(raw) % BYTES:
        raise InputError(
            f"NMnist: {path.parent.name}/{path.name}: expected events of {BYTES} bytes, "
            f"got {len(raw)} bytes"
        )
    x, y, high, middle, low = raw.reshape(-1, BYTES).T
    clock = y == CLOCK_ROW
    times = ((high & 127) << 16 | middle << 8 | low) + CLOCK_STEP * np.cumsum(clock)
    places = np.stack([high >> 7, y, x])[:, ~clock]
    return times[~clock], units_of(places, SHAPE, f"NMnist: {path.parent.name}/{path.name}")
