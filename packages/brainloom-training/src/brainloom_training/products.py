"""The product of inputs with trained weights, which some learning rules have to see."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import brainunit as u
from brainloom_core.kernels import event_dense
from brainloom_core.types import Quantity

__all__ = ["product", "products_through"]


def _plain(x: Quantity, weight: Quantity) -> Quantity:
    return u.math.matmul(x, weight) if isinstance(x, u.Quantity) else event_dense(x, weight)


_through: ContextVar[Callable[[Quantity, Quantity], Quantity]] = ContextVar(
    "through", default=_plain
)


def product(x: Quantity, weight: Quantity) -> Quantity:
    r"""$x W$ for inputs `(*batch, n_in)` and weights `(n_in, n_out)`, with their unit.

    It is fast where most inputs are zero, as spikes are.
    """
    return _through.get()(x, weight)


@contextmanager
def products_through(function: Callable[[Quantity, Quantity], Quantity]) -> Iterator[None]:
    """Let another function compute the products of what is traced meanwhile."""
    token = _through.set(function)
    try:
        yield
    finally:
        _through.reset(token)
