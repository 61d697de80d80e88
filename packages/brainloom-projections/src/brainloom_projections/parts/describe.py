"""A projection in a few lines: who, how many edges, and what differs from the defaults."""

from typing import Any

import brainstate
import numpy as np
from brainloom_core import Declared, View
from brainloom_core.describe import of_values
from brainloom_core.types import Population, Shape

from ..connection.connection import Connection

__all__ = ["described", "in_a_line"]


def described(
    projection: brainstate.nn.Module, pre: Population | None = None, title: str = ""
) -> str:
    """What `repr` of a projection shows, of few lines whatever the size."""
    comm, delay = projection.comm, projection.delay
    rows = {
        "pre": _population(pre, getattr(comm, "in_size", None)),
        "post": _population(projection.post, projection.post.in_size),
        "comm": _connectivity(comm),
        "syn": _model(getattr(projection, "syn", None)),
        "out": _model(getattr(projection, "out", None)),
        "stp": _model(projection.stp),
        "delay": None if delay is None else of_values(delay.delay),
        "label": projection.label,
    }
    lines = [f"  {name}: {text}" for name, text in rows.items() if text]
    return "\n".join([title or f"{type(projection).__name__} {projection.name}", *lines])


def _population(population: Any, size: Shape | None) -> str | None:
    kind = (
        None
        if population is None or np.ndim(population) or isinstance(population, int)
        else (repr(population) if hasattr(population, "population") else type(population).__name__)
    )
    many = None if size is None else f"{' x '.join(map(str, size))} neurons"
    return ", ".join(word for word in (kind, many) if word) or None


def _connectivity(comm: object) -> str:
    if isinstance(comm, Connection):
        return repr(comm)
    return type(comm).__name__ if hasattr(comm, "update") else getattr(comm, "__name__", "")


def _edges(comm: object) -> str:
    """The connectivity without its sizes."""
    if not isinstance(comm, Connection):
        return _connectivity(comm)
    weight = "drawn in each step" if callable(comm.weight) else of_values(comm.weight)
    return f"{type(comm.rule).__name__}, {comm.n_edges} edges, weight {weight}"


def in_a_line(
    projection: brainstate.nn.Module, pre: Population | None, names: dict[int, str]
) -> str:
    """The same in one line, with the names that populations have in a network."""
    comm, delay = projection.comm, projection.delay
    models = [getattr(projection, name, None) for name in ("syn", "out", "stp")]
    words = [
        f"{_named(pre, names)} -> {_named(projection.post, names)}",
        _edges(comm),
        *(_model(model) for model in models if model is not None),
        "" if delay is None else f"delay {of_values(delay.delay)}",
    ]
    return ", ".join(word for word in words if word)


def _model(model: object) -> str | None:
    """A synapse, an output or plasticity, whose size is that of a population."""
    if not isinstance(model, Declared):
        return None if model is None else type(model).__name__
    text = repr(model)
    size = " x ".join(map(str, getattr(model, "in_size", None) or ()))
    return text.replace(f"({size}, ", "(", 1).replace(f"({size})", "()", 1) if size else text


def _named(population: Population | None, names: dict[int, str]) -> str:
    if isinstance(population, View):
        whole = names.get(id(population.population))
        text = repr(population)
        return text if whole is None else f"{whole}{text[text.index('[') :]}"
    return names.get(id(population), "spikes" if population is None else type(population).__name__)
