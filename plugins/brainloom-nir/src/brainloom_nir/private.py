"""What NIR has no field for: a text in the metadata of a node, where others pass it by."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import brainunit as u
import nir
import numpy as np
from brainloom_core import SOLVERS, Arctan, InvSquareGrad, ReluGrad, Sigmoid
from brainloom_core.types import Arguments, Quantity, Scheme

from .boundary import plain
from .cells import Strictly
from .solvers import current_first_euler

__all__ = ["KEY", "named_solver", "packed", "solver_name", "surrogate", "unpacked", "written"]

KEY = "brainloom"
_SURROGATES = {cls.__name__: cls for cls in (Arctan, InvSquareGrad, ReluGrad, Sigmoid, Strictly)}
_OWN = {current_first_euler.__name__: current_first_euler}


def packed(values: Mapping[str, object]) -> dict[str, str]:
    """Metadata of a node: one entry, a text that every reader of NIR files can skip."""
    return {KEY: json.dumps(dict(values), sort_keys=True)} if values else {}


def unpacked(node: nir.NIRNode) -> Arguments:
    """What `packed` was given."""
    held = node.metadata if isinstance(node.metadata, dict) else {}
    text = held.get(KEY, "{}")
    return dict(json.loads(text.decode() if isinstance(text, bytes) else str(text)))


def written(value: Quantity, unit: u.Unit) -> list[float] | float:
    """A quantity as a number, or a list of numbers, in a unit."""
    return plain(value, unit, np.shape(u.get_mantissa(value))).tolist()


def surrogate(value: Any) -> Any:
    """A spike function as plain data, or from it; None where it is not one of ours."""
    if isinstance(value, Mapping):
        given = {name: surrogate(it) for name, it in value.items() if name != "name"}
        return _SURROGATES[value["name"]](**given)
    if type(value) in _SURROGATES.values():
        held = {it.name: surrogate(getattr(value, it.name)) for it in fields(value)}
        return {"name": type(value).__name__, **held}
    return value if isinstance(value, (int, float)) else None


def solver_name(solver: Scheme | str) -> str | None:
    """The name of a scheme, None where it is a function that we do not know."""
    if isinstance(solver, str):
        return solver
    return next((name for name, known in _OWN.items() if known is solver), None)


def named_solver(name: str) -> Scheme | str:
    """The scheme of a name."""
    return _OWN.get(name, name if name == "auto" or name in SOLVERS else "auto")
