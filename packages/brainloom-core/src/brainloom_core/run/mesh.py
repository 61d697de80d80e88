"""Running a network on several devices: its states go there before a run, and come back after."""

import contextlib
import zlib
from collections.abc import Iterator, Sequence

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..partition import Partition, Partitioned, partition_in_use
from ..types import Array, PyTree
from ..unmade import is_unmade

__all__ = ["on_host", "spread_over", "traced_step"]


@contextlib.contextmanager
def spread_over(
    partition: Partition | None, modules: Sequence[brainstate.nn.Module], by_name: bool
) -> Iterator[None]:
    """While a network lies on several devices.

    Args:
        partition: The devices; None leaves everything where it is.
        modules: The network, and modules that it is given.
        by_name: Whether what is drawn follows from a seed, and not from `brainstate.random`.
    """
    if partition is None:
        yield
        return
    entered: list[Partitioned] = []
    with partition.used():
        if partition.is_shared:
            _require_the_same(partition, modules, by_name)
        try:
            for node in _nodes(modules):
                if isinstance(node, Partitioned):
                    entered.append(node)
                    node.enter_partition(partition)
            _place(partition, modules)
            yield
        finally:
            for node in reversed(entered):
                node.leave_partition()
            _bring_back(partition, modules)


def traced_step() -> contextlib.AbstractContextManager[None]:
    """While a step is traced."""
    partition = partition_in_use()
    return contextlib.nullcontext() if partition is None else partition.step()


def on_host(values: PyTree) -> PyTree:
    """What a chunk recorded, where each process can read it.

    Args:
        values: Arrays, structured, perhaps on devices of other processes.
    """
    partition = partition_in_use()
    if partition is None or not partition.is_shared:
        return values
    whole = jax.jit(lambda x: x, out_shardings=partition.whole)(values)
    return jax.tree.map(lambda x: x.addressable_data(0), whole)


def _nodes(modules: Sequence[brainstate.nn.Module]) -> list[brainstate.nn.Module]:
    """All that the modules hold, each once, in an order that all processes share."""
    found = {id(node): node for module in modules for node in module.nodes().values()}
    return list(found.values())


def _require_the_same(
    partition: Partition, modules: Sequence[brainstate.nn.Module], by_name: bool
) -> None:
    """Refuse a network that is another one in another process.

    Raises:
        InputError: Numbers of it differ.
    """
    numbers = [] if by_name else [brainstate.random.DEFAULT.value]
    for node in _nodes(modules):
        for _, value in sorted(vars(node).items()):
            if is_unmade(value):  # it follows from the seed
                continue
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
            "parameters, seeds of connections or random numbers. Make it by build(..., seed=7), or "
            "call brainstate.random.seed(...) with one number in all processes before"
        )


def _plain(leaf: Array) -> np.ndarray:
    is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.extended)
    return np.ascontiguousarray(jax.random.key_data(leaf) if is_key else leaf)


def _owned(
    modules: Sequence[brainstate.nn.Module],
) -> Iterator[tuple[brainstate.State, tuple[int, ...] | None]]:
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


def _place(partition: Partition, modules: Sequence[brainstate.nn.Module]) -> None:
    for state, size in _owned(modules):
        if is_unmade(state):
            continue
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


def _bring_back(partition: Partition, modules: Sequence[brainstate.nn.Module]) -> None:
    for state in (*(state for state, _ in _owned(modules)), brainstate.random.DEFAULT):
        if not is_unmade(state):
            state.value = partition.local(state.value)
