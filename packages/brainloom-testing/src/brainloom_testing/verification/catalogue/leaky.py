"""Leaky neurons and their relatives: linear between spikes, so closed forms and exact steps."""

import numpy as np
from brainloom_core.types import Arguments

from ..oracles import integrate_and_fire as oracle
from ..oracles.equations import Array, Numbers
from ..references import (
    Accuracy,
    Defaults,
    Formula,
    Intervals,
    NoisyRates,
    Ode,
    Rates,
    Reference,
)

__all__ = ["REFERENCES", "grid", "within_step"]

JUMPS = "states other than V jump on the grid, which shifts later spikes by a part of a step"
NEURONAL_DYNAMICS = "Gerstner et al. (2014) Neuronal Dynamics, eq. 5.10"
EXACT = "linear equations under a constant current: the propagator is exact, up to rounding"
LINEAR = "linear equations: the step is exact, and the reference good to 1e-8 mV"
GRID = "spikes land on the grid: an interval is off by up to one step"

PD14 = {
    "R": (0.04, "Gohm"),
    "tau": (10.0, "ms"),
    "V_rest": (-70.0, "mV"),
    "V_reset": (-70.0, "mV"),
    "V_th": (-55.0, "mV"),
    "V_initializer": (-70.0, "mV"),
}
# Reset, rest and start differ, so that none can stand in for another.
UNEQUAL = {
    "R": (0.05, "Gohm"),
    "tau": (20.0, "ms"),
    "V_rest": (-65.0, "mV"),
    "V_reset": (-72.0, "mV"),
    "V_th": (-50.0, "mV"),
    "V_initializer": (-60.0, "mV"),
}
HARD = {"spk_reset": "hard"}

T1_CURRENTS = (376.0, 380.0, 400.0, 450.0, 500.0, 600.0, 750.0, 1000.0, 2000.0)
T1_RATES = (16.3143, 22.0715, 33.6407, 50.2069, 63.0400, 84.6862, 111.9636, 149.2529, 245.3149)


def grid(dt: float, potential: float = 1e-6, reason: str = f"{LINEAR}; {GRID}") -> Accuracy:
    """Exact potentials and spikes on the grid, with the hard reset."""
    return Accuracy(dt, potential, dt, reason, HARD)


def within_step(
    dt: float, interval: float = 1e-9, potential: float = 1e-6, reason: str = LINEAR
) -> Accuracy:
    """Spike times within the step."""
    return Accuracy(dt, potential, interval, reason, {"interpolate": True})


def _leaky_potential(times: Array, I: float, p: Numbers) -> Array:
    return np.array([oracle.lif_potential(t, I, p) for t in times])


def _perfect_potential(times: Array, I: float, p: Numbers) -> Array:
    return p["V_initializer"] + I / p["C"] * times


def _cuba_potential(times: Array, I: float, p: Numbers) -> Array:
    """The response to a decaying current; the time constants must differ."""
    steady = p["V_rest"] + p["R"] * I
    tau, tau_syn = p["tau"], p["tau_syn"]
    fast, slow = np.exp(-times / tau_syn), np.exp(-times / tau)
    response = p["R"] * p["g_initializer"] * tau_syn / (tau - tau_syn) * (slow - fast)
    return np.asarray(steady + (p["V_initializer"] - steady) * slow + response)


def _leaky(arguments: Arguments, extra: Arguments) -> tuple[Reference, ...]:
    """What every leaky neuron under a constant current obeys."""
    arguments = {**arguments, **extra}
    return (
        Formula(
            _leaky_potential,
            arguments,
            (-200.0, 50.0, 250.0),
            "pA",
            100.0,
            1e-9,
            NEURONAL_DYNAMICS,
            EXACT,
        ),
        Intervals(
            oracle.lif_interval,
            arguments,
            (330.0, 400.0, 600.0, 1500.0),
            "pA",
            400.0,
            NEURONAL_DYNAMICS,
            (grid(0.1), grid(0.05), grid(0.01), within_step(0.1)),
        ),
        Ode(
            oracle.LIF,
            arguments,
            [[(50.0, 500.0), (30.0, -100.0), (60.0, 900.0)]],
            "pA",
            (grid(0.1), within_step(0.1, 1e-7)),
            "stepwise current",
        ),
    )


def _t1(extra: Arguments) -> Rates:
    return Rates(
        T1_CURRENTS,
        T1_RATES,
        {**PD14, "tau_ref": (2.0, "ms"), **extra},
        "pA",
        500.0,
        2e-5,
        "closed form; within 0.4 % of NEST 3.10 iaf_psc_alpha at 0.01 ms",
        "spike times within the step are exact; the table has six digits",
    )


IF_ARGUMENTS = {
    "R": (0.05, "Gohm"),
    "tau": (20.0, "ms"),
    "V_th": (15.0, "mV"),
    "V_initializer": (5.0, "mV"),
}
PERFECT = {
    "C": (250.0, "pF"),
    "V_th": (-50.0, "mV"),
    "V_reset": (-60.0, "mV"),
    "V_initializer": (-58.0, "mV"),
}
ALIF_ARGUMENTS = {
    **UNEQUAL,
    "tau_a": (100.0, "ms"),
    "beta": (2.0, "mV"),
    "a_initializer": (0.0, None),
}
CUBA = {**UNEQUAL, "tau_syn": (5.0, "ms"), "g_initializer": (600.0, "pA")}
COBA = {**UNEQUAL, "tau_syn": (5.0, "ms"), "E": (0.0, "mV"), "g_initializer": (20.0, "nS")}
GIF_ARGUMENTS = {
    "R": (0.05, "Gohm"),
    "tau": (20.0, "ms"),
    "V_rest": (-70.0, "mV"),
    "V_reset": (-70.0, "mV"),
    "V_th_inf": (-50.0, "mV"),
    "V_th_reset": (-60.0, "mV"),
    "V_th_initializer": (-50.0, "mV"),
    "a": (0.005, "1/ms"),
    "b": (0.01, "1/ms"),
    "k1": (0.2, "1/ms"),
    "k2": (0.02, "1/ms"),
    "R1": (0.5, None),
    "R2": (1.0, None),
    "A1": (200.0, "pA"),
    "A2": (-60.0, "pA"),
    "V_initializer": (-70.0, "mV"),
}
GIF_CURRENTS = [[(300.0, I)] for I in (300.0, 600.0, 1000.0, 1500.0)]
GIF_CURRENTS += [[(100.0, 900.0), (50.0, 0.0), (100.0, 1500.0)]]


ESCAPE = {
    **UNEQUAL,
    "rho_0": (0.2, "1/ms"),
    "delta_u": (3.0, "mV"),
    "V_initializer": UNEQUAL["V_reset"],
    **HARD,
}


def _escape(extra: Arguments) -> tuple[Reference, ...]:
    arguments = {**ESCAPE, **extra}
    return (
        Formula(
            _leaky_potential,
            {**UNEQUAL, **extra, "rho_0": (1e-9, "1/ms"), "delta_u": (1e6, "mV")},
            (-200.0, 50.0, 250.0),
            "pA",
            100.0,
            1e-9,
            NEURONAL_DYNAMICS,
            f"{EXACT}; a hazard that is negligible",
        ),
        NoisyRates(
            oracle.escape_rate,
            arguments,
            (100.0, 300.0, 500.0),
            "pA",
            1000.0,
            200,
            "renewal theory: Gerstner et al. (2014) Neuronal Dynamics, section 9.4",
        ),
    )


RESONATOR = {
    "b": (-0.1, "1/ms"),
    "omega": (1.0, "1/ms"),
    "V_th": (1.0, "mV"),
    "V_reset": (0.2, "mV"),
    "x_reset": (-0.3, "mV"),
    "V_initializer": (0.1, "mV"),
    "x_initializer": (0.4, "mV"),
}


def _resonance(times: Array, I: float, p: Numbers) -> Array:
    """The imaginary part of the damped oscillation."""
    rate = complex(p["b"], p["omega"])
    start = complex(p["x_initializer"], p["V_initializer"])
    return np.imag((start + I / rate) * np.exp(rate * times) - I / rate)


def _gif(extra: Arguments) -> tuple[Reference, ...]:
    return (
        Ode(
            oracle.GIF,
            {**GIF_ARGUMENTS, **extra},
            GIF_CURRENTS,
            "pA",
            (grid(0.1), grid(0.01), within_step(0.1, 0.03, reason=JUMPS)),
        ),
    )


REFERENCES: dict[str, tuple[Reference, ...]] = {
    "IF": (
        Formula(
            lambda t, I, p: _leaky_potential(t, I, {**p, "V_rest": 0.0}),
            IF_ARGUMENTS,
            (-200.0, 250.0),
            "pA",
            100.0,
            1e-9,
            NEURONAL_DYNAMICS,
            EXACT,
        ),
        Intervals(
            lambda I, p: oracle.lif_interval(I, {**p, "V_rest": 0.0, "V_reset": 0.0}),
            IF_ARGUMENTS,
            (330.0, 400.0, 600.0, 1500.0),
            "pA",
            400.0,
            NEURONAL_DYNAMICS,
            (grid(0.1), grid(0.01), within_step(0.1)),
        ),
    ),
    "PerfectIF": (
        Formula(
            _perfect_potential,
            PERFECT,
            (-100.0, 50.0),
            "pA",
            30.0,
            1e-9,
            "integral of the current",
            EXACT,
        ),
        Intervals(
            lambda I, p: p["C"] * (p["V_th"] - p["V_reset"]) / I,
            PERFECT,
            (30.0, 101.0, 402.0, 807.0),
            "pA",
            400.0,
            "integral of the current",
            (grid(0.1), grid(0.01), within_step(0.1)),
        ),
    ),
    "LIF": _leaky(UNEQUAL, {}),
    "LIFRef": (*_leaky(UNEQUAL, {"tau_ref": (3.0, "ms")}), _t1({"interpolate": True})),
    "ALIF": (
        *_leaky(UNEQUAL, {"beta": (0.0, "mV")}),
        Ode(
            oracle.ALIF,
            ALIF_ARGUMENTS,
            [[(300.0, I)] for I in (350.0, 500.0, 1000.0, 2000.0)],
            "pA",
            (grid(0.1), grid(0.01), within_step(0.1, 0.03, reason=JUMPS)),
        ),
    ),
    "CubaLIF": (
        *_leaky(UNEQUAL, {"g_initializer": (0.0, "pA")}),
        Formula(
            _cuba_potential,
            CUBA,
            (-100.0, 0.0, 100.0),
            "pA",
            60.0,
            1e-9,
            "two exponentials",
            EXACT,
            name="V after a synaptic jump",
        ),
        Ode(
            oracle.CUBA_LIF,
            {**CUBA, "tau_syn": (20.0, "ms"), "g_initializer": (900.0, "pA")},
            [[(80.0, I)] for I in (0.0, 200.0, 600.0)],
            "pA",
            (grid(0.1), grid(0.01)),
            "equal time constants",
        ),
    ),
    "CobaLIF": (
        *_leaky(UNEQUAL, {"g_initializer": (0.0, "nS")}),
        Ode(
            oracle.COBA_LIF,
            COBA,
            [[(80.0, I)] for I in (0.0, 200.0, 600.0)],
            "pA",
            (
                grid(0.1, 0.02, f"second order at 0.1 ms, a fiftieth of tau_syn; {GRID}"),
                grid(0.01, 2e-4, f"second order: a hundredth of what 0.1 ms allows; {GRID}"),
            ),
        ),
    ),
    "MultiReceptorLIF": (
        *_leaky(UNEQUAL, {"tau_ref": (3.0, "ms")}),
        Defaults(
            {"E": ([0.0, -80.0], "mV"), "tau_syn": ([5.0, 10.0], "ms"), "tau": (20.0, "ms")},
            "Brette et al. (2007) J Comput Neurosci 23:349, network COBA",
        ),
    ),
    "EscapeLIF": _escape({}),
    "EscapeLIFRef": _escape({"tau_ref": (3.0, "ms")}),
    "ResonateAndFire": (
        Formula(
            _resonance,
            RESONATOR,
            (-0.3, 0.0, 0.3),
            "mV/ms",
            50.0,
            1e-9,
            "Izhikevich (2001) Neural Netw 14:883",
            EXACT,
        ),
        Ode(
            oracle.RESONATE,
            RESONATOR,
            [[(60.0, 0.8)], [(20.0, 0.0), (2.0, 1.5), (3.0, 0.0), (2.0, 1.5), (30.0, 0.0)]],
            "mV/ms",
            (grid(0.05), grid(0.005)),
        ),
    ),
    "Gif": _gif({}),
    "GifRef": _gif({"tau_ref": (1.7, "ms")}),
}
