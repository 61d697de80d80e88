"""The network of the training benchmark in brainloom, trained by its `Trainer`."""

from __future__ import annotations

import brainloom as bl
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import training_common as bench
from brainloom_core.surrogate import InvSquareGrad
from brainloom_training import LeakyRateReadout, Linear, Trainer

R = 1 / (1 - bench.BETA) * u.ohm  # a current I of one step raises V by R I (1 - beta)


def network(problem: bench.Problem) -> brainstate.nn.Sequential:
    tau = bench.TAU * u.ms
    w1, w2 = jnp.asarray(problem.w1) * u.mA, jnp.asarray(problem.w2)
    return brainstate.nn.Sequential(
        Linear(bench.INPUTS, bench.HIDDEN, w_init=w1, b_init=None),
        bl.LIF(bench.HIDDEN, R=R, tau=tau, spk_fun=InvSquareGrad(1.0), detach_reset=False),
        LeakyRateReadout(bench.HIDDEN, bench.OUTPUTS, tau=tau, w_init=w2),
    )


def loss(outputs: jax.Array, y: jax.Array) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(outputs.mean(0), y).mean()


def main() -> None:
    parser = bench.command_line(__doc__)
    parser.add_argument("--rule", default="bptt", help="learning rule")
    options = parser.parse_args()
    problem = bench.problem()
    brainstate.environ.set(dt=bench.DT * u.ms)
    trainer = Trainer(network(problem), loss, optax.adam(bench.LEARNING_RATE), rule=options.rule)
    batch = jnp.asarray(problem.x.swapaxes(0, 1)), jnp.asarray(problem.y)

    def gradients() -> bench.Gradients:
        first = Trainer(network(problem), loss, optax.sgd(1.0), rule=options.rule)
        before = weights(first)
        value = float(first.step(*batch)["loss"])
        w1, w2 = (old - new for old, new in zip(before, weights(first), strict=True))
        return bench.Gradients(value, w1, w2)

    bench.run(options, bl.__version__, gradients, lambda: float(trainer.step(*batch)["loss"]))


def weights(trainer: Trainer) -> list[np.ndarray]:
    """Both matrices as numbers, in double precision."""
    values = [jax.tree.leaves(state.value)[0] for state in trainer.parameters.values()]
    w2, w1 = sorted(map(np.float64, values), key=np.size)
    return [w1, w2]


if __name__ == "__main__":
    main()
