"""A task that needs delays: in which order four inputs spike, and they spike once each.

    python delays.py --seeds 5 --output delays.json

The inputs spike 8 ms after one another, with some jitter, in one of the four cyclic orders; when
the first does is random. The classes differ in nothing else. Neurons with time constants of 2 ms
have forgotten a spike before the next one comes: they can only tell an order from another if
their inputs are delayed so that the spikes of one order arrive together. The class is that whose
two neurons spike most.

Learned are weights and delays, one for each edge. For comparison, only the weights, with the
delays as they were at first (12 ms, within 3 ms), or without delays.
"""

from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import numpy as np
import optax
from brainloom_core import InvSquareGrad, between
from brainloom_training import Accuracy, SpikeCountCrossEntropy, data, fit
from common import Figures, command

CLASSES, COPIES, EPOCHS, BATCH = 4, 2, 30, 100
DT, DURATION, GAP, JITTER = 1.0 * u.ms, 100.0 * u.ms, 8.0, 0.5  # the last two in ms
LONGEST = 40.0  # ms


def samples(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Spikes `(n, T, 4)` and the orders, drawn with a seed."""
    rng = np.random.default_rng(seed)
    orders = rng.integers(0, CLASSES, n)
    slots = (np.arange(CLASSES) + orders[:, None]) % CLASSES
    first = rng.uniform(3.0, 10.0, (n, 1))
    times = first + GAP * slots + rng.normal(0.0, JITTER, slots.shape)
    spikes = data.spikes_from_times(times * u.ms, dt=DT, duration=DURATION)
    return spikes.astype(np.float32), orders


class Detectors(brainstate.nn.Module):
    """Two neurons for each order, which see all inputs, each edge with its weight and delay.

    Args:
        delays: `"learned"`, `"fixed"` as they are drawn, or `"none"`.
    """

    def __init__(self, delays: str) -> None:
        super().__init__()
        self.cells = bl.LIF(CLASSES * COPIES, tau=2 * u.ms, spk_fun=InvSquareGrad(2.0))
        uniform, edges = brainstate.random.uniform, CLASSES * CLASSES * COPIES
        weight, delay = uniform(0.5, 1.5, edges) * u.mA, uniform(9.0, 15.0, edges) * u.ms
        options: dict[str, Any] = {
            "learned": {"delay": brainstate.ParamState(delay), "max_delay": LONGEST * u.ms},
            "fixed": {"delay": delay, "interpolate": True},
            "none": {},
        }[delays]
        self.proj = bl.AlignPostProj(
            comm=bl.Connection(CLASSES, self.cells, bl.AllToAll(), weight=weight),
            syn=bl.Expon.desc(tau=2 * u.ms, g_initializer=0 * u.mA),
            out=bl.CUBA.desc(scale=1.0),
            post=self.cells,
            **options,
        )

    def update(self, spikes: Any) -> Any:
        """The spikes of the neurons, those for the first order coming first."""
        self.proj(spikes)
        return self.cells()


def accuracy(delays: str, seed: int, epochs: int = EPOCHS) -> float:
    """Share of the test samples whose order is found, after training."""
    brainstate.random.seed(seed)
    net = Detectors(delays)
    train, test = samples(2000, seed=1), samples(1000, seed=2)
    rates = {
        kind: optax.adam(optax.cosine_decay_schedule(rate, epochs * len(train[1]) // BATCH))
        for kind, rate in {"weight": 0.02, "delay": 0.2}.items()
    }
    history = fit(
        net,
        SpikeCountCrossEntropy(per_class=COPIES),
        train,
        epochs=epochs,
        batch_size=BATCH,
        optimizer=optax.multi_transform(
            rates, lambda found: {name: name.rpartition(".")[2] for name in found}
        ),
        constraints={"*.delay": between(0, LONGEST)} if delays == "learned" else {},
        validation=test,
        metrics={"accuracy": Accuracy(per_class=COPIES)},
        dt=DT,
        seed=seed,
    )
    return history["val_accuracy"][-1]


def run(seed: int) -> Figures:
    """Learned delays, and what the weights alone can do."""
    return {delays: accuracy(delays, seed) for delays in ("learned", "fixed", "none")}


if __name__ == "__main__":
    command(__doc__ or "", run)
