"""Rules of the timing of spikes: pairs and triplets."""

import brainunit as u
import jax.numpy as jnp
from brainloom_core import (
    ParameterError,
    non_negative,
    one_of,
    option,
    param,
    positive,
)
from brainloom_core.types import Array, Quantity

from .rule import PlasticityRule
from .sides import post_trace, pre_trace
from .strength import Change

__all__ = ["STDP", "SpikeTimingRule", "TripletSTDP"]


class SpikeTimingRule(PlasticityRule):
    """Base of the rules whose traces count all earlier spikes, or know the last one only."""

    interactions: str = option(
        default="all", constraint=one_of("all", "nearest"), doc="which spikes make pairs"
    )

    def jumped(self, trace: Quantity, spikes: Array) -> Quantity:
        """Raised by 1, or set to 1."""
        if self.interactions == "nearest":
            return jnp.where(spikes != 0, jnp.ones_like(trace), trace)
        return trace + spikes


class STDP(SpikeTimingRule):
    r"""Spike-timing-dependent plasticity of pairs of spikes.

    $$
    \tau_+ \frac{dx}{dt} = -x, \qquad \tau_- \frac{dy}{dt} = -y
    $$

    per presynaptic and postsynaptic neuron, raised by 1 at its spikes. The strength $w$, which is
    the weight divided by `w_max`, changes

    $$
    w \leftarrow w + A_+ (1 - w)^{\mu_+} x \quad\text{at a postsynaptic spike}, \qquad
    w \leftarrow w - A_- w^{\mu_-} y \quad\text{at a presynaptic one},
    $$

    so that one pair with the delay $\Delta = t_\mathrm{post} - t_\mathrm{pre}$ changes it by
    $A_+ e^{-\Delta / \tau_+}$ or $-A_- e^{\Delta / \tau_-}$. $\mu = 0$ is the additive rule,
    $\mu = 1$ the multiplicative one, anything between a power law. The synapse `stdp_synapse` of
    NEST is this rule with $A_+ = \lambda$ and $A_- = \alpha \lambda$ (and the delay as
    `dendritic_delay` of the projection), `stdp_nn_symm_synapse` that of nearest spikes.

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows, None for no bound; weights with a
            unit need it.
        interactions: `"all"` for pairs of all spikes, `"nearest"` for those of a spike with the
            last one of the other side.
        A_plus: Potentiation $A_+$, 0.01.
        A_minus: Depression $A_-$, 0.0105.
        tau_plus: Time constant of potentiation $\tau_+$, 20 ms.
        tau_minus: Time constant of depression $\tau_-$, 20 ms.
        mu_plus: Exponent of the weight dependence of potentiation $\mu_+$, 0.
        mu_minus: Exponent of the weight dependence of depression $\mu_-$, 0.

    Attributes:
        x: Trace of presynaptic spikes $x$, shape `(n_pre,)`.
        y: Trace of postsynaptic spikes $y$, shape `(n_post,)`.
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or does not fit the weights.

    References:
        Song, Miller & Abbott (2000), Nat. Neurosci. 3, 919, doi:10.1038/78829 (additive); van
        Rossum, Bi & Turrigiano (2000), J. Neurosci. 20, 8812,
        doi:10.1523/JNEUROSCI.20-23-08812.2000 (multiplicative); Gütig, Aharonov, Rotter &
        Sompolinsky (2003), J. Neurosci. 23, 3697, doi:10.1523/JNEUROSCI.23-09-03697.2003 (power
        law); Morrison, Diesmann & Gerstner (2008), Biol. Cybern. 98, 459,
        doi:10.1007/s00422-008-0233-1 (pairings).

    Examples:
        >>> import brainunit as u
        >>> from brainloom_plasticity import STDP
        >>> like_nest = STDP(A_plus=0.01, A_minus=0.0105, mu_plus=1.0, mu_minus=1.0,
        ...                  w_max=100 * u.nS)
        >>> like_nest.interactions
        'all'
    """

    A_plus: Quantity = param(default=0.01, doc="potentiation")
    A_minus: Quantity = param(default=0.0105, doc="depression")
    tau_plus: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="time of potentiation")
    tau_minus: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="time of depression")
    mu_plus: Quantity = param(default=0.0, constraint=non_negative, doc="weight dependence")
    mu_minus: Quantity = param(default=0.0, constraint=non_negative, doc="weight dependence")
    x = pre_trace("trace of presynaptic spikes")
    y = post_trace("trace of postsynaptic spikes")

    def dx(self, x: Quantity) -> Quantity:
        return -x / self.tau_plus

    def dy(self, y: Quantity) -> Quantity:
        return -y / self.tau_minus

    def on_post(self, w: Quantity, x: Quantity) -> Change:
        return Change(self.A_plus * _power(1.0 - w, self.mu_plus) * x)

    def on_pre(self, w: Quantity, y: Quantity) -> Change:
        return Change(-self.A_minus * _power(w, self.mu_minus) * y)

    def check(self) -> None:
        """Weight dependence needs its scale."""
        for name in ("mu_plus", "mu_minus"):
            if self.w_max is None and not _is_zero(getattr(self, name)):
                raise ParameterError(
                    f"{type(self).__name__}.w_max: missing, which {name} needs as the scale of "
                    "the weights"
                )


def _power(part: Quantity, mu: Quantity) -> Quantity:
    return 1.0 if _is_zero(mu) else jnp.maximum(part, 0.0) ** mu


def _is_zero(value: Quantity) -> bool:
    return isinstance(value, float) and value == 0.0


class TripletSTDP(SpikeTimingRule):
    r"""Spike-timing-dependent plasticity of pairs and triplets of spikes.

    Two traces of the presynaptic neuron, $r_1$ and $r_2$ with time constants $\tau_+$ and
    $\tau_x$, and two of the postsynaptic one, $o_1$ and $o_2$ with $\tau_-$ and $\tau_y$, decay
    and are raised by 1 at spikes:

    $$
    \tau_+ \frac{dr_1}{dt} = -r_1, \quad \tau_x \frac{dr_2}{dt} = -r_2, \quad
    \tau_- \frac{do_1}{dt} = -o_1, \quad \tau_y \frac{do_2}{dt} = -o_2
    $$

    The strength changes, with the traces just before the spike itself,

    $$
    w \leftarrow w + r_1 (A_2^+ + A_3^+ o_2) \quad\text{at a postsynaptic spike}, \qquad
    w \leftarrow w - o_1 (A_2^- + A_3^- r_2) \quad\text{at a presynaptic one}.
    $$

    The defaults are those of the visual cortex, all spikes and all four terms. (The hippocampal
    set of the paper is $A_2^+ = 6.1 \cdot 10^{-3}$, $A_3^+ = 6.7 \cdot 10^{-3}$, $A_2^- =
    1.6 \cdot 10^{-3}$, $A_3^- = 1.4 \cdot 10^{-3}$, $\tau_x$ = 946 ms and $\tau_y$ = 27 ms.)

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows, None for no bound; weights with a
            unit need it.
        interactions: `"all"` for all spikes, `"nearest"` for the last one of each neuron.
        A2_plus: Potentiation by pairs $A_2^+$, 5e-10.
        A3_plus: Potentiation by triplets $A_3^+$, 6.2e-3.
        A2_minus: Depression by pairs $A_2^-$, 7e-3.
        A3_minus: Depression by triplets $A_3^-$, 2.3e-4.
        tau_plus: Time constant $\tau_+$ of $r_1$, 16.8 ms.
        tau_minus: Time constant $\tau_-$ of $o_1$, 33.7 ms.
        tau_x: Time constant $\tau_x$ of $r_2$, 101 ms.
        tau_y: Time constant $\tau_y$ of $o_2$, 125 ms.

    Attributes:
        r1: Fast trace of presynaptic spikes $r_1$, shape `(n_pre,)`.
        r2: Slow trace of presynaptic spikes $r_2$, shape `(n_pre,)`.
        o1: Fast trace of postsynaptic spikes $o_1$, shape `(n_post,)`.
        o2: Slow trace of postsynaptic spikes $o_2$, shape `(n_post,)`.
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or does not fit the weights.

    References:
        Pfister & Gerstner (2006), J. Neurosci. 26, 9673, doi:10.1523/JNEUROSCI.1425-06.2006.

    Examples:
        >>> from brainloom_plasticity import TripletSTDP
        >>> print(TripletSTDP(interactions="nearest").tau_y)
        125. ms
    """

    A2_plus: Quantity = param(default=5e-10, doc="potentiation by pairs")
    A3_plus: Quantity = param(default=6.2e-3, doc="potentiation by triplets")
    A2_minus: Quantity = param(default=7e-3, doc="depression by pairs")
    A3_minus: Quantity = param(default=2.3e-4, doc="depression by triplets")
    tau_plus: Quantity = param(default=16.8 * u.ms, constraint=positive, doc="time of r1")
    tau_minus: Quantity = param(default=33.7 * u.ms, constraint=positive, doc="time of o1")
    tau_x: Quantity = param(default=101.0 * u.ms, constraint=positive, doc="time of r2")
    tau_y: Quantity = param(default=125.0 * u.ms, constraint=positive, doc="time of o2")
    r1 = pre_trace("fast trace of presynaptic spikes")
    r2 = pre_trace("slow trace of presynaptic spikes")
    o1 = post_trace("fast trace of postsynaptic spikes")
    o2 = post_trace("slow trace of postsynaptic spikes")

    def dr1(self, r1: Quantity) -> Quantity:
        return -r1 / self.tau_plus

    def dr2(self, r2: Quantity) -> Quantity:
        return -r2 / self.tau_x

    def do1(self, o1: Quantity) -> Quantity:
        return -o1 / self.tau_minus

    def do2(self, o2: Quantity) -> Quantity:
        return -o2 / self.tau_y

    def on_post(self, r1: Quantity, o2: Quantity) -> Change:
        return Change(r1 * (self.A2_plus + self.A3_plus * o2))

    def on_pre(self, o1: Quantity, r2: Quantity) -> Change:
        return Change(-o1 * (self.A2_minus + self.A3_minus * r2))
