"""Delays of projections: latency, charge, batches, agreement of all routes, and gradients."""

import copy
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network, ParameterError, StateError, UnitError, simulate
from brainloom_neurons import LIF
from brainloom_projections import (
    STP,
    AlignPostProj,
    AlignPreProj,
    AllToAll,
    Bernoulli,
    Connection,
    CurrentProj,
    DeltaProj,
    Edges,
    FixedOutDegree,
    OneToOne,
    Projection,
)
from brainloom_synapses import COBA, CUBA, Delta, Expon

DT = 0.1
CURRENT = {"out": CUBA.desc(scale=1.0)}
Route = Callable[[Any, Any], Any]


@pytest.fixture(autouse=True)
def time_step() -> Any:
    with brainstate.environ.context(dt=DT * u.ms):
        yield


def run(step: Callable[[Any], Any], xs: Any) -> Any:
    return brainstate.transform.jit(lambda x: brainstate.transform.for_loop(step, x))(xs)


def arriving(proj: Any, post: Any, spikes: Any) -> np.ndarray:
    """What a projection through `Delta` delivers in each step of given spikes."""

    def step(sent: Any) -> Any:
        proj(sent)
        post()
        return proj.syn.g.value

    return np.asarray(run(step, jnp.asarray(spikes)).to_decimal(u.nA))


def through_delta(comm: Any, post: Any, *modules: Any, **delays: Any) -> AlignPostProj:
    syn, out = Delta(post.in_size, g_initializer=0.0 * u.nA), CUBA(scale=1.0)
    return AlignPostProj(*modules, comm=comm, syn=syn, out=out, post=post, **delays)


def one_to_one(n: int, **options: Any) -> Connection:
    return Connection(n, n, OneToOne(), 1.0 * u.nA, **options)


ROUTES: dict[str, Route] = {
    "scalar": lambda d, post: through_delta(one_to_one(3), post, delay=d),
    "per neuron": lambda d, post: through_delta(one_to_one(3), post, delay=u.math.ones(3) * d),
    "of the connection": lambda d, post: through_delta(one_to_one(3, delay=d), post),
    "per edge": lambda d, post: through_delta(one_to_one(3, delay=u.math.ones(3) * d), post),
    "interpolated": lambda d, post: through_delta(one_to_one(3), post, delay=d, interpolate=True),
}


@pytest.mark.parametrize("batch", [None, 1, 5])
@pytest.mark.parametrize("route", ROUTES)
def test_latency_and_charge(route: str, batch: int | None) -> None:
    """A spike acts `round(delay / dt)` steps after a spike without delay, once; halves go to the
    even number; nothing arrives before."""
    latencies = {0.0: 0, 0.1: 1, 0.15: 2, 0.25: 2, 1.0: 10, 10.0: 100}
    post = LIF(3, V_th=1e9 * u.mV)
    projs = [ROUTES[route](delay * u.ms, post) for delay in latencies]
    size = {} if batch is None else {"batch_size": batch}
    brainstate.nn.init_all_states([projs, post], **size)
    shape = (3,) if batch is None else (batch, 3)
    once = (np.arange(106) == 3).reshape(-1, *[1] * len(shape))

    def step(sent: Any) -> Any:
        for proj in projs:
            proj(sent)
        post()
        return [proj.syn.g.value for proj in projs]

    arrived = run(step, jnp.asarray(np.ones(shape) * once))
    for got, (delay, steps) in zip(arrived, latencies.items(), strict=True):
        expected = np.zeros(106)
        if route == "interpolated":
            rest, whole = np.modf(np.round(delay / DT, 6))
            expected[3 + int(whole)], expected[4 + int(whole)] = 1.0 - rest, rest
        else:
            expected[3 + steps] = 1.0
        expected = np.ones(shape) * expected.reshape(once.shape)
        np.testing.assert_allclose(got.to_decimal(u.nA), expected, atol=1e-5)


def test_each_edge_has_its_own_delay() -> None:
    post = LIF(2, V_th=1e9 * u.mV)
    comm = Connection.from_pairs(
        [0, 0, 1, 1],
        [0, 1, 1, 1],
        [1.0, 2.0, 4.0, 8.0] * u.nA,
        sizes=(2, 2),
        delay=[0.0, 0.3, 0.1, 0.2] * u.ms,
    )
    proj = through_delta(comm, post)
    brainstate.nn.init_all_states([proj, post])
    got = arriving(proj, post, np.array([[1.0, 0.0], [0.0, 0.5], *np.zeros((4, 2))]))
    expected = [[1.0, 0.0], [0.0, 0.0], [0.0, 2.0], [0.0, 2.0 + 4.0], [0.0, 0.0], [0.0, 0.0]]
    np.testing.assert_allclose(got, expected)


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.15, 1.0])
def test_the_past_of_a_potential_says_the_same(delay: float) -> None:
    """`prefetch("V").delay` decoded to spikes, and `delay=`, in a network whose neurons spike; a
    threshold below zero would make spikes of a past that starts at 0 mV."""
    cell = {
        "V_th": -50 * u.mV,
        "V_reset": -60 * u.mV,
        "V_rest": -60 * u.mV,
        "V_initializer": -60 * u.mV,
    }
    pre, post = LIF(4, **cell), LIF(4, V_th=1e9 * u.mV)
    past = pre.prefetch("V").delay.at(delay * u.ms)
    whole = u.math.ones(4) * delay * u.ms

    routes = [
        through_delta(one_to_one(4), post, past, pre.get_spike),
        through_delta(one_to_one(4), post, pre.get_spike, delay=delay * u.ms),
        through_delta(one_to_one(4, delay=whole), post, pre.get_spike),
    ]
    brainstate.nn.init_all_states([pre, post, *routes])

    def step(i: Any) -> Any:
        for proj in routes:
            proj()
        spikes = pre(jnp.array([20.0, 30.0, 60.0, 0.0]) * u.mA)
        post()
        return spikes, [proj.syn.g.value for proj in routes]

    spikes, got = run(step, jnp.arange(120))
    assert spikes[:, 2].sum() > 5
    steps = round(delay / DT + 1e-9)
    expected = np.zeros((120 + steps + 1, 4))
    expected[steps + 1 :] = spikes
    for g in got:
        np.testing.assert_allclose(g.to_decimal(u.nA), expected[:120], atol=1e-6)


def test_a_delayed_state_of_ones_own() -> None:
    """`prefetch("spike").delay.at(...)` of a neuron that keeps its spikes."""

    class Keeping(LIF):
        def init_state(self, batch_size: Any = None, **kwargs: Any) -> None:
            super().init_state(batch_size)
            self.spike = brainstate.ShortTermState(jnp.zeros(self.varshape))

        def update(self, x: Any) -> Any:
            self.spike.value = super().update(x)
            return self.spike.value

    pre, post = Keeping(2), LIF(2)
    past = pre.prefetch("spike").delay.at(0.2 * u.ms)
    proj = DeltaProj(past, comm=Connection(2, 2, OneToOne(), 1.0 * u.mV), post=post)
    brainstate.nn.init_all_states([pre, proj, post])

    def step(i: Any) -> Any:
        seen = past()
        proj()
        post()
        return pre(2.0 * u.mA), seen

    spikes, seen = run(step, jnp.arange(100))
    np.testing.assert_array_equal(seen[3:], spikes[:-3])
    assert spikes.sum() > 0


def test_the_past_with_indices_interpolation_and_of_the_output() -> None:
    pre = LIF(3, V_initializer=[0.1, 0.2, 0.3] * u.mV)
    both = pre.prefetch("V").delay.at([0.1, 0.2] * u.ms, [2, 0])
    between = pre.prefetch_delay("V", 0.15 * u.ms, interpolation="linear")
    output = pre.output_delay(0.2 * u.ms)
    assert pre.prefetch("V").delay.at([0.1, 0.2] * u.ms, [2, 0]).past is both.past
    brainstate.nn.init_all_states(pre)

    def step(i: Any) -> Any:
        seen = both(), between(), output()
        spikes = pre(1.5 * u.mA)
        return seen, pre.V.value, spikes

    start = pre.V.value.mantissa
    (two, half, out), V, spikes = run(step, jnp.arange(60))
    V = np.concatenate([np.tile(start, (3, 1)), V.mantissa])  # V[k + 3] is that after step k
    k = np.arange(60) + 2
    np.testing.assert_allclose(two.mantissa, np.stack([V[k - 1, 2], V[k - 2, 0]], 1), rtol=1e-6)
    np.testing.assert_allclose(half.mantissa, (V[k - 1] + V[k - 2]) / 2, rtol=1e-5)
    np.testing.assert_array_equal(out[3:], spikes[:-3])
    assert spikes.sum() > 0


def test_a_past_asked_for_too_late_says_so() -> None:
    pre = LIF(2)
    brainstate.nn.init_all_states(pre)
    late = pre.prefetch("V").delay.at(1.0 * u.ms)
    with pytest.raises(StateError, match=r"init_all_states\(net\)"):
        late()
    missing = LIF(2)
    missing.prefetch("spikes").delay.at(1.0 * u.ms)
    with pytest.raises(StateError, match=r"LIF has no such state.*get_spike"):
        brainstate.nn.init_all_states(missing)


@pytest.mark.parametrize("kind", ["AlignPost", "AlignPre", "Delta", "Current"])
def test_a_delay_shifts_what_a_projection_does(kind: str) -> None:
    """Scalar, per neuron and per edge: the same response, so many steps later."""
    steps = 7
    spikes = np.random.default_rng(0).random((60, 5)) < 0.1
    traces = []
    for delay in (None, 0.7, "per neuron", "per edge"):
        brainstate.random.seed(0)
        post = LIF(4, R=1.0 * u.Mohm, V_th=1e9 * u.mV)
        weight = (1.0 * u.mV) if kind == "Delta" else 2.0 if kind == "Current" else 2.0 * u.nA
        comm = Connection(5, 4, FixedOutDegree(3), weight, seed=1)
        size = {"per neuron": 5, "per edge": 15}.get(str(delay))
        named = (
            {}
            if delay is None
            else {"delay": 0.7 * u.ms if size is None else np.full(size, 0.7) * u.ms}
        )
        source = Expon(5, g_initializer=0.0 * u.nA)
        if kind == "Delta":
            proj: Any = DeltaProj(comm=comm, post=post, **named)
        elif kind == "Current":
            proj = CurrentProj(
                source.prefetch("g"), comm=comm, out=CUBA(scale=1.0), post=post, **named
            )
        else:
            cls = AlignPostProj if kind == "AlignPost" else AlignPreProj
            syn = Expon.desc(g_initializer=0.0 * u.nA)
            proj = cls(comm=comm, syn=syn, post=post, stp=STP.desc(U=0.5), **CURRENT, **named)
        brainstate.nn.init_all_states([source, proj, post])

        def step(sent: Any, proj: Any = proj, post: Any = post, source: Any = source) -> Any:
            if kind == "Current":
                source(sent * 1.0 * u.nA)
                proj()
            else:
                proj(sent)
            post()
            return post.V.value

        traces.append(np.asarray(run(step, jnp.asarray(spikes, jnp.float32)).to_decimal(u.mV)))
    assert abs(traces[0][:-steps]).max() > 0.1
    for trace in traces[1:]:
        assert (trace[:steps] == 0).all()
        np.testing.assert_allclose(trace[steps:], traces[0][:-steps], rtol=1e-4, atol=1e-5)


def loss_of(make: Callable[[Any, Any], Any], signal: Any) -> Callable[[Any], Any]:
    """The squared potential that a graded signal causes, as a function of the delays in ms."""

    def loss(delays: Any) -> Any:
        post = LIF(3, R=1.0 * u.Mohm, tau=2.0 * u.ms, V_th=1e9 * u.mV)
        state = brainstate.ParamState(delays * u.ms)
        proj = make(state, post)
        brainstate.nn.init_all_states([proj, post])

        def step(x: Any) -> Any:
            proj(x)
            post()
            return post.V.value.to_decimal(u.mV)

        V = brainstate.transform.for_loop(step, signal)
        return ((V - 0.01) ** 2).sum()

    return loss


@pytest.mark.parametrize(
    ("size", "where"),
    [(None, "projection"), (2, "projection"), (4, "projection"), (4, "connection")],
)
def test_the_gradient_by_the_delay_is_that_of_finite_differences(
    size: int | None, where: str
) -> None:
    """The loss is a smooth function between two multiples of dt: central differences of 1e-5 ms
    are right to 1e-8 there."""

    def make(delay: Any, post: Any) -> Any:
        own = {"delay": delay} if where == "connection" else {}
        edges = Edges.from_pairs([0, 0, 1, 1], [0, 1, 1, 2], 2, 3)
        comm = Connection(2, 3, edges, [3.0, -2.0, 4.0, 1.0] * u.nA, **own)
        given = {"delay": delay} if where == "projection" else {}
        return AlignPostProj(
            comm=comm,
            syn=Expon.desc(tau=1.0 * u.ms, g_initializer=0.0 * u.nA),
            post=post,
            max_delay=2.0 * u.ms,
            **CURRENT,
            **given,
        )

    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        signal = jnp.asarray(np.random.default_rng(0).random((40, 2)))
        loss = jax.jit(loss_of(make, signal))
        delays = jnp.asarray(0.537) if size is None else jnp.linspace(0.12, 1.37, size)
        got = jax.grad(loss)(delays)
        eps = 1e-5
        for index in np.ndindex(delays.shape):
            change = jnp.zeros_like(delays).at[index].set(eps)
            expected = (loss(delays + change) - loss(delays - change)) / (2 * eps)
            np.testing.assert_allclose(got[index], expected, rtol=1e-6, atol=1e-9)
            assert abs(expected) > 1e-5


def test_a_delay_is_found_by_training() -> None:
    """Gradient descent on the mean time of a smooth response finds the delay that made it."""
    signal = jnp.exp(-(((jnp.arange(80) - 15.0) / 6.0) ** 2))[:, None]

    def response(proj: Any, post: Any) -> Any:
        brainstate.nn.init_all_states([proj, post])

        def step(x: Any) -> Any:
            proj(x)
            post()
            return post.V.value.to_decimal(u.mV)

        return brainstate.transform.for_loop(step, signal)

    def made(delay: Any) -> Any:
        post = LIF(1, R=1.0 * u.Mohm, V_th=1e9 * u.mV)
        proj = CurrentProj(
            lambda x: x * u.nA,
            comm=Connection(1, 1, OneToOne(), 1.0),
            out=CUBA(scale=1.0),
            post=post,
            delay=delay,
            max_delay=5 * u.ms,
        )
        return proj, post

    target = response(*made(2.34 * u.ms))
    delay = brainstate.ParamState(0.5 * u.ms)
    proj, post = made(delay)

    @brainstate.transform.jit
    def improve() -> Any:
        def loss() -> Any:
            return ((response(proj, post) - target) ** 2).sum()

        slope, value = brainstate.transform.grad(loss, delay, return_value=True)()
        delay.value = delay.value - 2.0 * slope
        return value

    losses = [float(improve()) for _ in range(60)]
    assert losses[-1] < 1e-3 * losses[0]
    assert abs(delay.value.to_decimal(u.ms) - 2.34) < 0.02


def test_a_trained_delay_stays_within_its_bounds() -> None:
    for value, step in ((-1.0, 0), (9.0, 5)):
        post = LIF(1, V_th=1e9 * u.mV)
        delay = brainstate.ParamState(0.2 * u.ms)
        proj = through_delta(one_to_one(1), post, delay=delay, max_delay=0.5 * u.ms)
        brainstate.nn.init_all_states([proj, post])
        delay.value = value * u.ms
        got = arriving(proj, post, np.eye(10)[:, :1])
        assert got[:, 0].tolist() == np.eye(10)[step].tolist()


def test_every_form_of_a_trained_delay_is_found() -> None:
    post = LIF(1)
    for delay in (
        brainstate.ParamState(0.3 * u.ms),
        brainstate.nn.Param(0.3 * u.ms),
        brainstate.nn.Param(jnp.full(1, 0.3) * u.ms),
    ):
        named = {"weight": 1.0 * u.nA, "delay": delay, "max_delay": 1.0 * u.ms}
        syn = Delta.desc(g_initializer=0.0 * u.nA)
        proj = Projection(1, post, OneToOne(), syn, CUBA.desc(scale=1.0), **named)
        brainstate.nn.init_all_states([proj, post])
        got = arriving(proj, post, np.eye(6)[:, :1])
        np.testing.assert_allclose(got[:, 0], np.eye(6)[3], atol=1e-5)
        sizes = [np.size(s.value) for s in proj.states(brainstate.ParamState).values()]
        assert len(sizes) == 2  # the weight and the delay


def test_memory_follows_neurons_and_the_longest_delay() -> None:
    post = LIF(20)
    comm = Connection(30, 20, AllToAll(), 1.0 * u.mS, delay=lambda shape: u.math.ones(shape) * u.ms)
    proj = AlignPostProj(comm=comm, syn=Expon.desc(), out=CUBA.desc(), post=post)
    brainstate.nn.init_all_states([proj, post])
    sizes = [s.value.size for s in proj.states(brainstate.ShortTermState).values()]
    assert max(sizes) == 11 * 20
    assert (
        "kept for each postsynaptic neuron and step"
        in Projection(
            30,
            post,
            AllToAll(),
            Expon,
            CUBA,
            weight=1.0 * u.mS,
            delay=lambda shape: u.math.ones(shape) * u.ms,
        ).explain()
    )


def network(delay: Any) -> Network:
    brainstate.random.seed(1)
    net = Network()
    cell = {"V_th": -50 * u.mV, "V_reset": -60 * u.mV, "V_rest": -49 * u.mV}
    net.E = LIF(30, R=1.0 * u.Mohm, V_initializer=-55 * u.mV, spk_reset="hard", **cell)
    net.EE = Projection(
        net.E,
        net.E,
        Bernoulli(0.3),
        Expon.desc(g_initializer=0.0 * u.nS),
        COBA.desc(E=-80 * u.mV),
        weight=20.0 * u.nS,
        delay=delay,
        seed=3,
    )
    return net


@pytest.mark.parametrize("delay", [1.0 * u.ms, "per edge"])
def test_in_a_network(delay: Any) -> None:
    """`simulate` makes the states, also of the delays; a copy is on its own; the batch and vmap
    repeat the single run."""
    if isinstance(delay, str):
        delay = lambda shape: brainstate.random.uniform(0.1, 2.0, shape) * u.ms  # noqa: E731
    net = network(delay)
    twin = copy.deepcopy(net)
    spikes = simulate(net, 50 * u.ms, dt=DT * u.ms, record="E.spikes")["E.spikes"]
    assert len(spikes) > 30
    again = simulate(twin, 50 * u.ms, dt=DT * u.ms, record="E.spikes")["E.spikes"]
    assert twin.EE._spikes.module is twin.E
    np.testing.assert_array_equal(spikes.step, again.step)
    brainstate.nn.reset_all_states(net)
    again = simulate(net, 50 * u.ms, dt=DT * u.ms, record="E.spikes")["E.spikes"]
    np.testing.assert_array_equal(spikes.step, again.step)

    def one_step(model: Any) -> Any:
        model()
        return model.E.get_spike()

    many = network(delay)
    brainstate.nn.init_all_states(many, batch_size=2)
    batched = run(lambda i: one_step(many), jnp.arange(500))
    lanes = network(delay)
    brainstate.nn.vmap_init_all_states(lanes, axis_size=2, state_tag="lane")
    mapped = brainstate.nn.Vmap(lanes, vmap_states="lane", axis_size=2)
    single = np.zeros((500, 30))
    single[spikes.step - 1, spikes.index] = 1.0

    def lane_step(i: Any) -> Any:
        mapped()
        return jax.vmap(lambda V: lanes.E.get_spike(V * u.mV))(lanes.E.V.value.to_decimal(u.mV))

    got = run(lane_step, jnp.arange(500))
    for k in range(2):
        np.testing.assert_array_equal(np.asarray(batched)[:, k], single)
        np.testing.assert_array_equal(np.asarray(got)[:, k], single)


def delayed(**options: Any) -> Any:
    return lambda: through_delta(one_to_one(3), LIF(3), **options)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (delayed(delay=-1.0 * u.ms), ParameterError, r"AlignPostProj.delay: expected a time >= 0"),
        (delayed(delay=[1.0, -1.0, 1.0] * u.ms), ParameterError, r"AlignPostProj.delay: .*>= 0"),
        (delayed(delay=1.0 * u.mV), UnitError, r"AlignPostProj.delay: expected a time"),
        (delayed(delay=1.0), UnitError, r"AlignPostProj.delay: expected a time"),
        (delayed(delay=np.nan * u.ms), ParameterError, r"AlignPostProj.delay: .*finite"),
        (
            delayed(delay=np.ones(4) * u.ms),
            ParameterError,
            r"AlignPostProj.delay: expected (a scalar or )?.*3.*got shape \(4,\)",
        ),
        (delayed(delay=lambda s: s), ParameterError, r"give it to the connection"),
        (
            delayed(delay=3.0 * u.ms, max_delay=2.0 * u.ms),
            ParameterError,
            r"AlignPostProj.delay: expected at most max_delay = 2 ms, got 3 ms",
        ),
        (
            lambda: delayed(delay=brainstate.ParamState(1.0 * u.ms))(),
            ParameterError,
            r"AlignPostProj.max_delay: missing.*trained",
        ),
        (
            lambda: through_delta(one_to_one(3, delay=1 * u.ms), LIF(3), delay=1 * u.ms),
            ParameterError,
            r"AlignPostProj.delay: the connection has delays of its own",
        ),
        (
            lambda: through_delta(lambda x: x * u.nA, LIF(3), delay=1 * u.ms),
            TypeError,
            r"AlignPostProj.delay: the size of the presynaptic population is not known",
        ),
        (
            lambda: one_to_one(3, delay=-1 * u.ms),
            ParameterError,
            r"Connection.delay: expected >= 0",
        ),
        (lambda: one_to_one(3, delay=1 * u.mV), UnitError, r"Connection.delay: expected a time"),
        (
            lambda: Projection(
                LIF(3), LIF(3), OneToOne(), Expon, CUBA, weight=1 * u.mS, delay=-1 * u.ms
            ),
            ParameterError,
            r"AlignPostProj.delay: expected a time >= 0",
        ),
    ],
)
def test_errors(make: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_a_smaller_step_than_at_initialisation_is_an_error() -> None:
    post = LIF(3)
    proj = through_delta(one_to_one(3), post, delay=1.0 * u.ms)
    brainstate.nn.init_all_states([proj, post])
    with (
        brainstate.environ.context(dt=0.05 * u.ms),
        pytest.raises(InputError, match="init_all_states"),
    ):
        proj(jnp.zeros(3))


@pytest.mark.parametrize("per_edge", [False, True])
def test_a_delay_that_is_assigned_acts_from_the_next_step_and_loses_nothing(per_edge: bool) -> None:
    """The delay is 2 ms, from 2 ms on 4 ms, from 11 ms on 1 ms."""
    net = Network()
    net.cell = LIF(1, V_th=1e6 * u.mV)
    rule = Edges.from_pairs([0], [0], 1, 1)
    own = np.array([2.0]) * u.ms if per_edge else None
    net.proj = AlignPostProj(
        lambda: jnp.isin(brainstate.environ.get("i"), jnp.array([10, 30, 60, 115]))[None],
        comm=Connection(1, 1, rule, weight=1.0 * u.mA, delay=own),
        syn=Expon.desc(tau=5 * u.ms, g_initializer=0 * u.mA),
        out=CUBA.desc(scale=1.0),
        post=net.cell,
        delay=None if per_edge else 2.0 * u.ms,
    )
    assert ("Arrivals" in type(net.proj.delay).__name__) == per_edge
    seen = []
    for start, duration, delay in ((0.0, 2.0, None), (2.0, 9.0, 4.0), (11.0, 2.0, 1.0)):
        if delay is not None:
            net.proj.delay = delay * u.ms
        g = simulate(net, duration * u.ms, start=start * u.ms, record="proj.syn.g")
        seen.append(g["proj.syn.g"].values.to_decimal(u.mA)[:, 0])
    whole = np.concatenate(seen)
    jumps = np.flatnonzero(np.diff(whole, prepend=0.0) > 0.5)
    assert jumps.tolist() == [30, 70, 100, 125]


def test_parts_of_a_projection_cannot_be_exchanged_in_silence() -> None:
    post = LIF(2)
    comm = Connection(2, 2, OneToOne(), weight=1.0 * u.mA)
    parts = {"syn": Expon.desc(g_initializer=0 * u.mA), "out": CUBA.desc(scale=1.0), "post": post}
    aligned = AlignPostProj(comm=comm, **parts)
    proj = Projection(2, post, comm, parts["syn"], parts["out"])
    for it in (aligned, proj):
        for name in ("comm", "syn", "out", "post", "stp", "label"):
            with pytest.raises(AttributeError, match=rf"\.{name}: it cannot be exchanged"):
                setattr(it, name, 3)
        with pytest.raises(ParameterError, match=r"\.delay: this projection was made without"):
            it.delay = 1.0 * u.ms
    later = AlignPostProj(comm=comm, delay=0 * u.ms, **parts)  # as the message says
    later.delay = 1.0 * u.ms
    with pytest.raises(UnitError, match=rf"{later.name}\.delay: expected a time"):
        later.delay = 1.0 * u.mV


@pytest.mark.parametrize("max_delay", [-1.0 * u.ms, 5.0 * u.ms, np.nan * u.ms])
def test_a_longest_delay_without_a_delay_is_an_error(max_delay: Any) -> None:
    comm = Connection(2, 2, OneToOne(), weight=1.0 * u.mV)
    with pytest.raises(ParameterError, match=r"DeltaProj\.max_delay: expected a delay too"):
        DeltaProj(comm=comm, post=LIF(2), max_delay=max_delay)
    DeltaProj(comm=comm, post=LIF(2), max_delay=5.0 * u.ms, delay=0 * u.ms)
