"""What is said of a run before it starts, and what is left of one that is interrupted."""

import _thread
import signal
from collections.abc import Iterator

import brainstate
import brainunit as u
import jax
import numpy as np
import pytest
from brainloom_core import (
    Interrupted,
    Network,
    Neuron,
    Uniform,
    explain,
    initializer,
    param,
    simulate,
    state,
)
from brainloom_core.run.recording import Tape


class Leaky(Neuron):
    tau = param(default=20.0 * u.ms)
    V_th = param(default=20.0 * u.mV)
    V_reset = param(default=0.0 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V, I):
        return (I * u.ohm - V) / self.tau


def network(n=10):
    net = Network()
    net.E = Leaky(n, V_initializer=Uniform(0.0 * u.mV, 20.0 * u.mV))
    return net


RUN = {"dt": 0.1 * u.ms, "inputs": 30 * u.mA}


def test_a_network_is_explained_without_being_changed():
    with brainstate.random.seed_context(1):
        expected = simulate(network(), 20 * u.ms, record="E.V", **RUN)["E.V"].values
    with brainstate.random.seed_context(1):
        net = network()
        found = explain(net, 1 * u.second, record=["E.V", "E.spikes"], **RUN)
        assert "V" not in vars(net.E)
        got = simulate(net, 20 * u.ms, record="E.V", **RUN)["E.V"].values
        assert np.array_equal(got.mantissa, expected.mantissa)
        before = [s.value for s in net.states().values()]
        explain(net, 1 * u.second, **RUN)
        after = [s.value for s in net.states().values()]
        assert all(x is y for x, y in zip(*map(jax.tree.leaves, (before, after)), strict=True))
    assert found.n_steps == 10_000 and found.problems == ()
    trace = 10_000 * (10 * 4 + 8)
    assert trace < found.bytes["recording"] < trace + 100_000
    assert found.bytes["states"] >= 40
    assert found.run_time > found.n_steps * found.step_time > 0
    text = repr(found)
    assert text.startswith("Network for 1 s in steps of 0.1 ms") and "Leaky(10" in text
    assert "<table>" in found._repr_html_()


def test_what_does_not_fit_into_memory_is_said():
    with pytest.warns(RuntimeWarning, match="the recording takes most of it: record less"):
        found = explain(network(1000), 1e6 * u.second, record="E.V", **RUN)
    assert found.run_time is None and len(found.problems) == 1
    assert found.problems[0] in repr(found)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C as in a terminal: what runs in the background may have it switched off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_a_run_where_it_can_go_on(monkeypatch, ctrl_c):
    net, chunks, take = network(), iter(range(100)), Tape.take
    whole = simulate(network(), 500 * u.ms, seed=1, record="E.spikes", **RUN)

    def pressed(self, *args):
        if next(chunks) == 1:
            _thread.interrupt_main()
        take(self, *args)

    monkeypatch.setattr(Tape, "take", pressed)
    with pytest.raises(KeyboardInterrupt, match="interrupted at .* ms") as raised:
        simulate(net, 500 * u.ms, seed=1, record="E.spikes", **RUN)
    assert isinstance(raised.value, Interrupted)
    part = raised.value.recording
    assert 0 < part.end.to_decimal(u.ms) < 500
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    rest = simulate(net, 500 * u.ms - part.end, seed=1, record="E.spikes", **RUN)
    for key in ("step", "index"):
        both = [getattr(r["E.spikes"], key) for r in (part, rest)]
        assert np.array_equal(np.concatenate(both), getattr(whole["E.spikes"], key))
