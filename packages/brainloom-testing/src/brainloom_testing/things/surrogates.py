"""The check of spike functions."""

from collections.abc import Callable

import brainstate
import jax.numpy as jnp
import numpy as np
from brainloom_core.types import Array

from ..require import require

__all__ = ["check_surrogate"]

# Where a surrogate matters: both sides of the threshold, and the threshold itself.
POSITIONS = np.linspace(-3.0, 3.0, 121).astype(np.float32)


def check_surrogate(function: Callable[[Array], Array]) -> None:
    """A spike function is the step from 0 to 1, or draws these, with a derivative of its own.

    Args:
        function: The spike function.

    Raises:
        AssertionError: It is not, or the derivative is not finite, or is zero everywhere, or is
            largest far from the threshold, or differs when compiled.

    Examples:
        >>> from brainloom_core import ReluGrad
        >>> from brainloom_testing import check_surrogate
        >>> check_surrogate(ReluGrad())
    """
    name = type(function).__name__
    z = jnp.asarray(POSITIONS)
    spikes = function(z)
    require(spikes.shape == z.shape, f"{name} changes the shape {z.shape} to {spikes.shape}")
    require(bool(jnp.all((spikes == 0) | (spikes == 1))), f"{name} gives what is neither 0 nor 1")
    far = np.abs(POSITIONS) > 1e-6
    is_drawn = any(not np.array_equal(function(z), spikes) for _ in range(3))
    require(
        is_drawn or np.array_equal(np.asarray(spikes)[far], (POSITIONS >= 0)[far]),
        f"{name} is no step: expected 0 below the threshold and 1 above",
    )
    derivative = brainstate.transform.grad(lambda x: jnp.sum(function(x)), argnums=0)
    slope = np.asarray(derivative(z))
    require(bool(np.all(np.isfinite(slope))), f"{name} has a derivative that is not finite")
    require(bool(np.any(slope != 0)), f"{name} has no derivative: nothing would be learned")
    near = np.abs(POSITIONS) <= 1.0
    require(
        np.abs(slope[near]).max() >= np.abs(slope[~near]).max() - 1e-6,
        f"{name} has a derivative that is largest away from the threshold",
    )
    compiled = np.asarray(brainstate.transform.jit(derivative)(z))
    require(np.allclose(compiled, slope, rtol=1e-5), f"{name} has another derivative when compiled")
