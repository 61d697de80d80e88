"""The benchmark network in brainpy.state, built from the parts that it offers for such networks.

The time loop is wrapped in `jit`: a bare `for_loop` compiles again on every call. The event-driven
products run on the numba kernels of brainevent.
"""

from __future__ import annotations

from importlib.metadata import version

import bench_common as bench
import brainevent
import brainpy
import brainstate
import brainunit as u
import jax
import numpy as np

LEAK = 1 * u.mS


class Network(brainstate.nn.Module):
    def __init__(self, task: bench.Task):
        super().__init__()
        self.excitatory = task.excitatory
        self.population = brainpy.state.LIFRef(
            task.neurons,
            R=1 / LEAK,
            tau=bench.TAU * u.ms,
            tau_ref=bench.TAU_REF * u.ms,
            V_rest=bench.V_REST * u.mV,
            V_th=bench.V_TH * u.mV,
            V_reset=bench.V_RESET * u.mV,
            V_initializer=task.potentials().astype(np.float32) * u.mV,
            spk_reset="hard",
        )
        exc = (bench.W_EXC, bench.TAU_E, bench.E_EXC, bench.SEED_EXC)
        inh = (bench.W_INH, bench.TAU_I, bench.E_INH, bench.SEED_INH)
        self.exc = self.projection(task.excitatory, *exc)
        self.inh = self.projection(task.inhibitory, *inh)

    def projection(
        self, sources: int, weight: float, tau: float, reversal: float, seed: int
    ) -> brainpy.state.AlignPostProj:
        size = self.population.in_size
        return brainpy.state.AlignPostProj(
            comm=brainstate.nn.EventFixedProb(
                sources, size, bench.TARGETS, weight * LEAK, seed=seed
            ),
            syn=brainpy.state.Expon.desc(size, tau=tau * u.ms),
            out=brainpy.state.COBA.desc(E=reversal * u.mV),
            post=self.population,
        )

    def update(self, i: jax.Array) -> jax.Array:
        """Advance by one step; the number of spikes."""
        with brainstate.environ.context(i=i, t=i * bench.DT * u.ms):
            spikes = self.population.get_spike() != 0
            self.exc(spikes[: self.excitatory])
            self.inh(spikes[self.excitatory :])
            return self.population(bench.DRIVE * u.mV * LEAK).sum()


def main() -> None:
    task = bench.task(bench.command_line(__doc__).parse_args())
    brainevent.config.set_backend("cpu", "numba")
    brainstate.environ.set(dt=bench.DT * u.ms)
    network = brainstate.nn.init_all_states(Network(task))
    steps = np.arange(task.steps)

    @brainstate.transform.jit
    def window(steps: jax.Array) -> jax.Array:
        return brainstate.transform.for_loop(network.update, steps).sum()

    def advance() -> float:
        nonlocal steps
        spikes = float(window(steps))
        steps = steps + task.steps
        return spikes

    bench.run("brainpy.state", version("brainpy_state"), task, advance)


if __name__ == "__main__":
    main()
