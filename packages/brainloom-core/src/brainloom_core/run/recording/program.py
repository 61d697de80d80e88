"""What is compiled to record: who is read in which steps of a chunk."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import jax.numpy as jnp

from ...types import Array, PyTree
from .folds import Fold

__all__ = ["Program", "Reader", "chain", "lengths"]


@dataclass(frozen=True)
class Reader:
    """How a recorder is read.

    Args:
        sample: Reads a value, in a step.
        fold: What becomes of the values of several steps; None to read at the end of them.
        unit: A number of steps that all of its intervals are made of; 1 for events, and 0 where
            any number will do.
    """

    sample: Callable[[], PyTree]
    fold: Fold | None
    unit: int


def chain(units: list[int]) -> list[int]:
    """Numbers of steps of which each divides the next, and of which each unit is made.

    Args:
        units: The units of the readers.
    """
    left, found = sorted({unit for unit in units if unit > 0}), [1]
    while left:
        step = math.gcd(*left)
        left = [unit for unit in left if unit > step] if step > found[-1] else left[1:]
        if step > found[-1]:
            found.append(step)
    return found


def lengths(n_steps: int, levels: list[int], longest: int) -> Iterator[tuple[int, int]]:
    """Start and length of each chunk: whole levels, equal lengths where that is possible.

    Args:
        n_steps: Number of steps of the run.
        levels: What `chain` gave.
        longest: Number of steps of a chunk, at most, as far as levels allow.
    """
    done, top = 0, levels[-1]
    limit = max(1, longest // top)
    whole = n_steps // top
    length = next((n for n in range(limit, limit // 2, -1) if whole % n == 0), limit) * top
    while done < whole * top:
        yield done, min(length, whole * top - done)
        done += min(length, whole * top - done)
    for level in reversed(levels[:-1]):
        if rest := (n_steps - done) // level * level:
            yield done, rest
            done += rest


class Program:
    """Runs the steps of a chunk, and reads what is to be recorded.

    Args:
        readers: The readers by name.
        levels: What `chain` gave of their units.
        length: Number of steps of the chunk.
    """

    def __init__(self, readers: dict[str, Reader], levels: list[int], length: int) -> None:
        inner = [level for level in levels if length % level == 0]
        self.ladder = inner if inner[-1] == length else [*inner, length]
        top = len(self.ladder) - 1
        self.readers = readers
        self.rung = {
            name: max((k for k, n in enumerate(inner) if reader.unit % n == 0))
            if reader.unit
            else top
            for name, reader in readers.items()
        }

    def run(self, step: Callable[[Array], None]) -> dict[str, PyTree]:
        """All steps; what is read has an axis of time in front.

        Args:
            step: Takes the step of a position in the chunk.
        """
        return self._block(len(self.ladder) - 1, jnp.int32(0), step)

    def _block(self, rung: int, begin: Any, step: Callable[[Array], None]) -> dict[str, PyTree]:
        if rung == 0:
            step(begin)
            inside = self._read(lambda name, r: r.fold is not None or self.rung[name] == 0)
        else:
            inner = self.ladder[rung - 1]

            def one(number: Array) -> Any:
                return self._block(rung - 1, begin + number * inner, step)

            numbers = jnp.arange(self.ladder[rung] // inner)
            stacked = brainstate.transform.for_loop(one, numbers)
            inside = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), stacked)
            for name, reader in self.readers.items():
                if self.rung[name] == rung and reader.fold is not None:
                    inside[name] = jax.tree.map(lambda x: x[None], reader.fold.over(inside[name]))
            inside |= self._read(lambda name, r: r.fold is None and self.rung[name] == rung)
        return inside

    def _read(self, wanted: Callable[[str, Reader], bool]) -> dict[str, PyTree]:
        read = {name: r.sample() for name, r in self.readers.items() if wanted(name, r)}
        return jax.tree.map(lambda x: jnp.asarray(x)[None], read)
