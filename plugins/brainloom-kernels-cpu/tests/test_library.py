"""Loading the library, and saying why it cannot be loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import brainloom_kernels_cpu
import jax
import numpy as np
import pytest
from brainloom_kernels_cpu import _library, event_csr, event_csr_target, unavailable

OPERANDS = (
    np.ones(1, np.float32),
    np.zeros(1, np.int32),
    np.array([0, 1], np.int32),
    np.ones(1, bool),
)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder in the place where the package keeps its library."""
    monkeypatch.setattr(_library, "LIBRARY", tmp_path / "event_csr.so")
    monkeypatch.setattr(_library, "REASON", tmp_path / "unavailable.txt")
    _library.register.cache_clear()
    yield tmp_path
    _library.register.cache_clear()


def test_exports() -> None:
    assert brainloom_kernels_cpu.__all__ == ["event_csr", "event_csr_target", "unavailable"]


def test_import_is_light() -> None:
    code = "import sys, brainloom_kernels_cpu; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
def test_target_can_be_registered_again() -> None:
    first = event_csr_target()
    _library.register.cache_clear()
    assert event_csr_target() == first == "brainloom_event_csr_float32_bool"


@pytest.mark.parametrize("noted", [None, "built without a C++ compiler; install one"])
def test_missing_library_gives_the_noted_reason(elsewhere: Path, noted: str | None) -> None:
    if noted:
        (elsewhere / "unavailable.txt").write_text(f"{noted}\n")
    expected = f"{noted or 'not built; install a C++ compiler'} {_library.REINSTALL}"
    assert unavailable() == expected


def test_broken_library_is_reported(elsewhere: Path) -> None:
    (elsewhere / "event_csr.so").write_bytes(b"not a library")
    assert "does not open" in str(unavailable())


def test_refused_handlers_are_reported(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError("API version is incompatible")

    library = SimpleNamespace(**dict.fromkeys(_library.TARGETS.values()))
    monkeypatch.setattr(_library, "load", lambda: library)
    monkeypatch.setattr(jax.ffi, "pycapsule", lambda handler: handler)
    monkeypatch.setattr(jax.ffi, "register_ffi_target", refuse)
    assert "does not fit this jaxlib (API version is incompatible)" in str(unavailable())


def test_calls_fail_with_the_reason(elsewhere: Path) -> None:
    with pytest.raises(RuntimeError, match="compiler and reinstall"):
        event_csr_target()
    with pytest.raises(RuntimeError, match="compiler and reinstall"):
        event_csr(*OPERANDS, n_post=1)
