"""What arguments of several functions and classes have to be."""

import inspect
import os
from collections.abc import Mapping
from typing import Any

import brainstate
import brainunit as u
import numpy as np
from brainloom_core import Constraint, instance_of

__all__ = ["FOLDER", "MODULE", "NUMBERS", "READ", "SAMPLES", "STEPPED", "takes"]

FOLDER = instance_of((str, os.PathLike), "a folder")
"""The place of files."""

MODULE = instance_of(brainstate.nn.Module, "a module such as a Network or a layer")
"""What is trained or run."""

STEPPED = Constraint("a module such as a Network or a layer, or a function of one step", callable)
"""What is run over a sequence."""

READ = Constraint(
    "None, a name such as 'E.spikes', a function without arguments, or a mapping to these",
    lambda read: all(
        part is None or isinstance(part, str) or _needs_nothing(part)
        for part in (read.values() if isinstance(read, Mapping) else [read])
    ),
)
"""What a step of a model gives."""

SAMPLES = Constraint("samples, with a length", lambda x: len(x) >= 0)
"""Anything that has a length."""

NUMBERS = Constraint(
    "numbers without unit",
    lambda x: not isinstance(x, u.Quantity) and np.asarray(x).dtype.kind in "biuf",
)
"""An array of plain numbers, or a list of them."""


def _needs_nothing(function: Any) -> bool:
    """Whether it can be called without arguments, as far as that can be told."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def takes(function: Any, number: int) -> bool:
    """Whether a function can be called with so many arguments, as far as that can be told."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*range(number))
    except TypeError:
        return False
    return True
