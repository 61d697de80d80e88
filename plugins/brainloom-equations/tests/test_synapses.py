"""Synapses from text: what they are given, what is refused, and gradients."""

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import CheckpointError, Network, ParameterError, restore, simulate, snapshot
from brainloom_equations import EquationError, from_equations, synapses_from_equations

Cell = from_equations(
    "dv/dt = (I - v)/tau : 1", threshold="v > 1", reset="v = 0", namespace={"tau": 10 * u.ms}
)
EDGES = ([0, 1, 1], [0, 0, 1])


def network(on_pre: str = "v_post += w", equations: str = "w : 1", **given) -> Network:
    net = Network()
    net.a, net.b = Cell(2), Cell(2)
    kind = synapses_from_equations(equations, on_pre=on_pre)
    net.ab = kind(net.a, net.b, EDGES, **given)
    return net


def test_a_value_for_each_synapse_adds_up_in_its_target():
    net = network(w=[0.1, 0.2, 0.4])
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(net)
        net.a.spike.value = jnp.array([1.0, 1.0])
        net.ab()
        y = net.b.after_spike(net.b.state_values())
    np.testing.assert_allclose(y["V"], [0.3, 0.4], rtol=1e-6)


def test_gradients_pass_to_the_values_of_synapses():
    w = brainstate.ParamState(jnp.array([0.1, 0.2, 0.4]))
    net = network(w=w)
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(net)

        def loss():
            def step(i):
                with brainstate.environ.context(i=i, t=i * 0.1 * u.ms):
                    net.ab()
                    net.a(2.0)
                    net.b(0.0)
                    return net.b.V.value.sum()

            return brainstate.transform.for_loop(step, jnp.arange(150)).sum()

        gradient = brainstate.transform.grad(loss, {"w": w})()["w"]
    assert np.all(np.isfinite(gradient))
    assert np.all(np.asarray(gradient) > 0)


def test_a_delay_is_kept():
    late = network(w=0.5, delay=2 * u.ms)
    drive = {late.a: 2.0}
    recording = simulate(
        late, 12 * u.ms, dt=0.1 * u.ms, inputs=drive, record=["a.spikes", "b.v"], progress=False
    )
    first = float(recording["a.spikes"].t[0] / u.ms)
    arrived = np.flatnonzero(recording["b.v"].values[:, 0])[0] * 0.1 + 0.1
    # What is added at the end of a step is seen after the next one.
    np.testing.assert_allclose(arrived, first + 2.0 + 0.1, atol=0.01)


def test_a_checkpoint_of_other_synapses_is_refused():
    first, other = network(w=0.5), network(on_pre="v_post -= w", w=0.5)
    simulate(first, 1 * u.ms, dt=0.1 * u.ms, progress=False)
    saved = snapshot(first)
    restore(network(w=0.5), saved)
    with pytest.raises(CheckpointError):
        restore(other, saved)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"on_pre": "v_post = 3"}, "can only be added to"),
        ({"on_pre": "v_post += open(3)"}, "no function open"),
        ({"on_pre": "v_post.x += 3"}, "expected an assignment"),
        ({"on_pre": "v_post += undefined"}, "undefined is not defined"),
        ({"equations": "dx/dt = -x*x/ms : 1 (event-driven)"}, "linear"),
        ({"equations": "s = 3 : 1 (summed)"}, "such as I_post"),
        ({"equations": "w : 1 (summed)"}, "is no flag"),
        ({"equations": "dx/dt = -x/ms : 1 (unless refractory)"}, "is for neurons"),
        ({"equations": "pre : 1"}, "is taken"),
        ({"initial": {"w": 3}, "on_pre": "v_post += 1"}, "no variable"),
        ({"name": "3"}, "name of a class"),
    ],
)
def test_texts_that_are_no_synapses(texts, said):
    with pytest.raises(EquationError, match=said):
        synapses_from_equations(**texts)


@pytest.mark.parametrize(
    ("on_pre", "given", "said"),
    [
        ("v_post += w*mV", {}, "v_post is a number without unit"),
        ("u_post += w", {}, "has no u; there are"),
        ("v_post += w*tau_post", {}, "v_post is a number without unit, and this is a time"),
        ("v_post += w", {"delay": 3 * u.mV}, "delay: expected a time"),
        ("v_post += w", {"w": [1.0, 2.0]}, "shape"),
    ],
)
def test_what_does_not_fit_the_neurons_is_refused_as_they_are_joined(on_pre, given, said):
    with pytest.raises((EquationError, ParameterError), match=said):
        network(on_pre, **{"w": 0.5, **given})


def test_edges_that_are_none_are_refused():
    kind = synapses_from_equations("w : 1", on_pre="v_post += w")
    for edges in (([0, 2], [0, 0]), ([0], [0, 1]), 3, ([0.5], [0])):
        with pytest.raises(ParameterError, match="edges"):
            kind(Cell(2), Cell(2), edges, w=1.0)
