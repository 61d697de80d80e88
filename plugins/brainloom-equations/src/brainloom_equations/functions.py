"""The functions of equations that are given as text, and of the models that they become.

They take quantities, also such as are a number with a scale (1 mV/V), and keep gradients finite.
"""

from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import keys, units
from brainloom_core.types import Array, Quantity, Shape
from brainloom_core.units import to_number, with_unit

__all__ = [
    "above",
    "arccos",
    "arcsin",
    "arctan",
    "at_spikes",
    "both",
    "ceil",
    "clip",
    "cos",
    "cosh",
    "either",
    "exp",
    "expm1",
    "exprel",
    "fabs",
    "floor",
    "integer",
    "log",
    "log1p",
    "log10",
    "opposite",
    "rand",
    "randn",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "strictly_above",
    "tan",
    "tanh",
    "truth",
]


def _plain(x: Quantity) -> Array:
    return to_number(x, u.UNITLESS)


def _of_number(function: Callable[[Any], Any], name: str) -> Callable[[Quantity], Quantity]:
    def apply(x: Quantity) -> Quantity:
        return function(_plain(x))

    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = f"`jax.numpy.{name}` of a number.\n\nArgs:\n    x: A number without unit."
    return apply


exp = _of_number(jnp.exp, "exp")
expm1 = _of_number(jnp.expm1, "expm1")
log = _of_number(jnp.log, "log")
log10 = _of_number(jnp.log10, "log10")
log1p = _of_number(jnp.log1p, "log1p")
sin = _of_number(jnp.sin, "sin")
cos = _of_number(jnp.cos, "cos")
tan = _of_number(jnp.tan, "tan")
arcsin = _of_number(jnp.arcsin, "arcsin")
arccos = _of_number(jnp.arccos, "arccos")
arctan = _of_number(jnp.arctan, "arctan")
sinh = _of_number(jnp.sinh, "sinh")
cosh = _of_number(jnp.cosh, "cosh")
tanh = _of_number(jnp.tanh, "tanh")
floor = _of_number(jnp.floor, "floor")
ceil = _of_number(jnp.ceil, "ceil")


def exprel(x: Quantity) -> Quantity:
    """(exp(x) - 1) / x, 1 at zero.

    Args:
        x: A number without unit.
    """
    return units.exprel(jnp.asarray(_plain(x)))


def sqrt(x: Quantity) -> Quantity:
    """The square root, of a quantity with a unit too, whose gradient at zero is zero.

    Args:
        x: A quantity.
    """
    none = x == 0.0 * x
    return _where(none, u.math.sqrt(u.math.where(none, x + _one(x), x)))


def _where(none: Array, root: Quantity) -> Quantity:
    return u.math.where(none, 0.0 * root, root)


def _one(x: Quantity) -> Quantity:
    return with_unit(jnp.ones_like(u.get_mantissa(x)), u.get_unit(x))


def fabs(x: Quantity) -> Quantity:
    """The absolute value, in the same unit.

    Args:
        x: A quantity.
    """
    return u.math.abs(x)


def sign(x: Quantity) -> Quantity:
    """-1, 0 or 1.

    Args:
        x: A quantity.
    """
    return jnp.sign(u.get_mantissa(x))


def clip(x: Quantity, low: Quantity, high: Quantity) -> Quantity:
    """A value kept between two bounds.

    Args:
        x: A quantity.
        low: The lower bound, of the same kind.
        high: The upper bound.
    """
    return u.math.minimum(u.math.maximum(x, low), high)


def integer(x: Quantity) -> Quantity:
    """A whole number, as a float: the part before the point; 1 for what is true.

    Args:
        x: A number without unit, or a condition.
    """
    x = jnp.asarray(_plain(x))
    return jnp.trunc(x) if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(_float())


def _float() -> Any:
    return brainstate.environ.dftype()


def rand(shape: Shape) -> Array:
    """Random numbers between 0 and 1, one for each neuron.

    Args:
        shape: The shape of the population, with a batch.
    """
    return keys.uniform(shape)


def randn(shape: Shape) -> Array:
    """Random numbers of mean 0 and variance 1, one for each neuron.

    Args:
        shape: The shape of the population, with a batch.
    """
    return keys.normal(shape)


# Conditions, as distances from where they begin to hold: at or above zero where they do.


def above(x: Quantity, y: Quantity, scale: Quantity = None) -> Array:
    """How far `x >= y` is met, in units of a scale.

    Args:
        x: The one side.
        y: The other.
        scale: What counts as 1, None for one of the unit that they have.
    """
    over = x - y
    return jnp.asarray(u.get_mantissa(over) if scale is None else _plain(over / scale))


def strictly_above(x: Quantity, y: Quantity, scale: Quantity = None) -> Array:
    """How far `x > y` is met, in units of a scale; below zero where both are equal.

    Args:
        x: The one side.
        y: The other.
        scale: What counts as 1, None for one of the unit that they have.
    """
    z = above(x, y, scale)
    return jnp.where(z == 0, z - _tiny(z), z)


def _tiny(z: Array) -> float:
    return float(np.finfo(z.dtype).tiny)


def truth(condition: Array) -> Array:
    """A condition without a distance: 1 where it holds, -1 elsewhere.

    Args:
        condition: Where it holds.
    """
    return jnp.where(condition, 1.0, -1.0)


def both(a: Array, b: Array) -> Array:
    """How far both conditions are met.

    Args:
        a: How far the one is.
        b: How far the other is.
    """
    return jnp.minimum(a, b)


def either(a: Array, b: Array) -> Array:
    """How far one of the conditions is met.

    Args:
        a: How far the one is.
        b: How far the other is.
    """
    return jnp.maximum(a, b)


def opposite(a: Array) -> Array:
    """How far a condition is not met.

    Args:
        a: How far it is.
    """
    return jnp.where(a == 0, -_tiny(a), -a)


def at_spikes(spk: Array, new: Quantity, old: Quantity) -> Quantity:
    """`new` where there is a spike, `old` elsewhere, with a gradient through the spikes.

    Args:
        spk: Spikes, 0 or 1.
        new: What a spike makes of the value.
        old: The value.
    """
    unit, number = u.get_unit(old), u.get_mantissa(old)
    target = jnp.asarray(to_number(new, unit), number.dtype)
    return with_unit(_replaced(number, spk, jnp.broadcast_to(target, number.shape)), unit)


@jax.custom_jvp
def _replaced(x: Array, spk: Array, target: Array) -> Array:
    return jnp.where(spk > 0, target, x)


@_replaced.defjvp
def _replaced_jvp(primals: Any, tangents: Any) -> Any:
    x, spk, target = primals
    dx, dspk, dtarget = tangents
    return _replaced(*primals), jnp.where(spk > 0, dtarget, dx) + (target - x) * dspk
