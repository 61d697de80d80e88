"""`AlignPreProj`: one synaptic state per presynaptic neuron."""

from collections.abc import Callable

import brainstate
import brainunit as u
from brainloom_core import (
    Descriptor,
    Dynamics,
    Synapse,
    SynOut,
    View,
)
from brainloom_core.drivers import drives
from brainloom_core.types import Array, Quantity, Time
from brainloom_core.units import to_number

from ..parts.from_modules import FromModules
from ..parts.parts import Port, Timing, key_in, made, neurons_of, stepped
from ..parts.units import (
    check_output_unit,
    conductance_unit,
    warn_of_negative_weights,
    weight_unit,
)
from ..types import Described

__all__ = ["AlignPreProj", "align_pre_projection"]


class AlignPreProj(FromModules):
    r"""Projection with one synaptic state per presynaptic neuron.

    All synapses that a neuron makes see the same spikes. If they have the same parameters, they
    have the same state $g_i$, whatever the kinetics, linear or not:

    $$
    \dot g_i = f(g_i, s_i), \qquad G_j = \sum_i w_{ij}\,g_i
    $$

    so one state per presynaptic neuron is exact. The connectivity is applied to the conductance
    in every step, and not only at spikes, which costs more than `AlignPostProj` where that is
    exact too. During a step the conductance acts with its mean over the step.

    A spike adds 1, in the unit of the synapse, to a synapse with jumps; kinetics that take spikes
    (or the presynaptic potential) are called with them. The total has the unit of the weights;
    where they have none, that of the synapse. `AlignPreProj` and `AlignPostProj` with the same
    arguments thus do the same for a linear synapse.

    Args:
        spike_generator: Where the spikes come from: functions, modules or states, each called
            with the result of the one before; a call of the projection passes its arguments to
            the first. An event array is taken for its values.
        syn: A synapse, described or an instance with the size of the presynaptic population. The
            projection advances it, unless it is one that the presynaptic population runs,
            `pre.align_pre(...)`, which any number of projections can use.
        comm: The connectivity: linear; takes one value per presynaptic neuron, gives what reaches
            each postsynaptic one.
        out: A synaptic output, described or as an instance.
        post: The postsynaptic population.
        stp: Short-term plasticity, described or an instance with the size of the presynaptic
            population, one for each projection; what it releases takes the place of the spikes.
        label: Name under which the current is registered, for `sum_current_inputs(label=...)`.
        delay: Delay from a spike to its effect, None for none: a time, at least zero, in steps
            `round(delay / dt)`; a scalar, one per presynaptic neuron or, with a stored
            `Connection`, one per edge; may be trainable, a `brainstate.ParamState`. A delay of the
            connection is used too.
        max_delay: Longest delay, needed where it is trained.
        interpolate: Whether a delay between two steps is taken as it is, by two parts of each
            spike, False.

    Attributes:
        syn: The synapse.
        out: The output.
        stp: The short-term plasticity, or None.
        delay: The line of delays, or None.

    Raises:
        ParameterError: The delay has the wrong unit, shape or range.
        TypeError: A part is of the wrong kind.
        UnitError: The output does not give what the population takes.
        ValueError: A size does not fit, or an instance belongs to another projection.
        InputError: No spikes were given, or they have the wrong shape; or the projection is
            called twice before the population.

    References:
        Lytton (1996), Neural Comput. 8, 501, doi:10.1162/neco.1996.8.3.501.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_synapses import AMPA, COBA
        >>> from brainloom_projections import AlignPreProj, Bernoulli, Connection
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> post = LIF(50, R=1 * u.Mohm, V_rest=-60 * u.mV, V_th=-50 * u.mV, V_reset=-60 * u.mV,
        ...            V_initializer=-60 * u.mV)
        >>> proj = AlignPreProj(
        ...     comm=Connection(100, 50, Bernoulli(0.1), weight=6.0 * u.nS, seed=1),
        ...     syn=AMPA.desc(), out=COBA.desc(E=0 * u.mV), post=post)
        >>> _ = brainstate.nn.init_all_states([proj, post])
        >>> proj(jnp.ones(100, bool))
        >>> _ = post()
        >>> proj.syn.g.value.shape
        (100,)
    """

    def __init__(
        self,
        *spike_generator: Callable[..., Quantity] | brainstate.State,
        syn: Described,
        comm: Callable[..., Quantity],
        out: Described,
        post: Dynamics | View,
        stp: Described | None = None,
        label: str | None = None,
        delay: Time | None = None,
        max_delay: Time | None = None,
        interpolate: bool = False,
    ) -> None:
        super().__init__(
            *spike_generator,
            comm=comm,
            post=post,
            label=label,
            stp=stp,
            timing=Timing.of(delay, max_delay, interpolate),
        )
        kinds = brainstate.nn.Dynamics, SynOut
        for part, got, kind, words in zip(
            ("syn", "out"), (syn, out), kinds, ("a synapse", "a synaptic output"), strict=True
        ):
            right = issubclass(got.cls, kind) if isinstance(got, Descriptor) else None
            self._check_kind(part, isinstance(got, kind) if right is None else right, got, words)
        self._runs_with_pre = self._is_run_by_a_source(syn)
        if self._runs_with_pre:
            if self.stp is not None:
                raise ValueError(
                    "AlignPreProj.stp: the presynaptic population runs this synapse on its spikes, "
                    "so that stp would have no effect; give the synapse as a description"
                )
            self.syn = syn
        else:
            self.syn = made(syn, self.name, "syn", **self._pre_size("syn", syn))
        self._check_pre_size("syn", self.syn)
        self.out = made(out, self.name, "out")
        warn_of_negative_weights("AlignPreProj", self.comm, self.out)
        check_output_unit("AlignPreProj", self.out, self._total_unit(), post)
        self._port = Port(self.out)
        self._port.attach(post, key_in(post, self), label)
        drives(self, neurons_of(post))

    def update(self, *args: Array) -> None:
        """Advance the synapse by the spikes, given or of the modules, and deliver its mean.

        Args:
            args: The spikes, shape `(*batch, *pre.in_size)`, where there are no presynaptic
                modules; else what the first of these takes, nothing for `pop.get_spike`.
        """
        self._port.require_free(self.name)
        if self._runs_with_pre:
            g = self.syn.mean_conductance()
        else:
            g = stepped(self.syn, *self._for_synapse(self._emitted(args)))
        unit = u.get_unit(g)
        total = self._delivered(to_number(g, unit))
        has_unit = u.get_unit(total) != u.UNITLESS
        self._port.bind(total if has_unit else total * (1.0 * unit))

    def _for_synapse(self, args: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
        """The spikes, in the unit of the state that they increment."""
        takes_jumps = isinstance(self.syn, Synapse) and self.syn.input_as_declared
        if not takes_jumps or isinstance(args[0], u.Quantity):
            return args
        unit = u.get_unit(getattr(self.syn, self.syn.jump_states[0]).value)
        return (args[0] * (1.0 * unit),)

    def _is_run_by_a_source(self, syn: object) -> bool:
        if not isinstance(syn, Synapse):
            return False
        hooks = getattr(self._source(), "after_updates", None) or {}
        return syn.described is not None or any(hook is syn for hook in hooks.values())

    def _total_unit(self) -> u.Unit | None:
        unit = weight_unit(self.comm)
        return conductance_unit(self.syn) if unit == u.UNITLESS else unit


# The name of brainpy.state.
align_pre_projection = AlignPreProj
