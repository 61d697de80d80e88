"""Spikes of a seed: they follow from names, steps and places, and from nothing else."""

import brainloom_core.run.loop as loop
import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network, Uniform, keys, seeded, simulate
from brainloom_neurons import (
    EscapeLIFRef,
    GammaSpike,
    OUProcessInput,
    PoissonInput,
    PoissonSpike,
)

DT = 0.1 * u.ms
SPIKES = ["P.spikes", "G.spikes", "E.spikes"]


def make(order=1):
    net = Network()

    def sources():
        net.P = PoissonSpike(20, freqs=80 * u.Hz)
        net.G = GammaSpike(20, 50 * u.Hz, cv=0.5)

    def population():
        net.E = EscapeLIFRef(30, V_initializer=Uniform(0 * u.mV, 1 * u.mV))

    def noise():
        net.N = PoissonInput(net.E.prefetch("V"), None, 10, 100 * u.Hz, 0.2 * u.mV)
        net.M = PoissonInput(net.E.prefetch("V"), None, 10, lambda t: 10 * u.Hz, 0.2 * u.mV)

    for part in (
        (sources, population, noise)[::order] if order > 0 else (population, noise, sources)
    ):
        part()
    return net


def noise_current():
    return OUProcessInput(30, 0.1 * u.mA, 0.1 * u.mA / u.ms**0.5, tau=5 * u.ms)


def spikes(net, seed=7, record=SPIKES, steps=200, current=None):
    current = current or noise_current()
    found = simulate(net, steps * DT, dt=DT, inputs={"E": current}, record=record, seed=seed)
    of_first = {name: s.trial == 0 for name, s in found.items()}
    return {
        name: [s.step[of_first[name]].tolist(), s.index[of_first[name]].tolist()]
        for name, s in found.items()
    }


@pytest.fixture(scope="module")
def expected():
    return spikes(make())


def test_same_seed_gives_the_same_spikes_and_another_one_others(expected):
    net = make(-1)
    assert spikes(net) == expected
    brainstate.nn.reset_all_states(net)
    brainstate.random.seed(1)
    before = brainstate.random.DEFAULT.value
    other = spikes(net, seed=8)  # as many states, compiled already
    assert brainstate.random.DEFAULT.value == before
    assert all(other[name] != expected[name] for name in SPIKES)
    assert min(len(step) for step, _ in expected.values()) > 10


@pytest.mark.parametrize("length", [1, 10])
def test_spikes_do_not_depend_on_chunks(monkeypatch, expected, length):
    monkeypatch.setattr(loop, "CHUNK_STEPS", length)
    steps = {1: 60, 10: 200}[length]
    found = spikes(make(), steps=steps)
    for name, (step, index) in found.items():
        n = int(np.sum(np.asarray(expected[name][0]) <= steps))
        assert step == expected[name][0][:n] and index == expected[name][1][:n]


def test_spikes_do_not_depend_on_what_is_recorded_nor_on_others(expected):
    net = make()
    net.A = PoissonSpike(7, freqs=50 * u.Hz)
    assert spikes(net, record=["E.spikes"]) == {"E.spikes": expected["E.spikes"]}


@pytest.mark.parametrize("batch", [1, 5])
def test_member_of_a_batch_has_the_spikes_of_a_single_run(expected, batch):
    net = make()
    with seeded(net, 7), brainstate.environ.context(dt=DT):
        brainstate.nn.init_all_states(net, batch_size=batch)
    assert spikes(net) == expected
    if batch > 1:
        assert not np.array_equal(net.E.V.value[0], net.E.V.value[1])


def test_run_in_two_parts_equals_one(expected):
    net, current = make(), noise_current()
    first = spikes(net, steps=90, current=current)
    second = spikes(net, steps=110, current=current)
    joined = {
        name: [first[name][0] + second[name][0], first[name][1] + second[name][1]] for name in first
    }
    assert joined == expected


def test_part_of_a_population_draws_its_numbers_of_the_whole():
    net = Network()
    draws = [
        keys.bits,
        keys.uniform,
        keys.normal,
        lambda shape: keys.poisson(0.3, shape),
        lambda shape: keys.poisson(30.0, shape),
    ]
    for draw in draws:
        with seeded(net, 3, step=5):
            whole = draw((4, 10))
        with seeded(net, 3, step=5), keys.neurons_from(6):
            part = draw((4, 4))
        assert np.array_equal(whole[:, 6:], part)


def test_steps_beyond_32_bits_have_numbers_of_their_own():
    first = keys.step_words(2**32 - 1)
    assert tuple(map(int, keys.stepped(first, 1))) == (1, 0)
    assert keys.step_words(2**32).tolist() == [1, 0]


def test_members_of_a_vmap_draw_different_numbers():
    class Lanes(brainstate.nn.Module):
        def __init__(self):
            super().__init__()
            cell = PoissonSpike(200, freqs=2000 * u.Hz)
            brainstate.nn.vmap_init_all_states(cell, axis_size=3, state_tag="lane")
            self.lanes = brainstate.nn.Vmap(cell, vmap_states="lane", axis_size=3)

        def update(self):
            return self.lanes()

    net = Lanes()
    drawn = []
    with brainstate.environ.context(dt=DT, i=0):
        for _ in range(2):
            with seeded(net, 7, step=0):
                drawn.append(np.asarray(net()))
    assert np.array_equal(*drawn)
    assert not np.array_equal(drawn[0][0], drawn[0][1])


@pytest.mark.parametrize("mean", [0.01, 1.0, 10.0, 30.0])
def test_poisson_numbers_have_the_moments_of_their_law(mean):
    n = 200_000
    with seeded(Network(), 5):
        drawn = np.asarray(keys.poisson(mean, (n,)), np.float64)
    assert drawn.mean() == pytest.approx(mean, abs=5 * np.sqrt(mean / n))
    error = np.sqrt((mean + 2 * mean**2) / n)
    assert drawn.var() == pytest.approx(mean, abs=5 * error)
    assert np.mean(drawn == 0) == pytest.approx(np.exp(-mean), abs=5 * np.sqrt(1 / n) * 0.5)


def test_normal_and_uniform_numbers_have_the_moments_of_their_law():
    n = 200_000
    with seeded(Network(), 5):
        normal, uniform = keys.normal((n,)), keys.uniform((n,))
    room = 5 / np.sqrt(n)
    assert float(jnp.mean(normal)) == pytest.approx(0, abs=room)
    assert float(jnp.mean(normal**4)) == pytest.approx(3, abs=room * np.sqrt(96))
    assert float(jnp.mean(uniform)) == pytest.approx(0.5, abs=room)
    assert float(jnp.corrcoef(normal, uniform)[0, 1]) == pytest.approx(0, abs=room)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, True, "7"])
def test_seed_that_is_none_is_an_error(seed):
    with pytest.raises(InputError, match="seed: expected a whole number from 0"):
        simulate(PoissonSpike(1, freqs=1 * u.Hz), 1 * u.ms, dt=DT, seed=seed)
