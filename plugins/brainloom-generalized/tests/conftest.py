"""What the tests share: double precision, and runs of a model under given inputs."""

from collections.abc import Callable, Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
import pytest
from brainloom_testing.verification.simulation import plain_states

Run = Callable[..., tuple[np.ndarray, dict[str, np.ndarray]]]


@pytest.fixture(autouse=True)
def numerics() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(dt=0.1 * u.ms, precision=64):
        yield


@pytest.fixture
def run() -> Run:
    """What a model returns in each step, and its states after each, under given inputs."""

    def run(model: Any, inputs: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        brainstate.nn.init_all_states(model)

        @brainstate.transform.jit
        def whole(inputs: Any) -> Any:
            return brainstate.transform.for_loop(lambda x: (model(x), plain_states(model)), inputs)

        returned, states = whole(inputs)
        found = {name: np.asarray(values) for name, values in states.items()}
        return np.asarray(u.get_mantissa(returned)), found

    return run
