"""Entry point for brainloom: offers the kernels of this package to core."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from brainloom_core.plugins import hookimpl

from brainloom_kernels_cpu import _library, _op

if TYPE_CHECKING:
    import jax
    from brainloom_core.kernels import Kernel


def load() -> Callable[..., jax.Array]:
    """The product; raises RuntimeError with the reason where it cannot run."""
    _library.register()
    return run


def run(*operands: jax.Array, n_post: int, **hints: object) -> jax.Array:
    """The op as core calls it; what core knows besides, as the longest row, is not needed."""
    return _op.event_csr(*operands, n_post=n_post)


def supports(*operands: jax.Array, n_post: int, **hints: object) -> bool:
    """Whether the op takes these operands, which may be tracers."""
    return _op.supports(*operands)


def load_ring() -> Callable[..., tuple[jax.Array, jax.Array]]:
    """The step of a ring; raises RuntimeError with the reason where it cannot run."""
    _library.register()
    return run_ring


def run_ring(*operands: jax.Array, **hints: object) -> tuple[jax.Array, jax.Array]:
    """The op as core calls it."""
    return _op.event_csr_ring(*operands)


def supports_ring(*operands: jax.Array, **hints: object) -> bool:
    """Whether the op takes these operands, which may be tracers."""
    return _op.supports_ring(*operands)


def load_dense() -> Callable[..., jax.Array]:
    """The product with a dense matrix; raises RuntimeError with the reason where it cannot run."""
    _library.register()
    return _op.event_dense


def load_outer() -> Callable[..., jax.Array]:
    """What transposes it; raises RuntimeError with the reason where it cannot run."""
    _library.register()
    return _op.event_outer


@hookimpl
def brainloom_kernels() -> Iterator[Kernel]:
    """Declare the native kernels; nothing is loaded until core selects one."""
    from brainloom_core.kernels import Kernel

    native = functools.partial(Kernel, name="cpu-native", platforms=("cpu",), rank=10)
    yield native(op="event_csr", supports=supports, load=load)
    yield native(op="event_csr_ring", supports=supports_ring, load=load_ring)
    yield native(op="event_dense", supports=_op.supports_dense, load=load_dense)
    yield native(op="event_outer", supports=_op.supports_dense, load=load_outer)
