"""Random choices that need no memory: each is a function of a key and of where it stands.

The same code runs on numpy arrays, to draw all edges once, and on jax arrays, to draw the rows of
the neurons that spike again in each step. It works on 32-bit integers only, so that both give
the same edges on every machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core.types import Array

__all__ = ["RowDraw", "new_key", "words"]

Counters = Array | np.ndarray
Key = tuple[int, int]
Found = tuple[np.ndarray, np.ndarray, np.ndarray | None]

_BLOCK = 1 << 19  # choices drawn at once by numpy: they stay in the cache
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def new_key(rng: np.random.Generator) -> Key:
    """A key from a generator."""
    first, second = rng.integers(0, 2**32, 2, dtype=np.uint32)
    return int(first), int(second)


def words(key: Key, first: Counters, second: Counters) -> tuple[Counters, Counters]:
    """Two random 32-bit words for each pair of counters: Threefry-2x32 with 20 rounds.

    Args:
        key: Two 32-bit numbers.
        first: Counters, uint32, of numpy or jax.
        second: Counters, uint32, of a shape that broadcasts with the first.

    References:
        Salmon et al. (2011), Proc. SC11, "Parallel random numbers: as easy as 1, 2, 3",
        doi:10.1145/2063384.2063405.

    Examples:
        >>> import numpy as np
        >>> [hex(word[0]) for word in words((0, 0), np.zeros(1, np.uint32), np.zeros(1, np.uint32))]
        ['0x6b200159', '0x99ba4efe']
    """
    keys = [np.uint32(key[0]), np.uint32(key[1]), np.uint32(key[0] ^ key[1] ^ _PARITY)]
    x, y = first + keys[0], second + keys[1]
    for group in range(5):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = (y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))
            y = y ^ x
        x = x + keys[(group + 1) % 3]
        y = y + np.uint32((int(keys[(group + 2) % 3]) + group + 1) % 2**32)
    return x, y


@dataclass(frozen=True, eq=False)
class RowDraw:
    """For each of many rows a random set (or, with repetition, list) of items.

    A row is drawn as `number` independent items; an item that repeats an earlier one of its row
    is drawn again until none does, which makes every set of that size equally likely.

    Args:
        key: Two 32-bit numbers that determine everything.
        n_rows: Number of rows.
        n_items: Number of items to choose from, the row's own included.
        number: How many items each row draws, shape `()` or `(n_rows,)`.
        repeats: Whether a row may hold an item more than once.
        own: Whether row i may hold item i.
        left_out: Whether the items drawn are those that the row does not hold.
    """

    key: Key
    n_rows: int
    n_items: int
    number: np.ndarray
    repeats: bool = False
    own: bool = True
    left_out: bool = False

    @property
    def available(self) -> int:
        """Number of items from which one row chooses."""
        return self.n_items - (0 if self.own else 1)

    @property
    def lengths(self) -> np.ndarray:
        """Number of items that each row holds."""
        number = np.broadcast_to(self.number, self.n_rows)
        return self.available - number if self.left_out else number

    @property
    def width(self) -> int:
        """Number of items of the longest row."""
        return int(self.lengths.max(initial=0))

    @property
    def drawn_width(self) -> int:
        """Number of items drawn for the row that draws most."""
        return int(np.max(self.number, initial=0))

    def all_items(self) -> tuple[np.ndarray, np.ndarray]:
        """The length of each row, and the items of all, rising within each row."""
        lengths = self.lengths
        items = np.empty(int(lengths.sum()), np.int32)
        done = 0
        for _, block in self.blocks(0, self.n_rows) if len(items) else ():
            kept = block[block < self.n_items]
            items[done : done + len(kept)] = kept
            done += len(kept)
        return lengths, items

    def blocks(self, first: int, stop: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The numbers of some rows and their items, as many at a time as stay in the cache."""
        work = self.available + self.drawn_width if self.left_out else self.drawn_width
        height = max(1, _BLOCK // max(1, work))
        for start in range(first, stop, height):
            rows = np.arange(start, min(start + height, stop))
            yield rows, np.asarray(self.items(rows))

    @property
    def starts(self) -> np.ndarray:
        """How many items the rows before each one hold."""
        return np.cumsum(self.lengths, dtype=np.int64) - self.lengths

    def items_within(self, ranges: list[tuple[int, int]], numbered: bool = False) -> list[Found]:
        """For each range of items: how many each row holds, and these, counted from its first.

        Third come, if asked for, the numbers of these among all items of all rows.
        """
        counts = [np.zeros(self.n_rows, np.int64) for _ in ranges]
        found: list[list[np.ndarray]] = [[np.zeros(0, np.int32)] for _ in ranges]
        numbers: list[list[np.ndarray]] = [[np.zeros(0, np.int64)] for _ in ranges]
        starts = self.starts if numbered else None
        for rows, block in self.blocks(0, self.n_rows):
            for k, (first, stop) in enumerate(ranges):
                within = (block >= first) & (block < stop)
                counts[k][rows] = within.sum(1)
                found[k].append(block[within] - np.int32(first))
                if starts is not None:
                    row, place = np.nonzero(within)
                    numbers[k].append(starts[rows][row] + place)
        return [
            (count, np.concatenate(items), np.concatenate(own) if numbered else None)
            for count, items, own in zip(counts, found, numbers, strict=True)
        ]

    def rows_within(self, ranges: list[tuple[int, int]], numbered: bool = False) -> list[Found]:
        """For each range of rows: how many hold each item, and which do, counted from its first.

        Third come, if asked for, the numbers of these among all items of all rows.
        """
        return [self._rows(*one, numbered) for one in ranges]

    def _rows(self, first: int, stop: int, numbered: bool) -> Found:
        places = [np.zeros(0, np.int64)]
        for rows, block in self.blocks(first, stop):
            row, place = np.nonzero(block < self.n_items)
            places.append(block[row, place] * np.int64(stop - first) + (rows[row] - first))
        place, numbers = np.concatenate(places), None
        if numbered:
            numbers = np.argsort(place, kind="stable")
            place = place[numbers]
            numbers += self.lengths[:first].sum(dtype=np.int64)
        else:
            place.sort()
        items, rows = np.divmod(place, max(1, stop - first))
        return np.bincount(items, minlength=self.n_items), rows.astype(np.int32), numbers

    def items(self, rows: Counters) -> Counters:
        """The items of some rows, shape `(len(rows), width)`, filled up with `n_items`."""
        xp: ModuleType = np if isinstance(rows, np.ndarray) else jnp
        rows = rows.astype(xp.uint32)
        number = xp.asarray(self.number, xp.int32)
        number = number[rows] if number.ndim else number
        empty = np.int32(self.available)
        slots = np.arange(self.drawn_width, dtype=np.int32)
        wanted = slots < xp.reshape(number, (-1, 1))
        chosen = xp.sort(xp.where(wanted, self._choices(rows, 0), empty), axis=1)
        if not self.repeats:
            chosen = self._without_repeats(chosen, rows, xp)
        if self.left_out:
            chosen = _complement(chosen, self.available, xp)[:, : self.width]
        if self.own:
            return chosen
        return chosen + (chosen >= rows[:, None].astype(xp.int32))

    def _choices(self, rows: Counters, attempt: Any) -> Counters:
        """Independent items, int32, shape `(len(rows), drawn_width)`."""
        xp: ModuleType = np if isinstance(rows, np.ndarray) else jnp
        half = -(-self.drawn_width // 2)
        counters = attempt * np.uint32(half) + np.arange(half, dtype=np.uint32)
        both = xp.concatenate(words(self.key, rows[:, None], counters[None, :]), axis=1)
        # The remainder favours some items by at most n_items / 2**32 of their probability.
        chosen = both[:, : self.drawn_width] % np.uint32(max(1, self.available))
        return chosen.astype(xp.int32)

    def _without_repeats(self, chosen: Counters, rows: Counters, xp: ModuleType) -> Counters:
        if xp is np:
            attempt, touched = 1, np.nonzero(self._repeated(chosen, np).any(1))[0]
            while len(touched):
                chosen[touched] = self._again(chosen[touched], rows[touched], np.uint32(attempt))
                touched = touched[self._repeated(chosen[touched], np).any(1)]
                attempt += 1
            return chosen

        def again(carry: Any) -> Any:
            chosen, attempt = carry
            return self._again(chosen, rows, attempt), attempt + np.uint32(1)

        start = chosen, jnp.uint32(1)
        return jax.lax.while_loop(lambda carry: self._repeated(carry[0], jnp).any(), again, start)[
            0
        ]

    def _repeated(self, chosen: Counters, xp: ModuleType) -> Counters:
        same = (chosen[:, 1:] == chosen[:, :-1]) & (chosen[:, 1:] < self.available)
        return xp.pad(same, ((0, 0), (1, 0))) if chosen.shape[1] else same

    def _again(self, chosen: Counters, rows: Counters, attempt: Any) -> Counters:
        xp: ModuleType = np if isinstance(rows, np.ndarray) else jnp
        fresh = self._choices(rows, attempt)
        return xp.sort(xp.where(self._repeated(chosen, xp), fresh, chosen), axis=1)


def _complement(chosen: Counters, n: int, xp: ModuleType) -> Counters:
    """The numbers below n that are not in each row of distinct ones, then filled up with n."""
    everything = xp.broadcast_to(np.arange(n, dtype=np.int32), (chosen.shape[0], n))
    both = xp.sort(xp.concatenate([everything, chosen], axis=1), axis=1)
    twice = both[:, 1:] == both[:, :-1]
    alone = ~(xp.pad(twice, ((0, 0), (1, 0))) | xp.pad(twice, ((0, 0), (0, 1))))
    return xp.sort(xp.where(alone, both, np.int32(n)), axis=1)[:, :n]
