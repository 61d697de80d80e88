"""Reference activity of the benchmark networks 1 (COBA) and 2 (CUBA) of Brette et al. 2007.

Runs in an environment of its own (`pip install brian2 "numpy<2.4"`) and needs a C++ compiler:

    python brette2007.py --seeds 50 --output PATH

The demo of the package `brainloom` compares itself with the result, which it carries as
`packages/brainloom/src/brainloom/demos/brette2007.json`.

4000 integrate-and-fire neurons (3200 excitatory), each pair connected with probability 0.02, no
external input: the activity of the first second sustains itself from the initial conditions. COBA
draws its first conductances from normal distributions which reach below zero; nothing is clipped.

Brette, R. et al. (2007). Simulation of networks of spiking neurons: a review of tools and
strategies. Journal of Computational Neuroscience 23, 349-398. doi:10.1007/s10827-007-0038-6
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path

import brian2 as b2
import numpy as np
from brian2 import ms, mV, nS, pF

N, N_EXC, PROBABILITY = 4000, 3200, 0.02
DT_MS, DURATION_MS, WINDOW_MS, BIN_MS, MIN_SPIKES = 0.1, 1000.0, (100.0, 1000.0), 1.0, 3
SHARED = {"V_th": -50 * mV, "V_reset": -60 * mV, "tau_e": 5 * ms, "tau_i": 10 * ms}
REFRACTORY = 5 * ms

MEASURES = {
    "rate_hz": "spikes of all neurons in the window / (neurons * window length)",
    "cv": "mean over the neurons with at least 3 spikes in the window (2 intervals) of the "
    "population standard deviation of the interspike intervals over their mean",
    "synchrony": "variance over time of the population spike count in 1 ms bins / its mean "
    "(population Fano factor: 1 for independent Poisson neurons)",
}
SOURCE = "Brette et al. 2007, doi:10.1007/s10827-007-0038-6, benchmarks 1 (coba) and 2 (cuba)"


def coba() -> tuple[b2.NeuronGroup, dict]:
    """Conductance-based synapses."""
    equations = """
    dV/dt = (g_L*(E_L - V) + g_e*(E_e - V) + g_i*(E_i - V)) / C : volt (unless refractory)
    dg_e/dt = -g_e/tau_e : siemens
    dg_i/dt = -g_i/tau_i : siemens
    """
    constants = {"C": 200 * pF, "g_L": 10 * nS, "E_L": -60 * mV, "E_e": 0 * mV, "E_i": -80 * mV}
    constants |= {"w_e": 6 * nS, "w_i": 67 * nS, **SHARED}
    neurons = population(equations, "exponential_euler", constants)
    neurons.V = constants["E_L"] + np.random.normal(-5, 5, N) * mV
    neurons.g_e = np.random.normal(4, 1.5, N) * 10 * nS
    neurons.g_i = np.random.normal(20, 12, N) * 10 * nS
    return neurons, constants


def cuba() -> tuple[b2.NeuronGroup, dict]:
    """Current-based synapses, whose currents are written as voltages."""
    equations = """
    dV/dt = (g_e + g_i - (V - E_L)) / tau_m : volt (unless refractory)
    dg_e/dt = -g_e/tau_e : volt
    dg_i/dt = -g_i/tau_i : volt
    """
    constants = {"tau_m": 20 * ms, "E_L": -49 * mV, "w_e": 1.62 * mV, "w_i": -9 * mV, **SHARED}
    neurons = population(equations, "exact", constants)
    neurons.V = np.random.uniform(-60, -50, N) * mV
    return neurons, constants


NETWORKS = {"coba": coba, "cuba": cuba}


def population(equations: str, method: str, constants: dict) -> b2.NeuronGroup:
    return b2.NeuronGroup(
        N,
        equations,
        threshold="V > V_th",
        reset="V = V_reset",
        refractory=REFRACTORY,
        method=method,
        namespace=constants,
    )


def simulate(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Spike times (ms) and neuron indices of one realisation."""
    b2.seed(seed)
    np.random.seed(seed)
    neurons, constants = NETWORKS[name]()
    exc = b2.Synapses(neurons[:N_EXC], neurons, on_pre="g_e += w_e", namespace=constants)
    inh = b2.Synapses(neurons[N_EXC:], neurons, on_pre="g_i += w_i", namespace=constants)
    exc.connect(p=PROBABILITY)
    inh.connect(p=PROBABILITY)
    spikes = b2.SpikeMonitor(neurons)
    b2.Network(neurons, exc, inh, spikes).run(DURATION_MS * ms)
    return np.asarray(spikes.t / ms), np.asarray(spikes.i)


def measure(times: np.ndarray, indices: np.ndarray) -> dict[str, float]:
    """The three numbers of `MEASURES` of one realisation."""
    start, stop = WINDOW_MS
    inside = (times >= start - DT_MS / 2) & (times < stop - DT_MS / 2)
    times, indices = times[inside], indices[inside]
    return {
        "rate_hz": len(times) / N / (stop - start) * 1e3,
        "cv": mean_cv(times, indices),
        "synchrony": fano_factor(times),
    }


def mean_cv(times: np.ndarray, indices: np.ndarray) -> float:
    """Short trains pull the mean down: in COBA 8 spikes at least instead of 3 add about 0.17."""
    order = np.lexsort((times, indices))
    trains = np.split(times[order], np.cumsum(np.bincount(indices, minlength=N))[:-1])
    intervals = [np.diff(train) for train in trains if len(train) >= MIN_SPIKES]
    return float(np.mean([isi.std() / isi.mean() for isi in intervals]))


def fano_factor(times: np.ndarray) -> float:
    start, stop = WINDOW_MS
    # Grid times are shifted by half a step, so that rounding never moves one over a bin edge.
    edges = np.arange(start, stop + BIN_MS / 2, BIN_MS) - DT_MS / 2
    counts = np.histogram(times, edges)[0]
    return float(counts.var() / counts.mean())


def collect(name: str, seeds: int) -> dict[str, list[float]]:
    """Measure seeds 1, 2, ... of one network and print each."""
    rows = []
    for seed in range(1, seeds + 1):
        rows.append(measure(*simulate(name, seed)))
        print(name, seed, *(f"{key} {value:.3f}" for key, value in rows[-1].items()), flush=True)
    table = {key: [round(row[key], 4) for row in rows] for key in MEASURES}
    for key, values in table.items():
        print(f"{name} {key}: mean {np.mean(values):.4f} s.d. {np.std(values, ddof=1):.4f}")
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    b2.defaultclock.dt = DT_MS * ms
    networks = {name: collect(name, args.seeds) for name in args.networks}
    result = {
        "source": SOURCE,
        "brian2": b2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "dt_ms": DT_MS,
        "window_ms": list(WINDOW_MS),
        "measures": MEASURES,
        "networks": networks,
    }
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
