"""The build hook: wheels with and without a compiler. They are built from a copy of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytest.importorskip("hatchling", reason="the build backend is not installed")

PROJECT = Path(__file__).parents[1]
NATIVE = "brainloom_kernels_cpu/_native"
COMPILERS = ("c++", "g++", "clang++")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    unbuilt = shutil.ignore_patterns("*.so", "*.tmp", "unavailable.txt", "dist", "__pycache__")
    return shutil.copytree(PROJECT, tmp_path / "project", ignore=unbuilt)


def build(project: Path, **environ: str) -> tuple[Path, str]:
    """The wheel, and what the build said."""
    inherited = {name: value for name, value in os.environ.items() if name != "CXX"}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=project,
        env=inherited | environ,
        check=True,
        capture_output=True,
        text=True,
    )
    (wheel,) = (project / "dist").glob("*.whl")
    return wheel, done.stdout + done.stderr


def noted_reason(wheel: Path) -> str:
    with ZipFile(wheel) as archive:
        return archive.read(f"{NATIVE}/unavailable.txt").decode().strip()


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({"BRAINLOOM_NO_COMPILE": "1"}, "built with BRAINLOOM_NO_COMPILE=1; unset it"),
        ({"PATH": ""}, "built without a C++ compiler; install one"),
        ({"CXX": "no-such-compiler"}, "built with a C++ compiler that does not run"),
        ({"CXX": "false"}, "built with a C++ compiler that failed"),
    ],
    ids=["told not to", "no compiler", "not a compiler", "compiler fails"],
)
def test_pure_wheel_notes_the_reason(project: Path, environ: dict[str, str], reason: str) -> None:
    wheel, said = build(project, **environ)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert noted_reason(wheel).startswith(reason)
    assert said.count("brainloom-kernels-cpu has no native kernels: " + reason) == 1


@pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C++ compiler")
def test_native_wheel_is_for_all_pythons_of_a_platform(project: Path) -> None:
    wheel, _ = build(project, CXXFLAGS="-O0")
    assert "-py3-none-" in wheel.name
    assert not wheel.name.endswith("-any.whl")
    with ZipFile(wheel) as archive:
        kept = [name for name in archive.namelist() if name.startswith(NATIVE)]
    assert kept == [f"{NATIVE}/event_csr.so"]


@pytest.mark.skipif(not any(map(shutil.which, COMPILERS)), reason="no C++ compiler")
def test_a_pure_build_leaves_no_library_of_an_earlier_one(project: Path) -> None:
    native, _ = build(project, CXXFLAGS="-O0")
    native.unlink()
    pure, _ = build(project, BRAINLOOM_NO_COMPILE="1")
    with ZipFile(pure) as archive:
        assert f"{NATIVE}/event_csr.so" not in archive.namelist()
