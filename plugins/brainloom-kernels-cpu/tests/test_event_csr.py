"""The native product against a dense one in numpy."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_kernels_cpu import event_csr, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))

N_POST = 23
TYPES = [
    (np.float32, np.bool_),
    (np.float32, np.float32),
    (np.float64, np.bool_),
    (np.float64, np.float64),
]


class Csr(NamedTuple):
    """A matrix as the op takes it, all in numpy."""

    weights: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray

    @property
    def n_pre(self) -> int:
        return self.indptr.size - 1

    def dense(self) -> np.ndarray:
        rows = np.repeat(np.arange(self.n_pre), np.diff(self.indptr))
        matrix = np.zeros((self.n_pre, N_POST))
        np.add.at(matrix, (rows, self.indices), self.weights)
        return matrix


def random_csr(
    dtype: type = np.float32, homogeneous: bool = False, n_pre: int = 29, seed: int = 0
) -> Csr:
    """Rows of 0 to 6 edges in any order, so some are empty and some meet a target twice."""
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 7, n_pre))]).astype(np.int32)
    indices = rng.integers(0, N_POST, indptr[-1]).astype(np.int32)
    weights = rng.normal(size=1 if homogeneous else indptr[-1]).astype(dtype)
    return Csr(weights, indices, indptr)


def random_events(
    shape: tuple[int, ...], dtype: type = np.bool_, rate: float = 0.2, seed: int = 1
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    active = rng.random(shape) < rate
    return active if dtype is np.bool_ else (active * rng.normal(size=shape)).astype(dtype)


def product(csr: Csr, events: np.ndarray) -> jax.Array:
    return event_csr(*csr, events, n_post=N_POST)


def assert_product(actual: jax.Array, csr: Csr, events: np.ndarray) -> None:
    """The error of a sum is bounded by the rounding of its terms."""
    assert actual.dtype == csr.weights.dtype
    bound = 64 * np.finfo(csr.weights.dtype).eps
    np.testing.assert_allclose(actual, events @ csr.dense(), rtol=bound, atol=bound)


@pytest.mark.parametrize(("weight", "event"), TYPES)
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("n_pre", [1, 7, 8, 29, 200])
def test_equals_dense(
    weight: type, event: type, homogeneous: bool, rate: float, n_pre: int
) -> None:
    csr = random_csr(weight, homogeneous, n_pre)
    events = random_events((n_pre,), event, rate)
    assert_product(product(csr, events), csr, events)


@pytest.mark.parametrize(("weight", "event"), TYPES)
@pytest.mark.parametrize("only", [0, 7, 8, 28])
def test_finds_a_single_event_wherever_it_is(weight: type, event: type, only: int) -> None:
    csr = random_csr(weight)
    events = np.zeros(csr.n_pre, event)
    events[only] = 1
    assert_product(product(csr, events), csr, events)


def test_duplicate_edges_add_up() -> None:
    csr = Csr(
        np.array([1, 2, 4], np.float32), np.array([5, 5, 5], np.int32), np.array([0, 3], "i4")
    )
    assert product(csr, np.ones(1, bool))[5] == 7


def test_without_edges_the_result_is_zero() -> None:
    csr = Csr(np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(10, np.int32))
    np.testing.assert_array_equal(product(csr, np.ones(9, bool)), np.zeros(N_POST))


def test_shared_weight_without_edges() -> None:
    csr = Csr(np.ones(1, np.float32), np.zeros(0, np.int32), np.zeros(10, np.int32))
    np.testing.assert_array_equal(product(csr, np.ones(9, bool)), np.zeros(N_POST))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 29)])
def test_empty_events(shape: tuple[int, ...]) -> None:
    csr = random_csr(n_pre=shape[-1])
    result = product(csr, np.zeros(shape, bool))
    np.testing.assert_array_equal(result, np.zeros((*shape[:-1], N_POST)))


def test_no_targets() -> None:
    empty = np.zeros(0, np.float32), np.zeros(0, np.int32), np.zeros(5, np.int32)
    assert event_csr(*empty, np.ones((2, 4), bool), n_post=0).shape == (2, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_events_spread_to_their_targets_only(dtype: type) -> None:
    csr = random_csr(dtype)
    events = np.zeros(csr.n_pre, dtype)
    events[3] = np.nan
    reached = csr.dense()[3] != 0
    np.testing.assert_array_equal(np.isnan(product(csr, events)), reached)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_zero_events_are_skipped_whatever_the_weights(dtype: type, zero: float) -> None:
    csr = random_csr(dtype)._replace(weights=np.full(random_csr().indices.size, np.inf, dtype))
    result = product(csr, np.full(csr.n_pre, zero, dtype))
    np.testing.assert_array_equal(result, np.zeros(N_POST))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_smallest_events_count(dtype: type) -> None:
    csr = random_csr(dtype)._replace(weights=np.ones(1, dtype))
    events = np.full(csr.n_pre, np.finfo(dtype).tiny)
    assert_product(product(csr, events) / np.finfo(dtype).tiny, csr, np.ones(csr.n_pre))


@pytest.mark.parametrize(("weight", "event"), TYPES)
@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("batch", [(1,), (5,), (2, 3)])
def test_batch_axes(weight: type, event: type, homogeneous: bool, batch: tuple[int, ...]) -> None:
    csr = random_csr(weight, homogeneous)
    events = random_events((*batch, csr.n_pre), event)
    assert_product(product(csr, events), csr, events)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("homogeneous", [False, True])
def test_vmap_over_events(axis: int, homogeneous: bool) -> None:
    csr = random_csr(homogeneous=homogeneous)
    events = random_events((5, csr.n_pre))
    mapped = jax.vmap(lambda events: product(csr, events), in_axes=axis)
    assert_product(mapped(jnp.asarray(np.moveaxis(events, 0, axis))), csr, events)


@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_vmap_over_weights(homogeneous: bool, batch: tuple[int, ...]) -> None:
    csr = random_csr(homogeneous=homogeneous)
    events = random_events((*batch, csr.n_pre))
    weights = np.stack([csr.weights, 2 * csr.weights, -csr.weights])
    results = jax.vmap(lambda weights: product(csr._replace(weights=weights), events))(weights)
    for result, own in zip(results, weights, strict=True):
        assert_product(result, csr._replace(weights=own), events)


@pytest.mark.parametrize("homogeneous", [False, True])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_vmap_over_weights_and_events(homogeneous: bool, batch: tuple[int, ...]) -> None:
    csr = random_csr(homogeneous=homogeneous)
    events = random_events((3, *batch, csr.n_pre))
    weights = np.stack([csr.weights, 2 * csr.weights, -csr.weights])
    mapped = jax.vmap(lambda weights, events: product(csr._replace(weights=weights), events))
    for result, own, sent in zip(mapped(weights, events), weights, events, strict=True):
        assert_product(result, csr._replace(weights=own), sent)


def test_vmap_over_the_matrix() -> None:
    same = np.arange(0, 121, 4, dtype=np.int32)
    rng = np.random.default_rng(3)
    indices = rng.integers(0, N_POST, (3, 120)).astype(np.int32)
    indptr = np.stack([same, np.minimum(same + 8, 120), np.maximum(same - 8, 0)])
    indptr[:, 0], indptr[:, -1] = 0, 120
    weights = rng.normal(size=120).astype(np.float32)
    events = random_events((30,))
    results = jax.vmap(lambda *matrix: product(Csr(weights, *matrix), events))(indices, indptr)
    for result, *matrix in zip(results, indices, indptr, strict=True):
        assert_product(result, Csr(weights, *matrix), events)


def test_nested_vmap_with_different_axes_and_a_batch() -> None:
    csr = random_csr()
    events = random_events((4, 2, csr.n_pre))
    weights = np.stack([csr.weights, 2 * csr.weights, -csr.weights])

    def one(weights: jax.Array, events: jax.Array) -> jax.Array:
        return event_csr(weights, csr.indices, csr.indptr, events, n_post=N_POST)

    results = jax.vmap(jax.vmap(one, in_axes=(None, 0)), in_axes=(0, None))(weights, events)
    assert results.shape == (3, 4, 2, N_POST)
    for result, own in zip(results, weights, strict=True):
        assert_product(result, csr._replace(weights=own), events)


def test_a_mapped_product_is_one_call() -> None:
    csr = random_csr()
    mapped = jax.jit(jax.vmap(lambda events: product(csr, events)))
    text = mapped.lower(random_events((5, csr.n_pre))).as_text()
    assert text.count("custom_call @brainloom_event_csr") == 1
    assert "while" not in text


def test_jit_and_scan_equal_eager() -> None:
    csr = random_csr()
    events = random_events((50, csr.n_pre))

    @jax.jit
    def run(events: jax.Array) -> jax.Array:
        return jax.lax.scan(lambda carry, sent: (carry, product(csr, sent)), None, events)[1]

    np.testing.assert_array_equal(run(events), [product(csr, sent) for sent in events])


@pytest.mark.parametrize(
    ("change", "operand"),
    [
        ({"weights": np.ones(3, np.float32)}, "weights"),
        ({"weights": np.ones(0, np.float32)}, "weights"),
        ({"indptr": random_csr().indptr[:-1]}, "indptr"),
        ({"indptr": np.append(random_csr().indptr, 0).astype(np.int32)}, "indptr"),
        ({"indptr": random_csr().indptr + np.int32(1)}, "indptr"),
        ({"indptr": random_csr().indptr - np.int32(1)}, "indptr"),
        ({"indices": np.zeros(0, np.int32)}, "weights"),
    ],
)
def test_wrong_sizes_name_the_operand(change: dict[str, np.ndarray], operand: str) -> None:
    csr = random_csr()._replace(**change)
    with pytest.raises((jax.errors.JaxRuntimeError, ValueError), match=f"`{operand}` must"):
        product(csr, np.ones(29, bool)).block_until_ready()


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.ones(1, np.int32)},
        {"weights": np.ones(1, np.float16)},
        {"weights": np.ones((2, 1), np.float32)},
        {"weights": np.float32(1)},
        {"indices": random_csr().indices.astype(np.int64)},
        {"indptr": random_csr().indptr.astype(np.int64)},
        {"events": np.ones(29, np.float64)},
        {"events": np.ones(29, np.int32)},
        {"events": np.bool_(True)},
    ],
)
def test_wrong_types_and_ranks_are_refused_at_trace_time(change: dict[str, np.ndarray]) -> None:
    operands = {**random_csr()._asdict(), "events": np.ones(29, bool)} | change
    with pytest.raises(TypeError, match="event_csr: `weights` must be float32 or float64"):
        jax.eval_shape(lambda: event_csr(**operands, n_post=N_POST))
