"""Equations as Brian2 writes them, each read into a definition; statements of a reset."""

import re
from dataclasses import dataclass

import brainunit as u

from .fragments import Fragment
from .nodes import Node, constant, parse

__all__ = ["Definition", "Statement", "read_definitions", "read_statements", "unit_named"]

FLAGS = {
    "differential equation": {"unless refractory", "event-driven", "clock-driven"},
    "subexpression": {"shared", "summed", "constant over dt"},
    "parameter": {"constant", "shared"},
}
# In front of the colon: a derivative, or a name, with an expression or without.
HEAD = re.compile(r"\s*(?:d(?P<state>\w+)\s*/\s*dt|(?P<name>\w+))\s*(?P<equals>=(?!=))?")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
ASSIGNED = re.compile(r"\s*(\w+)\s*([-+*/]|\*\*)?=(?!=)")
STATES, LARGEST_TEXT = 200, 40_000


@dataclass(frozen=True)
class Definition:
    """One line of equations.

    Attributes:
        kind: A key of `FLAGS`.
        name: The name that it defines.
        unit: Its unit.
        flags: What stands in parentheses behind the unit.
        expression: The right-hand side; None of a parameter.
        place: Where the name stands.
    """

    kind: str
    name: str
    unit: u.Unit
    flags: frozenset[str]
    expression: Node | None
    place: Fragment


@dataclass(frozen=True)
class Statement:
    """One assignment: a name, the operator before the `=`, what is assigned."""

    name: str
    operator: str
    expression: Node
    place: Fragment


def read_definitions(what: str, text: str, *, needs_equation: bool = True) -> list[Definition]:
    """The definitions of a text of equations.

    Args:
        what: What the text is, for errors.
        text: The text.
        needs_equation: Whether one of them has to be a differential equation.

    Raises:
        EquationError: A line is no definition, or a name is defined twice.
    """
    if not isinstance(text, str):
        raise Fragment(what, "", 0, 0).error(f"expected a text, got {type(text).__name__}")
    if len(text) > LARGEST_TEXT:
        raise Fragment(what, "", 0, 0).error(f"the text is longer than {LARGEST_TEXT} letters")
    whole = Fragment.of(what, text)
    found: list[Definition] = []
    start = 0
    while whole.text[start:].strip():
        colon = whole.text.find(":", start)
        first = whole.part(start, len(whole.text))
        if colon < 0:
            line = first.part(0, first.text.find("\n") % (len(first.text) + 1))
            raise line.error("a definition ends with its unit: write ': volt', or ': 1'")
        end = whole.text.find("\n", colon)
        end = len(whole.text) if end < 0 else end
        body = whole.part(start, colon)
        found.append(_definition(body, whole.part(colon + 1, end)))
        start = end
    seen: dict[str, Definition] = {}
    for definition in found:
        if definition.name in seen:
            raise definition.place.error(f"{definition.name} is defined twice")
        seen[definition.name] = definition
    if needs_equation and not any(d.kind == "differential equation" for d in found):
        raise whole.part(0, 0).error(
            "there is no differential equation, such as dv/dt = -v/tau : 1"
        )
    return found


def _definition(body: Fragment, tail: Fragment) -> Definition:
    head = HEAD.match(body.text)
    name = (head["state"] or head["name"]) if head else None
    if head is None or name is None:
        raise body.error("expected 'dx/dt = ... : unit', 'x = ... : unit' or 'x : unit'")
    group = "state" if head["state"] else "name"
    place = body.part(*head.span(group))
    if not NAME.fullmatch(name) or "__" in name:
        raise place.error("a name has letters, digits and single underscores, a letter first")
    rest = body.part(head.end(), len(body.text))
    if head["equals"] is None and rest.text:
        raise rest.error("expected '= ...' or ': unit' here")
    if head["equals"] is None and head["state"]:
        raise body.error("a derivative needs a right-hand side")
    if head["equals"] is None:
        kind, expression = "parameter", None
    else:
        kind = "differential equation" if head["state"] else "subexpression"
        if (second := re.search(r"\n[^\n=:]*(?<![=<>!])=(?!=)", rest.text)) is not None:
            line = rest.part(0, second.start())
            raise line.error("a definition ends with its unit: write ': volt', or ': 1'")
        expression = parse(rest)
    unit, flags = _tail(tail, kind)
    return Definition(kind, name, unit, flags, expression, place)


def _tail(tail: Fragment, kind: str) -> tuple[u.Unit, frozenset[str]]:
    """Unit and flags."""
    text = tail.text
    opening = len(text)
    if text.endswith(")"):
        opening = text.rfind("(")
        if any(letter in "*/^" for letter in text[opening:]):
            opening = len(text)
    flags = text[opening + 1 : -1].split(",") if opening < len(text) else []
    named = frozenset(flag.strip() for flag in flags)
    for flag in named - FLAGS[kind]:
        allowed = ", ".join(sorted(FLAGS[kind]))
        at = tail.part(opening + 1, len(text) - 1)
        raise at.error(f"{flag!r} is no flag of a {kind}; there are: {allowed}")
    unit = tail.part(0, opening)
    if not unit.text:
        raise tail.error("the unit is missing: write ': volt', or ': 1' where there is none")
    if unit.text in ("1", "boolean", "integer"):
        return u.UNITLESS, named
    return _unit(parse(unit)), named


def _unit(node: Node) -> u.Unit:
    """The unit that an expression of units says."""
    if node.op == "name":
        unit = unit_named(str(node.value))
        if unit is None:
            raise node.error(f"{node.value!r} is no unit")
        return unit
    if node.op == "number" and node.value == 1:
        return u.UNITLESS
    if node.op in "*/" and len(node.args) == 2:
        left, right = (_unit(arg) for arg in node.args)
        return left * right if node.op == "*" else left / right
    if node.op == "**" and (power := constant(node.args[1])) is not None:
        return _unit(node.args[0]) ** power
    raise node.error("a unit is made of units by *, / and **")


def unit_named(name: str) -> u.Unit | None:
    """The unit of this name, None where there is none.

    Args:
        name: A name of `brainunit`, such as `"mV"` or `"nsiemens"`.
    """
    if len(name) < 2:  # V would be a volt where v was meant
        return None
    unit = vars(u).get(name)
    return unit if isinstance(unit, u.Unit) else None


def read_statements(what: str, text: str) -> list[Statement]:
    """The assignments of a text, in their order.

    Args:
        what: What the text is, for errors.
        text: Assignments, by semicolons or in lines of their own.

    Raises:
        EquationError: Something is no assignment.
    """
    if not isinstance(text, str):
        raise Fragment(what, "", 0, 0).error(f"expected a text, got {type(text).__name__}")
    if len(text) > LARGEST_TEXT:
        raise Fragment(what, "", 0, 0).error(f"the text is longer than {LARGEST_TEXT} letters")
    whole = Fragment.of(what, text)
    found, start = [], 0
    for piece in re.split(r"[;\n]", whole.text):
        if piece.strip():
            found.append(_statement(whole.part(start, start + len(piece))))
        start += len(piece) + 1
    return found


def _statement(piece: Fragment) -> Statement:
    head = ASSIGNED.match(piece.text)
    if head is None:
        raise piece.error("expected an assignment such as v = v_r or w += b")
    place = piece.part(*head.span(1))
    if not NAME.fullmatch(head[1]) or "__" in head[1]:
        raise place.error("a name has letters, digits and single underscores, a letter first")
    expression = parse(piece.part(head.end(), len(piece.text)))
    return Statement(head[1], head[2] or "", expression, place)
