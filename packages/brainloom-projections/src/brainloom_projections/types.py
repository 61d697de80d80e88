"""Names for what projections are made of, beside those of `brainloom_core.types`."""

from collections.abc import Callable
from typing import TypeAlias

import brainstate
from brainloom_core import Descriptor
from brainloom_core.types import Population, Quantity, Size

__all__ = ["Described", "EdgeValue", "Side"]

Side: TypeAlias = Population | Size
"""A population, or its size."""

Described: TypeAlias = brainstate.nn.Module | Descriptor | type[brainstate.nn.Module]
"""A part, such as a synapse: an instance, its description, or its class."""

EdgeValue: TypeAlias = Quantity | Callable[..., Quantity]
"""A weight or a delay: one for all edges, one for each, or a function that gives these."""
