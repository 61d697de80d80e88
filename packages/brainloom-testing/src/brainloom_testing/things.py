"""Checks of things that are no models: rules, spike functions, losses and kernels.

Each is a plain function that raises AssertionError, and needs no test runner.
"""

from collections.abc import Callable, Iterator, Mapping

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError
from brainloom_core.kernels import OPS, Kernel, Sample
from brainloom_core.types import Array, PyTree

from .require import require

__all__ = ["CHECKS_OF_THINGS", "check_kernel", "check_loss", "check_rule", "check_surrogate"]

# Where a surrogate matters: both sides of the threshold, and the threshold itself.
POSITIONS = np.linspace(-3.0, 3.0, 121).astype(np.float32)
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def check_rule(rule: object) -> None:
    """A connectivity rule draws edges that exist, the same for a seed, as its flags say.

    Args:
        rule: The rule, small enough for 9 neurons.

    Raises:
        AssertionError: It does not.

    Examples:
        >>> from brainloom_projections import FixedInDegree
        >>> from brainloom_testing.things import check_rule
        >>> check_rule(FixedInDegree(3))
    """
    name = type(rule).__name__
    draw = getattr(rule, "edges", None)
    require(callable(draw), f"{name} has no method edges(n_pre, n_post, rng)")
    assert callable(draw)
    for n_pre, n_post in ((9, 9), (9, 6)):
        try:
            first, again, other = (
                draw(n_pre, n_post, np.random.default_rng(seed)) for seed in (1, 1, 2)
            )
        except ValueError:  # a rule may be for equal sizes only
            require(n_pre != n_post, f"{name} draws no edges from {n_pre} to {n_post} neurons")
            continue
        pairs = [np.stack([edges.pre, edges.post]) for edges in (first, again, other)]
        require(
            np.array_equal(pairs[0], pairs[1]),
            f"{name} draws other edges with the same seed: use rng for all random numbers",
        )
        limits = np.array([[n_pre], [n_post]])
        require(
            bool(np.all((pairs[0] >= 0) & (pairs[0] < limits))),
            f"{name} draws edges of neurons that do not exist, from {n_pre} to {n_post}",
        )
        if n_pre == n_post and getattr(rule, "allow_autapses", True) is False:
            own = int(np.sum(pairs[0][0] == pairs[0][1]))
            require(own == 0, f"{name} draws {own} autapses, and allow_autapses is False")
        if getattr(rule, "allow_multapses", True) is False:
            double = pairs[0].shape[1] - np.unique(pairs[0], axis=1).shape[1]
            require(double == 0, f"{name} draws {double} edges twice: allow_multapses is False")


def check_surrogate(function: Callable[[Array], Array]) -> None:
    """A spike function is the step from 0 to 1, or draws these, with a derivative of its own.

    Args:
        function: The spike function.

    Raises:
        AssertionError: It is not, or the derivative is not finite, or is zero everywhere, or is
            largest far from the threshold, or differs when compiled.

    Examples:
        >>> from brainloom_core import ReluGrad
        >>> from brainloom_testing.things import check_surrogate
        >>> check_surrogate(ReluGrad())
    """
    name = type(function).__name__
    z = jnp.asarray(POSITIONS)
    spikes = function(z)
    require(spikes.shape == z.shape, f"{name} changes the shape {z.shape} to {spikes.shape}")
    require(bool(jnp.all((spikes == 0) | (spikes == 1))), f"{name} gives what is neither 0 nor 1")
    far = np.abs(POSITIONS) > 1e-6
    is_drawn = any(not np.array_equal(function(z), spikes) for _ in range(3))
    require(
        is_drawn or np.array_equal(np.asarray(spikes)[far], (POSITIONS >= 0)[far]),
        f"{name} is no step: expected 0 below the threshold and 1 above",
    )
    derivative = brainstate.transform.grad(lambda x: jnp.sum(function(x)), argnums=0)
    slope = np.asarray(derivative(z))
    require(bool(np.all(np.isfinite(slope))), f"{name} has a derivative that is not finite")
    require(bool(np.any(slope != 0)), f"{name} has no derivative: nothing would be learned")
    near = np.abs(POSITIONS) <= 1.0
    require(
        np.abs(slope[near]).max() >= np.abs(slope[~near]).max() - 1e-6,
        f"{name} has a derivative that is largest away from the threshold",
    )
    compiled = np.asarray(brainstate.transform.jit(derivative)(z))
    require(np.allclose(compiled, slope, rtol=1e-5), f"{name} has another derivative when compiled")


def check_loss(
    loss: Callable[[PyTree, PyTree], Array],
    outputs: PyTree | None = None,
    targets: PyTree | None = None,
) -> None:
    """A loss of outputs over time is one number, with a finite gradient.

    Args:
        loss: The loss.
        outputs: Outputs over time, shape `(T, batch, n)`; numbers between 0 and 1 if not given.
        targets: What they are compared with; labels of classes, values for each output, and
            values over time are tried if not given, of which the loss has to take one.

    Raises:
        AssertionError: It takes none of the targets, or its gradient is not finite.

    Examples:
        >>> from brainloom_training import SpikeCountCrossEntropy
        >>> from brainloom_testing.things import check_loss
        >>> check_loss(SpikeCountCrossEntropy())
    """
    name = type(loss).__name__
    if outputs is None:
        outputs = jnp.asarray(np.random.default_rng(0).random((7, 4, 3)), jnp.float32)
    tried = {
        "labels": jnp.array([0, 1, 2, 1]),
        "a value for each output": jnp.ones((4, 3)),
        "values over time": jnp.ones((7, 4, 3)),
    }
    refused = []
    for kind, target in (tried if targets is None else {"targets": targets}).items():
        try:
            value = loss(outputs, target)
        except (InputError, TypeError, ValueError) as error:
            refused.append(f"{kind}: {error}")
            continue
        require(jnp.shape(value) == (), f"{name} gives the shape {jnp.shape(value)}, not a number")
        gradient = brainstate.transform.grad(lambda x, y=target: loss(x, y), argnums=0)(outputs)
        require(bool(jnp.isfinite(value)), f"{name} of {kind} is {value}")
        finite = all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(gradient))
        require(finite, f"{name} of {kind}: its gradient is not finite")
        return
    require(False, f"{name} takes no targets: {'; '.join(refused)}")


def check_kernel(kernel: Kernel, dtypes: tuple[str, ...] = ("float32",)) -> int:
    """An implementation gives what the reference of its operation gives.

    On all inputs that the operation declares (no events and nothing but events, odd sizes,
    repeated targets, graded events, batches), eagerly and compiled.

    Args:
        kernel: The implementation.
        dtypes: Of what is added up; float64 is tried with JAX's 64 bits switched on.

    Returns:
        How many inputs it supports and was tried with.

    Raises:
        AssertionError: A result differs, or it supports none of the inputs.

    Examples:
        >>> from brainloom_core.kernels import OPS
        >>> from brainloom_testing.things import check_kernel
        >>> check_kernel(OPS["event_outer"].kernel) > 10
        True
    """
    op = OPS.get(kernel.op)
    require(op is not None, f"there is no operation {kernel.op!r}; there are {sorted(OPS)}")
    assert op is not None
    function = kernel.load()
    tried = 0
    for dtype in dtypes:
        with jax.enable_x64(dtype == "float64"), brainstate.environ.context():
            for sample in op.samples(dtype):
                operands = jax.tree.map(jnp.asarray, sample.operands)
                if not kernel.supports(*operands, **sample.sizes):
                    continue
                tried += 1
                right = op.reference(*operands, **sample.sizes)
                for how, found in _results(function, sample, operands):
                    _require_same(kernel, f"{sample.label}, {dtype}, {how}", found, right, dtype)
    require(tried > 0, f"{kernel.name} of {kernel.op} supports none of the operation's inputs")
    return tried


def _results(
    function: Callable[..., PyTree], sample: Sample, operands: tuple[PyTree, ...]
) -> Iterator[tuple[str, PyTree]]:
    yield "eager", function(*operands, **sample.sizes)
    arrays, rebuild = jax.tree.flatten(operands)
    places = [i for i, x in enumerate(arrays) if isinstance(x, jax.Array)]

    def compiled(*values: Array) -> PyTree:
        new = dict(zip(places, values, strict=True))
        filled = [new.get(i, x) for i, x in enumerate(arrays)]
        return function(*jax.tree.unflatten(rebuild, filled), **sample.sizes)

    yield "compiled", jax.jit(compiled)(*(arrays[i] for i in places))


def _require_same(kernel: Kernel, where: str, found: PyTree, right: PyTree, dtype: str) -> None:
    who = f"{kernel.name} of {kernel.op} ({where})"
    ours, theirs = jax.tree.leaves(found), jax.tree.leaves(right)
    require(len(ours) == len(theirs), f"{who} gives {len(ours)} arrays, expected {len(theirs)}")
    for a, b in zip(ours, theirs, strict=True):
        got, expected = (a.shape, str(a.dtype)), (b.shape, str(b.dtype))
        require(got == expected, f"{who} gives {got}, expected {expected}")
        scale = TOLERANCE[dtype]
        require(
            np.allclose(a, b, rtol=10 * scale, atol=scale * (1 + float(np.abs(b).max(initial=0)))),
            f"{who} gives {np.ravel(a)[:5]}, expected {np.ravel(b)[:5]}",
        )


CHECKS_OF_THINGS: Mapping[str, Callable[..., object]] = {
    "rule": check_rule,
    "surrogate": check_surrogate,
    "loss": check_loss,
    "kernel": check_kernel,
}
"""The check of each kind that has one."""
