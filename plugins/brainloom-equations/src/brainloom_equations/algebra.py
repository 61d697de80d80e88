"""What can be told of an expression without evaluating it: its degree, its noise, what it needs."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from .nodes import Node, constant, number

__all__ = ["degree", "split_noise", "substituted"]

LARGEST = 3000


def degree(node: Node, changing: Callable[[Node], int]) -> int:
    """The degree of an expression in what changes during a step: 0, 1, or 2 for anything else.

    Args:
        node: The expression.
        changing: The degree of a name.
    """
    if not node.args and node.op not in ("call",):
        return 0 if node.op == "number" else changing(node)
    degrees = [degree(arg, changing) for arg in node.args]
    highest = max(degrees, default=0)
    if highest == 0:
        return 0
    if node.op in ("+", "-", "neg", "of_time"):
        return highest
    if node.op == "*":
        return min(2, sum(degrees))
    if node.op == "/" and degrees[1] == 0:
        return degrees[0]
    if node.op == "**" and constant(node.args[1]) == 1.0:
        return degrees[0]
    return 2


def split_noise(node: Node) -> tuple[Node | None, dict[str, Node]]:
    """The part without noise, None for none, and the factor of each noise.

    Args:
        node: The right-hand side of an equation.

    Raises:
        EquationError: A noise is not just added, with a factor.
    """
    if not node.names("xi"):
        return node, {}
    if node.op == "xi":
        return None, {str(node.value): number(1.0)}
    if node.op == "neg":
        calm, noise = split_noise(node.args[0])
        rest = None if calm is None else replace(node, args=(calm,))
        return rest, {name: Node("neg", (factor,)) for name, factor in noise.items()}
    if node.op in ("+", "-"):
        (left, a), (right, b) = (split_noise(arg) for arg in node.args)
        signed = b if node.op == "+" else {name: Node("neg", (x,)) for name, x in b.items()}
        both = {n: Node("+", (a[n], signed[n])) for n in a.keys() & signed.keys()}
        noise = {**a, **signed, **both}
        if left is not None and right is not None:
            return replace(node, args=(left, right)), noise
        if right is None:
            return left, noise
        return (right if node.op == "+" else Node("neg", (right,))), noise
    if node.op in ("*", "/"):
        left_node, right_node = node.args
        if not right_node.names("xi"):
            return _spread(node, split_noise(left_node), lambda x: _times(node.op, x, right_node))
        if node.op == "*" and not left_node.names("xi"):
            return _spread(node, split_noise(right_node), lambda x: _times("*", x, left_node, True))
    raise node.error("xi can only be added, with a factor")


def _spread(
    node: Node, parts: tuple[Node | None, dict[str, Node]], by: Callable[[Node], Node]
) -> tuple[Node | None, dict[str, Node]]:
    calm, noise = parts
    rest = None if calm is None else by(calm)
    return rest, {name: by(factor) for name, factor in noise.items()}


def _times(op: str, x: Node, other: Node, other_first: bool = False) -> Node:
    """A product, without a factor of one."""
    if op == "*" and x.op == "number" and x.value == 1.0:
        return other
    return Node(op, (other, x) if other_first else (x, other))


def substituted(node: Node, values: Mapping[str, Node]) -> Node:
    """An expression with others in the place of names.

    Args:
        node: The expression.
        values: What to put, by name.

    Raises:
        EquationError: It becomes too long.
    """

    def put(inner: Node) -> Node:
        return values.get(str(inner.value), inner) if inner.op == "state" else inner

    result = node.mapped(put)
    if _size(result, {}) > LARGEST:
        raise node.error("the statements depend on each other in too long a chain")
    return result


def _size(node: Node, known: dict[int, int]) -> int:
    """Number of nodes, shared ones counted as often as they are used."""
    if id(node) not in known:
        known[id(node)] = 1 + sum(_size(arg, known) for arg in node.args)
    return known[id(node)]
