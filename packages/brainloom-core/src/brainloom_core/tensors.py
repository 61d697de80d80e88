"""Files of arrays and of what describes them: checked, written whole or not, without any code.

They are of the safetensors format, which other programs read. What `write` wrote has a checksum of
all of it, header and arrays: a file that was torn or altered is never taken for a good one.
"""

import contextlib
import hashlib
import json
import os
import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import CheckpointError
from .types import Json

__all__ = ["check_writable", "earlier", "read", "read_newest", "write"]

FORMAT = 2
CODES = "BOOL U8 I8 U16 I16 U32 I32 U64 I64 F16 BF16 F32 F64"
KINDS = "bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 bfloat16 float32 float64"
DTYPES = dict(zip(KINDS.split(), CODES.split(), strict=True))
NAMES = {code: name for name, code in DTYPES.items()}
NO_SUM = b"0" * 64
SUM = re.compile(rb'"sha256":"([0-9a-f]{64})"')
LONGEST_HEADER = 100_000_000  # of the format

Path_ = str | os.PathLike[str]


def write(path: Path_, arrays: Mapping[str, np.ndarray], about: Json, keep: bool = False) -> None:
    """Write arrays by name, and whatever JSON can hold.

    The file is written beside its place and put there when all of it is on the disk.

    Args:
        path: The file.
        arrays: The arrays by name.
        about: What describes them.
        keep: Whether what was there before is kept, as `earlier(path)`.

    Raises:
        CheckpointError: It cannot be written; what was there before still is.
    """
    path = Path(path)
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    header = _header(plain, about)
    digest = hashlib.sha256(header)
    for array in plain.values():
        digest.update(_bytes_of(array))
    header = header.replace(NO_SUM, digest.hexdigest().encode(), 1)
    with _beside(path) as unfinished:
        with unfinished.open("wb") as file:
            file.write(header)
            for array in plain.values():
                file.write(_bytes_of(array))
            file.flush()
            os.fsync(file.fileno())
        if keep and path.exists():
            os.replace(path, earlier(path))
        os.replace(unfinished, path)
        _sync_folder(path.parent)


def earlier(path: Path_) -> Path:
    """Where the file before the newest one is kept.

    Args:
        path: The file.
    """
    path = Path(path)
    return path.with_name(f"{path.name}.earlier")


def read(path: Path_) -> tuple[dict[str, np.ndarray], Json]:
    """What `write` wrote: the arrays, and what describes them.

    Args:
        path: The file.

    Raises:
        CheckpointError: There is none, it is another file, or it is not as it was written.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: it cannot be read: {error.strerror}") from error
    begin = _checked(path, content)
    header = json.loads(content[8:begin])
    known = json.loads(header.pop("__metadata__")["brainloom"])
    if known["format"] != FORMAT:
        raise CheckpointError(
            f"{path}: expected format {FORMAT} of checkpoints, got {known['format']}. Read it with "
            "the version of brainloom that wrote it"
        )
    return {name: _array(content, begin, entry) for name, entry in header.items()}, known["about"]


def read_newest(path: Path_) -> tuple[dict[str, np.ndarray], Json]:
    """What `write(..., keep=True)` wrote; where it is damaged, what was before, with a warning.

    Args:
        path: The file.

    Raises:
        CheckpointError: There is no good one.
    """
    try:
        return read(path)
    except CheckpointError as error:
        before = earlier(path)
        if not before.exists():
            raise
        try:
            found = read(before)
        except CheckpointError as second:
            raise CheckpointError(f"{error}\nThe one before it: {second}") from None
        if Path(path).exists():  # else it was about to be put there
            warnings.warn(f"{error}\nGoing on from the one before it, {before}", stacklevel=2)
        return found


def check_writable(path: Path_) -> None:
    """Find out whether `write` will be able to write this file, without writing it.

    Args:
        path: The file.

    Raises:
        CheckpointError: It will not.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise CheckpointError(f"checkpoint: expected the path of a file, got {path!r}")
    if Path(path).is_dir():
        raise CheckpointError(f"{path}: expected the path of a file, got a folder")
    with _beside(Path(path)) as unfinished:
        unfinished.write_bytes(b"0")


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file in the same folder, to be written first; it is gone afterwards."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
    except OSError as error:
        kept = " What was written there before is still good." if path.exists() else ""
        raise CheckpointError(
            f"{path}: it cannot be written: {error.strerror or error}. Is the disk full, or may it "
            f"not be written?{kept}"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Have the disk know the new name, where a folder can be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _header(arrays: dict[str, np.ndarray], about: Json) -> bytes:
    """All that stands before the arrays, with zeros for the checksum."""
    known = json.dumps({"format": FORMAT, "about": about})
    entries: dict[str, Json] = {"__metadata__": {"sha256": NO_SUM.decode(), "brainloom": known}}
    stop = 0
    for name, array in arrays.items():
        start, stop = stop, stop + array.nbytes
        kind = DTYPES[array.dtype.name]
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, stop]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def _bytes_of(array: np.ndarray) -> Any:
    return memoryview(array.reshape(-1).view(np.uint8).data) if array.size else b""


def _checked(path: Path_, content: bytes) -> int:
    """Where the arrays begin, of a file that is as it was written."""
    begin = 8 + struct.unpack("<Q", content[:8])[0] if len(content) > 8 else 0
    is_possible = 8 < begin <= min(len(content), LONGEST_HEADER)
    found = SUM.search(content, 8, begin) if is_possible else None
    if found is None:
        if b"brainloom" in content[:4096]:
            raise _damaged(path)
        raise CheckpointError(
            f"{path}: expected a checkpoint of brainloom, and this is another file, or one whose "
            "beginning is lost. Give the file that was written, or a copy of it"
        )
    start, stop = found.span(1)
    digest = hashlib.sha256(content[:start])
    digest.update(NO_SUM)
    digest.update(memoryview(content)[stop:])
    if digest.hexdigest().encode() != found.group(1):
        raise _damaged(path)
    return begin


def _damaged(path: Path_) -> CheckpointError:
    return CheckpointError(
        f"{path}: this checkpoint is not as it was written: its checksum is another one. It is not "
        "used; give an earlier one or a copy, or remove it and begin anew"
    )


def _array(content: bytes, begin: int, entry: dict[str, Json]) -> np.ndarray:
    start, stop = entry["data_offsets"]
    kind = np.dtype(NAMES[entry["dtype"]]) if entry["dtype"] != "BF16" else _bfloat16()
    flat = np.frombuffer(memoryview(content)[begin + start : begin + stop], kind)
    return flat.reshape(entry["shape"])


def _bfloat16() -> np.dtype[Any]:
    import jax.numpy as jnp

    return np.dtype(jnp.bfloat16)
