"""All that a run records."""

import time
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import brainstate
import jax
import numpy as np

from ...clock import LAST_STEP
from ...types import Json, PyTree, Time
from .events import SpikeEvents
from .files import contents, read
from .gather import Gatherer, gatherer
from .header import header_of
from .program import Program, Reader, chain, lengths
from .recorder import Recorder
from .result import Recording
from .steps import Output
from .store import RecordingStore
from .traces import TraceData
from .window import Window

__all__ = ["Tape"]


class Tape:
    """All that a run records: what is compiled for it, and what came of it so far.

    Args:
        net: The network.
        recorders: The recorders by name.
        dt: Length of a step.
        steps: Number of steps completed when the run begins, and when it ends.
        longest: Number of steps and of bytes of a chunk, at most.
        store: Where what is recorded is written while it runs: a path, or an open store; None
            to keep it in memory.
        about: What else is to be known of the run: entries of the header.

    Raises:
        InputError: A window or an interval does not fit the run, or there is something of the
            store's name.
    """

    def __init__(
        self,
        net: brainstate.nn.Module,
        recorders: Mapping[str, Recorder],
        dt: Time,
        steps: tuple[int, int],
        longest: tuple[int, int],
        store: str | Path | RecordingStore | None = None,
        about: Mapping[str, Json] | None = None,
    ) -> None:
        self.recorders, self.dt = dict(recorders), dt
        self.first, self.last = first, last = steps
        self.began = self.marked = time.perf_counter()
        self.stop = first
        samplers = {name: r.sampler(net) for name, r in recorders.items()}
        self.shapes = shapes = {
            name: None if isinstance(recorders[name], Output) else jax.eval_shape(sample)
            for name, sample in samplers.items()
        }
        windows = {name: r.window(dt, first, last) for name, r in recorders.items()}
        each = _bytes_per_step(self.recorders, windows, shapes, first)
        self.longest = max(1, min(longest[0], longest[1] // max(1, each)))
        self.readers = {
            name: Reader(samplers[name], r.fold, _unit(r, windows[name], first, self.longest))
            for name, r in recorders.items()
        }
        self.levels = chain([reader.unit for reader in self.readers.values()])
        self.gatherers: dict[str, Gatherer] = {
            name: gatherer(r, windows[name], dt, shapes[name]) for name, r in recorders.items()
        }
        self.rows: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in recorders}
        self.about = dict(about or {})
        if store is not None and not isinstance(store, RecordingStore):
            store = RecordingStore.create(store, {**self.header(), "is_whole": False})
            for name, gather in self.gatherers.items():  # so that it can be opened from the start
                store.describe(name, **gather.attributes(first))
        self.store: RecordingStore | None = store
        if self.store is not None:
            for name in recorders:
                self.store.describe(name)

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for what compiles to the same."""
        recorders = self.recorders.items()
        return tuple((name, r.key, self.readers[name].unit) for name, r in recorders)

    @property
    def outputs(self) -> list[brainstate.nn.Module]:
        """The modules whose outputs are recorded."""
        return [r.module for r in self.recorders.values() if isinstance(r, Output)]

    def program(self, length: int) -> Program:
        """What is compiled for chunks of a length.

        Args:
            length: Number of their steps.
        """
        return Program(self.readers, self.levels, length)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Start and length of each chunk."""
        return self.pieces(self.last - self.first)

    def pieces(self, steps: int) -> Iterator[tuple[int, int]]:
        """Start and length of the chunks of some steps, from where a chunk begins.

        Args:
            steps: Number of steps.
        """
        return lengths(steps, self.levels, self.longest)

    def take(self, recorded: Mapping[str, PyTree], done: int, length: int) -> None:
        """Keep what a chunk gave.

        Args:
            recorded: What its program gave.
            done: Number of steps of the run before it.
            length: Number of its steps.

        Raises:
            OSError: It cannot be written; what was written before stays.
        """
        begin = self.first + done
        gatherers = self.gatherers.items()
        chunk = {name: gather.rows(recorded[name], begin, length) for name, gather in gatherers}
        if self.store is not None:
            self.store.append(chunk)
        else:
            for name, rows in chunk.items():
                if len(rows["step"]) or not self.rows[name]:
                    self.rows[name].append(rows)
        self.stop = begin + length
        if time.perf_counter() - self.marked > MARK_SECONDS:
            self.mark()

    def mark(self, **about: Mapping[str, Json] | None) -> None:
        """Make sure that what was recorded so far is on disk, whatever happens to the process.

        Args:
            about: What else the header is to say.

        Raises:
            OSError: It cannot be written; what was written before stays.
        """
        if self.store is None:
            return
        for name, gather in self.gatherers.items():
            if rest := gather.rest():
                self.store.put(name, rest)
            self.store.describe(name, **gather.attributes(self.stop))
        self.store.flush()
        self.store.set_header(**{**self.header(), "is_whole": False, **about})
        self.marked = time.perf_counter()

    def carried(self) -> dict[str, np.ndarray]:
        """What is to be known of the steps so far, besides what the store has, to go on later."""
        return {
            f"{name}/{part}": value
            for name, gather in self.gatherers.items()
            for part, value in gather.carried().items()
        }

    def carry(self, carried: Mapping[str, np.ndarray]) -> None:
        """Go on from there.

        Args:
            carried: What `carried` gave.
        """
        for name, gather in self.gatherers.items():
            parts = [key for key in carried if key.rpartition("/")[0] == name]
            gather.carry({key.rpartition("/")[2]: carried[key] for key in parts})

    def header(self) -> dict[str, Json]:
        """What is known of the run by now."""
        seconds = time.perf_counter() - self.began
        times = {"first": self.first, "stop": self.stop, "wall_time": seconds}
        return header_of(self.dt, {**times, **self.about})

    def recording(self) -> Recording:
        """What was recorded so far.

        Raises:
            OSError: It cannot be written; what was written before stays.
        """
        if self.store is None:
            data = {name: self._in_memory(name) for name in self.recorders}
            return Recording.of(data, self.header(), self.dt)
        self.mark()
        hashed = Recording.of(*contents(self.store)).hash()
        self.store.set_header(hash=hashed, is_whole=self.stop == self.last)
        return Recording.of(*contents(self.store))

    def _in_memory(self, name: str) -> SpikeEvents | TraceData:
        gather, parts = self.gatherers[name], self.rows[name]
        rest = gather.rest()
        parts = [*parts, rest] if rest else parts
        columns = {key: np.concatenate([rows[key] for rows in parts]) for key in (parts or [{}])[0]}
        return read(columns, gather.attributes(self.stop), self.dt)


MARK_SECONDS = 10  # what may be lost with a process


def _unit(recorder: Recorder, window: Window, first: int, longest: int) -> int:
    return 1 if recorder.kind == "spikes" else window.unit(first, longest)


def _bytes_per_step(
    recorders: dict[str, Recorder],
    windows: dict[str, Window],
    shapes: dict[str, PyTree],
    first: int,
) -> int:
    """Bytes that a chunk keeps for each of its steps, about."""
    total = 0
    for name, recorder in recorders.items():
        unit = 1 if recorder.fold else _unit(recorder, windows[name], first, LAST_STEP)
        leaves = jax.tree.leaves(shapes[name])
        total += sum(x.size * x.dtype.itemsize for x in leaves) // unit if unit else 0
    return total
