"""`Connection`: weights on edges, as the `comm` of a projection."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, ParameterError, real_signature
from brainloom_core.kernels import event_csr
from brainloom_core.units import show

from .rules import AllToAll, Edges, OneToOne, Rule

__all__ = ["Connection"]


@real_signature
class Connection(brainstate.nn.Module):
    r"""Weighted edges: turns presynaptic spikes into what reaches each postsynaptic neuron.

    $$
    y_j = \sum_{i \to j} w_{ij}\, s_i
    $$

    The product is event-driven: its cost follows the number of spikes. Spikes may be bool or
    floating-point; a floating-point value multiplies the weight (graded events).

    Args:
        pre: Size of the presynaptic population, or the population.
        post: Size of the postsynaptic population, or the population.
        rule: A rule such as `Bernoulli(0.02)`, or `Edges`.
        weight: Weights with unit: a scalar for all edges, an array with one per edge (in the
            order of `edges`), or a function of the shape `(n_edges,)`.
        seed: Seed of the random edges; None draws one from `brainstate.random`, so that
            `brainstate.random.seed` makes them reproducible.
        implementation: Name of the kernel to use; see `brainloom kernels`.
        name: Name of the module.
        trainable: Whether the weights are a `ParamState`, found by gradients.

    Attributes:
        edges: The edges drawn.
        weight: The weights, `brainstate.ParamState` or, if not trainable, a plain value.

    Raises:
        ParameterError: The rule does not fit the sizes, or the weights not the edges.
        InputError: The spikes do not have one value per presynaptic neuron.

    References:
        Brette et al. (2007), J. Comput. Neurosci. 23, 349, section 2 (event-driven delivery),
        doi:10.1007/s10827-007-0038-6.

    Examples:
        >>> import brainunit as u, jax.numpy as jnp
        >>> from brainloom_projections import Connection, OneToOne
        >>> connection = Connection(3, 3, OneToOne(), weight=2.0 * u.nS)
        >>> print(connection(jnp.array([True, False, True])).to_decimal(u.nS))
        [2. 0. 2.]
    """

    def __init__(
        self,
        pre: Any,
        post: Any,
        rule: Rule | Edges,
        weight: Any = 1.0,
        *,
        seed: int | None = None,
        implementation: str | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name)
        self.in_size, self.out_size = _size(pre, "out_size"), _size(post, "in_size")
        self.rule = rule
        self.edges = self._drawn(rule, seed)
        self.implementation = implementation
        value = self._checked(weight)
        self.weight = brainstate.ParamState(value) if trainable else value
        self._indptr, self._indices = (
            jnp.asarray(self.edges.indptr),
            jnp.asarray(self.edges.indices),
        )
        self._max_row = int(self.edges.out_degree.max(initial=0))

    graph_invisible_attrs = ("_indptr", "_indices")

    def update(self, spikes: Any) -> Any:
        """The summed weight that reaches each postsynaptic neuron, `(*batch, *out_size)`."""
        if isinstance(spikes, u.Quantity):
            raise InputError(f"Connection: expected spikes without a unit, got {show(spikes)}")
        spikes = jnp.asarray(spikes)
        batch = spikes.shape[: spikes.ndim - len(self.in_size)]
        if spikes.shape != (*batch, *self.in_size):
            raise InputError(
                f"Connection: expected spikes of shape {self.in_size}, got shape {spikes.shape}"
            )
        flat = spikes.reshape(*batch, self.edges.n_pre)
        return self._product(flat).reshape((*batch, *self.out_size))

    def _product(self, spikes: jax.Array) -> Any:
        weight = self.weight.value if isinstance(self.weight, brainstate.State) else self.weight
        if isinstance(self.rule, OneToOne):
            return weight * spikes
        if isinstance(self.rule, AllToAll) and self.rule.autapses and np.ndim(weight) == 0:
            total = spikes.sum(-1, keepdims=True)
            return weight * jnp.broadcast_to(total, (*spikes.shape[:-1], self.edges.n_post))
        return event_csr(
            weight,
            self._indices,
            self._indptr,
            spikes,
            n_post=self.edges.n_post,
            max_row=self._max_row,
            implementation=self.implementation,
        )

    def _drawn(self, rule: Rule | Edges, seed: int | None) -> Edges:
        n_pre, n_post = int(np.prod(self.in_size)), int(np.prod(self.out_size))
        if isinstance(rule, Rule):
            if seed is None:
                seed = int(brainstate.random.randint(0, 2**31 - 1))
            return rule.edges(n_pre, n_post, np.random.default_rng(seed))
        if not isinstance(rule, Edges):
            raise ParameterError(
                "Connection.rule: expected a rule such as Bernoulli(0.02), or Edges, got "
                f"{show(rule)}"
            )
        if (rule.n_pre, rule.n_post) != (n_pre, n_post):
            raise ParameterError(
                f"Connection.rule: expected edges from {n_pre} to {n_post} neurons, got from "
                f"{rule.n_pre} to {rule.n_post}"
            )
        return rule

    def _checked(self, weight: Any) -> Any:
        if callable(weight) and not isinstance(weight, u.Quantity):
            weight = weight((len(self.edges),))
        unit, number = u.get_unit(weight), u.get_mantissa(weight)
        number = jnp.asarray(number, dtype=brainstate.environ.dftype())
        if number.shape not in ((), (len(self.edges),)):
            raise ParameterError(
                f"Connection.weight: expected a scalar or one weight for each of the "
                f"{len(self.edges)} edges, got shape {number.shape}"
            )
        if not isinstance(number, jax.core.Tracer) and not np.all(np.isfinite(number)):
            raise ParameterError(f"Connection.weight: expected finite weights, got {show(weight)}")
        return number if unit == u.UNITLESS else u.Quantity(number, unit=unit)


def _size(population: Any, attribute: str) -> tuple[int, ...]:
    size = getattr(population, attribute, population)
    return tuple(size) if isinstance(size, (tuple, list)) else (int(size),)
