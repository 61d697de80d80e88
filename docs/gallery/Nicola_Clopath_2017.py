r"""A spiking network that learns to make a wave by itself (FORCE).

Nicola and Clopath (2017) asked whether networks of spiking neurons can be trained to have given
dynamics, as rate networks can. A network with strong random weights, active by itself, gets a
readout that is fed back to all neurons. While it runs, recursive least squares change the readout
so quickly that its error is always small. Then learning is switched off, and the network goes on
making what it was taught: look at the end of the blue area, where nothing seems to happen.

W. Nicola & C. Clopath (2017), Supervised learning in spiking neural networks with FORCE training,
Nat. Commun. 8, 2208, [doi:10.1038/s41467-017-01827-3](https://doi.org/10.1038/s41467-017-01827-3).

Two things to try:

1. Take the feedback away (`Q = 0.0`): the readout still learns to follow, but alone it wanders at
   0.4 Hz with less than half the amplitude. It is the feedback that makes the wave sustain itself.
   Without random weights instead (`G = 0.0`) nothing is left at all.
2. Let it learn for half a second, `STOP = 1000.0`: the wave goes on, but at 5.14 Hz and with 0.89
   of the amplitude.
"""

import sys

import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

# The leaky integrators of the paper: G scales the random weights, Q the feedback.
N = 1000 if "--full" in sys.argv else 400
G, Q, SPARSE, DT, EVERY, REGULAR = 0.04, 10.0, 0.1, 0.1 * u.ms, 25, 1e-5
LEARN, STOP, END = 500.0, 4000.0, 7000.0  # ms


def target(t):
    """A wave of 5 Hz, over the time in ms."""
    return jnp.sin(2 * jnp.pi * 5e-3 * t)


class Force(bl.Network):
    """Neurons, their filtered spikes, and a readout that learns and is fed back."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(1)
        level = {"V_rest": -40 * u.mV, "V_reset": -65 * u.mV, "V_th": -40 * u.mV}  # rest: the bias
        start = random.uniform(-65, 30, N) * u.mV
        self.cells = bl.LIFRef(
            N, tau=10 * u.ms, tau_ref=2 * u.ms, **level, V_initializer=start, spk_reset="hard"
        )
        # A spike gives a filtered rate of area 1 s, so that it counts in Hz.
        self.filter = bl.DualExpon(
            N,
            tau_rise=2 * u.ms,
            tau_decay=20 * u.ms,
            amplitude=1 / 0.018,
            normalize=False,
            g_initializer=0.0,
        )
        random_weights = random.standard_normal((N, N)) * (random.random((N, N)) < SPARSE)
        self.weights = jnp.asarray(G * random_weights / np.sqrt(N) / SPARSE, "float32")
        self.feedback = jnp.asarray(Q * random.uniform(-1, 1, N), "float32")
        self.z = brainstate.ShortTermState(jnp.zeros(()))
        self.phi = brainstate.ShortTermState(jnp.zeros(N))
        self.P = brainstate.ShortTermState(REGULAR * jnp.eye(N))

    def update(self):
        """One step of the network, and now and then one of recursive least squares."""
        r = self.filter.g.value
        self.z.value = self.phi.value @ r
        t = brainstate.environ.get("t").to_decimal(u.ms)
        now = (brainstate.environ.get("i") % EVERY == 0) & (t > LEARN) & (t < STOP)
        brainstate.transform.cond(now, self.learn, lambda *_: None, r, t)
        spikes = self.cells((self.weights @ r + self.feedback * self.z.value) * u.mA)
        self.filter(spikes)

    def learn(self, r, t):
        """Change the readout so that its error, which is already small, becomes smaller."""
        k = self.P.value @ r
        self.P.value = self.P.value - jnp.outer(k, k) / (1 + r @ k)
        self.phi.value = self.phi.value - (self.z.value - target(t)) * (self.P.value @ r)


net = Force()
record = {"z": bl.Trace(net, "z", every=1 * u.ms), "spikes": "cells.spikes"}
run = bl.simulate(net, END * u.ms, dt=DT, record=record)
t, z = run["z"].t.to_decimal(u.ms), np.asarray(run["z"].values)
alone = t > STOP + 10
padded = 8 * alone.sum()
power = np.abs(np.fft.rfft(z[alone], padded))

figure, axes = plt.subplots(3, 1, figsize=(7, 5.5), height_ratios=[2, 1, 1])
raster, whole, end = axes
spikes = run["spikes"].between((STOP - 500) * u.ms, (STOP + 500) * u.ms)
shown = spikes.index < 40
raster.plot(spikes.t.to_decimal(u.ms)[shown], spikes.index[shown], ".", markersize=2)
raster.set(ylabel="neuron", xlim=(STOP - 500, STOP + 500))
for ax, low, high in (whole, 0, END), (end, STOP - 500, STOP + 500):
    inside = (t >= low) & (t <= high)
    ax.plot(t[inside], target(t[inside]), color="C5", linewidth=1)
    ax.plot(t[inside], z[inside], "C1", linewidth=1)
    ax.set(ylabel="readout", xlim=(low, high), ylim=(-1.8, 1.8))
whole.axvspan(LEARN, STOP, color="C0", alpha=0.15)
end.axvspan(STOP - 500, STOP, color="C0", alpha=0.15)
end.set_xlabel("time (ms); blue: it learns; grey: what it is taught")

# The wave that it is taught, as in Fig. 2 of the paper, has 5 Hz and the amplitude 1. Its periods
# vary by a few per cent once it is alone.
topic = "Training"
published = {"frequency alone, Hz": (5.0, 0.04), "amplitude alone": (1.0, 0.1)}
values = np.fft.rfftfreq(padded, 1e-3)[power.argmax()], np.sqrt(2) * z[alone].std()
measured = dict(zip(published, values, strict=True))
