"""The event-driven product with delays, through a ring, against numpy."""

from collections.abc import Iterator
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core.kernels import event_csr_ring

LENGTH, N_POST = 4, 11


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Iterator[str]:
    with jax.enable_x64(request.param == "float64"):
        yield request.param


class Case:
    """A random matrix with delays, spikes of a batch, and what is under way."""

    def __init__(
        self, dtype: Any = np.float32, n_pre: int = 70, batch: Any = (), rate: float = 0.1
    ):
        rng = np.random.default_rng(n_pre)
        degree = rng.integers(0, 7, n_pre)
        self.indptr = np.concatenate([[0], np.cumsum(degree)]).astype(np.int32)
        self.slots = rng.integers(0, LENGTH * N_POST, self.indptr[-1]).astype(np.int32)
        self.rows = np.repeat(np.arange(n_pre), degree)
        self.weights = rng.normal(size=self.indptr[-1]).astype(dtype)
        self.spikes = rng.random((*batch, n_pre)) < rate
        self.graded = (self.spikes * rng.normal(size=self.spikes.shape)).astype(dtype)
        self.ring = rng.normal(size=(*batch, LENGTH, N_POST)).astype(dtype)

    def expected(self, events: Any, position: int, weights: Any = None) -> tuple[Any, Any]:
        weights = self.weights if weights is None else weights
        ring = np.array(self.ring, np.float64)
        ring[..., (position - 1) % LENGTH, :] = 0.0
        row, column = np.divmod(self.slots, N_POST)
        row = (row + position) % LENGTH
        for entry in np.ndindex(ring.shape[:-2]):
            sent = np.asarray(events[entry], float)[self.rows]
            np.add.at(ring[entry], (row, column), weights * sent)
        return ring, ring[..., position, :]

    def step(self, events: Any, position: Any, weights: Any = None) -> Any:
        weights = self.weights if weights is None else weights
        where = jnp.asarray(self.slots), jnp.asarray(self.indptr)
        return event_csr_ring(self.ring, weights, *where, events, position, max_row=6)


def assert_step(got: Any, expected: Any, dtype: Any = np.float32, terms: int = 64) -> None:
    """To the rounding of sums of so many terms of size one."""
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, atol=terms * float(np.finfo(dtype).eps))


@pytest.mark.parametrize(("n_pre", "batch"), [(5, ()), (70, (2, 3)), (3000, ())])
def test_equals_numpy(dtype: str, n_pre: int, batch: tuple[int, ...]) -> None:
    case = Case(dtype, n_pre, batch)
    step = jax.jit(case.step)
    chance = np.random.default_rng(1).random(case.spikes.shape)
    for rate, position in ((0.0, 0), (0.02, 3), (0.3, 0), (1.0, 3)):
        for events in (chance < rate, (chance * (chance < rate)).astype(dtype)):
            expected = case.expected(events, position)
            assert_step(step(events, position), expected, dtype, max(64, n_pre))


def test_one_weight_for_all() -> None:
    case = Case()
    expected = case.expected(case.spikes, 1, np.full_like(case.weights, 0.5))
    assert_step(case.step(case.spikes, 1, 0.5), expected)


@pytest.mark.parametrize("moving", ["ring and events", "position too", "weights"])
def test_vmap(moving: str) -> None:
    """Also over the position, which is a state of a vmapped network."""
    case = Case(batch=(3,))
    positions = np.array([2, 2, 2]) if moving == "ring and events" else np.array([0, 2, 3])
    weights = np.stack([case.weights] * 3)
    if moving == "weights":
        weights = weights * np.array([[1.0], [2.0], [3.0]], np.float32)
    where = jnp.asarray(case.slots), jnp.asarray(case.indptr)
    axes = (0, 0 if moving == "weights" else None, 0, None if moving == "ring and events" else 0)

    def one(ring: Any, w: Any, events: Any, position: Any) -> Any:
        return event_csr_ring(ring, w, *where, events, position, max_row=6)

    for events in (case.spikes, case.graded):
        args = [jnp.asarray(x) for x in (case.ring, weights, events, positions)]
        args = [x if axis == 0 else x[0] for x, axis in zip(args, axes, strict=True)]
        got = jax.jit(jax.vmap(one, axes))(*args)
        for k in range(3):
            whole = case.expected(events, int(positions[k]), weights[k])
            assert_step([x[k] for x in got], [x[k] for x in whole])


def test_gradients_are_those_of_the_sum() -> None:
    with jax.enable_x64(True):
        case, position = Case(np.float64), 2
        row, column = np.divmod(case.slots, N_POST)
        row = (row + position) % LENGTH

        def loss(ring: Any, w: Any, s: Any) -> Any:
            where = jnp.asarray(case.slots), jnp.asarray(case.indptr)
            ring, y = event_csr_ring(ring, w, *where, s, position)
            return (ring**3).sum() + (y**2).sum()

        def plain(ring: Any, w: Any, s: Any) -> Any:
            ring = ring.at[position - 1].set(0.0).at[row, column].add(w * s[case.rows])
            return (ring**3).sum() + (ring[position] ** 2).sum()

        args = [jnp.asarray(x) for x in (case.ring, case.weights, case.graded)]
        for got, expected in zip(
            jax.grad(loss, (0, 1, 2))(*args), jax.grad(plain, (0, 1, 2))(*args), strict=True
        ):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_an_edge_of_d_steps_delivers_d_steps_later() -> None:
    delay, target = np.array([0, 1, 3]), np.array([2, 0, 1])
    slots = jnp.asarray(delay * N_POST + target, jnp.int32)
    indptr = jnp.arange(4, dtype=jnp.int32)
    spikes = np.random.default_rng(0).random((11, 3)) < 0.5

    def step(ring: Any, now: Any) -> Any:
        i, sent = now
        return event_csr_ring(ring, 1.0, slots, indptr, sent, i % LENGTH, max_row=1)

    _, got = jax.lax.scan(step, jnp.zeros((LENGTH, N_POST)), (jnp.arange(11), spikes))
    expected = np.zeros((11 + LENGTH, N_POST))
    for i, edge in np.argwhere(spikes):
        expected[i + delay[edge], target[edge]] += 1.0
    np.testing.assert_array_equal(got, expected[:11])


def test_units_are_those_of_the_ring() -> None:
    slots, indptr = jnp.array([1], jnp.int32), jnp.array([0, 1], jnp.int32)
    spike = jnp.array([True])
    _, got = event_csr_ring(jnp.ones((1, 2)) * u.nS, 0.5e-3 * u.uS, slots, indptr, spike, 0)
    np.testing.assert_allclose(got.to_decimal(u.nS), [0.0, 0.5])
    with pytest.raises(u.UnitMismatchError):
        event_csr_ring(jnp.ones((1, 2)) * u.nS, 1.0 * u.mV, slots, indptr, spike, 0)
