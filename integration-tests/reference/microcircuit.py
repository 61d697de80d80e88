"""The cortical microcircuit of Potjans and Diesmann 2014 at 1/20 of its size, as numbers.

Eight populations, excitatory and inhibitory ones of four layers, and 55 projections with a fixed
total number of synapses, drawn with repetition. Numbers of neurons and of inputs are those of the
paper times 0.05. As van Albada et al. propose, weights are then larger by the root of 20, and a
constant current makes up for the mean input that is missing, by the rates of the full network. That
keeps mean and variance of the input, but jumps are larger and inputs share more: rates are lower
than those of the paper (in L2/3 a fifth to a third, in L4 to L6 two thirds), which they approach
with the size.

numpy only: the script for NEST (potjans2014.py) and the test of ours read it.

Potjans, T. C., Diesmann, M. (2014). The cell-type specific cortical microcircuit. Cerebral Cortex
24, 785-806. doi:10.1093/cercor/bhs358

van Albada, S. J., Helias, M., Diesmann, M. (2015). Scalability of asynchronous networks is limited
by one-to-one mapping between effective connectivity and correlations. PLoS Computational Biology
11, e1004490. doi:10.1371/journal.pcbi.1004490
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

SCALE = 0.05
NAMES = ("L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I")
NEURONS = np.array([20683, 5834, 21915, 5479, 4850, 1065, 14395, 2948])
# Of a pair, to the population of the row from that of the column (table 5 of the paper).
PROBABILITIES = np.array(
    [
        [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0000, 0.0076, 0.0000],
        [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0000, 0.0042, 0.0000],
        [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0000],
        [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0000, 0.1057, 0.0000],
        [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0000],
        [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0000],
        [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
        [0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443],
    ]
)
EXTERNAL_INPUTS = np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
EXTERNAL_RATE, EXTERNAL_DELAY = 8.0, 1.5  # Hz, of each of them; ms
CELL = {
    "C_m": 250.0,
    "tau_m": 10.0,
    "tau_syn_ex": 0.5,
    "tau_syn_in": 0.5,
    "t_ref": 2.0,
    "E_L": -65.0,
    "V_th": -50.0,
    "V_reset": -65.0,
}  # pF, ms, mV
PSP, INHIBITION, L4E_TO_L23E = 0.15, -4.0, 2.0  # mV, and relative to that
WEIGHT_SPREAD = 0.1  # relative to the mean
DELAYS = {"E": (1.5, 0.75), "I": (0.8, 0.4)}  # ms, mean and s.d. by the presynaptic side
# Initial potentials and the rates of the full network are those of NEST's own example of it.
V_MEAN = (-68.28, -63.16, -63.33, -63.45, -63.11, -61.66, -66.72, -61.43)  # mV
V_SPREAD = (5.36, 4.57, 4.74, 4.94, 4.94, 4.55, 5.46, 4.48)  # mV
FULL_RATES = np.array([0.943, 3.026, 4.368, 5.882, 7.733, 8.664, 1.096, 7.851])  # Hz
DT, WINDOW = 0.1, (500.0, 2000.0)  # ms

# Without noise: constant currents of the same mean, which differ from neuron to neuron.
STILL_SEED, STILL_DURATION, STILL_SPREAD = 1, 300.0, 150.0  # ms, pA


@dataclass(frozen=True)
class Population:
    """Size, constant current (pA), mean and s.d. of V at first (mV), rate of the noise (Hz)."""

    size: int
    I_e: float
    V_m: tuple[float, float]
    external_rate: float


@dataclass(frozen=True)
class Projection:
    """Number of synapses, mean and s.d. of their weights (pA) and delays (ms)."""

    pre: str
    post: str
    number: int
    weight: tuple[float, float]
    delay: tuple[float, float]


def psc_of(psp: float) -> float:
    """The jump of the current (pA) whose potential has this peak (mV)."""
    tau_m, tau_s, C = CELL["tau_m"], CELL["tau_syn_ex"], CELL["C_m"]
    t = np.log(tau_m / tau_s) * tau_m * tau_s / (tau_m - tau_s)
    rise = tau_m * tau_s / (tau_m - tau_s) / C * (np.exp(-t / tau_m) - np.exp(-t / tau_s))
    return psp / float(rise)


def network() -> tuple[dict[str, Population], list[Projection]]:
    """Populations and projections of the network at its size."""
    pairs = np.outer(NEURONS, NEURONS)
    inputs = np.log(1.0 - PROBABILITIES) / np.log(1.0 - 1.0 / pairs) / NEURONS[:, None]
    weights = np.tile([psc_of(PSP), INHIBITION * psc_of(PSP)], (8, 4))
    weights[0, 2] *= L4E_TO_L23E
    charge = (weights * inputs) @ FULL_RATES + psc_of(PSP) * EXTERNAL_INPUTS * EXTERNAL_RATE
    missing = (1.0 - np.sqrt(SCALE)) * charge * CELL["tau_syn_ex"] * 1e-3
    sizes = np.round(SCALE * NEURONS).astype(int)
    numbers = np.round(SCALE * inputs * sizes[:, None]).astype(int)
    populations = {
        name: Population(
            size=int(sizes[k]),
            I_e=float(missing[k]),
            V_m=(V_MEAN[k], V_SPREAD[k]),
            external_rate=float(SCALE * EXTERNAL_INPUTS[k] * EXTERNAL_RATE),
        )
        for k, name in enumerate(NAMES)
    }
    projections = [
        Projection(
            *(pre, post, int(numbers[j, i])),
            weight=_with_spread(stronger(float(weights[j, i]))),
            delay=DELAYS[pre[-1]],
        )
        for j, post in enumerate(NAMES)
        for i, pre in enumerate(NAMES)
        if numbers[j, i]
    ]
    return populations, projections


def stronger(weight: float) -> float:
    """A weight of the full network, as it is in the smaller one."""
    return weight / float(np.sqrt(SCALE))


def _with_spread(weight: float) -> tuple[float, float]:
    return weight, WEIGHT_SPREAD * abs(weight)


class Still:
    """One realisation without noise, the same for all who ask in the order of `network`.

    The streams of `RandomState` are frozen; what is drawn is rounded, so that libm has no say.
    """

    def __init__(self) -> None:
        self.rng = np.random.RandomState(STILL_SEED)

    def start(self, population: Population) -> tuple[np.ndarray, np.ndarray]:
        """V at first (mV) and constant current (pA) of each neuron."""
        rate, weight = population.external_rate * 1e-3, stronger(psc_of(PSP))
        mean = population.I_e + rate * weight * CELL["tau_syn_ex"]
        V = self.rng.normal(*population.V_m, population.size)
        return V.round(3), self.rng.normal(mean, STILL_SPREAD, population.size).round(3)

    def synapses(self, projection: Projection, sizes: tuple[int, int]) -> tuple[np.ndarray, ...]:
        """Sources, targets, weights (pA) and delays (ms), sorted by source and target."""
        pre, post = (self.rng.randint(0, n, projection.number) for n in sizes)
        order = np.lexsort((post, pre))
        weight = self.rng.normal(*projection.weight, projection.number).round(3)
        delay = self.rng.normal(*projection.delay, projection.number).round(1)
        return pre[order], post[order], weight, np.maximum(delay, DT)


def fingerprint(steps: np.ndarray, indices: np.ndarray) -> str:
    """The same for the same spikes: number and hash of their steps and neurons."""
    order = np.lexsort((indices, steps))
    spikes = np.stack([steps[order], indices[order]]).astype("<i8")
    return f"{len(steps)} spikes, {hashlib.sha256(spikes.tobytes()).hexdigest()[:16]}"
