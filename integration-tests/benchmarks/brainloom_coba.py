"""The benchmark network in brainloom, driven by `simulate` as a user would."""

from __future__ import annotations

import bench_common as bench
import brainloom as bl
import brainunit as u
import numpy as np

LEAK = 1 * u.mS


class Network(bl.Network):
    def __init__(self, task: bench.Task):
        super().__init__()
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
        excitatory = self.population[: task.excitatory]
        inhibitory = self.population[task.excitatory :]
        self.exc = self.projection(excitatory, exc, bench.W_EXC, bench.TAU_E, bench.E_EXC)
        self.inh = self.projection(inhibitory, inh, bench.W_INH, bench.TAU_I, bench.E_INH)

    def projection(
        self, pre: bl.View, targets: np.ndarray, weight: float, tau: float, reversal: float
    ) -> bl.Projection:
        sources = np.repeat(np.arange(len(targets)), bench.TARGETS)
        size = int(np.prod(self.population.in_size))
        edges = bl.Edges.from_pairs(sources, targets.ravel(), len(targets), size)
        return bl.Projection(
            pre,
            self.population,
            edges,
            bl.Expon.desc(tau=tau * u.ms),
            bl.COBA.desc(E=reversal * u.mV),
            weight=weight * LEAK,
        )


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
