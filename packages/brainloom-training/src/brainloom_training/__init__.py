"""Readouts for training."""

from importlib.metadata import version as _version

from . import data as data
from .readouts import LeakyRateReadout

__version__ = _version("brainloom-training")

__all__ = ["LeakyRateReadout"]
