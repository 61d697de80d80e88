r"""Event-driven change of edges: where a neuron has an event, each of its edges is rewritten.

What an edge carries (a weight, an eligibility) becomes a function of itself and of values of its
two ends. Only the edges of neurons with an event are touched, so that the cost follows the events.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun
from jax.tree_util import Partial

from ..errors import InputError
from ..types import Array, PyTree
from .active import AT_ONCE, over_active
from .op import Op, Sample
from .samples import N_PRE, matrix, sent

__all__ = ["edge_update", "edge_update_reference"]

ROWS_AT_ONCE = 8  # few have an event in one step, and each has several arrays to go through


def edge_update(
    function: Callable[[PyTree, PyTree, PyTree], PyTree],
    edges: PyTree,
    own: PyTree,
    other: PyTree,
    events: jax.Array,
    *,
    rows: jax.Array,
    columns: jax.Array,
    indptr: jax.Array,
    numbers: jax.Array | None = None,
    indices: jax.Array | None = None,
    max_row: int | None = None,
    implementation: str | None = None,
) -> PyTree:
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
    function = _as_operand(function, *whole)
    return OP(function, *operands, max_row=max_row, implementation=implementation)


def edge_update_reference(
    function: Callable[[PyTree, PyTree, PyTree], PyTree],
    edges: PyTree,
    own: PyTree,
    other: PyTree,
    events: jax.Array,
    rows: jax.Array,
    columns: jax.Array,
    indptr: jax.Array,
    numbers: jax.Array | None,
    indices: jax.Array | None,
    *,
    max_row: int,
) -> PyTree:
    """The change in plain JAX: of the edges of eight rows with an event at a time.

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

    def change(edges: PyTree, rows: jax.Array, given: jax.Array) -> PyTree:
        row = rows[:, None]
        place = indptr[row] + jnp.arange(max_row, dtype=jnp.int32)
        real = (place < indptr[row + 1]) & given[:, None]
        edge = place if numbers is None else numbers[place]
        column = columns[edge] if indices is None else indices[place]
        new = _each(function)(_at(edges, edge), _at(own, row), _at(other, column))
        edge = jnp.where(real, edge, n_edges)  # an edge that does not exist is left out
        return jax.tree.map(lambda old, new: old.at[edge].set(new, mode="drop"), edges, new)

    return over_active(events, change, edges, ROWS_AT_ONCE)


def _dense(
    function: Callable[..., PyTree],
    edges: PyTree,
    own: PyTree,
    other: PyTree,
    events: Array,
    rows: Array,
    columns: Array,
    *ignored: PyTree,
) -> PyTree:
    """The change of all edges at once."""
    new = jax.vmap(function)(edges, _at(own, rows), _at(other, columns))
    return jax.tree.map(functools.partial(jnp.where, events[rows]), new, edges)


def _at(values: PyTree, index: Array | int) -> PyTree:
    return jax.tree.map(lambda value: value[index], values)


def _each(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """A function of one edge, for chunks of rows: what belongs to a row is the same for all."""
    alike = jax.vmap(function, (0, None, 0))
    return jax.vmap(lambda edges, own, other: alike(edges, _at(own, 0), other))


@dataclass(frozen=True, eq=False)
class _Program:
    """A function that was traced: of what it brings along, and of what an edge has."""

    jaxpr: Any
    result: Any

    def __call__(self, constants: list[Array], *operands: PyTree) -> PyTree:
        run = jaxpr_as_fun(ClosedJaxpr(self.jaxpr, constants))
        return jax.tree.unflatten(self.result, run(*jax.tree.leaves(operands)))


def _as_operand(function: Callable[..., PyTree], *whole: PyTree) -> Callable[..., PyTree]:
    """The function as a structure of the arrays that it brings along, which are operands too.

    What it returns has the dtypes of the edges.
    """

    def converted(edges: PyTree, own: PyTree, other: PyTree) -> PyTree:
        new = function(edges, own, other)
        return jax.tree.map(lambda old, new: jnp.asarray(new, old.dtype), edges, new)

    one = jax.tree.map(lambda values: jax.ShapeDtypeStruct((), values.dtype), whole)
    traced, result = jax.make_jaxpr(converted, return_shape=True)(*one)
    return Partial(_Program(traced.jaxpr, jax.tree.structure(result)), traced.consts)


def _formula(function: Callable[..., PyTree], *operands: PyTree, max_row: int) -> PyTree:
    return _dense(function, *operands)


def _result(
    function: Callable[..., PyTree], edges: PyTree, *operands: PyTree, max_row: int
) -> PyTree:
    return edges


def _samples(dtype: str) -> Iterator[Sample]:
    random, n_columns = np.random.default_rng(2), 11
    for n_rows in N_PRE:
        columns, indptr = matrix(n_rows, n_columns)
        rows = np.repeat(np.arange(n_rows, dtype=np.int32), np.diff(indptr))
        shapes = columns.size, n_rows, n_columns
        values = [jnp.asarray(random.normal(size=n).astype(dtype)) for n in shapes]
        function = _as_operand(lambda w, x, y: w + 0.5 * x * y - 0.1 * w * w, *values)
        order = random.permutation(columns.size).astype(np.int32)
        ends = [np.empty_like(order), np.empty_like(order)]
        ends[0][order], ends[1][order] = rows, columns
        for label, events in sent(n_rows, dtype):
            if events.shape != (n_rows,) or events.dtype != bool:
                continue
            for view, where in (
                ("rows", (rows, columns, indptr, None, None)),
                ("columns", (*ends, indptr, order, columns)),
                ("columns that are looked up", (*ends, indptr, order, None)),
            ):
                operands = jax.tree.map(jnp.asarray, (*values, events, *where))
                sizes = {"max_row": int(np.diff(indptr).max())}
                yield Sample(f"{n_rows} {view}, {label}", (function, *operands), sizes)


OP = Op(
    "edge_update",
    edge_update_reference,
    formula=_formula,
    result=_result,
    differentiable=("function", "edges", "own", "other"),
    samples=_samples,
    compiled=False,
)
