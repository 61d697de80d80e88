"""The units of NIR: seconds, and plain numbers for potentials and currents."""

import brainunit as u
import numpy as np
from brainloom_core import BrainloomError
from brainloom_core.types import Quantity, Shape
from brainloom_core.units import dimension_name, same_dimension, show, with_unit

__all__ = ["CURRENT", "GAIN", "RESISTANCE", "TIME", "VOLTAGE", "NIRError", "number", "plain"]

TIME = u.second
VOLTAGE = u.mV
CURRENT = u.mA
RESISTANCE = u.ohm
GAIN = u.ohm / u.second  # of an integrator without a leak, whose R turns a current into mV/s


class NIRError(BrainloomError, ValueError):
    """A model has no counterpart in NIR, or a graph none here."""


def number(value: Quantity) -> Quantity:
    """The number that a value is on an edge of a graph: potentials in mV, currents in mA."""
    if not isinstance(value, u.Quantity):
        return value
    for unit in (VOLTAGE, CURRENT, u.UNITLESS):
        if same_dimension(value, unit):
            return value.to_decimal(unit)
    raise NIRError(
        "An edge of a graph carries potentials, currents and numbers; got "
        f"{dimension_name(value)}, {show(value)}"
    )


def plain(value: Quantity, unit: u.Unit, shape: Shape) -> np.ndarray:
    """A parameter as an array of this shape in this unit, scaled in double precision."""
    mantissa = np.asarray(u.get_mantissa(value), np.float64)
    scale = float(u.get_unit(value).magnitude) / float(unit.magnitude)
    return np.array(np.broadcast_to(mantissa * scale, shape))


def quantity(values: Quantity, unit: u.Unit, shown: Quantity | None = None) -> Quantity:
    """Numbers of a file, given in a unit, as a quantity, in another unit where one is asked for.

    An array of no axis, or of one element, stands for all neurons.
    """
    values = np.asarray(values, np.float64)
    shown = unit if shown is None else shown
    values = values * (float(unit.magnitude) / float(shown.magnitude))
    return with_unit(float(values.reshape(())) if values.size == 1 else values, shown)
