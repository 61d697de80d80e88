"""The product of inputs with trained weights, which some learning rules have to see."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import brainunit as u
from brainloom_core.kernels import event_dense

__all__ = ["product", "products_through"]


def _plain(x: Any, weight: Any) -> Any:
    return u.math.matmul(x, weight) if isinstance(x, u.Quantity) else event_dense(x, weight)


_through: ContextVar[Callable[[Any, Any], Any]] = ContextVar("through", default=_plain)


def product(x: Any, weight: Any) -> Any:
    r"""$x W$ for inputs `(*batch, n_in)` and weights `(n_in, n_out)`, with their unit.

    It is fast where most inputs are zero, as spikes are.
    """
    return _through.get()(x, weight)


@contextmanager
def products_through(function: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Let another function compute the products of what is traced meanwhile."""
    token = _through.set(function)
    try:
        yield
    finally:
        _through.reset(token)
