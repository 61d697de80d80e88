"""From texts to a `Model`: units checked, statements put in order, a method chosen."""

from collections.abc import Mapping
from dataclasses import replace

import brainunit as u
import numpy as np
from brainloom_core import REQUIRED
from brainloom_core.equations import nearest
from brainloom_core.types import Time
from brainloom_core.units import same_dimension, show

from .algebra import degree, split_noise, substituted
from .definitions import Definition, Statement, read_definitions, read_statements
from .dimensions import dimension, is_condition, require_dimension
from .fragments import EquationError, Fragment
from .methods import choose
from .model import Change, Given, Model, Parameter, Variable
from .nodes import Node, parse
from .reading import Reader, as_float, shown

__all__ = ["read_neuron"]

INPUTS = (u.amp, u.volt, u.UNITLESS, u.amp / u.meter**2, u.volt / u.second, u.Hz)


def read_neuron(
    name: str,
    text: str,
    *,
    threshold: str | None,
    reset: str | None,
    refractory: Time | str | None,
    method: str | None,
    namespace: Given,
    initial: Given,
    potential: str | None,
    input_name: str,
) -> Model:
    """The model of a neuron that these texts say; arguments as of `from_equations`."""
    definitions = read_definitions("equations", text)
    statements = [] if reset is None else read_statements("reset", reset)
    condition = None if threshold is None else parse(Fragment.of("threshold", threshold))
    period = parse(Fragment.of("refractory", refractory)) if isinstance(refractory, str) else None
    if refractory is False:
        refractory = None
    potential = potential or _potential(definitions, condition)
    kinds = {d.name: d.kind for d in definitions}
    if input_name in namespace or kinds.get(input_name, "parameter") != "parameter":
        input_name = ""  # what has a value or an equation of its own is no input
    if kinds.get("I") == "differential equation" or "I" in {s.name for s in statements}:
        raise EquationError(
            "equations: I is the input of every neuron; call this variable otherwise, such as I_s"
        )
    reader = Reader(
        *(definitions, namespace, input_name, potential, {s.name for s in statements}),
        refractory is not None,
    )
    if not any(d.name == potential and d.expression is not None for d in definitions):
        raise EquationError(f"potential: {potential!r} has no differential equation")
    moving = {
        reader.own(d.name): (d, reader.resolved(d.expression))
        for d in definitions
        if d.kind == "differential equation" and d.expression is not None
    }
    for d in definitions:  # also those that nothing uses
        other = d.kind != "differential equation" and not reader.is_state(d.name)
        if other and (d.name != input_name or not input_name):
            reader.resolved(Node("name", (), d.name, d.place))
    held = [d for d in definitions if d.kind == "parameter" and reader.is_state(d.name)]
    condition = None if condition is None else reader.resolved(condition)
    changes = _changes(reader, statements)
    period = _period(reader, refractory, period)
    firsts = {
        reader.own(n): reader.resolved(parse(Fragment.of(f"initial {n}", x)))
        if isinstance(x, str)
        else x
        for n, x in initial.items()
    }
    parts = [split_noise(right) for _, right in moving.values()]
    noises = {n: noise for n, (_, noise) in zip(moving, parts, strict=True) if noise}
    states = {}
    for (own, (d, _)), (calm, noise) in zip(moving.items(), parts, strict=True):
        if calm is None:  # nothing but noise
            nothing = Node("*", (Node("number", value=0.0), Node("state", (), own)))
            calm = Node("/", (nothing, Node("unit", (), "ms")))
        states[own] = Variable(
            shown(d.unit), firsts.pop(own, None), calm, noise, "unless refractory" in d.flags
        )
    for d in held:
        first = firsts.pop(d.name, namespace.get(d.name))
        states[d.name] = Variable(shown(d.unit), first, None)
    if firsts:
        raise EquationError(f"initial: {next(iter(firsts))} is no state; there are: {[*states]}")
    states = {"V": states.pop("V"), **states}
    input_unit = _input_unit(reader, {n: right for n, (_, right) in moving.items()})
    _check_units(reader, moving, condition, changes, states)
    rights = {n: v.derivative for n, v in states.items()}
    choice = choose(method, rights, reader.subexpressions, reader.functions, noises)
    texts = {"equations": text, "threshold": threshold, "reset": reset}
    texts["refractory"] = refractory if isinstance(refractory, str) else None
    solver, linear, noise_rule, fixed = choice
    explodes = method is None and solver == "auto" and _may_explode(reader, states, changes)
    capped = explodes and _can_be_capped(condition, changes)
    if explodes and not capped:
        solver = "euler"  # which does not follow V beyond a step
    return Model(
        name=name,
        texts={k: v for k, v in texts.items() if v is not None},
        potential=potential,
        states=states,
        parameters=_relations(reader.parameters, condition, changes),
        functions=reader.functions,
        subexpressions=reader.subexpressions,
        input_unit=input_unit,
        input_name=input_name,
        threshold=condition,
        changes=changes,
        refractory=period,
        solver=solver,
        linear=linear,
        noise_rule=noise_rule,
        fixed_solver=fixed,
        capped=capped,
    )


def _potential(definitions: list[Definition], condition: Node | None) -> str:
    """The variable that the threshold compares, or else the first that changes."""
    moving = [d.name for d in definitions if d.kind == "differential equation"]
    compared = [] if condition is None else condition.names("name")
    return next((name for name in compared if name in moving), moving[0])


def _may_explode(
    reader: Reader, states: Mapping[str, Variable], changes: Mapping[str, Change]
) -> bool:
    """Whether V runs away by itself until it is reset, as in quadratic and exponential neurons.

    A scheme that follows its growth within a step comes to numbers that no other state must see.
    """

    def of_V(node: Node) -> int:
        if node.op == "sub":
            return degree(reader.subexpressions[str(node.value)][1], of_V)
        return int(node.op == "state" and node.value == "V")

    rate = states["V"].derivative
    return "V" in changes and rate is not None and degree(rate, of_V) > 1


def _can_be_capped(condition: Node | None, changes: Mapping[str, Change]) -> bool:
    """Whether it does not matter how far V is beyond the threshold."""
    if condition is None or condition.op not in (">", ">=") or condition.args[0].value != "V":
        return False
    seen = [condition.args[1], *(change.value for change in changes.values())]
    opaque = any(node.names("sub") or "V" in node.names("state") for node in seen)
    return changes["V"].operator == "=" and not opaque


def _changes(reader: Reader, statements: list[Statement]) -> dict[str, Change]:
    """What a spike does to each state, from the values before it."""
    changes: dict[str, Change] = {}
    for statement in statements:
        name, value = statement.name, reader.resolved(statement.expression)
        if not reader.is_state(name):
            near = nearest(name, [n for n in reader.by_name if reader.is_state(n)])
            hint = f"; did you mean {near}?" if near else ""
            raise statement.place.error(f"{name} is no variable that a spike can change{hint}")
        own = reader.own(name)
        before = {n: _after(n, change) for n, change in changes.items()}
        drawn = [n for n, node in before.items() if {"rand", "randn"} & {*node.names("call")}]
        if {*drawn} & {*value.names("state")}:
            raise statement.place.error(
                f"{name} depends on {drawn[0]}, which is drawn anew: draw it in one statement only"
            )
        value = substituted(value, before)
        if own not in changes and statement.operator in ("+", "-"):
            changes[own] = Change(statement.operator, value)
            continue
        old = before.get(own, Node("state", (), own, statement.place))
        if statement.operator:
            value = Node(statement.operator, (old, value), "", statement.place)
        changes[own] = Change("=", value)
    return changes


def _after(name: str, change: Change) -> Node:
    if change.operator == "=":
        return change.value
    return Node(change.operator, (Node("state", (), name), change.value))


def _period(reader: Reader, given: Time | str | None, parsed: Node | None) -> Node | None:
    """The period as a time, or the condition that ends it."""
    if given is None:
        return None
    if parsed is not None:
        period = reader.resolved(parsed)
        timed = not is_condition(period)
        if timed and dimension(period, reader.kinds, reader.called()) != u.ms.dim:
            raise period.error("refractory: expected a time or a condition")
        return period
    if not same_dimension(given, u.ms):
        raise EquationError(f"refractory: expected a time or a text, got {show(given)}")
    reader.parameters["refractory"] = Parameter(
        u.get_unit(given), as_float(given), "non-negative", "refractory period"
    )
    reader.kinds["refractory"] = u.ms.dim
    return Node("param", (), "refractory")


def _input_unit(reader: Reader, equations: Mapping[str, Node]) -> u.Unit:
    """The unit of the input: as declared, or the first that fits the equations."""
    declared = reader.by_name.get(reader.input_name)
    if declared is not None:
        return shown(declared.unit)
    if not reader.input_name or "I" not in reader.kinds:
        return u.mA
    error: EquationError | None = None
    for unit in INPUTS:
        reader.kinds["I"] = unit.dim
        try:
            for name, node in equations.items():
                rate = reader.kinds[name] / u.second.dim
                require_dimension(node, rate, f"d{name}/dt", reader.kinds, reader.called())
            for unit_of, node in reader.subexpressions.values():
                require_dimension(node, unit_of.dim, "it", reader.kinds, reader.called())
        except EquationError as found:
            error = error or found
        else:
            return shown(unit)
    raise error or EquationError("the input has no unit that fits")


def _check_units(
    reader: Reader,
    moving: Mapping[str, tuple[Definition, Node]],
    condition: Node | None,
    changes: Mapping[str, Change],
    states: Mapping[str, Variable],
) -> None:
    kinds, called = reader.kinds, reader.called()
    for own, (d, right) in moving.items():
        wanted = kinds[own] / u.second.dim
        require_dimension(right, wanted, f"d{d.name}/dt", kinds, called)
    for name, (unit, expression) in reader.subexpressions.items():
        require_dimension(expression, unit.dim, name, kinds, called)
    if condition is not None:
        if not is_condition(condition):
            raise condition.error("threshold: expected a condition, such as v > v_th")
        dimension(condition, kinds, called)
    for name, change in changes.items():
        require_dimension(change.value, kinds[name], f"{name} in the reset", kinds, called)
    for name, variable in states.items():
        if isinstance(variable.initial, Node):
            require_dimension(variable.initial, kinds[name], f"initial {name}", kinds, called)
            continue
        first = 0.0 * variable.unit if variable.initial is None else variable.initial
        if not callable(first) and not same_dimension(first, variable.unit):
            raise EquationError(f"initial: {name} should be in {variable.unit}, got {show(first)}")


def _relations(
    parameters: dict[str, Parameter], condition: Node | None, changes: Mapping[str, Change]
) -> dict[str, Parameter]:
    """The parameters, a threshold being above the reset; those without a default come first."""
    if condition is not None and condition.op in (">", ">=") and "V" in changes:
        limit, target = condition.args[1], changes["V"]
        plain = condition.args[0].value == "V" and limit.op == "param" == target.value.op
        name, other = str(limit.value), str(target.value.value)
        if plain and target.operator == "=" and parameters[name].rule == "" and name != other:
            try:
                over = parameters[name].default > parameters[other].default
            except (TypeError, u.UnitMismatchError):
                over = False
            if bool(np.all(over)):
                parameters[name] = replace(parameters[name], rule=f"above {other}")
    required = {n: p for n, p in parameters.items() if p.default is REQUIRED}
    return required | {n: p for n, p in parameters.items() if n not in required}
