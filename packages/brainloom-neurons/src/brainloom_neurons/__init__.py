"""Spiking neurons and spike sources."""

from importlib.metadata import version as _version

from .lif import ALIF, LIF, LIFRef
from .sources import PoissonInput, PoissonSpike, SpikeTime

__version__ = _version("brainloom-neurons")

__all__ = ["ALIF", "LIF", "LIFRef", "PoissonInput", "PoissonSpike", "SpikeTime"]
