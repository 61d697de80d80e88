"""The compiled loop: the same as a plain loop, compiled once, whatever it is cut into."""

import gc
import sys
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    InputError,
    Network,
    Neuron,
    ParameterError,
    Projection,
    Spikes,
    Trace,
    initializer,
    param,
    positive,
    simulate,
    state,
)
from brainloom_core.kernels import Kernel, event_csr, use_kernel


class Leaky(Neuron):
    tau = param(5.0 * u.ms, positive)
    V_th = param(1.0 * u.mV, above="V_reset")
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return (1.0 * u.ohm * I - V) / self.tau


class Sum(Neuron):
    """Adds its input up and never spikes: what it holds tells what it was given."""

    V_th = param(1e9 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return I * u.ohm / u.ms


class Ring(Projection):
    """Every spike gives the next neuron a jump."""

    def __init__(self, neurons: Neuron) -> None:
        super().__init__()
        self.neurons, self.n = neurons, neurons.in_size[0]

    def update(self) -> None:
        columns, rows = jnp.roll(jnp.arange(self.n), -1), jnp.arange(self.n + 1)
        spikes = self.neurons.get_spike()
        jump = event_csr(0.3 * u.mV, columns, rows, spikes, n_post=self.n, max_row=1)
        self.neurons.add_delta_input("ring", jump)


def population(size: Any = 6) -> Leaky:
    """Neurons that differ, so that an error in the order of anything shows."""
    n = int(np.prod(size))
    return Leaky(size, V_initializer=np.linspace(0, 0.9, n).reshape(size) * u.mV)


def network(size: int = 6) -> Network:
    net = Network()
    net.E = population(size)
    net.ring = Ring(net.E)
    return net


def looped(net: Any, n: int, x: Any, dt: Any = 0.1 * u.ms) -> tuple[np.ndarray, np.ndarray]:
    """Potentials and spikes of each step by a plain loop of brainstate."""

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * dt, dt=dt):
            net(x)
        return net.E.V.value.to_decimal(u.mV), net.E.get_spike()

    loop = brainstate.transform.for_loop
    V, spikes = brainstate.transform.jit(lambda: loop(step, jnp.arange(n)))()
    return np.asarray(V), np.asarray(spikes)


def volts(trace: Any) -> np.ndarray:
    return np.asarray(trace.values.to_decimal(u.mV))


def raster(events: Any) -> np.ndarray:
    """Spikes as an array of steps by neurons."""
    dense = np.zeros((events.stop - events.start, events.size))
    dense[events.step - 1 - events.start, events.index] = 1
    return dense


BOTH = ["E.spikes", "E.V"]


# Results


def test_equals_a_plain_loop() -> None:
    net, twin = network(), network()
    brainstate.nn.init_all_states(twin)
    recording = simulate(net, 20 * u.ms, inputs=2 * u.mA, record=BOTH)
    V, spikes = looped(twin, 200, 2 * u.mA)
    assert spikes.sum() > 20
    np.testing.assert_allclose(volts(recording["E.V"]), V, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(raster(recording["E.spikes"]), spikes)
    np.testing.assert_array_equal(recording["E.V"].step, np.arange(1, 201))
    np.testing.assert_allclose(recording["E.V"].t.to_decimal(u.ms), np.arange(1, 201) / 10)


@pytest.mark.parametrize("chunk", [1, 7, 64, 200, 333])
def test_results_do_not_depend_on_the_chunks(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = simulate(network(), 20 * u.ms, inputs=2 * u.mA, record=BOTH)
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_STEPS", chunk)
    recording = simulate(network(), 20 * u.ms, inputs=2 * u.mA, record=BOTH)
    spikes, others = recording["E.spikes"], expected["E.spikes"]
    np.testing.assert_array_equal(spikes.step, others.step)
    np.testing.assert_array_equal(spikes.index, others.index)
    np.testing.assert_array_equal(recording["E.V"].step, expected["E.V"].step)
    np.testing.assert_allclose(volts(recording["E.V"]), volts(expected["E.V"]), rtol=1e-6)


def test_a_chunk_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = simulate(network(), 5 * u.ms, inputs=2 * u.mA, record=BOTH)
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_BYTES", 100)
    recording = simulate(network(), 5 * u.ms, inputs=2 * u.mA, record=BOTH)
    np.testing.assert_allclose(volts(recording["E.V"]), volts(expected["E.V"]), rtol=1e-6)


def test_two_halves_equal_a_whole() -> None:
    def drive(t: Any) -> Any:
        return (1.0 + u.math.sin(t / u.ms)) * u.mA

    whole = simulate(network(), 20 * u.ms, inputs=drive, record=BOTH)
    net = network()
    first = simulate(net, 8 * u.ms, inputs=drive, record=BOTH)
    second = simulate(net, 12 * u.ms, inputs=drive, record=BOTH, start=first.end)
    for name in ("step", "index"):
        parts = [getattr(half["E.spikes"], name) for half in (first, second)]
        np.testing.assert_array_equal(np.concatenate(parts), getattr(whole["E.spikes"], name))
    V = np.concatenate([volts(half["E.V"]) for half in (first, second)])
    np.testing.assert_allclose(V, volts(whole["E.V"]), rtol=1e-5, atol=1e-6)
    assert (second.start, second.end) == (8 * u.ms, 20 * u.ms)


def test_states_go_on_from_where_they_are() -> None:
    net = network()
    brainstate.nn.init_all_states(net)
    net.E.V.value = jnp.full(6, 0.5) * u.mV
    recording = simulate(net, 0.1 * u.ms, record="E.V")
    np.testing.assert_allclose(volts(recording["E.V"]), 0.5 * np.exp(-0.1 / 5), rtol=1e-6)


def test_states_that_do_not_exist_are_initialised() -> None:
    net = network()
    brainstate.nn.init_all_states(net)
    net.F = population()
    net.E.V.value = jnp.full(6, 0.5) * u.mV
    recording = simulate(net, 0.1 * u.ms, record=["E.V", "F.V"])
    decay = np.exp(-0.1 / 5)
    np.testing.assert_allclose(volts(recording["E.V"])[0], 0.5 * decay, rtol=1e-6)
    np.testing.assert_allclose(
        volts(recording["F.V"])[0], np.linspace(0, 0.9, 6) * decay, rtol=1e-6
    )


class ByHand(Neuron):
    """A model that makes its states itself."""

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        self.V = brainstate.HiddenState(jnp.zeros(self.in_size) * u.mV)

    def get_spike(self, V: Any = None) -> Any:
        return self.spk_fun(u.get_magnitude(self.V.value / u.mV - 1.0))

    def update(self, x: Any = None) -> Any:
        self.V.value = self.V.value + 0.25 * u.mV
        return self.get_spike()


def test_states_made_by_hand_are_recorded() -> None:
    neuron = ByHand(2)
    brainstate.nn.init_all_states(neuron)
    recording = simulate(neuron, 0.5 * u.ms, record=["V", "spikes"])
    np.testing.assert_allclose(volts(recording["V"])[:, 0], [0.25, 0.5, 0.75, 1.0, 1.25])
    assert len(recording["spikes"]) == 4


def test_states_made_by_hand_are_initialised() -> None:
    assert len(simulate(ByHand(2), 0.5 * u.ms, record="spikes")["spikes"]) == 4


def test_reset_returns_to_the_start() -> None:
    net = network()
    first = simulate(net, 5 * u.ms, inputs=2 * u.mA, record="E.V")
    brainstate.nn.reset_all_states(net)
    again = simulate(net, 5 * u.ms, inputs=2 * u.mA, record="E.V")
    np.testing.assert_array_equal(volts(first["E.V"]), volts(again["E.V"]))


def test_steps_see_their_number_and_time() -> None:
    class Clock(Network):
        def update(self) -> None:
            i, t, dt = (brainstate.environ.get(key) for key in ("i", "t", "dt"))
            self.E.V.value = u.math.stack([i * u.mV, t / dt * u.mV])

    clock = Clock()
    clock.E = Leaky(2)
    recording = simulate(clock, 1.2 * u.ms, dt=0.2 * u.ms, start=2 * u.ms, record="E.V")
    expected = np.arange(10, 16)
    np.testing.assert_allclose(volts(recording["E.V"]), np.stack([expected, expected], axis=1))


def test_the_step_of_the_environment_is_the_default() -> None:
    assert simulate(population(), 1 * u.ms).dt == 0.1 * u.ms
    assert simulate(population(), 1 * u.ms, dt=0.5 * u.ms).dt == 0.5 * u.ms


def test_the_run_is_over_when_it_returns_even_if_nothing_is_recorded() -> None:
    population = Leaky(50_000)
    for _ in range(3):
        simulate(population, 20.0 * u.ms, dt=0.1 * u.ms, progress=False)
        assert population.V.value.mantissa.is_ready()


def test_another_step_after_the_first_is_respected() -> None:
    net = network()
    for dt in (0.1, 0.2):
        brainstate.nn.init_all_states(net)
        net.E.V.value = jnp.full(6, 0.5) * u.mV
        recording = simulate(net, 1 * u.ms, dt=dt * u.ms, record="E.V")
        assert len(recording["E.V"].step) == round(1 / dt)
        np.testing.assert_allclose(volts(recording["E.V"])[-1], 0.5 * np.exp(-1 / 5), rtol=1e-5)


def test_a_changed_parameter_takes_effect() -> None:
    net = network()
    for tau in (5.0, 10.0):
        brainstate.nn.init_all_states(net)
        net.E.V.value = jnp.full(6, 0.5) * u.mV
        net.E.tau = tau * u.ms
        recording = simulate(net, 1 * u.ms, record="E.V")
        np.testing.assert_allclose(volts(recording["E.V"])[-1], 0.5 * np.exp(-1 / tau), rtol=1e-5)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_population_that_comes_later_takes_part(replaced: bool) -> None:
    net = network()
    if replaced:
        net.F = population()
    simulate(net, 1 * u.ms, record="E.V")
    net.F = Leaky(2, V_initializer=0.5 * u.mV)
    simulate(net, 1 * u.ms, record="E.V")
    np.testing.assert_allclose(net.F.V.value.to_decimal(u.mV), 0.5 * np.exp(-1 / 5), rtol=1e-5)


def test_another_batch_after_the_first() -> None:
    neuron = population()
    for batch in (None, 2, 3):
        brainstate.nn.init_all_states(neuron, batch_size=batch)
        trace = simulate(neuron, 1 * u.ms, record="V")["V"]
        assert trace.values.shape == ((10, 6) if batch is None else (10, batch, 6))


# Populations of any shape


@pytest.mark.parametrize("batch", [None, 1, 4])
@pytest.mark.parametrize("size", [5, (2, 3)])
def test_spikes_of_grids_and_batches(size: Any, batch: int | None) -> None:
    neuron = population(size)
    brainstate.nn.init_all_states(neuron, batch_size=batch)
    recording = simulate(neuron, 10 * u.ms, inputs=2 * u.mA, record=["spikes", "V"])
    events, V = recording["spikes"], volts(recording["V"])
    assert (events.size, events.trials) == (int(np.prod(size)), batch or 1)
    step, trial, index = np.nonzero(V.reshape(100, events.trials, events.size) >= 1.0)
    assert len(step) > 5
    np.testing.assert_array_equal(events.step, step + 1)
    np.testing.assert_array_equal(events.trial, trial)
    np.testing.assert_array_equal(events.index, index)


# Inputs


def given(inputs: Any, steps: int = 4, size: Any = 2, net: Any = None) -> np.ndarray:
    """What a population was given in each step, in mA."""
    net = Sum(size) if net is None else net
    V = volts(simulate(net, steps * 0.1 * u.ms, inputs=inputs, record="V")["V"])
    return np.diff(V, axis=0, prepend=0 * V[:1]) / 0.1


def same(actual: np.ndarray, expected: Any) -> None:
    """The inputs are differences of sums in float32."""
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)


def test_constant_input() -> None:
    same(given(3.0 * u.mA), np.full((4, 2), 3.0))


def test_no_input() -> None:
    same(given(None), np.zeros((4, 2)))
    same(given(()), np.zeros((4, 2)))


def test_a_function_of_time() -> None:
    same(given(lambda t: t / u.ms * 10.0 * u.mA), np.repeat([[0], [1], [2], [3]], 2, axis=1))


def test_a_function_with_one_value_per_neuron() -> None:
    same(given(lambda t: jnp.asarray([1.0, 2.0]) * u.mA), [[1, 2]] * 4)


def test_a_time_series() -> None:
    same(given(np.arange(4.0) * u.mA), np.repeat([[0], [1], [2], [3]], 2, axis=1))
    same(given(np.arange(8.0).reshape(4, 2) * u.mA), np.arange(8.0).reshape(4, 2))


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_time_series_over_chunks(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_STEPS", chunk)
    series = np.arange(20.0).reshape(10, 2)
    same(given(series * u.mA, steps=10), series)


def test_a_time_series_with_a_stride() -> None:
    series = np.arange(22.0).reshape(11, 2)
    neuron = Sum(2)
    record = {"V": Trace(neuron, "V", every=0.3 * u.ms)}
    trace = simulate(neuron, 1.1 * u.ms, inputs=series * u.mA, record=record)["V"]
    np.testing.assert_allclose(volts(trace), 0.1 * np.cumsum(series, axis=0)[2::3], rtol=1e-5)


class Two(Network):
    """Takes two arguments."""

    def update(self, a: Any, b: Any) -> None:
        self.E(a + 10.0 * b)


def test_several_inputs() -> None:
    net = Two()
    net.E = Sum(2)
    inputs = (1.0 * u.mA, lambda t: t / u.ms * 10.0 * u.mA)
    V = volts(simulate(net, 0.4 * u.ms, inputs=inputs, record="E.V")["E.V"])
    same(np.diff(V[:, 0], prepend=0) / 0.1, [1, 11, 21, 31])


def test_several_time_series() -> None:
    net = Two()
    net.E = Sum(2)
    inputs = (np.arange(4.0) * u.mA, np.arange(8.0).reshape(4, 2) * u.mA)
    V = volts(simulate(net, 0.4 * u.ms, inputs=inputs, record="E.V")["E.V"])
    same(
        np.diff(V, axis=0, prepend=0 * V[:1]) / 0.1,
        inputs[0].mantissa[:, None] + 10 * inputs[1].mantissa,
    )


@pytest.mark.parametrize("shape", [(3,), (5,), (2,), (2, 4)])
def test_a_time_series_of_the_wrong_length(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        given(jnp.ones(shape) * u.mA)
    assert "the first axis of an array is time: expected 4 entries" in str(caught.value)
    assert f"got shape {shape}" in str(caught.value)


def test_an_input_of_the_wrong_unit_leaves_the_network_as_it_was() -> None:
    net = network()
    text = r"Leaky.update\(x\): expected a current"
    with pytest.raises(InputError, match=text):
        simulate(net, 1 * u.ms, inputs=3.0 * u.mV)
    same = simulate(net, 1 * u.ms, inputs=3.0 * u.mA, record="E.V")
    expected = simulate(network(), 1 * u.ms, inputs=3.0 * u.mA, record="E.V")
    np.testing.assert_array_equal(volts(same["E.V"]), volts(expected["E.V"]))


# Times


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0 * u.ms, "duration: expected a time > 0, got 0 ms"),
        (-1 * u.ms, "duration: expected a time > 0, got -1 ms"),
        (1.05 * u.ms, "duration: expected a multiple of dt = 0.1 ms, got 1.05 ms"),
        (5 * u.mV, "duration: expected a time, got 5 mV"),
        (5, r"duration: expected a time, got 5; write it with its unit, as 5 \* u.ms"),
    ],
)
def test_wrong_durations(duration: Any, text: str) -> None:
    with pytest.raises(InputError, match=f"simulate: {text}"):
        simulate(population(), duration)


@pytest.mark.parametrize("dt", [0.0 * u.ms, -0.1 * u.ms, 0.1, 0.1 * u.mV])
def test_wrong_steps(dt: Any) -> None:
    with pytest.raises(InputError, match="simulate: dt: expected a time > 0, got .* as 0.1 "):
        simulate(population(), 1 * u.ms, dt=dt)


def test_an_input_without_a_unit_is_shown_as_it_was_given() -> None:
    with pytest.raises(InputError, match="simulate: inputs: .* got 0.2"):
        simulate(population(), 1 * u.ms, inputs=0.2)


@pytest.mark.parametrize("start", [-1 * u.ms, 0.05 * u.ms, 1 * u.mV])
def test_wrong_starts(start: Any) -> None:
    with pytest.raises(InputError, match="simulate: start: expected a"):
        simulate(population(), 1 * u.ms, start=start)


@pytest.mark.parametrize("duration", [0.001 * u.second, 1000.0 * u.us, 0.3 * u.ms, 1.1 * u.ms])
def test_durations_in_any_unit_and_with_rounding(duration: Any) -> None:
    recording = simulate(population(), duration, record="V")
    assert len(recording["V"].step) == round(float(duration.to_decimal(u.ms)) * 10)


# What is recorded


def test_nothing() -> None:
    recording = simulate(network(), 1 * u.ms)
    assert len(recording) == 0
    assert list(recording) == []
    assert (recording.start, recording.end) == (0 * u.ms, 1 * u.ms)
    assert recording.wall_time > 0


def test_names_of_records() -> None:
    net = network()
    for record, names in [
        ("E.V", ["E.V"]),
        (["E.spikes", "E.V"], ["E.spikes", "E.V"]),
        ([Spikes(net.E), Trace(net.E, "V")], ["spikes_0", "V_1"]),
        ({"a": "E.V", "b": Spikes(net.E)}, ["a", "b"]),
        (Trace(net.E, "V"), ["V_0"]),
    ]:
        assert list(simulate(net, 0.1 * u.ms, record=record)) == names


def test_a_population_alone() -> None:
    recording = simulate(population(), 1 * u.ms, record=["spikes", "V"])
    assert list(recording) == ["spikes", "V"]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ("X.V", r"record: 'X.V': Network has no 'X'; it has \['E', 'ring'\]"),
        ("E.x.V", "record: 'E.x.V': Leaky has no 'x'"),
        ("E.U", r"Trace: Leaky has no state 'U'; it has \['V', 'spike', 'spikes', 'rate'"),
        ("V", "Network has no state 'V'; .*. Write 'E.V'"),
        ("spikes", "record: 'spikes': Network has no spikes. Write 'E.spikes'"),
        ("E.rates", "Leaky has no state 'rates'; .*. Write 'E.rate'"),
        ("E.V[0]", r"write Trace\(net.E, 'V', index=0\)"),
        ([5], "record: expected names such as 'E.spikes', .* such as Spikes and Trace, got 5"),
    ],
)
def test_what_cannot_be_recorded(record: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        simulate(network(), 1 * u.ms, record=record)


# Strides


@pytest.mark.parametrize("duration", [0.2, 1.0, 3.0, 3.1])
@pytest.mark.parametrize("strides", [(1,), (3,), (10,), (4, 6), (2, 3, 7), (10, 25)])
@pytest.mark.parametrize("chunk", [1000, 5])
def test_strides(
    strides: tuple[int, ...], duration: float, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_STEPS", chunk)
    neuron, steps = Sum(2), round(duration * 10)
    series = np.arange(2.0 * steps).reshape(steps, 2)
    record = {str(n): Trace(neuron, "V", every=n * 0.1 * u.ms) for n in strides}
    recording = simulate(neuron, duration * u.ms, inputs=series * u.mA, record=record)
    for n in strides:
        trace = recording[str(n)]
        np.testing.assert_array_equal(trace.step, np.arange(n, steps + 1, n))
        expected = 0.1 * np.cumsum(series, axis=0)[n - 1 :: n]
        np.testing.assert_allclose(volts(trace).reshape(expected.shape), expected, rtol=1e-5)


def test_spikes_beside_a_stride() -> None:
    net, twin = network(), network()
    record = ["E.spikes", Trace(net.E, "V", every=0.7 * u.ms)]
    events = simulate(net, 10 * u.ms, inputs=2 * u.mA, record=record)["E.spikes"]
    expected = simulate(twin, 10 * u.ms, inputs=2 * u.mA, record="E.spikes")["E.spikes"]
    np.testing.assert_array_equal(raster(events), raster(expected))


def test_strides_count_from_the_start() -> None:
    neuron = population()
    record = {"V": Trace(neuron, "V", every=0.5 * u.ms)}
    trace = simulate(neuron, 1.5 * u.ms, start=0.3 * u.ms, record=record)["V"]
    np.testing.assert_array_equal(trace.step, [8, 13, 18])


@pytest.mark.parametrize("every", [0.05, 0.25])
def test_wrong_strides(every: float) -> None:
    neuron = population()
    with pytest.raises(InputError, match="Trace.every: expected a multiple of dt = 0.1 ms, got"):
        simulate(neuron, 1 * u.ms, record={"V": Trace(neuron, "V", every=every * u.ms)})


@pytest.mark.parametrize("every", [0.5, 0.5 * u.mV, 0.0 * u.ms, -0.1 * u.ms])
def test_a_stride_is_a_time(every: Any) -> None:
    with pytest.raises(ParameterError, match="Trace.every: expected a time > 0"):
        Trace(population(), "V", every=every)


INDICES = {
    "first": slice(0, 2),
    "rest": slice(2, None),
    "last": slice(-2, None),
    "all": slice(None),
    "steps": slice(None, None, 3),
    "list": [4, 1],
    "array": np.asarray([5, 0]),
    "mask": np.arange(6) % 2 == 0,
    "one": 3,
}


@pytest.mark.parametrize("index", INDICES)
def test_some_neurons(index: str) -> None:
    neuron = population()
    record = {"V": Trace(neuron, "V", index=INDICES[index])}
    trace = simulate(neuron, 0.1 * u.ms, record=record)["V"]
    expected = np.linspace(0, 0.9, 6)[INDICES[index]] * np.exp(-0.1 / 5)
    np.testing.assert_allclose(volts(trace)[0], expected, rtol=1e-5)


def test_other_neurons_after_the_first() -> None:
    neuron = population()
    for index in INDICES.values():
        brainstate.nn.init_all_states(neuron)
        record = {"V": Trace(neuron, "V", index=index)}
        trace = simulate(neuron, 0.1 * u.ms, record=record)["V"]
        expected = np.linspace(0, 0.9, 6)[index] * np.exp(-0.1 / 5)
        np.testing.assert_allclose(volts(trace)[0], expected, rtol=1e-5)


# Compilation


def test_the_first_call_compiles_a_bounded_number_of_functions(compilations: list[str]) -> None:
    simulate(network(), 100 * u.ms, inputs=2 * u.mA, record=BOTH)
    assert 0 < len(compilations) <= 10


AGAIN: dict[str, dict[str, Any]] = {
    "the same": {},
    "more chunks": {"duration": 300 * u.ms},
    "another value": {"inputs": 3 * u.mA},
    "later": {"start": 100 * u.ms},
}


@pytest.mark.parametrize("change", AGAIN)
def test_a_second_call_compiles_nothing(change: str, compilations: list[str]) -> None:
    net = network()
    arguments = {"duration": 100 * u.ms, "inputs": 2 * u.mA, "record": BOTH}
    simulate(net, **arguments)
    compilations.clear()
    simulate(net, **{**arguments, **AGAIN[change]})
    assert compilations == []


def test_a_second_time_series_compiles_nothing(compilations: list[str]) -> None:
    net, series = network(), np.linspace(0, 3, 2000) * u.mA
    simulate(net, 200 * u.ms, inputs=series, record=BOTH)
    compilations.clear()
    simulate(net, 200 * u.ms, inputs=-series, record=BOTH)
    assert compilations == []


def test_the_same_function_and_new_recorders_compile_nothing(compilations: list[str]) -> None:
    net = network()

    def drive(t: Any) -> Any:
        return t / u.ms * u.mA

    for _ in range(2):
        compilations.clear()
        record = {"V": Trace(net.E, "V", every=1 * u.ms, index=[0, 1]), "s": Spikes(net.E)}
        simulate(net, 100 * u.ms, inputs=drive, record=record)
    assert compilations == []


def test_a_reset_in_between_compiles_no_loop(compilations: list[str]) -> None:
    net = network()
    for _ in range(3):
        compilations.clear()
        simulate(net, 100 * u.ms, inputs=2 * u.mA, record=BOTH)
        brainstate.nn.reset_all_states(net)
    assert compilations == []


def test_another_choice_of_kernels_is_respected(
    provide: Callable[..., None], untried: None
) -> None:
    def nothing(weights: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
        return jnp.zeros(sizes["n_post"], weights.dtype)

    provide(
        "mine", kernels=[Kernel("event_csr", "nothing", ("cpu", "gpu", "tpu"), lambda: nothing)]
    )
    net = network()

    def count() -> int:
        brainstate.nn.init_all_states(net)
        return len(simulate(net, 20 * u.ms, inputs=0.9 * u.mA, record="E.spikes")["E.spikes"])

    net.E.V_initializer = np.linspace(0, 1.9, 6) * u.mV
    without = count()
    with use_kernel(event_csr="reference"):
        assert count() > without
    assert count() == without


@pytest.mark.parametrize("alone", [False, True])
def test_the_compiled_loop_does_not_keep_a_network_alive(alone: bool) -> None:
    net = population() if alone else network()
    simulate(net, 1 * u.ms, record="V" if alone else BOTH)
    watch = weakref.ref(net)
    del net
    gc.collect()
    assert watch() is None


# Progress


def test_a_progress_bar_counts_milliseconds(capsys: pytest.CaptureFixture[str]) -> None:
    simulate(population(), 250 * u.ms, progress=True)
    text = capsys.readouterr().err
    assert "simulating: 100%" in text
    assert "250/250 ms" in text


@pytest.mark.parametrize("progress", [False, None])
def test_no_progress_bar_where_there_is_no_terminal(
    progress: bool | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # warns in a notebook without its widgets
    simulate(population(), 1 * u.ms, progress=progress)
    assert capsys.readouterr().err == ""


def test_no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate(network(), 1 * u.ms, inputs=2 * u.mA, record=BOTH)
