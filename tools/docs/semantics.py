"""The tables of docs/reference/numerics.md, from what the models declare."""

from dataclasses import fields
from typing import Any

import brainloom_neurons
import brainloom_synapses
from brainloom_core import SOLVERS, Dynamics, Numerics


def models() -> dict[str, type[Dynamics]]:
    """The models that are advanced by a scheme."""
    found = {}
    for package in (brainloom_neurons, brainloom_synapses):
        for name in package.__all__:
            model = getattr(package, name)
            if (
                isinstance(model, type)
                and issubclass(model, Dynamics)
                and model.equations.derivatives
            ):
                found[name] = model
    return dict(sorted(found.items()))


def tables() -> str:
    """What each model does in one step, and the schemes that there are."""
    described = {name: model.numerics for name, model in models().items()}
    lines = ["## Schemes", "", "| model | scheme | order |", "|---|---|---|"]
    for name, numerics in described.items():
        order = "exact" if numerics.exact else numerics.order
        lines.append(f"| {linked(name)} | `{numerics.scheme}` | {order} |")
    lines += ["", "## Spikes, resets, inputs"]
    for field in fields(Numerics)[3:]:
        lines += section(field.name, {n: getattr(d, field.name) for n, d in described.items()})
    lines += ["", "## Other schemes", "", "`solver=` takes any of these, or a function.", ""]
    lines += ["| name | order for coupled equations | exact for |", "|---|---|---|"]
    for solver in SOLVERS.values():
        lines.append(f"| `{solver.name}` | {solver.order} | {solver.exact_for} |")
    return "\n".join(lines) + "\n"


def section(name: str, values: dict[str, Any]) -> list[str]:
    """One paragraph: each value, and the models that have it."""
    lines = ["", f"### {name.capitalize()}", ""]
    for value in dict.fromkeys(v for v in values.values() if v is not None):
        having = ", ".join(linked(model) for model, v in values.items() if v == value)
        lines.append(f"- {value}: {having}")
    return lines if len(lines) > 3 else []


def linked(name: str) -> str:
    """A reference to the page of a model."""
    return f"[`{name}`][brainloom.{name}]"
