from collections.abc import Mapping

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    return {"Clash": "brainloom_clash_one:Clash"}
