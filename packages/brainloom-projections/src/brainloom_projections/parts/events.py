"""Spikes in the forms in which they come."""

from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core.types import Quantity

__all__ = ["plain"]


def plain(values: Any) -> Quantity:
    """The values of an event array, such as that of brainevent; anything else as it is.

    An event array is taken for its values: a spike of 2.0 counts twice.
    """
    if isinstance(values, (u.Quantity, jax.Array, np.ndarray)):
        return values
    if hasattr(values, "value"):
        return values.value
    return jnp.asarray(values.__array__()) if hasattr(values, "__array__") else values
