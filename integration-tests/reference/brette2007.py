"""Reference activity of benchmark networks 1 to 3 (COBA, CUBA, COBAHH) of Brette et al. 2007.

Runs in an environment of its own (`pip install brian2 "numpy<2.4"`) and needs a C++ compiler:

    python brette2007.py --seeds 50 --networks coba cuba --output PATH
    python brette2007.py --seeds 16 --networks cobahh --output PATH

Networks that the file has already and that are not asked for stay in it. The demo of the package
`brainloom` compares itself with the result, which it carries as
`packages/brainloom/src/brainloom/demos/brette2007.json`.

4000 neurons (3200 excitatory), each pair connected with probability 0.02, no
external input: the activity of the first second sustains itself from the initial conditions. COBA
and COBAHH draw their first conductances from normal distributions which reach below zero; nothing
is clipped.

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
from activity import MEASURES, Window, table
from brian2 import ms, mV, nS, pF

N, N_EXC, PROBABILITY = 4000, 3200, 0.02
DT_MS, DURATION_MS, WINDOW_MS = 0.1, 1000.0, (100.0, 1000.0)
SHARED = {"V_th": -50 * mV, "V_reset": -60 * mV, "tau_e": 5 * ms, "tau_i": 10 * ms}
REFRACTORY = 5 * ms

SOURCE = (
    "Brette et al. 2007, doi:10.1007/s10827-007-0038-6, "
    "benchmarks 1 (coba), 2 (cuba) and 3 (cobahh)"
)


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


def cobahh() -> tuple[b2.NeuronGroup, dict]:
    """Conductance-based synapses and spikes of Hodgkin-Huxley type; gates start at zero.

    After a spike none is counted for 3 ms, within which V has left the threshold again.
    """
    equations = """
    dV/dt = (g_L*(E_L - V) + g_Na*m**3*h*(E_Na - V) + g_K*n**4*(E_K - V)
             + g_e*(E_e - V) + g_i*(E_i - V)) / C : volt
    dm/dt = a_m*(1 - m) - b_m*m : 1
    dh/dt = a_h*(1 - h) - b_h*h : 1
    dn/dt = a_n*(1 - n) - b_n*n : 1
    dg_e/dt = -g_e/tau_e : siemens
    dg_i/dt = -g_i/tau_i : siemens
    v = (V - V_T) / mV : 1
    a_m = 1.28/exprel((13 - v)/4)/ms : Hz
    b_m = 1.4/exprel((v - 40)/5)/ms : Hz
    a_h = 0.128*exp((17 - v)/18)/ms : Hz
    b_h = 4/(1 + exp((40 - v)/5))/ms : Hz
    a_n = 0.16/exprel((15 - v)/5)/ms : Hz
    b_n = 0.5*exp((10 - v)/40)/ms : Hz
    """
    constants = {"C": 200 * pF, "g_L": 10 * nS, "E_L": -60 * mV, "E_e": 0 * mV, "E_i": -80 * mV}
    constants |= {"g_Na": 20000 * nS, "E_Na": 50 * mV, "g_K": 6000 * nS, "E_K": -90 * mV}
    constants |= {"V_T": -63 * mV, "w_e": 6 * nS, "w_i": 67 * nS, **SHARED, "V_th": -20 * mV}
    neurons = b2.NeuronGroup(
        N,
        equations,
        threshold="V > V_th",
        refractory=3 * ms,
        method="exponential_euler",
        namespace=constants,
    )
    neurons.V = constants["E_L"] + np.random.normal(-5, 5, N) * mV
    neurons.g_e = np.random.normal(4, 1.5, N) * 10 * nS
    neurons.g_i = np.random.normal(20, 12, N) * 10 * nS
    return neurons, constants


NETWORKS = {"coba": coba, "cuba": cuba, "cobahh": cobahh}


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


def collect(name: str, seeds: int) -> dict[str, list[float]]:
    """Measure seeds 1, 2, ... of one network and print each."""
    window, rows = Window(*WINDOW_MS, DT_MS, N), []
    for seed in range(1, seeds + 1):
        rows.append(window.measure(*simulate(name, seed)))
        print(name, seed, *(f"{key} {value:.3f}" for key, value in rows[-1].items()), flush=True)
    return table(rows, name)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def main() -> None:
    args = arguments()
    b2.defaultclock.dt = DT_MS * ms
    known = json.loads(args.output.read_text()) if args.output and args.output.exists() else {}
    made = {name: collect(name, args.seeds) for name in args.networks}
    result = {
        "source": SOURCE,
        "brian2": b2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "dt_ms": DT_MS,
        "window_ms": list(WINDOW_MS),
        "measures": MEASURES,
        "networks": {**known.get("networks", {}), **made},
    }
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
