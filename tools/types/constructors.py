"""Calls that a type checker must accept or refuse; `nox -s types` checks it, nothing runs it."""

import brainunit as u
from brainloom_core import Normal, ReluGrad
from brainloom_neurons import LIF, LIFRef, PoissonSpike
from brainloom_synapses import COBA, Expon

LIF(10)
LIF(10, tau=20 * u.ms, V_th=-50 * u.mV, spk_reset="hard", name="E", solver="rk4")
LIFRef((3, 4), tau_ref=2 * u.ms)
LIF(10, tau=Normal(20 * u.ms, 2 * u.ms), V_initializer=lambda shape: 0 * u.mV)
LIF(10, spk_fun=ReluGrad(alpha=0.5))
LIF(10, spk_fun="ReluGrad")
Expon(10, tau=5 * u.ms)
COBA(0 * u.mV)
PoissonSpike(3, 10 * u.Hz)

LIF()  # type: ignore[call-arg]
LIF(10, tua=20 * u.ms)  # type: ignore[call-arg]
LIF(10, tau_ref=2 * u.ms)  # type: ignore[call-arg]
LIF(10, spk_reset=3)  # type: ignore[arg-type]
LIF(10, spk_fun=1.0)  # type: ignore[arg-type]
LIF(10, solver=4)  # type: ignore[arg-type]
COBA()  # type: ignore[call-arg]
