"""Files of edges and connections: numpy's npz, without pickle."""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainunit as u
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.types import Arguments, Json, Quantity
from brainloom_core.units import with_unit

if TYPE_CHECKING:
    from .edges import Edges

__all__ = ["read", "write"]

FORMAT, VERSION = "brainloom-connectivity", 1


def write(
    path: str | Path, edges: "Edges", header: dict[str, Json], values: dict[str, Quantity]
) -> None:
    """Write edges, what else is known about them, and values with units."""
    values = {"distance": edges.distance, **values}
    values = {name: value for name, value in values.items() if value is not None}
    header = {
        "format": FORMAT,
        "version": VERSION,
        "n_pre": edges.n_pre,
        "n_post": edges.n_post,
        "origin": edges.origin,
        "units": {name: _unit_text(u.get_unit(value)) for name, value in values.items()},
        **header,
    }
    arrays: dict[str, Any] = {
        name: np.asarray(u.get_mantissa(value)) for name, value in values.items()
    }
    # A file, since numpy adds a suffix to a name.
    with Path(path).open("wb") as file:
        np.savez(
            file,
            header=np.array(json.dumps(header)),
            indptr=edges.indptr,
            indices=edges.indices,
            **arrays,
        )


def read(path: str | Path) -> tuple[Arguments, dict[str, Json], dict[str, Quantity]]:
    """The arguments of the edges, the header and the other values of a file."""
    header, arrays = _read(path)
    try:
        values = {
            name: with_unit(arrays[name], u.Unit(text) if text else u.UNITLESS)
            for name, text in header["units"].items()
        }
        edges = {
            **{name: header[name] for name in ("n_pre", "n_post", "origin")},
            **{name: arrays[name] for name in ("indptr", "indices")},
            "distance": values.pop("distance", None),
        }
    except KeyError as error:
        raise ParameterError(f"{path}: {error} is missing; the file is damaged") from error
    return edges, header, values


def _read(path: str | Path) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
    with Path(path).open("rb") as file:
        try:
            loaded = np.load(file, allow_pickle=False)
            arrays = {name: loaded[name] for name in loaded.files}
            header = json.loads(str(arrays.pop("header")))
            known = header["format"] == FORMAT
        except (
            AttributeError,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
            zipfile.BadZipFile,
        ) as error:
            raise ParameterError(_not_ours(path)) from error
    if not known:
        raise ParameterError(_not_ours(path))
    if header["version"] > VERSION:
        raise ParameterError(
            f"{path}: expected version {VERSION} of the format or an older one, got "
            f"{header['version']}; read it with a newer brainloom-projections"
        )
    return header, arrays


def _not_ours(path: str | Path) -> str:
    return f"{path}: expected a file that Connection.save or Edges.save wrote"


def _unit_text(unit: u.Unit) -> str:
    text = "" if unit == u.UNITLESS else str(unit)
    if text and u.Unit(text) != unit:
        raise ParameterError(f"save: expected a unit that its name determines, got {text}")
    return text
