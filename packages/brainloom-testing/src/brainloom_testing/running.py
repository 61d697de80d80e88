"""How the checks run a model: environment, steps, values of states, and a suitable input."""

import contextlib
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import Dynamics, InputError
from brainloom_core.small_steps import lost_part
from brainloom_core.types import Array, PyTree, Quantity, Shape, Time
from brainloom_core.units import with_unit

from .case import Case

__all__ = [
    "calm",
    "drive",
    "environment",
    "first_step_error",
    "fresh",
    "in_float64",
    "no_first_step",
    "plain_input",
    "record",
    "run_compiled",
    "settled",
    "shaped",
    "step",
    "values",
]

STEPS = 50


@contextmanager
def environment(case: Case, dt: Time | None = None) -> Iterator[None]:
    """The time step of the case, and the same random numbers each time."""
    context = brainstate.environ.context(dt=case.dt if dt is None else dt)
    with context, brainstate.random.seed_context(0):
        yield


@contextmanager
def in_float64() -> Iterator[None]:
    """Double precision."""
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


def fresh(case: Case, batch_size: int | None = None, **changes: Any) -> Dynamics:
    """A new model with its states."""
    model = case.build(**changes)
    brainstate.nn.init_all_states(model, batch_size=batch_size)
    return model


def step(case: Case, model: Dynamics, x: Quantity) -> Quantity:
    """One step, in the way that models of this kind are called."""
    if case.kind == "source":
        return model()
    if case.kind != "output":
        return model(x)
    conductance, potential = x
    model.bind_cond(conductance)
    current = model(potential)
    model.unbind_cond()
    return current


@functools.cache
def first_step_error(case: Case) -> Exception | None:
    """What the model raises when it is made and takes one step, None where it takes it."""
    if case.kind not in ("neuron", "synapse"):
        return None
    try:
        with environment(case):
            step(case, fresh(case), plain_input(case))
    except Exception as error:
        return error
    return None


def no_first_step(case: Case) -> str:
    """The one sentence that there is to say of a model that takes no step."""
    error = first_step_error(case)
    return (
        f"{case.cls.__name__} cannot take one step, so that nothing else was checked: "
        f"{type(error).__name__}: {error}"
    )


def record(
    case: Case, model: Dynamics, x: Quantity, steps: int = STEPS
) -> tuple[Quantity, dict[str, Quantity]]:
    """The returned values and the states of each step, under an input that stays."""

    def one(i: Array) -> tuple[Quantity, dict[str, Quantity]]:
        with brainstate.environ.context(i=i, t=i * brainstate.environ.get_dt()):
            return step(case, model, x), values(model)

    return brainstate.transform.for_loop(one, jnp.arange(steps))


def run_compiled(case: Case, model: Dynamics, x: Quantity, steps: int = STEPS) -> Quantity:
    """What `record` gives, from one compiled call."""
    return brainstate.transform.jit(lambda x: record(case, model, x, steps))(x)


def values(model: Dynamics) -> dict[str, Quantity]:
    """The values of all states by name, trainable parameters left out.

    What rounding leaves out of a slow state is left out too: it is how a compiler rounds.
    """
    found = {
        ".".join(map(str, path)): state.value
        for path, state in model.states().items()
        if not isinstance(state, brainstate.ParamState)
    }
    lost = {lost_part(name) for name in found}
    return {name: value for name, value in found.items() if name not in lost}


def settled(value: Quantity) -> Quantity:
    """The value as an array of the float dtype, with its unit."""
    number = jnp.asarray(u.get_mantissa(value), brainstate.environ.dftype())
    return with_unit(number, u.get_unit(value))


def drive(case: Case) -> PyTree:
    """The input of the case, or the one that the model suggests."""
    if case.input is not None or case.kind in ("source", "other"):
        return case.input
    if case.kind == "neuron":
        return _spiking_current(case)
    if case.kind == "synapse":
        return _accepted(case)
    if case.kind == "output":
        return 1.0 * u.mS, -60.0 * u.mV
    return jnp.ones(case.build().in_size)


def calm(case: Case) -> Quantity:
    """A current that does not make the neuron spike within 50 steps; no input for others."""
    return drive(case) / 2 if case.kind == "neuron" else 0.0 * drive(case)


def plain_input(case: Case) -> Quantity:
    """An input of the right unit, for checks that do not depend on its strength."""
    if case.kind == "neuron" and case.input is None:
        return 1.0 * case.cls.input_unit  # type: ignore[attr-defined]
    return drive(case)


def shaped(x: Quantity, shape: Shape) -> Quantity:
    """The strongest element of an input, for every element of an array of this shape."""
    return with_unit(jnp.ones(shape) * jnp.max(u.get_mantissa(x)), u.get_unit(x))


def _accepted(case: Case) -> Quantity:
    """1 in the unit of the first jump state; without one, a spike or else a potential."""
    model = fresh(case)
    for name in case.cls.jump_states[:1]:  # type: ignore[attr-defined]
        return with_unit(1.0, u.get_unit(getattr(model, name).value))
    with environment(case), contextlib.suppress(InputError):
        model(1.0)
        return 1.0
    return 60.0 * u.mV


@functools.cache
def _spiking_current(case: Case) -> Quantity:
    """The smallest current, by powers of two, that gives a spike within 50 steps."""
    with environment(case):
        model = fresh(case)
        spikes = brainstate.transform.jit(lambda x: record(case, model, x)[0].sum())
        for exponent in range(-40, 41):
            x = 2.0**exponent * model.input_unit
            model.init_state()
            if spikes(x) > 0:
                return x
    raise AssertionError(
        f"{case.cls.__name__}: no current up to 2^40 {model.input_unit} makes it spike within "
        f"{STEPS} steps of {case.dt}. Give one: Case({case.cls.__name__}, ..., input=...)"
    )
