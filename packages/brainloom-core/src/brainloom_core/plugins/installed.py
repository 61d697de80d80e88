"""One installed plugin: where it comes from, what it says of itself, what became of it."""

import functools
import re
import traceback
import warnings
from importlib.metadata import EntryPoint, entry_points

from ..errors import PluginError
from .kinds import KINDS, Kind
from .manifest import Manifest, read_manifest
from .records import PluginInfo
from .settings import DENY, Settings

__all__ = ["GROUP", "Incompatible", "Installed", "installed"]

GROUP = "brainloom"


class Incompatible(PluginError):
    """A plugin is written for another version of a contract."""


class Installed:
    """An installed plugin, what loading it gave and what became of it."""

    def __init__(self, point: EntryPoint) -> None:
        self.point, self.name = point, point.name
        self.distribution = point.dist.name if point.dist is not None else "unknown distribution"
        self.version = point.dist.version if point.dist is not None else "unknown"
        self.error: str | None = None
        self.trace: str = ""
        self.incompatible = False
        self.remarks: list[str] = []
        self.seconds: float | None = None
        self.module: object = None

    @property
    def is_owner(self) -> bool:
        """Whether the name of the plugin is that of its distribution."""
        return _normal(self.distribution) in (_normal(self.name), f"brainloom-{_normal(self.name)}")

    @functools.cached_property
    def manifest(self) -> Manifest | None:
        """What it says that it provides; raises a PluginError where that is nonsense."""
        found = read_manifest(self.point)
        for kind, version in (found.api if found else {}).items():
            self.check_api(KINDS[kind], version)
        return found

    def check_api(self, kind: Kind, version: object) -> None:
        """Raise where a contract of this version is not understood."""
        if version not in kind.api:
            raise Incompatible(
                f"its {kind.plural} are written for version {version} of their contract, and this "
                f"brainloom-core understands {_span(kind.api)}: another version of "
                f"{self.distribution} or of brainloom-core is needed"
            )
        if version in kind.outdated:
            day, what_to_do = kind.outdated[int(str(version))]
            self.remark(
                f"its {kind.plural} are written for version {version} of their contract, which is "
                f"dropped after {day}: {what_to_do}"
            )

    def remark(self, text: str) -> None:
        """Keep what there is to say, and say it once."""
        if text not in self.remarks:
            self.remarks.append(text)
            warnings.warn(f"{self._who}: {text}", RuntimeWarning, stacklevel=2)

    def fail(self, error: BaseException) -> None:
        """Keep the cause for the listing and say it once."""
        self.incompatible = isinstance(error, Incompatible)
        kind = "" if isinstance(error, PluginError) else f"{type(error).__name__}: "
        self.error = f"{kind}{error}"
        self.trace = "".join(traceback.format_exception(error))
        warnings.warn(
            f"{self._who} failed and is left out: {self.error}. Set {DENY}={self.name} to "
            "silence this.",
            RuntimeWarning,
            stacklevel=2,
        )

    @property
    def _who(self) -> str:
        return f"The plugin {self.name!r} of {self.distribution}"

    def info(self, chosen: Settings) -> PluginInfo:
        """What the listing tells of it."""
        state = "available" if self.module is None else "loaded"
        error, blocked = self.error, chosen.why_blocked(self.name)
        if error is not None:
            state = "incompatible" if self.incompatible else "failed"
        elif blocked is not None:
            state, error = "blocked", blocked
        identity = (self.name, self.distribution, self.version)
        return PluginInfo(*identity, state, error, tuple(self.remarks), self.seconds)


def installed() -> list[Installed]:
    """The plugins that the metadata of distributions name; of one name, its owner or none."""
    points = {
        (p.name, p.dist.name if p.dist is not None else ""): p for p in entry_points(group=GROUP)
    }
    plugins = [Installed(points[key]) for key in sorted(points)]
    names = [plugin.name for plugin in plugins]
    for name in {name for name in names if names.count(name) > 1}:
        _settle([plugin for plugin in plugins if plugin.name == name])
    return plugins


def _settle(plugins: list[Installed]) -> None:
    """One name for several plugins: that of its distribution keeps it, or nobody has it."""
    owners = [plugin for plugin in plugins if plugin.is_owner]
    names = " and ".join(plugin.distribution for plugin in plugins)
    for plugin in plugins:
        if plugin not in owners[:1]:
            plugin.error = (
                f"PluginConflictError: {names} both provide a plugin named {plugin.name!r}; "
                f"{_remedy(plugin, owners)}"
            )


def _remedy(plugin: Installed, owners: list[Installed]) -> str:
    if owners:
        return f"it is that of {owners[0].distribution}. {plugin.distribution} needs another name"
    return "uninstall one of them"


def _span(versions: range) -> str:
    first, last = versions[0], versions[-1]
    return str(first) if first == last else f"{first} to {last}"


def _normal(name: str) -> str:
    """A name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
