"""Spoken digits and commands as spikes of an artificial cochlea, from HDF5 files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import InputError, checked

from ..arguments import FOLDER
from .events import Events, EventSet, check_split, held_out, needed

__all__ = ["Shd", "Ssc"]

PAGE = "https://zenkelab.org/resources/spiking-heidelberg-datasets-shd/"
CHANNELS = 700


class _Cochlea(EventSet):
    def __init__(self, path: Path) -> None:
        self._path = needed(path, PAGE)
        with self._open() as (labels, _, _):
            labels = labels[:]
        super().__init__(labels, (CHANNELS,))

    def _read(self, numbers: Iterable[int]) -> Iterator[Events]:
        with self._open() as (_, times, units):
            for i in numbers:
                seconds = u.Quantity(times[i].astype(np.float64), unit=u.second)
                yield Events(seconds, units[i].astype(np.int64), int(self._labels[i]), self.shape)

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, Any, Any]]:
        try:
            import h5py
        except ImportError as error:
            raise ImportError(
                'These files need h5py. Install it with: pip install "brainloom-training[data]"'
            ) from error
        try:
            with h5py.File(self._path, "r") as file:
                yield file["labels"], file["spikes/times"], file["spikes/units"]
        except (OSError, KeyError) as error:
            raise InputError(
                f"{type(self).__name__}: expected an HDF5 file with labels, spikes/times and "
                f"spikes/units, got {self._path.name}: {error}"
            ) from error


class Shd(_Cochlea):
    """Spiking Heidelberg Digits: spoken digits in English and German, 20 classes, 700 channels.

    The validation recordings are a tenth of each class of `shd_train.h5`, drawn with a fixed seed
    (`stratified_split` with seed 0): the same on every machine.

    Args:
        folder: Where `shd_train.h5` and `shd_test.h5` are.
        split: `"train"`, `"validation"` or `"test"`.

    Raises:
        FileNotFoundError: The file is not there.
        InputError: It cannot be read.
        ImportError: h5py is not installed.

    References:
        Cramer et al. (2022), IEEE Transactions on Neural Networks and Learning Systems 33, 2744,
        doi:10.1109/TNNLS.2020.3044364.
    """

    @checked(folder=FOLDER)
    def __init__(self, folder: str | Path, split: str = "train") -> None:
        name = "test" if check_split("Shd", split) == "test" else "train"
        super().__init__(Path(folder) / f"shd_{name}.h5")
        self._chosen = held_out(split, self._labels)


class Ssc(_Cochlea):
    """Spiking Speech Commands: spoken words, 35 classes, 700 channels.

    Args:
        folder: Where `ssc_train.h5`, `ssc_valid.h5` and `ssc_test.h5` are.
        split: `"train"`, `"validation"` or `"test"`, each with its own file.

    Raises:
        FileNotFoundError: The file is not there.
        InputError: It cannot be read.
        ImportError: h5py is not installed.

    References:
        Cramer et al. (2022), IEEE Transactions on Neural Networks and Learning Systems 33, 2744,
        doi:10.1109/TNNLS.2020.3044364.
    """

    @checked(folder=FOLDER)
    def __init__(self, folder: str | Path, split: str = "train") -> None:
        name = check_split("Ssc", split).replace("validation", "valid")
        super().__init__(Path(folder) / f"ssc_{name}.h5")
