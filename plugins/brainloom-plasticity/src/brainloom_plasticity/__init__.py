"""Long-term synaptic plasticity: projections whose weights learn, and the rules by which."""

from .homeostatic import InhibitorySTDP, SynapticScaling
from .projection import PlasticProj
from .rule import PlasticityRule
from .sides import edge_state, post_state, post_trace, pre_state, pre_trace
from .spike_timing import STDP, TripletSTDP
from .strength import Change
from .three_factor import DopamineSTDP, ThreeFactorSTDP
from .voltage import VoltageSTDP

__all__ = [
    "STDP",
    "Change",
    "DopamineSTDP",
    "InhibitorySTDP",
    "PlasticProj",
    "PlasticityRule",
    "SynapticScaling",
    "ThreeFactorSTDP",
    "TripletSTDP",
    "VoltageSTDP",
    "edge_state",
    "post_state",
    "post_trace",
    "pre_state",
    "pre_trace",
]
