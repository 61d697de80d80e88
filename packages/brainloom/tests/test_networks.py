"""A network with a projection of every kind: who is called, how often, and what is compiled."""

from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

DT = 0.1 * u.ms


class Counted:
    """Counts the steps of what it is mixed into."""

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        super().init_state(batch_size, **kwargs)
        self.steps = brainstate.ShortTermState(jnp.zeros((), jnp.int32))

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        super().reset_state(batch_size, **kwargs)
        self.steps.value = jnp.zeros((), jnp.int32)

    def update(self, *args: Any) -> Any:
        self.steps.value = self.steps.value + 1
        return super().update(*args)


class CountedNeuron(Counted, bl.LIFRef):
    pass


class CountedSynapse(Counted, bl.Expon):
    pass


def everything() -> bl.Network:
    """Two populations, listed so that an alphabetical order would be wrong, and their joints."""
    net = bl.Network()
    cell = {"V_th": 20 * u.mV, "tau": 20 * u.ms, "tau_ref": 2 * u.ms}
    net.a, net.z = CountedNeuron(8, **cell), CountedNeuron(6, **cell)
    weak = {"weight": 0.1 * u.mS, "seed": 1}
    coba, cuba = bl.COBA.desc(E=30 * u.mV), bl.CUBA.desc()
    net.shared = bl.Projection(
        net.a, net.z, bl.Bernoulli(0.5), CountedSynapse.desc(), cuba, stp=bl.STP, **weak
    )
    net.delayed = bl.Projection(
        net.a,
        net.z,
        bl.FixedInDegree(3),
        CountedSynapse.desc(),
        cuba,
        delay=bl.Uniform(0.2 * u.ms, 2 * u.ms),
        **weak,
    )
    net.saturating = bl.Projection(
        net.z, net.a, bl.AllToAll(), bl.AMPA, coba, delay=1 * u.ms, **weak
    )
    kick = bl.Connection(8, 6, bl.Bernoulli(0.3), weight=0.5 * u.mV, seed=2)
    net.kick = bl.DeltaProj(net.a.get_spike, comm=kick, post=net.z, stp=bl.STD.desc())
    nmda = net.a.align_pre(bl.NMDA.desc())
    comm = bl.Connection(8, 8, bl.AllToAll(allow_autapses=False), weight=0.1)
    net.slow = bl.CurrentProj(
        nmda.prefetch("g"), comm=comm, out=bl.MgBlock(E=30 * u.mV), post=net.a
    )
    net.gap = bl.SymmetryGapJunction(net.z, "V", lambda m, n: ([0, 2], [1, 3]), 0.1 * u.mS)
    return net


@pytest.fixture
def compilations() -> list[str]:
    """What is compiled from here on."""
    compiled: list[str] = []

    def listen(name: str, *_: Any, **__: Any) -> None:
        if "backend_compile" in name:
            compiled.append(name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return compiled


def run(net: bl.Network) -> np.ndarray:
    window = {"dt": DT, "inputs": 30 * u.mA, "record": ["z.V", "a.spikes"], "progress": False}
    recording = bl.simulate(net, 30 * u.ms, **window)
    assert recording["a.spikes"].counts().min() > 0
    return recording["z.V"].values.to_decimal(u.mV)


def test_each_part_advances_once_in_a_step() -> None:
    net = everything()
    run(net)
    assert net.shared.syn is net.delayed.syn
    for part in (net.a, net.z, net.shared.syn):
        assert part.steps.value == 300


def test_a_second_run_compiles_nothing_and_gives_the_same(compilations: list[str]) -> None:
    net = everything()
    first = run(net)
    brainstate.nn.reset_all_states(net)
    compilations.clear()
    np.testing.assert_array_equal(run(net), first)
    assert compilations == []


def alpha_potential(t: np.ndarray) -> np.ndarray:
    """Of a current t / tau exp(-t / tau) of 5 ms through a membrane of 20 ms."""
    a = 1 / 5 - 1 / 20
    return np.exp(-t / 20) * (1 - np.exp(-a * t) * (1 + a * t)) / (a**2 * 20 * 5)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_potential_of_an_alpha_synapse_through_align_post(dt: float) -> None:
    net = bl.Network()
    net.cell = bl.LIF(1, tau=20 * u.ms, V_th=1e6 * u.mV)
    source = bl.SpikeTime(1, indices=[0], times=[0.0] * u.ms)
    net.proj = bl.AlignPostProj(
        source,
        comm=bl.Connection(1, 1, bl.OneToOne(), weight=1.62 * u.mS),
        syn=bl.Alpha.desc(tau=5 * u.ms),
        out=bl.CUBA.desc(),
        post=net.cell,
    )
    V = bl.simulate(net, 300 * u.ms, dt=dt * u.ms, record="cell.V", progress=False)["cell.V"]
    V = V.values.to_decimal(u.mV)[:, 0]
    exact = 1.62 * alpha_potential(np.arange(1, len(V) + 1) * dt)
    np.testing.assert_allclose(V, exact, atol=1e-3 * exact.max())
    assert V.max() == pytest.approx(1.62 * alpha_potential(np.arange(0, 50, 0.001)).max(), rel=1e-3)
    assert V.sum() * dt == pytest.approx(1.62 * 5.0, rel=1e-3)
