"""Connectivity and projections."""

from importlib.metadata import version as _version

from .connection import Connection
from .projections import AlignPostProj, DeltaProj
from .rules import AllToAll, Bernoulli, Edges, FixedInDegree, FixedOutDegree, OneToOne, Rule

__version__ = _version("brainloom-projections")

__all__ = [
    "AlignPostProj",
    "AllToAll",
    "Bernoulli",
    "Connection",
    "DeltaProj",
    "Edges",
    "FixedInDegree",
    "FixedOutDegree",
    "OneToOne",
    "Rule",
]
