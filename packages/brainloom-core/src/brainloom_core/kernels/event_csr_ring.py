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

from collections.abc import Callable, Iterator

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..types import Array, Quantity
from ..units import to_number, with_unit
from .event_csr import Place, added, edgewise
from .op import Op, Sample
from .samples import N_PRE, matrix, sent

__all__ = ["event_csr_ring", "event_csr_ring_reference"]


def event_csr_ring(
    ring: Quantity,
    weights: Quantity,
    slots: jax.Array | np.ndarray,
    indptr: jax.Array,
    events: jax.Array,
    position: jax.Array,
    *,
    max_row: int | None = None,
    implementation: str | None = None,
) -> tuple[Quantity, Quantity]:
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
    ring, arrived = OP(*args, max_row=max_row, implementation=implementation)
    return with_unit(ring, unit), with_unit(arrived, unit)


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


def _formula(
    ring: jax.Array,
    weights: jax.Array,
    slots: jax.Array,
    indptr: jax.Array,
    events: jax.Array,
    position: jax.Array,
    *,
    max_row: int,
) -> tuple[jax.Array, jax.Array]:
    """The step edge by edge: linear in the ring, bilinear in the others, the cost of all edges."""

    def add(flat: jax.Array, place: Place) -> jax.Array:
        return edgewise(flat, weights, events, slots, indptr, place)

    return _turned(ring, add, position)


def _result(
    ring: Array, *where: Array, max_row: int
) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
    arrived = (*ring.shape[:-2], ring.shape[-1])
    return jax.ShapeDtypeStruct(ring.shape, ring.dtype), jax.ShapeDtypeStruct(arrived, ring.dtype)


def _samples(dtype: str) -> Iterator[Sample]:
    random, length, n_post = np.random.default_rng(2), 4, 11
    for n_pre in N_PRE:
        slots, indptr = matrix(n_pre, length * n_post)
        weights = random.normal(size=slots.size).astype(dtype)
        for place, (label, events) in enumerate(sent(n_pre, dtype)):
            ring = random.normal(size=(*events.shape[:-1], length, n_post)).astype(dtype)
            shared = weights[: 1 if place % 2 else None]
            operands = ring, shared, slots, indptr, events, np.int32(place % length)
            sizes = {"max_row": int(np.diff(indptr).max())}
            yield Sample(f"{n_pre} neurons, {label}", tuple(map(jnp.asarray, operands)), sizes)


OP = Op(
    "event_csr_ring",
    event_csr_ring_reference,
    formula=_formula,
    result=_result,
    differentiable=("ring", "weights", "events"),
    batched=("ring", "events"),
    samples=_samples,
)
