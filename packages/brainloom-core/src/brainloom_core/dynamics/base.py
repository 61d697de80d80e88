"""`Dynamics`: a population with states, derivatives and registered inputs."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, Any, ClassVar

import brainstate
import brainunit as u
import jax.numpy as jnp
import numpy as np

from ..context import current_dt
from ..declare.constraints import Constraint
from ..declare.declared import Declared
from ..declare.descriptor import Descriptor
from ..declare.parameters import REQUIRED, option
from ..equations import Equations, read_equations
from ..errors import DeclarationError, InputError, ParameterError, UnitError
from ..small_steps import in_two_parts
from ..types import Arguments, Index, Input, Quantity, Scheme, Shape, Size, Values
from ..units import dimension_name, same_dimension, show, to_number, with_unit
from .delays import Prefetch, PrefetchDelayAt, past_of
from .numerics import NumericsOf
from .solvers import SOLVERS, get_solver, is_solver, solver_facts
from .step import call_arguments
from .views import View

__all__ = ["Dynamics"]

_known_solver = Constraint(
    "one of "
    + ", ".join(map(repr, ("auto", *SOLVERS)))
    + ", one in parts such as 'rk4x10', or a function",
    is_solver,
)


@dataclass(frozen=True)
class Drift:
    """The derivative of one state as a function of all states, and which of them it depends on."""

    rate: Callable[[Values], Quantity]
    depends: frozenset[str]

    def __call__(self, y: Values) -> Quantity:
        return self.rate(y)


class Dynamics(Declared, brainstate.nn.Dynamics):
    """Base of neurons and synapses: equations in, everything else here.

    The derivative of a declared state `x` is the method `dx`; its arguments are states by name
    and, where the equation has an input current, `I`. The current is summed while the
    derivative is evaluated, with the running membrane potential, so that a conductance-based
    input takes part in the equation (and in its slope) instead of being frozen.

    A model whose equations are linear in its states says `linear = True` and gets their exact
    propagator.

    Currents that act elsewhere than at `V`, such as those into a dendrite, have a label. A class
    that has such places names them in `input_sites`, each with the state that is the potential
    there: with `input_sites = {"dendrite": "V_d"}`, equations may take `I_dendrite`, the sum of
    the currents that are registered with `label="dendrite"`, called with `V_d`. The others make up
    `I`, and a label that is no such place is an error.

    A class with an `update` of its own may take anything by it. If its argument still is what the
    class attributes say, a current in `input_unit` for a neuron and what is added to `jump_states`
    for a synapse, it says `input_as_declared = True`, and projections use and check it as such.

    Args:
        in_size: Number of neurons, or the shape of the population.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`, a name in `SOLVERS` or a function.
    """

    signature_layout: ClassVar[tuple[str | EllipsisType, ...]] = (
        "in_size",
        ...,
        "name",
        "*",
        "solver",
    )
    signature_frame: ClassVar[Arguments] = {"in_size": REQUIRED, "name": None}
    equations: ClassVar[Equations]
    equation_methods: ClassVar[dict[str, Set[str]]] = {"d": {"I"}}
    input_sites: ClassVar[Mapping[str, str]] = {}
    linear: ClassVar[bool] = False
    input_as_declared: ClassVar[bool] = False
    role: ClassVar[str] = "population"  # how a `Network` treats it
    numerics = NumericsOf()  # not annotated: that would make it an argument to type checkers
    described: Descriptor | None = None

    if TYPE_CHECKING:
        in_size: Any = option(kw_only=False)
        name: str | None = None

    solver: Scheme | str = option(
        default="auto", constraint=_known_solver, doc="time-stepping scheme"
    )

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        says = {"update", "input_as_declared"}
        if "input_as_declared" not in vars(next(b for b in cls.__mro__ if says & vars(b).keys())):
            cls.input_as_declared = False  # whoever writes an update says it anew
        # A family without states of its own leaves them, and what its equations name, to members.
        whole = any(spec.kind is not brainstate.ShortTermState for spec in cls._states.values())
        others: Set[str] | None = frozenset() if whole else None
        sites = {f"I_{site}" for site in cls.input_sites}
        methods = {**cls.equation_methods, "d": cls.equation_methods["d"] | sites}
        cls.equations = read_equations(cls, cls._states, methods, others)
        cls._check_linear()
        for site, at in cls.input_sites.items():
            if at not in cls._states:
                raise DeclarationError(
                    f"{cls.__name__}.input_sites[{site!r}]: there is no state {at!r}. The states "
                    f"are {', '.join(cls._states)}"
                )

    @classmethod
    def _check_linear(cls) -> None:
        """Refuse a class that changes equations and inherits the claim that they are linear."""
        claims: Any = next(base for base in cls.__mro__ if "linear" in vars(base))
        changed = [f"d{name}" for name in cls.equations.derivatives if f"d{name}" in vars(cls)]
        if cls.linear and changed and claims is not cls and claims.equations.derivatives:
            raise DeclarationError(
                f"{cls.__name__}: it inherits linear = True from {claims.__name__} and has a "
                f"{changed[0]} of its own. Write linear = True again if all equations are still "
                "linear in the states, which gives them their exact propagator; otherwise "
                "linear = False"
            )

    def configure_frame(self, in_size: Size, name: str | None) -> None:
        """Set the size.

        Args:
            in_size: Number of neurons, or the shape of the population.
            name: Name of the module.

        Raises:
            ParameterError: It is no size.
        """
        sizes = in_size if isinstance(in_size, (tuple, list)) else (in_size,)
        whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in sizes)
        if not sizes or not whole or min(sizes) < 1:
            raise ParameterError(
                f"{type(self).__name__}.in_size: expected a whole number >= 1 or a tuple of "
                f"them, got {in_size!r}"
            )
        brainstate.nn.Dynamics.__init__(self, tuple(int(n) for n in sizes), name=name)
        self._current_inputs: dict[str, Input] = {}
        self._delta_inputs: dict[str, Input] = {}

    def configure(self, frame: Arguments | None, values: Arguments) -> None:
        super().configure(frame, values)
        wide = [name for name in self.equations.derivatives if self._states[name].per is not None]
        if wide and (facts := solver_facts(get_solver(self.solver))).one_shape:
            raise ParameterError(
                f"{type(self).__name__}.solver: expected another one than {facts.name!r}, which "
                f"needs states of one shape: {', '.join(wide)} has an axis of its own"
            )

    # Parts

    __iter__ = None  # without it, Python would take one neuron after the other

    def __getitem__(self, item: Index) -> View:
        return View(self, item)

    def __call__(self, *args: Any, **kwargs: Any) -> Quantity:
        """Advance by one step with what is attached before and after; see `update`.

        Args:
            args: What `update` takes.
            kwargs: The same, by name.
        """
        return super().__call__(*call_arguments(self, args), **kwargs)

    # Inputs

    @property
    def current_inputs(self) -> dict[str, Input]:
        """Registered input currents by key."""
        return self._current_inputs

    @property
    def delta_inputs(self) -> dict[str, Input]:
        """Registered jumps by key."""
        return self._delta_inputs

    def add_current_input(self, key: str, inp: Input, label: str | None = None) -> None:
        """Register a current that enters the right-hand side of the membrane equation.

        Args:
            key: A name; one key holds one input.
            inp: A function of the arguments that the model passes (the potential), which
                stays, or a value, which is used in the next step and then dropped.
            label: A group name by which `sum_current_inputs` can select; where the model has
                `input_sites`, the one of them at which the current acts.

        Raises:
            InputError: The key already holds another input, or the label names no site.
        """
        if label is not None and self.input_sites and label not in self.input_sites:
            raise InputError(
                f"{type(self).__name__}: the current input {key!r}: expected a label among "
                f"{list(self.input_sites)}, where currents act that are not for V, or none, got "
                f"{label!r}"
            )
        self._add_input(self._current_inputs, "current", key, inp, label)

    def add_delta_input(self, key: str, inp: Input, label: str | None = None) -> None:
        """Register a jump that is added to a state after its integration; see above.

        Args:
            key: A name; one key holds one input.
            inp: A function without arguments, which stays, or a value, which is used once.
            label: A group name by which `sum_delta_inputs` can select, None.

        Raises:
            InputError: The key already holds another input.
        """
        self._add_input(self._delta_inputs, "delta", key, inp, label)

    def get_input(self, key: str) -> Input:
        """The input stored under this key (with its label, if it has one).

        Args:
            key: The key, `"label // key"` where there is a label.

        Raises:
            InputError: There is no such input.
        """
        for store in (self._current_inputs, self._delta_inputs):
            if key in store:
                return store[key]
        known = sorted({*self._current_inputs, *self._delta_inputs})
        raise InputError(f"{type(self).__name__}: no input {key!r}; there are {known}")

    def sum_current_inputs(
        self,
        init: Quantity,
        *args: Quantity,
        label: str | None = None,
        pop: bool = True,
        **kwargs: Quantity,
    ) -> Quantity:
        """`init` plus all registered currents, functions being called with the arguments.

        Args:
            init: What the currents are added to, such as the input of the call, mA.
            args: What functions among the inputs are called with: the membrane potential.
            label: Which group to sum, None for all.
            pop: Whether values, which serve once, are forgotten, True.
            kwargs: Arguments by name for the functions.
        """
        return self._sum_inputs(self._current_inputs, init, args, kwargs, label, pop)

    def sum_delta_inputs(
        self,
        init: Quantity,
        *args: Quantity,
        label: str | None = None,
        pop: bool = True,
        **kwargs: Quantity,
    ) -> Quantity:
        """`init` plus all registered jumps.

        Args:
            init: What the jumps are added to, such as the membrane potential, mV.
            args: What functions among the inputs are called with.
            label: Which group to sum, None for all.
            pop: Whether values, which serve once, are forgotten, True.
            kwargs: Arguments by name for the functions.
        """
        return self._sum_inputs(self._delta_inputs, init, args, kwargs, label, pop)

    def align_pre(self, dyn: "Dynamics | Descriptor") -> "Dynamics":
        """Run a synapse on this population's output and return it; equal descriptions share one.

        Args:
            dyn: The synapse, or its description, such as `Expon.desc(tau=5 * u.ms)`.

        Raises:
            TypeError: It is neither.
        """
        if isinstance(dyn, Descriptor):
            dyn = dyn.with_defaults(in_size=self.varshape)
            return self._aligned(lambda it: it.described == dyn) or self._align(dyn(), dyn)
        if isinstance(dyn, brainstate.nn.Dynamics):
            return self._aligned(lambda it: it is dyn) or self._align(dyn, None)
        raise TypeError(
            f"{type(self).__name__}.align_pre: expected a Dynamics or a description such as "
            f"Expon.desc(), got {show(dyn)}"
        )

    # The past

    def prefetch(self, item: str) -> Prefetch:
        """A state by name, which need not exist yet: a function that gives its value.

        `prefetch(item).delay.at(time)` gives that of a time ago, see `PrefetchDelay.at`.

        Args:
            item: Name of the state, such as `"V"`.
        """
        return Prefetch(self, item)

    def prefetch_delay(
        self,
        state: str,
        *time_and_index: Quantity,
        init: Quantity | None = None,
        interpolation: str | None = None,
    ) -> PrefetchDelayAt:
        """As `prefetch(state).delay.at(*time_and_index)`.

        Args:
            state: Name of the state.
            time_and_index: The time, and, if wanted, a list of neurons.
            init: What it was before the first step, None for its initial value.
            interpolation: `"linear"` to take times between two steps as they are, None to round.
        """
        return self._past(state, time_and_index, init, interpolation)

    def output_delay(
        self,
        *time_and_index: Quantity,
        init: Quantity | None = None,
        interpolation: str | None = None,
    ) -> PrefetchDelayAt:
        """What `update` returned a time ago, zero (or `init`) before the first step; see above.

        Args:
            time_and_index: The time, and, if wanted, a list of neurons.
            init: What it returned before the first step, None for zero.
            interpolation: `"linear"` to take times between two steps as they are, None to round.
        """
        return self._past(None, time_and_index, init, interpolation)

    def _past(
        self,
        item: str | None,
        time_and_index: tuple[Quantity, ...],
        start: Quantity,
        interpolation: str | None,
    ) -> PrefetchDelayAt:
        if interpolation not in (None, "linear"):
            raise ParameterError(
                f"{type(self).__name__}.prefetch_delay.interpolation: expected None or 'linear', "
                f"got {show(interpolation)}"
            )
        linear = interpolation == "linear"
        return PrefetchDelayAt(
            past_of(self, item, *time_and_index, start=start, interpolate=linear)
        )

    def _aligned(self, wanted: "Callable[[Dynamics], bool]") -> "Dynamics | None":
        after = (self.after_updates or {}).values()
        return next((it for it in after if isinstance(it, Dynamics) and wanted(it)), None)

    def _align(self, dyn: "Dynamics", described: Descriptor | None) -> "Dynamics":
        dyn.described = described
        self.add_after_update(f"{type(dyn).__name__}_{len(self.after_updates or {})}", dyn)
        return dyn

    def _add_input(
        self, store: dict[str, Input], kind: str, key: str, inp: Input, label: str | None
    ) -> None:
        stored = key if label is None else f"{label} // {key}"
        if store.get(stored, inp) is not inp:
            raise InputError(
                f"{type(self).__name__}: the {kind} input {stored!r} is already set. Was its "
                "projection called twice in one step, or the population not called since?"
            )
        store[stored] = inp

    def _sum_inputs(
        self,
        store: dict[str, Input],
        total: Quantity,
        args: tuple[Quantity, ...],
        kwargs: Arguments,
        label: str | None,
        pop: bool,
    ) -> Quantity:
        for key in list(store):
            if label is None or key.startswith(f"{label} // "):
                inp = store[key]
                value = inp(*args, **kwargs) if callable(inp) else inp
                total = self._added(key, total, value)
                if pop and not callable(inp):
                    del store[key]
        return total

    def _added(self, key: str, total: Quantity, value: Quantity) -> Quantity:
        if not same_dimension(total, value):
            raise InputError(
                f"{type(self).__name__}: the input {key!r} should be {dimension_name(total)}, "
                f"got {show(value)}"
            )
        shapes = np.shape(total), np.shape(value)
        if () not in shapes and shapes[0] != shapes[1]:
            self.check_shape(f"the input {key!r}", value)
        return total + value

    # Integration

    def call_equation(self, method: str, y: Values) -> Any:
        """Call one of the model's equations with the states that it names, or `**all`.

        Args:
            method: Name of the method, such as `"dV"` or `"threshold"`.
            y: Values by name.
        """
        return self.equations.call(self, method, y)

    def state_values(self) -> dict[str, Quantity]:
        """The values of all states that the model keeps, by name."""
        return {name: getattr(self, name).value for name in self._kept_states()}

    def assign_states(self, values: dict[str, Quantity]) -> None:
        """Write states, keeping the unit and the dtype that each has.

        Args:
            values: New values by name of the state.
        """
        for name, value in values.items():
            state = getattr(self, name)
            unit = u.get_unit(state.value)
            number = jnp.asarray(to_number(value, unit), dtype=state.value.dtype)
            state.value = with_unit(number, unit)

    def drifts(self, x: Quantity) -> dict[str, Drift]:
        """The declared derivatives as functions of all states, by name of the state.

        Args:
            x: Input of the step, to which registered currents are added.
        """
        return {name: self.drift(name, x) for name in self.equations.derivatives}

    def drift(self, name: str, x: Quantity) -> Drift:
        """The derivative of one state as a function of all, and the states on which it depends.

        Args:
            name: Name of the state.
            x: Input of the step, to which registered currents are added.
        """
        names = self.equations.derivatives[name] or ()
        sites = [site for site in self.input_sites if f"I_{site}" in names]

        def rate(y: Values) -> Quantity:
            if "I" in names:
                y = {**y, "I": self._current_elsewhere(x, y.get("V", y[name]))}
            for site in sites:
                here, none = y[self.input_sites[site]], 0.0 * u.get_unit(x)
                total = self.sum_current_inputs(none, here, label=site, pop=False)
                y = {**y, f"I_{site}": total}
            return self._in_its_unit(name, self._called_equation(f"d{name}", y), y[name])

        return Drift(rate, self.equations.depends(name))

    def _called_equation(self, equation: str, y: Values) -> Quantity:
        try:
            return self.call_equation(equation, y)
        except (u.UnitMismatchError, u.DimensionMismatchError) as error:
            raise UnitError(
                f"{type(self).__name__}.{equation}: its units do not fit together: {error}"
            ) from error

    def _in_its_unit(self, name: str, rate: Quantity, value: Quantity) -> Quantity:
        """The derivative of a state, which is in the unit of the state by one of time."""
        if not same_dimension(rate * u.ms, value):
            raise UnitError(
                f"{type(self).__name__}.d{name}: expected the unit of {name} by that of a time, "
                f"{u.get_unit(value) / u.ms}, got {u.get_unit(rate)}"
            )
        return rate

    def _current_elsewhere(self, x: Quantity, V: Quantity) -> Quantity:
        """The sum of the currents that act at no site."""
        if not self.input_sites:
            return self.sum_current_inputs(x, V, pop=False)
        labels = tuple(f"{site} // " for site in self.input_sites)
        rest = {k: inp for k, inp in self._current_inputs.items() if not k.startswith(labels)}
        return self._sum_inputs(rest, x, (V,), {}, None, pop=False)

    def release_inputs(self) -> None:
        """Forget this step's inputs: what is not given anew in a step must not act in it.

        A `Neuron` does so itself; a class with an `update` of its own does it at its end.
        """
        for store in (self._current_inputs, self._delta_inputs):
            for key, inp in list(store.items()):
                if hasattr(inp, "unbind_cond"):
                    inp.unbind_cond()
                elif not callable(inp):
                    del store[key]

    @staticmethod
    def semantics(source: "Dynamics | type[Dynamics]") -> dict[str, str]:
        """Fields of `Numerics`, in words.

        Args:
            source: A model, or a class, which stands for its defaults.
        """
        return {}

    def integrate(self, y: Values, x: Quantity) -> dict[str, Quantity]:
        """The states one step later, without jumps and spikes.

        Args:
            y: Values of the states by name.
            x: Input of the step.

        Raises:
            InputError: Currents are registered, and no equation has one.
        """
        if self._current_inputs and not self.equations.has_current:
            raise InputError(
                f"{type(self).__name__} has no equation with a current: "
                f"{list(self._current_inputs)} would be lost. Use add_delta_input"
            )
        solver = get_solver(self.solver, linear=self.linear, coupled=self.equations.coupled)
        slow = [name for name in self.equations.derivatives if self._states[name].slow]
        step = in_two_parts(solver, slow)
        return {**y, **step(self.drifts(x), y, current_dt())}

    # Checks

    def _held_shape(self, state: str | None) -> Shape:
        """The shape of a state, the first that there is unless one is named."""
        held = [s for s in vars(self).values() if isinstance(s, brainstate.HiddenState)]
        found = held[0] if state is None and held else getattr(self, state or "V")
        return tuple(found.value.shape)

    def check_input(self, x: Quantity, unit: u.Unit, state: str) -> Quantity:
        """The input of a call, if it has the unit and the shape that it needs.

        Args:
            x: The input.
            unit: The unit that it has to be in, or one of its dimension.
            state: Name of a state that has the shape of the population, and of a batch.

        Raises:
            InputError: It does not.
        """
        if not same_dimension(x, unit):
            hint = ""
            if same_dimension(x, u.ms):
                hint = (
                    ". The time is no argument: simulate sets it, and so does "
                    "brainstate.environ.context(t=t) in a loop of your own"
                )
            raise InputError(
                f"{type(self).__name__}.update(x): expected {dimension_name(unit)}, for example "
                f"{show(1.0 * unit)}, got {show(x)}{hint}"
            )
        self.check_shape("update(x)", x, state)
        return x

    def check_shape(self, what: str, x: Quantity, state: str | None = None) -> None:
        """Accept a scalar, one value per neuron, or exactly the shape of the states.

        Args:
            what: What it is, for the error.
            x: The value.
            state: Name of a state that has the shape of the population, None for the first.

        Raises:
            InputError: It has another shape.
        """
        shape, held = np.shape(x), self._held_shape(state)
        if shape in ((), self.varshape, held):
            return
        hint = ""
        if len(shape) == len(self.varshape) + 1 and shape[1:] == self.varshape:
            hint = (
                ". It has a batch axis that the states do not have: initialise them with "
                f"brainstate.nn.init_all_states(net, batch_size={shape[0]})"
            )
        raise InputError(
            f"{type(self).__name__}: {what}: expected a scalar or shape {held}, "
            f"got shape {shape}{hint}"
        )
