"""Expressions as trees: read by Python's grammar, and nothing but arithmetic is let through."""

import ast
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .fragments import EquationError, Fragment

__all__ = ["Node", "constant", "number", "parse"]

LONGEST, DEEPEST, LARGEST = 4000, 100, 100.0
BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
UNDERSCORES = "a name must not begin with an underscore, nor have two of them in a row"
UNKNOWN = {
    ast.Attribute: "an attribute (a name with a dot) is no part of an equation",
    ast.Subscript: "an index in brackets is no part of an equation",
    ast.Lambda: "a function cannot be defined in an equation",
    ast.IfExp: "write int(condition)*value in place of a conditional expression",
    ast.Await: "an equation cannot wait for something",
}


@dataclass(frozen=True)
class Node:
    """A number, a name, or an operation on other nodes.

    Attributes:
        op: The operator, `"call"`, `"number"`, `"name"`; once names are known, what a name is.
        args: What it operates on.
        value: The number or the name.
        place: Where it stands in the text.
    """

    op: str
    args: tuple["Node", ...] = ()
    value: str | float | int | bool = ""
    place: Fragment | None = None

    def walk(self) -> Iterator["Node"]:
        """This node and all below it."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    def names(self, *kinds: str) -> list[str]:
        """The names of some kinds in it, each once, in their order."""
        found = (str(node.value) for node in self.walk() if node.op in kinds)
        return list(dict.fromkeys(found))

    def mapped(self, change: "Callable[[Node], Node]") -> "Node":
        """The same tree with every node replaced, from the leaves up.

        Args:
            change: What makes of a node, whose parts are replaced already, the new one.
        """
        args = tuple(arg.mapped(change) for arg in self.args)
        return change(self if args == self.args else replace(self, args=args))

    def error(self, message: str) -> EquationError:
        """The error of this node.

        Args:
            message: What is wrong.
        """
        if self.place is None:
            return EquationError(message)
        return self.place.error(message)


def number(value: float) -> Node:
    """A number as a node."""
    return Node("number", value=value)


def parse(fragment: Fragment) -> Node:
    """The tree of an expression.

    Args:
        fragment: The expression.

    Raises:
        EquationError: It is none, or anything but arithmetic, comparisons and calls by name.
    """
    text = fragment.text
    if not text.strip():
        raise fragment.error("an expression is missing")
    if len(text) > LONGEST:
        raise fragment.error(f"an expression has {len(text)} characters; {LONGEST} are allowed")
    if not text.isascii():
        strange = next(k for k, letter in enumerate(text) if not letter.isascii())
        raise fragment.part(strange, strange + 1).error("only plain ASCII letters are allowed")
    if _depth(text) > DEEPEST:
        raise fragment.error(f"parentheses are nested more than {DEEPEST} deep")
    # In parentheses, so that it may go over several lines; the places stay where they are.
    flat = text.replace("\n", " ").replace("\r", " ").replace("\t", " ").replace("\f", " ")
    try:
        tree = ast.parse(f"({flat})", mode="eval").body
    except SyntaxError as error:
        at = max(0, min(len(text) - 1, (error.offset or 2) - 2))
        raise fragment.part(at, at + 1).error("this is no expression") from None
    except (MemoryError, RecursionError, ValueError):
        raise fragment.error("the expression is too deep to be read") from None
    return _checked(tree, fragment, 0)


def _depth(text: str) -> int:
    deepest = depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        deepest = max(deepest, depth)
    return deepest


def _checked(tree: ast.expr, fragment: Fragment, depth: int) -> Node:
    place = fragment.part(tree.col_offset - 1, (tree.end_col_offset or 0) - 1)
    if depth > DEEPEST:
        raise place.error(f"operations are nested more than {DEEPEST} deep")

    def inner(*trees: ast.expr) -> tuple[Node, ...]:
        return tuple(_checked(tree, fragment, depth + 1) for tree in trees)

    match tree:
        case ast.Constant(value=bool() as flag):
            return Node("number", (), flag, place)
        case ast.Constant(value=int() | float() as value):
            return Node("number", (), _finite(value, place), place)
        case ast.Name(id=name):
            if name.startswith("_") or "__" in name:
                raise place.error(UNDERSCORES)
            return Node("name", (), name, place)
        case ast.BinOp(op=op) if type(op) in BINARY:
            node = Node(BINARY[type(op)], inner(tree.left, tree.right), "", place)
            return _power(node) if isinstance(op, ast.Pow) else node
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not() as op, operand=operand):
            if isinstance(op, ast.UAdd):
                return inner(operand)[0]
            (arg,) = inner(operand)
            return Node("not" if isinstance(op, ast.Not) else "neg", (arg,), "", place)
        case ast.BoolOp(op=op, values=values):
            return Node("and" if isinstance(op, ast.And) else "or", inner(*values), "", place)
        case ast.Compare(left=left_tree, ops=[op], comparators=[right_tree]) if (
            type(op) in COMPARED
        ):
            return Node(COMPARED[type(op)], inner(left_tree, right_tree), "", place)
        case ast.Compare(ops=[_, _, *_]):
            raise place.error("write a chain of comparisons as (a < b) and (b < c)")
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]):
            if name.startswith("_") or "__" in name:
                raise place.error(UNDERSCORES)
            return Node("call", inner(*given), name, place)
        case ast.Call(func=ast.Name()):
            raise place.error("arguments by name are not allowed")
        case ast.Call(func=ast.Attribute() as func):
            return _checked(func, fragment, depth + 1)
    message = next((text for kind, text in UNKNOWN.items() if isinstance(tree, kind)), None)
    raise place.error(message or "this is no part of an equation")


def _finite(value: float, place: Fragment) -> float | int:
    if isinstance(value, int) and abs(value) < 2**31:
        return value
    try:
        value = float(value)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise place.error("a number is too large")
    return value


def _power(node: Node) -> Node:
    """A power, whose exponent is small where it is known."""
    base, exponent = node.args
    known = constant(exponent)
    if known is not None and abs(known) > LARGEST:
        raise exponent.error(f"an exponent beyond {LARGEST:g} is not allowed")
    if constant(base) is not None and known is not None and constant(node) is None:
        raise node.error("a number is too large")
    return node


def constant(node: Node) -> float | None:
    """The value of arithmetic on plain numbers, None for anything else."""
    if node.op == "number":
        return float(node.value)
    if node.op not in ("neg", *BINARY.values()):
        return None
    values = [constant(arg) for arg in node.args]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    try:
        result = _ARITHMETIC[node.op](*known)
    except (ArithmeticError, ValueError):
        return None
    return result if isinstance(result, float) and math.isfinite(result) else None


_ARITHMETIC: dict[str, Callable[..., float]] = {
    "neg": lambda a: -a,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}
