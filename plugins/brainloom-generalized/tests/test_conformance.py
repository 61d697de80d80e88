"""Every class of this distribution is held to the conformance kit."""

from collections.abc import Callable

import brainloom_generalized
import pytest
from brainloom_generalized import plugin
from brainloom_testing import Case, default_case, parametrize_with_checks

OFTEN = ("GLIF2", "MAT", "SigmoidRate")
CASES = {name: default_case(getattr(brainloom_generalized, name)) for name in plugin.MODELS}
SLOW_CASES = [case for name, case in CASES.items() if name not in OFTEN]


@pytest.fixture(autouse=True)
def numerics() -> None:
    """The precision that users have."""


@parametrize_with_checks([CASES[name] for name in OFTEN])
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.slow
@parametrize_with_checks(SLOW_CASES)
def test_conformance_of_the_others(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


def test_every_class_has_a_case_and_a_name() -> None:
    classes = {name for name in brainloom_generalized.__all__ if name[0].isupper()}
    assert classes - {"PATTERNS", "Pattern"} == {*plugin.MODELS}
