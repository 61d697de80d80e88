"""`AlignPostProj`: one synaptic state per postsynaptic neuron."""

from collections.abc import Callable

import brainstate
from brainloom_core import (
    AlignPost,
    Descriptor,
    Dynamics,
    SynOut,
    View,
)
from brainloom_core.drivers import drives
from brainloom_core.types import Array, Quantity, Time

from ..parts.from_modules import FromModules
from ..parts.parts import Port, Timing, key_in, made, neurons_of, stepped
from ..parts.units import (
    check_output_unit,
    conductance_unit,
    state_unit,
    warn_of_negative_weights,
)
from ..types import Described

__all__ = ["AlignPostProj", "align_post_projection"]


class AlignPostProj(FromModules):
    r"""Projection with one synaptic state per postsynaptic neuron.

    For a synapse that is linear in its input, the sum over all synapses of a neuron obeys the
    equation of a single one, so memory is $O(N)$ and the result exact:

    $$
    \dot g_j = f(g_j) \quad \text{and at spikes} \quad g_j \leftarrow g_j + \sum_i w_{ij}\,s_i
    $$

    where $s_i$ is 1, the value of a graded spike, or what short-term plasticity releases.

    With descriptions (`syn=Expon.desc(...)`, `out=COBA.desc(...)`), all projections onto a
    population whose descriptions mean the same share one synapse and one output, which the
    population advances when it is called. With instances, the projection owns and advances
    them. During a step the conductance acts with its mean over the step, so that the charge of
    a postsynaptic potential does not depend on `dt`.

    Args:
        modules: Where the spikes come from: functions, modules or states, each called with the
            result of the one before; a call of the projection passes its arguments to the first.
            An event array is taken for its values.
        comm: The connectivity: takes spikes, gives what reaches each postsynaptic neuron.
        syn: A synapse marked `AlignPost`, described or (with `out` too) as an instance.
        out: A synaptic output, described or as an instance.
        post: The postsynaptic population.
        label: Name under which the current is registered, for `sum_current_inputs(label=...)`.
        stp: Short-term plasticity, described or an instance with the size of the presynaptic
            population, one for each projection.
        delay: Delay from a spike to its effect, None for none: a time, at least zero, in steps
            `round(delay / dt)`; a scalar, one per presynaptic neuron or, with a stored
            `Connection`, one per edge; may be trainable, a `brainstate.ParamState`. A delay of the
            connection is used too.
        max_delay: Longest delay, needed where it is trained.
        interpolate: Whether a delay between two steps is taken as it is, by two parts of each
            spike, False.

    Attributes:
        syn: The synapse, shared or own.
        out: The output, shared or own.
        stp: The short-term plasticity, or None.
        delay: The line of delays, or None.
        merging: Whether synapse and output are shared.

    Raises:
        ParameterError: The delay has the wrong unit, shape or range.
        TypeError: A part is of the wrong kind, or one of `syn` and `out` is described and the
            other is not.
        UnitError: The weights cannot be added to the synapse, or the output does not give what
            the population takes.
        ValueError: A size does not fit the population, or an instance belongs to another
            projection.
        InputError: No spikes were given, or they have the wrong shape.

    References:
        The identity is linearity; in use since Rotter & Diesmann (1999), Biol. Cybern. 81, 381,
        doi:10.1007/s004220050570.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_synapses import COBA, Expon
        >>> from brainloom_projections import AlignPostProj, Bernoulli, Connection
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> post = LIF(50, R=1 * u.Mohm, V_rest=-60 * u.mV, V_th=-50 * u.mV, V_reset=-60 * u.mV,
        ...            V_initializer=-60 * u.mV)
        >>> proj = AlignPostProj(
        ...     comm=Connection(100, 50, Bernoulli(0.1), weight=6.0 * u.nS, seed=1),
        ...     syn=Expon.desc(tau=5 * u.ms), out=COBA.desc(E=0 * u.mV), post=post)
        >>> _ = brainstate.nn.init_all_states([proj, post])
        >>> proj(jnp.ones(100, bool))
        >>> _ = post()
        >>> proj.syn.g.value.shape
        (50,)
    """

    def __init__(
        self,
        *modules: Callable[..., Quantity] | brainstate.State,
        comm: Callable[..., Quantity],
        syn: Described,
        out: Described,
        post: Dynamics | View,
        label: str | None = None,
        stp: Described | None = None,
        delay: Time | None = None,
        max_delay: Time | None = None,
        interpolate: bool = False,
    ) -> None:
        super().__init__(
            *modules,
            comm=comm,
            post=post,
            label=label,
            stp=stp,
            timing=Timing.of(delay, max_delay, interpolate),
        )
        self.merging = isinstance(syn, Descriptor)
        if self.merging != isinstance(out, Descriptor):
            raise TypeError(
                "AlignPostProj: syn and out must both be descriptions (Expon.desc(...), "
                "COBA.desc(...)) or both be instances"
            )
        if isinstance(syn, Descriptor) and isinstance(out, Descriptor):
            self._check_kind("syn", issubclass(syn.cls, AlignPost), syn, "an AlignPost synapse")
            self._check_kind("out", issubclass(out.cls, SynOut), out, "a synaptic output")
            stage, known = self._stage(syn, out)
            self.syn, self.out = stage.syn, stage.out
            self._check_units()
            if not known:
                self._attach(stage)
        else:
            self._check_kind("syn", isinstance(syn, brainstate.nn.Dynamics), syn, "a synapse")
            self._check_kind("out", isinstance(out, SynOut), out, "a synaptic output")
            self._check_size("syn", getattr(syn, "in_size", None), post)
            self.syn, self.out = made(syn, self.name, "syn"), made(out, self.name, "out")
            self._check_units()
            self._port = Port(self.out)
            self._port.attach(post, key_in(post, self), label)
        drives(self, neurons_of(post))

    def update(self, *args: Array) -> None:
        """Deliver the spikes: given, or of the presynaptic modules.

        Args:
            args: The spikes, shape `(*batch, *pre.in_size)`, where there are no presynaptic
                modules; else what the first of these takes, nothing for `pop.get_spike`.
        """
        if self.merging:
            self.syn.add_delta_input(self.name, self._delivered(*self._emitted(args)))
            return
        self._port.require_free(self.name)
        self.syn.add_delta_input(self.name, self._delivered(*self._emitted(args)))
        self._port.bind(stepped(self.syn))

    def _stage(self, syn: Descriptor, out: Descriptor) -> tuple["_SharedSynapse", bool]:
        """The synapse and output of these descriptions, and whether the population has them."""
        syn = syn.with_defaults(in_size=self.post.in_size)
        for stage in (self.post.before_updates or {}).values():
            if isinstance(stage, _SharedSynapse) and stage.means(syn, out, self.label):
                return stage, True
        stage = _SharedSynapse(syn, out, self.label)
        self._check_size("syn", stage.syn.in_size, self.post)
        return stage, False

    def _attach(self, stage: "_SharedSynapse") -> None:
        prefix = f"{self.label}_" if self.label else ""
        number = len(self.post.before_updates or {})
        key = f"{prefix}{type(stage.syn).__name__}_{type(stage.out).__name__}_{number}"
        self.post.add_before_update(key, stage)
        self.post.add_current_input(key, stage.out, self.label)

    def _check_units(self) -> None:
        jumping = next(iter(getattr(self.syn, "jump_states", ())), None)
        if jumping is not None and self.syn.input_as_declared:
            what = f"{type(self.syn).__name__}.{jumping}, which they add to,"
            self._check_weights(state_unit(self.syn, jumping), what)
        warn_of_negative_weights("AlignPostProj", self.comm, self.out)
        check_output_unit("AlignPostProj", self.out, conductance_unit(self.syn), self.post)


class _SharedSynapse(brainstate.nn.Module):
    """One synapse and output of a population, advanced before it, for all that mean the same."""

    def __init__(self, syn: Descriptor, out: Descriptor, label: str | None) -> None:
        super().__init__()
        self.described = (syn, out, label)
        self.syn, self.out = syn(), out()

    def means(self, syn: Descriptor, out: Descriptor, label: str | None) -> bool:
        """Whether these descriptions ask for this very synapse and output."""
        return self.described == (syn, out, label)

    def update(self) -> None:
        self.out.bind_cond(stepped(self.syn))


# The name of brainpy.state.
align_post_projection = AlignPostProj
