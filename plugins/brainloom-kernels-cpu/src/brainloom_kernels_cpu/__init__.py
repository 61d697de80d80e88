"""Native CPU kernels for brainloom, compiled C++ that XLA calls directly."""

from brainloom_kernels_cpu._library import unavailable
from brainloom_kernels_cpu._op import event_csr, event_csr_target

__all__ = ["event_csr", "event_csr_target", "unavailable"]
