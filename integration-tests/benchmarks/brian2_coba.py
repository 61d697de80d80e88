"""The benchmark network in Brian2, C++ standalone.

Brian2 writes one program that holds all windows, with the state kept between them. A window's time
is the wall time of the simulation loop inside that program: neither code generation, compilation
nor the writing of synapses counts, as tracing and compiling do not count in a second call of a
compiled JAX function. They are in `first_s`, with the first window. Compiler flags and the double
precision are Brian2's defaults; single precision was slower. Spikes are counted per neuron and not
stored; nothing is read back while the clock runs.

`--method exponential_euler` is the scheme that the other scripts use. `euler` is what Brian2 takes
for these equations when it is not told otherwise: less accurate in V, and several times faster.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import bench_common as bench
import brian2 as b2
import numpy as np
from brian2 import ms, mV

EQUATIONS = """
dV/dt = (V_rest - V + drive + g_e*(E_e - V) + g_i*(E_i - V)) / tau : volt (unless refractory)
dg_e/dt = -g_e/tau_e : 1
dg_i/dt = -g_i/tau_i : 1
"""
CONSTANTS = {
    "V_rest": bench.V_REST * mV,
    "V_th": bench.V_TH * mV,
    "V_reset": bench.V_RESET * mV,
    "drive": bench.DRIVE * mV,
    "E_e": bench.E_EXC * mV,
    "E_i": bench.E_INH * mV,
    "tau": bench.TAU * ms,
    "tau_e": bench.TAU_E * ms,
    "tau_i": bench.TAU_I * ms,
    "w_e": bench.W_EXC,
    "w_i": bench.W_INH,
}
STAMP = 'std::cout << "stamp " << std::chrono::steady_clock::now().time_since_epoch().count()'


def prepare(folder: str) -> None:
    """Choose the device and have its program print the time (ns) before and after every run."""
    b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
    b2.prefs.codegen.cpp.headers += ["<chrono>"]
    b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{bench.cores()}"]
    b2.defaultclock.dt = bench.DT * ms
    for slot in ("before_network_run", "after_network_run"):
        b2.device.insert_code(slot, f"{STAMP} << std::endl;")


def network(task: bench.Task, method: str) -> tuple[b2.Network, b2.NeuronGroup]:
    neurons = b2.NeuronGroup(
        task.neurons,
        EQUATIONS,
        threshold="V > V_th",
        reset="V = V_reset",
        refractory=bench.TAU_REF * ms,
        method=method,
        namespace=CONSTANTS,
    )
    neurons.V = task.potentials() * mV
    exc_targets, inh_targets = task.targets()
    exc = project(neurons[: task.excitatory], neurons, "g_e += w_e", exc_targets)
    inh = project(neurons[task.excitatory :], neurons, "g_i += w_i", inh_targets)
    return b2.Network(neurons, exc, inh), neurons


def project(
    source: b2.Subgroup, target: b2.NeuronGroup, on_pre: str, targets: np.ndarray
) -> b2.Synapses:
    synapses = b2.Synapses(source, target, on_pre=on_pre, namespace=CONSTANTS)
    synapses.connect(i=np.repeat(np.arange(len(source)), bench.TARGETS), j=targets.ravel())
    return synapses


def simulate(task: bench.Task, method: str, folder: str) -> tuple[list[float], int]:
    """Seconds of every window, the first included, and the spikes of the later ones."""
    net, neurons = network(task, method)
    net.run(task.duration * ms)
    counter = b2.SpikeMonitor(neurons, record=False)
    net.add(counter)
    for _ in range(task.repeats):
        net.run(task.duration * ms)
    b2.device.build(directory=folder, with_output=False)
    return window_seconds(Path(folder, "results", "stdout.txt").read_text()), counter.num_spikes


def window_seconds(output: str) -> list[float]:
    stamps = [int(line.split()[1]) for line in output.splitlines() if line.startswith("stamp ")]
    return [(stop - start) * 1e-9 for start, stop in zip(stamps[::2], stamps[1::2], strict=True)]


def main() -> None:
    parser = bench.command_line(__doc__)
    methods = ["exponential_euler", "euler"]
    parser.add_argument("--method", choices=methods, default=methods[0])
    options = parser.parse_args()
    task = bench.task(options)
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        setup_s = time.perf_counter() - bench.START
        (_, *steady_s), spikes = simulate(task, options.method, folder)
        first_s = time.perf_counter() - bench.START - setup_s - sum(steady_s)
        bench.report("brian2", b2.__version__, task, spikes, setup_s, first_s, steady_s)


if __name__ == "__main__":
    main()
