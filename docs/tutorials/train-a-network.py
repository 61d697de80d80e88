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
# # Train a spiking network
#
# So far you chose every weight yourself. In this tutorial the weights are found: a network of
# spiking neurons sees examples, a number says how wrong its answers are, and each weight moves a
# little in the direction that makes this number smaller. You do one such step by hand, then let
# [`fit`][brainloom_training.fit] do thousands, and look at what was learned. At the end you train
# a network of excitatory and inhibitory neurons like that of [the last
# tutorial](balanced-network.md), and simulate it.

# %%
import tempfile
from pathlib import Path

import brainloom as bl
import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

brainstate.random.seed(0)
brainstate.environ.set(dt=1 * u.ms)

# %% [markdown]
# `optax` is a library of optimizers: rules that turn slopes into changes of weights. `environ.set`
# says the length of a step for all that follows. Training runs the same seconds many thousand
# times, so it takes longer steps than a simulation, 1 ms here.
#
# ## A spike has no slope
#
# To know in which direction a weight should move, you need the **gradient**: how much the result
# changes when the weight changes a little. For a neuron that spikes there is a difficulty. Here is
# one cell under a constant current for 50 ms, and the number of its spikes.

# %%
cell = bl.LIF(1, tau=10 * u.ms, spk_fun=bl.InvSquareGrad(5.0))
brainstate.nn.init_all_states(cell)
current = brainstate.ParamState(jnp.array(2.0))


def count():
    brainstate.nn.reset_all_states(cell)
    spikes = brainstate.transform.for_loop(lambda i: cell(current.value * u.mA), jnp.arange(50))
    return spikes.sum()


for value in (2.0, 2.001, 2.5):
    current.value = jnp.array(value)
    print(f"{value} mA: {count():.0f} spikes")

# %% [markdown]
# `init_all_states` creates the states of a model, here the potential, and `reset_all_states` gives
# them their initial values again. `for_loop` calls the cell once for each step. These are what
# [`simulate`][brainloom_core.simulate] uses inside; training needs them directly. The cell has the
# default resistance of 1 ohm and a threshold of 1 mV: a scale that is convenient for training,
# where only the weights matter. A [`ParamState`](https://brainstate.readthedocs.io) marks a value
# that may be trained.
#
# A thousandth of a milliampere changes nothing, because the number of spikes is a staircase. Its
# slope is zero on every step, and infinite at the edges. The reason is the spike itself: as a
# function of the potential it jumps from 0 to 1 at the threshold.
#
# ## Use another slope
#
# The way out is a **surrogate gradient**. Going forward, the neuron spikes as before: 0 or 1. Only
# when the gradient is computed, the slope of the jump is replaced by that of a smooth bump around
# the threshold. A neuron that *almost* spiked then counts as one that a little more input would
# have made spike. brainloom has many such bumps; `spk_fun` chooses one.

# %%
z = jnp.linspace(-1.5, 1.5, 601)
surrogates = {
    "ReluGrad()": bl.ReluGrad(),
    "Sigmoid()": bl.Sigmoid(),
    "InvSquareGrad(5.0)": bl.InvSquareGrad(5.0),
}
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
left.plot(z, surrogates["ReluGrad()"](z), color="C5")
left.set(title="forward: the spike", ylabel="spike")
for name, function in surrogates.items():
    right.plot(z, jax.vmap(jax.grad(function))(z), label=name)
right.set(title="backward: the slope in its place", ylabel="slope")
right.set_ylim(0, 1.6)
right.legend(fontsize="small", loc="upper right")
for ax in (left, right):
    ax.set_xlabel("distance to threshold")
plt.show()

# %% [markdown]
# The distance to threshold is $(V - V_\mathrm{th}) / (V_\mathrm{th} - V_\mathrm{reset})$: 0 at
# the threshold, $-1$ at the reset potential. Going forward, all three surrogates spike as on the
# left. With one of them, the staircase has a slope that a weight can follow:

# %%
current.value = jnp.array(2.0)
slope = brainstate.transform.grad(count, current)()
print(f"slope by surrogate: {slope:.2f} spikes per mA")

counts = []
for value in (1.5, 2.5):
    current.value = jnp.array(value)
    counts.append(count())
print(f"slope of the staircase as a whole: {counts[1] - counts[0]:.2f} spikes per mA")

# %% [markdown]
# The sign is right and the size is of the right order. It is not the same number, and it cannot
# be: a surrogate gradient is a useful direction, not a true derivative. [Surrogate
# gradients](../how-to/surrogate-gradients.md) says how to choose one.
#
# ## The task
#
# The Yin-Yang set is a small classification problem that no straight line can solve (Kriener,
# Göltz & Petrovici 2022). Each sample is a point in a disc, and the question is to which of three
# regions it belongs.

# %%
train, validation, test = bl.data.yin_yang_splits()
points, labels = train
print(points.shape, points[0].round(3), labels[:10])

names = ["yin", "yang", "dot"]
fig, ax = plt.subplots(figsize=(3.6, 3.4), layout="constrained")
for k, name in enumerate(names):
    ax.scatter(*points[labels == k, :2].T, s=2, label=name, rasterized=True)
ax.set(xlabel="$x$", ylabel="$y$", aspect="equal")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=4)
plt.show()

# %% [markdown]
# There are three sets. The network learns from `train`; you watch it on `validation` while you
# choose settings; `test` is for the very end, so that the final number is not one that you picked.
# A sample is the four numbers $x$, $y$, $1-x$, $1-y$.
#
# ## Encoder, network, readout, loss
#
# Four parts turn a point into a number that says how wrong the answer is:
#
# - The **encoder** turns a sample into something that lasts.
#   [`DirectEncoder`][brainloom_training.DirectEncoder] holds the four numbers for 30 steps.
# - [`Linear`][brainloom_training.Linear] multiplies them by weights in mA, and 120
#   [`LIF`][brainloom_neurons.LIF] neurons get the currents.
# - The **readout** turns spikes into smooth values.
#   [`LeakyRateReadout`][brainloom_training.LeakyRateReadout] has one output for each class, to
#   which every hidden spike adds its weight and which decays in between. The class with the
#   largest output is the answer.
# - The **loss** compares outputs with labels.
#   [`RateCrossEntropy`][brainloom_training.RateCrossEntropy] is $-\ln p$, where $p$ is the
#   probability that the outputs give to the right class, averaged over time and samples: 0 if the
#   network is always sure and right, $\ln 3 = 1.10$ if it gives each of the three classes a third.

# %%
encoder = bl.DirectEncoder(n_steps=30)
cells = bl.LIF(120, tau=10 * u.ms, spk_fun=bl.InvSquareGrad(5.0))
start = brainstate.nn.init.KaimingNormal(scale=40.0, unit=u.mA)
model = brainstate.nn.Sequential(bl.Linear(4, 120, start), cells, bl.LeakyRateReadout(120, 3))
criterion = bl.RateCrossEntropy()

# %% [markdown]
# The weights start at random, and their scale matters: too small and no neuron ever spikes, too
# large and all of them spike in every step. Neither can learn.
#
# Run 100 samples at once. The states get a **batch axis** for that, one row for each sample.
# [`rollout`][brainloom_training.rollout] is the loop over time.

# %%
x, y = encoder(points[:100]), labels[:100]
brainstate.nn.init_all_states(model, batch_size=100)
outputs = bl.rollout(model, x)
print("inputs:", x.shape, " outputs:", outputs.shape, " (time, sample, ...)")
print(f"loss before any training: {criterion(outputs, y):.3f}")
print(f"share of right answers:   {bl.Accuracy()(outputs, y):.2f}")

# %% [markdown]
# That is worse than $\ln 3$: with random weights, the network is often sure of a wrong answer.
#
# ## One step by hand
#
# The weights are the `ParamState`s of the model. [`trainable`][brainloom_training.trainable] lists
# them.

# %%
weights = bl.trainable(model)
for name, state in weights.items():
    print(name, state.value.shape, u.get_unit(state.value))

# %% [markdown]
# `brainstate.transform.grad` takes a function without arguments that returns the loss, and the
# weights with respect to which it is differentiated. It runs the network forward through all 30
# steps and then backward through them: **backpropagation through time**. Wherever the way back
# meets a spike, it uses the surrogate. (A gradient comes in the unit of its weight, so that the two
# can be subtracted.)


# %%
def loss():
    brainstate.nn.reset_all_states(model)
    return criterion(bl.rollout(model, x), y)


def move(rate):
    for name, state in weights.items():
        state.value = initial[name] - rate * gradients[name]


initial = {name: state.value for name, state in weights.items()}
gradients = brainstate.transform.grad(loss, weights)()
for rate in (0.0, 0.1, 0.003, 0.01):
    move(rate)
    print(f"loss after a step of {rate:5.3f}: {loss():.3f}")

# %% [markdown]
# That is the whole of learning: run, differentiate, move each weight against its slope. The factor
# is the **learning rate**. Too large, and the step goes beyond the stretch over which the slope
# holds: with 0.1 the loss rises. The last one tried, 0.01, is kept. All that follows is this step,
# repeated with new samples.
#
# ## Thousands of steps
#
# [`fit`][brainloom_training.fit] does that. An **epoch** is one pass over all 5000 samples, in
# batches of 64. The optimizer `adam` chooses a rate for each weight from the slopes it has seen.

# %%
options = {"encoder": encoder, "dt": 1 * u.ms, "metrics": {"accuracy": bl.Accuracy()}}
history = bl.fit(
    model,
    criterion,
    train,
    optimizer=optax.adam(1e-2),
    epochs=10,
    validation=validation,
    seed=0,
    **options,
)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), layout="constrained")
epochs = np.arange(1, 11)
for key, name in (("", "training"), ("val_", "validation")):
    left.plot(epochs, history[key + "loss"], ".-", label=name)
    right.plot(epochs, history[key + "accuracy"], ".-", label=name)
left.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
right.set(xlabel="epoch", ylabel="share of right answers")
right.legend()
plt.show()

# %% [markdown]
# Both curves of validation follow those of training, so the network has not merely learned its
# samples by heart. Now the samples that were never used, with
# [`evaluate`][brainloom_training.evaluate]:

# %%
result = bl.evaluate(model, criterion, test, **options)
print(f"test samples answered correctly: {result['accuracy']:.1%}")

# %% [markdown]
# ## What was learned
#
# Ask the network about every point of the plane, and draw its answers beside its mistakes in the
# test. `jit` compiles the function, which is worth it for a loop that runs long.


# %%
@brainstate.transform.jit
def run(x):
    brainstate.nn.reset_all_states(model)
    return bl.rollout(model, encoder(x), read={"outputs": None, "spikes": "layers.1.spikes"})


def answers(x):
    brainstate.nn.init_all_states(model, batch_size=len(x))
    return np.asarray(bl.MeanOverTime()(run(x)["outputs"]).argmax(-1))


side = np.linspace(0, 1, 81)
plane = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
asked = answers(np.concatenate([plane, 1 - plane], axis=1)).reshape(81, 81)
asked = np.ma.masked_where(((plane - 0.5) ** 2).sum(1).reshape(81, 81) > 0.25, asked)
given = answers(test[0])
table = np.zeros((3, 3), int)
np.add.at(table, (test[1], given), 1)
shade = plt.matplotlib.colors.to_rgba_array(["C0"] * 9).reshape(3, 3, 4)
shade[..., 3] = 0.3 * table / table.max()

fig, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
colours = plt.matplotlib.colors.ListedColormap(["C0", "C1", "C2"])
left.pcolormesh(side, side, asked, cmap=colours, vmin=0, vmax=2, alpha=0.5, rasterized=True)
wrong = test[0][given != test[1]]
left.plot(*wrong[:, :2].T, "x", color="C3", markersize=5, label="mistakes in the test")
left.set(xlabel="$x$", ylabel="$y$", aspect="equal", title="answers")
left.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.2))
right.imshow(shade)
for row, column in np.ndindex(3, 3):
    right.text(column, row, table[row, column], ha="center", va="center")
right.set_xticks(range(3), names)
right.set_yticks(range(3), names)
right.set(xlabel="answer", ylabel="truth", title="test samples")
plt.show()

# %% [markdown]
# The mistakes lie along the borders, where the regions meet. The table counts each combination
# of truth and answer; all right answers are on its diagonal.
#
# And the hidden neurons? Here are their spikes for a point well inside each region, with the
# outputs that the readout makes of them.

# %%
examples = np.array([[0.6, 0.2], [0.4, 0.8], [0.25, 0.5]])
brainstate.nn.init_all_states(model, batch_size=3)
seen = run(np.concatenate([examples, 1 - examples], axis=1))
fig, axes = plt.subplots(2, 3, figsize=(7, 4), sharex=True, sharey="row", layout="constrained")
for k in range(3):
    step, neuron = np.nonzero(seen["spikes"][:, k])
    axes[0, k].plot(step, neuron, ".", color="C5", markersize=2, rasterized=True)
    axes[0, k].set_title(f"a point of {names[k]}")
    for n in range(3):
        axes[1, k].plot(seen["outputs"][:, k, n], color=f"C{n}", label=names[n])
    axes[1, k].set_xlabel("time (ms)")
axes[0, 0].set_ylabel("hidden neuron")
axes[1, 0].set_ylabel("output")
axes[1, 2].legend(fontsize="small", loc="upper right")
plt.show()
fired = np.asarray(seen["spikes"]).any(0).sum(0)  # for how many of the three points
for some, text in ((3, "for all three points"), (2, "for two"), (1, "for one"), (0, "for none")):
    print(f"hidden neurons that spike {text}: {(fired == some).sum()}")
print(f"mean rate: {np.asarray(seen['spikes']).mean() * 1000:.0f} spikes per second")

# %% [markdown]
# The three points make different neurons spike, or the same ones at other rates, and the output of
# the right class is soon the largest. Many neurons are silent here, which is common; [Find out why
# a network does not learn](../how-to/diagnose.md) says when it is too many. The loss asked for
# right answers and nothing else, so the rates are what they happen to be. A network that should
# spend few spikes needs to be told so, by `regularizers` of
# [`Trainer`][brainloom_training.Trainer].
#
# ## Train a network of projections
#
# Training is not another kind of model. Here are 80 excitatory and 20 inhibitory neurons that are
# connected by projections as in the tutorials before. Each neuron gets a constant current of its
# own, so some fire fast and some never. What recurrent weights would make all of them fire at 20
# spikes per second?

# %%
rng = np.random.default_rng(0)
drive = {name: np.sort(rng.uniform(100, 200, n)) * u.pA for name, n in (("E", 80), ("I", 20))}


class Recurrent(bl.Network):
    def update(self):
        for name in "EI":
            getattr(self, name).add_current_input("drive", drive[name])
        super().update()


def build():
    membrane = {
        "R": 100 * u.Mohm,
        "tau": 20 * u.ms,
        "tau_ref": 2 * u.ms,
        "V_rest": -60 * u.mV,
        "V_reset": -60 * u.mV,
        "V_th": -50 * u.mV,
        "V_initializer": -60 * u.mV,
        "spk_fun": bl.InvSquareGrad(5.0),
    }
    net = Recurrent()
    net.E, net.I = bl.LIFRef(80, **membrane), bl.LIFRef(20, **membrane)
    excite = bl.Expon.desc(tau=5 * u.ms), bl.COBA.desc(E=0 * u.mV)
    inhibit = bl.Expon.desc(tau=10 * u.ms), bl.COBA.desc(E=-80 * u.mV)
    weak, strong = bl.Uniform(0 * u.nS, 0.2 * u.nS), bl.Uniform(0 * u.nS, 1 * u.nS)
    rule = bl.Bernoulli(0.3)
    net.EE = bl.Projection(net.E, net.E, rule, *excite, weight=weak, seed=1)
    net.EI = bl.Projection(net.E, net.I, rule, *excite, weight=weak, seed=2)
    net.IE = bl.Projection(net.I, net.E, rule, *inhibit, weight=strong, seed=3)
    net.II = bl.Projection(net.I, net.I, rule, *inhibit, weight=strong, seed=4)
    return net


net = build()
for name, state in bl.trainable(net).items():
    print(name, state.value.shape)

# %% [markdown]
# Every weight of a connection is trainable from the start: one number for each synapse. The loss
# is the mean square distance of the rates from 20 per second. `fit` is for data sets;
# [`Trainer`][brainloom_training.Trainer] is its inside, one step at a time, and can run a network
# without inputs. `read` says what the loss sees. `keep_sign` keeps excitation excitatory and
# inhibition inhibitory: no conductance may become negative.


# %%
def distance(spikes, targets):
    rates = {name: fired.sum(0) / 0.5 for name, fired in spikes.items()}  # in 0.5 s
    return sum(((rates[name] - targets) ** 2).mean() for name in "EI")


trained = {
    "loss": distance,
    "optimizer": optax.adam(0.02),
    "read": {"E": "E.spikes", "I": "I.spikes"},
    "n_steps": 500,
    "batching": None,
    "constraints": {"*": bl.keep_sign},
}
before = bl.simulate(net, 1 * u.second, record=["E.spikes", "I.spikes"])
trainer = bl.Trainer(net, **trained)
for step in range(151):
    values = trainer.step(None, 20.0)
    if step % 50 == 0:
        print(f"step {step:3d}: loss {values['loss']:.0f}")

# %% [markdown]
# Now simulate it. The loss saw 0.5 s in steps of 1 ms. Give the network 1 s and steps of 0.1 ms,
# for it should not have learned the length of a step.

# %%
brainstate.nn.reset_all_states(net)
after = bl.simulate(net, 1 * u.second, dt=0.1 * u.ms, record=["E.spikes", "I.spikes"])

fig, axes = plt.subplots(2, 2, figsize=(7, 4), width_ratios=[2, 1], layout="constrained")
for (raster, rates), title in zip(axes, ("before", "after"), strict=True):
    recording = before if title == "before" else after
    for name, offset in (("E", 0), ("I", 80)):
        spikes = recording[f"{name}.spikes"]
        fired = spikes.counts()[0]
        print(f"{title:6s} {name}: {fired.mean():.1f} ± {fired.std():.1f} spikes per second")
        raster.plot(spikes.t / u.ms, spikes.index + offset, ".", markersize=2, rasterized=True)
        rates.hist(fired, bins=np.arange(0, 82, 4), alpha=0.8, label=name)
    raster.set(ylabel="neuron", ylim=(0, 100), title=f"{title} training")
    rates.set(ylabel="neurons")
    rates.axvline(20, color="gray", linestyle="--", linewidth=1)
axes[0, 1].legend()
axes[1, 0].set_xlabel("time (ms)")
axes[1, 1].set_xlabel("rate (spikes per second)")
plt.show()

# %% [markdown]
# The neurons are sorted by their currents. Before, those with little current are silent and those
# with much fire fast. After, the weights make up for the currents, and the rates gather around the
# dashed line. They are still a little above it, and the loss was still falling: 150 steps are few.
#
# ## Keep what was learned
#
# `save` writes the weights, the state of the optimizer and the random numbers to a file that holds
# numbers and no code. `load` puts them into a network that was built in the same way, here or in
# another process.

# %%
file = Path(tempfile.mkdtemp()) / "network.safetensors"
trainer.save(file)

again = build()
bl.Trainer(again, **trained).load(file)
same = [
    bool(u.math.all(mine.value == bl.trainable(again)[name].value))
    for name, mine in bl.trainable(net).items()
]
print("all weights are the same:", all(same))

# %% [markdown]
# `fit(..., checkpoint="file.safetensors")` does this after each epoch: the same call, made again
# after an interruption, goes on where it was.
#
# ## Where to go next
#
# - [Write a model of your own](own-model.md), the last tutorial.
# - [Train a network](../how-to/train.md): learning rules, what can be trained, loops of your own.
# - [Find out why a network does not learn](../how-to/diagnose.md): yours will not, some day.
# - [Readouts](../how-to/readouts.md), [data and encoders](../how-to/data.md), [long
#   sequences](../how-to/long-rollouts.md), [time constants and
#   delays](../how-to/time-constants-and-delays.md) that are learned.
# - [Differentiability](../concepts/differentiability.md): what a gradient through spikes means.
