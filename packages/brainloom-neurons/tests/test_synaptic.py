"""Neurons with synaptic states of their own, against closed forms and an accurate integrator."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_neurons import LIF, CobaLIF, CubaLIF, MultiReceptorLIF
from scipy.integrate import solve_ivp


@pytest.fixture
def wide() -> Any:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


@pytest.fixture(autouse=True)
def environment() -> Any:
    brainstate.random.seed(0)
    with brainstate.environ.context(dt=0.1 * u.ms):
        yield


def potentials(neuron: Any, steps: int, x: Any = None) -> np.ndarray:
    """V in mV after each step."""

    def step(i: Any) -> Any:
        neuron(x)
        return neuron.V.value.to_decimal(u.mV)

    loop = brainstate.transform.for_loop
    return np.asarray(brainstate.transform.jit(lambda: loop(step, jnp.arange(steps)))())


# CubaLIF


@pytest.mark.parametrize("dt", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("tau_syn", [5.0, 19.9999999, 20.0])
def test_postsynaptic_potential_is_exact(wide: None, dt: float, tau_syn: float) -> None:
    """From a jump at the start of the first step, also where both time constants are equal."""
    neuron = CubaLIF(1, tau=20 * u.ms, tau_syn=tau_syn * u.ms, V_th=20 * u.mV)
    brainstate.nn.init_all_states(neuron)
    neuron.g.value = neuron.g.value + 3.0 * u.mA
    with brainstate.environ.context(dt=dt * u.ms):
        V = potentials(neuron, round(60.0 / dt))[:, 0]
    t = dt * np.arange(1, len(V) + 1)
    rate = 1 / tau_syn - 1 / 20
    growth = -np.expm1(-rate * t) / rate if abs(rate) > 1e-12 else t
    np.testing.assert_allclose(V, 3.0 / 20 * np.exp(-t / 20) * growth, rtol=1e-9)


def test_a_jump_acts_from_the_beginning_of_its_step(wide: None) -> None:
    neuron = CubaLIF(1, tau=20 * u.ms, V_th=20 * u.mV)
    brainstate.nn.init_all_states(neuron)
    neuron.add_delta_input("spike", 3.0 * u.mA)
    neuron()
    np.testing.assert_allclose(neuron.g.value.to_decimal(u.mA), 3.0 * np.exp(-0.1 / 5))
    assert neuron.V.value.to_decimal(u.mV)[0] > 0


def test_one_step_equals_many(wide: None) -> None:
    """A step of 5 ms, and 500 of 0.01 ms."""
    ends = []
    for dt, steps in ((5.0, 1), (0.01, 500)):
        neuron = CubaLIF(1, tau=20 * u.ms, V_th=20 * u.mV, g_initializer=2.0 * u.mA)
        brainstate.nn.init_all_states(neuron)
        with brainstate.environ.context(dt=dt * u.ms):
            ends.append(potentials(neuron, steps, 1.0 * u.mA)[-1, 0])
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)


def test_shot_noise_through_an_exponential_current() -> None:
    """w 87.8 pA, C 250 pF, tau_m 10, tau_s 0.5 ms, 8 kHz: 14.048 mV and 1.0838 mV.

    The bounds are five standard errors of 2000 neurons over 50 correlation times.
    """
    from brainloom_neurons import PoissonInput

    cell = {"R": 0.04 * u.Gohm, "tau": 10 * u.ms, "tau_syn": 0.5 * u.ms, "V_th": 1e6 * u.mV}
    neuron = CubaLIF(2000, **cell, g_initializer=0.0 * u.pA)
    noise = PoissonInput(neuron.prefetch("g"), None, 1, 8000 * u.Hz, 87.8 * u.pA)
    brainstate.nn.init_all_states(neuron)

    def step(i: Any) -> Any:
        noise()
        neuron()
        return neuron.V.value.to_decimal(u.mV)

    loop = brainstate.transform.for_loop
    V = np.asarray(brainstate.transform.jit(lambda: loop(step, jnp.arange(6000)))())[1000::100]
    n = 2000 * 50
    assert abs(V.mean() - 14.048) < 5 * 1.0838 / np.sqrt(n) + 1e-3
    assert abs(V.std() - 1.0838) < 5 * 1.0838 / np.sqrt(2 * n) + 1e-3


# CobaLIF and MultiReceptorLIF against DOP853


def test_conductance_follows_the_accurate_solution(wide: None) -> None:
    """Second order: at 0.1 ms, 1e-3 mV; halving the step divides the error by four."""

    def rate(t: float, y: np.ndarray) -> list[float]:
        return [(-y[0] + y[1] * (5.0 - y[0]) + 0.1) / 5.0, -y[1] / 3.0]

    exact = solve_ivp(rate, (0, 6), [0.0, 0.2], "DOP853", rtol=1e-11, atol=1e-13).y[0, -1]
    errors = []
    for dt in (0.2, 0.1, 0.05):
        neuron = CobaLIF(1, tau_syn=3.0 * u.ms, g_initializer=0.2 * u.siemens, V_th=20.0 * u.mV)
        brainstate.nn.init_all_states(neuron)
        with brainstate.environ.context(dt=dt * u.ms):
            errors.append(abs(potentials(neuron, round(6 / dt), 0.1 * u.mA)[-1, 0] - exact))
    assert errors[1] < 1e-3
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2.0, atol=0.1)


def test_receptors_follow_the_accurate_solution(wide: None) -> None:
    def rate(t: float, y: np.ndarray) -> list[float]:
        V, ge, gi = y
        return [(-60 - V + ge * -V + gi * (-80 - V)) / 20, -ge / 5, -gi / 10]

    start = [-60.0, 0.15, 0.4]
    exact = solve_ivp(rate, (0, 20), start, "DOP853", rtol=1e-11, atol=1e-13).y[0, -1]
    neuron = MultiReceptorLIF(1)
    brainstate.nn.init_all_states(neuron)
    neuron.add_delta_input("a", 0.1 * u.siemens, label="exc")
    neuron.add_delta_input("b", 0.05 * u.siemens, label="exc")
    neuron.add_delta_input("c", 0.4 * u.siemens, label="inh")
    neuron()
    V = potentials(neuron, 199)
    np.testing.assert_allclose(V[-1, 0], exact, atol=1e-4)


@pytest.mark.parametrize("batch", [None, 4])
def test_receptors_are_driven_by_their_label(batch: int | None) -> None:
    neuron = MultiReceptorLIF(
        3,
        receptors=("ampa", "gaba", "nmda"),
        E=[0.0, -80.0, 0.0] * u.mV,
        tau_syn=[5.0, 10.0, 100.0] * u.ms,
    )
    brainstate.nn.init_all_states(neuron, batch_size=batch)
    jump = np.asarray([0.0, 1.0, 2.0]) * u.siemens
    neuron.add_delta_input("x", jump, label="nmda")
    neuron()
    g = neuron.g.value.to_decimal(u.siemens)
    assert g.shape == ((3, 3) if batch is None else (4, 3, 3))
    expected = np.zeros((3, 3))
    expected[:, 2] = [0.0, 1.0, 2.0]
    np.testing.assert_allclose(
        g, np.broadcast_to(expected * np.exp(-0.1 / 100), g.shape), rtol=1e-5
    )


@pytest.mark.parametrize("label", [None, "typo"])
def test_a_jump_for_no_receptor_is_an_error(label: str | None) -> None:
    neuron = MultiReceptorLIF(2)
    brainstate.nn.init_all_states(neuron)
    neuron.add_delta_input("x", 1.0 * u.siemens, label=label)
    with pytest.raises(InputError, match=r"give each a label, one of \['exc', 'inh'\]"):
        neuron()


def test_receptor_parameters_are_checked() -> None:
    with pytest.raises(ParameterError, match=r"MultiReceptorLIF.E: expected .* shape \(2,\), got"):
        MultiReceptorLIF(2, E=[0.0, -80.0, 0.0] * u.mV)
    with pytest.raises(ParameterError, match="MultiReceptorLIF.receptors: expected a tuple"):
        MultiReceptorLIF(2, receptors=("a", "a"))
    with pytest.raises(ParameterError, match="exp_rosenbrock"):
        MultiReceptorLIF(2, solver="exp_rosenbrock")


def test_two_receptors_equal_one_twice(wide: None) -> None:
    """Equal receptors that share a jump are one receptor."""
    cell = {"tau": 5 * u.ms, "tau_ref": 0 * u.ms, "V_th": 1 * u.mV, "V_reset": 0 * u.mV}
    cell |= {"V_rest": 0 * u.mV, "V_initializer": 0 * u.mV, "tau_syn": 5 * u.ms, "E": 5 * u.mV}
    shared = MultiReceptorLIF(1, receptors=("a", "b"), **cell)
    brainstate.nn.init_all_states(shared)
    shared.g.value = shared.g.value + 0.2 * u.siemens
    single = CobaLIF(1, g_initializer=0.4 * u.siemens)
    brainstate.nn.init_all_states(single)
    np.testing.assert_allclose(potentials(shared, 100), potentials(single, 100), rtol=1e-10)


def test_without_synaptic_input_all_are_plain_neurons(wide: None) -> None:
    drive, plain = 0.9 * u.mA, LIF(1)
    brainstate.nn.init_all_states(plain)
    expected = potentials(plain, 200, drive)
    for neuron in (CubaLIF(1), CobaLIF(1)):
        brainstate.nn.init_all_states(neuron)
        np.testing.assert_allclose(potentials(neuron, 200, drive), expected, rtol=1e-10)
