"""What a model declares about its numerics, for readers and for programs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..declare.parameters import Param
from .solvers import get_solver, solver_facts

if TYPE_CHECKING:
    from .base import Dynamics


__all__ = ["Numerics", "NumericsOf"]


@dataclass(frozen=True)
class Numerics:
    """Numerical semantics of a model: `LIF.numerics` for its defaults, or that of an instance.

    Attributes:
        scheme: Name of the time-stepping scheme.
        order: Order of convergence under a constant current; None where the step is exact, or
            where the scheme is a function that says nothing about itself.
        exact: Whether a step under a constant current is exact.
        input: When an input current acts.
        jump: When a registered jump (a delta input) acts, and on which state.
        spike: Where in the step a spike lands.
        reset: What a spike does to the state, and when.
        overshoot: What becomes of the part of V above threshold.
        refractory: How the refractory period is counted.
        normalization: How the response to one spike is normalised.
    """

    scheme: str
    order: int | None
    exact: bool
    input: str | None = None
    jump: str | None = None
    spike: str | None = None
    reset: str | None = None
    overshoot: str | None = None
    refractory: str | None = None
    normalization: str | None = None


class NumericsOf:
    """Attribute that describes a class with its defaults, or an instance as it was made."""

    def __get__(self, model: "Dynamics | None", owner: type) -> Numerics:
        source: Dynamics | type[Dynamics] = owner if model is None else model
        if not source.equations.derivatives:
            return Numerics("none", None, True, **source.semantics(source))
        known = {"linear": source.linear, "coupled": source.equations.coupled}
        solver = solver_facts(get_solver(chosen(source, "solver"), **known))
        order, exact = solver.order_for(**known), solver.is_exact_for(**known)
        return Numerics(solver.name, order, exact, **source.semantics(source))


def chosen(source: "Dynamics | type[Dynamics]", name: str) -> Any:
    """The value of an option: of a model, or the default of a class."""
    value = getattr(source, name)
    return value.default if isinstance(value, Param) else value
