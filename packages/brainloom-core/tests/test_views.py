"""Views: some neurons of a population, read and driven as if they were one."""

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    InputError,
    Network,
    Neuron,
    Spikes,
    StateError,
    Trace,
    initializer,
    param,
    simulate,
    state,
)
from brainloom_core.dynamics.selection import Selection


class Leaky(Neuron):
    """One equation, no frills."""

    tau = param(default=10.0 * u.ms)
    V_th = param(default=1e6 * u.mV)
    V_reset = param(default=0.0 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer")
    linear = True

    def dV(self, V, I):  # type: ignore[no-untyped-def]
        return (I * u.ohm - V) / self.tau


CHOICES = {
    "slice": np.s_[2:5],
    "stride": np.s_[1::3],
    "negative": np.s_[-3:],
    "index": [7, 0, 3],
    "one": 4,
    "mask": np.arange(8) % 3 == 1,
    "nested": None,
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_view_takes_and_spreads_what_numpy_would(name: str) -> None:
    x = np.arange(24.0).reshape(3, 8)
    cells, item = Leaky(8), CHOICES[name]
    view = cells[1:][[5, 2]] if item is None else cells[item]
    numbers = np.atleast_1d(np.arange(8)[item]) if item is not None else np.array([6, 3])
    assert view.in_size == view.out_size == view.varshape == numbers.shape
    np.testing.assert_array_equal(view.take(x * u.mV).to_decimal(u.mV), x[:, numbers])
    expected = np.zeros((3, 8))
    expected[:, numbers] = x[:, numbers]
    np.testing.assert_array_equal(view.spread(jnp.asarray(x[:, numbers])), expected)
    np.testing.assert_array_equal(np.arange(8)[view.index], numbers)


@pytest.mark.parametrize("item", [(slice(1), slice(1, 3)), 1, np.arange(6).reshape(2, 3) % 2 == 0])
def test_a_view_of_a_population_with_two_axes(item: object) -> None:
    x = np.arange(6.0).reshape(2, 3)
    view = Leaky((2, 3))[item]
    np.testing.assert_array_equal(view.take(x), x[item])  # type: ignore[index]
    expected = np.zeros((2, 3))
    expected[item] = x[item]  # type: ignore[index]
    np.testing.assert_array_equal(view.spread(jnp.asarray(x[item])), expected)  # type: ignore[index]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (slice(0, 9), r"Leaky\[0:9\]: expected neurons from 0 to 8, got 9"),
        (8, r"Leaky\[8\].*out of bounds"),
        ([1, 99], "out of bounds"),
        (np.ones(7, bool), "boolean"),
        (slice(3, 3), r"Leaky\[3:3\]: expected at least one neuron, got none"),
        ([], "expected at least one neuron"),
        ([0.5], "expected slices, neurons or a mask"),
        (True, "expected slices, neurons or a mask"),
        ("V", "expected slices, neurons or a mask"),
    ],
)
def test_neurons_that_do_not_exist_are_an_error(item: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Leaky(8)[item]


def test_a_population_is_not_a_sequence_of_neurons() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        list(Leaky(3))
    with pytest.raises(TypeError, match="not iterable"):
        list(Leaky(3)[:2])


def test_equal_choices_are_equal_however_they_are_written() -> None:
    cells = Leaky(8)
    same = [cells[2:5], cells[[2, 3, 4]], cells[:6][2:5], cells[np.isin(np.arange(8), [2, 3, 4])]]
    assert len({view.selection for view in same}) == 1
    assert cells[[4, 3, 2]].selection != cells[2:5].selection
    assert isinstance(cells[2:5].selection, Selection)


def test_a_network_does_not_advance_a_view_and_its_states_are_not_doubled() -> None:
    net = Network()
    net.a_part = (cells := Leaky(4))[:2]
    net.cells = cells
    brainstate.nn.init_all_states(net)
    assert {type(child) for child in net.children()} == {Leaky}
    assert len(net.states()) == len(cells.states())
    with pytest.raises(InputError, match=r"Leaky\[0:2\] was called, but it is a part"):
        net.a_part()


def test_inputs_of_a_view_reach_its_neurons_only() -> None:
    cells = brainstate.nn.init_all_states(Leaky(4, tau=1e9 * u.ms), batch_size=2)
    cells[1:3].add_delta_input("jump", jnp.array([1.0, 2.0]) * u.mV)
    cells[[0, 2]].add_delta_input("jump", 4.0 * u.mV)
    seen = []
    current = 1e9 * u.mA
    cells[3:].add_current_input(
        "current", lambda V: seen.append(V.shape) or 0.0 * V / u.ohm + current
    )
    with brainstate.environ.context(dt=1.0 * u.ms):
        cells()
    expected = np.array([4.0, 1.0, 6.0, 1.0])
    np.testing.assert_allclose(cells.V.value.to_decimal(u.mV), [expected, expected], rtol=1e-5)
    assert set(seen) <= {(2, 1)}
    assert callable(cells[3:].get_input("current"))


def test_a_neuron_named_twice_can_be_read_but_not_driven() -> None:
    cells = brainstate.nn.init_all_states(Leaky(4))
    twice = cells[[1, 1]]
    assert twice.get_spike().shape == (2,)
    with pytest.raises(InputError, match="Name each neuron once"):
        twice.add_current_input("c", lambda V: V / u.ohm)


def test_states_of_a_view_are_read_and_written_in_place() -> None:
    cells = Leaky(4)
    V = cells[[3, 1]].prefetch("V")
    late = cells[[3, 1]].prefetch("V").delay.at(1.0 * u.ms)
    with pytest.raises(StateError, match=r"Leaky\[.*\] has no 'W'"):
        cells[:2].W  # noqa: B018
    with brainstate.environ.context(dt=1.0 * u.ms):
        brainstate.nn.init_all_states(cells)
        cells[[3, 1]].V.value = jnp.array([5.0, 7.0]) * u.mV
        np.testing.assert_array_equal(cells.V.value.to_decimal(u.mV), [0.0, 7.0, 0.0, 5.0])
        np.testing.assert_array_equal(V().to_decimal(u.mV), [5.0, 7.0])
        cells()
        cells()
        seen = late().to_decimal(u.mV)
    np.testing.assert_allclose(seen, np.exp(-0.1) * np.array([5.0, 7.0]), rtol=1e-5)


def test_views_are_recorded_and_given_inputs() -> None:
    net = Network()
    net.cells = Leaky(6, tau=1e9 * u.ms, V_th=10 * u.mV)
    net.odd = net.cells[1::2]
    strong = 1e9 * np.array([3.0, 0.0, 4.0]) * u.mA
    run = {"dt": 1.0 * u.ms, "inputs": {net.odd: lambda t: strong, net.cells[4:]: 1e9 * u.mA}}
    record = {
        "spikes": Spikes(net.cells[1::2]),
        "V": Trace(net.cells[[5, 0]], "V"),
        "all": "cells.V",
        "named": "odd.spikes",
    }
    seen = simulate(net, 8 * u.ms, record=record, **run)
    V = seen["all"].values.to_decimal(u.mV)
    assert V[1] == pytest.approx([0.0, 6.0, 0.0, 0.0, 2.0, 10.0])
    np.testing.assert_array_equal(seen["V"].values.to_decimal(u.mV), V[:, [5, 0]])
    assert seen["spikes"].size == 3
    assert set(seen["spikes"].index) == {0, 2}
    np.testing.assert_array_equal(seen["spikes"].step, seen["named"].step)


def test_a_regular_view_compiles_to_fixed_bounds() -> None:
    view = Leaky(100)[10:90:2]
    for function, n in ((view.take, 100), (view.spread, 40)):
        program = str(jax.make_jaxpr(function)(jnp.zeros(n)))
        assert "scatter" not in program
        assert "gather" not in program
