"""Synapses and synaptic outputs."""

import functools
from typing import Any

import numpy as np
from brainloom_core.types import Arguments

from ..oracles import synapses as oracle
from ..references import ROUNDING, Defaults, Reference
from ..synaptic import Currents, Response

__all__ = ["REFERENCES"]

EXACT = "linear between spikes and pulses: a step has no error but rounding"
SECOND = "second order: error in proportion to the square of the step"
LINEAR = "Dayan & Abbott (2001) Theoretical Neuroscience, section 5.8"
KERNELS = "Roth & van Rossum (2009) Modeling synapses"
DESTEXHE = "Destexhe, Mainen & Sejnowski (1994) Neural Comput 6:14"
JAHR_STEVENS = "Jahr & Stevens (1990) J Neurosci 10:3178"
WANG_BUZSAKI = "Wang & Buzsáki (1996) J Neurosci 16:6402"
ERMENTROUT = "Ermentrout & Terman (2010) Mathematical Foundations of Neuroscience, chapter 7"
BRUNEL_WANG = "Brunel & Wang (2001) J Comput Neurosci 11:63"

AT_ANY_STEP = {0.1: (ROUNDING, EXACT), 1.0: (ROUNDING, EXACT)}
UNEQUAL = ((1.0, 1.0), (4.0, 0.5), (4.0, 0.25), (21.0, 2.0))  # two of them at once
ONCE_OR_TWICE = ((1.0, 1.0), (21.0, 1.0))
WITHIN_A_PULSE = ((1.0, 1.0), (2.0, 1.0), (21.0, 1.0))

_linear = functools.partial(
    Response,
    inputs=UNEQUAL,
    unit="mS",
    duration=60.0,
    tolerances=AT_ANY_STEP,
    source=LINEAR,
)
_pulsed = functools.partial(
    Response,
    oracle.pulses,
    unit=None,
    duration=40.0,
    tolerances=AT_ANY_STEP,
    source=DESTEXHE,
)


def _receptor(alpha: float, beta: float, T: float, T_dur: float) -> Arguments:
    return {
        "alpha": (alpha, "1/ms/mM"),
        "beta": (beta, "1/ms"),
        "T": (T, "mM"),
        "T_dur": (T_dur, "ms"),
    }


def _pulses(alpha: float, beta: float, T: float, T_dur: float) -> tuple[Reference, ...]:
    long = _receptor(alpha, beta, T, 1.5)
    return (
        _pulsed(_receptor(alpha, beta, T, T_dur), ONCE_OR_TWICE),
        _pulsed(long, WITHIN_A_PULSE, name="of pulses that overlap"),
    )


def _dual(rise: float, decay: float, **options: Any) -> Arguments:
    return {"tau_rise": (rise, "ms"), "tau_decay": (decay, "ms"), **options}


# The part that is open, by magnesium in mM and potential in mV.
BLOCK = {
    1.0: {
        -80.0: 0.02442465,
        -70.0: 0.04447072,
        -65.0: 0.05966815,
        -60.0: 0.07962637,
        -50.0: 0.13854419,
        -40.0: 0.23015532,
        -20.0: 0.50814068,
        0.0: 0.78118162,
        20.0: 0.92501803,
        40.0: 0.97708016,
    },
    1.2: {-80.0: 0.02043707, -70.0: 0.03733566, 0.0: 0.74842767},
}
E = 100.0  # away from all of them, so that each part counts


def _block(cc_Mg: float) -> Currents:
    return Currents(
        [*BLOCK[cc_Mg]],
        [part * (E - V) for V, part in BLOCK[cc_Mg].items()],
        {"E": (E, "mV"), "cc_Mg": cc_Mg},
        1e-6,
        JAHR_STEVENS,
        "eight digits, times a driving force below 200 mV",
        kind="table",
        name=f"block by {cc_Mg:g} mM",
    )


POTENTIALS = tuple(np.linspace(-120.0, 60.0, 19).tolist())
NMDA = {
    "tau_decay": (100.0, "ms"),
    "tau_rise": (2.0, "ms"),
    "alpha": (0.5, "1/ms"),
}
BIO_NMDA = {
    "alpha1": (2.0, "1/ms"),
    "beta1": (0.01, "1/ms"),
    "alpha2": (1.0, "1/ms/mM"),
    "beta2": (0.5, "1/ms"),
    "T": (1.0, "mM"),
    "T_dur": (0.5, "ms"),
}
GRADED = {
    "alpha": (12.0, "1/ms"),
    "beta": (0.1, "1/ms"),
    "theta": (0.0, "mV"),
    "sigma": (2.0, "mV"),
}

REFERENCES: dict[str, tuple[Reference, ...]] = {
    "Expon": (_linear(oracle.superposed(oracle.exponential), {"tau": (5.0, "ms")}),),
    "DualExpon": (
        _linear(
            oracle.superposed(oracle.dual_exponential),
            _dual(0.5, 5.0, amplitude=1.5),
            source=KERNELS,
        ),
        _linear(
            oracle.superposed(oracle.dual_exponential),
            _dual(7.0, 2.0),
            source=KERNELS,
            name="of a slow rise",
        ),
    ),
    "Alpha": (
        _linear(oracle.superposed(oracle.alpha), {"tau": (5.0, "ms")}, source=KERNELS),
        _linear(
            oracle.superposed(oracle.normalized_alpha),
            {"tau": (5.0, "ms"), "normalize": True},
            source=KERNELS,
            name="normalised",
        ),
    ),
    "Delta": (_linear(oracle.delta, {}, source="its definition"),),
    "AMPA": _pulses(0.98, 0.18, 0.5, 0.5),
    "GABAa": _pulses(0.53, 0.18, 1.0, 1.0),
    "BioNMDA": (
        Response(
            oracle.BIO_NMDA,
            BIO_NMDA,
            ONCE_OR_TWICE,
            None,
            60.0,
            {0.1: (1.2e-3, SECOND), 0.05: (3e-4, SECOND)},
            f"{ERMENTROUT}; DOP853, rtol 1e-10",
            kind="ODE",
        ),
    ),
    "NMDA": (
        Defaults(NMDA, BRUNEL_WANG),
        Response(
            oracle.NMDA,
            NMDA,
            ((1.0, 1.0), (4.0, 0.5), (21.0, 2.0)),
            None,
            60.0,
            {0.1: (5e-4, SECOND), 0.05: (1.25e-4, SECOND)},
            f"{BRUNEL_WANG}; DOP853, rtol 1e-10",
            kind="ODE",
        ),
    ),
    "GradedSynapse": (
        Defaults(GRADED, WANG_BUZSAKI),
        *(
            Response(
                oracle.held_potential,
                GRADED,
                V,
                "mV",
                20.0,
                {dt: (ROUNDING, "exact at a potential that stays")},
                WANG_BUZSAKI,
                name=f"at {V:g} mV",
            )
            for V, dt in ((-3.0, 0.1), (8.0, 1.0))
        ),
    ),
    "COBA": (
        Currents(
            POTENTIALS,
            [-80.0 - V for V in POTENTIALS],
            {"E": (-80.0, "mV")},
            ROUNDING,
            LINEAR,
            "a product",
        ),
    ),
    "CUBA": (
        Currents(
            POTENTIALS, [1e3] * len(POTENTIALS), {}, ROUNDING, "its definition: 1 V", "a product"
        ),
        Currents(
            POTENTIALS,
            [25.0] * len(POTENTIALS),
            {"scale": (25.0, "mV")},
            ROUNDING,
            "its definition",
            "a product",
            name="current by a scale",
        ),
    ),
    "MgBlock": (
        Defaults({"E": (0.0, "mV"), "alpha": (0.062, "1/mV"), "beta": (3.57, None)}, JAHR_STEVENS),
        *map(_block, BLOCK),
        Currents(
            POTENTIALS,
            [-V * float(oracle.magnesium_block(V, {"cc_Mg": 1.2})) for V in POTENTIALS],
            {"cc_Mg": 1.2},
            ROUNDING,
            JAHR_STEVENS,
            "a product and an exponential",
        ),
    ),
}
