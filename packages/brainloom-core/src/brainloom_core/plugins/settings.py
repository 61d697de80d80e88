"""What a user allows, denies and prefers of plugins: by environment and by file.

The files are `pyproject.toml`, in the working directory or the nearest above that has one with a
table `[tool.brainloom]`, and `brainloom/config.toml` in the user's folder for configurations, with
the same keys at the top. The environment counts more than the project, and that more than the user:

```toml
[tool.brainloom]
allow-plugins = ["*"]           # BRAINLOOM_PLUGINS; the only ones that are used
deny-plugins = ["slow"]         # BRAINLOOM_DISABLE_PLUGINS
plugin-timeout = 20             # BRAINLOOM_PLUGIN_TIMEOUT; seconds that an import may take
[tool.brainloom.aliases]        # which of several is meant by a name
Cell = "alpha:Cell"
```
"""

import fnmatch
import os
import sys
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..equations import nearest
from ..errors import PluginError

__all__ = ["ALLOW", "DENY", "TIMEOUT", "Settings", "settings"]

ALLOW = "BRAINLOOM_PLUGINS"
DENY = "BRAINLOOM_DISABLE_PLUGINS"
TIMEOUT = "BRAINLOOM_PLUGIN_TIMEOUT"
KEYS = ("allow-plugins", "deny-plugins", "plugin-timeout", "aliases")


@dataclass(frozen=True)
class Settings:
    """What is allowed, denied and preferred, and who says so.

    Attributes:
        allowed: Patterns of names of plugins that may be used.
        denied: Patterns of names of plugins that are not.
        timeout: Seconds that the import of a plugin may take.
        aliases: Qualified names by name.
        sources: Where each was set, by attribute.
    """

    allowed: tuple[str, ...] = ("*",)
    denied: tuple[str, ...] = ()
    timeout: float = 20.0
    aliases: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)

    def why_blocked(self, plugin: str) -> str | None:
        """What keeps a plugin out, None where nothing does; the core's own stays.

        Args:
            plugin: Its name.
        """
        for pattern in self.denied:
            if fnmatch.fnmatchcase(plugin, pattern) and not (pattern == "*" and plugin == "core"):
                return f"{self.sources.get('denied', DENY)} blocks it"
        if plugin == "core" or any(fnmatch.fnmatchcase(plugin, p) for p in self.allowed):
            return None
        return f"{self.sources.get('allowed', ALLOW)} does not allow it"


def settings() -> Settings:
    """The settings in force; files that cannot be read are a `PluginError`.

    Raises:
        PluginError: A file or a variable says something that is no setting.
    """
    found: dict[str, object] = {}
    sources: dict[str, str] = {}
    for where, values in (*_from_files(), *_from_environment()):
        for key, value in values.items():
            name, known = _checked(where, key, value)
            found[name] = known
            sources[name] = where
    return Settings(**found, sources=sources)  # type: ignore[arg-type]


def _from_files() -> Iterable[tuple[str, Mapping[str, object]]]:
    user = _user_folder() / "brainloom" / "config.toml"
    if user.is_file():
        yield str(user), _read(user)
    for folder in (Path.cwd(), *Path.cwd().parents):
        project = folder / "pyproject.toml"
        if project.is_file():
            tool = _read_foreign(project).get("tool")
            table = tool.get("brainloom") if isinstance(tool, Mapping) else None
            if isinstance(table, Mapping):
                yield f"{project} [tool.brainloom]", table
                return


def _from_environment() -> Iterable[tuple[str, Mapping[str, object]]]:
    for variable, key in ((ALLOW, "allow-plugins"), (DENY, "deny-plugins")):
        names = [name.strip() for name in os.environ.get(variable, "").split(",")]
        if any(names):
            yield variable, {key: [name for name in names if name]}
    if text := os.environ.get(TIMEOUT, ""):
        try:
            yield TIMEOUT, {"plugin-timeout": float(text)}
        except ValueError:
            raise PluginError(f"{TIMEOUT}: expected a number of seconds, got {text!r}") from None


def _checked(where: str, key: str, value: object) -> tuple[str, object]:
    """The attribute that a key stands for, and its value."""
    if key in ("allow-plugins", "deny-plugins") and _are_texts(value):
        return ("allowed" if key == "allow-plugins" else "denied"), tuple(value)  # type: ignore
    if key == "plugin-timeout" and isinstance(value, int | float) and 0 < value < float("inf"):
        return "timeout", float(value)
    if key == "aliases" and isinstance(value, Mapping) and _are_texts(list(value.values())):
        return "aliases", dict(value)
    if key not in KEYS:
        near = nearest(key, KEYS)
        meant = f". Did you mean {near!r}?" if near else ""
        raise PluginError(f"{where}: there is no setting {key!r}; there are {KEYS}{meant}")
    expected = {
        "plugin-timeout": "a number of seconds > 0",
        "aliases": 'names to "plugin:Name"',
    }.get(key, "a list of names of plugins")
    raise PluginError(f"{where}: {key}: expected {expected}, got {value!r}")


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _read(file: Path) -> Mapping[str, object]:
    import tomllib  # takes a tenth of the time of importing everything else

    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"{file}: cannot be read: {error}") from None


def _read_foreign(file: Path) -> Mapping[str, object]:
    """A file that others read too: where it is broken, it says nothing of plugins."""
    try:
        return _read(file)
    except PluginError as error:
        warnings.warn(f"{error}. Its [tool.brainloom] is not used", RuntimeWarning, stacklevel=2)
        return {}


def _user_folder() -> Path:
    """Where a user's configurations lie on this system."""
    if folder := os.environ.get("XDG_CONFIG_HOME"):
        return Path(folder)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home() / "AppData" / "Roaming"))
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".config"
