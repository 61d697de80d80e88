"""What NEST 3.10 makes of models of brainloom-generalized: `python make_nest.py` writes it."""

import json
from pathlib import Path

import nest
import numpy as np

DT, DURATION = 0.1, 400.0
GLIF = {
    "GLIF1": (False, False, False),
    "GLIF2": (True, False, False),
    "GLIF3": (False, True, False),
    "GLIF4": (True, True, False),
    "GLIF5": (True, True, True),
}
FLAGS = ("spike_dependent_threshold", "after_spike_currents", "adapting_threshold")
# NEST takes for `voltage_reset_fraction` the potential one step before the spike: with 0 that
# does not matter.
EXACT_RESET = {"voltage_reset_fraction": 0.0}
RATES = {
    "LinearRate": ("lin_rate_ipn", {"g": 0.9, "lambda": 0.7}),
    "ThresholdLinearRate": ("threshold_lin_rate_ipn", {"g": 1.5, "theta": 0.2, "alpha": 0.8}),
    "SigmoidRate": ("sigmoid_rate_ipn", {"g": 2.0, "beta": 3.0, "theta": 0.4}),
    "TanhRate": ("tanh_rate_ipn", {"g": 1.3, "theta": 0.1}),
}
WEIGHTS = [[0.0, -0.8, 0.3], [1.1, 0.2, 0.0], [-0.4, 0.6, 0.5]]  # from row to column
FIRST, DRIVE, DELAY = [0.5, -0.2, 1.0], [0.3, 0.1, -0.2], 0.5


def fresh() -> None:
    nest.ResetKernel()
    nest.set_verbosity("M_ERROR")
    nest.resolution = DT


def neuron(model: str, recorded: list[str], amplitude: float | None, **given: object) -> dict:
    fresh()
    cell = nest.Create(model, params=given)
    meter = nest.Create("multimeter", params={"record_from": recorded, "interval": DT})
    spikes = nest.Create("spike_recorder")
    nest.Connect(meter, cell)
    nest.Connect(cell, spikes)
    if amplitude is not None:
        source = nest.Create("dc_generator", params={"amplitude": amplitude})
        nest.Connect(source, cell, syn_spec={"delay": DT})
    nest.Simulate(DURATION + DT)
    every = {name: np.round(meter.events[name][9::25], 9).tolist() for name in recorded}
    return {
        "amplitude": amplitude,
        "times": np.round(meter.events["times"][9::25], 3).tolist(),
        "spikes": np.round(spikes.events["times"], 3).tolist(),
        "states": every,
    }


def rates(model: str, given: dict) -> dict:
    fresh()
    units = nest.Create(model, 3, params={**given, "sigma": 0.0, "tau": 7.0})
    units.rate = FIRST
    units.mu = DRIVE
    meter = nest.Create("multimeter", params={"record_from": ["rate"], "interval": DT})
    for i in range(3):
        for j in range(3):
            if WEIGHTS[i][j]:
                nest.Connect(
                    units[i],
                    units[j],
                    syn_spec={
                        "synapse_model": "rate_connection_delayed",
                        "weight": WEIGHTS[i][j],
                        "delay": DELAY,
                    },
                )
    nest.Connect(meter, units)
    nest.Simulate(60.0)
    senders = np.asarray(meter.events["senders"])
    found = [np.asarray(meter.events["rate"])[senders == unit] for unit in units.tolist()]
    return {"rates": [np.round(x, 9).tolist()[:200] for x in found]}


def main() -> None:
    said = {"version": nest.__version__, "dt": DT, "weights": WEIGHTS}
    said |= {"first": FIRST, "drive": DRIVE, "delay": DELAY}
    for name, flags in GLIF.items():
        states = ["V_m", "threshold", "ASCurrents_sum"]
        given = {**dict(zip(FLAGS, flags, strict=True)), **(EXACT_RESET if flags[0] else {})}
        said[name] = neuron("glif_psc", states, 350.0, **given)
    said["MAT"] = neuron("mat2_psc_exp", ["V_m", "V_th"], None, I_e=600.0)
    said["HillTononi"] = neuron("ht_neuron", ["V_m", "theta", "I_h", "I_T"], 20.0)
    for name, (model, given) in RATES.items():
        said[name] = {"given": given, **rates(model, given)}
    target = Path(__file__).parents[3] / "plugins/brainloom-generalized/tests/nest.json"
    target.write_text(json.dumps(said, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
