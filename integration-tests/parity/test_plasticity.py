"""Weights after given spikes on both sides, against what NEST made of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainloom_plasticity
import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import simulate
from brainloom_neurons import LIF, ReplaySpikes, SpikeTime
from brainloom_plasticity import PlasticProj
from brainloom_projections import Connection, DeltaProj, OneToOne
from brainloom_synapses import CUBA, Expon
from brainloom_testing.verification.quantities import quantity
from brainloom_testing.verification.simulation import double_precision
from cases import RULES, pairings

TRACES = Path(__file__).parent / "traces"
# Both decay without error between the same spikes: rounding of the stored numbers, eight digits.
EXACT = 1e-7


def load(case: str) -> dict[str, Any]:
    return json.loads((TRACES / f"{case}.nest.json").read_text(encoding="utf-8"))


def events(trains: list[list[float]]) -> tuple[Any, np.ndarray]:
    """Times and owners."""
    owner = np.concatenate([np.full(len(train), k) for k, train in enumerate(trains)])
    return np.concatenate(trains) * u.ms, owner


class Pairs(brainstate.nn.Module):
    """Pairs of neurons, each joined by one synapse; what makes the second spike is a jump."""

    def __init__(self, stored: dict[str, Any]) -> None:
        super().__init__()
        before, after = (events(list(side)) for side in zip(*pairings(), strict=True))
        n = len(stored["weights"])
        self.sources = SpikeTime(n, before[1], before[0])
        # A kick acts at the end of its step, where the spike that it makes shall be.
        self.kicks = ReplaySpikes(n, after, start=-brainstate.environ.get_dt())
        self.post = LIF(n, V_th=1.0 * u.volt, spk_reset="hard")
        kind, given = stored["rule"]
        rule = getattr(brainloom_plasticity, kind)
        self.plastic = PlasticProj(
            n,
            self.post,
            OneToOne(),
            Expon.desc(g_initializer=0.0 * u.pA),
            CUBA.desc(scale=1.0),
            weight=quantity(stored["w_first"]),
            rule=rule(**{name: quantity(value) for name, value in given.items()}),
        )
        jumps = Connection(n, self.post, OneToOne(), weight=2.0 * u.volt)
        self.forced = DeltaProj(comm=jumps, post=self.post)

    def update(self) -> None:
        self.plastic(self.sources() != 0)
        self.forced(self.kicks())
        self.post()


@pytest.mark.parametrize("case", RULES)
def test_weights_after_60_pairings(case: str, report: Callable[[str, str], None]) -> None:
    """At 10 to 50 Hz, 10 ms after and before; and after two random trains."""
    stored = load(case)
    end = max(max(pre) for pre, _ in pairings()) + 1.0
    with double_precision(stored["dt"]):
        pairs = Pairs(stored)
        recorded = simulate(pairs, end * u.ms, record="post.spikes", progress=False)
    assert len(recorded["post.spikes"]) == sum(len(post) for _, post in pairings())
    weights = np.asarray(pairs.plastic.weight.to_decimal(u.pA))
    theirs = np.asarray(stored["weights"])
    off = np.abs(weights - theirs).max()
    report("plasticity", f"{case:26} {theirs.min():5.3f}-{theirs.max():5.3f} {off:11.1e}")
    assert off <= EXACT
    # What is compared has changed, by much more than by which it may differ.
    assert np.abs(theirs - quantity(stored["w_first"]).to_decimal(u.pA)).min() > 1e-3
