"""Small networks that the tests train."""

from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_neurons import LIF
from brainloom_training import LeakyRateReadout, Linear

N_IN, N_HIDDEN, N_OUT = 12, 16, 3


def network(**hidden: Any) -> Any:
    """A layer of leaky neurons between weights, always the same."""
    brainstate.random.seed(0)
    scaled = brainstate.nn.init.KaimingNormal(scale=30.0, unit=u.mA)
    neuron = {"tau": 20 * u.ms, "V_th": 1 * u.mV, "V_rest": 0 * u.mV, "V_reset": 0 * u.mV}
    return brainstate.nn.Sequential(
        Linear(N_IN, N_HIDDEN, scaled, None),
        LIF(N_HIDDEN, **(neuron | hidden)),
        LeakyRateReadout(N_HIDDEN, N_OUT),
    )


def examples(n: int = 24, n_steps: int = 15) -> tuple[np.ndarray, np.ndarray]:
    """Spikes that come most often in the third of the channels that belongs to the class."""
    random = np.random.RandomState(0)
    y = random.randint(0, N_OUT, n)
    often = np.repeat(np.eye(N_OUT), N_IN // N_OUT, axis=1)[y]
    x = random.rand(n, n_steps, N_IN) < 0.05 + 0.3 * often[:, None]
    return x.astype(np.float32), y


def cross_entropy(outputs: Any, y: Any) -> Any:
    """Cross entropy of the mean output."""
    logits = outputs.mean(0)
    logits = logits - jnp.log(jnp.exp(logits).sum(-1, keepdims=True))
    return -jnp.take_along_axis(logits, jnp.asarray(y)[..., None], -1).mean()


def accuracy(outputs: Any, y: Any) -> Any:
    """Share of the samples whose largest mean output is that of their class."""
    return (outputs.mean(0).argmax(-1) == y).mean()
