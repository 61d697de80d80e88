"""What a class that is made of text is to a user: its arguments, names, checkpoints, networks."""

import brainstate
import brainunit as u
import numpy as np
import pytest
from brainloom_core import CheckpointError, Network, ParameterError, restore, simulate, snapshot
from brainloom_equations import EquationNeuron, TimedArray, from_equations
from texts import AdaptiveText, AdExText, LeakyText


def test_names_of_the_text_are_names_of_the_class():
    cell = LeakyText(2, tau=[5.0, 20.0] * u.ms)
    recording = simulate(cell, 5 * u.ms, dt=0.1 * u.ms, record=["v", "V"], progress=False)
    assert np.all(recording["v"].values == recording["V"].values)
    assert LeakyText.declared_parameters().keys() >= {"v_rest", "v_th", "v_r", "R", "tau"}
    assert LeakyText.numerics.exact
    assert not AdExText.numerics.exact
    assert AdExText.numerics.scheme == "euler"
    with pytest.raises(ParameterError, match="v_th > v_r"):
        LeakyText(1, v_th=-80 * u.mV)
    with pytest.raises(ParameterError, match="a time"):
        LeakyText(1, tau=3 * u.mV)


def test_a_checkpoint_of_another_text_is_refused(tmp_path):
    def net(change: str) -> Network:
        cell = from_equations(
            f"dv/dt = (0.3 - v{change})/(10*ms) : 1", threshold="v > 1", reset="v = 0"
        )
        net = Network()
        net.cells = cell(2)
        return net

    first, same, other = net(""), net(""), net("*2")
    simulate(first, 1 * u.ms, dt=0.1 * u.ms, progress=False)
    saved = snapshot(first)
    restore(same, saved)
    np.testing.assert_array_equal(same.cells.V.value, first.cells.V.value)
    with pytest.raises(CheckpointError):
        restore(other, saved)


def test_a_declared_parameter_has_to_be_given_and_is_checked():
    cell = from_equations(
        "dv/dt = (a - v)/tau : volt\na : volt (constant)\ntau : second (constant, shared)",
        name="Given",
    )
    with pytest.raises(TypeError, match="a"):
        cell(2)
    with pytest.raises(ParameterError, match="one for all neurons"):
        cell(2, a=1 * u.mV, tau=[1.0, 2.0] * u.ms)
    assert cell(2, a=[1.0, 2.0] * u.mV, tau=5 * u.ms).a.shape == (2,)


def test_jumps_reach_the_state_that_their_label_names():
    cls = from_equations(
        """
        dv/dt = (g - v)/(10*ms) : 1 (unless refractory)
        dg/dt = -g/(5*ms) : 1
        """,
        threshold="v > 1",
        reset="v = 0",
        refractory=2 * u.ms,
    )
    cell = cls(2)
    with brainstate.environ.context(dt=0.1 * u.ms):
        brainstate.nn.init_all_states(cell)
        cell.add_delta_input("a", np.array([1.0, 0.0]), label="g")
        cell.add_delta_input("b", np.array([0.0, 3.0]))
        cell()
        assert np.all(np.asarray(cell.g.value) == [np.float32(np.exp(-0.02)), 0.0])
        assert list(np.asarray(cell.spike.value)) == [0.0, 1.0]
        cell.add_delta_input("b", np.array([1.0, 1.0]))  # lost where V is held
        cell()
        assert cell.V.value[1] == 0.0
        assert cell.V.value[0] > 0.9


def test_the_input_finds_its_unit_and_may_have_another_name():
    current = from_equations("dv/dt = (drive - v/Mohm)/(100*pF) : volt", input="drive")
    assert current.input_unit.dim == u.nA.dim
    voltage = from_equations("dv/dt = (I - v)/(10*ms) : volt")
    assert voltage.input_unit == u.mV


def test_an_array_in_time_holds_each_value_for_its_time():
    cls = from_equations(
        "dv/dt = stim(t)/ms : 1",
        method="euler",
        namespace={"stim": TimedArray([1.0, 0.0, 2.0], dt=1 * u.ms)},
    )
    recording = simulate(cls(1), 4 * u.ms, dt=0.1 * u.ms, record="V", progress=False)
    np.testing.assert_allclose(recording["V"].values[[9, 19, 29, 39], 0], [1, 1, 3, 5], rtol=1e-5)


def test_a_class_is_a_neuron_of_this_package():
    assert issubclass(AdaptiveText, EquationNeuron)
    assert AdaptiveText.__module__ == "texts"
    assert "vt" in AdaptiveText.__doc__


def test_what_follows_v_does_not_see_it_explode():
    """A state that V drives: as by Euler with a hundredth of the step, to a few percent."""
    text = """
        dv/dt = (10*nS*(-70*mV - v) + 20*pA*exp((v + 50*mV)/(2*mV)) + I - w)/(200*pF) : volt
        dw/dt = (2*nS*(v + 70*mV) - w)/(100*ms) : amp
        """
    options = {"threshold": "v > -30*mV", "reset": "v = -60*mV; w += 30*pA"}
    ends = []
    for method, dt in ((None, 0.1), ("euler", 0.001)):
        cls = from_equations(text, **options, method=method, initial={"v": -70 * u.mV})
        recording = simulate(
            cls(1), 100 * u.ms, dt=dt * u.ms, inputs=0.5 * u.nA, record="spikes", progress=False
        )
        ends.append(recording["spikes"].t / u.ms)
    assert len(ends[0]) == len(ends[1]) > 4
    np.testing.assert_allclose(*ends, rtol=0.02)


def test_a_reset_that_counts_from_v_takes_no_scheme_that_follows_its_growth():
    cls = from_equations("dv/dt = (v*v + I)/ms : 1", threshold="v > 5", reset="v -= 6")
    assert cls.numerics.scheme == "euler"


def test_a_current_with_a_value_or_an_equation_of_its_own_is_no_input():
    text = "dv/dt = (I - v)/(10*ms) : 1"
    given = from_equations(text, namespace={"I": 0.5})
    written = from_equations(text + "\nI = 0.5*int(t > 5*ms) : 1", method="euler")
    for cls, expected in ((given, 0.5 * (1 - np.exp(-1))), (written, 0.5 * (1 - np.exp(-0.5)))):
        assert not cls.equations.has_current
        recording = simulate(cls(1), 10 * u.ms, dt=0.1 * u.ms, record="V", progress=False)
        np.testing.assert_allclose(recording["V"].values[-1, 0], expected, rtol=0.03)
    assert np.float32(0.7) == given(1, I=0.7).I


def test_remainders_and_whole_parts():
    cls = from_equations(
        "dv/dt = (int(t % (4*ms) < 1*ms) + (7*mV)//(2*mV) - v*0)/(1*ms) : 1", method="euler"
    )
    recording = simulate(cls(1), 8 * u.ms, dt=0.1 * u.ms, record="V", progress=False)
    np.testing.assert_allclose(recording["V"].values[-1, 0], 2 + 3 * 8, atol=0.25)
