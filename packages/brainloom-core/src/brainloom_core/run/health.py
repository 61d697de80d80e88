"""States that are not finite: noticed after each chunk, found by running that one again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np

from ..names import dotted
from ..types import Array, PyTree
from ..unmade import is_unmade

__all__ = ["Watch", "Watched"]

FAR = 2**20  # bytes that are better looked at where they are


@dataclass(frozen=True)
class Watched:
    """A state that should stay finite."""

    name: str
    state: brainstate.State

    @property
    def numbers(self) -> jax.Array:
        """All its numbers, in one row."""
        return jnp.concatenate([jnp.ravel(x) for x in jax.tree.leaves(self.state.value)])

    @property
    def is_hidden(self) -> bool:
        """Whether an infinity that it did not begin with is wrong in it."""
        return isinstance(self.state, brainstate.HiddenState)

    def wrong(self, had_infinity: jax.Array) -> jax.Array:
        """Where it holds a NaN, or an infinity if it is a hidden state that had none."""
        numbers = self.numbers
        if self.is_hidden:
            return jnp.isnan(numbers) | (jnp.isinf(numbers) & ~had_infinity)
        return jnp.isnan(numbers)

    def place(self, flat: int) -> tuple[str, float]:
        """Where a number stands, in words, and the number."""
        value = float(self.numbers[flat])
        shape = np.shape(jax.tree.leaves(self.state.value)[0])
        index = np.unravel_index(flat, shape) if flat < np.prod(shape) else (flat,)
        places = ", ".join(str(int(i)) for i in index)
        return f"[{places}]" if places else "", value


class Watch:
    """The states of a network that should stay finite, in a fixed order.

    Args:
        states: Its states by path.
    """

    def __init__(self, states: Mapping[Any, Any]) -> None:
        found = [Watched(dotted(path), state) for path, state in states.items()]
        self.all = [w for w in found if _is_real(w.state)]

    def values(self) -> list[list[PyTree]]:
        """The arrays that the states hold, each a list of them."""
        return [jax.tree.leaves(w.state.value) for w in self.all]

    def is_wrong(self, before: list[list[PyTree]], after: list[list[PyTree]]) -> bool:
        """Whether some steps left a state that is not what it should be.

        It is looked for on the host, after the next steps have been sent off: nothing is compiled,
        and nothing waits.

        Args:
            before: The values before these steps.
            after: The values after them.
        """
        for w, old, new in zip(self.all, before, after, strict=True):
            for was, x in zip(old, new, strict=True):
                if x is was or _all(np.isfinite, jnp.isfinite, x):
                    continue
                if not _all(_no_nan, lambda x: ~jnp.isnan(x), x):
                    return True
                if w.is_hidden and _all(_no_infinity, lambda x: ~jnp.isinf(x), was):
                    return True
        return False

    def begin(self) -> list[jax.Array]:
        """Whether each state holds an infinity, before the steps."""
        return [jnp.any(jnp.isinf(w.numbers)) for w in self.all]

    def first(self, begun: list[jax.Array]) -> jax.Array:
        """The first number of each state that is not what it should be, -1 for none."""
        places = []
        for w, was in zip(self.all, begun, strict=True):
            wrong = w.wrong(was)
            places.append(jnp.where(jnp.any(wrong), jnp.argmax(wrong), -1))
        return jnp.stack(places)


def snapshot(states: list[brainstate.State]) -> Callable[[], None]:
    """A function that returns states to what they are now, random numbers too."""
    held = [(state, state.value) for state in (*states, brainstate.random.DEFAULT)]

    def restore() -> None:
        for state, value in held:
            state.value = value

    return restore


def _no_nan(x: np.ndarray) -> np.ndarray:
    return np.logical_not(np.isnan(x))


def _no_infinity(x: np.ndarray) -> np.ndarray:
    return np.logical_not(np.isinf(x))


def _all(on_host: Callable[..., np.ndarray], on_device: Callable[..., Array], x: Any) -> bool:
    """Whether something is true of all numbers, wherever that is quicker to find out."""
    return bool(jnp.all(on_device(x))) if _is_far(x) else bool(np.all(on_host(np.asarray(x))))


def _is_far(x: Any) -> bool:
    if not isinstance(x, jax.Array):
        return False
    if not x.is_fully_addressable:  # on devices of other processes: judged by all of them together
        return True
    return x.nbytes > FAR and all(device.platform != "cpu" for device in x.devices())


def _is_real(state: brainstate.State) -> bool:
    if is_unmade(state):  # real numbers, of edges
        return True
    leaves = jax.tree.leaves(state.value)
    kinds = [getattr(x, "dtype", np.result_type(type(x))) for x in leaves]
    sizes = [np.size(x) for x in leaves]
    return bool(leaves) and all(jnp.issubdtype(k, jnp.floating) for k in kinds) and min(sizes) > 0
