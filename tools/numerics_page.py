"""Write docs/reference/numerics.md, or (with --check) say whether it is what would be written."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import brainloom_neurons
import brainloom_synapses
from brainloom_core import SOLVERS, Dynamics, Numerics

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "numerics.md"
HEAD = """# Numerics

What each model does in one step, with its defaults. A program reads the same from `Model.numerics`,
or from that attribute of an instance; `brainloom models NAME` shows it too. Orders are those of
convergence under a current that is constant over the step, and every one of them is measured by the
tests. "Exact" means without error under such a current.
"""


def models() -> dict[str, type[Dynamics]]:
    """The models that are advanced by a scheme."""
    found = {}
    for package in (brainloom_neurons, brainloom_synapses):
        for name in package.__all__:
            model = getattr(package, name)
            if isinstance(model, type) and issubclass(model, Dynamics) and model._derivatives:
                found[name] = model
    return dict(sorted(found.items()))


def page() -> str:
    """The text of the page."""
    described = {name: model.numerics for name, model in models().items()}
    lines = [HEAD, "## Schemes", "", "| model | scheme | order |", "|---|---|---|"]
    for name, numerics in described.items():
        order = "exact" if numerics.exact else numerics.order
        lines.append(f"| `{name}` | `{numerics.scheme}` | {order} |")
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
        having = ", ".join(f"`{model}`" for model, v in values.items() if v == value)
        lines.append(f"- {value}: {having}")
    return lines if len(lines) > 3 else []


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else "docs/reference/numerics.md is out of date")
    PAGE.write_text(page())
