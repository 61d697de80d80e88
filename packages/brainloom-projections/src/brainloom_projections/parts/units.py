"""Units of the parts, where they are known before the first step; None where they are not."""

import warnings

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core import Declared, Neuron, Synapse, SynOut, UnitError
from brainloom_core.types import Population
from brainloom_core.units import dimension_name, same_dimension, show
from brainloom_core.unmade import unmade_in

from .parts import neurons_of

__all__ = [
    "check_output_unit",
    "conductance_unit",
    "state_unit",
    "taken_unit",
    "warn_of_negative_weights",
    "weight_unit",
]


def state_unit(model: brainstate.nn.Module, name: str) -> u.Unit | None:
    """The unit of a state: of its value or, before it exists, of its initial value."""
    existing = vars(model).get(name)
    if isinstance(existing, brainstate.State):
        return u.get_unit(existing.value)
    spec = type(model).declared_states().get(name) if isinstance(model, Declared) else None
    if spec is None or not isinstance(spec.initial, str):
        return None
    value = getattr(model, spec.initial)
    is_function = callable(value) and not isinstance(value, u.Quantity)
    return None if value is None or is_function else u.get_unit(value)


def conductance_unit(syn: object) -> u.Unit | None:
    """The unit of what a synapse gives."""
    if not isinstance(syn, Synapse):
        return None
    name = next(iter(syn.jump_states), "g")
    usual = state_unit(syn, name)
    try:
        units: dict[str, u.Unit] = {
            state: state_unit(syn, state) or usual for state in type(syn).declared_states()
        }
        return u.get_unit(syn.call_equation("conductance", {k: 1.0 * v for k, v in units.items()}))
    except Exception:  # an equation may need what is not there yet; the first step will tell
        return None


def weight_unit(comm: object) -> u.Unit | None:
    """The unit of the weights of a connectivity."""
    unit = getattr(comm, "unit", None)
    weight = _weight_of(comm) if unit is None else unit
    is_number = isinstance(weight, (u.Quantity, u.Unit, jax.Array, np.ndarray, float, int))
    return u.get_unit(weight) if is_number else None


def _weight_of(comm: object) -> object:
    """The weights of a connectivity, in whatever they are kept; None where it has none."""
    weight = getattr(comm, "weight", None)
    if isinstance(weight, brainstate.State):
        weight = weight.value
    return weight.get("weight") if isinstance(weight, dict) else weight


def warn_of_negative_weights(owner: str, comm: object, out: SynOut) -> None:
    """Warn where all weights are conductances below 0, which drive V away from E.

    Args:
        owner: The projection, for the message.
        comm: Its connectivity.
        out: Its output.
    """
    if not out.is_conductance_based:
        return
    unmade = unmade_in(getattr(comm, "__dict__", {}).get("weight"))
    if getattr(unmade, "are_negative", lambda: True)() is False:
        return
    weight = _weight_of(comm)
    if not isinstance(weight, (u.Quantity, jax.Array, np.ndarray, float, int)):
        return
    number = u.get_mantissa(weight)
    if isinstance(number, jax.core.Tracer) or np.size(number) == 0:
        return
    if np.max(np.asarray(number)) < 0:
        kind = type(out).__name__
        warnings.warn(
            f"{owner}.comm: all weights are negative ({show(weight)}), and {kind} makes of them "
            "conductances below 0, which drive the potential away from E, without a bound. "
            "Inhibition comes from an E below the potential: write a weight above 0 and "
            f"{kind}.desc(E=-80 * u.mV)",
            RuntimeWarning,
            stacklevel=4,
        )


def taken_unit(post: Population) -> u.Unit | None:
    """The unit of a population's input; one with an update of its own may take anything."""
    post = neurons_of(post)
    return post.input_unit if isinstance(post, Neuron) and post.input_as_declared else None


def check_output_unit(owner: str, out: SynOut, g_unit: u.Unit | None, post: Population) -> None:
    """Raise if an output, given such a conductance, is not an input of the population."""
    post = neurons_of(post)
    taken, V_unit = taken_unit(post), state_unit(post, "V")
    if taken is None or g_unit is None or V_unit is None:
        return
    kind = type(out).__name__
    try:
        current = out.update(1.0 * g_unit, 1.0 * V_unit)
    except u.UnitMismatchError as error:
        raise UnitError(
            f"{owner}.out: {kind} cannot use a conductance in {_named(g_unit)} and a potential in "
            f"{_named(V_unit)}: {error}"
        ) from None
    except Exception:  # as above
        return
    if not same_dimension(current, taken):
        raise UnitError(
            f"{owner}.out: {kind} makes {dimension_name(current)} of a conductance in "
            f"{_named(g_unit)}, but {type(post).__name__} takes {dimension_name(taken)}"
        )


def _named(unit: u.Unit) -> str:
    return "no unit" if unit == u.UNITLESS else str(unit)
