"""Plugins: how models and kernels of other distributions are found.

See [`hookspecs`][brainloom_core.plugins.hookspecs] for what a plugin may provide.
"""

from .hookspecs import hookimpl
from .manager import (
    ModelInfo,
    PluginInfo,
    get_model,
    list_models,
    list_plugins,
    load_plugins,
    reload_plugins,
)

__all__ = [
    "ModelInfo",
    "PluginInfo",
    "get_model",
    "hookimpl",
    "list_models",
    "list_plugins",
    "load_plugins",
    "reload_plugins",
]
