"""`to_python`: a class that was made of text as the source of one that is written by hand."""

import inspect
import re

import brainunit as u
import numpy as np
from brainloom_core import REQUIRED, Neuron
from brainloom_core.types import Quantity
from brainloom_core.units import show

from .building import after, is_slow, scale_parameter, threshold_of
from .describing import EXAMPLE
from .dimensions import CONDITIONS, FUNCTIONS
from .fragments import EquationError
from .model import Change, Model
from .nodes import Node

__all__ = ["to_python"]

WIDTH = 100
STRENGTH = {"+": 5, "-": 5, "*": 6, "/": 6, "//": 6, "%": 6, "neg": 7, "**": 8}
STRENGTH |= dict.fromkeys(CONDITIONS[:6], 4)


def to_python(cls: type[Neuron]) -> str:
    """The source of a module with this class, as one that is written by hand.

    It computes the same bits, needs no text any more, and can be changed as one likes.

    Args:
        cls: A class that `from_equations` made.

    Raises:
        EquationError: It was not made by `from_equations`, or a first value of it is a function,
            which has no source here.

    Examples:
        >>> from brainloom_equations import from_equations, to_python
        >>> Decay = from_equations("dx/dt = -x/(10*ms) : 1", name="Decay")
        >>> print(to_python(Decay)[-77:])
            def dV(self, V: Quantity) -> Quantity:
                return -V / (10.0 * u.ms)
        <BLANKLINE>
    """
    model = vars(cls).get("equation_model") if isinstance(cls, type) else None
    if not isinstance(model, Model):
        raise EquationError(f"to_python: expected a class of from_equations, got {show(cls)}")
    return _Writer(cls, model).module()


class _Writer:
    def __init__(self, cls: type, model: Model) -> None:
        self.cls, self.model = cls, model
        # An argument that is called u would hide the module.
        self.units = "brainunit" if "u" in model.states else "u"
        self.used: set[str] = set()
        self.core: set[str] = {"initializer", "state"}
        self.own: set[str] = {"EquationNeuron"}
        self.modules: set[str] = set()

    def module(self) -> str:
        """The whole module."""
        body = [*self._declarations(), *self._settings(), *self._methods()]
        doc = inspect.cleandoc(self.cls.__doc__ or "").replace("\n".join(EXAMPLE), self._example())
        lines = [f'"""{self.model.name}: {doc.splitlines()[0]}"""', ""]
        alias = "" if self.units == "brainunit" else " as u"
        standard = [f"import {name}" for name in sorted(self.modules & {"math"})]
        lines += [*standard, *([""] if standard else []), f"import brainunit{alias}"]
        lines += ["import jax.numpy as jnp"] * ("jnp" in self.modules)
        lines += ["import numpy as np"] * ("np" in self.modules)
        types = {"Initializer"} if any("Initializer" in line for line in body) else set()
        types |= {"Array"} if any(": Array" in line for line in body) else set()
        lines.append(_imported("brainloom_core", self.core))
        lines.append(_imported("brainloom_core.types", {"Quantity"} | types))
        lines.append(_imported("brainloom_equations", self.own))
        lines += [_imported("brainloom_equations.functions", self.used)] if self.used else []
        lines += ["", f'__all__ = ["{self.model.name}"]', "", ""]
        lines += [f"class {self.model.name}(EquationNeuron):"]
        text = "\n".join(f"    {line}".rstrip() for line in doc.splitlines())
        lines += [f'    r"""{text.strip()}', '    """', ""]
        return "\n".join([*lines, *(f"    {line}".rstrip() for line in body)]) + "\n"

    def _example(self) -> str:
        name = self.model.name
        given = any(p.default is REQUIRED for p in self.model.parameters.values())
        if given or self.model.functions:
            return f"    >>> {name}.__name__\n    {name!r}"
        return f"    >>> {name}(2).in_size\n    (2,)"

    # Declarations

    def _declarations(self) -> list[str]:
        lines: list[str] = []
        functions = self._functions()
        for name, parameter in self.model.parameters.items():
            given = []
            if parameter.default is REQUIRED:
                given.append(f"unit={self._unit(parameter.unit)}")
            else:
                given.append(f"default={self._quantity(parameter.default)}")
            if parameter.rule in ("positive", "non-negative", "one for all"):
                rule = {"one for all": "shared"}.get(
                    parameter.rule, parameter.rule.replace("-", "_")
                )
                (self.own if rule == "shared" else self.core).add(rule)
                given.append(f"constraint={rule}")
            given.append(f'doc="{parameter.doc or "parameter of the equations"}"')
            if parameter.rule.startswith("above "):
                given.append(f'above="{parameter.rule.removeprefix("above ")}"')
            self.core.add("param")
            if parameter.default is not REQUIRED and functions:
                lines += functions  # what has to be given comes first
                functions = []
            lines += _call(f"{name}: Quantity = param", given)
        lines += functions
        return lines + self._scale_and_states()

    def _functions(self) -> list[str]:
        """Functions of time, which have no source, and have to be given."""
        self.core |= {"function", "option"} if self.model.functions else set()
        said = 'option(constraint=function, doc="function of time")'
        return [f"{name} = {said}" for name in self.model.functions]

    def _scale_and_states(self) -> list[str]:
        lines = []
        if "V_scale" in self.cls.declared_parameters():  # type: ignore[attr-defined]
            self.core |= {"param", "positive"}
            size = self._quantity(scale_parameter(self.model).default)
            lines += _call(
                "V_scale: Quantity = param",
                [f"default={size}", "constraint=positive", 'doc="range of the surrogate gradient"'],
            )
        for name in self.model.states:
            lines += self._state(name)
        return lines

    def _state(self, name: str) -> list[str]:
        variable = self.model.states[name]
        doc = "membrane potential" if name == "V" else "variable of the equations"
        if isinstance(variable.initial, Node):
            text = self._expression(variable.initial)
            text = re.sub(r"\bself\b", "model", text).replace("model.shape", "shape")
            for other in variable.initial.names("state"):
                text = re.sub(rf"(?<![.\w]){other}\b", f"model.{other}.value", text)
            self.core.add("full")
            return _call(
                f"{name} = state", [f"lambda model, shape: full({text}, shape)", f'"{doc}"']
            )
        first = 0.0 * variable.unit if variable.initial is None else variable.initial
        if callable(first) and not isinstance(first, u.Quantity):
            raise EquationError(
                f"to_python: the first value of {name} is a function, {show(first)}, whose source "
                "is not known; give it where neurons are made"
            )
        given = [f"default={self._quantity(first)}"]
        slow = ", slow=True" if is_slow(self.model, name) else ""
        return [
            *_call(f"{name}_initializer: Initializer = initializer", given),
            f'{name} = state("{name}_initializer", "{doc}"{slow})',
        ]

    def _settings(self) -> list[str]:
        vars_of, lines = vars(self.cls), []
        for name in ("steps_since", "not_refractory"):
            if name in vars_of:
                self.own.add(name)
                lines.append(f"{name} = {name}()")
        solver = vars_of.get("solver")
        if isinstance(solver, str):
            lines.append(f'solver: str = "{solver}"')
        elif solver is not None:
            self.own.add("scheme")
            lines.append(f'solver: str = scheme("{self.model.solver}")')
        if vars_of.get("frozen"):
            lines.append(f"frozen = {vars_of['frozen']!r}".replace("'", '"'))
        lines += ['noise_rule = "heun"'] * (self.model.noise_rule == "heun")
        lines += ["caps_overshoot = True"] * self.model.capped
        lines += ["strict = False"] * ("strict" in vars_of)
        lines += ["linear = True"] * self.model.linear
        if self.model.input_unit != u.mA:
            lines.append(f"input_unit = {self._unit(self.model.input_unit)}")
        return [*lines, ""]

    # Methods

    def _methods(self) -> list[str]:
        model, lines = self.model, []
        if model.potential != "V":
            lines += [
                "@property",
                f"def {model.potential}(self) -> Quantity:",
                "    return self.V",
                "",
            ]
        for name, variable in model.states.items():
            if variable.derivative is not None:
                lines += self._method(f"d{name}", variable.derivative)
            for xi, factor in variable.noise.items():
                lines += self._method(f"{xi}_{name}", factor)
        for name, (_, expression) in model.subexpressions.items():
            lines += self._method(name, expression)
        for name, node in threshold_of(model).items():
            lines += self._method(name, node)
        changes = dict(model.changes)
        if (potential := changes.pop("V", None)) is not None:
            lines += self._method("reset", after(potential))
        if changes:
            lines += self._on_spike(changes)
        if model.refractory is not None:
            stays = "stays_refractory" in vars(self.cls)
            name = "stays_refractory" if stays else "refractory_period"
            lines += self._method(name, model.refractory)
        return lines[:-1]

    def _method(self, name: str, node: Node) -> list[str]:
        taken = "".join(f", {state}: Quantity" for state in self.model.needs(node))
        head = f"def {name}(self{taken}) -> Quantity:"
        return [*_head(head), *_returned(self._expression(node)), ""]

    def _on_spike(self, changes: dict[str, Change]) -> list[str]:
        nodes = [change.value for change in changes.values()]
        own = [Node("state", (), name) for name in changes]
        taken = "".join(f", {name}: Quantity" for name in self.model.needs(*nodes, *own))
        head = f"def on_spike(self{taken}, spk: Array) -> dict[str, Quantity]:"
        items = []
        for name, change in changes.items():
            value = self._expression(change.value)
            if change.operator == "=":
                self.used.add("at_spikes")
                items.append(f'"{name}": at_spikes(spk, {value}, {name})')
            else:
                value = f"({value})" if _strength(change.value) < 6 else value
                items.append(f'"{name}": {name} {change.operator} {value} * spk')
        line = f"return {{{', '.join(items)}}}"
        if len(line) > WIDTH - 8:
            return [
                *_head(head),
                "    return {",
                *(f"        {item}," for item in items),
                "    }",
                "",
            ]
        return [*_head(head), f"    {line}", ""]

    # Expressions

    def _expression(self, node: Node) -> str:
        name = str(node.value)
        match node.op:
            case "number":
                return str(node.value) if isinstance(node.value, bool) else repr(float(node.value))
            case "state" | "input":
                return name
            case "param":
                return f"self.{name}"
            case "unit":
                return f"{self.units}.{name}"
            case "constant":
                self.modules.add("math")
                return f"math.{name}"
            case "special":
                return "t" if name == "t" else f"self.{name}"
            case "sub":
                _, expression = self.model.subexpressions[name]
                return f"self.{name}({', '.join(self.model.needs(expression))})"
            case "of_time":
                return f"self.of_time(lambda t: {self._expression(node.args[0])})"
            case "call":
                return self._called(node, name)
            case "helper":
                self.used.add(name)
                return f"{name}({', '.join(self._expression(arg) for arg in node.args)})"
            case "and" | "or" | "not":
                return self._logical(node)
        if node.op == "neg":
            return f"-{self._inner(node.args[0], 7)}"
        left, right = node.args
        if node.op == "**":
            return f"{self._inner(left, 9)} ** {self._exponent(right)}"
        strength = STRENGTH[node.op]
        return f"{self._inner(left, strength)} {node.op} {self._inner(right, strength + 1)}"

    def _inner(self, node: Node, least: int) -> str:
        text = self._expression(node)
        return f"({text})" if _strength(node) < least else text

    def _exponent(self, node: Node) -> str:
        if node.op == "number":
            return str(node.value)
        if node.op == "neg" and node.args[0].op == "number":
            return f"-{node.args[0].value}"
        return self._inner(node, 8)

    def _called(self, node: Node, name: str) -> str:
        if name not in FUNCTIONS:
            return f"self.{name}({self._expression(node.args[0])})"
        own = FUNCTIONS[name][0]
        self.used.add(own)
        if name in ("rand", "randn"):
            return f"{own}(self.shape)"
        return f"{own}({', '.join(self._expression(arg) for arg in node.args)})"

    def _logical(self, node: Node) -> str:
        self.modules.add("jnp")
        parts = [self._expression(arg) for arg in node.args]
        text = parts[0]
        for part in parts[1:]:
            text = f"jnp.logical_{node.op}({text}, {part})"
        return f"jnp.logical_not({text})" if node.op == "not" else text

    # Values

    def _quantity(self, value: Quantity) -> str:
        number = np.asarray(u.get_mantissa(value))
        text = repr(float(number)) if number.ndim == 0 else f"np.array({number.tolist()})"
        self.modules |= {"np"} if number.ndim else set()
        unit = u.get_unit(value)
        return text if unit == u.UNITLESS else f"{text} * {self._unit(unit)}"

    def _unit(self, unit: u.Unit) -> str:
        """A unit as a product of named ones."""
        if unit == u.UNITLESS:
            return f"{self.units}.UNITLESS"
        if vars(u).get(str(unit)) == unit:
            return f"{self.units}.{unit}"
        text = str(unit).replace("^", "**")
        named = re.sub(r"[A-Za-z]\w*", lambda found: f"{self.units}.{found[0]}", text)
        return f"({named})"


def _strength(node: Node) -> int:
    if node.op == "number" and not isinstance(node.value, bool) and float(node.value) < 0:
        return 7
    return STRENGTH.get(node.op, 10)


def _imported(module: str, names: set[str]) -> str:
    ordered = sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in ordered), ")"])


def _call(head: str, given: list[str]) -> list[str]:
    """A declaration, over several lines where it is long."""
    line = f"{head}({', '.join(given)})"
    if len(line) <= WIDTH - 4:
        return [line]
    inner = ", ".join(given)
    if len(inner) <= WIDTH - 8:
        return [f"{head}(", f"    {inner}", ")"]
    return [f"{head}(", *(f"    {one}," for one in given), ")"]


def _head(line: str) -> list[str]:
    if len(line) <= WIDTH - 4:
        return [line]
    before, _, rest = line.partition("(")
    inside, _, behind = rest.rpartition(")")
    return [f"{before}(", f"    {inside}", f"){behind}"]


def _has_sum(text: str) -> bool:
    """Whether there is a sum outside of all parentheses."""
    outside = re.sub(r"[([{][^()[\]{}]*[)\]}]", "", text)
    while outside != (outside := re.sub(r"[([{][^()[\]{}]*[)\]}]", "", outside)):
        pass
    return " + " in outside or " - " in outside


def _returned(text: str) -> list[str]:
    """A return, a long sum with a term in each line."""
    if len(text) <= WIDTH - 15:
        return [f"    return {text}"]
    terms, depth, start = [], 0, 0
    breaks = (" + ", " - ") if _has_sum(text) else (" * ", " / ")
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and text[place : place + 3] in breaks and place:
            terms.append(text[start:place])
            start = place + 1
    terms.append(text[start:])
    return ["    return (", *(f"        {term}" for term in terms), "    )"]
