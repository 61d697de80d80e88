"""The models of this distribution, as a plugin of core."""

from collections.abc import Mapping

from brainloom_core.plugins import hookimpl

NAMES = (
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
)


@hookimpl
def brainloom_models() -> Mapping[str, str]:
    """Neurons, devices and synapses by NEST's names."""
    return {name: f"brainloom_nest:{name}" for name in NAMES}


@hookimpl
def brainloom_cases() -> Mapping[str, str]:
    """What the conformance kit needs to know of some neurons, such as random spikes."""
    return {
        "gif_cond_exp": "brainloom_nest.conformance:CONDUCTANCES",
        "gif_psc_exp": "brainloom_nest.conformance:CURRENTS",
        "glif_psc": "brainloom_nest.conformance:LEVELS",
        "hh_cond_exp_traub": "brainloom_nest.conformance:TRAUB",
        "hh_psc_alpha": "brainloom_nest.conformance:SQUID",
    }
