"""Check that the versions and ranges written in all `pyproject.toml` files agree.

The packages share one version, the family's, and ask each other for that minor version. A plugin
has a version of its own, and its range has to take in the family's. With `--tag`, print instead
what a release tag publishes: `v0.1.0` the family, `brainloom-kernels-cpu-v0.1.0` that plugin.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
Projects = dict[str, dict[str, Any]]


def read(folder: str) -> Projects:
    """The `[project]` tables below a folder, by distribution."""
    files = sorted(ROOT.glob(f"{folder}/*/pyproject.toml"))
    tables = [tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in files]
    return {table["name"]: table for table in tables}


def requirements(project: dict[str, Any]) -> Iterator[Requirement]:
    """What a distribution asks for, its extras included."""
    extras = project.get("optional-dependencies", {}).values()
    for text in [*project.get("dependencies", []), *(line for extra in extras for line in extra)]:
        yield Requirement(text)


def minor_range(version: Version) -> SpecifierSet:
    """The range that stays within one minor version."""
    return SpecifierSet(f">={version.major}.{version.minor},<{version.major}.{version.minor + 1}")


def faults(family: Projects, plugins: Projects) -> Iterator[str]:
    """Each disagreement, in words."""
    shared = family["brainloom"]["version"]
    for name, project in family.items():
        if project["version"] != shared:
            yield f"{name} has version {project['version']}, and brainloom has {shared}."
    everything = family | plugins
    for name, project in everything.items():
        for needed in requirements(project):
            if needed.name not in everything or needed.name == name:
                continue
            version = Version(everything[needed.name]["version"])
            if needed.name in family and name in family:
                if needed.specifier != minor_range(version):
                    yield f"{name} asks for {needed}, expected {minor_range(version)}."
            elif not needed.specifier.contains(version, prereleases=True):
                yield f"{name} asks for {needed}, which leaves out the tree's {version}."


def released(tag: str, family: Projects, plugins: Projects) -> list[str]:
    """The distributions that a release tag names, those first that others need."""
    if tag == f"v{family['brainloom']['version']}":
        needs = {n: sum(r.name in family for r in requirements(p)) for n, p in family.items()}
        return sorted(family, key=lambda name: needs[name])
    return [name for name, plugin in plugins.items() if tag == f"{name}-v{plugin['version']}"]


def main() -> int:
    """Print the faults, or what a tag releases, and say by the exit status whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tag", help="print what this release tag publishes, as JSON")
    tag = parser.parse_args().tag
    family, plugins = read("packages"), read("plugins")
    if tag:
        names = released(tag, family, plugins)
        print(json.dumps(names) if names else f"{tag} names no version of the tree.")
        return not names
    found = list(faults(family, plugins))
    print("\n".join(found) or "Versions and ranges agree.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
