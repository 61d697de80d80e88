"""Response figures of the reference: one small picture of what a public object does.

`draw(name, thing, path)` finds the kind of an object from its base class and draws what says most
about that kind: the potential of a neuron under a step of current, the conductance of a synapse
after spikes, the matrix of a rule. A new model of a known kind gets its figure without a change
here; the tables below hold what cannot be guessed.

    python tools/docs/figures.py OUTDIR    # all figures, one line each with the seconds it took
"""

import contextlib
import importlib
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")  # quick to compile

import brainloom as bl
import brainloom_core as core
import brainstate
import brainunit as u
import jax.numpy as jnp
import matplotlib
import matplotlib.ticker
import numpy as np
from brainloom_core import Declared, Dynamics, Neuron, Synapse
from brainloom_core.dynamics.delays import Delayed
from brainloom_core.units import show, with_unit
from brainloom_neurons.sources import Source
from brainloom_testing.declarations import derivatives, signature
from brainloom_training.encoders import Encoder
from matplotlib.figure import Figure

__all__ = ["PACKAGES", "caption", "draw", "figures", "kind"]

PACKAGES = (
    *("brainloom_core", "brainloom_neurons", "brainloom_synapses", "brainloom_projections"),
    *(
        "brainloom_training",
        "brainloom_plasticity",
        "brainloom_nest",
        "brainloom_nir",
        "brainloom_equations",
        "brainloom_example",
        "brainloom_generalized",
    ),
)
DT = 0.1 * u.ms
WIDTH, HEIGHT = 6.0, 2.4
BASES = {"Neuron", "Crossing", "Refractory", "Synapse", "SynOut", "Surrogate", "Rule", "Dynamics"}
BASES |= {"Delayed", "Encoder", "PlasticityRule", "Declared", "EquationNeuron", "EquationSynapses"}

# What cannot be guessed: arguments by the name of a parameter, or of a class and a parameter.
ARGUMENTS: dict[str, Any] = {
    "freqs": 30.0 * u.Hz,
    "cv": 0.3,
    "rate": lambda t: 40.0 * (1.0 + jnp.sin(t / (16.0 * u.ms))) * u.Hz,
    "indices": np.arange(100) % 20,
    "times": np.arange(100) * 2.0 * u.ms,
    "spikes": (np.arange(100) * 2.0 * u.ms, np.arange(100) ** 2 % 20),
    "values": [0.0, 1.0, 0.4, 0.0] * u.nA,
    "durations": [40.0, 60.0, 60.0, 40.0] * u.ms,
    "amplitudes": [0.0, 0.4, 1.0] * u.nA,
    "step_times": [0.0, 50.0, 120.0] * u.ms,
    "value": 1.0 * u.nA,
    "duration": 150.0 * u.ms,
    "c_start": 0.0 * u.nA,
    "c_end": 1.0 * u.nA,
    "amplitude": 1.0 * u.nA,
    "frequency": 20.0 * u.Hz,
    "mean": 0.5 * u.nA,
    "sigma": 0.1 * u.nA / u.ms**0.5,
    "tau": 20.0 * u.ms,
    "E": 0.0 * u.mV,
    "p": 0.1,
    "k": 4,
    "n": 160,
    "radius": 200.0 * u.um,
    "scale": 100.0 * u.um,
    "WienerProcessInput.sigma": 0.3 * u.nA * u.ms**0.5,
    "GaussianProfile.sigma": 100.0 * u.um,
    "RampInput.t_start": 25.0 * u.ms,
    "ReplaySpikes.repeat_every": None,
    "Uniform.low": -70.0 * u.mV,
    "Uniform.high": -60.0 * u.mV,
    "Normal.mean": -65.0 * u.mV,
    "Normal.std": 2.0 * u.mV,
}
GIVEN_DEFAULTS = {"RampInput.t_start", "ConstantInput.duration"}  # better than their defaults
MILLISECONDS = {"HindmarshRose": 900.0, "MorrisLecar": 600.0, "FitzHughNagumo": 300.0}
SPIKES = {"HindmarshRose": 25}  # how many a neuron shall show, 5 by default
TRAINS = {"ResonateAndFire": 30.0}  # interval in ms of what arrives, 8 by default
SAYS_NOTHING = {"DirectEncoder", "static_synapse", "tsodyks2_synapse"}  # names for what is drawn
LABELS = {"MultiReceptorLIF": "exc"}
CELL = {
    "R": 100.0 * u.Mohm,
    "tau": 20.0 * u.ms,
    "V_th": -50.0 * u.mV,
    "V_rest": -65.0 * u.mV,
    "V_reset": -65.0 * u.mV,
    "V_initializer": -65.0 * u.mV,
}


def draw(name: str, thing: object, path: Path) -> bool:
    """Draw the figure of a public object to a file, if there is one that says something.

    Args:
        name: Name of the object, for exceptions.
        thing: The object: a class or a function.
        path: The file, `.svg` or `.png`.

    Returns:
        Whether there is a figure.
    """
    drawer = kind(name, thing)
    if drawer is None:
        return False
    with brainstate.environ.context(dt=DT), brainstate.random.seed_context(1):
        figure = drawer(name, thing)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": name}):  # the same bytes each time
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, transparent=True, dpi=150, metadata=metadata)
    return True


def caption(name: str, thing: object) -> str:
    """What the figure of an object shows, in a few words; empty where there is none."""
    drawer = kind(name, thing)
    return "" if drawer is None else f"{name}: {(drawer.__doc__ or '').splitlines()[0]}"


def figures(packages: tuple[str, ...] = PACKAGES) -> dict[str, Any]:
    """The public objects of the packages that have a figure, by name."""
    found = {}
    for package in packages:
        module = importlib.import_module(package)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if kind(name, thing) is not None:
                found.setdefault(name, thing)
                if package != "brainloom_core" and thing.__module__.startswith(package):
                    found[name] = thing  # `Projection` of projections, not the base class of core
    return found


def kind(name: str, thing: object) -> Callable[[str, Any], Figure] | None:
    """The function that draws this kind of object; None where no figure would say anything."""
    if name in _BY_NAME:
        drawer = _BY_NAME[name]
        return drawer if thing is not core.Projection else None
    if not isinstance(thing, type) or name in BASES | SAYS_NOTHING or inspect.isabstract(thing):
        return None
    for base, drawer in _BY_BASE:
        if (base(thing) if inspect.isfunction(base) else issubclass(thing, base)) and _can(thing):
            return drawer
    return None


# Neurons


def _neuron(name: str, cls: Any) -> Figure:
    """Response to a step of current, or to a train of what arrives."""
    cells = 240
    found = _sweep(name, cls, cells)
    V, spikes, drive, others = (found[key] for key in ("V", "spikes", "drive", "others"))
    counts = spikes[found["on"]].sum(0)
    enough = np.flatnonzero(counts >= SPIKES.get(name, 5))
    chosen = int(enough[0]) if len(enough) else int(np.argmax(counts))
    t, unit = found["t"], u.get_unit(V)
    potentials = {k: v for k, v in others.items() if u.get_unit(v) == unit and unit != u.UNITLESS}
    rest = {k: v for k, v in others.items() if k not in potentials}
    groups: dict[Any, dict[str, Any]] = {}
    for key, value in rest.items():
        if np.ptp(_number(value)[:, chosen]) > 0.0:  # else the defaults do not use it
            groups.setdefault(u.get_unit(value), {})[key] = value[:, chosen]
    second = next(iter(groups.values()), {})
    heights = [3.0, 1.6, 1.0] if second else [3.0, 1.0]
    axes = _panels(heights, HEIGHT + (0.9 if second else 0.0))
    _line(axes[0], t, _number(V)[:, chosen], "V", "C0")
    for k, (key, value) in enumerate(potentials.items()):
        _line(axes[0], t, _number(value)[:, chosen], key, f"C{k + 1}", linestyle="--")
    axes[0].set_ylabel(_with_unit("V", unit))
    _ticks(axes[0], [t[spikes[:, chosen] > 0]])
    if potentials:
        _legend(axes[0])
    if second:
        for k, (key, value) in enumerate(second.items()):
            value = _readable(value)
            column = _number(value)
            for j, part in enumerate(column.reshape(len(t), -1).T):
                label = key if column.ndim == 1 else f"{key}[{j}]"
                _line(axes[1], t, part, label, f"C{1 + k + j}")
        several = len(second) > 1 or column.ndim > 1
        axes[1].set_ylabel(_with_unit("" if several else key, u.get_unit(value), "\n"))
        if several:
            _legend(axes[1])
    drive = _readable(drive[:, chosen])
    if found["events"]:
        _stems(axes[-1], t, _number(drive))
    else:
        _line(axes[-1], t, _number(drive), "input", "C5")
    axes[-1].set_ylabel(_with_unit("input", u.get_unit(drive), "\n"))
    return _timed(axes)


def _sweep(name: str, cls: Any, cells: int) -> dict[str, Any]:
    """Run a population under steps (or spike trains) of all strengths; what came out."""
    model = _made(cls, in_size=cells)
    brainstate.nn.init_all_states(model)
    duration = MILLISECONDS.get(name, 200.0)
    before, n = round(1000.0), round(duration / 0.1)
    on = slice(n // 10, n * 9 // 10)
    jumps = not model.ports and model.jump_state != "V"  # one with ports takes a current, too
    events = getattr(model, "input_kind", "") == "events" or jumps
    unit = u.get_unit(getattr(model, model.jump_state).value) if events else model.input_unit
    strengths = 2.0 ** np.linspace(-26.0, 12.0, cells)
    i = np.arange(n)
    acting = (i >= on.start) & (i < on.stop)
    acting &= (i - on.start) % round(TRAINS.get(name, 8.0) / 0.1) == 0 if events else True
    drive = np.concatenate([np.zeros(before), acting])[:, None] * strengths
    kept = [k for k in derivatives(cls) if k != "V"]

    def step(x: Any) -> Any:
        x = with_unit(x, unit)
        if events:
            model.add_delta_input("train", x, label=LABELS.get(name))
            spikes = model()
        else:
            spikes = model(x)
        return spikes, model.V.value, {k: getattr(model, k).value for k in kept}

    spikes, V, others = _loop(step, jnp.asarray(drive, jnp.float32))
    cut = {"V": V[before:], "spikes": np.asarray(spikes[before:]), "on": on, "events": events}
    cut["others"] = {k: v[before:] for k, v in others.items()}
    return {**cut, "drive": with_unit(drive[before:], unit), "t": 0.1 * (1.0 + i)}


def _membrane(name: str, cls: Any) -> Figure:
    """Response to a step of current."""
    model = _made(cls, in_size=1)
    brainstate.nn.init_all_states(model)
    n = 600
    x = ((np.arange(n) >= 50) & (np.arange(n) < 350)) * 1.0
    V = _loop(lambda x: model(with_unit(x, model.input_unit)), jnp.asarray(x)[:, None])
    axes, t = _panels([3.0, 1.0]), 0.1 * (1 + np.arange(n))
    _line(axes[0], t, _number(V)[:, 0], "V", "C0")
    axes[0].set_ylabel(_with_unit("V", u.get_unit(V)))
    _line(axes[1], t, x, "input", "C5")
    axes[1].set_ylabel(_with_unit("input", model.input_unit, "\n"))
    return _timed(axes)


def _readout(name: str, cls: Any) -> Figure:
    """Outputs under spikes of ten inputs."""
    model = _made(cls, in_size=10, out_size=3)
    brainstate.nn.init_all_states(model)
    rng, n = np.random.default_rng(2), 600
    x = (rng.random((n, 10)) < 0.004) * 1.0
    state = "V" if hasattr(model, "V") else "r"

    def step(x: Any) -> Any:
        spikes = model(x)
        return spikes, getattr(model, state).value

    spikes, out = _loop(step, jnp.asarray(x))
    axes, t = _panels([2.0, 1.0]), 0.1 * (1 + np.arange(n))
    for k, column in enumerate(_number(out).T):
        _line(axes[0], t, column, f"output {k}", f"C{k}")
    if isinstance(model, Neuron):
        _ticks(axes[0], [t[train > 0] for train in np.asarray(spikes).T], "C0", "C1", "C2")
    axes[0].set_ylabel(_with_unit(state, u.get_unit(out)))
    _legend(axes[0])
    _raster(axes[1], t, x, "input")
    return _timed(axes)


# Sources


def _source(name: str, cls: Any) -> Figure:
    """Output in time."""
    spiking = not issubclass(cls, _current_base())
    model = _made(cls, in_size=20 if spiking else 3)
    brainstate.nn.init_all_states(model)
    n = 2000
    takes = [p for p in inspect.signature(model.update).parameters if p != "t"]
    rates = (5.0 * jnp.arange(20) * u.Hz,) if takes else ()

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * DT):
            return model(*rates)

    out, t = _loop(step, jnp.arange(n)), 0.1 * np.arange(n)
    axes = _panels([1.0])
    if spiking:
        _raster(axes[0], t, np.asarray(out), "neuron")
        if rates:
            axes[0].set_ylabel("neuron k, 5k Hz")
        return _timed(axes)
    paths = _number(out).T
    if np.ptp(paths, axis=0).max() == 0.0:
        paths = paths[:1]
    for k, path in enumerate(paths):
        _line(axes[0], t[::5], path[::5], f"neuron {k}", f"C{k}", linewidth=0.8)
    axes[0].set_ylabel(_with_unit("output", u.get_unit(out)))
    if len(paths) > 1:
        _legend(axes[0])
    return _timed(axes)


def _current_base() -> Any:
    from brainloom_neurons.inputs import Current

    return Current


def _background(name: str, thing: Any) -> Figure:
    """Potential of three neurons under 1000 trains of 12 Hz, jumps of 0.1 mV, without threshold."""
    cells = bl.LIF(3, tau=20 * u.ms, V_th=1000 * u.mV)
    if isinstance(thing, type):
        noise = thing(cells.prefetch("V"), None, 1000, 12.0 * u.Hz, 0.1 * u.mV)
        brainstate.nn.init_all_states([cells, noise])
    else:
        brainstate.nn.init_all_states(cells)

        def noise() -> None:
            thing(12.0 * u.Hz, 1000, 0.1 * u.mV, cells.V)

    def step(i: Any) -> Any:
        noise()
        cells()
        return cells.V.value

    V, t = _loop(step, jnp.arange(2000)), 0.1 * (1 + np.arange(2000))
    axes = _panels([1.0])
    for k, path in enumerate(_number(V).T):
        _line(axes[0], t[::5], path[::5], f"neuron {k}", f"C{k}", linewidth=0.8)
    axes[0].set_ylabel("V (mV)")
    _legend(axes[0])
    return _timed(axes)


# Synapses


def _synapse(name: str, cls: Any) -> Figure:
    """Conductance after spikes."""
    model = _made(cls, in_size=1)
    brainstate.nn.init_all_states(model)
    n, times = 8000, np.array([10.0, 30.0, 50.0, 60.0, 70.0])
    spikes = np.isin(np.arange(n), np.round(times / 0.1) - 1) * 1.0
    if jumps := cls.jump_states:
        unit = u.get_unit(getattr(model, jumps[0]).value)
    elif _takes_spikes(model):
        unit = u.UNITLESS
    else:
        return _graded(name, model)
    brainstate.nn.init_all_states(model)
    others = [k for k in derivatives(cls) if k != "g" and k not in jumps]

    def step(x: Any) -> Any:
        g = model(with_unit(x, unit))
        return g, {k: getattr(model, k).value for k in others}

    g, found = _loop(step, jnp.asarray(spikes, jnp.float32)[:, None])
    size = np.abs(_number(g)[:, 0])
    late = np.flatnonzero(size > 0.05 * size.max())
    last = min(n, max(int(late[-1]) + 100, 1000))
    axes, t = _panels([3.0, 0.7]), 0.1 * (1 + np.arange(n))
    _line(axes[0], t[:last], _number(g)[:last, 0], "g", "C0")
    for k, (key, value) in enumerate(found.items()):
        _line(axes[0], t[:last], _number(value)[:last, 0], f"{key} (no unit)", f"C{k + 1}")
    axes[0].set_ylabel(_with_unit("g", u.get_unit(g)))
    if found:
        _legend(axes[0])
    _events(axes[1], times, "spikes")
    return _timed(axes)


def _takes_spikes(model: Any) -> bool:
    with contextlib.suppress(core.InputError):
        model(jnp.ones(1))
        return True
    return False


def _graded(name: str, model: Any) -> Figure:
    brainstate.nn.init_all_states(model)
    n = 1000
    t = 0.1 * (1 + np.arange(n))
    V = -60.0 + 80.0 * sum(np.exp(-(((t - at) / 1.0) ** 2)) for at in (20.0, 45.0, 55.0))
    g = _loop(lambda V: model(V * u.mV), jnp.asarray(V, jnp.float32)[:, None])
    axes = _panels([2.0, 1.2])
    _line(axes[0], t, _number(g)[:, 0], "g", "C0")
    axes[0].set_ylabel(_with_unit("g", u.get_unit(g)))
    _line(axes[1], t, V, "V", "C5")
    axes[1].set_ylabel("V pre (mV)")
    return _timed(axes)


def _output(name: str, cls: Any) -> Figure:
    """Current against potential."""
    model = _made(cls)
    V = jnp.linspace(-90.0, 40.0, 131) * u.mV
    (ax,) = _panels([1.0])
    for k, g in enumerate((1.0, 2.0)):
        model.bind_cond(g * u.nS)
        current = u.Quantity(model(V))
        model.unbind_cond()
        best = current.in_unit(u.pA) if current.dim == u.pA.dim else current
        values = np.broadcast_to(_number(best), V.shape)
        _line(ax, _number(V), values, f"g = {g:g} nS", f"C{k}")
    ax.axhline(0.0, linewidth=0.5, color="C5")
    ax.set_xlabel("V (mV)")
    ax.set_ylabel(_with_unit("current", u.get_unit(best)))
    _legend(ax)
    return ax.figure


def _short_term(name: str, cls: Any) -> Figure:
    """Releases of a train of 20 Hz, and of a spike after a pause."""
    model = _made(cls, in_size=1)
    brainstate.nn.init_all_states(model)
    n, times = 1000, np.array([*range(50, 451, 50), 900])
    spikes = np.isin(np.arange(n), times) * 1.0
    kept = [k for k in ("u", "x") if hasattr(model, k)]

    def step(s: Any) -> Any:
        return model(s), {k: getattr(model, k).value for k in kept}

    with brainstate.environ.context(dt=1.0 * u.ms):
        release, states = _loop(step, jnp.asarray(spikes, jnp.float32)[:, None])
    axes, t = _panels([1.0, 1.0]), np.arange(n) + 1.0
    for k, (key, value) in enumerate(states.items()):
        _line(axes[0], t, _number(value)[:, 0], key, f"C{k + 1}")
    axes[0].set_ylabel("states")
    _legend(axes[0])
    _stems(axes[1], t, np.asarray(release)[:, 0], "C0")
    axes[1].set_ylabel("release")
    return _timed(axes)


def _delay(name: str, cls: Any) -> Figure:
    """What comes out of a line for a signal that goes in."""
    model = _made(cls, in_size=3, delay=[0.0, 5.0, 15.0] * u.ms)
    brainstate.nn.init_all_states(model)
    t = 0.1 * np.arange(600)
    x = np.exp(-(((t - 15.0) / 4.0) ** 2)) + 0.5 * np.exp(-(((t - 30.0) / 2.0) ** 2))
    y = _loop(lambda x: model(jnp.full(3, x)), jnp.asarray(x, jnp.float32))
    (ax,) = axes = _panels([1.0])
    for k, (column, d) in enumerate(zip(np.asarray(y).T, (0, 5, 15), strict=True)):
        _line(ax, t, column, f"delay {d} ms", f"C{k}")
    ax.set_ylabel("output")
    _legend(ax)
    return _timed(axes)


# Functions


def _surrogate(name: str, cls: Any) -> Figure:
    """The smooth function and its derivative, the surrogate gradient."""
    made = _made(cls)
    far = np.linspace(0.0, 2.0, 2001)
    slope = np.asarray(made.surrogate_grad(jnp.asarray(far)))
    small = np.flatnonzero(slope < 0.1 * slope.max())
    reach = 2.0 if not len(small) else float(np.clip(4.0 * far[small[0]], 0.05, 2.0))
    z = jnp.linspace(-reach, reach, 401)
    panels = [("surrogate gradient", made.surrogate_grad, "C1")]
    with contextlib.suppress(NotImplementedError):
        made.smooth(z)
        panels.insert(0, ("smooth function", made.smooth, "C0"))
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, function, colour) in zip(axes, panels, strict=True):
        values = np.asarray(function(z))
        _line(ax, z, values, title, colour)
        if colour == "C0" and np.ptp(values) > 0.3:
            _line(ax, z, np.asarray(z) >= 0.0, "spike", "C5", linewidth=0.8)
            title += " (grey: the spike)"
        ax.set_title(title, fontsize="medium")
        ax.set_xlabel("distance to threshold z")
    axes[-1].set_ylim(bottom=min(0.0, axes[-1].get_ylim()[0]))
    return figure


def _draws(name: str, cls: Any) -> Figure:
    """Ten thousand draws."""
    made = _made(cls)
    values = made((10_000,))
    (ax,) = _panels([1.0])
    ax.hist(_number(values), bins=60, color="C0", density=True)
    ax.set_xlabel(_with_unit("value", u.get_unit(values)))
    ax.set_ylabel("density")
    ax.set_title(str(made), loc="left", fontsize="medium")
    return ax.figure


def _profile(name: str, cls: Any) -> Figure:
    """Probability over distance."""
    made = _made(cls)
    d = np.linspace(0.0, 400.0, 401) * u.um
    (ax,) = _panels([1.0])
    _line(ax, _number(d), np.asarray(made(d)), "f", "C0")
    ax.set_xlabel("distance (µm)")
    ax.set_ylabel("f(d)")
    ax.set_title(_short(made), loc="left", fontsize="medium")
    ax.set_ylim(-0.02, 1.05)
    return ax.figure


def _positions(name: str, function: Any) -> Figure:
    """Positions in the plane."""
    unit = {"spacing": 20.0 * u.um, "shape": (8, 16), "n": 128}
    unit |= {"extent": np.array([320.0, 160.0]) * u.um, "rng": np.random.default_rng(1)}
    wanted = {k: unit[k] for k in inspect.signature(function).parameters if k in unit}
    found = _number(function(**wanted))
    x, y = found.T if np.ptp(found[:, 0]) > np.ptp(found[:, 1]) else found.T[::-1]
    (ax,) = _panels([1.0])
    ax.plot(x, y, ".", color="C0")
    ax.set_aspect("equal")
    ax.set_xlabel("µm")
    ax.set_ylabel("µm")
    return ax.figure


# Connectivity


def _rule(name: str, cls: Any) -> Figure:
    """Who is connected to whom, and the degrees that follow."""
    n = 40
    if "profile" in inspect.signature(cls).parameters:
        line = np.arange(n) * 10.0 * u.um
        rule = cls(bl.GaussianProfile(50 * u.um), line)
        title = "GaussianProfile(50 µm), neurons on a line, 10 µm apart"
    else:
        rule = _made(cls)
        title = _short(rule)
    return _matrix(rule.edges(n, n, np.random.default_rng(1)), title)


def _edges(name: str, cls: Any) -> Figure:
    """Who is connected to whom, and the degrees that follow."""
    return _matrix(bl.Bernoulli(0.1).edges(40, 40, np.random.default_rng(1)), "Bernoulli(p=0.1)")


def _connection(name: str, cls: Any) -> Figure:
    """Weights from each neuron to each."""
    weight = bl.Normal(1.0 * u.nS, 0.3 * u.nS)
    comm = cls(40, 40, bl.Bernoulli(0.1), weight=weight, seed=1)
    values = _number(getattr(comm.weight, "value", comm.weight))
    return _matrix(comm.edges, "Bernoulli(p=0.1), weights Normal(1 nS, 0.3 nS)", values)


def _matrix(edges: Any, title: str, weights: Any = None) -> Figure:
    n_pre, n_post = edges.n_pre, edges.n_post
    dense = np.zeros((n_pre, n_post))
    np.add.at(dense, (edges.pre, edges.post), 1.0 if weights is None else weights)
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.0, 1.6])
    shown = np.ma.masked_equal(dense, 0.0)
    if weights is None:
        colours = matplotlib.colors.ListedColormap([matplotlib.colors.to_rgba("C0")])
        left.imshow(shown > 0, cmap=colours, interpolation="none", origin="upper")
    else:
        image = left.imshow(shown, cmap="viridis", interpolation="none", origin="upper")
        figure.colorbar(image, ax=left, label="weight (nS)")
    left.set_xlabel("postsynaptic")
    left.set_ylabel("presynaptic")
    most = int(max(edges.in_degree.max(), edges.out_degree.max())) + 2
    bins = np.arange(most + 1) - 0.5
    for k, (degree, what) in enumerate(((edges.out_degree, "out"), (edges.in_degree, "in"))):
        counts, _ = np.histogram(degree, bins)
        right.bar(
            np.arange(most) + 0.4 * k - 0.2, counts, 0.4, color=f"C{k}", label=f"{what}-degree"
        )
    right.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    right.set_xlabel("edges of a neuron")
    right.set_ylabel("neurons")
    _legend(right)
    figure.suptitle(title, fontsize="medium")
    return figure


# Projections


def _projection(name: str, cls: Any) -> Figure:
    """Potential of a postsynaptic neuron after spikes."""
    post = bl.LIF(1, **CELL)
    takes = inspect.signature(cls).parameters
    has = takes.keys() & {"syn", "synapse"}
    weight = 1.0 * u.nS if has else 1.0 * u.mV
    comm = bl.Connection(1, post, bl.AllToAll(), weight)
    parts = {
        "pre": 1,
        "post": post,
        "comm": comm,
        "connectivity": comm,
        "syn": bl.Expon.desc(tau=5 * u.ms),
        "synapse": bl.Expon.desc(tau=5 * u.ms),
        "out": bl.COBA.desc(E=0 * u.mV),
        "output": bl.COBA.desc(E=0 * u.mV),
    }
    proj = cls(**{k: v for k, v in parts.items() if k in takes})
    title = "weight 1 nS, Expon(tau=5 ms), COBA(E=0 mV)" if has else "weight 1 mV"
    return _postsynaptic(proj, post, lambda s: proj(s), title)


def _current_projection(name: str, cls: Any) -> Figure:
    """Potential of a postsynaptic neuron under a conductance of a synapse elsewhere."""
    post, syn = bl.LIF(1, **CELL), bl.Alpha(1, tau=5 * u.ms, g_initializer=0 * u.nS)
    comm = bl.Connection(1, post, bl.AllToAll(), 1.0)
    proj = cls(syn.prefetch("g"), comm=comm, out=bl.COBA(E=0 * u.mV), post=post)

    def send(s: Any) -> None:
        syn(s * u.nS)
        proj()

    return _postsynaptic([syn, proj], post, send, "Alpha(tau=5 ms) of 1 nS, COBA(E=0 mV)")


def _postsynaptic(modules: Any, post: Any, send: Any, title: str) -> Figure:
    brainstate.nn.init_all_states([modules, post])
    times = np.array([10.0, 60.0, 70.0, 80.0])
    spikes = np.isin(np.arange(1500), np.round(times / 0.1)) * 1.0

    def step(s: Any) -> Any:
        send(s)
        post()
        return post.V.value

    V = _loop(step, jnp.asarray(spikes, jnp.float32)[:, None])
    axes, t = _panels([3.0, 0.7]), 0.1 * (1 + np.arange(1500))
    _line(axes[0], t, _number(V)[:, 0], "V", "C0")
    axes[0].set_ylabel("V post (mV)")
    axes[0].set_title(title, loc="left", fontsize="medium")
    _events(axes[1], times, "spikes")
    return _timed(axes)


def _gap(name: str, cls: Any) -> Figure:
    """Potentials of two coupled neurons, one after the other driven."""
    cells = [bl.LIF(1, **CELL) for _ in range(2)]
    if "couples" in inspect.signature(cls).parameters:
        proj = cls(tuple(cells), "V", bl.OneToOne(), 5.0 * u.nS)
        title = "weight 5 nS"
    else:
        proj = cls(cells[0], "V", cells[1], "V", bl.OneToOne(), [5.0, 1.0] * u.nS)
        title = "weights 5 nS (0 to 1) and 1 nS (1 to 0)"
    brainstate.nn.init_all_states([*cells, proj])
    n = 2000
    t = 0.1 * (1 + np.arange(n))
    x = 0.1 * np.stack([(t > 10) & (t <= 70), (t > 110) & (t <= 170)], -1)

    def step(x: Any) -> Any:
        proj()
        for k, cell in enumerate(cells):
            cell(x[k] * u.nA)
        return jnp.stack([cell.V.value[0].to_decimal(u.mV) for cell in cells])

    V = _loop(step, jnp.asarray(x, jnp.float32))
    axes = _panels([3.0, 1.0])
    for k in range(2):
        _line(axes[0], t, np.asarray(V)[:, k], f"neuron {k}", f"C{k}")
        _line(axes[1], t, x[:, k], f"neuron {k}", f"C{k}")
    axes[0].set_ylabel("V (mV)")
    axes[0].set_title(title, loc="left", fontsize="medium")
    axes[1].set_ylabel("input (nA)")
    _legend(axes[0])
    return _timed(axes)


# Plasticity


def _stdp() -> Any:
    from brainloom_plasticity import STDP

    return STDP(w_max=2.0 * u.nS)


def _window(name: str, cls: Any) -> Figure:
    """Change of a weight, by the time between two spikes or in the course of time."""
    if getattr(cls, "dw", None) is not None:
        return _course(name, cls)
    period, most, pairs = (50.0, 22.0, 10) if name == "TripletSTDP" else (200.0, 80.0, 10)
    apart = np.arange(-most, most + 1.0)
    pre = 100.0 + period * np.arange(pairs)[:, None] + 0.0 * apart
    weights, _ = _learn(cls(w_max=1.0 * u.nS), pre, pre + apart, 100.0 + period * pairs)
    change = 100.0 * (_number(weights)[-1] - 0.5)
    (ax,) = _panels([1.0])
    for part in (apart < 0.0, apart > 0.0):  # spikes of one step are no pair
        _line(ax, apart[part], change[part], "", "C0")
    ax.axhline(0.0, linewidth=0.5, color="C5")
    ax.axvline(0.0, linewidth=0.5, color="C5")
    ax.set_xlabel("time of the postsynaptic spike minus that of the presynaptic one (ms)")
    ax.set_ylabel("change (% of w_max)")
    ax.set_title(f"{pairs} pairs at {1000.0 / period:g} Hz", loc="left", fontsize="medium")
    return ax.figure


def _course(name: str, cls: Any) -> Figure:
    takes = signature(cls)
    if third := next((k for k in ("third", "dopamine") if k in takes), None):
        state = brainstate.ShortTermState(jnp.zeros(()))
        rule, end, dt = cls(w_max=1.0 * u.nS, **{third: state}), 2000.0, 1.0
        pre = np.array([[100.0, 110.0, 100.0]])
        post = np.array([[110.0, 100.0, 1e9]])
        labels = ["pre before post", "post before pre", "pre alone"]
        lasting = 500.0 if third == "third" else 1.0
        reward = (np.arange(round(end / dt)) * dt >= 700.0) * 1.0
        reward *= np.arange(round(end / dt)) * dt < 700.0 + lasting
    else:
        rule, end, dt = cls(w_max=1.0 * u.nS), 60_000.0, 10.0
        rates = np.array([1.0, 5.0, 10.0])
        spikes = np.arange(int(end / 100.0))[:, None] * 1000.0 / rates
        pre, post = np.full((1, 3), 1e9), np.where(spikes < end, spikes, 1e9)
        labels, state, reward = [f"postsynaptic rate {r:g} Hz" for r in rates], None, None
    weights, eligible = _learn(rule, pre, post, end, dt, state, reward)
    rows = [weights - 0.5 * u.nS] + ([eligible] if eligible is not None else [])
    names = ["change\n(% of w_max)", "eligibility"]
    heights = [2.0] * len(rows) + ([1.0] if reward is not None else [])
    axes = _panels(heights, HEIGHT + 1.0 * (len(heights) > 1))
    t = 1e-3 * dt * (1 + np.arange(len(_number(weights))))
    for ax, values, what in zip(axes[: len(rows)], rows, names[: len(rows)], strict=True):
        factor = 100.0 if values is rows[0] else 1.0
        for k, column in enumerate(_number(values).T):
            _line(ax, t[::5], factor * column[::5], labels[k], f"C{k}")
        ax.set_ylabel(what)
    _legend(axes[0])
    if reward is not None:
        _line(axes[-1], t, reward, third, "C5")
        axes[-1].set_ylabel("third\nfactor" if third == "third" else f"{third}\nreleased")
    axes[-1].set_xlabel("time (s)")
    return axes[0].figure


def _plastic(name: str, cls: Any) -> Figure:
    """Weights of three synapses while pairs of spikes arrive, with STDP."""
    pre = 100.0 + 100.0 * np.arange(19)[:, None] + 0.0 * np.arange(3)
    weights, _ = _learn(_stdp(), pre, pre + np.array([10.0, -10.0, 30.0]), 2000.0)
    (ax,) = axes = _panels([1.0])
    t = 0.5 * (1 + np.arange(len(_number(weights))))
    told = ("10 ms after", "10 ms before", "30 ms after")
    for k, column in enumerate(_number(weights).T):
        _line(ax, t, column, f"post {told[k]} pre", f"C{k}")
    ax.set_ylabel("weight (nS)")
    _legend(ax)
    return _timed(axes)


def _learn(
    rule: Any,
    pre: Any,
    post: Any,
    end: float,
    dt: float = 0.5,
    state: Any = None,
    values: Any = None,
) -> tuple[Any, Any]:
    """Weights, and eligibilities if there are some, of pairs whose spikes are given in ms."""
    from brainloom_plasticity import PlasticProj
    from brainloom_plasticity.sides import EdgeState

    n_steps, n = round(end / dt), pre.shape[1]
    trains = np.zeros((2, n_steps, n), np.float32)
    for train, times in zip(trains, (pre, post), strict=True):
        step, which = np.round(times / dt).astype(np.int64), np.arange(n) + 0 * times.astype(int)
        inside = step < n_steps
        train[step[inside], which[inside]] = 1.0
    cells = bl.LIF(n, V_th=1e6 * u.mV)
    proj = PlasticProj(n, cells, bl.OneToOne(), bl.Expon, bl.CUBA, rule=rule, weight=0.5 * u.nS)
    edge = next((k for k, s in type(rule).declared_states().items() if s.kind is EdgeState), None)
    values = np.zeros(n_steps) if values is None else values
    quiet = with_unit(jnp.full(n, -70.6), u.mV)

    def step(since: Any, given: Any) -> Any:
        before, after, value = given
        if state is not None:
            state.value = value
        since = jnp.where(after > 0, 0.0, since + dt)
        tail = u.math.where(since < 1.0, 100.0, 15.0 * jnp.exp(-since / 15.0)) * u.mV
        cells.V.value = quiet + tail  # a spike and what follows it, for rules that read V
        proj(before, after)
        cells()
        return since, (proj.weight, getattr(rule, edge).value if edge else None)

    with brainstate.environ.context(dt=dt * u.ms):
        brainstate.nn.init_all_states([proj, cells])
        given = (*map(jnp.asarray, trains), jnp.asarray(values, jnp.float32))
        start = jnp.full(n, 1e6)
        return brainstate.transform.scan(step, start, given)[1]


# Encoders


def _encoder(name: str, cls: Any) -> Figure:
    """The sequences of 20 values from 0 to 1."""
    values = np.linspace(0.0, 1.0, 20)
    more = {"max_rate": 200.0 * u.Hz} if "max_rate" in inspect.signature(cls).parameters else {}
    with brainstate.environ.context(dt=1.0 * u.ms):
        out = np.asarray(u.get_mantissa(cls(n_steps=100, **more)(values)))
    axes, t = _panels([1.0]), np.arange(100.0)
    given = "".join(f", {k}={show(v)}" for k, v in more.items())
    axes[0].set_title(f"{name}(n_steps=100{given})", loc="left", fontsize="medium")
    if set(np.unique(out)) <= {0.0, 1.0}:
        at, which = np.nonzero(out)
        axes[0].plot(t[at], values[which], "|", color="C0")
        axes[0].set_ylabel("value")
    else:
        for k, which in enumerate((5, 10, 15)):
            _line(axes[0], t, out[:, which], f"value {values[which]:.2f}", f"C{k}")
        axes[0].set_ylabel("output")
        _legend(axes[0])
    return _timed(axes)


def _population(name: str, cls: Any) -> Figure:
    """Activities of eight neurons against the value."""
    encoder = cls(8, bl.LatencyEncoder(n_steps=10))
    x = np.linspace(-0.2, 1.2, 281)
    (ax,) = _panels([1.0])
    for k, column in enumerate(np.asarray(encoder.activities(x)).T):
        _line(ax, x, column, f"neuron {k}", f"C{k % 6}")
    ax.set_xlabel("value")
    ax.set_ylabel("activity")
    return ax.figure


def _changes(name: str, cls: Any) -> Figure:
    """Spikes where a signal has changed, and what a receiver knows from them."""
    t = np.arange(200.0)
    x = np.sin(t / 20.0) * np.exp(-t / 150.0)
    spikes = np.asarray(cls(0.2)(x))
    axes = _panels([2.0, 1.0])
    _line(axes[0], t, x, "signal", "C0")
    axes[0].step(t, x[0] + 0.2 * np.cumsum(spikes), where="post", color="C1", label="sum of spikes")
    axes[0].set_ylabel("value")
    _legend(axes[0])
    _stems(axes[1], t, spikes)
    axes[1].set_ylabel("spikes")
    axes[-1].set_xlabel("step")
    return axes[0].figure


# What all share


def _can(cls: Any) -> bool:
    """Whether all that a class needs can be given."""
    try:
        return all(_known(cls, name) for name in _needed(cls))
    except (TypeError, ValueError):
        return False


def _needed(cls: Any) -> list[str]:
    parameters = signature(cls) if issubclass(cls, Declared) else inspect.signature(cls).parameters
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    empty = inspect.Parameter.empty
    return [k for k, p in parameters.items() if p.default is empty and p.kind not in kinds]


_FRAME = {"in_size", "out_size", "delay", "profile", "pre", "post", "comm", "syn", "out", "synapse"}
_FRAME |= {"connectivity", "output", "rule", "n_pre", "n_post", "indptr", "indices", "couples"}
_FRAME |= {"states", "conn", "weight", "pre_state", "post_state", "target", "num_input", "freq"}


def _known(cls: Any, name: str) -> bool:
    if f"{cls.__name__}.{name}" in ARGUMENTS or name in ARGUMENTS or name in _FRAME:
        return True
    return hasattr(getattr(cls, "_params", {}).get(name), "unit")


def _made(cls: Any, **given: Any) -> Any:
    """An instance, with what it needs from the table, or 1 in its unit."""
    wanted = [name for name in _needed(cls) if name not in given]
    wanted += [k.partition(".")[2] for k in GIVEN_DEFAULTS if k.startswith(f"{cls.__name__}.")]
    for name in wanted:
        own = f"{cls.__name__}.{name}"
        if own in ARGUMENTS or name in ARGUMENTS:
            given[name] = ARGUMENTS.get(own, ARGUMENTS.get(name))
        else:
            unit = cls.declared_parameters()[name].unit
            given[name] = 1.0 if unit in (core.ANY_UNIT, u.UNITLESS) else 1.0 * unit
    return cls(**given)


def _loop(step: Callable[..., Any], xs: Any) -> Any:
    return brainstate.transform.for_loop(step, xs)


def _panels(heights: list[float], height: float = HEIGHT) -> Any:
    """Axes one above the other, which share time."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    figure.align_ylabels(axes)
    return axes


def _timed(axes: Any) -> Figure:
    axes[-1].set_xlabel("time (ms)")
    return axes[0].figure


def _line(ax: Any, x: Any, y: Any, label: str, colour: str, **options: Any) -> None:
    options = {"linewidth": 1.2, **options}
    ax.plot(np.asarray(x), np.round(np.asarray(y, float), 6), color=colour, label=label, **options)


def _ticks(ax: Any, trains: list[Any], *colours: str) -> None:
    """Marks of spikes above what is drawn."""
    low, high = ax.get_ylim()
    for times, colour in zip(trains, colours or ("C3",), strict=True):
        y = high + 0.08 * (high - low)
        ax.plot(times, np.full(len(times), y), "|", color=colour, markersize=6)
    ax.set_ylim(low, high + 0.16 * (high - low))


def _stems(ax: Any, t: Any, values: Any, colour: str = "C5") -> None:
    at = np.flatnonzero(values)
    ax.vlines(t[at], 0.0, values[at], color=colour, linewidth=1.2)
    ax.axhline(0.0, linewidth=0.5, color="C5")


def _events(ax: Any, times: Any, label: str) -> None:
    ax.plot(times, np.zeros(len(times)), "|", color="C3", markersize=10)
    ax.set_yticks([])
    ax.set_ylabel(label, rotation=0, ha="right", va="center")
    ax.set_ylim(-1.0, 1.0)


def _raster(ax: Any, t: Any, spikes: Any, label: str) -> None:
    at, which = np.nonzero(spikes)
    ax.plot(t[at], which, "|", color="C0", markersize=4)
    ax.set_ylabel(label)
    ax.set_ylim(-1.0, spikes.shape[1])
    ax.set_xlim(t[0] - 1.0, t[-1] + 1.0)


def _legend(ax: Any) -> None:
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small", frameon=False)


def _number(value: Any) -> Any:
    return np.asarray(u.get_mantissa(value))


def _with_unit(label: str, unit: Any, between: str = " ") -> str:
    if unit == u.UNITLESS:
        return label
    text = str(unit).replace(" ", "")
    text = f"µ{text[1:]}" if text[0] == "u" else text
    return f"{label}{between}({text})" if label else text


def _readable(value: Any) -> Any:
    """The value in a unit in which people read it: currents from pA to mA, mV/ms."""
    value = u.Quantity(value)
    if value.dim == (u.mV / u.ms).dim:
        return value.to_decimal(u.mV / u.ms) * (u.mV / u.ms)
    if value.dim == u.mA.dim:
        for unit in (u.mA, u.uA, u.nA):
            if np.abs(value.to_decimal(unit)).max() >= 0.1:
                return value.to_decimal(unit) * unit
    return value


def _short(rule: Any) -> str:
    """A rule or profile with those of its parameters that have no default."""
    given = [f"{k}={show(getattr(rule, k))}" for k in _needed(type(rule))]
    return f"{type(rule).__name__}({', '.join(given)})".replace(" um", " µm")


def _has_potential(cls: Any) -> bool:
    return issubclass(cls, Dynamics) and hasattr(cls, "input_unit") and "V" in derivatives(cls)


def _is_readout(cls: Any) -> bool:
    return issubclass(cls, Declared) and {"in_size", "out_size"} <= signature(cls).keys()


def _is_profile(cls: Any) -> bool:
    return hasattr(cls, "_length")


def _is_plasticity(cls: Any) -> bool:
    return any(base.__name__ == "PlasticityRule" for base in cls.__mro__)


def _is_short_term(cls: Any) -> bool:
    return issubclass(cls, Dynamics) and any(b.__name__ == "_Plasticity" for b in cls.__mro__)


_BY_NAME: Mapping[str, Callable[[str, Any], Figure]] = {
    "PoissonInput": _background,
    "poisson_input": _background,
    "grid_positions": _positions,
    "random_positions": _positions,
    "Edges": _edges,
    "Connection": _connection,
    "Projection": _projection,
    "PlasticProj": _plastic,
    "CurrentProj": _current_projection,
    "SymmetryGapJunction": _gap,
    "AsymmetryGapJunction": _gap,
    "Normal": _draws,
    "Uniform": _draws,
    "PopulationEncoder": _population,
    "DeltaEncoder": _changes,
}
_BY_BASE: list[tuple[Any, Callable[[str, Any], Figure]]] = [
    (core.Surrogate, _surrogate),
    (_is_readout, _readout),
    (lambda cls: issubclass(cls, Neuron) and _has_potential(cls), _neuron),
    (Source, _source),
    (_is_short_term, _short_term),
    (Synapse, _synapse),
    (core.SynOut, _output),
    (_has_potential, _membrane),
    (Delayed, _delay),
    (bl.Rule, _rule),
    (_is_profile, _profile),
    (_is_plasticity, _window),
    (Encoder, _encoder),
    (core.Projection, _projection),
]


def main() -> None:
    """Draw all figures into the folder that the command line names, or those named behind it.

    `captions.json` there says which object each is of, and what it shows.
    """
    folder, began = Path(sys.argv[1]), time.perf_counter()
    only = set(sys.argv[2:])
    captions = {}
    for name, thing in figures().items():
        if only and name not in only:
            continue
        start = time.perf_counter()
        draw(name, thing, folder / f"{name}.svg")
        captions[f"{thing.__module__}.{thing.__qualname__}"] = caption(name, thing)
        print(f"{name:28} {time.perf_counter() - start:6.2f} s", flush=True)
    (folder / "captions.json").write_text(json.dumps(captions), encoding="utf-8")
    print(f"{'all':28} {time.perf_counter() - began:6.2f} s")


if __name__ == "__main__":
    main()
