"""Neurons, devices and synapses by the names that they have in NEST."""

from .aeif import aeif_cond_alpha, aeif_cond_exp, aeif_psc_exp
from .hh import hh_cond_exp_traub, hh_psc_alpha
from .iaf import iaf_psc_alpha, iaf_psc_delta, iaf_psc_exp
from .iaf_cond import iaf_cond_alpha, iaf_cond_exp, iaf_cond_exp_sfa_rr
from .others import izhikevich, mat2_psc_exp
from .synapses import static_synapse, tsodyks2_synapse

__all__ = [
    "aeif_cond_alpha",
    "aeif_cond_exp",
    "aeif_psc_exp",
    "hh_cond_exp_traub",
    "hh_psc_alpha",
    "iaf_cond_alpha",
    "iaf_cond_exp",
    "iaf_cond_exp_sfa_rr",
    "iaf_psc_alpha",
    "iaf_psc_delta",
    "iaf_psc_exp",
    "izhikevich",
    "mat2_psc_exp",
    "static_synapse",
    "tsodyks2_synapse",
]
