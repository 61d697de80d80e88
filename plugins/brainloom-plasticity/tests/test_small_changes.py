"""Changes that are too small to be added to a float32 are not lost, whatever rule makes them."""

from collections.abc import Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import DeclarationError, ParameterError, param
from brainloom_neurons import LIF
from brainloom_plasticity import (
    STDP,
    Change,
    DopamineSTDP,
    InhibitorySTDP,
    PlasticityRule,
    PlasticProj,
    SynapticScaling,
    edge_state,
    post_trace,
    pre_trace,
)
from brainloom_projections import OneToOne
from brainloom_synapses import CUBA, Expon

STEPS = 100_000


@pytest.fixture(autouse=True)
def numerics() -> Iterator[None]:
    with jax.enable_x64(False), brainstate.environ.context(dt=0.01 * u.ms, precision=32):
        yield


class Leak(PlasticityRule):
    """Weights that decay on their own."""

    tau = param(default=1e5 * u.ms)

    def dw(self, w: Any) -> Any:
        return -w / self.tau


def strengths(rule: Any, every: int = 0, d: float = 0.0) -> tuple[float, Any]:
    """The strength after a second at 0.01 ms from 0.5, with spikes of both sides, and the rule."""
    post = LIF(1)
    proj = PlasticProj(
        *(1, post, OneToOne(), Expon.desc(), CUBA.desc()), weight=1.5 * u.mS, rule=rule
    )
    brainstate.nn.init_all_states([proj, post])
    if d:
        rule.d.value, rule.e.value = jnp.full(1, d), jnp.full(1, d)

    def step(i: Any) -> None:
        now = jnp.ones(1) * ((i % every) == 0) if every else jnp.zeros(1)
        later = jnp.ones(1) * ((i % every) == 1) if every else jnp.zeros(1)
        proj(now, later)
        post()

    brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, jnp.arange(STEPS)))()
    return float(proj.weight.to_decimal(u.mS)[0] / 3), rule


# A float32 of 1.5 has steps of 1.2e-7. Each change below is 1e-7 of the weight or less, so that all
# of it, or a large part, would be lost; kept, the error is that of the weight as it is stored and
# of the changes themselves, a few 1e-7 of what they amount to.


def test_weights_that_move_on_their_own() -> None:
    w, _ = strengths(Leak(w_max=3 * u.mS))
    assert w - 0.5 == pytest.approx(0.5 * np.expm1(-0.01), rel=1e-4)


def test_scaling() -> None:
    w, rule = strengths(SynapticScaling(w_max=3 * u.mS))  # no spikes, 100 s and 10 s
    y = 50 * np.exp(-0.1)
    assert float(rule.y.value[0]) - 50 == pytest.approx(y - 50, rel=1e-4)
    factor = (1 - 10 * (1 - np.exp(-0.1))) / 100  # the integral of 1 - r / rho
    assert w - 0.5 == pytest.approx(0.5 * np.expm1(factor), rel=1e-3)


def test_dopamine() -> None:
    rule = DopamineSTDP(
        tau_e=1e4 * u.ms, tau_d=1e5 * u.ms, eta=0.01 * u.Hz, w_max=3 * u.mS, A_plus=0.0, A_minus=0.0
    )
    w, _ = strengths(rule, d=0.5)
    rate = 0.1 + 0.01
    assert w - 0.5 == pytest.approx(0.01 * 0.25 * (1 - np.exp(-rate)) / rate, rel=1e-4)
    assert float(rule.e.value[0]) == pytest.approx(0.5 * np.exp(-0.1), rel=1e-6)
    assert float(rule.d.value[0]) == pytest.approx(0.5 * np.exp(-0.01), rel=1e-6)


@pytest.mark.parametrize(
    "rule",
    [
        STDP(A_plus=1e-8, A_minus=0.0, w_max=3 * u.mS),
        InhibitorySTDP(eta=0.5e-8, rate=1e-9 * u.Hz, w_max=3 * u.mS),
    ],
    ids=["STDP", "InhibitorySTDP"],
)
def test_changes_by_spikes(rule: Any) -> None:
    w, _ = strengths(rule, every=100)  # 1000 pairs of 0.01 ms, once in a millisecond
    trace = 1 / (1 - np.exp(-1 / 20))  # of spikes 1 ms apart, in the steady state
    sums = trace * (1000 - (1 - np.exp(-1000 / 20)) * trace * np.exp(-1 / 20))
    after = np.exp(-0.01 / 20)
    change = 1e-8 * sums * after
    if isinstance(rule, InhibitorySTDP):  # half as much, and pairs the other way round
        change = 0.5 * change + 0.5e-8 * (sums - 1000) * np.exp(0.01 / 20)
    assert w - 0.5 == pytest.approx(change, rel=2e-3)


def pair(rule: Any, between: Any = None, **options: Any) -> float:
    """The strength after a pair 5 ms apart, in steps of 1 ms before the first and 0.5 ms after."""
    post = LIF(1)
    proj = PlasticProj(
        *(1, post, OneToOne(), Expon.desc(), CUBA.desc()), weight=1.5 * u.mS, rule=rule, **options
    )
    with brainstate.environ.context(dt=1.0 * u.ms):
        brainstate.nn.init_all_states([proj, post])
        proj(jnp.ones(1), jnp.zeros(1))
        post()
    if between is not None:
        between(rule)
    with brainstate.environ.context(dt=0.5 * u.ms):
        for k in range(10):
            proj(jnp.zeros(1), jnp.ones(1) * (k == 9))
            post()
    return float(proj.weight.to_decimal(u.mS)[0])


def test_another_dt_is_that_of_the_steps_that_have_it() -> None:
    w = pair(STDP(A_plus=0.1, w_max=3 * u.mS))
    assert w == pytest.approx(1.5 + 0.3 * np.exp(-5 / 20), rel=1e-6)


def test_what_is_assigned_is_checked_and_acts_in_the_next_step() -> None:
    def change(rule: Any) -> None:
        rule.A_plus, rule.tau_plus, rule.w_max = 0.2, 10 * u.ms, 2 * u.mS

    w = pair(STDP(A_plus=0.1, w_max=3 * u.mS), change)
    assert w == pytest.approx(1.5 + 0.4 * np.exp(-5 / 10), rel=1e-6)
    rule = STDP(w_max=3 * u.mS)
    with pytest.raises(ParameterError, match=r"STDP\.tau_plus: expected a time > 0"):
        rule.tau_plus = -1 * u.ms
    with pytest.raises(ParameterError, match=r"STDP\.A_plus: expected a number"):
        rule.A_plus = np.nan
    for wrong, text in ((3 * u.mV, "expected a conductance"), (0 * u.mS, "not 0 and beyond w_min")):
        with pytest.raises(ParameterError, match=rf"STDP\.w_max: .*{text}"):
            pair(STDP(w_max=3 * u.mS), lambda rule, wrong=wrong: setattr(rule, "w_max", wrong))
        with pytest.raises(ParameterError, match=rf"STDP\.w_max: .*{text}"):
            pair(STDP(w_max=wrong))


def test_nothing_is_kept_at_a_bound() -> None:
    class Rise(Leak):
        def dw(self, w: Any) -> Any:
            return (1.0 + 0.0 * w) / self.tau

    w, rule = strengths(Rise(w_max=1.5 * u.mS))
    assert w == 0.5 and rule.w_lost.value[0] == 0


def test_equations_are_checked_when_a_rule_is_defined() -> None:
    with pytest.raises(DeclarationError, match="argument 'trase' is none .* did you mean trace"):

        class Misspelt(PlasticityRule):
            trace = pre_trace()

            def on_post(self, trase: Any) -> Any:
                return Change(trase)

    with pytest.raises(DeclarationError, match="returns 'elegible', .* did you mean 'eligible'"):

        class Returned(PlasticityRule):
            eligible = edge_state()

            def on_post(self, eligible: Any) -> Any:
                return {"elegible": eligible + 1.0}

    with pytest.raises(DeclarationError, match="returns 'y', which it cannot change. It may"):

        class Side(PlasticityRule):
            y = post_trace()

            def on_pre(self, w: Any, y: Any) -> Any:
                return {"w": w, "y": y}

    with pytest.raises(DeclarationError, match="no state 'W'.* did you mean dw"):

        class Capital(PlasticityRule):
            def dW(self, w: Any) -> Any:
                return -w / u.ms


def test_a_name_like_a_state_may_be_one_of_the_population() -> None:
    class Reading(PlasticityRule):
        reads = ("V_th",)
        V_thr = post_trace()

        def on_pre(self, V_th: Any) -> Any:
            return Change(0.0 * u.get_mantissa(V_th))

    assert Reading.equations.takes("on_pre") == ("V_th",)
