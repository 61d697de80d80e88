"""Networks built alike, run by what is compiled once for all of them, side by side or in turn."""

import contextlib
import copy
import hashlib
import math
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun

from ..clock import Clock, steps
from ..drivers import require_drivers
from ..dynamics.network import Network
from ..keys import step_words
from ..types import Drive, PyTree, Record, Time
from .draws import Draws
from .inputs import Inputs
from .loop import CHUNK_BYTES, CHUNK_STEPS, _initialise_missing, _Run, _step_length
from .recording import Recording, Tape, as_recorders
from .survey import Survey, exchanged, survey

__all__ = ["Group", "Lot", "building", "random_kept"]

# brainstate has one generator and one record of traces in a process: one thread builds or traces.
building = threading.RLock()
RANDOM = "brainstate.random"
CANNOT_BE_TRACED = (jax.errors.JAXTypeError, AttributeError, OverflowError, TypeError, ValueError)
# Operations that change nothing but numbers, element by element; and calls of functions.
ARITHMETIC = frozenset(
    """
    abs add and broadcast_in_dim ceil clamp closed_call convert_element_type copy copy_p cos
    custom_jvp_call custom_vjp_call div eq erf exp exp2 expm1 floor ge gt integer_pow is_finite jit
    le log log1p logistic lt max min mul ne neg nextafter not or pjit pow reshape round rsqrt
    select_n sign sin sqrt square squeeze stop_gradient sub tan tanh xor
    """.split()  # noqa: SIM905 (one name a line would be fifty)
)
# On a CPU a batch saves the cost of beginning a step, a few tenths of a microsecond, and loses what
# kernels win that visit spikes only. Measured: networks of up to some 100 neurons run 2 to 5 times
# as fast in a batch that takes 16 kB, and those of 1000 not any faster in any batch.
SMALL = 2**14
WIDEST = 64


@contextlib.contextmanager
def random_kept() -> Iterator[None]:
    """Leave the generator of brainstate as it was."""
    key = brainstate.random.DEFAULT.value
    try:
        yield
    finally:
        brainstate.random.DEFAULT.value = key


class Built:
    """A member that has been built and initialised, and what it consists of.

    Args:
        net: The network.
        inputs: What it is given, as for `simulate`.
        duration: Time to simulate.
        dt: Length of a step, None for that of the environment.
        record: What to record.
        seed: What its random numbers follow from.
    """

    def __init__(
        self,
        net: brainstate.nn.Module,
        inputs: Drive | None,
        duration: Time,
        dt: Time,
        record: Record,
        seed: int,
    ) -> None:
        self.net, self.dt = net, _step_length(dt)
        self.n_steps = steps("sweep: duration", duration, self.dt, least=1)
        self.fed = Inputs(net, inputs, self.n_steps)
        self.recorders = as_recorders(net, record, self.fed.modules)
        if isinstance(net, Network):
            require_drivers(net, tuple(self.fed.modules))
        self.draws = Draws(net, self.fed, seed)
        with brainstate.environ.context(dt=self.dt), self.draws.initially():
            for module in (net, *self.fed.modules):
                _initialise_missing(module)
        for recorder in self.recorders.values():
            recorder.check(net)
        targets = tuple((t.name, t.selection) for t in self.fed.targets or ())
        leaves, tree = jax.tree.flatten(self.fed.values)
        kinds = str([(x.shape, x.dtype.name) for x in leaves])
        self.survey = survey((net, self.fed.functions, targets, kinds, str(tree)))
        self.random = brainstate.random.DEFAULT.value

    def shortened(self, n_steps: int) -> "Built":
        """The same for fewer steps.

        Args:
            n_steps: How many.
        """
        short = copy.copy(self)
        short.n_steps = n_steps
        short.fed = copy.copy(self.fed)
        short.fed.values = _cut(self.fed.values, 0, n_steps)
        return short

    def tape(self, members: int = 1) -> Tape:
        """What keeps the recording of one of so many members that are run as one."""
        longest = CHUNK_STEPS, CHUNK_BYTES // members
        with brainstate.environ.context(dt=self.dt):
            return Tape(self.net, self.recorders, self.dt, (0, self.n_steps), longest)

    def differing(self, other: "Built") -> list[str]:
        """The numbers in which another one of the same survey differs.

        Args:
            other: The other one.
        """
        values = other.survey.values
        return [name for name, v in self.survey.values.items() if not _equal(v, values[name])]

    def key(self, names: Sequence[str]) -> int:
        """Equal for members that differ in these numbers and in their states at most.

        Args:
            names: The numbers.
        """
        fixed = [
            (name, _print_of(v)) for name, v in self.survey.values.items() if name not in names
        ]
        return hash((self.survey.key, tuple(fixed)))

    @property
    def states(self) -> dict[str, PyTree]:
        """What the states hold, that of the generator too."""
        return {**self.survey.state_values(), RANDOM: self.random}


class Group:
    """Members whose networks differ in some numbers only, and what is compiled for them.

    Args:
        first: The one whose network stands for all.
        names: The numbers in which members may differ: arguments of what is compiled.
    """

    def __init__(self, first: Built, names: Sequence[str]) -> None:
        self.first, self.last = first, first
        self.clock = Clock.of(first.dt, first.n_steps)
        self.numbers: list[int] = []
        self.values: list[dict[str, PyTree]] = []
        self.states: list[dict[str, PyTree]] = []
        self.passed: list[tuple[PyTree, ...]] = []
        self.seeds: list[PyTree] = []
        self.exchanged = [name for name in names if name in first.survey.values]
        self.varied: set[str] = set()  # states that do not begin alike
        self._compiled: dict[tuple[int, int], _Compiled] = {}
        self._compiling = threading.Lock()
        self._initial = first.states
        self._standard = dict(first.survey.values)

    def add(self, number: int, member: Built) -> None:
        """Take a member in: its states, and the numbers in which it differs from the first.

        Args:
            number: Its number in the sweep.
            member: The member, of the same key.
        """
        standard = self._standard
        own = {name: member.survey.values[name] for name in self.exchanged}
        kept = {name: v for name, v in own.items() if not _equal(v, standard[name])}
        self.last = member
        self.numbers.append(number)
        self.values.append(kept)
        held = member.states
        same = {k for k, v in held.items() if _all_equal(v, self._initial[k])}
        if not self.varied >= held.keys() - same:
            self.varied |= held.keys() - same
            self._compiled.clear()
        self.states.append({k: self._initial[k] if k in same else v for k, v in held.items()})
        self.passed.append(member.fed.values)
        self.seeds.append(member.draws.words)

    def forget(self) -> None:
        """Let the members go, and keep what was compiled."""
        for kept in (self.numbers, self.values, self.states, self.passed, self.seeds):
            kept.clear()

    def lots(self, threads: int, asked: int | None) -> list["Lot"]:
        """The members in lots, each of which is run as one.

        Args:
            threads: How many lots are run at the same time.
            asked: How many members the user wants in a lot.
        """
        places = range(len(self.numbers))
        size = min(asked or self._fitting(threads), len(places))
        size = math.ceil(len(places) / math.ceil(len(places) / size))
        return [Lot(self, places[k : k + size], size) for k in places[::size]]

    def _fitting(self, threads: int) -> int:
        held = [v for name, v in self._initial.items() if name != RANDOM]
        each = sum(np.asarray(x).nbytes for x in jax.tree.leaves([held, self._standard]))
        device = jax.devices()[0]
        if device.platform == "cpu":
            size = min(SMALL // max(each, 1), WIDEST, math.ceil(len(self.numbers) / threads))
            return size if size > 3 else 1
        free = (device.memory_stats() or {}).get("bytes_limit", 2**32)
        return int(max(1, free // 4 // max(each, 1)))

    def compiled(self, length: int, places: Sequence[int]) -> "_Compiled":
        """What runs so many steps of so many members at a time.

        Args:
            length: Number of steps.
            places: Members of one lot.
        """
        key = length, len(places)
        with self._compiling:
            if key not in self._compiled:
                with building, random_kept():
                    traced = self.traced(self.first, length)
                self._compiled[key] = _Compiled(self, traced, length, places)
            return self._compiled[key]

    @property
    def can_be_checked(self) -> bool:
        """Whether there is another member beside the first."""
        return self.last is not self.first

    def is_sound(self) -> bool:
        """Whether the last member comes to the same as the first, but for what is exchanged."""
        with building, random_kept():
            one, other = (self.traced(member, 1) for member in (self.first, self.last))
        return one.text == other.text and _all_equal(one.closed.consts, other.closed.consts)

    def traced(self, member: Built, length: int, names: Sequence[str] | None = None) -> "_Traced":
        """The steps as a function of numbers and of states, traced with one member.

        Args:
            member: The member.
            length: Number of steps.
            names: The numbers; None for those in which members differ.
        """
        names = self.exchanged if names is None else names

        tape, kernels = member.tape(), dict[str, str]()

        def chunk(
            numbers: list[PyTree], seed: PyTree, passed: PyTree, start: PyTree, first: PyTree
        ) -> PyTree:
            with exchanged(member.survey, dict(zip(names, numbers, strict=True))):
                run = _Run(member.net, tape, member.fed, member.draws, self.clock)
                steps, noted = run.function(length)
                recorded = steps(start, passed, (seed, first))
                kernels.update(noted)
                return recorded

        for name, state in member.survey.states.items():
            if not _all_equal(state.value, self._initial[name]):
                state.value = self._initial[name]
        numbers = [self._standard[name] for name in names]
        passed = _cut(self.first.fed.values, 0, length)
        own = numbers, self.first.draws.words, passed
        return _Traced(chunk, member.survey, (*own, *self.when(0)), kernels)

    def harmless(self) -> list[str]:
        """Those of the exchanged numbers on which it does not depend what is computed.

        What is known when a step is traced may be used to choose how to go on: a table for
        one rate of Poisson spikes, say, and rejection for many. Arithmetic may differ.
        """
        with building, random_kept():
            expected = self.traced(self.last, 1, []).outline
            if self._outline(self.exchanged) == expected:
                return list(self.exchanged)
            return [name for name in self.exchanged if self._outline([name]) == expected]

    def _outline(self, names: Sequence[str]) -> PyTree:
        try:
            return self.traced(self.last, 1, names).outline
        except CANNOT_BE_TRACED:
            return None

    def when(self, done: int) -> tuple[PyTree, PyTree]:
        """Time and number of a step, as compiled steps take them.

        Args:
            done: Number of steps before it.
        """
        return self.clock.start(done), step_words(done)


class _Traced:
    """A function that reads and writes states, as one that takes and returns them."""

    def __init__(
        self,
        function: Callable[..., PyTree],
        found: Survey,
        arguments: PyTree,
        kernels: dict[str, str],
    ) -> None:
        self.kernels = kernels
        traced = brainstate.transform.StatefulFunction(function, return_only_write=False)
        traced.make_jaxpr(*arguments)
        self.closed = traced.get_jaxpr(*arguments)
        self.tree = traced.get_out_treedef(*arguments)
        paths = {id(state): path for path, state in found.states.items()}
        paths[id(brainstate.random.DEFAULT)] = RANDOM
        self.states = [paths[id(state)] for state in traced.get_states(*arguments)]
        self.written = {paths[id(state)] for state in traced.get_write_states(*arguments)}

    @property
    def text(self) -> str:
        """What is computed, without the addresses of functions."""
        return re.sub(r"0x[0-9a-f]+", "", str(self.closed.jaxpr))

    @property
    def outline(self) -> Counter[str]:
        """How often each operation occurs, without arithmetic."""
        return Counter(_operations(self.closed.jaxpr))

    def __call__(self, own: PyTree, when: PyTree, held: dict[str, PyTree]) -> PyTree:
        """What is recorded, and the states that are written."""
        ordered = [held[name] for name in self.states]
        flat = jax.tree.leaves(((*own, *when), {}, ordered))
        recorded, after = self.tree.unflatten(jaxpr_as_fun(self.closed)(*flat))
        new = dict(zip(self.states, after, strict=True))
        return recorded, {name: new[name] for name in self.states if name in self.written}


class _Compiled:
    """A traced function, compiled for one member or for a batch of so many."""

    def __init__(self, group: Group, traced: _Traced, length: int, places: Sequence[int]) -> None:
        self.states, self.written, self.group = traced.states, traced.written, group
        self.kernels = traced.kernels
        self.is_batch = len(places) > 1
        self.shared = {
            name
            for name in traced.states
            if name not in traced.written and name not in group.varied
        }

        def run(own: PyTree, held: PyTree, shared: PyTree, when: PyTree) -> PyTree:
            return traced(own, when, {**held, **shared})

        if self.is_batch:
            run = jax.vmap(run, in_axes=(0, 0, None, None))
        held, shared = self.held(places)
        own = self.own(places, 0, length)
        self.function = jax.jit(run).lower(own, held, shared, group.when(0)).compile()

    def own(self, places: Sequence[int], done: int, length: int) -> PyTree:
        """What each is given: numbers that differ, its seed, and the inputs of some steps."""
        group = self.group
        return self._stacked(
            [
                (
                    [group.values[p].get(name, group._standard[name]) for name in group.exchanged],
                    group.seeds[p],
                    _cut(group.passed[p], done, length),
                )
                for p in places
            ]
        )

    def held(self, places: Sequence[int]) -> tuple[dict[str, PyTree], dict[str, PyTree]]:
        """The first states of each, and those that are one for all."""
        states = self.group.states
        own = [name for name in self.states if name not in self.shared]
        return (
            self._stacked([{name: states[p][name] for name in own} for p in places]),
            {name: states[places[0]][name] for name in self.shared},
        )

    def _stacked(self, each: list[PyTree]) -> PyTree:
        if not self.is_batch:
            return jax.tree.map(jnp.asarray, each[0])
        return jax.tree.map(lambda *x: jnp.stack([jnp.asarray(v) for v in x]), *each)


class Lot:
    """Members of a group that are run as one: one alone, or a batch.

    Args:
        group: The group.
        places: Their places in the group.
        size: Length of the batch, of which the last places may be filled up.
    """

    def __init__(self, group: Group, places: Sequence[int], size: int) -> None:
        self.group, self.places = group, list(places)
        self.filled = [*places, *[places[-1]] * (size - len(places))]

    @property
    def numbers(self) -> list[int]:
        """The numbers of its members in the sweep."""
        return [self.group.numbers[place] for place in self.places]

    def run(self) -> Iterator[tuple[int, Recording | None]]:
        """The number of each member and what it recorded; None where it is not finite."""
        group, n = self.group, len(self.filled)
        began = time.perf_counter()
        tapes = [group.first.tape(n) for _ in self.places]
        held: dict[str, PyTree] = {}
        for done, length in tapes[0].chunks():
            compiled = group.compiled(length, self.filled)
            if not held:
                held, shared = compiled.held(self.filled)
                begun = {name: held[name] for name in compiled.written}
            own = compiled.own(self.filled, done, length)
            recorded, changed = compiled.function(own, held, shared, group.when(done))
            held = {**held, **changed}
            recorded = jax.device_get(recorded)
            for place, tape in enumerate(tapes):
                part = jax.tree.map(lambda x: self._part(x, place), recorded)  # noqa: B023
                tape.about["kernels"] = compiled.kernels
                tape.take(part, done, length)
        seconds = (time.perf_counter() - began) / len(self.places)
        for number, place, tape in zip(self.numbers, range(n), tapes, strict=False):
            finite = self._is_finite(begun, changed, place)
            tape.about["wall_time"] = seconds
            yield number, tape.recording() if finite else None

    def _part(self, values: PyTree, place: int) -> PyTree:
        return values[place] if len(self.filled) > 1 else values

    def _is_finite(self, begun: dict[str, PyTree], now: dict[str, PyTree], place: int) -> bool:
        """Whether no NaN came about, and no infinity where there was none."""
        for name, value in now.items():
            if name == RANDOM:
                continue
            for was, x in zip(jax.tree.leaves(begun[name]), jax.tree.leaves(value), strict=True):
                if not jnp.issubdtype(x.dtype, jnp.floating):
                    continue
                old, new = (np.asarray(self._part(v, place)) for v in (was, x))
                if np.isnan(new).any() or (np.isinf(new).any() and not np.isinf(old).any()):
                    return False
        return True


def _operations(jaxpr: PyTree) -> Iterator[str]:
    for equation in jaxpr.eqns:
        if equation.primitive.name not in ARITHMETIC:
            yield equation.primitive.name
        for inner in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from _operations(inner)


def _cut(values: tuple[PyTree, ...], done: int, length: int) -> tuple[PyTree, ...]:
    return tuple(v if v is None or v.ndim == 0 else v[done : done + length] for v in values)


def _print_of(x: PyTree) -> PyTree:
    number = np.asarray(x)
    content = number.tobytes()
    return content if len(content) < 64 else hashlib.blake2b(content).digest()


def _equal(a: PyTree, b: PyTree) -> bool:
    return a is b or bool(np.array_equal(np.asarray(a), np.asarray(b)))


def _all_equal(a: PyTree, b: PyTree) -> bool:
    if a is b:
        return True
    one, other = jax.tree.leaves(a), jax.tree.leaves(b)
    return len(one) == len(other) and all(map(_equal_leaves, one, other))


def _equal_leaves(a: PyTree, b: PyTree) -> bool:
    if hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
        a, b = jax.random.key_data(a), jax.random.key_data(b)
    return _equal(a, b)
