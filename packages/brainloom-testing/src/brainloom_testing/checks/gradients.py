"""Checks that a model can be trained."""

import functools
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core import Arctan, InvSquareGrad, ReluGrad, Sigmoid
from brainloom_core.types import Quantity

from ..case import Case
from ..declarations import quantities
from ..require import require
from ..running import drive, environment, fresh, in_float64, record, settled
from .registry import applies_to

__all__ = [
    "check_float64_gradients_are_finite",
    "check_gradients_are_finite",
    "check_input_gradient_is_not_zero",
]

# Of bounded support, with an exponential tail, and with a heavy one, wide and narrow.
SURROGATES = [ReluGrad(), Sigmoid(), Arctan(), InvSquareGrad()]


@applies_to("neuron", "synapse", "readout", "output")
def check_gradients_are_finite(case: Case) -> None:
    """Gradients by the input and by each number given as a ParamState are finite."""
    _require_finite(_gradients(case), "")


@applies_to("neuron", "synapse", "readout", "output")
def check_float64_gradients_are_finite(case: Case) -> None:
    """The same gradients are finite in double precision."""
    with in_float64():
        _require_finite(_gradients(case, precision=64), " in float64")


def _require_finite(gradients: list[tuple[str, dict[str, Quantity], Quantity]], when: str) -> None:
    for where, by_parameter, by_input in gradients:
        for name, gradient in {**by_parameter, "the input": by_input}.items():
            require(
                all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient)),
                f"{where}: the gradient by {name} is not finite{when}",
            )


@applies_to("neuron")
def check_input_gradient_is_not_zero(case: Case) -> None:
    """Near threshold, each spike function lets a gradient through to the input."""
    for where, _, by_input in _gradients(case):
        require(
            np.any(np.asarray(u.get_mantissa(by_input)) != 0),
            f"{where}: the gradient by the input is zero",
        )


@functools.cache
def _gradients(case: Case, precision: int = 32) -> list[tuple[str, dict[str, Quantity], Quantity]]:
    """Gradients of the summed output of a run, by trainable parameter and by input.

    They are computed in the precision that is set; it is an argument to be remembered by.

    For a neuron they are taken with each of several spike functions; a switch between them saves
    compiling the run for each.
    """
    if case.kind != "neuron":
        return [(case.cls.__name__, *_compiled_gradient(case)())]
    chosen = brainstate.ShortTermState(0)
    gradient = _compiled_gradient(
        case, spk_fun=lambda z: jax.lax.switch(chosen.value, SURROGATES, z)
    )
    found = []
    for chosen.value, surrogate in enumerate(SURROGATES):
        found.append((f"{case.cls.__name__} with {type(surrogate).__name__}", *gradient()))
    return found


def _compiled_gradient(
    case: Case, **changes: Any
) -> Callable[[], tuple[dict[str, Quantity], Quantity]]:
    x = jax.tree.map(settled, drive(case), is_leaf=lambda value: isinstance(value, u.Quantity))
    with environment(case):
        model = fresh(case, **_trainable(case), **changes)
    trained = model.states(brainstate.ParamState)

    def total(x: Quantity) -> Quantity:
        model.reset_state()
        returned, _ = record(case, model, x)
        return u.get_mantissa(returned).sum()

    gradients = brainstate.transform.grad(total, trained, argnums=0, check_states=False)
    compiled = brainstate.transform.jit(gradients)

    def gradient() -> tuple[dict[str, Quantity], Quantity]:
        with environment(case):
            by_parameter, by_input = compiled(x)
        return {".".join(path): value for path, value in by_parameter.items()}, by_input

    return gradient


def _trainable(case: Case) -> dict[str, Quantity]:
    """Every number of the model as a ParamState."""
    model = case.build()
    found = {name: getattr(model, name) for name in quantities(case.cls)}
    return {
        name: brainstate.ParamState(settled(value))
        for name, value in found.items()
        if value is not None and (isinstance(value, u.Quantity) or not callable(value))
    }
