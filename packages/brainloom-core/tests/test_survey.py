"""What tells one network from another, when several are to run as one."""

import brainunit as u
from brainloom_core import Neuron, initializer, param, state
from brainloom_core.run.survey import survey


class Leaky(Neuron):
    tau = param(default=10.0 * u.ms)
    V_th = param(default=20.0 * u.mV)
    V_reset = param(default=0.0 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V, I):
        return (I * u.ohm - V) / self.tau


def test_how_often_a_parameter_was_assigned_makes_no_other_network() -> None:
    once, often = Leaky(3, name="cells"), Leaky(3, name="cells")
    for tau in (5.0, 7.0, 10.0):
        often.tau = tau * u.ms
    assert often.times_changed > once.times_changed
    assert survey(once).key == survey(often).key
    assert survey(once).key != survey(Leaky(4, name="cells")).key
