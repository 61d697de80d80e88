"""The step: registered inputs, the order of what happens, projections before populations."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    AlignPost,
    Crossing,
    InputError,
    Network,
    Neuron,
    ParameterError,
    Projection,
    Refractory,
    Stochastic,
    Synapse,
    SynOut,
    initializer,
    param,
    positive,
    state,
)


class Leaky(Neuron):
    tau = param(5.0 * u.ms, positive)
    V_th = param(1.0 * u.mV, above="V_reset")
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return (1.0 * u.ohm * I - V) / self.tau


class Resting(Refractory, Leaky):
    pass


class Decay(AlignPost, Synapse):
    tau = param(5.0 * u.ms, positive)
    g_initializer = initializer(0.0 * u.mS)
    g = state("g_initializer")

    def dg(self, g: Any) -> Any:
        return -g / self.tau


class Pull(SynOut):
    """A conductance-based current."""

    E = param(1.0 * u.mV)

    def update(self, g: Any, V: Any) -> Any:
        return g * (self.E - V)


def ready(module: Any, batch: int | None = None) -> Any:
    brainstate.nn.init_all_states(module, batch_size=batch)
    return module


def run(module: Any, n: int, *args: Any) -> Any:
    """`n` compiled steps with the same input; what each returned."""
    loop = brainstate.transform.for_loop
    return brainstate.transform.jit(lambda: loop(lambda i: module(*args), jnp.arange(n)))()


def step(module: Any, *args: Any) -> Any:
    return brainstate.transform.jit(lambda: module(*args))()


def volts(neuron: Any) -> np.ndarray:
    return np.asarray(neuron.V.value.to_decimal(u.mV))


# Registered inputs


def test_currents_are_summed() -> None:
    neuron = ready(Leaky(2))
    neuron.add_current_input("a", 1.0 * u.mA)
    neuron.add_current_input("b", lambda V: 2000.0 * u.uA + 0 * V / u.ohm)
    total = neuron.sum_current_inputs(0.5 * u.mA, neuron.V.value, pop=False)
    np.testing.assert_allclose(total.to_decimal(u.mA), [3.5, 3.5])


def test_values_are_dropped_and_functions_stay() -> None:
    neuron = ready(Leaky(2))
    neuron.add_current_input("value", 1.0 * u.mA)
    neuron.add_current_input("function", lambda V: 1.0 * u.mA)
    neuron.sum_current_inputs(0 * u.mA, None, pop=False)
    assert list(neuron.current_inputs) == ["value", "function"]
    neuron.sum_current_inputs(0 * u.mA, None)
    assert list(neuron.current_inputs) == ["function"]


def test_labels_select() -> None:
    neuron = ready(Leaky(2))
    neuron.add_current_input("a", 1.0 * u.mA, label="exc")
    neuron.add_current_input("a", 2.0 * u.mA, label="inh")
    neuron.add_current_input("a", 4.0 * u.mA)
    assert neuron.sum_current_inputs(0 * u.mA, label="exc", pop=False) == 1.0 * u.mA
    assert neuron.sum_current_inputs(0 * u.mA, label="inh") == 2.0 * u.mA
    assert neuron.sum_current_inputs(0 * u.mA) == 5.0 * u.mA
    assert neuron.sum_current_inputs(0 * u.mA) == 0.0 * u.mA


def test_a_label_is_not_the_beginning_of_another() -> None:
    neuron = ready(Leaky(2))
    neuron.add_current_input("a", 1.0 * u.mA, label="exc2")
    assert neuron.sum_current_inputs(0 * u.mA, label="exc") == 0.0 * u.mA


def test_jumps_are_summed_apart_from_currents() -> None:
    neuron = ready(Leaky(2))
    neuron.add_delta_input("a", 1.0 * u.mV)
    neuron.add_current_input("a", 7.0 * u.mA)
    assert neuron.sum_delta_inputs(0.5 * u.mV, pop=False) == 1.5 * u.mV
    assert neuron.sum_delta_inputs(0.5 * u.mV) == 1.5 * u.mV
    assert not neuron.delta_inputs
    assert list(neuron.current_inputs) == ["a"]


def test_inputs_by_key() -> None:
    neuron = ready(Leaky(2))
    current = 1.0 * u.mA
    neuron.add_current_input("a", current)
    neuron.add_delta_input("b", 1.0 * u.mV, label="exc")
    assert neuron.get_input("a") is current
    assert neuron.get_input("exc // b") == 1.0 * u.mV
    text = r"Leaky: no input 'c'; there are \['a', 'exc // b'\]"
    with pytest.raises(InputError, match=text):
        neuron.get_input("c")


@pytest.mark.parametrize("kind", ["current", "delta"])
def test_one_key_holds_one_input(kind: str) -> None:
    neuron = ready(Leaky(2))
    add, first = getattr(neuron, f"add_{kind}_input"), 1.0 * u.mV
    add("a", first)
    add("a", first)
    with pytest.raises(InputError, match=f"Leaky: the {kind} input 'a' is already set"):
        add("a", 1.0 * u.mV)
    add("a", 2.0 * u.mV, label="other")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("current", 1.0 * u.mV, "Leaky: the input 'from A' should be a current, got 1 mV"),
        ("current", 1.0, "Leaky: the input 'from A' should be a current, got 1"),
        ("current", lambda V: V, "Leaky: the input 'from A' should be a current, got a traced"),
        ("delta", 1.0 * u.mA, "Leaky: the input 'from A' should be a voltage, got 1 mA"),
    ],
)
def test_the_unit_of_an_input_is_named_with_its_key(kind: str, value: Any, text: str) -> None:
    neuron = ready(Leaky(2))
    getattr(neuron, f"add_{kind}_input")("from A", value)
    with pytest.raises(InputError, match=text):
        step(neuron)


@pytest.mark.parametrize("kind", ["current", "delta"])
def test_the_shape_of_an_input_is_named_with_its_key(kind: str) -> None:
    neuron = ready(Leaky(2))
    unit = u.mA if kind == "current" else u.mV
    getattr(neuron, f"add_{kind}_input")("from A", jnp.ones(3) * unit)
    text = r"Leaky: the input 'from A': expected a scalar or shape \(2,\), got shape \(3,\)"
    with pytest.raises(InputError, match=text):
        run(neuron, 1, jnp.ones(2) * u.mA)


def test_a_batch_axis_that_the_states_lack_is_explained() -> None:
    neuron = ready(Leaky(2))
    with pytest.raises(InputError, match=r"initialise them with .*batch_size=5\)"):
        neuron.update(jnp.ones((5, 2)) * u.mA)


def test_inputs_of_a_batch() -> None:
    neuron = ready(Leaky(2), batch=3)
    for value in (1.0, jnp.ones(2), jnp.ones((3, 2))):
        assert step(neuron, value * u.mA).shape == (3, 2)
    with pytest.raises(
        InputError, match=r"expected a scalar or shape \(3, 2\), got shape \(4, 2\)"
    ):
        neuron.update(jnp.ones((4, 2)) * u.mA)


def test_sums_work_without_declared_states() -> None:
    """A model that makes its states by hand still sums inputs of a batch."""

    class Bare(Neuron):
        def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
            self.V = brainstate.HiddenState(jnp.zeros((batch_size, *self.in_size)) * u.mV)

    neuron = ready(Bare(2), batch=3)
    neuron.add_current_input("a", jnp.ones((3, 2)) * u.mA)
    assert neuron.sum_current_inputs(jnp.ones(2) * u.mA).shape == (3, 2)


def test_a_wrong_input_names_what_is_expected() -> None:
    neuron = ready(Leaky(2))
    text = r"Leaky.update\(x\): expected a current, for example 1 mA, got 5 mV"
    with pytest.raises(InputError, match=text):
        neuron.update(5.0 * u.mV)


def test_a_step_that_failed_leaves_no_inputs_behind() -> None:
    neuron = ready(Leaky(2))

    def once(x: Any) -> Any:
        neuron.add_current_input("a", jnp.ones(2) * u.mA)
        return neuron(x)

    with pytest.raises(InputError, match="expected a current"):
        run(once, 1, 5.0 * u.mV)
    run(once, 1, 5.0 * u.mA)
    np.testing.assert_allclose(volts(neuron), 6 * -np.expm1(-0.1 / 5), rtol=1e-5)


def test_currents_without_an_equation_for_them_are_an_error() -> None:
    class Clock(Leaky):
        def dV(self, V: Any) -> Any:
            return 1.0 * u.mV / self.tau

    neuron = ready(Clock(2))
    neuron.add_current_input("a", 1.0 * u.mA)
    with pytest.raises(InputError, match=r"Clock has no equation with a current: \['a'\]"):
        neuron.update()


# Alignment


def test_equal_descriptions_share_one_synapse() -> None:
    neuron = Leaky(3)
    first = neuron.align_pre(Decay.desc(tau=8.0 * u.ms))
    assert isinstance(first, Decay)
    assert first.in_size == (3,)
    assert neuron.align_pre(Decay.desc(3, tau=0.008 * u.second)) is first
    assert neuron.align_pre(Decay.desc(tau=9.0 * u.ms)) is not first


def test_an_aligned_synapse_sees_the_spikes() -> None:
    class Counting(Decay):
        def update(self, x: Any = None) -> Any:
            return super().update(x * u.mS)

    neuron = Leaky(3)
    synapse = ready(neuron.align_pre(Counting.desc()))
    ready(neuron)
    spikes = run(neuron, 40, 3.0 * u.mA)
    decay = np.exp(-0.1 / 5) ** np.arange(39, -1, -1)
    np.testing.assert_allclose(synapse.g.value.to_decimal(u.mS), decay @ spikes, rtol=1e-4)


def test_a_given_synapse_is_used_as_it_is() -> None:
    neuron, synapse = Leaky(3), Decay(3)
    assert neuron.align_pre(synapse) is synapse
    assert neuron.align_pre(synapse) is synapse
    assert synapse in list(neuron.nodes().values())


def test_states_of_several_aligned_synapses_can_be_listed() -> None:
    neuron = Leaky(3)
    for synapse in (Decay.desc(), Decay.desc(tau=9.0 * u.ms), Decay(3)):
        neuron.align_pre(synapse)
    ready(neuron)
    assert len(neuron.states()) == 5
    assert len(brainstate.graph.treefy_states(neuron).to_flat()) == 5


def test_only_synapses_are_aligned() -> None:
    with pytest.raises(TypeError, match=r"Leaky.align_pre: expected a Dynamics or .*, got 5"):
        Leaky(3).align_pre(5)


# The step of a neuron


def test_the_step_is_exact_between_spikes() -> None:
    neuron = ready(Leaky(2))
    run(neuron, 30, jnp.asarray([0.5, 0.9]) * u.mA)
    np.testing.assert_allclose(volts(neuron), -np.expm1(-3 / 5) * np.asarray([0.5, 0.9]), rtol=1e-5)


@pytest.mark.parametrize(("rule", "after"), [("soft", 0.4), ("hard", 0.0)])
def test_a_spike_resets_in_the_next_step(rule: str, after: float) -> None:
    neuron = ready(Leaky(1, spk_reset=rule))
    neuron.add_delta_input("a", 1.4 * u.mV)
    assert step(neuron) == 1
    assert step(neuron) == 0
    np.testing.assert_allclose(volts(neuron), after * np.exp(-0.1 / 5), rtol=1e-5)


def test_a_potential_that_begins_above_threshold_spikes_after_the_first_step() -> None:
    """As in NEST and Brian2, which integrate and look at the threshold then."""
    neuron = ready(Leaky(2, V_initializer=np.array([1.4, 1.01]) * u.mV, spk_reset="hard"))
    assert not neuron.get_spike().any()
    np.testing.assert_array_equal(step(neuron), [1.0, 0.0])  # one falls below in this step
    np.testing.assert_allclose(volts(neuron)[0], 1.4 * np.exp(-0.1 / 5), rtol=1e-6)
    np.testing.assert_array_equal(step(neuron), [0.0, 0.0])
    assert volts(neuron)[0] == 0.0


def test_a_spike_is_found_once_whatever_becomes_of_the_threshold() -> None:
    neuron = ready(Leaky(2, spk_reset="hard"))
    neuron.add_delta_input("a", np.array([1.4, 0.6]) * u.mV)
    np.testing.assert_array_equal(step(neuron), [1.0, 0.0])
    neuron.V_th = 0.5 * u.mV
    np.testing.assert_array_equal(neuron.get_spike(), [1.0, 0.0])
    np.testing.assert_array_equal(step(neuron), [0.0, 1.0])  # the other one is seen, then reset
    np.testing.assert_allclose(volts(neuron), [0.0, 0.6 * np.exp(-0.1 / 5)], rtol=1e-6)
    np.testing.assert_array_equal(step(neuron), [0.0, 0.0])


def test_drawn_spikes_reset_what_they_are_counted_for() -> None:
    neuron = ready(Leaky(400, spk_fun=Stochastic(2.0), spk_reset="hard"))
    with brainstate.random.seed_context(0):
        spikes, V = [], []
        for _ in range(3):
            spikes.append(np.asarray(step(neuron, 20.0 * u.mA)))
            np.testing.assert_array_equal(neuron.get_spike(), spikes[-1])
            V.append(volts(neuron))
    assert 20 < spikes[0].sum() < 380
    first = 20.0 * -np.expm1(-0.1 / 5)
    start = np.where(spikes[0] > 0, 0.0, V[0])
    np.testing.assert_allclose(V[1], start * np.exp(-0.1 / 5) + first, rtol=1e-5)


def test_nothing_is_drawn_while_a_neuron_is_refractory() -> None:
    neuron = ready(Resting(300, spk_fun=Stochastic(1.0), tau_ref=1.0 * u.ms))
    with brainstate.random.seed_context(0):
        run = brainstate.transform.jit(
            lambda: brainstate.transform.for_loop(lambda i: neuron(), jnp.arange(40))
        )
        spikes = np.asarray(run())
    assert 700 < spikes.sum() < 1200
    for train in spikes.T:
        assert np.all(np.diff(np.flatnonzero(train)) > 10)


def test_spikes_that_follow_from_the_course_of_the_potential_cannot_be_drawn() -> None:
    class Passing(Crossing, Leaky):
        pass

    with pytest.raises(ParameterError, match=r"Passing.spk_fun: expected .* upward passage"):
        Passing(1, spk_fun=Stochastic())
    with pytest.raises(ParameterError, match=r"Leaky.spk_fun: expected .* reaches the threshold"):
        Leaky(1, spk_fun=Stochastic(), interpolate=True)


def test_the_potential_stays_above_threshold_until_the_next_call() -> None:
    neuron = ready(Leaky(1))
    neuron.add_delta_input("a", 1.0 * u.mV)
    assert step(neuron) == 1
    assert volts(neuron) == 1
    assert neuron.get_spike() == 1
    assert neuron.get_spike(0.99 * u.mV) == 0


def test_jumps_come_after_the_integration() -> None:
    neuron = ready(Leaky(1, V_initializer=0.5 * u.mV))
    neuron.add_delta_input("a", 0.25 * u.mV)
    step(neuron)
    np.testing.assert_allclose(volts(neuron), 0.5 * np.exp(-0.1 / 5) + 0.25, rtol=1e-6)


def test_inputs_act_in_one_step_only() -> None:
    neuron = ready(Leaky(1))
    neuron.add_current_input("a", 0.5 * u.mA)
    step(neuron)
    assert not neuron.current_inputs
    before = volts(neuron)
    step(neuron)
    np.testing.assert_allclose(volts(neuron), before * np.exp(-0.1 / 5), rtol=1e-5)


def test_a_spike_is_followed_by_rest() -> None:
    neuron = ready(Resting(1, tau_ref=0.5 * u.ms, ref_var=True))
    neuron.add_delta_input("a", 1.5 * u.mV)
    step(neuron)
    held, potential = [], []
    for _ in range(7):
        step(neuron, 0.9 * u.mA)
        held.append(bool(neuron.refractory.value.item()))
        potential.append(volts(neuron).item())
    assert held == [True] * 4 + [False] * 3  # after the fifth step V is free again
    assert potential[:5] == [0.0] * 5
    np.testing.assert_allclose(potential[5], 0.9 * -np.expm1(-0.1 / 5), rtol=1e-4)


def test_units_and_dtype_of_states_are_kept() -> None:
    neuron = ready(Leaky(2, V_initializer=0.0005 * u.volt))
    run(neuron, 3, 2.0 * u.mA)
    assert u.get_unit(neuron.V.value) == u.volt
    assert neuron.V.value.dtype == jnp.float32


# Synapses and outputs


@pytest.mark.parametrize("dt", [0.01, 0.1, 1.0])
def test_the_charge_of_a_spike_does_not_depend_on_the_step(dt: float) -> None:
    """The mean conductances over all steps add up to the integral, tau."""
    synapse = ready(Decay(1))

    def drive(i: Any) -> Any:
        synapse.add_delta_input("spike", jnp.where(i == 0, 1.0, 0.0) * u.mS)
        return synapse.step()

    with brainstate.environ.context(dt=dt * u.ms):
        loop = brainstate.transform.for_loop
        g = brainstate.transform.jit(lambda: loop(drive, jnp.arange(round(100 / dt))))()
    np.testing.assert_allclose(g.to_decimal(u.mS).sum() * dt, 5.0, rtol=1e-4)


def test_jumps_come_after_the_decay() -> None:
    synapse = ready(Decay(2))
    synapse.add_delta_input("a", 2.0 * u.mS)
    np.testing.assert_allclose(step(synapse, 1.0 * u.mS).to_decimal(u.mS), 3.0)
    np.testing.assert_allclose(step(synapse).to_decimal(u.mS), 3 * np.exp(-0.1 / 5), rtol=1e-5)


def test_currents_into_a_synapse_are_an_error() -> None:
    synapse = ready(Decay(2))
    synapse.add_current_input("a", 1.0 * u.mA)
    with pytest.raises(InputError, match="Decay has no equation with a current"):
        synapse.update()


def test_the_unit_of_what_arrives_at_a_synapse() -> None:
    with pytest.raises(InputError, match=r"Decay.update\(x\): expected a conductance"):
        ready(Decay(2)).update(1.0 * u.mV)


def test_an_output_needs_a_conductance_in_each_step() -> None:
    neuron, out = ready(Leaky(1, V_initializer=0.5 * u.mV)), Pull(E=1.0 * u.mV)
    neuron.add_current_input("pull", out)
    out.bind_cond(1000.0 * u.mS)
    step(neuron)
    rate, goal = 2.0 / 5, 0.5
    expected = goal + (0.5 - goal) * np.exp(-rate * 0.1)
    np.testing.assert_allclose(volts(neuron), expected, rtol=1e-5)
    with pytest.raises(InputError, match="Pull: no conductance is bound for this step"):
        neuron.update()


# Containers


class Kick(Projection):
    """Gives its target a jump per spike of its source in the step before."""

    def __init__(self, pre: Any, post: Any) -> None:
        super().__init__()
        self.pre, self.post = pre, post

    def update(self) -> None:
        self.post.add_delta_input("kick", self.pre.get_spike() * 0.25 * u.mV)


def test_projections_come_before_populations() -> None:
    net = Network()
    net.pre, net.post = Leaky(1), Leaky(1)
    net.kick = Kick(net.pre, net.post)
    ready(net)
    net.pre.add_delta_input("a", 1.5 * u.mV)
    step(net)
    step(net)
    np.testing.assert_allclose(volts(net.post), 0.25)
    np.testing.assert_allclose(volts(net.pre), 0.5 * np.exp(-0.1 / 5), rtol=1e-5)


def test_the_input_of_a_network_reaches_every_population() -> None:
    net = Network()
    net.a, net.b = Leaky(2), Leaky(3)
    ready(net)
    step(net, 0.5 * u.mA)
    for neuron in (net.a, net.b):
        np.testing.assert_allclose(volts(neuron), 0.5 * -np.expm1(-0.1 / 5), rtol=1e-5)


def test_a_projection_calls_what_it_holds() -> None:
    net = Network()
    net.pre, net.post = Leaky(1), Leaky(1)
    group = Projection()
    group.kick = Kick(net.pre, net.post)
    ready(net)
    net.pre.add_delta_input("a", 1.5 * u.mV)
    step(net.pre)
    group()
    assert net.post.get_input("kick") == 0.25 * u.mV


def test_an_empty_projection_is_an_error() -> None:
    with pytest.raises(ValueError, match="Projection has no update and holds no modules to call"):
        Projection()()
