"""What the tests of the synapses share: the time step, float64, the response to given input."""

from collections.abc import Callable, Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

Response = Callable[..., tuple[np.ndarray, np.ndarray]]


@pytest.fixture
def time_step() -> Iterator[None]:
    with brainstate.environ.context(dt=0.1 * u.ms):
        yield


@pytest.fixture
def float64() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


@pytest.fixture
def respond() -> Response:
    """`respond(synapse, inputs, dt)`: conductance of each step, and mean over the coming one."""

    def respond(synapse: Any, inputs: Any, dt: float) -> tuple[np.ndarray, np.ndarray]:
        with brainstate.environ.context(dt=dt * u.ms):
            brainstate.nn.init_all_states(synapse)

            @brainstate.transform.jit
            def run(xs: Any) -> Any:
                step = lambda x: (synapse(x), synapse.mean_conductance())  # noqa: E731
                return brainstate.transform.for_loop(step, xs)

            returned = run(inputs if isinstance(inputs, u.Quantity) else jnp.asarray(inputs))
        g, mean = (np.asarray(u.get_mantissa(value)) for value in returned)
        return g, mean

    return respond
