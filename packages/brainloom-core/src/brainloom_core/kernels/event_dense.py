r"""Event-driven product of spikes with a dense matrix, $y_j = \sum_i s_i W_{ij}$.

For many samples or time steps at once, as training has them: only the rows of the matrix whose
neuron spikes are read. The derivative by the matrix, $\sum_m s_{mi}\, \bar y_{mj}$, touches only
those rows too; it is an operation of its own, `event_outer`. The derivative by the spikes is dense.
"""

from collections.abc import Callable, Iterator

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..types import Array, Quantity
from ..units import with_unit
from .op import Op, Sample

__all__ = ["event_dense", "event_dense_reference", "event_outer_reference"]


def event_dense(events: Array, weights: Quantity, *, implementation: str | None = None) -> Quantity:
    """Sum, for each postsynaptic neuron, the weights of the presynaptic ones that spike.

    The product with any numbers is right; it is fast where few of them differ from zero. It can
    be differentiated forward and reverse, any number of times.

    Args:
        events: Spikes, shape `(*batch, n_pre)`: bool, or numbers, which multiply the weights.
        weights: Shape `(n_pre, n_post)`; may carry a unit, which the result has too.
        implementation: Name of the implementation to use.

    Returns:
        Shape `(*batch, n_post)`, in the unit of the weights.

    Raises:
        InputError: The shapes do not fit, or the events carry a unit.

    Example:
        ```python
        >>> import jax.numpy as jnp
        >>> from brainloom_core.kernels import event_dense
        >>> event_dense(jnp.array([True, False, True]), jnp.array([[1., 2.], [5., 5.], [3., 4.]]))
        Array([4., 6.], dtype=float32)

        ```
    """
    unit, number = u.get_unit(weights), jnp.asarray(u.get_mantissa(weights))
    if not jnp.issubdtype(number.dtype, jnp.floating):
        number = number.astype(jnp.result_type(float))
    shape = jnp.shape(events)
    if isinstance(events, u.Quantity) or number.ndim != 2 or shape[-1:] != number.shape[:1]:
        raise InputError(
            "event_dense: expected spikes (*batch, n_pre) without a unit and weights "
            f"(n_pre, n_post), got shapes {shape} and {number.shape}"
        )
    flat = jnp.reshape(events, (-1, shape[-1])).astype(number.dtype)
    product = DENSE(flat, number, implementation=implementation)
    return with_unit(product.reshape(*shape[:-1], number.shape[1]), unit)


def event_dense_reference(events: jax.Array, weights: jax.Array) -> jax.Array:
    """The product of events `(m, n_pre)` with weights `(n_pre, n_post)`.

    Args:
        events: Spikes as numbers, shape `(m, n_pre)`.
        weights: Weights of the same dtype, shape `(n_pre, n_post)`.
    """
    return events @ weights


def event_outer_reference(events: jax.Array, values: jax.Array) -> jax.Array:
    """The outer products of events `(m, n_pre)` with values `(m, n_post)`, summed over m.

    Args:
        events: Spikes as numbers, shape `(m, n_pre)`.
        values: Values of the same dtype, shape `(m, n_post)`.
    """
    return events.T @ values


def _of_shape(other: Array, n_rows: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((n_rows, other.shape[1]), other.dtype)


def _samples(n_other: Callable[[int, int], int]) -> Callable[[str], Iterator[Sample]]:
    """Events, and as many rows of the other operand as the operation takes."""

    def samples(dtype: str) -> Iterator[Sample]:
        random = np.random.default_rng(2)
        for m, n_pre, n_post in ((0, 5, 3), (1, 7, 1), (9, 37, 5), (65, 33, 64), (700, 130, 37)):
            for share in (0.0, 0.1, 1.0):
                events = (random.random((m, n_pre)) < share) * random.normal(size=(m, n_pre))
                other = random.normal(size=(n_other(m, n_pre), n_post))
                operands = jnp.asarray(events.astype(dtype)), jnp.asarray(other.astype(dtype))
                yield Sample(f"{m} x {n_pre} x {n_post}, events {share:.0%}", operands, {})

    return samples


# Both are linear in their second operand, and what transposes one of them is the other. Tangents
# of events are no events, so that theirs is a dense product.
DENSE = Op(
    "event_dense",
    event_dense_reference,
    result=lambda events, weights: _of_shape(weights, events.shape[0]),
    differentiable=("events", "weights"),
    batched=("events",),
    folded=True,
    linear="weights",
    transpose="event_outer",
    samples=_samples(lambda m, n_pre: n_pre),
)
OUTER = Op(
    "event_outer",
    event_outer_reference,
    result=lambda events, values: _of_shape(values, events.shape[1]),
    differentiable=("events", "values"),
    linear="values",
    transpose="event_dense",
    samples=_samples(lambda m, n_pre: m),
)
