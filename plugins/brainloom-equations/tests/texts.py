"""Neurons as text that the tests share."""

import brainunit as u
from brainloom_equations import from_equations

LeakyText = from_equations(
    "dv/dt = (v_rest - v + R*I)/tau : volt (unless refractory)",
    threshold="v > v_th",
    reset="v = v_r",
    refractory=2 * u.ms,
    namespace={
        "v_rest": -65 * u.mV,
        "v_th": -50 * u.mV,
        "v_r": -65 * u.mV,
        "R": 100 * u.Mohm,
        "tau": 10 * u.ms,
    },
    initial={"v": -65 * u.mV},
    name="LeakyText",
)
"""A leaky neuron, linear and exact."""

AdExText = from_equations(
    """
    dv/dt = (g_L*(E_L - v) + g_L*D_T*exp((v - v_T)/D_T) + I - w)/C : volt
    dw/dt = (a*(v - E_L) - w)/tau_w : amp
    """,
    threshold="v > v_T + 5*D_T",
    reset="v = v_r; w += b",
    method="euler",
    namespace={
        "g_L": 30 * u.nS,
        "E_L": -70.6 * u.mV,
        "D_T": 2 * u.mV,
        "v_T": -50.4 * u.mV,
        "C": 281 * u.pF,
        "a": 4 * u.nS,
        "tau_w": 144 * u.ms,
        "v_r": -70.6 * u.mV,
        "b": 80.5 * u.pA,
    },
    initial={"v": -70.6 * u.mV},
    name="AdExText",
)
"""An exponential neuron with adaptation, by Euler's method."""

GatedText = from_equations(
    """
    dv/dt = (g_l*(E_l - v) - I_Na - I_K + I)/C : volt  # COBAHH
    I_Na = g_Na*(m*m*m)*h*(v - E_Na) : amp
    I_K = g_K*(n*n*n*n)*(v - E_K) : amp
    dm/dt = alpha_m*(1 - m) - beta_m*m : 1
    dn/dt = alpha_n*(1 - n) - beta_n*n : 1
    dh/dt = alpha_h*(1 - h) - beta_h*h : 1
    alpha_m = 0.32*(mV**-1)*4*mV/exprel((13*mV - v + VT)/(4*mV))/ms : Hz
    beta_m = 0.28*(mV**-1)*5*mV/exprel((v - VT - 40*mV)/(5*mV))/ms : Hz
    alpha_h = 0.128*exp((17*mV - v + VT)/(18*mV))/ms : Hz
    beta_h = 4./(1 + exp((40*mV - v + VT)/(5*mV)))/ms : Hz
    alpha_n = 0.032*(mV**-1)*5*mV/exprel((15*mV - v + VT)/(5*mV))/ms : Hz
    beta_n = .5*exp((10*mV - v + VT)/(40*mV))/ms : Hz
    """,
    threshold="v > -20*mV",
    refractory="v > -40*mV",
    namespace={
        "g_l": 10 * u.nS,
        "E_l": -60 * u.mV,
        "E_Na": 50 * u.mV,
        "E_K": -90 * u.mV,
        "g_Na": 20 * u.uS,
        "g_K": 6 * u.uS,
        "C": 200 * u.pF,
        "VT": -63 * u.mV,
    },
    initial={"v": -60 * u.mV},
    name="GatedText",
)
"""A neuron of Hodgkin and Huxley's kind, without a reset."""

AdaptiveText = from_equations(
    """
    dv/dt = (I - v)/(10*ms) : 1 (unless refractory)
    dvt/dt = (1 - vt)/tau_t : 1
    """,
    threshold="v > vt and not_refractory",
    reset="v = 0; vt += 0.5",
    refractory="0.5*ms + 1*ms*int(vt > 2)",
    namespace={"tau_t": 15 * u.ms},
    initial={"vt": 1.0},
    name="AdaptiveText",
)
"""A dimensionless neuron whose threshold moves, with a period that depends on it."""
