"""Transmission that follows the presynaptic potential instead of spikes."""

import brainstate
import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import ANY_UNIT, Synapse, initializer, param, positive, state
from brainloom_core.context import current_dt
from brainloom_core.types import Initializer, Quantity

from .receptors import PER_MS, Presynaptic

__all__ = ["GradedSynapse"]


class GradedSynapse(Presynaptic):
    r"""Graded synapse: transmitter is released as a function of the presynaptic potential.

    $$
    \frac{dg}{dt} = \alpha\,F(V_\mathrm{pre})\,(1 - g) - \beta\,g, \qquad
    F(V) = \frac{1}{1 + e^{-(V - \theta) / \sigma}}
    $$

    It needs no spikes, and transmits subthreshold oscillations as well as action potentials. $g$
    saturates at 1, in its unit; at a potential that stays it is
    $\frac{\alpha F}{\alpha F + \beta}$. A step is exact for a potential that is held over it, the
    one at its end; the synapse is one per presynaptic neuron (AlignPre), called with its
    potential.

    Args:
        in_size: Number of presynaptic neurons, or their shape.
        name: Name of the module.
        alpha: Opening rate $\alpha$, 12 / ms; scalar or one per synapse.
        beta: Closing rate $\beta$, 0.1 / ms; scalar or one per synapse.
        theta: Potential of half release $\theta$, 0 mV; scalar or one per synapse.
        sigma: Range of potentials over which release grows $\sigma$, 2 mV; scalar or one per
            synapse.
        g_initializer: Initial conductance, 0 mS; its unit, whichever it is, is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        g: Conductance, shape `(*batch, *in_size)`, mS.
        release: Release $F$ at the last potential, shape `(*batch, *in_size)`, no unit.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The potential has the wrong unit or shape, or jumps were registered.

    References:
        Wang & Rinzel (1992), Neural Comput. 4, 84, doi:10.1162/neco.1992.4.1.84; the defaults are
        those of Wang & Buzsáki (1996), J. Neurosci. 16, 6402,
        doi:10.1523/JNEUROSCI.16-20-06402.1996.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_synapses import GradedSynapse
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> synapse = GradedSynapse(2)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> g = synapse([-60.0, 20.0] * u.mV)
        >>> print(f"{g[0].to_decimal(u.mS):.3f}, {g[1].to_decimal(u.mS):.3f}")
        0.000, 0.696
    """

    alpha: Quantity = param(default=12.0 * PER_MS, constraint=positive, doc="opening rate")
    beta: Quantity = param(default=0.1 * PER_MS, constraint=positive, doc="closing rate")
    theta: Quantity = param(default=0.0 * u.mV, doc="potential of half release")
    sigma: Quantity = param(default=2.0 * u.mV, constraint=positive, doc="range of potentials")
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    g = state("g_initializer", "conductance")
    release = state(
        lambda model, shape: jnp.zeros(shape, brainstate.environ.dftype()),
        "release at the last potential",
        brainstate.ShortTermState,
    )
    linear = True

    def dg(self, g: Quantity, release: Quantity) -> Quantity:
        return self.alpha * release * (1.0 * u.get_unit(g) - g) - self.beta * g

    def update(self, V_pre: Quantity) -> Quantity:
        """Advance by one step with this presynaptic potential, return the conductance.

        Args:
            V_pre: Presynaptic potential, mV, shape `(*batch, *in_size)`.
        """
        V = self._arriving(V_pre, u.mV) * u.mV
        release = jax.nn.sigmoid(u.get_magnitude((V - self.theta) / self.sigma))
        y = self.state_values()
        y = {**y, "release": 0.0 * y["release"] + release}
        self.assign_states(self.flow(y, current_dt()))
        return self.call_equation("conductance", self.state_values())

    @staticmethod
    def semantics(source: Synapse | type[Synapse]) -> dict[str, str]:
        return {
            "input": "the potential is held over the step",
            "normalization": "saturates at 1 of the unit of g",
        }
