"""`build`: a network whose edges, weights and parameters follow from a seed and from names."""

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import brainstate
import jax
import jax.numpy as jnp
import numpy as np

from .errors import InputError
from .keys import seed_words
from .names import modules_by_name
from .units import show

__all__ = ["build", "making"]

Made = TypeVar("Made")


class _Building:
    """What is being made under a seed: the modules, in the order in which their making begins.

    Args:
        seed: The seed.
        names: The names that they will have, None where these are not known.
    """

    def __init__(self, seed: int, names: Sequence[str | None] | None = None) -> None:
        self.seed, self.names = seed, names
        self.made: list[object] = []
        self._begun: set[int] = set()
        # What is being made, from the outside in, and how many without a name each has made.
        self._within: list[tuple[str, list[object]]] = [("", [])]

    @contextmanager
    def making(self, module: object) -> Iterator[jax.Array | None]:
        """The key of a module; None where a constructor goes on with that of its base."""
        if id(module) in self._begun:
            yield None
            return
        self._begun.add(id(module))
        self.made.append(module)
        names: Sequence[str | None] = self.names or ()
        name = names[len(self.made) - 1] if len(self.made) <= len(names) else None
        outer, unnamed = self._within[-1]
        if name is None:
            unnamed.append(module)
        own = f"{outer}/{len(unnamed)}" if name is None else f"of {name!r}"
        self._within.append((own, []))
        try:
            digest = hashlib.sha256(f"{self.seed} {own}".encode()).digest()
            words = np.frombuffer(digest[:8], np.dtype(">u4"))
            yield jax.random.wrap_key_data(jnp.asarray(words, jnp.uint32), impl="threefry2x32")
        finally:
            self._within.pop()


_building: ContextVar[_Building | None] = ContextVar("brainloom_building", default=None)


@contextmanager
def making(module: object) -> Iterator[None]:
    """While a constructor runs: in `build` it draws what follows from the name of the module.

    Args:
        module: The module that is made.
    """
    building = _building.get()
    if building is None:
        yield
        return
    generator = brainstate.random.DEFAULT
    with building.making(module) as key:
        if key is None:
            yield
            return
        before = generator.value
        try:
            generator.value = key
            yield
        finally:
            generator.value = before


def build(make: Callable[..., Made], /, *args: Any, seed: int, **kwargs: Any) -> Made:
    """Call a function that makes a network so that what is drawn follows from a seed and names.

    Edges, weights, delays and parameters that are drawn in constructors of brainloom follow from
    the seed and the name that a module has in the network, and not from the order in which things
    are made: one more population or projection changes none of the others. What else the function
    draws from `brainstate.random` follows from the seed and its order. Connections with a `seed`
    of their own keep it. `brainstate.random` is afterwards as it was before.

    The function is called twice, since names are known when the network is there.

    Args:
        make: Makes a network, or a network and its inputs.
        args: What it is called with.
        seed: A whole number from 0 to 2^64 - 1.
        kwargs: What it is called with, by name.

    Returns:
        What the function gives.

    Raises:
        InputError: The seed is no such number, or the function gives no network, or makes other
            modules each time.

    Examples:
        >>> from brainloom_core import Declared, Network, Uniform, build, param
        >>> import brainunit as u
        >>> class Part(Declared):
        ...     in_size = (2,)
        ...     tau = param(default=Uniform(5 * u.ms, 20 * u.ms), unit=u.ms)
        >>> def one():
        ...     net = Network()
        ...     net.a, net.b = Part(), Part()
        ...     return net
        >>> def other():
        ...     net = Network()
        ...     net.b, net.a = Part(), Part()
        ...     return net
        >>> bool((build(one, seed=7).a.tau == build(other, seed=7).a.tau).all())
        True
    """
    if not callable(make):
        raise InputError(f"build: make: expected a function, got {show(make)}")
    seed_words(seed)  # which refuses what is none
    seed = int(seed)
    call = functools.partial(make, *args, **kwargs)
    first, found = _made(call, _Building(seed))
    names = _names(first)
    known = [names.get(id(module)) for module in found.made]
    del first, found
    second, found = _made(call, _Building(seed, known))
    names = _names(second)
    if [names.get(id(module)) for module in found.made] != known:
        raise InputError(
            "build: make: expected a function that makes the same modules each time, got one that "
            "makes others, or in another order, when it is called again"
        )
    return second


def _made(call: Callable[[], Made], building: _Building) -> tuple[Made, _Building]:
    generator = brainstate.random.DEFAULT
    before = generator.value
    token = _building.set(building)
    try:
        brainstate.random.seed(building.seed % 2**32)
        return call(), building
    finally:
        _building.reset(token)
        generator.value = before


def _names(made: object) -> dict[int, str]:
    """The names of the modules of a network, and of the inputs that came with it, by `id`."""
    net, *inputs = made if isinstance(made, tuple) else (made,)
    if not isinstance(net, brainstate.nn.Module):
        raise InputError(
            "build: make: expected a function that returns a Network or another module, or such a "
            f"module and its inputs, got {show(made)}"
        )
    found: dict[int, str] = {}
    for place, part in enumerate(_modules(inputs)):
        for name, module in modules_by_name(part).items():
            found[id(module)] = f"inputs.{place}.{name}"
    found |= {id(module): name for name, module in modules_by_name(net).items()}
    # Names that nobody gives count what was made before, in any network: they are none.
    return {k: name for k, name in found.items() if "._" not in f".{name}"}


def _modules(inputs: object) -> Iterator[brainstate.nn.Module]:
    if isinstance(inputs, brainstate.nn.Module):
        yield inputs
    elif isinstance(inputs, (list, tuple)):
        for part in inputs:
            yield from _modules(part)
    elif isinstance(inputs, dict):
        for part in inputs.values():
            yield from _modules(part)
