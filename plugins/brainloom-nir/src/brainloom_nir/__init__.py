"""NIR, the neuromorphic intermediate representation: models to it and back, with what is lost."""

from importlib.metadata import version as _version

from .boundary import NIRError
from .cells import FilteredIntegrator, FilteredLIF, Integrator, LeakyIntegrator, Strictly
from .counterpart import Context, Counterpart, brainloom_nir_nodes, hookimpl
from .layers import Conv, Flatten, Input, Matrices, Output, Pool, Scale, Threshold
from .network import NIRNetwork
from .reading import NIRImport, from_nir
from .report import Finding, LossReport
from .solvers import current_first_euler
from .sources import SOURCES, Source
from .trial import round_trip
from .writing import NIRExport, to_nir, write

__version__ = _version("brainloom-nir")

__all__ = [
    "SOURCES",
    "Context",
    "Conv",
    "Counterpart",
    "FilteredIntegrator",
    "FilteredLIF",
    "Finding",
    "Flatten",
    "Input",
    "Integrator",
    "LeakyIntegrator",
    "LossReport",
    "Matrices",
    "NIRError",
    "NIRExport",
    "NIRImport",
    "NIRNetwork",
    "Output",
    "Pool",
    "Scale",
    "Source",
    "Strictly",
    "Threshold",
    "brainloom_nir_nodes",
    "current_first_euler",
    "from_nir",
    "hookimpl",
    "round_trip",
    "to_nir",
    "write",
]
