"""`rollout`: a model over a sequence, in as much memory as is wanted."""

import functools
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import InputError, checked, flag, function, maybe, text, whole
from brainloom_core.context import current_dt
from brainloom_core.names import named, owner_of
from brainloom_core.types import Array, PyTree
from brainloom_core.units import show, with_unit

from .arguments import MODULE, READ, STEPPED
from .types import Read

if TYPE_CHECKING:
    from .reductions import Reduction

__all__ = ["read_out", "rollout"]


@checked(model=STEPPED, read=READ, over=maybe(function), detach=flag)
def rollout(
    model: brainstate.nn.Module,
    xs: PyTree | None = None,
    *,
    n_steps: int | None = None,
    read: Read | None = None,
    over: "Reduction | None" = None,
    segment: int | Literal["auto"] | None = None,
    detach: bool = False,
) -> PyTree:
    r"""Run a model over a sequence, from where its states are, and return its outputs.

    This is `brainstate.transform.for_loop` over the steps, with `i` and `t` set in each, and
    works inside `jit`, `grad` and `vmap` like it. The layers of a `brainstate.nn.Sequential` are
    run one after the other, each over the whole sequence: the result is the same, and a layer
    without states, or with a method `over_time`, does its work in one large operation. (A layer
    may not act on another one by a projection then; write such a model as a module of its own.)

    With `segment`, the sequence is cut into pieces of that many steps. On the way back only the
    states between pieces are there, and what happened within one is computed again: the memory
    of a gradient falls from the order of $T$ to that of $T/L + L$ for pieces of $L$ steps, least
    at $L = \sqrt{T}$, for the time of one more forward pass. With `detach` as well, gradients end
    where pieces begin: truncated backpropagation through time.

    Args:
        model: A module whose call advances it by one step.
        xs: Inputs, time first, `(T, *batch, n_in)`; an array or a quantity, or a tuple of them,
            one for each argument of the model. None calls it without any, `n_steps` times.
        n_steps: Number of steps where there are no inputs.
        read: What a step gives: None for what the model returns, a name such as `"E.spikes"`
            or `"E.V"`, a function without arguments, or a mapping from names to these.
        over: What becomes of the outputs over time, such as `MeanOverTime()`, None to stack
            them. With a reduction, the outputs of pieces are not kept.
        segment: Number of steps in a piece, None for a single one, `"auto"` for about
            $\sqrt{T}$. Where it does not divide $T$, the inputs are copied.
        detach: Whether gradients end where pieces begin.

    Returns:
        Outputs `(T, *batch, n_out)`, or their reduction `(*batch, n_out)`.

    Raises:
        InputError: There are neither inputs nor a number of steps, the inputs differ in length,
            what is to be read does not exist, or gradients shall end between pieces of which
            there are none.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_training import LeakyRateReadout, rollout
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> readout = LeakyRateReadout(2, 1, tau=10 * u.ms, w_init=jnp.ones)
        >>> _ = brainstate.nn.init_all_states(readout, batch_size=4)
        >>> rollout(readout, jnp.ones((50, 4, 2))).shape
        (50, 4, 1)
    """
    sequence = _sequence(xs, n_steps)
    if detach and segment is None:
        raise InputError(
            "rollout: detach: expected segment as well, the number of steps in a piece"
        )
    size = _size(segment, len(sequence[0]))
    advance = functools.partial(_over, model, _reader(model, read))
    if size == len(sequence[0]):
        outputs = advance(*sequence)
        return outputs if over is None else over(outputs)
    token = _in_pieces_now.set(True)
    try:
        return _in_pieces(model, advance, sequence, size, detach, over)
    finally:
        _in_pieces_now.reset(token)


@checked(model=MODULE, name=text)
def read_out(model: brainstate.nn.Module, name: str) -> PyTree:
    """The current value of what a dotted name means: `"E.spikes"`, or a state such as `"E.V"`.

    Parts of it lead through attributes, and through lists by number: `"layers.1.spikes"`.

    Args:
        model: A module.
        name: The dotted name.

    Raises:
        InputError: There is nothing of this name.

    Examples:
        >>> import brainstate
        >>> from brainloom_training import read_out
        >>> model = brainstate.nn.Sequential(brainstate.nn.Linear(3, 2))
        >>> read_out(model, "layers.0.weight")["weight"].shape
        (3, 2)
    """
    owner, last = owner_of(model, name)
    if last == "spikes" and hasattr(owner, "get_spike"):
        return owner.get_spike()
    value = named(model, name)
    return value.value if isinstance(value, brainstate.State) else value


def in_step(i: Array | int) -> AbstractContextManager[object]:
    """The context of a step: its number and its time, and that it is no training by default."""
    dt = current_dt()
    t = with_unit(i * u.get_mantissa(dt), u.get_unit(dt))
    return brainstate.environ.context(i=i, t=t, fit=brainstate.environ.get("fit", False))


_in_pieces_now: ContextVar[bool] = ContextVar("in_pieces", default=False)


def is_in_pieces() -> bool:
    """Whether what runs is a piece of a sequence, and not the whole of it."""
    return _in_pieces_now.get()


def has_states(layer: object) -> bool:
    """Whether a layer keeps something from one step to the next."""
    return isinstance(layer, brainstate.nn.Module) and bool(carried_states(layer))


def carried_states(model: brainstate.nn.Module) -> dict[tuple[str, ...], brainstate.State]:
    """What a model keeps from one step to the next, by path."""
    return model.states(lambda path, state: not isinstance(state, brainstate.ParamState))


def _reader(model: brainstate.nn.Module, read: Read | None) -> Callable[[PyTree], PyTree] | None:
    """A function from what the model returned to what a step gives, None where it is that."""
    if read is None:
        return None
    if isinstance(read, str):
        return lambda out: read_out(model, read)
    if isinstance(read, Mapping):
        readers = {name: _reader(model, item) for name, item in read.items()}
        return lambda out: {n: out if r is None else r(out) for n, r in readers.items()}
    if callable(read):
        return lambda out: read()
    raise InputError(
        "rollout: read: expected a name such as 'E.spikes', a function or a mapping of these, "
        f"got {show(read)}"
    )


def _sequence(xs: PyTree, n_steps: int | None) -> tuple[Array, tuple[PyTree, ...]]:
    """The numbers of the steps, and the inputs as a tuple."""
    given = xs if isinstance(xs, tuple) else () if xs is None else (xs,)
    lengths = {len(x) if np.ndim(x) else 0 for x in jax.tree.leaves(given)}
    if n_steps is not None:
        if not whole.holds(n_steps):
            raise InputError(f"rollout: n_steps: expected a whole number >= 1, got {n_steps!r}")
        lengths.add(n_steps)
    if len(lengths) != 1 or 0 in lengths:
        found = f"lengths {sorted(lengths)}" if lengths else "neither inputs nor n_steps"
        raise InputError(f"rollout: xs: expected sequences of one length, time first, got {found}")
    return jnp.arange(lengths.pop()), jax.tree.map(jnp.asarray, given)


def _size(segment: int | str | None, length: int) -> int:
    """The number of steps in a piece of a sequence of this length."""
    if segment == "auto":
        root = math.sqrt(length)
        near = range(math.ceil(root / 2), math.floor(root * 2) + 1)
        divisors = [size for size in near if length % size == 0]
        return min(divisors, key=lambda size: abs(math.log(size / root)), default=round(root))
    if segment is not None and not whole.holds(segment):
        raise InputError(
            f"rollout: segment: expected a whole number >= 1, 'auto' or None, got {segment!r}"
        )
    return length if segment is None else min(int(segment), length)


def _over(
    model: brainstate.nn.Module,
    reader: Callable[[PyTree], PyTree] | None,
    steps: jax.Array,
    given: tuple[PyTree, ...],
) -> PyTree:
    """What the steps of a model give: in a loop, or all at once where it remembers nothing."""
    if reader is None and _is_chain(model):
        for layer in model.layers:
            given = (_over(layer, None, steps, given),)
        return given[0]
    if reader is None and hasattr(model, "over_time"):
        with brainstate.environ.context(i=steps[0]):
            return model.over_time(*given)

    def step(i: Array, *x: PyTree) -> PyTree:
        with in_step(i):
            out = model(*x)
            return _numbers(out) if reader is None else reader(out)

    if has_states(model):
        return brainstate.transform.for_loop(step, steps, *given)
    return brainstate.transform.vmap(step)(steps, *given)


def over_steps(model: brainstate.nn.Module, xs: PyTree) -> PyTree:
    """What a part of a model gives over steps, the first of which is that of the environment."""
    steps = brainstate.environ.get("i", 0) + jnp.arange(len(jax.tree.leaves(xs)[0]))
    return _over(model, None, steps, (xs,))


def _numbers(out: PyTree) -> PyTree:
    """What a step of a model returned, which has to be arrays."""
    for leaf in jax.tree.leaves(out):
        if isinstance(leaf, str) or (not np.isscalar(leaf) and not hasattr(leaf, "dtype")):
            raise InputError(f"rollout: model: expected a step to return arrays, got {show(leaf)}")
    return out


def _is_chain(model: brainstate.nn.Module) -> bool:
    """Whether a model does nothing but call layers in turn, no two of which share a state."""
    chain = brainstate.nn.Sequential
    if not isinstance(model, chain) or type(model).update is not chain.update:
        return False
    kept = [id(s) for m in model.layers if has_states(m) for s in carried_states(m).values()]
    return len(kept) == len(set(kept))


def _in_pieces(
    model: brainstate.nn.Module,
    advance: Callable[..., PyTree],
    sequence: PyTree,
    size: int,
    detach: bool,
    over: "Reduction | None",
) -> PyTree:
    """The outputs, or their reduction, of which only the states between pieces are kept."""
    length = len(sequence[0])
    whole = length - length % size

    @functools.partial(brainstate.transform.checkpoint, prevent_cse=False)
    def piece(carried: PyTree, part: PyTree) -> tuple[PyTree, PyTree]:
        outputs = advance(*part)
        if detach:
            for state in carried_states(model).values():
                state.value = jax.lax.stop_gradient(state.value)
        if over is None:
            return carried, outputs
        fold = functools.partial(_fold, over)
        return jax.lax.scan(fold, carried, (outputs, part[0]))[0], None

    carried = None
    if over is not None:
        first = brainstate.transform.eval_shape(advance, *_cut(sequence, 0, 1))
        carried = over.start(
            jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), first)
        )
    pieces = jax.tree.map(
        lambda x: x.reshape(whole // size, size, *x.shape[1:]), _cut(sequence, 0, whole)
    )
    carried, outputs = brainstate.transform.scan(piece, carried, pieces)
    outputs = jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), outputs)
    if whole < length:
        carried, rest = piece(carried, _cut(sequence, whole, length))
        outputs = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), outputs, rest)
    return outputs if over is None else over.result(carried, length)


def _fold(over: "Reduction", carried: PyTree, step: tuple[PyTree, Array]) -> tuple[PyTree, None]:
    output, i = step
    return over.fold(carried, output, i), None


def _cut(sequence: PyTree, start: int, stop: int) -> PyTree:
    return jax.tree.map(lambda x: x[start:stop], sequence)
