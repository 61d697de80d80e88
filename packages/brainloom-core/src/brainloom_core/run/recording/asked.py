"""What the arguments of recorders have to be."""

import os
from typing import Any

import brainstate
import numpy as np

from ...declare.constraints import Constraint, duration, instance_of, maybe
from ...declare.fields import option_field

__all__ = ["MODULE", "PART", "PLACE", "interval", "when", "which"]

PLACE = instance_of((str, os.PathLike), "a path")
"""Where something is kept."""

MODULE = instance_of(brainstate.nn.Module, "a module that the network calls")
"""What returns something in a step."""

PART = instance_of(brainstate.graph.Node, "a population or synapse, or a part of one")
"""What has states."""

_index = Constraint(
    "a neuron, a list of neurons, a mask, a slice or None",
    lambda i: i is None or isinstance(i, slice) or np.asarray(i).dtype.kind in "iub",
)
_every = Constraint("a time > 0 such as 1 ms", lambda t: duration.holds(t) and t.mantissa > 0)


def interval() -> Any:
    """The interval of a recorder, None for each step."""
    return option_field(default=None, constraint=maybe(_every))


def when() -> Any:
    """When a recorder begins or ends, None for when the run does."""
    return option_field(default=None, constraint=maybe(duration))


def which() -> Any:
    """Which neurons a recorder reads, None for all."""
    return option_field(default=None, constraint=_index)
