"""What training notices: arguments and data before the first step, numbers in every step."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from brainloom_core import BrainloomError, Trace, simulate
from brainloom_neurons import LIF
from brainloom_training import (
    MSE,
    EarlyStop,
    LastOverTime,
    LeakyRateReadout,
    RateCrossEntropy,
    SpikeCountCrossEntropy,
    Trainer,
    TrainingError,
    evaluate,
    fit,
    rollout,
)

N, T = 20, 6
X = np.random.RandomState(1).rand(N, T, 3).astype(np.float32)
Y = np.arange(N) % 2
NAN = X.copy()
NAN[3, 1, 2] = np.nan
QUIET: dict[str, Any] = {"dt": 1.0 * u.ms, "progress": False, "batch_size": 10}


def readout() -> Any:
    brainstate.random.seed(0)
    return LeakyRateReadout(3, 2, tau=10 * u.ms)


def weight(model: Any) -> np.ndarray:
    return np.asarray(model.weight.value)


def root(out: Any, y: Any) -> Any:
    """A loss whose gradient is NaN where y is 0, and that is finite nevertheless."""
    return jnp.sqrt(out[-1] ** 2 * y[:, None]).sum()


def halves(epoch: int) -> Any:
    return [(X[:10], np.ones(10)), (X[10:], np.ones(10))]


def spoilt(part: str) -> Any:
    """Batches, two in an epoch, of which the fourth has something wrong."""

    def train(epoch: int) -> Any:
        first, (x, y) = halves(epoch)
        if epoch == 1 and part == "inputs":
            x = NAN[:10]
        if epoch == 1 and part == "gradient":
            y = np.zeros(10)
        return [first, (x, y)]

    return train


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("inputs", "^epoch 1, step 1: the inputs of the batch are not finite"),
        (
            "gradient",
            "^epoch 1, step 1: the gradient of weight is no longer a finite number, though",
        ),
        ("rate", "^epoch 1, step 1: the optimizer would make weight something else than finite"),
    ],
)
def test_a_step_that_is_not_finite_is_named_and_changes_nothing(part: str, message: str) -> None:
    def rate(count: Any) -> Any:
        return jnp.where((count == 3) & (part == "rate"), jnp.nan, 0.1)

    whole, broken = readout(), readout()
    seen: list[np.ndarray] = []
    step = Trainer.step

    def watched(self: Any, x: Any, y: Any) -> Any:
        values = step(self, x, y)
        seen.append(weight(whole))
        return values

    options: dict[str, Any] = {"optimizer": optax.sgd(rate), "epochs": 2, **QUIET}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", watched)
        clean: dict[str, Any] = {**options, "optimizer": optax.sgd(0.1)}
        fit(whole, root, halves, **clean)
    with pytest.raises(TrainingError, match=message) as caught:
        fit(broken, root, spoilt(part), **options)
    assert caught.value.step == 3 and caught.value.history.epochs == 1
    np.testing.assert_allclose(weight(broken), seen[2], rtol=1e-6)
    assert broken.r.value.shape == (2,)


def test_steps_after_one_that_was_not_finite_change_nothing_until_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = Trainer(readout(), root, optax.adam(0.1), dt=1 * u.ms)
    good, bad = (X, np.ones(N)), (NAN, np.ones(N))
    trainer.step(*good)
    before = trainer.snapshot()
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "tell", lambda wait: None)  # as if the numbers were not there yet
        for batch in (bad, good, good):
            trainer.step(*batch)
    with pytest.raises(TrainingError, match="^step 1: the inputs"):
        trainer.snapshot()
    assert trainer.steps == 1
    jax.tree.map(np.testing.assert_array_equal, trainer.snapshot(), before)
    trainer.step(*good)
    assert (
        trainer.snapshot()["['parameters']['weight']"] != before["['parameters']['weight']"]
    ).all()
    with pytest.raises(TrainingError, match="the inputs"):
        trainer.evaluate(*bad)
    with pytest.raises(TrainingError, match="the inputs"):
        trainer.predict(NAN)


def labels(y: Any, loss: Any = None) -> dict[str, Any]:
    return {"train": (X, y), "loss": loss or RateCrossEntropy()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (labels(Y + 1), r"integers from 0 to 1, got labels from 1 to 2"),
        (labels(Y - 1), r"integers from 0 to 1, got labels from -1 to 0"),
        (labels(jnp.asarray(Y + 5)), r"got labels from 5 to 6"),
        (labels(Y.astype(float)), r"got float32 of shape \(10,\) \(y.astype\(int\) where these"),
        (labels(np.eye(2)[Y]), r"got float32 of shape \(10, 2\) \(y.argmax\(-1\) makes labels"),
        (labels(np.array(["cat", "dog"] * 10)), r"train: y: expected arrays of numbers, got text"),
        (labels(np.full((N, 2), np.nan), MSE()), r"train: y: expected finite numbers, got nan at"),
        ({"validation": (X, Y + 1)}, r"got labels from 1 to 2"),
        (
            {"validation": (NAN, Y)},
            r"validation: x: expected finite numbers, got nan at index \(3,",
        ),
        (
            {"validation": X},
            r"validation: expected inputs and targets \(x, y\), batches",
        ),
        (
            {"validation": (X, Y[:3])},
            "validation: expected at least one sample, and as many x as y",
        ),
        ({"train": (NAN, Y)}, r"train: x: expected finite numbers, got nan at index \(3, 1, 2\)"),
        ({"train": (NAN.tolist(), Y)}, r"got nan at index \(3, 1, 2\)"),
        ({"train": (X, Y[:5])}, "as many x as y, got 20 and 5"),
        ({"train": (X[:0], Y[:0])}, "expected at least one sample"),
        ({"train": (X.astype(object), Y)}, "train: x: expected arrays of numbers, got object"),
        ({"epochs": 1.5}, "fit.epochs: expected a whole number >= 0, got 1.5"),
        ({"epochs": -1}, "fit.epochs: expected a whole number >= 0, got -1"),
        ({"epochs": True}, "fit.epochs: expected a whole number >= 0, got True"),
        ({"batch_size": 0}, "fit.batch_size: expected a whole number >= 1, got 0"),
        ({"save_every": 0}, "fit.save_every: expected a whole number >= 1, got 0"),
        ({"seed": 1.5}, "fit.seed: expected a whole number >= 0, got 1.5"),
        ({"lr": 0.1}, "fit: there is no option 'lr'.* that of the optimizer: optax.adam"),
        ({"optimizer": 0.1}, r"optimizer: expected one of optax, such as optax.adam\(1e-3\), got"),
        ({"optimizer": optax.adam}, "optimizer: expected one of optax"),
        ({"optimizer": optax.adam("high")}, "optimizer: it stops with .* Is its learning rate a"),
        ({"clip_norm": -1.0}, "clip_norm: expected a number > 0 or None, got -1"),
        ({"loss": "mse"}, "loss: expected a function"),
        ({"loss": RateCrossEntropy}, r"got the class RateCrossEntropy: call it"),
        ({"metrics": {"accuracy": 5}}, r"metrics\['accuracy'\]: expected a function"),
        ({"metrics": {"loss": root}}, "metrics: expected other names than 'loss'"),
        ({"regularizers": LIF}, "regularizers: expected a mapping from names, got the class LIF"),
        ({"early_stop": EarlyStop()}, r"one of \['gradient_norm', 'loss'\], got 'val_loss'; fit"),
        ({"early_stop": 3}, r"early_stop: expected EarlyStop\(...\) or None, got 3"),
        ({"on_epoch": 3}, "on_epoch: expected a function"),
        ({"parameters": 3}, "parameters: expected names or patterns, got 3"),
        ({"checkpoint": "/dev/null/run"}, "/dev/null/run: it cannot be written"),
        ({"checkpoint": "/"}, "/: expected the path of a file, got a folder"),
        ({"model": LIF}, r"model: expected a module .* got the class LIF: call it, LIF\(...\)"),
        ({"model": None}, "model: expected a module"),
    ],
)
def test_what_cannot_be_right_is_said_before_the_first_step(
    arguments: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "measure", None)
    model = readout()
    before = weight(model)
    given = {"model": model, "loss": RateCrossEntropy(), "train": (X, Y), "epochs": 1}
    with pytest.raises(BrainloomError, match=message):
        fit(**(QUIET | given | arguments))
    np.testing.assert_array_equal(weight(model), before)


def test_evaluation_checks_what_it_is_given() -> None:
    for data, message in (
        ((X, Y + 1), "got labels from 1 to 2"),
        ((X, Y[:5]), "evaluate: data: expected at least one sample, and as many x as y"),
        ((NAN, Y), "evaluate: data: x: expected finite numbers"),
        (X, "evaluate: data: expected inputs and targets"),
    ):
        with pytest.raises(BrainloomError, match=message):
            evaluate(readout(), RateCrossEntropy(), data, dt=1 * u.ms)


def test_a_label_that_is_no_class_gives_no_number_in_a_compiled_loss() -> None:
    for loss in (RateCrossEntropy(), SpikeCountCrossEntropy()):
        for label in (-1, 2):
            assert jnp.isnan(jax.jit(loss)(jnp.ones((T, 1, 2)), jnp.array([label])))


def test_labels_may_be_a_list() -> None:
    history = fit(readout(), RateCrossEntropy(), (X, Y.tolist()), epochs=1, **QUIET)
    assert history == fit(readout(), RateCrossEntropy(), (X, Y), epochs=1, **QUIET)


def test_layers_know_whether_they_are_trained() -> None:
    """Dropout and BatchNorm, which ask `brainstate.environ` for it."""
    norm, plain = brainstate.nn.BatchNorm0d((3,)), readout()
    model = brainstate.nn.Sequential(brainstate.nn.Dropout(0.5), norm, readout())
    loss, still = MSE(over=LastOverTime()), {"optimizer": optax.sgd(0.0)}
    data = X, np.ones((N, 2), np.float32)
    expected = evaluate(plain, loss, data, dt=1 * u.ms)["loss"]
    found = [evaluate(model, loss, data, dt=1 * u.ms)["loss"] for _ in range(2)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)  # nothing is dropped, nothing counted
    with brainstate.environ.context(dt=1 * u.ms):
        brainstate.nn.init_all_states([plain, model], batch_size=N)
        xs = X.swapaxes(0, 1)
        np.testing.assert_allclose(rollout(model, xs), rollout(plain, xs), rtol=1e-4)
        with brainstate.environ.context(fit=True):
            dropped = rollout(model.layers[0], np.ones((T, 1, 300)))[:, 0]
    assert 0.4 < (dropped == 0).mean() < 0.6 and (dropped != dropped[0]).any()
    history = fit(model, loss, data, epochs=1, validation=data, **QUIET, **still)
    assert not np.isclose(history["loss"][0], expected, rtol=1e-3)
    assert (norm.running_mean.value != 0.0).any()
    with pytest.raises(BrainloomError, match="expected 'axis' for a model that keeps something"):
        fit(model, loss, data, epochs=1, batching="vmap", **QUIET)


def cell() -> Any:
    brainstate.random.seed(0)
    return brainstate.nn.Sequential(
        LIF(3, R=1 * u.ohm, V_rest=0 * u.mV, V_reset=0 * u.mV, V_th=1 * u.mV), readout()
    )


def test_training_and_simulation_may_follow_each_other_in_any_order() -> None:
    loss, dt = MSE(over=LastOverTime()), 1 * u.ms
    data = X * 60 * u.mA, np.ones((N, 2), np.float32)

    def simulated(model: Any) -> Any:
        recording = simulate(
            model, T * dt, dt=dt, inputs=data[0][0], record=Trace(model.layers[0], "V")
        )
        return np.asarray(next(iter(recording.values())).values.to_decimal(u.mV))

    def trained(model: Any) -> Any:
        return fit(model, loss, data, epochs=1, **QUIET)["loss"]

    def rolled(model: Any) -> Any:
        brainstate.nn.reset_all_states(model)
        outputs = brainstate.transform.jit(lambda xs: rollout(model, xs))(data[0][0])
        brainstate.nn.reset_all_states(model)
        np.testing.assert_allclose(rollout(model, data[0][0]), outputs, rtol=1e-5)
        return outputs

    brainstate.environ.set(dt=dt)
    model = cell()
    trajectory = simulated(model)
    assert trajectory.shape == (T, 3) and (trajectory > 0).any()
    first = rolled(model)
    trained(model)
    np.testing.assert_allclose(simulated(model), trajectory, rtol=1e-5)
    untrained = evaluate(cell(), loss, data, dt=dt)
    assert evaluate(model, loss, data, dt=dt)["loss"] < untrained["loss"]
    np.testing.assert_allclose(simulated(model), trajectory, rtol=1e-5)
    assert (rolled(model) != first).any()
    trained(model)
    model.layers[1].weight.value = cell().layers[1].weight.value
    np.testing.assert_allclose(rolled(model), first, rtol=1e-5)
