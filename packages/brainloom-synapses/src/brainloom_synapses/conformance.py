"""How the conformance kit drives the synapses of which it cannot be guessed, by their names.

Their input is not in the unit of the conductance, and from rest nothing happens without one.
"""

from typing import Any

import brainunit as u
from brainloom_testing import Case

from . import graded, receptors

__all__ = ["AMPA", "NMDA", "BioNMDA", "GABAa", "GradedSynapse"]

OPEN: dict[str, Any] = {"in_size": 2, "g_initializer": 0.5 * u.mS}
GATED = {**OPEN, "x_initializer": 0.3}

AMPA = Case(receptors.AMPA, OPEN, input=1.0)
GABAa = Case(receptors.GABAa, OPEN, input=1.0)
BioNMDA = Case(receptors.BioNMDA, GATED, input=1.0)
NMDA = Case(receptors.NMDA, GATED, input=1.0)
# No release at 0 mV.
GradedSynapse = Case(graded.GradedSynapse, {**OPEN, "theta": 60.0 * u.mV}, input=60.0 * u.mV)
