"""Reports say what was kept and what was lost, and errors say what to do."""

from typing import Any

import brainstate
import brainunit as u
import nir
import numpy as np
import pytest
from brainloom_core import Normal
from brainloom_neurons import ALIF, HH, LIF, AdExIF, CubaLIF, LIFRef
from brainloom_nir import (
    Context,
    Conv,
    Counterpart,
    Input,
    LossReport,
    NIRError,
    NIRNetwork,
    from_nir,
    round_trip,
    to_nir,
)
from brainloom_training import LeakyRateReadout


def fates(report: LossReport) -> dict[str, str]:
    return {finding.what: finding.fate for finding in report.findings}


def test_a_plain_neuron_loses_nothing_but_what_nir_lacks() -> None:
    _, report = to_nir(LIF(2, spk_reset="hard"))
    assert fates(report) == {
        "units": "kept",
        "scheme": "approximated",
        "initial state": "private",
        "reset": "kept",
        "threshold": "private",
        "surrogate": "private",
        "dt": "private",
    }


@pytest.mark.parametrize(
    ("options", "what", "fate"),
    [
        ({"spk_reset": "soft"}, "reset", "private"),
        ({"solver": "euler"}, "scheme", "private"),
        ({"solver": lambda drifts, y, dt: y}, "scheme", "dropped"),
        ({"interpolate": True}, "spike times", "private"),
        ({"spk_fun": lambda z: z}, "surrogate", "dropped"),
        ({"V_initializer": Normal(0 * u.mV, 1 * u.mV)}, "initial state", "dropped"),
        ({"tau": brainstate.ParamState(5 * u.ms)}, "training", "dropped"),
    ],
)
def test_what_nir_has_no_field_for_is_said(options: dict[str, Any], what: str, fate: str) -> None:
    assert fates(to_nir(LIF(2, **options)).report)[what] == fate


def test_a_refractory_period_comes_back_but_others_do_not_see_it() -> None:
    graph, report = to_nir(LIFRef(2, tau_ref=3 * u.ms))
    assert fates(report)["refractory"] == "private"
    assert from_nir(graph).model["lifref"].tau_ref == 3 * u.ms
    node = graph.nodes["lifref"]
    bare = nir.LIF(*(getattr(node, name) for name in ("tau", "r", "v_leak", "v_threshold")))
    assert type(from_nir(nir.NIRGraph.from_list(bare)).model["lif"]) is LIF


def test_jumps_are_held_over_the_step_of_the_export() -> None:
    with brainstate.environ.context(dt=2.0 * u.ms):
        _, report = to_nir(LeakyRateReadout(2, 1))
    assert fates(report)["input"] == "approximated"
    assert "2 ms" in next(it.text for it in report.findings if it.what == "input")


def test_a_loop_is_late_by_a_step_and_said_to_be() -> None:
    nodes = {"lif": LIF(2), "w": brainstate.nn.Linear(2, 2)}
    net = NIRNetwork(nodes, [("input", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "output")])
    graph, report = to_nir(net)
    assert fates(report)["recurrence"] == "private"
    assert fates(from_nir(graph).report)["recurrence"] == "kept"
    graph.metadata = {}
    assert fates(from_nir(graph).report)["recurrence"] == "approximated"


def test_the_step_of_the_export_is_known_to_the_import() -> None:
    with brainstate.environ.context(dt=0.5 * u.ms):
        graph, report = to_nir(LIF(2))
    assert "0.5 ms" in report.findings[-1].text
    delay = nir.Delay(np.full(2, 0.0015))
    graph.nodes["late"] = delay
    graph.edges = [("input", "lif"), ("lif", "late"), ("late", "output")]
    assert fates(from_nir(graph).report)["delay"] == "kept"


def test_a_report_prints_as_a_table() -> None:
    lines = str(to_nir(LIF(2)).report).splitlines()
    assert lines[0].split() == ["node", "what", "fate", "how"]
    column = lines[0].index("how")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)


@pytest.mark.parametrize("model", [AdExIF(2), HH(2), ALIF(2), CubaLIF(2)])
def test_a_model_without_a_primitive_is_refused_by_name(model: Any) -> None:
    kind = type(model).__name__
    expected = rf"to_nir: {kind} has no counterpart in NIR. Replace it by one of .*FilteredLIF.*LIF"
    with pytest.raises(NIRError, match=expected):
        to_nir(model)
    inside = NIRNetwork({"fc": brainstate.nn.Linear(2, 2), "pop": model})
    with pytest.raises(NIRError, match=rf"to_nir: pop \({kind}\) has no counterpart"):
        to_nir(inside)


@pytest.mark.parametrize("unit", [u.mA, u.uA])
def test_a_module_with_an_update_of_its_own_is_traced_and_not_guessed(unit: u.Unit) -> None:
    class Net(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = brainstate.nn.Linear(2, 2), LIF(2)

        def update(self, x: Any) -> Any:
            return self.lif(self.fc(x) * unit)

    with pytest.raises(NIRError, match="Net: give the shape of its input"):
        to_nir(Net())
    if unit == u.uA:  # of an edge, whose numbers are in mA
        with pytest.raises(NIRError, match="found `mul` on the way to lif"):
            to_nir(Net(), input_shape=(2,))
        return
    edges = [("fc", "lif"), ("input", "fc"), ("lif", "output")]
    assert sorted(to_nir(Net(), input_shape=(2,)).graph.edges) == edges


def test_an_edge_that_does_not_fit_is_refused() -> None:
    with pytest.raises(NIRError, match=r"from 'a' to 'b' .* gives shape \(2,\) .* expects \(3,\)"):
        NIRNetwork({"a": LIF(2), "b": LIF(3)})
    with pytest.raises(NIRError, match="name nodes that are not there: c"):
        NIRNetwork({"a": LIF(2)}, [("a", "c")])
    with pytest.raises(NIRError, match="NIRNetwork.in_size: missing"):
        to_nir(Conv(np.ones((1, 1, 2))))
    with pytest.raises(NIRError, match="NIRNetwork.edges: none leads to 'b'"):
        NIRNetwork({"in": Input(2), "a": LIF(2), "b": LIF(2)}, [("in", "a")])
    lif = LIF(2)
    with pytest.raises(NIRError, match="expected a module of its own for each node"):
        NIRNetwork({"a": lif, "b": lif})
    with pytest.raises(NIRError, match="round_trip: give the step"), no_step():
        round_trip(LIF(2), np.ones((3, 2)))


def no_step() -> Any:
    return brainstate.environ.context(dt=None)


def test_a_counterpart_of_ones_own_is_used_both_ways() -> None:
    class Twice(brainstate.nn.Module):
        in_size = out_size = (2,)

        def update(self, x: Any) -> Any:
            return 2.0 * x

    def write(module: Twice, context: Context) -> nir.NIRNode:
        context.report("factor", "kept", "it is two")
        return nir.Scale(np.full(context.shape, 2.0))

    own = [Counterpart(Twice, nir.Scale, write, lambda node, context: Twice())]
    graph, report = to_nir(Twice(), counterparts=own)
    assert fates(report)["factor"] == "kept"
    assert isinstance(from_nir(graph, counterparts=own).model["twice"], Twice)
    with pytest.raises(NIRError, match="Twice has no counterpart"):
        to_nir(Twice())


def test_a_plugin_may_bring_counterparts(monkeypatch: pytest.MonkeyPatch) -> None:
    from brainloom_nir import brainloom_nir_nodes, hookimpl
    from pluggy import PluginManager

    class Silent(brainstate.nn.Module):
        in_size = out_size = (2,)

    class Plugin:
        @hookimpl
        def brainloom_nir_nodes(self) -> Any:
            silent = lambda module, context: nir.Scale(np.zeros(context.shape))  # noqa: E731
            return [Counterpart(Silent, nir.Scale, silent)]

    def load(self: PluginManager, group: str) -> int:
        assert group == brainloom_nir_nodes.__module__.split(".")[0]
        self.register(Plugin())
        return 1

    monkeypatch.setattr(PluginManager, "load_setuptools_entrypoints", load)
    assert not to_nir(Silent()).graph.nodes["silent"].scale.any()


def test_names_that_a_module_has_for_itself_can_be_nodes() -> None:
    one = np.ones(2)
    lif = nir.LIF(0.01 * one, one, 0 * one, one)
    nodes = {
        "update": nir.Input({"input": np.array([2])}),
        "states": lif,
        "1.w": nir.Scale(one),
        "order": nir.Output({"output": np.array([2])}),
    }
    graph = nir.NIRGraph(nodes, [("update", "states"), ("states", "1.w"), ("1.w", "order")])
    net, _ = from_nir(graph)
    assert isinstance(net["states"], LIF)
    assert set(to_nir(net).graph.nodes) == set(nodes)


def test_several_inputs_and_outputs_go_by_name() -> None:
    size = {"input": np.array([2])}
    nodes = {
        "left": nir.Input(size),
        "right": nir.Input(size),
        "twice": nir.Scale(np.full(2, 2.0)),
        "sum": nir.Output({"output": np.array([2])}),
        "double": nir.Output({"output": np.array([2])}),
    }
    edges = [("left", "sum"), ("right", "twice"), ("twice", "sum"), ("twice", "double")]
    net, _ = from_nir(nir.NIRGraph(nodes, edges))
    y = net({"left": np.ones(2), "right": np.full(2, 10.0)})
    np.testing.assert_array_equal(y["sum"], [21.0, 21.0])
    np.testing.assert_array_equal(y["double"], [20.0, 20.0])
    with pytest.raises(NIRError, match="expected inputs for"):
        net({"left": np.ones(2)})
