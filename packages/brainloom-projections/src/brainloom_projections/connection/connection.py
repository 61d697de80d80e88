"""`Connection`: weights on edges, as the `comm` of a projection."""

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, ParameterError, real_signature
from brainloom_core.kernels import event_csr, event_csr_ring
from brainloom_core.partition import partition_in_use
from brainloom_core.types import Array, ArrayLike, Quantity
from brainloom_core.units import show, with_unit
from brainloom_core.unmade import unmade_in

from ..rules.basic import AllToAll, OneToOne, RowRule, Rule, left_out, rule_of
from ..types import EdgeValue, Side
from .checks import check_choices, check_unstored, kept_edges, numbers_of_neurons
from .devices import OnDevices
from .edges import Edges, as_coo, sorted_pairs
from .for_edges import ForEdges
from .kept import KeptEdges
from .plotting import plot_edges
from .regenerated import Regenerated
from .split import SplitEdges
from .storage import read, write
from .values import (
    is_function,
    reordered,
    seed_of,
    size_of,
    value_of,
)
from .weights import FixedWeight, Weighted
from .words import in_a_line, summary_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Connection", "FixedWeight", "is_function", "value_of"]

# What follows from the construction and cannot be changed, with the reason.
_FIXED = {
    "rule": "the edges were drawn by it",
    "edges": "projections were made for them",
    "in_size": "the edges were drawn for it",
    "out_size": "the edges were drawn for it",
    "seed": "the edges were drawn with it",
    "delay": "projections keep what is under way for as long as it says",
}


@real_signature
class Connection(Weighted, OnDevices):
    r"""Weighted edges: turns presynaptic spikes into what reaches each postsynaptic neuron.

    $$
    y_j = \sum_{i \to j} w_{ij}\, s_i
    $$

    The product is event-driven: its cost follows the number of spikes. Spikes may be bool or
    floating-point; a floating-point value multiplies the weight (graded events). The delays are
    for the projection that uses the connection; a call of the connection has none.

    With `stored=False` the edges are not kept but drawn again in each step, from a generator
    that gives each neuron its own random numbers: memory is that of the neurons, and the edges
    are those of the same seed with `stored=True`. For `Bernoulli`, `FixedOutDegree` and
    `FixedTotalNumber` the time of a step still follows the number of spikes; for `FixedInDegree`,
    whose draws are those of the receiving neurons, it is that of all edges in each step with a
    spike, as is, for all of them, that of the gradient with respect to floating-point spikes.

    Args:
        pre: Size of the presynaptic population, or the population.
        post: Size of the postsynaptic population, or the population.
        rule: A rule such as `Bernoulli(0.02)`, or `Edges`.
        weight: Weights with unit, 1: a scalar for all edges; an array with one per edge (in the
            order of `edges`); a state such as `brainstate.ParamState`, which is used as it is;
            an initializer such as `Normal(...)` or `Uniform(...)`, or another object that is
            called with the shape `(n_edges,)`; or a function, `by_edge(f)` of the edges or
            `by_distance(f)` of their lengths. (A bare function must call its argument `edges`,
            `distance` or `shape`.)
        delay: Time from a presynaptic spike to its arrival, None, the default, for no delay: a
            scalar, an array with one per edge, drawn or made by a function like the weights, or
            a trainable state; at least zero.
        seed: Seed of the random edges, weights and delays; None draws one from
            `brainstate.random`, so that `brainstate.random.seed` makes them reproducible.
        stored: Whether the edges are kept in memory, True. Without, the rule must be `OneToOne`,
            `AllToAll`, `Bernoulli`, `FixedOutDegree`, `FixedInDegree` or `FixedTotalNumber`, and
            the weight a scalar or, not trainable, `Uniform(...)` or `Normal(...)` (for `OneToOne`,
            anything).
        implementation: Name of the kernel to use; see `brainloom kernels`.
        name: Name of the module.
        trainable: Whether the weights are a `ParamState`, found by gradients, True.

    Attributes:
        edges: The edges drawn; where they are not stored, drawn anew each time they are read.
        weight: The weights: `brainstate.ParamState` or, if not trainable, a plain value; the
            initializer, where they are drawn again in each step. They can be assigned: a value is
            checked as in the constructor, must have the same dimension, is written into the state
            and acts from the next step on, also in what is compiled. (A state that is assigned
            takes the place of the one before; functions that you compiled yourself keep that.)
        seed: The seed of the random edges, weights and delays; None for given edges without one.
        delay: The delay in ms, of shape `()` or, in the order of `edges`, `(n_edges,)`, a state
            if it is trained; or None.

    Raises:
        ParameterError: The rule does not fit the sizes, or weights or delays not the edges, or
            it cannot be done without storing edges; or what is fixed is assigned.
        UnitError: The delay is not a time, or new weights are of another dimension.
        InputError: The spikes do not have one value per presynaptic neuron.

    References:
        Brette et al. (2007), J. Comput. Neurosci. 23, 349, section 2 (event-driven delivery),
        doi:10.1007/s10827-007-0038-6; Knight & Nowotny (2021), Nat. Comput. Sci. 1, 136
        (connectivity drawn again in each step), doi:10.1038/s43588-020-00022-7.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_projections import Bernoulli, Connection, OneToOne, by_edge
        >>> connection = Connection(3, 3, OneToOne(), weight=2.0 * u.nS)
        >>> print(connection(jnp.array([True, False, True])).to_decimal(u.nS))
        [2. 0. 2.]
        >>> connection.weight = 0.5 * u.nS
        >>> print(connection(jnp.array([True, False, True])).to_decimal(u.nS))
        [0.5 0.  0.5]

        Delays that follow the edges, and edges that take no memory:

        >>> delayed = Connection(100, 50, Bernoulli(0.1), seed=1,
        ...                      delay=by_edge(lambda e: (1.0 + 0.1 * (e.post % 5)) * u.ms))
        >>> delayed.delay.shape == (len(delayed.edges),)
        True
        >>> free = Connection(100, 50, Bernoulli(0.1), seed=1, stored=False)
        >>> free.edges == delayed.edges
        True
    """

    graph_invisible_attrs = ("times_changed", "_split", "_unmade")
    times_changed = 0  # counts what simulate must compile anew
    _split: "SplitEdges | None" = None  # the edges on several devices, during a run
    delivers_by_target = True
    """Whether, on several devices, each computes what reaches its neurons."""

    def __init__(
        self,
        pre: Side,
        post: Side,
        rule: str | Rule | Edges,
        weight: EdgeValue = 1.0,
        *,
        delay: EdgeValue | None = None,
        seed: int | None = None,
        stored: bool = True,
        implementation: str | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name)
        self.in_size = size_of("Connection.pre", pre, "out_size")
        self.out_size = size_of("Connection.post", post, "in_size")
        self._n_pre, self._n_post = int(np.prod(self.in_size)), int(np.prod(self.out_size))
        self.rule = rule = rule_of("Connection.rule", rule)
        self.implementation = implementation
        check_choices(stored, trainable, implementation)
        seed = seed_of(seed)
        if isinstance(rule, Rule) and seed is None:
            seed = int(brainstate.random.randint(0, 2**31 - 1))
        self.seed = seed
        self._kept: KeptEdges | None = None
        self._regenerated: Regenerated | None = None
        self._own_too = True
        if stored:
            self._kept = kept_edges(rule, self._n_pre, self._n_post, seed)
            self.__dict__["delay"] = self._checked_delay(delay)
        else:
            check_unstored(rule, weight, delay, trainable)
            self.__dict__["delay"] = self._checked_delay(delay)
            self._keep_rule(rule, weight)
        # The last one: from now on, what is fixed is.
        self.__dict__["weight"] = self._held(weight, trainable)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "weight" in vars(self) and getattr(self, name) is not value:
            remedy = "make a new Connection"
            if name == "delay":
                remedy = "assign that of the projection, projection.delay = 2 * u.ms"
            raise ParameterError(
                f"Connection.{name}: it cannot be changed, since {_FIXED[name]}; {remedy}"
            )
        if "weight" in vars(self) and not hasattr(self, name):
            near = get_close_matches(name, [*_FIXED, "weight", "implementation"], 1, 0.75)
            if near:
                raise ParameterError(
                    f"Connection.{name}: a connection has no such attribute; did you mean "
                    f"{near[0]}?"
                )
        super().__setattr__(name, value)
        if name == "implementation" and "weight" in vars(self):
            self.times_changed += 1

    def __repr__(self) -> str:
        if "weight" not in vars(self):  # it is being made
            return f"<{type(self).__name__}>"
        return in_a_line(self)

    @property
    def weight(self) -> Quantity | brainstate.State:
        """The weights: a state or, if they are not trained, a plain value."""
        try:
            held = vars(self)["weight"]
        except KeyError:
            raise AttributeError("weight") from None
        return held.value if isinstance(held, FixedWeight) else held

    @weight.setter
    def weight(self, value: Any) -> None:
        held = vars(self).get("weight")
        if held is None or value is held:  # as brainstate puts a copy together
            self.__dict__["weight"] = value
        elif isinstance(value, brainstate.TreefyState):
            held.update_from_ref(value)
        elif isinstance(value, (brainstate.State, brainstate.nn.Param)):
            self._check_dimension(value_of(self._held(value, trainable=True)))
            self.__dict__["weight"] = value
            self.times_changed += 1
        else:
            self._write_weight(held, value)

    @property
    def delay(self) -> Any:
        """The delay, made when it is first read."""
        try:
            held = vars(self)["delay"]
        except KeyError:
            raise AttributeError("delay") from None
        if isinstance(held, ForEdges):
            held = self.__dict__["delay"] = held.make()
        return held

    @delay.setter
    def delay(self, value: Any) -> None:  # as brainstate puts a copy together
        self.__dict__["delay"] = value

    @property
    def delay_to_make(self) -> ForEdges | None:
        """What will make the delays; None where they are made, or no function is to make them."""
        held = vars(self).get("delay")
        return held if isinstance(held, ForEdges) else None

    def make_values(self) -> None:
        """Make edges, weights and delays that are not made yet."""
        if self._kept is not None and self._split is None:
            _ = self._kept.edges, self.delay, value_of(self._weight_state)

    def fixed_values(self) -> dict[str, Any]:
        """What no state holds: the edges, or the seed where they or weights follow from it."""
        if self._kept is not None and not self._kept.follow_from_seed:
            return {"seed": None, "edges": (self.edges.indptr, self.edges.indices)}
        draws = not isinstance(self.rule, (OneToOne, AllToAll)) or self._law is not None
        return {"seed": self.seed if draws else None}

    @classmethod
    def from_pairs(
        cls,
        pre: ArrayLike,
        post: ArrayLike,
        weight: EdgeValue = 1.0,
        *,
        sizes: tuple[Side, Side],
        delay: EdgeValue | None = None,
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
        edges, order = sorted_pairs(pre, post, *numbers_of_neurons("from_pairs", sizes))
        weight, delay = (
            reordered(name, value, order) for name, value in (("weight", weight), ("delay", delay))
        )
        return cls(*sizes, edges, weight, delay=delay, **options)

    @classmethod
    def from_scipy(
        cls,
        matrix: Any,
        unit: u.Unit = u.UNITLESS,
        *,
        sizes: tuple[Side, Side] | None = None,
        **options: Any,
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
        if not isinstance(unit, u.Unit):
            raise ParameterError(f"Connection.from_scipy: expected a unit, got {show(unit)}")
        if np.iscomplexobj(coo.data):
            raise ParameterError("Connection.from_scipy: expected real weights, got complex ones")
        sizes = coo.shape if sizes is None else sizes
        found = numbers_of_neurons("from_scipy", sizes)
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
        edges, header, values = read(path)
        if "weight" not in values:
            raise ParameterError(
                f"{path}: expected a connection, got edges without weights; read it with Edges.load"
            )
        sizes = tuple(header["in_size"]), tuple(header["out_size"])
        options = {"trainable": header["trainable"], **options}
        return cls(*sizes, Edges(**edges), values["weight"], delay=values.get("delay"), **options)

    def save(self, path: str | Path) -> None:
        """Write edges, weights and delays to a file of numpy's npz format, without pickle.

        What is not stored is drawn for the file.

        Args:
            path: The file; `Connection.load` reads it.
        """
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
        if self._kept is not None:
            return self
        edges = self.edges
        if self._regenerated is not None and self._regenerated.law is not None:
            weight: EdgeValue = with_unit(self._regenerated.numbers(), self._regenerated.law.unit)
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
        return self._kept is not None

    @property
    def are_drawn(self) -> bool:
        """Whether all edges are in the memory of this process.

        A rule that draws them neuron by neuron does so when somebody asks for them; on several
        devices, nobody does, and each has its own.
        """
        return self._kept is not None and self._kept.is_drawn

    @property
    def edges(self) -> Edges:
        """The edges; where they are not stored, drawn anew."""
        if self._kept is not None:
            return self._kept.edges
        if self._regenerated is not None:
            return self._regenerated.edges()
        assert isinstance(self.rule, Rule)
        return self.rule.edges(self._n_pre, self._n_post)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        if self._kept is not None:
            return self._kept.n_edges
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
        return summary_of(self)

    def plot(self, path: str | Path | None = None) -> "Figure":
        """Draw the matrix of connections, and the distributions of degrees, weights and delays.

        Args:
            path: File to write, if any; its suffix chooses the format.

        Raises:
            ImportError: matplotlib is not installed.
        """
        whole = self.stored()
        return plot_edges(
            whole.edges, path, weight=value_of(whole.weight), delay=value_of(whole.delay)
        )

    def to_scipy(self, unit: u.Unit | None = None) -> Any:
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

    def to_dense(self) -> Quantity:
        """The weights as an array of shape `(n_pre, n_post)`; those of multapses are summed."""
        whole = self.stored()
        return whole.edges.to_dense(whole._weight_per_edge())

    def update(self, spikes: Array) -> Quantity:
        """The summed weight that reaches each postsynaptic neuron, `(*batch, *out_size)`.

        Args:
            spikes: Spikes, shape `(*batch, *in_size)`: bool, or numbers, which multiply the
                weights.

        Returns:
            Shape `(*batch, *out_size)`, in the unit of the weights.
        """
        flat = self._flat(spikes)
        return self._product(flat).reshape((*flat.shape[:-1], *self.out_size))

    def _flat(self, spikes: Array) -> jax.Array:
        if isinstance(spikes, u.Quantity):
            raise InputError(f"Connection: expected spikes without a unit, got {show(spikes)}")
        spikes = jnp.asarray(spikes)
        batch = spikes.shape[: spikes.ndim - len(self.in_size)]
        if spikes.shape != (*batch, *self.in_size):
            raise InputError(
                f"Connection: expected spikes of shape {self.in_size}, got shape {spikes.shape}"
            )
        return spikes.reshape(*batch, self._n_pre)

    def _product(self, spikes: jax.Array) -> Quantity:
        partition = partition_in_use()
        if self._split is not None:
            return self._split.product(value_of(self.weight), spikes, self.implementation)
        if partition is None or self.is_one_to_one:
            return self._product_here(spikes)
        # Each device computes all of it, so that sums have one order.
        return partition.mapped(self._product_here, [None], None)(spikes)

    def _product_here(self, spikes: jax.Array) -> Quantity:
        if self._regenerated is not None and self._regenerated.law is not None:
            return with_unit(self._regenerated(spikes), self._regenerated.law.unit)
        weight = value_of(self.weight)
        if self._regenerated is not None:
            return weight * self._regenerated(spikes)
        if self.is_one_to_one:
            return weight * spikes
        if np.ndim(weight) == 0 and self._is_all_to_all:
            total = spikes.sum(-1, keepdims=True)
            total = jnp.broadcast_to(total, (*spikes.shape[:-1], self._n_post))
            if not self._own_too:
                total = total - spikes
            return weight * total
        assert self._kept is not None
        return event_csr(
            weight,
            self._kept.indices,
            self._kept.indptr,
            spikes,
            n_post=self._n_post,
            max_row=self._kept.max_row,
            implementation=self.implementation,
        )

    @property
    def unit(self) -> u.Unit:
        """The unit of the weights."""
        if self._regenerated is not None and self._regenerated.law is not None:
            return self._regenerated.law.unit
        if (made := unmade_in(self._weight_state)) is not None:
            return made.unit
        return u.get_unit(value_of(self.weight))

    def send(
        self,
        ring: Quantity,
        spikes: Array,
        steps: Array | np.ndarray,
        position: Array,
        share: Array | float = 1.0,
    ) -> tuple[Quantity, Quantity]:
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
        if self._kept is None:
            raise ParameterError("Connection.send: expected edges that are stored; use stored()")
        weight = value_of(self.weight) * share
        if self._split is not None:
            ring, arrived = self._split.sent(
                ring, weight, steps, self._flat(spikes), position, self.implementation
            )
            return ring, arrived.reshape((*arrived.shape[:-1], *self.out_size))
        ring, arrived = event_csr_ring(
            ring,
            weight,
            steps * np.int32(self._n_post) + self._kept.indices,
            self._kept.indptr,
            self._flat(spikes),
            position,
            max_row=self._kept.max_row,
            implementation=self.implementation,
        )
        return ring, arrived.reshape((*arrived.shape[:-1], *self.out_size))

    @property
    def is_one_to_one(self) -> bool:
        """Whether the edges are from neuron i to neuron i, each once."""
        if self._kept is None:
            return isinstance(self.rule, OneToOne)
        return self._kept.is_one_to_one

    @property
    def _is_all_to_all(self) -> bool:
        """Whether there is one edge from each neuron to each, or to each other one."""
        if self._kept is None:
            return isinstance(self.rule, AllToAll)
        return self._kept.is_all_to_all

    def _keep_rule(self, rule: Any, weight: EdgeValue) -> None:
        """What is needed to draw the edges again."""
        n_pre, n_post = self._n_pre, self._n_post
        if isinstance(rule, RowRule):
            law = self._made_law(weight) if is_function(weight) else None
            rng = np.random.default_rng(self.seed)
            self._regenerated = Regenerated(rule, n_pre, n_post, rng, law)
        if isinstance(rule, AllToAll):
            self._own_too = rule.allow_autapses
            left_out(rule, n_pre, n_post)
