"""The first three of the generalized leaky integrate-and-fire neurons of the Allen Institute."""

import brainunit as u
from brainloom_core import param
from brainloom_core.types import Array, Quantity

from .glif_parts import AfterSpikeCurrents, Glif, ResetRules

__all__ = ["GLIF1", "GLIF2", "GLIF3"]


class GLIF1(Glif):
    r"""Leaky integrate-and-fire neuron, the first of the five GLIF models.

    $$
    C \frac{dV}{dt} = I - G\,(V - E_L)
    $$

    spikes when $V \ge \Theta_\infty$; then $V \leftarrow V_r$.
    All states then stand still for `round(tau_ref / dt)` steps, and inputs that arrive meanwhile
    are lost. Between spikes the step is exact for a current that is constant over it.

    Args:
        in_size: Number of neurons, or the shape of the population.
        C: Membrane capacitance $C$, 58.72 pF; scalar or one per neuron.
        G: Membrane conductance $G$, 9.43 nS; scalar or one per neuron.
        E_L: Resting potential $E_L$, -78.85 mV; scalar or one per neuron.
        V_th: Threshold at rest $\Theta_\infty$, -51.68 mV, above `V_reset`; scalar or one per
            neuron.
        V_reset: Reset potential $V_r$, -78.85 mV; scalar or one per neuron.
        tau_ref: Refractory period $\delta t$, 3.75 ms; scalar or one per neuron.
        V_initializer: Initial potential, -78.85 mV; a constant, an array or a function of the
            shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        steps_held: Steps for which all states still stand, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Teeter, Iyer, Menon, Gouwens, Feng, Berg, Szafer, Cain, Zeng, Hawrylycz, Koch & Mihalas
        (2018), Nat. Commun. 9, 709, doi:10.1038/s41467-017-02717-4; the defaults are those of
        `glif_psc` of NEST, of cell 490626718 of the Allen Cell Types Database.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import GLIF1
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = GLIF1(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(300 * u.pA), jnp.arange(2000))
        >>> int(spikes.sum())
        12
    """

    references = "brainloom_generalized.references:GLIF1"

    V_th: Quantity = param(default=-51.68 * u.mV, doc="threshold at rest", above="V_reset")
    V_reset: Quantity = param(default=-78.85 * u.mV, doc="reset potential")
    linear = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (I - self.G * (V - self.E_L)) / self.C

    def reset_to(self, V: Quantity) -> Quantity:
        """Where a spike sets the potential."""
        return self.V_reset


class GLIF2(ResetRules):
    r"""GLIF neuron with reset rules from data, and a threshold that spikes raise.

    $$
    \begin{aligned}
    C \frac{dV}{dt} &= I - G\,(V - E_L) \\
    \frac{d\Theta_s}{dt} &= -b_s \Theta_s
    \end{aligned}
    $$

    spikes when $V \ge \Theta_\infty + \Theta_s$; then
    $V \leftarrow E_L + f_V (V - E_L) + \delta V$ and
    $\Theta_s \leftarrow \Theta_s e^{-b_s \delta t} + \delta\Theta_s$.
    All states then stand still for `round(tau_ref / dt)` steps, and inputs that arrive meanwhile
    are lost. Between spikes the step is exact for a current that is constant over it.

    Args:
        in_size: Number of neurons, or the shape of the population.
        C: Membrane capacitance $C$, 58.72 pF; scalar or one per neuron.
        G: Membrane conductance $G$, 9.43 nS; scalar or one per neuron.
        E_L: Resting potential $E_L$, -78.85 mV; scalar or one per neuron.
        V_th: Threshold at rest $\Theta_\infty$, -51.68 mV, above `E_L`; scalar or one per neuron.
        tau_ref: Refractory period $\delta t$, 3.75 ms; scalar or one per neuron.
        f_V: Part of the distance to rest that a spike leaves of the potential, $f_V$, 0.2; scalar
            or one per neuron.
        V_add: What a spike adds to the potential, $\delta V$, 18.51 mV; scalar or one per neuron.
        theta_add: What a spike adds to the threshold, $\delta\Theta_s$, 0.37 mV; scalar or one per
            neuron.
        b_s: Rate at which that decays, $b_s$, 0.009 / ms; scalar or one per neuron.
        V_initializer: Initial potential, -78.85 mV; a constant, an array or a function of the
            shape.
        theta_s_initializer: Initial part of the threshold that is from spikes, 0 mV; a constant, an
            array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        theta_s: Part of the threshold that is from spikes, shape `(*batch, *in_size)`, mV.
        steps_held: Steps for which all states still stand, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Teeter, Iyer, Menon, Gouwens, Feng, Berg, Szafer, Cain, Zeng, Hawrylycz, Koch & Mihalas
        (2018), Nat. Commun. 9, 709, doi:10.1038/s41467-017-02717-4; the defaults are those of
        `glif_psc` of NEST, of cell 490626718 of the Allen Cell Types Database.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import GLIF2
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = GLIF2(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(300 * u.pA), jnp.arange(2000))
        >>> int(spikes.sum())
        18
    """

    references = "brainloom_generalized.references:GLIF2"

    linear = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (I - self.G * (V - self.E_L)) / self.C

    def dtheta_s(self, theta_s: Quantity) -> Quantity:
        return -self.b_s * theta_s

    def threshold(self, theta_s: Quantity) -> Quantity:
        return self.V_th + theta_s

    def on_spike(self, theta_s: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"theta_s": self.raised(theta_s, spk)}


class GLIF3(AfterSpikeCurrents):
    r"""GLIF neuron with two after-spike currents.

    $$
    \begin{aligned}
    C \frac{dV}{dt} &= I + I_1 + I_2 - G\,(V - E_L) \\
    \frac{dI_j}{dt} &= -k_j I_j
    \end{aligned}
    $$

    spikes when $V \ge \Theta_\infty$; then $V \leftarrow V_r$ and
    $I_j \leftarrow R_j I_j e^{-k_j \delta t} + A_j$.
    All states then stand still for `round(tau_ref / dt)` steps, and inputs that arrive meanwhile
    are lost. Between spikes the step is exact for a current that is constant over it.

    Args:
        in_size: Number of neurons, or the shape of the population.
        C: Membrane capacitance $C$, 58.72 pF; scalar or one per neuron.
        G: Membrane conductance $G$, 9.43 nS; scalar or one per neuron.
        E_L: Resting potential $E_L$, -78.85 mV; scalar or one per neuron.
        V_th: Threshold at rest $\Theta_\infty$, -51.68 mV, above `V_reset`; scalar or one per
            neuron.
        V_reset: Reset potential $V_r$, -78.85 mV; scalar or one per neuron.
        tau_ref: Refractory period $\delta t$, 3.75 ms; scalar or one per neuron.
        k1: Rate of decay $k_1$ of the first after-spike current, 0.003 / ms; scalar or one per
            neuron.
        k2: Rate of decay $k_2$ of the second after-spike current, 0.1 / ms; scalar or one per
            neuron.
        A1: What a spike adds to the first after-spike current, $A_1$, -9.18 pA; scalar or one per
            neuron.
        A2: What a spike adds to the second after-spike current, $A_2$, -198.94 pA; scalar or one
            per neuron.
        R1: What a spike leaves of the first after-spike current, $R_1$, 1; scalar or one per
            neuron.
        R2: What a spike leaves of the second after-spike current, $R_2$, 1; scalar or one per
            neuron.
        V_initializer: Initial potential, -78.85 mV; a constant, an array or a function of the
            shape.
        I1_initializer: Initial first after-spike current, 0 pA; a constant, an array or a function
            of the shape.
        I2_initializer: Initial second after-spike current, 0 pA; a constant, an array or a function
            of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        I1: First after-spike current, shape `(*batch, *in_size)`, pA.
        I2: Second after-spike current, shape `(*batch, *in_size)`, pA.
        steps_held: Steps for which all states still stand, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Teeter, Iyer, Menon, Gouwens, Feng, Berg, Szafer, Cain, Zeng, Hawrylycz, Koch & Mihalas
        (2018), Nat. Commun. 9, 709, doi:10.1038/s41467-017-02717-4; the defaults are those of
        `glif_psc` of NEST, of cell 490626718 of the Allen Cell Types Database.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import GLIF3
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = GLIF3(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(300 * u.pA), jnp.arange(2000))
        >>> int(spikes.sum())
        6
    """

    references = "brainloom_generalized.references:GLIF3"

    V_th: Quantity = param(default=-51.68 * u.mV, doc="threshold at rest", above="V_reset")
    V_reset: Quantity = param(default=-78.85 * u.mV, doc="reset potential")
    linear = True

    def dV(self, V: Quantity, I1: Quantity, I2: Quantity, I: Quantity) -> Quantity:
        return (I + I1 + I2 - self.G * (V - self.E_L)) / self.C

    def dI1(self, I1: Quantity) -> Quantity:
        return -self.k1 * I1

    def dI2(self, I2: Quantity) -> Quantity:
        return -self.k2 * I2

    def reset_to(self, V: Quantity) -> Quantity:
        """Where a spike sets the potential."""
        return self.V_reset

    def on_spike(self, I1: Quantity, I2: Quantity, spk: Array) -> dict[str, Quantity]:
        return self.driven(I1, I2, spk)
