"""States made by `fit`, `rollout` and transformations do not stand in each other's way."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_training import LeakyRateReadout, fit, rollout

XS = jnp.asarray(np.random.default_rng(0).random((4, 2, 3)), jnp.float32)


def test_eager_compiled_rollout_and_fit_in_turn_give_the_same_numbers() -> None:
    model = LeakyRateReadout(3, 2, tau=5 * u.ms)

    def by_hand() -> Any:
        brainstate.nn.init_all_states(model, batch_size=2)
        return brainstate.transform.for_loop(model.update, XS)[-1]

    def rolled() -> Any:
        brainstate.nn.init_all_states(model, batch_size=2)
        return rollout(model, XS)[-1]

    def fitted() -> Any:
        frozen = {"epochs": 1, "batch_size": 2, "dt": 1 * u.ms}
        data = (np.moveaxis(np.asarray(XS), 0, 1), np.zeros((2, 2), "float32"))
        weights = model.weight.value
        fit(model, lambda out, y: jnp.mean((out - y) ** 2), data, **frozen)
        model.weight.value = weights
        return by_hand()

    with brainstate.environ.context(dt=1 * u.ms):
        expected = np.asarray(by_hand())
        assert np.abs(expected).max() > 0
        ways = {
            "eager": by_hand,
            "jit": brainstate.transform.jit(by_hand),
            "rollout": rolled,
            "fit": fitted,
        }
        for first in ways:
            for second in ways:
                for name in (first, second):
                    found = np.asarray(ways[name]())
                    np.testing.assert_allclose(
                        found, expected, rtol=1e-5, err_msg=f"{first}, {second}"
                    )
