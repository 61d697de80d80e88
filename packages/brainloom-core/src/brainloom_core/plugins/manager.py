"""Finding, loading and asking plugins.

Nothing is imported until something is asked that needs it: the listing reads metadata only,
and each plugin is loaded on its own, so that one which fails is reported and does no harm.
"""

import functools
import importlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, MetadataPathFinder, entry_points
from typing import Any

import pluggy

from ..errors import PluginConflictError, PluginError
from ..types import Quantity
from . import hookspecs
from .kernel import Kernel

__all__ = ["GROUP", "PluginInfo", "get_model", "list_models", "list_plugins", "reload_plugins"]

GROUP = "brainloom"
DISABLE = "BRAINLOOM_DISABLE_PLUGINS"


@dataclass(frozen=True)
class PluginInfo:
    """One installed plugin.

    Attributes:
        name: Name of its entry point.
        distribution: The distribution that provides it.
        version: Version of the distribution.
        state: `"available"`, `"loaded"`, `"blocked"` or `"failed"`.
        error: What went wrong, None where nothing did.
    """

    name: str
    distribution: str
    version: str
    state: str
    error: str | None = None


@dataclass(frozen=True)
class ModelInfo:
    """One registered model.

    Attributes:
        name: Public name, by which `get_model` finds it.
        qualified_name: The name with that of the plugin, `"plugin:Model"`, which is unique.
        target: Where it is, `"module:attribute"`.
        distribution: The distribution that provides it.
        version: Version of the distribution.
    """

    name: str
    qualified_name: str
    target: str
    distribution: str
    version: str


class _Plugins:
    """The plugins of this process: entry points, loaded modules and failures."""

    def __init__(self) -> None:
        self.pluggy = pluggy.PluginManager("brainloom")
        self.pluggy.add_hookspecs(hookspecs)
        self.points: dict[str, EntryPoint] = {}
        self.errors: dict[str, str] = {}
        for point in _found():
            if point.name == "core" and _distribution(point) != "brainloom-core":
                continue  # the reference implementations must stay
            if (other := self.points.setdefault(point.name, point)) is not point:
                self.errors[point.name] = (
                    f"PluginConflictError: {_distribution(other)} and {_distribution(point)} both "
                    f"provide a plugin named {point.name!r}; uninstall one of them"
                )

    def loaded(self) -> Iterator[tuple[EntryPoint, Any]]:
        """Every plugin that is not blocked and loads."""
        for name, point in self.points.items():
            if not _is_blocked(name) and name not in self.errors and self._load(point):
                yield point, self.pluggy.get_plugin(name)

    def _load(self, point: EntryPoint) -> bool:
        if self.pluggy.has_plugin(point.name):
            return True
        try:
            self.pluggy.register(point.load(), name=point.name)
            self.pluggy.check_pending()
        except Exception as error:  # whatever a plugin does wrong must not reach other code
            self.fail(point, error)
        return point.name not in self.errors

    def fail(self, point: EntryPoint, error: Exception) -> None:
        """Keep the cause for the listing and say it once."""
        self.errors[point.name] = f"{type(error).__name__}: {error}"
        if self.pluggy.has_plugin(point.name):
            self.pluggy.unregister(name=point.name)
        warnings.warn(
            f"The plugin {point.name!r} of {_distribution(point)} failed and is left out: "
            f"{self.errors[point.name]}. Set {DISABLE}={point.name} to silence this.",
            RuntimeWarning,
            stacklevel=2,
        )


def list_plugins() -> list[PluginInfo]:
    """The installed plugins, from metadata alone: none is imported.

    Examples:
        >>> from brainloom_core import list_plugins
        >>> [plugin.distribution for plugin in list_plugins() if plugin.name == "core"]
        ['brainloom-core']
    """
    plugins = _plugins()
    infos = []
    for name, point in plugins.points.items():
        state = "loaded" if plugins.pluggy.has_plugin(name) else "available"
        state = "failed" if name in plugins.errors else "blocked" if _is_blocked(name) else state
        error = plugins.errors.get(name)
        infos.append(PluginInfo(name, _distribution(point), _version(point), state, error))
    return infos


def load_plugins() -> list[PluginInfo]:
    """Load every plugin that is not blocked, and list them with what went wrong.

    Examples:
        >>> from brainloom_core.plugins import load_plugins
        >>> [plugin.state for plugin in load_plugins() if plugin.name == "core"]
        ['loaded']
    """
    for _ in _plugins().loaded():
        pass
    return list_plugins()


def list_models() -> list[ModelInfo]:
    """Every registered model; a name that two plugins claim appears twice.

    Examples:
        >>> from brainloom_core import list_models
        >>> models = {model.name: model.distribution for model in list_models()}
        >>> models.get("LIF", "brainloom-neurons")  # the default is for where it is not installed
        'brainloom-neurons'
    """
    models = [
        ModelInfo(name, f"{point.name}:{name}", target, _distribution(point), _version(point))
        for (name, target), point in _items("brainloom_models")
    ]
    return sorted(models, key=lambda model: (model.name, model.qualified_name))


def get_model(name: str) -> Any:
    """The model of this name, or of this qualified name `plugin:Model`.

    Args:
        name: Public name, such as `"LIF"`, or qualified name, such as `"neurons:LIF"`.

    Raises:
        PluginConflictError: Two distributions register the name.
        PluginError: No model has the name, or importing it failed.

    Examples:
        >>> from brainloom_core import get_model
        >>> get_model("NoSuchModel")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        brainloom_core.errors.PluginError: There is no model 'NoSuchModel'...
    """
    matches = [m for m in list_models() if name in (m.name, m.qualified_name)]
    if not matches:
        known = ", ".join(sorted({m.name for m in list_models()}))
        broken = "".join(f" The plugin {p.name!r} failed: {p.error}." for p in _failed())
        blocked = ", ".join(repr(p.name) for p in list_plugins() if p.state == "blocked")
        left_out = f" {DISABLE} blocks {blocked}." if blocked else ""
        raise PluginError(f"There is no model {name!r}.{broken}{left_out} Known: {known}")
    if len(matches) > 1:
        owners = " and ".join(m.distribution for m in matches)
        choices = " or ".join(repr(m.qualified_name) for m in matches)
        raise PluginConflictError(
            f"The model {name!r} is registered by {owners}: ask for {choices}"
        )
    return _imported(matches[0])


def declared_kernels() -> tuple[tuple[Kernel, str], ...]:
    """All kernels that plugins declare, each with its distribution; the same until a reload."""
    return _kernel_owners()


def reload_plugins() -> None:
    """Forget every plugin, so that one installed meanwhile is found."""
    importlib.invalidate_caches()
    MetadataPathFinder().invalidate_caches()
    _plugins.cache_clear()
    _items.cache_clear()
    _kernel_owners.cache_clear()


@functools.cache
def _plugins() -> _Plugins:
    return _Plugins()


@functools.cache
def _items(hook: str) -> tuple[tuple[Any, EntryPoint], ...]:
    plugins = _plugins()
    found: list[tuple[Any, EntryPoint]] = []
    for point, module in plugins.loaded():
        try:
            declared: Any = getattr(module, hook, dict)()
            items = _DECLARED[hook](declared)
        except Exception as error:  # as in _load
            plugins.fail(point, error)
        else:
            found.extend((item, point) for item in items)
    return tuple(found)


@functools.cache
def _kernel_owners() -> tuple[tuple[Kernel, str], ...]:
    return tuple((kernel, _distribution(point)) for kernel, point in _items("brainloom_kernels"))


def _models(declared: Any) -> list[tuple[str, str]]:
    if not isinstance(declared, Mapping) or not all(isinstance(v, str) for v in declared.values()):
        raise TypeError(f'brainloom_models: expected names to "module:attribute", got {declared!r}')
    return list(declared.items())


def _kernels(declared: Any) -> list[Kernel]:
    kernels = list(declared)
    if not all(isinstance(kernel, Kernel) for kernel in kernels):
        raise TypeError(f"brainloom_kernels: expected Kernel objects, got {kernels!r}")
    return kernels


_DECLARED: dict[str, Callable[[Any], list[Any]]] = {
    "brainloom_models": _models,
    "brainloom_kernels": _kernels,
}


def _imported(model: ModelInfo) -> Quantity:
    module, _, attribute = model.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever the module does when it is imported
        raise PluginError(
            f"{model.distribution} registers {model.name!r} as {model.target!r}, which cannot "
            f"be imported: {error}"
        ) from error


def _failed() -> list[PluginInfo]:
    return [p for p in list_plugins() if p.state == "failed"]


def _found() -> list[EntryPoint]:
    points = {(p.name, _distribution(p)): p for p in entry_points(group=GROUP)}
    return [points[key] for key in sorted(points)]


def _is_blocked(name: str) -> bool:
    blocked = {item.strip() for item in os.environ.get(DISABLE, "").split(",")}
    return name in blocked or ("*" in blocked and name != "core")


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown distribution"


def _version(point: EntryPoint) -> str:
    return point.dist.version if point.dist is not None else "unknown"
