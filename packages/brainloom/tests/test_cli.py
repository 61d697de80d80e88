"""The command line, run as a user would."""

import json
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from brainloom.cli import _advice, app
from brainloom_core.kernels import OPS, Kernel, KernelInfo
from typer.testing import CliRunner

runner = CliRunner()


def run(*arguments: str, code: int = 0) -> str:
    result = runner.invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


def test_demo_prints_and_writes(tmp_path: Path) -> None:
    output = run("demo", "coba", "--seed", "2", "--output", str(tmp_path))
    assert "population rate" in output
    assert "agrees" in output
    picture, spikes = tmp_path / "brainloom-coba.png", tmp_path / "brainloom-coba-spikes.csv"
    assert picture.read_bytes().startswith(b"\x89PNG")
    lines = spikes.read_text().splitlines()
    assert lines[0] == "time_ms,neuron,trial"
    assert len(lines) > 50_000


def test_demo_refuses_unknown_networks() -> None:
    assert "expected one of ['coba', 'cobahh', 'cuba']" in run("demo", "brunel", code=2)


def test_models_as_table_and_json() -> None:
    assert "LIFRef" in run("models")
    names = {row["name"] for row in json.loads(run("models", "--json"))}
    assert {"LIF", "ALIF", "Expon", "COBA", "AlignPostProj"} <= names
    shown = json.loads(run("models", "LIF", "--json"))
    assert shown["summary"] == "Leaky integrate-and-fire neuron."
    assert {"name": "tau", "default": "5. ms"} in shown["parameters"]
    assert shown["states"][0] == {"name": "V", "doc": "membrane potential"}
    assert "(with interpolate=True)" in shown["states"][2]["doc"]
    assert shown["numerics"]["scheme"] == "exp_euler"
    assert shown["numerics"]["exact"] is True


def test_models_of_an_unknown_name() -> None:
    result = runner.invoke(app, ["models", "Lif"])
    assert result.exit_code == 1
    assert "There is no model 'Lif'" in result.output


def test_plugins_and_kernels() -> None:
    plugins = {row["name"]: row for row in json.loads(run("plugins", "--json"))}
    assert plugins["neurons"]["state"] == "loaded"
    assert plugins["neurons"]["distribution"] == "brainloom-neurons"
    kernels = json.loads(run("kernels", "--json"))
    ops = {"edge_update", "event_csr", "event_csr_ring", "event_dense", "event_outer"}
    assert ops == {row["op"] for row in kernels}
    assert any(row["name"] == "reference" and row["usable"] for row in kernels)
    assert "reference" in run("kernels")


def test_what_is_registered_of_other_kinds() -> None:
    rows = json.loads(run("models", "--kind", "rule", "--json"))
    assert {"Bernoulli", "FixedInDegree"} <= {row["name"] for row in rows}
    assert {row["kind"] for row in rows} == {"rule"}
    assert "There is no kind 'ruel'" in run("models", "--kind", "ruel", code=1)


def test_why_a_plugin_is_there() -> None:
    assert "outputs: COBA, CUBA, MgBlock" in run("plugins", "why", "synapses")
    assert "No plugin 'synapse' is installed; there are" in run("plugins", "why", "synapse", code=1)


@pytest.mark.parametrize("name", sorted(point.name for point in entry_points(group="brainloom")))
def test_our_manifests_say_what_the_hooks_return(name: str) -> None:
    assert "says what the hooks return" in run("plugin", "manifest", name, "--check")


def test_a_plugin_is_checked_as_ours_are() -> None:
    rows = json.loads(run("plugin", "check", "example", "--json"))
    parts = {row["part"] for row in rows}
    assert {"metadata", "hooks", "kit", "import"} <= parts
    assert all(row["passed"] for row in rows)
    assert "it is not installed: pip install it" in run("plugin", "check", "synapse", code=1)


def test_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    report = json.loads(run("doctor", "--json"))
    assert report["devices"]
    assert report["versions"]["jax"][0].isdigit()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "Plots need matplotlib" in run("doctor")


def test_verify_as_table_and_json(tmp_path: Path) -> None:
    pytest.importorskip("scipy")
    report = tmp_path / "report.json"
    output = run("verify", "LIF", "--kind", "closed form", "--json", str(report))
    assert "checks passed" in output
    written = json.loads(report.read_text(encoding="utf-8"))
    assert written["failed"] == 0
    assert written["passed"] == len(written["records"]) > 2
    keys = {"model", "check", "kind", "error", "tolerance", "unit", "source", "reason", "passed"}
    assert keys <= written["records"][0].keys()


def test_verify_exits_with_1_when_something_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    from brainloom_testing import verification

    bad = verification.Record("LIF", "V", "ODE", 2.0, 1.0, "mV", "a paper", "a reason", "too far")
    monkeypatch.setattr(verification, "iter_records", lambda *names, kinds: iter([bad]))
    output = run("verify", code=1)
    assert "FAILED LIF: V: 2 mV (too far)" in output
    assert "0 of 1 checks passed" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Lif",), "There is no model 'Lif'"),
        (("Connection",), "register a case of the name Connection"),
        (("LIF", "--kind", "guess"), "expected some of closed form"),
    ],
)
def test_verify_refuses(arguments: tuple[str, ...], message: str) -> None:
    pytest.importorskip("scipy")
    result = runner.invoke(app, ["verify", *arguments])
    assert result.exit_code == 1
    assert message in result.output


def test_verify_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = runner.invoke(app, ["verify"])
    assert result.exit_code == 1
    assert 'pip install "brainloom[verify]"' in result.output


def test_verify_names_a_wrong_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = OPS["event_dense"].reference

    def load(factor: float) -> Any:
        return lambda: lambda events, weights: factor * dense(events, weights)

    kernels = [Kernel("event_dense", f"by-{n}", ("cpu",), load(n), rank=-1) for n in (1.0, 1.1)]
    monkeypatch.setattr(
        "brainloom_testing.plugins.declared_kernels", lambda: tuple((k, "alpha") for k in kernels)
    )
    monkeypatch.setattr(
        "brainloom_testing.plugins.list_kernels",
        lambda: [KernelInfo(k.op, k.name, ("cpu",), -1, "alpha", None) for k in kernels],
    )
    result = runner.invoke(app, ["verify", "--kernels", "--failures"])
    assert result.exit_code == 1
    said = " ".join(result.output.split())
    assert "event_dense/by-1.1" in said
    assert "by-1.0" not in said
    assert "1 of 2 kernels passed." in said
    result = runner.invoke(app, ["verify", "--kernels", "by-3"])
    assert "No kernel is called by-3" in result.output


def test_what_is_no_model_is_verified_too() -> None:
    result = runner.invoke(app, ["verify", "OneToOne", "RateEncoder", "ERF"])
    assert "3 of 3 checks passed." in result.output
    result = runner.invoke(app, ["verify", "FixedInDegree"])
    assert "register a case of this name" in result.output


def test_advice_names_a_kernel_that_cannot_be_used_and_why() -> None:
    """One for another platform is no fault."""
    row = {"op": "event_crs", "name": "fast", "distribution": "mine", "problem": "There is no op"}
    elsewhere = {**row, "problem": "runs on moon, not on cpu"}
    advice = _advice([row, elsewhere, {**row, "problem": None}], [])
    said = [text for text in advice if "event_crs" in text]
    assert said == ["The kernel 'fast' of event_crs, from mine, cannot be used: There is no op"]
