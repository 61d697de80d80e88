"""The docstring of a class that is made of text."""

import inspect
import textwrap

from brainloom_core import REQUIRED
from brainloom_core.units import show

from .model import Model

__all__ = ["EXAMPLE", "docstring"]

WIDTH = 92
# One that runs wherever the class is, under whatever name.
EXAMPLE = (
    "    >>> from brainloom_equations import EquationNeuron",
    "    >>> EquationNeuron.role",
    "    'population'",
)
USUAL = {
    "in_size": "Number of neurons, or the shape of the population.",
    "spk_fun": "Spike function with a surrogate gradient, `ReluGrad()`.",
    "name": "Name of the module.",
    "solver": "Time-stepping scheme, a name in `SOLVERS` or a function.",
    "detach_reset": "Whether gradients pass by the reset, None: by that of V.",
    "V_scale": "Range of V to which the surrogate gradient refers.",
    "refractory": "Time from a spike to the end of the refractory period, counted as in Brian2.",
}


def docstring(cls: type, model: Model, doc: str | None) -> str:
    """What the class is, with all its parameters and states.

    Args:
        cls: The class.
        model: What it was made of.
        doc: Its first sentence, None for a general one.
    """
    lines = [doc or "Neuron whose equations were given as text.", "", *_texts(model), "", "Args:"]
    for name, parameter in inspect.signature(cls).parameters.items():
        lines.append(f"    {name}: {_about(name, model, parameter)}")
    lines += ["", "Attributes:"]
    for name, variable in model.states.items():
        called = f", {model.potential} in the text" if name == "V" != model.potential else ""
        unit = f", {variable.unit}" if str(variable.unit) not in ("1", "") else ""
        what = "Membrane potential" if name == "V" else "Variable"
        lines.append(f"    {name}: {what}{called}, shape `(*batch, *in_size)`{unit}.")
    for name, words in (
        ("not_refractory", "Whether a neuron can spike"),
        ("steps_since", "Steps since the last spike, an integer"),
    ):
        if name in cls.declared_states():  # type: ignore[attr-defined]
            lines.append(f"    {name}: {words}, shape `(*batch, *in_size)`.")
    lines = [part for line in lines for part in _wrapped(line)]
    return "\n".join(
        [
            *lines,
            *("", "Raises:"),
            "    ParameterError: A parameter has the wrong unit, shape or range.",
            "    InputError: An input has the wrong unit or shape.",
            *("", "References:", "    The text of its equations, in the syntax of Brian2."),
            *("", "Examples:", *EXAMPLE, ""),
        ]
    )


def _wrapped(line: str) -> list[str]:
    """A line, in several where it is long; an entry goes on further to the right."""
    if len(line) <= WIDTH or line.startswith("\\verb"):
        return [line]
    indent = 8 * line.startswith("    ")
    return textwrap.wrap(line, WIDTH, subsequent_indent=" " * indent, break_long_words=False)


def _texts(model: Model) -> list[str]:
    """The texts, the equations between `$$` as they were written."""
    equations = [line.strip() for line in model.texts["equations"].splitlines() if line.strip()]
    lines = ["$$", *(rf"\verb|{line.partition('#')[0].strip()}|\\" for line in equations), "$$"]
    others = [(what, text) for what, text in model.texts.items() if what != "equations"]
    if others:
        lines += [
            "",
            "; ".join(f"{what} `{' '.join(text.split())}`" for what, text in others) + ".",
        ]
    return lines


def _about(name: str, model: Model, parameter: inspect.Parameter) -> str:
    if name in model.parameters:
        declared = model.parameters[name]
        given = "" if declared.default is REQUIRED else f", {show(declared.default)}"
        above = declared.rule.removeprefix("above ")
        rule = f", above `{above}`" if declared.rule.startswith("above ") else ""
        what = USUAL.get(name, "Parameter of the equations.").rstrip(".")
        return f"{what}{given}{rule}; scalar or one per neuron."
    if name in model.functions:
        return "Function of time."
    if name.endswith("_initializer"):
        state = name.removesuffix("_initializer")
        return f"First value of {state}, {_short(parameter.default)}."
    return USUAL.get(name, "Parameter.")


def _short(value: object) -> str:
    return "a function" if callable(value) else show(value)
