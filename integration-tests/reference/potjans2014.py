"""Reference activity of the cortical microcircuit of Potjans and Diesmann at 1/20 of its size.

Runs in the environment of NEST (requirements-nest.txt):

    python potjans2014.py --seeds 40 --output PATH

with `../parity/potjans2014.json` as the path, with which the tests compare. What the network is
stands in microcircuit.py.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
import warnings
from pathlib import Path
from typing import Any

import microcircuit as mc
import nest
import numpy as np
from activity import MEASURES, Window

SOURCE = "Potjans & Diesmann 2014, doi:10.1093/cercor/bhs358"
POPULATIONS, PROJECTIONS = mc.network()


def simulate(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Spike times (ms) and neuron indices of each population in one realisation."""
    reset(seed)
    pops = {}
    for name, pop in POPULATIONS.items():
        start = {"V_m": nest.random.normal(*pop.V_m), "I_e": pop.I_e}
        pops[name] = nest.Create("iaf_psc_exp", pop.size, params={**mc.CELL, **start})
        noise = nest.Create("poisson_generator", params={"rate": pop.external_rate})
        by = {"weight": mc.stronger(mc.psc_of(mc.PSP)), "delay": mc.EXTERNAL_DELAY}
        nest.Connect(noise, pops[name], syn_spec=by)
    for proj in PROJECTIONS:
        # Delays that are below a step are drawn again.
        delay = nest.math.redraw(nest.random.normal(*proj.delay), min=mc.DT, max=np.inf)
        rule = {"rule": "fixed_total_number", "N": proj.number}
        by = {"weight": nest.random.normal(*proj.weight), "delay": delay}
        nest.Connect(pops[proj.pre], pops[proj.post], rule, by)
    return spikes_of(pops, mc.WINDOW[1])


def still() -> dict[str, str]:
    """What fires without noise, as fingerprints of the populations."""
    reset(1)
    given, pops = mc.Still(), {}
    for name, pop in POPULATIONS.items():
        V, current = given.start(pop)
        params = {**mc.CELL, "V_m": V, "I_e": current}
        pops[name] = nest.Create("iaf_psc_exp", pop.size, params=params)
    for proj in PROJECTIONS:
        pre, post = (pops[name] for name in (proj.pre, proj.post))
        source, target, weight, delay = given.synapses(proj, (len(pre), len(post)))
        by = {"synapse_model": "static_synapse", "weight": weight, "delay": delay}
        ends = source + pre[0].global_id, target + post[0].global_id
        nest.Connect(*ends, "one_to_one", by)
    return {
        name: mc.fingerprint(np.round(times / mc.DT).astype(int), indices)
        for name, (times, indices) in spikes_of(pops, mc.STILL_DURATION).items()
    }


def reset(seed: int) -> None:
    nest.ResetKernel()
    nest.set(resolution=mc.DT, rng_seed=seed, local_num_threads=1)


def spikes_of(pops: dict[str, Any], duration: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Simulate, and give what each population did up to the end."""
    recorders = {name: nest.Create("spike_recorder") for name in pops}
    for name, neurons in pops.items():
        nest.Connect(neurons, recorders[name])
    nest.Simulate(duration + mc.DT)
    found = {}
    for name, recorder in recorders.items():
        times, senders = recorder.events["times"], recorder.events["senders"]
        there = times < duration + mc.DT / 2
        found[name] = times[there], senders[there] - pops[name][0].global_id
    return found


def collect(seeds: int) -> dict[str, dict[str, list[float]]]:
    """Measure seeds 1, 2, ... and print the rates of each."""
    found: dict[str, dict[str, list[float]]] = {
        name: {measure: [] for measure in MEASURES} for name in POPULATIONS
    }
    for seed in range(1, seeds + 1):
        begun = time.perf_counter()
        for name, spikes in simulate(seed).items():
            row = Window(*mc.WINDOW, mc.DT, POPULATIONS[name].size).measure(*spikes)
            for measure, value in row.items():
                found[name][measure].append(round(value, 4))
        rates = " ".join(f"{values['rate_hz'][-1]:7.3f}" for values in found.values())
        print(f"{seed:3} {rates}   {time.perf_counter() - begun:.1f} s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    nest.verbosity = nest.VerbosityLevel.ERROR
    result = {
        "source": SOURCE,
        "nest": nest.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "measures": MEASURES,
        "still": still(),
        "activity": collect(args.seeds),
    }
    if args.output:
        args.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
