"""Readouts for training."""

from importlib.metadata import version as _version

from .doctor import Finding, Report, diagnose
from .readouts import LeakyRateReadout
from .rollout import read_out, rollout

__version__ = _version("brainloom-training")

__all__ = [
    "Finding",
    "LeakyRateReadout",
    "Report",
    "diagnose",
    "read_out",
    "rollout",
]
