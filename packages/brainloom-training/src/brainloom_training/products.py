"""The product of inputs with trained weights, which some learning rules have to see."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import brainunit as u
from brainloom_core.kernels import event_dense

__all__ = ["product", "products_through"]


def _plain(x: Any, weight: Any, events: bool) -> Any:
    if events and not isinstance(x, u.Quantity):
        return event_dense(x, weight)
    return u.math.matmul(x, weight)


_through: ContextVar[Callable[..., Any]] = ContextVar("through", default=_plain)


def product(x: Any, weight: Any, events: bool = False) -> Any:
    r"""$x W$ for inputs `(*batch, n_in)` and weights `(n_in, n_out)`, with their unit.

    With `events`, the inputs are mostly zero, and kernels that know this may compute it.
    """
    return _through.get()(x, weight, events)


@contextmanager
def products_through(function: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Let another function compute the products of what is traced meanwhile."""
    token = _through.set(lambda x, weight, events: function(x, weight))
    try:
        yield
    finally:
        _through.reset(token)
