"""Checks of what makes a neuron: silence at rest, and a refractory period of exact length."""

import brainstate
import brainunit as u
import numpy as np
from brainloom_core import Dynamics, Refractory
from brainloom_core.types import Quantity
from brainloom_core.units import step_count

from ..case import Case
from ..declarations import initializers, quantities, states
from ..require import require
from ..running import drive, environment, fresh, run_compiled
from .registry import applies_to

__all__ = [
    "check_is_quiet_at_rest",
    "check_refractory_period_adds_to_interval",
    "check_refractory_period_holds_potential",
]

# Neither is a whole number of steps: 3 and 11 by rounding.
PERIODS = (3.4, 10.6)
RESETS = ("soft", "hard")


def _rests_below_threshold(case: Case) -> bool:
    if not {"V_rest", "V_th"} <= quantities(case.cls).keys():
        return False
    model = case.build()
    return bool(np.all(np.asarray(u.get_magnitude(model.V_th - model.V_rest)) > 0))


def _is_refractory(case: Case) -> bool:
    return issubclass(case.cls, Refractory)


def _has_no_memory(case: Case) -> bool:
    """Whether a spike leaves nothing behind but the reset and the refractory period."""
    return _is_refractory(case) and states(case.cls).keys() == {"V", "spike", "steps_held"}


@applies_to("neuron", when=_rests_below_threshold)
def check_is_quiet_at_rest(case: Case) -> None:
    """From rest, without input, there is no spike in 100 steps."""
    at_rest = {}
    if "V_initializer" in initializers(case.cls):
        at_rest["V_initializer"] = case.build().V_rest
    with environment(case):
        spikes, _ = run_compiled(case, fresh(case, **at_rest), None, 100)
    require(not np.any(spikes), f"{case.cls.__name__} spikes at rest, without input")


@applies_to("neuron", when=_is_refractory)
def check_refractory_period_holds_potential(case: Case) -> None:
    """After a spike, V is `V_reset` for `round(tau_ref / dt)` steps, then moves, with any reset."""
    for reset in RESETS:
        for period in PERIODS:
            n, spikes, V, model = _run(case, reset, period)
            first = _spike_steps(case, spikes)[0]
            away = np.asarray(u.get_magnitude((V - model.V_reset) / u.mV))[first + 1 :] != 0
            held = int(np.argmax(away.reshape(len(away), -1).any(1)))
            require(
                held == n,
                f"{case.cls.__name__}({reset!r} reset): tau_ref = {period} dt holds V for "
                f"{held} steps after a spike, expected {n}",
            )


@applies_to("neuron", when=_has_no_memory)
def check_refractory_period_adds_to_interval(case: Case) -> None:
    """The interval is the passage from reset to threshold plus `round(tau_ref / dt)` steps."""
    for reset in RESETS:
        for period in PERIODS:
            n, spikes, _, model = _run(case, reset, period)
            first, second = _spike_steps(case, spikes)[:2]
            passage = _passage(case, model)
            require(
                second - first == passage + n,
                f"{case.cls.__name__}({reset!r} reset): with tau_ref = {period} dt the interval "
                f"is {second - first} steps; from reset to threshold are {passage}, and {n} more "
                "were expected",
            )


def _run(case: Case, reset: str, period: float) -> tuple[int, np.ndarray, Quantity, Quantity]:
    """Steps of the period, and spikes, potential and model of a run of two spikes and more."""
    x = drive(case)
    with environment(case):
        model = fresh(case, spk_reset=reset, tau_ref=period * case.dt)
        n = int(step_count(model.tau_ref, case.dt).max())
        spikes, recorded = run_compiled(case, model, x, 200)
    return n, np.asarray(spikes), recorded["V"], model


def _passage(case: Case, model: Dynamics) -> int:
    """Steps from reset to the first spike."""
    x = drive(case)
    with environment(case):
        brainstate.nn.init_all_states(model)
        model.V.value = u.math.full_like(model.V.value, model.V_reset)
        spikes = run_compiled(case, model, x, 200)[0]
    return int(_spike_steps(case, np.asarray(spikes))[0]) + 1


def _spike_steps(case: Case, spikes: np.ndarray) -> np.ndarray:
    found = np.flatnonzero(spikes.reshape(len(spikes), -1)[:, 0])
    enough = len(found) > 1
    require(enough, f"{case.cls.__name__}: its input gives {len(found)} spikes in 200 steps")
    return found
