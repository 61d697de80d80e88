"""How a run draws random numbers: as `brainstate.random` does, or by name under a seed."""

import contextlib
from collections.abc import Callable, Hashable

import brainstate
import jax
import numpy as np

from ..keys import INITIAL, Keys, Seed, Words, names_of, seed_words, step_words, stepped
from ..names import name_in
from ..types import PyTree
from .inputs import Inputs

__all__ = ["Draws", "input_names"]

Context = contextlib.AbstractContextManager[object]


class Draws:
    """How the modules of a run draw.

    Args:
        net: The network.
        fed: Its inputs, whose modules are named by what they drive: `inputs.E`.
        seed: The seed, None for none.

    Raises:
        InputError: The seed is no whole number from 0 to 2^64 - 1.
    """

    def __init__(self, net: brainstate.nn.Module, fed: Inputs, seed: Seed) -> None:
        self.words = None if seed is None else seed_words(seed)
        self._names: dict[int, str] = {}
        if seed is None:
            return
        for name, module in zip(input_names(net, fed), fed.functions, strict=True):
            if module in fed.modules:
                self._names |= names_of(module, name)
        self._names |= names_of(net)

    @property
    def key(self) -> Hashable:
        """Equal for runs for which the loop compiles to the same."""
        return None if self.words is None else tuple(self._names.items())

    def initially(self) -> Context:
        """A context in which initial values are drawn."""
        if self.words is None:
            return contextlib.nullcontext()
        return Keys(self.words, self._names).at((INITIAL, 0))

    def arguments(self, first: int) -> tuple[PyTree, ...]:
        """What compiled steps need to know, the first of them being this one."""
        return () if self.words is None else (self.words, step_words(first))

    def begin(self) -> Callable[[tuple[PyTree, ...]], Callable[[jax.Array], Context]]:
        """A function that begins some steps while they are traced; it keeps no module alive.

        It takes what `arguments` gives, and returns a function from the position of a step to the
        context of that step.
        """
        names = self._names

        def begun(arguments: tuple[PyTree, ...]) -> Callable[[jax.Array], Context]:
            if not arguments:
                return lambda position: contextlib.nullcontext()
            seed, first = arguments
            keys, start = Keys(seed, names), _pair(first)
            return lambda position: keys.at(stepped(start, position))

        return begun


def _pair(words: np.ndarray) -> Words:
    return words[0], words[1]


def input_names(net: brainstate.nn.Module, fed: Inputs) -> list[str]:
    """A name for each input: of whom it drives, or its place.

    Args:
        net: The network.
        fed: Its inputs.
    """
    if fed.targets is None:
        return [f"inputs.{place}" for place in range(len(fed.functions))]
    found = []
    for target in fed.targets:
        part = "" if target.selection is None else f"[{target.selection!r}]"
        found.append(f"inputs.{name_in(net, target.population())}{part}")
    return found
