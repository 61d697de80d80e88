"""The models of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl

OUTPUTS = ("COBA", "CUBA", "MgBlock")
CASES = ("AMPA", "BioNMDA", "GABAa", "GradedSynapse", "NMDA")


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Synapses."""
    from . import __all__ as names

    return {name: f"brainloom_synapses:{name}" for name in names if name not in OUTPUTS}


@hookimpl
def brainloom_outputs() -> Mapping[str, str]:
    """What they do to their targets."""
    return {name: f"brainloom_synapses:{name}" for name in OUTPUTS}


@hookimpl
def brainloom_cases() -> Mapping[str, str]:
    """How those are tried whose input is not in the unit of the conductance."""
    return {name: f"brainloom_synapses.conformance:{name}" for name in CASES}
