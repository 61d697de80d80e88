"""One step of training at a time."""

import re
from pathlib import Path
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from brainloom_core import BrainloomError, non_negative
from brainloom_training import (
    BPTT,
    CheckpointError,
    LeakyRateReadout,
    Linear,
    Trainer,
    keep_sign,
    rollout,
    trainable,
)

from .networks import N_OUT, accuracy, cross_entropy, examples, network

X, Y = examples()


@pytest.fixture(autouse=True)
def step_length() -> None:
    brainstate.environ.set(dt=1.0 * u.ms)


def numbers(model: Any) -> dict[str, np.ndarray]:
    return {n: np.asarray(u.get_mantissa(s.value)) for n, s in trainable(model).items()}


def test_a_step_is_what_a_loop_written_by_hand_does() -> None:
    model, twin = network(), network()
    values = Trainer(model, cross_entropy, optax.sgd(0.1)).step(X, Y)

    brainstate.nn.init_all_states(twin, batch_size=len(Y))
    states = trainable(twin)

    def loss() -> Any:
        return cross_entropy(rollout(twin, jnp.moveaxis(jnp.asarray(X), 0, 1)), Y)

    gradients, expected = brainstate.transform.grad(loss, states, return_value=True)()
    for name, state in states.items():
        state.value = state.value - 0.1 * gradients[name]
    np.testing.assert_allclose(values["loss"], expected, rtol=1e-6)
    for name, number in numbers(model).items():
        np.testing.assert_allclose(number, numbers(twin)[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("options", [{"batching": "vmap"}, {"rule": BPTT(segment=4)}])
def test_the_ways_to_run_a_batch_give_the_same_step(options: dict[str, Any]) -> None:
    models = network(), network()
    plain = Trainer(models[0], cross_entropy, optax.sgd(0.1))
    other = Trainer(models[1], cross_entropy, optax.sgd(0.1), **options)
    for _ in range(2):
        np.testing.assert_allclose(plain.step(X, Y)["loss"], other.step(X, Y)["loss"], rtol=1e-5)
    for name, number in numbers(models[0]).items():
        np.testing.assert_allclose(number, numbers(models[1])[name], rtol=1e-4, atol=1e-6)


def test_a_single_sequence_needs_no_batch_axis() -> None:
    model = network()
    trainer = Trainer(model, cross_entropy, batching=None)
    first = trainer.step(X[0], Y[0])["loss"]
    for _ in range(20):
        last = trainer.step(X[0], Y[0])["loss"]
    assert last < first
    assert model.layers[1].V.value.ndim == 1


def test_evaluation_and_prediction_change_nothing() -> None:
    model = network()
    trainer = Trainer(model, cross_entropy, metrics={"accuracy": accuracy})
    before, key = numbers(model), brainstate.random.get_key()
    first, outputs = trainer.evaluate(X, Y), trainer.predict(X)
    assert outputs.shape == (X.shape[1], len(Y), N_OUT)
    np.testing.assert_allclose(first["accuracy"], accuracy(outputs, Y))
    again = trainer.evaluate(X, Y)
    jax.tree.map(np.testing.assert_array_equal, (first, before), (again, numbers(model)))
    assert (brainstate.random.get_key() == key).all()


def test_batches_of_another_size_are_run_too() -> None:
    trainer = Trainer(network(), cross_entropy)
    whole = trainer.predict(X)
    np.testing.assert_allclose(trainer.predict(X[:5]), whole[:, :5], rtol=1e-5)
    np.testing.assert_array_equal(trainer.predict(X), whole)


def test_states_that_were_made_anew_in_between_are_made_to_fit_again() -> None:
    model = network()
    trainer = Trainer(model, cross_entropy)
    whole = trainer.predict(X)
    brainstate.nn.init_all_states(model)  # as for a simulation
    np.testing.assert_array_equal(trainer.predict(X), whole)


def test_states_that_a_module_keeps_by_hand_are_reset_between_batches() -> None:
    class Counter(brainstate.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = brainstate.ParamState(jnp.ones(()))

        def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
            self.count = brainstate.HiddenState(jnp.zeros(batch_size))

        def update(self, x: Any) -> Any:
            self.count.value = self.count.value + self.gain.value * x[:, 0]
            return self.count.value

    trainer = Trainer(Counter(), lambda out, y: ((out[-1] - y) ** 2).mean(), optax.sgd(0.0))
    losses = [trainer.step(np.ones((4, 5, 1)), np.zeros(4))["loss"] for _ in range(3)]
    np.testing.assert_allclose(losses, 25.0)


def test_randomness_depends_on_the_seed_and_the_number_of_the_step() -> None:
    def noisy(x: Any) -> Any:
        return jnp.moveaxis(x, 0, 1) + brainstate.random.rand(*x.shape).swapaxes(0, 1)

    def losses(seed: int) -> list[float]:
        brainstate.random.seed(int.from_bytes(b"any"))
        trainer = Trainer(network(), cross_entropy, optax.sgd(0.0), encoder=noisy, seed=seed)
        return [float(trainer.step(X, Y)["loss"]) for _ in range(2)]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)
    assert len(set(losses(1))) == 2


def test_declared_conditions_hold_whatever_the_optimizer_wants() -> None:
    model = network(
        tau=brainstate.ParamState(20 * u.ms), V_th=brainstate.ParamState(np.full(16, 1.0) * u.mV)
    )
    hidden = model.layers[1]
    trainer = Trainer(model, cross_entropy, optax.sgd(1e6), parameters="layers.1.*")
    for _ in range(3):
        trainer.step(X, Y)
        assert hidden.tau > 0 * u.ms
        assert (hidden.V_th > hidden.V_reset).all()
        assert np.isfinite(hidden.tau.mantissa)


def test_given_conditions_hold() -> None:
    model = network()
    start = numbers(model)
    constraints = {
        "layers.0.weight": keep_sign,
        "layers.2.*": lambda new: jnp.clip(new, -0.1, 0.1),
    }
    trainer = Trainer(model, cross_entropy, optax.adam(0.5), constraints=constraints)
    for _ in range(3):
        trainer.step(X, Y)
    end = numbers(model)
    signs = np.sign(end["layers.0.weight"]) * np.sign(start["layers.0.weight"])
    assert (signs >= 0).all() and (signs == 0).any()
    assert abs(end["layers.2.weight"]).max() <= 0.1
    model = network()
    model.layers[0].weight.value = abs(model.layers[0].weight.value)
    trainer = Trainer(
        model, cross_entropy, optax.sgd(1e4), constraints={"*.0.weight": non_negative}
    )
    trainer.step(X, Y)
    assert numbers(model)["layers.0.weight"].min() == 0.0


def test_penalties_read_what_they_name() -> None:
    class Silence:
        def __call__(self, spikes: Any) -> Any:
            assert spikes.shape == (15, 24, 16)
            return 7.0 * spikes.mean()

    class Small:
        def penalty(self, model: Any) -> Any:
            return 2.0 + 0.0 * u.get_mantissa(model.layers[0].weight.value).sum()

    plain = Trainer(network(), cross_entropy).evaluate(X, Y)
    penalties = {"layers.1.spikes": Silence(), "weights": Small()}
    model = network()
    cost = Trainer(model, cross_entropy, regularizers=penalties).evaluate(X, Y)["loss"]
    spikes = Trainer(model, cross_entropy, read="layers.1.spikes").predict(X)
    np.testing.assert_allclose(cost, plain["loss"] + 7.0 * spikes.mean() + 2.0, rtol=1e-5)


def test_only_the_named_parameters_are_trained() -> None:
    model = network()
    start = numbers(model)
    Trainer(model, cross_entropy, parameters="layers.2.*").step(X, Y)
    end = numbers(model)
    np.testing.assert_array_equal(end["layers.0.weight"], start["layers.0.weight"])
    assert (end["layers.2.weight"] != start["layers.2.weight"]).any()


def test_a_gradient_is_clipped() -> None:
    models = network(), network()
    start = numbers(models[0])
    for model in models:
        clip = 1e-3 if model is models[1] else None
        norm = Trainer(model, cross_entropy, optax.sgd(1.0), clip_norm=clip).step(X, Y)
    moved = np.sqrt(sum(((numbers(models[1])[n] - a) ** 2).sum() for n, a in start.items()))
    np.testing.assert_allclose(moved, 1e-3, rtol=1e-3)
    assert norm["gradient_norm"] > 1e-3


def test_a_checkpoint_goes_on_exactly(tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    trainer = Trainer(network(), cross_entropy, optax.adam(1e-2))
    trainer.step(X, Y)
    trainer.save(file, about={"why": "test"})
    expected = [trainer.step(X, Y)["loss"] for _ in range(2)]
    other = Trainer(network(tau=21 * u.ms), cross_entropy, optax.adam(1e-2))
    other.model.layers[1].tau = 20 * u.ms
    assert other.load(file) == {"why": "test"}
    assert [other.step(X, Y)["loss"] for _ in range(2)] == expected
    assert [f.name for f in tmp_path.iterdir()] == [file.name]


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    Trainer(network(), cross_entropy, optax.adam(1e-2)).save(file)
    other = Trainer(network(), cross_entropy, optax.sgd(1e-2, momentum=0.9))
    with pytest.raises(CheckpointError, match="it belongs to another model or optimizer"):
        other.load(file)
    file.write_bytes(b"not a checkpoint at all")
    with pytest.raises(CheckpointError, match="expected a checkpoint of brainloom"):
        other.load(file)


class Comparing(brainstate.nn.Module):
    """Uses one parameter in a comparison only, and another not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = Linear(12, N_OUT)
        self.compared = brainstate.ParamState(jnp.ones(N_OUT))
        self.unused = brainstate.ParamState(jnp.ones(2))

    def update(self, x: Any) -> Any:
        return self.linear(x) * (self.compared.value > 0)


def test_a_parameter_that_no_gradient_reaches_is_refused() -> None:
    with pytest.raises(BrainloomError, match="^compared, unused: no gradient gets there"):
        Trainer(Comparing(), cross_entropy).step(X, Y)
    Trainer(Comparing(), cross_entropy, parameters="linear.*").step(X, Y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "backprop"}, "rule: expected one of 'bptt', 'bptt-checkpointed'"),
        ({"parameters": "layers.9.*"}, "'layers.9.*': expected a trainable parameter"),
        ({"constraints": {"layers.0.weight": 3}}, "constraints: 'layers.0.weight': expected a"),
        ({"batching": "batch"}, "batching: expected 'axis', 'vmap' or None"),
        ({"dt": 0.1}, "dt: expected a time > 0, got 0.1"),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BrainloomError, match=re.escape(message)):
        Trainer(network(), cross_entropy, **arguments)


def test_a_model_without_parameters_is_refused() -> None:
    readout = LeakyRateReadout(3, 2)
    readout.weight = readout.weight.value
    with pytest.raises(BrainloomError, match="has nothing to train"):
        Trainer(readout, cross_entropy)


def test_inputs_and_targets_that_differ_in_number_are_refused() -> None:
    with pytest.raises(BrainloomError, match="samples along the first axis, as many of both"):
        Trainer(network(), cross_entropy).step(X, Y[:-1])
