"""`PlasticityRule`: a learning rule is its traces, their equations, and what spikes do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    SOLVERS,
    Declared,
    InputError,
    ParameterError,
)
from brainloom_core.context import current_dt
from brainloom_core.equations import Equations
from brainloom_core.partition import Partition, on_all_devices
from brainloom_core.small_steps import in_two_parts, lost_part
from brainloom_core.types import Array, Population, Quantity, Time
from brainloom_core.units import with_unit

from .equations import foreign_names, no_such_state, read_rule
from .sides import EdgeState, Ends, PostState, PostTrace, PreState, PreTrace
from .strength import Change, Strengths, as_like

if TYPE_CHECKING:
    from brainloom_projections.connection.split import SplitEdges

__all__ = ["PlasticityRule"]

Values = dict[str, Quantity]


class PlasticityRule(Strengths):
    r"""Base of the learning rules: equations in, everything else here.

    A rule declares parameters; states, each per presynaptic neuron (`pre_trace`, `pre_state`),
    per postsynaptic neuron (`post_trace`, `post_state`) or per synapse (`edge_state`); the
    derivative of a state `x` as a method `dx`; and what happens to a synapse when a spike of its
    presynaptic neuron arrives, `on_pre`, and when one of its postsynaptic neuron does, `on_post`.
    These return a `Change` of the strength `w`, which may be as small as it likes, or the new
    strength, or a mapping from names (`w`, states of the synapse) to new values. A rule that has
    `dw` changes all strengths all the time.

    Equations take what they need by name: `w`, states of the rule, `pre_spike`, `post_spike`, and
    states of the postsynaptic population such as `V`. A name like that of a state of the rule is
    taken for an error, unless the rule says `reads = ("name",)`. In a step, in this order,

    1. states, and strengths by `dw`, move by one step, without spikes;
    2. `on_post`, then `on_pre`, change the synapses of neurons whose spikes arrived;
    3. spikes add 1 to the traces.

    So a trace that an equation sees does not know of the spikes of its own step, and two spikes
    that meet at a synapse in one step are no pair, neither of potentiation nor of depression. Both
    are as in NEST.

    The strength $w$ of equations is the weight divided by `w_max`, a number from 0 to 1; by 1
    where there is no `w_max`, which weights with a unit need. If all weights are negative and
    `w_max` is too, they are those of inhibition, and $w$ is again from 0 to 1.

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows; None for no bound.

    Attributes:
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`, to be added to them.

    Raises:
        DeclarationError: A subclass has equations that do not fit its states.
        ParameterError: A parameter has the wrong unit, shape or range, or bounds do not fit the
            weights.
        InputError: There is a batch.

    References:
        Morrison, Diesmann & Gerstner (2008), Biol. Cybern. 98, 459,
        doi:10.1007/s00422-008-0233-1 (traces, and what counts as a pair).

    Examples:
        Pair STDP is this:

        >>> import brainunit as u
        >>> from brainloom_core import param
        >>> from brainloom_plasticity import Change, PlasticityRule, post_trace, pre_trace
        >>> class Pairs(PlasticityRule):
        ...     A_plus = param(default=0.01)
        ...     A_minus = param(default=0.0105)
        ...     tau = param(default=20.0 * u.ms)
        ...     x = pre_trace()
        ...     y = post_trace()
        ...     def dx(self, x):
        ...         return -x / self.tau
        ...     def dy(self, y):
        ...         return -y / self.tau
        ...     def on_post(self, x):
        ...         return Change(self.A_plus * x)
        ...     def on_pre(self, y):
        ...         return Change(-self.A_minus * y)
    """

    in_size: ClassVar[tuple[int, ...]] = ()  # parameters are one for all synapses
    ends = cast("Ends | None", None)  # not annotated: that would make it an argument
    post = cast(Any, None)

    equations: ClassVar[Equations]
    reads: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        cls.equations = read_rule(cls, cls.declared_states())

    # What a rule may say besides its derivatives

    on_pre: ClassVar[Any] = None
    on_post: ClassVar[Any] = None
    dw: ClassVar[Any] = None

    def pre_events(self, pre_spike: Array) -> Array:
        """The presynaptic neurons whose synapses change by `on_pre`; other values by name.

        Args:
            pre_spike: Spikes that arrive in the step, shape `(n_pre,)`.

        Returns:
            Which neurons have an event, shape `(n_pre,)`.
        """
        return pre_spike

    def post_events(self, post_spike: Array) -> Array:
        """The postsynaptic neurons whose synapses change by `on_post`; other values by name.

        Args:
            post_spike: Spikes that arrive in the step, shape `(n_post,)`.

        Returns:
            Which neurons have an event, shape `(n_post,)`.
        """
        return post_spike

    def on_step(self) -> Values:
        """New values of states of neurons in each step; what they depend on by name."""
        return {}

    def signals(self) -> Values:
        """Further values of this step for the equations, one for all or per postsynaptic neuron."""
        return {}

    def jumped(self, trace: Quantity, spikes: Array) -> Quantity:
        """A trace after the spikes.

        Args:
            trace: The trace before the spikes, shape `(n_pre,)` or `(n_post,)`.
            spikes: Spikes of the same neurons.
        """
        return trace + spikes

    def check(self) -> None:
        """Raise if parameters contradict each other; called when a projection takes the rule."""

    # Life

    def join(
        self, ends: Ends, post: Population, weight: Quantity, dendritic_delay: Time | None = None
    ) -> None:
        """Become the rule of these synapses.

        Args:
            ends: The two ends of the synapses.
            post: The postsynaptic population.
            weight: The weights, one per synapse.
            dendritic_delay: Delay of the postsynaptic spikes, None for none.

        Raises:
            ParameterError: A parameter does not fit the weights or the population.
        """
        if self.ends is not None:
            raise ValueError(
                f"{type(self).__name__}: this rule already belongs to a projection. Make one for "
                f"each, or describe it: {type(self).__name__}.desc(...)"
            )
        self.check_weights(weight)
        self._check_post(post, dendritic_delay)
        self.check()
        self.ends, self.post = ends, post

    def size_of(self, kind: type[brainstate.State]) -> tuple[int, ...]:
        """The shape of a state of this kind.

        Args:
            kind: Class of the state, such as that of a `pre_trace`.
        """
        if self.ends is None:
            raise InputError(
                f"{type(self).__name__} belongs to no projection: PlasticProj(..., "
                f"rule={type(self).__name__}(...))"
            )
        if issubclass(kind, EdgeState):
            return (self.ends.n_edges,)
        return (self.ends.n_pre if issubclass(kind, PreState) else self.ends.n_post,)

    def init_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Create the states; the weights, which belong to the connection, stay.

        Args:
            batch_size: None; there is no batch of weights.
            kwargs: Accepted for `brainstate.nn.init_all_states`, and not used.
        """
        self._refuse_batch(batch_size)
        super().init_state(**kwargs)

    def reset_state(self, batch_size: int | None = None, **kwargs: Any) -> None:
        """Forget all spikes; the weights, which belong to the connection, stay.

        Args:
            batch_size: None; there is no batch of weights.
            kwargs: Accepted for `brainstate.nn.reset_all_states`, and not used.
        """
        self._refuse_batch(batch_size)
        super().reset_state(**kwargs)

    def update(self, weight: Quantity, pre_spike: Array, post_spike: Array) -> Quantity:
        """Advance by one step, and return the new weights.

        Args:
            weight: The weights, one per synapse.
            pre_spike: Presynaptic spikes that arrive in the step, shape `(n_pre,)`.
            post_spike: Postsynaptic spikes that arrive in the step, shape `(n_post,)`.
        """
        self._check_bounds(weight)  # they may have been assigned since
        self.check()
        y = {**self._held(), **self.signals()}
        y |= {"pre_spike": pre_spike, "post_spike": post_spike}
        y, weight = self._moved(y, weight)
        y |= self._new_values(y)
        for method, side in (("on_post", "post"), ("on_pre", "pre")):
            if getattr(self, method) is not None:
                y, weight = self._changed(method, side, y, weight)
        for name, held in self._states_here().items():
            value = y[name]
            if isinstance(held, (PreTrace, PostTrace)):
                spikes = pre_spike if isinstance(held, PreTrace) else post_spike
                value = self.jumped(value, spikes)
            held.value = as_like(value, held.value)
        return weight

    # On several devices

    def spread(self, split: "SplitEdges") -> None:
        """Put the states of synapses and of postsynaptic neurons on the devices of these.

        Args:
            split: The edges by device.
        """
        partition: Partition = split.partition
        for held in self._states_here().values():
            if isinstance(held, EdgeState):
                number = np.asarray(u.get_mantissa(held.value))
                partition.rearrange(
                    held, with_unit(split.by_edge(number).value, u.get_unit(held.value))
                )
            elif isinstance(held, PostState):
                layout = partition.layout((split.n_post,), (split.n_post,))
                held.value = partition.put(held.value, layout)

    def gather(self, split: "SplitEdges", n_edges: int) -> None:
        """Put them together again, in the order of all edges.

        Args:
            split: The edges by device.
            n_edges: Number of all edges.
        """
        for held in self._states_here().values():
            if isinstance(held, EdgeState):
                number = split.together(u.get_mantissa(held.value), n_edges)
                split.partition.restore(
                    held, with_unit(jnp.asarray(number), u.get_unit(held.value))
                )

    # The parts of a step

    def _moved(self, y: Values, weight: Quantity) -> tuple[Values, Quantity]:
        """States and weights after a step without spikes.

        The derivative of the strength is evaluated with the other states in the middle of the
        step, which makes it exact to second order.
        """
        dt = current_dt()
        moved = y | self._flow(y, dt)
        if self.dw is None:
            return moved, weight
        middle = y | self._flow(y, dt / 2)
        at_edges = {n: self._per_edge(n, middle) for n in self._taken("dw") if n != "w"}
        strength = self._strength(weight)

        def rate(near: Mapping[str, Quantity]) -> Quantity:
            return self._call("dw", at_edges | {"w": strength + near["w"]})

        lost = y["w_lost"] / self._units(weight)
        change = SOLVERS["exp_euler"]({"w": rate}, {"w": lost}, dt)["w"]
        weight, lost = self._added(weight, change * self._units(weight))
        return moved | {"w_lost": lost}, weight

    def _flow(self, y: Values, dt: Time) -> Values:
        """The states that have a derivative, after a time without spikes."""
        new: Values = {}
        for kind in (PreState, PostState, EdgeState):
            mine = {
                name: y[name]
                for name, held in self._states_here().items()
                if isinstance(held, kind) and name in self.equations.derivatives
            }
            slow = [name for name in mine if lost_part(name) in y]
            asked = {n for name in mine for n in self._taken(f"d{name}")}
            others = {
                n: self._per_edge(n, y) if kind is EdgeState else self._value(n, y)
                for n in asked - mine.keys()
            }
            rates = {
                name: lambda y, name=name, others=others: self._call(f"d{name}", others | y)
                for name in mine
            }
            lost = {lost_part(name): y[lost_part(name)] for name in slow}
            new |= in_two_parts(SOLVERS["exp_euler"], slow)(rates, mine | lost, dt)
        return new

    def _new_values(self, y: Values) -> Values:
        new: Values = self._call("on_step", y)
        for name in new.keys() - self.declared_states().keys():
            raise no_such_state(type(self), "on_step", name, self.declared_states())
        return new

    def _changed(
        self, method: str, side: str, y: Values, weight: Quantity
    ) -> tuple[Values, Quantity]:
        """Edge states and weights after the events of one side."""
        assert self.ends is not None
        edge_names = [n for n, s in self._states_here().items() if isinstance(s, EdgeState)]
        edges = {"w": weight, **{name: y[name] for name in edge_names}}
        wanted = {n: self._value(n, y) for n in self._taken(method) if n not in edges}
        sides = {n: self._side(n, value) for n, value in wanted.items()}
        same = {n: value for n, value in wanted.items() if sides[n] is None}
        own = {n: value for n, value in wanted.items() if sides[n] == side}
        other = {n: value for n, value in wanted.items() if n not in own and n not in same}

        def change(edge: Values, own: Values, other: Values) -> Values:
            strength = self._strength(edge["w"])
            new = self._call(method, {**edge, **same, **own, **other, "w": strength})
            new = dict(new) if isinstance(new, Mapping) else {"w": new}
            for name in new.keys() - edge.keys():
                raise no_such_state(type(self), method, name, edge)
            if isinstance(new.get("w"), Change):
                change = new["w"].value * self._units(weight) + edge["w_lost"]
                new["w"], new["w_lost"] = self._added(edge["w"], change)
            elif "w" in new:
                new["w"] = self._weight(new["w"], edge["w"])
            return {name: as_like(new.get(name, value), value) for name, value in edge.items()}

        events = self._call(f"{side}_events", y)
        edges = self.ends.changed(side, change, edges, own, other, _is_event(events))
        return y | {name: edges[name] for name in edge_names}, edges["w"]

    # Values by name

    def _states_here(self) -> dict[str, brainstate.State]:
        kinds = (PreState, PostState, EdgeState)
        held = {name: value for name, value in vars(self).items() if isinstance(value, kinds)}
        lost = {lost_part(name) for name in held} & vars(self).keys()
        return {**held, **{name: vars(self)[name] for name in lost}}

    def _held(self) -> Values:
        return {name: held.value for name, held in self._states_here().items()}

    def _taken(self, method: str) -> tuple[str, ...]:
        names = self.equations.takes(method)
        return tuple(self.declared_states()) if names is None else names

    def _call(self, method: str, y: Values) -> Quantity:
        return getattr(self, method)(**{n: self._value(n, y) for n in self._taken(method)})

    def _value(self, name: str, y: Values) -> Quantity:
        if name in y:
            return y[name]
        return u.math.reshape(getattr(self.post, name).value, (-1,))

    def _side(self, name: str, value: Quantity) -> str | None:
        """Whose value it is: None for one that is the same for all synapses."""
        held = vars(self).get(name)
        if isinstance(held, PreState) or name == "pre_spike":
            return "pre"
        return None if np.ndim(value) == 0 else "post"

    def _per_edge(self, name: str, y: Values) -> Quantity:
        assert self.ends is not None
        value = self._value(name, y)
        side = self._side(name, value)
        if isinstance(vars(self).get(name), EdgeState) or side is None:
            return value
        return on_all_devices(value)[self.ends.pre if side == "pre" else self.ends.post]

    # Checks

    def _check_post(self, post: Population, dendritic_delay: Time | None) -> None:
        """Raise if equations take states of the population that are not there, or not in time."""
        kind = type(self)
        for name in foreign_names(kind):
            if isinstance(post, Declared) and not hasattr(type(post), name):
                raise ParameterError(
                    f"{kind.__name__}: an equation asks for {name!r}, which is neither a state of "
                    f"the rule nor one of the postsynaptic {type(post).__name__}"
                )
            if dendritic_delay is not None:
                raise ParameterError(
                    f"{kind.__name__}: it reads {name} of the postsynaptic population, which a "
                    "dendritic_delay would not delay; leave it out"
                )

    def _refuse_batch(self, batch_size: int | None) -> None:
        if batch_size is not None:
            raise InputError(
                f"{type(self).__name__}: a batch would change one set of weights in several ways. "
                "Use brainstate.transform.vmap over whole networks, each with weights of its own"
            )


PlasticityRule.equations = read_rule(PlasticityRule, PlasticityRule.declared_states())


def _is_event(values: Array) -> Array:
    return values if values.dtype == jnp.bool_ else values != 0
