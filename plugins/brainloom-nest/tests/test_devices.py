"""Arguments of devices that mean nothing are refused by their names."""

from typing import Any

import brainstate
import brainunit as u
import pytest
from brainloom_core import ParameterError
from brainloom_nest import (
    ac_generator,
    dc_generator,
    noise_generator,
    poisson_generator,
    spike_generator,
    step_current_generator,
)
from brainloom_testing import complaints

ARGUMENTS: dict[Any, dict[str, Any]] = {
    ac_generator: {"in_size": 1, "amplitude": 1.0 * u.pA, "frequency": 50.0 * u.Hz},
    dc_generator: {"in_size": 1, "amplitude": 1.0 * u.pA},
    noise_generator: {"in_size": 1},
    poisson_generator: {"in_size": 1, "rate": 10.0 * u.Hz},
    spike_generator: {"in_size": 1, "spike_times": [0.1, 0.3] * u.ms},
    step_current_generator: {
        "in_size": 1,
        "amplitude_times": [1.0, 5.0] * u.ms,
        "amplitude_values": [100.0, 200.0] * u.pA,
    },
}


@pytest.mark.parametrize("device", ARGUMENTS, ids=lambda device: device.__name__)
def test_what_no_argument_can_mean_is_refused(device: Any) -> None:
    with brainstate.environ.context(dt=0.1 * u.ms, i=0, t=0.0 * u.ms):
        device(**ARGUMENTS[device])
        assert not complaints(device, ARGUMENTS[device])


def test_a_current_ends_after_it_begins() -> None:
    with pytest.raises(ParameterError, match=r"dc_generator.stop: expected a time > 5 ms"):
        dc_generator(1, 1.0 * u.pA, start=5.0 * u.ms, stop=5.0 * u.ms)
