"""Declared constructor arguments and declared states: the class attributes of a model."""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..arrays import broadcast, on_device
from ..errors import ParameterError, StateError, UnitError
from ..units import dimension_name, same_dimension, show, to_number, with_unit
from .constraints import Constraint, is_met
from .states import Held

__all__ = [
    "ANY_UNIT",
    "REQUIRED",
    "Param",
    "StateSpec",
    "option",
    "option_field",
    "param",
    "quantity_field",
    "state",
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
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: Any, owner: type | None = None) -> Any:
        return self if model is None else _unwrap(vars(model).get(self.name, self.default))

    def __set__(self, model: Any, value: Any) -> None:
        attributes = vars(model)
        if self.name in attributes and not attributes.get("_setting", False):
            model._reassign(self.name, value)
        else:  # the constructor, which checks, or one that is written by hand
            attributes[self.name] = value
        attributes["_version"] = attributes.get("_version", 0) + 1

    def stored(self, model: Any, value: Any) -> Any:
        """Check a value and return the form to keep; raise naming model and parameter."""
        if self.constraint is not None and not is_met(self.constraint, value):
            raise self._error(model, self.constraint.text, show(value))
        if not _may_be_finite(value):
            raise self._error(model, "a finite value", show(value))
        return value

    def replaced(self, model: Any, held: Any, value: Any) -> Any:
        """The form to keep of a value that takes the place of another one."""
        return self.stored(model, value)

    def check_relations(self, model: Any) -> None:
        """Check what can only be judged once every parameter is set."""

    def _error(
        self, model: Any, expected: str, got: str, kind: type[ParameterError] = ParameterError
    ) -> ParameterError:
        return kind(f"{type(model).__name__}.{self.name}: expected {expected}, got {got}")


@dataclass(eq=False, kw_only=True)
class QuantityParam(Param):
    """A number with a unit: scalar, array of the population's shape, initializer or trainable."""

    unit: Any
    above: str | None = None
    differs_from: str | None = None
    optional: bool = False
    per: str | None = None

    def stored(self, model: Any, value: Any) -> Any:
        if value is None and self.optional:
            return None
        if callable(value) and not isinstance(value, (u.Quantity, u.Unit, brainstate.nn.Param)):
            value = value(model.varshape)
        if isinstance(value, (brainstate.State, brainstate.nn.Param)):
            self._check(model, _unwrap(value))
            if isinstance(value, brainstate.State):  # 5 * u.mV is whole, and could not be trained
                value.value = u.math.asarray(value.value, dtype=brainstate.environ.dftype())
            return value
        try:
            value = as_float(value)
        except (TypeError, ValueError, u.UnitMismatchError):
            raise self._error(model, self._expected(), show(value)) from None
        self._check(model, value)
        return value

    def check_relations(self, model: Any) -> None:
        if self.above is not None:
            self._compare(model, self.above, ">", operator.gt)
        if self.differs_from is not None:
            self._compare(model, self.differs_from, "different from", operator.ne)

    def replaced(self, model: Any, held: Any, value: Any) -> Any:
        """The form to keep: a number is written into the trainable state that is there."""
        kept = self.stored(model, value)
        if not isinstance(held, brainstate.State) or isinstance(kept, brainstate.State):
            return kept
        shape, unit = np.shape(held.value), u.get_unit(held.value)
        if isinstance(kept, brainstate.nn.Param) or kept is None or callable(kept):
            return kept
        if np.shape(kept) not in ((), shape):
            raise self._error(
                model,
                f"a scalar or an array of shape {shape}, that of the trainable parameter",
                f"shape {np.shape(kept)}",
            )
        held.value = full(with_unit(to_number(kept, unit), unit), shape)
        return held

    def keep(self, model: Any, old: Any, new: Any) -> Any:
        """What to take for a proposed new value, from an old one, so that all conditions hold."""
        unit = u.get_unit(old)
        before, after = (jnp.asarray(to_number(value, unit)) for value in (old, new))
        if self.constraint is not None and self.constraint.keep is not None:
            after = self.constraint.keep(before, after)
        if self.above is not None:
            least = to_number(getattr(model, self.above), unit)
            after = jnp.where(after > least, after, (before + least) / 2)
        return with_unit(after, unit)

    def _compare(self, model: Any, other_name: str, words: str, holds: Callable[..., Any]) -> None:
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
        raise self._error(model, f"{self.name} {words} {other_name}", got)

    def _check(self, model: Any, value: Any) -> None:
        if self.unit is not ANY_UNIT and not same_dimension(value, self.unit):
            unknown = self.default is REQUIRED or self.default is None or callable(self.default)
            example = show(1.0 * self.unit if unknown else self.default)
            expected = f"{self._expected()} (for example {example})"
            raise self._error(model, expected, show(value), UnitError)
        shape, size = np.shape(u.get_mantissa(value)), self._size(model)
        if size is not None and shape not in ((), size):
            raise self._error(model, f"a scalar or an array of shape {size}", f"shape {shape}")
        if _is_traced(value):
            return
        plain = self.unit is ANY_UNIT
        number = np.asarray(u.get_mantissa(value) if plain else to_number(value, self.unit))
        if not np.all(np.isfinite(number)):
            raise self._error(model, f"{self._expected()}, finite", show(value))
        if self.constraint is not None and not np.all(self.constraint.holds(number)):
            raise self._error(model, self._expected(), show(value))

    def _size(self, model: Any) -> tuple[int, ...] | None:
        """The shape of an array of values, None where any is accepted."""
        if self.per is not None:
            return (len(getattr(model, self.per)),)
        return getattr(model, "varshape", None)

    def _expected(self) -> str:
        kind = "a number" if self.unit is ANY_UNIT else dimension_name(self.unit)
        return f"{kind} {self.constraint.text}" if self.constraint else kind


@dataclass(eq=False, kw_only=True)
class InitializerParam(QuantityParam):
    """The initial value of a state; a callable is kept and called with the state's shape."""

    def stored(self, model: Any, value: Any) -> Any:
        is_function = callable(value) and not isinstance(value, (u.Quantity, u.Unit))
        return value if is_function else super().stored(model, value)

    def initial(self, model: Any, shape: tuple[int, ...]) -> Any:
        """The checked initial value, of exactly this shape."""
        value = getattr(model, self.name)
        if callable(value) and not isinstance(value, u.Quantity):
            value = value(shape)
        if self.unit is not ANY_UNIT and not same_dimension(value, self.unit):
            raise self._error(model, dimension_name(self.unit), show(value), UnitError)
        if np.shape(value) not in ((), self._size(model), shape):
            raise self._error(model, f"a scalar or shape {shape}", f"shape {np.shape(value)}")
        return full(value, shape)


def param(
    default: Any = REQUIRED,
    constraint: Constraint | None = None,
    doc: str = "",
    *,
    unit: Any = None,
    above: str | None = None,
    differs_from: str | None = None,
    after: str | None = None,
    optional: bool = False,
    per: str | None = None,
    fixed: bool = False,
    kw_only: bool = True,
) -> Any:
    """Declare a parameter that has a unit.

    Write `tau: Any = param(default=5.0 * u.ms, constraint=positive, doc="...")`.

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
    unit: Any = None,
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
    return Param(default=default, constraint=constraint, doc=doc, after=after, fixed=fixed)


class _Field(Param):
    """A field of a frozen dataclass: checked when it is set, unwrapped when it is read."""

    def __get__(self, holder: Any, owner: type | None = None) -> Any:
        if holder is not None:
            return _unwrap(vars(holder)[self.name])
        if self.default is REQUIRED:
            raise AttributeError(self.name)  # by which dataclasses know that there is no default
        return self.default

    def __set__(self, holder: Any, value: Any) -> None:
        vars(holder)[self.name] = self.stored(holder, value)


class _QuantityField(_Field, QuantityParam):
    def stored(self, model: Any, value: Any) -> Any:
        if callable(value) and not isinstance(value, (u.Unit, brainstate.nn.Param)):
            raise self._error(model, self._expected(), show(value))
        return super().stored(model, value)


def quantity_field(
    default: Any = REQUIRED,
    constraint: Constraint | None = None,
    *,
    unit: Any = None,
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


@dataclass(eq=False)
class StateSpec:
    """A declared state; reading it before it exists says what to do."""

    initial: str | Callable[[Any, tuple[int, ...]], Any]
    doc: str
    kind: type[brainstate.State]
    steady: Callable[[Any], Any] | None = None
    when: str | None = None
    per: str | None = None
    slow: bool = False
    internal: bool = False
    lost_of: str | None = None
    name: str = field(default="", init=False)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, model: Any, owner: type | None = None) -> Any:
        if model is None:
            return self
        owner_name = type(model).__name__
        if not self.wanted(model):
            raise StateError(
                f"{owner_name}.{self.name}: this state is kept only by a model that was made "
                f"with {self.when}=True"
            )
        raise self.missing(model)

    def missing(self, model: Any) -> StateError:
        """The error of a state that does not exist."""
        return StateError(
            f"{type(model).__name__}.{self.name}: the state does not exist yet. "
            "Call brainstate.nn.init_all_states(net) before the first step."
        )

    def wanted(self, model: Any) -> bool:
        """Whether a model keeps this state; a class stands for its defaults."""
        if self.when is None:
            return True
        chosen = getattr(model, self.when)
        return bool(chosen.default if isinstance(chosen, Param) else chosen)

    def shape(self, model: Any, batch_size: int | None) -> tuple[int, ...]:
        """The shape of the state: batch, population, and the axis that it has of its own."""
        own = () if self.per is None else (len(getattr(model, self.per)),)
        return (*model.state_shape(batch_size), *own)

    def held(self, model: Any, value: Any, batch_size: int | None) -> Held:
        """What each value of the state has to be, by its first one."""
        batched = self.shape(model, -1)
        axis = batched.index(-1) if -1 in batched else 0
        shape = np.shape(value)
        if batch_size is not None and shape == self.shape(model, batch_size):
            shape = (*shape[:axis], *shape[axis + 1 :])
        where = f"{type(model).__name__}.{self.name}"
        return Held(where, shape, axis, u.get_unit(value), u.get_mantissa(value).dtype)

    def value(self, model: Any, shape: tuple[int, ...]) -> Any:
        """The initial value, of this shape."""
        if isinstance(self.initial, str):
            if self.steady is not None and getattr(model, self.initial) is None:
                return self.steady(model)
            declared: InitializerParam = getattr(type(model), self.initial)
            return declared.initial(model, shape)
        return self.initial(model, shape)


def state(
    initial: str | Callable[[Any, tuple[int, ...]], Any],
    doc: str = "",
    kind: type[brainstate.State] = brainstate.HiddenState,
    *,
    steady: Callable[[Any], Any] | None = None,
    when: str | None = None,
    per: str | None = None,
    slow: bool = False,
    internal: bool = False,
) -> Any:
    """Declare a state.

    Args:
        initial: The name of an `initializer` parameter, or a function of the model and the
            state's shape (batch axis included) such as a steady state.
        doc: One line on what it is.
        kind: The state's class; learning rules follow `brainstate.HiddenState`.
        steady: What it starts with where its initializer is None: a function of the model, in
            which the states declared before have their values.
        when: Name of an option without which the model does not keep this state.
        per: Name of an option for each of whose elements there is one value, along a last axis.
        slow: Whether it may change by less in a step than a float32 can tell, as with a time
            constant of seconds. What rounding leaves out of a state `x` is then kept, in a state
            `x_lost`, until it is enough to be added: of any scheme and to any end.
        internal: Whether it serves the base class alone, so that models do not describe it.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Dynamics, full, initializer, state
        >>> class Cell(Dynamics):
        ...     V_initializer = initializer(default=-65.0 * u.mV)
        ...     V = state("V_initializer", "membrane potential")
        ...     n = state(lambda model, shape: full(0.5, shape), "gating variable")
        >>> cell = Cell(2)
        >>> _ = brainstate.nn.init_all_states(cell, batch_size=3)
        >>> cell.V.value.shape, cell.n.value.shape
        ((3, 2), (3, 2))
    """
    return StateSpec(initial, doc, kind, steady, when, per, slow, internal)


def as_float(value: Any) -> Any:
    """Scalars stay Python numbers (weakly typed, free under jit); arrays get the float dtype."""
    if isinstance(value, u.Unit):
        value = 1.0 * value
    if isinstance(value, (list, tuple)):
        value = u.math.asarray(value)
    if isinstance(value, u.Quantity):
        return u.Quantity(as_float(value.mantissa), unit=value.unit)
    if isinstance(value, jax.core.Tracer):
        return value
    if isinstance(value, bool) or not isinstance(
        value, (int, float, np.ndarray, np.generic, jax.Array)
    ):
        raise TypeError("not a number")
    return float(value) if np.ndim(value) == 0 else on_device(value, brainstate.environ.dftype())


def full(value: Any, shape: tuple[int, ...]) -> Any:
    """A floating-point array of this shape from a scalar or from one value per neuron.

    Args:
        value: The value, with or without a unit; scalar or of a shape that broadcasts to `shape`.
        shape: Shape of the array.

    Raises:
        ParameterError: It is no number, or does not broadcast to the shape.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import full
        >>> print(full(2.0 * u.mV, (3,)))
        [2. 2. 2.] mV
    """
    if not isinstance(shape, tuple):
        raise ParameterError(f"full.shape: expected a tuple of whole numbers, got {show(shape)}")
    try:
        unit = u.get_unit(value)
        number = broadcast(u.get_mantissa(value), shape, brainstate.environ.dftype())
    except (TypeError, ValueError):
        raise ParameterError(
            f"full.value: expected a number, or an array of shape {shape}, got {show(value)}"
        ) from None
    return with_unit(number, unit)


def _unwrap(value: Any) -> Any:
    if isinstance(value, brainstate.State):
        return value.value
    return value.value() if isinstance(value, brainstate.nn.Param) else value


def _may_be_finite(value: Any) -> bool:
    """Whether a value is no known number that is NaN or infinite."""
    number = u.get_mantissa(value) if isinstance(value, u.Quantity) else value
    if isinstance(number, jax.core.Tracer) or not isinstance(
        number, (float, np.ndarray, jax.Array)
    ):
        return True
    array = np.asarray(number)
    return array.dtype.kind not in "fc" or bool(np.all(np.isfinite(array)))


def _is_traced(value: Any) -> bool:
    return isinstance(u.get_mantissa(value), jax.core.Tracer)
