r"""Event-driven product of spikes with a sparse matrix, $y_j = \sum_i s_i W_{ij}$.

The matrix is stored by presynaptic rows (CSR). Only rows of neurons that spike are touched;
that a spike is rare is what makes the product cheap. The derivative is that of the product,
with respect to the weights and to floating-point spikes, forward and reverse.
"""

import functools
from collections.abc import Callable
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..units import with_unit
from .active import AT_ONCE, over_active
from .registry import find_kernel

__all__ = ["event_csr", "event_csr_reference"]

Place = Callable[[jax.Array], jax.Array]


def event_csr(
    weights: Any,
    indices: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    *,
    n_post: int,
    max_row: int | None = None,
    implementation: str | None = None,
) -> Any:
    """Sum, for each postsynaptic neuron, the weights of the edges whose source spikes.

    Args:
        weights: One weight per edge, shape `(n_edges,)`, or one for all, shape `()` or `(1,)`;
            may carry a unit, which the result has too.
        indices: Postsynaptic neuron of each edge, int32.
        indptr: Where each presynaptic row starts, int32, shape `(n_pre + 1,)`.
        events: Spikes, shape `(*batch, n_pre)`: bool, or floating point, where the value
            multiplies the weight.
        n_post: Number of postsynaptic neurons.
        max_row: The largest number of edges of one row; found from `indptr` if not given,
            which is then required to be concrete.
        implementation: Name of the implementation to use.

    Returns:
        Shape `(*batch, n_post)`, in the unit of the weights.

    Example:
        ```python
        >>> import jax.numpy as jnp
        >>> from brainloom_core.kernels import event_csr
        >>> indices, indptr = jnp.array([0, 1, 1], "int32"), jnp.array([0, 2, 3], "int32")
        >>> event_csr(jnp.array([1., 2., 5.]), indices, indptr, jnp.array([True, False]), n_post=2)
        Array([1., 2.], dtype=float32)

        ```
    """
    unit = u.get_unit(weights)
    number = jnp.atleast_1d(u.get_mantissa(weights))
    if not jnp.issubdtype(number.dtype, jnp.floating):
        number = number.astype(jnp.result_type(float))
    if events.dtype != jnp.bool_:
        events = events.astype(number.dtype)
    if max_row is None:
        max_row = int(np.diff(np.asarray(indptr)).max(initial=0))
    sizes = {"n_post": n_post, "max_row": max_row}
    chosen = find_kernel("event_csr", implementation, (number, indices, indptr, events), sizes)
    product = _product(chosen, n_post, max_row)
    return with_unit(product(number, events, indices, indptr), unit)


@functools.cache
def _product(chosen: Callable[..., Any], n_post: int, max_row: int) -> Any:
    """The product as a function of arrays, with its derivative and its batching rule.

    One for each implementation, since jax remembers what a function was traced to.
    """

    @jax.custom_batching.custom_vmap
    def primal(weights: Any, events: Any, indices: Any, indptr: Any) -> Any:
        return chosen(weights, indices, indptr, events, n_post=n_post, max_row=max_row)

    @primal.def_vmap
    def batched(axis_size: int, axes: list[bool], *args: Any) -> tuple[Any, bool]:
        if axes == [False, True, False, False]:
            return primal(*args), True
        zeros = jnp.zeros((*args[1].shape[1 if axes[1] else 0 : -1], n_post), args[0].dtype)
        edges = functools.partial(edgewise, zeros)
        return jax.vmap(edges, [0 if axis else None for axis in axes])(*args), True

    @jax.custom_jvp
    def product(weights: Any, events: Any, indices: Any, indptr: Any) -> Any:
        return primal(weights, events, indices, indptr)

    def tangent(primals: Any, tangents: Any) -> Any:
        weights, events, indices, indptr = primals
        d_weights, d_events = tangents[:2]
        out = product(*primals)
        d_out = jnp.zeros_like(out)
        if not isinstance(d_weights, jax.custom_derivatives.SymbolicZero):
            d_out = edgewise(d_out, d_weights, events, indices, indptr)
        if not isinstance(d_events, jax.custom_derivatives.SymbolicZero):
            d_out = edgewise(d_out, weights, d_events, indices, indptr)
        return out, d_out

    product.defjvp(tangent, symbolic_zeros=True)
    return product


def edgewise(
    y: Any, weights: Any, events: Any, indices: Any, indptr: Any, place: Place = lambda index: index
) -> jax.Array:
    """The product added to y edge by edge: linear, differentiable, the cost of all edges."""
    per_edge = weights * events[..., row_of_edge(indices, indptr)].astype(weights.dtype)
    return y.at[..., place(indices)].add(per_edge)


def row_of_edge(indices: jax.Array, indptr: jax.Array) -> jax.Array:
    """The presynaptic neuron of each edge."""
    sources = jnp.arange(indptr.shape[0] - 1)
    return jnp.repeat(sources, jnp.diff(indptr), total_repeat_length=indices.shape[0])


def event_csr_reference(
    weights: jax.Array,
    indices: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    *,
    n_post: int,
    max_row: int,
) -> jax.Array:
    """The product in plain JAX.

    The spikes of one vector are compacted and their rows gathered sixteen at a time, so that the
    cost follows their number; a batch is summed edge by edge.

    Args:
        weights: One weight per edge, shape `(n_edges,)`, or one for all, shape `(1,)`; no unit.
        indices: Postsynaptic neuron of each edge, int32.
        indptr: Where each presynaptic row starts, int32, shape `(n_pre + 1,)`.
        events: Spikes, shape `(*batch, n_pre)`, bool or of the dtype of the weights.
        n_post: Number of postsynaptic neurons.
        max_row: The largest number of edges of one row.
    """
    zeros = jnp.zeros((*events.shape[:-1], n_post), weights.dtype)
    return added(zeros, weights, indices, indptr, events, max_row)


def added(
    y: jax.Array,
    weights: jax.Array,
    indices: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    max_row: int,
    place: Place = lambda index: index,
) -> jax.Array:
    """The product added to y, `place` saying where in y an index is."""
    if indices.shape[0] == 0:
        return y
    if events.ndim > 1 or events.shape[-1] < 2 * AT_ONCE:
        return _dense(y, weights, indices, indptr, events, place)

    def add(y: jax.Array, rows: jax.Array, given: jax.Array) -> jax.Array:
        start, stop = indptr[rows], indptr[rows + 1]
        edge = start[:, None] + jnp.arange(max_row, dtype=jnp.int32)
        real = (edge < stop[:, None]) & given[:, None]
        weight = weights[edge] if weights.shape[0] > 1 else jnp.broadcast_to(weights, edge.shape)
        if events.dtype != jnp.bool_:
            weight = weight * events[rows][:, None]
        return y.at[place(indices[edge])].add(jnp.where(real, weight, 0))

    return over_active(_active(events), add, y)


def _active(events: jax.Array) -> jax.Array:
    return events if events.dtype == jnp.bool_ else events != 0


def _dense(y: Any, weights: Any, indices: Any, indptr: Any, events: Any, place: Place) -> jax.Array:
    """The sum edge by edge, in which a weight that no spike reaches does not count."""
    # Without the barrier XLA spends seconds on evaluating the rows of millions of edges.
    indices, indptr = lax.optimization_barrier((indices, indptr))
    source = row_of_edge(indices, indptr)
    weight = jnp.where(_active(events)[..., source], weights, 0)
    if events.dtype != jnp.bool_:
        weight = weight * events[..., source]
    return y.at[..., place(indices)].add(weight)
