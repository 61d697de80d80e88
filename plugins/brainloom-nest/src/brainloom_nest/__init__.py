"""Neurons, devices and synapses by the names that they have in NEST."""

from .aeif import aeif_cond_alpha, aeif_cond_exp, aeif_psc_exp
from .devices import (
    ac_generator,
    dc_generator,
    noise_generator,
    parrot_neuron,
    poisson_generator,
    spike_generator,
    step_current_generator,
)
from .gif import gif_cond_exp, gif_psc_exp
from .glif import glif_psc
from .hh import hh_cond_exp_traub, hh_psc_alpha
from .ht import ht_neuron
from .iaf import iaf_psc_alpha, iaf_psc_delta, iaf_psc_exp
from .iaf_cond import iaf_cond_alpha, iaf_cond_exp, iaf_cond_exp_sfa_rr
from .others import izhikevich, mat2_psc_exp
from .synapses import static_synapse, tsodyks2_synapse

__all__ = [
    "ac_generator",
    "aeif_cond_alpha",
    "aeif_cond_exp",
    "aeif_psc_exp",
    "dc_generator",
    "gif_cond_exp",
    "gif_psc_exp",
    "glif_psc",
    "hh_cond_exp_traub",
    "hh_psc_alpha",
    "ht_neuron",
    "iaf_cond_alpha",
    "iaf_cond_exp",
    "iaf_cond_exp_sfa_rr",
    "iaf_psc_alpha",
    "iaf_psc_delta",
    "iaf_psc_exp",
    "izhikevich",
    "mat2_psc_exp",
    "noise_generator",
    "parrot_neuron",
    "poisson_generator",
    "spike_generator",
    "static_synapse",
    "step_current_generator",
    "tsodyks2_synapse",
]
