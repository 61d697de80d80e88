"""Which neurons of a population: slices, lists and masks, and what they take and write."""

import zlib
from typing import Any

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..types import Index, Quantity, Shape
from ..units import show, with_unit

__all__ = ["Selection"]


class Selection:
    """Which neurons of a population a view takes; equal for those that take the same ones.

    Regular choices (slices, and lists that amount to one) are taken and written back with
    fixed bounds, which costs nothing; others by a list of numbers.

    Args:
        shape: Shape of the population.
        numbers: Their flat numbers, in the shape of the view.
    """

    def __init__(self, shape: Shape, numbers: np.ndarray) -> None:
        self.shape, self.size, self.numbers = shape, numbers.shape, numbers
        self._digest = zlib.crc32(np.ascontiguousarray(numbers, np.int64).tobytes())
        self._along, self._slices = shape, _slices(shape, numbers)
        if self._slices is None:
            self._along = (int(np.prod(shape)),)
            self._slices = _slices(self._along, numbers.reshape(-1))

    @classmethod
    def of(cls, who: str, shape: Shape, item: Index) -> "Selection":
        """The neurons that an index means, checked.

        Args:
            who: What is indexed, for messages.
            shape: Its shape.
            item: A slice, an index, a list of them, a mask, or a tuple of these.

        Raises:
            InputError: It means no neuron, or one that does not exist.
        """
        for axis, part in enumerate(item if isinstance(item, tuple) else (item,)):
            _check_bounds(who, shape, axis, part)
        try:
            numbers = np.arange(int(np.prod(shape))).reshape(shape)[_plain(item)]
        except (IndexError, ValueError, TypeError) as error:
            raise InputError(
                f"{who}[{_words(item)}]: expected slices, neurons or a mask for a population of "
                f"shape {shape}: {error}"
            ) from None
        if numbers.size == 0:
            raise InputError(f"{who}[{_words(item)}]: expected at least one neuron, got none")
        return cls(shape, np.atleast_1d(numbers))

    def within(self, outer: "Selection") -> "Selection":
        """The same choice, made among the neurons of another one."""
        return Selection(outer.shape, outer.numbers.reshape(-1)[self.numbers])

    @property
    def repeats(self) -> bool:
        """Whether it names a neuron twice."""
        return len(np.unique(self.numbers)) < self.numbers.size

    @property
    def index(self) -> slice | np.ndarray:
        """The neurons of a population with one axis as a slice where they are regular."""
        is_slice = self._slices is not None and len(self._along) == len(self.size) == 1
        return self._slices[0] if self._slices is not None and is_slice else self.numbers

    def take(self, value: Quantity) -> Quantity:
        """Their part of an array whose last axes are those of the population."""
        unit, number = u.get_unit(value), jnp.asarray(u.get_mantissa(value))
        lead = _leading(number.shape, self.shape, "the population")
        number = number.reshape(*lead, *self._along)
        if self._slices is not None:
            number = number[(..., *self._slices)]
        else:
            number = number[..., self.numbers.reshape(-1)]
        return with_unit(number.reshape(*lead, *self.size), unit)

    def spread(self, value: Quantity) -> Quantity:
        """An array for the whole population: the values at these neurons, zero at the others."""
        if self.repeats:
            raise InputError(
                "a view that names a neuron twice can be read but not written: what would it be "
                "given? Name each neuron once"
            )
        unit, number = u.get_unit(value), jnp.asarray(u.get_mantissa(value))
        if number.ndim == 0:
            number = jnp.broadcast_to(number, self.size)
        lead = _leading(number.shape, self.size, "the view")
        if self._slices is not None:
            counts = [len(range(n)[s]) for n, s in zip(self._along, self._slices, strict=True)]
            config = [(0, 0, 0)] * len(lead) + [
                (s.start, n - s.start - (count - 1) * s.step - 1, s.step - 1)
                for n, s, count in zip(self._along, self._slices, counts, strict=True)
            ]
            number = jax.lax.pad(number.reshape(*lead, *counts), _zero(number), config)
        else:
            k, n = self.numbers.size, int(np.prod(self.shape))
            back = np.full(n, k)  # where each neuron finds its value; a zero stands at the end
            back[self.numbers.reshape(-1)] = np.arange(k)
            flat = number.reshape(*lead, k)
            flat = jnp.concatenate([flat, jnp.zeros((*lead, 1), flat.dtype)], axis=-1)
            number = flat[..., back]
        return with_unit(number.reshape(*lead, *self.shape), unit)

    def replace(self, whole: Quantity, value: Quantity) -> Quantity:
        """The array of a population with these values at these neurons."""
        mask = self.spread(jnp.ones(self.size, bool))
        return u.math.where(mask, self.spread(value), whole)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selection) or hash(self) != hash(other):
            return False
        return np.array_equal(self.numbers, other.numbers)

    def __hash__(self) -> int:
        return hash((self.shape, self.size, self._digest))

    def __repr__(self) -> str:
        if self._slices is not None and self._along == self.shape:
            return ", ".join(_range_words(s) for s in self._slices)
        return f"{self.numbers.size} of {int(np.prod(self.shape))}, #{self._digest:08x}"


def _plain(item: Index) -> Any:
    """An index as numpy takes it."""
    if isinstance(item, tuple):
        return tuple(map(_plain, item))
    if isinstance(item, (bool, u.Quantity, jax.core.Tracer)):
        raise TypeError(f"got {show(item)}")
    if isinstance(item, (slice, int, np.integer)) or item is Ellipsis:
        return item
    array = np.asarray(item)
    if array.size and array.dtype.kind not in "iub":
        raise TypeError(f"got {show(item)}")
    return array.astype(int) if array.size == 0 else array


def _check_bounds(who: str, shape: Shape, axis: int, part: Any) -> None:
    """Python cuts a slice that reaches too far; here it is a mistake."""
    if not isinstance(part, slice) or axis >= len(shape):
        return
    n = shape[axis]
    for bound in (part.start, part.stop):
        if isinstance(bound, (int, np.integer)) and not -n <= bound <= n:
            raise InputError(
                f"{who}[{_range_words(part)}]: expected neurons from 0 to {n}, got {bound}"
            )


def _slices(shape: Shape, numbers: np.ndarray) -> tuple[slice, ...] | None:
    """The slices, one per axis, that give these neurons; None where none do."""
    if numbers.ndim != len(shape):
        return None
    found = []
    for axis, places in enumerate(np.unravel_index(numbers, shape)):
        line = np.moveaxis(places, axis, 0).reshape(places.shape[axis], -1)
        steps = np.unique(np.diff(line[:, 0]))
        if np.any(line != line[:, :1]) or len(steps) > 1 or np.any(steps < 1):
            return None
        step = int(steps[0]) if len(steps) else 1
        found.append(slice(int(line[0, 0]), int(line[-1, 0]) + 1, step))
    return tuple(found)


def _leading(found: tuple[int, ...], shape: Shape, whose: str) -> tuple[int, ...]:
    """The batch axes, in front of those of the neurons."""
    lead = len(found) - len(shape)
    if lead < 0 or found[lead:] != shape:
        raise InputError(f"expected the shape of {whose}, {shape}, got shape {found}")
    return found[:lead]


def _zero(number: jax.Array) -> jax.Array:
    return jnp.zeros((), number.dtype)


def _range_words(part: slice) -> str:
    first, last = ("" if bound is None else str(bound) for bound in (part.start, part.stop))
    return f"{first}:{last}" + (f":{part.step}" if part.step not in (None, 1) else "")


def _words(item: Index) -> str:
    if isinstance(item, slice):
        return _range_words(item)
    return ", ".join(map(_words, item)) if isinstance(item, tuple) else show(item)
