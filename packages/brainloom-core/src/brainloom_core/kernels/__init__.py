"""The few operations that decide speed, and the choice between their implementations.

An operation has a pure-JAX reference, which runs everywhere, and registered implementations
(`Kernel`) for some platforms. Which one runs is decided when the call is traced: the usable
implementation of the highest rank, unless an argument, the context manager `use_kernel` or
the environment variable `BRAINLOOM_KERNELS` (`"event_csr=reference"`, several separated by
commas) names one. One that fails to load is reported once and passed over.
"""

from .edge_update import edge_update, edge_update_reference
from .event_csr import event_csr, event_csr_reference
from .event_csr_ring import event_csr_ring, event_csr_ring_reference
from .event_dense import event_dense, event_dense_reference, event_outer_reference
from .op import OPS, Op, Sample
from .registry import Kernel, KernelInfo, find_kernel, list_kernels, offered, use_kernel

__all__ = [
    "OPS",
    "Kernel",
    "KernelInfo",
    "Op",
    "Sample",
    "edge_update",
    "edge_update_reference",
    "event_csr",
    "event_csr_reference",
    "event_csr_ring",
    "event_csr_ring_reference",
    "event_dense",
    "event_dense_reference",
    "event_outer_reference",
    "find_kernel",
    "list_kernels",
    "offered",
    "use_kernel",
]
