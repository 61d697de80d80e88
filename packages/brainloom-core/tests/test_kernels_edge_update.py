"""The event-driven change of edges against a loop over edges in numpy."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError
from brainloom_core.kernels import edge_update, list_kernels

N_COLUMNS = 23


class Graph:
    """Rows of 0 to 6 edges, seen by rows or, through the numbers of edges, by columns."""

    def __init__(self, n_rows: int, by_columns: bool, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        lengths = rng.integers(0, 7, n_rows)
        rows = np.repeat(np.arange(n_rows), lengths)
        columns = rng.integers(0, N_COLUMNS, len(rows))
        order = rng.permutation(len(rows)) if by_columns else np.arange(len(rows))
        self.n_rows, self.n_edges = n_rows, len(rows)
        self.rows, self.columns = np.empty_like(rows), np.empty_like(columns)
        self.rows[order], self.columns[order] = rows, columns
        self.arrays = {
            "rows": jnp.asarray(self.rows, jnp.int32),
            "columns": jnp.asarray(self.columns, jnp.int32),
            "indptr": jnp.asarray(np.concatenate([[0], np.cumsum(lengths)]), jnp.int32),
            "numbers": jnp.asarray(order, jnp.int32) if by_columns else None,
            "indices": jnp.asarray(columns, jnp.int32) if by_columns else None,
        }

    def values(self, dtype: Any = np.float64, seed: int = 1) -> tuple[Any, Any, Any]:
        rng = np.random.default_rng(seed)
        sizes = self.n_edges, self.n_rows, N_COLUMNS
        edges, own, other = (rng.normal(size=n).astype(dtype) for n in sizes)
        return edges, own, other


def change(w: Any, x: Any, y: Any) -> Any:
    return w + 0.5 * x * y - 0.1 * w * w


def by_hand(graph: Graph, events: Any, edges: Any, own: Any, other: Any) -> Any:
    new = change(edges, own[graph.rows], other[graph.columns])
    return np.where(events[graph.rows], new, edges)


def some(n: int, count: int, seed: int = 2) -> np.ndarray:
    events = np.zeros(n, bool)
    events[np.random.default_rng(seed).permutation(n)[:count]] = True
    return events


both = pytest.mark.parametrize("by_columns", [False, True])


@both
@pytest.mark.parametrize("n_rows", [29, 33, 3000])
def test_equals_a_loop_over_edges(n_rows: int, by_columns: bool, float64: None) -> None:
    graph = Graph(n_rows, by_columns)
    run = jax.jit(lambda events: edge_update(change, *graph.values(), events, **graph.arrays))
    # none, one, a chunk and more, the most that are compacted, one more, all
    for count in (0, 1, 16, 17, 93, 94, 95, n_rows):
        events = some(n_rows, min(count, n_rows))
        expected = by_hand(graph, events, *graph.values())
        np.testing.assert_allclose(run(events), expected, rtol=1e-14, atol=1e-15)


def test_more_edges_than_are_gone_through_at_once(float64: None) -> None:
    graph = Graph(12_000, by_columns=True)  # three blocks, the last not whole
    events = some(12_000, 6000)
    run = jax.jit(lambda events: edge_update(change, *graph.values(), events, **graph.arrays))
    expected = by_hand(graph, events, *graph.values())
    assert graph.n_edges > 2 * 2**14
    np.testing.assert_allclose(run(events), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("n_rows", [29, 400])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_structure_and_dtype(n_rows: int, dtype: Any, traced: bool, float64: None) -> None:
    graph = Graph(n_rows, by_columns=False)
    w, x, _ = graph.values(dtype)
    factor = jnp.float64(2.0)  # what the function brings along

    def swap(edge: Any, own: Any, other: Any) -> Any:
        return {"w": factor * edge["c"] + own["x"], "c": edge["w"]}

    events = some(n_rows, 3)

    def run(w: Any, x: Any) -> Any:
        return edge_update(swap, {"w": w, "c": 2 * w}, {"x": x}, (), events, **graph.arrays)

    new = (jax.jit(run) if traced else run)(w, x)
    touched = events[graph.rows]
    assert new["w"].dtype == new["c"].dtype == dtype
    np.testing.assert_allclose(new["w"], np.where(touched, 4 * w + x[graph.rows], w), rtol=1e-6)
    np.testing.assert_array_equal(new["c"], np.where(touched, w, 2 * w))


def test_columns_are_looked_up_where_they_are_not_given(float64: None) -> None:
    graph = Graph(400, by_columns=True)
    events = some(400, 5)
    ends = {**graph.arrays, "indices": None}
    found = jax.jit(lambda events: edge_update(change, *graph.values(), events, **ends))(events)
    expected = by_hand(graph, events, *graph.values())
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)


def test_without_edges() -> None:
    none = jnp.zeros(0, jnp.int32)
    ends = {"rows": none, "columns": none, "indptr": jnp.zeros(101, jnp.int32)}
    new = edge_update(change, jnp.zeros(0), jnp.ones(100), jnp.ones(5), jnp.ones(100, bool), **ends)
    assert new.shape == (0,)


@both
@pytest.mark.parametrize("n_rows", [29, 400])
def test_vmap(n_rows: int, by_columns: bool, float64: None) -> None:
    graph = Graph(n_rows, by_columns)
    events = np.stack([some(n_rows, count) for count in (0, 3, n_rows)])
    sets = [graph.values(seed=seed) for seed in range(3)]
    stacked = tuple(np.stack(values) for values in zip(*sets, strict=True))

    def run(*args: Any) -> Any:
        return edge_update(change, *args, **graph.arrays)

    expected = [by_hand(graph, e, *values) for e, values in zip(events, sets, strict=True)]
    np.testing.assert_allclose(jax.vmap(run)(*stacked, events), expected, rtol=1e-14, atol=1e-15)
    edges, own, other = sets[0]
    expected = [by_hand(graph, e, *sets[0]) for e in events]
    some_mapped = jax.vmap(run, (None, None, None, 0))(edges, own, other, events)
    np.testing.assert_allclose(some_mapped, expected, rtol=1e-14, atol=1e-15)


@both
def test_derivative(by_columns: bool, float64: None) -> None:
    graph = Graph(40, by_columns)
    events = some(40, 2)

    def driven(a: Any, *values: Any) -> Any:
        return edge_update(lambda w, x, y: change(w, a * x, y), *values, events, **graph.arrays)

    def dense(a: Any, edges: Any, own: Any, other: Any) -> Any:
        new = change(edges, a * own[graph.rows], other[graph.columns])
        return jnp.where(events[graph.rows], new, edges)

    args = (jnp.float64(0.7), *map(jnp.asarray, graph.values()))
    along = (jnp.float64(1.3), *map(jnp.asarray, graph.values(seed=5)))
    _, forward = jax.jvp(driven, args, along)
    np.testing.assert_allclose(forward, jax.jvp(dense, args, along)[1], rtol=1e-12, atol=1e-14)
    back, expected = (jax.vjp(function, *args)[1](along[1]) for function in (driven, dense))
    for found, right in zip(back, expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-12, atol=1e-14)


def test_a_batch_of_events_is_refused() -> None:
    graph = Graph(29, by_columns=False)
    with pytest.raises(InputError, match=r"expected events of shape \(29,\), got \(2, 29\)"):
        edge_update(change, *graph.values(), jnp.ones((2, 29), bool), **graph.arrays)


def test_is_listed_with_its_reference() -> None:
    assert ("edge_update", "reference") in {(k.op, k.name) for k in list_kernels()}
