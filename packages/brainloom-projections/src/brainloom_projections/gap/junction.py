"""Electrical synapses: currents that follow the difference of two potentials."""

from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    Constraint,
    Dynamics,
    ParameterError,
    Projection,
    StateError,
    SynOut,
    UnitError,
    View,
    at_least,
    checked,
    maybe,
)
from brainloom_core.drivers import drives
from brainloom_core.types import Array, ArrayLike, Initializer, Population, Quantity, Time
from brainloom_core.units import dimension_name, same_dimension, show, with_unit

from ..connection.connection import Connection, value_of
from ..connection.edges import Edges
from ..parts.parts import Port, check_autapses, key_in, neurons_of
from ..parts.units import state_unit, taken_unit
from ..rules.basic import Rule
from .course import Begun, Course
from .exchange import mean_potentials, summed

__all__ = ["AsymmetryGapJunction", "SymmetryGapJunction"]


_name = Constraint("the name of a state such as 'V'", lambda name: isinstance(name, str))
_kind = Constraint("a class of states, or a function", callable)
_seed = maybe(at_least(0))
Ends = tuple[ArrayLike, ArrayLike]
Pairs = Rule | Edges | Connection | Ends | Callable[..., Ends]  # which neurons are coupled


class _Inflow(SynOut):
    """The current into one side of the junctions, at its running potential."""

    def __init__(self, follows: bool) -> None:
        super().__init__()
        self.follows = follows

    def update(
        self, bound: tuple[Quantity, Quantity, Quantity], V: Quantity | None = None
    ) -> Quantity:
        """Sum of w (V_other - V): bound are the sums of w V_other and of w, and V as read."""
        towards, total, read = bound
        return towards - total * (V if self.follows and V is not None else read)


class _GapJunction(Projection):
    """What both share: the pairs, and the exchange of currents."""

    _columns = 1

    def __init__(
        self,
        pre: Population,
        pre_state: str,
        post: Population,
        post_state: str,
        conn: Pairs,
        weight: Initializer,
        param_type: Callable[[Quantity], brainstate.State],
        seed: int | None,
        delay: Time,
    ) -> None:
        super().__init__(name=brainstate.util.get_unique_name(type(self).__name__))
        kind = type(self).__name__
        for what, side in (("pre", pre), ("post", post)):
            if not isinstance(neurons_of(side), Dynamics):
                raise TypeError(f"{kind}.{what}: expected a population, got {show(side)}")
        for name in (pre_state, post_state):
            if not isinstance(name, str):
                raise TypeError(f"{kind}: expected the name of a state such as 'V', got {name!r}")
        self.pre, self.post = pre, post
        self.pre_state, self.post_state = pre_state, post_state
        self.pre_ids, self.post_ids = self._pairs(conn, seed)
        self.weight = param_type(self._checked(weight))
        self._ends = _numbers(pre, self.pre_ids), _numbers(post, self.post_ids)
        whole_pre, whole_post = self._whole
        sides = (whole_pre, pre_state, "pre"), (whole_post, post_state, "post")
        self._courses: list[Course] = []
        if delay is None:
            self._courses = [Course(*side) for side in sides]
            if whole_pre is whole_post and pre_state == post_state:
                self._courses[1] = self._courses[0]
        self._past = None
        if delay is not None:
            self._past = [
                population.prefetch(state).delay.at(_of_all(given, delay), interpolate=True)
                for (population, state, _), given in zip(sides, (pre, post), strict=True)
            ]
        self._ports = []
        keys = [f"{key_in(population, self)}_{side}" for population, _, side in sides]
        for course, key, (population, *_) in zip(self._courses, keys, sides, strict=False):
            population.add_after_update(f"{key} course", course)
        for key, (population, state, _) in zip(keys, sides, strict=True):
            out = _Inflow(follows=state == "V")
            port = Port(out)
            port.attach(population, key, None)
            self._ports.append(port)
        drives(self, *self._whole)

    @property
    def _whole(self) -> tuple[Dynamics, Dynamics]:
        """The two populations; views only say which of their neurons are coupled."""
        return neurons_of(self.pre), neurons_of(self.post)

    def update(self) -> Quantity:
        """Exchange the currents of this step, and return what leaves each presynaptic neuron."""
        for port in self._ports:
            port.require_free(self.name)
        pre, post = self._whole
        V_pre, V_post = self._read(pre, self.pre_state), self._read(post, self.post_state)
        if self._past is not None:
            seen_pre, seen_post = (
                self._flat(pre, self._past[0]()),
                self._flat(post, self._past[1]()),
            )
            left = self._follow(V_pre, V_post, seen_pre, seen_post)
        else:
            begun = self._courses[0].begin(pre), self._courses[1].begin(post)
            left = self._exchange(*begun, V_pre, V_post)
        return self.pre.take(left) if isinstance(self.pre, View) else left

    def _exchange(self, pre: Begun, post: Begun, V_pre: Quantity, V_post: Quantity) -> Quantity:
        """Bind the currents of a step that begins so, and return what leaves the pre population."""
        raise NotImplementedError

    def _follow(
        self, V_pre: Quantity, V_post: Quantity, seen_pre: Quantity, seen_post: Quantity
    ) -> Quantity:
        """Bind currents that follow the own potential, that of the other side being held."""
        into_post, out_of_pre = self._weights()
        to_pre, to_post = self._ports
        i, j = self._ends
        for port, V, V_other, weight, mine, other in (
            (to_pre, V_pre, seen_post, out_of_pre, i, j),
            (to_post, V_post, seen_pre, into_post, j, i),
        ):
            size = V.shape[-1]
            towards = summed(weight * V_other[..., other], mine, size)
            total = summed(u.math.broadcast_to(weight, mine.shape), mine, size)
            population = self._whole[port is to_post]
            shape = (*V.shape[:-1], *population.in_size)
            bound = towards.reshape(shape), total.reshape(population.in_size), V.reshape(shape)
            port.bind(bound)
        towards, total, V = to_pre.out.bound
        return total * V - towards

    def _weights(self) -> tuple[Quantity, Quantity]:
        """For each pair, the conductance of the current into post, and of that out of pre."""
        raise NotImplementedError

    def _read(self, population: Population, name: str) -> Quantity:
        """The state of a population, its axes made one."""
        state = getattr(population, name, None)
        if not isinstance(state, brainstate.State):
            raise StateError(
                f"{self.name}: {type(population).__name__} has no state {name!r}. Call "
                "brainstate.nn.init_all_states(net) before the first step"
            )
        return self._flat(population, state.value)

    @staticmethod
    def _flat(population: Population, value: Quantity) -> Quantity:
        batch = value.shape[: len(value.shape) - len(population.in_size)]
        return value.reshape((*batch, int(np.prod(population.in_size))))

    def _pairs(
        self,
        conn: Pairs,
        seed: int | None,
    ) -> tuple[Array, Array]:
        """The two neurons of each junction, from whatever says which are coupled."""
        kind, n_pre, n_post = type(self).__name__, *self._sizes()
        if isinstance(conn, (Rule, Edges, Connection)):
            if isinstance(conn, Connection):
                edges = conn.edges
            else:
                check_autapses(f"{kind}.conn", self.pre, self.post, conn)
                edges = Connection(self.pre, self.post, conn, seed=seed).edges
            found: Any = edges.pre, edges.post
        elif callable(conn):
            found = conn(self.pre.out_size, self.post.out_size)
        else:
            found = conn
        try:
            pre_ids, post_ids = (np.asarray(ids) for ids in found)
        except (TypeError, ValueError):
            raise TypeError(
                f"{kind}.conn: expected a rule such as Bernoulli(0.1), Edges, or a function of "
                f"both sizes that returns two lists of neurons, got {show(conn)}"
            ) from None
        fits = pre_ids.shape == post_ids.shape and pre_ids.ndim == 1
        whole = all(ids.size == 0 or ids.dtype.kind in "iu" for ids in (pre_ids, post_ids))
        if not fits or not whole or not (_within(pre_ids, n_pre) and _within(post_ids, n_post)):
            raise ParameterError(
                f"{kind}.conn: expected as many pre as post, numbers of neurons from 0 to "
                f"{n_pre - 1} and from 0 to {n_post - 1}"
            )
        return jnp.asarray(pre_ids, jnp.int32), jnp.asarray(post_ids, jnp.int32)

    def _sizes(self) -> tuple[int, int]:
        return int(np.prod(self.pre.out_size)), int(np.prod(self.post.out_size))

    def _checked(self, weight: Initializer) -> Quantity:
        n, columns = len(self.pre_ids), self._columns
        allowed = ((), (n,)) if columns == 1 else ((columns,), (n, columns))
        if callable(weight) and not isinstance(weight, u.Quantity):
            weight = weight(allowed[1])
        unit = u.get_unit(weight)
        number = jnp.asarray(u.get_mantissa(weight), brainstate.environ.dftype())
        if number.shape not in allowed:
            raise ParameterError(
                f"{type(self).__name__}.weight: expected shape {allowed[0]} or {allowed[1]}, for "
                f"{n} junctions, got shape {number.shape}"
            )
        for population in map(neurons_of, (self.pre, self.post)):
            self._check_unit(unit, population)
        return with_unit(number, unit)

    def _check_unit(self, unit: u.Unit, population: Population) -> None:
        """Raise if such a conductance times a potential is not what the population takes."""
        V_unit, taken = state_unit(population, "V"), taken_unit(population)
        if V_unit is None or taken is None or same_dimension((1.0 * unit) * (1.0 * V_unit), taken):
            return
        raise UnitError(
            f"{type(self).__name__}.weight: expected "
            f"{dimension_name((1.0 * taken) / (1.0 * V_unit))}, got {dimension_name(unit)}"
        )


class SymmetryGapJunction(_GapJunction):
    r"""Gap junctions that conduct equally well in both directions.

    $$
    I_j = \sum_i w_{ij}\,(V_i - V_j), \qquad I_i = \sum_j w_{ij}\,(V_j - V_i)
    $$

    for the coupled pairs $(i, j)$. In a step the current of a junction is that of the potentials in
    the middle of the step, by the implicit midpoint rule: of second order, stable for coupling of
    any strength, and what leaves one neuron enters the other. With a delay the potential of the
    other side is one of the past, held over the step, and that of a neuron itself the running one.

    Args:
        couples: The population whose neurons are coupled with each other, or two populations,
            `(pre, post)`; views too, `(cells[:80], cells[80:])`.
        states: Name of the state that is the potential, for both sides or a pair of names.
        conn: Which neurons are coupled: a rule, `Edges`, a `Connection` (for its edges), or a
            function of both sizes that returns two lists, one pair of neurons for each junction.
        weight: Conductance of a junction $w$: a scalar, one value for each, or a function of the
            shape `(n_junctions,)`.
        param_type: Class of the state that holds the weights, or another function of them.
        seed: Seed of a random rule; None draws one from `brainstate.random`.
        delay: How long ago, from the start of the step, the potential of the other side is taken,
            None for no delay, which is of higher order than one of zero; times between two steps
            are taken as they are.

    Attributes:
        weight: The conductances, a `brainstate.ParamState`.
        pre_ids: First neuron of each junction, counted within a view if one was given.
        post_ids: Second neuron of each junction.

    Raises:
        TypeError: A part is of the wrong kind.
        ParameterError: The pairs, the weights or the delay do not fit the populations.
        UnitError: The weights are not a conductance.
        InputError: It is called twice before a population.
        StateError: A population has no state of that name.

    References:
        Connors & Long (2004), Annu. Rev. Neurosci. 27, 393,
        doi:10.1146/annurev.neuro.26.041002.131128.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_projections import SymmetryGapJunction
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> cells = LIF(2, V_th=20 * u.mV, V_initializer=[0.0, 10.0] * u.mV)
        >>> gap = SymmetryGapJunction(cells, "V", lambda m, n: ([0], [1]), 1.0 * u.siemens)
        >>> _ = brainstate.nn.init_all_states(cells)
        >>> print(gap().to_decimal(u.mA).round(2))
        [-9.8 -0. ]
        >>> _ = cells()
        >>> [f"{V:.2f}" for V in cells.V.value.to_decimal(u.mV)]
        ['0.19', '9.61']
    """

    @checked(seed=_seed, param_type=_kind)
    def __init__(
        self,
        couples: Population | tuple[Population, Population],
        states: str | tuple[str, str],
        conn: Pairs,
        weight: Initializer,
        param_type: Callable[[Quantity], brainstate.State] = brainstate.ParamState,
        seed: int | None = None,
        delay: Time | None = None,
    ) -> None:
        pre, post = _pair("couples", "one population or two", couples, (Dynamics, View))
        names = _pair("states", "the name of a state such as 'V', or two", states, str)
        super().__init__(pre, names[0], post, names[1], conn, weight, param_type, seed, delay)

    def _weights(self) -> tuple[Quantity, Quantity]:
        weight = value_of(self.weight)
        return weight, weight

    def _exchange(self, pre: Begun, post: Begun, V_pre: Quantity, V_post: Quantity) -> Quantity:
        """One current for both sides of a junction, which is held over the step."""
        weight = value_of(self.weight)
        apart = self._courses[0] is not self._courses[1]
        i, j = self._ends
        ends = i, j + (V_pre.shape[-1] if apart else 0)
        begun = (pre, post) if apart else (pre,)
        V = mean_potentials(begun, ends, weight)
        current = u.math.broadcast_to(weight, ends[0].shape) * (V[..., ends[1]] - V[..., ends[0]])
        into_pre = summed(current, i, V_pre.shape[-1])
        into_post = summed(-current, j, V_post.shape[-1])
        for port, course, population, start, into in zip(
            self._ports,
            self._courses,
            self._whole,
            (pre, post),
            (into_pre, into_post),
            strict=True,
        ):
            course.pushed(start.gain * into)
            held = into.reshape((*into.shape[:-1], *population.in_size))
            port.bind((held, 0.0 * u.get_unit(weight), 0.0 * u.get_unit(start.V)))
        return -into_pre.reshape((*into_pre.shape[:-1], *self._whole[0].in_size))


class AsymmetryGapJunction(_GapJunction):
    r"""Gap junctions that conduct differently in the two directions.

    $$
    I_j = \sum_i w^{(0)}_{ij}\,(V_i - V_j), \qquad I_i = \sum_j w^{(1)}_{ij}\,(V_j - V_i)
    $$

    for the coupled pairs $(i, j)$. The potential of a neuron itself is the running one, as for any
    conductance, and that of the other side the one in the middle of the step (with a delay, one of
    the past): of second order and stable. Otherwise as
    [`SymmetryGapJunction`][brainloom_projections.SymmetryGapJunction].

    Args:
        pre: The first population, or a view of one.
        pre_state: Name of the state that is its potential.
        post: The second population, or the first again, or a view of either.
        post_state: Name of the state that is its potential.
        conn: Which neurons are coupled: a rule, `Edges`, a `Connection` (for its edges), or a
            function of both sizes that returns two lists, one pair of neurons for each junction.
        weight: The two conductances of a junction, that of the current into `post` and that of
            the current into `pre`: shape `(2,)` or `(n_junctions, 2)`, or a function of the
            latter.
        param_type: Class of the state that holds the weights, or another function of them.
        seed: Seed of a random rule; None draws one from `brainstate.random`.
        delay: How long ago, from the start of the step, the potential of the other side is taken,
            None for no delay, which is of higher order than one of zero; times between two steps
            are taken as they are.

    Attributes:
        weight: The conductances, a `brainstate.ParamState`.
        pre_ids: First neuron of each junction, counted within a view if one was given.
        post_ids: Second neuron of each junction.

    Raises:
        TypeError: A part is of the wrong kind.
        ParameterError: The pairs, the weights or the delay do not fit the populations.
        UnitError: The weights are not a conductance.
        InputError: It is called twice before a population.
        StateError: A population has no state of that name.

    References:
        Palacios-Prado, Huetteroth & Pereda (2014), Front. Cell. Neurosci. 8, 324,
        doi:10.3389/fncel.2014.00324.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_projections import AsymmetryGapJunction, OneToOne
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> one = LIF(1, V_th=20 * u.mV, V_initializer=10 * u.mV)
        >>> other = LIF(1, V_th=20 * u.mV)
        >>> gap = AsymmetryGapJunction(one, "V", other, "V", OneToOne(), [1.0, 0.0] * u.siemens)
        >>> _ = brainstate.nn.init_all_states([one, other])
        >>> print(gap().to_decimal(u.mA))
        [0.]
        >>> _ = one(), other()
        >>> f"{other.V.value.to_decimal(u.mV)[0]:.2f}"
        '0.20'
    """

    _columns = 2

    @checked(pre_state=_name, post_state=_name, seed=_seed, param_type=_kind)
    def __init__(
        self,
        pre: Population,
        pre_state: str,
        post: Population,
        post_state: str,
        conn: Pairs,
        weight: Initializer,
        param_type: Callable[[Quantity], brainstate.State] = brainstate.ParamState,
        seed: int | None = None,
        delay: Time | None = None,
    ) -> None:
        super().__init__(pre, pre_state, post, post_state, conn, weight, param_type, seed, delay)

    def _weights(self) -> tuple[Quantity, Quantity]:
        weight = value_of(self.weight)
        return weight[..., 0], weight[..., 1]

    def _exchange(self, pre: Begun, post: Begun, V_pre: Quantity, V_post: Quantity) -> Quantity:
        """Currents that follow the own potential, towards that of the other in mid-step."""
        (into_post, into_pre), (i, j) = self._weights(), self._ends
        mean_pre = self._mean(pre, post, into_pre, i, j)
        mean_post = self._mean(post, pre, into_post, j, i)
        into = (
            (into_pre * (mean_post[..., j] - mean_pre[..., i])),
            (into_post * (mean_pre[..., i] - mean_post[..., j])),
        )
        for course, begun, current, mine in zip(
            self._courses, (pre, post), into, self._ends, strict=True
        ):
            course.pushed(begun.gain * summed(current, mine, begun.V.shape[-1]))
        return self._follow(V_pre, V_post, mean_pre, mean_post)

    def _mean(
        self, begun: Begun, far: Begun, weight: Quantity, mine: Array, other: Array
    ) -> Quantity:
        """The potential in mid-step, the other side being where it is."""
        size = begun.V.shape[-1]
        towards = summed(weight * far.V[..., other], mine, size)
        total = summed(u.math.broadcast_to(weight, mine.shape), mine, size)
        own = begun.V + begun.rise + begun.gain * towards
        return own / (1.0 + u.get_magnitude(begun.gain * total))


def _pair(name: str, expected: str, given: Any, kind: Any) -> tuple[Any, Any]:
    """What is given for both sides of a junction: one for both, or two."""
    pair = tuple(given) if isinstance(given, (tuple, list)) else (given, given)
    if len(pair) != 2 or not all(isinstance(one, kind) for one in pair):
        raise ParameterError(f"SymmetryGapJunction.{name}: expected {expected}, got {show(given)}")
    return pair


def _numbers(given: Any, ids: Any) -> Any:
    """The numbers in the population of neurons that are counted within a view of it."""
    if not isinstance(given, View):
        return ids
    return jnp.asarray(given.selection.numbers.reshape(-1), jnp.int32)[ids]


def _of_all(given: Any, delay: Any) -> Any:
    """A delay for each neuron of the population, where there is one for each of a view."""
    each = isinstance(given, View) and np.ndim(value_of(delay))
    return given.spread(delay) if each else delay


def _within(ids: np.ndarray, n: int) -> bool:
    return bool(np.all((ids >= 0) & (ids < n)))
