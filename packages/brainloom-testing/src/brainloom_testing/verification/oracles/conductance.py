"""Conductance-based neurons: per cm², in mV, ms, µA, mS and µF."""

import math

from .equations import Equations, Numbers, State

__all__ = ["HH", "MORRIS_LECAR", "TRAUB_MILES", "WANG_BUZSAKI"]


def ratio(x: float, scale: float) -> float:
    """The form of most opening rates, x / (1 - exp(-x / scale)), with its limit at 0."""
    z = x / scale
    return scale * (1.0 + z / 2.0) if abs(z) < 1e-8 else x / -math.expm1(-z)


def hh_rates(V: float) -> tuple[tuple[float, float], ...]:
    """Opening and closing rates of m, h and n at 6.3 °C, rest at -65 mV."""
    return (
        (0.1 * ratio(V + 40.0, 10.0), 4.0 * math.exp(-(V + 65.0) / 18.0)),
        (0.07 * math.exp(-(V + 65.0) / 20.0), 1.0 / (1.0 + math.exp(-(V + 35.0) / 10.0))),
        (0.01 * ratio(V + 55.0, 10.0), 0.125 * math.exp(-(V + 65.0) / 80.0)),
    )


def hh_drift(y: State, I: float, p: Numbers) -> State:
    V, m, h, n = y
    current = p["gNa"] * m**3 * h * (V - p["ENa"])
    current += p["gK"] * n**4 * (V - p["EK"]) + p["gL"] * (V - p["EL"])
    gates = zip((m, h, n), hh_rates(V), strict=True)
    return [(I - current) / p["C"], *(a * (1.0 - x) - b * x for x, (a, b) in gates)]


def hh_start(p: Numbers) -> State:
    V = p["V_initializer"]
    return [V, *(a / (a + b) for a, b in hh_rates(V))]


def wang_buzsaki_rates(V: float) -> tuple[tuple[float, float], ...]:
    """Opening and closing rates of m, h and n, without the factor phi."""
    return (
        (0.1 * ratio(V + 35.0, 10.0), 4.0 * math.exp(-(V + 60.0) / 18.0)),
        (0.07 * math.exp(-(V + 58.0) / 20.0), 1.0 / (1.0 + math.exp(-0.1 * (V + 28.0)))),
        (0.01 * ratio(V + 34.0, 10.0), 0.125 * math.exp(-(V + 44.0) / 80.0)),
    )


def wang_buzsaki_drift(y: State, I: float, p: Numbers) -> State:
    V, h, n = y
    (am, bm), *rates = wang_buzsaki_rates(V)
    current = p["gNa"] * (am / (am + bm)) ** 3 * h * (V - p["ENa"])
    current += p["gK"] * n**4 * (V - p["EK"]) + p["gL"] * (V - p["EL"])
    gates = zip((h, n), rates, strict=True)
    return [(I - current) / p["C"], *(p["phi"] * (a * (1.0 - x) - b * x) for x, (a, b) in gates)]


def wang_buzsaki_start(p: Numbers) -> State:
    V = p["V_initializer"]
    _, *rates = wang_buzsaki_rates(V)
    steady = [a / (a + b) for a, b in rates]
    return [V, p.get("h_initializer", steady[0]), p.get("n_initializer", steady[1])]


def traub_miles_rates(v: float) -> tuple[tuple[float, float], ...]:
    """Opening and closing rates of m, h and n, v being relative to VT."""
    return (
        (0.32 * ratio(v - 13.0, 4.0), 0.28 * ratio(40.0 - v, 5.0)),
        (0.128 * math.exp((17.0 - v) / 18.0), 4.0 / (1.0 + math.exp((40.0 - v) / 5.0))),
        (0.032 * ratio(v - 15.0, 5.0), 0.5 * math.exp((10.0 - v) / 40.0)),
    )


def traub_miles_drift(y: State, I: float, p: Numbers) -> State:
    V, m, h, n = y
    current = p["gNa"] * m**3 * h * (V - p["ENa"])
    current += p["gK"] * n**4 * (V - p["EK"]) + p["gL"] * (V - p["EL"])
    gates = zip((m, h, n), traub_miles_rates(V - p["V_T"]), strict=True)
    return [(I - current) / p["C"], *(a * (1.0 - x) - b * x for x, (a, b) in gates)]


def traub_miles_start(p: Numbers) -> State:
    V = p["V_initializer"]
    return [V, *(a / (a + b) for a, b in traub_miles_rates(V - p["V_T"]))]


def morris_lecar_drift(y: State, I: float, p: Numbers) -> State:
    V, W = y
    M = 0.5 * (1.0 + math.tanh((V - p["V1"]) / p["V2"]))
    steady = 0.5 * (1.0 + math.tanh((V - p["V3"]) / p["V4"]))
    rate = p["phi"] * math.cosh((V - p["V3"]) / (2.0 * p["V4"]))
    current = p["g_Ca"] * M * (V - p["V_Ca"]) + p["g_K"] * W * (V - p["V_K"])
    current += p["g_leak"] * (V - p["V_leak"])
    return [(I - current) / p["C"], rate * (steady - W)]


def above(y: State, p: Numbers) -> float:
    return y[0] - p["V_th"]


HH = Equations(
    ("V", "m", "h", "n"),
    hh_drift,
    hh_start,
    above,
    parameters={
        "ENa": 50.0,
        "gNa": 120.0,
        "EK": -77.0,
        "gK": 36.0,
        "EL": -54.387,
        "gL": 0.3,
        "C": 1.0,
        "V_th": -30.0,
        "V_initializer": -65.0,
    },
    source="Hodgkin & Huxley (1952) J Physiol 117:500, modern sign, rest at -65 mV",
)
WANG_BUZSAKI = Equations(
    ("V", "h", "n"),
    wang_buzsaki_drift,
    wang_buzsaki_start,
    above,
    parameters={
        "ENa": 55.0,
        "gNa": 35.0,
        "EK": -90.0,
        "gK": 9.0,
        "EL": -65.0,
        "gL": 0.1,
        "C": 1.0,
        "phi": 5.0,
        "V_th": -40.0,
        "V_initializer": -65.0,
    },
    source="Wang & Buzsáki (1996) J Neurosci 16:6402",
)
TRAUB_MILES = Equations(
    ("V", "m", "h", "n"),
    traub_miles_drift,
    traub_miles_start,
    above,
    parameters={
        "ENa": 50.0,
        "gNa": 100.0,
        "EK": -90.0,
        "gK": 30.0,
        "EL": -60.0,
        "gL": 0.05,
        "C": 1.0,
        "V_T": -63.0,
        "V_th": -20.0,
        "V_initializer": -65.0,
    },
    source="Traub & Miles (1991) as in Brette et al. (2007) J Comput Neurosci 23:349",
)
MORRIS_LECAR = Equations(
    ("V", "W"),
    morris_lecar_drift,
    lambda p: [p["V_initializer"], p["W_initializer"]],
    above,
    parameters={
        "V_Ca": 120.0,
        "g_Ca": 4.4,
        "V_K": -84.0,
        "g_K": 8.0,
        "V_leak": -60.0,
        "g_leak": 2.0,
        "C": 20.0,
        "V1": -1.2,
        "V2": 18.0,
        "V3": 2.0,
        "V4": 30.0,
        "phi": 0.04,
        "V_th": 10.0,
        "V_initializer": -60.8555,
        "W_initializer": 0.014915,
    },
    source="Morris & Lecar (1981) Biophys J 35:193; Rinzel & Ermentrout (1998)",
)
