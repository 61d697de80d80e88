"""Recordings to files, and from them."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...types import Json, PyTree, Time
from .column import BLOCK, Column, blocks, part, rows_between
from .events import SpikeEvents
from .store import RecordingStore
from .texts import time_of_words, unit_of_words, unit_words
from .traces import TraceData

__all__ = ["contents", "read", "save"]


Data = dict[str, SpikeEvents | TraceData]
EMPTY: dict[str, PyTree] = {  # of what has no rows yet
    "step": np.zeros(0, np.int64),
    "index": np.zeros(0, np.int32),
    "trial": np.zeros(0, np.int32),
    "values": np.zeros(0),
}


def contents(store: RecordingStore) -> tuple[Data, dict[str, Json], Time]:
    """What a store holds, which is read when it is asked for; its header, and the step.

    Args:
        store: The store.

    Raises:
        InputError: It is not of a run.
    """
    header = store.header
    if missing := {"dt", "first", "stop", "wall_time"} - set(header):
        raise InputError(
            f"Recording.load: {store.path} has no run: its header lacks {sorted(missing)}"
        )
    dt = time_of_words(header["dt"])
    columns = {name: _columns(store, name) for name in store.names()}
    data: Data = {}
    for name in columns:
        about = store.attributes(name)
        if "kind" in about:
            data[name] = read(_until(columns[name] or EMPTY, header["stop"]), about, dt)
    return data, header, dt


def read(
    columns: Mapping[str, PyTree], known: Mapping[str, Json], dt: Time
) -> SpikeEvents | TraceData:
    """What was recorded, of its columns and of what is known besides.

    Args:
        columns: Arrays or columns by name.
        known: The attributes.
        dt: Length of a step.
    """
    columns = dict(columns) or EMPTY
    neurons = known.get("neurons")
    if known["kind"] == "spikes":
        owner = columns["step"], columns["index"], columns["trial"]
        sizes = known["size"], known["trials"], dt, known["start"], known["stop"]
        return SpikeEvents(*owner, *sizes, columns.get("lag"), neurons)
    unit = unit_of_words(known["unit"])
    return TraceData.of(columns["step"], columns["values"], unit, dt, known["kind"], neurons)


def _until(columns: Mapping[str, PyTree], stop: int) -> dict[str, PyTree]:
    """The rows of steps that all records have: of a run that was cut off, some have more."""
    rows = rows_between(columns["step"], -1, stop)
    return {name: part(column, rows) for name, column in columns.items()}


def _columns(store: RecordingStore, name: str) -> dict[str, Column]:
    rows = store.rows(name)
    return {c: Column(store.column(name, c), 0, rows) for c in store.columns(name)}


def save(data: Data, header: Mapping[str, Json], path: Path) -> None:
    """Write a recording as a Zarr group, or as one zip file of it.

    Args:
        data: What was recorded.
        header: What is known of the run.
        path: The folder or zip file.

    Raises:
        InputError: There is something of that name.
    """
    if path.suffix != ".zip":
        _write(data, header, path)
        return
    if path.exists():
        raise InputError(f"Recording.save: {path} exists. Give another name, or remove it before")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        _write(data, header, folder / "store")
        _pack(folder / "store", folder / "whole.zip")
        os.replace(folder / "whole.zip", path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(data: Data, header: Mapping[str, Json], path: Path) -> None:
    with RecordingStore.create(path, header) as store:
        for name, item in data.items():
            store.describe(name, **_attributes(item))
            parts = {key: column for key, column in item.columns.items() if column is not None}
            store.append({name: {key: np.asarray(part[:0]) for key, part in parts.items()}})
            for rows in blocks(*parts.values(), rows=_rows(parts)):
                store.append({name: dict(zip(parts, rows, strict=True))})


def _attributes(item: SpikeEvents | TraceData) -> dict[str, Json]:
    neurons = {} if item.neurons is None else {"neurons": item.neurons.tolist()}
    if isinstance(item, TraceData):
        return {"kind": item.kind, "unit": unit_words(item.unit), **neurons}
    sizes = {"size": item.size, "trials": item.trials, "start": item.start, "stop": item.stop}
    return {"kind": "spikes", **sizes, **neurons}


def _rows(parts: dict[str, PyTree]) -> int:
    """How many rows are copied at a time."""
    widest = max(int(np.prod(part.shape[1:], dtype=np.int64)) for part in parts.values())
    return max(1, BLOCK // max(1, widest))


def _pack(folder: Path, path: Path) -> None:
    """All files of a folder in one, as they are: what they hold is compressed by Zarr."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as file:
        for part in sorted(folder.rglob("*")):
            if part.is_file():
                file.write(part, part.relative_to(folder).as_posix())
