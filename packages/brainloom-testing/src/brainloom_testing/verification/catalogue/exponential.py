"""Exponential and quadratic neurons, with and without adaptation."""

from collections.abc import Sequence
from typing import Any

from brainloom_core.types import Arguments

from ..oracles import integrate_and_fire as oracle
from ..oracles.equations import Equations
from ..references import Accuracy, Intervals, Ode, Reference, SpikeTimes
from .leaky import GRID, HARD

__all__ = ["REFERENCES"]

SECOND = "second order: error in proportion to the square of the step"
UPSWING = f"{SECOND}, and the upswing is passed within a step; {GRID}"

# Peak at 0 mV, start at rest with w = 0, from Naud et al. (2008), table 1.
# C, gL, EL, VT, ΔT, τw, a, b, Vr (pF, nS, mV, ms, pA) and the current.
NAUD = {
    "tonic": (200.0, 10.0, -70.0, -50.0, 2.0, 30.0, 2.0, 0.0, -58.0, 500.0),
    "adapting": (200.0, 12.0, -70.0, -50.0, 2.0, 300.0, 2.0, 60.0, -58.0, 500.0),
    "initial burst": (130.0, 18.0, -58.0, -50.0, 2.0, 150.0, 4.0, 120.0, -50.0, 400.0),
    "bursting": (100.0, 10.0, -65.0, -50.0, 2.0, 90.0, -10.0, 30.0, -47.0, 110.0),
}
NAUD_SPIKES: dict[str, tuple[int, tuple[float, ...]]] = {
    "tonic": (51, (14.223, 23.152, 32.242, 41.458)),
    "adapting": (10, (14.904, 26.172, 40.548, 60.158, 89.581, 137.325, 205.030, 279.827)),
    "initial burst": (10, (5.464, 8.883, 16.202, 70.949)),
    "bursting": (26, (57.180, 60.394, 64.703, 72.124, 128.981)),
}
BRETTE_GERSTNER = (281.0, 30.0, -70.6, -50.4, 2.0, 144.0, 4.0, 80.5, -70.6, 1000.0)


def adex(row: Sequence[float], **extra: Any) -> Arguments:
    """Arguments in the notation with R and tau, from a row of the table."""
    C, gL, EL, VT, slope, tau_w, a, b, reset, _ = row
    return {
        "R": (1.0 / gL, "Gohm"),
        "tau": (C / gL, "ms"),
        "V_rest": (EL, "mV"),
        "V_T": (VT, "mV"),
        "delta_T": (slope, "mV"),
        "tau_w": (tau_w, "ms"),
        "a": (a, "nS"),
        "b": (b, "pA"),
        "V_reset": (reset, "mV"),
        "V_th": (0.0, "mV"),
        "V_initializer": (EL, "mV"),
        "w_initializer": (0.0, "pA"),
        **extra,
    }


def _accuracies(coarse: tuple[float, float], fine: tuple[float, float]) -> tuple[Accuracy, ...]:
    return (
        Accuracy(0.1, *coarse, UPSWING, HARD),
        Accuracy(0.01, *fine, UPSWING, HARD),
    )


def _ode(
    equations: Equations,
    arguments: Arguments,
    currents: Sequence[float],
    coarse: tuple[float, float],
    fine: tuple[float, float],
    duration: float = 200.0,
) -> Ode:
    sections = [[(duration, I)] for I in currents]
    accuracies = _accuracies(coarse, fine)
    return Ode(equations, arguments, sections, "pA", accuracies, compared=0.8)


def _patterns(extra: Arguments) -> tuple[Reference, ...]:
    return tuple(
        SpikeTimes(
            times,
            count,
            {**adex(NAUD[name]), **HARD, **extra},
            [(500.0, NAUD[name][-1])],
            "pA",
            0.05,
            "Naud et al. (2008) Biol Cybern 99:335; LSODA, rtol 1e-10",
            f"five steps for each interval: {UPSWING}, which adaptation amplifies",
            dt=0.01,
            name=name,
        )
        for name, (count, times) in NAUD_SPIKES.items()
    )


EXP = {
    "R": (0.05, "Gohm"),
    "tau": (12.0, "ms"),
    "V_th": (-30.0, "mV"),
    "V_reset": (-68.0, "mV"),
    "V_rest": (-65.0, "mV"),
    "V_T": (-55.0, "mV"),
    "delta_T": (3.0, "mV"),
    "V_initializer": (-62.0, "mV"),
}
QUADRATIC = {
    "R": (0.05, "Gohm"),
    "tau": (10.0, "ms"),
    "V_th": (-30.0, "mV"),
    "V_reset": (-68.0, "mV"),
    "V_rest": (-65.0, "mV"),
    "V_c": (-50.0, "mV"),
    "c": (0.07, "1/mV"),
    "V_initializer": (-64.0, "mV"),
}
ADAPTIVE = {
    "tau_w": (60.0, "ms"),
    "a": (2.0, "nS"),
    "b": (15.0, "pA"),
    "w_initializer": (0.0, "pA"),
}
TAU_REF = {"tau_ref": (2.0, "ms")}

EXP_CURRENTS = (100.0, 180.0, 300.0, 800.0)
QUADRATIC_CURRENTS = (60.0, 100.0, 200.0, 400.0)
ADEX_CURRENTS = (500.0, 700.0, 1000.0)
# mV before the first spike, ms for each interval.
COARSE, FINE = (0.01, 0.15), (2e-4, 0.02)
ADEX = adex(BRETTE_GERSTNER)


REFERENCES: dict[str, tuple[Reference, ...]] = {
    "ExpIF": (_ode(oracle.EXP_IF, EXP, EXP_CURRENTS, COARSE, FINE),),
    "ExpIFRef": (_ode(oracle.EXP_IF, {**EXP, **TAU_REF}, EXP_CURRENTS, COARSE, FINE),),
    "AdExIF": (
        _ode(oracle.ADEX, ADEX, ADEX_CURRENTS, COARSE, FINE),
        *_patterns({}),
    ),
    "AdExIFRef": (
        _ode(oracle.ADEX, {**ADEX, **TAU_REF}, ADEX_CURRENTS, COARSE, FINE),
        *_patterns({"tau_ref": (0.0, "ms")}),
    ),
    "QuaIF": (
        _ode(oracle.QUA_IF, QUADRATIC, QUADRATIC_CURRENTS, COARSE, FINE),
        Intervals(
            oracle.quadratic_interval,
            QUADRATIC,
            (85.0, 100.0, 200.0, 400.0),
            "pA",
            400.0,
            "integral of the equation: Ermentrout & Kopell (1986) SIAM J Appl Math 46:233",
            (
                Accuracy(0.1, 0.0, 0.15, UPSWING, HARD),
                Accuracy(0.01, 0.0, 0.015, UPSWING, HARD),
            ),
        ),
    ),
    "AdQuaIF": (
        _ode(
            oracle.AD_QUA_IF,
            {**QUADRATIC, **ADAPTIVE},
            QUADRATIC_CURRENTS,
            (0.05, 0.15),
            (1e-3, 0.015),
        ),
    ),
    "AdQuaIFRef": (
        _ode(
            oracle.AD_QUA_IF,
            {**QUADRATIC, **ADAPTIVE, **TAU_REF},
            QUADRATIC_CURRENTS,
            (0.05, 0.15),
            (1e-3, 0.015),
        ),
    ),
}
