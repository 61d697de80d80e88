"""Sources as populations, and one charge by whatever way an event reaches a state."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network, ParameterError, simulate
from brainloom_neurons import (
    LIF,
    PoissonInput,
    PoissonSpike,
    ReplaySpikes,
    SpikeTime,
    poisson_input,
)
from brainloom_projections import (
    AlignPostProj,
    AllToAll,
    Connection,
    DeltaProj,
    OneToOne,
    Projection,
)
from brainloom_synapses import COBA, CUBA, Alpha, DualExpon, Expon

DT = 0.1 * u.ms


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.random.seed(0)
    brainstate.environ.set(dt=DT)


def cell(size: int, **arguments: Any) -> LIF:
    rest = {"V_rest": 0 * u.mV, "V_reset": 0 * u.mV, "V_initializer": 0 * u.mV}
    given = {"R": 1 * u.Mohm, "tau": 10 * u.ms, "V_th": 1e3 * u.mV, **rest, **arguments}
    return LIF(size, **given)


def onto(source: Any, post: Any, synapse: Any = None) -> Projection:
    synapse = Expon.desc(tau=2 * u.ms, g_initializer=0.0 * u.nA) if synapse is None else synapse
    return Projection(source, post, OneToOne(), synapse, CUBA.desc(scale=1.0), weight=1.0 * u.nA)


# Sources


def test_all_projections_of_a_source_see_the_same_spikes() -> None:
    net = Network()
    net.source = PoissonSpike(20, 500 * u.Hz)
    net.A, net.B = cell(20), cell(20)
    net.a, net.b = onto(net.source, net.A), onto(net.source, net.B)
    recording = simulate(net, 20 * u.ms, record=["source.spikes", "A.V", "B.V"], progress=False)
    assert len(recording["source.spikes"]) > 100
    np.testing.assert_array_equal(
        recording["A.V"].values.to_decimal(u.mV), recording["B.V"].values.to_decimal(u.mV)
    )


def test_a_source_and_its_module_in_a_projection_have_one_latency() -> None:
    """A spike acts from the step that begins at its time, which is also what is recorded."""
    net = Network()
    net.source = SpikeTime(1, indices=[0, 0], times=[1.0, 2.5] * u.ms)
    net.A, net.B = cell(1), cell(1)
    net.a = onto(net.source, net.A)
    net.b = AlignPostProj(
        SpikeTime(1, indices=[0, 0], times=[1.0, 2.5] * u.ms),
        comm=Connection(1, 1, OneToOne(), 1.0 * u.nA),
        syn=Expon.desc(tau=2 * u.ms, g_initializer=0.0 * u.nA),
        out=CUBA.desc(scale=1.0),
        post=net.B,
    )
    recording = simulate(net, 4 * u.ms, record=["source.spikes", "A.V", "B.V"], progress=False)
    np.testing.assert_allclose(recording["source.spikes"].t.to_decimal(u.ms), [1.0, 2.5])
    V = recording["A.V"].values.to_decimal(u.mV)
    assert recording["A.V"].t[np.argmax(V > 0)].to_decimal(u.ms) == pytest.approx(1.1)
    np.testing.assert_array_equal(V, recording["B.V"].values.to_decimal(u.mV))


@pytest.mark.parametrize("interpolate", [False, True])
def test_a_replay_stands_for_the_population_that_was_recorded(interpolate: bool) -> None:
    def network(pre: Any) -> Network:
        net = Network()
        net.pre, net.post = pre, cell(4)
        synapse = Expon.desc(tau=2 * u.ms, g_initializer=0.0 * u.nS)
        comm = Connection(net.pre, net.post, AllToAll(), 1.0 * u.nS)
        net.jump = DeltaProj(
            net.pre.get_spike, comm=Connection(4, 4, AllToAll(), 0.1 * u.mV), post=net.post
        )
        net.proj = Projection(net.pre, net.post, comm, synapse, COBA.desc(E=50 * u.mV))
        return net

    drive = np.array([15.0, 18.0, 21.0, 30.0]) * u.nA

    class Driven(brainstate.nn.Module):
        def __init__(self, net: Network) -> None:
            super().__init__()
            self.net = net

        def update(self) -> None:
            self.net.jump()
            self.net.proj()
            self.net.pre(drive)
            self.net.post()

    pre = cell(4, V_th=10 * u.mV, interpolate=interpolate)
    chosen = {"record": ["net.pre.spikes", "net.post.V"], "progress": False}
    first = simulate(Driven(network(pre)), 60 * u.ms, **chosen)
    events = first["net.pre.spikes"]
    assert len(events) > 12
    replayed = network(ReplaySpikes(4, events))
    again = simulate(replayed, 60 * u.ms, record=["pre.spikes", "post.V"], progress=False)
    np.testing.assert_array_equal(
        again["post.V"].values.to_decimal(u.mV), first["net.post.V"].values.to_decimal(u.mV)
    )
    kept = events.step < 600  # one at the very end would act in the step after it
    np.testing.assert_array_equal(
        again["pre.spikes"].t.to_decimal(u.ms), (events.step[kept] * DT).to_decimal(u.ms)
    )
    third = network(ReplaySpikes(4, again["pre.spikes"]))
    thrice = simulate(third, 60 * u.ms, record="post.V", progress=False)
    np.testing.assert_array_equal(
        thrice["post.V"].values.to_decimal(u.mV), first["net.post.V"].values.to_decimal(u.mV)
    )


def test_a_source_that_nobody_advances_is_an_error() -> None:
    source, post = PoissonSpike(2, 100 * u.Hz), cell(2)
    proj = onto(source, post)
    brainstate.nn.init_all_states([source, proj, post])
    words = r"PoissonSpike: a projection asks for its spikes, but nothing has advanced it"
    with pytest.raises(InputError, match=words):
        proj()
    source()
    proj()
    post()
    with pytest.raises(InputError, match=words):
        proj()  # the spikes of the last step once more

    def step(i: Any) -> Any:
        proj()
        return post()

    with pytest.raises(InputError, match=words):
        brainstate.transform.for_loop(step, jnp.arange(3))

    def right(i: Any) -> Any:
        source()
        return step(i)

    post()  # takes what the step that failed left
    brainstate.transform.for_loop(right, jnp.arange(3))


def test_views_of_a_source_see_their_part_of_its_spikes() -> None:
    net = Network()
    net.source, net.post = PoissonSpike(20, 500 * u.Hz), cell(20)
    net.a, net.b = onto(net.source[:5], net.post[:5]), onto(net.source[5:], net.post[5:])
    net.whole, net.other = cell(20), onto(net.source, cell(20))
    net.copy = net.other.post
    V = simulate(net, 20 * u.ms, record=["post.V", "copy.V"], progress=False)
    np.testing.assert_allclose(
        *(V[name].values.to_decimal(u.mV) for name in ("post.V", "copy.V")), rtol=1e-5
    )
    stray = PoissonSpike(20, 500 * u.Hz)
    net = Network()
    net.post = cell(5)
    net.a = onto(stray[:5], net.post)
    with pytest.raises(InputError, match="PoissonSpike: a projection asks for its spikes"):
        simulate(net, 1 * u.ms, progress=False)


def test_a_source_that_is_held_and_called_by_a_projection_is_an_error() -> None:
    net = Network()
    net.source, net.post = PoissonSpike(2, 100 * u.Hz), cell(2)
    net.proj = AlignPostProj(
        net.source,
        comm=Connection(2, 2, OneToOne(), 1.0 * u.nA),
        syn=Expon.desc(tau=2 * u.ms, g_initializer=0.0 * u.nA),
        out=CUBA.desc(scale=1.0),
        post=net.post,
    )
    with pytest.raises(InputError, match=r"\(PoissonSpike\) was called twice in one step"):
        simulate(net, 1 * u.ms, progress=False)


def test_several_spikes_in_a_step_are_recorded_and_replayed() -> None:
    recording = simulate(
        PoissonSpike(50, 2e4 * u.Hz, spk_type=int), 2 * u.ms, record="spikes", progress=False
    )
    events = recording["spikes"]
    assert len(events) == pytest.approx(2000, abs=5 * np.sqrt(2000))
    assert events.t.min() == 0.0 * u.ms
    again = simulate(
        ReplaySpikes(50, events, spk_type=int), 2 * u.ms, record="spikes", progress=False
    )
    np.testing.assert_array_equal(again["spikes"].step, events.step)
    with pytest.raises(InputError, match=r"ReplaySpikes\.spk_type: with bool \d+ spikes would"):
        simulate(ReplaySpikes(50, events), 2 * u.ms, progress=False)


def test_a_cell_above_threshold_spikes_at_the_end_of_its_first_step() -> None:
    """As NEST and Brian2: the potential is compared with the threshold after the update."""
    start = np.array([9.0, 10.2, 20.0]) * u.mV  # 10.2 mV decay to 9.2 in a step of 1 ms
    cells = cell(3, V_th=10 * u.mV, V_initializer=start)
    spikes = simulate(cells, 5 * u.ms, dt=1 * u.ms, record="spikes", progress=False)["spikes"]
    assert list(zip(spikes.step, spikes.index, strict=True)) == [(1, 2)]


# One charge

AT, COUNT = 0.5, 3.0  # ms, and how many events of weight 1 at once


class ByHand(brainstate.nn.Module):
    """What a user calls in each step, before the population."""

    role, acts_on_populations = "projection", True

    def __init__(self, call: Any) -> None:
        super().__init__()
        self.call = call

    def update(self) -> None:
        self.call()


def burst(t: Any) -> Any:
    """A rate of `COUNT` events in one step, none in the others."""
    dt = brainstate.environ.get_dt()
    inside = (t > AT * u.ms) & (t < AT * u.ms + dt)
    return jnp.where(inside, COUNT, 0.0) / dt


def add_by_hand(owner: Any, weight: Any) -> Any:
    def call() -> None:
        due = brainstate.environ.get("i") == 5
        owner.add_delta_input("by hand", jnp.where(due, COUNT, 0.0) * weight * jnp.ones(1))

    return call


@pytest.fixture
def exact_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws that are their mean, so that each way has the same events."""
    monkeypatch.setattr(
        "brainloom_neurons.background.poisson_counts",
        lambda mean, shape: jnp.broadcast_to(jnp.round(mean), shape),
    )


@pytest.mark.usefixtures("exact_counts")
@pytest.mark.parametrize(
    ("ratio", "cls", "charge"),
    [(0.01, Expon, 1.0), (0.1, Expon, 1.0), (1.0, Expon, 1.0), (1.0, Alpha, 1.0)],
)
def test_every_way_onto_a_synapse_delivers_one_charge(
    ratio: float, cls: Any, charge: float
) -> None:
    tau = DT / ratio
    synapse, raised = cls.desc(tau=tau, g_initializer=0.0 * u.nA), cls.jump_states[0]
    given = {"indices": [0], "times": [AT] * u.ms, "weights": COUNT}
    spikes, silence = SpikeTime(1, **given), SpikeTime(1, indices=[], times=[] * u.ms)
    net = Network()
    net.source, net.silence = spikes, silence
    ways = ["projection", "module", "poisson", "before", "after", "function", "hand"]
    posts = {way: cell(1, tau=1e6 * u.ms) for way in ways}  # it integrates the current
    for way, post in posts.items():
        setattr(net, f"post_{way}", post)
    made = {way: onto(silence, posts[way], synapse) for way in ("poisson", "function", "hand")}
    made["projection"] = onto(spikes, posts["projection"], synapse)
    for way, source in (("module", SpikeTime(1, **given)), ("before", None), ("after", None)):
        made[way] = AlignPostProj(
            silence.get_spike if source is None else source,
            comm=Connection(1, 1, OneToOne(), 1.0 * u.nA),
            syn=synapse.with_defaults(in_size=1)(),
            out=CUBA(scale=1.0),
            post=posts[way],
        )
    order = ("before", "poisson", "hand", "function", "projection", "module", "after")
    for number, way in enumerate(order):
        target = made[way].syn.prefetch(raised)
        # The last one when the projection has advanced its synapse.
        names = {"before": "a_noise", "poisson": "b_noise", "after": "z_noise"}
        if way in names:
            setattr(net, names[way], PoissonInput(target, None, 1, burst, 1.0 * u.nA))
        elif way == "hand":
            net.c_hand = ByHand(add_by_hand(made[way].syn, 1.0 * u.nA))
        elif way == "function":
            net.d_hand = ByHand(lambda at=target: poisson_input(burst, 1, 1.0 * u.nA, at))
        setattr(net, f"m{number}_{way}", made[way])
    steps = 10 + round(16 / ratio)
    simulate(net, steps * DT, progress=False)
    found = {w: float(p.V.value[0].to_decimal(u.mV)) for w, p in posts.items()}
    expected = charge * COUNT * float(tau.to_decimal(u.ms)) / 1e6
    assert found == pytest.approx(dict.fromkeys(ways, expected), rel=2e-4)


@pytest.mark.usefixtures("exact_counts")
@pytest.mark.parametrize("ratio", [0.01, 1.0])
def test_every_way_onto_a_potential_makes_the_same_jump(ratio: float) -> None:
    net = Network()
    net.source = SpikeTime(1, indices=[0], times=[AT] * u.ms, weights=COUNT)
    ways = ["projection", "poisson", "function", "hand"]
    posts = {way: cell(1, tau=DT / ratio, V_th=2.5 * u.mV) for way in ways}
    for way, post in posts.items():
        setattr(net, f"post_{way}", post)
    net.projection = DeltaProj(
        net.source.get_spike, comm=Connection(1, 1, OneToOne(), 1 * u.mV), post=posts["projection"]
    )
    net.noise = PoissonInput(posts["poisson"].prefetch("V"), None, 1, burst, 1.0 * u.mV)
    target = posts["function"].prefetch("V")
    net.function = ByHand(lambda: poisson_input(burst, 1, 1.0 * u.mV, target))
    net.hand = ByHand(add_by_hand(posts["hand"], 1.0 * u.mV))
    chosen = [f"post_{way}.{what}" for way in ways for what in ("V", "spikes")]
    recording = simulate(net, 10 * DT, record=chosen, progress=False)
    for way in ways:
        V = recording[f"post_{way}.V"].values.to_decimal(u.mV)[:, 0]
        np.testing.assert_allclose(V[[4, 5]], [0.0, COUNT], rtol=1e-6)
        assert recording[f"post_{way}.spikes"].step.tolist() == [6]


def test_events_onto_the_conductance_itself_are_refused_with_what_to_write() -> None:
    syn = brainstate.nn.init_all_states(Expon(1, tau=1 * u.ms))
    words = r'Expon\.g itself was given.* synapse\.prefetch\("g"\)'
    with pytest.raises(ParameterError, match=r"poisson_input\.target: " + words):
        poisson_input(10 * u.Hz, 10, 1.0 * u.mS, syn.g)
    with pytest.raises(ParameterError, match=r"PoissonInput\.target: " + words):
        PoissonInput(syn.g, None, 10, 10 * u.Hz, 1.0 * u.mS)
    poisson_input(10 * u.Hz, 10, 1.0 * u.mS, syn.prefetch("g"))  # as it says
    assert len(syn.delta_inputs) == 1


def test_a_potential_itself_is_written_at_once() -> None:
    post = brainstate.nn.init_all_states(cell(2))
    PoissonInput(post.V, [1], 10, 1e5 * u.Hz, 1.0 * u.mV)()
    assert (post.V.value > 0 * u.mV).tolist() == [False, True]


def test_poisson_input_drives_a_view_by_events() -> None:
    post = cell(6)
    noise = PoissonInput(post[::2].prefetch("V"), [0, 2], 1000, 1e4 * u.Hz, 1.0 * u.mV)
    brainstate.nn.init_all_states([post, noise])
    noise()
    assert not post.V.value.mantissa.any()
    post()
    np.testing.assert_array_equal(post.V.value.mantissa > 0, [1, 0, 0, 0, 1, 0])
    with pytest.raises(ParameterError, match=r"PoissonInput\.indices: expected neurons from 0"):
        PoissonInput(post[::2].prefetch("V"), [3], 10, 10 * u.Hz, 1 * u.mV)


def test_what_no_event_raises_is_written_at_once() -> None:
    synapse = brainstate.nn.init_all_states(DualExpon(3, g_initializer=0.0 * u.nA))
    noise = PoissonInput(synapse.prefetch("g"), [0, 2], 1000, 1e4 * u.Hz, 1.0 * u.nA)
    brainstate.nn.init_all_states(noise)
    noise()
    assert ((synapse.g.value > 0 * u.nA) == np.array([True, False, True])).all()


@pytest.mark.parametrize("indices", [[4], [-5], [True, False], [0.5], np.ones((4, 1), bool)])
def test_an_index_out_of_range_is_an_error(indices: Any) -> None:
    post = brainstate.nn.init_all_states(cell(4))
    with pytest.raises(ParameterError, match=r"PoissonInput\.indices: expected"):
        PoissonInput(post.prefetch("V"), indices, 10, 10 * u.Hz, 1 * u.mV)
    with pytest.raises(ParameterError, match=r"poisson_input\.indices: expected"):
        poisson_input(10 * u.Hz, 10, 1 * u.mV, post.V, indices)
    mask = np.array([True, False, False, True])
    poisson_input(1e4 * u.Hz, 1000, 1 * u.mV, post.V, mask)
    assert ((post.V.value > 0 * u.mV) == mask).all()
