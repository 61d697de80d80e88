"""Models of `brainloom-nest` and how they are driven, for NEST and for ours alike.

Parameters have NEST's names and units. Spikes of two given trains arrive with weights of either
sign, each train with a delay of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DT = 0.1  # ms
DURATION = 400.0  # ms
EVERY = 1.0  # ms, between samples of V
DELAYS = (1.5, 0.8)  # ms, of the excitatory and the inhibitory train


def train(count: int, seed: int, first: float = 5.0, last: float = 380.0) -> list[float]:
    """Times on the grid, by a generator that is the same everywhere."""
    steps, state = set(), seed
    while len(steps) < count:
        state = (1103515245 * state + 12345) % 2**31
        steps.add(round(first / DT) + state // 7 % round((last - first) / DT))
    return [round(step * DT, 1) for step in sorted(steps)]


TRAINS = (train(90, 11), train(60, 5))


@dataclass(frozen=True)
class Case:
    """One neuron: its parameters, and the weights of both trains."""

    parameters: dict[str, Any] = field(default_factory=dict)
    weights: tuple[float, float] = (0.0, 0.0)
    ports: tuple[str, str] = ("ex", "in")
    current: float = 0.0  # pA, of a generator, for models without `I_e`


LIF = {"C_m": 200.0, "tau_m": 8.0, "E_L": -65.0, "V_th": -50.0, "V_reset": -62.0, "t_ref": 3.25}

# Tighter than by default, so that what differs is not NEST's error.
TOLERANCE = {"gsl_error_tol": 1e-10}
# Solved with a fixed tolerance of 1e-3 for each step: V is that of shorter steps.
FINE = {"hh_psc_alpha": 0.01, "hh_cond_exp_traub": 0.01}

SURE = {"Delta_V": 1e-5, "lambda_0": 1e6}
SFA = {"tau_sfa": [10.0, 100.0], "q_sfa": [5.0, 1.0]}
STC = {"tau_stc": [5.0, 60.0], "q_stc": [20.0, 4.0]}
GLIF = {
    2: {"spike_dependent_threshold": True},
    3: {"after_spike_currents": True},
    4: {"spike_dependent_threshold": True, "after_spike_currents": True},
    5: {
        "spike_dependent_threshold": True,
        "after_spike_currents": True,
        "adapting_threshold": True,
    },
}

CASES: dict[str, list[Case]] = {
    "iaf_psc_delta": [
        Case({"I_e": 500.0}),
        Case({}, (4.0, -2.0)),
        Case({**LIF, "I_e": 300.0, "V_m": -60.0}, (2.0, -3.0)),
    ],
    "iaf_psc_exp": [
        Case({"I_e": 500.0}),
        Case({"tau_syn_in": 5.0}, (900.0, -300.0)),
        Case(
            {**LIF, "V_m": -65.0, "tau_syn_ex": 8.0, "tau_syn_in": 3.0, "I_e": 300.0},
            (100.0, -300.0),
        ),
    ],
    "iaf_psc_alpha": [
        Case({"I_e": 500.0}),
        Case({"tau_syn_in": 5.0}, (500.0, -200.0)),
        Case(
            {**LIF, "V_m": -65.0, "tau_syn_ex": 8.0, "tau_syn_in": 3.0, "I_e": 300.0},
            (60.0, -150.0),
        ),
    ],
    "iaf_cond_exp": [
        Case({"I_e": 400.0}),
        Case({}, (90.0, -20.0)),
        Case({"tau_syn_ex": 3.0, "tau_syn_in": 8.0, "I_e": 220.0, "t_ref": 4.0}, (6.0, -5.0)),
    ],
    "iaf_cond_alpha": [
        Case({"I_e": 400.0}),
        Case({}, (50.0, -10.0)),
        Case({"tau_syn_ex": 3.0, "tau_syn_in": 8.0, "I_e": 220.0, "t_ref": 4.0}, (4.0, -3.0)),
    ],
    "iaf_cond_exp_sfa_rr": [
        Case({"I_e": 700.0}),
        Case({}, (40.0, -5.0)),
        Case({"q_sfa": 30.0, "tau_sfa": 50.0, "q_rr": 100.0, "I_e": 600.0}, (10.0, -5.0)),
    ],
    "aeif_cond_exp": [
        Case({"I_e": 1000.0}),
        Case({}, (180.0, -20.0)),
        Case({"tau_syn_ex": 3.0, "t_ref": 2.0, "b": 20.0, "I_e": 600.0}, (10.0, -5.0)),
    ],
    "aeif_cond_alpha": [
        Case({"I_e": 1000.0}),
        Case({}, (80.0, -20.0)),
        Case({"tau_syn_ex": 3.0, "t_ref": 2.0, "b": 20.0, "I_e": 600.0}, (5.0, -5.0)),
    ],
    "aeif_psc_exp": [
        Case({"I_e": 1000.0}),
        Case({"tau_syn_ex": 2.0}, (1200.0, -200.0)),
        Case({"tau_syn_ex": 3.0, "t_ref": 2.0, "b": 20.0, "I_e": 600.0}, (500.0, -300.0)),
    ],
    "hh_psc_alpha": [
        Case({"I_e": 800.0}),
        Case({"tau_syn_ex": 1.0}, (700.0, -200.0)),
        Case({"g_Na": 10000.0, "I_e": 500.0, "t_ref": 3.0, "tau_syn_ex": 2.0}, (300.0, -200.0)),
    ],
    "hh_cond_exp_traub": [
        Case({"I_e": 300.0}),
        Case({}, (20.0, -5.0)),
        Case({"g_K": 5000.0, "I_e": 200.0, "V_T": -60.0}, (15.0, -10.0)),
    ],
    "mat2_psc_exp": [
        Case({"I_e": 600.0}),
        Case({}, (1500.0, -400.0)),
        Case({"tau_syn_ex": 4.0, "alpha_1": 20.0, "alpha_2": 4.0, "I_e": 400.0}, (400.0, -300.0)),
    ],
    "izhikevich": [
        Case({"I_e": 10.0}),
        Case({"I_e": 3.0}, (8.0, -4.0)),
        Case({"a": 0.1, "d": 2.0, "I_e": 5.0, "V_min": -75.0}, (6.0, -8.0)),
    ],
    # So steep a threshold that chance has no say; the hazard at it is that of many spikes a step.
    "gif_psc_exp": [
        Case({**SURE, "I_e": 200.0}),
        Case({**SURE, **SFA, "tau_syn_in": 5.0}, (400.0, -100.0)),
        Case({**SURE, **SFA, **STC, "I_e": 150.0, "tau_syn_ex": 5.0}, (150.0, -100.0)),
    ],
    "gif_cond_exp": [
        Case({**SURE, "I_e": 200.0}),
        Case({**SURE, **SFA, "tau_syn_in": 5.0}, (10.0, -4.0)),
        Case({**SURE, **SFA, **STC, "I_e": 150.0, "tau_syn_ex": 5.0}, (3.0, -2.0)),
    ],
    "glif_psc": [
        Case({}, current=300.0),
        Case(
            {"spike_dependent_threshold": True, "tau_syn": [2.0, 2.0]},
            (150.0, -80.0),
            current=200.0,
        ),
        Case({**GLIF[3], "tau_syn": [2.0, 2.0]}, (150.0, -80.0), current=300.0),
        Case({**GLIF[4], "tau_syn": [2.0, 5.0]}, (200.0, -80.0), current=200.0),
        Case({**GLIF[5], "tau_syn": [2.0, 5.0]}, (200.0, -50.0), current=300.0),
    ],
    "ht_neuron": [
        Case({}, current=30.0),
        Case({}, (3.0, 1.0), ("AMPA", "GABA_A"), current=10.0),
        Case({"tau_m": 12.0, "g_peak_T": 0.5}, (5.0, 2.0), ("NMDA", "GABA_B"), current=5.0),
    ],
}

# Devices that drive an `iaf_psc_exp` with a delay of a step: their parameters.
DEVICES: dict[str, dict[str, Any]] = {
    "dc_generator": {"amplitude": 500.0, "start": 20.0, "stop": 300.0},
    "ac_generator": {"amplitude": 300.0, "frequency": 17.0, "offset": 350.0, "phase": 40.0},
    "step_current_generator": {
        "amplitude_times": [10.0, 60.0, 61.5, 200.0],
        "amplitude_values": [400.0, -100.0, 600.0, 450.0],
    },
}
# Synapses from the first train, by way of a parrot, to an `iaf_psc_exp`.
SYNAPSES: dict[str, dict[str, Any]] = {
    "parrot_neuron": {"synapse_model": "static_synapse", "weight": 900.0},
    "tsodyks2_synapse": {
        "synapse_model": "tsodyks2_synapse",
        "weight": 9000.0,
        "U": 0.3,
        "u": 0.3,
        "tau_rec": 120.0,
        "tau_fac": 50.0,
    },
}
