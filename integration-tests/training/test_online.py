"""The online rules of braintrace, beside backpropagation through time."""

from typing import Any

import brainloom as bl
import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
import optax
import pytest

ONLINE = ["eprop", "d-rtrl", "pp-prop"]


def network(linear: Any = bl.Linear, **hidden: Any) -> Any:
    brainstate.random.seed(0)
    scaled = brainstate.nn.init.KaimingNormal(scale=30.0, unit=u.mA)
    neuron = {"tau": 20 * u.ms, "V_th": 1 * u.mV, "V_rest": 0 * u.mV, "V_reset": 0 * u.mV}
    return brainstate.nn.Sequential(
        linear(12, 16, scaled, None), bl.LIF(16, **(neuron | hidden)), bl.LeakyRateReadout(16, 3)
    )


def examples() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    y = random.randint(0, 3, 24)
    often = np.repeat(np.eye(3), 4, axis=1)[y]
    return (random.rand(24, 15, 12) < 0.05 + 0.3 * often[:, None]).astype("float32"), y


X, Y = examples()


def each_step(outputs: Any, y: Any) -> Any:
    """Cross entropy of the output of each step, averaged: what an online rule makes small."""
    return bl.RateCrossEntropy()(outputs, y)


def gradients(rule: str) -> dict[str, np.ndarray]:
    model = network()
    before = {n: u.get_mantissa(s.value) for n, s in bl.trainable(model).items()}
    trainer = bl.Trainer(model, each_step, optax.sgd(1.0), rule=rule, dt=1 * u.ms)
    trainer.step(X, Y)
    after = {n: u.get_mantissa(s.value) for n, s in bl.trainable(model).items()}
    return {n: np.asarray(before[n] - after[n]) for n in before}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("rule", ["eprop", "d-rtrl"])
def test_the_readout_has_the_gradient_of_backpropagation(rule: str) -> None:
    """Its weights act on a linear state alone, where forward and backward agree."""
    exact, online = gradients("bptt"), gradients(rule)
    np.testing.assert_allclose(
        online["layers.2.weight"], exact["layers.2.weight"], rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("rule", ONLINE)
def test_hidden_weights_go_in_the_direction_of_backpropagation(rule: str) -> None:
    exact, online = gradients("bptt"), gradients(rule)
    assert cosine(online["layers.0.weight"], exact["layers.0.weight"]) > 0.8


@pytest.mark.parametrize("rule", ONLINE)
def test_a_network_learns(rule: str) -> None:
    history = bl.fit(
        network(),
        each_step,
        (X, Y),
        epochs=15,
        batch_size=8,
        rule=rule,
        dt=1 * u.ms,
        optimizer=optax.adam(2e-2),
        metrics={"accuracy": lambda out, y: (out.mean(0).argmax(-1) == y).mean()},
        progress=False,
    )
    assert history["accuracy"][-1] > 0.9


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (lambda: network(brainstate.nn.Linear), "layers.0.weight"),
        (lambda: network(tau=brainstate.ParamState(20.0 * u.ms)), "layers.1.tau"),
    ],
)
def test_what_a_rule_cannot_train_is_refused(model: Any, name: str) -> None:
    trainer = bl.Trainer(model(), each_step, rule="eprop", dt=1 * u.ms)
    with pytest.raises(bl.ParameterError, match=f"{name}: eprop would not train it"):
        trainer.step(X, Y)
    trainer = bl.Trainer(model(), each_step, rule="eprop", parameters="layers.2.*", dt=1 * u.ms)
    trainer.step(X, Y)


def test_options_that_a_rule_cannot_follow_are_refused() -> None:
    penalty = {"layers.1.spikes": bl.FiringRate(strength=1.0, target=5 * u.Hz)}
    trainer = bl.Trainer(network(), each_step, rule="eprop", regularizers=penalty, dt=1 * u.ms)
    with pytest.raises(bl.InputError, match="eprop cannot be used with regularizers"):
        trainer.step(X, Y)
    trainer = bl.Trainer(network(), each_step, rule="eprop", batching="vmap", dt=1 * u.ms)
    with pytest.raises(bl.InputError, match="eprop cannot be used with batching='vmap'"):
        trainer.step(X, Y)


def test_memory_does_not_grow_with_the_length_of_a_sequence() -> None:
    """A step keeps traces, not a history, besides its inputs in the order of time."""

    def kept(rule: str, n_steps: int) -> int:
        x = jnp.asarray(np.tile(X, (1, n_steps // 15, 1)))
        trainer = bl.Trainer(network(), each_step, rule=rule, dt=1 * u.ms)
        trainer.step(x, Y)
        return trainer.memory(x, Y) - x.nbytes

    assert kept("d-rtrl", 600) < 1.5 * kept("d-rtrl", 150)
    assert kept("bptt", 600) > 3 * kept("bptt", 150)
