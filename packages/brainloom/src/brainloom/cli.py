"""The command line, `brainloom`."""

import importlib.util
import json
import platform
import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from . import running
from .plugin_commands import plugin_app, plugins_app
from .tables import AsJson, Row, quiet_plugin_warnings, show

if TYPE_CHECKING:
    from brainloom_testing.verification.records import Record

    from .demos.brette2007 import Outcome

app = typer.Typer(
    help="Spiking neural network models with physical units.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(plugins_app, name="plugins")
app.add_typer(plugin_app, name="plugin")


for _command in (running.run, running.resume, running.show):
    app.command()(_command)


def main() -> None:
    """Entry point of the command `brainloom`."""
    app()


@app.command()
def demo(
    network: Annotated[str, typer.Argument(help="coba, cuba or cobahh")] = "coba",
    seed: Annotated[int, typer.Option(help="Seed of the network and its initial state.")] = 1,
    duration: Annotated[float, typer.Option(help="Simulated time in ms, above 100.")] = 1000.0,
    output: Annotated[Path, typer.Option(help="Folder for the picture and the spikes.")] = Path(),
) -> None:
    """Simulate a published network, compare it with the reference, draw it."""
    import brainunit as u

    from .demos import brette2007

    if network not in brette2007.NETWORKS:
        raise typer.BadParameter(f"expected one of {sorted(brette2007.NETWORKS)}, got {network!r}")
    if duration <= 100.0:
        raise typer.BadParameter("duration: expected more than 100 ms, which are not measured")
    began = time.perf_counter()
    outcome = brette2007.run(network, seed=seed, duration=duration * u.ms)
    _print_outcome(network, outcome, time.perf_counter() - began)
    output.mkdir(parents=True, exist_ok=True)
    spikes = output / f"brainloom-{network}-spikes.csv"
    outcome.recording[network].save(spikes)
    written = [spikes]
    if importlib.util.find_spec("matplotlib"):
        picture = output / f"brainloom-{network}.png"
        outcome.recording.plot(picture)
        written.append(picture)
    else:
        print('No picture: matplotlib is missing (pip install "brainloom[plot]").')
    print("Wrote " + " and ".join(map(str, written)))
    if not outcome.agrees:
        raise typer.Exit(1)


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(help="Show one model.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only those of this kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the models of all installed packages and plugins, and what else they register."""
    from brainloom_core import PluginError
    from brainloom_core.plugins import KINDS, find, list_registered

    quiet_plugin_warnings()
    try:
        if name is not None:
            _show_model(find(name), as_json)
            return
        kinds = [kind] if kind else [known for known in KINDS if known != "kernel"]
        rows = [asdict(item) for known in kinds for item in list_registered(known)]
    except PluginError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    show(rows, as_json, ["kind", "name", "qualified_name", "distribution", "version"])


@app.command()
def kernels(as_json: AsJson = False) -> None:
    """List the implementations of each operation and whether they can be used here."""
    quiet_plugin_warnings()
    show(_kernel_rows(), as_json, ["op", "name", "platforms", "rank", "distribution", "problem"])


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Models; all of them if none.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File for the report, with sources and reasons.")
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Kind of reference; may be repeated. All if none.")
    ] = None,
    failures: Annotated[bool, typer.Option(help="Show only what failed.")] = False,
    kernels: Annotated[
        bool, typer.Option("--kernels", help="The kernels instead, each against its operation.")
    ] = False,
) -> None:
    """Hold models to closed forms, accurate solutions, published tables and other simulators.

    What else plugins register, rules, losses, files and so on, is held to the check of its kind.
    """
    verification = _verification()
    if kernels:
        _verify_kernels(names or [], failures)
        return
    from brainloom_core import PluginError

    try:
        pending = verification.iter_records(*(names or ()), kinds=kind or verification.KINDS)
        records = _shown_as_they_come(pending)
    except (PluginError, ValueError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    failed = verification.failed(records)
    _print_records(failed if failures else records)
    if json_file is not None:
        text = json.dumps(verification.report(records), indent=2, ensure_ascii=False)
        json_file.write_text(text + "\n", encoding="utf-8")
    print(f"{len(records) - len(failed)} of {len(records)} checks passed.")
    if failed:
        raise typer.Exit(1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Report versions, devices and kernels, what is missing and how to get it."""
    quiet_plugin_warnings()
    report = _diagnosis()
    if as_json:
        print(json.dumps(report, indent=2))
        return
    for part in ("python", "platform", "devices"):
        print(f"{part:10} {report[part]}")
    show([{"package": k, "version": v} for k, v in report["versions"].items()], False)
    show(report["kernels"], False, ["op", "name", "platforms", "problem"])
    show(report["plugins"], False, ["name", "distribution", "state", "error"])
    for line in report["advice"] or ["Nothing is missing."]:
        print(line)


def _verify_kernels(names: list[str], failures: bool) -> None:
    """One line for each implementation: of an operation, of a name, or of both (`op/name`)."""
    from brainloom_testing.plugins import check_kernels

    quiet_plugin_warnings()
    found = []
    with Console(stderr=True).status("Verifying kernels"):
        for finding in check_kernels(
            lambda kernel: not names or bool({*kernel, "/".join(kernel)} & {*names})
        ):
            found.append(finding)
    if names and not found:
        typer.echo(f"No kernel is called {', '.join(names)}; see: brainloom kernels", err=True)
        raise typer.Exit(1)
    failed = [finding for finding in found if not finding.passed]
    rows: list[Row] = [
        {"kernel": f.what, "": "ok" if f.passed else "FAILED", "detail": f.detail}
        for f in (failed if failures else found)
    ]
    show(rows, False, ["kernel", "", "detail"])
    print(f"{len(found) - len(failed)} of {len(found)} kernels passed.")
    if failed:
        raise typer.Exit(1)


def _verification() -> ModuleType:
    """The verification of brainloom-testing, or a word on how to get it."""
    for module, package in (("brainloom_testing", "brainloom-testing"), ("scipy", "scipy")):
        if not importlib.util.find_spec(module):
            message = f'{package} is missing. Get it with: pip install "brainloom[verify]"'
            typer.echo(message, err=True)
            raise typer.Exit(1)
    from brainloom_testing import verification

    return verification


def _shown_as_they_come(pending: "Iterable[Record]") -> "list[Record]":
    """Collect the records, and say on a terminal which model is being checked."""
    records = []
    with Console(stderr=True).status("Verifying") as status:
        for record in pending:
            records.append(record)
            status.update(f"Verifying {record.model}: {record.check}")
    return records


def _print_records(records: "list[Record]") -> None:
    sources = list(dict.fromkeys(record.source for record in records if record.source))
    table = Table("model", "check", "kind", "error", "tolerance", "source", "")
    for r in records:
        unit = f" {r.unit}" if r.unit else ""
        numbers = (f"{r.error:.2g}{unit}", f"{r.tolerance:.2g}{unit}")
        source = f"{sources.index(r.source) + 1}" if r.source else ""
        table.add_row(r.model, r.check, r.kind, *numbers, source, "ok" if r.passed else "FAILED")
    Console().print(table)
    for number, source in enumerate(sources, 1):
        print(f"{number:3} {source}")
    for r in records:
        if not r.passed:
            detail = f" ({r.detail})" if r.detail else ""
            print(f"FAILED {r.model}: {r.check}: {r.error:.3g} {r.unit}{detail}")


def _diagnosis() -> Row:
    import jax
    from brainloom_core.plugins import load_plugins

    plugins = [asdict(plugin) for plugin in load_plugins()]
    return {
        "python": sys.version.split()[0],
        "platform": f"{platform.system()} {platform.machine()}",
        "devices": [f"{device.platform}:{device.id}" for device in jax.devices()],
        "versions": _versions(),
        "kernels": _kernel_rows(),
        "plugins": plugins,
        "advice": _advice(_kernel_rows(), plugins),
    }


def _advice(kernels: list[Row], plugins: list[Row]) -> list[str]:
    import jax

    advice = []
    native = [k for k in kernels if k["distribution"] == "brainloom-kernels-cpu"]
    if jax.default_backend() == "cpu" and not native:
        advice.append(
            "The native CPU kernels are not installed; networks run on the slower reference. "
            'Get them with: pip install "brainloom[kernels]" (needs a C++ compiler)'
        )
    for kernel in native:
        if kernel["problem"] and jax.default_backend() == "cpu":
            compiler = "" if shutil.which("c++") else " No C++ compiler was found on the PATH."
            advice.append(f"The native CPU kernel cannot be used: {kernel['problem']}.{compiler}")
    advice += [
        f"The kernel {k['name']!r} of {k['op']}, from {k['distribution']}, cannot be used: "
        f"{k['problem']}"
        for k in kernels
        if k["problem"] and k not in native and not k["problem"].startswith("runs on ")
    ]
    advice += [f"The plugin {p['name']!r} failed: {p['error']}" for p in plugins if p["error"]]
    if not importlib.util.find_spec("matplotlib"):
        advice.append('Plots need matplotlib. Get it with: pip install "brainloom[plot]"')
    return advice


def _versions() -> dict[str, str]:
    names = ["brainloom", "brainloom-core", "jax", "jaxlib", "brainstate", "brainunit", "numpy"]
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def _kernel_rows() -> list[Row]:
    from brainloom_core.kernels import list_kernels

    return [asdict(kernel) | {"usable": kernel.usable} for kernel in list_kernels()]


def _show_model(model: type, as_json: bool) -> None:
    import inspect

    signature = inspect.signature(model)
    parameters = [
        {"name": p.name, "default": "required" if p.default is p.empty else str(p.default)}
        for p in signature.parameters.values()
    ]
    states = [
        {"name": k, "doc": s.doc + (f" (with {s.when}=True)" if s.when else "")}
        for k, s in getattr(model, "declared_states", dict)().items()
    ]
    summary = (inspect.getdoc(model) or "").split("\n", 1)[0]
    numerics = asdict(model.numerics) if hasattr(model, "numerics") else {}
    if as_json:
        report = {"name": model.__name__, "summary": summary, "parameters": parameters}
        print(json.dumps(report | {"states": states, "numerics": numerics}, indent=2))
        return
    print(f"{model.__name__}: {summary}")
    show(parameters, False)
    if states:
        show(states, False)
    known = [{"numerics": k, "default": v} for k, v in numerics.items() if v is not None]
    if known:
        show(known, False)


def _print_outcome(network: str, outcome: "Outcome", seconds: float) -> None:
    labels = {"rate_hz": "population rate", "cv": "mean ISI CV", "synchrony": "synchrony"}
    table = Table("", "this run", "reference interval", "", title=network.upper())
    for m in outcome.measures:
        unit = " Hz" if m.name == "rate_hz" else ""
        verdict = "agrees" if m.agrees else "DISAGREES"
        table.add_row(
            labels[m.name], f"{m.value:.2f}{unit}", f"{m.low:.2f} to {m.high:.2f}{unit}", verdict
        )
    Console().print(table)
    simulated = outcome.recording.wall_time
    print(f"{seconds:.1f} s in all, {simulated:.1f} s of it simulating (compiling included).")


if __name__ == "__main__":
    main()
