"""The rules of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl

RULES = (
    "DopamineSTDP",
    "InhibitorySTDP",
    "STDP",
    "SynapticScaling",
    "ThreeFactorSTDP",
    "TripletSTDP",
    "VoltageSTDP",
)


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """The projection whose weights rules change."""
    return {"PlasticProj": "brainloom_plasticity:PlasticProj"}


@hookimpl
def brainloom_plasticity_rules() -> Mapping[str, str]:
    """Rules that change weights."""
    return {name: f"brainloom_plasticity:{name}" for name in RULES}
