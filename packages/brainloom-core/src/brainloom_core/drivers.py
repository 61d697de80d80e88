"""What drives a population, so that a network notices what it does not hold and nobody calls."""

import weakref
from collections.abc import Iterator
from typing import Any

import brainstate

from .errors import InputError
from .names import name_in

__all__ = ["drives", "note_assigned", "note_replaced", "require_drivers"]


class _Driver:
    """A module that was made to drive a population, which may be gone since."""

    def __init__(self, module: brainstate.nn.Module) -> None:
        self.module, self.kind = weakref.ref(module), type(module).__name__
        self.is_held = False  # some network has it, or had it and gave it away
        self.has_run = False
        self.replaced_at: str | None = None


# Not kept in the populations: a copy of one is driven by nothing until somebody is made to.
_drivers: "weakref.WeakKeyDictionary[brainstate.nn.Module, list[_Driver]]" = (
    weakref.WeakKeyDictionary()
)
_records: "weakref.WeakKeyDictionary[brainstate.nn.Module, list[_Driver]]" = (
    weakref.WeakKeyDictionary()
)


def drives(module: brainstate.nn.Module, *populations: brainstate.nn.Module) -> None:
    """Note that a module drives populations: a network that has them has to hold it too.

    Called when the module is whole, so that one that could not be made leaves nothing behind.

    Args:
        module: The module, such as a projection.
        populations: What it drives.
    """
    driver = _Driver(module)
    _records.setdefault(module, []).append(driver)
    for population in {id(one): one for one in populations}.values():
        _drivers.setdefault(population, []).append(driver)


def note_assigned(value: object) -> None:
    """Note that a network holds what drives populations in a value that it is given.

    Args:
        value: A module, or a container of some.
    """
    for driver in _drivers_in(value):
        driver.is_held, driver.replaced_at = True, None


def note_replaced(old: object, name: str) -> bool:
    """Note that something else took the name of what drives populations before it ever ran.

    Args:
        old: What had the name.
        name: The name.

    Returns:
        Whether there was such a thing.
    """
    lost = [driver for driver in _drivers_in(old) if not driver.has_run]
    for driver in lost:
        driver.is_held, driver.replaced_at = False, name
    return bool(lost)


def require_drivers(
    net: brainstate.nn.Module,
    others: tuple[brainstate.nn.Module, ...] = (),
    gone_only: bool = False,
) -> None:
    """Raise if something was made to drive a population of a network that no network holds.

    Args:
        net: The network.
        others: Modules that run with it.
        gone_only: Whether what is still alive is left alone, since somebody may call it by hand.

    Raises:
        InputError: Something was.
    """
    nodes: list[Any] = list(brainstate.graph.nodes(net).values())
    held = {id(node) for node in nodes}
    held |= {id(node) for other in others for node in brainstate.graph.nodes(other).values()}
    for population in nodes:
        for driver in (
            _drivers.get(population, ()) if isinstance(population, brainstate.nn.Module) else ()
        ):
            module = driver.module()
            if module is not None and id(module) in held:
                driver.is_held = driver.has_run = True
            elif not driver.is_held and (module is None or not gone_only):
                raise InputError(_lost(net, population, driver))


def _lost(net: brainstate.nn.Module, population: brainstate.nn.Module, driver: _Driver) -> str:
    who = f"{type(net).__name__}: {name_in(net, population)!r} ({type(population).__name__})"
    name, kind = driver.replaced_at, driver.kind
    article = "an" if kind[0] in "AEIOU" else "a"
    begin = f"{who} is to get input from {article} {kind} that the network does not hold"
    if name is not None:
        return (
            f"{begin}: a second one took its name {name!r}. Give each a name of its own; where it "
            f"is to be replaced, write del net.{name} before"
        )
    return (
        f"{begin}: assign it, as in net.EI = ... for a projection. Where it is not wanted, make "
        "the population anew"
    )


def _drivers_in(value: object) -> Iterator[_Driver]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _drivers_in(item)
    elif isinstance(value, brainstate.graph.Node):
        for node in brainstate.graph.nodes(value).values():
            yield from _records.get(node, ()) if isinstance(node, brainstate.nn.Module) else ()
