"""`Synapse`: kinetics of a conductance; `SynOut`: what it does to the membrane."""

from collections.abc import Set
from typing import ClassVar

import brainunit as u

from ..context import current_dt
from ..declare.declared import Declared
from ..errors import InputError
from ..types import Quantity, Time, Values
from .base import Dynamics
from .solvers import get_solver, step_mean

__all__ = ["AlignPost", "SynOut", "Synapse"]


class AlignPost:
    """Mixin that marks kinetics which are linear in their input.

    The sum over all synapses of a neuron then obeys the same equation as each one of them, so
    that one state per postsynaptic neuron is exact.
    """


class Synapse(Dynamics):
    r"""Base of the synaptic kinetics.

    A model declares its parameters, states and derivatives, the states that a spike increments
    (`jump_states`) and the conductance that results. One step is: decay, then the jumps that
    arrived. The states are thus those just after the spikes of this step; what drives the
    membrane during the step is `mean_conductance`, their mean over it, which makes the charge
    of a postsynaptic potential independent of `dt`. This holds for all kinetics: what is recorded
    or returned is the value after the jumps, what acts is the mean from there on. The mean is
    exact where the equations are linear in all states together and `conductance` in the states.

    Args:
        in_size: Number of synapses, or their shape.
        name: Name of the module.
        solver: Time-stepping scheme, a name in `SOLVERS` or a function.
    """

    signature_layout = ("in_size", "name", ..., "*", "solver")
    input_as_declared: ClassVar[bool] = True
    jump_states: ClassVar[tuple[str, ...]] = ("g",)
    equation_methods: ClassVar[dict[str, Set[str]]] = {
        **Dynamics.equation_methods,
        "conductance": frozenset(),
    }

    def conductance(self, *args: Quantity, **states: Quantity) -> Quantity:
        """The conductance that the states amount to; a model takes them by name.

        Args:
            args: Empty here; a model takes the states that it needs by name, as in
                `conductance(self, g)`.
            states: All states by name.
        """
        return states[self.jump_states[0]]

    def update(self, x: Quantity | None = None) -> Quantity:
        """Decay by one step, add the registered jumps and `x`, return the conductance.

        Args:
            x: What arrives with this step, in the unit of the first of `jump_states`; scalar, one
                per synapse, or of the shape of the states; None for nothing.

        Returns:
            The conductance after the jumps, shape `(*batch, *in_size)`.
        """
        first = self.jump_states[0]
        unit = u.get_unit(getattr(self, first).value)
        x = 0.0 * unit if x is None else self.check_input(x, unit, first)
        y = self.integrate(self.state_values(), None)
        jump = self.sum_delta_inputs(x)
        self.assign_states({**y, **{name: y[name] + jump for name in self.jump_states}})
        return self.call_equation("conductance", self.state_values())

    def mean_conductance(self) -> Quantity:
        """Mean conductance over the coming step."""
        means = self.step_means(self.state_values(), current_dt())
        return self.call_equation("conductance", means)

    def step(self, *args: Quantity) -> Quantity:
        """Advance by one step, as a call does, and return what drives the membrane in the next.

        Args:
            args: What `update` takes.
        """
        g = self(*args)
        return self.mean_conductance() if self.equations.derivatives else g

    # A time may be an array here, with an element for each synapse.

    def flow(self, y: Values, time: Time) -> dict[str, Quantity]:
        """The states after a time without jumps.

        Args:
            y: Values of the states by name.
            time: The time, one for all or one for each synapse.
        """
        solver = get_solver(self.solver, linear=self.linear, coupled=self.equations.coupled)
        return {**y, **solver(self.drifts(None), y, time)}

    def step_means(self, y: Values, time: Time) -> dict[str, Quantity]:
        """The means of the states over the coming time.

        Args:
            y: Values of the states by name.
            time: The time, one for all or one for each synapse.
        """
        return {**y, **step_mean(self.drifts(None), y, time)}

    @staticmethod
    def semantics(source: Dynamics | type[Dynamics]) -> dict[str, str]:
        if not source.jump_states:
            return {}
        jumping = " and ".join(source.jump_states)
        after = f"added to {jumping} at the end of the step"
        return {"jump": f"{after}; what acts is the mean conductance from there on"}


class SynOut(Declared):
    """Base of the synaptic outputs: turns a bound conductance into a current, `out(V)`.

    One with `is_conductance_based` multiplies the conductance by a driving force, which has the
    sign of the effect, so that weights of a projection are meant to be positive.
    """

    is_conductance_based: ClassVar[bool] = False
    _bound: Quantity | None = None

    @property
    def bound(self) -> Quantity:
        """The conductance of this step, None where none is bound."""
        return self._bound

    def bind_cond(self, g: Quantity) -> None:
        """Set the conductance for this step.

        Args:
            g: The conductance, shape `(*batch, *in_size)` of the population.
        """
        self._bound = g

    def unbind_cond(self) -> None:
        """Forget the conductance."""
        self._bound = None

    def __call__(self, *args: Quantity) -> Quantity:
        """The current at these arguments (the membrane potential).

        Args:
            args: The membrane potential, for outputs that depend on it.

        Raises:
            InputError: No conductance is bound.
        """
        if self._bound is None:
            raise InputError(
                f"{type(self).__name__}: no conductance is bound for this step. Call the "
                "projection before the population, and the population as pop(x), not pop.update(x)"
            )
        return self.update(self._bound, *args)
