"""Containers: `Projection`, the base of all connections, and `Network`."""

from typing import Any, ClassVar

import brainstate

from .declared import real_signature
from .neuron import Neuron

__all__ = ["Network", "Projection"]


class Projection(brainstate.nn.Module):
    """Base of the projections, and a container of several: calls its children in order."""

    role: ClassVar[str] = "projection"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        real_signature(cls)

    def update(self, *args: Any) -> None:
        """Call every child module with the arguments.

        Args:
            args: What each child is called with.
        """
        children = list(self.children())
        if not children:
            raise ValueError(f"{type(self).__name__} has no update and holds no modules to call")
        for child in children:
            child(*args)


class Network(brainstate.nn.Module):
    """Populations and projections, advanced in the one order that is right.

    Assign them as attributes; a step first calls everything that acts on populations (projections,
    `PoissonInput`), then every population. A subclass that needs another input for each population
    writes its own `update`.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_core import Network, Neuron, initializer, param, state
        >>> class Leaky(Neuron):
        ...     tau = param(default=10 * u.ms)
        ...     V_th = param(default=20 * u.mV)
        ...     V_reset = param(default=0 * u.mV)
        ...     V_initializer = initializer(default=0 * u.mV)
        ...     V = state("V_initializer")
        ...     linear = True
        ...     def dV(self, V, I):
        ...         return (I * u.ohm - V) / self.tau
        >>> net = Network()
        >>> net.E, net.I = Leaky(4), Leaky(1)
        >>> _ = brainstate.nn.init_all_states(net)
        >>> with brainstate.environ.context(dt=0.1 * u.ms):
        ...     net(30 * u.mA)
        >>> bool((net.E.V.value > 0 * u.mV).all())
        True
    """

    def update(self, x: Any = None) -> None:
        """Advance by one step; `x` is the input of every population.

        Args:
            x: Input of every population, None for none.
        """
        children = list(self.children())
        for child in children:
            role = getattr(child, "role", None)
            if role == "projection" or getattr(child, "acts_on_populations", False):
                child()
        for child in children:
            if isinstance(child, Neuron):
                child(x)
