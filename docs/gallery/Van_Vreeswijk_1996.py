r"""Chaos in a network in which excitation and inhibition balance.

Neurons in cortex receive thousands of synapses, and yet spike irregularly, though so many inputs
should average out. Van Vreeswijk and Sompolinsky (1996) showed that strong synapses, of the order
of $1/\sqrt K$ for $K$ inputs, resolve this: excitation and inhibition are each far above the
threshold and cancel, and what is left is noise that the network makes itself. Its rates are then
*linear* in the drive, whatever the neurons, and its microscopic state is chaotic. The paper has
binary neurons; here they are leaky integrators. Look at the right panels: the rates lie on lines,
and two runs that differ by one spike of one neuron soon have nothing in common.

C. van Vreeswijk & H. Sompolinsky (1996), Chaos in neuronal networks with balanced excitatory and
inhibitory activity, Science 274, 1724,
[doi:10.1126/science.274.5293.1724](https://doi.org/10.1126/science.274.5293.1724).

Two things to try:

1. Change the first potential by 1 µV only: `start[0] += first`, with `first=1e-3`. The two runs
   then stay the same to the last spike. In networks of leaky integrators with instant synapses a
   small difference decays; only a spike more or less grows into another history.
2. Weak synapses, `J` of 5 mV: the sum of the inputs is too smooth to make a neuron spike by chance,
   and the rates are no longer linear in the drive (a correlation of 0.43 with it).
"""

import brainloom as bl
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np

N, K, J, DT = 1500, 300, 20.0, 0.1 * u.ms  # of each kind; inputs of each kind; mV times sqrt(K)
# Strengths as in the paper: of inhibition onto both kinds, of the drive of both kinds.
J_E, J_I, E, I = 2.0, 1.2, 1.0, 0.5
TAU = 0.02  # s


def build(drive, first=0.0):
    """The network, and its constant input, as if of K neurons that spike at the rate `drive`."""
    random = np.random.default_rng(1)
    net = bl.Network()
    start = 20.0 * random.random(2 * N)
    start[0] = first
    net.cells = bl.LIFRef(
        2 * N,
        tau=20 * u.ms,
        tau_ref=0 * u.ms,
        V_th=20 * u.mV,
        V_initializer=start * u.mV,
        spk_reset="hard",
    )
    exc, inh = net.cells[:N], net.cells[N:]
    kinds = (
        ("EE", exc, exc, 1.0),
        ("IE", exc, inh, 1.0),
        ("EI", inh, exc, -J_E),
        ("II", inh, inh, -J_I),
    )
    for seed, (name, pre, post, strength) in enumerate(kinds):
        weight = strength * J / np.sqrt(K) * u.mV
        comm = bl.Connection(pre, post, bl.FixedInDegree(K), weight, seed=seed, trainable=False)
        setattr(net, name, bl.DeltaProj(pre.get_spike, comm=comm, post=post))
    return net, np.sqrt(K) * J * TAU * drive * np.repeat([E, I], N) * u.mA


def spikes_of(drive, first=0.0):
    """Spikes behind a transient of 100 ms."""
    net, current = build(drive, first)
    run = bl.simulate(net, 600 * u.ms, dt=DT, inputs=lambda t: current, record="cells.spikes")
    return run["cells.spikes"]


drives = np.arange(10.0, 41.0, 10.0)
runs = [spikes_of(drive) for drive in drives]
late = [spikes.between(100 * u.ms, 600 * u.ms) for spikes in runs]
rates = np.array([s.counts()[0].reshape(2, N).mean(1) / 0.5 for s in late])

# Spikes in each 2 ms that only one of two runs has, one of which begins with a spike of neuron 0.
one, other = (set(s.step * 2 * N + s.index) for s in (runs[1], spikes_of(drives[1], first=19.999)))
bins = np.arange(0, 6001, 20)
apart = np.histogram(np.array([*(one ^ other)]) // (2 * N), bins)[0]
both = np.histogram(np.array([*one, *other]) // (2 * N), bins)[0]

figure, axes = plt.subplots(2, 2, figsize=(8, 5.5), width_ratios=[1.4, 1])
raster, line, V, chaos = axes.flat
t, index = late[1].t.to_decimal(u.ms), late[1].index
raster.plot(t[index % 15 == 0], index[index % 15 == 0], ".", markersize=1.5, rasterized=True)
raster.axhline(N, linewidth=0.5, color="C3")
raster.set(xlabel="time (ms)", ylabel="neuron", xlim=(100, 350))
for k, name in enumerate(("excitatory", "inhibitory")):
    line.plot(drives, rates[:, k], "o", color=f"C{k}", label=name)
    line.plot(drives, np.polyval(np.polyfit(drives, rates[:, k], 1), drives), color=f"C{k}")
    V.hist(late[1].counts()[0].reshape(2, N)[k] / 0.5, np.arange(0, 61, 2), histtype="step")
line.set(xlabel="drive (Hz)", ylabel="rate (Hz)")
line.legend()
V.set(xlabel="rate of a neuron (Hz)", ylabel="neurons")
chaos.plot(1 + bins[:-1] / 10, apart / np.maximum(both, 1), "C3")
chaos.set(xlabel="time (ms)", ylabel="share of spikes\nthat differ", xlim=(0, 60), ylim=(0, 1))

# Independent: the rates in the diffusion approximation (Siegert's formula for both populations,
# made self-consistent). With jumps of 1.2 mV and 300 inputs a few per cent are left, hence 6 %.
# From the paper: rates are linear, and runs diverge completely.
topic = "Networks"
published = {
    "excitatory rate at a drive of 40 Hz, Hz": (16.37, 0.06),
    "inhibitory rate at a drive of 40 Hz, Hz": (29.05, 0.06),
    "correlation of excitatory rate and drive": (1.0, 0.001),
    "share of spikes that differ in the end": (1.0, 0.1),
}
values = *rates[-1], np.corrcoef(drives, rates[:, 0])[0, 1], apart[-50:].sum() / both[-50:].sum()
measured = dict(zip(published, values, strict=True))
