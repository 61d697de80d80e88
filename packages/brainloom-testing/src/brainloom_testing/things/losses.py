"""The check of losses and metrics."""

from collections.abc import Callable

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError
from brainloom_core.types import Array, PyTree

from ..require import require

__all__ = ["check_loss"]


def check_loss(
    loss: Callable[[PyTree, PyTree], Array],
    outputs: PyTree | None = None,
    targets: PyTree | None = None,
) -> None:
    """A loss of outputs over time is one number, with a finite gradient.

    Args:
        loss: The loss.
        outputs: Outputs over time, shape `(T, batch, n)`; numbers between 0 and 1 if not given.
        targets: What they are compared with; labels of classes, values for each output, and
            values over time are tried if not given, of which the loss has to take one.

    Raises:
        AssertionError: It takes none of the targets, or its gradient is not finite.

    Examples:
        >>> from brainloom_training import SpikeCountCrossEntropy
        >>> from brainloom_testing import check_loss
        >>> check_loss(SpikeCountCrossEntropy())
    """
    name = type(loss).__name__
    if outputs is None:
        outputs = jnp.asarray(np.random.default_rng(0).random((7, 4, 3)), jnp.float32)
    tried = {
        "labels": jnp.array([0, 1, 2, 1]),
        "a value for each output": jnp.ones((4, 3)),
        "values over time": jnp.ones((7, 4, 3)),
    }
    refused = []
    for kind, target in (tried if targets is None else {"targets": targets}).items():
        try:
            value = loss(outputs, target)
        except (InputError, TypeError, ValueError) as error:
            refused.append(f"{kind}: {error}")
            continue
        require(jnp.shape(value) == (), f"{name} gives the shape {jnp.shape(value)}, not a number")
        gradient = brainstate.transform.grad(lambda x, y=target: loss(x, y), argnums=0)(outputs)
        require(bool(jnp.isfinite(value)), f"{name} of {kind} is {value}")
        finite = all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(gradient))
        require(finite, f"{name} of {kind}: its gradient is not finite")
        return
    require(False, f"{name} takes no targets: {'; '.join(refused)}")
