"""A network advances all that it holds, each once a step, or says what it does not."""

import re
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    Dynamics,
    InputError,
    Network,
    Neuron,
    Projection,
    Synapse,
    initializer,
    param,
    simulate,
    state,
)
from brainloom_core.names import dotted, name_in, named, owner_of

Module = brainstate.nn.Module


class Cell(Neuron):
    """Adds its input up."""

    V_th = param(1e9 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return I * u.ohm / u.ms


class Gate(Dynamics):
    """A state of its own that is no neuron."""

    x_initializer = initializer(0.0)
    x = state("x_initializer")

    def dx(self, x: Any) -> Any:
        return 1.0 / u.ms + 0.0 * x / u.ms

    def update(self) -> Any:
        self.assign_states(self.integrate(self.state_values(), None))
        return self.x.value


class Trickle(Synapse):
    g_initializer = initializer(1.0 * u.mS)
    g = state("g_initializer")

    def dg(self, g: Any) -> Any:
        return -g / (10.0 * u.ms)


class Drip(Gate):
    """A source: what it gives in a step is there when projections look."""

    role = "source"


class Wrapper(Module):
    """Without an update: only a place to hold things."""


class Unit(Module):
    """With an update of its own, which calls what it likes."""

    def __init__(self, *called: Any, forgotten: Any = None) -> None:
        super().__init__()
        self.called, self.forgotten = list(called), forgotten

    def update(self, x: Any = None) -> None:
        for module in self.called:
            module(x)


class Push(Projection):
    """Gives a population what a source holds, in mA."""

    def __init__(self, source: Any, post: Any) -> None:
        super().__init__()
        self.source, self.post = source, post

    def update(self) -> None:
        self.post.add_current_input("push", self.source.x.value * u.mA)


def potential(cell: Any) -> float:
    return float(cell.V.value.to_decimal(u.mV)[0])


def step(net: Any, x: Any = 1.0 * u.mA) -> None:
    brainstate.nn.init_all_states(net)
    net(x)


def held() -> dict[str, tuple[Network, list[Any]]]:
    """Networks that hold cells in any way, and those cells."""
    cells = [Cell(1) for _ in range(3)]
    nested, deep, listed, unit, own = (Network() for _ in range(5))
    nested.sub = Network()
    nested.sub.E, nested.F = cells[0], cells[1]
    deep.wrapper = Wrapper()
    deep.wrapper.sub = Network()
    deep.wrapper.sub.wrapper = Wrapper()
    deep.wrapper.sub.wrapper.E = cells[0]
    listed.cells = [cells[0], {"b": cells[1]}]
    listed.more = (cells[2],)
    unit.unit, unit.F = Unit(cells[0]), cells[1]
    own.sub = Network()
    own.sub.unit = Unit(Unit(cells[0]), cells[1])
    return {
        "nested": (nested, cells[:2]),
        "deep": (deep, cells[:1]),
        "listed": (listed, cells),
        "unit": (unit, cells[:2]),
        "units": (own, cells[:2]),
    }


@pytest.mark.parametrize("how", held())
def test_all_that_is_held_advances(how: str) -> None:
    net, cells = held()[how]
    step(net)
    assert [potential(cell) for cell in cells] == pytest.approx([0.1] * len(cells))
    brainstate.nn.init_all_states(net)
    simulate(net, 0.3 * u.ms, inputs=1.0 * u.mA)
    assert [potential(cell) for cell in cells] == pytest.approx([0.3] * len(cells))


def test_dynamics_that_are_no_neurons_advance_without_the_input() -> None:
    net = Network()
    net.gate, net.synapse, net.E = Gate(1), Trickle(1), Cell(1)
    step(net)
    assert float(net.gate.x.value[0]) == pytest.approx(0.1)
    assert net.synapse.g.value.to_decimal(u.mS)[0] == pytest.approx(np.exp(-0.01))
    assert potential(net.E) == pytest.approx(0.1)


def test_sources_come_first_and_populations_last() -> None:
    net = Network()
    net.a = Cell(1)  # alphabetical order would be the wrong way round
    net.b = Wrapper()
    net.b.push = Push(Drip(1), net.a)
    net.c = net.b.push.source
    step(net, None)
    assert potential(net.a) == pytest.approx(0.1 * 0.1)


def test_the_old_word_for_projections_still_counts() -> None:
    class Old(Module):
        acts_on_populations = True

        def __init__(self, post: Any) -> None:
            super().__init__()
            self.post = post

        def update(self) -> None:
            self.post.add_current_input("old", 3.0 * u.mA)

    net = Network()
    net.a = Cell(1)
    net.z = Old(net.a)
    step(net, None)
    assert potential(net.a) == pytest.approx(0.3)


def test_parts_without_dynamics_are_left_alone() -> None:
    net = Network()
    net.E, net.readout = Cell(1), brainstate.nn.Linear(1, 1)
    step(net)


# What it does not advance


def forgotten() -> Any:
    net = Network()
    net.unit = Unit(Cell(1), forgotten=Cell(1))
    return net


def beside() -> Any:
    net = Unit(Cell(1), forgotten=Wrapper())
    net.forgotten.gate = Gate(1)
    return net


def absent() -> Any:
    """The target of a projection that the network does not hold."""
    net = Network()
    net.source, net.E = Drip(1), Cell(1)
    net.push = Push(net.source, Cell(1))
    return net


def twice() -> Any:
    cell = Cell(1)
    return Unit(cell, cell)


def two_names() -> Any:
    net = Network()
    net.E = Cell(1)
    net.sub = Network()
    net.sub.same = net.E
    return net


def by_unit_too() -> Any:
    net = Network()
    net.E = Cell(1)
    net.unit = Unit(net.E)
    return net


def unknown_role() -> Any:
    net = Network()
    net.E, net.unit = Cell(1), Unit(Cell(1))
    net.unit.role = "observer"
    return net


WRONG: dict[Callable[[], Any], str] = {
    forgotten: r"'unit.forgotten' \(Cell\) stands still: nothing calls it in a step",
    beside: r"'forgotten.gate' \(Gate\) stands still",
    absent: r"'push.post' \(Cell\) stands still",
    twice: r"'called.0' \(Cell\) was called twice in one step",
    two_names: "'E' and 'sub.same' are one Cell, which would be called twice in a step",
    by_unit_too: r"'unit' \(Unit\) refers to 'E', .* Say in its class what it is: role =",
    unknown_role: r"'unit' \(Unit\): role: expected one of 'source', 'projection', 'population'",
}


@pytest.mark.parametrize("make", WRONG)
def test_what_is_not_advanced_or_twice_is_named(make: Callable[[], Any]) -> None:
    net = make()
    with pytest.raises(InputError, match=WRONG[make]):
        simulate(net, 0.2 * u.ms)
    if isinstance(net, Network) and make is not absent:  # somebody else may advance the target
        with pytest.raises(InputError, match=WRONG[make]):
            step(net, None)


def test_an_input_that_nothing_takes() -> None:
    net = Network()
    net.gate = Gate(1)
    with pytest.raises(InputError, match="nothing in the network takes the input"):
        step(net)


class Doubtful(Module):
    """Calls its cell in a way that a look at the calls of one trace could misread."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.E, self.how = Cell(1), how
        self.compiled = brainstate.transform.jit(lambda: self.E(1.0 * u.mA))

    def update(self) -> None:
        if self.how == "cond":
            brainstate.transform.cond(
                brainstate.environ.get("i") % 2 == 0,
                lambda: self.E(1.0 * u.mA),
                lambda: self.E(3.0 * u.mA),
            )
        elif self.how == "loop":
            brainstate.transform.for_loop(lambda i: self.E(1.0 * u.mA), jnp.arange(2))
        elif self.how == "jit":
            self.compiled()
        else:
            self.E.V.value = self.E.V.value + 0.2 * u.mV


@pytest.mark.parametrize("how", ["cond", "loop", "jit", "by hand"])
def test_calls_in_branches_loops_and_compiled_functions_count(how: str) -> None:
    net = Doubtful(how)
    for _ in range(2):  # another length, so that it is traced again
        simulate(net, 0.2 * u.ms)
    simulate(net, 0.6 * u.ms)
    assert potential(net.E) == pytest.approx(1.0 if how == "jit" else 2.0)


def test_a_network_within_a_loop_of_ones_own() -> None:
    net = Network()
    net.sub = Network()
    net.sub.E = Cell(1)
    brainstate.nn.init_all_states(net)
    loop = brainstate.transform.for_loop
    brainstate.transform.jit(lambda: loop(lambda i: net(1.0 * u.mA), jnp.arange(5)))()
    assert potential(net.sub.E) == pytest.approx(0.5)


def test_the_bookkeeping_leaves_nothing_in_what_is_compiled() -> None:
    unit, net = Unit(Cell(3)), Network()
    net.E = Cell(3)
    brainstate.nn.init_all_states([unit, net])

    def program(model: Any) -> str:
        made = brainstate.transform.make_jaxpr(lambda: model(1.0 * u.mA))()[0]
        return re.sub(r"0x\w+", "", str(made.jaxpr.eqns))

    assert program(net) == program(unit)


# Names


def test_dotted_names() -> None:
    net = Network()
    net.sub = Network()
    net.sub.layers, net.by = [Cell(1), Cell(2)], {"a": Cell(3)}
    second = net.sub.layers[1]
    assert named(net, "sub.layers.1") is second
    assert named(net, "by.a") is net.by["a"]
    assert named(net, "") is net
    assert owner_of(net, "sub.layers.1.V") == (second, "V")
    assert name_in(net, second) == "sub.layers.1" == dotted(("sub", "layers", 1))
    assert name_in(net, net) == ""
    assert name_in(net, Cell(1)) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sub.lauers", "'sub.lauers': Network has no 'lauers'. Did you mean 'layers'?"),
        ("sub.layers.2", "'sub.layers.2': list has no '2'"),
        ("x", "'x': Network has no 'x'"),
    ],
)
def test_names_that_mean_nothing(name: str, text: str) -> None:
    net = Network()
    net.sub = Network()
    net.sub.layers = [Cell(1), Cell(2)]
    with pytest.raises(InputError, match=re.escape(text)):
        named(net, name)


def test_recording_by_dotted_names() -> None:
    net = Network()
    net.sub = Network()
    net.sub.layers = [Cell(1), Cell(2)]
    recording = simulate(
        net, 0.2 * u.ms, inputs=1.0 * u.mA, record=["sub.layers.1.V", "sub.layers.0.spikes"]
    )
    assert recording["sub.layers.1.V"].values.shape == (2, 2)
    assert len(recording["sub.layers.0.spikes"]) == 0


def test_a_network_is_shown_in_a_table_with_what_differs_from_the_defaults() -> None:
    net = Network()
    net.E = Cell(100, V_reset=-1.0 * u.mV)
    net.sub = Network()
    net.sub.I = Cell((5, 5), V_th=np.full((5, 5), 2.0) * u.mV)
    assert repr(net.E) == "Cell(100, V_reset=-1 mV)"
    assert repr(net).splitlines() == [
        "Network of 125 neurons",
        "  population  E      Cell(100, V_reset=-1 mV)",
        "  population  sub.I  Cell(5 x 5, V_th=2 mV)",
    ]
    assert '<td style="text-align: left">sub.I</td>' in net._repr_html_()
    assert all(len(line) <= 100 for line in repr(net).splitlines())
