r"""Rhythms of a thousand randomly connected neurons, in a few lines.

With his model Izhikevich (2003) published a program of 27 lines that simulates 1000 neurons, each
connected to all others, excitatory ones from regular spiking to chattering, inhibitory ones from
low-threshold to fast spiking. Though it has no structure, the network shows rhythms: look at the
bands in the raster, in which neurons spike together, and at the two ranges of the spectrum that
they make, around 8 Hz (alpha) and from 25 to 40 Hz (gamma).

E. M. Izhikevich (2003), Simple model of spiking neurons, IEEE Trans. Neural Netw. 14, 1569,
[doi:10.1109/TNN.2003.820440](https://doi.org/10.1109/TNN.2003.820440).

Two things to try:

1. Double the inhibition (`-2.0` in place of `-1.0`): the rates fall to 6.3 and 5.0 Hz, and the slow
   rhythm goes; what is left below 20 Hz is largest at 19.5 Hz.
2. Take away all weights (`0.0, 0.0`): the noise alone makes 5.1 and 2.2 Hz, there is no rhythm, and
   the variance of the number of spikes in a millisecond is its mean (0.98), as for independent
   neurons. With `0.6` for `0.5` the network bursts as a whole, and fires at 45 Hz.
"""

import brainloom as bl
import brainstate
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np

N, N_EXC, DURATION = 1000, 800, 5 * u.second
RATE = u.mV / u.ms  # the unit of all currents

brainstate.random.seed(1)
random = np.random.default_rng(1)
exc, inh = np.arange(N) < N_EXC, np.arange(N) >= N_EXC
r = random.random(N)
net = bl.Network()
net.cells = bl.Izhikevich(
    N,
    a=np.where(exc, 0.02, 0.02 + 0.08 * r) / u.ms,
    b=np.where(exc, 0.2, 0.25 - 0.05 * r) / u.ms,
    c=np.where(exc, -65 + 15 * r**2, -65) * u.mV,
    d=np.where(exc, 8 - 6 * r**2, 2) * RATE,
    solver="izhikevich2003",  # two half steps for V and one for u, as in the program
)
# A spike is a current for one step.
weights = random.random((N, N)) * np.where(exc, 0.5, -1.0)[:, None]
net.synapses = bl.CurrentProj(
    net.cells.get_spike,
    comm=bl.Connection(N, N, bl.AllToAll(), weight=weights.ravel()),
    out=bl.CUBA(scale=1.0 * RATE),
    post=net.cells,
)
noise = bl.WienerProcessInput(N, np.where(exc, 5.0, 2.0) * RATE * u.ms**0.5)
run = bl.simulate(net, DURATION, dt=1 * u.ms, inputs=noise, record="cells.spikes")

spikes = run["cells.spikes"].between(500 * u.ms, DURATION)
rates = spikes.counts()[0] / 4.5
counts = spikes.population_counts(1 * u.ms)[0]
power = np.abs(np.fft.rfft((counts - counts.mean()) * np.hanning(len(counts)), 10_000)) ** 2
power = np.convolve(power, np.hanning(41) / 20, "same") / counts.mean() / len(counts)
f = 0.1 * np.arange(len(power))
slow = (f > 5) & (f < 20)

figure, (raster, rate, spectrum) = plt.subplots(3, 1, figsize=(7, 6), height_ratios=[3, 1, 1.5])
t = spikes.t.to_decimal(u.ms)
raster.plot(t, spikes.index, ".", markersize=1, rasterized=True)
raster.axhline(N_EXC, linewidth=0.5, color="C3")
raster.set(ylabel="neuron", xlim=(500, 1500))
rate.plot(500.5 + np.arange(len(counts)), counts, "C1", linewidth=0.8)
rate.set(xlabel="time (ms)", ylabel="spikes\nper ms", xlim=(500, 1500))
spectrum.plot(f, power)
spectrum.set(xlabel="frequency (Hz)", ylabel="power", xlim=(0, 100))

# The paper shows the raster and prints no numbers. These are means of eight runs of its program in
# plain numpy, which vary by 1.1 %, 2.5 %, 6.9 % and 11 %: each may differ by three times that.
topic = "Rhythms"
published = {
    "rate of the excitatory neurons, Hz": (7.28, 0.033),
    "rate of the inhibitory neurons, Hz": (6.67, 0.075),
    "slow rhythm, Hz": (8.2, 0.21),
    "variance over mean of spikes per ms": (3.28, 0.33),
}
values = rates[exc].mean(), rates[inh].mean(), f[slow][power[slow].argmax()]
measured = dict(zip(published, [*values, counts.var() / counts.mean()], strict=True))
