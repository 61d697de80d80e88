"""Every model of this distribution is held to the conformance kit."""

from collections.abc import Callable

import brainloom_synapses
import brainunit as u
import pytest
from brainloom_synapses import (
    AMPA,
    COBA,
    CUBA,
    NMDA,
    Alpha,
    BioNMDA,
    Delta,
    DualExpon,
    Expon,
    GABAa,
    GradedSynapse,
    MgBlock,
)
from brainloom_testing import Case, default_case, parametrize_with_checks

# Their input is not in the unit of the conductance, and nothing happens from rest without one.
OPEN = {"in_size": 2, "g_initializer": 0.5 * u.mS}

CASES = [
    *(default_case(cls) for cls in (COBA, CUBA, MgBlock)),
    *(default_case(cls) for cls in (Alpha, Delta, DualExpon, Expon)),
    Case(AMPA, OPEN, input=1.0),
    Case(GABAa, OPEN, input=1.0),
    Case(BioNMDA, {**OPEN, "x_initializer": 0.3}, input=1.0),
    Case(NMDA, {**OPEN, "x_initializer": 0.3}, input=1.0),
    Case(GradedSynapse, {**OPEN, "theta": 60.0 * u.mV}, input=60.0 * u.mV),  # 0 mV: no release
]


@parametrize_with_checks(CASES)
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", brainloom_synapses.__all__)
def test_every_model_has_a_case(name: str) -> None:
    assert getattr(brainloom_synapses, name) in {case.cls for case in CASES}
