"""The model of this plugin is held to what brainloom's own models are held to."""

from collections.abc import Callable

from brainloom_example import ExampleNeuron
from brainloom_testing import Case, default_case, parametrize_with_checks


@parametrize_with_checks([default_case(ExampleNeuron)])
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)
