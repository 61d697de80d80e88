"""Pair and triplet rules: published numbers, and a reference that keeps everything per synapse."""

from typing import Any

import brainunit as u
import numpy as np
import pytest
from brainloom_plasticity import STDP, TripletSTDP
from brainloom_projections import Bernoulli, Edges, OneToOne

Learn = Any
ONE = OneToOne().edges(1, 1)
EDGES = Bernoulli(0.5).edges(40, 7, np.random.default_rng(1))  # some rows through either path


def at(steps: Any, length: int) -> np.ndarray:
    spikes = np.zeros((length, 1))
    spikes[steps] = 1
    return spikes


def trains(seed: int, steps: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of 40 and 7 neurons: few at first, then so many that they often meet."""
    rng = np.random.default_rng(seed)
    rate = np.where(np.arange(steps) < steps // 2, 0.03, 0.3)[:, None]
    return tuple((rng.random((steps, n)) < rate).astype(float) for n in (40, 7))


@pytest.mark.parametrize(
    ("delta", "change"),
    # A exp(-delta / tau) with A = 0.01, tau = 20 ms
    [(1, 9.512294e-3), (5, 7.788008e-3), (10, 6.065307e-3), (20, 3.678794e-3), (50, 8.20850e-4)],
)
def test_pair_has_its_window(learn: Learn, delta: int, change: float) -> None:
    rule = {"A_plus": 0.01, "A_minus": 0.01, "w_max": 1 * u.mS}
    early, late = at(20, 80), at(20 + delta, 80)
    assert learn(STDP(**rule), ONE, 0.5, early, late)[0] - 0.5 == pytest.approx(change, rel=1e-6)
    assert learn(STDP(**rule), ONE, 0.5, late, early)[0] - 0.5 == pytest.approx(-change, rel=1e-6)


def test_spikes_that_meet_are_no_pair(learn: Learn) -> None:
    assert learn(STDP(w_max=1 * u.mS), ONE, 0.5, at(20, 40), at(20, 40))[0] == 0.5


TRIPLETS = {0.1: (0.0, -0.3122), 10: (0.1321, -0.3336), 20: (0.2470, -0.3516)}
TRIPLETS |= {40: (0.5337, 0.1548), 50: (0.7409, 0.7272)}


@pytest.mark.parametrize("rate", TRIPLETS)
def test_triplets_depend_on_rate_as_in_visual_cortex(learn: Learn, rate: float) -> None:
    first = 20 + np.round(np.arange(60) * 1000 / rate).astype(int)
    length = int(first[-1]) + 30
    for delta, change in zip((10, -10), TRIPLETS[rate], strict=True):
        rule = TripletSTDP(w_min=-1 * u.mS, w_max=1 * u.mS)
        w = learn(rule, ONE, 0.0, at(first, length), at(first + delta, length))[0]
        assert w == pytest.approx(change, abs=0.5e-4)  # to the digits that are printed


# Each synapse by itself, from the list of the spikes before, without traces.


def past(train: np.ndarray, t: int, tau: float, nearest: bool) -> float:
    ages = t - np.flatnonzero(train[:t])
    ages = ages[-1:] if nearest else ages
    return float(np.exp(-ages / tau).sum())


def reference(change: Any, edges: Edges, w: float, pre: np.ndarray, post: np.ndarray) -> Any:
    result = np.full(len(edges), w)
    for k, (i, j) in enumerate(zip(edges.pre, edges.post, strict=True)):
        for t in range(len(pre)):
            if post[t, j]:
                result[k] = min(max(change("post", result[k], pre[:, i], post[:, j], t), 0), 1)
            if pre[t, i]:
                result[k] = min(max(change("pre", result[k], pre[:, i], post[:, j], t), 0), 1)
    return result


@pytest.mark.parametrize("interactions", ["all", "nearest"])
@pytest.mark.parametrize(("mu_plus", "mu_minus"), [(0.0, 0.0), (1.0, 1.0), (0.4, 0.0)])
def test_pairs_equal_synapse_by_synapse(
    learn: Learn, interactions: str, mu_plus: float, mu_minus: float
) -> None:
    nearest = interactions == "nearest"

    def change(side: str, w: float, pre: Any, post: Any, t: int) -> float:
        if side == "post":
            return w + 0.01 * (1 - w) ** mu_plus * past(pre, t, 15.0, nearest)
        return w - 0.007 * w**mu_minus * past(post, t, 25.0, nearest)

    rule = STDP(
        A_plus=0.01,
        A_minus=0.007,
        tau_plus=15 * u.ms,
        tau_minus=25 * u.ms,
        mu_plus=mu_plus,
        mu_minus=mu_minus,
        w_max=1 * u.mS,
        interactions=interactions,
    )
    spikes = trains(seed=3)
    expected = reference(change, EDGES, 0.5, *spikes)
    assert np.ptp(expected) > 0.05
    # float64: a few hundred updates of numbers of order 1
    np.testing.assert_allclose(learn(rule, EDGES, 0.5, *spikes), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("interactions", ["all", "nearest"])
def test_triplets_equal_synapse_by_synapse(learn: Learn, interactions: str) -> None:
    nearest = interactions == "nearest"

    def change(side: str, w: float, pre: Any, post: Any, t: int) -> float:
        r1, r2 = past(pre, t, 16.8, nearest), past(pre, t, 101.0, nearest)
        o1, o2 = past(post, t, 33.7, nearest), past(post, t, 125.0, nearest)
        return w + r1 * (1e-3 + 6e-3 * o2) if side == "post" else w - o1 * (7e-3 + 2e-3 * r2)

    amplitudes = {"A2_plus": 1e-3, "A3_plus": 6e-3, "A2_minus": 7e-3, "A3_minus": 2e-3}
    rule = TripletSTDP(**amplitudes, w_max=1 * u.mS, interactions=interactions)
    spikes = trains(seed=4)
    expected = reference(change, EDGES, 0.5, *spikes)
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(learn(rule, EDGES, 0.5, *spikes), expected, rtol=0, atol=1e-12)
