"""A connection on several devices, for the time of a run."""

import brainstate
import brainunit as u
import numpy as np
from brainloom_core import InputError, ParameterError
from brainloom_core.arrays import on_device
from brainloom_core.partition import Partition
from brainloom_core.units import with_unit

from .kept import KeptEdges
from .split import SplitEdges
from .values import value_of

__all__ = ["OnDevices"]


class OnDevices(brainstate.nn.Module):
    """Base of connections: where their edges and weights are, each with its target."""

    _kept: KeptEdges | None
    _split: SplitEdges | None

    def enter_partition(self, partition: Partition) -> None:
        """Put the edges on the devices, each where its target is.

        Args:
            partition: The devices.
        """
        weight = self._weight_state
        same_for_all = np.ndim(u.get_mantissa(value_of(weight))) == 0
        if self._kept is None or self.is_one_to_one or (self._is_all_to_all and same_for_all):
            return
        self.split_over(partition)

    def split_over(self, partition: Partition) -> SplitEdges:
        """The edges and their weights by device, which stay there until `leave_partition`.

        Args:
            partition: The devices.
        """
        if self._split is None:
            if self._kept is None:
                raise ParameterError("Connection.split_over: expected edges that are stored")
            self._split = self._kept.split(partition, self._n_pre, self._n_post)
            self._spread_weights()
        return self._split

    def _spread_weights(self) -> None:
        weight, split = self._weight_state, self._split
        value = value_of(weight)
        if split is None or np.ndim(u.get_mantissa(value)) == 0:
            return
        if isinstance(weight, brainstate.nn.Param):
            raise InputError(
                "simulate: mesh: weights of edges in a brainstate.nn.Param cannot be spread over "
                "devices; give them to the Connection as a brainstate.ParamState"
            )
        if np.shape(value) != (self.n_edges,) or split.partition.has(u.get_mantissa(value)):
            raise InputError(
                "simulate: mesh: weights that two connections share cannot be spread over devices; "
                "give each weights of its own"
            )
        spread = split.by_edge(np.asarray(u.get_mantissa(value)))
        split.partition.rearrange(weight, with_unit(spread.value, u.get_unit(value)))

    def leave_partition(self) -> None:
        """Put weights of edges back, in the order of all edges."""
        split, self._split = self._split, None
        if split is None:
            return
        weight = self._weight_state
        if np.ndim(value_of(weight)):
            value = value_of(weight)
            number = split.together(u.get_mantissa(value), self.n_edges)
            split.partition.restore(
                weight, with_unit(on_device(number, number.dtype), u.get_unit(value))
            )
