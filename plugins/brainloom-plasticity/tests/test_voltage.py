"""The voltage-based rule: a reference per synapse, and what the paper shows."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Dynamics, ParameterError, state
from brainloom_plasticity import PlasticProj, VoltageSTDP
from brainloom_projections import Bernoulli, Edges, OneToOne
from brainloom_synapses import CUBA, Expon

DT = 0.2


class Clamped(Dynamics):
    """A population whose potential is given in each step."""

    V = state(lambda model, shape: jnp.full(shape, -70.6) * u.mV)

    def get_spike(self) -> Any:
        return jnp.zeros(self.in_size)

    def update(self, V: Any) -> None:
        self.V.value = V * u.mV


def learn(rule: VoltageSTDP, edges: Edges, pre: np.ndarray, V: np.ndarray) -> np.ndarray:
    """The strengths after presynaptic spikes and potentials, each at the end of its step."""
    post = Clamped(edges.n_post)
    proj = PlasticProj(
        edges.n_pre, post, edges, Expon.desc(), CUBA.desc(), weight=0.5 * u.mS, rule=rule
    )

    @brainstate.transform.jit
    def run(pre: Any, V: Any) -> None:
        def step(spikes: Any, V: Any) -> None:
            post(V)
            proj(spikes)

        brainstate.transform.for_loop(step, pre, V)

    with brainstate.environ.context(dt=DT * u.ms):
        brainstate.nn.init_all_states([proj, post])
        run(jnp.asarray(pre), jnp.asarray(V))
    return np.asarray(proj.weight.to_decimal(u.mS))


def by_hand(edges: Edges, pre: np.ndarray, V: np.ndarray, u_ref: float | None) -> np.ndarray:
    def follow(value: float, target: float, tau: float) -> float:
        return target + (value - target) * np.exp(-DT / tau)

    result = []
    for i, j in zip(edges.pre, edges.post, strict=True):
        x, low, high, mean, w = 0.0, -70.6, -70.6, 0.0, 0.5
        for spike, now in zip(pre[:, i], V[:, j], strict=True):
            x = x * np.exp(-DT / 15)
            low, high = follow(low, now, 10), follow(high, now, 7)
            mean = follow(mean, now + 70.6, 1000)
            w += DT * 8e-4 * x / 15 * max(now + 45.3, 0) * max(high + 70.6, 0)
            w = min(w, 1.0)
            if spike:
                gain = 1.0 if u_ref is None else (mean / u_ref) ** 2
                w = max(w - 14e-4 * gain * max(low + 70.6, 0), 0.0)
                x += 1
        result.append(w)
    return np.array(result)


@pytest.mark.parametrize("u_ref", [None, 5.0])
def test_equals_synapse_by_synapse(u_ref: float | None) -> None:
    rng = np.random.default_rng(0)
    edges = Bernoulli(0.5).edges(36, 6, rng)
    pre = (rng.random((150, 36)) < 0.05).astype(float)
    V = np.cumsum(rng.normal(size=(150, 6)), 0) * 3 - 60
    rule = VoltageSTDP(
        A_LTD=14e-4 / u.mV,
        A_LTP=8e-4 / u.mV**2,
        u_ref=None if u_ref is None else u_ref * u.mV,
        w_max=1 * u.mS,
    )
    expected = by_hand(edges, pre, V, u_ref)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(learn(rule, edges, pre, V), expected, rtol=0, atol=1e-12)


def pairing(rate: float, delta: float) -> float:
    """Change by five pairings of a spike with a burst of potential, 1 ms at 30 mV, and its tail."""
    time = np.arange(0, 200 + 5000 / rate, DT)
    bursts = 100 + np.arange(5) * 1000 / rate
    V, pre = np.full(len(time), -70.6), np.zeros(len(time))
    for burst in bursts:
        after = time >= burst
        V[after] += 10 * np.exp(-(time[after] - burst) / 30)  # the depolarisation after a spike
        pre[round((burst - delta) / DT)] = 1
    for burst in bursts:
        V[(time >= burst - 1e-9) & (time < burst + 1 - 1e-9)] = 30
    edges = OneToOne().edges(1, 1)
    return learn(VoltageSTDP(w_max=1 * u.mS), edges, pre[:, None], V[:, None])[0] - 0.5


def test_timing_rules_at_low_rates_and_rate_at_high_ones() -> None:
    # Fig. 2 of the paper: post before pre depresses at 10 Hz and potentiates at 50 Hz.
    assert pairing(10, 10) > 0 > pairing(10, -10)
    assert pairing(50, 10) > pairing(50, -10) > 0
    assert pairing(50, 10) > 1.3 * pairing(10, 10)


def test_it_needs_a_potential_that_is_not_delayed() -> None:
    class Spiking(Dynamics):
        get_spike = Clamped.get_spike

    parts = (OneToOne(), Expon.desc(), CUBA.desc())
    options = {"weight": 0 * u.mS, "rule": VoltageSTDP.desc(w_max=1 * u.mS)}
    with pytest.raises(ParameterError, match="VoltageSTDP: an equation asks for 'V', which is"):
        PlasticProj(2, Spiking(2), *parts, **options)
    with pytest.raises(ParameterError, match="VoltageSTDP: it reads V of the postsynaptic"):
        PlasticProj(2, Clamped(2), *parts, dendritic_delay=1 * u.ms, **options)
