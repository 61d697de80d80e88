"""A network on several devices, and in several processes, gives what it gives on one."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import brainloom as bl
import brainunit as u
import jax
import pytest

CASES = Path(__file__).with_name("mesh_cases.py")


def _start(*arguments: str, devices: int = 1) -> Any:
    # Without instructions that round a product and a sum at once: where a compiler uses them may
    # depend on how many neurons a device has. To compile takes most of the time.
    flags = f"--xla_force_host_platform_device_count={devices} --xla_cpu_max_isa=AVX"
    flags += " --xla_backend_optimization_level=0"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, str(CASES), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _result(process: Any) -> Any:
    out, error = process.communicate(timeout=900)
    assert process.returncode == 0, error[-3000:]
    return json.loads(out.splitlines()[-1])


def _on_devices(names: str, meshes: str) -> Any:
    return _result(_start(names, meshes, devices=8))


def _in_processes(names: str, count: int, devices: int = 1) -> list[Any]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    given = names, f"[{count * devices}]"
    started = [
        _start(*given, str(number), str(count), port, devices=devices) for number in range(count)
    ]
    try:
        return [_result(process) for process in started]
    finally:
        for process in started:
            process.kill()


def _check_equal(found: Any) -> None:
    assert found.pop("kept", True)
    found.pop("refused", None)
    for name, runs in found.items():
        first = next(iter(runs.values()))
        assert first["spikes"] > 20, name
        for mesh, one in runs.items():
            assert one == first, f"{name} on {mesh}"


@pytest.fixture(scope="module")
def coba() -> Any:
    return _on_devices("coba", "[null, 1, 2, 8]")


def test_the_devices_do_not_change_a_bit(coba: Any) -> None:
    _check_equal(coba)


def test_delays_of_edges_and_weights_that_learn_go_to_the_devices_and_back() -> None:
    found = _on_devices("delays_of_edges,plastic", "[null, 4]")
    refused = found["refused"]
    assert refused.startswith("simulate: mesh: what is kept for each edge cannot be recorded on")
    assert " and nothing" not in refused and "nothing and " not in refused
    _check_equal(found)


def test_two_processes_give_what_one_gives_and_notice_that_they_differ(coba: Any) -> None:
    for found in _in_processes("coba", 2):
        assert "the network of another process has other numbers" in found.pop("refused")
        assert found["coba"]["2"] == coba["coba"]["None"]


NAMES = "coba,uneven,cuba,brunel,delays_of_edges,kinetics,sources,by_name,plastic,junctions"
WHOLE = pytest.mark.whole


@pytest.mark.slow
@pytest.mark.devices
@pytest.mark.parametrize("meshes", ["[null, 8]", pytest.param("[null, 1, 2, 4, 8]", marks=WHOLE)])
def test_no_kind_of_projection_depends_on_the_devices(meshes: str) -> None:
    _check_equal(_on_devices(NAMES, meshes))


@pytest.mark.slow
@pytest.mark.devices
@pytest.mark.parametrize(
    ("names", "count", "devices"),
    [
        ("delays_of_edges,uneven", 2, 2),
        pytest.param("brunel,delays_of_edges,plastic,uneven", 2, 4, marks=WHOLE),
        pytest.param("brunel,delays_of_edges,plastic,uneven", 4, 1, marks=WHOLE),
    ],
)
def test_processes_with_devices_give_what_one_gives(names: str, count: int, devices: int) -> None:
    alone = _on_devices(names, "[null]")
    for found in _in_processes(names, count, devices):
        found.pop("refused")
        assert alone.pop("kept", True)
        alone.pop("refused", None)
        for name, runs in found.items():
            assert list(runs.values()) == list(alone[name].values()), name


@pytest.mark.parametrize("mesh", [0, -1, 1.5, "2", True])
def test_a_mesh_is_a_number_of_devices(mesh: Any) -> None:
    with pytest.raises(bl.InputError, match="mesh: expected a number of devices or"):
        bl.simulate(bl.LIF(2), 1 * u.ms, dt=0.1 * u.ms, mesh=mesh)


def test_devices_that_are_not_there_are_an_error() -> None:
    with pytest.raises(bl.InputError, match=f"expected at most {jax.device_count()} devices"):
        bl.simulate(bl.LIF(2), 1 * u.ms, dt=0.1 * u.ms, mesh=jax.device_count() + 1)
