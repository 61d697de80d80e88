"""What is trained, and the conditions that hold meanwhile."""

import re
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from brainloom_core import (
    BrainloomError,
    InvSquareGrad,
    Network,
    Normal,
    Uniform,
    between,
    non_negative,
    positive,
)
from brainloom_neurons import LIF
from brainloom_projections import AlignPostProj, Connection, DeltaProj, OneToOne
from brainloom_synapses import CUBA, Expon
from brainloom_training import (
    LeakyRateReadout,
    Trainer,
    keep_sign,
    make_trainable,
    rollout,
    trainable,
)

LEAKY = {"V_rest": 0 * u.mV, "V_reset": 0 * u.mV, "V_th": 1 * u.mV, "tau": 10 * u.ms}


@pytest.fixture(autouse=True)
def step_length() -> None:
    brainstate.environ.set(dt=0.5 * u.ms)


def test_any_declared_number_can_be_trained() -> None:
    net = Network()
    net.E = LIF(4, **LEAKY, V_initializer=Uniform(0 * u.mV, 1 * u.mV))
    made = make_trainable(net, "E.tau", "E.V_th", "E.V_initializer")
    assert list(made) == ["E.tau", "E.V_th", "E.V_initializer"]
    assert trainable(net).keys() == made.keys()
    assert made["E.V_initializer"].value.shape == (4,)
    brainstate.nn.init_all_states(net, batch_size=2)
    np.testing.assert_array_equal(
        net.E.V.value.mantissa, np.broadcast_to(made["E.V_initializer"].value.mantissa, (2, 4))
    )
    again = make_trainable(net, "E.tau")
    assert again["E.tau"] is made["E.tau"]


def test_each_neuron_can_have_a_value_of_its_own() -> None:
    net = LIF((2, 3), **LEAKY)
    make_trainable(net, "tau", per_neuron=True)
    assert net.tau.shape == (2, 3)
    readout = LeakyRateReadout(4, 3)
    make_trainable(readout, "tau", per_neuron=True)
    assert readout.tau.shape == (3,)


def test_a_whole_number_is_trained_as_a_real_one() -> None:
    neuron = LIF(2, tau=brainstate.ParamState(10 * u.ms))
    assert jnp.issubdtype(neuron.tau.mantissa.dtype, jnp.floating)


def test_time_constant_and_initial_value_of_a_decay_are_found() -> None:
    """V(t) = V_0 exp(-t / tau): two unknowns, known data."""
    neuron = LIF(1, **(LEAKY | {"V_th": 100 * u.mV, "V_initializer": 2 * u.mV}))
    make_trainable(neuron, "tau", "V_initializer")
    t = 0.5 * np.arange(1, 41)
    wanted = (5.0 * np.exp(-t / 4.0))[:, None]

    def error(V: Any, wanted: Any) -> Any:
        return ((V.to_decimal(u.mV) - wanted) ** 2).mean()

    trainer = Trainer(neuron, error, optax.adam(0.1), read="V", n_steps=40, batching=None)
    for _ in range(400):
        trainer.step(None, wanted)
    np.testing.assert_allclose(neuron.tau.to_decimal(u.ms), 4.0, rtol=1e-3)
    np.testing.assert_allclose(neuron.V_initializer.to_decimal(u.mV), 5.0, rtol=1e-3)


def test_weights_and_delays_of_projections_are_trained() -> None:
    class Net(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.post = LIF(2, **(LEAKY | {"V_th": 100 * u.mV}))
            self.proj = AlignPostProj(
                comm=Connection(2, 2, OneToOne(), weight=np.array([1.0, 2.0]) * u.mA),
                syn=Expon.desc(tau=5 * u.ms, g_initializer=0 * u.mA),
                out=CUBA.desc(scale=1.0),
                post=self.post,
                delay=brainstate.ParamState(np.array([1.0, 2.0]) * u.ms),
                max_delay=5 * u.ms,
            )

        def update(self, spikes: Any) -> Any:
            self.proj(spikes)
            self.post()
            return self.post.V.value.to_decimal(u.mV)

    net = Net()
    spikes = np.zeros((1, 40, 2), np.float32)
    spikes[:, 3] = 1.0
    trainer = Trainer(net, lambda V, y: ((V - y) ** 2).mean(), optax.adam(0.1))
    before = {name: state.value for name, state in trainable(net).items()}
    trainer.step(spikes, np.zeros((1, 1)))
    for name, state in trainable(net).items():
        assert (state.value != before[name]).all(), name
    assert {name.rpartition(".")[2] for name in before} >= {"weight", "delay"}


@pytest.mark.parametrize(
    ("constraint", "old", "new", "taken"),
    [
        (positive, 4.0, -1.0, 2.0),
        (positive, 4.0, 0.5, 0.5),
        (non_negative, 4.0, -1.0, 0.0),
        (between(0, 1), 0.5, 7.0, 1.0),
    ],
)
def test_what_is_taken_instead(constraint: Any, old: float, new: float, taken: float) -> None:
    assert constraint.keep(old, new) == taken


def test_a_spike_function_keeps_the_conditions_of_its_own() -> None:
    """A steepness of zero or less makes a slope infinite."""
    steepness = brainstate.ParamState(1.0)
    net = LIF(3, **LEAKY, spk_fun=InvSquareGrad(steepness))
    options = {"parameters": "spk_fun.alpha", "dt": 0.5 * u.ms}
    for sign in (1.0, -1.0):
        trainer = Trainer(net, lambda z, y, s=sign: s * z.mean(), optax.sgd(1e6), **options)
        trainer.step(np.full((2, 20, 3), 2.0, np.float32) * u.mA, np.zeros(2))
        assert steepness.value > 0


def test_signs_are_kept_and_zeros_stay() -> None:
    keep = keep_sign(jnp.array([1.0, -1.0, 0.0]) * u.nS)
    old = jnp.zeros(3) * u.nS
    for new, taken in [([2.0, 2.0, 2.0], [2.0, 0.0, 0.0]), ([-1.0, -3.0, 0.0], [0.0, -3.0, 0.0])]:
        np.testing.assert_array_equal(keep(old, jnp.array(new) * u.nS).mantissa, taken)


def test_a_threshold_stays_above_the_reset() -> None:
    neuron = LIF(1, **(LEAKY | {"V_reset": -1 * u.mV}))
    kept = neuron.keep("V_th", 1 * u.mV, -5 * u.mV)
    assert kept == 0 * u.mV


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "E.taux",
            "make_trainable: 'E.taux': expected a number, one of ['R', 'V_initializer', 'V_reset'",
        ),
        ("I.tau", "'I.tau': Network has no 'I'"),
        ("E.spk_fun", "make_trainable: 'E.spk_fun': expected a number"),
        ("EE.delay", "give a delay as a ParamState, with max_delay"),
    ],
)
def test_refusals(name: str, message: str) -> None:
    net = Network()
    net.E = LIF(4, **LEAKY)
    net.EE = DeltaProj(
        net.E.get_spike,
        comm=Connection(4, 4, OneToOne(), weight=1 * u.mV),
        post=net.E,
        delay=1 * u.ms,
    )
    with pytest.raises(BrainloomError, match=re.escape(message)):
        make_trainable(net, name)


def test_random_initial_values_are_drawn_once() -> None:
    neuron = LIF(4, **LEAKY, V_initializer=Normal(0 * u.mV, 1 * u.mV))
    make_trainable(neuron, "V_initializer")
    brainstate.nn.init_all_states(neuron)
    first = neuron.V.value
    rollout(neuron, n_steps=3)
    brainstate.nn.reset_all_states(neuron)
    np.testing.assert_array_equal(neuron.V.value.mantissa, first.mantissa)
