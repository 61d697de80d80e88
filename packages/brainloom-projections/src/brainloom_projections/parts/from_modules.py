"""What the projections share: from the presynaptic modules, through delays, to what arrives."""

from collections.abc import Callable

import brainstate
import brainunit as u
import jax
import numpy as np
from brainloom_core import (
    Delay,
    Descriptor,
    Dynamics,
    InputError,
    ParameterError,
    Projection,
    UnitError,
)
from brainloom_core.partition import Partition, partition_in_use
from brainloom_core.types import Arguments, Population, Quantity, Shape
from brainloom_core.units import dimension_name, same_dimension, show, with_unit

from ..connection.connection import Connection, is_function, value_of
from ..types import Described
from .arrivals import Arrivals
from .describe import described, in_a_line
from .events import plain
from .foreign import by_own_operations
from .parts import Line, Method, Part, Timing, check_post, made
from .units import weight_unit

__all__ = ["FromModules"]


class FromModules(Projection):
    """Base of the projections: the chain of presynaptic modules, and checks of its ends."""

    _arrives = "spikes"
    comm, post, label, stp, syn, out = Part(), Part(), Part(), Part(), Part(), Part()
    delay = Line()

    def __init__(
        self,
        *modules: Callable[..., Quantity] | brainstate.State,
        comm: Callable[..., Quantity],
        post: Population,
        label: str | None,
        timing: Timing,
        stp: Described | None = None,
    ) -> None:
        super().__init__(name=brainstate.util.get_unique_name(type(self).__name__))
        kind = type(self).__name__
        if not callable(comm):
            raise TypeError(f"{kind}.comm: expected a module or function, got {show(comm)}")
        check_post(kind, post)
        if label is not None and not isinstance(label, str):
            raise TypeError(f"{kind}.label: expected a text, got {show(label)}")
        for module in modules:
            if not callable(module) and not isinstance(module, brainstate.State):
                raise TypeError(
                    f"{kind}: expected modules, functions or states before the keywords, got "
                    f"{show(module)}"
                )
        comm = by_own_operations(comm)
        self._check_size("comm", getattr(comm, "out_size", None), post)
        self.modules = tuple(map(Method.of, modules))
        self.comm, self.post, self.label = comm, post, label
        self.stp = None if stp is None else self._made_stp(stp)
        self.delay = self._made_delay(timing)

    def __repr__(self) -> str:
        whole = "delay" in vars(self)
        return described(self, self._source()) if whole else super().__repr__()

    def in_a_line(self, names: dict[int, str]) -> str:
        """A short text for the table of a network.

        Args:
            names: Names of populations in the network by their identity.
        """
        return in_a_line(self, self._source(), names)

    def _emitted(self, args: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
        """What the presynaptic side sends in this step."""
        for module in self.modules:
            out = module.value if isinstance(module, brainstate.State) else module(*args)
            args = (out,)
        if not args:
            raise InputError(
                f"{self.name}: no {self._arrives}. Call it with them, proj({self._arrives}), or "
                f"construct it with their source, for example {type(self).__name__}("
                "pop.get_spike, comm=...)"
            )
        args = tuple(plain(value) for value in args)
        return args if self.stp is None else (self.stp(*args),)

    def _delivered(self, *args: Quantity) -> Quantity:
        """What arrives of it, through delay and connectivity."""
        partition = partition_in_use()
        bits = partition is not None and partition.are_bits(u.get_mantissa(args[0]))
        if isinstance(self.delay, Delay):
            unit = u.get_unit(args[0])
            args = (with_unit(self.delay(u.get_mantissa(args[0])), unit),)
            bits = bits and not self.delay.interpolates
        if partition is not None:
            args = (self._on_all(partition, args[0], bits),)
        x = self.delay(*args) if isinstance(self.delay, Arrivals) else self.comm(*args)
        if partition is not None and not getattr(self.comm, "delivers_by_target", False):
            x = jax.tree.map(partition.once, x)  # so that its sums have one order
        if isinstance(self.comm, brainstate.nn.AllToAll) and np.shape(x)[-1:] in ((), (1,)):
            # With one weight for all, it gives the sum that is the same for all.
            batch = np.shape(args[0])[: -len(self.comm.in_size)]
            x = u.math.broadcast_to(x, (*batch, *self.post.in_size))
        if (found := np.shape(x)[-len(self.post.in_size) :]) != self.post.in_size:
            raise InputError(
                f"{self.name}: comm gives shape {np.shape(x)}, but the postsynaptic "
                f"{type(self.post).__name__} has {self.post.in_size}; {found} does not fit"
            )
        return x

    def _on_all(self, partition: Partition, values: Quantity, bits: bool) -> Quantity:
        """What is sent, on all devices; a connection one to one has it where it is."""
        if isinstance(self.comm, Connection) and self.comm.is_one_to_one:
            return values
        number = partition.note(u.get_mantissa(values), bits=bits)
        lead = np.ndim(number) - len(self._known_pre_size() or np.shape(number))
        whole = partition.gathered(number, np.shape(number)[max(0, lead) :])
        if bits and isinstance(self.comm, Connection):
            whole = whole != 0  # which takes a quarter of the memory
        return with_unit(whole, u.get_unit(values))

    def _made_stp(self, stp: Described) -> Dynamics:
        if not isinstance(stp, Descriptor) and not callable(stp):
            raise TypeError(
                f"{type(self).__name__}.stp: expected STP or STD, described or an instance, got "
                f"{show(stp)}"
            )
        own: Dynamics = made(stp, self.name, "stp", **self._pre_size("stp", stp))
        self._check_pre_size("stp", own)
        return own

    def _made_delay(self, timing: Timing) -> Delay | Arrivals | None:
        """The line before the connectivity, or the connectivity with delays; None for none."""
        kind, delay = type(self).__name__, timing.delay
        own = getattr(self.comm, "delay_to_make", None) or getattr(self.comm, "delay", None)
        if own is not None and delay is not None:
            raise ParameterError(
                f"{kind}.delay: the connection has delays of its own; give one of the two"
            )
        delay = own if delay is None else delay
        timing.check(kind, delay)
        if delay is None:
            return None
        options: Arguments = {"max_delay": timing.max_delay, "interpolate": timing.interpolate}
        if is_function(delay):
            raise ParameterError(
                f"{kind}.delay: expected a time, got the function {show(delay)}, which draws one "
                "for each edge: give it to the connection, Connection(..., delay=...)"
            )
        if isinstance(delay, (list, tuple)):
            delay = u.math.asarray(delay)
        shape = np.shape(value_of(delay))
        size = self._known_pre_size()
        try:
            if not shape or (own is None and shape == size):
                size = self._needed_pre_size("delay", "give comm an attribute in_size")
                return Delay(size, delay, **options)
            if isinstance(self.comm, Connection) and self.comm.is_stored:
                return Arrivals(self.comm, delay, **options)
        except ParameterError as error:
            _, rest = str(error).split(".", 1)
            raise type(error)(f"{kind}.{rest}") from None
        per_edge = ", or, with a stored Connection, one per edge" * (own is None)
        raise ParameterError(
            f"{kind}.delay: expected a scalar or one per presynaptic neuron, shape {size}{per_edge}"
            f", got shape {shape}"
        )

    def _pre_size(self, part: str, described: object) -> dict[str, Shape]:
        """The size of a part that has one state per presynaptic neuron, where it is described."""
        if not isinstance(described, Descriptor) or "in_size" in described.arguments:
            return {}
        remedy = f"write {described.cls.__name__}.desc(in_size, ...)"
        return {"in_size": self._needed_pre_size(part, remedy)}

    def _known_pre_size(self) -> tuple[int, ...] | None:
        size = getattr(self.comm, "in_size", None)
        size = getattr(self._source(), "out_size", None) if size is None else size
        return None if size is None else tuple(size)

    def _needed_pre_size(self, part: str, remedy: str) -> tuple[int, ...]:
        size = self._known_pre_size()
        if size is None:
            raise TypeError(
                f"{type(self).__name__}.{part}: the size of the presynaptic population is not "
                f"known; {remedy}"
            )
        return size

    def _source(self) -> Population | None:
        """The presynaptic population, where the first module is of one."""
        return getattr(self.modules[0], "module", None) if self.modules else None

    def _check_pre_size(self, part: str, it: object) -> None:
        size, known = getattr(it, "in_size", None), getattr(self.comm, "in_size", None)
        if size is not None and known is not None and tuple(size) != tuple(known):
            raise ValueError(
                f"{type(self).__name__}.{part}: its size {tuple(size)} is not that of the "
                f"presynaptic side of comm, {tuple(known)}"
            )

    def _check_size(self, part: str, size: Shape | None, post: Population) -> None:
        if size is not None and tuple(size) != tuple(post.in_size):
            raise ValueError(
                f"{type(self).__name__}.{part}: its size {tuple(size)} is not that of the "
                f"postsynaptic {type(post).__name__}, {tuple(post.in_size)}"
            )

    def _check_kind(self, part: str, right: bool, got: object, expected: str) -> None:
        if not right:
            raise TypeError(f"{type(self).__name__}.{part}: expected {expected}, got {show(got)}")

    def _check_weights(self, needed: u.Unit | None, what: str) -> None:
        """Raise if the weights, as far as known, cannot be added to what a spike changes."""
        unit = weight_unit(self.comm)
        if unit is None or needed is None or same_dimension(unit, needed):
            return
        raise UnitError(
            f"{type(self).__name__}.comm: its weights are {dimension_name(unit)}, but {what} is "
            f"{dimension_name(needed)}"
        )
