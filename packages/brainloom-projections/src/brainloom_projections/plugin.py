"""The models and rules of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl

MODELS = (
    "STD",
    "STP",
    "AlignPostProj",
    "AlignPreProj",
    "AsymmetryGapJunction",
    "Connection",
    "CurrentProj",
    "DeltaProj",
    "Projection",
    "SymmetryGapJunction",
    "align_post_projection",
    "align_pre_projection",
)
RULES = (
    "AllToAll",
    "Bernoulli",
    "DistanceDependent",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedTotalNumber",
    "OneToOne",
    "SmallWorld",
)


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Projections, connections, plasticity of release and gap junctions."""
    return {name: f"brainloom_projections:{name}" for name in MODELS}


@hookimpl
def brainloom_rules() -> Mapping[str, str]:
    """Connectivity rules."""
    return {name: f"brainloom_projections:{name}" for name in RULES}
