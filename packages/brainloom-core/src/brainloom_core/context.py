"""What a step knows of its surroundings: the length of the step."""

from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np

from .errors import InputError
from .types import Time
from .units import same_dimension, show

__all__ = ["current_dt"]

_UNSET = object()


def current_dt() -> Time:
    """The length of a step that is set now, a time.

    Raises:
        InputError: None is set, or what is set is no time above zero.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core.context import current_dt
        >>> with brainstate.environ.context(dt=0.1 * u.ms):
        ...     print(current_dt())
        0.1 ms
    """
    dt: Any = brainstate.environ.get("dt", default=_UNSET)
    if dt is _UNSET:
        raise InputError(
            "dt: no length of a step is set. Write brainstate.environ.set(dt=0.1 * u.ms) before "
            "states are made or a step is taken, or simulate(..., dt=0.1 * u.ms)"
        )
    if not _is_a_step(dt):
        raise InputError(f"dt: expected a time > 0 (for example 0.1 ms), got {show(dt)}")
    return dt


def _is_a_step(dt: object) -> bool:
    if not same_dimension(dt, u.ms):
        return False
    number = u.get_mantissa(dt)
    if isinstance(number, jax.core.Tracer):
        return True
    known = np.asarray(number)  # of NumPy, which no transformation traces
    return known.ndim == 0 and bool(np.isfinite(known)) and bool(known > 0)
