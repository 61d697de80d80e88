"""What the base classes of neurons add to the step: limits, crossings, times within a step."""

from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    Crossing,
    DeclarationError,
    InputError,
    Neuron,
    Numerics,
    ParameterError,
    Refractory,
    UnitError,
    initializer,
    param,
    state,
)
from brainloom_core.units import log1prel
from scipy.integrate import solve_ivp


class Leaky(Neuron):
    tau = param(10.0 * u.ms)
    V_th = param(1.0 * u.mV)
    V_reset = param(0.0 * u.mV)
    V_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer")
    linear = True

    def dV(self, V: Any, I: Any) -> Any:
        return (1.0 * u.ohm * I - V) / self.tau


class LeakyRef(Refractory, Leaky):
    pass


class Exploding(Leaky):
    """Its potential runs away; `seen` follows it."""

    caps_overshoot = True
    linear = False
    seen_initializer = initializer(0.0 * u.mV)
    seen = state("seen_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return (1.0 * u.ohm * I - V + u.math.exp(V / u.mV * 5.0) * u.mV) / self.tau

    def dseen(self, seen: Any, V: Any) -> Any:
        return (V - seen) / (1.0 * u.ms)


class Swinging(Crossing):
    """A harmonic oscillator around `center`."""

    V_th = param(0.0 * u.mV)
    V_initializer = initializer(-1.0 * u.mV)
    W_initializer = initializer(0.0 * u.mV)
    V = state("V_initializer")
    W = state("W_initializer")
    linear = True

    def dV(self, W: Any) -> Any:
        return W / u.ms

    def dW(self, V: Any) -> Any:
        return -V / u.ms


def run(neuron: Any, steps: int, x: Any, dt: Any = 0.1 * u.ms, *read: str) -> Any:
    """Spikes of each step, and the values of the states named."""
    with brainstate.environ.context(dt=dt):
        brainstate.nn.init_all_states(neuron)

        def one(i: Any) -> Any:
            spikes = neuron(x)
            return spikes, [getattr(neuron, name).value for name in read]

        return brainstate.transform.jit(
            lambda: brainstate.transform.for_loop(one, jnp.arange(steps))
        )()


def spike_times(neuron: Any, duration: float, x: Any, dt: float) -> np.ndarray:
    """Times of the spikes of the only neuron, from the end of their steps and their lag."""
    spikes, (lag,) = run(neuron, round(duration / dt), x, dt * u.ms, "spike_lag")
    steps = np.flatnonzero(np.asarray(spikes)[:, 0])
    return (steps + 1) * dt - np.asarray(lag.to_decimal(u.ms))[steps, 0]


# Overshoot


@pytest.mark.parametrize("solver", ["auto", "exp_euler", "rk4", "euler"])
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_nothing_sees_a_potential_beyond_the_limit(solver: str, reset: str) -> None:
    neuron = Exploding(1, solver=solver, spk_reset=reset)
    spikes, (V, seen) = run(neuron, 500, 3.0 * u.mA, 0.5 * u.ms, "V", "seen")
    assert np.asarray(spikes).sum() > 5
    assert np.asarray(V.mantissa).max() == 1.0
    assert 0.0 < np.asarray(seen.mantissa).max() <= 1.0


def test_jumps_do_not_pass_the_limit() -> None:
    neuron = Exploding(1)
    brainstate.nn.init_all_states(neuron)
    neuron.add_delta_input("kick", 7.0 * u.mV)
    assert neuron().item() == 1.0
    assert neuron.V.value.mantissa.item() == 1.0


# Times within a step


@pytest.mark.parametrize("dt", [0.1, 0.37, 1.0])
@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_times_are_exact_for_a_linear_neuron(float64: None, dt: float, reset: str) -> None:
    """The period is tau ln(RI / (RI - V_th)), whatever dt: to rounding."""
    times = spike_times(Leaky(1, interpolate=True, spk_reset=reset), 200.0, 1.5 * u.mA, dt)
    period = 10.0 * np.log(1.5 / 0.5)
    np.testing.assert_allclose(times, period * np.arange(1, len(times) + 1), rtol=1e-9)
    assert len(times) == int(200.0 / period)


@pytest.mark.parametrize("tau_ref", [0.0, 0.05, 0.33, 2.0, 7.77])
def test_the_refractory_period_is_exact_too(float64: None, tau_ref: float) -> None:
    neuron = LeakyRef(1, interpolate=True, tau_ref=tau_ref * u.ms)
    times = spike_times(neuron, 300.0, 1.5 * u.mA, 0.1)
    period = 10.0 * np.log(3.0)
    expected = period + (period + tau_ref) * np.arange(len(times))
    np.testing.assert_allclose(times, expected, rtol=1e-9)


def test_a_jump_over_the_threshold_is_a_spike_at_the_end_of_the_step() -> None:
    neuron = Leaky(1, interpolate=True)
    brainstate.nn.init_all_states(neuron)
    neuron.add_delta_input("kick", 1.2 * u.mV)
    assert neuron().item() == 1.0
    assert neuron.spike_lag.value.mantissa.item() == 0.0


def test_times_have_the_gradient_of_the_closed_form(float64: None) -> None:
    """d(period)/dI by differentiation through the run, against that of the formula."""
    neuron = Leaky(1, interpolate=True)

    def third_time(x: Any) -> Any:
        _, (lag,) = run(neuron, 400, x * u.mA, 0.1 * u.ms, "spike_lag")
        step = jnp.flatnonzero(lag[:, 0].to_decimal(u.ms) > 0.0, size=3)[2]
        return (step + 1) * 0.1 - lag[step, 0].to_decimal(u.ms)

    gradient = jax.grad(third_time)(1.5)
    np.testing.assert_allclose(gradient, 3 * 10.0 * (1 / 1.5 - 1 / 0.5), rtol=1e-6)


def test_log1prel() -> None:
    x = np.asarray([-0.9, -1e-3, -1e-6, 0.0, 1e-6, 1e-3, 2.0, 1e4])
    safe = np.where(x == 0, 1.0, x)
    expected = np.where(x == 0, 1.0, np.log1p(x) / safe)
    np.testing.assert_allclose(log1prel(jnp.asarray(x, jnp.float32)), expected, rtol=1e-6)
    assert np.isfinite(jax.vmap(jax.grad(log1prel))(jnp.asarray([-2.0, -1.0, 0.0, 1.0]))).all()


# Spikes without a reset


@pytest.mark.parametrize("V_th", [-0.5, 0.0, 0.5])
def test_one_spike_per_upward_passage(float64: None, V_th: float) -> None:
    """V = -cos t passes any threshold upwards once per turn, also a negative one or zero."""
    neuron = Swinging(1, V_th=V_th * u.mV)
    spikes, (V, spike) = run(neuron, 400, None, 0.1 * u.ms, "V", "spike")
    t = 0.1 * np.arange(1, 401)
    np.testing.assert_allclose(V.to_decimal(u.mV)[:, 0], -np.cos(t), atol=1e-9)
    passed = (-np.cos(t) >= V_th) & (-np.cos(t - 0.1) < V_th)
    np.testing.assert_array_equal(np.asarray(spikes)[:, 0], passed)
    np.testing.assert_array_equal(spike, spikes)


def test_get_spike_of_a_given_potential_and_of_the_last_step() -> None:
    neuron = Swinging(1, V_initializer=1.0 * u.mV)
    brainstate.nn.init_all_states(neuron)
    assert neuron.get_spike().item() == 0.0  # above threshold, but it has not passed it
    np.testing.assert_array_equal(neuron.get_spike([-1.0, 0.0, 1.0] * u.mV), [0.0, 1.0, 1.0])


def test_the_surrogate_gradient_does_not_depend_on_the_sign_of_the_threshold() -> None:
    def slope(V_th: float) -> Any:
        neuron = Swinging(1, V_th=V_th * u.mV)
        brainstate.nn.init_all_states(neuron)
        return jax.grad(lambda V: neuron.get_spike(V * u.mV))(V_th - 2.0)

    slopes = [slope(V_th) for V_th in (-20.0, 0.0, 20.0)]
    np.testing.assert_allclose(slopes, slopes[0], rtol=1e-5)
    assert slopes[0] > 0.0


# Declared semantics


def test_numerics_of_a_class_and_of_an_instance() -> None:
    default = Leaky.numerics
    assert isinstance(default, Numerics)
    assert (default.scheme, default.order, default.exact) == ("exp_euler", None, True)
    assert default.jump == "added to V after integration"
    assert (default.overshoot, default.refractory) == ("kept", None)
    other = LeakyRef(1, solver="rk4", spk_reset="hard", interpolate=True).numerics
    assert (other.scheme, other.order, other.exact) == ("rk4", 4, False)
    assert "crossing" in str(other.spike)
    assert "crossing" in str(other.refractory)
    assert Exploding.numerics.scheme == "exp_strang"
    assert Exploding.numerics.overshoot == "cut off at the threshold"
    assert Swinging.numerics.scheme == "exp_rosenbrock"
    assert Swinging.numerics.reset == "none"
    assert Leaky(1, solver=lambda drifts, y, dt: {}).numerics.order is None


def test_a_coupled_neuron_is_of_second_order_by_default(float64: None) -> None:
    """Halving dt divides the distance to the solution of scipy by four."""

    def slope(t: float, y: np.ndarray) -> list[float]:
        return [(0.2 - y[0] + np.exp(5 * y[0])) / 10, y[0] - y[1]]

    exact = solve_ivp(slope, (0, 4), [-0.5, 0.0], "DOP853", rtol=1e-11, atol=1e-13).y[:, -1]
    errors = []
    for n in (40, 80, 160):
        neuron = Exploding(1, V_initializer=-0.5 * u.mV)
        _, ends = run(neuron, n, 0.2 * u.mA, 4.0 / n * u.ms, "V", "seen")
        errors.append(max(abs(e.mantissa[-1, 0] - x) for e, x in zip(ends, exact, strict=True)))
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2.0, atol=0.1)


@pytest.mark.parametrize("rule", ["soft", "hard"])
def test_gradients_pass_by_a_detached_reset(rule: str) -> None:
    """Then dV/dI is the response of the membrane to the current, all or since the spike."""
    neuron = Leaky(1, spk_reset=rule, detach_reset=True)
    brainstate.nn.init_all_states(neuron)
    n_steps = 23
    spikes: list[Any] = []

    def last_potential(I: Any) -> Any:
        neuron.reset_state()
        spikes[:] = [brainstate.transform.for_loop(neuron, I * jnp.ones((n_steps, 1)) * u.mA)]
        return neuron.V.value.mantissa.sum()

    with brainstate.environ.context(dt=1.0 * u.ms):
        got = brainstate.transform.grad(last_potential, argnums=0)(2.0)
        last_potential(2.0)
    (when,) = np.nonzero(np.asarray(spikes[0])[:-1, 0])
    assert len(when) == 3
    since = n_steps if rule == "soft" else n_steps - 1 - when[-1]
    np.testing.assert_allclose(got, 1.0 - np.exp(-since / 10.0), rtol=1e-5)


def test_a_detached_reset_and_times_within_a_step_exclude_each_other() -> None:
    with pytest.raises(ParameterError, match=r"Leaky\.detach_reset: expected None with interp"):
        Leaky(1, interpolate=True, detach_reset=True)


class Falling(Leaky):
    """Its threshold falls faster than its potential, and meets it from above."""

    theta_initializer = initializer(3.0 * u.mV)
    theta = state("theta_initializer")
    linear = True

    def dtheta(self, theta: Any) -> Any:
        return -theta / (2.0 * u.ms)

    def threshold(self, theta: Any) -> Any:
        return theta


@pytest.mark.parametrize("interpolate", [True, False])
def test_a_threshold_that_falls_below_the_potential_is_a_spike(interpolate: bool) -> None:
    """2 exp(-t / 10 ms) meets 3 exp(-t / 2 ms) at ln(1.5) / 0.4 ms."""
    neuron = Falling(1, V_initializer=2.0 * u.mV, interpolate=interpolate)
    brainstate.nn.init_all_states(neuron)
    meets = np.log(1.5) / 0.4
    with brainstate.environ.context(dt=0.25 * u.ms):
        steps = [float(neuron()[0]) for _ in range(5)]
    k = steps.index(1.0) + 1
    assert k == int(np.ceil(meets / 0.25)) == 5
    if interpolate:
        lag = float(neuron.spike_lag.value[0].to_decimal(u.ms))
        assert 0.25 * k - lag == pytest.approx(meets, abs=2e-3)


class Forked(Leaky):
    """A soma and a dendrite that are not coupled."""

    input_sites = {"dendrite": "W"}
    W_initializer = initializer(0.0 * u.mV)
    W = state("W_initializer")
    linear = True

    def dW(self, W: Any, I_dendrite: Any) -> Any:
        return (2.0 * u.ohm * I_dendrite - W) / self.tau


def test_a_current_with_the_label_of_a_site_acts_there_alone() -> None:
    neuron = Forked(1, V_th=100.0 * u.mV)
    brainstate.nn.init_all_states(neuron)
    seen: list[Any] = []

    def current(V: Any) -> Any:
        seen.append(V)
        return (1.0 * u.mV - V) / (1.0 * u.ohm)

    neuron.add_current_input("stays", current, label="dendrite")
    neuron.add_current_input("once", 3.0 * u.mA)
    neuron(1.0 * u.mA)
    decay = np.exp(-float(brainstate.environ.get_dt().to_decimal(u.ms)) / 10.0)
    assert float(neuron.V.value[0].to_decimal(u.mV)) == pytest.approx(4.0 * (1 - decay), rel=1e-5)
    rises = 2.0 / 3.0 * (1 - decay**3)  # dW/dt = (2 (1 - W) - W) / tau
    assert float(neuron.W.value[0].to_decimal(u.mV)) == pytest.approx(rises, rel=1e-4)
    assert seen
    with pytest.raises(InputError, match=r"Forked: the current input 'x': expected a label among"):
        neuron.add_current_input("x", current, label="dendrit")


def test_a_site_needs_its_state() -> None:
    with pytest.raises(
        DeclarationError, match=r"Wrong.input_sites\['dendrite'\]: there is no state"
    ):

        class Wrong(Leaky):
            input_sites = {"dendrite": "V_d"}


# What a class of one's own gets wrong


def test_a_neuron_without_a_reset_is_refused_where_it_is_defined() -> None:
    with pytest.raises(DeclarationError, match="Bare has no V_reset. Declare it as a parameter"):

        class Bare(Neuron):
            V_initializer = initializer(0.0 * u.mV)
            V = state("V_initializer")

            def dV(self, V: Any, I: Any) -> Any:
                return -V / u.ms

            def threshold(self) -> Any:
                return 1.0 * u.mV

            def scale(self) -> Any:
                return 1.0 * u.mV


def test_what_spikes_change_has_to_depend_on_them() -> None:
    with pytest.raises(DeclarationError, match=r"on_spike\(seen\) does not take spk"):

        class Always(Exploding):
            def on_spike(self, seen: Any) -> Any:
                return {"seen": seen + 1.0 * u.mV}


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (lambda self, V, I: I / u.ms, "expected the unit of V by that of a time, mV / ms, got mA"),
        (lambda self, V, I: u.ohm * I - V, "expected the unit of V by that of a time"),
        (lambda self, V, I: (I - V) / u.ms, r"Wrong\.dV: its units do not fit together"),
    ],
)
def test_a_derivative_in_wrong_units_is_named(rate: Any, message: str) -> None:
    wrong = type(Leaky)("Wrong", (Leaky,), {"dV": rate, "linear": False})
    neuron = wrong(1)
    brainstate.nn.init_all_states(neuron)
    with pytest.raises(UnitError, match=message):
        neuron(1.0 * u.mA)
