"""`rollout`: the same numbers as the loop that it stands for, in less memory."""

import functools
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import InputError, Network
from brainloom_neurons import LIF
from brainloom_training import LeakyRateReadout, rollout

from .networks import N_IN, N_OUT, examples, network

DT = 1.0 * u.ms
T, BATCH = 23, 4
XS = jnp.moveaxis(jnp.asarray(examples(BATCH, T)[0]), 0, 1)


@pytest.fixture(autouse=True)
def _one_millisecond() -> Any:
    with brainstate.environ.context(dt=DT, precision=32):
        yield


class Mean:
    """The mean over time, which is known at once or step by step."""

    def __call__(self, outputs: Any) -> Any:
        return outputs.mean(0)

    def start(self, output: Any) -> Any:
        return jnp.zeros(output.shape, output.dtype)

    def fold(self, carried: Any, output: Any, i: Any) -> Any:
        return carried + output

    def result(self, carried: Any, n_steps: int) -> Any:
        return carried / n_steps


class WeightedByStep(Mean):
    r"""$\sum_i i\,y_i$: a fold that needs the number of the step."""

    def __call__(self, outputs: Any) -> Any:
        return jnp.tensordot(jnp.arange(len(outputs), dtype=outputs.dtype), outputs, 1)

    def fold(self, carried: Any, output: Any, i: Any) -> Any:
        return carried + i * output

    def result(self, carried: Any, n_steps: int) -> Any:
        return carried


OVER = (None, Mean(), WeightedByStep())


class Clock(brainstate.nn.Module):
    """Returns the number of the step and the time, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = brainstate.ShortTermState(jnp.zeros((), jnp.int32))

    def update(self, *args: Any) -> Any:
        self.calls.value = self.calls.value + 1
        return brainstate.environ.get("i"), brainstate.environ.get("t").to_decimal(u.ms)


def fresh(**hidden: Any) -> Any:
    return brainstate.nn.init_all_states(network(**hidden), batch_size=BATCH)


def by_hand(model: Any, xs: Any = XS) -> Any:
    """The loop that a user would write."""

    def step(i: Any, x: Any) -> Any:
        with brainstate.environ.context(i=i, t=i * DT):
            return model(x)

    return brainstate.transform.for_loop(step, jnp.arange(len(xs)), xs)


def states(model: Any) -> list[Any]:
    """What a model keeps from one step to the next, but for spikes: the last step may have none."""
    found = model.states().items()
    return [np.asarray(u.get_mantissa(s.value)) for path, s in found if path[-1] != "spike"]


def gradients(model: Any, run: Any) -> tuple[Any, list[np.ndarray], list[np.ndarray]]:
    """What a run over the sequence returns, the states after it, and the gradient of its square."""

    def loss() -> tuple[Any, Any]:
        brainstate.nn.reset_all_states(model, batch_size=BATCH)
        out = run(model)
        return (out**2).mean(), out

    parameters = model.states(brainstate.ParamState)
    gradient = brainstate.transform.grad(loss, parameters, has_aux=True)
    found, out = brainstate.transform.jit(gradient)()
    return out, states(model), [np.asarray(u.get_mantissa(g)) for g in found.values()]


def assert_same(found: Any, expected: Any) -> None:
    """Up to the order in which float32 sums are taken, and not because everything is zero."""
    for mine, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(other).max() > 0
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-5 * np.abs(other).max())


# The loop that it stands for


def test_outputs_and_states_are_those_of_a_loop_over_the_steps() -> None:
    ours, theirs = fresh(), fresh()
    np.testing.assert_allclose(rollout(ours, XS), by_hand(theirs), rtol=1e-5, atol=1e-6)
    for mine, other in zip(states(ours), states(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_the_layers_of_a_sequence_one_after_the_other_give_what_the_steps_do() -> None:
    """A name to read makes `rollout` go step by step; without, each layer runs over all of time."""
    layers, steps = fresh(), fresh()
    found = rollout(steps, XS, read={"out": None, "V": "layers.1.V"})
    np.testing.assert_allclose(rollout(layers, XS), found["out"], rtol=1e-5, atol=1e-6)
    last = found["V"][-1].to_decimal(u.mV)
    np.testing.assert_allclose(layers.layers[1].V.value.to_decimal(u.mV), last, atol=1e-6)


def test_it_goes_on_from_where_the_states_are() -> None:
    once, twice = fresh(), fresh()
    whole = rollout(once, XS)
    parts = jnp.concatenate([rollout(twice, XS[:10]), rollout(twice, XS[10:])])
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)


def test_functions_and_nested_sequences_may_be_layers() -> None:
    plain, inner = fresh(), fresh()
    first = brainstate.nn.Sequential(*inner.layers[:2])
    nested = brainstate.nn.Sequential(first, inner.layers[2], jnp.negative)
    np.testing.assert_allclose(rollout(nested, XS), -rollout(plain, XS), rtol=1e-5, atol=1e-6)


def test_layers_that_share_states_are_run_step_by_step() -> None:
    """A layer that stands twice in a sequence, and a sequence that does more than call layers."""

    class Doubled(brainstate.nn.Sequential):
        def update(self, x: Any) -> Any:
            return 2.0 * super().update(x)

    def readout() -> LeakyRateReadout:
        made = LeakyRateReadout(2, 2, tau=5 * u.ms, w_init=jnp.eye(2))
        return brainstate.nn.init_all_states(made, batch_size=BATCH)

    for sequence in (brainstate.nn.Sequential, Doubled):
        for times in (1, 2):
            ours, theirs = (sequence(*[readout()] * times) for _ in range(2))
            expected = by_hand(theirs, XS[..., :2])
            np.testing.assert_allclose(rollout(ours, XS[..., :2]), expected, rtol=1e-5)


@pytest.mark.parametrize("segment", [None, 5])
def test_each_step_knows_its_number_and_time(segment: int | None) -> None:
    clock = Clock()
    numbers, times = rollout(clock, n_steps=T, segment=segment)
    np.testing.assert_array_equal(numbers, np.arange(T))
    np.testing.assert_allclose(times, np.arange(T) * 1.0)
    assert int(clock.calls.value) == T


def test_inputs_with_a_unit_and_several_inputs_reach_the_model() -> None:
    neuron = brainstate.nn.init_all_states(LIF(3, tau=10 * u.ms), batch_size=BATCH)
    current = jnp.full((T, BATCH, 3), 2.0) * u.mA
    assert float(rollout(neuron, current).sum()) > 0
    total = rollout(lambda a, b: a + b, (jnp.arange(4.0), jnp.ones(4)))
    np.testing.assert_array_equal(total, np.arange(4) + 1.0)


def test_it_works_inside_jit_and_vmap() -> None:
    model = fresh()
    expected = rollout(model, XS)

    def run(xs: Any) -> Any:
        brainstate.nn.reset_all_states(model, batch_size=BATCH)
        return rollout(model, xs, segment="auto")

    np.testing.assert_allclose(brainstate.transform.jit(run)(XS), expected, rtol=1e-5, atol=1e-6)
    doubled = jax.vmap(functools.partial(rollout, lambda x: 2.0 * x), 1, 1)(XS)
    np.testing.assert_array_equal(doubled, 2.0 * XS)


# Pieces


@functools.cache
def expected(over: Any) -> Any:
    """Outputs, states and gradients of the loop that a user would write."""
    return gradients(fresh(), lambda m: by_hand(m) if over is None else over(by_hand(m)))


@pytest.mark.parametrize(
    ("segment", "over"),
    [
        (None, OVER[0]),
        *((5, over) for over in OVER),  # and a remainder of three steps
        *((segment, OVER[1]) for segment in (1, 100, "auto")),
    ],
)
def test_pieces_change_neither_outputs_nor_states_nor_gradients(segment: Any, over: Any) -> None:
    found = gradients(fresh(), lambda model: rollout(model, XS, over=over, segment=segment))
    assert_same(found, expected(over))


class Leaky(brainstate.nn.Module):
    """$y_t = a\\,y_{t-1} + w x_t$, whose gradients are known in closed form."""

    def __init__(self, a: float = 0.5) -> None:
        super().__init__()
        self.a = a
        self.w = brainstate.ParamState(jnp.ones(()))
        self.y = brainstate.ShortTermState(jnp.zeros(()))

    def update(self, x: Any) -> Any:
        self.y.value = self.a * self.y.value + self.w.value * x
        return self.y.value


@pytest.mark.parametrize("segment", [3, 4, 10])
@pytest.mark.parametrize("detach", [False, True])
def test_truncated_gradients_end_where_pieces_begin(segment: int, detach: bool) -> None:
    r"""$\partial \sum_t y_t / \partial w = \sum_t \sum_{s \le t} a^{t-s}$, $s$ in $t$'s piece."""
    model = Leaky()

    def loss() -> Any:
        model.y.value = jnp.zeros(())
        return rollout(model, jnp.ones(10), segment=segment, detach=detach).sum()

    found, total = brainstate.transform.grad(loss, model.w, return_value=True)()
    seen = [
        0.5 ** (t - s)
        for t in range(10)
        for s in range(t + 1)
        if not detach or s // segment == t // segment
    ]
    np.testing.assert_allclose(found, sum(seen), rtol=1e-6)
    whole = sum(0.5 ** (t - s) for t in range(10) for s in range(t + 1))
    np.testing.assert_allclose(total, whole, rtol=1e-6)  # outputs are those without truncation


def memory(segment: Any, length: int) -> int:
    """Bytes that the compiled gradient needs besides its arguments and results."""
    model, xs = fresh(), jnp.zeros((length, BATCH, N_IN))

    def loss(xs: Any) -> Any:
        brainstate.nn.reset_all_states(model, batch_size=BATCH)
        return (rollout(model, xs, segment=segment, over=Mean()) ** 2).mean()

    gradient = brainstate.transform.grad(loss, model.states(brainstate.ParamState))
    compiled = brainstate.transform.jit(gradient).compile(xs)
    return int(compiled.memory_analysis().temp_size_in_bytes)


def test_memory_of_a_gradient_grows_with_the_root_of_the_length() -> None:
    """With pieces at most with the power 0.55, without them linearly."""
    lengths = (100, 3000)
    powers = {
        segment: np.polyfit(np.log(lengths), np.log([memory(segment, n) for n in lengths]), 1)[0]
        for segment in (None, "auto")
    }
    assert powers["auto"] <= 0.55
    assert powers[None] == pytest.approx(1.0, abs=0.05)


# What a step gives


def test_what_is_read_has_names_that_lead_to_it() -> None:
    net = Network()
    net.E = LIF(5, tau=10 * u.ms)
    brainstate.nn.init_all_states(net)
    read = {"spikes": "E.spikes", "V": "E.V", "twice": lambda: 2.0 * net.E.V.value}
    found = rollout(net, jnp.full((T, 5), 3.0) * u.mA, read=read)
    assert found["spikes"].shape == found["V"].shape == (T, 5)
    assert found["spikes"].sum() > 0
    np.testing.assert_allclose(found["twice"].to_decimal(u.mV), 2.0 * found["V"].to_decimal(u.mV))
    np.testing.assert_array_equal(found["spikes"] > 0, found["V"] >= 1.0 * u.mV)


def test_what_is_read_can_be_reduced_in_pieces() -> None:
    whole, pieces = fresh(), fresh()
    expected = rollout(whole, XS, read="layers.1.spikes", over=Mean())
    assert 0 < expected.mean() < 1
    found = rollout(pieces, XS, read="layers.1.spikes", over=Mean(), segment=4)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


# Errors


@pytest.mark.parametrize(
    ("xs", "options", "words"),
    [
        (None, {}, "neither inputs nor n_steps"),
        (XS, {"n_steps": 5}, r"lengths \[5, 23\]"),
        ((jnp.ones(3), jnp.ones(4)), {}, r"lengths \[3, 4\]"),
        (XS, {"segment": 0}, "a whole number >= 1, 'auto' or None, got 0"),
        (XS, {"segment": 2.5}, "a whole number >= 1, 'auto' or None, got 2.5"),
        (XS, {"segment": "half"}, "got 'half'"),
        (XS, {"segment": True}, "a whole number >= 1, 'auto' or None, got True"),
        (XS, {"detach": True}, "detach: expected segment as well"),
        (None, {"n_steps": 0}, "n_steps: expected a whole number >= 1, got 0"),
        (None, {"n_steps": 2.5}, "n_steps: expected a whole number >= 1, got 2.5"),
        (1.0, {}, "expected sequences of one length, time first"),
        (XS, {"read": "layers.1.U"}, "'layers.1.U': LIF has no 'U'"),
        (XS, {"read": "layers.7.V"}, "'layers.7.V': list has no '7'"),
        (XS, {"read": "inner.V"}, "'inner.V': Sequential has no 'inner'"),
        (XS, {"read": 3}, "read: expected None, a name such as 'E.spikes', a function without"),
    ],
)
def test_what_cannot_be_run_is_refused(xs: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        rollout(fresh(), xs, **options)


def test_the_shape_of_outputs_is_that_of_time_batch_and_readout() -> None:
    assert rollout(fresh(), XS).shape == (T, BATCH, N_OUT)
    assert rollout(fresh(), XS, over=Mean()).shape == (BATCH, N_OUT)
