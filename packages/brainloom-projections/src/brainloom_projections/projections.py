"""Projections: from presynaptic spikes to an input of the postsynaptic population."""

from collections.abc import Callable
from typing import Any

import brainstate
import numpy as np
from brainloom_core import AlignPost, Descriptor, Dynamics, InputError, Projection, Synapse, SynOut
from brainloom_core.units import show

__all__ = ["AlignPostProj", "DeltaProj"]


class _FromModules(Projection):
    """What the projections share: the chain of presynaptic modules, and checks of its ends."""

    def __init__(
        self, *modules: Any, comm: Callable[..., Any], post: Dynamics, label: str | None
    ) -> None:
        super().__init__(name=brainstate.util.get_unique_name(type(self).__name__))
        kind = type(self).__name__
        if not callable(comm):
            raise TypeError(f"{kind}.comm: expected a module or function, got {show(comm)}")
        if not isinstance(post, Dynamics):
            raise TypeError(f"{kind}.post: expected a population, got {show(post)}")
        for module in modules:
            if not callable(module) and not isinstance(module, brainstate.State):
                raise TypeError(
                    f"{kind}: expected modules, functions or states before the keywords, got "
                    f"{show(module)}"
                )
        self._check_size("comm", getattr(comm, "out_size", None), post)
        self.modules, self.comm, self.post, self.label = modules, comm, post, label

    def _arriving(self, args: tuple[Any, ...]) -> Any:
        """What the connectivity makes of this step's spikes."""
        for module in self.modules:
            out = module.value if isinstance(module, brainstate.State) else module(*args)
            args = (out,)
        if not args:
            raise InputError(
                f"{self.name}: no spikes. Call it with them, proj(spikes), or construct it with "
                "their source, for example AlignPostProj(pop.get_spike, comm=...)"
            )
        x = self.comm(*args)
        if (found := np.shape(x)[-len(self.post.in_size) :]) != self.post.in_size:
            raise InputError(
                f"{self.name}: comm gives shape {np.shape(x)}, but the postsynaptic "
                f"{type(self.post).__name__} has {self.post.in_size}; {found} does not fit"
            )
        return x

    def _check_size(self, part: str, size: Any, post: Dynamics) -> None:
        if size is not None and tuple(size) != tuple(post.in_size):
            raise ValueError(
                f"{type(self).__name__}.{part}: its size {tuple(size)} is not that of the "
                f"postsynaptic {type(post).__name__}, {tuple(post.in_size)}"
            )


class AlignPostProj(_FromModules):
    r"""Projection with one synaptic state per postsynaptic neuron.

    For a synapse that is linear in its input, the sum over all synapses of a neuron obeys the
    equation of a single one, so memory is $O(N)$ and the result exact:

    $$
    \dot g_j = f(g_j) \quad \text{and at spikes} \quad g_j \leftarrow g_j + \sum_i w_{ij}\,s_i
    $$

    With descriptions (`syn=Expon.desc(...)`, `out=COBA.desc(...)`), all projections onto a
    population whose descriptions mean the same share one synapse and one output, which the
    population advances when it is called. With instances, the projection owns and advances
    them. During a step the conductance acts with its mean over the step, so that the charge of
    a postsynaptic potential does not depend on `dt`.

    Args:
        modules: Where the spikes come from: functions, modules or states, each called with the
            result of the one before; a call of the projection passes its arguments to the first.
        comm: The connectivity: takes spikes, gives what reaches each postsynaptic neuron.
        syn: A synapse marked `AlignPost`, described or (with `out` too) as an instance.
        out: A synaptic output, described or as an instance.
        post: The postsynaptic population.
        label: Name under which the current is registered, for `sum_current_inputs(label=...)`.

    Attributes:
        syn: The synapse, shared or own.
        out: The output, shared or own.
        merging: Whether they are shared.

    Raises:
        TypeError: A part is of the wrong kind, or one of `syn` and `out` is described and the
            other is not.
        ValueError: A size does not fit the population.
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
        *modules: Any,
        comm: Callable[..., Any],
        syn: Any,
        out: Any,
        post: Dynamics,
        label: str | None = None,
    ) -> None:
        super().__init__(*modules, comm=comm, post=post, label=label)
        self.merging = isinstance(syn, Descriptor)
        if self.merging != isinstance(out, Descriptor):
            raise TypeError(
                "AlignPostProj: syn and out must both be descriptions (Expon.desc(...), "
                "COBA.desc(...)) or both be instances"
            )
        if self.merging:
            self._check_kind("syn", issubclass(syn.cls, AlignPost), syn, "an AlignPost synapse")
            self._check_kind("out", issubclass(out.cls, SynOut), out, "a synaptic output")
            self.syn, self.out = self._shared(syn, out)
        else:
            self._check_kind("syn", isinstance(syn, brainstate.nn.Dynamics), syn, "a synapse")
            self._check_kind("out", isinstance(out, SynOut), out, "a synaptic output")
            self._check_size("syn", syn.in_size, post)
            self.syn, self.out = syn, out
            post.add_current_input(self.name, out, label)

    def update(self, *args: Any) -> None:
        """Deliver the spikes: given, or of the presynaptic modules."""
        self.syn.add_delta_input(self.name, self._arriving(args))
        if not self.merging:
            _advance(self.syn, self.out)

    def _shared(self, syn: Descriptor, out: Descriptor) -> tuple[Any, Any]:
        syn = syn.with_defaults(in_size=self.post.in_size)
        stages = self.post.before_updates or {}
        for stage in stages.values():
            if isinstance(stage, _SharedSynapse) and stage.means(syn, out, self.label):
                return stage.syn, stage.out
        stage = _SharedSynapse(syn, out, self.label)
        self._check_size("syn", stage.syn.in_size, self.post)
        prefix = f"{self.label}_" if self.label else ""
        key = f"{prefix}{syn.cls.__name__}_{out.cls.__name__}_{len(stages)}"
        self.post.add_before_update(key, stage)
        self.post.add_current_input(key, stage.out, self.label)
        return stage.syn, stage.out

    def _check_kind(self, part: str, right: bool, got: Any, expected: str) -> None:
        if not right:
            raise TypeError(f"AlignPostProj.{part}: expected {expected}, got {show(got)}")


class DeltaProj(_FromModules):
    r"""Projection whose spikes make a state of the postsynaptic population jump.

    $$
    V_j \leftarrow V_j + \sum_i w_{ij}\,s_i
    $$

    after the integration of the step in which the spikes arrive.

    Args:
        prefetch: Where the spikes come from, as in `AlignPostProj`.
        comm: The connectivity; its weights have the unit of the state.
        post: The postsynaptic population.
        label: Name under which the jump is registered, for `sum_delta_inputs(label=...)`.

    Raises:
        TypeError: A part is of the wrong kind.
        ValueError: A size does not fit the population.
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
        *prefetch: Any,
        comm: Callable[..., Any],
        post: Dynamics,
        label: str | None = None,
    ) -> None:
        super().__init__(*prefetch, comm=comm, post=post, label=label)

    def update(self, *args: Any) -> None:
        """Deliver the spikes: given, or of the presynaptic modules."""
        self.post.add_delta_input(self.name, self._arriving(args), self.label)


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
        _advance(self.syn, self.out)


def _advance(syn: Any, out: SynOut) -> None:
    out.bind_cond(syn.step() if isinstance(syn, Synapse) else syn())
