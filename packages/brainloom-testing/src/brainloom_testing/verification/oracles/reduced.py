"""Izhikevich's model, and the dimensionless ones."""

from .equations import Equations, Numbers, State

__all__ = ["FITZHUGH_NAGUMO", "HINDMARSH_ROSE", "IZHIKEVICH"]


def izhikevich_drift(y: State, I: float, p: Numbers) -> State:
    V, u = y
    return [0.04 * V * V + 5.0 * V + 140.0 - u + I, p["a"] * (p["b"] * V - u)]


def fitzhugh_nagumo_drift(y: State, I: float, p: Numbers) -> State:
    V, w = y
    return [(V - V**3 / 3.0 - w + I) / p["tau"], (V + p["a"] - p["b"] * w) / p["tau_w"]]


def hindmarsh_rose_drift(y: State, I: float, p: Numbers) -> State:
    x, v, z = y
    return [
        (v - p["a"] * x**3 + p["b"] * x * x - z + I) / p["tau"],
        (p["c"] - p["d"] * x * x - v) / p["tau"],
        p["r"] * (p["s"] * (x - p["V_r"]) - z) / p["tau"],
    ]


def above(y: State, p: Numbers) -> float:
    return y[0] - p["V_th"]


IZHIKEVICH = Equations(
    ("V", "u"),
    izhikevich_drift,
    lambda p: [p["V_initializer"], p["u_initializer"]],
    above,
    lambda y, p: [p["c"], y[1] + p["d"]],
    parameters={
        "a": 0.02,
        "b": 0.2,
        "c": -65.0,
        "d": 8.0,
        "V_th": 30.0,
        "V_initializer": -65.0,
        "u_initializer": -13.0,
    },
    source="Izhikevich (2003) IEEE Trans Neural Netw 14:1569",
)
FITZHUGH_NAGUMO = Equations(
    ("V", "w"),
    fitzhugh_nagumo_drift,
    lambda p: [p["V_initializer"], p["w_initializer"]],
    above,
    parameters={
        "a": 0.7,
        "b": 0.8,
        "tau": 1.0,
        "tau_w": 12.5,
        "V_th": 1.0,
        "V_initializer": -1.2,
        "w_initializer": -0.62,
    },
    source="FitzHugh (1961) Biophys J 1:445",
)
HINDMARSH_ROSE = Equations(
    ("V", "y", "z"),
    hindmarsh_rose_drift,
    lambda p: [p["V_initializer"], p["y_initializer"], p["z_initializer"]],
    above,
    parameters={
        "a": 1.0,
        "b": 3.0,
        "c": 1.0,
        "d": 5.0,
        "r": 0.006,
        "s": 4.0,
        "V_r": -1.6,
        "tau": 1.0,
        "V_th": 1.0,
        "V_initializer": -1.6,
        "y_initializer": -10.0,
        "z_initializer": 0.0,
    },
    source="Hindmarsh & Rose (1984) Proc R Soc Lond B 221:87",
)
