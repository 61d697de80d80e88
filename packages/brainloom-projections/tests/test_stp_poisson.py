"""Short-term plasticity under Poisson spikes, against means that are known."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_projections import STP

NEURONS, DT = 1000, 0.1


def means(rate: float, U: float, tau_d: float, tau_f: float) -> tuple[np.ndarray, np.ndarray]:
    """Of each neuron over 3 s after 4 s: utilisation at spikes, and release per second."""
    model = STP(NEURONS, U=U, tau_d=tau_d * u.ms, tau_f=tau_f * u.ms)

    def step(i: Any, sums: Any) -> Any:
        spikes = brainstate.random.rand(NEURONS) < rate * DT / 1000
        released = model(spikes)
        counted = (i >= 40_000) * spikes
        return tuple(
            total + x
            for total, x in zip(
                sums, (counted, counted * model.u.value, counted * released), strict=True
            )
        )

    with brainstate.environ.context(dt=DT * u.ms), brainstate.random.seed_context(3):
        brainstate.nn.init_all_states(model)
        run = brainstate.transform.jit(
            lambda start: brainstate.transform.scan(
                lambda sums, i: (step(i, sums), None), start, jnp.arange(70_000)
            )[0]
        )
        spikes, used, released = map(np.asarray, run((jnp.zeros(NEURONS),) * 3))
    return used.sum() / spikes.sum(), released / 3.0


def test_mean_utilisation_of_a_facilitating_synapse() -> None:
    """U (1 + tau_f nu) / (1 + U tau_f nu): 0.525 at 20 Hz, as the equation for u is linear."""
    used, _ = means(20.0, 0.05, 100.0, 1000.0)
    # 60 000 spikes with a deviation of 0.13 that lasts 500 ms; a step of 0.1 ms is 0.2 % of 1 / nu.
    assert used == pytest.approx(0.05 * (1 + 20) / (1 + 0.05 * 20), rel=0.01)


@pytest.mark.parametrize(("rate", "expected"), [(10.0, 1.0), (100.0, 1.2195)])
def test_what_a_depressing_synapse_releases_saturates(rate: float, expected: float) -> None:
    """U nu / (1 + U tau_d nu) towards 1 / tau_d: the resources that recover in a second."""
    _, released = means(rate, 0.5, 800.0, 0.0)
    error = released.std() / np.sqrt(NEURONS)
    # A spike is found in a step with nu dt, 0.1 % and 1 % of which would be two.
    assert abs(released.mean() - expected) < 4 * error + expected * rate * DT / 1000
