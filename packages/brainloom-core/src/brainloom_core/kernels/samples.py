"""Small inputs of operations, with what implementations get wrong."""

from collections.abc import Iterator

import numpy as np

__all__ = ["matrix", "sent"]

N_PRE = (7, 37)  # below and above what the references take edge by edge, and odd


def matrix(n_pre: int, n_post: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Columns and beginnings of random rows: empty ones, and ones that reach a target twice.

    Args:
        n_pre: Number of rows.
        n_post: Number of columns.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 7, n_pre)
    lengths[0] = 3
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    indices = random.integers(0, n_post, indptr[-1]).astype(np.int32)
    indices[:2] = indices[0]
    return indices, indptr


def sent(n_pre: int, dtype: str, seed: int = 1) -> Iterator[tuple[str, np.ndarray]]:
    """Events of a step, and of a batch of steps, each with what it is.

    Args:
        n_pre: Number of those that may have an event.
        dtype: Of graded events.
        seed: Of the random numbers.
    """
    random = np.random.default_rng(seed)
    chance, size = random.random((2, 3, n_pre)), random.normal(size=(2, 3, n_pre))
    some = chance < 0.2
    yield "no event", np.zeros(n_pre, bool)
    yield "all events", np.ones(n_pre, bool)
    yield "some events", some[0, 0]
    yield "graded events", (some * size).astype(dtype)[0, 0]
    yield "no graded event", np.zeros(n_pre, dtype)
    yield "a batch", some[0]
    yield "a batch of batches of graded events", (some * size).astype(dtype)
