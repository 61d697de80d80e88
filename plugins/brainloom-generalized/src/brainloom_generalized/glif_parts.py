"""What the five GLIF models are made of."""

from typing import ClassVar

import brainunit as u
from brainloom_core import initializer, non_negative, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity, Values

from .base import Suspended

__all__ = ["AfterSpikeCurrents", "Glif", "ResetRules"]


class Glif(Suspended):
    """Membrane, threshold and reset of all five."""

    spk_reset: str = "hard"  # the one that there is
    input_unit: ClassVar[u.Unit] = u.pA
    C: Quantity = param(default=58.72 * u.pF, constraint=positive, doc="membrane capacitance")
    G: Quantity = param(default=9.43 * u.nS, constraint=positive, doc="membrane conductance")
    E_L: Quantity = param(default=-78.85 * u.mV, doc="resting potential")
    V_th: Quantity = param(default=-51.68 * u.mV, doc="threshold at rest", above="E_L")
    tau_ref: Quantity = param(default=3.75 * u.ms, constraint=non_negative, doc="refractory period")
    V_initializer: Initializer = initializer(default=-78.85 * u.mV)
    V = state("V_initializer", "membrane potential")

    def scale(self) -> Quantity:
        return self.V_th - self.E_L

    def reset_to(self, V: Quantity) -> Quantity:
        """Where a spike sets the potential."""
        raise NotImplementedError

    def reset_potential(self, y: Values, spk: Array) -> Quantity:
        return self.replaced(y["V"], spk, self.reset_to(y["V"]))


class ResetRules(Glif):
    """Reset rules from data."""

    f_V: Quantity = param(default=0.2, doc="part of the potential that a spike leaves")
    V_add: Quantity = param(default=18.51 * u.mV, doc="what a spike adds to the potential")
    theta_add: Quantity = param(default=0.37 * u.mV, doc="what a spike adds to the threshold")
    b_s: Quantity = param(
        default=0.009 / u.ms, constraint=positive, doc="rate of decay of what spikes added"
    )
    theta_s_initializer: Initializer = initializer(default=0.0 * u.mV)
    theta_s = state("theta_s_initializer", "part of the threshold from spikes", slow=True)

    def reset_to(self, V: Quantity) -> Quantity:
        """Where a spike sets the potential."""
        return self.E_L + self.f_V * (V - self.E_L) + self.V_add

    def raised(self, theta_s: Quantity, spk: Array) -> Quantity:
        """The threshold from spikes after some spikes.

        Args:
            theta_s: The threshold from spikes before them.
            spk: The spikes.
        """
        left = u.math.exp(-u.get_magnitude(self.b_s * self.tau_ref))
        return theta_s + spk * (left * theta_s + self.theta_add - theta_s)


class AfterSpikeCurrents(Glif):
    """After-spike currents."""

    k1: Quantity = param(
        default=0.003 / u.ms, constraint=positive, doc="decay of the first after-spike current"
    )
    k2: Quantity = param(
        default=0.1 / u.ms, constraint=positive, doc="decay of the second after-spike current"
    )
    A1: Quantity = param(default=-9.18 * u.pA, doc="what a spike adds to the first current")
    A2: Quantity = param(default=-198.94 * u.pA, doc="what a spike adds to the second current")
    R1: Quantity = param(default=1.0, doc="what a spike leaves of the first current")
    R2: Quantity = param(default=1.0, doc="what a spike leaves of the second current")
    I1_initializer: Initializer = initializer(default=0.0 * u.pA)
    I1 = state("I1_initializer", "first after-spike current", slow=True)
    I2_initializer: Initializer = initializer(default=0.0 * u.pA)
    I2 = state("I2_initializer", "second after-spike current", slow=True)

    def driven(self, I1: Quantity, I2: Quantity, spk: Array) -> dict[str, Quantity]:
        """The after-spike currents after some spikes.

        Args:
            I1: The first current before them.
            I2: The second one.
            spk: The spikes.
        """
        left1 = self.R1 * u.math.exp(-u.get_magnitude(self.k1 * self.tau_ref))
        left2 = self.R2 * u.math.exp(-u.get_magnitude(self.k2 * self.tau_ref))
        return {
            "I1": I1 + spk * (left1 * I1 + self.A1 - I1),
            "I2": I2 + spk * (left2 * I2 + self.A2 - I2),
        }
