"""Functions of a matrix with few rows, whose entries are arrays: one matrix for each neuron."""

from typing import Any

import jax
import jax.numpy as jnp

from ..types import Array

__all__ = ["Matrix", "Numbers", "phis_of_matrix", "row_times"]

Numbers = dict[str, jax.Array]
Matrix = dict[tuple[str, str], Any]

# Of more rows the products, written out entry by entry, are thousands of operations to compile.
MOST_ROWS = 5


def phis_of_matrix(
    names: list[str], matrix: Matrix, terms: int = 10, doublings: int = 5
) -> tuple[Matrix, Matrix]:
    r"""$\varphi_1(A) = A^{-1}(e^A - 1)$ and $\varphi_2(A) = A^{-1}(\varphi_1(A) - 1)$.

    For a small matrix of arrays, absent entries being zero: a Taylor series of $A / 2^5$, then
    $\varphi_1(2A) = \varphi_1(A)(e^A + 1)/2$, $\varphi_2(2A) = (\varphi_1(A)^2 + 2\varphi_2(A))/4$.

    Args:
        names: Names of rows and columns.
        matrix: The entries that are not zero.
        terms: Terms of the series.
        doublings: How often the matrix is halved first.
    """
    if len(names) > MOST_ROWS:
        return _phis_of_array(names, matrix, terms, doublings)
    identity: Matrix = {(name, name): 1.0 for name in names}
    scaled = {key: entry / 2.0**doublings for key, entry in matrix.items()}
    one = identity
    for k in range(terms, 2, -1):
        one = _sum(identity, _product(names, scaled, one), 1.0 / k)
    two = {key: 0.5 * entry for key, entry in one.items()}
    one = _sum(identity, _product(names, scaled, two), 1.0)
    for _ in range(doublings):
        grown = _sum(identity, _product(names, scaled, one), 0.5)  # (e^A + 1) / 2
        two = _sum(_scaled(two, 0.5), _product(names, one, one), 0.25)
        one, scaled = _product(names, one, grown), _scaled(scaled, 2.0)
    return one, two


def _phis_of_array(
    names: list[str], matrix: Matrix, terms: int, doublings: int
) -> tuple[Matrix, Matrix]:
    """The same by products of arrays whose last two axes are rows and columns."""
    shape = jnp.broadcast_shapes(*(jnp.shape(entry) for entry in matrix.values()))
    dtype = jnp.result_type(*matrix.values())

    def entry(row: str, column: str) -> jax.Array:
        return jnp.broadcast_to(jnp.asarray(matrix.get((row, column), 0.0), dtype), shape)

    whole = jnp.stack([jnp.stack([entry(r, c) for c in names], -1) for r in names], -2)
    identity, scaled = jnp.eye(len(names), dtype=dtype), whole / 2.0**doublings

    def times(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)

    one = jnp.broadcast_to(identity, whole.shape)
    for k in range(terms, 2, -1):
        one = identity + times(scaled, one) / k
    two = 0.5 * one
    one = identity + times(scaled, two)
    for _ in range(doublings):
        grown = identity + 0.5 * times(scaled, one)
        two = 0.5 * two + 0.25 * times(one, one)
        one, scaled = times(one, grown), 2.0 * scaled
    return _entries(names, one), _entries(names, two)


def _entries(names: list[str], array: jax.Array) -> Matrix:
    numbered = list(enumerate(names))
    return {(r, c): array[..., i, j] for i, r in numbered for j, c in numbered}


def row_times(matrix: Matrix, row: str, vector: Numbers) -> Array:
    """A row of the matrix times a vector, what is absent being zero.

    Args:
        matrix: The matrix.
        row: Name of the row.
        vector: Its entries by name.
    """
    return sum(matrix[row, k] * vector[k] for k in vector if (row, k) in matrix)


def _scaled(matrix: Matrix, factor: float) -> Matrix:
    return {key: factor * entry for key, entry in matrix.items()}


def _product(names: list[str], a: Matrix, b: Matrix) -> Matrix:
    found: Matrix = {}
    for row in names:
        for column in names:
            shared = [k for k in names if (row, k) in a and (k, column) in b]
            if shared:
                found[row, column] = sum(a[row, k] * b[k, column] for k in shared)
    return found


def _sum(a: Matrix, b: Matrix, factor: float) -> Matrix:
    return {key: a.get(key, 0.0) + factor * b[key] if key in b else a[key] for key in {**a, **b}}
