"""The network of the training benchmark in Spyx, run by `spyx.nn.run`.

Its neuron resets a step after the spike and does not let that decay, and hands out its spikes a
step late. In V + beta - 1 this is our network, with the threshold beta and a constant input; one
more step makes up for the delay.
"""

from __future__ import annotations

from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import optax
import training_common as bench
from flax import nnx
from spyx import axn
from spyx import nn as spyx

Weights = nnx.All(nnx.Param, nnx.PathContains("kernel"))  # the decays stay as they are
SHIFT = bench.BETA - 1


def network(problem: bench.Problem) -> spyx.Sequential:
    rngs = nnx.Rngs(0)
    model = spyx.Sequential(
        nnx.Linear(
            bench.INPUTS, bench.HIDDEN, bias_init=nnx.initializers.constant(-(SHIFT**2)), rngs=rngs
        ),
        spyx.LIF(
            (bench.HIDDEN,),
            bench.BETA,
            threshold=bench.BETA,
            activation=axn.superspike(1),
            rngs=rngs,
        ),
        nnx.Linear(bench.HIDDEN, bench.OUTPUTS, use_bias=False, rngs=rngs),
        spyx.LI((bench.OUTPUTS,), bench.BETA, rngs=rngs),
    )
    model.layers[0].kernel[...] = jnp.asarray(problem.w1)
    model.layers[2].kernel[...] = jnp.asarray(problem.w2)
    return model


def loss(model: spyx.Sequential, x: jax.Array, y: jax.Array) -> jax.Array:
    state = model.initial_state(bench.BATCH)
    state[1] = state[1] + SHIFT
    outputs, _ = spyx.run(model, x, state)
    logits = outputs[1:].mean(0)
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


value_and_grad = nnx.value_and_grad(loss, argnums=nnx.DiffState(0, Weights))


@nnx.jit
def evaluate(model: spyx.Sequential, *batch: jax.Array) -> tuple[jax.Array, nnx.State]:
    return value_and_grad(model, *batch)


@nnx.jit
def advance(model: spyx.Sequential, adam: nnx.Optimizer, *batch: jax.Array) -> jax.Array:
    value, grads = value_and_grad(model, *batch)
    adam.update(model, grads)
    return value


def main() -> None:
    options = bench.command_line(__doc__).parse_args()
    problem = bench.problem()
    model = network(problem)
    adam = nnx.Optimizer(model, optax.adam(bench.LEARNING_RATE), wrt=Weights)
    one_more = np.concatenate([problem.x, np.zeros_like(problem.x[:1])])
    batch = jnp.asarray(one_more), jnp.asarray(problem.y)

    def gradients() -> bench.Gradients:
        value, grads = evaluate(model, *batch)
        w1, w2 = (np.asarray(grads.layers[i].kernel[...]) for i in (0, 2))
        return bench.Gradients(float(value), w1, w2)

    bench.run(options, version("spyx"), gradients, lambda: float(advance(model, adam, *batch)))


if __name__ == "__main__":
    main()
