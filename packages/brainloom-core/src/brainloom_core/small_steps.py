"""Sums of many small changes: a value, and what rounding has left out of it.

A float32 has seven digits. A state that moves by a millionth of itself in a step keeps one digit of
that move, and one that moves by less stands still, whatever its equation says. A state that is
declared `slow` is kept in two parts, `x` and `x_lost`, whose sum has twice the digits.
"""

from collections.abc import Collection, Mapping

import brainunit as u
import jax.numpy as jnp

from .dynamics.solvers import Drift, moved_to
from .types import Array, Quantity, Scheme, Time, Values
from .units import to_number, with_unit

__all__ = ["accumulate", "in_two_parts", "lost_part"]


def lost_part(name: str) -> str:
    """Name of the state that has what rounding left out of another.

    Args:
        name: Name of the state that is declared `slow`.
    """
    return f"{name}_lost"


def accumulate(value: Array, change: Array) -> tuple[Array, Array]:
    """The sum, and what rounding left out of it, to be added to the next change.

    Args:
        value: A value, with or without a unit.
        change: What is added, of the same unit and shape, with what was lost before.

    Returns:
        The new value, in the unit and the dtype of the old one, and what it lacks.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_core.small_steps import accumulate
        >>> value, lost = accumulate(jnp.float32(1.0), jnp.float32(1e-8))
        >>> float(value), float(f"{lost:.3g}")
        (1.0, 1e-08)
    """
    unit = u.get_unit(value)
    before = jnp.asarray(u.get_mantissa(value))
    more = jnp.asarray(to_number(change, unit), before.dtype)
    after = before + more
    return with_unit(after, unit), with_unit(more - (after - before), unit)


def in_two_parts(step: Scheme, names: Collection[str]) -> Scheme:
    """A scheme that keeps some states in two parts, `x` and `x_lost`, both among the values.

    Any scheme will do: it advances what was lost, by the equations at the sum of both, which is
    the same equation for a variable that starts near zero and rounds as little.

    Args:
        step: The scheme, a function of drifts, values and `dt`.
        names: The states that are kept so.
    """
    if not names:
        return step

    def advance(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
        at = moved_to(y, names)
        new = step({n: at(drift) for n, drift in drifts.items()}, _lost(y, names), dt)
        for name in names:
            new[name], new[lost_part(name)] = accumulate(y[name], new[name])
        return new

    return advance


def _lost(y: Values, names: Collection[str]) -> dict[str, Quantity]:
    return {**y, **{name: y[lost_part(name)] for name in names}}
