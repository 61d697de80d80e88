r"""Twenty ways in which neurons spike, by one equation.

Izhikevich (2004) asked which model of a neuron is both cheap and rich enough for large networks,
and showed that his two equations with four parameters give twenty kinds of response that are known
of cortical neurons. The figure is his Fig. 1, with the currents of the program that he published
with it. Look at panel K: a second pulse makes a spike only at one distance from the first (a
*resonator*), and at M: a neuron that spikes because it was inhibited.

E. M. Izhikevich (2004), Which model to use for cortical spiking neurons?, IEEE Trans. Neural Netw.
15, 1063, [doi:10.1109/TNN.2004.832719](https://doi.org/10.1109/TNN.2004.832719).

Two things to try:

1. Leave out `solver="sequential_euler"`. The default solves the equations accurately, while the
   program takes long steps, which are part of its results: ten of the panels then have another
   number of spikes. T, where the recovery runs away, goes on spiking to the end.
2. Put the second pulse of panel K, `pulses(0.65, 4, 40, 60, ...)`, at other distances from the
   first. 10, 40 and 45 ms make a spike; 20 to 35 and 50 to 80 ms do not: the potential rings with a
   period of some 40 ms, and the pulse has to meet its rise.
"""

import brainloom as bl
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np

MV, MS = u.mV, u.ms  # in the equations, `u` is the recovery


class Integrator(bl.Izhikevich):
    """The coefficients that the program takes for panels G and L."""

    def dV(self, V, u, I):
        return super().dV(V, u, I) + (-32.0 * MV - 0.9 * V) / MS


class Accommodating(bl.Izhikevich):
    """The recovery of panel R."""

    def du(self, u, V):
        return self.a * self.b * (V + 65.0 * MV)


def pulses(size, length, *starts, base=0.0):
    """Pulses of a current on a constant one, in mV/ms, over the time in ms."""
    return lambda t: base + size * sum((t > s) & (t < s + length) for s in starts)


def step(size, start):
    """A current that stays."""
    return pulses(size, 1000.0, start)


def slope(size, base):
    """A current that rises from 30 ms on."""
    return lambda t: base + size * np.clip(t - 30, 0, None)


def accommodation(t):
    """A slow rise, which is not answered, and a fast one to less than half of it."""
    return np.where(t < 200, t / 25, 0.32 * np.clip(t - 300, 0, 12.5) * (t < 312.5))


def variable(t):
    """The same pulse twice, the second after one of the other sign."""
    return pulses(1, 5, 10, 80)(t) + pulses(-6, 5, 70)(t)


pair = pulses(9, 2, 9.09, 14.09, 70, 80)
lowered = pulses(-5, 200, 50 - 1e-9, base=80.0)
# a, b, c, d, V and step; duration (ms), current; spikes in the program, the last of them (ms).
PANELS = {
    "A tonic spiking": (0.02, 0.2, -65, 6, -70, 0.25, 100, step(14, 10), 5, 86.75),
    "B phasic spiking": (0.02, 0.25, -65, 6, -64, 0.25, 200, step(0.5, 20), 1, 43.75),
    "C tonic bursting": (0.02, 0.2, -50, 2, -70, 0.25, 220, step(15, 22), 28, 204.5),
    "D phasic bursting": (0.02, 0.25, -55, 0.05, -64, 0.2, 200, step(0.6, 20), 6, 67.2),
    "E mixed mode": (0.02, 0.2, -55, 4, -70, 0.25, 160, step(10, 16), 6, 131.5),
    "F adaptation": (0.01, 0.2, -65, 8, -70, 0.25, 85, step(30, 8.5), 6, 71.5),
    "G class 1": (0.02, -0.1, -55, 6, -60, 0.25, 300, slope(0.075, 0), 10, 290.5),
    "H class 2": (0.2, 0.26, -65, 0, -64, 0.25, 300, slope(0.015, -0.5), 14, 293.0),
    "I latency": (0.02, 0.2, -65, 6, -70, 0.2, 100, pulses(7.04, 3, 10), 1, 26.6),
    "J oscillation": (0.05, 0.26, -60, 0, -62, 0.25, 200, pulses(2, 5, 20), 1, 26.5),
    "K resonator": (0.1, 0.26, -60, -1, -62, 0.25, 400, pulses(0.65, 4, 40, 60, 280, 320), 1, 338),
    "L integrator": (0.02, -0.1, -55, 6, -60, 0.25, 100, pair, 1, 20.0),
    "M rebound spike": (0.03, 0.25, -60, 4, -64, 0.2, 200, pulses(-15, 5, 20), 1, 68.0),
    "N rebound burst": (0.03, 0.25, -52, 0, -64, 0.2, 200, pulses(-15, 5, 20), 7, 92.2),
    "O variable threshold": (0.03, 0.25, -60, 4, -64, 0.25, 100, variable, 1, 93.25),
    "P bistability": (
        0.1,
        0.26,
        -60,
        0,
        -61,
        0.25,
        300,
        pulses(1, 5, 37.5, 216, base=0.24),
        5,
        208,
    ),
    "Q afterpotential": (1, 0.2, -60, -21, -70, 0.1, 50, pulses(20, 2, 9), 1, 11.3),
    "R accommodation": (0.02, 1, -55, 4, -65, 0.5, 400, accommodation, 1, 311.5),
    "S inhibition, spikes": (-0.02, -1, -60, 8, -63.8, 0.5, 350, lowered, 3, 236.0),
    "T inhibition, bursts": (-0.026, -1, -45, -2, -63.8, 0.5, 350, lowered, 12, 204.0),
}
figure, axes = plt.subplots(5, 4, figsize=(8, 7))
same = {"number": 0, "last": 0}
for ax, (name, panel) in zip(axes.flat, PANELS.items(), strict=True):
    a, b, c, d, V, dt, duration, current, count, last = panel
    model = {"G": Integrator, "L": Integrator, "R": Accommodating}.get(name[0], bl.Izhikevich)
    recovery = -16 if name[0] == "R" else b * V
    start = {"V_initializer": V * MV, "u_initializer": recovery * MV / MS}
    given = {"a": a / MS, "b": b / MS, "c": c * MV, "d": d * MV / MS}
    cell = model(1, **given, **start, solver="sequential_euler")
    t = dt * np.arange(round(duration / dt) + 1)
    inputs, record = current(t) * MV / MS, ["spikes", "V"]
    run = bl.simulate(cell, len(t) * dt * MS, dt=dt * MS, inputs=inputs, record=record)
    times = run["spikes"].t.to_decimal(MS) - dt  # the program counts from the start of a step
    same["number"] += len(times) == count
    same["last"] += len(times) > 0 and abs(times[-1] - last) < 0.51
    ax.plot(t, run["V"].values[:, 0].to_decimal(MV), linewidth=0.8)
    ax.plot(times, np.full(len(times), 40.0), "|", color="C1", markersize=4)
    ax.plot(t, -95 + 10 * current(t) / np.abs(current(t)).max(), color="C5", linewidth=0.8)
    ax.set_title(name, loc="left", fontsize="small")
    ax.set(xlim=(0, duration), ylim=(-110, 50))
    ax.tick_params(labelsize="x-small")
figure.supxlabel("time (ms)", fontsize="medium")
figure.supylabel("V (mV); grey: input", fontsize="medium")

# What the published program gives, by a transcription to plain Python: all must agree. Single
# precision moves the last spike of panel H by two steps of 0.25 ms.
topic = "Neurons"
published = {
    "panels with as many spikes as in the program": (20, 0.0),
    "panels with its last spike within 0.5 ms": (20, 0.0),
}
measured = dict(zip(published, same.values(), strict=True))
