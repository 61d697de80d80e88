r"""Learn the Yin-Yang set with spike times.

Kriener, Göltz and Petrovici (2022) made a small set that a network without a hidden layer cannot
learn, to compare training methods for spiking networks: is a point in the yin, in the yang, or in
one of the dots? A point is four spikes, whose times are its coordinates and their complements to 1,
and a fifth at a constant time. Here 200 hidden LIF neurons learn it by surrogate gradients. The
class is that of three leaky integrators whose mean over time is largest.

L. Kriener, J. Göltz & M. A. Petrovici (2022), The Yin-Yang dataset, NICE, 107,
[doi:10.1145/3517343.3517380](https://doi.org/10.1145/3517343.3517380). The number to compare with:
T. C. Wunderlich & C. Pehle (2021), Event-based backpropagation can compute exact gradients for
spiking neural networks, Sci. Rep. 11, 12829,
[doi:10.1038/s41598-021-91786-z](https://doi.org/10.1038/s41598-021-91786-z).

Two things to try:

1. Train for 10 epochs only: 97.2 % of the test set are right. The other 90 gain one per cent.
2. Take 20 hidden neurons in place of 200: after as many epochs 96.8 % are right.
"""

import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

HIDDEN, EPOCHS, BATCH, DT, STEPS, TAU_SYN = 200, 100, 100, 1 * u.ms, 30, 5 * u.ms


def currents(times):
    """Times (B, 5) to the mean current (STEPS, B, 5) of an exponential synapse in each step.

    So the times of spikes need not be multiples of the step.
    """
    bounds = jnp.arange(STEPS + 1)[:, None, None] * DT
    left = jnp.exp(-u.get_magnitude(u.math.maximum(bounds - times, 0 * u.ms) / TAU_SYN))
    return (left[:-1] - left[1:]) * u.get_magnitude(TAU_SYN / DT)


def normal(mean, deviation, unit=1.0):
    """Random weights of a given shape."""
    return lambda shape: brainstate.random.normal(mean, deviation, shape) * unit


brainstate.random.seed(0)
net = brainstate.nn.Sequential(
    bl.Linear(5, HIDDEN, w_init=normal(1.0, 3.0, u.mA), b_init=None),
    bl.LIF(HIDDEN, tau=10 * u.ms, spk_fun=bl.InvSquareGrad(5.0)),
    bl.LeakyRateReadout(HIDDEN, 3, tau=20 * u.ms, w_init=normal(0.0, HIDDEN**-0.5)),
)
train, validation, test = ((bl.data.yin_yang_latency(x), y) for x, y in bl.data.yin_yang_splits())
mean = bl.MeanOverTime()
loss = bl.MembraneCrossEntropy(over=mean, scale=1.0)
options = {"metrics": {"accuracy": bl.Accuracy(over=mean)}, "encoder": currents, "dt": DT}
schedule = optax.cosine_decay_schedule(2e-2, EPOCHS * len(train[1]) // BATCH)
history = bl.fit(
    net,
    loss,
    train,
    epochs=EPOCHS,
    batch_size=BATCH,
    optimizer=optax.adam(schedule),
    validation=validation,
    seed=0,
    progress=False,
    **options,
)
accuracy = 100 * bl.evaluate(net, loss, test, **options)["accuracy"]

# What the network says of every point of the disc.
x, y = (a.ravel() for a in np.meshgrid(*2 * [np.linspace(0, 1, 121)]))
inside = (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25
x, y = x[inside], y[inside]
times = bl.data.yin_yang_latency(np.stack([x, y, 1 - x, 1 - y], -1))
with brainstate.environ.context(dt=DT):
    brainstate.nn.init_all_states(net, batch_size=len(x))
    said = np.argmax(bl.rollout(net, currents(times), over=mean), -1)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=[1, 1.4])
for k, name in enumerate(("yin", "yang", "dot")):
    left.plot(x[said == k], y[said == k], ".", markersize=2, label=name, rasterized=True)
left.set(aspect="equal", xlabel="x", ylabel="y", title="areas as the network sees them")
left.legend(bbox_to_anchor=(1, 1), markerscale=4)
right.plot(100 * np.array(history["accuracy"]), label="training")
right.plot(100 * np.array(history["val_accuracy"]), label="validation")
right.axhline(98.1, color="C5", linestyle="--", label="published")
right.set(xlabel="epoch", ylabel="accuracy (%)", ylim=(80, 100))
right.legend()

# Wunderlich & Pehle: 98.1 ± 0.2 % with as many hidden neurons, trained by EventProp. Five seeds of
# a network like this one with 120 hidden neurons gave 97.7 to 99.2 %: hence 1.5 %.
topic = "Training"
published = {"accuracy on the test set, %": (98.1, 0.015)}
measured = {"accuracy on the test set, %": accuracy}
