"""Synaptic conductances that decay exponentially."""

from typing import Any

import brainunit as u
from brainloom_core import (
    ANY_UNIT,
    AlignPost,
    Synapse,
    initializer,
    option,
    param,
    positive,
    state,
)

__all__ = ["DualExpon", "Expon"]


class Expon(AlignPost, Synapse):
    r"""Exponential synapse.

    $$
    \frac{dg}{dt} = -\frac{g}{\tau}, \qquad g \leftarrow g + x \ \text{at a spike}
    $$

    A spike of weight $x$ gives a peak of $x$, at once, and an area of $x\,\tau$. Exact.

    Args:
        in_size: Number of synapses (for AlignPost, of postsynaptic neurons), or their shape.
        name: Name of the module.
        tau: Decay time constant $\tau$, 8 ms; scalar or one per synapse.
        g_initializer: Initial conductance, 0 mS; its unit, whichever it is, is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        g: Conductance just after this step's spikes, shape `(*batch, *in_size)`, mS.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input has the wrong unit or shape.

    References:
        Dayan & Abbott (2001), Theoretical Neuroscience, section 5.8.

    Examples:
        >>> import brainstate, brainunit as u
        >>> from brainloom_synapses import Expon
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> synapse = Expon(1, tau=5 * u.ms)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(2.0 * u.mS)
        >>> print(f"{synapse().to_decimal(u.mS)[0]:.4f}")
        1.6375
    """

    tau: Any = param(default=8.0 * u.ms, constraint=positive, doc="decay time constant")
    g_initializer: Any = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    g = state("g_initializer", "conductance")
    linear = True

    def dg(self, g: Any) -> Any:
        return -g / self.tau

    def conductance(self, g: Any) -> Any:
        return g


class DualExpon(AlignPost, Synapse):
    r"""Double-exponential synapse: rises with one time constant, decays with another.

    $$
    \frac{dg_r}{dt} = -\frac{g_r}{\tau_r}, \qquad \frac{dg_d}{dt} = -\frac{g_d}{\tau_d}, \qquad
    g = A\,c\,(g_d - g_r)
    $$

    where a spike of weight $x$ adds $x$ to both. With `normalize` the peak of $g$ is $A\,x$, at
    $\frac{\tau_r \tau_d}{\tau_d - \tau_r} \ln\frac{\tau_d}{\tau_r}$ after the spike:
    $c = \frac{\tau_d}{\tau_d - \tau_r} (\tau_r / \tau_d)^{\tau_r / (\tau_r - \tau_d)}$;
    otherwise $c = 1$. Exact.

    Args:
        in_size: Number of synapses (for AlignPost, of postsynaptic neurons), or their shape.
        name: Name of the module.
        tau_decay: Decay time constant $\tau_d$, 10 ms; scalar or one per synapse.
        tau_rise: Rise time constant $\tau_r$, 1 ms; scalar or one per synapse; not `tau_decay`.
        amplitude: Peak conductance per unit of weight $A$, 1; scalar or one per synapse.
        normalize: Whether the peak is normalised.
        g_initializer: Initial value of both states, 0 mS; its unit is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        g_rise: Rising part $g_r$, shape `(*batch, *in_size)`, mS.
        g_decay: Decaying part $g_d$, shape `(*batch, *in_size)`, mS.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or the two time
            constants are equal.
        InputError: An input has the wrong unit or shape.

    References:
        Roth & van Rossum (2009), Modeling synapses, in Computational Modeling Methods for
        Neuroscientists, doi:10.7551/mitpress/9780262013277.003.0007.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_synapses import DualExpon
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> synapse = DualExpon(1, tau_decay=5 * u.ms, tau_rise=0.5 * u.ms)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(1.0 * u.mS)
        >>> g = brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(100))
        >>> print(f"{g.max().to_decimal(u.mS):.3f}")
        1.000
    """

    jump_states = ("g_rise", "g_decay")

    tau_decay: Any = param(default=10.0 * u.ms, constraint=positive, doc="decay time constant")
    tau_rise: Any = param(
        default=1.0 * u.ms, constraint=positive, doc="rise time constant", differs_from="tau_decay"
    )
    amplitude: Any = param(default=1.0, doc="peak per unit of weight")
    normalize: bool = option(default=True, doc="whether the peak is normalised")
    g_initializer: Any = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    g_rise = state("g_initializer", "rising part")
    g_decay = state("g_initializer", "decaying part")
    linear = True

    def dg_rise(self, g_rise: Any) -> Any:
        return -g_rise / self.tau_rise

    def dg_decay(self, g_decay: Any) -> Any:
        return -g_decay / self.tau_decay

    def conductance(self, g_rise: Any, g_decay: Any) -> Any:
        return self.amplitude * self._scale() * (g_decay - g_rise)

    def _scale(self) -> Any:
        if not self.normalize:
            return 1.0
        ratio = u.get_magnitude(self.tau_rise / self.tau_decay)
        return ratio ** (ratio / (ratio - 1.0)) / (1.0 - ratio)
