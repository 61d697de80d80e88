"""Loading plugins and asking their hooks, each on its own: one which fails does no harm.

Nothing is imported until something is asked that needs it: plugins are listed from metadata, and
what they provide from their manifests.
"""

import dataclasses
import functools
import importlib
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, MetadataPathFinder
from typing import Any

import pluggy

from ..errors import PluginError
from . import hookspecs
from .installed import GROUP, Installed, installed
from .kernel import Kernel
from .kinds import KINDS, Kind
from .loading import Outcome, contained
from .manifest import Manifest
from .records import PluginInfo
from .settings import settings

__all__ = [
    "Plugins",
    "as_entry",
    "explain_plugin",
    "list_plugins",
    "load_plugins",
    "manifest_of",
    "plugins",
    "reload_plugins",
    "say_changes",
]


class Plugins:
    """The plugins of this process."""

    def __init__(self) -> None:
        self.pluggy = pluggy.PluginManager(GROUP)
        self.pluggy.add_hookspecs(hookspecs)
        self.all = installed()
        self._items: dict[str, tuple[tuple[Any, Installed], ...]] = {}

    def usable(self) -> Iterator[Installed]:
        """Every plugin that is not kept out, loaded or not."""
        chosen = settings()
        for plugin in self.all:
            if plugin.error is None and chosen.why_blocked(plugin.name) is None:
                yield plugin

    def load(self, plugin: Installed) -> bool:
        """Import a plugin and register it with pluggy."""
        if plugin.module is None and plugin.error is None:
            outcome = contained(plugin.point.load, settings().timeout)
            plugin.seconds = outcome.seconds
            say_changes(plugin, outcome)
            try:
                if outcome.error is not None:
                    raise outcome.error
                self._register(plugin, outcome.value)
            except BaseException as error:  # whatever a plugin does must not reach other code
                plugin.fail(error)
        return plugin.error is None

    def _register(self, plugin: Installed, module: object) -> None:
        name = f"{plugin.name} of {plugin.distribution}"
        try:
            self.pluggy.register(module, name=name)
            self.pluggy.check_pending()
            _check_marks(module)
            for kind in KINDS.values():
                for implementation in self._implementations(kind, module):
                    version = getattr(implementation.function, "brainloom_api", 1)
                    plugin.check_api(kind, version)
        except BaseException:
            if self.pluggy.has_plugin(name):
                self.pluggy.unregister(name=name)
            raise
        plugin.module = module

    def _implementations(self, kind: Kind, module: object) -> list[pluggy.HookImpl]:
        caller: pluggy.HookCaller = getattr(self.pluggy.hook, kind.hook)
        return [item for item in caller.get_hookimpls() if item.plugin is module]

    def declared(self, plugin: Installed, kind: Kind) -> list[Any]:
        """What a plugin's hook of a kind returns, called through pluggy, and checked."""
        if not self.load(plugin):
            return []
        others = [module for module in self.pluggy.get_plugins() if module is not plugin.module]
        hook = self.pluggy.subset_hook_caller(kind.hook, others)
        expected = len(self._implementations(kind, plugin.module))
        outcome = contained(lambda: _read(kind, hook(), expected), settings().timeout)
        say_changes(plugin, outcome)
        if outcome.error is not None:
            plugin.fail(outcome.error)
            return []
        assert isinstance(outcome.value, list)
        return outcome.value

    def provided(self, plugin: Installed, kind: Kind) -> list[Any]:
        """The same, from the manifest where there is one; kernels have to be loaded to be used."""
        try:
            manifest = plugin.manifest
        except Exception as error:  # as in load
            plugin.fail(error)
            return []
        if manifest is None:
            return self.declared(plugin, kind)
        names = manifest.names.get(kind.name, {})
        return self.declared(plugin, kind) if kind.name == "kernel" and names else [*names.items()]

    def items(self, kind: Kind) -> tuple[tuple[Any, Installed], ...]:
        """All that is provided of a kind, each with its plugin; the same until a reload."""
        if kind.name not in self._items:
            found = [(item, p) for p in self.usable() for item in self.provided(p, kind)]
            self._items[kind.name] = tuple(found)
        return self._items[kind.name]

    @functools.cached_property
    def kernels(self) -> tuple[tuple[Kernel, str], ...]:
        """All kernels, each with its distribution."""
        return tuple((item, plugin.distribution) for item, plugin in self.items(KINDS["kernel"]))

    def check_manifest(self, plugin: Installed) -> None:
        """Leave out a plugin whose manifest is not what its hooks return."""
        try:
            manifest = plugin.manifest
        except Exception as error:  # as in load
            plugin.fail(error)
            return
        if manifest is None or plugin.error is not None:
            return
        hooks = self.manifest_of(plugin).names
        for name in KINDS:
            said, given = dict(manifest.names.get(name, {})), dict(hooks.get(name, {}))
            if plugin.error is None and said != given:
                wrong = sorted(k for k in {*said, *given} if said.get(k) != given.get(k))
                plugin.fail(
                    PluginError(
                        f"its manifest and its hook {KINDS[name].hook} differ in "
                        f"{', '.join(wrong[:5])}; write it anew: brainloom plugin manifest "
                        f"{plugin.name}"
                    )
                )

    def manifest_of(self, plugin: Installed) -> Manifest:
        """What the hooks of a plugin return, as a manifest."""
        names: dict[str, dict[str, str]] = {}
        api: dict[str, int] = {}
        for name, kind in KINDS.items():
            if found := dict(map(as_entry, self.declared(plugin, kind))):
                names[name] = found
                made = self._implementations(kind, plugin.module)
                api[name] = max(getattr(item.function, "brainloom_api", 1) for item in made)
        return Manifest(names, api)


def list_plugins() -> list[PluginInfo]:
    """The installed plugins, from metadata alone: none is imported.

    Examples:
        >>> from brainloom_core import list_plugins
        >>> [plugin.distribution for plugin in list_plugins() if plugin.name == "core"]
        ['brainloom-core']
    """
    chosen = settings()
    return [plugin.info(chosen) for plugin in plugins().all]


def load_plugins() -> list[PluginInfo]:
    """Load every plugin that is not blocked, and list them with what went wrong.

    A manifest that is not what the hooks return is an error of the plugin too.

    Examples:
        >>> from brainloom_core.plugins import load_plugins
        >>> [plugin.state for plugin in load_plugins() if plugin.name == "core"]
        ['loaded']
    """
    found = plugins()
    for plugin in found.usable():
        if found.load(plugin):
            found.check_manifest(plugin)
    return list_plugins()


def explain_plugin(name: str) -> str:
    """All there is to know of a plugin: what it provides, or why it is left out.

    Args:
        name: Name of its entry point or of its distribution.

    Raises:
        PluginError: None of this name is installed.

    Examples:
        >>> from brainloom_core.plugins import explain_plugin
        >>> print(explain_plugin("core").splitlines()[0])  # doctest: +ELLIPSIS
        core, of brainloom-core ..., is loaded
    """
    found = plugins()
    matches = [p for p in found.all if name in (p.name, p.distribution)]
    if not matches:
        known = ", ".join(sorted({plugin.name for plugin in found.all}))
        raise PluginError(f"No plugin {name!r} is installed; there are {known}")
    load_plugins()
    return "\n".join(line for plugin in matches for line in _explained(found, plugin))


def manifest_of(name: str) -> tuple[EntryPoint, Manifest]:
    """The entry point of a plugin, and what its hooks return as a manifest.

    Args:
        name: Name of its entry point.

    Raises:
        PluginError: None of this name is installed, or it fails.
    """
    found = plugins()
    for plugin in found.all:
        if plugin.name == name and found.load(plugin):
            written = found.manifest_of(plugin)
            if plugin.error is None:
                return plugin.point, written
    failed = [plugin.error for plugin in found.all if plugin.name == name]
    if failed:
        raise PluginError(f"The plugin {name!r} failed: {failed[0]}")
    raise PluginError(f"No plugin {name!r} is installed")


def reload_plugins() -> None:
    """Forget every plugin, so that one installed meanwhile is found."""
    importlib.invalidate_caches()
    MetadataPathFinder().invalidate_caches()
    plugins.cache_clear()


@functools.cache
def plugins() -> Plugins:
    """The plugins of this process."""
    return Plugins()


def as_entry(item: Any) -> tuple[str, str]:
    """Name and target of what a hook gave; of a kernel, where it runs."""
    if isinstance(item, Kernel):
        return f"{item.op}/{item.name}", ", ".join(item.platforms)
    name, target = item
    return name, target


def _read(kind: Kind, returned: list[Any], expected: int) -> list[Any]:
    """What the hooks of a kind returned, checked; pluggy leaves out those that return None."""
    if len(returned) < expected:
        raise TypeError(f"{kind.hook}: expected a declaration, got None")
    read = _kernels if kind.name == "kernel" else functools.partial(_names, kind)
    return [item for part in returned for item in read(part)]


def _names(kind: Kind, declared: object) -> list[tuple[str, str]]:
    items: list[tuple[str, str]] = list(declared.items()) if isinstance(declared, Mapping) else []
    if not isinstance(declared, Mapping) or not all(isinstance(x, str) for y in items for x in y):
        raise TypeError(f'{kind.hook}: expected names to "module:attribute", got {declared!r}')
    return items


def _kernels(declared: Any) -> list[Kernel]:
    kernels = list(declared)
    if not all(isinstance(kernel, Kernel) for kernel in kernels):
        raise TypeError(f"brainloom_kernels: expected Kernel objects, got {kernels!r}")
    # Copies of the plain class, so that no attribute of a class derived from it acts later.
    return [Kernel(**{name: getattr(k, name) for name in FIELDS}) for k in kernels]


FIELDS = tuple(field.name for field in dataclasses.fields(Kernel))


def say_changes(plugin: Installed, outcome: Outcome) -> None:
    """Keep, and say once, what a plugin changed of the process.

    Args:
        plugin: The plugin.
        outcome: What came of calling it.
    """
    for what in outcome.changed:
        plugin.remark(f"it changed {what}, which was put back")


def _check_marks(module: object) -> None:
    """Raise where a function has a hook's name and is not marked."""
    hooks = {kind.hook for kind in KINDS.values()}
    for name in hooks & set(vars(module) if hasattr(module, "__dict__") else ()):
        if callable(getattr(module, name)) and not hasattr(getattr(module, name), MARK):
            raise PluginError(
                f"its function {name} is not marked: write @hookimpl above it, from "
                "brainloom_core.plugins import hookimpl"
            )


MARK = f"{GROUP}_impl"  # what pluggy puts onto a marked function


def _explained(plugins: Plugins, plugin: Installed) -> Iterator[str]:
    info = plugin.info(settings())
    yield f"{info.name}, of {info.distribution} {info.version}, is {info.state}"
    if info.error:
        yield f"  because {info.error}"
    yield from (f"  {remark}" for remark in info.remarks)
    if info.seconds is not None:
        yield f"  its import took {info.seconds:.2f} s"
    if info.state == "loaded":
        for kind in KINDS.values():
            if names := sorted(as_entry(x)[0] for x in plugins.provided(plugin, kind)):
                yield f"  {kind.plural}: {', '.join(names)}"
    yield from (f"  {line}" for line in plugin.trace.splitlines())
