"""What the scripts of this folder share: the network, the command line, the report.

The network: excitatory and inhibitory leaky integrate-and-fire neurons (4 to 1) with exponential
conductances and a constant drive, 80 targets per neuron drawn uniformly with repetition. The mean
in-degree, and with it the activity, is the same at every scale. Conductances are relative to leak.

All simulators get the same edges and initial potentials: between random graphs of 4000 neurons the
rate varies by some 7 %, which would hide an error in a model.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

NEURONS, EXCITATORY_SHARE, TARGETS = 4000, 0.8, 80
DT, TAU, TAU_REF, TAU_E, TAU_I = 0.1, 20.0, 5.0, 5.0, 10.0  # ms
V_REST, V_TH, V_RESET, DRIVE, E_EXC, E_INH = -60.0, -50.0, -60.0, 20.0, 0.0, -80.0  # mV
V_MEAN, V_SD = -55.0, 2.0  # mV, of the initial potentials
W_EXC, W_INH = 0.6, 6.7
SEED_EXC, SEED_INH, SEED_V = 0, 1, 2


def process_start() -> float:
    """When this process started, on the clock of `time.perf_counter`; now where /proc is absent."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return time.perf_counter()
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.perf_counter() - age


START = process_start()


def cores() -> int:
    """How many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@dataclass(frozen=True)
class Task:
    """One benchmark run: a network size and the simulated windows."""

    scale: float
    duration: float
    repeats: int

    @property
    def neurons(self) -> int:
        return round(NEURONS * self.scale)

    @property
    def excitatory(self) -> int:
        return round(self.neurons * EXCITATORY_SHARE)

    @property
    def inhibitory(self) -> int:
        return self.neurons - self.excitatory

    @property
    def steps(self) -> int:
        return round(self.duration / DT)

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets of the excitatory and of the inhibitory neurons, one row of 80 per source.

        The draw is the one that `EventFixedProb(..., TARGETS, seed=SEED_EXC)` of brainstate makes.
        """
        exc = np.random.RandomState(SEED_EXC).randint(0, self.neurons, (self.excitatory, TARGETS))
        inh = np.random.RandomState(SEED_INH).randint(0, self.neurons, (self.inhibitory, TARGETS))
        return exc, inh

    def potentials(self) -> np.ndarray:
        """Initial membrane potentials (mV)."""
        return np.random.RandomState(SEED_V).normal(V_MEAN, V_SD, self.neurons)

    def rate_hz(self, spikes: float) -> float:
        """Mean rate of a neuron when the steady windows hold this many spikes."""
        return spikes / self.neurons / (self.repeats * self.duration) * 1e3


def command_line(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1, help="multiples of 4000 neurons")
    parser.add_argument("--duration", type=float, default=1000, help="ms per window")
    parser.add_argument("--repeats", type=int, default=3, help="steady windows after the first")
    return parser


def task(options: argparse.Namespace) -> Task:
    return Task(options.scale, options.duration, options.repeats)


def timed(advance: Callable[[], float]) -> tuple[float, float]:
    """Seconds and result of one call, which must wait for its own result."""
    start = time.perf_counter()
    spikes = advance()
    return time.perf_counter() - start, spikes


def run(simulator: str, version: str, task: Task, advance: Callable[[], float]) -> None:
    """Measure and report; each call of `advance` simulates the next window, returns its spikes."""
    setup_s = time.perf_counter() - START
    first_s, _ = timed(advance)
    windows = [timed(advance) for _ in range(task.repeats)]
    spikes = sum(spikes for _, spikes in windows)
    report(simulator, version, task, spikes, setup_s, first_s, [seconds for seconds, _ in windows])


def report(
    simulator: str,
    version: str,
    task: Task,
    spikes: float,
    setup_s: float,
    first_s: float,
    steady_s: list[float],
) -> None:
    """Print the one line of JSON that `run.py` reads; `spikes` are those of the steady windows."""
    line = {
        "simulator": simulator,
        "version": version,
        "neurons": task.neurons,
        "duration_ms": task.duration,
        "rate_hz": round(task.rate_hz(spikes), 3),
        "setup_s": round(setup_s, 3),
        "first_s": round(first_s, 3),
        "steady_s": [round(seconds, 4) for seconds in steady_s],
    }
    print(json.dumps(line), flush=True)
