"""Neurons as text against the states and spikes that Brian2 makes of the same texts.

The texts are those of `../reference/equations/models.py`; states are compared as a step begins,
after all that the last one did. Both take the same scheme in double precision, so that what is left
is rounding; noise is compared in distribution.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import Network
from brainloom_equations import TimedArray, from_equations, synapses_from_equations
from brainloom_equations.definitions import unit_named
from models import MODELS, PAIRS, SYNAPSES, Neuron, Synapses

STORED = Path(__file__).parent / "equations"
EXACT = [name for name, model in MODELS.items() if not model.noisy]
NOISY = [name for name, model in MODELS.items() if model.noisy]
ROUNDING = 1e-9  # of the range of a state; Brian2 and we sum in another order
SIGMAS = 4.5


def unit_of(text: str) -> Any:
    unit = u.UNITLESS
    for position, part in enumerate(text.split("/")):
        name, _, power = part.partition("**")
        one = u.UNITLESS if name == "1" else unit_named(name) ** int(power or 1)
        unit = unit / one if position else unit * one
    return unit


def quantity(value: tuple[float, str]) -> Any:
    return float(value[0]) * unit_of(value[1]) if value[1] != "1" else float(value[0])


def class_of(model: Neuron, name: str, input_name: str = "I") -> type:
    text = isinstance(model.refractory, str) or model.refractory is None
    namespace: dict[str, Any] = {n: quantity(value) for n, value in model.namespace.items()}
    for n, (values, unit, dt) in model.timed.items():
        namespace[n] = TimedArray(np.array(values) * unit_of(unit), dt=dt * u.ms)
    return from_equations(
        model.equations,
        threshold=model.threshold,
        reset=model.reset,
        refractory=model.refractory if text else quantity(model.refractory),
        method=model.method,
        namespace=namespace,
        initial={n: quantity(value) for n, value in model.initial.items()},
        input=input_name,
        name=name,
    )


def starts(cls: type, model: Neuron, n: int, **given: Any) -> tuple[Any, dict[str, Any], Any]:
    """The neuron, the states at the beginning of each step, and the spikes of each step."""
    cell = cls(n, **given)
    x = None
    if cell.equations.has_current:
        x = jnp.asarray(model.currents, float)
        x = x if model.unit == "1" else x * unit_of(model.unit)
    names = list(cell.equations.derivatives)

    def step(i: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * model.dt * u.ms, dt=model.dt * u.ms):
            y = cell.after_spike(cell.state_values())
            return {name: y[name] for name in names}, cell(x)

    with brainstate.environ.context(dt=model.dt * u.ms):
        brainstate.nn.init_all_states(cell)
        run = brainstate.transform.jit(lambda steps: brainstate.transform.for_loop(step, steps))
        return cell, *run(jnp.arange(round(model.ms / model.dt)))


def in_base(value: Any) -> np.ndarray:
    number = np.asarray(u.get_mantissa(value))
    return number * float(u.get_unit(value).magnitude)


@pytest.mark.parametrize("name", EXACT)
def test_states_and_spikes_are_those_of_brian2(
    name: str, report: Callable[[str, str], None]
) -> None:
    model = MODELS[name]
    stored = json.loads((STORED / f"{name}.brian2.json").read_text())
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        cls = class_of(model, name)
        _, states, spikes = starts(cls, model, len(model.currents))
    potential = cls.equation_model.potential
    worst = 0.0
    for theirs, values in stored["states"].items():
        ours = in_base(states["V" if theirs == potential else theirs])[:: stored["stride"]]
        worst = max(worst, difference(ours, np.asarray(values)))
    found = [[int(k), int(i)] for k, i in np.argwhere(np.asarray(spikes) > 0)]
    expected_spikes = stored.get("spikes", [])
    same = found == expected_spikes
    report("equations", f"{name:28} {worst:11.1e} {len(found):7} {'' if same else 'DIFFER'}")
    assert same
    assert worst < ROUNDING


def network_of(model: Synapses) -> tuple[Network, Any]:
    cells = class_of(model.cells, "Cells", model.input_name)
    currents = jnp.asarray(model.cells.currents, float) * unit_of(model.cells.unit)
    own = {"drive": currents} if model.input_name != "I" else {}
    net = Network()
    net.cells = cells(len(model.cells.currents), **own)
    values = {}
    for name, value in model.values.items():
        one = quantity(value)
        values[name] = one if name == "x" else one * (1 + 0.1 * np.arange(len(PAIRS)))
    kind = synapses_from_equations(
        model.equations,
        on_pre=model.on_pre,
        on_post=model.on_post,
        method=model.method,
        namespace={name: quantity(value) for name, value in model.namespace.items()},
    )
    states = {name: f"{name}_initializer" for name in kind.parts.units}
    given = {states.get(name, name): value for name, value in values.items()}
    delay = {} if model.delay is None else {"delay": model.delay * u.ms}
    net.synapses = kind(net.cells, net.cells, tuple(zip(*PAIRS, strict=True)), **given, **delay)
    return net, None if own else currents


@pytest.mark.parametrize("name", SYNAPSES)
def test_synapses_give_the_states_and_spikes_of_brian2(
    name: str, report: Callable[[str, str], None]
) -> None:
    model = SYNAPSES[name]
    stored = json.loads((STORED / f"{name}.brian2.json").read_text())
    with (
        jax.enable_x64(True),
        brainstate.environ.context(precision=64, dt=model.dt * u.ms),
    ):
        net, x = network_of(model)
        brainstate.nn.init_all_states(net)

        def step(i: Any) -> Any:
            with brainstate.environ.context(i=i, t=i * model.dt * u.ms):
                net.synapses()  # what the last step's events do, and the values for this one
                y = net.cells.after_spike(net.cells.state_values())
                edges = {n: getattr(net.synapses, n).value for n in net.synapses.parts.units}
                net.cells(x)
                return (
                    {n: y[n] for n in net.cells.equations.derivatives},
                    edges,
                    net.cells.spike.value,
                )

        run = brainstate.transform.jit(lambda steps: brainstate.transform.for_loop(step, steps))
        states, edges, spikes = run(jnp.arange(round(model.ms / model.dt)))
    worst = 0.0
    for theirs, values in stored["states"].items():
        ours = in_base(states["V" if theirs == "v" else theirs])[:: stored["stride"]]
        worst = max(worst, difference(ours, np.asarray(values)))
    for theirs, values in stored["synapses"].items():
        # What a clock drives has been advanced by then, and shows in the neurons.
        if theirs in edges and theirs not in net.synapses.parts.derivatives:
            ours = in_base(edges[theirs])[:: stored["stride"]]
            worst = max(worst, difference(ours, np.asarray(values)))
    found = [[int(k), int(i)] for k, i in np.argwhere(np.asarray(spikes) > 0)]
    same = found == stored["spikes"]
    report("equations", f"{name:28} {worst:11.1e} {len(found):7} {'' if same else 'DIFFER'}")
    assert same
    assert worst < ROUNDING


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest, relative to the range."""
    size = max(np.ptp(theirs), np.abs(theirs).max() * 1e-6)
    return float(np.abs(ours - theirs).max() / size)


@pytest.mark.parametrize("name", NOISY)
def test_noise_has_the_distribution_of_brian2(
    name: str, report: Callable[[str, str], None]
) -> None:
    model = MODELS[name]
    stored = json.loads((STORED / f"{name}.brian2.json").read_text())
    n = stored["samples"]
    cls = class_of(model, name)
    with brainstate.random.seed_context(3):
        _, states, spikes = starts(cls, model, n)
    potential = cls.equation_model.potential
    worst = 0.0
    for theirs, moments in stored["moments"].items():
        last = in_base(states["V" if theirs == potential else theirs])[-20].astype(float)
        mean, std = moments["mean"], moments["std"]
        error = np.sqrt(2.0 / n) * std
        worst = max(worst, abs(last.mean() - mean) / error)
        worst = max(worst, abs(last.std() - std) / error)
    if "rate" in stored:
        count = float(np.asarray(spikes).sum())
        theirs_count = stored["rate"] * n * model.ms / 1e3
        worst = max(worst, abs(count - theirs_count) / np.sqrt(count + theirs_count))
    report("equations", f"{name:28} {worst:8.2f} s.e. {'':7}")
    assert worst < SIGMAS


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.namespace])
def test_gradients_with_respect_to_every_parameter_are_finite(name: str) -> None:
    model = MODELS[name]
    cls = class_of(model, name)
    n = len(model.currents)
    cell = cls(n)
    trained = {}
    for key in cls.equation_model.parameters:
        value = getattr(cell, key)
        trained[key] = brainstate.ParamState(value)
    x = jnp.asarray(model.currents) * unit_of(model.unit) if cell.equations.has_current else None
    cell = cls(n, **trained)
    with brainstate.environ.context(dt=model.dt * u.ms):
        brainstate.nn.init_all_states(cell)

        def loss() -> Any:
            def step(i: Any) -> Any:
                with brainstate.environ.context(i=i, t=i * model.dt * u.ms, dt=model.dt * u.ms):
                    cell(x)
                    y = cell.after_spike(cell.state_values())
                    return sum(u.get_mantissa(y[s]).sum() for s in cell.equations.derivatives)

            return brainstate.transform.for_loop(step, jnp.arange(300)).sum()

        gradients = brainstate.transform.grad(loss, trained)()
    for key, gradient in gradients.items():
        assert np.all(np.isfinite(np.asarray(u.get_mantissa(gradient)))), key
    moved = [k for k, g in gradients.items() if np.any(np.asarray(u.get_mantissa(g)) != 0)]
    assert moved
