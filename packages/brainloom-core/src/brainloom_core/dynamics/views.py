"""Views: some neurons of a population, used as if they were one."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import brainstate
import brainunit as u
import numpy as np

from ..declare.declared import real_signature
from ..declare.descriptor import Descriptor
from ..errors import InputError, StateError
from ..partition import on_all_devices, partition_in_use, spikes_known
from ..types import Index, Input, Population, Quantity
from ..units import show
from .delays import Prefetch, PrefetchDelay, PrefetchDelayAt, past_of
from .selection import Selection

if TYPE_CHECKING:
    from .base import Dynamics


__all__ = ["View"]


@real_signature
class View(brainstate.graph.Node):
    """Some neurons of a population, `population[:800]`: the source or target of connections.

    It stands for these neurons wherever a population is read or driven: as `pre` and `post` of a
    projection and of a `Connection`, for `PoissonInput`, and in what is recorded or given as an
    input. Nothing is copied. It has no step of its own: the population is called, once a step.

    Args:
        population: The population.
        item: Which neurons: a slice, an index, a list of them, a mask, or a tuple of these for a
            population with several axes.

    Attributes:
        population: The population, even of a view of a view.
        selection: Which of its neurons.
        in_size: Their shape, also `out_size` and `varshape`.

    Raises:
        InputError: It means no neuron, or one that does not exist.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Neuron, initializer, param, state
        >>> class Leaky(Neuron):
        ...     tau = param(default=10 * u.ms)
        ...     V_th = param(default=20 * u.mV)
        ...     V_reset = param(default=0 * u.mV)
        ...     V_initializer = initializer(default=0 * u.mV)
        ...     V = state("V_initializer")
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> cells = Leaky(1000)
        >>> excitatory, inhibitory = cells[:800], cells[800:]
        >>> excitatory.in_size, excitatory[::100].in_size
        ((800,), (8,))
        >>> _ = brainstate.nn.init_all_states(cells)
        >>> inhibitory.get_spike().shape, inhibitory.V.value.shape
        ((200,), (200,))
    """

    population: Population
    selection: Selection

    def __init__(self, population: Population, item: Index) -> None:
        if not hasattr(population, "varshape"):
            raise InputError(f"View.population: expected a population, got {show(population)}")
        who = type(population).__name__
        if isinstance(population, View):
            who = repr(population)
            chosen = Selection.of(who, population.in_size, item).within(population.selection)
            population = population.population
        else:
            chosen = Selection.of(who, tuple(population.varshape), item)
        self.population, self.selection = population, chosen

    __iter__ = None  # without it, Python would take one neuron after the other

    @property
    def in_size(self) -> tuple[int, ...]:
        """Shape of the view."""
        return self.selection.size

    out_size = varshape = in_size

    @property
    def index(self) -> slice | np.ndarray:
        """The neurons: a slice where they are regular, else their numbers in the population."""
        return self.selection.index

    @property
    def name(self) -> str:
        """Name of the population, and which of its neurons."""
        return f"{self.population.name or type(self.population).__name__}[{self.selection!r}]"

    def take(self, value: Quantity) -> Quantity:
        """These neurons' part of an array whose last axes are those of the population.

        Args:
            value: An array, with or without a unit.
        """
        return self.selection.take(value)

    def spread(self, value: Quantity) -> Quantity:
        """An array for the whole population: `value` at these neurons, zero at the others.

        Args:
            value: A scalar, or an array whose last axes are those of the view.

        Raises:
            InputError: The view names a neuron twice.
        """
        return self.selection.spread(value)

    def get_spike(self) -> Quantity:
        """Their spikes of the last step, shape `(*batch, *in_size)`."""
        spikes = spikes_known(self.population, self.population.get_spike())
        partition = partition_in_use()
        if partition is None:
            return self.take(spikes)
        taken = self.take(on_all_devices(spikes, self.population.varshape))
        return partition.note(taken, bits=partition.are_bits(spikes), whole=True)

    def prefetch(self, item: str) -> "ViewPrefetch":
        """A state of these neurons by name, which need not exist yet, as of a population.

        Args:
            item: Name of the state, such as `"V"`.
        """
        return ViewPrefetch(self, item)

    @property
    def current_inputs(self) -> dict[str, Input]:
        """Registered input currents of the population by key."""
        found: dict[str, Input] = self.population.current_inputs
        return found

    @property
    def delta_inputs(self) -> dict[str, Input]:
        """Registered jumps of the population by key."""
        found: dict[str, Input] = self.population.delta_inputs
        return found

    def add_current_input(self, key: str, inp: Input, label: str | None = None) -> None:
        """Register a current into these neurons; see `Dynamics.add_current_input`.

        Args:
            key: A name; one key holds one input of a view.
            inp: A function of the arguments that the model passes, of which it gets these
                neurons' part; or a value, which is used once.
            label: A group name by which `sum_current_inputs` can select, None.
        """
        self.population.add_current_input(self._key(key), self._input(inp), label)

    def add_delta_input(self, key: str, inp: Input, label: str | None = None) -> None:
        """Register a jump of these neurons; see `Dynamics.add_delta_input`.

        Args:
            key: A name; one key holds one input of a view.
            inp: A function without arguments, or a value, which is used once.
            label: A group name by which `sum_delta_inputs` can select, None.
        """
        self.population.add_delta_input(self._key(key), self._input(inp), label)

    def get_input(self, key: str) -> Input:
        """The input that was registered for this view under this key.

        Args:
            key: The key, `"label // key"` where there is a label.
        """
        found = self.population.get_input(self._key(key))
        return found.inp if isinstance(found, _Input) else found

    def align_pre(self, dyn: "Dynamics | Descriptor") -> "Dynamics":
        """Run a synapse on these neurons' output and return it; equal descriptions share one.

        Args:
            dyn: The synapse, or its description, such as `Expon.desc(tau=5 * u.ms)`.

        Raises:
            TypeError: It is neither.
        """
        described = None
        if isinstance(dyn, Descriptor):
            described = dyn.with_defaults(in_size=self.in_size)
        elif not isinstance(dyn, brainstate.nn.Dynamics):
            raise TypeError(
                f"{self!r}.align_pre: expected a Dynamics or a description such as Expon.desc(), "
                f"got {show(dyn)}"
            )
        hooks = (self.after_updates or {}).values()
        for hook in hooks:
            if hook is dyn or (described and getattr(hook, "described", None) == described):
                return hook
        made: Any = dyn if described is None else described()
        made.described = described
        self.add_after_update(f"{type(made).__name__}_{len(hooks)}", made)
        return made

    # What projections hang on a population

    @property
    def before_updates(self) -> dict[str, Any]:
        """What runs before the population, for these neurons."""
        return self._hooks(self.population.before_updates)

    @property
    def after_updates(self) -> dict[str, Any]:
        """What runs after the population, for these neurons."""
        return self._hooks(self.population.after_updates)

    def add_before_update(self, key: str, hook: Callable[..., object]) -> None:
        """Run a function before each step of the population.

        Args:
            key: A name; one key holds one function of a view.
            hook: The function.
        """
        self.population.add_before_update(self._key(key), _Hook(self.selection, hook))

    def add_after_update(self, key: str, hook: Callable[..., object]) -> None:
        """Run a function after each step of the population, with these neurons' output.

        Args:
            key: A name; one key holds one function of a view.
            hook: The function.
        """
        wrapped = _Hook(self.selection, hook)
        if hasattr(hook, "_not_receive_update_output"):
            brainstate.nn.not_receive_update_output(wrapped)
        self.population.add_after_update(self._key(key), wrapped)

    def _hooks(self, hooks: dict[str, Any] | None) -> dict[str, Any]:
        mine = {k: h for k, h in (hooks or {}).items() if isinstance(h, _Hook)}
        return {k: h.hook for k, h in mine.items() if h.selection == self.selection}

    def _key(self, key: str) -> str:
        return f"{key} [{self.selection!r}]"

    def _input(self, inp: Input) -> Input:
        if callable(inp) and not isinstance(inp, u.Quantity):
            if self.selection.repeats:
                self.spread(0.0)  # says that it cannot be
            return _Input(self.selection, inp)
        return self.spread(inp)

    def __getitem__(self, item: Index) -> "View":
        return View(self, item)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in ("population", "selection"):
            raise AttributeError(name)
        if isinstance(getattr(self.population, name, None), brainstate.State):
            return StateView(self, name)
        raise StateError(
            f"{self!r} has no {name!r}: a view has the spikes, the inputs and, once they are "
            "initialised, the states of its neurons; ask its population for anything else"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Quantity:
        """An error: these neurons are advanced with their population.

        Args:
            args: Whatever it is called with.
            kwargs: The same by name.
        """
        kind = type(self.population).__name__
        raise InputError(
            f"{self!r} was called, but it is a part of a population: call the {kind} itself, once "
            "a step, and give these neurons their input by inputs or add_current_input"
        )

    def __repr__(self) -> str:
        return f"{type(self.population).__name__}[{self.selection!r}]"


class StateView:
    """A state of some neurons: `value` is read from and written to that of the population."""

    def __init__(self, view: View, name: str) -> None:
        self.view, self.name = view, name

    @property
    def value(self) -> Quantity:
        """The values of these neurons."""
        return self.view.take(self._whole.value)

    @value.setter
    def value(self, new: Quantity) -> None:
        self._whole.value = self.view.selection.replace(self._whole.value, new)

    @property
    def _whole(self) -> brainstate.State:
        found: brainstate.State = getattr(self.view.population, self.name)
        return found

    def __repr__(self) -> str:
        return f"{self.view!r}.{self.name}"


class ViewPrefetch(Prefetch):
    """A state of some neurons by name, read when it is called; its past by `delay.at(time)`."""

    def __init__(self, view: View, item: str) -> None:
        super().__init__(view.population, item)
        self.view = view

    @property
    def delay(self) -> "ViewPrefetchDelay":
        """The state some time ago."""
        return ViewPrefetchDelay(self.view, self.item)

    def get_item(self) -> StateView:
        """The state."""
        return StateView(self.view, self.item)

    def __call__(self, *args: Any, **kwargs: Any) -> Quantity:
        """The value of these neurons."""
        return self.view.take(super().__call__(*args, **kwargs))


class ViewPrefetchDelay(PrefetchDelay):
    """The past of a state of some neurons; `at` says of when."""

    def __init__(self, view: View, item: str) -> None:
        super().__init__(view.population, item)
        self.view = view

    def at(self, *time_and_index: Quantity, interpolate: bool = False) -> PrefetchDelayAt:
        """The state some time ago.

        Args:
            time_and_index: The time: a scalar, or one per neuron of the view; and, if wanted, a
                list of its neurons.
            interpolate: Whether a time between two steps is taken as it is, False.
        """
        time, *index = time_and_index
        view = self.view[index[0]] if index else self.view
        numbers = view.selection.numbers
        past = past_of(view.population, self.item, time, numbers, interpolate=interpolate)
        return PrefetchDelayAt(past)


class _Input(brainstate.graph.Node):
    """A current or jump of some neurons as one of their population."""

    def __init__(self, selection: Selection, inp: Input) -> None:
        self.selection, self.inp = selection, inp

    def __call__(self, *args: Any, **kwargs: Any) -> Quantity:
        args = tuple(self._part(value) for value in args)
        kwargs = {name: self._part(value) for name, value in kwargs.items()}
        return self.selection.spread(self.inp(*args, **kwargs))

    def unbind_cond(self) -> None:
        """Forget what is bound for this step, where it is an output of a projection."""
        if hasattr(self.inp, "unbind_cond"):
            self.inp.unbind_cond()

    def _part(self, value: Quantity) -> Quantity:
        shape = self.selection.shape
        return self.selection.take(value) if np.shape(value)[-len(shape) :] == shape else value


class _Hook(brainstate.nn.Module):
    """What runs before or after a population, for some of its neurons."""

    def __init__(self, selection: Selection, hook: Callable[..., object]) -> None:
        super().__init__()
        self.selection, self.hook = selection, hook

    def update(self, *args: Quantity) -> Quantity:
        """Call it, with these neurons' part of the output."""
        return self.hook(*(self.selection.take(value) for value in args))
