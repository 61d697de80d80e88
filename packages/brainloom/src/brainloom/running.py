"""The commands `brainloom run`, `resume` and `show`: a run of a file, from the command line."""

import contextlib
import importlib
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from brainloom_core import Recording
    from brainloom_core.types import Drive, Json, Time
    from brainstate.nn import Module

__all__ = ["resume", "run", "show"]

Arguments = dict[str, Any]  # of a command, by name
IN_SECONDS = {"h": 3600.0, "min": 60.0}
DESCRIPTION, STATE = "run.json", "state"  # in the folder of a checkpoint


def run(
    what: Annotated[str, typer.Argument(help="script.py:function or module:function")],
    duration: Annotated[str, typer.Option(help="Time to simulate, such as 10s.")],
    dt: Annotated[str, typer.Option(help="Length of a step.")] = "0.1ms",
    record: Annotated[
        list[str] | None, typer.Option(help="What to record, such as E.spikes; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the recording goes.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder from which the run can be resumed.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="Simulated time between checkpoints; one a minute if none.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all random numbers: of building, too.")
    ] = None,
    put: Annotated[
        list[str] | None,
        typer.Option("--set", help="An argument of the function, such as tau=20ms; repeatable."),
    ] = None,
    explain: Annotated[bool, typer.Option(help="Say what it takes, and do not run.")] = False,
) -> None:
    """Simulate the network that a function in a file returns.

    The function returns a network, or a network and its inputs.
    """
    arguments: Arguments = {
        "what": what
        if not _is_file(what)
        else str(Path(what.rpartition(":")[0]).resolve()) + what[what.rindex(":") :],
        "duration": duration,
        "dt": dt,
        "record": record or [],
        "out": None if out is None else str(out.resolve()),
        "every": every,
        "seed": seed,
        "set": put or [],
    }
    with _in_words():
        if out is not None and out.exists():
            raise ValueError(f"--out: {out} exists already")
        _common(arguments, None)  # times are read before anything is built
        if every is not None:
            _time(every, "--every")
        net, inputs = _built(arguments)
        if explain:
            import brainloom as bl

            print(bl.explain(net, **_common(arguments, inputs)))
            return
        if checkpoint is not None:
            _describe(checkpoint, arguments)
        with _way_on(arguments, checkpoint), _naming(arguments["set"]):
            recording = _simulated(net, inputs, arguments, checkpoint)
        _finish(arguments, recording, checkpoint)


def resume(
    folder: Annotated[Path, typer.Argument(help="The folder that was given as --checkpoint.")],
) -> None:
    """Go on with a run that was stopped, from its last checkpoint, as if it had not been."""
    import brainloom as bl

    with _in_words():
        known = folder / DESCRIPTION
        if not known.is_file():
            raise ValueError(f"{folder} is no folder of a checkpoint: it has no {DESCRIPTION}")
        arguments = json.loads(known.read_text(encoding="utf-8"))
        net, inputs = _built(arguments)
        given: Arguments = {} if inputs is None else {"inputs": inputs}
        with _way_on(arguments, folder):
            recording = bl.resume(folder / STATE, net, **given)
        _finish(arguments, recording, folder)


def show(
    path: Annotated[Path, typer.Argument(help="A recording, as `run --out` writes it.")],
    picture: Annotated[Path | None, typer.Option(help="File for a picture of it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the header as JSON.")] = False,
) -> None:
    """Show what a recording has: its header, rates, and a picture."""
    import brainloom as bl

    with _in_words():
        recording = bl.Recording.load(path)
        if as_json:
            print(json.dumps(recording.header, indent=2))
            return
        _print_header(recording.header)
        _print_contents(recording)
        if picture is not None:
            recording.plot(picture)
            print(f"Wrote {picture}")


def _simulated(
    net: "Module", inputs: "Drive | None", arguments: Arguments, checkpoint: Path | None
) -> "Recording":
    import brainloom as bl

    options: Arguments = {}
    if checkpoint is not None:
        options["checkpoint"] = checkpoint / STATE
        if arguments["every"] is not None:
            options["every"] = _time(arguments["every"], "--every")
    elif arguments["out"] is not None:
        options["store"] = arguments["out"]
    return bl.simulate(
        net, **_common(arguments, inputs), seed=arguments["seed"], progress=None, **options
    )


def _finish(arguments: Arguments, recording: "Recording", checkpoint: Path | None) -> None:
    out = arguments["out"]
    if out is not None and not Path(out).exists():
        recording.save(out)
    _print_contents(recording)
    if out is not None:
        print(f"Wrote {out}")
    elif checkpoint is not None:
        print(f"The recording is in {checkpoint}")


def _common(arguments: Arguments, inputs: "Drive | None") -> Arguments:
    return {
        "duration": _time(arguments["duration"], "--duration"),
        "dt": _time(arguments["dt"], "--dt"),
        "record": arguments["record"] or None,
        "inputs": inputs,
    }


def _describe(folder: Path, arguments: Arguments) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(
            f"--checkpoint: {folder} is not empty. Go on from it with brainloom resume {folder}, "
            "or choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).write_text(json.dumps(arguments, indent=1), encoding="utf-8")


def _built(arguments: Arguments) -> "tuple[Module, Drive | None]":
    """The network and its inputs, made after the seed was set."""
    import brainstate

    build = _function(arguments["what"])
    if arguments["seed"] is not None:
        brainstate.random.seed(arguments["seed"])
    settings = dict(map(_setting, arguments["set"]))
    with _naming(arguments["set"]):
        made = build(**settings)
    return made if isinstance(made, tuple) else (made, None)


@contextlib.contextmanager
def _naming(settings: list[str]) -> Iterator[None]:
    """Say in one line what does not fit an argument from the command line."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if not settings:
            raise
        said = " ".join(str(error).split())
        given = ", ".join(settings)
        raise ValueError(f"--set {given}: {type(error).__name__}: {said}") from error


def _is_file(what: str) -> bool:
    return what.rpartition(":")[0].endswith(".py")


def _function(what: str) -> Callable[..., Any]:
    where, _, name = what.rpartition(":")
    if not where or not name:
        raise ValueError(f"expected script.py:function or module:function, got {what!r}")
    if _is_file(what):
        module = _loaded(Path(where))
    else:
        sys.path.insert(0, str(Path.cwd()))
        module = importlib.import_module(where)
    found = getattr(module, name, None)
    if not callable(found):
        known = [k for k, v in vars(module).items() if callable(v) and not k.startswith("_")]
        raise ValueError(f"{where} has no function {name!r}; it has {', '.join(known) or 'none'}")
    return found


def _loaded(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _time(text: str, option: str) -> "Time":
    import brainunit as u

    found = re.fullmatch(r"\s*([0-9.eE+-]+?)\s*(h|min|ms|us|s)\s*", text)
    try:
        if found is None:
            raise ValueError
        number, unit = float(found[1]), found[2]
    except ValueError:
        raise ValueError(f"{option}: expected a time such as 10s or 0.1ms, got {text!r}") from None
    if unit in IN_SECONDS:
        return number * IN_SECONDS[unit] * u.second
    return number * {"s": u.second, "ms": u.ms, "us": u.us}[unit]


def _setting(text: str) -> tuple[str, Any]:
    """An argument from the command line: a number, a number with a unit, or words."""
    import brainunit as u

    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise ValueError(f"--set: expected name=value, got {text!r}")
    if value in ("True", "False"):
        return name, value == "True"
    found = re.fullmatch(r"\s*([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*([A-Za-zµ]*)\s*", value)
    if found is None:
        return name, value
    number = float(found[1]) if re.search(r"[.eE]", found[1]) else int(found[1])
    if not found[2]:
        return name, number
    unit = u.second if found[2] == "s" else getattr(u, found[2], None)
    if not isinstance(unit, u.Unit):
        raise ValueError(f"--set: {name}: {found[2]!r} is no unit of brainunit")
    return name, number * unit


@contextlib.contextmanager
def _way_on(arguments: Arguments, checkpoint: Path | None) -> Iterator[None]:
    """Say after Ctrl-C what there is, and how to go on."""
    from brainloom_core import Interrupted

    try:
        yield
    except Interrupted as error:
        ended = str(error).partition(". ")[0].removeprefix("simulate: ")
        if checkpoint is not None:
            words = f". Go on with: brainloom resume {checkpoint}"
        elif arguments["out"] is not None:
            words = f". What was recorded until then is in {arguments['out']}"
        else:
            words = ". Nothing was kept: give --out, or --checkpoint to go on from"
        raise Interrupted(ended + words, error.recording) from None


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Say in one line what the user can mend; Ctrl-C ends with what there is."""
    from brainloom_core import BrainloomError, Interrupted

    try:
        yield
    except Interrupted as error:
        typer.echo(error, err=True)
        raise typer.Exit(130) from None
    except (BrainloomError, ImportError, OSError, ValueError) as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None


def _print_header(header: "Mapping[str, Json]") -> None:
    table = Table("", "", show_header=False)
    for name, value in header.items():
        text = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        if text not in (None, ""):
            table.add_row(name, str(text))
    Console().print(table)


def _print_contents(recording: "Recording") -> None:
    table = Table("recorded", "")
    for name, data in recording.items():
        table.add_row(name, repr(data))
    Console().print(table)
