"""Izhikevich's model and the dimensionless ones."""

from typing import Any

from brainloom_core.types import Arguments

from ..oracles import reduced as oracle
from ..references import Accuracy, Counts, Defaults, Ode, Reference, SpikeTimes
from .leaky import GRID, HARD

__all__ = ["REFERENCES"]

SECOND = "second order: error in proportion to the square of the step"
IZHIKEVICH = {
    "a": (0.02, "1/ms"),
    "b": (0.2, "1/ms"),
    "c": (-65.0, "mV"),
    "d": (8.0, "mV/ms"),
    "V_th": (30.0, "mV"),
    "V_initializer": (-65.0, "mV"),
    "u_initializer": (-13.0, "mV/ms"),
}


# a, b, c, d of the classes in the paper; spikes in a second at I = 10, by the code that was
# published with it and by the accurate solution. With that code the other classes are chaotic:
# how many spikes they have depends on rounding.
CLASSES = {
    "RS": (0.02, 0.2, -65.0, 8.0),
    "IB": (0.02, 0.2, -55.0, 4.0),
    "CH": (0.02, 0.2, -50.0, 2.0),
    "FS": (0.1, 0.2, -65.0, 2.0),
    "TC": (0.02, 0.25, -65.0, 0.05),
    "RZ": (0.1, 0.26, -65.0, 2.0),
    "LTS": (0.02, 0.25, -65.0, 2.0),
}
BY_PUBLISHED_CODE = {"RS": 20, "IB": 27, "CH": 43}
BY_EQUATIONS = {"RS": 23, "IB": 34, "CH": 87, "FS": 137, "TC": 277, "RZ": 196, "LTS": 78}

# Panels of the figure: parameters, initial potential, input, number of spikes, the first of them.
PANELS: dict[str, tuple[tuple[float, ...], float, list[tuple[float, float]], int, float]] = {
    "A tonic spiking": ((0.02, 0.2, -65.0, 6.0), -70.0, [(10.25, 0.0), (90.0, 14.0)], 5, 13.0),
    "C tonic bursting": ((0.02, 0.2, -50.0, 2.0), -70.0, [(22.25, 0.0), (198.0, 15.0)], 28, 25.0),
    "E mixed mode": ((0.02, 0.2, -55.0, 4.0), -70.0, [(16.25, 0.0), (144.0, 10.0)], 6, 20.0),
}


def _class(row: tuple[float, ...], V: float, **options: Any) -> Arguments:
    a, b, c, d = row
    return {
        "a": (a, "1/ms"),
        "b": (b, "1/ms"),
        "c": (c, "mV"),
        "d": (d, "mV/ms"),
        "V_th": (30.0, "mV"),
        "V_initializer": (V, "mV"),
        "u_initializer": (b * V, "mV/ms"),
        **options,
    }


def _izhikevich(extra: Arguments) -> tuple[Reference, ...]:
    return (
        Ode(
            oracle.IZHIKEVICH,
            {**IZHIKEVICH, **extra},
            [[(300.0, I)] for I in (3.0, 5.0, 10.0, 20.0)],
            "mV/ms",
            (
                Accuracy(0.1, 0.1, 0.2, f"{SECOND}; {GRID}", HARD),
                Accuracy(0.01, 2e-3, 0.015, f"{SECOND}; {GRID}", HARD),
            ),
            compared=0.8,
        ),
    )


def _smooth(potential: float, interval: float) -> tuple[Accuracy, ...]:
    return (
        Accuracy(0.1, potential, interval, SECOND),
        Accuracy(0.01, potential / 50.0, interval / 50.0 + 0.01, f"{SECOND}, plus the step"),
    )


REFERENCES: dict[str, tuple[Reference, ...]] = {
    "Izhikevich": (
        Defaults(
            {name: value for name, value in IZHIKEVICH.items() if "initializer" not in name},
            "Izhikevich (2003) IEEE Trans Neural Netw 14:1569, regular spiking",
        ),
        *_izhikevich({}),
        Counts(
            BY_PUBLISHED_CODE,
            {name: _class(row, -65.0, solver="izhikevich2003") for name, row in CLASSES.items()},
            10.0,
            "mV/ms",
            1000.0,
            1.0,
            "Izhikevich (2003) IEEE Trans Neural Netw 14:1569, the published code",
            0,
            "the same arithmetic",
            name="spikes of the classes, published scheme",
        ),
        Counts(
            BY_EQUATIONS,
            {name: _class(row, -65.0) for name, row in CLASSES.items()},
            10.0,
            "mV/ms",
            1000.0,
            0.01,
            "Izhikevich (2003) IEEE Trans Neural Netw 14:1569; LSODA, rtol 1e-10",
            2,
            f"one in a hundred at 0.01 ms; {GRID}",
            name="spikes of the classes, equations",
        ),
        *(
            SpikeTimes(
                (first + 0.25,),
                count,
                _class(row, V, solver="sequential_euler"),
                sections,
                "mV/ms",
                1e-9,
                "Izhikevich (2004) IEEE Trans Neural Netw 15:1063, figure1.m",
                "the same arithmetic; times are those of the ends of the steps",
                dt=0.25,
                name=name,
                count_tolerance=0,
            )
            for name, (row, V, sections, count, first) in PANELS.items()
        ),
    ),
    "IzhikevichRef": _izhikevich({"tau_ref": (2.0, "ms")}),
    "FitzHughNagumo": (
        Defaults(
            {"a": (0.7, None), "b": (0.8, None), "tau": (1.0, "ms"), "tau_w": (12.5, "ms")},
            "FitzHugh (1961) Biophys J 1:445, in the form with phi = 0.08",
        ),
        Ode(
            oracle.FITZHUGH_NAGUMO,
            {"V_initializer": (-1.2, None), "w_initializer": (-0.62, None)},
            [[(200.0, I)] for I in (0.2, 0.4, 0.5, 0.8)],
            None,
            _smooth(0.01, 0.2),
            compared=0.8,
        ),
    ),
    "HindmarshRose": (
        Defaults(
            {
                "a": (1.0, None),
                "b": (3.0, None),
                "c": (1.0, None),
                "d": (5.0, None),
                "r": (0.006, None),
                "s": (4.0, None),
                "V_r": (-1.6, None),
            },
            "Hindmarsh & Rose (1984) Proc R Soc Lond B 221:87",
        ),
        Ode(
            oracle.HINDMARSH_ROSE,
            {
                "V_initializer": (-1.6, None),
                "y_initializer": (-11.8, None),
                "z_initializer": (0.0, None),
            },
            [[(150.0, I)] for I in (1.0, 4.0, 6.0)],
            None,
            _smooth(0.03, 0.3),
            compared=0.8,
        ),
    ),
}
