"""Synaptic kinetics and synaptic outputs."""

from importlib.metadata import version as _version

from .exponential import Alpha, Delta, DualExpon, Expon
from .graded import GradedSynapse
from .outputs import COBA, CUBA, MgBlock
from .receptors import AMPA, NMDA, BioNMDA, GABAa

__version__ = _version("brainloom-synapses")

__all__ = [
    "AMPA",
    "COBA",
    "CUBA",
    "NMDA",
    "Alpha",
    "BioNMDA",
    "Delta",
    "DualExpon",
    "Expon",
    "GABAa",
    "GradedSynapse",
    "MgBlock",
]
