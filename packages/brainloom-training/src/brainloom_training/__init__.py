"""Readouts for training."""

from importlib.metadata import version as _version

from . import data as data
from .readouts import LeakyRateReadout
from .rollout import read_out, rollout

__version__ = _version("brainloom-training")

__all__ = ["LeakyRateReadout", "read_out", "rollout"]
