"""Sparse and event-driven layers of brainstate as `comm`, without numba."""

import importlib.util
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_neurons import LIF
from brainloom_projections import AlignPostProj, DeltaProj
from brainloom_synapses import CUBA, Expon

nn = brainstate.nn
pytestmark = pytest.mark.filterwarnings("ignore:brainevent:DeprecationWarning")


def dense(layer: Any) -> Any:
    """What a layer of brainstate says of itself, as a matrix."""
    conn = getattr(layer, "conn", None)
    weight = np.asarray(layer.weight.value.to_decimal(u.mV))
    if conn is None:
        return weight
    matrix = np.zeros((layer.in_size[-1], layer.out_size[-1]))
    indices = np.asarray(conn.indices)
    starts = getattr(conn, "indptr", None)
    lengths = np.full(len(matrix), layer.conn_num) if starts is None else np.diff(starts)
    np.add.at(matrix, (np.repeat(np.arange(len(matrix)), lengths), indices.ravel()), weight.ravel())
    return matrix


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.EventFixedProb(6, 5, 0.4, np.arange(12.0).reshape(6, 2) * u.mV, seed=1),
        lambda: nn.EventFixedProb(6, 5, 0.4, 2.0 * u.mV, seed=1, afferent_ratio=0.5),
        lambda: nn.FixedNumConn(6, 5, 3, 2.0 * u.mV, seed=1, afferent_ratio=0.5),
        lambda: nn.FixedNumConn(6, 5, 3, np.arange(18.0).reshape(6, 3) * u.mV, seed=1),
        lambda: nn.EventLinear(6, 5, np.arange(30.0).reshape(6, 5) * u.mV),
    ],
)
def test_layers_of_brainstate_deliver_over_their_own_edges(make: Callable[[], Any]) -> None:
    layer = make()
    cells = LIF(5, V_th=1e6 * u.mV, tau=1e9 * u.ms)
    proj = DeltaProj(comm=layer, post=cells)
    brainstate.nn.init_all_states(cells, batch_size=2)
    spikes = np.array([[1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 1, 0]], bool)
    arrived = []
    for given in (spikes, spikes * 1.0):
        brainstate.nn.reset_all_states(cells)
        with brainstate.environ.context(dt=0.1 * u.ms):
            proj(jnp.asarray(given))
            cells()
        arrived.append(cells.V.value.to_decimal(u.mV))
    matrix = dense(layer)
    for got in arrived:
        np.testing.assert_allclose(got, spikes @ matrix, rtol=1e-5)
    # The weights that are read are those of the layer, in each step, and they learn.
    states = proj.states(brainstate.ParamState)
    assert [id(state) for state in states.values()] == [id(layer.weight)]
    layer.weight.value = 2.0 * layer.weight.value
    np.testing.assert_allclose(proj.comm(spikes[0]).to_decimal(u.mV), 2 * spikes[0] @ matrix)
    slope = brainstate.transform.grad(
        lambda: proj.comm(jnp.asarray(spikes[0], float)).to_decimal(u.mV).sum(), layer.weight
    )()
    assert jax.tree.leaves(slope)[0].sum() > 0


def test_a_layer_of_ones_own_that_needs_numba_says_so() -> None:
    class Doubled(nn.EventFixedProb):  # type: ignore[misc, name-defined]
        def update(self, spk: Any) -> Any:
            return 2.0 * super().update(spk)

    if importlib.util.find_spec("numba") is not None:
        pytest.skip("numba is installed")
    proj = DeltaProj(comm=Doubled(6, 5, 0.4, 2.0 * u.mV, seed=1), post=LIF(5, V_th=20 * u.mV))
    with pytest.raises(ImportError, match="Doubled: the product .* pip install numba"):
        proj.comm(jnp.ones(6, bool))


def test_units_of_a_layer_are_checked_and_its_spikes_delayed() -> None:
    cells = LIF(5, V_th=20 * u.mV)
    layer = nn.EventFixedProb(6, 5, 0.4, 2.0 * u.mS, seed=1)
    with pytest.raises(TypeError, match="DeltaProj.comm: its weights are a conductance"):
        DeltaProj(comm=layer, post=cells)
    options = {"syn": Expon.desc(tau=5 * u.ms), "out": CUBA.desc(), "post": cells}
    proj = AlignPostProj(comm=layer, delay=0.1 * u.ms, **options)
    assert proj.comm.in_size == (6,)
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states([proj, cells])
        for spikes in (np.ones(6, bool), np.zeros(6, bool)):
            proj(jnp.asarray(spikes))
            cells()
    assert proj.syn.g.value.to_decimal(u.mS).sum() == pytest.approx(2 * 2 * 6, rel=1e-5)
