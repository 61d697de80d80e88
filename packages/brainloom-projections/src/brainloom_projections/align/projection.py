"""Projections: from presynaptic spikes to an input of the postsynaptic population."""

from collections.abc import Callable

import brainstate
import brainunit as u
from brainloom_core import (
    AlignPost,
    Descriptor,
    Dynamics,
    Neuron,
    Synapse,
    SynOut,
    View,
)
from brainloom_core.types import Array, Quantity, Time
from brainloom_core.units import to_number

from ..connection.connection import Connection
from ..parts.from_modules import FromModules
from ..parts.parts import (
    Port,
    Timing,
    check_output_unit,
    conductance_unit,
    made,
    neurons_of,
    state_unit,
    weight_unit,
)
from ..types import Described

__all__ = [
    "AlignPostProj",
    "AlignPreProj",
    "CurrentProj",
    "DeltaProj",
    "align_post_projection",
    "align_pre_projection",
]


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
            timing=Timing(delay, max_delay, interpolate),
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
            self._port.attach(post, self.name, label)

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
        self._port.bind(_step(self.syn))

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
        check_output_unit("AlignPostProj", self.out, conductance_unit(self.syn), self.post)


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
            timing=Timing(delay, max_delay, interpolate),
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
        check_output_unit("AlignPreProj", self.out, self._total_unit(), post)
        self._port = Port(self.out)
        self._port.attach(post, self.name, label)

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
            g = _step(self.syn, *self._for_synapse(self._emitted(args)))
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


class CurrentProj(FromModules):
    r"""Projection of a conductance that is computed elsewhere.

    $$
    I_j = \mathrm{out}\Big(\sum_i w_{ij}\,g_i,\; V_j\Big)
    $$

    It has no synapse of its own: the values that come from `prefetch`, usually the state of a
    synapse with one state per presynaptic neuron, go through the connectivity to the output, and
    act, as they are, during the step. (`synapse.mean_conductance` as the source gives the mean
    over the step instead of the value at its start.)

    Args:
        prefetch: Where the conductance comes from, such as `synapse.prefetch("g")`: functions,
            modules or states, each called with the result of the one before; a call of the
            projection passes its arguments to the first.
        comm: The connectivity: takes one value per presynaptic neuron, gives what reaches each
            postsynaptic one.
        out: A synaptic output, described or as an instance.
        post: The postsynaptic population.
        label: Name under which the current is registered, for `sum_current_inputs(label=...)`.
        delay: Delay of the conductance, None for none: a time, at least zero; a scalar, one per
            presynaptic neuron or, with a stored `Connection`, one per edge; may be trainable, a
            `brainstate.ParamState`. A delay of the connection is used too.
        max_delay: Longest delay, needed where it is trained.
        interpolate: Whether a delay between two steps is taken as it is, True; otherwise it is
            `round(delay / dt)` steps.

    Attributes:
        out: The output.
        delay: The line of delays, or None.

    Raises:
        ParameterError: The delay has the wrong unit, shape or range.
        TypeError: A part is of the wrong kind.
        UnitError: The output does not give what the population takes.
        ValueError: A size does not fit the population, or the output belongs to another
            projection.
        InputError: There is no conductance, it has the wrong shape, or the projection is called
            twice before the population.

    References:
        Lytton (1996), Neural Comput. 8, 501, doi:10.1162/neco.1996.8.3.501.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_synapses import COBA, Expon
        >>> from brainloom_projections import AllToAll, Connection, CurrentProj
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> syn, post = Expon(4, tau=5 * u.ms), LIF(2, V_th=20 * u.mV)
        >>> proj = CurrentProj(syn.prefetch("g"), comm=Connection(4, 2, AllToAll(), weight=0.5),
        ...                    out=COBA(E=10 * u.mV), post=post)
        >>> _ = brainstate.nn.init_all_states([syn, proj, post])
        >>> _ = syn(1.0 * u.mS)
        >>> proj()
        >>> _ = post()
        >>> print((post.V.value > 0 * u.mV))
        [ True  True]
    """

    _arrives = "conductance"

    def __init__(
        self,
        *prefetch: Callable[..., Quantity] | brainstate.State,
        comm: Callable[..., Quantity],
        out: Described,
        post: Dynamics | View,
        label: str | None = None,
        delay: Time | None = None,
        max_delay: Time | None = None,
        interpolate: bool = True,
    ) -> None:
        super().__init__(
            *prefetch,
            comm=comm,
            post=post,
            label=label,
            timing=Timing(delay, max_delay, interpolate),
        )
        right = isinstance(out, SynOut)
        if isinstance(out, Descriptor):
            right = issubclass(out.cls, SynOut)
        self._check_kind("out", right, out, "a synaptic output")
        self.out = made(out, self.name, "out")
        check_output_unit("CurrentProj", self.out, self._total_unit(), post)
        self._port = Port(self.out)
        self._port.attach(post, self.name, label)

    def update(self, *args: Array) -> None:
        """Deliver the conductance: given, or of the modules.

        Args:
            args: The conductance, shape `(*batch, *pre.in_size)`, where there are no presynaptic
                modules; else what the first of these takes, nothing for one that is a state.
        """
        self._port.require_free(self.name)
        args = self._emitted(args)
        if isinstance(self.comm, Connection) and isinstance(args[0], u.Quantity):
            g = args[0]
            self._port.bind(self._delivered(g.mantissa) * (1.0 * g.unit))
        else:
            self._port.bind(self._delivered(*args))

    def _total_unit(self) -> u.Unit | None:
        last = self.modules[-1] if self.modules else None
        source, item = getattr(last, "module", None), getattr(last, "item", None)
        known = isinstance(source, Synapse) and isinstance(item, str)
        g, weight = state_unit(source, str(item)) if known else None, weight_unit(self.comm)
        return None if g is None or weight is None else u.get_unit((1.0 * g) * (1.0 * weight))


class DeltaProj(FromModules):
    r"""Projection whose spikes make a state of the postsynaptic population jump.

    $$
    V_j \leftarrow V_j + \sum_i w_{ij}\,s_i
    $$

    after the integration of the step in which the spikes arrive, so that the potential jumps at its
    end. With a delay of $n$ steps a spike with the time $T$ changes it at $T + (n + 1)\,\Delta t$,
    which is also when an input through a synapse, which acts from the beginning of
    that step on, is first seen in the potential. (In NEST the potential jumps at $T + d$, with
    $d \ge \Delta t$: its $d$ is $d - \Delta t$ here.)

    Args:
        prefetch: Where the spikes come from, as in `AlignPostProj`.
        comm: The connectivity; its weights have the unit of the state.
        post: The postsynaptic population.
        label: Name under which the jump is registered, for `sum_delta_inputs(label=...)`.
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
        stp: The short-term plasticity, or None.
        delay: The line of delays, or None.

    Raises:
        ParameterError: The delay has the wrong unit, shape or range.
        TypeError: A part is of the wrong kind.
        UnitError: The weights are not of the kind of the state that jumps.
        ValueError: A size does not fit the population, or `stp` belongs to another projection.
        InputError: No spikes were given, or they have the wrong shape.

    References:
        Brunel (2000), J. Comput. Neurosci. 8, 183, doi:10.1023/A:1008925309027.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_neurons import LIF
        >>> from brainloom_projections import Connection, DeltaProj, OneToOne
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> post = LIF(3, V_th=20 * u.mV)
        >>> proj = DeltaProj(comm=Connection(3, 3, OneToOne(), weight=2.0 * u.mV), post=post)
        >>> _ = brainstate.nn.init_all_states(post)
        >>> proj(jnp.array([True, False, True]))
        >>> _ = post()
        >>> print(post.V.value.to_decimal(u.mV))
        [2. 0. 2.]
    """

    def __init__(
        self,
        *prefetch: Callable[..., Quantity] | brainstate.State,
        comm: Callable[..., Quantity],
        post: Dynamics | View,
        label: str | None = None,
        stp: Described | None = None,
        delay: Time | None = None,
        max_delay: Time | None = None,
        interpolate: bool = False,
    ) -> None:
        super().__init__(
            *prefetch,
            comm=comm,
            post=post,
            label=label,
            stp=stp,
            timing=Timing(delay, max_delay, interpolate),
        )
        neurons = neurons_of(post)
        if isinstance(neurons, Neuron) and neurons.input_as_declared:
            what = f"{type(neurons).__name__}.{neurons.jump_state}, which they add to,"
            self._check_weights(state_unit(neurons, neurons.jump_state), what)

    def update(self, *args: Array) -> None:
        """Deliver the spikes: given, or of the presynaptic modules.

        Args:
            args: The spikes, shape `(*batch, *pre.in_size)`, where there are no presynaptic
                modules; else what the first of these takes, nothing for `pop.get_spike`.
        """
        x = self._delivered(*self._emitted(args))
        self.post.add_delta_input(self.name, x, self.label)


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
        self.out.bind_cond(_step(self.syn))


def _step(syn: brainstate.nn.Module, *args: Array) -> Quantity:
    """Advance a synapse, and return what drives the membrane during the next step."""
    return syn.step(*args) if isinstance(syn, Synapse) else syn(*args)


# The names of brainpy.state.
align_post_projection = AlignPostProj
align_pre_projection = AlignPreProj
