"""Random words of keys and counts by the block cipher Threefry, and numbers of these words."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry2x32_p

from .types import Array, DTypeLike, Shape

__all__ = [
    "NEXT",
    "ROUND",
    "Word",
    "Words",
    "as_normal",
    "as_uniform",
    "counted",
    "few",
    "hashed",
    "many",
]

# Two numbers of 32 bits: a key, a count, or what a key gives for a count.
Word = Array | np.uint32 | int
Words = tuple[Word, Word]

# What rejection carries: its key, what it has found, and where.
Carry = tuple[tuple[Array, Array], Array, Array]
Found = tuple[Array, Array, Array, Array, Array]

# First words of counts that no member of a batch has.
NEXT, ROUND = 0xFFFFFFFE, 0xFFFFFFFD


def counted(key: Words, shape: Shape, first: Word = 0) -> tuple[Array, Array]:
    """Two random words for each element: of its member and its neuron.

    Args:
        key: The key.
        shape: Shape of the array.
        first: Number of its first neuron.
    """
    members = int(np.prod(shape[:-1]))
    neurons = jnp.arange(shape[-1] if shape else 1, dtype=jnp.uint32)
    neurons = neurons + jnp.asarray(first, jnp.uint32)
    member = jnp.arange(members, dtype=jnp.uint32)[:, None]
    one, two = hashed(key, member, neurons[None, :])
    return one.reshape(shape), two.reshape(shape)


def hashed(key: Words, first: Word, second: Word) -> tuple[Array, Array]:
    """What the block cipher gives for two words under a key of two words, element by element.

    Args:
        key: The key.
        first: The first word.
        second: The second word.
    """
    words = [jnp.asarray(word, jnp.uint32) for word in (*key, first, second)]
    found = threefry2x32_p.bind(*jnp.broadcast_arrays(*words))
    return found[0], found[1]


def as_uniform(words: tuple[Array, Array], dtype: DTypeLike) -> Array:
    """Numbers between 0 and 1, without 1, of random words.

    Args:
        words: The words.
        dtype: Type of the numbers.
    """
    if np.dtype(dtype) == np.float64:
        high, low = (w >> n for w, n in zip(words, (5, 6), strict=True))
        return (high.astype(dtype) * 2.0**26 + low.astype(dtype)) * 2.0**-53
    number = ((words[0] ^ words[1]) >> 8).astype(jnp.float32) * jnp.float32(2.0**-24)
    return jnp.minimum(number.astype(dtype), 1 - float(jnp.finfo(dtype).epsneg))  # type: ignore[no-untyped-call]


def as_normal(words: tuple[Array, Array], dtype: DTypeLike) -> Array:
    """Normal numbers of random words.

    Args:
        words: The words.
        dtype: Type of the numbers.
    """
    if np.dtype(dtype) == np.float64:
        centred = 2.0 * as_uniform(words, dtype) - (1.0 - 2.0**-53)
    else:  # odd multiples of 2^-24, which float32 has all
        number = ((words[0] ^ words[1]) >> 8).astype(jnp.int32)
        centred = (2 * number + (1 - 2**24)).astype(jnp.float32) * jnp.float32(2.0**-24)
    return (np.sqrt(2.0).astype(centred.dtype) * jax.lax.erf_inv(centred)).astype(dtype)


def few(words: tuple[Array, Array], mean: Array) -> Array:
    """Poisson numbers of small means: up to where a random number exceeds the chance of more.

    The random number has all of its 32 bits next to zero, where rare spikes are decided.

    Args:
        words: The random words, one pair for each mean.
        mean: The means.
    """
    drawn = (words[0] ^ words[1]).astype(mean.dtype) * mean.dtype.type(2.0**-32)
    tail = -jnp.expm1(-mean)
    least = tail * mean.dtype.type(2.0**-24)  # below, a tail is what rounding has left of it

    def add(carry: Found) -> Found:
        goes, number, found, chance, tail = carry
        found = found + goes
        chance = chance * mean / (number + 1)
        tail = tail - chance
        goes = goes & (drawn < tail) & ((chance > least) | (number + 1 < mean))
        return goes, number + 1, found, chance, tail

    none = jnp.zeros(mean.shape, jnp.int32)
    start = (drawn < tail, jnp.int32(0), none, jnp.exp(-mean), tail)
    return jax.lax.while_loop(lambda carry: jnp.any(carry[0]), add, start)[2]


def many(key: Words, mean: Array, first: Word = 0) -> Array:
    """Poisson numbers of means from 10 on, by transformed rejection.

    Args:
        key: The key.
        mean: The means.
        first: Number of the first neuron.

    References:
        Hörmann (1993), Insur. Math. Econ. 12, 39, doi:10.1016/0167-6687(93)90997-4.
    """
    root, log = jnp.sqrt(mean), jnp.log(mean)
    b = 0.931 + 2.53 * root
    a = 0.02483 * b - 0.059
    scale = 1.1239 + 1.1328 / (b - 3.4)
    quick = 0.9277 - 3.6224 / (b - 2.0)

    def attempt(carry: Carry) -> Carry:
        key, found, taken = carry
        shift = as_uniform(counted(key, mean.shape, first), mean.dtype) - 0.5
        second = hashed(key, ROUND, 0)
        height = 1.0 - as_uniform(counted(second, mean.shape, first), mean.dtype)
        room = 0.5 - jnp.abs(shift)
        k = jnp.floor((2.0 * a / room + b) * shift + mean + 0.43)
        bound = k * log - mean - jax.lax.lgamma(k + 1.0)
        fits = jnp.log(height * scale / (a / (room * room) + b)) <= bound
        out = (k < 0) | ((room < 0.013) & (height > room))
        good = ((room >= 0.07) & (height <= quick)) | (~out & fits)
        found = jnp.where(taken | ~good, found, k)
        return hashed(key, NEXT, 0), found, taken | good

    start = (
        (jnp.asarray(key[0]), jnp.asarray(key[1])),
        jnp.zeros_like(mean),
        jnp.zeros(mean.shape, bool),
    )
    return jax.lax.while_loop(lambda c: ~jnp.all(c[2]), attempt, start)[1].astype(jnp.int32)
