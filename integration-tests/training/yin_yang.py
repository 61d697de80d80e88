"""Learn the Yin-Yang set with 120 spiking neurons: at least 98 % of the test samples.

    python yin_yang.py --seeds 5 --output yin_yang.json

Input are spike times, as in the published results: one for each of the four coordinates and one
that is always the same. They are not rounded to steps: each acts through an exponential synapse,
whose mean current in each step is exact. The class is that of the leaky integrator, of three, whose
mean over time is largest.

References:
    Kriener, Göltz & Petrovici (2022), doi:10.1145/3517343.3517380 (the set);
    Göltz et al. (2021), doi:10.1038/s42256-021-00388-x (95.9 %);
    Wunderlich & Pehle (2021), doi:10.1038/s41598-021-91786-z (98.1 %, 200 neurons).
"""

from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import optax
from brainloom_core import InvSquareGrad
from brainloom_training import Linear, data, evaluate, fit
from common import MEAN_ACCURACY, MEAN_CROSS_ENTROPY, Figures, command

HIDDEN, EPOCHS, BATCH, RATE = 120, 300, 100, 2e-2
DT, STEPS, TAU_SYN = 1.0 * u.ms, 30, 5.0 * u.ms


def currents(times: Any) -> Any:
    """Mean current of an exponential synapse in each step, for one spike of each input.

    From times `(B, n)` to a sequence `(STEPS, B, n)`; the charge of a spike is `TAU_SYN` times 1.
    """
    bounds = jnp.arange(STEPS + 1)[:, None, None] * DT
    left = jnp.exp(-u.get_magnitude(u.math.maximum(bounds - times, 0 * u.ms) / TAU_SYN))
    return (left[:-1] - left[1:]) * u.get_magnitude(TAU_SYN / DT)


def network() -> brainstate.nn.Sequential:
    """120 neurons, of which some five in a hundred spike in a step at first, and three outputs."""
    normal = brainstate.random.normal
    return brainstate.nn.Sequential(
        Linear(5, HIDDEN, w_init=lambda shape: normal(1.0, 3.0, shape) * u.mA, b_init=None),
        bl.LIF(HIDDEN, tau=10 * u.ms, spk_fun=InvSquareGrad(5.0)),
        bl.LeakyRateReadout(
            HIDDEN, 3, tau=20 * u.ms, w_init=lambda shape: normal(0.0, HIDDEN**-0.5, shape)
        ),
    )


def run(seed: int, epochs: int = EPOCHS) -> Figures:
    """Train with a seed; the accuracy on the three sets."""
    train, validation, test = ((data.yin_yang_latency(x), y) for x, y in data.yin_yang_splits())
    brainstate.random.seed(seed)
    net = network()
    options = {
        "metrics": {"accuracy": MEAN_ACCURACY},
        "encoder": currents,
        "dt": DT,
    }
    steps = epochs * len(train[1]) // BATCH
    history = fit(
        net,
        MEAN_CROSS_ENTROPY,
        train,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=optax.adam(optax.cosine_decay_schedule(RATE, steps)),
        validation=validation,
        seed=seed,
        **options,
    )
    return {
        "train": history["accuracy"][-1],
        "validation": history["val_accuracy"][-1],
        "test": evaluate(net, MEAN_CROSS_ENTROPY, test, **options)["accuracy"],
    }


if __name__ == "__main__":
    command(__doc__ or "", run)
