"""Declared fields of frozen dataclasses, with the checks of parameters."""

from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u

from ..units import show
from .constraints import Constraint
from .parameters import REQUIRED, Param, QuantityParam, unwrapped

if TYPE_CHECKING:
    from .declared import Declared

__all__ = ["option_field", "quantity_field"]


class _Field(Param):
    """A field of a frozen dataclass: checked when it is set, unwrapped when it is read."""

    def __get__(self, holder: Any, owner: type | None = None) -> Any:
        if holder is not None:
            return unwrapped(vars(holder)[self.name])
        if self.default is REQUIRED:
            raise AttributeError(self.name)  # by which dataclasses know that there is no default
        return self.default

    def __set__(self, holder: Any, value: Any) -> None:
        vars(holder)[self.name] = self.stored(holder, value)


class _QuantityField(_Field, QuantityParam):
    def stored(self, model: "Declared", value: Any) -> Any:
        if callable(value) and not isinstance(value, (u.Unit, brainstate.nn.Param)):
            raise self.error(model, self.expected(), show(value))
        return super().stored(model, value)


def quantity_field(
    default: Any = REQUIRED,
    constraint: Constraint | None = None,
    *,
    unit: u.Unit | None = None,
    optional: bool = False,
) -> Any:
    """A number with a unit as a field of a frozen dataclass, with the checks of `param`.

    Args:
        default: Its default, whose unit is the one that is checked; a unit stands for 1 of it.
        constraint: A condition such as `positive`.
        unit: The unit where there is no default (or `ANY_UNIT`).
        optional: Whether None is allowed.

    Examples:
        >>> from dataclasses import dataclass
        >>> import brainunit as u
        >>> from brainloom_core import positive, quantity_field
        >>> @dataclass(frozen=True)
        ... class Kernel:
        ...     tau: object = quantity_field(constraint=positive, unit=u.ms)
        >>> Kernel(0.0 * u.ms)
        Traceback (most recent call last):
        ...
        brainloom_core.errors.ParameterError: Kernel.tau: expected a time > 0, got 0 ms
    """
    unit = unit if unit is not None else u.get_unit(default)
    return _QuantityField(default=default, constraint=constraint, unit=unit, optional=optional)


def option_field(default: Any = REQUIRED, constraint: Constraint | None = None) -> Any:
    """A choice, a flag or a function as a field of a frozen dataclass, checked when it is set.

    Args:
        default: Its default; without one it has to be given.
        constraint: A condition such as `one_of(True, False)`.

    Examples:
        >>> from dataclasses import dataclass
        >>> from brainloom_core import one_of, option_field
        >>> @dataclass(frozen=True)
        ... class Kernel:
        ...     side: str = option_field(default="left", constraint=one_of("left", "right"))
        >>> Kernel().side
        'left'
    """
    return _Field(default=default, constraint=constraint)
