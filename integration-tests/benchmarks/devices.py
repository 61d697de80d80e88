"""Scaling over devices: time and memory of one step, and bytes exchanged, by network and devices.

The network has the neurons, synapses and weights of COBA (Vogels & Abbott, 2005), with 64
excitatory and 16 inhibitory synapses to each neuron, whatever the number of neurons.

    python devices.py one NEURONS DEVICES       # one case, a line of JSON
    python devices.py all FILE                  # all cases, each in a process of its own

Devices are virtual ones of one CPU. So that what else runs on the machine does not count, time is
the processor time of all threads of the process, and a device's share of it is that of one core.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

NEURONS = (4_000, 16_000, 64_000, 200_000, 400_000)
DEVICES = (1, 2, 4, 8)
STEPS = 200, 1000  # what a run takes besides its steps is in both


def build(n: int) -> Any:
    """The network; its edges are drawn by the devices that have their targets."""
    import brainloom as bl
    import brainstate
    import brainunit as u

    brainstate.random.seed(1)

    def normal(mean: float, std: float, unit: Any) -> Any:
        return lambda shape: (mean + std * brainstate.random.randn(*shape)) * unit

    net = bl.Network()
    net.neurons = bl.LIFRef(
        n,
        R=0.1 * u.Gohm,
        tau=20.0 * u.ms,
        tau_ref=5.0 * u.ms,
        V_th=-50.0 * u.mV,
        V_reset=-60.0 * u.mV,
        V_rest=-60.0 * u.mV,
        V_initializer=normal(-65.0, 5.0, u.mV),
        spk_reset="hard",
    )
    kinds = {
        "exc": (slice(0, n * 4 // 5), 64, 6.0 * u.nS, 5.0 * u.ms, 0.0 * u.mV, (40.0, 15.0)),
        "inh": (slice(n * 4 // 5, n), 16, 67.0 * u.nS, 10.0 * u.ms, -80.0 * u.mV, (200.0, 120.0)),
    }
    for seed, (name, (part, k, weight, tau, E, g)) in enumerate(kinds.items()):
        rule = bl.FixedInDegree(k)
        setattr(
            net,
            name,
            bl.Projection(
                net.neurons[part],
                net.neurons,
                rule,
                bl.Expon.desc(tau=tau, g_initializer=normal(*g, u.nS)),
                bl.COBA.desc(E=E),
                weight=weight,
                seed=seed,
            ),
        )
    return net


def one(n: int, devices: int) -> dict[str, Any]:
    """Measure one case, in a process that has so many devices."""
    import brainloom as bl
    import brainunit as u
    import jax
    from brainloom_core import Rate

    net, dt = build(n), 0.1 * u.ms
    rate = Rate(net.neurons, every=STEPS[0] * dt)

    def advance(steps: int) -> tuple[float, float, float]:
        before = resource.getrusage(resource.RUSAGE_SELF)
        found = bl.simulate(net, steps * dt, dt=dt, mesh=devices, record=[rate], progress=False)
        after = resource.getrusage(resource.RUSAGE_SELF)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        (values,) = (item.values for item in found.values())
        return cpu, found.wall_time, float(values.to_decimal(u.Hz).mean())

    for steps in STEPS:
        advance(steps)  # compiles, and draws the edges
    runs = [[advance(steps) for _ in range(3)] for steps in STEPS]
    (cpu, wall, _), (cpu_more, wall_more, spikes) = (
        [min(column) for column in zip(*run, strict=True)] for run in runs
    )
    more = STEPS[1] - STEPS[0]
    held: dict[int, int] = {}
    for array in jax.live_arrays():
        for shard in array.addressable_shards:
            held[shard.device.id] = held.get(shard.device.id, 0) + shard.data.nbytes
    sent = sum(exchanged(n, devices))
    return {
        "neurons": n,
        "devices": devices,
        "rate_hz": spikes,
        "step_us_of_a_core": (cpu_more - cpu) / more / devices * 1e6,
        "step_us_wall": (wall_more - wall) / more * 1e6,
        "bytes_held_by_a_device": held.get(jax.devices()[-1].id, 0) if devices > 1 else held[0],
        "bytes_received_by_a_device_in_a_step": sent,
        "peak_bytes_of_the_process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def exchanged(n: int, devices: int) -> list[int]:
    """Bytes that a device receives in a step, for each exchange of the compiled program."""
    folder = os.environ.get("DUMPED")
    texts = [p.read_text() for p in Path(folder or "").glob("*after_optimizations.txt")]
    loops = [text for text in texts if " while(" in text and f"num_partitions={devices}" in text]
    text = max(loops, key=len, default="")
    found = []
    kinds = "all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter"
    for kind, shape in re.findall(rf"= (\w+)\[([\d,]*)\]\S* (?:{kinds})", text):
        count = 1
        for length in filter(None, shape.split(",")):
            count *= int(length)
        width = {"u8": 1, "pred": 1}.get(kind, 4)
        found.append(count * width * (devices - 1) // devices)
    return found


def main() -> None:
    """Measure one case, or all of them."""
    if sys.argv[1] == "one":
        print(json.dumps(one(int(sys.argv[2]), int(sys.argv[3]))))
        return
    found = []
    for n in NEURONS:
        for devices in DEVICES:
            folder = Path(sys.argv[2] + ".dump")
            flags = f"--xla_force_host_platform_device_count={devices}"
            flags += f" --xla_dump_to={folder} --xla_dump_hlo_as_text"
            environment = {**os.environ, "XLA_FLAGS": flags, "DUMPED": str(folder)}
            command = [sys.executable, __file__, "one", str(n), str(devices)]
            run = subprocess.run(command, env=environment, capture_output=True, text=True)
            shutil.rmtree(folder, ignore_errors=True)
            if run.returncode:
                sys.exit(run.stderr[-3000:])
            found.append(json.loads(run.stdout.splitlines()[-1]))
            print(found[-1], flush=True)
            Path(sys.argv[2]).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
