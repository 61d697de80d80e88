"""Plugins that do harm: each is named, and everything else goes on."""

import datetime
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import PluginConflictError, PluginError, get_model, list_models, list_plugins
from brainloom_core.kernels import Kernel, event_csr, list_kernels
from brainloom_core.plugins import (
    KINDS,
    explain_plugin,
    format_manifest,
    get,
    list_registered,
    load_plugins,
    manifest_file,
    manifest_of,
    reload_plugins,
)
from brainloom_core.plugins import kinds as kinds_module

Install = Callable[..., Path]
Provide = Callable[..., None]

GOOD = """
from brainstate import nn
from brainloom_core.plugins import hookimpl

@hookimpl
def brainloom_models():
    return {"Cell": __name__ + ":Cell"}

class Cell(nn.Module):
    pass
"""
CSR = (
    jnp.array([2.0, 3.0, 4.0], "float32"),
    jnp.array([0, 1, 1], "int32"),
    jnp.array([0, 2, 3], "int32"),
)
RIGHT = np.array([2.0, 7.0])

IMPORTS = {
    "raises": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "is interrupted": ("raise KeyboardInterrupt('stop')", "KeyboardInterrupt: stop"),
    "raises a bare exception": ("class E(BaseException): pass\nraise E('odd')", "E: odd"),
    "needs what is missing": ("import no_such_library", "No module named 'no_such_library'"),
    "is no Python": ("def (:", "SyntaxError"),
    "has a hook without a mark": (
        "def brainloom_models():\n    return {}",
        "its function brainloom_models is not marked: write @hookimpl above it",
    ),
    "has a hook with arguments": (
        "from brainloom_core.plugins import hookimpl\n"
        "@hookimpl\ndef brainloom_models(version):\n    return {}",
        "version",
    ),
    "is for another contract": (
        "from brainloom_core.plugins import hookimpl\n"
        "@hookimpl(api=99)\ndef brainloom_models():\n    return {}",
        "its models are written for version 99 of their contract, and this brainloom-core "
        "understands 1",
    ),
}


@pytest.mark.parametrize("harm", IMPORTS)
def test_an_import_that_fails_is_contained_and_named(install: Install, harm: str) -> None:
    source, cause = IMPORTS[harm]
    install("alpha", source)
    install("beta", GOOD)
    with pytest.warns(RuntimeWarning, match="The plugin 'alpha' of alpha failed"):
        assert [model.qualified_name for model in list_models()] == ["beta:Cell"]
    (info,) = [plugin for plugin in list_plugins() if plugin.name == "alpha"]
    assert cause in str(info.error)
    assert info.state == ("incompatible" if "contract" in harm else "failed")
    assert cause in explain_plugin("alpha")
    np.testing.assert_array_equal(event_csr(*CSR, jnp.array([True, True]), n_post=2), RIGHT)


def test_an_import_that_takes_too_long_is_left_behind(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("alpha", "import time; time.sleep(4)")
    install("beta", GOOD)
    monkeypatch.setenv("BRAINLOOM_PLUGIN_TIMEOUT", "0.3")
    began = time.perf_counter()
    with pytest.warns(RuntimeWarning, match=r"'alpha' of alpha .*took longer than 0\.3 s"):
        assert get_model("Cell").__name__ == "Cell"
    assert time.perf_counter() - began < 3


CHANGES = {
    "the settings of JAX": "import jax; jax.config.update('jax_enable_x64', True)",
    "the settings of brainstate": "import brainstate; brainstate.environ.set(mine=3)",
    "numpy's treatment of errors": "import numpy; numpy.seterr(all='raise')",
    "numpy's random state": "import numpy; numpy.random.seed(1)",
    "Python's random state": "import random; random.seed(1)",
    "the working directory": "import os; os.chdir('/')",
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_an_import_changes_of_the_process_is_put_back_and_said(
    install: Install, what: str
) -> None:
    before = (jax.config.jax_enable_x64, np.geterr(), random.getstate(), os.getcwd())
    keys = np.random.get_state()[1].copy()
    install("alpha", CHANGES[what] + "\n" + GOOD)
    with pytest.warns(RuntimeWarning, match=f"'alpha' of alpha: it changed {what}, which was put"):
        assert get_model("Cell").__name__ == "Cell"
    assert (jax.config.jax_enable_x64, np.geterr(), random.getstate(), os.getcwd()) == before
    assert "mine" not in brainstate.environ.all()
    np.testing.assert_array_equal(np.random.get_state()[1], keys)
    assert what in explain_plugin("alpha")


def test_the_name_of_a_plugin_is_that_of_its_distribution(install: Install) -> None:
    """One that takes the name of another loses it, and the other keeps it."""
    install("brainloom_beta", GOOD, plugin="beta")
    install("alpha", GOOD.replace("Cell", "Other"), plugin="beta")
    states = {p.distribution: (p.state, p.error) for p in list_plugins() if p.name == "beta"}
    assert states["brainloom_beta"] == ("available", None)
    assert states["alpha"][0] == "failed"
    assert "it is that of brainloom_beta. alpha needs another name" in str(states["alpha"][1])
    assert [model.name for model in list_models()] == ["Cell"]


# Names


@pytest.mark.parametrize("target", ["builtins:len", "math:pi", "collections:OrderedDict"])
def test_what_is_not_of_the_kind_is_refused_by_name(provide: Provide, target: str) -> None:
    provide("alpha", outputs={"Odd": target})
    if target == "builtins:len":  # a function may make one
        assert get("output", "Odd") is len
        return
    with pytest.raises(PluginError, match="alpha registers 'Odd' as .* which is no output: exp"):
        get("output", "Odd")


def test_an_alias_chooses_of_two(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("alpha", GOOD)
    install("beta", GOOD)
    with pytest.raises(PluginConflictError, match="registered by alpha and beta.*aliases"):
        get_model("Cell")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[tool.brainloom.aliases]\nCell = "beta:Cell"\n')
    monkeypatch.chdir(project)
    assert get_model("Cell").__module__ == "beta_plugin"


def test_plugins_are_allowed_and_denied_by_files_and_environment(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "brainloom").mkdir()
    (tmp_path / "brainloom" / "config.toml").write_text('allow-plugins = ["a*"]\n')
    install("alpha", GOOD)
    install("beta", GOOD)
    monkeypatch.delenv("BRAINLOOM_DISABLE_PLUGINS")
    states = {plugin.name: plugin for plugin in list_plugins()}
    assert (states["alpha"].state, states["beta"].state) == ("available", "blocked")
    assert "config.toml does not allow it" in str(states["beta"].error)
    assert states["core"].state != "blocked"
    monkeypatch.setenv("BRAINLOOM_PLUGINS", "beta")
    assert [model.qualified_name for model in list_models()] == ["beta:Cell"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("deny-plugin = []", "no setting 'deny-plugin'; .*Did you mean 'deny-plugins'"),
        ('deny-plugins = "alpha"', "deny-plugins: expected a list of names of plugins"),
        ("plugin-timeout = -1", "plugin-timeout: expected a number of seconds > 0"),
    ],
)
def test_a_setting_that_is_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.brainloom]\n{line}\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PluginError, match=message):
        list_plugins()


# Manifests


def write(site: Path, name: str, text: str) -> None:
    (site / f"brainloom-{name}.toml").write_text(text)
    reload_plugins()


def test_what_a_manifest_says_is_listed_without_an_import(install: Install) -> None:
    site = install("alpha", "raise RuntimeError('imported')")
    names = '"Cell" = "brainstate.nn:Linear"\n"Two words" = "brainstate.nn:Dropout"\n'
    write(site, "alpha", f"manifest = 1\n[models.names]\n{names}")
    assert [model.name for model in list_models()] == ["Cell", "Two words"]
    assert get_model("Cell").__name__ == "Linear"
    np.testing.assert_array_equal(event_csr(*CSR, jnp.array([True, True]), n_post=2), RIGHT)
    assert {p.name: p.state for p in list_plugins()}["alpha"] == "available"


MANIFESTS = {
    "nonsense": ("nonsense", "cannot be read"),
    "no version": ("[models.names]\n", "needs a line `manifest = 1`"),
    "unknown kind": ("manifest = 1\n[modles.names]\n", "There is no kind 'modles'"),
    "no names": ("manifest = 1\n[models]\nnames = 3\n", "models: expected names = "),
    "another contract": ("manifest = 1\n[models]\napi = 7\n", "for version 7 of their contract"),
}


@pytest.mark.parametrize("fault", MANIFESTS)
def test_a_manifest_that_is_wrong_is_an_error_of_its_plugin(install: Install, fault: str) -> None:
    text, message = MANIFESTS[fault]
    site = install("alpha", GOOD)
    install("beta", GOOD)
    write(site, "alpha", text)
    with pytest.warns(RuntimeWarning, match="'alpha' of alpha failed"):
        assert [model.qualified_name for model in list_models()] == ["beta:Cell"]
    assert message in str({p.name: p.error for p in list_plugins()}["alpha"])


def test_a_manifest_that_is_not_what_the_hooks_return_is_an_error(install: Install) -> None:
    site = install("alpha", GOOD)
    write(site, "alpha", 'manifest = 1\n[models.names]\nSell = "alpha_plugin:Sell"\n')
    with pytest.warns(RuntimeWarning, match="its manifest and its hook brainloom_models differ in"):
        load_plugins()
    (site / "brainloom-alpha.toml").unlink()
    reload_plugins()
    point, found = manifest_of("alpha")
    (site / "brainloom-alpha.toml").write_text(format_manifest(found))
    assert manifest_file(point) == site / "brainloom-alpha.toml"
    reload_plugins()
    assert {p.name: p.state for p in load_plugins()}["alpha"] == "loaded"


def test_fifty_plugins_are_listed_quickly_and_none_is_imported(install: Install) -> None:
    for number in range(50):
        site = install(f"p{number:02}", "raise RuntimeError('imported')", folder="site")
        names = f'"Cell{number}" = "brainstate.nn:Linear"\n'
        (site / f"brainloom-p{number:02}.toml").write_text(f"manifest = 1\n[models.names]\n{names}")
    reload_plugins()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        began = time.process_time()
        assert len([p for p in list_plugins() if p.name.startswith("p")]) >= 50
        assert len(list_models()) == 50
    assert time.process_time() - began < 0.3


# Contracts


def test_a_contract_that_will_be_dropped_says_when(
    provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime.date(2030, 1, 2)
    old = kinds_module.Kind(
        "loss", "losses", "a loss", outdated={1: (day, "return classes, not functions")}
    )
    monkeypatch.setattr("brainloom_core.plugins.manager.KINDS", {**KINDS, "loss": old})
    provide("alpha", losses={"Mine": "brainstate.nn:Linear"})
    with pytest.warns(RuntimeWarning, match="dropped after 2030-01-02: return classes"):
        load_plugins()


def test_hooks_are_called_through_pluggy(install: Install) -> None:
    source = """
from brainloom_core.plugins import hookimpl

@hookimpl(specname="brainloom_losses")
def what_is_to_be_small():
    return {"Mine": "brainstate.nn:Linear"}
"""
    install("alpha", source)
    assert [item.qualified_name for item in list_registered("losses")] == ["alpha:Mine"]


# Kernels


class Sly(Kernel):
    """A kernel whose attribute raises when the core looks at it."""

    @property
    def rank(self) -> int:  # type: ignore[override]
        raise ValueError("not yet")

    @rank.setter
    def rank(self, value: int) -> None:
        pass


def product(forced: str | None = None) -> Any:
    return event_csr(*CSR, jnp.array([True, True]), n_post=2, implementation=forced)


def test_a_kernel_whose_attribute_raises_costs_its_plugin_and_no_more(provide: Provide) -> None:
    sly = object.__new__(Sly)
    for name, value in (
        ("op", "event_csr"),
        ("name", "sly"),
        ("platforms", ("cpu",)),
        ("load", dict),
    ):
        object.__setattr__(sly, name, value)
    provide("alpha", kernels=[sly])
    with pytest.warns(RuntimeWarning, match="'alpha' of alpha failed.*not yet"):
        np.testing.assert_array_equal(product(), RIGHT)
    assert {kernel.name for kernel in list_kernels()} == {"reference"}


def wrong(w: Any, indices: Any, indptr: Any, events: Any, *, n_post: int, **hints: Any) -> Any:
    return 2 * jnp.ones((*events.shape[:-1], n_post), w.dtype)


def raising(*operands: Any, **sizes: Any) -> Any:
    raise RuntimeError("out of registers")


def narrow(*operands: Any, **sizes: Any) -> Any:
    return jnp.ones(1)


KERNELS = {
    "wrong": (wrong, "its result for .* is wrong"),
    "raising": (raising, "RuntimeError: out of registers"),
    "narrow": (narrow, "its result for .* is wrong"),
}


@pytest.mark.parametrize("harm", KERNELS)
def test_a_wrong_kernel_is_never_used(provide: Provide, harm: str) -> None:
    function, message = KERNELS[harm]
    provide("alpha", kernels=[Kernel("event_csr", harm, ("cpu",), lambda: function)])
    with pytest.warns(RuntimeWarning, match=rf"'{harm}' of event_csr is passed over: .*{message}"):
        np.testing.assert_array_equal(product(), RIGHT)
    with pytest.raises(Exception, match=message):
        product(harm)


def test_a_kernel_that_fails_for_some_sizes_leaves_them_to_the_reference(provide: Provide) -> None:
    from brainloom_core.kernels import OPS

    def fussy(*operands: Any, **sizes: Any) -> Any:
        if operands[0].shape == (3,):
            raise RuntimeError("not three")
        return OPS["event_csr"].reference(*operands, **sizes)

    provide("alpha", kernels=[Kernel("event_csr", "fussy", ("cpu",), lambda: fussy)])
    with pytest.warns(RuntimeWarning, match="is passed over: RuntimeError: not three"):
        np.testing.assert_array_equal(product(), RIGHT)
