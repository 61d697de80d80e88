"""What a run says: times of any length, inputs that change, states that do not stay finite."""

import functools
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
    NonFiniteError,
    ParameterError,
    Spikes,
    Trace,
    initializer,
    param,
    simulate,
    state,
)
from brainloom_core.clock import steps


class Sum(Neuron):
    """Adds its input up and never spikes: what it holds tells what it was given."""

    V_th = param(1e9 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return I * u.ohm / u.ms


class Burst(Sum):
    """Grows faster and faster, until it is infinite."""

    def dV(self, V: Any, I: Any) -> Any:
        return V * V / u.mV / u.ms + I * u.ohm / u.ms


class Ticking(Sum):
    """Counts its steps."""

    ticks = state(
        lambda model, shape: jnp.zeros(shape, jnp.int32), "steps", brainstate.ShortTermState
    )

    def update(self, x: Any = None) -> Any:
        self.ticks.value = self.ticks.value + 1
        return super().update(x)


def volts(trace: Any) -> np.ndarray:
    return np.asarray(trace.values.to_decimal(u.mV))


def given(net: Any, inputs: Any, n: int = 3, **options: Any) -> np.ndarray:
    """What a population was given in each step, in mA."""
    brainstate.nn.init_all_states(net)
    V = volts(simulate(net, n * 0.1 * u.ms, inputs=inputs, record="V", **options)["V"])
    return np.diff(V, axis=0, prepend=0 * V[:1]) / 0.1


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, np.asarray(expected, float), rtol=1e-4, atol=1e-4)


# Durations


@pytest.mark.parametrize(
    ("time", "dt", "n"),
    [
        (50000.05 * u.ms, 0.1 * u.ms, None),
        (5e8 * u.ms + 0.05 * u.ms, 0.1 * u.ms, None),
        (1e-7 * u.ms, 0.1 * u.ms, None),
        (1000 * 0.1 * u.ms + 0.2 * u.ms, 0.1 * u.ms, 1002),
        (3e9 * u.ms, 0.1 * u.ms, 30_000_000_000),
        (np.float32(50000.1) * u.ms, np.float32(0.1) * u.ms, 500_001),
        (jnp.float32(7.3) * u.second, 0.1 * u.ms, 73_000),
        (2 * u.minute, 0.25 * u.ms, 480_000),
        (sum([0.1] * 1000) * u.ms, 0.1 * u.ms, 1000),
    ],
)
def test_a_duration_is_a_number_of_steps_at_any_length(time: Any, dt: Any, n: int | None) -> None:
    if n is not None:
        assert steps("duration", time, dt) == n
        return
    with pytest.raises(InputError, match="duration: expected a multiple of dt = 0.1 ms, got"):
        steps("duration", time, dt)


def test_the_nearest_duration_is_named() -> None:
    with pytest.raises(InputError, match=r"got 50000\.05 ms\. The nearest is 50000 ms"):
        steps("duration", 50000.05 * u.ms, 0.1 * u.ms)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        ({"duration": np.nan * u.ms}, "simulate: duration: expected a multiple of dt"),
        ({"duration": np.inf * u.ms}, "simulate: duration: expected a multiple of dt"),
        ({"duration": [1.0, 2.0] * u.ms}, "simulate: duration: expected a time"),
        ({"net": None}, "simulate: net: expected a Network, a population or another module"),
        ({"net": Sum}, "simulate: net: expected a Network"),
        ({"record": 5}, "record: expected names such as 'E.spikes', .* got 5"),
        ({"inputs": {}}, "simulate: inputs: expected at least one population"),
        ({"inputs": "much"}, "simulate: inputs: expected a value, an array, a function"),
        ({"start": -0.1 * u.ms}, "simulate: start: expected a multiple of dt"),
        ({"start": 0.05 * u.ms}, "simulate: start: expected a multiple of dt"),
        ({"dt": np.nan * u.ms}, "simulate: dt: expected a time > 0"),
        ({"dt": np.inf * u.ms}, "simulate: dt: expected a time > 0"),
    ],
)
def test_a_sentence_for_what_cannot_be(call: dict[str, Any], text: str) -> None:
    arguments = {"net": Sum(2), "duration": 1 * u.ms, **call}
    with pytest.raises(InputError, match=text):
        simulate(arguments.pop("net"), arguments.pop("duration"), **arguments)


def test_no_length_of_a_step() -> None:
    kept = brainstate.environ.get("dt")
    with brainstate.environ.context(dt=None):
        assert kept is not None
        with pytest.raises(InputError, match=r"Give simulate\(..., dt=0.1 \* u.ms\)"):
            simulate(Sum(1), 1 * u.ms)


# Times after hours


@pytest.mark.parametrize("start", [0.0, 16_000.3, 1e8 + 0.3, 3e8])
def test_a_function_of_time_sees_a_part_of_a_step_after_hours(start: float) -> None:
    def drive(t: Any) -> Any:
        return u.math.sin(t / (0.7 * u.ms)) * u.mA

    found = given(Sum(1), drive, 20, start=start * u.ms)[:, 0]
    expected = np.sin((start + 0.1 * np.arange(20)) / 0.7)
    np.testing.assert_allclose(found, expected, atol=2e-4 if start < 2e4 else 2e-5)


class Clocked(Sum):
    """Is given the number of its step."""

    def update(self, x: Any = None) -> Any:
        return super().update(jnp.asarray(brainstate.environ.get("i") % 100, jnp.float32) * u.mA)


def test_the_number_of_a_step_is_right_or_refused() -> None:
    close(given(Clocked(1), None, start=2e8 * u.ms)[:, 0], [0, 1, 2])
    recording = simulate(Sum(1), 0.1 * u.ms, start=3e8 * u.ms, record="V")
    assert recording["V"].step.tolist() == [3_000_000_001]
    with pytest.raises(InputError, match=r"goes on beyond step 2147483647"):
        given(Clocked(1), None, start=3e8 * u.ms)


# Where a run begins


def test_time_goes_on_until_the_states_are_others() -> None:
    net = Network()
    net.E = Ticking(2)

    def drive(t: Any) -> Any:
        return t / (0.1 * u.ms) * u.mA

    def starts() -> list[float]:
        runs = [simulate(net, 0.2 * u.ms, inputs=drive, record="E.V") for _ in range(2)]
        return [round(float(run.start.to_decimal(u.ms)), 6) for run in runs]

    assert starts() == [0.0, 0.2]
    close(net.E.V.value.to_decimal(u.mV), [0.6, 0.6])  # 0.1 (0 + 1 + 2 + 3)
    brainstate.nn.reset_all_states(net)
    assert starts() == [0.0, 0.2]
    brainstate.nn.init_all_states(net, batch_size=3)
    assert starts() == [0.0, 0.2]
    net.E.V.value = 0 * net.E.V.value  # a state that is set does not turn back time
    assert starts() == [0.4, 0.6]
    assert simulate(net, 0.2 * u.ms, inputs=drive, start=5 * u.ms).end == 5.2 * u.ms
    assert starts()[0] == 5.2


def test_another_dt_in_between() -> None:
    plain, ticking = Sum(1), Ticking(1)
    simulate(plain, 0.3 * u.ms)
    assert simulate(plain, 0.3 * u.ms, dt=0.15 * u.ms).start == 0.3 * u.ms
    with pytest.raises(InputError, match=r"ended at 0.6 ms, no multiple of dt = 0.4 ms"):
        simulate(plain, 0.4 * u.ms, dt=0.4 * u.ms)
    simulate(ticking, 0.3 * u.ms)
    with pytest.raises(InputError, match=r"run with dt = 0.1 ms, and ticks counts steps"):
        simulate(ticking, 0.3 * u.ms, dt=0.05 * u.ms)
    brainstate.nn.init_all_states(ticking)
    simulate(ticking, 0.3 * u.ms, dt=0.05 * u.ms)


def test_new_parts_get_the_batch_of_the_others() -> None:
    net = Network()
    net.E = Sum(2)
    brainstate.nn.init_all_states(net, batch_size=3)
    net.F = Sum(4)
    simulate(net, 0.1 * u.ms)
    assert net.F.V.value.shape == (3, 4)
    brainstate.nn.init_all_states(net.F, batch_size=5)
    with pytest.raises(InputError, match=r"'E' has a batch of 3 and 'F' a batch of 5"):
        simulate(net, 0.1 * u.ms)


# Inputs


def test_each_population_its_own_input() -> None:
    net = Network()
    net.sub = Network()
    net.E, net.sub.F, net.G = Sum(2), Sum(3), Sum(1)
    inputs = {
        net.E: 1.0 * u.mA,
        "sub.F": lambda t: t / (0.1 * u.ms) * u.mA,
        "G": np.arange(3.0) * u.mA,
    }
    simulate(net, 0.3 * u.ms, inputs=inputs)
    close(net.E.V.value.to_decimal(u.mV), [0.3, 0.3])
    close(net.sub.F.V.value.to_decimal(u.mV), [0.3] * 3)
    close(net.G.V.value.to_decimal(u.mV), [0.3])


class Forwarding(brainstate.nn.Module):
    """A module of one's own, which gives its population something."""

    def __init__(self) -> None:
        super().__init__()
        self.E = Sum(2)

    def update(self) -> None:
        self.E(1.0 * u.mA)


def test_an_input_of_a_population_is_added_to_that_of_the_call() -> None:
    net = Forwarding()
    simulate(net, 0.1 * u.ms, inputs={"E": np.array([[2.0, 3.0]]) * u.mA})
    close(net.E.V.value.to_decimal(u.mV), [0.3, 0.4])


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (Sum(1), "the network does not hold this Sum"),
        ("X", "inputs: 'X': Forwarding has no 'X'"),
        (5, "expected populations, parts of them such as net.E"),
        ("E.in_size", "expected populations"),
    ],
)
def test_wrong_keys_of_inputs(key: Any, text: str) -> None:
    with pytest.raises(InputError, match=text):
        simulate(Forwarding(), 0.1 * u.ms, inputs={key: 1.0 * u.mA})


AROUND = np.zeros(2)


class Player:
    """A function of time with values of its own."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __call__(self, t: Any) -> Any:
        return self.values * u.mA

    def play(self, t: Any) -> Any:
        return self.values * u.mA


def drives(values: np.ndarray) -> dict[str, Any]:
    """Functions of time that find an array in any way."""

    def closure(t: Any) -> Any:
        return jnp.asarray(values) * u.mA  # of which jax keeps what it made of the array

    def default(t: Any, values: Any = values) -> Any:
        return values * u.mA

    def around(t: Any) -> Any:
        return AROUND * u.mA

    def helped(t: Any) -> Any:
        return around(t)

    held = {"here": [values]}
    player = Player(values)
    return {
        "closure": closure,
        "default": default,
        "global": around,
        "helper": helped,
        "container": lambda t: held["here"][0] * u.mA,
        "partial": functools.partial(lambda values, t: values * u.mA, values),
        "object": player,
        "method": player.play,
    }


def test_a_changed_array_behind_a_function_takes_effect() -> None:
    net, values = Sum(2), AROUND
    for name, drive in drives(values).items():
        for change in (1.0, 2.0):
            values[:] = change
            np.testing.assert_allclose(given(net, drive, 1), [[change] * 2], 1e-5, err_msg=name)


def test_a_changed_number_behind_a_function_takes_effect() -> None:
    net, gain = Sum(2), 1.0

    def drive(t: Any) -> Any:
        return gain * u.mA

    close(given(net, drive, 1), [[1, 1]])
    gain = 2.0
    close(given(net, drive, 1), [[2, 2]])


def test_a_view_gets_and_records_its_part() -> None:
    net = Network()
    net.E = Sum(4)
    record = {"V": Trace(net.E[1:3], "V"), "spikes": Spikes(net.E[::2])}
    inputs = {net.E[:2]: 1.0 * u.mA, net.E[[1, 3]]: np.array([[2.0, 4.0]]) * u.mA}
    recording = simulate(net, 0.1 * u.ms, inputs=inputs, record=record)
    close(net.E.V.value.to_decimal(u.mV), [0.1, 0.3, 0.0, 0.4])
    close(volts(recording["V"]), [[0.3, 0.0]])
    assert recording["spikes"].size == 2


def test_an_unchanged_array_compiles_nothing(compilations: list[str]) -> None:
    net, drive = Sum(2), drives(np.ones(2))["container"]
    simulate(net, 0.3 * u.ms, inputs=drive)
    compilations.clear()
    simulate(net, 0.3 * u.ms, inputs=drive)
    assert compilations == []


# What is recorded


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (2, r"from 0 to 1 \(or from -2 to -1, counted from the end\), got 2"),
        ([0, -3], r"from 0 to 1 .*, got -3"),
        ([0.0, 1.0], "expected a neuron, a list of neurons, a mask, a slice or None"),
        ([], "expected a neuron, a list of neurons"),
        ([True, False, True], r"a mask of shape \(2,\) with at least one True, got .* \(3,\)"),
        ([False, False], r"at least one True, got one of shape \(2,\) with 0"),
        (slice(5, 9), r"has the neurons 0 to 1: slice\(5, 9, None\) chooses none"),
        ("first", "expected a neuron, a list of neurons, a mask, .*, got 'first'"),
    ],
)
def test_neurons_that_are_not_there_cannot_be_recorded(index: Any, text: str) -> None:
    net = Sum(2)
    with pytest.raises((InputError, ParameterError), match=text):
        simulate(net, 0.1 * u.ms, record={"V": Trace(net, "V", index=index)})


def test_a_recording_fits_on_a_screen() -> None:
    net = Network()
    net.E = Sum(2)
    record = {f"V{k}": "E.V" for k in range(30)} | {"spikes": Spikes(net.E)}
    shown = repr(simulate(net, 1.1 * u.ms, record=record)).splitlines()
    assert len(shown) == 22
    assert shown[0] == "Recording from 0 ms to 1.1 ms, dt = 0.1 ms"
    assert shown[1] == "  V0: 11 samples of shape (2,), mV"
    assert shown[-1] == "  and 11 more"
    one = repr(simulate(net, 1 * u.ms, record="E.spikes"))
    assert one.endswith("  E.spikes: 0 spikes of 2 neurons, 0 Hz")


class Early(Sum):
    """A source, whose spikes are of the beginning of their step."""

    role = "source"

    def get_spike(self, V: Any = None, **states: Any) -> Any:
        return jnp.ones(self.in_size)


def test_the_spikes_of_a_source_have_the_time_at_which_they_act() -> None:
    recording = simulate(Early(1), 0.3 * u.ms, record="spikes")["spikes"]
    np.testing.assert_allclose(recording.t.to_decimal(u.ms), [0.0, 0.1, 0.2], atol=1e-7)


# States that do not stay finite


@pytest.mark.parametrize("chunk", [1000, 4])
def test_a_state_that_explodes_is_named(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainloom_core.run.loop.CHUNK_STEPS", chunk)
    net = Network()
    net.calm, net.sub = Sum(2), Network()
    net.sub.wild = Burst((2, 3), V_initializer=np.array([[0, 0, 0], [0, 0.5, 0]]) * u.mV)
    record = ["sub.wild.V", "calm.V", "calm.spikes"]
    with pytest.raises(NonFiniteError) as caught:
        simulate(net, 40 * u.ms, record=record)
    recording = caught.value.recording
    V = volts(recording["sub.wild.V"])
    n = len(V)
    assert f"sub.wild.V[1, 1] became inf in the step from t = {n / 10:.10g} ms" in str(caught.value)
    assert np.isfinite(V).all()
    assert V.max() > 1e3
    assert 10 < n < 60
    assert len(recording["calm.V"].step) == n
    assert float(recording.end.to_decimal(u.ms)) == pytest.approx(n / 10)


def test_an_input_that_is_not_a_number_is_noticed() -> None:
    net = Sum(2)
    series = np.ones((50, 2))
    series[17, 1] = np.nan
    with pytest.raises(NonFiniteError, match=r"V\[1\] became nan in the step .* step number 17"):
        simulate(net, 5 * u.ms, inputs=series * u.mA)
    with pytest.raises(NonFiniteError, match=r"V\[1\] became nan"):  # it has not gone by itself
        simulate(net, 5 * u.ms)
    brainstate.nn.reset_all_states(net)
    simulate(net, 5 * u.ms)
