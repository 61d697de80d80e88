"""What the models are held to by `brainloom verify`: the published equations, written once more.

The equations are plain numbers in mV, ms, pA, pF and nS, as the papers have them, and are solved by
scipy to 1e-10.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from brainloom_testing.verification import (
    Accuracy,
    Defaults,
    Equations,
    Intervals,
    Ode,
    Rest,
)

__all__ = [
    "GLIF1",
    "GLIF2",
    "GLIF3",
    "GLIF4",
    "GLIF5",
    "HILL_TONONI",
    "LIN_RATE_IPN",
    "MAT",
    "MIHALAS_NIEBUR",
    "PINSKY_RINZEL",
    "SIGMOID_RATE_IPN",
    "TANH_RATE_IPN",
    "THRESHOLD_LIN_RATE_IPN",
    "WILSON_COWAN",
]

STEP = "spikes lie on the grid: a step for each interval"
EXACT = (
    Accuracy(0.1, 1e-6, 0.1, f"declared to be exact; {STEP}"),
    Accuracy(0.01, 1e-6, 0.01, f"declared to be exact; {STEP}"),
)
SECOND = "second order: a fiftieth of what 0.1 ms allows, plus the step"


# Mihalas and Niebur


def _mihalas_niebur(a: float, A1: float, A2: float) -> Equations:
    """Potentials in mV, times in ms, internal currents over C in mV / ms; a per s."""
    return Equations(
        ("V", "theta", "i1", "i2"),
        lambda y, I, p: [
            I / 100.0 + y[2] + y[3] - 0.05 * (y[0] + 70.0),
            1e-3 * (a * (y[0] + 70.0) - 10.0 * (y[1] + 50.0)),
            -0.2 * y[2],
            -0.02 * y[3],
        ],
        lambda p: [-70.0, -50.0, 0.0, 0.0],
        lambda y, p: y[0] - y[1],
        lambda y, p: [-70.0, max(y[1], -60.0), A1, y[3] + A2],
        source="Mihalas & Niebur (2009) Neural Comput 21:704, equations 2.1 and 2.2",
    )


def _pattern(name: str, a: float, A1: float, A2: float, sections: Any) -> Ode:
    arguments = {
        "a": (1e-3 * a, "1/ms"),
        "A1": (100.0 * A1, "pA"),
        "A2": (100.0 * A2, "pA"),
    }
    # A burst begins with intervals of 2 ms, of which a step of 0.1 ms is 5 %.
    accuracies = (Accuracy(0.01, 1e-6, 0.02, "a step for each interval, and what follows from it"),)
    return Ode(_mihalas_niebur(a, A1, A2), arguments, [sections], "pA", accuracies, name)


MIHALAS_NIEBUR = (
    _pattern("tonic spiking", 0.0, 0.0, 0.0, [(200.0, 150.0)]),
    _pattern("adaptation", 5.0, 0.0, 0.0, [(200.0, 200.0)]),
    _pattern("rebound spike", 5.0, 0.0, 0.0, [(50.0, 0.0), (756.0, -350.0), (194.0, 0.0)]),
    _pattern("phasic bursting", 5.0, 10.0, -0.6, [(300.0, 150.0)]),
    Defaults(
        {
            "E_L": (-70.0, "mV"),
            "V_reset": (-70.0, "mV"),
            "V_th_inf": (-50.0, "mV"),
            "V_th_reset": (-60.0, "mV"),
            "b": (10.0, "Hz"),
            "k1": (200.0, "Hz"),
            "k2": (20.0, "Hz"),
            "R1": (0.0, None),
            "R2": (1.0, None),
        },
        "Mihalas & Niebur (2009) Neural Comput 21:704, table 1",
    ),
)


# GLIF

C, G, E, TH, B_S, K1, K2, A_V, B_V = 58.72, 9.43, -78.85, -51.68, 0.009, 0.003, 0.1, 0.005, 0.09
TEETER = "Teeter et al. (2018) Nat Commun 9:709, equations 1 to 4"
AT_ONCE = {"tau_ref": (0.0, "ms")}


def _glif(rules: bool, currents: bool, follows: bool) -> Equations:
    """All five models, V, spike threshold, two currents and voltage threshold, without a delay."""

    def drift(y: Sequence[float], I: float, p: Any) -> list[float]:
        V, s, i1, i2, v = y
        dv = A_V * (V - E) - B_V * v if follows else 0.0
        return [(I + i1 + i2 - G * (V - E)) / C, -B_S * s, -K1 * i1, -K2 * i2, dv]

    def jump(y: Sequence[float], p: Any) -> list[float]:
        V, s, i1, i2, v = y
        if currents:
            i1, i2 = i1 - 9.18, i2 - 198.94
        return [E + 0.2 * (V - E) + 18.51 if rules else E, s + 0.37 if rules else s, i1, i2, v]

    return Equations(
        ("V", "s", "i1", "i2", "v"),
        drift,
        lambda p: [E, 0.0, 0.0, 0.0, 0.0],
        lambda y, p: y[0] - (TH + y[1] + y[4]),
        jump,
        source=TEETER,
    )


def _interval(I: float, p: Any) -> float:
    reach = I / G
    if reach <= TH - E:
        return math.inf
    return C / G * math.log(reach / (reach - (TH - E))) + 3.8  # 3.75 ms are 38 steps


GLIF1 = (
    Intervals(_interval, {}, (250.0, 300.0, 400.0, 800.0), "pA", 300.0, TEETER, EXACT[:1]),
    Ode(_glif(False, False, False), AT_ONCE, [[(60.0, 300.0)]], "pA", EXACT),
)
GLIF2 = (Ode(_glif(True, False, False), AT_ONCE, [[(60.0, 300.0)]], "pA", EXACT),)
GLIF3 = (Ode(_glif(False, True, False), AT_ONCE, [[(100.0, 350.0)]], "pA", EXACT),)
GLIF4 = (Ode(_glif(True, True, False), AT_ONCE, [[(100.0, 350.0)]], "pA", EXACT),)
GLIF5 = (Ode(_glif(True, True, True), AT_ONCE, [[(100.0, 350.0)]], "pA", EXACT),)


# Multi-timescale adaptive threshold

MAT = (
    Ode(
        Equations(
            ("V", "H1", "H2"),
            lambda y, I, p: [(-70.0 - y[0] + 0.05 * I) / 5.0, -y[1] / 10.0, -y[2] / 200.0],
            lambda p: [-70.0, 0.0, 0.0],
            lambda y, p: y[0] - (-51.0 + y[1] + y[2]),
            lambda y, p: [y[0], y[1] + 37.0, y[2] + 2.0],
            source="Kobayashi, Tsubo & Shinomoto (2009) Front Comput Neurosci 3:9",
        ),
        AT_ONCE,
        [[(300.0, 600.0)], [(100.0, 500.0), (100.0, 800.0)]],
        "pA",
        EXACT,
    ),
)


# Hill and Tononi


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _steady(V: float) -> list[float]:
    D = 1250.0 * 0.025 * _sigmoid((V + 10.0) / 5.0) + 0.001
    m_T, h_T = _sigmoid((V + 59.0) / 6.2), _sigmoid(-(V + 83.0) / 4.0)
    return [_sigmoid(-(V + 75.0) / 5.5), D, m_T, h_T]


def _hill_tononi(y: Sequence[float], I: float, p: Any) -> list[float]:
    V, theta, m_h, D, m_T, h_T = y
    ends = _steady(V)
    tau_h = 1.0 / (math.exp(-14.59 - 0.086 * V) + math.exp(-1.87 + 0.0701 * V))
    tau_m = 0.22 / (math.exp(-(V + 132.0) / 16.7) + math.exp((V + 16.8) / 18.2)) + 0.13
    late = 56.6 + 0.27 * math.exp((V + 115.2) / 5.0)
    tau_l = 8.2 + late / (1.0 + math.exp((V + 86.0) / 3.2))
    currents = (
        -0.2 * (V - 30.0) - (V + 90.0),
        -(_sigmoid((V + 55.7) / 7.7) ** 3) * (V - 30.0),
        -(V + 90.0) / (1.0 + (0.25 / D) ** 3.5),
        -(m_T**2) * h_T * V,
        -m_h * (V + 40.0),
    )
    gates = zip(ends, (m_h, D, m_T, h_T), (tau_h, 1250.0, tau_m, tau_l), strict=True)
    moved = [(end - x) / tau for end, x, tau in gates]
    return [(sum(currents) + I) / 16.0, -(theta + 51.0) / 2.0, *moved]


HILL_TONONI = (
    Ode(
        Equations(
            ("V", "theta", "m_h", "D", "m_T", "h_T"),
            _hill_tononi,
            lambda p: [-70.0, -51.0, *_steady(-70.0)],
            lambda y, p: y[0] - y[1],
            source="Hill & Tononi (2005) J Neurophysiol 93:1671 as in ht_neuron of NEST",
        ),
        {},
        [[(60.0, -10.0)], [(16.0, 20.0)]],
        "mV",
        (
            Accuracy(0.1, 0.05, 0.2, "second order; up to the first spike"),
            Accuracy(0.01, 0.001, 0.014, SECOND),
        ),
        compared=0.9,
    ),
)


# Pinsky and Rinzel


def _linoid(x: float, width: float) -> float:
    return x / (math.exp(x / width) - 1.0)


def _pinsky_rinzel(y: Sequence[float], I: float, p: Any) -> list[float]:
    v, w, Ca, h, n, s, c, q = y[0] + 60.0, y[1] + 60.0, *y[2:]
    a_m, b_m = 0.32 * _linoid(13.1 - v, 4.0), 0.28 * _linoid(v - 40.1, 5.0)
    m = a_m / (a_m + b_m)
    falling = 2.0 * math.exp((6.5 - w) / 27.0)
    a_c = falling if w > 50.0 else math.exp((w - 10.0) / 11.0 - (w - 6.5) / 27.0) / 18.975
    rates = (
        (h, 0.128 * math.exp((17.0 - v) / 18.0), 4.0 / (1.0 + math.exp((40.0 - v) / 5.0))),
        (n, 0.016 * _linoid(35.1 - v, 5.0), 0.25 * math.exp(0.5 - 0.025 * v)),
        (s, 1.6 / (1.0 + math.exp(-0.072 * (w - 65.0))), 0.02 * _linoid(w - 51.1, 5.0)),
        (c, a_c, falling - a_c),
        (q, min(2e-5 * Ca, 0.01), 0.001),
    )
    I_Ca = 10.0 * s**2 * (w - 140.0)
    open_ = 0.8 * q + 15.0 * c * min(Ca / 250.0, 1.0)
    soma = -0.1 * v - 30.0 * m**2 * h * (v - 120.0) - 15.0 * n * (v + 15.0)
    dendrite = -0.1 * w - I_Ca - open_ * (w + 15.0)
    flows = 2.1 * (w - v)
    moved = [opening * (1.0 - x) - closing * x for x, opening, closing in rates]
    return [
        (soma + (flows + I) / 0.5) / 3.0,
        (dendrite - flows / 0.5) / 3.0,
        -0.13 * I_Ca - 0.075 * Ca,
        *moved,
    ]


PINSKY_RINZEL = (
    Ode(
        Equations(
            ("V", "V_d", "Ca", "h", "n", "s", "c", "q"),
            _pinsky_rinzel,
            lambda p: [-64.6, -64.5, 0.2, 0.999, 0.001, 0.009, 0.007, 0.01],
            lambda y, p: y[0] + 20.0,
            source="Pinsky & Rinzel (1994) J Comput Neurosci 1:39",
        ),
        {},
        [[(120.0, 0.75)], [(80.0, 1.5)]],
        "uA",
        (
            Accuracy(
                0.05, 0.2, 0.2, "second order at 0.05 ms: 0.4 % of the way to the first spike"
            ),
            Accuracy(0.01, 0.01, 0.018, "second order: a twenty-fifth, plus the step"),
        ),
        compared=0.9,
    ),
)


# Rate units


def _fixed(gain: Callable[[float], float], arguments: dict[str, Any]) -> Rest:
    """The rate at which a unit stays: mu + gain over the rate of decay."""
    given = {**arguments, "mu": (0.25, None), "lambda_": (0.8, None)}
    value = (0.25 + gain(0.7)) / 0.8
    source = "Hahne et al. (2017) Front Neuroinform 11:34, equation 1"
    reason = "a step is exact for an input that stays; exp(-40) is left"
    return Rest({"r": value}, given, source, 1e-9, reason, current=0.7, unit=None, name="held rate")


LIN_RATE_IPN = (_fixed(lambda x: 1.5 * x, {"g": (1.5, None)}),)
THRESHOLD_LIN_RATE_IPN = (
    _fixed(lambda x: 1.5 * (x - 0.2), {"g": (1.5, None), "theta": (0.2, None)}),
    _fixed(lambda x: 0.0, {"theta": (0.9, None)}),
    _fixed(lambda x: 0.3, {"alpha": (0.3, None)}),
)
SIGMOID_RATE_IPN = (
    _fixed(
        lambda x: 2.0 * _sigmoid(3.0 * (x - 0.4)),
        {"g": (2.0, None), "beta": (3.0, None), "theta": (0.4, None)},
    ),
)
TANH_RATE_IPN = (
    _fixed(lambda x: math.tanh(1.5 * (x - 0.2)), {"g": (1.5, None), "theta": (0.2, None)}),
)


def _wilson_cowan(P: float) -> dict[str, float]:
    """The state in which both populations stay, by Newton's method on the paper's equations."""
    from scipy.optimize import root

    def response(x: float, a: float, theta: float) -> float:
        return _sigmoid(a * (x - theta)) - _sigmoid(-a * theta)

    def off(y: Sequence[float]) -> list[float]:
        (E, J), k_E, k_J = y, _sigmoid(1.3 * 4.0), _sigmoid(2.0 * 3.7)
        return [
            -E + (k_E - E) * response(16.0 * E - 12.0 * J + P, 1.3, 4.0),
            -J + (k_J - J) * response(15.0 * E - 3.0 * J, 2.0, 3.7),
        ]

    E, J = root(off, [0.45, 0.45], tol=1e-13).x
    return {"E": float(E), "J": float(J)}


WILSON_COWAN = (
    Rest(
        _wilson_cowan(5.0),
        {"P": (5.0, None)},
        "Wilson & Cowan (1972) Biophys J 12:1, equations 11 and 12",
        1e-6,
        "a fixed point does not depend on the step",
        unit=None,
        name="strongly driven",
    ),
)
