"""Dotted names of what a module holds: `"E.V"`, `"layers.0.spikes"`, `"sub.E"`."""

import difflib
from typing import Any

import brainstate

from .errors import InputError

__all__ = ["dotted", "name_in", "named", "owner_of"]


def named(root: brainstate.nn.Module, name: str) -> Any:
    """What a dotted name means in a module; a part that is a number leads into a list.

    Args:
        root: The module.
        name: The dotted name; the empty one is the module itself.

    Raises:
        InputError: There is nothing of this name.

    Examples:
        >>> import brainstate
        >>> from brainloom_core.names import named
        >>> model = brainstate.nn.Sequential(brainstate.nn.Linear(3, 2))
        >>> named(model, "layers.0").out_size
        (2,)
    """
    owner = root
    for part in name.split(".") if name else ():
        owner = _part(owner, part, name)
    return owner


def owner_of(root: brainstate.nn.Module, name: str) -> tuple[Any, str]:
    """What all of a dotted name but its last part means, and that last part.

    Args:
        root: The module.
        name: The dotted name, such as `"E.V"`.

    Raises:
        InputError: There is no such owner.

    Examples:
        >>> import brainstate
        >>> from brainloom_core.names import owner_of
        >>> model = brainstate.nn.Sequential(brainstate.nn.Linear(3, 2))
        >>> owner, last = owner_of(model, "layers.0.weight")
        >>> type(owner).__name__, last
        ('Linear', 'weight')
    """
    path, _, last = name.rpartition(".")
    owner = root
    for part in path.split(".") if path else ():
        owner = _part(owner, part, name)
    return owner, last


def name_in(root: brainstate.nn.Module, module: object) -> str | None:
    """The shortest dotted name of a module within another one, None where it is not held.

    Args:
        root: The module in which to look.
        module: What it may hold.

    Examples:
        >>> import brainstate
        >>> from brainloom_core.names import name_in
        >>> model = brainstate.nn.Sequential(brainstate.nn.Linear(3, 2))
        >>> name_in(model, model.layers[0])
        'layers.0'
    """
    paths = [path for path, node in brainstate.graph.nodes(root).items() if node is module]
    return dotted(min(paths, key=len)) if paths else None


def dotted(path: tuple[Any, ...]) -> str:
    """The dotted name that a path of attributes and places in lists amounts to.

    Args:
        path: The parts, such as `("layers", 0)`.

    Examples:
        >>> from brainloom_core.names import dotted
        >>> dotted(("layers", 0, "V"))
        'layers.0.V'
    """
    return ".".join(map(str, path))


def _part(owner: Any, part: str, name: str) -> Any:
    if isinstance(owner, dict) and part in owner:
        return owner[part]
    try:
        return owner[int(part)] if part.isdigit() else getattr(owner, part)
    except (AttributeError, IndexError, KeyError, TypeError):
        pass
    near = (
        difflib.get_close_matches(part, [k for k in vars(owner) if not k.startswith("_")], 1)
        if hasattr(owner, "__dict__")
        else []
    )
    hint = f". Did you mean {near[0]!r}?" if near else ""
    raise InputError(f"{name!r}: {type(owner).__name__} has no {part!r}{hint}")
