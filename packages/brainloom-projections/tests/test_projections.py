"""Projections: merging, timing, idioms and refusals."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network, Neuron, SynOut, UnitError, simulate
from brainloom_neurons import LIF, LIFRef
from brainloom_projections import (
    STD,
    STP,
    AlignPostProj,
    AlignPreProj,
    AllToAll,
    Bernoulli,
    Connection,
    CurrentProj,
    DeltaProj,
    OneToOne,
    Projection,
    align_post_projection,
)
from brainloom_synapses import AMPA, COBA, CUBA, DualExpon, Expon


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.environ.set(dt=0.1 * u.ms)


def cell(n: int = 3, **changes: Any) -> LIF:
    return LIF(n, **{"tau": 20 * u.ms, "V_th": 20 * u.mV, **changes})


def project(post: LIF, syn: Any = None, out: Any = None, **changes: Any) -> AlignPostProj:
    arguments = {
        "comm": Connection(3, 3, OneToOne(), weight=1.0 * u.mS),
        "syn": Expon.desc(tau=5 * u.ms) if syn is None else syn,
        "out": CUBA.desc() if out is None else out,
        "post": post,
    }
    return AlignPostProj(**{**arguments, **changes})


def test_equal_descriptions_share_a_synapse() -> None:
    post = cell()
    first = project(post, Expon.desc(3, tau=5 * u.ms), CUBA.desc(scale=1 * u.volt))
    equal = [
        project(post, Expon.desc(tau=0.005 * u.second), CUBA.desc()),
        project(post, Expon.desc(g_initializer=0.0 * u.mS, tau=5 * u.ms), CUBA.desc()),
        project(post, Expon.desc((3,), tau=np.float32(5) * u.ms), CUBA.desc()),
    ]
    assert all(proj.syn is first.syn and proj.out is first.out for proj in equal)
    others = [
        project(post, Expon.desc(tau=5.00001 * u.ms)),
        project(post, out=COBA.desc(E=0 * u.mV)),
        project(post, label="other"),
        project(cell()),
    ]
    assert all(proj.syn is not first.syn for proj in others)


def test_long_arrays_are_compared_by_value() -> None:
    tau = np.full(2000, 5.0)
    other = tau.copy()
    other[1000] = 50.0
    post = cell(2000)
    comm = Connection(2000, 2000, OneToOne(), weight=1.0 * u.mS)
    a = project(post, Expon.desc(tau=tau * u.ms), comm=comm)
    b = project(post, Expon.desc(tau=other * u.ms), comm=comm)
    c = project(post, Expon.desc(tau=tau.copy() * u.ms), comm=comm)
    assert a.syn is not b.syn
    assert a.syn is c.syn


def test_states_of_shared_synapses_have_readable_names() -> None:
    post = cell()
    project(post)
    project(post, label="slow", syn=Expon.desc(tau=50 * u.ms))
    brainstate.nn.init_all_states(post)
    names = {".".join(map(str, path)) for path in post.states()}
    assert names == {
        "V",
        "spike",
        "_before_updates.Expon_CUBA_0.syn.g",
        "_before_updates.slow_Expon_CUBA_1.syn.g",
    }


def run(net: brainstate.nn.Module, steps: int) -> np.ndarray:
    V = simulate(net, steps * 0.1 * u.ms, record="post.V", progress=False)["post.V"]
    return V.values.to_decimal(u.mV)


def test_shared_and_separate_synapses_agree() -> None:
    class Pair(brainstate.nn.Module):
        def __init__(self, merged: bool) -> None:
            super().__init__()
            self.post = cell()
            made = (
                [(None, None)] * 2 if merged else [(Expon(3, tau=5 * u.ms), CUBA()) for _ in "ab"]
            )
            self.projections = [project(self.post, *pair) for pair in made]

        def update(self) -> None:
            i = brainstate.environ.get("i")
            for k, proj in enumerate(self.projections):
                proj(jnp.arange(3) == (i + k) % 3)
            self.post()

    merged, separate = run(Pair(True), 50), run(Pair(False), 50)
    np.testing.assert_allclose(merged, separate, rtol=1e-5)
    assert merged.max() > 0.1


class Chain(brainstate.nn.Module):
    """Population a excites b; only the first neuron of a is driven."""

    def __init__(self, projection: str) -> None:
        super().__init__()
        self.pre, self.post = LIFRef(1, V_th=1 * u.mV, spk_reset="hard"), cell(1)
        spikes = (self.pre.get_spike,)
        if projection == "delta":
            comm = Connection(1, 1, OneToOne(), weight=3.0 * u.mV)
            self.proj: Any = DeltaProj(*spikes, comm=comm, post=self.post)
        else:
            comm = Connection(1, 1, OneToOne(), weight=3.0 * u.mS)
            self.proj = AlignPostProj(
                *spikes, comm=comm, syn=Expon.desc(tau=5 * u.ms), out=CUBA.desc(), post=self.post
            )

    def update(self) -> None:
        drive = jnp.where(brainstate.environ.get("i") == 0, 1000.0, 0.0) * u.mA
        self.proj()
        self.pre(drive)
        self.post()


@pytest.mark.parametrize("projection", ["delta", "post"])
def test_latency_is_one_step(projection: str) -> None:
    """The spike of step 0 acts in step 1, when projections are called before populations."""
    V = run(Chain(projection), 4)[:, 0]
    assert V[0] == 0.0
    assert V[1] > 0.0


def test_delta_jumps_after_integration_and_adds_up() -> None:
    post = brainstate.nn.init_all_states(cell(2, V_initializer=10 * u.mV))
    comm = Connection(4, 2, AllToAll(), weight=0.5 * u.mV)
    projections = [DeltaProj(comm=comm, post=post) for _ in range(2)]
    for proj in projections:
        proj(jnp.array([True, False, True, True]))
    post()
    expected = 10 * np.exp(-0.1 / 20) + 2 * 3 * 0.5
    np.testing.assert_allclose(post.V.value.to_decimal(u.mV), expected, rtol=1e-6)


def test_a_chain_of_modules_transforms_the_spikes() -> None:
    post = brainstate.nn.init_all_states(cell())
    V = brainstate.HiddenState(jnp.array([1.0, -1.0, 2.0]))
    comm = Connection(3, 3, OneToOne(), weight=2.0 * u.mV)
    DeltaProj(V, lambda v: v > 0, comm=comm, post=post)()
    post()
    np.testing.assert_allclose(post.V.value.to_decimal(u.mV), [2.0, 0.0, 2.0])
    prefetched = DeltaProj(post.prefetch("V"), lambda v: v > 1 * u.mV, comm=comm, post=post)
    prefetched()
    post()
    assert post.V.value.to_decimal(u.mV)[1] == 0.0


def test_batches_and_vmap_agree() -> None:
    def network() -> brainstate.nn.Module:
        net = brainstate.nn.Module()
        net.post = cell()
        net.proj = project(net.post, comm=Connection(5, 3, AllToAll(), weight=1.0 * u.mS))
        return net

    spikes = jnp.asarray(np.random.default_rng(0).random((20, 4, 5)) < 0.3)

    def advance(net: brainstate.nn.Module, s: jax.Array) -> Any:
        net.proj(s)
        net.post()
        return net.post.V.value.to_decimal(u.mV)

    batched = brainstate.nn.init_all_states(network(), batch_size=4)
    together = brainstate.transform.for_loop(lambda s: advance(batched, s), spikes)
    for lane in range(4):
        single = brainstate.nn.init_all_states(network())
        alone = brainstate.transform.for_loop(lambda s, n=single: advance(n, s), spikes[:, lane])
        np.testing.assert_allclose(together[:, lane], alone, rtol=1e-6)


def test_gradients_reach_weights_and_spikes() -> None:
    post = cell()
    comm = Connection(4, 3, AllToAll(), weight=np.linspace(0.1, 1.2, 12) * u.mS)
    proj = project(post, comm=comm)
    brainstate.nn.init_all_states([post, proj])

    def loss(spikes: jax.Array) -> jax.Array:
        brainstate.nn.reset_all_states(post)
        proj(spikes)
        post()
        return post.V.value.to_decimal(u.mV).sum()

    gradient = brainstate.transform.grad(loss, comm.states(brainstate.ParamState), argnums=0)
    by_weight, by_spike = gradient(jnp.array([1.0, 0.0, 2.0, 0.0]))
    gain = float(loss(jnp.array([1.0, 0.0, 0.0, 0.0]))) / (0.1 + 0.2 + 0.3)
    expected = gain * np.repeat([1.0, 0.0, 2.0, 0.0], 3)
    (weights,) = by_weight.values()
    np.testing.assert_allclose(u.get_mantissa(weights), expected, rtol=1e-5)
    rows = np.linspace(0.1, 1.2, 12).reshape(4, 3).sum(1)
    np.testing.assert_allclose(by_spike, gain * rows, rtol=1e-5)


def test_wrong_parts_are_refused() -> None:
    post = cell()
    with pytest.raises(TypeError, match="both be descriptions"):
        project(post, Expon(3, tau=5 * u.ms))
    with pytest.raises(TypeError, match=r"AlignPostProj\.syn: expected an AlignPost synapse"):
        project(post, CUBA.desc())
    with pytest.raises(TypeError, match=r"AlignPostProj\.out: expected a synaptic output"):
        project(post, out=Expon.desc(3))
    with pytest.raises(TypeError, match=r"AlignPostProj\.post: expected a population"):
        project(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"AlignPostProj\.comm: expected a module or function"):
        project(post, comm=3)
    with pytest.raises(ValueError, match=r"AlignPostProj\.syn: its size \(7,\)"):
        project(post, Expon.desc(7, tau=5 * u.ms))
    with pytest.raises(ValueError, match=r"AlignPostProj\.comm: its size \(4,\)"):
        project(post, comm=Connection(3, 4, AllToAll(), weight=1 * u.mS))
    with pytest.raises(TypeError, match="DeltaProj: expected modules"):
        DeltaProj(3, comm=lambda x: x, post=post)


def test_wrong_use_is_refused() -> None:
    post = cell()
    proj = project(post)
    brainstate.nn.init_all_states([post, proj])
    with pytest.raises(InputError, match=r"AlignPostProj\d+: no spikes"):
        proj()
    with pytest.raises(InputError, match="expected spikes of shape"):
        proj(jnp.zeros(4, bool))
    with pytest.raises(InputError, match="is bound for this step"):
        post.update()
    proj(jnp.zeros(3, bool))
    with pytest.raises(InputError, match="called twice in one step"):
        proj(jnp.zeros(3, bool))


class Shifted(SynOut):
    """An output that forgets a unit."""

    def update(self, g: Any, V: Any) -> Any:
        return g * (V - 3.0)


def test_wrong_units_name_the_part_at_construction() -> None:
    post = cell()
    with pytest.raises(
        UnitError,
        match=r"AlignPostProj\.comm: its weights are a voltage, but Expon\.g, .* a conductance",
    ):
        project(post, comm=Connection(3, 3, OneToOne(), weight=1.0 * u.mV))
    with pytest.raises(UnitError, match=r"AlignPostProj\.comm: its weights are a number without"):
        project(post, comm=Connection(3, 3, OneToOne()))
    with pytest.raises(
        UnitError,
        match=r"AlignPostProj\.out: CUBA makes a conductance of .* in mS, but LIF takes a current",
    ):
        project(post, out=CUBA.desc(scale=1.0))
    with pytest.raises(UnitError, match=r"AlignPostProj\.out: Shifted cannot use .* in mV"):
        project(post, out=Shifted.desc())
    with pytest.raises(
        UnitError, match=r"DeltaProj\.comm: its weights are a conductance, but LIF\.V, .* a voltage"
    ):
        DeltaProj(comm=Connection(3, 3, OneToOne(), weight=1.0 * u.mS), post=post)
    with pytest.raises(
        UnitError, match=r"CurrentProj\.out: CUBA makes .*, but LIF takes a current"
    ):
        CurrentProj(
            Expon(3).prefetch("g"), comm=brainstate.nn.OneToOne(3), out=CUBA(scale=1.0), post=post
        )
    assert post.current_inputs == {}


def test_units_that_are_not_known_are_checked_in_the_first_step() -> None:
    post = cell()
    proj = project(post, comm=lambda s: jnp.asarray(s) * u.mV)
    brainstate.nn.init_all_states([post, proj])
    proj(jnp.ones(3, bool))
    with pytest.raises(
        InputError, match=r"Expon: the input 'AlignPostProj\d+' should be a conduct"
    ):
        post()
    wrong = cell()
    delta = DeltaProj(comm=lambda s: s * u.mS, post=wrong)
    brainstate.nn.init_all_states(wrong)
    delta(jnp.ones(3))
    with pytest.raises(InputError, match=r"LIF: the input 'DeltaProj\d+' should be a voltage"):
        wrong()


def test_a_second_call_compiles_nothing_and_stays_the_same() -> None:
    net = Chain("post")
    compiled: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
    )
    first = run(net, 20)
    brainstate.nn.reset_all_states(net)
    compiled.clear()
    np.testing.assert_array_equal(run(net, 20), first)
    assert compiled == []


# Idioms of brainpy.state


def test_a_conductance_computed_elsewhere() -> None:
    """`CurrentProj(syn.prefetch("g"), ...)`: the synapse is the user's, one per source."""
    for comm in (
        Connection(3, 2, AllToAll(), weight=0.5),
        brainstate.nn.Linear(3, 2, jnp.full((3, 2), 0.5), None),
        lambda g: 0.5 * g.sum(-1, keepdims=True) * jnp.ones(2),
    ):
        syn, post = Expon(3, tau=5 * u.ms), cell(2)
        proj = CurrentProj(syn.prefetch("g"), comm=comm, out=COBA(E=10 * u.mV), post=post)
        brainstate.nn.init_all_states([syn, post, proj])
        syn(jnp.array([1.0, 0.0, 3.0]) * u.siemens)
        proj()
        post()
        # tau V' = -V + 2 (10 - V): a conductance of 2 S beside a leak of 1 S.
        expected = 20 / 3 * -np.expm1(-3 * 0.1 / 20)
        np.testing.assert_allclose(post.V.value.to_decimal(u.mV), expected, rtol=1e-5)


def test_a_projection_that_is_not_called_does_not_go_on() -> None:
    syn, post = brainstate.nn.init_all_states(Expon(3)), cell()
    comm = Connection(3, 3, OneToOne())
    proj = CurrentProj(syn.prefetch("g"), comm=comm, out=CUBA(), post=post)
    brainstate.nn.init_all_states(post)
    proj()
    with pytest.raises(InputError, match=r"CurrentProj\d+: .* called twice in one step"):
        proj()
    post()
    with pytest.raises(InputError, match="CUBA: no conductance is bound for this step"):
        post()


def driven(kind: str, net: Network) -> Any:
    """A projection of a kind between the populations of a network."""
    pair = {"comm": Connection(3, 3, OneToOne(), weight=1.0 * u.mV), "post": net.B}
    if kind == "delta":
        return DeltaProj(net.A.get_spike, **pair)
    parts = (OneToOne(), Expon.desc(), CUBA.desc())
    return Projection(net.A, net.B[:3], *parts, weight=1.0 * u.mS, align=kind)


def populations() -> Network:
    net = Network()
    net.A, net.B = cell(), cell()
    return net


@pytest.mark.parametrize("kind", ["delta", "pre", "post"])
def test_a_projection_that_is_not_assigned_is_missed(kind: str) -> None:
    net = populations()
    driven(kind, net)
    with pytest.raises(InputError, match=r"'B' \(LIF\) is to get input from an? .*: assign it"):
        simulate(net, 0.1 * u.ms)
    brainstate.nn.init_all_states(net)
    with pytest.raises(InputError, match="assign it"):
        net()


def test_a_projection_whose_name_another_one_took_is_missed() -> None:
    net = populations()
    net.p = driven("delta", net)
    net.p = driven("delta", net)
    with pytest.raises(InputError, match="a second one took its name 'p'"):
        simulate(net, 0.1 * u.ms)


def test_a_projection_may_be_moved_replaced_and_called_by_hand() -> None:
    net = populations()
    net.p = driven("delta", net)
    net.all = [net.p]
    del net.p
    simulate(net, 0.1 * u.ms)
    net.all = driven("delta", net)  # what has run is replaced knowingly
    simulate(net, 0.1 * u.ms)
    by_hand = driven("delta", net)
    by_hand()
    net()


class Written(Neuron):
    """A neuron with an update of its own, as users of brainpy.state write it."""

    def __init__(self, in_size: int) -> None:
        super().__init__(in_size)

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        self.V = brainstate.HiddenState(jnp.zeros(self.in_size) * u.mV)
        self.spike = brainstate.HiddenState(jnp.zeros(self.in_size))

    def update(self) -> Any:
        current = self.sum_current_inputs(0.0 * u.mA, self.V.value)
        self.V.value = self.V.value + current * u.ohm * 0.1
        self.spike.value = (self.V.value > 1.0 * u.mV).astype(float)
        return self.V.value


def test_a_neuron_with_an_update_of_its_own_forgets_too() -> None:
    post = Written(3)
    syn = brainstate.nn.init_all_states(Expon(3, g_initializer=1.0 * u.mS))
    comm = Connection(3, 3, OneToOne())
    proj = CurrentProj(syn.prefetch("g"), comm=comm, out=CUBA(), post=post)
    brainstate.nn.init_all_states(post)
    for _ in range(2):
        proj()
        post()
    np.testing.assert_allclose(post.V.value.to_decimal(u.mV), 0.2, rtol=1e-5)
    with pytest.raises(InputError, match="no conductance is bound"):
        post()


def test_spikes_decoded_from_a_prefetched_potential() -> None:
    pre, post = cell(3, V_initializer=jnp.array([30.0, 0.0, 25.0]) * u.mV), cell(3)
    proj = DeltaProj(
        pre.prefetch("V"),
        lambda V: pre.get_spike(V) != 0.0,
        comm=Connection(3, 3, OneToOne(), weight=2 * u.mV),
        post=post,
        label="fast",
    )
    brainstate.nn.init_all_states([pre, post, proj])
    proj()
    assert list(post.delta_inputs) == [f"fast // {proj.name}"]
    post()
    np.testing.assert_allclose(post.V.value.to_decimal(u.mV), [2.0, 0.0, 2.0])


def test_a_stored_spike_can_be_prefetched() -> None:
    pre, post = Written(3), cell()
    brainstate.nn.init_all_states([pre, post])
    pre.spike.value = jnp.array([0.0, 1.0, 0.0])
    comm = Connection(3, 3, OneToOne(), weight=2 * u.mV)
    DeltaProj(pre.prefetch("spike"), comm=comm, post=post)()
    post()
    np.testing.assert_allclose(post.V.value.to_decimal(u.mV), [0.0, 2.0, 0.0])


def test_separate_instances_are_called_once_in_each_step() -> None:
    post = cell()
    proj = project(post, Expon(3), CUBA())
    brainstate.nn.init_all_states([post, proj])
    proj(jnp.ones(3))
    with pytest.raises(InputError, match="called twice in one step"):
        proj(jnp.ones(3))
    with pytest.raises(ValueError, match=r"AlignPostProj\d+\.syn: this Expon already belongs to"):
        project(post, proj.syn, CUBA())


SPIKES = jnp.array([1.0, 0.0, 1.0])


@pytest.mark.parametrize("form", ["bool", "float", "numpy", "event array"])
@pytest.mark.parametrize("comm", ["sparse", "dense", "function"])
@pytest.mark.parametrize("kind", [AlignPostProj, AlignPreProj])
def test_every_form_of_spikes_and_connectivity(kind: Any, comm: str, form: str) -> None:
    brainevent = pytest.importorskip("brainevent")
    weights = np.arange(1.0, 7.0).reshape(3, 2) * u.siemens
    post = cell(2)
    comms = {
        "sparse": Connection(3, 2, AllToAll(), weight=weights.reshape(-1)),
        "dense": brainstate.nn.Linear(3, 2, weights, None),
        "function": lambda s: u.math.matmul(s.astype(float), weights),
    }
    forms = {
        "bool": SPIKES > 0,
        "float": SPIKES,
        "numpy": np.asarray(SPIKES),
        "event array": brainevent.BinaryArray(SPIKES),
    }
    size = {"in_size": 3} if kind is AlignPreProj else {}
    proj = kind(comm=comms[comm], syn=Expon.desc(tau=5 * u.ms, **size), out=CUBA.desc(), post=post)
    brainstate.nn.init_all_states([post, proj])
    proj(forms[form])
    post()
    current = np.array([6.0, 8.0]) * 1e3 * 5 / 0.1 * -np.expm1(-0.1 / 5)
    expected = current * -np.expm1(-0.1 / 20)
    np.testing.assert_allclose(post.V.value.to_decimal(u.mV), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [AlignPostProj, AlignPreProj, DeltaProj])
@pytest.mark.parametrize("described", [True, False])
def test_plasticity_scales_what_a_spike_does(kind: Any, described: bool) -> None:
    post = cell(3, V_th=1e6 * u.mV)
    stp = STP.desc(U=0.2, tau_f=0 * u.ms) if described else STP(3, U=0.2, tau_f=0 * u.ms)
    weight = 1.0 * (u.mV if kind is DeltaProj else u.mS)
    arguments = {"comm": Connection(3, 3, OneToOne(), weight=weight), "post": post}
    if kind is not DeltaProj:
        arguments |= {"syn": Expon.desc(tau=5 * u.ms), "out": CUBA.desc()}
    proj, plain = kind(**arguments, stp=stp), kind(**{**arguments, "post": cell(3)})
    brainstate.nn.init_all_states([proj, plain, post, plain.post])
    for used, cells in ((proj, post), (plain, plain.post)):
        used(SPIKES)
        cells()
    V, full = (cells.V.value.to_decimal(u.mV) for cells in (post, plain.post))
    np.testing.assert_allclose(V, 0.2 * full, rtol=1e-5)
    np.testing.assert_allclose(proj.stp.x.value, [0.8, 1.0, 0.8], rtol=1e-6)


def test_plasticity_must_fit_and_be_its_own() -> None:
    post = cell()
    with pytest.raises(TypeError, match=r"AlignPostProj\.stp: expected STP or STD"):
        project(post, stp=3)
    with pytest.raises(ValueError, match=r"AlignPostProj\.stp: its size \(4,\) is not that of the"):
        project(post, stp=STP(4))
    with pytest.raises(TypeError, match=r"the size of the presynaptic population is not known"):
        project(post, comm=lambda s: s * u.mS, stp=STP.desc())
    stp = STD(3)
    project(post, stp=stp)
    with pytest.raises(ValueError, match=r"AlignPostProj\d+\.stp: this STD already belongs to"):
        project(post, stp=stp)
    assert project(post, comm=lambda s: s * u.mS, stp=STD.desc(3)).stp.in_size == (3,)


def test_the_lower_case_name_takes_the_same_arguments() -> None:
    pre, post = cell(3), cell(3)
    proj = align_post_projection(
        pre.get_spike,
        comm=Connection(3, 3, OneToOne(), weight=1 * u.mS),
        syn=Expon.desc(),
        out=CUBA.desc(),
        post=post,
        stp=STP(3),
    )
    brainstate.nn.init_all_states([pre, post, proj])
    proj()
    post()


# The simple form


def pair(**changes: Any) -> tuple[LIF, LIF]:
    return cell(4, **changes), cell(3, **changes)


def test_projection_finds_sizes_spikes_and_alignment() -> None:
    pre, post = pair()
    weight = 2.0 * u.mS
    simple = Projection(pre, post, Bernoulli(0.5), Expon.desc(), CUBA.desc(), weight=weight, seed=2)
    assert isinstance(simple.aligned, AlignPostProj)
    assert simple.syn.in_size == (3,)
    comm = Connection(4, 3, Bernoulli(0.5), weight, seed=2)
    np.testing.assert_array_equal(simple.comm.edges.post, comm.edges.post)
    other = cell(3)
    long = AlignPostProj(pre.get_spike, comm=comm, syn=Expon.desc(), out=CUBA.desc(), post=other)
    brainstate.nn.init_all_states([pre, post, other, simple, long])
    pre.spike.value = jnp.array([1.0, 0.0, 1.0, 1.0])
    for proj, target in ((simple, post), (long, other)):
        proj()
        target()
    np.testing.assert_array_equal(post.V.value.mantissa, other.V.value.mantissa)
    assert post.V.value.max() > 0 * u.mV


def test_projection_explains_its_choice() -> None:
    pre, post = pair()
    rest = {"weight": 1.0 * u.mS, "stp": STP}
    simple = Projection(pre, post, AllToAll(), Expon, CUBA, **rest)
    assert simple.explain().splitlines() == [
        "AlignPost: one state of Expon for each of the 3 postsynaptic neurons.",
        "Expon is linear in its input, so one state of the summed input is exact.",
        "Only spikes are delivered.",
        "STP: one state for each presynaptic neuron scales its spikes.",
    ]
    simple = Projection(pre, post, AllToAll(), AMPA, COBA.desc(E=0 * u.mV), **rest)
    assert isinstance(simple.aligned, AlignPreProj)
    assert simple.syn.in_size == simple.stp.in_size == (4,)
    assert simple.explain().startswith(
        "AlignPre: one state of AMPA for each of the 4 presynaptic neurons.\nAMPA is not linear"
    )
    forced = Projection(pre, post, AllToAll(), Expon, CUBA, align="pre", **rest)
    assert "AlignPost would be exact and cheaper" in forced.explain()


def test_projection_takes_instances() -> None:
    pre, post = pair()
    rest = {"weight": 1.0 * u.mS}
    assert isinstance(
        Projection(pre, post, AllToAll(), Expon(3), CUBA.desc(), **rest).aligned, AlignPostProj
    )
    assert isinstance(
        Projection(pre, post, AllToAll(), Expon(4), CUBA(), **rest).aligned, AlignPreProj
    )
    assert isinstance(
        Projection(pre, post, AllToAll(), DualExpon.desc(), CUBA(), **rest).aligned, AlignPostProj
    )
    comm = Connection(4, 3, AllToAll(), weight=1.0 * u.mS)
    assert Projection(pre, post, comm, Expon, CUBA).comm is comm
    edges = Projection(pre, post, comm.edges, Expon, CUBA, **rest)
    assert len(edges.comm.edges) == 12


def test_spikes_may_be_given_to_a_projection() -> None:
    for pre in (4, cell(4, V_initializer=30 * u.mV)):
        post = cell(3)
        proj = Projection(pre, post, AllToAll(), Expon, CUBA, weight=1.0 * u.mS)
        brainstate.nn.init_all_states([post, proj])
        proj(jnp.array([1.0, 0.0, 0.0, 0.0]))
        post()
        np.testing.assert_allclose(proj.syn.g.value.to_decimal(u.mS), 1.0, rtol=1e-6)
    nameless = Projection(4, cell(3), AllToAll(), Expon, CUBA, weight=1.0 * u.mS)
    with pytest.raises(InputError, match="no spikes, and pre, 4, has no get_spike"):
        nameless()


def test_projection_runs_in_a_network() -> None:
    net = Network()
    net.E, net.I = pair(V_initializer=25 * u.mV)
    net.EI = Projection(net.E, net.I, AllToAll(), Expon, CUBA, weight=1.0 * u.mS)
    run = simulate(net, 1 * u.ms, record=["EI.syn.g", "I.V"], progress=False)
    assert run["EI.syn.g"].values.max() > 3.0 * u.mS


def test_projection_is_a_base_class_and_a_container() -> None:
    post = brainstate.nn.init_all_states(cell())
    comm = Connection(3, 3, OneToOne(), weight=2.0 * u.mV)

    class Both(Projection):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = DeltaProj(comm=comm, post=post), DeltaProj(comm=comm, post=post)

    both = Both()
    both(SPIKES)
    post()
    np.testing.assert_allclose(post.V.value.to_decimal(u.mV), [4.0, 0.0, 4.0])
    assert both.explain() == "A container of 2 projections: DeltaProj, DeltaProj."
    container = Projection()
    container.only = DeltaProj(comm=comm, post=post)
    container(SPIKES)
    with pytest.raises(ValueError, match="Projection has no update and holds no modules to call"):
        Projection()()
    with pytest.raises(AttributeError, match="is a container and has no 'syn'"):
        container.syn  # noqa: B018

    class Own(Projection):
        def update(self, x: Any) -> Any:
            return 2 * x

    assert Own()(3) == 6


def test_wrong_parts_of_a_projection_are_refused() -> None:
    pre, post = pair()
    with pytest.raises(TypeError, match="Projection: synapse, output missing"):
        Projection(pre, post, AllToAll())
    with pytest.raises(TypeError, match=r"Projection\.weight: missing"):
        Projection(pre, post, AllToAll(), Expon, CUBA)
    with pytest.raises(TypeError, match=r"Projection\.post: expected a population"):
        Projection(pre, 3, AllToAll(), Expon, CUBA, weight=1 * u.mS)
    with pytest.raises(TypeError, match=r"Projection\.connectivity: expected a rule"):
        Projection(pre, post, 0.1, Expon, CUBA, weight=1 * u.mS)
    with pytest.raises(TypeError, match=r"Projection\.synapse: expected a description such as"):
        Projection(pre, post, AllToAll(), CUBA, Expon, weight=1 * u.mS)
    with pytest.raises(TypeError, match=r"Projection\.stp: expected a description such as"):
        Projection(pre, post, AllToAll(), Expon, CUBA, weight=1 * u.mS, stp=0.2)
    comm = Connection(4, 3, AllToAll(), weight=1 * u.mS)
    with pytest.raises(TypeError, match=r"Projection\.weight: it belongs to a rule"):
        Projection(pre, post, comm, Expon, CUBA, weight=1 * u.mS)
    with pytest.raises(ValueError, match=r"Projection\.connectivity: its size \(4,\)"):
        Projection(5, post, comm, Expon, CUBA)
    with pytest.raises(ValueError, match=r"Projection\.align: AMPA is not linear"):
        Projection(pre, post, comm, AMPA, CUBA, align="post")
    with pytest.raises(ValueError, match=r"Projection\.align: expected 'pre', 'post'"):
        Projection(pre, post, comm, Expon, CUBA, align="both")
    with pytest.raises(UnitError, match=r"AlignPostProj\.comm: its weights are a voltage"):
        Projection(pre, post, AllToAll(), Expon, CUBA, weight=1 * u.mV)


def test_an_update_of_ones_own_says_whether_its_input_is_as_declared() -> None:
    class Watched(Expon):
        def update(self, x: Any = None) -> Any:
            return super().update(x)

    class Declares(Watched):
        input_as_declared = True

    class Inherits(Declares):
        pass

    class Again(Declares):
        def update(self, x: Any = None) -> Any:
            return super().update(x)

    kinds = (Expon, Watched, Declares, Inherits, Again)
    assert [kind.input_as_declared for kind in kinds] == [True, False, True, True, False]
    comm = Connection(3, 3, OneToOne(), weight=1.0 * u.mV)
    parts = {"comm": comm, "out": COBA.desc(E=0 * u.mV), "post": cell()}
    with pytest.raises(UnitError, match="Declares.g, which they add to, is a conductance"):
        AlignPostProj(syn=Declares.desc(), **parts)
    AlignPostProj(syn=Watched.desc(), **parts)


@pytest.mark.parametrize("align", ["post", "pre"])
def test_negative_conductances_are_told(align: str) -> None:
    post = LIF(3)

    def made(weight: Any, output: Any) -> Projection:
        return Projection(2, post, AllToAll(), Expon.desc(), output, weight=weight, align=align)

    inhibition = COBA.desc(E=-80 * u.mV)
    for weight in (-5 * u.nS, -np.ones(6) * u.nS):
        with pytest.warns(RuntimeWarning, match=r"all weights are negative .*E=-80 \* u\.mV"):
            made(weight, inhibition)
    made(5 * u.nS, inhibition)
    made(np.array([-1, 1, 1, 1, 1, 1]) * u.nS, inhibition)
    made(-5 * u.nS, CUBA.desc())
