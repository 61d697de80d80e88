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
# # Write and share a model
#
# brainloom has many neurons, and sooner or later you need one that is not among them. In this
# tutorial you write a model from its equations, compare it with a solution on paper, let a set of
# ready-made checks try to break it, and make it a package that others install and use by name.

# %%
import importlib.util
import inspect
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import brainloom as bl
import brainunit as u
import matplotlib.pyplot as plt
import numpy as np
from brainloom_core import Neuron, initializer, param, positive, state
from brainloom_testing import checks_for, default_case
from brainloom_testing import run as run_checks

# %% [markdown]
# ## The equations
#
# Many neurons slow down while a stimulus lasts: their first intervals are short, later ones long.
# This is **spike-frequency adaptation**. The *adaptive leaky integrate-and-fire* neuron, AdLIF,
# explains it by a second current $w$ that works against the input:
#
# $$
# \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,(I - w), \qquad
# \tau_w \frac{dw}{dt} = a\,(V - V_\mathrm{rest}) - w
# $$
#
# Each spike adds $b$ to $w$. With $a = 0$ only spikes feed the current. With $a > 0$ the potential
# does so too, and the membrane can ring like a bell. It is the model of Richardson, Brunel & Hakim
# (2003), with the jump of $w$ that Brette & Gerstner (2005) gave to its exponential relative,
# `AdExIF`.
#
# ## The class
#
# A model is a subclass of [`Neuron`][brainloom_core.Neuron] that declares three things. It reads
# like the methods section of a paper:
#
# - **parameters**, by [`param`][brainloom_core.param]: a default, whose unit is the unit of the
#   parameter, a condition that it must meet, and what it is;
# - **states**, by [`state`][brainloom_core.state], each with its initial value;
# - **derivatives**: for a state `V` a method `dV`, for `w` a method `dw`. They take the states that
#   they need by name, and `I` is the input.
#
# `on_spike` says what a spike does to states other than the potential; `spk` is 1 where there is
# one and 0 elsewhere.


# %%
class AdLIF(Neuron):
    R = param(default=100.0 * u.Mohm, constraint=positive, doc="membrane resistance")
    tau = param(default=20.0 * u.ms, constraint=positive, doc="membrane time constant")
    tau_w = param(default=100.0 * u.ms, constraint=positive, doc="time constant of adaptation")
    a = param(default=0.0 * u.nS, doc="coupling of w to the potential")
    b = param(default=30.0 * u.pA, doc="what a spike adds to w")
    V_th = param(default=-50.0 * u.mV, doc="threshold", above="V_reset")
    V_reset = param(default=-60.0 * u.mV, doc="reset potential")
    V_rest = param(default=-60.0 * u.mV, doc="resting potential")
    V_initializer = initializer(default=-60.0 * u.mV)
    w_initializer = initializer(default=0.0 * u.pA)
    V = state("V_initializer", "membrane potential")
    w = state("w_initializer", "adaptation current")
    linear = True

    def dV(self, V, w, I):
        return (self.V_rest - V + self.R * (I - w)) / self.tau

    def dw(self, w, V):
        return (self.a * (V - self.V_rest) - w) / self.tau_w

    def on_spike(self, w, spk):
        return {"w": w + self.b * spk}


# %% [markdown]
# That is all. `linear = True` promises that the derivatives are linear in the states; then a step
# can be exact. There is no constructor, no loop and no check of units: the base class makes them.

# %%
print(", ".join(inspect.signature(AdLIF).parameters))
for wrong in ({"tau_w": 100 * u.mV}, {"V_th": -70 * u.mV}):
    try:
        AdLIF(1, **wrong)
    except bl.BrainloomError as error:
        print(error)

# %% [markdown]
# ## Look at it
#
# It works in everything that you used before. Here it gets a constant current.

# %%
cell = AdLIF(1, interpolate=True)
recording = bl.simulate(
    cell, 620 * u.ms, dt=0.1 * u.ms, inputs=180 * u.pA, record=["V", "w", "spikes"]
)
spikes = recording["spikes"].t / u.ms

fig, axes = plt.subplots(3, 1, figsize=(7, 4.5), sharex=True, layout="constrained")
axes[0].plot(recording["V"].t / u.ms, recording["V"].values / u.mV)
axes[0].vlines(spikes, -50, -42, color="C1")
axes[0].set_ylabel("$V$ (mV)")
axes[1].plot(recording["w"].t / u.ms, recording["w"].values / u.pA, color="C2")
axes[1].set_ylabel("$w$ (pA)")
axes[2].plot(spikes[1:], np.diff(spikes), "o-", color="C1", markersize=4)
axes[2].set_ylabel("interval (ms)")
axes[2].set_xlabel("time (ms)")
plt.show()
print("first and last interval:", np.diff(spikes)[[0, -1]].round(2), "ms")

# %% [markdown]
# The intervals grow until each spike adds as much to $w$ as decays before the next.
# (`interpolate=True` gives spikes times between the steps.)
#
# ## Test it against a solution on paper
#
# A picture that looks right proves little. A linear model can be solved. Below threshold, under a
# constant current from rest, the pair $x = (V - V_\mathrm{rest},\ w)$ obeys
# $\dot x = A x + c$, and its solution is
#
# $$
# x(t) = x_\infty - e^{A t} x_\infty, \qquad x_\infty = -A^{-1} c
# $$
#
# Write it in numbers of mV, pA and ms, independently of the class, and choose $a$ so large that the
# eigenvalues of $A$ are complex: the membrane rings.


# %%
def on_paper(t, a, current, R=0.1, tau=20.0, tau_w=100.0):
    A = np.array([[-1 / tau, -R / tau], [a / tau_w, -1 / tau_w]])
    rest = -np.linalg.solve(A, [R * current / tau, 0.0])
    rates, vectors = np.linalg.eig(A)
    parts = np.linalg.solve(vectors, rest.astype(complex))
    return rest - (np.exp(np.outer(t, rates)) * parts @ vectors.T).real


time = np.linspace(0, 300, 601)
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(time, -60 + on_paper(time, 40, 100)[:, 0], color="gray", linewidth=5, alpha=0.5)
for dt, style in ((0.1, "-"), (5.0, "o")):
    silent = AdLIF(1, a=40 * u.nS, V_th=1000 * u.mV)
    trace = bl.simulate(silent, 300 * u.ms, dt=dt * u.ms, inputs=100 * u.pA, record="V")["V"]
    V, exact = trace.values[:, 0] / u.mV, -60 + on_paper(trace.t / u.ms, 40, 100)[:, 0]
    print(f"dt = {dt} ms: largest difference {np.abs(V - exact).max():.1e} mV")
    ax.plot(trace.t / u.ms, V, style, markersize=4)
    assert np.abs(V - exact).max() < 1e-3
ax.set(xlabel="time (ms)", ylabel="$V$ (mV)")
ax.legend(["on paper", "simulated, dt = 0.1 ms", "simulated, dt = 5 ms"])
plt.show()

# %% [markdown]
# The differences are the rounding of numbers with seven digits, with steps of 5 ms too. The step
# is exact, and the model says so itself:

# %%
numerics = AdLIF.numerics
print("scheme:", numerics.scheme, "| exact:", numerics.exact)
print("input: ", numerics.input)
print("spike: ", numerics.spike)
print("reset: ", numerics.reset)

# %% [markdown]
# And with spikes? With $a = 0$ and a constant current the last interval $T$ solves an equation too:
# $w$ starts from $w_0 = b / (1 - e^{-T/\tau_w})$ after each spike, and
#
# $$
# V(T) = V_\mathrm{rest} + R I\,(1 - e^{-T/\tau})
#        - R\,w_0 \frac{\tau_w}{\tau_w - \tau} \left(e^{-T/\tau_w} - e^{-T/\tau}\right)
#      = V_\mathrm{th}
# $$


# %%
def excess(T, current=180.0, b=30.0, R=0.1, tau=20.0, tau_w=100.0):
    w0 = b / (1 - np.exp(-T / tau_w))
    rise = R * current * (1 - np.exp(-T / tau))
    return rise - R * w0 * tau_w / (tau_w - tau) * (np.exp(-T / tau_w) - np.exp(-T / tau)) - 10.0


low, high = 1.0, 500.0
for _ in range(60):  # halve the interval that contains the solution
    middle = (low + high) / 2
    low, high = (middle, high) if excess(middle) < 0 else (low, middle)
print(f"on paper:  {high:.3f} ms\nsimulated: {np.diff(spikes)[-1]:.3f} ms")
assert abs(np.diff(spikes)[-1] - high) < 0.01

# %% [markdown]
# ## Let the kit try to break it
#
# A model can be right here and still fail where you did not look: in a batch, under `jit`, with a
# parameter for each neuron. `brainloom_testing` holds what every model of brainloom is held to.
# Three lines run it, on what you wrote just now:

# %%
results = run_checks(default_case(AdLIF))
print(sum(result.good for result in results), "of", len(results), "checks passed")
for result in results:
    if not result.good:
        print(result)

# %% [markdown]
# What fails are the checks of the documentation: the class has no docstring yet. Everything about
# its behaviour holds. To see a check catch a mistake, make one: let the derivative be quadratic,
# and promise that the equations are linear all the same.


# %%
class Mistaken(AdLIF):
    linear = True

    def dV(self, V, w, I):
        return super().dV(V, w, I) + (V - self.V_rest) ** 2 / (100 * u.mV * self.tau)


case = default_case(Mistaken)
for check in checks_for(case):
    if check.__name__ == "check_linear_is_declared":
        try:
            check(case)
        except AssertionError as error:
            print(error)

# %% [markdown]
# ## Make it a package
#
# So that others can use the model, put it into a **package**, a folder that pip can install. It
# needs four files beside its `__init__.py`. Here they are written to a temporary folder; you would
# keep them in a repository. `plugins/brainloom-example` in brainloom's own repository is such a
# package to copy.
#
# The first is the model, in a module of its own, now with types and a docstring. The reference,
# `help()` and the checks read it, so its sections are fixed.
#
# The soft reset, its default, keeps what a step passes the threshold by, which is right where the
# potential does not grow by itself there. A quadratic or exponential neuron, whose potential runs
# away, says `caps_overshoot = True` in its class beside `linear`; the kit asks for it.

# %%
folder = Path(tempfile.mkdtemp())
package = folder / "brainloom-adlif"


def write(name, text):
    file = package / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


write("src/brainloom_adlif/__init__.py", "from .model import AdLIF as AdLIF\n")
write(
    "src/brainloom_adlif/model.py",
    r'''"""The adaptive leaky integrate-and-fire neuron."""

import brainunit as u
from brainloom_core import Neuron, initializer, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity


class AdLIF(Neuron):
    r"""Leaky integrate-and-fire neuron with an adaptation current.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,(I - w), \qquad
    \tau_w \frac{dw}{dt} = a\,(V - V_\mathrm{rest}) - w
    $$

    spikes when $V \ge V_\mathrm{th}$; then $w \leftarrow w + b$ and $V$ is reset.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 100 Mohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 20 ms; scalar or one per neuron.
        tau_w: Time constant of adaptation $\tau_w$, 100 ms; scalar or one per neuron.
        a: Coupling of $w$ to the potential $a$, 0 nS; scalar or one per neuron.
        b: What a spike adds to $w$, $b$, 30 pA; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, -50 mV; scalar or one per neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, -60 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, -60 mV; scalar or one per neuron.
        V_initializer: Initial potential, -60 mV; a constant, an array or a function of the shape.
        w_initializer: Initial current $w$, 0 pA; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        interpolate: Whether spikes have times within a step, False.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        w: Adaptation current, shape `(*batch, *in_size)`, pA.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Richardson, Brunel & Hakim (2003), J. Neurophysiol. 89, 2538, doi:10.1152/jn.00955.2002.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import simulate
        >>> from brainloom_adlif import AdLIF
        >>> recording = simulate(
        ...     AdLIF(1), 590 * u.ms, dt=0.1 * u.ms, inputs=180 * u.pA, record="spikes"
        ... )
        >>> len(recording["spikes"])
        15
    """

    R: Quantity = param(default=100.0 * u.Mohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="membrane time constant")
    tau_w: Quantity = param(
        default=100.0 * u.ms, constraint=positive, doc="time constant of adaptation"
    )
    a: Quantity = param(default=0.0 * u.nS, doc="coupling of w to the potential")
    b: Quantity = param(default=30.0 * u.pA, doc="what a spike adds to w")
    V_th: Quantity = param(default=-50.0 * u.mV, doc="threshold", above="V_reset")
    V_reset: Quantity = param(default=-60.0 * u.mV, doc="reset potential")
    V_rest: Quantity = param(default=-60.0 * u.mV, doc="resting potential")
    V_initializer: Initializer = initializer(default=-60.0 * u.mV)
    w_initializer: Initializer = initializer(default=0.0 * u.pA)
    V = state("V_initializer", "membrane potential")
    w = state("w_initializer", "adaptation current")
    linear = True

    def dV(self, V: Quantity, w: Quantity, I: Quantity) -> Quantity:
        return (self.V_rest - V + self.R * (I - w)) / self.tau

    def dw(self, w: Quantity, V: Quantity) -> Quantity:
        return (self.a * (V - self.V_rest) - w) / self.tau_w

    def on_spike(self, w: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"w": w + self.b * spk}
''',
)

# %% [markdown]
# The second is the **plugin module**: a function with the mark `hookimpl` that says which models
# there are and where. It names them as text, so that nothing is imported until someone asks for
# the model.

# %%
write(
    "src/brainloom_adlif/plugin.py",
    '''"""What brainloom is told of this package."""

from brainloom_core.plugins import hookimpl


@hookimpl
def brainloom_models():
    return {"AdLIF": "brainloom_adlif.model:AdLIF"}
''',
)

# %% [markdown]
# The third describes the package to pip. The last table is what makes it a plugin: an **entry
# point** in the group `brainloom` points at the module, under a short name.

# %%
write(
    "pyproject.toml",
    """[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "brainloom-adlif"
version = "0.1.0"
description = "The adaptive leaky integrate-and-fire neuron for brainloom"
requires-python = ">=3.11"
dependencies = ["brainloom-core>=0.1,<0.2"]

[project.entry-points.brainloom]
adlif = "brainloom_adlif.plugin"

[tool.hatch.build.targets.wheel]
packages = ["src/brainloom_adlif"]
""",
)

# %% [markdown]
# The fourth are the tests: the kit, and your own comparison with what is known.

# %%
write(
    "tests/test_model.py",
    """import brainunit as u
import numpy as np
from brainloom_adlif import AdLIF
from brainloom_core import simulate
from brainloom_testing import default_case, parametrize_with_checks


@parametrize_with_checks([default_case(AdLIF)])
def test_conformance(case, check):
    check(case)


def test_where_it_settles():
    cell = AdLIF(1, a=40 * u.nS, V_th=1000 * u.mV)
    V = simulate(cell, 1000 * u.ms, dt=1 * u.ms, inputs=100 * u.pA, record="V")["V"].values
    np.testing.assert_allclose(V[-1] / u.mV, -60 + 10 / (1 + 4), rtol=1e-5)  # RI / (1 + Ra)
""",
)

# %% [markdown]
# ## Install and find it
#
# In your own environment this is `python -m pip install ./brainloom-adlif`. Here the package goes
# into a second temporary folder, so that the environment in which you read this stays as it is. A
# new Python process that looks into this folder too is then a user who has installed it.

# %%
site = folder / "site"
offline = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
options = ["--quiet", "--disable-pip-version-check", "--no-deps", *offline, "--target", str(site)]
subprocess.run([sys.executable, "-m", "pip", "install", *options, str(package)], check=True)
print(*sorted(path.name for path in site.iterdir()), sep="\n")

paths = [str(site), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
plain = {"COLUMNS": "90", "FORCE_COLOR": "", "TERM": "dumb", "PY_COLORS": "0"}
environment = {**os.environ, **plain, "PYTHONPATH": os.pathsep.join(paths)}


def in_a_new_process(*command, about=""):
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    lines = (done.stdout or done.stderr).splitlines()
    print(*(line for line in lines if about in line), sep="\n")
    done.check_returncode()


# %% [markdown]
# `brainloom plugins` lists what is installed; of the long list that `brainloom models` prints, here
# is the line of the new model.

# %%
brainloom = str(Path(sys.executable).with_name("brainloom"))
in_a_new_process(brainloom, "plugins")
in_a_new_process(brainloom, "models", about="AdLIF")

# %% [markdown]
# A user reaches the model as `bl.AdLIF`, without importing your package. It takes part in all that
# brainloom does:

# %%
program = """
import brainloom as bl
import brainunit as u

net = bl.Network()
net.E = bl.AdLIF(20, b=60 * u.pA)
net.EE = bl.Projection(
    net.E, net.E, bl.Bernoulli(0.2), bl.Expon.desc(), bl.COBA.desc(E=0 * u.mV),
    weight=0.5 * u.nS, seed=0,
)
spikes = bl.simulate(
    net, 500 * u.ms, dt=0.1 * u.ms, inputs=150 * u.pA, record="E.spikes", progress=False
)["E.spikes"]
print(type(net.E).__module__, spikes.rate())
"""
in_a_new_process(sys.executable, "-c", program)

# %% [markdown]
# `brainloom verify` compares a model with an accurate solution of its own equations, without being
# told anything more, and the package's tests run as anywhere (here those that are new; all of them
# take half a minute):

# %%
in_a_new_process(brainloom, "verify", "AdLIF")
chosen = ["-k", "docstring or examples or settles", "-p", "no:cacheprovider", "-q"]
in_a_new_process(sys.executable, "-m", "pytest", *chosen, str(package / "tests"))

# %% [markdown]
# If two packages bring a model of the same name, asking for it is an error that names both, and
# `bl.get_model("adlif:AdLIF")` chooses by the name of the entry point.
#
# To publish it, choose a name that is free, add a README and a licence, and upload what
# `python -m build` makes. Nothing has to change in brainloom.
#
# ## Where to go next
#
# - [Architecture](../concepts/architecture.md#plugins): how plugins are found, what can go wrong,
#   and how one is switched off.
# - [Hooks](../reference/hooks.md): all that a plugin can bring. Beside models there are **device
#   kernels**, faster implementations of the few operations that take most of the time, for a
#   processor of your choice.
# - [Numerics](../concepts/numerics.md): what a step does, and which schemes there are.
# - [Anatomy of a model](../concepts/anatomy-of-a-model.md): synapses and outputs are declared in
#   the same way.
