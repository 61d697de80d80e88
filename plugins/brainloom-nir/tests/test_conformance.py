"""The populations of this distribution are held to the conformance kit."""

from collections.abc import Callable

import brainloom_nir
import pytest
from brainloom_nir import FilteredIntegrator, FilteredLIF, Integrator, LeakyIntegrator
from brainloom_nir.plugin import NAMES
from brainloom_testing import Case, default_case, parametrize_with_checks

CLASSES = [FilteredIntegrator, FilteredLIF, Integrator, LeakyIntegrator]


@parametrize_with_checks([default_case(cls) for cls in CLASSES])
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", NAMES)
def test_the_hook_names_what_can_be_used(name: str) -> None:
    assert getattr(brainloom_nir, name) in CLASSES
