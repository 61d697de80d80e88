"""Files of arrays and of what describes them, which hold no code and are written whole or not."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from brainloom_core import BrainloomError

__all__ = ["CheckpointError", "load_arrays", "save_arrays"]

FORMAT = 1


class CheckpointError(BrainloomError, ValueError):
    """A checkpoint does not belong to what it is loaded into, or cannot be read."""


def save_arrays(path: str | os.PathLike[str], arrays: dict[str, Any], about: Any) -> None:
    """Write arrays by name, and whatever JSON can hold, into a file of the safetensors format."""
    from safetensors.numpy import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    header = {"brainloom": json.dumps({"format": FORMAT, "about": about})}
    save_file(plain, unfinished, metadata=header)
    os.replace(unfinished, path)


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
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path}: expected a checkpoint of brainloom: {error}") from None
    if header["format"] != FORMAT:
        raise CheckpointError(f"{path}: expected format {FORMAT}, got {header['format']}")
    return arrays, header["about"]
