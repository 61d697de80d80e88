"""The sign of a weight chooses the port, and a spike acts when it does in NEST."""

import brainstate
import brainunit as u
import jax
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_nest import iaf_cond_exp, iaf_psc_delta, iaf_psc_exp, static_synapse
from brainloom_projections import AllToAll, FixedTotalNumber, OneToOne

DT = 0.1 * u.ms


def after(post, synapses, steps, state):
    """What a state is after each step, all presynaptic neurons spiking in the first."""
    brainstate.nn.init_all_states([post, synapses])
    values = []
    for step in range(steps):
        synapses(np.full(2, float(step == 0)))
        post()
        values.append(np.asarray(u.get_mantissa(getattr(post, state).value)))
    return np.array(values)


def test_each_sign_has_its_port():
    with brainstate.environ.context(dt=DT):
        post = iaf_psc_exp(2, tau_syn_ex=1e9 * u.ms, tau_syn_in=1e9 * u.ms)
        weight = np.array([3.0, -1.0, -2.0, 5.0]) * u.pA
        synapses = static_synapse(2, post, AllToAll(), weight=weight, delay=0.2 * u.ms)
        assert after(post, synapses, 3, "I_syn_ex")[-1] == pytest.approx([3.0, 5.0])
        assert after(post, synapses, 3, "I_syn_in")[-1] == pytest.approx([-2.0, -1.0])


def test_a_conductance_takes_the_size():
    with brainstate.environ.context(dt=DT):
        post = iaf_cond_exp(2, tau_syn_in=1e9 * u.ms)
        synapses = static_synapse(2, post, OneToOne(), weight=-4.0 * u.nS, delay=DT)
        assert synapses.excitatory is None
        assert after(post, synapses, 2, "g_in")[-1] == pytest.approx([4.0, 4.0])


def test_a_jump_of_the_potential_is_there_when_the_delay_is_over():
    with brainstate.environ.context(dt=DT):
        post = iaf_psc_delta(2, tau_m=1e9 * u.ms)
        synapses = static_synapse(2, post, OneToOne(), weight=2.0 * u.mV, delay=0.3 * u.ms)
        V = after(post, synapses, 4, "V")[:, 0]  # a spike at 0; V at 0.1, 0.2, ...
    assert pytest.approx([-70.0, -70.0, -68.0, -68.0], abs=1e-4) == V


def test_making_many_of_other_sizes_compiles_nothing(caplog):
    post = iaf_psc_exp(50)
    rules = [FixedTotalNumber(number) for number in range(20, 30)]
    static_synapse(post, post, rules[0], weight=1.0 * u.pA, delay=DT)
    with jax.log_compiles():
        for rule in rules[1:]:
            weight, delay = np.full(rule.n, -1.0) * u.pA, np.full(rule.n, 0.2) * u.ms
            static_synapse(post, post, rule, weight=weight, delay=delay)
    assert not [said for said in caplog.messages if "ompiling" in said]


def test_another_step_than_that_it_was_made_for_is_an_error():
    with brainstate.environ.context(dt=DT):
        post = iaf_psc_delta(2)
        synapses = static_synapse(2, post, OneToOne(), weight=2.0 * u.mV)
    with brainstate.environ.context(dt=2 * DT):
        brainstate.nn.init_all_states([post, synapses])
        with pytest.raises(InputError, match=r"made for a step of 0.1 ms and runs with 0.2 ms"):
            synapses(np.ones(2))


@pytest.mark.parametrize(
    ("cell", "weight", "options", "error", "said"),
    [
        (iaf_psc_delta, 1.0 * u.mV, {"delay": 0.05 * u.ms}, ParameterError, "at least a step"),
        (iaf_psc_exp, 1.0 * u.pA, {"delay": None}, ParameterError, "delay: expected a time"),
        (iaf_psc_exp, 1.0 * u.nS, {}, ParameterError, "I_syn_ex is, got a conductance"),
        (iaf_psc_exp, 1.0 * u.pA, {"receptor_type": "inh"}, InputError, r"\['ex', 'in'\]"),
    ],
)
def test_what_does_not_fit_is_refused(cell, weight, options, error, said):
    with brainstate.environ.context(dt=DT), pytest.raises(error, match=said):
        static_synapse(2, cell(2), OneToOne(), weight=weight, **options)
