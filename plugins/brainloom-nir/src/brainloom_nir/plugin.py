"""The models of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl

NAMES = ("FilteredIntegrator", "FilteredLIF", "Integrator", "LeakyIntegrator")


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Public names and where they live."""
    return {name: f"brainloom_nir:{name}" for name in NAMES}
