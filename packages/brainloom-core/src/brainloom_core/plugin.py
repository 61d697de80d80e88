"""What core itself provides through its own hooks: the reference implementations."""

from collections.abc import Iterable

from .kernels import OPS, Kernel
from .plugins import hookimpl

__all__ = ["brainloom_kernels"]


@hookimpl
def brainloom_kernels() -> Iterable[Kernel]:
    """The pure-JAX reference of every operation."""
    return [op.kernel for op in OPS.values() if op.distribution == "brainloom-core"]
