"""`Connection`: weights on edges, as the `comm` of a projection."""

import contextlib
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, ParameterError, UnitError, real_signature
from brainloom_core.kernels import event_csr, event_csr_ring
from brainloom_core.units import same_dimension, show, with_unit

from .counter import new_key
from .edges import Edges, as_coo, in_words, sorted_pairs
from .regenerated import Regenerated, WeightLaw
from .rules import AllToAll, OneToOne, RowRule, Rule, left_out

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Connection", "is_function", "value_of"]

_WEIGHTS, _DELAYS = 1, 2  # parts of a seed


@real_signature
class Connection(brainstate.nn.Module):
    r"""Weighted edges: turns presynaptic spikes into what reaches each postsynaptic neuron.

    $$
    y_j = \sum_{i \to j} w_{ij}\, s_i
    $$

    The product is event-driven: its cost follows the number of spikes. Spikes may be bool or
    floating-point; a floating-point value multiplies the weight (graded events). The delays are
    for the projection that uses the connection; a call of the connection has none.

    With `stored=False` the edges are not kept but drawn again in each step, from a generator
    that gives each neuron its own random numbers: memory is that of the neurons, and the edges
    are those of the same seed with `stored=True`. For `Bernoulli` and `FixedOutDegree` the time
    of a step still follows the number of spikes; for `FixedInDegree`, whose draws are those of
    the receiving neurons, it is that of all edges in each step with a spike, as is, for all
    three, that of the gradient with respect to floating-point spikes.

    Args:
        pre: Size of the presynaptic population, or the population.
        post: Size of the postsynaptic population, or the population.
        rule: A rule such as `Bernoulli(0.02)`, or `Edges`.
        weight: Weights with unit, 1: a scalar for all edges; an array with one per edge (in the
            order of `edges`); a state such as `brainstate.ParamState`, which is used as it is;
            or a function: of the shape `(n_edges,)`, as `Normal(...)` and `Uniform(...)` are;
            of the edges, if its argument is called `edges`; or of their lengths, if it is called
            `distance`.
        delay: Time from a presynaptic spike to its arrival, None, the default, for no delay: a
            scalar, an array with one per edge, a function like that of the weights, or a
            trainable state; at least zero.
        seed: Seed of the random edges, weights and delays; None draws one from
            `brainstate.random`, so that `brainstate.random.seed` makes them reproducible.
        stored: Whether the edges are kept in memory, True. Without, the rule must be `OneToOne`,
            `AllToAll`, `Bernoulli`, `FixedOutDegree` or `FixedInDegree`, and the weight a scalar
            or, not trainable, `Uniform(...)` or `Normal(...)` (for `OneToOne`, anything).
        implementation: Name of the kernel to use; see `brainloom kernels`.
        name: Name of the module.
        trainable: Whether the weights are a `ParamState`, found by gradients, True.

    Attributes:
        edges: The edges drawn; where they are not stored, drawn anew each time they are read.
        weight: The weights: `brainstate.ParamState` or, if not trainable, a plain value; the
            initializer, where they are drawn again in each step.
        delay: The delay in ms, of shape `()` or, in the order of `edges`, `(n_edges,)`, a state
            if it is trained; or None.

    Raises:
        ParameterError: The rule does not fit the sizes, or weights or delays not the edges, or
            it cannot be done without storing edges.
        UnitError: The delay is not a time.
        InputError: The spikes do not have one value per presynaptic neuron.

    References:
        Brette et al. (2007), J. Comput. Neurosci. 23, 349, section 2 (event-driven delivery),
        doi:10.1007/s10827-007-0038-6; Knight & Nowotny (2021), Nat. Comput. Sci. 1, 136
        (connectivity drawn again in each step), doi:10.1038/s43588-020-00022-7.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_projections import Bernoulli, Connection, OneToOne
        >>> connection = Connection(3, 3, OneToOne(), weight=2.0 * u.nS)
        >>> print(connection(jnp.array([True, False, True])).to_decimal(u.nS))
        [2. 0. 2.]

        Delays that follow the edges, and edges that take no memory:

        >>> delayed = Connection(100, 50, Bernoulli(0.1), seed=1,
        ...                      delay=lambda edges: (1.0 + 0.1 * (edges.post % 5)) * u.ms)
        >>> delayed.delay.shape == (len(delayed.edges),)
        True
        >>> free = Connection(100, 50, Bernoulli(0.1), seed=1, stored=False)
        >>> free.edges == delayed.edges
        True
    """

    def __init__(
        self,
        pre: Any,
        post: Any,
        rule: Rule | Edges,
        weight: Any = 1.0,
        *,
        delay: Any = None,
        seed: int | None = None,
        stored: bool = True,
        implementation: str | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name)
        self.in_size, self.out_size = _size(pre, "out_size"), _size(post, "in_size")
        self._n_pre, self._n_post = int(np.prod(self.in_size)), int(np.prod(self.out_size))
        self.rule = rule
        self.implementation = implementation
        if isinstance(rule, Rule) and seed is None:
            seed = int(brainstate.random.randint(0, 2**31 - 1))
        self._edges: Edges | None = None
        self._regenerated: Regenerated | None = None
        self.weight: Any
        if stored:
            self._edges = self._drawn(rule, seed)
            self._keep_edges(self._edges)
            self.weight = self._checked_weight(weight, self._edges, seed, trainable)
            self.delay = self._checked_delay(delay, self._edges, seed)
        else:
            self._check_unstored(rule, weight, delay, trainable)
            self.delay = self._checked_delay(delay, None, seed)
            self.weight = self._unstored(rule, weight, seed, trainable)

    @classmethod
    def from_pairs(
        cls,
        pre: Any,
        post: Any,
        weight: Any = 1.0,
        *,
        sizes: tuple[Any, Any],
        delay: Any = None,
        **options: Any,
    ) -> "Connection":
        """A connection from lists: of sources, targets and, in the same order, weights and delays.

        Args:
            pre: Presynaptic neuron of each edge.
            post: Postsynaptic neuron of each edge.
            weight: As for `Connection`; an array is in the order of the lists, which need not be
                sorted.
            sizes: Sizes of the presynaptic and the postsynaptic population, or the populations.
            delay: As for `Connection`, an array in the order of the lists; None, the default,
                for no delay.
            options: More arguments of `Connection`.

        Examples:
            >>> import brainunit as u
            >>> from brainloom_projections import Connection
            >>> connection = Connection.from_pairs([2, 0], [1, 0], [5.0, 3.0] * u.nS, sizes=(3, 2))
            >>> print(connection.to_dense().to_decimal(u.nS))
            [[3. 0.]
             [0. 0.]
             [0. 5.]]
        """
        n_pre, n_post = np.prod(_size(sizes[0], "out_size")), np.prod(_size(sizes[1], "in_size"))
        edges, order = sorted_pairs(pre, post, int(n_pre), int(n_post))
        weight, delay = (
            _reordered(name, value, order) for name, value in (("weight", weight), ("delay", delay))
        )
        return cls(*sizes, edges, weight, delay=delay, **options)

    @classmethod
    def from_scipy(
        cls, matrix: Any, unit: Any = u.UNITLESS, *, sizes: Any = None, **options: Any
    ) -> "Connection":
        """A connection from a sparse matrix of scipy, of any format, whose entries are weights.

        Rows are presynaptic neurons, columns postsynaptic ones; give the transpose of a matrix
        that has it the other way. An entry that is zero is an edge too, and one that is listed
        twice is two.

        Args:
            matrix: The matrix, anything that has a method `tocoo`.
            unit: Unit of the weights, none by default.
            sizes: Sizes of the two populations, or the populations; by default, those of the
                matrix.
            options: More arguments of `Connection`.

        Examples:
            >>> import brainunit as u
            >>> from brainloom_projections import Connection
            >>> from scipy.sparse import csc_array
            >>> connection = Connection.from_scipy(csc_array([[0.0, 2.0], [3.0, 0.0]]), u.nS)
            >>> print(connection.edges.post, connection.weight.value.to_decimal(u.nS))
            [1 0] [2. 3.]
        """
        coo = as_coo(matrix)
        if np.iscomplexobj(coo.data):
            raise ParameterError("Connection.from_scipy: expected real weights, got complex ones")
        sizes = coo.shape if sizes is None else sizes
        found = tuple(
            int(np.prod(_size(n, side)))
            for n, side in zip(sizes, ("out_size", "in_size"), strict=True)
        )
        if found != tuple(coo.shape):
            raise ParameterError(
                f"Connection.from_scipy: expected a matrix of {found[0]} rows and {found[1]} "
                f"columns, as the populations have neurons, got {coo.shape}"
            )
        weight = with_unit(np.asarray(coo.data, float), unit)
        return cls.from_pairs(coo.row, coo.col, weight, sizes=tuple(sizes), **options)

    @classmethod
    def load(cls, path: str | Path, **options: Any) -> "Connection":
        """Read what `Connection.save` wrote; the edges take the place of the rule.

        Args:
            path: The file.
            options: Arguments of `Connection` that are not in the file, such as `name`.

        Raises:
            ParameterError: The file is of another kind or a newer version, or holds edges only.
        """
        from .storage import read

        edges, header, values = read(path)
        if "weight" not in values:
            raise ParameterError(
                f"{path}: expected a connection, got edges without weights; read it with Edges.load"
            )
        sizes = tuple(header["in_size"]), tuple(header["out_size"])
        options = {"trainable": header["trainable"], **options}
        return cls(*sizes, edges, values["weight"], delay=values.get("delay"), **options)

    def save(self, path: str | Path) -> None:
        """Write edges, weights and delays to a file of numpy's npz format, without pickle.

        What is not stored is drawn for the file.

        Args:
            path: The file; `Connection.load` reads it.
        """
        from .storage import write

        whole = self.stored()
        header = {
            "in_size": list(self.in_size),
            "out_size": list(self.out_size),
            "trainable": isinstance(self.weight, brainstate.ParamState),
        }
        values = {"weight": value_of(whole.weight), "delay": value_of(whole.delay)}
        write(path, whole.edges, header, values)

    def stored(self) -> "Connection":
        """The same connection with its edges, weights and delays in memory.

        The weights are a copy; a connection that is stored already is returned itself.
        """
        if self._edges is not None:
            return self
        edges = self.edges
        if self._regenerated is not None and self._regenerated.law is not None:
            weight: Any = with_unit(self._regenerated.numbers(), self._regenerated.law.unit)
        else:
            weight = value_of(self.weight)
        return Connection(
            self.in_size,
            self.out_size,
            edges,
            weight,
            delay=self.delay,
            implementation=self.implementation,
            trainable=isinstance(self.weight, brainstate.ParamState),
        )

    @property
    def is_stored(self) -> bool:
        """Whether the edges are kept in memory."""
        return self._edges is not None

    @property
    def edges(self) -> Edges:
        """The edges; where they are not stored, drawn anew."""
        if self._edges is not None:
            return self._edges
        if self._regenerated is not None:
            return self._regenerated.edges()
        assert isinstance(self.rule, Rule)
        return self.rule.edges(self._n_pre, self._n_post)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.edges if self._regenerated is None else self._regenerated)

    @property
    def in_degree(self) -> np.ndarray:
        """Number of edges that reach each postsynaptic neuron."""
        return self.edges.in_degree

    @property
    def out_degree(self) -> np.ndarray:
        """Number of edges that leave each presynaptic neuron."""
        return self.edges.out_degree

    def summary(self) -> str:
        """Sizes, degrees, weights and delays, in words."""
        whole = self.stored()
        lines = [whole.edges.summary()]
        for what, value in (("weight", value_of(whole.weight)), ("delay", value_of(self.delay))):
            if value is None:
                continue
            number, unit = np.asarray(u.get_mantissa(value)), u.get_unit(value)
            text = f"{number:g}" if number.ndim == 0 else in_words(number)
            lines.append(f"{what}: {text}" + ("" if unit == u.UNITLESS else f" {unit}"))
        if not self.is_stored:
            lines.append("edges are not stored")
        return "\n".join(lines)

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the matrix of connections, and the distributions of degrees, weights and delays.

        Args:
            path: File to write, if any; its suffix chooses the format.

        Raises:
            ImportError: matplotlib is not installed.
        """
        from .plotting import plot_edges

        whole = self.stored()
        return plot_edges(
            whole.edges, path, weight=value_of(whole.weight), delay=value_of(whole.delay)
        )

    def to_scipy(self, unit: Any = None) -> Any:
        """The weights as a `scipy.sparse.csr_array` of shape `(n_pre, n_post)`.

        Args:
            unit: Unit in which the numbers are given; by default, that of the weights.

        Raises:
            ImportError: scipy is not installed.
        """
        whole = self.stored()
        weight = whole._weight_per_edge()
        if unit is not None:
            weight = u.Quantity(weight).to_decimal(unit)
        return whole.edges.to_scipy(np.asarray(u.get_mantissa(weight)))

    def to_dense(self) -> Any:
        """The weights as an array of shape `(n_pre, n_post)`; those of multapses are summed."""
        whole = self.stored()
        return whole.edges.to_dense(whole._weight_per_edge())

    def update(self, spikes: Any) -> Any:
        """The summed weight that reaches each postsynaptic neuron, `(*batch, *out_size)`.

        Args:
            spikes: Spikes, shape `(*batch, *in_size)`: bool, or numbers, which multiply the
                weights.

        Returns:
            Shape `(*batch, *out_size)`, in the unit of the weights.
        """
        flat = self._flat(spikes)
        return self._product(flat).reshape((*flat.shape[:-1], *self.out_size))

    def _flat(self, spikes: Any) -> jax.Array:
        if isinstance(spikes, u.Quantity):
            raise InputError(f"Connection: expected spikes without a unit, got {show(spikes)}")
        spikes = jnp.asarray(spikes)
        batch = spikes.shape[: spikes.ndim - len(self.in_size)]
        if spikes.shape != (*batch, *self.in_size):
            raise InputError(
                f"Connection: expected spikes of shape {self.in_size}, got shape {spikes.shape}"
            )
        return spikes.reshape(*batch, self._n_pre)

    def _product(self, spikes: jax.Array) -> Any:
        if self._regenerated is not None and self._regenerated.law is not None:
            return with_unit(self._regenerated(spikes), self._regenerated.law.unit)
        weight = value_of(self.weight)
        if self._regenerated is not None:
            return weight * self._regenerated(spikes)
        if self._one_to_one:
            return weight * spikes
        if self._all_to_all and np.ndim(weight) == 0:
            total = spikes.sum(-1, keepdims=True)
            total = jnp.broadcast_to(total, (*spikes.shape[:-1], self._n_post))
            if not self._own_too:
                total = total - spikes
            return weight * total
        return event_csr(
            weight,
            self._arrays.indices,
            self._arrays.indptr,
            spikes,
            n_post=self._n_post,
            max_row=self._max_row,
            implementation=self.implementation,
        )

    @property
    def unit(self) -> Any:
        """The unit of the weights."""
        if self._regenerated is not None and self._regenerated.law is not None:
            return self._regenerated.law.unit
        return u.get_unit(value_of(self.weight))

    def send(
        self, ring: Any, spikes: Any, steps: Any, position: Any, share: Any = 1.0
    ) -> tuple[Any, Any]:
        """Send spikes on edges with delays, and take out what arrives in this step.

        Args:
            ring: What is under way, shape `(*batch, length, n_post)`, in the unit of the weights.
            spikes: As for `update`.
            steps: The delay of each edge in steps, below `length`; shape `(n_edges,)` or `()`.
            position: The place of this step in the ring; see `brainloom_core.kernels`.
            share: Factor on the weights, for all or one per edge.

        Returns:
            The ring, and what arrives, shape `(*batch, *out_size)`.

        Raises:
            ParameterError: The edges are not stored.
        """
        if self._edges is None:
            raise ParameterError("Connection.send: expected edges that are stored; use stored()")
        ring, arrived = event_csr_ring(
            ring,
            value_of(self.weight) * share,
            steps * np.int32(self._n_post) + self._arrays.indices,
            self._arrays.indptr,
            self._flat(spikes),
            position,
            max_row=self._max_row,
            implementation=self.implementation,
        )
        return ring, arrived.reshape((*arrived.shape[:-1], *self.out_size))

    def _weight_per_edge(self) -> Any:
        weight = value_of(self.weight)
        number = np.broadcast_to(np.asarray(u.get_mantissa(weight)), (self.n_edges,))
        return with_unit(number, u.get_unit(weight))

    def _drawn(self, rule: Rule | Edges, seed: int | None) -> Edges:
        n_pre, n_post = self._n_pre, self._n_post
        edges = rule
        if isinstance(rule, Rule):
            edges = rule.edges(n_pre, n_post, np.random.default_rng(seed))
        if not isinstance(edges, Edges):
            raise ParameterError(
                "Connection.rule: expected a rule such as Bernoulli(0.02), or Edges, got "
                f"{show(edges)}"
            )
        if (edges.n_pre, edges.n_post) != (n_pre, n_post):
            raise ParameterError(
                f"Connection.rule: expected edges from {n_pre} to {n_post} neurons, got from "
                f"{edges.n_pre} to {edges.n_post}"
            )
        return edges

    def _keep_edges(self, edges: Edges) -> None:
        self._one_to_one = edges.is_one_to_one
        self._all_to_all = edges.is_all_to_all
        self._own_too = True
        self._arrays = _Arrays(edges)
        self._max_row = int(edges.out_degree.max(initial=0))

    def _check_unstored(self, rule: Any, weight: Any, delay: Any, trainable: bool) -> None:
        if not isinstance(rule, (OneToOne, AllToAll, RowRule)):
            raise ParameterError(
                "Connection.stored: False expected a rule that can be drawn row by row "
                "(OneToOne, AllToAll, Bernoulli, FixedOutDegree, FixedInDegree), got "
                f"{show(rule)}"
            )
        if delay is not None and (is_function(delay) or np.ndim(value_of(delay)) != 0):
            raise ParameterError(
                "Connection.delay: with stored=False expected one delay for all edges, got "
                f"{show(delay)}"
            )
        if is_function(weight) and isinstance(rule, RowRule) and trainable:
            raise ParameterError(
                "Connection.weight: weights that are drawn again in each step cannot be trained; "
                "expected trainable=False, or stored=True"
            )

    def _unstored(self, rule: Any, weight: Any, seed: int | None, trainable: bool) -> Any:
        rng, n_pre, n_post = np.random.default_rng(seed), self._n_pre, self._n_post
        if isinstance(rule, RowRule):
            law = None
            if is_function(weight):
                law = WeightLaw(new_key(np.random.default_rng([seed or 0, _WEIGHTS])), weight)
            self._regenerated = Regenerated(rule, n_pre, n_post, rng, law)
            if law is not None:
                return weight
        self._one_to_one = isinstance(rule, OneToOne)
        self._all_to_all = isinstance(rule, AllToAll)
        self._own_too = self._all_to_all and rule.allow_autapses
        if self._all_to_all:
            left_out(rule, n_pre, n_post)
        edges = rule.edges(n_pre, n_post) if self._one_to_one else None
        return self._checked_weight(weight, edges, seed, trainable)

    def _checked_weight(
        self, weight: Any, edges: Edges | None, seed: int | None, trainable: bool
    ) -> Any:
        if isinstance(weight, (brainstate.State, brainstate.nn.Param)):
            _checked("weight", value_of(weight), edges)
            return weight
        value = _checked("weight", _evaluated("weight", weight, edges, seed, _WEIGHTS), edges)
        return brainstate.ParamState(value) if trainable else value

    def _checked_delay(self, delay: Any, edges: Edges | None, seed: int | None) -> Any:
        if delay is None:
            return None
        if isinstance(delay, (brainstate.State, brainstate.nn.Param)):
            if not isinstance(u.get_mantissa(value_of(delay)), jax.core.Tracer):
                self._checked_delay(value_of(delay), edges, seed)
            return delay
        delay = _evaluated("delay", delay, edges, seed, _DELAYS)
        if not isinstance(delay, u.Quantity) or not same_dimension(delay, u.ms):
            raise UnitError(
                f"Connection.delay: expected a time, got {show(delay)}; write 1.5 * u.ms"
            )
        _checked("delay", delay, edges)
        if isinstance(delay.mantissa, jax.core.Tracer):
            raise ParameterError(
                f"Connection.delay: expected a known value, since it sets sizes, got {show(delay)}"
            )
        number = np.asarray(delay.to_decimal(u.ms), np.float64)
        if np.any(number < 0):
            raise ParameterError(f"Connection.delay: expected >= 0 ms, got {number.min():g} ms")
        return u.Quantity(number, unit=u.ms)


class _Arrays:
    """What a kernel takes of the edges, as one object, which copies of a connection share."""

    def __init__(self, edges: Edges) -> None:
        self.indptr, self.indices = jnp.asarray(edges.indptr), jnp.asarray(edges.indices)


def value_of(value: Any) -> Any:
    """What a trainable weight or delay is now; anything else as it is."""
    if isinstance(value, brainstate.State):
        return value.value
    return value.value() if isinstance(value, brainstate.nn.Param) else value


def is_function(value: Any) -> bool:
    """Whether a weight or a delay is a function that gives one for each edge."""
    kinds = (u.Quantity, brainstate.State, brainstate.nn.Param)
    return callable(value) and not isinstance(value, kinds)


def _evaluated(what: str, value: Any, edges: Edges | None, seed: int | None, part: int) -> Any:
    """A value, or what a function makes of the edges, their lengths or their number."""
    if not is_function(value):
        return value
    if edges is None:
        raise ParameterError(
            f"Connection.{what}: with stored=False expected one number, got {show(value)}"
        )
    argument: Any = (len(edges),)
    if (name := _first_argument(value)) == "edges":
        argument = edges
    elif name == "distance":
        argument = edges.distance
        if argument is None:
            raise ParameterError(
                f"Connection.{what}: a function of the distance expected edges of "
                "DistanceDependent, got edges between neurons without positions"
            )
    own_seed = None if seed is None else int(np.random.default_rng([seed, part]).integers(2**31))
    with contextlib.nullcontext() if seed is None else brainstate.random.seed_context(own_seed):
        return value(argument)


def _first_argument(function: Any) -> str:
    try:
        return next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):
        return ""


def _checked(what: str, value: Any, edges: Edges | None) -> Any:
    unit, number = u.get_unit(value), u.get_mantissa(value)
    number = jnp.asarray(number, dtype=brainstate.environ.dftype())
    shapes: tuple[Any, ...] = ((),) if edges is None else ((), (len(edges),))
    if number.shape not in shapes:
        expected = (
            "a scalar, since the edges are not stored"
            if edges is None
            else (f"a scalar or one {what} for each of the {len(edges)} edges")
        )
        raise ParameterError(f"Connection.{what}: expected {expected}, got shape {number.shape}")
    if not isinstance(number, jax.core.Tracer) and not np.all(np.isfinite(number)):
        raise ParameterError(f"Connection.{what}: expected finite {what}s, got {show(value)}")
    return with_unit(number, unit)


def _reordered(what: str, value: Any, order: np.ndarray) -> Any:
    """An array in the order of the edges; what is no array stays as it is."""
    if value is None or is_function(value) or isinstance(value, brainstate.nn.Param):
        return value
    if isinstance(value, brainstate.State):
        if np.ndim(value.value) == 0:
            return value
        raise ParameterError(
            f"Connection.from_pairs: expected an array as {what}, got a state, which would have "
            "to be reordered; give it to Connection with Edges"
        )
    unit, number = u.get_unit(value), np.asarray(u.get_mantissa(value))
    if number.ndim == 0:
        return value
    if number.shape != order.shape:
        raise ParameterError(
            f"Connection.{what}: expected a scalar or one {what} for each of the {len(order)} "
            f"edges, got shape {number.shape}"
        )
    return with_unit(number[order], unit)


def _size(population: Any, attribute: str) -> tuple[int, ...]:
    size = getattr(population, attribute, population)
    return tuple(size) if isinstance(size, (tuple, list)) else (int(size),)
