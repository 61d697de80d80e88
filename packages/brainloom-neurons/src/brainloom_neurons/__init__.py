"""Spiking neurons and spike sources."""

from importlib.metadata import version as _version

from .conductance import HH, MorrisLecar, TraubMiles, WangBuzsakiHH
from .exponential import AdExIF, AdExIFRef, ExpIF, ExpIFRef
from .inputs import (
    ConstantInput,
    OUProcessInput,
    RampInput,
    SectionInput,
    SinusoidalInput,
    StepInput,
    WienerProcessInput,
)
from .lif import ALIF, IF, LIF, LIFRef, PerfectIF
from .point_processes import GammaSpike, InhomogeneousPoisson
from .replay import ReplaySpikes
from .sources import PoissonEncoder, PoissonInput, PoissonSpike, SpikeTime, poisson_input
from .synaptic import CobaLIF, CubaLIF, MultiReceptorLIF

__version__ = _version("brainloom-neurons")

__all__ = [
    "ALIF",
    "HH",
    "IF",
    "LIF",
    "AdExIF",
    "AdExIFRef",
    "CobaLIF",
    "ConstantInput",
    "CubaLIF",
    "ExpIF",
    "ExpIFRef",
    "GammaSpike",
    "InhomogeneousPoisson",
    "LIFRef",
    "MorrisLecar",
    "MultiReceptorLIF",
    "OUProcessInput",
    "PerfectIF",
    "PoissonEncoder",
    "PoissonInput",
    "PoissonSpike",
    "RampInput",
    "ReplaySpikes",
    "SectionInput",
    "SinusoidalInput",
    "SpikeTime",
    "StepInput",
    "TraubMiles",
    "WangBuzsakiHH",
    "WienerProcessInput",
    "poisson_input",
]
