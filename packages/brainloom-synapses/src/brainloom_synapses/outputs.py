"""Synaptic outputs: from a conductance to a current."""

import brainunit as u
from brainloom_core import ANY_UNIT, SynOut, non_negative, param, positive
from brainloom_core.types import Quantity

__all__ = ["COBA", "CUBA", "MgBlock"]


class COBA(SynOut):
    r"""Conductance-based output, $I = g\,(E - V)$.

    Args:
        E: Reversal potential $E$, in mV; scalar or one per neuron.

    Raises:
        ParameterError: `E` is not a voltage.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 5.8; Brette et al. (2007),
        J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6 (its benchmark 1).

    Examples:
        >>> import brainunit as u
        >>> from brainloom_synapses import COBA
        >>> out = COBA(E=0 * u.mV)
        >>> out.bind_cond(6.0 * u.nS)
        >>> print(out(-60 * u.mV).to_decimal(u.pA))
        360.0
    """

    is_conductance_based = True

    E: Quantity = param(unit=u.mV, doc="reversal potential", kw_only=False)

    def update(self, g: Quantity, V: Quantity) -> Quantity:
        """The current of a conductance.

        Args:
            g: Conductance, mS, shape `(*batch, *in_size)` of the population.
            V: Membrane potential, mV, of the same shape.
        """
        return g * (self.E - V)


class CUBA(SynOut):
    r"""Current-based output, $I = g \cdot \mathrm{scale}$.

    Args:
        scale: What one unit of conductance drives, 1 V, so that mS becomes mA; 1 where the
            synapse is already a current.

    Raises:
        ParameterError: `scale` is not finite.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 7.2; Brette et al. (2007),
        J. Comput. Neurosci. 23, 349, doi:10.1007/s10827-007-0038-6 (its benchmark 2).

    Examples:
        >>> import brainunit as u
        >>> from brainloom_synapses import CUBA
        >>> out = CUBA()
        >>> out.bind_cond(2.0 * u.mS)
        >>> print(out().to_decimal(u.mA))
        2.0
    """

    scale: Quantity = param(default=1.0 * u.volt, doc="current per conductance", unit=ANY_UNIT)

    def update(self, g: Quantity, V: Quantity | None = None) -> Quantity:
        """The current of a conductance.

        Args:
            g: Conductance, mS, shape `(*batch, *in_size)` of the population.
            V: Accepted as by other outputs; the current does not depend on it.
        """
        return g * self.scale


class MgBlock(SynOut):
    r"""Conductance-based output that magnesium blocks at negative potentials.

    $$
    I = \frac{g\,(E - V)}
    {1 + \frac{[\mathrm{Mg}]}{\beta}\,e^{\alpha (V_\mathrm{offset} - V)}}
    $$

    Half of the conductance is open at
    $V = V_\mathrm{offset} + \ln([\mathrm{Mg}] / \beta) / \alpha$. Where the exponent exceeds 50
    it is held there: nothing flows, and gradients stay finite.

    Args:
        E: Reversal potential $E$, 0 mV; scalar or one per neuron.
        cc_Mg: Concentration of magnesium $[\mathrm{Mg}]$, 1.2, a number in mM, at least 0; scalar
            or one per neuron.
        alpha: Steepness of the block $\alpha$, 0.062 / mV, above 0; scalar or one per neuron.
        beta: Concentration $\beta$ that blocks half of the conductance at $V_\mathrm{offset}$,
            3.57, a number in mM, above 0; scalar or one per neuron.
        V_offset: Potential $V_\mathrm{offset}$, 0 mV; scalar or one per neuron.

    Raises:
        ParameterError: A parameter has the wrong unit or range.

    References:
        Jahr & Stevens (1990), J. Neurosci. 10, 3178, doi:10.1523/JNEUROSCI.10-09-03178.1990.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_synapses import MgBlock
        >>> out = MgBlock()
        >>> out.bind_cond(1.0 * u.mS)
        >>> print(f"{out(-60 * u.mV).to_decimal(u.uA):.3f}")
        4.035
    """

    is_conductance_based = True

    E: Quantity = param(default=0.0 * u.mV, doc="reversal potential")
    cc_Mg: Quantity = param(default=1.2, constraint=non_negative, doc="magnesium in mM")
    alpha: Quantity = param(default=0.062 / u.mV, constraint=positive, doc="steepness of the block")
    beta: Quantity = param(default=3.57, constraint=positive, doc="half-blocking magnesium in mM")
    V_offset: Quantity = param(default=0.0 * u.mV, doc="potential to which beta refers")

    def update(self, g: Quantity, V: Quantity) -> Quantity:
        """The current of a conductance.

        Args:
            g: Conductance, mS, shape `(*batch, *in_size)` of the population.
            V: Membrane potential, mV, of the same shape.
        """
        exponent = u.get_magnitude(self.alpha * (self.V_offset - V))
        blocked = self.cc_Mg / self.beta * u.math.exp(u.math.minimum(exponent, 50.0))
        return g * (self.E - V) / (1.0 + blocked)
