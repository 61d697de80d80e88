"""Neurons of NEST under the names that `brainloom-nest` gives them; `make_traces.py` calls this.

python nest_models_nest.py --output FOLDER
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import nest
import numpy as np
from nest_cases import (
    CASES,
    DELAYS,
    DEVICES,
    DT,
    DURATION,
    EVERY,
    FINE,
    SYNAPSES,
    TOLERANCE,
    TRAINS,
    Case,
)


def run(model: str, case: Case, dt: float = DT) -> dict[str, Any]:
    """Spikes in steps, and V at every sample."""
    nest.ResetKernel()
    nest.resolution = dt
    neuron = nest.Create(model, params=case.parameters)
    if TOLERANCE.keys() <= neuron.get().keys():
        neuron.set(TOLERANCE)
    for times, weight, delay, port in zip(TRAINS, case.weights, DELAYS, case.ports, strict=True):
        if weight:
            synapse = {"weight": weight, "delay": delay}
            if port not in ("ex", "in"):
                synapse |= {"receptor_type": neuron.receptor_types[port]}
            elif model == "glif_psc":
                synapse |= {"receptor_type": 1 + ("ex", "in").index(port)}
            source = nest.Create("spike_generator", params={"spike_times": times})
            nest.Connect(source, neuron, syn_spec=synapse)
    if case.current:
        generator = nest.Create("dc_generator", params={"amplitude": case.current})
        nest.Connect(generator, neuron, syn_spec={"delay": dt})
    return recorded(neuron, dt)


def run_device(name: str) -> dict[str, Any]:
    """A neuron driven by a device, or by a train by way of a parrot."""
    nest.ResetKernel()
    nest.resolution = DT
    neuron = nest.Create("iaf_psc_exp")
    if name in DEVICES:
        device = nest.Create(name, params=DEVICES[name])
        nest.Connect(device, neuron, syn_spec={"delay": DT})
        return recorded(neuron, DT)
    source = nest.Create("spike_generator", params={"spike_times": TRAINS[0]})
    parrot = nest.Create("parrot_neuron")
    nest.Connect(source, parrot, syn_spec={"delay": DELAYS[0]})
    nest.Connect(parrot, neuron, syn_spec={**SYNAPSES[name], "delay": DELAYS[1]})
    return recorded(neuron, DT)


def recorded(neuron: Any, dt: float) -> dict[str, Any]:
    """What it does."""
    meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": EVERY})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, neuron)
    nest.Connect(neuron, recorder)
    nest.Simulate(DURATION + EVERY)
    V = meter.events["V_m"][: round(DURATION / EVERY)]
    spikes = np.rint(recorder.events["times"] / dt).astype(int)
    steps = [int(step) for step in spikes if step <= round(DURATION / dt)]
    return {"spikes": steps, "V": [float(f"{value:.8g}") for value in V]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--models", nargs="+", default=[*CASES, *DEVICES, *SYNAPSES])
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    nest.verbosity = nest.VerbosityLevel.ERROR
    for model in args.models:
        if model in CASES:
            results = [run(model, case) for case in CASES[model]]
        else:
            results = [run_device(model)]
        if model in FINE:
            for case, result in zip(CASES[model], results, strict=True):
                result["V"] = run(model, case, FINE[model])["V"]
        document = {
            "model": model,
            "simulator": "nest",
            "version": nest.__version__,
            "script": "integration-tests/reference/nest_models/nest_models_nest.py",
            "cases": results,
        }
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        (args.output / f"{model}.nest.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
