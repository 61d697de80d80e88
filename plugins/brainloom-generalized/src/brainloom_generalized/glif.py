"""The five generalized leaky integrate-and-fire neurons of the Allen Institute."""

from typing import ClassVar

import brainunit as u
import jax
from brainloom_core import initializer, non_negative, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity, Values

from .base import Suspended

__all__ = ["GLIF1", "GLIF2", "GLIF3", "GLIF4", "GLIF5"]


class _Glif(Suspended):
    """Membrane, threshold and reset of all five."""

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
        spk = jax.lax.stop_gradient(spk) if self.detach_reset is not False else spk
        return y["V"] + spk * (self.reset_to(y["V"]) - y["V"])


class _Biological(_Glif):
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

    def _raised(self, theta_s: Quantity, spk: Array) -> Quantity:
        left = u.math.exp(-u.get_magnitude(self.b_s * self.tau_ref))
        return theta_s + spk * (left * theta_s + self.theta_add - theta_s)


class _Currents(_Glif):
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

    def _driven(self, I1: Quantity, I2: Quantity, spk: Array) -> dict[str, Quantity]:
        left1 = self.R1 * u.math.exp(-u.get_magnitude(self.k1 * self.tau_ref))
        left2 = self.R2 * u.math.exp(-u.get_magnitude(self.k2 * self.tau_ref))
        return {
            "I1": I1 + spk * (left1 * I1 + self.A1 - I1),
            "I2": I2 + spk * (left2 * I2 + self.A2 - I2),
        }


class GLIF1(_Glif):
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
        spk_reset: Accepted for exchange with other models; there is one reset.
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


class GLIF2(_Biological):
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
        spk_reset: Accepted for exchange with other models; there is one reset.
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
        return {"theta_s": self._raised(theta_s, spk)}


class GLIF3(_Currents):
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
        spk_reset: Accepted for exchange with other models; there is one reset.
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
        return self._driven(I1, I2, spk)


class GLIF4(_Biological, _Currents):
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
        spk_reset: Accepted for exchange with other models; there is one reset.
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
        return {"theta_s": self._raised(theta_s, spk), **self._driven(I1, I2, spk)}


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
        spk_reset: Accepted for exchange with other models; there is one reset.
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
