"""The umbrella package: names, plugins, the cost of the import."""

import subprocess
import sys

import brainloom as bl
import brainstate
import brainunit as u
import pytest


def test_all_names_exist_and_are_sorted_by_ruff() -> None:
    assert len(set(bl.__all__)) == len(bl.__all__)
    for name in bl.__all__:
        assert getattr(bl, name) is not None


def test_every_public_model_of_the_parts_is_here() -> None:
    import brainloom_neurons
    import brainloom_projections
    import brainloom_synapses
    import brainloom_training

    for part in (brainloom_neurons, brainloom_synapses, brainloom_projections, brainloom_training):
        assert set(part.__all__) <= set(bl.__all__)


def test_a_missing_name_lists_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'Lif'.*LIF"):
        bl.Lif  # noqa: B018


def test_import_stays_light() -> None:
    """Nothing heavy, and no plugin, is imported with the umbrella."""
    code = (
        "import sys, brainloom\n"
        "heavy = {'matplotlib', 'scipy', 'optax', 'braintools', 'typer', 'rich', 'pytest'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "print([m for m in sys.modules if m in ('brainloom_kernels_cpu', 'brainloom_example')])\n"
        "from importlib.metadata import entry_points\n"
        "brainloom.list_plugins()\n"
        "print([p.value for p in entry_points(group='brainloom') if p.value in sys.modules])\n"
    )
    base = "import sys, brainstate\nprint(sorted(set(sys.modules) & {'matplotlib', 'scipy'}))"
    already = subprocess.run([sys.executable, "-c", base], capture_output=True, text=True).stdout
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy, plugins, listed = done.stdout.splitlines()
    assert set(eval(heavy)) <= set(eval(already))
    assert plugins == "[]"
    assert listed == "[]"


def test_import_computes_nothing() -> None:
    """A default that is an array of jax would start the devices, which takes long."""
    code = "import brainloom, jax\nprint(jax._src.xla_bridge.backends_are_initialized())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Builder", r"brainloom has no Builder: .*bl\.Network\(\)"),
        ("Recorder", r"record="),
        ("FixedIndegreeProj", r"bl\.FixedInDegree\(k\)"),
        ("iaf_bw_2001", r"From NEST"),
    ],
)
def test_names_of_the_peer_that_are_not_here_say_what_is(name: str, text: str) -> None:
    with pytest.raises(ImportError, match=text):
        exec(f"from brainloom import {name}")


def test_the_time_is_no_argument_of_a_network() -> None:
    net = bl.Network()
    net.E = bl.LIF(2)
    brainstate.nn.init_all_states(net)
    with (
        brainstate.environ.context(dt=0.1 * u.ms),
        pytest.raises(bl.InputError, match=r"got 5 ms\. The time is no argument: simulate sets"),
    ):
        net(5 * u.ms)


def test_a_model_with_a_case_of_the_kit_is_found_by_its_name() -> None:
    assert bl.get_model("AMPA") is bl.AMPA


def test_things_of_plugins_are_given_by_name() -> None:
    assert bl.LIF(1, spk_fun="ERF").spk_fun == bl.ERF()
    assert bl.LIF(1, spk_fun="core:ERF").spk_fun == bl.ERF()
    assert bl.Connection(3, 3, "OneToOne").n_edges == 3
    with pytest.raises(bl.ParameterError, match=r"LIF\.spk_fun: There is no surrogate 'Erf'"):
        bl.LIF(1, spk_fun="Erf")
    with pytest.raises(bl.ParameterError, match=r"Connection\.rule: Bernoulli.*argument: 'p'"):
        bl.Connection(3, 3, "Bernoulli")
