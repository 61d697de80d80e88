"""The checks of what takes part in training: learning rules and callbacks."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core import BrainloomError, get_model

from ..require import require
from .parts import training

__all__ = ["check_callback", "check_learning_rule"]


def check_learning_rule(rule: Any, model: Callable[[], brainstate.nn.Module] | None = None) -> None:
    """A learning rule finds gradients of all parameters, along which the loss falls.

    Args:
        rule: The rule, or the name of a registered one.
        model: Makes a model that the rule can train, of 6 inputs and 2 outputs; weights onto LIF
            neurons and a readout if not given.

    Raises:
        AssertionError: A gradient is missing, not finite, zero everywhere, another one when it is
            found again, or of another shape; the loss is not that of the model; or a small step
            against the gradients does not lower it.

    Examples:
        >>> from brainloom_training import BPTT
        >>> from brainloom_testing import check_learning_rule
        >>> check_learning_rule(BPTT())
    """
    library = training()
    name = rule if isinstance(rule, str) else type(rule).__name__
    x, y = _examples()

    def numbers(built: brainstate.nn.Module) -> dict[str, np.ndarray]:
        found = library.trainable(built).items()
        return {k: np.asarray(u.get_mantissa(s.value)) for k, s in found}

    def objective(built: brainstate.nn.Module, way: Any) -> Any:
        import optax

        loss = library.MSE(over=library.LastOverTime())
        return library.Trainer(built, loss, optax.sgd(1.0), rule=way, dt=1.0 * u.ms)

    def step(way: Any) -> tuple[float, dict[str, np.ndarray]]:
        """The loss, and what a step of the size 1 takes off the parameters."""
        brainstate.random.seed(0)
        built = (model or _network)()
        before = {
            k: np.asarray(u.get_mantissa(s.value)) for k, s in library.trainable(built).items()
        }
        try:
            found = objective(built, way).step(x, y)["loss"]
        except (BrainloomError, ImportError) as error:
            raise AssertionError(f"{name} does not train this model: {error}") from error
        after = {
            k: np.asarray(u.get_mantissa(s.value)) for k, s in library.trainable(built).items()
        }
        shapes = {k: (before[k].shape, after[k].shape) for k in before}
        wrong = [k for k, (a, b) in shapes.items() if a != b]
        require(not wrong, f"{name} gives gradients of another shape than {wrong}")
        return float(found), {k: before[k] - after[k] for k in before}

    loss, gradient = step(rule)
    again_loss, again = step(rule)
    require(
        loss == again_loss and all(np.array_equal(gradient[k], again[k]) for k in gradient),
        f"{name} finds other gradients for the same model and data",
    )
    for k, slope in gradient.items():
        require(bool(np.all(np.isfinite(slope))), f"{name}: the gradient by {k} is not finite")
        require(bool(np.any(slope != 0)), f"{name}: there is no gradient by {k}")
    expected, exact = step("bptt")
    require(
        abs(loss - expected) <= 1e-5 * max(1.0, abs(expected)),
        f"{name} reports the loss {loss:.6g}, that of the model is {expected:.6g}",
    )
    along = sum(float(np.sum(gradient[k] * exact[k])) for k in gradient)
    require(
        along > 0,
        f"{name}: the loss rises against its gradients (their product with those of "
        f"backpropagation through time is {along:.3g})",
    )


def check_callback(callback: Callable[[Any], object]) -> None:
    """Training ends with the same numbers with a callback as without.

    Args:
        callback: What `fit` calls with the history after each epoch, or a `Callback`.

    Raises:
        AssertionError: It raises, or the results differ.

    Examples:
        >>> from brainloom_testing import check_callback
        >>> check_callback(lambda history: history["loss"][-1])
    """
    import optax

    library = training()
    name = getattr(callback, "__name__", type(callback).__name__)
    x, y = _examples()

    def trained(**options: Any) -> tuple[list[float], np.ndarray]:
        brainstate.random.seed(0)
        readout = library.LeakyRateReadout(6, 2, tau=10.0 * u.ms)
        history = library.fit(
            *(readout, library.MSE(over=library.LastOverTime()), (x, y)),
            epochs=2,
            batch_size=4,
            dt=1.0 * u.ms,
            progress=False,
            optimizer=optax.sgd(0.1),
            **options,
        )
        return list(history["loss"]), np.asarray(readout.weight.value)

    alone = trained()

    def called(history: Any) -> None:
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # what it prints is for users
                callback(history)
        except Exception as error:
            raise AssertionError(f"{name} raises {type(error).__name__}: {error}") from error

    is_function = not isinstance(callback, library.Callback)
    with_it = trained(on_epoch=called) if is_function else trained(callbacks=[callback])
    same = alone[0] == with_it[0] and np.array_equal(alone[1], with_it[1])
    require(same, f"{name}: training has other results with it than without it")


def _network() -> brainstate.nn.Module:
    library = training()
    scaled = brainstate.nn.init.KaimingNormal(scale=200.0, unit=u.mA)
    cell = {"tau": 20 * u.ms, "V_th": 1 * u.mV, "V_rest": 0 * u.mV, "V_reset": 0 * u.mV}
    return brainstate.nn.Sequential(
        library.Linear(6, 8, scaled, None),
        get_model("LIF")(8, **cell),
        library.LeakyRateReadout(8, 2, tau=10 * u.ms),
    )


def _examples() -> tuple[jax.Array, jax.Array]:
    random = np.random.default_rng(0)
    x = (random.random((8, 12, 6)) < 0.3).astype(np.float32)
    return jax.numpy.asarray(x), jax.numpy.asarray(random.random((8, 2)), np.float32)
