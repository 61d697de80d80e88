"""`simulate`: the compiled loop over a network."""

import math
import os
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
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
from ..drivers import require_drivers
from ..dynamics.base import Dynamics
from ..dynamics.network import Network
from ..dynamics.neuron import Neuron
from ..dynamics.step import all_dynamics, step_of
from ..dynamics.synapse import Synapse
from ..errors import CheckpointError, InputError, Interrupted, NonFiniteError
from ..kernels.registry import forced_kernels, noted_kernels
from ..keys import drawing
from ..names import dotted
from ..partition import Partition, as_partition, partition_in_use
from ..progress import progress_bar
from ..types import Arguments, Array, Drive, Json, PyTree, Record, Time
from ..units import same_dimension, show
from ..unmade import is_unmade, make_all
from .draws import Draws
from .health import Watch, snapshot
from .inputs import Inputs, naming_inputs
from .interrupt import interruptible
from .keeper import Keeper
from .mesh import on_host, spread_over, traced_step
from .recording import Program, Recording, Tape, as_recorders, caught
from .recording.asked import PLACE

__all__ = ["simulate"]

CHUNK_STEPS = 1000
CHUNK_BYTES = 64 * 2**20
MAX_RUNNERS = 16
_runners: "weakref.WeakKeyDictionary[brainstate.nn.Module, dict[Hashable, Any]]" = (
    weakref.WeakKeyDictionary()
)
_ends: "weakref.WeakKeyDictionary[brainstate.nn.Module, _End]" = weakref.WeakKeyDictionary()


@checked(progress=maybe(flag), store=maybe(PLACE))
def simulate(
    net: brainstate.nn.Module,
    duration: Time,
    *,
    dt: Time | None = None,
    inputs: Drive | None = None,
    record: Record | None = None,
    progress: bool | None = None,
    start: Time | None = None,
    store: str | Path | None = None,
    seed: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: Time | None = None,
    mesh: jax.sharding.Mesh | int | None = None,
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
        record: What to record: names such as `"E.spikes"`, `"E.rate"`, `"E.counts"`,
            `"layers.0.V"` (any state), `"EE.weights"` and `"E.output"`; `Spikes`, `Rate`,
            `Counts`, `Trace`, `Weights`, `Output` and `Custom` objects, which take windows,
            intervals and parts; a list of them or a mapping from names of your choice.
        progress: Whether to show a progress bar; None shows one on a terminal.
        start: Time at which the simulation starts; None goes on where the last run of the
            network ended, or begins at 0 where there was none or the states are other ones since;
            a copy of a network has had no run.
        store: A path, of which there is nothing yet: what is recorded is written there while it
            runs, as a Zarr group (needs the extra `store`), and the recording reads it from there
            when it is asked for. None keeps it in memory.
        seed: Makes all that is drawn follow from this number, the names of the modules in the
            network and the number of the step: in the steps, and where states are initialised
            here; not what was drawn when the network was built, such as edges, which follow from
            the seeds of connections. `brainstate.random` stays as it is. None draws from
            `brainstate.random`.
        checkpoint: A folder, of which there is nothing yet: from time to time all that it takes to
            go on is written there, and what is recorded is streamed there. However the run ends,
            `resume(checkpoint, net)` goes on from there. None for no checkpoints.
        every: Time between checkpoints, which are written at the end of the chunk of steps in which
            it is over; None for one a minute.
        mesh: Devices over which to spread the network, a number of them or a `jax.sharding.Mesh`;
            None, the default, for one device. Populations and the synapses that reach them are
            divided, and spikes exchanged once a step; the result is the same but for how the
            compiler rounds (not at all with `XLA_FLAGS=--xla_cpu_max_isa=AVX`).

    Returns:
        The recording, a mapping from names to `SpikeEvents` and `TraceData`.

    Raises:
        InputError: The duration is not a multiple of `dt`, an input does not cover it, what is
            to be recorded does not exist, something in the network is not called in a step,
            or twice, a projection onto a population was not assigned to the network, or there is
            something at the path of the store.
        CheckpointError: There is something in the folder of checkpoints, or nothing can be written.
        OSError: The store cannot be written; what was written before can be opened.
        NonFiniteError: A state became NaN or infinite; its `recording` is what was recorded
            until then.
        Interrupted: Ctrl-C was pressed; a `KeyboardInterrupt`, at the end of a chunk. Its
            `recording` is what was recorded until then, and another run goes on from there.
            Pressed twice, it ends at once.

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
    given: Arguments = {
        "inputs": inputs,
        "record": record,
        "start": start,
        "store": store,
        "seed": seed,
    }
    partition = as_partition(mesh)
    if partition is not None and partition.is_shared and checkpoint is not None:
        raise InputError(
            "simulate: checkpoint: expected None where several processes run one network: each "
            "would write the whole of it to one place"
        )
    if every is not None and checkpoint is None:
        raise InputError("simulate: every: it is for checkpoints: give checkpoint= too")
    if checkpoint is not None and store is not None:
        raise InputError(
            "simulate: store: with checkpoint= what is recorded is written into its folder: leave "
            "store out"
        )
    dt = _step_length(dt)
    keeper = None if checkpoint is None else Keeper(checkpoint, every, dt)
    return _simulate(
        net, duration, dt=dt, progress=progress, keeper=keeper, partition=partition, **given
    )


def _simulate(
    net: brainstate.nn.Module,
    duration: Time,
    *,
    dt: Time,
    inputs: Drive | None,
    record: Record,
    progress: bool | None,
    start: Time | None,
    store: str | Path | None = None,
    seed: int | None,
    keeper: Keeper | None,
    partition: Partition | None = None,
) -> Recording:
    """A run, or what is left of one that was kept."""
    if not isinstance(net, brainstate.nn.Module):
        raise InputError(
            f"simulate: net: expected a Network, a population or another module, got {show(net)}"
        )
    n_steps = steps("simulate: duration", duration, dt, least=1)
    fed = Inputs(net, inputs, n_steps)
    recorders = as_recorders(net, record, fed.modules)
    if isinstance(net, Network):
        require_drivers(net, tuple(fed.modules))
    draws = Draws(net, fed, seed)
    seed = None if seed is None else int(seed)
    with brainstate.environ.context(dt=dt), draws.initially():
        for module in (net, *fed.modules):
            _initialise_missing(module)
    for recorder in recorders.values():
        recorder.check(net)
    first = _first_step(net, start, dt)
    clock = Clock.of(dt, first + n_steps)
    # From here on there is something to go on from.
    with interruptible() as is_interrupted, brainstate.environ.context(dt=dt):
        if partition is None:  # here, and not in a step that is traced
            make_all(net)
        if keeper is not None:
            store = keeper.store(net, recorders)
        longest = CHUNK_STEPS, CHUNK_BYTES
        tape = Tape(net, recorders, dt, (first, first + n_steps), longest, store, {"seed": seed})
        if keeper is not None:
            keeper.begin(net, fed, tape, record, seed, _batch(net))
        begun = 0 if keeper is None else keeper.done
        run = _Run(net, tape, fed, draws, clock)

        def finish(chunk: "_Chunk") -> None:
            if run.watch.is_wrong(chunk.before, chunk.after):
                raise run.error(chunk)
            try:
                tape.take(chunk.recorded, chunk.done, chunk.length)
            except OSError as error:
                if keeper is not None:
                    error.add_note(keeper.way_out())
                raise

        total = n_steps * float(dt.to_decimal(u.ms))
        left = iter([piece for piece in tape.chunks() if piece[0] >= begun])
        if begun not in {n_steps, *(done for done, _ in tape.chunks())}:
            raise CheckpointError(
                "simulate: checkpoint: it was written between two chunks of this version's, so "
                "that the run cannot go on from it: resume it with the version that wrote it"
            )
        reached = begun
        with progress_bar(total, progress, desc="simulating", bar_format=BAR) as bar:
            while reached < n_steps and not is_interrupted():
                pending = None
                with spread_over(partition, (net, *fed.modules), seed is not None):
                    for done, length in left:
                        chunk = run.chunk(done, length)
                        if pending is not None:
                            finish(pending)
                        pending, reached = chunk, done + length
                        if bar is not None:
                            jax.block_until_ready(chunk.recorded)
                            bar.update(length * float(dt.to_decimal(u.ms)))
                        if is_interrupted() or (keeper is not None and keeper.due(reached)):
                            break
                    if pending is not None:
                        finish(pending)
                if keeper is not None:  # all states are whole, and in one place
                    keeper.write(reached)
            jax.block_until_ready([state.value for state in run.states if not is_unmade(state)])
            _ends[net] = _End.of(net, tape.stop, dt)
            recording = tape.recording()
    if tape.stop < first + n_steps:
        raise Interrupted(
            f"simulate: interrupted at {float(tape.stop * exact(dt) * 1000):.10g} ms. What was "
            "recorded until then is in the attribute recording of this error; another run of the "
            f"network goes on from there{'' if keeper is None else ', and so does resume'}",
            recording,
        )
    return recording


BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} ms [{elapsed}<{remaining}]"


def _step_length(dt: Time) -> Time:
    dt = brainstate.environ.get("dt", default=None) if dt is None else dt
    if dt is None:
        raise InputError(
            "simulate: dt: no length of a step is set. Give simulate(..., dt=0.1 * u.ms), or write "
            "brainstate.environ.set(dt=0.1 * u.ms)"
        )
    is_one = same_dimension(dt, u.ms) and np.ndim(u.get_mantissa(dt)) == 0
    if not is_one or not 0 < float(u.get_mantissa(dt)) < math.inf:
        raise InputError(
            f"simulate: dt: expected a time > 0, got {show(dt)}; write it as 0.1 * u.ms"
        )
    return dt


# Where a run begins


@dataclass(frozen=True)
class _End:
    """Where the last run of a network ended, and which arrays it left."""

    time: Fraction
    dt: Time
    left: list["weakref.ref[Array]"]

    @classmethod
    def of(cls, net: brainstate.nn.Module, stop: int, dt: Time) -> "_End":
        return cls(exact(dt) * stop, dt, [weakref.ref(x) for x in _moving(net)])

    def is_left(self, net: brainstate.nn.Module) -> bool:
        """Whether the network still has the states that the run left, or half of them at least."""
        left = {id(x) for ref in self.left if (x := ref()) is not None}
        now = _moving(net)
        return bool(now) and 2 * sum(id(x) in left for x in now) >= len(now)


def _moving(net: brainstate.nn.Module) -> list[jax.Array]:
    """The arrays of the states that a reset makes anew."""
    kinds = (brainstate.HiddenState, brainstate.ShortTermState)
    states = [state for state in net.states().values() if isinstance(state, kinds)]
    leaves = jax.tree.leaves([state.value for state in states])
    return [x for x in leaves if isinstance(x, jax.Array)]


def _first_step(net: brainstate.nn.Module, start: Time | None, dt: Time) -> int:
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


def _is_counter(state: object) -> bool:
    if not isinstance(state, (brainstate.HiddenState, brainstate.ShortTermState)):
        return False
    return any(jnp.issubdtype(x.dtype, jnp.integer) for x in jax.tree.leaves(state.value))


def _initialise_missing(net: brainstate.nn.Module, batch: int | None = None) -> None:
    found = net.nodes(brainstate.nn.Module)
    nodes = list(found.values())
    lacking = {id(node): node.lacks_states() for node in nodes if isinstance(node, Declared)}
    if batch is None:
        batch = _batch_of({dotted(path): node for path, node in found.items()})
    for node in sorted(nodes, key=lambda node: getattr(node.init_state, "call_order", -1)):
        declared = node._kept_states() if isinstance(node, Declared) else {}
        missing = lacking.get(id(node), False)
        by_hand = isinstance(node, (Neuron, Synapse)) and not declared
        if missing or (by_hand and not any(isinstance(v, State) for v in vars(node).values())):
            with drawing(node):
                node.init_state(*(() if batch is None else (batch,)))


def _batch(net: brainstate.nn.Module) -> int | None:
    found = net.nodes(brainstate.nn.Module)
    return _batch_of({dotted(path): node for path, node in found.items()})


def _batch_of(nodes: dict[str, Any]) -> int | None:
    """The length of the batch axis of the states that there are, which all of them share."""
    found: dict[str, int | None] = {}
    for name, node in nodes.items():
        if not isinstance(node, Dynamics):
            continue
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


@dataclass(frozen=True)
class _Chunk:
    """A chunk that has been run: what it recorded, and how to run it again."""

    done: int
    length: int
    recorded: PyTree
    before: list[list[PyTree]]
    after: list[list[PyTree]]
    restore: Callable[[], None]
    arguments: tuple[PyTree, ...]


class _Run:
    """A network, what it is given and what is recorded: runs chunks of steps."""

    def __init__(
        self, net: brainstate.nn.Module, tape: Tape, fed: Inputs, draws: Draws, clock: Clock
    ) -> None:
        self.net, self.tape, self.fed, self.clock = net, tape, fed, clock
        self.draws = draws
        states = net.states()
        self.watch = Watch(states)
        self.states = [*states.values(), *(s for m in fed.modules for s in m.states().values())]
        nodes = [node for module in (net, *fed.modules) for node in module.nodes().values()]
        versions = tuple((id(node), getattr(node, "times_changed", 0)) for node in nodes)
        times = (float(clock.dt.to_decimal(u.ms)), clock.counts, clock.is_long)
        # What layers that differ in training ask for; a run is none unless it is said to be.
        self._fits = bool(brainstate.environ.get("fit", default=False))
        kernels = forced_kernels()
        self._key = (tape.key, fed.key, draws.key, times, self._fits, versions, kernels)

    def chunk(self, done: int, length: int) -> _Chunk:
        """Run some steps."""
        number = self.tape.first + done
        drawn = self.draws.arguments(number)
        arguments = (self.clock.start(number), self.fed.chunk(done, length), drawn)
        restore, before = snapshot(self.states), self.watch.values()
        recorded = on_host(self._compiled(length)(*arguments))
        self.tape.about["kernels"] = self._kernels
        after = self.watch.values()
        return _Chunk(done, length, recorded, before, after, restore, arguments)

    def _compiled(self, length: int) -> Callable[..., PyTree]:
        """The compiled chunk, from the cache that lives as long as the network."""
        partition = partition_in_use()
        place = None if partition is None else partition.key
        key = (self._key, tuple(self.tape.levels), place, length)
        known: dict[Json, Json] = _runners.setdefault(self.net, {})
        if key not in known:
            while len(known) >= MAX_RUNNERS:
                known.pop(next(iter(known)))
            run, kernels = self.function(length)
            known[key] = brainstate.transform.jit(run), kernels
        compiled, self._kernels = known[key]
        return compiled

    def function(self, length: int) -> tuple[Callable[..., PyTree], dict[str, str]]:
        """What takes the steps of a chunk and reads what is recorded, to be compiled.

        With it comes what will say which kernels were chosen, once it has been traced.

        Args:
            length: Number of steps.
        """
        outputs = [weakref.ref(module) for module in self.tape.outputs]
        return _chunk_function(self._steps(), self.tape.program(length), outputs)

    def _steps(self) -> Callable[..., Callable[[jax.Array], None]]:
        """A function that begins steps, and gives one that takes one of them.

        It does not keep the network alive.
        """
        net, clock, read, reached = weakref.ref(self.net), self.clock, *self._fed()
        fits, draws, said = self._fits, self.draws.begin(), self.fed.said

        def begin(
            start: tuple[Array, Array, Array], passed: tuple[PyTree, ...], drawn: PyTree
        ) -> Callable[[jax.Array], None]:
            drawing_at = draws(drawn)

            def step(position: jax.Array) -> None:
                fit = brainstate.environ.context(fit=fits)
                with fit, clock.step(start, position) as t, drawing_at(position):
                    root: brainstate.nn.Module = net()
                    with step_of(root, all_dynamics(root, Dynamics)) as taken:
                        arguments, given = read(passed, position, t)
                        taken.given.update(given)
                        with drawing(root), traced_step(), naming_inputs(arguments, said):
                            root(*arguments)
                        reached(taken)

            return step

        return begin

    def _fed(self) -> tuple[Callable[..., PyTree], Callable[[PyTree], None]]:
        return self.fed.reader(), self.fed.check_reached

    def error(self, chunk: _Chunk) -> NonFiniteError:
        """What became of a chunk: run again, a step at a time."""
        chunk.restore()
        watch, steps_from = self.watch, self._steps()

        def again(*arguments: PyTree) -> PyTree:
            begun, step = watch.begin(), steps_from(*arguments)

            def one(position: jax.Array) -> PyTree:
                step(position)
                return watch.first(begun)

            return brainstate.transform.for_loop(one, jnp.arange(chunk.length))

        places = np.asarray(brainstate.transform.jit(again)(*chunk.arguments))
        bad = np.flatnonzero((places >= 0).any(axis=1))
        position = int(bad[0]) if len(bad) else chunk.length - 1
        which = int(np.argmax(places[position] >= 0))
        faulty = watch.all[which]
        where, value = faulty.place(int(places[position, which]))
        number = self.tape.first + chunk.done + position
        self._record_until(chunk, position)
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
            self.tape.recording(),
        )

    def _record_until(self, chunk: _Chunk, position: int) -> None:
        """Record the steps of a chunk before a position, by taking these steps alone again."""
        reached = snapshot(self.states)
        chunk.restore()
        for done, length in self.tape.pieces(position):
            again = self.chunk(chunk.done + done, length)
            self.tape.take(again.recorded, again.done, length)
        reached()


def _chunk_function(
    steps_from: Callable[..., PyTree], program: Program, outputs: list["weakref.ref[Any]"]
) -> tuple[Callable[..., PyTree], dict[str, str]]:
    kernels: dict[str, str] = {}

    def run(*arguments: PyTree) -> PyTree:
        step = steps_from(*arguments)
        with caught([module() for module in outputs]), noted_kernels() as noted:
            recorded = program.run(step)
        kernels.update(noted)
        return recorded

    return run, kernels
