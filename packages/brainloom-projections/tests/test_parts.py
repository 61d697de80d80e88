"""Edges, weights and delays by the neurons that they reach, without all of them."""

import tracemalloc
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import Normal, Uniform
from brainloom_core.unmade import unmade_in
from brainloom_projections import (
    AllToAll,
    Bernoulli,
    Connection,
    DistanceDependent,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    GaussianProfile,
    Rule,
    SmallWorld,
    by_distance,
    by_edge,
    grid_positions,
)
from brainloom_projections.connection import counter, for_edges
from brainloom_projections.connection.draws import EdgeDraws
from brainloom_projections.rules import basic, spatial, topology

LINE = grid_positions(60, 1.0 * u.um)
RULES = [
    AllToAll(allow_autapses=False),
    Bernoulli(0.2),
    Bernoulli(0.7, incoming=True),
    FixedInDegree(7),
    FixedInDegree(5, allow_multapses=True),
    FixedOutDegree(7),
    FixedTotalNumber(400),
    FixedTotalNumber(3000, allow_autapses=False),
    FixedTotalNumber(400, allow_multapses=True),
    SmallWorld(6, 0.3),
    DistanceDependent(GaussianProfile(8 * u.um), LINE),
]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn together, a few hundred at a time, so that small networks have many."""
    for module in (counter, basic, spatial, topology):
        monkeypatch.setattr(module, "_BLOCK", 500)
    monkeypatch.setattr(for_edges, "BLOCK", 64)


def part_of(made: Any, first: int, stop: int) -> tuple[Edges, np.ndarray]:
    """The edges to some neurons, and their values."""
    draws = made.kept.draws
    (part,) = draws.within([(first, stop)], True)
    edges = part.edges(first, draws.n_post)
    split = SimpleNamespace(numbers=lambda k: part.numbers, edges=lambda k: edges)
    return edges, made.of_part(split, 0)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("weight", [Normal(1 * u.nS, 0.1 * u.nS), None], ids=["drawn", "by edge"])
def test_parts_have_the_edges_and_the_values_that_the_whole_has(rule: Rule, weight: Any) -> None:
    if weight is None:
        weight = by_edge(lambda edges: (1.0 + edges.pre + 100.0 * edges.post) * u.nS)
    connection = Connection(60, 60, rule, weight, delay=Uniform(0 * u.ms, 3 * u.ms), seed=5)
    made = [unmade_in(vars(connection)["weight"]), connection.delay_to_make]
    parts = [[part_of(one, *ends) for ends in ((0, 13), (13, 14), (14, 60))] for one in made]
    assert not connection.are_drawn
    assert made[1].ends == (connection.delay.mantissa.min(), connection.delay.mantissa.max())
    whole = connection.edges
    for found, values in zip(parts, (connection.weight.value, connection.delay), strict=True):
        numbers = np.asarray(values.mantissa)
        for (edges, own), (first, stop) in zip(found, ((0, 13), (13, 14), (14, 60)), strict=True):
            mine = (whole.post >= first) & (whole.post < stop)
            assert np.array_equal(edges.pre, whole.pre[mine])
            assert np.array_equal(edges.post, whole.post[mine])
            assert np.array_equal(own, numbers[mine])
    assert len(np.unique(connection.delay.mantissa)) > 0.99 * connection.n_edges


def test_lengths_go_with_the_edges_of_a_part() -> None:
    speed = by_distance(lambda d: d / (3 * u.um / u.ms))
    connection = Connection(60, 60, RULES[-1], 1 * u.nS, delay=speed, seed=5)
    edges, delays = part_of(connection.delay_to_make, 20, 41)
    assert np.allclose(delays, edges.distance.mantissa / 3)
    mine = (connection.edges.post >= 20) & (connection.edges.post < 41)
    assert np.array_equal(delays, connection.delay.mantissa[mine])


@pytest.mark.parametrize(
    "function",
    [
        by_edge(lambda edges: (1.0 / edges.in_degree.max() + 0.0 * edges.post) * u.nS),
        by_edge(lambda edges: edges.out_degree[edges.pre] * u.nS),
        by_edge(lambda edges: np.arange(len(edges)) * u.nS),
        by_edge(lambda edges: brainstate.random.uniform(size=len(edges)) * u.nS),
        by_edge(lambda edges: np.random.default_rng(1).random(len(edges)) * u.nS),
        by_distance(lambda d: d.mantissa / d.mantissa.max() * u.nS),
        lambda shape: np.linspace(0.0, 1.0, *shape) * u.nS,
    ],
)
def test_a_function_of_all_edges_is_asked_for_all(function: Any) -> None:
    connection = Connection(60, 60, RULES[-1], function, seed=5)
    assert unmade_in(vars(connection)["weight"]) is None


@dataclass(frozen=True)
class Half(FixedOutDegree):
    """A rule that changes what the one that it is based on draws."""

    def edges(self, n_pre: int, n_post: int, rng: Any = None) -> Edges:
        edges = super().edges(n_pre, n_post, rng)
        return Edges.from_pairs(edges.pre[::2], edges.post[::2], n_pre, n_post)


def test_a_rule_that_changes_the_edges_of_its_base_is_asked_for_them() -> None:
    assert Connection(60, 60, Half(4), 1.0, seed=5).n_edges == 120


@pytest.mark.parametrize("rule", [FixedTotalNumber(600), FixedTotalNumber(1900)])
def test_each_pair_is_as_likely_as_any_other(rule: FixedTotalNumber) -> None:
    counts = np.zeros((60, 40))
    for seed in range(200):
        edges = rule.edges(60, 40, np.random.default_rng(seed))
        assert len(edges) == rule.n
        assert edges.n_multapses == 0
        counts[edges.pre, edges.post] += 1
    p = rule.n / counts.size
    apart = (counts - 200 * p) / np.sqrt(200 * p * (1 - p))
    assert abs(apart).max() < 5
    assert 0.9 < apart.std() < 1.1


@pytest.mark.parametrize(
    "rule",
    [
        Bernoulli(0.5),
        FixedInDegree(600),
        pytest.param(FixedTotalNumber(700_000), marks=pytest.mark.slow),
        pytest.param(SmallWorld(540, 0.1), marks=pytest.mark.slow),
        pytest.param(
            DistanceDependent(GaussianProfile(350 * u.um), grid_positions(1200, 1.0 * u.um)),
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_a_part_takes_the_memory_of_its_own_edges(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (counter, basic, spatial, topology):
        monkeypatch.setattr(module, "_BLOCK", 1 << 14)
    monkeypatch.setattr(for_edges, "BLOCK", 1 << 14)
    tracemalloc.start()
    try:
        connection = Connection(
            *(1200, 1200, rule, Normal(1 * u.nS, 0.1 * u.nS)),
            delay=Uniform(0 * u.ms, 3 * u.ms),
            seed=5,
        )
        draws: EdgeDraws | None = connection._kept.draws
        assert draws is not None
        for made in (unmade_in(vars(connection)["weight"]), connection.delay_to_make):
            part_of(made, 40, 60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not connection.are_drawn
    assert connection.n_edges > 600_000
    assert peak < 2 * connection.n_edges  # bytes: half a number for each edge
