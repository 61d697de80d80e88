"""Names for what functions take and give: the annotations of models, ours and yours.

They say what a reader has to know. What a value with a unit supports, such as a number times
`u.ms`, is unknown to type checkers, so that `Quantity` is anything to them; units, shapes and
ranges are checked when the code runs. What has a class is annotated by it: `u.Unit`,
`brainstate.State`, `Neuron`.

Examples:
    >>> import brainunit as u
    >>> from brainloom_core import Neuron, initializer, param, positive, state
    >>> from brainloom_core.types import Initializer, Quantity
    >>> class Leaky(Neuron):
    ...     tau: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="time constant")
    ...     V_initializer: Initializer = initializer(default=0.0 * u.mV)
    ...     V = state("V_initializer", "membrane potential")
    ...     V_th = 1.0 * u.mV
    ...     V_reset = 0.0 * u.mV
    ...
    ...     def dV(self, V: Quantity, I: Quantity) -> Quantity:
    ...         return (1.0 * u.ohm * I - V) / self.tau
"""

from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType
from typing import Any, TypeAlias

import brainstate
import jax
from jax.typing import DTypeLike
from numpy.typing import ArrayLike

__all__ = [
    "Arguments",
    "Array",
    "ArrayLike",
    "DTypeLike",
    "Drive",
    "Index",
    "Initializer",
    "Input",
    "Json",
    "Population",
    "PyTree",
    "Quantity",
    "Record",
    "Scheme",
    "Shape",
    "Size",
    "SpikeFunction",
    "Time",
    "Values",
]

Quantity: TypeAlias = Any
"""A number or an array with its unit, a plain one where it has none: states, parameters, inputs."""

Time: TypeAlias = Quantity
"""A quantity that is a time, such as `0.1 * u.ms`: a point in time, a duration, a step."""

Array: TypeAlias = jax.Array
"""An array without a unit, such as spikes, 0 or 1, or indices."""

Shape: TypeAlias = tuple[int, ...]
"""The shape of an array, or of a population."""

Size: TypeAlias = int | Sequence[int]
"""How large to make a population: a number of neurons, or a shape."""

Index: TypeAlias = (
    int | slice | EllipsisType | ArrayLike | tuple[int | slice | EllipsisType | ArrayLike, ...]
)
"""Some neurons of a population: a slice, a number, several, a mask; or a tuple of these."""

Values: TypeAlias = Mapping[str, Quantity]
"""Quantities by name, such as the states of a model."""

Initializer: TypeAlias = Quantity | Callable[[Shape], Quantity]
"""A first value: a quantity, or a function that makes one of a shape."""

Input: TypeAlias = Quantity | Callable[..., Quantity]
"""What is registered as an input: a value, for one step, or a function, for all."""

Drive: TypeAlias = Input | Mapping[Any, Input]
"""What drives a network: an input, or inputs by what they go to."""

Record: TypeAlias = Any
"""What is recorded: a name such as `"E.spikes"`, a recorder, several of them, or these by name."""

SpikeFunction: TypeAlias = Callable[[Array], Array]
"""The step from 0 to 1 at zero, with the surrogate of its gradient."""

Scheme: TypeAlias = Callable[
    [Mapping[str, Callable[[Values], Quantity]], Values, Time], dict[str, Quantity]
]
"""A time-stepping scheme: derivatives, values and the step in, new values out."""

Population: TypeAlias = brainstate.nn.Dynamics
"""Neurons, or a source of spikes: what projections join, ours or another library's."""

PyTree: TypeAlias = Any
"""Arrays, or lists, tuples and mappings of them, nested as one likes."""

Json: TypeAlias = Any
"""What a file in JSON may hold: numbers, texts, lists of them, and mappings from texts."""

Arguments: TypeAlias = dict[str, Any]
"""Arguments by name: parameters, options, states, whatever a function takes."""
