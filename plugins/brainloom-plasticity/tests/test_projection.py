"""The projection: delays, the step, networks, files, and what is refused."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network, ParameterError, UnitError, param, simulate
from brainloom_neurons import LIF
from brainloom_plasticity import (
    STDP,
    PlasticityRule,
    PlasticProj,
    SynapticScaling,
    TripletSTDP,
    post_trace,
    pre_trace,
)
from brainloom_projections import STP, AllToAll, Bernoulli, Connection, Edges, OneToOne
from brainloom_synapses import COBA, CUBA, Expon
from hypothesis import given, settings
from hypothesis import strategies as st

Learn = Callable[..., np.ndarray]
RULE = {"A_plus": 0.05, "A_minus": 0.04, "w_max": 1 * u.mS}


def pairs(edges: Edges, pre: Any, post: Any, late_pre: Any, late_post: Any) -> np.ndarray:
    """Strengths from 0.5 by arrivals at each synapse, some steps after the spikes."""
    late_pre = np.broadcast_to(late_pre, edges.n_pre)
    late_post = np.broadcast_to(late_post, edges.n_post)
    result = []
    for i, j in zip(edges.pre, edges.post, strict=True):
        here = {int(t) + late_pre[i] for t in np.flatnonzero(pre[:, i])}
        back = {int(t) + late_post[j] for t in np.flatnonzero(post[:, j])}
        w = 0.5
        for t in range(len(pre)):
            if t in back:
                w = min(w + 0.05 * sum(np.exp((s - t) / 20) for s in here if s < t), 1)
            if t in here:
                w = max(w - 0.04 * sum(np.exp((s - t) / 20) for s in back if s < t), 0)
        result.append(w)
    return np.array(result)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    delay=st.sampled_from([None, 0, 3, "each"]),
    dendritic=st.sampled_from([None, 2, "each"]),
)
def test_delays_shift_what_meets_at_a_synapse(seed: int, delay: Any, dendritic: Any) -> None:
    rng = np.random.default_rng(seed)
    edges = Bernoulli(0.5).edges(9, 4, rng)
    pre, post = ((rng.random((60, n)) < 0.1).astype(float) for n in (9, 4))
    late = [rng.integers(0, 6, n) if d == "each" else d for d, n in ((delay, 9), (dendritic, 4))]
    target = LIF(4)
    proj = PlasticProj(
        *(9, target, edges, Expon.desc(), CUBA.desc()),
        weight=0.5 * u.mS,
        rule=STDP(**RULE),
        delay=None if late[0] is None else late[0] * u.ms,
        dendritic_delay=None if late[1] is None else late[1] * u.ms,
    )
    brainstate.nn.init_all_states([proj, target])

    def step(*spikes: Any) -> None:
        proj(*spikes)
        target()

    brainstate.transform.for_loop(step, jnp.asarray(pre), jnp.asarray(post))
    expected = pairs(edges, pre, post, *(0 if d is None else d for d in late))
    w = proj.weight.to_decimal(u.mS)
    np.testing.assert_allclose(w, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "arrival", "weight"),
    # w - A y, y = exp(-1 / 20) for a postsynaptic spike at 4 ms and the next presynaptic one
    # at the synapse: at once with a dendritic delay of 2 ms, which the other spike has too.
    [
        ({}, 5, 0.5 - 0.04 * np.exp(-1 / 20)),
        ({"delay": 3 * u.ms}, 8, 0.5 - 0.04 * np.exp(-4 / 20)),
        ({"dendritic_delay": 2 * u.ms}, 7, 0.5),
    ],
)
def test_a_spike_arrives_with_the_weight_that_it_leaves(
    options: Any, arrival: int, weight: float
) -> None:
    target = LIF(1)
    proj = PlasticProj(
        *(1, target, OneToOne(), Expon.desc(), CUBA.desc()),
        weight=0.5 * u.mS,
        rule=STDP(**RULE),
        **options,
    )
    brainstate.nn.init_all_states([proj, target])
    conductance = []
    for t in range(10):
        proj(jnp.full(1, float(t == 5)), jnp.full(1, float(t == 4)))
        target()
        conductance.append(float(proj.syn.g.value[0].to_decimal(u.mS)))
    assert np.flatnonzero(conductance)[0] == arrival
    assert conductance[arrival] == pytest.approx(weight, rel=1e-12)


def test_several_rules_act_on_one_weight(learn: Learn) -> None:
    pre, post = (np.random.default_rng(n).random((80, n)) < 0.1 for n in (3, 2))
    edges = AllToAll().edges(3, 2)
    scaling = {"rate": 5 * u.Hz, "tau": 1e4 * u.ms, "w_max": 1 * u.mS}
    w = learn([STDP(**RULE), SynapticScaling.desc(**scaling)], edges, 0.5, pre, post)
    alone = learn(STDP(**RULE), edges, 0.5, pre, post)
    assert np.all(w < alone) and np.all(w > 0.9 * alone)


def test_short_term_plasticity_scales_what_is_sent_and_not_what_is_learnt(learn: Learn) -> None:
    pre, post = (np.random.default_rng(n).random((80, n)) < 0.1 for n in (3, 2))
    edges = AllToAll().edges(3, 2)
    alone = learn(STDP(**RULE), edges, 0.5, pre, post)
    np.testing.assert_array_equal(learn(STDP(**RULE), edges, 0.5, pre, post, stp=STP), alone)
    proj = built(stp=STP.desc(U=0.5))
    brainstate.nn.init_all_states([proj, proj.post])
    proj(jnp.ones(3))
    proj.post()
    np.testing.assert_allclose(proj.syn.g.value.to_decimal(u.mS), 0.25)


def test_explains_itself() -> None:
    said = built(rule=[STDP(w_max=1 * u.mS), SynapticScaling(w_max=1 * u.mS)]).explain()
    assert "AlignPost: one state of Expon" in said
    assert "STDP and SynapticScaling change a weight for each of the 3 synapses" in said


def test_weights_become_a_state_with_one_for_each_edge() -> None:
    for trainable, kind in ((True, brainstate.ParamState), (False, brainstate.LongTermState)):
        for weight in (0.5 * u.mS, jnp.full(3, 0.5) * u.mS):
            connection = Connection(3, 3, OneToOne(), weight=weight, trainable=trainable)
            proj = built(connectivity=connection, weight=None)
            assert isinstance(proj.connection.weight, kind)
            np.testing.assert_array_equal(proj.weight.to_decimal(u.mS), np.full(3, 0.5))
    shared = brainstate.ParamState(jnp.full(3, 0.5) * u.mS)
    proj = built(connectivity=Connection(3, 3, OneToOne(), weight=shared), weight=None)
    assert proj.connection.weight is shared


def two_cells(**changes: Any) -> Network:
    net = Network()
    net.pre = LIF(2, V_th=20 * u.mV)
    net.post = LIF(2, V_th=20 * u.mV)
    parts = (net.pre, net.post, OneToOne(), Expon.desc(tau=5 * u.ms), CUBA.desc())
    net.proj = PlasticProj(
        *parts, weight=0.5 * u.mS, rule=STDP(A_plus=0.0, A_minus=0.0, w_max=1 * u.mS), **changes
    )
    return net


DRIVE = {"pre": lambda t: [0.0, 100.0] * u.mA}


def test_assigned_weights_act_from_the_next_run_of_what_is_compiled() -> None:
    net = two_cells()

    def height() -> float:
        brainstate.nn.init_all_states(net)
        simulate(net, 5 * u.ms, dt=1 * u.ms, inputs=DRIVE, progress=False)
        return float(net.proj.syn.g.value.to_decimal(u.mS)[1])

    first = height()
    net.proj.weight = 0.25 * u.mS
    np.testing.assert_allclose(height(), first / 2, rtol=1e-6)
    net.proj.weight = np.array([0.0, 1.0]) * u.mS
    np.testing.assert_allclose(height(), first * 2, rtol=1e-6)
    net.proj.weight = brainstate.ParamState(0.5 * u.mS)  # one for all becomes one for each
    assert isinstance(net.proj.connection.weight, brainstate.ParamState)
    np.testing.assert_allclose(height(), first, rtol=1e-6)
    np.testing.assert_allclose(net.proj.weight.to_decimal(u.mS), [0.5, 0.5])


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (2.0 * u.mS, ParameterError, "expected weights from w_min = 0 to w_max = 1 mS, got"),
        (0.5 * u.mA, UnitError, "Connection.weight: expected"),
        ([0.1, 0.2, 0.3] * u.mS, ParameterError, "weight: expected"),
        (brainstate.ParamState(2.0 * u.mS), ParameterError, "to w_max"),
        (np.nan * u.mS, ParameterError, "weight: expected"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_nothing_changes(
    value: Any, kind: type[Exception], text: str
) -> None:
    net = two_cells()
    held = net.proj.connection.weight
    with pytest.raises(kind, match=text):
        net.proj.weight = value
    assert net.proj.connection.weight is held
    np.testing.assert_array_equal(net.proj.weight.to_decimal(u.mS), [0.5, 0.5])


def test_weights_may_be_assigned_in_what_is_compiled() -> None:
    net = two_cells()
    brainstate.nn.init_all_states(net)

    @brainstate.transform.jit
    def halve() -> None:
        net.proj.weight = net.proj.weight / 2

    halve()
    np.testing.assert_array_equal(net.proj.weight.to_decimal(u.mS), [0.25, 0.25])


@pytest.mark.parametrize("which", ["delay", "dendritic_delay"])
def test_an_assigned_delay_acts_from_the_next_step(which: str) -> None:
    net = two_cells(**{which: 2 * u.ms})
    assert getattr(net.proj, which).delay == 2 * u.ms
    brainstate.nn.init_all_states(net)
    spikes = jnp.array([False, True])

    def arrival() -> int:
        """The steps until a spike that is sent now is felt."""
        brainstate.nn.reset_all_states(net)
        start = net.proj.syn.g.value[1]
        for step in range(8):
            net.proj(spikes & (step == 0), spikes & False)
            net.post()
            if net.proj.syn.g.value[1] > start:
                return step
        return -1

    first = arrival()
    setattr(net.proj, which, 5 * u.ms)
    assert arrival() == first + 3
    with pytest.raises(ParameterError, match=f"PlasticProj.{which}: expected a time"):
        setattr(net.proj, which, -1 * u.ms)
    with pytest.raises(ParameterError, match=f"{which}: this projection was made without it"):
        setattr(two_cells().proj, which, 1 * u.ms)


def test_bounds_hold(learn: Learn) -> None:
    pre, post = (np.random.default_rng(n).random((200, n)) < 0.2 for n in (3, 2))
    edges = AllToAll().edges(3, 2)
    bounds = {"w_min": 0.2 * u.mS, "w_max": 0.8 * u.mS}
    for amplitudes, bound in (((0.5, 0.0), 0.8), ((0.0, 0.5), 0.2)):
        rule = STDP(A_plus=amplitudes[0], A_minus=amplitudes[1], **bounds)
        np.testing.assert_allclose(learn(rule, edges, 0.5, pre, post), bound, rtol=1e-15)


def network(seed: int = 1) -> Network:
    cell = {"R": 100 * u.Mohm, "V_th": -50 * u.mV, "V_rest": -60 * u.mV, "V_reset": -60 * u.mV}
    start = np.random.default_rng(seed).uniform(-60, -50, 40)
    net = Network()
    net.E = LIF(40, **cell, V_initializer=start * u.mV)
    net.syn = PlasticProj(
        *(net.E, net.E, Bernoulli(0.2), Expon.desc(tau=5 * u.ms), COBA.desc(E=0 * u.mV)),
        weight=0.6 * u.nS,
        rule=TripletSTDP(w_max=1.2 * u.nS),
        delay=1.5 * u.ms,
        seed=seed,
    )
    return net


def run(net: Network, duration: float = 60.0) -> np.ndarray:
    simulate(net, duration * u.ms, dt=0.1 * u.ms, inputs=0.15 * u.nA, progress=False)
    return np.asarray(net.syn.weight.to_decimal(u.nS))


def test_a_network_learns_and_its_copy_does_the_same() -> None:
    net = network()
    first = run(net)
    assert 0 <= first.min() < 0.59 and 0.6 < first.max() <= 1.2
    twin = copy.deepcopy(net)
    assert twin.syn.connection.weight is not net.syn.connection.weight
    second = run(net)
    assert np.any(second != first)
    np.testing.assert_array_equal(run(twin), second)


def test_weights_stay_when_states_are_made_anew_and_go_through_files(tmp_path: Path) -> None:
    net = network()
    learnt = run(net)
    brainstate.nn.reset_all_states(net)
    brainstate.nn.init_all_states(net)
    np.testing.assert_array_equal(net.syn.weight.to_decimal(u.nS), learnt)
    assert not np.any(net.syn.rule.r1.value)
    net.syn.connection.save(tmp_path / "weights.npz")
    read = Connection.load(tmp_path / "weights.npz")
    other = network(seed=2)
    other.syn = PlasticProj(
        *(other.E, other.E, read, Expon.desc(), COBA.desc(E=0 * u.mV)),
        rule=STDP(w_max=1.2 * u.nS),
    )
    np.testing.assert_array_equal(other.syn.weight.to_decimal(u.nS), learnt)


def test_single_precision_is_kept() -> None:
    with brainstate.environ.context(precision=32):
        net = network()
        run(net, 20.0)
        assert net.syn.weight.dtype == net.syn.rule.r1.value.dtype == jnp.float32


def test_vmap_over_networks_gives_each_its_weights() -> None:
    post = LIF(3)
    proj = PlasticProj(
        *(40, post, Bernoulli(0.5), Expon.desc(), CUBA.desc()),
        weight=0.5 * u.mS,
        rule=STDP(**RULE),
        seed=1,
    )
    brainstate.nn.init_all_states([proj, post])
    rng = np.random.default_rng(0)
    pre, back = (jnp.asarray(rng.random((2, 30, n)) < 0.1, float) for n in (40, 3))
    start = {key: state.value for key, state in brainstate.graph.states(proj).items()}

    def learnt(pre: Any, back: Any) -> Any:
        for key, state in brainstate.graph.states(proj).items():
            state.value = start[key]

        def step(*spikes: Any) -> None:
            proj(*spikes)
            post()

        brainstate.transform.for_loop(step, pre, back)
        return proj.weight.to_decimal(u.mS)

    both = brainstate.transform.vmap(
        learnt, in_states=(), out_states=brainstate.graph.states([proj, post])
    )(pre, back)
    for found, *trains in zip(both, pre, back, strict=True):
        np.testing.assert_allclose(found, learnt(*trains), rtol=1e-12)


def test_a_rule_of_ones_own(learn: Learn) -> None:
    class Anti(PlasticityRule):
        A = param(default=0.1)
        tau = param(default=10 * u.ms)
        x = pre_trace()
        y = post_trace()

        def dx(self, x: Any) -> Any:
            return -x / self.tau

        def dy(self, y: Any) -> Any:
            return -y / self.tau

        def on_post(self, w: Any, x: Any) -> Any:
            return w - self.A * x

    spikes = np.zeros((20, 1)), np.zeros((20, 1))
    spikes[0][3] = spikes[1][5] = 1
    w = learn(Anti(w_max=2 * u.mS), OneToOne().edges(1, 1), 1.0, *spikes)
    assert w[0] == pytest.approx(1 - 2 * 0.1 * np.exp(-0.2), rel=1e-12)


# What is refused


def built(**changes: Any) -> PlasticProj:
    parts = {
        "pre": 3,
        "post": LIF(3),
        "connectivity": OneToOne(),
        "synapse": Expon.desc(),
        "output": CUBA.desc(),
        "weight": 0.5 * u.mS,
        "rule": STDP(w_max=1 * u.mS),
    }
    return PlasticProj(**{**parts, **changes})


def taken() -> STDP:
    rule = STDP(w_max=1 * u.mS)
    built(rule=rule)
    return rule


ONE = Connection(3, 3, OneToOne(), weight=0.5 * u.mS)


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"rule": STDP()}, UnitError, "STDP.w_max: missing. Weights with a unit need it"),
        ({"rule": STDP(w_max=1 * u.mV)}, UnitError, "STDP.w_max: expected .*, as the weights are"),
        ({"rule": STDP(w_max=0.4 * u.mS)}, ParameterError, "STDP: expected weights from w_min = 0"),
        ({"rule": STDP(w_max=-1 * u.mS)}, ParameterError, "STDP: expected weights from"),
        ({"rule": 3}, TypeError, r"PlasticProj.rule: expected a rule such as STDP\(\), got 3"),
        ({"rule": "taken"}, ValueError, "STDP: this rule already belongs to a projection"),
        ({"post": 3}, TypeError, "PlasticProj.post: expected a population that spikes, got 3"),
        ({"weight": None}, TypeError, "PlasticProj.weight: missing"),
        ({"connectivity": len}, TypeError, "PlasticProj.connectivity: expected a rule such as"),
        (
            {"connectivity": Connection(3, 3, OneToOne(), stored=False), "weight": None},
            ValueError,
            "PlasticProj.connectivity: expected edges that are stored",
        ),
        (
            {"connectivity": Connection(3, 3, OneToOne(), delay=1 * u.ms), "weight": None},
            ValueError,
            "PlasticProj.connectivity: expected a connection without delay",
        ),
        ({"delay": -1 * u.ms}, ParameterError, "Delay.delay: expected a time >= 0"),
        ({"delay": [1.0, 2.0] * u.ms}, ParameterError, "Delay.delay: expected a scalar or"),
    ],
)
def test_refuses(changes: dict[str, Any], kind: type[Exception], text: str) -> None:
    if changes.get("rule") == "taken":
        changes = {"rule": taken()}
    with pytest.raises(kind, match=text):
        built(**changes)


def test_weight_dependence_needs_its_scale() -> None:
    plain = {"synapse": Expon.desc(g_initializer=0.0), "output": CUBA.desc(scale=1.0 * u.mA)}
    assert built(**plain, weight=0.5, rule=STDP()).rule.w_max is None
    with pytest.raises(ParameterError, match="STDP.w_max: missing, which mu_plus needs"):
        built(**plain, weight=0.5, rule=STDP(mu_plus=1.0))


def test_a_batch_is_refused() -> None:
    with pytest.raises(InputError, match="STDP: a batch would change one set of weights"):
        brainstate.nn.init_all_states(built(), batch_size=2)
    proj = built()
    brainstate.nn.init_all_states(proj)
    with pytest.raises(InputError, match=r"expected presynaptic spikes of shape \(3,\), got shape"):
        proj(jnp.ones((2, 3)))


def test_spikes_are_asked_for() -> None:
    proj = built()
    brainstate.nn.init_all_states([proj, proj.post])
    with pytest.raises(InputError, match="no spikes"):
        proj()


def test_what_is_learnt_has_a_slope_by_the_parameters_of_the_rule() -> None:
    amplitude = brainstate.ParamState(jnp.asarray(0.05))
    post = LIF(3)
    proj = PlasticProj(
        *(40, post, Bernoulli(0.5), Expon.desc(), CUBA.desc()),
        weight=0.5 * u.mS,
        rule=STDP(A_plus=amplitude, A_minus=0.04, mu_minus=1.0, w_max=1 * u.mS),
        seed=1,
    )
    rng = np.random.default_rng(0)
    pre, back = (jnp.asarray(rng.random((30, n)) < 0.05, float) for n in (40, 3))
    start = proj.weight

    @brainstate.transform.jit
    def total() -> Any:
        brainstate.nn.init_all_states([proj, post])
        proj.connection.weight.value = start

        def step(*spikes: Any) -> None:
            proj(*spikes)
            post()

        brainstate.transform.for_loop(step, pre, back)
        return proj.weight.to_decimal(u.mS).sum()

    slope = brainstate.transform.grad(total, {"A": amplitude})()["A"]
    sums = []
    for change in (1e-6, -1e-6):
        amplitude.value = jnp.asarray(0.05 + change)
        sums.append(float(total()))
    assert slope == pytest.approx((sums[0] - sums[1]) / 2e-6, rel=1e-7)  # rounding / step
    assert abs(slope) > 1
