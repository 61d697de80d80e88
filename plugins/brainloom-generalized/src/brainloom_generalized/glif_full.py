"""The two GLIF models that have all but one, and all, of the mechanisms."""

import brainunit as u
from brainloom_core import initializer, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity

from .glif_parts import AfterSpikeCurrents, ResetRules

__all__ = ["GLIF4", "GLIF5"]


class GLIF4(ResetRules, AfterSpikeCurrents):
    r"""GLIF neuron with reset rules from data and two after-spike currents.

    $$
    \begin{aligned}
    C \frac{dV}{dt} &= I + I_1 + I_2 - G\,(V - E_L) \\
    \frac{dI_j}{dt} &= -k_j I_j \\
    \frac{d\Theta_s}{dt} &= -b_s \Theta_s
    \end{aligned}
    $$

    spikes when $V \ge \Theta_\infty + \Theta_s$; then
    $V \leftarrow E_L + f_V (V - E_L) + \delta V$ and
    $\Theta_s \leftarrow \Theta_s e^{-b_s \delta t} + \delta\Theta_s$,
    and $I_j \leftarrow R_j I_j e^{-k_j \delta t} + A_j$.
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
        theta_s_initializer: Initial part of the threshold that is from spikes, 0 mV; a constant, an
            array or a function of the shape.
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
        theta_s: Part of the threshold that is from spikes, shape `(*batch, *in_size)`, mV.
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
        >>> from brainloom_generalized import GLIF4
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = GLIF4(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(300 * u.pA), jnp.arange(2000))
        >>> int(spikes.sum())
        5
    """

    references = "brainloom_generalized.references:GLIF4"

    linear = True

    def dV(self, V: Quantity, I1: Quantity, I2: Quantity, I: Quantity) -> Quantity:
        return (I + I1 + I2 - self.G * (V - self.E_L)) / self.C

    def dtheta_s(self, theta_s: Quantity) -> Quantity:
        return -self.b_s * theta_s

    def dI1(self, I1: Quantity) -> Quantity:
        return -self.k1 * I1

    def dI2(self, I2: Quantity) -> Quantity:
        return -self.k2 * I2

    def threshold(self, theta_s: Quantity) -> Quantity:
        return self.V_th + theta_s

    def on_spike(
        self, theta_s: Quantity, I1: Quantity, I2: Quantity, spk: Array
    ) -> dict[str, Quantity]:
        return {"theta_s": self.raised(theta_s, spk), **self.driven(I1, I2, spk)}


class GLIF5(GLIF4):
    r"""GLIF neuron with reset rules, after-spike currents, and a threshold that follows V.

    $$
    \begin{aligned}
    C \frac{dV}{dt} &= I + I_1 + I_2 - G\,(V - E_L) \\
    \frac{dI_j}{dt} &= -k_j I_j \\
    \frac{d\Theta_s}{dt} &= -b_s \Theta_s \\
    \frac{d\Theta_v}{dt} &= a_v\,(V - E_L) - b_v \Theta_v
    \end{aligned}
    $$

    spikes when $V \ge \Theta_\infty + \Theta_s + \Theta_v$; then
    $V \leftarrow E_L + f_V (V - E_L) + \delta V$ and
    $\Theta_s \leftarrow \Theta_s e^{-b_s \delta t} + \delta\Theta_s$,
    and $I_j \leftarrow R_j I_j e^{-k_j \delta t} + A_j$, while $\Theta_v$ stays.
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
        a_v: Coupling of the threshold to the potential, $a_v$, 0.005 / ms; scalar or one per
            neuron.
        b_v: Rate at which that part of the threshold decays, $b_v$, 0.09 / ms; scalar or one per
            neuron.
        V_initializer: Initial potential, -78.85 mV; a constant, an array or a function of the
            shape.
        theta_s_initializer: Initial part of the threshold that is from spikes, 0 mV; a constant, an
            array or a function of the shape.
        I1_initializer: Initial first after-spike current, 0 pA; a constant, an array or a function
            of the shape.
        I2_initializer: Initial second after-spike current, 0 pA; a constant, an array or a function
            of the shape.
        theta_v_initializer: Initial part of the threshold that follows the potential, 0 mV; a
            constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        theta_s: Part of the threshold that is from spikes, shape `(*batch, *in_size)`, mV.
        I1: First after-spike current, shape `(*batch, *in_size)`, pA.
        I2: Second after-spike current, shape `(*batch, *in_size)`, pA.
        theta_v: Part of the threshold that follows the potential, shape `(*batch, *in_size)`, mV.
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
        >>> from brainloom_generalized import GLIF5
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = GLIF5(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(300 * u.pA), jnp.arange(2000))
        >>> int(spikes.sum())
        4
    """

    references = "brainloom_generalized.references:GLIF5"

    a_v: Quantity = param(default=0.005 / u.ms, doc="coupling of the threshold to the potential")
    b_v: Quantity = param(
        default=0.09 / u.ms, constraint=positive, doc="decay of the threshold that follows V"
    )
    theta_v_initializer: Initializer = initializer(default=0.0 * u.mV)
    theta_v = state("theta_v_initializer", "part of the threshold that follows V", slow=True)
    linear = True

    def dtheta_v(self, theta_v: Quantity, V: Quantity) -> Quantity:
        return self.a_v * (V - self.E_L) - self.b_v * theta_v

    def threshold(self, theta_s: Quantity, theta_v: Quantity) -> Quantity:
        return self.V_th + theta_s + theta_v
