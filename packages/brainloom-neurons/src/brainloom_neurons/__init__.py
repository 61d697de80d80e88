"""Spiking neurons and spike sources."""

from importlib.metadata import version as _version

from .background import PoissonInput, poisson_input
from .conductance import HH, MorrisLecar, TraubMiles, WangBuzsakiHH
from .escape import EscapeLIF, EscapeLIFRef
from .exponential import AdExIF, AdExIFRef, ExpIF, ExpIFRef
from .gif import Gif, GifRef
from .inputs import (
    ConstantInput,
    OUProcessInput,
    RampInput,
    SectionInput,
    SinusoidalInput,
    StepInput,
    WienerProcessInput,
)
from .izhikevich import Izhikevich, IzhikevichRef
from .lif import ALIF, IF, LIF, LIFRef, PerfectIF
from .point_processes import GammaSpike, InhomogeneousPoisson
from .quadratic import AdQuaIF, AdQuaIFRef, QuaIF
from .reduced import FitzHughNagumo, HindmarshRose
from .replay import ReplaySpikes
from .resonate import ResonateAndFire
from .sources import PoissonEncoder, PoissonSpike, SpikeTime
from .synaptic import CobaLIF, CubaLIF, MultiReceptorLIF

__version__ = _version("brainloom-neurons")

__all__ = [
    "ALIF",
    "HH",
    "IF",
    "LIF",
    "AdExIF",
    "AdExIFRef",
    "AdQuaIF",
    "AdQuaIFRef",
    "CobaLIF",
    "ConstantInput",
    "CubaLIF",
    "EscapeLIF",
    "EscapeLIFRef",
    "ExpIF",
    "ExpIFRef",
    "FitzHughNagumo",
    "GammaSpike",
    "Gif",
    "GifRef",
    "HindmarshRose",
    "InhomogeneousPoisson",
    "Izhikevich",
    "IzhikevichRef",
    "LIFRef",
    "MorrisLecar",
    "MultiReceptorLIF",
    "OUProcessInput",
    "PerfectIF",
    "PoissonEncoder",
    "PoissonInput",
    "PoissonSpike",
    "QuaIF",
    "RampInput",
    "ReplaySpikes",
    "ResonateAndFire",
    "SectionInput",
    "SinusoidalInput",
    "SpikeTime",
    "StepInput",
    "TraubMiles",
    "WangBuzsakiHH",
    "WienerProcessInput",
    "poisson_input",
]
