"""Checks that the way in which a model is run does not change what it does."""

import copy
import functools
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
from brainloom_core import Dynamics
from brainloom_core.types import Quantity

from ..case import Case
from ..require import require, require_close, require_same
from ..running import (
    drive,
    environment,
    fresh,
    in_float64,
    record,
    run_compiled,
    shaped,
    step,
    values,
)
from .registry import applies_to
from .states import STATEFUL

__all__ = [
    "check_batch_equals_single_runs",
    "check_copies_behave_alike",
    "check_float64_is_kept",
    "check_jit_equals_eager",
    "check_spikes_have_batch_shape",
    "check_vmap_equals_batch",
]

STEPPED = (*STATEFUL, "output", "source")


@applies_to(*STEPPED)
def check_jit_equals_eager(case: Case) -> None:
    """Three steps give the same, compiled or not."""
    name, x = case.cls.__name__, drive(case)
    with environment(case):
        model = fresh(case)
        returned = [_at(i, case, model, x) for i in range(3)]
        left = values(model)
    with environment(case):
        model = fresh(case)
        compiled, _ = run_compiled(case, model, x, 3)
        require_same(values(model), left, f"{name}, compiled")
    require_close(compiled, u.math.stack(returned), f"{name}: what it returns, compiled,")


@applies_to(*STATEFUL)
def check_batch_equals_single_runs(case: Case) -> None:
    """Each member of a batch of three behaves as the model alone does with that input."""
    xs = _three_inputs(case)
    returned, recorded = _batch_of_three(case)
    with environment(case):
        alone = fresh(case)
        single = brainstate.transform.jit(lambda x: record(case, alone, x))
    for k in range(3):
        with environment(case):
            brainstate.nn.init_all_states(alone)
            expected, states = single(xs[k])
        what = f"{case.cls.__name__}: member {k} of a batch, beside a single run,"
        require_close(returned[:, k], expected, f"{what} returned value")
        require_same({key: v[:, k] for key, v in recorded.items()}, states, what)


@applies_to(*STATEFUL)
def check_vmap_equals_batch(case: Case) -> None:
    """`brainstate.nn.Vmap` over three models gives what `batch_size=3` gives."""
    xs = _three_inputs(case)
    returned, recorded = _batch_of_three(case)
    with environment(case):
        model = case.build()
        brainstate.nn.vmap_init_all_states(model, axis_size=3, state_tag="batch")
        mapped = brainstate.nn.Vmap(model, vmap_states="batch")
        outputs, _ = run_compiled(case, mapped, xs)
    what = f"{case.cls.__name__}: under vmap, beside a batch,"
    require_close(outputs, returned, f"{what} returned value")
    require_same(values(model), {key: v[-1] for key, v in recorded.items()}, what)


@applies_to(*STATEFUL)
def check_float64_is_kept(case: Case) -> None:
    """In double precision, states and returned values stay in it."""
    name, x = case.cls.__name__, drive(case)
    with in_float64(), environment(case):
        model = fresh(case)
        _require_float64(f"{name}: init_state", values(model))
        returned, recorded = run_compiled(case, model, x, 2)
        _require_float64(name, {"returned value": returned, **recorded})


@applies_to(*STEPPED)
def check_copies_behave_alike(case: Case) -> None:
    """A deep copy in mid-run goes on as the original does, and leaves it alone."""
    name, x = case.cls.__name__, drive(case)
    with environment(case):
        model = fresh(case)
        five = brainstate.transform.jit(lambda x: record(case, model, x, 5))
        five(x)
        copied, before = copy.deepcopy(model), values(model)
    with environment(case):
        theirs, _ = run_compiled(case, copied, x, 5)
    require_same(values(model), before, f"{name}, once a copy of it was run,", rtol=0.0)
    with environment(case):
        ours, _ = five(x)
    require_close(theirs, ours, f"{name}: what a copy returns")
    require_same(values(copied), values(model), f"{name}: a copy")


@applies_to("source")
def check_spikes_have_batch_shape(case: Case) -> None:
    """The spikes have shape `(*batch, *in_size)`."""
    for batch_size, batch in ((None, ()), (3, (3,))):
        with environment(case):
            model = fresh(case, batch_size)
            returned, _ = run_compiled(case, model, None, 2)
        expected = (2, *batch, *model.in_size)
        name = case.cls.__name__
        require(
            returned.shape == expected,
            f"{name}: two steps of spikes have shape {returned.shape}, expected {expected}",
        )


def _at(i: int, case: Case, model: Dynamics, x: Quantity) -> Quantity:
    with brainstate.environ.context(i=i, t=i * brainstate.environ.get_dt()):
        return step(case, model, x)


@functools.cache
def _batch_of_three(case: Case) -> tuple[Quantity, dict[str, Quantity]]:
    """What `record` gives of a batch with different inputs."""
    with environment(case):
        return run_compiled(case, fresh(case, 3), _three_inputs(case))


def _three_inputs(case: Case) -> Quantity:
    """Different inputs for the members of a batch."""
    shape = case.build().in_size
    factors = jnp.array([0.5, 1.0, 2.0]).reshape(3, *(1 for _ in shape))
    return shaped(drive(case), (3, *shape)) * factors


def _require_float64(what: str, named: dict[str, Any]) -> None:
    for key, value in named.items():
        floating = jnp.issubdtype(value.dtype, jnp.floating)
        require(
            not floating or value.dtype == jnp.float64,
            f"{what}: {key} is {value.dtype} in double precision",
        )
