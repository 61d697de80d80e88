"""`synapses_from_equations`: synapses as text in, a class of projections out."""

import re
import sys
from dataclasses import replace
from typing import Any

import brainunit as u
from brainloom_core import REQUIRED, initializer, param, state
from brainloom_core.types import Arguments
from brainloom_core.units import same_dimension, show

from .definitions import NAME, Definition, Statement, read_definitions, read_statements
from .fragments import EquationError
from .methods import choose
from .model import Given
from .nodes import Node
from .reading import Reader, shown
from .synapses import EquationSynapses, Parts

__all__ = ["synapses_from_equations"]

OUTER = re.compile(r"[A-Za-z][A-Za-z0-9_]*_(pre|post)")


class _SynapseReader(Reader):
    """Reads names of neurons, `x_pre` and `x_post`, too."""

    base = EquationSynapses
    taken = frozenset({"pre", "post", "edges", "delay", "name", "pre_index", "post_index"})

    def _known(self, node: Node) -> Node:
        name = str(node.value)
        outer = node.op == "name" and OUTER.fullmatch(name) and name not in self.by_name
        if outer and name not in self.namespace:
            return replace(node, op="outer")
        if node.op == "name" and name == "j":
            self.kinds["j"] = u.UNITLESS.dim
            return replace(node, op="special")
        return super()._known(node)

    def inlined(self, node: Node) -> Node:
        """The expression with all names known, and those of subexpressions replaced.

        Args:
            node: What was parsed.
        """

        def put(inner: Node) -> Node:
            if inner.op != "sub":
                return inner
            return self.subexpressions[str(inner.value)][1].mapped(put)

        return self.resolved(node).mapped(put)


def synapses_from_equations(
    equations: str = "",
    *,
    on_pre: str | None = None,
    on_post: str | None = None,
    method: str | None = None,
    namespace: Given | None = None,
    initial: Given | None = None,
    name: str = "SynapsesFromEquations",
) -> type[EquationSynapses]:
    """The class of projections whose synapses have these equations, in the syntax of Brian2.

    Each synapse has its own values, so that anything can be written: short-term and spike-timing
    plasticity, gap junctions by `(summed)`, kinetics. Where a projection of brainloom says the
    same, take that one: it keeps one state for each neuron, and is faster.

    Args:
        equations: Lines as for neurons, with the flags `(event-driven)` and `(clock-driven)` of
            differential equations, and `(summed)` of `I_post = ...`, what is summed into the input
            of the neurons.
        on_pre: What a presynaptic spike does, such as `"v_post += w"`; None for nothing.
        on_post: What a postsynaptic spike does; None for nothing.
        method: As of `from_equations`, for clock-driven equations.
        namespace: Values of names that the texts do not define.
        initial: First values by name; others are zero.
        name: Name of the class.

    Returns:
        The class, whose instances are made by `Class(pre, post, edges, **parameters)`.

    Raises:
        EquationError: The text is no model: with the line, and the place underlined.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Network, simulate
        >>> from brainloom_equations import from_equations, synapses_from_equations
        >>> Cell = from_equations("dv/dt = (I - v)/(10*ms) : 1", threshold="v > 1", reset="v = 0")
        >>> Jump = synapses_from_equations("w : 1", on_pre="v_post += w")
        >>> net = Network()
        >>> net.a, net.b = Cell(2), Cell(1)
        >>> net.ab = Jump(net.a, net.b, ([0, 1], [0, 0]), w=0.6)
        >>> drive = {net.a: 2.0}
        >>> run = simulate(net, 20 * u.ms, dt=0.1 * u.ms, inputs=drive, record="b.spikes")
        >>> print(len(run["b.spikes"]))
        2
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise EquationError(f"name: expected the name of a class, got {name!r}")
    definitions = read_definitions("equations", equations, needs_equation=False)
    statements = [
        [] if text is None else read_statements(what, text)
        for what, text in (("on_pre", on_pre), ("on_post", on_post))
    ]
    summed = [d for d in definitions if "summed" in d.flags]
    kept = [d for d in definitions if d not in summed]
    assigned = {statement.name for side in statements for statement in side}
    reader = _SynapseReader(kept, namespace or {}, "", "", assigned, False)
    parts = _parts(reader, kept, summed, statements, method)
    members: Arguments = {"__qualname__": name, "parts": parts}
    members["__module__"] = sys._getframe(1).f_globals.get("__name__", "__main__")
    texts = {"equations": equations, "on_pre": on_pre, "on_post": on_post}
    members["texts"] = {what: text for what, text in texts.items() if text is not None}
    # Those without a default come first.
    ordered = sorted(reader.parameters.items(), key=lambda item: item[1].default is not REQUIRED)
    for key, parameter in ordered:
        members[key] = param(default=parameter.default, unit=parameter.unit, doc="parameter")
    firsts = dict(initial or {})
    for key, unit in parts.units.items():
        first = firsts.pop(key, (namespace or {}).get(key, 0.0 * unit))
        if not callable(first) and not same_dimension(first, unit):
            raise EquationError(f"initial: {key} should be in {unit}, got {show(first)}")
        # A weight is given by its own name, as in Brian2, and is a state all the same.
        members[f"{key}_initializer"] = initializer(default=first, unit=unit)
        members[key] = state(f"{key}_initializer", "variable of the synapses")
    if firsts:
        raise EquationError(f"initial: {next(iter(firsts))} is no variable of the synapses")
    metaclass: Any = type(EquationSynapses)
    made: type[EquationSynapses] = metaclass(name, (EquationSynapses,), members)
    shown_text = " ".join((on_pre or on_post or equations).split())
    made.__doc__ = f"Synapses whose equations were given as text: `{shown_text}`."
    return made


def _parts(
    reader: _SynapseReader,
    kept: list[Definition],
    summed: list[Definition],
    statements: list[list[Statement]],
    method: str | None,
) -> Parts:
    derivatives, driven = {}, []
    for d in kept:
        if d.kind == "differential equation" and d.expression is not None:
            derivatives[d.name] = reader.inlined(d.expression)
            driven += [d.name] * ("event-driven" in d.flags)
            if "unless refractory" in d.flags:
                raise d.place.error("(unless refractory) is for neurons, and this is a synapse")
    on_pre, on_post = (tuple(_resolved(reader, side)) for side in statements)
    for d in kept:
        if d.kind == "parameter" and not reader.is_state(d.name):
            reader.resolved(Node("name", (), d.name, d.place))
    totals = {}
    for d in summed:
        if not OUTER.fullmatch(d.name) or d.expression is None:
            raise d.place.error("(summed) is for a variable of neurons, such as I_post")
        totals[d.name] = d.unit, reader.inlined(d.expression)
    by_event = {name: derivatives[name] for name in driven}
    by_clock = {name: node for name, node in derivatives.items() if name not in by_event}
    solvers = (
        _solver("exact" if by_event else None, by_event),
        _solver(method, by_clock),
    )
    units = {d.name: shown(d.unit) for d in kept if reader.is_state(d.name)}
    return Parts(
        derivatives=derivatives,
        event_driven=tuple(driven),
        solvers=solvers,
        on_pre=on_pre,
        on_post=on_post,
        summed=totals,
        kinds=reader.kinds,
        units=units,
    )


def _solver(method: str | None, equations: dict[str, Node]) -> str:
    """The scheme by name."""
    solver, linear, _, _ = choose(method, equations, {}, {}, {})
    if solver != "auto":
        return solver
    coupled = any({*node.names("state")} - {name} for name, node in equations.items())
    if not coupled:
        return "exp_euler"
    return "exp_rosenbrock" if linear else "exp_strang"


def _resolved(reader: _SynapseReader, side: list[Statement]) -> list[Statement]:
    """The statements, unqualified names that the synapses do not have being of the target."""
    found = []
    reader.local = set()
    for statement in side:
        name = statement.name
        expression = reader.inlined(statement.expression)
        if not reader.is_state(name) and name not in reader.local and not OUTER.fullmatch(name):
            if statement.operator:
                name = f"{name}_post"
            else:
                reader.local.add(name)
        if OUTER.fullmatch(name) and statement.operator not in ("+", "-"):
            raise statement.place.error(f"{name}, of neurons, can only be added to, by +=")
        found.append(Statement(name, statement.operator, expression, statement.place))
    reader.local = set()
    return found
