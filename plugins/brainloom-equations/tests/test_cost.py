"""A class that is made of text is the same program as one that is written by hand."""

import re

import brainstate
import brainunit as u
import pytest
from brainloom_core import Neuron, initializer, param, state
from brainloom_equations import from_equations
from brainloom_equations.functions import exp
from brainloom_neurons import LIF

VALUES = {
    "E_L": -65.0 * u.mV,
    "D_T": 3.5 * u.mV,
    "v_T": -60.0 * u.mV,
    "R": 1.0 * u.ohm,
    "tau": 10.0 * u.ms,
    "a": 1.0 * u.siemens,
    "tau_w": 30.0 * u.ms,
    "b": 1.0 * u.mA,
    "V_th": -30.0 * u.mV,
    "V_reset": -68.0 * u.mV,
}
AdExText = from_equations(
    """
    dv/dt = (E_L - v + D_T*exp((v - v_T)/D_T) + R*(I - w))/tau : volt
    dw/dt = (a*(v - E_L) - w)/tau_w : amp
    """,
    threshold="v >= V_th",
    reset="v = V_reset; w += b",
    namespace=VALUES,
    initial={"v": -65 * u.mV, "w": 0 * u.mA},
    name="AdExText",
)
LeakyText = from_equations(
    "dv/dt = (V_rest - v + R*I)/tau : volt",
    threshold="v >= V_th",
    reset="v = V_reset",
    namespace={
        "V_rest": 0.0 * u.mV,
        "R": 1.0 * u.ohm,
        "tau": 5.0 * u.ms,
        "V_th": 1.0 * u.mV,
        "V_reset": 0.0 * u.mV,
    },
    name="LeakyText",
)


class AdExByHand(Neuron):
    E_L, D_T, v_T, R, tau, a, tau_w, b, V_th, V_reset = (param(default=x) for x in VALUES.values())
    V_initializer = initializer(default=-65 * u.mV)
    w_initializer = initializer(default=0 * u.mA)
    V = state("V_initializer")
    caps_overshoot = True
    w = state("w_initializer")

    def dV(self, V, w, I):
        return (
            self.E_L - V + self.D_T * exp((V - self.v_T) / self.D_T) + self.R * (I - w)
        ) / self.tau

    def dw(self, w, V):
        return (self.a * (V - self.E_L) - w) / self.tau_w

    def on_spike(self, w, spk):
        return {"w": w + self.b * spk}


def program(cell: Neuron, x) -> str:
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(cell)
        jaxpr = brainstate.transform.make_jaxpr(lambda: cell(x))()[0]
    return re.sub(r"_replaced?\b|_replaced?_jvp", "replaced", str(jaxpr))


@pytest.mark.parametrize(
    ("text", "by_hand", "x"),
    [(LeakyText, LIF, 2.0 * u.mA), (AdExText, AdExByHand, 20.0 * u.mA)],
)
def test_the_program_is_that_of_a_class_written_by_hand(text, by_hand, x):
    assert program(text(7), x) == program(by_hand(7, spk_reset="hard"), x)
