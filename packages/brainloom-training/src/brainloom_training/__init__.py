"""Readouts for training."""

from importlib.metadata import version as _version

from .encoders import (
    DeltaEncoder,
    DirectEncoder,
    Encoder,
    LatencyEncoder,
    PopulationEncoder,
    RateEncoder,
)
from .readouts import LeakyRateReadout

__version__ = _version("brainloom-training")

__all__ = [
    "DeltaEncoder",
    "DirectEncoder",
    "Encoder",
    "LatencyEncoder",
    "LeakyRateReadout",
    "PopulationEncoder",
    "RateEncoder",
]
