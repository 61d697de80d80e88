"""Learning rules by name."""

import sys
from typing import Any

import brainunit as u
import numpy as np
import optax
import pytest
from brainloom_core import BrainloomError
from brainloom_training import (
    BPTT,
    RULES,
    EventPropLIF,
    FiringRate,
    LeakyRateReadout,
    Linear,
    Trainer,
    trainable,
)
from brainstate.nn import Sequential

from .networks import N_IN, N_OUT, cross_entropy, examples, network

X, Y = examples()


def changes(rule: Any, model: Any = None) -> np.ndarray:
    """What one step of plain gradient descent adds to the parameters."""
    model = network() if model is None else model
    before = {n: u.get_mantissa(s.value) for n, s in trainable(model).items()}
    Trainer(model, cross_entropy, optax.sgd(1.0), rule=rule, dt=1 * u.ms).step(X, Y)
    after = {n: u.get_mantissa(s.value) for n, s in trainable(model).items()}
    return np.concatenate([np.ravel(after[n] - before[n]) for n in before])


def test_pieces_do_not_change_a_gradient_but_truncation_does() -> None:
    whole = changes("bptt")
    np.testing.assert_allclose(changes("bptt-checkpointed"), whole, rtol=1e-4, atol=1e-7)
    assert np.linalg.norm(changes("tbptt") - whole) > 0.01 * np.linalg.norm(whole)
    longest = BPTT(segment=len(X[0]), truncate=True)
    np.testing.assert_allclose(changes(longest), whole, rtol=1e-4, atol=1e-7)


def test_eventprop_trains_its_own_layers_and_no_others() -> None:
    def model(neurons: Any) -> Any:
        weights = 20.0 * np.random.RandomState(0).rand(N_IN, 8)
        return Sequential(
            Linear(N_IN, 8, weights * u.mA, None), neurons, LeakyRateReadout(8, N_OUT)
        )

    assert abs(changes("eventprop", model(EventPropLIF(8)))).max() > 0
    with pytest.raises(BrainloomError, match="eventprop"):
        changes("eventprop")
    trainer = Trainer(
        model(EventPropLIF(8)),
        cross_entropy,
        rule="eventprop",
        dt=1 * u.ms,
        regularizers={"layers.1.spikes": FiringRate(strength=1.0, target=5 * u.Hz)},
    )
    with pytest.raises(BrainloomError, match="eventprop takes what the model returns"):
        trainer.step(X, Y)


@pytest.mark.parametrize("rule", ["eprop", "d-rtrl", "pp-prop"])
def test_an_online_rule_says_what_it_needs(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rule in RULES
    monkeypatch.setitem(sys.modules, "braintrace", None)
    with pytest.raises(ImportError, match=r"pip install \"brainloom-training\[online\]\""):
        Trainer(network(), cross_entropy, rule=rule, dt=1 * u.ms).step(X, Y)
