"""From a `Model` to a class, which is what declarations and methods of one's own would make."""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import (
    REQUIRED,
    Constraint,
    full,
    function,
    initializer,
    non_negative,
    option,
    param,
    positive,
    state,
)
from brainloom_core.types import Arguments, Quantity, Values
from brainloom_core.units import same_dimension

from . import functions
from .dimensions import CONDITIONS
from .evaluating import evaluated, method
from .model import Change, Model, Parameter, Variable
from .neuron import EquationNeuron, not_refractory, steps_since
from .nodes import Node

__all__ = [
    "after",
    "declared_parameter",
    "expression_method",
    "neuron_class",
    "scale_parameter",
    "scheme",
    "shared",
    "state_members",
    "threshold_of",
]

SLOW = 50.0 * u.ms
shared = Constraint("one for all neurons", lambda x: np.ndim(x) == 0)
"""The value must be a single one."""


def scheme(default: str) -> Any:
    """Declare the argument `solver` with another default.

    Args:
        default: Name of the scheme.
    """
    known = EquationNeuron.declared_parameters()["solver"].constraint
    return option(default=default, constraint=known, doc="time-stepping scheme")


def neuron_class(model: Model, module: str, doc: str | None) -> type[EquationNeuron]:
    """The class of a model.

    Args:
        model: What the texts say.
        module: Name of the module that it is said to be of.
        doc: Its first sentence, None for a general one.
    """
    from .describing import docstring

    members: Arguments = {"__module__": module, "__qualname__": model.name}
    members |= {name: declared_parameter(p) for name, p in model.parameters.items()}
    members |= {
        name: option(default=f, constraint=function, doc="function of time")
        for name, f in model.functions.items()
    }
    for name, variable in model.states.items():
        members |= state_members(model, name, variable)
    if model.potential != "V":
        members[model.potential] = property(lambda self: self.V, doc="The potential, V.")
    members |= _subexpressions(model) | _threshold(model) | _reset(model) | _refractory(model)
    if any("steps_since" in model.needs(node) for node in model.expressions()):
        members["steps_since"] = steps_since()
    frozen = tuple(name for name, variable in model.states.items() if variable.frozen)
    members |= {"linear": model.linear, "input_unit": model.input_unit, "texts": dict(model.texts)}
    members |= {"frozen": frozen} if frozen else {}
    if model.fixed_solver:
        members["solver"] = model.solver
    elif model.solver != "auto":
        members["solver"] = scheme(model.solver)
    if model.capped:  # V ends at the threshold, which is a spike then
        members |= {"caps_overshoot": True, "strict": False}
    if model.noise_rule == "heun":
        members["noise_rule"] = "heun"
    members |= {"equation_model": model, "input_name": model.input_name}
    metaclass: Any = type(EquationNeuron)
    cls: type[EquationNeuron] = metaclass(model.name, (EquationNeuron,), members)
    cls.__doc__ = docstring(cls, model, doc)
    return cls


def declared_parameter(parameter: Parameter) -> Any:
    """Declare a parameter of a text.

    Args:
        parameter: What is known of it.
    """
    rule = parameter.rule
    known = {"one for all": shared, "non-negative": non_negative, "positive": positive}
    return param(
        default=parameter.default,
        constraint=known.get(rule),
        doc=parameter.doc or "parameter of the equations",
        unit=parameter.unit,
        above=rule.removeprefix("above ") if rule.startswith("above ") else None,
    )


def state_members(model: Model, name: str, variable: Variable) -> Arguments:
    """The state, its first value, its derivative, and the noise in it.

    Args:
        model: The model.
        name: Name of the state.
        variable: What is known of it.
    """
    doc = "membrane potential" if name == "V" else "variable of the equations"
    found: Arguments = {}
    if isinstance(variable.initial, Node):
        found[name] = state(_first_value(variable.initial), doc)
    else:
        first = 0.0 * variable.unit if variable.initial is None else variable.initial
        unit = None if isinstance(first, u.Quantity) else variable.unit
        found[f"{name}_initializer"] = initializer(default=first, unit=unit)
        found[name] = state(f"{name}_initializer", doc, slow=is_slow(model, name))
    if variable.derivative is not None:
        found[f"d{name}"] = expression_method(model, f"d{name}", variable.derivative)
    for xi, factor in variable.noise.items():
        found[f"{xi}_{name}"] = expression_method(model, f"{xi}_{name}", factor)
    return found


def is_slow(model: Model, name: str) -> bool:
    """Whether a state has a long time constant by default, so that float32 may lose its changes.

    Args:
        model: The model.
        name: Name of the state.
    """
    variable = model.states[name]
    if name == "V" or variable.derivative is None or variable.noise:
        return False
    defaults = SimpleNamespace(**{n: p.default for n, p in model.parameters.items()})
    for node in variable.derivative.walk():
        if node.op != "/":
            continue
        under = node.args[1]
        plain = not {*under.names("state", "input", "sub", "special", "call", "of_time", "xi")}
        known = all(model.parameters[n].default is not REQUIRED for n in under.names("param"))
        if plain and known:
            time = evaluated(under, defaults, {})
            if same_dimension(time, SLOW) and bool(np.all(np.asarray(time / SLOW) >= 1.0)):
                return True
    return False


def _first_value(node: Node) -> Callable[..., Quantity]:
    def first(neuron: EquationNeuron, shape: tuple[int, ...]) -> Quantity:
        known = {n: getattr(neuron, n).value for n in node.names("state")}
        return full(evaluated(node, _Shaped(neuron, shape), known), shape)

    return first


class _Shaped:
    """A neuron whose states do not exist yet."""

    def __init__(self, neuron: EquationNeuron, shape: tuple[int, ...]) -> None:
        self._neuron, self.shape = neuron, shape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._neuron, name)


def expression_method(model: Model, name: str, node: Node) -> Callable[..., Quantity]:
    """A method that returns the value of an expression.

    Args:
        model: The model.
        name: What the method is called.
        node: The expression.
    """
    return method(model, name, lambda self, y: evaluated(node, self, y), node)


def _subexpressions(model: Model) -> Arguments:
    return {
        name: expression_method(model, name, node)
        for name, (_, node) in model.subexpressions.items()
    }


def threshold_of(model: Model) -> dict[str, Node]:
    """The methods that say when a neuron spikes, as expressions: with what they need in `V_scale`.

    Args:
        model: The model.
    """
    condition = model.threshold
    if condition is None:
        return {}
    simple = condition.op in (">", ">=") and condition.args[0].value == "V"
    if not simple or "V" in model.needs(condition.args[1]):
        return _limit(condition) | {"distance": _distance(condition, model)}
    limit, change = condition.args[1], model.changes.get("V")
    scale = V_SCALE
    if change is not None and change.operator == "=":
        known = model.parameters.get(str(limit.value))
        above = limit.op == "param" and known is not None and known.rule.startswith("above ")
        literal = not {*limit.names("param", "state"), *change.value.names("param", "state")}
        if above or (literal and _exceeds(limit, change.value)):
            scale = Node("-", (limit, change.value))
    return {"threshold": limit, "scale": scale}


V_SCALE = Node("param", (), "V_scale")


def _limit(condition: Node) -> dict[str, Node]:
    """What the potential is compared with, where it is compared."""
    for node in condition.walk():
        if node.op in (">", ">=") and node.args[0].value == "V":
            return {"threshold": node.args[1]}
    return {}


def _exceeds(limit: Node, target: Node) -> bool:
    """Whether a threshold without parameters is above the reset."""
    if {*limit.names("input", "sub", "special", "call", "of_time"), *target.names("sub", "call")}:
        return False
    return bool(evaluated(limit, None, {}) > evaluated(target, None, {}))


def _distance(node: Node, model: Model) -> Node:
    """A condition as a distance from where it begins to hold."""
    if node.op in ("and", "or"):
        parts = [_distance(arg, model) for arg in node.args]
        result = parts[0]
        for part in parts[1:]:
            result = Node("helper", (result, part), "both" if node.op == "and" else "either")
        return result
    if node.op == "not":
        return Node("helper", (_distance(node.args[0], model),), "opposite")
    if node.op in (">", ">=", "<", "<="):
        name = "above" if "=" in node.op else "strictly_above"
        args = node.args if node.op[0] == ">" else node.args[::-1]
        return Node("helper", (*args, V_SCALE) if "V" in model.needs(*args) else args, name)
    return Node("helper", (node,), "truth")


def _threshold(model: Model) -> Arguments:
    methods = threshold_of(model)
    found: Arguments = {n: expression_method(model, n, node) for n, node in methods.items()}
    if any(node.names("param").count("V_scale") for node in methods.values()):
        found["V_scale"] = scale_parameter(model)
    if "threshold" in methods and model.threshold is not None and model.threshold.op == ">=":
        found["strict"] = False
    return found


def scale_parameter(model: Model) -> Any:
    """Declare the range of V to which the surrogate gradient refers."""
    unit = model.states["V"].unit
    size = 20.0 * u.mV if unit.dim == u.mV.dim else 1.0 * unit
    return param(default=size, constraint=positive, doc="range of the surrogate gradient")


def _reset(model: Model) -> Arguments:
    found: Arguments = {}
    changes = dict(model.changes)
    potential = changes.pop("V", None)
    if potential is not None:
        found["reset"] = expression_method(model, "reset", after(potential))
    if changes:

        def on_spike(self: EquationNeuron, y: Values) -> dict[str, Quantity]:
            return {name: _changed(self, name, change, y) for name, change in changes.items()}

        nodes = [change.value for change in changes.values()]
        own = [Node("state", (), name) for name in changes]
        found["on_spike"] = with_spikes(method(model, "on_spike", on_spike, *nodes, *own))
    return found


def after(change: Change) -> Node:
    """The potential after a spike, as one expression."""
    if change.operator == "=":
        return change.value
    return Node(change.operator, (Node("state", (), "V"), change.value))


def with_spikes(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same method, which takes `spk` too."""
    signature = inspect.signature(function)
    spk = inspect.Parameter("spk", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [*signature.parameters.values(), spk]
    function.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


def _changed(neuron: EquationNeuron, name: str, change: Change, y: Values) -> Quantity:
    value = evaluated(change.value, neuron, y)
    if change.operator == "+":
        return y[name] + value * y["spk"]
    if change.operator == "-":
        return y[name] - value * y["spk"]
    return functions.at_spikes(y["spk"], value, y[name])


def _refractory(model: Model) -> Arguments:
    node = model.refractory
    if node is None:
        return {}
    if node.op in CONDITIONS or node.value is True or node.value is False:
        stays = expression_method(model, "stays_refractory", node)
        return {"not_refractory": not_refractory(), "stays_refractory": stays}
    period = expression_method(model, "refractory_period", node)
    return {
        "not_refractory": not_refractory(),
        "steps_since": steps_since(),
        "refractory_period": period,
    }
