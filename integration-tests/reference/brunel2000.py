"""Reference activity of the network of Brunel 2000, model A, at four points of its phase diagram.

Runs in the environment of NEST (requirements-nest.txt):

    python brunel2000.py --seeds 6 --points AI "SI fast" --output PATH
    python brunel2000.py --seeds 12 --points "SI slow" --output PATH
    python brunel2000.py --seeds 1 --points SR --output PATH

with `../parity/brunel2000.json` as the path, with which the tests compare. Points that the file has
already and that are not asked for stay in it. (SR takes minutes a seed, and its seeds hardly
differ; those of SI slow differ most.)

10000 excitatory and 2500 inhibitory neurons with delta synapses: 1000 excitatory inputs of 0.1 mV
and 250 inhibitory ones, g times as strong, for each neuron, and Poisson input of eta times the
rate that would just reach the threshold. All start at 0 mV.

Brunel, N. (2000). Dynamics of sparsely connected networks of excitatory and inhibitory spiking
neurons. Journal of Computational Neuroscience 8, 183-208. doi:10.1023/A:1008925309027
"""

from __future__ import annotations

import argparse
import json
import platform
import warnings
from pathlib import Path

import nest
import numpy as np
from activity import MEASURES, Window, table

N_EXC, N_INH, C_EXC, C_INH = 10000, 2500, 1000, 250
J, DELAY = 0.1, 1.5  # mV, ms
CELL = {
    "C_m": 250.0,
    "tau_m": 20.0,
    "t_ref": 2.0,
    "E_L": 0.0,
    "V_th": 20.0,
    "V_reset": 10.0,
    "V_m": 0.0,
}
THRESHOLD_RATE = 1e3 * CELL["V_th"] / (J * CELL["tau_m"])  # Hz, of all external inputs together
DT, DURATION, WINDOW = 0.1, 1200.0, (200.0, 1200.0)  # ms
POINTS = {"SR": (3.0, 2.0), "AI": (5.0, 2.0), "SI fast": (6.0, 4.0), "SI slow": (4.5, 0.9)}
SOURCE = "Brunel 2000, doi:10.1023/A:1008925309027, model A"


def simulate(g: float, eta: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Spike times (ms) and neuron indices of one realisation."""
    nest.ResetKernel()
    nest.set(resolution=DT, rng_seed=seed, local_num_threads=1)
    neurons = nest.Create("iaf_psc_delta", N_EXC + N_INH, params=CELL)
    exc, inh = neurons[:N_EXC], neurons[N_EXC:]
    noise = nest.Create("poisson_generator", params={"rate": eta * THRESHOLD_RATE})
    recorder = nest.Create("spike_recorder")
    for sources, degree, weight in ((exc, C_EXC, J), (inh, C_INH, -g * J)):
        rule = {"rule": "fixed_indegree", "indegree": degree}
        nest.Connect(sources, neurons, rule, {"weight": weight, "delay": DELAY})
    nest.Connect(noise, neurons, syn_spec={"weight": J, "delay": DELAY})
    nest.Connect(neurons, recorder)
    nest.Simulate(DURATION + DT)
    events = recorder.events
    return events["times"], events["senders"] - neurons[0].global_id


def collect(name: str, seeds: int) -> dict[str, list[float]]:
    """Measure seeds 1, 2, ... of one point and print each."""
    window, rows = Window(*WINDOW, DT, N_EXC + N_INH), []
    for seed in range(1, seeds + 1):
        rows.append(window.measure(*simulate(*POINTS[name], seed)))
        print(name, seed, *(f"{key} {value:.4f}" for key, value in rows[-1].items()), flush=True)
    return table(rows, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--points", nargs="+", choices=POINTS, default=list(POINTS))
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    nest.verbosity = nest.VerbosityLevel.ERROR
    known = json.loads(args.output.read_text()) if args.output and args.output.exists() else {}
    made = {
        name: {"g": POINTS[name][0], "eta": POINTS[name][1], **collect(name, args.seeds)}
        for name in args.points
    }
    result = {
        "source": SOURCE,
        "nest": nest.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "dt_ms": DT,
        "window_ms": list(WINDOW),
        "measures": MEASURES,
        "networks": {**known.get("networks", {}), **made},
    }
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
