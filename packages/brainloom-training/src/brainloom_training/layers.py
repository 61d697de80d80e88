"""Layers without states."""

import functools
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    InputError,
    ParameterError,
    UnitError,
    checked,
    full,
    real_signature,
    whole,
)
from brainloom_core.types import Initializer, Quantity, Shape
from brainloom_core.units import same_dimension, show, to_number, with_unit

from .products import product

__all__ = ["Linear"]


def _is_size(n: Any) -> bool:
    """Whether it is a number of neurons, or a list of one."""
    return bool(whole.holds(n[0] if isinstance(n, (tuple, list)) and len(n) == 1 else n))


_size = Constraint("one number of neurons, a whole number >= 1", _is_size)


@real_signature
class Linear(brainstate.nn.Module):
    r"""A linear map, $y = x W + b$, with a unit if the weights have one.

    It is `brainstate.nn.Linear` with a bias in the unit of the weights, and online learning rules
    can train it. With `brainloom-kernels-cpu` installed, it visits only rows of active inputs
    where most are silent, forwards and backwards.

    Args:
        in_size: Number of inputs.
        out_size: Number of outputs.
        w_init: Weights, a function of the shape `(in_size, out_size)` or an array of it, with any
            unit; `brainstate.nn.init.KaimingNormal()`.
        b_init: Bias, a function of the shape `(out_size,)`, an array of it, or a scalar; 0. Plain
            numbers are in the unit of the weights. None for no bias.
        name: Name of the module.

    Attributes:
        weight: The weights, `brainstate.ParamState`.
        bias: The bias, `brainstate.ParamState`, or None.

    Raises:
        ParameterError: Weights or bias have another shape or unit.
        InputError: The input does not have one value per input neuron.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import Linear
        >>> layer = Linear(3, 2, w_init=lambda shape: jnp.ones(shape) * u.mA)
        >>> print(layer(jnp.array([1.0, 0.0, 1.0])))
        [2. 2.] mA
    """

    @checked(in_size=_size, out_size=_size)
    def __init__(
        self,
        in_size: Any,
        out_size: Any,
        w_init: Initializer = brainstate.nn.init.KaimingNormal(),
        b_init: Initializer | None = 0.0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.in_size, self.out_size = in_size, out_size
        weight = initial_weights("Linear.w_init", w_init, (*self.in_size, *self.out_size))
        self.weight = brainstate.ParamState(weight)
        self.bias = initial_bias("Linear.b_init", b_init, self.out_size, u.get_unit(weight))

    def update(self, x: Quantity) -> Quantity:
        """The outputs `(*batch, out_size)` of inputs `(*batch, in_size)`.

        Args:
            x: Values, shape `(*batch, in_size)`.
        """
        if np.shape(x)[-1:] != self.in_size:
            raise InputError(
                f"Linear.update(x): expected {self.in_size[0]} values along the last axis, "
                f"got {show(x)} of shape {np.shape(x)}"
            )
        y = product(x, self.weight.value)
        return y if self.bias is None else y + self.bias.value

    def over_time(self, xs: Quantity) -> Quantity:
        """The outputs of a sequence, in one product.

        Args:
            xs: Values, shape `(T, *batch, in_size)`.
        """
        return self.update(xs)


def initial_bias(
    name: str, given: Initializer | None, shape: Shape, unit: u.Unit
) -> brainstate.ParamState | None:
    """A bias in the unit of the weights, or in that of an output; None where none is given."""
    if given is None:
        return None
    scalar = not callable(given) and np.ndim(given) == 0
    value = functools.partial(full, given) if scalar else given
    return brainstate.ParamState(initial_weights(name, value, shape, unit))


def initial_weights(
    name: str, given: Initializer, shape: Shape, unit: u.Unit | None = None
) -> Quantity:
    """The initial value of a parameter, of this shape and, if there is one, in this unit.

    Args:
        name: Class and argument, for the text of an error.
        given: A function of the shape, or an array.
        shape: The shape.
        unit: The unit that plain numbers are in, None for that of the value.
    """
    value = given(shape) if callable(given) else given
    if np.shape(value) != shape:
        raise ParameterError(f"{name}: expected an array of shape {shape}, got {show(value)}")
    if unit is None:
        unit = u.get_unit(value)
    elif not isinstance(value, u.Quantity):
        value = with_unit(value, unit)
    if not same_dimension(value, unit):
        raise UnitError(f"{name}: expected the unit of the weights, {unit}, got {show(value)}")
    number = to_number(value, unit)
    if not isinstance(number, jax.core.Tracer) and not np.all(np.isfinite(np.asarray(number))):
        raise ParameterError(f"{name}: expected finite numbers, got {show(value)}")
    return with_unit(jnp.asarray(number, brainstate.environ.dftype()), unit)
