"""The compiled library: where it lies, why it may be missing, how JAX gets to know it."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

NATIVE = Path(__file__).parent / "_native"
LIBRARY = NATIVE / "event_csr.so"
REASON = NATIVE / "unavailable.txt"
REINSTALL = (
    "and reinstall: pip install --force-reinstall --no-deps"
    " --no-binary brainloom-kernels-cpu brainloom-kernels-cpu"
)

# A handler of the library carries the name of its FFI target.
TARGETS = {
    (op, weights, events): f"brainloom_{op}_{weights}_{events}"
    for op in ("event_csr", "event_csr_ring")
    for weights in ("float32", "float64")
    for events in ("bool", weights)
} | {
    (op, "float32", "float32"): f"brainloom_{op}_float32_float32"
    for op in ("event_dense", "event_outer")
}


def load() -> ctypes.CDLL:
    """Open the library.

    Raises:
        RuntimeError: If there is none, or the system cannot open it; says why and what to do.
    """
    if not LIBRARY.is_file():
        noted = REASON.read_text(encoding="utf-8").strip() if REASON.is_file() else ""
        raise RuntimeError(f"{noted or 'not built; install a C++ compiler'} {REINSTALL}")
    try:
        return ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise RuntimeError(
            f"the native library does not open ({error}); install a C++ compiler {REINSTALL}"
        ) from error


@functools.cache
def register() -> None:
    """Make the handlers known to JAX, once in a process.

    Raises:
        RuntimeError: If the library is missing, does not open, or does not fit this jaxlib.
    """
    import jax

    library = load()
    # JAX queues what is registered before its CPU backend starts, and a handler that XLA then
    # refuses takes the whole backend down. With the backend up, a refusal is an error here.
    jax.devices("cpu")
    try:
        for target in TARGETS.values():
            function = getattr(library, target)
            handler = jax.ffi.pycapsule(function)
            jax.ffi.register_ffi_target(target, handler, platform="cpu")
    except RuntimeError as error:
        raise RuntimeError(
            f"the native library does not fit this jaxlib ({error}); upgrade jaxlib, or install"
            f" a C++ compiler {REINSTALL}"
        ) from error


def unavailable() -> str | None:
    """The reason why the native kernels cannot be used here, or None if they can.

    Asking starts JAX's CPU backend, since only it can tell.
    """
    try:
        register()
    except RuntimeError as error:
        return str(error)
    return None
