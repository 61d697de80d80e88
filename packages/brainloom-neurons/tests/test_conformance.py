"""Every model of this distribution is held to the conformance kit."""

from collections.abc import Callable
from typing import Any

import brainloom_neurons
import brainunit as u
import pytest
from brainloom_neurons import ALIF, LIF, LIFRef, PoissonInput, PoissonSpike, SpikeTime
from brainloom_testing import Case, default_case, parametrize_with_checks


def poisson_input() -> dict[str, Any]:
    """Each input drives a population of its own."""
    target = LIF(2).prefetch("V")
    return {
        "target": target,
        "indices": None,
        "num_input": 10,
        "freq": 100.0 * u.Hz,
        "weight": 0.1 * u.mV,
    }


CASES = [
    default_case(LIF),
    default_case(LIFRef),
    default_case(ALIF),
    default_case(PoissonSpike, freqs=5000.0 * u.Hz),
    default_case(SpikeTime, indices=[0, 1, 0], times=[0.0, 0.1, 0.4] * u.ms),
    Case(PoissonInput, poisson_input),
]


@parametrize_with_checks(CASES)
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", brainloom_neurons.__all__)
def test_every_model_has_a_case(name: str) -> None:
    assert getattr(brainloom_neurons, name) in {case.cls for case in CASES}
