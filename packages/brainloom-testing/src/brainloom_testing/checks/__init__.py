"""The checks, by what they are about; each is a function of a case."""

from . import (
    constructors,
    documentation,
    equations,
    events,
    execution,
    gradients,
    inputs,
    neurons,
    outputs,
    parameters,
    projections,
    signatures,
    small_steps,
    states,
    synapses,
)
from .registry import CHECKS, Check, Entry

__all__ = [
    "CHECKS",
    "Check",
    "Entry",
    "constructors",
    "documentation",
    "equations",
    "events",
    "execution",
    "gradients",
    "inputs",
    "neurons",
    "outputs",
    "parameters",
    "projections",
    "signatures",
    "small_steps",
    "states",
    "synapses",
]
