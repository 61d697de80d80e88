"""Plugins as distributions on disk: found, loaded late, and harmless when they fail."""

import os
import sys
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from brainloom_core import (
    PluginConflictError,
    PluginError,
    get_model,
    list_models,
    list_plugins,
)
from brainloom_core.kernels import Kernel, list_kernels
from brainloom_core.plugins import PluginInfo, load_plugins, reload_plugins

Install = Callable[..., Path]
Provide = Callable[..., None]

GOOD = """
from brainstate import nn
from brainloom_core.plugins import hookimpl

@hookimpl
def brainloom_models():
    return {"Cell": __name__ + ":Cell", "Gone": __name__ + ":Missing", "Odd": "no_such_module:Odd"}

class Cell(nn.Module):
    pass
"""
FAILING_IMPORT = "raise ImportError('a library is missing')"
FAILING_HOOK = """
from brainloom_core.plugins import hookimpl

@hookimpl
def brainloom_models():
    raise ValueError("nothing to give")
"""
UNKNOWN_HOOK = """
from brainloom_core.plugins import hookimpl

@hookimpl
def brainloom_modles():
    return {}
"""
FAULTS = {
    "import": (FAILING_IMPORT, "ImportError: a library is missing"),
    "hook": (FAILING_HOOK, "ValueError: nothing to give"),
    "unknown hook": (UNKNOWN_HOOK, "unknown hook 'brainloom_modles'"),
}


def info(name: str) -> PluginInfo:
    (found,) = [plugin for plugin in list_plugins() if plugin.name == name]
    return found


# Finding and loading


def test_core_is_a_plugin_like_any_other(install: Install) -> None:
    assert (info("core").distribution, info("core").state) == ("brainloom-core", "available")
    load_plugins()
    assert info("core").state == "loaded"


def test_listed_from_metadata_without_being_imported(install: Install) -> None:
    install("alpha", GOOD)
    assert info("alpha") == PluginInfo("alpha", "alpha", "1.0", "available")
    assert "alpha_plugin" not in sys.modules


def test_loaded_when_it_is_needed(install: Install) -> None:
    install("alpha", GOOD)
    assert get_model("Cell") is sys.modules["alpha_plugin"].Cell
    assert info("alpha").state == "loaded"


def test_load_plugins_loads_all(install: Install) -> None:
    install("alpha", GOOD)
    states = {plugin.name: plugin.state for plugin in load_plugins()}
    assert (states["alpha"], states["core"]) == ("loaded", "loaded")


def test_one_installed_meanwhile_is_found_after_a_reload(install: Install) -> None:
    install("alpha", GOOD)
    assert [model.name for model in list_models()] == ["Cell", "Gone", "Odd"]
    install("beta", GOOD.replace("Cell", "Other"))
    assert "beta" not in [plugin.name for plugin in list_plugins()]
    reload_plugins()
    assert get_model("Other") is sys.modules["beta_plugin"].Other


def test_a_reload_finds_one_in_a_folder_whose_time_stamp_is_coarse(install: Install) -> None:
    """Python's import system remembers a folder by its time, unless its caches are cleared."""
    site = install("alpha", GOOD, folder="site")
    os.utime(site, (1_000_000_000, 1_000_000_000))
    load_plugins()
    install("beta", GOOD, folder="site")
    os.utime(site, (1_000_000_000, 1_000_000_000))
    reload_plugins()
    assert {plugin.name: plugin.state for plugin in load_plugins()}["beta"] == "loaded"


# Hooks


def test_hook_brainloom_models(provide: Provide) -> None:
    provide("alpha", models={"Ordered": "brainstate.nn:Linear"})
    (model,) = list_models()
    assert (model.name, model.qualified_name) == ("Ordered", "alpha:Ordered")
    assert (model.target, model.distribution) == ("brainstate.nn:Linear", "alpha")
    assert model.version == "1.0"
    assert get_model("Ordered").__name__ == "Linear"


def test_hook_brainloom_kernels(provide: Provide) -> None:
    kernel = Kernel("event_csr", "mine", ("moon",), dict)
    provide("alpha", kernels=iter([kernel]))
    (found,) = [k for k in list_kernels() if k.distribution == "alpha"]
    assert (found.op, found.name, found.rank) == ("event_csr", "mine", 10)


def test_models_may_be_any_mapping(provide: Provide) -> None:
    models = types.MappingProxyType({"Ordered": "brainstate.nn:Linear"})
    provide("alpha", models=models)
    assert get_model("Ordered").__name__ == "Linear"


@pytest.mark.parametrize("declared", [None, 3, ["Ordered"], {"Ordered": 3}])
def test_a_hook_that_returns_something_else_is_a_failed_plugin(
    provide: Provide, declared: Any
) -> None:
    provide("alpha", models=declared)
    provide("beta", models={"Ordered": "brainstate.nn:Linear"})
    with pytest.warns(RuntimeWarning, match="'alpha' of alpha failed"):
        assert get_model("Ordered").__name__ == "Linear"
    assert info("alpha").state == "failed"


def test_platforms_may_be_a_list(provide: Provide) -> None:
    listed = Kernel("event_csr", "listed", ["moon"], dict)  # type: ignore[arg-type]
    provide("alpha", kernels=[listed])
    assert {k.name for k in list_kernels()} == {"listed", "reference"}


@pytest.mark.parametrize("declared", [None, ["reference"]])
def test_a_hook_that_returns_no_kernels_is_a_failed_plugin(provide: Provide, declared: Any) -> None:
    provide("alpha", kernels=declared)
    with pytest.warns(RuntimeWarning, match="'alpha' of alpha failed"):
        assert {k.name for k in list_kernels()} == {"reference"}
    assert info("alpha").state == "failed"


# Failures


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_plugin_is_reported_and_does_no_harm(install: Install, fault: str) -> None:
    source, cause = FAULTS[fault]
    install("alpha", source)
    install("beta", GOOD)
    with pytest.warns(RuntimeWarning, match="'alpha' of alpha failed and is left out") as caught:
        assert get_model("Cell").__name__ == "Cell"
    assert cause in str(caught[0].message)
    assert cause in str(info("alpha").error)
    assert (info("alpha").state, info("beta").state) == ("failed", "loaded")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_plugin_is_reported_once(install: Install, fault: str) -> None:
    install("alpha", FAULTS[fault][0])
    with pytest.warns(RuntimeWarning) as caught:
        list_models()
        list_kernels()
        load_plugins()
    assert len(caught) == 1


def test_a_failing_plugin_can_be_silenced(install: Install, block: Callable[[str], None]) -> None:
    install("alpha", FAILING_IMPORT)
    block("alpha")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_plugins()
    assert info("alpha").state == "blocked"


def test_one_name_for_two_plugins_leaves_both_out(install: Install) -> None:
    install("alpha", GOOD, plugin="same")
    install("beta", GOOD, plugin="same")
    install("gamma", GOOD)
    assert get_model("Cell") is sys.modules["gamma_plugin"].Cell
    both = [plugin for plugin in list_plugins() if plugin.name == "same"]
    assert [plugin.state for plugin in both] == ["failed", "failed"]
    assert "alpha and beta both provide a plugin named 'same'" in str(both[0].error)


def test_none_can_take_the_place_of_core(install: Install) -> None:
    install("alpha", GOOD, plugin="core")
    assert "reference" in [k.name for k in list_kernels()]


# Blocking


def test_blocked_by_name(install: Install, block: Callable[[str], None]) -> None:
    install("alpha", GOOD)
    install("beta", GOOD)
    block(" alpha ")
    assert get_model("Cell") is sys.modules["beta_plugin"].Cell
    assert info("alpha").state == "blocked"
    assert "alpha_plugin" not in sys.modules


def test_all_blocked_but_core(install: Install, block: Callable[[str], None]) -> None:
    install("alpha", GOOD)
    block("*")
    assert not list_models()
    assert {k.name for k in list_kernels()} == {"reference"}
    assert (info("alpha").state, info("core").state) == ("blocked", "loaded")


# Models by name


def test_an_unknown_model_lists_the_known_and_what_failed(install: Install) -> None:
    install("alpha", FAILING_IMPORT)
    install("beta", GOOD)
    with pytest.warns(RuntimeWarning), pytest.raises(PluginError) as caught:
        get_model("Sell")
    text = str(caught.value)
    assert "There is no model 'Sell'. Did you mean Cell?" in text
    assert "The plugin 'alpha' failed: ImportError: a library is missing." in text
    assert text.endswith("Known: Cell, Gone, Odd")


def test_an_unknown_model_says_what_is_blocked(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("alpha", GOOD)
    monkeypatch.setenv("BRAINLOOM_DISABLE_PLUGINS", "alpha")
    with pytest.raises(PluginError, match="BRAINLOOM_DISABLE_PLUGINS blocks 'alpha'"):
        get_model("Cell")


def test_a_name_of_two_distributions_needs_the_qualified_name(install: Install) -> None:
    install("alpha", GOOD)
    install("beta", GOOD)
    with pytest.raises(PluginConflictError) as caught:
        get_model("Cell")
    assert "registered by alpha and beta" in str(caught.value)
    assert "'alpha:Cell' or 'beta:Cell'" in str(caught.value)
    for name in ("alpha", "beta"):
        assert get_model(f"{name}:Cell") is sys.modules[f"{name}_plugin"].Cell


@pytest.mark.parametrize(
    ("name", "target"), [("Gone", "alpha_plugin:Missing"), ("Odd", "no_such_module:Odd")]
)
def test_a_model_that_cannot_be_imported_names_who_registers_it(
    install: Install, name: str, target: str
) -> None:
    install("alpha", GOOD)
    text = f"alpha registers '{name}' as '{target}', which cannot be imported"
    with pytest.raises(PluginError, match=text):
        get_model(name)


def test_any_error_of_a_model_s_module_names_who_registers_it(install: Install) -> None:
    site = install("alpha", GOOD.replace("no_such_module", "alpha_odd"))
    (site / "alpha_odd.py").write_text("raise RuntimeError('no licence')")
    with pytest.raises(PluginError, match="alpha registers 'Odd'.*no licence"):
        get_model("Odd")
