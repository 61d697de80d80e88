"""What core itself provides through its own hooks: the reference implementations."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .plugins import hookimpl

if TYPE_CHECKING:
    from .kernels import Kernel

__all__ = ["brainloom_kernels"]


@hookimpl
def brainloom_kernels() -> "Iterable[Kernel]":
    """The pure-JAX reference of every operation."""
    from .kernels import Kernel, edge_update_reference, event_csr_reference

    everywhere = ("cpu", "gpu", "tpu")
    yield Kernel("event_csr", "reference", everywhere, lambda: event_csr_reference, rank=0)
    yield Kernel("edge_update", "reference", everywhere, lambda: edge_update_reference, rank=0)
