"""The commands that run the network of a file, in processes of their own."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os
import brainloom as bl
import brainunit as u

def build(tau=20 * u.ms, n=20, label="E"):
    net = bl.Network()
    cells = bl.LIFRef(n, R=1 * u.ohm, tau=tau, tau_ref=2 * u.ms, V_th=20 * u.mV, V_rest=0 * u.mV,
                      V_reset=0 * u.mV, V_initializer=bl.Uniform(0 * u.mV, 20 * u.mV))
    setattr(net, label, cells)
    return net, 30 * u.mA
"""


def brainloom(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "brainloom.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(SCRIPT)
    return tmp_path


def test_a_file_is_run_and_its_recording_shown(folder: Path) -> None:
    options = ["--duration", "50ms", "--seed", "7", "--set", "tau=15ms", "--set", "n=30"]
    options += ["--set", "label=I", "--record", "I.spikes", "--out", "run.zarr"]
    ran = brainloom(folder, "run", "net.py:build", *options)
    assert ran.returncode == 0, ran.stderr
    assert "of 30 neurons" in ran.stdout
    shown = brainloom(folder, "show", "run.zarr", "--json")
    assert json.loads(shown.stdout)["stop"] == 500


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["net.py:bild", "--duration", "1s"], "has no function 'bild'; it has build"),
        (["no.py:build", "--duration", "1s"], "there is no file"),
        (["net.py:build", "--duration", "1s", "--out", "net.py"], "net.py exists already"),
        (["net.py", "--duration", "1s"], "expected script.py:function"),
        (["net.py:build", "--duration", "3"], "--duration: expected a time such as 10s"),
        (["net.py:build", "--duration", "1s", "--set", "tau"], "--set: expected name=value"),
        (["net.py:build", "--duration", "1s", "--set", "n=2qq"], "'qq' is no unit"),
        (["net.py:build", "--duration", "1s", "--set", "tau=5mV"], "--set tau=5mV: "),
        (["net.py:build", "--duration", "1s", "--set", "what=5"], "--set what=5: TypeError"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_line(
    folder: Path, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainloom.cli import app
    from typer.testing import CliRunner

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    outcome = CliRunner().invoke(app, ["run", *arguments])
    assert outcome.exit_code == 1
    assert words in outcome.output and outcome.output.count("\n") == 1


@pytest.mark.slow
def test_a_run_that_ctrl_c_ended_is_resumed_to_the_same_spikes(folder: Path) -> None:
    run = ["run", "net.py:build", "--duration", "120s", "--seed", "3", "--record", "E.spikes"]
    # As in a terminal; what runs in the background may have Ctrl-C switched off.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from brainloom.cli import main; main()"
    command = [sys.executable, "-c", code, *run, "--checkpoint", "kept"]
    with subprocess.Popen(
        [*command, "--every", "1s", "--out", "part.zarr"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not (folder / "kept" / "state" / "state.safetensors").exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
    assert process.returncode == 130 and "Go on with: brainloom resume kept" in said
    assert not (folder / "part.zarr").exists()
    again = brainloom(folder, *run, "--checkpoint", "kept")
    assert again.returncode == 1 and "brainloom resume kept" in again.stderr
    assert brainloom(folder, "resume", "kept").returncode == 0
    assert brainloom(folder, *run, "--out", "whole.zarr").returncode == 0
    headers = [
        json.loads(brainloom(folder, "show", f"{name}.zarr", "--json").stdout)
        for name in ("part", "whole")
    ]
    assert headers[0]["stop"] == headers[1]["stop"] == 1_200_000
    assert headers[0]["hash"] == headers[1]["hash"]
