"""The folder in which a sweep keeps the result of each member."""

import hashlib
import inspect
import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import numpy as np

from ..errors import InputError
from ..types import Json
from .results import Result, Variable

if TYPE_CHECKING:
    from .members import Settings
    from .sweep import Plan

__all__ = ["SweepStore"]

WORDS = {  # of what the header has only a digest of
    "values": "the values of parameters, or the seeds, have changed",
    "build": "the function build has changed",
    "measure": "the function measure has changed",
}


class SweepStore:
    """Results on disk, a file for each member, written whole or not at all.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(
        cls,
        path: str | Path,
        plan: "Plan",
        settings: "Settings",
        build: Callable[..., brainstate.nn.Module],
        measure: Callable[..., object] | None,
    ) -> "SweepStore":
        """The store at a path, made anew or found to be of the same sweep.

        Args:
            path: The folder.
            plan: The members.
            settings: What they have in common.
            build: The function that makes them.
            measure: What is made of them.

        Raises:
            InputError: There is another sweep, or something else.
        """
        store = cls(Path(path))
        header = {
            "brainloom_core": version("brainloom-core"),
            "number of members": len(plan.members),
            "parameters": list(plan.names),
            "values": _digest([[_plain(m.parameters), m.seed] for m in plan.members]),
            "duration": str(settings.duration),
            "dt": str(settings.dt),
            "exact": settings.exact,
            "record": _plain(settings.record),
            "inputs": _plain(settings.inputs),
            "build": _plain(build),
            "measure": _plain(measure),
        }
        known = store.path / "sweep.json"
        if known.exists():
            store._check(json.loads(known.read_text(encoding="utf-8")), header)
            return store
        if store.path.exists() and any(store.path.iterdir()):
            raise InputError(f"sweep: store: {store.path} exists and is no store of a sweep")
        store.path.mkdir(parents=True, exist_ok=True)
        store._replace(known, json.dumps(header, indent=1).encode())
        return store

    def _check(self, found: dict[str, Json], header: dict[str, Json]) -> None:
        for name, value in header.items():
            if found.get(name) != value:
                how = f"{name} was {_excerpt(found.get(name))} and is now {_excerpt(value)}"
                how = WORDS.get(name, how)
                raise InputError(
                    f"sweep: store: {self.path} is that of another sweep: {how}. Choose another "
                    "folder, or delete that one"
                )

    def read(self) -> dict[int, Result]:
        """The results that there are; a file that is damaged is as good as none."""
        found = {}
        for file in sorted(self.path.glob("member-*.npz")):
            try:
                found[int(file.stem.partition("-")[2])] = _read(file)
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                warnings.warn(
                    f"sweep: store: {file} is damaged ({error}); its member is run again",
                    RuntimeWarning,
                    stacklevel=3,
                )
        return found

    def write(self, number: int, result: Result) -> None:
        """Keep the result of a member.

        Args:
            number: The number of the member.
            result: What it gave.
        """
        words = {
            name: [v.dims, v.units, {d: unit for d, (_, unit) in v.coords.items()}]
            for name, v in result.items()
        }
        arrays: dict[str, Any] = {f"value:{name}": v.values for name, v in result.items()}
        for name, v in result.items():
            arrays |= {f"label:{name}:{d}": labels for d, (labels, _) in v.coords.items()}
        file = self.path / f"member-{number:06d}.npz"
        partial = file.with_suffix(f".{os.getpid()}.part")
        with partial.open("wb") as stream:
            np.savez(stream, words=np.asarray(json.dumps(words)), **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)

    @staticmethod
    def _replace(file: Path, content: bytes) -> None:
        partial = file.with_suffix(".part")
        partial.write_bytes(content)
        partial.replace(file)


def _read(file: Path) -> Result:
    with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
        words = json.loads(str(arrays["words"]))
        return {
            name: Variable(
                arrays[f"value:{name}"],
                tuple(dims),
                unit,
                {d: (arrays[f"label:{name}:{d}"], of) for d, of in labels.items()},
            )
            for name, (dims, unit, labels) in words.items()
        }


def _plain(value: Any) -> Any:
    """A value in words that are the same in another process."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if callable(value) and not isinstance(value, (u.Quantity, u.Unit)):
        return _code(value)
    number = np.asarray(u.get_mantissa(value)) if value is not None else None
    if number is not None and number.dtype.kind in "biufc":
        content = number.tolist() if number.size < 20 else _digest(number.tobytes().hex())
        return [content, str(u.get_unit(value))]
    return repr(value) if " at 0x" not in repr(value) else type(value).__qualname__


def _key(key: object) -> str:
    return key if isinstance(key, str) else type(key).__qualname__


def _code(function: Any) -> list[str]:
    """The name of a function, and a digest of its text."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        text = "" if code is None else code.co_code.hex() + repr(code.co_names)
    around = getattr(function, "__closure__", None) or ()
    held = [_plain(cell.cell_contents) for cell in around if _is_full(cell)]
    return [name, _digest([text, held])]


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _excerpt(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < 80 else f"{text[:77]}..."
