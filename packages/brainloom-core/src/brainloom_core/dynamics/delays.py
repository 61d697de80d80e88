"""Delays: values that come out some time after they were put in, and the past of a population."""

from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..context import current_dt
from ..declare.constraints import non_negative, one_of, positive
from ..declare.declared import Declared
from ..declare.descriptor import meaning
from ..declare.filled import full
from ..declare.parameters import REQUIRED, option, param
from ..declare.state_specs import state
from ..errors import InputError, ParameterError, StateError
from ..types import Arguments, Array, ArrayLike, Population, Quantity, Shape, Time
from ..units import dimension_name, in_steps, same_dimension, show, step_count, to_number, with_unit

__all__ = ["Delay", "Delayed", "Prefetch", "PrefetchDelayAt", "past_of"]


class Delayed(Declared):
    """Base of what keeps values until they are due: the delay, checked, and how far it reaches.

    To assign a delay changes it from the next step on. What is under way arrives when it would have
    without that; a shorter delay that would make later values overtake it is refused.

    Args:
        in_size: Number of values, or their shape.
        delay: Delay, at least zero; scalar or one per value; may be trainable.
        max_delay: Longest delay, None, the default, for that of `delay`; needed where it is
            trained.
        interpolate: Whether a delay between two steps is taken as it is, False.
        name: Name of the module.
    """

    signature_layout = ("in_size", "delay", "*", "max_delay", "interpolate", ..., "name")
    signature_frame = {"in_size": REQUIRED, "name": None}
    _last_dt: Time | None = None  # with which what is kept was put in
    graph_invisible_attrs = (*Declared.graph_invisible_attrs, "_last_dt")

    if TYPE_CHECKING:
        in_size: Any = option(kw_only=False)
        name: str | None = None

    delay: Quantity = param(unit=u.ms, constraint=non_negative, doc="delay", kw_only=False)
    max_delay: Quantity = param(
        default=None, unit=u.ms, constraint=positive, doc="longest delay", optional=True, fixed=True
    )
    interpolate: bool = option(
        default=False,
        constraint=one_of(True, False),
        doc="whether a delay between steps is kept",
        fixed=True,
    )
    position = state(
        lambda model, shape: jnp.zeros((), jnp.int32),
        "the place of this step in the ring",
        brainstate.ShortTermState,
    )

    def configure_frame(self, in_size: Any, name: str | None) -> None:
        """Set the size.

        Args:
            in_size: Number of values, or their shape.
            name: Name of the module.
        """
        super().configure_frame(name=name)
        self.in_size = tuple(in_size) if isinstance(in_size, (tuple, list)) else (int(in_size),)

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        before = self.delay if frame is None and not self.is_trained else None
        super().configure(frame, values)
        owner, longest = type(self).__name__, self.max_delay
        if longest is None and self.is_trained:
            raise ParameterError(
                f"{owner}.max_delay: missing. A delay that is trained needs room to grow; give "
                "the longest one, for example max_delay=20 * u.ms"
            )
        share = 0.0 if longest is None else in_steps(self.present_delay(), longest)
        if not isinstance(share, jax.core.Tracer) and np.any(share > 1.0 + 1e-6):
            raise ParameterError(
                f"{owner}.delay: expected at most max_delay = {show(longest)}, got "
                f"{show(self.delay)}"
            )
        if before is not None and isinstance(vars(self).get("position"), brainstate.State):
            self._change(before)

    def _change(self, before: Time) -> None:
        """Go on with another delay where there are states."""
        if self.is_trained or isinstance(u.get_mantissa(self.delay), jax.core.Tracer):
            raise ParameterError(
                f"{type(self).__name__}.delay: expected a known value, since there are states "
                "already, got one that is trained or computed in a compiled function. Make "
                "another object for that"
            )
        dt = current_dt() if self._last_dt is None else self._last_dt
        with brainstate.environ.context(dt=dt):
            self.carry_over(before, self.delay)

    def keep(self, name: str, old: Quantity, new: Quantity) -> Quantity:
        """What to take for a new value of a parameter: no delay is longer than the longest."""
        kept = super().keep(name, old, new)
        longest = self.max_delay if name == "delay" else None
        return kept if longest is None else u.math.minimum(kept, longest)

    def carry_over(self, old: Time, new: Time) -> None:
        """Make what is under way arrive as before, and room for the new delay.

        Args:
            old: The delay until now.
            new: The delay from the next step on.

        Raises:
            ParameterError: It would make later values overtake what is under way.
        """
        raise NotImplementedError

    def as_numbers(self, value: Quantity) -> np.ndarray:
        """What is kept, in numbers, where it can be seen.

        Args:
            value: The value of a state.

        Raises:
            ParameterError: It cannot be seen, in a compiled function or a vmap.
        """
        number = u.get_mantissa(value)
        if np.ndim(self.position.value):
            raise ParameterError(
                f"{type(self).__name__}.delay: it cannot be changed where a vmap has made the "
                "states; assign it before they are made"
            )
        if isinstance(number, jax.core.Tracer):
            raise ParameterError(
                f"{type(self).__name__}.delay: assign it outside of compiled functions, where what "
                "is under way can be seen"
            )
        return np.asarray(number)

    def write_ring(self, name: str, number: np.ndarray) -> None:
        """Write a ring, which may be longer than it was, and begin at its first place.

        Args:
            name: Name of the state that is a ring.
            number: Its new values, in its unit.
        """
        ring = getattr(self, name)
        ring.resize(with_unit(jnp.asarray(number), u.get_unit(ring.value)))
        self.position.value = jnp.zeros_like(self.position.value)

    @property
    def is_trained(self) -> bool:
        """Whether the delay is found by gradients."""
        return isinstance(vars(self)["delay"], (brainstate.State, brainstate.nn.Param))

    @property
    def interpolates(self) -> bool:
        """Whether a delay between two steps is taken as it is; one that is trained always is."""
        return self.interpolate or self.is_trained

    def present_delay(self) -> Quantity:
        """The delay, or that of the values that wait longest."""
        return self.delay

    def longest_in_steps(self, delay: Time | None = None) -> int:
        """How many steps back the longest delay reads, at the present dt.

        Args:
            delay: The delay, None for that which there is.

        Raises:
            InputError: One delay for all, above 0, rounds to no step.
        """
        delay = self.present_delay() if delay is None else delay
        longest = delay if self.max_delay is None else self.max_delay
        dt = self.__dict__["_last_dt"] = current_dt()
        if not self.interpolates:
            self._require_a_step(delay, dt)
            return int(np.max(step_count(longest, dt), initial=0))
        return int(np.ceil(np.round(np.max(in_steps(longest, dt), initial=0.0), 6))) + 1

    def _require_a_step(self, delay: Time, dt: Time) -> None:
        """Refuse one delay for all that would round to none."""
        ratio = in_steps(delay, dt)
        if np.ndim(ratio) or isinstance(ratio, jax.core.Tracer):
            return
        if np.round(ratio, 6) > 0 and step_count(delay, dt) == 0:
            raise InputError(
                f"{type(self).__name__}.delay: {show(delay)} is less than a step and would be "
                f"rounded to none; the nearest at dt = {show(dt)} are 0 ms and {show(dt)}. Give "
                "one of these, interpolate=True, or a shorter dt"
            )

    def lag_in_steps(
        self, length: int, delay: Time | None = None
    ) -> tuple[Array | np.ndarray, Array | None]:
        """Whole steps of the delay and, where it interpolates, the rest.

        Args:
            length: Number of places of the ring from which it reads.
            delay: The delay of some of the values, None for that of all.

        Raises:
            InputError: The ring is too short for the delay at the present dt.
        """
        dt = current_dt()
        if self.longest_in_steps() >= length:
            raise InputError(
                f"{type(self).__name__}: the states are too short for the delay at dt = "
                f"{show(dt)}; they were made for a longer dt or a shorter delay. Call "
                "brainstate.nn.init_all_states(net) again"
            )
        delay = self.delay if delay is None else delay
        if not self.interpolates:
            return step_count(delay, dt), None
        lag = jnp.asarray(in_steps(delay, dt), brainstate.environ.dftype())
        if self.max_delay is not None:
            lag = jnp.clip(lag, 0.0, in_steps(self.max_delay, dt))
        whole = jnp.floor(lax.stop_gradient(lag))
        return whole.astype(jnp.int32), lag - whole


class Delay(Delayed):
    r"""A line that gives back what was put in some time ago.

    $$
    y_i(t) = x_i(t - d_i)
    $$

    In each call the values of this step go in, and those of `round(delay / dt)` steps ago come
    out (halves go to the even number); a delay of zero gives them back at once. One delay for
    all that would round to none is refused, of several a part may. With
    `interpolate`, a delay between two steps gives the mean of both, weighted by how near they
    are, so that the sum of what comes out is that of what went in. A delay that is trained, a
    `brainstate.ParamState`, always interpolates, since only that has a slope; it is held between
    0 and `max_delay`. What comes out before anything was put in is zero. One value for each
    neuron and step of the longest delay is kept, in a ring that is written in place.

    Args:
        in_size: Number of values, or their shape.
        delay: Delay $d$, at least zero; scalar or one per value; may be trainable.
        max_delay: Longest delay, None, the default, for that of `delay`; needed where it is
            trained.
        interpolate: Whether a delay between two steps is taken as it is, False.
        unit: Unit of what goes in, none.
        name: Name of the module.

    Attributes:
        history: The last values, shape `(longest delay in steps + 1, *batch, *in_size)`, one
            step more where it interpolates.
        position: Where the next ones go, an integer.

    Raises:
        ParameterError: `delay` has the wrong unit, shape or range, is longer than `max_delay`, or
            is trainable without one.
        InputError: What goes in has another unit or shape than the states, the delay is above 0
            and would round to no step, or `dt` became so much smaller that the ring is too short.

    References:
        Morrison, Mehring, Geisel, Aertsen & Diesmann (2005), Neural Comput. 17, 1776,
        doi:10.1162/0899766054026648; Hammouamri, Khalfaoui-Hassani & Masquelier (2023),
        arXiv:2306.17670 (delays learned through interpolation).

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_core import Delay
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> line = Delay(2, [0.0, 0.2] * u.ms)
        >>> _ = brainstate.nn.init_all_states(line)
        >>> for k in range(4):
        ...     print(line(jnp.full(2, float(k == 0))))
        [1. 0.]
        [0. 0.]
        [0. 1.]
        [0. 0.]
    """

    unit: u.Unit = option(default=u.UNITLESS, doc="unit of what goes in", fixed=True)
    history = state(
        lambda model, shape: model._start(shape), "the last values", brainstate.ShortTermState
    )

    def update(self, x: Quantity) -> Quantity:
        """Put in this step's values, and take out those that are due.

        Args:
            x: Values of this step, shape `(*batch, *in_size)`, in the unit of the states.

        Returns:
            Values of the same shape and unit.
        """
        held = self.history.value
        unit, owner = u.get_unit(held), type(self).__name__
        ring, position = jnp.asarray(u.get_mantissa(held)), jnp.asarray(self.position.value)
        if not same_dimension(x, held):
            raise InputError(f"{owner}: expected {dimension_name(held)}, got {show(x)}")
        if np.shape(x) != ring.shape[1:]:
            raise InputError(f"{owner}: expected shape {ring.shape[1:]}, got {np.shape(x)}")
        # Written first and read last: the other way round XLA copies the ring in each step.
        number = jnp.asarray(to_number(x, unit), ring.dtype)
        ring = lax.dynamic_update_index_in_dim(ring, number, position, 0)
        steps, rest = self.lag_in_steps(len(ring))
        due = _of_steps_ago(ring, position, steps)
        if rest is not None:
            due = due + rest * (_of_steps_ago(ring, position, steps + 1) - due)
        self.history.value = with_unit(ring, unit)
        self.position.value = (position + 1) % len(ring)
        return with_unit(due, unit)

    def state_shape(self, batch_size: int | None) -> Shape:
        batch = () if batch_size is None else (batch_size,)
        return self.longest_in_steps() + 1, *batch, *self.in_size

    def carry_over(self, old: Time, new: Time) -> None:
        """Give what is under way the age at which the new delay finds it when it is due."""
        ring, position = self.as_numbers(self.history.value), self.as_numbers(self.position.value)
        before, after = (self._whole_steps(delay, ring.shape[1:]) for delay in (old, new))
        aged = np.zeros((self.longest_in_steps(new) + 1, *ring.shape[1:]), ring.dtype)
        for age in range(1, min(int((before + self.interpolates).max()), len(ring)) + 1):
            row = ring[(position - age) % len(ring)]
            waits = (row != 0) & (age <= before + self.interpolates)
            place = age + after - before
            if np.any(waits & (place < 1)):
                raise ParameterError(
                    f"{type(self).__name__}.delay: {show(new)} would overtake what is under way "
                    f"with {show(old)}; assign it when that has arrived, or after "
                    "brainstate.nn.reset_all_states(net)"
                )
            where = np.nonzero(waits)
            aged[(len(aged) - place[where], *where)] = row[where]
            if self.interpolates and where[0].size and not self._same_rest(old, new):
                raise ParameterError(
                    f"{type(self).__name__}.delay: what is under way with {show(old)} lies between "
                    f"two steps and cannot wait for {show(new)}; assign it when that has arrived, "
                    "or after brainstate.nn.reset_all_states(net)"
                )
        self.write_ring("history", aged)

    def _whole_steps(self, delay: Time, shape: Shape) -> np.ndarray:
        dt = current_dt()
        if self.interpolates:
            steps = np.floor(np.round(np.asarray(in_steps(delay, dt)), 6)).astype(int)
        else:
            steps = np.asarray(step_count(delay, dt))
        return np.broadcast_to(steps, shape)

    def _same_rest(self, old: Time, new: Time) -> bool:
        dt = current_dt()
        apart = np.asarray(in_steps(old, dt)) - np.asarray(in_steps(new, dt))
        return bool(np.all(np.abs(apart - np.round(apart)) < 1e-5))

    def _start(self, shape: Shape) -> Quantity:
        return with_unit(full(0.0, shape), self.unit)


def _of_steps_ago(ring: jax.Array, position: jax.Array, steps: Array | np.ndarray) -> jax.Array:
    place = (position - steps) % len(ring)
    if place.ndim == 0:
        return lax.dynamic_index_in_dim(ring, place, 0, keepdims=False)
    place = jnp.broadcast_to(place, ring.shape[1:])
    return jnp.take_along_axis(ring, place[None], axis=0)[0]


class Past(Delay):
    """The past of one state of a population, or of its output, seen after each step.

    What is due in the next step is kept apart: a ring that is read before it is written in a step
    would be copied in each.
    """

    due = state(lambda model, shape: model._first(), "what is due", brainstate.ShortTermState)

    def __init__(
        self,
        population: Population,
        item: str | None,
        delay: Time,
        index: ArrayLike | None,
        start: Quantity | None,
        **options: Any,
    ) -> None:
        size = population.in_size
        if index is not None:
            index = np.asarray(index)
            fits = len(size) == 1 and index.ndim == 1 and index.dtype.kind in "iu"
            if not fits or np.any((index < 0) | (index >= size[0])):
                raise ParameterError(
                    f"{type(population).__name__}.prefetch({item!r}).delay.at: expected a list of "
                    f"neurons from 0 to {size[0] - 1}, got {show(index)}"
                )
            size = index.shape
        super().__init__(size, delay, **options)
        self.population, self.item, self.index, self.start = population, item, index, start

    def update(self, output: Quantity | None = None) -> None:
        """See the population after its step."""
        self.due.value = super().update(self._seen() if self.item else self._picked(output))

    @brainstate.nn.call_order(3)  # type: ignore[untyped-decorator]
    def init_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Fill the states with the present value, which exists by then."""
        super().init_state(batch_size, **kwargs)

    @brainstate.nn.call_order(3)  # type: ignore[untyped-decorator]
    def reset_state(self, batch_size: int | None = None, **kwargs: object) -> None:
        """Fill the states with the present value, which is the initial one by then."""
        super().reset_state(batch_size, **kwargs)

    def carry_over(self, old: Time, new: Time) -> None:
        raise ParameterError(
            f"{type(self.population).__name__}.prefetch({self.item!r}).delay: it cannot be "
            "changed; take another one, population.prefetch(...).delay.at(time)"
        )

    def means(self, other: "Past") -> bool:
        """Whether it gives what another gives."""
        mine, others = (
            [
                meaning(it)
                for it in (past.item, past.interpolate, past.delay, past.index, past.start)
            ]
            for past in (self, other)
        )
        return mine == others

    def _seen(self) -> Quantity:
        found = getattr(self.population, str(self.item), None)
        if not isinstance(found, brainstate.State):
            kind = type(self.population).__name__
            raise StateError(
                f"{kind}.prefetch({self.item!r}): {kind} has no such state. (Where the spikes are "
                "meant, take get_spike and give the projection its delay.)"
            )
        return self._picked(found.value)

    def _picked(self, value: Quantity) -> Quantity:
        return value if self.index is None else value[..., self.index]

    def _first(self) -> Quantity:
        return self._start(self.history.value.shape[1:])

    def _start(self, shape: Shape) -> Quantity:
        if self.start is None:
            return full(self._seen() if self.item else 0.0, shape)
        return full(self.start, shape)


def past_of(
    population: Population,
    item: str | None,
    delay: Time,
    index: ArrayLike | None = None,
    *,
    start: Quantity | None = None,
    interpolate: bool = False,
) -> Past:
    """The past of a state of a population (None: of its output); equal ones are shared."""
    try:
        past = Past(population, item, delay, index, start, interpolate=interpolate)
    except ParameterError as error:
        said = f"{type(population).__name__}.prefetch({item!r}).delay.at"
        raise type(error)(str(error).replace("Past.delay", said)) from None
    hooks = population.after_updates or {}
    for hook in hooks.values():
        if isinstance(hook, Past) and hook.means(past):
            return hook
    if item is not None:
        brainstate.nn.not_receive_update_output(past)
    population.add_after_update(f"past_{item or 'output'}_{len(hooks)}", past)
    return past


class Prefetch(brainstate.nn.Prefetch):
    """A state of a population by name, read when it is called; its past by `delay.at(time)`."""

    @property
    def delay(self) -> "PrefetchDelay":
        """The state some time ago."""
        return PrefetchDelay(self.module, self.item)


class PrefetchDelay(brainstate.nn.PrefetchDelay):
    """The past of a state; `at` says of when."""

    def at(self, *time_and_index: Quantity, interpolate: bool = False) -> "PrefetchDelayAt":
        """The state some time ago.

        Args:
            time_and_index: The time: a scalar, or one per neuron; and, if wanted, a list of
                neurons, with one time for all or for each.
            interpolate: Whether a time between two steps is taken as it is, False.
        """
        past = past_of(self.module, self.item, *time_and_index, interpolate=interpolate)
        return PrefetchDelayAt(past)


class PrefetchDelayAt(brainstate.nn.PrefetchDelayAt):
    """What a state was `round(delay / dt)` steps before the last, when it is called."""

    def __init__(self, past: Past) -> None:
        brainstate.graph.Node.__init__(self)
        self.module, self.item, self.past = past.population, past.item, past

    def __call__(self, *args: Any, **kwargs: Any) -> Quantity:
        """The value that is due."""
        return self.past.due.value
