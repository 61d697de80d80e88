"""The rule of the postsynaptic potential."""

import brainunit as u
from brainloom_core import param, positive
from brainloom_core.context import current_dt
from brainloom_core.types import Quantity

from .rule import PlasticityRule
from .sides import post_state, pre_trace
from .strength import Change

__all__ = ["VoltageSTDP"]


class VoltageSTDP(PlasticityRule):
    r"""Plasticity that depends on the postsynaptic potential $V$ (Clopath et al.).

    $$
    \tau_- \frac{du_-}{dt} = V - u_-, \qquad \tau_+ \frac{du_+}{dt} = V - u_+, \qquad
    \tau_x \frac{dx}{dt} = -x
    $$

    are the potential, filtered twice, and the trace of presynaptic spikes, which raise it by 1.
    With $[\cdot]_+$ for the positive part, the strength changes

    $$
    w \leftarrow w - A_\mathrm{LTD}\,[u_- - \theta_-]_+ \quad\text{at a presynaptic spike}, \qquad
    \frac{dw}{dt} = A_\mathrm{LTP}\,\frac{x}{\tau_x}\,[V - \theta_+]_+\,[u_+ - \theta_-]_+ .
    $$

    With `u_ref` depression is homeostatic: $A_\mathrm{LTD}$ is multiplied by
    $\bar u^2 / u_\mathrm{ref}^2$, where $\bar u$ is the depolarisation $V - \theta_-$ filtered
    with `tau_bar`.

    The rule reads the state `V` of the postsynaptic population at the end of each step, and takes
    it for the whole step: it is of first order in `dt`. Neurons should have spikes that rise above
    $\theta_+$ (`AdExIF`, `ExpIF`, `HH`). Only synapses of neurons whose $V$ is above $\theta_+$
    are touched. There is no `dendritic_delay`, since potentials are not delayed.

    Args:
        w_min: The weight of least strength, 0; None for no bound.
        w_max: The weight of strength 1, beyond which none grows, None for no bound; weights with a
            unit need it.
        A_LTD: Amplitude of depression $A_\mathrm{LTD}$, 14e-5 per mV.
        A_LTP: Amplitude of potentiation $A_\mathrm{LTP}$, 8e-5 per mV².
        tau_minus: Time constant $\tau_-$ of $u_-$, 10 ms.
        tau_plus: Time constant $\tau_+$ of $u_+$, 7 ms.
        tau_x: Time constant $\tau_x$ of presynaptic spikes, 15 ms.
        theta_minus: Threshold of the filtered potentials $\theta_-$, the resting potential,
            -70.6 mV.
        theta_plus: Threshold of the potential $\theta_+$, -45.3 mV.
        u_ref: Depolarisation $u_\mathrm{ref}$ at which depression has the amplitude `A_LTD`; None
            for that amplitude always.
        tau_bar: Time constant of $\bar u$, 1 s.

    Attributes:
        x: Trace of presynaptic spikes $x$, shape `(n_pre,)`.
        u_minus: Filtered potential $u_-$, shape `(n_post,)`; it starts at $\theta_-$.
        u_plus: Filtered potential $u_+$, shape `(n_post,)`; it starts at $\theta_-$.
        u_bar: Filtered depolarisation $\bar u$, shape `(n_post,)`.
        w_lost: What rounding has left out of the weights, shape `(n_edges,)`.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range, or does not fit the weights.
        InputError: The postsynaptic population has no state `V`.

    References:
        Clopath, Büsing, Vasilaki & Gerstner (2010), Nat. Neurosci. 13, 344, doi:10.1038/nn.2479.

    Examples:
        >>> from brainloom_plasticity import VoltageSTDP
        >>> print(VoltageSTDP().theta_plus)
        -45.3 mV
    """

    A_LTD: Quantity = param(default=14e-5 / u.mV, doc="amplitude of depression")
    A_LTP: Quantity = param(default=8e-5 / u.mV**2, doc="amplitude of potentiation")
    tau_minus: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="time of u_minus")
    tau_plus: Quantity = param(default=7.0 * u.ms, constraint=positive, doc="time of u_plus")
    tau_x: Quantity = param(default=15.0 * u.ms, constraint=positive, doc="time of spikes")
    theta_minus: Quantity = param(default=-70.6 * u.mV, doc="threshold of filtered potentials")
    theta_plus: Quantity = param(default=-45.3 * u.mV, doc="threshold of the potential")
    u_ref: Quantity = param(
        default=None, unit=u.mV, constraint=positive, optional=True, doc="homeostatic reference"
    )
    tau_bar: Quantity = param(default=1000.0 * u.ms, constraint=positive, doc="time of u_bar")
    x = pre_trace("trace of presynaptic spikes")
    u_minus = post_state("filtered potential", initial=lambda rule: rule.theta_minus)
    u_plus = post_state("filtered potential", initial=lambda rule: rule.theta_minus)
    u_bar = post_state("filtered depolarisation", initial=0.0 * u.mV, slow=True)

    def dx(self, x: Quantity) -> Quantity:
        return -x / self.tau_x

    def du_minus(self, u_minus: Quantity, V: Quantity) -> Quantity:
        return (V - u_minus) / self.tau_minus

    def du_plus(self, u_plus: Quantity, V: Quantity) -> Quantity:
        return (V - u_plus) / self.tau_plus

    def du_bar(self, u_bar: Quantity, V: Quantity) -> Quantity:
        return (V - self.theta_minus - u_bar) / self.tau_bar

    def on_pre(self, u_minus: Quantity, u_bar: Quantity) -> Change:
        gain = 1.0 if self.u_ref is None else (u_bar / self.u_ref) ** 2
        return Change(-self.A_LTD * gain * _positive(u_minus - self.theta_minus))

    def post_events(self, V: Quantity, u_plus: Quantity) -> Quantity:
        """The neurons whose potential and its average exceed their thresholds.

        Args:
            V: Membrane potential of the postsynaptic population, shape `(n_post,)`, mV.
            u_plus: Its fast average, of the same shape.
        """
        return (self.theta_plus < V) & (u_plus > self.theta_minus)

    def on_post(self, x: Quantity, V: Quantity, u_plus: Quantity) -> Change:
        drive = _positive(V - self.theta_plus) * _positive(u_plus - self.theta_minus)
        return Change(current_dt() * self.A_LTP * (x / self.tau_x) * drive)


def _positive(value: Quantity) -> Quantity:
    return u.math.maximum(value, 0.0 * value)
