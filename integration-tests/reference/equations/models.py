"""Neurons as text, for Brian2 and for us: the same texts, values as a number and a unit.

Each has currents `I`, one for each neuron, and is run for `ms` with steps of `dt`.
"""

from dataclasses import dataclass, field

__all__ = ["MODELS", "PAIRS", "SYNAPSES", "Neuron", "Synapses"]

Value = tuple[float, str]


@dataclass(frozen=True)
class Neuron:
    """A text, and what it is run with."""

    equations: str
    method: str
    namespace: dict[str, Value]
    currents: tuple[float, ...]
    unit: str
    ms: float = 100.0
    dt: float = 0.1
    threshold: str | None = None
    reset: str | None = None
    refractory: Value | str | None = None
    initial: dict[str, Value] = field(default_factory=dict)
    timed: dict[str, tuple[tuple[float, ...], str, float]] = field(default_factory=dict)
    noisy: bool = False  # compared in distribution


@dataclass(frozen=True)
class Synapses:
    """Synapses as text, among neurons that are text too."""

    cells: Neuron
    equations: str
    on_pre: str | None = None
    on_post: str | None = None
    namespace: dict[str, Value] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)  # times 1, 1.1, 1.2, ... per synapse
    input_name: str = "I"
    delay: float | None = None
    method: str | None = None
    ms: float = 100.0
    dt: float = 0.1


PAIRS = [(i, j) for i in range(5) for j in range(5) if (3 * i + j) % 4 == 1]
LIF = {"v_r": (-65, "mV"), "R": (100, "Mohm"), "tau": (10, "ms"), "v_th": (-50, "mV")}
LEAKY = "dv/dt = (v_r - v + R*I)/tau : volt (unless refractory)\nI : amp (constant)"
REST = {"v": (-65, "mV")}
ADEX = {
    "g_L": (30, "nS"),
    "E_L": (-70.6, "mV"),
    "D_T": (2, "mV"),
    "v_T": (-50.4, "mV"),
    "C": (281, "pF"),
    "a": (4, "nS"),
    "tau_w": (144, "ms"),
    "v_r": (-70.6, "mV"),
    "b": (80.5, "pA"),
}
ADEX_TEXT = """
dv/dt = (g_L*(E_L - v) + g_L*D_T*exp((v - v_T)/D_T) + I - w)/C : volt
dw/dt = (a*(v - E_L) - w)/tau_w : amp
I : amp (constant)
"""
ADEX_OPTIONS = {"threshold": "v > v_T + 5*D_T", "reset": "v = v_r; w += b", "unit": "nA"}
HH = {
    "g_l": (10, "nS"),
    "E_l": (-60, "mV"),
    "E_Na": (50, "mV"),
    "E_K": (-90, "mV"),
    "g_Na": (20, "uS"),
    "g_K": (6, "uS"),
    "C": (200, "pF"),
    "VT": (-63, "mV"),
}
HH_TEXT = """
dv/dt = (g_l*(E_l-v) -
         g_Na*(m*m*m)*h*(v-E_Na) -
         g_K*(n*n*n*n)*(v-E_K) + I)/C : volt
dm/dt = alpha_m*(1-m)-beta_m*m : 1
dn/dt = alpha_n*(1-n)-beta_n*n : 1
dh/dt = alpha_h*(1-h)-beta_h*h : 1
alpha_m = 0.32*(mV**-1)*4*mV/exprel((13*mV-v+VT)/(4*mV))/ms : Hz
beta_m = 0.28*(mV**-1)*5*mV/exprel((v-VT-40*mV)/(5*mV))/ms : Hz
alpha_h = 0.128*exp((17*mV-v+VT)/(18*mV))/ms : Hz
beta_h = 4./(1+exp((40*mV-v+VT)/(5*mV)))/ms : Hz
alpha_n = 0.032*(mV**-1)*5*mV/exprel((15*mV-v+VT)/(5*mV))/ms : Hz
beta_n = .5*exp((10*mV-v+VT)/(40*mV))/ms : Hz
I : amp (constant)
"""
IZHIKEVICH = """
dv/dt = (0.04/ms/mV)*v**2 + (5/ms)*v + 140*mV/ms - w + I : volt
dw/dt = a*(b*v - w) : volt/second
I : volt/second (constant)
"""
IZHIKEVICH_VALUES = {
    "a": (0.02, "kHz"),
    "b": (0.2, "kHz"),
    "c": (-65, "mV"),
    "d": (8, "volt/second"),
}

MODELS = {
    "LIF_exact": Neuron(
        *(LEAKY, "exact", LIF, (0.16, 0.2, 0.4), "nA"),
        threshold="v > v_th",
        reset="v = v_r",
        refractory=(5, "ms"),
        initial=REST,
    ),
    "LIF_exponential_euler": Neuron(
        *(LEAKY, "exponential_euler", LIF, (0.16, 0.4), "nA"),
        threshold="v > v_th",
        reset="v = v_r",
        refractory=(2, "ms"),
        initial=REST,
    ),
    "LIF_euler": Neuron(
        *("dv/dt = (v_r - v + R*I)/tau : volt\nI : amp (constant)", "euler", LIF, (0.2, 0.4), "nA"),
        threshold="v > v_th",
        reset="v -= 15*mV",
        initial=REST,
    ),
    "LIF_dimensionless": Neuron(
        *("dv/dt = (I - v)/tau : 1\nI : 1", "exact", {"tau": (10, "ms")}, (1.1, 2.0), "1"),
        threshold="v > 1",
        reset="v = 0",
    ),
    "AdEx_euler": Neuron(
        ADEX_TEXT, "euler", ADEX, (0.8, 1.0), ms=200.0, initial={"v": (-70.6, "mV")}, **ADEX_OPTIONS
    ),
    "AdEx_rk4": Neuron(
        ADEX_TEXT, "rk4", ADEX, (0.8, 1.0), ms=200.0, initial={"v": (-70.6, "mV")}, **ADEX_OPTIONS
    ),
    "Izhikevich_euler": Neuron(
        *(IZHIKEVICH, "euler", IZHIKEVICH_VALUES, (5.0, 10.0), "volt/second"),
        threshold="v >= 30*mV",
        reset="v = c; w += d",
        ms=200.0,
        initial={"v": (-65, "mV"), "w": (-13, "volt/second")},
    ),
    "Izhikevich_rk2": Neuron(
        *(IZHIKEVICH, "rk2", IZHIKEVICH_VALUES, (5.0, 10.0), "volt/second"),
        threshold="v >= 30*mV",
        reset="v = c; w += d",
        ms=200.0,
        initial={"v": (-65, "mV"), "w": (-13, "volt/second")},
    ),
    "COBAHH_exponential_euler": Neuron(
        *(HH_TEXT, "exponential_euler", HH, (0.3, 1.0), "nA"),
        threshold="v > -20*mV",
        refractory=(3, "ms"),
        initial={"v": (-60, "mV")},
    ),
    "COBAHH_rk4": Neuron(
        *(HH_TEXT, "rk4", HH, (0.3, 1.0), "nA", 25.0, 0.01),
        threshold="v > -20*mV",
        refractory="v > -40*mV",
        initial={"v": (-60, "mV")},
    ),
    "adaptive_threshold": Neuron(
        """
        dv/dt = (v_r - v + R*I)/tau : volt
        dvt/dt = (v_th - vt)/tau_t : volt
        I : amp
        """,
        *("exact", LIF | {"tau_t": (15, "ms")}, (0.3, 0.5), "nA"),
        threshold="v > vt",
        reset="v = v_r; vt += 3*mV",
        initial=REST | {"vt": (-50, "mV")},
    ),
    "two_coupled_exact": Neuron(
        """
        dv/dt = (-v - w + R*I)/tau : volt
        dw/dt = (k*v - w)/tau_w : volt
        I : amp
        """,
        "exact",
        {"R": (100, "Mohm"), "tau": (10, "ms"), "tau_w": (30, "ms"), "k": (0.2, "1")},
        *((0.1, 1.2), "nA"),
        threshold="v > 40*mV",
        reset="v = 0*mV",
    ),
    "QIF_rk2": Neuron(
        "dv/dt = (v**2/mV + R*I)/tau : volt\nI : amp",
        *("rk2", {"R": (100, "Mohm"), "tau": (10, "ms")}, (0.02, 0.1), "nA"),
        threshold="v > 20*mV",
        reset="v = -20*mV",
        initial={"v": (-5, "mV")},
    ),
    "FitzHughNagumo_rk4": Neuron(
        """
        dv/dt = (v - v**3/3 - w + I)/ms : 1
        dw/dt = 0.08*(v + 0.7 - 0.8*w)/ms : 1
        I : 1
        """,
        *("rk4", {}, (0.2, 0.5), "1", 200.0),
        initial={"v": (-1.2, "1"), "w": (-0.6, "1")},
    ),
    "MorrisLecar_rk4": Neuron(
        """
        dv/dt = (g_L*(E_L - v) + g_Ca*m_inf*(E_Ca - v) + g_K*w*(E_K - v) + I)/C : volt
        dw/dt = phi*(w_inf - w)*cosh((v - 2*mV)/(60*mV)) : 1
        m_inf = 0.5*(1 + tanh((v + 1.2*mV)/(18*mV))) : 1
        w_inf = 0.5*(1 + tanh((v - 2*mV)/(30*mV))) : 1
        I : amp/meter**2
        """,
        "rk4",
        {
            "g_L": (20, "siemens/meter**2"),
            "g_Ca": (44, "siemens/meter**2"),
            "g_K": (80, "siemens/meter**2"),
            "E_L": (-60, "mV"),
            "E_Ca": (120, "mV"),
            "E_K": (-84, "mV"),
            "C": (0.2, "farad/meter**2"),
            "phi": (0.04, "kHz"),
        },
        *((0.8, 1.2), "amp/meter**2", 200.0),
        threshold="v > 0*mV",
        refractory="v > 0*mV",
        initial={"v": (-40, "mV")},
    ),
    "CUBA_exact": Neuron(
        """
        dv/dt = (ge + gi - (v - E_l))/taum : volt (unless refractory)
        dge/dt = -ge/taue : volt
        dgi/dt = -gi/taui : volt
        """,
        "exact",
        {"taum": (20, "ms"), "taue": (5, "ms"), "taui": (10, "ms"), "E_l": (-49, "mV")},
        *((0.0, 0.0), "1"),
        threshold="v > -50*mV",
        reset="v = -60*mV",
        refractory=(5, "ms"),
        initial={"v": (-60, "mV"), "ge": (40, "mV"), "gi": (-30, "mV")},
    ),
    "TimedArray": Neuron(
        "dv/dt = (v_r - v + R*stim(t))/tau : volt",
        *("exact", LIF, (0.0,), "1"),
        threshold="v > v_th",
        reset="v = v_r",
        initial=REST,
        timed={"stim": ((0.0, 0.3, 0.1, 0.5, 0.2), "nA", 20.0)},
    ),
    "sine_euler": Neuron(
        "dv/dt = (v_r - v + R*I*(1 + sin(2*pi*f*t)))/tau : volt\nI : amp",
        *("euler", LIF | {"f": (40, "Hz")}, (0.1, 0.2), "nA"),
        threshold="v > v_th",
        reset="v = v_r",
        initial=REST,
    ),
    "since_last_spike": Neuron(
        """
        dv/dt = (v_r - v + R*(I - ahp))/tau : volt
        ahp = 0.3*nA*exp(-(t - lastspike)/(20*ms)) : amp
        I : amp
        """,
        *("euler", LIF, (0.3, 0.6), "nA"),
        threshold="v > v_th",
        reset="v = v_r",
        refractory=(1, "ms"),
        initial=REST,
    ),
    "growing_period": Neuron(
        "dv/dt = (v_r - v + R*I)/tau : volt (unless refractory)\nref : second\nI : amp",
        *("exact", LIF, (0.3, 0.6), "nA"),
        threshold="v > v_th",
        reset="v = v_r; ref += 0.7*ms",
        refractory="ref",
        initial=REST | {"ref": (0.5, "ms")},
    ),
    "functions": Neuron(
        """
        dv/dt = (clip(R*I, 0*mV, 30*mV) - abs(v) + 5*mV*int(v > 10*mV))/tau : volt
        dx/dt = (sqrt(abs(x*mV)) + v*log(2 + exp(v/mV/20)) - x)/tau : volt
        I : amp
        """,
        *("euler", LIF, (0.15, 0.6), "nA"),
        threshold="v > 15*mV",
        reset="v = 0*mV",
    ),
    "order_of_statements": Neuron(
        "dv/dt = (I - v)/(10*ms) : 1\ndw/dt = -w/(50*ms) : 1\nn : 1\nI : 1",
        *("exact", {}, (1.5, 2.5), "1"),
        threshold="v > 1 and w < 3",
        reset="w += v; v = -0.1*w; w *= 0.9; n += 1",
    ),
    "OrnsteinUhlenbeck": Neuron(
        "dv/dt = (mu - v)/tau + sigma*xi*tau**-0.5 : volt",
        *("euler", {"mu": (3, "mV"), "tau": (5, "ms"), "sigma": (2, "mV")}, (0.0,), "1"),
        noisy=True,
    ),
    "noisy_LIF": Neuron(
        "dv/dt = (v_r - v + R*0.14*nA)/tau + 3*mV*xi*sqrt(2/tau) : volt (unless refractory)",
        *("euler", LIF, (0.0,), "1"),
        threshold="v > v_th",
        reset="v = v_r",
        refractory=(2, "ms"),
        initial=REST,
        noisy=True,
    ),
    "multiplicative_noise_heun": Neuron(
        "dx/dt = -x/tau + 0.5*x*xi*tau**-0.5 : 1",
        *("heun", {"tau": (20, "ms")}, (0.0,), "1", 40.0),
        initial={"x": (1.0, "1")},
        noisy=True,
    ),
}


CELLS = Neuron(
    *(LEAKY, "exact", LIF, (0.18, 0.2, 0.25, 0.3, 0.14), "nA"),
    threshold="v > v_th",
    reset="v = v_r",
    refractory=(2, "ms"),
    initial=REST,
)
CONDUCTANCE = Neuron(
    """
    dv/dt = (v_r - v + R*(I + g*(E - v)))/tau : volt (unless refractory)
    dg/dt = -g/(5*ms) : siemens
    I : amp (constant)
    """,
    *("exponential_euler", LIF | {"E": (0, "mV")}, (0.18, 0.2, 0.25, 0.3, 0.14), "nA"),
    threshold="v > v_th",
    reset="v = v_r",
    refractory=(2, "ms"),
    initial=REST,
)
COUPLED = Neuron(
    """
    dv/dt = (v_r - v + R*(gap + drive))/tau : volt
    gap : amp
    drive : amp (constant)
    """,
    *("euler", LIF, (0.18, 0.2, 0.25, 0.3, 0.14), "nA"),
    threshold="v > v_th",
    reset="v = v_r",
    initial=REST,
)
STDP = {
    "taupre": (20, "ms"),
    "taupost": (25, "ms"),
    "Apre": (0.05, "1"),
    "Apost": (-0.06, "1"),
    "wmax": (1.0, "1"),
    "unit_w": (3, "mV"),
}
SYNAPSES = {
    "jumps_with_delay": Synapses(
        CELLS, "w : volt", "v_post += w", values={"w": (2, "mV")}, delay=1.5
    ),
    "jumps_of_a_conductance": Synapses(
        CONDUCTANCE, "w : siemens", "g_post += w", values={"w": (1, "nS")}
    ),
    "short_term_plasticity": Synapses(
        CELLS,
        """
        dx/dt = (1 - x)/tau_d : 1 (event-driven)
        du_S/dt = -u_S/tau_f : 1 (event-driven)
        w : volt
        """,
        """
        u_S += U*(1 - u_S)
        released = u_S*x
        x -= released
        v_post += w*released
        """,
        namespace={"tau_d": (80, "ms"), "tau_f": (50, "ms"), "U": (0.3, "1")},
        values={"w": (6, "mV"), "x": (1.0, "1")},
    ),
    "spike_timing_plasticity": Synapses(
        CELLS,
        """
        w : 1
        dapre/dt = -apre/taupre : 1 (event-driven)
        dapost/dt = -apost/taupost : 1 (event-driven)
        """,
        "v_post += w*unit_w; apre += Apre; w = clip(w + apost, 0, wmax)",
        "apost += Apost; w = clip(w + apre, 0, wmax)",
        namespace=STDP,
        values={"w": (0.4, "1")},
    ),
    "gap_junctions": Synapses(
        COUPLED,
        "w : siemens\ngap_post = w*(v_pre - v_post) : amp (summed)",
        values={"w": (1, "nS")},
        input_name="gap",
    ),
    "slow_conductance_summed": Synapses(
        COUPLED,
        """
        dg/dt = -g/(40*ms) + 0.5*y*(5*nS - g)/ms : siemens (clock-driven)
        dy/dt = -y/(3*ms) : 1 (clock-driven)
        B = 1/(1 + exp(-0.062*v_post/mV)/3.57) : 1
        gap_post = g*B*(0*mV - v_post) : amp (summed)
        w : 1
        """,
        "y += w",
        values={"w": (0.05, "1")},
        input_name="gap",
        method="euler",
    ),
    "voltage_dependent_events": Synapses(
        CELLS,
        "w : 1\nn : 1",
        "n += 1; v_post += w*(v_limit - v_post)",
        "n -= 0.25*int(v_post > v_limit)",
        values={"w": (0.2, "1")},
        namespace={"v_limit": (-50, "mV")},
    ),
}
