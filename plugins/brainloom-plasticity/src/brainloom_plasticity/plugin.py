"""The rules of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl

NAMES = (
    "DopamineSTDP",
    "InhibitorySTDP",
    "PlasticProj",
    "STDP",
    "SynapticScaling",
    "ThreeFactorSTDP",
    "TripletSTDP",
    "VoltageSTDP",
)


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Public names and where they live."""
    return {name: f"brainloom_plasticity:{name}" for name in NAMES}
