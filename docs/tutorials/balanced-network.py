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
# # A balanced network
#
# Neurons in the cortex spike irregularly, and neighbours spike at different times, although each
# receives thousands of inputs. A network of excitatory and inhibitory neurons does this by itself
# when both kinds of input nearly cancel. In this tutorial you build such a network, of 4000
# neurons, measure its irregularity, see the balance in one neuron, and disturb it. You need
# what [a synapse and a projection](synapse-and-projection.md) introduced.
#
# The network is that of Vogels & Abbott (2005), with the parameters by which Brette et al. (2007)
# compared simulators, so that there are published results to meet at the end.

# %%
import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from brainloom.demos import brette2007

dt = 0.1 * u.ms
brainstate.random.seed(1)

# %% [markdown]
# ## Neurons alone
#
# 3200 excitatory neurons, `E`, and 800 inhibitory ones, `I`. All are the neuron of the first
# tutorial with a refractory period of 5 ms, a hard reset, as in the papers, and random initial
# potentials.
#
# [`bl.Network`][brainloom_core.Network] can also be filled from outside, part by part. Without an
# `update` of your own, a step first calls every projection and then every population, and what
# the network is called with is the input of every population. Here that is a constant
# **background current** of 120 pA, a little above the rheobase of 100 pA. It stands for the input
# from the rest of the brain.

# %%
cell = {
    "R": 100 * u.Mohm,
    "tau": 20 * u.ms,
    "tau_ref": 5 * u.ms,
    "V_rest": -60 * u.mV,
    "V_reset": -60 * u.mV,
    "V_th": -50 * u.mV,
    "V_initializer": bl.Uniform(-60 * u.mV, -50 * u.mV),
    "spk_reset": "hard",
}
background = 120 * u.pA

net = bl.Network()
net.E = bl.LIFRef(3200, **cell)
net.I = bl.LIFRef(800, **cell)


# %% [markdown]
# Three numbers describe what such a network does:
#
# - the **rate**: spikes per neuron and second.
# - the **CV**, the coefficient of variation of the times between the spikes of one neuron: their
#   standard deviation divided by their mean, averaged over neurons. 0 is a clock, 1 is chance (a
#   Poisson process, like the clicks of a Geiger counter).
# - the **synchrony**: how much the number of spikes of all neurons in 1 ms varies, as its variance
#   divided by its mean. It is 1 for neurons that know nothing of each other, and large when many
#   spike together.


# %%
def measure(net, duration=600 * u.ms, inputs=background, settle=100 * u.ms):
    """Simulate and print the three numbers of the excitatory neurons, without the beginning."""
    recording = bl.simulate(net, duration, dt=dt, inputs=inputs, record=["E.spikes", "I.spikes"])
    spikes = recording["E.spikes"].between(settle, duration)
    rate, cv, synchrony = spikes.rate() / u.Hz, spikes.isi_cv(), spikes.synchrony()
    print(f"rate {rate:.1f} Hz, CV {cv:.2f}, synchrony {synchrony:.1f}")
    return recording


alone = measure(net)

# %% [markdown]
# The neurons are clocks: CV = 0. All have the same period, as different as their beginnings were.
#
# ## Excitation
#
# Each pair of neurons is connected with probability 0.02, so that a neuron has 64 excitatory
# inputs on average. (A neuron may be connected to itself; among so many that makes no
# difference.) `EE` is the projection from `E` to `E`, and `EI` that from `E` to `I`. An
# excitatory spike opens 6 nS for
# 5 ms. `init_all_states` makes the states of the new parts and starts those of the old ones anew.

# %%
rule = bl.Bernoulli(0.02)
excitatory = bl.Expon.desc(tau=5 * u.ms), bl.COBA.desc(E=0 * u.mV)
net.EE = bl.Projection(net.E, net.E, rule, *excitatory, weight=6 * u.nS)
net.EI = bl.Projection(net.E, net.I, rule, *excitatory, weight=6 * u.nS)

brainstate.nn.init_all_states(net)
excited = measure(net)

# %% [markdown]
# This is a seizure. Each spike makes more spikes, until only the refractory period stops the
# neurons. They all fire together, near 200 Hz, the highest rate there can be.
#
# ## Inhibition
#
# Now the other two. There are only 16 inhibitory inputs for each neuron, so they must be strong:
# 67 nS for 10 ms each, with a reversal potential of -80 mV.

# %%
inhibitory = bl.Expon.desc(tau=10 * u.ms), bl.COBA.desc(E=-80 * u.mV)
net.IE = bl.Projection(net.I, net.E, rule, *inhibitory, weight=67 * u.nS)
net.II = bl.Projection(net.I, net.I, rule, *inhibitory, weight=67 * u.nS)

brainstate.nn.init_all_states(net)
balanced = measure(net)

# %%
fig, axes = plt.subplots(3, 2, figsize=(7, 5), sharex=True, sharey="row", layout="constrained")
runs = {"excitation alone": excited, "with inhibition": balanced}
for column, (name, run) in zip(axes.T, runs.items(), strict=True):
    column[0].set_title(name, loc="left", fontsize="medium")
    for ax, population, color in zip(column, ("E", "I"), ("C0", "C3"), strict=False):
        spikes = run[f"{population}.spikes"].between(200 * u.ms, 400 * u.ms)
        shown = spikes.index < 200
        ax.plot(
            (spikes.t / u.ms)[shown],
            spikes.index[shown],
            ".",
            markersize=1.5,
            color=color,
            rasterized=True,
        )
    counts = run["E.spikes"].population_counts(1 * u.ms)[0]
    column[2].stairs(counts / 3.2, np.arange(601), color="C0")
    column[2].set_xlim(200, 400)
    column[2].set_xlabel("time (ms)")
axes[0, 0].set_ylabel("E, 200 of 3200")
axes[1, 0].set_ylabel("I, 200 of 800")
axes[2, 0].set_ylabel("E rate (Hz)")
plt.show()

# %% [markdown]
# Each row of dots is a neuron; at the bottom is the rate of all excitatory neurons in each
# millisecond. On the left, everybody fires at once, and then nobody can. On the right, inhibition
# follows excitation, and there is no pattern: neurons spike at different times, *asynchronously*,
# and each at *irregular* intervals. The rate is near 20 Hz, a tenth of that of the seizure. The
# CV is even above 1, because a neuron often spikes a few times in a row and then is silent.
#
# Nothing here is random but the connections and the first potentials. The current is constant,
# and each neuron alone is a clock. The irregularity is made by the network.
#
# ## The network as a class
#
# Put together, the network becomes an object that you can make in any size and with any strength
# of inhibition. Projections and populations are the same as above. Each neuron has 80 inputs on
# average, however many neurons there are.


# %%
class BalancedNetwork(bl.Network):
    """Excitatory and inhibitory neurons in balance; a step takes the background current."""

    def __init__(self, n=4000, inputs=80, inhibition=67 * u.nS, excitation=6 * u.nS):
        super().__init__()
        self.E = bl.LIFRef(n * 4 // 5, **cell)
        self.I = bl.LIFRef(n // 5, **cell)
        rule = bl.Bernoulli(inputs / n)
        self.EE = bl.Projection(self.E, self.E, rule, *excitatory, weight=excitation)
        self.EI = bl.Projection(self.E, self.I, rule, *excitatory, weight=excitation)
        self.IE = bl.Projection(self.I, self.E, rule, *inhibitory, weight=inhibition)
        self.II = bl.Projection(self.I, self.I, rule, *inhibitory, weight=inhibition)


# %% [markdown]
# ## The balance
#
# What does one neuron receive? Record its potential and its two conductances, and work out the
# currents as the synapses do. [`bl.Trace`][brainloom_core.Trace] records a state of some neurons
# only, here of the first 50; we look at the one of them that spikes most like the average.

# %%
brainstate.random.seed(2)
net = BalancedNetwork()
some = np.arange(50)
record = {
    "spikes": "E.spikes",
    "V": bl.Trace(net.E, "V", index=some),
    "g_exc": bl.Trace(net.EE.syn, "g", index=some),
    "g_inh": bl.Trace(net.IE.syn, "g", index=some),
}
run = bl.simulate(net, 1 * u.second, dt=dt, inputs=background, record=record)

counts = run["spikes"].counts()[0]
chosen = np.abs(counts[:50] - counts.mean()).argmin()
V = run["V"].values[:, chosen]
from_excitation = run["g_exc"].values[:, chosen] * (0 * u.mV - V) + background
from_inhibition = run["g_inh"].values[:, chosen] * (-80 * u.mV - V)
net_current = from_excitation + from_inhibition

settled = slice(1000, None)
for name, current in {
    "excitation and background": from_excitation,
    "inhibition": from_inhibition,
    "both together": net_current,
}.items():
    print(f"{name}: {current[settled].mean() / u.pA:.0f} pA on average")
assert np.abs(net_current[settled].mean()) < 0.15 * from_excitation[settled].mean()
print(f"spikes of this neuron: {counts[chosen]}, on average {counts.mean():.1f}")

# %%
fig, axes = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
t = run["V"].t / u.ms
axes[0].plot(t, from_excitation / u.nA, color="C3", label="excitation and background")
axes[0].plot(t, from_inhibition / u.nA, color="C0", label="inhibition")
axes[0].plot(t, net_current / u.nA, color="gray", linewidth=1, label="both together")
axes[0].set_ylabel("current (nA)")
axes[0].legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=3)
axes[1].plot(t, V / u.mV, color="C2")
spikes = run["spikes"].t[run["spikes"].index == chosen]
axes[1].vlines(spikes / u.ms, -50, -45, color="C1", label="spikes")
axes[1].set_ylabel("potential (mV)")
axes[1].set_xlabel("time (ms)")
axes[1].set_xlim(300, 600)
axes[1].legend(loc="lower right")
plt.show()

# %% [markdown]
# Excitation is more than 20 times the rheobase, and so is inhibition. By itself the excitation
# would drive the neuron at the rate of the seizure. Together they nearly cancel: what is left on
# average is a small part of either, and it fluctuates around zero. A spike comes when a
# fluctuation happens to carry the potential over the threshold, and that is irregular.
#
# ## Disturb it
#
# The balance is not the result of a careful choice. Change the strength of inhibition, and the
# network finds another one:

# %%
factors = [0, 0.5, 1, 2, 4]
rates, cvs = [], []
for factor in factors:
    brainstate.random.seed(3)
    net = BalancedNetwork(inhibition=factor * 67 * u.nS)
    print(f"inhibition x {factor}: ", end="")
    spikes = measure(net)["E.spikes"].between(100 * u.ms, 600 * u.ms)
    rates.append(spikes.rate() / u.Hz)
    cvs.append(spikes.isi_cv())

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
left.plot(factors, rates, "o-")
left.set_yscale("log")
left.set_yticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
left.minorticks_off()
left.set_ylabel("rate (Hz)")
right.plot(factors, cvs, "o-", color="C1")
right.set_ylabel("CV of intervals")
for ax in (left, right):
    ax.set_xlabel("inhibition, relative")
plt.show()

# %% [markdown]
# Without inhibition there is no balance. With half of it the rate doubles, with twice as much it
# falls by a third, and neurons stay irregular all the while. More excitation makes the inhibitory
# neurons spike more, which takes it back.
#
# ## Meet the published network
#
# In Vogels & Abbott (2005) the activity sustains itself. Switch the background off after 200 ms
# and see whether the network goes on:


# %%
def at_first(t):
    """A strong background for 200 ms, and then nothing."""
    return u.math.where(t < 200 * u.ms, 200 * u.pA, 0 * u.pA)


brainstate.random.seed(1)
net = BalancedNetwork()
run = measure(net, duration=1200 * u.ms, inputs=at_first, settle=300 * u.ms)

# %%
fig, ax = plt.subplots(figsize=(7, 2.5), layout="constrained")
counts = run["E.spikes"].population_counts(5 * u.ms)[0]
ax.stairs(counts / 3200 / 5e-3, np.arange(0, 1201, 5), fill=True)
ax.axvspan(0, 200, color="C1", alpha=0.3, linewidth=0, label="background on")
ax.set_xlabel("time (ms)")
ax.set_ylabel("E rate (Hz)")
ax.legend()
plt.show()

# %% [markdown]
# It does. `brainloom demo coba` simulates the same network as Brette et al. (2007) give it, where
# conductances of the first moment take the place of the background, and compares the three
# numbers with 50 runs of the simulator Brian2. The intervals in which one more run should lie are
# the reference for this network too. (They are of all neurons; here the excitatory ones are
# measured.)

# %%
spikes = run["E.spikes"].between(300 * u.ms, 1200 * u.ms)
ours = {
    "rate_hz": spikes.rate() / u.Hz,
    "cv": spikes.isi_cv(),
    "synchrony": spikes.synchrony(),
}
for measured in brette2007.run("coba").measures:
    value = ours[measured.name]
    print(f"{measured.name}: {value:.2f}, expected {measured.low:.2f} to {measured.high:.2f}")

# %% [markdown]
# ## Size, memory and time
#
# A projection needs a number for each edge, its target, and here one weight for all. The states
# that change from step to step belong to the neurons: a potential, a counter for the refractory
# period, and two conductances. The number of inputs does not matter to them. ([Where synaptic
# state lives](../concepts/alignment.md) tells why.)

# %%
for n in (1000, 4000, 16000):
    brainstate.random.seed(5)
    net = BalancedNetwork(n)
    bl.simulate(net, 200 * u.ms, dt=dt, inputs=background, record="E.spikes")  # compiles
    run = bl.simulate(net, 200 * u.ms, dt=dt, inputs=background, record="E.spikes")
    edges = sum(proj.comm.n_edges for proj in (net.EE, net.EI, net.IE, net.II))
    states = net.states(brainstate.ShortTermState).values()  # what changes from step to step
    size = sum(u.get_mantissa(state.value).nbytes for state in states)
    print(
        f"{n} neurons, {edges} edges: {size / n:.0f} bytes of state per neuron, "
        f"{run['E.spikes'].rate() / u.Hz:.0f} Hz, {run.wall_time:.2f} s for 200 ms"
    )

# %% [markdown]
# Memory grows with the number of neurons, and the activity stays the same. [Connect
# populations](../how-to/connectivity.md#edges-that-take-no-memory) shows how to do without stored
# edges too, and the [benchmarks](../reference/benchmarks.md) hold times of larger networks.
#
# ## The same object can learn
#
# The weights are parameters that training can change. They are states of their own kind:

# %%
net = BalancedNetwork(200, inputs=40)
weights = net.states(brainstate.ParamState)
for path, weight in weights.items():
    print(path[0], weight.value)

# %% [markdown]
# Spikes pass through the network as the numbers 0.0 and 1.0 that neurons return. Do not turn them
# into truth values on the way (`spikes != 0`): for a simulation that makes no difference, but it
# cuts off gradients. With numbers, JAX can estimate how a result depends on any weight. Here is
# the slope of the mean excitatory rate of a network of 200 neurons with respect to each of the
# four weights. It is an estimate because a spike, which is there or not, has no slope of its own;
# `spk_fun` says what stands for it. [Surrogate gradients](../how-to/surrogate-gradients.md) has
# the details.

# %%
net.E.spk_fun = net.I.spk_fun = bl.InvSquareGrad(20.0)


def mean_rate():
    """Mean rate of the excitatory neurons over 100 ms, in Hz."""
    brainstate.random.seed(6)  # the same initial potentials each time
    brainstate.nn.init_all_states(net)

    def step(i):
        net(background)
        return net.E.get_spike()

    spikes = brainstate.transform.for_loop(step, jnp.arange(200))
    return spikes.sum() / 160 / 0.1


with brainstate.environ.context(dt=0.5 * u.ms):
    slopes, rate = brainstate.transform.grad(mean_rate, weights, return_value=True)()
print(f"rate {rate:.1f} Hz")
for path, slope in slopes.items():
    print(f"{path[0]}: {u.get_mantissa(slope):+.3f} Hz per nS")

# %% [markdown]
# The signs are those you expect. Stronger excitation of excitatory neurons (`EE`) raises their
# rate, stronger excitation of inhibitory ones (`EI`) lowers it. Stronger inhibition (`IE`) lowers
# it, and inhibition of the inhibitory neurons (`II`) raises it.
#
# The next tutorial follows such slopes: [train a spiking network](train-a-network.md).
