"""A neuron with several states that jump, and a scheme in parts of a step."""

import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import (
    DeclarationError,
    InputError,
    Neuron,
    full,
    initializer,
    param,
    simulate,
    state,
    substeps,
)


def nothing(model, shape):
    return full(0.0 * u.pA, shape)


class TwoPorts(Neuron):
    V_th = param(default=100.0 * u.mV)
    V_reset = param(default=0.0 * u.mV)
    V_initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    fast = state(nothing, "fast current")
    slow = state(nothing, "slow current")
    ports = {"ex": "fast", "in": "slow"}
    linear = True

    def dV(self, V, fast, slow, I):
        return (-V + (fast + slow + I) * u.Gohm) / (10.0 * u.ms)

    def dfast(self, fast):
        return -fast / (1.0 * u.ms)

    def dslow(self, slow):
        return -slow / (5.0 * u.ms)


def test_a_label_chooses_the_state_that_jumps():
    with brainstate.environ.context(dt=0.1 * u.ms):
        cell = TwoPorts(1)
        brainstate.nn.init_all_states(cell)
        cell.add_delta_input("a", 1.0 * u.pA, "ex")
        cell.add_delta_input("b", -2.0 * u.pA, "in")
        cell.add_delta_input("c", -1.0 * u.pA, "in")
        cell()
    got = [float(x.value.to_decimal(u.pA)[0]) for x in (cell.fast, cell.slow)]
    np.testing.assert_allclose(got, [np.exp(-0.1), -3.0 * np.exp(-0.02)], rtol=1e-6)


@pytest.mark.parametrize(("label", "said"), [(None, "no label"), ("inh", "'inh'")])
def test_a_jump_for_no_port_is_an_error(label, said):
    with brainstate.environ.context(dt=0.1 * u.ms):
        cell = TwoPorts(1)
        brainstate.nn.init_all_states(cell)
        cell.add_delta_input("a", 1.0 * u.pA, label)
        with pytest.raises(InputError, match=rf"one of \['ex', 'in'\].* got {said}"):
            cell()


def test_a_port_leads_to_a_state():
    with pytest.raises(DeclarationError, match="'ex' leads to 'quick', which is no state"):
        type("Wrong", (TwoPorts,), {"ports": {"ex": "quick"}})


def test_parts_of_a_step_are_shorter_steps():
    schemes = {"eulerx4": 0.4 * u.ms, "euler": 0.1 * u.ms}
    runs = {}
    for scheme, dt in schemes.items():
        cell = TwoPorts(1, solver=scheme)
        recorded = simulate(cell, 4 * u.ms, dt=dt, inputs=7 * u.pA, record="V", progress=False)
        runs[scheme] = recorded["V"].values[-1]
    np.testing.assert_allclose(runs["eulerx4"] / u.mV, runs["euler"] / u.mV, rtol=1e-5)


def test_a_number_of_parts_is_a_whole_number():
    with pytest.raises(ValueError, match=r"substeps: parts: expected a whole number >= 1, got 0"):
        substeps("rk4", 0)
