"""The models of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Neurons and inputs."""
    from . import __all__ as names

    return {name: f"brainloom_neurons:{name}" for name in names if name != "poisson_input"}
