"""Files of arrays and of what describes them, which hold no code and are written whole or not."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from brainloom_core import BrainloomError

__all__ = ["CheckpointError", "check_writable", "load_arrays", "save_arrays"]

FORMAT = 1


class CheckpointError(BrainloomError, ValueError):
    """A checkpoint does not belong to what it is loaded into, or cannot be read."""


def save_arrays(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], about: object) -> None:
    """Write arrays by name, and whatever JSON can hold, into a file of the safetensors format."""
    from safetensors.numpy import save_file

    path = Path(path)
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    header = {"brainloom": json.dumps({"format": FORMAT, "about": about})}
    with _beside(path) as unfinished:
        save_file(plain, unfinished, metadata=header)
        os.replace(unfinished, path)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out whether `save_arrays` will be able to write this file, without writing it.

    Raises:
        CheckpointError: It will not.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise CheckpointError(f"checkpoint: expected the path of a file, got {path!r}")
    if Path(path).is_dir():
        raise CheckpointError(f"{path}: expected the path of a file, got a folder")
    with _beside(Path(path)) as unfinished:
        unfinished.touch()
        unfinished.unlink()


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file in the same folder, to be written first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path.with_name(f".{path.name}.{os.getpid()}")
    except OSError as error:
        raise CheckpointError(f"{path}: it cannot be written: {error}") from error


def load_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], Any]:
    """Read what `save_arrays` wrote.

    Raises:
        CheckpointError: The file is not such a file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["brainloom"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: expected a checkpoint of brainloom: {error}") from None
    if header["format"] != FORMAT:
        raise CheckpointError(f"{path}: expected format {FORMAT}, got {header['format']}")
    return arrays, header["about"]
