"""Connections whose edges have delays of their own."""

from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np
from brainloom_core import Delayed, InputError, ParameterError, full, state
from brainloom_core.partition import Partition, SplitState
from brainloom_core.types import Array, Quantity, Shape, Time
from brainloom_core.units import with_unit

from ..connection.connection import Connection
from ..connection.for_edges import ForEdges
from ..connection.split import SplitEdges

__all__ = ["Arrivals"]


@dataclass(frozen=True)
class _Spread:
    """Whole steps of the delay of each edge, and what is left of it, by device."""

    split: SplitEdges
    steps: SplitState
    rest: SplitState | None

    @property
    def lags(self) -> tuple[Array, Array | None]:
        return self.steps.value, None if self.rest is None else self.rest.value


class Arrivals(Delayed):
    r"""A connection with a delay for each edge.

    What is under way is kept for each postsynaptic neuron and step until it arrives,

    $$
    y_j(t) = \sum_{i \to j} w_{ij}\, s_i(t - d_{ij}),
    $$

    so that memory follows the neurons and the longest delay, not the edges.

    Args:
        connection: The connection, with edges that are stored.
        delay: One delay per edge, as for `brainloom_core.Delay`.
        options: Other arguments of `Delay`.

    Attributes:
        pending: What is under way, shape `(*batch, longest delay in steps + 1, n_post)`, in the
            unit of the weights.
    """

    graph_invisible_attrs = (*Delayed.graph_invisible_attrs, "_spread")
    _spread: "_Spread | None" = None  # the delays on several devices, during a run

    pending = state(
        lambda model, shape: with_unit(full(0.0, shape), model.connection.unit),
        "what is under way",
        brainstate.ShortTermState,
    )

    def __init__(self, connection: Connection, delay: Time | ForEdges, **options: Any) -> None:
        super().__init__((connection.n_edges,), delay, **options)
        self.connection = connection

    @property
    def _to_make(self) -> ForEdges | None:
        """What will make the delays, if they have not been made."""
        held = vars(self).get("delay")
        return held if isinstance(held, ForEdges) else None

    def make_values(self) -> None:
        """Make the delays, if they have not been made."""
        if self._spread is None:
            _ = self.delay

    def present_delay(self) -> Quantity:
        """The delays, or the longest of them where they have not been made."""
        if (to_make := self._to_make) is None:
            return self.delay
        return u.Quantity(_rounded(np.array([max(0.0, to_make.ends[1])])), unit=u.ms)

    def update(self, spikes: Array) -> Quantity:
        """Send this step's spikes, and return what arrives in it."""
        ring, position = self.pending.value, jnp.asarray(self.position.value)
        length = ring.shape[-2]
        steps, rest = self.lag_in_steps(length) if self._spread is None else self._spread.lags
        if rest is None:
            ring, arrived = self.connection.send(ring, spikes, steps, position)
        else:  # the later part second, since what was sent one turn ahead would be emptied
            ring, _ = self.connection.send(ring, spikes, steps, position, 1.0 - rest)
            ring, arrived = self.connection.send(ring, spikes, steps + 1, position, rest)
        self.pending.value = ring
        self.position.value = (position + 1) % length
        return arrived

    def enter_partition(self, partition: Partition) -> None:
        """Put what is under way on the devices of those to whom it goes.

        Args:
            partition: The devices.
        """
        if self.is_trained:
            raise InputError(
                "simulate: mesh: delays of edges that are trained cannot be spread over devices; "
                "assign their values to the connection"
            )
        split = self.connection.split_over(partition)
        ring = self.pending.value
        unit = u.get_unit(ring)
        self._spread = self._by_device(split, ring.shape[-2])
        number = np.asarray(u.get_mantissa(ring))
        missing = partition.size * split.length - number.shape[-1]
        number = np.pad(number, [(0, 0)] * (number.ndim - 1) + [(0, missing)])
        placed = partition.put(number, partition.split(number.ndim - 1))
        partition.rearrange(self.pending, with_unit(placed, unit))

    def _by_device(self, split: SplitEdges, length: int) -> _Spread:
        """Whole steps of the delays, and the rest where they interpolate, by device."""
        if (to_make := self._to_make) is not None:
            steps_of, rest_of = dict[int, np.ndarray](), dict[int, np.ndarray]()
            for k in split.partition.mine:
                own = u.Quantity(_rounded(to_make.of_part(split, k)), unit=u.ms)
                steps, rest = self.lag_in_steps(length, own)
                steps_of[k] = np.asarray(steps)
                if rest is not None:
                    rest_of[k] = np.asarray(rest)

            def made(of: dict[int, np.ndarray]) -> SplitState:
                return split.made(of.__getitem__, next(iter(of.values())).dtype)

            return _Spread(split, made(steps_of), made(rest_of) if rest_of else None)
        steps, rest = self.lag_in_steps(length)
        shape = (self.connection.n_edges,)

        def by_edge(values: Array | np.ndarray) -> SplitState:
            return split.by_edge(np.broadcast_to(np.asarray(values), shape))

        return _Spread(split, by_edge(steps), None if rest is None else by_edge(rest))

    def leave_partition(self) -> None:
        """Put it together again."""
        if self._spread is None:
            return
        split, self._spread = self._spread.split, None
        ring = self.pending.value
        number = split.partition.read(u.get_mantissa(ring))[..., : split.n_post]
        split.partition.restore(self.pending, with_unit(jnp.asarray(number), u.get_unit(ring)))

    def carry_over(self, old: Time, new: Time) -> None:
        """What is under way stands where it will arrive; a longer delay needs more places."""
        ring, place = (self.as_numbers(held.value) for held in (self.pending, self.position))
        missing = self.longest_in_steps(new) + 1 - ring.shape[-2]
        if missing > 0:
            ring = np.roll(ring, -int(place), axis=-2)
            ring = np.pad(ring, [(0, 0)] * (ring.ndim - 2) + [(0, missing), (0, 0)])
            self.write_ring("pending", ring)

    def state_shape(self, batch_size: int | None) -> Shape:
        batch = () if batch_size is None else (batch_size,)
        length, n_post = self.longest_in_steps() + 1, int(np.prod(self.connection.out_size))
        if length * n_post >= 2**30:
            raise ParameterError(
                f"Arrivals.delay: {length} steps for {n_post} neurons are too many places; "
                "expected a shorter delay or a longer dt"
            )
        return *batch, length, n_post


def _rounded(delays: np.ndarray) -> np.ndarray:
    """Delays in the precision in which they are kept."""
    return delays.astype(brainstate.environ.dftype())
