r"""Event-driven product of spikes with a sparse matrix, $y_j = \sum_i s_i W_{ij}$.

The matrix is stored by presynaptic rows (CSR). Only rows of neurons that spike are touched;
that a spike is rare is what makes the product cheap. The derivative is that of the product,
with respect to the weights and to floating-point spikes, forward and reverse.
"""

from collections.abc import Callable, Iterator

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..types import Array, Quantity
from ..units import with_unit
from .active import AT_ONCE, over_active
from .op import Op, Sample
from .samples import N_PRE, matrix, sent

__all__ = ["event_csr", "event_csr_reference"]

Place = Callable[[jax.Array], jax.Array]


def event_csr(
    weights: Quantity,
    indices: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    *,
    n_post: int,
    max_row: int | None = None,
    implementation: str | None = None,
) -> Quantity:
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
    product = OP(
        number,
        indices,
        indptr,
        events,
        n_post=n_post,
        max_row=max_row,
        implementation=implementation,
    )
    return with_unit(product, unit)


def edgewise(
    y: Array,
    weights: Array,
    events: Array,
    indices: Array,
    indptr: Array,
    place: Place = lambda index: index,
) -> jax.Array:
    """The product added to y edge by edge: linear, differentiable, the cost of all edges."""
    # Without the barrier XLA spends seconds on evaluating the rows of millions of edges.
    indices, indptr = lax.optimization_barrier((indices, indptr))
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


def _dense(
    y: Array, weights: Array, indices: Array, indptr: Array, events: Array, place: Place
) -> jax.Array:
    """The sum edge by edge, in which a weight that no spike reaches does not count."""
    # Without the barrier XLA spends seconds on evaluating the rows of millions of edges.
    indices, indptr = lax.optimization_barrier((indices, indptr))
    source = row_of_edge(indices, indptr)
    weight = jnp.where(_active(events)[..., source], weights, 0)
    if events.dtype != jnp.bool_:
        weight = weight * events[..., source]
    return y.at[..., place(indices)].add(weight)


def _formula(
    weights: jax.Array,
    indices: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    *,
    n_post: int,
    max_row: int,
) -> jax.Array:
    zeros = jnp.zeros((*events.shape[:-1], n_post), weights.dtype)
    return edgewise(zeros, weights, events, indices, indptr)


def _result(
    weights: Array, indices: Array, indptr: Array, events: Array, *, n_post: int, max_row: int
) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((*events.shape[:-1], n_post), weights.dtype)


def _samples(dtype: str) -> Iterator[Sample]:
    random = np.random.default_rng(2)
    for size, n_pre in enumerate(N_PRE):
        indices, indptr = matrix(n_pre, 23)
        sizes = {"n_post": 23, "max_row": int(np.diff(indptr).max())}
        weights = random.normal(size=indices.size).astype(dtype)
        for place, (label, events) in enumerate(sent(n_pre, dtype)):
            shared = (place + size) % 2 == 1
            arrays = weights[: 1 if shared else None], indices, indptr, events
            kind = ", one weight for all" if shared else ""
            operands = tuple(map(jnp.asarray, arrays))
            yield Sample(f"{n_pre} neurons, {label}{kind}", operands, sizes)
    none = jnp.zeros(0, dtype), jnp.zeros(0, jnp.int32), jnp.zeros(6, jnp.int32)
    yield Sample("no edges", (*none, jnp.ones(5, bool)), {"n_post": 3, "max_row": 0})


OP = Op(
    "event_csr",
    event_csr_reference,
    formula=_formula,
    result=_result,
    differentiable=("weights", "events"),
    batched=("events",),
    samples=_samples,
)
