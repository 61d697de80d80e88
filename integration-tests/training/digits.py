"""Learn the handwritten digits of scikit-learn: at least 97 % of the test samples.

    python digits.py --seeds 5 --output digits.json

Each pixel is a constant current into 200 hidden leaky integrate-and-fire neurons, for 20 steps of
1 ms; the class is that of the leaky integrator, of ten, whose mean over time is largest. The seed
decides on the division of the samples too.
"""

from typing import Any

import brainstate
import brainunit as u
import optax
from brainloom_core import InvSquareGrad
from brainloom_neurons import LIF
from brainloom_training import DirectEncoder, LeakyRateReadout, Linear, data, evaluate, fit
from common import MEAN_ACCURACY, MEAN_CROSS_ENTROPY, Figures, command

HIDDEN, EPOCHS, BATCH, RATE, DECAY = 200, 40, 50, 5e-3, 0.1
DT, STEPS = 1.0 * u.ms, 20


def network(cells: Any = LIF, scale: float = 1.0) -> brainstate.nn.Sequential:
    """64 pixels, 200 neurons, ten outputs; the scale is that of the first weights."""
    normal, inputs = brainstate.random.normal, scale * u.mA
    return brainstate.nn.Sequential(
        Linear(64, HIDDEN, w_init=lambda shape: normal(0.1, 0.3, shape) * inputs, b_init=None),
        cells(HIDDEN, tau=10 * u.ms, spk_fun=InvSquareGrad(5.0)),
        LeakyRateReadout(
            HIDDEN, 10, tau=20 * u.ms, w_init=lambda shape: normal(0.0, HIDDEN**-0.5, shape)
        ),
    )


def run(seed: int, epochs: int = EPOCHS) -> Figures:
    """Train with a seed; the accuracy on the three sets."""
    train, validation, test = data.digits(seed)
    brainstate.random.seed(seed)
    net = network()
    options = {
        "metrics": {"accuracy": MEAN_ACCURACY},
        "encoder": DirectEncoder(n_steps=STEPS),
        "dt": DT,
    }
    steps = epochs * -(-len(train[1]) // BATCH)
    history = fit(
        net,
        MEAN_CROSS_ENTROPY,
        train,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=DECAY),
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
