"""Edges by the device that has their targets."""

from collections.abc import Callable

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import ParameterError
from brainloom_core.kernels import event_csr, event_csr_ring
from brainloom_core.partition import Partition, SplitState
from brainloom_core.types import Array, DTypeLike, Quantity
from brainloom_core.units import with_unit

from .draws import Part
from .edges import Edges

__all__ = ["DrawsParts", "SplitEdges"]

DrawsParts = Callable[[list[tuple[int, int]], bool], list[Part]]
"""Takes ranges of postsynaptic neurons, the first one and the one behind the last of each, and
whether edges have values of their own, for which their numbers are needed."""


class SplitEdges:
    """The edges that reach its neurons, on each device: sorted as all edges are.

    All devices have arrays of one length, filled up behind. So no array is longer than the edges
    of the largest part, times the number of devices of this process.

    Args:
        partition: The devices.
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
        draws: Gives the edges to ranges of the postsynaptic neurons.
        places: Gives the places, among all edges, of those of each number, None where these are
            their numbers.
        is_numbered: Whether edges have values of their own.
    """

    def __init__(
        self,
        partition: Partition,
        n_pre: int,
        n_post: int,
        draws: DrawsParts,
        places: Callable[[], np.ndarray | None],
        is_numbered: bool,
    ) -> None:
        self.partition, self.n_pre, self.n_post = partition, n_pre, n_post
        self.length, self.is_numbered = partition.length(n_post), is_numbered
        self._draws, self._places, mine = draws, places, partition.mine
        ranges = [self._range(k) for k in mine]
        found = dict(zip(mine, draws(ranges, is_numbered), strict=True))
        self.counts = {k: len(part.posts) for k, part in found.items()}
        most = [max(self.counts.values()), max(int(n.max(initial=0)) for n, *_ in found.values())]
        if most[0] >= 2**31:
            raise ParameterError(
                f"Connection: {most[0]} edges on one device are more than 2147483647; spread the "
                "network over more devices"
            )
        self.width, self.max_row = partition.largest(most)

        def starts(k: int) -> np.ndarray:
            return np.concatenate([[0], np.cumsum(found[k][0], dtype=np.int64)])

        self.indptr = partition.parts(starts, (n_pre + 1,), np.int32)
        self.indices = partition.parts(lambda k: self.filled(found[k][1]), (self.width,), np.int32)
        # What it takes to make the values of the edges of a part.
        self._numbers = {k: part.numbers for k, part in found.items() if is_numbered}
        self._lengths = {k: part.distance for k, part in found.items() if is_numbered}

    def ends(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the edges of each presynaptic neuron start in a part, and both ends of all.

        Args:
            k: Number of the part, which is on a device of this process.
        """
        indptr, posts = (
            _part(state, k, n)
            for state, n in ((self.indptr, self.n_pre + 1), (self.indices, self.width))
        )
        pre = np.repeat(np.arange(self.n_pre, dtype=np.int32), np.diff(indptr))
        return indptr, pre, posts[: self.counts[k]]

    def _range(self, k: int) -> tuple[int, int]:
        first = min(k * self.length, self.n_post)
        return first, min(first + self.length, self.n_post)

    def filled(self, values: np.ndarray) -> np.ndarray:
        """The values of the edges of one part, filled up to the common length.

        Args:
            values: One for each of its edges.
        """
        return np.pad(values, (0, self.width - len(values)))

    def by_edge(self, values: np.ndarray) -> SplitState:
        """What each edge has, with its device.

        Args:
            values: One for each edge, in the order of all edges.
        """
        places = self._places()

        def part(k: int) -> np.ndarray:
            numbers = self.numbers(k)
            return values[numbers if places is None else places[numbers]]

        return self.made(part, values.dtype)

    def made(self, part: Callable[[int], np.ndarray], dtype: DTypeLike) -> SplitState:
        """What each edge has, made by the process that has its device.

        Args:
            part: Makes that of the edges of the part of a number.
            dtype: Its dtype.
        """
        return self.partition.parts(lambda k: self.filled(part(k)), (self.width,), dtype)

    def numbers(self, k: int) -> np.ndarray:
        """The numbers of the edges of a part; see `EdgeDraws`.

        Args:
            k: Number of the part.
        """
        if k not in self._numbers:  # of a part on a device of another process
            self._numbers[k] = self._draws([self._range(k)], True)[0].numbers
        numbers = self._numbers[k]
        assert numbers is not None
        return numbers

    def edges(self, k: int) -> Edges:
        """The edges of a part, between whole populations.

        Args:
            k: Number of the part, which is on a device of this process.
        """
        indptr, _, posts = self.ends(k)
        part = Part(np.diff(indptr), posts, None, self._lengths.get(k))
        return part.edges(self._range(k)[0], self.n_post)

    def together(self, values: jax.Array, n_edges: int) -> np.ndarray:
        """What `by_edge` spread, in the order of all edges.

        Args:
            values: What each edge has, by device.
            n_edges: Number of all edges.
        """
        parts = self.partition.read(values).reshape(self.partition.size, self.width)
        whole, places = np.empty(n_edges, parts.dtype), self._places()
        for k in range(self.partition.size):
            numbers = self.numbers(k)
            where = numbers if places is None else places[numbers]
            whole[where] = parts[k, : len(numbers)]
        return whole

    def product(self, weight: Quantity, spikes: jax.Array, implementation: str | None) -> Quantity:
        """What reaches each postsynaptic neuron, `(*batch, n_post)`; see `Connection.update`."""
        unit, number = u.get_unit(weight), jnp.asarray(u.get_mantissa(weight))
        lead = spikes.ndim - 1

        def local(number: Array, indices: Array, indptr: Array, spikes: Array) -> Quantity:
            return event_csr(
                number,
                indices,
                indptr,
                spikes,
                n_post=self.length,
                max_row=self.max_row,
                implementation=implementation,
            )

        axes = [0 if number.ndim else None, 0, 0, None]
        found = self.partition.mapped(local, axes, lead)(
            number, self.indices.value, self.indptr.value, spikes
        )
        return with_unit(self.trimmed(found), unit)

    def sent(
        self,
        ring: Quantity,
        weight: Quantity,
        steps: Array | np.ndarray,
        spikes: jax.Array,
        position: Array,
        implementation: str | None,
    ) -> tuple[Quantity, Quantity]:
        """The ring, and what arrives; see `Connection.send`."""
        unit, weights = u.get_unit(ring), jnp.asarray(u.get_mantissa(weight))
        lead = spikes.ndim - 1

        def local(ring: Array, *given: Array) -> tuple[Quantity, Quantity]:
            weights, steps, indices, indptr, spikes, position = given
            return event_csr_ring(
                ring,
                weights,
                steps * np.int32(self.length) + indices,
                indptr,
                spikes,
                position,
                max_row=self.max_row,
                implementation=implementation,
            )

        steps = jnp.asarray(steps)
        axes = [lead + 1, *(0 if x.ndim else None for x in (weights, steps)), 0, 0, None, None]
        ring, arrived = self.partition.mapped(local, axes, (lead + 1, lead))(
            u.get_mantissa(ring),
            weights,
            steps,
            self.indices.value,
            self.indptr.value,
            spikes,
            jnp.asarray(position),
        )
        return with_unit(ring, unit), with_unit(self.trimmed(arrived), unit)

    def trimmed(self, found: jax.Array) -> jax.Array:
        """Without the places of the last device that stand for no neuron."""
        if found.shape[-1] == self.n_post:
            return found
        return self.partition.once(found)[..., : self.n_post]


def _part(state: SplitState, k: int, length: int) -> np.ndarray:
    """A part of an array that lies on devices of this process."""
    for shard in state.value.addressable_shards:
        if (shard.index[0].start or 0) == k * length:
            return np.asarray(shard.data)
    raise IndexError(k)
