"""The network of the training benchmark in brainpy.state, step by step in one `for_loop`."""

from __future__ import annotations

from importlib.metadata import version

import brainpy
import brainstate
import braintools
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import training_common as bench

R = 1 / (1 - bench.BETA) * u.ohm  # a current I of one step raises V by I


class Network(brainstate.nn.Module):
    def __init__(self, problem: bench.Problem) -> None:
        super().__init__()
        self.w1 = brainstate.nn.Linear(
            bench.INPUTS, bench.HIDDEN, w_init=jnp.asarray(problem.w1), b_init=None
        )
        spike = braintools.surrogate.InvSquareGrad(alpha=1.0)
        self.hidden = brainpy.state.LIF(bench.HIDDEN, R=R, tau=bench.TAU * u.ms, spk_fun=spike)
        self.output = brainpy.state.LeakyRateReadout(
            bench.HIDDEN,
            bench.OUTPUTS,
            tau=bench.TAU * u.ms,
            w_init=lambda *_: jnp.asarray(problem.w2),
        )

    def update(self, x: jax.Array) -> jax.Array:
        return self.output(self.hidden(self.w1(x) * u.mA))


def main() -> None:
    options = bench.command_line(__doc__).parse_args()
    problem = bench.problem()
    brainstate.environ.set(dt=bench.DT * u.ms)
    network = Network(problem)
    brainstate.nn.init_all_states(network, batch_size=bench.BATCH)
    weights = network.states(brainstate.ParamState)
    adam = braintools.optim.Adam(lr=bench.LEARNING_RATE)
    adam.register_trainable_weights(weights)
    batch = jnp.asarray(problem.x), jnp.asarray(problem.y)

    def backward(x: jax.Array, y: jax.Array) -> tuple[dict, jax.Array]:
        def loss() -> jax.Array:
            brainstate.nn.init_all_states(network, batch_size=bench.BATCH)
            logits = brainstate.transform.for_loop(network.update, x).mean(0)
            return braintools.metric.softmax_cross_entropy_with_integer_labels(logits, y).mean()

        return brainstate.transform.grad(loss, weights, return_value=True)()

    @brainstate.transform.jit
    def advance(x: jax.Array, y: jax.Array) -> jax.Array:
        grads, value = backward(x, y)
        adam.update(grads)
        return value

    def gradients() -> bench.Gradients:
        grads, value = brainstate.transform.jit(backward)(*batch)
        w1, w2 = (
            np.asarray(jax.tree.leaves(grads[name, "weight"])[0]) for name in ("w1", "output")
        )
        return bench.Gradients(float(value), w1, w2)

    bench.run(options, version("brainpy_state"), gradients, lambda: float(advance(*batch)))


if __name__ == "__main__":
    main()
