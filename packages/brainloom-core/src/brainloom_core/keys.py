"""Random numbers by name: what is drawn follows from seed, name, step and place alone.

Without a seed everything here draws as `brainstate.random` does. Under one, a module draws from a
key of its own, made of the seed, of its qualified name and of the number of the step; and each
number is made of that key, of the member of the batch (all axes but the last, counted in one) and
of the neuron (the last axis). So what a module draws depends neither on which others there are
nor on the order in which they are called, nor on how long the batch is. A part of a population
that begins at neuron `k` draws its numbers of the whole in `neurons_from(k)`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np

from .declare.arguments import checked
from .declare.constraints import Constraint, at_least, instance_of, maybe
from .errors import InputError
from .names import modules_by_name
from .threefry import NEXT, ROUND, Word, Words, as_normal, as_uniform, counted, few, hashed, many
from .types import Array, DTypeLike, Shape
from .units import show

__all__ = [
    "Keys",
    "Word",
    "Words",
    "as_normal",
    "as_uniform",
    "bits",
    "drawing",
    "first_neuron",
    "names_of",
    "neurons_from",
    "normal",
    "own_key",
    "poisson",
    "seed_words",
    "seeded",
    "step_words",
    "stepped",
    "uniform",
    "words_at",
]

Seed = object  # a whole number, which `seed_words` sees to
INITIAL = 0xFFFFFFFF  # the first word of the time before all steps
SMALL_MEAN = 10.0  # up to which Poisson numbers are found by adding probabilities


def seed_words(seed: Seed) -> np.ndarray:
    """A seed as two numbers of 32 bits, which compiled code takes as an argument.

    Args:
        seed: A whole number from 0 to 2^64 - 1.

    Raises:
        InputError: It is none.

    Examples:
        >>> from brainloom_core.keys import seed_words
        >>> seed_words(7).tolist()
        [0, 7]
    """
    is_whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    number = int(seed) if is_whole else -1  # type: ignore[call-overload]
    if not 0 <= number < 2**64:
        raise InputError(f"seed: expected a whole number from 0 to 2**64 - 1, got {show(seed)}")
    return _two_words(number)


def step_words(step: int) -> np.ndarray:
    """The number of a step as two numbers of 32 bits.

    Args:
        step: The number.
    """
    return _two_words(step)


def _is_step(n: Any) -> bool:
    """Whether it may be the number of a step, which a loop may have traced."""
    known = not isinstance(n, (jax.Array, jax.core.Tracer))
    return bool(at_least(0).holds(n) if known else jnp.issubdtype(n.dtype, jnp.integer))


@checked(
    net=instance_of(brainstate.nn.Module, "a network or another module"),
    step=maybe(Constraint("a whole number >= 0", _is_step)),
)
@contextmanager
def seeded(net: brainstate.nn.Module, seed: Seed, step: int | None = None) -> Iterator[None]:
    """Draw by name: from a seed, the names of the modules and the number of the step.

    `simulate(..., seed=7)` does so in each step, and where it initialises states. This is for
    initial values that are drawn by hand, with a batch axis for example, and for loops of your
    own. `brainstate.random` is afterwards as it was before.

    Args:
        net: The network, which gives the names.
        seed: A whole number from 0 to 2^64 - 1.
        step: Number of the step; None for the initial values.

    Raises:
        InputError: The seed is no such number.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Neuron, Uniform, initializer, param, seeded, state
        >>> class Cell(Neuron):
        ...     V_th = param(default=20.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        >>> drawn = Uniform(0.0 * u.mV, 20.0 * u.mV)
        >>> one, five = Cell(3, V_initializer=drawn), Cell(3, V_initializer=drawn)
        >>> with seeded(one, 7):
        ...     _ = brainstate.nn.init_all_states(one)
        >>> with seeded(five, 7):
        ...     _ = brainstate.nn.init_all_states(five, batch_size=5)
        >>> bool((one.V.value == five.V.value[0]).all())
        True
    """
    when = (INITIAL, 0) if step is None else tuple(step_words(step))
    with Keys(seed_words(seed), names_of(net)).at(when):
        yield


def names_of(net: brainstate.nn.Module, prefix: str = "") -> dict[int, str]:
    """The qualified name of each module of a network, by `id`.

    Args:
        net: The network.
        prefix: Name of the network within another thing.
    """
    names = {id(module): name for name, module in modules_by_name(net).items()}
    if prefix:
        names = {place: ".".join(filter(None, (prefix, name))) for place, name in names.items()}
    return names


def stepped(first: Words, position: Word) -> Words:
    """The number of a later step.

    Args:
        first: The number of a step in two words.
        position: How many steps later.
    """
    low = first[1] + jnp.asarray(position, jnp.uint32)
    return first[0] + jnp.asarray(low < first[1], jnp.uint32), low


class Keys:
    """The keys that modules have under one seed.

    Args:
        seed: What `seed_words` gives, which may be traced.
        names: The qualified names of modules by `id`, as `names_of` gives them.
    """

    def __init__(self, seed: Words | np.ndarray, names: Mapping[int, str]) -> None:
        self._places = {module: place for place, module in enumerate(names)}
        hashes = np.array([_hash(name) for name in names.values()], np.uint32).reshape(-1, 2)
        self._root = hashed((seed[0], seed[1]), *_hash(""))
        self._keys = hashed((seed[0], seed[1]), *jnp.asarray(hashes).T)

    @contextmanager
    def at(self, when: Words) -> Iterator[None]:
        """Draw by name, at this time.

        Args:
            when: The number of the step in two words.
        """
        generator = brainstate.random.DEFAULT
        before, level = generator.value, _Level(self, when)
        token = _level.set(level)
        try:
            level.put(hashed(self._root, *when))
            yield
        finally:
            _level.reset(token)
            generator.value = before

    def of(self, module: Any, when: Words) -> Words | None:
        """The key of a module at a time, None where it has no name."""
        place = self._places.get(id(module))
        if place is None:
            return None
        return hashed((self._keys[0][place], self._keys[1][place]), *when)

    def mixed(self, module: Any, words: Words) -> Words | None:
        """The key of a module in a place that has a key of its own, None without a name."""
        place = self._places.get(id(module))
        if place is None:
            return None
        return hashed(words, self._keys[0][place], self._keys[1][place])


@dataclass
class _Level:
    """A time at which modules draw by name, and what it has left in `brainstate.random`."""

    keys: Keys
    when: Words
    module: Any = None
    left: jax.Array | None = None

    def put(self, words: Words) -> None:
        """Have `brainstate.random` go on with this key."""
        key = jax.random.wrap_key_data(jnp.stack(words), impl="threefry2x32")
        brainstate.random.DEFAULT.value = self.left = key

    def take(self) -> Words:
        """The key of the module that draws; the next time there is another one."""
        words = _words(brainstate.random.DEFAULT.value)
        self.put(hashed(words, NEXT, 0))
        return words


_level: ContextVar[_Level | None] = ContextVar("brainloom_keys", default=None)
_first_neuron: ContextVar[Word] = ContextVar("brainloom_first_neuron", default=0)


@contextmanager
def drawing(module: Any) -> Iterator[None]:
    """Have a module draw from its own key, `brainstate.random` included; whoever calls one does so.

    Nothing happens where there is no seed.

    Args:
        module: The module that is called or initialised.
    """
    level = _level.get()
    if level is None or level.module is module:
        yield
        return
    generator, outer, left = brainstate.random.DEFAULT, level.module, level.left
    before = generator.value
    # A `vmap` in between has given each of its members another key, which has to take part.
    is_own = before is left
    key = level.keys.of(module, level.when) if is_own else level.keys.mixed(module, _words(before))
    if key is None:
        yield
        return
    level.module = module
    try:
        level.put(key)
        yield
    finally:
        level.module, level.left = outer, left
        generator.value = before


@contextmanager
def neurons_from(start: Word) -> Iterator[None]:
    """Draw the numbers of the neurons from this one on, where only a part is at hand.

    Args:
        start: Number of the first neuron along the last axis; it may be traced.
    """
    token = _first_neuron.set(start)
    try:
        yield
    finally:
        _first_neuron.reset(token)


# Draws


def bits(shape: Shape) -> jax.Array:
    """Random bits, 32 for each element.

    Args:
        shape: Shape of the array.
    """
    level = _level.get()
    if level is None:
        return jax.random.bits(brainstate.random.split_key(), shape, jnp.uint32)
    first, second = counted(level.take(), shape, first_neuron())
    return first ^ second


def uniform(shape: Shape, dtype: DTypeLike | None = None) -> jax.Array:
    """Numbers between 0 and 1, without 1.

    Args:
        shape: Shape of the array.
        dtype: Type of the numbers, None for the usual one.
    """
    level, dtype = _level.get(), _float(dtype)
    if level is None:
        return jax.random.uniform(brainstate.random.split_key(), shape, dtype)
    return as_uniform(counted(level.take(), shape, first_neuron()), dtype)


def normal(shape: Shape, dtype: DTypeLike | None = None) -> jax.Array:
    """Numbers from the normal distribution of mean 0 and variance 1.

    Args:
        shape: Shape of the array.
        dtype: Type of the numbers, None for the usual one.
    """
    level, dtype = _level.get(), _float(dtype)
    if level is None:
        return jax.random.normal(brainstate.random.split_key(), shape, dtype)
    return as_normal(counted(level.take(), shape, first_neuron()), dtype)


def poisson(mean: Array | float, shape: Shape) -> jax.Array:
    """Whole numbers from Poisson distributions.

    Args:
        mean: Their means, at least zero, which broadcast to the shape.
        shape: Shape of the array.
    """
    level = _level.get()
    if level is None:
        return brainstate.random.poisson(mean, size=shape)
    key = level.take()
    mean = jnp.broadcast_to(jnp.asarray(mean, _float(None)), shape)
    small = few(counted(key, shape, first_neuron()), jnp.minimum(mean, SMALL_MEAN))
    if not isinstance(mean, jax.core.Tracer) and np.all(np.asarray(mean) <= SMALL_MEAN):
        return small
    return jnp.where(
        mean <= SMALL_MEAN, small, many(key, jnp.maximum(mean, SMALL_MEAN), first_neuron())
    )


def own_key() -> tuple[jax.Array | Words, bool]:
    """A key for a module with a way of its own to draw, and whether it is one by name.

    A key by name is two words, for `words_at`; another one is for `jax.random`.
    """
    level = _level.get()
    return (brainstate.random.split_key(), False) if level is None else (level.take(), True)


def words_at(
    key: Words, attempt: Array, number: int, place: Array, n: int, first: Word = 0
) -> tuple[Array, Array]:
    """What a key by name gives for some neurons that draw again and again.

    Args:
        key: The key, of `own_key`.
        attempt: For each of them, how often it has drawn before.
        number: Which of the numbers of an attempt this is, up to 14.
        place: Their places in the array whose last axis is that of the neurons, flattened.
        n: Length of that axis.
        first: Number of its first neuron, which `first_neuron` gives.
    """
    own = hashed(key, ROUND, attempt)
    return hashed(own, place // n + (number << 28), place % n + first)


def first_neuron() -> Word:
    """Number of the first neuron that is at hand, of `neurons_from`."""
    return _first_neuron.get()


def _words(key: jax.Array) -> Words:
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return data[..., 0], data[..., 1]


def _two_words(number: int) -> np.ndarray:
    return np.array([(number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF], np.uint32)


def _hash(name: str) -> np.ndarray:
    digest = hashlib.sha256(name.encode()).digest()
    return np.frombuffer(digest[:8], ">u4").astype(np.uint32)


def _float(dtype: DTypeLike | None) -> np.dtype:
    return jnp.dtype(brainstate.environ.dftype() if dtype is None else dtype)
