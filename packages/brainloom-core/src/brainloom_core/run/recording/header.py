"""What a recording says of the run that made it."""

import platform
from collections.abc import Mapping
from importlib import metadata

import jax

from ...kernels.registry import forced_kernels
from ...plugins import list_plugins
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
    plugins = [p for p in list_plugins() if p.state != "blocked"]
    return {
        "dt": time_words(dt),
        "seed": None,
        "versions": {"python": platform.python_version(), **_versions()},
        "plugins": {p.name: f"{p.distribution} {p.version}" for p in plugins},
        "kernels": dict(forced_kernels()),
        "device": {"platform": device.platform, "kind": device.device_kind},
        "x64": bool(jax.config.read("jax_enable_x64")),
        **about,
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
