"""The event-driven product against a dense one in numpy, and the choice of implementations."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import KernelError
from brainloom_core.kernels import (
    Kernel,
    event_csr,
    event_csr_reference,
    find_kernel,
    list_kernels,
    use_kernel,
)

pytestmark = pytest.mark.usefixtures("untried")

Provide = Callable[..., None]

N_POST = 23


class Csr(NamedTuple):
    """A matrix as the operation takes it, in numpy."""

    weights: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray

    @property
    def n_pre(self) -> int:
        return self.indptr.size - 1

    @property
    def rows(self) -> np.ndarray:
        return np.repeat(np.arange(self.n_pre), np.diff(self.indptr))

    def dense(self) -> np.ndarray:
        matrix = np.zeros((self.n_pre, N_POST))
        np.add.at(matrix, (self.rows, self.indices), self.weights)
        return matrix


def random_csr(n_pre: int = 29, dtype: Any = np.float32, shape: Any = None, seed: int = 0) -> Csr:
    """Rows of 0 to 6 edges, so some are empty and some reach a target twice."""
    rng = np.random.default_rng(seed)
    indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 7, n_pre))]).astype(np.int32)
    indices = rng.integers(0, N_POST, indptr[-1]).astype(np.int32)
    weights = np.asarray(rng.normal(size=indptr[-1] if shape is None else shape), dtype)
    return Csr(weights, indices, indptr)


def graded(active: np.ndarray, dtype: Any = np.float32, seed: int = 2) -> np.ndarray:
    """Events of any size and sign where they are active."""
    return (active * np.random.default_rng(seed).normal(size=active.shape)).astype(dtype)


def random_events(shape: tuple[int, ...], rate: float = 0.2, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < rate


def product(csr: Csr, events: Any, **options: Any) -> jax.Array:
    return event_csr(*csr, jnp.asarray(events), n_post=N_POST, **options)


def assert_product(actual: Any, csr: Csr, events: np.ndarray) -> None:
    """The error of a sum is bounded by the rounding of its terms."""
    assert actual.dtype == csr.weights.dtype
    matrix, sent = csr.dense(), np.asarray(events, np.float64)
    terms = np.abs(sent) @ np.abs(matrix) + np.abs(matrix).max(initial=1.0)
    error = np.abs(np.asarray(actual, np.float64) - sent @ matrix)
    assert (error <= 32 * np.finfo(csr.weights.dtype).eps * terms).all()


def patterns(n: int) -> list[np.ndarray]:
    """Numbers of events around the sizes of a pass, at the start, at the end and anywhere."""
    found = []
    for count in {0, 1, 2, 16, 17, 64, 65, n // 16, n // 16 + 1, n // 2, n}:
        start = np.arange(n) < count
        found += [start, start[::-1], np.random.default_rng(count).permutation(start)]
    return found


# Values

SIZES = [1, 2, 16, 17, 31, 32, 33, 63, 64, 65, 95, 96, 97, 1000, 1023, 1024, 1025, 5000]


@pytest.mark.parametrize("events", ["bool", "float"])
@pytest.mark.parametrize("n_pre", SIZES)
def test_equals_the_dense_product(n_pre: int, events: str) -> None:
    csr = random_csr(n_pre)
    compiled = jax.jit(lambda sent: product(csr, sent))
    for active in patterns(n_pre):
        sent = active if events == "bool" else graded(active)
        assert_product(compiled(sent), csr, sent)


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("events", ["bool", "float"])
@pytest.mark.parametrize("n_pre", [31, 33, 1000])
def test_one_weight_for_all_edges(n_pre: int, events: str, shape: tuple[int, ...]) -> None:
    csr = random_csr(n_pre, shape=shape)
    compiled = jax.jit(lambda sent: product(csr, sent))
    for active in patterns(n_pre):
        sent = active if events == "bool" else graded(active)
        assert_product(compiled(sent), csr, sent)


@pytest.mark.parametrize("n_pre", [29, 400])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_keeps_the_dtype_of_the_weights(n_pre: int, dtype: Any, float64: None) -> None:
    csr = random_csr(n_pre, dtype)
    for sent in (random_events((n_pre,)), graded(random_events((n_pre,)), np.float32)):
        assert_product(product(csr, sent), csr, sent)


@pytest.mark.parametrize("n_pre", [29, 400])
def test_half_precision(n_pre: int) -> None:
    csr = random_csr(n_pre, jnp.bfloat16, shape=(1,))._replace(weights=jnp.ones(1, jnp.bfloat16))
    events = np.arange(n_pre) < 2
    result = product(csr, events)
    assert result.dtype == jnp.bfloat16
    np.testing.assert_array_equal(np.asarray(result, float), events @ csr.dense())


@pytest.mark.parametrize("n_pre", [29, 400])
def test_whole_numbers_become_floats(n_pre: int) -> None:
    csr = random_csr(n_pre)._replace(weights=np.arange(random_csr(n_pre).indices.size))
    events = np.arange(n_pre, dtype=np.int32) % 3
    result = product(csr, events)
    assert result.dtype == jnp.float32
    np.testing.assert_allclose(result, events @ csr.dense(), rtol=1e-6)


@pytest.mark.parametrize("n_pre", [29, 400])
def test_nan_reaches_the_targets_of_its_source_only(n_pre: int) -> None:
    csr = random_csr(n_pre)
    events = np.zeros(n_pre, np.float32)
    events[3] = np.nan
    np.testing.assert_array_equal(np.isnan(product(csr, events)), csr.dense()[3] != 0)


@pytest.mark.parametrize("n_pre", [29, 400])
def test_negative_zero_is_no_event(n_pre: int) -> None:
    csr = random_csr(n_pre)
    result = product(csr, np.full(n_pre, -0.0, np.float32))
    np.testing.assert_array_equal(result, np.zeros(N_POST))


@pytest.mark.parametrize("n_pre", [29, 400])
def test_weights_of_silent_sources_do_not_matter(n_pre: int) -> None:
    csr = random_csr(n_pre)
    events = random_events((n_pre,))
    weights = np.where(events[csr.rows], csr.weights, np.inf).astype(np.float32)
    result = product(csr._replace(weights=weights), events)
    assert_product(result, csr, events)


@pytest.mark.parametrize("unit", [u.mS, u.mV, u.nS])
@pytest.mark.parametrize("shape", [None, (1,), ()])
def test_keeps_the_unit_of_the_weights(unit: Any, shape: Any) -> None:
    csr, events = random_csr(shape=shape), random_events((29,))
    result = event_csr(csr.weights * unit, *csr[1:], jnp.asarray(events), n_post=N_POST)
    assert u.get_unit(result) == unit
    assert_product(result.mantissa, csr, events)


def test_duplicate_edges_add_up() -> None:
    csr = Csr(np.array([1, 2, 4], "f4"), np.array([5, 5, 5], "i4"), np.array([0, 3], "i4"))
    assert product(csr, [True])[5] == 7


@pytest.mark.parametrize("n_pre", [0, 9, 400])
@pytest.mark.parametrize("batch", [(), (3,), (0,)])
def test_without_edges_all_is_zero(n_pre: int, batch: tuple[int, ...]) -> None:
    csr = Csr(np.zeros(0, "f4"), np.zeros(0, "i4"), np.zeros(n_pre + 1, "i4"))
    result = product(csr, np.ones((*batch, n_pre), bool))
    np.testing.assert_array_equal(result, np.zeros((*batch, N_POST)))


@pytest.mark.parametrize("batch", [(1,), (5,), (2, 3)])
@pytest.mark.parametrize("n_pre", [29, 400])
def test_batch_axes(n_pre: int, batch: tuple[int, ...]) -> None:
    csr, active = random_csr(n_pre), random_events((*batch, n_pre))
    for sent in (active, graded(active)):
        assert_product(product(csr, sent), csr, sent)


def test_traced_row_starts_need_the_longest_row() -> None:
    csr, events = random_csr(400), random_events((400,))
    longest = int(np.diff(csr.indptr).max())

    @jax.jit
    def run(indptr: jax.Array) -> jax.Array:
        return product(csr._replace(indptr=indptr), events, max_row=longest)

    assert_product(run(csr.indptr), csr, events)
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(lambda indptr: product(csr._replace(indptr=indptr), events))(csr.indptr)


def test_the_reference_is_the_product() -> None:
    csr, events = random_csr(400), random_events((400,))
    result = event_csr_reference(*map(jnp.asarray, (*csr, events)), n_post=N_POST, max_row=6)
    assert_product(result, csr, events)


# Derivatives

CASES = [(29, None), (29, (1,)), (29, ()), (100, None), (100, (1,))]
derivative = pytest.mark.parametrize(("n_pre", "shape"), CASES)


def loss_pair(csr: Csr) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A quadratic function of the product and the same by a dense matrix."""
    target = np.random.default_rng(5).normal(size=N_POST)

    def sparse(weights: Any, events: Any) -> Any:
        return ((product(csr._replace(weights=weights), events) - target) ** 2).sum()

    def dense(weights: Any, events: Any) -> Any:
        per_edge = jnp.broadcast_to(weights, csr.indices.shape)
        matrix = jnp.zeros((csr.n_pre, N_POST)).at[csr.rows, csr.indices].add(per_edge)
        return ((events @ matrix - target) ** 2).sum()

    return sparse, dense


def operands(csr: Csr, rate: float = 0.1) -> tuple[jax.Array, jax.Array]:
    sent = graded(random_events((csr.n_pre,), rate), np.float64)
    return jnp.asarray(csr.weights), jnp.asarray(sent)


@derivative
@pytest.mark.parametrize("take", [jax.grad, jax.jacfwd, jax.jacrev])
def test_derivative(take: Any, n_pre: int, shape: Any, float64: None) -> None:
    csr = random_csr(n_pre, np.float64, shape)
    results = [jax.jit(take(f, argnums=(0, 1)))(*operands(csr)) for f in loss_pair(csr)]
    for got, expected in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@derivative
def test_directional_derivative(n_pre: int, shape: Any, float64: None) -> None:
    csr = random_csr(n_pre, np.float64, shape)
    at = operands(csr)
    along = jnp.cos(jnp.arange(float(at[0].size))).reshape(at[0].shape), jnp.sin(at[1] + 1)
    results = [jax.jit(lambda f=f: jax.jvp(f, at, along))() for f in loss_pair(csr)]
    for got, expected in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


@derivative
def test_second_derivative(n_pre: int, shape: Any, float64: None) -> None:
    csr = random_csr(n_pre, np.float64, shape)
    at = operands(csr)
    sparse, dense = (jax.jit(jax.hessian(f, argnums=(0, 1)))(*at) for f in loss_pair(csr))
    for got, expected in zip(jax.tree.leaves(sparse), jax.tree.leaves(dense), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@derivative
def test_derivative_by_weights_with_boolean_events(n_pre: int, shape: Any, float64: None) -> None:
    csr = random_csr(n_pre, np.float64, shape)
    events = jnp.asarray(random_events((n_pre,)))
    take = [jax.jit(jax.grad(f)) for f in loss_pair(csr)]
    sparse, dense = (grad(jnp.asarray(csr.weights), events) for grad in take)
    np.testing.assert_allclose(sparse, dense, rtol=1e-12, atol=1e-12)


def test_silent_neurons_have_a_gradient(float64: None) -> None:
    """A surrogate gradient needs the derivative by events that are zero."""
    csr = random_csr(100, np.float64)
    gradient = jax.grad(lambda events: product(csr, events).sum())(jnp.zeros(100))
    np.testing.assert_allclose(gradient, csr.dense().sum(axis=1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_edges", [0, 1])
def test_derivative_with_hardly_any_edges(n_edges: int) -> None:
    indptr = np.minimum(np.arange(41), n_edges).astype("i4")
    csr = Csr(np.full(n_edges, 2.0, "f4"), np.zeros(n_edges, "i4"), indptr)
    take = jax.grad(lambda w, s: product(csr._replace(weights=w), s).sum(), argnums=(0, 1))
    by_weights, by_events = take(jnp.asarray(csr.weights), jnp.ones(40))
    np.testing.assert_array_equal(by_weights, np.ones(n_edges))
    np.testing.assert_array_equal(by_events, csr.dense().sum(axis=1))


def test_derivative_keeps_units() -> None:
    csr, events = random_csr(), jnp.asarray(graded(random_events((29,))))

    def total(weights: Any) -> Any:
        result = event_csr(weights, *csr[1:], events, n_post=N_POST)
        return result.sum().to_decimal(u.mS)

    gradient = jax.grad(total)(jnp.asarray(csr.weights) * u.mS)
    np.testing.assert_allclose(u.get_mantissa(gradient), events[csr.rows], rtol=1e-6)


# Transformations


def test_scan_equals_single_calls() -> None:
    csr, events = random_csr(100), random_events((20, 100), 0.05)
    scanned = jax.jit(lambda all: jax.lax.scan(lambda c, s: (c, product(csr, s)), 0, all)[1])
    assert_product(scanned(events), csr, events)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("n_pre", [29, 100])
@pytest.mark.parametrize("shape", [None, (1,)])
def test_vmap_over_events(n_pre: int, shape: Any, axis: int) -> None:
    csr, active = random_csr(n_pre, shape=shape), random_events((5, n_pre))
    for sent in (active, graded(active)):
        mapped = jax.vmap(lambda events: product(csr, events), in_axes=axis)
        assert_product(mapped(jnp.moveaxis(sent, 0, axis)), csr, sent)


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("n_pre", [29, 100])
@pytest.mark.parametrize("shape", [None, (1,), ()])
def test_vmap_over_weights(n_pre: int, shape: Any, batch: tuple[int, ...]) -> None:
    csr, events = random_csr(n_pre, shape=shape), random_events((*batch, n_pre))
    weights = np.stack([csr.weights, 2 * csr.weights, -csr.weights])
    results = jax.vmap(lambda w: product(csr._replace(weights=w), events))(weights)
    for result, own in zip(results, weights, strict=True):
        assert_product(result, csr._replace(weights=own), events)


@pytest.mark.parametrize("n_pre", [29, 100])
def test_vmap_over_weights_and_events(n_pre: int) -> None:
    csr, events = random_csr(n_pre), graded(random_events((3, n_pre)))
    weights = np.stack([csr.weights, 2 * csr.weights, -csr.weights])
    mapped = jax.vmap(lambda w, sent: product(csr._replace(weights=w), sent))
    for result, own, sent in zip(mapped(weights, events), weights, events, strict=True):
        assert_product(result, csr._replace(weights=own), sent)


def test_vmap_over_the_matrix() -> None:
    matrices = [random_csr(50, shape=(), seed=seed) for seed in range(3)]
    n_edges = min(m.indices.size for m in matrices)
    indices = np.stack([m.indices[:n_edges] for m in matrices])
    indptr = np.stack([np.minimum(m.indptr, n_edges) for m in matrices])
    one, events = np.ones((), "f4"), random_events((50,))
    results = jax.vmap(lambda *m: product(Csr(one, *m), events, max_row=6))(indices, indptr)
    for result, *matrix in zip(results, indices, indptr, strict=True):
        assert_product(result, Csr(one, *matrix), events)


def test_nested_vmap() -> None:
    csr, events = random_csr(), random_events((4, 2, 29))
    weights = np.stack([csr.weights, 2 * csr.weights, -csr.weights])
    inner = jax.vmap(lambda w, sent: product(csr._replace(weights=w), sent), (None, 0))
    results = jax.vmap(inner, (0, None))(weights, events)
    assert results.shape == (3, 4, 2, N_POST)
    for result, own in zip(results, weights, strict=True):
        assert_product(result, csr._replace(weights=own), events)


@pytest.mark.parametrize("n_pre", [29, 100])
def test_gradient_through_vmap(n_pre: int, float64: None) -> None:
    csr = random_csr(n_pre, np.float64)
    weights, _ = operands(csr)
    events = jnp.asarray(graded(random_events((4, n_pre)), np.float64))

    def gradients(f: Any) -> Any:
        def mean(w: Any, s: Any) -> Any:
            return jax.vmap(f, (None, 0))(w, s).mean()

        return jax.jit(jax.grad(mean, argnums=(0, 1)))(weights, events)

    for got, expected in zip(*map(gradients, loss_pair(csr)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_pre", [29, 100])
def test_vmap_of_the_gradient(n_pre: int, float64: None) -> None:
    csr = random_csr(n_pre, np.float64)
    weights, _ = operands(csr)
    events = jnp.asarray(graded(random_events((4, n_pre)), np.float64))
    results = [jax.jit(jax.vmap(jax.grad(f), (None, 0)))(weights, events) for f in loss_pair(csr)]
    np.testing.assert_allclose(*results, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_pre", [29, 100])
def test_gradient_through_scan(n_pre: int, float64: None) -> None:
    csr = random_csr(n_pre, np.float64)
    weights, _ = operands(csr)
    events = jnp.asarray(graded(random_events((6, n_pre)), np.float64))

    def gradients(f: Any) -> Any:
        def total(w: Any, all: Any) -> Any:
            return jax.lax.scan(lambda sum, s: (sum + f(w, s * (1 + sum)), None), 0.0, all)[0]

        return jax.jit(jax.grad(total, argnums=(0, 1)))(weights, events / 100)

    for got, expected in zip(*map(gradients, loss_pair(csr)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10)


# Implementations


def filled(value: float) -> Callable[[], Any]:
    """A loader of an implementation that can be told by its result."""

    def run(weights: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
        return jnp.full((*events.shape[:-1], sizes["n_post"]), value, weights.dtype)

    return lambda: run


def failing() -> Any:
    raise OSError("no library here")


def chosen(dtype: Any = np.float32, **options: Any) -> float:
    """The value that the implementation in use fills in; the reference gives 7."""
    csr = Csr(np.full(1, 7, dtype), np.zeros(1, "i4"), np.array([0, 1], "i4"))
    return float(product(csr, [True], **options)[0])


def kernel(name: str, value: float, **options: Any) -> Kernel:
    return Kernel("event_csr", name, ("cpu", "gpu", "tpu"), filled(value), **options)


def test_the_reference_is_listed() -> None:
    (info,) = [k for k in list_kernels() if k.op == "event_csr"]
    assert (info.name, info.rank, info.distribution) == ("reference", 0, "brainloom-core")
    assert info.platforms == ("cpu", "gpu", "tpu")
    assert info.usable
    assert info.problem is None


def test_the_highest_rank_is_used(provide: Provide) -> None:
    provide("mine", kernels=[kernel("low", 1, rank=5), kernel("high", 2), kernel("mid", 3, rank=7)])
    assert chosen() == 2


def test_below_rank_0_the_reference_is_used(provide: Provide) -> None:
    provide("mine", kernels=[kernel("slow", 1, rank=-1)])
    assert chosen() == 7
    assert chosen(implementation="slow") == 1


def test_one_for_another_platform_is_passed_over(provide: Provide) -> None:
    provide("mine", kernels=[Kernel("event_csr", "far", ("moon",), filled(1))])
    assert chosen() == 7
    with pytest.raises(KernelError, match="'far' of event_csr cannot be used: runs on moon, not"):
        chosen(implementation="far")


def test_one_that_does_not_support_the_arguments_is_passed_over(
    provide: Provide, float64: None
) -> None:
    def only_double(weights: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> bool:
        assert sizes == {"n_post": N_POST, "max_row": 1}
        return weights.dtype == np.float64 and events.dtype == np.bool_

    provide("mine", kernels=[kernel("double", 1, supports=only_double)])
    assert chosen(np.float32) == 7
    assert chosen(np.float64) == 1
    with pytest.raises(KernelError, match="'double' of event_csr does not apply to"):
        chosen(np.float32, implementation="double")


def test_forced_by_argument(provide: Provide) -> None:
    provide("mine", kernels=[kernel("one", 1), kernel("two", 2)])
    assert chosen(implementation="two") == 2
    assert chosen(implementation="reference") == 7


def test_forced_in_a_context(provide: Provide) -> None:
    provide("mine", kernels=[kernel("one", 1), kernel("two", 2)])
    with use_kernel(event_csr="two"):
        assert chosen() == 2
        with use_kernel(event_csr="reference"):
            assert chosen() == 7
        assert chosen() == 2
    assert chosen() == 1


def test_the_context_ends_with_an_error(provide: Provide) -> None:
    provide("mine", kernels=[kernel("one", 1)])
    with pytest.raises(ZeroDivisionError), use_kernel(event_csr="reference"):
        raise ZeroDivisionError
    assert chosen() == 1


def test_forced_by_the_environment(provide: Provide, monkeypatch: pytest.MonkeyPatch) -> None:
    provide("mine", kernels=[kernel("one", 1), kernel("two", 2)])
    monkeypatch.setenv("BRAINLOOM_KERNELS", " event_csr=two ,")
    assert chosen() == 2
    monkeypatch.setenv("BRAINLOOM_KERNELS", "")
    assert chosen() == 1


def test_argument_before_context_before_environment(
    provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide("mine", kernels=[kernel("one", 1), kernel("two", 2), kernel("three", 3)])
    monkeypatch.setenv("BRAINLOOM_KERNELS", "event_csr=one")
    with use_kernel(event_csr="two"):
        assert chosen(implementation="three") == 3
        assert chosen() == 2
    assert chosen() == 1


def test_choices_hold_for_mapped_products(provide: Provide) -> None:
    provide("mine", kernels=[kernel("one", 1)])
    csr, events = random_csr(), random_events((3, 29))
    assert (jax.vmap(lambda sent: product(csr, sent))(events) == 1).all()
    with use_kernel(event_csr="reference"):
        assert_product(jax.vmap(lambda sent: product(csr, sent))(events), csr, events)


@pytest.mark.parametrize("place", ["argument", "context", "environment"])
def test_an_unknown_name_lists_the_known(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "environment":
        monkeypatch.setenv("BRAINLOOM_KERNELS", "event_csr=best")
    text = r"no implementation 'best' of event_csr; there are \['reference'\]"
    with pytest.raises(KernelError, match=text):
        if place == "context":
            with use_kernel(event_csr="best"):
                pass
        else:
            chosen(implementation="best" if place == "argument" else None)


def test_an_unknown_operation_lists_the_known() -> None:
    text = r"no operation 'event_crs'; there are \['edge_update', 'event_csr', "
    with pytest.raises(KernelError, match=text), use_kernel(event_crs="reference"):
        pass
    with pytest.raises(KernelError, match=text):
        find_kernel("event_crs", "reference", (), {})


def test_an_unknown_operation_in_the_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRAINLOOM_KERNELS", "event_crs=reference")
    with pytest.raises(KernelError, match="no operation 'event_crs'"):
        chosen()


@pytest.mark.parametrize("text", ["reference", "event_csr:reference", "event_csr=reference,x"])
def test_a_malformed_variable_says_what_is_expected(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINLOOM_KERNELS", text)
    with pytest.raises(KernelError, match="BRAINLOOM_KERNELS: expected operation=name, got"):
        chosen()


def test_spaces_around_the_equals_sign(provide: Provide, monkeypatch: pytest.MonkeyPatch) -> None:
    provide("mine", kernels=[kernel("one", 1)])
    monkeypatch.setenv("BRAINLOOM_KERNELS", "event_csr = reference")
    assert chosen() == 7


def test_one_that_does_not_load_is_passed_over_with_one_warning(provide: Provide) -> None:
    provide("mine", kernels=[Kernel("event_csr", "broken", ("cpu", "gpu", "tpu"), failing)])
    with pytest.warns(RuntimeWarning, match="'broken' of event_csr is passed over: no library"):
        assert chosen() == 7
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chosen() == 7


def test_one_that_does_not_load_is_an_error_where_it_is_forced(provide: Provide) -> None:
    provide("mine", kernels=[Kernel("event_csr", "gone", ("cpu", "gpu", "tpu"), failing)])
    with pytest.raises(KernelError, match="'gone' of event_csr cannot be used: no library here"):
        chosen(implementation="gone")


def test_the_list_says_why_one_cannot_be_used(provide: Provide) -> None:
    missing = Kernel("event_csr", "missing", ("cpu", "gpu", "tpu"), failing)
    provide("mine", kernels=[missing, Kernel("event_csr", "far", ("moon",), filled(1))])
    problems = {k.name: k.problem for k in list_kernels() if k.distribution == "mine"}
    assert problems["missing"] == "no library here"
    assert "runs on moon, not on" in str(problems["far"])
    assert not any(k.usable for k in list_kernels() if k.distribution == "mine")


def test_loaded_once_and_only_when_needed(provide: Provide) -> None:
    loads = []

    def load() -> Any:
        loads.append(1)
        return filled(1)()

    provide("mine", kernels=[Kernel("event_csr", "lazy", ("cpu", "gpu", "tpu"), load)])
    assert chosen(implementation="reference") == 7
    assert not loads
    assert chosen() == chosen() == 1
    assert len(loads) == 1


def test_one_name_from_two_distributions_is_an_error_that_names_both(provide: Provide) -> None:
    provide("alpha", kernels=[kernel("fast", 1)])
    provide("beta", kernels=[kernel("fast", 2)])
    with pytest.raises(KernelError, match="alpha.*beta"):
        chosen(implementation="fast")


def test_an_implementation_without_rules_has_derivatives_and_maps(
    provide: Provide, float64: None
) -> None:
    """Derivative and batching belong to the operation: a foreign function needs neither."""

    def host(weights: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
        out = jax.ShapeDtypeStruct((*events.shape[:-1], sizes["n_post"]), weights.dtype)
        return jax.pure_callback(
            lambda w, i, p, e: (np.asarray(e) @ Csr(*map(np.asarray, (w, i, p))).dense()),
            out, weights, indices, indptr, events,
        )  # fmt: skip

    provide("mine", kernels=[Kernel("event_csr", "host", ("cpu",), lambda: host)])
    csr = random_csr(dtype=np.float64)
    weights, _ = operands(csr)
    events = jnp.asarray(graded(random_events((3, 29)), np.float64))
    mapped = [jax.vmap(jax.grad(f, argnums=1), (None, 0))(weights, events) for f in loss_pair(csr)]
    np.testing.assert_allclose(*mapped, rtol=1e-12, atol=1e-12)


def ignores_values(weights: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
    return event_csr_reference(weights, indices, indptr, events != 0, **sizes)


def overwrites_duplicates(
    weights: Any, indices: Any, indptr: Any, events: Any, **sizes: Any
) -> Any:
    rows = np.repeat(np.arange(len(indptr) - 1), np.diff(np.asarray(indptr)))
    return jnp.zeros(sizes["n_post"]).at[indices].set(weights * events[rows])


def stops_after_16_events(
    weights: Any, indices: Any, indptr: Any, events: Any, **sizes: Any
) -> Any:
    first = jnp.where(jnp.cumsum(events != 0) <= 16, events, 0)
    return event_csr_reference(weights, indices, indptr, first, **sizes)


@pytest.mark.parametrize("fault", [ignores_values, overwrites_duplicates, stops_after_16_events])
def test_a_nearly_right_implementation_is_told_from_a_right_one(fault: Any) -> None:
    csr, events = random_csr(100), graded(random_events((100,)))
    arguments = *map(jnp.asarray, csr), jnp.asarray(events)
    right = event_csr_reference(*arguments, n_post=N_POST, max_row=6)
    assert_product(right, csr, events)
    with pytest.raises(AssertionError):
        assert_product(fault(*arguments, n_post=N_POST, max_row=6), csr, events)
