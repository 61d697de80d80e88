# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A synapse and a projection
#
# Where a neuron touches another there is a **synapse**. When the first, *presynaptic* neuron
# spikes, the synapse opens channels in the membrane of the second, *postsynaptic* neuron. In this
# tutorial you follow one spike through a synapse, choose how long it lasts and what it does to
# the potential, and then connect two whole populations. It builds on [your first
# neuron](first-neuron.md).
#
# Four things happen, one after the other:
#
# 1. A **spike** arrives.
# 2. The **conductance** $g$ of the synapse rises: channels open. Then it decays.
# 3. Through open channels flows a **current** $I$.
# 4. The current changes the **potential** $V$ of the postsynaptic neuron, as any current does.
#
# In brainloom the second is the work of a *synapse*, the third that of a *synaptic output*, the
# fourth that of a neuron. You combine them as you like.

# %%
import brainloom as bl
import brainstate
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np

dt = 0.1 * u.ms
membrane = {
    "R": 100 * u.Mohm,
    "tau": 20 * u.ms,
    "V_rest": -60 * u.mV,
    "V_reset": -60 * u.mV,
    "V_th": -50 * u.mV,
    "V_initializer": -60 * u.mV,
}

# %% [markdown]
# ## One synapse
#
# Two models that take steps together are a network. A class that derives from
# [`bl.Network`][brainloom_core.Network] says what it is made of in `__init__` and what happens in
# one step in `update`: first deliver the spikes, then let the neuron take its step.
#
# What joins the two sides is a [`Projection`][brainloom_projections.Projection]. It takes the
# presynaptic side (here a size, 1, since the spikes will be given), the postsynaptic population,
# who is connected to whom (`AllToAll`), the synapse, the output, and a **weight**. Synapse and
# output are *described*, with `.desc(...)`: the projection makes them, in the size that it needs.


# %%
class OneSynapse(bl.Network):
    """A synapse onto each neuron of `cell`; each step takes the presynaptic spike, 0 or 1."""

    def __init__(self, cell, synapse, output, weight=3 * u.nS, delay=None):
        super().__init__()
        self.cell = cell
        self.proj = bl.Projection(
            1, cell, bl.AllToAll(), synapse, output, weight=weight, delay=delay
        )

    def update(self, spike):
        self.proj(spike)
        self.cell()


net = OneSynapse(bl.LIF(1, **membrane), bl.Expon.desc(tau=5 * u.ms), bl.COBA.desc(E=0 * u.mV))

# %% [markdown]
# [`Expon`][brainloom_synapses.Expon] is a conductance that jumps by the weight at each spike and
# decays exponentially, with a time constant of 5 ms here. [`COBA`][brainloom_synapses.COBA] makes
# a current of it, $I = g\,(E - V)$; more about that below.
#
# The spikes come from [`SpikeTime`][brainloom_neurons.SpikeTime], which holds a list of times
# and, for each, the number of the neuron that spikes (here there is one, number 0). The input of
# a simulation can be such a source: in each step it is asked for the spikes of that step.

# %%
times = [20, 70, 74, 78, 82, 86] * u.ms
train = bl.SpikeTime(1, indices=[0] * 6, times=times)
run = bl.simulate(net, 130 * u.ms, dt=dt, inputs=train, record=["proj.syn.g", "cell.V"])
t = run["cell.V"].t / u.ms
g, V = run["proj.syn.g"].values[:, 0], run["cell.V"].values[:, 0]
I = g * (0 * u.mV - V)

# %% [markdown]
# `proj.syn.g` is the state `g` of the synapse `syn` of `proj`. The current is no state: it
# follows from $g$ and $V$.

# %%
fig, axes = plt.subplots(
    4, 1, figsize=(7, 6), sharex=True, height_ratios=[0.5, 1, 1, 1.3], layout="constrained"
)
axes[0].vlines(times / u.ms, 0, 1, color="C3")
axes[0].set_yticks([])
axes[0].set_ylabel("spikes")
axes[1].plot(t, g / u.nS)
axes[1].set_ylabel("conductance (nS)")
axes[2].plot(t, I / u.pA, color="C1")
axes[2].set_ylabel("current (pA)")
axes[3].plot(t, V / u.mV, color="C2")
axes[3].axhline(-50, color="gray", linestyle="--", linewidth=1)
axes[3].text(0, -49.8, "threshold", va="bottom")
axes[3].set_ylabel("potential (mV)")
axes[3].set_xlabel("time (ms)")
fig.align_ylabels()
plt.show()

# %% [markdown]
# The first spike gives a bump of the potential, a **postsynaptic potential**. It is slower than
# the conductance, because the membrane is slow ($\tau$ = 20 ms). Spikes in quick succession find
# the conductance and the potential still raised. They add up, and the neuron spikes itself.
#
# ## What the weight means
#
# The conductance of a single spike has the weight as its peak, whatever the time constant:
# $g(t) = w\,e^{-t / \tau}$. Check it with three time constants. (A synapse takes in the
# spikes at the beginning of a step, and what is recorded is its conductance then, so the formula
# starts one step after the time of the spike.)

# %%
single = bl.SpikeTime(1, indices=[0], times=[10] * u.ms)
results = {}
for tau in (2, 5, 10):
    net = OneSynapse(bl.LIF(1, **membrane), bl.Expon.desc(tau=tau * u.ms), bl.COBA.desc(E=0 * u.mV))
    run = bl.simulate(net, 100 * u.ms, dt=dt, inputs=single, record=["proj.syn.g", "cell.V"])
    t = run["cell.V"].t / u.ms
    g, V = run["proj.syn.g"].values[:, 0] / u.nS, run["cell.V"].values[:, 0] / u.mV
    since = t - 10 - dt / u.ms
    formula = np.where(since > -1e-6, 3 * np.exp(-since / tau), 0)
    print(
        f"{tau} ms: peak {g.max():.2f} nS, off the formula by at most "
        f"{np.abs(g - formula).max():.0e} nS; potential rises by {V.max() + 60:.2f} mV"
    )
    assert np.abs(g - formula).max() < 1e-5
    results[tau] = t, g, V

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for tau, (t, g, V) in results.items():
    left.plot(t, g, label=f"{tau} ms")
    right.plot(t, V)
left.set_xlim(0, 60)
left.set_ylabel("conductance (nS)")
left.legend(title="time constant")
right.set_ylabel("potential (mV)")
for ax in (left, right):
    ax.set_xlabel("time (ms)")
plt.show()

# %% [markdown]
# The peak of the conductance is the same, 3 nS, but a slow synapse stays open for longer, lets
# through more charge, and moves the potential further.
#
# ## Conductance or current
#
# Ions flow until the potential reaches a value at which nothing drives them any more, the
# **reversal potential** $E$. For excitatory synapses it is about 0 mV, for inhibitory ones about
# -80 mV. So the current depends on the potential:
#
# - [`COBA`][brainloom_synapses.COBA], *conductance-based*: $I = g\,(E - V)$. The **driving force**
#   $E - V$ shrinks as $V$ approaches $E$, and changes sign beyond.
# - [`CUBA`][brainloom_synapses.CUBA], *current-based*: $I = g \cdot \mathrm{scale}$. The driving
#   force is frozen at one value. This is less like a cell and easier to calculate with.
#
# At rest, -60 mV, an excitatory synapse has a driving force of 60 mV. With `scale=60 * u.mV` the
# current-based synapse starts with the same current. To see where they part, take 81 neurons with
# resting potentials from -100 mV to 20 mV and a threshold that is out of reach, and send one
# spike to all of them:

# %%
rest = np.linspace(-100, 20, 81) * u.mV
passive = {**membrane, "V_rest": rest, "V_initializer": rest, "V_th": 1000 * u.mV}
outputs = {
    "COBA, E = 0 mV": bl.COBA.desc(E=0 * u.mV),
    "COBA, E = -80 mV": bl.COBA.desc(E=-80 * u.mV),
    "CUBA, scale = 60 mV": bl.CUBA.desc(scale=60 * u.mV),
}
fig, ax = plt.subplots(figsize=(7, 3.3), layout="constrained")
for name, output in outputs.items():
    net = OneSynapse(bl.LIF(81, **passive), bl.Expon.desc(tau=5 * u.ms), output)
    run = bl.simulate(net, 60 * u.ms, dt=dt, inputs=single, record=["cell.V"])
    change = (run["cell.V"].values - rest) / u.mV
    largest = change[np.abs(change).argmax(0), np.arange(81)]
    ax.plot(rest / u.mV, largest, label=name)
    at = {v: np.interp(v, rest / u.mV, largest) for v in (-80, -60, 0)}
    print(name, "|", *(f"at {v} mV: {change:z.2f} mV |" for v, change in at.items()))
ax.axhline(0, color="gray", linewidth=1)
ax.set_xlabel("potential when the spike arrives (mV)")
ax.set_ylabel("largest change (mV)")
ax.legend()
plt.show()

# %% [markdown]
# A conductance pulls the potential *towards* its reversal potential, from either side, more
# strongly the further away it is. A current adds what it adds. An inhibitory synapse
# with $E$ = -80 mV lowers the potential of a neuron at rest and does nothing to one that is at
# -80 mV already.
#
# ## Is the potential right?
#
# With a frozen driving force the potential has a closed form. A current $w s\,e^{-t/\tau_s}$
# (weight $w$, scale $s$, time constant of the synapse $\tau_s$) into a membrane with $\tau_m$
# gives
#
# $$
# V(t) = V_\mathrm{rest} + R\,w\,s\,\frac{\tau_s}{\tau_m - \tau_s}
#        \left( e^{-t / \tau_m} - e^{-t / \tau_s} \right)
# $$
#
# With conductances there is none, but shorter steps are more accurate. Compare both:


# %%
def potential(output, dt):
    """Potential after a spike at 10 ms, at every 0.5 ms."""
    net = OneSynapse(bl.LIF(1, **membrane), bl.Expon.desc(tau=5 * u.ms), output)
    every = bl.Trace(net.cell, "V", every=0.5 * u.ms)
    run = bl.simulate(net, 60 * u.ms, dt=dt, inputs=single, record={"V": every})
    return run["V"].t / u.ms, run["V"].values[:, 0] / u.mV


t, V = potential(bl.CUBA.desc(scale=60 * u.mV), dt)
since = np.maximum(t - 10, 0)
rise = 100e6 * 3e-9 * 60 * 5 / (20 - 5) * (np.exp(-since / 20) - np.exp(-since / 5))
print(f"CUBA: peak {rise.max():.3f} mV, error {np.abs(V + 60 - rise).max():.0e} mV")
assert np.abs(V + 60 - rise).max() < 1e-3

_, V_coba = potential(bl.COBA.desc(E=0 * u.mV), dt)
_, accurate = potential(bl.COBA.desc(E=0 * u.mV), dt / 10)
print(f"COBA: peak {V_coba.max() + 60:.3f} mV, error {np.abs(V_coba - accurate).max():.0e} mV")
assert np.abs(V_coba - accurate).max() < 1e-3

# %%
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(t, rise - 60, color="gray", label="CUBA, closed form")
ax.plot(t, V, ".", markersize=4, color="C0", label="CUBA, steps of 0.1 ms")
ax.plot(t, accurate, color="C1", linewidth=1, label="COBA, steps of 0.01 ms")
ax.plot(t, V_coba, ".", markersize=4, color="C1", label="COBA, steps of 0.1 ms")
ax.set_xlabel("time (ms)")
ax.set_ylabel("potential (mV)")
ax.legend()
plt.show()

# %% [markdown]
# The conductance stays a little below the current, for two reasons: the driving force shrinks as
# the potential rises, and open channels make the membrane leakier.
#
# ## Synapses that rise slowly
#
# Real conductances do not jump. [`DualExpon`][brainloom_synapses.DualExpon] has a time constant
# for the rise and one for the decay, [`Alpha`][brainloom_synapses.Alpha] has one for both.
# Exchange the description, and the rest stays as it is. `normalize=True` makes the weight the
# peak of `Alpha`, as it is for the others.

# %%
kinetics = {
    "Expon": bl.Expon.desc(tau=5 * u.ms),
    "DualExpon": bl.DualExpon.desc(tau_rise=1 * u.ms, tau_decay=5 * u.ms),
    "Alpha": bl.Alpha.desc(tau=5 * u.ms, normalize=True),
}
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for name, synapse in kinetics.items():
    net = OneSynapse(bl.LIF(1, **membrane), synapse, bl.COBA.desc(E=0 * u.mV))
    run = bl.simulate(net, 60 * u.ms, dt=dt, inputs=single, record=["proj.syn.g"])
    t, g = run["proj.syn.g"].t / u.ms, run["proj.syn.g"].values[:, 0] / u.nS
    print(f"{name}: peak {g.max():.3f} nS, {t[g.argmax()] - 10 - 0.1:.1f} ms after the spike")
    ax.plot(t, g, label=name)
ax.set_xlabel("time (ms)")
ax.set_ylabel("conductance (nS)")
ax.legend()
plt.show()

# %% [markdown]
# The formulas agree: `DualExpon` peaks after
# $\frac{\tau_r \tau_d}{\tau_d - \tau_r} \ln \frac{\tau_d}{\tau_r}$ and `Alpha` after $\tau$.

# %%
print(f"DualExpon: {1 * 5 / (5 - 1) * np.log(5 / 1):.2f} ms, Alpha: 5 ms")

# %% [markdown]
# ## Delay
#
# A spike needs time to travel. `delay=` is the time from the spike to its effect:

# %%
peaks = {}
for delay in (0, 4):
    net = OneSynapse(
        bl.LIF(1, **membrane), kinetics["Expon"], bl.COBA.desc(E=0 * u.mV), delay=delay * u.ms
    )
    run = bl.simulate(net, 60 * u.ms, dt=dt, inputs=single, record=["cell.V"])
    peaks[delay] = run["cell.V"].t[run["cell.V"].values[:, 0].argmax()] / u.ms
    print(f"delay {delay} ms: highest potential at {peaks[delay]:.1f} ms")
assert np.isclose(peaks[4] - peaks[0], 4)

# %% [markdown]
# ## Two populations
#
# Now the projection gets a population on both sides. 100 neurons that a current makes spike
# connect to 50 that nothing else drives. Who is connected to whom is decided by a **rule**:
#
# - `FixedInDegree(20)`: each postsynaptic neuron has exactly 20 inputs, chosen at random.
# - `Bernoulli(0.2)`: each pair is connected with probability 0.2, which makes 20 inputs on average.
#
# With a population as its first argument, the projection fetches the spikes itself: `self.proj()`
# needs no argument. They are those of the last step, because projections come first in a step. To
# keep the presynaptic neurons from spiking all at once, each starts with a random potential,
# drawn by `bl.Uniform`.


# %%
class TwoPopulations(bl.Network):
    """100 neurons that are driven and excite 50 others."""

    def __init__(self, rule, **options):
        super().__init__()
        starts = bl.Uniform(-60 * u.mV, -50 * u.mV)
        self.pre = bl.LIF(100, **{**membrane, "V_initializer": starts})
        self.post = bl.LIF(50, **membrane)
        self.proj = bl.Projection(
            self.pre,
            self.post,
            rule,
            bl.Expon.desc(tau=5 * u.ms),
            bl.COBA.desc(E=0 * u.mV),
            weight=0.5 * u.nS,
            delay=1.5 * u.ms,
            seed=1,
            **options,
        )

    def update(self, current):
        self.proj()
        self.pre(current)
        self.post()


brainstate.random.seed(1)
net = TwoPopulations(bl.FixedInDegree(20))
print(net.proj.comm.summary())

# %% [markdown]
# The connectivity is an object of its own, a [`Connection`][brainloom_projections.Connection],
# with edges that you can look at, draw (`net.proj.comm.plot()`), save and use again. The seeds
# make the network the same each time.

# %%
run = bl.simulate(
    net,
    300 * u.ms,
    dt=dt,
    inputs=150 * u.pA,
    record=["pre.spikes", "post.spikes", "post.V", "proj.syn.g"],
)
print("presynaptic:", run["pre.spikes"].rate())
print("postsynaptic:", run["post.spikes"].rate())

# %%
fig, axes = plt.subplots(
    3, 1, figsize=(7, 5), sharex=True, height_ratios=[2, 1, 1.2], layout="constrained"
)
for ax, name in zip(axes, ("pre", "post"), strict=False):
    spikes = run[f"{name}.spikes"]
    ax.plot(spikes.t / u.ms, spikes.index, ".", markersize=2, rasterized=True)
    ax.set_ylabel(f"{name}, neuron")
axes[2].plot(run["post.V"].t / u.ms, run["post.V"].values[:, 0] / u.mV, color="C2")
axes[2].set_ylabel("V of a post (mV)")
axes[2].set_xlabel("time (ms)")
plt.show()

# %% [markdown]
# A plot with a dot for each spike, time to the right and neurons upwards, is a **raster plot**.
# On top, each neuron spikes every 22 ms, as the current makes it, so the whole pattern repeats.
# Below, neurons add up 20 inputs each and spike when enough of them come together.
#
# What should the conductance be on average? Each of 20 inputs opens $w$ for about $\tau$, at its
# rate $r$: $\bar g = 20\,r\,w\,\tau$.

# %%
rate = run["pre.spikes"].between(100 * u.ms, 300 * u.ms).rate()
print("expected:", (20 * rate * 0.5 * u.nS * 5 * u.ms).in_unit(u.nS))
print("measured:", run["proj.syn.g"].values[1000:].mean().in_unit(u.nS))

# %% [markdown]
# Now exchange the rule, and look at how many inputs each neuron has and how fast it fires:

# %%
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for name, rule in {"FixedInDegree": bl.FixedInDegree(20), "Bernoulli": bl.Bernoulli(0.2)}.items():
    brainstate.random.seed(1)
    net = TwoPopulations(rule)
    spikes = bl.simulate(net, 2 * u.second, dt=dt, inputs=150 * u.pA, record="post.spikes")
    counts, inputs = spikes["post.spikes"].counts()[0], net.proj.comm.in_degree
    print(f"{name}: {inputs.min()} to {inputs.max()} inputs, mean {inputs.mean():.1f}")
    ax.plot(inputs, counts / 2, ".", label=name)
ax.set_xlabel("number of inputs")
ax.set_ylabel("rate (spikes per second)")
ax.legend()
plt.show()

# %% [markdown]
# The same probability gives neurons that never spike and neurons that spike a lot, by the luck of
# the draw. [Connect populations](../how-to/connectivity.md) lists all rules.
#
# ## Where the conductance is kept
#
# There are 1000 synapses here, but the state `proj.syn.g` has only 50 elements:

# %%
print(run["proj.syn.g"].values.shape)
print(net.proj.explain())

# %% [markdown]
# *AlignPost* keeps one state for each postsynaptic neuron, which is exact when responses to
# spikes just add up. *AlignPre* keeps one state for each presynaptic neuron, which is exact for
# every synapse that sees nothing but the spikes of its neuron, and costs more. `Projection`
# chooses the cheaper one that is exact; [Where synaptic state lives](../concepts/alignment.md)
# explains why both are. Here they give the same potentials:

# %%
potentials = {}
for align in ("post", "pre"):
    brainstate.random.seed(1)
    net = TwoPopulations(bl.FixedInDegree(20), align=align)
    run = bl.simulate(net, 40 * u.ms, dt=dt, inputs=150 * u.pA, record=["post.V", "proj.syn.g"])
    print(align, "states:", run["proj.syn.g"].values.shape[1])
    potentials[align] = run["post.V"].values / u.mV
difference = np.abs(potentials["post"] - potentials["pre"]).max()
print(f"largest difference: {difference:.0e} mV")
assert difference < 1e-3

# %% [markdown]
# ## A taste of inhibition
#
# An inhibitory synapse is the same synapse with another reversal potential. Add 25 neurons whose
# synapses pull towards -80 mV, and last longer. A class can build on another:


# %%
class WithInhibition(TwoPopulations):
    """25 more neurons that are driven, and inhibit the 50."""

    def __init__(self, rule, weight):
        super().__init__(rule)
        starts = bl.Uniform(-60 * u.mV, -50 * u.mV)
        self.inhibitory = bl.LIF(25, **{**membrane, "V_initializer": starts})
        self.inhibition = bl.Projection(
            self.inhibitory,
            self.post,
            bl.FixedInDegree(5),
            bl.Expon.desc(tau=10 * u.ms),
            bl.COBA.desc(E=-80 * u.mV),
            weight=weight,
            seed=2,
        )

    def update(self, current):
        self.inhibition()
        self.inhibitory(current)
        super().update(current)


fig, axes = plt.subplots(2, 1, figsize=(7, 4), sharex=True, layout="constrained")
rates = []
for ax, weight in zip(axes, (0 * u.nS, 0.2 * u.nS), strict=True):
    brainstate.random.seed(1)
    net = WithInhibition(bl.FixedInDegree(20), weight)
    run = bl.simulate(net, 500 * u.ms, dt=dt, inputs=150 * u.pA, record=["post.spikes", "post.V"])
    rates.append(run["post.spikes"].rate() / u.Hz)
    print(f"inhibitory weight {weight}: {rates[-1]:.1f} Hz")
    ax.plot(run["post.V"].t / u.ms, run["post.V"].values[:, 0] / u.mV)
    ax.axhline(-50, color="gray", linestyle="--", linewidth=1)
    ax.set_ylim(-62, -48)
    ax.set_title(f"inhibitory weight {weight / u.nS:.1f} nS", loc="left", fontsize="medium")
    ax.set_ylabel("potential (mV)")
axes[-1].set_xlabel("time (ms)")
assert rates[1] < rates[0]
plt.show()

# %% [markdown]
# Inhibition holds the potential back. Excitation and inhibition can come so close to each other
# that only their fluctuations make a neuron spike. That is the state of the next tutorial: [a
# balanced network](balanced-network.md).
