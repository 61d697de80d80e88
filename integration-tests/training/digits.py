"""Learn the handwritten digits of scikit-learn: at least 97 % of the test samples.

    python digits.py --seeds 5 --output digits.json

Each pixel is a constant current into 200 hidden leaky integrate-and-fire neurons, for 20 steps of
1 ms; the class is that of the leaky integrator, of ten, whose mean over time is largest. The seed
decides on the division of the samples too.
"""

import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import optax
from brainloom_core import InvSquareGrad
from brainloom_training import Linear, Trainer, data, fit
from common import Figures, command, mean_accuracy, mean_cross_entropy

HIDDEN, EPOCHS, BATCH, RATE, DECAY = 200, 40, 50, 5e-3, 0.1
DT, STEPS = 1.0 * u.ms, 20


def network() -> brainstate.nn.Sequential:
    """64 pixels, 200 neurons, ten outputs."""
    normal = brainstate.random.normal
    return brainstate.nn.Sequential(
        Linear(64, HIDDEN, w_init=lambda shape: normal(0.1, 0.3, shape) * u.mA, b_init=None),
        bl.LIF(HIDDEN, tau=10 * u.ms, spk_fun=InvSquareGrad(5.0)),
        bl.LeakyRateReadout(
            HIDDEN, 10, tau=20 * u.ms, w_init=lambda shape: normal(0.0, HIDDEN**-0.5, shape)
        ),
    )


def run(seed: int, epochs: int = EPOCHS) -> Figures:
    """Train with a seed; the accuracy on the three sets."""
    train, validation, test = data.digits(seed)
    brainstate.random.seed(seed)
    net = network()
    options = {
        "metrics": {"accuracy": mean_accuracy},
        "encoder": lambda x: jnp.broadcast_to(x, (STEPS, *x.shape)),
        "dt": DT,
    }
    steps = epochs * -(-len(train[1]) // BATCH)
    history = fit(
        net,
        mean_cross_entropy,
        train,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=optax.adamw(
            optax.cosine_decay_schedule(RATE, steps), weight_decay=DECAY
        ),
        validation=validation,
        seed=seed,
        **options,
    )
    tested = Trainer(net, mean_cross_entropy, **options).evaluate(*test)
    return {
        "train": history["accuracy"][-1],
        "validation": history["val_accuracy"][-1],
        "test": float(tested["accuracy"]),
    }


if __name__ == "__main__":
    command(__doc__ or "", run)
