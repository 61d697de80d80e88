"""Checks of how states come into being, keep their form and go back to the start."""

from functools import partial

import brainstate
import brainunit as u
from brainloom_core import Dynamics, StateError
from brainloom_core.types import Quantity
from brainloom_core.units import same_dimension

from ..case import Case
from ..declarations import states
from ..require import require, require_error, require_same
from ..running import (
    drive,
    environment,
    fresh,
    plain_input,
    record,
    run_compiled,
    shaped,
    step,
    values,
)
from .registry import applies_to, has_states

__all__ = [
    "check_init_state_repeats",
    "check_reset_state_restores",
    "check_states_keep_units",
    "check_use_before_init_raises",
]

STATEFUL = ("neuron", "synapse", "readout")


@applies_to(*STATEFUL, when=has_states)
def check_use_before_init_raises(case: Case) -> None:
    """A step before `init_state` is a StateError that names a missing state."""
    name, x = case.cls.__name__, plain_input(case)
    with environment(case):
        model = case.build()
        require_error(StateError, f"{name}.", f"{name} without states", lambda: model(x))
        for state in states(case.cls):
            words = f"{name}.{state}"
            require_error(StateError, words, words, partial(getattr, model, state))


@applies_to(*STATEFUL, when=has_states)
def check_init_state_repeats(case: Case) -> None:
    """A second `init_state` gives the same values in the same objects, and nothing recompiles."""
    name, x, traces = case.cls.__name__, drive(case), []

    def five(x: Quantity) -> Quantity:
        traces.append(x)
        return record(case, model, x, 5)

    with environment(case):
        model = fresh(case)
        objects, initial = dict(model.states()), values(model)
        compiled = brainstate.transform.jit(five)
        (_, first), before = compiled(x), len(traces)
    with environment(case):
        brainstate.nn.init_all_states(model)
        _require_kept(model, objects, f"{name}.init_state")
        require_same(values(model), initial, f"{name} after a second init_state")
        require_same(compiled(x)[1], first, f"{name} run again after a second init_state")
    require(len(traces) == before, f"{name}: a second init_state makes compiled code compile again")


@applies_to(*STATEFUL, when=has_states)
def check_reset_state_restores(case: Case) -> None:
    """`reset_state` restores the initial values, in the same objects and with the batch kept."""
    name, x = case.cls.__name__, drive(case)
    for batch_size in (None, 3):
        with environment(case):
            model = fresh(case, batch_size)
            objects, initial = dict(model.states()), values(model)
            run_compiled(case, model, _fitting(x, model, batch_size), 5)
        with environment(case):
            brainstate.nn.reset_all_states(model)
            require_same(values(model), initial, f"{name} after reset_state")
        _require_kept(model, objects, f"{name}.reset_state")


@applies_to(*STATEFUL, when=has_states)
def check_states_keep_units(case: Case) -> None:
    """A step leaves each state's shape, dtype and unit as they were."""
    x = plain_input(case)
    for batch_size in (None, 3):
        with environment(case):
            model = fresh(case, batch_size)
            before = values(model)
            step(case, model, _fitting(x, model, batch_size))
            after = values(model)
        for key, old in before.items():
            _require_same_form(f"{case.cls.__name__}.{key}", after[key], old)


def _require_kept(model: Dynamics, objects: dict[str, brainstate.State], what: str) -> None:
    now = model.states()
    replaced = [".".join(key) for key, state in objects.items() if now.get(key) is not state]
    text = f"{what} replaces {', '.join(replaced)}; compiled functions hold the old objects"
    require(not replaced, text)


def _fitting(x: Quantity, model: Dynamics, batch_size: int | None) -> Quantity:
    """The input, with the batch axis of the states."""
    return x if batch_size is None else shaped(x, (batch_size, *model.in_size))


def _require_same_form(what: str, new: Quantity, old: Quantity) -> None:
    text = f"{what}: a step changes its {{}} from {{}} to {{}}"
    same_unit = same_dimension(new, old) and u.get_unit(new) == u.get_unit(old)
    require(same_unit, text.format("unit", u.get_unit(old), u.get_unit(new)))
    require(new.shape == old.shape, text.format("shape", old.shape, new.shape))
    require(new.dtype == old.dtype, text.format("dtype", old.dtype, new.dtype))
