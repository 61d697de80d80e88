"""Declared constructor arguments: class attributes of a model."""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import ParameterError, PluginError, UnitError
from ..plugins.lookup import made
from ..types import Quantity, Shape
from ..units import dimension_name, same_dimension, show, to_number, with_unit
from ..unmade import Unmade
from .constraints import Constraint, is_met
from .filled import as_float, full

if TYPE_CHECKING:
    from .declared import Declared


__all__ = [
    "ANY_UNIT",
    "REQUIRED",
    "InitializerParam",
    "Param",
    "QuantityParam",
    "initializer",
    "option",
    "param",
    "unwrapped",
]


class _Sentinel:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


REQUIRED: Any = _Sentinel("required")
"""As the default of a parameter: there is none, and the parameter has to be given."""

ANY_UNIT: Any = _Sentinel("any unit")
"""As the `unit` of a parameter: it may have any unit, or none."""


@dataclass(eq=False, kw_only=True)
class Param:
    """One declared constructor argument and, on an instance, the accessor of its value.

    Reading it from a model gives what equations work with: a trainable `ParamState` or
    `brainstate.nn.Param` is unwrapped, so that `self.tau` is always a number with its unit.
    """

    default: Any
    constraint: Constraint | None = None
    doc: str = ""
    after: str | None = None
    fixed: bool = False
    kind: str | None = None
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: "Declared | None", owner: type | None = None) -> Any:
        if model is None:
            return self
        value = vars(model).get(self.name, self.default)
        if isinstance(value, Unmade):
            value = model.__dict__[self.name] = as_float(value.make())
        return unwrapped(value)

    def __set__(self, model: "Declared", value: Any) -> None:
        attributes = model.__dict__
        if self.name in attributes and not attributes.get("_setting", False):
            model._reassign(self.name, value)
        else:  # the constructor, which checks, or one that is written by hand
            attributes[self.name] = value
        attributes["times_changed"] = attributes.get("times_changed", 0) + 1

    def stored(self, model: "Declared", value: Any) -> Any:
        """Check a value and return the form to keep; raise naming model and parameter."""
        if self.kind is not None and isinstance(value, str):
            value = self._registered(model, value)
        if self.constraint is not None and not is_met(self.constraint, value):
            raise self.error(model, self.constraint.text, show(value))
        if not _may_be_finite(value):
            raise self.error(model, "a finite value", show(value))
        return value

    def _registered(self, model: "Declared", name: str) -> Any:
        """What a plugin registers by a name."""
        try:
            return made(str(self.kind), name)
        except PluginError as error:
            raise ParameterError(f"{type(model).__name__}.{self.name}: {error}") from error

    def replaced(self, model: "Declared", held: Any, value: Any) -> Any:
        """The form to keep of a value that takes the place of another one."""
        return self.stored(model, value)

    def check_relations(self, model: "Declared") -> None:
        """Check what can only be judged once every parameter is set."""

    def error(
        self,
        model: "Declared",
        expected: str,
        got: str,
        kind: type[ParameterError] = ParameterError,
    ) -> ParameterError:
        """The error of a value that does not fit.

        Args:
            model: The model that has the parameter.
            expected: What was expected, in words.
            got: What came, in words.
            kind: Class of the error.
        """
        return kind(f"{type(model).__name__}.{self.name}: expected {expected}, got {got}")


@dataclass(eq=False, kw_only=True)
class QuantityParam(Param):
    """A number with a unit: scalar, array of the population's shape, initializer or trainable."""

    unit: u.Unit
    above: str | None = None
    differs_from: str | None = None
    optional: bool = False
    per: str | None = None

    def stored(self, model: "Declared", value: Any) -> Any:
        if (value is None and self.optional) or isinstance(value, Unmade):
            return value
        if callable(value) and not isinstance(value, (u.Quantity, u.Unit, brainstate.nn.Param)):
            value = value(model.varshape)
        if isinstance(value, (brainstate.State, brainstate.nn.Param)):
            self._check(model, unwrapped(value))
            if isinstance(value, brainstate.State):  # 5 * u.mV is whole, and could not be trained
                value.value = u.math.asarray(value.value, dtype=brainstate.environ.dftype())
            return value
        try:
            value = as_float(value)
        except (TypeError, ValueError, u.UnitMismatchError):
            raise self.error(model, self.expected(), show(value)) from None
        self._check(model, value)
        return value

    def check_relations(self, model: "Declared") -> None:
        if self.above is not None:
            self._compare(model, self.above, ">", operator.gt)
        if self.differs_from is not None:
            self._compare(model, self.differs_from, "different from", operator.ne)

    def replaced(self, model: "Declared", held: Any, value: Any) -> Any:
        """The form to keep: a number is written into the trainable state that is there."""
        kept = self.stored(model, value)
        if not isinstance(held, brainstate.State) or isinstance(kept, brainstate.State):
            return kept
        shape, unit = np.shape(held.value), u.get_unit(held.value)
        if isinstance(kept, brainstate.nn.Param) or kept is None or callable(kept):
            return kept
        if np.shape(kept) not in ((), shape):
            raise self.error(
                model,
                f"a scalar or an array of shape {shape}, that of the trainable parameter",
                f"shape {np.shape(kept)}",
            )
        held.value = full(with_unit(to_number(kept, unit), unit), shape)
        return held

    def keep(self, model: "Declared", old: Quantity, new: Quantity) -> Quantity:
        """What to take for a proposed new value, from an old one, so that all conditions hold."""
        unit = u.get_unit(old)
        before, after = (jnp.asarray(to_number(value, unit)) for value in (old, new))
        if self.constraint is not None and self.constraint.keep is not None:
            after = self.constraint.keep(before, after)
        if self.above is not None:
            least = to_number(getattr(model, self.above), unit)
            after = jnp.where(after > least, after, (before + least) / 2)
        return with_unit(after, unit)

    def _compare(
        self, model: "Declared", other_name: str, words: str, holds: Callable[..., bool]
    ) -> None:
        mine, other = getattr(model, self.name), getattr(model, other_name)
        if mine is None or other is None or _is_traced(mine) or _is_traced(other):
            return
        if same_dimension(mine, other):  # as numbers of NumPy, which no transformation traces
            unit = u.get_unit(mine)
            numbers = (np.asarray(to_number(value, unit)) for value in (mine, other))
            if np.all(holds(*numbers)):
                return
        got = f"{self.name} = {show(mine)}, {other_name} = {show(other)}"
        declared = type(model).declared_parameters().get(other_name)
        if declared is not None and show(other) == show(declared.default):
            got += f", which is its default: pass {other_name} too"
        raise self.error(model, f"{self.name} {words} {other_name}", got)

    def _check(self, model: "Declared", value: Quantity) -> None:
        if self.unit is not ANY_UNIT and not same_dimension(value, self.unit):
            unknown = self.default is REQUIRED or self.default is None or callable(self.default)
            example = show(1.0 * self.unit if unknown else self.default)
            expected = f"{self.expected()} (for example {example})"
            raise self.error(model, expected, show(value), UnitError)
        shape, size = np.shape(u.get_mantissa(value)), self.size(model)
        if size is not None and shape not in ((), size):
            raise self.error(model, f"a scalar or an array of shape {size}", f"shape {shape}")
        if _is_traced(value):
            return
        plain = self.unit is ANY_UNIT
        number = np.asarray(u.get_mantissa(value) if plain else to_number(value, self.unit))
        if not np.all(np.isfinite(number)):
            raise self.error(model, f"{self.expected()}, finite", show(value))
        if self.constraint is not None and not np.all(self.constraint.holds(number)):
            raise self.error(model, self.expected(), show(value))

    def size(self, model: "Declared") -> tuple[int, ...] | None:
        """The shape of an array of values, None where any is accepted.

        Args:
            model: The model that has the parameter.
        """
        if self.per is not None:
            return (len(getattr(model, self.per)),)
        return getattr(model, "varshape", None)

    def expected(self) -> str:
        """What a value has to be, in words."""
        kind = "a number" if self.unit is ANY_UNIT else dimension_name(self.unit)
        return f"{kind} {self.constraint.text}" if self.constraint else kind


@dataclass(eq=False, kw_only=True)
class InitializerParam(QuantityParam):
    """The initial value of a state; a callable is kept and called with the state's shape."""

    def stored(self, model: "Declared", value: Any) -> Any:
        is_function = callable(value) and not isinstance(value, (u.Quantity, u.Unit))
        return value if is_function else super().stored(model, value)

    def initial(self, model: "Declared", shape: Shape) -> Quantity:
        """The checked initial value, of exactly this shape."""
        value = getattr(model, self.name)
        if callable(value) and not isinstance(value, u.Quantity):
            value = value(shape)
        if self.unit is not ANY_UNIT and not same_dimension(value, self.unit):
            raise self.error(model, dimension_name(self.unit), show(value), UnitError)
        if np.shape(value) not in ((), self.size(model), shape):
            raise self.error(model, f"a scalar or shape {shape}", f"shape {np.shape(value)}")
        return full(value, shape)


def param(
    default: Any = REQUIRED,
    constraint: Constraint | None = None,
    doc: str = "",
    *,
    unit: u.Unit | None = None,
    above: str | None = None,
    differs_from: str | None = None,
    after: str | None = None,
    optional: bool = False,
    per: str | None = None,
    fixed: bool = False,
    kw_only: bool = True,
) -> Any:
    """Declare a parameter that has a unit.

    Write `tau: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="...")`.

    Args:
        default: Its default, whose unit is the one that is checked. Written as a keyword, it is
            seen by static type checkers too.
        constraint: A condition such as `positive`.
        doc: One line on what it is.
        unit: The unit where there is no default (or `ANY_UNIT`).
        above: Name of another parameter that this one must exceed.
        differs_from: Name of another parameter that this one must not equal.
        after: Name of the parameter behind which it stands in the signature.
        optional: Whether None is allowed.
        per: Name of an option, declared before, whose elements each have one value; not given,
            an array has one value per neuron.
        fixed: Whether it cannot be assigned to a model that exists.
        kw_only: What static type checkers are told; at run time every declared
            parameter may also be given by position.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, positive, state
        >>> class Leaky(Neuron):
        ...     tau = param(default=20.0 * u.ms, constraint=positive, doc="time constant")
        ...     V_th = param(default=20.0 * u.mV, above="V_reset")
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> Leaky(3, tau=10 * u.ms).tau
        Quantity(10., "ms")
        >>> Leaky(3, tau=0 * u.ms)
        Traceback (most recent call last):
        ...
        brainloom_core.errors.ParameterError: Leaky.tau: expected a time > 0, got 0 ms
    """
    unit = unit if unit is not None else u.get_unit(default)
    return QuantityParam(
        default=default,
        constraint=constraint,
        doc=doc,
        unit=unit,
        above=above,
        differs_from=differs_from,
        after=after,
        optional=optional,
        per=per,
        fixed=fixed,
    )


def initializer(
    default: Any,
    doc: str = "initial value",
    *,
    unit: u.Unit | None = None,
    after: str | None = None,
    per: str | None = None,
    steady: bool = False,
) -> Any:
    """Declare the initial value of a state: a constant, an array or a function of the shape.

    With `steady=True` it may be None, which means the steady state, `state(..., steady=...)`.

    Args:
        default: Its default, whose unit is the one that is checked.
        doc: One line on what it is, `"initial value"`.
        unit: The unit, where that of the default is not it; `ANY_UNIT` for any.
        after: Name of the parameter behind which it stands in the signature.
        per: Name of an option for each of whose elements the state has one value.
        steady: Whether None is allowed, for the steady state, False.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Dynamics, Uniform, initializer, state
        >>> class Cell(Dynamics):
        ...     V_initializer = initializer(default=-65.0 * u.mV)
        ...     V = state("V_initializer", "membrane potential")
        >>> cell = Cell(3, V_initializer=Uniform(-70 * u.mV, -60 * u.mV))
        >>> _ = brainstate.nn.init_all_states(cell)
        >>> cell.V.value.shape
        (3,)
    """
    if unit is None:
        unit = u.UNITLESS if default is None else u.get_unit(default)
    return InitializerParam(
        default=default, doc=doc, unit=unit, after=after, optional=steady, per=per
    )


def option(
    default: Any = REQUIRED,
    constraint: Constraint | None = None,
    doc: str = "",
    *,
    after: str | None = None,
    fixed: bool = False,
    kind: str | None = None,
    kw_only: bool = True,
) -> Any:
    """Declare a parameter that is not a number: a choice, a function, a flag.

    Args:
        default: Its default; without one it has to be given.
        constraint: A condition such as `one_of("soft", "hard")`.
        doc: One line on what it is.
        after: Name of the parameter behind which it stands in the signature.
        fixed: Whether it cannot be assigned to a model that exists. Options on which states
            depend (`state(when=...)`, `per=...`) are fixed by themselves.
        kind: The kind of things of plugins, such as `"surrogate"`, of which one may be given by
            the name under which it is registered.
        kw_only: What static type checkers are told, as in `param`.

    Examples:
        >>> from brainloom_core import Dynamics, one_of, option
        >>> class Cell(Dynamics):
        ...     kind = option(default="a", constraint=one_of("a", "b"))
        >>> Cell(1, kind="c")
        Traceback (most recent call last):
        ...
        brainloom_core.errors.ParameterError: Cell.kind: expected one of 'a', 'b', got 'c'
    """
    return Param(
        default=default, constraint=constraint, doc=doc, after=after, fixed=fixed, kind=kind
    )


def unwrapped(value: Any) -> Any:
    """The value of what is trained; anything else as it is."""
    if isinstance(value, brainstate.State):
        return value.value
    return value.value() if isinstance(value, brainstate.nn.Param) else value


def _may_be_finite(value: object) -> bool:
    """Whether a value is no known number that is NaN or infinite."""
    number = u.get_mantissa(value) if isinstance(value, u.Quantity) else value
    if isinstance(number, jax.core.Tracer) or not isinstance(
        number, (float, np.ndarray, jax.Array)
    ):
        return True
    array = np.asarray(number)
    return array.dtype.kind not in "fc" or bool(np.all(np.isfinite(array)))


def _is_traced(value: Quantity) -> bool:
    return isinstance(u.get_mantissa(value), jax.core.Tracer)
