"""Traces of single neurons made by Brian2; `make_traces.py` calls this.

    python neurons_brian2.py --output FOLDER

All cells are simulated by one C++ program, since compiling is what takes the time. It needs a C++
compiler. Linear equations are solved exactly on a grid of 0.1 ms, the others by the classical
Runge-Kutta method with steps of 0.01 ms.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brian2 as b2
import cells
import numpy as np
from brian2 import ms
from cells import CELLS, DURATION, EVERY, RECEPTORS, Result

CURRENT_GRID = 1.0  # ms, on which currents change
EXACT_DT = 0.1  # ms


@dataclass(frozen=True)
class Native:
    """Equations in Brian's words; `reset` is empty where a spike is a crossing of V_th."""

    equations: str
    reset: str = "V = V_reset"
    threshold: str = "V >= V_th"
    method: str = "rk4"
    dt: float = 0.01
    jumps: str = "V"  # what events act on

    @property
    def scheme(self) -> str:
        return "converged" if self.dt < EXACT_DT else "exact"


def exact(equations: str, method: str = "exact", **options: Any) -> Native:
    """Linear equations, solved without error between two points of a coarse grid."""
    return Native(equations, method=method, dt=EXACT_DT, **options)


LEAKY = "dV/dt = (V_rest - V + R*I) / tau : volt (unless refractory)"
EXPONENTIAL = "delta_T*exp((V - V_T)/delta_T)"
EXP = f"dV/dt = (V_rest - V + {EXPONENTIAL} + R*I) / tau : volt (unless refractory)"
ADAPTATION = "dw/dt = (a*(V - V_rest) - w) / tau_w : amp"
ADEX = f"""
dV/dt = (V_rest - V + {EXPONENTIAL} - R*w + R*I) / tau : volt (unless refractory)
{ADAPTATION}
"""
QUADRATIC = "dV/dt = (c*(V - V_rest)*(V - V_c) + R*I) / tau : volt (unless refractory)"
ADAPTIVE_QUADRATIC = f"""
dV/dt = (c*(V - V_rest)*(V - V_c) - R*w + R*I) / tau : volt (unless refractory)
{ADAPTATION}
"""
ADAPT = "V = V_reset; w += b"
GIF = """
dV/dt = (V_rest - V + R*(I1 + I2 + I)) / tau : volt (unless refractory)
dI1/dt = -k1*I1 : amp
dI2/dt = -k2*I2 : amp
dV_th/dt = a*(V - V_rest) - b*(V_th - V_th_inf) : volt
"""
GIF_RESET = """
V = V_reset
I1 = R1*I1 + A1
I2 = R2*I2 + A2
V_th = clip(V_th, V_th_reset, 1*volt)
"""
GATES = """
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
dV/dt = (gNa*m**3*h*(ENa - V) + gK*n**4*(EK - V) + gL*(EL - V) + I) / C : volt
"""
HH = (
    GATES
    + """
alpha_m = 1/exprel(-(V + 40*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(V + 65*mV)/(18*mV))/ms : Hz
alpha_h = 0.07*exp(-(V + 65*mV)/(20*mV))/ms : Hz
beta_h = 1/(1 + exp(-(V + 35*mV)/(10*mV)))/ms : Hz
alpha_n = 0.1/exprel(-(V + 55*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(V + 65*mV)/(80*mV))/ms : Hz
"""
)
TRAUB = (
    GATES
    + """
x = V - V_T : volt
alpha_m = 0.32*4/exprel((13*mV - x)/(4*mV))/ms : Hz
beta_m = 0.28*5/exprel((x - 40*mV)/(5*mV))/ms : Hz
alpha_h = 0.128*exp((17*mV - x)/(18*mV))/ms : Hz
beta_h = 4/(1 + exp((40*mV - x)/(5*mV)))/ms : Hz
alpha_n = 0.032*5/exprel((15*mV - x)/(5*mV))/ms : Hz
beta_n = 0.5*exp((10*mV - x)/(40*mV))/ms : Hz
"""
)
WANG_BUZSAKI = """
dV/dt = (gNa*m**3*h*(ENa - V) + gK*n**4*(EK - V) + gL*(EL - V) + I) / C : volt
dh/dt = phi*(alpha_h*(1 - h) - beta_h*h) : 1
dn/dt = phi*(alpha_n*(1 - n) - beta_n*n) : 1
m = alpha_m/(alpha_m + beta_m) : 1
alpha_m = 1/exprel(-(V + 35*mV)/(10*mV))/ms : Hz
beta_m = 4*exp(-(V + 60*mV)/(18*mV))/ms : Hz
alpha_h = 0.07*exp(-(V + 58*mV)/(20*mV))/ms : Hz
beta_h = 1/(1 + exp(-(V + 28*mV)/(10*mV)))/ms : Hz
alpha_n = 0.1/exprel(-(V + 34*mV)/(10*mV))/ms : Hz
beta_n = 0.125*exp(-(V + 44*mV)/(80*mV))/ms : Hz
"""
MORRIS_LECAR = """
dV/dt = (g_Ca*M*(V_Ca - V) + g_K*W*(V_K - V) + g_leak*(V_leak - V) + I) / C : volt
dW/dt = phi*cosh((V - V3)/(2*V4))*(0.5*(1 + tanh((V - V3)/V4)) - W) : 1
M = 0.5*(1 + tanh((V - V1)/V2)) : 1
"""
IZHIKEVICH = """
dV/dt = 0.04/ms/mV*V**2 + 5/ms*V + 140*mV/ms - u + I : volt (unless refractory)
du/dt = a*(b*V - u) : volt/second
"""
FITZHUGH_NAGUMO = """
dV/dt = (V - V**3/3 - w + I) / tau : 1
dw/dt = (V + a - b*w) / tau_w : 1
"""
HINDMARSH_ROSE = """
dV/dt = (y - a*V**3 + b*V**2 - z + I) / tau : 1
dy/dt = (c - d*V**2 - y) / tau : 1
dz/dt = r*(s*(V - V_r) - z) / tau : 1
"""

NATIVE = {
    "IF": exact("dV/dt = (R*I - V) / tau : volt", reset="V = 0*volt"),
    "PerfectIF": exact("dV/dt = I / C : volt", method="euler"),
    "LIF": exact(LEAKY),
    "LIFRef": exact(LEAKY),
    "ALIF": exact(
        f"{LEAKY}\nda/dt = -a / tau_a : 1",
        threshold="V >= V_th + beta*a",
        reset="V = V_reset; a += 1",
    ),
    "ExpIF": Native(EXP),
    "ExpIFRef": Native(EXP),
    "AdExIF": Native(ADEX, ADAPT),
    "AdExIFRef": Native(ADEX, ADAPT),
    "QuaIF": Native(QUADRATIC),
    "AdQuaIF": Native(ADAPTIVE_QUADRATIC, ADAPT),
    "AdQuaIFRef": Native(ADAPTIVE_QUADRATIC, ADAPT),
    "Gif": exact(GIF, reset=GIF_RESET),
    "GifRef": Native(GIF, GIF_RESET),
    "CubaLIF": exact(
        "dV/dt = (V_rest - V + R*(g + I)) / tau : volt\ndg/dt = -g / tau_syn : amp", jumps="g"
    ),
    "CobaLIF": Native(
        """
        dV/dt = (V_rest - V + R*(g*(E - V) + I)) / tau : volt
        dg/dt = -g / tau_syn : siemens
        """,
        jumps="g",
    ),
    "MultiReceptorLIF": Native(
        """
        dV/dt = (V_rest - V + R*(synaptic + I)) / tau : volt (unless refractory)
        synaptic = g_exc*(E_exc - V) + g_inh*(E_inh - V) : amp
        dg_exc/dt = -g_exc / tau_syn_exc : siemens
        dg_inh/dt = -g_inh / tau_syn_inh : siemens
        """,
        jumps="g",
    ),
    "HH": Native(HH, ""),
    "TraubMiles": Native(TRAUB, ""),
    "WangBuzsakiHH": Native(WANG_BUZSAKI, ""),
    "MorrisLecar": Native(MORRIS_LECAR, ""),
    "Izhikevich": Native(IZHIKEVICH, "V = c; u += d"),
    "IzhikevichRef": Native(IZHIKEVICH, "V = c; u += d"),
    "FitzHughNagumo": Native(FITZHUGH_NAGUMO, ""),
    "HindmarshRose": Native(HINDMARSH_ROSE, ""),
}


class Population:
    """One neuron for each case of a cell, and one for each current of its f-I curve."""

    def __init__(self, model: str) -> None:
        self.cell, self.native = CELLS[model], NATIVE[model]
        self.count = len(self.cell.cases) + len(self.cell.currents)
        self.neurons = self.make_neurons()
        self.V = b2.StateMonitor(
            self.neurons, "V", record=range(len(self.cell.cases)), dt=EVERY * ms
        )
        self.spikes = b2.SpikeMonitor(self.neurons)
        self.objects = [self.neurons, self.V, self.spikes]

    def make_neurons(self) -> b2.NeuronGroup:
        given = quantities(self.cell.arguments)
        initial = {name: given.pop(name) for name in list(given) if "_initializer" in name}
        stimulus = b2.TimedArray(self.currents() * unit_of(self.cell.unit), dt=CURRENT_GRID * ms)
        neurons = b2.NeuronGroup(
            self.count,
            f"{self.native.equations}\nI : {dimension_name(self.cell.unit)}",
            threshold=self.native.threshold,
            reset=self.native.reset or None,
            refractory=self.refractory(given),
            method=self.native.method,
            dt=self.native.dt * ms,
            namespace={**given, "stimulus": stimulus},
        )
        neurons.run_regularly("I = stimulus(t, i)", dt=CURRENT_GRID * ms, when="start")
        for event in self.cell.events:
            self.add_jumps(neurons, event)
        for name, value in initial.items():
            setattr(neurons, name.removesuffix("_initializer"), value)
        return neurons

    def refractory(self, given: dict[str, Any]) -> Any:
        """Brian2 holds V for one step less than the period has."""
        if self.cell.spike_rule == "crossing":
            return "V >= V_th"
        return given["tau_ref"] + self.native.dt * ms if "tau_ref" in given else 0 * ms

    def currents(self) -> np.ndarray:
        """Rows are times, columns neurons."""
        rows = np.zeros((round(DURATION / CURRENT_GRID), self.count))
        for column, sections in enumerate(self.cell.cases.values()):
            lengths = [round(length / CURRENT_GRID) for length, _ in sections]
            values = np.repeat([value for _, value in sections], lengths)
            rows[: len(values), column] = values
        rows[:, len(self.cell.cases) :] = self.cell.currents
        return rows

    def add_jumps(self, neurons: b2.NeuronGroup, event: dict[str, Any]) -> None:
        """An event that the state at t contains happens in the step that begins at t - dt,
        after the equations and before the threshold; V is held while refractory."""
        dt, number = self.native.dt, self.cell.events.index(event)
        jumps = np.zeros((round(DURATION / dt), self.count))
        steps = np.round(np.array(event["times"]) / dt).astype(int) - 1
        jumps[steps, list(self.cell.cases).index("events")] = event["weight"]
        name = f"jumps{number}"
        neurons.namespace[name] = b2.TimedArray(jumps * unit_of(event["unit"]), dt=dt * ms)
        variable = "_".join(filter(None, [self.native.jumps, event["receptor"]]))
        held = "*int(not_refractory)" if variable == "V" else ""
        code = f"{variable} += {name}(t, i){held}"
        neurons.run_regularly(code, dt=dt * ms, when="groups", order=1)

    def result(self) -> Result:
        unit = unit_of(self.cell.V_unit)
        trains = [self.train(column) for column in range(self.count)]
        V, spikes = {}, {}
        for column, name in enumerate(self.cell.cases):
            last = round(self.cell.duration(name) / EVERY)
            V[name] = np.asarray(self.V.V[column] / unit)[1 : last + 1]
            spikes[name] = trains[column]
        native, curve = self.native, trains[len(self.cell.cases) :]
        return Result(V, spikes, curve, f"method {native.method}", native.scheme, native.dt)

    def train(self, index: int) -> np.ndarray:
        """Times at the ends of the steps."""
        t = np.asarray(self.spikes.t / ms)[np.asarray(self.spikes.i) == index]
        return t + self.native.dt


def quantities(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name; one with a value for each receptor becomes several, such as E_exc."""
    found: dict[str, Any] = {}
    for name, item in arguments.items():
        if not isinstance(item, list):
            found[name] = item
        elif isinstance(item[0], list):
            for receptor, number in zip(RECEPTORS, item[0], strict=True):
                found[f"{name}_{receptor}"] = number * unit_of(item[1])
        else:
            found[name] = item[0] * unit_of(item[1])
    return found


def unit_of(text: str | None) -> Any:
    """A unit written as in the files: names joined by `*` and `/`."""
    unit = 1
    for sign, name in re.findall(r"([*/]?)([A-Za-z]\w*)", text or ""):
        unit = unit / getattr(b2, name) if sign == "/" else unit * getattr(b2, name)
    return unit


def dimension_name(unit: str | None) -> str:
    return {None: "1", "pA": "amp", "uA": "amp", "mV/ms": "volt/second"}[unit]


def set_compiler(folder: Path) -> None:
    """Options under which others get the same digits, and headers that are read once: the
    program is many small files, and without this takes three times as long to compile."""
    options = ["-O1", "-ffp-contract=off", "-w"]
    names = "algorithm climits cmath ctime fstream iostream map random set string vector"
    header = folder / "standard.h"
    header.write_text("".join(f"#include <{name}>\n" for name in names.split()))
    compiler = os.environ.get("CXX", "g++")
    precompile = [compiler, *options, "-x", "c++-header", str(header), "-o", f"{header}.gch"]
    subprocess.run(precompile, check=True)
    b2.prefs.codegen.cpp.extra_compile_args_gcc = [*options, f"-include{header}"]
    b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{os.cpu_count() or 1}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=NATIVE, default=list(NATIVE))
    args = parser.parse_args()
    b2.set_device("cpp_standalone", build_on_run=False)
    populations = {model: Population(model) for model in args.models}
    network = b2.Network([item for p in populations.values() for item in p.objects])
    # One sample of V more than the steps, for the value at the end.
    network.run((DURATION + EVERY) * ms)
    with tempfile.TemporaryDirectory() as folder:
        set_compiler(Path(folder))
        b2.device.build(directory=f"{folder}/program", compile=True, run=True, debug=False)
        for model, population in populations.items():
            cells.write(
                args.output, "brian2", b2.__version__, model, population.cell, population.result()
            )


if __name__ == "__main__":
    main()
