"""The models of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Public names and where they live."""
    from .readouts import __all__ as readouts

    return {name: f"brainloom_training:{name}" for name in ("EventPropLIF", *readouts)}
