"""Synapses, and a network of them, that a simulator is given, and the files that are written.

Standard library only, as is `../neurons/cells.py`, from which it takes the format. The words are
those of our classes: `[number, unit]` is a quantity. The format is described in ../README.md.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cells import HARD, dumps

DT, EVERY = 0.1, 1.0  # ms
DURATION = 300.0  # ms, of the cases of one cell
FAR = 1000.0  # mV, a threshold that is never reached

Kind = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Pathway:
    """The synapses of some presynaptic neurons, whose targets are all cells.

    Attributes:
        weights: One for each presynaptic neuron; inhibition is negative, or has an output of its
            own.
        unit: Of the weights.
        delay: In ms.
        trains: Which of the trains of the file are the presynaptic neurons.
        synapse: Class of ours and its arguments; None for jumps of the potential.
        output: Likewise.
        stp: Likewise, None for none.
    """

    weights: list[float]
    unit: str
    delay: float
    trains: list[int]
    synapse: Kind | None = None
    output: Kind | None = None
    stp: Kind | None = None


@dataclass(frozen=True)
class Case:
    """Cells with the same inputs, one of which has its threshold out of reach.

    Attributes:
        paths: What reaches them.
        scheme: `"exact"` where both sides solve the equations without error on the grid.
        source: Where the equations come from.
        cell: Arguments of `LIFRef`.
    """

    paths: list[Pathway]
    scheme: str
    source: str
    cell: Mapping[str, Any] = field(default_factory=lambda: CELL)


# C 250 pF, as in ../neurons/cells.py.
CELL = {
    "R": [0.04, "Gohm"],
    "tau": [10.0, "ms"],
    "tau_ref": [2.0, "ms"],
    "V_rest": [-70.0, "mV"],
    "V_reset": [-65.0, "mV"],
    "V_initializer": [-70.0, "mV"],
    **HARD,
}
# The excitatory cell of Brunel and Wang: C 500 pF, leak 25 nS.
WANG_CELL = {**CELL, "tau": [20.0, "ms"], "V_reset": [-60.0, "mV"]}
THRESHOLDS = [FAR, -55.0]


def train(seed: int, rate: float) -> list[float]:
    """Spike times in ms, on the grid, of a Poisson process (Hz) with a dead time of 1 ms."""
    rng, times, t = random.Random(seed), [], 2.0
    # The logarithm is rounded, so that no libm moves a spike over the edge of a step.
    while (t := t + 1.0 - 1e3 / rate * round(math.log(1.0 - rng.random()), 6)) < DURATION - 10.0:
        times.append(round(t, 1))
    return times


TRAINS = [train(seed, rate) for seed, rate in enumerate([150.0, 220.0, 70.0, 40.0], 1)]


def pair(unit: str, exc: list[float], inh: list[float], kinds: dict[str, Kind]) -> list[Pathway]:
    """Two excitatory and two inhibitory presynaptic neurons."""
    return [
        Pathway(exc, unit, 1.5, [0, 1], kinds["syn_exc"], kinds["out_exc"]),
        Pathway(inh, unit, 0.7, [2, 3], kinds["syn_inh"], kinds["out_inh"]),
    ]


def filtered(name: str, out: str, **arguments: Any) -> dict[str, Kind]:
    """A kind of synapse, faster for excitation, slower for inhibition."""
    found: dict[str, Kind] = {}
    for n, (side, E) in enumerate([("exc", 0.0), ("inh", -85.0)]):
        own = {k: v[n] for k, v in arguments.items()}
        found[f"syn_{side}"] = name, own | (SILENT if out == "CUBA" else {})
        found[f"out_{side}"] = CURRENT if out == "CUBA" else (out, {"E": [E, "mV"]})
    return found


CURRENT = ("CUBA", {"scale": 1.0})
SILENT = {"g_initializer": [0.0, "pA"]}
TAU = [[2.0, "ms"], [5.0, "ms"]]
NORMALIZED = [True, True]

ROTTER = "Rotter & Diesmann 1999, doi:10.1007/s004220050570"
ROTH = "Roth & van Rossum 2009, doi:10.7551/mitpress/9780262013277.003.0007"
TSODYKS = "Tsodyks, Pawelzik & Markram 1998, doi:10.1162/089976698300017502"
# Depressing, and facilitating.
DEPRESSING = {"U": 0.5, "tau_d": [800.0, "ms"], "tau_f": [0.0, "ms"]}
FACILITATING = {"U": 0.05, "tau_d": [100.0, "ms"], "tau_f": [1000.0, "ms"]}
FAST = {"tau": [2.0, "ms"]}


def plastic() -> Case:
    """A depressing and a facilitating input."""
    expon = "Expon", FAST | SILENT
    return Case(
        [
            Pathway([6000.0, 9000.0], "pA", 1.5, [0, 1], expon, CURRENT, ("STP", DEPRESSING)),
            Pathway([15000.0, 12000.0], "pA", 0.7, [2, 3], expon, CURRENT, ("STP", FACILITATING)),
        ],
        "converged",
        TSODYKS,
    )


CASES: dict[str, Case] = {
    "Delta": Case(
        [
            Pathway([7.0, 6.0], "mV", 1.5, [0, 1]),
            Pathway([-3.0, -2.0], "mV", 0.7, [2, 3]),
        ],
        "exact",
        "Gerstner et al. 2014, doi:10.1017/CBO9781107447615, section 1.3",
    ),
    "ExponCurrent": Case(
        pair("pA", [1600.0, 1300.0], [-200.0, -150.0], filtered("Expon", "CUBA", tau=TAU)),
        "converged",
        ROTTER,
    ),
    "AlphaCurrent": Case(
        pair(
            "pA",
            [600.0, 500.0],
            [-80.0, -60.0],
            filtered("Alpha", "CUBA", tau=TAU, normalize=NORMALIZED),
        ),
        "converged",
        ROTTER,
    ),
    "ExponConductance": Case(
        pair("nS", [30.0, 24.0], [9.0, 6.0], filtered("Expon", "COBA", tau=TAU)),
        "converged",
        ROTTER,
    ),
    "AlphaConductance": Case(
        pair(
            "nS",
            [12.0, 9.0],
            [4.0, 3.0],
            filtered("Alpha", "COBA", tau=TAU, normalize=NORMALIZED),
        ),
        "converged",
        ROTTER,
    ),
    "DualExponConductance": Case(
        pair(
            "nS",
            [12.0, 9.0],
            [4.0, 3.0],
            filtered(
                "DualExpon",
                "COBA",
                tau_rise=[[0.5, "ms"], [1.0, "ms"]],
                tau_decay=[[4.0, "ms"], [8.0, "ms"]],
                normalize=NORMALIZED,
            ),
        ),
        "converged",
        ROTH,
    ),
    "NMDA": Case(
        [
            Pathway([30.0, 24.0], "nS", 1.5, [0, 1], ("Expon", FAST), ("COBA", {"E": [0.0, "mV"]})),
            Pathway(
                [20.0, 30.0],
                "nS",
                0.7,
                [2, 3],
                (
                    "NMDA",
                    {
                        "tau_decay": [100.0, "ms"],
                        "tau_rise": [2.0, "ms"],
                        "alpha": [0.5, "1/ms"],
                    },
                ),
                ("MgBlock", {"E": [0.0, "mV"], "cc_Mg": 1.0}),
            ),
        ],
        "converged",
        "Brunel & Wang 2001, doi:10.1023/A:1011204814320",
        WANG_CELL,
    ),
    "STP": plastic(),
    "STPResources": plastic(),
}


# Networks -------------------------------------------------------------------------------------

N_EXC, N_INH, PROBABILITY = 240, 60, 0.1
DELAYS = (0.5, 5.0)  # ms
LONG = 600.0  # ms
NETWORKS = {"DeltaNetwork": "mV", "ExponNetwork": "pA"}
SPIKING = {**CELL, "V_th": [-55.0, "mV"]}
NETWORK_CELL = {  # arguments of `LIFRef` and of `CubaLIF`, which has no refractory period
    "DeltaNetwork": SPIKING,
    "ExponNetwork": {k: v for k, v in SPIKING.items() if k != "tau_ref"} | {"tau_syn": [3.0, "ms"]},
}
STRENGTHS = {"DeltaNetwork": (0.3, -1.8), "ExponNetwork": (40.0, -240.0)}


@dataclass(frozen=True)
class Network:
    """Edges with weights and delays of their own; cells with currents and first potentials."""

    pre: list[int]
    post: list[int]
    weights: list[float]
    delays: list[float]
    currents: list[float]
    potentials: list[float]


def network(name: str, seed: int = 1) -> Network:
    """The same on each machine: only numbers between 0 and 1 are drawn, and then rounded."""
    rng, n = random.Random(seed), N_EXC + N_INH
    pairs = [(i, j) for i in range(n) for j in range(n) if rng.random() < PROBABILITY]
    exc, inh = STRENGTHS[name]
    span = DELAYS[1] - DELAYS[0]
    weights = [round((exc if i < N_EXC else inh) * (0.5 + rng.random()), 4) for i, _ in pairs]
    delays = [round(DELAYS[0] + span * rng.random(), 1) for _ in pairs]
    currents = [round(330.0 + 80.0 * rng.random(), 2) for _ in range(n)]
    potentials = [round(-70.0 + 14.0 * rng.random(), 3) for _ in range(n)]
    pre, post = (list(side) for side in zip(*pairs, strict=True))
    return Network(pre, post, weights, delays, currents, potentials)


# Learning -------------------------------------------------------------------------------------

PAIRINGS, INTERVAL, LAST = 60, 10.0, 500.0  # spikes of each side, ms between them, ms to the last
RATES = (10.0, 20.0, 40.0, 50.0)  # Hz
# ms; `stdp_nn_symm_synapse` has a presynaptic spike at time 0, which must be forgotten by then.
BEGIN = 420.0
W_MAX, W_FIRST = 2.0, 1.0  # pA
MULTIPLICATIVE = {"A_plus": 0.01, "A_minus": 0.0105, "mu_plus": 1.0, "mu_minus": 1.0}
POWER = {"A_plus": 0.01, "A_minus": 0.012, "mu_plus": 0.4, "mu_minus": 0.7}
TIMES = {"tau_plus": [16.8, "ms"], "tau_minus": [33.7, "ms"]}
# In parts of `w_max`; the visual cortex of the paper.
TRIPLETS = {"A2_plus": 2.5e-10, "A3_plus": 3.1e-3, "A2_minus": 3.5e-3, "A3_minus": 1.15e-4}
SLOW = {"tau_x": [101.0, "ms"], "tau_y": [125.0, "ms"]}
RULES: dict[str, Kind] = {
    "PairSTDP": ("STDP", {**MULTIPLICATIVE, **TIMES, "interactions": "all"}),
    "PowerLawSTDP": ("STDP", {**POWER, **TIMES, "interactions": "all"}),
    "NearestSTDP": ("STDP", {**MULTIPLICATIVE, **TIMES, "interactions": "nearest"}),
    "TripletSTDP": ("TripletSTDP", {**TRIPLETS, **TIMES, **SLOW, "interactions": "all"}),
}


def pairings() -> list[tuple[list[float], list[float]]]:
    """Presynaptic and postsynaptic spikes of each synapse: pairs, and two random trains.

    A last presynaptic spike follows, since NEST brings weights up to date at those.
    """
    found = []
    for rate in RATES:
        for interval in (INTERVAL, -INTERVAL):
            first = [BEGIN + round(k * 1e3 / rate, 1) for k in range(PAIRINGS)]
            found.append((first, [round(t + interval, 1) for t in first]))
    found.append((TRAINS[0], TRAINS[1]))
    return [([*pre, max(pre) + LAST], post) for pre, post in found]


# Files ----------------------------------------------------------------------------------------


def write_weights(
    folder: Path, name: str, origin: dict[str, str], source: str, weights: Iterable[float]
) -> None:
    """The weights at the end (pA)."""
    kind, given = RULES[name]
    rule = [kind, {**given, "w_max": [W_MAX, "pA"]}]
    document = {**origin, "case": name, "source": source, "dt": DT, "rule": rule}
    document |= {"w_first": [W_FIRST, "pA"], "weights": [float(w) for w in weights]}
    _write(folder, name, origin, document)


def write_case(
    folder: Path,
    name: str,
    origin: dict[str, str],
    V: Iterable[float],
    spikes: Iterable[float],
) -> None:
    """V of the cell that does not spike, spikes of the other."""
    case = CASES[name]
    document = {
        **origin,
        "case": name,
        "scheme": case.scheme,
        "source": case.source,
        "cell": dict(case.cell),
        "V_th": [THRESHOLDS, "mV"],
        "trains": TRAINS,
        "paths": [asdict(path) for path in case.paths],
        "dt": DT,
        "duration": DURATION,
        "every": EVERY,
        "V": [float(x) for x in V],
        "spikes": [float(t) for t in spikes],
    }
    _write(folder, name, origin, document)


def write_network(folder: Path, name: str, origin: dict[str, str], steps: list[list[int]]) -> None:
    """The spikes of each cell, as numbers of steps."""
    document = {**origin, "case": name, "dt": DT, "duration": LONG, "steps": steps}
    _write(folder, name, origin, document)


def _write(folder: Path, name: str, origin: dict[str, str], document: Any) -> None:
    path = folder / f"{name}.{origin['simulator']}.json"
    path.write_text(dumps(document), encoding="utf-8")
    what = next(key for key in ("spikes", "weights", "steps") if key in document)
    count = sum(map(len, document[what])) if what == "steps" else len(document[what])
    print(f"{path.name:32} {count} {what}", flush=True)
