"""Weights and delays of edges: given as values, or made for the edges by functions."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core import Normal, ParameterError, Uniform, UnitError
from brainloom_core.arrays import on_device
from brainloom_core.types import Quantity, Shape, Time
from brainloom_core.units import same_dimension, show, with_unit

from ..types import EdgeValue, Side
from .edges import Edges, real_numbers, whole

__all__ = [
    "DELAYS",
    "WEIGHTS",
    "PerEdge",
    "by_distance",
    "by_edge",
    "checked",
    "delay_of",
    "drawn",
    "evaluated",
    "is_elementwise",
    "is_function",
    "reordered",
    "seed_of",
    "size_of",
    "told",
    "value_of",
    "weight_of",
]

WEIGHTS, DELAYS = 1, 2  # parts of a seed

# Initializers of the ecosystem whose values do not depend on each other or on the shape.
_KNOWN = (
    *("Beta", "Constant", "Exponential", "Gamma", "LogNormal", "Normal", "TruncatedNormal"),
    *("Uniform", "Weibull"),
)
_KINDS = {"weight": "numbers, with or without unit", "delay": "a time"}
_EXAMPLES = {"weight": "0.5 * u.nS", "delay": "1.5 * u.ms"}


@dataclass(frozen=True)
class PerEdge:
    """A function with what it is a function of."""

    function: Callable[..., Quantity]
    of: str

    def __post_init__(self) -> None:
        if not callable(self.function) or isinstance(self.function, u.Quantity):
            raise ParameterError(f"{self.of}: expected a function, got {show(self.function)}")

    def __call__(self, edges: Edges) -> Quantity:
        """What the function makes of the edges, or of their lengths."""
        if self.of == "by_edge":
            return self.function(edges)
        if edges.distance is None:
            raise ParameterError(
                "a function of the distance expected edges of DistanceDependent, got edges "
                "between neurons without positions"
            )
        return self.function(edges.distance)

    def __repr__(self) -> str:
        return f"{self.of}({getattr(self.function, '__name__', show(self.function))})"


def by_distance(function: Callable[[Quantity], Quantity]) -> EdgeValue:
    """Weights or delays as a function of the lengths of the edges.

    Args:
        function: Takes the lengths of all edges, an array with the unit of the positions, and
            gives one weight or delay for each, or one for all.

    Raises:
        ParameterError: It is not a function.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_projections import (
        ...     Connection, DiscProfile, DistanceDependent, by_distance, grid_positions)
        >>> line = DistanceDependent(DiscProfile(15 * u.um), grid_positions(3, 10 * u.um))
        >>> made = Connection(3, 3, line, 1.0 * u.nS,
        ...                   delay=by_distance(lambda d: d / (10 * u.um / u.ms)))
        >>> print(made.delay)
        [0. 1. 1. 0. 1. 1. 0.] ms
    """
    return PerEdge(function, "by_distance")


def by_edge(function: Callable[[Edges], Quantity]) -> EdgeValue:
    """Weights or delays as a function of the edges.

    Args:
        function: Takes the `Edges`, with `pre`, `post` and `distance`, and gives one weight or
            delay for each, or one for all.

    Raises:
        ParameterError: It is not a function.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_projections import AllToAll, Connection, by_edge
        >>> made = Connection(2, 2, AllToAll(), by_edge(lambda e: (1.0 + e.post) * u.nS))
        >>> print(made.to_dense())
        [[1. 2.]
         [1. 2.]] nS
    """
    return PerEdge(function, "by_edge")


def value_of(value: Any) -> Any:
    """What a trainable weight or delay is now; anything else as it is."""
    if isinstance(value, brainstate.State):
        return value.value
    return value.value() if isinstance(value, brainstate.nn.Param) else value


def is_function(value: object) -> bool:
    """Whether a weight or a delay is a function that gives one for each edge."""
    kinds = (u.Quantity, u.Unit, brainstate.State, brainstate.nn.Param)
    return callable(value) and not isinstance(value, kinds)


def evaluated(what: str, value: Any, edges: Edges | None, seed: int | None, part: int) -> Quantity:
    """A value, or what a function makes of the edges, their lengths or their number.

    Args:
        what: `"weight"` or `"delay"`.
        value: The value or function.
        edges: The edges; None where they are not stored.
        seed: Seed of what is drawn; None draws one from `brainstate.random`.
        part: What tells the random numbers of weights and delays apart.
    """
    if not is_function(value):
        return value
    if edges is None:
        raise ParameterError(
            f"Connection.{what}: with stored=False expected one number, got {show(value)}"
        )
    function = told(what, value)
    rng = _generator(seed, part)
    try:
        if isinstance(function, PerEdge):
            with _seeded(rng):
                return function(edges)
        return drawn(function, len(edges), rng)
    except ParameterError as error:
        raise type(error)(f"Connection.{what}: {error}") from error
    except Exception as error:
        given = "lengths" if getattr(function, "of", "") == "by_distance" else "edges"
        unit = "" if edges.distance is None else f", their lengths in {u.get_unit(edges.distance)}"
        error.add_note(f"Connection.{what} called {function!r} for {len(edges)} {given}{unit}")
        raise


def told(what: str, function: Any) -> Callable[..., Quantity]:
    """A function whose argument is known: wrapped, an initializer, or told by a name."""
    if isinstance(function, PerEdge) or not _is_plain(function):
        return function
    name = _first_argument(function)
    if name == "edges":
        return by_edge(function)
    if name == "distance":
        return by_distance(function)
    if name in ("shape", "size"):
        return function
    shown = getattr(function, "__name__", show(function))
    raise ParameterError(
        f"Connection.{what}: cannot tell whether {shown}({name}) is a function of the distance or "
        "of the edges; write by_distance(f) or by_edge(f), or give an initializer such as "
        "Normal(...)"
    )


def _is_plain(function: object) -> bool:
    """A function, rather than an object that draws values of a shape."""
    if isinstance(function, functools.partial):
        return _is_plain(function.func)
    return inspect.isroutine(function) or isinstance(function, (type, np.ufunc))


def _first_argument(function: Callable[..., Quantity]) -> str:
    try:
        return next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):
        return ""


def _generator(seed: int | None, part: int) -> np.random.Generator | None:
    """Random numbers of their own, on the host; None in a trace, where there is no seed."""
    if seed is None:
        drawn = brainstate.random.randint(0, 2**31 - 1)
        if isinstance(drawn, jax.core.Tracer):
            return None
        seed = int(drawn)
    return np.random.Generator(np.random.Philox([seed, part]))


def _seeded(rng: np.random.Generator | None) -> contextlib.AbstractContextManager[object]:
    """A context in which `brainstate.random` follows these random numbers."""
    if rng is None:
        return contextlib.nullcontext()
    return brainstate.random.seed_context(int(rng.integers(2**31)))


def drawn(initializer: Any, n: int, rng: np.random.Generator | None) -> Quantity:
    """What an initializer gives for a number of edges, on the host where it can."""
    if rng is None:
        return initializer((n,))
    if callable(getattr(initializer, "draw", None)):
        return initializer.draw(rng, (n,))
    with _seeded(rng):
        if not is_elementwise(initializer):
            return initializer((n,))
        # A length that many populations share: jax compiles a program for each one.
        options = {"rng": rng} if type(initializer).__module__ == "braintools.init" else {}
        more = initializer((1 << max(0, n - 1).bit_length(),), **options)
    return with_unit(np.asarray(u.get_mantissa(more))[:n], u.get_unit(more))


def is_elementwise(initializer: object) -> bool:
    """Whether an initializer draws each value by itself, however many there are.

    Args:
        initializer: The initializer.
    """
    kind = type(initializer)
    if kind in (Normal, Uniform):
        return not any(np.ndim(u.get_mantissa(x)) for x in vars(initializer).values())
    known = kind.__module__ in ("braintools.init", "brainstate.nn") and kind.__name__ in _KNOWN
    return known and not any(np.ndim(u.get_mantissa(x)) for x in vars(initializer).values())


def number_of(what: str, value: Quantity) -> Any:
    """The number without its unit, in the float dtype: on the host, or traced."""
    number = u.get_mantissa(value)
    if isinstance(number, jax.core.Tracer):
        return number.astype(brainstate.environ.dftype())
    number = real_numbers(number)
    if number is None:
        raise ParameterError(
            f"Connection.{what}: expected {_KINDS[what]}, got {show(value)}; write "
            f"{_EXAMPLES[what]}"
        )
    return number


def checked(what: str, value: Quantity, edges: Sized | None) -> Quantity:
    """A value with its unit, one for all edges or one for each, in the float dtype.

    Args:
        what: `"weight"` or `"delay"`.
        value: The value.
        edges: The edges, or anything as long; None where they are not stored.
    """
    if isinstance(value, u.Unit):
        value = 1.0 * value
    if isinstance(value, (list, tuple)):
        value = _listed(what, value)
    unit, number = u.get_unit(value), number_of(what, value)
    shapes: tuple[Shape, ...] = ((),) if edges is None else ((), (len(edges),))
    if number.shape not in shapes:
        expected = (
            "a scalar, since the edges are not stored"
            if edges is None
            else (f"a scalar or one {what} for each of the {len(edges)} edges")
        )
        raise ParameterError(f"Connection.{what}: expected {expected}, got shape {number.shape}")
    if not isinstance(number, jax.core.Tracer):
        if not np.all(np.isfinite(number)):
            raise ParameterError(f"Connection.{what}: expected finite {what}s, got {show(value)}")
        number = number.astype(np.float64 if what == "delay" else brainstate.environ.dftype())
    return with_unit(number, unit)


def _listed(what: str, values: Sequence[Quantity]) -> Quantity:
    try:
        return u.math.asarray(values)
    except (TypeError, ValueError, u.UnitMismatchError):
        raise ParameterError(
            f"Connection.{what}: expected {_KINDS[what]}, got {show(values)}; write "
            f"{_EXAMPLES[what]}"
        ) from None


def weight_of(value: Quantity, edges: Sized | None) -> Quantity:
    """A weight, checked, as an array of the device."""
    value = checked("weight", value, edges)
    number = on_device(u.get_mantissa(value), brainstate.environ.dftype())
    return with_unit(number, u.get_unit(value))


def delay_of(delay: Time, edges: Sized | None) -> Quantity:
    """A delay in ms, checked, on the host."""
    if isinstance(delay, (list, tuple)):
        delay = _listed("delay", delay)
    if not isinstance(delay, u.Quantity) or not same_dimension(delay, u.ms):
        raise UnitError(f"Connection.delay: expected a time, got {show(delay)}; write 1.5 * u.ms")
    if isinstance(delay.mantissa, jax.core.Tracer):
        raise ParameterError(
            f"Connection.delay: expected a known value, since it sets sizes, got {show(delay)}"
        )
    delay = checked("delay", delay, edges)
    number = np.asarray(delay.to_decimal(u.ms), np.float64)
    if np.any(number < 0):
        raise ParameterError(f"Connection.delay: expected >= 0 ms, got {number.min():g} ms")
    return u.Quantity(number, unit=u.ms)


def reordered(what: str, value: Quantity, order: np.ndarray) -> Quantity:
    """An array in the order of the edges; what is no array stays as it is."""
    if value is None or is_function(value) or isinstance(value, (u.Unit, brainstate.nn.Param)):
        return value
    if isinstance(value, brainstate.State):
        if np.ndim(value.value) == 0:
            return value
        raise ParameterError(
            f"Connection.from_pairs: expected an array as {what}, got a state, which would have "
            "to be reordered; give it to Connection with Edges"
        )
    if isinstance(value, (list, tuple)):
        value = _listed(what, value)
    unit, number = u.get_unit(value), np.asarray(number_of(what, value))
    if number.ndim == 0:
        return value
    if number.shape != order.shape:
        raise ParameterError(
            f"Connection.{what}: expected a scalar or one {what} for each of the {len(order)} "
            f"edges, got shape {number.shape}"
        )
    return with_unit(number[order], unit)


def seed_of(seed: Any) -> int | None:
    """A seed, checked."""
    return None if seed is None else whole("Connection.seed", seed, 2**63 - 1)


def size_of(owner: str, population: Side, attribute: str) -> tuple[int, ...]:
    """The size of a population, or the size that is given."""
    size = getattr(population, attribute, population)
    parts = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    right = [isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in parts]
    if not parts or not all(right) or min(parts) < 0 or max(parts) >= 2**31:
        raise ParameterError(
            f"{owner}: expected a population, or its size in whole numbers, got {show(population)}"
        )
    return tuple(map(int, parts))
