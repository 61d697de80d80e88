"""Neurons with a threshold that spikes raise, and without a reset."""

from typing import ClassVar

import brainunit as u
from brainloom_core import initializer, param, positive, state
from brainloom_core.types import Array, Initializer, Quantity, Values

from .base import Absolute

__all__ = ["MAT"]


class MAT(Absolute):
    r"""Multi-timescale adaptive threshold neuron of Kobayashi, Tsubo and Shinomoto.

    $$
    \tau \frac{dV}{dt} = E_L - V + R\,I, \qquad
    \frac{dH_k}{dt} = -\frac{H_k}{\tau_k}, \quad k = 1, 2
    $$

    spikes when $V \ge \omega + H_1 + H_2$ and the last spike is `tau_ref` ago or more; then
    $H_k \leftarrow H_k + \alpha_k$. The potential is not reset. A step is exact for a current that
    is constant over it.

    The defaults are those of a regular spiking neuron in the paper.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 50 Mohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        E_L: Resting potential $E_L$, -70 mV; scalar or one per neuron.
        omega: Threshold at rest $\omega$, -51 mV, above `E_L`; scalar or one per neuron.
        alpha1: What a spike adds to $H_1$, $\alpha_1$, 37 mV; scalar or one per neuron.
        alpha2: What a spike adds to $H_2$, $\alpha_2$, 2 mV; scalar or one per neuron.
        tau1: Time constant $\tau_1$ of $H_1$, 10 ms; scalar or one per neuron.
        tau2: Time constant $\tau_2$ of $H_2$, 200 ms; scalar or one per neuron.
        tau_ref: Time for which there is no other spike, 2 ms; scalar or one per neuron.
        V_scale: Range of $V$ to which the surrogate gradient refers, 20 mV.
        V_initializer: Initial potential, -70 mV; a constant, an array or a function of the shape.
        H1_initializer: Initial $H_1$, 0 mV; a constant, an array or a function of the shape.
        H2_initializer: Initial $H_2$, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Spike function with a surrogate gradient, `ReluGrad()`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by what a spike does, None: through it where there is
            one.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        H1: Fast part of the threshold, shape `(*batch, *in_size)`, mV.
        H2: Slow part of the threshold, shape `(*batch, *in_size)`, mV.
        steps_held: Steps for which there is no other spike, shape `(*batch, *in_size)`, integer.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Kobayashi, Tsubo & Shinomoto (2009), Front. Comput. Neurosci. 3, 9,
        doi:10.3389/neuro.10.009.2009.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_generalized import MAT
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = MAT(1)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(600 * u.pA), jnp.arange(5000))
        >>> int(spikes.sum())
        17
    """

    spk_reset: str = "hard"  # of no effect: a spike leaves V as it is
    input_unit: ClassVar[u.Unit] = u.pA
    reset_rule = "none; the threshold rises as the next step begins"
    references = "brainloom_generalized.references:MAT"

    R: Quantity = param(default=50.0 * u.Mohm, constraint=positive, doc="membrane resistance")
    tau: Quantity = param(default=5.0 * u.ms, constraint=positive, doc="membrane time constant")
    E_L: Quantity = param(default=-70.0 * u.mV, doc="resting potential")
    omega: Quantity = param(default=-51.0 * u.mV, doc="threshold at rest", above="E_L")
    alpha1: Quantity = param(default=37.0 * u.mV, doc="what a spike adds to H1")
    alpha2: Quantity = param(default=2.0 * u.mV, doc="what a spike adds to H2")
    tau1: Quantity = param(default=10.0 * u.ms, constraint=positive, doc="time constant of H1")
    tau2: Quantity = param(default=200.0 * u.ms, constraint=positive, doc="time constant of H2")
    V_scale: Quantity = param(
        default=20.0 * u.mV, constraint=positive, doc="range of the surrogate gradient"
    )
    V_initializer: Initializer = initializer(default=-70.0 * u.mV)
    H1_initializer: Initializer = initializer(default=0.0 * u.mV)
    H2_initializer: Initializer = initializer(default=0.0 * u.mV)
    V = state("V_initializer", "membrane potential")
    H1 = state("H1_initializer", "fast part of the threshold", slow=True)
    H2 = state("H2_initializer", "slow part of the threshold", slow=True)
    linear = True

    def dV(self, V: Quantity, I: Quantity) -> Quantity:
        return (self.E_L - V + self.R * I) / self.tau

    def dH1(self, H1: Quantity) -> Quantity:
        return -H1 / self.tau1

    def dH2(self, H2: Quantity) -> Quantity:
        return -H2 / self.tau2

    def threshold(self, H1: Quantity, H2: Quantity) -> Quantity:
        return self.omega + H1 + H2

    def scale(self) -> Quantity:
        return self.V_scale

    def on_spike(self, H1: Quantity, H2: Quantity, spk: Array) -> dict[str, Quantity]:
        return {"H1": H1 + spk * self.alpha1, "H2": H2 + spk * self.alpha2}

    def reset_potential(self, y: Values, spk: Array) -> Quantity:
        return y["V"]
