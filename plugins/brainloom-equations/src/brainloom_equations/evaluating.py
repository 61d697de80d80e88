"""Values of expressions: closures over a checked tree; no text is ever run."""

import inspect
import operator
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core.types import Quantity, Values

from . import functions
from .dimensions import FUNCTIONS
from .model import Model
from .nodes import Node

__all__ = ["CONSTANTS", "evaluated", "method"]

CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf}
OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def evaluated(node: Node, model: Any, y: Values) -> Any:
    """The value of an expression.

    Args:
        node: The expression.
        model: The neuron, for its parameters.
        y: States by name, and the input; in a function of time also `t`.
    """
    name = str(node.value)
    match node.op:
        case "number":
            return node.value if isinstance(node.value, bool) else float(node.value)
        case "state" | "input" | "outer":
            return y[name]
        case "param":
            return getattr(model, name)
        case "unit":
            return getattr(u, name)
        case "constant":
            return CONSTANTS[name]
        case "special":
            return y["t"] if name == "t" else getattr(model, name)
        case "sub":
            function = getattr(model, name)
            return function(*(y[n] for n in inspect.signature(function).parameters))
        case "of_time":
            return model.of_time(lambda t: evaluated(node.args[0], model, {**y, "t": t}))
        case "**":
            base, exponent = node.args
            power = _exponent(exponent)
            raised = evaluated(exponent, model, y) if power is None else power
            return evaluated(base, model, y) ** raised
    values = [evaluated(arg, model, y) for arg in node.args]
    if node.op == "call":
        if name not in FUNCTIONS:
            return getattr(model, name)(*values)
        function = getattr(functions, FUNCTIONS[name][0])
        return function(model.shape) if name in ("rand", "randn") else function(*values)
    if node.op == "helper":
        return getattr(functions, name)(*values)
    if node.op == "neg":
        return -values[0]
    if node.op == "not":
        return jnp.logical_not(values[0])
    if node.op in ("and", "or"):
        join = jnp.logical_and if node.op == "and" else jnp.logical_or
        result = values[0]
        for value in values[1:]:
            result = join(result, value)
        return result
    return OPERATORS[node.op](*values)


def _exponent(node: Node) -> int | float | None:
    """A power as it is written, so that a square is one; None where it is an expression."""
    if node.op == "number":
        return node.value if isinstance(node.value, (int, float)) else None
    if node.op == "neg" and (inner := _exponent(node.args[0])) is not None:
        return -inner
    return None


def method(
    model: Model, name: str, compute: Callable[[Any, Values], Quantity], *nodes: Node
) -> Callable[..., Quantity]:
    """A method of a class that takes the states that its expressions need, by name.

    Args:
        model: The model.
        name: What the method is called.
        compute: The value, from the neuron and the states.
        nodes: The expressions.
    """
    return _named(name, model.needs(*nodes), compute)


def _named(
    name: str, taken: tuple[str, ...], compute: Callable[[Any, Values], Quantity]
) -> Callable[..., Quantity]:
    def function(self: Any, *args: Quantity, **kwargs: Quantity) -> Quantity:
        return compute(self, {**dict(zip(taken, args, strict=False)), **kwargs})

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(n, kind) for n in ("self", *taken)]
    function.__name__ = name
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function
