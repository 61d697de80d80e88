"""Dotted names of what a module holds: `"E.V"`, `"layers.0.spikes"`, `"sub.E"`."""

import difflib
from typing import Any

import brainstate

from .errors import InputError

__all__ = ["dotted", "modules_by_name", "name_in", "named", "owner_of", "states_by_name"]


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


def modules_by_name(root: brainstate.nn.Module) -> dict[str, brainstate.nn.Module]:
    """Every module that a module holds, itself included, by its shortest name.

    Of names of one length it is the first in the order of the alphabet, so that names do not
    depend on the order in which things were made.

    Args:
        root: The module, whose name is empty.

    Examples:
        >>> import brainstate
        >>> from brainloom_core.names import modules_by_name
        >>> list(modules_by_name(brainstate.nn.Sequential(brainstate.nn.Linear(3, 2))))
        ['', 'layers.0']
    """
    return {name: node for name, node in _all_by_name(root).items() if _is_module(node)}


def states_by_name(root: brainstate.nn.Module) -> dict[str, brainstate.State]:
    """Every state that a module holds by its shortest name, as `modules_by_name`.

    Args:
        root: The module.

    Examples:
        >>> import brainstate
        >>> from brainloom_core.names import states_by_name
        >>> list(states_by_name(brainstate.nn.Sequential(brainstate.nn.Linear(3, 2))))
        ['layers.0.weight']
    """
    found = {n: x for n, x in _all_by_name(root).items() if isinstance(x, brainstate.State)}
    known = {id(state) for state in found.values()}
    others = {dotted(path): x for path, x in root.states().items() if id(x) not in known}
    return found | others


def _all_by_name(root: brainstate.nn.Module) -> dict[str, brainstate.nn.Module]:
    """Modules, other nodes and states by their shortest names."""
    found: dict[str, brainstate.nn.Module] = {}
    seen: set[int] = {id(root)}
    level: list[tuple[tuple[object, ...], Any]] = [((), root)]
    while level:
        found |= {dotted(path): node for path, node in level}
        below = [item for path, node in level for item in _nodes_of(path, node)]
        level = []
        for path, node in sorted(below, key=lambda item: (len(item[0]), dotted(item[0]))):
            if id(node) not in seen:
                seen.add(id(node))
                level.append((path, node))
    return found


def _is_module(node: object) -> bool:
    return isinstance(node, brainstate.nn.Module)


def _nodes_of(path: tuple[object, ...], node: Any) -> list[tuple[tuple[object, ...], Any]]:
    """What a node holds directly, or in containers."""
    if isinstance(node, brainstate.State):
        return []
    hidden = getattr(type(node), "graph_invisible_attrs", ())
    kept = [(key, value) for key, value in vars(node).items() if key not in hidden]
    return [item for key, value in kept for item in _in_containers((*path, key), value)]


def _in_containers(path: tuple[object, ...], value: Any) -> list[tuple[tuple[object, ...], Any]]:
    if isinstance(value, (brainstate.graph.Node, brainstate.State)):
        return [(path, value)]
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, (list, tuple)):
        items = enumerate(value)
    return [found for key, item in items for found in _in_containers((*path, key), item)]


def dotted(path: tuple[object, ...]) -> str:
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
    held = _held_names(owner)
    there = f"{'' if near else ';'} {'It' if near else 'it'} has {held}" if held else ""
    raise InputError(f"{name!r}: {type(owner).__name__} has no {part!r}{hint}{there}")


def _held_names(owner: Any) -> list[str]:
    """Names of the modules and states that something holds itself."""
    if isinstance(owner, (list, tuple)):
        return [str(number) for number in range(len(owner))]
    found = owner.items() if isinstance(owner, dict) else getattr(owner, "__dict__", {}).items()
    shown = [(str(key), value) for key, value in found if not str(key).startswith("_")]
    return [key for key, value in shown if _in_containers((key,), value)]
