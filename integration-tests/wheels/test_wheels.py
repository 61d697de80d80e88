"""The built wheels, as a user meets them: installed by pip into empty environments.

`BRAINLOOM_DIST` names the folder with the built files. Our own distributions have to come from
there, and what they depend on comes from the package index.
"""

import json
import os
import subprocess
import venv
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

DIST = Path(os.environ.get("BRAINLOOM_DIST", "dist")).resolve()
FIXTURES = Path(__file__).parent / "plugins"
OPTIONAL = {
    "braintools",
    "braintrace",
    "h5py",
    "matplotlib",
    "nir",
    "pytest",
    "scikit-learn",
    "torch",
}
FOR_TRAINING = {"optax"}

RUN = """
import brainstate, brainunit as u, jax.numpy as jnp
brainstate.environ.set(dt=0.1 * u.ms)
model = {model}(3)
brainstate.nn.init_all_states(model)
out = brainstate.transform.for_loop(lambda i: model(20 * u.mA), jnp.arange(100))
print(*out.shape, float(out.sum()))
"""


@dataclass
class Environment:
    """A virtual environment, and an empty folder from which it is used."""

    home: Path
    installed_from: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, home: Path) -> "Environment":
        venv.create(home / "venv", with_pip=True)
        (home / "empty").mkdir()
        return cls(home)

    @cached_property
    def bin(self) -> Path:
        return self.home / "venv" / ("Scripts" if os.name == "nt" else "bin")

    @cached_property
    def site_packages(self) -> Path:
        return Path(self.python("import sysconfig; print(sysconfig.get_path('purelib'))").strip())

    def call(self, *command: str, check: bool = True, **variables: str) -> str:
        """Run a program of the environment, and return what it prints."""
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "BRAINLOOM"))
        }
        done = subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=self.home / "empty",
            env={**inherited, "JAX_PLATFORMS": "cpu", **variables},
            capture_output=True,
            text=True,
        )
        if check and done.returncode:
            pytest.fail(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout if check else done.stdout + done.stderr

    def python(self, code: str, **options: Any) -> str:
        return self.call("python", "-c", code, **options)

    def install(self, *wanted: str, **variables: str) -> None:
        report = self.home / "report.json"
        where = ("--find-links", str(DIST), "--report", str(report), "--quiet")
        self.call("python", "-m", "pip", "install", *where, *wanted, **variables)
        for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
            self.installed_from[item["metadata"]["name"]] = item["download_info"]["url"]

    def distributions(self) -> set[str]:
        listing = json.loads(self.call("python", "-m", "pip", "list", "--format", "json"))
        return {item["name"].lower() for item in listing}


@pytest.fixture(scope="session")
def neurons_alone(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment.create(tmp_path_factory.mktemp("neurons"))
    environment.install("brainloom-neurons")
    return environment


@pytest.fixture(scope="session")
def umbrella(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The umbrella and two plugins with models."""
    environment = Environment.create(tmp_path_factory.mktemp("umbrella"))
    plugins = ("brainloom-example", "brainloom-plasticity")
    environment.install("brainloom", *plugins, "brainloom-testing")
    return environment


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The umbrella beside plugins with faults, and native kernels that were not compiled."""
    environment = Environment.create(tmp_path_factory.mktemp("crowd"))
    environment.install("brainloom", "brainloom-example")
    environment.install(*(str(folder) for folder in sorted(FIXTURES.iterdir())))
    source = ("--no-binary", "brainloom-kernels-cpu", "brainloom-kernels-cpu")
    environment.install(*source, BRAINLOOM_NO_COMPILE="1")
    return environment


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.startswith("brainloom")}


def test_neurons_bring_the_core_and_nothing_else(neurons_alone: Environment) -> None:
    installed = neurons_alone.distributions()
    assert ours(installed) == {"brainloom-core", "brainloom-neurons"}
    assert not installed & (OPTIONAL | FOR_TRAINING)


def test_neurons_alone_run(neurons_alone: Environment) -> None:
    code = "from brainloom_neurons import LIF" + RUN.format(model="LIF")
    steps, size, spikes = neurons_alone.python(code).split()
    assert (steps, size) == ("100", "3")
    assert float(spikes) > 0


@pytest.mark.parametrize("name", ["neurons_alone", "umbrella"])
def test_our_distributions_come_from_the_build(name: str, request: Any) -> None:
    environment = request.getfixturevalue(name)
    places = {n: url for n, url in environment.installed_from.items() if n.startswith("brainloom")}
    assert places
    assert all(url.startswith(DIST.as_uri()) for url in places.values()), places


@pytest.mark.parametrize("name", ["neurons_alone", "umbrella"])
def test_what_is_imported_lies_in_site_packages_and_is_typed(name: str, request: Any) -> None:
    environment = request.getfixturevalue(name)
    packages = sorted(n.replace("-", "_") for n in ours(environment.distributions()))
    code = f"""
import importlib, json, pkgutil, sys
for name in {packages}:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if error.name not in {OPTIONAL}:
                    raise
print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.startswith("brainloom")]))
"""
    files = [Path(file) for file in json.loads(environment.python(code).splitlines()[-1])]
    assert files
    assert all(file.is_relative_to(environment.site_packages) for file in files)
    assert all((environment.site_packages / package / "py.typed").is_file() for package in packages)


def test_umbrella_brings_nothing_optional(umbrella: Environment) -> None:
    assert not umbrella.distributions() & OPTIONAL


def test_what_training_needs_is_imported_when_it_trains(umbrella: Environment) -> None:
    code = f"""
import sys
import brainloom as bl
import brainunit as u
import numpy as np
before = {FOR_TRAINING} & sys.modules.keys()
readout = bl.LeakyRateReadout(3, 2, tau=10 * u.ms)
data = np.ones((8, 5, 3), "float32"), np.zeros((8, 2), "float32")
loss = bl.MSE(over=bl.LastOverTime())
history = bl.fit(readout, loss, data, epochs=2, dt=1 * u.ms, checkpoint="run", progress=False)
print(len(before), history["loss"][0] > history["loss"][1])
"""
    assert umbrella.python(code).split() == ["0", "True"]


def test_umbrella_finds_the_example_plugin(umbrella: Environment) -> None:
    code = "import brainloom as bl" + RUN.format(model="bl.get_model('ExampleNeuron')")
    assert umbrella.python(code).split()[:2] == ["100", "3"]


def test_umbrella_finds_the_plasticity_plugin(umbrella: Environment) -> None:
    code = """
import brainloom as bl
import brainunit as u
net = bl.Network()
net.pre, net.post = bl.LIF(3), bl.LIF(2)
net.syn = bl.get_model("PlasticProj")(
    *(net.pre, net.post, bl.AllToAll(), bl.Expon.desc(), bl.CUBA.desc()),
    weight=0.5 * u.mS, rule=bl.get_model("STDP")(w_max=1 * u.mS),
)
bl.simulate(net, 20 * u.ms, dt=0.1 * u.ms, inputs=30 * u.mA)
print(net.syn.weight.shape[0])
"""
    assert umbrella.python(code).split() == ["6"]


def test_import_is_cheap(umbrella: Environment) -> None:
    # In one process after the other: the difference between processes would drown in their noise.
    # The quickest of them, since whatever else the machine does only adds to the time.
    # A machine that counts to a million more slowly than in 40 ms may take longer in proportion. A
    # collection of what jax has left, which takes as long, would fall into it or not by chance.
    code = """
import gc
from time import process_time
import brainstate
gc.disable()
start = process_time()
import brainloom
taken = process_time() - start
start = process_time()
sum(i * i for i in range(10**6))
print(taken / max(1.0, (process_time() - start) / 0.04))
"""
    umbrella.python(code)  # the first one reads everything from the disk
    assert min(float(umbrella.python(code)) for _ in range(7)) <= 0.15


def test_neither_importing_nor_listing_imports_a_plugin(umbrella: Environment) -> None:
    code = """
import json, sys
import brainloom
from brainloom_core.plugins import list_plugins
names = [plugin.name for plugin in list_plugins()]
print(json.dumps([names, [m for m in sys.modules if m.startswith("brainloom")]]))
"""
    names, modules = json.loads(umbrella.python(code))
    assert {"core", "example", "neurons", "projections", "synapses", "training"} <= set(names)
    assert not [m for m in modules if m.startswith("brainloom_example") or m.endswith(".plugin")]


def test_broken_plugin_is_reported_by_name(crowd: Environment) -> None:
    listing = json.loads(crowd.call("brainloom", "plugins", "--json"))
    plugins = {plugin["name"]: plugin for plugin in listing}
    broken = plugins.pop("broken")
    assert broken["state"] == "failed"
    assert broken["distribution"] == "brainloom-broken"
    assert "this plugin is broken on purpose" in broken["error"]
    assert {plugin["state"] for plugin in plugins.values()} == {"loaded"}


def test_broken_plugin_breaks_nothing_else(crowd: Environment) -> None:
    code = """
import warnings
import brainloom as bl
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for name in ("LIF", "ExampleNeuron", "Expon"):
        bl.get_model(name)
print(sum("broken on purpose" in str(warning.message) for warning in caught))
"""
    assert crowd.python(code).split() == ["1"]
    models = {model["name"] for model in json.loads(crowd.call("brainloom", "models", "--json"))}
    assert {"LIF", "ExampleNeuron", "Expon"} <= models


def test_blocked_plugin_is_not_imported(crowd: Environment) -> None:
    variables = {"BRAINLOOM_DISABLE_PLUGINS": "broken,example"}
    listing = json.loads(crowd.call("brainloom", "plugins", "--json", **variables))
    states = {plugin["name"]: plugin["state"] for plugin in listing}
    assert (states["broken"], states["example"]) == ("blocked", "blocked")
    failure = crowd.python(
        "import brainloom as bl; bl.get_model('ExampleNeuron')", check=False, **variables
    )
    assert "PluginError" in failure


def test_clash_names_both_distributions_and_the_way_out(crowd: Environment) -> None:
    failure = crowd.python("import brainloom as bl; bl.get_model('Clash')", check=False)
    assert "PluginConflictError" in failure
    for text in (
        "brainloom-clash-one",
        "brainloom-clash-two",
        "clash-one:Clash",
        "clash-two:Clash",
    ):
        assert text in failure


@pytest.mark.parametrize("number", ["one", "two"])
def test_qualified_name_chooses(crowd: Environment, number: str) -> None:
    code = f"import brainloom as bl; print(bl.get_model('clash-{number}:Clash').origin)"
    assert crowd.python(code).split() == [number]


def test_doctor_says_how_to_get_the_native_kernels(crowd: Environment) -> None:
    assert crowd.installed_from["brainloom-kernels-cpu"].endswith(".tar.gz")
    said = " ".join(crowd.call("brainloom", "doctor").split())
    assert "brainloom-kernels-cpu" in said
    assert "BRAINLOOM_NO_COMPILE" in said
    json.loads(crowd.call("brainloom", "doctor", "--json"))


def test_product_falls_back_on_the_reference(crowd: Environment) -> None:
    kernels = json.loads(crowd.call("brainloom", "kernels", "--json"))
    usable = {kernel["name"]: kernel["usable"] for kernel in kernels}
    assert usable == {"reference": True, "cpu-native": False}
    code = """
import jax.numpy as jnp
from brainloom_core.kernels import event_csr
edges = jnp.array([1.0, 2.0]), jnp.array([0, 1], "int32"), jnp.array([0, 1, 2], "int32")
print(*event_csr(*edges, jnp.array([False, True]), n_post=2))
"""
    assert crowd.python(code).split() == ["0.0", "2.0"]


def test_a_plugin_of_ones_own_from_nothing(tmp_path: Path) -> None:
    """As the guide goes: make it, change the equation, check it, install it, use it."""
    umbrella = Environment.create(tmp_path / "environment")  # of its own: it installs more
    umbrella.install("brainloom[new,verify]")
    made = umbrella.call(
        "brainloom", "plugin", "new", "brainloom-mine", "--folder", str(tmp_path),
        "--kind", "neuron", "--kind", "rule",
    )  # fmt: skip
    project = tmp_path / "brainloom-mine"
    assert f"cd {project}" in made
    cell = project / "src" / "brainloom_mine" / "neuron.py"
    equation = "(self.V_rest - V + self.R * I) / self.tau"
    text = cell.read_text(encoding="utf-8")
    assert text.count(equation) == 1
    cell.write_text(text.replace(equation, "(1.0 * (self.V_rest - V) + self.R * I) / self.tau"))
    umbrella.install(f"{project}[test]")
    tested = umbrella.call("python", "-m", "pytest", "-q", "-x", str(project))
    assert " passed" in tested
    assert " failed" not in tested
    assert "brainloom-mine" in umbrella.call("brainloom", "models", "--kind", "rule", "--json")
    checked = json.loads(umbrella.call("brainloom", "plugin", "check", str(project), "--json"))
    assert all(row["passed"] for row in checked), checked
    assert {"MyNeuron", "Ring"} <= {row["what"] for row in checked}
    assert "checks passed" in umbrella.call("brainloom", "verify", "MyNeuron")
    code = """
import brainloom as bl, brainunit as u
net = bl.Network()
net.E = bl.MyNeuron(100)
net.EE = bl.Projection(net.E, net.E, "Ring", bl.Expon.desc(tau=5 * u.ms),
                       bl.COBA.desc(E=0 * u.mV), weight=0.1 * u.nS)
run = bl.simulate(net, 100 * u.ms, dt=0.1 * u.ms, inputs={"E": 200 * u.pA}, record="E.spikes")
print(len(run["E.spikes"]) > 200)
"""
    assert umbrella.python(code).strip() == "True"
    kinds = (
        *("synapse", "output", "surrogate", "plasticity-rule", "encoder"),
        *("loss", "format", "callback", "kernel"),
    )
    options = [word for kind in kinds for word in ("--kind", kind)]
    umbrella.call("brainloom", "plugin", "new", "lab-all", "--folder", str(tmp_path), *options)
    umbrella.install(f"{tmp_path / 'lab-all'}[test]")
    checked = json.loads(umbrella.call("brainloom", "plugin", "check", "lab-all", "--json"))
    assert all(row["passed"] for row in checked), checked
    assert len([row for row in checked if row["part"] in ("kit", "kernels")]) == len(kinds)
