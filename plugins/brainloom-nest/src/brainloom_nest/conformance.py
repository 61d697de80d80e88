"""Cases of the conformance kit: random spikes made certain, and what NEST's steps are known for."""

from dataclasses import replace

import brainunit as u
from brainloom_core import Neuron
from brainloom_testing import Case, default_case

from .gif import gif_cond_exp, gif_psc_exp
from .glif import glif_psc
from .hh import hh_cond_exp_traub, hh_psc_alpha

__all__ = ["CONDUCTANCES", "CURRENTS", "LEVELS", "SQUID", "TRAUB"]

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


def _except(cls: type[Neuron], reason: str, *checks: str) -> Case:
    return replace(default_case(cls), expected_failures=dict.fromkeys(checks, reason))


LEVELS: Case = _except(
    glif_psc,
    "as in NEST, the means over a step of currents after spikes act, whatever the scheme",
    *("order_of_exp_rosenbrock", "order_of_exp_strang", "order_of_rk2", "order_of_rk4"),
)
_MAXIMA = "a spike is a maximum far above 0 mV, where a narrow spike function has no derivative"
SQUID: Case = _except(hh_psc_alpha, _MAXIMA, "input_gradient_is_not_zero")
TRAUB: Case = _except(hh_cond_exp_traub, _MAXIMA, "input_gradient_is_not_zero")
