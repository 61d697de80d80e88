"""Run the texts of `models.py` by Brian2, and store states and spikes as JSON.

    python equations_brian2.py --output FOLDER

Every 20th step is stored as it begins, after all that the last one did; of noisy neurons, moments.
"""

import argparse
import json
from pathlib import Path

import brian2
import numpy as np
from brian2 import (
    Hz,
    NeuronGroup,
    SpikeMonitor,
    StateMonitor,
    TimedArray,
    defaultclock,
    ms,
    run,
)
from models import MODELS, PAIRS, SYNAPSES, Neuron, Synapses

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


def stored_synapses(model: Synapses) -> dict:
    brian2.start_scope()
    defaultclock.dt = model.dt * ms
    cells = group_of(model.cells, len(model.cells.currents))
    if "drive" in cells.variables:
        cells.drive = np.array(model.cells.currents) * quantity((1.0, model.cells.unit))
    synapses = brian2.Synapses(
        cells,
        cells,
        model.equations,
        on_pre=model.on_pre,
        on_post=model.on_post,
        namespace={name: quantity(value) for name, value in model.namespace.items()},
        **({} if model.method is None else {"method": model.method}),
    )
    synapses.connect(i=[i for i, _ in PAIRS], j=[j for _, j in PAIRS])
    if model.delay is not None:
        synapses.pre.delay = model.delay * ms
    for name, value in model.values.items():
        factor = 1.0 if name == "x" else 1 + 0.1 * np.arange(len(PAIRS))
        setattr(synapses, name, factor * quantity(value))
    cells_at = StateMonitor(cells, states_of(cells), record=True, dt=STRIDE * model.dt * ms)
    names = [n for n in synapses.equations.diff_eq_names if n not in event_driven(model)]
    names += ["w"] + ["n"] * ("n" in synapses.equations.names)
    at = StateMonitor(synapses, names, record=True, dt=STRIDE * model.dt * ms)
    spikes = SpikeMonitor(cells)
    run(model.ms * ms)
    steps = np.round(np.asarray(spikes.t) / (1e-3 * model.dt)).astype(int)
    return {
        "states": {n: np.asarray(getattr(cells_at, n)).T.tolist() for n in states_of(cells)},
        "synapses": {n: np.asarray(getattr(at, n)).T.tolist() for n in names},
        "spikes": [[int(k), int(i)] for k, i in zip(steps, spikes.i, strict=True)],
    }


def event_driven(model: Synapses) -> set[str]:
    """What has its value of the last event only, and is not compared."""
    lines = [line for line in model.equations.splitlines() if "(event-driven)" in line]
    return {line.strip()[1:].split("/")[0] for line in lines}


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
    for name, model in SYNAPSES.items():
        head = {"brian2": brian2.__version__, "dt": model.dt, "stride": STRIDE}
        text = json.dumps(head | stored_synapses(model))
        (folder / f"{name}.brian2.json").write_text(text + "\n", encoding="utf-8")
        print(name, len(json.loads(text)["spikes"]))


if __name__ == "__main__":
    main()
