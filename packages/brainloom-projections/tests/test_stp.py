"""Short-term plasticity against closed forms and an event-driven solution."""

import math
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_projections import STD, STP


@pytest.fixture(autouse=True)
def environment() -> None:
    brainstate.environ.set(dt=0.1 * u.ms)


def releases(model: Any, spikes: Any, batch_size: int | None = None) -> np.ndarray:
    brainstate.nn.init_all_states(model, batch_size=batch_size)
    run = brainstate.transform.jit(lambda s: brainstate.transform.for_loop(model, s))
    return np.asarray(run(jnp.asarray(spikes)))


# Steady amplitude u x from 1 to 100 Hz, by U, tau_d and tau_f in ms.
RATES = (1.0, 5.0, 10.0, 20.0, 50.0, 100.0)
STEADY = {
    (0.5, 800.0, 0.0): (0.416398, 0.181133, 0.105148, 0.057126, 0.024095, 0.012270),
    (0.05, 100.0, 1000.0): (0.076862, 0.217361, 0.294980, 0.288339, 0.169696, 0.093481),
    (0.16, 45.0, 376.0): (0.169992, 0.314701, 0.425974, 0.466320, 0.326918, 0.193938),
    (0.5, 671.0, 17.0): (0.436524, 0.204927, 0.121660, 0.067234, 0.028782, 0.014696),
    (0.25, 706.0, 21.0): (0.231467, 0.141776, 0.094821, 0.057642, 0.026564, 0.013843),
}


@pytest.mark.parametrize("rate", RATES)
def test_steady_states(rate: float) -> None:
    U, tau_d, tau_f = np.array(list(STEADY)).T
    interval = round(10_000 / rate)
    n_spikes = math.ceil(12_000 / (interval * 0.1))  # more than ten of the longest constants
    stp = STP(len(STEADY), U=U, tau_d=tau_d * u.ms, tau_f=tau_f * u.ms)
    spiking = np.arange((n_spikes - 1) * interval + 1) % interval == 0
    amplitudes = releases(stp, np.broadcast_to(spiking[:, None], (len(spiking), 5)))[spiking]
    tabulated = np.array([row[RATES.index(rate)] for row in STEADY.values()])
    used = U / (1 - (1 - U) * np.exp(-1e3 / rate / np.where(tau_f > 0, tau_f, 1e-3)))
    decay = np.exp(-1e3 / rate / tau_d)
    exact = used * (1 - decay) / (1 - (1 - used) * decay)
    np.testing.assert_allclose(exact, tabulated, atol=6e-7)
    np.testing.assert_allclose(amplitudes[-1], exact, rtol=1e-5)


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize(
    ("parameters", "transient"),
    [
        ((0.5, 800.0, 0.0), (0.5, 0.265147, 0.154835, 0.103020, 0.078683, 0.067251)),
        ((0.05, 100.0, 1000.0), (0.05, 0.092297, 0.125898, 0.151908, 0.172055, 0.187944)),
    ],
)
def test_transients_at_20_hz(parameters: Any, transient: Any, dt: float) -> None:
    brainstate.environ.set(dt=dt * u.ms)
    U, tau_d, tau_f = parameters
    stp = STP(1, U=U, tau_d=tau_d * u.ms, tau_f=tau_f * u.ms)
    spiking = np.arange(round(251 / dt)) % round(50 / dt) == 0
    amplitudes = releases(stp, spiking[:, None])[spiking, 0]
    np.testing.assert_allclose(amplitudes[:6], transient, atol=1e-6)


def by_event(
    times: np.ndarray, U: float, tau_f: float, tau_d: float, towards: str, used_from: Any = None
) -> np.ndarray:
    """The releases at these times, from one spike to the next, in double precision."""
    rest = U if towards == "U" else 0.0
    used, free, before, out = rest, 1.0, 0.0, []
    for time in times:
        gap, before = time - before, time
        used = rest + (used - rest) * (math.exp(-gap / tau_f) if tau_f else 0.0)
        free = 1.0 - (1.0 - free) * (math.exp(-gap / tau_d) if tau_d else 0.0)
        used += U * (1.0 - used)
        out.append(used * free)
        free *= 1.0 - used
    return np.array(out)


@pytest.mark.parametrize("dt", [0.1, 1.0])
@pytest.mark.parametrize("towards", ["zero", "U"])
def test_random_trains_against_events(dt: float, towards: str) -> None:
    brainstate.environ.set(dt=dt * u.ms)
    rng = np.random.default_rng(5)
    U, tau_f = [0.15, 0.5, 0.05, 0.9], [1500.0, 20.0, 1000.0, 0.0]
    tau_d, rates = [200.0, 800.0, 100.0, 0.0], np.array([5.0, 20.0, 60.0, 10.0])
    spikes = rng.random((round(5000 / dt), 4)) < rates * dt / 1000
    spikes[round(3000 / dt) : round(4500 / dt)] = False  # a pause, in which all come to rest
    model = STP(4, U=U, tau_f=tau_f * u.ms, tau_d=tau_d * u.ms, towards=towards)
    out = releases(model, spikes)
    assert np.all(out[~spikes] == 0.0)
    for k in range(4):
        times = (np.flatnonzero(spikes[:, k]) + 1) * dt
        exact = by_event(times, U[k], tau_f[k], tau_d[k], towards)
        np.testing.assert_allclose(out[spikes[:, k], k], exact, rtol=1e-5)


@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_depression_against_events(dt: float) -> None:
    brainstate.environ.set(dt=dt * u.ms)
    spikes = np.random.default_rng(6).random((round(3000 / dt), 1)) < 0.03 * dt
    out = releases(STD(1, tau=300 * u.ms, U=0.4), spikes)[spikes]
    times = (np.flatnonzero(spikes) + 1) * dt
    free, before, exact = 1.0, 0.0, []
    for time in times:
        free = 1.0 - (1.0 - free) * math.exp(-(time - before) / 300.0)
        exact.append(free)
        free, before = free * (1.0 - 0.4), time
    np.testing.assert_allclose(out, exact, rtol=1e-5)


def test_depression_is_the_limit_without_facilitation() -> None:
    spikes = np.random.default_rng(7).random((2000, 3)) < 0.01
    full = releases(STP(3, U=0.3, tau_f=0 * u.ms, tau_d=200 * u.ms), spikes)
    relative = releases(STD(3, U=0.3, tau=200 * u.ms), spikes)
    np.testing.assert_allclose(full, 0.3 * relative, rtol=1e-6)


@pytest.mark.parametrize(("towards", "expected"), [("zero", 0.15), ("U", 0.15 * 1.85)])
def test_the_first_release_does_not_depend_on_its_time(towards: str, expected: float) -> None:
    first = [0, 1000, 5000, 15_000]
    spikes = np.arange(15_001)[:, None] == np.array(first)
    out = releases(STP(4, towards=towards), spikes)
    np.testing.assert_allclose(out[first, range(4)], expected, rtol=1e-6)


def test_as_in_nest() -> None:
    """`tsodyks2_synapse` of NEST 3.10, U 0.15, tau_fac 1500, tau_rec 200, started with u = U."""
    spiking = np.arange(2100) % 500 == 0
    out = releases(STP(1), spiking[:, None])[spiking, 0]
    expected = [0.1500000, 0.2413908, 0.2701721, 0.2621575, 0.2436808]
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_recovery_in_single_precision_is_complete() -> None:
    """The last steps to rest are smaller than the rounding of x, and not lost."""
    spikes = np.arange(150_000)[:, None] == np.array([0, 0])
    model = STP(2, U=0.5, tau_d=800 * u.ms, tau_f=[1500.0, 1000.0] * u.ms, towards="U")
    releases(model, spikes)
    left = 0.5 * np.exp(-15_000 / np.array([1500.0, 1000.0])) * 0.5
    np.testing.assert_allclose(model.u.value - 0.5, left, atol=2e-7)
    np.testing.assert_allclose(model.x.value, 1.0, atol=2e-7)


def test_graded_spikes() -> None:
    """A part of a spike is that part of its consequences; more than one releases more."""
    graded = np.zeros((2, 5))
    graded[0], graded[1] = [0.0, 0.5, 1.0, 2.0, -1.0], 1.0
    model = STP(5, U=0.4, tau_f=1e9 * u.ms, tau_d=1e9 * u.ms)
    out = releases(model, graded)
    np.testing.assert_allclose(out[0], [0.0, 0.2, 0.4, 0.8, -0.4], rtol=1e-6)
    used = 0.4 + 0.6 * np.array([0.0, 0.2, 0.4, 0.4, 0.0])
    np.testing.assert_allclose(out[1], used * [1.0, 0.8, 0.6, 0.6, 1.0], rtol=1e-5)


@pytest.mark.parametrize("kind", [STP, STD])
def test_strong_input_stays_bounded(kind: Any) -> None:
    model = kind(1)
    out = releases(model, np.full((500, 1), 5.0))
    assert np.all(np.isfinite(out))
    assert np.all((out >= 0) & (out <= 5.0))
    assert 0.0 <= model.x.value[0] <= 1.0


@pytest.mark.parametrize("kind", [STP, STD])
def test_gradients(kind: Any) -> None:
    """Against finite differences, in the parameters and in the spikes."""
    spikes = jnp.asarray(np.random.default_rng(1).random((60, 2)) < 0.2, float)
    arguments = {"U": 0.3, "tau_d" if kind is STP else "tau": 5.0}
    arguments |= {"tau_f": 3.0} if kind is STP else {}

    def total(values: dict[str, Any], s: jax.Array) -> jax.Array:
        units = {name: v if name == "U" else v * u.ms for name, v in values.items()}
        model = kind(2, **units)
        model.init_state()
        return brainstate.transform.for_loop(model, s).sum()

    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        spikes = spikes.astype(jnp.float64)
        values = {name: jnp.asarray(v, jnp.float64) for name, v in arguments.items()}
        by_value, by_spike = jax.grad(total, argnums=(0, 1))(values, spikes)
        for name, value in values.items():
            up, down = ({**values, name: value + h} for h in (1e-5, -1e-5))
            slope = (total(up, spikes) - total(down, spikes)) / 2e-5
            np.testing.assert_allclose(by_value[name], slope, rtol=1e-6)
        h = jnp.zeros_like(spikes).at[7, 1].set(1e-5)
        one_sided = (total(values, spikes + h) - total(values, spikes)) / 1e-5
        if spikes[7, 1] == 0:
            np.testing.assert_allclose(by_spike[7, 1], one_sided, rtol=1e-3)
    assert np.all(np.isfinite(by_spike))


def test_gradients_at_zero_time_constants_are_finite() -> None:
    def total(tau: jax.Array) -> jax.Array:
        model = STP(1, tau_f=tau * u.ms, tau_d=tau * u.ms)
        model.init_state()
        return brainstate.transform.for_loop(model, jnp.ones((3, 1))).sum()

    assert np.isfinite(jax.grad(total)(0.0))


def test_batches_are_independent() -> None:
    spikes = np.random.default_rng(2).random((50, 3, 4)) < 0.3
    together = releases(STP(4), spikes, batch_size=3)
    for k in range(3):
        np.testing.assert_allclose(together[:, k], releases(STP(4), spikes[:, k]), rtol=1e-6)


def test_event_arrays_are_taken_for_their_values() -> None:
    brainevent = pytest.importorskip("brainevent")
    spikes = jnp.array([1.0, 0.0])
    model = brainstate.nn.init_all_states(STP(2))
    wrapped = model(brainevent.BinaryArray(spikes))
    model.reset_state()
    np.testing.assert_array_equal(wrapped, model(spikes))


def test_the_signatures_are_those_of_brainpy_state() -> None:
    stp, std = STP(3, None, 0.2, 100 * u.ms, 50 * u.ms), STD(3, None, 100 * u.ms, 0.2)
    assert (stp.U, stp.tau_f, stp.tau_d) == (0.2, 100 * u.ms, 50 * u.ms)
    assert (std.U, std.tau) == (0.2, 100 * u.ms)
    assert (STP(3).U, STP(3).tau_f, STP(3).tau_d) == (0.15, 1500 * u.ms, 200 * u.ms)
    assert (STD(3).U, STD(3).tau) == (0.07, 200 * u.ms)
    brainstate.nn.init_all_states([stp, std])
    assert stp.u.value.shape == stp.x.value.shape == std.x.value.shape == (3,)


def test_wrong_values_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"STP\.U: expected a number without unit between 0"):
        STP(1, U=1.5)
    with pytest.raises(ParameterError, match=r"STP\.tau_f: expected a time >= 0"):
        STP(1, tau_f=-1 * u.ms)
    with pytest.raises(ParameterError, match=r"STP\.towards: expected one of 'zero', 'U'"):
        STP(1, towards="one")
    model = brainstate.nn.init_all_states(STP(2))
    with pytest.raises(InputError, match=r"STP\.update\(x\): expected a number without unit"):
        model(jnp.ones(2) * u.mS)
    with pytest.raises(InputError, match="expected a scalar or shape"):
        model(jnp.ones(3))
