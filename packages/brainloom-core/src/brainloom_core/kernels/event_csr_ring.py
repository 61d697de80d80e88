r"""The event-driven product with a delay for each edge.

What is under way lies in a ring with a row for each step to come. In a step, the row of the step
before is emptied, spikes are added to the rows in which they arrive, and the row of this step is
read:

$$
r_{(p + d) \bmod L,\,j} \leftarrow r_{(p + d) \bmod L,\,j} + \sum_i s_i W_{ij}, \qquad
y_j = r_{pj}
$$

An edge says where it delivers by one number, its slot $d\,n + j$, so that edges with delays of
their own need no more memory than edges without; and the cost follows the number of spikes.
"""

import functools
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..units import to_number, with_unit
from .event_csr import Place, added, edgewise
from .registry import find_kernel

__all__ = ["event_csr_ring", "event_csr_ring_reference"]


def event_csr_ring(
    ring: Any,
    weights: Any,
    slots: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    position: Any,
    *,
    max_row: int | None = None,
    implementation: str | None = None,
) -> tuple[Any, Any]:
    """Send the spikes of a step on their way, and take out what arrives in it.

    Args:
        ring: What is under way, shape `(*batch, length, n_post)`, with or without unit; in place
            where that is possible.
        weights: One weight per edge, shape `(n_edges,)`, or one for all, shape `()` or `(1,)`, of
            the same dimension as the ring.
        slots: Where each edge delivers, `steps * n_post + target`, int32, the steps being from 0,
            which arrive at once, to `length - 1`.
        indptr: Where each presynaptic row starts, int32, shape `(n_pre + 1,)`.
        events: Spikes, shape `(*batch, n_pre)`: bool, or floating point, where the value
            multiplies the weight.
        position: The row of this step, from 0 to `length - 1`; the next step's is one more, and
            after the last comes the first.
        max_row: The largest number of edges of one row of the matrix; found from `indptr` if not
            given, which is then required to be concrete.
        implementation: Name of the implementation to use.

    Returns:
        The ring, and what arrives, shape `(*batch, n_post)`, both in the unit of the ring.

    Example:
        ```python
        >>> import jax.numpy as jnp
        >>> from brainloom_core.kernels import event_csr_ring
        >>> slots, indptr = jnp.array([0, 3], "int32"), jnp.array([0, 2], "int32")
        >>> ring, weights = jnp.zeros((2, 2)), jnp.array([1., 5.])  # to 0 at once, to 1 one step on
        >>> ring, arrived = event_csr_ring(ring, weights, slots, indptr, jnp.array([True]), 0)
        >>> print(arrived)
        [1. 0.]
        >>> print(event_csr_ring(ring, weights, slots, indptr, jnp.array([False]), 1)[1])
        [0. 5.]

        ```
    """
    unit = u.get_unit(ring)
    number = jnp.asarray(u.get_mantissa(ring))
    weights = jnp.atleast_1d(jnp.asarray(to_number(weights, unit), number.dtype))
    events, position = jnp.asarray(events), jnp.asarray(position, jnp.int32)
    if events.dtype != jnp.bool_:
        events = events.astype(number.dtype)
    if max_row is None:
        max_row = int(np.diff(np.asarray(indptr)).max(initial=0))
    args = number, weights, slots, indptr, events, position
    chosen = find_kernel("event_csr_ring", implementation, args, {"max_row": max_row})
    ring, arrived = _step(chosen, max_row)(number, weights, events, slots, indptr, position)
    return with_unit(ring, unit), with_unit(arrived, unit)


@functools.cache
def _step(chosen: Callable[..., Any], max_row: int) -> Any:
    """The step as a function of arrays, with its derivative and its batching rule."""

    @jax.custom_batching.custom_vmap
    def primal(ring: Any, weights: Any, events: Any, slots: Any, indptr: Any, position: Any) -> Any:
        return chosen(ring, weights, slots, indptr, events, position, max_row=max_row)

    @primal.def_vmap
    def batched(axis_size: int, axes: list[bool], *args: Any) -> tuple[Any, Any]:
        ring, weights, events, slots, indptr, position = args
        moving = (axes[0] or axes[2]) and not any((axes[1], *axes[3:]))
        if not moving:
            mapped = jax.vmap(_edgewise, [0 if axis else None for axis in axes])
            return mapped(*args), (True, True)
        ring, events = (
            x if axis else jnp.broadcast_to(x, (axis_size, *x.shape))
            for x, axis in ((ring, axes[0]), (events, axes[2]))
        )
        return primal(ring, weights, events, slots, indptr, position), (True, True)

    @jax.custom_jvp
    def step(ring: Any, weights: Any, events: Any, slots: Any, indptr: Any, position: Any) -> Any:
        return primal(ring, weights, events, slots, indptr, position)

    def tangent(primals: Any, tangents: Any) -> Any:
        ring, weights, events, *where = primals
        d_ring, d_weights, d_events = (
            None if isinstance(d, jax.custom_derivatives.SymbolicZero) else d for d in tangents[:3]
        )
        d_ring = jnp.zeros_like(ring) if d_ring is None else d_ring
        d_out = _turned(d_ring, lambda flat, place: flat, where[2])
        for w, s in ((d_weights, events), (weights, d_events)):
            if w is not None and s is not None:
                still = jnp.zeros_like(ring)
                d_out = jax.tree.map(jnp.add, d_out, _edgewise(still, w, s, *where))
        return step(*primals), d_out

    step.defjvp(tangent, symbolic_zeros=True)
    return step


def _edgewise(ring: Any, weights: Any, events: Any, slots: Any, indptr: Any, position: Any) -> Any:
    """The step edge by edge: linear in the ring, bilinear in the others, the cost of all edges."""

    def add(flat: Any, place: Place) -> Any:
        return edgewise(flat, weights, events, slots, indptr, place)

    return _turned(ring, add, position)


def event_csr_ring_reference(
    ring: jax.Array,
    weights: jax.Array,
    slots: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    position: jax.Array,
    *,
    max_row: int,
) -> tuple[jax.Array, jax.Array]:
    """The step in plain JAX; spikes cost what they do in `event_csr_reference`.

    Args:
        ring: What is under way, shape `(*batch, length, n_post)`; no unit.
        weights: One weight per edge, shape `(n_edges,)`, or one for all, shape `(1,)`.
        slots: Where each edge delivers, `steps * n_post + target`, int32.
        indptr: Where each presynaptic row starts, int32, shape `(n_pre + 1,)`.
        events: Spikes, shape `(*batch, n_pre)`, bool or of the dtype of the ring.
        position: The row of this step, int32, from 0 to `length - 1`.
        max_row: The largest number of edges of one row of the matrix.
    """

    def add(flat: jax.Array, place: Place) -> jax.Array:
        return added(flat, weights, slots, indptr, events, max_row, place)

    return _turned(ring, add, position)


def _turned(
    ring: jax.Array, add: Callable[[jax.Array, Place], jax.Array], position: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Empty the row before, add to the flat ring, and read the row of this step."""
    length, n_post = ring.shape[-2:]

    def place(slot: jax.Array) -> jax.Array:
        moved = slot + position * n_post
        return jnp.where(moved >= length * n_post, moved - length * n_post, moved)

    # Written first and read last: the other way round XLA copies the ring in each step.
    before, axis = (position - 1) % length, ring.ndim - 2
    empty = jnp.zeros((*ring.shape[:-2], 1, n_post), ring.dtype)
    ring = lax.dynamic_update_slice_in_dim(ring, empty, before, axis)
    flat = add(ring.reshape(*ring.shape[:-2], length * n_post), place)
    ring = flat.reshape(ring.shape)
    return ring, lax.dynamic_index_in_dim(ring, position, axis, keepdims=False)
