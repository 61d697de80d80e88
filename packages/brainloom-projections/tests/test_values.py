"""Weights and delays: assigned later, made by functions, drawn on the host; what is refused."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Network, Normal, ParameterError, Uniform, UnitError, simulate
from brainloom_neurons import LIF, SpikeTime
from brainloom_projections import (
    AllToAll,
    Bernoulli,
    Connection,
    DeltaProj,
    DiscProfile,
    DistanceDependent,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    GaussianProfile,
    OneToOne,
    SmallWorld,
    by_distance,
    by_edge,
    grid_positions,
    random_positions,
)
from scipy import stats

EDGES = Edges.from_pairs([0, 0, 1, 2], [1, 2, 0, 2], 3, 3)


def jumping(**options: Any) -> Network:
    """Three cells that spike at once onto three that show what arrives."""
    net = Network()
    net.cells = LIF(3, V_th=1e3 * u.mV, tau=1e9 * u.ms)
    weight = options.pop("weight", 1.0 * u.mV)
    source = SpikeTime(3, [0, 1, 2], np.zeros(3) * u.ms)
    comm = Connection(3, 3, options.pop("rule", EDGES), weight, **options)
    net.proj = DeltaProj(source, comm=comm, post=net.cells)
    return net


def arrived(net: Network) -> Any:
    """What the cells got, by the loop that `simulate` keeps."""
    brainstate.nn.init_all_states(net)
    simulate(net, 0.3 * u.ms, dt=0.1 * u.ms)
    return np.asarray(net.cells.V.value.to_decimal(u.mV))


@pytest.mark.parametrize("trainable", [True, False])
def test_weights_assigned_between_runs_act(trainable: bool) -> None:
    net = jumping(trainable=trainable)
    np.testing.assert_allclose(arrived(net), [1, 1, 2])
    kind = type(net.proj.comm.weight)
    net.proj.comm.weight = 5e-3 * u.volt
    np.testing.assert_allclose(arrived(net), [5, 5, 10])
    net.proj.comm.weight = [1.0, 2.0, 3.0, 4.0] * u.mV  # scalar before: compiled anew
    np.testing.assert_allclose(arrived(net), [3, 1, 6])
    net.proj.comm.weight = by_edge(lambda edges: (1.0 + edges.pre) * u.mV)
    np.testing.assert_allclose(arrived(net), [2, 1, 4])
    net.proj.comm.weight = 2.0 * u.mV
    assert u.math.shape(net.proj.comm.unit * 1.0) == ()
    np.testing.assert_allclose(arrived(net), [2, 2, 4])
    assert type(net.proj.comm.weight) is kind
    shared = brainstate.ParamState(3.0 * u.mV)
    net.proj.comm.weight = shared
    np.testing.assert_allclose(arrived(net), [3, 3, 6])
    shared.value = 4.0 * u.mV
    np.testing.assert_allclose(arrived(net), [4, 4, 8])


def test_weights_that_are_not_trained_are_no_constants_of_what_is_compiled() -> None:
    connection = Connection(3, 3, EDGES, 1.0 * u.mV, trainable=False)
    run = brainstate.transform.jit(connection)
    ones = jnp.ones(3)
    np.testing.assert_allclose(run(ones).to_decimal(u.mV), [1, 1, 2])
    connection.weight = 3.0 * u.mV
    np.testing.assert_allclose(run(ones).to_decimal(u.mV), [3, 3, 6])
    assert connection.weight == 3.0 * u.mV
    copied = copy.deepcopy(connection)
    copied.weight = 1.0 * u.mV
    assert connection.weight == 3.0 * u.mV
    assert not connection.states(brainstate.ParamState)


def test_weights_that_are_drawn_in_each_step_can_be_changed() -> None:
    free = Connection(
        30, 20, Bernoulli(0.5), Uniform(1 * u.nS, 2 * u.nS), seed=1, stored=False, trainable=False
    )
    ones = jnp.ones(30, bool)
    before = free(ones)
    free.weight = Uniform(10 * u.nS, 20 * u.nS)
    np.testing.assert_allclose(free(ones).mantissa, 10 * before.mantissa, rtol=1e-5)
    with pytest.raises(ParameterError, match=r"Uniform\(\.\.\.\) or Normal"):
        free.weight = 1.0 * u.nS
    with pytest.raises(UnitError, match="expected a conductance, as the weights have been"):
        free.weight = Uniform(1 * u.mV, 2 * u.mV)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (1.0 * u.nS, UnitError, r"expected a voltage, as the weights have been, got 1 nS"),
        (1.0, UnitError, "expected a voltage"),
        (brainstate.ParamState(1.0 * u.nS), UnitError, "expected a voltage"),
        (
            np.ones(3) * u.mV,
            ParameterError,
            r"one weight for each of the 4 edges, got shape \(3,\)",
        ),
        (brainstate.ParamState(np.ones(3) * u.mV), ParameterError, "for each of the 4 edges"),
        (np.nan * u.mV, ParameterError, "expected finite weights"),
        ("heavy", ParameterError, "expected numbers, with or without unit, got 'heavy'"),
        (None, ParameterError, "expected numbers"),
        (True, ParameterError, "expected numbers"),
    ],
)
def test_wrong_weights_are_refused_later_too(value: Any, error: type, message: str) -> None:
    connection = Connection(3, 3, EDGES, 1.0 * u.mV)
    with pytest.raises(error, match=r"Connection\.weight: .*" + message):
        connection.weight = value
    assert connection.weight.value == 1.0 * u.mV


@pytest.mark.parametrize("name", ["edges", "rule", "in_size", "out_size", "seed", "delay"])
def test_what_is_fixed_says_so(name: str) -> None:
    connection = Connection(3, 3, EDGES, 1.0 * u.mV)
    with pytest.raises(ParameterError, match=rf"Connection\.{name}: it cannot be changed, since"):
        setattr(connection, name, 5)


def test_a_misspelt_attribute_is_no_new_one() -> None:
    connection = Connection(3, 3, EDGES, 1.0 * u.mV)
    with pytest.raises(ParameterError, match=r"Connection\.weigth: .* did you mean weight\?"):
        connection.weigth = 2.0 * u.mV
    connection.remark = "from the paper"


LINE = DistanceDependent(DiscProfile(15 * u.um), grid_positions(3, 10 * u.um))


def slope(x: Any) -> Any:
    return x / (10 * u.um / u.ms)


@pytest.mark.parametrize(
    "given", [by_distance(slope), by_distance(lambda d: slope(d)), lambda distance: slope(distance)]
)
def test_delays_by_distance(given: Any) -> None:
    made = Connection(3, 3, LINE, 1.0 * u.nS, delay=given)
    np.testing.assert_allclose(made.delay.to_decimal(u.ms), [0, 1, 1, 0, 1, 1, 0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda d: d, r"cannot tell whether <lambda>\(d\) is a function of the distance or of the"),
        (slope, r"whether slope\(x\) is .* write by_distance\(f\) or by_edge\(f\)"),
        (functools.partial(slope), "cannot tell"),
        (np.exp, "cannot tell"),
        (Normal, "cannot tell"),
        (by_edge(lambda edges: np.ones(2) * u.ms), r"each of the 4 edges, got shape \(2,\)"),
        (by_edge(lambda edges: 1.0 + edges.pre), "expected a time, got an array of shape"),
        (by_distance(slope), "a function of the distance expected edges of DistanceDependent"),
        (lambda distance: slope(distance), "expected edges of DistanceDependent"),
    ],
)
def test_functions_that_cannot_be_told_or_do_not_fit(given: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=r"Connection\.delay: .*" + message):
        Connection(3, 3, EDGES, delay=given)


def test_an_error_in_a_function_says_what_it_was_given() -> None:
    with pytest.raises(u.UnitMismatchError) as raised:
        Connection(3, 3, LINE, delay=by_distance(lambda d: d + 1 * u.ms))
    assert "Connection.delay called by_distance(<lambda>)" in raised.value.__notes__[0]
    assert "lengths in um" in raised.value.__notes__[0]


def test_building_compiles_nothing() -> None:
    compiled: list[str] = []

    def count(event: str, *_: Any, **__: Any) -> None:
        compiled.extend([event] * ("backend_compile" in event))

    def build(number: int) -> Connection:
        weight, delay = Normal(2 * u.nS, 0.1 * u.nS), Uniform(1 * u.ms, 2 * u.ms)
        rule = FixedTotalNumber(number, allow_multapses=True)
        return Connection(50, 40, rule, weight, delay=delay, seed=1)

    build(100)
    jax.monitoring.register_event_duration_secs_listener(count)
    try:
        made = [build(number) for number in (1001, 1203, 1407)]
    finally:
        jax.monitoring.unregister_event_duration_listener(count)
    assert not compiled
    assert all(np.std(one.weight.value.to_decimal(u.nS)) > 0.05 for one in made)


@pytest.mark.parametrize("name", ["Normal", "TruncatedNormal", "LogNormal", "Uniform"])
def test_initializers_of_braintools_draw_what_they_say(name: str) -> None:
    init = pytest.importorskip("braintools").init
    law, expected = {
        "Normal": (init.Normal(2 * u.nS, 0.1 * u.nS), stats.norm(2, 0.1)),
        "TruncatedNormal": (
            init.TruncatedNormal(2 * u.nS, 0.1 * u.nS, low=1.9 * u.nS),
            stats.truncnorm(-1, np.inf, 2, 0.1),
        ),
        "LogNormal": (init.LogNormal(2 * u.nS, 0.1 * u.nS), None),
        "Uniform": (init.Uniform(1 * u.nS, 2 * u.nS), stats.uniform(1, 1)),
    }[name]
    make = functools.partial(Connection, 60, 50, AllToAll(), law)
    drawn = np.asarray(make(seed=1).weight.value.to_decimal(u.nS))
    assert drawn.shape == (3000,)
    np.testing.assert_array_equal(drawn, make(seed=1).weight.value.to_decimal(u.nS))
    assert not np.array_equal(drawn, make(seed=2).weight.value.to_decimal(u.nS))
    if expected is not None:
        assert stats.kstest(drawn, expected.cdf).pvalue > 1e-3


def test_initializers_of_brainstate_and_shapes_of_ones_own() -> None:
    law = brainstate.nn.init.Normal(scale=0.1, mean=2.0, unit=u.nS)
    drawn = Connection(60, 50, AllToAll(), law, seed=1).weight.value.to_decimal(u.nS)
    assert stats.kstest(np.asarray(drawn), stats.norm(2, 0.1).cdf).pvalue > 1e-3

    class Rising:
        def __call__(self, shape: tuple[int, ...]) -> Any:
            return np.arange(shape[0]) * u.nS

    weight = Connection(3, 3, EDGES, Rising()).weight.value
    np.testing.assert_array_equal(weight.to_decimal(u.nS), [0, 1, 2, 3])


def test_without_a_seed_draws_follow_that_of_brainstate() -> None:
    def drawn() -> Any:
        brainstate.random.seed(3)
        return Connection(3, 3, EDGES, Normal(1.0, 0.1)).weight.value

    np.testing.assert_array_equal(drawn(), drawn())


BAD: list[tuple[Callable[[], Any], str]] = [
    (lambda: Connection(-1, 3, EDGES), r"Connection\.pre: expected a population, or its size"),
    (lambda: Connection(3, 1.5, EDGES), r"Connection\.post: expected a population"),
    (lambda: Connection("E", 3, EDGES), r"Connection\.pre: expected a population"),
    (lambda: Connection((3, True), 3, EDGES), r"Connection\.pre: expected a population"),
    (lambda: Connection(3, 3, EDGES, seed=1.5), r"Connection\.seed: expected a whole number"),
    (lambda: Connection(3, 3, EDGES, seed="a"), r"Connection\.seed: expected a whole number"),
    (lambda: Connection(3, 3, EDGES, delay=np.nan * u.ms), r"Connection\.delay: expected finite"),
    (lambda: Connection(3, 3, EDGES, ["a"] * 4), r"Connection\.weight: expected numbers"),
    (lambda: Connection(3, 3, EDGES, 1 + 2j), r"Connection\.weight: expected numbers"),
    (lambda: Connection(3, 3, EDGES, delay="late"), r"Connection\.delay: expected a time"),
    (lambda: Connection(3, 3, EDGES, stored=None), r"Connection\.stored: expected True or False"),
    (lambda: Connection(3, 3, EDGES, implementation=3), r"\.implementation: expected the name"),
    (lambda: Connection.from_pairs([0], [0], sizes=3), "sizes: expected two populations"),
    (
        lambda: Connection.from_pairs([0.0], [0], sizes=(3, 3)),
        r"Edges\.pre: expected a list of who",
    ),
    (lambda: Edges.from_pairs([True], [0], 3, 3), r"Edges\.pre: expected a list of whole numbers"),
    (lambda: Edges.from_pairs([-1], [0], 3, 3), r"Edges\.pre: .* from 0 to 2"),
    (lambda: Edges.from_pairs("a", [0], 3, 3), r"Edges\.pre: expected a list of whole numbers"),
    (lambda: Edges.from_pairs([1] * u.ms, [0], 3, 3), r"Edges\.pre: expected a list of whole"),
    (lambda: Edges(3, 3, [0, 1, 1, 2], [0.5, 1.0]), r"Edges\.indices: expected a list of whole"),
    (lambda: Edges(3, 3, [0, 1, 1, 2], [0, 3]), r"Edges\.indices: expected 2 numbers from 0 to 2"),
    (lambda: Edges(3, 3, [0, 1.0, 1, 2], [0, 1]), r"Edges\.indptr: expected a list of whole"),
    (lambda: Edges(3, 3, [0, 1, 1, 2], [0, 1], ["a", "b"]), r"Edges\.distance: expected one for"),
    (lambda: EDGES.to_dense(np.ones(3)), r"Edges\.to_dense: data: expected one number for each"),
    (lambda: Bernoulli(0.5, allow_autapses="no"), r"Bernoulli\.allow_autapses: expected True or"),
    (lambda: FixedInDegree(2.0), r"FixedInDegree\.k: expected a whole number"),
    (lambda: FixedOutDegree(True), r"FixedOutDegree\.k: expected a whole number"),
    (lambda: SmallWorld(2, np.nan), r"SmallWorld\.p: expected a probability"),
    (lambda: OneToOne().edges(2.0, 2.0), r"OneToOne\.edges: n_pre: expected a whole number"),
    (
        lambda: Bernoulli(0.5).edges(3, 3, 7),
        r"Bernoulli: rng: expected a generator of numpy.* got 7",
    ),
    (lambda: GaussianProfile("a"), r"GaussianProfile\.sigma: expected a length > 0, got 'a'"),
    (
        lambda: DistanceDependent(DiscProfile(1.0), "ab"),
        r"DistanceDependent\.pre: expected positions, got 'ab'",
    ),
    (lambda: grid_positions((2, True)), r"grid_positions\.shape: expected one to three"),
    (lambda: grid_positions(2, np.inf), r"grid_positions\.spacing: expected a length > 0"),
    (lambda: random_positions(True), r"random_positions\.n: expected a whole number"),
    (lambda: random_positions(3, "ab"), r"random_positions\.extent: expected one to three lengths"),
    (lambda: Normal(np.nan, 1.0), r"Normal\.mean: expected a finite number, .* got nan"),
    (lambda: Normal("a", 1.0), r"Normal\.mean: expected a finite number, .* got 'a'"),
    (lambda: Normal(1 * u.mV, -1 * u.mV), r"Normal\.std: expected at least zero, .* got -1 mV"),
    (lambda: Uniform(0.0, np.inf), r"Uniform\.high: expected a finite number"),
    (lambda: Uniform(0 * u.mV, 1.0), r"Uniform\.high: expected at least low = 0 mV, in its"),
    (lambda: setattr(EDGES, "indices", [0]), r"Edges\.indices: edges do not change"),
    (lambda: by_distance(3.0), "by_distance: expected a function, got 3"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_nonsense_is_refused_by_name(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make()


def test_the_arrays_of_edges_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        EDGES.indices[0] = 2


def test_a_connection_is_shown_on_a_line() -> None:
    one = Connection((2, 2), 3, AllToAll(), 0.5 * u.nS, delay=1 * u.ms)
    assert repr(one) == (
        "Connection(2 x 2 -> 3, AllToAll(allow_autapses=True), 12 edges, weight=0.5 nS, delay=1 ms)"
    )
    many = Connection(3, 3, EDGES, np.arange(4.0) * u.nS)
    assert repr(many) == "Connection(3 -> 3, Edges, 4 edges, weight=1.5 +- 1.1 nS)"
    law = Normal(1 * u.nS, 0.1 * u.nS)
    drawn = Connection(9, 9, Bernoulli(0.1), law, seed=0, stored=False, trainable=False)
    assert repr(drawn).endswith("weight=Normal(1 nS, 0.1 nS), stored=False)")
