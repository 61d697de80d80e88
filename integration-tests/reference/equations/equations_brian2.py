"""Run the texts of `models.py` by Brian2, and store states and spikes as JSON.

    python equations_brian2.py --output FOLDER

Every 20th step is stored as it begins, after all that the last one did; of noisy neurons, moments.
"""

import argparse
import json
from pathlib import Path

import brian2
import numpy as np
from brian2 import Hz, NeuronGroup, SpikeMonitor, StateMonitor, TimedArray, defaultclock, ms, run
from models import MODELS, Neuron

STRIDE, SAMPLES = 20, 4000
brian2.prefs.codegen.target = "numpy"


def quantity(value):
    number, unit = value
    scale = 1.0
    for position, part in enumerate(unit.split("/")):
        name, _, power = part.partition("**")
        one = 1.0 if name == "1" else getattr(brian2, name)
        one = one ** int(power or 1)
        scale = scale / one if position else scale * one
    return number * scale


def group_of(model: Neuron, n: int) -> NeuronGroup:
    options = {k: v for k in ("threshold", "reset") if (v := getattr(model, k)) is not None}
    if model.refractory is not None:
        text = isinstance(model.refractory, str)
        options["refractory"] = model.refractory if text else quantity(model.refractory)
    namespace = {name: quantity(value) for name, value in model.namespace.items()}
    for name, (values, unit, dt) in model.timed.items():
        namespace[name] = TimedArray(np.array(values) * quantity((1.0, unit)), dt=dt * ms)
    group = NeuronGroup(n, model.equations, method=model.method, namespace=namespace, **options)
    if "I" in group.variables:
        group.I = np.array(model.currents) * quantity((1.0, model.unit))
    for name, value in model.initial.items():
        setattr(group, name, quantity(value))
    return group


def states_of(group: NeuronGroup) -> list[str]:
    return sorted(group.equations.diff_eq_names)


def stored(model: Neuron) -> dict:
    brian2.start_scope()
    defaultclock.dt = model.dt * ms
    brian2.seed(1)
    n = SAMPLES if model.noisy else len(model.currents)
    group = group_of(model, n)
    names = states_of(group)
    states = StateMonitor(group, names, record=True, dt=STRIDE * model.dt * ms)
    spikes = SpikeMonitor(group) if model.threshold else None
    run(model.ms * ms)
    values = {name: np.asarray(getattr(states, name)).T for name in names}
    if model.noisy:
        last = {name: value[-1] for name, value in values.items()}
        found = {name: {"mean": float(x.mean()), "std": float(x.std())} for name, x in last.items()}
        found = {"moments": found, "samples": n}
        if spikes is not None:
            found["rate"] = float(spikes.num_spikes / n / (model.ms * ms) / Hz)
        return found
    found = {"states": {name: value.tolist() for name, value in values.items()}}
    if spikes is not None:
        steps = np.round(np.asarray(spikes.t) / (1e-3 * model.dt)).astype(int)
        found["spikes"] = [[int(k), int(i)] for k, i in zip(steps, spikes.i, strict=True)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in MODELS.items():
        document = {
            "brian2": brian2.__version__,
            "dt": MODELS[name].dt,
            "stride": STRIDE,
            **stored(model),
        }
        text = json.dumps(document)
        (folder / f"{name}.brian2.json").write_text(text + "\n", encoding="utf-8")
        print(name, len(document.get("spikes", ())))


if __name__ == "__main__":
    main()
