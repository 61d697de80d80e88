"""Descriptors: a model class with bound arguments, compared by what they mean."""

import inspect
from collections.abc import Hashable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..types import Array, Quantity
from ..units import show

__all__ = ["Descriptor", "meaning"]


class Descriptor:
    """A class and the arguments with which it will be built.

    Two descriptors are equal when they mean the same model: the same class and, argument by
    argument (given by position or by name, in any order, left to the default or not), the same
    value, whatever unit it is written in. Functions and other objects compare by equality.

    Args:
        cls: The class.
        args: Arguments of its constructor by position.
        kwargs: Arguments by name.

    Raises:
        TypeError: The constructor has no such argument.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Delay, Descriptor
        >>> Descriptor(Delay, 3, 5 * u.ms) == Delay.desc(in_size=3, delay=0.005 * u.second)
        True
    """

    def __init__(self, cls: type, /, *args: Any, **kwargs: Any) -> None:
        if not isinstance(cls, type):
            raise TypeError(f"Descriptor.cls: expected a class, got {show(cls)}")
        self.cls = cls
        signature = inspect.signature(cls)
        try:
            self.arguments = dict(signature.bind_partial(*args, **kwargs).arguments)
            for parameter in signature.parameters.values():
                if parameter.kind is parameter.VAR_KEYWORD:
                    self.arguments.update(self.arguments.pop(parameter.name, {}))
        except TypeError as error:
            known = ", ".join(signature.parameters)
            raise TypeError(f"{cls.__name__}.desc: {error}. Its parameters are: {known}") from None

    def __call__(self, **overrides: Any) -> Any:
        """Build the model; keyword arguments take precedence over the described ones.

        Args:
            overrides: Further arguments of the constructor by name.
        """
        return self.cls(**{**self.arguments, **overrides})

    def with_defaults(self, **defaults: Any) -> "Descriptor":
        """The same description with these arguments where they were not given.

        Args:
            defaults: Arguments by name; those that the constructor does not know are left out.
        """
        known = inspect.signature(self.cls).parameters
        usable = {name: value for name, value in defaults.items() if name in known}
        return Descriptor(self.cls, **{**usable, **self.arguments})

    @property
    def key(self) -> Hashable:
        """A hashable value, equal for descriptors that mean the same."""
        parameters = inspect.signature(self.cls).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        arguments = {**defaults, **self.arguments}
        if isinstance(arguments.get("in_size"), int):
            arguments["in_size"] = (arguments["in_size"],)
        return self.cls, tuple((name, meaning(arguments[name])) for name in sorted(arguments))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descriptor) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.cls.__name__}.desc({inner})"


def meaning(value: Any) -> Hashable:
    """The canonical form of an argument: numbers in base units, arrays by content."""
    if isinstance(value, u.Unit):
        value = 1.0 * value
    if isinstance(value, u.Quantity):
        unit = value.unit
        return unit.dim, meaning(_base_number(value))
    if isinstance(value, jax.core.Tracer):
        return id(value)
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        array = np.asarray(value)
        if array.ndim == 0:
            return array.item()
        return array.shape, (array.astype(np.float64) + 0.0).tobytes()  # -0.0 becomes 0.0
    if isinstance(value, (list, tuple)):
        return tuple(meaning(item) for item in value)
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def _base_number(value: Quantity) -> Array | np.ndarray:
    """The number in base units, to 12 digits, so that 5 ms and 0.005 s are the same."""
    number = value.mantissa
    if isinstance(number, jax.core.Tracer):
        return number
    number = np.asarray(number, dtype=np.float64) * float(value.unit.magnitude)
    scalable = np.isfinite(number) & (number != 0)
    factor = 10.0 ** (11 - np.floor(np.log10(np.where(scalable, np.abs(number), 1.0))))
    return np.where(scalable, np.round(number * factor) / factor, number)
