"""The check of rules that change weights, against a slow reference."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import get_model
from brainloom_core.plugins import get
from brainloom_core.types import Quantity

from ..require import require
from ..running import in_float64

__all__ = ["SlowReference", "check_plasticity_rule", "learned"]

SlowReference = Callable[[float, np.ndarray, np.ndarray], float]
STEPS = 120  # of 1 ms
START = 0.5
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Learned:
    """What became of the strengths, all to all of three neurons onto two, by way of computation."""

    pre: np.ndarray
    post: np.ndarray
    strength: np.ndarray


def check_plasticity_rule(
    rule: Callable[[], Any], slow: SlowReference | None = None, w_max: Quantity = 1.0 * u.mS
) -> None:
    """A rule changes weights within bounds, the same each time, and as a slow reference does.

    Args:
        rule: Makes the rule, with `w_max` as given here: a class, or a function.
        slow: The same for one synapse, by hand: a function of its first strength, of the times of
            its presynaptic and of its postsynaptic spikes in ms, ascending whole numbers up to
            120, that returns its last strength. A strength is the weight divided by `w_max`.
        w_max: The weight of strength 1.

    Raises:
        AssertionError: Strengths are not finite, leave 0 to 1, never change, differ when the run is
            repeated, lose the precision, or are not those of the reference.

    Examples:
        >>> import brainunit as u, numpy as np
        >>> from brainloom_plasticity import STDP
        >>> from brainloom_testing import check_plasticity_rule
        >>> def slow(w, pre, post):
        ...     for t in range(121):
        ...         if t in post:
        ...             w = min(1, w + 0.01 * sum(np.exp(-(t - s) / 20) for s in pre if s < t))
        ...         if t in pre:
        ...             w = max(0, w - 0.0105 * sum(np.exp(-(t - s) / 20) for s in post if s < t))
        ...     return w
        >>> check_plasticity_rule(lambda: STDP(w_max=1 * u.mS), slow)
    """
    name = getattr(rule, "__name__", type(rule).__name__)
    with in_float64():
        first, again = learned(rule, w_max), learned(rule, w_max)
    name = first[0] or name
    strength = first[1].strength
    require(bool(np.all(np.isfinite(strength))), f"{name}: strengths are not finite")
    low, high = float(strength.min()), float(strength.max())
    require(
        low >= -1e-12 and high <= 1 + 1e-12,
        f"{name}: strengths of {low:.4g} to {high:.4g} leave the bounds 0 and 1",
    )
    require(bool(np.any(strength != START)), f"{name}: no weight ever changes")
    same = np.array_equal(again[1].strength, strength)
    require(same, f"{name}: the same spikes change weights in another way when repeated")
    single = learned(rule, w_max)[1].strength
    require(single.dtype == np.float32, f"{name}: weights become {single.dtype}, were float32")
    off = float(np.abs(single - strength).max())
    require(off < 1e-3, f"{name}: in single precision, strengths differ by {off:.2g}")
    if slow is not None:
        _require_as(slow, name, first[1])


def _require_as(slow: SlowReference, name: str, found: Learned) -> None:
    for i in range(found.pre.shape[1]):
        for j in range(found.post.shape[1]):
            pre, post = (np.flatnonzero(spikes) for spikes in (found.pre[:, i], found.post[:, j]))
            expected, got = float(slow(START, pre, post)), float(found.strength[i, j])
            require(
                abs(got - expected) <= TOLERANCE,
                f"{name}: a synapse with spikes at {pre} and {post} ms comes to the strength "
                f"{got:.8g}, and that of the slow reference is {expected:.8g}",
            )


def learned(rule: Callable[[], Any], w_max: Quantity) -> tuple[str, Learned]:
    """The name of a rule, and the strengths after random spikes, in the precision that is set.

    Args:
        rule: Makes the rule.
        w_max: The weight of strength 1.
    """
    random = np.random.default_rng(7)
    pre, post = random.random((STEPS + 1, 3)) < 0.08, random.random((STEPS + 1, 2)) < 0.08
    pre[0] = post[0] = False
    with brainstate.environ.context(dt=1.0 * u.ms), brainstate.random.seed_context(0):
        target, made = get_model("LIF")(2), rule()
        unit = u.get_unit(w_max)
        g = 0.0 * unit
        projection = get_model("PlasticProj")(
            *(3, target, get("rule", "AllToAll")()),
            get_model("Expon").desc(g_initializer=g),
            get("output", "CUBA").desc(scale=u.mA / unit),
            weight=START * w_max,
            rule=made,
        )
        brainstate.nn.init_all_states([projection, target])

        def run(pre: jax.Array, post: jax.Array) -> None:
            def step(*spikes: jax.Array) -> None:
                projection(*spikes)
                target()

            brainstate.transform.for_loop(step, pre, post)

        brainstate.transform.jit(run)(jnp.asarray(pre), jnp.asarray(post))
        edges = projection.connection.edges
        strength = np.asarray(projection.weight.to_decimal(unit)) / w_max.to_decimal(unit)
        whole = np.full((3, 2), np.nan, projection.weight.dtype)
        whole[np.asarray(edges.pre), np.asarray(edges.post)] = strength
    return type(made).__name__, Learned(pre, post, whole)
