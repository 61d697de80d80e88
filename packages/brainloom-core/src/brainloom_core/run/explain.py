"""`explain`: what a run will take, before it starts."""

import contextlib
import copy
import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import brainstate
import jax
import numpy as np

from ..clock import steps
from ..declare.arguments import checked
from ..declare.constraints import flag
from ..describe import in_a_line, table, table_html
from ..errors import InputError
from ..kernels.registry import reason_of
from ..types import Drive, Record, Time
from ..units import show
from .inputs import Inputs
from .loop import _step_length
from .recording import SpikeEvents
from .together import Built, Group, Lot, building, random_kept

__all__ = ["Explanation", "explain"]

TRIAL_STEPS = 200
RINGS = ("history", "pending")  # states that hold what is under way


@dataclass(frozen=True)
class Explanation:
    """What a run consists of and what it will take; prints itself as a table.

    Attributes:
        title: The network and the run in a line.
        parts: Role, name and description of each part.
        bytes: How much memory states, rings, weights, edges and the recording take.
        available: Bytes of memory that there are for them, None where that is not known.
        kernels: The implementation of each operation, and why it is that one.
        compile_time: Seconds to compile the loop, None without a trial.
        step_time: Seconds for a step.
        n_steps: Number of steps.
        problems: What will go wrong.
    """

    title: str
    parts: tuple[tuple[str, str, str], ...]
    bytes: dict[str, int]
    available: int | None
    kernels: dict[str, str]
    compile_time: float | None
    step_time: float | None
    n_steps: int
    problems: tuple[str, ...] = field(default=())

    @property
    def run_time(self) -> float | None:
        """Seconds that the run will take, compilation included; None without a trial."""
        if self.step_time is None or self.compile_time is None:
            return None
        return self.compile_time + self.n_steps * self.step_time

    def __repr__(self) -> str:
        problems = [f"PROBLEM: {text}" for text in self.problems]
        return "\n".join([table(self.title, self._rows()), *problems])

    def _repr_html_(self) -> str:
        problems = [("PROBLEM", "", text) for text in self.problems]
        return table_html(self.title, [*self._rows(), *problems])

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = list(self.parts)
        rows += [("memory", name, _size(n)) for name, n in self.bytes.items() if n]
        total = _size(sum(self.bytes.values()))
        there = "" if self.available is None else f" of {_size(self.available)} available"
        rows.append(("memory", "in all", total + there))
        rows += [("kernel", op, text) for op, text in self.kernels.items()]
        if self.run_time is None:
            rows.append(("time", "", "not tried"))
        else:
            assert self.step_time is not None
            rows += [
                ("time", "compiling", _seconds(self.compile_time)),
                ("time", "a step", _seconds(self.step_time)),
                ("time", "in all", f"{_seconds(self.run_time)} for {self.n_steps} steps"),
            ]
        return rows


@checked(trial=flag)
def explain(
    net: brainstate.nn.Module,
    duration: Time,
    *,
    dt: Time | None = None,
    inputs: Drive | None = None,
    record: Record | None = None,
    trial: bool = True,
) -> Explanation:
    """Say what a run of `simulate` with these arguments will take, without running it.

    Sizes are counted; time, and the number of spikes in the recording, are extrapolated from a
    few steps that are compiled and taken on a copy of the states. The network, its states and the
    random numbers stay as they are. A network without states gets none: those that are looked at
    are made for the purpose and dropped.

    Args:
        net: The network, as for `simulate`.
        duration: Time to simulate.
        dt: Length of a step; by default that of `brainstate.environ`.
        inputs: The inputs.
        record: What to record.
        trial: Whether to compile and take some steps, True. Nothing is tried where memory will not
            do.

    Returns:
        The explanation; it prints itself as a table, in notebooks too.

    Raises:
        InputError: As for `simulate`.

    Warns:
        RuntimeWarning: The run will not fit into memory.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Neuron, explain, initializer, param, state
        >>> class Leaky(Neuron):
        ...     tau = param(default=20.0 * u.ms)
        ...     V_th = param(default=20.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> found = explain(
        ...     Leaky(100), 1 * u.second, dt=0.1 * u.ms, inputs=30 * u.mA, record="V", trial=False
        ... )
        >>> found.n_steps, found.bytes["recording"]
        (10000, 4080000)
    """
    if not isinstance(net, brainstate.nn.Module):
        raise InputError(
            f"explain: net: expected a Network, a population or another module, got {show(net)}"
        )
    dt = _step_length(dt)
    n_steps = steps("explain: duration", duration, dt, least=1)
    modules = [net, *Inputs(net, inputs, n_steps).modules]
    with building, random_kept(), _as_it_is(modules):
        built = Built(net, inputs, duration, dt, record, seed=0)
        found = _bytes(built)
        found["recording"] = _recorded(built)
        available = _available()
        fits = available is None or sum(found.values()) <= available
        tried = _tried(built) if trial and fits else None
        kernels = {} if tried is None else tried.kernels
        if tried is not None:
            found["recording"] += tried.spike_bytes
        parts = tuple(_parts(net))
    problems = [] if available is None else _too_much(found, available)
    for problem in problems:
        warnings.warn(f"explain: {problem}", RuntimeWarning, stacklevel=2)
    return Explanation(
        f"{type(net).__name__} for {show(duration)} in steps of {show(dt)}",
        parts,
        found,
        available,
        kernels,
        None if tried is None else tried.compile_time,
        None if tried is None else tried.step_time,
        n_steps,
        tuple(problems),
    )


@contextlib.contextmanager
def _as_it_is(modules: list[brainstate.nn.Module]) -> Iterator[None]:
    """Drop the states that are made inside, and give others their values back."""
    nodes = {id(n): n for module in modules for n in brainstate.graph.nodes(module).values()}
    held = {key: {k: _shallow(v) for k, v in vars(n).items()} for key, n in nodes.items()}
    states = [state for module in modules for state in module.states().values()]
    values = [(state, state.value) for state in states]
    try:
        yield
    finally:
        for key, node in nodes.items():
            vars(node).clear()
            vars(node).update(held[key])
        for state, value in values:
            state.value = value


def _shallow(value: Any) -> Any:
    return copy.copy(value) if type(value) in (dict, list) else value


def _parts(net: brainstate.nn.Module) -> Iterator[tuple[str, str, str]]:
    if hasattr(net, "_contents"):
        for role, name, text in net._contents()[1]:
            yield role, name, text
    else:
        text = in_a_line(net) if hasattr(net, "declared_parameters") else type(net).__name__
        yield getattr(net, "role", "module"), "", text


def _bytes(built: Built) -> dict[str, int]:
    """Bytes of the arrays of a network, each counted once."""
    found = {"states": 0, "rings": 0, "weights": 0, "edges": 0}
    surveyed, seen = built.survey, set()
    for path, state in surveyed.states.items():
        if isinstance(state, brainstate.LongTermState):
            kind = "weights"
        else:
            kind = "rings" if path.rpartition(".")[2] in RINGS else "states"
        found[kind] += sum(int(x.nbytes) for x in jax.tree.leaves(state.value) if _is_array(x))
    for value in surveyed.values.values():
        if _is_array(value) and np.ndim(value) and id(value) not in seen:
            seen.add(id(value))
            found["edges"] += int(value.nbytes)
    return found


def _is_array(x: object) -> bool:
    return hasattr(x, "nbytes")


def _recorded(built: Built) -> int:
    """Bytes of the samples of a run; spikes come by the trial."""
    tape = built.tape()
    total = 0
    for name, reader in tape.readers.items():
        if tape.recorders[name].kind == "spikes":
            continue
        shape = tape.shapes[name]
        size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shape))
        total += (size + 8) * (built.n_steps // max(1, reader.unit or built.n_steps))
    return int(total)


@dataclass(frozen=True)
class _Trial:
    """What some steps took."""

    compile_time: float
    step_time: float
    spike_bytes: int
    kernels: dict[str, str]


def _tried(built: Built) -> _Trial:
    """Compile some steps and take them, on values of the states."""
    n = min(TRIAL_STEPS, built.n_steps)
    short = built.shortened(n)
    group = Group(short, ())
    group.add(0, short)
    began = time.perf_counter()
    (length, *_) = [length for _, length in short.tape().chunks()]
    compiled = group.compiled(length, [0])
    compile_time = time.perf_counter() - began
    ((_, recording),) = Lot(group, [0], 1).run()
    held, shared = compiled.held([0])
    own, taken = compiled.own([0], 0, length), []
    for _ in range(3):
        began = time.perf_counter()
        jax.block_until_ready(compiled.function(own, held, shared, group.when(0)))
        taken.append((time.perf_counter() - began) / length)
    spikes = recording.values() if recording is not None else ()
    events = sum(len(item) for item in spikes if isinstance(item, SpikeEvents))
    per_event = 16
    chosen = compiled.kernels.items()
    kernels = {op: f"{name}: {reason_of(op, name)}" for op, name in chosen}
    return _Trial(compile_time, min(taken), events * per_event * built.n_steps // n, kernels)


def _available() -> int | None:
    """Bytes that an array may take now, on the device or, where that is the host, in memory."""
    known = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in known:
        return int(known["bytes_limit"]) - int(known.get("bytes_in_use", 0))
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _too_much(found: dict[str, int], available: int) -> list[str]:
    total = sum(found.values())
    if total <= available:
        return []
    most = max(found, key=lambda name: found[name])
    remedy = {
        "recording": "record less (a window, every=, fewer neurons), or give simulate a store",
        "edges": "draw them in each step, Connection(..., stored=False)",
        "weights": "draw them in each step, Connection(..., stored=False)",
        "rings": "shorten the delays, or give edges delays in steps of their own",
    }.get(most, "simulate a smaller network")
    return [
        f"it takes {_size(total)} and there are {_size(available)}; "
        f"{'the recording takes' if most == 'recording' else f'{most} take'} most of it: {remedy}"
    ]


def _size(n: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= factor:
            return f"{n / factor:.3g} {unit}"
    return f"{n} bytes"


def _seconds(seconds: float | None) -> str:
    assert seconds is not None
    for unit, factor in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
