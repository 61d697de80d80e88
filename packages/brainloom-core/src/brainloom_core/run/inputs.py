"""The inputs of a run: what is compiled into the loop, what is passed to it, and to whom."""

import functools
import hashlib
import re
import types
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import jax
import numpy as np

from ..clock import at_time
from ..dynamics.base import Dynamics
from ..errors import InputError
from ..names import name_in, named
from ..types import Array, Drive, PyTree, Quantity, Time
from ..units import show

if TYPE_CHECKING:
    from ..dynamics.step import Step

__all__ = ["Inputs", "fingerprint", "frozen"]

LIBRARIES = ("jax", "jaxlib", "numpy", "brainunit", "saiunit", "brainstate")


@contextmanager
def naming_inputs(arguments: Sequence[Any], said: str | None = None) -> Iterator[None]:
    """Where a model refuses what it is called with, say that this is the input of `simulate`.

    Args:
        arguments: What it is called with.
        said: What was given for it in words, where that is one number.
    """
    try:
        yield
    except InputError as error:
        if not arguments or ".update(" not in str(error):
            raise
        text = str(error)
        if said is not None:
            text = re.sub(r"got a traced value of shape \(\)( [^\s,.;]+)?", f"got {said}", text)
        raise type(error)(f"simulate: inputs: {text}") from error


class Inputs:
    """The inputs of each step, split into what is compiled in and what is passed in.

    Args:
        net: The network.
        given: What `simulate` was given.
        n_steps: Number of steps of the run.

    Raises:
        InputError: A key of a mapping is no population, or an array does not cover the run.
    """

    def __init__(self, net: brainstate.nn.Module, given: Drive | None, n_steps: int) -> None:
        self.targets: tuple[_Target, ...] | None = None
        if isinstance(given, Mapping):
            if not given:
                raise InputError(
                    "simulate: inputs: expected at least one population in the mapping, got {}; "
                    "leave inputs out where there is none"
                )
            self.targets = tuple(_Target(net, key) for key in given)
            parts = tuple(given.values())
        else:
            parts = given if isinstance(given, tuple) else () if given is None else (given,)
        self.functions = tuple(p if _is_function(p) else None for p in parts)
        self.values = tuple(None if _is_function(p) else _array(p) for p in parts)
        for value in self.values:
            if value is not None and value.ndim > 0 and value.shape[0] != n_steps:
                raise InputError(
                    f"simulate: inputs: the first axis of an array is time: expected {n_steps} "
                    f"entries, got shape {value.shape}. For one that is constant pass a function "
                    "of time, lambda t: values"
                )

    @property
    def said(self) -> str | None:
        """What each step is given in words, where that is one number."""
        value = self.values[0] if len(self.values) == 1 and self.targets is None else None
        return None if value is None or value.ndim else show(value)

    @property
    def modules(self) -> list[brainstate.nn.Module]:
        """The inputs that are modules, such as a source of noise, with states of their own."""
        return [f for f in self.functions if isinstance(f, brainstate.nn.Module)]

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for inputs for which the loop compiles to the same."""
        targets = None if self.targets is None else tuple(t.key for t in self.targets)
        return self.functions, tuple(map(fingerprint, self.functions)), targets

    def chunk(self, done: int, length: int) -> tuple[PyTree, ...]:
        """The passed-in part of the steps of one chunk."""
        return tuple(
            v if v is None or v.ndim == 0 else v[done : done + length] for v in self.values
        )

    def reader(self) -> Callable[..., tuple[list[Quantity], dict[int, Quantity]]]:
        """A function that gives the arguments of a step, and the inputs of populations by `id`."""
        targets = self.targets
        functions = tuple(f if f is None else frozen(f) for f in self.functions)

        def read(
            passed: tuple[PyTree, ...], position: Array, t: Time
        ) -> tuple[list[Quantity], dict[int, Quantity]]:
            found = []
            for function, value in zip(functions, passed, strict=True):
                if function is None:
                    found.append(value if value.ndim == 0 else value[position])
                elif isinstance(function, brainstate.nn.Module):
                    found.append(function(t))
                else:
                    found.append(at_time(function, t))
            if targets is None:
                return found, {}
            given: dict[int, Quantity] = {}
            for target, value in zip(targets, found, strict=True):
                value = target.spread(value)
                place = target.place
                given[place] = given[place] + value if place in given else value
            return [], given

        return read

    def check_reached(self, step: "Step") -> None:
        """Raise if a population that is to get an input was not called in the step."""
        for target in self.targets or ():
            if not step.reached(target.population()):
                raise InputError(
                    f"simulate: inputs: {target.name} was not called in a step, and its input is "
                    "lost. Give inputs to the populations that the network advances"
                )


class _Target:
    """Who gets an input: a population, or a view of it, which this does not keep alive."""

    def __init__(self, net: brainstate.nn.Module, key: Any) -> None:
        found = _named(net, key) if isinstance(key, str) else key
        population = getattr(found, "population", found)
        if not isinstance(population, Dynamics) or population.role != "population":
            raise InputError(
                "simulate: inputs: expected populations, parts of them such as net.E[:800], or "
                f"names such as 'E' as keys, got {show(key)}"
            )
        within = name_in(net, population)
        if within is None:
            raise InputError(
                f"simulate: inputs: the network does not hold this {type(population).__name__}"
            )
        kind = type(population).__name__
        self.name = f"{within!r} ({kind})" if within else f"the {kind}"
        self.population = weakref.ref(population)
        self.selection = getattr(found, "selection", None)
        self.place = id(population)
        self.key = (self.place, self.selection)

    def spread(self, value: Quantity) -> Quantity:
        """The input of the whole population."""
        return value if self.selection is None else self.selection.spread(value)


def _named(net: brainstate.nn.Module, name: str) -> Any:
    try:
        return named(net, name)
    except InputError as error:
        raise InputError(f"simulate: inputs: {error}") from None


def _array(value: Quantity) -> Quantity:
    try:
        return u.math.asarray(value)
    except (TypeError, ValueError):
        raise InputError(
            "simulate: inputs: expected a value, an array, a function of time, a tuple of these "
            f"or a mapping from populations to these, got {show(value)}"
        ) from None


def _is_function(x: object) -> bool:
    return callable(x) and not isinstance(x, (u.Quantity, u.Unit))


# What was compiled into the loop


def fingerprint(function: object) -> Hashable:
    """What the values come to that a function uses besides its arguments, so far as one can see.

    A function is compiled with the values that it finds: variables around it, globals, defaults,
    attributes of the object whose method it is. Where one of them has changed since, the
    fingerprint has, and it is compiled anew. Modules and their states are left out, which are
    followed by other means.

    Args:
        function: The function.

    Examples:
        >>> import numpy as np
        >>> from brainloom_core.run.inputs import fingerprint
        >>> rates = np.zeros(3)
        >>> drive = lambda t: rates
        >>> before = fingerprint(drive)
        >>> fingerprint(drive) == before
        True
        >>> rates[0] = 1.0
        >>> fingerprint(drive) == before
        False
    """
    return None if function is None else _print_of(function, set())


def _print_of(value: Any, seen: set[int]) -> Hashable:
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return type(value).__name__, repr(value)
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        content = value.tolist() if value.dtype.hasobject else np.ascontiguousarray(value)
        data = repr(content).encode() if isinstance(content, list) else content.tobytes()
        return value.shape, str(value.dtype), hashlib.blake2b(data, digest_size=16).digest()
    if isinstance(value, u.Quantity):
        return _print_of(value.mantissa, seen), repr(value.unit)
    if isinstance(value, (jax.Array, u.Unit)):
        return _Same(value)  # which cannot be changed
    if id(value) in seen or isinstance(value, (type, types.ModuleType, brainstate.nn.Module)):
        return None
    if isinstance(value, brainstate.State):
        return None
    seen.add(id(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value).__name__, tuple(_print_of(item, seen) for item in value)
    if isinstance(value, dict):
        return tuple((repr(key), _print_of(item, seen)) for key, item in value.items())
    if isinstance(value, types.MethodType):
        return _print_of(value.__func__, seen), _print_of(value.__self__, seen)
    if isinstance(value, types.FunctionType):
        return _of_function(value, seen)
    if type(value).__module__.split(".")[0] in ("jax", "jaxlib", "numpy", "brainunit"):
        inner = getattr(value, "__wrapped__", None)
        return None if inner is None else _print_of(inner, seen)
    if hasattr(value, "func") and hasattr(value, "args"):  # functools.partial
        return _print_of([value.func, value.args, value.keywords], seen)
    call = vars(type(value)).get("__call__")
    own = _print_of(call, seen) if isinstance(call, types.FunctionType) else None
    return own, _print_of(getattr(value, "__dict__", None), seen)


def _of_function(function: types.FunctionType, seen: set[int]) -> Hashable:
    if function.__module__.split(".")[0] in LIBRARIES:
        return None
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            cells.append(None)
    used = {
        n: function.__globals__[n] for n in _names(function.__code__) if n in function.__globals__
    }
    around = [cells, used, function.__defaults__, function.__kwdefaults__]
    return function.__code__, _print_of(around, seen)


def _names(code: types.CodeType) -> list[str]:
    """The names that a function may look up among its globals, those of inner functions too."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return sorted({*code.co_names, *(name for c in inner for name in _names(c))})


def frozen(function: Callable[..., Quantity]) -> Callable[..., Quantity]:
    """The same function with copies of the NumPy arrays that it finds.

    jax may keep what it made of an array, and give that where the array has changed since.

    Args:
        function: The function.
    """
    return _frozen(function, {})


def _frozen(value: Any, known: dict[int, object]) -> Any:
    if id(value) in known:
        return known[id(value)]
    known[id(value)] = value
    made = _copied(value, known)
    known[id(value)] = made
    return made


def _copied(value: Any, known: dict[int, object]) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, u.Quantity):
        mantissa = value.mantissa
        is_numpy = isinstance(mantissa, np.ndarray)
        return u.Quantity(mantissa.copy(), unit=value.unit) if is_numpy else value
    if type(value) in (list, tuple):
        items = [_frozen(item, known) for item in value]
        is_same = all(a is b for a, b in zip(items, value, strict=True))
        return value if is_same else type(value)(items)
    if type(value) is dict:
        found = {key: _frozen(item, known) for key, item in value.items()}
        return value if all(found[key] is value[key] for key in value) else found
    if isinstance(value, types.MethodType):
        return types.MethodType(value.__func__, _frozen(value.__self__, known))
    if isinstance(value, functools.partial):
        args, keywords = _frozen(value.args, known), _frozen(value.keywords, known)
        return functools.partial(_frozen(value.func, known), *args, **keywords)
    if isinstance(value, types.FunctionType):
        return _copied_function(value, known)
    return value


def _copied_function(function: types.FunctionType, known: dict[int, object]) -> Any:
    if function.__module__.split(".")[0] in LIBRARIES:
        return function
    around = function.__globals__
    names = [name for name in _names(function.__code__) if name in around]
    used = {name: _frozen(around[name], known) for name in names}
    cells = tuple(_copied_cell(cell, known) for cell in function.__closure__ or ())
    defaults = _frozen(function.__defaults__, known)
    is_same = all(used[name] is around[name] for name in names)
    is_same = is_same and all(
        a is b for a, b in zip(cells, function.__closure__ or (), strict=True)
    )
    if is_same and defaults is function.__defaults__:
        return function
    found = {**around, **used}
    made = types.FunctionType(function.__code__, found, function.__name__, defaults, cells)
    made.__kwdefaults__ = _frozen(function.__kwdefaults__, known)
    return made


def _copied_cell(cell: Any, known: dict[int, object]) -> Any:
    try:
        content = cell.cell_contents
    except ValueError:  # not assigned yet
        return cell
    made = _frozen(content, known)
    return cell if made is content else types.CellType(made)


class _Same:
    """A value that stands for itself: equal to nothing else, and alive as long as this is."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)
