"""Classes that are made of text pass what is asked of every neuron."""

import pytest
from brainloom_testing import default_case, parametrize_with_checks
from brainloom_testing.verification import failed, verify
from texts import AdaptiveText, AdExText, LeakyText

SLOW = [AdExText, AdaptiveText]


@parametrize_with_checks([default_case(LeakyText)])
def test_conformance(case, check):
    check(case)


@pytest.mark.slow
@parametrize_with_checks([default_case(cls) for cls in SLOW])
def test_conformance_of_others(case, check):
    check(case)


@pytest.mark.slow
@pytest.mark.parametrize("cls", [LeakyText, AdExText])
def test_equations_hold_against_an_accurate_solution(cls):
    records = verify(cls)
    assert len(records) > 5
    assert not failed(records)
