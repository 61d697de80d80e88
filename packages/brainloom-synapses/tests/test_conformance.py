"""Every model of this distribution is held to the conformance kit."""

from collections.abc import Callable

import brainloom_synapses
import pytest
from brainloom_synapses import (
    COBA,
    CUBA,
    Alpha,
    Delta,
    DualExpon,
    Expon,
    MgBlock,
    conformance,
)
from brainloom_testing import Case, default_case, parametrize_with_checks

CASES = [
    *(default_case(cls) for cls in (COBA, CUBA, MgBlock)),
    *(default_case(cls) for cls in (Alpha, Delta, DualExpon, Expon)),
    *(getattr(conformance, name) for name in conformance.__all__),
]


@parametrize_with_checks(CASES)
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", brainloom_synapses.__all__)
def test_every_model_has_a_case(name: str) -> None:
    assert getattr(brainloom_synapses, name) in {case.cls for case in CASES}
