"""Running a network on several devices: its states go there before a run, and come back after."""

import contextlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..partition import Partition, Partitioned, partition_in_use

__all__ = ["Spread", "on_host", "spread_over", "traced_step"]


class Spread:
    """A network that lies on several devices, or, without a partition, where it was.

    Args:
        partition: The devices, None for none.
        modules: The network, and modules that it is given.
    """

    def __init__(self, partition: Partition | None, modules: Sequence[Any]) -> None:
        self.partition, self.modules = partition, modules
        self._entered: list[Partitioned] = []

    def enter(self) -> None:
        """Put it on the devices."""
        if self.partition is None:
            return
        for node in _nodes(self.modules):
            if isinstance(node, Partitioned):
                self._entered.append(node)
                node.enter_partition(self.partition)
        _place(self.partition, self.modules)

    def leave(self) -> None:
        """Put it back."""
        if self.partition is None:
            return
        while self._entered:
            self._entered.pop().leave_partition()
        _bring_back(self.partition, self.modules)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """While it is in one place, to be read."""
        self.leave()
        yield
        self.enter()


@contextlib.contextmanager
def spread_over(partition: Partition | None, modules: Sequence[Any]) -> Iterator[Spread]:
    """While a network lies on several devices.

    Args:
        partition: The devices; None leaves everything where it is.
        modules: The network, and modules that it is given.

    Raises:
        InputError: The network is another one in another process.
    """
    spread = Spread(partition, modules)
    with contextlib.nullcontext() if partition is None else partition.used():
        if partition is not None and partition.is_shared:
            _require_the_same(partition, modules)
        try:
            spread.enter()
            yield spread
        finally:
            spread.leave()


def traced_step() -> contextlib.AbstractContextManager[None]:
    """While a step is traced."""
    partition = partition_in_use()
    return contextlib.nullcontext() if partition is None else partition.step()


def on_host(values: Any) -> Any:
    """What a chunk recorded, where each process can read it.

    Args:
        values: Arrays, structured, perhaps on devices of other processes.
    """
    partition = partition_in_use()
    if partition is None or not partition.is_shared:
        return values
    whole = jax.jit(lambda x: x, out_shardings=partition.whole)(values)
    return jax.tree.map(lambda x: x.addressable_data(0), whole)


def _nodes(modules: Sequence[Any]) -> list[Any]:
    """All that the modules hold, each once, in an order that all processes share."""
    found = {id(node): node for module in modules for node in module.nodes().values()}
    return list(found.values())


def _require_the_same(partition: Partition, modules: Sequence[Any]) -> None:
    """Refuse a network that is another one in another process.

    Raises:
        InputError: Numbers of it differ.
    """
    numbers = [brainstate.random.DEFAULT.value]
    for node in _nodes(modules):
        for _, value in sorted(vars(node).items()):
            held = value.value if isinstance(value, brainstate.State) else value
            if isinstance(held, (u.Quantity, np.ndarray, jax.Array, float)):
                numbers.append(held)
        numbers += [seed] if isinstance(seed := getattr(node, "seed", None), int) else []
    digest = 0
    for leaf in jax.tree.leaves(numbers):
        if not isinstance(leaf, jax.Array) or leaf.is_fully_addressable:
            digest = zlib.crc32(_plain(leaf).tobytes(), digest)
    digest &= 0x7FFFFFFF
    if partition.largest([digest, -digest]) != [digest, -digest]:
        raise InputError(
            "simulate: mesh: the network of another process has other numbers: initial states, "
            "parameters, seeds of connections or random numbers. Call brainstate.random.seed(...) "
            "with one number in all processes before the network is made"
        )


def _plain(leaf: Any) -> np.ndarray:
    is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
    return np.ascontiguousarray(jax.random.key_data(leaf) if is_key else leaf)


def _owned(modules: Sequence[Any]) -> Iterator[tuple[brainstate.State, tuple[int, ...] | None]]:
    """Each state once, with the shape of what it belongs to."""
    seen: set[int] = set()
    for node in _nodes(modules):
        size = getattr(node, "varshape", None) or getattr(node, "in_size", None)
        for state in vars(node).values():
            if isinstance(state, brainstate.State) and id(state) not in seen:
                seen.add(id(state))
                yield state, tuple(size) if isinstance(size, (tuple, list)) else None
    for module in modules:
        for state in module.states().values():
            if id(state) not in seen:
                seen.add(id(state))
                yield state, None


def _place(partition: Partition, modules: Sequence[Any]) -> None:
    for state, size in _owned(modules):
        leaves, tree = jax.tree.flatten(state.value)
        placed = [
            leaf
            if partition.has(leaf) or not hasattr(leaf, "shape")
            else partition.put(leaf, partition.layout(leaf.shape, size))
            for leaf in leaves
        ]
        state.value = jax.tree.unflatten(tree, placed)
    generator = brainstate.random.DEFAULT
    generator.value = partition.put(generator.value, partition.whole)


def _bring_back(partition: Partition, modules: Sequence[Any]) -> None:
    for state in (*(state for state, _ in _owned(modules)), brainstate.random.DEFAULT):
        state.value = partition.local(state.value)
