"""What an operation is: one declaration for its name, result, derivative, batches and inputs."""

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ..errors import DeclarationError, KernelError
from ..plugins.kernel import Kernel
from ..types import Array, PyTree
from .registry import REFERENCE, declare, find_kernel, forced_kernels, has_kernel

__all__ = ["OPS", "Op", "Sample"]

Function = Callable[..., PyTree]
Leaves = Sequence[Any]


@dataclass(frozen=True)
class Sample:
    """Small inputs of an operation, for tests of implementations.

    Attributes:
        label: What is special about them.
        operands: What the reference takes by position.
        sizes: What it takes by name.
    """

    label: str
    operands: tuple[PyTree, ...]
    sizes: dict[str, int]


class Op:
    r"""An operation that implementations for devices compute, with rules that hold for all of them.

    An implementation is a function of arrays and no more. What JAX has to know besides is here:
    the derivative is that of the `formula`, and so is the result under `jax.vmap` over operands
    that no implementation takes in a batch. In a batch of the others, it is asked anew, with the
    shapes of the batch, which implementation applies.

    Args:
        name: Name of the operation.
        reference: The operation in plain JAX: what is right, of operands by position, which are
            arrays or structures of arrays, and of sizes by name.
        formula: The same as a function that JAX differentiates and maps, at any cost; the
            reference itself if not given.
        result: Shapes and dtypes of the result, of operands that have a shape and a dtype.
        differentiable: Names of the operands by which there is a derivative.
        samples: Makes inputs of a dtype, for tests of implementations.
        batched: Names of the operands to which a batch axis may be added in front, to all
            together; the result has it in front too.
        folded: Whether implementations take such a batch as a longer first axis instead.
        linear: Name of the operand in which the operation is linear, where its derivative is the
            operation again. Implementations then serve the derivative too.
        transpose: Name of the operation that transposes it by that operand, of the same operands
            with the cotangent in its place.
        compiled: Whether a call with concrete values is compiled as a whole. Not for operands that
            hold a function, which is another one in each call.

    Raises:
        DeclarationError: A name of an operand is none, or another operation has the name.

    Examples:
        >>> import jax, jax.numpy as jnp
        >>> from brainloom_core.kernels import OPS
        >>> dense = OPS["event_dense"]
        >>> dense.operands, dense.differentiable
        (('events', 'weights'), ('events', 'weights'))
        >>> print(dense(jnp.ones((1, 2)), jnp.array([[1.0], [5.0]])))
        [[6.]]
    """

    def __init__(
        self,
        name: str,
        reference: Function,
        *,
        formula: Function | None = None,
        result: Function,
        differentiable: tuple[str, ...],
        samples: Callable[[str], Iterator[Sample]],
        batched: tuple[str, ...] = (),
        folded: bool = False,
        linear: str | None = None,
        transpose: str | None = None,
        compiled: bool = True,
    ) -> None:
        self.name, self.reference, self.formula = name, reference, formula or reference
        self.operands = _positional(reference)
        self.differentiable, self.batched, self.folded = differentiable, batched, folded
        self.linear, self.transpose = linear, transpose
        self._result, self._samples, self._compiled = result, samples, compiled
        for operand in {*differentiable, *batched, *((linear,) if linear else ())}:
            if operand not in self.operands:
                raise DeclarationError(
                    f"Op {name!r}: there is no operand {operand!r}; there are {self.operands}"
                )
        if (other := OPS.get(name)) is not None and other.reference is not reference:
            raise DeclarationError(f"Op {name!r}: there is an operation of this name already")
        self._primitive = self._defined()
        OPS[name] = self
        declare(self.kernel, self.distribution, self.fault_of)

    def __repr__(self) -> str:
        return f"Op({self.name!r}, operands={self.operands})"

    @property
    def kernel(self) -> Kernel:
        """The reference as an implementation, which runs everywhere and has rank 0."""
        return Kernel(self.name, REFERENCE, ("cpu", "gpu", "tpu"), lambda: self.reference, rank=0)

    @property
    def distribution(self) -> str:
        """The distribution of the reference, after the package that it is in."""
        return self.reference.__module__.partition(".")[0].replace("_", "-")

    def samples(self, dtype: str = "float32") -> Iterator[Sample]:
        """Small inputs: no events and nothing but events, odd sizes, graded events, batches.

        Args:
            dtype: Of what is added up; float64 where JAX has it switched on.
        """
        return self._samples(dtype)

    def fault_of(self, kernel: Kernel, function: Function) -> str | None:
        """What an implementation gives that is wrong, for a few small inputs; None for nothing.

        It is called with concrete values, and what the reference gives is what is right.

        Args:
            kernel: Its declaration, which says what it supports.
            function: The function that it loads.
        """
        with jax.ensure_compile_time_eval():
            small = [s for s in self.samples() if _count(s.operands) <= SMALL]
            taken = [s for s in small if kernel.supports(*s.operands, **s.sizes)]
            for sample in taken[:: max(1, len(taken) // TRIED)]:
                operands = jax.tree.map(jax.numpy.asarray, sample.operands)
                found = function(*operands, **sample.sizes)
                right = self.reference(*operands, **sample.sizes)
                if not _are_close(found, right):
                    return f"its result for {sample.label} is wrong: {found}, expected {right}"
        return None

    def __call__(
        self, *operands: PyTree, implementation: str | None = None, **sizes: int
    ) -> PyTree:
        """The result, of the implementation in force.

        Args:
            operands: As the reference takes them.
            implementation: Name of the implementation to use.
            sizes: As the reference takes them.

        Raises:
            KernelError: The implementation cannot be used, or its result has another shape.
        """
        forced = dict(forced_kernels())
        asked = {self.name: implementation or forced.get(self.name)}
        if (other := self.transpose) is not None:
            known = implementation is not None and has_kernel(other, implementation)
            asked[other] = implementation if known else forced.get(other)
        found = self._bind(operands, sizes, asked)
        return jax.tree.unflatten(jax.tree.structure(self._result(*operands, **sizes)), found)

    def _bind(
        self, operands: tuple[PyTree, ...], sizes: dict[str, int], asked: dict[str, str | None]
    ) -> list[Array]:
        """The leaves of the result, the implementation being chosen for these operands."""
        leaves, tree = jax.tree.flatten(operands)
        call = _Call(
            self.name,
            find_kernel(self.name, asked[self.name], operands, sizes),
            tree,
            tuple(sizes.items()),
            tuple(asked.items()),
        )
        return list(self._primitive.bind(*leaves, call=call))

    def _defined(self) -> Primitive:
        """The operation for JAX: its program, shapes, derivative, transpose and batches."""
        primitive = Primitive(self.name)
        primitive.multiple_results = True
        primitive.def_impl(
            jax.jit(self._run, static_argnames="call") if self._compiled else self._eager
        )
        primitive.def_abstract_eval(self._shapes)
        mlir.register_lowering(primitive, mlir.lower_fun(self._run, multiple_results=True))
        ad.primitive_jvps[primitive] = self._tangent
        batching.primitive_batchers[primitive] = self._batch
        if self.transpose is not None:
            ad.primitive_transposes[primitive] = self._cotangent
        return primitive

    def _run(self, *leaves: Array, call: "_Call") -> list[Array]:
        operands, sizes = call.operands(leaves), call.named
        expected = self._result(*operands, **sizes)
        try:
            return call.checked(call.kernel(*operands, **sizes), expected)
        except Exception as error:  # as with plugins: whatever it does, the reference remains
            if call.kernel is self.reference or dict(call.asked)[self.name] is not None:
                raise
            warnings.warn(
                f"The implementation {call.kernel!r} of {self.name} is passed over: "
                f"{type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            return call.checked(self.reference(*operands, **sizes), expected)

    def _eager(self, *leaves: Array, call: "_Call") -> list[Array]:
        if call.kernel is not self.reference:
            return self._run(*leaves, call=call)
        return self._flat_formula(call, leaves)

    def _flat_formula(self, call: "_Call", leaves: Leaves) -> list[Array]:
        return jax.tree.leaves(self.formula(*call.operands(leaves), **call.named))

    def _shapes(self, *leaves: Array, call: "_Call") -> list[jax.core.ShapedArray]:
        found = jax.tree.leaves(self._result(*call.operands(leaves), **call.named))
        return [jax.core.ShapedArray(leaf.shape, leaf.dtype) for leaf in found]

    def _tangent(
        self, primals: Leaves, tangents: Leaves, *, call: "_Call"
    ) -> tuple[list[Array], list[Array]]:
        """The derivative of the formula; by a linear operand, it is the operation itself."""
        found = self._primitive.bind(*primals, call=call)
        owners = call.owners(self.operands)
        moving = [
            i
            for i, tangent in enumerate(tangents)
            if type(tangent) is not ad.Zero
            and owners[i] in self.differentiable
            and tangent.dtype != jax.dtypes.float0
        ]
        changes: list[list[Array]] = []
        if any(owners[i] == self.linear for i in moving):
            along = [tangents[i] if owners[i] == self.linear else x for i, x in enumerate(primals)]
            changes.append(list(self._primitive.bind(*along, call=call)))
            moving = [i for i in moving if owners[i] != self.linear]
        if moving:

            def formula(*values: Array) -> list[Array]:
                new = dict(zip(moving, values, strict=True))
                return self._flat_formula(call, [new.get(i, x) for i, x in enumerate(primals)])

            values, along = [primals[i] for i in moving], [tangents[i] for i in moving]
            changes.append(jax.jvp(formula, values, along)[1])
        if not changes:
            return found, [_still(value) for value in found]
        return found, [_total(found, parts) for found, *parts in zip(found, *changes, strict=True)]

    def _cotangent(self, cotangents: Leaves, *leaves: Array, call: "_Call") -> list[Array]:
        (cotangent,) = cotangents
        owners = call.owners(self.operands)
        place = owners.index(str(self.linear))
        back: list[Any] = [None] * len(leaves)
        if type(cotangent) is ad.Zero:
            back[place] = ad.Zero(leaves[place].aval)
        else:
            operands = call.operands([*leaves[:place], cotangent, *leaves[place + 1 :]])
            (back[place],) = OPS[str(self.transpose)]._bind(operands, call.named, dict(call.asked))
        return back

    def _batch(
        self, leaves: Leaves, axes: Sequence[int | None], *, call: "_Call"
    ) -> tuple[list[Array], list[int]]:
        """One call for the batch, where implementations take one, or the formula for each entry."""
        owners = call.owners(self.operands)
        mapped = {owner for owner, axis in zip(owners, axes, strict=True) if axis is not None}
        if not mapped <= {*self.batched}:
            formula = functools.partial(_unpacked, functools.partial(self._flat_formula, call))
            found = jax.vmap(formula, tuple(axes))(*leaves)
            return found, [0] * len(found)
        size = next(x.shape[i] for x, i in zip(leaves, axes, strict=True) if i is not None)
        together = [
            _in_front(x, axis, size, self.folded) if owner in self.batched else x
            for x, axis, owner in zip(leaves, axes, owners, strict=True)
        ]
        found = self._bind(call.operands(together), call.named, dict(call.asked))
        if self.folded:
            found = [x.reshape(size, -1, *x.shape[1:]) for x in found]
        return found, [0] * len(found)


OPS: dict[str, Op] = {}
"""The operations by name."""


@dataclass(frozen=True)
class _Call:
    """What a call of an operation is besides its arrays.

    Attributes:
        op: Name of the operation.
        kernel: The function of the implementation that was chosen.
        tree: How arrays make up the operands.
        sizes: What the implementation takes by name.
        asked: Names of the implementations that were asked for, None where the best is to be used:
            of the operation and of the one that transposes it.
    """

    op: str
    kernel: Function
    tree: Any
    sizes: tuple[tuple[str, int], ...]
    asked: tuple[tuple[str, str | None], ...]

    @property
    def named(self) -> dict[str, int]:
        return dict(self.sizes)

    def operands(self, leaves: Leaves) -> tuple[PyTree, ...]:
        operands: tuple[PyTree, ...] = jax.tree.unflatten(self.tree, leaves)
        return operands

    def owners(self, operands: tuple[str, ...]) -> list[str]:
        """The operand of each leaf."""
        parts = zip(operands, self.tree.children(), strict=True)
        return [name for name, part in parts for _ in range(part.num_leaves)]

    def checked(self, found: PyTree, expected: PyTree) -> list[Array]:
        """The leaves of a result, which an implementation must give as the operation says."""
        shapes: list[tuple[Any, Any]] = [
            ([(x.shape, x.dtype) for x in jax.tree.leaves(result)], jax.tree.structure(result))
            for result in (found, expected)
        ]
        if shapes[0] != shapes[1]:
            raise KernelError(
                f"The implementation {self.kernel!r} of {self.op} returned "
                f"{jax.tree.map(_text, found)}, expected {jax.tree.map(_text, expected)}"
            )
        return jax.tree.leaves(found)


def _positional(reference: Function) -> tuple[str, ...]:
    parameters = inspect.signature(reference).parameters.values()
    return tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)


def _unpacked(function: Callable[[Leaves], list[Array]], *leaves: Array) -> list[Array]:
    return function(leaves)


def _in_front(x: Array, axis: int | None, size: int, folded: bool) -> PyTree:
    """An operand with the batch axis in front, or within its first axis."""
    if axis is None:
        x = jax.numpy.broadcast_to(x, (size, *x.shape))
    else:
        x = jax.numpy.moveaxis(x, axis, 0)
    return x.reshape(-1, *x.shape[2:]) if folded else x


def _total(found: Array, parts: Sequence[Array]) -> PyTree:
    if parts[0].dtype == jax.dtypes.float0:
        return _still(found)
    return functools.reduce(jax.numpy.add, parts)


def _still(value: Array) -> PyTree:
    """The tangent of what does not change."""
    zero: Any = ad.Zero
    return zero.from_primal_value(value)


SMALL = 2000  # numbers in the inputs with which an implementation of others is tried
TRIED = 4


def _count(operands: PyTree) -> int:
    return sum(jax.numpy.size(x) for x in jax.tree.leaves(operands))


def _are_close(found: PyTree, right: PyTree) -> bool:
    ours, theirs = jax.tree.leaves(found), jax.tree.leaves(right)
    return len(ours) == len(theirs) and all(
        a.shape == b.shape and a.dtype == b.dtype and bool(jax.numpy.allclose(a, b, 1e-4, 1e-5))
        for a, b in zip(ours, theirs, strict=True)
    )


def _text(x: Array) -> str:
    return f"{x.dtype}{list(x.shape)}"
