"""Registered implementations of operations, and which one is used."""

import contextlib
import contextvars
import functools
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax

from ..errors import KernelError
from ..plugins import manager

__all__ = ["Kernel", "KernelInfo", "find_kernel", "list_kernels", "use_kernel"]

_forced: contextvars.ContextVar[tuple[tuple[str, str], ...]] = contextvars.ContextVar(
    "forced", default=()
)


def _always(*args: Any, **kwargs: Any) -> bool:
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
    load: Callable[[], Callable[..., Any]]
    rank: int = 10
    supports: Callable[..., bool] = _always


@dataclass(frozen=True)
class KernelInfo:
    """What `list_kernels` tells of an implementation.

    Attributes:
        op: Name of the operation.
        name: Name of the implementation.
        platforms: JAX platforms on which it runs.
        rank: Of several usable implementations the highest rank wins.
        distribution: The distribution that provides it.
        problem: Why it cannot be used here, None where it can.
    """

    op: str
    name: str
    platforms: tuple[str, ...]
    rank: int
    distribution: str
    problem: str | None

    @property
    def usable(self) -> bool:
        """Whether it can run on the current platform."""
        return self.problem is None


@contextlib.contextmanager
def use_kernel(**names: str) -> Iterator[None]:
    """Force implementations, by operation, for everything that is traced inside.

    Args:
        names: Name of the implementation by operation, as in `event_csr="reference"`.

    Raises:
        KernelError: There is no such operation or implementation.

    Examples:
        >>> import jax.numpy as jnp
        >>> from brainloom_core.kernels import event_dense, use_kernel
        >>> with use_kernel(event_dense="reference"):
        ...     print(event_dense(jnp.array([True, False]), jnp.array([[1.0], [5.0]])))
        [1.]
    """
    for op, name in names.items():
        _named(op, name)
    token = _forced.set((*_forced.get(), *names.items()))
    try:
        yield
    finally:
        _forced.reset(token)


def forced_kernels() -> tuple[tuple[str, str], ...]:
    """The choices in force, for caches of what was traced under them."""
    return tuple(sorted({**_from_environment(), **dict(_forced.get())}.items()))


def list_kernels() -> list[KernelInfo]:
    """Every registered implementation and, where it cannot be used here, why.

    Examples:
        >>> from brainloom_core.kernels import list_kernels
        >>> [k.platforms for k in list_kernels() if (k.op, k.name) == ("event_csr", "reference")]
        [('cpu', 'gpu', 'tpu')]
    """
    return [
        KernelInfo(k.op, k.name, k.platforms, k.rank, distribution, _problem(k))
        for k, distribution in _registered()
    ]


def find_kernel(
    op: str, name: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[..., Any]:
    """The function to call for these arguments.

    Args:
        op: Name of the operation.
        name: Name of the implementation; None for the one in force, or the best that is usable.
        args: What it is to be called with, by which it says whether it applies.
        kwargs: The same by name.

    Raises:
        KernelError: There is none that can be used as asked.
    """
    choices = dict(forced_kernels())
    for chosen_op, chosen_name in choices.items():
        _named(chosen_op, chosen_name)
    name = name or choices.get(op)
    if name is not None:
        kernel = _named(op, name)
        if (problem := _problem(kernel)) is not None:
            raise KernelError(f"The implementation {name!r} of {op} cannot be used: {problem}")
        if not kernel.supports(*args, **kwargs):
            raise KernelError(f"The implementation {name!r} of {op} does not apply to: {args}")
        return _load(kernel)
    usable = [k for k in _of(op) if _platform() in k.platforms and k.supports(*args, **kwargs)]
    for kernel in sorted(usable, key=lambda k: -k.rank):
        if (problem := _problem(kernel)) is None:
            return _load(kernel)
        _warn_once(kernel, problem)
    raise KernelError(f"No implementation of {op} on {_platform()}; there are {_names(op)}")


def _registered() -> list[tuple[Kernel, str]]:
    return manager.specs("brainloom_kernels")


def _of(op: str) -> list[Kernel]:
    return [k for k, _ in _registered() if k.op == op]


def _names(op: str) -> list[str]:
    return sorted(k.name for k in _of(op))


def _named(op: str, name: str) -> Kernel:
    matches = [(k, owner) for k, owner in _registered() if (k.op, k.name) == (op, name)]
    if len(matches) > 1:
        owners = " and ".join(owner for _, owner in matches)
        raise KernelError(f"The implementation {name!r} of {op} is registered by {owners}")
    if matches:
        return matches[0][0]
    known = _names(op)
    if not known:
        ops = sorted({k.op for k, _ in _registered()})
        raise KernelError(f"There is no operation {op!r}; there are {ops}")
    raise KernelError(f"There is no implementation {name!r} of {op}; there are {known}")


def _problem(kernel: Kernel) -> str | None:
    if _platform() not in kernel.platforms:
        return f"runs on {', '.join(kernel.platforms)}, not on {_platform()}"
    loaded = _try_load(kernel)
    return str(loaded) if isinstance(loaded, Exception) else None


def _load(kernel: Kernel) -> Callable[..., Any]:
    loaded = _try_load(kernel)
    if isinstance(loaded, Exception):
        raise loaded
    return loaded


@functools.cache
def _try_load(kernel: Kernel) -> Callable[..., Any] | Exception:
    try:
        return kernel.load()
    except Exception as error:  # a plugin's loader may fail in any way; the reference remains
        return error


@functools.cache
def _warn_once(kernel: Kernel, problem: str) -> None:
    warnings.warn(
        f"The implementation {kernel.name!r} of {kernel.op} is passed over: {problem}",
        RuntimeWarning,
        stacklevel=5,
    )


def _platform() -> str:
    device = getattr(jax.config, "jax_default_device", None)
    platform = getattr(device, "platform", device) or jax.default_backend()
    return "gpu" if platform in ("cuda", "rocm") else str(platform)


def _from_environment() -> dict[str, str]:
    text = os.environ.get("BRAINLOOM_KERNELS", "")
    choices = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        op, separator, name = item.partition("=")
        if not separator:
            raise KernelError(f"BRAINLOOM_KERNELS: expected operation=name, got {item!r}")
        choices[op.strip()] = name.strip()
    return choices
