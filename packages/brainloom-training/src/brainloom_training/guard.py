"""Numbers that are not finite: noticed within the compiled step, told as soon as that is known."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import brainstate
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import BrainloomError
from brainloom_core.types import Array, PyTree

if TYPE_CHECKING:
    from .history import History

__all__ = ["AT_ONCE", "DIAGNOSE", "Guard", "TrainingError"]

AT_ONCE = 50  # steps whose results may be waited for together


class TrainingError(BrainloomError, ArithmeticError):
    """Training cannot go on: something is no longer a finite number.

    The parameters, and all else that later steps depend on, are those before the step.

    Attributes:
        step: How many steps were made before, None where that is not known.
        history: What `fit` had measured in the epochs before, None elsewhere.
    """

    step: int | None = None
    history: "History | None" = None


class Guard:
    """Watches the steps of a trainer, which end in silence once one of them is not finite.

    The first such step is kept in a state of the compiled program, which costs no waiting: the
    host reads it when it is there.

    Args:
        parameters: Names of the parameters that are trained.
    """

    def __init__(self, parameters: Iterable[str]) -> None:
        names = list(parameters)
        self._parts = [
            "inputs",
            "loss",
            *(f"gradient {name}" for name in names),
            *(f"parameter {name}" for name in names),
        ]
        self._state = brainstate.LongTermState(self._nothing())
        self._unread = 0

    def _nothing(self) -> jax.Array:
        return jnp.zeros(1 + len(self._parts), jnp.uint32)

    def note(self, number: Array, **found: Any) -> Array:
        """Keep what is not finite in this step, traced; whether all is well up to here.

        Args:
            number: The number of the step.
            found: `inputs`, `loss`, and by name of parameter `gradient` and `parameter`.
        """
        named = {
            f"{kind} {name}" if isinstance(values, dict) else kind: value
            for kind, values in found.items()
            for name, value in (values if isinstance(values, dict) else {"": values}).items()
        }
        bad = [not_finite(named[part]) if part in named else False for part in self._parts]
        now = jnp.stack([jnp.asarray(entry, jnp.uint32) for entry in (number, *bad)])
        before = self._state.value
        self._state.value = jnp.where(before[1:].any(), before, now)
        return ~self._state.value[1:].any()

    def tell(self, wait: bool = True) -> None:
        """Raise where a step was not finite.

        Args:
            wait: Whether to wait for the steps that are not over yet.

        Raises:
            TrainingError: A step was not finite; the next one is a new beginning.
        """
        record = self._state.value
        if isinstance(record, jax.core.Tracer):
            return
        self._unread += 1
        if not (wait or self._unread >= AT_ONCE or record.is_ready()):
            return
        self._unread = 0
        step, *bad = np.asarray(record).tolist()
        if any(bad):
            self._state.value = self._nothing()
            parts = [part for part, is_bad in zip(self._parts, bad, strict=True) if is_bad]
            error = TrainingError(f"step {step}: {_sentence(parts)}")
            error.step = step
            raise error


def not_finite(tree: PyTree) -> PyTree:
    """Whether a number in these arrays is NaN or infinite, traced."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if _can_fail(leaf)]
    # A sum takes no memory, as `all` does; 0 times what is not finite is NaN.
    found = [~jnp.isfinite((0 * leaf).sum()) for leaf in leaves]
    return jnp.stack(found).any() if leaves else False


def _can_fail(leaf: object) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(leaf), jnp.inexact))


DIAGNOSE = (
    "diagnose(model, loss, x.swapaxes(0, 1), y) says where gradients grow in a spiking network"
)


def _sentence(parts: list[str]) -> str:
    """What is not finite, and what to do: said of the earliest cause alone."""
    if "inputs" in parts:
        return "the inputs of the batch are not finite numbers (NaN or infinite)"
    kept = (
        "The parameters are those before this step, which earlier ones may have made large: make "
        "the model anew before another try"
    )
    if "loss" in parts:
        return (
            "the loss is no longer a finite number. Try a smaller learning rate or clip_norm; "
            f"{DIAGNOSE}. {kept}"
        )
    kind = "gradient" if any(part.startswith("gradient ") for part in parts) else "parameter"
    names = ", ".join(p.removeprefix(f"{kind} ") for p in parts if p.startswith(f"{kind} "))
    if kind == "gradient":
        return (
            f"the gradient of {names} is no longer a finite number, though the loss is. "
            f"{DIAGNOSE}; a smaller surrogate, or pieces (rule='tbptt'), bound them. {kept}"
        )
    return (
        f"the optimizer would make {names} something else than finite numbers: its learning rate "
        f"is too large, or none. {kept}"
    )
