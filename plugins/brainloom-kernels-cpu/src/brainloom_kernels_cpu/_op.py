"""The event-driven products as JAX operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brainloom_kernels_cpu._library import TARGETS, register

if TYPE_CHECKING:
    from collections.abc import Callable

    import jax
    from jax.typing import ArrayLike


def event_csr_target() -> str:
    """The FFI target for float32 weights and bool events, for use in an FFI call of your own.

    Raises:
        RuntimeError: If the native kernels are unavailable; the message is the reason.
    """
    register()
    return TARGETS["event_csr", "float32", "bool"]


def supports(weights: jax.Array, indices: jax.Array, indptr: jax.Array, events: jax.Array) -> bool:
    """Whether there is a handler for these operands, by their types and ranks alone."""
    return (
        ("event_csr", weights.dtype.name, events.dtype.name) in TARGETS
        and indices.dtype.name == indptr.dtype.name == "int32"
        and weights.ndim == indices.ndim == indptr.ndim == 1
        and events.ndim >= 1
    )


def event_csr(
    weights: ArrayLike, indices: ArrayLike, indptr: ArrayLike, events: ArrayLike, *, n_post: int
) -> jax.Array:
    r"""Add up the weights on the edges of the neurons that send an event.

    $$y_{..., j} = \sum_i s_{..., i} \sum_{p \in \text{row } i,\ c_p = j} w_p$$

    Neurons with a zero event cost next to nothing. Under `jax.vmap`, over any of the operands,
    the whole batch is still one call. The values of `indices` and `indptr` are trusted, so they
    must describe a valid matrix: an index that is out of range writes to foreign memory.

    Args:
        weights: $w$, float32 or float64, shape `(n_edges,)`, or `(1,)` for one shared weight.
        indices: Target neuron of each edge $c$, int32, shape `(n_edges,)`.
        indptr: Where the edges of each neuron begin, int32, shape `(n_pre + 1,)`.
        events: $s$, bool or the dtype of `weights`, shape `(*batch, n_pre)`. A number
            multiplies the weights; zero is skipped even if a weight is not finite.
        n_post: Number of target neurons.

    Returns:
        $y$ of the dtype of `weights`, shape `(*batch, n_post)`.

    Raises:
        TypeError: If dtypes or ranks are others than these.
        RuntimeError: If the native kernels are unavailable.
        jax.errors.JaxRuntimeError: If sizes disagree, when it runs; a compiled function that is
            called again may raise ValueError instead, with the same message.
    """
    import jax
    import jax.numpy as jnp

    operands = [jnp.asarray(operand) for operand in (weights, indices, indptr, events)]
    if not supports(*operands):
        got = ", ".join(f"{operand.dtype}{list(operand.shape)}" for operand in operands)
        raise TypeError(
            "event_csr: `weights` must be float32 or float64 of rank 1, `indices` and `indptr`"
            " int32 of rank 1, `events` bool or the dtype of `weights` and of rank 1 or more,"
            f" got {got}."
        )
    register()
    dtype, sent = operands[0].dtype, operands[3]
    target = TARGETS["event_csr", dtype.name, sent.dtype.name]
    shape = (*sent.shape[:-1], n_post)
    result = jax.ShapeDtypeStruct(shape, dtype)
    return jax.ffi.ffi_call(target, result, vmap_method="expand_dims")(*operands)


def supports_ring(
    ring: jax.Array,
    weights: jax.Array,
    slots: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    position: jax.Array,
) -> bool:
    """Whether there is a handler for these operands of a step of a ring."""
    return ring.dtype == weights.dtype and supports(weights, slots, indptr, events)


def event_csr_ring(
    ring: jax.Array,
    weights: jax.Array,
    slots: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    position: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Send events on their way through a ring, and take out what arrives.

    The operands are those of the op in core, checked there. The ring stays where it lies unless
    somebody else needs it as it was.
    """
    import jax

    target = TARGETS["event_csr_ring", weights.dtype.name, events.dtype.name]
    results = [
        jax.ShapeDtypeStruct(ring.shape, ring.dtype),
        jax.ShapeDtypeStruct((*ring.shape[:-2], ring.shape[-1]), ring.dtype),
    ]
    call = jax.ffi.ffi_call(target, results, vmap_method="sequential", input_output_aliases={0: 0})
    moved, arrived = call(ring, weights, slots, indptr, events, position)
    return moved, arrived


# A product as small as this takes no longer when it is dense.
_SMALL = 2**21


def supports_dense(events: jax.Array, other: jax.Array) -> bool:
    """Whether there is a handler for these operands of a product with a dense matrix."""
    n_rows, n_pre = events.shape
    return (
        events.dtype.name == other.dtype.name == "float32"
        and n_rows * n_pre * other.shape[1] >= _SMALL
    )


def event_dense(events: jax.Array, weights: jax.Array) -> jax.Array:
    """The product of events `(m, n_pre)` with weights `(n_pre, n_post)`."""
    return _where_silent("event_dense", events, weights, events.shape[0], lambda s, w: s @ w)


def event_outer(events: jax.Array, values: jax.Array) -> jax.Array:
    """The outer products of events `(m, n_pre)` with values `(m, n_post)`, summed over m."""
    return _where_silent("event_outer", events, values, events.shape[1], lambda s, v: s.T @ v)


def _where_silent(
    op: str,
    events: jax.Array,
    other: jax.Array,
    n_rows: int,
    dense: Callable[[jax.Array, jax.Array], jax.Array],
) -> jax.Array:
    """The native product where few events are not zero, judged by some 64 samples; or a dense one.

    The dense product is as fast when about a fourth of the events differ from zero.
    """
    import jax
    import jax.numpy as jnp

    result = jax.ShapeDtypeStruct((n_rows, other.shape[1]), other.dtype)
    native = jax.ffi.ffi_call(TARGETS[op, "float32", "float32"], result)
    some = events[:: max(1, events.shape[0] // 64)]
    few = jnp.count_nonzero(some) <= some.size // 8
    return jax.lax.cond(few, native, dense, events, other)
