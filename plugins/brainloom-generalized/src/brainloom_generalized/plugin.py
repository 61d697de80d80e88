"""The models of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl

MODELS = (
    "GLIF1",
    "GLIF2",
    "GLIF3",
    "GLIF4",
    "GLIF5",
    "HillTononi",
    "LinearRate",
    "MAT",
    "MihalasNiebur",
    "PinskyRinzel",
    "RateUnit",
    "SigmoidRate",
    "TanhRate",
    "ThresholdLinearRate",
    "WilsonCowan",
)


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Neurons and rate units."""
    return {name: f"brainloom_generalized:{name}" for name in MODELS}
