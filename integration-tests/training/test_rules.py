"""Learning rules, short: what the table of `rules.py` and the figure of `memory.py` rest on."""

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import memory
import pytest
import rules


def test_pieces_save_memory_and_reach_the_same() -> None:
    rows = {rule: rules.measure(rule, epochs=6) for rule in ("bptt", "bptt-checkpointed", "tbptt")}
    whole, pieces, cut = rows.values()
    assert whole.accuracy > 0.93
    assert pieces.accuracy == pytest.approx(whole.accuracy, abs=0.02)
    assert cut.accuracy > 0.9
    assert pieces.memory < whole.memory / 3
    assert cut.memory < whole.memory / 3


@pytest.mark.skipif(importlib.util.find_spec("braintrace") is None, reason="braintrace is missing")
@pytest.mark.parametrize("rule", ["eprop", "d-rtrl", "pp-prop"])
def test_online_rules_learn(rule: str) -> None:
    assert rules.measure(rule, epochs=3).accuracy > 0.8


def test_memory_of_a_gradient_grows_with_the_root_of_the_length(tmp_path: Path) -> None:
    """Gradients are compared in `survey`."""
    rows = memory.survey((100, 1000, 10_000))
    powers = memory.exponents(rows)
    assert powers["bptt-checkpointed"] <= 0.55
    assert powers["bptt"] == pytest.approx(1.0, abs=0.05)
    pytest.importorskip("matplotlib")
    memory.draw(rows, tmp_path / "memory.svg")
    assert ET.parse(tmp_path / "memory.svg").getroot().tag.endswith("svg")
