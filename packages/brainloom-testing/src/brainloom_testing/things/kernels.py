"""The check of implementations of operations, from what the operation declares."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core.kernels import OPS, Kernel, Op, Sample, offered
from brainloom_core.types import Array, ArrayLike, PyTree

from ..require import require

__all__ = ["check_kernel"]

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
THREADS = (1, 2, 3)
SMALL = 3000  # numbers in the inputs for which derivatives and batches are tried
COMPILED = {"float32": 2, "float64": 1}  # how many of them: each is a program of its own


def check_kernel(kernel: Kernel, dtypes: tuple[str, ...] = ("float32", "float64")) -> int:
    """An implementation gives what the reference of its operation gives, in all ways of use.

    On all inputs that the operation declares (no events and nothing but events, odd sizes,
    repeated targets, graded events, batches), eagerly and compiled, in both precisions; with the
    derivatives and the batches of the operation, in which it is never called with what it does not
    support; and with any number of threads, where it declares those.

    Args:
        kernel: The implementation, which need not be registered.
        dtypes: Of what is added up; float64 is tried with JAX's 64 bits switched on.

    Returns:
        How many inputs it supports and was tried with.

    Raises:
        AssertionError: A result differs, or it supports none of the inputs.

    Examples:
        >>> from brainloom_core.kernels import OPS
        >>> from brainloom_testing import check_kernel
        >>> check_kernel(OPS["event_outer"].kernel, dtypes=("float32",)) > 10
        True
    """
    op = OPS.get(kernel.op)
    require(op is not None, f"there is no operation {kernel.op!r}; there are {sorted(OPS)}")
    assert op is not None
    function = kernel.load()
    tried = 0
    for dtype in dtypes:
        with jax.enable_x64(dtype == "float64"), brainstate.environ.context():
            samples = [_as_arrays(sample) for sample in op.samples(dtype)]
            supported = [s for s in samples if kernel.supports(*s.operands, **s.sizes)]
            tried += len(supported)
            for sample in supported if dtype == "float32" else supported[::4]:
                _check_values(kernel, function, op, sample, dtype)
            _check_rules(kernel, function, op, samples, dtype)
    require(tried > 0, f"{kernel.name} of {kernel.op} supports none of the operation's inputs")
    return tried


def _check_rules(
    kernel: Kernel, function: Callable[..., PyTree], op: Op, samples: list[Sample], dtype: str
) -> None:
    """Derivatives and batches, by the operation, which has to use the implementation."""
    refused: list[str] = []

    def noted(*operands: PyTree, **sizes: int) -> PyTree:
        if not kernel.supports(*operands, **sizes):
            refused.append(", ".join(f"{x.dtype}{[*x.shape]}" for x in jax.tree.leaves(operands)))
        return function(*operands, **sizes)

    name = f"{kernel.name} in the kit"
    platforms = ("cpu", "gpu", "tpu")
    used = dataclasses.replace(kernel, name=name, platforms=platforms, load=lambda: noted)
    with offered(used):
        for sample in _few(samples, COMPILED[dtype]):
            _check_sample(kernel, op, sample, dtype)
    require(
        not refused,
        f"{kernel.name} of {kernel.op} was called with what it does not support: {refused[:1]}",
    )


def _check_values(
    kernel: Kernel, function: Callable[..., PyTree], op: Op, sample: Sample, dtype: str
) -> None:
    right = op.reference(*sample.operands, **sample.sizes)
    before = [np.asarray(x).copy() for x in jax.tree.leaves(sample.operands)]
    for how, found in _results(function, sample, sample.operands):
        _require_same(kernel, f"{sample.label}, {dtype}, {how}", found, right, dtype)
    who = f"{kernel.name} of {kernel.op} ({sample.label}, {dtype})"
    unchanged = _are_equal(jax.tree.leaves(sample.operands), before)
    require(unchanged, f"{who} writes into its operands")
    if kernel.threads is None:
        return
    found = []
    for number in THREADS:
        with kernel.threads(number):
            found.append(jax.tree.leaves(function(*sample.operands, **sample.sizes)))
        same = _are_equal(found[-1], found[0])
        require(same, f"{who} gives other bits with {number} threads than with {THREADS[0]}")


def _check_sample(kernel: Kernel, op: Op, sample: Sample, dtype: str) -> None:
    """Derivatives and batches of one sample, in one program, which is compiled once."""
    pairs = {**_derivatives(op, sample), **_batches(op, sample)}

    def both() -> dict[str, tuple[PyTree, PyTree]]:
        return {name: (found(), right()) for name, (found, right) in pairs.items()}

    for name, (found, right) in jax.jit(both)().items():
        _require_same(kernel, f"{sample.label}, {dtype}, {name}", found, right, dtype)


Pairs = dict[str, tuple[Callable[[], PyTree], Callable[[], PyTree]]]


def _derivatives(op: Op, sample: Sample) -> Pairs:
    """Both modes of differentiation, by all operands that have a derivative."""
    moving = [
        name in op.differentiable and _is_floating(operand)
        for name, operand in zip(op.operands, sample.operands, strict=True)
    ]
    places = [i for i, moves in enumerate(moving) if moves]
    if not places:
        return {}
    values = [sample.operands[i] for i in places]
    random = np.random.default_rng(3)

    def drawn(x: Array) -> Array:
        return jnp.asarray(random.normal(size=x.shape), x.dtype)

    def by(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
        return lambda *new: function(*_replaced(sample, places, new), **sample.sizes)

    along = jax.tree.map(drawn, values)
    back = jax.tree.map(drawn, jax.eval_shape(by(op.formula), *values))
    return {
        "derivative forwards": (
            lambda: jax.jvp(by(op), values, along)[1],
            lambda: jax.jvp(by(op.formula), values, along)[1],
        ),
        "derivative backwards": (
            lambda: jax.vjp(by(op), *values)[1](back),
            lambda: jax.vjp(by(op.formula), *values)[1](back),
        ),
    }


def _batches(op: Op, sample: Sample) -> Pairs:
    """`vmap` over what implementations may get in a batch, and over what they may not."""
    pairs: Pairs = {}
    for over in ({*op.batched}, {*op.batched, *op.differentiable}):
        places = [i for i, name in enumerate(op.operands) if name in over]
        places = [i for i in places if _has_axes(sample.operands[i])]
        if places:
            name = "vmap over " + " and ".join(op.operands[i] for i in places)
            pairs[name] = _batch(op, sample, places)
    return pairs


def _batch(
    op: Op, sample: Sample, places: list[int]
) -> tuple[Callable[[], PyTree], Callable[[], PyTree]]:
    batch = [jax.tree.map(_three, sample.operands[i]) for i in places]

    def one(function: Callable[..., PyTree], values: list[PyTree]) -> PyTree:
        return function(*_replaced(sample, places, values), **sample.sizes)

    def each() -> PyTree:
        members = [jax.tree.map(lambda x, k=k: x[k], batch) for k in range(3)]
        return jax.tree.map(lambda *x: jnp.stack(x), *(one(op.reference, m) for m in members))

    return (lambda: jax.vmap(functools.partial(one, op))(batch)), each


def _replaced(sample: Sample, places: list[int], new: Sequence[PyTree]) -> list[PyTree]:
    changed = dict(zip(places, new, strict=True))
    return [changed.get(i, operand) for i, operand in enumerate(sample.operands)]


def _three(x: Array) -> Array:
    """An array, what stands in it the other way round, and nothing of it."""
    return jnp.stack([x, jnp.flip(x), jnp.zeros_like(x)])


def _as_arrays(sample: Sample) -> Sample:
    return dataclasses.replace(sample, operands=jax.tree.map(jnp.asarray, sample.operands))


def _has_axes(operand: PyTree) -> bool:
    leaves = jax.tree.leaves(operand)
    return bool(leaves) and all(x.ndim > 0 for x in leaves)


def _is_floating(operand: PyTree) -> bool:
    leaves = jax.tree.leaves(operand)
    return bool(leaves) and all(jnp.issubdtype(x.dtype, jnp.floating) for x in leaves)


def _are_equal(some: Sequence[ArrayLike], others: Sequence[ArrayLike]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def _few(samples: list[Sample], number: int) -> list[Sample]:
    """Of the small samples the one with most that is not zero, and one with less."""

    def counted(sample: Sample, count: Callable[[np.ndarray], int]) -> int:
        return sum(int(count(np.asarray(x))) for x in jax.tree.leaves(sample.operands))

    small = [sample for sample in samples if counted(sample, np.size) <= SMALL]
    small.sort(key=lambda sample: -counted(sample, np.count_nonzero))
    return small[:: max(1, len(small) // number)][:number]


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
