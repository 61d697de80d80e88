"""Finding by kind and name what plugins register."""

import functools
import importlib
from typing import Any

from ..declare.arguments import checked
from ..declare.constraints import text
from ..equations import nearest
from ..errors import PluginConflictError, PluginError
from .kernel import Kernel
from .kinds import KINDS, Kind, kind_of
from .loading import contained
from .manager import as_entry, list_plugins, plugins, say_changes
from .records import Registered
from .settings import settings

__all__ = [
    "declared_kernels",
    "faults_of_things",
    "find",
    "get",
    "get_model",
    "list_models",
    "list_registered",
    "made",
]


def list_registered(kind: str) -> list[Registered]:
    """Everything of a kind that plugins register; a name that two of them claim appears twice.

    Args:
        kind: One of `KINDS`, `"surrogate"` or `"surrogates"`.

    Raises:
        PluginError: There is no such kind.

    Examples:
        >>> from brainloom_core.plugins import list_registered
        >>> surrogates = {item.name: item.distribution for item in list_registered("surrogate")}
        >>> surrogates["ReluGrad"]
        'brainloom-core'
    """
    return sorted(_registered(kind_of(kind)), key=lambda item: (item.name, item.qualified_name))


def list_models() -> list[Registered]:
    """Every registered model; a name that two plugins claim appears twice.

    Examples:
        >>> from brainloom_core import list_models
        >>> models = {model.name: model.distribution for model in list_models()}
        >>> models.get("LIF", "brainloom-neurons")  # the default is for where it is not installed
        'brainloom-neurons'
    """
    return list_registered("model")


def get(kind: str, name: str) -> Any:
    """The thing of this kind and this name, or this qualified name `plugin:Name`.

    Args:
        kind: One of `KINDS`, such as `"surrogate"`.
        name: Public name, such as `"ReluGrad"`, or qualified name, such as `"core:ReluGrad"`.

    Raises:
        PluginConflictError: Two distributions register the name, and no alias chooses.
        PluginError: Nothing of the kind has the name, importing it failed, or it is not of
            the kind.

    Examples:
        >>> from brainloom_core.plugins import get
        >>> get("surrogate", "ReluGrad")()
        ReluGrad(alpha=0.3, width=1.0)
    """
    wanted = kind_of(kind)
    if wanted.name == "kernel":
        raise PluginError("get: a kernel is chosen by use_kernel(operation=name)")
    return _imported(_one(name, _registered(wanted), wanted.name), wanted)


def made(kind: str, name: str) -> Any:
    """The same as a value: a class or function that is registered is called without arguments.

    Args:
        kind: One of `KINDS`.
        name: Public or qualified name.

    Raises:
        PluginError: As for `get`.

    Examples:
        >>> from brainloom_core.plugins import made
        >>> made("surrogate", "ReluGrad")
        ReluGrad(alpha=0.3, width=1.0)
    """
    return kind_of(kind).one_of(get(kind, name))


@checked(name=text)
def get_model(name: str) -> Any:
    """The model of this name, or of this qualified name `plugin:Model`; or what else has it.

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
    return find(name)


def find(name: str) -> Any:
    """The thing of this name, of whatever kind.

    Args:
        name: Public or qualified name.

    Raises:
        PluginConflictError: Two distributions register the name.
        PluginError: Nothing has the name.

    Examples:
        >>> from brainloom_core.plugins import find
        >>> find("ReluGrad")()
        ReluGrad(alpha=0.3, width=1.0)
    """
    everything = [item for kind in KINDS.values() if kind.is_used for item in _registered(kind)]
    meant = settings().aliases.get(name, name)
    if not any(meant in (item.name, item.qualified_name) for item in everything):
        everything = _registered(KINDS["model"])
    found = _one(name, everything, "model")
    return _imported(found, KINDS[found.kind])


def faults_of_things() -> list[tuple[str, str]]:
    """What of all that is registered cannot be had or is not of its kind, each with its plugin.

    Everything is imported for that.

    Examples:
        >>> from brainloom_core.plugins import faults_of_things
        >>> [fault for plugin, fault in faults_of_things() if plugin == "core"]
        []
    """
    found = []
    for kind in KINDS.values():
        for item in _registered(kind) if kind.name != "kernel" else ():
            try:
                _imported(item, kind)
            except PluginError as error:
                fault = str(error).removeprefix(f"{item.distribution} ")
                found.append((item.plugin, fault))
    return found


def declared_kernels() -> tuple[tuple[Kernel, str], ...]:
    """All kernels that plugins declare, each with its distribution; the same until a reload.

    Examples:
        >>> from brainloom_core.plugins import declared_kernels
        >>> sorted(kernel.op for kernel, owner in declared_kernels() if owner == "brainloom-core")
        ['edge_update', 'event_csr', 'event_csr_ring', 'event_dense', 'event_outer']
    """
    return plugins().kernels


def _registered(kind: Kind) -> list[Registered]:
    found = []
    for item, plugin in plugins().items(kind):
        name, target = as_entry(item)
        owner = (plugin.distribution, plugin.version)
        found.append(Registered(name, f"{plugin.name}:{name}", target, *owner, kind.name))
    return found


def _one(name: str, known: list[Registered], what: str) -> Registered:
    """The one that has the name."""
    meant = settings().aliases.get(name, name)
    matches = [item for item in known if meant in (item.name, item.qualified_name)]
    if not matches:
        names = ", ".join(sorted({item.name for item in known}))
        known_plugins = list_plugins()
        broken = "".join(
            f" The plugin {p.name!r} failed: {p.error}."
            for p in known_plugins
            if p.state in ("failed", "incompatible")
        )
        blocked: dict[str, list[str]] = {}
        for plugin in known_plugins:
            if plugin.state == "blocked":
                blocked.setdefault(str(plugin.error), []).append(repr(plugin.name))
        out = "".join(f" {_plural(why, who)}." for why, who in blocked.items())
        near = nearest(name, {item.name for item in known})
        meant = f" Did you mean {near}?" if near else ""
        raise PluginError(f"There is no {what} {name!r}.{meant}{broken}{out} Known: {names}")
    if len(matches) > 1:
        owners = " and ".join(item.distribution for item in matches)
        choices = " or ".join(repr(item.qualified_name) for item in matches)
        raise PluginConflictError(
            f"The {what} {name!r} is registered by {owners}: ask for {choices}, or choose one for "
            f'all programs: [tool.brainloom.aliases] {name} = "{matches[0].qualified_name}" in '
            "pyproject.toml"
        )
    return matches[0]


def _plural(why: str, who: list[str]) -> str:
    """`BRAINLOOM_DISABLE_PLUGINS blocks 'alpha', 'beta'`, of `... blocks it`."""
    return f"{why.removesuffix(' it')} {', '.join(who)}"


def _imported(item: Registered, kind: Kind) -> Any:
    module, _, attribute = item.target.partition(":")
    outcome = contained(lambda: _attribute(module, attribute), settings().timeout)
    for plugin in plugins().all:
        if outcome.changed and (plugin.name, plugin.distribution) == (
            item.plugin,
            item.distribution,
        ):
            say_changes(plugin, outcome)
    registers = f"{item.distribution} registers {item.name!r} as {item.target!r}, which"
    if outcome.error is not None:
        raise PluginError(f"{registers} cannot be imported: {outcome.error}") from outcome.error
    thing = outcome.value
    if (fault := kind.fault(thing)) is not None:
        raise PluginError(f"{registers} is no {kind.name}: {fault}")
    return thing


def _attribute(module: str, attribute: str) -> object:
    thing: object = importlib.import_module(module)
    return functools.reduce(getattr, attribute.split("."), thing) if attribute else thing
