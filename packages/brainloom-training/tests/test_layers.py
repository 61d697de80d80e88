"""Layers without states."""

import re
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import BrainloomError
from brainloom_training import Linear


def test_a_layer_is_a_product_and_a_bias() -> None:
    weights = np.arange(6.0).reshape(3, 2) * u.mA
    layer = Linear(3, 2, weights, np.array([1.0, -1.0]) * u.uA)
    x = np.array([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]])
    expected = x @ weights.mantissa + np.array([1e-3, -1e-3])
    np.testing.assert_allclose(layer(x).to_decimal(u.mA), expected, rtol=1e-6)
    np.testing.assert_array_equal(layer.over_time(x).mantissa, layer(x).mantissa)


@pytest.mark.parametrize("rate", [0.05, 0.9])
def test_its_gradient_is_that_of_the_product(rate: float) -> None:
    """Large enough for kernels that visit active inputs only, and for those that do not."""
    rng = np.random.RandomState(0)
    x = (rng.rand(20, 10, 200) < rate).astype(np.float32)
    layer = Linear(200, 80)
    states = layer.states(brainstate.ParamState)
    gradient = brainstate.transform.grad(lambda: (layer(x) ** 2).sum(), states)()
    y = layer(x)
    np.testing.assert_allclose(y, x @ layer.weight.value, rtol=1e-4, atol=1e-4)
    expected = {"weight": np.einsum("tbi,tbj->ij", x, 2 * y), "bias": 2 * y.sum((0, 1))}
    for (name,), value in gradient.items():
        scale = abs(expected[name]).max()
        np.testing.assert_allclose(value / scale, expected[name] / scale, atol=1e-5)


def test_a_bias_is_in_the_unit_of_the_weights() -> None:
    layer = Linear(2, 3, lambda shape: jnp.ones(shape) * u.nS)
    np.testing.assert_array_equal(layer.bias.value.to_decimal(u.nS), np.zeros(3))
    assert Linear(2, 3, b_init=None).bias is None
    assert Linear(2, 3, b_init=0.5).bias.value.tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"w_init": np.ones((2, 2))}, "Linear.w_init: expected an array of shape (3, 2)"),
        ({"b_init": np.ones(3)}, "Linear.b_init: expected an array of shape (2,)"),
        ({"b_init": 1 * u.mV}, "Linear.b_init: expected the unit of the weights, 1, got"),
        ({"in_size": (3, 3)}, "Linear.in_size: expected one number of neurons"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainloomError, match=re.escape(message)):
        Linear(**({"in_size": 3, "out_size": 2} | arguments))


def test_an_input_of_another_width_is_refused() -> None:
    with pytest.raises(BrainloomError, match="expected 3 values along the last axis"):
        Linear(3, 2)(jnp.ones((5, 4)))
