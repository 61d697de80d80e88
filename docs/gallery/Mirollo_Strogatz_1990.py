r"""Oscillators that hear each other's pulses come to fire together.

Mirollo and Strogatz (1990) proved what Peskin had conjectured of the cells of the heart's
pacemaker, and others of fireflies: integrate-and-fire oscillators, all alike, each of which raises
all others a little when it fires, will fire in synchrony from almost any start. It rests on the
curve: the potential rises ever more slowly, so that a pulse brings one that is late further in time
than one that is early. Look at the lower panel: groups that fire together only ever merge.

R. E. Mirollo & S. H. Strogatz (1990), Synchronization of pulse-coupled biological oscillators, SIAM
J. Appl. Math. 50, 1645, [doi:10.1137/0150098](https://doi.org/10.1137/0150098).

Two things to try:

1. A drive of 1.05 bends the curve more, since the potential creeps to the threshold. All fire
   together after 3.0 periods instead of 7.5, and a period then lasts 3.06 s.
2. Give each pair a pulse of its own, which the proof does not cover:
   `weight=bl.Uniform(0 * u.mV, 2 * PULSE * u.mV)`. They still end in one group, after 10.7 periods.
"""

import brainloom as bl
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np

# dx/dt = 2 - x up to the threshold 1, and pulses of 0.3 / 100: the numbers of their simulation.
# The time constant is a second; those who have just fired hear nothing for 0.01.
N, DRIVE, PULSE, DT, DEAF = 100, 2.0, 0.3 / 100, 0.0005, 0.01
PERIOD = DEAF + np.log(DRIVE / (DRIVE - 1))  # of an oscillator alone

start = np.random.default_rng(1).random(N)
net = bl.Network()
net.cells = bl.LIFRef(
    N, tau=1 * u.second, tau_ref=DEAF * u.second, V_initializer=start * u.mV, spk_reset="hard"
)
net.pulses = bl.DeltaProj(
    net.cells.get_spike,
    comm=bl.Connection(N, N, bl.AllToAll(), weight=PULSE * u.mV),
    post=net.cells,
)
run = bl.simulate(net, 14 * u.second, dt=DT * u.second, inputs=DRIVE * u.mA, record="cells.spikes")
t, index = run["cells.spikes"].t.to_decimal(u.second), run["cells.spikes"].index
order = np.argsort(t, kind="stable")
t, index = t[order], index[order]
firsts = np.flatnonzero(np.diff(t, prepend=-1.0) > DEAF / 2)  # a group: spikes without such a gap
sizes = np.diff(firsts, append=len(t))
together = t[firsts][sizes == N]

figure, (raster, groups) = plt.subplots(2, 1, figsize=(7, 5), sharex=True)
rank = np.argsort(np.argsort(-start))  # who begins nearest to the threshold is 0
raster.plot(t / PERIOD, rank[index], ".", markersize=1.5, rasterized=True)
raster.set_ylabel("oscillator, by its start")
groups.plot(t[firsts] / PERIOD, sizes, "o", color="C1", markersize=3)
groups.set(xlabel="time (periods of one alone)", ylabel="size of the group", xlim=(0, 12))

# The period of all together is that of one alone, in closed form; it ends at a step, of 0.07 %. An
# event by event simulation without steps, from the same start, has its first volley of all after
# 7.82 periods; groups within one step of each other, and the deaf time, make it differ a little.
topic = "Rhythms"
published = {
    "groups in the end": (1.0, 0.0),
    "period in the end, s": (PERIOD, 0.002),
    "first volley of all, periods": (7.82, 0.15),
}
last = t > t[-1] - PERIOD / 2
values = last.sum() / N, np.diff(together)[-5:].mean(), together[0] / PERIOD
measured = dict(zip(published, values, strict=True))
