"""Synaptic kinetics and synaptic outputs."""

from importlib.metadata import version as _version

from .exponential import DualExpon, Expon
from .outputs import COBA, CUBA

__version__ = _version("brainloom-synapses")

__all__ = ["COBA", "CUBA", "DualExpon", "Expon"]
