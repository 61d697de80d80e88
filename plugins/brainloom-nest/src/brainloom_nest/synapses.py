"""Synapses by NEST's names: a weight's sign chooses the port, and a spike acts after the delay."""

from typing import Any

import brainunit as u
import numpy as np
from brainloom_core import Descriptor, InputError, Neuron, ParameterError
from brainloom_core.context import current_dt
from brainloom_core.types import Array, Quantity, Time
from brainloom_core.units import dimension_name, same_dimension, show
from brainloom_projections import STP, Connection, DeltaProj, Edges, Projection, Rule
from brainloom_projections.types import EdgeValue

__all__ = ["static_synapse", "tsodyks2_synapse"]

LATE = 1e-6  # of a step, what rounding may do to a delay


class static_synapse(Projection):
    r"""Synapses onto neurons of this package, with NEST's rules for weights and delays.

    $$
    x_j \leftarrow x_j + \sum_i w_{ij}\,s_i(t - d_{ij})
    $$

    where $x$ is the state that the sign of $w_{ij}$ chooses: port `"ex"` for positive weights,
    `"in"` for negative ones, of which a conductance takes the size. A spike at $T$ acts from
    $T + d$ on; where NEST lets it act at $T + d$ itself, as on the potential of `iaf_psc_delta`,
    the step has to be set before, `brainstate.environ.set(dt=...)`.

    Args:
        pre: The presynaptic population, or its size if the spikes are given in each call.
        post: The postsynaptic population.
        connectivity: A rule such as `FixedTotalNumber(1000)`, or `Edges`.
        weight: Weights, in the unit of the neuron's ports: pA, nS or mV; as for `Connection`.
        delay: Delays, 1 ms, at least a step in NEST; as for `Connection`.
        receptor_type: Name of the port of all synapses, whatever the sign; None, the default, for
            that of the sign.
        seed: Seed of random connectivity; None draws one from `brainstate.random`.

    Attributes:
        excitatory: The projection of positive weights, or None.
        inhibitory: The projection of negative weights, or None.

    Raises:
        ParameterError: A delay is shorter than a step where a spike acts on arrival, or None; or
            the weights are not of the kind of what they raise.
        InputError: The step is not set where it is needed, or is another one in the run; or there
            is no such port.

    References:
        Gewaltig & Diesmann (2007), Scholarpedia 2(4), 1430, doi:10.4249/scholarpedia.1430.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_nest import iaf_psc_exp, static_synapse
        >>> from brainloom_projections import AllToAll
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> post = iaf_psc_exp(2)
        >>> weights = jnp.array([100.0, 100.0, -50.0, -50.0]) * u.pA
        >>> synapses = static_synapse(2, post, AllToAll(), weight=weights, delay=0.1 * u.ms)
        >>> _ = brainstate.nn.init_all_states([post, synapses])
        >>> for _ in range(2):
        ...     synapses(jnp.ones(2))
        ...     _ = post()
        >>> print(post.I_syn_ex.value.to_decimal(u.pA).round(), "pA")
        [95. 95.] pA
        >>> print(post.I_syn_in.value.to_decimal(u.pA).round(), "pA")
        [-48. -48.] pA
    """

    def __init__(
        self,
        pre: Any,
        post: Neuron,
        connectivity: Rule | Edges | str,
        *,
        weight: EdgeValue,
        delay: EdgeValue = 1.0 * u.ms,
        receptor_type: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self.excitatory: DeltaProj | None = None
        self.inhibitory: DeltaProj | None = None
        self.step: Time | None = None
        if delay is None:
            raise ParameterError(f"{type(self).__name__}.delay: expected a time, got None")
        whole = Connection(pre, post, connectivity, weight, delay=delay, seed=seed)
        weights = _numbers(whole.weight)
        _check_unit(type(self).__name__, post, receptor_type, whole.unit)
        lead = self._lead(post)
        for name, port, chosen in (
            ("excitatory", "ex", weights >= 0),
            ("inhibitory", "in", weights < 0),
        ):
            if receptor_type is not None or not post.ports:
                chosen = np.full_like(chosen, name == "excitatory")
            label = port if receptor_type is None and post.ports else receptor_type
            if np.any(chosen):
                size = label == "in" and getattr(post, "inhibits_by_size", False)
                comm = _part(whole, pre, post, chosen, -1.0 if size else 1.0, lead)
                spikes = () if isinstance(pre, int) else (pre.get_spike,)
                setattr(self, name, self._projection(*spikes, comm=comm, post=post, label=label))

    def _projection(self, *spikes: Any, **parts: Any) -> DeltaProj:
        return DeltaProj(*spikes, **parts)

    def _lead(self, post: Neuron) -> Time:
        """By how much a spike acts earlier than a jump of ours does."""
        if not getattr(post, "acts_on_arrival", False):
            return 0.0 * u.ms
        self.step = current_dt()
        return self.step

    def update(self, *args: Array) -> None:
        """Deliver this step's spikes: those of `pre`, or the given ones.

        Args:
            args: The spikes, shape `(*batch, *pre.in_size)`; none for those of `pre`.
        """
        if self.step is not None and abs(self.step / current_dt() - 1.0) > LATE:
            raise InputError(
                f"{type(self).__name__}: it was made for a step of {show(self.step)} and runs with "
                f"{show(current_dt())}; set the step before it is made"
            )
        for projection in (self.excitatory, self.inhibitory):
            if projection is not None:
                projection(*args)


class tsodyks2_synapse(static_synapse):
    r"""Synapses with short-term plasticity, with the names and rules of NEST.

    $$
    \frac{du}{dt} = -\frac{u}{\tau_\mathrm{fac}}, \qquad
    \frac{dx}{dt} = \frac{1 - x}{\tau_\mathrm{rec}}
    $$

    and at a spike $u \leftarrow u + U (1 - u)$; it is sent with the weight $w\,u\,x$, and then
    $x \leftarrow x - u\,x$. This is [`STP`][brainloom_projections.STP], one for each presynaptic
    neuron. NEST's `u`, the value at the first spike, is `U` here.

    Args:
        pre: The presynaptic population, or its size if the spikes are given in each call.
        post: The postsynaptic population.
        connectivity: A rule such as `FixedTotalNumber(1000)`, or `Edges`.
        weight: Weights, in the unit of the neuron's ports: pA, nS or mV; as for `Connection`.
        delay: Delays, 1 ms, at least a step in NEST; as for `Connection`.
        U: Utilisation of a first spike $U$, 0.5; scalar or one per presynaptic neuron.
        tau_rec: Time constant of recovery $\tau_\mathrm{rec}$, 800 ms.
        tau_fac: Time constant of facilitation $\tau_\mathrm{fac}$, 0 ms.
        receptor_type: Name of the port of all synapses, whatever the sign; None, the default, for
            that of the sign.
        seed: Seed of random connectivity; None draws one from `brainstate.random`.

    Attributes:
        excitatory: The projection of positive weights, or None.
        inhibitory: The projection of negative weights, or None.

    Raises:
        ParameterError: A delay is shorter than a step where a spike acts on arrival; or the
            weights are not of the kind of what they raise; or a parameter is out of its range.
        InputError: The step is not set where it is needed, or is another one in the run; or there
            is no such port.

    References:
        Tsodyks, Pawelzik & Markram (1998), Neural Comput. 10, 821,
        doi:10.1162/089976698300017502.

    Examples:
        >>> import brainstate, brainunit as u, jax.numpy as jnp
        >>> from brainloom_nest import iaf_psc_exp, tsodyks2_synapse
        >>> from brainloom_projections import OneToOne
        >>> brainstate.environ.set(dt=0.1 * u.ms)
        >>> post = iaf_psc_exp(1)
        >>> synapse = tsodyks2_synapse(1, post, OneToOne(), weight=8.0 * u.pA, U=0.25)
        >>> _ = brainstate.nn.init_all_states([post, synapse])
        >>> synapse(jnp.ones(1))
        >>> print(synapse.excitatory.stp.x.value)  # what the spike has left
        [0.75]
    """

    def __init__(
        self,
        pre: Any,
        post: Neuron,
        connectivity: Rule | Edges | str,
        *,
        weight: EdgeValue,
        delay: EdgeValue = 1.0 * u.ms,
        U: Any = 0.5,
        tau_rec: Time = 800.0 * u.ms,
        tau_fac: Time = 0.0 * u.ms,
        receptor_type: str | None = None,
        seed: int | None = None,
    ) -> None:
        # Before the projections are made, which take it.
        self._plasticity: Descriptor = STP.desc(U=U, tau_d=tau_rec, tau_f=tau_fac, towards="zero")
        super().__init__(
            *(pre, post, connectivity),
            weight=weight,
            delay=delay,
            receptor_type=receptor_type,
            seed=seed,
        )

    def _projection(self, *spikes: Any, **parts: Any) -> DeltaProj:
        return DeltaProj(*spikes, **parts, stp=self._plasticity)


def _part(
    whole: Connection, pre: Any, post: Neuron, chosen: np.ndarray, factor: float, lead: Time
) -> Connection:
    """The edges of one sign, as a connection of its own."""
    edges, weight = whole.edges, factor * _numbers(whole.weight)
    delay = np.asarray((_value(whole.delay) - lead).to_decimal(u.ms))
    if np.any(delay < -LATE):
        raise ParameterError(
            f"static_synapse.delay: expected at least a step, {show(lead)}, got "
            f"{show(_value(whole.delay))}"
        )
    delay = np.maximum(delay, 0.0)
    keep = np.flatnonzero(np.broadcast_to(chosen, len(edges)))
    weight, delay = (x if np.ndim(x) == 0 else x[keep] for x in (weight, delay))
    return Connection.from_pairs(
        *(edges.pre[keep], edges.post[keep], u.Quantity(weight, unit=whole.unit)),
        sizes=(pre, post),
        delay=u.Quantity(delay, unit=u.ms),
    )


def _value(held: Any) -> Quantity:
    return getattr(held, "value", held)


def _numbers(held: Any) -> np.ndarray:
    """The numbers on the host, where to choose some of them compiles nothing."""
    return np.asarray(u.get_mantissa(_value(held)))


def _check_unit(who: str, post: Neuron, port: str | None, unit: u.Unit) -> None:
    """Refuse weights that cannot be added to what they raise."""
    for label in (port,) if port is not None else tuple(post.ports) or (None,):
        name = post.state_of_jump(label)
        needed = post.declared_states()[name].initial
        if callable(needed) and not same_dimension(1.0 * unit, needed(post, ())):
            raise ParameterError(
                f"{who}.weight: expected {dimension_name(needed(post, ()))}, as {name} is, got "
                f"{dimension_name(1.0 * unit)}"
            )
