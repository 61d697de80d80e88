"""Connectivity rules: counts, distributions, flags and refusals."""

import dataclasses
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
from brainloom_projections.rules.basic import FixedTotalNumber
from brainloom_projections.rules.topology import SmallWorld
from scipy import stats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def has_multapse(edges: Edges) -> bool:
    """By counting pairs, not as `n_multapses` does."""
    pairs = set(zip(edges.pre.tolist(), edges.post.tolist(), strict=True))
    return len(pairs) < len(edges)


def has_autapse(edges: Edges) -> bool:
    return bool(np.any(edges.pre == edges.post))


def test_one_to_one_and_all_to_all() -> None:
    edges = OneToOne().edges(4, 4)
    assert list(edges.pre) == list(edges.post) == [0, 1, 2, 3]
    edges = AllToAll().edges(2, 3)
    assert list(zip(edges.pre, edges.post, strict=True)) == [
        (i, j) for i in range(2) for j in range(3)
    ]
    assert not has_autapse(AllToAll(allow_autapses=False).edges(4, 4))
    assert len(AllToAll(allow_autapses=False).edges(4, 4)) == 12


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
    assert not has_autapse(Bernoulli(0.05, allow_autapses=False).edges(300, 300, rng()))
    assert len(Bernoulli(0.0).edges(10, 10, rng())) == 0
    assert len(Bernoulli(1e-300).edges(1000, 1000, rng())) == 0
    assert len(Bernoulli(1.0).edges(10, 10, rng())) == 100


@pytest.mark.parametrize(("rule", "fixed"), [(FixedInDegree, "in"), (FixedOutDegree, "out")])
@pytest.mark.parametrize("k", [3, 40])
@pytest.mark.parametrize("autapses", [True, False])
@pytest.mark.parametrize("multapses", [True, False])
def test_fixed_degrees(rule: Any, fixed: str, k: int, autapses: bool, multapses: bool) -> None:
    edges = rule(k, allow_autapses=autapses, allow_multapses=multapses).edges(100, 100, rng())
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
    few = FixedOutDegree(11, allow_autapses=False).edges(12, 12, rng())
    assert len(few) == 132


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("rule", [FixedInDegree, FixedOutDegree])
def test_every_set_of_partners_is_equally_likely(rule: Any, k: int) -> None:
    # All C(5, k) = 10 sets, drawn 20000 times: for k=3 by what is left out.
    edges = rule(k).edges(*((20_000, 5) if rule is FixedOutDegree else (5, 20_000)), rng())
    dense = edges.to_dense() if rule is FixedOutDegree else edges.to_dense().T
    counts = np.unique(dense @ 2 ** np.arange(5), return_counts=True)[1]
    assert len(counts) == 10
    assert stats.chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("make", [FixedInDegree, FixedOutDegree])
@pytest.mark.parametrize("multapses", [True, False])
def test_the_free_side_of_fixed_degrees(make: Any, multapses: bool) -> None:
    n, k = 1000, 30
    edges = make(k, allow_multapses=multapses).edges(n, n, rng())
    degree = edges.in_degree if make is FixedOutDegree else edges.out_degree
    # Each of n rows holds a neuron with probability k / n, or k times with probability 1 / n.
    trials, p = (n * k, 1 / n) if multapses else (n, k / n)
    smooth = degree + rng(1).random(n)
    assert stats.kstest(smooth, smoothed(trials, p)).pvalue > 1e-3


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("autapses", [True, False])
def test_fixed_total_number(autapses: bool, multapses: bool) -> None:
    rule = FixedTotalNumber(3000, allow_autapses=autapses, allow_multapses=multapses)
    edges = rule.edges(200, 200, rng())
    assert len(edges) == 3000
    assert has_autapse(edges) == autapses
    assert has_multapse(edges) == multapses
    # 15 edges a neuron: binomial with 3000 trials, or hypergeometric among the pairs.
    row = 200 if autapses else 199
    law = stats.binom(3000, 1 / 200) if multapses else stats.hypergeom(200 * row, row, 3000)
    for degree in (edges.in_degree, edges.out_degree):
        observed, expected = binned(degree, law)
        assert stats.chisquare(observed, expected).pvalue > 1e-3


def binned(degree: np.ndarray, law: Any) -> tuple[np.ndarray, np.ndarray]:
    """Counts of degrees, and those expected, in classes of at least ten."""
    bounds = np.unique(law.ppf(np.linspace(0, 1, 13)[1:-1]))
    cumulative = np.concatenate([[0.0], law.cdf(bounds), [1.0]])
    observed = np.bincount(np.searchsorted(bounds, degree), minlength=len(bounds) + 1)
    return observed, np.diff(cumulative) * len(degree)


def test_fixed_total_number_of_almost_all_pairs() -> None:
    edges = FixedTotalNumber(89, allow_autapses=False).edges(10, 10, rng())
    assert len(edges) == 89
    assert not has_autapse(edges)
    assert not has_multapse(edges)
    assert FixedTotalNumber(12).edges(3, 4, rng()) == AllToAll().edges(3, 4)


def test_bernoulli_rows_with_most_neurons() -> None:
    edges = Bernoulli(0.9, allow_autapses=False).edges(400, 400, rng())
    assert not has_autapse(edges)
    assert not has_multapse(edges)
    for degree in (edges.in_degree, edges.out_degree):
        observed, expected = binned(degree, stats.binom(399, 0.9))
        assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_small_world_without_chance_is_the_ring() -> None:
    edges = SmallWorld(4, 0.0).edges(10, 10, rng())
    ring = {(i, (i + d) % 10) for i in range(10) for d in (-2, -1, 1, 2)}
    assert set(zip(edges.pre.tolist(), edges.post.tolist(), strict=True)) == ring


@pytest.mark.parametrize(("n", "k"), [(2000, 10), (60, 40)])
def test_small_world_of_chance_only_is_fixed_out_degree(n: int, k: int) -> None:
    edges = SmallWorld(k, 1.0).edges(n, n, rng())
    assert np.all(edges.out_degree == k)
    assert not has_autapse(edges)
    assert not has_multapse(edges)
    observed, expected = binned(edges.in_degree, stats.binom(n - 1, k / (n - 1)))
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    # Steps round the ring are uniform, those to the neighbours too.
    step = np.bincount((edges.post - edges.pre) % n, minlength=n)[1:]
    assert stats.kstest(np.repeat(np.arange(n - 1) + 0.5, step) / (n - 1), "uniform").pvalue > 1e-3


@pytest.mark.parametrize(("n", "k"), [(3000, 10), (100, 60)])
def test_small_world_in_between(n: int, k: int) -> None:
    p = 0.3
    edges = SmallWorld(k, p).edges(n, n, rng())
    assert np.all(edges.out_degree == k)
    assert not has_autapse(edges)
    assert not has_multapse(edges)
    step = (edges.post - edges.pre) % n
    near = np.count_nonzero((step <= k // 2) | (step >= n - k // 2))
    # The number of turned edges of a row is m; they go to one of the n - 1 - (k - m) others, m of
    # which are the near ones left: near = k - m + m * m / (n - 1 - k + m) on average.
    m = np.arange(k + 1)
    law = stats.binom(k, p).pmf(m)
    per_row = k - m + m * m / np.maximum(1, n - 1 - k + m)
    mean = law @ per_row
    # The number of turned edges varies by k p (1 - p), where they go by less than as much again.
    sd = np.sqrt(2 * n * k * p * (1 - p))
    assert abs(near - n * mean) < 4 * sd
    assert abs(near - n * k) > 10 * sd  # and is neither the ring ...
    assert abs(near - n * k * k / (n - 1)) > 10 * sd  # ... nor chance


def test_small_world_flags() -> None:
    edges = SmallWorld(6, 0.9, allow_autapses=True).edges(50, 50, rng())
    assert has_autapse(edges)
    assert not has_multapse(edges)
    edges = SmallWorld(6, 0.9, allow_multapses=True).edges(50, 50, rng())
    assert has_multapse(edges)
    assert not has_autapse(edges)


RANDOM = [
    Bernoulli(0.2),
    FixedInDegree(4),
    FixedOutDegree(4),
    FixedTotalNumber(50),
    SmallWorld(4, 0.5),
]


@pytest.mark.parametrize("rule", RANDOM, ids=lambda rule: type(rule).__name__)
def test_rules_are_values_and_seeds_decide(rule: Any) -> None:
    assert rule == dataclasses.replace(rule)
    assert hash(rule) == hash(dataclasses.replace(rule))
    assert rule != dataclasses.replace(rule, allow_autapses=not rule.allow_autapses)
    assert rule.edges(30, 30, rng(5)) == rule.edges(30, 30, rng(5))
    assert rule.edges(30, 30, rng(5)) != rule.edges(30, 30, rng(6))
    assert rule.edges(30, 30) != rule.edges(30, 30)
    assert rule.edges(30, 30, rng()).origin == repr(rule)


@pytest.mark.parametrize("rule", RANDOM[:3], ids=lambda rule: type(rule).__name__)
def test_edges_do_not_depend_on_how_many_are_drawn_together(
    rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rule.edges(30, 30, rng(5))
    monkeypatch.setattr("brainloom_projections.connection.counter._BLOCK", 40)
    assert rule.edges(30, 30, rng(5)) == whole


@pytest.mark.parametrize(("k", "p"), [(4, 0.0), (4, 1.0), (20, 1.0)])
def test_small_world_in_blocks(k: int, p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainloom_projections.rules.topology._BLOCK", 100)
    edges = SmallWorld(k, p).edges(33, 33, rng())
    assert np.all(edges.out_degree == k)
    assert edges.n_autapses == edges.n_multapses == 0
    assert (p == 1.0) == bool(np.any(edges.in_degree != k))


@pytest.mark.parametrize("rule", RANDOM[:3], ids=lambda rule: type(rule).__name__)
def test_empty_populations(rule: Any) -> None:
    none = dataclasses.replace(rule, **({"p": 0.0} if hasattr(rule, "p") else {"k": 0}))
    assert len(none.edges(0, 5, rng())) == len(none.edges(5, 0, rng())) == 0
    assert len(none.edges(5, 5, rng())) == 0


def test_counts_of_autapses_and_multapses() -> None:
    edges = Edges.from_pairs([0, 1, 1, 1, 2], [0, 2, 2, 2, 2], 3, 3)
    assert edges.n_autapses == 2
    assert edges.n_multapses == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bernoulli(1.5),
        lambda: Bernoulli(-0.1),
        lambda: Bernoulli(np.nan),
        lambda: Bernoulli("0.1"),
        lambda: Bernoulli(0.1, allow_autapses=False).edges(3, 4, rng()),
        lambda: AllToAll(allow_autapses=False).edges(3, 4),
        lambda: FixedTotalNumber(-1),
        lambda: FixedTotalNumber(2.0),
        lambda: FixedTotalNumber(13).edges(3, 4, rng()),
        lambda: FixedTotalNumber(7, allow_autapses=False).edges(3, 3, rng()),
        lambda: FixedTotalNumber(1, allow_multapses=True).edges(3, 0, rng()),
        lambda: SmallWorld(3, 0.1),
        lambda: SmallWorld(4, 1.1),
        lambda: SmallWorld(4, 0.1).edges(10, 9, rng()),
        lambda: SmallWorld(4, 0.1).edges(4, 4, rng()),
        lambda: OneToOne().edges(3, 4),
        lambda: FixedOutDegree(5).edges(3, 4, rng()),
        lambda: FixedInDegree(5).edges(4, 3, rng()),
        lambda: FixedInDegree(4, allow_autapses=False).edges(4, 4, rng()),
        lambda: FixedOutDegree(-1).edges(3, 4, rng()),
        lambda: FixedOutDegree(1.5).edges(3, 4, rng()),
        lambda: Edges.from_pairs(np.array([0, 5]), np.array([0, 1]), 3, 3),
        lambda: Edges.from_pairs(np.array([0, 1]), np.array([0, 3]), 3, 3),
        lambda: Edges.from_pairs(np.array([0]), np.array([0, 1]), 3, 3),
        lambda: Edges.from_pairs([0.5], [1], 3, 3),
        lambda: Edges.from_pairs([-1], [1], 3, 3),
        lambda: Edges(2, 2, np.array([0, 2, 1]), np.array([0])),
        lambda: Edges(-1, 2, np.array([0]), np.array([0])),
        lambda: Edges(1, 2, [0, 1], [0], distance=np.ones(2)),
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


RULES = [OneToOne(), AllToAll(), AllToAll(allow_autapses=False), Bernoulli(0.3), FixedInDegree(5)]


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
    assert not Connection(5, 5, edges, 1.0 * u.mV, trainable=False).states(brainstate.ParamState)
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


@pytest.mark.parametrize(
    "rule",
    [
        Bernoulli(0.1),
        Bernoulli(0.9, allow_autapses=False),
        Bernoulli(0.1, incoming=True),
        FixedInDegree(7, allow_multapses=True),
        FixedOutDegree(40, allow_autapses=False),
    ],
)
def test_some_neurons_get_the_edges_that_they_have_among_all(rule: Any) -> None:
    n, ranges = 50, [(0, 13), (13, 26), (48, 50)]
    edges = rule.edges(n, n, rng(3))
    draw = rule.draw(n, n, rng(3))
    found = (draw.rows_within if rule.incoming else draw.items_within)(ranges)
    for (first, stop), (counts, posts, _) in zip(ranges, found, strict=True):
        kept = (edges.post >= first) & (edges.post < stop)
        np.testing.assert_array_equal(posts + first, edges.post[kept])
        np.testing.assert_array_equal(counts, np.bincount(edges.pre[kept], minlength=n))


def test_edges_are_drawn_when_they_are_needed() -> None:
    connection = Connection(2000, 2000, FixedInDegree(20), 1.0 * u.nS, delay=1 * u.ms, seed=1)
    assert connection.n_edges == 40_000
    assert not connection.are_drawn
    assert connection.edges.n_post == 2000
    assert connection.are_drawn
    each = Connection(20, 20, Bernoulli(0.5), lambda shape: np.ones(shape) * u.nS, seed=1)
    assert each.are_drawn
    assert each.weight.value.shape == (each.n_edges,)
