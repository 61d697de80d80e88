r"""Firing patterns of the adaptive exponential integrate-and-fire model.

Naud et al. (2008) asked which patterns a neuron with one potential and one adaptation current can
have, and found the known types of cortical cells by varying a few numbers: where the potential is
reset, how much a spike adds to the adaptation, how fast that decays, how it follows the potential.
The figure has five panels of their Fig. 4, each beside the path in the plane of both variables.
Look at the resets there: left of the curve that the path follows the cell spikes regularly, to the
right of it in bursts. The last sequence is deterministic, and irregular nevertheless.

R. Naud, N. Marcille, C. Clopath & W. Gerstner (2008), Firing patterns in the adaptive exponential
integrate-and-fire model, Biol. Cybern. 99, 335,
[doi:10.1007/s00422-008-0264-7](https://doi.org/10.1007/s00422-008-0264-7).

Two things to try:

1. Reset the tonic cell to −46 mV instead of −58: it spikes 281 times in half a second, for the
   reset is now above the threshold of −50 mV. The adapting cell, reset there, bursts instead:
   seven spikes, and then three every 186 ms, since its adaptation always brings the potential down.
2. Halve the step. In four panels no spike moves by more than 0.5 ms in 500. In the last panel the
   first six spikes agree to 0.03 ms, and the later ones have nothing to do with each other: small
   differences grow exponentially there.
"""

import brainloom as bl
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np

# C (pF), gL (nS), EL, VT, DeltaT (mV), tau_w (ms), a (nS), b (pA), Vr (mV), I (pA): Table 1.
CELLS = {
    "tonic spiking": (200, 10, -70, -50, 2, 30, 2, 0, -58, 500),
    "adaptation": (200, 12, -70, -50, 2, 300, 2, 60, -58, 500),
    "initial burst": (130, 18, -58, -50, 2, 150, 4, 120, -50, 400),
    "regular bursting": (100, 10, -65, -50, 2, 90, -10, 30, -47, 110),
    "irregular spiking": (100, 12, -60, -50, 2, 130, -11, 30, -48, 160),
}
C, gL, EL, VT, slope, tau_w, a, b, Vr, current = np.array(list(CELLS.values()), float).T
cells = bl.AdExIF(
    len(CELLS),
    R=1 / (gL * u.nS),
    tau=C / gL * u.ms,
    tau_w=tau_w * u.ms,
    V_rest=EL * u.mV,
    V_T=VT * u.mV,
    delta_T=slope * u.mV,
    V_reset=Vr * u.mV,
    V_th=0 * u.mV,
    a=a * u.nS,
    b=b * u.pA,
    V_initializer=EL * u.mV,
)
run = bl.simulate(
    cells,
    500 * u.ms,
    dt=0.01 * u.ms,
    inputs=lambda t: current * u.pA,
    record=["spikes", "V", "w"],
)

figure, axes = plt.subplots(len(CELLS), 2, figsize=(8, 7), width_ratios=[3, 1])
measured = {}
V, w = run["V"].values.to_decimal(u.mV), run["w"].values.to_decimal(u.pA)
for k, (name, (trace, plane)) in enumerate(zip(CELLS, axes, strict=True)):
    times = run["spikes"].select(index=k).t.to_decimal(u.ms)
    measured[f"{name}: spikes in 500 ms"] = len(times)
    measured[f"{name}: first spike, ms"] = times[0]
    measured[f"{name}: last interval, ms"] = times[-1] - times[-2]
    trace.plot(run["V"].t.to_decimal(u.ms), V[:, k], linewidth=0.8)
    trace.plot(times, np.full(len(times), 10.0), "|", color="C1", markersize=5)
    trace.set_title(name, loc="left", fontsize="medium")
    trace.set(ylabel="V (mV)", ylim=(-80, 20))
    plane.plot(V[:, k], w[:, k], linewidth=0.6)
    plane.set(xlim=(-80, -30), ylabel="w (pA)")
axes[-1, 0].set_xlabel("time (ms)")
axes[-1, 1].set_xlabel("V (mV)")

# The paper prints the parameters. The numbers are those of its equations, solved by LSODA with a
# relative tolerance of 1e-10; spikes and intervals here are up to a step of 0.01 ms late.
topic = "Neurons"
published = {
    "tonic spiking: spikes in 500 ms": (51, 0.0),
    "tonic spiking: first spike, ms": (14.223, 0.001),
    "adaptation: spikes in 500 ms": (10, 0.0),
    "adaptation: last interval, ms": (75.897, 0.002),
    "initial burst: spikes in 500 ms": (10, 0.0),
    "initial burst: last interval, ms": (63.952, 0.002),
    "regular bursting: spikes in 500 ms": (26, 0.0),
    "regular bursting: first spike, ms": (57.180, 0.001),
    "irregular spiking: first spike, ms": (15.645, 0.001),
}
measured = {name: measured[name] for name in published}
