r"""Gamma rhythm in a network of one hundred interneurons that inhibit each other.

Wang and Buzsáki (1996) asked whether interneurons alone can make the gamma rhythm. They can, if
the potential after a spike stays above the reversal potential of the synapses, −75 mV: then
inhibition delays the next spike of all neurons alike and draws them together. The figure follows
Fig. 3 of the paper. The factor $\varphi$ says how fast the gates of the cells are; slower gates
make deeper afterhyperpolarisations, and full synchrony is not reached within a second. (The current
rises from panel to panel to keep the frequency, with the values of ModelDB 26997.)

X.-J. Wang & G. Buzsáki (1996), Gamma oscillation by synaptic inhibition in a hippocampal
interneuronal network model, J. Neurosci. 16, 6402,
[doi:10.1523/JNEUROSCI.16-20-06402.1996](https://doi.org/10.1523/JNEUROSCI.16-20-06402.1996).

Two things to try:

1. Take the inhibition away (`weight=0.0`), with φ = 5: each cell spikes at 59.7 Hz, its rate at
   that current, and the coherence is 0.11, as the phases were at the start.
2. Put the reversal potential above the afterhyperpolarisation, at −55 mV: inhibition then drives
   cells that have just spiked. They spike at 73.6 Hz, and the coherence stays at 0.10.
"""

import brainloom as bl
import brainstate
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np

N, DURATION, DT = 100, 1000 * u.ms, 0.02 * u.ms
# phi and the current of each cell; all constants are for a membrane of 1 cm², so mS, uA, uF.
PANELS = [(5.0, 1.0 * u.uA), (3.33, 1.2 * u.uA), (2.0, 1.4 * u.uA)]


def network(phi):
    """All to all: 0.1 mS in sum, transmitter released as a function of the potential."""
    net = bl.Network()
    start = bl.Uniform(-70 * u.mV, -50 * u.mV)
    net.cells = bl.WangBuzsakiHH(N, phi=phi, V_th=0 * u.mV, V_initializer=start)
    net.inhibition = bl.AlignPreProj(
        net.cells.prefetch("V"),
        syn=bl.GradedSynapse(N, alpha=12 / u.ms, beta=0.1 / u.ms),
        comm=bl.Connection(N, N, bl.AllToAll(), weight=0.1 / N),
        out=bl.COBA(E=-75 * u.mV),
        post=net.cells,
    )
    return net


def frequency(t, index):
    """Inverse of the mean interval between spikes, in Hz, over all cells."""
    return 1000.0 / np.mean(np.concatenate([np.diff(t[index == k]) for k in range(N)]))


def coherence(t, index):
    """Mean over pairs of the normalised number of spikes that share a bin of a tenth of a period.

    The measure of the paper: 1 where all cells spike together.
    """
    bins = (t / (100.0 / frequency(t, index))).astype(int)
    trains = np.zeros((N, bins.max() + 1))
    trains[index, bins] = 1.0
    norm = np.sqrt(trains.sum(1))
    pairs = trains @ trains.T / np.outer(norm, norm)
    return pairs[np.triu_indices(N, 1)].mean()


figure, axes = plt.subplots(3, 2, figsize=(8, 5.5), sharex="col", sharey="col")
found = []
for row, (phi, current) in zip(axes, PANELS, strict=True):
    brainstate.random.seed(1)
    net = network(phi)
    record = {
        "spikes": "cells.spikes",
        "V": bl.Trace(net.cells, "V", every=0.1 * u.ms, index=[0, 1]),
    }
    recording = bl.simulate(net, DURATION, dt=DT, inputs=current, record=record, progress=False)
    spikes = recording["spikes"]
    late = spikes.between(500 * u.ms, DURATION)
    t = np.asarray(late.t.to_decimal(u.ms)) - 500.0
    found.append((frequency(t, late.index), coherence(t, late.index)))
    row[0].plot(spikes.t.to_decimal(u.ms), spikes.index, ".", markersize=1.5, rasterized=True)
    row[0].set_ylabel("cell")
    title = "φ = {:g}: {:.1f} Hz, coherence {:.2f}".format(phi, *found[-1])
    row[0].set_title(title, loc="left", fontsize="medium")
    V = recording["V"]
    row[1].plot(V.t.to_decimal(u.ms)[4000:6000], V.values.to_decimal(u.mV)[4000:6000])
    row[1].axhline(-75.0, color="C3", linestyle="--", linewidth=0.8)
    row[1].set_ylabel("V (mV)")
axes[0, 1].set_title("two cells (dashed: reversal of inhibition)", loc="left", fontsize="medium")
axes[0, 0].set_xlim(0, 600)
axes[0, 1].set_ylim(-80, -50)  # spikes cut off
for ax in axes[-1]:
    ax.set_xlabel("time (ms)")

# A review by the same authors (Buzsáki & Wang 2012, doi:10.1146/annurev-neuro-062111-150444,
# Fig. 2a) gives "~40 Hz" for this network, so two digits at most: 5 %. Its cells are identical,
# and "zero-phase synchrony" is a coherence of 1, for which 1 % is enough.
topic = "Rhythms"
published = {"frequency at φ = 5, Hz": (40.0, 0.05), "coherence at φ = 5": (1.0, 0.01)}
measured = dict(zip(published, found[0], strict=True))
