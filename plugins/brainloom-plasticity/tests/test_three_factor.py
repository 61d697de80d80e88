"""Rules with a third factor: a reference per synapse, exact integrals, credit."""

from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_neurons import LIF
from brainloom_plasticity import DopamineSTDP, PlasticProj, ThreeFactorSTDP
from brainloom_projections import Bernoulli, Edges, OneToOne
from brainloom_synapses import CUBA, Expon

Learn = Callable[..., np.ndarray]
EDGES = Bernoulli(0.5).edges(40, 5, np.random.default_rng(1))


class Scripted(brainstate.nn.Module):
    """Gives one row after the other."""

    def __init__(self, rows: np.ndarray) -> None:
        super().__init__()
        self.rows = jnp.asarray(rows)
        self.step = brainstate.ShortTermState(jnp.zeros((), jnp.int32))

    def update(self) -> Any:
        self.step.value += 1
        return self.rows[self.step.value - 1]


def trains(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return tuple((rng.random((150, n)) < 0.08).astype(float) for n in (40, 5))


def by_hand(
    drive: Callable[[int, int], float], edges: Edges, pre: np.ndarray, post: np.ndarray
) -> np.ndarray:
    """Strengths from 0.5, with `drive(t, j)`, what the mean eligibility of a step is scaled by."""
    result = []
    for i, j in zip(edges.pre, edges.post, strict=True):
        x = y = e = 0.0
        w = 0.5
        for t in range(len(pre)):
            w = min(max(w + 0.002 * e * np.exp(-0.5 / 50) * drive(t, j), 0), 1)  # mid-step, 1 ms
            e, x, y = e * np.exp(-1 / 50), x * np.exp(-1 / 20), y * np.exp(-1 / 30)
            e += 0.3 * x * post[t, j]
            e -= 0.2 * y * pre[t, i]
            x, y = x + pre[t, i], y + post[t, j]
        result.append(w)
    return np.array(result)


RULE = {"A_plus": 0.3, "A_minus": 0.2, "tau_plus": 20 * u.ms, "tau_minus": 30 * u.ms}
RULE |= {"tau_e": 50 * u.ms, "eta": 2 * u.Hz, "w_max": 1 * u.mS}


@pytest.mark.parametrize("shape", [(150,), (150, 5)])
def test_third_factor_equals_synapse_by_synapse(learn: Learn, shape: tuple[int, ...]) -> None:
    third = 100 * np.random.default_rng(7).normal(size=shape)
    pre, post = trains(2)
    expected = by_hand(lambda t, j: third[t] if third.ndim == 1 else third[t, j], EDGES, pre, post)
    assert np.ptp(expected) > 0.1
    w = learn(ThreeFactorSTDP(third=Scripted(third), **RULE), EDGES, 0.5, pre, post)
    np.testing.assert_allclose(w, expected, rtol=0, atol=1e-12)


def test_dopamine_equals_synapse_by_synapse(learn: Learn) -> None:
    released = 50 * (np.random.default_rng(8).random((150, 5)) < 0.05)
    pre, post = trains(3)
    d = np.zeros(5)
    driven = []
    for now in released:
        driven.append(d * np.exp(-0.5 / 20) - 0.1)
        d = d * np.exp(-1 / 20) + now
    expected = by_hand(lambda t, j: driven[t][j], EDGES, pre, post)
    assert np.ptp(expected) > 0.05
    rule = DopamineSTDP(dopamine=Scripted(released), tau_d=20 * u.ms, baseline=0.1, **RULE)
    w = learn(rule, EDGES, 0.5, pre, post)
    np.testing.assert_allclose(w, expected, rtol=0, atol=1e-12)


def test_dopamine_pays_the_integral_of_the_product(learn: Learn) -> None:
    steps, delta, later = 4000, 10, 300
    pre, post, released = np.zeros((steps, 1)), np.zeros((steps, 1)), np.zeros(steps)
    pre[20] = post[20 + delta] = released[20 + delta + later] = 1
    rule = DopamineSTDP(dopamine=Scripted(released), w_max=1 * u.mS)
    w = learn(rule, OneToOne().edges(1, 1), 0.5, pre, post)[0] - 0.5
    rate = 1 / 1000 + 1 / 200  # per ms
    eligibility = 0.01 * np.exp(-delta / 20) * np.exp(-later / 1000)
    exact = eligibility * 1e-3 / rate * (1 - np.exp(-rate * (steps - 1 - 330)))
    # the mean of an exponential over a step exceeds its value in the middle by (rate dt)^2 / 24
    assert w == pytest.approx(exact, rel=1.1 * rate**2 / 24)


def test_credit_goes_to_the_synapse_that_caused_the_spike(learn: Learn) -> None:
    pre, post, reward = np.zeros((800, 3)), np.zeros((800, 1)), np.zeros(800)
    pre[95, 0] = pre[105, 1] = post[100] = 1  # the first before, the second after, the third never
    reward[600] = 100
    edges = Edges.from_pairs([0, 1, 2], [0, 0, 0], 3, 1)
    causal, acausal, silent = learn(
        DopamineSTDP(dopamine=Scripted(reward), w_max=1 * u.mS), edges, 0.5, pre, post
    )
    assert causal > 0.51 and acausal < 0.49 and silent == 0.5
    unpaid = learn(DopamineSTDP(w_max=1 * u.mS), edges, 0.5, pre, post)
    assert np.all(unpaid == 0.5)


def test_sources_are_checked(learn: Learn) -> None:
    with pytest.raises(ParameterError, match="ThreeFactorSTDP.third: missing"):
        learn(ThreeFactorSTDP(w_max=1 * u.mS), EDGES, 0.5, *trains(2))
    with pytest.raises(ParameterError, match="third: expected a function, a module or a state"):
        ThreeFactorSTDP(third=1.0)
    for wrong, got in ((lambda: jnp.ones(3), r"shape \(3,\)"), (lambda: 1.0 * u.mV, "1 mV")):
        with pytest.raises(InputError, match=f"ThreeFactorSTDP.third: expected a number, .* {got}"):
            learn(ThreeFactorSTDP(third=wrong, w_max=1 * u.mS), EDGES, 0.5, *trains(2))


def test_dopamine_may_be_written_or_come_from_a_neuron() -> None:
    dopaminergic, post = LIF(1, V_th=1 * u.mV), LIF(2)
    rule = DopamineSTDP(dopamine=dopaminergic, w_max=1 * u.mS)
    proj = PlasticProj(
        3, post, Bernoulli(1.0), Expon.desc(), CUBA.desc(), weight=0 * u.mS, rule=rule
    )
    brainstate.nn.init_all_states([dopaminergic, proj, post])
    dopaminergic(100 * u.mA)
    brainstate.transform.jit(lambda: proj(jnp.zeros(3)))()
    np.testing.assert_array_equal(rule.d.value, [1, 1])
    rule.d.value = rule.d.value.at[0].add(2.0)
    np.testing.assert_array_equal(rule.d.value, [3, 1])
