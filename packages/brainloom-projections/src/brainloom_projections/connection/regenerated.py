"""The product of spikes with edges that are drawn again in each step instead of stored."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Normal, ParameterError, Uniform
from brainloom_core.types import Array
from brainloom_core.units import show
from jax import lax

from ..rules.basic import RowRule, edges_of
from .counter import Counters, Key, RowDraw, words
from .edges import Edges

__all__ = ["Regenerated", "WeightLaw"]

_SPIKES = 16  # rows of spiking neurons drawn together
_PART = 256  # neurons whose spikes are counted together
_BLOCK = 1 << 16  # edges drawn together where all are needed


@dataclass(frozen=True)
class WeightLaw:
    """The weight of each edge as a function of a key, its row and its place in the row."""

    key: Key
    initializer: Any

    def __post_init__(self) -> None:
        if not isinstance(self.initializer, (Uniform, Normal)):
            raise ParameterError(
                "Connection.weight: with stored=False expected one weight for all edges, or "
                f"Uniform(...) or Normal(...), got {show(self.initializer)}"
            )
        if any(np.ndim(u.get_mantissa(value)) for value in self._parameters):
            raise ParameterError(
                "Connection.weight: with stored=False expected scalars in the initializer, got "
                f"{self.initializer}"
            )

    @property
    def _parameters(self) -> tuple[Array, Array]:
        law = self.initializer
        return (law.low, law.high) if isinstance(law, Uniform) else (law.mean, law.std)

    @property
    def unit(self) -> u.Unit:
        """The unit of the weights."""
        return u.get_unit(self._parameters[0])

    def __call__(self, rows: Array, width: int) -> jax.Array:
        """The numbers, shape `(len(rows), width)`."""
        dtype = brainstate.environ.dftype()
        rows = rows.astype(jnp.uint32)
        word = words(self.key, rows[:, None], jnp.arange(width, dtype=jnp.uint32)[None, :])[0]
        # As many bits as numbers between 0 and 1 can hold, both ends left out.
        bits = min(32, int(np.finfo(dtype).nmant) + 1)
        part = ((word >> (32 - bits)).astype(dtype) + 0.5) * 2.0**-bits
        first, second = (
            value.to_decimal(self.unit) if isinstance(value, u.Quantity) else value
            for value in self._parameters
        )
        if isinstance(self.initializer, Uniform):
            return first + (second - first) * part
        return first + second * np.sqrt(2.0) * lax.erf_inv(2.0 * part - 1.0)


class Regenerated:
    """Edges of a rule that are drawn row by row whenever they are needed.

    Memory is that of the neurons. Where the rows are those of presynaptic neurons, only the rows
    of the neurons that spike are drawn; where they are those of postsynaptic neurons, all are,
    unless nobody spikes.

    Args:
        rule: The rule.
        n_pre: Number of presynaptic neurons.
        n_post: Number of postsynaptic neurons.
        rng: Where the random numbers come from.
        law: The weights, or None where all are one.
    """

    def __init__(
        self,
        rule: RowRule,
        n_pre: int,
        n_post: int,
        rng: np.random.Generator,
        law: WeightLaw | None = None,
    ) -> None:
        self.rule, self.n_pre, self.n_post, self.law = rule, n_pre, n_post, law
        self.draw: RowDraw = rule.draw(n_pre, n_post, rng)
        self.dtype = brainstate.environ.dftype()
        # Compiled once also where the connection is called outside jit.
        self._compiled = jax.jit(self._forward)
        self.product = self._differentiable()

    def with_law(self, law: WeightLaw) -> "Regenerated":
        """The same edges with other weights."""
        other = copy.copy(self)
        other.law = law
        other._compiled = jax.jit(other._forward)
        other.product = other._differentiable()
        return other

    def __len__(self) -> int:
        return int(self.draw.lengths.sum(dtype=np.int64))

    def edges(self) -> Edges:
        """All edges, as the rule gives them."""
        return edges_of(self.draw, self.rule)

    def numbers(self) -> np.ndarray:
        """The weight of each edge, in the order of `edges`."""
        assert self.law is not None
        width, height = self.draw.width, self._height()
        weights = jax.jit(self._weight)
        lengths = self.draw.lengths
        found = [np.zeros(0, self.dtype)]
        for start in range(0, self.draw.n_rows, height):
            rows = np.arange(start, min(start + height, self.draw.n_rows))
            kept = np.arange(width) < lengths[rows, None]
            found.append(np.asarray(weights(jnp.asarray(rows)))[kept])
        numbers = np.concatenate(found)
        if not self.rule.incoming:
            return numbers
        items = self.draw.all_items()[1].astype(np.int64)
        post = np.repeat(np.arange(self.draw.n_rows), lengths)
        return numbers[np.argsort(items * self.n_post + post, kind="stable")]

    def __call__(self, events: jax.Array) -> jax.Array:
        """The weighted sum of the spikes, bool or floating point, `(*batch, n_post)`."""
        if events.dtype != jnp.bool_:
            events = events.astype(self.dtype)
        batch = events.shape[:-1]
        if self.draw.width == 0:
            return jnp.zeros((*batch, self.n_post), self.dtype)
        product = self._compiled if events.dtype == jnp.bool_ else self.product
        if not batch:
            return product(events)
        flat = events.reshape(-1, self.n_pre)
        return lax.map(product, flat).reshape(*batch, self.n_post)

    def _differentiable(self) -> Callable[[jax.Array], jax.Array]:
        @jax.custom_jvp
        def product(events: jax.Array) -> jax.Array:
            return self._compiled(events)

        @product.defjvp
        def tangent(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
            return product(*primals), self._all(*tangents)

        return product

    def _forward(self, events: jax.Array) -> jax.Array:
        if not self.rule.incoming:
            return self._spiking(events)
        active = events if events.dtype == jnp.bool_ else events != 0
        return lax.cond(
            active.any(),
            lambda: self._gather(events.astype(self.dtype)),
            lambda: jnp.zeros(self.n_post, self.dtype),
        )

    def _spiking(self, events: jax.Array) -> jax.Array:
        """The rows of the neurons that spike, some at a time."""
        active = events if events.dtype == jnp.bool_ else events != 0
        chunk = min(_SPIKES, self.n_pre)
        # Counted in two stages: a list of all that spike would cost more than their few rows.
        parts = jnp.pad(active, (0, -self.n_pre % _PART)).reshape(-1, _PART)
        upto = jnp.cumsum(parts.sum(1, dtype=jnp.int32))
        count = upto[-1]
        start = jnp.int32(0), jnp.zeros(self.n_post, self.dtype)

        def add(carry: Any) -> Any:
            done, y = carry
            rank = done + jnp.arange(chunk)
            given = rank < count
            part = jnp.minimum(jnp.searchsorted(upto, rank, side="right"), len(parts) - 1)
            before = jnp.cumsum(parts[part], axis=1) + (upto[part] - parts[part].sum(1))[:, None]
            rows = jnp.minimum(part * _PART + (before <= rank[:, None]).sum(1), self.n_pre - 1)
            value = events[rows].astype(y.dtype)
            items = jnp.where(given[:, None], self.draw.items(rows), self.n_post)
            return done + chunk, _scatter(y, items, value, self._weight(rows))

        return lax.while_loop(lambda carry: carry[0] < count, add, start)[1]

    def _all(self, x: jax.Array) -> jax.Array:
        """The product with all edges: linear in x, and with a transpose."""
        return self._gather(x) if self.rule.incoming else self._scatter_all(x)

    def _scatter_all(self, x: jax.Array) -> jax.Array:
        blocks = self._blocks()
        values = jnp.pad(x, (0, blocks.size - self.n_pre)).reshape(blocks.shape)

        # Drawn again on the way back: kept, the edges would fill the memory that is saved here.
        @jax.checkpoint
        def add(y: Array, block: tuple[Array, Array]) -> tuple[Array, None]:
            rows, value = block
            return _scatter(y, self.draw.items(rows), value, self._weight(rows)), None

        return lax.scan(add, jnp.zeros(self.n_post, x.dtype), (blocks, values))[0]

    def _gather(self, x: jax.Array) -> jax.Array:
        @jax.checkpoint
        def total(_: None, rows: Array) -> Any:
            found = x.at[self.draw.items(rows)].get(mode="fill", fill_value=0)
            return None, (found * self._weight(rows)).sum(1)

        return lax.scan(total, None, self._blocks())[1].ravel()[: self.n_post]

    def _weight(self, rows: jax.Array) -> Array | float:
        return 1.0 if self.law is None else self.law(rows, self.draw.width)

    def _height(self) -> int:
        draw = self.draw
        work = draw.available + draw.drawn_width if draw.left_out else draw.drawn_width
        return min(max(1, _BLOCK // max(1, work)), max(1, draw.n_rows))

    def _blocks(self) -> jax.Array:
        height, n = self._height(), self.draw.n_rows
        count = -(-n // height)
        rows = jnp.arange(count * height, dtype=jnp.int32).reshape(count, height)
        return jnp.minimum(rows, n - 1)


def _scatter(y: jax.Array, items: Counters, value: jax.Array, weight: Array | float) -> jax.Array:
    shares = jnp.broadcast_to(value[:, None] * weight, items.shape).astype(y.dtype)
    return y.at[items].add(shares, mode="drop")
