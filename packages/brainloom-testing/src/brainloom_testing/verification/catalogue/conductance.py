"""Conductance-based neurons: accurate solutions, resting states and rates from the tables."""

from ..oracles import conductance as oracle
from ..references import Accuracy, Defaults, Ode, Rates, Reference, Rest

__all__ = ["REFERENCES"]

PERIOD = "the period is within 2 % at 0.1 ms"
FIXED = "a resting state does not depend on the step"
SOLVED = "DOP853 and LSODA, rtol 1e-9 or finer"

HH_SOURCE = f"Hodgkin & Huxley (1952) J Physiol 117:500; {SOLVED}; NEST hh_psc_alpha agrees"
WB_SOURCE = f"Wang & Buzsáki (1996) J Neurosci 16:6402; {SOLVED}"
TM_SOURCE = f"Traub & Miles (1991) as in Brette et al. (2007); {SOLVED}"
ML_SOURCE = f"Morris & Lecar (1981), Rinzel & Ermentrout (1998); {SOLVED}"


def _accuracies(potential: float, interval: float) -> tuple[Accuracy, ...]:
    """For 0.1 ms as given; a hundredth for 0.01 ms, plus the step on which spikes are found."""
    return (
        Accuracy(0.1, potential, interval, f"second order at 0.1 ms; {PERIOD}"),
        Accuracy(
            0.01,
            potential / 50.0,
            interval / 50.0 + 0.01,
            "second order: a fiftieth of what 0.1 ms allows, plus the step",
        ),
    )


AT_REST = {"V_initializer": (-64.99638, "mV")}
HH_REST = {"V": -64.99638, "m": 0.0529551, "h": 0.5959941, "n": 0.3177324}
HH_CURRENTS = (3.0, 6.3, 6.5, 7.0, 8.0, 10.0, 20.0, 50.0)
HH_RATES = (0.0, 52.371, 55.057, 58.327, 62.470, 68.324, 86.470, 117.036)
WB_CURRENTS = (0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 3.0, 5.0, 10.0)
WB_RATES = (0.0, 8.621, 18.139, 32.217, 46.830, 59.702, 101.786, 135.503, 189.625, 284.938)
TM_CURRENTS = (-0.1, 0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
TM_RATES = (8.385, 13.855, 18.062, 21.777, 31.592, 45.958, 71.251, 132.85, 208.23)

ML_II = {
    "V_Ca": (120.0, "mV"),
    "V_initializer": (-60.8555, "mV"),
    "W_initializer": (0.014915, None),
}
ML_I = {
    "V_Ca": (120.0, "mV"),
    "g_Ca": (4.0, "mS"),
    "V3": (12.0, "mV"),
    "V4": (17.4, "mV"),
    "phi": (1.0 / 15.0, "1/ms"),
    "V_initializer": (-59.474, "mV"),
    "W_initializer": (0.00027, None),
}

REFERENCES: dict[str, tuple[Reference, ...]] = {
    "HH": (
        Defaults(
            {
                "ENa": (50.0, "mV"),
                "gNa": (120.0, "mS"),
                "EK": (-77.0, "mV"),
                "gK": (36.0, "mS"),
                "EL": (-54.387, "mV"),
                "gL": (0.3, "mS"),
                "C": (1.0, "uF"),
            },
            "Hodgkin & Huxley (1952) J Physiol 117:500, table 3, rest at -65 mV",
        ),
        Rest(HH_REST, {"V_initializer": (-66.0, "mV")}, HH_SOURCE, 1e-5, FIXED),
        Ode(
            oracle.HH,
            AT_REST,
            [[(100.0, I)] for I in (2.0, 7.0, 10.0, 20.0)],
            "uA",
            _accuracies(0.2, 0.1),
            compared=0.8,
        ),
        Rates(
            HH_CURRENTS,
            HH_RATES,
            AT_REST,
            "uA",
            600.0,
            0.02,
            HH_SOURCE,
            PERIOD,
            discard=200.0,
        ),
    ),
    "WangBuzsakiHH": (
        Defaults(
            {
                "ENa": (55.0, "mV"),
                "gNa": (35.0, "mS"),
                "EK": (-90.0, "mV"),
                "gK": (9.0, "mS"),
                "EL": (-65.0, "mV"),
                "gL": (0.1, "mS"),
                "phi": (5.0, None),
                "C": (1.0, "uF"),
            },
            "Wang & Buzsáki (1996) J Neurosci 16:6402",
        ),
        Rest(
            {"V": -64.01757, "h": 0.780792, "n": 0.089078},
            {"V_initializer": (-65.0, "mV")},
            WB_SOURCE,
            1e-5,
            FIXED,
            duration=1000.0,
        ),
        Ode(
            oracle.WANG_BUZSAKI,
            {
                "V_initializer": (-64.0, "mV"),
                "h_initializer": (0.78, None),
                "n_initializer": (0.09, None),
            },
            [[(100.0, I)] for I in (0.1, 0.5, 1.0, 3.0)],
            "uA",
            _accuracies(0.2, 0.35),
            compared=0.8,
        ),
        Rates(
            WB_CURRENTS,
            WB_RATES,
            {"V_initializer": (-64.0, "mV")},
            "uA",
            900.0,
            0.02,
            WB_SOURCE,
            PERIOD,
            discard=200.0,
        ),
    ),
    "TraubMiles": (
        Defaults(
            {
                "ENa": (50.0, "mV"),
                "gNa": (100.0, "mS"),
                "EK": (-90.0, "mV"),
                "gK": (30.0, "mS"),
                "EL": (-60.0, "mV"),
                "gL": (0.05, "mS"),
                "V_T": (-63.0, "mV"),
                "C": (1.0, "uF"),
            },
            "Brette et al. (2007) J Comput Neurosci 23:349, network COBAHH",
        ),
        Ode(
            oracle.TRAUB_MILES,
            {"V_initializer": (-65.0, "mV")},
            [[(100.0, I)] for I in (0.5, 1.0, 5.0)],
            "uA",
            _accuracies(0.2, 0.3),
            compared=0.8,
        ),
        Rates(
            TM_CURRENTS,
            TM_RATES,
            {"V_initializer": (-65.0, "mV")},
            "uA",
            800.0,
            0.02,
            TM_SOURCE,
            PERIOD,
            discard=200.0,
        ),
    ),
    "MorrisLecar": (
        Defaults(
            {
                "g_Ca": (4.4, "mS"),
                "V_K": (-84.0, "mV"),
                "g_K": (8.0, "mS"),
                "V_leak": (-60.0, "mV"),
                "g_leak": (2.0, "mS"),
                "C": (20.0, "uF"),
                "V1": (-1.2, "mV"),
                "V2": (18.0, "mV"),
                "V3": (2.0, "mV"),
                "V4": (30.0, "mV"),
                "phi": (0.04, "1/ms"),
            },
            "Rinzel & Ermentrout (1998), set of the Hopf bifurcation",
        ),
        Rest(
            {"V": -60.8555},
            {**ML_II, "V_initializer": (-62.0, "mV")},
            ML_SOURCE,
            5e-4,
            f"{FIXED}; the table has six digits",
        ),
        Ode(
            oracle.MORRIS_LECAR,
            ML_II,
            [[(300.0, I)] for I in (50.0, 100.0, 150.0)],
            "uA",
            _accuracies(0.2, 0.5),
            compared=0.8,
        ),
        Rates(
            (88.0, 90.0, 94.0, 100.0, 150.0, 200.0),
            (0.0, 9.735, 10.781, 11.725, 15.115, 15.239),
            ML_II,
            "uA",
            1500.0,
            0.02,
            ML_SOURCE,
            PERIOD,
            discard=500.0,
            name="f-I of class II",
        ),
        Rates(
            (38.0, 42.0, 45.0, 50.0, 80.0, 100.0),
            (0.0, 6.875, 10.070, 13.237, 21.322, 23.768),
            ML_I,
            "uA",
            1500.0,
            0.02,
            ML_SOURCE,
            PERIOD,
            discard=300.0,
            name="f-I of class I",
        ),
    ),
}
