"""What the tests of the core share: the time step, float64, fake plugins, a compilation log."""

import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.monitoring
import pytest
from brainloom_core.plugins import hookimpl, reload_plugins

DISABLE = "BRAINLOOM_DISABLE_PLUGINS"
COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture(autouse=True, scope="module")
def only_core() -> Iterator[None]:
    """Leave out installed plugins, so that a test means the same wherever it runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DISABLE, "*")
        patch.delenv("BRAINLOOM_KERNELS", raising=False)
        reload_plugins()
        yield
    reload_plugins()


@pytest.fixture(autouse=True)
def time_step() -> Iterator[None]:
    with brainstate.environ.context(dt=0.1 * u.ms):
        yield


@pytest.fixture
def float64() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


@pytest.fixture
def compilations() -> Iterator[list[str]]:
    """The names of the functions that XLA compiled since the test began."""
    names: list[str] = []

    def listen(event: str, duration: float, **details: Any) -> None:
        if event == COMPILED:
            names.append(str(details.get("fun_name")))

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield names
    jax.monitoring.unregister_event_duration_listener(listen)


Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a distribution `name` on the path, with a plugin and the module of its entry point.

    Whatever else is installed is blocked, by name, so that a test can block all by `*`.
    """
    others = {point.name for point in entry_points(group="brainloom")} - {"core"}
    monkeypatch.setenv(DISABLE, ",".join(sorted(others)))
    modules = []

    def install(name: str, source: str, plugin: str = "", folder: str = "") -> Path:
        site = tmp_path / (folder or name)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[brainloom]\n{plugin or name} = {name}_plugin\n")
        (site / f"{name}_plugin.py").write_text(source)
        modules.append(f"{name}_plugin")
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(site)
        return site

    reload_plugins()
    yield install
    for name in modules:
        sys.modules.pop(name, None)
    monkeypatch.undo()
    reload_plugins()


@pytest.fixture
def provide(install: Install, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution whose hooks return these values: `provide("mine", kernels=[...])`."""

    def provide(name: str, **returned: Any) -> None:
        install(name, "")
        module = ModuleType(f"{name}_plugin")
        for hook, value in returned.items():
            setattr(module, f"brainloom_{hook}", hookimpl(lambda value=value: value))
        monkeypatch.setitem(sys.modules, module.__name__, module)
        reload_plugins()

    return provide


class _Everybody:
    def __contains__(self, distribution: object) -> bool:
        return True


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let kernels be chosen that give what is wrong, where the choice is what is tried."""
    monkeypatch.setattr("brainloom_core.kernels.registry.TRIED_BEFORE", _Everybody())


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Block one more plugin."""

    def block(name: str) -> None:
        monkeypatch.setenv(DISABLE, f"{os.environ[DISABLE]},{name}")
        reload_plugins()

    return block
