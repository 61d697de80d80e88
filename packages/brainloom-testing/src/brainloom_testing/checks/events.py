"""Checks of events: whatever way one takes to a state, it delivers the same charge."""

from collections.abc import Callable

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import AlignPost, Declared, Dynamics, Neuron
from brainloom_core.types import Array, Quantity, Time

from ..case import Case
from ..require import require
from ..running import drive, environment, fresh
from .registry import applies_to

__all__ = ["check_events_deliver_one_charge", "check_jumps_are_one_by_any_way"]

RATIOS = (0.01, 1.0)  # of the step to the time constant
WAYS = ("an argument", "a value", "a function")


def _decays_after_jumps(case: Case) -> bool:
    cls: type[Declared] = case.cls
    return issubclass(cls, AlignPost) and bool(cls.jump_states) and bool(cls.equations.derivatives)


@applies_to("synapse", when=_decays_after_jumps)
def check_events_deliver_one_charge(case: Case) -> None:
    """An event has one charge by each way, at a step of 0.01 to 1 time constants."""
    name, event = case.cls.__name__, drive(case)
    with environment(case):
        course = _courses(case, event, case.dt, 20_000)["an argument"]
    usual = _charge(course, case.dt)
    lasts = usual / max(float(np.abs(course).max()), 1e-30)
    require(lasts > 0.0, f"{name}: an event delivers no charge")
    for ratio in RATIOS:
        dt = ratio * lasts * u.ms
        with environment(case, dt):
            found = _courses(case, event, dt, round(40 / ratio))
        for way, course in found.items():
            part = _charge(course, dt) / usual
            require(
                abs(part - 1.0) < 1e-2,
                f"{name}: an event given as {way} has {part:.4f} of its charge at a step "
                f"of {ratio:g} time constants; state and mean_conductance disagree",
            )


def _charge(course: np.ndarray, dt: Time) -> float:
    return float(course.sum()) * float(dt.to_decimal(u.ms))


def _courses(case: Case, event: Quantity, dt: Time, steps: int) -> dict[str, np.ndarray]:
    """Mean conductance in each step after an event in the first, by the way it takes."""
    models = {way: fresh(case) for way in WAYS}

    def step(i: Array) -> dict[str, Quantity]:
        with brainstate.environ.context(i=i, t=i * dt):
            due = jnp.where(i == 0, 1.0, 0.0) * event
            for way, model in models.items():
                _give(model, way, due)
            return {way: u.get_mantissa(m.mean_conductance()) for way, m in models.items()}

    run = brainstate.transform.jit(lambda: brainstate.transform.for_loop(step, jnp.arange(steps)))
    return {way: np.asarray(g, np.float64).reshape(steps, -1)[:, 0] for way, g in run().items()}


def _give(model: Dynamics, way: str, due: Quantity) -> None:
    if way == "an argument":
        model(due)
        return
    given: Callable[[], Quantity] = lambda: due  # noqa: E731
    if way == "a function":
        model.delta_inputs.pop("event", None)
        model.add_delta_input("event", given)
    else:
        model.add_delta_input("event", due)
    model()


def _takes_jumps(case: Case) -> bool:
    cls: type[Declared] = case.cls
    ours = issubclass(cls, Neuron) and cls.update is Neuron.update
    return bool(ours and cls.add_jumps is Neuron.add_jumps)


@applies_to("neuron", when=_takes_jumps)
def check_jumps_are_one_by_any_way(case: Case) -> None:
    """A jump by a value and one by a function that stays leave a neuron in the same states."""
    for label in case.cls.ports or (None,):  # type: ignore[attr-defined]
        _jumps_are_one(case, label)


def _jumps_are_one(case: Case, label: str | None) -> None:
    name = case.cls.__name__
    jumping = case.cls.state_of_jump(label)  # type: ignore[attr-defined]
    ends: list[Quantity] = []
    with environment(case):
        for way in WAYS[1:]:
            model = fresh(case)
            before = getattr(model, jumping).value
            jump = 1e-3 * u.math.ones_like(before)
            value: Quantity = jump if way == "a value" else (lambda jump=jump: jump)
            model.add_delta_input("event", value, label)
            model()
            require(
                bool(jnp.any(u.get_mantissa(getattr(model, jumping).value - before) != 0)),
                f"{name}: a jump given as {way} does not reach {jumping}",
            )
            ends.append(np.asarray(u.get_mantissa(getattr(model, jumping).value)))
    require(
        np.array_equal(ends[0], ends[1]), f"{name}: jumps given as a value and a function differ"
    )
