"""What the names of a text are: states, parameters, subexpressions, functions, units."""

from collections.abc import Callable
from dataclasses import replace

import brainunit as u
import jax
import numpy as np
from brainloom_core import REQUIRED
from brainloom_core.equations import nearest
from brainloom_core.types import Quantity
from brainloom_core.units import same_dimension, show

from . import functions
from .definitions import Definition, unit_named
from .dimensions import FUNCTIONS, NUMBER, Dimension
from .fragments import EquationError, Fragment
from .model import Given, Parameter
from .neuron import EquationNeuron
from .nodes import Node

__all__ = ["Reader", "as_float", "shown"]

CONSTANTS = {"pi": np.pi, "e": np.e, "inf": np.inf}
SPECIAL = {"t": u.second, "dt": u.second, "i": u.UNITLESS, "N": u.UNITLESS}
SHOWN = (u.mV, u.nA, u.nS, u.ms, u.pF, u.Mohm, u.Hz)
RESERVED = {*functions.__all__, "jnp", "math", "np"}
FREE = {"V_reset", "tau_ref"}  # texts may have these, which then say the same
TAKEN = frozenset({"spk", "self", "steps_since", "I", "V"})
SYNAPTIC = {"event-driven", "clock-driven", "summed"}
OWN = {"not_refractory", "lastspike", "xi"}


class Reader:
    """Reads the texts of one model.

    Args:
        definitions: The equations.
        namespace: Values of names that the texts do not define.
        input_name: What the texts call the input current.
        potential: What they call the potential.
    """

    base: type = EquationNeuron
    taken: frozenset[str] = frozenset()

    def __init__(
        self,
        definitions: list[Definition],
        namespace: Given,
        input_name: str,
        potential: str,
        assigned: set[str],
        is_refractory: bool,
    ) -> None:
        self.by_name = {d.name: d for d in definitions}
        self.namespace, self.input_name, self.potential = namespace, input_name, potential
        self.assigned, self.is_refractory = assigned, is_refractory
        self.parameters: dict[str, Parameter] = {}
        self.functions: dict[str, Callable[..., Quantity]] = {}
        self.subexpressions: dict[str, tuple[u.Unit, Node]] = {}
        self.kinds: dict[str, Dimension] = {name: unit.dim for name, unit in SPECIAL.items()}
        self.kinds |= {"not_refractory": NUMBER, "steps_since": NUMBER}
        self.local: set[str] = set()
        self._resolving: list[str] = []
        for name, definition in self.by_name.items():
            self._check_name(name, definition.place)
            self.kinds[self.own(name)] = definition.unit.dim
            synaptic = SYNAPTIC if self.base is EquationNeuron else set[str]()
            for flag in definition.flags & synaptic:
                raise definition.place.error(f"({flag}) is for synapses, and this is a neuron")
            if "constant over dt" in definition.flags:
                raise definition.place.error("(constant over dt) is not known here")

    def own(self, name: str) -> str:
        """What the class calls a name of the text."""
        if name and name == self.potential:
            return "V"
        return "I" if name and name == self.input_name else name

    def is_state(self, name: str) -> bool:
        """Whether a name of the text is that of a state."""
        known = self.by_name.get(name)
        if known is None or name == self.input_name:
            return False
        changed = known.kind == "parameter" and name in self.assigned
        return known.kind == "differential equation" or changed

    def _check_name(self, name: str, place: Fragment) -> None:
        called = self.own(name)
        if called in ("V", "I"):
            if called != name and called in self.by_name:
                raise self.by_name[called].place.error(
                    f"{called} is what the class calls {name}; give this one another name"
                )
            return
        if name in (*SPECIAL, *OWN, *FUNCTIONS, *CONSTANTS) or name.startswith("xi_"):
            raise place.error(f"{name} has a meaning of its own, and cannot be defined")
        if name in RESERVED:
            raise place.error(f"{name} has a meaning of its own, and cannot be defined")
        own = hasattr(self.base, name) and name not in FREE
        if own or name in self.taken | TAKEN:
            raise place.error(f"{name} is taken: every class has an attribute of this name")

    def resolved(self, node: Node) -> Node:
        """The expression with all names known.

        Args:
            node: What was parsed.

        Raises:
            EquationError: A name is not known, or subexpressions go in a circle.
        """
        known = node.mapped(self._known)
        for inner in known.walk():
            if inner.op == "special" and inner.value == "lastspike":
                raise inner.error("write t - lastspike: the time of a spike alone is not kept")
        return _timed(known)

    def _known(self, node: Node) -> Node:
        if node.op == "-" and [arg.value for arg in node.args] == ["t", "lastspike"]:
            since = Node("state", (), "steps_since", node.place)
            return Node("*", (since, Node("special", (), "dt", node.place)), "", node.place)
        if node.op == "call":
            return self._known_function(node)
        if node.op != "name":
            return node
        name = str(node.value)
        if self.is_state(name) or name in self.local:
            return replace(node, op="state", value=self.own(name))
        if name and name == self.input_name:
            self.kinds.setdefault("I", None)
            return replace(node, op="input", value="I")
        if name in self.by_name:
            return self._defined(node, self.by_name[name])
        if name == "not_refractory":
            if not self.is_refractory:
                return replace(node, op="number", value=True)
            return replace(node, op="state")
        if name == "xi" or name.startswith("xi_"):
            self.kinds[name] = (u.second**-0.5).dim
            return replace(node, op="xi")
        if name in self.namespace and name not in SPECIAL:
            return self._given(node, self.namespace[name])
        if name in SPECIAL or name == "lastspike":
            return replace(node, op="special")
        if name in CONSTANTS:
            self.kinds[name] = NUMBER
            return replace(node, op="constant")
        if (unit := unit_named(name)) is not None:
            self.kinds.setdefault(name, unit.dim)
            return replace(node, op="unit")
        raise self._unknown(node)

    def _unknown(self, node: Node) -> EquationError:
        name = str(node.value)
        known = {*self.by_name, *SPECIAL, *OWN, *FUNCTIONS, *self.functions, *self.parameters}
        given = {n for n, v in self.namespace.items() if isinstance(v, (u.Quantity, float, int))}
        near = nearest(name, known | {n for n in given if not n.startswith("_")})
        hint = f"; did you mean {near}?" if near else ". Define it, or give namespace={...}"
        return node.error(f"{name} is not defined{hint}")

    def _defined(self, node: Node, definition: Definition) -> Node:
        name = definition.name
        if definition.kind == "parameter":
            self._parameter(name, node, definition)
            return replace(node, op="param")
        if name not in self.subexpressions:
            if name in self._resolving:
                circle = " -> ".join([*self._resolving[self._resolving.index(name) :], name])
                raise node.error(f"subexpressions depend on each other in a circle: {circle}")
            if len(self._resolving) > 50:
                raise node.error("subexpressions depend on each other more than 50 deep")
            self._resolving.append(name)
            assert definition.expression is not None
            expression = self.resolved(definition.expression)
            self._resolving.pop()
            if expression.names("xi"):
                raise definition.place.error("write xi in the differential equation itself")
            self.subexpressions[name] = shown(definition.unit), expression
        return replace(node, op="sub")

    def _parameter(self, name: str, node: Node, definition: Definition) -> None:
        if name in self.parameters:
            return
        default = self.namespace.get(name, REQUIRED)
        default = default * 1.0 if isinstance(default, u.Unit) else default
        if default is not REQUIRED and not same_dimension(default, definition.unit):
            raise definition.place.error(
                f"namespace: {name} should be in {definition.unit}, got {show(default)}"
            )
        rule = "one for all" if "shared" in definition.flags else ""
        unit = shown(definition.unit) if default is REQUIRED else u.get_unit(default)
        self.parameters[name] = Parameter(unit, as_float(default), rule)

    def _given(self, node: Node, value: Quantity) -> Node:
        """A name of the namespace: a number, or a unit that has its own name."""
        name = str(node.value)
        if isinstance(value, u.Unit):
            if value is unit_named(name) or value == unit_named(name):
                self.kinds[name] = value.dim
                return replace(node, op="unit")
            value = 1.0 * value
        number = u.get_mantissa(value)
        plain = isinstance(number, (int, float, np.number, np.ndarray, jax.Array))
        if not plain or isinstance(number, bool):
            hint = "; call it, as in f(t)" if callable(value) else ""
            raise node.error(f"namespace: {name} is no quantity, but {show(value)}{hint}")
        self._check_name(name, node.place or Fragment("namespace", name, 0, len(name)))
        self.parameters.setdefault(name, Parameter(u.get_unit(value), as_float(value)))
        self.kinds[name] = u.get_dim(value)
        return replace(node, op="param")

    def _known_function(self, node: Node) -> Node:
        name = str(node.value)
        if name in FUNCTIONS:
            return node
        if name not in self.namespace:
            near = nearest(name, {*FUNCTIONS, *(n for n in self.namespace if n[:1] != "_")})
            hint = f"; did you mean {near}?" if near else ". Give it by namespace={...}"
            raise node.error(f"there is no function {name}{hint}")
        function = self.namespace[name]
        if not callable(function) or isinstance(function, (type, u.Unit)):
            raise node.error(f"namespace: {name} is no function of time")
        if len(node.args) != 1:
            raise node.error(f"{name} takes one argument, the time, as in {name}(t)")
        self._check_name(name, node.place or Fragment("namespace", name, 0, len(name)))
        self.functions[name] = function
        return node

    def called(self) -> dict[str, Callable[[Node, list[Dimension]], Dimension]]:
        """How the dimension of each function of time is found."""

        def of(function: Callable[..., Quantity]) -> Callable[[Node, list[Dimension]], Dimension]:
            def found(node: Node, dims: list[Dimension]) -> Dimension:
                if dims[0] != u.second.dim:
                    raise node.args[0].error(f"{node.value} takes a time")
                try:
                    made = jax.eval_shape(function, u.Quantity(0.0, unit=u.ms))
                except Exception as error:
                    said = f"{type(error).__name__}: {error}"
                    raise node.error(f"{node.value}(0 ms) fails: {said}") from error
                return u.get_dim(made)

            return found

        return {name: of(function) for name, function in self.functions.items()}


def _timed(node: Node) -> Node:
    """The same, with what depends on the time and on no state marked as a function of time."""
    if not any(inner.value == "t" and inner.op == "special" for inner in node.walk()):
        return node
    if node.op == "of_time":
        return node
    random = {"rand", "randn"} & {*node.names("call")}
    if not random and not node.names("state", "input", "xi", "sub", "outer"):
        return Node("of_time", (node,), "", node.place)
    return replace(node, args=tuple(_timed(arg) for arg in node.args))


def shown(unit: u.Unit) -> u.Unit:
    """The unit in which values are kept: one of the size that neurons have."""
    if unit.scale != 0 or unit == u.UNITLESS:
        return unit
    return next((known for known in SHOWN if known.dim == unit.dim), unit)


def as_float(value: Quantity) -> Quantity:
    """A number that can be trained: 5 * u.mV is a whole one."""
    number = u.get_mantissa(value)
    if value is REQUIRED or not isinstance(number, (int, np.integer)):
        return value
    return float(number) * u.get_unit(value) if isinstance(value, u.Quantity) else float(number)
