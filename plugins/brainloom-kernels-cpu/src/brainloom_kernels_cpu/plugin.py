"""Entry point for brainloom: offers the kernels of this package to core."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from brainloom_core.plugins import hookimpl

from brainloom_kernels_cpu import _library, _op

if TYPE_CHECKING:
    import jax
    from brainloom_core.kernels import Kernel


def load() -> Callable[..., jax.Array]:
    """The function of the op; raises RuntimeError with the reason where it cannot run."""
    _library.register()
    return run


def run(*operands: jax.Array, n_post: int, **hints: Any) -> jax.Array:
    """The op as core calls it; what core knows besides, as the longest row, is not needed."""
    return _op.event_csr(*operands, n_post=n_post)


def supports(*operands: jax.Array, n_post: int, **hints: Any) -> bool:
    """Whether the op takes these operands, which may be tracers."""
    return _op.supports(*operands)


@hookimpl
def brainloom_kernels() -> Iterator[Kernel]:
    """Declare the native kernel; nothing is loaded until core selects it."""
    from brainloom_core.kernels import Kernel

    yield Kernel(
        op="event_csr",
        name="cpu-native",
        platforms=("cpu",),
        rank=10,
        supports=supports,
        load=load,
    )
