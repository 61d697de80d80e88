"""Distance-dependent connectivity: profiles, positions, closed spaces."""

from typing import Any

import brainunit as u
import numpy as np
import pytest
from brainloom_core import ParameterError
from brainloom_projections import Connection, by_distance
from brainloom_projections.rules.spatial import (
    DiscProfile,
    DistanceDependent,
    ExponentialProfile,
    GaussianProfile,
    LinearProfile,
    grid_positions,
    random_positions,
)
from scipy import stats


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


PROFILES = [
    (GaussianProfile(0.2), lambda d: np.exp(-(d**2) / 0.08)),
    (ExponentialProfile(0.2), lambda d: np.exp(-d / 0.2)),
    (LinearProfile(0.5), lambda d: np.clip(1 - d / 0.5, 0, None)),
    (DiscProfile(0.4), lambda d: 1.0 * (d <= 0.4)),
    (lambda d: 0.5 * np.cos(d) ** 2, lambda d: 0.5 * np.cos(d) ** 2),
]


@pytest.mark.parametrize(("profile", "law"), PROFILES)
@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("period", [None, 1.0])
def test_probability_follows_the_distance(
    profile: Any, law: Any, dimensions: int, period: float | None
) -> None:
    x, y = rng(1).random((300, dimensions)), rng(2).random((400, dimensions))
    edges = DistanceDependent(profile, x, y, p_max=0.6, period=period).edges(300, 400, rng())
    apart = x[:, None] - y[None]
    if period is not None:
        apart = apart - np.round(apart)
    d = np.linalg.norm(apart, axis=2)
    np.testing.assert_allclose(edges.distance, d[edges.pre, edges.post], rtol=1e-12, atol=1e-12)
    p = 0.6 * law(d)
    classes = np.digitize(d, np.quantile(d, np.linspace(0, 1, 11)[1:-1]))
    made = edges.to_dense()
    assert made.max() == 1
    for c in range(10):
        here = classes == c
        mean, variance = p[here].sum(), (p * (1 - p))[here].sum()
        # The sum of independent trials, within four standard errors in each of ten classes.
        assert abs(made[here].sum() - mean) <= 4 * np.sqrt(variance)


def test_blocks_of_rows_and_positions_outside_the_period(monkeypatch: pytest.MonkeyPatch) -> None:
    x = rng(1).random((50, 2))
    monkeypatch.setattr("brainloom_projections.rules.spatial._BLOCK", 50 * 7)
    near = DistanceDependent(DiscProfile(0.2), x, period=1.0).edges(50, 50)
    apart = x[:, None] - x[None]
    d = np.linalg.norm(apart - np.round(apart), axis=2)
    np.testing.assert_array_equal(near.to_dense(), d <= 0.2)
    moved = DistanceDependent(DiscProfile(0.2), x, x + np.array([3.0, -2.0]), period=1.0).edges(
        50, 50
    )
    assert moved == near


def test_degrees_in_a_closed_space_are_binomial() -> None:
    sheet = grid_positions((30, 30))
    rule = DistanceDependent(GaussianProfile(4.0), sheet, p_max=0.5, period=30.0)
    edges = rule.edges(900, 900, rng())
    p = rule._probabilities(rule._distances(np.arange(1)))[0]
    for degree in (edges.in_degree, edges.out_degree):
        z = (degree - p.sum()) / np.sqrt((p * (1 - p)).sum())
        # A sum of 900 unequal trials is normal but for its whole numbers, which the random part
        # smooths; its skewness of 0.1 is not seen by a test of 900 values.
        z += (rng(3).random(900) - 0.5) / np.sqrt((p * (1 - p)).sum())
        assert (
            stats.kstest(z, stats.norm(0, np.sqrt(1 + 1 / 12 / (p * (1 - p)).sum())).cdf).pvalue
            > 1e-3
        )


def test_units_and_positions_without() -> None:
    plain = grid_positions((8, 8), 0.1)
    metric = plain * u.mm
    rules = [
        DistanceDependent(GaussianProfile(0.2), plain),
        DistanceDependent(GaussianProfile(200.0 * u.um), metric),
        DistanceDependent(GaussianProfile(0.2 * u.mm), metric, metric.in_unit(u.um)),
    ]
    found = [rule.edges(64, 64, rng()) for rule in rules]
    assert found[0] == found[1] == found[2]
    assert u.get_unit(found[1].distance) == u.mm
    np.testing.assert_allclose(found[1].distance.to_decimal(u.mm), found[0].distance)
    assert rules[0] != rules[1]
    assert rules[1] == DistanceDependent(GaussianProfile(200.0 * u.um), metric)
    assert rules[1] != DistanceDependent(GaussianProfile(200.0 * u.um), metric, period=1 * u.mm)


def test_positions_on_a_grid_and_by_chance() -> None:
    grid = grid_positions((2, 3), 2.0)
    np.testing.assert_array_equal(grid, [[1, 1], [1, 3], [1, 5], [3, 1], [3, 3], [3, 5]])
    assert grid_positions(4).shape == (4, 1)
    assert grid_positions((2, 3, 4), 5 * u.um).shape == (24, 3)
    points = random_positions(2000, np.array([1.0, 3.0]) * u.mm, rng=rng())
    for axis, size in enumerate((1.0, 3.0)):
        assert stats.kstest(points.to_decimal(u.mm)[:, axis] / size, "uniform").pvalue > 1e-3


def test_autapses_and_seeds() -> None:
    rule = DistanceDependent(DiscProfile(2.0), grid_positions(20), allow_autapses=False)
    edges = rule.edges(20, 20, rng())
    assert edges.n_autapses == 0
    assert list(edges.out_degree) == [2, 3, *[4] * 16, 3, 2]
    assert DistanceDependent(DiscProfile(2.0), grid_positions(20)).edges(20, 20).n_autapses == 20
    rule = DistanceDependent(LinearProfile(5.0), grid_positions(20))
    assert rule.edges(20, 20, rng(1)) == rule.edges(20, 20, rng(1))
    assert rule.edges(20, 20, rng(1)) != rule.edges(20, 20, rng(2))


def test_weights_and_delays_follow_the_distance() -> None:
    sheet = random_positions(100, np.ones(2) * u.mm, rng=rng())
    connection = Connection(
        100,
        100,
        DistanceDependent(GaussianProfile(300 * u.um), sheet),
        weight=by_distance(lambda d: np.exp(-d.to_decimal(u.mm)) * u.nS),
        delay=by_distance(lambda d: 0.5 * u.ms + d / (0.3 * u.meter / u.second)),
        seed=0,
    )
    d = connection.edges.distance.to_decimal(u.mm)
    np.testing.assert_allclose(connection.delay.to_decimal(u.ms), 0.5 + d / 0.3)
    np.testing.assert_allclose(connection.weight.value.to_decimal(u.nS), np.exp(-d), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianProfile(0.0), r"GaussianProfile\.sigma: expected a length > 0"),
        (lambda: DiscProfile(-1 * u.mm), r"DiscProfile\.radius: expected a length > 0"),
        (lambda: DistanceDependent(0.5, np.ones(3)), r"profile: expected a function"),
        (lambda: DistanceDependent(np.exp, np.ones(3), p_max=1.5), "p_max: expected a probability"),
        (lambda: DistanceDependent(np.exp, np.ones((3, 4))), r"pre: .* got shape \(3, 4\)"),
        (lambda: DistanceDependent(np.exp, np.ones((3, 2)), np.ones(3)), "expected 2 dimensions"),
        (lambda: DistanceDependent(np.exp, np.ones(3), np.ones(3) * u.mm), r"post: expected a num"),
        (lambda: DistanceDependent(np.exp, np.array([np.nan])), "expected finite positions"),
        (lambda: DistanceDependent(np.exp, np.ones(3), period=[1.0, 2.0]), "period: expected a"),
        (lambda: DistanceDependent(np.exp, np.ones(3), period=0.0), "period: expected a length"),
        (lambda: DistanceDependent(np.exp, np.ones(3)).edges(3, 4), "expected 4 positions"),
        (lambda: DistanceDependent(np.exp, np.arange(3.0)).edges(3, 3), "0 to 1, got 2.7"),
        (lambda: DistanceDependent(lambda d: 0.5, np.ones(3)).edges(3, 3), "for each distance"),
        (lambda: DistanceDependent(DiscProfile(1 * u.mm), np.ones(3)).edges(3, 3), "radius: expec"),
        (lambda: grid_positions((2, 2, 2, 2)), "grid_positions.shape"),
        (lambda: grid_positions(3, -1.0), "grid_positions.spacing"),
        (lambda: random_positions(3, np.ones(4)), "random_positions.extent"),
        (lambda: random_positions(-1), "random_positions.n"),
    ],
)
def test_what_does_not_fit_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()
