"""Checks of what makes a neuron: silence at rest, its reset, and an exact refractory period."""

import functools
from collections.abc import Callable

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Dynamics, Neuron, Refractory
from brainloom_core.context import current_dt
from brainloom_core.types import Quantity, Values
from brainloom_core.units import step_count, with_unit

from ..case import Case
from ..declarations import initializers, quantities, states
from ..require import require
from ..running import drive, environment, fresh, record, run_compiled, settled
from .registry import applies_to

__all__ = [
    "check_is_quiet_at_rest",
    "check_overshoot_does_not_run_away",
    "check_refractory_period_adds_to_interval",
    "check_refractory_period_holds_potential",
]

# Neither is a whole number of steps: 3 and 11 by rounding.
PERIODS = (3.4, 10.6)
RESETS = ("soft", "hard")
MOST_GROWTH = 2e-3  # of an overshoot in a step


def _rests_below_threshold(case: Case) -> bool:
    if not {"V_rest", "V_th"} <= quantities(case.cls).keys():
        return False
    model = case.build()
    return bool(np.all(np.asarray(u.get_magnitude(model.V_th - model.V_rest)) > 0))


def _is_refractory(case: Case) -> bool:
    """Whether V is held for a time that one gives, by the name that it has in the core."""
    return issubclass(case.cls, Refractory) and {"tau_ref", "spk_reset"} <= {
        *case.cls.declared_parameters()
    }


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


def _has_derivative_of_V(case: Case) -> bool:
    return issubclass(case.cls, Neuron) and "V" in case.cls.equations.derivatives


@applies_to("neuron", when=_has_derivative_of_V)
def check_overshoot_does_not_run_away(case: Case) -> None:
    """What the default reset keeps of a passage of the threshold does not grow there by itself.

    A soft reset takes an overshoot that follows from how V explodes above the threshold, and not
    from the input, for a head start: intervals then depend on the step.
    """
    x = drive(case)
    with environment(case):
        model = fresh(case)
        y = {**model.state_values(), "spike": jnp.ones(model.V.value.shape)}
        unit = u.get_unit(y["V"])
        V_th = u.math.broadcast_to(model.call_equation("threshold", y), y["V"].shape)
        if not _keeps_overshoot(model, y, V_th):
            return
        rate = model.drift("V", x).rate

        def change(V: jax.Array) -> jax.Array:
            per_step = rate({**y, "V": with_unit(V, unit)}) * current_dt()
            return jnp.broadcast_to(u.get_magnitude(per_step / (1.0 * unit)), V.shape)

        at = settled(u.get_magnitude(V_th / (1.0 * unit)))
        growth = float(jnp.max(jax.jvp(change, (at,), (jnp.ones_like(at),))[1]))
    require(
        growth <= MOST_GROWTH,
        f"{case.cls.__name__}: at the threshold V grows by itself, an overshoot by "
        f"{100 * growth:.2g} % in a step, and the default reset keeps it, so that intervals depend "
        "on the step. Write caps_overshoot = True in the class",
    )


def _keeps_overshoot(model: Dynamics, y: Values, V_th: Quantity) -> bool:
    """Whether there is a reset, and V after it depends on how far it was beyond the threshold."""
    size = model.scale()
    held = [model.limit({**y, "V": V_th + over * size}) for over in (0.0, 0.01)]
    after = [model.after_spike({**y, "V": V})["V"] for V in held]
    moved, kept = ((b - a) / size for a, b in ((held[0], after[0]), (after[0], after[1])))
    return all(bool(np.any(np.asarray(u.get_magnitude(x)) != 0)) for x in (moved, kept))


@applies_to("neuron", when=_is_refractory)
def check_refractory_period_holds_potential(case: Case) -> None:
    """After a spike, V is `V_reset` for `round(tau_ref / dt)` steps, then moves, with any reset."""
    for reset in RESETS:
        for period in PERIODS:
            model, run = _of_period(case, reset, period)
            n, (spikes, V) = _steps_held(case, model), run()
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
            model, run = _of_period(case, reset, period)
            n, (spikes, _) = _steps_held(case, model), run()
            first, second = _spike_steps(case, spikes)[:2]
            passage = int(_spike_steps(case, run(model.V_reset)[0])[0]) + 1
            require(
                second - first == passage + n,
                f"{case.cls.__name__}({reset!r} reset): with tau_ref = {period} dt the interval "
                f"is {second - first} steps; from reset to threshold are {passage}, and {n} more "
                "were expected",
            )


@functools.cache
def _of_period(
    case: Case, reset: str, period: float
) -> tuple[Dynamics, Callable[..., tuple[np.ndarray, Quantity]]]:
    """A model with this period, and a function that runs it: spikes and V in 200 steps."""
    x = drive(case)
    with environment(case):
        model = fresh(case, spk_reset=reset, tau_ref=period * case.dt)
    compiled = brainstate.transform.jit(lambda x: record(case, model, x, 200))

    def run(V: Quantity | None = None) -> tuple[np.ndarray, Quantity]:
        with environment(case):
            brainstate.nn.init_all_states(model)
            if V is not None:
                model.V.value = u.math.full_like(model.V.value, V)
            spikes, recorded = compiled(x)
        return np.asarray(spikes), recorded["V"]

    return model, run


def _steps_held(case: Case, model: Dynamics) -> int:
    return int(step_count(model.tau_ref, case.dt).max())


def _spike_steps(case: Case, spikes: np.ndarray) -> np.ndarray:
    found = np.flatnonzero(spikes.reshape(len(spikes), -1)[:, 0])
    enough = len(found) > 1
    require(enough, f"{case.cls.__name__}: its input gives {len(found)} spikes in 200 steps")
    return found
