"""`Case`: a model class, and what the checks need to know to build and run it."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import brainunit as u
from brainloom_core import ANY_UNIT, Dynamics, Neuron, Synapse, SynOut
from brainloom_core.types import Arguments, Quantity, Time

from .declarations import is_declared, quantities, signature

__all__ = ["KINDS", "Case", "default_case"]

KINDS = ("neuron", "synapse", "output", "source", "readout", "projection", "other")


@dataclass(frozen=True, eq=False)
class Case:
    """A model class under test.

    Args:
        cls: The class.
        arguments: Constructor arguments by name that make it small and fast; a function that
            returns them where each model needs its own (a population to act on, for example).
        kind: One of `KINDS`; found from the base class if not given.
        input: What `update` receives in each step. If not given: for a neuron a current that
            makes it spike within 50 steps, in `input_unit`; for a synapse 1 in the unit of its
            first jump state, a spike or 60 mV if it has none; for an output a pair, the
            conductance and the potential; for a readout a spike from every input; for a source
            nothing.
        dt: Time step, 0.1 ms.
        expected_failures: Reason by name of the check, for checks that the model is known to
            fail. One that passes after all is reported as a failure.
    """

    cls: type
    arguments: Arguments | Callable[[], Arguments] = field(default_factory=dict)
    _: KW_ONLY
    kind: str = ""
    input: Quantity | None = None
    dt: Time = field(default_factory=lambda: 0.1 * u.ms)
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind = self.kind or _kind(self.cls)
        if kind not in KINDS:
            raise ValueError(f"Case.kind: expected one of {', '.join(KINDS)}, got {kind!r}")
        object.__setattr__(self, "kind", kind)

    def __repr__(self) -> str:
        return f"Case({self.cls.__name__})"

    @property
    def given(self) -> Arguments:
        """The constructor arguments, fresh where they come from a function."""
        return dict(self.arguments() if callable(self.arguments) else self.arguments)

    def build(self, **changes: Any) -> Dynamics:
        """A new model, with some arguments changed.

        Args:
            changes: Constructor arguments by name, which take precedence over those of the case.
        """
        return self.cls(**{**self.given, **changes})


def default_case(cls: type, **arguments: Any) -> Case:
    """The case that the class itself suggests.

    Two neurons (or synapses, or outputs), and 1 for each number that has no default.

    Args:
        cls: The class.
        arguments: Further constructor arguments, which take precedence.

    Raises:
        TypeError: A parameter without default is not a number, and is not given.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, param
        >>> from brainloom_testing import default_case
        >>> class Leaky(Neuron):
        ...     tau = param(default=20.0 * u.ms)
        >>> default_case(Leaky), default_case(Leaky).kind
        (Case(Leaky), 'neuron')
    """
    required = {
        name: parameter
        for name, parameter in signature(cls).items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
    guesses = {name: _guess(cls, name) for name in required if name not in arguments}
    return Case(cls, {**guesses, **arguments})


def _kind(cls: type) -> str:
    if is_declared(cls) and "out_size" in signature(cls):
        return "readout"  # a readout that spikes is a neuron, too
    bases = (Neuron, "neuron"), (Synapse, "synapse"), (SynOut, "output"), (Dynamics, "source")
    for base, kind in bases:
        if issubclass(cls, base):
            return kind
    if _is_projection(cls):
        return "projection"
    return "other"


def _is_projection(cls: type) -> bool:
    """Whether it is one of ours; the package is there where such a class is."""
    projections = sys.modules.get("brainloom_projections")
    return projections is not None and issubclass(cls, projections.Projection)


def _guess(cls: type, name: str) -> Any:
    if name in ("in_size", "out_size"):
        return 3 if name == "in_size" and "out_size" in signature(cls) else 2
    declared = quantities(cls).get(name)
    if declared is None:
        raise TypeError(
            f"default_case: {cls.__name__} needs {name}, which cannot be guessed: write "
            f"default_case({cls.__name__}, {name}=...)"
        )
    return 1.0 if declared.unit in (ANY_UNIT, u.UNITLESS) else 1.0 * declared.unit
