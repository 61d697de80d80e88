"""Kinetics and outputs as text: the parts of brainloom's own projections."""

import sys
from collections.abc import Mapping
from typing import Any

import brainunit as u
from brainloom_core import AlignPost, Synapse, SynOut
from brainloom_core.types import Arguments, Quantity

from .algebra import degree
from .building import declared_parameter, expression_method, state_members
from .definitions import NAME, read_definitions, read_statements
from .dimensions import require_dimension
from .evaluating import evaluated
from .fragments import EquationError, Fragment
from .methods import choose
from .model import Given, Model, Variable
from .nodes import Node, parse
from .reading import Reader, shown

__all__ = ["kinetics_from_equations", "output_from_equations"]


class _KineticsReader(Reader):
    base = Synapse


class _OutputReader(Reader):
    base = SynOut


def kinetics_from_equations(
    equations: str,
    *,
    on_pre: str,
    conductance: str | None = None,
    namespace: Given | None = None,
    initial: Given | None = None,
    name: str = "KineticsFromEquations",
) -> type[Synapse]:
    r"""The class of synapses with these kinetics, for `Projection(..., Class.desc(...), output)`.

    Where the equations are linear and without constants, one state for each postsynaptic neuron is
    exact, and the class says so (`AlignPost`), so that a projection keeps no more.

    Args:
        equations: Lines as of `from_equations`.
        on_pre: What a spike of weight `w` does, such as `"g += w"`; several, by semicolons.
        conductance: What acts on the membrane, an expression as text; None for `g`, or the first
            variable that a spike changes.
        namespace: Values of names that the text does not define, which become parameters.
        initial: First values by name; others are zero.
        name: Name of the class.

    Raises:
        EquationError: The text is no model: with the line, and the place underlined.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_equations import kinetics_from_equations
        >>> Rising = kinetics_from_equations(
        ...     "dh/dt = -h/tau : siemens\ndg/dt = (h - g)/tau : siemens",
        ...     on_pre="h += w",
        ...     namespace={"tau": 5 * u.ms},
        ... )
        >>> Rising.jump_states, Rising.numerics.exact
        (('h',), True)
    """
    _require_name(name)
    definitions = read_definitions("equations", equations)
    statements = read_statements("on_pre", on_pre)
    reader = _KineticsReader(definitions, namespace or {}, "", "", set(), False)
    moving = {
        d.name: reader.resolved(d.expression)
        for d in definitions
        if d.kind == "differential equation" and d.expression is not None
    }
    for statement in statements:
        is_weight = statement.expression.op == "name" and statement.expression.value == "w"
        if statement.operator != "+" or not is_weight or statement.name not in moving:
            raise statement.place.error("expected 'x += w' here, x being a variable that changes")
    jumping = tuple(statement.name for statement in statements)
    acts = conductance or ("g" if "g" in moving else jumping[0])
    acting = reader.resolved(parse(Fragment.of("conductance", acts)))
    for d in definitions:
        if d.kind != "differential equation":
            reader.resolved(Node("name", (), d.name, d.place))
        elif d.expression is not None:
            wanted = d.unit.dim / u.second.dim
            kinds, called = reader.kinds, reader.called()
            require_dimension(moving[d.name], wanted, f"d{d.name}/dt", kinds, called)
    solver, linear, _, fixed = choose(None, moving, reader.subexpressions, reader.functions, {})
    units = {d.name: shown(d.unit) for d in definitions}
    firsts = dict(initial or {})
    states = {n: Variable(units[n], firsts.pop(n, None), node) for n, node in moving.items()}
    if firsts:
        raise EquationError(f"initial: {next(iter(firsts))} is no state; there are: {[*states]}")
    model = _model(name, {"equations": equations, "on_pre": on_pre}, reader, states, solver, linear)
    members = _members(model)
    members |= {"jump_states": jumping, "linear": linear}
    members["conductance"] = expression_method(model, "conductance", acting)
    if fixed:
        members["solver"] = solver
    whole = linear and all(_is_homogeneous(node, model) for node in (*moving.values(), acting))
    bases = (AlignPost, Synapse) if whole else (Synapse,)
    return _made(name, bases, members, "Kinetics", equations)


def output_from_equations(
    equations: str,
    *,
    conductance: str = "g",
    potential: str = "v",
    namespace: Given | None = None,
    name: str = "OutputFromEquations",
) -> type[SynOut]:
    """The class of synaptic outputs with this current, for a projection.

    Args:
        equations: The current, `"I = g*(E - v) : amp"`, with other lines of subexpressions.
        conductance: What the text calls the conductance, in siemens unless the text declares it.
        potential: What it calls the potential, in volt unless the text declares it.
        namespace: Values of names that the text does not define, which become parameters.
        name: Name of the class.

    Raises:
        EquationError: The text is no output: with the line, and the place underlined.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_equations import output_from_equations
        >>> Driving = output_from_equations("I = g*(E - v) : amp", namespace={"E": 0 * u.mV})
        >>> print(Driving().update(2 * u.nS, -60 * u.mV).in_unit(u.pA))
        120. pA
    """
    _require_name(name)
    definitions = read_definitions("equations", equations, needs_equation=False)
    own = {conductance: u.siemens, potential: u.volt}
    own |= {d.name: d.unit for d in definitions if d.name in own}
    kept = [d for d in definitions if d.name not in own]
    current = next((d for d in kept if d.name == "I" and d.expression is not None), None)
    if current is None or current.expression is None:
        raise EquationError("equations: expected the current, as in 'I = g*(E - v) : amp'")
    others = [d for d in kept if d is not current]
    for d in others:
        if d.kind == "differential equation":
            raise d.place.error("an output has no states; equations are for kinetics")
    reader = _OutputReader(others, namespace or {}, "", "", set(), False)
    reader.local = {*own}
    reader.kinds |= {n: unit.dim for n, unit in own.items()}
    value = reader.resolved(current.expression)
    require_dimension(value, current.unit.dim, "I", reader.kinds, reader.called())
    states = {n: Variable(unit, None, None) for n, unit in own.items()}
    model = _model(name, {"equations": equations}, reader, states, "auto", False)
    members = {key: declared_parameter(p) for key, p in model.parameters.items()}
    for key, (_, node) in model.subexpressions.items():
        members[key] = expression_method(model, key, node)

    def update(self: Any, g: Quantity, V: Quantity | None = None) -> Quantity:
        return evaluated(value, self, {conductance: g, potential: V})

    needs_V = potential in model.needs(value)
    members |= {"update": update, "is_conductance_based": needs_V}
    return _made(name, (SynOut,), members, "Output", equations)


def _require_name(name: str) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EquationError(f"name: expected the name of a class, got {name!r}")


def _model(
    name: str,
    texts: Mapping[str, str],
    reader: Reader,
    states: Mapping[str, Variable],
    solver: str,
    linear: bool,
) -> Model:
    return Model(
        name=name,
        texts=texts,
        potential="",
        states=states,
        parameters=reader.parameters,
        functions=reader.functions,
        subexpressions=reader.subexpressions,
        input_unit=u.UNITLESS,
        input_name="",
        threshold=None,
        changes={},
        refractory=None,
        solver=solver,
        linear=linear,
        noise_rule="",
        fixed_solver=False,
        capped=False,
    )


def _members(model: Model) -> Arguments:
    members = {key: declared_parameter(p) for key, p in model.parameters.items()}
    for name, variable in model.states.items():
        members |= state_members(model, name, variable)
    for name, (_, node) in model.subexpressions.items():
        members[name] = expression_method(model, name, node)
    return members


def _made(name: str, bases: tuple[type, ...], members: Arguments, what: str, text: str) -> Any:
    members["__qualname__"] = name
    members["__module__"] = sys._getframe(2).f_globals.get("__name__", "__main__")
    metaclass: Any = type(bases[-1])
    made = metaclass(name, bases, members)
    made.__doc__ = f"{what} given as text: `{' '.join(text.split())}`."
    return made


def _is_homogeneous(node: Node, model: Model) -> bool:
    """Whether an expression is a sum of multiples of states, without a constant."""
    if node.op == "sub":
        return _is_homogeneous(model.subexpressions[str(node.value)][1], model)
    if node.op == "state":
        return True
    if node.op in ("+", "-", "neg"):
        return all(_is_homogeneous(arg, model) for arg in node.args)
    if node.op not in ("*", "/"):
        return False
    left, right = node.args
    if _is_homogeneous(left, model):
        return _is_constant(right, model)
    return node.op == "*" and _is_constant(left, model) and _is_homogeneous(right, model)


def _is_constant(node: Node, model: Model) -> bool:
    def of_name(inner: Node) -> int:
        if inner.op == "sub":
            return degree(model.subexpressions[str(inner.value)][1], of_name)
        return int(inner.op == "state")

    return degree(node, of_name) == 0
