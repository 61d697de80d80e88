"""A projection in a few lines: who, how many edges, and what differs from the defaults."""

from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import Declared

from .connection import Connection, value_of

__all__ = ["described"]


def described(projection: Any, pre: Any = None, title: str = "") -> str:
    """What `repr` of a projection shows, of few lines whatever the size."""
    comm, delay = projection.comm, projection.delay
    rows = {
        "pre": _population(pre, getattr(comm, "in_size", None)),
        "post": _population(projection.post, projection.post.in_size),
        "comm": _connectivity(comm),
        "syn": _part(getattr(projection, "syn", None)),
        "out": _part(getattr(projection, "out", None)),
        "stp": _part(projection.stp),
        "delay": None if delay is None else _values(delay.delay),
        "label": projection.label,
    }
    lines = [f"  {name}: {text}" for name, text in rows.items() if text]
    return "\n".join([title or f"{type(projection).__name__} {projection.name}", *lines])


def _population(population: Any, size: Any) -> str | None:
    kind = (
        None
        if population is None or np.ndim(population) or isinstance(population, int)
        else (repr(population) if hasattr(population, "population") else type(population).__name__)
    )
    many = None if size is None else f"{' x '.join(map(str, size))} neurons"
    return ", ".join(word for word in (kind, many) if word) or None


def _connectivity(comm: Any) -> str:
    if isinstance(comm, Connection):
        return repr(comm)
    return type(comm).__name__ if hasattr(comm, "update") else getattr(comm, "__name__", "")


def _part(part: Any) -> str | None:
    """The class, and the parameters that are not the defaults."""
    if part is None:
        return None
    kind = type(part)
    declared = kind._params if isinstance(part, Declared) else {}
    changed = {name: vars(part).get(name) for name in declared if name in vars(part)}
    words = [
        f"{name}={_values(value)}"
        for name, value in changed.items()
        if not _same(value, declared[name].default)
    ]
    return f"{kind.__name__}({', '.join(words)})"


def _same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    try:
        return bool(np.all(np.asarray(value == default)))
    except Exception:  # whatever cannot be compared is shown
        return False


def _values(value: Any) -> str:
    """A number, or the range of several."""
    value = value_of(value)
    if isinstance(value, str) or not hasattr(u.get_mantissa(value), "dtype"):
        is_number = isinstance(u.get_mantissa(value), (int, float))
        number = u.get_mantissa(value) if is_number else None
        text = f"{number:g}" if number is not None else getattr(value, "__name__", repr(value))
        return _with_unit(text if len(text) <= 40 else type(value).__name__, value)
    number = np.asarray(u.get_mantissa(value))
    low, high = f"{number.min(initial=np.inf):g}", f"{number.max(initial=-np.inf):g}"
    text = low if low == high else f"{low} to {high}"
    return _with_unit(text if number.size else "none", value)


def _with_unit(text: str, value: Any) -> str:
    unit = u.get_unit(value) if isinstance(value, u.Quantity) else u.UNITLESS
    return text if unit == u.UNITLESS else f"{text} {unit}"
