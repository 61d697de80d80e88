"""Rules that keep rates: references, and the rates that they reach."""

from collections.abc import Callable
from typing import Any

import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Network, simulate
from brainloom_neurons import LIF
from brainloom_plasticity import InhibitorySTDP, PlasticProj, SynapticScaling
from brainloom_projections import Bernoulli
from brainloom_synapses import CUBA, Expon

Learn = Callable[..., np.ndarray]
EDGES = Bernoulli(0.5).edges(40, 5, np.random.default_rng(1))


def trains(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple((rng.random((150, n)) < 0.08).astype(float) for n in (40, 5))


@pytest.mark.parametrize("sign", [1, -1])
def test_inhibition_equals_synapse_by_synapse(learn: Learn, sign: int) -> None:
    pre, post = trains(5)
    expected = []
    for i, j in zip(EDGES.pre, EDGES.post, strict=True):
        x = y = 0.0
        w = 0.2
        for s, r in zip(pre[:, i], post[:, j], strict=True):
            x, y = x * np.exp(-1 / 25), y * np.exp(-1 / 25)
            w = min(w + r * 0.05 * x, 1)
            w = max(w + s * 0.05 * (y - 2 * 0.08 * 25), 0)  # 80 Hz
            x, y = x + s, y + r
        expected.append(w)
    assert np.ptp(expected) > 0.2 and min(expected) == 0
    rule = InhibitorySTDP(eta=0.05, tau=25 * u.ms, rate=80 * u.Hz, w_max=sign * u.mS)
    w = learn(rule, EDGES, sign * 0.2, pre, post)
    np.testing.assert_allclose(sign * w, expected, rtol=0, atol=1e-12)


def test_scaling_equals_synapse_by_synapse_and_keeps_ratios(learn: Learn) -> None:
    pre, post = trains(6)
    weight = np.random.default_rng(0).uniform(0.1, 0.3, len(EDGES))
    factor = []
    for train in post.T:
        y, f = 0.01 * 100, 0.0  # 10 Hz, in ms
        for spike in train:
            f += (1 - y * np.exp(-0.5 / 100) / (0.01 * 100)) / 500  # in the middle of the step
            y = y * np.exp(-1 / 100) + spike
        factor.append(np.exp(f))
    rule = SynapticScaling(rate=10 * u.Hz, tau=500 * u.ms, tau_rate=100 * u.ms, w_max=1 * u.mS)
    w = learn(rule, EDGES, weight, pre, post)
    assert np.ptp(factor) > 0.05
    np.testing.assert_allclose(w, weight * np.array(factor)[EDGES.post], rtol=1e-11)


def rate_after(rule: Any, weight: Any, drive: float) -> np.ndarray:
    """Rates in Hz of 20 neurons at the end of learning, from 50 inputs of about 20 Hz."""
    net = Network()
    net.pre = LIF(50, V_th=15 * u.mV, V_initializer=lambda shape: jnp.linspace(0, 14, 50) * u.mV)
    net.post = LIF(20, V_th=15 * u.mV, V_initializer=lambda shape: jnp.linspace(0, 14, 20) * u.mV)
    net.syn = PlasticProj(
        *(net.pre, net.post, Bernoulli(0.5), Expon.desc(tau=10 * u.ms), CUBA.desc()),
        weight=weight,
        rule=rule,
        seed=1,
    )
    net.post.add_current_input("drive", lambda V: drive * u.mA)
    feed = {"dt": 1 * u.ms, "inputs": 17 * u.mA, "progress": False}
    simulate(net, 20_000 * u.ms, **feed)
    spikes = simulate(net, 5_000 * u.ms, record="post.spikes", start=20_000 * u.ms, **feed)
    return np.bincount(np.asarray(spikes["post.spikes"].index), minlength=20) / 5


def test_inhibition_brings_the_rate_to_its_target() -> None:
    rule = InhibitorySTDP(eta=2e-3, rate=10 * u.Hz, w_max=-3 * u.mS)
    before = rate_after(InhibitorySTDP(eta=1e-12, rate=10 * u.Hz, w_max=-3 * u.mS), -0.2 * u.mS, 5)
    assert before.mean() > 20
    # At rest <x r> = 2 rho tau <s> - <y s>, which is r = rho for trains without correlations;
    # those of regular neurons leave a few percent.
    assert rate_after(rule, -0.2 * u.mS, 5).mean() == pytest.approx(10, rel=0.1)


def test_scaling_brings_the_rate_to_its_target() -> None:
    rule = SynapticScaling(rate=15 * u.Hz, tau=1 * u.second, tau_rate=1 * u.second, w_max=3 * u.mS)
    before = rate_after(SynapticScaling(tau=1e12 * u.ms, w_max=3 * u.mS), 0.04 * u.mS, -5)
    assert before.mean() < 10
    assert rate_after(rule, 0.04 * u.mS, -5).mean() == pytest.approx(15, rel=0.05)
