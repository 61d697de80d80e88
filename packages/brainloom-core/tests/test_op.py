"""What holds for every operation, and what becomes of a kernel that is declared wrongly."""

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import DeclarationError, KernelError
from brainloom_core.kernels import (
    OPS,
    Kernel,
    Op,
    Sample,
    event_csr,
    event_dense,
    list_kernels,
    use_kernel,
)
from brainloom_core.kernels.registry import _references

Provide = Callable[..., None]
HERE = ("cpu", "gpu", "tpu")
CSR = jnp.array([2.0, 3.0, 4.0]), jnp.array([0, 1, 1], jnp.int32), jnp.array([0, 2, 3], jnp.int32)
SIZES = {"n_post": 2, "max_row": 2}
EVENTS = jnp.array([[True, False], [True, True], [False, True]])
PRODUCTS = [[2.0, 3.0], [2.0, 7.0], [0.0, 4.0]]


def product(events: jax.Array, **options: Any) -> jax.Array:
    return event_csr(*CSR, events, n_post=2, max_row=2, **options)


# Declarations


def test_the_five_operations() -> None:
    assert set(OPS) == {"edge_update", "event_csr", "event_csr_ring", "event_dense", "event_outer"}
    references = {k.op for k in list_kernels() if k.name == "reference"}
    assert references == set(OPS)


@pytest.mark.parametrize("name", OPS)
def test_reference_formula_and_declared_result_agree_on_the_samples(name: str) -> None:
    op, labels = OPS[name], []
    for sample in op.samples():
        found = op(*sample.operands, **sample.sizes)
        formula = jax.jit(functools.partial(op.formula, **sample.sizes))(*sample.operands)
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(formula), strict=True):
            assert one.dtype == other.dtype == "float32", sample.label
            np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-4, err_msg=sample.label)
        labels.append(sample.label)
    assert len(labels) == len(set(labels)) > 10


@pytest.fixture
def scaled() -> Iterator[Op]:
    """An operation of one's own: x times a factor, cubed."""

    def reference(x: jax.Array, factor: jax.Array) -> jax.Array:
        return (factor * x) ** 3

    def samples(dtype: str) -> Iterator[Sample]:
        yield Sample("one", (jnp.ones(3, dtype), jnp.ones((), dtype)), {})

    declared = {"result": lambda x, factor: x, "samples": samples, "batched": ("x",)}
    yield Op("scaled", reference, differentiable=("x", "factor"), **declared)
    del OPS["scaled"], _references["scaled"]


def test_an_operation_of_ones_own_is_complete(scaled: Op, provide: Provide) -> None:
    """Its reference needs no plugin, and derivatives and batches follow from its declaration."""
    x, factor = jnp.array([1.0, 2.0]), jnp.array(0.5)
    np.testing.assert_allclose(scaled(x, factor), [0.125, 1.0])
    np.testing.assert_allclose(jax.jit(jax.grad(lambda f: scaled(x, f).sum()))(factor), 6.75)
    np.testing.assert_allclose(jax.grad(jax.grad(lambda f: scaled(x, f).sum()))(factor), 27.0)
    np.testing.assert_allclose(jax.vmap(scaled, (0, None))(x[:, None], factor), [[0.125], [1.0]])
    np.testing.assert_allclose(jax.vmap(scaled, (None, 0))(x, factor[None]), [[0.125, 1.0]])
    provide("mine", kernels=[Kernel("scaled", "fast", HERE, lambda: lambda x, factor: x)])
    np.testing.assert_allclose(scaled(x, factor), x)
    assert [(k.name, k.problem) for k in list_kernels() if k.op == "scaled"] == [
        ("fast", None),
        ("reference", None),
    ]


def test_a_wrong_declaration_says_what_is_wrong() -> None:
    op = OPS["event_dense"]
    declared = {"result": lambda x: x, "samples": op.samples}
    with pytest.raises(
        DeclarationError, match=r"'mine': there is no operand 'y'; there are \('x',"
    ):
        Op("mine", lambda x: x, differentiable=("y",), **declared)
    with pytest.raises(DeclarationError, match="'event_csr': there is an operation of this name"):
        Op("event_csr", lambda x: x, differentiable=("x",), **declared)
    assert "mine" not in OPS and "event_csr" in OPS


# Kernels that are declared wrongly


def test_a_kernel_for_no_operation_is_left_out_alone(provide: Provide) -> None:
    good = Kernel("event_csr", "good", HERE, lambda: lambda w, *_, n_post, max_row: jnp.ones(2))
    provide("mine", kernels=[Kernel("event_crs", "fast", HERE, dict, rank=99), good])
    (bad,) = [k for k in list_kernels() if k.op == "event_crs"]
    assert not bad.usable and bad.distribution == "mine"
    assert "There is no operation 'event_crs'; there are [" in str(bad.problem)
    assert "Did you mean 'event_csr'?" in str(bad.problem)
    with pytest.warns(
        RuntimeWarning, match=r"'fast' of event_crs is passed over.*from mine"
    ) as all:
        np.testing.assert_array_equal(product(EVENTS[0]), [1.0, 1.0])
        product(EVENTS[0])
    assert len(all) == 1
    text = "no operation 'event_crs'; .*Did you mean 'event_csr'"
    with pytest.raises(KernelError, match=text), use_kernel(event_crs="fast"):
        pass


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"op": None}, "There is no operation None"),
        ({"op": ["event_csr"]}, "There is no operation"),
        ({"name": 3}, "expected name, a text"),
        ({"platforms": "cpu"}, "expected platforms, a tuple of texts"),
        ({"platforms": None, "rank": None}, "expected platforms.* and rank, a number"),
        ({"load": None}, "expected load, a function"),
        ({"supports": None}, "expected supports, a function"),
        ({"supports": lambda x: True}, "`supports` raised TypeError"),
        ({"load": lambda: None}, "`load` returned None, which is no function"),
    ],
)
def test_a_kernel_declared_wrongly_does_no_harm(
    provide: Provide, changed: dict[str, Any], problem: str
) -> None:
    declared = {"op": "event_csr", "name": "bad", "platforms": HERE, "load": dict, **changed}
    provide("mine", kernels=[Kernel(**declared)])
    with pytest.warns(RuntimeWarning, match=problem) as all:
        np.testing.assert_array_equal(product(EVENTS[1]), PRODUCTS[1])
        listed = [str(k.problem) for k in list_kernels() if k.distribution == "mine"]
    assert len(all) == len(listed) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(product(EVENTS[2]), PRODUCTS[2])


def test_a_result_of_another_shape_is_said_and_not_used(provide: Provide) -> None:
    wrong = Kernel("event_csr", "wrong", HERE, lambda: lambda *operands, **sizes: jnp.ones(3))
    provide("mine", kernels=[wrong])
    message = r"event_csr returned float32\[3\], expected float32\[2\]"
    with pytest.warns(RuntimeWarning, match=message):
        np.testing.assert_array_equal(product(EVENTS[0]), PRODUCTS[0])
    with pytest.raises(KernelError, match=message):
        product(EVENTS[0], implementation="wrong")


# Batches


def only_of_rank(rank: int, asked: list[Any], called: list[Any]) -> Kernel:
    """An implementation that takes events of one rank only, and gives ones."""

    def supports(w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> bool:
        asked.append(events.shape)
        return events.ndim == rank

    def run(w: Any, indices: Any, indptr: Any, events: Any, *, n_post: int, max_row: int) -> Any:
        called.append(events.shape)
        return jnp.ones((*events.shape[:-1], n_post))

    return Kernel("event_csr", "some", HERE, lambda: run, supports=supports)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_kernel_without_batches_is_never_called_with_one(
    provide: Provide, compiled: bool
) -> None:
    asked: list[Any] = []
    called: list[Any] = []
    provide("mine", kernels=[only_of_rank(1, asked, called)])
    mapped = jax.vmap(jax.jit(product) if compiled else product)
    np.testing.assert_array_equal((jax.jit(mapped) if compiled else mapped)(EVENTS), PRODUCTS)
    np.testing.assert_array_equal(product(EVENTS), PRODUCTS)
    assert (3, 2) in asked
    np.testing.assert_array_equal(product(EVENTS[0]), [1.0, 1.0])
    assert {*called} == {(2,)}
    with pytest.raises(KernelError, match=r"'some' of event_csr does not apply to: .*bool\[3, 2\]"):
        jax.vmap(lambda events: product(events, implementation="some"))(EVENTS)


def test_a_kernel_for_batches_serves_a_mapped_product(provide: Provide) -> None:
    called: list[Any] = []
    provide("mine", kernels=[only_of_rank(2, [], called)])
    np.testing.assert_array_equal(jax.jit(jax.vmap(product))(EVENTS), np.ones((3, 2)))
    assert {*called} == {(3, 2)}


def test_a_name_for_a_product_does_not_bind_its_transpose(provide: Provide) -> None:
    """Where the implementation has the transpose too, it is used; where not, another one is."""
    tripled = Kernel("event_dense", "mine", HERE, lambda: lambda s, w: 3 * (s @ w))
    weights, events = jnp.array([[1.0], [5.0]]), jnp.array([[1.0, 0.0]])

    def loss(w: jax.Array) -> jax.Array:
        return event_dense(events, w, implementation="mine").sum()

    provide("alpha", kernels=[tripled])
    value, slope = jax.value_and_grad(loss)(weights)
    assert value == 3.0
    np.testing.assert_array_equal(slope, [[1.0], [0.0]])
    both = [tripled, Kernel("event_outer", "mine", HERE, lambda: lambda s, v: 3 * (s.T @ v))]
    provide("beta", kernels=[both[1]])
    np.testing.assert_array_equal(jax.grad(loss)(weights), [[3.0], [0.0]])


pytestmark = pytest.mark.usefixtures("untried")
