"""The event-driven product with a dense matrix, and its derivatives.

The expected values are those of NumPy in double precision. In single precision a sum of 40 terms
is off by less than 40 rounding errors.
"""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError
from brainloom_core.kernels import event_dense
from jax.test_util import check_grads

CLOSE = {"rtol": 40 * 2.0**-23, "atol": 1e-6}


def operands(*batch, n_pre=40, n_post=7, share=0.2):
    random = np.random.default_rng(3)
    events = (random.random((*batch, n_pre)) < share) * random.normal(size=(*batch, n_pre))
    return jnp.asarray(events, "float32"), jnp.asarray(
        random.normal(size=(n_pre, n_post)), "float32"
    )


@pytest.mark.parametrize("batch", [(), (1,), (33,), (5, 6), (0,)])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_it_is_the_product(batch, share):
    events, weights = operands(*batch, share=share)
    expected = np.float64(events) @ np.float64(weights)
    found = event_dense(events, weights)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_bool_events_select_rows_and_the_unit_is_that_of_the_weights():
    events, weights = operands(12)
    found = event_dense(events != 0, weights * u.mA)
    expected = np.float64(events != 0) @ np.float64(weights)
    np.testing.assert_allclose(found.to_decimal(u.mA), expected, **CLOSE)


@pytest.mark.parametrize("jit", [True, False])
def test_derivatives_forward_and_reverse_to_second_order_are_those_of_finite_differences(jit):
    events, weights = operands(9, n_pre=20, n_post=3)

    def product(events, weights):
        return event_dense(events, weights)

    function = jax.jit(product) if jit else product
    check_grads(function, (events, weights), order=2, modes=["fwd", "rev"], rtol=2e-2, atol=2e-2)


def test_the_gradient_by_the_weights_is_the_sum_of_outer_products():
    events, weights = operands(300)
    values = np.random.default_rng(1).normal(size=(300, 7)).astype("float32")

    def loss(weights):
        return (event_dense(events, weights) * values).sum()

    expected = np.float64(events).T @ np.float64(values)
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(weights), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axes", [(0, None), (1, None), (None, 0), (0, 0)])
def test_vmap_over_either_operand_is_a_loop_also_of_gradients(axes):
    events, weights = operands(4, 4)
    if axes[1] is not None:
        weights = jnp.stack([weights, 2 * weights, -weights, weights + 1])

    def loss(events, weights):
        return (event_dense(events, weights) ** 2).sum()

    found = jax.vmap(jax.grad(loss, (0, 1)), axes)(events, weights)
    for k in range(4):
        e, w = (
            x if a is None else jnp.take(x, k, a)
            for x, a in zip((events, weights), axes, strict=True)
        )
        rows = np.float64(e.reshape(-1, 40))
        product = rows @ np.float64(w)
        np.testing.assert_allclose(found[1][k], 2 * rows.T @ product, rtol=1e-5, atol=1e-4)
        expected = (2 * product @ np.float64(w).T).reshape(e.shape)
        np.testing.assert_allclose(found[0][k], expected, rtol=1e-5, atol=1e-4)


def test_a_batch_is_one_call_under_vmap():
    events, weights = operands(4, 4)

    def product(events):
        return event_dense(events, weights)

    (equation,) = (
        e for e in jax.make_jaxpr(jax.vmap(product))(events).eqns if "event" in str(e.primitive)
    )
    assert equation.invars[0].aval.shape == (16, 40)


@pytest.mark.parametrize("shape", [(3,), (2, 41), ()])
def test_shapes_that_do_not_fit_are_refused(shape):
    with pytest.raises(InputError, match=r"event_dense: expected spikes \(\*batch, n_pre\)"):
        event_dense(jnp.ones(shape), operands()[1])


def test_events_with_a_unit_are_refused():
    events, weights = operands()
    with pytest.raises(InputError, match="without a unit"):
        event_dense(events * u.mV, weights)
