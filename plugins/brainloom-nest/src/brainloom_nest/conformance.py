"""Cases of the conformance kit: random spikes, made certain."""

import brainunit as u
from brainloom_testing import Case, default_case

from .gif import gif_cond_exp, gif_psc_exp

__all__ = ["CONDUCTANCES", "CURRENTS"]

_CERTAIN = {
    "lambda_0": 1e9 * u.Hz,
    "Delta_V": 1e-2 * u.mV,
    "tau_sfa": (10.0 * u.ms,),
    "q_sfa": (1.0 * u.mV,),
    "tau_stc": (20.0 * u.ms,),
    "q_stc": (5.0 * u.pA,),
}
CURRENTS: Case = default_case(gif_psc_exp, **_CERTAIN)
CONDUCTANCES: Case = default_case(gif_cond_exp, **_CERTAIN)
