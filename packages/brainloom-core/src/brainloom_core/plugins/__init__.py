"""Plugins: how models, rules, kernels and other things of other distributions are found.

See [`hookspecs`][brainloom_core.plugins.hookspecs] for what a plugin may provide.
"""

from .hookspecs import hookimpl
from .kinds import KINDS, Kind
from .lookup import (
    declared_kernels,
    faults_of_things,
    find,
    get,
    get_model,
    list_models,
    list_registered,
    made,
)
from .manager import explain_plugin, list_plugins, load_plugins, manifest_of, reload_plugins
from .manifest import Manifest, format_manifest, manifest_file
from .records import ModelInfo, PluginInfo, Registered

__all__ = [
    "KINDS",
    "Kind",
    "Manifest",
    "ModelInfo",
    "PluginInfo",
    "Registered",
    "declared_kernels",
    "explain_plugin",
    "faults_of_things",
    "find",
    "format_manifest",
    "get",
    "get_model",
    "hookimpl",
    "list_models",
    "list_plugins",
    "list_registered",
    "load_plugins",
    "made",
    "manifest_file",
    "manifest_of",
    "reload_plugins",
]
