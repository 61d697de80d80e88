"""How a network lies on several devices, for what keeps its edges by the device of their targets.

During `simulate(..., mesh=...)` all states are arrays over all devices, split along the neurons
where their number is a multiple of that of the devices. JAX computes what is done neuron by neuron
where the neurons are. What is left are connections: they hold on each device the edges that reach
its neurons, and get the spikes of all neurons as packed bits.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from .errors import InputError
from .types import Array, DTypeLike, Population, PyTree, Shape
from .units import show, with_unit
from .unmade import MadeOnReading

__all__ = [
    "Partition",
    "Partitioned",
    "SplitState",
    "as_partition",
    "in_order",
    "noted_as",
    "on_all_devices",
    "partition_in_use",
    "spikes_are_bits",
    "spikes_known",
]

AXIS = "parts"
# States in the order of the devices, by identity: of a run, whatever object stands for its devices.
_rearranged: dict[int, brainstate.State] = {}
_in_use: ContextVar["Partition | None"] = ContextVar("brainloom_partition", default=None)


class SplitState(brainstate.State):
    """An array of which each device has a part, and which is no state of the model."""


@runtime_checkable
class Partitioned(Protocol):
    """A module that keeps something by device while a network lies on several of them."""

    def enter_partition(self, partition: "Partition") -> None:
        """Put what it keeps on the devices, before a run.

        Args:
            partition: How the network lies on the devices.
        """

    def leave_partition(self) -> None:
        """Put the states back, after a run."""


class Partition:
    """The devices over which a network is spread, in one row.

    Args:
        devices: The devices, the same ones in all processes.

    Examples:
        >>> import jax
        >>> from brainloom_core.partition import Partition
        >>> partition = Partition(jax.devices()[:1])
        >>> partition.size, partition.length(5)
        (1, 5)
    """

    def __init__(self, devices: Sequence[jax.Device]) -> None:
        self.mesh = Mesh(np.array(devices), (AXIS,))
        self.devices = tuple(devices)
        self.size = len(self.devices)
        # Of the step that is traced: what is there by the identity of what it was made of, which is
        # kept so that no other value gets its identity.
        self._gathered: dict[int, tuple[Array, Array]] = {}
        self._bits: dict[int, Array] = {}

    @property
    def key(self) -> tuple[int, ...]:
        """Equal for partitions over the same devices."""
        return tuple(device.id for device in self.devices)

    @property
    def is_shared(self) -> bool:
        """Whether other processes have devices of it."""
        return any(device.process_index != jax.process_index() for device in self.devices)

    @property
    def mine(self) -> list[int]:
        """The numbers of the parts that are on devices of this process."""
        own = jax.process_index()
        return [k for k, device in enumerate(self.devices) if device.process_index == own]

    def length(self, n: int) -> int:
        """How many of n neurons one device has; the last one may have fewer.

        Args:
            n: Number of neurons.
        """
        return -(-n // self.size)

    def is_even(self, n: int) -> bool:
        """Whether all devices have equally many of n neurons, which are then split.

        Args:
            n: Number of neurons.
        """
        return n > 0 and n % self.size == 0

    # Where arrays are

    def split(self, axis: int = 0) -> NamedSharding:
        """The layout of an array that is split along an axis.

        Args:
            axis: Which one, 0.
        """
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, AXIS))

    @property
    def whole(self) -> NamedSharding:
        """The layout of an array of which each device has a copy."""
        return NamedSharding(self.mesh, PartitionSpec())

    def layout(self, shape: Shape, size: tuple[int, ...] | None) -> NamedSharding:
        """The layout of a state of a population: split along its neurons where that is possible.

        Args:
            shape: Shape of the state.
            size: Shape of the population, None where there is none.
        """
        if size and self.is_even(size[0]):
            for axis in range(len(shape) - len(size), -1, -1):
                if shape[axis : axis + len(size)] == size:
                    return self.split(axis)
        return self.whole

    def has(self, x: object) -> bool:
        """Whether an array lies on these devices already.

        Args:
            x: The array.
        """
        sharding = getattr(x, "sharding", None)
        return isinstance(sharding, NamedSharding) and sharding.mesh == self.mesh

    def put(self, value: PyTree, layout: NamedSharding) -> PyTree:
        """An array, or a structure of them, on the devices.

        Args:
            value: The same in all processes.
            layout: Where its parts go.
        """

        def one(x: Any) -> Any:
            if isinstance(x, jax.Array) and x.sharding == layout:
                return x
            if jnp.issubdtype(getattr(x, "dtype", np.dtype(float)), jax.dtypes.extended):
                data = self.put(jax.random.key_data(x), self.whole)
                return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
            number = np.asarray(x)
            return jax.make_array_from_callback(number.shape, layout, lambda at: number[at])

        return jax.tree.map(one, value)

    def parts(
        self, make: Callable[[int], np.ndarray], shape: Shape, dtype: DTypeLike
    ) -> SplitState:
        """An array made part by part, each process making those of its own devices.

        Args:
            make: Makes the part of a number, of the given shape.
            shape: Shape of a part.
            dtype: Its dtype.

        Returns:
            A state whose value is the array, the parts one behind the other along the first axis.
        """
        known: dict[int, np.ndarray] = {}

        def part(at: tuple[slice, ...] | None) -> np.ndarray:
            number = ((at[0].start if at else None) or 0) // shape[0] if shape[0] else 0
            if number not in known:
                known[number] = np.ascontiguousarray(make(number), dtype)
            return known[number]

        total = (self.size * shape[0], *shape[1:])
        if total[0] == 0:
            return SplitState(self.put(np.zeros(total, dtype), self.whole))
        return SplitState(jax.make_array_from_callback(total, self.split(), part))

    def rearrange(self, state: brainstate.State, value: PyTree) -> None:
        """Write what a state keeps in another order, that of the devices, for the time of a run.

        Args:
            state: The state.
            value: Its value, of any shape.
        """
        _resize(state, value)
        _rearranged[id(state)] = state

    def restore(self, state: brainstate.State, value: PyTree) -> None:
        """Write it in its own order again.

        Args:
            state: The state.
            value: Its value.
        """
        _resize(state, value)
        _rearranged.pop(id(state), None)

    def is_rearranged(self, state: brainstate.State) -> bool:
        """Whether what a state keeps is in the order of the devices.

        Args:
            state: The state.
        """
        return id(state) in _rearranged

    def largest(self, numbers: Sequence[int]) -> list[int]:
        """The largest of numbers that each process knows for its own devices.

        Args:
            numbers: The same number of them in each process.
        """
        if not self.is_shared:
            return list(numbers)
        rows = self.parts(lambda k: np.array([numbers]), (1, len(numbers)), np.int32)
        found = jax.jit(lambda x: x.max(0), out_shardings=self.whole)(rows.value)
        return [int(n) for n in self.read(found)]

    def local(self, value: PyTree) -> PyTree:
        """An array, or a structure of them, on the usual device of this process again.

        Args:
            value: What may lie on all devices.
        """

        def one(x: Any) -> Any:
            if not isinstance(x, jax.Array) or not isinstance(x.sharding, NamedSharding):
                return x
            if jnp.issubdtype(x.dtype, jax.dtypes.extended):
                data = self.local(jax.random.key_data(x))
                return jax.random.wrap_key_data(data, impl=jax.random.key_impl(x))
            return jax.device_put(self.read(x))

        return jax.tree.map(one, value)

    def read(self, x: Array) -> np.ndarray:
        """The numbers of an array on the host, all of them in each process.

        Args:
            x: An array, perhaps one that lies on devices of several processes.
        """
        if isinstance(x, jax.Array) and not x.is_fully_addressable:
            if not x.is_fully_replicated:
                x = jax.jit(lambda x: x, out_shardings=self.whole)(x)
            x = x.addressable_data(0)
        return np.array(x)

    # In a step

    def gathered(self, spikes: Array, size: tuple[int, ...]) -> Array:
        """The values of all neurons on each device, exchanged once in a step.

        Args:
            spikes: One value per neuron, shape `(*batch, *size)`.
            size: Shape of the population.
        """
        known = self._gathered.get(id(spikes))
        if known is None:
            whole = self._exchanged(spikes, size, self.are_bits(spikes))
            self.note(whole, bits=self.are_bits(spikes), whole=True)
            self._gathered[id(spikes)] = known = spikes, whole
        return known[1]

    def note(self, value: Array, *, bits: bool = False, whole: bool = False) -> Array:
        """Remember what is known of a value until the step ends, and return it.

        Args:
            value: The value.
            bits: Whether all of it is 0 or 1.
            whole: Whether each device has all of it.
        """
        if bits:
            self._bits[id(value)] = value
        if whole:
            self._gathered[id(value)] = value, value
        return value

    def is_whole(self, value: object) -> bool:
        """Whether each device is known to have all of a value.

        Args:
            value: The value.
        """
        return id(value) in self._gathered and self._gathered[id(value)][1] is value

    def are_bits(self, value: Any) -> bool:
        """Whether all of a value is known to be 0 or 1.

        Args:
            value: The value.
        """
        return id(value) in self._bits or value.dtype == jnp.bool_

    def _exchanged(self, spikes: Array, size: tuple[int, ...], bits: bool) -> Array:
        lead = spikes.ndim - len(size)
        if not bits or not self.is_even(size[0]):
            return jax.lax.with_sharding_constraint(spikes, self.whole)
        batch, n = spikes.shape[:lead], int(np.prod(size)) // self.size

        def exchange(part: Array) -> Array:
            packed = jnp.packbits(part.reshape(*batch, n) != 0, axis=-1)
            words = jax.lax.all_gather(packed, AXIS, axis=lead)
            found = jnp.unpackbits(words, axis=-1, count=n)
            return found.astype(spikes.dtype).reshape(spikes.shape)

        return self.mapped(exchange, [lead], None)(spikes)

    def mapped(
        self, function: Callable[..., PyTree], axes: Sequence[int | None], out: PyTree
    ) -> Callable[..., PyTree]:
        """A function of parts of arrays, which each device calls with its own.

        Args:
            function: The function.
            axes: Along which axis each of its arguments is split, None where it gets the whole.
            out: The same of its results, a number, None or a structure of these.
        """

        def spec(axis: int | None) -> PartitionSpec:
            return PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, AXIS)

        results = jax.tree.map(spec, out, is_leaf=lambda x: x is None)
        given = tuple(map(spec, axes))
        return jax.shard_map(
            function, mesh=self.mesh, in_specs=given, out_specs=results, check_vma=False
        )

    def once(self, value: PyTree) -> PyTree:
        """A value computed on each device from what it has the whole of.

        Args:
            value: The array.
        """
        return jax.lax.with_sharding_constraint(value, self.whole)

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """While a step is traced, in which the spikes of a population are exchanged once."""
        try:
            yield
        finally:
            self._gathered.clear()
            self._bits.clear()

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """While this is the partition in use."""
        token = _in_use.set(self)
        try:
            yield
        finally:
            _in_use.reset(token)


def _resize(state: brainstate.State, value: PyTree) -> None:
    if isinstance(state, MadeOnReading):
        state.put(value)
    elif hasattr(state, "resize"):
        state.resize(value)
    else:
        state.value = value


def in_order(state: brainstate.State) -> PyTree:
    """A state whose values are in the order that is known of it.

    Args:
        state: The state, or anything else, which is returned as it is.

    Raises:
        InputError: It is in the order of the devices.
    """
    partition = _in_use.get()
    if partition is not None and partition.is_rearranged(state):
        raise InputError(
            "simulate: mesh: what is kept for each edge cannot be recorded on several devices, "
            "since none has all of it; read it after the run"
        )
    return state


def partition_in_use() -> Partition | None:
    """How the network that is running lies on several devices; None where it lies on one.

    Examples:
        >>> from brainloom_core.partition import partition_in_use
        >>> partition_in_use() is None
        True
    """
    return _in_use.get()


def as_partition(mesh: Any) -> Partition | None:
    """What `simulate(mesh=...)` means: a mesh of JAX, or a number of devices.

    Args:
        mesh: The mesh, the number of devices, or None.

    Raises:
        InputError: It is neither, or there are not as many devices.
    """
    if mesh is None:
        return None
    if isinstance(mesh, Mesh):
        return Partition(list(mesh.devices.flat))
    is_number = isinstance(mesh, (int, np.integer)) and not isinstance(mesh, bool)
    if not is_number or mesh < 1:
        raise InputError(
            f"simulate: mesh: expected a number of devices or a jax.sharding.Mesh, got {show(mesh)}"
        )
    devices = jax.devices()
    if mesh > len(devices):
        raise InputError(
            f"simulate: mesh: expected at most {len(devices)} devices, as many as JAX has, got "
            f"{mesh}. On a CPU, set XLA_FLAGS=--xla_force_host_platform_device_count={mesh} before "
            "JAX is imported"
        )
    if jax.process_count() > 1 and mesh != len(devices):
        raise InputError(
            f"simulate: mesh: expected {len(devices)}, the devices of all {jax.process_count()} "
            f"processes, got {mesh}"
        )
    return Partition(devices[:mesh])


def spikes_known(population: Population, spikes: Array) -> Array:
    """The spikes of a population; where there are several devices, it is noted if they are bits.

    Args:
        population: The population.
        spikes: Its spikes.
    """
    partition = _in_use.get()
    if partition is None or not getattr(population, "spikes_are_bits", False):
        return spikes
    return partition.note(spikes, bits=True)


def spikes_are_bits(values: object) -> bool:
    """Whether values are known to be 0 or 1; asked where there are several devices.

    Args:
        values: The values.
    """
    partition = _in_use.get()
    return partition is not None and partition.are_bits(values)


def noted_as(values: Array, other: Array) -> Array:
    """Values in another dtype, of which is known what is known of them.

    Args:
        values: The values.
        other: The same in another dtype, which is returned.
    """
    partition = _in_use.get()
    if partition is None or not isinstance(values, jax.Array):
        return other
    return partition.note(other, bits=partition.are_bits(values), whole=partition.is_whole(values))


def on_all_devices(
    values: Array, size: tuple[int, ...] | None = None, *, bits: bool = False
) -> Array:
    """The values of all neurons, all of them on each device where there are several.

    Args:
        values: One per neuron, shape `(*batch, *size)`, with or without a unit.
        size: Shape of the population, by default that of the values.
        bits: Whether all are 0 or 1, if that is not known of them.
    """
    partition = _in_use.get()
    if partition is None:
        return values
    if isinstance(values, u.Quantity):
        return with_unit(partition.once(values.mantissa), values.unit)
    values = partition.note(jnp.asarray(values), bits=bits)
    return partition.gathered(values, values.shape if size is None else tuple(size))
