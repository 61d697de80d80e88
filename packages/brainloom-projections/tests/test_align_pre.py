"""AlignPre: equality with AlignPost, sharing, units, forms of call and refusals."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Synapse, UnitError
from brainloom_neurons import LIF
from brainloom_projections import (
    STP,
    AlignPostProj,
    AlignPreProj,
    Bernoulli,
    Connection,
    align_pre_projection,
)
from brainloom_synapses import AMPA, CUBA, NMDA, Alpha, BioNMDA, DualExpon, Expon, GradedSynapse


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.environ.set(dt=0.1 * u.ms)


def cell(n: int = 3, **changes: Any) -> LIF:
    return LIF(n, **{"tau": 20 * u.ms, "V_th": 1e6 * u.mV, **changes})


def comm(weight: Any = 2.0 * u.mS, n_pre: int = 4) -> Connection:
    return Connection(n_pre, 3, Bernoulli(0.6), weight=weight, seed=1)


def project(post: Any, syn: Any = None, **changes: Any) -> AlignPreProj:
    arguments = {"comm": comm(), "out": CUBA.desc(), "post": post}
    return AlignPreProj(syn=Expon.desc() if syn is None else syn, **{**arguments, **changes})


def potentials(proj: Any, post: Any, spikes: Any) -> np.ndarray:
    brainstate.nn.init_all_states([post, proj])

    def step(s: Any) -> Any:
        proj(s)
        post()
        return post.V.value.to_decimal(u.mV)

    run = brainstate.transform.jit(lambda s: brainstate.transform.for_loop(step, s))
    return np.asarray(run(jnp.asarray(spikes)))


SPIKES = np.random.default_rng(0).random((300, 4)) < 0.05


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize("stp", [None, STP.desc(U=0.3, tau_d=30 * u.ms)])
@pytest.mark.parametrize(
    "syn",
    [
        Expon.desc(tau=5 * u.ms),
        Expon.desc(tau=5 * u.ms, g_initializer=0.0 * u.nS),
        DualExpon.desc(tau_decay=6 * u.ms, tau_rise=1 * u.ms),
        Alpha.desc(tau=4 * u.ms),
    ],
    ids=["Expon", "Expon in nS", "DualExpon", "Alpha"],
)
def test_both_alignments_agree_for_linear_synapses(syn: Any, stp: Any, dt: float) -> None:
    brainstate.environ.set(dt=dt * u.ms)
    traces = []
    for kind in (AlignPreProj, AlignPostProj):
        post = cell()
        proj = kind(comm=comm(), syn=syn, out=CUBA.desc(), post=post, stp=stp)
        traces.append(potentials(proj, post, SPIKES))
    assert traces[0].max() > 0.1
    np.testing.assert_allclose(*traces, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("syn", [AMPA, BioNMDA, NMDA])
def test_receptors_that_saturate(syn: Any) -> None:
    """The synapse alone, its mean conductance weighted by a dense matrix, on a leaky membrane."""
    post = cell()
    connection = comm()
    V = potentials(project(post, syn.desc(), comm=connection), post, SPIKES)
    alone = brainstate.nn.init_all_states(syn(4))
    g = brainstate.transform.for_loop(alone.step, jnp.asarray(SPIKES)).to_decimal(u.mS)
    matrix = np.zeros((4, 3))
    np.add.at(matrix, (connection.edges.pre, connection.edges.post), 2.0)
    expected, v = [], np.zeros(3)
    for current in np.asarray(g) @ matrix:
        v = v * np.exp(-0.1 / 20) - current * np.expm1(-0.1 / 20)
        expected.append(v)
    np.testing.assert_allclose(V, expected, rtol=1e-4, atol=1e-6)


def test_the_unit_is_that_of_the_weights_or_of_the_synapse() -> None:
    traces = []
    for weight, unit in ((2.0 * u.mS, u.mS), (2000.0 * u.uS, u.UNITLESS), (2.0, u.mS)):
        post = cell()
        syn = Expon.desc(g_initializer=0.0 * unit)
        traces.append(potentials(project(post, syn, comm=comm(weight)), post, SPIKES))
    np.testing.assert_allclose(traces[1], traces[0], rtol=1e-5)
    np.testing.assert_allclose(traces[2], traces[0], rtol=1e-5)


def test_a_synapse_that_the_population_runs_is_shared() -> None:
    """`pre.align_pre(...)`: advanced once per step, whatever the number of projections."""
    pre = cell(4, V_th=1 * u.mV)
    shared = pre.align_pre(AMPA.desc())
    assert pre.align_pre(AMPA.desc()) is shared
    projections = [
        AlignPreProj(*source, syn=syn, comm=comm(), out=CUBA.desc(), post=cell())
        for source, syn in (
            ((pre.get_spike,), AMPA.desc()),
            ((pre.get_spike,), shared),
            ((pre.prefetch("V"),), shared),
            ((), shared),
        )
    ]
    brainstate.nn.init_all_states([pre, *projections, *(p.post for p in projections)])

    def step(i: Any) -> Any:
        for proj in projections:
            proj()
        pre(jnp.arange(4.0) * u.mA)
        for proj in projections:
            proj.post()
        return [proj.post.V.value.to_decimal(u.mV) for proj in projections]

    alone, *others = brainstate.transform.for_loop(step, jnp.arange(600))
    assert alone.max() > 0.1
    for other in others:
        np.testing.assert_allclose(other, alone, rtol=1e-5)
    with pytest.raises(ValueError, match=r"AlignPreProj\.stp: the presynaptic population runs"):
        AlignPreProj(
            pre.get_spike, syn=shared, comm=comm(), out=CUBA.desc(), post=cell(), stp=STP.desc()
        )


def test_a_graded_synapse_follows_the_potential() -> None:
    pre, post = cell(4, V_initializer=jnp.array([-60.0, 0.0, 20.0, 20.0]) * u.mV), cell()
    proj = project(post, GradedSynapse.desc())
    pulled = AlignPreProj(
        pre.prefetch("V"), syn=GradedSynapse.desc(), comm=comm(), out=CUBA.desc(), post=cell()
    )
    brainstate.nn.init_all_states([pre, post, proj, pulled, pulled.post])
    proj(pre.V.value)
    post()
    pulled()
    pulled.post()
    V = post.V.value.to_decimal(u.mV)
    assert V.max() > 0
    np.testing.assert_array_equal(pulled.post.V.value.to_decimal(u.mV), V)


class Filtered(Synapse):
    """A user's synapse with an update of its own, that takes spikes."""

    def __init__(self, in_size: Any) -> None:
        super().__init__(in_size)

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        self.g = brainstate.HiddenState(jnp.zeros(self.in_size) * u.mS)

    def update(self, spikes: Any) -> Any:
        self.g.value = 0.5 * self.g.value + spikes * u.mS
        return self.g.value


def test_a_synapse_with_its_own_update() -> None:
    post = cell()
    proj = align_pre_projection(
        lambda s: s > 0, syn=Filtered(4), comm=comm(), out=CUBA(), post=post
    )
    brainstate.nn.init_all_states([post, proj])
    proj(jnp.array([1.0, -1.0, 0.0, 0.0]))
    post()
    np.testing.assert_allclose(proj.syn.g.value.to_decimal(u.mS), [1.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("syn", [Expon.desc(), AMPA.desc(), NMDA.desc()])
def test_batches_and_vmap_agree(syn: Any) -> None:
    spikes = np.random.default_rng(3).random((40, 3, 4)) < 0.2
    post = cell()
    proj = project(post, syn, stp=STP.desc())
    brainstate.nn.init_all_states([post, proj], batch_size=3)

    def step(s: Any) -> Any:
        proj(s)
        post()
        return post.V.value.to_decimal(u.mV)

    together = brainstate.transform.for_loop(step, jnp.asarray(spikes))
    for k in range(3):
        alone = cell()
        one = potentials(project(alone, syn, stp=STP.desc()), alone, spikes[:, k])
        np.testing.assert_allclose(together[:, k], one, rtol=1e-4, atol=1e-6)

    net = brainstate.nn.Module()
    net.post = cell()
    net.proj = project(net.post, syn, stp=STP.desc())

    def forward(s: Any) -> Any:
        net.proj(s)
        net.post()
        return net.post.V.value.to_decimal(u.mV)

    net.update = forward
    brainstate.nn.vmap_init_all_states(net, axis_size=3, state_tag="lane")
    mapped = brainstate.nn.Vmap(net, vmap_states="lane", in_axes=0)
    V = brainstate.transform.for_loop(mapped, jnp.asarray(spikes))
    np.testing.assert_allclose(V, together, rtol=1e-4, atol=1e-6)


def test_gradients_reach_weights_and_spikes() -> None:
    post = cell()
    connection = comm()
    proj = project(post, comm=connection, stp=STP.desc())
    brainstate.nn.init_all_states([post, proj])

    def loss(spikes: jax.Array) -> jax.Array:
        brainstate.nn.reset_all_states(post)
        brainstate.nn.reset_all_states(proj)
        proj(spikes)
        post()
        return post.V.value.to_decimal(u.mV).sum()

    states = connection.states(brainstate.ParamState)
    by_weight, by_spike = brainstate.transform.grad(loss, states, argnums=0)(jnp.ones(4))
    (weight,) = by_weight.values()
    total = float(loss(jnp.ones(4)))
    assert float(u.get_mantissa(weight)) * 2.0 == pytest.approx(total, rel=1e-5)
    assert float(by_spike.sum()) == pytest.approx(total, rel=1e-5)


def test_it_is_called_once_in_each_step() -> None:
    post = cell()
    proj = project(post)
    brainstate.nn.init_all_states([post, proj])
    with pytest.raises(InputError, match=r"AlignPreProj\d+: no spikes"):
        proj()
    proj(jnp.ones(4))
    before = proj.syn.g.value
    with pytest.raises(InputError, match=r"AlignPreProj\d+: .* called twice in one step"):
        proj(jnp.ones(4))
    assert proj.syn.g.value is before
    post()
    with pytest.raises(InputError, match="no conductance is bound"):
        post()


def test_wrong_parts_are_refused() -> None:
    post = cell()
    with pytest.raises(TypeError, match=r"AlignPreProj\.syn: expected a synapse"):
        project(post, CUBA.desc())
    with pytest.raises(TypeError, match=r"AlignPreProj\.out: expected a synaptic output"):
        project(post, out=Expon.desc())
    with pytest.raises(ValueError, match=r"AlignPreProj\.syn: its size \(3,\) is not that of the"):
        project(post, Expon(3))
    with pytest.raises(ValueError, match=r"AlignPreProj\.comm: its size \(3,\)"):
        project(cell(5))
    with pytest.raises(TypeError, match=r"AlignPreProj\.syn: the size of the presynaptic"):
        project(post, comm=lambda g: g)
    with pytest.raises(UnitError, match=r"AlignPreProj\.out: CUBA makes .* but LIF takes a curren"):
        project(post, comm=comm(1.0 * u.mV))
    syn = Expon(4)
    project(post, syn)
    with pytest.raises(ValueError, match=r"AlignPreProj\d+\.syn: this Expon already belongs to"):
        project(post, syn)
