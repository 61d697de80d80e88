"""States and random numbers as arrays on the host, and back."""

from collections.abc import Mapping
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np

from ..identity import differences, refuse, text_of
from ..names import states_by_name
from ..types import Quantity

__all__ = ["captured", "constants", "put_back"]

RANDOM = "random"


def captured(
    modules: dict[str, brainstate.nn.Module],
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """The states of modules and the random numbers as arrays on the host, and what they are.

    Args:
        modules: The modules by name.
    """
    arrays, known = {}, {}
    for name, state in _states(modules).items():
        leaves = _leaves(state)
        known[name] = [f"{type(state).__name__}", *(_leaf_text(leaf) for leaf in leaves)]
        for place, leaf in enumerate(leaves):
            arrays[f"{name}#{place}"] = np.array(_plain(u.get_mantissa(leaf)))
    arrays[RANDOM] = np.array(_plain(brainstate.random.DEFAULT.value))
    return arrays, known


def constants(modules: dict[str, brainstate.nn.Module]) -> dict[str, str]:
    """Texts of the states that a reset leaves alone, such as weights, by name.

    Args:
        modules: The modules by name.
    """
    moving = (brainstate.HiddenState, brainstate.ShortTermState)
    kept = {n: s for n, s in _states(modules).items() if not isinstance(s, moving)}
    leaves = {name: _leaves(state) for name, state in kept.items()}
    return {
        name: text_of(np.asarray(_plain(u.get_mantissa(found[0]))))
        for name, found in leaves.items()
        if len(found) == 1
    }


def put_back(
    who: str,
    modules: dict[str, brainstate.nn.Module],
    arrays: Mapping[str, np.ndarray],
    known: Mapping[str, list[str]],
) -> None:
    """Write arrays into the states of modules, all of them or none.

    Args:
        who: The call, for messages.
        modules: The modules by name.
        arrays: The arrays, of `captured`.
        known: What they are, of `captured`.

    Raises:
        CheckpointError: The states are others.
    """
    states = _states(modules)
    here = {
        name: [f"{type(state).__name__}", *map(_leaf_text, _leaves(state))]
        for name, state in states.items()
    }
    shown = {name: ", ".join(texts) for name, texts in known.items()}
    found = differences(shown, {name: ", ".join(texts) for name, texts in here.items()})
    refuse(who, "the states are others", found, "Make the network as it was then")
    for name, state in states.items():
        leaves, tree = jax.tree.flatten(state.value, is_leaf=_is_quantity)
        new = [_like(leaf, arrays[f"{name}#{place}"]) for place, leaf in enumerate(leaves)]
        state.value = jax.tree.unflatten(tree, new)
    generator = brainstate.random.DEFAULT
    generator.value = _like(generator.value, arrays[RANDOM])


def _states(modules: dict[str, brainstate.nn.Module]) -> dict[str, brainstate.State]:
    return {
        ".".join(filter(None, (prefix, name))): state
        for prefix, module in modules.items()
        for name, state in states_by_name(module).items()
    }


def _leaves(state: brainstate.State) -> list[Quantity]:
    leaves: list[Quantity] = jax.tree.leaves(state.value, is_leaf=_is_quantity)
    return leaves


def _is_quantity(x: object) -> bool:
    return isinstance(x, u.Quantity)


def _is_key(x: object) -> bool:
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _plain(x: Any) -> Any:
    return jax.random.key_data(x) if _is_key(x) else x


def _leaf_text(leaf: Quantity) -> str:
    number = _plain(u.get_mantissa(leaf))
    kind = number.dtype if hasattr(number, "dtype") else np.asarray(number).dtype
    unit = "" if u.get_unit(leaf) == u.UNITLESS else f" in {u.get_unit(leaf)}"
    return f"{kind} of shape {tuple(np.shape(number))}{unit}"


def _like(leaf: Quantity, array: np.ndarray) -> Quantity:
    """An array in the place of a value: with its unit, on its device."""
    number = u.get_mantissa(leaf)
    if _is_key(number):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(number))
    if isinstance(number, jax.Array):
        number = jax.device_put(array, number.sharding)
    elif isinstance(number, np.ndarray):
        number = array.copy()
    else:
        number = array.item()
    return u.Quantity(number, unit=leaf.unit) if _is_quantity(leaf) else number
