"""Rates of Poisson trains: constant, functions of the time or arrays over it, and draws of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Constraint, Declared, InputError, Normal, Uniform, keys, non_negative
from brainloom_core.clock import at_time
from brainloom_core.context import current_dt
from brainloom_core.declare.parameters import REQUIRED, QuantityParam
from brainloom_core.types import Array, DTypeLike, Quantity, Shape, Time
from brainloom_core.units import same_dimension, show, step_count, with_unit

__all__ = [
    "LateRate",
    "as_quantities",
    "as_spikes",
    "chance_spikes",
    "current_step",
    "expected_spikes",
    "in_double",
    "is_of_time",
    "judged",
    "poisson_counts",
    "poisson_spikes",
    "rate_param",
    "require_one_per_step",
    "spike_type",
    "whole_steps",
]

LAST_STEP = 2**31 - 1
TABLE_LIMIT = 1000.0


# Time as steps


def current_step(t: Time | None = None) -> jax.Array:
    """The number of the step: `i` of the environment, or that nearest to the time `t`.

    Args:
        t: Time at the beginning of the step, None for that of the environment.

    Raises:
        InputError: The environment has neither.
    """
    step = brainstate.environ.get("i", default=None)
    if step is not None:
        return jnp.asarray(step, jnp.int32)
    t = brainstate.environ.get("t", default=None) if t is None else t
    if t is None:
        raise InputError(
            "a source that depends on the time does not know it: call it within "
            "brainstate.environ.context(i=i, t=i * dt), as simulate does"
        )
    return step_count(t, current_dt())


def whole_steps(duration: Time) -> Array | np.ndarray:
    """`round(duration / dt)`, in double precision where the values are known, never too large.

    The end of a window that is longer than 32 bits of steps is never reached.
    """
    ratio = u.get_magnitude(in_double(duration) / in_double(current_dt()))
    if isinstance(ratio, jax.core.Tracer):
        return step_count(duration, current_dt())
    return np.clip(np.round(ratio), -LAST_STEP, LAST_STEP).astype(np.int32)


def in_double(value: Quantity) -> Quantity:
    """The value in double precision outside of what is traced, also while tracing."""
    number = u.get_mantissa(value)
    if isinstance(number, jax.core.Tracer):
        return value
    return with_unit(np.asarray(number, np.float64), u.get_unit(value))


def as_quantities(value: object) -> Quantity | None:
    """An array with its unit and precision, or None if it is no list of numbers."""
    try:
        if isinstance(value, (list, tuple)):
            if not any(isinstance(item, u.Quantity) for item in value):
                return np.asarray(value, np.float64)
            unit = u.get_unit(value[0])
            numbers = [u.Quantity(item).to_decimal(unit) for item in value]
            return u.Quantity(np.asarray(numbers, np.float64), unit=unit)
        dtype = np.asarray(u.get_mantissa(value)).dtype
    except (TypeError, ValueError, u.UnitMismatchError):
        return None
    return value if dtype.kind in "fiu" else None


# Rates


@dataclass(eq=False, kw_only=True)
class RateParam(QuantityParam):
    """A rate: a number, one per neuron, a function of the time, or an array over the time.

    An array is over time where the model has a `bin_width`, or where it has an axis more than
    the population: then it has a row for each step.
    """

    def stored(self, model: Declared, value: Quantity) -> Quantity:
        if is_of_time(value):
            return value
        if callable(value) and not isinstance(value, (u.Quantity, u.Unit, brainstate.nn.Param)):
            return super().stored(model, value)
        rates = None if isinstance(value, brainstate.State) else as_quantities(value)
        if rates is None or np.ndim(rates) == 0 or np.shape(rates) == self.size(model):
            return super().stored(model, value)
        if not same_dimension(rates, self.unit):
            return super().stored(model, value)  # which says so
        number = np.asarray(u.get_mantissa(rates))
        if not np.all(np.isfinite(number) & (number >= 0)) or number.size == 0:
            raise self.error(model, "one or more frequencies >= 0, finite", show(value))
        kept = jnp.asarray(number, brainstate.environ.dftype())
        return with_unit(kept, u.get_unit(rates))

    def check_relations(self, model: Declared) -> None:
        super().check_relations(model)
        rate, width = getattr(model, self.name), getattr(model, "bin_width", None)
        if is_of_time(rate):
            if width is not None:
                raise self._bins(model, f"None, since {self.name} is a function", width)
            return
        shape, size = np.shape(rate), self.size(model)
        if width is not None:
            if np.ndim(width) > 0:
                raise self._bins(model, "one time for all bins", width)
            if not shape or (size is not None and shape[1:] not in ((), size)):
                rows = "bins, ..." if size is None else ", ".join(map(str, ("bins", *size)))
                expected = f"an array of shape (bins,) or ({rows}), since there is a bin_width"
                raise self.error(model, expected, f"shape {shape}")
        elif size is not None and shape not in ((), size) and shape[1:] != size:
            rows = ", ".join(map(str, ("steps", *size)))
            raise self.error(
                model,
                f"a scalar, shape {size} or ({rows}) (one rate per bin needs bin_width=)",
                f"shape {shape}",
            )

    def _bins(self, model: Declared, expected: str, width: Time) -> Exception:
        who = type(model).__name__
        return type(self.error(model, "", ""))(
            f"{who}.bin_width: expected {expected}, got {show(width)}"
        )


if TYPE_CHECKING:  # type checkers know that `param` declares an argument
    from brainloom_core import param as rate_param
else:

    def rate_param(default=REQUIRED, constraint=non_negative, doc="", *, unit=u.Hz, kw_only=True):
        """Declare a rate in Hz: as `param`, or a function of the time, or an array over it."""
        return RateParam(default=default, constraint=constraint, doc=doc, unit=unit)


def is_of_time(rate: object) -> bool:
    """Whether a rate is a function of the time; objects that draw values are not."""
    if not callable(rate) or isinstance(
        rate,
        (u.Quantity, u.Unit, brainstate.nn.Param, brainstate.State, Uniform, Normal),
    ):
        return False
    draws = isinstance(rate, brainstate.nn.init.Initializer)
    return not (draws or type(rate).__module__.startswith("braintools.init"))


def expected_spikes(
    who: str,
    rate: Quantity,
    bin_width: Time | None = None,
    size: Shape | None = None,
    t: Time | None = None,
) -> Array:
    r"""Mean number of spikes in this step, $\int_t^{t + \Delta t} f$, to second order.

    Args:
        who: The parameter, for messages: `"PoissonSpike.freqs"`.
        rate: The rate, as `RateParam` keeps it.
        bin_width: Width of a bin of an array over time, None where a row is one step.
        size: Shape of the population, None where it is not known.
        t: Time at the beginning of the step, None for that of the environment.

    Raises:
        InputError: A function returns something else than a rate, or a bin is below `dt`.
    """
    dt = current_dt()
    if is_of_time(rate):
        rate = _at_time(who, rate, t, size)
    elif bin_width is not None:
        rate = _in_bin(who, rate, bin_width, current_step(t))
    elif size is not None and np.ndim(rate) > len(size):
        rate = _row(rate, current_step(t))
    return u.get_magnitude(rate * dt)


def _at_time(
    who: str, rate: Callable[[Time], Quantity], t: Time | None, size: Shape | None
) -> Quantity:
    """The rate in the middle of the step."""
    dt = current_dt()
    if t is None and brainstate.environ.get("t", default=None) is not None:
        found = at_time(lambda begin: rate(begin + 0.5 * dt))
    else:
        found = rate((current_step(t) + 0.5) * dt)
    if not same_dimension(found, u.Hz):
        raise InputError(f"{who}(t): expected a frequency, got {show(found)}")
    if size is not None and np.shape(found)[-len(size) :] not in ((), size):
        raise InputError(f"{who}(t): expected a scalar or shape {size}, got {show(found)}")
    return found


def _in_bin(who: str, rates: Quantity, bin_width: Time, step: Array) -> Quantity:
    if float(u.get_magnitude(bin_width / current_dt())) < 1.0 - 1e-6:
        owner = who.split(".")[0]
        raise InputError(f"{owner}.bin_width: expected at least dt, got {show(bin_width)}")
    edges = whole_steps(np.arange(len(rates) + 1) * bin_width)
    return _row(rates, jnp.searchsorted(jnp.asarray(edges), step, side="right") - 1)


def _row(rates: Quantity, number: Array) -> Quantity:
    """One row of an array over time, zero before the first and after the last."""
    inside = (number >= 0) & (number < len(rates))
    kept = rates[jnp.clip(number, 0, len(rates) - 1)]
    return u.math.where(inside, kept, 0.0 * u.get_unit(rates))


# Draws


def _is_number_type(kind: DTypeLike) -> bool:
    try:
        return np.dtype(kind).kind in "biuf"
    except TypeError:
        return False


spike_type = Constraint("bool or a type of number", _is_number_type)


def require_one_per_step(who: str, rate: Quantity, kind: DTypeLike) -> None:
    """Raise if more spikes are expected in a step than `kind` can say: one, for bool.

    Args:
        who: The parameter, for messages.
        rate: The rates, of which those that are known are judged.
        kind: Type of the spikes.

    Raises:
        InputError: Of a rate that is known, `rate * dt` is above 1.
    """
    if np.dtype(kind) != bool or is_of_time(rate):
        return
    dt, number = current_dt(), u.get_mantissa(rate)
    if isinstance(number, jax.core.Tracer) or isinstance(u.get_mantissa(dt), jax.core.Tracer):
        return
    # In NumPy: what is known stays known while a step is traced.
    highest = with_unit(float(np.max(np.asarray(number))), u.get_unit(rate))
    mean = float(u.get_magnitude(in_double(highest) * in_double(dt)))
    if mean > 1.0 + 1e-5:
        raise InputError(
            f"{who}: expected rates of at most 1 / dt, since spk_type=bool gives one spike in a "
            f"step at most; {show(highest)} at dt = {show(dt)} is {mean:.4g} in a step. "
            "Write spk_type=int for their number, or take a shorter dt"
        )


class LateRate(brainstate.ShortTermState):
    """Mean number of spikes in a step; not a number where they cannot be drawn."""

    reason = (
        "A rate was not finite, or above 1 / dt with spk_type=bool, which gives one spike in a "
        "step at most: write spk_type=int for their number, or take a shorter dt."
    )


def judged(expected: Array | float, kind: DTypeLike) -> jax.Array:
    """The largest mean number of spikes in a step, NaN where that cannot be drawn.

    Args:
        expected: Mean numbers of spikes.
        kind: Type of the spikes.
    """
    most = jnp.max(jnp.asarray(expected, brainstate.environ.dftype()))
    limit = 1.0 + 1e-5 if np.dtype(kind) == bool else np.inf
    return jnp.where((most <= limit) & jnp.isfinite(most), most, jnp.nan)


def as_spikes(counts: jax.Array, kind: DTypeLike) -> jax.Array:
    """Numbers of spikes as `kind`: whether there is one, for bool."""
    return counts.astype(jax.dtypes.canonicalize_dtype(kind))


def poisson_spikes(expected: Array, shape: Shape, kind: DTypeLike) -> jax.Array:
    r"""Spikes of Poisson trains in one step, at most one as bool, else their number.

    As bool the probability is the mean number itself: $1 - e^{-f \Delta t}$, that of one or more
    in a Poisson process, would lose those that share a step, and with them the rate.
    """
    if np.dtype(kind) != bool:
        return as_spikes(poisson_counts(expected, shape), kind)
    return chance_spikes(expected, shape)


def chance_spikes(chance: Array, shape: Shape) -> jax.Array:
    """Whether there is a spike, which has this probability; below 0 it counts as 0, above 1 as 1.

    The probability is met to $2^{-32}$: 24 bits, as in a random float, would show at rates below
    1 Hz.
    """
    chance = jnp.clip(chance, 0.0, 1.0)
    limit = jnp.minimum(jnp.round(chance * 2.0**32), 2.0**32 - 2.0**8).astype(jnp.uint32)
    return keys.bits(shape) < limit


def poisson_counts(mean: Array | float, shape: Shape) -> jax.Array:
    """Poisson numbers; from a table of the distribution where one mean is known for all."""
    if isinstance(mean, jax.core.Tracer) or np.ndim(mean) > 0 or not mean <= TABLE_LIMIT:
        known = jnp.maximum(jnp.nan_to_num(mean), 0.0)  # of NaN, jax draws -1
        return keys.poisson(known, shape)
    table = jnp.asarray(_cumulative(max(float(mean), 0.0)))
    return jnp.searchsorted(table, keys.bits(shape), side="right")


def _cumulative(mean: float) -> np.ndarray:
    """Probabilities of at most k, in units of 2^-32, up to the last below 1."""
    k = np.arange(1, int(mean + 12.0 * math.sqrt(mean) + 30.0))
    logs = np.concatenate([[0.0], np.cumsum(np.log(max(mean, 1e-300) / k))])
    steps = np.round(np.cumsum(np.exp(logs - mean)) * 2.0**32)
    return steps[steps < 2.0**32].astype(np.uint32)
