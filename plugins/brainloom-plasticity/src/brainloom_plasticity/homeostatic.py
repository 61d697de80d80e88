"""Rules that keep rates where they should be."""

import brainunit as u
from brainloom_core import param, positive
from brainloom_core.types import Quantity

from .rule import PlasticityRule
from .sides import post_trace, pre_trace
from .strength import Change

__all__ = ["InhibitorySTDP", "SynapticScaling"]


class InhibitorySTDP(PlasticityRule):
    r"""Plasticity of inhibition that balances excitation (Vogels, Sprekeler et al.).

    $$
    \tau \frac{dx}{dt} = -x, \qquad \tau \frac{dy}{dt} = -y
    $$

    per presynaptic and postsynaptic neuron, raised by 1 at its spikes. The strength changes

    $$
    w \leftarrow w + \eta\,x \quad\text{at a postsynaptic spike}, \qquad
    w \leftarrow w + \eta\,(y - 2 \rho \tau) \quad\text{at a presynaptic one},
    $$

    so that it comes to rest where the postsynaptic neuron has the rate $\rho$. For synapses that
    inhibit: with a conductance whose reversal potential is below rest, or with negative weights
    and a negative `w_max`.

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows, None for no bound; weights with a
            unit need it.
        eta: Learning rate $\eta$, 0.001.
        tau: Time constant $\tau$, 20 ms.
        rate: Target $\rho$ of the postsynaptic rate, 5 Hz.

    Attributes:
        x: Trace of presynaptic spikes $x$, shape `(n_pre,)`.
        y: Trace of postsynaptic spikes $y$, shape `(n_post,)`.
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or does not fit the weights.

    References:
        Vogels, Sprekeler, Zenke, Clopath & Gerstner (2011), Science 334, 1569,
        doi:10.1126/science.1211095.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_plasticity import InhibitorySTDP
        >>> rule = InhibitorySTDP(rate=3 * u.Hz, w_max=-10 * u.nS)
    """

    eta: Quantity = param(default=0.001, constraint=positive, doc="learning rate")
    tau: Quantity = param(default=20.0 * u.ms, constraint=positive, doc="time of the traces")
    rate: Quantity = param(default=5.0 * u.Hz, constraint=positive, doc="target of the rate")
    x = pre_trace("trace of presynaptic spikes")
    y = post_trace("trace of postsynaptic spikes")

    def dx(self, x: Quantity) -> Quantity:
        return -x / self.tau

    def dy(self, y: Quantity) -> Quantity:
        return -y / self.tau

    def on_post(self, x: Quantity) -> Change:
        return Change(self.eta * x)

    def on_pre(self, y: Quantity) -> Change:
        return Change(self.eta * (y - u.get_magnitude(2.0 * self.rate * self.tau)))


class SynapticScaling(PlasticityRule):
    r"""Multiplies all weights of a neuron, up or down, until it has its target rate.

    $$
    \tau_r \frac{dr}{dt} = -r + \sum_f \delta(t - t_f), \qquad
    \tau \frac{dw}{dt} = \Big(1 - \frac{r}{\rho}\Big)\,w
    $$

    with the rate $r$ of the postsynaptic neuron, measured over $\tau_r$, and its target $\rho$.
    All weights of a neuron change by one factor, so that their ratios stay. Usually a second rule
    beside another: `rule=[STDP(...), SynapticScaling(...)]`.

    The weights change in each step: the cost of a step is that of all edges.

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows, None for no bound; weights with a
            unit need it.
        rate: Target $\rho$ of the postsynaptic rate, 5 Hz.
        tau: Time constant of scaling $\tau$, 100 s.
        tau_rate: Time over which a rate is measured $\tau_r$, 10 s.

    Attributes:
        y: Trace of postsynaptic spikes $\tau_r r$, shape `(n_post,)`; it starts at the target.
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or does not fit the weights.

    References:
        Turrigiano, Leslie, Desai, Rutherford & Nelson (1998), Nature 391, 892,
        doi:10.1038/36103; van Rossum, Bi & Turrigiano (2000), J. Neurosci. 20, 8812,
        doi:10.1523/JNEUROSCI.20-23-08812.2000.

    Examples:
        >>> import brainunit as u
        >>> from brainloom_plasticity import STDP, SynapticScaling
        >>> rules = [STDP(w_max=1 * u.nS), SynapticScaling(rate=10 * u.Hz, w_max=1 * u.nS)]
    """

    rate: Quantity = param(default=5.0 * u.Hz, constraint=positive, doc="target of the rate")
    tau: Quantity = param(default=100_000.0 * u.ms, constraint=positive, doc="time of scaling")
    tau_rate: Quantity = param(
        default=10_000.0 * u.ms, constraint=positive, doc="time of measuring"
    )
    y = post_trace(
        "trace of postsynaptic spikes",
        initial=lambda rule: u.get_magnitude(rule.rate * rule.tau_rate),
        slow=True,
    )

    def dy(self, y: Quantity) -> Quantity:
        return -y / self.tau_rate

    def dw(self, w: Quantity, y: Quantity) -> Quantity:
        return w * (1.0 - u.get_magnitude(y / (self.rate * self.tau_rate))) / self.tau
