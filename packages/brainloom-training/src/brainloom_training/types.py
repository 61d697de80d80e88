"""Names for what training takes and gives, beside those of `brainloom_core.types`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import brainstate
from brainloom_core.types import Array, PyTree

__all__ = [
    "Batches",
    "ByName",
    "Data",
    "Measure",
    "Parameters",
    "Penalty",
    "Read",
    "Samples",
    "Sequences",
]

Samples: TypeAlias = tuple[PyTree, PyTree]
"""Inputs and targets, each with the samples along its first axis."""

Sequences: TypeAlias = tuple[PyTree, PyTree, PyTree]
"""Inputs, targets, and how many steps of each sequence count."""

Batches: TypeAlias = Iterable[Any]
"""Batches, each `Samples` or `Sequences`, of whatever arrays their loader makes."""

Data: TypeAlias = Samples | Sequences | Batches | Callable[[int], Batches]
"""Inputs and targets, their batches, or a function from the number of an epoch to these."""

Measure: TypeAlias = Callable[..., Array]
"""A loss or a metric: a function of outputs over time and targets."""

Penalty: TypeAlias = Any
"""What is added to a loss: a function of a recorded value, or an object with `penalty(model)`."""

Read: TypeAlias = str | Callable[[], PyTree] | Mapping[str, Any]
"""What a step of a model gives: what a name means, what a function returns, or several by name."""

ByName: TypeAlias = dict[str, PyTree]
"""Values by the name of the parameter, state, loss or metric."""

Parameters: TypeAlias = Mapping[Any, brainstate.State]
"""The states that are trained, by path or by dotted name."""
