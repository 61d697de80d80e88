"""What any synapse can be held to: one response, however long the steps are."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Declared
from brainloom_core.types import Quantity
from brainloom_core.units import same_dimension, to_number

from ..case import Case
from ..declarations import derivatives, signature
from ..running import drive, environment, fresh, run_compiled
from .generic import NOISE, OWN
from .oracles.equations import Array
from .records import Record
from .references import ROUNDING, largest
from .simulation import double_precision

__all__ = ["synapse_records"]

STEP = 0.4  # ms
STEPS = 10
FINE = 8
HALVINGS = (1, 2, 4, 32)  # parts of a step; the last is the reference


@dataclass(frozen=True)
class Course:
    """Conductances at the ends of some steps, and means over them."""

    conductance: Array
    mean: Array


def synapse_records(case: Case) -> Iterator[tuple[str, Callable[[], Iterable[Record]]]]:
    """The generic checks of a synapse by name, to be run one by one."""
    checks = {"steps of any length": _steps, "strong input": _finite}
    for name, check in checks.items():
        yield name, functools.partial(check, case)


def _steps(case: Case) -> Iterator[Record]:
    """A step as one, against the same time in small steps."""
    cls: type[Declared] = case.cls
    if not derivatives(cls):
        return
    name, x = cls.__name__, drive(case)
    numerics = fresh(case).numerics
    record = functools.partial(Record, name, kind="generic", unit="", source=OWN)
    if numerics.exact:
        whole, fine = (_course(case, x, parts) for parts in (1, FINE))
        peak = float(np.max(np.abs(fine.conductance)))
        for what in ("conductance", "mean"):
            error = largest(getattr(whole, what) - getattr(fine, what)) / peak
            reason = f"declared to be exact: a step of {STEP} ms is {FINE} of their length"
            yield record(f"exact {what}", error=error, tolerance=ROUNDING, reason=reason)
    elif numerics.order is not None:
        *courses, fine = (_course(case, x, parts) for parts in HALVINGS)
        for what in ("conductance", "mean"):
            exact = getattr(fine, what)
            errors = [largest(getattr(c, what) - exact) / np.max(np.abs(exact)) for c in courses]
            measured = float(np.log2(errors[-2] / errors[-1])) if errors[-1] > NOISE else np.inf
            yield record(
                f"order of the {what}, declared {numerics.order}",
                error=max(0.0, numerics.order - measured),
                tolerance=0.3,
                reason=f"measured {measured:.2f} from halvings of {STEP} ms",
            )


def _course(case: Case, x: Quantity, parts: int) -> Course:
    """After a first step with input: spikes come in that one only, a potential stays."""
    stays = same_dimension(x, u.mV)
    one = {"in_size": 1} if "in_size" in signature(case.cls) else {}
    with double_precision(STEP):
        model = fresh(case, **one)
        model(x)
    with double_precision(STEP / parts):

        def step(i: jax.Array) -> tuple[Quantity, Quantity]:
            mean = model.mean_conductance()
            return (model(x) if stays else model()), mean

        steps = jnp.arange(STEPS * parts)
        run = brainstate.transform.jit(lambda i: brainstate.transform.for_loop(step, i))
        g, mean = (np.asarray(to_number(value, u.get_unit(value))) for value in run(steps))
    g, mean = (value.reshape(STEPS, parts, -1) for value in (g, mean))
    return Course(g[:, -1], mean.mean(1))


def _finite(case: Case) -> Iterator[Record]:
    """In single precision, in every step."""
    wrong, x = 0, drive(case)
    signs = (1.0, -1.0) if isinstance(x, u.Quantity) else (1.0,)  # there are no negative spikes
    for sign in signs:
        with environment(case):
            returned, states = run_compiled(case, fresh(case), 1e3 * sign * x, 500)
        found = [returned, *states.values()]
        wrong += sum(int(np.sum(~np.isfinite(np.asarray(u.get_mantissa(it))))) for it in found)
    yield Record(
        case.cls.__name__,
        "finite under strong input",
        "generic",
        float(wrong),
        0.0,
        "",
        OWN,
        "a thousand times the usual input, of both signs unless it is spikes, in single precision",
    )
