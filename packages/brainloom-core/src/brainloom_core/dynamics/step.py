"""The step that is being taken: who was called in it, so that nobody stands still unseen."""

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar

import brainstate
from jax.extend.core import get_opaque_trace_state

from ..errors import InputError
from ..names import dotted, name_in
from ..types import PyTree, Quantity

__all__ = ["Step", "call_arguments", "step_of"]

_current: ContextVar["Step | None"] = ContextVar("brainloom_step", default=None)


class Step:
    """One step of a module: which dynamics were called, and what they get besides.

    All of this happens while the step is traced, so that a compiled step knows nothing of it.

    Args:
        root: The module whose step it is, which gives the names.
        members: The dynamics that have to be called in it, by name.
        given: Inputs of dynamics, by their `id`, that are added to what they are called with.
    """

    def __init__(
        self,
        root: brainstate.nn.Module,
        members: Mapping[str, brainstate.nn.Module],
        given: Mapping[int, Quantity] | None = None,
    ) -> None:
        self.root, self.members, self.given = root, members, dict(given or {})
        self._calls: dict[int, tuple[brainstate.nn.Module, list[object]]] = {}
        # What was called within a compiled function of its own may not be traced again: its
        # states move all the same.
        self._before = {name: _values(module) for name, module in members.items()}

    def call(
        self, module: brainstate.nn.Module, args: tuple[Quantity, ...]
    ) -> tuple[Quantity, ...]:
        """Note that a module is called, and return what it is called with.

        Args:
            module: The dynamics.
            args: The arguments of the call.

        Raises:
            InputError: It has been called in this step.
        """
        _, places = self._calls.setdefault(id(module), (module, []))
        place = get_opaque_trace_state()  # each branch of a condition is a place of its own
        if place in places and _values(module):
            raise InputError(
                f"{self._who(module)} was called twice in one step, so that it would run at twice "
                "the speed. Call it once: projections read the spikes of the call by get_spike"
            )
        places.append(place)
        if id(module) not in self.given:
            return args
        value = self.given[id(module)]
        first = args[0] if args else None
        return (value if first is None else first + value, *args[1:])

    def finish(self) -> None:
        """Raise if something was not called.

        Raises:
            InputError: A member stood still, or an input reached nobody.
        """
        still = [
            f"{name!r} ({type(module).__name__})"
            for name, module in self.members.items()
            if id(module) not in self._calls and not self._moved(name, module)
        ]
        if still:
            them, stands = ("it", "stands") if len(still) == 1 else ("them", "stand")
            raise InputError(
                f"{type(self.root).__name__}: {', '.join(still[:5])}"
                f"{' and others' * (len(still) > 5)} {stands} still: nothing calls {them} in a "
                f"step. Call {them} in the update of the module that holds {them} (as pop(x), not "
                f"pop.update(x)), or hold {them} in the network itself"
            )

    def reached(self, module: brainstate.nn.Module) -> bool:
        """Whether a module was called."""
        return id(module) in self._calls

    def _moved(self, name: str, module: brainstate.nn.Module) -> bool:
        after = _values(module)
        return any(after.get(key) is not value for key, value in self._before[name].items())

    def _who(self, module: brainstate.nn.Module) -> str:
        name = name_in(self.root, module)
        kind = type(module).__name__
        return f"{kind}" if not name else f"{name!r} ({kind})"


@contextlib.contextmanager
def step_of(
    root: brainstate.nn.Module,
    members: Mapping[str, brainstate.nn.Module],
    given: Mapping[int, Quantity] | None = None,
) -> Iterator[Step]:
    """Take a step of a module; when it is over, whoever was not called is named.

    Args:
        root: The module.
        members: The dynamics that have to be called, by name.
        given: Inputs of dynamics by their `id`, None for none.

    Examples:
        >>> from brainloom_core.dynamics.step import step_of
        >>> with step_of(None, {}) as step:
        ...     print(step.members)
        {}
    """
    step = Step(root, members, given)
    token = _current.set(step)
    try:
        yield step
        step.finish()
    finally:
        _current.reset(token)


def current_step() -> Step | None:
    """The step that is being taken, None outside of one."""
    return _current.get()


def call_arguments(
    module: brainstate.nn.Module, args: tuple[Quantity, ...]
) -> tuple[Quantity, ...]:
    """What a module is called with in this step; whoever advances one asks for it.

    Args:
        module: The dynamics that is called.
        args: The arguments of the call.
    """
    step = _current.get()
    return args if step is None else step.call(module, args)


def all_dynamics(root: brainstate.nn.Module, kind: type) -> dict[str, brainstate.nn.Module]:
    """Every module of a kind that a module reaches, by dotted name."""
    nodes = brainstate.graph.nodes(root).items()
    return {dotted(path): node for path, node in nodes if isinstance(node, kind)}


def _values(module: brainstate.nn.Module) -> dict[str, PyTree]:
    found = vars(module).items()
    return {name: state.value for name, state in found if isinstance(state, brainstate.State)}
