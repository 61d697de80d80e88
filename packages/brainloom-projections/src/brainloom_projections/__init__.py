"""Connectivity and projections."""

from importlib.metadata import version as _version

from .connection import Connection
from .edges import Edges
from .gap import AsymmetryGapJunction, SymmetryGapJunction
from .projections import (
    AlignPostProj,
    AlignPreProj,
    CurrentProj,
    DeltaProj,
    align_post_projection,
    align_pre_projection,
)
from .rules import (
    AllToAll,
    Bernoulli,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    OneToOne,
    Rule,
)
from .simple import Projection
from .spatial import (
    DiscProfile,
    DistanceDependent,
    ExponentialProfile,
    GaussianProfile,
    LinearProfile,
    grid_positions,
    random_positions,
)
from .stp import STD, STP
from .topology import SmallWorld
from .values import by_distance, by_edge

__version__ = _version("brainloom-projections")

__all__ = [
    "STD",
    "STP",
    "AlignPostProj",
    "AlignPreProj",
    "AllToAll",
    "AsymmetryGapJunction",
    "Bernoulli",
    "Connection",
    "CurrentProj",
    "DeltaProj",
    "DiscProfile",
    "DistanceDependent",
    "Edges",
    "ExponentialProfile",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedTotalNumber",
    "GaussianProfile",
    "LinearProfile",
    "OneToOne",
    "Projection",
    "Rule",
    "SmallWorld",
    "SymmetryGapJunction",
    "align_post_projection",
    "align_pre_projection",
    "by_distance",
    "by_edge",
    "grid_positions",
    "random_positions",
]
