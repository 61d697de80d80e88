"""The memory of synaptic state, small: what the page on alignment shows is measured like this."""

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import brainstate
import pytest

FILE = Path(__file__).parents[1] / "benchmarks" / "memory.py"
_spec = importlib.util.spec_from_file_location("memory", FILE)
memory = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(memory)


def test_synaptic_state_grows_with_the_neurons_and_not_with_the_synapses(tmp_path: Path) -> None:
    with brainstate.environ.context(precision=32):
        rows = memory.survey((200, 400, 800), in_degree=20)
    for exponent in memory.exponents(rows).values():
        assert exponent == pytest.approx(1.0, abs=0.02)
    per_neuron = {row.way: row.state / row.neurons for row in rows}
    assert per_neuron["AlignPost"] == 4.0  # one float32: the conductance
    assert per_neuron["AlignPre"] == 8.0  # two: the conductance and what is left of a pulse
    assert per_neuron["per synapse"] == 20 * 4.0
    # What is under way, for each step up to 2 ms and for now, beside the conductance.
    assert per_neuron["AlignPost, delays to 2 ms"] == pytest.approx(4 * (21 + 1), rel=0.01)
    pytest.importorskip("matplotlib")
    figures = [tmp_path / name for name in ("one.svg", "two.svg")]
    for figure in figures:
        memory.draw(rows, figure)
    assert figures[0].read_bytes() == figures[1].read_bytes()
    assert ET.parse(figures[0]).getroot().tag.endswith("svg")
