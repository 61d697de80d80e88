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
# # Your first neuron
#
# A neuron holds a voltage across its membrane. Current that flows in raises the voltage. When it
# reaches a threshold, the neuron sends a short pulse, a **spike**, to other neurons, and its
# voltage falls back. In this tutorial you build one such neuron, drive it with a current, and
# check that it fires exactly as often as a formula says.
#
# These are the imports of every tutorial. `u` holds the physical units, `brainstate` is the
# library that brainloom stands on.

# %%
import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

# %% [markdown]
# ## Numbers with units
#
# A voltage of 10 means nothing: 10 volts or 10 millivolts? In brainloom every physical value
# carries its unit. You make one by multiplying a number by a unit. Arithmetic keeps track:

# %%
current = 150 * u.pA
resistance = 100 * u.Mohm
drop = resistance * current
print(drop)
print(drop.in_unit(u.mV))

# %% [markdown]
# Ohm's law, $V = R I$, has made microvolts of megaohms and picoamperes; `in_unit` writes the same
# voltage in another unit. To get a plain number, divide by the unit in which you want it:

# %%
print(drop / u.mV)

# %% [markdown]
# Values that do not belong together cannot be added. That is an error, not a wrong result:

# %%
try:
    10 * u.mV + 20 * u.ms
except u.UnitMismatchError as error:
    print(error)

# %% [markdown]
# ## The neuron
#
# The **leaky integrate-and-fire** neuron, [`LIF`][brainloom_neurons.LIF], is the smallest model
# that spikes. Its voltage $V$, the **membrane potential**, follows
#
# $$
# \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,I
# $$
#
# Without a current $I$ it returns to the resting potential $V_\mathrm{rest}$, at a pace that the
# time constant $\tau$ sets: the membrane *leaks*. With a current it moves towards
# $V_\mathrm{rest} + R I$, where $R$ is the resistance of the membrane. When it reaches the
# threshold $V_\mathrm{th}$ the neuron spikes, and $V$ starts again from $V_\mathrm{reset}$.
#
# Here is one with values that are usual for a cell of the cortex. The first argument is the
# number of neurons.

# %%
membrane = {
    "R": 100 * u.Mohm,
    "tau": 20 * u.ms,
    "V_rest": -60 * u.mV,
    "V_reset": -60 * u.mV,
    "V_th": -50 * u.mV,
    "V_initializer": -60 * u.mV,
}
neuron = bl.LIF(1, **membrane)

# %% [markdown]
# `V_initializer` is the potential at the start. Give all of these yourself. The defaults
# (1 ohm, 5 ms, a threshold of 1 mV) are a scale without a cell behind it, which is
# handy for training but far from biology.
#
# A parameter with the wrong unit is an error where you write it, and the message says what was
# expected:

# %%
try:
    bl.LIF(1, tau=20 * u.mV)
except bl.UnitError as error:
    print(error)

# %% [markdown]
# ## Drive it
#
# [`simulate`][brainloom_core.simulate] runs a model for some time, in steps of length `dt`, and
# returns what you ask it to record. Here each step gets the same input, a current of 150 pA.

# %%
dt = 0.1 * u.ms
recording = bl.simulate(neuron, 120 * u.ms, dt=dt, inputs=150 * u.pA, record=["V", "spikes"])
trace, spikes = recording["V"], recording["spikes"]
print(trace.values.shape)
print(spikes.t)

# %% [markdown]
# `trace.values` has one row for each step and one column for each neuron, `trace.t` the time of
# each row. `spikes.t` lists the times of the spikes. Draw both:

# %%
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(trace.t / u.ms, trace.values / u.mV, label="membrane potential")
ax.vlines(spikes.t / u.ms, -50, -40, color="C1", label="spike")
ax.axhline(-50, color="gray", linestyle="--", linewidth=1, label="threshold")
ax.set_xlabel("time (ms)")
ax.set_ylabel("potential (mV)")
ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.18), ncols=3)
plt.show()

# %% [markdown]
# The potential climbs towards the threshold, the neuron spikes, the potential starts again. The
# model says only *when* a spike is, not what it looks like; the orange line above the threshold
# is drawn by hand. Since nothing else changes, each round takes the same time.
#
# ## Why this rate?
#
# Between two spikes the equation can be solved on paper. Starting from $V_\mathrm{reset}$, $V$
# approaches $V_\mathrm{rest} + R I$ exponentially, and it reaches $V_\mathrm{th}$ after
#
# $$
# T = \tau \ln \frac{V_\mathrm{rest} + R I - V_\mathrm{reset}}
#                   {V_\mathrm{rest} + R I - V_\mathrm{th}}
# $$


# %%
def period(current):
    """Time between two spikes under a constant current above the rheobase."""
    target = membrane["V_rest"] + membrane["R"] * current
    ratio = (target - membrane["V_reset"]) / (target - membrane["V_th"])
    return membrane["tau"] * u.math.log(ratio)


intervals = u.math.diff(spikes.t)
print("measured:", intervals)
print("closed form:", period(150 * u.pA))
print("closed form, as a rate:", (1 / period(150 * u.pA)).in_unit(u.Hz))
assert np.all(np.abs((intervals - period(150 * u.pA)) / dt) < 1)

# %% [markdown]
# The formula gives 21.97 ms and the simulation 22.0 ms. The difference is less than one step: the
# simulation looks at the potential at the end of each step, so a spike has the time of the step
# in which the threshold was reached. Between spikes, `LIF` is not approximated. Its step is the
# exact solution for a current that is constant over it.
#
# ## The weakest current that works
#
# The potential approaches $V_\mathrm{rest} + R I$ and never passes it. If that lies below the
# threshold, the neuron stays silent however long you wait. The border is a current called the
# **rheobase**:

# %%
rheobase = (membrane["V_th"] - membrane["V_rest"]) / membrane["R"]
print(rheobase.in_unit(u.pA))

# %% [markdown]
# Try it from both sides. Two neurons are two elements of one population, so one call runs both.
# They need a current each. `simulate` takes an array for values over *time*, so what is the same
# at all times but different for each neuron is written as a function of the time:

# %%
pair = bl.LIF(2, **membrane)
two_currents = np.array([99, 101]) * u.pA
tried = bl.simulate(pair, 500 * u.ms, dt=dt, inputs=lambda t: two_currents, record=["V", "spikes"])
print("spikes:", tried["spikes"].counts()[0])
print("highest potential with 99 pA:", tried["V"].values[:, 0].max())

# %% [markdown]
# ## A population is a shape
#
# Nothing changes with more neurons. A population of 61 neurons, each with a current of its own,
# measures in one run how the rate depends on the current: the **f-I curve**. (The first argument
# can be a shape too: `bl.LIF((10, 10), ...)` is a sheet of a hundred.)

# %%
currents = np.linspace(0, 300, 61) * u.pA
population = bl.LIF(61, **membrane)
run = bl.simulate(population, 5 * u.second, dt=dt, inputs=lambda t: currents, record="spikes")
rates = run["spikes"].counts()[0] / (run["spikes"].duration / u.second)

above = currents > rheobase
expected = np.zeros(61)
expected[above] = 1 / (period(currents[above]) / u.second)
print("largest difference:", np.abs(rates - expected).max().round(2), "Hz")

# %%
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(currents / u.pA, expected, label="closed form")
ax.plot(currents / u.pA, rates, "o", markersize=4, label="simulated")
ax.axvline(rheobase / u.pA, color="gray", linestyle="--", linewidth=1, label="rheobase")
ax.set_xlabel("current (pA)")
ax.set_ylabel("rate (spikes per second)")
ax.legend()
plt.show()

# %% [markdown]
# Silent up to the rheobase, then a steep rise. What is left of a difference comes from counting
# whole spikes in 5 s, which resolves 0.2 Hz, and from the step of 0.1 ms.
#
# ## What a reset does
#
# A potential rarely meets the threshold at the very end of a step. Usually it is already a little
# above. There are two ways to go on:
#
# - `spk_reset="hard"` sets $V$ to $V_\mathrm{reset}$. The excess is lost. This is what the
#   equations in most papers mean.
# - `spk_reset="soft"`, the default, subtracts $V_\mathrm{th} - V_\mathrm{reset}$. The excess is
#   kept, so the next spike comes a little earlier. Training likes it, because nothing is
#   thrown away.
#
# With short steps you hardly see a difference. With steps of 1 ms you do:

# %%
rates_of = {}
for reset in ("soft", "hard"):
    for step in (0.1 * u.ms, 1 * u.ms):
        population = bl.LIF(61, **membrane, spk_reset=reset)
        run = bl.simulate(
            population, 5 * u.second, dt=step, inputs=lambda t: currents, record="spikes"
        )
        rates_of[reset, step / u.ms] = run["spikes"].counts()[0] / 5
        error = np.abs(rates_of[reset, step / u.ms] - expected).max()
        print(f"{reset} reset, steps of {step}: largest difference {error:.1f} Hz")

# %%
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(currents / u.pA, expected, color="gray", label="closed form")
ax.plot(currents / u.pA, rates_of["soft", 1], ".-", linewidth=1, label="soft reset, 1 ms")
ax.plot(currents / u.pA, rates_of["hard", 1], ".-", linewidth=1, label="hard reset, 1 ms")
ax.set_xlim(150, 305)
ax.set_ylim(40, 130)
ax.set_xlabel("current (pA)")
ax.set_ylabel("rate (spikes per second)")
ax.legend()
plt.show()

# %% [markdown]
# After a hard reset every interval is a whole number of steps, rounded up, so the curve is a
# staircase and the rate is too low. After a soft reset the rounding averages out in part. Ten
# times shorter steps make the errors about eight times smaller. [Numerics](../concepts/numerics.md)
# says more about the choice of a step, and about spikes at exact times (`interpolate=True`).
#
# ## A pause after each spike
#
# A real neuron cannot spike again for a few milliseconds after a spike, its **refractory
# period**. [`LIFRef`][brainloom_neurons.LIFRef] holds the potential at $V_\mathrm{reset}$ for
# `tau_ref`, so each period is longer by that time, and no current can drive the neuron faster
# than
# $1 / \tau_\mathrm{ref}$:

# %%
strong = np.linspace(0, 3000, 61) * u.pA
tau_ref = 5 * u.ms
refractory = bl.LIFRef(61, **membrane, tau_ref=tau_ref)
run = bl.simulate(refractory, 5 * u.second, dt=dt, inputs=lambda t: strong, record="spikes")
rates_ref = run["spikes"].counts()[0] / 5

fires = strong > rheobase
expected_ref = np.zeros(61)
expected_ref[fires] = 1 / ((period(strong[fires]) + tau_ref) / u.second)
print("largest difference:", np.abs(rates_ref - expected_ref).max().round(1), "Hz")
print("rate at 3000 pA:", rates_ref[-1], "Hz; limit:", (1 / tau_ref).in_unit(u.Hz))

# %% [markdown]
# At such rates one step of 0.1 ms more or less is a difference of 3 Hz. Each interval is right to
# a step.

# %%
without = np.zeros(61)
without[fires] = 1 / (period(strong[fires]) / u.second)
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(strong / u.pA, without, label="closed form, no pause")
ax.plot(strong / u.pA, expected_ref, label="closed form, pause of 5 ms")
ax.plot(strong / u.pA, rates_ref, "o", color="C1", markersize=4, label="simulated LIFRef")
ax.axhline(200, color="gray", linestyle="--", linewidth=1, label="limit, 200 Hz")
ax.set_ylim(0, 500)
ax.set_xlabel("current (pA)")
ax.set_ylabel("rate (spikes per second)")
ax.legend()
plt.show()

# %% [markdown]
# ## Another model
#
# All neuron models are used alike, so another model is another line. `AdExIF` ([its
# page][brainloom_neurons.AdExIF]) adds two things to `LIF`: an upswing before the spike, and a
# current $w$ that grows with each spike and holds the neuron back, its **adaptation**.
# `Izhikevich` ([its page][brainloom_neurons.Izhikevich]) gets similar behaviour from a quadratic
# equation. The values of the first are those of Brette & Gerstner (2005), the second has those of
# its paper as defaults.

# %%
adex = bl.AdExIF(
    1,
    R=1 / (30 * u.nS),
    tau=281 * u.pF / (30 * u.nS),
    V_rest=-70.6 * u.mV,
    V_reset=-70.6 * u.mV,
    V_T=-50.4 * u.mV,
    V_th=0 * u.mV,
    delta_T=2 * u.mV,
    tau_w=144 * u.ms,
    a=4 * u.nS,
    b=80.5 * u.pA,
    V_initializer=-70.6 * u.mV,
)
izhikevich = bl.Izhikevich(1)
inputs = {"AdExIF": (adex, 1 * u.nA), "Izhikevich": (izhikevich, 10 * u.mV / u.ms)}

fig, axes = plt.subplots(2, 1, figsize=(7, 4), sharex=True, layout="constrained")
for ax, (name, (model, drive)) in zip(axes, inputs.items(), strict=True):
    run = bl.simulate(model, 300 * u.ms, dt=dt, inputs=drive, record=["V", "spikes"])
    intervals = u.math.diff(run["spikes"].t) / u.ms
    print(f"{name}: first interval {intervals[0]:.1f} ms, last {intervals[-1]:.1f} ms")
    assert intervals[-1] > intervals[0]
    ax.plot(run["V"].t / u.ms, run["V"].values / u.mV)
    ax.set_title(name, loc="left", fontsize="medium")
    ax.set_ylabel("potential (mV)")
axes[-1].set_xlabel("time (ms)")
plt.show()

# %% [markdown]
# Both begin fast and slow down: adaptation. The equation of Izhikevich has no resistance, so
# its input is in mV/ms and not a current. You need not remember that. Give it a current, and the
# error tells you:

# %%
try:
    bl.simulate(izhikevich, 1 * u.ms, dt=dt, inputs=150 * u.pA)
except bl.InputError as error:
    print(error)

# %% [markdown]
# [Choose a neuron](../how-to/choose-a-neuron.md) helps you to decide between the models.
#
# ## What `simulate` does
#
# `simulate` is a convenience. Underneath is a loop that you can write yourself, and you will
# want to when you train. You need three facts about `brainstate`:
#
# 1. A value that changes from step to step lives in a **State**. The potential of a neuron is one,
#    `neuron.V`; its present value is `neuron.V.value`.
# 2. A model is made without its states. `init_all_states` creates them, each with its initial
#    value.
# 3. Calling a model advances its states by one step, with the argument as input. The length of a
#    step comes from the environment, `brainstate.environ`.

# %%
fresh = bl.LIF(1, **membrane)
with brainstate.environ.context(dt=dt):
    brainstate.nn.init_all_states(fresh)
    print("at the start:", fresh.V.value)
    fresh(150 * u.pA)
    print("after one step:", fresh.V.value)
    fresh(150 * u.pA)
    print("after two:", fresh.V.value)

# %% [markdown]
# `for_loop` repeats a step, compiled, and gathers what each returns. A call of a neuron returns
# its spikes, 1.0 or 0.0 for each neuron.


# %%
def step(i):
    """One step of the neuron: its potential afterwards, and whether it spiked."""
    spike = fresh(150 * u.pA)
    return fresh.V.value, spike


with brainstate.environ.context(dt=dt):
    brainstate.nn.init_all_states(fresh)
    potentials, spiked = brainstate.transform.for_loop(step, jnp.arange(1200))

times = (1 + np.flatnonzero(spiked)) * dt
print(times)
difference = np.abs(potentials / u.mV - trace.values / u.mV).max()
print(f"largest difference of a potential: {difference:.0e} mV")
assert np.allclose(times / u.ms, spikes.t / u.ms)
assert difference < 1e-4

# %% [markdown]
# These are the spikes that `simulate` recorded above, and its potentials up to rounding in single
# precision. A spike found
# in step `i`, counted from 0, has the time at which that step ends, `(1 + i) * dt`.
#
# States explain one more thing. `simulate` creates the states that are missing and otherwise goes
# on from where they are. So a second call with the same neuron continues, and you reset it when
# you want a new start:

# %%
neuron = bl.LIF(1, **membrane)
for attempt in ("first call", "second call"):
    run = bl.simulate(neuron, 30 * u.ms, dt=dt, inputs=150 * u.pA, record="spikes")
    print(attempt, run["spikes"].t)
brainstate.nn.reset_all_states(neuron)
run = bl.simulate(neuron, 30 * u.ms, dt=dt, inputs=150 * u.pA, record="spikes")
print("after a reset", run["spikes"].t)

# %% [markdown]
# ## What you have now
#
# You can make a population of neurons with units, drive it, record it and check it against
# theory, and you know what a State is. The concept pages say more about
# [states](../concepts/state.md) and [units](../concepts/units.md).
#
# Next, neurons talk to each other: [a synapse and a projection](synapse-and-projection.md).
