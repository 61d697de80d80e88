"""Every model of this distribution is held to the conformance kit."""

from collections.abc import Callable

import brainloom_training
import brainloom_training.plugin
import pytest
from brainloom_testing import Case, default_case, parametrize_with_checks
from brainloom_training import EventPropLIF, LeakyRateReadout, LeakySpikeReadout

CASES = [
    Case(
        EventPropLIF,
        {"in_size": 2},
        expected_failures={
            "wrong_input_unit_raises": "weighted spikes may arrive as numbers, as at a readout"
        },
    ),
    default_case(LeakyRateReadout),
    Case(LeakySpikeReadout, {"in_size": 3, "out_size": 2}, kind="readout"),
]


@parametrize_with_checks(CASES)
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", brainloom_training.plugin.brainloom_models())
def test_every_model_has_a_case(name: str) -> None:
    assert getattr(brainloom_training, name) in {case.cls for case in CASES}
