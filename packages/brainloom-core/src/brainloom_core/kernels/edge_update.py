r"""Event-driven change of edges: where a neuron has an event, each of its edges is rewritten.

What an edge carries (a weight, an eligibility) becomes a function of itself and of values of its
two ends. Only the edges of neurons with an event are touched, so that the cost follows the events.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from .active import AT_ONCE, over_active
from .registry import find_kernel

__all__ = ["edge_update", "edge_update_reference"]


def edge_update(
    function: Callable[[Any, Any, Any], Any],
    edges: Any,
    own: Any,
    other: Any,
    events: jax.Array,
    *,
    rows: jax.Array,
    columns: jax.Array,
    indptr: jax.Array,
    numbers: jax.Array | None = None,
    indices: jax.Array | None = None,
    max_row: int | None = None,
    implementation: str | None = None,
) -> Any:
    r"""Rewrite the edges of the neurons that have an event, $e_k \leftarrow f(e_k, o_i, v_j)$.

    Edge $k$ is in row $i$ and column $j$. Rows are presynaptic neurons where the edges are
    numbered by them (CSR); with `numbers`, they are postsynaptic neurons, or any other ends.

    Args:
        function: Of what one edge carries, the values of its row and those of its column, all
            scalars, structured as given; returns what the edge carries from now on.
        edges: What edges carry: arrays of shape `(n_edges,)`, in a structure of any kind.
        own: Values of the rows: arrays of shape `(n_rows,)`, structured.
        other: Values of the columns: arrays of shape `(n_columns,)`, structured.
        events: Which rows have an event, bool, shape `(n_rows,)`.
        rows: Row of each edge, int32, shape `(n_edges,)`.
        columns: Column of each edge, int32, shape `(n_edges,)`.
        indptr: Where each row starts, int32, shape `(n_rows + 1,)`.
        numbers: The edges of all rows, one row after the other, int32; None if they are in order.
        indices: Columns of these, int32, `columns[numbers]`, which is looked up if not given; with
            it, memory is read in order.
        max_row: The largest number of edges of one row; found from `indptr` if not given,
            which is then required to be concrete.
        implementation: Name of the implementation to use.

    Returns:
        What the edges carry, of the structure and the dtypes of `edges`.

    Raises:
        InputError: `events` has not one value per row; a batch of events cannot change one set of
            edges (`jax.vmap` over everything can).

    Example:
        ```python
        >>> import jax.numpy as jnp
        >>> from brainloom_core.kernels import edge_update
        >>> ends = {"rows": jnp.array([0, 0, 1]), "columns": jnp.array([0, 1, 1])}
        >>> edge_update(lambda w, x, y: w + x * y, jnp.ones(3), jnp.array([1., 2.]),
        ...             jnp.array([3., 4.]), jnp.array([True, False]), **ends,
        ...             indptr=jnp.array([0, 2, 3]))
        Array([4., 5., 1.], dtype=float32)

        ```
    """
    if events.shape != (indptr.shape[0] - 1,):
        raise InputError(
            f"edge_update: expected events of shape ({indptr.shape[0] - 1},), got {events.shape}"
        )
    if max_row is None:
        max_row = int(np.diff(np.asarray(indptr)).max(initial=0))
    whole = jax.tree.map(jnp.asarray, (edges, own, other))
    operands = *whole, events, rows, columns, indptr, numbers, indices
    sizes = {"max_row": max_row}
    function = _like_edges(function)
    chosen = find_kernel("edge_update", implementation, (function, *operands), sizes)
    traced = [isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((whole, events))]
    if chosen is edge_update_reference and not any(traced):
        return _dense(function, *operands)  # what follows would be compiled in each call
    one = jax.tree.map(lambda values: jnp.zeros((), values.dtype), whole)
    function, constants = jax.closure_convert(function, *one)

    @jax.custom_batching.custom_vmap
    def primal(constants: Any, *operands: Any) -> Any:
        return chosen(_with(function, constants), *operands, max_row=max_row)

    @primal.def_vmap
    def batched(axis_size: int, axes: Any, *args: Any) -> Any:
        mapped = jax.vmap(dense, jax.tree.map(lambda axis: 0 if axis else None, axes))(*args)
        return mapped, jax.tree.map(lambda value: True, mapped)

    def dense(constants: Any, *operands: Any) -> Any:
        return _dense(_with(function, constants), *operands)

    @jax.custom_jvp
    def update(constants: Any, *operands: Any) -> Any:
        return primal(constants, *operands)

    @update.defjvp
    def derivative(primals: Any, tangents: Any) -> Any:
        constants, edges, own, other, *rest = primals
        changing = jax.jvp(
            lambda *values: dense(*values, *rest), (constants, edges, own, other), tangents[:4]
        )
        return update(*primals), changing[1]

    return update(constants, *operands)


def edge_update_reference(
    function: Callable[[Any, Any, Any], Any],
    edges: Any,
    own: Any,
    other: Any,
    events: jax.Array,
    rows: jax.Array,
    columns: jax.Array,
    indptr: jax.Array,
    numbers: jax.Array | None,
    indices: jax.Array | None,
    *,
    max_row: int,
) -> Any:
    """The change in plain JAX: of the edges of sixteen rows with an event at a time.

    Args:
        function: Of what one edge carries, the values of its row and those of its column.
        edges: What edges carry: arrays of shape `(n_edges,)`, structured.
        own: Values of the rows: arrays of shape `(n_rows,)`, structured.
        other: Values of the columns: arrays of shape `(n_columns,)`, structured.
        events: Which rows have an event, bool, shape `(n_rows,)`.
        rows: Row of each edge, int32, shape `(n_edges,)`.
        columns: Column of each edge, int32, shape `(n_edges,)`.
        indptr: Where each row starts, int32, shape `(n_rows + 1,)`.
        numbers: The edges of all rows, one row after the other, int32; None if they are in order.
        indices: Columns of these, int32, or None.
        max_row: The largest number of edges of one row.
    """
    n_edges = rows.shape[0]
    if n_edges == 0 or events.shape[0] < 2 * AT_ONCE:
        return _dense(function, edges, own, other, events, rows, columns)

    def change(edges: Any, rows: jax.Array, given: jax.Array) -> Any:
        row = rows[:, None]
        place = indptr[row] + jnp.arange(max_row, dtype=jnp.int32)
        real = (place < indptr[row + 1]) & given[:, None]
        edge = place if numbers is None else numbers[place]
        column = columns[edge] if indices is None else indices[place]
        new = _each(function)(_at(edges, edge), _at(own, row), _at(other, column))
        edge = jnp.where(real, edge, n_edges)  # an edge that does not exist is left out
        return jax.tree.map(lambda old, new: old.at[edge].set(new, mode="drop"), edges, new)

    return over_active(events, change, edges)


def _dense(
    function: Any,
    edges: Any,
    own: Any,
    other: Any,
    events: Any,
    rows: Any,
    columns: Any,
    *ignored: Any,
) -> Any:
    """The change of all edges at once."""
    new = jax.vmap(function)(edges, _at(own, rows), _at(other, columns))
    return jax.tree.map(functools.partial(jnp.where, events[rows]), new, edges)


def _at(values: Any, index: Any) -> Any:
    return jax.tree.map(lambda value: value[index], values)


def _each(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of one edge, for chunks of rows: what belongs to a row is the same for all."""
    alike = jax.vmap(function, (0, None, 0))
    return jax.vmap(lambda edges, own, other: alike(edges, _at(own, 0), other))


def _like_edges(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with what it returns in the dtypes of the edges."""

    def converted(edges: Any, own: Any, other: Any) -> Any:
        new = function(edges, own, other)
        return jax.tree.map(lambda old, new: jnp.asarray(new, old.dtype), edges, new)

    return converted


def _with(function: Callable[..., Any], constants: Any) -> Callable[..., Any]:
    return lambda edges, own, other: function(edges, own, other, *constants)
