"""The rows that have an event, a few at a time, so that the cost follows their number."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import lax

__all__ = ["AT_ONCE", "over_active"]

AT_ONCE = 16
_BLOCK = 32

Carry = TypeVar("Carry")


def over_active(
    active: jax.Array,
    change: Callable[[Carry, jax.Array, jax.Array], Carry],
    carry: Carry,
    at_once: int = AT_ONCE,
) -> Carry:
    """What becomes of a value that is changed for all active rows, some at a time.

    Args:
        active: Which rows are, bool, shape `(n_rows,)`.
        change: A function of the value, of rows and of which of these are given, the others
            being there to fill up; returns the new value.
        carry: The value to begin with.
        at_once: How many rows at a time.
    """
    n = active.shape[0]
    n_blocks = -(-n // _BLOCK)
    few, many = (min(max(64, n // part), n_blocks) for part in (256, 16))
    count = active.sum(dtype=jnp.int32)

    def found(capacity: int) -> jax.Array:
        return jnp.pad(_first_active(active, capacity), (0, n + at_once - capacity))

    def all_found() -> jax.Array:
        return jnp.nonzero(active, size=n + at_once, fill_value=0)[0].astype(jnp.int32)

    # Only the list of rows depends on conditions; what is changed would be copied by each.
    some = functools.partial(lax.cond, count <= many, lambda: found(many), all_found)
    rows = lax.cond(count <= few, lambda: found(few), some)

    def turn(state: tuple[jax.Array, Carry]) -> tuple[jax.Array, Carry]:
        done, carry = state
        chosen = lax.dynamic_slice(rows, (done,), (at_once,))
        given = done + jnp.arange(at_once, dtype=jnp.int32) < count
        return done + at_once, change(carry, chosen, given)

    start: Any = jnp.int32(0), carry
    return lax.while_loop(lambda state: state[0] < count, turn, start)[1]


def _first_active(active: jax.Array, capacity: int) -> jax.Array:
    """Indices of the first `capacity` active rows.

    Finds the active blocks first, because a top-k over all rows costs more than everything else
    together.
    """
    n_blocks = -(-active.shape[0] // _BLOCK)
    blocks = jnp.pad(active, (0, n_blocks * _BLOCK - active.shape[0])).reshape(n_blocks, _BLOCK)
    found, block = lax.top_k(blocks.any(1).astype(jnp.float32), capacity)
    candidates = blocks[block] & (found > 0)[:, None]
    within = lax.top_k(candidates.ravel().astype(jnp.float32), capacity)[1]
    return (block[within // _BLOCK] * _BLOCK + within % _BLOCK).astype(jnp.int32)
