r"""A spiking network that learns to make a wave by itself (FORCE).

Nicola and Clopath (2017) asked whether networks of spiking neurons can be trained to have given
dynamics, as rate networks can. A network with strong random weights, active by itself, gets a
readout that is fed back to all neurons. While it runs, recursive least squares change the readout so
quickly that its error is always small; after a few seconds the weights stand still, learning is
switched off, and the network goes on making what it was taught.

W. Nicola & C. Clopath (2017), Supervised learning in spiking neural networks with FORCE training,
Nat. Commun. 8, 2208, [doi:10.1038/s41467-017-01827-3](https://doi.org/10.1038/s41467-017-01827-3).

Two things to try:

1. FIRST
2. SECOND
"""

import sys

import brainloom as bl
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

# The leaky integrators of the paper: G scales the random weights, Q the feedback.
N = 2000 if "--full" in sys.argv else 400
G, Q, SPARSE, WAVE, DT, EVERY = 0.04, 10.0, 0.1, 5.0, 0.1 * u.ms, 25
LEARN, STOP, END = 1000.0, 5000.0, 8000.0  # ms


class Force(bl.Network):
    """Neurons, their filtered spikes, and a readout that learns."""

    def __init__(self):
        super().__init__()
        random = np.random.default_rng(1)
        self.cells = bl.LIFRef(
            N,
            tau=10 * u.ms,
            tau_ref=2 * u.ms,
            V_rest=-40 * u.mV,  # the bias
            V_reset=-65 * u.mV,
            V_th=-40 * u.mV,
            V_initializer=bl.Uniform(-65 * u.mV, -40 * u.mV),
            spk_reset="hard",
        )
        there = random.random((N, N)) < SPARSE
        self.weights = jnp.asarray(G * random.standard_normal((N, N)) * there / np.sqrt(N) / SPARSE, jnp.float32)
        self.feedback = jnp.asarray(Q * random.uniform(-1, 1, N), jnp.float32)
        self.synapses = bl.DualExpon(N, tau_rise=2 * u.ms, tau_decay=20 * u.ms)
        self.z = brainstate.ShortTermState(jnp.zeros(()))
        self.phi = brainstate.ShortTermState(jnp.zeros(N))
        self.P = brainstate.ShortTermState(jnp.eye(N) * 2.0)
