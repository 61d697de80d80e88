"""Models of `brainloom-nest` against NEST's own (what is stored: ../reference/README.md).

Each case is one neuron under a constant current and two given spike trains, spike for spike on
the grid, and V at every sample. Models that NEST solves exactly must agree to rounding; those that
it solves adaptively, to the tolerance of that.
"""

import json
from collections.abc import Callable
from pathlib import Path

import brainloom_nest
import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import Neuron, simulate
from brainloom_nest import static_synapse
from brainloom_neurons import SpikeTime
from brainloom_projections import AllToAll
from brainloom_testing.verification.simulation import double_precision
from nest_cases import CASES, DELAYS, DT, DURATION, EVERY, TRAINS, Case

TRACES = Path(__file__).parent / "nest_models"
# Rounding of the stored numbers.
EXACT = 2e-6  # mV
ADAPTIVE = 1e-3  # mV
# In an upswing of hundreds of mV/ms, V is as good as the time at which it is there.
EARLY = 2e-4  # ms
SOLVED_EXACTLY = {
    *("iaf_psc_delta", "iaf_psc_exp", "iaf_psc_alpha", "mat2_psc_exp", "izhikevich"),
    *("gif_psc_exp", "glif_psc"),
}


def ours(model: str, case: Case) -> Neuron:
    cls = getattr(brainloom_nest, model)
    declared = cls.declared_parameters()
    units = {name: getattr(declared[name], "unit", None) for name in case.parameters}
    return cls(
        1,
        **{
            name: value if units[name] is None else np.asarray(value) * units[name]
            for name, value in case.parameters.items()
        },
    )


class Bench(brainstate.nn.Module):
    """A neuron of a case and its trains."""

    def __init__(self, model: str, case: Case) -> None:
        super().__init__()
        self.cell = ours(model, case)
        owner = [k for k, train in enumerate(TRAINS) for _ in train]
        self.sources = SpikeTime(len(TRAINS), owner, np.concatenate(TRAINS) * u.ms)
        self.synapses = [
            static_synapse(
                *(1, self.cell, AllToAll()),
                weight=weight * self._unit(port),
                delay=delay * u.ms,
                receptor_type=port if port not in ("ex", "in") else None,
            )
            for weight, delay, port in zip(case.weights, DELAYS, case.ports, strict=True)
            if weight
        ]
        self.rows = [k for k, weight in enumerate(case.weights) if weight]

    def _unit(self, port: str) -> u.Unit:
        name = self.cell.state_of_jump(port if self.cell.ports else None)
        if name == "V":
            return u.mV
        return u.get_unit(self.cell.declared_states()[name].initial(self.cell, ()))

    def update(self) -> None:
        spikes = self.sources()
        for synapse, row in zip(self.synapses, self.rows, strict=True):
            synapse(spikes[row : row + 1])
        self.cell()


def run(model: str, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The steps of the spikes, and V after each step."""
    with double_precision(DT):
        bench = Bench(model, case)
        record = ["cell.V", "cell.spikes"]
        recorded = simulate(bench, DURATION * u.ms, record=record, progress=False)
    V = np.asarray(recorded["cell.V"].values.to_decimal(u.mV))[:, 0]
    return np.asarray(recorded["cell.spikes"].step), V


@pytest.mark.parametrize(
    ("model", "number"), [(model, k) for model in CASES for k in range(len(CASES[model]))]
)
def test_model(model: str, number: int, report: Callable[[str, str], None]) -> None:
    """Spike for spike, and V, but for samples at a spike, whose reset is shown a step later."""
    stored = json.loads((TRACES / f"{model}.nest.json").read_text(encoding="utf-8"))
    theirs = stored["cases"][number]
    spikes, V = run(model, CASES[model][number])
    sampled = round(EVERY / DT) * np.arange(1, 1 + len(theirs["V"])) - 1
    # The reset is seen a step later; and an upswing has no slope in the step before its spike.
    at_spike = np.isin(sampled + 1, theirs["spikes"]) | np.isin(sampled + 2, theirs["spikes"])
    difference = np.abs(V[sampled] - theirs["V"])[~at_spike]
    slope = np.abs(np.gradient(V, DT))[sampled][~at_spike]
    wrong = len(set(spikes.tolist()) ^ set(theirs["spikes"]))
    off, usual = difference.max(), np.sort(difference)[round(0.95 * len(difference))]
    numbers = f"{off:11.1e} {usual:11.1e} {len(spikes):>7} {wrong:>5}"
    report("nest models", f"{model:22} {number:>4} {numbers}")
    assert spikes.tolist() == theirs["spikes"]
    if model in SOLVED_EXACTLY:
        assert off <= EXACT
    assert np.all(difference <= ADAPTIVE + EARLY * slope)
