"""A connection on several devices, for the time of a run."""

import brainstate
import brainunit as u
import numpy as np
from brainloom_core import InputError, ParameterError
from brainloom_core.arrays import on_device
from brainloom_core.partition import Partition
from brainloom_core.types import Quantity
from brainloom_core.units import with_unit
from brainloom_core.unmade import is_unmade, unmade_in

from .for_edges import ForEdges
from .kept import KeptEdges
from .split import SplitEdges
from .values import value_of

__all__ = ["OnDevices"]


class OnDevices(brainstate.nn.Module):
    """Base of connections: where their edges and weights are, each with its target."""

    _kept: KeptEdges | None
    _split: SplitEdges | None
    _unmade: tuple[ForEdges, Quantity] | None = None  # what made the weights, and what it made

    def enter_partition(self, partition: Partition) -> None:
        """Put the edges on the devices, each where its target is.

        Args:
            partition: The devices.
        """
        if self._kept is None or self.is_one_to_one:
            return
        if self._is_all_to_all and not self._has_weights_of_edges:
            return
        self.split_over(partition)

    @property
    def _has_weights_of_edges(self) -> bool:
        weight = self._weight_state
        return is_unmade(weight) or np.ndim(u.get_mantissa(value_of(weight))) > 0

    def split_over(self, partition: Partition) -> SplitEdges:
        """The edges and their weights by device, which stay there until `leave_partition`.

        Args:
            partition: The devices.
        """
        if self._split is None:
            if self._kept is None:
                raise ParameterError("Connection.split_over: expected edges that are stored")
            delay = vars(self)["delay"]
            is_numbered = (
                self._has_weights_of_edges or isinstance(delay, ForEdges) or np.ndim(delay) > 0
            )
            self._split = self._kept.split(partition, self._n_pre, self._n_post, is_numbered)
            self._spread_weights()
        return self._split

    def _spread_weights(self) -> None:
        weight, split = self._weight_state, self._split
        assert split is not None
        if (made := unmade_in(weight)) is not None:
            assert isinstance(made, ForEdges)
            spread = with_unit(made.split(split).value, made.unit)
            split.partition.rearrange(weight, spread)
            self._unmade = made, spread
            return
        value = value_of(weight)
        if np.ndim(u.get_mantissa(value)) == 0:
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
        """Put weights of edges back: to be made, or in the order of all edges if they changed."""
        (split, self._split), (unmade, self._unmade) = (self._split, None), (self._unmade, None)
        if split is None:
            return
        weight = self._weight_state
        value = value_of(weight)
        if unmade is not None and u.get_mantissa(value) is u.get_mantissa(unmade[1]):
            split.partition.restore(weight, unmade[0])
        elif np.ndim(value):
            number = split.together(u.get_mantissa(value), self.n_edges)
            split.partition.restore(
                weight, with_unit(on_device(number, number.dtype), u.get_unit(value))
            )
