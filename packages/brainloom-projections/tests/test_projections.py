"""Projections: merging, timing, idioms and refusals."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, simulate
from brainloom_neurons import LIF, LIFRef
from brainloom_projections import AlignPostProj, AllToAll, Connection, DeltaProj, OneToOne
from brainloom_synapses import COBA, CUBA, Expon


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


def test_wrong_units_name_the_projection() -> None:
    post = cell()
    proj = project(post, comm=Connection(3, 3, OneToOne(), weight=1.0 * u.mV))
    brainstate.nn.init_all_states([post, proj])
    proj(jnp.ones(3, bool))
    with pytest.raises(
        InputError, match=r"Expon: the input 'AlignPostProj\d+' should be a conduct"
    ):
        post()
    wrong = cell()
    delta = DeltaProj(comm=Connection(3, 3, OneToOne(), weight=1.0 * u.mS), post=wrong)
    brainstate.nn.init_all_states(wrong)
    delta(jnp.ones(3, bool))
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
