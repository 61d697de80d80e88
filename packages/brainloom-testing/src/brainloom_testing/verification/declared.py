"""The equations that a model declares, as plain numbers for scipy."""

import inspect
import math
from collections.abc import Callable

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
from brainloom_core import Crossing, Dynamics, Neuron
from brainloom_core.types import Quantity, Values
from brainloom_core.units import to_number, with_unit

from ..declarations import derivatives, signature
from ..running import values
from .oracles.equations import Array, Equations

__all__ = ["DeclaredEquations", "call", "has_own_reset"]


def has_own_reset(cls: type) -> bool:
    """Whether a spike sets V by a rule of the class.

    One that takes `spk_reset` and has a `V_reset` is held to what these say, whatever it overrides.
    """
    own = getattr(cls, "reset_potential", None) is not Neuron.reset_potential
    return own and not ("spk_reset" in signature(cls) and hasattr(cls, "V_reset"))


def call(function: Callable[..., Quantity], y: Values) -> Quantity:
    """Call an equation of a model with the values that it names, or with all if it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return function(**y)
    return function(**{p.name: y[p.name] for p in parameters})


class DeclaredEquations:
    """The declared equations of one neuron, of vectors of all states that have a derivative.

    Args:
        model: A model of size 1 with its states.
        unit: Unit of the current.
    """

    def __init__(self, model: Dynamics, unit: u.Unit) -> None:
        self.model, self.unit = model, unit
        first = values(model)
        self.names = sorted(derivatives(type(model)), key="V".__ne__)
        self.units = {name: u.get_unit(first[name]) for name in self.names}
        self.shapes = {name: np.shape(u.get_mantissa(first[name])) for name in self.names}
        self.others = {k: v for k, v in first.items() if k not in self.names}
        self._rates = jax.jit(self._rates_of)
        self._excess = jax.jit(lambda y: self._plain_excess(self.unpacked(y)))
        self._jump = jax.jit(lambda y: self.pack(self.after_spike(self.unpacked(y))))

    def pack(self, y: Values) -> jax.Array:
        """The states as one vector, V first."""
        plain = [jnp.ravel(to_number(y[name], self.units[name])) for name in self.names]
        return jnp.concatenate([jnp.asarray(x, jnp.float64) for x in plain])

    def unpacked(self, vector: jax.Array) -> dict[str, Quantity]:
        """The states by name, from a vector."""
        found, at = dict(self.others), 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            number = jnp.reshape(vector[at : at + size], shape)
            found[name], at = with_unit(number, self.units[name]), at + size
        return found

    def threshold(self, y: Values) -> Quantity:
        """The potential at which the model spikes."""
        return call(self.model.threshold, y)

    @property
    def has_own_reset(self) -> bool:
        """Whether the model says itself where a spike sets V, so that this is not known here."""
        return has_own_reset(type(self.model)) and not isinstance(self.model, Crossing)

    def after_spike(self, y: Values, rule: str = "hard") -> dict[str, Quantity]:
        """The states after a spike, by the rule of reset."""
        jumped = call(self.model.on_spike, {**y, "spk": jnp.ones(self.shapes["V"])})
        target = self.model.V_reset
        V = y["V"] - (self.threshold(y) - target) if rule == "soft" else target
        return {**y, **jumped, "V": 0.0 * y["V"] + V}

    def equations(self, start: Quantity) -> Equations:
        """For `solve`, up to the first spike where the base class does not reset V."""
        resets = not (isinstance(self.model, Crossing) or self.has_own_reset)
        return Equations(
            tuple(self.names),
            lambda y, I, p: np.asarray(self._rates(np.asarray(y), I)).tolist(),
            lambda p: np.asarray(start).tolist(),
            lambda y, p: float(self._excess(np.asarray(y))),
            (lambda y, p: self._reset(y)) if resets else None,
            source="the declared equations of the model; DOP853, rtol 1e-10",
        )

    def _reset(self, y: Quantity) -> list[float]:
        found: Array = np.asarray(self._jump(np.asarray(y)))
        return list(found.tolist())

    def _rates_of(self, vector: jax.Array, current: Quantity) -> Quantity:
        sites = {f"I_{site}": with_unit(0.0, self.unit) for site in self.model.input_sites}
        y = {**self.unpacked(vector), "I": with_unit(current, self.unit), **sites}
        rates = {name: call(getattr(self.model, f"d{name}"), y) for name in self.names}
        like = {name: rates[name] * u.ms + 0.0 * y[name] for name in self.names}
        return self.pack(like)

    def _plain_excess(self, y: Values) -> Quantity:
        above = y["V"] - self.threshold(y)
        return jnp.ravel(jnp.asarray(to_number(above, self.units["V"])))[0]
