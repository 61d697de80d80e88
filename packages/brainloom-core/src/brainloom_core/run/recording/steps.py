"""Recorders of what a step gives: outputs of modules, and functions of the step."""

import inspect
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

import brainstate
import numpy as np

from ...declare.fields import option_field
from ...errors import InputError
from ...partition import in_order
from ...types import Index, PyTree, Quantity, Time
from ...units import show
from ..inputs import fingerprint, frozen
from .asked import MODULE, interval, when, which
from .chosen import Chosen
from .folds import Fold, fold
from .recorder import Recorder

__all__ = ["Custom", "Output", "caught"]

_outputs: ContextVar[dict[int, PyTree]] = ContextVar("brainloom_outputs")


@dataclass(frozen=True, eq=False)
class Output(Recorder):
    """Record what a module returns when it is called in a step.

    Args:
        module: The module, which the network calls once a step.
        every: Interval between samples, a multiple of `dt`; None for each step.
        index: Which entries, as for `Trace`.
        start: When recording begins, None for the beginning of the run; the first sample is one
            interval later.
        stop: When it ends, None for the end of the run.

    Raises:
        InputError: When it is used: it is no module, is not called in the step or returns no
            array, or a time is not a multiple of `dt`.
    """

    module: brainstate.nn.Module = option_field(constraint=MODULE)
    every: Time | None = interval()
    index: Index | None = which()
    start: Time | None = when()
    stop: Time | None = when()
    kind: ClassVar[str] = "output"

    def check(self, net: brainstate.nn.Module) -> None:
        """Raise if there is nothing to record.

        Args:
            net: The network that runs.
        """
        if not isinstance(self.module, brainstate.nn.Module):
            raise InputError(f"Output: expected a module, got {show(self.module)}")

    @property
    def read(self) -> object:
        """What is read: the module."""
        return self.module

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for recorders that read the same."""
        return self.kind, id(self.module), self.chosen.key

    @property
    def chosen(self) -> Chosen:
        """Which entries."""
        return Chosen(None, self.index)

    @property
    def fold(self) -> Fold | None:
        """What becomes of the values of an interval; an output is there in its step only."""
        return fold("last")

    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that gives this step's output; it does not keep the module alive.

        Args:
            net: The network that runs.
        """
        module, chosen, kind = weakref.ref(self.module), self.chosen, type(self.module).__name__

        def sample() -> PyTree:
            found = _outputs.get().get(id(module()))
            if found is None:
                raise InputError(f"Output: {kind} was not called in a step, or returned nothing")
            if not hasattr(found, "shape"):
                raise InputError(f"Output: {kind} returned {show(found)}, which is no array")
            chosen.check(f"Output.index: {kind}", found.shape)
            return chosen.take(found)

        return sample


@contextmanager
def caught(modules: list[brainstate.nn.Module]) -> Iterator[None]:
    """Keep what these modules return in the step that is traced inside, for `Output`.

    Args:
        modules: The modules.
    """
    token = _outputs.set({})
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(_kept(module))
        try:
            yield
        finally:
            _outputs.reset(token)


@contextmanager
def _kept(module: brainstate.nn.Module) -> Iterator[None]:
    attributes, update = vars(module), module.update
    before = attributes.get("update")

    def noted(*args: Any, **kwargs: Any) -> Any:
        found = update(*args, **kwargs)
        _outputs.get()[id(module)] = found
        return found

    attributes["update"] = noted
    try:
        yield
    finally:
        attributes.pop("update")
        if before is not None:
            attributes["update"] = before


@dataclass(frozen=True, eq=False)
class Custom(Recorder):
    """Record a function of the step: what it gives, or what that amounts to over intervals.

    Args:
        function: Called at the end of a step, with the network or without arguments; what it
            reads of the network is that of the step. It is compiled, and gives an array, with a
            unit or without.
        reduce: What becomes of the values of an interval, of which the function is then evaluated
            in each step: `"mean"`, `"sum"`, `"min"`, `"max"`, `"last"`, or an associative
            function of what earlier and later steps amount to, such as `jnp.logaddexp`. None
            evaluates the function when an interval ends, and only then.
        every: The interval, a multiple of `dt`; None for each step, or, where values are
            reduced, for all that is recorded.
        start: When recording begins, None for the beginning of the run.
        stop: When it ends, None for the end of the run.

    Raises:
        InputError: It is no function, there is no such way to reduce; or, when it is used, a
            time is not a multiple of `dt`.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_core import Custom, Neuron, initializer, param, simulate, state
        >>> class Integrator(Neuron):
        ...     V_th = param(default=1.0 * u.mV)
        ...     V_reset = param(default=0.0 * u.mV)
        ...     V_initializer = initializer(default=0.0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, I):
        ...         return I * u.ohm / (10 * u.ms)
        >>> mean = Custom(lambda cells: cells.V.value.mean(), reduce="mean", every=5 * u.ms)
        >>> recording = simulate(
        ...     Integrator(2), 10 * u.ms, dt=1 * u.ms, inputs=0.1 * u.mA, record={"mean": mean}
        ... )
        >>> print(recording["mean"].values.round(3))
        [0.03 0.08] mV
    """

    function: Callable[..., PyTree]
    reduce: str | Callable[[Any, Any], Any] | None = None
    every: Time | None = interval()
    start: Time | None = when()
    stop: Time | None = when()
    kind: ClassVar[str] = "custom"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InputError(f"Custom: expected a function, got {show(self.function)}")
        if self.reduce is not None:
            fold(self.reduce)

    @property
    def key(self) -> tuple[Hashable, ...]:
        """Equal for recorders that read the same."""
        function = self.function
        own = weakref.WeakMethod(function) if inspect.ismethod(function) else weakref.ref(function)
        return self.kind, own, fingerprint(function), self.reduce

    @property
    def fold(self) -> Fold | None:
        """What becomes of the values of an interval; None for the last one."""
        return None if self.reduce is None else fold(self.reduce)

    def finished(self, number: np.ndarray, steps: int, dt: Time) -> Quantity:
        """What is kept of the folded values of an interval.

        Args:
            number: The folded values, without their unit.
            steps: Number of steps of the interval.
            dt: Length of a step.
        """
        return number if self.fold is None else self.fold.finished(number, steps)

    @property
    def takes_all(self) -> bool:
        """Whether, where no interval is given, all that is recorded is one."""
        return self.reduce is not None

    def sampler(self, net: brainstate.nn.Module) -> Callable[[], PyTree]:
        """A function that gives the current value; it does not keep the network alive.

        Args:
            net: The network that runs.
        """
        network, takes = weakref.ref(net), _takes_network(self.function)
        function = frozen(self.function)

        def sample() -> Any:
            with brainstate.StateTraceStack() as read:
                value = function(*([network()] if takes else []))
            for state in read.states:
                in_order(state)
            return value

        return sample


def _takes_network(function: Callable[..., object]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(p.kind in positional and p.default is p.empty for p in parameters)
