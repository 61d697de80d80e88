"""What a plugin declares of an implementation of an operation."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..types import PyTree

__all__ = ["Kernel"]


def _always(*args: object, **kwargs: object) -> bool:
    return True


@dataclass(frozen=True)
class Kernel:
    """One implementation of an operation.

    Args:
        op: Name of the operation.
        name: Name of the implementation, unique for the operation.
        platforms: JAX platforms on which it runs (`"cpu"`, `"gpu"`, `"tpu"`).
        load: Returns the function, called like the operation's reference; it may compile or
            open a library, and raises when the implementation cannot be used here.
        rank: Of several usable implementations the highest rank wins; the reference has 0.
        supports: Whether it applies to these arguments (traced: judge shapes and dtypes only).
            It is asked of the shapes that the function is called with, a batch included.
        threads: For an implementation with threads of its own, a function of a number that gives a
            context in which it uses as many; the results have to be the same bits for any.

    Examples:
        >>> from brainloom_core.kernels import Kernel
        >>> def load():
        ...     return lambda events, weights: events @ weights
        >>> Kernel("event_dense", "mine", ("cpu",), load).rank
        10
    """

    op: str
    name: str
    platforms: tuple[str, ...]
    load: Callable[[], Callable[..., PyTree]]
    rank: int = 10
    supports: Callable[..., bool] = _always
    threads: Callable[[int], AbstractContextManager[object]] | None = None
