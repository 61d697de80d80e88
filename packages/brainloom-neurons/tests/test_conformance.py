"""Every model of this distribution is held to the conformance kit."""

from collections.abc import Callable
from typing import Any

import brainloom_neurons
import brainunit as u
import pytest
from brainloom_neurons import (
    ALIF,
    HH,
    IF,
    LIF,
    AdExIF,
    AdExIFRef,
    AdQuaIF,
    AdQuaIFRef,
    CobaLIF,
    ConstantInput,
    CubaLIF,
    EscapeLIF,
    EscapeLIFRef,
    ExpIF,
    ExpIFRef,
    FitzHughNagumo,
    GammaSpike,
    Gif,
    GifRef,
    HindmarshRose,
    InhomogeneousPoisson,
    Izhikevich,
    IzhikevichRef,
    LIFRef,
    MorrisLecar,
    MultiReceptorLIF,
    OUProcessInput,
    PerfectIF,
    PoissonEncoder,
    PoissonInput,
    PoissonSpike,
    QuaIF,
    RampInput,
    ReplaySpikes,
    ResonateAndFire,
    SectionInput,
    SinusoidalInput,
    SpikeTime,
    StepInput,
    TraubMiles,
    WangBuzsakiHH,
    WienerProcessInput,
)
from brainloom_testing import Case, default_case, parametrize_with_checks


def poisson_input_arguments() -> dict[str, Any]:
    """Each input drives a population of its own."""
    target = LIF(2).prefetch("V")
    return {
        "target": target,
        "indices": None,
        "num_input": 10,
        "freq": 100.0 * u.Hz,
        "weight": 0.1 * u.mV,
    }


CASES = [
    default_case(IF),
    default_case(LIF),
    default_case(LIFRef),
    default_case(ALIF),
    default_case(PerfectIF),
    default_case(ExpIF),
    default_case(ExpIFRef),
    default_case(AdExIF),
    default_case(AdExIFRef),
    default_case(QuaIF),
    default_case(AdQuaIF),
    default_case(AdQuaIFRef),
    default_case(Izhikevich),
    default_case(IzhikevichRef, c=-50.0 * u.mV, d=2.0 * u.mV / u.ms),  # two spikes in 200 steps
    default_case(Gif),
    default_case(GifRef),
    Case(FitzHughNagumo, {"in_size": 2}, input=0.4),  # half of it leaves the neuron silent
    default_case(HindmarshRose),
    Case(ResonateAndFire, {"in_size": 2}, dt=0.02 * u.ms),  # Euler at 1 ms would spike
    # Nearly deterministic, so that batched and single runs draw the same spikes.
    default_case(EscapeLIF, rho_0=1e6 / u.ms, delta_u=3e-4 * u.mV),
    default_case(EscapeLIFRef, rho_0=1e6 / u.ms, delta_u=3e-4 * u.mV),
    default_case(CubaLIF),
    default_case(CobaLIF),
    default_case(MultiReceptorLIF),
    default_case(HH, V_initializer=-65.0 * u.mV),
    default_case(TraubMiles),
    default_case(WangBuzsakiHH),
    default_case(MorrisLecar, V_initializer=-60.0 * u.mV),
    default_case(PoissonSpike, freqs=5000.0 * u.Hz),
    default_case(SpikeTime, indices=[0, 1, 0], times=[0.0, 0.1, 0.4] * u.ms),
    Case(PoissonInput, poisson_input_arguments),
    Case(PoissonEncoder, {"in_size": 2}, kind="other"),  # its update needs the rates
    default_case(GammaSpike, freqs=5000.0 * u.Hz, cv=0.5),
    default_case(InhomogeneousPoisson, rate=lambda t: 5000.0 * u.Hz),
    default_case(ReplaySpikes, spikes=([0.1, 0.2, 0.5] * u.ms, [0, 1, 0])),
    default_case(SectionInput, values=[1.0, 2.0] * u.mA, durations=[0.1, 0.1] * u.ms),
    default_case(ConstantInput, value=1.0 * u.mA, duration=0.2 * u.ms),
    default_case(StepInput, amplitudes=[1.0, 2.0] * u.mA, step_times=[0.0, 0.2] * u.ms),
    default_case(RampInput, c_start=0.0 * u.mA, c_end=1.0 * u.mA, duration=0.2 * u.ms),
    default_case(SinusoidalInput, amplitude=1.0 * u.mA, frequency=500.0 * u.Hz),
    default_case(WienerProcessInput, sigma=1.0 * u.mA * u.ms**0.5),
    default_case(OUProcessInput, mean=1.0 * u.mA, sigma=1.0 * u.mA / u.ms**0.5),
]


@parametrize_with_checks(CASES)
def test_conformance(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("name", sorted({*brainloom_neurons.__all__} - {"poisson_input"}))
def test_every_model_has_a_case(name: str) -> None:
    assert getattr(brainloom_neurons, name) in {case.cls for case in CASES}
