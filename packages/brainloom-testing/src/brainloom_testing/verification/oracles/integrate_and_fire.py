"""Integrate-and-fire neurons: in mV and ms, R times a current being in mV."""

import math

from scipy.integrate import solve_ivp

from .equations import Equations, Numbers, State

__all__ = [
    "ADEX",
    "AD_QUA_IF",
    "ALIF",
    "COBA_LIF",
    "CUBA_LIF",
    "EXP_IF",
    "GIF",
    "LIF",
    "QUA_IF",
    "RESONATE",
    "escape_rate",
    "first_passage",
    "lif_interval",
    "lif_potential",
    "quadratic_interval",
]


def lif_potential(t: float, I: float, p: Numbers) -> float:
    """The potential of a leaky neuron under a constant current, before the first spike."""
    steady = p["V_rest"] + p["R"] * I
    return steady + (p["V_initializer"] - steady) * math.exp(-t / p["tau"])


def first_passage(I: float, p: Numbers, start: float) -> float:
    """The time at which a leaky neuron reaches threshold; infinite where it never does."""
    drive = p["V_rest"] + p["R"] * I
    if drive <= p["V_th"]:
        return math.inf
    return p["tau"] * math.log((drive - start) / (drive - p["V_th"]))


def lif_interval(I: float, p: Numbers) -> float:
    """The period of a leaky neuron under a constant current."""
    return p.get("tau_ref", 0.0) + first_passage(I, p, p["V_reset"])


def quadratic_interval(I: float, p: Numbers) -> float:
    """The period of a quadratic neuron above its rheobase."""
    middle, half = (p["V_rest"] + p["V_c"]) / 2.0, (p["V_c"] - p["V_rest"]) / 2.0
    k = math.sqrt(p["R"] * I / p["c"] - half**2)
    angle = math.atan((p["V_th"] - middle) / k) - math.atan((p["V_reset"] - middle) / k)
    return p.get("tau_ref", 0.0) + p["tau"] / (p["c"] * k) * angle


def escape_rate(I: float, p: Numbers) -> float:
    """Rate in Hz of a leaky neuron with escape noise, reset to `V_reset`: a renewal process."""
    after_reset = {**p, "V_initializer": p["V_reset"]}

    def drift(t: float, y: State) -> State:
        V = lif_potential(t, I, after_reset)
        exponent = min((V - p["V_th"]) / p["delta_u"], 30.0)
        return [p["rho_0"] * math.exp(exponent), math.exp(-max(y[0], 0.0))]

    def over(t: float, y: State) -> float:
        return y[0] - 40.0

    over.terminal = True  # type: ignore[attr-defined]
    solved = solve_ivp(drift, (0.0, 1e5), [0.0, 0.0], rtol=1e-9, atol=1e-12, events=[over])
    return 1000.0 / (p.get("tau_ref", 0.0) + float(solved.y[1, -1]))


def leak(V: float, I: float, p: Numbers) -> float:
    return (p["V_rest"] - V + p["R"] * I) / p["tau"]


def above(y: State, p: Numbers) -> float:
    return y[0] - p["V_th"]


def upswing(V: float, p: Numbers) -> float:
    """The exponential current; beyond e^60 only trial steps of the integrator reach."""
    return p["delta_T"] * math.exp(min((V - p["V_T"]) / p["delta_T"], 60.0)) / p["tau"]


def lif_drift(y: State, I: float, p: Numbers) -> State:
    return [leak(y[0], I, p)]


def exp_if_drift(y: State, I: float, p: Numbers) -> State:
    return [leak(y[0], I, p) + upswing(y[0], p)]


def adex_drift(y: State, I: float, p: Numbers) -> State:
    V, w = y
    return [leak(V, I - w, p) + upswing(V, p), (p["a"] * (V - p["V_rest"]) - w) / p["tau_w"]]


def qua_if_drift(y: State, I: float, p: Numbers) -> State:
    V = y[0]
    return [(p["c"] * (V - p["V_rest"]) * (V - p["V_c"]) + p["R"] * I) / p["tau"]]


def ad_qua_if_drift(y: State, I: float, p: Numbers) -> State:
    V, w = y
    return [*qua_if_drift([V], I - w, p), (p["a"] * (V - p["V_rest"]) - w) / p["tau_w"]]


def alif_drift(y: State, I: float, p: Numbers) -> State:
    V, a = y
    return [leak(V, I, p), -a / p["tau_a"]]


def alif_excess(y: State, p: Numbers) -> float:
    return y[0] - p["V_th"] - p["beta"] * y[1]


def gif_drift(y: State, I: float, p: Numbers) -> State:
    V, I1, I2, theta = y
    return [
        leak(V, I + I1 + I2, p),
        -p["k1"] * I1,
        -p["k2"] * I2,
        p["a"] * (V - p["V_rest"]) - p["b"] * (theta - p["V_th_inf"]),
    ]


def gif_jump(y: State, p: Numbers) -> State:
    _, I1, I2, theta = y
    return [
        p["V_reset"],
        p["R1"] * I1 + p["A1"],
        p["R2"] * I2 + p["A2"],
        max(theta, p["V_th_reset"]),
    ]


def cuba_lif_drift(y: State, I: float, p: Numbers) -> State:
    V, g = y
    return [leak(V, I + g, p), -g / p["tau_syn"]]


def coba_lif_drift(y: State, I: float, p: Numbers) -> State:
    V, g = y
    return [leak(V, I + g * (p["E"] - V), p), -g / p["tau_syn"]]


def resonate_drift(y: State, I: float, p: Numbers) -> State:
    V, x = y
    return [p["omega"] * x + p["b"] * V, p["b"] * x - p["omega"] * V + I]


def to_reset(y: State, p: Numbers) -> State:
    return [p["V_reset"], *y[1:]]


def to_reset_with_b(y: State, p: Numbers) -> State:
    return [p["V_reset"], y[1] + p["b"]]


def at_initial_potential(p: Numbers) -> State:
    return [p["V_initializer"]]


def at_initial_w(p: Numbers) -> State:
    return [p["V_initializer"], p["w_initializer"]]


def at_initial_g(p: Numbers) -> State:
    return [p["V_initializer"], p["g_initializer"]]


LIF = Equations(("V",), lif_drift, at_initial_potential, above, to_reset, source="Lapicque (1907)")
ALIF = Equations(
    ("V", "a"),
    alif_drift,
    lambda p: [p["V_initializer"], 0.0],
    alif_excess,
    lambda y, p: [p["V_reset"], y[1] + 1.0],
    source="Bellec et al. (2018) arXiv:1803.09574",
)
EXP_IF = Equations(
    ("V",),
    exp_if_drift,
    at_initial_potential,
    above,
    to_reset,
    source="Fourcaud-Trocmé et al. (2003) J Neurosci 23:11628",
)
ADEX = Equations(
    ("V", "w"),
    adex_drift,
    at_initial_w,
    above,
    to_reset_with_b,
    source="Brette & Gerstner (2005) J Neurophysiol 94:3637",
)
QUA_IF = Equations(
    ("V",),
    qua_if_drift,
    at_initial_potential,
    above,
    to_reset,
    source="Latham et al. (2000) J Neurophysiol 83:808",
)
AD_QUA_IF = Equations(
    ("V", "w"),
    ad_qua_if_drift,
    at_initial_w,
    above,
    to_reset_with_b,
    source="Izhikevich (2007) Dynamical Systems in Neuroscience, ch. 8",
)
GIF = Equations(
    ("V", "I1", "I2", "V_th"),
    gif_drift,
    lambda p: [p["V_initializer"], 0.0, 0.0, p["V_th_initializer"]],
    lambda y, p: y[0] - y[3],
    gif_jump,
    source="Mihalas & Niebur (2009) Neural Comput 21:704",
)
CUBA_LIF = Equations(
    ("V", "g"), cuba_lif_drift, at_initial_g, above, to_reset, source="Brette et al. (2007)"
)
COBA_LIF = Equations(
    ("V", "g"), coba_lif_drift, at_initial_g, above, to_reset, source="Brette et al. (2007)"
)
RESONATE = Equations(
    ("V", "x"),
    resonate_drift,
    lambda p: [p["V_initializer"], p["x_initializer"]],
    above,
    lambda y, p: [p["V_reset"], p["x_reset"]],
    source="Izhikevich (2001) Neural Netw 14:883",
)
