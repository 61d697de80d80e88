"""Regularisers: what a loss is increased by, from what a model recorded or from its weights."""

from collections.abc import Callable
from dataclasses import dataclass

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    ANY_UNIT,
    Constraint,
    InputError,
    ParameterError,
    non_negative,
    one_of,
    option_field,
    positive,
    quantity_field,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Array, ArrayLike, Quantity
from brainloom_core.units import dimension_name, same_dimension, show

from .padding import counted

__all__ = ["FiringRate", "Voltage", "Weight"]


@dataclass(frozen=True, kw_only=True)
class FiringRate:
    r"""Keeps the firing rate of each neuron at a target or between two bounds.

    $$
    \lambda\, \Bigl\langle \frac{(r_i - r^*)^2 + \max(0, r_\mathrm{lower} - r_i)^2
    + \max(0, r_i - r_\mathrm{upper})^2}{r_0^2} \Bigr\rangle_i
    $$

    where $r_i$ is the mean rate of neuron $i$ over time and batch; what is not given is left out.

    Args:
        strength: Factor $\lambda$.
        target: Rate $r^*$ that is wanted, if any.
        lower: Rate $r_\mathrm{lower}$ that neurons should not fall below, if any.
        upper: Rate $r_\mathrm{upper}$ that they should not exceed, if any.
        scale: Unit $r_0$ of the distance, 1 Hz.

    Raises:
        ParameterError: A parameter has the wrong unit or range, or no rate is given.
        InputError: What is given as spikes has a unit or no time and neuron axis.

    References:
        Zenke & Vogels (2021), Neural Computation 33, 899, doi:10.1162/neco_a_01367.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import FiringRate
        >>> spikes = jnp.array([[1.0, 0.0], [0.0, 0.0]])  # 500 Hz and 0 Hz
        >>> with brainstate.environ.context(dt=1 * u.ms):
        ...     print(FiringRate(strength=2.0, lower=10 * u.Hz)(spikes).round(4))
        100.0
    """

    strength: float = quantity_field(constraint=non_negative, unit=u.UNITLESS)
    target: Quantity = quantity_field(
        default=None, constraint=non_negative, unit=u.Hz, optional=True
    )
    lower: Quantity = quantity_field(
        default=None, constraint=non_negative, unit=u.Hz, optional=True
    )
    upper: Quantity = quantity_field(
        default=None, constraint=non_negative, unit=u.Hz, optional=True
    )
    scale: Quantity = quantity_field(default=u.Hz, constraint=positive)

    def __post_init__(self) -> None:
        _check_bounds(self, ("target", "lower", "upper"))

    def __call__(self, spikes: Array, lengths: ArrayLike | None = None) -> jax.Array:
        """The penalty of spikes `(T, *batch, n)`.

        Args:
            spikes: Spikes, 0 or 1, shape `(T, *batch, n)`.
            lengths: Number of steps of each sequence that count, shape `(*batch,)`; None for all.
        """
        if isinstance(spikes, u.Quantity) or np.ndim(spikes) < 2:
            raise InputError(
                f"FiringRate(spikes): expected numbers of shape (T, *batch, n), got {show(spikes)}"
            )
        axes = tuple(range(np.ndim(spikes) - 1))
        rate = _mean(spikes, lengths, axes) / current_dt()
        penalty = _outside(rate, self.lower, self.upper, self.scale)
        if self.target is not None:
            penalty += u.get_magnitude((rate - self.target) / self.scale) ** 2
        return self.strength * jnp.mean(penalty)


@dataclass(frozen=True, kw_only=True)
class Voltage:
    r"""Keeps potentials (or any other recorded state) between two bounds.

    $$
    \lambda\, \Bigl\langle \frac{\max(0, V_\mathrm{lower} - V)^2
    + \max(0, V - V_\mathrm{upper})^2}{V_0^2} \Bigr\rangle
    $$

    averaged over time, batch and neurons. The surrogate gradient of a neuron vanishes far from its
    threshold; this one does not.

    Args:
        strength: Factor $\lambda$.
        lower: Potential $V_\mathrm{lower}$, if any.
        upper: Potential $V_\mathrm{upper}$, if any.
        scale: Unit $V_0$ of the distance, 1 mV.

    Raises:
        ParameterError: A parameter has the wrong unit or range, or no bound is given.
        InputError: What is recorded is not in the dimension of the bounds.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import Voltage
        >>> V = jnp.array([[-90.0, -60.0], [-50.0, -72.0]]) * u.mV
        >>> print(Voltage(strength=1.0, lower=-70 * u.mV)(V))
        101.0
    """

    strength: float = quantity_field(constraint=non_negative, unit=u.UNITLESS)
    lower: Quantity = quantity_field(default=None, unit=ANY_UNIT, optional=True)
    upper: Quantity = quantity_field(default=None, unit=ANY_UNIT, optional=True)
    scale: Quantity = quantity_field(default=u.mV, constraint=positive, unit=ANY_UNIT)

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            value = getattr(self, name)
            if value is not None and not same_dimension(value, self.scale):
                raise ParameterError(
                    f"Voltage.{name}: expected {dimension_name(self.scale)} as scale, "
                    f"got {show(value)}"
                )
        _check_bounds(self, ("lower", "upper"))

    def __call__(self, V: Quantity, lengths: ArrayLike | None = None) -> jax.Array:
        """The penalty of recorded potentials, `(T, *batch, n)`.

        Args:
            V: Recorded potentials, shape `(T, *batch, n)`, in the dimension of `scale`.
            lengths: Number of steps of each sequence that count, shape `(*batch,)`; None for all.
        """
        if not same_dimension(V, self.scale):
            raise InputError(f"Voltage(V): expected {dimension_name(self.scale)}, got {show(V)}")
        return self.strength * _mean(_outside(V, self.lower, self.upper, self.scale), lengths)


@dataclass(frozen=True, kw_only=True)
class Weight:
    r"""Keeps weights small.

    $$
    \lambda \sum |W / W_0| \;\;(\text{L1}) \qquad \lambda \sum (W / W_0)^2 \;\;(\text{L2})
    $$

    Args:
        strength: Factor $\lambda$.
        norm: `"L1"` or `"L2"`.
        scale: Unit $W_0$ of the weights, 1; with a unit if they have one.
        of: Which parameters are meant: a function of the path, such as
            `lambda path: path[-1] == "weight"`; None, all.

    Raises:
        ParameterError: A parameter has the wrong unit or range.
        InputError: A parameter that is meant is not in the dimension of `scale`, or there is none.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_training import LeakyRateReadout, Weight
        >>> readout = LeakyRateReadout(2, 2, w_init=jnp.ones)
        >>> print(Weight(strength=0.5, norm="L2")(readout))
        2.0
    """

    strength: float = quantity_field(constraint=non_negative, unit=u.UNITLESS)
    norm: str = option_field(default="L2", constraint=one_of("L1", "L2"))
    scale: Quantity = quantity_field(default=1.0, constraint=positive, unit=ANY_UNIT)
    of: Callable[[tuple[str | int, ...]], bool] | None = option_field(
        default=None,
        constraint=Constraint("a function of a path", lambda of: of is None or callable(of)),
    )

    def __call__(self, model: brainstate.nn.Module) -> jax.Array:
        """The penalty of the parameters (`brainstate.ParamState`) of a model.

        Args:
            model: The model.
        """
        found = model.states(brainstate.ParamState)
        chosen = {path: s for path, s in found.items() if self.of is None or self.of(path)}
        if not chosen:
            raise InputError(
                f"Weight(model): expected parameters to choose from, found {list(found)}"
            )
        return self.strength * sum(map(self._size, chosen, chosen.values()), jnp.zeros(()))

    def _size(self, path: tuple[str | int, ...], parameter: brainstate.State) -> jax.Array:
        total = jnp.zeros(())
        for leaf in jax.tree.leaves(parameter.value, is_leaf=lambda x: isinstance(x, u.Quantity)):
            if not same_dimension(leaf, self.scale):
                raise InputError(
                    f"Weight(model): {'.'.join(map(str, path))}: expected "
                    f"{dimension_name(self.scale)} as scale (choose with of=), got {show(leaf)}"
                )
            w = u.get_magnitude(leaf / self.scale)
            total += jnp.sum(abs(w)) if self.norm == "L1" else jnp.sum(w**2)
        return total


def _mean(
    values: Array, lengths: ArrayLike | None, axes: tuple[int, ...] | None = None
) -> jax.Array:
    """The mean over some axes, time and batch among them, of the steps that count."""
    if lengths is None:
        return jnp.mean(values, axis=axes)
    counts = jnp.broadcast_to(counted(lengths, values), values.shape)
    return jnp.sum(jnp.where(counts, values, 0.0), axis=axes) / jnp.sum(counts, axis=axes)


def _check_bounds(regularizer: object, names: tuple[str, ...]) -> None:
    """At least one is given, and `lower` does not exceed `upper`."""
    name, given = type(regularizer).__name__, {n: getattr(regularizer, n) for n in names}
    if all(value is None for value in given.values()):
        raise ParameterError(f"{name}: expected at least one of {', '.join(names)}, got none")
    lower, upper = given["lower"], given["upper"]
    if lower is not None and upper is not None and not bool(u.math.all(lower <= upper)):
        got = f"lower = {show(lower)}, upper = {show(upper)}"
        raise ParameterError(f"{name}.lower: expected lower <= upper, got {got}")


def _outside(value: Quantity, lower: Quantity, upper: Quantity, scale: Quantity) -> jax.Array:
    """The squared distance from the interval, as a plain number in units of `scale`."""
    x = u.get_magnitude(value / scale)
    below = 0.0 if lower is None else jnp.maximum(u.get_magnitude(lower / scale) - x, 0.0)
    above = 0.0 if upper is None else jnp.maximum(x - u.get_magnitude(upper / scale), 0.0)
    return jnp.zeros_like(x) + below**2 + above**2
