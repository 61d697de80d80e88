"""Sparse and event-driven layers of brainstate as `comm`, by the operations of brainloom.

On the CPU, theirs need numba. The edges and the weights are those of the layer.
"""

from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core.arrays import on_device
from brainloom_core.kernels import event_csr, event_dense
from brainloom_core.types import Array, Quantity
from brainloom_core.units import with_unit

__all__ = ["by_own_operations"]


def by_own_operations(comm: Any) -> Callable[..., Quantity]:
    """A layer of brainstate whose product is taken over; any other connectivity as it is.

    Args:
        comm: The connectivity of a projection.
    """
    nn = brainstate.nn
    # Exactly these: a class that was derived from them may have another product.
    if isinstance(comm, (nn.FixedNumConn, nn.EventLinear)) and not _is_known(type(comm)):
        return _Derived(comm)
    if type(comm) in (nn.FixedNumConn, nn.EventFixedNumConn) and comm.conn_num >= 1:
        return FixedNumConn(comm)
    if type(comm) is nn.EventLinear and np.size(u.get_mantissa(comm.weight.value)) > 1:
        return EventLinear(comm)
    return comm


def _is_known(kind: type) -> bool:
    nn = brainstate.nn
    return kind in (nn.FixedNumConn, nn.EventFixedNumConn, nn.EventLinear)


class _Taken(brainstate.nn.Module):
    """A layer that is held, and is called through an operation of brainloom."""

    def __init__(self, module: brainstate.nn.Module) -> None:
        super().__init__()
        self.module = module
        self.in_size, self.out_size = module.in_size, module.out_size

    @property
    def weight(self) -> Quantity:
        """The state of the layer's weights."""
        return self.module.weight

    def update(self, x: Quantity) -> Quantity:
        """The product; numbers multiply the weights, and may have a unit.

        Args:
            x: Spikes or numbers, shape `(*batch, *in_size)`.
        """
        unit, product = u.get_unit(x), self._product(u.get_mantissa(x))
        return product if unit == u.UNITLESS else product * (1.0 * unit)

    def _product(self, x: Array) -> Quantity:
        raise NotImplementedError


class FixedNumConn(_Taken):
    """`FixedNumConn` and `EventFixedProb`."""

    def __init__(self, module: brainstate.nn.Module) -> None:
        super().__init__(module)
        indices = np.asarray(module.conn.indices)
        n_pre = self.in_size[-1]
        starts = np.arange(n_pre + 1) * module.conn_num if indices.ndim == 2 else module.conn.indptr
        starts = np.asarray(starts)
        self._max_row = int(np.diff(starts).max(initial=0))
        self._indptr, self._indices = _Held(starts), _Held(indices.ravel())

    def _product(self, x: Array) -> Quantity:
        weight = self.weight.value
        number = u.get_mantissa(weight)
        number = number.reshape(() if number.size == 1 else -1)
        return event_csr(
            with_unit(number, u.get_unit(weight)),
            self._indices.array,
            self._indptr.array,
            x,
            n_post=self.out_size[-1],
            max_row=self._max_row,
        )


class EventLinear(_Taken):
    """`EventLinear` with a matrix."""

    def _product(self, x: Array) -> Quantity:
        return event_dense(x, self.weight.value)


class _Derived(_Taken):
    """A layer with a product of its own."""

    def update(self, x: Quantity) -> Quantity:
        """What the layer gives.

        Args:
            x: Its input.

        Raises:
            ImportError: Its product needs numba, which is not installed.
        """
        try:
            return self.module(x)
        except Exception as error:
            if "No module named 'numba'" not in str(error):
                raise
            raise ImportError(
                f"{type(self.module).__name__}: the product of this layer needs numba on the CPU. "
                "Install it with: pip install numba; or use a Connection"
            ) from error


class _Held:
    """An array that copies of a module share, and no state."""

    def __init__(self, numbers: np.ndarray) -> None:
        self.array: jax.Array = on_device(numbers, np.int32)
