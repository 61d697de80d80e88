"""The benchmark network as one `jax.lax.scan` over the native event-driven kernel.

No units, no modules, no recording: what is left when a library on the same kernel costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import bench_common as bench
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_kernels_cpu import event_csr_target

DECAY_E, DECAY_I = np.exp(-bench.DT / np.array([bench.TAU_E, bench.TAU_I], np.float32))
REFRACTORY_STEPS = round(bench.TAU_REF / bench.DT)


class State(NamedTuple):
    V: jax.Array
    g_e: jax.Array
    g_i: jax.Array
    refractory: jax.Array
    spikes: jax.Array
    count: jax.Array


class Csr(NamedTuple):
    weights: jax.Array
    indices: jax.Array
    indptr: jax.Array


def csr(targets: np.ndarray, weight: float) -> Csr:
    return Csr(
        jnp.full(targets.size, weight, jnp.float32),
        jnp.asarray(targets.ravel(), jnp.int32),
        jnp.arange(0, targets.size + 1, bench.TARGETS, dtype=jnp.int32),
    )


def initial_state(task: bench.Task) -> State:
    V = jnp.asarray(task.potentials(), jnp.float32)
    zeros, idle = jnp.zeros_like(V), jnp.zeros(task.neurons, jnp.int32)
    return State(V, zeros, zeros, idle, jnp.zeros(task.neurons, bool), jnp.int32(0))


def make_step(task: bench.Task) -> Callable[[State, None], tuple[State, None]]:
    conductance = jax.ShapeDtypeStruct((task.neurons,), jnp.float32)
    deliver = jax.ffi.ffi_call(event_csr_target(), conductance)
    exc_targets, inh_targets = task.targets()
    exc, inh = csr(exc_targets, bench.W_EXC), csr(inh_targets, bench.W_INH)

    def step(state: State, _: None) -> tuple[State, None]:
        g_e = state.g_e * DECAY_E + deliver(*exc, state.spikes[: task.excitatory])
        g_i = state.g_i * DECAY_I + deliver(*inh, state.spikes[task.excitatory :])
        total = 1 + g_e + g_i
        V_inf = (bench.V_REST + bench.DRIVE + g_e * bench.E_EXC + g_i * bench.E_INH) / total
        V = V_inf + (state.V - V_inf) * jnp.exp(-bench.DT / bench.TAU * total)
        V = jnp.where(state.refractory > 0, bench.V_RESET, V)
        spikes = V > bench.V_TH
        V = jnp.where(spikes, bench.V_RESET, V)
        refractory = jnp.where(spikes, REFRACTORY_STEPS, state.refractory - 1)
        return State(V, g_e, g_i, refractory, spikes, state.count + spikes.sum()), None

    return step


def main() -> None:
    parser = bench.command_line(__doc__)
    parser.add_argument("--unroll", type=int, default=4, help="steps per iteration of the loop")
    options = parser.parse_args()
    task = bench.task(options)
    state = initial_state(task)
    scan = partial(jax.lax.scan, make_step(task), length=task.steps, unroll=options.unroll)
    window = jax.jit(lambda state: scan(state)[0])

    def advance() -> int:
        nonlocal state
        before, state = int(state.count), window(state)
        return int(state.count) - before

    bench.run("bare scan", jax.__version__, task, advance)


if __name__ == "__main__":
    main()
