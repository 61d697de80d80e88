"""Linear kinetics against closed forms: kernels, means over a step, potentials that result."""

import math
from collections.abc import Callable
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_neurons import LIF
from brainloom_synapses import CUBA, Alpha, Delta, DualExpon, Expon

pytestmark = pytest.mark.usefixtures("time_step")

Respond = Callable[..., tuple[np.ndarray, np.ndarray]]


def one_spike(steps: int, unit: Any = u.mS) -> Any:
    return np.eye(1, steps)[0][:, None] * unit


def dual(rise: float, decay: float, **options: Any) -> DualExpon:
    return DualExpon(1, tau_decay=decay * u.ms, tau_rise=rise * u.ms, **options)


# Kernels, and their means by the integral of each. Time constants in ms.


def alpha_kernel(t: np.ndarray, tau: float) -> np.ndarray:
    return t / tau * np.exp(-t / tau)


def alpha_area(t: np.ndarray, tau: float) -> np.ndarray:
    """The integral of the kernel from 0 to t."""
    return tau - (t + tau) * np.exp(-t / tau)


def dual_factor(rise: float, decay: float) -> float:
    return decay / (decay - rise) * (rise / decay) ** (rise / (rise - decay))


def dual_kernel(t: np.ndarray, rise: float, decay: float) -> np.ndarray:
    return dual_factor(rise, decay) * (np.exp(-t / decay) - np.exp(-t / rise))


def dual_area(t: np.ndarray, rise: float, decay: float) -> np.ndarray:
    whole = rise * np.expm1(-t / rise) - decay * np.expm1(-t / decay)
    return dual_factor(rise, decay) * whole


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_alpha_is_exact(float64: None, respond: Respond, dt: float) -> None:
    n = round(60 / dt)
    g, mean = respond(Alpha(1, tau=5 * u.ms), one_spike(n), dt)
    t = np.arange(n + 1) * dt
    # The kernel is of order 1: 600 steps of rounding are 1e-13, a series cut off 1e-20.
    np.testing.assert_allclose(g[:, 0], alpha_kernel(t[:-1], 5.0), rtol=0, atol=1e-9)
    np.testing.assert_allclose(mean[:, 0], np.diff(alpha_area(t, 5.0)) / dt, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize(("rise", "decay"), [(0.5, 5.0), (2.0, 100.0), (5.0, 2.0), (4.99, 5.0)])
def test_dual_exponential_is_exact(
    float64: None, respond: Respond, rise: float, decay: float, dt: float
) -> None:
    n = round(60 / dt)
    g, mean = respond(dual(rise, decay), one_spike(n), dt)
    t = np.arange(n + 1) * dt
    np.testing.assert_allclose(g[:, 0], dual_kernel(t[:-1], rise, decay), rtol=0, atol=1e-9)
    area = np.diff(dual_area(t, rise, decay)) / dt
    np.testing.assert_allclose(mean[:, 0], area, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_exponential_means_are_exact(float64: None, respond: Respond, dt: float) -> None:
    g, mean = respond(Expon(1, tau=5 * u.ms), one_spike(60), dt)
    t = np.arange(60) * dt
    np.testing.assert_allclose(g[:, 0], np.exp(-t / 5.0), rtol=0, atol=1e-12)
    share = -np.expm1(-dt / 5.0) * 5.0 / dt
    np.testing.assert_allclose(mean[:, 0], share * np.exp(-t / 5.0), rtol=0, atol=1e-12)


def test_alpha_reference_values(float64: None, respond: Respond) -> None:
    """Peak 1 at tau, area e tau, half of the peak at 0.231961 tau and 2.678347 tau."""
    tau, dt = 10.0, 0.001
    g, mean = respond(Alpha(1, tau=tau * u.ms, normalize=True), one_spike(200_000), dt)
    t = np.arange(200_000) * dt
    assert g.max() == pytest.approx(1.0, abs=1e-9)
    assert t[g[:, 0].argmax()] == pytest.approx(tau, abs=dt)
    assert mean.sum() * dt == pytest.approx(2.718282 * tau, rel=1e-6)
    above = t[g[:, 0] >= 0.5]
    assert above[0] == pytest.approx(0.231961 * tau, abs=2 * dt)
    assert above[-1] == pytest.approx(2.678347 * tau, abs=2 * dt)


def test_one_convention_for_the_peak(float64: None, respond: Respond) -> None:
    """`normalize` makes the peak 1; without it each has the peak of its plain equation."""
    for synapse, peak in [
        (Expon(1), 1.0),
        (Alpha(1, tau=5 * u.ms), 1 / math.e),
        (Alpha(1, tau=5 * u.ms, normalize=True), 1.0),
        (dual(0.5, 5.0), 1.0),
        (dual(0.5, 5.0, normalize=False), 1 / 1.435055),
        (dual(0.5, 5.0, amplitude=3.0), 3.0),
        (Delta(1), 1.0),
    ]:
        g, _ = respond(synapse, one_spike(2000), 0.01)
        # A peak of curvature up to 1 / ms^2 is missed by at most 0.005 ms.
        assert g.max() == pytest.approx(peak, rel=3e-5), synapse


def test_what_a_step_means_is_declared() -> None:
    assert "1/e" in str(Alpha.numerics.normalization)
    assert Alpha(1, normalize=True).numerics.normalization == "peak 1 per unit of weight"
    assert DualExpon.numerics.normalization != dual(1, 2, normalize=False).numerics.normalization
    for cls, jumping in ((Expon, "g"), (Alpha, "h"), (DualExpon, "g_rise")):
        assert cls.numerics.exact
        assert str(cls.numerics.jump).startswith(f"added to {jumping} at the end of the step")


# Equal time constants


@pytest.mark.parametrize("difference", [0.0, 1e-12, 1e-6, -1e-6, 1e-3])
def test_nearly_equal_time_constants(float64: None, respond: Respond, difference: float) -> None:
    """The response departs from the normalised alpha function by less than the difference."""
    g, mean = respond(dual(5.0 * (1 + difference), 5.0), one_spike(300), 0.1)
    alpha, alpha_mean = respond(Alpha(1, tau=5 * u.ms, normalize=True), one_spike(300), 0.1)
    atol = abs(difference) + 1e-13
    np.testing.assert_allclose(g, alpha, rtol=0, atol=atol)
    np.testing.assert_allclose(mean, alpha_mean, rtol=0, atol=atol)


@pytest.mark.parametrize("difference", [0.0, 1e-6, -1e-6, 1e-4])
def test_nearly_equal_time_constants_in_single_precision(
    respond: Respond, difference: float
) -> None:
    g, _ = respond(dual(5.0 * (1 + difference), 5.0), one_spike(300), 0.1)
    assert g.dtype == np.float32
    exact = math.e * alpha_kernel(np.arange(300) * 0.1, 5.0)
    # 300 roundings of 6e-8, of which the difference form would make 6e-8 / 1e-6 = 6 %.
    np.testing.assert_allclose(g[:, 0], exact, rtol=0, atol=abs(difference) + 1e-5)


def test_equal_constants_without_normalisation_give_nothing(respond: Respond) -> None:
    g, _ = respond(dual(5.0, 5.0, normalize=False), one_spike(50), 0.1)
    np.testing.assert_array_equal(g, 0.0)


def test_gradient_by_a_time_constant_at_equality(float64: None) -> None:
    """By central differences of the closed form, whose own error is 1e-4 squared."""

    def value(rise: Any) -> Any:
        synapse = DualExpon(1, tau_decay=5 * u.ms, tau_rise=rise * u.ms)
        synapse.init_state()
        synapse(1.0 * u.mS)
        g = brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(30))
        return g[-1, 0].to_decimal(u.mS)

    with brainstate.environ.context(dt=0.1 * u.ms):
        found = jax.jit(jax.grad(value))(5.0)
    at = np.asarray(3.0)
    expected = (dual_kernel(at, 5.001, 5.0) - dual_kernel(at, 4.999, 5.0)) / 0.002
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"normalize": False}, {"amplitude": 2.0}])
def test_the_decaying_part_can_be_read(float64: None, options: dict[str, Any]) -> None:
    synapse = brainstate.nn.init_all_states(dual(0.5, 5.0, **options))
    synapse(2.0 * u.mS)
    brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(20))
    decaying = synapse.g_decay.value.to_decimal(u.mS)[0]
    assert decaying == pytest.approx(2.0 * math.exp(-2.0 / 5.0), rel=1e-12)


# Potentials


def alpha_potential(t: np.ndarray, tau: float) -> np.ndarray:
    """Of an alpha-shaped current through a membrane of 20 ms and unit resistance."""
    a = 1 / tau - 1 / 20
    grown = 1 - np.exp(-a * t) * (1 + a * t)
    return np.exp(-t / 20) * grown / (a**2 * 20 * tau)


def exponential_potential(t: np.ndarray, tau: float) -> np.ndarray:
    return tau / (20 - tau) * (np.exp(-t / 20) - np.exp(-t / tau))


def dual_potential(t: np.ndarray) -> np.ndarray:
    both = exponential_potential(t, 5.0) - exponential_potential(t, 1.0)
    return dual_factor(1.0, 5.0) * both


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize(
    ("make", "exact", "area"),
    [
        (lambda: Expon(1, tau=5 * u.ms), lambda t: exponential_potential(t, 5.0), 5.0),
        (lambda: Alpha(1, tau=5 * u.ms), lambda t: alpha_potential(t, 5.0), 5.0),
        (lambda: dual(1.0, 5.0), dual_potential, 4.0 * dual_factor(1.0, 5.0)),
    ],
    ids=["Expon", "Alpha", "DualExpon"],
)
def test_postsynaptic_potential(
    float64: None, make: Any, exact: Any, area: float, dt: float
) -> None:
    """Peak and area to 0.1 %, also at 1 ms, where the jump held over a step gives 10 % more."""
    synapse, out, post = make(), CUBA(), LIF(1, tau=20 * u.ms, V_th=1e6 * u.mV)
    post.add_current_input("synapse", out)
    brainstate.nn.init_all_states([synapse, post])

    def step(x: Any) -> Any:
        out.bind_cond(synapse.step(x))
        post()
        return post.V.value

    n = round(500 / dt)
    with brainstate.environ.context(dt=dt * u.ms):
        V = brainstate.transform.for_loop(step, 1.62 * one_spike(n)).to_decimal(u.mV)[:, 0]
    t = np.arange(1, n + 1) * dt
    expected = 1.62 * exact(t)
    peak = 1.62 * exact(np.arange(0, 100, 0.001)).max()
    # The charge of each step is exact (500 ms leave a tail of 2e-11); where within the step it
    # acts is not: an error of dt^2 / 1200 of the peak. The grid misses the peak by as much.
    near = 1e-3 * dt**2
    np.testing.assert_allclose(V, expected, rtol=0, atol=near * peak)
    assert V.max() == pytest.approx(peak, rel=near)
    assert V.sum() * dt == pytest.approx(1.62 * area, rel=1e-10)
    if isinstance(synapse, Expon):
        assert V.max() == pytest.approx(0.2551340, rel=near)
        assert t[V.argmax()] == pytest.approx(9.241962, abs=dt)


def test_a_conductance_that_holds_over_a_step_is_what_delta_gives(respond: Respond) -> None:
    g, mean = respond(Delta(2), np.array([[1.0, 2.0], [0.0, 0.0], [3.0, 0.0]]) * u.mS, 0.1)
    np.testing.assert_array_equal(g, [[1.0, 2.0], [0.0, 0.0], [3.0, 0.0]])
    np.testing.assert_array_equal(mean, g)
    synapse = brainstate.nn.init_all_states(Delta(2))
    synapse.add_delta_input("spikes", jnp.array([1.0, 2.0]) * u.mS)
    np.testing.assert_array_equal(synapse.step().to_decimal(u.mS), [1.0, 2.0])


# Units, shapes, errors


@pytest.mark.parametrize("cls", [Expon, Alpha, DualExpon, Delta])
@pytest.mark.parametrize("unit", [u.mS, u.nS, u.mA, u.UNITLESS])
def test_the_unit_is_that_of_the_initial_value(cls: type, unit: Any) -> None:
    one = 1.0 if unit == u.UNITLESS else 1.0 * unit
    synapse = brainstate.nn.init_all_states(cls(2, g_initializer=0.0 * one), batch_size=3)
    synapse(one)
    driving = synapse.step()
    assert u.get_unit(driving) == unit
    assert driving.shape == (3, 2)
    wrong = 1.0 * u.ms if unit == u.UNITLESS else 1.0
    with pytest.raises(InputError, match=rf"{cls.__name__}\.update\(x\)"):
        synapse(wrong)


def test_units_of_one_dimension_agree() -> None:
    one, other = (
        brainstate.nn.init_all_states(Alpha(1, tau=tau, g_initializer=0.0 * unit))
        for tau, unit in ((5 * u.ms, u.mS), (0.005 * u.second, u.nS))
    )
    for synapse in (one, other):
        synapse(2.0 * u.mS)
        synapse()
    np.testing.assert_allclose(
        one.g.value.to_decimal(u.uS), other.g.value.to_decimal(u.uS), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Alpha(1, tau=5 * u.mV), r"Alpha\.tau: expected a time > 0"),
        (lambda: Alpha(1, tau=-5 * u.ms), r"Alpha\.tau: expected a time > 0"),
        (lambda: Alpha(1, normalize="peak"), r"Alpha\.normalize: expected one of True, False"),
        (lambda: DualExpon(1, tau_rise=1.0), r"DualExpon\.tau_rise: expected a time > 0"),
    ],
)
def test_wrong_parameters(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        make()
