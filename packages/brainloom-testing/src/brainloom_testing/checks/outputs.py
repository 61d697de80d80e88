"""Checks of what makes a synaptic output: a current, that follows the conductance."""

import brainunit as u
import numpy as np
from brainloom_core.types import Quantity
from brainloom_core.units import same_dimension

from ..case import Case
from ..require import require, require_close
from ..running import drive, environment, fresh, step
from .registry import applies_to

__all__ = ["check_current_follows_conductance"]


@applies_to("output")
def check_current_follows_conductance(case: Case) -> None:
    """The current is one, is in proportion to the conductance, and turns where it says."""
    name = case.cls.__name__
    conductance, potential = drive(case)

    def current(factor: float) -> Quantity:
        return step(case, fresh(case), (factor * conductance, potential))

    with environment(case):
        none, one, two = map(current, (0.0, 1.0, 2.0))
    if same_dimension(conductance, 1.0 * u.mS) and same_dimension(potential, 1.0 * u.mV):
        require(
            same_dimension(one, 1.0 * u.nA),
            f"{name} gives a current in {u.get_unit(one)} for a conductance in "
            f"{u.get_unit(conductance)}",
        )
    require(
        not np.any(np.asarray(u.get_mantissa(none))),
        f"{name} lets a current through without a conductance: {none}",
    )
    require_close(two, 2.0 * one, f"{name}: the current of twice the conductance")
