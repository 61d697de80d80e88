"""Gap junctions: currents, directions, stability and refusals."""

from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network, ParameterError, StateError, UnitError
from brainloom_neurons import HH, LIF
from brainloom_projections import (
    AsymmetryGapJunction,
    Bernoulli,
    Connection,
    OneToOne,
    SymmetryGapJunction,
)
from scipy.integrate import solve_ivp


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.environ.set(dt=0.1 * u.ms)


def cells(n: Any, potentials: Any) -> LIF:
    return LIF(n, tau=20 * u.ms, V_th=1e3 * u.mV, V_initializer=jnp.asarray(potentials) * u.mV)


def pairs(_: Any, __: Any) -> Any:
    return np.array([0, 0, 2]), np.array([1, 0, 1])


def test_currents_of_two_populations() -> None:
    pre, post = cells(3, [10.0, 5.0, -4.0]), cells(2, [1.0, 2.0])
    gap = SymmetryGapJunction((pre, post), "V", pairs, [1.0, 2.0, 4.0] * u.mS)
    brainstate.nn.init_all_states([pre, post, gap])
    left = gap()
    # Junctions: 10 to 2 mV (1 mS), 10 to 1 mV (2 mS), -4 to 2 mV (4 mS). Within half a step they
    # change the differences by w R dt / tau, 2e-5 of them at most.
    np.testing.assert_allclose(left.to_decimal(u.uA), [8.0 + 18.0, 0.0, -24.0], rtol=2e-5)
    into = post.sum_current_inputs(0.0 * u.mA, post.V.value, pop=False)
    np.testing.assert_allclose(into.to_decimal(u.uA), [18.0, 8.0 - 24.0], rtol=4e-5)
    into = pre.sum_current_inputs(0.0 * u.mA, pre.V.value, pop=False)
    np.testing.assert_allclose(into.to_decimal(u.uA), [-26.0, 0.0, 24.0], rtol=2e-5)


def test_the_two_directions_of_an_asymmetric_one() -> None:
    pre, post = cells(1, [10.0]), cells(1, [0.0])
    for weight in ([3.0, 1.0], [[3.0, 1.0]]):
        gap = AsymmetryGapJunction(pre, "V", post, "V", OneToOne(), jnp.array(weight) * u.mS)
        brainstate.nn.init_all_states([pre, post])
        # towards the potential in mid-step, which is closer by (w R + 1) dt / 2 tau at most
        assert gap().to_decimal(u.uA) == pytest.approx(10.0, rel=2e-5)
        into = post.sum_current_inputs(0.0 * u.mA, post.V.value, pop=False)
        assert into.to_decimal(u.uA) == pytest.approx(30.0, rel=2e-5)
        for cell in (pre, post):
            cell()
            cell.current_inputs.clear()


def one_pair(_: Any, __: Any) -> Any:
    return [0], [1]


def coupled_cells(weight: float, dt: float = 0.1) -> np.ndarray:
    """Potentials over 10 ms of two coupled cells that start at 10 and 0 mV."""
    brainstate.environ.set(dt=dt * u.ms)
    net = Network()
    net.cells = cells(2, [10.0, 0.0])
    net.gap = SymmetryGapJunction(net.cells, "V", one_pair, weight * u.siemens)
    brainstate.nn.init_all_states(net)

    def step(i: Any) -> Any:
        net()
        return net.cells.V.value.to_decimal(u.mV)

    return np.asarray(brainstate.transform.for_loop(step, jnp.arange(round(10 / dt))))


def test_the_difference_decays_as_it_should() -> None:
    """Both leak with rate 1 / tau; the difference decays 1 + 2 R w times as fast."""
    errors = []
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        for dt in (0.1, 0.05):
            V = coupled_cells(1.0, dt)[-1]
            assert V.sum() == pytest.approx(10 * np.exp(-0.5), rel=1e-13)  # all charge is conserved
            errors.append(V[0] - V[1] - 10 * np.exp(-1.5))
    assert abs(errors[0]) < 5e-5
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.02)


def two(
    gap: Callable[..., Any], cells: tuple[Any, Any], inputs: Any, T: float, dt: float
) -> np.ndarray:
    """Potentials of two cells, joined by `gap(a, b)`, after each step."""
    net = Network()
    net.a, net.b = cells
    net.gap = gap(*cells)

    def step(i: Any) -> Any:
        net.gap()
        for cell, x in zip(cells, inputs, strict=True):
            cell(x)
        return jnp.concatenate([cell.V.value.to_decimal(u.mV) for cell in cells])

    with brainstate.environ.context(dt=dt * u.ms):
        brainstate.nn.init_all_states(net)
        steps = jnp.arange(round(T / dt))
        run = brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, steps))
        return np.asarray(run())


@pytest.mark.parametrize("w", [(0.3, 0.3), (0.3, 0.15)])
def test_it_is_of_second_order_between_unequal_cells(w: tuple[float, float]) -> None:
    R, tau = (1.0, 2.5), (20.0, 11.0)

    def rates(t: float, V: Any) -> Any:
        into = 5 + w[1] * (V[1] - V[0]), w[0] * (V[0] - V[1])
        return [(R[k] * into[k] - V[k]) / tau[k] for k in (0, 1)]

    def join(a: Any, b: Any) -> Any:
        if w[0] == w[1]:
            return SymmetryGapJunction((a, b), "V", OneToOne(), w[0] * u.siemens)
        return AsymmetryGapJunction(a, "V", b, "V", OneToOne(), w * u.siemens)

    exact = solve_ivp(rates, (0, 10), [10.0, 0.0], rtol=1e-12, atol=1e-12).y[:, -1]
    errors = []
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        for dt in (0.2, 0.1):
            pair = tuple(
                LIF(1, R=R[k] * u.ohm, tau=tau[k] * u.ms, V_th=1e3 * u.mV, V_initializer=V * u.mV)
                for k, V in enumerate((10.0, 0.0))
            )
            V = two(join, pair, (5 * u.mA, 0 * u.mA), 10, dt)[-1]
            errors.append(np.abs(V - exact).max())
    assert errors[1] < 2e-5  # mV
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.03)


def test_it_is_of_second_order_between_cells_that_spike() -> None:
    """One HH cell drives another; against a step sixteen times smaller."""
    found = []
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        for dt in (0.04, 0.02, 0.0025):
            pair = HH(1, V_initializer=-65 * u.mV), HH(1, V_initializer=-60 * u.mV)
            weight = 0.1 * pair[0].input_unit / u.mV
            V = two(
                lambda a, b, weight=weight: SymmetryGapJunction((a, b), "V", OneToOne(), weight),
                *(pair, (12 * pair[0].input_unit, None), 8, dt),
            )
            found.append(V[round(0.04 / dt) - 1 :: round(0.04 / dt)])
    assert found[2].max(0)[0] > 20  # the first spikes
    errors = [np.abs(V - found[2]).max() for V in found[:2]]
    # the reference is itself wrong by (1/8)^2 of the second one
    assert errors[0] / errors[1] == pytest.approx(4 * (1 - 1 / 256) / (1 - 1 / 64), rel=0.1)


def test_no_charge_is_lost_by_a_network() -> None:
    """Of cells of all capacitances that do not leak, in a random graph, whatever its strength."""
    rng = np.random.default_rng(0)
    R = rng.uniform(1e6, 4e6, 30)
    for weight in (0.1, 100.0):
        with jax.enable_x64(True), brainstate.environ.context(precision=64):
            net = Network()
            net.cells = LIF(
                30,
                R=R * u.ohm,
                tau=2e12 * u.ms,
                V_th=1e3 * u.mV,
                V_initializer=rng.uniform(0, 10, 30) * u.mV,
            )
            edges = Bernoulli(0.2).edges(30, 30, rng)
            net.gap = SymmetryGapJunction(net.cells, "V", edges, 1e6 * weight * u.siemens)
            brainstate.nn.init_all_states(net)
            before = np.asarray(net.cells.V.value.to_decimal(u.mV))
            brainstate.transform.jit(
                lambda net=net: brainstate.transform.for_loop(lambda i: net(), jnp.arange(200))
            )()
            V = np.asarray(net.cells.V.value.to_decimal(u.mV))
        np.testing.assert_allclose((V / R).sum(), (before / R).sum(), rtol=1e-10)
        assert np.ptp(V) < np.ptp(before)


@pytest.mark.parametrize("way", ["symmetric", "asymmetric", "delayed"])
def test_views_are_coupled_as_populations_of_their_own(way: str) -> None:
    """The same cells in one population of 2 x 4 and in two; the one in between is not coupled."""
    V0 = [[10.0, 5.0, -4.0, 0.0], [3.0, 7.0, 1.0, 2.0]]

    def coupled(pre: Any, post: Any) -> Any:
        if way == "asymmetric":
            weights = [[0.2, 0.1], [0.4, 0.1], [0.3, 0.2]] * u.siemens
            return AsymmetryGapJunction(pre, "V", post, "V", pairs, weights)
        delay = jnp.array([0.1, 0.2, 0.3]) * u.ms if way == "delayed" else None
        ends = (pre, post) if delay is None else (pre, pre)
        return SymmetryGapJunction(ends, "V", pairs, [0.2, 0.4, 0.3] * u.siemens, delay=delay)

    two, one = Network(), Network()
    two.a, two.b = cells(3, V0[0][:3]), cells(3, V0[1][1:])
    two.gap = coupled(two.a, two.b)
    one.cells = cells((2, 4), V0)
    one.gap = coupled(one.cells[0, :3], one.cells[1, 1:])
    currents = []
    for net in (two, one):
        brainstate.nn.init_all_states(net)

        def step(_: Any, net: Network = net) -> Any:
            left = net.gap()
            for population in (net.a, net.b) if net is two else (net.cells,):
                population()
            return left

        left = brainstate.transform.for_loop(step, jnp.arange(50))
        assert left.shape == (50, 3)
        currents.append(left.to_decimal(u.mA))
    np.testing.assert_allclose(*currents, rtol=1e-4, atol=1e-4)
    found = np.asarray(one.cells.V.value.to_decimal(u.mV))
    np.testing.assert_allclose(found[0, :3], two.a.V.value.to_decimal(u.mV), rtol=1e-5)
    np.testing.assert_allclose(found[1, 1:], two.b.V.value.to_decimal(u.mV), rtol=1e-5)
    leak = np.exp(-5.0 / 20)
    np.testing.assert_allclose([found[0, 3], found[1, 0]], [0.0, 3.0 * leak], rtol=1e-5)
    if way == "symmetric":  # of equal cells, which all leak alike
        np.testing.assert_allclose(found.sum(), leak * np.sum(V0), rtol=1e-5)


def test_a_rule_within_views() -> None:
    population = cells(6, np.zeros(6))
    rule = Bernoulli(0.9, allow_autapses=False)
    with pytest.raises(ValueError, match=r"SymmetryGapJunction\.conn: allow_autapses=False"):
        SymmetryGapJunction((population[:3], population[3:]), "V", rule, 1.0 * u.mS)
    gap = SymmetryGapJunction(population[::2], "V", rule, 1.0 * u.mS, seed=0)
    assert gap.pre_ids.max() <= 2
    assert np.all(gap.pre_ids != gap.post_ids)


def test_the_mean_of_two_equal_cells_stays() -> None:
    exact = 10 - 5 * np.exp(-0.1 * np.arange(1, 100_001) / 20)
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        V = two(
            lambda a, b: SymmetryGapJunction((a, b), "V", OneToOne(), 0.3 * u.siemens),
            *((cells(1, [10.0]), cells(1, [0.0])), (12 * u.mA, 8 * u.mA), 10_000, 0.1),
        )
    np.testing.assert_allclose(V.mean(1), exact, rtol=1e-12)


def test_strong_coupling_is_stable() -> None:
    V = coupled_cells(1e4)
    assert np.all(np.abs(V) <= 10.001)


@pytest.mark.parametrize("kind", ["rule", "edges", "connection", "function"])
def test_every_form_of_connectivity(kind: str) -> None:
    population = cells((2, 3), np.arange(6.0).reshape(2, 3))
    connection = Connection(population, population, Bernoulli(0.5), seed=3)
    given = {
        "rule": Bernoulli(0.5),
        "edges": connection.edges,
        "connection": connection,
        "function": lambda m, n: (connection.edges.pre, connection.edges.post),
    }
    gap = SymmetryGapJunction(population, "V", given[kind], 1.0 * u.mS, seed=3)
    np.testing.assert_array_equal(gap.pre_ids, connection.edges.pre)
    brainstate.nn.init_all_states(population)
    V, expected = np.arange(6.0), np.zeros(6)
    np.add.at(expected, connection.edges.pre, V[connection.edges.pre] - V[connection.edges.post])
    out = gap().to_decimal(u.uA)
    assert out.shape == (2, 3)
    np.testing.assert_allclose(out.ravel(), expected, atol=2e-4)  # 4 junctions at most, as above


def test_batches() -> None:
    population = cells(2, [10.0, 0.0])
    gap = SymmetryGapJunction(population, "V", one_pair, 1.0 * u.siemens)
    brainstate.nn.init_all_states(population, batch_size=3)
    population.V.value = jnp.array([[10.0, 0.0], [0.0, 10.0], [4.0, 4.0]]) * u.mV
    assert gap().shape == (3, 2)
    population()
    V = population.V.value.to_decimal(u.mV)
    np.testing.assert_allclose(V[0], V[1][::-1], rtol=1e-6)
    np.testing.assert_allclose(V[2], 4 * np.exp(-0.1 / 20), rtol=1e-4)


def test_another_state_than_the_potential() -> None:
    pre, post = cells(1, [10.0]), cells(1, [0.0])
    post.shown = brainstate.ShortTermState(jnp.array([4.0]) * u.mV)
    gap = SymmetryGapJunction((pre, post), ("V", "shown"), OneToOne(), 1.0 * u.mS)
    brainstate.nn.init_all_states([pre, post])
    assert gap().to_decimal(u.uA) == pytest.approx(6.0, rel=2e-5)
    into = post.sum_current_inputs(0.0 * u.mA, post.V.value, pop=False)
    assert into.to_decimal(u.uA) == pytest.approx(6.0, rel=2e-5)


def test_weights_are_trained() -> None:
    population = cells(2, [10.0, 0.0])
    gap = SymmetryGapJunction(population, "V", one_pair, lambda n: jnp.ones(n) * u.siemens)
    brainstate.nn.init_all_states(population)
    states = gap.states(brainstate.ParamState)
    (weight,) = states.values()
    assert weight is gap.weight

    def loss() -> Any:
        brainstate.nn.reset_all_states(population)
        gap()
        population()
        return population.V.value.to_decimal(u.mV)[1]

    gradient = brainstate.transform.grad(loss, {"weight": gap.weight})()
    assert u.get_mantissa(gradient["weight"])[0] == pytest.approx(10 * 0.1 / 20, rel=2e-2)


def test_it_must_be_called_once_in_each_step() -> None:
    population = cells(2, [10.0, 0.0])
    gap = SymmetryGapJunction(population, "V", one_pair, 1.0 * u.siemens)
    with pytest.raises(StateError, match=r"SymmetryGapJunction\d+: LIF has no state 'V'"):
        gap()
    brainstate.nn.init_all_states(population)
    gap()
    with pytest.raises(InputError, match="called twice in one step"):
        gap()
    population()
    with pytest.raises(InputError, match="no conductance is bound"):
        population()


def test_wrong_parts_are_refused() -> None:
    pre, post = cells(3, [0.0, 0.0, 0.0]), cells(2, [0.0, 0.0])
    with pytest.raises(ParameterError, match=r"GapJunction\.couples: expected one population or t"):
        SymmetryGapJunction((3, post), "V", pairs, 1 * u.mS)
    with pytest.raises((TypeError, ParameterError), match="expected the name of a state"):
        AsymmetryGapJunction(pre, 1, post, "V", pairs, [1.0, 1.0] * u.mS)  # type: ignore[arg-type]
    with pytest.raises(
        (TypeError, ParameterError), match=r"SymmetryGapJunction\.conn: expected a rule"
    ):
        SymmetryGapJunction((pre, post), "V", 3, 1 * u.mS)
    with pytest.raises(ParameterError, match=r"conn: expected as many pre as post"):
        SymmetryGapJunction((pre, post), "V", lambda m, n: ([3], [0]), 1 * u.mS)
    with pytest.raises(ParameterError, match=r"weight: expected shape \(\) or \(3,\)"):
        SymmetryGapJunction((pre, post), "V", pairs, [1.0, 2.0] * u.mS)
    with pytest.raises(ParameterError, match=r"weight: expected shape \(2,\) or \(3, 2\)"):
        AsymmetryGapJunction(pre, "V", post, "V", pairs, 1.0 * u.mS)
    with pytest.raises(UnitError, match=r"weight: expected a conductance, got a voltage"):
        SymmetryGapJunction((pre, post), "V", pairs, 1 * u.mV)


def test_with_a_delay_the_other_side_is_seen_as_it_was() -> None:
    """A clamped potential that moves reaches the other side that much later, from its first
    value on; a delay between two steps is the mean of both."""
    brainstate.environ.set(dt=0.1 * u.ms)
    traces = []
    for delay in (0.0, 0.3, 0.35):
        mover = LIF(1, V_th=1e6 * u.mV, V_initializer=5.0 * u.mV)
        seer = LIF(1, V_th=1e6 * u.mV, V_initializer=5.0 * u.mV)
        weights = [1.0, 0.0] * u.siemens  # only into the second
        gap = AsymmetryGapJunction(mover, "V", seer, "V", OneToOne(), weights, delay=delay * u.ms)
        brainstate.nn.init_all_states([mover, seer])

        def step(x: Any, gap: Any = gap, mover: Any = mover, seer: Any = seer) -> Any:
            gap()
            towards = gap._ports[1].out.bound[0]
            mover(x * u.mA)
            seer()
            return towards.to_decimal(u.mA), mover.V.value.to_decimal(u.mV)

        run = brainstate.transform.jit(lambda x: brainstate.transform.for_loop(step, x))
        sent, V = run(jnp.linspace(0.0, 50.0, 30))
        traces.append(np.asarray(sent)[:, 0])
    V = np.concatenate([[5.0] * 5, np.asarray(V)[:, 0]])  # V[k + 5] is that after step k
    k = np.arange(30) + 4
    expected = [V[k], V[k - 3], (V[k - 3] + V[k - 4]) / 2]
    np.testing.assert_allclose(traces, expected, rtol=1e-5)
    with pytest.raises(ParameterError, match=r"delay\.at: expected a time >= 0"):
        SymmetryGapJunction(LIF(2), "V", OneToOne(), 1.0 * u.mS, delay=-1.0 * u.ms)
