"""The entry point. Keep this module light: import what is heavy inside the hooks."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Public names and where they live."""
    return {"ExampleNeuron": "brainloom_example.model:ExampleNeuron"}
