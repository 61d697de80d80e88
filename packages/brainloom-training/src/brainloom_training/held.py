"""What the steps of training hand on: parameters, the optimizer, and what a model keeps."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import CheckpointError
from brainloom_core.types import PyTree
from brainloom_core.units import with_unit

from .types import ByName

if TYPE_CHECKING:
    import optax

__all__ = ["Held", "is_quantity"]


class Held:
    """All that later steps depend on, besides their number, as plain numbers.

    Args:
        model: The model.
        parameters: The parameters that are trained, by name.
        optimizer: The optimizer of optax.
    """

    def __init__(
        self,
        model: brainstate.nn.Module,
        parameters: Mapping[str, brainstate.ParamState],
        optimizer: "optax.GradientTransformation",
    ) -> None:
        self.model, self.parameters = model, parameters
        self.optimizer = brainstate.LongTermState(optimizer.init(self.numbers()))

    def numbers(self) -> ByName:
        """The parameters in the units that they have."""
        values = {name: state.value for name, state in self.parameters.items()}
        return jax.tree.map(
            lambda value: jnp.asarray(u.get_mantissa(value)), values, is_leaf=is_quantity
        )

    def assign(self, numbers: ByName, within: Mapping[str, PyTree] | None = None) -> None:
        """Set the parameters, within conditions on some of them."""
        for name, state in self.parameters.items():
            new = jax.tree.map(
                lambda value, number: with_unit(number, u.get_unit(value)),
                state.value,
                numbers[name],
                is_leaf=is_quantity,
            )
            if within is not None and name in within:
                new = jax.tree.map(within[name], state.value, new, is_leaf=is_quantity)
            state.value = new

    def everything(self) -> ByName:
        """The numbers, the state of the optimizer, and other states by name."""
        others = {name: state.value for name, state in self._others().items()}
        return {"parameters": self.numbers(), "optimizer": self.optimizer.value, "states": others}

    def put(self, everything: ByName) -> None:
        """Return to what `everything` gave."""
        self.assign(everything["parameters"])
        self.optimizer.value = everything["optimizer"]
        for name, state in self._others().items():
            state.value = everything["states"][name]

    def snapshot(self) -> dict[str, np.ndarray]:
        """Everything as arrays by name."""
        return _named(self.everything())[0]

    def restore(self, arrays: Mapping[str, np.ndarray], source: object) -> None:
        """Return to a snapshot, or raise that it is one of something else."""
        self.check_fits(arrays, source)
        named, tree = _named(self.everything())
        self.put(jax.tree.unflatten(tree, [jnp.asarray(arrays[name]) for name in named]))

    def check_fits(self, arrays: Mapping[str, np.ndarray], source: object) -> None:
        """Raise if these arrays are those of another model or optimizer.

        Args:
            arrays: The arrays by name.
            source: Where they come from, for the text of the error.
        """
        named, _ = _named(self.everything())
        mine, theirs = (
            {(name, array.shape, str(array.dtype)) for name, array in found.items()}
            for found in (named, arrays)
        )
        if differing := sorted({name for name, *_ in mine ^ theirs}):
            there, here = (
                next(
                    (f"{kind} of shape {shape}" for n, shape, kind in found if n == differing[0]),
                    "no",
                )
                for found in (theirs, mine)
            )
            raise CheckpointError(
                f"{source}: it belongs to another model or optimizer, with another {differing[0]}: "
                f"{there} there, {here} here"
            )

    def _others(self) -> dict[str, brainstate.State]:
        """States that are neither trained nor set to their initial values before each batch."""
        states = self.model.states().items()
        return {
            ".".join(map(str, path)): state
            for path, state in states
            if not isinstance(state, (brainstate.ParamState, brainstate.ShortTermState))
        }


def _named(tree: PyTree) -> tuple[dict[str, np.ndarray], Any]:
    """The leaves of a tree as arrays by name, in order, and its structure."""
    leaves, structure = jax.tree.flatten_with_path(tree)
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}, structure


def is_quantity(value: object) -> bool:
    """Whether a value is one with a unit, a leaf of the trees of parameters."""
    return isinstance(value, u.Quantity)
