"""`PlasticityRule`: a learning rule is its traces, their equations, and what spikes do."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import (
    ANY_UNIT,
    SOLVERS,
    Declared,
    InputError,
    ParameterError,
    UnitError,
    full,
    param,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.kernels import edge_update
from brainloom_core.units import dimension_name, same_dimension, show, to_number, with_unit

from .sides import EdgeState, Ends, PostState, PostTrace, PreState, PreTrace

__all__ = ["PlasticityRule", "edge_state", "post_state", "post_trace", "pre_state", "pre_trace"]

Values = dict[str, Any]


def _declaring(kind: type[brainstate.State], what: str) -> Callable[..., Any]:
    def declare(doc: str = "", *, initial: Any = 0.0) -> Any:
        def value(rule: Any, shape: tuple[int, ...]) -> Any:
            return full(initial(rule) if callable(initial) else initial, rule.size_of(kind))

        return state(value, doc, kind)

    declare.__doc__ = f"""Declare {what}.

    Args:
        doc: One line on what it is.
        initial: Initial value, 0: a constant, or a function of the rule.
    """
    return declare


pre_trace = _declaring(PreTrace, "a value per presynaptic neuron to which its spikes add 1")
post_trace = _declaring(PostTrace, "a value per postsynaptic neuron to which its spikes add 1")
pre_state = _declaring(PreState, "a value per presynaptic neuron")
post_state = _declaring(PostState, "a value per postsynaptic neuron")
edge_state = _declaring(EdgeState, "a value per synapse")


class PlasticityRule(Declared):
    r"""Base of the learning rules: equations in, everything else here.

    A rule declares parameters; states, each per presynaptic neuron (`pre_trace`, `pre_state`),
    per postsynaptic neuron (`post_trace`, `post_state`) or per synapse (`edge_state`); the
    derivative of a state `x` as a method `dx`; and what happens to a synapse when a spike of its
    presynaptic neuron arrives, `on_pre`, and when one of its postsynaptic neuron does, `on_post`.
    These return the new strength `w`, or a mapping from names (`w`, states of the synapse) to new
    values. A rule that has `dw` changes all strengths all the time.

    Equations take what they need by name: `w`, states of the rule, `pre_spike`, `post_spike`, and
    states of the postsynaptic population such as `V`. In a step, in this order,

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

    Raises:
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
        >>> from brainloom_plasticity import PlasticityRule, post_trace, pre_trace
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
        ...     def on_post(self, w, x):
        ...         return w + self.A_plus * x
        ...     def on_pre(self, w, y):
        ...         return w - self.A_minus * y
    """

    in_size: ClassVar[tuple[int, ...]] = ()  # parameters are one for all synapses
    ends = cast("Ends | None", None)  # not annotated: that would make it an argument
    post = cast(Any, None)

    w_min: Any = param(default=0.0, unit=ANY_UNIT, optional=True, doc="lower bound")
    w_max: Any = param(default=None, unit=ANY_UNIT, optional=True, doc="upper bound")

    # What a rule may say besides its derivatives

    on_pre: ClassVar[Any] = None
    on_post: ClassVar[Any] = None
    dw: ClassVar[Any] = None

    def pre_events(self, pre_spike: Any) -> Any:
        """The presynaptic neurons whose synapses change by `on_pre`; other values by name.

        Args:
            pre_spike: Spikes that arrive in the step, shape `(n_pre,)`.

        Returns:
            Which neurons have an event, shape `(n_pre,)`.
        """
        return pre_spike

    def post_events(self, post_spike: Any) -> Any:
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

    def jumped(self, trace: Any, spikes: Any) -> Any:
        """A trace after the spikes.

        Args:
            trace: The trace before the spikes, shape `(n_pre,)` or `(n_post,)`.
            spikes: Spikes of the same neurons.
        """
        return trace + spikes

    def check(self) -> None:
        """Raise if parameters contradict each other; called when a projection takes the rule."""

    # Life

    def join(self, ends: Ends, post: Any, weight: Any, dendritic_delay: Any = None) -> None:
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
        for name in ("w_min", "w_max"):
            self._check_unit(name, weight)
        self._check_post(post, dendritic_delay)
        self.check()
        low, high = self._bounds()
        strength = np.asarray(self._strength(weight))
        if np.any(strength < low) or np.any(strength > high):
            raise ParameterError(
                f"{type(self).__name__}: expected weights from w_min = {show(self.w_min)} to "
                f"w_max = {show(self.w_max)}, got some from {show(weight.min())} to "
                f"{show(weight.max())}"
            )
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

    def update(self, weight: Any, pre_spike: Any, post_spike: Any) -> Any:
        """Advance by one step, and return the new weights.

        Args:
            weight: The weights, one per synapse.
            pre_spike: Presynaptic spikes that arrive in the step, shape `(n_pre,)`.
            post_spike: Postsynaptic spikes that arrive in the step, shape `(n_post,)`.
        """
        y = {**self._held(), **self.signals()}
        y |= {"pre_spike": pre_spike, "post_spike": post_spike}
        y, weight = self._moved(y, weight)
        y |= self._call("on_step", y)
        for method, side in (("on_post", "post"), ("on_pre", "pre")):
            if getattr(self, method) is not None:
                y, weight = self._changed(method, side, y, weight)
        for name, held in self._states_here().items():
            value = y[name]
            if isinstance(held, (PreTrace, PostTrace)):
                spikes = pre_spike if isinstance(held, PreTrace) else post_spike
                value = self.jumped(value, spikes)
            held.value = _as(value, held.value)
        return weight

    # The parts of a step

    def _moved(self, y: Values, weight: Any) -> tuple[Values, Any]:
        """States and weights after a step without spikes.

        The derivative of the strength is evaluated with the other states in the middle of the
        step, which makes it exact to second order.
        """
        dt = current_dt()
        moved = y | self._flow(y, dt)
        if self.dw is None:
            return moved, weight
        middle = y | self._flow(y, dt / 2)
        at_edges = {n: self._per_edge(n, middle) for n in _arguments(self.dw) if n != "w"}
        strength = self._integrated({"w": self._strength(weight)}, at_edges, dt)["w"]
        return moved, self._weight(strength, weight)

    def _flow(self, y: Values, dt: Any) -> Values:
        """The states that have a derivative, after a time without spikes."""
        new: Values = {}
        for kind in (PreState, PostState, EdgeState):
            mine = {
                name: y[name]
                for name, held in self._states_here().items()
                if isinstance(held, kind) and hasattr(self, f"d{name}")
            }
            asked = {n for name in mine for n in _arguments(getattr(self, f"d{name}"))}
            others = {
                n: self._per_edge(n, y) if kind is EdgeState else self._value(n, y)
                for n in asked - mine.keys()
            }
            new |= self._integrated(mine, others, dt)
        return new

    def _integrated(self, y: Values, others: Values, dt: Any) -> Values:
        rates = {
            name: lambda values, name=name: self._call(f"d{name}", {**others, **values})
            for name in y
        }
        return SOLVERS["exp_euler"](rates, y, dt)

    def _changed(self, method: str, side: str, y: Values, weight: Any) -> tuple[Values, Any]:
        """Edge states and weights after the events of one side."""
        assert self.ends is not None
        edge_names = [n for n, s in self._states_here().items() if isinstance(s, EdgeState)]
        edges = {"w": weight, **{name: y[name] for name in edge_names}}
        wanted = {n: self._value(n, y) for n in _arguments(getattr(self, method)) if n not in edges}
        sides = {n: self._side(n, value) for n, value in wanted.items()}
        same = {n: value for n, value in wanted.items() if sides[n] is None}
        own = {n: value for n, value in wanted.items() if sides[n] == side}
        other = {n: value for n, value in wanted.items() if n not in own and n not in same}

        def change(edge: Values, own: Values, other: Values) -> Values:
            strength = self._strength(edge["w"])
            new = self._call(method, {**edge, **same, **own, **other, "w": strength})
            new = dict(new) if isinstance(new, Mapping) else {"w": new}
            if "w" in new:
                new["w"] = self._weight(new["w"], edge["w"])
            return {name: _as(new.get(name, value), value) for name, value in edge.items()}

        events = self._call(f"{side}_events", y)
        edges = edge_update(
            change, edges, own, other, _is_event(events), **self.ends.seen_from(side)
        )
        return y | {name: edges[name] for name in edge_names}, edges["w"]

    # Strengths and weights

    def _scale(self) -> Any:
        return 1.0 if self.w_max is None else self.w_max

    def _strength(self, weight: Any) -> Any:
        return u.get_magnitude(weight / self._scale())

    def _weight(self, strength: Any, like: Any) -> Any:
        """The weight of a strength, within the bounds."""
        low, high = self._bounds()
        return _as(jnp.clip(strength, low, high) * self._scale(), like)

    def _bounds(self) -> tuple[Any, Any]:
        low = -np.inf if self.w_min is None else self._strength(self.w_min)
        return low, np.inf if self.w_max is None else 1.0

    # Values by name

    def _states_here(self) -> dict[str, Any]:
        kinds = (PreState, PostState, EdgeState)
        return {name: held for name, held in vars(self).items() if isinstance(held, kinds)}

    def _held(self) -> Values:
        return {name: held.value for name, held in self._states_here().items()}

    def _call(self, method: str, y: Values) -> Any:
        function = getattr(self, method)
        return function(**{name: self._value(name, y) for name in _arguments(function)})

    def _value(self, name: str, y: Values) -> Any:
        if name in y:
            return y[name]
        return u.math.reshape(getattr(self.post, name).value, (-1,))

    def _side(self, name: str, value: Any) -> str | None:
        """Whose value it is: None for one that is the same for all synapses."""
        held = vars(self).get(name)
        if isinstance(held, PreState) or name == "pre_spike":
            return "pre"
        return None if np.ndim(value) == 0 else "post"

    def _per_edge(self, name: str, y: Values) -> Any:
        assert self.ends is not None
        value = self._value(name, y)
        side = self._side(name, value)
        if isinstance(vars(self).get(name), EdgeState) or side is None:
            return value
        return value[self.ends.pre if side == "pre" else self.ends.post]

    # Checks

    def _check_unit(self, name: str, weight: Any) -> None:
        value = getattr(self, name)
        if name == "w_max" and value is None and u.get_unit(weight) != u.UNITLESS:
            raise UnitError(
                f"{type(self).__name__}.w_max: missing. Weights with a unit need it, since "
                "equations measure strengths by it"
            )
        zero = isinstance(value, float) and value == 0.0
        if value is not None and not zero and not same_dimension(value, weight):
            raise UnitError(
                f"{type(self).__name__}.{name}: expected {dimension_name(weight)}, as the weights "
                f"are, got {show(value)}"
            )

    def _check_post(self, post: Any, dendritic_delay: Any) -> None:
        """Raise if equations take states of the population that are not there, or not in time."""
        kind = type(self)
        methods = {name for name in dir(kind) if name[0] == "d" and hasattr(kind, name[1:])}
        methods |= {"on_pre", "on_post", "on_step", "pre_events", "post_events", "dw"}
        equations = [getattr(self, name) for name in methods if getattr(self, name) is not None]
        for name in {name for equation in equations for name in _arguments(equation)}:
            if name in ("w", "pre_spike", "post_spike") or hasattr(kind, name):
                continue
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


def _is_event(values: Any) -> Any:
    return values if values.dtype == jnp.bool_ else values != 0


def _as(value: Any, like: Any) -> Any:
    """A value in the unit and the dtype of another."""
    unit = u.get_unit(like)
    number = jnp.asarray(to_number(value, unit), u.get_mantissa(like).dtype)
    return with_unit(jnp.broadcast_to(number, np.shape(like)), unit)


def _arguments(method: Any) -> tuple[str, ...]:
    return _names(getattr(method, "__func__", method), hasattr(method, "__func__"))


@functools.cache
def _names(function: Callable[..., Any], bound: bool) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)[int(bound) :]
