"""Many plugins that do harm, all installed at once: each is named, and everything else works."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

HOOK = "from brainloom_core.plugins import hookimpl\n"
MODELS = HOOK + "@hookimpl\ndef brainloom_models():\n    return {names}\n"
KERNELS = """
from brainloom_core.kernels import Kernel
from brainloom_core.plugins import hookimpl

@hookimpl
def brainloom_kernels():
    yield Kernel("event_dense", "{name}", ("cpu",), lambda: function, rank=90)

def function(events, weights):
    {body}
"""
CELL = """
import brainunit as u
from brainloom_core import Neuron, initializer, param, state
from brainloom_core.plugins import hookimpl

@hookimpl
def brainloom_models():
    return {{"{name}": __name__ + ":{name}"}}

class {name}(Neuron):
    V_th = param(default=1.0 * u.mV)
    V_reset = param(default=0.0 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V, I):
        return {equation}
"""

# The source of each, and what `brainloom plugins` has to say of it, if it can know.
HARM: dict[str, tuple[str, str]] = {
    "raises": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "exits": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "bare": ("class E(BaseException): pass\nraise E('odd')", "E: odd"),
    "sleeps": ("import time; time.sleep(30)", "took longer than 2 s and was left behind"),
    "thief": (MODELS.format(names='{"Mine": "brainstate.nn:Linear"}'), "it is that of brainloom-"),
    "garbage": (MODELS.format(names="['LIF']"), 'expected names to "module:attribute"'),
    "sly": (
        KERNELS.format(name="sly", body="pass").replace(
            "yield Kernel(",
            "class Sly(Kernel):\n        rank = property(lambda self: 1 / 0)\n    yield Sly(",
        ),
        "Error",
    ),
    "switches": (
        "import jax, numpy\njax.config.update('jax_enable_x64', True)\n"
        "numpy.seterr(all='raise')\n" + MODELS.format(names="{}"),
        "it changed the settings of JAX, which was put back; it changed numpy's treatment of",
    ),
    "old": (
        MODELS.format(names="{}").replace("@hookimpl", "@hookimpl(api=99)"),
        "written for version 99 of their contract",
    ),
    "twin-a": (MODELS.format(names='{"Twin": "brainstate.nn:Linear"}'), ""),
    "twin-b": (MODELS.format(names='{"Twin": "brainstate.nn:Dropout"}'), ""),
    "unitless": (CELL.format(name="Unitless", equation="I / u.ms"), ""),
    "nan": (CELL.format(name="Nan", equation="0.0 * V / (0.0 * u.ms) + 0 * I * u.ohm / u.ms"), ""),
    "wrong": (
        KERNELS.format(name="wrong", body="return 2 * (events.astype(weights.dtype) @ weights)"),
        "its kernel 'wrong' of event_dense cannot be used: its result for",
    ),
    "breaks": (
        KERNELS.format(name="breaks", body="raise MemoryError('no registers')"),
        "its kernel 'breaks' of event_dense cannot be used: it raised MemoryError: no registers",
    ),
    "huge": ("import time; time.sleep(1.2)\n" + MODELS.format(names="{}"), "its import took 1."),
    "missing": ("import no_such_library", "No module named 'no_such_library'"),
    "manifest": (MODELS.format(names="{}"), "cannot be read"),
    "no-class": (MODELS.format(names='{"Pi": "math:pi"}'), "is no model: expected a class"),
    "gone": (MODELS.format(names='{"Gone": "math:no_such"}'), "cannot be imported"),
}

SCRIPT = """
import warnings
warnings.simplefilter("ignore")
import brainloom as bl
import brainunit as u
import jax, jax.numpy as jnp, numpy as np
from brainloom_core.kernels import event_dense

run = bl.simulate(bl.LIF(3), 20 * u.ms, dt=0.1 * u.ms, inputs=30 * u.mA, record="spikes")
print(len(run["spikes"]) > 3)
events, weights = jnp.ones((2, 3)), jnp.ones((3, 2))
print(bool((event_dense(events, weights) == 3.0).all()))
print(not jax.config.jax_enable_x64, np.geterr()["over"] == "warn", bl.get_model("HH").__name__)
for name in ("Twin", "Pi", "Gone", "Mine"):
    try:
        bl.get_model(name)
    except bl.PluginError as error:
        print(name, error)
for name in ("Unitless", "Nan"):
    try:
        bl.simulate(bl.get_model(name)(2), 1 * u.ms, dt=0.1 * u.ms, inputs=1 * u.mA, record="V")
    except Exception as error:
        print(name, type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process in which all of them are installed."""
    site = tmp_path_factory.mktemp("site")
    for name, (source, _) in HARM.items():
        module = name.replace("-", "_")
        info = site / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        plugin = "neurons" if name == "thief" else name
        (info / "entry_points.txt").write_text(f"[brainloom]\n{plugin} = {module}_plugin\n")
        (site / f"{module}_plugin.py").write_text(source)
    (site / "brainloom-manifest.toml").write_text("nonsense")
    paths = [str(site), *filter(None, sys.path)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "BRAINLOOM_PLUGIN_TIMEOUT": "2",
        "BRAINLOOM_DISABLE_PLUGINS": "nir",  # which takes longer where there is much to do
        "JAX_PLATFORMS": "cpu",
    }


def run(crowd: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], env=crowd, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_is_named(crowd: dict[str, str]) -> None:
    listed = json.loads(run(crowd, "-m", "brainloom.cli", "plugins", "--json"))
    rows: dict[str, Any] = {row["distribution"]: row for row in listed}
    for name, (_, said) in HARM.items():
        assert said in rows[name]["what"], (name, rows[name])
    ours = {row["distribution"]: row for row in listed if row["distribution"] not in HARM}
    assert {"brainloom-core", "brainloom-neurons", "brainloom-training"} <= ours.keys()
    wrong = {
        name: row["what"] for name, row in ours.items() if row["name"] != "nir" and row["what"]
    }
    assert not wrong


def test_everything_else_works(crowd: dict[str, str]) -> None:
    first, second, third, *said = run(crowd, "-c", SCRIPT).splitlines()
    assert (first, second, third) == ("True", "True", "True True HH")
    text = "\n".join(said)
    assert "'Twin' is registered by twin-a and twin-b" in text
    assert "no-class registers 'Pi' as 'math:pi', which is no model" in text
    assert "gone registers 'Gone' as 'math:no_such', which cannot be imported" in text
    assert "There is no model 'Mine'" in text
    assert "Unitless UnitError Unitless.dV: expected the unit of V by that of a time" in text
    assert "Nan NonFiniteError simulate: V[0] became nan in the step from t = 0 ms" in text
