"""Importing what others wrote, so that whatever it does stays with it.

It runs in a thread of its own, so that it can be left behind when it takes too long, and what it
changes of the process's numerics (the precision of JAX, how numpy treats an overflow, the
random state) is put back. An exit or an interrupt that it raises is an error like any other.
"""

import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brainstate
import jax
import numpy as np

from ..errors import PluginError

__all__ = ["Outcome", "contained"]


@dataclass(frozen=True)
class Outcome:
    """What came of calling what others wrote.

    Attributes:
        value: What it returned.
        error: What it raised, None where nothing.
        changed: What it changed of the process and what was put back.
        seconds: How long it took.
    """

    value: object
    error: BaseException | None
    changed: tuple[str, ...]
    seconds: float


def contained(call: Callable[[], object], timeout: float) -> Outcome:
    """Call a function of others.

    Args:
        call: The function.
        timeout: Seconds after which it is left alone.
    """
    found: list[object] = []
    errors: list[BaseException] = []
    changed: list[str] = []

    def run() -> None:
        before = {name: read() for name, (read, _) in SURROUNDINGS.items()}
        try:
            found.append(call())
        except BaseException as error:  # an exit too must end no more than this thread
            errors.append(error)
        changed.extend(_put_back(before))

    began = time.perf_counter()
    thread = threading.Thread(target=run, name="brainloom-plugin", daemon=True)
    thread.start()
    thread.join(timeout)
    seconds = time.perf_counter() - began
    if thread.is_alive():
        late = PluginError(f"it took longer than {timeout:g} s and was left behind")
        return Outcome(None, late, (), seconds)
    return Outcome(
        found[0] if found else None, errors[0] if errors else None, tuple(changed), seconds
    )


def _put_back(before: dict[str, object]) -> list[str]:
    """Undo what was changed, and say what."""
    changed = []
    for name, (read, write) in SURROUNDINGS.items():
        now = read()
        if now != before[name]:
            changed.append(name)
            write(before[name])
    return changed


def _set_jax(values: Any) -> None:
    now = jax.config.values
    for name, value in values.items():
        if now[name] != value:
            jax.config.update(name, value)


def _set_environ(values: Any) -> None:
    for name in brainstate.environ.all():
        if name not in values:
            brainstate.environ.pop(name)
    brainstate.environ.set(**values)


def _numpy_random() -> object:
    kind, keys, *rest = np.random.get_state()
    return (kind, np.asarray(keys).tobytes(), *rest)


def _set_numpy_random(state: Any) -> None:
    kind, keys, *rest = state
    np.random.set_state((kind, np.frombuffer(keys, np.uint32), *rest))


def _brainstate() -> object:
    return dict(brainstate.environ.all())


SURROUNDINGS: dict[str, tuple[Callable[[], object], Callable[[Any], object]]] = {
    "the settings of JAX": (lambda: dict(jax.config.values), _set_jax),
    "the settings of brainstate": (_brainstate, _set_environ),
    "numpy's treatment of errors": (np.geterr, lambda value: np.seterr(**value)),
    "numpy's random state": (_numpy_random, _set_numpy_random),
    "Python's random state": (random.getstate, random.setstate),
    "the working directory": (os.getcwd, os.chdir),
}
"""What of the process is watched: how each is read and put back."""
