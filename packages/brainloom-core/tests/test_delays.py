"""The line of delays against shifted arrays, and the past of a population's state."""

import copy
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import (
    Delay,
    InputError,
    Neuron,
    ParameterError,
    StateError,
    UnitError,
    initializer,
    param,
    state,
)

STEPS = 12


class Leaky(Neuron):
    """A membrane that starts where its threshold, below zero, makes no spike of 0 mV."""

    tau: Any = param(default=10.0 * u.ms)
    V_th: Any = param(default=-50.0 * u.mV)
    V_reset: Any = param(default=-65.0 * u.mV)
    V_initializer: Any = initializer(default=-60.0 * u.mV)
    V = state("V_initializer")

    def dV(self, V: Any, I: Any) -> Any:
        return (I * u.ohm - 60.0 * u.mV - V) / self.tau


def through(line: Any, values: Any, **init: Any) -> Any:
    brainstate.nn.init_all_states(line, **init)
    return brainstate.transform.jit(lambda x: brainstate.transform.for_loop(line, x))(values)


def shifted(values: np.ndarray, steps: Any) -> np.ndarray:
    """Each column that many steps later, zeros before."""
    out = np.zeros_like(values)
    steps = np.broadcast_to(steps, values.shape[-1:])
    for column, n in enumerate(steps):
        out[n:, ..., column] = values[: len(values) - n, ..., column]
    return out


@pytest.mark.parametrize(
    ("delay", "steps"),
    [(0.0, 0), (0.1, 1), (0.15, 2), (0.25, 2), (0.34, 3), ([0.0, 0.5, 0.2], [0, 5, 2])],
)
@pytest.mark.parametrize("batch", [None, 2])
def test_values_come_out_that_many_steps_later(delay: Any, steps: Any, batch: int | None) -> None:
    shape = (STEPS, 3) if batch is None else (STEPS, batch, 3)
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    init = {} if batch is None else {"batch_size": batch}
    got = through(Delay(3, np.asarray(delay) * u.ms, unit=u.nA), jnp.asarray(values) * u.nA, **init)
    np.testing.assert_array_equal(got.to_decimal(u.nA), shifted(values, steps))


def test_between_two_steps_the_mean_of_both() -> None:
    values = np.random.default_rng(0).normal(size=(STEPS, 2)).astype(np.float32)
    got = through(Delay(2, [0.13, 0.2] * u.ms, interpolate=True), jnp.asarray(values))
    near, far = shifted(values, [1, 2]), shifted(values, [2, 3])
    share = np.array([0.3, 0.0])
    np.testing.assert_allclose(got, (1 - share) * near + share * far, atol=1e-5)


def test_the_gradient_by_the_delay_is_the_slope_of_the_line() -> None:
    values = np.random.default_rng(0).normal(size=(STEPS, 2))

    def loss(delay: Any) -> Any:
        trained = brainstate.ParamState(delay * u.ms)
        line = Delay(2, trained, max_delay=1.0 * u.ms)
        return (through(line, jnp.asarray(values)) ** 3).sum()

    with jax.enable_x64(True), brainstate.environ.context(precision=64):
        at = jnp.array([0.23, 0.61])
        got = jax.grad(loss)(at)
        for k in range(2):
            change = 1e-6 * jnp.eye(2)[k]
            expected = (loss(at + change) - loss(at - change)) / 2e-6
            np.testing.assert_allclose(got[k], expected, rtol=1e-7)


def test_vmap_repeats_the_single_line() -> None:
    values = jnp.asarray(np.random.default_rng(0).normal(size=(STEPS, 2, 3)), jnp.float32)
    line = Delay(3, [0.0, 0.5, 0.2] * u.ms)
    brainstate.nn.vmap_init_all_states(line, axis_size=2, state_tag="lane")
    mapped = brainstate.nn.Vmap(line, vmap_states="lane", axis_size=2)
    run = brainstate.transform.jit(lambda x: brainstate.transform.for_loop(mapped, x))
    np.testing.assert_array_equal(run(values), shifted(np.asarray(values), [0, 5, 2]))


def test_a_trained_delay_is_held_within_its_bounds() -> None:
    values = jnp.asarray(np.random.default_rng(0).normal(size=(STEPS, 1)), jnp.float32)
    trained = brainstate.ParamState(0.1 * u.ms)
    line = Delay(1, trained, max_delay=0.35 * u.ms)
    near, far = shifted(np.asarray(values), 3), shifted(np.asarray(values), 4)
    for value, expected in ((-1.0, values), (9.0, (near + far) / 2)):
        trained.value = value * u.ms
        np.testing.assert_allclose(through(line, values), expected, atol=1e-5)


def test_the_past_under_vmap() -> None:
    pop = Leaky(2)
    past = pop.prefetch("V").delay.at(0.2 * u.ms)
    brainstate.nn.vmap_init_all_states(pop, axis_size=3, state_tag="lane")
    mapped = brainstate.nn.Vmap(pop, vmap_states="lane", axis_size=3)

    def step(x: Any) -> Any:
        seen = past().to_decimal(u.mV)
        mapped(x * u.mA)
        return seen, pop.V.value.to_decimal(u.mV)

    run = brainstate.transform.jit(lambda x: brainstate.transform.for_loop(step, x))
    seen, V = run(jnp.linspace(0.0, 30.0, STEPS * 3).reshape(STEPS, 3))
    np.testing.assert_array_equal(seen[:3], -60.0)
    np.testing.assert_array_equal(seen[3:], V[:-3])


def test_the_ring_of_a_loop_is_not_copied() -> None:
    line = brainstate.nn.init_all_states(Delay(7, 0.4 * u.ms))

    loop = brainstate.transform.jit(lambda x: brainstate.transform.for_loop(line, x))
    body = loop.lower(jnp.zeros((STEPS, 7))).compile().as_text().split("ENTRY")[0]
    assert not [text for text in body.splitlines() if " copy(" in text and "f32[5,7]" in text]


def test_reset_forgets() -> None:
    line = Delay(1, 0.2 * u.ms)
    through(line, jnp.ones((STEPS, 1)))
    brainstate.nn.reset_all_states(line)
    assert float(line(jnp.ones(1))[0]) == 0.0


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Delay(2, -1.0 * u.ms), ParameterError, r"Delay\.delay: expected a time >= 0"),
        (lambda: Delay(2, 1.0), UnitError, r"Delay\.delay: expected a time"),
        (lambda: Delay(2, np.ones(3) * u.ms), ParameterError, r"Delay\.delay: .*shape \(2,\)"),
        (lambda: Delay(2, 2.0 * u.ms, max_delay=1.0 * u.ms), ParameterError, "at most max_delay"),
        (
            lambda: Delay(2, brainstate.ParamState(1.0 * u.ms)),
            ParameterError,
            r"Delay\.max_delay: missing",
        ),
        (
            lambda: Leaky(2).prefetch("V").delay.at(-1.0 * u.ms),
            ParameterError,
            r"Leaky\.prefetch\('V'\)\.delay\.at: expected a time >= 0",
        ),
        (
            lambda: Leaky(2).prefetch("V").delay.at(1.0 * u.ms, [0, 2]),
            ParameterError,
            r"expected a list of neurons from 0 to 1",
        ),
        (
            lambda: Leaky(2).prefetch_delay("V", 1.0 * u.ms, interpolation="cubic"),
            ParameterError,
            r"expected None or 'linear', got 'cubic'",
        ),
    ],
)
def test_what_is_refused(make: Any, error: type, text: str) -> None:
    with pytest.raises(error, match=text):
        make()


def test_what_goes_in_is_checked() -> None:
    line = brainstate.nn.init_all_states(Delay(2, 0.2 * u.ms, unit=u.nA))
    with pytest.raises(InputError, match=r"Delay: expected a current, got"):
        line(jnp.ones(2))
    with pytest.raises(InputError, match=r"Delay: expected shape \(2,\), got \(3,\)"):
        line(jnp.ones(3) * u.nA)
    with (
        brainstate.environ.context(dt=0.01 * u.ms),
        pytest.raises(InputError, match=r"too short for the delay at dt = 0\.01 ms"),
    ):
        line(jnp.ones(2) * u.nA)


def test_a_delay_that_would_round_to_none_is_refused() -> None:
    line = Delay(2, 0.04 * u.ms)
    with pytest.raises(InputError, match=r"Delay\.delay: 0\.04 ms is .* are 0 ms and 0\.1 ms"):
        brainstate.nn.init_all_states(line)
    with brainstate.environ.context(dt=0.05 * u.ms):
        brainstate.nn.init_all_states(line)
        with brainstate.environ.context(dt=5 * u.ms), pytest.raises(InputError, match=r"0\.04 ms"):
            line(jnp.ones(2))
    for several in (Delay(2, [0.04, 0.2] * u.ms), Delay(2, 0.04 * u.ms, interpolate=True)):
        assert brainstate.nn.init_all_states(several)(jnp.ones(2))[0] > 0.5


@pytest.mark.parametrize("batch", [None, 1, 5])
def test_the_past_of_a_state(batch: int | None) -> None:
    """Between steps it is the state so many steps before the last; at first the initial value."""
    pop = Leaky(3)
    delays = [0.3 * u.ms, [0.0, 0.1, 0.2] * u.ms]
    past = [pop.prefetch("V").delay.at(delay) for delay in delays]
    some = pop.prefetch("V").delay.at([0.1, 0.2] * u.ms, [2, 0])
    brainstate.nn.init_all_states(pop, **({} if batch is None else {"batch_size": batch}))
    start = np.asarray(pop.V.value.to_decimal(u.mV))

    def step(x: Any) -> Any:
        seen = [p().to_decimal(u.mV) for p in (*past, some)]
        pop(x * u.mA)
        return seen, pop.V.value.to_decimal(u.mV)

    run = brainstate.transform.jit(lambda x: brainstate.transform.for_loop(step, x))
    (three, each, two), V = run(jnp.linspace(0.0, 30.0, STEPS))
    V = np.concatenate([[start] * 4, V])  # V[k + 4] is that after step k
    k = np.arange(STEPS) + 3
    np.testing.assert_array_equal(three, V[k - 3])
    for column in range(3):
        np.testing.assert_array_equal(each[..., column], V[k - column][..., column])
    np.testing.assert_array_equal(two[..., 0], V[k - 1][..., 2])
    np.testing.assert_array_equal(two[..., 1], V[k - 2][..., 0])


def test_equal_pasts_are_one() -> None:
    pop = Leaky(3)
    one, other = (pop.prefetch("V").delay.at(t) for t in (1.0 * u.ms, 1e-3 * u.second))
    assert one.past is other.past
    assert pop.prefetch("V").delay.at(2.0 * u.ms).past is not one.past


def test_the_past_follows_into_a_copy() -> None:
    pop = Leaky(2)
    pop.prefetch("V").delay.at(0.1 * u.ms)
    twin = copy.deepcopy(brainstate.nn.init_all_states(pop))
    (hook,) = twin.after_updates.values()
    assert hook.population is twin
    twin(5.0 * u.mA)
    np.testing.assert_array_equal(hook.due.value.to_decimal(u.mV), -60.0)


def test_what_does_not_exist_says_so() -> None:
    pop = brainstate.nn.init_all_states(Leaky(2))
    late = pop.prefetch("V").delay.at(1.0 * u.ms)
    with pytest.raises(StateError, match=r"init_all_states\(net\)"):
        late()
    unknown = Leaky(2)
    unknown.prefetch("spikes").delay.at(1.0 * u.ms)
    with pytest.raises(StateError, match=r"Leaky has no such state.*get_spike"):
        brainstate.nn.init_all_states(unknown)


def test_a_trained_delay_stays_between_zero_and_the_longest() -> None:
    line = Delay(2, brainstate.ParamState(jnp.array([1.0, 2.0]) * u.ms), max_delay=5 * u.ms)
    kept = line.keep("delay", jnp.array([1.0, 2.0]) * u.ms, jnp.array([-3.0, 9.0]) * u.ms)
    np.testing.assert_array_equal(kept.to_decimal(u.ms), [0.0, 5.0])


def changed(line: Delay, new: Any, values: np.ndarray, at: int) -> np.ndarray:
    """What comes out of a line whose delay is changed after some steps."""
    brainstate.nn.init_all_states(line)
    first = [np.asarray(line(x)) for x in jnp.asarray(values[:at])]
    line.delay = new
    return np.stack([*first, *(np.asarray(line(x)) for x in jnp.asarray(values[at:]))])


def test_what_is_under_way_keeps_the_delay_with_which_it_was_sent() -> None:
    values = np.zeros((12, 2))
    values[:5] = 1.0 + np.arange(10).reshape(5, 2)
    line = Delay(2, 0.2 * u.ms)
    got = changed(line, [0.4, 0.2] * u.ms, values, at=3)
    expected = np.zeros_like(values)
    for sent in range(5):
        expected[sent + (2 if sent < 3 else 4), 0] += values[sent, 0]
        expected[sent + 2, 1] += values[sent, 1]
    np.testing.assert_array_equal(got, expected)


def test_a_shorter_delay_waits_until_nothing_is_overtaken() -> None:
    line, one = (
        Delay(1, 0.3 * u.ms, interpolate=True),
        np.array([[1.0], [0], [0], [0], [0], [1], [0]]),
    )
    with pytest.raises(
        ParameterError, match=r"Delay\.delay: 0.1 ms would overtake what is under way"
    ):
        changed(line, 0.1 * u.ms, one, at=1)
    with pytest.raises(ParameterError, match="lies between two steps"):
        changed(line, 0.35 * u.ms, one, at=1)
    assert float(line.delay.to_decimal(u.ms)) == pytest.approx(0.3)
    got = changed(line, 0.1 * u.ms, one, at=5)
    np.testing.assert_allclose(got[:, 0], [0, 0, 0, 1, 0, 0, 1], atol=1e-6)
    brainstate.nn.reset_all_states(line)
    line.delay = 0.25 * u.ms


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0 * u.mV, "expected a time"),
        (-1.0 * u.ms, ">= 0"),
        (np.nan * u.ms, "finite"),
        (3.0 * u.ms, "at most max_delay"),
        (np.ones(3) * u.ms, r"shape \(2,\)"),
        (brainstate.ParamState(1.0 * u.ms), "expected a known value, since there are states"),
    ],
)
def test_an_assigned_delay_is_checked_as_in_the_constructor(value: Any, message: str) -> None:
    line = brainstate.nn.init_all_states(Delay(2, 1.0 * u.ms, max_delay=2.0 * u.ms))
    with pytest.raises(ParameterError, match=message):
        line.delay = value
    with pytest.raises(ParameterError, match=r"Delay\.max_delay: cannot be changed"):
        line.max_delay = 5.0 * u.ms
