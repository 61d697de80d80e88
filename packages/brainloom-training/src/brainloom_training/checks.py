"""What training is given, looked at before its first step."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, PluginError
from brainloom_core.plugins import made
from brainloom_core.types import Array, ArrayLike, PyTree
from brainloom_core.units import show

from .arguments import READ, takes
from .encoders import Encoder
from .losses import Loss, OfClasses
from .padding import Padded, lengths_of, unpadded
from .types import Measure, Penalty, Samples, Sequences

__all__ = ["check_options", "check_read", "loss_of", "numbers_of", "samples"]

AT_ONCE = 2**24  # numbers that are looked at together


def check_options(
    model: object,
    loss: object,
    optimizer: object,
    metrics: Mapping[str, Measure] | None,
    regularizers: Mapping[str, Penalty] | None,
    constraints: object,
    clip_norm: object,
    encoder: object,
) -> None:
    """Refuse what cannot be a part of training, by the name of its argument."""
    if not isinstance(model, brainstate.nn.Module):
        raise InputError(f"model: expected a module such as a Network or a layer, {_got(model)}")
    _check_function("loss", loss, "SpikeCountCrossEntropy()")
    if not takes(loss, 2) and not takes(loss, 3):
        raise InputError(
            f"loss: expected a function of outputs and targets (and lengths), {_got(loss)}"
        )
    parts = [getattr(optimizer, part, None) for part in ("init", "update")]
    if optimizer is not None and not all(map(callable, parts)):
        raise InputError(
            f"optimizer: expected one of optax, such as optax.adam(1e-3), {_got(optimizer)}"
        )
    for name, given in (("metrics", metrics), ("regularizers", regularizers)):
        _check_mapping(name, given)
        for key, part in (given or {}).items():
            if not (name == "regularizers" and hasattr(part, "penalty")):
                example = "Accuracy()" if name == "metrics" else "FiringRate(...)"
                _check_function(f"{name}[{key!r}]", part, example)
    if taken := {"loss", "gradient_norm"} & set(metrics or {}):
        raise InputError(
            f"metrics: expected other names than 'loss' and 'gradient_norm', which the history has "
            f"anyway, got {sorted(taken)}"
        )
    _check_mapping("constraints", constraints)
    if encoder is not None:
        _check_function("encoder", encoder, "RateEncoder(...)")
    if clip_norm is not None and not _is_positive(clip_norm):
        raise InputError(f"clip_norm: expected a number > 0 or None, got {show(clip_norm)}")


def loss_of(loss: str | Measure) -> Measure:
    """The loss of a name that a plugin registers; any other is returned as it is."""
    if not isinstance(loss, str):
        return loss
    try:
        found: Measure = made("loss", loss)
    except PluginError as error:
        raise InputError(
            f"loss: expected a function, such as SpikeCountCrossEntropy(), or the name of a "
            f"plugin's, got {loss!r}. {error}"
        ) from error
    return found


def check_read(read: Any) -> None:
    """Refuse what a step cannot give."""
    if not READ.holds(read):
        raise InputError(f"read: expected {READ.text}, got {show(read)}")


def _check_mapping(name: str, given: object) -> None:
    if given is not None and not isinstance(given, Mapping):
        raise InputError(f"{name}: expected a mapping from names, {_got(given)}")


def _check_function(name: str, given: object, example: str) -> None:
    """An instance or a function, not the class of it."""
    if isinstance(given, type) or not callable(given):
        raise InputError(f"{name}: expected a function, such as {example}, {_got(given)}")


def _got(given: object) -> str:
    if isinstance(given, type):
        return f"got the class {given.__name__}: call it, {given.__name__}(...)"
    return f"got {show(given)}"


def _is_positive(number: Any) -> bool:
    known = isinstance(number, (int, float, np.generic, jax.Array)) and np.ndim(number) == 0
    return known and not isinstance(number, bool) and bool(0 < number < np.inf)


def numbers_of(name: str, given: PyTree) -> PyTree:
    """What is given for `name`, its lists as arrays; text and objects are refused."""

    def array(leaf: ArrayLike) -> Array | np.ndarray:
        held = leaf if isinstance(leaf, (np.ndarray, jax.Array)) else np.asarray(leaf)
        if held.dtype.kind in "OSUMm":
            raise InputError(f"{name}: expected arrays of numbers, got {_not_numbers(held)}")
        return held

    if isinstance(given, list):
        return array(given)
    return jax.tree.map(array, given)


def _not_numbers(held: np.ndarray | jax.Array) -> str:
    if held.dtype.kind in "SU" and held.size:
        return (
            f"text such as {str(np.ravel(held)[0])!r}: np.unique(labels, return_inverse=True)[1] "
            "numbers labels"
        )
    return f"{held.dtype} of shape {held.shape}"


def samples(
    name: str,
    given: Samples | Sequences,
    loss: str | Measure | None = None,
    encoder: Callable[[PyTree], PyTree] | None = None,
) -> Samples:
    """Inputs and targets, samples first; checked as far as that can be without running a model.

    Args:
        name: What they are, for the text of an error.
        given: The two; data sets that are read as they are indexed are checked by length alone.
        loss: The loss that they are for, None to leave out targets.
        encoder: What makes sequences of the inputs.

    Raises:
        InputError: There is none, they differ in number, or they hold something else than numbers.
    """
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise InputError(
            f"{name}: expected inputs and targets (x, y), or with the lengths of the sequences "
            f"(x, y, lengths), {_got(given)}"
        )
    parts: Any = given
    lengths = parts[2:]
    x, y = (
        numbers_of(f"{name}: {part}", values) if _is_array(values) else values
        for part, values in zip("xy", parts[:2], strict=True)
    )
    if lengths and not isinstance(y, Padded):
        n_samples = len(y) if hasattr(y, "__len__") else 0
        y = Padded(y, lengths_of(f"{name}: lengths", lengths[0], n_samples))
    if x is None:
        return x, y
    for part, values in (("x", x), ("y", y)):
        if not hasattr(values, "__len__") or isinstance(values, str):
            raise InputError(f"{name}: {part}: expected an array, samples first, {_got(values)}")
    if len(x) != len(y) or len(x) == 0:
        raise InputError(
            f"{name}: expected at least one sample, and as many x as y, got {len(x)} and {len(y)}"
        )
    if may_be_checked(encoder):
        _check_finite(f"{name}: x", x)
    if isinstance(loss, Loss):
        _check_finite(f"{name}: y", unpadded(y)[0])
    return x, y


def may_be_checked(encoder: Callable[[PyTree], PyTree] | None) -> bool:
    """Whether inputs have to be finite: an encoder of your own may make something of NaN."""
    return encoder is None or isinstance(encoder, Encoder)


def check_targets(measures: Mapping[str, Measure], classes: Mapping[str, int], y: PyTree) -> None:
    """Refuse class labels of which a loss or metric knows no class."""
    y, _ = unpadded(y)
    for name, number in classes.items():
        measure = measures[name]
        if isinstance(measure, OfClasses):
            measure.check_labels(number, y)


def _is_array(values: object) -> bool:
    return isinstance(values, (list, np.ndarray, jax.Array, u.Quantity))


def _check_finite(name: str, values: PyTree) -> None:
    number = u.get_mantissa(values) if _is_array(values) else None
    if isinstance(number, np.memmap) or not isinstance(number, (np.ndarray, jax.Array)):
        return  # read as it is indexed: each batch is looked at in its step
    if not jnp.issubdtype(number.dtype, jnp.inexact):
        return
    for start, part in _parts(number):
        xp = jnp if isinstance(part, jax.Array) else np
        if not xp.isfinite(part).all():
            first, *rest = (int(k[0]) for k in np.nonzero(~np.isfinite(np.asarray(part))))
            at = ", ".join(map(str, (start + first, *rest)))
            value = float(part[(first, *rest)])
            raise InputError(f"{name}: expected finite numbers, got {value} at index ({at})")


def _parts(array: Array | np.ndarray) -> Iterator[tuple[int, Array | np.ndarray]]:
    """Pieces of an array along its first axis, so that a check needs little memory."""
    rows = max(1, AT_ONCE // max(1, array.size // max(1, len(array))))
    for start in range(0, len(array), rows):
        yield start, array[start : start + rows]
