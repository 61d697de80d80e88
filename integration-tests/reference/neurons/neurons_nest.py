"""Traces of single neurons made by NEST; `make_traces.py` calls this.

    python neurons_nest.py --output FOLDER

Currents are changed through `I_e` between calls of `Simulate`, which acts at once; those of the
GLIF models, which have no `I_e`, come from a generator, whose latency is taken off.
"""

from __future__ import annotations

import argparse
import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cells
import nest
import numpy as np
from cells import CELLS, DURATION, EVERY, Cell, Result

DELAY = 1.0  # ms, of the connections
START = 2.0  # ms, before which no current from a generator can act
TAIL = 3.0  # ms simulated at the end, until the devices have received everything

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Native:
    """A model of NEST: its name, its parameters from our arguments, and its grid.

    `cell` is given where it is not that of the other simulators.
    """

    name: str
    parameters: Callable[[Cell], Parameters]
    scheme: str = "converged"
    dt: float = 0.01
    cell: Cell | None = None
    generator: bool = False  # the current comes from a device


def leaky(cell: Cell) -> Parameters:
    """C (pF) and the potentials of the integrate-and-fire models, from R (Gohm) and tau (ms)."""
    R, tau = cell.quantity("R", "Gohm"), cell.quantity("tau", "ms")
    potentials = {"E_L": "V_rest", "V_reset": "V_reset", "V_m": "V_initializer"}
    found = {ours: cell.quantity(name, "mV") for ours, name in potentials.items()}
    return {"C_m": tau / R, "t_ref": refractory(cell), **found}


def refractory(cell: Cell) -> float:
    return cell.quantity("tau_ref", "ms") if "tau_ref" in cell.arguments else 0.0


def iaf(cell: Cell) -> Parameters:
    tau = {"tau_m": cell.quantity("tau", "ms")}
    return {**leaky(cell), **tau, "V_th": cell.quantity("V_th", "mV")}


def iaf_psc_exp(cell: Cell) -> Parameters:
    tau = cell.quantity("tau_syn", "ms")
    return {**iaf(cell), "tau_syn_ex": tau, "tau_syn_in": tau}


def iaf_cond_exp(cell: Cell) -> Parameters:
    threshold = {"V_th": cell.quantity("V_th", "mV"), "g_L": 1.0 / cell.quantity("R", "Gohm")}
    synapse = {"E_ex": cell.quantity("E", "mV"), "tau_syn_ex": cell.quantity("tau_syn", "ms")}
    return {**leaky(cell), **threshold, **synapse}


def two_receptors(cell: Cell) -> Parameters:
    """Negative weights, made by `connect_events`, reach the inhibitory receptor."""
    E, tau = cell.quantity("E", "mV"), cell.quantity("tau_syn", "ms")
    threshold = {"V_th": cell.quantity("V_th", "mV"), "g_L": 1.0 / cell.quantity("R", "Gohm")}
    exc, inh = ({f"E_{x}": E[k], f"tau_syn_{x}": tau[k]} for k, x in enumerate(("ex", "in")))
    return {**leaky(cell), **threshold, **exc, **inh}


def perfect(cell: Cell) -> Parameters:
    """No leak; the step is then without error."""
    values = {"C_m": cell.quantity("C", "pF"), "g_L": 0.0, "t_ref": 0.0}
    potentials = {"V_th": "V_th", "V_reset": "V_reset", "V_m": "V_initializer"}
    return values | {theirs: cell.quantity(ours, "mV") for theirs, ours in potentials.items()}


def aeif(cell: Cell) -> Parameters:
    """NEST calls the foot of the exponential V_th, and V_peak what ends the spike."""
    adapts = "a" in cell.arguments
    return {
        **leaky(cell),
        "g_L": 1.0 / cell.quantity("R", "Gohm"),
        "V_th": cell.quantity("V_T", "mV"),
        "V_peak": cell.quantity("V_th", "mV"),
        "Delta_T": cell.quantity("delta_T", "mV"),
        "a": cell.quantity("a", "nS") if adapts else 0.0,
        "b": cell.quantity("b", "pA") if adapts else 0.0,
        "tau_w": cell.quantity("tau_w", "ms") if adapts else 100.0,
        "w": 0.0,
        "gsl_error_tol": 1e-9,
    }


def izhikevich(cell: Cell) -> Parameters:
    units = {"a": "1/ms", "b": "1/ms", "c": "mV", "d": "mV/ms", "V_th": "mV"}
    initial = {
        "V_m": cell.quantity("V_initializer", "mV"),
        "U_m": cell.quantity("u_initializer", "mV/ms"),
    }
    own = {name: cell.quantity(name, unit) for name, unit in units.items()}
    return {**own, **initial, "consistent_integration": False}


def hodgkin_huxley(cell: Cell) -> Parameters:
    return {
        "C_m": cell.quantity("C", "pF"),
        "g_Na": cell.quantity("gNa", "nS"),
        "g_K": cell.quantity("gK", "nS"),
        "g_L": cell.quantity("gL", "nS"),
        "E_Na": cell.quantity("ENa", "mV"),
        "E_K": cell.quantity("EK", "mV"),
        "E_L": cell.quantity("EL", "mV"),
        "V_m": cell.quantity("V_initializer", "mV"),
        "Act_m": cell.quantity("m_initializer", None),
        "Inact_h": cell.quantity("h_initializer", None),
        "Act_n": cell.quantity("n_initializer", None),
    }


def traub(cell: Cell) -> Parameters:
    return {**hodgkin_huxley(cell), "V_T": cell.quantity("V_T", "mV")}


def glif(cell: Cell) -> Parameters:
    """The fifth GLIF model without jumps of the threshold, and with V_reset = V_rest.

    During the refractory period it holds the after-spike currents, and adds their jumps at its end.
    """
    R, t_ref = cell.quantity("R", "Gohm"), cell.quantity("tau_ref", "ms")
    k = [cell.quantity(name, "1/ms") for name in ("k1", "k2")]
    jumps = [cell.quantity(name, "pA") for name in ("A1", "A2")]
    return {
        "g": 1.0 / R,
        "C_m": cell.quantity("tau", "ms") / R,
        "E_L": cell.quantity("V_rest", "mV"),
        "V_m": cell.quantity("V_initializer", "mV"),
        "V_reset": cell.quantity("V_reset", "mV"),
        "V_th": cell.quantity("V_th_inf", "mV"),
        "t_ref": t_ref,
        "spike_dependent_threshold": True,
        "after_spike_currents": True,
        "adapting_threshold": True,
        "th_spike_add": 0.0,
        "voltage_reset_fraction": 0.0,
        "voltage_reset_add": 0.0,
        "th_voltage_index": cell.quantity("a", "1/ms"),
        "th_voltage_decay": cell.quantity("b", "1/ms"),
        "asc_init": [0.0, 0.0],
        "asc_decay": k,
        "asc_amps": [A * math.exp(-rate * t_ref) for A, rate in zip(jumps, k, strict=True)],
        "asc_r": [cell.quantity(name, None) for name in ("R1", "R2")],
    }


# The shortest period that NEST allows: over longer ones it also holds the threshold.
GIF_CELL = cells.varied(CELLS["GifRef"], tau_ref=[0.01, "ms"])
# NEST takes the two half steps of the paper, whose step is 1 ms.
IZHIKEVICH_CELL = cells.varied(CELLS["Izhikevich"], solver="izhikevich2003")

NATIVE = {
    "PerfectIF": Native("iaf_cond_exp", perfect, "exact", 0.1),
    "LIF": Native("iaf_psc_delta", iaf, "exact", 0.1),
    "LIFRef": Native("iaf_psc_delta", iaf, "exact", 0.1),
    "CubaLIF": Native("iaf_psc_exp", iaf_psc_exp, "exact", 0.1),
    "CobaLIF": Native("iaf_cond_exp", iaf_cond_exp),
    "MultiReceptorLIF": Native("iaf_cond_exp", two_receptors),
    "ExpIF": Native("aeif_psc_delta", aeif),
    "ExpIFRef": Native("aeif_psc_delta", aeif),
    "AdExIF": Native("aeif_psc_delta", aeif),
    "AdExIFRef": Native("aeif_cond_exp", aeif),
    "HH": Native("hh_psc_alpha", hodgkin_huxley),
    "TraubMiles": Native("hh_cond_exp_traub", traub),
    "GifRef": Native("glif_psc", glif, cell=GIF_CELL, generator=True),
    "Izhikevich": Native("izhikevich", izhikevich, "same", 1.0, IZHIKEVICH_CELL),
}


def simulate(model: str, native: Native) -> Result:
    """All cases at once, and then the f-I curve."""
    cell = native.cell or CELLS[model]
    names = list(cell.cases)
    run = Run(cell, native, len(names))
    for name, neuron in zip(names, run.neurons, strict=True):
        connect_events(cell.events_of(name), neuron)
    run.drive([by_time(cell.cases[name]) for name in names])
    V, spikes = {}, {}
    for name, neuron in zip(names, run.neurons, strict=True):
        V[name] = run.samples(neuron, cell.duration(name))
        spikes[name] = run.train(neuron)
    curve = Run(cell, native, len(cell.currents))
    curve.drive([{0.0: current, DURATION: 0.0} for current in cell.currents])
    trains = [curve.train(neuron) for neuron in curve.neurons]
    return Result(V, spikes, trains, native.name, native.scheme, native.dt)


def by_time(sections: cells.Sections) -> dict[float, float]:
    """Values by the time at which they begin; the end has the value 0."""
    ends = list(itertools.accumulate(length for length, _ in sections))
    return dict(zip([0.0, *ends], [*(value for _, value in sections), 0.0], strict=True))


def connect_events(events: list[dict[str, Any]], neuron: Any) -> None:
    for event in events:
        times = [t - DELAY for t in event["times"]]
        generator = nest.Create("spike_generator", params={"spike_times": times})
        sign = -1.0 if event["receptor"] == "inh" else 1.0
        synapse = {"weight": sign * event["weight"], "delay": DELAY}
        nest.Connect(generator, neuron, syn_spec=synapse)


class Run:
    """Neurons with their devices; times are counted from `start`."""

    def __init__(self, cell: Cell, native: Native, count: int) -> None:
        nest.ResetKernel()
        nest.resolution = native.dt
        self.cell, self.native = cell, native
        self.start = START if native.generator else 0.0
        self.neurons = nest.Create(native.name, count, params=native.parameters(cell))
        # Spikes that are crossings are sought in V at every step.
        interval = native.dt if cell.spike_rule == "crossing" else EVERY
        self.meter = nest.Create("multimeter", {"record_from": ["V_m"], "interval": interval})
        self.recorder = nest.Create("spike_recorder")
        nest.Connect(self.meter, self.neurons)
        nest.Connect(self.neurons, self.recorder)

    def drive(self, currents: list[dict[float, float]]) -> None:
        """Simulate with currents given by the time at which they begin."""
        if self.native.generator:
            return self.drive_by_generators(currents)
        for begin, end in itertools.pairwise(sorted(set().union(*currents))):
            for values, neuron in zip(currents, self.neurons, strict=True):
                if begin in values:
                    neuron.I_e = values[begin]
            nest.Simulate(end - begin)
        nest.Simulate(TAIL)

    def drive_by_generators(self, currents: list[dict[float, float]]) -> None:
        for values, neuron in zip(currents, self.neurons, strict=True):
            times = [self.start - DELAY + t for t in values]
            course = {"amplitude_times": times, "amplitude_values": list(values.values())}
            generator = nest.Create("step_current_generator", params=course)
            nest.Connect(generator, neuron, syn_spec={"delay": DELAY})
        nest.Simulate(self.start + max(map(max, currents)) + TAIL)

    def samples(self, neuron: Any, duration: float) -> np.ndarray:
        t, V = self.events_of(self.meter, neuron, "V_m")
        every = np.isclose(np.round(t / EVERY) * EVERY, t, atol=1e-6)
        found = V[every & (t > 0.5 * EVERY) & (t < duration + 1e-6)]
        if len(found) != round(duration / EVERY):
            raise RuntimeError(f"{self.native.name}: {len(found)} samples of V")
        return found

    def train(self, neuron: Any) -> np.ndarray:
        if self.cell.spike_rule == "reset":
            return self.events_of(self.recorder, neuron, "times")[0]
        t, V = self.events_of(self.meter, neuron, "V_m")
        above = self.cell.quantity("V_th", "mV") <= V
        return t[1:][above[1:] & ~above[:-1]]

    def events_of(self, device: Any, neuron: Any, key: str) -> tuple[np.ndarray, np.ndarray]:
        events = device.events
        mine = np.flatnonzero(events["senders"] == neuron.global_id)
        mine = mine[np.argsort(events["times"][mine], kind="stable")]
        return events["times"][mine] - self.start, events[key][mine]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=NATIVE, default=list(NATIVE))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    nest.verbosity = nest.VerbosityLevel.ERROR
    for model in args.models:
        native = NATIVE[model]
        result, cell = simulate(model, native), native.cell or CELLS[model]
        cells.write(args.output, "nest", nest.__version__, model, cell, result)


if __name__ == "__main__":
    main()
