"""Connectivity rules: counts, distributions, flags and refusals."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_projections import (
    AllToAll,
    Bernoulli,
    Connection,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    OneToOne,
)
from scipy import stats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def has_multapse(edges: Edges) -> bool:
    pairs = edges.pre.astype(np.int64) * edges.n_post + edges.post
    return len(np.unique(pairs)) < len(pairs)


def has_autapse(edges: Edges) -> bool:
    return bool(np.any(edges.pre == edges.post))


def test_one_to_one_and_all_to_all() -> None:
    edges = OneToOne().edges(4, 4)
    assert list(edges.pre) == list(edges.post) == [0, 1, 2, 3]
    edges = AllToAll().edges(2, 3)
    assert list(zip(edges.pre, edges.post, strict=True)) == [
        (i, j) for i in range(2) for j in range(3)
    ]
    assert not has_autapse(AllToAll(autapses=False).edges(4, 4))
    assert len(AllToAll(autapses=False).edges(4, 4)) == 12


@pytest.mark.parametrize("p", [0.02, 0.3])
def test_bernoulli_degrees_are_binomial(p: float) -> None:
    edges = Bernoulli(p).edges(2000, 500, rng())
    assert not has_multapse(edges)
    for degree, n in ((edges.out_degree, 500), (edges.in_degree, 2000)):
        # A goodness-of-fit test at fixed seed: 0.001 is passed by 999 of 1000 right generators.
        assert stats.kstest(degree + rng(1).random(len(degree)), smoothed(n, p)).pvalue > 1e-3


def smoothed(n: int, p: float) -> Any:
    """Distribution function of a binomial variable plus a uniform one, which is continuous."""

    def cdf(x: np.ndarray) -> np.ndarray:
        below, part = np.floor(x) - 1, x - np.floor(x)
        law = stats.binom(n, p)
        return law.cdf(below) + part * law.pmf(below + 1)

    return cdf


def test_bernoulli_pairs_are_independent_and_uniform() -> None:
    edges = Bernoulli(0.05).edges(300, 300, rng())
    cells = np.bincount(edges.pre // 30 * 10 + edges.post // 30, minlength=100)
    assert stats.chisquare(cells).pvalue > 1e-3
    assert has_autapse(edges)
    assert not has_autapse(Bernoulli(0.05, autapses=False).edges(300, 300, rng()))
    assert len(Bernoulli(0.0).edges(10, 10, rng())) == 0
    assert len(Bernoulli(1e-300).edges(1000, 1000, rng())) == 0
    assert len(Bernoulli(1.0).edges(10, 10, rng())) == 100


@pytest.mark.parametrize(("rule", "fixed"), [(FixedInDegree, "in"), (FixedOutDegree, "out")])
@pytest.mark.parametrize("k", [3, 40])
@pytest.mark.parametrize("autapses", [True, False])
@pytest.mark.parametrize("multapses", [True, False])
def test_fixed_degrees(rule: Any, fixed: str, k: int, autapses: bool, multapses: bool) -> None:
    edges = rule(k, autapses=autapses, multapses=multapses).edges(100, 100, rng())
    degree, other = edges.in_degree, edges.out_degree
    if fixed == "out":
        degree, other = other, degree
    assert np.all(degree == k)
    assert has_autapse(edges) == autapses
    assert has_multapse(edges) == multapses
    # The other side's degrees sum to 100 k, and are as uneven as uniform choices are: a
    # chi-square of 99 degrees of freedom (smaller without repetition), within 5 s.d.
    assert np.sum((other - k) ** 2 / k) < 99 + 5 * np.sqrt(2 * 99)


def test_fixed_degree_choices_are_uniform() -> None:
    edges = FixedOutDegree(5).edges(20_000, 12, rng())
    assert stats.chisquare(edges.in_degree).pvalue > 1e-3
    few = FixedOutDegree(11, autapses=False).edges(12, 12, rng())
    assert len(few) == 132


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bernoulli(1.5),
        lambda: Bernoulli(-0.1),
        lambda: OneToOne().edges(3, 4),
        lambda: FixedOutDegree(5).edges(3, 4, rng()),
        lambda: FixedInDegree(5).edges(4, 3, rng()),
        lambda: FixedInDegree(4, autapses=False).edges(4, 4, rng()),
        lambda: FixedOutDegree(-1).edges(3, 4, rng()),
        lambda: FixedOutDegree(1.5).edges(3, 4, rng()),
        lambda: Edges.from_pairs(np.array([0, 5]), np.array([0, 1]), 3, 3),
        lambda: Edges.from_pairs(np.array([0, 1]), np.array([0, 3]), 3, 3),
        lambda: Edges.from_pairs(np.array([0]), np.array([0, 1]), 3, 3),
        lambda: Edges(2, 2, np.array([0, 2, 1]), np.array([0])),
    ],
)
def test_impossible_connectivity_is_refused(make: Any) -> None:
    with pytest.raises(ParameterError, match="expected"):
        make()


def test_edges_from_pairs_are_sorted_by_source() -> None:
    edges = Edges.from_pairs(np.array([2, 0, 2]), np.array([1, 3, 0]), 3, 4)
    assert list(edges.indptr) == [0, 1, 1, 3]
    assert list(edges.post) == [3, 0, 1]
    assert list(edges.out_degree) == [1, 0, 2]
    assert list(edges.in_degree) == [1, 1, 0, 1]


RULES = [OneToOne(), AllToAll(), AllToAll(autapses=False), Bernoulli(0.3), FixedInDegree(5)]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("per_edge", [False, True])
@pytest.mark.parametrize("kind", [bool, float])
def test_connection_is_the_dense_product(rule: Any, per_edge: bool, kind: type) -> None:
    edges = rule.edges(40, 40, rng())
    weights = rng(1).normal(size=len(edges)) if per_edge else np.full(len(edges), 0.7)
    dense = np.zeros((40, 40))
    np.add.at(dense, (edges.pre, edges.post), weights)
    connection = Connection(40, 40, rule, (weights if per_edge else 0.7) * u.nS, seed=0)
    np.testing.assert_array_equal(connection.edges.indices, edges.indices)
    spikes = rng(2).random((3, 40))
    spikes = spikes < 0.2 if kind is bool else np.where(spikes < 0.2, spikes * 7, 0.0)
    found = connection(jnp.asarray(spikes)).to_decimal(u.nS)
    np.testing.assert_allclose(found, spikes @ dense, rtol=2e-5, atol=1e-5)
    one = connection(jnp.asarray(spikes[0])).to_decimal(u.nS)
    np.testing.assert_allclose(one, spikes[0] @ dense, rtol=2e-5, atol=1e-5)


def test_connection_between_shaped_populations() -> None:
    connection = Connection((2, 3), (5, 4), FixedOutDegree(4), 1.0 * u.mV, seed=1)
    assert connection(jnp.ones((2, 3), bool)).shape == (5, 4)
    assert connection(jnp.ones((7, 2, 3), bool)).shape == (7, 5, 4)
    assert float(connection(jnp.ones((2, 3), bool)).sum().to_decimal(u.mV)) == 24.0


def test_connection_seeds() -> None:
    brainstate.random.seed(3)
    first = Connection(50, 50, Bernoulli(0.1)).edges
    second = Connection(50, 50, Bernoulli(0.1)).edges
    brainstate.random.seed(3)
    again = Connection(50, 50, Bernoulli(0.1)).edges
    assert np.array_equal(first.indices, again.indices)
    assert not np.array_equal(first.indices, second.indices)


def test_connection_weights_are_trainable_or_plain() -> None:
    edges = FixedOutDegree(2).edges(5, 5, rng())
    assert len(Connection(5, 5, edges, 1.0 * u.mV).states(brainstate.ParamState)) == 1
    assert len(Connection(5, 5, edges, 1.0 * u.mV, trainable=False).states()) == 0
    drawn = Connection(5, 5, edges, lambda shape: jnp.ones(shape) * u.mV)
    assert drawn.weight.value.shape == (10,)


def test_connection_refuses_what_does_not_fit() -> None:
    edges = FixedOutDegree(2).edges(5, 5, rng())
    with pytest.raises(ParameterError, match=r"Connection\.rule: expected edges from 4 to 5"):
        Connection(4, 5, edges)
    with pytest.raises(ParameterError, match=r"Connection\.rule: expected a rule"):
        Connection(4, 5, 0.1)
    with pytest.raises(ParameterError, match="one weight for each of the 10 edges"):
        Connection(5, 5, edges, np.ones(9) * u.mV)
    with pytest.raises(ParameterError, match="expected finite weights"):
        Connection(5, 5, edges, np.nan * u.mV)
    with pytest.raises(InputError, match=r"expected spikes of shape \(5,\), got shape \(4,\)"):
        Connection(5, 5, edges)(jnp.zeros(4, bool))
    with pytest.raises(InputError, match="expected spikes without a unit"):
        Connection(5, 5, edges)(jnp.zeros(5) * u.mV)
