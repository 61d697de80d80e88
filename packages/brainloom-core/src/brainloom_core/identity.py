"""What a network is besides its states, as short texts by name: so that two can be told apart."""

import functools
import hashlib
import importlib.metadata
import sys
import types
import weakref
from collections.abc import Mapping
from typing import Any

import brainstate
import brainunit as u
import jax
import numpy as np

from .declare.declared import Declared
from .errors import CheckpointError
from .names import modules_by_name
from .types import Json, Quantity
from .units import show
from .unmade import Unmade

__all__ = ["differences", "parts_of", "refuse", "text_of", "versions_of"]

DEEPEST = 40
DRAWN = {"seed", "edges", "weight", "delay"}  # of a connection, where it is given none
SEED = (
    "What is drawn while a network is built is the same if connections are given seed=..., or if "
    "brainstate.random.seed(...) is called before. "
)
LIBRARIES = ("jax", "jaxlib", "brainstate", "brainunit", "brainloom-core")


def parts_of(net: brainstate.nn.Module) -> dict[str, str]:
    """What is set in a network and is no state: classes, parameters, edges, as texts by name.

    Args:
        net: The network.
    """
    found = {}
    for name, module in modules_by_name(net).items():
        dot = f"{name}." if name else ""
        kind: Any = type(module)
        found[name or "the network"] = _class_text(kind)
        for key, value in _kept(module).items():
            if not isinstance(value, (brainstate.State, brainstate.graph.Node)):
                found[dot + key] = text_of(value)
    return found


def _kept(module: brainstate.nn.Module) -> dict[str, object]:
    hidden = getattr(type(module), "graph_invisible_attrs", ())
    kept = {
        key: value
        for key, value in vars(module).items()
        if not key.startswith("_") and key not in (*hidden, "times_changed")
    }
    if isinstance(module, Declared):
        kept |= {key: vars(module).get(key) for key in module.declared_parameters()}
    kept |= {key: getattr(module, key) for key in ("in_size",) if hasattr(module, key)}
    kept = {k: getattr(module, k) if isinstance(v, Unmade) else v for k, v in kept.items()}
    if callable(getattr(module, "fixed_values", None)):
        kept |= module.fixed_values()
    return kept


def versions_of(*modules: brainstate.nn.Module) -> dict[str, str]:
    """Versions of the distributions that a run depends on, by name.

    Args:
        modules: The network, and what else takes part.
    """
    nodes = [node for module in modules for node in modules_by_name(module).values()]
    packages = {type(node).__module__.partition(".")[0] for node in nodes}
    names = {*LIBRARIES, *(d for package in packages for d in _providers().get(package, ()))}
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for name in sorted(names):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def differences(there: Mapping[str, Json], here: Mapping[str, Json]) -> list[str]:
    """How two sets of texts differ, in words: first what was written, then what is here.

    Args:
        there: Those that were written.
        here: Those of now.
    """
    lost = [f"{name} was {there[name]} and is not here" for name in there if name not in here]
    new = [f"{name} is {here[name]} here and was not there" for name in here if name not in there]
    other = [
        f"{name} was {there[name]} and is {here[name]} here"
        for name in there
        if name in here and there[name] != here[name]
    ]
    return sorted([*other, *lost, *new], key=_is_inner)


def _is_inner(difference: str) -> bool:
    """Whether it is of something with a name that nobody writes, such as `E._before_updates`."""
    return "._" in difference.split(" ", 1)[0]


def refuse(who: str, what: str, found: list[str], hint: str = "") -> None:
    """Raise if something differs.

    Args:
        who: The call, for the message.
        what: What differs.
        found: How, in words.
        hint: What to do.

    Raises:
        CheckpointError: There is a difference.
    """
    if not found:
        return
    named = [difference.partition(" ")[0].rpartition(".") for difference in found]
    hint = SEED + hint if any(owner and last in DRAWN for owner, _, last in named) else hint
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    raise CheckpointError(f"{who}: {what}: {'; '.join(found[:3])}{more}. {hint}".rstrip())


def text_of(value: Any) -> str:
    """A short text that is equal for equal values, in another process too.

    Args:
        value: The value: numbers, arrays, words, containers, functions, or an object of these.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core.identity import text_of
        >>> text_of({"tau": 5 * u.ms, "rates": [1.0, 2.0]})
        '{tau: 5 ms, rates: (1.0, 2.0)}'
    """
    return _text(value, ())


def _text(value: Any, above: tuple[int, ...]) -> str:
    if isinstance(value, (bool, int, str, bytes, type(None))):
        return repr(value)
    if isinstance(value, (float, complex, np.generic)) or _is_array(value):
        return _number_text(value)
    if isinstance(value, u.Quantity):
        return f"{_number_text(value.mantissa)} {value.unit}".strip()
    if isinstance(value, (u.Unit, np.dtype)):
        return str(value)
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if isinstance(value, (brainstate.graph.Node, brainstate.State, weakref.ref)):
        return type(value).__name__
    if len(above) >= DEEPEST or id(value) in above:
        return f"<{type(value).__qualname__}>"
    below = functools.partial(_text, above=(*above, id(value)))
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(below, value))})"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(below, value)))}}}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {below(item)}' for key, item in value.items())}}}"
    if isinstance(value, functools.partial):
        return f"partial{below((value.func, value.args, value.keywords))}"
    if isinstance(value, types.MethodType):
        return f"{below(value.__self__)}.{value.__func__.__name__}"
    if isinstance(value, types.FunctionType):
        return _function_text(value, below)
    known = getattr(value, "__dict__", None)
    kind = type(value).__qualname__
    if not known:
        return f"<{getattr(value, '__qualname__', kind)}>"
    kept = {key: item for key, item in known.items() if not key.startswith("_")}
    return _shortened(f"{kind}({', '.join(f'{k}={below(item)}' for k, item in kept.items())})")


def _is_array(value: object) -> bool:
    return isinstance(value, (np.ndarray, jax.Array)) and not isinstance(value, jax.core.Tracer)


def _number_text(value: Quantity) -> str:
    if isinstance(value, jax.Array) and jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    if not _is_array(value) and not isinstance(value, (int, float, complex, np.generic)):
        return show(value)
    array = np.asarray(value)
    if array.ndim == 0:  # of a Python number or of an array of one, which compute the same
        return repr(array.item())
    if array.dtype.hasobject:
        return repr(array.tolist())
    digest = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=6).hexdigest()
    return f"{array.dtype} of shape {array.shape} #{digest}"


def _function_text(function: types.FunctionType, below: Any) -> str:
    cells = [_content(cell) for cell in function.__closure__ or ()]
    used = [function.__globals__.get(name) for name in function.__code__.co_names]
    numbers = [x for x in used if isinstance(x, (int, float, str, np.ndarray, jax.Array))]
    around = below((cells, function.__defaults__ or (), numbers))
    digest = hashlib.blake2b(f"{_code_text(function.__code__)} {around}".encode(), digest_size=6)
    return f"{function.__qualname__} #{digest.hexdigest()}"


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return None


def _code_text(code: types.CodeType) -> str:
    constants = [
        _code_text(c)
        if isinstance(c, types.CodeType)
        else repr(sorted(map(repr, c)) if isinstance(c, frozenset) else c)
        for c in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


@functools.cache
def _providers() -> Mapping[str, Any]:
    return importlib.metadata.packages_distributions()


@functools.lru_cache(1024)
def _class_text(cls: type) -> str:
    """A class; of one that no distribution brings, which has no version, its methods too."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    name = cls.__qualname__ if cls.__module__ == "__main__" else name
    own = [base for base in cls.__mro__ if base.__module__.partition(".")[0] not in _providers()]
    methods = [
        _code_text(item.__code__)
        for base in own
        for _, item in sorted(vars(base).items())
        if isinstance(item, types.FunctionType)
    ]
    if not methods:
        return name
    return f"{name} #{hashlib.blake2b(repr(methods).encode(), digest_size=6).hexdigest()}"


def _shortened(text: str) -> str:
    if len(text) <= 120:
        return text
    return f"{text[:90]}... #{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"
