"""Runs that are killed, and go on to the same bits; checkpoints that are damaged or of others."""

import os
import random
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import brainloom_core.run.loop as loop
import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import CheckpointError, resume, tensors

pytest.importorskip("zarr")

PROGRAM = Path(__file__).with_name("kept_run.py")
parts = runpy.run_path(str(PROGRAM))
build, simulate = parts["build"], parts["simulate"]
STATE = "state.safetensors"


@pytest.fixture
def numerics():
    """As the program has it: single precision, and no length of a step around."""


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch):
    monkeypatch.setattr(loop, "CHUNK_STEPS", parts["CHUNK"])


@pytest.fixture(scope="module")
def hashes():
    """The spikes of runs that nobody ended, in memory: by seed."""
    found = {}

    def of(seed):
        if seed not in found:
            found[seed] = simulate(build(), seed=seed).hash()
        return found[seed]

    return of


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that is over, and its spikes."""
    path = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHUNK_STEPS", parts["CHUNK"])
        return path, simulate(build(), path).hash()


@pytest.fixture
def copy(finished, tmp_path):
    path, _ = finished
    return Path(shutil.copytree(path, tmp_path / "run"))


def kill(arguments, path, delay):
    """Run the program and kill it some time after its first checkpoint, or the next one."""
    known = (path / STATE).stat().st_mtime_ns if (path / STATE).exists() else 0
    with subprocess.Popen([sys.executable, PROGRAM, *arguments], stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            if (path / STATE).exists() and (path / STATE).stat().st_mtime_ns > known:
                time.sleep(delay)
                break
            time.sleep(0.001)
        was_running = process.poll() is None
        process.kill()
    return was_running


@pytest.mark.parametrize(
    ("kills", "seed"), [(2, None), pytest.param(10, 7, marks=pytest.mark.slow)]
)
def test_run_that_is_killed_goes_on_to_the_same_bits(tmp_path, hashes, kills, seed):
    path, rng, killed = tmp_path / "run", random.Random(kills), 0
    while killed < kills:
        begins = not (path / STATE).exists()
        arguments = ["simulate", str(path), str(seed or 0)] if begins else ["resume", str(path)]
        if kill(arguments, path, rng.uniform(0.0, 0.3)):
            killed += 1
        elif killed:  # it was over before: the next one is another run
            assert resume(path, build(), progress=False).hash() == hashes(seed)
            shutil.rmtree(path)
    assert resume(path, build(), progress=False).hash() == hashes(seed)


def test_recording_of_a_kept_run_is_that_of_one_in_memory(finished, hashes):
    path, found = finished
    assert found == hashes(None)
    assert resume(path, build(), progress=False).hash() == found


def test_damaged_checkpoint_is_refused_and_the_one_before_it_used(copy, finished):
    """Two hundred places of a checkpoint, each altered by a bit, or cut off there."""
    file = copy / STATE
    good = file.read_bytes()
    tensors.earlier(file).rename(copy / "aside")
    rng = np.random.default_rng(0)
    places = [*range(20), *rng.integers(20, len(good), 160)]
    damaged = [
        good[:i] + bytes([good[i] ^ (1 << int(rng.integers(8)))]) + good[i + 1 :] for i in places
    ]
    damaged += [good[: int(n)] for n in rng.integers(0, len(good), 20)]
    for content in damaged:
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"earlier one or a copy|or a copy of it"):
            resume(copy, None or brainstate.nn.Module())
    (copy / "aside").rename(tensors.earlier(file))
    with pytest.warns(UserWarning, match="Going on from the one before it"):
        assert resume(copy, build(), progress=False).hash() == finished[1]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"tau": 6.0}, r"PE.syn.tau was 5.0 ms and is 6.0 ms here"),
        ({"n": 41}, r"E.in_size was .40. and is .41. here"),
        ({"weight": 0.2}, r"PE.comm.weight was .* and is .* here"),
    ],
)
def test_another_network_is_refused_with_the_difference(copy, changes, difference):
    with pytest.raises(CheckpointError, match=difference):
        resume(copy, build(**changes), progress=False)


def test_other_surroundings_are_refused_with_the_difference(copy, monkeypatch):
    net = build()
    with (
        brainstate.environ.context(dt=0.2 * u.ms),
        pytest.raises(CheckpointError, match="dt was 0.1 ms and is 0.2 ms here"),
    ):
        resume(copy, net)
    with pytest.raises(CheckpointError, match="E.V is .* here and was not there"):
        resume(copy, net, record=[*parts["RECORD"], "E.V"])
    with pytest.raises(CheckpointError, match="inputs.0 is 1.0 mA here and was not there"):
        resume(copy, net, inputs=1.0 * u.mA)
    known = tensors.read(copy / STATE)
    about = {**known[1], "versions": {**known[1]["versions"], "brainstate": "0.0.1"}}
    tensors.write(copy / STATE, known[0], about)
    with pytest.raises(CheckpointError, match=r"brainstate was 0.0.1 and is .* here"):
        resume(copy, net)
    assert len(resume(copy, net, exactly=False, progress=False)["E.spikes"]) > 0


def test_folder_that_is_in_use_or_cannot_be_written_is_refused_at_once(copy, tmp_path):
    with pytest.raises(CheckpointError, match=r"there is something in .* Go on with resume"):
        simulate(build(), copy)
    with pytest.raises(CheckpointError, match="it cannot be written: Not a directory"):
        simulate(build(), "/dev/null/run")
    with pytest.raises(CheckpointError, match="there is no folder"):
        resume(tmp_path / "none", build())
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="has no checkpoint"):
        resume(tmp_path / "empty", build())


def test_full_disk_loses_nothing_that_was_written(tmp_path, monkeypatch, hashes):
    written, replace = [], os.replace

    def full(source, target):
        if Path(target).name == STATE:
            written.append(target)
            if len(written) == 4:
                raise OSError(28, "No space left on device")
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(CheckpointError, match=r"No space left on device.*last checkpoint"):
            simulate(build(), tmp_path / "run")
    assert resume(tmp_path / "run", build(), progress=False).hash() == hashes(None)
