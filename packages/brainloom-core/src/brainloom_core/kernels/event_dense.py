r"""Event-driven product of spikes with a dense matrix, $y_j = \sum_i s_i W_{ij}$.

For many samples or time steps at once, as training has them: only the rows of the matrix whose
neuron spikes are read. The derivative by the matrix, $\sum_m s_{mi}\, \bar y_{mj}$, touches only
those rows too; it is an operation of its own, `event_outer`. The derivative by the spikes is dense.
"""

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ..errors import InputError
from ..units import with_unit
from .registry import find_kernel

__all__ = ["event_dense", "event_dense_reference", "event_outer_reference"]


def event_dense(events: Any, weights: Any, *, implementation: str | None = None) -> Any:
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
    out = jax.ShapeDtypeStruct((flat.shape[0], number.shape[1]), number.dtype)
    kernels = (
        find_kernel("event_dense", implementation, (flat, number), {}),
        find_kernel("event_outer", implementation, (flat, out), {}),
    )
    product = _dense.bind(flat, number, kernels=kernels)
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


_dense, _outer = Primitive("event_dense"), Primitive("event_outer")

# Both are linear in their second operand, and what transposes one of them is the other. Tangents
# of events are no events.
ad.defjvp(
    _dense,
    lambda tangent, events, weights, kernels: event_dense_reference(tangent, weights),
    lambda tangent, events, weights, kernels: _dense.bind(events, tangent, kernels=kernels),
)
ad.defjvp(
    _outer,
    lambda tangent, events, values, kernels: event_outer_reference(tangent, values),
    lambda tangent, events, values, kernels: _outer.bind(events, tangent, kernels=kernels),
)


def _batched_dense(operands: Any, axes: Any, *, kernels: Any) -> tuple[jax.Array, int]:
    """More events for the same weights are a longer list; other weights need a dense product."""
    events, weights = operands
    if axes[1] is not None:
        return jax.vmap(event_dense_reference, axes)(*operands), 0
    events = jnp.moveaxis(events, axes[0], 0)
    flat = events.reshape(-1, events.shape[-1])
    product = _dense.bind(flat, weights, kernels=kernels)
    return product.reshape(*events.shape[:-1], -1), 0


def _batched_outer(operands: Any, axes: Any, *, kernels: Any) -> tuple[jax.Array, int]:
    return jax.vmap(event_outer_reference, axes)(*operands), 0


def _define(primitive: Any, kernel: int, rows: Any, transposed_by: Any, batched: Any) -> None:
    """Tell JAX the shape, the program, the transpose and the batching of a primitive."""

    def run(*operands: Any, kernels: Any) -> Any:
        return kernels[kernel](*operands)

    def shape(events: Any, other: Any, *, kernels: Any) -> Any:
        return other.update(shape=(rows(events), other.shape[1]))

    def transpose(cotangent: Any, events: Any, other: Any, *, kernels: Any) -> Any:
        if type(cotangent) is ad.Zero:
            return None, ad.Zero(other.aval)
        return None, transposed_by.bind(events, cotangent, kernels=kernels)

    primitive.def_impl(jax.jit(run, static_argnames="kernels"))
    primitive.def_abstract_eval(shape)
    mlir.register_lowering(primitive, mlir.lower_fun(run, multiple_results=False))
    ad.primitive_transposes[primitive] = transpose
    batching.primitive_batchers[primitive] = batched


_define(_dense, 0, lambda events: events.shape[0], _outer, _batched_dense)
_define(_outer, 1, lambda events: events.shape[1], _dense, _batched_outer)
