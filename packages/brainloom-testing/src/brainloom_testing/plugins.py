"""Holding a plugin to everything that ours are held to."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points

from brainloom_core import PluginError
from brainloom_core.kernels import Kernel, list_kernels
from brainloom_core.plugins import (
    KINDS,
    declared_kernels,
    get,
    list_plugins,
    list_registered,
    load_plugins,
)

from .case import Case
from .kit import run
from .registered import MODELS, NotRun, case_of, check_registered
from .things import check_kernel

__all__ = ["Finding", "check_kernels", "check_plugin"]

SLOW = 1.0  # seconds of an import that people notice
HEAVY = ("matplotlib", "pandas", "scipy", "sklearn", "tensorflow", "torch")


@dataclass(frozen=True)
class Finding:
    """What one check of a plugin found.

    Attributes:
        part: What is checked: `"metadata"`, `"hooks"`, `"kit"`, `"references"`,
            `"kernels"`, `"import"`.
        what: The thing or the check.
        passed: Whether all is well.
        detail: What is wrong, or what was measured.
    """

    part: str
    what: str
    passed: bool
    detail: str = ""


def check_plugin(name: str) -> Iterator[Finding]:
    """Check a plugin: metadata, hooks, the conformance kit, references, cost of the import.

    Args:
        name: Name of its entry point.

    Yields:
        What each check found, as it is found.

    Examples:
        >>> from brainloom_testing.plugins import check_plugin
        >>> [finding.detail for finding in check_plugin("no_such_plugin")]
        ['it is not installed: pip install it, an editable install will do']
    """
    known = {plugin.name for plugin in list_plugins()}
    if name not in known:
        missing = "it is not installed: pip install it, an editable install will do"
        yield Finding("metadata", name, False, missing)
        return
    (plugin,) = [p for p in load_plugins() if p.name == name][:1]
    owner = f"{plugin.distribution} {plugin.version}"
    yield Finding("metadata", "distribution", plugin.version != "unknown", owner)
    yield Finding("hooks", "loaded", plugin.state == "loaded", plugin.error or "")
    if plugin.state != "loaded":
        return
    yield Finding(
        "hooks", "leaves the process as it was", not plugin.remarks, "; ".join(plugin.remarks)
    )
    registered = 0
    for kind in KINDS.values():
        for item in list_registered(kind.name) if kind.name != "kernel" else ():
            if item.distribution == plugin.distribution:
                registered += 1
                yield from _of_thing(kind.name, item.name, item.qualified_name)
    for kernel, owner in declared_kernels():
        if owner == plugin.distribution:
            registered += 1
            yield _of_kernel(kernel)
    yield Finding("hooks", "registers", registered > 0, f"{registered} things")
    yield _import_cost(name)


def check_kernels(
    wanted: Callable[[tuple[str, str]], bool] = lambda kernel: True,
) -> Iterator[Finding]:
    """Hold the implementations of operations that plugins bring to the operations.

    Args:
        wanted: Which of them, by operation and name; all if not given.

    Yields:
        What was found of each that can run here; of the others, why they cannot.
    """
    known = {(info.op, info.name, info.distribution): info for info in list_kernels()}
    for kernel, owner in declared_kernels():
        key = (kernel.op, kernel.name)
        if kernel.name == "reference" or not wanted(key):
            continue
        name = f"{kernel.op}/{kernel.name}"
        info = known.get((*key, owner))
        if info is None or info.problem is not None:
            fault = "its declaration is wrong" if info is None else str(info.problem)
            elsewhere = fault.startswith("runs on ")
            yield Finding("kernels", name, elsewhere, f"not run, of {owner}: {fault}")
            continue
        try:
            detail = f"{check_kernel(kernel)} inputs, of {owner}"
            yield Finding("kernels", name, True, detail)
        except Exception as error:  # a kernel may raise whatever it likes
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            yield Finding("kernels", name, False, f"of {owner}: {kind}{error}")


def _of_thing(kind: str, name: str, qualified: str) -> Iterator[Finding]:
    try:
        thing = get(kind, qualified)
    except PluginError as error:
        yield Finding("hooks", name, False, str(error))
        return
    try:
        if kind in MODELS and isinstance(thing, type):
            yield _of_kit(case_of(name, qualified, thing))
            yield from _of_references(name)
        else:
            yield Finding("kit", name, True, check_registered(kind, qualified))
            if kind == "plasticity rule":
                yield from _of_references(name)
    except NotRun as error:
        yield Finding("kit", name, True, f"not run: {error}")
    except AssertionError as error:
        yield Finding("kit", name, False, str(error))


def _of_kernel(kernel: Kernel) -> Finding:
    return next(f for f in check_kernels(lambda k: k == (kernel.op, kernel.name)))


def _of_kit(case: Case) -> Finding:
    results = run(case)
    bad = [result for result in results if not result.good]
    detail = f"{len(results)} checks" if not bad else "; ".join(map(str, bad))
    return Finding("kit", case.cls.__name__, not bad, detail)


def _of_references(name: str) -> Iterator[Finding]:
    try:
        from . import verification
    except ImportError:  # scipy is an extra
        yield Finding("references", name, True, "not run: scipy is missing")
        return
    try:
        records = verification.verify(name)
    except (ValueError, PluginError) as error:
        yield Finding("references", name, True, f"not run: {error}")
        return
    failed = [f"{r.check}: {r.error:.3g} {r.unit}" for r in records if not r.passed]
    detail = "; ".join(failed) if failed else f"{len(records)} checks"
    yield Finding("references", name, not failed, detail)


def _import_cost(name: str) -> Finding:
    """How long the module of the entry point takes to import, and what heavy it brings."""
    (point,) = [p for p in entry_points(group="brainloom") if p.name == name][:1]
    code = (
        "import sys, time, brainloom_core; before = set(sys.modules); began = time.perf_counter()\n"
        f"import {point.module}\n"
        "print(time.perf_counter() - began)\n"
        f"print(*sorted(({set(HEAVY)!r} & set(sys.modules)) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        return Finding("import", point.module, False, done.stderr.strip().splitlines()[-1])
    seconds, heavy = done.stdout.splitlines()[:2]
    detail = f"{float(seconds):.2f} s" + (f", imports {heavy}" if heavy else "")
    return Finding("import", point.module, float(seconds) < SLOW and not heavy, detail)
