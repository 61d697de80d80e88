"""What brainloom is told of this package."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """The function that makes models."""
    return {"from_equations": "brainloom_equations:from_equations"}
