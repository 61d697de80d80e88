"""Readouts: from spikes to numbers that a loss can use."""

from typing import Any, ClassVar

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    REQUIRED,
    Declared,
    InputError,
    ParameterError,
    full,
    option,
    param,
    positive,
    state,
)
from brainloom_core.units import show

from .products import product

__all__ = ["LeakyRateReadout"]


class LeakyRateReadout(Declared):
    r"""Leaky integration of weighted spikes.

    $$
    r \leftarrow e^{-\Delta t / \tau}\, r + x\,W
    $$

    A spike of input $i$ raises the outputs by its row of $W$, whatever $\Delta t$ is.

    Args:
        in_size: Number of inputs, or their shape.
        out_size: Number of outputs, or their shape.
        tau: Time constant $\tau$, 5 ms; scalar.
        w_init: Weights, a function of the shape `(n_in, n_out)` or an array of it;
            `brainstate.nn.init.KaimingNormal()`.
        name: Name of the module.

    Attributes:
        r: Output, shape `(*batch, *out_size)`.
        weight: The weights, `brainstate.ParamState`, shape `(n_in, n_out)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The input does not have one value per input neuron.

    References:
        Bellec et al. (2020), Nature Communications 11, 3625, doi:10.1038/s41467-020-17236-y.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LeakyRateReadout
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> readout = LeakyRateReadout(2, 1, tau=10 * u.ms, w_init=jnp.ones)
        >>> _ = brainstate.nn.init_all_states(readout)
        >>> print(readout(jnp.array([1.0, 1.0])))
        [2.]
    """

    _layout = ("in_size", "out_size", ..., "name")
    _frame: ClassVar[dict[str, Any]] = {"in_size": REQUIRED, "out_size": REQUIRED, "name": None}

    tau: Any = param(default=5.0 * u.ms, constraint=positive, doc="time constant")
    w_init: Any = option(default=brainstate.nn.init.KaimingNormal(), doc="weights")
    r = state(lambda model, shape: full(0.0, shape), "output")

    def _setup_frame(self, in_size: Any, out_size: Any, name: str | None) -> None:
        super()._setup_frame(name=name)
        self.in_size, self.out_size = _size("in_size", in_size), _size("out_size", out_size)

    def _setup(self, frame: dict[str, Any], values: dict[str, Any]) -> None:
        super()._setup(frame, values)
        shape = (int(np.prod(self.in_size)), int(np.prod(self.out_size)))
        weight = self.w_init(shape) if callable(self.w_init) else self.w_init
        if np.shape(weight) != shape:
            raise ParameterError(
                f"LeakyRateReadout.w_init: expected weights of shape {shape}, got {show(weight)}"
            )
        self.weight = brainstate.ParamState(weight)

    def _state_shape(self, batch_size: int | None) -> tuple[int, ...]:
        return self.out_size if batch_size is None else (batch_size, *self.out_size)

    def update(self, x: Any) -> Any:
        """Advance by one step with the spikes `x`, shape `(*batch, *in_size)`."""
        batch = self.r.value.shape[: self.r.value.ndim - len(self.out_size)]
        if np.shape(x) != (*batch, *self.in_size) or isinstance(x, u.Quantity):
            raise InputError(
                f"LeakyRateReadout.update(x): expected numbers of shape "
                f"{(*batch, *self.in_size)}, got {show(x)}"
            )
        decay = jnp.exp(-u.get_magnitude(brainstate.environ.get_dt() / self.tau))
        flat = jnp.reshape(x, (*batch, -1)).astype(self.r.value.dtype)
        arriving = product(flat, self.weight.value).reshape(self.r.value.shape)
        self.r.value = decay * self.r.value + arriving
        return self.r.value


def _size(name: str, size: Any) -> tuple[int, ...]:
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    if not sizes or not all(
        isinstance(n, (int, np.integer)) and n >= 1 and n is not True for n in sizes
    ):
        raise ParameterError(
            f"LeakyRateReadout.{name}: expected a whole number >= 1 or a tuple of them, "
            f"got {size!r}"
        )
    return tuple(int(n) for n in sizes)


class Stack:
    """TEMP."""
