"""What core itself provides through its own hooks: the reference implementations."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .plugins import hookimpl

if TYPE_CHECKING:
    from .kernels import Kernel

__all__ = ["brainloom_kernels"]


@hookimpl
def brainloom_kernels() -> "Iterable[Kernel]":
    """The pure-JAX reference of every operation."""
    from .kernels import (
        Kernel,
        edge_update_reference,
        event_csr_reference,
        event_csr_ring_reference,
        event_dense_reference,
        event_outer_reference,
    )

    def reference(function: Callable[..., Any]) -> Kernel:
        op = function.__name__.removesuffix("_reference")
        return Kernel(op, "reference", ("cpu", "gpu", "tpu"), lambda: function, rank=0)

    yield reference(edge_update_reference)
    yield reference(event_csr_reference)
    yield reference(event_csr_ring_reference)
    yield reference(event_dense_reference)
    yield reference(event_outer_reference)
