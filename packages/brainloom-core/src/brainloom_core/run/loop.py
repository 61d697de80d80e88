"""`simulate`: the compiled loop over a network."""

import math
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainstate import State

from ..clock import Clock, exact, steps
from ..declare.arguments import checked
from ..declare.constraints import flag, maybe
from ..declare.declared import Declared
from ..declare.states import lives
from ..dynamics.base import Dynamics
from ..dynamics.neuron import Neuron
from ..dynamics.step import all_dynamics, step_of
from ..dynamics.synapse import Synapse
from ..errors import InputError, NonFiniteError
from ..kernels.registry import forced_kernels
from ..names import dotted
from ..progress import progress_bar
from ..units import same_dimension, show
from .health import Watch, snapshot
from .inputs import Inputs, naming_inputs
from .recording import Collector, Recording, Spikes, Trace, as_recorders

__all__ = ["simulate"]

CHUNK_STEPS = 1000
CHUNK_BYTES = 64 * 2**20
MAX_RUNNERS = 16
_runners: "weakref.WeakKeyDictionary[Any, dict[Any, Any]]" = weakref.WeakKeyDictionary()
_ends: "weakref.WeakKeyDictionary[Any, _End]" = weakref.WeakKeyDictionary()


@checked(progress=maybe(flag))
def simulate(
    net: Any,
    duration: Any,
    *,
    dt: Any = None,
    inputs: Any = None,
    record: Any = None,
    progress: bool | None = None,
    start: Any = None,
) -> Recording:
    """Run a network and return what was recorded.

    The loop is compiled once for a network, `dt` and what is recorded, whatever the duration,
    and runs in chunks, each of which is moved to the host, so device memory does not grow with
    the duration. The states go on from where they are (those that do not exist yet are
    initialised), and so does the time; `brainstate.nn.reset_all_states(net)` returns them to
    their initial values, and the time to 0.

    Args:
        net: A module whose call advances it by one step: a `Network`, a population, or a
            module with an `update` of its own. Every neuron, synapse and source that it reaches
            has to be called in a step, once.
        duration: Time to simulate, a multiple of `dt`.
        dt: Length of a step; by default that of `brainstate.environ`.
        inputs: What the network is called with in each step: a value; a function of the time,
            or a source such as `OUProcessInput`; an array whose first axis is time, one entry per
            step; or a tuple of these. Or a mapping from populations, parts of them
            (`net.E[:800]`) or names of them (`"E"`) to these: each gets an input of its own.
            A function is compiled with the values around it; it is compiled anew where one of
            these has changed (numbers, arrays and containers of these are noticed).
        record: What to record: names such as `"E.spikes"` or `"layers.0.V"`, `Spikes` and `Trace`
            objects, a list of them or a mapping from names of your choice.
        progress: Whether to show a progress bar; None shows one on a terminal.
        start: Time at which the simulation starts; None goes on where the last run of the
            network ended, or begins at 0 where there was none or the states are other ones since;
            a copy of a network has had no run.

    Returns:
        The recording, a mapping from names to `SpikeEvents` and `TraceData`.

    Raises:
        InputError: The duration is not a multiple of `dt`, an input does not cover it, what is
            to be recorded does not exist, or something in the network is not called in a step,
            or twice.
        NonFiniteError: A state became NaN or infinite; its `recording` is what was recorded
            until then.

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
    if not isinstance(net, brainstate.nn.Module):
        raise InputError(
            f"simulate: net: expected a Network, a population or another module, got {show(net)}"
        )
    dt = _step_length(dt)
    n_steps = steps("simulate: duration", duration, dt, least=1)
    recorders = as_recorders(net, record)
    fed = Inputs(net, inputs, n_steps)
    strides = {k: r.stride(dt) for k, r in recorders.items() if isinstance(r, Trace)}
    block = math.gcd(*strides.values()) if strides else 1
    with brainstate.environ.context(dt=dt):
        for module in (net, *fed.modules):
            _initialise_missing(module)
    for recorder in recorders.values():
        recorder.check()
    first = _first_step(net, start, dt)
    clock = Clock.of(dt, first + n_steps)
    run = _Run(net, recorders, fed, clock, block)
    collectors = {k: Collector(r, strides.get(k, 1), dt, first) for k, r in recorders.items()}
    began = time.perf_counter()

    def recording(stop: int) -> Recording:
        data = {name: c.result(stop) for name, c in collectors.items()}
        return Recording(data, first * dt, stop * dt, dt, time.perf_counter() - began)

    def finish(chunk: "_Chunk") -> None:
        if run.watch.is_wrong(chunk.before, chunk.after):
            raise run.error(chunk, first, collectors, recording)
        chunk.collect(collectors, first, block)

    pending = None
    total = n_steps * float(dt.to_decimal(u.ms))
    with progress_bar(total, progress, desc="simulating", bar_format=BAR) as bar:
        for done, length in _chunks(n_steps, block, _bytes_per_step(recorders)):
            chunk = run.chunk(first, done, length)
            if pending is not None:
                finish(pending)
            pending = chunk
            if bar is not None:
                jax.block_until_ready(chunk.recorded)
                bar.update(length * float(dt.to_decimal(u.ms)))
    if pending is not None:
        finish(pending)
    jax.block_until_ready([state.value for state in net.states().values()])
    _ends[net] = _End.of(net, first + n_steps, dt)
    return recording(first + n_steps)


BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} ms [{elapsed}<{remaining}]"


def _step_length(dt: Any) -> Any:
    dt = brainstate.environ.get("dt", default=None) if dt is None else dt
    if dt is None:
        raise InputError(
            "simulate: dt: no length of a step is set. Give simulate(..., dt=0.1 * u.ms), or write "
            "brainstate.environ.set(dt=0.1 * u.ms)"
        )
    is_one = same_dimension(dt, u.ms) and np.ndim(u.get_mantissa(dt)) == 0
    if not is_one or not 0 < float(u.get_mantissa(dt)) < math.inf:
        raise InputError(f"simulate: dt: expected a time > 0, got {show(dt)}")
    return dt


# Where a run begins


@dataclass(frozen=True)
class _End:
    """Where the last run of a network ended, and which arrays it left."""

    time: Fraction
    dt: Any
    left: list[Any]

    @classmethod
    def of(cls, net: Any, stop: int, dt: Any) -> "_End":
        return cls(exact(dt) * stop, dt, [weakref.ref(x) for x in _moving(net)])

    def is_left(self, net: Any) -> bool:
        """Whether the network still has the states that the run left, or half of them at least."""
        left = {id(x) for ref in self.left if (x := ref()) is not None}
        now = _moving(net)
        return bool(now) and 2 * sum(id(x) in left for x in now) >= len(now)


def _moving(net: Any) -> list[jax.Array]:
    """The arrays of the states that a reset makes anew."""
    kinds = (brainstate.HiddenState, brainstate.ShortTermState)
    states = [state for state in net.states().values() if isinstance(state, kinds)]
    leaves = jax.tree.leaves([state.value for state in states])
    return [x for x in leaves if isinstance(x, jax.Array)]


def _first_step(net: Any, start: Any, dt: Any) -> int:
    end = _ends.get(net)
    if end is None or not end.is_left(net):
        return 0 if start is None else steps("simulate: start", start, dt)
    if exact(end.dt) != exact(dt):
        states = net.states().items()
        counting = [dotted(path) for path, state in states if _is_counter(state)]
        if counting:
            raise InputError(
                f"simulate: dt: the states were left by a run with dt = {show(end.dt)}, and "
                f"{', '.join(counting[:3])} counts steps, which would be others at dt = "
                f"{show(dt)}. Call brainstate.nn.init_all_states(net) before"
            )
    if start is not None:
        return steps("simulate: start", start, dt)
    ratio = end.time / exact(dt)
    if ratio.denominator != 1:
        raise InputError(
            f"simulate: start: the last run ended at {float(end.time * 1000):g} ms, no multiple of "
            f"dt = {show(dt)}. Give start, or call brainstate.nn.reset_all_states(net) before"
        )
    return int(ratio)


def _is_counter(state: Any) -> bool:
    if not isinstance(state, (brainstate.HiddenState, brainstate.ShortTermState)):
        return False
    return any(jnp.issubdtype(x.dtype, jnp.integer) for x in jax.tree.leaves(state.value))


def _initialise_missing(net: Any) -> None:
    nodes = list(net.nodes(brainstate.nn.Module).values())
    lacking = {id(node): node.lacks_states() for node in nodes if isinstance(node, Declared)}
    batch = _batch(net)
    for node in sorted(nodes, key=lambda node: getattr(node.init_state, "call_order", -1)):
        declared = node._kept_states() if isinstance(node, Declared) else {}
        missing = lacking.get(id(node), False)
        by_hand = isinstance(node, (Neuron, Synapse)) and not declared
        if missing or (by_hand and not any(isinstance(v, State) for v in vars(node).values())):
            node.init_state(*(() if batch is None else (batch,)))


def _batch(net: Any) -> int | None:
    """The length of the batch axis of the states that there are, which all of them share."""
    found: dict[str, int | None] = {}
    for name, node in all_dynamics(net, Dynamics).items():
        for state in vars(node).values():
            if isinstance(state, brainstate.HiddenState) and lives(state):
                shape, size = np.shape(state.value), tuple(node.varshape)
                if shape == size or shape[1:] == size:
                    found[name] = None if shape == size else shape[0]
    if len(set(found.values())) > 1:
        (one, this), (other, that) = _differing(found)
        raise InputError(
            f"simulate: net: {one!r} has {_batch_words(this)} and {other!r} {_batch_words(that)}: "
            "initialise all at once, brainstate.nn.init_all_states(net, batch_size=...)"
        )
    return next(iter(found.values()), None)


def _differing(found: dict[str, int | None]) -> list[tuple[str, int | None]]:
    first = next(iter(found.items()))
    return [first, next(item for item in found.items() if item[1] != first[1])]


def _batch_words(batch: int | None) -> str:
    return "no batch axis" if batch is None else f"a batch of {batch}"


# The compiled loop


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


@dataclass(frozen=True)
class _Chunk:
    """A chunk that has been run: what it recorded, and how to run it again."""

    done: int
    length: int
    recorded: Any
    before: list[list[Any]]
    after: list[list[Any]]
    restore: Callable[[], None]
    arguments: tuple[Any, ...]

    def collect(self, collectors: dict[str, Collector], first: int, block: int) -> None:
        seen, sampled = self.recorded
        for name, collector in collectors.items():
            values = seen[name] if name in seen else sampled[name]
            collector.add(values, first + self.done, block)


class _Run:
    """A network, what it is given and what is recorded: runs chunks of steps."""

    def __init__(
        self, net: Any, recorders: dict[str, Any], fed: Inputs, clock: Clock, block: int
    ) -> None:
        self.net, self.recorders, self.fed, self.clock = net, recorders, fed, clock
        self.block = block
        self.watch = Watch(net)
        self.states = [s for m in (net, *fed.modules) for s in m.states().values()]
        recorded = tuple((name, r.key) for name, r in recorders.items())
        nodes = [node for module in (net, *fed.modules) for node in module.nodes().values()]
        versions = tuple((id(node), getattr(node, "times_changed", 0)) for node in nodes)
        times = (float(clock.dt.to_decimal(u.ms)), clock.counts, clock.is_long)
        # What layers that differ in training ask for; a run is none unless it is said to be.
        self._fits = bool(brainstate.environ.get("fit", default=False))
        self._key = (recorded, fed.key, times, self._fits, versions, forced_kernels())

    def chunk(self, first: int, done: int, length: int) -> _Chunk:
        """Run some steps."""
        arguments = (self.clock.start(first + done), self.fed.chunk(done, length))
        restore, before = snapshot(self.states), self.watch.values()
        recorded = self._compiled(length)(*arguments)
        after = self.watch.values()
        return _Chunk(done, length, recorded, before, after, restore, arguments)

    def _compiled(self, length: int) -> Callable[..., Any]:
        """The compiled chunk, from the cache that lives as long as the network."""
        key = (self._key, self.block, length)
        known = _runners.setdefault(self.net, {})
        if key not in known:
            while len(known) >= MAX_RUNNERS:
                known.pop(next(iter(known)))
            known[key] = _compiled(self._step(), self.recorders, self.block, length)
        return known[key]

    def _step(self) -> Callable[..., None]:
        """A function that takes one step; it does not keep the network alive."""
        net, clock, read, reached = weakref.ref(self.net), self.clock, *self._fed()
        fits = self._fits

        def step(start: Any, passed: tuple[Any, ...], position: jax.Array) -> None:
            with brainstate.environ.context(fit=fits), clock.step(start, position) as t:
                root: Any = net()
                with step_of(root, all_dynamics(root, Dynamics)) as taken:
                    arguments, given = read(passed, position, t)
                    taken.given.update(given)
                    with naming_inputs(arguments):
                        root(*arguments)
                    reached(taken)

        return step

    def _fed(self) -> tuple[Callable[..., Any], Callable[[Any], None]]:
        return self.fed.reader(), self.fed.check_reached

    def error(
        self,
        chunk: _Chunk,
        first: int,
        collectors: dict[str, Collector],
        recording: Callable[[int], Recording],
    ) -> NonFiniteError:
        """What became of a chunk: run again, a step at a time."""
        chunk.restore()
        watch, step = self.watch, self._step()

        def again(start: Any, passed: tuple[Any, ...]) -> Any:
            begun = watch.begin()

            def one(position: jax.Array) -> Any:
                step(start, passed, position)
                return watch.first(begun)

            return brainstate.transform.for_loop(one, jnp.arange(chunk.length))

        places = np.asarray(brainstate.transform.jit(again)(*chunk.arguments))
        chunk.collect(collectors, first, self.block)
        bad = np.flatnonzero((places >= 0).any(axis=1))
        position = int(bad[0]) if len(bad) else chunk.length - 1
        which = int(np.argmax(places[position] >= 0))
        faulty = watch.all[which]
        where, value = faulty.place(int(places[position, which]))
        number = first + chunk.done + position
        dt = self.clock.dt
        now = f"{float(number * exact(dt) * 1000):.10g} ms"
        guess = (
            f"Is dt = {show(dt)} too long for the time constants, an input or a weight too large, "
            "or a parameter on the wrong side of zero?"
        )
        return NonFiniteError(
            f"simulate: {faulty.name}{where} became {value} in the step from t = {now}, step "
            f"number {number}. {getattr(faulty.state, 'reason', guess)} What was recorded until "
            "then is in the attribute recording of this error; call "
            "brainstate.nn.reset_all_states(net) before another run",
            recording(number),
        )


def _compiled(
    step: Callable[..., None],
    recorders: dict[str, Any],
    block: int,
    length: int,
) -> Callable[..., Any]:
    spikes = {k: r.sampler() for k, r in recorders.items() if isinstance(r, Spikes)}
    traces = {k: r.sampler() for k, r in recorders.items() if isinstance(r, Trace)}
    inner, n_blocks = min(block, length), max(1, length // block)

    def run(start: Any, passed: tuple[Any, ...]) -> Any:
        def one_step(position: jax.Array) -> Any:
            step(start, passed, position)
            return {name: sample() for name, sample in spikes.items()}

        def many(number: jax.Array) -> Any:
            positions = number * inner + jnp.arange(inner)
            seen = brainstate.transform.for_loop(one_step, positions)
            return seen, {name: sample() for name, sample in traces.items()}

        def one(number: jax.Array) -> Any:
            seen = jax.tree.map(lambda x: x[None], one_step(number))
            return seen, {name: sample() for name, sample in traces.items()}

        body = one if inner == 1 else many
        return brainstate.transform.for_loop(body, jnp.arange(n_blocks))

    return brainstate.transform.jit(run)
