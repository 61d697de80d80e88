"""Receptors that saturate: one state per presynaptic neuron, driven by its spikes."""

import brainstate
import brainunit as u
import jax.numpy as jnp
from brainloom_core import (
    ANY_UNIT,
    InputError,
    Synapse,
    initializer,
    param,
    positive,
    state,
)
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Initializer, Quantity, Time, Values
from brainloom_core.units import to_number

__all__ = ["AMPA", "NMDA", "BioNMDA", "GABAa"]

PER_MS = 1.0 / u.ms
PER_MS_MM = 1.0 / (u.ms * u.mM)


class Presynaptic(Synapse):
    """Base of kinetics that are not linear in their input, so that jumps cannot be summed."""

    jump_states = ()

    def conductance(self, g: Quantity) -> Quantity:
        return g

    def _arriving(self, x: Quantity, unit: u.Unit = u.UNITLESS) -> Quantity:
        """The input of a step as numbers, after refusing what this synapse cannot take."""
        lost = [*self.delta_inputs, *self.current_inputs]
        if lost:
            raise InputError(
                f"{type(self).__name__} is not linear in its input and takes that of each "
                f"presynaptic neuron, not a sum; it cannot use {lost}. Make it of the size of the "
                "presynaptic population, call it with the spikes, and connect what it returns"
            )
        x = self.check_input(0.0 * unit if x is None else x, unit, "g")
        return jnp.asarray(to_number(x, unit), brainstate.environ.dftype())


class Pulsed(Presynaptic):
    """Base of receptors that see transmitter for a time `T_dur` after each spike."""

    T: Quantity = param(default=1.0 * u.mM, constraint=positive, doc="transmitter during a pulse")
    T_dur: Quantity = param(default=0.5 * u.ms, constraint=positive, doc="duration of a pulse")
    pulse_left = state(
        lambda model, shape: jnp.zeros(shape, brainstate.environ.dftype()) * u.ms,
        "time for which there will still be transmitter",
        brainstate.ShortTermState,
    )

    def update(self, pre_spike: Array | None = None) -> Quantity:
        """Advance by one step, begin the pulses of these spikes, return the conductance.

        Args:
            pre_spike: Presynaptic spikes, from 0 to 1, shape `(*batch, *in_size)`; None for none.
        """
        spike = self._arriving(pre_spike)
        spike = jnp.where(spike > 1.0, 1.0, jnp.where(spike < 0.0, 0.0, spike))
        y = self.state_values()
        on, off = self._phases(y)
        y = self.flow(self._without(self.flow(self._with(y), on)), off)
        left = self.pulse_left.value - on
        self.assign_states({**y, "pulse_left": left + spike * (self.T_dur - left)})
        return self.call_equation("conductance", self.state_values())

    def step_means(self, y: Values, time: Time) -> dict[str, Quantity]:
        on, off = self._phases(y)
        during, after = self._with(y), self._without(self.flow(self._with(y), on))
        first, second = super().step_means(during, on), super().step_means(after, off)
        share = u.get_magnitude(on / time)
        means = {
            n: share * first[n] + (1.0 - share) * second[n] for n in self.equations.derivatives
        }
        return {**y, **means}

    def _phases(self, y: Values) -> tuple[Quantity, Quantity]:
        """How much of a step there is transmitter, and how much not."""
        dt = current_dt()
        on = u.math.minimum(y["pulse_left"], dt)
        return on, dt - on

    def _with(self, y: Values) -> dict[str, Quantity]:
        return {**y, "pulse_left": self.T_dur}

    def _without(self, y: Values) -> dict[str, Quantity]:
        return {**y, "pulse_left": 0.0 * u.ms}

    def _transmitter(self, pulse_left: Quantity) -> Quantity:
        return self.T * u.math.where(pulse_left > 0.0 * u.ms, 1.0, 0.0)

    @staticmethod
    def semantics(source: Synapse | type[Synapse]) -> dict[str, str]:
        return {
            "jump": "a spike begins a pulse at the end of the step, which ends within a step",
            "normalization": "saturates at 1 of the unit of g",
        }


class AMPA(Pulsed):
    r"""AMPA receptor: binds transmitter, which is there for a while after each spike.

    $$
    \frac{dg}{dt} = \alpha\,[T]\,(1 - g) - \beta\,g
    $$

    where $[T] = T$ for a time $T_\mathrm{dur}$ after a spike and 0 otherwise; a spike within a
    pulse makes it last $T_\mathrm{dur}$ from there on. $g$ saturates at 1, in its unit: give it the
    maximal conductance by the weight of the connection. From rest one spike gives a peak of
    $\frac{\alpha T}{\alpha T + \beta} (1 - e^{-(\alpha T + \beta) T_\mathrm{dur}})$, 0.208.

    The step is exact, whatever part of it the pulse takes, so that the response depends neither
    on `dt` nor on the time of the spike. The synapse is not linear in its input: it is one per
    presynaptic neuron, called with its spikes (AlignPre), and not for AlignPost. The gradient by
    the spikes is that of a pulse whose length is `pre_spike` times $T_\mathrm{dur}$, `pre_spike`
    being between 0 and 1; a larger number counts as 1.

    Args:
        in_size: Number of presynaptic neurons, or their shape.
        name: Name of the module.
        alpha: Binding rate $\alpha$, 0.98 / (ms mM); scalar or one per synapse.
        beta: Unbinding rate $\beta$, 0.18 / ms; scalar or one per synapse.
        T: Concentration of transmitter in a pulse $T$, 0.5 mM; scalar or one per synapse.
        T_dur: Duration of a pulse $T_\mathrm{dur}$, 0.5 ms; scalar or one per synapse.
        g_initializer: Initial conductance, 0 mS; its unit, whichever it is, is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        g: Conductance, shape `(*batch, *in_size)`, mS.
        pulse_left: Time for which there will still be transmitter, shape `(*batch, *in_size)`, ms.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The spikes have a unit or the wrong shape, or jumps were registered.

    References:
        Destexhe, Mainen & Sejnowski (1994), Neural Comput. 6, 14, doi:10.1162/neco.1994.6.1.14;
        the default rates are those of Vijayan & Kopell (2012), PNAS 109, 18553,
        doi:10.1073/pnas.1215385109.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_synapses import AMPA
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> synapse = AMPA(1)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(True)
        >>> print(f"{synapse().to_decimal(u.mS)[0]:.4f}")
        0.1903
    """

    alpha: Quantity = param(default=0.98 * PER_MS_MM, constraint=positive, doc="binding rate")
    beta: Quantity = param(default=0.18 * PER_MS, constraint=positive, doc="unbinding rate")
    T: Quantity = param(
        default=0.5 * u.mM, constraint=positive, doc="transmitter during a pulse", after="beta"
    )
    T_dur: Quantity = param(
        default=0.5 * u.ms, constraint=positive, doc="duration of a pulse", after="T"
    )
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    g = state("g_initializer", "conductance")
    linear = True

    def dg(self, g: Quantity, pulse_left: Quantity) -> Quantity:
        binding = self.alpha * self._transmitter(pulse_left)
        return binding * (1.0 * u.get_unit(g) - g) - self.beta * g


class GABAa(AMPA):
    r"""GABA-A receptor: as [`AMPA`][brainloom_synapses.AMPA], with other rates.

    $$
    \frac{dg}{dt} = \alpha\,[T]\,(1 - g) - \beta\,g
    $$

    where $[T] = T$ for a time $T_\mathrm{dur}$ after a spike and 0 otherwise. Exact; one per
    presynaptic neuron, as there.

    Args:
        in_size: Number of presynaptic neurons, or their shape.
        name: Name of the module.
        alpha: Binding rate $\alpha$, 0.53 / (ms mM); scalar or one per synapse.
        beta: Unbinding rate $\beta$, 0.18 / ms; scalar or one per synapse.
        T: Concentration of transmitter in a pulse $T$, 1 mM; scalar or one per synapse.
        T_dur: Duration of a pulse $T_\mathrm{dur}$, 1 ms; scalar or one per synapse.
        g_initializer: Initial conductance, 0 mS; its unit, whichever it is, is that of $g$.
        solver: Time-stepping scheme, `"auto"`: exact.

    Attributes:
        g: Conductance, shape `(*batch, *in_size)`, mS.
        pulse_left: Time for which there will still be transmitter, shape `(*batch, *in_size)`, ms.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The spikes have a unit or the wrong shape, or jumps were registered.

    References:
        Destexhe & Paré (1999), J. Neurophysiol. 81, 1531, doi:10.1152/jn.1999.81.4.1531.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_synapses import GABAa
        >>> brainstate.environ.set(dt=1.0 * u.ms)
        >>> synapse = GABAa(1)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(True)
        >>> print(f"{synapse().to_decimal(u.mS)[0]:.4f}")
        0.3795
    """

    alpha: Quantity = param(default=0.53 * PER_MS_MM, constraint=positive, doc="binding rate")
    T: Quantity = param(
        default=1.0 * u.mM, constraint=positive, doc="transmitter during a pulse", after="beta"
    )
    T_dur: Quantity = param(
        default=1.0 * u.ms, constraint=positive, doc="duration of a pulse", after="T"
    )


class BioNMDA(Pulsed):
    r"""NMDA receptor of two stages, opened by transmitter.

    $$
    \frac{dx}{dt} = \alpha_2\,[T]\,(1 - x) - \beta_2\,x, \qquad
    \frac{dg}{dt} = \alpha_1\,x\,(1 - g) - \beta_1\,g
    $$

    where $[T] = T$ for a time $T_\mathrm{dur}$ after a spike and 0 otherwise, as in
    [`AMPA`][brainloom_synapses.AMPA]. $g$ saturates at 1, in its unit. A step is divided where a
    pulse ends; in each part $x$ is exact and $g$ of second order. One per presynaptic neuron, as
    there; combine it with [`MgBlock`][brainloom_synapses.MgBlock]. With the default rates the
    response is right to 0.1 % at 0.1 ms and to 2.5 % at 1 ms.

    Args:
        in_size: Number of presynaptic neurons, or their shape.
        name: Name of the module.
        alpha1: Opening rate $\alpha_1$, 2 / ms; scalar or one per synapse.
        beta1: Closing rate $\beta_1$, 0.01 / ms; scalar or one per synapse.
        alpha2: Binding rate $\alpha_2$, 1 / (ms mM); scalar or one per synapse.
        beta2: Unbinding rate $\beta_2$, 0.5 / ms; scalar or one per synapse.
        T: Concentration of transmitter in a pulse $T$, 1 mM; scalar or one per synapse.
        T_dur: Duration of a pulse $T_\mathrm{dur}$, 0.5 ms; scalar or one per synapse.
        g_initializer: Initial conductance, 0 mS; its unit, whichever it is, is that of $g$.
        x_initializer: Initial binding, 0; a constant, an array or a function of the shape.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`.

    Attributes:
        x: Binding, shape `(*batch, *in_size)`, no unit.
        g: Conductance, shape `(*batch, *in_size)`, mS.
        pulse_left: Time for which there will still be transmitter, shape `(*batch, *in_size)`, ms.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The spikes have a unit or the wrong shape, or jumps were registered.

    References:
        Ermentrout & Terman (2010), Mathematical Foundations of Neuroscience, chapter 7,
        doi:10.1007/978-0-387-87708-2.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_synapses import BioNMDA
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> synapse = BioNMDA(1)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(True)
        >>> g = brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(300))
        >>> print(f"{g.max().to_decimal(u.mS):.3f}")
        0.754
    """

    alpha1: Quantity = param(default=2.0 * PER_MS, constraint=positive, doc="opening rate")
    beta1: Quantity = param(default=0.01 * PER_MS, constraint=positive, doc="closing rate")
    alpha2: Quantity = param(default=1.0 * PER_MS_MM, constraint=positive, doc="binding rate")
    beta2: Quantity = param(default=0.5 * PER_MS, constraint=positive, doc="unbinding rate")
    T: Quantity = param(
        default=1.0 * u.mM, constraint=positive, doc="transmitter during a pulse", after="beta2"
    )
    T_dur: Quantity = param(
        default=0.5 * u.ms, constraint=positive, doc="duration of a pulse", after="T"
    )
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    x_initializer: Initializer = initializer(default=0.0)
    g = state("g_initializer", "conductance")
    x = state("x_initializer", "binding")

    def dg(self, g: Quantity, x: Quantity) -> Quantity:
        return self.alpha1 * x * (1.0 * u.get_unit(g) - g) - self.beta1 * g

    def dx(self, x: Quantity, pulse_left: Quantity) -> Quantity:
        return self.alpha2 * self._transmitter(pulse_left) * (1.0 - x) - self.beta2 * x


class NMDA(Presynaptic):
    r"""NMDA receptor of cortical network models, which saturates at high rates.

    $$
    \frac{dx}{dt} = -\frac{x}{\tau_r}, \qquad
    \frac{dg}{dt} = -\frac{g}{\tau_d} + \alpha\,x\,(1 - g), \qquad
    x \leftarrow x + 1 \ \text{at a spike}
    $$

    $g$, often called $s$, saturates at 1, in its unit: give it the maximal conductance by the
    weight of the connection, and combine it with [`MgBlock`][brainloom_synapses.MgBlock]. $x$ takes
    any number as `pre_spike` (two spikes, or the part of a release), but $g$ is not linear in it:
    the synapse is one per presynaptic neuron (AlignPre), and not for AlignPost. $x$ is exact, $g$
    of second order: with the default rates it is right to 0.02 % at 0.1 ms and to 1.3 % at 1 ms.

    Args:
        in_size: Number of presynaptic neurons, or their shape.
        name: Name of the module.
        tau_decay: Decay time constant $\tau_d$, 100 ms; scalar or one per synapse.
        tau_rise: Rise time constant $\tau_r$, 2 ms; scalar or one per synapse.
        alpha: Opening rate $\alpha$, 0.5 / ms; scalar or one per synapse.
        g_initializer: Initial conductance, 0 mS; its unit, whichever it is, is that of $g$.
        x_initializer: Initial value of $x$, 0; a constant, an array or a function of the shape.
        solver: Time-stepping scheme, `"auto"`: `exp_strang`.

    Attributes:
        x: Rising stage just after this step's spikes, shape `(*batch, *in_size)`, no unit.
        g: Conductance, shape `(*batch, *in_size)`, mS.

    Raises:
        ParameterError: A parameter has the wrong unit, shape or range.
        InputError: The spikes have a unit or the wrong shape, or jumps were registered.

    References:
        Wang (1999), J. Neurosci. 19, 9587, doi:10.1523/JNEUROSCI.19-21-09587.1999; Brunel & Wang
        (2001), J. Comput. Neurosci. 11, 63, doi:10.1023/A:1011204814320; Wang (2002), Neuron 36,
        955, doi:10.1016/S0896-6273(02)01092-9.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_synapses import NMDA
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> synapse = NMDA(1)
        >>> _ = brainstate.nn.init_all_states(synapse)
        >>> _ = synapse(True)
        >>> g = brainstate.transform.for_loop(lambda i: synapse(), jnp.arange(300))
        >>> print(f"{g.max().to_decimal(u.mS):.3f}")
        0.592
    """

    tau_decay: Quantity = param(
        default=100.0 * u.ms, constraint=positive, doc="decay time constant"
    )
    tau_rise: Quantity = param(default=2.0 * u.ms, constraint=positive, doc="rise time constant")
    alpha: Quantity = param(default=0.5 * PER_MS, constraint=positive, doc="opening rate")
    g_initializer: Initializer = initializer(default=0.0 * u.mS, unit=ANY_UNIT)
    x_initializer: Initializer = initializer(default=0.0)
    g = state("g_initializer", "conductance", slow=True)
    x = state("x_initializer", "rising stage")

    def dg(self, g: Quantity, x: Quantity) -> Quantity:
        return self.alpha * x * (1.0 * u.get_unit(g) - g) - g / self.tau_decay

    def dx(self, x: Quantity) -> Quantity:
        return -x / self.tau_rise

    def update(self, pre_spike: Array | None = None) -> Quantity:
        """Advance by one step, add the spikes to x, return the conductance.

        Args:
            pre_spike: Presynaptic spikes, shape `(*batch, *in_size)`; None for none.
        """
        spike = self._arriving(pre_spike)
        y = self.flow(self.state_values(), current_dt())
        self.assign_states({**y, "x": y["x"] + spike})
        return self.call_equation("conductance", self.state_values())

    @staticmethod
    def semantics(source: Synapse | type[Synapse]) -> dict[str, str]:
        return {
            "jump": "a spike is added to x after the step",
            "normalization": "saturates at 1 of the unit of g",
        }
