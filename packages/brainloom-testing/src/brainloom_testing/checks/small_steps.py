"""Checks of what becomes of changes that are too small for a float32."""

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import Dynamics
from brainloom_core.types import Array, Time
from brainloom_core.units import same_dimension, with_unit

from ..case import Case
from ..declarations import derivatives, quantities, states
from ..require import require
from ..running import environment, fresh, in_float64, plain_input, step
from .registry import applies_to

__all__ = ["check_slow_states_in_float32"]

STEPS = 100_000  # of 0.01 ms
SLOW = 50 * u.ms  # what is slower by default may be chosen much slower
SLOWER = 1000.0
AWAY = 20.3  # units: enough that the potential, by what it keeps of itself, does not matter


def _slow_times(case: Case) -> dict[str, Time]:
    """The time constants that are long by default, 1000 times as long."""
    times = {
        name: declared.default
        for name, declared in quantities(case.cls).items()
        if name.startswith("tau") and isinstance(declared.default, u.Quantity)
    }
    return {
        name: SLOWER * time
        for name, time in times.items()
        if same_dimension(time, SLOW) and np.all(time >= SLOW)
    }


def _may_be_slow(case: Case) -> bool:
    declared = any(spec.slow for spec in states(case.cls).values())
    return bool(derivatives(case.cls)) and (declared or bool(_slow_times(case)))


@applies_to("neuron", "synapse", when=_may_be_slow)
def check_slow_states_in_float32(case: Case) -> None:
    """In a second at 0.01 ms, states with time constants of minutes change as in float64."""
    start, single = _after_a_second(case)
    with in_float64():
        _, double = _after_a_second(case)
    for name, x in double.items():
        change, error = np.abs(x - start[name]), np.abs(single[name] - x)
        # What a float32 keeps of a value is 6e-8 of it, and it makes the changes themselves from
        # such values; with what rounding leaves out kept, no error grows with the number of steps.
        limit = 1e-3 * change + 1e-6 * np.abs(x)
        require(
            np.all(error <= limit),
            f"{case.cls.__name__}.{name}: in {STEPS} steps of 0.01 ms from "
            f"{start[name].flat[0]:.7g} it comes to {single[name].flat[0]:.7g} in single precision "
            f"and to {x.flat[0]:.7g} in double precision: its changes are too small to be added. "
            "Declare it state(..., slow=True)",
        )


def _after_a_second(case: Case) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The states with a time constant of their own, away from rest and a second later."""
    given = {n: t for n, t in _slow_times(case).items() if n not in case.given}
    with environment(case, 0.01 * u.ms):
        model = fresh(case, **given)
        moving = [name for name in derivatives(case.cls) if name != "V"]
        for name in moving:
            state = getattr(model, name)
            state.value = state.value + with_unit(AWAY, u.get_unit(state.value))
        x = 0.0 * plain_input(case)
        start = {name: _numbers(model, name) for name in moving}

        def one(i: Array) -> None:
            with brainstate.environ.context(i=i, t=i * brainstate.environ.get_dt()):
                step(case, model, x)

        def run() -> None:
            brainstate.transform.for_loop(one, jnp.arange(STEPS))

        brainstate.transform.jit(run)()
        return start, {name: _numbers(model, name) for name in moving}


def _numbers(model: Dynamics, name: str) -> np.ndarray:
    return np.asarray(u.get_mantissa(getattr(model, name).value), float)
