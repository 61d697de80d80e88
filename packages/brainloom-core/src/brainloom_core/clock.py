"""Counting steps: exact ratios of times, and the time of a step after any number of them."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from .errors import InputError
from .types import Array, ArrayLike, Quantity, Time
from .units import same_dimension, show, with_unit

__all__ = ["at_time", "exact", "steps"]

LAST_STEP = 2**31 - 1
EXACT_STEPS = 2**17  # up to here single precision knows a time to a hundredth of a step


def exact(time: Time) -> Fraction:
    """The number of seconds that the shortest decimal form of a time stands for.

    Args:
        time: A time; 0.1 ms are 1/10000 s, in single precision too.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core.clock import exact
        >>> exact(0.1 * u.ms)
        Fraction(1, 10000)
    """
    unit, number = u.get_unit(time), np.asarray(u.get_mantissa(time))
    shortest = str(number[()]) if number.dtype.kind == "f" else int(number)
    return Fraction(shortest) * Fraction(repr(float(unit.magnitude)))


def steps(name: str, time: Time, dt: Time, least: int = 0) -> int:
    """How many steps a time is.

    Args:
        name: What the time is, for messages.
        time: The time.
        dt: Length of a step.
        least: The smallest number that is allowed.

    Raises:
        InputError: It is no time, not finite, too short or no multiple of `dt`.
    """
    if not same_dimension(time, u.ms) or np.ndim(u.get_mantissa(time)) != 0:
        raise InputError(f"{name}: expected a time, got {show(time)}{_as_time(time)}")
    whole = 0
    if np.isfinite(np.asarray(u.get_mantissa(time))):
        ratio = exact(time) / exact(dt)
        whole = round(ratio)
        # What a sum or product of times may be off by; it ends far from half a step.
        room = min(0.05, 1e-9 + 8 * _precision(time, dt) * abs(whole))
        if whole >= least and abs(ratio - whole) <= room:
            return whole
        if least > 0 and float(u.get_mantissa(time)) <= 0:
            raise InputError(f"{name}: expected a time > 0, got {show(time)}")
    raise InputError(
        f"{name}: expected a multiple of dt = {show(dt)}, got {_digits(time)}"
        f"{_nearest(time, dt, whole, least)}"
    )


def _as_time(value: object) -> str:
    """How to write a number as a time."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f"; write it with its unit, as {value:g} * u.ms" if is_number else ""


def _nearest(time: Time, dt: Time, whole: int, least: int) -> str:
    if not np.isfinite(np.asarray(u.get_mantissa(time))) or whole < max(least, 1):
        return ""
    unit = u.get_unit(time)
    near = float(whole * exact(dt) / exact(1.0 * unit))
    return f". The nearest is {_digits(u.Quantity(near, unit=unit))}"


def _digits(time: Time) -> str:
    """A time with all digits that tell it from a multiple."""
    return f"{float(u.get_mantissa(time)):.12g} {u.get_unit(time)}"


def _precision(*times: Time) -> float:
    kinds = [np.asarray(u.get_mantissa(time)).dtype for time in times]
    return max([float(np.finfo(kind).eps) for kind in kinds if kind.kind == "f"], default=0.0)


@dataclass(frozen=True)
class Clock:
    """The number and the time of the steps of a run, in what is compiled.

    Args:
        dt: Length of a step.
        counts: Whether the numbers of all steps are known to 32 bits.
        is_long: Whether functions get their time in double precision.
    """

    dt: Time
    counts: bool
    is_long: bool

    @classmethod
    def of(cls, dt: Time, stop: int) -> "Clock":
        """The clock of a run that ends with step number `stop`."""
        return cls(dt, stop <= LAST_STEP, stop > EXACT_STEPS)

    def start(self, first: int) -> tuple[ArrayLike, ArrayLike, ArrayLike]:
        """The first step of a chunk, to be passed to it: number and both halves of the time."""
        time = self._step * first
        high = np.asarray(float(time), brainstate.environ.dftype())
        low = np.asarray(float(time - Fraction(float(high))), high.dtype)
        return np.int32(first if self.counts else 0), high, low

    @functools.cached_property
    def _step(self) -> Fraction:
        """Length of a step in its unit, as the decimal number that is meant."""
        return exact(self.dt) / exact(1.0 * u.get_unit(self.dt))

    @contextmanager
    def step(self, start: tuple[Array, Array, Array], position: Array) -> Iterator[Time]:
        """The context of a step of a chunk, and its time.

        Args:
            start: What `start` gave for the chunk.
            position: Which of its steps it is.
        """
        first, high, low = start
        number, unit = float(u.get_mantissa(self.dt)), u.get_unit(self.dt)
        local = low + position.astype(high.dtype) * number
        t = with_unit(high + local, unit)
        i = first + position if self.counts else _Uncounted()
        later = None
        if self.is_long and high.dtype == jnp.float32:

            def later() -> Time:
                wide = [x.astype(jnp.float64) for x in (high, low, position)]
                return with_unit(wide[0] + (wide[1] + wide[2] * number), unit)

        token = _exact_time.set(later)
        try:
            with brainstate.environ.context(i=i, t=t, dt=self.dt):
                yield t
        finally:
            _exact_time.reset(token)


_exact_time: ContextVar[Callable[[], Time] | None] = ContextVar("brainloom_time", default=None)


def at_time(function: Callable[[Time], Quantity], t: Time | None = None) -> Quantity:
    """The value of a function of time in this step, of a time that is exact in a long run too.

    After a quarter of an hour, single precision no longer knows a time to a hundredth of a step of
    0.1 ms. So `simulate` has such functions evaluated in double precision by then; what they
    give is in the usual precision.

    Args:
        function: A function of the time.
        t: The time outside of `simulate`, None for that of the environment.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core.clock import at_time
        >>> with brainstate.environ.context(t=3.0 * u.ms):
        ...     print(at_time(lambda t: 2 * t))
        6. ms
    """
    later = _exact_time.get()
    if later is None:
        return function(brainstate.environ.get("t") if t is None else t)
    with jax.enable_x64(True):
        return jax.tree.map(_usual, function(later()))


def _usual(x: Array) -> Array:
    """A value in the usual precision."""
    x = jnp.asarray(x)
    if x.dtype == jnp.float64:
        return x.astype(brainstate.environ.dftype())
    return x.astype(jnp.int32) if x.dtype == jnp.int64 else x


class _Uncounted:
    """The number of a step that 32 bits do not hold: an error where it is used."""

    def __jax_array__(self) -> Any:
        raise InputError(
            f"simulate: the number of a step is used, by a source or by i of the environment, and "
            f"the run goes on beyond step {LAST_STEP}, the last that has one. Begin anew: "
            "start=0 * u.ms, with times counted from there"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__jax_array__()

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __floordiv__ = (
        lambda self, other: self.__jax_array__()
    )
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: self.__jax_array__()
    __hash__ = object.__hash__
