"""Leaky integrate-and-fire neurons with escape noise: the spikes are random."""

import brainunit as u
import jax
import jax.numpy as jnp
from brainloom_core import Neuron, Refractory, param, positive
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Values

from .lif import LIF
from .rates import chance_spikes

__all__ = ["EscapeLIF", "EscapeLIFRef"]

# e^30 spikes per step are one for certain; beyond it, its square overflows in float32.
MAX_EXPONENT = 30.0


class EscapeLIF(LIF):
    r"""Leaky integrate-and-fire neuron with escape noise.

    $$
    \tau \frac{dV}{dt} = V_\mathrm{rest} - V + R\,I, \qquad
    \rho = \rho_0 \exp\frac{V - V_\mathrm{th}}{\delta_u}
    $$

    spikes at random, with the hazard $\rho$: in a step that ends at $V$ the probability is
    $1 - e^{-\rho \Delta t}$, independently for each neuron, each member of a batch and each step.
    After a spike $V \leftarrow V - (V_\mathrm{th} - V_\mathrm{reset})$ (soft) or
    $V \leftarrow V_\mathrm{reset}$ (hard). Between spikes the step of $V$ is exact for a
    current that is constant over it; the hazard is that at the end of the step. With
    $\delta_u \to 0$ it becomes `LIF`.

    The value of a spike is the number drawn, its derivative that of the probability.
    `get_spike()` returns the spikes of the last step; `get_spike(V)` draws those of a step that
    ends at the potential given.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, at which the hazard is $\rho_0$, 1 mV; scalar or one per
            neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        rho_0: Hazard at threshold $\rho_0$, 1 / ms; scalar or one per neuron.
        delta_u: Width of the threshold $\delta_u$, 0.1 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Accepted so that a model can be exchanged for another; the derivative is that of
            the probability.
        spk_reset: `"soft"` or `"hard"`.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Gerstner & Kistler (2002), Spiking Neuron Models, section 5.3,
        doi:10.1017/CBO9780511815706; Jolivet, Rauch, Lüscher & Gerstner (2006), J. Comput.
        Neurosci. 21, 35, doi:10.1007/s10827-006-7074-5.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import EscapeLIF
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = EscapeLIF(1000)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> with brainstate.random.seed_context(0):
        ...     spikes = brainstate.transform.for_loop(
        ...         lambda i: neuron(0.9 * u.mA), jnp.arange(1000)
        ...     )
        >>> bool(3.0 < spikes.sum() / 1000 < 7.0)
        True
    """

    interpolate: bool = False
    spike_lag = None

    rho_0: Quantity = param(
        default=1.0 / u.ms, constraint=positive, doc="hazard at threshold", after="V_rest"
    )
    delta_u: Quantity = param(
        default=0.1 * u.mV, constraint=positive, doc="width of the threshold", after="rho_0"
    )

    def hazard(self, V: Quantity) -> Quantity:
        """Expected spikes per time at a potential, bounded where one within a step is certain."""
        exponent = u.get_magnitude((V - self.V_th) / self.delta_u)
        return self.rho_0 * jnp.exp(jnp.minimum(exponent, MAX_EXPONENT))

    def spikes_at(self, y: Values) -> Array:
        """Newly drawn spikes of a step that ends with these states.

        Args:
            y: Values of the states by name.
        """
        expected = self._expected(y)
        chance = -jnp.expm1(-expected)
        spikes = chance_spikes(chance, expected.shape).astype(expected.dtype)
        return spikes + (chance - jax.lax.stop_gradient(chance))

    def _expected(self, y: Values) -> Array:
        return u.get_magnitude(self.hazard(y["V"]) * current_dt())

    @staticmethod
    def semantics(source: Neuron | type[Neuron]) -> dict[str, str]:
        return {
            **LIF.semantics(source),
            "spike": "at the end of a step, drawn with the hazard at its end",
        }


class EscapeLIFRef(Refractory, EscapeLIF):
    r"""Leaky integrate-and-fire neuron with escape noise and a refractory period.

    As [`EscapeLIF`][brainloom_neurons.EscapeLIF]; after a spike $V$ is held at $V_\mathrm{reset}$
    for `round(tau_ref / dt)` steps, in which $\rho = 0$ and inputs that arrive are lost.

    Args:
        in_size: Number of neurons, or the shape of the population.
        R: Membrane resistance $R$, 1 ohm; scalar or one per neuron.
        tau: Membrane time constant $\tau$, 5 ms; scalar or one per neuron.
        tau_ref: Refractory period $\tau_\mathrm{ref}$, 5 ms; scalar or one per neuron.
        V_th: Threshold $V_\mathrm{th}$, at which the hazard is $\rho_0$, 1 mV; scalar or one per
            neuron.
        V_reset: Reset potential $V_\mathrm{reset}$, 0 mV, below `V_th`; scalar or one per neuron.
        V_rest: Resting potential $V_\mathrm{rest}$, 0 mV; scalar or one per neuron.
        rho_0: Hazard at threshold $\rho_0$, 1 / ms; scalar or one per neuron.
        delta_u: Width of the threshold $\delta_u$, 0.1 mV; scalar or one per neuron.
        V_initializer: Initial potential, 0 mV; a constant, an array or a function of the shape.
        spk_fun: Accepted so that a model can be exchanged for another; the derivative is that of
            the probability.
        spk_reset: `"soft"` or `"hard"`.
        ref_var: Whether to keep the state `refractory`, False.
        name: Name of the module.
        solver: Time-stepping scheme, `"auto"`: exact.
        detach_reset: Whether gradients pass by the reset, None: by that of V.

    Attributes:
        V: Membrane potential, shape `(*batch, *in_size)`, mV.
        spike: Spikes of the last step, shape `(*batch, *in_size)`, 0 or 1.
        steps_held: Steps for which $V$ is still held, shape `(*batch, *in_size)`, integer.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: An input current has the wrong unit or shape.

    References:
        Gerstner & Kistler (2002), Spiking Neuron Models, section 5.3,
        doi:10.1017/CBO9780511815706.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import EscapeLIFRef
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> neuron = EscapeLIFRef(1, tau_ref=50 * u.ms)
        >>> _ = brainstate.nn.init_all_states(neuron)
        >>> spikes = brainstate.transform.for_loop(lambda i: neuron(5 * u.mA), jnp.arange(1000))
        >>> int(spikes.sum())
        2
    """

    def _expected(self, y: Values) -> Array:
        return jnp.where(y["steps_held"] > 0, 0.0, super()._expected(y))

    @staticmethod
    def semantics(source: Neuron | type[Neuron]) -> dict[str, str]:
        return {**Refractory.semantics(source), **EscapeLIF.semantics(source)}
