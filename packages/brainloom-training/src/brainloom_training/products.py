"""The product of inputs and weights, in one place for all layers that learn."""

from typing import Any

__all__ = ["product"]


def product(x: Any, weight: Any) -> Any:
    """Inputs `(*batch, n_in)` times weights `(n_in, n_out)`, in the unit of the weights."""
    return x @ weight
