"""The benchmark network in brainloom, driven by `simulate` as a user would."""

from __future__ import annotations

import bench_common as bench
import brainloom as bl
import brainstate
import brainunit as u
import numpy as np

LEAK = 1 * u.mS


class Network(brainstate.nn.Module):
    def __init__(self, task: bench.Task):
        super().__init__()
        self.excitatory = task.excitatory
        self.population = bl.LIFRef(
            task.neurons,
            R=1 / LEAK,
            tau=bench.TAU * u.ms,
            tau_ref=bench.TAU_REF * u.ms,
            V_rest=bench.V_REST * u.mV,
            V_th=bench.V_TH * u.mV,
            V_reset=bench.V_RESET * u.mV,
            V_initializer=task.potentials() * u.mV,
            spk_reset="hard",
        )
        exc, inh = task.targets()
        self.exc = self.projection(exc, bench.W_EXC, bench.TAU_E, bench.E_EXC)
        self.inh = self.projection(inh, bench.W_INH, bench.TAU_I, bench.E_INH)

    def projection(
        self, targets: np.ndarray, weight: float, tau: float, reversal: float
    ) -> bl.AlignPostProj:
        sources = np.repeat(np.arange(len(targets)), bench.TARGETS)
        size = int(np.prod(self.population.in_size))
        edges = bl.Edges.from_pairs(sources, targets.ravel(), len(targets), size)
        return bl.AlignPostProj(
            comm=bl.Connection(len(targets), size, edges, weight=weight * LEAK),
            syn=bl.Expon.desc(tau=tau * u.ms),
            out=bl.COBA.desc(E=reversal * u.mV),
            post=self.population,
        )

    def update(self, current: u.Quantity) -> None:
        spikes = self.population.get_spike() != 0
        self.exc(spikes[: self.excitatory])
        self.inh(spikes[self.excitatory :])
        self.population(current)


def main() -> None:
    task = bench.task(bench.command_line(__doc__).parse_args())
    network, drive = Network(task), bench.DRIVE * u.mV * LEAK
    end = 0 * u.ms

    def advance() -> int:
        nonlocal end
        window = {"duration": task.duration * u.ms, "dt": bench.DT * u.ms, "start": end}
        recording = bl.simulate(network, inputs=drive, record="population.spikes", **window)
        end = recording.end
        return len(recording["population.spikes"])

    bench.run("brainloom", bl.__version__, task, advance)


if __name__ == "__main__":
    main()
