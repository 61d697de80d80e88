"""`brainloom plugins` and `brainloom plugin`: what is installed, and plugins of one's own."""

import importlib.util
import json
import re
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .tables import AsJson, quiet_plugin_warnings, show

SLOW = 1.0  # seconds of an import that people notice
NEW = (
    "neuron",
    "synapse",
    "output",
    "rule",
    "surrogate",
    "plasticity rule",
    "encoder",
    "loss",
    "format",
    "callback",
    "kernel",
)

plugins_app = typer.Typer(help="List the installed plugins and what is wrong with them.")
plugin_app = typer.Typer(help="Make a plugin, and check one.", no_args_is_help=True)


@plugins_app.callback(invoke_without_command=True)
def plugins(
    context: typer.Context,
    load: Annotated[bool, typer.Option(help="Load each one, to see whether it works.")] = True,
    as_json: AsJson = False,
) -> None:
    """List the installed plugins and what is wrong with them, and with what they register."""
    if context.invoked_subcommand is not None:
        return
    from brainloom_core.plugins import list_plugins, load_plugins

    quiet_plugin_warnings()
    faults: dict[str, list[str]] = {}
    if load:
        load_plugins()
        faults = _faults()
    rows = [asdict(plugin) for plugin in list_plugins()]
    for row in rows:
        seconds = row["seconds"]
        row["import"] = "" if seconds is None else f"{seconds:.2f} s"
        row["faults"] = faults.get(row["name"], [])
        if row["state"] == "blocked":
            row["faults"] = []
        if seconds is not None and seconds > SLOW and row["error"] is None:
            row["faults"].append(f"its import took {seconds:.1f} s, which every command waits for")
        row["what"] = "; ".join(filter(None, [row["error"], *row["remarks"], *row["faults"]]))
    columns = ["name", "distribution", "version", "state", "import", "what"]
    show(
        [{k: v for k, v in row.items() if as_json or k in columns} for row in rows],
        as_json,
        columns,
    )


def _faults() -> dict[str, list[str]]:
    """What is wrong with things that are registered, and with kernels, by plugin."""
    from brainloom_core.kernels import list_kernels
    from brainloom_core.plugins import faults_of_things, list_plugins

    found: dict[str, list[str]] = {}
    for plugin, fault in faults_of_things():
        found.setdefault(plugin, []).append(fault)
    by_distribution: dict[str, list[str]] = {}
    for kernel in list_kernels(tried=True):
        if kernel.problem is not None and not kernel.problem.startswith("runs on "):
            text = f"its kernel {kernel.name!r} of {kernel.op} cannot be used: {kernel.problem}"
            by_distribution.setdefault(kernel.distribution, []).append(text)
    for info in list_plugins():
        if info.state == "loaded" and info.distribution in by_distribution:
            found.setdefault(info.name, []).extend(by_distribution.pop(info.distribution))
    return found


@plugins_app.command()
def why(
    name: Annotated[str, typer.Argument(help="The plugin or its distribution.")],
    as_json: AsJson = False,
) -> None:
    """Say all there is to know of a plugin: what it provides, or why it is left out."""
    from brainloom_core import PluginError
    from brainloom_core.plugins import explain_plugin

    quiet_plugin_warnings()
    try:
        text = explain_plugin(name)
    except PluginError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    print(json.dumps(text.splitlines(), indent=2) if as_json else text)


@plugin_app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the distribution, such as brainloom-mine.")],
    kind: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(NEW)}; may be repeated.")
    ] = None,
    author: Annotated[str, typer.Option(help="Who writes it.")] = "The authors",
    description: Annotated[str, typer.Option(help="One line.")] = "Models for brainloom",
    folder: Annotated[Path, typer.Option(help="Where its folder is to be.")] = Path(),
) -> None:
    """Make a distribution with what a plugin needs: things, tests, a page, CI and release."""
    kinds = [name.replace("_", " ").replace("-", " ") for name in kind or ["neuron"]]
    unknown = sorted({*kinds} - {*NEW})
    if unknown:
        raise typer.BadParameter(f"kind: expected some of {', '.join(NEW)}, got {unknown}")
    if not re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise typer.BadParameter(
            f"name: expected small letters, digits and hyphens (brainloom-mine), got {name!r}"
        )
    target = folder / name
    if target.exists():
        raise typer.BadParameter(f"name: {target} is there already")
    try:
        from copier import run_copy
    except ImportError:
        typer.echo('copier is missing: pip install "brainloom[new]"', err=True)
        raise typer.Exit(1) from None
    answers = {"distribution": name, "kinds": kinds, "author": author, "description": description}
    template = Path(__file__).parent / "templates" / "plugin"
    run_copy(str(template), target, data=answers, defaults=True, quiet=True)
    print(f"Wrote {target}. Next:")
    print(f'    cd {target}; python -m pip install --editable ".[test]"; pytest')


@plugin_app.command()
def manifest(
    name: Annotated[str, typer.Argument(help="The plugin.")],
    check: Annotated[bool, typer.Option(help="Write nothing; fail where it would change.")] = False,
) -> None:
    """Write beside its module what the hooks of a plugin return: then listing imports nothing."""
    from brainloom_core import PluginError
    from brainloom_core.plugins import format_manifest, manifest_file, manifest_of

    try:
        point, written = manifest_of(name)
    except PluginError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    file = manifest_file(point)
    if file is None:
        typer.echo(
            f"The module {point.module} lies in no folder that could be written to", err=True
        )
        raise typer.Exit(1)
    text = format_manifest(written)
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        print(f"{file} says what the hooks return.")
    elif check:
        typer.echo(f"{file} does not say what the hooks return", err=True)
        raise typer.Exit(1)
    else:
        file.write_text(text, encoding="utf-8")
        print(f"Wrote {file}")


@plugin_app.command("check")
def check_plugin(
    which: Annotated[str, typer.Argument(help="The plugin, or the folder of its project.")] = ".",
    as_json: AsJson = False,
    failures: Annotated[bool, typer.Option(help="Show only what failed.")] = False,
) -> None:
    """Check a plugin: metadata, hooks, the conformance kit, references, cost of the import."""
    if not importlib.util.find_spec("brainloom_testing"):
        typer.echo('brainloom-testing is missing: pip install "brainloom[verify]"', err=True)
        raise typer.Exit(1)
    from brainloom_testing.plugins import check_plugin as checked

    quiet_plugin_warnings()
    rows = [asdict(row) for row in checked(_name_of(which))]
    failed = [row for row in rows if not row["passed"]]
    show(
        [
            row | {"passed": "ok" if row["passed"] else "FAILED"} if not as_json else row
            for row in (failed if failures else rows)
        ],
        as_json,
        ["part", "what", "passed", "detail"],
    )
    if failed:
        raise typer.Exit(1)


def _name_of(which: str) -> str:
    """The plugin that a folder of a project declares, or the name itself."""
    file = Path(which) / "pyproject.toml"
    if not file.is_file():
        return which
    project = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    points = project.get("entry-points", {}).get("brainloom", {})
    if not points:
        typer.echo(f"{file} has no [project.entry-points.brainloom]", err=True)
        raise typer.Exit(1)
    return str(next(iter(points)))
