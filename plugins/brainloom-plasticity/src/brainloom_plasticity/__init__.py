"""Long-term synaptic plasticity: projections whose weights learn, and the rules by which."""

from .projection import PlasticProj
from .rule import (
    PlasticityRule,
    edge_state,
    post_state,
    post_trace,
    pre_state,
    pre_trace,
)
from .spike_timing import STDP, TripletSTDP

__all__ = [
    "STDP",
    "PlasticProj",
    "PlasticityRule",
    "TripletSTDP",
    "edge_state",
    "post_state",
    "post_trace",
    "pre_state",
    "pre_trace",
]
