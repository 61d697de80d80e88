"""The leaky readout."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import BrainloomError
from brainloom_training import LeakyRateReadout


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_a_spike_raises_the_output_by_its_weights_and_decays(dt: float) -> None:
    """The same readout serves any dt: the decay follows the current one."""
    readout = LeakyRateReadout(
        3, 2, tau=10 * u.ms, w_init=lambda shape: jnp.arange(6.0).reshape(shape)
    )
    brainstate.nn.init_all_states(readout)
    with brainstate.environ.context(dt=dt * u.ms):
        np.testing.assert_allclose(readout(jnp.array([0.0, 1.0, 0.0])), [2.0, 3.0])
        after = readout(jnp.zeros(3))
    np.testing.assert_allclose(after, np.array([2.0, 3.0]) * np.exp(-dt / 10.0), rtol=1e-6)


def test_shapes_and_batches() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)
    readout = LeakyRateReadout((2, 3), (4, 1))
    assert readout.weight.value.shape == (6, 4)
    brainstate.nn.init_all_states(readout, batch_size=5)
    assert readout(jnp.ones((5, 2, 3), bool)).shape == (5, 4, 1)
    brainstate.nn.reset_all_states(readout)
    assert readout.r.value.shape == (5, 4, 1)
    assert not readout.r.value.any()


def test_weights_receive_the_gradient() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)
    readout = brainstate.nn.init_all_states(LeakyRateReadout(3, 2, tau=10 * u.ms))
    spikes = jnp.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

    def loss() -> Any:
        brainstate.nn.reset_all_states(readout)
        return brainstate.transform.for_loop(readout, spikes)[-1].sum()

    (gradient,) = brainstate.transform.grad(loss, readout.states(brainstate.ParamState))().values()
    expected = np.repeat([[np.exp(-0.1)], [1.0], [0.0]], 2, axis=1)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -1 * u.ms}, r"LeakyRateReadout\.tau: expected a time > 0"),
        ({"tau": 5.0}, r"LeakyRateReadout\.tau: expected a time > 0"),
        ({"out_size": 0}, r"LeakyRateReadout\.out_size: expected a whole number"),
        ({"w_init": np.ones((2, 2))}, r"LeakyRateReadout\.w_init: expected weights of shape"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainloomError, match=message):
        LeakyRateReadout(**{"in_size": 3, "out_size": 2, **arguments})


def test_wrong_input_is_refused() -> None:
    readout = brainstate.nn.init_all_states(LeakyRateReadout(3, 2))
    with pytest.raises(BrainloomError, match=r"expected numbers of shape \(3,\)"):
        readout(jnp.ones((4, 3)))
