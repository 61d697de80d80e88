"""Connectivity between neurons that have positions."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.types import ArrayLike, Quantity
from brainloom_core.units import dimension_name, same_dimension, show, with_unit

from ..connection.draws import Piece, PieceDraws
from ..connection.edges import real_numbers, whole
from .basic import PieceRule, check_flags, check_probability, generator, left_out

__all__ = [
    "DiscProfile",
    "DistanceDependent",
    "ExponentialProfile",
    "GaussianProfile",
    "LinearProfile",
    "grid_positions",
    "random_positions",
]

_BLOCK = 1 << 20  # pairs looked at together


class _Profile:
    """What the profiles share: a length, against which distances are measured."""

    _length = ""

    def __post_init__(self) -> None:
        length = getattr(self, self._length)
        number = real_numbers(length)
        if number is None or number.ndim or not np.isfinite(number) or not number > 0:
            raise ParameterError(
                f"{type(self).__name__}.{self._length}: expected a length > 0, got {show(length)}"
            )

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, others = (getattr(profile, self._length) for profile in (self, other))
        return same_dimension(mine, others) and bool(mine == others)

    def __hash__(self) -> int:
        return hash(type(self))  # equal lengths may have different units

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._length}={show(getattr(self, self._length))})"

    def _ratio(self, distance: Quantity) -> np.ndarray:
        length = getattr(self, self._length)
        if not same_dimension(distance, length):
            raise ParameterError(
                f"{type(self).__name__}.{self._length}: expected {dimension_name(distance)}, as "
                f"the positions have, got {show(length)}"
            )
        unit = u.get_unit(distance)
        number = length.to_decimal(unit) if isinstance(length, u.Quantity) else length
        return np.asarray(u.get_mantissa(distance)) / float(number)


@dataclass(frozen=True, eq=False, repr=False)
class GaussianProfile(_Profile):
    r"""A probability that falls like a Gaussian.

    $$
    f(d) = e^{-d^2 / 2 \sigma^2}
    $$

    Args:
        sigma: Width $\sigma$, a length in the dimension of the positions.

    Raises:
        ParameterError: `sigma` is not above zero, or of another dimension than the distance.

    Examples:
        >>> from brainloom_projections import GaussianProfile
        >>> print(f"{GaussianProfile(2.0)(2.0):.4f}")
        0.6065
    """

    sigma: Quantity
    _length = "sigma"

    def __call__(self, distance: Quantity) -> np.ndarray:
        """The relative probability at a distance.

        Args:
            distance: Distances, in the dimension of `sigma`; scalar or array.
        """
        return np.asarray(np.exp(-0.5 * self._ratio(distance) ** 2))


@dataclass(frozen=True, eq=False, repr=False)
class ExponentialProfile(_Profile):
    r"""A probability that falls exponentially.

    $$
    f(d) = e^{-d / \lambda}
    $$

    Args:
        scale: Length $\lambda$ over which it falls to $1/e$, in the dimension of the positions.

    Raises:
        ParameterError: `scale` is not above zero, or of another dimension than the distance.

    Examples:
        >>> from brainloom_projections import ExponentialProfile
        >>> print(f"{ExponentialProfile(2.0)(2.0):.4f}")
        0.3679
    """

    scale: Quantity
    _length = "scale"

    def __call__(self, distance: Quantity) -> np.ndarray:
        """The relative probability at a distance.

        Args:
            distance: Distances, in the dimension of `scale`; scalar or array.
        """
        return np.asarray(np.exp(-self._ratio(distance)))


@dataclass(frozen=True, eq=False, repr=False)
class LinearProfile(_Profile):
    r"""A probability that falls along a straight line to zero.

    $$
    f(d) = \max(0, 1 - d / r)
    $$

    Args:
        radius: Distance $r$ from which there are no connections, in the dimension of the
            positions.

    Raises:
        ParameterError: `radius` is not above zero, or of another dimension than the distance.

    Examples:
        >>> from brainloom_projections import LinearProfile
        >>> print(LinearProfile(2.0)(0.5))
        0.75
    """

    radius: Quantity
    _length = "radius"

    def __call__(self, distance: Quantity) -> np.ndarray:
        """The relative probability at a distance.

        Args:
            distance: Distances, in the dimension of `radius`; scalar or array.
        """
        return np.maximum(0.0, 1.0 - self._ratio(distance))


@dataclass(frozen=True, eq=False, repr=False)
class DiscProfile(_Profile):
    r"""The same probability for all up to a distance, and none beyond.

    $$
    f(d) = \begin{cases} 1 & d \le r \\ 0 & d > r \end{cases}
    $$

    Args:
        radius: Distance $r$, in the dimension of the positions.

    Raises:
        ParameterError: `radius` is not above zero, or of another dimension than the distance.

    Examples:
        >>> from brainloom_projections import DiscProfile
        >>> print(DiscProfile(2.0)([1.0, 3.0]))
        [1. 0.]
    """

    radius: Quantity
    _length = "radius"

    def __call__(self, distance: Quantity) -> np.ndarray:
        """The relative probability at a distance.

        Args:
            distance: Distances, in the dimension of `radius`; scalar or array.
        """
        return np.asarray(self._ratio(distance) <= 1.0, float)


@dataclass(frozen=True, eq=False)
class DistanceDependent(PieceRule):
    r"""Each ordered pair independently, with a probability that depends on the distance.

    $$
    P(i \to j) = p_\mathrm{max}\, f(\lVert x_i - y_j \rVert)
    $$

    The edges know their lengths (`edges.distance`), so that weights and delays can be functions
    of them: `Connection(..., delay=by_distance(lambda d: d / (0.3 * u.meter / u.second)))`.
    All pairs are looked at, a block of rows at a time: the time is proportional to their number,
    the memory to that of the edges.

    Args:
        profile: The function $f$ of the distance, for example `GaussianProfile(100 * u.um)`, or
            any function that takes an array of distances, with the unit of the positions, and
            gives as many numbers.
        pre: Positions $x$ of the presynaptic neurons, shape `(n_pre, dimensions)` with one, two
            or three dimensions, or `(n_pre,)`; a length, or numbers without unit.
        post: Positions $y$ of the postsynaptic neurons; by default, those of the presynaptic.
        p_max: Factor $p_\mathrm{max}$ of the probability, 1.
        period: Size of a space that is closed upon itself, so that distances are measured the
            shorter way round: one length for each dimension, or one for all; None, the
            default, for an open space.
        allow_autapses: Whether neuron i may connect to neuron i, True; False needs populations
            of one size.

    Raises:
        ParameterError: Positions do not fit each other, the sizes or the period, a length has
            another dimension, or a probability is outside 0 to 1.

    References:
        Senk et al. (2022), PLoS Comput. Biol. 18, e1010086, section "Spatial networks",
        doi:10.1371/journal.pcbi.1010086.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_projections import DiscProfile, DistanceDependent, grid_positions
        >>> sheet = grid_positions((10, 10), spacing=20.0 * u.um)
        >>> rule = DistanceDependent(DiscProfile(25 * u.um), sheet, period=200 * u.um,
        ...                          allow_autapses=False)
        >>> print(set(rule.edges(100, 100).out_degree.tolist()))
        {4}
    """

    profile: Callable[[Quantity], ArrayLike]
    pre: Quantity
    post: Quantity | None = None
    p_max: float = 1.0
    period: Quantity | None = None
    allow_autapses: bool = True
    _numbers: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not callable(self.profile):
            raise ParameterError(
                "DistanceDependent.profile: expected a function of the distance such as "
                f"GaussianProfile(...), got {show(self.profile)}"
            )
        check_probability("DistanceDependent.p_max", self.p_max)
        check_flags(self)
        if real_numbers(self.pre) is None:
            raise ParameterError(f"DistanceDependent.pre: expected positions, got {show(self.pre)}")
        unit = u.get_unit(self.pre)
        x = _positions("pre", self.pre, unit)
        y = x if self.post is None else _positions("post", self.post, unit)
        if x.shape[1] != y.shape[1]:
            raise ParameterError(
                f"DistanceDependent.post: expected {x.shape[1]} dimensions, as pre has, got "
                f"{y.shape[1]}"
            )
        period = None if self.period is None else self._checked_period(x.shape[1], unit)
        object.__setattr__(self, "_numbers", (x, y, period, unit))

    def _checked_period(self, dimensions: int, unit: u.Unit) -> np.ndarray:
        period = _in_unit("DistanceDependent.period", self.period, unit)
        right = np.isfinite(period) & (period > 0)
        if period.shape not in ((), (dimensions,)) or not np.all(right):
            raise ParameterError(
                f"DistanceDependent.period: expected a length > 0 for each of {dimensions} "
                f"dimensions, got {show(self.period)}"
            )
        return np.broadcast_to(period, dimensions)

    def check(self, n_pre: int, n_post: int) -> None:
        super().check(n_pre, n_post)
        x, y, *_ = self._numbers
        for name, points, size in (("pre", x, n_pre), ("post", y, n_post)):
            if len(points) != size:
                raise ParameterError(
                    f"DistanceDependent.{name}: expected {size} positions, one for each neuron, "
                    f"got {len(points)}"
                )
        left_out(self, n_pre, n_post)

    def _draws(self, n_pre: int, n_post: int, rng: np.random.Generator) -> PieceDraws:
        draws = super()._draws(n_pre, n_post, rng)
        draws.try_first()  # the profile may be any function
        return draws

    def pieces(self, n_pre: int, n_post: int, rng: np.random.Generator) -> Iterator[Piece]:
        unit, without = self._numbers[-1], left_out(self, n_pre, n_post)
        height = max(1, _BLOCK // max(1, n_post))
        for start in range(0, n_pre, height):
            rows = np.arange(start, min(start + height, n_pre))
            distance = self._distances(rows)
            p = self._probabilities(with_unit(distance, unit))
            if without:
                p[rows - start, rows] = 0.0
            row, post = np.nonzero(p)
            kept = rng.random(len(row)) < p[row, post]
            row, post = row[kept], post[kept]
            counts = np.bincount(row, minlength=len(rows))
            yield Piece(counts, post, with_unit(distance[row, post], unit))

    def _distances(self, rows: np.ndarray) -> np.ndarray:
        x, y, period, _ = self._numbers
        squared = np.zeros((len(rows), len(y)))
        for axis in range(x.shape[1]):
            apart = np.abs(x[rows, axis, None] - y[None, :, axis])
            if period is not None:
                apart %= period[axis]
                apart = np.minimum(apart, period[axis] - apart)
            squared += apart**2
        return np.sqrt(squared)

    def _probabilities(self, distance: Quantity) -> np.ndarray:
        found = self.profile(distance)
        p = real_numbers(found)
        if p is None or u.get_unit(found) != u.UNITLESS or p.shape != np.shape(distance):
            raise ParameterError(
                "DistanceDependent.profile: expected a number without unit for each distance, "
                f"got {show(found)} for {show(distance)}"
            )
        p = self.p_max * p
        if not np.all((p >= 0.0) & (p <= 1.0)):
            worst = p[~((p >= 0.0) & (p <= 1.0))].flat[0]
            raise ParameterError(
                f"DistanceDependent.profile: expected probabilities from 0 to 1, got {worst:g}"
            )
        return p

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DistanceDependent):
            return NotImplemented
        mine, others = self._numbers, other._numbers
        return (
            (self.profile, self.p_max, self.allow_autapses, mine[3])
            == (other.profile, other.p_max, other.allow_autapses, others[3])
            and all(np.array_equal(a, b) for a, b in zip(mine[:2], others[:2], strict=True))
            and (mine[2] is None) == (others[2] is None)
            and (mine[2] is None or np.array_equal(mine[2], others[2]))
        )

    def __hash__(self) -> int:
        return hash((type(self), self.p_max, self.allow_autapses))

    def __repr__(self) -> str:
        x, y, _, _ = self._numbers
        period = "" if self.period is None else f", period={show(self.period)}"
        name = getattr(self.profile, "__name__", repr(self.profile))
        return (
            f"DistanceDependent({name}, {len(x)} -> {len(y)} positions in {x.shape[1]}D, "
            f"p_max={self.p_max}{period}, allow_autapses={self.allow_autapses})"
        )


def grid_positions(shape: int | tuple[int, ...], spacing: Quantity = 1.0) -> Quantity:
    """Positions on a regular grid, in the order of a population of that shape.

    The first point lies half a spacing from the origin, so that a period of
    `shape * spacing` closes the grid upon itself.

    Args:
        shape: Number of points along each of one to three dimensions.
        spacing: Distance of neighbours, 1, with or without unit.

    Returns:
        Shape `(n, dimensions)`, in the unit of the spacing.

    Raises:
        ParameterError: The shape has no or more than three dimensions, or the spacing is not
            above zero.

    Examples:
        >>> from brainloom_projections import grid_positions
        >>> print(grid_positions((1, 3)))
        [[0.5 0.5]
         [0.5 1.5]
         [0.5 2.5]]
    """
    sizes = shape if isinstance(shape, tuple) else (shape,)
    counts = all(
        isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in sizes
    )
    if not counts or not 1 <= len(sizes) <= 3:
        raise ParameterError(
            f"grid_positions.shape: expected one to three whole numbers > 0, got {show(shape)}"
        )
    number = real_numbers(spacing)
    if number is None or number.ndim or not (np.isfinite(number) and number > 0):
        raise ParameterError(f"grid_positions.spacing: expected a length > 0, got {show(spacing)}")
    index = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1)
    return with_unit((index.reshape(-1, len(sizes)) + 0.5) * number, u.get_unit(spacing))


def random_positions(
    n: int, extent: Quantity = (1.0, 1.0), *, rng: np.random.Generator | None = None
) -> Quantity:
    """Independent positions, uniform in a box with a corner at the origin.

    Args:
        n: Number of positions.
        extent: Size of the box along each of one to three dimensions, a unit square; with or
            without unit, for example `np.array([1.0, 2.0]) * u.mm`.
        rng: Where the random numbers come from; by default, they differ from call to call.

    Returns:
        Shape `(n, dimensions)`, in the unit of the extent.

    Raises:
        ParameterError: `n` is not a whole number, or the extent not one to three lengths.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_projections import random_positions
        >>> random_positions(5, np.ones(3) * u.mm, rng=np.random.default_rng(0)).shape
        (5, 3)
    """
    whole("random_positions.n", n)
    number = real_numbers(extent)
    size = np.atleast_1d(np.zeros((1, 1)) if number is None else number)
    if size.ndim != 1 or not 1 <= len(size) <= 3 or not np.all(np.isfinite(size) & (size > 0)):
        raise ParameterError(
            f"random_positions.extent: expected one to three lengths > 0, got {show(extent)}"
        )
    return with_unit(
        generator("random_positions", rng).random((n, len(size))) * size, u.get_unit(extent)
    )


def _positions(name: str, points: Quantity, unit: u.Unit) -> np.ndarray:
    number = _in_unit(f"DistanceDependent.{name}", points, unit)
    if number.ndim == 1:
        number = number[:, None]
    if number.ndim != 2 or not 1 <= number.shape[1] <= 3:
        raise ParameterError(
            f"DistanceDependent.{name}: expected positions of shape (n, 1), (n, 2) or (n, 3), "
            f"got shape {np.shape(points)}"
        )
    if not np.all(np.isfinite(number)):
        raise ParameterError(f"DistanceDependent.{name}: expected finite positions")
    return number


def _in_unit(name: str, value: Quantity, unit: u.Unit) -> np.ndarray:
    if not same_dimension(value, u.Quantity(1.0, unit=unit)):
        raise ParameterError(
            f"{name}: expected {dimension_name(u.Quantity(1.0, unit=unit))}, as "
            f"DistanceDependent.pre has, got {show(value)}"
        )
    number = real_numbers(value.to_decimal(unit) if isinstance(value, u.Quantity) else value)
    if number is None:
        raise ParameterError(f"{name}: expected numbers, got {show(value)}")
    return number.astype(float)
