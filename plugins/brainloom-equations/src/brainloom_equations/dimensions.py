"""What kind of quantity each part of an expression is; what does not fit is pointed at."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import brainunit as u
from brainloom_core.units import dimension_name

from .nodes import Node, constant

__all__ = [
    "CONDITIONS",
    "FUNCTIONS",
    "NUMBER",
    "Called",
    "Dimension",
    "Kinds",
    "dimension",
    "is_condition",
    "require_dimension",
]

NUMBER = u.UNITLESS.dim
CONDITIONS = ("<", "<=", ">", ">=", "==", "!=", "and", "or", "not")

# By name in equations: name in `functions`, number of arguments, and what becomes of the dimension.
FUNCTIONS: dict[str, tuple[str, int, str]] = {
    **{
        name: (name, 1, "number")
        for name in (
            *("exp", "expm1", "exprel", "log", "log10", "log1p", "sin", "cos", "tan", "arcsin"),
            *("arccos", "arctan", "sinh", "cosh", "tanh", "floor", "ceil"),
        )
    },
    "abs": ("fabs", 1, "same"),
    "sign": ("sign", 1, "none"),
    "sqrt": ("sqrt", 1, "root"),
    "clip": ("clip", 3, "same"),
    "int": ("integer", 1, "number"),
    "rand": ("rand", 0, "number"),
    "randn": ("randn", 0, "number"),
}

Dimension: TypeAlias = Any
"""A dimension of `brainunit`."""

Kinds: TypeAlias = Mapping[str, Dimension]
"""The dimension of each name."""

Called: TypeAlias = Mapping[str, Callable[[Node, list[Dimension]], Dimension]]
"""How the dimension of a call of a function is found, by name."""


def words(dim: Dimension) -> str:
    """A dimension in words."""
    unit = next((unit for unit in _KNOWN if unit.dim == dim), None)
    return dimension_name(unit) if unit is not None else f"a quantity of dimension {dim}"


_KNOWN = (u.ms, u.mV, u.mA, u.ohm, u.mS, u.pF, u.Hz, u.UNITLESS)


def dimension(node: Node, kinds: Kinds, functions: Called) -> Dimension:
    """The dimension of an expression.

    Args:
        node: The expression.
        kinds: The dimension of each name.
        functions: Further functions by name, each of a call and of the dimensions of its arguments.

    Raises:
        EquationError: Its parts do not fit, with the part underlined.
    """
    if node.op == "number":
        return NUMBER
    if not node.args and node.op != "call":
        return kinds[str(node.value)]
    dims = [dimension(arg, kinds, functions) for arg in node.args]
    if node.op == "call":
        return _called(node, dims, functions)
    if node.op in ("+", "-", "%", *CONDITIONS[:6]):
        left, right = dims
        if left != right:
            verb = {"+": "be added to", "-": "be subtracted from", "%": "divide"}.get(node.op)
            said = (
                f"{words(right)} cannot {verb} {words(left)}"
                if verb
                else f"{words(left)} cannot be compared with {words(right)}"
            )
            raise node.args[1].error(said)
        return NUMBER if node.op in CONDITIONS else left
    if node.op in ("and", "or", "not"):
        for arg in node.args:
            if not is_condition(arg):
                raise arg.error("expected a condition, such as v > v_th")
        return NUMBER
    if node.op == "**":
        return _power(node, dims)
    if node.op in ("neg", "of_time"):
        return dims[0]
    left, right = dims
    if node.op == "//" and left != right:
        raise node.args[1].error(f"{words(left)} divided by {words(right)} has no whole part")
    return left * right if node.op == "*" else left / right


def is_condition(node: Node) -> bool:
    """Whether an expression is true or false."""
    truth = node.op == "number" and isinstance(node.value, bool)
    return node.op in CONDITIONS or truth or node.value == "not_refractory"


def _power(node: Node, dims: list[Dimension]) -> Dimension:
    exponent = node.args[1]
    if dims[1] != NUMBER:
        raise exponent.error(f"an exponent is a number without unit, not {words(dims[1])}")
    known = constant(exponent)
    if dims[0] == NUMBER:
        return NUMBER
    if known is None:
        raise exponent.error(f"{words(dims[0])} can only be raised to a power that is a number")
    return dims[0] ** known


def _called(node: Node, dims: list[Dimension], functions: Called) -> Dimension:
    name = str(node.value)
    if name in functions:
        return functions[name](node, dims)
    _, count, rule = FUNCTIONS[name]
    if len(dims) != count:
        raise node.error(f"{name} takes {count} argument{'s' * (count != 1)}, not {len(dims)}")
    if rule == "number":
        for arg, dim in zip(node.args, dims, strict=True):
            if dim != NUMBER:
                raise arg.error(f"{name} takes a number without unit, not {words(dim)}")
        return NUMBER
    for arg, dim in zip(node.args[1:], dims[1:], strict=True):
        if dim != dims[0]:
            raise arg.error(f"{name} compares {words(dims[0])} with {words(dim)}")
    return {"same": dims[0], "none": NUMBER, "root": dims[0] ** 0.5}[rule]


def require_dimension(
    node: Node, wanted: Dimension, what: str, kinds: Kinds, functions: Called
) -> None:
    """Refuse an expression of another dimension.

    Args:
        node: The expression.
        wanted: The dimension that it has to have.
        what: What it is, for the error.
        kinds: The dimension of each name.
        functions: Further functions, as in `dimension`.

    Raises:
        EquationError: It has another one.
    """
    found = dimension(node, kinds, functions)
    if found == wanted:
        return
    for term in _terms(node):  # one of a sum has the place that is meant
        if dimension(term, kinds, functions) != wanted:
            node = term
            break
    raise node.error(f"{what} is {words(wanted)}, and this is {words(found)}")


def _terms(node: Node) -> list[Node]:
    if node.op in "+-" and node.args:
        return [*_terms(node.args[0]), *_terms(node.args[1])]
    return [node]
