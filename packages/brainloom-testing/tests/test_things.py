"""The checks of rules, spike functions, losses and kernels find what is planted."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brainloom_core import ReluGrad, Stochastic
from brainloom_core.kernels import OPS, Kernel
from brainloom_projections import Bernoulli, Edges, FixedInDegree, Rule, SmallWorld
from brainloom_testing import check_kernel, check_loss, check_rule, check_surrogate

# Rules


@pytest.mark.parametrize(
    "rule",
    [
        Bernoulli(0.5),
        Bernoulli(0.5, allow_autapses=False),
        FixedInDegree(3, allow_multapses=True),
        SmallWorld(2, 0.3),
    ],
)
def test_our_rules_pass(rule: Rule) -> None:
    check_rule(rule)


@dataclass(frozen=True)
class Wrong(Rule):
    """Draws without the generator, or edges that its flags exclude."""

    fault: str
    allow_autapses: bool = True
    allow_multapses: bool = True

    def edges(self, n_pre: int, n_post: int, rng: np.random.Generator | None = None) -> Edges:
        if self.fault == "seed":
            drawn = np.random.default_rng().integers(0, n_post, n_pre)
            return Edges.from_pairs(np.arange(n_pre), drawn, n_pre, n_post)
        pre = np.zeros(2, int)
        return Edges.from_pairs(pre, pre, n_pre, n_post)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Wrong("seed"), "draws other edges with the same seed"),
        (Wrong("own", allow_autapses=False), "draws 2 autapses, and allow_autapses is False"),
        (Wrong("double", allow_multapses=False), "draws 1 edges twice"),
    ],
)
def test_a_wrong_rule_is_found(rule: Rule, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_rule(rule)


# Spike functions


def with_slope(forward: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @jax.custom_jvp
    def function(z: Any) -> Any:
        return forward(z)

    function.defjvp(lambda z, dz: (forward(z[0]), slope(z[0]) * dz[0]))
    return function


def step(z: Any) -> Any:
    return (z >= 0).astype(z.dtype)


WRONG_SURROGATES = {
    "no derivative": (with_slope(step, jnp.zeros_like), "has no derivative"),
    "infinite": (with_slope(step, lambda z: 1 / z), "not finite"),
    "no step": (with_slope(lambda z: step(-z), jnp.ones_like), "is no step"),
    "soft": (with_slope(jax.nn.sigmoid, jnp.ones_like), "neither 0 nor 1"),
    "largest far away": (with_slope(step, jnp.abs), "largest away from the threshold"),
}


@pytest.mark.parametrize("fault", WRONG_SURROGATES)
def test_a_wrong_spike_function_is_found(fault: str) -> None:
    function, message = WRONG_SURROGATES[fault]
    with pytest.raises(AssertionError, match=message):
        check_surrogate(function)


def test_our_spike_functions_pass() -> None:
    check_surrogate(ReluGrad())
    brainstate.random.seed(1)
    check_surrogate(Stochastic())


# Losses


def test_losses() -> None:
    check_loss(lambda outputs, labels: jnp.mean(outputs[-1]))
    with pytest.raises(AssertionError, match="its gradient is not finite"):
        check_loss(lambda outputs, labels: jnp.sqrt(jnp.sum(0 * outputs)))
    with pytest.raises(AssertionError, match=r"gives the shape \(4, 3\), not a number"):
        check_loss(lambda outputs, labels: outputs[-1])
    check_loss(lambda V, target: (V[-1] / u.mV).mean(), jnp.ones((5, 2, 3)) * u.mV, target_of())


def target_of() -> Any:
    return jnp.ones((2, 3)) * u.mV


# Kernels: eight that are wrong, each as such kernels were in earnest

CSR = OPS["event_csr"]


def planted(change: Callable[..., Any]) -> Kernel:
    """The reference, but for one fault."""

    def load() -> Callable[..., Any]:
        return lambda *operands, **sizes: change(*operands, **sizes)

    return Kernel("event_csr", "planted", ("cpu",), load)


def reference(*operands: Any, **sizes: Any) -> Any:
    return CSR.reference(*operands, **sizes)


def drops_the_first_row(w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
    first = jnp.arange(events.shape[-1]) == 0
    return reference(w, indices, indptr, jnp.where(first, jnp.zeros_like(events), events), **sizes)


def counts_repeated_targets_once(
    w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any
) -> Any:
    found = reference(w, indices, indptr, events, **sizes)
    ones = reference(jnp.ones_like(w), indices, indptr, events, **sizes)
    return jnp.where(ones > 1, found / jnp.maximum(ones, 1), found)


def takes_graded_events_for_spikes(
    w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any
) -> Any:
    return reference(w, indices, indptr, events != 0, **sizes)


def takes_positive_events_only(w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
    return reference(w, indices, indptr, jnp.where(events > 0, events, 0), **sizes)


def is_of_half_precision(w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
    return reference(w.astype(jnp.bfloat16), indices, indptr, events, **sizes).astype(w.dtype)


def gives_another_dtype(*operands: Any, **sizes: Any) -> Any:
    return reference(*operands, **sizes).astype(jnp.float16)


def is_one_off(w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
    return jnp.roll(reference(w, indices, indptr, events, **sizes), 1, axis=-1)


def fails_without_events(w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
    found = reference(w, indices, indptr, events, **sizes)
    return jnp.where(jnp.any(events != 0), found, jnp.nan)


@pytest.mark.parametrize(
    "change",
    [
        drops_the_first_row,
        counts_repeated_targets_once,
        takes_graded_events_for_spikes,
        takes_positive_events_only,
        is_of_half_precision,
        gives_another_dtype,
        is_one_off,
        fails_without_events,
    ],
)
def test_a_wrong_kernel_is_found(change: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match="planted of event_csr"):
        check_kernel(planted(change))


def is_of_single_precision(w: Any, indices: Any, indptr: Any, events: Any, **sizes: Any) -> Any:
    rounded = w.astype(jnp.float32).astype(w.dtype)
    return reference(rounded, indices, indptr, events, **sizes)


def test_a_kernel_that_loses_double_precision_is_found() -> None:
    with pytest.raises(AssertionError, match=r"planted of event_csr \(.*float64, eager\)"):
        check_kernel(planted(is_of_single_precision), dtypes=("float64",))


def test_a_kernel_is_not_called_with_a_batch_that_it_does_not_support() -> None:
    called: list[int] = []

    def one_by_one(events: Any, weights: Any) -> Any:
        called.append(events.ndim)
        if len(events) > 9:
            raise AssertionError("that many it does not support")
        return OPS["event_dense"].reference(events, weights)

    kernel = Kernel(
        *("event_dense", "planted", ("cpu",), lambda: one_by_one),
        supports=lambda events, weights: 0 < len(events) <= 9,
    )
    assert check_kernel(kernel, dtypes=("float32",)) > 3
    assert called


def test_a_kernel_whose_bits_depend_on_the_threads_is_found() -> None:
    number = [1]

    @contextlib.contextmanager
    def threads(n: int) -> Iterator[None]:
        number[0] = n
        yield
        number[0] = 1

    def function(*operands: Any, **sizes: Any) -> Any:
        return reference(*operands, **sizes) * (1 + 1e-7 * (number[0] > 2))

    kernel = Kernel("event_csr", "planted", ("cpu",), lambda: function, threads=threads)
    with pytest.raises(AssertionError, match="gives other bits with 3 threads than with 1"):
        check_kernel(kernel, dtypes=("float32",))


def test_a_kernel_that_is_wrong_in_a_batch_only_is_found() -> None:
    def function(events: Any, weights: Any) -> Any:
        right = OPS["event_dense"].reference(events, weights)
        return right if events.shape[0] != 27 else 2 * right  # which no sample has

    kernel = Kernel("event_dense", "planted", ("cpu",), lambda: function)
    with pytest.raises(AssertionError, match="vmap over events"):
        check_kernel(kernel, dtypes=("float32",))


def test_a_kernel_that_supports_nothing_is_not_passed() -> None:
    nothing = Kernel(
        "event_csr", "shy", ("cpu",), lambda: reference, supports=lambda *a, **k: False
    )
    with pytest.raises(AssertionError, match="supports none of the operation's inputs"):
        check_kernel(nothing)
