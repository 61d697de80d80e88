"""`PlasticProj`: a projection whose weights learn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import brainstate
import jax.numpy as jnp
import numpy as np
from brainloom_core import Delay, Descriptor, InputError, ParameterError, full
from brainloom_core.partition import (
    Partition,
    noted_as,
    on_all_devices,
    spikes_are_bits,
    spikes_known,
)
from brainloom_core.plugins import made
from brainloom_core.types import Array, Population, Quantity, Time
from brainloom_core.units import show
from brainloom_projections import Connection, Edges, Projection, Rule
from brainloom_projections.types import Described, EdgeValue

from .rule import PlasticityRule
from .sides import Ends

if TYPE_CHECKING:
    from brainloom_projections.connection.split import SplitEdges

__all__ = ["PlasticProj"]


OneRule = str | PlasticityRule | Descriptor | type[PlasticityRule]


class PlasticProj(Projection):
    r"""Joins two populations by synapses whose weights change with the spikes at both ends.

    $$
    \dot g_j = f(g_j) + \sum_i w_{ij}(t)\,s_i(t)
    $$

    with one synaptic state per postsynaptic neuron, as in
    [`AlignPostProj`][brainloom_projections.AlignPostProj], and weights that follow one or several
    rules. Traces are kept per neuron, weights per synapse; a spike touches the synapses of its
    neuron only.

    In each step, the weights change first and are delivered then: a presynaptic spike is sent
    with the weight that its own arrival leaves, as in NEST.

    A spike takes `delay` along the axon: it reaches the synapse, and the soma, that much later,
    so that the time of its arrival is what counts for learning. It takes `dendritic_delay` from
    the synapse to the soma, and so does a postsynaptic spike on its way back: the weight is that
    at the arrival at the synapse. A synapse of NEST has a dendritic delay only, one of Brian2
    (`S.pre.delay`) an axonal one.

    The weights are a state of the connection, a `brainstate.ParamState`, or a `LongTermState` of
    one that is not trainable: they are neither made anew nor reset with the states of a network,
    and are saved and loaded by `connection.save` and `Connection.load`.

    Args:
        pre: The presynaptic population, or its size if the spikes are given in each call.
        post: The postsynaptic population.
        connectivity: A rule of connectivity such as `Bernoulli(0.1)`, `Edges` or a `Connection`,
            whose weight, if it is one for all, becomes one for each edge.
        synapse: A synapse that is linear in its input: described, `Expon.desc(tau=...)`, a class,
            or an instance with the size of `post`.
        output: A synaptic output: described, a class, or an instance.
        rule: A `PlasticityRule` such as `STDP(...)`: an instance, a description, a class, or a
            list of several, which act one after the other.
        weight: Initial weights with unit, as for `Connection`, where `connectivity` is not one.
        delay: Axonal delay, None, the default, for none: a scalar or one per presynaptic neuron.
        dendritic_delay: Dendritic delay, None, the default, for none: a scalar or one per
            postsynaptic neuron.
        stp: Short-term plasticity, described, a class, or an instance with the size of `pre`; it
            scales what is delivered, not what is learnt.
        label: Name under which the current is registered, for `sum_current_inputs(label=...)`.
        seed: Seed of random connectivity; None draws one from `brainstate.random`.
        name: Name of the module.

    Attributes:
        connection: The `Connection`, with `edges` and `weight`.
        weight: The weights, one for each edge, in the order of `connection.edges`. They can be
            assigned as those of a `Connection`, within the bounds of the rules; new ones act from
            the next step on.
        delay: The line of axonal delays, or None. To assign a time changes it from the next step
            on; what is under way arrives when it would have.
        dendritic_delay: The line of the delays of postsynaptic spikes, or None; it can be assigned
            too, which changes the way to the soma as well.
        rules: The rules.
        rule: The first of them.

    Raises:
        TypeError: A part is missing or of the wrong kind.
        UnitError: The units of weights, bounds, synapse, output and population do not fit together.
        ParameterError: Weights are outside of the bounds, or parameters of a rule are wrong.
        ValueError: Sizes do not fit, the synapse is not linear, or edges are not stored.
        InputError: There are no spikes, they have the wrong shape, or there is a batch.

    References:
        Morrison, Diesmann & Gerstner (2008), Biol. Cybern. 98, 459,
        doi:10.1007/s00422-008-0233-1.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_neurons import LIF
        >>> from brainloom_synapses import COBA, Expon
        >>> from brainloom_projections import Bernoulli
        >>> from brainloom_plasticity import STDP, PlasticProj
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> cell = {"R": 100 * u.Mohm, "V_th": -50 * u.mV, "V_rest": -60 * u.mV,
        ...         "V_reset": -60 * u.mV, "V_initializer": -60 * u.mV}
        >>> pre, post = LIF(100, **cell), LIF(50, **cell)
        >>> proj = PlasticProj(pre, post, Bernoulli(0.1), Expon.desc(tau=5 * u.ms),
        ...                    COBA.desc(E=0 * u.mV), weight=0.6 * u.nS,
        ...                    rule=STDP(A_plus=0.01, A_minus=0.0105, w_max=1.2 * u.nS))
        >>> _ = brainstate.nn.init_all_states([pre, post, proj])
        >>> proj()
        >>> _ = pre(), post()
        >>> proj.weight.shape == (proj.connection.n_edges,)
        True
    """

    graph_invisible_attrs = ("_spread",)
    _spread: "SplitEdges | None" = None  # the edges on several devices, during a run

    def __init__(
        self,
        pre: Population,
        post: Population,
        connectivity: Rule | Edges | Connection,
        synapse: Described,
        output: Described,
        *,
        rule: OneRule | Sequence[OneRule],
        weight: EdgeValue | None = None,
        delay: Time | None = None,
        dendritic_delay: Time | None = None,
        stp: Described | None = None,
        label: str | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(getattr(post, "get_spike", None)):
            raise TypeError(
                f"PlasticProj.post: expected a population that spikes, got {show(post)}"
            )
        if isinstance(connectivity, (Rule, Edges)):
            if weight is None:
                raise TypeError(
                    "PlasticProj.weight: missing. Give the initial weight of the synapses, for "
                    "example weight=0.6 * u.nS"
                )
            connectivity = Connection(pre, post, connectivity, weight, seed=seed)
            weight = seed = None
        self._require_plastic(connectivity)
        self.connection = connectivity
        self.axons = None if delay is None else Delay(connectivity.in_size, delay)
        self.dendrites = None
        if dendritic_delay is not None:
            self.dendrites = Delay(connectivity.out_size, dendritic_delay)
            connectivity = _Dendrites(connectivity, dendritic_delay)
        super().__init__(
            *(pre, post, connectivity, synapse, output),
            weight=weight,
            stp=stp,
            label=label,
            seed=seed,
            align="post",
            name=name,
        )
        self.pre = pre
        _spread(self.connection)
        self._ends = ends = Ends(self.connection.edges)
        self.rules = [_made(one) for one in (rule if isinstance(rule, Sequence) else [rule])]
        for one in self.rules:
            one.join(ends, post, self.weight, dendritic_delay)

    @property
    def rule(self) -> PlasticityRule:
        """The rule, or the first of several."""
        return self.rules[0]

    @property
    def weight(self) -> Quantity:
        """The weights, one for each edge of `connection.edges`."""
        return self.connection.weight.value

    @weight.setter
    def weight(self, value: Quantity) -> None:
        held = self.connection.weight
        before = held.value
        try:
            self.connection.weight = value
            _spread(self.connection)
            for rule in self.rules:
                rule.check_weights(self.weight)
        except Exception:
            self.connection.weight, held.value = held, before
            raise
        for rule in self.rules:
            rule.forget_rounding()

    @property
    def delay(self) -> Delay | None:
        """The line of axonal delays, or None; a time that is assigned acts from the next step."""
        return self.axons

    @delay.setter
    def delay(self, time: Time) -> None:
        self._retime("delay", time, *([] if self.axons is None else [self.axons]))

    @property
    def dendritic_delay(self) -> Delay | None:
        """The line of dendritic delays, or None; a time that is assigned acts as for `delay`."""
        return self.dendrites

    @dendritic_delay.setter
    def dendritic_delay(self, time: Time) -> None:
        lines = [] if self.dendrites is None else [self.dendrites, self.comm.line]
        self._retime("dendritic_delay", time, *lines)

    def _retime(self, name: str, time: Time, *lines: Delay) -> None:
        who = f"{self.name or type(self).__name__}.{name}"
        if not lines:
            raise ParameterError(
                f"{who}: this projection was made without it, and so without a place "
                f"for what is under way; make it with {name}=0 * u.ms to give it another one later"
            )
        before = [line.delay for line in lines]
        try:
            for line in lines:
                line.delay = time
        except ParameterError as error:
            for line, old in zip(lines, before, strict=True):
                line.delay = old
            raise type(error)(who + str(error).removeprefix("Delay.delay")) from None

    def explain(self) -> str:
        """How synaptic states and weights are kept, in words."""
        names = " and ".join(type(rule).__name__ for rule in self.rules)
        verb = "changes" if len(self.rules) == 1 else "change"
        n_edges = self.connection.n_edges
        return f"{super().explain()}\n{names} {verb} a weight for each of the {n_edges} synapses."

    def update(self, *args: Array) -> None:
        """Change the weights, then deliver the spikes.

        They are those of `pre` or, given, the first argument; those of `post` or the second one.

        Args:
            args: Presynaptic spikes and postsynaptic spikes; those not given are read from the
                populations.
        """
        spikes = self._sized("pre", self._sent(args))
        returned = self._sized("post", args[1] if len(args) > 1 else self.post.get_spike())
        bits = spikes_are_bits(spikes)
        if self.axons is not None:
            spikes = self.axons(spikes)
        spikes = on_all_devices(spikes, bits=bits)
        if self.dendrites is not None:
            returned = self.dendrites(returned)
        weight = self.connection.weight.value
        for rule in self.rules:
            weight = rule(weight, spikes.reshape(-1), returned.reshape(-1))
        self.connection.weight.value = weight
        super().update(spikes)

    def enter_partition(self, partition: Partition) -> None:
        """Put weights and what the rules keep on the devices of the targets.

        Args:
            partition: The devices.
        """
        self._spread = self.connection.split_over(partition)
        self._ends.spread(self._spread)
        for rule in self.rules:
            rule.spread(self._spread)

    def leave_partition(self) -> None:
        """Put them together again."""
        split, self._spread = self._spread, None
        if split is None:
            return
        self._ends.spread(None)
        for rule in self.rules:
            rule.gather(split, self.connection.n_edges)

    def _sent(self, args: tuple[Array, ...]) -> Array:
        if not args and not hasattr(self.pre, "get_spike"):
            raise InputError(
                f"{self.name}: no spikes. Call it with them, proj(spikes), or construct it with "
                "their population"
            )
        spikes = (
            args[0]
            if args
            else spikes_known(getattr(self.pre, "population", self.pre), self.pre.get_spike())
        )
        return getattr(spikes, "value", spikes)  # an event array is taken for its values

    def _sized(self, side: str, spikes: Array) -> Array:
        size = self.connection.in_size if side == "pre" else self.connection.out_size
        if np.shape(spikes) != size:
            raise InputError(
                f"{self.name}: expected {side}synaptic spikes of shape {size}, got shape "
                f"{np.shape(spikes)}"
            )
        return noted_as(spikes, jnp.asarray(spikes, brainstate.environ.dftype()))

    @staticmethod
    def _require_plastic(connectivity: object) -> None:
        if not isinstance(connectivity, Connection):
            raise TypeError(
                "PlasticProj.connectivity: expected a rule such as Bernoulli(0.1), Edges or a "
                f"Connection, got {show(connectivity)}"
            )
        if not connectivity.is_stored:
            raise ValueError(
                "PlasticProj.connectivity: expected edges that are stored, since each has a weight "
                "of its own"
            )
        if connectivity.delay is not None:
            raise ValueError(
                "PlasticProj.connectivity: expected a connection without delay. Give delay= or "
                "dendritic_delay= to PlasticProj, one for each neuron at most: that of an edge "
                "would ask for traces of each edge"
            )


class _Dendrites(brainstate.nn.Module):
    """A connection, and the way to the soma behind it."""

    delivers_by_target = True

    def __init__(self, connection: Connection, delay: Time) -> None:
        super().__init__()
        self.connection = connection
        self.in_size, self.out_size, self.unit = (
            connection.in_size,
            connection.out_size,
            connection.unit,
        )
        self.line = Delay(connection.out_size, delay, unit=self.unit)

    def update(self, spikes: Array) -> Quantity:
        return self.line(self.connection(spikes))


def _spread(connection: Connection) -> None:
    """Give each edge a weight of its own, in a state."""
    weight = connection.weight
    if isinstance(weight, brainstate.nn.Param):
        raise TypeError("PlasticProj.connectivity: expected weights in a state, got a Param")
    kind = type(weight) if isinstance(weight, brainstate.State) else brainstate.LongTermState
    value = weight.value if isinstance(weight, brainstate.State) else weight
    if np.shape(value) != (connection.n_edges,) or value is weight:
        connection.weight = kind(full(value, (connection.n_edges,)))


def _made(rule: object) -> PlasticityRule:
    if isinstance(rule, str):
        rule = made("plasticity rule", rule)
    if isinstance(rule, type) and issubclass(rule, PlasticityRule):
        rule = rule()
    if isinstance(rule, Descriptor):
        rule = rule()
    if not isinstance(rule, PlasticityRule):
        raise TypeError(f"PlasticProj.rule: expected a rule such as STDP(), got {show(rule)}")
    return rule
