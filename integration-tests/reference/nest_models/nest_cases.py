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


LIF = {"C_m": 200.0, "tau_m": 8.0, "E_L": -65.0, "V_th": -50.0, "V_reset": -62.0, "t_ref": 3.25}

# Tighter than by default, so that what differs is not NEST's error.
TOLERANCE = {"gsl_error_tol": 1e-10}
# Solved with a fixed tolerance of 1e-3 for each step: V is that of shorter steps.
FINE = {"hh_psc_alpha": 0.01, "hh_cond_exp_traub": 0.01}

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
}
