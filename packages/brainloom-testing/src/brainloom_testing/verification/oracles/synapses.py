"""Synapses, outputs and short-term plasticity, in closed forms or as equations for scipy.

What a synapse does is a function of the times at which it is asked for (ascending, in ms), of its
input and of its parameters: the conductance just after the spikes at each time, and its integral
from time 0. The input is spikes, as pairs of a time and a size, or a potential that stays.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp

from .equations import ATOL, RTOL, Array, Numbers, State

__all__ = [
    "BIO_NMDA",
    "NMDA",
    "Answer",
    "Spike",
    "alpha",
    "delta",
    "depressing",
    "dual_exponential",
    "exponential",
    "held_potential",
    "magnesium_block",
    "normalized_alpha",
    "peak_of_dual_exponential",
    "plastic",
    "plastic_towards_U",
    "pulses",
    "superposed",
]

Spike = tuple[float, float]
Answer = Callable[[Array, Sequence[Spike], Numbers], tuple[Array, Array]]
Kernel = Callable[[Array, Numbers], tuple[Array, Array]]
SAME = 1e-9  # ms, between times that are meant to be the same


def superposed(kernel: Kernel) -> Answer:
    """The sum of the responses to each spike: of a synapse that is linear in its input."""

    def answer(times: Array, spikes: Sequence[Spike], p: Numbers) -> tuple[Array, Array]:
        when, sizes = np.array(spikes).T
        since = times[:, None] - when
        weights = np.where(since > -SAME, sizes, 0.0)
        g, area = kernel(np.maximum(since, 0.0), p)
        return (weights * g).sum(1), (weights * area).sum(1)

    return answer


def exponential(t: Array, p: Numbers) -> tuple[Array, Array]:
    """A peak of 1 at once."""
    tau = p["tau"]
    return np.exp(-t / tau), -tau * np.expm1(-t / tau)


def dual_exponential(t: Array, p: Numbers) -> tuple[Array, Array]:
    """A peak of `amplitude`, at `peak_of_dual_exponential`."""
    rise, decay = p["tau_rise"], p["tau_decay"]
    scale = p.get("amplitude", 1.0) / peak_of_dual_exponential(rise, decay)[1]
    difference = np.exp(-t / decay) - np.exp(-t / rise)
    area = -decay * np.expm1(-t / decay) + rise * np.expm1(-t / rise)
    return scale * difference, scale * area


def peak_of_dual_exponential(rise: float, decay: float) -> tuple[float, float]:
    """The time of the peak of a difference of exponentials, and its height."""
    at = rise * decay / (decay - rise) * math.log(decay / rise)
    return at, math.exp(-at / decay) - math.exp(-at / rise)


def alpha(t: Array, p: Numbers) -> tuple[Array, Array]:
    """A peak of 1/e at tau."""
    tau, decay = p["tau"], np.exp(-t / p["tau"])
    return t / tau * decay, tau - (tau + t) * decay


def normalized_alpha(t: Array, p: Numbers) -> tuple[Array, Array]:
    """A peak of 1 at tau."""
    g, area = alpha(t, p)
    return math.e * g, math.e * area


def delta(times: Array, spikes: Sequence[Spike], p: Numbers) -> tuple[Array, Array]:
    """What arrives, for one step."""
    dt = times[1] - times[0]
    g = np.zeros(len(times))
    for when, size in spikes:
        g[np.abs(times - when) < SAME] += size
    return g, np.append(0.0, np.cumsum(g)[:-1]) * dt


def pulses(times: Array, spikes: Sequence[Spike], p: Numbers) -> tuple[Array, Array]:
    """Binding while there is transmitter, exponential from one change to the next."""
    starts = np.array([when for when, _ in spikes])
    changes = {0.0, *times, *starts, *(starts + p["T_dur"])}
    g, area, found = 0.0, 0.0, {0.0: (0.0, 0.0)}
    for a, b in pairwise(sorted(changes)):
        middle = (a + b) / 2.0
        on = np.any((starts < middle) & (middle < starts + p["T_dur"]))
        binding = p["alpha"] * p["T"] * float(on)
        rate = binding + p["beta"]
        target, part = binding / rate, -math.expm1(-rate * (b - a))
        area += target * (b - a) + (g - target) * part / rate
        g += (target - g) * part
        found[b] = g, area
    values = np.array([found[time] for time in times])
    return values[:, 0], values[:, 1]


def held_potential(times: Array, V: float, p: Numbers) -> tuple[Array, Array]:
    """An exponential approach to the steady state at a potential that stays."""
    binding = p["alpha"] / (1.0 + math.exp(-(V - p["theta"]) / p["sigma"]))
    rate = binding + p["beta"]
    steady = binding / rate
    return -steady * np.expm1(-rate * times), steady * (times + np.expm1(-rate * times) / rate)


def _solved(
    drift: Callable[[State, float, Numbers], State],
    jump: Callable[[State, float], State] | None = None,
) -> Answer:
    """Solved accurately; `drift` takes the states, g first, and whether there is transmitter."""

    def answer(times: Array, spikes: Sequence[Spike], p: Numbers) -> tuple[Array, Array]:
        sizes = dict(spikes)
        ends = {when: when + p.get("T_dur", 0.0) for when in sizes}
        edges = sorted({0.0, *ends, *ends.values(), float(times[-1])})
        y, found = [0.0, 0.0, 0.0], np.zeros((2, len(times)))
        for a, b in pairwise(edge for edge in edges if edge <= times[-1]):
            if jump is not None and a in sizes:
                y = [*jump(y[:2], sizes[a]), y[2]]
            on = float(any(start <= a < end for start, end in ends.items()))

            def slope(_: float, y: State, on: float = on) -> list[float]:
                return [*drift(y, on, p), y[0]]

            part = solve_ivp(slope, (a, b), y, "DOP853", rtol=RTOL, atol=ATOL, dense_output=True)
            within = (times >= a - SAME) & (times <= b + SAME)
            found[:, within] = part.sol(times[within])[[0, 2]]
            y = list(part.y[:, -1])
        return found[0], found[1]

    return answer


NMDA = _solved(
    lambda y, on, p: [
        p["alpha"] * y[1] * (1.0 - y[0]) - y[0] / p["tau_decay"],
        -y[1] / p["tau_rise"],
    ],
    lambda y, size: [y[0], y[1] + size],
)
BIO_NMDA = _solved(
    lambda y, on, p: [
        p["alpha1"] * y[1] * (1.0 - y[0]) - p["beta1"] * y[0],
        p["alpha2"] * p["T"] * on * (1.0 - y[1]) - p["beta2"] * y[1],
    ]
)


def magnesium_block(V: Array, p: Numbers) -> Array:
    """The part of a conductance that is open, at potentials in mV."""
    return 1.0 / (1.0 + p["cc_Mg"] / 3.57 * np.exp(-0.062 * V))


def plastic(times: Array, p: Numbers) -> Array:
    """What spikes at these times release, from one to the next; `rest` is where u rests."""
    rest = p.get("rest", 0.0)
    used, free, before, released = rest, 1.0, 0.0, []
    for time in times:
        gap, before = time - before, time
        used = rest + (used - rest) * _left(gap, p["tau_f"])
        free = 1.0 - (1.0 - free) * _left(gap, p["tau_d"])
        used += p["U"] * (1.0 - used)
        released.append(used * free)
        free *= 1.0 - used
    return np.array(released)


def plastic_towards_U(times: Array, p: Numbers) -> Array:
    """The same where u rests at U."""
    return plastic(times, {**p, "rest": p["U"]})


def depressing(times: Array, p: Numbers) -> Array:
    """The same without facilitation, relative to the first release."""
    return plastic(times, {"U": p["U"], "tau_f": 0.0, "tau_d": p["tau"]}) / p["U"]


def _left(time: float, tau: float) -> float:
    return math.exp(-time / tau) if tau > 0.0 else 0.0
