"""Kinetics and outputs from text are those that are written by hand."""

import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import AlignPost
from brainloom_equations import EquationError, kinetics_from_equations, output_from_equations
from brainloom_testing import default_case, parametrize_with_checks

RisingText = kinetics_from_equations(
    "dh/dt = -h/tau : siemens\ndg/dt = (h - g)/tau : siemens",
    on_pre="h += w",
    namespace={"tau": 5 * u.ms},
    name="RisingText",
)
SaturatingText = kinetics_from_equations(
    """
    ds/dt = -s/tau + a*x*(1 - s) : 1
    dx/dt = -x/tau_x : 1
    """,
    on_pre="x += w",
    conductance="g_max*s",
    namespace={"tau": 50 * u.ms, "tau_x": 2 * u.ms, "a": 0.5 / u.ms, "g_max": 1 * u.nS},
    name="SaturatingText",
)
BlockedText = output_from_equations(
    "I = g*B*(E - v) : amp\nB = 1/(1 + exp(-0.062*v/mV)*Mg/3.57) : 1",
    namespace={"E": 0 * u.mV, "Mg": 1.2},
    name="BlockedText",
)
# What is written where a class is made of text is not all that the kit asks for.
TEXTS = ("docstring", "examples")


@pytest.mark.slow
@parametrize_with_checks([default_case(c) for c in (RisingText, SaturatingText, BlockedText)])
def test_conformance(case, check):
    if not any(word in check.__name__ for word in TEXTS):
        check(case)


def test_linear_kinetics_need_one_state_for_each_neuron():
    assert issubclass(RisingText, AlignPost)
    assert not issubclass(SaturatingText, AlignPost)
    shifted = kinetics_from_equations("dg/dt = (nS - g)/(5*ms) : siemens", on_pre="g += w")
    assert not issubclass(shifted, AlignPost)


def test_the_course_is_that_of_an_alpha_function():
    synapse = RisingText(1)
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(synapse)
        synapse(1 * u.nS)
        course = [float(synapse().to_decimal(u.nS)[0]) for _ in range(60)]
    t = 0.1 * np.arange(1, 61) / 5.0
    np.testing.assert_allclose(course, t * np.exp(-t), rtol=1e-4)


def test_the_current_is_that_of_the_text():
    found = BlockedText(Mg=2.0).update(1 * u.nS, -40 * u.mV).to_decimal(u.pA)
    np.testing.assert_allclose(found, 40 / (1 + np.exp(0.062 * 40) * 2.0 / 3.57), rtol=1e-6)
    assert BlockedText.is_conductance_based
    assert not output_from_equations(
        "I = g*V0 : amp", namespace={"V0": 1 * u.mV}
    ).is_conductance_based


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: kinetics_from_equations("dg/dt = -g/ms : 1", on_pre="g += 2*w"), "x \\+= w"),
        (lambda: kinetics_from_equations("dg/dt = -g/ms : 1", on_pre="h += w"), "x \\+= w"),
        (
            lambda: kinetics_from_equations("dg/dt = -g : 1", on_pre="g += w"),
            "is a frequency",
        ),
        (lambda: output_from_equations("J = g*v : amp"), "expected the current"),
        (lambda: output_from_equations("I = g*v*v : amp"), "I is a current"),
        (lambda: output_from_equations("I = g*open(v) : amp"), "no function open"),
    ],
)
def test_what_is_no_part_is_refused(make, said):
    with pytest.raises(EquationError, match=said):
        make()
