"""`simulate`: the compiled loop over a network."""

import contextlib
import math
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
from brainstate import State

from ..declared import Declared
from ..errors import InputError
from ..kernels.registry import forced_kernels
from ..neuron import Neuron
from ..synapse import Synapse
from ..units import same_dimension, show, with_unit
from .recording import Collector, Recording, Spikes, Trace, as_recorders

__all__ = ["simulate"]

CHUNK_STEPS = 1000
CHUNK_BYTES = 64 * 2**20
MAX_RUNNERS = 16
_runners: "weakref.WeakKeyDictionary[Any, dict[Any, Any]]" = weakref.WeakKeyDictionary()


def simulate(
    net: Any,
    duration: Any,
    *,
    dt: Any = None,
    inputs: Any = None,
    record: Any = None,
    progress: bool | None = None,
    start: Any = 0.0 * u.ms,
) -> Recording:
    """Run a network and return what was recorded.

    The loop is compiled once for a network, `dt` and what is recorded, whatever the duration,
    and runs in chunks, each of which is moved to the host, so device memory does not grow with
    the duration. The states go on from where they are (those that do not exist yet are
    initialised); `brainstate.nn.reset_all_states(net)` returns them to their initial values.

    Args:
        net: A module whose call advances it by one step: a `Network`, a population, or a
            module with an `update` of its own.
        duration: Time to simulate, a multiple of `dt`.
        dt: Length of a step; by default that of `brainstate.environ`.
        inputs: What the network is called with in each step: a value; a function of the time,
            or a source such as `OUProcessInput`; an array whose first axis is time, one entry per
            step; or a tuple of these.
        record: What to record: names such as `"E.spikes"` or `"E.V"`, `Spikes` and `Trace`
            objects, a list of them or a mapping from names of your choice.
        progress: Whether to show a progress bar; None shows one on a terminal.
        start: Time at which the simulation starts; `recording.end` continues an earlier one.

    Returns:
        The recording, a mapping from names to `SpikeEvents` and `TraceData`.

    Raises:
        InputError: The duration is not a multiple of `dt`, an input does not cover it, or
            what is to be recorded does not exist.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, simulate, state
        >>> class Leaky(Neuron):
        ...     tau = param(default=20.0 * u.ms)
        ...     V_th = param(default=20.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> recording = simulate(
        ...     Leaky(1), 100 * u.ms, dt=0.1 * u.ms, inputs=30 * u.mA, record="spikes"
        ... )
        >>> len(recording["spikes"])
        4
    """
    dt = brainstate.environ.get_dt() if dt is None else dt
    if not same_dimension(dt, u.ms) or not float(u.get_mantissa(dt)) > 0:
        raise InputError(f"simulate: dt: expected a time > 0, got {show(dt)}")
    n_steps, first = _steps("duration", duration, dt), _steps("start", start, dt)
    recorders = as_recorders(net, record)
    fed = _Inputs(inputs, n_steps)
    strides = {k: r.stride(dt) for k, r in recorders.items() if isinstance(r, Trace)}
    block = math.gcd(*strides.values()) if strides else 1
    with brainstate.environ.context(dt=dt):
        for module in (net, *fed.modules):
            _initialise_missing(module)
    for recorder in recorders.values():
        recorder.check()
    collectors = {k: Collector(r, strides.get(k, 1), dt, first) for k, r in recorders.items()}
    began = time.perf_counter()
    chunks = _chunks(n_steps, block, _bytes_per_step(recorders))
    pending: tuple[Any, int] | None = None
    with _progress_bar(n_steps, dt, progress) as bar:
        for done, length in chunks:
            run = _runner(net, recorders, fed, dt, block, length)
            recorded = run(jnp.int32(first + done), fed.chunk(done, length))
            if pending is not None:
                _collect(collectors, *pending, block)
            pending = recorded, first + done
            if bar is not None:
                jax.block_until_ready(recorded)
                bar.update(length * float(dt.to_decimal(u.ms)))
    if pending is not None:
        _collect(collectors, *pending, block)
    jax.block_until_ready([state.value for state in net.states().values()])
    stop = first + n_steps
    data = {name: c.result(stop) for name, c in collectors.items()}
    return Recording(data, first * dt, stop * dt, dt, time.perf_counter() - began)


def _steps(name: str, duration: Any, dt: Any) -> int:
    if not same_dimension(duration, u.ms):
        raise InputError(f"simulate: {name}: expected a time, got {show(duration)}")
    ratio = float(u.get_magnitude(duration / dt))
    steps = round(ratio)
    if steps < (1 if name == "duration" else 0) or abs(ratio - steps) > 1e-6 * max(steps, 1):
        raise InputError(
            f"simulate: {name}: expected a multiple of dt = {show(dt)}, got {show(duration)}"
        )
    return steps


class _Inputs:
    """The arguments of each step, split into what is compiled in and what is passed in."""

    def __init__(self, inputs: Any, n_steps: int) -> None:
        parts = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
        self.functions = tuple(p if _is_function(p) else None for p in parts)
        self.values = tuple(None if _is_function(p) else u.math.asarray(p) for p in parts)
        for value in self.values:
            if value is not None and value.ndim > 0 and value.shape[0] != n_steps:
                raise InputError(
                    f"simulate: inputs: the first axis of an array is time: expected {n_steps} "
                    f"entries, got shape {value.shape}. For one that is constant pass a function "
                    "of time, lambda t: values"
                )

    @property
    def modules(self) -> list[Any]:
        """The inputs that are modules, such as a source of noise, with states of their own."""
        return [f for f in self.functions if isinstance(f, brainstate.nn.Module)]

    def chunk(self, done: int, length: int) -> tuple[Any, ...]:
        """The passed-in part of the steps of one chunk."""
        return tuple(
            v if v is None or v.ndim == 0 else v[done : done + length] for v in self.values
        )


def _arguments(
    functions: tuple[Any, ...], passed: tuple[Any, ...], position: Any, t: Any
) -> list[Any]:
    """The arguments of one step of a chunk."""
    arguments = []
    for function, value in zip(functions, passed, strict=True):
        if function is not None:
            arguments.append(function(t))
        else:
            arguments.append(value if value.ndim == 0 else value[position])
    return arguments


def _is_function(x: Any) -> bool:
    return callable(x) and not isinstance(x, (u.Quantity, u.Unit))


def _initialise_missing(net: Any) -> None:
    nodes = net.nodes(brainstate.nn.Module).values()
    for node in sorted(nodes, key=lambda node: getattr(node.init_state, "call_order", -1)):
        declared = node._kept_states() if isinstance(node, Declared) else {}
        missing = any(name not in vars(node) for name in declared)
        by_hand = isinstance(node, (Neuron, Synapse)) and not declared
        if missing or (by_hand and not any(isinstance(v, State) for v in vars(node).values())):
            node.init_state()


def _bytes_per_step(recorders: dict[str, Spikes | Trace]) -> int:
    sizes = [jax.eval_shape(r.sampler()) for r in recorders.values()]
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(sizes))


def _chunks(n_steps: int, block: int, bytes_per_step: int) -> Iterator[tuple[int, int]]:
    """Start and length of each chunk: whole blocks, equal lengths where that is possible."""
    limit = max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(bytes_per_step, 1)) // block)
    whole, rest = divmod(n_steps, block)
    length = next((n for n in range(limit, limit // 2, -1) if whole % n == 0), limit) * block
    for done in range(0, whole * block, length):
        yield done, min(length, whole * block - done)
    if rest:
        yield whole * block, rest


def _runner(
    net: Any, recorders: dict[str, Any], fed: _Inputs, dt: Any, block: int, length: int
) -> Callable[..., Any]:
    """The compiled chunk, from the cache that lives as long as the network."""
    recorded = tuple((name, r.key) for name, r in recorders.items())
    nodes = [node for module in (net, *fed.modules) for node in module.nodes().values()]
    versions = tuple((id(node), getattr(node, "_version", 0)) for node in nodes)
    sizes = (float(dt.to_decimal(u.ms)), block, length)
    key = (recorded, fed.functions, sizes, versions, forced_kernels())
    known = _runners.setdefault(net, {})
    if key not in known:
        while len(known) >= MAX_RUNNERS:
            known.pop(next(iter(known)))
        known[key] = _compiled(weakref.ref(net), recorders, fed.functions, dt, block, length)
    return known[key]


def _compiled(
    net: Any,
    recorders: dict[str, Any],
    functions: tuple[Any, ...],
    dt: Any,
    block: int,
    length: int,
) -> Callable[..., Any]:
    spikes = {k: r.sampler() for k, r in recorders.items() if isinstance(r, Spikes)}
    traces = {k: r.sampler() for k, r in recorders.items() if isinstance(r, Trace)}
    inner, n_blocks = min(block, length), max(1, length // block)
    unit, dtype = u.get_unit(dt), brainstate.environ.dftype()
    dt_number = float(u.get_mantissa(dt))

    def run(first: jax.Array, passed: tuple[Any, ...]) -> Any:
        def step(position: jax.Array) -> Any:
            i = first + position
            t = with_unit(i.astype(dtype) * dt_number, unit)
            with brainstate.environ.context(i=i, t=t, dt=dt):
                net()(*_arguments(functions, passed, position, t))
                return {name: sample() for name, sample in spikes.items()}

        def many(number: jax.Array) -> Any:
            positions = number * inner + jnp.arange(inner)
            seen = brainstate.transform.for_loop(step, positions)
            return seen, {name: sample() for name, sample in traces.items()}

        def one(number: jax.Array) -> Any:
            seen = jax.tree.map(lambda x: x[None], step(number))
            return seen, {name: sample() for name, sample in traces.items()}

        body = one if inner == 1 else many
        return brainstate.transform.for_loop(body, jnp.arange(n_blocks))

    return brainstate.transform.jit(run)


def _collect(collectors: dict[str, Collector], recorded: Any, first: int, block: int) -> None:
    seen, sampled = recorded
    for name, collector in collectors.items():
        collector.add(seen[name] if name in seen else sampled[name], first, block)


@contextlib.contextmanager
def _progress_bar(n_steps: int, dt: Any, wanted: bool | None) -> Iterator[Any]:
    """A bar that counts simulated milliseconds and estimates the time left, or None."""
    if wanted is False:
        yield None
        return
    if wanted:
        from tqdm.auto import tqdm
    else:  # the one for a notebook may warn, though it is not shown there
        from tqdm import tqdm

    total = n_steps * float(dt.to_decimal(u.ms))
    form = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} ms [{elapsed}<{remaining}]"
    hidden = None if wanted is None else False  # None: tqdm hides it where there is no terminal
    with tqdm(total=total, desc="simulating", bar_format=form, disable=hidden) as bar:
        yield None if bar.disable else bar
