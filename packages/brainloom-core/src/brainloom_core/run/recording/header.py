"""What a recording says of the run that made it."""

import functools
import platform
from collections.abc import Mapping
from importlib import metadata

import jax

from ...kernels.registry import forced_kernels
from ...plugins import list_plugins
from ...plugins.manager import Plugins, plugins
from ...types import Json, Time
from .texts import time_words

__all__ = ["header_of"]

LIBRARIES = ("brainloom", "brainloom-core", "jax", "jaxlib", "brainstate", "brainunit", "numpy")


def header_of(dt: Time, about: Mapping[str, Json]) -> dict[str, Json]:
    """Versions, plugins, kernels and device, and what else is known of a run, as JSON has it.

    Args:
        dt: Length of a step.
        about: What else is known.
    """
    device = jax.devices()[0]
    return {
        "dt": time_words(dt),
        "seed": None,
        "versions": dict(_versions()),
        "plugins": dict(_used(plugins())),
        "kernels": dict(forced_kernels()),
        "device": {"platform": device.platform, "kind": device.device_kind},
        "x64": bool(jax.config.read("jax_enable_x64")),
        **about,
    }


# Both are looked up in many files, which a short run would spend most of its time with; what a
# process has imported stays, and so do its plugins until they are found anew.


@functools.cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.lru_cache(maxsize=1)
def _used(of_process: Plugins) -> dict[str, str]:
    listed = [p for p in list_plugins() if p.state != "blocked"]
    return {p.name: f"{p.distribution} {p.version}" for p in listed}
