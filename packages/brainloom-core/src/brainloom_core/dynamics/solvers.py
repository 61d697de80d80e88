r"""Time-stepping schemes for the derivatives that a model declares.

A solver advances all states of a model by one step: it receives the drift of each state, as a
function of all states, their values, and `dt`. Inputs are held over the step, so the orders below
are those for a constant current.

| name | scheme | exact for | order otherwise |
|---|---|---|---|
| `exp_euler` | exponential Euler, state by state | linear, uncoupled | 1, uncoupled 2 |
| `exp_strang` | the same, composed symmetrically around V | linear, uncoupled | 2 |
| `exp_rosenbrock` | exponential Euler with the whole Jacobian | linear | 2 |
| `euler` | forward Euler | | 1 |
| `rk2` | explicit midpoint | | 2 |
| `rk4` | classical Runge-Kutta | | 4 |
| `sequential_euler` | forward Euler, each state from the new values of those before | | 1 |
| `izhikevich2003` | as before, the first state by two half steps | | 1 |

A name with a number, such as `rk4x10`, is that scheme in as many equal parts of a step.

The default, `auto`, takes `exp_rosenbrock` for coupled linear equations (their exact propagator),
`exp_strang` for other coupled ones, and `exp_euler` for the rest.
"""

import re
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

import brainunit as u
import jax
import jax.numpy as jnp

from ..declare.arguments import checked
from ..declare.constraints import Constraint, function, instance_of, whole
from ..equations import nearest
from ..errors import ParameterError
from ..types import Quantity, Scheme, Time, Values
from ..units import exprel, exprel2, show, to_number, with_unit
from .small_matrices import Matrix, Numbers, phis_of_matrix, row_times

__all__ = [
    "SOLVERS",
    "Solver",
    "get_solver",
    "is_solver",
    "moved_to",
    "repeated",
    "solver_facts",
    "step_mean",
    "substeps",
]

Drift = Callable[[Values], Quantity]

EXACT_FOR = ("none", "uncoupled", "linear")

# More growth than e^30 in a step means a blow-up; without a bound it would end as inf and NaN.
MAX_GROWTH = 30.0


@dataclass(frozen=True)
class Solver:
    """A scheme and what can be expected of it, which is what a model says of its numerics.

    Attributes:
        name: What the scheme is called.
        step: The function of drifts, values and `dt` that returns the new values.
        order: Order of convergence for coupled equations; None where nothing is known of it.
        exact_for: Which equations it solves without error.
        limited: Whether a potential that passes its limit during the step is set back before
            other states see it; the published schemes do not.
        uncoupled_order: Order for equations that are not coupled, where it is another one.
        one_shape: Whether it needs states of one shape, since it mixes all of them.

    Raises:
        ParameterError: One of these is of another kind.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Solver
        >>> def ralston(drifts, y, dt):
        ...     rates = {name: drift(y) for name, drift in drifts.items()}
        ...     on = {**y, **{name: y[name] + 2 / 3 * dt * rates[name] for name in rates}}
        ...     return {n: y[n] + dt * (rates[n] + 3 * drifts[n](on)) / 4 for n in rates}
        >>> solver = Solver("ralston", ralston, order=2)
        >>> round(float(solver({"x": lambda y: -y["x"]}, {"x": 1.0}, 0.1)["x"]), 3)
        0.905
    """

    name: str
    step: Scheme
    order: int | None
    exact_for: Literal["none", "uncoupled", "linear"] = "none"
    limited: bool = True
    uncoupled_order: int | None = None
    one_shape: bool = False

    def __post_init__(self) -> None:
        checks = (
            ("name", "a text", isinstance(self.name, str) and self.name.strip() != ""),
            ("step", "a function of drifts, values and dt", callable(self.step)),
            ("order", "a whole number >= 1 or None", _is_order(self.order)),
            ("exact_for", f"one of {EXACT_FOR}", self.exact_for in EXACT_FOR),
            ("limited", "True or False", isinstance(self.limited, bool)),
            ("uncoupled_order", "a whole number >= 1 or None", _is_order(self.uncoupled_order)),
            ("one_shape", "True or False", isinstance(self.one_shape, bool)),
        )
        for name, expected, holds in checks:
            if not holds:
                got = show(getattr(self, name))
                raise ParameterError(f"Solver.{name}: expected {expected}, got {got}")

    def __call__(self, drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
        """Advance all states by one step.

        Args:
            drifts: The derivative of each state by name, as a function of all values.
            y: Values of the states by name, and whatever else the derivatives take.
            dt: Length of the step.

        Returns:
            The new values by name of the state.
        """
        return self.step(drifts, y, dt)

    def is_exact_for(self, *, linear: bool, coupled: bool) -> bool:
        """Whether a step is exact for a kind of equations.

        Args:
            linear: Whether the derivatives are linear in the states.
            coupled: Whether the derivative of a state depends on another one.
        """
        return linear and (
            self.exact_for == "linear" or (self.exact_for == "uncoupled" and not coupled)
        )

    def order_for(self, *, linear: bool, coupled: bool) -> int | None:
        """Order of convergence for a kind of equations; None where it is exact or not known.

        Args:
            linear: Whether the derivatives are linear in the states.
            coupled: Whether the derivative of a state depends on another one.

        Examples:
            >>> from brainloom_core import SOLVERS
            >>> SOLVERS["exp_euler"].order_for(linear=False, coupled=True)
            1
        """
        if self.is_exact_for(linear=linear, coupled=coupled):
            return None
        return self.order if coupled or self.uncoupled_order is None else self.uncoupled_order


def _is_order(value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return value is None or whole


def _scheme(**facts: Any) -> Callable[[Callable[..., dict[str, Quantity]]], Solver]:
    return lambda step: Solver(step.__name__, step, **facts)


@_scheme(order=1, exact_for="uncoupled", uncoupled_order=2)
def exp_euler(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    r"""$x \leftarrow x + \Delta t\,\varphi_1(\Delta t J)\,f(x)$ with $J = \partial f/\partial x$.

    Each state uses its own slope, the others being held: the step is exact for a linear
    equation with held input and first order in the couplings between states.
    """
    return {name: _exp_euler_of(name, drift, y, dt) for name, drift in drifts.items()}


@_scheme(order=2, exact_for="uncoupled")
def exp_strang(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    """Exponential Euler of one state after the other, there and back.

    Half a step of V, a whole one of the states that depend on no other but V, and the second
    half of V: a symmetric composition, of second order. Other states, if there are any, take
    their halves with V.
    """
    alone = [n for n in drifts if n != "V" and _depends(drifts, n) <= {n, "V"}]
    halved = [name for name in drifts if name not in alone]
    new = dict(y)
    for name in halved:
        new[name] = _exp_euler_of(name, drifts[name], new, dt / 2)
    for name in alone:
        new[name] = _exp_euler_of(name, drifts[name], new, dt)
    for name in reversed(halved):
        new[name] = _exp_euler_of(name, drifts[name], new, dt / 2)
    return {name: new[name] for name in drifts}


@_scheme(order=2, exact_for="linear", one_shape=True)
def exp_rosenbrock(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    r"""$x \leftarrow x + \varphi_1(\Delta t J)\,\Delta t f(x)$, $J$ being the whole Jacobian.

    Through the Jacobian all states see an upswing of V, also where V itself is then limited.
    """
    units, start, change, matrix = _linearized(drifts, y, dt)
    phi, _ = phis_of_matrix(list(start), matrix)
    return {row: with_unit(start[row] + row_times(phi, row, change), units[row]) for row in start}


@_scheme(order=1)
def euler(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    """Forward Euler."""
    return _shifted(y, _rates(drifts, y), dt)


@_scheme(order=2)
def rk2(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    """The explicit midpoint rule."""
    half = _shifted(y, _rates(drifts, y), dt / 2)
    return _shifted(y, _rates(drifts, half), dt)


@_scheme(order=4)
def rk4(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    """The classical fourth-order Runge-Kutta method."""
    k1 = _rates(drifts, y)
    k2 = _rates(drifts, _shifted(y, k1, dt / 2))
    k3 = _rates(drifts, _shifted(y, k2, dt / 2))
    k4 = _rates(drifts, _shifted(y, k3, dt))
    mean = {n: (k1[n] + 2 * k2[n] + 2 * k3[n] + k4[n]) / 6 for n in k1}
    return _shifted(y, mean, dt)


@_scheme(order=1, limited=False)
def sequential_euler(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    """Forward Euler of one state after the other, as in the code of Izhikevich (2004)."""
    new = dict(y)
    for name, drift in drifts.items():
        new[name] = new[name] + dt * drift(new)
    return new


@_scheme(order=1, limited=False)
def izhikevich2003(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    """As `sequential_euler`, the first state by two half steps, as in Izhikevich (2003)."""
    first, drift = next(iter(drifts.items()))
    half = {**y, first: y[first] + dt / 2 * drift(y)}
    whole = {**half, first: half[first] + dt / 2 * drift(half)}
    rest = {name: other for name, other in drifts.items() if name != first}
    return sequential_euler(rest, whole, dt)


def step_mean(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
    r"""Mean of each state over the coming step, $x + \Delta t\,\varphi_2(\Delta t J)\,f(x)$.

    $J$ is the whole Jacobian where states are coupled, so that the mean is exact for linear
    equations and of second order for others. `dt` may be an array, a time for each element.
    """
    coupled = [name for name in drifts if _depends(drifts, name) & (drifts.keys() - {name})]
    means = {name: _mean_of(name, drifts[name], y, dt) for name in drifts.keys() - {*coupled}}
    if coupled:
        units, start, change, matrix = _linearized(drifts, y, dt)
        _, phi = phis_of_matrix(list(start), matrix)
        for row in coupled:
            means[row] = with_unit(start[row] + row_times(phi, row, change), units[row])
    return means


SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        exp_euler,
        exp_strang,
        exp_rosenbrock,
        euler,
        rk2,
        rk4,
        sequential_euler,
        izhikevich2003,
    )
}
"""The time-stepping schemes by name, any of which is a `solver` of a model."""


def get_solver(solver: str | Scheme, *, linear: bool = False, coupled: bool = True) -> Scheme:
    """The solver of this name, `auto` being chosen by the kind of equations.

    A callable is returned as it is.

    Args:
        solver: A name in `SOLVERS`, `"auto"`, or a scheme.
        linear: Whether the derivatives are linear in the states.
        coupled: Whether the derivative of a state depends on another one.

    Raises:
        ParameterError: There is no solver of this name.
    """
    if not isinstance(solver, str):
        return solver
    if solver == "auto":
        if not coupled:
            return exp_euler
        return exp_rosenbrock if linear else exp_strang
    if (parts := _in_parts(solver)) is not None:
        return substeps(*parts)
    if solver not in SOLVERS:
        near = nearest(solver, SOLVERS)
        meant = f". Did you mean {near!r}?" if near else ""
        raise ParameterError(f"There is no solver {solver!r}; there are {list(SOLVERS)}{meant}")
    return SOLVERS[solver]


a_scheme = Constraint(
    "a scheme, or the name of one", lambda x: isinstance(x, str) or function.holds(x)
)


@checked(solver=a_scheme, parts=whole)
def substeps(solver: str | Scheme, parts: int) -> Solver:
    """A scheme that takes each step in equal parts, the input being held over all of them.

    Spikes, resets and jumps stay at the ends of whole steps.

    Args:
        solver: The scheme of each part, or its name in `SOLVERS`.
        parts: How many parts, at least 1.

    Raises:
        ParameterError: There is no solver of this name.
        InputError: No scheme, or no such number of parts.

    Examples:
        >>> from brainloom_core import substeps
        >>> solver = substeps("euler", 100)
        >>> solver.name, round(float(solver({"x": lambda y: -y["x"]}, {"x": 1.0}, 0.1)["x"]), 4)
        ('eulerx100', 0.9048)
    """
    scheme = solver_facts(get_solver(solver))

    def step(drifts: Mapping[str, Drift], y: Values, dt: Time) -> dict[str, Quantity]:
        at = moved_to(y, drifts)
        moved = {name: at(drift) for name, drift in drifts.items()}
        start = {name: 0.0 * y[name] for name in drifts}

        def part(change: Values) -> Values:  # which a float32 keeps where it could not the sum
            return scheme(moved, {**y, **change}, dt / parts)

        change = repeated(part, start, parts)
        return {name: y[name] + change[name] for name in drifts}

    return replace(scheme, name=f"{scheme.name}x{parts}", step=step)


@checked(function=function, y=instance_of(Mapping, "values by name"), times=whole)
def repeated(function: Callable[[Values], Values], y: Values, times: int) -> dict[str, Quantity]:
    """A function of values by name, applied to what it gave before, compiled once.

    Args:
        function: It gives new values by the same names, of the same dimensions and shapes.
        y: The first values; the last have their units and dtypes.
        times: How many times.

    Examples:
        >>> from brainloom_core import repeated
        >>> float(repeated(lambda y: {"x": 2.0 * y["x"]}, {"x": 1.0}, 10)["x"])
        1024.0
    """
    first = {name: jnp.asarray(u.get_mantissa(value)) for name, value in y.items()}
    units = {name: u.get_unit(value) for name, value in y.items()}

    def with_units(numbers: Numbers) -> dict[str, Quantity]:
        return {name: with_unit(number, units[name]) for name, number in numbers.items()}

    def once(_: int, numbers: Numbers) -> Numbers:
        new = function(with_units(numbers))
        return {n: jnp.asarray(_plain(new[n], units[n]), first[n].dtype) for n in first}

    return with_units(jax.lax.fori_loop(0, times, once, first))


def moved_to(y: Values, names: Collection[str]) -> Callable[[Drift], Drift]:
    """What makes of a drift one of the distance from these values.

    Args:
        y: The values.
        names: Of which states.
    """

    def moved(drift: Drift) -> Drift:
        def rate(near: Values) -> Quantity:
            return drift({**near, **{name: y[name] + near[name] for name in names}})

        return _Depending(rate, getattr(drift, "depends", None))

    return moved


class _Depending:
    """A drift that says, as the one within it, on which states it depends."""

    def __init__(self, rate: Drift, depends: frozenset[str] | None) -> None:
        self._rate = rate
        if depends is not None:
            self.depends = depends

    def __call__(self, y: Values) -> Quantity:
        return self._rate(y)


def _in_parts(name: str) -> tuple[str, int] | None:
    """The scheme and the number of parts of a name such as `rk4x10`."""
    found = re.fullmatch(r"(\w+?)x([1-9]\d*)", name)
    return (found[1], int(found[2])) if found and found[1] in SOLVERS else None


def is_solver(solver: object) -> bool:
    """Whether this can be the `solver` of a model: a name, or a scheme.

    Args:
        solver: Anything.

    Raises:
        ParameterError: It is a scheme with attributes of a `Solver` of another kind than those.
    """
    if isinstance(solver, str):
        return solver == "auto" or solver in SOLVERS or _in_parts(solver) is not None
    if not callable(solver) or isinstance(solver, type):
        return False
    solver_facts(solver)
    return True


def solver_facts(step: Scheme) -> Solver:
    """A scheme with what it says of itself: any callable may have the attributes of a `Solver`.

    Args:
        step: A `Solver`, or a function of drifts, values and `dt`, or an object that is called
            like one.

    Raises:
        ParameterError: What it says is of another kind.

    Examples:
        >>> from brainloom_core.dynamics.solvers import solver_facts
        >>> def mine(drifts, y, dt): ...
        >>> solver_facts(mine).name, solver_facts(mine).order
        ('mine', None)
        >>> mine.order = 3
        >>> solver_facts(mine).order_for(linear=True, coupled=False)
        3
    """
    if isinstance(step, Solver):
        return step
    said = {name: getattr(step, name) for name in _FACTS if hasattr(step, name)}
    names = (getattr(step, name, None) for name in ("name", "__name__"))
    name = next((name for name in names if isinstance(name, str) and name), "a function")
    return Solver(name, step, **{"order": None, **said})


_FACTS = ("order", "exact_for", "limited", "uncoupled_order", "one_shape")


def rate_and_slope(drift: Drift, y: Values, name: str) -> tuple[Quantity, Quantity]:
    """The drift of a state and its derivative by that state, which acts element by element."""
    unit = u.get_unit(y[name])
    number = jnp.asarray(u.get_mantissa(y[name]))

    def of_number(x: jax.Array) -> Quantity:
        return drift({**y, name: with_unit(x, unit)})

    rate, slope = jax.jvp(of_number, (number,), (jnp.ones_like(number),))
    return rate, slope / unit if unit != u.UNITLESS else slope


def _exp_euler_of(name: str, drift: Drift, y: Values, dt: Time) -> Quantity:
    rate, slope = rate_and_slope(drift, y, name)
    growth = jnp.minimum(_plain(dt * slope), MAX_GROWTH)
    return y[name] + dt * exprel(growth) * rate


def _mean_of(name: str, drift: Drift, y: Values, dt: Time) -> Quantity:
    rate, slope = rate_and_slope(drift, y, name)
    return y[name] + dt * exprel2(_plain(dt * slope)) * rate


def _depends(drifts: Mapping[str, Drift], name: str) -> Set[str]:
    """The states on which a drift depends: all, unless it says so itself."""
    return getattr(drifts[name], "depends", drifts.keys())


def _rates(drifts: Mapping[str, Drift], y: Values) -> dict[str, Quantity]:
    return {name: drift(y) for name, drift in drifts.items()}


def _shifted(y: Values, rates: Values, dt: Time) -> dict[str, Quantity]:
    return {**y, **{name: y[name] + dt * rate for name, rate in rates.items()}}


def _plain(value: Quantity, unit: u.Unit = u.UNITLESS) -> Quantity:
    return to_number(value, unit)


def _linearized(
    drifts: Mapping[str, Drift], y: Values, dt: Time
) -> tuple[dict[str, Quantity], Numbers, Numbers, Matrix]:
    """Units and numbers of the states, dt times their rates, and dt times the Jacobian."""
    names = list(drifts)
    units = {name: u.get_unit(y[name]) for name in names}
    start = {name: jnp.asarray(u.get_mantissa(y[name])) for name in names}

    def increments(numbers: Mapping[str, jax.Array]) -> Numbers:
        values = {**y, **{n: with_unit(numbers[n], units[n]) for n in names}}
        return {n: _plain(dt * drifts[n](values), units[n]) for n in names}

    change, slopes = jax.linearize(increments, start)
    still = {name: jnp.zeros_like(number) for name, number in start.items()}
    columns = {n: slopes({**still, n: jnp.ones_like(start[n])}) for n in names}
    matrix = {
        (row, column): columns[column][row]
        for row in names
        for column in names
        if column in _depends(drifts, row)
    }
    for name in names:
        matrix[name, name] = jnp.minimum(matrix[name, name], MAX_GROWTH)
    return units, start, change, matrix
