"""Registered implementations of operations, and which one is used."""

import contextlib
import contextvars
import dataclasses
import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import jax

from ..equations import nearest
from ..errors import KernelError
from ..plugins import lookup
from ..plugins.kernel import Kernel
from ..types import PyTree

__all__ = ["Kernel", "KernelInfo", "find_kernel", "list_kernels", "use_kernel"]

REFERENCE = "reference"

_forced: contextvars.ContextVar[tuple[tuple[str, str], ...]] = contextvars.ContextVar(
    "forced", default=()
)
_noted: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar(
    "noted", default=None
)
_references: dict[str, tuple[Kernel, str]] = {}
_trials: dict[str, Callable[[Kernel, Callable[..., PyTree]], str | None]] = {}
# What these give is held to the references by tests before they are published.
TRIED_BEFORE = frozenset({"brainloom-core", "brainloom-kernels-cpu"})


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


@contextlib.contextmanager
def offered(kernel: Kernel) -> Iterator[None]:
    """Offer an implementation before all others, and untried, for what is traced inside.

    For tests of implementations, which need not be registered for that.

    Args:
        kernel: The implementation, whose rank does not matter.
    """
    first = dataclasses.replace(kernel, rank=sys.maxsize)
    offer = _Offer(first, next(iter(TRIED_BEFORE)))
    _offers.extra.append(offer)
    try:
        yield
    finally:
        _offers.extra.remove(offer)


@contextlib.contextmanager
def noted_kernels() -> Iterator[dict[str, str]]:
    """The names of the implementations that are chosen inside, by operation, as they are chosen."""
    found: dict[str, str] = {}
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def declare(
    reference: Kernel,
    distribution: str,
    trial: Callable[[Kernel, Callable[..., PyTree]], str | None],
) -> None:
    """Make an operation known by its reference, which is there whatever plugins do.

    Args:
        reference: The reference.
        distribution: The distribution that it is of.
        trial: Says what an implementation gives that is wrong.
    """
    _references[reference.op] = reference, distribution
    _trials[reference.op] = trial


def list_kernels(tried: bool = False) -> list[KernelInfo]:
    """Every registered implementation and, where it cannot be used here, why.

    Args:
        tried: Whether those of others are tried with a few small inputs, as they are before they
            are used; a wrong result is then a problem too.

    Examples:
        >>> from brainloom_core.kernels import list_kernels
        >>> [k.platforms for k in list_kernels() if (k.op, k.name) == ("event_csr", "reference")]
        [('cpu', 'gpu', 'tpu')]
    """
    return [offer.tried_info if tried else offer.info for offer in _offers()]


def find_kernel(
    op: str, name: str | None, args: tuple[PyTree, ...], kwargs: dict[str, int]
) -> Callable[..., PyTree]:
    """The function to call for these arguments.

    Args:
        op: Name of the operation.
        name: Name of the implementation; None for the one in force, or the best that is usable.
        args: What it is to be called with, by which it says whether it applies.
        kwargs: The same by name.

    Raises:
        KernelError: There is none that can be used as asked.
    """
    offers = _offers()
    for offer in offers:
        if (fault := offer.fault) is not None:
            offer.warn_once(fault)
    choices = dict(forced_kernels())
    for chosen_op, chosen_name in choices.items():
        _named(chosen_op, chosen_name)
    name = name or choices.get(op)
    if name is not None:
        forced = _named(op, name)
        if (problem := forced.problem) is not None:
            raise KernelError(f"The implementation {name!r} of {op} cannot be used: {problem}")
        if not forced.applies(args, kwargs):
            given = ", ".join(map(_shape_of, args))
            raise KernelError(f"The implementation {name!r} of {op} does not apply to: {given}")
        if (wrong := forced.wrong) is not None:
            raise KernelError(f"The implementation {name!r} of {op} cannot be used: {wrong}")
        return _chosen(forced)
    here = [o for o in offers if o.kernel.op == op and o.fault is None and not o.elsewhere]
    for offer in sorted(here, key=lambda offer: -offer.kernel.rank):
        if not offer.applies(args, kwargs):
            continue
        if (problem := offer.problem or offer.wrong) is None:
            return _chosen(offer)
        offer.warn_once(problem)
    raise KernelError(f"No implementation of {op} on {_platform()}; there are {_names(op)}")


def reason_of(op: str, name: str) -> str:
    """Why an implementation is used, and not another.

    Args:
        op: Name of the operation.
        name: Name of the implementation.
    """
    if dict(forced_kernels()).get(op) == name:
        return "asked for"
    offers = {str(o.kernel.name): o for o in _offers() if o.kernel.op == op}
    used = offers.pop(name, None)
    others = []
    for other in offers.values():
        why = other.problem
        if why is None and used is not None:
            lower = other.kernel.rank <= used.kernel.rank
            why = "of lower rank" if lower else "does not apply to these arrays"
        others.append(f"{other.kernel.name}: {why}")
    return f"the best that can be used ({'; '.join(others) or 'there is no other'})"


def _chosen(offer: "_Offer") -> Callable[..., PyTree]:
    if (noted := _noted.get()) is not None:
        names = {*filter(None, noted.get(offer.kernel.op, "").split(", ")), offer.kernel.name}
        noted[offer.kernel.op] = ", ".join(sorted(names))
    return offer.function


def has_kernel(op: str, name: str) -> bool:
    """Whether an operation has an implementation of this name."""
    return name in _names(op)


class _Offer:
    """A kernel, the distribution that offers it, and what loading it gave once it was tried."""

    def __init__(self, kernel: Kernel, owner: str) -> None:
        self.kernel, self.owner = kernel, owner
        self._warned: set[str] = set()

    @property
    def fault(self) -> str | None:
        """What is wrong with the declaration itself, with what only its author can mend."""
        kernel = self.kernel
        if not isinstance(kernel.op, str) or kernel.op not in _references:
            return _no_operation(kernel.op)
        wrong = {
            "name, a text": isinstance(kernel.name, str),
            "platforms, a tuple of texts": _are_texts(kernel.platforms),
            "load, a function": callable(kernel.load),
            "rank, a number": isinstance(kernel.rank, int | float) and kernel.rank == kernel.rank,
            "supports, a function": callable(kernel.supports),
            "threads, a function or None": kernel.threads is None or callable(kernel.threads),
        }
        missing = [expected for expected, holds in wrong.items() if not holds]
        return f"expected {' and '.join(missing)}" if missing else None

    @property
    def elsewhere(self) -> str | None:
        """Why it cannot run on this platform."""
        if _platform() in self.kernel.platforms:
            return None
        return f"runs on {', '.join(self.kernel.platforms)}, not on {_platform()}"

    @property
    def problem(self) -> str | None:
        """Why it cannot be used here, None where it can."""
        if (problem := self.fault or self.elsewhere) is not None:
            return problem
        return str(self._loaded) if isinstance(self._loaded, Exception) else None

    @functools.cached_property
    def wrong(self) -> str | None:
        """What it gives that is wrong, tried when it is first chosen; None for nothing."""
        if self.owner in TRIED_BEFORE:
            return None
        try:
            return _trials[self.kernel.op](self.kernel, self.function)
        except Exception as error:  # as with the loader
            return f"it raised {type(error).__name__}: {error}"

    @property
    def function(self) -> Callable[..., PyTree]:
        """What loading it gave."""
        if isinstance(self._loaded, Exception):
            raise self._loaded
        return self._loaded

    @functools.cached_property
    def _loaded(self) -> Callable[..., PyTree] | Exception:
        try:
            loaded: object = self.kernel.load()
        except Exception as error:  # a plugin's loader may fail in any way; the reference remains
            return error
        if not callable(loaded):
            return KernelError(f"`load` returned {loaded!r}, which is no function")
        return loaded

    def applies(self, args: tuple[PyTree, ...], kwargs: dict[str, int]) -> bool:
        """Whether it says that it supports these; one that cannot say does not."""
        try:
            return bool(self.kernel.supports(*args, **kwargs))
        except Exception as error:  # as with the loader
            self.warn_once(f"`supports` raised {type(error).__name__}: {error}")
            return False

    @property
    def info(self) -> KernelInfo:
        kernel = self.kernel
        platforms = tuple(kernel.platforms) if _are_texts(kernel.platforms) else ()
        op, name = (x if isinstance(x, str) else repr(x) for x in (kernel.op, kernel.name))
        rank = kernel.rank if isinstance(kernel.rank, int | float) else 0
        return KernelInfo(op, name, platforms, rank, self.owner, self.problem)

    @property
    def tried_info(self) -> KernelInfo:
        """The same, with what trying it has shown."""
        if self.problem is not None or self.wrong is None:
            return self.info
        return dataclasses.replace(self.info, problem=self.wrong)

    def warn_once(self, problem: str) -> None:
        if problem in self._warned:
            return
        self._warned.add(problem)
        warnings.warn(
            f"The implementation {self.kernel.name!r} of {self.kernel.op} is passed over: "
            f"{problem} (from {self.owner})",
            RuntimeWarning,
            stacklevel=6,
        )


def _are_texts(values: object) -> bool:
    return (
        isinstance(values, Sequence | set | frozenset)
        and not isinstance(values, str)
        and all(isinstance(value, str) for value in values)
    )


class _Offers:
    """What there is to choose from, made anew when plugins are found anew."""

    def __init__(self) -> None:
        self._declared: object = None
        self._offers: list[_Offer] = []
        self.extra: list[_Offer] = []

    def __call__(self) -> list[_Offer]:
        declared = lookup.declared_kernels()
        if declared is not self._declared:
            self._declared, self._offers = declared, [_Offer(*item) for item in declared]
        known = {offer.kernel.op for offer in self._offers if offer.kernel.name == REFERENCE}
        missing = [item for op, item in _references.items() if op not in known]
        self._offers += [_Offer(*item) for item in missing]
        return [*self._offers, *self.extra]


_offers = _Offers()


def _names(op: str) -> list[str]:
    return sorted(str(offer.kernel.name) for offer in _offers() if offer.kernel.op == op)


def _named(op: str, name: str) -> _Offer:
    if op not in _references:
        raise KernelError(_no_operation(op))
    matches = [o for o in _offers() if (o.kernel.op, o.kernel.name) == (op, name)]
    if len(matches) > 1:
        owners = " and ".join(offer.owner for offer in matches)
        raise KernelError(f"The implementation {name!r} of {op} is registered by {owners}")
    if matches:
        return matches[0]
    raise KernelError(f"There is no implementation {name!r} of {op}; there are {_names(op)}")


def _no_operation(op: object) -> str:
    near = nearest(op, _references) if isinstance(op, str) else None
    meant = f". Did you mean {near!r}?" if near else ""
    return f"There is no operation {op!r}; there are {sorted(_references)}{meant}"


def _shape_of(value: object) -> str:
    leaves = jax.tree.leaves(value)
    shapes = [f"{getattr(x, 'dtype', type(x).__name__)}{list(jax.numpy.shape(x))}" for x in leaves]
    return shapes[0] if len(shapes) == 1 else f"({', '.join(shapes)})"


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
