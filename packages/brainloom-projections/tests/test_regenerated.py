"""Edges drawn again in each step are those that are stored from the same seed."""

from collections.abc import Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Normal, ParameterError, Uniform
from brainloom_projections import (
    AllToAll,
    Bernoulli,
    Connection,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    OneToOne,
    SmallWorld,
)
from brainloom_projections.connection.counter import words
from brainloom_projections.rules.basic import FixedTotalNumber
from scipy import stats

RULES = [
    Bernoulli(0.1, allow_autapses=False),
    Bernoulli(0.9, allow_autapses=False),
    Bernoulli(0.0),
    Bernoulli(0.1, incoming=True),
    FixedOutDegree(7, allow_autapses=False, allow_multapses=True),
    FixedOutDegree(45),
    FixedInDegree(7, allow_multapses=True),
    FixedInDegree(45, allow_autapses=False),
    FixedTotalNumber(2500, allow_autapses=False),
    AllToAll(),
    AllToAll(allow_autapses=False),
    OneToOne(),
]


@pytest.fixture(autouse=True, scope="module")
def quick_compilation() -> Iterator[None]:
    """To compile takes most of the time here, and none of what is tested hangs on it."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


N = 60  # more neurons than are drawn together, and not a multiple of them


def spikes(kind: type, rate: float = 0.5, shape: tuple[int, ...] = (N,), seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    on = generator.random(shape) < rate
    if kind is bool:
        return jnp.asarray(on)
    return jnp.asarray(on * np.round(8 * generator.random(shape)) / 8, jnp.float32)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_values(rule: Any) -> None:
    kept = Connection(N, N, rule, 0.5 * u.nS, seed=3)
    free = Connection(N, N, rule, 0.5 * u.nS, seed=3, stored=False)
    assert free.edges == kept.edges == free.stored().edges
    assert free.n_edges == len(kept.edges)
    dense = 0.5 * kept.edges.to_dense()
    # Eighths, of which the sums are exact in any order, from no spike to all.
    s = jnp.stack([spikes(float, rate) for rate in (0.0, 0.02, 0.5, 1.0)]).reshape(2, 2, N)
    np.testing.assert_array_equal(free(s).to_decimal(u.nS), s @ dense)
    for rate in (0.0, 0.02, 1.0):
        s = spikes(bool, rate)
        np.testing.assert_array_equal(free(s).to_decimal(u.nS), s @ dense)
        np.testing.assert_array_equal(kept(s).to_decimal(u.nS), s @ dense)


@pytest.mark.parametrize(
    ("rule", "sizes"),
    [
        (Bernoulli(0.2), (1, 500)),
        (FixedOutDegree(150), (3000, 2000)),
        (FixedInDegree(9), (33, 300)),
    ],
    ids=repr,
)
def test_unequal_sizes_and_large_ones(rule: Any, sizes: tuple[int, int]) -> None:
    kept = Connection(*sizes, rule, seed=1)
    free = Connection(*sizes, rule, seed=1, stored=False)
    assert free.edges == kept.edges
    for rate in (0.05, 1.0):
        s = spikes(bool, rate, sizes[:1])
        np.testing.assert_array_equal(free(s), kept(s))


@pytest.mark.parametrize(
    "rule",
    [
        Bernoulli(0.1, allow_autapses=False),
        Bernoulli(0.9, incoming=True),
        Bernoulli(0.9),
        FixedOutDegree(7, allow_multapses=True),
        FixedInDegree(7),
        AllToAll(allow_autapses=False),
    ],
    ids=repr,
)
def test_gradients_are_those_of_the_matrix(rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Several blocks of rows, the last one not full.
    monkeypatch.setattr("brainloom_projections.connection.regenerated._BLOCK", 200)
    weight, s = 0.5, np.asarray(spikes(float), np.float64)
    free = Connection(N, N, rule, weight, seed=3, stored=False)
    c, v = np.random.default_rng(4).normal(size=(2, N))
    dense = free.edges.to_dense()
    by_sum = 2 * c * (weight * s @ dense)
    by_weight, by_spikes = by_sum @ (s @ dense), weight * dense @ by_sum

    def loss(s: Any) -> Any:
        return (jnp.asarray(c, jnp.float32) * free(s) ** 2).sum()

    s, v32 = jnp.asarray(s, jnp.float32), jnp.asarray(v, jnp.float32)
    close = {"rtol": 1e-4, "atol": 1e-4 * np.abs(by_spikes).max()}  # sums of 3600 single numbers
    slopes, found = brainstate.transform.grad(loss, free.weight, argnums=0)(s)
    np.testing.assert_allclose(found, by_spikes, **close)
    np.testing.assert_allclose(slopes, by_weight, **close)
    np.testing.assert_allclose(jax.jvp(loss, (s,), (v32,))[1], by_spikes @ v, **close)


def test_gradient_of_the_weight_is_the_sum_of_what_arrives() -> None:
    free = Connection(N, N, FixedOutDegree(7), 0.5, seed=3, stored=False)
    found = brainstate.transform.grad(lambda s: free(s).sum(), free.weight)(spikes(bool))
    assert float(jax.tree.leaves(found)[0]) == 7 * int(spikes(bool).sum())


def test_loops_and_batches() -> None:
    kept = Connection(N, N, Bernoulli(0.2), 0.5, seed=3)
    free = Connection(N, N, Bernoulli(0.2), 0.5, seed=3, stored=False)
    many = spikes(float, 0.1, (5, N))
    loop = brainstate.transform.for_loop(free.update, many)
    np.testing.assert_array_equal(loop, kept(many))
    np.testing.assert_array_equal(jax.vmap(free.update)(many), kept(many))
    gradient = jax.vmap(jax.grad(lambda s: (free(s) ** 2).sum()))(many)
    expected = jax.vmap(jax.grad(lambda s: (kept(s) ** 2).sum()))(many)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("rule", "weight"),
    [
        (Bernoulli(0.2), Uniform(1 * u.nS, 3e-6 * u.mS)),
        (Bernoulli(0.8), Normal(1 * u.nS, 0.2 * u.nS)),
        (FixedInDegree(9), Normal(1 * u.nS, 0.2 * u.nS)),
    ],
)
def test_weights_drawn_again(rule: Any, weight: Any) -> None:
    free = Connection(N, N, rule, weight, seed=3, stored=False, trainable=False)
    kept = free.stored()
    assert not free.is_stored
    assert kept.is_stored
    dense = kept.to_dense().to_decimal(u.nS)
    assert np.count_nonzero(dense) == len(kept.edges)
    assert len(np.unique(dense)) > 0.99 * len(kept.edges)  # 24 bits are equal now and then
    for s in (spikes(bool, 0.3), spikes(float, 0.3, (4, N))):
        # The same numbers, but for the order of sums of up to 60 and fused products.
        np.testing.assert_allclose(free(s).to_decimal(u.nS), s @ dense, rtol=1e-5)
    s = spikes(float)
    slope = jax.grad(lambda s: (free(s).to_decimal(u.nS) ** 2).sum())(s)
    np.testing.assert_allclose(slope, 2 * dense @ (s @ dense), rtol=1e-4)
    other = Connection(N, N, rule, weight, seed=4, stored=False, trainable=False)
    assert not np.array_equal(other(spikes(bool)).mantissa, free(spikes(bool)).mantissa)


def test_laws_of_weights_drawn_again() -> None:
    n, rule = 300, FixedOutDegree(50)
    for weight, law in (
        (Uniform(1.0, 3.0), stats.uniform(1.0, 2.0)),
        (Normal(1.0, 0.2), stats.norm(1.0, 0.2)),
    ):
        free = Connection(n, n, rule, weight, seed=3, stored=False, trainable=False)
        assert stats.kstest(np.asarray(free.stored().weight), law.cdf).pvalue > 1e-3


def test_words_are_those_of_threefry() -> None:
    # Known answers of the published generator, 20 rounds.
    ones, pi = 0xFFFFFFFF, (0x13198A2E, 0x03707344, 0x243F6A88, 0x85A308D3)
    for key, counter, expected in (
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((ones, ones), (ones, ones), (0x1CB996FC, 0xBB002BE7)),
        (pi[:2], pi[2:], (0xC4923A9C, 0x483DF7A0)),
    ):
        for array in (np.asarray, jnp.asarray):
            found = words(key, *(array([number], np.uint32) for number in counter))
            assert tuple(int(word[0]) for word in found) == expected


def test_no_array_of_edges_is_kept_or_made() -> None:
    n, k = 20_000, 400
    free = Connection(n, n, FixedOutDegree(k), 1.0, seed=0, stored=False)
    compiled = jax.jit(free.update).lower(jnp.zeros(n, bool)).compile()
    memory = compiled.memory_analysis()
    # Eight million edges would take 32 MB; what is used follows the neurons.
    assert memory.temp_size_in_bytes < 40 * n
    assert free._regenerated.draw.number.nbytes < 8 * n
    gradient = jax.jit(jax.grad(lambda s: (free(s) ** 2).sum()))
    used = gradient.lower(jnp.zeros(n)).compile().memory_analysis().temp_size_in_bytes
    assert used < 8_000_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": SmallWorld(2, 0.1)}, r"Connection\.stored: False expected a rule"),
        ({"rule": Edges.from_pairs([0], [0], N, N)}, r"Connection\.stored: False expected a rule"),
        ({"weight": Normal(1.0, 0.1)}, "cannot be trained; expected trainable=False"),
        ({"weight": np.ones(3)}, "expected a scalar, since the edges are not stored"),
        ({"weight": lambda n: 1.0, "trainable": False}, "expected one weight for all edges"),
        ({"delay": np.ones(3) * u.ms}, "expected one delay for all edges"),
        ({"delay": Uniform(0 * u.ms, 1 * u.ms)}, "expected one delay for all edges"),
    ],
)
def test_what_needs_stored_edges_is_refused(options: Any, message: str) -> None:
    options = {"rule": Bernoulli(0.1), "weight": 1.0, **options}
    with pytest.raises(ParameterError, match=message):
        Connection(N, N, options.pop("rule"), options.pop("weight"), stored=False, **options)
