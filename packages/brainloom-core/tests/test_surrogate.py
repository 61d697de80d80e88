"""Spike functions: a step forward, a smooth slope backward."""

import dataclasses
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Arctan, InvSquareGrad, ReluGrad, Sigmoid, Surrogate

FUNCTIONS = [
    ReluGrad(),
    ReluGrad(alpha=2.0, width=0.5),
    Sigmoid(),
    Sigmoid(alpha=1.5),
    Arctan(),
    Arctan(alpha=3.0),
    InvSquareGrad(),
    InvSquareGrad(alpha=5.0),
]
every = pytest.mark.parametrize("function", FUNCTIONS, ids=repr)


def antiderivative(function: Surrogate, z: np.ndarray) -> np.ndarray:
    """The smooth function of which the slope is taken."""
    match function:
        case ReluGrad(alpha, width):
            inside = np.clip(z, -width, width)
            return alpha * (width * inside - inside * abs(inside) / 2)
        case Sigmoid(alpha):
            return 1 / (1 + np.exp(-alpha * z))
        case Arctan(alpha):
            return np.arctan(np.pi / 2 * alpha * z) / np.pi
        case InvSquareGrad(alpha):
            return z / (alpha * abs(z) + 1)
    raise TypeError(function)


@every
def test_a_step_forward(function: Surrogate) -> None:
    z = jnp.asarray([-2.0, -1e-30, -0.0, 0.0, 1e-30, 0.5, 3.0])
    np.testing.assert_array_equal(function(z), [0, 0, 1, 1, 1, 1, 1])


@every
def test_the_slope_is_that_of_a_smooth_function(function: Surrogate, float64: None) -> None:
    """Central differences of step h are right to h², the kinks of some of them left out."""
    z, h = np.linspace(-2.0, 2.0, 401) + 1e-3, 1e-5
    slope = jax.vmap(jax.grad(function))(jnp.asarray(z))
    differences = (antiderivative(function, z + h) - antiderivative(function, z - h)) / (2 * h)
    np.testing.assert_allclose(slope, differences, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("function", "peak"),
    [(ReluGrad(), 0.3), (Sigmoid(), 1.0), (Arctan(), 0.5), (InvSquareGrad(), 1.0)],
)
def test_the_slope_at_threshold(function: Surrogate, peak: float) -> None:
    np.testing.assert_allclose(jax.grad(function)(0.0), peak, rtol=1e-6)


def test_the_triangle_ends_at_its_width() -> None:
    slope = jax.vmap(jax.grad(ReluGrad(width=0.5)))(jnp.asarray([-1.0, -0.5, 0.5, 1.0]))
    np.testing.assert_array_equal(slope, np.zeros(4))


@every
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_keeps_the_dtype(function: Surrogate, dtype: Any, float64: None) -> None:
    z = jnp.asarray([-1.0, 0.0, 1.0], dtype)
    assert function(z).dtype == dtype
    assert jax.grad(lambda z: function(z).sum())(z).dtype == dtype


@every
def test_forward_and_reverse_agree(function: Surrogate) -> None:
    z = jnp.linspace(-1.5, 1.5, 7)
    spikes, forward = jax.jvp(function, (z,), (jnp.full(7, 2.0),))
    (reverse,) = jax.vjp(function, z)[1](jnp.full(7, 2.0))
    np.testing.assert_array_equal(spikes, z >= 0)
    np.testing.assert_array_equal(forward, reverse)


@every
def test_compiled_and_mapped_are_the_same(function: Surrogate) -> None:
    z = jnp.linspace(-1.5, 1.5, 6).reshape(2, 3)
    slopes = jax.grad(lambda z: function(z).sum())(z)
    np.testing.assert_array_equal(jax.jit(jax.vmap(function))(z), function(z))
    mapped = jax.jit(jax.vmap(jax.vmap(jax.grad(function))))(z)
    np.testing.assert_allclose(mapped, slopes, rtol=1e-6)


def test_the_slope_reaches_a_parameter_with_a_unit() -> None:
    def spikes(V: Any) -> Any:
        return Sigmoid()(u.get_magnitude((V - 1.0 * u.mV) / u.mV))

    gradient = jax.grad(spikes)(1.0 * u.mV)
    np.testing.assert_allclose(u.get_mantissa(gradient), 1.0, rtol=1e-6)


@every
def test_instances_compare_by_value(function: Surrogate) -> None:
    same = dataclasses.replace(function)
    assert same is not function
    assert same == function
    assert hash(same) == hash(function)
    assert function != dataclasses.replace(function, alpha=77.0)


def test_classes_are_different() -> None:
    assert len({ReluGrad(1.0), Sigmoid(1.0), Arctan(1.0), InvSquareGrad(1.0)}) == 4


def test_equal_instances_share_compiled_code() -> None:
    traces = []

    def apply(function: Surrogate, z: jax.Array) -> jax.Array:
        traces.append(1)
        return function(z)

    compiled = jax.jit(apply, static_argnums=0)
    for _ in range(3):
        compiled(Sigmoid(2.0), jnp.ones(3))
    assert len(traces) == 1


def test_a_function_of_one_s_own() -> None:
    @dataclasses.dataclass(frozen=True)
    class Boxcar(Surrogate):
        def surrogate_grad(self, z: jax.Array) -> jax.Array:
            return jnp.where(abs(z) < 1, 0.5, 0.0)

    value, slope = jax.vmap(jax.value_and_grad(Boxcar()))(jnp.asarray([-2.0, -0.5, 0.5]))
    np.testing.assert_array_equal(value, [0, 0, 1])
    np.testing.assert_array_equal(slope, [0, 0.5, 0.5])
