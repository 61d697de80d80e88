"""`fit`: an ordinary training loop in one call."""

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any

import brainstate
from brainloom_core import InputError
from brainloom_core.identity import text_of
from brainloom_core.plugins import made
from brainloom_core.progress import progress_bar
from brainloom_core.tensors import check_writable
from brainloom_core.types import Arguments
from brainloom_core.units import show

from .callbacks import Callback, Progress
from .data.checks import check_whole
from .history import EarlyStop, History
from .loop import Run, measured
from .sources import Source, checked_data
from .trainer import Trainer
from .types import Data, Measure

__all__ = ["evaluate", "fit"]


BAR = "True, False or None"


def fit(
    model: brainstate.nn.Module,
    loss: str | Measure,
    train: Data,
    *,
    epochs: int = 10,
    batch_size: int = 64,
    steps_per_epoch: int | None = None,
    prefetch: int = 2,
    validation: Data | None = None,
    early_stop: EarlyStop | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    save_every: int | None = None,
    progress: bool | None = None,
    on_epoch: str | Callable[[History], object] | None = None,
    callbacks: Sequence[str | Callback] = (),
    seed: int = 0,
    **options: Any,
) -> History:
    r"""Train a model: an ordinary loop over epochs and batches in one call.

    `Trainer` holds the pieces of this loop, for one of your own.

    With `checkpoint`, training that was stopped, or killed, goes on from its file when the same
    call is made again, and ends with the very numbers that it would have had: the order of the
    samples depends on the seed and the epoch alone, and what is drawn in a step on the seed and
    the number of the step.

    Data and arguments are looked at before the first step, and every step for numbers that are not
    finite; nothing is changed by such a step. In the end, also after an error, the states of the
    model are the initial ones, without a batch axis.

    Args:
        model: A module whose call advances it by one step.
        loss: The loss, a function of outputs over time and targets.
        train: Inputs and targets `(x, y)`, samples first: `x` of shape `(N, T, n_in)`, or what the
            encoder takes. Sequences of different length are padded, `(x, y, lengths)`: of each,
            only so many steps count. Or any iterable of batches of these, such as a `DataLoader`
            of PyTorch or Grain, or a function from the number of an epoch to such an iterable.
        epochs: How often all samples are seen.
        batch_size: Samples in a batch of arrays; the last one may have fewer.
        steps_per_epoch: Most batches of an epoch, None for all there are. With it, a generator
            goes on in the next epoch where it was.
        prefetch: How many batches are sent to the device before they are needed, 2.
        validation: Data that is measured after each epoch, as `train`.
        early_stop: When to end before the last epoch, such as `EarlyStop("val_loss")`.
        checkpoint: File to keep training in, see above.
        save_every: Number of steps between writes of this file; None for once in an epoch.
        progress: Whether to show a progress bar; None shows one on a terminal.
        on_epoch: Called with the history after each epoch: a function, or the name of a callback
            that a plugin registers.
        callbacks: What else happens beside training, such as `CSVLog("run.csv")`, `TensorBoard`
            or `LayerRates()`; also the name of one that a plugin registers.
        seed: Seed of the order of samples and of all that is random.
        options: Those of `Trainer`: `optimizer`, `rule`, `parameters`, `metrics`, `regularizers`,
            `constraints`, `clip_norm`, `encoder`, `read`, `batching`, `dt`.

    Returns:
        What was measured in each epoch.

    Raises:
        TrainingError: The loss, a gradient or a new parameter is no longer a finite number.
        CheckpointError: The file belongs to another call, or cannot be written.
        InputError: Data or an argument is not what it is expected to be: inputs that are not
            finite, labels of classes that the model does not have, ...
        PluginError: No plugin registers a callback of this name.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import LeakyRateReadout, fit
        >>> readout = LeakyRateReadout(3, 2, tau=10 * u.ms)
        >>> x, y = np.ones((8, 20, 3), "float32"), np.zeros((8, 2), "float32")
        >>> history = fit(
        ...     readout, lambda r, y: ((r[-1] - y) ** 2).mean(), (x, y), epochs=3, dt=1 * u.ms
        ... )
        >>> history["loss"][0] > history["loss"][-1]
        True
    """
    check_whole("fit", 0, epochs=epochs, seed=seed)
    check_whole("fit", 1, batch_size=batch_size, save_every=1 if save_every is None else save_every)
    _check("progress", progress is None or isinstance(progress, bool), BAR, progress)
    on_epoch = made("callback", on_epoch) if isinstance(on_epoch, str) else on_epoch
    _check("on_epoch", on_epoch is None or callable(on_epoch), "a function or None", on_epoch)
    called = _callbacks(callbacks)
    check_whole("fit", 1, steps_per_epoch=1 if steps_per_epoch is None else steps_per_epoch)
    check_whole("fit", 0, prefetch=prefetch)
    trainer = _trainer("fit", model, loss, seed=seed, **options)
    about: Arguments = {"loss": loss, "encoder": options.get("encoder")}
    data = checked_data("fit: train", train, **about)
    source = Source("fit: train", data, batch_size, seed, steps_per_epoch, prefetch)
    source.check_epochs(epochs)
    measured_on = None
    if validation is not None:
        data = checked_data("fit: validation", validation, **about)
        measured_on = Source("fit: validation", data, batch_size, ahead=prefetch)
        measured_on.check_epochs(epochs)
    _check_early_stop(early_stop, {"loss", *(options.get("metrics") or ())}, validation is not None)
    if checkpoint is not None:
        check_writable(checkpoint)
    told = None if measured_on is None else measured_on.about()["train"]
    others = {"validation": str(told), "early_stop": text_of(early_stop)}
    kept = checkpoint, save_every, others, called
    run = Run(trainer, source, epochs, measured_on, early_stop, *kept)
    run.resume()
    try:
        run.call("on_start")
        with progress_bar(run.total, progress, initial=trainer.steps, desc="training") as bar:
            while not run.over:
                run.epoch(bar)
                if on_epoch is not None:
                    on_epoch(run.history)
        run.finish()
    finally:
        trainer.close()
        run.call("on_end")
    return run.history


def evaluate(
    model: brainstate.nn.Module,
    loss: str | Measure,
    data: Data,
    *,
    batch_size: int = 64,
    **options: Any,
) -> dict[str, float]:
    """The loss and the metrics of a model on data that it is not trained with.

    Args:
        model: A module whose call advances it by one step.
        loss: The loss, a function of outputs over time and targets.
        data: Inputs and targets `(x, y)`, samples first, or batches of them, as of `fit`.
        batch_size: Samples in a batch of arrays.
        options: Those of `Trainer` that matter here: `metrics`, `encoder`, `read`, `dt`, ...

    Returns:
        Means over the samples, by name.

    Raises:
        InputError: Data or an argument is not what it is expected to be, as of `fit`.
        TrainingError: The loss is not a finite number.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_training import MSE, LastOverTime, LeakyRateReadout, evaluate
        >>> readout = LeakyRateReadout(3, 2, w_init=np.zeros((3, 2)))
        >>> data = np.ones((100, 20, 3), "float32"), np.full((100, 2), 0.5, "float32")
        >>> evaluate(readout, MSE(over=LastOverTime()), data, dt=1 * u.ms)
        {'loss': 0.25}
    """
    check_whole("evaluate", 1, batch_size=batch_size)
    trainer = _trainer("evaluate", model, loss, **options)
    checked = checked_data("evaluate: data", data, loss, options.get("encoder"))
    try:
        return measured(trainer, Source("evaluate: data", checked, batch_size))
    finally:
        trainer.close()


def _check(name: str, holds: bool, expected: str, given: object) -> None:
    if not holds:
        raise InputError(f"fit: {name}: expected {expected}, got {show(given)}")


def _trainer(
    caller: str, model: brainstate.nn.Module, loss: str | Measure, **options: Any
) -> Trainer:
    known = inspect.signature(Trainer).parameters
    if unknown := sorted(options.keys() - known.keys()):
        raise InputError(
            f"{caller}: there is no option {', '.join(map(repr, unknown))}: expected some of "
            f"{', '.join(known)}. A learning rate is that of the optimizer: optax.adam(1e-3)"
        )
    return Trainer(model, loss, **options)


def _callbacks(given: Sequence[str | Callback]) -> tuple[Callback, ...]:
    """The callbacks that are given, or that plugins register under these names."""
    expected = "some such as [CSVLog('run.csv')]"
    _check("callbacks", isinstance(given, (list, tuple)), expected, given)
    found = [_registered(it) if isinstance(it, str) else it for it in given]
    for number, callback in enumerate(found):
        _check(f"callbacks[{number}]", isinstance(callback, Callback), expected, callback)
    return tuple(found)


def _registered(name: str) -> Callback:
    """What a plugin registers: a callback, or a function of the history."""
    found = made("callback", name)
    return found if isinstance(found, Callback) else _AfterEpoch(found)


class _AfterEpoch(Callback):
    """What a plugin registers: a function of the history."""

    def __init__(self, function: Callable[[History], object]) -> None:
        self.function = function

    def on_epoch(self, progress: Progress) -> None:
        """Call it."""
        self.function(progress.history)


def _check_early_stop(stop: EarlyStop | None, measured: set[str], validated: bool) -> None:
    """Refuse, before the first epoch, to look for something that is never measured."""
    if stop is None:
        return
    _check("early_stop", isinstance(stop, EarlyStop), "EarlyStop(...) or None", stop)
    there = measured | {"gradient_norm"} | {f"val_{n}" for n in measured if validated}
    if stop.measure not in there:
        hint = "; fit(validation=(x, y)) measures the others" if not validated else ""
        raise InputError(
            f"EarlyStop.measure: expected one of {sorted(there)}, got {stop.measure!r}{hint}"
        )
