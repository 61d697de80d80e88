"""Short-term plasticity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from brainloom_core.types import Arguments

from ..oracles import synapses as oracle
from ..references import Reference
from ..synaptic import Amplitudes, Releases

__all__ = ["REFERENCES", "STEADY", "STEADY_RATES"]

TSODYKS_MARKRAM = "Tsodyks, Pawelzik & Markram (1998) Neural Comput 10:821"
ABBOTT = "Abbott, Varela, Sen & Nelson (1997) Science 275:220"
DIGITS = "six digits"

# U, tau_d and tau_f in ms; u x in the steady state of regular trains.
STEADY_RATES = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
STEADY = {
    (0.5, 800.0, 0.0): (0.416398, 0.181133, 0.105148, 0.057126, 0.024095, 0.012270),
    (0.05, 100.0, 1000.0): (0.076862, 0.217361, 0.294980, 0.288339, 0.169696, 0.093481),
    (0.16, 45.0, 376.0): (0.169992, 0.314701, 0.425974, 0.466320, 0.326918, 0.193938),
    (0.5, 671.0, 17.0): (0.436524, 0.204927, 0.121660, 0.067234, 0.028782, 0.014696),
    (0.25, 706.0, 21.0): (0.231467, 0.141776, 0.094821, 0.057642, 0.026564, 0.013843),
}
DEPRESSING, FACILITATING = (0.5, 800.0, 0.0), (0.05, 100.0, 1000.0)
TRANSIENTS = {  # at 20 Hz, from rest
    DEPRESSING: (0.5, 0.265147, 0.154835, 0.103020, 0.078683, 0.067251),
    FACILITATING: (0.05, 0.092297, 0.125898, 0.151908, 0.172055, 0.187944),
}
LONG = 15_000.0  # ms, 15 of the longest time constant


def _stp(U: float, tau_d: float, tau_f: float, **options: Any) -> Arguments:
    return {"U": (U, None), "tau_d": (tau_d, "ms"), "tau_f": (tau_f, "ms"), **options}


def _std(U: float, tau_d: float, tau_f: float) -> Arguments:
    return {"U": (U, None), "tau": (tau_d, "ms")}


def _intervals(rows: int) -> list[float]:
    return [1000.0 / rate for rate in STEADY_RATES] * rows


def _random(seed: int) -> list[float]:
    """Spike times in ms: 20 Hz for two seconds, silence, and 20 Hz again."""
    times = np.flatnonzero(np.random.default_rng(seed).random(6000) < 0.02) + 1.0
    return [float(time) for time in times if not 2000.0 < time < 4000.0]


def _steady(rows: list[Arguments], table: Sequence[Sequence[float] | np.ndarray]) -> Amplitudes:
    """Of one row for each neuron and rate."""
    intervals = _intervals(len(table))
    return Amplitudes(
        [[amplitude] for row in table for amplitude in row],
        [row for row in rows for _ in STEADY_RATES],
        intervals,
        [round(LONG / interval) for interval in intervals],
        1e-6,
        TSODYKS_MARKRAM,
        f"{DIGITS}; 15 s of a regular train",
        dt=10.0,
        name="steady amplitudes, 1 to 100 Hz",
    )


def _transient(rows: list[Arguments], table: Sequence[Sequence[float] | np.ndarray]) -> Amplitudes:
    return Amplitudes(
        table,
        rows,
        [50.0] * len(table),
        [6] * len(table),
        1e-6,
        TSODYKS_MARKRAM,
        DIGITS,
        dt=1.0,
        name="transient at 20 Hz",
    )


TRAINS = [_random(seed) for seed in range(len(STEADY))]
RELATIVE = [np.asarray(table[DEPRESSING]) / 0.5 for table in (STEADY, TRANSIENTS)]

REFERENCES: dict[str, tuple[Reference, ...]] = {
    "STP": (
        _steady([_stp(*row) for row in STEADY], [*STEADY.values()]),
        _transient([_stp(*row) for row in TRANSIENTS], [*TRANSIENTS.values()]),
        Releases(
            oracle.plastic, [_stp(*row) for row in STEADY], TRAINS, (0.1, 1.0), TSODYKS_MARKRAM
        ),
        Releases(
            oracle.plastic_towards_U,
            [_stp(*row, towards="U") for row in STEADY],
            TRAINS,
            (1.0,),
            "Mongillo, Barak & Tsodyks (2008) Science 319:1543",
            name="releases, u towards U",
        ),
    ),
    "STD": (
        _steady([_std(*DEPRESSING)], [RELATIVE[0]]),
        _transient([_std(*DEPRESSING)], [RELATIVE[1]]),
        Releases(oracle.depressing, [_std(*row) for row in STEADY], TRAINS, (0.1, 1.0), ABBOTT),
    ),
}
