"""Receptors that saturate, against their closed forms and an accurate integrator."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_neurons import LIF
from brainloom_synapses import AMPA, NMDA, BioNMDA, GABAa, GradedSynapse
from scipy.integrate import solve_ivp

pytestmark = pytest.mark.usefixtures("time_step")

Respond = Callable[..., tuple[np.ndarray, np.ndarray]]
Pulses = list[tuple[float, float]]

RATES = {AMPA: (0.49, 0.18, 0.5), GABAa: (0.53, 0.18, 1.0)}  # binding, unbinding / ms, pulse ms


def spikes_at(times: list[float], steps: int, dt: float) -> np.ndarray:
    train = np.zeros((steps, 1))
    train[[round(time / dt) for time in times]] = 1.0
    return train


def peak(cls: type) -> float:
    """After one pulse from rest."""
    binding, unbinding, duration = RATES[cls]
    both = binding + unbinding
    return binding / both * -math.expm1(-both * duration)


def piecewise(cls: type, t: np.ndarray, spikes: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """The conductance and its integral from 0, exactly, at any times."""
    binding, unbinding, duration = RATES[cls]
    edges, until = [0.0], -1.0
    pulses: Pulses = []
    for spike in spikes:
        if pulses and spike <= until:
            pulses[-1] = (pulses[-1][0], spike + duration)
        else:
            pulses.append((spike, spike + duration))
        until = spike + duration
    edges = sorted({0.0, *(e for pulse in pulses for e in pulse), *t})
    g, area, found = 0.0, 0.0, {0.0: (0.0, 0.0)}
    for a, b in pairwise(edges):
        on = any(first <= (a + b) / 2 < last for first, last in pulses)
        rate = unbinding + binding * on
        steady = binding * on / rate
        area += steady * (b - a) + (g - steady) * -math.expm1(-rate * (b - a)) / rate
        g = steady + (g - steady) * math.exp(-rate * (b - a))
        found[b] = (g, area)
    both = np.array([found[time] for time in t])
    return both[:, 0], both[:, 1]


@pytest.mark.parametrize("cls", [AMPA, GABAa])
@pytest.mark.parametrize("dt", [0.01, 0.1, 0.2, 0.25, 0.3, 1.0])
def test_pulses_are_exact_at_any_step(
    float64: None, respond: Respond, cls: type, dt: float
) -> None:
    """Alone, restarted within a pulse, and again from another level."""
    n = round(12 / dt)
    times = [round(time / dt) * dt for time in (0.0, 3.0, 3.3, 7.0)]
    times = sorted(dict.fromkeys(times))
    g, mean = respond(cls(1), spikes_at(times, n, dt), dt)
    exact, area = piecewise(cls, np.arange(n + 1) * dt, times)
    np.testing.assert_allclose(g[:, 0], exact[:-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(mean[:, 0], np.diff(area) / dt, rtol=0, atol=1e-11)


def test_known_peak() -> None:
    assert peak(AMPA) == pytest.approx(0.2082, abs=5e-5)


@pytest.mark.parametrize("cls", [AMPA, GABAa])
@pytest.mark.parametrize("dt", [0.01, 0.1, 0.25, 1.0])
def test_peak_in_single_precision(respond: Respond, cls: type, dt: float) -> None:
    """Read off the decay after the pulse, since a step may be longer than the pulse."""
    duration = RATES[cls][2]
    n = round(3 / dt)
    g, _ = respond(cls(1), spikes_at([0.0], n, dt), dt)
    left = peak(cls) * math.exp(-0.18 * ((n - 1) * dt - duration))
    assert g[-1, 0] == pytest.approx(left, rel=1e-4)
    if dt < 1:
        assert g.max() == pytest.approx(peak(cls), rel=1e-2)


@pytest.mark.parametrize("start", [0.0, 1e6])
@pytest.mark.parametrize("cls", [AMPA, GABAa])
def test_peak_does_not_depend_on_the_time_of_the_spike(cls: type, start: float) -> None:
    """400 spike times, in float32, also late in a long run."""
    times = jnp.arange(400)
    synapse = cls(400)
    brainstate.nn.init_all_states(synapse)

    def one(i: Any) -> Any:
        with brainstate.environ.context(i=i, t=start * u.ms + i * 0.1 * u.ms):
            return synapse(i == times)

    g = brainstate.transform.for_loop(one, jnp.arange(420)).to_decimal(u.mS)
    peaks = np.asarray(g.max(axis=0))
    np.testing.assert_allclose(peaks, peak(cls), rtol=2e-6)
    assert np.ptp(peaks) == 0.0


def bio_nmda(t: float, y: np.ndarray, T: float) -> list[float]:
    g, x = y
    return [2.0 * x * (1 - g) - 0.01 * g, T * (1 - x) - 0.5 * x]


def bio_nmda_reference(times: list[float], t: np.ndarray) -> np.ndarray:
    """Pieces between the beginnings and ends of pulses of 0.5 ms that do not overlap."""
    edges = sorted({0.0, t[-1], *times, *(time + 0.5 for time in times)})
    g, y = np.zeros(len(t)), np.zeros(2)
    for a, b in pairwise(edges):
        on = float(any(time <= (a + b) / 2 < time + 0.5 for time in times))
        solution = solve_ivp(
            bio_nmda, (a, b), y, "DOP853", rtol=1e-11, atol=1e-13, args=(on,), dense_output=True
        )
        within = (t >= a) & (t <= b)
        g[within], y = solution.sol(t[within])[0], solution.y[:, -1]
    return g


# At 0.2 ms and above the pulse ends within a step.
@pytest.mark.parametrize(("dt", "error"), [(0.05, 3e-4), (0.1, 1.2e-3), (0.2, 5e-3), (1.0, 0.025)])
def test_bio_nmda(float64: None, respond: Respond, dt: float, error: float) -> None:
    n = round(60 / dt)
    times = [0.0, 20.0]
    g, _ = respond(BioNMDA(1), spikes_at(times, n, dt), dt)
    exact = bio_nmda_reference(times, np.arange(n) * dt)
    np.testing.assert_allclose(g[:, 0], exact, rtol=0, atol=error * exact.max())


def nmda_reference(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The conductance and its integral, for a spike at 0."""

    def slope(_: float, y: np.ndarray) -> list[float]:
        return [0.5 * y[1] * (1 - y[0]) - y[0] / 100, -y[1] / 2, y[0]]

    found = solve_ivp(slope, (0, t[-1]), [0, 1, 0], "DOP853", rtol=1e-11, atol=1e-13, t_eval=t)
    return found.y[0], found.y[2]


def test_nmda_is_of_second_order(float64: None, respond: Respond) -> None:
    """Halving the step divides the error by four, of conductance and mean alike."""
    errors = []
    for dt in (0.4, 0.2, 0.1):
        n = round(20 / dt)
        g, mean = respond(NMDA(1), spikes_at([0.0], n, dt), dt)
        exact, area = nmda_reference(np.arange(n + 1) * dt)
        off = g[:, 0] - exact[:-1], mean[:, 0] - np.diff(area) / dt
        errors.append([np.abs(part).max() / exact.max() for part in off])
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.1)
    assert max(errors[-1]) < 2e-4


def test_nmda_saturates(float64: None, respond: Respond) -> None:
    """At 400 Hz it is near the ceiling; the sum of single responses would be far beyond it."""
    train = np.zeros((5000, 1))
    train[::25] = 1.0
    g, _ = respond(NMDA(1), train, 0.1)
    assert 0.95 < g[-1, 0] < 1.0
    low = np.zeros((5000, 1))
    low[0] = 1.0
    assert respond(NMDA(1), low, 0.1)[0].max() > 0.5


def test_part_of_a_release_counts_as_part() -> None:
    synapse = brainstate.nn.init_all_states(NMDA(2))
    synapse(jnp.array([0.25, 2.0]))
    np.testing.assert_allclose(synapse.x.value, [0.25, 2.0])


# Graded transmission


def test_graded_transmission(float64: None, respond: Respond) -> None:
    """At a potential that stays: an exponential approach to the steady state, exact at any step."""
    for dt in (0.05, 1.0):
        n = 40
        g, mean = respond(GradedSynapse(1), np.full((n, 1), -3.0) * u.mV, dt)
        F = 1 / (1 + math.exp(1.5))
        rate = 12 * F + 0.1
        t = np.arange(1, n + 2) * dt
        steady = 12 * F / rate
        np.testing.assert_allclose(g[:, 0], steady * -np.expm1(-rate * t[:-1]), atol=1e-12)
        area = steady * (t + np.expm1(-rate * t) / rate)
        np.testing.assert_allclose(mean[:, 0], np.diff(area) / dt, atol=1e-11)


def test_graded_transmission_needs_no_spike() -> None:
    pre = LIF(2, V_th=20 * u.mV)
    synapse = GradedSynapse(2, theta=5 * u.mV)
    brainstate.nn.init_all_states([pre, synapse])

    def step(i: Any) -> Any:
        pre(jnp.array([0.0, 10.0]) * u.mA)
        return synapse(pre.V.value)

    g = brainstate.transform.for_loop(step, jnp.arange(100))[-1].to_decimal(u.mS)
    assert g[1] > 0.9
    assert g[0] < 0.95 * g[1]


# Use per presynaptic neuron


def test_runs_on_the_output_of_a_population() -> None:
    pre = LIF(3, V_th=20 * u.mV)
    synapses = [pre.align_pre(cls.desc()) for cls in (AMPA, NMDA)]
    brainstate.nn.init_all_states(pre)
    drive = jnp.array([0.0, 30.0, 60.0]) * u.mA
    brainstate.transform.for_loop(lambda i: pre(drive), jnp.arange(200))
    for synapse in synapses:
        g = synapse.mean_conductance().to_decimal(u.mS)
        assert g.shape == (3,)
        assert g[0] == 0.0
        assert g[2] > 0.0


@pytest.mark.parametrize("spike", [True, 1, 1.0, 3.0, jnp.ones(2, bool), jnp.ones(2, jnp.int32)])
def test_spikes_of_any_type(spike: Any) -> None:
    synapse = brainstate.nn.init_all_states(AMPA(2))
    synapse(spike)
    np.testing.assert_allclose(synapse.pulse_left.value.to_decimal(u.ms), 0.5)
    synapse()
    np.testing.assert_allclose(synapse.pulse_left.value.to_decimal(u.ms), 0.4, rtol=1e-6)
    synapse(-1.0)
    np.testing.assert_allclose(synapse.pulse_left.value.to_decimal(u.ms), 0.3, rtol=1e-6)


def test_gradient_by_the_spikes(float64: None) -> None:
    """It is that of a pulse of length spike * T_dur, from inside the range, and not zero."""

    def after(spike: Any) -> Any:
        synapse = AMPA(1)
        synapse.init_state()
        synapse(spike)
        g = brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(20))
        return g[-1, 0].to_decimal(u.mS)

    compiled = jax.jit(jax.value_and_grad(after))
    for spike, inside in ((0.0, 1e-6), (1.0, -1e-6)):
        value, found = compiled(spike)
        slope = (compiled(spike + inside)[0] - value) / inside
        assert float(found) == pytest.approx(float(slope), rel=1e-4)  # 1e-10 of rounding / 1e-6
        assert abs(found) > 1e-2


@pytest.mark.parametrize("cls", [AMPA, GABAa, BioNMDA, NMDA, GradedSynapse])
@pytest.mark.parametrize("unit", [u.mS, u.nS, u.UNITLESS])
def test_saturates_at_one_of_its_unit(cls: type, unit: Any) -> None:
    zero = 0.0 if unit == u.UNITLESS else 0.0 * unit
    synapse = brainstate.nn.init_all_states(cls(2, g_initializer=zero), batch_size=3)
    x = 40.0 * u.mV if cls is GradedSynapse else 1.0
    driving = brainstate.transform.for_loop(lambda i: synapse.step(x), jnp.arange(40))[-1]
    assert u.get_unit(driving) == unit
    assert driving.shape == (3, 2)
    number = np.asarray(u.get_mantissa(driving))
    assert (number > 0.3).all()
    assert (number < 1.0).all()


@pytest.mark.parametrize("cls", [AMPA, BioNMDA, NMDA])
def test_what_cannot_be_summed_is_refused(cls: type) -> None:
    synapse = brainstate.nn.init_all_states(cls(2))
    with pytest.raises(InputError, match=rf"{cls.__name__}\.update\(x\): expected a number"):
        synapse(1.0 * u.mS)
    synapse.add_delta_input("proj", 0.3)
    with pytest.raises(InputError, match=rf"{cls.__name__} is not linear in its input"):
        synapse()


def test_wrong_parameters() -> None:
    with pytest.raises(ParameterError, match=r"AMPA\.T_dur: expected a time > 0"):
        AMPA(1, T_dur=0.0 * u.ms)
    with pytest.raises(ParameterError, match=r"AMPA\.alpha: expected .* > 0"):
        AMPA(1, alpha=0.98 / u.ms)
    with pytest.raises(InputError, match=r"GradedSynapse\.update\(x\): expected a voltage"):
        brainstate.nn.init_all_states(GradedSynapse(1))(1.0)
