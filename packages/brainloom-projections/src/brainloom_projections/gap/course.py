"""Where a potential is in the middle of a step that is yet to be made, for what depends on it."""

from dataclasses import dataclass
from typing import Any

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import Declared, Neuron, state
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Population, Quantity
from brainloom_core.units import to_number, with_unit

__all__ = ["Begun", "Course"]


@dataclass(frozen=True)
class Begun:
    """A step of a population that begins.

    Attributes:
        V: The potential after the reset, shape `(*batch, n)`.
        rise: By how much it will have risen at the middle of the step, without junctions.
        gain: By how much a current that is held raises it until then.
    """

    V: Quantity
    rise: Quantity
    gain: Quantity


class Course(Declared):
    """Follows the potential of a population from the beginning of each step to its end.

    It is called after each step of the population. The rise to the middle of a step is half of
    that in the last one, currents of the junctions apart: what an expression of second order needs
    to know, without what else will enter the population in the step. After a reset, which ends
    what was before, it is taken for zero.
    """

    graph_invisible_attrs = (*Declared.graph_invisible_attrs, "_begun")
    _begun: Any = None

    half_rise = state(
        lambda course, shape: jnp.zeros(shape, brainstate.environ.dftype()),
        "rise in half of the last step without junctions, in the unit of the potential",
        brainstate.ShortTermState,
    )

    def __init__(self, population: Population, state: str, side: str) -> None:
        super().__init__()
        self.in_size, self.state, self.side = population.in_size, state, side

    def begin(self, population: Population) -> Begun:
        """The step that begins.

        Args:
            population: The population, before its step.
        """
        V = getattr(population, self.state).value
        start = self._after_reset(population, V)
        unit = u.get_unit(V)
        rise = jnp.where(to_number(start, unit) == to_number(V, unit), self.half_rise.value, 0.0)
        gain = self._gain(population, start)
        self._begun = population, start, gain, 0.0 * u.get_unit(V)
        flat = (*V.shape[: V.ndim - len(self.in_size)], -1)
        return Begun(*(x.reshape(flat) for x in (start, with_unit(rise, unit), gain)))

    def pushed(self, by: Quantity) -> None:
        """Take note of what the junctions add to the potential until the middle of the step.

        Args:
            by: The change of the potential, shape `(*batch, n)`.
        """
        population, start, gain, before = self._begun
        self._begun = population, start, gain, before + by.reshape(start.shape)

    def update(self, *args: object) -> None:
        """After a step of the population: how much of its rise was its own.

        Args:
            args: What the population returned, which is not used.
        """
        if self._begun is None:
            return
        population, start, _, pushed = self._begun
        self._begun = None
        V = getattr(population, self.state).value
        self.half_rise.value = to_number(0.5 * (V - start) - pushed, u.get_unit(V))

    def _after_reset(self, population: Population, V: Quantity) -> Quantity:
        if not isinstance(population, Neuron) or self.state != "V":
            return V
        return population.after_spike(state_values(population))["V"]

    def _gain(self, population: Population, V: Quantity) -> Quantity:
        """Half a step times the derivative of dV/dt by the input current."""
        none = 0.0 * V / (1.0 * getattr(population, "input_unit", u.UNITLESS))
        equations = getattr(population, "equations", None)
        if self.state != "V" or equations is None or "V" not in equations.derivatives:
            return none
        unit, rate = population.input_unit, u.get_unit(V) / u.ms
        values = {**state_values(population), "V": V}
        values |= {f"I_{site}": with_unit(0.0, unit) for site in population.input_sites}

        def rises(current: Array) -> Array:
            found = equations.call(population, "dV", values | {"I": with_unit(current, unit)})
            return jnp.broadcast_to(to_number(found, rate), V.shape)

        at = jnp.zeros(V.shape, u.get_mantissa(V).dtype)
        _, slope = jax.jvp(rises, (at,), (jnp.ones_like(at),))
        return none + 0.5 * current_dt() * with_unit(slope, rate) / (1.0 * unit)


def state_values(population: Population) -> dict[str, Quantity]:
    """Values of the declared states that a population keeps, by name."""
    return {
        name: held.value
        for name in population.equations.states
        if isinstance(held := vars(population).get(name), brainstate.State)
    }
