"""A connection in words."""

from typing import TYPE_CHECKING

import brainunit as u
import jax
import numpy as np
from brainloom_core.units import show

from ..types import EdgeValue
from .edges import Edges, in_words
from .values import is_function, value_of

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["in_a_line", "summary_of"]


def in_a_line(connection: "Connection") -> str:
    """Sizes, the rule, and weights and delays by one value or their mean and spread."""
    rule, weight = connection.rule, value_of(connection.weight)
    made_by = rule.origin or "Edges" if isinstance(rule, Edges) else repr(rule)
    sizes = f"{_joined(connection.in_size)} -> {_joined(connection.out_size)}"
    delay = None if connection.delay is None else _short(value_of(connection.delay))
    return (
        f"{type(connection).__name__}({sizes}, {_shortened(made_by)}, {connection.n_edges} edges, "
        f"weight={_short(weight)}"
        + ("" if delay is None else f", delay={delay}")
        + ("" if connection.is_stored else ", stored=False")
        + ")"
    )


def summary_of(connection: "Connection") -> str:
    """Sizes, degrees, weights and delays, in lines."""
    whole = connection.stored()
    lines = [whole.edges.summary()]
    for what, value in (("weight", value_of(whole.weight)), ("delay", value_of(connection.delay))):
        if value is None:
            continue
        number, unit = np.asarray(u.get_mantissa(value)), u.get_unit(value)
        text = f"{number:g}" if number.ndim == 0 else in_words(number)
        lines.append(f"{what}: {text}" + ("" if unit == u.UNITLESS else f" {unit}"))
    if not connection.is_stored:
        lines.append("edges are not stored")
    return "\n".join(lines)


def _joined(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text.partition('(')[0]}(...)"


def _short(value: EdgeValue) -> str:
    """One value, or the mean and spread of many."""
    number, unit = u.get_mantissa(value), u.get_unit(value)
    if is_function(value) or isinstance(number, jax.core.Tracer) or np.ndim(number) == 0:
        return str(value) if is_function(value) else show(value)
    number = np.asarray(number)
    if number.size == 0:
        return "none"
    text = f"{number.mean():.3g} +- {number.std():.2g}"
    return text if unit == u.UNITLESS else f"{text} {unit}"
