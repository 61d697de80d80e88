"""What is trained: parameters by name, and the conditions that hold while they change."""

import fnmatch
from collections.abc import Callable, Mapping
from inspect import getattr_static
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Constraint, Declared, ParameterError, Surrogate, checked, flag, full
from brainloom_core.names import dotted, owner_of
from brainloom_core.types import Quantity
from brainloom_core.units import show, with_unit

from .arguments import MODULE

__all__ = ["could_be_trained", "keep_sign", "make_trainable", "trainable"]

# From an old and a proposed value to the one to take.
Condition = Callable[[Quantity, Quantity], Quantity]


def could_be_trained(model: brainstate.nn.Module) -> str:
    """The name of a number of a model that could be made a trainable parameter."""
    for path, node in model.nodes().items():
        declared = node.declared_parameters() if isinstance(node, Declared) else {}
        numbers = [name for name, it in declared.items() if hasattr(it, "unit")]
        named = [name for name in numbers if getattr(node, name, None) is not None]
        if named:
            return dotted((*path, "tau" if "tau" in named else named[0]))
    return "E.tau"


@checked(model=MODULE)
def trainable(model: brainstate.nn.Module, *names: str) -> dict[str, brainstate.ParamState]:
    """The trainable parameters of a model and of all its parts, by dotted name.

    Args:
        model: The model.
        names: Which to return, names or patterns such as `"layers.0.*"`; none for all.

    Raises:
        ParameterError: A name or pattern fits none.

    Examples:
        >>> import brainstate
        >>> from brainloom_training import trainable
        >>> list(trainable(brainstate.nn.Sequential(brainstate.nn.Linear(3, 2))))
        ['layers.0.weight']
    """
    states = model.states(brainstate.ParamState)
    found = {".".join(map(str, path)): state for path, state in states.items()}
    chosen = {n for pattern in names for n in _fitting(pattern, found)} if names else set(found)
    return {name: state for name, state in found.items() if name in chosen}


@checked(model=MODULE, per_neuron=flag)
def make_trainable(
    model: brainstate.nn.Module, *names: str, per_neuron: bool = False
) -> dict[str, brainstate.ParamState]:
    """Turn parameters of a model into trainable ones, in place.

    Whatever a model declares as a number can be trained: a time constant, a threshold, the
    initial value of a state (its `..._initializer`; a random one is drawn once), the weight of a
    connection. A delay is made trainable with its projection, by `delay=ParamState(...)` and
    `max_delay=...`, and the slope of a surrogate gradient by `ReluGrad(alpha=ParamState(0.3))`.

    Args:
        model: The model.
        names: Dotted names of the parameters, such as `"E.tau"` or `"layers.1.V_initializer"`.
        per_neuron: Whether each neuron gets a value of its own.

    Returns:
        The parameters that were asked for, by name.

    Raises:
        ParameterError: A name does not lead to a number that can be trained.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, param
        >>> from brainloom_training import make_trainable
        >>> class Leaky(Neuron):
        ...     tau = param(default=20.0 * u.ms)
        >>> list(make_trainable(Leaky(3), "tau", per_neuron=True))
        ['tau']
    """
    return {name: _made_trainable(model, name, per_neuron) for name in names}


def keep_sign(initial: Quantity) -> Condition:
    """A condition for `constraints`: each weight keeps the sign that it begins with.

    That is Dale's law for the weights of a population; a weight that begins at zero stays there.

    Args:
        initial: The weights to begin with, with or without a unit.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import keep_sign
        >>> keep = keep_sign(jnp.array([1.0, -1.0, 0.0]))
        >>> old, new = jnp.array([1.0, -1.0, 0.0]), jnp.array([-0.5, -2.0, 3.0])
        >>> print(keep(old, new))
        [ 0. -2.  0.]
    """
    sign = jnp.sign(u.get_mantissa(initial))

    def keep(old: Quantity, new: Quantity) -> Quantity:
        number = u.get_mantissa(new)
        return with_unit(jnp.where(jnp.sign(number) == sign, number, 0), u.get_unit(new))

    return keep


def conditions(
    model: brainstate.nn.Module, given: Mapping[str, object] | None
) -> dict[str, Condition]:
    """How each trainable parameter is kept within its conditions, declared or given."""
    states = trainable(model)
    names = {id(state): name for name, state in states.items()}
    found: dict[str, Condition] = {}
    for node in model.nodes(Declared).values():
        for name, state in node.trained().items():
            found[names[id(state)]] = _declared(node, name)
        found |= _of_surrogate(getattr(node, "spk_fun", None), names)
    for pattern, condition in (given or {}).items():
        for name in _fitting(pattern, states):
            wanted = _condition(pattern, condition, states[name].value)
            found[name] = _both(found[name], wanted) if name in found else wanted
    return found


def _made_trainable(
    model: brainstate.nn.Module, name: str, per_neuron: bool
) -> brainstate.ParamState:
    owner, last = owner_of(model, name)
    held = getattr(owner, "__dict__", {}).get(last)
    if isinstance(held, brainstate.ParamState):
        return held
    shape = getattr(owner, "varshape", getattr(owner, "in_size", ()))  # of a readout, its outputs
    declared: Any = getattr(type(owner), last, None)
    value = declared.initial(owner, shape) if hasattr(declared, "initial") else held
    if last == "delay" or not _is_number(value):
        known = getattr(owner, "__dict__", {}).items()
        numbers = sorted(k for k, v in known if _is_number(v) and not k.startswith("_"))
        says = f"make_trainable: {name!r}"
        if last == "delay":
            raise ParameterError(
                f"{says}: give a delay as a ParamState, with max_delay, when the projection is made"
            )
        raise ParameterError(f"{says}: expected a number, one of {numbers}; got {show(value)}")
    number = jnp.asarray(u.get_mantissa(value), brainstate.environ.dftype())
    value = with_unit(number, u.get_unit(value))
    state = brainstate.ParamState(full(value, shape) if per_neuron else value)
    setattr(owner, last, state)
    return state


def _is_number(value: object) -> bool:
    number = u.get_mantissa(value)
    return isinstance(number, (int, float, np.ndarray, np.generic, jax.Array)) and not isinstance(
        number, bool
    )


def _fitting(pattern: str, names: Mapping[str, object]) -> list[str]:
    found = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
    if not found:
        known = ", ".join(names) or "none"
        raise ParameterError(
            f"{pattern!r}: expected a trainable parameter, or a pattern; there are: {known}"
        )
    return found


def _declared(node: Declared, name: str) -> Condition:
    return lambda old, new: node.keep(name, old, new)


def _of_surrogate(spk_fun: object, names: Mapping[int, str]) -> dict[str, Condition]:
    """The conditions that a spike function declares of its trained parameters, by their names."""
    found = {}
    for field, value in vars(spk_fun).items() if isinstance(spk_fun, Surrogate) else ():
        constraint = getattr(getattr_static(spk_fun, field, None), "constraint", None)
        if id(value) in names and constraint is not None and constraint.keep is not None:
            found[names[id(value)]] = _of_number(constraint.keep)
    return found


def _both(first: Condition, second: Condition) -> Condition:
    return lambda old, new: second(old, first(old, new))


def _condition(pattern: str, condition: object, initial: Quantity) -> Condition:
    """A condition that is given for a parameter, as a function of an old and a new value."""
    if condition is keep_sign:
        return keep_sign(initial)
    if isinstance(condition, Constraint) and condition.keep is not None:
        return _of_number(condition.keep)
    if callable(condition):
        return lambda old, new: condition(new)
    raise ParameterError(
        f"constraints: {pattern!r}: expected a constraint such as non_negative or between(0, 1), "
        f"keep_sign, or a function from a proposed value to the one to take, got {show(condition)}"
    )


def _of_number(condition: Condition) -> Condition:
    return lambda old, new: with_unit(
        condition(u.get_mantissa(old), u.get_mantissa(new)), u.get_unit(new)
    )
