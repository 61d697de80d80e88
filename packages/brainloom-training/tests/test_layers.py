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


@pytest.mark.parametrize("events", [False, True])
def test_a_layer_is_a_product_and_a_bias(events: bool) -> None:
    weights = np.arange(6.0).reshape(3, 2) * u.mA
    layer = Linear(3, 2, weights, np.array([1.0, -1.0]) * u.uA, events=events)
    x = np.array([[[1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]])
    expected = x @ weights.mantissa + np.array([1e-3, -1e-3])
    np.testing.assert_allclose(layer(x).to_decimal(u.mA), expected, rtol=1e-6)
    np.testing.assert_array_equal(layer.over_time(x).mantissa, layer(x).mantissa)


def test_both_ways_have_the_same_gradient() -> None:
    x = (np.random.RandomState(0).rand(7, 5, 30) < 0.1).astype(np.float32)
    found = []
    for events in (False, True):
        brainstate.random.seed(0)
        layer = Linear(30, 4, events=events)
        states = layer.states(brainstate.ParamState)
        gradient = brainstate.transform.grad(lambda layer=layer: (layer(x) ** 2).sum(), states)()
        found.append([np.asarray(value) for value in gradient.values()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


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
        ({"in_size": (3, 3)}, "Linear: expected two numbers of neurons"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainloomError, match=re.escape(message)):
        Linear(**({"in_size": 3, "out_size": 2} | arguments))


def test_an_input_of_another_width_is_refused() -> None:
    with pytest.raises(BrainloomError, match="expected 3 values along the last axis"):
        Linear(3, 2)(jnp.ones((5, 4)))
