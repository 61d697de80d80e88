"""EventProp against an event-driven simulation with exact spike times."""

from collections.abc import Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, ParameterError
from brainloom_neurons import LIF, CubaLIF
from brainloom_training import (
    EventPropLIF,
    LeakyRateReadout,
    check_eventprop,
    first_spike_time,
    rollout,
)
from scipy.optimize import brentq

TAU, TAU_SYN, TAU_OUT, END = 20.0, 5.0, 10.0, 20.0
N_IN, N, N_OUT = 6, 5, 2
TIMES = np.array([0.8, 2.4, 4.0, 7.2, 9.6, 12.0])  # one of each input, on every grid used here


@pytest.fixture
def double() -> Iterator[None]:
    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        yield


def weights() -> list[Any]:
    draw = np.random.default_rng(5)
    return [draw.uniform(2.0, 6.0, (N_IN, N)), draw.uniform(1.0, 4.0, (N, N_OUT))]


# The reference: float64, closed forms between events, roots for the spikes


def neuron_spikes(events: list[tuple[float, float]]) -> list[float]:
    """Spike times of a neuron with threshold 1 and reset 0 from (time, weight) of what arrives."""
    spikes, V, g, now = [], 0.0, 0.0, 0.0
    for time, weight in [*sorted(events), (END, 0.0)]:
        while True:
            K = g * TAU_SYN / (TAU_SYN - TAU)

            def potential(s: float, V: float = V, K: float = K) -> float:
                return (V - K) * np.exp(-s / TAU) + K * np.exp(-s / TAU_SYN)

            length = time - now
            peak = length
            if g > 0.0 and -K * TAU > TAU_SYN * (V - K):
                ratio = -K * TAU / (TAU_SYN * (V - K))
                peak = min(length, np.log(ratio) / (1.0 / TAU_SYN - 1.0 / TAU))
            if not (peak > 0.0 and potential(peak) > 1.0):
                break
            s = brentq(lambda s: potential(s) - 1.0, 0.0, peak, xtol=1e-14)
            now, V, g = now + s, 0.0, g * np.exp(-s / TAU_SYN)
            spikes.append(now)
        V, g, now = potential(length), g * np.exp(-length / TAU_SYN) + weight, time
    return spikes


def layer_spikes(arriving: list[list[float]], w: Any) -> list[list[float]]:
    return [
        neuron_spikes([(t, w[i, j]) for i, times in enumerate(arriving) for t in times])
        for j in range(w.shape[1])
    ]


def latency(ws: list[Any]) -> float:
    """A sum of the first spike times of two layers of neurons."""
    hidden = layer_spikes([[t] for t in TIMES], ws[0])
    out = layer_spikes(hidden, ws[1])
    return float(sum((1.0 + j) * times[0] for j, times in enumerate(out)))


def integral(ws: list[Any]) -> float:
    """The integral of the squares of two leaky integrators behind a layer of neurons."""
    hidden = layer_spikes([[t] for t in TIMES], ws[0])
    total = 0.0
    for j in range(N_OUT):
        events = sorted((t, ws[1][i, j]) for i, times in enumerate(hidden) for t in times)
        r, now = 0.0, 0.0
        for time, weight in [*events, (END, 0.0)]:
            left = np.exp(-(time - now) / TAU_OUT)
            total += r**2 * TAU_OUT / 2.0 * (1.0 - left**2)
            r, now = r * left + weight, time
    return total


def slopes(loss: Any, ws: list[Any], eps: float = 1e-6) -> list[Any]:
    """Central differences of the reference by all weights."""
    found = []
    for w in ws:
        slope = np.zeros_like(w)
        for at in np.ndindex(*w.shape):
            kept = w[at]
            w[at] = kept + eps
            up = loss(ws)
            w[at] = kept - eps
            slope[at] = (up - loss(ws)) / (2.0 * eps)
            w[at] = kept
        found.append(slope)
    return found


# The same network on a grid


class Weights(brainstate.nn.Module):
    def __init__(self, w: Any) -> None:
        super().__init__()
        self.w = brainstate.ParamState(jnp.asarray(w))

    def update(self, x: Any) -> Any:
        return x @ self.w.value


def cells(n: int) -> EventPropLIF:
    return EventPropLIF(n, tau=TAU * u.ms, tau_syn=TAU_SYN * u.ms)


def gradients(loss: str, dt: float, cell: Any = cells) -> tuple[float, list[Any]]:
    ws = weights()
    if loss == "latency":
        model = brainstate.nn.Sequential(Weights(ws[0]), cell(N), Weights(ws[1]), cell(N_OUT))
    else:
        readout = LeakyRateReadout(N, N_OUT, tau=TAU_OUT * u.ms, w_init=ws[1])
        model = brainstate.nn.Sequential(Weights(ws[0]), cell(N), readout)
    check_eventprop(model)
    steps = np.round(TIMES / dt).astype(int)
    xs = jnp.zeros((round(END / dt), N_IN)).at[steps, jnp.arange(N_IN)].set(1.0)

    def value() -> Any:
        brainstate.nn.init_all_states(model)
        out = rollout(model, xs)
        if loss == "latency":
            return (jnp.arange(1.0, 1.0 + N_OUT) * first_spike_time(out).to_decimal(u.ms)).sum()
        return (out**2).sum() * dt

    with brainstate.environ.context(dt=dt * u.ms):
        found, total = brainstate.transform.grad(
            value, model.states(brainstate.ParamState), return_value=True
        )()
    return float(total), [np.asarray(found[path]) for path in sorted(found)]


LOSSES = {"latency": latency, "integral": integral}


def errors(loss: str, steps: tuple[float, ...]) -> list[float]:
    """Relative errors of all gradients together, for each length of a step."""
    exact = np.concatenate([slope.ravel() for slope in slopes(LOSSES[loss], weights())])
    return [
        float(np.linalg.norm(np.concatenate([g.ravel() for g in found]) - exact))
        / float(np.linalg.norm(exact))
        for found in (gradients(loss, dt)[1] for dt in steps)
    ]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_exact_spike_times(loss: str) -> None:
    """The error is of first order: four times shorter steps, about a quarter of it."""
    coarse, fine = errors(loss, (0.1, 0.025))
    assert fine < 0.5 * coarse
    assert fine < 0.05


@pytest.mark.slow
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("loss", LOSSES)
def test_the_error_falls_like_the_step(loss: str) -> None:
    """Not evenly: with the step, spikes fall on other places of the grid."""
    steps = (0.05, 0.025, 0.0125, 0.00625)
    found = errors(loss, steps)
    order = np.polyfit(np.log(steps), np.log(found), 1)[0]
    assert 0.65 < order < 1.5
    assert found[-1] < 0.01


@pytest.mark.usefixtures("double")
def test_it_is_not_the_surrogate_gradient() -> None:
    def surrogate(n: int) -> Any:
        class Stepped(EventPropLIF):
            over_time = property()  # so that it is run step by step

        return Stepped(n, tau=TAU * u.ms, tau_syn=TAU_SYN * u.ms)

    exact = slopes(integral, weights())[0]
    total, found = gradients("integral", 0.05, cell=surrogate)
    same_total, same = gradients("integral", 0.05)
    assert total == pytest.approx(same_total, rel=1e-12)
    assert np.linalg.norm(found[0] - exact) > np.linalg.norm(exact)
    assert np.linalg.norm(same[0] - exact) < 0.1 * np.linalg.norm(exact)


# The layer


@pytest.mark.usefixtures("double")
def test_spikes_and_states_are_those_of_the_neuron_with_a_current() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        layer = cells(3)
        neuron = CubaLIF(3, tau=TAU * u.ms, tau_syn=TAU_SYN * u.ms, spk_reset="hard")
        keys = jax.random.split(jax.random.key(0))
        xs = 8.0 * jax.random.bernoulli(keys[0], 0.05, (500, 2, 3))
        xs = xs * jax.random.uniform(keys[1], xs.shape)
        brainstate.nn.init_all_states([layer, neuron], batch_size=2)
        spikes = rollout(layer, xs)

        def step(x: Any) -> Any:
            neuron.add_delta_input("arriving", x * u.mA)
            return neuron()

        expected = brainstate.transform.for_loop(step, xs)
        np.testing.assert_array_equal(spikes, expected)
        assert spikes.sum() > 50
        for ours, theirs in ((layer.V, neuron.V), (layer.g, neuron.g)):
            np.testing.assert_allclose(ours.value.mantissa, theirs.value.mantissa, rtol=1e-10)
        brainstate.nn.reset_all_states(layer)
        np.testing.assert_array_equal(brainstate.transform.for_loop(layer, xs), expected)


@pytest.mark.usefixtures("double")
def test_a_sequence_in_pieces_has_the_same_gradient() -> None:
    """Exactly, since no neuron spikes next to the border of pieces of 65 steps."""

    def gradient(segment: int | None) -> Any:
        def value() -> Any:
            brainstate.nn.init_all_states(model)
            return (rollout(model, xs, segment=segment) ** 2).sum()

        return brainstate.transform.grad(value, model.layers[0].w)()

    with brainstate.environ.context(dt=0.1 * u.ms):
        readout = LeakyRateReadout(N, N_OUT, tau=TAU_OUT * u.ms, w_init=weights()[1])
        model = brainstate.nn.Sequential(Weights(weights()[0]), cells(N), readout)
        steps = np.round(TIMES / 0.1).astype(int)
        xs = jnp.zeros((200, N_IN)).at[steps, jnp.arange(N_IN)].set(1.0)
        np.testing.assert_allclose(gradient(65), gradient(None), rtol=1e-10)


def test_a_count_of_spikes_has_no_gradient() -> None:
    with brainstate.environ.context(dt=0.1 * u.ms):
        model = brainstate.nn.Sequential(Weights(jnp.ones((1, 1))), cells(1))

        def value() -> Any:
            brainstate.nn.init_all_states(model)
            return rollout(model, jnp.full((300, 1), 0.2)).sum()

        gradient, count = brainstate.transform.grad(value, model.layers[0].w, return_value=True)()
    assert count > 1
    assert gradient == 0.0


def test_training_orders_the_first_spikes_of_two_classes() -> None:
    """Each class has its own order of inputs; its output neuron is to be the first."""
    key = jax.random.key(0)
    times = jnp.array([[0, 10, 20, 30], [30, 20, 10, 0]])
    labels = jnp.arange(20) % 2
    jitter = jax.random.randint(key, (20, 4), 0, 6)
    xs = jax.nn.one_hot(times[labels] + jitter, 80, axis=0)
    draw = jax.random.split(key)
    first = 4.0 + 2.0 * jax.random.uniform(draw[0], (4, 10))
    second = 1.0 + 1.0 * jax.random.uniform(draw[1], (10, 2))
    model = brainstate.nn.Sequential(
        Weights(first), EventPropLIF(10), Weights(second), EventPropLIF(2)
    )
    trained = model.states(brainstate.ParamState)

    def loss() -> Any:
        brainstate.nn.init_all_states(model, batch_size=20)
        early = -first_spike_time(rollout(model, xs)).to_decimal(u.ms)
        logs = jax.nn.log_softmax(early)
        right = (early.argmax(1) == labels).mean()
        return -jnp.take_along_axis(logs, labels[:, None], 1).mean(), right

    def step(i: Any) -> Any:
        found, value, right = brainstate.transform.grad(
            loss, trained, return_value=True, has_aux=True
        )()
        for path, gradient in found.items():
            trained[path].value = trained[path].value - 0.3 * jnp.clip(gradient, -1.0, 1.0)
        return value, right

    with brainstate.environ.context(dt=0.5 * u.ms):
        values, right = brainstate.transform.jit(
            lambda: brainstate.transform.for_loop(step, jnp.arange(100))
        )()
    assert values[-1] < 0.5 * values[0]
    assert right[0] < 0.8
    assert right[-10:].min() == 1.0


# What it does not do


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": -1.0 * u.ms}, r"EventPropLIF\.tau: expected a time > 0"),
        ({"V_reset": 2.0 * u.mV}, r"EventPropLIF\.V_th: expected V_th > V_reset"),
        ({"spk_reset": "soft"}, r"EventPropLIF\.spk_reset: expected .*'hard'"),
        ({"interpolate": True}, r"EventPropLIF\.interpolate: expected .*False"),
        ({"solver": "rk4"}, r"EventPropLIF\.solver: expected .*'auto'"),
    ],
)
def test_what_it_has_no_equations_for_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        EventPropLIF(2, **arguments)


def test_wrong_input_is_refused() -> None:
    layer = brainstate.nn.init_all_states(cells(2))
    with brainstate.environ.context(dt=0.1 * u.ms):
        with pytest.raises(InputError, match="expected what arrives as a current"):
            layer(jnp.ones(2) * u.mV)
        with pytest.raises(InputError, match=r"steps of shape \(2,\), got .* \(5, 3\)"):
            rollout(layer, jnp.ones((5, 3)))


def test_a_parameter_that_is_trained_is_refused_over_time() -> None:
    layer = EventPropLIF(2, tau=brainstate.ParamState(5.0 * u.ms))
    brainstate.nn.init_all_states(layer)
    for action in (lambda: check_eventprop(layer), lambda: rollout(layer, jnp.ones((5, 2)))):
        with (
            brainstate.environ.context(dt=0.1 * u.ms),
            pytest.raises(ParameterError, match=r"EventPropLIF\.tau: expected a constant"),
        ):
            action()


class Loop(brainstate.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cells = cells(2)

    def update(self, x: Any) -> Any:
        return self.cells(x + self.cells.get_spike())


def test_models_for_which_the_rule_does_not_hold_are_refused() -> None:
    check_eventprop(brainstate.nn.Sequential(cells(2), brainstate.nn.Sequential(cells(2))))
    for model, message in (
        (LeakyRateReadout(2, 1), "has no EventPropLIF"),
        (brainstate.nn.Sequential(cells(2), LIF(2)), r"layers\.1 is a LIF"),
        (brainstate.nn.Sequential(Loop()), r"layers\.0\.cells is inside of a module"),
    ):
        with pytest.raises(InputError, match=message):
            check_eventprop(model)
