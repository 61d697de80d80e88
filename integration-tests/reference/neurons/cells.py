"""The cells and the currents that every simulator is given, and the files that are written.

Standard library only: it is imported by scripts that run in different environments. The format
is described in ../README.md. `arguments` are those of our classes; each script translates them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

EVERY = 1.0  # ms between samples of V
NEAR = 2.0  # ms around a spike without samples
DURATION, DISCARD = 1000.0, 200.0  # ms, of the f-I curves
DIGITS = 8

Sections = list[list[float]]


@dataclass(frozen=True)
class Cell:
    """A neuron with its parameters, in the words of our classes, and what it is given.

    `unit` is that of the current, `events` act in the case of that name only, `dt` is the step in
    ms that is suggested to ours.
    """

    arguments: Mapping[str, Any]
    unit: str | None
    cases: Mapping[str, Sections]
    currents: list[float]
    source: str
    spike_rule: str = "reset"
    V_unit: str | None = "mV"
    events: list[dict[str, Any]] = field(default_factory=list)
    dt: float = 0.1

    def quantity(self, name: str, unit: str | None) -> Any:
        """The number of an argument, which must have this unit."""
        value = self.arguments[name]
        number, given = value if isinstance(value, list) else (value, None)
        if given != unit:
            raise ValueError(f"{name} is given in {given}, not in {unit}")
        return number

    def duration(self, case: str) -> float:
        return sum(length for length, _ in self.cases[case])

    def events_of(self, case: str) -> list[dict[str, Any]]:
        return self.events if case == "events" else []


@dataclass(frozen=True)
class Result:
    """What a simulator returned: V by case at `EVERY`, 2 `EVERY`, ..., spikes, and f-I spikes."""

    V: Mapping[str, Iterable[float]]
    spikes: Mapping[str, Iterable[float]]
    trains: list[Iterable[float]]
    native_model: str
    scheme: str
    reference_dt: float


def protocol(
    dc: float, steps: list[float], sine: tuple[float, float], duration: float = 200.0
) -> dict[str, Sections]:
    """A current that is switched on at 20 ms; steps of equal length; a sine wave.

    The wave, mean and amplitude, has four periods and is held for 2 ms at a time.
    """
    mean, amplitude = sine
    times = range(1, int(duration), 2)
    phase = 8.0 * math.pi / duration
    return {
        "dc": [[20.0, 0.0], [duration - 20.0, dc]],
        "steps": [[duration / len(steps), value] for value in steps],
        "sine": [[2.0, round(mean + amplitude * math.sin(phase * t), 5)] for t in times],
    }


def with_events(cases: Mapping[str, Sections], current: float) -> dict[str, Sections]:
    """One more case: events on top of a constant current."""
    return {**cases, "events": [[200.0, current]]}


def rates_1952(V: float) -> dict[str, tuple[float, float]]:
    """Opening and closing rates (1/ms) of Hodgkin and Huxley at V (mV), modern sign."""
    return {
        "m": (_linoid(V + 40.0, 0.1, 10.0), 4.0 * math.exp(-(V + 65.0) / 18.0)),
        "h": (0.07 * math.exp(-(V + 65.0) / 20.0), 1.0 / (1.0 + math.exp(-(V + 35.0) / 10.0))),
        "n": (_linoid(V + 55.0, 0.01, 10.0), 0.125 * math.exp(-(V + 65.0) / 80.0)),
    }


def rates_traub(V: float, V_T: float) -> dict[str, tuple[float, float]]:
    """Opening and closing rates (1/ms) of Traub and Miles at V (mV)."""
    x = V - V_T
    return {
        "m": (_linoid(x - 13.0, 0.32, 4.0), _linoid(40.0 - x, 0.28, 5.0)),
        "h": (0.128 * math.exp((17.0 - x) / 18.0), 4.0 / (1.0 + math.exp((40.0 - x) / 5.0))),
        "n": (_linoid(x - 15.0, 0.032, 5.0), 0.5 * math.exp((10.0 - x) / 40.0)),
    }


def rates_wang_buzsaki(V: float) -> dict[str, tuple[float, float]]:
    """Opening and closing rates (1/ms, without phi) of h and n at V (mV)."""
    return {
        "h": (0.07 * math.exp(-(V + 58.0) / 20.0), 1.0 / (1.0 + math.exp(-(V + 28.0) / 10.0))),
        "n": (_linoid(V + 34.0, 0.01, 10.0), 0.125 * math.exp(-(V + 44.0) / 80.0)),
    }


def _linoid(x: float, slope: float, width: float) -> float:
    return slope * x / -math.expm1(-x / width)


def steady(rates: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Initial values of the gates: their steady states, rounded as in the file."""
    return {f"{x}_initializer": rounded(a / (a + b)) for x, (a, b) in rates.items()}


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


# Cells ----------------------------------------------------------------------------------------

HARD = {"spk_reset": "hard"}

# C 250 pF, tau 10 ms: the cell of NEST's iaf models.
LIF_CELL = {
    "R": [0.04, "Gohm"],
    "tau": [10.0, "ms"],
    "V_th": [-55.0, "mV"],
    "V_reset": [-65.0, "mV"],
    "V_rest": [-70.0, "mV"],
    "V_initializer": [-70.0, "mV"],
    **HARD,
}
LIF_CASES = protocol(500.0, [300.0, 600.0, -200.0, 900.0, 0.0], (400.0, 300.0))
LIF_CURRENTS = [380.0, 450.0, 600.0, 1000.0, 2000.0]
LIF_SOURCE = "Lapicque 1907; Gerstner et al. 2014, doi:10.1017/CBO9781107447615, section 1.3"
RECEPTORS = ("exc", "inh")
TIMES = [[10.0, 12.5, 40.3, 41.0, 80.2, 120.7, 121.9, 122.4, 150.0], [60.1, 100.0, 123.3, 170.6]]


def events(weights: list[float], unit: str, receptors: list[str] | None = None) -> list[dict]:
    """Two trains of jumps, of these weights."""
    return [
        {"times": times, "weight": weight, "unit": unit, "receptor": receptor}
        for times, weight, receptor in zip(TIMES, weights, receptors or [None, None], strict=True)
    ]


EXP_CELL = {
    "R": [0.1, "Gohm"],
    "tau": [10.0, "ms"],
    "V_th": [-30.0, "mV"],
    "V_reset": [-68.0, "mV"],
    "V_rest": [-65.0, "mV"],
    "V_T": [-59.9, "mV"],
    "delta_T": [3.48, "mV"],
    "V_initializer": [-65.0, "mV"],
    **HARD,
}
EXP_CASES = protocol(80.0, [20.0, 100.0, -50.0, 240.0, -20.0], (50.0, 120.0))
EXP_CURRENTS = [40.0, 60.0, 100.0, 200.0, 300.0]
EXP_SOURCE = "Fourcaud-Trocmé et al. 2003, doi:10.1523/JNEUROSCI.23-37-11628.2003"

ADEX_CELL = {
    "R": [0.033333333, "Gohm"],
    "tau": [9.3666667, "ms"],
    "tau_w": [144.0, "ms"],
    "V_th": [-40.4, "mV"],
    "V_reset": [-70.6, "mV"],
    "V_rest": [-70.6, "mV"],
    "V_T": [-50.4, "mV"],
    "delta_T": [2.0, "mV"],
    "a": [4.0, "nS"],
    "b": [80.5, "pA"],
    "V_initializer": [-70.6, "mV"],
    "w_initializer": [0.0, "pA"],
    **HARD,
}
ADEX_CASES = protocol(1000.0, [400.0, 1000.0, -300.0, 1500.0, 0.0], (600.0, 900.0))
ADEX_CURRENTS = [800.0, 1000.0, 1500.0, 2000.0]
ADEX_SOURCE = "Brette & Gerstner 2005, doi:10.1152/jn.00686.2005"

QUADRATIC_CELL = {
    "R": [0.1, "Gohm"],
    "tau": [10.0, "ms"],
    "V_th": [-30.0, "mV"],
    "V_reset": [-68.0, "mV"],
    "V_rest": [-65.0, "mV"],
    "V_c": [-50.0, "mV"],
    "c": [0.07, "1/mV"],
    "V_initializer": [-65.0, "mV"],
    **HARD,
}
QUADRATIC_CASES = protocol(100.0, [30.0, 120.0, -50.0, 250.0, 0.0], (60.0, 100.0))
QUADRATIC_CURRENTS = [60.0, 100.0, 200.0, 300.0]
QUADRATIC_SOURCE = "Latham et al. 2000, doi:10.1152/jn.2000.83.2.808"
ADAPTIVE = {
    "tau_w": [60.0, "ms"],
    "a": [2.0, "nS"],
    "b": [15.0, "pA"],
    "w_initializer": [0.0, "pA"],
}

GIF_CELL = {
    "R": [0.05, "Gohm"],
    "tau": [20.0, "ms"],
    "V_rest": [-70.0, "mV"],
    "V_reset": [-70.0, "mV"],
    "V_th_inf": [-50.0, "mV"],
    "V_th_reset": [-60.0, "mV"],
    "V_th_initializer": [-50.0, "mV"],
    "a": [0.005, "1/ms"],
    "b": [0.01, "1/ms"],
    "k1": [0.2, "1/ms"],
    "k2": [0.02, "1/ms"],
    "R1": 0.0,
    "R2": 1.0,
    "A1": [200.0, "pA"],
    "A2": [-60.0, "pA"],
    "V_initializer": [-70.0, "mV"],
    "I1_initializer": [0.0, "pA"],
    "I2_initializer": [0.0, "pA"],
    **HARD,
}
GIF_CASES = protocol(900.0, [300.0, 1000.0, -200.0, 1500.0, 0.0], (500.0, 500.0))
GIF_CURRENTS = [800.0, 1000.0, 1500.0, 2000.0]
GIF_SOURCE = "Mihalas & Niebur 2009, doi:10.1162/neco.2008.12-07-680"

# 1e-4 cm² of membrane: 100 pA are 1 uA/cm².
HH_CELL = {
    "ENa": [50.0, "mV"],
    "gNa": [12000.0, "nS"],
    "EK": [-77.0, "mV"],
    "gK": [3600.0, "nS"],
    "EL": [-54.387, "mV"],
    "gL": [30.0, "nS"],
    "V_th": [0.0, "mV"],
    "C": [100.0, "pF"],
    "V_initializer": [-65.0, "mV"],
    **steady(rates_1952(-65.0)),
}
# The cell of the benchmark COBAHH.
TRAUB_CELL = {
    "ENa": [50.0, "mV"],
    "gNa": [20000.0, "nS"],
    "EK": [-90.0, "mV"],
    "gK": [6000.0, "nS"],
    "EL": [-60.0, "mV"],
    "gL": [10.0, "nS"],
    "V_T": [-63.0, "mV"],
    "V_th": [0.0, "mV"],
    "C": [200.0, "pF"],
    "V_initializer": [-65.0, "mV"],
    **steady(rates_traub(-65.0, -63.0)),
}
WANG_BUZSAKI_CELL = {
    "ENa": [55.0, "mV"],
    "gNa": [35.0, "mS"],
    "EK": [-90.0, "mV"],
    "gK": [9.0, "mS"],
    "EL": [-65.0, "mV"],
    "gL": [0.1, "mS"],
    "V_th": [0.0, "mV"],
    "phi": 5.0,
    "C": [1.0, "uF"],
    "V_initializer": [-64.0, "mV"],
    **steady(rates_wang_buzsaki(-64.0)),
}
MORRIS_LECAR_CELL = {
    "V_Ca": [120.0, "mV"],
    "g_Ca": [4.4, "mS"],
    "V_K": [-84.0, "mV"],
    "g_K": [8.0, "mS"],
    "V_leak": [-60.0, "mV"],
    "g_leak": [2.0, "mS"],
    "C": [20.0, "uF"],
    "V1": [-1.2, "mV"],
    "V2": [18.0, "mV"],
    "V3": [2.0, "mV"],
    "V4": [30.0, "mV"],
    "phi": [0.04, "1/ms"],
    "V_th": [0.0, "mV"],
    "V_initializer": [-60.8555, "mV"],
    "W_initializer": 0.014915,
}
IZHIKEVICH_CELL = {
    "a": [0.02, "1/ms"],
    "b": [0.2, "1/ms"],
    "c": [-65.0, "mV"],
    "d": [8.0, "mV/ms"],
    "V_th": [30.0, "mV"],
    "V_initializer": [-65.0, "mV"],
    "u_initializer": [-13.0, "mV/ms"],
}
IZHIKEVICH = Cell(
    IZHIKEVICH_CELL,
    "mV/ms",
    protocol(10.0, [3.0, 15.0, -5.0, 20.0, 0.0], (8.0, 8.0)),
    [5.0, 8.0, 10.0, 15.0, 20.0],
    "Izhikevich 2003, doi:10.1109/TNN.2003.820440",
)

LIF = Cell(LIF_CELL, "pA", with_events(LIF_CASES, 300.0), LIF_CURRENTS, LIF_SOURCE)
LIF = replace(LIF, events=events([2.0, -3.0], "mV"))
EXP = Cell(EXP_CELL, "pA", EXP_CASES, EXP_CURRENTS, EXP_SOURCE)
ADEX = Cell(ADEX_CELL, "pA", ADEX_CASES, ADEX_CURRENTS, ADEX_SOURCE)
QUADRATIC = Cell(QUADRATIC_CELL, "pA", QUADRATIC_CASES, QUADRATIC_CURRENTS, QUADRATIC_SOURCE)
GIF = Cell(GIF_CELL, "pA", GIF_CASES, GIF_CURRENTS, GIF_SOURCE)


def varied(cell: Cell, **arguments: Any) -> Cell:
    """The same cell with other or more arguments."""
    return replace(cell, arguments={**cell.arguments, **arguments})


CELLS: dict[str, Cell] = {
    "IF": Cell(
        {
            "R": [0.04, "Gohm"],
            "tau": [10.0, "ms"],
            "V_th": [15.0, "mV"],
            "V_initializer": [0.0, "mV"],
            **HARD,
        },
        "pA",
        LIF_CASES,
        LIF_CURRENTS,
        LIF_SOURCE,
    ),
    "PerfectIF": Cell(
        {
            "C": [250.0, "pF"],
            "V_th": [15.0, "mV"],
            "V_reset": [-5.0, "mV"],
            "V_initializer": [0.0, "mV"],
            **HARD,
        },
        "pA",
        protocol(310.0, [31.0, 407.0, -33.0, 911.0, 0.0], (107.0, 300.0)),
        [101.0, 203.0, 402.0, 807.0],
        LIF_SOURCE,
    ),
    "LIF": LIF,
    "LIFRef": varied(LIF, tau_ref=[2.0, "ms"]),
    "ALIF": replace(
        varied(
            LIF,
            tau_a=[100.0, "ms"],
            beta=[2.0, "mV"],
            a_initializer=0.0,
        ),
        source="Bellec et al. 2018, arXiv:1803.09574",
    ),
    "ExpIF": EXP,
    "ExpIFRef": varied(EXP, tau_ref=[1.7, "ms"]),
    "AdExIF": ADEX,
    "AdExIFRef": varied(ADEX, tau_ref=[2.0, "ms"]),
    "QuaIF": QUADRATIC,
    "AdQuaIF": varied(QUADRATIC, **ADAPTIVE),
    "AdQuaIFRef": varied(QUADRATIC, **ADAPTIVE, tau_ref=[1.7, "ms"]),
    "Gif": GIF,
    "GifRef": varied(GIF, tau_ref=[1.7, "ms"]),
    "CubaLIF": replace(
        varied(LIF, tau_syn=[3.0, "ms"], g_initializer=[0.0, "pA"]),
        events=events([300.0, -400.0], "pA"),
    ),
    "CobaLIF": replace(
        varied(LIF, tau_syn=[3.0, "ms"], E=[0.0, "mV"], g_initializer=[0.0, "nS"]),
        events=events([4.0, 8.0], "nS"),
    ),
    "MultiReceptorLIF": replace(
        varied(
            LIF,
            tau_ref=[2.0, "ms"],
            E=[[0.0, -80.0], "mV"],
            tau_syn=[[3.0, 8.0], "ms"],
        ),
        events=events([8.0, 12.0], "nS", [*RECEPTORS]),
        source="Brette et al. 2007, doi:10.1007/s10827-007-0038-6, benchmark 1",
    ),
    "HH": Cell(
        HH_CELL,
        "pA",
        protocol(1000.0, [200.0, 1000.0, -300.0, 2000.0, 0.0], (600.0, 800.0)),
        [700.0, 1000.0, 2000.0, 4000.0],
        "Hodgkin & Huxley 1952, doi:10.1113/jphysiol.1952.sp004764, voltages as V + 65 mV",
        "crossing",
    ),
    "TraubMiles": Cell(
        TRAUB_CELL,
        "pA",
        protocol(400.0, [100.0, 400.0, -100.0, 1000.0, 0.0], (200.0, 300.0)),
        [100.0, 200.0, 400.0, 1000.0],
        "Traub & Miles 1991, doi:10.1017/CBO9780511895401, as in Brette et al. 2007, "
        "doi:10.1007/s10827-007-0038-6",
        "crossing",
    ),
    "WangBuzsakiHH": Cell(
        WANG_BUZSAKI_CELL,
        "uA",
        protocol(1.0, [0.1, 1.0, -0.5, 3.0, 0.0], (0.8, 1.0)),
        [0.3, 0.5, 1.0, 2.0, 5.0],
        "Wang & Buzsáki 1996, doi:10.1523/JNEUROSCI.16-20-06402.1996",
        "crossing",
    ),
    "MorrisLecar": Cell(
        MORRIS_LECAR_CELL,
        "uA",
        protocol(120.0, [60.0, 120.0, -20.0, 160.0, 0.0], (80.0, 60.0), 400.0),
        [100.0, 120.0, 150.0, 180.0],
        "Morris & Lecar 1981, doi:10.1016/S0006-3495(81)84782-0",
        "crossing",
    ),
    "Izhikevich": IZHIKEVICH,
    "IzhikevichRef": varied(IZHIKEVICH, tau_ref=[2.0, "ms"]),
    "FitzHughNagumo": Cell(
        {
            "a": 0.7,
            "b": 0.8,
            "tau": [1.0, "ms"],
            "tau_w": [12.5, "ms"],
            "V_th": 1.0,
            "V_initializer": -1.2,
            "w_initializer": -0.62,
        },
        None,
        protocol(0.5, [0.2, 0.6, -0.3, 1.0, 0.0], (0.4, 0.5)),
        [0.4, 0.6, 0.8, 1.0],
        "FitzHugh 1961, doi:10.1016/S0006-3495(61)86902-6",
        "crossing",
        None,
    ),
    "HindmarshRose": Cell(
        {
            "a": 1.0,
            "b": 3.0,
            "c": 1.0,
            "d": 5.0,
            "r": 0.006,
            "s": 4.0,
            "V_r": -1.6,
            "tau": [1.0, "ms"],
            "V_th": 1.0,
            "V_initializer": -1.6,
            "y_initializer": -11.8,
            "z_initializer": 0.0,
        },
        None,
        protocol(2.0, [0.5, 2.5, -1.0, 4.0, 0.0], (1.0, 1.5), 400.0),
        [4.0, 5.0, 6.0, 7.0],
        "Hindmarsh & Rose 1984, doi:10.1098/rspb.1984.0024",
        "crossing",
        None,
        dt=0.02,  # its spikes last 1 ms, and its bursts are sensitive
    ),
}


# Files ----------------------------------------------------------------------------------------


def within(train: Iterable[float], end: float) -> list[float]:
    """The spikes up to a time, which lies on the grid."""
    return [float(t) for t in train if t < end + 1e-6]


def rate(train: list[float]) -> float:
    """Rate (Hz) of the intervals after `DISCARD`."""
    late = [t for t in train if t > DISCARD]
    return 1000.0 * (len(late) - 1) / (late[-1] - late[0]) if len(late) > 1 else 0.0


def write(folder: Path, simulator: str, version: str, model: str, cell: Cell, r: Result) -> None:
    """Write `<model>.<simulator>.json`."""
    arguments = dict(cell.arguments)
    grid = {"dt": max(cell.dt, r.reference_dt), "reference_dt": r.reference_dt}
    cases = []
    for name, sections in cell.cases.items():
        spikes = within(r.spikes[name], cell.duration(name))
        samples = [
            None if any(abs(t - (k + 1) * EVERY) < NEAR for t in spikes) else float(V)
            for k, V in enumerate(r.V[name])
        ]
        case = {
            "name": name,
            "arguments": arguments,
            "input": {"sections": sections, "unit": cell.unit},
            "every": EVERY,
            "V": samples,
            "V_unit": cell.V_unit,
            "spikes": spikes,
            **grid,
        }
        cases.append(case | ({"events": found} if (found := cell.events_of(name)) else {}))
    document = {
        "model": model,
        "simulator": simulator,
        "version": version,
        "native_model": r.native_model,
        "scheme": r.scheme,
        "script": f"neurons_{simulator}.py",
        "source": cell.source,
        "spike_rule": cell.spike_rule,
        "cases": cases,
        "f_I": {
            "arguments": arguments,
            "unit": cell.unit,
            "duration_ms": DURATION,
            "discard_ms": DISCARD,
            "I": cell.currents,
            "rate_Hz": [rate(within(train, DURATION)) for train in r.trains],
            **grid,
        },
    }
    path = folder / f"{model}.{simulator}.json"
    path.write_text(dumps(document), encoding="utf-8")
    counts = " ".join(f"{case['name']} {len(case['spikes'])}" for case in cases)
    rates = " ".join(f"{value:.2f}" for value in document["f_I"]["rate_Hz"])
    print(f"{path.name:28} spikes {counts} | Hz {rates}", flush=True)


def dumps(document: Any) -> str:
    """JSON with sorted keys, rounded numbers, and each list of plain values on one line."""
    text = json.dumps(_rounded(document), sort_keys=True, indent=1, ensure_ascii=False)
    inner = re.compile(r"\[[^\[\]{}]*\]")
    text = inner.sub(lambda match: re.sub(r"\s+", " ", match[0]).replace("[ ", "["), text)
    return text.replace(" ]", "]") + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return rounded(value) if isinstance(value, float) else value
