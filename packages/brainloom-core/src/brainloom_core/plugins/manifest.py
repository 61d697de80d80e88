"""The manifest of a plugin: what its hooks return, as a file, so that nothing has to be imported.

It lies beside the module of the entry point and has the entry point's name: that of the plugin
`example` with the module `brainloom_example.plugin` is `brainloom_example/brainloom-example.toml`.
`brainloom plugin manifest NAME` writes it from the hooks:

```toml
manifest = 1

[models]
api = 1
names = { ExampleNeuron = "brainloom_example.model:ExampleNeuron" }
```
"""

import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from ..errors import PluginError
from .kinds import KINDS, kind_of

__all__ = ["Manifest", "format_manifest", "manifest_file", "read_manifest"]

VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """What a plugin says that it provides.

    Attributes:
        names: Targets by name, by kind.
        api: The version of each kind's contract that it is written for.
    """

    names: Mapping[str, Mapping[str, str]]
    api: Mapping[str, int]


def manifest_file(point: EntryPoint) -> Path | None:
    """Where the manifest of an entry point is or would be, without importing anything.

    Args:
        point: The entry point.
    """
    *packages, _ = point.module.split(".")
    top = packages[0] if packages else point.module
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    if not packages:
        folders = [str(Path(spec.origin).parent)] if spec.origin else folders
    name = f"brainloom-{point.name}.toml"
    files = [Path(folder, *packages[1:], name) for folder in folders]
    return next((file for file in files if file.is_file()), files[0] if files else None)


def read_manifest(point: EntryPoint) -> Manifest | None:
    """The manifest of an entry point, None where there is none.

    Raises:
        PluginError: It is none of ours, or says what cannot be.
    """
    import tomllib  # takes a tenth of the time of importing everything else

    file = manifest_file(point)
    if file is None or not file.is_file():
        return None
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"its manifest {file.name} cannot be read: {error}") from None
    if content.pop("manifest", None) != VERSION:
        raise PluginError(f"its manifest {file.name} needs a line `manifest = {VERSION}`")
    names: dict[str, Mapping[str, str]] = {}
    api: dict[str, int] = {}
    for plural, table in content.items():
        kind = kind_of(plural)
        given = table.get("names", {}) if isinstance(table, dict) else None
        version = table.get("api", 1) if isinstance(table, dict) else None
        if not (isinstance(given, dict) and all(isinstance(v, str) for v in given.values())):
            raise PluginError(
                f'its manifest {file.name}: {plural}: expected names = {{ NAME = "module:'
                f'attribute" }}, got {table!r}'
            )
        if not isinstance(version, int) or isinstance(version, bool):
            raise PluginError(
                f"its manifest {file.name}: {plural}.api: expected a whole number, got {version!r}"
            )
        names[kind.name], api[kind.name] = given, version
    return Manifest(names, api)


def format_manifest(manifest: Manifest) -> str:
    """The text of a manifest.

    Args:
        manifest: What to write.
    """
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: Manifest) -> Iterable[str]:
    yield "# What this plugin provides, read when it is listed; nothing is imported for that."
    yield "# Written by: brainloom plugin manifest"
    yield f"manifest = {VERSION}"
    for name, kind in KINDS.items():
        if names := manifest.names.get(name):
            yield ""
            yield f"[{kind.plural}]"
            yield f"api = {manifest.api.get(name, 1)}"
            yield ""
            yield f"[{kind.plural}.names]"
            yield from (f"{_key(k)} = {json.dumps(v)}" for k, v in sorted(names.items()))


def _key(name: str) -> str:
    """A key of TOML; what is written as JSON is a text in TOML too."""
    plain = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if plain else json.dumps(name)
