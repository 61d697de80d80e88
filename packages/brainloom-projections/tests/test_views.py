"""Projections between parts of a population: what numpy would give by hand, merged and checked."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Network, simulate
from brainloom_neurons import LIF, LIFRef
from brainloom_projections import (
    STP,
    AlignPostProj,
    AlignPreProj,
    Bernoulli,
    Connection,
    CurrentProj,
    DeltaProj,
    DistanceDependent,
    Edges,
    GaussianProfile,
    OneToOne,
    Projection,
    grid_positions,
)
from brainloom_synapses import AMPA, COBA, Expon

N, N_EXC = 60, 45
PARTS = Expon.desc(tau=5 * u.ms), COBA.desc(E=0 * u.mV)
SLOW = Expon.desc(tau=10 * u.ms), COBA.desc(E=-80 * u.mV)


def cells(n: int = N) -> LIFRef:
    start = np.linspace(-60.0, -50.5, n) * u.mV
    levels = {"V_rest": -49 * u.mV, "V_th": -50 * u.mV, "V_reset": -60 * u.mV}
    return LIFRef(n, R=100 * u.Mohm, V_initializer=start, spk_reset="hard", **levels)


def edges(n_pre: int, n_post: int, seed: int) -> Edges:
    return Bernoulli(0.2).edges(n_pre, n_post, np.random.default_rng(seed))


def shifted(it: Edges, pre: int = 0, post: int = 0) -> Edges:
    """The same edges between all neurons."""
    return Edges.from_pairs(it.pre + pre, it.post + post, N, N)


class ByHand(brainstate.nn.Module):
    """The network of `with_views`, with slices of its own, one edge list for all neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = cells()
        weights = {"weight": 0.6 * u.nS, "stp": STP, "delay": 1 * u.ms}
        self.exc = Projection(N_EXC, self.cells, edges(N_EXC, N, 1), *PARTS, **weights)
        to_inh = shifted(edges(N_EXC, N - N_EXC, 2), post=N_EXC)
        self.to_inh = Projection(N, self.cells, to_inh, *PARTS, weight=0.5 * u.nS, label="own")
        to_exc = shifted(edges(N - N_EXC, 15, 3), pre=N_EXC)
        to_exc = Edges.from_pairs(to_exc.pre, 3 * to_exc.post, N, N)
        self.inh = Projection(N, self.cells, to_exc, *SLOW, weight=6 * u.nS)
        comm = Connection(N, N, shifted(edges(20, N_EXC, 4), pre=5), 0.1 * u.mV)
        self.kick = DeltaProj(comm=comm, post=self.cells)

    def update(self) -> None:
        spikes = self.cells.get_spike()
        self.exc(spikes[:N_EXC])
        self.to_inh(spikes)
        self.inh(spikes)
        self.kick(spikes)
        self.cells()


def with_views() -> Network:
    net = Network()
    net.cells = cells()
    exc, inh, third = net.cells[:N_EXC], net.cells[N_EXC:], net.cells[:N_EXC][::3]
    weights = {"weight": 0.6 * u.nS, "stp": STP, "delay": 1 * u.ms}
    net.exc = Projection(exc, net.cells, edges(N_EXC, N, 1), *PARTS, **weights)
    net.to_inh = Projection(exc, inh, edges(N_EXC, N - N_EXC, 2), *PARTS, weight=0.5 * u.nS)
    net.inh = Projection(inh, third, edges(N - N_EXC, 15, 3), *SLOW, weight=6 * u.nS)
    part = net.cells[np.arange(5, 25)]
    comm = Connection(part, exc, edges(20, N_EXC, 4), 0.1 * u.mV)
    net.kick = DeltaProj(part.get_spike, comm=comm, post=exc)
    return net


def test_a_network_of_views_is_the_one_with_slices_by_hand() -> None:
    net = with_views()
    runs = [
        simulate(it, 60 * u.ms, dt=0.1 * u.ms, record=["cells.V", "cells.spikes"])
        for it in (net, ByHand())
    ]
    assert len(runs[0]["cells.spikes"]) > 100
    V = [run["cells.V"].values.to_decimal(u.mV) for run in runs]
    np.testing.assert_allclose(V[0], V[1], rtol=1e-6)
    for what in ("step", "index"):
        mine, others = (getattr(run["cells.spikes"], what) for run in runs)
        np.testing.assert_array_equal(mine, others)
    assert net.to_inh.syn.g.value.shape == (N - N_EXC,)


def test_projections_onto_equal_views_share_a_synapse_and_onto_others_do_not() -> None:
    pop = cells(8)

    def onto(post: Any) -> Projection:
        return Projection(8, post, edges(8, post.in_size[0], 0), *PARTS, weight=1 * u.nS)

    first, again, by_index = onto(pop[:4]), onto(pop[:4]), onto(pop[[0, 1, 2, 3]])
    assert first.syn is again.syn is by_index.syn
    assert onto(pop[2:6]).syn is not first.syn
    assert onto(pop).syn is not first.syn
    assert len(pop.current_inputs) == len(set(pop.current_inputs)) == 3
    brainstate.nn.init_all_states(pop)
    assert [".".join(map(str, path)) for path in pop.states() if path[-1] == "g"] == [
        "_before_updates.Expon_COBA_0 [0:4].hook.syn.g",
        "_before_updates.Expon_COBA_0 [2:6].hook.syn.g",
        "_before_updates.Expon_COBA_2.syn.g",
    ]


@pytest.mark.parametrize("kind", ["align_pre", "instances", "run by pre"])
def test_every_kind_of_projection_takes_views(kind: str) -> None:
    """Neuron 6 of 8 spikes; its target, neuron 2, is depolarised, and no other."""
    start = np.where(np.arange(8) == 6, -49.0, -60.0) * u.mV
    levels = {"V_rest": -60 * u.mV, "V_th": -50 * u.mV, "V_reset": -60 * u.mV}
    pop = LIF(8, R=100 * u.Mohm, V_initializer=start, **levels)
    pre, post = pop[5:], pop[1:4]
    comm = Connection(pre, post, OneToOne(), 1.0 * u.nS)
    out = COBA.desc(E=0 * u.mV)
    if kind == "align_pre":
        proj: Any = AlignPreProj(pre.get_spike, syn=AMPA.desc(), comm=comm, out=out, post=post)
    elif kind == "instances":
        parts = {"syn": Expon(3, tau=5 * u.ms), "out": COBA(E=0 * u.mV)}
        proj = AlignPostProj(pre.get_spike, comm=comm, post=post, **parts)
    else:
        syn = pre.align_pre(AMPA.desc())
        assert pre.align_pre(AMPA.desc()) is syn
        assert pop.align_pre(AMPA.desc()) is not syn
        proj = CurrentProj(
            syn.prefetch("g"), comm=Connection(pre, post, OneToOne(), 1.0), out=out, post=post
        )
    brainstate.nn.init_all_states([pop, proj])
    with brainstate.environ.context(dt=0.1 * u.ms, t=0 * u.ms):
        before = None
        for _ in range(5):
            proj()
            pop()
            before = jnp.asarray(pop.V.value.to_decimal(u.mV)) if before is None else before
    moved = np.flatnonzero(np.abs(pop.V.value.to_decimal(u.mV) - start.to_decimal(u.mV)) > 1e-4)
    assert 2 in moved
    assert set(moved) <= {2, 6}


def test_views_that_a_projection_cannot_take() -> None:
    pop = cells(8)
    with pytest.raises(ValueError, match=r"Projection\.post: LIFRef\[.*\] names a neuron twice"):
        Projection(8, pop[[1, 1]], Bernoulli(0.5), *PARTS, weight=1 * u.nS)
    with pytest.raises(ValueError, match="size .* is not that of the postsynaptic"):
        comm = Connection(8, 8, OneToOne(), 1 * u.nS)
        AlignPostProj(comm=comm, syn=PARTS[0], out=PARTS[1], post=pop[:4])
    apart = Bernoulli(0.5, allow_autapses=False)
    with pytest.raises(ValueError, match="allow_autapses=False compares the numbers"):
        Projection(pop[:4], pop[4:], apart, *PARTS, weight=1 * u.nS)
    Projection(pop[:4], pop[:4], apart, *PARTS, weight=1 * u.nS)


def test_a_rule_of_distances_takes_the_positions_of_the_parts() -> None:
    pop, sheet = cells(9), grid_positions((3, 3), spacing=10 * u.um)
    pre, post = pop[:6], pop[[8, 0]]
    near = DistanceDependent(GaussianProfile(1e6 * u.um), sheet[pre.index], sheet[post.index])
    proj = Projection(pre, post, near, *PARTS, weight=1 * u.nS, seed=0)
    assert proj.comm.n_edges == 12
    far = float(np.max(proj.comm.edges.distance.to_decimal(u.um)))
    assert far == pytest.approx(np.hypot(20.0, 20.0))


def test_a_projection_is_printed_on_a_screen() -> None:
    net = with_views()
    text = repr(net.exc).splitlines()
    assert text[0] == "Projection, AlignPost"
    assert text[1:] == [
        "  pre: LIFRef[0:45], 45 neurons",
        "  post: LIFRef, 60 neurons",
        f"  comm: {net.exc.comm!r}",
        "  syn: Expon(tau=5 ms)",
        "  out: COBA(E=0 mV)",
        "  stp: STP()",
        "  delay: 1 ms",
    ]
    assert f"{net.exc.comm.n_edges} edges, weight=0.6 nS" in text[3]
    assert len(repr(net.kick).splitlines()) < 6
