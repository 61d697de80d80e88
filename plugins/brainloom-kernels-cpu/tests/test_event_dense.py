"""The native product with a dense matrix against NumPy in double precision.

A sum of n terms in single precision is off by less than n rounding errors of its largest part.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest
from brainloom_core.kernels import event_dense, find_kernel, use_kernel
from brainloom_kernels_cpu import _op, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))

CLOSE = {"rtol": 1e-4, "atol": 1e-4}


def operands(m: int, n_pre: int, n_post: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    events = (random.random((m, n_pre)) < share) * random.normal(size=(m, n_pre))
    weights = random.normal(size=(n_pre, n_post))
    return events.astype(np.float32), weights.astype(np.float32)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.6])
@pytest.mark.parametrize("shape", [(700, 130, 37), (65, 1031, 64), (3, 1024, 1024), (4099, 64, 8)])
def test_product_and_gradient(shape: tuple[int, int, int], share: float) -> None:
    events, weights = operands(*shape, share)
    values = np.random.default_rng(2).normal(size=(shape[0], shape[2])).astype(np.float32)

    def product(weights: jax.Array) -> jax.Array:
        return event_dense(events, weights, implementation="cpu-native")

    found, back = jax.jit(lambda w: jax.vjp(product, w))(weights)
    np.testing.assert_allclose(found, np.float64(events) @ np.float64(weights), **CLOSE)
    expected = np.float64(events).T @ np.float64(values)
    np.testing.assert_allclose(jax.jit(back)(values)[0], expected, **CLOSE)
    np.testing.assert_allclose(product(weights), found, rtol=1e-6, atol=1e-6)


def test_both_directions_call_the_library_where_events_are_few() -> None:
    events, weights = operands(700, 130, 37, 0.02)
    program = jax.jit(jax.grad(lambda w: (event_dense(events, w) ** 2).sum()))
    text = program.lower(weights).as_text()
    assert {name for name in _op.TARGETS.values() if name in text} == {
        "brainloom_event_dense_float32_float32",
        "brainloom_event_outer_float32_float32",
    }


def test_a_silent_neuron_is_skipped_even_if_its_weights_are_not_finite() -> None:
    events, weights = operands(700, 130, 37, 0.02)
    events[:, 5], weights[5] = -0.0, np.nan
    assert np.isfinite(event_dense(events, weights, implementation="cpu-native")).all()


def test_nan_spreads() -> None:
    events, weights = operands(700, 130, 37, 0.02)
    events[3, 128] = np.nan
    found = np.asarray(event_dense(events, weights, implementation="cpu-native"))
    assert np.isnan(found[3]).all() and np.isfinite(np.delete(found, 3, 0)).all()


def test_small_products_and_double_precision_are_left_to_the_reference() -> None:
    with use_kernel():
        for dtype, m in ((np.float64, 700), (np.float32, 2)):
            events, weights = (x.astype(dtype) for x in operands(m, 130, 37, 0.02))
            chosen = find_kernel("event_dense", None, (events, weights), {})
            assert chosen is not _op.event_dense


def test_calls_from_several_threads_share_the_pool_without_waiting_for_each_other() -> None:
    events, weights = operands(700, 130, 37, 0.02)
    product = jax.jit(lambda e, w: event_dense(e, w, implementation="cpu-native"))
    expected = np.asarray(product(events, weights))
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(product, events, weights) for _ in range(200)]
        for call in calls:
            np.testing.assert_array_equal(call.result(timeout=60), expected)
