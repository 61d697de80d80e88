"""Connectivity and projections."""

from importlib.metadata import version as _version

from .align.currents import CurrentProj
from .align.deltas import DeltaProj
from .align.post import AlignPostProj, align_post_projection
from .align.pre import AlignPreProj, align_pre_projection
from .align.simple import Projection
from .connection.connection import Connection
from .connection.edges import Edges
from .connection.values import by_distance, by_edge
from .gap.junction import AsymmetryGapJunction, SymmetryGapJunction
from .parts.stp import STD, STP
from .rules.basic import (
    AllToAll,
    Bernoulli,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    OneToOne,
    Rule,
)
from .rules.spatial import (
    DiscProfile,
    DistanceDependent,
    ExponentialProfile,
    GaussianProfile,
    LinearProfile,
    grid_positions,
    random_positions,
)
from .rules.topology import SmallWorld

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
