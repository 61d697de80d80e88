"""Synaptic outputs: from a conductance to a current."""

from typing import Any

import brainunit as u
from brainloom_core import ANY_UNIT, SynOut, param

__all__ = ["COBA", "CUBA"]


class COBA(SynOut):
    r"""Conductance-based output, $I = g\,(E - V)$.

    Args:
        E: Reversal potential $E$, in mV; scalar or one per neuron.

    Raises:
        ParameterError: `E` is not a voltage.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 5.8.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_synapses import COBA
        >>> out = COBA(E=0 * u.mV)
        >>> out.bind_cond(6.0 * u.nS)
        >>> print(out(-60 * u.mV).to_decimal(u.pA))
        360.0
    """

    E: Any = param(unit=u.mV, doc="reversal potential", kw_only=False)

    def update(self, g: Any, V: Any) -> Any:
        return g * (self.E - V)


class CUBA(SynOut):
    r"""Current-based output, $I = g \cdot \mathrm{scale}$.

    Args:
        scale: What one unit of conductance drives, 1 V, so that mS becomes mA; 1 where the
            synapse is already a current.

    Raises:
        ParameterError: `scale` is not finite.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 7.2.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_synapses import CUBA
        >>> out = CUBA()
        >>> out.bind_cond(2.0 * u.mS)
        >>> print(out().to_decimal(u.mA))
        2.0
    """

    scale: Any = param(default=1.0 * u.volt, doc="current per conductance", unit=ANY_UNIT)

    def update(self, g: Any, V: Any = None) -> Any:
        return g * self.scale
