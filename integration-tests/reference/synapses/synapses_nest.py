"""Synapses and small networks made by NEST; `make_traces.py` calls this.

    python synapses_nest.py --output FOLDER

Trains come from `spike_generator` through `parrot_neuron`, since synapses with states need
presynaptic neurons. A spike at T acts from T + delay on.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import cases
import nest
import numpy as np
from cases import CASES, DT, DURATION, EVERY, LONG, NETWORKS, THRESHOLDS, TRAINS, Case, Pathway

LEAD = 1.0  # ms, from a generator to its parrot

Parameters = dict[str, Any]
NATIVE = {
    "Delta": "iaf_psc_delta",
    "ExponCurrent": "iaf_psc_exp",
    "AlphaCurrent": "iaf_psc_alpha",
    "ExponConductance": "iaf_cond_exp",
    "AlphaConductance": "iaf_cond_alpha",
    "DualExponConductance": "iaf_cond_beta",
    "NMDA": "iaf_bw_2001_exact",
    "STP": "iaf_psc_exp",
    "STPResources": "iaf_psc_exp",
    "DeltaNetwork": "iaf_psc_delta",
    "ExponNetwork": "iaf_psc_exp",
}
GUETIG = "Gütig et al. 2003, doi:10.1523/JNEUROSCI.23-09-03697.2003"
SYNAPSES = {"STP": "tsodyks2_synapse", "STPResources": "tsodyks_synapse"}


def number(arguments: Parameters, name: str, unit: str) -> Any:
    """The number of an argument, which must have this unit."""
    value, given = arguments[name]
    if given != unit:
        raise ValueError(f"{name} is given in {given}, not in {unit}")
    return value


def cell_of(model: str, arguments: Parameters) -> Parameters:
    """The membrane."""
    R, tau = number(arguments, "R", "Gohm"), number(arguments, "tau", "ms")
    potentials = {"E_L": "V_rest", "V_reset": "V_reset", "V_m": "V_initializer"}
    found = {ours: number(arguments, name, "mV") for ours, name in potentials.items()}
    found |= {
        "C_m": tau / R,
        "t_ref": number(arguments, "tau_ref", "ms") if "tau_ref" in arguments else 0.0,
    }
    return found | ({"tau_m": tau} if "psc" in model else {"g_L": 1.0 / R})


def receptors(model: str, paths: list[Pathway]) -> Parameters:
    """Time constants and reversal potentials of the excitatory and the inhibitory receptor."""
    found: Parameters = {}
    if model == "iaf_bw_2001_exact":
        return brunel_wang(paths)
    for path, side in zip(paths, ("ex", "in"), strict=True):
        if path.synapse is None:
            continue
        names = {"tau": "tau_syn", "tau_rise": "tau_rise", "tau_decay": "tau_decay"}
        arguments = path.synapse[1]
        found |= {f"{names[k]}_{side}": v[0] for k, v in arguments.items() if k in names}
        if path.output[0] == "COBA":
            found[f"E_{side}"] = number(path.output[1], "E", "mV")
    return found


def brunel_wang(paths: list[Pathway]) -> Parameters:
    fast, slow = (path.synapse[1] for path in paths)
    return {
        "tau_AMPA": number(fast, "tau", "ms"),
        "tau_decay_NMDA": number(slow, "tau_decay", "ms"),
        "tau_rise_NMDA": number(slow, "tau_rise", "ms"),
        "alpha": number(slow, "alpha", "1/ms"),
        "conc_Mg2": paths[1].output[1]["cc_Mg"],
        "E_ex": 0.0,
        "gsl_error_tol": 1e-8,
    }


def synapse_of(name: str, path: Pathway, position: int) -> Parameters:
    """Model, receptor and states of the synapses of a path."""
    if NATIVE[name] == "iaf_bw_2001_exact":
        kinds = nest.GetDefaults(NATIVE[name])["receptor_types"]
        return {"receptor_type": kinds["AMPA" if position == 0 else "NMDA"]}
    if path.stp is None:
        return {}
    stp = path.stp[1]
    found = {
        "synapse_model": SYNAPSES[name],
        "U": stp["U"],
        "tau_rec": number(stp, "tau_d", "ms"),
        "tau_fac": number(stp, "tau_f", "ms"),
        "x": 1.0,
    }
    if name == "STP":  # where `u` is the value just after the first spike
        return found | {"u": stp["U"]}
    # Here `u` is the value before, and what is released is back after `tau_psc`: at once.
    return found | {"u": 0.0, "tau_psc": 1e-6}


def simulate(name: str, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """V of the first cell at `EVERY`, 2 `EVERY`, ..., and spikes of the second."""
    nest.ResetKernel()
    nest.resolution = DT
    model = NATIVE[name]
    neurons = nest.Create(model, len(THRESHOLDS), params=cell_of(model, case.cell))
    neurons.set(receptors(model, case.paths))
    neurons.set([{"V_th": V_th} for V_th in THRESHOLDS])
    parrots = nest.Create("parrot_neuron", len(TRAINS))
    times = [{"spike_times": [round(t - LEAD, 1) for t in train]} for train in TRAINS]
    generators = nest.Create("spike_generator", len(TRAINS), params=times)
    nest.Connect(generators, parrots, "one_to_one", {"delay": LEAD})
    for position, path in enumerate(case.paths):
        inhibits = path.output is not None and path.output[0] == "COBA" and position == 1
        sign = -1.0 if inhibits else 1.0
        for weight, train in zip(path.weights, path.trains, strict=True):
            synapse = {"weight": sign * weight, "delay": path.delay}
            nest.Connect(
                parrots[train], neurons, "all_to_all", synapse | synapse_of(name, path, position)
            )
    meter = nest.Create("multimeter", {"record_from": ["V_m"], "interval": EVERY})
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, neurons[0])
    nest.Connect(neurons[1], recorder)
    nest.Simulate(DURATION + 2.0)
    t, V = meter.events["times"], meter.events["V_m"]
    train = recorder.events["times"]
    return V[t < DURATION + 1e-6], train[train < DURATION + 1e-6]


def run_network(name: str) -> list[list[int]]:
    """The spikes of each cell as numbers of steps."""
    nest.ResetKernel()
    nest.resolution = DT
    net, cell, model = cases.network(name), cases.NETWORK_CELL[name], NATIVE[name]
    n = len(net.currents)
    params = cell_of(model, cell) | {"V_th": number(cell, "V_th", "mV")}
    if "tau_syn" in cell:
        tau = number(cell, "tau_syn", "ms")
        params |= {"tau_syn_ex": tau, "tau_syn_in": tau}
    neurons = nest.Create(model, n, params=params)
    neurons.set([{"I_e": I, "V_m": V} for I, V in zip(net.currents, net.potentials, strict=True)])
    first = neurons[0].global_id
    nest.Connect(
        np.array(net.pre) + first,
        np.array(net.post) + first,
        "one_to_one",
        {"weight": np.array(net.weights), "delay": np.array(net.delays)},
    )
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(LONG + 2.0)
    steps = np.rint(recorder.events["times"] / DT).astype(int)
    kept = steps <= round(LONG / DT)
    owner = recorder.events["senders"] - first
    return [sorted(steps[kept & (owner == k)].tolist()) for k in range(n)]


# Synapse models, and the papers of the rules.
RULES = {
    "PairSTDP": ("stdp_synapse", GUETIG),
    "PowerLawSTDP": ("stdp_synapse", GUETIG),
    "NearestSTDP": ("stdp_nn_symm_synapse", "Morrison et al. 2008, doi:10.1007/s00422-008-0233-1"),
    "TripletSTDP": (
        "stdp_triplet_synapse",
        "Pfister & Gerstner 2006, doi:10.1523/JNEUROSCI.1425-06.2006",
    ),
}


def rule_of(name: str) -> tuple[Parameters, Parameters]:
    """Parameters of the synapse, and of the postsynaptic neuron."""
    given = cases.RULES[name][1]
    synapse = {"synapse_model": RULES[name][0], "Wmax": cases.W_MAX, "weight": cases.W_FIRST}
    synapse["tau_plus"] = number(given, "tau_plus", "ms")
    neuron = {"tau_minus": number(given, "tau_minus", "ms")}
    if RULES[name][0] == "stdp_triplet_synapse":
        names = {"A2_plus": "Aplus", "A3_plus": "Aplus_triplet"}
        names |= {"A2_minus": "Aminus", "A3_minus": "Aminus_triplet"}
        synapse |= {theirs: cases.W_MAX * given[ours] for ours, theirs in names.items()}
        synapse["tau_plus_triplet"] = number(given, "tau_x", "ms")
        return synapse, neuron | {"tau_minus_triplet": number(given, "tau_y", "ms")}
    synapse |= {"lambda": given["A_plus"], "alpha": given["A_minus"] / given["A_plus"]}
    return synapse | {name: given[name] for name in ("mu_plus", "mu_minus")}, neuron


def learn(name: str) -> list[float]:
    """The weights after all spikes.

    The delay is that of a dendrite: a postsynaptic spike reaches the synapse `LEAD` after it. They
    are given so much earlier.
    """
    nest.ResetKernel()
    nest.resolution = DT
    synapse, neuron = rule_of(name)
    trains, n = cases.pairings(), len(cases.pairings())
    ends = [nest.Create("parrot_neuron", n, params=params) for params in ({}, neuron)]
    for side, parrots in enumerate(ends):
        early = LEAD * (1 + side)
        times = [{"spike_times": [round(t - early, 1) for t in train[side]]} for train in trains]
        generators = nest.Create("spike_generator", n, params=times)
        nest.Connect(generators, parrots, "one_to_one", {"delay": LEAD})
    # Receptor 1 of a parrot takes spikes that it does not repeat.
    nest.Connect(*ends, "one_to_one", synapse | {"delay": LEAD, "receptor_type": 1})
    nest.Simulate(max(max(pre) for pre, _ in trains) + 5.0)
    return nest.GetConnections(*ends).get("weight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    folder = parser.parse_args().output
    warnings.simplefilter("ignore")
    nest.verbosity = nest.VerbosityLevel.ERROR
    origin = {"simulator": "nest", "version": nest.__version__, "script": Path(__file__).name}
    for name, case in CASES.items():
        model = f"{NATIVE[name]}, {SYNAPSES[name]}" if name in SYNAPSES else NATIVE[name]
        V, spikes = simulate(name, case)
        cases.write_case(folder, name, origin | {"native_model": model}, V, spikes)
    for name in NETWORKS:
        steps = run_network(name)
        cases.write_network(folder, name, origin | {"native_model": NATIVE[name]}, steps)
    for name, (model, source) in RULES.items():
        cases.write_weights(folder, name, origin | {"native_model": model}, source, learn(name))


if __name__ == "__main__":
    main()
