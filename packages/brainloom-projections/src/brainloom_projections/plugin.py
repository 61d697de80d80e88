"""The models of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Public names and where they live."""
    from . import __all__ as names

    functions = ("grid_positions", "random_positions")
    return {name: f"brainloom_projections:{name}" for name in names if name not in functions}
